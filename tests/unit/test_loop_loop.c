/* loop/: order of a turn, removal and reuse inside handlers, deadlines, signals. Descriptors are pipes and eventfds;
 * nothing here waits for the clock, deadlines lie in the past or are never reached. */
#include "loop/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct loop *l;
	int fd[4];
	char log[64];
	size_t n;
	mono_t due[2], now;
	int stop_at; /* stop after that many log entries */
};

static void note(struct world *w, char c)
{
	w->log[w->n++] = c;
	if ((int)w->n == w->stop_at)
		loop_stop(w->l, 42);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->l = loop_new();
	assert_non_null(w->l);
	for (size_t i = 0; i < ARRAY_LEN(w->fd); i++) {
		w->fd[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_true(w->fd[i] >= 0);
	}
	w->due[0] = w->due[1] = MONO_NEVER;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	loop_free(w->l);
	for (size_t i = 0; i < ARRAY_LEN(w->fd); i++)
		close(w->fd[i]);
	free(w);
	return 0;
}

static char name_of(struct world *w, int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(w->fd); i++) {
		if (w->fd[i] == fd)
			return (char)('0' + i);
	}
	return '?';
}

/* Reads the eventfd empty. */
static void on_fd(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct world *w = ctx;
	uint64_t v;
	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &v, sizeof v), sizeof v);
	w->now = now;
	note(w, name_of(w, fd));
}

static void test_readable(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_add(w->l, w->fd[0], EPOLLIN, on_fd, w), 0);
	w->stop_at = 1;
	mono_t before = loop_now(w->l);
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "0");
	assert_true(w->now >= before && w->now <= loop_now(w->l));
	assert_int_equal(loop_add(w->l, w->fd[0], EPOLLIN, on_fd, w), -EEXIST);
	assert_int_equal(loop_add(w->l, -1, EPOLLIN, on_fd, w), -EBADF);
	assert_int_equal(loop_mod(w->l, w->fd[1], EPOLLIN), -ENOENT);
	loop_del(w->l, w->fd[1]);
	assert_true(loop_wall_s() > 1600000000);
}

static mono_t when0(void *ctx) { return ((struct world *)ctx)->due[0]; }
static mono_t when1(void *ctx) { return ((struct world *)ctx)->due[1]; }
static void due0(void *ctx, mono_t now)
{
	struct world *w = ctx;
	assert_true(now >= w->due[0]);
	w->due[0] = MONO_NEVER;
	note(w, 'a');
}
static void due1(void *ctx, mono_t now)
{
	struct world *w = ctx;
	assert_true(now >= w->due[1]);
	w->due[1] = MONO_NEVER;
	note(w, 'b');
}

/* Removes every other descriptor, which are all readable in the same batch; the next turn ends with a deadline. */
static void on_fd_alone(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct world *w = ctx;
	for (size_t i = 0; i < ARRAY_LEN(w->fd); i++) {
		if (w->fd[i] != fd)
			loop_del(w->l, w->fd[i]);
	}
	w->due[0] = 0;
	on_fd(ctx, fd, events, now);
}

static void test_removed_in_batch(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(loop_add(w->l, w->fd[i], EPOLLIN, on_fd_alone, w), 0);
	assert_int_equal(loop_timer(w->l, when0, due0, w), 0);
	w->stop_at = 2;
	assert_int_equal(loop_run(w->l), 42);
	assert_int_equal(w->log[1], 'a');
}

/* Removes itself, closes, and lets a new descriptor take the number. */
static void on_fd_reuse(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct world *w = ctx;
	(void)events;
	(void)now;
	w->due[0] = 0;
	note(w, 'r');
	for (size_t i = 0; i < 2; i++) {
		loop_del(w->l, w->fd[i]);
		close(w->fd[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		w->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(loop_add(w->l, w->fd[i], EPOLLIN, on_fd, w), 0);
	}
	assert_true(w->fd[0] == fd || w->fd[1] == fd);
}

/* The second event of the batch belongs to a removed source whose number is in use again. */
static void test_number_reused_in_batch(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(loop_add(w->l, w->fd[i], EPOLLIN, on_fd_reuse, w), 0);
	assert_int_equal(loop_timer(w->l, when0, due0, w), 0);
	/* One 'r'; the new ones are quiet, so the deadline ends the run. */
	w->stop_at = 2;
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "ra");
}

/* Closed before it was removed, while a child (here: a duplicate) holds the file open: epoll still reports it. */
static void test_closed_first(void **state)
{
	struct world *w = *state;
	int other = dup(w->fd[0]);
	assert_true(other >= 0);
	assert_int_equal(loop_add(w->l, w->fd[0], EPOLLIN, on_fd, w), 0);
	close(w->fd[0]);
	loop_del(w->l, w->fd[0]);
	assert_int_equal(loop_timer(w->l, when0, due0, w), 0);
	w->due[0] = loop_now(w->l) + DUR_MS(3);
	w->stop_at = 1;
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "a");
	w->fd[0] = other;
}

static void test_deadlines(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_timer(w->l, when0, due0, w), 0);
	assert_int_equal(loop_timer(w->l, when1, due1, w), 0);
	/* Not a millisecond early, although the wait counts in milliseconds. */
	w->due[1] = loop_now(w->l) + DUR_MS(2) + 1;
	w->stop_at = 1;
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "b");
	w->due[0] = w->due[1] = INT64_MIN;
	w->stop_at = 3;
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "bab");
	for (size_t i = 2; i < 16; i++)
		assert_int_equal(loop_timer(w->l, when0, due0, w), 0);
	assert_int_equal(loop_timer(w->l, when0, due0, w), -ENOSPC);
}

static void test_stop_ends_the_turn(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(loop_add(w->l, w->fd[i], EPOLLIN, on_fd, w), 0);
	w->stop_at = 1;
	assert_int_equal(loop_run(w->l), 42);
	assert_int_equal(w->n, 1);
	loop_stop(w->l, 7); /* outside a turn */
	assert_int_equal(loop_run(w->l), 7);
	assert_int_equal(w->n, 1);
	w->stop_at = 4; /* what was left is not lost */
	assert_int_equal(loop_run(w->l), 42);
	assert_int_equal(w->n, 4);
}

static void on_signal(void *ctx, int signo, mono_t now)
{
	struct world *w = ctx;
	(void)now;
	note(w, signo == SIGUSR1 ? 'U' : signo == SIGHUP ? 'H' : '?');
}

static void test_signals(void **state)
{
	struct world *w = *state;
	static const int want[] = {SIGUSR1, SIGHUP};
	sigset_t mask;
	assert_int_equal(loop_signals(w->l, want, ARRAY_LEN(want), on_signal, w), 0);
	assert_int_equal(loop_signals(w->l, want, ARRAY_LEN(want), on_signal, w), -EALREADY);
	raise(SIGUSR1);
	raise(SIGHUP);
	w->stop_at = 2;
	assert_int_equal(loop_run(w->l), 42);
	assert_true(strcmp(w->log, "HU") == 0 || strcmp(w->log, "UH") == 0);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_true(sigismember(&mask, SIGUSR1));
	loop_free(w->l);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_false(sigismember(&mask, SIGUSR1));
	w->l = NULL;
}

static void on_writable(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct world *w = ctx;
	(void)fd;
	(void)now;
	note(w, events & EPOLLOUT ? 'o' : 'i');
}

static void test_mod(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_add(w->l, w->fd[0], EPOLLIN, on_writable, w), 0);
	w->stop_at = 1;
	assert_int_equal(loop_run(w->l), 42);
	assert_int_equal(loop_mod(w->l, w->fd[0], EPOLLOUT), 0);
	w->stop_at = 2;
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "io");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_readable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_in_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_reused_in_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_ends_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mod, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
