/* A configuration, a fake kernel and an actor over them, for the tests of privsep/. */
#ifndef TEST_PRIVSEP_UTIL_H
#define TEST_PRIVSEP_UTIL_H

#include "fake_kernel.h"
#include "privsep/actor.h"
#include "privsep/privsep.h"

/* The tunnels of the configuration:
 *   net    10.0.0.2 - 80.251.0.33, ids 121.43.117.81 - 80.251.0.33, GRE only, script, native gre1
 *   twin   the same addresses, peer id other.example.org
 *   name   any - peer.example.org, then 192.0.2.7
 *   any    any - %any
 *   range  any - 198.51.100.0/24
 *   off    any - 203.0.113.9, guard off
 *   pass   type=pass between 10.0.0.0/8 and %any */
struct world {
	struct kernel kernel;
	struct crypto *crypto;
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	unsigned fail_at;     /* the n-th allocation from now on fails; 0: none */
	struct conf *conf;
	struct psk_set psks;
	struct actor *actor;
	char log[4096];
	struct sbuf said;
	char esp_log[8192];   /* what was said to esp, a line each */
	struct sbuf told;
	struct x_install given; /* the last SA that esp was asked to take, with its keys */
	struct actor_out out;
};

/* When set, worlds share it: making one takes longer than most tests. */
extern struct crypto *world_crypto;

struct addr world_addr(const char *text);
struct ident world_ident(const char *text);
struct conf *world_conf(void); /* free() */
struct tunnel_conf *world_tunnel(struct conf *c, const char *name);
int world_setup(void **state);
int world_setup_user(void **state); /* with the data plane in user space, two workers */
int world_teardown(void **state);
/* Another actor over the same kernel and configuration, as after a kill -9 of priv. */
void world_rebirth(struct world *w, actor_book_fn *book, void *ctx);
/* What was said to esp since the last time; a request that waits for its answer begins with "? ". */
const char *world_told(struct world *w);
/* esp answers the request that the last verb left; the status of what ike is told. */
int world_esp_answers(struct world *w, int status, const void *body);

/* A request as it comes out of privsep_recv, body in an exact-size heap block; the answer is in w->out. */
int world_ask(struct world *w, uint8_t verb, const void *body, struct span tail);
/* The usual child of net, in the shape that is accepted, with an SPI that was allocated for it. */
void world_install_body(struct world *w, const char *tunnel, struct m_child_install *m);
void world_install_body_of(struct world *w, const char *tunnel, const char *remote, struct m_child_install *m); /* of a peer there */
/* Installs it; its inbound SPI. */
uint32_t world_install(struct world *w, const char *tunnel);

#endif
