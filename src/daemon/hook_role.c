/* The hook role: a struct hooks on a loop, and the channel to priv in front of it. It reads nothing from the network,
 * and what it runs comes from priv's own configuration. It is started before priv gives up root. */
#include "daemon/hook_role.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/daemon.h"
#include "loop/loop.h"

#define FIELD(s, member, kind, min, max)                                                                          \
	{                                                                                                         \
		.name = #member, .at = offsetof(struct s, member), .size = sizeof(((struct s *)0)->member),       \
		.check = (kind), .lo = (min), .hi = (max)                                                         \
	}
#define RUN(member, kind, min) FIELD(m_run, event.member, kind, min, 1)

static const struct priv_field f_hello[] = {
	FIELD(m_hello, role, CHECK_U8, PRIV_ROLE_PRIV, PRIV_ROLE_HOOK),
	FIELD(m_hello, log_level, CHECK_I8, -1, 4),
};
static const struct priv_field f_run[] = {
	RUN(up, CHECK_BOOL, 0),      RUN(connection, CHECK_TEXT, 1), RUN(interface, CHECK_TEXT, 0),
	RUN(me, CHECK_ENDPOINT, 1),  RUN(peer, CHECK_ENDPOINT, 1),   RUN(my_id, CHECK_IDENT, 0),
	RUN(peer_id, CHECK_IDENT, 0), RUN(my_client, CHECK_ADDR, 1), RUN(peer_client, CHECK_ADDR, 1),
	RUN(encap, CHECK_BOOL, 0),   RUN(host_access, CHECK_BOOL, 0),
	RUN(user, CHECK_BOOL, 0),
};

#define BODY(s, rows) .body = sizeof(struct s), .field = (rows), .n_fields = ARRAY_LEN(rows)
static const struct priv_verb rows[] = {
	{.verb = PRIV_HELLO,
	 .name = "HELLO",
	 .from = PRIV_ROLE_PRIV | PRIV_ROLE_HOOK,
	 .request = {BODY(m_hello, f_hello)}},
	{.verb = HOOKV_RUN,
	 .name = "RUN",
	 .from = PRIV_ROLE_PRIV,
	 .request = {BODY(m_run, f_run), .tail = TAIL_TEXT, .max_tail = HOOK_COMMAND_MAX}},
	{.verb = HOOKV_LINE,
	 .name = "LINE",
	 .from = PRIV_ROLE_HOOK,
	 .request = {.tail = TAIL_TEXT, .max_tail = HOOK_LINE_MAX}},
	{.verb = HOOKV_TOOL,
	 .name = "TOOL",
	 .from = PRIV_ROLE_PRIV,
	 .request = {.tail = TAIL_OCTETS, .max_tail = HOOK_COMMAND_MAX}},
	{.verb = HOOKV_EXEC,
	 .name = "EXEC",
	 .from = PRIV_ROLE_PRIV,
	 .request = {.tail = TAIL_TEXT, .max_tail = HOOK_COMMAND_MAX, .min_fds = 1, .max_fds = 1}},
	{.verb = HOOKV_KILL, .name = "KILL", .from = PRIV_ROLE_PRIV},
	{.verb = HOOKV_OUTPUT,
	 .name = "OUTPUT",
	 .from = PRIV_ROLE_HOOK,
	 .request = {.tail = TAIL_OCTETS, .max_tail = sizeof ((struct hook_tool_report *)0)->octets}},
	{.verb = HOOKV_ENDED, .name = "ENDED", .from = PRIV_ROLE_HOOK, .request = {.body = sizeof(struct m_ended)}},
};
const struct priv_table HOOK_VERBS = {.row = rows, .n = ARRAY_LEN(rows)};

enum { PARALLEL = 16, FDS = 4 * PARALLEL, TOOLS = 16 };

struct hook_role {
	struct loop *loop;
	struct privsep *chan;
	struct hooks *hooks;
	struct hook_tools *tools;
	bool greeted;
	int fd[FDS + TOOLS]; /* of hooks and tools, registered with the loop */
	size_t n_fds;
};

static void on_output(void *ctx, int fd, uint32_t events, mono_t now);
static void on_channel(void *ctx, int fd, uint32_t events, mono_t now);

/* Makes the loop watch what the hooks want watched now. All anew: a number that was watched may have been closed and
 * given to another pipe meanwhile. One that cannot be added is looked at when the next thing happens. */
static void watch(struct hook_role *r)
{
	for (size_t i = 0; i < r->n_fds; i++)
		loop_del(r->loop, r->fd[i]);
	r->n_fds = hooks_fds(r->hooks, r->fd, FDS);
	r->n_fds += hook_tools_fds(r->tools, r->fd + r->n_fds, ARRAY_LEN(r->fd) - r->n_fds);
	for (size_t i = 0; i < r->n_fds; i++)
		(void)!loop_add(r->loop, r->fd[i], EPOLLIN, on_output, r);
	(void)!loop_mod(r->loop, privsep_fd(r->chan), privsep_pending(r->chan) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void report(struct hook_role *r, const struct hook_report *h)
{
	const struct m_ended e = {.status = h->status};
	int rc = h->type == HOOK_LINE ? privsep_send(r->chan, HOOKV_LINE, h->ticket, NULL,
	                                             SPAN(h->line, strnlen(h->line, HOOK_LINE_MAX - 1) + 1), NULL, 0)
	                              : privsep_send(r->chan, HOOKV_ENDED, h->ticket, &e, SPAN(NULL, 0), NULL, 0);
	if (rc == -EPIPE)
		loop_stop(r->loop, 0);
}

static void tool_report(struct hook_role *r, const struct hook_tool_report *h)
{
	const struct m_ended e = {.status = h->status};
	int rc = h->type == HOOK_LINE ? privsep_send(r->chan, HOOKV_OUTPUT, h->ticket, NULL, SPAN(h->octets, h->n), NULL, 0)
	                              : privsep_send(r->chan, HOOKV_ENDED, h->ticket, &e, SPAN(NULL, 0), NULL, 0);
	if (rc == -EPIPE)
		loop_stop(r->loop, 0);
}

static void step(struct hook_role *r, mono_t now)
{
	struct hook_report h;
	struct hook_tool_report t = {.n = 0};
	while (hook_tools_step(r->tools, now, &t))
		tool_report(r, &t);
	while (hooks_step(r->hooks, now, &h))
		report(r, &h);
	watch(r);
}

static void on_output(void *ctx, int fd, uint32_t events, mono_t now)
{
	(void)fd;
	(void)events;
	step(ctx, now);
}

static void on_due(void *ctx, mono_t now) { step(ctx, now); }
static void on_signal(void *ctx, int signo, mono_t now)
{
	(void)signo;
	step(ctx, now);
}
static mono_t when(void *ctx)
{
	const struct hook_role *r = ctx;
	return mono_min(hooks_due(r->hooks), hook_tools_due(r->tools));
}

static int tool_start(struct hook_role *r, const struct priv_msg *m, mono_t now)
{
	char *argv[HOOK_TOOL_WORDS + 1], *words = malloc(m->tail.n + 1), *end = words + m->tail.n;
	size_t n = 0;
	if (!words || m->tail.n == 0) {
		free(words);
		return -ENOMEM;
	}
	memcpy(words, m->tail.p, m->tail.n);
	*end = '\0';
	for (char *at = words; at < end && n < HOOK_TOOL_WORDS; at += strlen(at) + 1)
		argv[n++] = at;
	argv[n] = NULL;
	int rc = hook_tools_run(r->tools, m->ticket, argv, DUR_S(HOOK_TOOL_LIMIT_S), now);
	free(words);
	return rc;
}

static int program_start(struct hook_role *r, const struct priv_msg *m, mono_t now)
{
	char *line = strdup(priv_msg_text(m));
	int rc = line ? hook_tools_exec(r->tools, m->ticket, line, m->fd[0], now) : -ENOMEM;
	free(line);
	return rc;
}

static void on_message(struct hook_role *r, const struct priv_msg *m, mono_t now)
{
	if (m->verb == PRIV_HELLO) {
		r->greeted = privsep_hello_ok(r->chan, m);
		if (!r->greeted)
			loop_stop(r->loop, 1);
		return;
	}
	int rc = 0;
	if (!r->greeted)
		return;
	if (m->verb == HOOKV_RUN)
		rc = hooks_run(r->hooks, m->ticket, &((const struct m_run *)m->body)->event, priv_msg_text(m), now);
	else if (m->verb == HOOKV_TOOL)
		rc = tool_start(r, m, now);
	else if (m->verb == HOOKV_EXEC)
		rc = program_start(r, m, now);
	else if (m->verb == HOOKV_KILL)
		hook_tools_kill(r->tools, m->ticket);
	if (rc < 0)
		report(r, &(struct hook_report){.ticket = m->ticket, .type = HOOK_ENDED, .status = rc});
}

static void on_channel(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct hook_role *r = ctx;
	struct priv_msg m;
	int rc;
	(void)fd;
	if (events & EPOLLOUT && privsep_flush(r->chan) < 0)
		loop_stop(r->loop, 0);
	while ((rc = privsep_recv(r->chan, &m)) == 1) {
		on_message(r, &m, now);
		priv_msg_close(&m);
	}
	if (rc < 0)
		loop_stop(r->loop, rc == -EPIPE ? 0 : 1);
	step(r, now);
}

static int run(struct hook_role *r, struct role_start *start)
{
	const int signals[] = {SIGCHLD};
	if (loop_add(r->loop, start->chan, EPOLLIN, on_channel, r) < 0 ||
	    loop_signals(r->loop, signals, ARRAY_LEN(signals), on_signal, r) < 0 ||
	    loop_timer(r->loop, when, on_due, r) < 0 || privsep_hello(r->chan, start->log_level) < 0)
		return 1;
	role_settle();
	return loop_run(r->loop);
}

int hook_role_run(struct role_start *start)
{
	struct hook_role r = {.loop = NULL};
	int rc = 1;
	if (sandbox_enter_hook(start->user, start->caps) < 0)
		return 1;
	r.loop = loop_new();
	r.hooks = hooks_new(PARALLEL);
	r.tools = hook_tools_new(TOOLS);
	r.chan = privsep_new(start->chan, PRIV_ROLE_HOOK, &HOOK_VERBS);
	if (r.loop && r.hooks && r.tools && r.chan)
		rc = run(&r, start);
	privsep_free(r.chan);
	hooks_free(r.hooks);
	hook_tools_free(r.tools);
	loop_free(r.loop);
	return rc;
}
