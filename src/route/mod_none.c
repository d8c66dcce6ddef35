/* The module `none`: routing is somebody else's. */
#include <string.h>

#include "route/route.h"

static void *none_open(const struct gretel_host *h)
{
	static char self;
	(void)h;
	return &self;
}
static void none_close(void *self) { (void)self; }
static void none_timer(void *self, int64_t now, struct gretel_acts *acts)
{
	(void)self;
	(void)now;
	(void)acts;
}
static int64_t none_due(const void *self)
{
	(void)self;
	return GRETEL_NEVER;
}
/* Nothing of an earlier module is wanted any more. */
static int none_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	(void)self;
	(void)now;
	if (c->type == GRETEL_CMD_CONF)
		(void)route_act(acts, GRETEL_ACT_ROUTES_KEPT);
	return c->type == GRETEL_CMD_CLEAR ? -2 /* ENOENT */ : 0;
}
static void none_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts)
{
	(void)self;
	(void)f;
	(void)now;
	(void)acts;
}
static int none_idle(const void *self)
{
	(void)self;
	return 1;
}
static int none_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size)
{
	(void)self;
	(void)now;
	(void)wall_s;
	(void)why;
	(void)size;
	(void)query;
	w->put(w, "{}", 2);
	return 1;
}

const struct gretel_route_module route_mod_none = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "none",
	.open = none_open, .close = none_close, .timer = none_timer, .due = none_due, .command = none_command,
	.report = none_report, .idle = none_idle, .show = none_show,
};
