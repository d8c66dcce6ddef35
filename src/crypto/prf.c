/* HMAC, and on it the pseudo-random functions of IKE: prf and prf+ (RFC 7296 2.13,
 * RFC 4868 2.1.2, RFC 2404). sk.c uses the same HMAC for integrity. Key derivation in
 * terms of SKEYSEED and KEYMAT is ike/'s business. */
#include "crypto/crypto_int.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <string.h>

static const struct {
	const char *name; /* the library's */
	uint16_t prf;
	uint8_t len;
} hashes[HASH_N] = {
	[HASH_SHA1] = {"SHA1", PRF_HMAC_SHA1, 20},
	[HASH_SHA256] = {"SHA256", PRF_HMAC_SHA2_256, 32},
	[HASH_SHA384] = {"SHA384", PRF_HMAC_SHA2_384, 48},
	[HASH_SHA512] = {"SHA512", PRF_HMAC_SHA2_512, 64},
};

/* A key that stands for "no key": any non-NULL address will do when its length is 0. */
static const uint8_t blank[1];

size_t crypto_hash_len(enum hash h) { return hashes[h].len; }

int crypto_init_mac(struct crypto *c)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!hmac)
		return -EIO;
	int rc = 0;
	for (int h = 0; rc == 0 && h < HASH_N; h++) {
		char name[8];
		struct sbuf b = SB(name);
		sb_put(&b, hashes[h].name);
		OSSL_PARAM set[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
			OSSL_PARAM_construct_end(),
		};
		c->mac[h] = EVP_MAC_CTX_new(hmac);
		if (!c->mac[h] || EVP_MAC_init(c->mac[h], blank, sizeof blank, set) != 1 ||
		    EVP_MAC_CTX_get_mac_size(c->mac[h]) != hashes[h].len)
			rc = -EIO;
	}
	EVP_MAC_free(hmac);
	return rc;
}

void crypto_fini_mac(struct crypto *c)
{
	for (int h = 0; h < HASH_N; h++)
		EVP_MAC_CTX_free(c->mac[h]);
}

/* The next three are one HMAC: start, add.., end. Starting anew with the same key costs
 * two compressions; the library's shortcut for it is broken before 3.0.3. */
static bool mac_start(EVP_MAC_CTX *m, struct span key)
{
	return EVP_MAC_init(m, key.n ? key.p : blank, key.n, NULL) == 1;
}

static bool mac_add(EVP_MAC_CTX *m, const struct span *v, size_t n)
{
	bool ok = true;
	for (size_t i = 0; ok && i < n; i++)
		ok = v[i].n == 0 || EVP_MAC_update(m, v[i].p, v[i].n) == 1;
	return ok;
}

static bool mac_end(EVP_MAC_CTX *m, uint8_t *out, size_t len)
{
	size_t got = 0;
	return EVP_MAC_final(m, out, &got, len) == 1 && got == len;
}

/* A blank key in the place of the secret one. */
static bool mac_forget(EVP_MAC_CTX *m) { return EVP_MAC_init(m, blank, sizeof blank, NULL) == 1; }

int crypto_hmac(struct crypto *c, enum hash h, struct span key, const struct span *v, size_t n, uint8_t *out)
{
	EVP_MAC_CTX *m = c->mac[h];
	bool ok = mac_start(m, key) && mac_add(m, v, n) && mac_end(m, out, hashes[h].len);
	ok = mac_forget(m) && ok;
	if (ok)
		return 0;
	wipe(out, hashes[h].len);
	return crypto_fail(-EIO);
}

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
	return hash_of_prf(id, &h) ? crypto_hmac(c, h, key, v, n, out) : -EINVAL;
}

int prf_plus(struct crypto *c, uint16_t id, struct span key, const struct span *seed, size_t n, uint8_t *out,
             size_t out_len)
{
	enum hash h;
	size_t len = prf_len(id);
	/* RFC 7296 2.13: the block number is one octet */
	if (!hash_of_prf(id, &h) || out_len > 255 * len) {
		wipe(out, out_len);
		return -EINVAL;
	}

	EVP_MAC_CTX *m = c->mac[h];
	uint8_t t[HASH_LEN_MAX];
	struct span prev = SPAN(t, 0);
	bool ok = true;
	/* T1 = prf(K, S | 0x01), Tn = prf(K, T(n-1) | S | n) */
	for (size_t done = 0, i = 1; ok && done < out_len; i++) {
		uint8_t number = (uint8_t)i;
		ok = mac_start(m, key) && mac_add(m, &prev, 1) && mac_add(m, seed, n) &&
		     mac_add(m, &SPAN(&number, 1), 1) && mac_end(m, t, len);
		prev = SPAN(t, len);
		size_t part = min_z(len, out_len - done);
		if (ok)
			memcpy(out + done, t, part);
		done += part;
	}
	ok = mac_forget(m) && ok;
	wipe(t, sizeof t);
	if (ok)
		return 0;
	wipe(out, out_len);
	return crypto_fail(-EIO);
}
