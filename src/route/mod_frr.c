/* The module `frr`: neighbours of a running bgpd follow the tunnels. vtysh is the way to it. */
#include <string.h>

#include "route/follow.h"
#include "route/json.h"

struct reading { struct list *neighbours; };

/* "10.0.0.1.adminShutDown": true */
static bool on_word(void *ctx, const char *path, const char *value, bool string)
{
	struct reading *r = ctx;
	(void)string;
	LIST_EACH(it, tmp, r->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		size_t n = strlen(x->name);
		if (!n || strncmp(path, x->name, n) != 0 || path[n] != '.')
			continue;
		x->exists = true;
		if (strcmp(path + n + 1, "adminShutDown") == 0)
			x->enabled = strcmp(value, "true") != 0;
	}
	return true;
}

static bool frr_read(struct list *neighbours, const char *text, size_t n)
{
	struct reading r = {.neighbours = neighbours};
	LIST_EACH(it, tmp, neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		struct sbuf b = SB(x->name);
		if (x->addr.family)
			sb_addr(&b, &x->addr);
		x->exists = false;
		x->enabled = true;
	}
	return json_walk(text, n, on_word, &r);
}

static void frr_change(struct sbuf *b, const struct neighbour *x, bool enable)
{
	sb_printf(b, "-c|configure terminal|-c|router bgp|-c|%sneighbor ", enable ? "no " : "");
	sb_addr(b, &x->addr);
	sb_put(b, " shutdown");
}

static const struct follow_daemon frr = {
	.tool = GRETEL_TOOL_FRR, .name = "frr", .check_words = "-c|show bgp neighbors json", .read = frr_read,
	.change = frr_change,
};

static void *frr_open(const struct gretel_host *h) { return follow_open(h, &frr); }

const struct gretel_route_module route_mod_frr = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "frr",
	.open = frr_open, .close = follow_close, .timer = follow_timer, .due = follow_due, .command = follow_command,
	.report = follow_report, .idle = follow_idle, .check = follow_check, .show = follow_show,
};
