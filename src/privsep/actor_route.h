/* The privileged half of the verbs of the role `route`: what priv does about them. Like actor.h it checks each request against the
 * configuration that priv loaded itself, and owns nothing that waits: descriptors and messages are the daemon's.
 *
 * A route is taken when its destination is a unicast prefix without host bits, its table and metric are those of the
 * configuration, and, for a default route, when routing.accept_default says so or a static one is configured; and when it leads no
 * tunnel's own packets into that tunnel. The
 * table of local addresses is never touched. What is in the kernel with the same destination, metric and table and is not
 * known to be ours stays there (-EEXIST).
 *
 * Life of our routes: they are found at the start by their protocol number (stale), become fresh when they are set, stale
 * again when route dies. ROUTES_KEPT sweeps the stale ones; so does the daemon when the grace time has passed. */
#ifndef PRIVSEP_ACTOR_ROUTE_H
#define PRIVSEP_ACTOR_ROUTE_H

#include "privsep/privsep.h"

struct actor_routes;

struct actor_routes_env {
	struct mem *mem;
	struct kernel_routes *kernel; /* borrowed */
	struct rng *rng;
	void (*log)(void *ctx, int8_t level, const char *text);
	void *log_ctx;
	/* Whether it would lead the packets of a tunnel into that tunnel. NULL: nobody knows. */
	bool (*loops)(void *ctx, const struct route *r);
	void *loops_ctx;
};

struct actor_routes *actor_routes_new(const struct actor_routes_env *env); /* NULL: no memory */
void actor_routes_free(struct actor_routes *a);
/* Both are borrowed until the next call. */
void actor_routes_conf(struct actor_routes *a, const struct conf *conf, const struct psk_set *keys);
/* A fact of the kernel, from a dump or a change: true when route is to hear of it (what is ours it knows). */
bool actor_routes_fact(struct actor_routes *a, const struct kernel_fact *f);

/* The answer to BATCH. */
struct actor_batch {
	int status;              /* -EINVAL: the message itself is malformed, nothing was done */
	struct r_route_batch body;
	uint8_t failed[4 * ROUTE_BATCH_MAX];
	size_t n_octets;
};
void actor_routes_batch(struct actor_routes *a, const struct priv_msg *m, struct actor_batch *out);
/* Takes stale routes away; how many went. */
size_t actor_routes_sweep(struct actor_routes *a);
void actor_routes_stale(struct actor_routes *a);  /* route is dead: its routes wait for the next one */
size_t actor_routes_count(const struct actor_routes *a, size_t *stale);
/* SOCKET: a descriptor that route gets (the caller closes its own), or -errno and why. */
int actor_routes_socket(struct actor_routes *a, const struct m_route_socket *m, struct sbuf *why);
/* The keys that a listener of the family has to know: sets those of the configuration. was: keys set before; they go. */
void actor_routes_keys(struct actor_routes *a, int listener, uint8_t family, const struct psk_set *was);
/* TOOL: whether the words are among those that route may have run; argv gets at most max of them, NULL at the end. */
int actor_routes_tool(struct actor_routes *a, const struct priv_msg *m, const char **argv, size_t max, struct sbuf *why);

#endif
