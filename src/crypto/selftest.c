/* The start-up test: each algorithm once against a known answer, over the same
 * functions that the engine calls. An answer is the beginning of the SHA-1 of what they
 * yield for counting octets (1, 2, 3, ...) as keys, data and randomness; the answers were
 * computed with code that has nothing in common with the library's. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <string.h>

enum { ANSWER = 8, AAD = 32, DATA = 32, PRF_OUT = 200 };

static const struct {
	uint16_t prf;
	uint8_t answer[ANSWER];
} prfs[] = {
	{PRF_HMAC_SHA1, {0x4e, 0x57, 0x78, 0xbb, 0xbf, 0x2f, 0xf7, 0xd4}},
	{PRF_HMAC_SHA2_256, {0xd5, 0xe4, 0x8b, 0x94, 0x73, 0x03, 0xd9, 0x2b}},
	{PRF_HMAC_SHA2_384, {0x8e, 0xd2, 0x0f, 0xec, 0x74, 0x5c, 0xfb, 0x09}},
	{PRF_HMAC_SHA2_512, {0x56, 0xe3, 0xae, 0x3d, 0x6e, 0x78, 0xe6, 0x45}},
};

static const struct {
	uint16_t encr, bits, integ;
	uint8_t answer[ANSWER];
} suites[] = {
	{ENCR_AES_CBC, 128, AUTH_HMAC_SHA2_256_128, {0xc8, 0x5a, 0xe8, 0xe4, 0x41, 0xba, 0x55, 0x2f}},
	{ENCR_AES_CBC, 192, AUTH_HMAC_SHA2_384_192, {0x67, 0xdf, 0x7e, 0x77, 0xec, 0xf5, 0x50, 0x39}},
	{ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_512_256, {0x81, 0xbe, 0x17, 0x57, 0xf0, 0x91, 0x9c, 0xb9}},
	{ENCR_AES_CTR, 128, AUTH_HMAC_SHA1_96, {0xa8, 0x5d, 0x8f, 0xb7, 0x0d, 0x24, 0x28, 0x2c}},
	{ENCR_AES_CTR, 192, AUTH_HMAC_SHA2_256_128, {0x27, 0x80, 0x74, 0xb7, 0xe8, 0x76, 0x17, 0x4f}},
	{ENCR_AES_CTR, 256, AUTH_HMAC_SHA2_384_192, {0x78, 0x2a, 0x29, 0xcd, 0xe3, 0x03, 0xbb, 0x87}},
	{ENCR_AES_GCM_8, 128, AUTH_NONE, {0x3f, 0x76, 0x97, 0xd4, 0x46, 0x25, 0xc1, 0x40}},
	{ENCR_AES_GCM_8, 192, AUTH_NONE, {0x3d, 0x8e, 0xf7, 0x97, 0x27, 0x86, 0x68, 0xba}},
	{ENCR_AES_GCM_8, 256, AUTH_NONE, {0x35, 0xec, 0x1a, 0xc2, 0xfe, 0xd7, 0xfb, 0x5b}},
	{ENCR_AES_GCM_12, 128, AUTH_NONE, {0x07, 0x4e, 0x68, 0x75, 0xc1, 0xac, 0xda, 0x26}},
	{ENCR_AES_GCM_12, 192, AUTH_NONE, {0xc8, 0x0a, 0xed, 0x59, 0x7e, 0x9a, 0xa2, 0x5b}},
	{ENCR_AES_GCM_12, 256, AUTH_NONE, {0x57, 0xbf, 0xc4, 0xb3, 0x20, 0xad, 0xad, 0x3e}},
	{ENCR_AES_GCM_16, 128, AUTH_NONE, {0xa7, 0xd6, 0x7b, 0x40, 0x23, 0xb6, 0x90, 0xea}},
	{ENCR_AES_GCM_16, 192, AUTH_NONE, {0xd0, 0xe7, 0xf2, 0x6a, 0x91, 0x96, 0xc2, 0x93}},
	{ENCR_AES_GCM_16, 256, AUTH_NONE, {0xd1, 0x98, 0xda, 0x31, 0xc0, 0xbf, 0xff, 0xf4}},
	{ENCR_CHACHA20_POLY1305, 0, AUTH_NONE, {0x31, 0x55, 0xc8, 0x6d, 0x55, 0x4d, 0x4f, 0x73}},
};

static const struct {
	uint16_t group;
	uint8_t answer[ANSWER];
} groups[] = {
	{DH_MODP_1024, {0xf1, 0x2f, 0x94, 0xaf, 0xb7, 0xa9, 0xec, 0xc2}},
	{DH_MODP_1536, {0xb3, 0xba, 0xc6, 0x95, 0xde, 0x0d, 0x6f, 0x8c}},
	{DH_MODP_2048, {0xa2, 0x45, 0xc2, 0x84, 0xf2, 0x40, 0xec, 0xe1}},
	{DH_MODP_3072, {0x84, 0x5f, 0x6d, 0xd5, 0xe5, 0x0e, 0xc4, 0x1d}},
	{DH_MODP_4096, {0x80, 0x17, 0x8c, 0xb4, 0xb0, 0xb3, 0x85, 0x3d}},
	{DH_MODP_6144, {0xc3, 0x7e, 0x3b, 0xbe, 0x91, 0xdd, 0x1d, 0xd1}},
	{DH_MODP_8192, {0x7e, 0x62, 0x4a, 0x3e, 0x29, 0xef, 0xe3, 0x56}},
	{DH_MODP_2048_256, {0x90, 0x7f, 0x7b, 0x83, 0xe2, 0x8c, 0xb1, 0x04}},
	{DH_ECP_256, {0x05, 0x3a, 0xaf, 0x7a, 0x06, 0x8b, 0x8a, 0xdd}},
	{DH_ECP_384, {0x63, 0x92, 0xdf, 0x3c, 0x9a, 0xb3, 0xea, 0x2e}},
	{DH_ECP_521, {0x0b, 0xa3, 0xd5, 0x21, 0xc9, 0x2f, 0xc7, 0x76}},
	{DH_CURVE25519, {0x08, 0x9f, 0x66, 0x3b, 0x98, 0x26, 0xdf, 0x89}},
	{DH_CURVE448, {0xd9, 0xea, 0x54, 0x83, 0xa9, 0x54, 0xe9, 0xae}},
};

static void count_fill(struct rng *r, void *p, size_t n)
{
	uint8_t *b = p;
	(void)r;
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(i + 1);
}

static struct rng counting(void) { return (struct rng){.fill = count_fill}; }

static int answers(struct crypto *c, const struct span *v, size_t n, const uint8_t want[ANSWER])
{
	uint8_t sum[20];
	return crypto_sha1(c, v, n, sum) == 0 && memcmp(sum, want, ANSWER) == 0 ? 0 : -EIO;
}

/* SHA-1 first: the others are judged by it. "abc", FIPS 180. */
static int test_sha1(struct crypto *c)
{
	static const uint8_t abc[ANSWER] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a};
	return answers(c, &SPAN("abc", 3), 1, abc);
}

static int test_prf(struct crypto *c, size_t i)
{
	uint8_t key[20], seed[32], out[PRF_OUT];
	count_fill(NULL, key, sizeof key);
	count_fill(NULL, seed, sizeof seed);
	if (prf_plus(c, prfs[i].prf, SPAN(key, sizeof key), &SPAN(seed, sizeof seed), 1, out, sizeof out) != 0)
		return -EIO;
	return answers(c, &SPAN(out, sizeof out), 1, prfs[i].answer);
}

static int test_suite(struct crypto *c, size_t i)
{
	struct sk_keys k = {.encr = suites[i].encr, .encr_bits = suites[i].bits, .integ = suites[i].integ};
	const struct algo *e = algo_find(T_ENCR, k.encr, k.encr_bits), *a = algo_find(T_INTEG, k.integ, 0);
	struct rng r = counting();
	uint8_t buf[AAD + 16 + DATA + 32], *data;
	size_t n, iv = sk_iv_len(&k), total = AAD + iv + DATA + sk_icv_len(&k);
	if (!e || total > sizeof buf)
		return -EIO;
	k.e.len = (uint8_t)(e->key_len + e->salt_len);
	k.a.len = a ? a->key_len : 0;
	count_fill(NULL, k.e.b, k.e.len);
	count_fill(NULL, k.a.b, k.a.len);
	count_fill(NULL, buf, AAD);
	count_fill(NULL, buf + AAD + iv, DATA);
	if (sk_seal(c, &r, &k, buf, AAD, DATA) != 0 || answers(c, &SPAN(buf, total), 1, suites[i].answer) != 0)
		return -EIO;

	/* A forgery is refused, the message itself is opened. */
	buf[total - 1] ^= 1;
	if (sk_open(c, &k, buf, AAD, total, &data, &n) != -EBADMSG)
		return -EIO;
	buf[total - 1] ^= 1;
	if (sk_open(c, &k, buf, AAD, total, &data, &n) != 0 || n != DATA || data != buf + AAD + iv)
		return -EIO;
	return memcmp(data, buf, DATA) == 0 ? 0 : -EIO; /* both count from 1 */
}

static int test_group(struct crypto *c, size_t i)
{
	struct dh_private priv;
	struct rng r = counting();
	uint8_t pub[DH_PUBLIC_MAX], out[DH_SHARED_MAX];
	size_t n;
	if (dh_generate(c, &r, groups[i].group, &priv, pub) != 0)
		return -EIO;
	struct span v[2] = {SPAN(pub, dh_public_len(groups[i].group))};
	if (dh_shared(c, &priv, v[0], out, &n) != 0)
		return -EIO;
	v[1] = SPAN(out, n);
	return answers(c, v, 2, groups[i].answer);
}

static const char *name_of(uint8_t type, uint16_t id, uint16_t bits)
{
	const struct algo *a = algo_find(type, id, bits);
	return a ? a->log_name : "unknown";
}

int crypto_self_test(struct crypto *c, const char **what)
{
	*what = "SHA1";
	if (test_sha1(c) != 0)
		return -EIO;
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		*what = name_of(T_PRF, prfs[i].prf, 0);
		if (test_prf(c, i) != 0)
			return -EIO;
	}
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		*what = name_of(T_ENCR, suites[i].encr, suites[i].bits);
		if (test_suite(c, i) != 0)
			return -EIO;
	}
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		*what = name_of(T_DH, groups[i].group, 0);
		if (test_group(c, i) != 0)
			return -EIO;
	}
	*what = NULL;
	return 0;
}
