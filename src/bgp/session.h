/* Inside of sessions: the machine of one connection, its timers, what a peer's session remembers. Internal to bgp/:
 * engine.c, peers.c, reconf.c, fsm.c, session.c, conn.c, out.c, gr.c, m_*.c write it; show*.c reads it. */
#ifndef BGP_SESSION_H
#define BGP_SESSION_H

#include "bgp/bgp_int.h"

/* Events of RFC 4271 8.1, by their numbers there; those of timers are fed by the timers below. */
enum bgp_event {
	EV_NONE,
	EV_START,                /* 1, 3, 4, 5: the session is wanted */
	EV_STOP,                 /* 2: we end it: configuration, command, shutdown */
	EV_AUTO_STOP,            /* 8: facts end it: too many prefixes, tunnel or BFD down */
	EV_RETRY,                /* 9: ConnectRetryTimer */
	EV_HOLD,                 /* 10: HoldTimer */
	EV_KEEPALIVE_TIMER,      /* 11 */
	EV_DELAY_OPEN,           /* 12: DelayOpenTimer */
	EV_IDLE_HOLD,            /* 13: IdleHoldTimer */
	EV_CR_ACKED,             /* 16: our connection is up */
	EV_CONFIRMED,            /* 17: the peer's is */
	EV_FAILS,                /* 18: the connection is gone */
	EV_OPEN,                 /* 19 */
	EV_OPEN_DELAYED,         /* 20: OPEN while the DelayOpenTimer runs */
	EV_HEADER_ERR,           /* 21 */
	EV_OPEN_ERR,             /* 22 */
	EV_COLLISION,            /* 23: the other connection of this peer has won */
	EV_NOTIF_VER,            /* 24: NOTIFICATION of a version error */
	EV_NOTIF,                /* 25 */
	EV_KEEPALIVE,            /* 26 */
	EV_UPDATE,               /* 27 */
	EV_UPDATE_ERR,           /* 28 */
	EV_SEND_HOLD,            /* 29: SendHoldTimer (RFC 9687) */
	EV_REFRESH,              /* ROUTE-REFRESH (RFC 2918) */
	EV_REFRESH_ERR,          /* RFC 7313 5 */
	EV_N
};
enum bgp_guard { G_ANY, G_PASSIVE, G_ACTIVE, G_DELAY, G_PROMPT };

enum bgp_fsm_timer { T_HOLD, T_KEEPALIVE, T_DELAY_OPEN, T_SEND_HOLD, T_FSM_N };
enum bgp_session_timer { T_RETRY, T_IDLE_HOLD, T_RESTART /* after max-prefix */, T_GR_RESTART, T_GR_STALE, T_LLGR_V4, T_LLGR_V6,
	T_REFRESH, T_SESSION_N };
enum bgp_timer_tag { TAG_FSM, TAG_SESSION, TAG_ENGINE };
struct bgp_timer { struct timer t; void *owner; uint8_t kind; };

/* A connection; its octets in both directions. */
struct bgp_out { struct bgp_out *next; uint32_t len; uint8_t data[]; };
struct bgp_conn {
	struct hnode node;
	struct list kick;        /* waits for its actions */
	struct list closing;     /* said goodbye: only its queue is left */
	uint32_t id;
	struct bgp_fsm *fsm;     /* NULL: closing */
	bool open_asked, connected, want_close, want_output, told;
	struct bgp_connect call; /* BGP_ACT_CONNECT, until it is out */
	struct endpoint local, remote;
	uint32_t ifindex;
	uint8_t *in;             /* the start of a message whose end has not come yet */
	uint32_t in_len, in_cap;
	struct bgp_out *out, *out_last; /* our own messages; what groups have to say comes behind them */
	uint32_t out_sent, out_octets;  /* of the first; in all, what is sent of the first included */
	uint32_t adj_left;       /* octets of a group's message that has begun to go out */
	mono_t last_rx, last_tx, gone_at; /* last_tx: the network took something, or there was nothing */
};
/* One run of the table: of the connection that we open, or of the one that the peer opened. */
struct bgp_fsm {
	struct bgp_peer *peer;
	struct bgp_conn *conn;   /* NULL: none */
	uint8_t state;           /* enum bgp_state; written by fsm_run() alone */
	bool incoming;
	bool delay_over;
	struct bgp_open sent, rcvd;
	dur_t hold, keepalive;   /* negotiated */
	struct bgp_timer timer[T_FSM_N];
};

enum bgp_counted { C_OPEN, C_UPDATE, C_NOTIFICATION, C_KEEPALIVE, C_REFRESH, C_N };
/* Why a session is not wanted now. */
enum bgp_hindrance { HINDER_NONE, HINDER_ADMIN, HINDER_SYNC, HINDER_TUNNEL, HINDER_LINK, HINDER_NOT_CONNECTED, HINDER_MAX_PREFIX,
	HINDER_STOP, HINDER_GONE };

struct bgp_session {
	struct hnode node;       /* by address */
	struct bgp_fsm fsm[2];   /* ours, the peer's */
	struct bgp_fsm *up;      /* the established one; NULL */
	struct bgp_timer timer[T_SESSION_N];
	struct list link, gone_link;
	uint8_t hindrance;       /* enum bgp_hindrance */
	bool connected;          /* the peer's address is on a network of ours */
	bool tunnel_down;        /* the tunnel that carries it is known, and down */
	bool held;               /* by max-prefix, until clear or the restart timer */
	bool no_caps;            /* the peer refused our capabilities (RFC 5492 4) */
	bool bfd_on, bfd_seen;
	bool gone;               /* left the configuration, or a dynamic one that ended */
	struct conf_bgp_peer last_conf; /* of a peer that left the configuration, until it is freed */
	struct bgp_bfd bfd, bfd_stopped; /* as it was started; the one before */
	bool bfd_start, bfd_stop; /* actions that are still to go out */
	uint32_t tries;          /* failures in a row */
	uint32_t connect_fails;
	uint64_t in[C_N], out[C_N]; /* messages */
	uint32_t established, dropped;
	mono_t up_at, down_at, update_at;
	uint64_t withdrawn_errors, discarded_attrs; /* RFC 7606 verdicts */
	uint64_t loops;
	/* The last end of the session. */
	bool last_sent, last_rcvd; /* NOTIFICATION */
	uint8_t last_code, last_sub;
	char last_why[160];
	/* Refreshes: asked by the peer and postponed; BoRR seen; when. */
	uint8_t refresh_asked[BGP_AF_N];
	bool refreshing[BGP_AF_N];
	mono_t refresh_at[BGP_AF_N];
	bool llgr[BGP_AF_N];
	bool kept;               /* routes of the last session are stale, not gone */
	/* Notes that the peer causes are paced: a few at once, then one in ten seconds. */
	mono_t note_at;
	uint8_t notes_left;
	uint32_t notes_lost;
};

/* A tunnel that the caller told of. */
struct bgp_tunnel { struct list link; char name[CONF_NAME_MAX]; uint32_t ifindex; bool up; struct addr local, remote; };

struct bgp_peers_state {
	struct bgp_peer **at;    /* by index */
	uint32_t n, cap, n_dynamic;
	struct hmap by_addr, conns;
	struct list all;         /* struct bgp_session.link, in order of the configuration */
	struct list kick, closing, gone, tunnels;
	uint32_t last_conn;
	uint32_t last_index;
	mono_t limit_note_at;
	struct bgp_timer defer;  /* the end of the first convergence (RFC 4724 4.1), or of a wait within it */
	mono_t give_up;          /* when it ends for good */
	bool restarting, converged, graceful;
	bool want_listen, look, more;
	struct bgp_update update;
	uint8_t *canon;          /* BGP_CANON_MAX octets */
	uint32_t notes_lost;
};
enum { BGP_CANON_MAX = BGP_MSG_EXT_MAX + BGP_SCRATCH };

/* One event on its way through the table. */
struct bgp_step {
	struct bgp *b;
	struct bgp_fsm *f;
	uint8_t event, from;
	struct bgp_error error;          /* what a NOTIFICATION would say; code 0: the handler's own */
	bool hard;                       /* RFC 8538: the end is meant as one */
	bool silent;                     /* no NOTIFICATION: graceful restart of ours */
	bool falls;                      /* whatever was negotiated: routes fall */
	const char *why;                 /* for the note; NULL */
	const struct bgp_notification *rcvd;
};
typedef void bgp_handler(struct bgp_step *s);
struct bgp_row { uint8_t from, event, guard, to; bgp_handler *fn; const char *fn_name, *rfc; };

/* --- fsm.c --- */
const struct bgp_row *fsm_find(uint8_t from, uint8_t event, bool passive, bool delay);
const char *fsm_state_name(uint8_t state);
const char *fsm_event_name(uint8_t event);
/* Runs an event through the table. False: no row, nothing happened. */
bool fsm_run(struct bgp_step *s);
bool fsm_event(struct bgp *b, struct bgp_fsm *f, uint8_t event);

/* --- session.c: handlers --- */
bgp_handler fsm_connect, fsm_listen, fsm_open, fsm_delay, fsm_retry, fsm_confirm, fsm_open_confirm, fsm_establish, fsm_drop, fsm_refuse,
	fsm_alive, fsm_keep, fsm_hold_over, fsm_wrong;
void session_init(struct bgp_peer *p);
void session_note(struct bgp *b, struct bgp_peer *p, const char *fmt, ...) PRINTF_LIKE(3, 4);
void session_set_timer(struct bgp *b, struct bgp_timer *t, dur_t in); /* 0: clears */
dur_t session_jitter(struct bgp *b, dur_t d); /* RFC 4271 10: 0.75 to 1 of it */
dur_t session_send_hold(const struct bgp *b, const struct bgp_fsm *f);
void session_bfd_stop(struct bgp *b, struct bgp_peer *p);
void session_bfd_look(struct bgp *b, struct bgp_peer *p);

/* --- want.c: what starts and ends sessions --- */
/* Looks whether the session is wanted; starts or ends it accordingly. */
void session_settle(struct bgp *b, struct bgp_peer *p);
/* Facts: now is a good time to connect. */
void session_poke(struct bgp *b, struct bgp_peer *p);
void session_end(struct bgp *b, struct bgp_peer *p, uint8_t event, const struct bgp_error *why, const char *text, bool hard, bool falls);
void session_timer(struct bgp *b, struct bgp_timer *t);
const char *session_hindrance_text(uint8_t hindrance); /* "" for none */
bool session_acts(struct bgp *b, struct bgp_peer *p); /* BFD; true: the array was too small */
static inline const struct conf_bgp_af *peer_af_conf(const struct bgp_peer *p, uint8_t af) { return &p->conf->af[af]; }
static inline bool addr_link_local(const struct addr *a) { return a->family == AF_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; }

#endif
