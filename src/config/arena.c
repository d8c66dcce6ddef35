/* Memory for one load. See arena.h. */
#include "config/arena.h"

#include <string.h>

enum { CHUNK = 16384, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(16) uint8_t b[];
};

void arena_init(struct arena *a, struct mem *mem) { *a = (struct arena){.mem = mem}; }

void arena_fini(struct arena *a)
{
	for (struct arena_chunk *c = a->chunk, *next; c; c = next) {
		next = c->next;
		mem_put(a->mem, c, sizeof *c + c->size);
	}
	arena_init(a, a->mem);
}

void *arena_get(struct arena *a, size_t n)
{
	size_t want = (n + ALIGN - 1) / ALIGN * ALIGN;
	struct arena_chunk *c = a->chunk;
	if (a->bad || want < n) {
		a->bad = true;
		return NULL;
	}
	if (!c || c->size - c->used < want) {
		size_t size = max_z(want, CHUNK);
		c = mem_get(a->mem, sizeof *c + size);
		if (!c) {
			a->bad = true;
			return NULL;
		}
		c->size = size;
		c->next = a->chunk;
		a->chunk = c;
	}
	void *p = c->b + c->used;
	c->used += want;
	return p;
}

char *arena_text(struct arena *a, const char *s, size_t n)
{
	char *p = arena_get(a, n + 1);
	if (p && n)
		memcpy(p, s, n);
	return p;
}
