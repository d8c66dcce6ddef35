/* hook/: real shells, virtual time. The tests wait for descriptors and for SIGCHLD, never for the clock; a time limit
 * is reached by saying so. */
#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct hooks *h;
	mono_t now;
	int sigfd;
	char *log; /* "ticket:line\n" and "ticket=status\n" */
	size_t len, cap;
	size_t ended, lines, peak; /* peak: running side by side, counted by the scripts' first and last lines */
	char dir[32];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	sigset_t set;
	assert_non_null(w);
	w->h = hooks_new(2);
	assert_non_null(w->h);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	assert_true(w->sigfd >= 0);
	w->cap = 1 << 20;
	w->log = calloc(1, w->cap);
	assert_non_null(w->log);
	strcpy(w->dir, "/tmp/gretel-hook-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[64];
	hooks_free(w->h);
	close(w->sigfd);
	snprintf(cmd, sizeof cmd, "rm -r %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w->log);
	free(w);
	return 0;
}

/* All that can be said now. */
static void step(struct world *w)
{
	struct hook_report r;
	while (hooks_step(w->h, w->now, &r)) {
		int n = r.type == HOOK_LINE ? snprintf(w->log + w->len, w->cap - w->len, "%u:%s\n", r.ticket, r.line)
		                            : snprintf(w->log + w->len, w->cap - w->len, "%u=%d\n", r.ticket, r.status);
		w->len += (size_t)n;
		w->lines += r.type == HOOK_LINE;
		w->ended += r.type == HOOK_ENDED;
		assert_true(w->len < w->cap);
	}
}

static void wait_event(struct world *w)
{
	struct pollfd p[64];
	int fds[63];
	struct signalfd_siginfo info;
	size_t n = hooks_fds(w->h, fds, ARRAY_LEN(fds));
	p[0] = (struct pollfd){.fd = w->sigfd, .events = POLLIN};
	for (size_t i = 0; i < n; i++)
		p[i + 1] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	assert_true(poll(p, (nfds_t)n + 1, 20000) > 0);
	while (read(w->sigfd, &info, sizeof info) > 0) {}
}

static void until_ended(struct world *w, size_t n)
{
	for (step(w); w->ended < n; step(w))
		wait_event(w);
}

static void until_line(struct world *w, const char *line)
{
	for (step(w); !strstr(w->log, line); step(w))
		wait_event(w);
}

static int run(struct world *w, uint32_t ticket, const char *connection, dur_t limit, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
static int run(struct world *w, uint32_t ticket, const char *connection, dur_t limit, const char *fmt, ...)
{
	struct hook_event ev = {.up = true, .limit = limit};
	char command[1024];
	va_list ap;
	strcpy(ev.connection, connection);
	assert_true(addr_parse("10.0.0.2", &ev.me.addr));
	va_start(ap, fmt);
	vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	return hooks_run(w->h, ticket, &ev, command, w->now);
}
#define RUN(...) assert_int_equal(run(__VA_ARGS__), 0)

static void test_exit_codes(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *command, *log;
	} cases[] = {
		{"exit 0", "1=0\n"},
		{"exit 3", "1=3\n"},
		{"kill -KILL $$", "1=137\n"},
		{"echo a; echo b >&2; printf c", "1:a\n1:b\n1:c\n1=0\n"},
		{"set one 'two three'; echo $# \"$2\"", "1:2 two three\n1=0\n"},
		{"printf 'x\\033[0m\\ty\\r\\nz\\000\\n'", "1:x?[0m y\n1:z?\n1=0\n"},
		{"echo; echo", "1:\n1:\n1=0\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		w->len = w->ended = 0;
		RUN(w, 1, "t", DUR_S(60), "%s", cases[i].command);
		assert_int_equal(hooks_running(w->h), 1);
		until_ended(w, 1);
		assert_string_equal(w->log, cases[i].log);
		assert_int_equal(hooks_running(w->h), 0);
		assert_true(hooks_due(w->h) == MONO_NEVER);
		assert_int_equal(hooks_fds(w->h, (int[4]){0}, 4), 0);
	}
}

/* The shell complains in its own words, as under strongSwan. */
static void test_missing_script(void **state)
{
	struct world *w = *state;
	RUN(w, 1, "t", DUR_S(60), "/nonexistent/updown.sh");
	until_ended(w, 1);
	assert_non_null(strstr(w->log, "not found"));
	assert_non_null(strstr(w->log, "1=127\n"));
}

/* Environment, directory, descriptors, session, signals. */
static void test_surroundings(void **state)
{
	struct world *w = *state;
	int leak = open("/dev/null", O_RDONLY); /* would be inherited */
	sigset_t usr1;
	assert_true(leak > 2);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(hooks_set_path(w->h, "/usr/sbin:/usr/bin:/sbin:/bin"), 0);
	RUN(w, 1, "t", DUR_S(60),
	    "pwd; cat; ls /proc/self/fd; echo $PATH; grep -E '^Sig(Blk|Ign)' /proc/self/status;"
	    "cut -d' ' -f1,5,6 /proc/$$/stat; echo $$;"
	    "tr '\\0' '\\n' </proc/$$/environ | grep -Ev '^(PATH|PLUTO_|X_GRETEL_)';"
	    "tr '\\0' '|' </proc/$$/cmdline | cut -c1-24");
	until_ended(w, 1);
	(void)signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	close(leak);
	unsigned pid, group, session, self;
	char *at = strstr(w->log, "SigIgn:\t");
	assert_null(at); /* tabs became blanks */
	/* 3 is the directory that ls reads. */
	assert_memory_equal(w->log, "1:/\n1:0\n1:1\n1:2\n1:3\n1:/usr/", 27);
	assert_non_null(strstr(w->log, "1:/usr/sbin:/usr/bin:/sbin:/bin\n"));
	assert_non_null(strstr(w->log, "1:SigBlk: 0000000000000000\n"));
	at = strstr(w->log, "1:SigIgn: ");
	assert_non_null(at);
	/* Signals 32 and 33 belong to the C library, which lets nobody touch them; make has them ignored. */
	assert_int_equal(strtoull(at + strlen("1:SigIgn: "), NULL, 16) & ~0x180000000ull, 0);
	at = strchr(at, '\n');
	assert_int_equal(sscanf(at, "\n1:%u %u %u\n1:%u\n", &pid, &group, &session, &self), 4);
	assert_true(pid == self && group == self && session == self);
	assert_non_null(strstr(w->log, "1:/bin/sh|-c|2>&1 pwd; cat\n1=0\n"));
}

static void test_hang(void **state)
{
	struct world *w = *state;
	w->now = DUR_S(100);
	RUN(w, 1, "t", DUR_S(10), "echo on; sleep 1000; echo never");
	until_line(w, "on");
	assert_true(hooks_due(w->h) == DUR_S(110));
	w->now = DUR_S(110) - 1;
	step(w);
	assert_true(hooks_due(w->h) == DUR_S(110));
	w->now = DUR_S(110);
	until_ended(w, 1);
	assert_string_equal(w->log, "1:on\n1=-62\n");
	assert_int_equal(-ETIME, -62);
}

static void test_hang_deaf(void **state)
{
	struct world *w = *state;
	RUN(w, 1, "t", DUR_S(10), "trap '' TERM; echo on; while :; do sleep 1000; done");
	until_line(w, "on");
	w->now = DUR_S(10);
	step(w);
	assert_true(hooks_due(w->h) == DUR_S(15));
	assert_int_equal(hooks_running(w->h), 1);
	w->now = DUR_S(15);
	until_ended(w, 1);
	assert_non_null(strstr(w->log, "1=-62\n"));
}

/* The shell obeys, its child does not: the group goes as a whole. */
static void test_hang_group(void **state)
{
	struct world *w = *state;
	unsigned child;
	RUN(w, 1, "t", DUR_S(10), ":; (trap '' TERM; exec sleep 1000) & echo $!; wait");
	until_line(w, "\n");
	assert_int_equal(sscanf(w->log, "1:%u", &child), 1);
	w->now = DUR_S(10);
	until_ended(w, 1);
	assert_non_null(strstr(w->log, "1=-62\n"));
	char path[32], text[64] = "";
	snprintf(path, sizeof path, "/proc/%u/stat", child);
	FILE *f = fopen(path, "r");
	if (f) { /* a zombie at most, or about to be */
		assert_int_equal(kill((pid_t)child, SIGKILL), 0);
		assert_non_null(fgets(text, sizeof text, f));
		fclose(f);
		assert_null(strstr(text, "(sleep) S"));
	}
}

/* strongSwan stops here until the background child ends. And the child is not hurt by writing later. */
static void test_background_child(void **state)
{
	struct world *w = *state;
	char go[64], done[64], text[8] = "";
	snprintf(go, sizeof go, "%s/go", w->dir);
	snprintf(done, sizeof done, "%s/done", w->dir);
	assert_int_equal(mkfifo(go, 0600), 0);
	assert_int_equal(mkfifo(done, 0600), 0);
	RUN(w, 1, "t", DUR_S(60), ":; (read x <%s; echo late; echo later; echo ok >%s) & echo up", go, done);
	until_ended(w, 1);
	assert_string_equal(w->log, "1:up\n1=0\n");
	assert_int_equal(hooks_fds(w->h, (int[4]){0}, 4), 1);
	int fd = open(go, O_WRONLY);
	assert_int_equal(write(fd, "x\n", 2), 2);
	close(fd);
	fd = open(done, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text), 3);
	close(fd);
	assert_string_equal(text, "ok\n");
	while (hooks_fds(w->h, (int[4]){0}, 4) > 0) {
		wait_event(w);
		step(w);
	}
	assert_string_equal(w->log, "1:up\n1=0\n");
}

/* A child left behind that writes without end neither keeps the run from ending nor the step from returning. */
static void test_background_flood(void **state)
{
	struct world *w = *state;
	unsigned child;
	RUN(w, 1, "t", DUR_S(60), "echo $$; yes & exit 5");
	until_ended(w, 1);
	assert_int_equal(sscanf(w->log, "1:%u", &child), 1);
	assert_non_null(strstr(w->log, "1=5\n"));
	assert_true(w->lines <= 1000);
	assert_int_equal(kill(-(pid_t)child, SIGKILL), 0);
}

static void test_closed_output(void **state)
{
	struct world *w = *state;
	char go[64];
	snprintf(go, sizeof go, "%s/go", w->dir);
	assert_int_equal(mkfifo(go, 0600), 0);
	RUN(w, 1, "t", DUR_S(60), "echo on; exec >&- 2>&-; read x <%s; exit 4", go);
	until_line(w, "on");
	while (hooks_fds(w->h, (int[4]){0}, 4) > 0) { /* else a loop would spin on the end of file */
		wait_event(w);
		step(w);
	}
	assert_int_equal(hooks_running(w->h), 1);
	int fd = open(go, O_WRONLY);
	close(fd);
	until_ended(w, 1);
	assert_string_equal(w->log, "1:on\n1=4\n");
}

static void test_much_output(void **state)
{
	struct world *w = *state;
	RUN(w, 1, "t", DUR_S(60), "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 2");
	until_ended(w, 1);
	assert_int_equal(w->lines, 1000);
	assert_non_null(strstr(w->log, "1:line 998\n1:(more than 999 lines of output, the rest is discarded)\n1=2\n"));
}

static void test_long_lines(void **state)
{
	struct world *w = *state;
	char want[2200];
	RUN(w, 1, "t", DUR_S(60), "printf '%%01022d\\n%%0512d\\n%%0511d\\nx' 0 0 0");
	until_ended(w, 1);
	int n = snprintf(want, sizeof want, "1:%0511d\n1:%0511d\n1:\n1:%0511d\n1:0\n1:%0511d\n1:\n1:x\n1=0\n", 0, 0, 0,
	                 0);
	assert_true(n > 0 && (size_t)n < sizeof want);
	/* A line of exactly the room may or may not be followed by an empty rest, as octets arrive: compare without. */
	char *from = w->log, *to = want;
	for (char *s = strstr(from, "1:\n"); s; s = strstr(from, "1:\n"))
		memmove(s, s + 3, strlen(s + 3) + 1);
	for (char *s = strstr(to, "1:\n"); s; s = strstr(to, "1:\n"))
		memmove(s, s + 3, strlen(s + 3) + 1);
	assert_string_equal(w->log, want);
}

/* One at a time for a connection and in order; two in all. */
static void test_order(void **state)
{
	struct world *w = *state;
	for (uint32_t i = 1; i <= 4; i++)
		RUN(w, i, "a", DUR_S(60), "echo in; echo out");
	assert_int_equal(hooks_running(w->h), 4);
	until_ended(w, 4);
	assert_string_equal(w->log, "1:in\n1:out\n1=0\n2:in\n2:out\n2=0\n3:in\n3:out\n3=0\n4:in\n4:out\n4=0\n");
}

static void test_side_by_side(void **state)
{
	struct world *w = *state;
	char go[64];
	snprintf(go, sizeof go, "%s/go", w->dir);
	assert_int_equal(mkfifo(go, 0600), 0);
	RUN(w, 1, "a", DUR_S(60), "read x <%s", go);
	RUN(w, 2, "a", DUR_S(60), "echo second");
	RUN(w, 3, "b", DUR_S(60), "echo b"); /* does not wait for a's */
	RUN(w, 4, "c", DUR_S(60), "echo c"); /* waits for a place */
	until_ended(w, 2);
	assert_string_equal(w->log, "3:b\n3=0\n4:c\n4=0\n");
	int fd = open(go, O_WRONLY);
	close(fd);
	until_ended(w, 4);
	assert_string_equal(w->log, "3:b\n3=0\n4:c\n4=0\n1=1\n2:second\n2=0\n");
}

static void test_refusals(void **state)
{
	struct world *w = *state;
	char go[64];
	snprintf(go, sizeof go, "%s/go", w->dir);
	assert_int_equal(mkfifo(go, 0600), 0);
	for (uint32_t i = 1; i <= 8; i++)
		RUN(w, i, "a", DUR_S(60), "read x <%s", go);
	assert_int_equal(run(w, 9, "a", DUR_S(60), "true"), -EBUSY);
	RUN(w, 10, "b", DUR_S(60), "true");
	until_ended(w, 1);
	assert_string_equal(w->log, "10=0\n");
	char *path = malloc(9000);
	assert_non_null(path);
	memset(path, 'x', 8999);
	path[8999] = '\0';
	assert_int_equal(hooks_set_path(w->h, path), 0);
	free(path);
	assert_int_equal(run(w, 11, "c", DUR_S(60), "true"), -EOVERFLOW);
	/* The rest is killed by hooks_free in the teardown. */
}

/* What cannot be started ends with the reason, not with an exit code. */
static void test_not_started(void **state)
{
	struct world *w = *state;
	char *huge = malloc(40000);
	struct hook_event ev = {.connection = "t", .limit = DUR_S(60)};
	assert_non_null(huge);
	memset(huge, ':', 39999);
	huge[39999] = '\0';
	assert_int_equal(hooks_run(w->h, 1, &ev, huge, 0), 0);
	free(huge);
	until_ended(w, 1);
	assert_string_equal(w->log, "1=-7\n");
	assert_int_equal(E2BIG, 7);
	/* No descriptors left for the pipe. */
	int fd[4096];
	size_t n = 0;
	while (n < ARRAY_LEN(fd) && (fd[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	if (n < ARRAY_LEN(fd)) {
		RUN(w, 2, "t", DUR_S(60), "true");
		assert_true(hooks_due(w->h) == 0);
		step(w);
		assert_string_equal(w->log, "1=-7\n2=-24\n");
		assert_int_equal(EMFILE, 24);
	}
	while (n > 0)
		close(fd[--n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_exit_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_script, setup, teardown),
		cmocka_unit_test_setup_teardown(test_surroundings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang_deaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_background_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_background_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_much_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_side_by_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_started, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
