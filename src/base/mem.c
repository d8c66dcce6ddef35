/* Accounting in front of an allocator handle. */
#include "base/mem.h"

#include <string.h>

void *mem_get(struct mem *m, size_t size)
{
	void *p = m->get(m, size);
	if (p)
		m->in_use += size;
	return p;
}

void mem_put(struct mem *m, void *p, size_t size)
{
	if (!p)
		return;
	m->in_use -= size;
	explicit_bzero(p, size);
	m->put(m, p, size);
}
