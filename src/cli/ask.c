/* Asking the daemon, and saying what went wrong when it did not answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct asking {
	struct cli *cli;
	struct ask *ask;
};

static void on_line(void *ctx, const char *text)
{
	const struct asking *a = ctx;
	FILE *f = a->ask->lines ? a->ask->lines : a->cli->out;
	if (a->ask->kept) {
		(void)json_array_append_new(a->ask->kept, json_string(text));
		return;
	}
	if (a->cli->json) {
		json_t *line = json_pack("{s:s}", "line", text);
		json_dumpf(line, f, JSON_COMPACT);
		json_decref(line);
	} else {
		fputs(text, f);
	}
	fputc('\n', f);
	fflush(f); /* progress is watched */
}

int cli_failure(int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return CONTROL_NOT_RUNNING;
	return err == -EACCES ? CONTROL_DENIED : err == -ETIMEDOUT ? CONTROL_CUT : CONTROL_FAILED;
}

static void complain_about(struct cli *c, int err)
{
	switch (cli_failure(err)) {
	case CONTROL_NOT_RUNNING:
		cli_complain(c, "greteld is not running (nobody listens at %s)", c->socket);
		break;
	case CONTROL_DENIED:
		cli_complain(c, "%s is for root and for members of its group", c->socket);
		break;
	case CONTROL_CUT:
		cli_complain(c, "greteld has not ended it in time, and goes on with it");
		break;
	default:
		if (err == -EPROTO)
			cli_complain(c, "what answers at %s is no greteld of this version", c->socket);
		else if (err == -ECONNRESET)
			cli_complain(c, "greteld ended before it had answered");
		else if (err == -EINVAL)
			cli_complain(c, "that cannot be asked: it is no UTF-8, or too long");
		else
			cli_complain(c, "greteld cannot be asked: %s", strerror(-err));
	}
}

int cli_ask(struct cli *c, struct ask *a, struct control_reply *out)
{
	struct asking ctx = {.cli = c, .ask = a};
	if (c->json && !a->each_line)
		a->kept = json_array();
	const struct control_call call = {
		.socket = c->socket,
		.verb = a->verb,
		.arg = &a->arg,
		.n_args = a->arg != NULL,
		.options = a->options,
		.timeout_s = c->timeout_s,
		.line = on_line,
		.ctx = &ctx,
	};
	int err = c->call(&call, out);
	json_decref(a->options);
	a->options = NULL;
	if (err < 0 && !a->quiet)
		complain_about(c, err);
	return err;
}

static void print_result(struct cli *c, const struct control_reply *r, json_t *lines)
{
	json_t *o = json_pack("{s:i, s:s, s:O*}", "code", r->code, "text", r->text, "lines", lines);
	json_dumpf(o, c->out, JSON_INDENT(2));
	fputc('\n', c->out);
	json_decref(o);
}

int cli_do(struct cli *c, struct ask *a)
{
	struct control_reply r;
	int err = cli_ask(c, a, &r);
	int code = err < 0 ? cli_failure(err) : r.code;
	if (err == 0) {
		if (c->json && !a->each_line)
			print_result(c, &r, a->kept);
		else if (code != CONTROL_OK)
			cli_complain(c, "%s", r.text);
		else if (*r.text)
			fprintf(a->lines ? a->lines : c->out, "%s\n", r.text);
		control_reply_fini(&r);
	}
	json_decref(a->kept);
	a->kept = NULL;
	return code;
}
