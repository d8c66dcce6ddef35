/* Inside the priv role: its state, and what its files ask of each other. Nobody else includes this.
 *
 *      priv_role.c       start, signals, deadlines, the end
 *      priv_peer.c       what all roles have in common: channel, log, deadlines, death
 *      priv_role_conf.c  load, reload, the sealed copy for ike
 *      priv_role_ike.c   ike: start, greet, its messages, its death
 *      priv_role_hook.c  hook: start, runs, what comes back
 *      priv_role_route.c route: start, greet, its messages, its death, the grace of its routes
 *      priv_role_esp.c   esp: which data plane there is; start, greet, its messages, its death
 *      priv_role_tool.c  what hook runs for route: tools, the program of the module exec
 *      priv_role_jobs.c  look-ups and probes under way
 *      priv_role_sock.c  UDP and control sockets, pid file
 *      priv_books.c      the file of what another life has to find again */
#ifndef DAEMON_PRIV_ROLE_H
#define DAEMON_PRIV_ROLE_H

#include <limits.h>
#include <sys/types.h>

#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/hook_role.h"
#include "daemon/log.h"
#include "daemon/names.h"
#include "daemon/notify.h"
#include "kernel/kernel.h"
#include "loop/loop.h"
#include "privsep/actor.h"
#include "privsep/actor_route.h"
#include "privsep/privsep.h"

enum { CRASHES_MAX = 5 };

/* A role that runs, or is to. */
struct peer {
	const char *name;
	pid_t pid;               /* 0: none */
	struct privsep *chan;
	bool greeted, ready;
	mono_t started;
	mono_t stuck_since;      /* it does not read what we send; MONO_NEVER */
	mono_t restart;          /* when to start it again; MONO_NEVER */
	mono_t crash[CRASHES_MAX]; /* the last ones, a ring */
	uint32_t crashes;
	uint32_t epoch;          /* how often it was started */
	mono_t log_window;       /* rate limit on its lines */
	uint32_t log_lines;
};

#include "daemon/priv_esp.h"
#include "daemon/priv_route.h"

enum job_kind { JOB_NAME, JOB_PROBE };
/* Something that is waited for on behalf of a request of ike. */
struct job {
	struct list node;
	uint8_t kind;            /* enum job_kind */
	uint32_t ticket, epoch;
	int fd;
	pid_t pid;               /* NAME */
	mono_t due;
	struct actor_resolve what;
	struct addr inner;
	uint16_t id;
};

/* A run of a script that hook has been told of. */
struct hook_run {
	struct list node;
	uint32_t run;            /* the ticket between us and hook */
	bool asked;              /* by ike: its request wants an answer */
	uint32_t ticket, epoch;  /* of that request */
	char tunnel[PRIV_NAME], state[PRIV_NAME];
	bool up;
};

struct priv {
	struct greteld_options *opt;
	struct log *log;
	struct loop *loop;
	struct kernel *kernel;
	struct crypto *crypto;
	struct actor *actor;
	struct conf *conf;
	struct psk_set psks;
	struct peer ike, hook;
	pid_t spawner_pid;       /* 0: it has ended */
	int spawner;             /* the channel to it; -1 */
	struct route_side route;
	struct esp_side esp;
	int socket[PRIV_SOCKETS_N]; /* -1: none */
	struct kept_fd kept[PRIV_SOCKETS_N * 2]; /* what an earlier life left with systemd */
	size_t n_kept;
	uint16_t port, port_nat_t;  /* as opened: a reload cannot change them */
	char control_path[108];
	uint32_t ike_lives;      /* how many ike roles got their sockets */
	int64_t control_gid;     /* whose members may look, -1 only root */
	int pid_file;
	int stderr_read, stderr_write; /* the roles' standard error; -1: ours */
	struct list jobs, runs;
	uint32_t next_run;
	uint16_t next_probe;
	bool told_ready;         /* the starter and systemd know that we are up */
	bool stopping, ike_told_stop;
	bool handover;           /* the end is for another life that goes on: SAs, routes and scripts' work stay */
	bool clean;              /* nothing was left behind */
	mono_t stop_due;
	mono_t watchdog;         /* next WATCHDOG=1 */
	mono_t settle;           /* when memory is given back (role_settle); MONO_NEVER: it was */
	struct { int fd; size_t size, live; } books; /* octets: now, and when they were written anew */
	int result;
};

/* priv_role.c */
void priv_logf(struct priv *p, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);
void priv_ready_now(struct priv *p);
void wanted_tell(struct priv *p, const char *tunnel); /* to ike: a packet was to go through it; NULL: nothing */
/* Something that the end waits for is over. */
void priv_stop_step(struct priv *p);
void priv_fail(struct priv *p); /* ends with exit code 1 */
/* Sends to ike; what cannot be sent ends ike. */
void ike_event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
               size_t n_fds);

/* priv_peer.c */
typedef void peer_message_fn(struct priv *p, const struct priv_msg *m, mono_t now);
typedef void peer_refused_fn(struct priv *p, struct peer *x, const struct priv_msg *m);
void peer_init(struct peer *x, const char *name);
/* fd: this end of the channel to a process that was just started; owned from now on. 0 or -ENOMEM. */
int peer_open(struct priv *p, struct peer *x, int fd, const struct priv_table *verbs, loop_fd_fn *on_channel,
              mono_t now) MUST_USE;
void peer_close(struct priv *p, struct peer *x);    /* its channel */
void peer_kill(struct priv *p, struct peer *x, const char *why);
/* The channel's descriptor is watched for writing while something is queued. */
void peer_watch(struct priv *p, struct peer *x);
/* To a role that was greeted: 0, or -errno, which was said unless it is -EPIPE, there is none. What is queued is not watched. */
int peer_send(struct priv *p, struct peer *x, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
              size_t n_fds) MUST_USE;
/* What its channel has: each message to take, one that is not as its row wants it to refuse. */
void peer_read(struct priv *p, struct peer *x, uint32_t events, mono_t now, peer_message_fn *take, peer_refused_fn *refuse);
void peer_refused(struct priv *p, struct peer *x, const struct priv_msg *m); /* says so */
void peer_log(struct priv *p, struct peer *x, const struct priv_msg *m, mono_t now);
bool peer_pair(struct priv *p, const struct peer *x, int pair[2]) MUST_USE; /* a channel between ike and x, or said why not */
bool peer_has_ended(const struct peer *x, int *status) MUST_USE;
/* When it is dead, what it has said; take NULL: only its LOG, since requests of the dead are not acted on. What killed it may be there. */
void peer_last_words(struct priv *p, struct peer *x, peer_message_fn *take, mono_t now);
void peer_died(struct priv *p, struct peer *x, int status, mono_t now);
void peer_end(struct priv *p, struct peer *x);      /* and waits for it */
/* When it is to be started again, or ended since it does not start or read. */
mono_t peer_due(const struct peer *x);
void peer_is_due(struct priv *p, struct peer *x, int (*start)(struct priv *p, mono_t now), mono_t now);

/* priv_role_conf.c */
int conf_start(struct priv *p);                     /* said on the log */
void conf_reload(struct priv *p, uint32_t ticket, bool asked_by_ike, bool check_only);
void conf_send(struct priv *p, bool reloaded);
int conf_memfd(const struct conf *c);               /* sealed; a descriptor or -errno */
int conf_check_only(struct greteld_options *opt);   /* --check: the exit code */

/* priv_role_ike.c */
/* The library for cryptography, whose start takes longer than all of route's: only ike asks for what needs it, so it is there at the latest
 * when ike is. False: it cannot be used, which was said. */
bool ike_crypto(struct priv *p);
int ike_start(struct priv *p, mono_t now);
void ike_greet(struct priv *p);                     /* it is there, and so is what it needs */
bool ike_reap(struct priv *p, mono_t now);
/* Wipes out->octets. */
void ike_reply(struct priv *p, uint8_t verb, uint32_t ticket, struct actor_out *out);
void ike_flush(struct priv *p);                     /* sends what was gathered for it */

/* priv_role_hook.c */
int spawner_start(struct priv *p) MUST_USE;
void spawner_reap(struct priv *p);
int hook_start(struct priv *p, mono_t now);
bool hook_reap(struct priv *p, mono_t now);
void hook_run(struct priv *p, const struct actor_out *out, uint32_t ticket);
void hook_down(struct priv *p, const struct actor_hook *h); /* asked for by nobody */

/* priv_role_jobs.c */
void job_resolve(struct priv *p, const struct actor_resolve *what, uint32_t ticket, mono_t now);
void job_probe(struct priv *p, uint32_t ifindex, const struct addr *inner, uint32_t ticket, mono_t now);
mono_t jobs_due(const struct priv *p);
void jobs_expire(struct priv *p, mono_t now);
void jobs_drop(struct priv *p);                     /* all, without answers */

/* priv_books.c */
void books_open(struct priv *p, mono_t now);        /* takes over what an earlier life left, and begins anew */
void books_write(void *ctx, struct span record);    /* the actor's */
void books_tidy(struct priv *p);                    /* now and then */
void books_close(struct priv *p, bool keep);

/* priv_role_sock.c */
int sockets_open(struct priv *p);                   /* said on the log */
void sockets_send(struct priv *p);
void sockets_close(struct priv *p);
int pid_file_take(struct priv *p);                  /* -EBUSY: another greteld runs */
void pid_file_drop(struct priv *p);

#endif
