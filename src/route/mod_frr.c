/* The module `frr`: neighbours of a running bgpd follow the tunnels. vtysh is the way to it: the JSON document says which neighbours
 * there are and whether they are shut down, and the running configuration, which comes before it, why. */
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

/* " neighbor 10.0.0.1 shutdown message gretel: the tunnel is down" */
static bool is_marked(const char *line, size_t n, const char *name)
{
	char want[128];
	struct sbuf b = SB(want);
	sb_printf(&b, "neighbor %s shutdown message " FOLLOW_MARK, name);
	for (; n && *line == ' '; n--)
		line++;
	for (; n && (line[n - 1] == '\r' || line[n - 1] == ' '); n--)
		;
	return n == b.len && memcmp(line, want, n) == 0;
}

/* What stands before the document; returns where that begins. */
static const char *read_marks(struct list *neighbours, const char *text, const char *end)
{
	const char *next;
	for (const char *at = text; at < end; at = next) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)), *stop = nl ? nl : end;
		next = nl ? nl + 1 : end;
		if (*at == '{')
			return at;
		LIST_EACH(it, tmp, neighbours) {
			struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
			x->ours = x->ours || is_marked(at, (size_t)(stop - at), x->name);
		}
	}
	return end;
}

static bool frr_read(struct list *neighbours, const char *text, size_t n)
{
	struct reading r = {.neighbours = neighbours};
	LIST_EACH(it, tmp, neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		struct sbuf b = SB(x->name);
		if (x->addr.family)
			sb_addr(&b, &x->addr);
		x->exists = x->ours = false;
		x->enabled = true;
	}
	const char *end = text + n, *json = read_marks(neighbours, text, end);
	if (!json_walk(json, (size_t)(end - json), on_word, &r))
		return false;
	LIST_EACH(it, tmp, neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		x->ours = x->ours && !x->enabled;
	}
	return true;
}

static void frr_change(struct sbuf *b, const struct neighbour *x, bool enable)
{
	sb_printf(b, "-c|configure terminal|-c|router bgp|-c|%sneighbor ", enable ? "no " : "");
	sb_addr(b, &x->addr);
	sb_put(b, enable ? " shutdown" : " shutdown message " FOLLOW_MARK);
}

static const struct follow_daemon frr = {
	.tool = GRETEL_TOOL_FRR, .name = "frr", .read = frr_read, .change = frr_change,
	.check_words = "-c|show running-config bgpd|-c|show bgp neighbors json",
};

static void *frr_open(const struct gretel_host *h) { return follow_open(h, &frr); }

const struct gretel_route_module route_mod_frr = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "frr",
	.open = frr_open, .close = follow_close, .timer = follow_timer, .due = follow_due, .command = follow_command,
	.report = follow_report, .idle = follow_idle, .check = follow_check, .show = follow_show,
};
