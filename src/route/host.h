/* What the daemon gives a module, as the handles that our pure code takes. Internal to route/. */
#ifndef ROUTE_HOST_H
#define ROUTE_HOST_H

#include "route/route.h"

struct route_host {
	const struct gretel_host *h;
	struct mem mem;
	struct rng rng;
};
void route_host_init(struct route_host *r, const struct gretel_host *h);

#endif
