/* Front door of privsep/: the privileged verbs, and the one channel between priv (root's half) and
 * ike (the half that reads the network).
 *
 *      ike role                                 priv role
 *      daemon/act.c -> proxy.c --SEQPACKET--> actor.c -> kernel/, crypto/, children.c
 *                   <- privsep_recv <-------- replies (same verb, same ticket), events
 *
 * A message is struct priv_head, one plain struct (msg.h), a bounded tail (octets, or text that ends
 * with NUL), and for two verbs descriptors. verbs.c has one row per verb: who may send it, in which phase,
 * sizes, and one line per field that must hold more than any octets. privsep_recv checks a message
 * against its row before anybody looks at it, on both ends. The first message each way is HELLO with a
 * hash over that table and the version: two builds do not talk.
 *
 * Every request gets exactly one reply with its ticket; LOG, READY, STOPPED and SPI_FREE get none. Quick
 * verbs are answered at once; PATH (a name to resolve), HOOK_RUN (status = the script's exit code, or
 * -errno) and PROBE (0 = an authenticated packet came back, -ETIMEDOUT) when they have ended. A reply with
 * status < 0 carries a sentence as its tail, "" when there is nothing to add, and no body except where
 * msg.h says so. Ticket 0 is for those who do not care; the reply still comes.
 *
 * Order at the start of ike (first or again): HELLO both ways; SOCKETS; one CHILD for each child SA that an
 * earlier ike left in the kernel (data-only: show it, CHILD_REMOVE it once the tunnel has a new child, or
 * when its tunnel is no longer configured); CONF. Then ike says READY. A reload: DIAG lines, CONF when it
 * was good, the reply to RELOAD.
 *
 * The actor believes nothing: tunnels are named, and looked up in the configuration that priv loaded
 * itself; addresses must be ones that priv resolved, selected or owns; suites, selectors, marks, lifetimes are
 * compared with the tunnel's; SPIs must have been allocated through it; GRE parameters and script lines
 * come from priv's own configuration. Priv numbers requests for SAs (reqid) so that they stay the same over
 * restarts of ike: the answer to SPI_ALLOC says which reqid CHILD_INSTALL must carry.
 *
 * Keys in messages are wiped from the buffers of both ends. Nothing here blocks: what the socket does not
 * take is queued (privsep_flush when it is writable again). */
#ifndef PRIVSEP_PRIVSEP_H
#define PRIVSEP_PRIVSEP_H

#include "model/model.h"
#include "privsep/esp_msg.h"
#include "privsep/msg.h"
#include "privsep/route_msg.h"
#include "privsep/verbs.h"

/* --- The channel --- */
struct privsep;

enum { PRIV_FDS_MAX = 8 };

/* A received message: borrows the channel's buffer until the next privsep_recv. */
struct priv_msg {
	const struct priv_verb *row;
	uint8_t verb;            /* enum priv_verb_id, or a value of the channel's own table */
	bool reply;
	uint32_t ticket;
	int status;              /* replies: 0 or more, or -errno */
	const void *body;        /* aligned, of the row's struct; may be NULL in a reply with status < 0 */
	struct span tail;        /* text tails count their NUL */
	int fd[PRIV_FDS_MAX];    /* close those you do not keep (priv_msg_close) */
	uint32_t n_fds;
	const char *bad;         /* -EBADMSG: the field that is wrong */
};

/* fd: one end of a socketpair(AF_UNIX, SOCK_SEQPACKET); owned from now on. me: PRIV_ROLE_* of this end.
 * table: PRIV_VERBS for priv and ike. NULL: no memory. */
struct privsep *privsep_new(int fd, uint8_t me, const struct priv_table *table);
/* The same for a role whose sandbox is closed: whoever made the pair has called privsep_widen() for it. */
struct privsep *privsep_adopt(int fd, uint8_t me, const struct priv_table *table);
void privsep_widen(int fd);
void privsep_free(struct privsep *p); /* closes */
int privsep_fd(const struct privsep *p);
/* Sends or queues. body: the row's struct. -ENOBUFS: the queue is full (8 MiB), -EPIPE: the other end is gone,
 * -EINVAL: against the row. fds are duplicated by the kernel; the caller keeps its own. */
int privsep_send(struct privsep *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
                 size_t n_fds) MUST_USE;
int privsep_reply(struct privsep *p, uint8_t verb, uint32_t ticket, int status, const void *body,
                  struct span tail) MUST_USE;
/* 1: a message in *m; 0: none now; -EPIPE: the other end is gone; -EBADMSG: m->verb, m->ticket are good, m->bad
 * names what is not (answer -EINVAL, go on); -EPROTO: the frame itself is wrong (give the other end up). */
int privsep_recv(struct privsep *p, struct priv_msg *m) MUST_USE;
void priv_msg_close(struct priv_msg *m); /* closes descriptors that are still in m->fd (>= 0) */
const char *priv_msg_text(const struct priv_msg *m); /* the tail as text; "" when it is none */
/* From now on messages without descriptors wait for privsep_flush, which its caller does before it waits for anything: a turn's messages
 * are one packet, and a burst of handshakes costs few system calls. */
void privsep_gather(struct privsep *p);
/* 0: all is out; 1: more is queued; -errno. */
int privsep_flush(struct privsep *p) MUST_USE;
bool privsep_pending(const struct privsep *p); /* poll for EPOLLOUT too */
/* A message that privsep_recv will give without asking the socket, whose descriptor tells nothing of it. */
bool privsep_buffered(const struct privsep *p);
/* HELLO out, and the check of one that came in: false = another build. */
int privsep_hello(struct privsep *p, int8_t log_level) MUST_USE;
bool privsep_hello_ok(const struct privsep *p, const struct priv_msg *m);

/* --- Requests, for ike (proxy.c). All: 0 or privsep_send's error. --- */
int priv_spi_alloc(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                   const struct addr *remote, uint32_t reqid, uint32_t min, uint32_t max) MUST_USE; /* -> r_spi_alloc */
int priv_spi_free(struct privsep *p, uint32_t spi) MUST_USE; /* no reply */
/* peer: the authenticated identity. -EADDRINUSE: another peer or tunnel has this selector pair. -> r_none */
int priv_child_install(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t child_id,
                       const struct ident *peer, const struct child_sa *sa) MUST_USE;
/* The child whose inbound SPI is now->in.spi gets now's addresses and UDP ports. -> r_none */
int priv_child_move(struct privsep *p, uint32_t ticket, const struct child_sa *now) MUST_USE;
int priv_child_remove(struct privsep *p, uint32_t ticket, uint32_t spi_in) MUST_USE; /* -> r_none */
int priv_sa_query(struct privsep *p, uint32_t ticket, uint32_t spi_in) MUST_USE;     /* -> r_sa_query */
int priv_guard_set(struct privsep *p, uint32_t ticket, const char *tunnel,
                   const struct addr *remote) MUST_USE; /* -> r_none */
/* From now on a packet between these ends that finds no SA is told (WANTED). */
int priv_trap_set(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                  const struct addr *remote) MUST_USE; /* -> r_none */
int priv_gre_up(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                const struct addr *remote) MUST_USE; /* -> r_link */
int priv_gre_down(struct privsep *p, uint32_t ticket, const char *tunnel) MUST_USE; /* -> r_none */
int priv_gre_find(struct privsep *p, uint32_t ticket, const char *tunnel, const struct addr *local,
                  const struct addr *remote) MUST_USE; /* -> r_link, -ENODEV */
/* An up for endpoints whose up has run already (before a crash of ike) is answered with that run's status. */
int priv_hook_run(struct privsep *p, uint32_t ticket, const char *tunnel, bool up,
                  const struct tun_child *child) MUST_USE; /* -> r_none */
int priv_psk_sign(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, uint32_t key,
                  const struct ident *me, const struct ident *peer,
                  struct span octets) MUST_USE; /* -> r_psk, tail = AUTH */
/* tunnel may be "" while it is not known: then any tunnel with these identities will do. -> r_psk */
int priv_psk_verify(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, const struct ident *me,
                    const struct ident *peer, struct span octets, struct span auth) MUST_USE;
/* keys: SK_d, SK_pi, SK_pr. -> tail = the same with the PPK `id` */
int priv_ppk_mix(struct privsep *p, uint32_t ticket, const char *tunnel, uint16_t prf, const char *id,
                 struct span keys) MUST_USE;
int priv_path(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t attempt, const struct addr *local,
              const struct addr *remote, bool look) MUST_USE; /* -> r_path, -EDESTADDRREQ. look: no guard yet */
int priv_probe(struct privsep *p, uint32_t ticket, const char *tunnel, uint32_t ifindex,
               const struct addr *inner) MUST_USE; /* -> r_none */
int priv_held_set(struct privsep *p, uint32_t ticket, const char *tunnel, bool held) MUST_USE; /* -> r_none */
int priv_reload(struct privsep *p, uint32_t ticket, bool check_only) MUST_USE;                 /* -> r_none */
int priv_dp_stats(struct privsep *p, uint32_t ticket, const char *tunnel) MUST_USE; /* "": only all. -> r_dp_stats */
int priv_log(struct privsep *p, int8_t level, const char *text) MUST_USE; /* enum note_level; cut when too long */
int priv_ready(struct privsep *p) MUST_USE;
int priv_stopped(struct privsep *p) MUST_USE; /* the answer to STOP: nothing is left */

/* Maps the memfd of a CONF message and proves it (conf_check, seals); NULL: refused. privsep_conf_unmap lets go. */
const struct conf *privsep_conf_map(const struct priv_msg *m);
void privsep_conf_unmap(const struct conf *c);
/* Whether tunnel i of the CONF in m is held. */
bool privsep_conf_held(const struct priv_msg *m, uint32_t i);

#endif
