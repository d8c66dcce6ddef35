/* Open addressing with linear probing and deletion by moving back, at most three quarters full. See own_routes.h. */
#include "privsep/own_routes.h"

#include <errno.h>
#include <string.h>

enum { CAP_FIRST = 64 };

void own_routes_init(struct own_routes *o, struct mem *mem, uint64_t key)
{
	memset(o, 0, sizeof *o);
	o->mem = mem;
	o->key = key | 1;
}

void own_routes_fini(struct own_routes *o)
{
	mem_put(o->mem, o->v4, o->cap4 * sizeof *o->v4);
	mem_put(o->mem, o->v6, o->cap6 * sizeof *o->v6);
	own_routes_init(o, o->mem, o->key);
}

size_t own_routes_count(const struct own_routes *o) { return o->n4 + o->n6; }

static size_t scatter(const struct own_routes *o, uint64_t v, size_t cap)
{
	v = (v ^ o->key) * 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 32)) * (o->key | 1);
	return (size_t)(v >> 24) & (cap - 1);
}

static size_t home4(const struct own_routes *o, const struct own4 *e, size_t cap)
{
	return scatter(o, (uint64_t)e->addr << 16 | (uint64_t)e->len << 8 | e->lane, cap);
}

static size_t home6(const struct own_routes *o, const struct own6 *e, size_t cap)
{
	uint64_t h[2];
	memcpy(h, e->addr, sizeof h);
	return scatter(o, h[0] ^ (h[1] * 0xff51afd7ed558ccdu) ^ ((uint64_t)e->len << 8 | e->lane), cap);
}

static bool same4(const struct own4 *a, const struct own4 *b)
{
	return a->addr == b->addr && a->len == b->len && a->lane == b->lane;
}

static bool same6(const struct own6 *a, const struct own6 *b)
{
	return memcmp(a->addr, b->addr, sizeof a->addr) == 0 && a->len == b->len && a->lane == b->lane;
}

/* --- lanes --- */

static int lane_of(const struct own_routes *o, const struct route *r)
{
	for (uint8_t i = 0; i < o->n_lanes; i++) {
		if (o->lane[i].table == r->table && o->lane[i].metric == r->metric)
			return i;
	}
	return -1;
}

static int lane_take(struct own_routes *o, const struct route *r)
{
	int lane = lane_of(o, r);
	if (lane >= 0 || o->n_lanes == OWN_LANES)
		return lane;
	o->lane[o->n_lanes].table = r->table;
	o->lane[o->n_lanes].metric = r->metric;
	return o->n_lanes++;
}

/* --- the two tables; the same code over two sizes of entries --- */

static struct own4 key4(const struct route *r, int lane)
{
	struct own4 e = {.len = r->dst.len, .lane = (uint8_t)lane, .used = 1};
	memcpy(&e.addr, r->dst.addr.b, sizeof e.addr);
	return e;
}

static struct own6 key6(const struct route *r, int lane)
{
	struct own6 e = {.len = r->dst.len, .lane = (uint8_t)lane, .used = 1};
	memcpy(e.addr, r->dst.addr.b, sizeof e.addr);
	return e;
}

#define FIND(N)                                                                                                   \
	static struct own##N *find##N(const struct own_routes *o, const struct own##N *k)                         \
	{                                                                                                         \
		if (!o->cap##N)                                                                                   \
			return NULL;                                                                              \
		for (size_t i = home##N(o, k, o->cap##N);; i = (i + 1) & (o->cap##N - 1)) {                       \
			if (!o->v##N[i].used || same##N(&o->v##N[i], k))                                          \
				return &o->v##N[i];                                                               \
		}                                                                                                 \
	}
#define GROW(N)                                                                                                   \
	static int grow##N(struct own_routes *o, size_t want)                                                     \
	{                                                                                                         \
		size_t cap = o->cap##N ? o->cap##N : CAP_FIRST, was = o->cap##N;                                  \
		struct own##N *old = o->v##N;                                                                     \
		while (cap / 4 * 3 < want)                                                                        \
			cap *= 2;                                                                                 \
		if (cap == was)                                                                                   \
			return 0;                                                                                 \
		struct own##N *v = mem_get(o->mem, cap * sizeof *v);                                              \
		if (!v)                                                                                           \
			return -ENOMEM;                                                                           \
		o->v##N = v;                                                                                      \
		o->cap##N = cap;                                                                                  \
		for (size_t i = 0; i < was; i++) {                                                                \
			if (old[i].used)                                                                          \
				*find##N(o, &old[i]) = old[i];                                                    \
		}                                                                                                 \
		mem_put(o->mem, old, was * sizeof *old);                                                          \
		return 0;                                                                                         \
	}
/* What stands behind a hole in the same chain is moved into it, until a chain ends. */
#define DROP(N)                                                                                                   \
	static void drop##N(struct own_routes *o, struct own##N *e)                                               \
	{                                                                                                         \
		size_t mask = o->cap##N - 1, hole = (size_t)(e - o->v##N);                                        \
		o->n_stale -= e->stale;                                                                           \
		o->n##N--;                                                                                        \
		for (size_t i = (hole + 1) & mask; o->v##N[i].used; i = (i + 1) & mask) {                         \
			size_t home = home##N(o, &o->v##N[i], o->cap##N);                                         \
			if (((i - home) & mask) < ((i - hole) & mask))                                            \
				continue;                                                                         \
			o->v##N[hole] = o->v##N[i];                                                               \
			hole = i;                                                                                 \
		}                                                                                                 \
		memset(&o->v##N[hole], 0, sizeof o->v##N[hole]);                                                  \
	}
#define PUT(N)                                                                                                    \
	static void put##N(struct own_routes *o, struct own##N k, bool stale)                                     \
	{                                                                                                         \
		struct own##N *e = find##N(o, &k);                                                                \
		o->n##N += !e->used;                                                                              \
		o->n_stale -= e->stale;                                                                           \
		k.stale = stale;                                                                                  \
		o->n_stale += stale;                                                                              \
		*e = k;                                                                                           \
	}
FIND(4)
FIND(6)
GROW(4)
GROW(6)
DROP(4)
DROP(6)
PUT(4)
PUT(6)

static bool is4(const struct route *r) { return r->dst.addr.family == AF_V4; }

bool own_routes_has(const struct own_routes *o, const struct route *r)
{
	int lane = lane_of(o, r);
	if (lane < 0)
		return false;
	struct own4 k4 = key4(r, lane), *e4 = is4(r) ? find4(o, &k4) : NULL;
	struct own6 k6 = key6(r, lane), *e6 = is4(r) ? NULL : find6(o, &k6);
	return (e4 && e4->used) || (e6 && e6->used);
}

int own_routes_reserve(struct own_routes *o, size_t n)
{
	int rc = grow4(o, o->n4 + n);
	return rc < 0 ? rc : grow6(o, o->n6 + n);
}

int own_routes_add(struct own_routes *o, const struct route *r, bool stale)
{
	int lane = lane_take(o, r);
	if (lane < 0)
		return -ENOSPC;
	if (is4(r) && grow4(o, o->n4 + 1) == 0)
		put4(o, key4(r, lane), stale);
	else if (!is4(r) && grow6(o, o->n6 + 1) == 0)
		put6(o, key6(r, lane), stale);
	else
		return -ENOMEM;
	return 0;
}

void own_routes_del(struct own_routes *o, const struct route *r)
{
	int lane = lane_of(o, r);
	if (lane < 0)
		return;
	struct own4 k4 = key4(r, lane), *e4 = is4(r) ? find4(o, &k4) : NULL;
	struct own6 k6 = key6(r, lane), *e6 = is4(r) ? NULL : find6(o, &k6);
	if (e4 && e4->used)
		drop4(o, e4);
	if (e6 && e6->used)
		drop6(o, e6);
}

void own_routes_stale(struct own_routes *o)
{
	for (size_t i = 0; i < o->cap4; i++)
		o->v4[i].stale = o->v4[i].used;
	for (size_t i = 0; i < o->cap6; i++)
		o->v6[i].stale = o->v6[i].used;
	o->n_stale = o->n4 + o->n6;
}

static void name(const struct own_routes *o, const void *addr, uint8_t family, uint8_t len, uint8_t lane, struct route *out)
{
	*out = (struct route){.source = ROUTE_OURS, .table = o->lane[lane].table, .metric = o->lane[lane].metric};
	out->dst = (struct prefix){.addr = addr_from(addr, family == AF_V4 ? 4 : 16), .len = len};
}

bool own_routes_next_stale(const struct own_routes *o, size_t *at, struct route *out)
{
	for (; *at < o->cap4; ++*at) {
		const struct own4 *e = &o->v4[*at];
		if (e->stale) {
			name(o, &e->addr, AF_V4, e->len, e->lane, out);
			++*at;
			return true;
		}
	}
	for (; *at < o->cap4 + o->cap6; ++*at) {
		const struct own6 *e = &o->v6[*at - o->cap4];
		if (e->stale) {
			name(o, e->addr, AF_V6, e->len, e->lane, out);
			++*at;
			return true;
		}
	}
	return false;
}
