/* Front door of bgp/: the BGP engine (RFC 4271; 4456 route reflection, 4760, 6793, 2918, 7313, 4724/8538, 7606, 7911, 8654, 8950,
 * 9003, 9687): sessions, tables, decision, and what goes to each peer.
 *
 * Octets and facts in, actions out; the engine reads no clock, socket or file and calls nobody back.
 *
 *      octets   --bgp_input-->   +--------+  --acts--> CONNECT, CLOSE, OUTPUT (sessions),
 *      clock    --bgp_timer-->   | engine |            ROUTE_SET, ROUTE_DEL (the kernel),
 *      admin    --bgp_command->  |        |            BFD, NOTE
 *      facts    --bgp_report-->  +--------+
 *      writable --bgp_output / bgp_sent: the octets of a connection are pulled, so that what many peers get is stored once
 *
 * A session (RFC 4271 8, table in fsm.c):
 *
 *   Idle -> Connect <-> Active -> OpenSent -> OpenConfirm -> Established -> Idle
 *
 * A peer has up to two connections (ours and the peer's) until one OPEN has won (RFC 4271 6.8). A connection is a number
 * that is never used twice: the engine gives out those that it opens (BGP_ACT_CONNECT), the caller those that came in
 * (BGP_FACT_ACCEPTED), from different halves of the number space (BGP_CONN_IN).
 *
 * A route:
 *
 *   m_update.c -> inbound filters -> rib.c -> decide.c -> fib.c (kernel)
 *                                                     -> adj_out.c: outbound filters, a group of equal peers at once
 *                                                        -> pack.c: messages that all of the group share -> bgp_output
 *   network, redistribute, aggregate (local.c, aggregate.c) enter at rib.c
 *
 * Next hops are tracked against the kernel's routes, links and addresses that the caller reports (nht.c); a route never
 * resolves through itself, through our own discard route, or through an interface whose tunnel is down.
 *
 * The configuration (struct conf with conf_bgp) is read in place: the caller keeps a blob alive until BGP_CMD_CONF has brought
 * the next one. Work that does not fit into one call (a table walk, a full array of actions) goes on when bgp_due() says
 * so; each call is bounded. An array of actions should be at least half empty. */
#ifndef BGP_BGP_H
#define BGP_BGP_H

#include "model/model.h"
#include "wire/wire.h"

struct bgp;

struct bgp_env {
	struct mem *mem;
	struct rng *rng;
	const char *host;        /* host name for the FQDN capability and for show; "" = none */
	const char *software;    /* "gretel/0.1" */
};

#define BGP_CONN_IN 0x80000000u /* set in the numbers of connections that came in */

/* --- Actions --- */
enum bgp_act_type {
	BGP_ACT_CONNECT,         /* conn, connect */
	BGP_ACT_CLOSE,           /* conn: what is queued is sent first (a NOTIFICATION), then it is closed; the number is dead */
	BGP_ACT_OUTPUT,          /* conn has octets: call bgp_output when it is writable */
	BGP_ACT_ROUTE_SET,       /* ticket, route: add or replace (same dst, metric, table) */
	BGP_ACT_ROUTE_DEL,       /* route: dst, metric, table */
	BGP_ACT_ROUTES_KEPT,     /* all wanted routes are out: what an earlier life left and was not set again may be swept */
	BGP_ACT_BFD,             /* bfd: start or stop a session */
	BGP_ACT_NOTE,            /* level, text */
	BGP_ACT_LISTEN,          /* peers: which addresses may connect, for MD5 and GTSM on the listener; sent after each BGP_CMD_CONF */
};
struct bgp_connect {
	struct addr remote, local; /* local AF_NONE: the kernel chooses */
	uint16_t port;
	uint32_t ifindex;        /* bound to it; 0 = not */
	uint8_t ttl, min_ttl;    /* min_ttl 0 = no GTSM */
	bool md5;                /* priv knows the key by the peer's address */
	uint32_t peer;           /* index in conf_bgp.peers */
};
struct bgp_bfd { struct addr remote, local; uint32_t ifindex; bool start, multihop; uint32_t rx_ms, tx_ms; uint8_t multiplier; };
struct bgp_act {
	uint8_t type;
	uint32_t conn, ticket;
	union {
		struct bgp_connect connect;
		struct bgp_bfd bfd;
		struct route route;
		struct { int8_t level; char text[256]; } note; /* enum note_level as in ike/: -1 error, 0 audit, 1 control, 2 more */
	} u;
};
enum { BGP_ACTS_MAX = 128 };
struct bgp_acts { uint32_t n; struct bgp_act v[BGP_ACTS_MAX]; };

/* --- Facts --- */
enum bgp_fact_type {
	BGP_FACT_CONNECTED,      /* conn, local, remote: ours is up */
	BGP_FACT_ACCEPTED,       /* conn, local, remote, ifindex: a new one came in; refused ones get BGP_ACT_CLOSE */
	BGP_FACT_CLOSED,         /* conn, status: the peer or the network ended it, or it could not be opened */
	BGP_FACT_LINK,           /* link, gone */
	BGP_FACT_ADDR,           /* address, gone */
	BGP_FACT_ROUTE,          /* route of the kernel that is not ours, gone */
	BGP_FACT_SYNCED,         /* links, addresses and routes of the kernel are complete for the first time */
	BGP_FACT_TUNNEL,         /* name, ifindex, up: carries traffic now, or not any more; local and remote are the inner addresses, AF_NONE unknown */
	BGP_FACT_ROUTE_FAILED,   /* ticket, status: a ROUTE_SET was refused */
	BGP_FACT_BFD,            /* remote, ifindex, up */
};
struct bgp_fact {
	uint8_t type;
	uint32_t conn, ticket, ifindex;
	int status;
	bool gone, up;
	const char *name;
	struct endpoint local, remote;
	struct route_link link;
	struct route_addr address;
	const struct route *route;
};

/* --- Commands --- */
enum bgp_cmd_type {
	BGP_CMD_CONF,            /* conf: applied by difference; equal ones do nothing */
	BGP_CMD_CLEAR,           /* peer (AF_NONE all): hard; soft_in and/or soft_out: routes only */
	BGP_CMD_STOP,            /* say goodbye to all peers (Cease), withdraw our kernel routes; graceful: keep routes, say nothing (GR) */
};
struct bgp_cmd {
	uint8_t type;
	const struct conf *conf;
	struct addr peer;
	bool soft_in, soft_out, graceful;
};

struct bgp *bgp_new(const struct bgp_env *env); /* NULL: no memory */
void bgp_free(struct bgp *b);

void bgp_input(struct bgp *b, uint32_t conn, struct span octets, mono_t now, struct bgp_acts *acts);
void bgp_timer(struct bgp *b, mono_t now, struct bgp_acts *acts);
mono_t bgp_due(const struct bgp *b);
/* -ENOENT: BGP_CMD_CLEAR names no peer. */
int bgp_command(struct bgp *b, const struct bgp_cmd *cmd, mono_t now, struct bgp_acts *acts);
void bgp_report(struct bgp *b, const struct bgp_fact *f, mono_t now, struct bgp_acts *acts);

/* The octets that conn may write now, as at most max runs; how many runs. They stay valid until the next call into the
 * engine. bgp_sent says how many of them went out. */
size_t bgp_output(struct bgp *b, uint32_t conn, struct span *out, size_t max);
void bgp_sent(struct bgp *b, uint32_t conn, size_t octets, mono_t now, struct bgp_acts *acts);
bool bgp_idle(const struct bgp *b); /* after STOP: all is said */

/* --- Views: JSON with FRR's key names where the meaning is the same, through a writer --- */
struct bgp_writer { void (*put)(struct bgp_writer *w, const char *text, size_t n); };
/* query: "bgp [ipv4|ipv6] [PREFIX]", "summary", "neighbors [X]", "neighbors X received|advertised|filtered", "nexthop", "routes",
 * "explain PREFIX [to PEER]". wall_s: the wall clock, for dates. False: the query is not understood, why says so. */
bool bgp_show(struct bgp *b, const char *query, mono_t now, int64_t wall_s, struct bgp_writer *out, struct sbuf *why);

/* The syntax of a regular expression of an AS path or community list, for config/: false with a sentence. */
bool bgp_regex_check(const char *pattern, struct sbuf *why);

/* The FSM's table, for tests and diagrams. False: beyond the last row. */
struct bgp_row_view { const char *from, *event, *guard, *to, *handler, *rfc; };
bool bgp_row(size_t i, struct bgp_row_view *out);

#endif
