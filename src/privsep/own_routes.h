/* Which routes in the kernel are ours: a set of (destination, table, metric), 8 octets for an IPv4 route and 24 for an IPv6
 * one, so that a full table costs priv little. Pure. Only the actor includes this. */
#ifndef PRIVSEP_OWN_ROUTES_H
#define PRIVSEP_OWN_ROUTES_H

#include "model/model.h"

/* Tables and metrics that occur at the same time; a configuration has one or two. */
enum { OWN_LANES = 64 };

/* One place of the open table. used 0: empty, and the end of a chain. */
struct own4 { uint32_t addr; uint8_t len, lane, used, stale; };
struct own6 { uint8_t addr[16]; uint8_t len, lane, used, stale; uint32_t pad; };

struct own_routes {
	struct mem *mem;
	struct { uint32_t table, metric; } lane[OWN_LANES];
	uint8_t n_lanes;
	uint64_t key;            /* so that a peer cannot aim at one chain */
	struct own4 *v4;
	struct own6 *v6;
	size_t cap4, n4, cap6, n6; /* caps are powers of two or 0 */
	size_t n_stale;
};

void own_routes_init(struct own_routes *o, struct mem *mem, uint64_t key);
void own_routes_fini(struct own_routes *o);
size_t own_routes_count(const struct own_routes *o);
bool own_routes_has(const struct own_routes *o, const struct route *r);
/* Makes room for n more, so that own_routes_add cannot fail. -ENOMEM, or 0. */
int own_routes_reserve(struct own_routes *o, size_t n) MUST_USE;
/* Adds, or, for one that is there, sets stale. -ENOSPC: too many tables and metrics; 0. */
int own_routes_add(struct own_routes *o, const struct route *r, bool stale);
void own_routes_del(struct own_routes *o, const struct route *r);
/* From now on all are stale: the one who set them is dead. */
void own_routes_stale(struct own_routes *o);
/* The next stale one behind *at (0: from the first): its destination, table and metric. False: none left. */
bool own_routes_next_stale(const struct own_routes *o, size_t *at, struct route *out);

#endif
