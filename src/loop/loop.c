/* One turn of the loop: ask the deadlines, wait, run what is due, hand out descriptors.
 *
 * Not here: what the handlers do, and anything about threads. Called by the roles in daemon/. Deadlines need no
 * timerfd: the wait itself ends at the earliest of them, never a moment too early; with an old kernel it is rounded up to the
 * millisecond.
 *
 * A handler may add and remove any descriptor, its own included. What epoll delivers names a registration by a number
 * that is never used twice, so an event of a removed one, from the same batch or from a file that a forked child still
 * holds open, finds nobody. */
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS_MAX = 16, BATCH = 32 };

struct source {
	struct list link;
	uint64_t serial;
	int fd;
	loop_fd_fn *fn;
	void *ctx;
};

struct deadline {
	loop_when_fn *when;
	loop_due_fn *fn;
	void *ctx;
};

struct loop {
	int epoll;
	struct list sources;
	uint64_t last_serial;
	struct deadline timer[TIMERS_MAX];
	size_t n_timers;
	int signal_fd; /* -1 = none */
	loop_signal_fn *signal_fn;
	void *signal_ctx;
	sigset_t mask_before;
	bool coarse; /* the kernel waits for whole milliseconds */
	bool stopped;
	int result;
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		free(l);
		return NULL;
	}
	list_init(&l->sources);
	l->signal_fd = -1;
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signal_fd >= 0) {
		close(l->signal_fd);
		sigprocmask(SIG_SETMASK, &l->mask_before, NULL);
	}
	LIST_EACH (it, tmp, &l->sources)
		free(LIST_ENTRY(it, struct source, link));
	close(l->epoll);
	free(l);
}

mono_t loop_now(struct loop *l)
{
	struct timespec t;
	(void)l;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return DUR_S(t.tv_sec) + DUR_NS(t.tv_nsec);
}

int64_t loop_wall_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static struct source *find(struct loop *l, int fd)
{
	LIST_EACH (it, tmp, &l->sources) {
		struct source *s = LIST_ENTRY(it, struct source, link);
		if (s->fd == fd)
			return s;
	}
	return NULL;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	*s = (struct source){.serial = ++l->last_serial, .fd = fd, .fn = fn, .ctx = ctx};
	struct epoll_event ev = {.events = events, .data.u64 = s->serial};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int err = errno;
		free(s);
		return -err;
	}
	list_add_tail(&l->sources, &s->link);
	return 0;
}

int loop_mod(struct loop *l, int fd, uint32_t events)
{
	struct source *s = find(l, fd);
	if (!s)
		return -ENOENT;
	struct epoll_event ev = {.events = events, .data.u64 = s->serial};
	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &ev) < 0 ? -errno : 0;
}

void loop_del(struct loop *l, int fd)
{
	struct source *s = find(l, fd);
	if (!s)
		return;
	/* Fails when the descriptor was closed first; then epoll forgets it as soon as nobody has the file open. */
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	list_del(&s->link);
	free(s);
}

int loop_timer(struct loop *l, loop_when_fn *when, loop_due_fn *fn, void *ctx)
{
	if (l->n_timers == TIMERS_MAX)
		return -ENOSPC;
	l->timer[l->n_timers++] = (struct deadline){.when = when, .fn = fn, .ctx = ctx};
	return 0;
}

static void on_signal(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;
	(void)events;
	while (!l->stopped && read(fd, &info, sizeof info) == (ssize_t)sizeof info)
		l->signal_fn(l->signal_ctx, (int)info.ssi_signo, now);
}

int loop_signals(struct loop *l, const int *signo, size_t n, loop_signal_fn *fn, void *ctx)
{
	sigset_t set;
	if (l->signal_fd >= 0)
		return -EALREADY;
	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signo[i]);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	int err = loop_add(l, fd, EPOLLIN, on_signal, l);
	if (err < 0) {
		close(fd);
		return err;
	}
	sigprocmask(SIG_BLOCK, &set, &l->mask_before);
	l->signal_fd = fd;
	l->signal_fn = fn;
	l->signal_ctx = ctx;
	return 0;
}

/* Time until the earliest deadline; -1 = for ever. */
static dur_t wait_time(struct loop *l)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < l->n_timers; i++)
		due = mono_min(due, l->timer[i].when(l->timer[i].ctx));
	if (due == MONO_NEVER)
		return -1;
	mono_t now = loop_now(l);
	return due > now ? due - now : 0;
}

/* Milliseconds, rounded up. */
static int to_ms(dur_t d)
{
	if (d < 0)
		return -1;
	return dur_to_ms(d) >= INT_MAX ? INT_MAX : (int)(dur_to_ms(d) + (d % DUR_MS(1) != 0));
}

/* To the nanosecond where the kernel can (Linux 5.11). */
static int wait_events(struct loop *l, struct epoll_event *ev, int max)
{
	dur_t d = wait_time(l);
#ifdef SYS_epoll_pwait2
	if (d > 0 && !l->coarse) {
		/* Its time has 64 bits on every machine. */
		struct { int64_t s, ns; } t = {d / DUR_S(1), d % DUR_S(1)};
		int n = (int)syscall(SYS_epoll_pwait2, l->epoll, ev, max, &t, NULL, 0);
		if (n >= 0 || errno != ENOSYS)
			return n;
		l->coarse = true;
	}
#endif
	return epoll_wait(l->epoll, ev, max, to_ms(d));
}

static void run_due(struct loop *l, mono_t now)
{
	for (size_t i = 0; i < l->n_timers && !l->stopped; i++) {
		struct deadline *d = &l->timer[i];
		if (d->when(d->ctx) <= now)
			d->fn(d->ctx, now);
	}
}

static struct source *by_serial(struct loop *l, uint64_t serial)
{
	LIST_EACH (it, tmp, &l->sources) {
		struct source *s = LIST_ENTRY(it, struct source, link);
		if (s->serial == serial)
			return s;
	}
	return NULL;
}

static int turn(struct loop *l)
{
	struct epoll_event ev[BATCH];
	int n = wait_events(l, ev, BATCH);
	if (n < 0 && errno != EINTR)
		return -errno;
	mono_t now = loop_now(l);
	run_due(l, now);
	for (int i = 0; i < n && !l->stopped; i++) {
		struct source *s = by_serial(l, ev[i].data.u64);
		if (s)
			s->fn(s->ctx, s->fd, ev[i].events, now); /* may free s */
	}
	return 0;
}

int loop_run(struct loop *l)
{
	while (!l->stopped) {
		int err = turn(l);
		if (err < 0)
			return err;
	}
	l->stopped = false;
	return l->result;
}

void loop_stop(struct loop *l, int result)
{
	l->stopped = true;
	l->result = result;
}
