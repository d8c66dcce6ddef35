/* The book of links, addresses, routes and tunnels. See route.h.
 *
 * The kernel is silent about IPv4 routes that go because their link was disabled, because it lost its last IPv4 address, or
 * because the address that they prefer as a source went (fib_sync_down_dev() and fib_sync_down_addr() of Linux): here the
 * same is concluded from the links and addresses. */
#include <string.h>

#include "route/route.h"

/* An entry; of u only as much is there as its kind needs. */
struct item {
	struct hnode by_key;
	struct list node;
	uint8_t type;            /* enum route_fact_type */
	bool old;                /* not reported yet in the dump that runs */
	uint32_t size;           /* octets of the whole */
	union {
		struct { struct route_link link; bool enabled; } link;
		struct route_addr address;
		struct { struct route_link link; char name[CONF_NAME_MAX + 1]; bool up; struct addr local, remote; } tunnel;
		struct route route;
	} u;
};

struct route_facts {
	struct mem *mem;
	struct hmap map;
	struct list of[RFACT_TUNNEL + 1];
	size_t n[RFACT_TUNNEL + 1];
};

struct route_facts *route_facts_new(struct mem *mem, uint64_t k0, uint64_t k1)
{
	struct route_facts *b = mem_get(mem, sizeof *b);
	if (!b)
		return NULL;
	b->mem = mem;
	for (size_t i = 0; i < ARRAY_LEN(b->of); i++)
		list_init(&b->of[i]);
	if (hmap_init(&b->map, mem, k0, k1) < 0) {
		mem_put(mem, b, sizeof *b);
		return NULL;
	}
	return b;
}

static void item_free(struct route_facts *b, struct item *i)
{
	hmap_del(&b->map, &i->by_key);
	list_del(&i->node);
	b->n[i->type]--;
	mem_put(b->mem, i, i->size);
}

void route_facts_free(struct route_facts *b)
{
	if (!b)
		return;
	for (size_t t = 0; t < ARRAY_LEN(b->of); t++) {
		LIST_EACH(it, tmp, &b->of[t])
			item_free(b, LIST_ENTRY(it, struct item, node));
	}
	hmap_fini(&b->map);
	mem_put(b->mem, b, sizeof *b);
}

size_t route_facts_count(const struct route_facts *b, uint8_t type) { return b->n[type]; }

/* --- keys --- */

/* What names a fact, as octets without padding. */
static size_t key_of(const struct route_fact *f, uint8_t out[96])
{
	struct wr w = wr_init(out, 96);
	wr_u8(&w, f->type);
	switch (f->type) {
	case RFACT_LINK:
		wr_u32(&w, f->link.ifindex);
		break;
	case RFACT_ADDR:
		wr_u32(&w, f->address.ifindex);
		wr_bytes(&w, f->address.local.addr.b, 16);
		wr_bytes(&w, f->address.peer.b, 16);
		wr_u8(&w, f->address.local.len);
		wr_u8(&w, f->address.local.addr.family);
		break;
	case RFACT_ROUTE:
		wr_bytes(&w, f->route.dst.addr.b, 16);
		wr_u8(&w, f->route.dst.addr.family);
		wr_u8(&w, f->route.dst.len);
		wr_u32(&w, f->route.table);
		wr_u32(&w, f->route.metric);
		/* Each interface with an address in a network has a connected route to it, beside the others'. */
		wr_u32(&w, f->route.source == ROUTE_CONNECTED && f->route.n_hops ? f->route.hop[0].ifindex : 0);
		break;
	default:
		wr_bytes(&w, f->tunnel, strnlen(f->tunnel, sizeof f->tunnel));
	}
	return w.len;
}

static void to_fact(const struct item *i, struct route_fact *f)
{
	*f = (struct route_fact){.type = i->type};
	switch (i->type) {
	case RFACT_LINK:
		f->link = i->u.link.link;
		f->enabled = i->u.link.enabled;
		break;
	case RFACT_ADDR:
		f->address = i->u.address;
		break;
	case RFACT_ROUTE:
		memcpy(&f->route, &i->u.route, i->size - offsetof(struct item, u));
		break;
	default:
		f->link = i->u.tunnel.link;
		f->up = i->u.tunnel.up;
		f->local = i->u.tunnel.local;
		f->remote = i->u.tunnel.remote;
		memcpy(f->tunnel, i->u.tunnel.name, sizeof f->tunnel);
	}
}

static size_t size_of(const struct route_fact *f)
{
	size_t at = offsetof(struct item, u);
	switch (f->type) {
	case RFACT_LINK: return at + sizeof ((struct item *)0)->u.link;
	case RFACT_ADDR: return at + sizeof(struct route_addr);
	case RFACT_ROUTE: return at + offsetof(struct route, hop) + f->route.n_hops * sizeof(struct route_hop);
	default: return at + sizeof ((struct item *)0)->u.tunnel;
	}
}

static void fill(struct item *i, const struct route_fact *f)
{
	switch (f->type) {
	case RFACT_LINK:
		i->u.link.link = f->link;
		i->u.link.enabled = f->enabled;
		break;
	case RFACT_ADDR:
		i->u.address = f->address;
		break;
	case RFACT_ROUTE:
		memcpy(&i->u.route, &f->route, i->size - offsetof(struct item, u));
		break;
	default:
		i->u.tunnel.link = f->link;
		i->u.tunnel.up = f->up;
		i->u.tunnel.local = f->local;
		i->u.tunnel.remote = f->remote;
		memcpy(i->u.tunnel.name, f->tunnel, sizeof i->u.tunnel.name);
	}
}

static bool link_eq(const struct route_link *a, const struct route_link *b)
{
	return a->ifindex == b->ifindex && strncmp(a->name, b->name, sizeof a->name) == 0 && a->mtu == b->mtu &&
	       a->up == b->up && a->loopback == b->loopback && a->point_to_point == b->point_to_point;
}

static bool same(const struct route_fact *a, const struct route_fact *b)
{
	switch (a->type) {
	case RFACT_LINK: return link_eq(&a->link, &b->link) && a->enabled == b->enabled;
	case RFACT_ADDR:
		return a->address.link_local == b->address.link_local && a->address.secondary == b->address.secondary;
	case RFACT_ROUTE: return route_eq(&a->route, &b->route);
	default:
		return link_eq(&a->link, &b->link) && a->up == b->up && addr_eq(&a->local, &b->local) &&
		       addr_eq(&a->remote, &b->remote);
	}
}

static struct item *find(const struct route_facts *b, const struct route_fact *f, uint64_t *hash)
{
	uint8_t want[96], have[96];
	size_t n = key_of(f, want);
	*hash = hmap_hash(&b->map, want, n);
	for (struct hnode *h = hmap_first(&b->map, *hash); h; h = hmap_next(h)) {
		struct item *i = CONTAINER_OF(h, struct item, by_key);
		struct route_fact g;
		to_fact(i, &g);
		if (key_of(&g, have) == n && memcmp(want, have, n) == 0)
			return i;
	}
	return NULL;
}

/* --- what goes without a word --- */

static bool all_hops_by(const struct route *r, uint32_t ifindex)
{
	for (size_t i = 0; i < r->n_hops; i++) {
		if (r->hop[i].ifindex != ifindex)
			return false;
	}
	return r->n_hops > 0;
}

static void take_out(struct route_facts *b, struct item *i, route_fact_fn *fn, void *ctx)
{
	struct route_fact f;
	to_fact(i, &f);
	f.gone = true;
	item_free(b, i);
	fn(ctx, &f);
}

/* family AF_NONE: both. */
static void routes_by_link_go(struct route_facts *b, uint32_t ifindex, uint8_t family, route_fact_fn *fn, void *ctx)
{
	LIST_EACH(it, tmp, &b->of[RFACT_ROUTE]) {
		struct item *i = LIST_ENTRY(it, struct item, node);
		struct route_fact f;
		to_fact(i, &f);
		if (all_hops_by(&f.route, ifindex) && (!family || f.route.dst.addr.family == family))
			take_out(b, i, fn, ctx);
	}
}

static void address_went(struct route_facts *b, const struct route_addr *a, route_fact_fn *fn, void *ctx)
{
	bool elsewhere = false, last = true;
	if (a->local.addr.family != AF_V4)
		return;
	LIST_EACH(it, tmp, &b->of[RFACT_ADDR]) {
		const struct route_addr *x = &LIST_ENTRY(it, struct item, node)->u.address;
		elsewhere = elsewhere || addr_eq(&x->local.addr, &a->local.addr);
		last = last && !(x->ifindex == a->ifindex && x->local.addr.family == AF_V4);
	}
	if (last)
		routes_by_link_go(b, a->ifindex, AF_V4, fn, ctx);
	LIST_EACH(it, tmp, &b->of[RFACT_ROUTE]) {
		struct item *i = LIST_ENTRY(it, struct item, node);
		if (!elsewhere && addr_eq(&i->u.route.src, &a->local.addr))
			take_out(b, i, fn, ctx);
	}
}

/* --- the front door --- */

static void put_new(struct route_facts *b, const struct route_fact *f, uint64_t hash)
{
	size_t size = size_of(f);
	struct item *i = mem_get(b->mem, size);
	if (!i)
		return; /* the module is told all the same; the book is a copy */
	i->type = f->type;
	i->size = (uint32_t)size;
	fill(i, f);
	hmap_add(&b->map, &i->by_key, hash);
	list_add_tail(&b->of[f->type], &i->node);
	b->n[f->type]++;
}

void route_facts_put(struct route_facts *b, const struct route_fact *f, route_fact_fn *fn, void *ctx)
{
	uint64_t hash;
	struct route_fact was;
	struct item *i = find(b, f, &hash);
	if (f->gone && !i)
		return;
	if (f->gone) {
		/* A deletion names the route that went; one that took its place meanwhile stays. */
		take_out(b, i, fn, ctx);
	} else {
		if (i) {
			to_fact(i, &was);
			i->old = false;
			if (same(&was, f))
				return;
			item_free(b, i);
		}
		put_new(b, f, hash);
		fn(ctx, f);
	}
	if (f->type == RFACT_LINK && !f->enabled)
		routes_by_link_go(b, f->link.ifindex, AF_NONE, fn, ctx);
	else if (f->type == RFACT_ADDR && f->gone)
		address_went(b, &f->address, fn, ctx);
}

void route_facts_begin(struct route_facts *b)
{
	for (uint8_t t = RFACT_LINK; t <= RFACT_ROUTE; t++) {
		LIST_EACH(it, tmp, &b->of[t])
			LIST_ENTRY(it, struct item, node)->old = true;
	}
}

/* Routes before the links that they need. */
void route_facts_end(struct route_facts *b, route_fact_fn *fn, void *ctx)
{
	static const uint8_t order[] = {RFACT_ROUTE, RFACT_ADDR, RFACT_LINK};
	for (size_t t = 0; t < ARRAY_LEN(order); t++) {
		LIST_EACH(it, tmp, &b->of[order[t]]) {
			struct item *i = LIST_ENTRY(it, struct item, node);
			if (i->old)
				take_out(b, i, fn, ctx);
		}
	}
}

void route_facts_all(struct route_facts *b, route_fact_fn *fn, void *ctx)
{
	static const uint8_t order[] = {RFACT_LINK, RFACT_ADDR, RFACT_TUNNEL, RFACT_ROUTE};
	for (size_t t = 0; t < ARRAY_LEN(order); t++) {
		LIST_EACH(it, tmp, &b->of[order[t]]) {
			struct route_fact f;
			to_fact(LIST_ENTRY(it, struct item, node), &f);
			fn(ctx, &f);
		}
	}
}
