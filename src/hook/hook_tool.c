/* Programs that are no scripts of a tunnel: tools of routing daemons, whose output is wanted (hook_tools_run), and the program of
 * the module `exec`, which talks over a socket for as long as it lives (hook_tools_exec). Nothing in here ever waits.
 *
 * A tool is executed without a shell, with stdin /dev/null, and killed with its group at its time limit. */
#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct one {
	struct list link;
	uint32_t ticket;
	pid_t pid;
	int out;      /* of a tool: stdout and stderr; of a program: stderr; -1 at its end */
	mono_t due;
	bool program, timed_out, exited;
	int status;
	size_t after; /* octets read since the exit */
};

struct hook_tools {
	struct list all;
	size_t n, max;
};

enum { AFTER_MAX = 1 << 20 };

struct hook_tools *hook_tools_new(size_t max)
{
	struct hook_tools *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->max = max;
	list_init(&t->all);
	return t;
}

static void one_free(struct hook_tools *t, struct one *o)
{
	list_del(&o->link);
	t->n--;
	if (o->out >= 0)
		close(o->out);
	free(o);
}

static void signal_group(const struct one *o, int signo)
{
	if (kill(-o->pid, signo) < 0)
		(void)kill(o->pid, signo);
}

void hook_tools_free(struct hook_tools *t)
{
	if (!t)
		return;
	LIST_EACH (it, tmp, &t->all) {
		struct one *o = LIST_ENTRY(it, struct one, link);
		if (!o->exited) {
			signal_group(o, SIGKILL);
			(void)waitpid(o->pid, NULL, 0);
		}
		one_free(t, o);
	}
	free(t);
}

/* in, out and err as 0, 1 and 2, and nothing else open. */
static bool arrange(int in, int out, int err)
{
	int a = fcntl(in, F_DUPFD_CLOEXEC, 10), b = fcntl(out, F_DUPFD_CLOEXEC, 10), c = fcntl(err, F_DUPFD_CLOEXEC, 10);
	if (a < 0 || b < 0 || c < 0 || dup2(a, 0) < 0 || dup2(b, 1) < 0 || dup2(c, 2) < 0)
		return false;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0)
		return true;
#endif
	for (int fd = 3; fd < 65536; fd++)
		close(fd);
	return true;
}

static _Noreturn void child(char *const *argv, int in, int out, int err)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = {path, NULL};
	sigset_t none;
	setsid();
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = in < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : in;
	if (null >= 0 && arrange(null, out, err) && chdir("/") == 0)
		execvpe(argv[0], argv, env);
	_exit(127);
}

static int start(struct hook_tools *t, uint32_t ticket, char *const *argv, int socket, dur_t limit, mono_t now)
{
	int p[2];
	if (t->n >= t->max)
		return -EBUSY;
	struct one *o = calloc(1, sizeof *o);
	if (!o)
		return -ENOMEM;
	if (pipe2(p, O_CLOEXEC) < 0) {
		int e = errno;
		free(o);
		return -e;
	}
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	pid_t pid = fork();
	if (pid == 0)
		child(argv, socket, socket < 0 ? p[1] : socket, p[1]);
	int e = errno;
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		free(o);
		return -e;
	}
	*o = (struct one){.ticket = ticket, .pid = pid, .out = p[0], .program = socket >= 0};
	o->due = limit > 0 ? mono_add(now, limit) : MONO_NEVER;
	list_add_tail(&t->all, &o->link);
	t->n++;
	return 0;
}

int hook_tools_run(struct hook_tools *t, uint32_t ticket, char *const *argv, dur_t limit, mono_t now)
{
	return start(t, ticket, argv, -1, limit, now);
}

int hook_tools_exec(struct hook_tools *t, uint32_t ticket, char *command, int socket, mono_t now)
{
	static char sh[] = "/bin/sh", c[] = "-c";
	char *const argv[] = {sh, c, command, NULL};
	return start(t, ticket, argv, socket, 0, now);
}

void hook_tools_kill(struct hook_tools *t, uint32_t ticket)
{
	LIST_EACH (it, tmp, &t->all) {
		struct one *o = LIST_ENTRY(it, struct one, link);
		if (o->ticket == ticket && !o->exited)
			signal_group(o, SIGTERM);
	}
}

/* Octets that are there; false: none, or the end. */
static bool fill(struct one *o, struct hook_tool_report *out)
{
	if (o->out < 0 || o->after > AFTER_MAX)
		return false;
	ssize_t n = read(o->out, out->octets, sizeof out->octets);
	if (n > 0) {
		out->ticket = o->ticket;
		out->type = HOOK_LINE;
		out->program = o->program;
		out->n = (size_t)n;
		o->after += o->exited ? (size_t)n : 0;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(o->out);
		o->out = -1;
	}
	return false;
}

static void reap(struct one *o, mono_t now)
{
	int st;
	if (o->exited)
		return;
	if (o->due <= now) {
		o->timed_out = true;
		o->due = MONO_NEVER;
		signal_group(o, SIGKILL);
	}
	pid_t got = waitpid(o->pid, &st, WNOHANG);
	if (got == 0)
		return;
	o->status = got != o->pid ? -ECHILD : WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	o->status = o->timed_out ? -ETIME : o->status;
	o->exited = true;
	o->due = MONO_NEVER;
}

bool hook_tools_step(struct hook_tools *t, mono_t now, struct hook_tool_report *out)
{
	LIST_EACH (it, tmp, &t->all) {
		struct one *o = LIST_ENTRY(it, struct one, link);
		reap(o, now);
		if (fill(o, out))
			return true;
		if (!o->exited)
			continue;
		out->ticket = o->ticket;
		out->type = HOOK_ENDED;
		out->program = o->program;
		out->status = o->status;
		out->n = 0;
		one_free(t, o);
		return true;
	}
	return false;
}

size_t hook_tools_fds(const struct hook_tools *t, int *fds, size_t max)
{
	size_t n = 0;
	LIST_EACH (it, tmp, &t->all) {
		const struct one *o = LIST_ENTRY(it, struct one, link);
		if (o->out >= 0 && n < max)
			fds[n++] = o->out;
	}
	return n;
}

mono_t hook_tools_due(const struct hook_tools *t)
{
	mono_t due = MONO_NEVER;
	LIST_EACH (it, tmp, &t->all) {
		const struct one *o = LIST_ENTRY(it, struct one, link);
		due = mono_min(due, o->exited ? 0 : o->due);
	}
	return due;
}
