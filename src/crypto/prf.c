/* The pseudo-random functions of IKE: prf and prf+ (RFC 7296 2.13, RFC 4868 2.1.2, RFC 2404). Both are HMAC (hmac.c), which sk.c uses
 * for integrity. Key derivation in terms of SKEYSEED and KEYMAT is ike/'s business. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <string.h>

static const struct {
	uint16_t prf;
	uint8_t len;
} hashes[HASH_N] = {
	[HASH_SHA1] = {PRF_HMAC_SHA1, 20},
	[HASH_SHA256] = {PRF_HMAC_SHA2_256, 32},
	[HASH_SHA384] = {PRF_HMAC_SHA2_384, 48},
	[HASH_SHA512] = {PRF_HMAC_SHA2_512, 64},
};

size_t crypto_hash_len(enum hash h) { return hashes[h].len; }

static bool hash_of_prf(uint16_t id, enum hash *h)
{
	for (int i = 0; i < HASH_N; i++) {
		if (hashes[i].prf == id) {
			*h = (enum hash)i;
			return true;
		}
	}
	return false;
}

size_t prf_len(uint16_t id)
{
	enum hash h;
	return hash_of_prf(id, &h) ? hashes[h].len : 0;
}

int prf(struct crypto *c, uint16_t id, struct span key, const struct span *v, size_t n, uint8_t *out)
{
	enum hash h;
	(void)c;
	if (!hash_of_prf(id, &h))
		return -EINVAL;
	crypto_hmac(h, key, v, n, out);
	return 0;
}

int prf_plus(struct crypto *c, uint16_t id, struct span key, const struct span *seed, size_t n, uint8_t *out,
             size_t out_len)
{
	enum hash h;
	(void)c;
	size_t len = prf_len(id);
	/* RFC 7296 2.13: the block number is one octet */
	if (!hash_of_prf(id, &h) || out_len > 255 * len) {
		wipe(out, out_len);
		return -EINVAL;
	}

	struct hmac keyed;
	struct hmac_state m;
	uint8_t t[HASH_LEN_MAX];
	hmac_init(&keyed, h, key);
	/* T1 = prf(K, S | 0x01), Tn = prf(K, T(n-1) | S | n) */
	for (size_t done = 0, i = 1; done < out_len; i++) {
		uint8_t number = (uint8_t)i;
		hmac_begin(&keyed, &m);
		hmac_add(&keyed, &m, t, i > 1 ? len : 0);
		for (size_t k = 0; k < n; k++)
			hmac_add(&keyed, &m, seed[k].p, seed[k].n);
		hmac_add(&keyed, &m, &number, 1);
		hmac_end(&keyed, &m, t);
		size_t part = min_z(len, out_len - done);
		memcpy(out + done, t, part);
		done += part;
	}
	wipe(t, sizeof t);
	wipe(&m, sizeof m);
	wipe(&keyed, sizeof keyed);
	return 0;
}
