/* Numbers out of an RNG handle. */
#include "base/rng.h"

uint64_t rng_u64(struct rng *r)
{
	uint64_t v;
	rng_fill(r, &v, sizeof v);
	return v;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	if (n == 0)
		return 0;
	/* Reject the tail that would favour small values. */
	uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;
	do
		v = rng_u64(r);
	while (v >= limit);
	return v % n;
}
