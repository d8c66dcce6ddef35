/* Front door of control/: the socket through which `gretel` talks to the daemon, both ends.
 *
 *      gretel                                     greteld, ike role
 *      control_call --R {"verb":"up",...}-------> serve.c  -> peer.c (who is it) -> request.c (verb row, arguments)
 *        line()  <--L one line of text-----------     ^                               |
 *        doc     <--J a piece of a document------     |  control_line/json/end        v
 *        code    <--E {"code":0,"text":""}-------     +------ the role <---------- ops.request
 *
 * A frame is 4 octets of length (big-endian, of the payload, at most CONTROL_FRAME_MAX), one octet of type, the
 * payload. A client sends one R per connection and gets any number of L, at most one document as J frames in a row,
 * and one E, after which the server closes.
 *
 * Life of a client:   accepted -> (request) -> answering -> ending -> gone
 *   accepted   5 s for a whole request; who may not talk to us at all is told so (code 13) before anything is read
 *   answering  the role has been called and owes a control_end(); ops.gone says when the client left before that
 *   ending     E is queued; closed when it is out, or when the client has taken nothing for 30 s
 *
 * Who may: uid 0, and members of the group (SO_PEERCRED, SO_PEERGROUPS) for verbs that change nothing; a verb that
 * changes something is uid 0 only. Limits: 64 clients, 8 of which are kept for root; 8 of one uid but root; 1 MiB of
 * lines that a client has not read; 16 MiB of documents over all clients. A client that reads too slowly is ended
 * with "truncated"; nobody is ever waited for, and file descriptors in messages are never taken.
 *
 * Clients are named by a number that is never used twice: an answer to one that has left does nothing. All calls here
 * only queue; writing happens in the loop, so that no callback runs inside a control_*() call. Called by
 * daemon/ike_role.c (server) and cli/ (client). Text is UTF-8; control characters in lines are replaced. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <jansson.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "model/model.h"

enum {
	CONTROL_FRAME_MAX = 65536,
	CONTROL_CLIENTS = 64,
	CONTROL_CLIENTS_UID = 8,
	CONTROL_CLIENTS_ROOT = 8, /* of the 64, for root only */
	CONTROL_OUT_MAX = 1 << 20,
	CONTROL_DOC_MAX = 16 << 20,
	CONTROL_ARGS_MAX = 4,
	CONTROL_ARG_MAX = 512,
};

/* Codes of the E frame, and exit codes of `gretel`. */
enum control_code {
	CONTROL_OK = 0,
	CONTROL_FAILED = 1,      /* it was tried; the text says why it did not work */
	CONTROL_USAGE = 2,       /* unknown verb, option, name; wrong number of arguments; not a request at all */
	CONTROL_NOT_RUNNING = 7, /* client side only: there is no daemon (ike.md 5.1) */
	CONTROL_BUSY = 11,       /* too many clients */
	CONTROL_DENIED = 13,
	CONTROL_CUT = 75, /* the client read too slowly, or was too late */
};

/* --- The verb table (verbs.c) --- */
enum control_verb {
	CONTROL_UP,
	CONTROL_DOWN,
	CONTROL_STATUS,
	CONTROL_STATUSALL,
	CONTROL_LIST,
	CONTROL_RELOAD,
	CONTROL_LOG,
	CONTROL_LOG_LEVEL,
	CONTROL_GUARD,
	CONTROL_GUARD_CLEAR,
	CONTROL_COUNTERS,
#ifdef GRETEL_IMPAIR
	CONTROL_IMPAIR,
#endif
	CONTROL_VERSION,
	CONTROL_SHOW,    /* a question to the routing module, as one text: "summary", "bgp 10.0.0.0/8" (bgp_show) */
	CONTROL_EXPLAIN, /* "PREFIX [to PEER]" */
	CONTROL_GRE_ADD, /* the name of an interface; what `ip tunnel add` says about it as options (cli/ip.h) */
	CONTROL_GRE_DEL,
	CONTROL_CLEAR,   /* "PEER [soft|in|out]", "*" for all */
	CONTROL_REKEY,   /* NAME: its child SA; or one of the forms that name SAs */
	CONTROL_VERB_N,
};

enum control_arg_kind { CONTROL_ARG_TEXT, CONTROL_ARG_TUNNEL, CONTROL_ARG_TARGET };

struct control_verb_row {
	const char *name;
	uint8_t verb; /* enum control_verb */
	uint8_t min_args, max_args;
	uint8_t arg;         /* enum control_arg_kind of the first argument */
	bool root_only;      /* changes something */
	bool streaming;      /* lines come for as long as the client stays; the role must not expect to end it */
	const char *options; /* names it takes, blank separated */
};
const struct control_verb_row *control_verb_row(enum control_verb v);  /* NULL: none */
const struct control_verb_row *control_verb_by_name(const char *name); /* NULL: none */

/* What `up`, `down` and `rekey` are about: NAME; NAME[n], NAME[], NAME[*]; NAME{n}, NAME{}, NAME{*}. The name may be left out
 * before a number, "" then. */
enum control_target_kind { CONTROL_TARGET_TUNNEL, CONTROL_TARGET_IKE, CONTROL_TARGET_CHILD };
struct control_target {
	char name[CONF_NAME_MAX + 1];
	uint8_t kind; /* enum control_target_kind */
	bool all;     /* [*] {*} */
	uint32_t id;  /* 0 with [] and {} (the first one), and with all */
};
bool control_target_parse(const char *text, struct control_target *out) MUST_USE;

/* --- Server --- */
struct control;

struct control_peer {
	pid_t pid;
	uid_t uid;
	bool root, member;
};

struct control_args {
	const struct control_verb_row *row;
	size_t n;
	const char *v[CONTROL_ARGS_MAX];
	/* Rows with CONTROL_ARG_TARGET; rows with CONTROL_ARG_TUNNEL: name, when n > 0. */
	struct control_target target;
	const json_t *options; /* an object; control_option() */
	struct control_peer peer;
};
/* Options: true when given and not false. A number: fallback when it was not given. */
bool control_option(const struct control_args *a, const char *name);
int64_t control_option_int(const struct control_args *a, const char *name, int64_t fallback);
const char *control_option_text(const struct control_args *a, const char *name); /* "" when it was not given */

struct control_ops {
	/* A request that is allowed, known and well-formed, with names that exist. args is borrowed for the call. Every
	 * request wants one control_end(), now or later. */
	void (*request)(void *ctx, uint64_t client, enum control_verb v, const struct control_args *args);
	/* The client left before control_end(). May be NULL. */
	void (*gone)(void *ctx, uint64_t client);
	/* The name of the i-th tunnel, NULL behind the last: names in arguments are looked up here. NULL: not looked
	 * up. */
	const char *(*tunnel_name)(void *ctx, size_t i);
	/* Why a conn of the configuration is not in use, as one sentence; NULL: there is none of this name. May be
	 * NULL. */
	const char *(*refused)(void *ctx, const char *name);
	/* Who is at the other end: 0 or -errno. NULL: the kernel is asked (control_peer_of). Tests put their own
	 * here. */
	int (*peer)(void *ctx, int fd, gid_t group, struct control_peer *out);
	/* Whether there is a tunnel of this name. NULL: tunnel_name is gone through. */
	bool (*tunnel_there)(void *ctx, const char *name);
};

/* listen_fd: a listening SOCK_STREAM socket, made by priv, owned from now on. group: whose members may look,
 * (gid_t)-1 = nobody but root. ops is kept and must live as long. Registers a descriptor and a timer with the loop:
 * freed after the loop has ended and before loop_free(). NULL: no memory, or the loop refused (listen_fd is closed
 * then, too). */
struct control *control_new(struct loop *l, int listen_fd, const struct control_ops *ops, void *ctx, gid_t group);
/* Tries once to send what is queued, closes everything; ops are not called. */
void control_free(struct control *c);

/* One line of text or several separated by newlines. False: that client is gone or ended: stop producing. */
bool control_line(struct control *c, uint64_t client, const char *text);
/* The document; the reference is taken over in every case. At most one per client. False: as above, or there is no room
 * (then the client has been ended with CONTROL_CUT). */
bool control_json(struct control *c, uint64_t client, json_t *doc);
/* The last word. code: enum control_code; text: a sentence or "". */
void control_end(struct control *c, uint64_t client, int code, const char *text);
size_t control_clients(const struct control *c);

int control_peer_of(void *unused, int fd, gid_t group, struct control_peer *out) MUST_USE;

/* "no tunnel named 'x'; did you mean 'y' or 'z'?" into b: the names that are near, all when there are few. */
void control_no_such(struct sbuf *b, const char *name, const char *(*name_at)(void *ctx, size_t i), void *ctx);

/* --- Client --- */
struct control_call {
	const char *socket; /* path */
	const char *verb;
	const char *const *arg;
	size_t n_args;
	json_t *options;                           /* borrowed; NULL = none */
	int timeout_s;                             /* for the whole call; 0 = none */
	void (*line)(void *ctx, const char *text); /* NULL: lines are dropped */
	void *ctx;
};
struct control_reply {
	json_t *doc; /* NULL: none came */
	int code;    /* enum control_code */
	char *text;  /* never NULL when the call returned 0 */
};
/* 0: the server's last word is in *out (control_reply_fini). -ENOENT, -ECONNREFUSED: no daemon; -EACCES: the socket
 * is closed to us; -ETIMEDOUT; -EPROTO: what came is no answer; -ECONNRESET: the daemon left in the middle; other
 * -errno. */
int control_call(const struct control_call *call, struct control_reply *out) MUST_USE;
void control_reply_fini(struct control_reply *r);

#endif
