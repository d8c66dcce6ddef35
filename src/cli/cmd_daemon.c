/* Commands that the daemon carries out or answers. */
#include <string.h>
#include <sys/utsname.h>

#include "cli/cli.h"

int cli_up(struct cli *c, int n, char **args)
{
	(void)n;
	return cli_do(c, &(struct ask){.verb = "up", .arg = args[0]});
}

int cli_down(struct cli *c, int n, char **args)
{
	(void)n;
	return cli_do(c, &(struct ask){.verb = "down", .arg = args[0]});
}

/* NAME [ike|child], or a name with brackets that says it already. */
int cli_rekey(struct cli *c, int n, char **args)
{
	char target[CONTROL_ARG_MAX];
	bool ike = n == 2 && strcmp(args[1], "ike") == 0;
	if (n == 2 && !ike && strcmp(args[1], "child") != 0) {
		cli_complain(c, "usage: gretel rekey NAME [ike|child]");
		return CONTROL_USAGE;
	}
	snprintf(target, sizeof target, "%s%s", args[0], n == 1 ? "" : ike ? "[*]" : "{*}");
	return cli_do(c, &(struct ask){.verb = "rekey", .arg = target});
}

int cli_reload(struct cli *c, int n, char **args)
{
	(void)n;
	(void)args;
	return cli_do(c, &(struct ask){.verb = "reload"});
}

int cli_log(struct cli *c, int n, char **args)
{
	json_t *options = json_object();
	(void)n;
	(void)args;
	if (c->follow)
		(void)json_object_set_new(options, "follow", json_true());
	if (c->lines >= 0)
		(void)json_object_set_new(options, "lines", json_integer(c->lines));
	return cli_do(c, &(struct ask){.verb = "log", .options = options, .each_line = true});
}

int cli_log_level(struct cli *c, int n, char **args)
{
	(void)n;
	return cli_do(c, &(struct ask){.verb = "log-level", .arg = args[0]});
}

#ifdef GRETEL_IMPAIR
int cli_impair(struct cli *c, int n, char **args)
{
	char order[CONTROL_ARG_MAX + 1];
	struct sbuf q = SB(order);
	for (int i = 0; i < n; i++)
		sb_printf(&q, "%s%s", i ? " " : "", args[i]);
	return cli_do(c, &(struct ask){.verb = "impair", .arg = order});
}
#endif

/* --strict: whether all that is shown and wanted (named, or auto=start) is up. */
static bool all_up(const json_t *doc, bool named)
{
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(doc, "tunnels"), i, t)
	{
		bool wanted = named || strcmp(js_str(t, "auto"), "start") == 0;
		if (wanted && strcmp(js_str(t, "kind"), "transport") == 0 && strcmp(js_str(t, "state"), "up") != 0)
			return false;
	}
	return true;
}

static int show_status(struct cli *c, const char *verb, const char *name)
{
	struct ask a = {.verb = verb, .arg = name};
	struct control_reply r;
	struct utsname host;
	struct text_status opt = {
		.all = strcmp(verb, "statusall") == 0, .own = true, .name = name, .release = "?", .machine = "?"};
	int err = cli_ask(c, &a, &r);
	json_decref(a.kept);
	if (err < 0)
		return cli_failure(err);
	if (uname(&host) == 0) {
		opt.release = host.release;
		opt.machine = host.machine;
	}
	int code = cli_answer(c, &r, text_status, &opt);
	if (code == CONTROL_OK && c->strict && !all_up(r.doc, name != NULL))
		code = CONTROL_FAILED;
	control_reply_fini(&r);
	return code;
}

int cli_status(struct cli *c, int n, char **args) { return show_status(c, "status", n ? args[0] : NULL); }

int cli_statusall(struct cli *c, int n, char **args) { return show_status(c, "statusall", n ? args[0] : NULL); }

static int show_document(struct cli *c, const char *verb, cli_printer *print)
{
	struct ask a = {.verb = verb};
	struct control_reply r;
	int err = cli_ask(c, &a, &r);
	json_decref(a.kept);
	if (err < 0)
		return cli_failure(err);
	int code = cli_answer(c, &r, print, NULL);
	control_reply_fini(&r);
	return code;
}

int cli_list(struct cli *c, int n, char **args)
{
	(void)n;
	(void)args;
	return show_document(c, "list", text_list);
}

int cli_counters(struct cli *c, int n, char **args)
{
	(void)n;
	(void)args;
	return show_document(c, "counters", text_counters);
}

int cli_version(struct cli *c, int n, char **args)
{
	struct ask a = {.verb = "version", .quiet = true};
	struct control_reply r;
	json_t *doc = json_pack("{s:s, s:n}", "version", GRETEL_VERSION, "daemon");
	(void)n;
	(void)args;
	if (cli_ask(c, &a, &r) == 0) {
		if (r.doc)
			(void)json_object_set(doc, "daemon", r.doc);
		control_reply_fini(&r);
	}
	json_decref(a.kept);
	cli_show(c, doc, text_version, NULL);
	json_decref(doc);
	return CONTROL_OK;
}
