/* See heap.h. */
#include "cli/heap.h"

#include <stdlib.h>

static void *heap_get(struct mem *m, size_t size)
{
	(void)m;
	return calloc(1, size ? size : 1);
}

static void heap_put(struct mem *m, void *p, size_t size)
{
	(void)m;
	if (p)
		wipe(p, size);
	free(p);
}

struct mem *cli_heap(void)
{
	static struct mem heap = {.get = heap_get, .put = heap_put};
	return &heap;
}
