/* Front door of loop/: epoll, timers, signals; the only caller of clock_gettime. Single-threaded. Handlers are few
 * (a role has a handful of descriptors) and are called with `now`, which is read once a turn. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/base.h"

struct loop;
typedef void loop_fd_fn(void *ctx, int fd, uint32_t events, mono_t now);
typedef void loop_due_fn(void *ctx, mono_t now);
typedef mono_t loop_when_fn(void *ctx);
typedef void loop_signal_fn(void *ctx, int signo, mono_t now);

struct loop *loop_new(void);
void loop_free(struct loop *l);
mono_t loop_now(struct loop *l);       /* CLOCK_MONOTONIC, also outside a turn */
int64_t loop_wall_s(void);             /* CLOCK_REALTIME seconds, for texts only */
/* events: EPOLLIN, EPOLLOUT. -errno or 0. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *ctx) MUST_USE;
int loop_mod(struct loop *l, int fd, uint32_t events) MUST_USE;
void loop_del(struct loop *l, int fd); /* safe inside a handler */
/* A source of deadlines, asked before each wait: when() says when fn() is due. At most 16. */
int loop_timer(struct loop *l, loop_when_fn *when, loop_due_fn *fn, void *ctx) MUST_USE;
int loop_signals(struct loop *l, const int *signo, size_t n, loop_signal_fn *fn, void *ctx) MUST_USE; /* signalfd */
int loop_run(struct loop *l);          /* until loop_stop; its argument is the result */
void loop_stop(struct loop *l, int result);

#endif
