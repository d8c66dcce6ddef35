/* The heap and the kernel's random numbers as handles. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

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

/* A source that fails stops the process (rng.h). The first octets may have to wait for the machine to have any. */
static void os_fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	for (uint8_t *at = p; n;) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			abort();
		at += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
}

struct rng *rng_os(void)
{
	static struct rng os = {.fill = os_fill};
	return &os;
}
