/* The table of commands, options, and dispatch. A new command: a row here, a handler in cmd_*.c, a verb row in
 * control/verbs.c, and a line in gretel(8). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* clang-format off */
static const struct cli_command rows[] = {
	{"up",        "NAME",       1, 1,  cli_up,        "set a tunnel up, showing progress; ends hold"},
	{"down",      "NAME",       1, 1,  cli_down,      "take a tunnel down and hold it; NAME[n], NAME{n}: one SA"},
	{"rekey",     "NAME [ike|child]", 1, 2, cli_rekey, "new keys now, without a gap; child is the default"},
	{"status",    "[NAME]",     0, 1,  cli_status,    "what is up, and why the rest is not"},
	{"statusall", "[NAME]",     0, 1,  cli_statusall, "the same with configuration, proposals, counters"},
	{"list",      "",           0, 0,  cli_list,      "the tunnels of the configuration and what was left out"},
	{"reload",    "",           0, 0,  cli_reload,    "read the configuration again"},
	{"log",       "[-f] [-l LINES]", 0, 0, cli_log,   "the last lines of the log; -f: follow it"},
	{"log-level", "LEVEL",      1, 1,  cli_log_level, "how much is logged, 0 to 4"},
	{"check",     "[-c FILE]",  0, 0,  cli_check,     "say what is wrong with the files; --print: as gretel.conf"},
	{"genpsk",    "[ID ...]",   0, 16, cli_genpsk,   "make a pre-shared key for ipsec.secrets; --ppk NAME: a PPK"},
	{"guard",     "[clear]",    0, 1,  cli_guard,     "what keeps GRE from the clear; clear: take it away"},
	{"counters",  "",           0, 0,  cli_counters,  "IKE packets and drops"},
	{"show",      "WHAT ...",   1, 5,  cli_show_routing, "bgp [PREFIX], bgp summary, bgp neighbor X, routes, ..."},
	{"explain",   "route PREFIX", 1, 4, cli_explain,  "why a route is as it is; to PEER: announced to it"},
	{"clear",     "bgp X",      1, 4,  cli_clear,     "end a session; soft [in|out]: only look at its routes again"},
	{"version",   "",           0, 0,  cli_version,   "versions of gretel and greteld"},
#ifdef GRETEL_IMPAIR
	{"impair",    "WORD ...",   1, 16, cli_impair,    "mistakes on purpose (src/ike/impair.c); none: no more"},
#endif
	{"ipsec",     "COMMAND ...", 0, 16, cli_ipsec,    "strongSwan's ipsec: its words and exit codes"},
};
/* clang-format on */

const struct cli_command *cli_commands(size_t *n)
{
	*n = ARRAY_LEN(rows);
	return rows;
}

const struct cli_command *cli_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].word, word) == 0)
			return &rows[i];
	}
	return NULL;
}

void cli_usage(FILE *f)
{
	fputs("usage: gretel [options] command [arguments]\n", f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char left[32];
		snprintf(left, sizeof left, "%s %s", rows[i].word, rows[i].usage);
		fprintf(f, "  %-22s %s\n", left, rows[i].help);
	}
	fputs("options:\n"
	      "  --json             documents and results as JSON\n"
	      "  --strict           status: fail unless all is up; ipsec: fail when up or down failed\n"
	      "  --timeout SECONDS  wait no longer for greteld\n"
	      "  --socket PATH      of greteld's control socket\n"
	      "  -c FILE            check, ipsec start: the configuration instead of the usual places\n"
	      "  --print            check: print what was read as a gretel.conf; --secrets: with its keys\n"
	      "  --ppk              genpsk: a post-quantum key with this name\n"
	      "  -f, -l LINES       log: follow; only the last LINES\n"
	      "  -h, -V             this text; the version\n",
	      f);
}

static bool number(const char *s, int *out)
{
	char *end;
	long v = strtol(s, &end, 10);
	*out = (int)v;
	return end != s && *end == '\0' && v >= 0 && v <= 1000000;
}

enum { WORDS_MAX = 20 };
enum { OPT_JSON = 256, OPT_SOCKET, OPT_TIMEOUT, OPT_STRICT, OPT_PRINT, OPT_SECRETS, OPT_PPK };

static const struct option longs[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"strict-exit", no_argument, NULL, OPT_STRICT},
	{"print", no_argument, NULL, OPT_PRINT},
	{"secrets", no_argument, NULL, OPT_SECRETS},
	{"ppk", no_argument, NULL, OPT_PPK},
	{"follow", no_argument, NULL, 'f'},
	{"lines", required_argument, NULL, 'l'},
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* -1: go on; else the exit code. */
static int take_option(struct cli *c, int o, const char *word)
{
	switch (o) {
	case OPT_JSON:
		c->json = true;
		return -1;
	case OPT_SOCKET:
		c->socket = optarg;
		return -1;
	case OPT_STRICT:
		c->strict = true;
		return -1;
	case OPT_PRINT:
		c->print = true;
		return -1;
	case OPT_SECRETS:
		c->secrets = true;
		return -1;
	case OPT_PPK:
		c->ppk = true;
		return -1;
	case 'f':
		c->follow = true;
		return -1;
	case 'c':
		c->file = optarg;
		return -1;
	case 'h':
		cli_usage(c->out);
		return CONTROL_OK;
	case 'V':
		fprintf(c->out, "gretel %s\n", GRETEL_VERSION);
		return CONTROL_OK;
	case 'l':
		if (number(optarg, &c->lines))
			return -1;
		cli_complain(c, "-l %s: a number of lines is expected", optarg);
		return CONTROL_USAGE;
	case OPT_TIMEOUT:
		if (number(optarg, &c->timeout_s) && c->timeout_s > 0)
			return -1;
		cli_complain(c, "--timeout %s: a number of seconds is expected", optarg);
		return CONTROL_USAGE;
	default:
		cli_complain(c,
		             o == ':' ? "%s wants an argument; `gretel -h` lists them"
		                      : "no option %s; `gretel -h` lists them",
		             word);
		return CONTROL_USAGE;
	}
}

static int run(struct cli *c, int n, char **words)
{
	const struct cli_command *row = n ? cli_find(words[0]) : NULL;
	if (n == 0) {
		cli_usage(c->err);
		return CONTROL_USAGE;
	}
	if (!row) {
		cli_complain(c, "no command '%s'; `gretel -h` lists them", words[0]);
		return CONTROL_USAGE;
	}
	if (n - 1 < row->min || n - 1 > row->max) {
		cli_complain(c, "usage: gretel %s%s%s", row->word, *row->usage ? " " : "", row->usage);
		return CONTROL_USAGE;
	}
	return row->run(c, n - 1, words + 1);
}

/* Options may stand anywhere, but those behind `ipsec` are strongSwan's. */
int cli_main(struct cli *c, int argc, char **argv)
{
	char *words[WORDS_MAX];
	int o, code, n = 0;
	optind = 0; /* glibc: start over */
	opterr = 0;
	while ((o = getopt_long(argc, argv, "-:c:fl:hV", longs, NULL)) != -1) {
		if (o == 1 && n < WORDS_MAX)
			words[n++] = optarg;
		if (o == 1 && n == 1 && strcmp(words[0], "ipsec") == 0)
			break;
		code = o == 1 ? -1 : take_option(c, o, argv[optind - 1]);
		if (code >= 0)
			return code;
	}
	while (optind < argc && n < WORDS_MAX)
		words[n++] = argv[optind++];
	return run(c, n, words);
}
