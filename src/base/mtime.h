/* Time as values. mono_t is a point on CLOCK_MONOTONIC, dur_t a length; both in
 * nanoseconds. Pure code gets `now` as an argument and never asks a clock. */
#ifndef BASE_MTIME_H
#define BASE_MTIME_H

#include <stdint.h>

typedef int64_t mono_t;
typedef int64_t dur_t;

#define DUR_NS(n) ((dur_t)(n))
#define DUR_MS(n) ((dur_t)(n)*1000000)
#define DUR_S(n) ((dur_t)(n)*1000000000)
#define MONO_NEVER INT64_MAX

static inline int64_t dur_to_s(dur_t d) { return d / 1000000000; }
static inline int64_t dur_to_ms(dur_t d) { return d / 1000000; }
static inline mono_t mono_min(mono_t a, mono_t b) { return a < b ? a : b; }

/* now + d that saturates at MONO_NEVER. */
static inline mono_t mono_add(mono_t now, dur_t d)
{
	return d >= MONO_NEVER - now ? MONO_NEVER : now + d;
}

#endif
