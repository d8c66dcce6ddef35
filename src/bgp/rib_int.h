/* What rib.c (destinations and paths), rib_in.c (inbound filters), rib_walk.c (walks over the tables), decide.c and the groups
 * share. Internal. */
#ifndef BGP_RIB_INT_H
#define BGP_RIB_INT_H

#include "bgp/bgp_int.h"

static inline struct bgp_dest *dest_at(const struct bgp_table *t, uint32_t id) { return pool_at(&t->dest, id); }
static inline struct bgp_path *path_at(const struct bgp_table *t, uint32_t id) { return pool_at(&t->path, id); }

/* Destinations that have lost their only path. */
struct lost {
	size_t n;                        /* at most RIB_AHEAD */
	uint32_t dest[RIB_AHEAD], hash[RIB_AHEAD];
	struct bgp_dest *d[RIB_AHEAD];
};

/* A number's set. The link of the pool's free numbers lies beside the pointer, which is NULL then. */
struct attr_slot {
	uint32_t free_link;
	struct bgp_attr *a;
};
struct bgp_attrs_state {
	struct hmap map;
	struct bgp_pool ids; /* struct attr_slot */
	struct list idle;    /* oldest first */
	uint32_t n_idle;
};
/* attr_at() for those who call it for each path. */
static inline struct bgp_attr *attr_by(const struct bgp *b, uint32_t id)
{
	return ((const struct attr_slot *)pool_at(&b->attrs->ids, id))->a;
}

void attr_rest(struct bgp *b, struct bgp_attr *a); /* the last reference has gone */
/* attr_unref() likewise. */
static inline void attr_put(struct bgp *b, struct bgp_attr *a)
{
	if (!BUG(a->refs == 0) && --a->refs == 0)
		attr_rest(b, a);
}

/* Numbers in a row; what does not fit for lack of memory is the caller's to deal with. */
struct bag {
	uint32_t *v;
	uint32_t n, cap;
};
bool bag_add(struct mem *mem, struct bag *g, uint32_t v) MUST_USE;
void bag_free(struct mem *mem, struct bag *g);

/* What the inbound filters say about the routes of one UPDATE, kept for the next prefix of it. */
enum in_verdict {
	IN_PASS,                         /* attr is what goes into the table */
	IN_DENIED,
	IN_AS_LOOP, IN_ORIGINATOR_LOOP, IN_CLUSTER_LOOP, /* our own coming back */
	IN_NO_MEMORY,
};
struct in_cache {
	const struct conf_bgp_af *conf;  /* NULL: nothing is kept */
	uint16_t peer;
	uint8_t verdict;                 /* enum in_verdict */
	bool by_prefix;                  /* only loops are the same for all prefixes */
	struct bgp_attr *raw, *attr;     /* references; attr NULL unless it passed */
};
/* Fills b->rib->in for this route. */
uint8_t in_filter(struct bgp *b, const struct bgp_peer *p, uint8_t af, const struct prefix *pfx, struct bgp_attr *raw);
void in_forget(struct bgp *b);

/* What a walk has to do about a peer's paths, a bit per enum bgp_purge. */
struct walk_peer {
	uint8_t what[BGP_AF_N];
};
struct bgp_rib_state {
	struct in_cache in;
	struct walk_peer *peer;          /* by index */
	uint32_t n_peer;
	uint32_t n_purges;               /* peers and families with something to do */
	bool walking, decide_all;        /* a walk is under way; that looks at every destination */
	bool nh_changed;                 /* that looks at paths with changed next hops */
	bool again;                      /* rib_decide_all() came during a walk */
	uint16_t lone;                   /* a peer for which there was no memory in `peer` */
	uint8_t lone_what[BGP_AF_N];
	bool idle_lost;                  /* an idle destination is in no bag: they are to be looked for */
	uint8_t af;                      /* where the walk is */
	uint32_t at;
	struct bag idle[BGP_AF_N];       /* destinations without paths, DEST_IDLE */
};
/* All that is pending for this peer is done when it returns. */
void walk_peer_now(struct bgp *b, uint16_t peer, uint8_t af, mono_t now);

/* The destination of a prefix, made when there is none; it goes by itself unless it is held (adj_holds). 0: no memory. */
uint32_t rib_keep(struct bgp *b, struct bgp_table *t, const struct prefix *p);
/* Takes a path out of its destination; the caller decides then. prev: the path before it, 0 = it is the first. */
void path_remove(struct bgp *b, struct bgp_table *t, uint32_t dest, uint32_t path, uint32_t prev);
/* Other attributes for a received path, by filters that have changed; NULL, raw: denied. Borrowed. */
void path_refill(struct bgp *b, struct bgp_table *t, uint32_t path, struct bgp_attr *attr, struct bgp_attr *raw);
/* After a change of `path` (0: of a path that has gone): decides, tells, frees the destination when nothing is left of it. */
void dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, uint32_t path, mono_t now);
/* Whether a path with received attributes may be used. */
static inline bool path_usable(const struct bgp_attr *a) { return a->nh && a->nh->ok; }

/* Groups: whether some group has something to say about this destination. */
bool adj_holds(const struct bgp *b, const struct bgp_table *t, uint32_t dest);
/* adj_dest_changed() of these, each of which is there once. A bit for each: as adj_holds(). */
uint32_t adj_lost(struct bgp *b, struct bgp_table *t, const struct lost *l, mono_t now);
/* Has the processor fetch what the groups know of these; 0: of nothing. */
void adj_ahead(const struct bgp *b, uint8_t af, const uint32_t *dest, size_t n);
/* Some group sends more than best paths. */
bool adj_all_paths(const struct bgp *b, uint8_t af);
/* The messages are closed: destinations that waited for it go. */
void rib_reap(struct bgp *b);

#endif
