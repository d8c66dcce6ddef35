/* The kernel as the caller reports it: links with their tunnels, addresses, routes that are not ours. Answers what the rest of
 * bgp/ asks about it; nht.c tracks next hops against it. */
#include "bgp/nht_int.h"

#include <errno.h>
#include <string.h>

static int side(const struct addr *a) { return a->family == AF_V6; }

static uint64_t number_hash(const struct hmap *m, uint32_t n) { return hmap_hash(m, &n, sizeof n); }

static struct addr masked(const struct addr *a, uint8_t len)
{
	struct addr m = *a;
	size_t whole = len / 8;

	if (whole < sizeof m.b) {
		m.b[whole] &= (uint8_t)(0xff00u >> (len % 8));
		memset(m.b + whole + 1, 0, sizeof m.b - whole - 1);
	}
	return m;
}

static uint64_t prefix_hash(const struct hmap *m, const struct prefix *p)
{
	uint8_t key[18] = {p->addr.family, p->len};

	memcpy(key + 2, p->addr.b, 16);
	return hmap_hash(m, key, sizeof key);
}

int view_init(struct bgp *b)
{
	struct bgp_nht_state *n = b->nht;
	struct hmap *maps[] = {&n->links, &n->prefixes, &n->nhs};

	list_init(&n->addrs);
	list_init(&n->all_nhs);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		int err = hmap_init(maps[i], b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng));
		if (err < 0)
			return err;
	}
	return 0;
}

static void free_routes(struct bgp *b, struct view_prefix *p)
{
	for (struct view_route *r = p->first, *next; r; r = next) {
		next = r->next;
		mem_put(b->env.mem, r, r->size);
	}
	p->first = NULL;
}

void view_fini(struct bgp *b)
{
	struct bgp_nht_state *n = b->nht;

	for (size_t i = 0; n->links.bucket && i < n->links.n_buckets; i++)
		for (struct hnode *h = n->links.bucket[i], *next; h; h = next) {
			next = h->next;
			mem_put(b->env.mem, CONTAINER_OF(h, struct view_link, node), sizeof(struct view_link));
		}
	LIST_EACH(it, tmp, &n->addrs)
		mem_put(b->env.mem, LIST_ENTRY(it, struct view_addr, link), sizeof(struct view_addr));
	for (uint32_t i = 0; i < n->n_prefixes; i++) {
		free_routes(b, n->prefix[i]);
		mem_put(b->env.mem, n->prefix[i], sizeof *n->prefix[i]);
	}
	if (n->prefix)
		mem_put(b->env.mem, n->prefix, sizeof(struct view_prefix *) * n->cap_prefixes);
	struct hmap *maps[] = {&n->links, &n->prefixes, &n->nhs};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (maps[i]->bucket)
			hmap_fini(maps[i]);
}

/* --- Links and tunnels --- */

struct view_link *view_link(const struct bgp *b, uint32_t ifindex)
{
	const struct hmap *m = &b->nht->links;

	for (struct hnode *h = hmap_first(m, number_hash(m, ifindex)); h; h = hmap_next(h)) {
		struct view_link *l = CONTAINER_OF(h, struct view_link, node);
		if (l->link.ifindex == ifindex)
			return l;
	}
	return NULL;
}

static struct view_link *link_add(struct bgp *b, uint32_t ifindex)
{
	struct view_link *l = view_link(b, ifindex);

	if (l)
		return l;
	l = mem_get(b->env.mem, sizeof *l);
	if (!l)
		return NULL;
	l->link.ifindex = ifindex;
	hmap_add(&b->nht->links, &l->node, number_hash(&b->nht->links, ifindex));
	return l;
}

static bool usable(const struct view_link *l) { return l && l->known && l->link.up && (!l->tunnel || l->tunnel_up); }

bool nht_if_usable(const struct bgp *b, uint32_t ifindex) { return usable(view_link(b, ifindex)); }

/* All that went or came with an interface is looked at again: what is nearer may have come. */
static void link_changed(struct bgp *b, bool was, const struct view_link *l)
{
	if (was != usable(l))
		nht_touch_all(b);
}

void nht_link(struct bgp *b, const struct route_link *link, bool gone)
{
	struct view_link *l = gone ? view_link(b, link->ifindex) : link_add(b, link->ifindex);
	bool was = usable(l);

	if (!l)
		return;
	l->known = !gone;
	if (!gone)
		l->link = *link;
	link_changed(b, was, l);
	if (gone && !l->tunnel) {
		hmap_del(&b->nht->links, &l->node);
		mem_put(b->env.mem, l, sizeof *l);
	}
}

static bool tunnel_is(const struct view_link *l, const char *name) { return l->tunnel && strcmp(l->tunnel_name, name) == 0; }

/* A tunnel has one interface: what carried it before is an interface like others again. */
static void tunnel_leaves(struct bgp *b, const char *name, uint32_t ifindex)
{
	const struct hmap *m = &b->nht->links;

	for (size_t i = 0; i < m->n_buckets; i++)
		for (struct hnode *h = m->bucket[i]; h; h = h->next) {
			struct view_link *l = CONTAINER_OF(h, struct view_link, node);
			bool was = usable(l);

			if (l->link.ifindex == ifindex || !tunnel_is(l, name))
				continue;
			l->tunnel = false;
			link_changed(b, was, l);
		}
}

void nht_tunnel(struct bgp *b, const char *name, uint32_t ifindex, bool up)
{
	struct view_link *l = ifindex ? link_add(b, ifindex) : NULL;

	if (ifindex && l && !tunnel_is(l, name))
		tunnel_leaves(b, name, ifindex);
	if (!l)
		return;
	bool was = usable(l);

	l->tunnel = true;
	l->tunnel_up = up;
	struct sbuf s = SB(l->tunnel_name);

	sb_put(&s, name);
	link_changed(b, was, l);
}

const struct route_link *nht_link_at(const struct bgp *b, uint32_t ifindex)
{
	const struct view_link *l = view_link(b, ifindex);
	return l && l->known ? &l->link : NULL;
}

const struct route_link *nht_link_by_name(const struct bgp *b, const char *name)
{
	const struct hmap *m = &b->nht->links;

	for (size_t i = 0; i < m->n_buckets; i++)
		for (struct hnode *h = m->bucket[i]; h; h = h->next) {
			const struct view_link *l = CONTAINER_OF(h, struct view_link, node);
			if (l->known && strcmp(l->link.name, name) == 0)
				return &l->link;
		}
	return NULL;
}

/* --- Routes --- */

static struct view_prefix *prefix_find(const struct bgp *b, const struct prefix *p)
{
	const struct hmap *m = &b->nht->prefixes;

	for (struct hnode *h = hmap_first(m, prefix_hash(m, p)); h; h = hmap_next(h)) {
		struct view_prefix *v = CONTAINER_OF(h, struct view_prefix, node);
		if (v->p.len == p->len && addr_eq(&v->p.addr, &p->addr))
			return v;
	}
	return NULL;
}

const struct view_prefix *view_of_length(const struct bgp *b, const struct addr *a, uint8_t len)
{
	struct prefix p = {masked(a, len), len};
	return b->nht->n_len[side(a)][len] ? prefix_find(b, &p) : NULL;
}

static struct view_prefix *prefix_add(struct bgp *b, const struct prefix *p)
{
	struct bgp_nht_state *n = b->nht;
	struct view_prefix *v = prefix_find(b, p);

	if (v)
		return v;
	if (n->n_prefixes == n->cap_prefixes) {
		uint32_t cap = n->cap_prefixes ? 2 * n->cap_prefixes : 64;
		struct view_prefix **more = mem_get(b->env.mem, sizeof(struct view_prefix *) * cap);

		if (!more)
			return NULL;
		if (n->prefix) {
			memcpy(more, n->prefix, sizeof(struct view_prefix *) * n->n_prefixes);
			mem_put(b->env.mem, n->prefix, sizeof(struct view_prefix *) * n->cap_prefixes);
		}
		n->prefix = more;
		n->cap_prefixes = cap;
	}
	v = mem_get(b->env.mem, sizeof *v);
	if (!v)
		return NULL;
	v->p = *p;
	v->slot = n->n_prefixes;
	n->prefix[n->n_prefixes++] = v;
	n->n_len[side(&p->addr)][p->len]++;
	hmap_add(&n->prefixes, &v->node, prefix_hash(&n->prefixes, p));
	return v;
}

static void prefix_drop(struct bgp *b, struct view_prefix *v)
{
	struct bgp_nht_state *n = b->nht;

	if (v->first)
		return;
	n->n_len[side(&v->p.addr)][v->p.len]--;
	n->prefix[v->slot] = n->prefix[--n->n_prefixes];
	n->prefix[v->slot]->slot = v->slot;
	hmap_del(&n->prefixes, &v->node);
	mem_put(b->env.mem, v, sizeof *v);
}

/* The kernel knows a route by its destination, table and metric; but each interface with an address in a network has a connected
 * route to it beside the others', as when an address moves from one to another. The local ones are ours besides. */
static bool of_interface(const struct route *r) { return r->source == ROUTE_LOCAL || r->source == ROUTE_CONNECTED; }

static bool same_route(const struct route *x, const struct route *y)
{
	return x->table == y->table && x->metric == y->metric && (x->source == ROUTE_LOCAL) == (y->source == ROUTE_LOCAL) &&
	       (!of_interface(x) || !of_interface(y) || x->hop[0].ifindex == y->hop[0].ifindex);
}

static int route_order(const struct route *x, const struct route *y)
{
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

static void route_take(struct bgp *b, struct view_prefix *v, const struct route *r)
{
	for (struct view_route **at = &v->first; *at; at = &(*at)->next) {
		struct view_route *old = *at;

		if (!same_route(&old->r, r))
			continue;
		*at = old->next;
		mem_put(b->env.mem, old, old->size);
		return;
	}
}

static void route_put(struct bgp *b, struct view_prefix *v, const struct route *r)
{
	size_t shape = offsetof(struct route, hop) + sizeof r->hop[0] * (r->n_hops ? r->n_hops : 1);
	size_t size = offsetof(struct view_route, r) + shape;
	struct view_route *new = mem_get(b->env.mem, size), **at = &v->first;

	if (!new)
		return;
	new->size = size;
	memcpy((uint8_t *)new + offsetof(struct view_route, r), r, shape);
	while (*at && route_order(&(*at)->r, r) <= 0)
		at = &(*at)->next;
	new->next = *at;
	*at = new;
}

static void route_change(struct bgp *b, const struct route *r, bool gone)
{
	struct prefix p = {masked(&r->dst.addr, r->dst.len), r->dst.len};
	struct view_prefix *v = gone ? prefix_find(b, &p) : prefix_add(b, &p);

	if (!v)
		return;
	route_take(b, v, r);
	if (!gone)
		route_put(b, v, r);
	prefix_drop(b, v);
	nht_touch(b, &p);
	local_kernel_route(b, &p, b->now);
}

static bool prefix_good(const struct prefix *p) { return p->len <= 8 * addr_len(&p->addr) && p->addr.family; }

void nht_route(struct bgp *b, const struct route *r, bool gone)
{
	if (prefix_good(&r->dst) && r->source != ROUTE_OURS && r->n_hops <= ROUTE_HOPS_MAX)
		route_change(b, r, gone);
}

const struct route *nht_exact(const struct bgp *b, const struct prefix *p)
{
	struct prefix m = {masked(&p->addr, p->len), p->len};
	const struct view_prefix *v = prefix_find(b, &m);
	return v && v->first ? &v->first->r : NULL;
}

const struct route *nht_walk(const struct bgp *b, uint64_t *cursor)
{
	return *cursor < b->nht->n_prefixes ? &b->nht->prefix[(*cursor)++]->first->r : NULL;
}

/* --- Addresses --- */

static bool same_addr(const struct route_addr *x, const struct route_addr *y)
{
	return x->ifindex == y->ifindex && x->local.len == y->local.len && addr_eq(&x->local.addr, &y->local.addr) &&
	       addr_eq(&x->peer, &y->peer);
}

void nht_addr(struct bgp *b, const struct route_addr *a, bool gone)
{
	struct route host = {.dst = {a->local.addr, (uint8_t)(8 * addr_len(&a->local.addr))}, .source = ROUTE_LOCAL,
	                     .n_hops = 1, .table = ROUTE_TABLE_MAIN, .hop = {{.ifindex = a->ifindex, .weight = 1}}};

	if (!prefix_good(&a->local))
		return;
	LIST_EACH(it, tmp, &b->nht->addrs) {
		struct view_addr *v = LIST_ENTRY(it, struct view_addr, link);
		if (!same_addr(&v->a, a))
			continue;
		list_del(&v->link);
		mem_put(b->env.mem, v, sizeof *v);
		break;
	}
	if (!gone) {
		struct view_addr *v = mem_get(b->env.mem, sizeof *v);
		if (!v)
			return;
		v->a = *a;
		list_add_tail(&b->nht->addrs, &v->link);
	}
	route_change(b, &host, gone);
}

bool nht_is_local(const struct bgp *b, const struct addr *a)
{
	struct prefix p = {*a, (uint8_t)(8 * addr_len(a))};
	const struct view_prefix *v = a->family ? prefix_find(b, &p) : NULL;

	for (const struct view_route *r = v ? v->first : NULL; r; r = r->next)
		if (r->r.source == ROUTE_LOCAL)
			return true;
	return false;
}

/* Our address on an interface that a peer on it would know: of the point-to-point pair, of its network, else any. */
static bool address_towards(const struct bgp *b, uint32_t ifindex, const struct addr *peer, struct addr *out)
{
	bool found = false;

	LIST_EACH(it, tmp, &b->nht->addrs) {
		const struct route_addr *a = &LIST_ENTRY(it, struct view_addr, link)->a;

		if (a->ifindex != ifindex || a->local.addr.family != peer->family)
			continue;
		bool near = a->peer.family ? addr_eq(&a->peer, peer) : addr_in(peer, &a->local);
		if (near || !found)
			*out = a->local.addr;
		found = true;
		if (near)
			return true;
	}
	return found;
}

bool nht_if_address(const struct bgp *b, uint32_t ifindex, const struct addr *peer, struct addr *out)
{
	return address_towards(b, ifindex, peer, out);
}

bool nht_connected(const struct bgp *b, const struct addr *peer, uint32_t *ifindex, struct addr *local)
{
	for (int len = (int)(8 * addr_len(peer)); len > 0; len--) {
		const struct view_prefix *v = view_of_length(b, peer, (uint8_t)len);

		for (const struct view_route *r = v ? v->first : NULL; r; r = r->next) {
			if (r->r.source != ROUTE_CONNECTED || !r->r.n_hops || !nht_if_usable(b, r->r.hop[0].ifindex))
				continue;
			if (!address_towards(b, r->r.hop[0].ifindex, peer, local))
				continue;
			*ifindex = r->r.hop[0].ifindex;
			return true;
		}
	}
	return false;
}

static uint32_t host_order(const struct addr *a)
{
	struct rd r = rd_init(a->b, 4);
	return rd_u32(&r);
}

uint32_t nht_router_id(const struct bgp *b)
{
	uint32_t loopback = 0, other = 0;

	LIST_EACH(it, tmp, &b->nht->addrs) {
		const struct route_addr *a = &LIST_ENTRY(it, struct view_addr, link)->a;
		const struct view_link *l = view_link(b, a->ifindex);
		if (a->local.addr.family != AF_V4 || a->local.addr.b[0] == 127)
			continue;
		uint32_t id = host_order(&a->local.addr);
		uint32_t *best = l && l->link.loopback ? &loopback : &other;
		if (id > *best)
			*best = id;
	}
	return loopback ? loopback : other;
}
