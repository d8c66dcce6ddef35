/* A binary heap of timers, embedded in their owners: the earliest of n in O(1),
 * a change in O(log n), whatever the number of tunnels. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/bug.h"
#include "base/mem.h"
#include "base/mtime.h"

struct timer {
	mono_t due;
	uint32_t slot; /* index + 1 in the heap, 0 = not set */
	uint8_t tag;   /* the owner's: what kind of thing it is embedded in */
};

struct heap {
	struct mem *mem;
	struct timer **at;
	uint32_t n, cap;
};

void heap_init(struct heap *h, struct mem *mem);
void heap_fini(struct heap *h);
/* Makes room for one more timer, so that heap_set below cannot fail. -ENOMEM or 0.
 * Call once per timer when its owner is made. */
int heap_reserve(struct heap *h, uint32_t timers) MUST_USE;
/* Sets or moves a timer; MONO_NEVER removes it. */
void heap_set(struct heap *h, struct timer *t, mono_t due);
void heap_clear(struct heap *h, struct timer *t);
/* MONO_NEVER when empty. */
mono_t heap_due(const struct heap *h);
/* Takes out the earliest timer that is due at `now`, or NULL. */
struct timer *heap_pop(struct heap *h, mono_t now);

#endif
