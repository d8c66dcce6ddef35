/* What strongSwan's status does not say, behind its lines: state in words, why, next try, GRE interface, guard,
 * script, weak algorithms, what an earlier life left. Each line begins with "  | ", which no expression for
 * strongSwan's lines takes for a name followed by [n], {n} or a colon; words that are counted there (states in
 * capitals) do not occur. */
#include <string.h>

#include "cli/cli.h"

static void print_words(FILE *f, const json_t *words)
{
	size_t i;
	json_t *w;
	json_array_foreach(words, i, w) fprintf(f, "%s%s", i ? ", " : "", json_string_value(w));
}

static bool is(const json_t *o, const char *key, const char *value) { return strcmp(js_str(o, key), value) == 0; }

static const char *state_words(const json_t *t)
{
	static const struct {
		const char *state, *words;
	} row[] = {
		{"sa-up", "is coming up, its SAs are in"}, {"gre", "is coming up, its GRE interface is being made"},
		{"hook", "is coming up, its script runs"}, {"probe", "is coming up, waiting for a packet of the peer"},
		{"going-down", "is going down"},
	};
	if (is(t, "state", "up"))
		return js_true(t, "received") ? "is up" : "is up, nothing received yet";
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		if (is(t, "state", row[i].state))
			return row[i].words;
	}
	if (js_true(t, "held"))
		return "is down, held until `gretel up`";
	return is(t, "auto", "start") || js_has(t, "next_try_s") ? "is down"
	                                                         : "is down, waits for `gretel up` or for its peer";
}

static void print_gre(FILE *f, const json_t *t)
{
	const json_t *gre = json_object_get(t, "gre");
	if (!json_is_object(gre)) {
		if (is(t, "state", "up"))
			fputs("  |   no GRE interface lies between its ends\n", f);
		return;
	}
	fprintf(f, "  |   GRE interface %s", js_str(gre, "name"));
	if (json_array_size(json_object_get(gre, "address"))) {
		fputs(", ", f);
		print_words(f, json_object_get(gre, "address"));
	}
	fprintf(f, ", MTU %lld, %s\n", (long long)js_int(gre, "mtu"), js_true(gre, "up") ? "up" : "down");
}

static void print_guard(FILE *f, const json_t *t)
{
	const json_t *guard = json_object_get(t, "guard");
	const json_t *peers = json_object_get(guard, "peers");
	if (is(guard, "mode", "off")) {
		fputs("  |   guard off, GRE may travel in the clear\n", f);
	} else if (json_array_size(peers)) {
		fputs("  |   guard on for ", f);
		print_words(f, peers);
		fputc('\n', f);
	}
}

static void print_weak(FILE *f, const json_t *t)
{
	const json_t *used = json_object_get(t, "weak_used"), *allowed = json_object_get(t, "weak");
	if (json_array_size(used)) {
		fputs("  |   warning, weak algorithm in use, ", f);
		print_words(f, used);
		fputc('\n', f);
	} else if (json_array_size(allowed)) {
		fputs("  |   warning, weak algorithm allowed, ", f);
		print_words(f, allowed);
		fputc('\n', f);
	}
}

/* Keys that are not what they might be, or more. */
static void print_keys(FILE *f, const json_t *t)
{
	if (js_true(t, "short_psk"))
		fputs("  |   warning, its pre-shared key is short and can be guessed\n", f);
	const json_t *list = json_object_get(t, "ike_sas"), *sa;
	size_t i;
	bool used = false;
	json_array_foreach(list, i, sa)
		used |= js_true(sa, "ppk");
	if (used)
		fputs("  |   post-quantum pre-shared key in use\n", f);
}

/* What the data plane in user space has dropped, and why. */
static void print_drops(FILE *f, const json_t *drops)
{
	json_t *list = (json_t *)(uintptr_t)drops, *n;
	const char *why, *between = "  |   dropped, ";
	json_object_foreach(list, why, n)
	{
		fprintf(f, "%s%s %lld", between, why, (long long)json_integer_value(n));
		between = ", ";
	}
	if (json_object_size(drops))
		fputc('\n', f);
}

static void print_plane(FILE *f, const json_t *p)
{
	long long workers = js_int(p, "workers");
	if (!json_is_object(p))
		return;
	fprintf(f, "  | the data plane is %s", is(p, "mode", "user") ? "in user space" : "the kernel's");
	if (workers)
		fprintf(f, ", %lld worker%s", workers, workers == 1 ? "" : "s");
	if (*js_str(p, "backend"))
		fprintf(f, ", %s", js_str(p, "backend"));
	fprintf(f, ", %s\n", js_str(p, "why"));
	print_drops(f, json_object_get(p, "drops"));
}

static void print_tunnel(FILE *f, const json_t *t)
{
	if (!is(t, "kind", "transport"))
		return;
	fprintf(f, "  | %s %s\n", js_str(t, "name"), state_words(t));
	if (*js_str(t, "why") && !is(t, "state", "up"))
		fprintf(f, "  |   why: %s\n", js_str(t, "why"));
	if (*js_str(t, "way"))
		fprintf(f, "  |   IKE has no way to the peer: %s\n", js_str(t, "way"));
	if (js_has(t, "next_try_s") && is(t, "state", "down") && !js_true(t, "held")) {
		fputs("  |   next try in ", f);
		text_duration(f, js_int(t, "next_try_s"));
		fputc('\n', f);
	}
	print_gre(f, t);
	if (js_has(t, "hook_status") && js_int(t, "hook_status") != 0)
		fprintf(f, "  |   its script ended with status %lld\n", (long long)js_int(t, "hook_status"));
	print_guard(f, t);
	print_weak(f, t);
	print_keys(f, t);
	print_drops(f, json_object_get(t, "drops"));
	if (js_true(t, "kept"))
		fputs("  |   its text in the file cannot be used, the version before it runs on\n", f);
}

static void print_orphan(FILE *f, const json_t *o)
{
	fprintf(f, "  | %s has SAs of an earlier run that forward on, SPIs %s_i %s_o\n", js_str(o, "tunnel"),
	        js_str(o, "spi_in"), js_str(o, "spi_out"));
}

static void print_refused(FILE *f, const json_t *r)
{
	fprintf(f, "  | %s is left out\n  |   why: %s, %s\n", js_str(r, "name"), js_str(r, "origin"),
	        js_str(r, "reason"));
}

/* One line each: "  |   10.0.0.2 Established since 00:12:03, 4 prefixes". */
static void print_sessions(FILE *f, const json_t *summary, const char *family)
{
	const json_t *af = json_object_get(summary, family);
	json_t *peers = json_object_get(af, "peers"), *p;
	const char *at;
	json_object_foreach(peers, at, p)
	{
		fprintf(f, "  |   %s %s", at, js_str(p, "state"));
		if (is(p, "state", "Established"))
			fprintf(f, " since %s, %lld prefixes", js_str(p, "peerUptime"), (long long)js_int(p, "pfxRcd"));
		fputc('\n', f);
	}
}

static void print_routing(FILE *f, const json_t *r)
{
	const json_t *role = json_object_get(r, "role");
	if (!json_is_object(r))
		return;
	fprintf(f, "Routing:\n  | module %s%s\n", js_str(r, "module"),
	        json_is_object(role) ? "" : ", its process is not running, see `gretel log`");
	if (*js_str(r, "refused"))
		fprintf(f, "  |   why: %s\n", js_str(r, "refused"));
	if (!json_is_object(role))
		return;
	if (!js_true(role, "forwarding4"))
		fputs("  |   warning, ip_forward is off, this host forwards no packets (sysctl net.ipv4.ip_forward)\n", f);
	if (js_int(role, "routesRefused"))
		fprintf(f, "  |   %lld routes were refused, see `gretel log`\n", (long long)js_int(role, "routesRefused"));
	const json_t *summary = json_object_get(role, "summary");
	print_sessions(f, summary, "ipv4Unicast");
	if (!json_object_get(json_object_get(summary, "ipv4Unicast"), "peers"))
		print_sessions(f, summary, "ipv6Unicast");
}

void text_own(FILE *f, const json_t *doc, const void *opts)
{
	static const struct {
		const char *key;
		void (*print)(FILE *f, const json_t *o);
	} part[] = {{"tunnels", print_tunnel}, {"orphans", print_orphan}, {"refused", print_refused}};
	size_t k, i;
	json_t *o;
	const struct text_status *opt = opts;
	fputs("Tunnels:\n", f);
	for (k = 0; k < ARRAY_LEN(part); k++) {
		json_array_foreach(json_object_get(doc, part[k].key), i, o) part[k].print(f, o);
	}
	if (!opt || !opt->name)
		print_plane(f, json_object_get(json_object_get(doc, "daemon"), "dataplane"));
	print_routing(f, json_object_get(doc, "routing"));
	if (js_true(json_object_get(doc, "daemon"), "restarted"))
		fputs("  | the ike role was restarted, see `gretel log`\n", f);
}
