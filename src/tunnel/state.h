/* Inside tunnel/: one tunnel's record, the events of its two machines, and what the files here lend each other.
 * tunnel.c turns facts into events, rows.c has the tables, life.c the handlers of the tunnel, lane.c those of its
 * hooks, peers.c makes records for the further peers of a tunnel that any number of peers may have. */
#ifndef TUNNEL_STATE_H
#define TUNNEL_STATE_H

#include "tunnel/tunnel.h"

enum { CHILDREN_MAX = 4, TUN_ROOM = 16 /* actions that one event may bring for one tunnel, at most */ };

/* Events of the tunnel machine. */
enum tun_event {
	EV_NONE,
	EV_CHILD_UP,   /* the first child SA */
	EV_CHILD_GONE, /* the last one went, or the tunnel left the configuration */
	EV_MOVED,      /* the addresses of the tunnel's ends are not those that it was built with */
	EV_CONF,       /* its configuration changed in a way that matters here */
	EV_LANE,       /* the hooks are at rest where the tunnel wants them */
	EV_GRE_OK, EV_GRE_BAD, /* outcome of GRE_UP */
	EV_FOUND,      /* outcome of GRE_FIND */
	EV_LINKED,     /* there is an interface to probe */
	EV_PROBED,     /* outcome of PROBE, or nothing to probe */
	EV_LINK,       /* the kernel says: something about the interface changed, or one appeared */
	EV_LINK_GONE, EV_OURS_GONE, /* it vanished: somebody's, native GRE's */
	EV_RELOAD,     /* the configuration was read again, nothing changed in it */
	EV_FAILED,     /* an attempt to set up SAs failed */
	EV_WANT,       /* somebody waits for `up` */
	EV_WAITED,     /* and waited long enough */
	EV_TIMEOUT,    /* of the state */
	EV_END,
};

/* The lane: hooks of one tunnel, one after the other, up and down in turn. */
enum lane_state { LANE_DOWN, LANE_RAISING, LANE_UP, LANE_LOWERING, LANE_STATES };
enum lane_event { LANE_NONE, LANE_WANT_UP, LANE_WANT_DOWN, LANE_ENDED, LANE_OVERDUE, LANE_END };

enum timer_kind { TIMER_STATE, TIMER_WAIT, TIMER_LANE, TIMERS };

struct tunnel;
struct tun_timer {
	struct timer t;
	struct tunnel *owner;
	uint8_t kind; /* enum timer_kind */
};

struct tunnel {
	struct hnode node;
	struct list link_all;
	struct mem *mem;
	uint32_t id;
	uint8_t state;           /* enum tun_state; written by tun_step() alone */
	bool gone;               /* left the configuration: forgotten as soon as it is down */
	bool waiting;            /* somebody wants a DONE */

	/* Of a tunnel of %any: a record for each peer beside the first, none of which the configuration knows. */
	bool many;               /* there may be such */
	struct tunnel *of;       /* this is one; whose */
	struct hnode by_peer;    /* under both */
	struct list others, of_others; /* of the tunnel; its place in there */

	uint8_t kind, guard;     /* of the configuration */
	bool has_updown;
	dur_t hook_limit;
	struct conf_gre gre;

	struct tun_child *child; /* oldest first; the last is the one in use. &first, or CHILDREN_MAX on the heap while there are several */
	uint8_t n;
	struct tun_child first;
	struct addr local, remote;            /* the ends that this life was built with */

	struct tun_link link;
	bool made;               /* GRE_UP was asked for, GRE_DOWN not yet */
	bool routed, received;
	bool look_again;         /* a FIND is under way and already out of date */
	bool lost;               /* native GRE's interface went on the way up: made again as soon as that has ended */
	uint32_t gre_ticket, find_ticket, probe_ticket;
	uint32_t gre_failures;

	struct {
		uint8_t state;   /* enum lane_state; written by lane_step() alone */
		uint32_t ticket;
		int status;      /* of the last hook, -1 none */
		struct tun_child *told; /* what the last up was told, kept fresh while its addresses stay; NULL: there was none */
	} lane;

	struct tun_timer timer[TIMERS];
	const char *why;         /* "" or on the heap: tun_set_why */
	bool why_ended;          /* it tells how the last life ended, not why an attempt failed */
};

struct tunnels {
	struct mem *mem;
	struct hmap map, by_peer;
	struct list all;         /* others behind their tunnels */
	struct heap heap;
	uint32_t n, last_ticket, last_other;
	struct ticket_of *asked; /* whose the last tickets are, by their lowest bits */
	uint32_t n_asked;        /* a power of two, or 0 */
};
struct ticket_of { uint32_t ticket, tunnel; };

/* What a handler works with. */
struct step {
	struct tunnels *ts;
	const struct tun_fact *f; /* NULL: a timer */
	mono_t now;
	struct tun_acts *acts;
};

/* A handler cannot fail; it returns the event that follows at once, or EV_NONE. */
typedef enum tun_event tun_fn(struct tunnel *t, struct step *s);
struct tun_row { uint8_t from, event, to; tun_fn *fn; const char *fn_name; };
typedef bool lane_fn(struct tunnel *t, struct step *s); /* false: no room for the action, the state stays */
struct lane_row { uint8_t from, event, to; lane_fn *fn; const char *fn_name; };

const struct tun_row *tun_row_find(uint8_t from, uint8_t event);
const struct lane_row *lane_row_find(uint8_t from, uint8_t event);

/* life.c. tun_step feeds one event and those that follow from it. */
void tun_step(struct tunnel *t, enum tun_event ev, struct step *s);
tun_fn tun_start, tun_failed, tun_wait_sa, tun_wait, tun_wait_gre, tun_gre, tun_gre_bad, tun_hooks, tun_find,
	tun_found, tun_probe, tun_settle, tun_tell, tun_tired, tun_repair, tun_mend, tun_link_gone, tun_look, tun_poke, tun_seen,
	tun_heard, tun_down, tun_gone;
/* Takes over what is known about the interface; routes over another one are withdrawn first. */
void tun_take_link(struct tunnel *t, struct step *s, const struct tun_link *link);
void tun_drop_link(struct tunnel *t, struct step *s);

/* lane.c */
lane_fn lane_up, lane_down, lane_rest, lane_lost;
/* Moves the hooks towards what the tunnel's state asks for. EV_LANE: they are there. */
enum tun_event lane_sync(struct tunnel *t, struct step *s);
bool lane_step(struct tunnel *t, enum lane_event ev, struct step *s);
/* Whether the hooks were told the ends that the tunnel has now. */
bool lane_fits(const struct tunnel *t);

/* peers.c */
/* The record that a fact about a child SA of t concerns; up: one is made for a peer that is not the first. */
struct tunnel *tun_of_peer(struct tunnels *ts, struct tunnel *t, const struct ident *peer, bool up);
void tun_other_forget(struct tunnels *ts, struct tunnel *o); /* before it is freed */

/* tunnel.c */
struct tunnel *tun_by_id(const struct tunnels *ts, uint32_t id);
struct tunnel *tun_make(struct tunnels *ts, uint32_t id); /* NULL: no memory */
static inline const struct tun_child *tun_current(const struct tunnel *t) { return &t->child[t->n ? t->n - 1 : 0]; }
static inline bool tun_native(const struct tunnel *t) { return t->gre.name[0] != '\0'; }
/* What the fact says, or something instead. */
static inline const char *tun_fact_text(const struct step *s, const char *none)
{
	return s->f && s->f->text && s->f->text[0] ? s->f->text : none;
}
/* NULL, and counted, when the array is full. */
struct tun_act *tun_push(struct tunnel *t, struct step *s, enum tun_act_type type);
uint32_t tun_ticket(struct tunnels *ts, const struct tunnel *t);
void tun_note(struct tunnel *t, struct step *s, int level, const char *fmt, ...) PRINTF_LIKE(4, 5);
void tun_set_timer(struct tunnel *t, struct step *s, enum timer_kind kind, dur_t in);
void tun_clear_timer(struct tunnel *t, struct step *s, enum timer_kind kind);
void tun_set_why(struct tunnel *t, const char *text);
void tun_gre_down(struct tunnel *t, struct step *s);

enum { NOTE_BAD = -1, NOTE_PLAIN = 1 };

#endif
