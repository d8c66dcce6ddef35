/* What aggregate.c and aggregate_attr.c share. */
#ifndef BGP_AGGREGATE_INT_H
#define BGP_AGGREGATE_INT_H

#include "bgp/policy_int.h"

/* A set of attributes among the parts of an aggregate, and how many paths have it. */
struct agg_set {
	struct hnode node;
	struct list all;
	struct bgp_attr *attr; /* a reference */
	uint32_t n;
};
/* A destination that contributes. */
struct agg_part {
	struct hnode node;
	struct list all;
	uint32_t dest, n; /* n paths */
	bool atomic;      /* an aggregate among its paths has ATOMIC_AGGREGATE */
	bool suppressing; /* rib_suppress() has been told */
	uint32_t attr[];  /* of its paths */
};
struct agg {
	struct hnode node;
	struct list all;
	struct prefix prefix;
	struct conf_bgp_aggregate conf; /* a copy: outlives its configuration until it is taken down */
	struct hmap parts, sets;
	struct list part_list, set_list;
	uint32_t paths, atomics, suppressed;
	bool keep, dirty, denied;   /* keep: of the present configuration; denied: by its route map */
	struct bgp_attr *announced; /* what is in the table; NULL = nothing */
};

/* FRR's attributes for an aggregate (RFC 4271 9.2.2.2, RFC 9774). A reference; NULL: denied by its route map (then
 * ag->denied is
 * set), or no memory. */
struct bgp_attr *aggregate_attr(struct bgp *b, struct agg *ag);
/* matching-MED-only: whether all parts have the same. */
bool aggregate_med_ok(const struct agg *ag);

#endif
