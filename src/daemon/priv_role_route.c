/* The role route as priv sees it: started when the configuration has a routing module, told what the kernel has, its routes and
 * sockets checked and made, started again when it dies. Its routes stay in the kernel meanwhile, for the grace time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/priv_role.h"
#include "daemon/spawn.h"

enum { GRACE_S = 30, GOODBYE_MS = 1500 };

static void on_kernel(void *ctx, int fd, uint32_t events, mono_t now);

static void on_actor_log(void *ctx, int8_t level, const char *text) { priv_logf(ctx, level, "%s", text); }

void route_init(struct priv *p)
{
	peer_init(&p->route.peer, "route");
	p->route.grace = p->route.stop_due = MONO_NEVER;
	list_init(&p->route.tools);
	for (unsigned i = 0; i < 4; i++)
		p->route.bfd[i] = -1;
}

void route_event(struct priv *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
                 size_t n_fds)
{
	struct peer *x = &p->route.peer;
	if (peer_send(p, x, verb, ticket, body, tail, fds, n_fds) != -EPIPE)
		peer_watch(p, x);
}

/* --- facts --- */

static void facts_send(struct priv *p, uint8_t phase)
{
	struct route_side *r = &p->route;
	struct e_route_facts e;
	bool no4 = !kernel_forwarding(AF_V4), no6 = !kernel_forwarding(AF_V6);
	if (r->n_facts == 0 && phase == 0 && no4 == r->no_forward4 && no6 == r->no_forward6)
		return;
	memset(&e, 0, sizeof e);
	e.phase = phase;
	e.n = r->n_facts;
	e.no_forward4 = r->no_forward4 = no4;
	e.no_forward6 = r->no_forward6 = no6;
	route_event(p, RV_FACTS, 0, &e, SPAN(r->room, r->facts.len), NULL, 0);
	r->facts.len = 0;
	r->n_facts = 0;
}

static void on_fact(void *ctx, const struct kernel_fact *f)
{
	struct priv *p = ctx;
	struct route_side *r = &p->route;
	if (!actor_routes_fact(r->actor, f) || !r->peer.greeted)
		return;
	if (r->facts.len + PRIV_PACKED_MAX > r->facts.cap)
		facts_send(p, 0);
	priv_fact_put(&r->facts, f);
	r->n_facts++;
}

static void dump(struct priv *p)
{
	facts_send(p, FACTS_BEGIN);
	int rc = kernel_routes_dump(p->route.kernel, on_fact, p);
	if (rc < 0)
		priv_logf(p, -1, "the kernel's routes cannot be read: %s", strerror(-rc));
	facts_send(p, FACTS_END);
}

/* What the kernel said until now. True: something was lost. */
static bool drain(struct priv *p)
{
	struct kernel_fact f;
	bool lost = false;
	while (kernel_routes_next(p->route.kernel, &f) == 1) {
		if (f.type == KFACT_OVERRUN)
			lost = true;
		else
			on_fact(p, &f);
	}
	facts_send(p, 0);
	return lost;
}

static void on_kernel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)fd;
	(void)events;
	(void)now;
	if (drain(p)) {
		priv_logf(p, 0, "events of the kernel were lost: all links, addresses and routes are read again");
		dump(p);
	}
}

/* --- messages --- */

static void batch(struct priv *p, const struct priv_msg *m)
{
	struct actor_batch out;
	/* Whatever another program did to our routes is in the books before we act on them. */
	if (drain(p))
		dump(p);
	actor_routes_batch(p->route.actor, m, &out);
	if (!p->route.peer.chan)
		return;
	if (out.status < 0) {
		peer_kill(p, &p->route.peer, "its routes are malformed");
		return;
	}
	int rc = privsep_reply(p->route.peer.chan, RV_BATCH, m->ticket, 0, &out.body, SPAN(out.failed, out.n_octets));
	if (rc < 0 && rc != -EPIPE)
		peer_kill(p, &p->route.peer, "it does not read what it is sent");
	else
		peer_watch(p, &p->route.peer);
}

static void socket_make(struct priv *p, const struct priv_msg *m)
{
	struct e_route_fd e;
	char why[160] = "";
	struct sbuf b = SB(why);
	int fd = actor_routes_socket(p->route.actor, m->body, &b);
	memset(&e, 0, sizeof e);
	e.status = fd < 0 ? fd : 0;
	route_event(p, RV_FD, m->ticket, &e, fd < 0 ? SPAN(why, b.len + 1) : SPAN(NULL, 0), &fd, fd < 0 ? 0 : 1);
	if (fd >= 0)
		close(fd);
}

static void sweep(struct priv *p, const char *why)
{
	size_t n = actor_routes_sweep(p->route.actor);
	p->route.grace = MONO_NEVER;
	if (n)
		priv_logf(p, 1, "%zu routes of an earlier life were taken away: %s", n, why);
}

void route_link(struct priv *p)
{
	struct e_route_link e;
	struct e_route_peer to_ike;
	int pair[2];
	if (!p->ike.greeted || !p->route.peer.greeted || !peer_pair(p, &p->route.peer, pair))
		return;
	memset(&e, 0, sizeof e);
	memset(&to_ike, 0, sizeof to_ike);
	e.have = to_ike.have = 1;
	route_event(p, RV_LINK, 0, &e, SPAN(NULL, 0), &pair[0], 1);
	ike_event(p, PRIV_ROUTE_LINK, 0, &to_ike, SPAN(NULL, 0), &pair[1], 1);
	close(pair[0]);
	close(pair[1]);
}

static void conf_tell(struct priv *p, bool reloaded)
{
	struct e_conf e;
	memset(&e, 0, sizeof e);
	e.generation = p->conf->generation;
	e.size = p->conf->size;
	e.n_tunnels = p->conf->n_tunnels;
	e.reloaded = reloaded;
	int fd = conf_memfd(p->conf);
	if (fd < 0) {
		priv_logf(p, -1, "the configuration cannot be handed over: %s", strerror(-fd));
		return;
	}
	route_event(p, PRIV_CONF, 0, &e, SPAN(NULL, 0), &fd, 1);
	close(fd);
}

static void greet(struct priv *p, const struct priv_msg *m)
{
	struct peer *x = &p->route.peer;
	if (!privsep_hello_ok(x->chan, m)) {
		peer_kill(p, &p->route.peer, "it is of another build: greteld was replaced while it ran; restart it");
		p->route.wanted = false;
		return;
	}
	x->greeted = true;
	listeners_send(p);
	route_link(p);
	conf_tell(p, false);
	dump(p);
}

static void on_message(struct priv *p, const struct priv_msg *m, mono_t now)
{
	struct peer *x = &p->route.peer;
	uint8_t phase = p->route.stopping ? PHASE_STOP : x->greeted ? PHASE_RUN : PHASE_START;
	if (!m->row || !(m->row->phases & phase))
		return;
	switch (m->verb) {
	case PRIV_HELLO: greet(p, m); break;
	case PRIV_READY: x->ready = true; break;
	case RV_BATCH: batch(p, m); break;
	case RV_KEPT: sweep(p, "they were not set again"); break;
	case RV_SOCKET: socket_make(p, m); break;
	case RV_TOOL: tool_start(p, m); break;
	case RV_EXEC: program_start(p, m->ticket); break;
	case PRIV_LOG: peer_log(p, x, m, now); break;
	case PRIV_STOPPED: p->route.stopped = true; break;
	default: break;
	}
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct priv *p = ctx;
	(void)fd;
	peer_read(p, &p->route.peer, events, now, on_message, peer_refused);
	peer_watch(p, &p->route.peer);
	if (p->route.stopped)
		route_is_due(p, now);
}

/* --- its life --- */

int route_start(struct priv *p, mono_t now)
{
	struct role_start start = {.role = ROLE_ROUTE, .log_level = log_level(p->log), .uid = p->opt->uid, .gid = p->opt->gid};
	struct peer *x = &p->route.peer;
	int fd;
	if (p->opt->small_fd < 0)
		return -ENOENT;
	const struct conf_routing *c = conf_routing(p->conf);
	struct sbuf b = SB(p->route.module);
	sb_put(&b, c ? conf_str(p->conf, c->module) : "none");
	start.name = p->route.module;
	int rc = spawn_role(p->opt->small_fd, p->stderr_write, &start, &x->pid, &fd);
	if (rc < 0)
		return rc;
	p->route.stopping = p->route.stopped = false;
	return peer_open(p, x, fd, &ROUTE_VERBS, on_channel, now);
}

static dur_t grace_of(const struct priv *p)
{
	const struct conf_routing *c = conf_routing(p->conf);
	return c && c->grace > 0 ? c->grace : DUR_S(GRACE_S);
}

bool route_reap(struct priv *p, mono_t now)
{
	struct peer *x = &p->route.peer;
	int status;
	if (!peer_has_ended(x, &status))
		return false;
	peer_last_words(p, x, NULL, now);
	if (p->route.stopping) {
		peer_close(p, x);
		x->pid = 0;
		p->route.stopped = true;
		route_is_due(p, now);
		return true;
	}
	peer_died(p, x, status, now);
	if (!p->route.wanted)
		x->restart = MONO_NEVER;
	programs_kill(p);
	actor_routes_stale(p->route.actor);
	p->route.grace = mono_add(now, grace_of(p));
	return true;
}

static bool route_loops(void *ctx, const struct route *r)
{
	struct priv *p = ctx;
	return p->actor && actor_route_loops(p->actor, r);
}

/* The kernel side, when a configuration asks for it for the first time. */
static int open_kernel(struct priv *p)
{
	struct route_side *r = &p->route;
	if (r->kernel)
		return 0;
	int rc = kernel_routes_open(&r->kernel);
	if (rc < 0)
		return rc;
	struct actor_routes_env env = {.mem = mem_os(), .kernel = r->kernel, .rng = rng_os(), .log = on_actor_log, .log_ctx = p,
	                               .loops = route_loops, .loops_ctx = p};
	r->actor = actor_routes_new(&env);
	r->room = malloc(ROUTE_TAIL_MAX);
	if (!r->actor || !r->room)
		return -ENOMEM;
	r->facts = wr_init(r->room, ROUTE_TAIL_MAX);
	return loop_add(p->loop, kernel_routes_fd(r->kernel), EPOLLIN, on_kernel, p);
}

/* Another module is another process: what the first one had open or knew is gone with it. */
static bool other_module(const struct priv *p)
{
	const struct conf_routing *c = conf_routing(p->conf);
	return c && strcmp(p->route.module, conf_str(p->conf, c->module)) != 0;
}

static void stop_begin(struct priv *p, mono_t now)
{
	if (p->route.stopping || !p->route.peer.chan)
		return;
	if (!p->route.peer.greeted) {
		peer_kill(p, &p->route.peer, "it is not needed any more");
		p->route.stopping = p->route.stopped = true;
		return;
	}
	route_event(p, PRIV_STOP, 0, NULL, SPAN(NULL, 0), NULL, 0);
	p->route.stopping = true;
	p->route.stop_due = mono_add(now, DUR_MS(GOODBYE_MS));
}

int route_conf(struct priv *p, const struct psk_set *was, mono_t now)
{
	struct route_side *r = &p->route;
	r->wanted = conf_routing(p->conf) != NULL;
	if (!r->wanted && !r->kernel)
		return 0;
	int rc = open_kernel(p);
	if (rc < 0) {
		priv_logf(p, -1, "the kernel's routes cannot be reached: %s", strerror(-rc));
		return rc;
	}
	actor_routes_conf(r->actor, p->conf, &p->psks);
	(void)listeners_set(p, was);
	if (!r->wanted || (r->peer.pid && other_module(p))) {
		stop_begin(p, now);
	} else if (r->peer.pid) {
		listeners_send(p);
		conf_tell(p, true);
	} else {
		rc = route_start(p, now);
		if (rc < 0)
			priv_logf(p, -1, rc == -ENOENT ? "the role route has no program: greteld-route is not installed"
			                               : "route cannot be started: %s", strerror(-rc));
		if (r->peer.pid && r->grace == MONO_NEVER)
			r->grace = mono_add(now, grace_of(p));
	}
	return rc;
}

static bool graceful(const struct priv *p)
{
	const struct conf_bgp *b = conf_bgp(p->conf);
	return b && b->gr_mode == GR_RESTART;
}

bool route_stop(struct priv *p, mono_t now)
{
	stop_begin(p, now);
	return p->route.stopping && !p->route.stopped;
}

mono_t route_due(const struct priv *p)
{
	const struct route_side *r = &p->route;
	mono_t t = mono_min(r->grace, r->stop_due);
	if (r->stopped)
		return 0;
	return mono_min(t, peer_due(&r->peer));
}

/* The goodbye is over: the process goes, and its routes too unless another life is to find them. */
static void stop_end(struct priv *p, mono_t now)
{
	struct route_side *r = &p->route;
	r->stop_due = MONO_NEVER;
	r->stopping = r->stopped = false;
	peer_end(p, &r->peer);
	programs_kill(p);
	if (!p->stopping || !graceful(p)) {
		actor_routes_stale(r->actor);
		sweep(p, "routing has ended");
	}
	if (!p->stopping && r->wanted)
		(void)route_conf(p, NULL, now); /* another module takes over */
	if (p->stopping)
		priv_stop_step(p);
}

void route_is_due(struct priv *p, mono_t now)
{
	struct route_side *r = &p->route;
	if (r->stopping && (r->stopped || r->stop_due <= now)) {
		stop_end(p, now);
		return;
	}
	if (r->grace <= now)
		sweep(p, "the grace time has passed");
	if (!r->wanted)
		r->peer.restart = MONO_NEVER;
	peer_is_due(p, &r->peer, route_start, now);
}

void route_fini(struct priv *p)
{
	struct route_side *r = &p->route;
	peer_end(p, &r->peer);
	/* It may have died before it could take its routes away. */
	if (r->actor && !graceful(p) && !p->handover) {
		actor_routes_stale(r->actor);
		sweep(p, "gretel has ended");
	}
	LIST_EACH(it, tmp, &r->tools) {
		list_del(it);
		free(LIST_ENTRY(it, struct tool_run, node));
	}
	listeners_close(p);
	actor_routes_free(r->actor);
	kernel_routes_close(r->kernel);
	free(r->room);
}
