/* What the files around sessions lend each other: engine.c, peers.c, reconf.c, session.c, conn.c, out.c, gr.c, m_*.c. Internal to
 * bgp/; the structs are in session.h. */
#ifndef BGP_PARTS_H
#define BGP_PARTS_H

#include "bgp/session.h"

/* --- conn.c: connections and their octets --- */
int conn_init(struct bgp *b) MUST_USE;
void conn_fini(struct bgp *b);
struct bgp_conn *conn_find(const struct bgp *b, uint32_t id);
/* Asks the caller for one; NULL: no memory. */
struct bgp_conn *conn_open(struct bgp *b, struct bgp_fsm *f, const struct bgp_connect *call);
struct bgp_conn *conn_accepted(struct bgp *b, struct bgp_fsm *f, const struct bgp_fact *fact);
void conn_refuse(struct bgp *b, uint32_t id); /* one that came in and belongs to nobody */
/* Lets go of it: what is queued is sent, then the caller closes it. */
void conn_close(struct bgp *b, struct bgp_conn *c);
void conn_forget(struct bgp *b, struct bgp_conn *c); /* the caller has closed it already */
void conn_input(struct bgp *b, struct bgp_conn *c, struct span octets);
void conn_kick(struct bgp *b, struct bgp_conn *c);   /* has an action to bring out */
bool conn_acts(struct bgp *b);                       /* brings them out; true: the array was too small */
bool conn_closing(const struct bgp *b);              /* some still have octets */
void conn_expire(struct bgp *b);                     /* those that nobody drained */

/* --- out.c: our own messages, and the order of octets --- */
bool out_put(struct bgp *b, struct bgp_conn *c, const struct wr *w); /* false: no memory, or the message did not fit */
void out_keepalive(struct bgp *b, struct bgp_fsm *f);
void out_notification(struct bgp *b, struct bgp_fsm *f, const struct bgp_error *e, bool hard);
void out_refresh(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t kind);
void out_sent(struct bgp *b, struct bgp_conn *c, size_t octets);
void out_settle(struct bgp *b, struct bgp_conn *c);  /* before a close: ends a message of a group that is under way */
void out_free(struct bgp *b, struct bgp_conn *c);

/* --- peers.c --- */
struct bgp_peer *peer_new(struct bgp *b, const struct addr *a, const struct conf_bgp_peer *conf, bool dynamic); /* NULL: no memory, or too many */
void peer_gone(struct bgp *b, struct bgp_peer *p);   /* freed at the end of the call */
void peers_sweep(struct bgp *b);
struct bgp_peer *peer_for(struct bgp *b, const struct addr *a); /* of an incoming connection: configured, or in a listen range */
bool peers_acts(struct bgp *b);                      /* true: the array was too small */
dur_t peer_hold(const struct bgp *b, const struct bgp_peer *p);
uint32_t peer_local_as(const struct bgp *b, const struct bgp_peer *p);
void peer_take_conf(struct bgp *b, struct bgp_peer *p, const struct conf_bgp_peer *conf);

/* --- world.c: links, addresses, tunnels, BFD as sessions see them --- */
void world_look(struct bgp *b);                      /* something changed: which sessions may live? */
void world_tunnel(struct bgp *b, const struct bgp_fact *f);
void world_bfd(struct bgp *b, const struct bgp_fact *f);
void world_router_id(struct bgp *b);
void world_fini(struct bgp *b);

/* --- reconf.c, same.c: a new configuration, by difference --- */
int reconf_apply(struct bgp *b, const struct conf *conf); /* -EINVAL: no BGP in it; -ENOMEM */
void reconf_soft_in(struct bgp *b, struct bgp_peer *p);
void reconf_soft_out(struct bgp *b, struct bgp_peer *p);
enum bgp_effect { EFFECT_NONE = 0, EFFECT_IN = 1, EFFECT_OUT = 2, EFFECT_DECIDE = 4, EFFECT_RESET = 8, EFFECT_BFD = 16, EFFECT_FIB = 32 };
struct bgp_confs { const struct conf *x, *y; const struct conf_bgp *bx, *by; }; /* before, after */
uint8_t same_af(const struct bgp_confs *c, const struct conf_bgp_af *a, const struct conf_bgp_af *b);
uint8_t same_peer(const struct bgp_confs *c, const struct conf_bgp_peer *a, const struct conf_bgp_peer *b); /* without its families */
uint8_t same_bgp(const struct bgp_confs *c);

/* --- gr.c --- */
uint8_t peer_gr_mode(const struct bgp *b, const struct bgp_peer *p);
enum bgp_down { DOWN_TCP, DOWN_SENT, DOWN_RCVD, DOWN_HARD /* never kept */ };
void gr_open(struct bgp *b, struct bgp_fsm *f, struct bgp_open *o); /* our capabilities */
void gr_down(struct bgp *b, struct bgp_peer *p, enum bgp_down how);
void gr_up(struct bgp *b, struct bgp_peer *p);
void gr_eor(struct bgp *b, struct bgp_peer *p, uint8_t af);
void gr_timer(struct bgp *b, struct bgp_peer *p, uint8_t kind);
void gr_start(struct bgp *b);                        /* the first configuration is there */
void gr_look(struct bgp *b);                         /* is the first convergence over? */
void gr_give_up(struct bgp *b);                     /* the deferral timer */
bool gr_deferring(const struct bgp *b);              /* nothing is announced, nothing goes to the kernel */
bool gr_converged(const struct bgp *b);              /* stale kernel routes of an earlier life may go */
void gr_drop(struct bgp *b, struct bgp_peer *p);     /* forgets what is kept for it */
bool gr_both_n(const struct bgp *b, const struct bgp_peer *p); /* RFC 8538 is in use */

/* --- m_*.c: one message each --- */
void m_open_send(struct bgp_step *s);
void m_open_read(struct bgp *b, struct bgp_fsm *f, struct span body);
bool m_open_loses(const struct bgp *b, struct bgp_fsm *f); /* a new connection, against the other one: RFC 4271 6.8 */
void m_update_read(struct bgp *b, struct bgp_fsm *f, struct span body);
void m_notification_read(struct bgp *b, struct bgp_fsm *f, struct span body);
void m_refresh_read(struct bgp *b, struct bgp_fsm *f, const struct bgp_frame *frame);
void m_refresh_serve(struct bgp *b, struct bgp_peer *p); /* asks that were postponed */

/* --- engine.c --- */
void engine_walk(struct bgp *b);                     /* pending walks over the tables, to their end */

#endif
