/* Text printers of next hops, of routes, and of an explanation. */
#include <string.h>

#include "cli/cli.h"

static void hop(FILE *f, const json_t *h)
{
	if (js_has(h, "ip"))
		fprintf(f, "  gate %s, if %s, ifindex %lld\n", js_str(h, "ip"), js_str(h, "interfaceName"),
		        (long long)js_int(h, "ifindex"));
	else
		fprintf(f, "  if %s, ifindex %lld\n", js_str(h, "interfaceName"), (long long)js_int(h, "ifindex"));
}

static void next_hop(FILE *f, const char *address, const json_t *o)
{
	json_t *h;
	size_t i;
	fprintf(f, " %s ", address);
	if (js_true(o, "valid"))
		fprintf(f, "valid [IGP metric %lld]", (long long)js_int(o, "igpMetric"));
	else
		fputs("invalid", f);
	if (js_has(o, "pathCount"))
		fprintf(f, ", #paths %lld", (long long)js_int(o, "pathCount"));
	if (js_has(o, "peer"))
		fprintf(f, ", peer %s", js_str(o, "peer"));
	fputc('\n', f);
	if (js_has(o, "resolvedPrefix"))
		fprintf(f, "  Resolved prefix %s\n", js_str(o, "resolvedPrefix"));
	if (js_has(o, "why"))
		fprintf(f, "  %s\n", js_str(o, "why"));
	json_array_foreach(json_object_get(o, "nexthops"), i, h) hop(f, h);
}

void text_bgp_nexthop(FILE *f, const json_t *doc, const void *opts)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	const char *address;
	json_t *o;
	(void)opts;
	fputs("Current BGP nexthop cache:\n", f);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		json_object_foreach(json_object_get(doc, families[i]), address, o) next_hop(f, address, o);
	}
}

/* --- Routes --- */
static char code_of(const char *protocol)
{
	static const struct {
		const char *name;
		char code;
	} code[] = {
		{"bgp", 'B'}, {"connected", 'C'}, {"local", 'L'}, {"kernel", 'K'}, {"static", 'S'},
	};
	for (size_t i = 0; i < ARRAY_LEN(code); i++) {
		if (strcmp(protocol, code[i].name) == 0)
			return code[i].code;
	}
	return '?';
}

static void way(FILE *f, const json_t *h, const char *protocol)
{
	if (js_true(h, "unreachable"))
		fprintf(f, " unreachable%s",
		        js_true(h, "blackhole")    ? " (blackhole)"
		        : js_true(h, "prohibited") ? " (ICMP admin-prohibited)"
		                                   : " (ICMP unreachable)");
	else if (js_has(h, "ip"))
		fprintf(f, " via %s, %s", js_str(h, "ip"), js_str(h, "interfaceName"));
	else
		fprintf(f, " is directly connected, %s", js_str(h, "interfaceName"));
	if (strcmp(protocol, "bgp") == 0)
		fprintf(f, ", weight %lld", js_has(h, "weight") ? (long long)js_int(h, "weight") : 1);
	fputc('\n', f);
}

static void route(FILE *f, const json_t *o)
{
	const char *protocol = js_str(o, "protocol");
	size_t i;
	json_t *h;
	json_array_foreach(json_object_get(o, "nexthops"), i, h)
	{
		if (i)
			fprintf(f, "  %c %*s", js_true(h, "fib") ? '*' : ' ', (int)strlen(js_str(o, "prefix")), "");
		else
			fprintf(f, "%c%c%c %s", code_of(protocol), js_true(o, "selected") ? '>' : ' ',
			        js_true(h, "fib") ? '*' : ' ', js_str(o, "prefix"));
		if (i == 0 && strcmp(protocol, "connected") != 0 && strcmp(protocol, "local") != 0)
			fprintf(f, " [%lld/%lld]", (long long)js_int(o, "distance"), (long long)js_int(o, "metric"));
		way(f, h, protocol);
	}
}

void text_routes(FILE *f, const json_t *doc, const void *opts)
{
	const char *prefix;
	json_t *list, *o;
	size_t i;
	(void)opts;
	fputs("Codes: B - BGP, C - connected, K - kernel route, L - local, S - static, ? - another program's,\n"
	      "       > - selected route, * - FIB route\n\n",
	      f);
	json_object_foreach((json_t *)doc, prefix, list) { json_array_foreach(list, i, o) route(f, o); }
}

/* --- Explain --- */
static void lines(FILE *f, const json_t *list, const char *indent)
{
	size_t i;
	json_t *line;
	json_array_foreach(list, i, line)
		fprintf(f, "%s%s\n", indent, json_string_value(line) ? json_string_value(line) : "");
}

static void candidate(FILE *f, const json_t *o)
{
	fprintf(f, "  %s %s: ", js_has(o, "peer") ? "from" : "own",
	        js_has(o, "peer") ? js_str(o, "peer") : js_str(o, "local"));
	if (js_true(o, "bestpath"))
		fprintf(f, "best (%s)", js_str(o, "selectionReason"));
	else if (js_has(o, "lost"))
		fprintf(f, "%snot best: %s", js_true(o, "multipath") ? "used beside the best, " : "",
		        js_str(o, "lost"));
	else
		fputs("waits for the decision", f);
	fputs(js_true(o, "stale") ? ", stale\n" : "\n", f);
	if (js_has(o, "nextHop")) {
		fprintf(f, "    next hop %s", js_str(o, "nextHop"));
		if (js_true(o, "accessible"))
			fprintf(f, ", reached through %s", js_str(o, "resolvedPrefix"));
		else if (js_has(o, "why"))
			fprintf(f, ": %s", js_str(o, "why"));
		fputc('\n', f);
	}
	lines(f, json_object_get(o, "filters"), "    ");
}

static void aggregate(FILE *f, const json_t *o)
{
	fprintf(f, "aggregate %s: %s, %lld parts, %lld suppressed%s%s\n", js_str(o, "prefix"),
	        js_true(o, "active") ? "active" : "not active", (long long)js_int(o, "parts"),
	        (long long)js_int(o, "suppressed"), js_has(o, "why") ? ": " : "", js_str(o, "why"));
}

static void announced(FILE *f, const char *peer, const json_t *o)
{
	bool yes = js_true(o, "announced");
	fprintf(f, "  to %s: %s", peer, yes ? "announced" : "not announced");
	if (js_has(o, "why"))
		fprintf(f, ": %s", js_str(o, "why"));
	else if (js_true(o, "permitted") != yes)
		fputs(js_true(o, "permitted") ? " yet" : ", but withdrawn in a moment", f);
	fputc('\n', f);
	lines(f, json_object_get(o, "filters"), "    ");
}

static void in_kernel(FILE *f, const json_t *k)
{
	if (!json_is_object(k))
		return;
	fprintf(f, "kernel: %s", js_true(k, "installed") ? "installed" : "not installed");
	if (js_has(k, "route"))
		fprintf(f, " (%s)", js_str(k, "route"));
	if (js_has(k, "why"))
		fprintf(f, ": %s", js_str(k, "why"));
	fputc('\n', f);
}

void text_explain(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *candidates = json_object_get(doc, "candidates");
	const char *peer;
	json_t *o, *to = json_object_get(doc, "announced");
	size_t i;
	(void)opts;
	fprintf(f, "%s\n", js_str(doc, "prefix"));
	if (js_has(doc, "network"))
		fprintf(f, "%s\n", js_str(doc, "network"));
	if (json_is_object(json_object_get(doc, "aggregate")))
		aggregate(f, json_object_get(doc, "aggregate"));
	if (js_has(doc, "kernelOwn"))
		fprintf(f, "the kernel's own: %s\n", js_str(doc, "kernelOwn"));
	if (json_array_size(candidates) == 0)
		fputs("no path is known\n", f);
	else
		fputs("candidates:\n", f);
	json_array_foreach(candidates, i, o) candidate(f, o);
	if (js_has(doc, "coveredBy"))
		fprintf(f, "covered by %s\n", js_str(doc, "coveredBy"));
	in_kernel(f, json_object_get(doc, "kernel"));
	json_array_foreach(json_object_get(doc, "aggregates"), i, o)
	{
		fputs("below ", f);
		aggregate(f, o);
	}
	if (js_has(doc, "suppressed"))
		fprintf(f, "suppressed %s\n", js_str(doc, "suppressed"));
	if (json_object_size(to))
		fputs("announcements:\n", f);
	json_object_foreach(to, peer, o) announced(f, peer, o);
}
