/* Choosing a suite (RFC 7296 2.7, 3.3): alternatives, preferences, what is none, AEAD, and what a peer may not choose. */
#include "../sim/hand.h"
#include "../sim/pair.h"

static struct proposals parse(const char *text, uint8_t proto)
{
	struct proposals p;
	char err[200];
	struct sbuf b = SB(err);
	if (!proposals_parse(text, proto, &p, &b))
		fail_msg("%s: %s", text, err);
	for (uint8_t i = 0; i < p.n; i++) {
		p.p[i].number = (uint8_t)(i + 1);
		p.p[i].proto = proto;
		p.p[i].spi = 0x1000u + i;
	}
	return p;
}

struct choice {
	const char *mine, *theirs;
	bool prefer_mine;
	const char *want; /* sb_suite, NULL: none */
	uint8_t number;   /* of theirs */
};

static void check(const struct choice *c, uint8_t proto, unsigned flags)
{
	struct proposals mine = parse(c->mine, proto), theirs = parse(c->theirs, proto);
	struct suite s;
	uint8_t number = 0;
	uint64_t spi = 0;
	char text[200];
	struct sbuf b = SB(text);
	bool ok = negotiate(&mine, &theirs, c->prefer_mine, flags, &s, &number, &spi);
	if (ok)
		sb_suite(&b, &s, proto);
	if (ok != (c->want != NULL) || (ok && strcmp(text, c->want) != 0))
		fail_msg("%s | %s: '%s', should be '%s'", c->mine, c->theirs, ok ? text : "none",
		         c->want ? c->want : "none");
	assert_true(!ok || (number == c->number && spi == 0x1000u + c->number - 1));
}

static void ike_suites(void **state)
{
	(void)state;
	static const struct choice cases[] = {
		{"aes256-sha256-modp2048!", "aes256-sha256-modp2048!", true,
	         "AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", 1},
		/* Alternatives inside a proposal: the order of the one that is preferred. */
		{"aes256-aes128-sha256-modp2048-modp3072!", "aes128-aes256-sha256-modp3072-modp2048!", true,
	         "AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", 1},
		{"aes256-aes128-sha256-modp2048-modp3072!", "aes128-aes256-sha256-modp3072-modp2048!", false,
	         "AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_3072", 1},
		/* Whole proposals: the same. */
		{"aes256-sha256-modp2048,aes128-sha256-modp2048!", "aes128-sha256-modp2048,aes256-sha256-modp2048!",
	         true, "AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", 2},
		{"aes256-sha256-modp2048,aes128-sha256-modp2048!", "aes128-sha256-modp2048,aes256-sha256-modp2048!",
	         false, "AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", 1},
		/* A proposal is taken whole: not the cipher of one and the hash of another. */
		{"aes256-sha256-modp2048!", "aes256-sha512-modp2048,aes128-sha256-modp2048!", true, NULL, 0},
		/* The key length is part of the algorithm. */
		{"aes256-sha256-modp2048!", "aes128-sha256-modp2048!", true, NULL, 0},
		{"aes256-sha256-modp2048!", "aes256-sha256-modp3072!", true, NULL, 0},
		{"aes256-sha256-prfsha512-modp2048!", "aes256-sha256-modp2048!", true, NULL, 0},
		/* AEAD has no integrity algorithm, and does not mix with one. */
		{"aes256gcm16-prfsha256-x25519!", "aes256gcm16-prfsha256-x25519!", true,
	         "AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519", 1},
		{"aes256gcm16-prfsha256-x25519!", "aes256-sha256-x25519!", true, NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(&cases[i], PROTO_IKE, NEG_DH);
}

static void esp_suites(void **state)
{
	(void)state;
	static const struct choice auth[] = {
		{"aes256-sha256!", "aes256-sha256!", true, "AES_CBC_256/HMAC_SHA2_256_128", 1},
		{"aes256-sha256-modp2048!", "aes256-sha256!", true, "AES_CBC_256/HMAC_SHA2_256_128", 1},
		{"aes256-sha256-modp2048!", "aes256-sha256-modp3072!", true, "AES_CBC_256/HMAC_SHA2_256_128", 1},
		{"aes256-sha256-noesn-esn!", "aes256-sha256-esn!", true, "AES_CBC_256/HMAC_SHA2_256_128/ESN", 1},
		{"aes256-sha256-noesn!", "aes256-sha256-esn!", true, NULL, 0},
		{"aes256gcm16!", "aes256gcm16,aes256-sha256!", true, "AES_GCM_16_256", 1},
		{"chacha20poly1305!", "aes256-sha256,chacha20poly1305!", true, "CHACHA20_POLY1305", 2},
	};
	/* In IKE_AUTH the groups count for nothing. */
	for (size_t i = 0; i < ARRAY_LEN(auth); i++)
		check(&auth[i], PROTO_ESP, 0);
	static const struct choice pfs[] = {
		{"aes256-sha256-modp2048!", "aes256-sha256-modp2048!", true, "AES_CBC_256/HMAC_SHA2_256_128/MODP_2048",
	         1},
		{"aes256-sha256-modp2048!", "aes256-sha256!", true, NULL, 0},
		{"aes256-sha256-modp2048!", "aes256-sha256-modp3072!", true, NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(pfs); i++) {
		check(&pfs[i], PROTO_ESP, NEG_DH);
		check(&pfs[i], PROTO_ESP, NEG_DH | NEG_ACCEPT_PFS);
	}
	static const struct choice insists = {"aes256-sha256!", "aes256-sha256-modp3072!", true,
	                                      "AES_CBC_256/HMAC_SHA2_256_128/MODP_3072", 1};
	check(&insists, PROTO_ESP, NEG_DH | NEG_ACCEPT_PFS);
	static const struct choice refused = {"aes256-sha256!", "aes256-sha256-modp3072!", true, NULL, 0};
	check(&refused, PROTO_ESP, NEG_DH);
}

static struct proposal one(uint8_t proto, const struct transform *t, size_t n)
{
	struct proposal p = {.number = 1, .proto = proto, .n = (uint8_t)n};
	memcpy(p.t, t, n * sizeof *t);
	return p;
}

/* Proposals that no configuration makes, but a peer may. */
static void odd_proposals(void **state)
{
	(void)state;
	struct proposals mine = parse("aes256-sha256-modp2048!", PROTO_IKE), theirs = {.n = 1};
	static const struct transform full[] = {
		{T_ENCR, ENCR_AES_CBC, 256},
		{T_INTEG, AUTH_HMAC_SHA2_256_128, 0},
		{T_PRF, PRF_HMAC_SHA2_256, 0},
		{T_DH, DH_MODP_2048, 0},
	};
	struct suite s;
	uint8_t number;
	uint64_t spi;
	theirs.p[0] = one(PROTO_IKE, full, 4);
	assert_true(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	/* Each transform type left out in turn, and replaced by none. */
	for (size_t i = 0; i < 4; i++) {
		struct transform t[4];
		memcpy(t, full, sizeof t);
		t[i] = t[3];
		theirs.p[0] = one(PROTO_IKE, t, 3);
		if (i == 3)
			theirs.p[0] = one(PROTO_IKE, full, 3);
		assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
		memcpy(t, full, sizeof t);
		t[i].id = 0;
		t[i].key_bits = 0;
		theirs.p[0] = one(PROTO_IKE, t, 4);
		assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	}
	/* Another protocol with the same transforms; no transform at all; no proposal at all. */
	theirs.p[0] = one(PROTO_ESP, full, 4);
	assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	theirs.p[0] = one(PROTO_IKE, full, 0);
	assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	theirs.n = 0;
	assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	/* An AEAD with an integrity algorithm beside it, on both sides: RFC 5282 8. A cipher without one, on both sides. */
	static const struct transform mixed[] = {
		{T_ENCR, ENCR_AES_GCM_16, 256},
		{T_INTEG, AUTH_HMAC_SHA2_256_128, 0},
		{T_PRF, PRF_HMAC_SHA2_256, 0},
		{T_DH, DH_MODP_2048, 0},
	};
	mine.n = theirs.n = 1;
	mine.p[0] = theirs.p[0] = one(PROTO_IKE, mixed, 4);
	assert_false(negotiate(&mine, &theirs, true, NEG_DH, &s, &number, &spi));
	struct transform bare[] = {{T_ENCR, ENCR_AES_CBC, 256}, {T_INTEG, AUTH_NONE, 0}, {T_ESN, ESN_NO, 0}};
	mine.p[0] = theirs.p[0] = one(PROTO_ESP, bare, 3);
	assert_false(negotiate(&mine, &theirs, true, 0, &s, &number, &spi));
	/* An AEAD that says "no integrity" is fine, whoever says it; a missing ESN is "no". */
	bare[0].id = ENCR_AES_GCM_16;
	mine.p[0] = one(PROTO_ESP, bare, 3);
	theirs.p[0] = one(PROTO_ESP, bare, 1);
	assert_true(negotiate(&mine, &theirs, true, 0, &s, &number, &spi) && s.integ == AUTH_NONE && s.esn == ESN_NO);
	assert_true(negotiate(&theirs, &mine, true, 0, &s, &number, &spi));
	/* A cipher that nobody knows, on both sides. */
	bare[0].id = 1000;
	mine.p[0] = theirs.p[0] = one(PROTO_ESP, bare, 3);
	assert_false(negotiate(&mine, &theirs, true, 0, &s, &number, &spi));
}

/* RFC 7296 2.7: the answer must be one of what we offered, with one transform of each type. */
static void check_the_choice(void **state)
{
	(void)state;
	struct proposals offer,
		mine = parse("aes256-aes128-sha256-modp2048,aes256gcm16-prfsha256-modp2048!", PROTO_IKE), chosen;
	struct suite s;
	uint64_t spi;
	proposals_prepare(&mine, PROTO_IKE, 0, 0, true, &offer);
	const struct suite good = {.encr = ENCR_AES_CBC,
	                           .encr_bits = 128,
	                           .integ = AUTH_HMAC_SHA2_256_128,
	                           .prf = PRF_HMAC_SHA2_256,
	                           .dh = DH_MODP_2048};
	suite_to_proposal(&good, PROTO_IKE, 1, 77, 8, true, &chosen);
	assert_true(negotiate_check(&offer, &chosen, NEG_DH, &s, &spi));
	assert_true(s.encr == good.encr && s.encr_bits == 128 && s.integ == good.integ && s.prf == good.prf &&
	            s.dh == good.dh);
	assert_int_equal(spi, 77);
	struct proposals x = chosen;
	x.p[0].number = 2; /* of another proposal than its number says */
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x.p[0].number = 3;
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x = chosen;
	x.n = 2;
	x.p[1] = x.p[0];
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x.n = 0;
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x = chosen;
	x.p[0].proto = PROTO_ESP;
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	for (uint8_t i = 0; i < chosen.p[0].n; i++) {
		x = chosen; /* two of a type */
		x.p[0].t[x.p[0].n++] = x.p[0].t[i];
		assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
		x = chosen; /* one that was not offered */
		x.p[0].t[i].id = x.p[0].t[i].type == T_ENCR ? ENCR_AES_CTR
		                 : x.p[0].t[i].type == T_DH ? DH_MODP_3072
		                                            : PRF_HMAC_SHA1;
		assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
		x = chosen; /* none where one must be */
		x.p[0].t[i].id = 0;
		x.p[0].t[i].key_bits = 0;
		assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
		x = chosen; /* not there at all */
		x.p[0].t[i] = x.p[0].t[--x.p[0].n];
		assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	}
	x = chosen;
	x.p[0].t[0].key_bits = 192; /* another key length */
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x = chosen;
	x.p[0].t[x.p[0].n++] = (struct transform){T_ESN, ESN_YES, 0}; /* something on top */
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	x = chosen;
	x.p[0].t[x.p[0].n++] = (struct transform){6, 1, 0}; /* of a type that there is not */
	assert_false(negotiate_check(&offer, &x, NEG_DH, &s, &spi));
	/* ESP in IKE_AUTH: a group in the answer is ignored, ours was none. */
	mine = parse("aes256-sha256-modp2048!", PROTO_ESP);
	proposals_prepare(&mine, PROTO_ESP, 5, 4, false, &offer);
	const struct suite esp = {
		.encr = ENCR_AES_CBC, .encr_bits = 256, .integ = AUTH_HMAC_SHA2_256_128, .dh = DH_MODP_2048};
	suite_to_proposal(&esp, PROTO_ESP, 1, 9, 4, true, &chosen);
	assert_true(negotiate_check(&offer, &chosen, 0, &s, &spi) && s.dh == DH_NONE && spi == 9);
	chosen.p[0].t[chosen.p[0].n - 1].id = ESN_YES;
	assert_false(negotiate_check(&offer, &chosen, 0, &s, &spi));
}

static void preparation(void **state)
{
	(void)state;
	struct proposals conf = parse("aes256-sha256-modp2048,aes128gcm16-x25519!", PROTO_ESP), out;
	proposals_prepare(&conf, PROTO_ESP, 0xabcd, 4, false, &out);
	assert_int_equal(out.n, 2);
	for (uint8_t i = 0; i < 2; i++) {
		assert_true(out.p[i].number == i + 1 && out.p[i].spi == 0xabcd && out.p[i].spi_len == 4 &&
		            out.p[i].proto == PROTO_ESP);
		unsigned esn = 0, dh = 0;
		for (uint8_t k = 0; k < out.p[i].n; k++) {
			esn += out.p[i].t[k].type == T_ESN;
			dh += out.p[i].t[k].type == T_DH;
		}
		assert_true(esn == 1 && dh == 0); /* RFC 7296 3.3.3 */
	}
	proposals_prepare(&conf, PROTO_ESP, 0xabcd, 4, true, &out);
	assert_int_equal(proposals_first_group(&out), DH_MODP_2048);
	assert_true(proposals_has_group(&out, DH_CURVE25519) && proposals_has_group(&out, DH_MODP_2048));
	assert_false(proposals_has_group(&out, DH_MODP_1024));
	static const struct transform no_esn[] = {{T_ENCR, ENCR_AES_GCM_16, 256}};
	conf.n = 1;
	conf.p[0] = one(PROTO_ESP, no_esn, 1);
	proposals_prepare(&conf, PROTO_ESP, 1, 4, true, &out);
	assert_true(out.p[0].n == 2 && out.p[0].t[1].type == T_ESN && out.p[0].t[1].id == ESN_NO);
	conf.p[0] = one(PROTO_IKE, no_esn, 1);
	proposals_prepare(&conf, PROTO_IKE, 0, 0, true, &out);
	assert_int_equal(out.p[0].n, 1);
	proposals_prepare(NULL, PROTO_ESP, 1, 4, true, &out);
	assert_true(out.n == 0 && proposals_first_group(&out) == DH_NONE);
	struct suite gcm = {.encr = ENCR_AES_GCM_16, .encr_bits = 128, .prf = PRF_HMAC_SHA2_256, .dh = DH_CURVE25519};
	suite_to_proposal(&gcm, PROTO_IKE, 3, 8, 8, true, &out);
	assert_true(out.n == 1 && out.p[0].n == 3 && out.p[0].number == 3 && out.p[0].spi_len == 8 &&
	            out.p[0].spi == 8);
	suite_to_proposal(&gcm, PROTO_ESP, 1, 8, 4, false, &out);
	assert_true(out.p[0].n == 2 && out.p[0].t[0].type == T_ENCR && out.p[0].t[1].type == T_ESN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ike_suites),       cmocka_unit_test(esp_suites),  cmocka_unit_test(odd_proposals),
		cmocka_unit_test(check_the_choice), cmocka_unit_test(preparation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
