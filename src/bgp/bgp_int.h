/* What the files of bgp/ share. Internal.
 *
 *   engine.c   entry points, work queue                           attr.c    interned attributes
 *   reconf.c   configuration by difference (same.c: tables)       rib*.c    destinations and paths
 *   peers.c    the peers; world.c: links and tunnels              decide.c  which path is best, and why
 *   fsm.c      the table, nothing else; session.c its handlers    nht.c     next hops against the kernel's routes (kview.c)
 *   want.c     whether a session is wanted; timers                adj_out.c groups of equal peers: who gets what
 *   conn.c     connections, octets in; out.c: octets out          pack.c    messages of a group, shared by its members
 *   m_*.c      one message per file                               filter.c map.c regex.c  lists, route maps, their patterns
 *   gr.c       graceful restart, both sides                       local.c aggregate.c fib.c explain.c show*.c
 *
 * Ids instead of pointers in what there are millions of: a path is 24 octets, a destination 16 and its first path. */
#ifndef BGP_BGP_INT_H
#define BGP_BGP_INT_H

#include "bgp/table.h"

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
mono_t adj_rest(const struct bgp *b);      /* from when on what nobody waits for may be done; MONO_NEVER: there is to be sent */
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
bool aggregate_any(const struct bgp *b);                /* there are some */
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
