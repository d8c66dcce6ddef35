/* The heap as a struct mem. */
#include <stdlib.h>

#include "daemon/daemon.h"

static void *os_get(struct mem *m, size_t size)
{
	(void)m;
	return calloc(1, size ? size : 1);
}

static void os_put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}

struct mem *mem_os(void)
{
	static struct mem os = {.get = os_get, .put = os_put};
	return &os;
}
