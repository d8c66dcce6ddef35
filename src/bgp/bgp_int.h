/* What the files of bgp/ share. Internal.
 *
 *   engine.c   entry points, configuration, work queue            attr.c    interned attributes
 *   fsm.c      the table, nothing else; session.c drives it       rib.c     destinations and paths
 *   m_*.c      one message per file                               decide.c  which path is best, and why
 *   out.c      what a connection has to send                      nht.c     next hops against the kernel's routes
 *   gr.c       graceful restart, both sides                       adj_out.c groups of equal peers: who gets what
 *   filter.c map.c regex.c  lists, route maps, their patterns     pack.c    messages of a group, shared by its members
 *   local.c aggregate.c fib.c explain.c show*.c
 *
 * Ids instead of pointers in what there are millions of: a path is 24 octets, a destination 16 and its first path. */
#ifndef BGP_BGP_INT_H
#define BGP_BGP_INT_H

#include "bgp/bgp.h"

/* --- Pools: objects by number, 1 and up; a number is stable, memory grows in pages, free ones are reused (pool.c) --- */
struct bgp_pool { struct mem *mem; uint8_t **page; uint32_t size, per_page_log2, n_pages, cap_pages, used, free_head; };
void pool_init(struct bgp_pool *p, struct mem *mem, uint32_t size);
void pool_fini(struct bgp_pool *p);
uint32_t pool_get(struct bgp_pool *p); /* 0: no memory; zeroed */
void pool_put(struct bgp_pool *p, uint32_t id);
static inline void *pool_at(const struct bgp_pool *p, uint32_t id)
{
	return p->page[id >> p->per_page_log2] + (size_t)(id & ((1u << p->per_page_log2) - 1)) * p->size;
}

/* --- Attributes (attr.c): one struct per distinct set, counted, never changed --- */
struct bgp_attr {
	struct hnode node;
	uint32_t id, refs;
	uint32_t weight;                 /* part of the key: set by filters and by local origin */
	uint32_t tag;
	uint32_t ifindex;                /* part of the key: of a link-local next hop that is tracked; else 0 */
	struct addr next_hop, next_hop_ll; /* part of the key; AF_NONE: "self", filled in per peer */
	struct bgp_nh *nh;               /* tracked next hop; NULL for those that are never resolved (outbound sets) */
	struct bgp_attrs v;              /* view into canon */
	uint32_t as_length, first_as;    /* of the path, computed once */
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
void attr_nh_walked(struct bgp *b);         /* rib.c: a walk has seen all changed next hops */

/* A set being changed by filters. Spans point into the original or into buf. */
struct bgp_edit {
	struct bgp_attrs v;
	struct span unknown;             /* canonical octets of the attributes that we do not know */
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
	DEST_IDLE = 2,                   /* without paths, kept until the messages that withdraw it are closed */
	DEST_TOUCHED = 4,                /* what was the best path has changed or gone */
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

/* --- Filters (filter.c, map.c, regex.c) --- */
struct bgp_filter_in {           /* what a filter may look at */
	const struct prefix *prefix;
	const struct bgp_peer *peer;     /* the session's; NULL for local ones */
	uint8_t source;                  /* enum route_source, for redistribution */
	struct sbuf *trace;              /* explain: which rule said what; NULL */
};
bool filter_prefix_list(const struct bgp *b, uint32_t list /* index + 1; 0 permits */, const struct prefix *p, struct sbuf *trace);
bool filter_aspath_list(const struct bgp *b, uint32_t list, struct span as_path, struct sbuf *trace);
/* Runs a route map over *e; false: denied. map 0 permits. */
bool filter_map(const struct bgp *b, uint32_t map, const struct bgp_filter_in *in, struct bgp_edit *e);
/* Whether the map's outcome can differ between prefixes with the same attributes. */
bool filter_map_by_prefix(const struct bgp *b, uint32_t map);
/* Patterns are compiled once per configuration; both calls are bounded in time by text x pattern (no backtracking). */
int filter_compile(struct bgp *b);       /* after a new conf: -ENOMEM */
void filter_free(struct bgp *b);

/* --- Groups (adj_out.c) and their messages (pack.c) --- */
struct bgp_chunk {               /* one message, shared by the members of a group */
	struct bgp_chunk *next;
	uint32_t refs;                   /* members that have not sent it yet, and the queues that hold it */
	uint32_t len, cap;
	uint16_t nh_at, nh_len;          /* where each member's own address goes; nh_len 0: nowhere */
	uint16_t except, only;           /* peer index that does not get it; that alone gets it; 0 = nobody special */
	uint8_t data[];
};
struct bgp_group;
/* Established with this family: joins the group of equal peers (or makes one), gets the whole table, then End-of-RIB. */
void adj_join(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now);
void adj_leave(struct bgp *b, struct bgp_peer *p, uint8_t af);
void adj_resend(struct bgp *b, struct bgp_peer *p, uint8_t af, bool enhanced, mono_t now); /* route refresh, soft out: BoRR ... EoRR when enhanced */
void adj_regroup(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now); /* outbound configuration changed: sends the difference */
/* A new configuration in which nothing has changed for the peer, but its filters may have other numbers. */
void adj_renumber(struct bgp *b, const struct bgp_peer *p, uint8_t af);
void adj_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now);
/* Open messages are closed when input pauses: at once when little is pending, after a short while within a burst. */
mono_t adj_due(const struct bgp *b);
void adj_tick(struct bgp *b, mono_t now);  /* when adj_due() has come: flushes, unless input goes on */
void adj_flush(struct bgp *b, mono_t now); /* at once, whatever is open */
/* What a member has to send of its group's messages: as bgp_output and bgp_sent; sent returns octets that were not its business. */
size_t adj_output(struct bgp *b, struct bgp_peer *p, struct span *out, size_t max);
size_t adj_sent(struct bgp *b, struct bgp_peer *p, size_t octets);
bool adj_pending(const struct bgp_peer *p);
/* What p has been sent, for `advertised`: attributes of dest to p, NULL = not announced. */
const struct bgp_attr *adj_advertised(const struct bgp *b, const struct bgp_peer *p, uint8_t af, uint32_t dest);
/* Whether and with which attributes a path would go to p; NULL = not, trace says why. A reference. */
struct bgp_attr *adj_export(struct bgp *b, const struct bgp_peer *p, const struct bgp_table *t, uint32_t dest, uint32_t path,
                            struct sbuf *trace);

/* --- Peers --- */
enum bgp_state { BGP_IDLE, BGP_CONNECT, BGP_ACTIVE, BGP_OPEN_SENT, BGP_OPEN_CONFIRM, BGP_ESTABLISHED };
struct bgp_conn;                 /* session.c */
struct bgp_peer_af {
	bool negotiated;
	struct bgp_group *group;         /* NULL: not joined */
	struct bgp_chunk *pos;           /* the next of the group's messages; pack.c */
	uint32_t accepted, received, filtered, sent; /* prefixes now: in the table, these and those kept though denied, denied, announced */
	uint32_t as_loop, originator_loop, cluster_loop; /* routes that were dropped as our own, since the session began */
	bool eor_in, eor_out, max_prefix_warned;
	bool gr_stale;                   /* stale paths wait for its EoR */
	struct bgp_group_member *member; /* adj_out.c's own */
};
struct bgp_peer {
	uint16_t index;                  /* 1 and up; stable while the peer lives */
	struct addr address;
	const struct conf_bgp_peer *conf;
	bool dynamic;                    /* of a listen range */
	bool external;
	uint8_t state;                   /* enum bgp_state of the session as a whole */
	uint32_t router_id;              /* the peer's, host order */
	uint32_t as;
	struct addr local;               /* our address on the session */
	uint32_t ifindex;                /* the interface that carries it */
	struct bgp_coding coding;
	struct bgp_open open_sent, open_rcvd;
	char host[64];                   /* of the FQDN capability, printable; "" */
	struct bgp_peer_af af[BGP_AF_N];
	struct bgp_session *session;     /* session.c's own: connections, timers, counters */
};
struct bgp_peer *peer_at(const struct bgp *b, uint32_t index);
struct bgp_peer *peer_find(const struct bgp *b, const struct addr *a);
bool peer_next(const struct bgp *b, uint32_t *cursor, struct bgp_peer **out);
/* Ends the session with a NOTIFICATION. */
void session_stop(struct bgp *b, struct bgp_peer *p, const struct bgp_error *why, const char *text, mono_t now);
void session_output(struct bgp *b, struct bgp_peer *p); /* it has something to send now */

/* --- Own routes, aggregates, the kernel --- */
void local_conf(struct bgp *b, mono_t now);             /* new configuration: networks, redistribution, defaults */
void local_kernel_route(struct bgp *b, const struct prefix *p, mono_t now); /* the kernel's routes for this prefix changed */
bool local_work(struct bgp *b, mono_t now);
void aggregate_conf(struct bgp *b, mono_t now);
void aggregate_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now);
bool aggregate_work(struct bgp *b, mono_t now);
void fib_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest);
bool fib_work(struct bgp *b, mono_t now, struct bgp_acts *acts); /* queued routes as actions; true: more is left */
void fib_failed(struct bgp *b, uint32_t ticket, int status);
void fib_conf(struct bgp *b, mono_t now); /* install, table or metric changed: whatever differs is queued again */
/* Called once by the engine when all peers have sent their End-of-RIB after the start, or a timer has given up on them: BGP_ACT_ROUTES_KEPT
 * follows behind the routes that are queued by then. */
void fib_converged(struct bgp *b);
/* The engine stops. graceful: the kernel's routes stay and nothing more is done to them; else all go. */
void fib_stop(struct bgp *b, bool graceful);

/* --- The engine itself --- */
struct bgp {
	struct bgp_env env;
	const struct conf *conf;
	const struct conf_bgp *cb;
	uint32_t router_id, cluster_id;
	uint32_t session_ifindex;        /* of the session whose UPDATE is being read: the scope of link-local next hops */
	uint32_t router_id_chosen;       /* without one in the configuration */
	struct bgp_acts *acts;           /* of the call that is under way */
	mono_t now;
	bool synced, stopping;
	struct heap timers;
	struct bgp_table table[BGP_AF_N];
	/* One opaque part per file, made by its x_init(), freed by its x_fini(). */
	struct bgp_attrs_state *attrs;
	struct bgp_nht_state *nht;
	struct bgp_adj_state *adj;
	struct bgp_filter_state *filter;
	struct bgp_local_state *local;
	struct bgp_aggregate_state *aggregate;
	struct bgp_fib_state *fib;
	struct bgp_peers_state *peers;
	struct bgp_rib_state *rib;
};
int attr_init(struct bgp *b) MUST_USE; void attr_fini(struct bgp *b);
int nht_init(struct bgp *b) MUST_USE; void nht_fini(struct bgp *b);
int rib_init(struct bgp *b) MUST_USE; void rib_fini(struct bgp *b);
int adj_init(struct bgp *b) MUST_USE; void adj_fini(struct bgp *b);
int filter_init(struct bgp *b) MUST_USE; void filter_fini(struct bgp *b);
int local_init(struct bgp *b) MUST_USE; void local_fini(struct bgp *b);
int aggregate_init(struct bgp *b) MUST_USE; void aggregate_fini(struct bgp *b);
int fib_init(struct bgp *b) MUST_USE; void fib_fini(struct bgp *b);
int peers_init(struct bgp *b) MUST_USE; void peers_fini(struct bgp *b);

/* An action, or NULL when the caller's array is full: then the work stays queued and bgp_due() says now. */
struct bgp_act *act_add(struct bgp *b, uint8_t type);
void act_note(struct bgp *b, int level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
