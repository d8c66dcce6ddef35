/* Text printers of BGP's tables, in the columns of FRR 8.4, which programs and people read. */
#include <string.h>

#include "cli/cli.h"

static void head(FILE *f, const char *version, const char *id, const char *pref, const char *as)
{
	fprintf(f,
	        "BGP table version is %s, local router ID is %s, vrf id 0\n"
	        "Default local pref %s, local AS %s\n"
	        "Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,\n"
	        "               i internal, r RIB-failure, S Stale, R Removed\n"
	        "Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self\n"
	        "Origin codes:  i - IGP, e - EGP, ? - incomplete\n"
	        "RPKI validation codes: V valid, I invalid, N Not found\n"
	        "\n"
	        "   Network          Next Hop            Metric LocPrf Weight Path\n",
	        version, id, pref, as);
}

static const char *number(const json_t *doc, const char *key, char out[24])
{
	snprintf(out, 24, "%lld", (long long)js_int(doc, key));
	return out;
}

static void head_of(FILE *f, const json_t *doc, const char *version, const char *id)
{
	char v[24], pref[24], as[24];
	head(f, number(doc, version, v), js_str(doc, id), number(doc, "defaultLocPrf", pref),
	     number(doc, "localAS", as));
}

/* Text in a column; what does not fit goes on in the next line at `indent`. */
static void column(FILE *f, const char *text, int width, int indent)
{
	int n = (int)strlen(text);
	fputs(text, f);
	if (n >= width)
		fprintf(f, "\n%*s", indent, " ");
	else
		fprintf(f, "%*s", width - n, " ");
}

static void optional(FILE *f, const json_t *o, const char *key, int width)
{
	if (js_has(o, key))
		fprintf(f, "%*lld", width, (long long)js_int(o, key));
	else
		fprintf(f, "%*s", width, " ");
}

static const char *origin_code(const json_t *o)
{
	const char *text = js_str(o, "origin");
	return strcmp(text, "IGP") == 0 ? "i" : strcmp(text, "EGP") == 0 ? "e" : "?";
}

/* Behind the network: next hop, numbers, path. */
static void rest(FILE *f, const json_t *o, const char *next_hop)
{
	column(f, next_hop, 16, 36);
	optional(f, o, "metric", 10);
	optional(f, o, "locPrf", 7);
	fprintf(f, "%7lld ", (long long)js_int(o, "weight"));
	if (*js_str(o, "path"))
		fprintf(f, "%s ", js_str(o, "path"));
	fprintf(f, "%s\n", origin_code(o));
}

static void table_row(FILE *f, const json_t *o, const char *network)
{
	const json_t *nh = json_array_get(json_object_get(o, "nexthops"), 0);
	bool stale = js_true(o, "stale");
	fputc(stale ? 'S' : js_true(o, "suppressed") ? 's' : js_true(o, "valid") ? '*' : ' ', f);
	fputc(js_true(o, "bestpath") ? '>' : js_true(o, "multipath") ? '=' : ' ', f);
	fputc(strcmp(js_str(o, "pathFrom"), "internal") == 0 ? 'i' : ' ', f);
	if (network)
		column(f, network, 17, 20);
	else
		fprintf(f, "%*s", 17, " ");
	/* FRR 8.4 gives an aggregate the unspecified address of IPv6. */
	rest(f, o, js_true(o, "aggregated") ? "::" : js_str(nh, "ip"));
}

void text_bgp_table(FILE *f, const json_t *doc, const void *opts)
{
	json_t *routes = json_object_get(doc, "routes"), *paths, *o;
	const char *network;
	(void)opts;
	if (json_object_size(routes) == 0) {
		fprintf(f, "No BGP prefixes displayed, 0 exist\n");
		return;
	}
	head_of(f, doc, "tableVersion", "routerId");
	json_object_foreach(routes, network, paths)
	{
		size_t i;
		json_array_foreach(paths, i, o) table_row(f, o, i ? NULL : network);
	}
	fprintf(f, "\nDisplayed  %lld routes and %lld total paths\n", (long long)js_int(doc, "totalRoutes"),
	        (long long)js_int(doc, "totalPaths"));
}

void text_bgp_adj(FILE *f, const json_t *doc, const void *opts)
{
	static const char *const keys[] = {"receivedRoutes", "advertisedRoutes", "filteredRoutes", "routes"};
	const json_t *routes = NULL;
	const char *network;
	json_t *o;
	(void)opts;
	if (js_has(doc, "warning")) {
		fprintf(f, "%% %s\n", js_str(doc, "warning"));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys) && !routes; i++)
		routes = json_object_get(doc, keys[i]);
	if (json_object_size(routes))
		head_of(f, doc, "bgpTableVersion", "bgpLocalRouterId");
	json_object_foreach((json_t *)routes, network, o)
	{
		fprintf(f, "%c%c ", js_true(o, "valid") ? '*' : ' ', js_true(o, "best") ? '>' : ' ');
		column(f, network, 17, 20);
		rest(f, o, js_has(o, "nextHop") ? js_str(o, "nextHop") : js_str(o, "nextHopGlobal"));
	}
	fprintf(f, "\nTotal number of prefixes %lld", (long long)js_int(doc, "totalPrefixCounter"));
	if (js_int(doc, "filteredPrefixCounter"))
		fprintf(f, " (%lld filtered)", (long long)js_int(doc, "filteredPrefixCounter"));
	fputc('\n', f);
}

/* --- One prefix --- */
static size_t best_of(const json_t *paths)
{
	size_t i;
	json_t *o;
	json_array_foreach(paths, i, o)
	{
		if (js_true(json_object_get(o, "bestpath"), "overall"))
			return i + 1;
	}
	return 0;
}

static void advertised(FILE *f, const json_t *doc)
{
	const char *peer;
	json_t *o, *to = json_object_get(doc, "advertisedTo");
	if (json_object_size(to) == 0) {
		fputs("  Not advertised to any peer\n", f);
		return;
	}
	fputs("  Advertised to non peer-group peers:\n ", f);
	json_object_foreach(to, peer, o) fprintf(f, " %s", peer);
	fputc('\n', f);
}

static void path_line(FILE *f, const json_t *o)
{
	fprintf(f, "  %s", js_str(json_object_get(o, "aspath"), "string"));
	if (js_has(o, "aggregatorAs"))
		fprintf(f, ", (aggregated by %lld %s)", (long long)js_int(o, "aggregatorAs"),
		        js_str(o, "aggregatorId"));
	if (js_true(o, "rxedFromRrClient"))
		fputs(", (Received from a RR-client)", f);
	if (js_true(o, "stale"))
		fputs(", (stale)", f);
	fputc('\n', f);
}

static void from_line(FILE *f, const json_t *o)
{
	const json_t *nh = json_array_get(json_object_get(o, "nexthops"), 0), *peer = json_object_get(o, "peer");
	bool aggregate = js_true(o, "aggregated");
	fprintf(f, "    %s", aggregate ? "::" : js_str(nh, "ip"));
	if (!js_true(nh, "accessible") && js_has(nh, "accessible"))
		fputs(" (inaccessible)", f);
	else if (js_int(nh, "metric"))
		fprintf(f, " (metric %lld)", (long long)js_int(nh, "metric"));
	fprintf(f, " from %s (%s)\n", aggregate ? "::" : js_str(peer, "peerId"), js_str(peer, "routerId"));
}

static void flag(FILE *f, const json_t *o, const char *key, const char *text)
{
	if (js_true(o, key))
		fprintf(f, ", %s", text);
}

static void origin_line(FILE *f, const json_t *o)
{
	static const struct {
		const char *key, *text;
	} number_of[] = {{"metric", "metric"}, {"locPrf", "localpref"}, {"weight", "weight"}, {"tag", "tag"}};
	const json_t *best = json_object_get(o, "bestpath");
	fprintf(f, "      Origin %s", js_str(o, "origin"));
	for (size_t i = 0; i < ARRAY_LEN(number_of); i++) {
		if (js_has(o, number_of[i].key))
			fprintf(f, ", %s %lld", number_of[i].text, (long long)js_int(o, number_of[i].key));
	}
	fputs(js_true(o, "valid") ? ", valid" : ", invalid", f);
	if (js_has(json_object_get(o, "peer"), "type"))
		fprintf(f, ", %s", js_str(json_object_get(o, "peer"), "type"));
	flag(f, o, "aggregated", "aggregated");
	flag(f, o, "sourced", "sourced");
	flag(f, o, "local", "local");
	flag(f, o, "atomicAggregate", "atomic-aggregate");
	flag(f, o, "multipath", "multipath");
	if (js_true(best, "overall"))
		fprintf(f, ", best (%s)", js_str(best, "selectionReason"));
	fputc('\n', f);
}

static void community_lines(FILE *f, const json_t *o)
{
	static const struct {
		const char *key, *text;
	} kind[] = {{"community", "Community"},
	            {"extendedCommunity", "Extended Community"},
	            {"largeCommunity", "Large Community"}};
	for (size_t i = 0; i < ARRAY_LEN(kind); i++) {
		if (js_has(o, kind[i].key))
			fprintf(f, "      %s: %s\n", kind[i].text, js_str(json_object_get(o, kind[i].key), "string"));
	}
}

static void reflection_line(FILE *f, const json_t *o)
{
	const json_t *list = json_object_get(json_object_get(o, "clusterList"), "list");
	json_t *id;
	size_t i;
	if (!js_has(o, "originatorId") && !list)
		return;
	fputs("      ", f);
	if (js_has(o, "originatorId"))
		fprintf(f, "Originator: %s%s", js_str(o, "originatorId"), list ? ", " : "");
	if (list)
		fputs("Cluster list:", f);
	json_array_foreach(list, i, id) fprintf(f, " %s", json_string_value(id) ? json_string_value(id) : "");
	fputc('\n', f);
}

/* opts: what was asked for. */
void text_bgp_path(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *paths = json_object_get(doc, "paths");
	size_t best = best_of(paths), i;
	json_t *o;
	if (!js_has(doc, "prefix")) {
		fprintf(f, "%% Network not in table: %s\n", opts ? (const char *)opts : "");
		return;
	}
	fprintf(f, "BGP routing table entry for %s, version %lld\n", js_str(doc, "prefix"),
	        (long long)js_int(doc, "version"));
	fprintf(f, "Paths: (%zu available, ", json_array_size(paths));
	if (best)
		fprintf(f, "best #%zu", best);
	else
		fputs("no best path", f);
	fprintf(f, ", table default%s)\n",
	        js_true(json_array_get(paths, 0), "suppressed") ? ", Advertisements suppressed by an aggregate." : "");
	advertised(f, doc);
	json_array_foreach(paths, i, o)
	{
		path_line(f, o);
		from_line(f, o);
		origin_line(f, o);
		community_lines(f, o);
		reflection_line(f, o);
		fprintf(f, "      Last update: %s\n", js_str(json_object_get(o, "lastUpdate"), "string"));
	}
}
