/* What local.c, aggregate.c, fib.c, explain.c and show*.c share. */
#ifndef BGP_POLICY_INT_H
#define BGP_POLICY_INT_H

#include "bgp/filter_int.h"

/* --- local.c --- */
/* The canonical attributes of a route of our own (RFC 4271 9.2: ORIGIN, empty AS_PATH; MED as FRR has it). A
 * reference; NULL: no memory. */
struct bgp_attr *local_attr(struct bgp *b, uint8_t origin, uint32_t med, const struct addr *next_hop);
/* Why `network P` is or is not valid; false: there is no such statement. */
bool local_explain(const struct bgp *b, const struct prefix *p, struct sbuf *out);

/* --- aggregate.c --- */
struct aggregate_view {
	struct prefix prefix;
	uint32_t parts;      /* destinations that contribute */
	uint32_t suppressed; /* and those that it suppresses */
	bool active;         /* announced */
	const char *why;     /* not active: a sentence; else "" */
};
/* The aggregates over a destination, shortest first: *cursor begins at 0; false: no more. */
bool aggregate_over(const struct bgp *b, const struct bgp_table *t, uint32_t dest, uint32_t *cursor,
                    struct aggregate_view *out);
/* The aggregate of exactly this prefix. */
bool aggregate_exact(const struct bgp *b, const struct prefix *p, struct aggregate_view *out);

/* --- fib.c --- */
/* What the kernel is to have for a destination; false: nothing, and *why (may be NULL) says why not. */
bool fib_route(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, struct route *out,
               struct sbuf *why);

#endif
