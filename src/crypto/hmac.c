/* HMAC (RFC 2104), of packets and of IKE: the two keyed blocks are hashed once, when the key comes; what is authenticated then costs
 * a copy of each state.
 *
 * These are the library's own hash functions from before EVP. In OpenSSL 3.0 each copy of an EVP state allocates, and starting
 * EVP_MAC anew does that twice; here nothing is allocated, and a state is a plain struct that is wiped with the key. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/crypto_int.h"

#include <openssl/sha.h>
#include <string.h>

enum { BLOCK_MAX = 128 };

_Static_assert(sizeof(SHA_CTX) <= sizeof(struct hmac_state) && sizeof(SHA256_CTX) <= sizeof(struct hmac_state) &&
                       sizeof(SHA512_CTX) <= sizeof(struct hmac_state),
               "room for a state");

static const struct {
	size_t block, state;
} sizes[HASH_N] = {
	[HASH_SHA1] = {64, sizeof(SHA_CTX)},
	[HASH_SHA256] = {64, sizeof(SHA256_CTX)},
	[HASH_SHA384] = {128, sizeof(SHA512_CTX)},
	[HASH_SHA512] = {128, sizeof(SHA512_CTX)},
};

/* The library's functions cannot fail. */
static void start(enum hash hash, void *s)
{
	switch (hash) {
	case HASH_SHA1: SHA1_Init(s); break;
	case HASH_SHA256: SHA256_Init(s); break;
	case HASH_SHA384: SHA384_Init(s); break;
	default: SHA512_Init(s); break;
	}
}

static void add(enum hash hash, void *s, const uint8_t *p, size_t n)
{
	switch (hash) {
	case HASH_SHA1: SHA1_Update(s, p, n); break;
	case HASH_SHA256: SHA256_Update(s, p, n); break;
	default: SHA512_Update(s, p, n); break;
	}
}

static void end(enum hash hash, void *s, uint8_t *out)
{
	switch (hash) {
	case HASH_SHA1: SHA1_Final(out, s); break;
	case HASH_SHA256: SHA256_Final(out, s); break;
	default: SHA512_Final(out, s); break; /* knows its length */
	}
}

static void keyed(enum hash hash, void *state, const uint8_t *key, size_t n, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];
	memset(block, pad, sizeof block);
	for (size_t i = 0; i < n; i++)
		block[i] ^= key[i];
	start(hash, state);
	add(hash, state, block, sizes[hash].block);
	wipe(block, sizeof block);
}

void hmac_init(struct hmac *h, enum hash hash, struct span key)
{
	uint8_t sum[HASH_LEN_MAX];
	struct hmac_state s;
	h->hash = hash;
	if (key.n > sizes[hash].block) { /* RFC 2104 2: longer keys are hashed first */
		start(hash, &s);
		add(hash, &s, key.p, key.n);
		end(hash, &s, sum);
		key = SPAN(sum, crypto_hash_len(hash));
	}
	keyed(hash, &h->inner, key.p, key.n, 0x36);
	keyed(hash, &h->outer, key.p, key.n, 0x5c);
	wipe(sum, sizeof sum);
}

void hmac_begin(const struct hmac *h, struct hmac_state *s) { memcpy(s, &h->inner, sizes[h->hash].state); }

void hmac_add(const struct hmac *h, struct hmac_state *s, const void *p, size_t n)
{
	if (n)
		add(h->hash, s, p, n);
}

void hmac_end(const struct hmac *h, struct hmac_state *s, uint8_t *out)
{
	end(h->hash, s, out);
	memcpy(s, &h->outer, sizes[h->hash].state);
	add(h->hash, s, out, crypto_hash_len(h->hash));
	end(h->hash, s, out);
}

void crypto_hmac(enum hash hash, struct span key, const struct span *v, size_t n, uint8_t *out)
{
	struct hmac h;
	struct hmac_state s;
	hmac_init(&h, hash, key);
	hmac_begin(&h, &s);
	for (size_t i = 0; i < n; i++)
		hmac_add(&h, &s, v[i].p, v[i].n);
	hmac_end(&h, &s, out);
	wipe(&h, sizeof h);
	wipe(&s, sizeof s);
}
