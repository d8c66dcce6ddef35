/* Text printers of the smaller documents. */
#include <string.h>

#include "cli/cli.h"

static void print_listed(FILE *f, const json_t *t)
{
	const json_t *conf = json_object_get(t, "conf");
	bool held = js_true(t, "held");
	fprintf(f, "%-16s %-6s %s...%s  %s%s%s\n", js_str(t, "name"),
	        strcmp(js_str(t, "kind"), "transport") == 0 ? js_str(t, "auto") : js_str(t, "kind"),
	        js_str(conf, "local"), js_str(conf, "remote"), js_str(t, "origin"), held ? ", held" : "",
	        js_true(t, "kept") ? ", the file's version cannot be used" : "");
}

void text_list(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *tunnels = json_object_get(doc, "tunnels"), *refused = json_object_get(doc, "refused");
	size_t i;
	json_t *o;
	(void)opts;
	json_array_foreach(tunnels, i, o) print_listed(f, o);
	json_array_foreach(refused, i, o)
		fprintf(f, "%-16s left out, %s: %s\n", js_str(o, "name"), js_str(o, "origin"), js_str(o, "reason"));
	if (json_array_size(tunnels) + json_array_size(refused) == 0)
		fputs("no tunnel is configured\n", f);
}

void text_guards(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *guards = json_object_get(doc, "guards");
	size_t i;
	json_t *g;
	(void)opts;
	json_array_foreach(guards, i, g)
	{
		fprintf(f, "%-40s %s\n", js_true(g, "strict") ? "any (strict)" : js_str(g, "peer"),
		        js_str(g, "tunnel"));
	}
	if (json_array_size(guards) == 0)
		fputs("no guard is set\n", f);
}

void text_kernel_guards(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *guards = json_object_get(doc, "guards");
	size_t i;
	json_t *g;
	(void)opts;
	json_array_foreach(guards, i, g)
		fprintf(f, "%-3s %s -> %s\n", js_str(g, "dir"), js_str(g, "src"), js_str(g, "dst"));
	if (json_array_size(guards) == 0)
		fputs("no guard is set\n", f);
}

void text_counters(FILE *f, const json_t *doc, const void *opts)
{
	const char *key;
	json_t *v;
	(void)opts;
	json_object_foreach(json_object_get(doc, "ike"), key, v)
		fprintf(f, "%-20s %lld\n", key, (long long)json_integer_value(v));
}

void text_version(FILE *f, const json_t *doc, const void *opts)
{
	const json_t *daemon = json_object_get(doc, "daemon");
	(void)opts;
	fprintf(f, "gretel %s\n", js_str(doc, "version"));
	if (!json_is_object(daemon)) {
		fputs("greteld is not running\n", f);
		return;
	}
	fprintf(f, "greteld %s, up ", js_str(daemon, "version"));
	text_duration(f, js_int(daemon, "uptime_s"));
	fprintf(f, "%s\n", js_true(daemon, "restarted") ? " since its ike role was restarted" : "");
}
