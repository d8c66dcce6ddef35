/* `status` and `statusall` byte for byte in strongSwan's shape (ike.md 5.2), because others read these lines with
 * regular expressions; what strongSwan has no line for follows behind, in text_own.c. Lines about what we have not
 * (allocator, worker threads, plugins) are left out rather than invented. */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static void print_head(FILE *f, const json_t *daemon, const struct text_status *opt)
{
	char since[64] = "";
	time_t at = (time_t)js_int(daemon, "since");
	struct tm tm;
	if (localtime_r(&at, &tm))
		(void)strftime(since, sizeof since, "%b %d %H:%M:%S %Y", &tm);
	fprintf(f, "Status of IKE charon daemon (gretel %s, Linux %s, %s):\n  uptime: ", js_str(daemon, "version"),
	        opt->release, opt->machine);
	text_duration(f, js_int(daemon, "uptime_s"));
	fprintf(f, ", since %s\nListening IP addresses:\n", since);
	size_t i;
	json_t *a;
	json_array_foreach(json_object_get(daemon, "listen"), i, a) fprintf(f, "  %s\n", json_string_value(a));
}

/* --- Connections --- */
static void print_auth(FILE *f, const char *name, const char *side, const json_t *conf, const char *id)
{
	fprintf(f, "%12s:   %s", name, side);
	if (js_has(conf, id))
		fprintf(f, " [%s]", js_str(conf, id));
	fputs(" uses pre-shared key authentication\n", f);
}

static void print_connection(FILE *f, const json_t *t)
{
	const json_t *conf = json_object_get(t, "conf");
	const char *name = js_str(t, "name"), *action = js_str(conf, "dpd_action");
	/* strongSwan checks liveness only when an action is set, and says it then; we do it anyway. */
	bool dpd = js_int(conf, "dpd_delay_s") > 0 && strcmp(action, "none") != 0;
	fprintf(f, "%12s:  %s...%s  IKEv2", name, js_str(conf, "local"), js_str(conf, "remote"));
	if (dpd)
		fprintf(f, ", dpddelay=%llds", (long long)js_int(conf, "dpd_delay_s"));
	fputc('\n', f);
	print_auth(f, name, "local: ", conf, "local_id");
	print_auth(f, name, "remote:", conf, "remote_id");
	fprintf(f, "%12s:   child:  %s === %s TRANSPORT", name, js_str(conf, "local_ts"), js_str(conf, "remote_ts"));
	if (dpd) /* its word for clear */
		fprintf(f, ", dpdaction=%s", strcmp(action, "clear") == 0 ? "none" : action);
	fputc('\n', f);
}

static bool is_kind(const json_t *t, const char *kind) { return strcmp(js_str(t, "kind"), kind) == 0; }

static void print_connections(FILE *f, const json_t *tunnels)
{
	size_t i;
	json_t *t;
	fputs("Connections:\n", f);
	json_array_foreach(tunnels, i, t)
	{
		if (is_kind(t, "transport"))
			print_connection(f, t);
	}
}

static void print_shunts(FILE *f, const json_t *tunnels)
{
	bool first = true;
	size_t i;
	json_t *t;
	json_array_foreach(tunnels, i, t)
	{
		if (is_kind(t, "transport"))
			continue;
		if (first)
			fputs("Shunted Connections:\n", f);
		first = false;
		const json_t *conf = json_object_get(t, "conf");
		fprintf(f, "%12s:  %s === %s %s\n", js_str(t, "name"), conf ? js_str(conf, "local_ts") : "dynamic",
		        conf ? js_str(conf, "remote_ts") : "dynamic", is_kind(t, "pass") ? "PASS" : "DROP");
	}
}

/* --- Security Associations --- */
static void print_use(FILE *f, const json_t *child, const char *bytes, const char *packets, const char *last, char side)
{
	long long n = js_int(child, packets);
	fprintf(f, ", %lld bytes_%c", (long long)js_int(child, bytes), side);
	if (js_has(child, last))
		fprintf(f, " (%lld pkt%s, %llds ago)", n, n == 1 ? "" : "s", (long long)js_int(child, last));
}

static void print_rekey(FILE *f, const json_t *sa)
{
	if (!js_has(sa, "rekey_in_s")) {
		fputs(", rekeying disabled", f);
	} else if (js_int(sa, "rekey_in_s") == 0) {
		fputs(", rekeying active", f);
	} else {
		fputs(", rekeying in ", f);
		text_duration(f, js_int(sa, "rekey_in_s"));
	}
}

static void print_child_detail(FILE *f, const char *name, const json_t *child)
{
	fprintf(f, "\n%12s{%lld}:  %s", name, (long long)js_int(child, "id"), js_str(child, "proposal"));
	print_use(f, child, "bytes_in", "packets_in", "last_in_s", 'i');
	print_use(f, child, "bytes_out", "packets_out", "last_out_s", 'o');
	print_rekey(f, child);
}

static void print_child(FILE *f, const char *name, const json_t *child, bool all)
{
	const char *state = js_str(child, "state");
	long long id = js_int(child, "id");
	fprintf(f, "%12s{%lld}:  %s, %s, reqid %lld", name, id, state, js_str(child, "mode"),
	        (long long)js_int(child, "reqid"));
	if (strncmp(state, "REKEY", 5) == 0 && js_has(child, "expires_in_s")) {
		fputs(", expires in ", f);
		text_duration(f, js_int(child, "expires_in_s"));
	} else if (strcmp(state, "INSTALLED") == 0) {
		fprintf(f, ", ESP%s SPIs: %s_i %s_o", js_true(child, "encap") ? " in UDP" : "", js_str(child, "spi_in"),
		        js_str(child, "spi_out"));
		if (all)
			print_child_detail(f, name, child);
	}
	fprintf(f, "\n%12s{%lld}:   %s === %s\n", name, id, js_str(child, "local_ts"), js_str(child, "remote_ts"));
}

static void print_ike_detail(FILE *f, const char *name, const json_t *sa, bool up)
{
	long long id = js_int(sa, "id");
	bool ours = js_true(sa, "initiator");
	fprintf(f, "%12s[%lld]: IKEv2 SPIs: %s_i%s %s_r%s", name, id, js_str(sa, "spi_i"), ours ? "*" : "",
	        js_str(sa, "spi_r"), ours ? "" : "*");
	if (up && js_has(sa, "reauth_in_s")) {
		fputs(", pre-shared key reauthentication in ", f);
		text_duration(f, js_int(sa, "reauth_in_s"));
	} else if (up) {
		print_rekey(f, sa);
	}
	fputc('\n', f);
	if (*js_str(sa, "proposal"))
		fprintf(f, "%12s[%lld]: IKE proposal: %s\n", name, id, js_str(sa, "proposal"));
}

static void print_ike(FILE *f, const char *name, const json_t *sa, bool all)
{
	const char *state = js_str(sa, "state");
	bool up = strcmp(state, "ESTABLISHED") == 0;
	fprintf(f, "%12s[%lld]: %s", name, (long long)js_int(sa, "id"), state);
	if (up) {
		fputc(' ', f);
		text_duration(f, js_int(sa, "since_s"));
		fputs(" ago", f);
	}
	fprintf(f, ", %s[%s]...%s[%s]\n", js_has(sa, "local") ? js_str(sa, "local") : "%any", js_str(sa, "my_id"),
	        js_has(sa, "remote") ? js_str(sa, "remote") : "%any", js_str(sa, "peer_id"));
	if (all)
		print_ike_detail(f, name, sa, up);
}

/* Each IKE SA with its children behind it. How many were printed. */
static size_t print_sas(FILE *f, const json_t *owner, bool all)
{
	const char *name = js_has(owner, "name") ? js_str(owner, "name") : "(unnamed)";
	const json_t *sas = json_object_get(owner, "ike_sas"), *children = json_object_get(owner, "child_sas");
	json_t *sa, *child;
	size_t i, k;
	json_array_foreach(sas, i, sa)
	{
		print_ike(f, name, sa, all);
		json_array_foreach(children, k, child)
		{
			if (js_int(child, "ike_id") == js_int(sa, "id"))
				print_child(f, name, child, all);
		}
	}
	return json_array_size(sas);
}

static void print_associations(FILE *f, const json_t *doc, const struct text_status *opt)
{
	const json_t *daemon = json_object_get(doc, "daemon");
	json_t *owner;
	size_t i, n = 0;
	fprintf(f, "Security Associations (%lld up, %lld connecting):\n", (long long)js_int(daemon, "ike_up"),
	        (long long)js_int(daemon, "ike_connecting"));
	json_array_foreach(json_object_get(doc, "tunnels"), i, owner) n += print_sas(f, owner, opt->all);
	json_array_foreach(json_object_get(doc, "others"), i, owner) n += print_sas(f, owner, opt->all);
	if (n == 0)
		fputs(opt->name ? "  no match\n" : "  none\n", f);
}

void text_status(FILE *f, const json_t *doc, const void *opts)
{
	const struct text_status *opt = opts;
	const json_t *tunnels = json_object_get(doc, "tunnels");
	if (opt->all) {
		print_head(f, json_object_get(doc, "daemon"), opt);
		print_connections(f, tunnels);
	}
	print_shunts(f, tunnels);
	print_associations(f, doc, opt);
	if (opt->own)
		text_own(f, doc, opts);
}
