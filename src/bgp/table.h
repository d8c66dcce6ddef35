/* The tables of bgp/: attributes, next hops, destinations and their paths, the decision. Internal; the rest of what the
 * files here share is in bgp_int.h, which includes this. */
#ifndef BGP_TABLE_H
#define BGP_TABLE_H

#include "bgp/bgp.h"
#include "bgp/pool.h"

/* --- Attributes (attr.c): one struct per distinct set, counted, never changed. One that nobody has is kept until there is nothing better to
 * do: who takes all back is answered first, and who then announces again finds it --- */
struct bgp_attr {
	struct hnode node;
	struct list idle;                /* of those without references */
	uint32_t id, refs;
	uint32_t weight;                 /* part of the key: set by filters and by local origin */
	uint32_t tag;
	uint32_t ifindex;                /* part of the key: of a link-local next hop that is tracked; else 0 */
	struct addr next_hop, next_hop_ll; /* part of the key; AF_NONE: "self", filled in per peer */
	struct bgp_nh *nh;               /* tracked next hop; NULL for those that are never resolved (outbound sets) */
	struct bgp_attrs v;              /* view into canon */
	uint32_t as_length, first_as;    /* of the path, computed once */
	bool llgr_stale;                 /* has this community (RFC 9494) */
	uint8_t cluster_len;             /* entries of CLUSTER_LIST, saturating */
	uint32_t canon_len;
	uint8_t canon[];                 /* bgp_attrs_canon's form */
};
enum { BGP_WEIGHT_LOCAL = 32768 };
/* A reference to the set with this content; NULL: no memory. track: resolve its next hop. */
struct bgp_attr *attr_get(struct bgp *b, struct span canon, const struct addr *next_hop, const struct addr *next_hop_ll,
                          uint32_t weight, uint32_t tag, bool track);
void attr_ref(struct bgp_attr *a);
void attr_unref(struct bgp *b, struct bgp_attr *a);
struct bgp_attr *attr_at(const struct bgp *b, uint32_t id);
uint32_t attr_count(const struct bgp *b);   /* sets there are, for show and tests */
bool attr_idle(const struct bgp *b);        /* some are to be freed */
bool attr_work(struct bgp *b);              /* frees a few of them; true: more is left */
void attr_nh_walked(struct bgp *b);         /* rib.c: a walk has seen all changed next hops */

/* A set being changed by filters. Spans point into the original or into buf. */
struct bgp_edit {
	struct bgp_attrs v;
	uint32_t weight, tag;
	bool next_hop_self, next_hop_unchanged; /* asked for by a route map */
	bool changed;
	size_t used;
	uint8_t buf[8192];
};
void edit_init(struct bgp_edit *e, const struct bgp_attr *a);
/* Room for n octets in buf; NULL: too much, the route is to be denied. */
uint8_t *edit_room(struct bgp_edit *e, size_t n);
struct bgp_attr *edit_commit(struct bgp *b, const struct bgp_edit *e, bool track); /* a reference; NULL: no memory */

/* --- Next hops (nht.c) --- */
struct bgp_nh {
	struct hnode node;
	struct addr addr;
	uint32_t ifindex;                /* of the session, for link-local ones; else 0 */
	uint32_t refs;                   /* attributes that have it */
	bool ok, changed;                /* changed: paths with it are to be decided anew (walk pending) */
	uint32_t metric;                 /* to the next hop; smaller is nearer */
	struct prefix via;               /* the route that resolved it */
	uint8_t n_hops;
	struct route_hop hop[ROUTE_HOPS_MAX]; /* where packets go */
	char why[96];                    /* not ok: a sentence */
};
struct bgp_nh *nht_get(struct bgp *b, const struct addr *a, uint32_t ifindex); /* a reference */
void nht_unref(struct bgp *b, struct bgp_nh *nh);
/* Facts of the kernel. They mark what changed and ask for a walk. */
void nht_link(struct bgp *b, const struct route_link *l, bool gone);
void nht_addr(struct bgp *b, const struct route_addr *a, bool gone);
void nht_route(struct bgp *b, const struct route *r, bool gone);
void nht_tunnel(struct bgp *b, const char *name, uint32_t ifindex, bool up);
void nht_rib_changed(struct bgp *b, uint8_t af, const struct prefix *p); /* one of our own routes came, changed, went */
/* Looks again at the next hops that facts and our own routes have touched; true: some have `changed` set, a walk is due. */
bool nht_settle(struct bgp *b);
/* What the kernel has for exactly this prefix, best source first; NULL. For network import checks, redistribution. */
const struct route *nht_exact(const struct bgp *b, const struct prefix *p);
/* The kernel's routes one by one, the best of each prefix; *cursor begins at 0; NULL: no more. A walk that is interrupted by changes
 * may miss those, which are reported by local_kernel_route() anyway. */
const struct route *nht_walk(const struct bgp *b, uint64_t *cursor);
const struct bgp_nh *nht_next(const struct bgp *b, uint64_t *cursor); /* the tracked next hops one by one, for show; NULL: no more */
const struct route_link *nht_link_at(const struct bgp *b, uint32_t ifindex);
const struct route_link *nht_link_by_name(const struct bgp *b, const char *name);
bool nht_is_local(const struct bgp *b, const struct addr *a);
/* Our address and interface on the network that the peer is connected through; false: not connected. Peers of a tunnel
 * that is down are not connected. */
bool nht_connected(const struct bgp *b, const struct addr *peer, uint32_t *ifindex, struct addr *local);
/* An address of this interface to speak to the peer from; false: it has none of the family. */
bool nht_if_address(const struct bgp *b, uint32_t ifindex, const struct addr *peer, struct addr *out);
bool nht_if_usable(const struct bgp *b, uint32_t ifindex); /* link up and its tunnel, if any, too */
uint32_t nht_router_id(const struct bgp *b); /* as zebra chooses: highest loopback address that is not 127/8, else the highest IPv4 address */

/* --- Destinations and paths (rib.c) --- */
enum bgp_path_flag {
	PATH_VALID = 1,                  /* next hop resolved, or local and not refused */
	PATH_STALE = 2, PATH_LLGR = 4,   /* kept for a peer that restarts */
	PATH_LOCAL = 8,                  /* peer is 0: network, redistribute, aggregate, default */
	PATH_AGGREGATE = 16,
	PATH_FILTERED = 32,              /* denied by an inbound filter, kept for soft reconfiguration: attr is 0 */
	PATH_MULTI = 64,                 /* used beside the best one */
	PATH_REFRESHING = 128,           /* not seen again since BoRR (RFC 7313) */
};
struct bgp_path {
	uint32_t next;                   /* path id; 0 = last */
	uint32_t attr;                   /* after inbound filters */
	uint32_t raw;                    /* as received; 0 = the same as attr, or not kept */
	uint32_t path_id;                /* add-path's, as received; local: enum bgp_origin_kind */
	uint32_t when_s;                 /* now in seconds when it came */
	uint16_t peer;                   /* struct bgp_peer.index; 0 = local */
	uint16_t flags;                  /* enum bgp_path_flag */
};
enum bgp_local_kind { LOCAL_NETWORK = 1, LOCAL_REDISTRIBUTED = 2, LOCAL_AGGREGATE = 3, LOCAL_DEFAULT = 4 };
/* fib.c queues destinations by number: rib.c frees none that is in_fib or has DEST_FIB_QUEUED, and fib.c calls
 * rib_dest_idle() when it lets go of one, which frees it when it has no path. */
enum bgp_dest_flag {
	DEST_LIVE = 1,                   /* not a free number */
	DEST_IDLE = 2,                   /* without paths, until no group has anything to say about it */
	DEST_TOUCHED = 4,                /* what was the best path has changed or gone */
	DEST_DECIDING = 8,               /* an aggregate that lets go of it now does not free it */
	DEST_FIB_QUEUED = 0x80,
};
struct bgp_dest {
	uint32_t chain;                  /* hash chain: dest id */
	uint32_t best;                   /* path id, 0 = none usable */
	uint32_t version;                /* table version at its last change, for show */
	uint8_t len;
	uint8_t suppressed;              /* aggregates with summary-only above it */
	uint8_t flags;                   /* enum bgp_dest_flag */
	uint8_t in_fib;                  /* 0 no, 1 asked for, 2 refused by the kernel */
	uint32_t first;                  /* path id of the list, best first after a decision is not promised */
	uint8_t addr[];                  /* 4 or 16 octets */
};
struct bgp_table {
	uint8_t af;
	struct bgp_pool dest, path;
	uint32_t *bucket;
	uint32_t n_buckets, n_dests, n_paths, version;
	uint64_t key[2];                 /* of the hash */
	uint32_t last, last_hash;        /* the destination that was looked up last, and its hash */
	uint32_t n_len[129];             /* destinations of each prefix length */
};
struct bgp_table *rib_table(struct bgp *b, uint8_t af);
uint32_t rib_hash(const struct bgp_table *t, const uint8_t *addr, uint8_t len); /* to be masked by n_buckets - 1 */
struct bgp_dest *rib_dest(const struct bgp_table *t, uint32_t id);
struct bgp_path *rib_path(const struct bgp_table *t, uint32_t id);
void rib_prefix(const struct bgp_table *t, const struct bgp_dest *d, struct prefix *out);
uint32_t rib_find(const struct bgp_table *t, const struct prefix *p);   /* dest id, 0 = none */
uint32_t rib_longest(const struct bgp_table *t, const struct addr *a);  /* with a best path */

struct bgp_peer;
/* A route of a peer, as received (raw is borrowed): inbound filters, then the table. */
void rib_update(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, struct bgp_attr *raw,
                mono_t now);
void rib_withdraw(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, mono_t now);
/* Have the processor fetch what updates or withdrawals of n <= RIB_AHEAD prefixes will read. Each step asks for what the next one looks at,
 * so other work should lie between them: where destinations are to be found; the destinations, and what groups know of them;
 * paths, and whatever else may be meant. Nothing in the tables changes. (Each step writes to *a: a function that did nothing but
 * prefetch would be none to the compiler, which leaves calls of such out.) */
enum { RIB_AHEAD = 16 };
struct rib_ahead {
	size_t n, ready;                 /* ready: the last step has been made for so many */
	uint32_t hash[RIB_AHEAD], dest[RIB_AHEAD];
	struct bgp_dest *d[RIB_AHEAD];   /* of dest; NULL: none. Mostly what is looked for, unless it is another one or has gone meanwhile */
};
void rib_ahead_far(const struct bgp *b, uint8_t af, struct rib_ahead *a, const struct prefix *pfx, size_t n);
void rib_ahead_near(const struct bgp *b, uint8_t af, struct rib_ahead *a);
void rib_ahead_last(const struct bgp *b, uint8_t af, struct rib_ahead *a);
/* rib_withdraw() for n prefixes that have been asked for so. */
void rib_withdraw_ahead(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct rib_ahead *a, const struct prefix *pfx,
                        const uint32_t *path_id, size_t n, mono_t now);
/* Routes of our own; attr is borrowed. */
void rib_local_set(struct bgp *b, uint8_t af, const struct prefix *pfx, uint8_t kind, struct bgp_attr *attr, bool valid, mono_t now);
void rib_local_del(struct bgp *b, uint8_t af, const struct prefix *pfx, uint8_t kind, mono_t now);
void rib_dest_idle(struct bgp *b, struct bgp_table *t, uint32_t dest); /* fib.c has let go of it */
void rib_suppress(struct bgp *b, uint8_t af, uint32_t dest, bool more, mono_t now); /* aggregate.c */
/* All paths of a peer: away, or marked stale. Done in a walk over the table, at once for all peers that are pending. */
enum bgp_purge { PURGE_ALL, PURGE_MARK_STALE, PURGE_STALE, PURGE_MARK_REFRESH, PURGE_REFRESH, PURGE_REFILTER_IN, PURGE_LLGR };
void rib_purge(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t what);
void rib_decide_all(struct bgp *b);      /* options of the decision changed */
/* Pending walks, in slices; true: more is left. Tunnel-down walks are done to the end at once. */
bool rib_work(struct bgp *b, mono_t now);

/* decide.c: the better of two usable paths (positive: x is, negative: y is), and the step that said so, in FRR's words ("Weight",
 * "Local Pref", ...). */
int decide_cmp(const struct bgp *b, const struct bgp_table *t, const struct bgp_path *x, const struct bgp_path *y,
               const char **reason);
/* Called by rib.c after each change of a destination; finds best and multipath, then tells fib, aggregates, next hops, groups. */
void decide_dest(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now);

#endif
