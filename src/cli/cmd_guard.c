/* `gretel guard`, `gretel guard clear`: by the daemon; when there is none, in the kernel, as root: a clean stop
 * leaves the guards, and somebody must be able to look at them and take them away. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "kernel/kernel.h"

enum { GUARDS_MAX = 4096 };

static json_t *js_prefix(const struct prefix *p)
{
	char text[PREFIX_TEXT];
	struct sbuf b = SB(text);
	if (p->addr.family == AF_NONE || (p->len == 0 && addr_is_any(&p->addr)))
		return json_string("any");
	sb_prefix(&b, p);
	return json_string(text);
}

static json_t *guard_object(const struct kernel_guard *g)
{
	return json_pack("{s:s, s:o, s:o}", "dir", g->dir ? "out" : "in", "src", js_prefix(&g->src), "dst",
	                 js_prefix(&g->dst));
}

static int kernel_failed(struct cli *c, int err)
{
	cli_complain(c, "the kernel's policies cannot be asked: %s", strerror(-err));
	return CONTROL_FAILED;
}

static int list_in_kernel(struct cli *c, struct kernel *k)
{
	size_t n = 0;
	struct kernel_guard *v = calloc(GUARDS_MAX, sizeof *v);
	int err = v ? kernel_guard_list(k, v, GUARDS_MAX, &n) : -ENOMEM;
	if (err < 0 && err != -ENOSPC) {
		free(v);
		return kernel_failed(c, err);
	}
	json_t *list = json_array();
	for (size_t i = 0; i < n && i < GUARDS_MAX; i++)
		(void)json_array_append_new(list, guard_object(&v[i]));
	json_t *doc = json_pack("{s:o}", "guards", list);
	cli_show(c, doc, text_kernel_guards, NULL);
	json_decref(doc);
	free(v);
	if (err == -ENOSPC)
		cli_complain(c, "there are more than %d", GUARDS_MAX);
	return CONTROL_OK;
}

static void print_cleared(FILE *f, const json_t *doc, const void *opts)
{
	(void)opts;
	fprintf(f, "%lld guard policies removed\n", (long long)js_int(doc, "removed"));
}

static int clear_in_kernel(struct cli *c, struct kernel *k)
{
	size_t n = 0;
	int err = kernel_guard_clear(k, &n);
	if (err < 0)
		return kernel_failed(c, err);
	json_t *doc = json_pack("{s:I}", "removed", (json_int_t)n);
	cli_show(c, doc, print_cleared, NULL);
	json_decref(doc);
	return CONTROL_OK;
}

static int in_kernel(struct cli *c, bool clear)
{
	struct kernel *k;
	if (geteuid() != 0) {
		cli_complain(c, "greteld is not running; only root may look at the kernel's policies itself");
		return CONTROL_NOT_RUNNING;
	}
	int err = kernel_open(&k);
	if (err < 0)
		return kernel_failed(c, err);
	int code = clear ? clear_in_kernel(c, k) : list_in_kernel(c, k);
	kernel_close(k);
	return code;
}

int cli_guard(struct cli *c, int n, char **args)
{
	bool clear = n > 0 && strcmp(args[0], "clear") == 0;
	struct ask a = {.verb = clear ? "guard-clear" : "guard"};
	struct control_reply r;
	if (n > 0 && !clear) {
		cli_complain(c, "guard %s: expected nothing or `clear`", args[0]);
		return CONTROL_USAGE;
	}
	a.quiet = true;
	int err = cli_ask(c, &a, &r);
	json_decref(a.kept);
	if (cli_failure(err) == CONTROL_NOT_RUNNING)
		return in_kernel(c, clear);
	if (err < 0) {
		cli_complain(c, "greteld cannot be asked: %s", strerror(-err));
		return cli_failure(err);
	}
	if (r.doc)
		cli_show(c, r.doc, text_guards, NULL);
	if (r.code != CONTROL_OK)
		cli_complain(c, "%s", r.text);
	else if (*r.text && !c->json)
		fprintf(c->out, "%s\n", r.text);
	int code = r.code;
	control_reply_fini(&r);
	return code;
}
