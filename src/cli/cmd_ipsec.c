/* `gretel ipsec ...`: the words and exit codes of strongSwan's `ipsec` (ike.md 5.1), so that scripts go on through an
 * alias: alias ipsec='gretel ipsec'. up and down exit with 0 also when they failed, unless --strict. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/cli.h"
#include "cli/process.h"

struct word {
	const char *word;
	int (*run)(struct cli *c, const struct word *w, int n, char **args);
	const char *text; /* the daemon's verb, or what is printed */
};

static int need_name(struct cli *c, const struct word *w)
{
	fprintf(c->err, "Usage: ipsec %s <connection name>\n", w->word);
	return CONTROL_USAGE;
}

static int up_down(struct cli *c, const struct word *w, int n, char **args)
{
	if (n != 1)
		return need_name(c, w);
	int code = cli_do(c, &(struct ask){.verb = w->text, .arg = args[0]});
	if (code == CONTROL_USAGE && !c->json)
		fprintf(c->out, "no config named '%s'\n", args[0]);
	return code == CONTROL_NOT_RUNNING || c->strict ? code : CONTROL_OK;
}

/* A name that is not there is "no match" between the usual lines. */
static int ask_status(struct cli *c, struct ask *a, struct control_reply *r)
{
	const char *name = a->arg;
	int err = cli_ask(c, a, r);
	if (err < 0 || r->code != CONTROL_USAGE || !name)
		return err;
	control_reply_fini(r);
	json_decref(a->kept);
	a->kept = NULL;
	a->arg = NULL;
	err = cli_ask(c, a, r);
	if (err == 0 && r->doc) {
		(void)json_object_set_new(r->doc, "tunnels", json_array());
		(void)json_object_set_new(r->doc, "others", json_array());
	}
	return err;
}

static int status(struct cli *c, const struct word *w, int n, char **args)
{
	struct ask a = {.verb = w->text, .arg = n ? args[0] : NULL};
	struct text_status opt = {
		.all = strcmp(w->text, "statusall") == 0, .name = a.arg, .release = "?", .machine = "?"};
	struct control_reply r;
	struct utsname host;
	int err = ask_status(c, &a, &r);
	json_decref(a.kept);
	if (err < 0)
		return cli_failure(err) == CONTROL_NOT_RUNNING ? CLI_STRONGSWAN_NOT_RUNNING : cli_failure(err);
	if (uname(&host) == 0) {
		opt.release = host.release;
		opt.machine = host.machine;
	}
	if (r.doc)
		cli_show(c, r.doc, text_status, &opt);
	if (r.code != CONTROL_OK)
		cli_complain(c, "%s", r.text);
	int code = r.code;
	control_reply_fini(&r);
	return code;
}

/* What is wrong with the files goes to standard error, as strongSwan's own line does. */
static int reload(struct cli *c, const struct word *w, int n, char **args)
{
	(void)n;
	(void)args;
	if (*w->text)
		fprintf(c->err, "%s\n", w->text);
	int code = cli_do(c, &(struct ask){.verb = "reload", .lines = c->err});
	return code == CONTROL_NOT_RUNNING || c->strict ? code : CONTROL_OK;
}

static int start(struct cli *c, const struct word *w, int n, char **args)
{
	bool nofork = false;
	(void)w;
	for (int i = 0; i < n; i++) {
		nofork = nofork || strcmp(args[i], "--nofork") == 0;
		if (strcmp(args[i], "--conf") == 0 && i + 1 < n)
			c->file = args[++i];
	}
	if (process_running()) {
		fputs("greteld is already running, nothing to start\n", c->err);
		return CONTROL_OK;
	}
	return process_start(c, nofork);
}

static int stop(struct cli *c, const struct word *w, int n, char **args)
{
	(void)w;
	(void)n;
	(void)args;
	if (!process_running())
		fputs("Stopping gretel IPsec failed: greteld is not running\n", c->err);
	else
		process_stop(c);
	return CONTROL_OK;
}

static int restart(struct cli *c, const struct word *w, int n, char **args)
{
	(void)stop(c, w, n, args);
	return start(c, w, n, args);
}

static int version(struct cli *c, const struct word *w, int n, char **args)
{
	struct utsname host;
	(void)n;
	(void)args;
	const char *release = uname(&host) == 0 ? host.release : "?";
	fprintf(c->out, w->text, GRETEL_VERSION, release);
	return CONTROL_OK;
}

static int say(struct cli *c, const struct word *w, int n, char **args)
{
	(void)n;
	(void)args;
	fprintf(c->out, "%s\n", w->text);
	return CONTROL_OK;
}

/* There is a trap where the configuration wants one, auto=route, and nowhere else: nothing is lost by saying so. */
static int no_trap(struct cli *c, const struct word *w, int n, char **args)
{
	(void)args;
	if (n != 1)
		return need_name(c, w);
	fputs("nothing is done: traps are for conns with auto=route, for as long as their configuration says so\n", c->err);
	return CONTROL_OK;
}

static const struct word words[] = {
	{"up", up_down, "up"},
	{"down", up_down, "down"},
	{"status", status, "status"},
	{"statusall", status, "statusall"},
	{"reload", reload, "Reloading gretel IPsec configuration..."},
	{"update", reload, "Updating gretel IPsec configuration..."},
	{"rereadsecrets", reload, ""},
	{"secrets", reload, ""},
	{"rereadall", reload, ""},
	{"start", start, ""},
	{"stop", stop, ""},
	{"restart", restart, ""},
	{"route", no_trap, ""},
	{"unroute", no_trap, ""},
	{"version", version, "Linux gretel U%s/K%s\n"},
	{"--version", version, "Linux gretel U%s/K%s\n"},
	{"--versioncode", version, "U%s/K%s\n"},
	{"--confdir", say, GRETEL_SYSCONFDIR},
	{"--piddir", say, GRETEL_RUNDIR},
	{"--directory", say, GRETEL_LIBEXECDIR},
};

int cli_ipsec(struct cli *c, int n, char **args)
{
	if (n == 0 || strcmp(args[0], "--help") == 0) {
		fputs("ipsec command [arguments]\n\ncommands:", c->out);
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			fprintf(c->out, " %s", words[i].word);
		fputs("\n\nSee gretel(8).\n", c->out);
		return CONTROL_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, args[0]) == 0)
			return words[i].run(c, &words[i], n - 1, args + 1);
	}
	fprintf(c->err, "ipsec: unknown %s '%s' (`gretel ipsec --help' for a list)\n",
	        strncmp(args[0], "--", 2) == 0 ? "option" : "command", args[0]);
	return CONTROL_USAGE;
}
