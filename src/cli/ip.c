/* See ip.h. Exit statuses and complaints are those of iproute2, because scripts look at them: a second `ip tunnel add` says "File exists"
 * and ends with 1, a second `ip link add` with 2. */
#include "cli/ip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_addr(json_t *o, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];
	json_object_set_new(o, key, json_string(addr_str(a, text)));
}

static json_t *options_of(const struct ip_gre *g, const char *tunnel)
{
	json_t *o = json_object();
	if (g->op == IP_DEL)
		return o;
	json_object_set_new(o, "tunnel", json_string(tunnel));
	set_addr(o, "local", &g->local);
	set_addr(o, "remote", &g->remote);
	if (g->key_set)
		json_object_set_new(o, "key", json_integer(g->key));
	json_object_set_new(o, "ttl", json_integer(g->ttl));
	json_object_set_new(o, "tos", json_integer(g->tos));
	json_object_set_new(o, "csum", json_boolean(g->csum));
	json_object_set_new(o, "pmtudisc", json_boolean(g->pmtudisc));
	json_object_set_new(o, "change", json_boolean(g->op == IP_CHANGE));
	return o;
}

/* 0, an errno that greteld names, or -errno when it could not be asked. why: its sentence. */
static int ask(struct cli *c, const struct ip_env *env, const struct ip_gre *g, char *why, size_t n)
{
	struct ask a = {.verb = g->op == IP_DEL ? "gre-del" : "gre-add", .arg = g->name, .options = options_of(g, env->tunnel), .quiet = true};
	struct control_reply r;
	int err = cli_ask(c, &a, &r);
	if (err < 0)
		return err;
	err = r.code == CONTROL_OK ? 0 : (int)js_int(r.doc, "errno");
	if (r.code != CONTROL_OK && err <= 0)
		err = r.code == CONTROL_DENIED ? EPERM : EINVAL;
	snprintf(why, n, "%s", r.text);
	control_reply_fini(&r);
	return err;
}

static const char *base_of(const struct ip_gre *g) { return g->remote.family == AF_V6 ? "ip6gre0" : "gre0"; }

/* In iproute2's words; what they do not say stands below. */
static int complain(struct cli *c, const struct ip_gre *g, int err, const char *why)
{
	bool plain = err == EEXIST || err == ENODEV;
	int code = 1;
	if (g->link && g->op == IP_CHANGE && err == ENODEV) {
		fprintf(c->err, "Cannot find device \"%s\"\n", g->name);
	} else if (g->link) {
		fprintf(c->err, "RTNETLINK answers: %s\n", strerror(err));
		code = 2;
	} else if (g->op == IP_CHANGE && err == ENODEV) {
		fprintf(c->err, "get tunnel \"%s\" failed: %s\n", g->name, strerror(err));
	} else {
		fprintf(c->err, "%s tunnel \"%s\" failed: %s\n", g->op == IP_ADD ? "add" : g->op == IP_CHANGE ? "change" : "delete",
		        g->op == IP_ADD ? base_of(g) : g->name, strerror(err));
	}
	if (!plain && *why)
		fprintf(c->err, "%s: %s\n", g->name, why);
	return code;
}

/* The words that `ip link add` had before `type`. */
static int set_rest(struct cli *c, const struct ip_env *env, struct ip_gre *g)
{
	static char ip[] = "ip", link[] = "link", set[] = "set", dev[] = "dev";
	char *argv[5 + IP_REST + 1] = {ip, link, set, dev, g->name};
	for (int i = 0; i < g->n_rest; i++)
		argv[5 + i] = g->rest[i];
	return env->real(c, argv);
}

int ip_run(struct cli *c, const struct ip_env *env, int argc, char **argv)
{
	struct ip_gre g = {.op = IP_OTHER};
	char why[256] = "";
	if (env->user && env->tunnel)
		ip_parse(argc, argv, &g);
	if (g.op == IP_OTHER)
		return env->real(c, argv);
	if (g.op == IP_WRONG) {
		fprintf(c->err, "%s\n", g.why);
		return g.code;
	}
	int err = ask(c, env, &g, why, sizeof why);
	if (err == ENODEV && g.op == IP_DEL)
		return env->real(c, argv); /* none of ours */
	if (err < 0) {
		fprintf(c->err, "ip: greteld, which carries GRE in user space, cannot be asked: %s\n", strerror(-err));
		return 2;
	}
	if (err > 0)
		return complain(c, &g, err, why);
	return g.n_rest ? set_rest(c, env, &g) : 0;
}

/* --- the real ip --- */

/* Executes the first `ip` in PATH that is not this program. Without our variable: what the real ip runs in its turn may be in another name
 * space, which greteld knows nothing of. */
static int exec_real(struct cli *c, char **argv)
{
	const char *path = getenv("PATH");
	struct stat self, st;
	char file[4096];
	bool known = stat("/proc/self/exe", &self) == 0;
	fflush(NULL);
	unsetenv("GRETEL_DATAPLANE");
	for (const char *p = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *p; p += strcspn(p, ":"), p += *p == ':') {
		int n = snprintf(file, sizeof file, "%.*s/ip", (int)strcspn(p, ":"), p);
		if (n < 0 || (size_t)n >= sizeof file || stat(file, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (known && st.st_dev == self.st_dev && st.st_ino == self.st_ino)
			continue;
		execv(file, argv);
	}
	fprintf(c->err, "ip: there is no ip of iproute2 in PATH\n");
	return 127;
}

int ip_main(struct cli *c, int argc, char **argv)
{
	const char *plane = getenv("GRETEL_DATAPLANE");
	const struct ip_env env = {.user = plane && strcmp(plane, "user") == 0, .tunnel = getenv("PLUTO_CONNECTION"), .real = exec_real};
	return ip_run(c, &env, argc, argv);
}
