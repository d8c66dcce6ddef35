/* Protection of SK and SKF payloads: AES-CBC and AES-CTR with an HMAC behind them
 * (RFC 7296 3.14, RFC 5930), AES-GCM (RFC 5282) and ChaCha20-Poly1305 (RFC 7634). The
 * caller lays out header, padding and lengths; here octets are sealed in place.
 *
 * The IV is random in every mode. For CBC it must be unpredictable; for CTR and the
 * AEADs it must not repeat under one key, and 64 random bits repeat among n messages
 * with probability n^2 / 2^65: 2^-33 for 65,536 messages of one IKE SA. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <string.h>

enum { SK_MAX = 1 << 20 }; /* above any message; keeps lengths within the library's int */

static const struct {
	uint16_t encr, bits;
	enum cipher_mode mode;
	const char *name; /* the library's */
} ciphers[CIPHER_ROWS] = {
	{ENCR_AES_CBC, 128, MODE_CBC, "AES-128-CBC"},
	{ENCR_AES_CBC, 192, MODE_CBC, "AES-192-CBC"},
	{ENCR_AES_CBC, 256, MODE_CBC, "AES-256-CBC"},
	{ENCR_AES_CTR, 128, MODE_CTR, "AES-128-CTR"},
	{ENCR_AES_CTR, 192, MODE_CTR, "AES-192-CTR"},
	{ENCR_AES_CTR, 256, MODE_CTR, "AES-256-CTR"},
	{ENCR_AES_GCM_8, 128, MODE_AEAD, "AES-128-GCM"},
	{ENCR_AES_GCM_8, 192, MODE_AEAD, "AES-192-GCM"},
	{ENCR_AES_GCM_8, 256, MODE_AEAD, "AES-256-GCM"},
	{ENCR_AES_GCM_12, 128, MODE_AEAD, "AES-128-GCM"},
	{ENCR_AES_GCM_12, 192, MODE_AEAD, "AES-192-GCM"},
	{ENCR_AES_GCM_12, 256, MODE_AEAD, "AES-256-GCM"},
	{ENCR_AES_GCM_16, 128, MODE_AEAD, "AES-128-GCM"},
	{ENCR_AES_GCM_16, 192, MODE_AEAD, "AES-192-GCM"},
	{ENCR_AES_GCM_16, 256, MODE_AEAD, "AES-256-GCM"},
	{ENCR_CHACHA20_POLY1305, 0, MODE_AEAD, "ChaCha20-Poly1305"},
};

static const struct {
	uint16_t integ;
	enum hash hash;
} integs[] = {
	{AUTH_HMAC_SHA1_96, HASH_SHA1},
	{AUTH_HMAC_SHA2_256_128, HASH_SHA256},
	{AUTH_HMAC_SHA2_384_192, HASH_SHA384},
	{AUTH_HMAC_SHA2_512_256, HASH_SHA512},
};

int crypto_init_sk(struct crypto *c)
{
	c->cipher_ctx = EVP_CIPHER_CTX_new();
	if (!c->cipher_ctx)
		return -EIO;
	for (size_t i = 0; i < CIPHER_ROWS; i++) {
		c->cipher[i] = EVP_CIPHER_fetch(NULL, ciphers[i].name, NULL);
		if (!c->cipher[i])
			return -EIO;
	}
	return 0;
}

void crypto_fini_sk(struct crypto *c)
{
	EVP_CIPHER_CTX_free(c->cipher_ctx);
	for (size_t i = 0; i < CIPHER_ROWS; i++)
		EVP_CIPHER_free(c->cipher[i]);
}

static bool shape_integ(uint16_t integ, struct crypto_shape *s)
{
	const struct algo *a = algo_find(T_INTEG, integ, 0);
	for (size_t i = 0; a && i < ARRAY_LEN(integs); i++) {
		if (integs[i].integ != integ)
			continue;
		s->hash = integs[i].hash;
		s->integ_key = a->key_len;
		s->icv = a->icv_len;
		return true;
	}
	return false;
}

bool crypto_shape_find(uint16_t encr, uint16_t bits, uint16_t integ, uint16_t use, struct crypto_shape *s)
{
	const struct algo *a = algo_find(T_ENCR, encr, bits);
	*s = (struct crypto_shape){.block = 1};
	if (!a || !(a->flags & use))
		return false;
	while (ciphers[s->row].encr != encr || ciphers[s->row].bits != bits) {
		if (++s->row == CIPHER_ROWS)
			return false;
	}
	s->mode = ciphers[s->row].mode;
	s->key = a->key_len;
	s->salt = a->salt_len;
	s->iv = a->iv_len;
	s->block = a->block;
	s->chacha = encr == ENCR_CHACHA20_POLY1305;
	if (s->mode == MODE_AEAD) {
		s->icv = a->icv_len;
		return integ == AUTH_NONE; /* RFC 5282 8: no integrity transform beside an AEAD */
	}
	return shape_integ(integ, s);
}

static bool shape_find(uint16_t encr, uint16_t bits, uint16_t integ, struct crypto_shape *s)
{
	return crypto_shape_find(encr, bits, integ, ALGO_IKE, s);
}

bool sk_supported(uint16_t encr, uint16_t encr_bits, uint16_t integ)
{
	struct crypto_shape s;
	return shape_find(encr, encr_bits, integ, &s);
}

size_t sk_iv_len(const struct sk_keys *k)
{
	struct crypto_shape s;
	return shape_find(k->encr, k->encr_bits, k->integ, &s) ? s.iv : 0;
}

size_t sk_icv_len(const struct sk_keys *k)
{
	struct crypto_shape s;
	return shape_find(k->encr, k->encr_bits, k->integ, &s) ? s.icv : 0;
}

size_t sk_block(const struct sk_keys *k)
{
	struct crypto_shape s;
	return shape_find(k->encr, k->encr_bits, k->integ, &s) ? s.block : 1;
}

/* The shape of these keys, if their lengths are right for it. */
static bool shape_of(const struct sk_keys *k, struct crypto_shape *s)
{
	return shape_find(k->encr, k->encr_bits, k->integ, s) && k->e.len == s->key + s->salt &&
	       k->a.len == s->integ_key;
}

/* What the cipher takes as its IV, from the salt behind the key and the IV on the wire. */
static void make_nonce(const struct crypto_shape *s, const struct sk_keys *k, const uint8_t *iv, uint8_t nonce[16])
{
	memset(nonce, 0, 16);
	memcpy(nonce, k->e.b + s->key, s->salt);
	memcpy(nonce + s->salt, iv, s->iv);
	/* RFC 5930 2: nonce, IV, block counter that begins with 1 */
	if (s->mode == MODE_CTR)
		nonce[15] = 1;
}

static bool cipher_start(struct crypto *c, const struct crypto_shape *s, const struct sk_keys *k, const uint8_t *iv, int enc)
{
	uint8_t nonce[16];
	make_nonce(s, k, iv, nonce);
	bool ok = EVP_CipherInit_ex2(c->cipher_ctx, c->cipher[s->row], k->e.b, nonce, enc, NULL) == 1 &&
	          EVP_CIPHER_CTX_set_padding(c->cipher_ctx, 0) == 1;
	wipe(nonce, sizeof nonce); /* the salt is part of the key */
	return ok;
}

static bool cipher_run(struct crypto *c, uint8_t *data, size_t n)
{
	int got = 0;
	return EVP_CipherUpdate(c->cipher_ctx, data, &got, data, (int)n) == 1 && (size_t)got == n;
}

/* After the last octet; for an AEAD in decryption: does the tag fit? */
static bool cipher_end(struct crypto *c)
{
	uint8_t rest[16];
	int got = 0;
	return EVP_CipherFinal_ex(c->cipher_ctx, rest, &got) == 1 && got == 0;
}

static bool cipher_aad(struct crypto *c, const uint8_t *aad, size_t n)
{
	int got = 0;
	return n == 0 || EVP_CipherUpdate(c->cipher_ctx, NULL, &got, aad, (int)n) == 1;
}

static bool cipher_tag(struct crypto *c, int what, uint8_t *icv, size_t n)
{
	return EVP_CIPHER_CTX_ctrl(c->cipher_ctx, what, (int)n, icv) == 1;
}

/* HMAC over all that precedes the ICV, cut to the ICV's length. */
static void hmac_icv(const struct crypto_shape *s, const struct sk_keys *k, const uint8_t *buf, size_t n,
                     uint8_t full[HASH_LEN_MAX])
{
	crypto_hmac(s->hash, SPAN(k->a.b, k->a.len), &SPAN(buf, n), 1, full);
}

static bool seal_aead(struct crypto *c, const struct crypto_shape *s, const struct sk_keys *k, uint8_t *buf, size_t aad_len,
                      size_t n)
{
	uint8_t *iv = buf + aad_len, *data = iv + s->iv;
	/* RFC 5282 5.1: the associated data ends before the IV */
	return cipher_start(c, s, k, iv, 1) && cipher_aad(c, buf, aad_len) && cipher_run(c, data, n) && cipher_end(c) &&
	       cipher_tag(c, EVP_CTRL_AEAD_GET_TAG, data + n, s->icv);
}

static bool seal_hmac(struct crypto *c, const struct crypto_shape *s, const struct sk_keys *k, uint8_t *buf, size_t aad_len,
                      size_t n)
{
	uint8_t *iv = buf + aad_len, *data = iv + s->iv;
	uint8_t full[HASH_LEN_MAX];
	/* RFC 7296 3.14: the checksum is over the encrypted message */
	if (!cipher_start(c, s, k, iv, 1) || !cipher_run(c, data, n) || !cipher_end(c))
		return false;
	hmac_icv(s, k, buf, aad_len + s->iv + n, full);
	memcpy(data + n, full, s->icv);
	return true;
}

int sk_seal(struct crypto *c, struct rng *r, const struct sk_keys *k, uint8_t *buf, size_t aad_len, size_t data_len)
{
	struct crypto_shape s;
	if (!shape_of(k, &s) || data_len == 0 || data_len % s.block || data_len > SK_MAX || aad_len > SK_MAX)
		return -EINVAL;

	rng_fill(r, buf + aad_len, s.iv);
	bool ok = (s.mode == MODE_AEAD ? seal_aead : seal_hmac)(c, &s, k, buf, aad_len, data_len);
	ok = EVP_CIPHER_CTX_reset(c->cipher_ctx) == 1 && ok;
	if (ok)
		return 0;
	wipe(buf + aad_len, s.iv + data_len + s.icv);
	return crypto_fail(-EIO);
}

static bool open_aead(struct crypto *c, const struct crypto_shape *s, const struct sk_keys *k, uint8_t *buf, size_t aad_len,
                      size_t n)
{
	uint8_t *iv = buf + aad_len, *data = iv + s->iv;
	bool ok = cipher_start(c, s, k, iv, 0) && cipher_tag(c, EVP_CTRL_AEAD_SET_TAG, data + n, s->icv) &&
	          cipher_aad(c, buf, aad_len) && cipher_run(c, data, n);
	if (!ok || cipher_end(c))
		return ok;
	/* The library knows only after decrypting that the tag does not fit. Both AEADs add a key
	 * stream, so that encrypting puts the received octets back. */
	if (!cipher_start(c, s, k, iv, 1) || !cipher_run(c, data, n))
		wipe(data, n);
	return false;
}

static bool open_hmac(struct crypto *c, const struct crypto_shape *s, const struct sk_keys *k, uint8_t *buf, size_t aad_len,
                      size_t n)
{
	uint8_t *iv = buf + aad_len, *data = iv + s->iv;
	uint8_t full[HASH_LEN_MAX];
	hmac_icv(s, k, buf, aad_len + s->iv + n, full);
	return crypto_equal(full, data + n, s->icv) &&
	       cipher_start(c, s, k, iv, 0) && cipher_run(c, data, n) && cipher_end(c);
}

int sk_open(struct crypto *c, const struct sk_keys *k, uint8_t *buf, size_t aad_len, size_t total, uint8_t **data,
            size_t *data_len)
{
	struct crypto_shape s;
	*data = NULL;
	*data_len = 0;
	if (!shape_of(k, &s) || total > SK_MAX || aad_len > total)
		return -EBADMSG;
	/* At least the Pad Length octet, and whole blocks (RFC 7296 3.14). */
	size_t n = total - aad_len;
	if (n < s.iv + s.icv + s.block || (n - s.iv - s.icv) % s.block)
		return -EBADMSG;
	n -= s.iv + s.icv;

	bool ok = (s.mode == MODE_AEAD ? open_aead : open_hmac)(c, &s, k, buf, aad_len, n);
	ok = EVP_CIPHER_CTX_reset(c->cipher_ctx) == 1 && ok;
	if (!ok)
		return crypto_fail(-EBADMSG);
	*data = buf + aad_len + s.iv;
	*data_len = n;
	return 0;
}
