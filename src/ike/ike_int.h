/* Inside of ike/: the structures its files share. Nobody outside includes this.
 *
 * Ownership: the engine owns tunnels (tun), IKE SAs (ike_sa) and through them child SAs
 * (child). Everything that waits for a fact embeds a `wait`, so that an owner that dies takes its
 * ticket with it and a late fact finds nobody. */
#ifndef IKE_IKE_INT_H
#define IKE_IKE_INT_H

#include "ike/ike.h"

enum { NONCE_LEN = 32, NONCE_KEEP = 32, MSG_BUF = 16384, INIT_MSG_MAX = 4096, CHILDREN_MAX = 4,
       INVALID_KE_MAX = 3, COOKIE_ROUNDS_MAX = 5,
       TICKET_S = 165 /* how long a set-up waits for facts */ };

/* States of an IKE SA. The order is that of rules.c's matrix. */
enum sa_state {
	ST_NONE,        /* no SA: an IKE_SA_INIT request makes one */
	ST_NEW,         /* allocated, nothing sent */
	ST_I_INIT,      /* IKE_SA_INIT sent */
	ST_I_SPI,       /* keys derived; an SPI for the child is asked for */
	ST_I_SIGN,      /* our AUTH value is asked for */
	ST_I_AUTH,      /* IKE_AUTH sent */
	ST_I_VERIFY,    /* the peer's AUTH value is being verified */
	ST_R_INIT,      /* IKE_SA_INIT answered: half open */
	ST_R_VERIFY,    /* IKE_AUTH received, being verified */
	ST_R_SPI, ST_R_INSTALL, ST_R_SIGN,
	ST_ESTABLISHED,
	ST_REKEYED,     /* replaced by a rekey; the peer deletes it */
	ST_DELETING,    /* our DELETE is out */
	ST_DEAD,        /* to be freed at the end of the step */
	ST_N
};

enum event {
	EV_NONE,
	EV_REQ_SA_INIT, EV_RSP_SA_INIT, EV_REQ_AUTH, EV_RSP_AUTH, EV_REQ_CREATE_CHILD, EV_RSP_CREATE_CHILD,
	EV_REQ_INFO, EV_RSP_INFO,
	EV_SPI, EV_SIGNED, EV_VERIFIED, EV_INSTALLED,
	EV_GIVE_UP,     /* the request under way was retransmitted in vain */
	EV_EXPIRED,     /* half-open time, or the time a dying SA may take */
	EV_DELETE,      /* our wish: politely */
	EV_DROP,        /* our wish: at once */
	EV_INHERITED,   /* made by a rekey: established from the start */
	EV_PATH,        /* an attempt begins */
	EV_REJECT,      /* initiator: the responder is not who it should be */
	EV_N
};

enum verdict { V_DONE, V_WAIT, V_DROP, V_FAIL };

/* Which owner a struct timer is embedded in. */
enum timer_tag { TIMER_TUN, TIMER_SA, TIMER_CHILD };

enum wait_kind { WAIT_TUN, WAIT_SA, WAIT_CHILD };
struct wait {
	struct hnode node;
	uint32_t ticket; /* 0 = not waiting */
	uint8_t kind;    /* enum wait_kind: what it is embedded in */
	uint8_t fact;    /* enum ike_fact_type that ends it */
};

/* A run of octets on the heap, exact size. */
struct blob {
	uint8_t *p;
	size_t n;
};

struct nonce {
	uint16_t n;
	uint8_t b[256];
};

/* --- Tunnels --- */
struct tun {
	struct hnode by_id;
	struct hnode by_addr;    /* under its one remote address, when it has just one */
	struct hnode by_peer_id; /* under its exact remote identity */
	struct list wild_addr;   /* in ike.wild_addr when the remote address is a pattern */
	struct list wild_id;     /* in ike.wild_id when the remote identity is a pattern */
	struct list sas;         /* struct ike_sa.of_tun */
	struct timer timer;      /* the next attempt */
	struct wait wait;        /* for a path */
	uint32_t id;
	const struct conf *conf;
	const struct tunnel_conf *t;
	bool in_by_addr, in_by_id;
	bool many;               /* right=%any or a range: more than one peer */
	bool wanted;             /* auto=start or `up`: kept up for ever */
	bool held;               /* `down` was asked for */
	bool removed;            /* left the configuration; goes with its last SA */
	bool renew;              /* what is up nears its end: a successor is to be set up, wanted or not */
	struct addr remote;      /* last address of the peer, AF_NONE before the first */
	uint32_t attempt;        /* since the last success */
	char why[200];           /* why it is not up */
	uint32_t orphan[CHILDREN_MAX]; /* inbound SPIs of an earlier life, to be deleted */
	uint8_t n_orphans;
};

/* --- Child SAs --- */
enum child_state { CH_NEW, CH_SPI, CH_INSTALL, CH_UP, CH_REKEYED, CH_DELETING };
enum child_origin { CHILD_I_AUTH, CHILD_R_AUTH, CHILD_R_CREATE };
struct child {
	struct hnode by_spi;     /* inbound SPI */
	struct list link;        /* in sa->children */
	struct ike_sa *sa;
	struct tun *tun;
	struct wait wait;
	struct timer timer;
	mono_t soft, hard, since, gone_at;
	uint32_t id;
	uint8_t state, origin;
	bool announced;          /* CHILD_UP was told */
	bool early;              /* its inbound SA was put in place before the answer */
	struct child_sa p;
	/* While its exchange runs: */
	struct nonce *ni, *nr;
	struct blob shared, public; /* g^ir of a PFS exchange, our public value */
	uint8_t proposal_number;
	uint32_t replaces;       /* outbound SPI of the peer's old SA (REKEY_SA), 0 none */
};

/* --- IKE SAs --- */
enum sa_timer { T_RETRANSMIT, T_LIVENESS, T_KEEPALIVE, T_REAUTH, T_EXPIRE, T_REPORT, T_DUPLICATE, T_N };

/* The request of ours that is under way. */
struct request {
	struct blob msg;
	uint32_t tries;
	mono_t first;
	uint8_t exchange;
	bool is_delete, is_liveness; /* what it is, where that matters */
};

/* What only the set-up of an SA needs. */
struct handshake {
	struct dh_private dh;
	uint8_t dh_public[DH_PUBLIC_MAX];
	struct nonce ni, nr;
	struct blob init_req, init_rsp;   /* as sent and received, for AUTH */
	struct blob cookie;
	uint8_t cookies, invalid_kes;
	uint16_t group;                   /* of our KE */
	uint8_t id_peer[4 + IDENT_MAX], id_mine[4 + IDENT_MAX];
	size_t id_peer_len, id_mine_len;
	struct blob auth;                 /* the peer's AUTH value */
	uint8_t my_auth[64];
	size_t my_auth_len;
	struct child *child;
	uint32_t key;                     /* handle of the PSK that verified the peer */
	bool peer_initial_contact;
	uint16_t child_error;             /* responder: why there is no child, to be answered; initiator: what came */
	char hint[160];                   /* unauthenticated errors, ICMP: why it may fail */
};

struct ike_sa {
	struct hnode by_spi;     /* our SPI */
	struct hnode by_init;    /* responder: the peer's SPI and endpoint, while half open */
	struct hnode by_peer;    /* tunnel and peer identity, once authenticated */
	struct list link;        /* ike.sas */
	struct list of_tun;
	struct timer timer;
	mono_t due[T_N];
	struct wait wait;
	struct tun *tun;         /* NULL until known */
	uint32_t id;
	uint8_t state;           /* enum sa_state; written by step() only */
	bool initiator;
	bool in_by_init, in_by_peer;
	bool natt_port, nat_here, nat_there, force_encap;
	uint64_t spi_i, spi_r;
	struct endpoint local, remote;
	struct suite suite;
	struct sk_keys tx, rx;
	bool keyed;
	struct secret sk_d, sk_pi, sk_pr;
	uint8_t lowest_nonce[NONCE_KEEP]; /* the lower of its two nonces, for the tie rule */
	struct ident my_id, peer_id;
	mono_t created, established, last_in, last_out;
	bool peer_told_gone;     /* the peer deleted it or lost it: no DELETE of ours */
	bool want_delete;        /* DELETE as soon as the window is free */
	bool restart;            /* its end is a reason to begin anew, also when not `wanted` */
	bool replaced;           /* a successor is up: no re-initiation when it goes */
	bool half_open;          /* counted in ike.half_open */
	bool had_child;          /* a child SA was up in it */
	char why[160];           /* the reason of its end, in a sentence */
	/* Window, RFC 7296 2.2, 2.3: size 1 each way. */
	uint32_t tx_id, rx_id;   /* next request of ours, next expected of theirs */
	struct request req;
	struct blob response;    /* to request rx_id - 1 */
	uint64_t response_to;    /* hash of that request */
	bool rx_busy;            /* request rx_id is being worked on */
	uint64_t rx_hash;
	uint8_t rx_exchange;
	struct list children;
	uint32_t n_children;
	uint32_t del_queue[CHILDREN_MAX * 2]; /* inbound SPIs whose DELETE waits for the window */
	uint8_t n_del;
	struct handshake *hs;
};

struct ike {
	struct mem *mem;
	struct crypto *crypto;
	struct rng *rng;
	struct conf_setup setup;
	struct hmap sas_by_spi, sas_by_init, sas_by_peer, children, tuns, tuns_by_addr, tuns_by_id, waits;
	struct list sas, dead, wild_addr, wild_id;
	struct heap timers;
	uint32_t n_sas, n_children, n_tuns, n_removed, half_open;
	uint32_t next_ticket, next_ike_id, next_child_id;
	uint8_t cookie_secret[2][32];
	uint8_t cookie_version;
	mono_t cookie_since;
	bool stopping;
	struct ike_counters n;
	mono_t note_second, clear_second; /* rate limits of notes and answers that strangers cause */
	uint32_t notes_left, clears_left;
	uint8_t buf[MSG_BUF];    /* the message under construction */
	uint8_t open[MSG_BUF * 4 + 8]; /* the message being opened */
};

/* One event on its way through rules.c. */
struct step {
	struct ike *e;
	struct ike_sa *sa;
	struct child *child;             /* facts about a child */
	struct ike_acts *acts;
	mono_t now;
	const struct ike_datagram *d;    /* messages */
	struct ike_hdr hdr;
	struct ike_payloads *pl;         /* the payloads that count: inside SK when there is one */
	const struct ike_fact *fact;
	uint16_t fail;                   /* V_FAIL: the notify to answer with */
	uint16_t fail_group;             /* with N_INVALID_KE_PAYLOAD */
};

/* --- rules.c --- */
typedef enum verdict handler_fn(struct step *s);
struct rule {
	uint8_t from, event;
	uint32_t need, may;   /* payload bits */
	uint8_t to;
	handler_fn *fn;
	const char *rfc;
	bool any_payload;     /* `may` is not looked at */
};
extern const struct rule ike_rules[];
extern const size_t ike_n_rules;
#define PB(type) (1u << ((type)-33))
uint32_t rules_bits(const struct ike_payloads *pl);
const struct rule *rules_find(uint8_t state, uint8_t event, uint32_t bits);
const char *rules_state_name(uint8_t state);
const char *rules_event_name(uint8_t event);
/* Runs the event of s (a message event, a fact or a timer) through the table: the only writer of sa->state. */
void step_run(struct step *s, uint8_t event);

/* --- sa.c --- */
struct ike_sa *sa_new(struct ike *e, bool initiator, const struct endpoint *local, const struct endpoint *remote,
                      mono_t now);
void sa_free(struct ike *e, struct ike_sa *sa);
void sa_set_tun(struct ike_sa *sa, struct tun *t);
void sa_due(struct ike *e, struct ike_sa *sa, enum sa_timer which, mono_t due);
void sa_peer_index(struct ike *e, struct ike_sa *sa);
/* The other SAs of the same tunnel and peer identity; prev NULL at first. NULL at the end. */
struct ike_sa *sa_next_same_peer(struct ike *e, const struct ike_sa *sa, struct ike_sa *prev);
struct handshake *sa_handshake(struct ike *e, struct ike_sa *sa); /* allocates; NULL no memory */
void sa_handshake_free(struct ike *e, struct ike_sa *sa);
struct child *child_new(struct ike *e, struct ike_sa *sa, uint8_t origin, mono_t now);
void child_free(struct ike *e, struct child *c);
void child_index(struct ike *e, struct child *c);
struct child *child_by_spi_in(struct ike *e, uint32_t spi);
struct child *child_by_spi_out(struct ike_sa *sa, uint32_t spi);
struct child *child_by_spi_out_any(struct ike *e, uint32_t spi);
void child_move_to(struct child *c, struct ike_sa *sa);
bool blob_set(struct ike *e, struct blob *b, const void *p, size_t n) MUST_USE;
void blob_free(struct ike *e, struct blob *b);
void wait_for(struct ike *e, struct wait *w, uint8_t fact);
void wait_end(struct ike *e, struct wait *w);

/* --- acts.c --- */
struct ike_act *act_add(struct step *s, uint8_t type, const struct tun *t);
const void *act_copy(struct step *s, const void *p, size_t n);
void note(struct step *s, const struct tun *t, int level, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Notes that strangers cause: at most 10 a second. */
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

/* --- tun.c --- */
struct tun *ike_tun_find(struct ike *e, uint32_t id);
void ike_tun_command_set(struct step *s, const struct ike_cmd *cmd);
void ike_tun_command_del(struct step *s, uint32_t id);
void ike_tun_start(struct step *s, struct tun *t);              /* asks for a path now */
void ike_tun_renew(struct step *s, struct tun *t);              /* the same, for a successor of what is up */
void ike_tun_on_path(struct step *s, struct tun *t);
void ike_tun_on_timer(struct step *s, struct tun *t);
void ike_tun_failed(struct step *s, struct tun *t, const char *reason); /* an attempt ended */
void ike_tun_lost(struct step *s, struct tun *t, dur_t wait_first); /* the last SA went: again, when wanted */
void ike_tun_down(struct step *s, struct tun *t, const char *why);
bool ike_tun_has_sa(const struct tun *t, const struct ike_sa *but);
bool ike_tun_busy(const struct tun *t);                          /* an attempt of ours is under way */
void ike_tun_release(struct ike *e, struct tun *t);              /* frees a removed one without SAs */
struct ident ike_tun_peer_id(const struct tun *t);
struct ident ike_tun_my_id(const struct tun *t, const struct addr *local);
/* Candidates of a responder. by address: best first by specificity; iterate with *state = 0. */
struct tun *ike_tun_match_init(struct ike *e, const struct addr *local, const struct addr *remote,
                           const struct proposals *offered, struct suite *suite, uint8_t *number);
/* A stranger's failure that may be this tunnel's: status of those that have this peer address and are not up says why. */
void ike_tun_blame(struct ike *e, const struct addr *remote, const char *why);
struct tun *ike_tun_match_auth(struct ike *e, const struct ike_sa *sa, const struct ident *idi, const struct ident *idr,
                           char *why, size_t why_len);

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
int keymat_ike(struct ike *e, struct ike_sa *sa, const struct nonce *ni, const struct nonce *nr, struct span shared,
               const struct secret *old_sk_d, uint16_t old_prf) MUST_USE;
int keymat_child(struct ike *e, const struct ike_sa *sa, struct child *c, bool we_initiate) MUST_USE;

/* --- auth_psk.c --- */
/* The octets that an AUTH value covers; returns their number in out, 0 on failure. */
size_t auth_octets(struct ike *e, const struct ike_sa *sa, bool of_initiator, uint8_t *out, size_t cap);
void auth_id_octets(const struct ident *id, uint8_t *out, size_t *len);

/* --- window.c --- */
struct out {
	struct wr w;
	struct ike_enc enc;
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
/* To a request outside any SA: stateless, in the clear. */
void respond_clear(struct step *s, uint16_t type, struct span data);
dur_t window_interval(const struct conf_setup *c, uint32_t tries);

/* --- natd.c --- */
void natd_hash(struct ike *e, uint64_t spi_i, uint64_t spi_r, const struct endpoint *ep, uint8_t out[20]);
void natd_encode(struct step *s, struct ike_enc *enc, uint64_t spi_i, uint64_t spi_r);
void natd_detect(struct step *s); /* sets nat_here, nat_there from the payloads of s */
bool natd_float_needed(const struct ike_sa *sa);
void natd_follow(struct step *s); /* an authenticated message came from elsewhere */
void natd_mapping(struct step *s, struct child *c, const struct endpoint *source);

/* --- cookie.c --- */
void cookie_init(struct ike *e, mono_t now);
void cookie_make(struct ike *e, const struct ike_datagram *d, uint64_t spi_i, struct span nonce, uint8_t out[33],
                 size_t *n);
bool cookie_check(struct ike *e, const struct ike_datagram *d, uint64_t spi_i, struct span nonce, struct span cookie,
                  mono_t now);

/* --- ts.c --- */
void ts_ours(const struct tunnel_conf *t, const struct addr *local, const struct addr *remote, struct ike_ts_list *tsi,
             struct ike_ts_list *tsr);
/* Responder: narrows the peer's selectors to ours (RFC 7296 2.9, 2.23.1). */
bool ts_narrow(const struct ike_sa *sa, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out);
/* Initiator: whether the answer is ours, or narrower in a way we can use. */
bool ts_accept(const struct ike_sa *sa, const struct tunnel_conf *t, const struct ike_ts_list *tsi,
               const struct ike_ts_list *tsr, struct selector *out);
void ts_reply(const struct ike_sa *sa, const struct selector *sel, bool peer_initiates, struct ike_ts_list *tsi,
              struct ike_ts_list *tsr);

/* --- exchanges --- */
handler_fn x_sa_init_start, x_sa_init_i, x_sa_init_i_notify, x_sa_init_r;
handler_fn x_auth_i_spi, x_auth_i_signed, x_auth_i, x_auth_i_error, x_auth_i_verified;
handler_fn x_auth_r, x_auth_r_verified, x_auth_r_spi, x_auth_r_installed, x_auth_r_signed;
handler_fn x_child_r, x_child_spi, x_child_installed, x_child_r_busy, x_child_i_late;
handler_fn x_rekey_ike_r, x_inherited;
handler_fn x_info_r, x_info_i, x_info_r_dying, x_info_i_dying;
handler_fn x_give_up, x_give_up_init, x_expired, x_expired_dying, x_delete, x_drop;
/* The first error notify among the payloads of s; false when there is none. */
bool error_notify(const struct step *s, struct ike_notify *out);
bool has_notify(const struct step *s, uint16_t type, struct ike_notify *out);

/* --- child.c: what is common to children made in IKE_AUTH and CREATE_CHILD_SA --- */
void child_fill(struct step *s, struct child *c, const struct suite *suite, const struct selector *sel);
void child_ask_spi(struct step *s, struct child *c);
void child_got_spi(struct step *s, struct child *c);
bool child_install(struct step *s, struct child *c, bool we_initiate); /* derives keys, emits the action */
void child_install_early(struct step *s, struct child *c, const struct proposals *offer);
void child_up(struct step *s, struct child *c);
void child_remove(struct step *s, struct child *c, const char *why); /* from the kernel and from the SA; frees it */
void child_delete_request(struct step *s, struct ike_sa *sa, uint32_t spi_in); /* tells the peer */
void child_on_timer(struct step *s, struct child *c);

/* --- liveness.c, collide.c, engine.c --- */
void sa_established(struct step *s);        /* timers, notes, index */
void sa_delete(struct step *s, struct ike_sa *sa, const char *why); /* politely: DELETE, then gone */
/* The same among many at once: when the actions near their limit, the clock does the rest. */
void sa_delete_soon(struct step *s, struct ike_sa *sa, const char *why);
void sa_drop(struct step *s, struct ike_sa *sa, const char *why);   /* at once; children go; sa is dead */
void sa_pump(struct step *s, struct ike_sa *sa); /* sends what waits for the window */
void sa_on_timer(struct step *s);
void collide_settle(struct step *s);        /* sa is up with its child: one of its like stays */
void collide_contact(struct step *s);       /* the peer sent INITIAL_CONTACT */
struct step step_sub(const struct step *s, struct ike_sa *sa); /* the same turn, for another SA */

#endif
