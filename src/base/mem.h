/* Allocation as a handle, so that pure code has no global allocator and a test
 * can fail the n-th request. The daemon's handle is malloc; see mem_os() there.
 * get() returns zeroed memory or NULL; put() gets the size back and wipes. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

struct mem {
	void *(*get)(struct mem *m, size_t size);
	void (*put)(struct mem *m, void *p, size_t size);
	size_t in_use; /* octets handed out, kept by the functions below */
};

void *mem_get(struct mem *m, size_t size);
void mem_put(struct mem *m, void *p, size_t size);

#endif
