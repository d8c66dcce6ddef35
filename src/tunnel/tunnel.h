/* Front door of tunnel/: the life of one tunnel beyond its SAs, as a reconciler.
 *
 *   peer known -> guard -> child SA up -> GRE interface -> up hook -> probe -> UP
 *   last child SA down -> down hook -> GRE interface away (or kept) -> DOWN
 *
 * Facts come from ike/ (through daemon/act.c), from priv (outcomes) and from the kernel (links).
 * Actions go to priv and, later, to the routing module. Rules of the house here:
 *  - up and down hooks are strictly paired, one at a time for a tunnel, coalesced: between up(new) and down(old) of a
 *    make-before-break nothing runs; down is emitted when the last child SA is gone. A change of endpoints is
 *    down then up for the script (its GRE has the old addresses), one update for native GRE.
 *  - a hook that hangs is ended by its time limit; the tunnel's SAs never wait for it.
 *  - the guard of a peer is set before the first packet of a handshake and is never taken away by a tunnel going down.
 *
 * Two small machines, each a table in rows.c (printed in tests/golden/tunnel/matrix.txt):
 *
 *   life   down -> sa-up -> gre -> hook -> probe -> up      any of them -> going-down -> down
 *            ^ waits for the lane to rest;  moved ends or a changed configuration go back to sa-up
 *   lane   down -> raising -> up -> lowering -> down        the scripts; life asks, the lane follows when it is at rest
 *
 * A tunnel of %any has a life for each of its peers (peers.c), told apart by identity; its own is the first one's.
 *
 * A tunnel keeps only what it needs of its configuration, by value. Facts about outcomes name the ticket of their
 * action, and its tunnel or 0; a ticket that is not awaited any more is ignored. A LINK fact may leave the tunnel 0:
 * then it concerns all whose interface it is, or who have none yet. An action that finds no room in the caller's array is
 * counted and asked for again by a timer; give tunnels_report() an array that is at least half empty.
 *
 * `up` has ended (TUN_ACT_DONE) ok: the hook ended and the probe was answered ("up") or not ("SAs up, nothing received
 * yet"); not ok: an attempt failed, no SA came in 10 s, native GRE could not be made, or the SAs fell again. The
 * tunnel itself goes on trying in each of these cases. Nobody waits for type=pass and type=drop: nothing here happens
 * for them. Pure: no clock, socket, allocation besides `struct mem`. */
#ifndef TUNNEL_TUNNEL_H
#define TUNNEL_TUNNEL_H

#include "model/model.h"

struct tunnels;

enum tun_state { TUN_DOWN, TUN_SA_UP, TUN_GRE, TUN_HOOK, TUN_PROBE, TUN_UP, TUN_GOING_DOWN };

enum tun_act_type {
	TUN_ACT_GUARD_SET,   /* tunnel, remote */
	TUN_ACT_GRE_UP,      /* ticket; native GRE: create, adopt or repair */
	TUN_ACT_GRE_DOWN,
	TUN_ACT_GRE_FIND,    /* ticket; what GRE interface lies between local and remote */
	TUN_ACT_HOOK,        /* ticket; verb and info */
	TUN_ACT_PROBE,       /* ticket; one ICMP echo to `inner` through `ifindex`, 3 s */
	TUN_ACT_NOTE,
	TUN_ACT_ROUTE_UP, TUN_ACT_ROUTE_DOWN, /* for the routing module */
	TUN_ACT_DONE,        /* an `up` that somebody waits for has ended: ok or not, text */
};

/* What is told to hooks; the daemon fills PLUTO_* from it (ike.md 4.3). */
struct tun_child {
	uint32_t child_id, ike_id, reqid, spi_in, spi_out;
	struct endpoint local, remote;
	struct ident my_id, peer_id;
	struct selector sel;
	struct addr ts_local, ts_remote;
	bool encap;
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
};

struct tun_link {          /* a GRE interface as found or made */
	uint32_t ifindex;  /* 0 = none */
	char name[16];
	uint32_t mtu;
	bool up;
	struct prefix address[4];
	uint8_t n_addresses;
	struct addr peer;  /* the inner address to probe, AF_NONE unknown */
	bool ours;         /* made or adopted by native GRE */
};

struct tun_act {
	uint8_t type;
	uint32_t tunnel, ticket;
	struct addr local, remote, inner;
	uint32_t ifindex;
	bool hook_up;            /* TUN_ACT_HOOK: up or down */
	bool ok;                 /* TUN_ACT_DONE */
	int8_t level;            /* TUN_ACT_NOTE */
	char text[256];          /* NOTE, DONE */
	struct tun_child child;  /* HOOK, ROUTE_* */
	struct tun_link link;    /* ROUTE_* */
};
enum { TUN_ACTS_MAX = 64 };
struct tun_acts { uint32_t n, dropped; struct tun_act v[TUN_ACTS_MAX]; };

enum tun_fact_type {
	TUN_FACT_CONF,        /* tunnel added or changed: conf, t */
	TUN_FACT_GONE,        /* tunnel left the configuration */
	TUN_FACT_PEER_KNOWN, TUN_FACT_CHILD_UP, TUN_FACT_CHILD_DOWN, TUN_FACT_CHILD_MOVED, /* child */
	TUN_FACT_FAILED,      /* an attempt failed: text */
	TUN_FACT_GRE,         /* ticket: status, link (outcome of GRE_UP or GRE_FIND) */
	TUN_FACT_HOOK_ENDED,  /* ticket: status = exit code, -ETIME when it was ended */
	TUN_FACT_PROBE,       /* ticket: status 0 = an authenticated packet came back */
	TUN_FACT_LINK,        /* kernel: an interface changed or went (link; ifindex 0 = gone, by name) */
	TUN_FACT_WANT_DONE,   /* somebody waits for `up`: emit DONE when settled */
};
struct tun_fact {
	uint8_t type;
	uint32_t tunnel, ticket;
	int status;
	const char *text;
	const struct conf *conf;
	const struct tunnel_conf *t;
	const struct tun_child *child;
	const struct tun_link *link;
};

struct tunnels *tunnels_new(struct mem *mem); /* NULL: no memory */
void tunnels_free(struct tunnels *t);
void tunnels_report(struct tunnels *t, const struct tun_fact *f, mono_t now, struct tun_acts *acts);
void tunnels_timer(struct tunnels *t, mono_t now, struct tun_acts *acts);
mono_t tunnels_due(const struct tunnels *t); /* MONO_NEVER: nothing to wait for */

struct tun_view {
	uint8_t state;           /* enum tun_state */
	uint32_t n_children;
	struct tun_link link;
	bool received;           /* an authenticated ESP packet came in since up */
	int hook_status;         /* of the last hook; -1 none ran */
	const char *why;         /* "" or a sentence */
};
/* False: no such tunnel. `why` is valid until the next call that changes something. */
bool tunnels_view(const struct tunnels *t, uint32_t tunnel, struct tun_view *out);
/* Whether a child SA with this peer is up in the tunnel. */
bool tunnels_have_peer(struct tunnels *t, uint32_t tunnel, const struct ident *peer);
/* "down", "sa-up", ...; "?" for a number that is none. */
const char *tun_state_name(uint8_t state);

/* The tables, for tests and diagrams: row i of both machines, "life" first. False: beyond the last. */
struct tun_row_view {
	const char *machine, *from, *event, *to, *handler;
};
bool tunnels_row(size_t i, struct tun_row_view *out);

#endif
