/* HMAC for packets: the two keyed blocks are hashed once, when the key comes; a packet costs a copy of each state.
 *
 * These are the library's own hash functions from before EVP. In OpenSSL 3.0 each copy of an EVP state allocates, and starting
 * EVP_MAC anew does that twice; here nothing is allocated, and a state is a plain struct that is wiped with the key. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/esp_int.h"

#include <openssl/sha.h>
#include <string.h>

enum { BLOCK_MAX = 128, WORDS = 27 };

_Static_assert(sizeof(SHA_CTX) <= 8 * WORDS && sizeof(SHA256_CTX) <= 8 * WORDS && sizeof(SHA512_CTX) <= 8 * WORDS,
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

void esp_hmac_init(struct esp_hmac *h, enum hash hash, const uint8_t *key, size_t key_len)
{
	size_t n = min_z(key_len, sizes[hash].block);
	h->hash = hash;
	keyed(hash, h->inner, key, n, 0x36);
	keyed(hash, h->outer, key, n, 0x5c);
}

void esp_hmac(const struct esp_hmac *h, uint64_t scratch[WORDS], const uint8_t *p, size_t n, const uint8_t *tail,
              size_t tail_n, uint8_t out[HASH_LEN_MAX])
{
	memcpy(scratch, h->inner, sizes[h->hash].state);
	add(h->hash, scratch, p, n);
	if (tail_n)
		add(h->hash, scratch, tail, tail_n);
	end(h->hash, scratch, out);
	memcpy(scratch, h->outer, sizes[h->hash].state);
	add(h->hash, scratch, out, crypto_hash_len(h->hash));
	end(h->hash, scratch, out);
}
