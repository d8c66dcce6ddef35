/* Compiler helpers and the one way to say "we are wrong".
 *
 * BUG() is for broken promises of our own code only: it never guards data from
 * a peer, the kernel, a file or a client (those are values, see HACKING).
 * Debug builds abort; release builds evaluate to true so that the caller can
 * drop the one SA or request that is affected. */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#ifdef GRETEL_DEBUG
#define BUG(cond) (__builtin_expect(!!(cond), 0) ? (__builtin_trap(), true) : false)
#else
#define BUG(cond) (__builtin_expect(!!(cond), 0))
#endif

static inline size_t min_z(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t max_z(size_t a, size_t b) { return a > b ? a : b; }

#endif
