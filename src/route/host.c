/* See host.h. */
#include "route/host.h"

static void *get(struct mem *m, size_t n)
{
	const struct gretel_host *h = CONTAINER_OF(m, struct route_host, mem)->h;
	return h->get(h->ctx, n);
}

static void put(struct mem *m, void *p, size_t n)
{
	const struct gretel_host *h = CONTAINER_OF(m, struct route_host, mem)->h;
	h->put(h->ctx, p, n);
}

static void fill(struct rng *r, void *p, size_t n)
{
	const struct gretel_host *h = CONTAINER_OF(r, struct route_host, rng)->h;
	h->random(h->ctx, p, n);
}

void route_host_init(struct route_host *r, const struct gretel_host *h)
{
	*r = (struct route_host){.h = h, .mem = {.get = get, .put = put}, .rng = {.fill = fill}};
}
