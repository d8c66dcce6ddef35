/* Proposal strings and their printed forms: strongSwan's (RFC 7296 3.3). */
#include "test_model_util.h"

#include "model/proposal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint8_t proto;
	const char *text, *printed;
} good[] = {
	/* the article's own */
	{PROTO_IKE, "aes256-sha2_256-modp1024!", "IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_1024"},
	{PROTO_ESP, "aes-sha2_256!", "ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ"},
	/* PRFs follow every integrity algorithm; an explicit one stands alone */
	{PROTO_IKE, "aes128-sha1-sha512-modp2048!",
	 "IKE:AES_CBC_128/HMAC_SHA1_96/HMAC_SHA2_512_256/PRF_HMAC_SHA1/PRF_HMAC_SHA2_512/MODP_2048"},
	{PROTO_IKE, "aes128-sha256-prfsha384-ecp256!", "IKE:AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_384/ECP_256"},
	/* AEAD: integrity only lends its PRF */
	{PROTO_IKE, "aes256gcm16-sha256-modp2048!", "IKE:AES_GCM_16_256/PRF_HMAC_SHA2_256/MODP_2048"},
	{PROTO_IKE, "chacha20poly1305-prfsha256-x25519!", "IKE:CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE_25519"},
	{PROTO_ESP, "aes128gcm128-sha256!", "ESP:AES_GCM_16_128/NO_EXT_SEQ"},
	{PROTO_ESP, "aes192gcm8-aes192gcm12!", "ESP:AES_GCM_8_192/AES_GCM_12_192/NO_EXT_SEQ"},
	/* order: types in theirs, algorithms of a type as written; doubles vanish */
	{PROTO_IKE, "modp3072-sha384-aes192-modp2048-aes256-modp3072!",
	 "IKE:AES_CBC_192/AES_CBC_256/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/MODP_3072/MODP_2048"},
	/* what belongs to the other protocol says nothing */
	{PROTO_IKE, "aes128-sha256-modp2048-esn-none!", "IKE:AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"},
	{PROTO_ESP, "aes128-sha256-prfsha512!", "ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ"},
	/* PFS groups, none, ESN */
	{PROTO_ESP, "aes256-sha256-modp4096-none-esn-noesn!",
	 "ESP:AES_CBC_256/HMAC_SHA2_256_128/MODP_4096/NONE/EXT_SEQ/NO_EXT_SEQ"},
	{PROTO_ESP, "aes256ctr-sha512!", "ESP:AES_CTR_256/HMAC_SHA2_512_256/NO_EXT_SEQ"},
	/* blanks, doubled separators, several proposals */
	{PROTO_ESP, " aes128 - sha256 , , aes256--sha512 ,!",
	 "ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ, ESP:AES_CBC_256/HMAC_SHA2_512_256/NO_EXT_SEQ"},
};

static void parse(const char *text, uint8_t proto, struct proposals *p, char *why, size_t cap, bool want)
{
	struct sbuf err = sb_init(why, cap);
	char *copy = text ? test_copy(text) : NULL;
	memset(p, 0xa5, sizeof *p);
	assert_int_equal(proposals_parse(copy, proto, p, &err), want);
	free(copy);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct proposals p;
		char why[256], text[1024];
		struct sbuf out = SB(text);
		parse(good[i].text, good[i].proto, &p, why, sizeof why, true);
		sb_proposals(&out, &p);
		assert_string_equal(text, good[i].printed);
		for (size_t k = 0; k < p.n; k++) {
			assert_int_equal(p.p[k].number, k + 1);
			assert_int_equal(p.p[k].proto, good[i].proto);
			assert_int_equal(p.p[k].spi_len, 0);
		}
	}
}

static const struct {
	uint8_t proto;
	const char *text, *why;
} bad[] = {
	{PROTO_IKE, "aes256-sha256", "has no Diffie-Hellman group"},
	{PROTO_IKE, "aes256-sha256-none!", "has no Diffie-Hellman group"},
	{PROTO_IKE, "aes256gcm16-modp2048", "has no PRF"},
	{PROTO_IKE, "aes256-prfsha256-modp2048", "has no integrity algorithm"},
	{PROTO_IKE, "sha256-modp2048", "has no encryption algorithm"},
	{PROTO_IKE, "aes256-aes256gcm16-sha256-modp2048", "mixes AEAD"},
	{PROTO_ESP, "aes!", "has no integrity algorithm"},
	{PROTO_ESP, "sha256", "has no encryption algorithm"},
	{PROTO_ESP, "aes128-sha256,rot13-sha256", "algorithm 'rot13' is not known"},
	{PROTO_ESP, "AES128-sha256", "algorithm 'AES128' is not known"},
	{PROTO_ESP, "aes128-sha256!,aes256-sha256", "algorithm 'sha256!' is not known"},
	{PROTO_ESP, "3des-sha1", "algorithm '3des' is strongSwan's and not in gretel"},
	{PROTO_IKE, "aes128-sha256-mlkem768", "algorithm 'mlkem768' is strongSwan's"},
	{PROTO_ESP, "aes128-sha256\x01", "algorithm 'sha256\\x01' is not known"},
	{PROTO_ESP, "!", "no proposal stands before '!'"},
	{PROTO_ESP, " , !", "no proposal stands before '!'"},
	{PROTO_ESP, "a-b-c-d-e-f", "algorithm 'a' is not known"},
	{PROTO_ESP, "aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,"
	            "aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,aes128-sha256,"
	            "aes128-sha256,aes128-sha256,aes128-sha256!", "more than 16 proposals"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct proposals p;
		char why[256];
		parse(bad[i].text, bad[i].proto, &p, why, sizeof why, false);
		if (!strstr(why, bad[i].why))
			print_error("%s: '%s' has no '%s'\n", bad[i].text, why, bad[i].why);
		assert_non_null(strstr(why, bad[i].why));
	}
}

/* Every algorithm of one type at once must still fit. */
static void test_all_algorithms(void **state)
{
	(void)state;
	char text[1024] = "";
	size_t n, added = 0;
	const struct algo *a = algo_table(&n);
	for (size_t i = 0; i < n; i++) {
		if ((a[i].flags & ALGO_AEAD) || !(a[i].flags & ALGO_IKE))
			continue;
		strncat(text, added++ ? "-" : "", 2);
		strncat(text, a[i].tokens, strcspn(a[i].tokens, " "));
	}
	struct proposals p;
	char why[256];
	parse(text, PROTO_IKE, &p, why, sizeof why, true);
	assert_int_equal(p.p[0].n, added);
}

static void test_defaults(void **state)
{
	(void)state;
	static const char *const printed[] = {
		"IKE:AES_CBC_128/AES_CBC_192/AES_CBC_256/HMAC_SHA2_256_128/HMAC_SHA2_384_192/HMAC_SHA2_512_256/HMAC_SHA1_96/"
		"PRF_HMAC_SHA2_256/PRF_HMAC_SHA2_384/PRF_HMAC_SHA2_512/PRF_HMAC_SHA1/CURVE_25519/ECP_256/ECP_384/ECP_521/"
		"CURVE_448/MODP_3072/MODP_4096/MODP_6144/MODP_8192/MODP_2048, "
		"IKE:AES_GCM_16_128/AES_GCM_16_192/AES_GCM_16_256/CHACHA20_POLY1305/"
		"PRF_HMAC_SHA2_256/PRF_HMAC_SHA2_384/PRF_HMAC_SHA2_512/PRF_HMAC_SHA1/CURVE_25519/ECP_256/ECP_384/ECP_521/"
		"CURVE_448/MODP_3072/MODP_4096/MODP_6144/MODP_8192/MODP_2048",
		"ESP:AES_CBC_128/AES_CBC_192/AES_CBC_256/HMAC_SHA2_256_128/HMAC_SHA2_384_192/HMAC_SHA2_512_256/HMAC_SHA1_96/"
		"NO_EXT_SEQ, ESP:AES_GCM_16_128/AES_GCM_16_192/AES_GCM_16_256/CHACHA20_POLY1305/NO_EXT_SEQ",
	};
	static const uint8_t proto[] = {PROTO_IKE, PROTO_ESP};
	static const char *const texts[] = {NULL, "", "  "};
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
			struct proposals p;
			char why[64], text[2048];
			struct sbuf out = SB(text);
			parse(texts[k], proto[i], &p, why, sizeof why, true);
			sb_proposals(&out, &p);
			assert_string_equal(text, printed[i]);
		}
	}
}

/* Without '!' the defaults follow, as far as there is room. */
static void test_followed_by_defaults(void **state)
{
	(void)state;
	struct proposals p;
	char why[64], many[16 * 16] = "";
	parse("aes256-sha512", PROTO_ESP, &p, why, sizeof why, true);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.p[2].number, 3);
	assert_int_equal(p.p[1].t[0].id, ENCR_AES_CBC);
	assert_int_equal(p.p[2].t[0].id, ENCR_AES_GCM_16);
	for (int i = 0; i < PROPOSALS_MAX - 1; i++)
		strcat(many, i ? ",aes-sha1" : "aes-sha1");
	parse(many, PROTO_ESP, &p, why, sizeof why, true);
	assert_int_equal(p.n, PROPOSALS_MAX);
	assert_int_equal(p.p[15].n, 3 + 4 + 1);
}

/* Equal strings must give equal octets: config/ stores them once. */
static void test_equal_octets(void **state)
{
	(void)state;
	struct proposals a, b;
	struct sbuf err = {0};
	memset(&a, 0x11, sizeof a);
	memset(&b, 0xee, sizeof b);
	assert_true(proposals_parse("aes256-sha256-modp2048", PROTO_IKE, &a, &err));
	assert_true(proposals_parse("aes256-sha256-modp2048", PROTO_IKE, &b, &err));
	assert_memory_equal(&a, &b, sizeof a);
}

static void test_suite(void **state)
{
	(void)state;
	static const struct {
		struct suite s;
		uint8_t proto;
		const char *printed;
		size_t encr, integ;
	} cases[] = {
		{{ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, DH_MODP_1024, 0}, PROTO_IKE,
		 "AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_1024", 32, 32},
		{{ENCR_AES_CBC, 128, AUTH_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256, 0, 0}, PROTO_ESP,
		 "AES_CBC_128/HMAC_SHA2_256_128", 16, 32},
		{{ENCR_AES_GCM_16, 256, AUTH_NONE, 0, DH_CURVE25519, ESN_YES}, PROTO_ESP,
		 "AES_GCM_16_256/CURVE_25519/ESN", 36, 0},
		{{ENCR_CHACHA20_POLY1305, 0, AUTH_NONE, PRF_HMAC_SHA2_512, DH_ECP_384, 0}, PROTO_IKE,
		 "CHACHA20_POLY1305/PRF_HMAC_SHA2_512/ECP_384", 36, 0},
		{{ENCR_AES_CTR, 192, AUTH_HMAC_SHA1_96, 0, 0, 0}, PROTO_ESP, "AES_CTR_192/HMAC_SHA1_96", 28, 20},
		{{0}, PROTO_ESP, "", 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		struct sbuf out = SB(text);
		sb_suite(&out, &cases[i].s, cases[i].proto);
		assert_string_equal(text, cases[i].printed);
		assert_int_equal(suite_encr_key_len(&cases[i].s), cases[i].encr);
		assert_int_equal(suite_integ_key_len(&cases[i].s), cases[i].integ);
	}
	assert_null(suite_algo(&cases[5].s, T_DH));
	assert_null(suite_algo(&cases[5].s, 9));
	assert_non_null(suite_algo(&cases[0].s, T_ESN));
}

/* What a peer offered may be unknown; it is printed by its numbers. */
static void test_has(void **state)
{
	(void)state;
	const struct proposal p = {.n = 2, .t = {{.type = T_ENCR, .id = 12, .key_bits = 256}, {.type = T_DH, .id = 14}}};
	assert_true(proposal_has(&p, &p.t[0]));
	assert_true(proposal_has(&p, &p.t[1]));
	assert_false(proposal_has(&p, &(struct transform){.type = T_ENCR, .id = 12, .key_bits = 128}));
	assert_false(proposal_has(&p, &(struct transform){.type = T_ENCR, .id = 14, .key_bits = 256}));
	assert_false(proposal_has(&p, &(struct transform){.type = T_INTEG, .id = 14}));
	assert_true(proposal_has_type(&p, T_DH));
	assert_false(proposal_has_type(&p, T_INTEG));
	assert_false(proposal_has_type(&(struct proposal){.n = 0}, T_ENCR));
}

static void test_print_unknown(void **state)
{
	(void)state;
	struct proposal p = {.proto = 9, .n = 2, .t = {{T_ENCR, 99, 256}, {T_DH, 77, 0}}};
	char text[64];
	struct sbuf out = SB(text);
	sb_proposal(&out, &p);
	assert_string_equal(text, "?:(1:99_256)/(4:77)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_all_algorithms),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_followed_by_defaults),
		cmocka_unit_test(test_equal_octets),
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_print_unknown),
		cmocka_unit_test(test_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
