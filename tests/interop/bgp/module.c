/* A routing module as an administrator would write one, for t_modules.sh, which compiles it against the installed header alone: one route
 * behind each tunnel that is up. What it does wrong stands in routing.options, or in MODULE_* at its compilation. */
#include <gretel/route_module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef MODULE_MAJOR
#define MODULE_MAJOR GRETEL_ROUTE_MAJOR
#endif
#ifndef MODULE_NAME
#define MODULE_NAME "example"
#endif
#ifndef MODULE_SIZE
#define MODULE_SIZE sizeof(struct gretel_route_module)
#endif

struct example {
	const struct gretel_host *host;
	char mode[64];
	struct gretel_route route;
	int up;
};

static void *example_open(const struct gretel_host *h)
{
	struct example *e = h->get(h->ctx, sizeof *e);
	if (e)
		e->host = h;
	return e;
}

static void example_close(void *self)
{
	struct example *e = self;
	e->host->put(e->host->ctx, e, sizeof *e);
}

static struct gretel_act *act(struct gretel_acts *acts, uint32_t type)
{
	if (acts->n >= acts->max)
		return NULL;
	struct gretel_act *a = &acts->v[acts->n++];
	a->type = type;
	a->conn = a->ticket = 0;
	return a;
}

static void route(struct example *e, uint32_t type, struct gretel_acts *acts)
{
	struct gretel_act *a = act(acts, type);
	if (a)
		a->u.route = e->route;
}

static void misbehave(const char *mode)
{
	static volatile int *volatile nowhere;
	if (strstr(mode, "crash"))
		*nowhere = 1;
	while (strstr(mode, "hang"))
		;
	if (strstr(mode, "sleep"))
		nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
	if (strstr(mode, "open"))
		(void)!fopen("/etc/passwd", "r");
}

static void example_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts)
{
	struct example *e = self;
	(void)now;
	if (f->type == GRETEL_FACT_SYNCED)
		(void)act(acts, GRETEL_ACT_ROUTES_KEPT);
	if (f->type != GRETEL_FACT_TUNNEL || (f->up != 0) == e->up)
		return;
	e->up = f->up != 0;
	if (!e->up) {
		route(e, GRETEL_ACT_ROUTE_DEL, acts);
		misbehave(e->mode);
		return;
	}
	e->route = (struct gretel_route){.n_hops = 1, .table = 254, .metric = 20};
	e->route.dst = (struct gretel_prefix){.addr = {.family = GRETEL_AF_V4, .b = {10, 77}}, .len = 16};
	e->route.hop[0] = (struct gretel_hop){.gateway = f->remote, .ifindex = f->ifindex, .weight = 1};
	route(e, GRETEL_ACT_ROUTE_SET, acts);
}

static int example_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	struct example *e = self;
	(void)now;
	if (c->type == GRETEL_CMD_CONF)
		snprintf(e->mode, sizeof e->mode, "%s", c->options);
	if (c->type == GRETEL_CMD_STOP && e->up)
		route(e, GRETEL_ACT_ROUTE_DEL, acts);
	return 0;
}

static void example_timer(void *self, int64_t now, struct gretel_acts *acts) { (void)self, (void)now, (void)acts; }
static int64_t example_due(const void *self) { return (void)self, GRETEL_NEVER; }
static int example_idle(const void *self) { return (void)self, 1; }

static int example_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size)
{
	static const char text[] = "{\"example\":true}";
	(void)self, (void)now, (void)wall_s;
	if (strcmp(query, "summary") != 0) {
		snprintf(why, size, "the example knows nothing of %s", query);
		return 0;
	}
	w->put(w, text, sizeof text - 1);
	return 1;
}

static const struct gretel_route_module example = {
	.major = MODULE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = MODULE_SIZE, .name = MODULE_NAME,
	.open = example_open, .close = example_close, .timer = example_timer, .due = example_due, .command = example_command,
	.report = example_report, .idle = example_idle, .show = example_show,
};

const struct gretel_route_module *gretel_route_module(void);
const struct gretel_route_module *gretel_route_module(void) { return &example; }
