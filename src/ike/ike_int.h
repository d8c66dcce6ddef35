/* Inside of ike/: what its files call of each other. state.h has the structures, rules.h the machine. Nobody outside includes
 * these. The engine owns tunnels, IKE SAs and through them child SAs. */
#ifndef IKE_IKE_INT_H
#define IKE_IKE_INT_H

#include "ike/frag.h"
#include "ike/impair.h"
#include "ike/rekey.h"
#include "ike/rules.h"
#include "ike/state.h"
#include "ike/tun.h"
#include "ike/ways.h"

/* --- sa.c --- */
struct ike_sa *sa_by_id(const struct ike *e, uint32_t id); /* unique id */
struct ike_sa *sa_new(struct ike *e, bool initiator, const struct endpoint *local, const struct endpoint *remote,
                      mono_t now);
void sa_free(struct ike *e, struct ike_sa *sa);
void sa_count_state(struct ike *e, uint8_t from, uint8_t to); /* for ike_count */
void sa_set_tun(struct ike_sa *sa, struct tun *t);
void sa_due(struct ike *e, struct ike_sa *sa, enum sa_timer which, mono_t due);
uint64_t sa_init_hash(const struct ike *e, uint64_t spi_i, const struct endpoint *remote);
void sa_half_open_begin(struct ike *e, struct ike_sa *sa, bool proven);
void sa_half_open_heard(struct ike_sa *sa); /* its IKE_AUTH came: no more to be given up for others */
void sa_half_open_end(struct ike *e, struct ike_sa *sa);
struct half_open_of {
	uint32_t all, proven; /* proven: a cookie was returned */
};
struct half_open_of sa_half_open_from(const struct ike *e, const struct addr *source);
void sa_peer_index(struct ike *e, struct ike_sa *sa);
/* The SAs of a tunnel and a peer identity, and the other SAs of those of sa; prev NULL at first. NULL at the end. */
struct ike_sa *sa_of_peer(struct ike *e, const struct tun *t, const struct ident *peer, struct ike_sa *prev);
struct ike_sa *sa_next_same_peer(struct ike *e, const struct ike_sa *sa, struct ike_sa *prev);
struct handshake *sa_handshake(struct ike *e, struct ike_sa *sa); /* allocates; NULL no memory */
void sa_handshake_free(struct ike *e, struct ike_sa *sa);
bool blob_set(struct ike *e, struct blob *b, const void *p, size_t n) MUST_USE;
void blob_free(struct ike *e, struct blob *b);
/* A sentence that few have is on the heap while it is there; else it is "". Without memory it stays "". */
void why_set(struct ike *e, const char **why, const char *text);
void why_free(struct ike *e, const char **why);
void wait_for(struct ike *e, struct wait *w, uint8_t fact);
void wait_end(struct ike *e, struct wait *w);

/* --- acts.c --- */
struct ike_act *act_add(struct step *s, uint8_t type, const struct tun *t);
const void *act_copy(struct step *s, const void *p, size_t n);
void note(struct step *s, const struct tun *t, int level, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Notes that strangers cause: at most 10 a second, the rest is counted. */
bool note_allowed(struct step *s);
void note_limited(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tell_tunnel(struct step *s, struct tun *t, uint8_t event, const struct ike_sa *sa, const struct child *c,
                 bool retry, const char *reason);
void tell_peer_known(struct step *s, struct tun *t, const struct addr *local, const struct addr *remote);
const char *ike_tun_name(const struct tun *t);
/* Keeps the sentence as the reason of s->sa's end. */
void because(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, and V_FAIL with this notify for the peer. */
enum verdict fail(struct step *s, uint16_t notify, const char *fmt, ...) PRINTF_LIKE(3, 4);
const char *id_str(const struct ident *id, char *out, size_t n);

/* --- negotiate.c --- */
enum { NEG_DH = 1,       /* DH counts (IKE, CREATE_CHILD_SA); without it DH transforms are ignored */
       NEG_ACCEPT_PFS = 2 /* ours without DH accepts the peer's group */ };
bool negotiate(const struct proposals *mine, const struct proposals *theirs, bool prefer_mine, unsigned flags,
               struct suite *out, uint8_t *number, uint64_t *spi) MUST_USE;
/* The peer's choice: exactly one transform of each type, out of what we offered. */
bool negotiate_check(const struct proposals *offered, const struct proposals *chosen, unsigned flags, struct suite *out,
                     uint64_t *spi) MUST_USE;
void suite_to_proposal(const struct suite *s, uint8_t proto, uint8_t number, uint64_t spi, uint8_t spi_len, bool dh,
                       struct proposals *out);
void proposals_prepare(const struct proposals *conf, uint8_t proto, uint64_t spi, uint8_t spi_len, bool dh,
                       struct proposals *out);
bool proposals_has_group(const struct proposals *p, uint16_t group);
uint16_t proposals_first_group(const struct proposals *p);

/* --- keymat.c --- */
/* The lower one of two nonces, cut or filled up with zeroes (RFC 7296 2.8.1). */
void nonce_lowest(const struct nonce *ni, const struct nonce *nr, uint8_t out[NONCE_KEEP]);
int keymat_ike(struct ike *e, struct ike_sa *sa, const struct nonce *ni, const struct nonce *nr, struct span shared,
               const struct secret *old_sk_d, uint16_t old_prf) MUST_USE;
int keymat_child(struct ike *e, const struct ike_sa *sa, struct child *c, bool we_initiate) MUST_USE;

/* --- auth_psk.c --- */
/* The octets that an AUTH value covers; returns their number in out, 0 on failure. */
size_t auth_octets(struct ike *e, const struct ike_sa *sa, bool of_initiator, uint8_t *out, size_t cap);
/* The same with another SK_pi or SK_pr than the SA's. */
size_t auth_octets_by(struct ike *e, const struct ike_sa *sa, bool of_initiator, const struct secret *sk_p, uint8_t *out,
                      size_t cap);
void auth_id_octets(const struct ident *id, uint8_t *out, size_t *len);

/* --- window.c --- */
struct out {
	struct wr w;
	struct ike_enc enc;
	struct ike_hdr hdr;
	uint8_t exchange;
	bool response, sealed;
};
void out_begin(struct step *s, struct out *o, uint8_t exchange, bool response, uint32_t msg_id);
/* Seals, stores and sends. The window moves only when this succeeds. False: no memory or too large. */
bool out_request(struct step *s, struct out *o) MUST_USE;
bool out_response(struct step *s, struct out *o) MUST_USE;
bool window_free(const struct ike_sa *sa);
void window_retransmit(struct step *s);
void window_answered(struct step *s); /* our request got its response */
void window_send(struct step *s, const struct blob *msg);
void respond_error(struct step *s, uint16_t notify);
/* To a request outside any SA: stateless, in the clear, never longer than the request. */
void respond_clear(struct step *s, uint16_t type, struct span data);
/* What strangers may cost in a second: answers other than cookies, public values that are not sound. When it is spent, cookies are
 * asked for. */
bool strangers_spent(const struct ike *e, mono_t now);
bool stranger_spends(struct ike *e, mono_t now); /* false: there was nothing left */
dur_t window_interval(const struct conf_setup *c, uint32_t tries);

/* --- cookie.c --- */
void cookie_init(struct ike *e, mono_t now);
/* Whether the IKE_SA_INIT in s may go on to cost a Diffie-Hellman. If not, it was asked for a cookie, or refused. *proven: it brought a
 * cookie that fits. */
bool admit_init(struct step *s, struct span nonce, bool *proven) MUST_USE;

/* --- ts.c --- */
void ts_ours(const struct tunnel_conf *t, const struct addr *local, const struct addr *remote, struct ike_ts_list *tsi,
             struct ike_ts_list *tsr);
/* Responder: narrows the peer's selectors to ours (RFC 7296 2.9, 2.23.1). */
bool ts_narrow(const struct ike_sa *sa, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out);
/* Initiator: whether the answer is ours, or narrower in a way we can use. The addresses of both are p's: those of sa may be others by
 * now. */
bool ts_accept(const struct ike_sa *sa, const struct child_sa *p, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out);
void ts_reply(const struct child_sa *p, bool peer_initiates, struct ike_ts_list *tsi, struct ike_ts_list *tsr);

void own_dh_forget(struct ike *e); /* x_sa_init.c */

/* --- exchanges --- */
handler_fn x_sa_init_start, x_sa_init_i, x_sa_init_i_notify, x_sa_init_r;
handler_fn x_auth_i_mixed, x_auth_r_mixed;
handler_fn x_auth_i_spi, x_auth_i_signed, x_auth_i, x_auth_i_error, x_auth_i_verified;
handler_fn x_auth_r, x_auth_r_verified, x_auth_r_spi, x_auth_r_installed, x_auth_r_signed;
handler_fn x_child_r, x_child_spi, x_child_installed, x_child_r_busy, x_child_late;
handler_fn x_child_i, x_create_i_error;
handler_fn x_rekey_ike_r, x_rekey_ike_i, x_rekey_ike_i_dying, x_inherited;
handler_fn x_info_r, x_info_i, x_info_r_dying, x_info_i_dying;
handler_fn x_give_up, x_give_up_init, x_expired, x_expired_dying, x_delete, x_drop;
/* The first error notify among the payloads of s; false when there is none. */
bool error_notify(const struct step *s, struct ike_notify *out);
bool has_notify(const struct step *s, uint16_t type, struct ike_notify *out);

/* --- liveness.c, collide.c, engine.c --- */
void sa_established(struct step *s);        /* timers, notes, index */
void sa_delete(struct step *s, struct ike_sa *sa, const char *why); /* politely: DELETE, then gone */
/* The same among many at once: when the actions near their limit, the clock does the rest. */
void sa_delete_soon(struct step *s, struct ike_sa *sa, const char *why);
void sa_drop(struct step *s, struct ike_sa *sa, const char *why);   /* at once; children go; sa is dead */
void sa_pump(struct step *s, struct ike_sa *sa); /* sends what waits for the window */
void sa_check(struct step *s); /* asks the peer for a sign of life */
void sa_send_delete(struct step *s);
void sa_on_timer(struct step *s);
void liveness_used(struct step *s, const struct child *c); /* the answer about its traffic is there */
void sa_end_action(struct ike_sa *sa, uint8_t action); /* what dpdaction or closeaction asks for */
void collide_settle(struct step *s);        /* sa is up with its child: one of its like stays */
void collide_contact(struct step *s);       /* the peer sent INITIAL_CONTACT */
void collide_left(struct step *s);          /* sa is new: of what its peer has left behind only so much stays */
struct step step_sub(const struct step *s, struct ike_sa *sa); /* the same turn, for another SA */

#endif
