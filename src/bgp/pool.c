/* Objects by number: pages of equal objects that never move and are given back together, in pool_fini(). A free object has the
 * number of the next one in its first four octets, and is cleared when it is taken again: who must know whether a number
 * is free marks that elsewhere in the object. */
#include "bgp/pool.h"

#include <string.h>

enum { FIRST_PAGES = 8 };

void pool_init(struct bgp_pool *p, struct mem *mem, uint32_t size)
{
	*p = (struct bgp_pool){.mem = mem, .size = size};
}

static size_t page_octets(const struct bgp_pool *p) { return (size_t)p->size << POOL_PAGE_LOG2; }

void pool_fini(struct bgp_pool *p)
{
	for (uint32_t i = 0; i < p->n_pages; i++)
		mem_put(p->mem, p->page[i], page_octets(p));
	mem_put(p->mem, p->page, sizeof *p->page * p->cap_pages);
	*p = (struct bgp_pool){.mem = p->mem, .size = p->size};
}

static bool add_page(struct bgp_pool *p)
{
	if (p->n_pages == p->cap_pages) {
		uint32_t cap = p->cap_pages ? p->cap_pages * 2 : FIRST_PAGES;
		uint8_t **more = mem_get(p->mem, sizeof *more * cap);
		if (!more)
			return false;
		if (p->n_pages)
			memcpy(more, p->page, sizeof *more * p->n_pages);
		mem_put(p->mem, p->page, sizeof *more * p->cap_pages);
		p->page = more;
		p->cap_pages = cap;
	}
	uint8_t *page = mem_get(p->mem, page_octets(p));
	if (!page)
		return false;
	p->page[p->n_pages++] = page;
	return true;
}

uint32_t pool_get(struct bgp_pool *p)
{
	uint32_t id = p->free_head;
	if (id) {
		void *o = pool_at(p, id);
		memcpy(&p->free_head, o, sizeof p->free_head);
		/* The size that comes a million times, without a call. */
		if (p->size == 24)
			memset(o, 0, 24);
		else
			memset(o, 0, p->size);
		return id;
	}
	id = p->used + 1;
	if (id == UINT32_MAX || (id >> POOL_PAGE_LOG2 >= p->n_pages && !add_page(p)))
		return 0;
	p->used = id;
	return id;
}
