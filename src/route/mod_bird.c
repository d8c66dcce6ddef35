/* The module `bird`: BGP protocols of a running BIRD follow the tunnels. birdc is the way to it. */
#include <string.h>

#include "route/follow.h"

/* The next word of a line, into out; what is behind it. */
static const char *word(const char *at, const char *end, char *out, size_t size)
{
	struct sbuf b = sb_init(out, size);
	while (at < end && *at == ' ')
		at++;
	while (at < end && *at != ' ')
		sb_putc(&b, *at++);
	return at;
}

static bool is_marked(const char *at, const char *end)
{
	static const char label[] = "Message:";
	for (; at < end && *at == ' '; at++)
		;
	if ((size_t)(end - at) < sizeof label - 1 || memcmp(at, label, sizeof label - 1) != 0)
		return false;
	for (at += sizeof label - 1; at < end && *at == ' '; at++)
		;
	return (size_t)(end - at) == sizeof FOLLOW_MARK - 1 && memcmp(at, FOLLOW_MARK, sizeof FOLLOW_MARK - 1) == 0;
}

/* "cn1  BGP  ---  down  ..." begins a protocol, "    Message: ..." and "    Neighbor address: 10.0.0.1" are of its lines. A disabled one
 * is in the state down, one that waits for its neighbour in start. */
static bool bird_read(struct list *neighbours, const char *text, size_t n)
{
	char name[64] = "", kind[16], table[32], state[16], label[32], value[ADDR_TEXT];
	const char *end = text + n, *next;
	struct addr a;
	bool headed = false, marked = false;
	LIST_EACH(it, tmp, neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		x->exists = x->ours = false;
	}
	for (const char *at = text; at < end; at = next) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)), *stop = nl ? nl : end;
		next = nl ? nl + 1 : end;
		if (at < stop && *at != ' ') {
			const char *p = word(at, stop, name, sizeof name);
			p = word(p, stop, kind, sizeof kind);
			p = word(p, stop, table, sizeof table);
			(void)word(p, stop, state, sizeof state);
			headed = headed || strcmp(name, "Name") == 0;
			marked = false;
			continue;
		}
		marked = marked || is_marked(at, stop);
		const char *p = word(at, stop, label, sizeof label);
		p = word(p, stop, table, sizeof table);
		(void)word(p, stop, value, sizeof value);
		if (strcmp(label, "Neighbor") != 0 || strcmp(table, "address:") != 0 || !addr_parse(value, &a))
			continue;
		LIST_EACH(it, tmp, neighbours) {
			struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
			if (!addr_eq(&x->addr, &a))
				continue;
			struct sbuf b = SB(x->name);
			sb_put(&b, name);
			x->exists = true;
			x->enabled = strcmp(state, "down") != 0;
			x->ours = marked && !x->enabled;
		}
	}
	return headed;
}

static void bird_change(struct sbuf *b, const struct neighbour *x, bool enable)
{
	sb_printf(b, enable ? "enable %s" : "disable %s \"" FOLLOW_MARK "\"", x->name);
}

static const struct follow_daemon bird = {
	.tool = GRETEL_TOOL_BIRD, .name = "bird", .check_words = "-r|show protocols all", .read = bird_read,
	.change = bird_change,
};

static void *bird_open(const struct gretel_host *h) { return follow_open(h, &bird); }

const struct gretel_route_module route_mod_bird = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "bird",
	.open = bird_open, .close = follow_close, .timer = follow_timer, .due = follow_due, .command = follow_command,
	.report = follow_report, .idle = follow_idle, .check = follow_check, .show = follow_show,
};
