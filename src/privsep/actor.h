/* The privileged half of the verbs: what priv does about a request of ike. It checks the request against the
 * configuration that priv loaded itself and against what priv did and learnt before, acts through kernel.h and
 * crypto.h, and fills in an answer. It owns no descriptor and never waits: what takes time comes out as something
 * to do (struct actor_out.todo), and the daemon brings the outcome back.
 *
 *      privsep_recv -> actor_handle -> out.answer: privsep_reply
 *                                      out.todo:   RESOLVE -> ... -> actor_resolved
 *                                                  HOOK    -> ... -> actor_hook_ended
 *                                                  PROBE, RELOAD, READY, LOG, STOPPED: the daemon's
 *
 * What it remembers outlives ike: children (children.h), which tunnels are held, whose up script ran. By way of the books (books.h) it outlives
 * priv as well. */
#ifndef PRIVSEP_ACTOR_H
#define PRIVSEP_ACTOR_H

#include "crypto/crypto.h"
#include "privsep/children.h"
#include "privsep/esp_msg.h"
#include "privsep/privsep.h"

struct actor;

typedef void actor_log_fn(void *ctx, int8_t level, const char *text); /* enum note_level */

/* Says a verb of ESP_VERBS to the role esp. Whether it succeeds is for the log. */
typedef void actor_esp_fn(void *ctx, uint8_t verb, const void *body, const int *fds, size_t n_fds);

/* Takes a record of the books (books.h): it is in the file before the call returns. */
typedef void actor_book_fn(void *ctx, struct span record);

struct actor_env {
	struct mem *mem;
	struct kernel *kernel;   /* borrowed, as is crypto */
	struct crypto *crypto;   /* NULL: comes later (actor_crypto_set), before ike may ask for anything */
	struct rng *rng;
	actor_log_fn *log;
	void *log_ctx;
	actor_esp_fn *esp;       /* NULL: the data plane is the kernel's */
	void *esp_ctx;
	unsigned queues;         /* of each device: the workers of esp */
	actor_book_fn *book;     /* NULL: there are no books */
	void *book_ctx;
};

enum actor_todo {
	TODO_NOTHING, TODO_RESOLVE, TODO_HOOK, TODO_PROBE, TODO_RELOAD, TODO_READY, TODO_LOG, TODO_STOPPED, TODO_HELLO,
	TODO_ESP,
};

/* A name to look up; comes back to actor_resolved unchanged. */
struct actor_resolve { char tunnel[PRIV_NAME]; char name[256]; uint8_t host; uint32_t attempt; };

/* A request to esp whose answer belongs to ike's request; comes back to actor_esp_answered, its body then without meaning. */
struct actor_esp {
	uint8_t verb;            /* of ESP_VERBS */
	bool early;              /* SA_INSTALL: the inbound half */
	uint32_t spi;
	union { struct x_install install; struct x_move move; struct x_spi spi; struct x_id id; } body;
};

/* A run of a tunnel's script. */
struct actor_hook {
	char tunnel[PRIV_NAME];
	char state[PRIV_NAME];   /* whose books it is in: for actor_hook_ended() */
	bool up;
	struct tun_child child;
	char interface[16];
	bool host_access;
	const char *command;     /* the actor's; valid until the next call */
};

struct actor_out {
	bool answer;             /* send a reply now */
	int status;
	bool has_body;
	union {
		struct r_spi_alloc spi;
		struct r_sa_query query;
		struct r_link link;
		struct r_psk psk;
		struct r_path path;
		struct r_dp_stats stats;
	} body;
	uint8_t octets[3 * PRIV_AUTH_MAX];
	size_t n_octets;
	char text[PRIV_TEXT_MAX]; /* status < 0: the sentence */

	uint8_t todo;            /* enum actor_todo */
	struct actor_resolve resolve;
	struct actor_hook hook;
	bool down_first;         /* HOOK: run `before` (a down without ticket) in front of it */
	struct actor_hook before;
	uint32_t ifindex;        /* PROBE */
	struct addr inner;
	bool check_only;         /* RELOAD */
	int8_t level;            /* LOG: of m->tail's text */
	struct actor_esp esp;
};

struct actor *actor_new(const struct actor_env *env); /* NULL: no memory */
void actor_free(struct actor *a);
void actor_crypto_set(struct actor *a, struct crypto *crypto); /* borrowed */
/* A new configuration; both are borrowed until the next one. Sets guards and shunts and says on the log
 * what the kernel refused. -ENOMEM: nothing changed. */
int actor_conf_set(struct actor *a, const struct conf *conf, const struct psk_set *psks) MUST_USE;

/* PHASE_*: a channel is new, HELLO was good, STOP was said. */
void actor_phase_set(struct actor *a, uint8_t phase);
/* A message that privsep_recv called good. */
void actor_handle(struct actor *a, const struct priv_msg *m, mono_t now, struct actor_out *out);
/* The outcome of RESOLVE: n addresses, or n = 0 and why. Fills in the answer to PATH. */
void actor_resolved(struct actor *a, const struct actor_resolve *what, const struct addr *v, size_t n, const char *why,
                    struct actor_out *out);
/* The outcome of HOOK: the script's exit code or -errno. */
void actor_hook_ended(struct actor *a, const char *state, bool up, int status);
/* The outcome of ESP: its status, body (status >= 0) and sentence; -EPIPE: it has died. */
void actor_esp_answered(struct actor *a, const struct actor_esp *what, int status, const void *body, const char *text,
                        struct actor_out *out);
void actor_devices_tell(struct actor *a); /* to an esp that is new */
/* What the kernel or esp told; call it before ike hears of it. False: ike need not, it has just heard the same. */
bool actor_event(struct actor *a, struct kernel_event *ev, mono_t now);
/* Whether addresses of this interface are for IKE: it is no tunnel's own, and the configuration does not exclude it. */
bool actor_address_outside(struct actor *a, uint32_t ifindex);
/* Whether this route would lead the packets of a tunnel, which go to its peer's outer address, into that tunnel. */
bool actor_route_loops(struct actor *a, const struct route *r);
/* Whose trap it was that a packet met: KERNEL_ACQUIRE of the kernel, or WANTED of esp; NULL: nobody's. */
const char *actor_acquired(const struct actor *a, const struct kernel_event *ev);
const char *actor_wanted(const struct actor *a, uint32_t id);
/* ike is dead: its unused SPIs are given back, its children stay and are data-only from now on. */
void actor_ike_gone(struct actor *a);

const struct children *actor_children(const struct actor *a);
/* The message that tells an ike of child k; left: how many follow. */
void actor_child_event(const struct actor *a, const struct child *k, uint32_t left, struct e_child *out);
bool actor_held(const struct actor *a, const char *tunnel);
/* The end without ike: takes all children away. Scripts whose up ran: actor_next_hook gives their downs one by one. */
void actor_remove_children(struct actor *a);
bool actor_next_hook(struct actor *a, struct actor_hook *out);

/* The books of an earlier life, when there is a configuration and no ike yet: children whose SAs are in the kernel become old ones, which forward
 * on until ike has others; what the kernel has only in part is removed; tunnels are remembered. Afterwards actor_next_stray gives, one by one,
 * the downs of scripts whose SAs are gone. */
void actor_adopt(struct actor *a, struct span books, mono_t now);
bool actor_next_stray(struct actor *a, struct actor_hook *out);
/* The books anew, head first: all that counts now. */
void actor_books_write(const struct actor *a, actor_book_fn *fn, void *ctx);

#endif
