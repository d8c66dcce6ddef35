/* Randomness as a handle: crypto_rng() in the daemon, a seeded generator in the
 * simulator. fill() cannot fail: a source that can must stop the process. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void (*fill)(struct rng *r, void *p, size_t n);
};

static inline void rng_fill(struct rng *r, void *p, size_t n) { r->fill(r, p, n); }

uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n); 0 when n is 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

#endif
