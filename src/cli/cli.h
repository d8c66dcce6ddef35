/* The command `gretel`: one table of commands, one writer, two printers.
 *
 *   main.c       options, finds the row, calls it
 *   commands.c   the table: word, usage, what it does
 *   cmd_*.c      the handlers; most ask the daemon (control_call) and show what came
 *   show.c       the writer: a document as JSON or through a text printer
 *   text_*.c     the text printers: pure functions from a document to a FILE
 *
 * Answers go to standard output, complaints to standard error. The exit code is the daemon's (enum control_code), 7
 * when there is none; `gretel ipsec` has strongSwan's (ike.md 5.1). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "control/control.h"

enum { CLI_STRONGSWAN_NOT_RUNNING = 3 }; /* of `ipsec status` */

struct cli {
	FILE *out, *err;
	bool json, strict, follow, print, secrets, ppk;
	const char *socket; /* of the control socket */
	const char *file;   /* -c; NULL = the usual places */
	int timeout_s;      /* 0 = the daemon's own limits */
	int lines;          /* of log; -1 = all that there are */
	/* Asks the daemon; control_call. Tests put their own here. */
	int (*call)(const struct control_call *call, struct control_reply *out);
};

/* One command. args: without the word itself. The result is the exit code. */
struct cli_command {
	const char *word;
	const char *usage; /* of the arguments */
	int min, max;
	int (*run)(struct cli *c, int n, char **args);
	const char *help; /* one line */
};
const struct cli_command *cli_commands(size_t *n);
const struct cli_command *cli_find(const char *word); /* NULL: none */
void cli_usage(FILE *f);
/* Options, then the command. argv as main() has it. */
int cli_main(struct cli *c, int argc, char **argv);

/* --- handlers --- */
int cli_up(struct cli *c, int n, char **args);
int cli_down(struct cli *c, int n, char **args);
int cli_rekey(struct cli *c, int n, char **args);
int cli_status(struct cli *c, int n, char **args);
int cli_statusall(struct cli *c, int n, char **args);
int cli_list(struct cli *c, int n, char **args);
int cli_reload(struct cli *c, int n, char **args);
int cli_log(struct cli *c, int n, char **args);
int cli_log_level(struct cli *c, int n, char **args);
int cli_counters(struct cli *c, int n, char **args);
int cli_version(struct cli *c, int n, char **args);
int cli_check(struct cli *c, int n, char **args);
int cli_guard(struct cli *c, int n, char **args);
int cli_genpsk(struct cli *c, int n, char **args);
int cli_ipsec(struct cli *c, int n, char **args);
int cli_show_routing(struct cli *c, int n, char **args);
int cli_explain(struct cli *c, int n, char **args);
int cli_clear(struct cli *c, int n, char **args);
#ifdef GRETEL_IMPAIR
int cli_impair(struct cli *c, int n, char **args);
#endif

/* --- asking the daemon (ask.c) --- */
/* One request. Lines are written as they come (with --json: kept, and shown with the result). 0 and *out, or a negative
 * errno, about which has been complained already unless quiet. */
struct ask {
	const char *verb;
	const char *arg; /* NULL = none */
	json_t *options; /* taken over; NULL = none */
	bool quiet;      /* say nothing when there is no daemon */
	bool each_line;  /* --json: each line is a document of its own (log) */
	FILE *lines;     /* NULL = c->out */
	json_t *kept;    /* lines, when they are kept: an array; cli_ask sets it, the caller lets it go */
};
int cli_ask(struct cli *c, struct ask *a, struct control_reply *out) MUST_USE;
/* The exit code for a negative result of cli_ask. */
int cli_failure(int err);
/* Asks, writes lines, ends with the daemon's word: on standard error when it is a failure. */
int cli_do(struct cli *c, struct ask *a);

/* --- the writer (show.c) --- */
typedef void cli_printer(FILE *f, const json_t *doc, const void *opts);
/* As JSON when --json, else through the printer. Control characters in texts are replaced before printing. */
void cli_show(struct cli *c, json_t *doc, cli_printer *print, const void *opts);
/* What the daemon answered: the document when it came, whatever the code; its sentence on standard error. The exit code. */
int cli_answer(struct cli *c, struct control_reply *r, cli_printer *print, const void *opts);
void cli_complain(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- text printers --- */
struct text_status {
	bool all;                      /* statusall */
	bool own;                      /* our own lines behind strongSwan's */
	const char *name;              /* asked for; NULL = all */
	const char *release, *machine; /* uname */
};
cli_printer text_status; /* text_status.c: strongSwan's shape, ike.md 5.2 */
cli_printer text_own;    /* text_own.c: what strongSwan does not say */
cli_printer text_list, text_guards, text_counters, text_version, text_kernel_guards; /* text_list.c */
/* FRR's columns: */
cli_printer text_bgp_table, text_bgp_adj, text_bgp_path; /* text_bgp.c; text_bgp_path's opts: what was asked for */
cli_printer text_bgp_summary, text_bgp_neighbors; /* text_bgp_peer.c */
cli_printer text_bgp_nexthop, text_routes, text_explain; /* text_bgp_route.c */

/* Members of a document; missing or of another kind: "", 0, false. */
const char *js_str(const json_t *o, const char *key);
int64_t js_int(const json_t *o, const char *key);
bool js_true(const json_t *o, const char *key);
bool js_has(const json_t *o, const char *key); /* there and not null */
/* "25 seconds", "1 minute" apart from that strongSwan's units begin at two of them. */
void text_duration(FILE *f, int64_t s);

#endif
