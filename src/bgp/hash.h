/* Keyed hashes for tables that are probed once per prefix or per message: a folded 64 x 64 -> 128 bit product of words that are
 * mixed with a random key, so that a peer who does not know the key cannot aim at one bucket. Internal to bgp/. */
#ifndef BGP_HASH_H
#define BGP_HASH_H

#include <string.h>

#include "base/base.h"

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide p = (wide)a * b;
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Over n octets; the length is part of it. */
static inline uint64_t hash_run(const uint64_t key[2], const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t h = hash_mix(key[0] ^ n, key[1] ^ 0x9e3779b97f4a7c15u);
	while (n) {
		uint64_t w[2] = {0, 0};
		size_t take = min_z(n, sizeof w);
		memcpy(w, p, take);
		h = hash_mix(w[0] ^ key[1] ^ h, w[1] ^ key[0] ^ 0xe7037ed1a0b428dbu);
		p += take;
		n -= take;
	}
	return h;
}

#endif
