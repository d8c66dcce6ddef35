/* The algorithms, a row each. Order within a type is the order of the default
 * proposals. Sizes: RFC 3602 (CBC), 3686 (CTR), 4106 (GCM), 7634 (ChaCha20),
 * 2404 and 4868 (HMAC), 2409/3526/5114/5903/8031 (groups). */
#include "model/algo.h"

#include <string.h>

#define BOTH (ALGO_IKE | ALGO_ESP)
#define DEF ALGO_DEFAULT

#define CBC(bits, toks) \
	{.type = T_ENCR, .id = ENCR_AES_CBC, .key_bits = bits, .flags = BOTH | DEF, .tokens = toks, \
	 .log_name = "AES_CBC_" #bits, .key_len = bits / 8, .iv_len = 16, .block = 16, .kernel = "cbc(aes)"}
#define CTR(bits, toks) \
	{.type = T_ENCR, .id = ENCR_AES_CTR, .key_bits = bits, .flags = BOTH, .tokens = toks, \
	 .log_name = "AES_CTR_" #bits, .key_len = bits / 8, .salt_len = 4, .iv_len = 8, .block = 1, \
	 .kernel = "rfc3686(ctr(aes))"}
#define GCM(icv, idv, bits, toks, extra) \
	{.type = T_ENCR, .id = idv, .key_bits = bits, .flags = BOTH | ALGO_AEAD | (extra), .tokens = toks, \
	 .log_name = "AES_GCM_" #icv "_" #bits, .key_len = bits / 8, .salt_len = 4, .iv_len = 8, \
	 .icv_len = icv, .block = 1, .kernel = "rfc4106(gcm(aes))"}
#define INTEG(idv, toks, log, key, icv, kern, fl) \
	{.type = T_INTEG, .id = idv, .flags = BOTH | (fl), .tokens = toks, .log_name = log, \
	 .key_len = key, .icv_len = icv, .kernel = kern}
#define PRF(idv, toks, log, len) \
	{.type = T_PRF, .id = idv, .flags = ALGO_IKE | DEF, .tokens = toks, .log_name = log, .key_len = len}
#define DH(idv, toks, log, len, fl) \
	{.type = T_DH, .id = idv, .flags = BOTH | (fl), .tokens = toks, .log_name = log, .dh_len = len}

static const struct algo table[] = {
	CBC(128, "aes128 aes"),
	CBC(192, "aes192"),
	CBC(256, "aes256"),
	CTR(128, "aes128ctr"),
	CTR(192, "aes192ctr"),
	CTR(256, "aes256ctr"),
	GCM(16, ENCR_AES_GCM_16, 128, "aes128gcm16 aes128gcm aes128gcm128", DEF),
	GCM(16, ENCR_AES_GCM_16, 192, "aes192gcm16 aes192gcm aes192gcm128", DEF),
	GCM(16, ENCR_AES_GCM_16, 256, "aes256gcm16 aes256gcm aes256gcm128", DEF),
	{.type = T_ENCR, .id = ENCR_CHACHA20_POLY1305, .flags = BOTH | ALGO_AEAD | DEF,
	 .tokens = "chacha20poly1305", .log_name = "CHACHA20_POLY1305", .key_len = 32, .salt_len = 4,
	 .iv_len = 8, .icv_len = 16, .block = 1, .kernel = "rfc7539esp(chacha20,poly1305)"},
	GCM(12, ENCR_AES_GCM_12, 128, "aes128gcm12 aes128gcm96", 0),
	GCM(12, ENCR_AES_GCM_12, 192, "aes192gcm12 aes192gcm96", 0),
	GCM(12, ENCR_AES_GCM_12, 256, "aes256gcm12 aes256gcm96", 0),
	GCM(8, ENCR_AES_GCM_8, 128, "aes128gcm8 aes128gcm64", 0),
	GCM(8, ENCR_AES_GCM_8, 192, "aes192gcm8 aes192gcm64", 0),
	GCM(8, ENCR_AES_GCM_8, 256, "aes256gcm8 aes256gcm64", 0),

	INTEG(AUTH_HMAC_SHA2_256_128, "sha256 sha2_256", "HMAC_SHA2_256_128", 32, 16, "hmac(sha256)", DEF),
	INTEG(AUTH_HMAC_SHA2_384_192, "sha384 sha2_384", "HMAC_SHA2_384_192", 48, 24, "hmac(sha384)", DEF),
	INTEG(AUTH_HMAC_SHA2_512_256, "sha512 sha2_512", "HMAC_SHA2_512_256", 64, 32, "hmac(sha512)", DEF),
	INTEG(AUTH_HMAC_SHA1_96, "sha1 sha", "HMAC_SHA1_96", 20, 12, "hmac(sha1)", DEF),

	PRF(PRF_HMAC_SHA2_256, "prfsha256", "PRF_HMAC_SHA2_256", 32),
	PRF(PRF_HMAC_SHA2_384, "prfsha384", "PRF_HMAC_SHA2_384", 48),
	PRF(PRF_HMAC_SHA2_512, "prfsha512", "PRF_HMAC_SHA2_512", 64),
	PRF(PRF_HMAC_SHA1, "prfsha1", "PRF_HMAC_SHA1", 20),

	DH(DH_CURVE25519, "curve25519 x25519", "CURVE_25519", 32, DEF),
	DH(DH_ECP_256, "ecp256", "ECP_256", 64, DEF),
	DH(DH_ECP_384, "ecp384", "ECP_384", 96, DEF),
	DH(DH_ECP_521, "ecp521", "ECP_521", 132, DEF),
	DH(DH_CURVE448, "curve448 x448", "CURVE_448", 56, DEF),
	DH(DH_MODP_3072, "modp3072", "MODP_3072", 384, DEF),
	DH(DH_MODP_4096, "modp4096", "MODP_4096", 512, DEF),
	DH(DH_MODP_6144, "modp6144", "MODP_6144", 768, DEF),
	DH(DH_MODP_8192, "modp8192", "MODP_8192", 1024, DEF),
	DH(DH_MODP_2048, "modp2048", "MODP_2048", 256, DEF),
	DH(DH_MODP_2048_256, "modp2048s256", "MODP_2048_256", 256, 0),
	DH(DH_MODP_1536, "modp1536", "MODP_1536", 192, ALGO_WEAK),
	DH(DH_MODP_1024, "modp1024", "MODP_1024", 128, ALGO_WEAK),
	{.type = T_DH, .id = DH_NONE, .flags = ALGO_ESP, .tokens = "none modpnone", .log_name = "NONE"},

	{.type = T_ESN, .id = ESN_NO, .flags = ALGO_ESP | DEF, .tokens = "noesn", .log_name = "NO_EXT_SEQ"},
	{.type = T_ESN, .id = ESN_YES, .flags = ALGO_ESP, .tokens = "esn", .log_name = "EXT_SEQ"},
};

const struct algo *algo_table(size_t *n)
{
	*n = ARRAY_LEN(table);
	return table;
}

const struct algo *algo_find(uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].type == type && table[i].id == id && table[i].key_bits == key_bits)
			return &table[i];
	}
	return NULL;
}

static bool has_token(const char *tokens, const char *want, size_t n)
{
	while (*tokens) {
		size_t len = strcspn(tokens, " ");
		if (len == n && memcmp(tokens, want, n) == 0)
			return true;
		tokens += len + (tokens[len] == ' ');
	}
	return false;
}

const struct algo *algo_by_token(const char *token, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (has_token(table[i].tokens, token, n))
			return &table[i];
	}
	return NULL;
}
