/* What a world of engines on virtual time brings for all of them: memory of which the n-th block is not to be had, and chance from a
 * seed. */
#ifndef TESTS_FAKES_H
#define TESTS_FAKES_H

#include "base/base.h"

#include <stdlib.h>

struct fakes {
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	long fail_at;            /* the n-th block from now on is refused; 0: none */
	size_t blocks;           /* that are out */
};

static inline void *fakes_get(struct mem *m, size_t size)
{
	struct fakes *f = CONTAINER_OF(m, struct fakes, mem);
	if (f->fail_at && --f->fail_at == 0)
		return NULL;
	f->blocks++;
	return calloc(1, size);
}

static inline void fakes_put(struct mem *m, void *p, size_t size)
{
	struct fakes *f = CONTAINER_OF(m, struct fakes, mem);
	(void)size;
	f->blocks -= p != NULL;
	free(p);
}

static inline uint64_t fakes_random(struct fakes *f)
{
	uint64_t x = f->seed += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline void fakes_fill(struct rng *r, void *p, size_t n)
{
	struct fakes *f = CONTAINER_OF(r, struct fakes, rng);
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)fakes_random(f);
}

static inline struct fakes fakes_new(uint64_t seed)
{
	return (struct fakes){.mem = {.get = fakes_get, .put = fakes_put}, .rng = {.fill = fakes_fill}, .seed = seed};
}

#endif
