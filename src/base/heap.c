/* A binary heap of embedded timers. */
#include "base/heap.h"

#include <string.h>

void heap_init(struct heap *h, struct mem *mem) { *h = (struct heap){.mem = mem}; }

void heap_fini(struct heap *h)
{
	mem_put(h->mem, h->at, sizeof *h->at * h->cap);
	*h = (struct heap){.mem = h->mem};
}

int heap_reserve(struct heap *h, uint32_t timers)
{
	if (timers <= h->cap)
		return 0;
	uint32_t cap = h->cap ? h->cap : 16;
	while (cap < timers)
		cap *= 2;
	struct timer **at = mem_get(h->mem, sizeof *at * cap);
	if (!at)
		return -12 /* ENOMEM */;
	if (h->n)
		memcpy(at, h->at, sizeof *at * h->n);
	mem_put(h->mem, h->at, sizeof *at * h->cap);
	h->at = at;
	h->cap = cap;
	return 0;
}

static void place(struct heap *h, uint32_t i, struct timer *t)
{
	h->at[i] = t;
	t->slot = i + 1;
}

static void sift(struct heap *h, uint32_t i, struct timer *t)
{
	while (i > 0 && h->at[(i - 1) / 2]->due > t->due) {
		place(h, i, h->at[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->at[child + 1]->due < h->at[child]->due)
			child++;
		if (h->at[child]->due >= t->due)
			break;
		place(h, i, h->at[child]);
		i = child;
	}
	place(h, i, t);
}

void heap_clear(struct heap *h, struct timer *t)
{
	if (!t->slot)
		return;
	uint32_t i = t->slot - 1;
	struct timer *last = h->at[--h->n];
	t->slot = 0;
	t->due = MONO_NEVER;
	if (last != t)
		sift(h, i, last);
}

void heap_set(struct heap *h, struct timer *t, mono_t due)
{
	if (due == MONO_NEVER) {
		heap_clear(h, t);
		return;
	}
	t->due = due;
	if (!t->slot) {
		if (BUG(h->n >= h->cap))
			return;
		t->slot = ++h->n;
	}
	sift(h, t->slot - 1, t);
}

mono_t heap_due(const struct heap *h) { return h->n ? h->at[0]->due : MONO_NEVER; }

struct timer *heap_pop(struct heap *h, mono_t now)
{
	if (!h->n || h->at[0]->due > now)
		return NULL;
	struct timer *t = h->at[0];
	heap_clear(h, t);
	return t;
}
