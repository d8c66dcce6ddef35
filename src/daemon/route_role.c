/* The route role: start, the loop, and the messages of priv. See route_role.h for its parts. */
#include "daemon/role_read.h"
#include "daemon/route_role.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

/* A turn that takes more processor time than this is one of a module that hangs: SIGPROF ends the process. */
enum { TURN_S = 10 };

void route_log(struct route_role *r, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	va_list ap;
	if (level > r->log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)!privsep_send(r->priv, PRIV_LOG, 0, &(struct m_log){.level = level}, SPAN(text, strlen(text) + 1), NULL, 0);
}

/* --- facts --- */

void route_report(struct route_role *r, const struct gretel_fact *f, mono_t now)
{
	/* Half of the array is always empty when the module is called. */
	if (r->acts.n > r->acts.max / 2 && !r->running)
		route_run(r, now);
	r->module->report(r->self, f, now, &r->acts);
}

struct telling { struct route_role *r; mono_t now; };

static void on_news(void *ctx, const struct route_fact *f)
{
	const struct telling *t = ctx;
	struct gretel_fact g = {.gone = f->gone, .up = f->up};
	struct gretel_route route;
	g.ifname = f->link.name;
	g.ifindex = f->link.ifindex;
	g.mtu = f->link.mtu;
	switch (f->type) {
	case RFACT_LINK:
		g.type = GRETEL_FACT_LINK;
		g.up = f->link.up && !f->gone;
		g.loopback = f->link.loopback;
		g.point_to_point = f->link.point_to_point;
		bfd_report(t->r->bfd, &(struct bfd_fact){.ifindex = g.ifindex, .up = g.up}, t->now, &t->r->bfd_acts);
		break;
	case RFACT_ADDR:
		g.type = GRETEL_FACT_ADDRESS;
		g.ifindex = f->address.ifindex;
		g.prefix = (struct gretel_prefix){route_addr_out(&f->address.local.addr), f->address.local.len};
		g.remote = route_addr_out(&f->address.peer);
		g.link_local = f->address.link_local;
		g.secondary = f->address.secondary;
		break;
	case RFACT_ROUTE:
		g.type = GRETEL_FACT_ROUTE;
		route_out(&f->route, &route);
		g.route = &route;
		break;
	default:
		g.type = GRETEL_FACT_TUNNEL;
		g.name = f->tunnel;
		g.up = f->up && !f->gone;
		g.local = route_addr_out(&f->local);
		g.remote = route_addr_out(&f->remote);
	}
	route_report(t->r, &g, t->now);
}

void route_tell(struct route_role *r, const struct route_fact *f, mono_t now)
{
	struct telling t = {r, now};
	route_facts_put(r->facts, f, on_news, &t);
}

static void on_replay(void *ctx, const struct route_fact *f)
{
	if (f->type == RFACT_LINK || f->type == RFACT_TUNNEL)
		on_news(ctx, f);
}

void route_replay(struct route_role *r, bool all, mono_t now)
{
	struct telling t = {r, now};
	route_facts_all(r->facts, all ? on_news : on_replay, &t);
	if (all && r->synced)
		route_report(r, &(struct gretel_fact){.type = GRETEL_FACT_SYNCED}, now);
}

static void facts_in(struct route_role *r, const struct priv_msg *m, mono_t now)
{
	const struct e_route_facts *e = m->body;
	struct telling t = {r, now};
	struct rd in = rd_init(m->tail.p, m->tail.n);
	r->no_forward4 = e->no_forward4;
	r->no_forward6 = e->no_forward6;
	if (e->phase & FACTS_BEGIN)
		route_facts_begin(r->facts);
	for (uint32_t i = 0; i < e->n; i++) {
		struct kernel_fact k;
		if (!priv_fact_get(&in, &k))
			return;
		struct route_fact f = {.type = k.type == KFACT_LINK ? RFACT_LINK : k.type == KFACT_ADDR ? RFACT_ADDR : RFACT_ROUTE};
		f.gone = k.gone;
		f.enabled = k.enabled;
		f.link = k.link;
		f.address = k.address;
		f.route = k.route;
		route_facts_put(r->facts, &f, on_news, &t);
	}
	if (!(e->phase & FACTS_END))
		return;
	route_facts_end(r->facts, on_news, &t);
	if (r->synced)
		return;
	r->synced = true;
	route_report(r, &(struct gretel_fact){.type = GRETEL_FACT_SYNCED}, now);
	if (listeners_watch(r) < 0)
		route_log(r, -1, "the listeners cannot be used");
	if (privsep_send(r->priv, PRIV_READY, 0, NULL, SPAN(NULL, 0), NULL, 0) < 0)
		loop_stop(r->loop, 1);
}

/* --- configuration, stop --- */

static void conf_in(struct route_role *r, const struct priv_msg *m, mono_t now)
{
	const struct conf *c = privsep_conf_map(m), *was = r->conf;
	const struct conf_routing *cr = c ? conf_routing(c) : NULL;
	char why[160] = "";
	if (!cr) {
		privsep_conf_unmap(c);
		route_log(r, -1, "the configuration that priv sent is not usable");
		return;
	}
	struct gretel_cmd cmd = {.type = GRETEL_CMD_CONF, .options = conf_str(c, cr->options),
	                         .command = conf_str(c, cr->command), .conf = c};
	if (r->module->check && !r->module->check(cmd.options, cmd.command, why, sizeof why))
		route_log(r, -1, "%s: %s", r->module->name, why);
	r->conf = c;
	int rc = r->module->command(r->self, &cmd, now, &r->acts);
	if (rc < 0)
		route_log(r, -1, "the module %s does not take its configuration: %s", r->module->name, strerror(-rc));
	route_run(r, now);
	privsep_conf_unmap(was);
	route_replay(r, false, now);
}

static void stop_in(struct route_role *r, mono_t now)
{
	const struct conf_bgp *b = r->conf ? conf_bgp(r->conf) : NULL;
	struct gretel_cmd cmd = {.type = GRETEL_CMD_STOP, .options = "", .command = ""};
	cmd.graceful = b && b->gr_mode == GR_RESTART;
	r->stopping = true;
	(void)r->module->command(r->self, &cmd, now, &r->acts);
}

/* --- messages of priv --- */

static void tool_in(struct route_role *r, const struct priv_msg *m, mono_t now)
{
	struct gretel_fact f = {.ticket = m->ticket, .octets = {.p = m->tail.p, .n = m->tail.n}};
	f.type = m->verb == RV_TOOL_OUT ? GRETEL_FACT_TOOL_OUTPUT : GRETEL_FACT_TOOL_ENDED;
	if (m->verb == RV_TOOL_END)
		f.status = ((const struct e_route_ended *)m->body)->status;
	route_report(r, &f, now);
}

static void handle(void *ctx, struct priv_msg *m, mono_t now)
{
	struct route_role *r = ctx;
	switch (m->verb) {
	case PRIV_HELLO:
		if (!privsep_hello_ok(r->priv, m))
			loop_stop(r->loop, 1);
		break;
	case RV_LISTEN:
		if (listeners_adopt(r, m) < 0)
			route_log(r, -1, "the listeners cannot be used");
		break;
	case RV_LINK: link_adopt(r, m); break;
	case PRIV_CONF: conf_in(r, m, now); break;
	case RV_FACTS: facts_in(r, m, now); break;
	case RV_BATCH: route_batch_done(r, m, now); break;
	case RV_FD:
		if (!bfd_fd(r, m))
			net_fd(r, m, now);
		break;
	case RV_TOOL_OUT:
	case RV_TOOL_END: tool_in(r, m, now); break;
	case RV_EXEC_END: break; /* the socket says it too, behind the last words */
	case PRIV_STOP: stop_in(r, now); break;
	default: break;
	}
}

static void on_priv(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct route_role *r = ctx;
	(void)fd;
	if (role_read(r->loop, r->priv, events, now, handle, NULL, r))
		route_run(r, now);
}

/* --- deadlines --- */

static mono_t when(void *ctx)
{
	struct route_role *r = ctx;
	const struct itimerval limit = {.it_value.tv_sec = TURN_S};
	uint32_t events = EPOLLIN | (privsep_pending(r->priv) ? EPOLLOUT : 0u);
	if (events != r->priv_events && loop_mod(r->loop, privsep_fd(r->priv), events) == 0)
		r->priv_events = events;
	link_watch(r);
	/* Once a second is enough, and costs nothing. */
	if (loop_now(r->loop) - r->limit_set >= DUR_S(1)) {
		r->limit_set = loop_now(r->loop);
		(void)setitimer(ITIMER_PROF, &limit, NULL);
	}
	mono_t t = mono_min(r->module->due(r->self), bfd_due(r->bfd));
	return mono_min(mono_min(t, mono_min(r->settle, r->tidy)), mono_min(net_due(r), link_due(r)));
}

static void on_due(void *ctx, mono_t now)
{
	struct route_role *r = ctx;
	if (r->settle <= now) {
		r->settle = MONO_NEVER;
		role_settle();
	}
	if (r->tidy <= now) {
		r->tidy = MONO_NEVER;
		role_tidy();
	}
	net_is_due(r, now);
	link_is_due(r, now);
	if (bfd_due(r->bfd) <= now)
		bfd_timer(r->bfd, now, &r->bfd_acts);
	bfd_run(r, now);
	if (r->module->due(r->self) <= now)
		r->module->timer(r->self, now, &r->acts);
	route_run(r, now);
}

/* --- start --- */

static void *host_get(void *ctx, size_t n) { return mem_get(ctx, n); }
static void host_put(void *ctx, void *p, size_t n) { mem_put(ctx, p, n); }
static void host_random(void *ctx, void *p, size_t n)
{
	(void)ctx;
	rng_fill(rng_os(), p, n);
}

/* A built-in module, or one from a file of an administrator, which is loaded before the sandbox is closed. */
static const struct gretel_route_module *module_find(const char *name)
{
	const struct gretel_route_module *(*get)(void), *m = route_module_find(name);
	char path[512];
	const char *bad = NULL;
	if (!m && route_module_name_ok(name)) {
		snprintf(path, sizeof path, "%s/%s.so", GRETEL_MODULEDIR, name);
		void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		*(void **)&get = so ? dlsym(so, "gretel_route_module") : NULL;
		m = get ? get() : NULL;
		if (!m)
			bad = so ? "it exports no gretel_route_module" : dlerror();
	}
	if (!bad)
		bad = route_module_bad(m, name);
	if (!bad)
		return m;
	fprintf(stderr, "greteld: the routing module %s cannot be used: %s\n", name, bad);
	return NULL;
}

static int open_role(struct route_role *r, struct role_start *start)
{
	static char host[256];
	uint64_t k[4];
	r->mem = mem_os();
	r->log_level = start->log_level;
	rng_fill(rng_os(), k, sizeof k);
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	r->host = (struct gretel_host){.struct_size = sizeof r->host, .ctx = r->mem, .get = host_get, .put = host_put,
	                               .random = host_random, .host = host, .software = "gretel/" GRETEL_VERSION};
	r->module = module_find(start->name ? start->name : "none");
	if (!r->module)
		return -ENOENT;
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* ns: a pause in the input is short (bgp/adj_out.c) */
	r->loop = loop_new();
	r->priv = privsep_new(start->chan, PRIV_ROLE_ROUTE, &ROUTE_VERBS);
	r->facts = route_facts_new(r->mem, k[0], k[1]);
	r->bfd = bfd_new(r->mem, rng_os());
	r->acts.max = ACTS_MAX;
	r->acts.v = calloc(ACTS_MAX, sizeof *r->acts.v);
	if (!r->loop || !r->priv || !r->facts || !r->bfd || !r->acts.v || hmap_init(&r->conns, r->mem, k[2], k[3]) < 0 ||
	    hmap_init(&r->tickets, r->mem, k[2], k[3]) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ROUTE_LISTEN_MAX; i++)
		r->listen[i] = -1;
	for (size_t i = 0; i < 4; i++)
		r->bfd_listen[i] = -1;
	list_init(&r->all);
	list_init(&r->writers);
	list_init(&r->pendings);
	list_init(&r->bfd_sockets);
	list_init(&r->tunnels);
	r->link_settles = MONO_NEVER;
	r->settle = mono_add(loop_now(r->loop), DUR_S(ROLE_SETTLE_S));
	r->tidy = MONO_NEVER;
	r->batch = wr_init(r->batch_room, sizeof r->batch_room);
	r->self = r->module->open(&r->host);
	r->priv_events = EPOLLIN;
	if (!r->self || loop_add(r->loop, privsep_fd(r->priv), EPOLLIN, on_priv, r) < 0)
		return -ENOMEM;
	return loop_timer(r->loop, when, on_due, r);
}

int route_role_run(struct role_start *start)
{
	struct route_role *r = calloc(1, sizeof *r);
	if (!r || open_role(r, start) < 0 || sandbox_enter(ROLE_ROUTE) < 0 || privsep_hello(r->priv, r->log_level) < 0)
		return 1;
	return loop_run(r->loop);
}
