/* What the files of crypto/ share: the context, and the hashes by index. Not for
 * other directories. Each file makes and drops its own part of the context. */
#ifndef CRYPTO_CRYPTO_INT_H
#define CRYPTO_CRYPTO_INT_H

#include "crypto/crypto.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

enum hash { HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_N };
enum { HASH_LEN_MAX = 64 };
enum { CIPHER_ROWS = 16, DH_ROWS = 13 };

/* A pair of algorithms looked up; sizes in octets. */
enum cipher_mode { MODE_CBC, MODE_CTR, MODE_AEAD };
struct crypto_shape {
	size_t row; /* of crypto.cipher[] */
	enum cipher_mode mode;
	enum hash hash; /* not for MODE_AEAD */
	size_t key, salt, iv, icv, block;
	size_t integ_key;
	bool chacha; /* MODE_AEAD: not AES-GCM */
};

/* A Diffie-Hellman group made ready: MODP uses p to mont, ECP uses ec. */
struct dh_state {
	BIGNUM *p, *p_1, *g, *q; /* p_1 = p - 1; q only where small subgroups exist */
	BN_MONT_CTX *mont;
	EC_GROUP *ec;
	EVP_PKEY_CTX *import; /* X25519, X448: imports raw keys */
	EVP_PKEY *peer;       /* their public value, that of the last peer */
};

/* One thread at a time: the contexts are scratch space. */
struct crypto {
	EVP_MD *sha1;
	EVP_MD_CTX *md;
	EVP_CIPHER *cipher[CIPHER_ROWS];
	EVP_CIPHER_CTX *cipher_ctx; /* empty between calls */
	struct dh_state dh[DH_ROWS];
	struct { struct dh_private priv; EVP_PKEY_CTX *d; } kept; /* dh_keep; d NULL: nothing */
	EVP_CIPHER *ecb; /* AES-128: makes the IVs of ESP */
	struct rng drawn; /* crypto_rng_drawn: the first `left` octets of pool are still to be given out */
	uint8_t pool[512];
	size_t left;
	void *lanes[8];  /* esp_mb.c's, one per worker */
};

/* 0 or -EIO; what failed half-way is dropped by the matching fini. */
int crypto_init_sk(struct crypto *c) MUST_USE;
void crypto_fini_sk(struct crypto *c);
int crypto_init_dh(struct crypto *c) MUST_USE;
void crypto_fini_dh(struct crypto *c);
void crypto_fini_esp(struct crypto *c); /* all keys have gone */

/* use: ALGO_IKE or ALGO_ESP. False: not together, or not known. */
bool crypto_shape_find(uint16_t encr, uint16_t bits, uint16_t integ, uint16_t use, struct crypto_shape *s) MUST_USE;

size_t crypto_hash_len(enum hash h);
/* HMAC (RFC 2104) under a key: the states of the hash behind the two keyed blocks. A state is one of the library's, the largest of
 * which has 216 octets. All of them derive from the key; their owner wipes them. Nothing here can fail. */
struct hmac_state { uint64_t w[27]; };
struct hmac {
	enum hash hash;
	struct hmac_state inner, outer;
};
void hmac_init(struct hmac *h, enum hash hash, struct span key); /* a key of any length, also none */
void hmac_begin(const struct hmac *h, struct hmac_state *s);
void hmac_add(const struct hmac *h, struct hmac_state *s, const void *p, size_t n);
void hmac_end(const struct hmac *h, struct hmac_state *s, uint8_t *out); /* crypto_hash_len octets */
/* HMAC of the spans, crypto_hash_len octets into out. */
void crypto_hmac(enum hash h, struct span key, const struct span *v, size_t n, uint8_t *out);
/* Empties the library's error queue, where every failure piles up, and returns err. */
int crypto_fail(int err);
/* Wipes a block from malloc, all of it. NULL is fine. */
void crypto_wipe_block(void *p);

#endif
