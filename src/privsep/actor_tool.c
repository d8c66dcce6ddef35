/* TOOL_RUN: which command lines of vtysh and birdc the role `route` may have run. A table of shapes: a word is compared, or
 * is an address of a neighbour, or a protocol's name; nothing else ever reaches a tool, and no shell is between. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_route.h"

/* %A: an address. %N: a name as BIRD has them. Patterns of one word each, up to a NULL. */
struct shape {
	uint8_t tool;
	const char *word[9];
};
static const struct shape shapes[] = {
	{ROUTE_TOOL_FRR, {"-c", "show running-config bgpd", "-c", "show bgp neighbors json"}},
	{ROUTE_TOOL_FRR, {"-c", "configure terminal", "-c", "router bgp", "-c", "neighbor %A shutdown message gretel: the tunnel is down"}},
	{ROUTE_TOOL_FRR, {"-c", "configure terminal", "-c", "router bgp", "-c", "no neighbor %A shutdown"}},
	{ROUTE_TOOL_BIRD, {"-r", "show protocols all"}},
	{ROUTE_TOOL_BIRD, {"enable %N"}},
	{ROUTE_TOOL_BIRD, {"disable %N \"gretel: the tunnel is down\""}},
};

static const char NAME_CHARS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool variable_ok(char kind, const char *text, size_t n)
{
	char one[ADDR_TEXT];
	struct addr a;
	if (kind == 'N')
		return n > 0 && n <= 64 && strspn(text, NAME_CHARS) >= n;
	if (n == 0 || n >= sizeof one)
		return false;
	memcpy(one, text, n);
	one[n] = '\0';
	return addr_parse(one, &a) && !addr_is_any(&a);
}

static bool word_fits(const char *pattern, const char *word)
{
	const char *v = strchr(pattern, '%');
	if (!v)
		return strcmp(pattern, word) == 0;
	size_t before = (size_t)(v - pattern), n = strlen(word), after = strlen(v + 2);
	if (n < before + after || strncmp(pattern, word, before) != 0 || strcmp(word + n - after, v + 2) != 0)
		return false;
	return variable_ok(v[1], word + before, n - before - after);
}

static bool fits(const struct shape *s, uint8_t tool, const char *const *word, size_t n)
{
	if (s->tool != tool)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (i >= ARRAY_LEN(s->word) || !s->word[i] || !word_fits(s->word[i], word[i]))
			return false;
	}
	return n == ARRAY_LEN(s->word) || !s->word[n];
}

int actor_routes_tool(struct actor_routes *a, const struct priv_msg *m, const char **argv, size_t max, struct sbuf *why)
{
	const struct m_route_tool *t = m->body;
	size_t n = 0;
	(void)a;
	for (const uint8_t *p = m->tail.p, *end = p + m->tail.n; p < end; n++) {
		const uint8_t *nul = memchr(p, 0, (size_t)(end - p));
		if (!nul || n + 1 >= max) {
			sb_put(why, "its words are malformed");
			return -EINVAL;
		}
		argv[n] = (const char *)p;
		p = nul + 1;
	}
	argv[n] = NULL;
	for (size_t i = 0; n == t->n_words && i < ARRAY_LEN(shapes); i++) {
		if (fits(&shapes[i], t->tool, argv, n))
			return (int)n;
	}
	sb_put(why, "this is no command that a module may run");
	return -EPERM;
}
