/* Pools: objects by number, 1 and up. A number is stable, and so is where its object is; memory grows in pages, free ones are
 * reused (pool.c). Internal to bgp/. */
#ifndef BGP_POOL_H
#define BGP_POOL_H

#include <string.h>

#include "base/base.h"

struct bgp_pool { struct mem *mem; uint8_t **page; uint32_t size, n_pages, cap_pages, used, free_head; };
enum { POOL_PAGE_LOG2 = 10, POOL_PAGE = 1 << POOL_PAGE_LOG2 /* objects */ };
void pool_init(struct bgp_pool *p, struct mem *mem, uint32_t size);
void pool_fini(struct bgp_pool *p);
uint32_t pool_get(struct bgp_pool *p); /* 0: no memory; zeroed */
static inline void *pool_at(const struct bgp_pool *p, uint32_t id)
{
	return p->page[id >> POOL_PAGE_LOG2] + (size_t)(id & (POOL_PAGE - 1)) * p->size;
}
/* o: where it is. */
static inline void pool_put_at(struct bgp_pool *p, uint32_t id, void *o)
{
	memcpy(o, &p->free_head, sizeof p->free_head);
	p->free_head = id;
}
static inline void pool_put(struct bgp_pool *p, uint32_t id) { pool_put_at(p, id, pool_at(p, id)); }

#endif
