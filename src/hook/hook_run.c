/* Runs of updown scripts: queue, fork, output, time limit, exit (ike.md 4.1, security.md 2.7).
 *
 * Not here: what a script is told (hook_env.c) and when it is called (tunnel/). The hook role in daemon/ owns a struct
 * hooks, polls its descriptors and calls hooks_step() on them, on SIGCHLD and when due. Nothing in here ever waits.
 *
 * The exit of the shell ends a run, not the end of its output: a script that leaves a background child behind keeps
 * the pipe open for as long as that child likes. Such a pipe is read and thrown away for a while longer ("lingers"),
 * so that the child is not killed by writing to it. */
#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LINES_MAX = 1000,       /* reported per run */
	PER_CONNECTION_MAX = 8, /* running and queued */
	QUEUE_MAX = 65536,
	LINGER_MAX = 16,
	STEP_OCTETS = 65536, /* thrown away per step and run */
	KILL_AFTER_S = 5,
};

enum stage { QUEUED, RUNNING, TERMINATED, KILLED, EXITED };

struct run {
	struct list link; /* in hooks.queue or hooks.active */
	uint8_t stage;    /* enum stage */
	uint32_t ticket;
	struct hook_event ev;
	char *command;
	pid_t pid;
	int out;    /* the script's stdout and stderr, -1 after its end */
	int err;    /* becomes readable with an errno when the shell could not be executed */
	mono_t due; /* of the next signal */
	bool timed_out;
	int status;
	char buf[HOOK_LINE_MAX];
	size_t len;
	unsigned lines;
	size_t drained; /* octets read since the exit */
};

struct hooks {
	size_t max_parallel, n_active, n_queued;
	struct list queue, active;
	char *path;
	int linger[LINGER_MAX];
	size_t n_linger;
};

/* --- the child's side, between fork and exec --- */

static void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
		return;
#endif
	struct rlimit lim;
	int end = getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 65536 ? (int)lim.rlim_cur : 65536;
	for (int fd = first; fd < end; fd++)
		close(fd);
}

static void default_signals(void)
{
	sigset_t none;
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 /dev/null, 1 and 2 the pipe, 3 the road back for an errno of exec, nothing else. */
static int arrange_descriptors(int out, int err)
{
	/* Out of the way of 0 to 3 first, whatever the parent had open. */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int high_null = fcntl(null, F_DUPFD_CLOEXEC, 10);
	int high_out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	int high_err = fcntl(err, F_DUPFD_CLOEXEC, 10);
	if (high_null < 0 || high_out < 0 || high_err < 0 || dup3(high_err, 3, O_CLOEXEC) < 0 ||
	    dup2(high_null, 0) < 0 || dup2(high_out, 1) < 0 || dup2(high_out, 2) < 0)
		return -errno;
	close_from(4);
	return 0;
}

static _Noreturn void run_shell(const char *command, char *const *env, int out, int err)
{
	static char sh[] = "/bin/sh", c[] = "-c";
	char line[32768];
	struct sbuf b = SB(line);
	sb_put(&b, "2>&1 ");
	sb_put(&b, command);
	char *argv[] = {sh, c, line, NULL};
	int status_fd = err;
	setsid();
	int failed = b.cut ? -E2BIG : arrange_descriptors(out, err);
	if (failed == 0) {
		status_fd = 3;
		default_signals();
		failed = chdir("/") < 0 ? -errno : 0;
	}
	if (failed == 0) {
		execve(sh, argv, env);
		failed = -errno;
	}
	ssize_t n = write(status_fd, &failed, sizeof failed);
	_exit(n > 0 ? 127 : 126);
}

/* --- queue and start --- */

struct hooks *hooks_new(size_t max_parallel)
{
	struct hooks *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->path = strdup("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (!h->path) {
		free(h);
		return NULL;
	}
	h->max_parallel = max_parallel ? max_parallel : 1;
	list_init(&h->queue);
	list_init(&h->active);
	return h;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void run_free(struct run *r)
{
	list_del(&r->link);
	close_fd(&r->out);
	close_fd(&r->err);
	free(r->command);
	free(r);
}

/* A fresh child may not have reached its setsid() yet. */
static void signal_group(const struct run *r, int signo)
{
	if (kill(-r->pid, signo) < 0)
		(void)kill(r->pid, signo);
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	LIST_EACH (it, tmp, &h->active) {
		struct run *r = LIST_ENTRY(it, struct run, link);
		if (r->stage != EXITED) {
			signal_group(r, SIGKILL);
			(void)waitpid(r->pid, NULL, 0);
		}
		run_free(r);
	}
	LIST_EACH (it, tmp, &h->queue)
		run_free(LIST_ENTRY(it, struct run, link));
	for (size_t i = 0; i < h->n_linger; i++)
		close(h->linger[i]);
	free(h->path);
	free(h);
}

int hooks_set_path(struct hooks *h, const char *path)
{
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(h->path);
	h->path = copy;
	return 0;
}

/* Makes the pipes and forks. 0 or -errno; on failure nothing is left open. */
static int launch(struct run *r, char *const *env)
{
	int out[2], err[2];
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
		int e = errno;
		close(out[0]);
		close(out[1]);
		return -e;
	}
	/* Only our end: the script's stdout must block, as under strongSwan. */
	(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
	r->pid = fork();
	int e = errno;
	if (r->pid == 0)
		run_shell(r->command, env, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	r->out = out[0];
	r->err = err[0];
	if (r->pid > 0)
		return 0;
	close_fd(&r->out);
	close_fd(&r->err);
	return -e;
}

static void start(struct hooks *h, struct run *r, mono_t now)
{
	struct hook_env env;
	list_del(&r->link);
	list_add_tail(&h->active, &r->link);
	h->n_queued--;
	h->n_active++;
	int failed = hook_env_build(&env, &r->ev, h->path);
	if (failed == 0)
		failed = launch(r, env.var);
	r->stage = failed ? EXITED : RUNNING;
	r->status = failed;
	r->due = !failed && r->ev.limit > 0 ? mono_add(now, r->ev.limit) : MONO_NEVER;
}

static size_t count_connection(const struct list *runs, const char *connection)
{
	size_t n = 0;
	LIST_EACH (it, tmp, runs)
		n += strcmp(LIST_ENTRY(it, struct run, link)->ev.connection, connection) == 0;
	return n;
}

/* Whatever may run now: one per connection, max_parallel in all, oldest first. */
static void start_ready(struct hooks *h, mono_t now)
{
	if (h->n_queued == 0 || h->n_active >= h->max_parallel)
		return;
	LIST_EACH (it, tmp, &h->queue) {
		struct run *r = LIST_ENTRY(it, struct run, link);
		if (count_connection(&h->active, r->ev.connection) == 0)
			start(h, r, now);
		if (h->n_active >= h->max_parallel)
			return;
	}
}

int hooks_run(struct hooks *h, uint32_t ticket, const struct hook_event *ev, const char *command, mono_t now)
{
	struct hook_env env;
	int err = hook_env_build(&env, ev, h->path);
	if (err < 0)
		return err;
	if (h->n_queued >= QUEUE_MAX ||
	    count_connection(&h->active, ev->connection) + count_connection(&h->queue, ev->connection) >=
	            PER_CONNECTION_MAX)
		return -EBUSY;
	struct run *r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	*r = (struct run){.stage = QUEUED, .ticket = ticket, .ev = *ev, .out = -1, .err = -1, .due = MONO_NEVER};
	r->command = strdup(command);
	if (!r->command) {
		free(r);
		return -ENOMEM;
	}
	list_add_tail(&h->queue, &r->link);
	h->n_queued++;
	start_ready(h, now);
	return 0;
}

/* --- output --- */

/* For a log: control characters have no business there; octets from 0x80 may be UTF-8. */
static void emit(struct run *r, size_t n, struct hook_report *out)
{
	*out = (struct hook_report){.ticket = r->ticket, .type = HOOK_LINE};
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)r->buf[i];
		out->line[i] = (char)(c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : c);
	}
	if (++r->lines == LINES_MAX) {
		struct sbuf b = SB(out->line);
		sb_printf(&b, "(more than %d lines of output, the rest is discarded)", LINES_MAX - 1);
	}
}

/* Takes a line out of the buffer: a whole one, one as long as the buffer, or at the end of the output what is left. */
static bool take_line(struct run *r, bool end, struct hook_report *out)
{
	if (r->lines >= LINES_MAX) {
		r->len = 0;
		return false;
	}
	char *nl = memchr(r->buf, '\n', r->len);
	size_t room = sizeof r->buf - 1, n = nl ? (size_t)(nl - r->buf) : r->len;
	if (!nl && r->len < room && !(end && r->len))
		return false;
	emit(r, n && r->buf[n - 1] == '\r' ? n - 1 : n, out);
	n += nl != NULL;
	r->len -= n;
	memmove(r->buf, r->buf + n, r->len);
	return true;
}

/* Fills the buffer from the pipe. False: nothing more for now, or closed. */
static bool fill(struct run *r)
{
	if (r->out < 0)
		return false;
	ssize_t n = read(r->out, r->buf + r->len, sizeof r->buf - 1 - r->len);
	if (n > 0) {
		r->len += (size_t)n;
		r->drained += (size_t)n;
		return true;
	}
	/* A script may close its output and go on: without this, an end of file would wake us for ever. */
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_fd(&r->out);
	return false;
}

/* The next line of a run. After the exit as much is read as a pipe can hold, and no more: a child left behind may write
 * without end. */
static bool next_line(struct run *r, struct hook_report *out)
{
	bool more = true;
	if (r->stage != EXITED)
		r->drained = 0;
	while (!take_line(r, false, out)) {
		if (!more)
			return r->stage == EXITED && take_line(r, true, out);
		more = r->drained < STEP_OCTETS && fill(r);
	}
	return true;
}

static void linger(struct hooks *h, struct run *r)
{
	if (r->out < 0)
		return;
	if (h->n_linger == LINGER_MAX) {
		close(h->linger[0]);
		memmove(h->linger, h->linger + 1, sizeof h->linger[0] * --h->n_linger);
	}
	h->linger[h->n_linger++] = r->out;
	r->out = -1;
}

static void drain_lingering(struct hooks *h)
{
	char waste[4096];
	for (size_t i = 0; i < h->n_linger;) {
		ssize_t n = read(h->linger[i], waste, sizeof waste);
		if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) {
			i++;
			continue;
		}
		close(h->linger[i]);
		h->linger[i] = h->linger[--h->n_linger];
	}
}

/* --- limit and exit --- */

static void enforce_limit(struct run *r, mono_t now)
{
	if (r->due > now)
		return;
	if (r->stage == RUNNING) {
		signal_group(r, SIGTERM);
		r->stage = TERMINATED;
		r->timed_out = true;
		r->due = mono_add(now, DUR_S(KILL_AFTER_S));
	} else if (r->stage == TERMINATED) {
		signal_group(r, SIGKILL);
		r->stage = KILLED;
		r->due = MONO_NEVER;
	}
}

/* Notices the exit of the shell and settles the status. */
static void reap(struct run *r)
{
	siginfo_t info = {.si_pid = 0};
	int st, failed;
	if (r->stage == EXITED)
		return;
	int err = waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? errno : 0;
	if (err != ECHILD && info.si_pid == 0)
		return;
	/* What the limit ended, it ends as a whole; the zombie still keeps the group's number ours. */
	if (r->timed_out && !err)
		signal_group(r, SIGKILL);
	if (!err && waitpid(r->pid, &st, 0) == r->pid)
		r->status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	else
		r->status = -ECHILD; /* somebody else reaped it */
	if (read(r->err, &failed, sizeof failed) == (ssize_t)sizeof failed)
		r->status = failed;
	if (r->timed_out)
		r->status = -ETIME;
	close_fd(&r->err);
	r->stage = EXITED;
	r->due = MONO_NEVER;
	r->drained = 0;
}

static bool step_run(struct hooks *h, struct run *r, mono_t now, struct hook_report *out)
{
	enforce_limit(r, now);
	reap(r);
	if (next_line(r, out))
		return true;
	if (r->stage != EXITED)
		return false;
	*out = (struct hook_report){.ticket = r->ticket, .type = HOOK_ENDED, .status = r->status};
	linger(h, r);
	run_free(r);
	h->n_active--;
	return true;
}

bool hooks_step(struct hooks *h, mono_t now, struct hook_report *out)
{
	start_ready(h, now);
	LIST_EACH (it, tmp, &h->active) {
		if (step_run(h, LIST_ENTRY(it, struct run, link), now, out))
			return true;
	}
	drain_lingering(h);
	return false;
}

/* --- for the loop --- */

size_t hooks_fds(const struct hooks *h, int *fds, size_t max)
{
	size_t n = 0;
	LIST_EACH (it, tmp, &h->active) {
		const struct run *r = LIST_ENTRY(it, struct run, link);
		if (r->out >= 0 && n < max)
			fds[n++] = r->out;
	}
	for (size_t i = 0; i < h->n_linger && n < max; i++)
		fds[n++] = h->linger[i];
	return n;
}

mono_t hooks_due(const struct hooks *h)
{
	mono_t due = MONO_NEVER;
	LIST_EACH (it, tmp, &h->active) {
		const struct run *r = LIST_ENTRY(it, struct run, link);
		due = mono_min(due, r->stage == EXITED ? 0 : r->due); /* an end that nobody heard of yet */
	}
	return due;
}

size_t hooks_running(const struct hooks *h) { return h->n_active + h->n_queued; }
