/* Parts of the daemon that need neither root nor a kernel: the hook role over its channel, sd_notify, what a look-up's
 * answer must be, the command line between roles, log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "daemon/hook_role.h"
#include "daemon/log.h"
#include "daemon/names.h"
#include "daemon/notify.h"
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The daemon's library wants it; no test starts it. */
int ike_role_run(struct role_start *start)
{
	(void)start;
	return 1;
}

/* --- hook --- */

struct hook_end {
	struct privsep *chan;
	pid_t pid;
};

static int hook_setup(void **state)
{
	struct hook_end *h = calloc(1, sizeof *h);
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	h->pid = fork();
	if (h->pid == 0) {
		struct role_start s = {.role = ROLE_HOOK, .chan = fd[1]};
		close(fd[0]);
		_exit(hook_role_run(&s));
	}
	close(fd[1]);
	h->chan = privsep_new(fd[0], PRIV_ROLE_PRIV, &HOOK_VERBS);
	assert_non_null(h->chan);
	*state = h;
	return 0;
}

/* The end of the channel ends the role. */
static int hook_teardown(void **state)
{
	struct hook_end *h = *state;
	int status;
	privsep_free(h->chan);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(h);
	return 0;
}

static struct priv_msg get(struct privsep *chan)
{
	struct priv_msg m;
	struct pollfd p = {.fd = privsep_fd(chan), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(privsep_recv(chan, &m), 1);
	return m;
}

static void run(struct privsep *chan, uint32_t ticket, const char *connection, const char *command)
{
	struct m_run m;
	memset(&m, 0, sizeof m);
	m.event.up = true;
	snprintf(m.event.connection, sizeof m.event.connection, "%s", connection);
	m.event.me.addr = m.event.my_client = addr_from("\x0a\0\0\2", 4);
	m.event.peer.addr = m.event.peer_client = addr_from("\x0a\0\0\1", 4);
	m.event.sel.proto = 47;
	m.event.limit = DUR_S(10);
	assert_int_equal(privsep_send(chan, HOOKV_RUN, ticket, &m, SPAN(command, strlen(command) + 1), NULL, 0), 0);
}

static void ended(struct privsep *chan, uint32_t ticket, int status)
{
	struct priv_msg m = get(chan);
	assert_int_equal(m.verb, HOOKV_ENDED);
	assert_int_equal(m.ticket, ticket);
	assert_int_equal(((const struct m_ended *)m.body)->status, status);
}

static void line(struct privsep *chan, uint32_t ticket, const char *text)
{
	struct priv_msg m = get(chan);
	assert_int_equal(m.verb, HOOKV_LINE);
	assert_int_equal(m.ticket, ticket);
	assert_string_equal(priv_msg_text(&m), text);
}

static void test_hook(void **state)
{
	struct hook_end *h = *state;
	assert_int_equal(privsep_hello(h->chan, 1), 0);
	struct priv_msg m = get(h->chan);
	assert_true(privsep_hello_ok(h->chan, &m));
	run(h->chan, 7, "net", "echo $PLUTO_VERB $PLUTO_CONNECTION; echo two >&2; exit 3");
	line(h->chan, 7, "up-host net");
	line(h->chan, 7, "two");
	ended(h->chan, 7, 3);
	/* one after the other for one tunnel, and again after that */
	run(h->chan, 8, "net", "echo first");
	run(h->chan, 9, "net", "/nonexistent/script");
	line(h->chan, 8, "first");
	ended(h->chan, 8, 0);
	assert_int_equal(get(h->chan).verb, HOOKV_LINE); /* the shell says why */
	ended(h->chan, 9, 127);
}

static void test_hook_many(void **state)
{
	struct hook_end *h = *state;
	char name[16], done[20] = {0};
	assert_int_equal(privsep_hello(h->chan, 1), 0);
	(void)get(h->chan);
	for (uint32_t i = 0; i < sizeof done; i++) {
		snprintf(name, sizeof name, "net%u", i);
		run(h->chan, i, name, "true");
	}
	for (size_t i = 0; i < sizeof done; i++) {
		struct priv_msg m = get(h->chan);
		assert_int_equal(m.verb, HOOKV_ENDED);
		assert_true(m.ticket < sizeof done && !done[m.ticket]);
		done[m.ticket] = 1;
	}
}

/* Before HELLO nothing is run. */
static void test_hook_greets_first(void **state)
{
	struct hook_end *h = *state;
	run(h->chan, 1, "net", "echo not run");
	assert_int_equal(privsep_hello(h->chan, 1), 0);
	struct priv_msg m = get(h->chan);
	assert_int_equal(m.verb, PRIV_HELLO);
	run(h->chan, 2, "net", "true");
	ended(h->chan, 2, 0);
}

/* --- notify --- */

static void notified(const char *name, const char *want)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char got[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify(want);
	assert_int_equal(recv(fd, got, sizeof got - 1, 0), (ssize_t)strlen(want));
	assert_string_equal(got, want);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

static void test_notify(void **state)
{
	char name[64];
	(void)state;
	snprintf(name, sizeof name, "@gretel-test-%d", (int)getpid());
	notified(name, "READY=1\nSTATUS=x");
	snprintf(name, sizeof name, "/tmp/gretel-test-%d", (int)getpid());
	notified(name, "STOPPING=1");
	unlink(name);
	notify("READY=1"); /* nobody listens: nothing happens */
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

static void test_watchdog(void **state)
{
	char pid[16];
	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog(), DUR_S(15));
	snprintf(pid, sizeof pid, "%d", (int)getpid() + 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog(), 0); /* another process is meant */
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "-5", 1);
	assert_int_equal(notify_watchdog(), 0);
	unsetenv("WATCHDOG_USEC");
}

/* --- The answer of a look-up --- */

static bool answer(const void *p, size_t n, struct names_answer *out)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	if (n)
		assert_int_equal(send(fd[1], p, n, 0), (ssize_t)n);
	bool good = names_read(fd[0], out);
	close(fd[0]);
	close(fd[1]);
	return good;
}

static void test_names_answer(void **state)
{
	struct names_answer good = {.n = 2, .why = ""}, a, out;
	(void)state;
	good.v[0] = addr_from("\x0a\0\0\2", 4);
	good.v[1] = addr_from("0123456789abcdef", 16);
	assert_true(answer(&good, sizeof good, &out));
	assert_int_equal(out.n, 2);
	a = good, a.n = NAMES_MAX + 1;
	assert_false(answer(&a, sizeof a, &out));
	assert_int_equal(out.n, 0);
	assert_string_equal(out.why, "the look-up ended without an answer");
	a = good, a.n = 3; /* the third is none */
	assert_false(answer(&a, sizeof a, &out));
	a = good, a.v[1].family = 10;
	assert_false(answer(&a, sizeof a, &out));
	a = good, a.v[0] = addr_any(AF_V4);
	assert_false(answer(&a, sizeof a, &out));
	a = good, memset(a.why, 'x', sizeof a.why);
	assert_false(answer(&a, sizeof a, &out));
	assert_false(answer(&good, sizeof good - 1, &out));
	assert_false(answer(NULL, 0, &out));
	struct { struct names_answer a; char more; } longer = {.a = good};
	assert_false(answer(&longer, sizeof longer, &out));
}

/* --- The command line between roles --- */

static void test_command_line(void **state)
{
	struct role_start s;
	int saved = dup(3), fd = open("/dev/null", 0);
	(void)state;
	assert_true(fd >= 0 && dup2(fd, 3) == 3);
	char *user[] = {(char *)"greteld", (char *)"-n", NULL}, *none[] = {(char *)"greteld", NULL};
	assert_false(spawn_parse(2, user, &s));
	assert_false(spawn_parse(1, none, &s));
	char *odd[] = {(char *)"x", (char *)"--role=root", NULL}, *priv[] = {(char *)"x", (char *)"--role=priv", NULL};
	assert_false(spawn_parse(2, odd, &s));
	assert_false(spawn_parse(2, priv, &s));
	char *names[] = {(char *)"x", (char *)"--role=names", (char *)"--level=2", (char *)"--name=a=--user=b", NULL};
	assert_true(spawn_parse(4, names, &s));
	assert_int_equal(s.role, ROLE_NAMES);
	assert_int_equal(s.log_level, 2);
	assert_string_equal(s.name, "a=--user=b");
	assert_null(s.user);
	close(fd);
	if (saved >= 0) {
		(void)dup2(saved, 3);
		close(saved);
	} else {
		close(3);
	}
}

/* What would be cut must not be started. */
static void test_too_long(void **state)
{
	char name[400];
	pid_t pid;
	int chan;
	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	struct role_start s = {.role = ROLE_NAMES, .name = name};
	assert_int_equal(spawn_role(-1, -1, &s, &pid, &chan), -ENAMETOOLONG);
}

/* --- Log --- */

static void test_log_file(void **state)
{
	char path[64], got[256] = "";
	struct { struct conf c; char path[64]; } conf;
	(void)state;
	memset(&conf, 0, sizeof conf);
	snprintf(path, sizeof path, "/tmp/gretel-test-log-%d", (int)getpid());
	memcpy(conf.path, path, sizeof path);
	conf.c.setup.n_filelogs = 1;
	conf.c.setup.log_level = -1;
	conf.c.setup.filelog[0] = (struct conf_filelog){.level = 2, .append = true, .flush_line = true};
	conf.c.setup.filelog[0].path = offsetof(__typeof__(conf), path);
	struct log *l = log_new(true);
	log_conf(l, &conf.c, INT_MIN);
	assert_int_equal(log_level(l), 2);
	log_line(l, "ike", 3, "too much");
	log_line(l, "ike", 2, "evil\x1b[2J\nline \xc3\xa9");
	log_free(l);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(got, 1, sizeof got - 1, f);
	fclose(f);
	unlink(path);
	assert_true(n > 16);
	assert_string_equal(got + 16, "ike: evil\\x1b[2J\\x0aline \xc3\xa9\n"); /* behind the time */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hook, hook_setup, hook_teardown),
		cmocka_unit_test_setup_teardown(test_hook_many, hook_setup, hook_teardown),
		cmocka_unit_test_setup_teardown(test_hook_greets_first, hook_setup, hook_teardown),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_names_answer),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_log_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
