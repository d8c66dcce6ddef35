/* `gretel check`: loads the configuration as the daemon would, and says all that is wrong with it; --print turns what
 * strongSwan's files say into a gretel.conf. Nothing is changed, and no daemon is asked. Root also learns which data plane the
 * daemon would have, which only the kernel can say. */
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/heap.h"
#include "config/config.h"
#include "kernel/kernel.h"

enum { LOCAL_MAX = 1024 };

struct found {
	struct conf *conf;
	struct psk_set psks;
	struct diags diags;
	int err;
	const char *plane;     /* "user", "kernel", "none"; NULL: not known */
	char plane_why[160];
};

static struct addr addr_of(const struct sockaddr *sa)
{
	if (sa && sa->sa_family == AF_INET)
		return addr_from(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	if (sa && sa->sa_family == AF_INET6)
		return addr_from(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return (struct addr){.family = AF_NONE};
}

/* Which of left and right is ours depends on them. */
static size_t local_addresses(struct addr *out, size_t max)
{
	struct ifaddrs *list;
	size_t n = 0;
	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next) {
		struct addr a = addr_of(i->ifa_addr);
		if (a.family != AF_NONE)
			out[n++] = a;
	}
	freeifaddrs(list);
	return n;
}

/* Looking loads modules of the kernel, which takes root's rights. */
static void find_plane(struct found *f)
{
	struct kernel *k;
	struct sbuf why = SB(f->plane_why);
	if (!f->conf || geteuid() != 0 || kernel_open(&k) < 0)
		return;
	int rc = kernel_dataplane(k, f->conf->setup.dataplane, &why);
	f->plane = rc < 0 ? "none" : rc ? "user" : "kernel";
	kernel_close(k);
}

static void find(struct cli *c, struct found *f)
{
	static struct addr local[LOCAL_MAX];
	struct config_files io;
	struct config_paths where = {.file = c->file, .local = local, .n_local = local_addresses(local, LOCAL_MAX)};
	*f = (struct found){.conf = NULL};
	psk_set_init(&f->psks, cli_heap());
	diags_init(&f->diags, cli_heap());
	config_files_os(&io);
	f->err = config_load(&where, &io, &f->conf, &f->psks, &f->diags);
	find_plane(f);
}

static void found_free(struct found *f)
{
	config_free(f->conf);
	psk_set_fini(&f->psks);
	diags_fini(&f->diags);
}

static const char *failure(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is no configuration file";
	case -EINVAL:
		return "it has errors";
	case -ENOMEM:
		return "no memory";
	default:
		return strerror(-err);
	}
}

static bool good(const struct found *f)
{
	return f->err == 0 && f->diags.errors == 0 && (!f->plane || strcmp(f->plane, "none") != 0);
}

/* --- as JSON --- */
static const char *level_name(enum diag_level level)
{
	return level == DIAG_ERROR ? "error" : level == DIAG_WARNING ? "warning" : "note";
}

static json_t *diag_object(const struct diag *d)
{
	return json_pack("{s:s, s:s?, s:i, s:s?, s:s}", "level", level_name(d->level), "file", d->file, "line",
	                 (int)d->line, "key", d->key, "text", d->text);
}

static void show_json(struct cli *c, const struct found *f)
{
	json_t *list = json_array();
	for (const struct diag *d = f->diags.first; d; d = d->next)
		(void)json_array_append_new(list, diag_object(d));
	json_t *plane = f->plane ? json_pack("{s:s, s:s}", "mode", f->plane, "why", f->plane_why) : json_null();
	json_t *doc = json_pack("{s:b, s:s?, s:i, s:i, s:o, s:o}", "ok", good(f), "failure",
	                        f->err ? failure(f->err) : NULL, "tunnels", f->conf ? (int)f->conf->n_tunnels : 0,
	                        "left_out", f->conf ? (int)f->conf->n_refused : 0, "dataplane", plane, "diagnostics", list);
	cli_show(c, doc, text_list, NULL);
	json_decref(doc);
}

/* --- as text --- */
static void show_diags(FILE *out, const struct found *f)
{
	for (const struct diag *d = f->diags.first; d; d = d->next) {
		char text[2048];
		struct sbuf b = SB(text);
		sb_diag(&b, d);
		fprintf(out, "%s\n", text);
	}
}

static const char *plural(unsigned n) { return n == 1 ? "" : "s"; }

/* ", routing by bgp with 2 neighbors" */
static void show_routing(FILE *out, const struct conf *c)
{
	const struct conf_routing *r = conf_routing(c);
	const struct conf_bgp *g = conf_bgp(c);
	if (!r)
		return;
	if (r->refused) {
		fputs(", routing left out", out);
		return;
	}
	fprintf(out, ", routing by %s", conf_str(c, r->module));
	if (g)
		fprintf(out, " with %u neighbor%s", g->peers.n, plural(g->peers.n));
}

/* "the data plane would be in user space: the kernel has no ESP" */
static void show_plane(FILE *out, const struct found *f)
{
	if (!f->plane)
		return;
	const char *what = strcmp(f->plane, "user") == 0     ? "would be in user space"
	                   : strcmp(f->plane, "kernel") == 0 ? "would be the kernel's"
	                                                     : "cannot be had";
	fprintf(out, "the data plane %s: %s\n", what, f->plane_why);
}

static void show_text(struct cli *c, const struct found *f)
{
	FILE *out = c->print ? c->err : c->out;
	show_diags(out, f);
	if (f->err) {
		fprintf(c->err, "gretel: the configuration cannot be used: %s\n", failure(f->err));
		return;
	}
	show_plane(out, f);
	unsigned n = f->conf->n_tunnels, left_out = f->conf->n_refused;
	fprintf(out, "%u tunnel%s", n, plural(n));
	if (left_out)
		fprintf(out, ", %u left out", left_out);
	show_routing(out, f->conf);
	fprintf(out, ", %u error%s, %u warning%s\n", f->diags.errors, plural(f->diags.errors), f->diags.warnings,
	        plural(f->diags.warnings));
}

static int print_conf(struct cli *c, const struct found *f)
{
	char *text;
	if (config_print(f->conf, c->secrets ? &f->psks : NULL, &text) < 0) {
		cli_complain(c, "no memory");
		return CONTROL_FAILED;
	}
	fputs(text, c->out);
	config_text_free(text);
	return CONTROL_OK;
}

int cli_check(struct cli *c, int n, char **args)
{
	struct found f;
	(void)n;
	(void)args;
	find(c, &f);
	int code = good(&f) ? CONTROL_OK : CONTROL_FAILED;
	if (c->json)
		show_json(c, &f);
	else
		show_text(c, &f);
	if (c->print && f.conf && !c->json && print_conf(c, &f) != CONTROL_OK)
		code = CONTROL_FAILED;
	found_free(&f);
	return code;
}
