/* Front door of loop/: epoll, timers, signals; the only caller of clock_gettime. Single-threaded. Handlers are few
 * (a role has a handful of descriptors) and are called with `now`, which is read once a turn.
 *
 *   turn:  ask every when()  ->  wait  ->  now  ->  deadlines that are due  ->  readable descriptors  ->  turn
 *
 * Engines are pure and have no timers of their own: each tells when it wants to be called (ike_due, tunnels_due,
 * hooks_due) and the loop asks before every wait, so that nothing must be re-armed after an input. A wait ends at the
 * earliest deadline (on old kernels up to a millisecond later), never early, so an engine
 * never spins on a deadline that is almost there. Deadlines go first in a turn, in the order of registration.
 *
 * Descriptors are level-triggered: a handler may read as little as it likes and is called again. A handler may add and
 * remove descriptors, its own too, and close what it removed; after loop_del() a handler is not called any more, not
 * even for an event that was delivered with the same batch and not for a new descriptor that got the old number.
 * Remove before closing, where that can be done: until then epoll may report the file that a forked child still holds
 * open, in vain.
 *
 * Signals are blocked and arrive through a signalfd as calls of a handler, so nothing ever runs in a signal context.
 * Children inherit the blocked mask unless they clear it; hook/ does.
 *
 * Every role has its own loop; a role that fails in here (descriptors exhausted, no memory) gets -errno and decides. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/base.h"

struct loop;
typedef void loop_fd_fn(void *ctx, int fd, uint32_t events, mono_t now);
typedef void loop_due_fn(void *ctx, mono_t now);
typedef mono_t loop_when_fn(void *ctx);
typedef void loop_signal_fn(void *ctx, int signo, mono_t now);

struct loop *loop_new(void);           /* NULL: no memory or no descriptor, see errno */
void loop_free(struct loop *l);        /* restores the signal mask; descriptors added stay the caller's */
mono_t loop_now(struct loop *l);       /* CLOCK_MONOTONIC, also outside a turn */
int64_t loop_wall_s(void);             /* CLOCK_REALTIME seconds, for texts, and for what the kernel tells in them */
/* events: EPOLLIN, EPOLLOUT. -errno or 0. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *ctx) MUST_USE;
int loop_mod(struct loop *l, int fd, uint32_t events) MUST_USE;
void loop_del(struct loop *l, int fd); /* safe inside a handler */
/* A source of deadlines, asked before each wait: when() says when fn() is due. At most 16. */
/* -ENOSPC beyond 16. */
int loop_timer(struct loop *l, loop_when_fn *when, loop_due_fn *fn, void *ctx) MUST_USE;
/* Once per loop, -EALREADY after that. */
int loop_signals(struct loop *l, const int *signo, size_t n, loop_signal_fn *fn, void *ctx) MUST_USE; /* signalfd */
int loop_run(struct loop *l);          /* until loop_stop; its argument is the result, or -errno of the wait */
void loop_stop(struct loop *l, int result);

#endif
