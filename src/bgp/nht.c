/* Next hops against the kernel's routes and our own (RFC 4271 9.1.2.1). A next hop is resolved by the longest prefix that
 * has it, of the kernel's routes or of our own best ones; through our own to at most NHT_DEPTH steps.
 *
 * A route must not hold itself up (9.1.2.1: "resolved ... through itself"): none of our routes whose own next hop is the one
 * in question, or was resolved through it, is looked at, host routes included. Our discard routes, and the kernel's, end the
 * search: that is where packets would go. Default routes count only when asked for (ip nht resolve-via-default).
 *
 * What may concern a next hop is found by bisection: all addresses that any of them depends on, sorted. So a change among a
 * million routes costs a few comparisons, and next hops are looked at again only when there is reason to. */
#include "bgp/nht_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct nh_entry *entry(struct bgp_nh *nh) { return CONTAINER_OF(nh, struct nh_entry, nh); }

int nht_init(struct bgp *b)
{
	b->nht = mem_get(b->env.mem, sizeof *b->nht);
	return b->nht ? view_init(b) : -ENOMEM;
}

void nht_fini(struct bgp *b)
{
	struct bgp_nht_state *n = b->nht;

	if (!n)
		return;
	LIST_EACH(it, tmp, &n->all_nhs)
		mem_put(b->env.mem, LIST_ENTRY(it, struct nh_entry, link), sizeof(struct nh_entry));
	view_fini(b);
	if (n->watch)
		mem_put(b->env.mem, n->watch, sizeof *n->watch * n->cap_watch);
	mem_put(b->env.mem, n, sizeof *n);
	b->nht = NULL;
}

/* --- Who is concerned --- */

static void mark(struct bgp *b, struct bgp_nh *nh)
{
	entry(nh)->due = true;
	b->nht->any_due = true;
}

void nht_touch_all(struct bgp *b)
{
	LIST_EACH(it, tmp, &b->nht->all_nhs)
		mark(b, &LIST_ENTRY(it, struct nh_entry, link)->nh);
}

static int watch_order(const void *x, const void *y)
{
	const struct watch *a = x, *b = y;
	return addr_cmp(&a->addr, &b->addr);
}

static bool watch_room(struct bgp *b, uint32_t want)
{
	struct bgp_nht_state *n = b->nht;

	if (want <= n->cap_watch)
		return true;
	uint32_t cap = n->cap_watch ? n->cap_watch : 64;
	while (cap < want)
		cap *= 2;
	struct watch *more = mem_get(b->env.mem, sizeof *more * cap);

	if (!more)
		return false;
	if (n->watch)
		mem_put(b->env.mem, n->watch, sizeof *n->watch * n->cap_watch);
	n->watch = more;
	n->cap_watch = cap;
	return true;
}

/* False: no memory, so everybody is concerned. */
static bool watch_ready(struct bgp *b)
{
	struct bgp_nht_state *n = b->nht;

	if (!n->watch_stale)
		return true;
	if (!watch_room(b, n->n_nhs * (NHT_DEPTH + 1)))
		return false;
	n->n_watch = 0;
	LIST_EACH(it, tmp, &n->all_nhs) {
		struct nh_entry *e = LIST_ENTRY(it, struct nh_entry, link);

		n->watch[n->n_watch++] = (struct watch){e->nh.addr, &e->nh};
		for (uint8_t i = 0; i < e->n_through; i++)
			n->watch[n->n_watch++] = (struct watch){e->through[i], &e->nh};
	}
	qsort(n->watch, n->n_watch, sizeof *n->watch, watch_order);
	n->watch_stale = false;
	n->watch_lo = n->n_watch ? addr_high(&n->watch[0].addr) : 1;
	n->watch_hi = n->n_watch ? addr_high(&n->watch[n->n_watch - 1].addr) : 0;
	return true;
}

void nht_touch(struct bgp *b, const struct prefix *p)
{
	struct bgp_nht_state *n = b->nht;
	uint32_t lo = 0, hi;

	if (!n->n_nhs)
		return;
	if (!watch_ready(b)) {
		nht_touch_all(b);
		return;
	}
	if (!nht_near(n, p))
		return;
	/* The first that is not below the prefix; its host bits are clear. */
	for (hi = n->n_watch; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&n->watch[mid].addr, &p->addr) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n->n_watch && addr_in(&n->watch[lo].addr, p); lo++)
		mark(b, n->watch[lo].nh);
}

void nht_rib_changed(struct bgp *b, uint8_t af, const struct prefix *p)
{
	(void)af;
	nht_touch(b, p);
}

/* --- Resolution --- */

struct answer {
	bool ok;
	uint32_t metric;
	struct prefix via;
	uint8_t n_hops;
	struct route_hop hop[ROUTE_HOPS_MAX];
	struct addr through[NHT_DEPTH];
	uint8_t n_through;
	char why[96];
};

static void no(struct answer *a, const char *text, const struct prefix *p)
{
	struct sbuf s = SB(a->why);

	a->ok = false;
	a->n_hops = 0;
	sb_put(&s, text);
	if (p)
		sb_prefix(&s, p);
}

/* A route of the kernel as an answer; false: it leads nowhere now, a shorter one may. */
static bool by_kernel(const struct bgp *b, const struct addr *addr, const struct view_prefix *v, struct answer *a)
{
	for (const struct view_route *vr = v->first; vr; vr = vr->next) {
		const struct route *r = &vr->r;

		if (r->source == ROUTE_LOCAL)
			continue;
		if (r->kind != ROUTE_UNICAST) {
			no(a, "packets to it are discarded by the kernel's ", &v->p);
			return true;
		}
		a->n_hops = 0;
		for (uint8_t i = 0; i < r->n_hops; i++) {
			if (!nht_if_usable(b, r->hop[i].ifindex))
				continue;
			a->hop[a->n_hops] = r->hop[i];
			if (!r->hop[i].gateway.family)
				a->hop[a->n_hops].gateway = *addr;
			a->n_hops++;
		}
		if (!a->n_hops)
			continue;
		a->ok = true;
		a->metric = r->source == ROUTE_CONNECTED ? 0 : r->metric;
		a->via = v->p;
		return true;
	}
	return false;
}

/* Whether resolving `me` through other would make it hold itself up. */
static bool circular(const struct bgp_nh *me, const struct bgp_nh *other)
{
	const struct nh_entry *e = CONTAINER_OF(other, struct nh_entry, nh);

	if (other == me || addr_eq(&other->addr, &me->addr))
		return true;
	for (uint8_t i = 0; i < e->n_through; i++)
		if (addr_eq(&e->through[i], &me->addr))
			return true;
	return false;
}

/* One of our own routes as an answer; false: look for a shorter one. */
static bool by_rib(struct bgp *b, const struct bgp_nh *me, const struct prefix *p, struct answer *a)
{
	struct bgp_table *t = rib_table(b, p->addr.family == AF_V4 ? BGP_V4 : BGP_V6);
	uint32_t id = rib_find(t, p);
	const struct bgp_dest *d = id ? rib_dest(t, id) : NULL;
	const struct bgp_path *path = d && d->best ? rib_path(t, d->best) : NULL;

	if (!path)
		return false;
	if (path->flags & PATH_LOCAL) {
		/* What we announce for the kernel's routes is looked up there; an aggregate discards. */
		if (!(path->flags & PATH_AGGREGATE))
			return false;
		no(a, "packets to it are discarded by our aggregate ", p);
		return true;
	}
	const struct bgp_attr *attr = attr_at(b, path->attr);
	const struct bgp_nh *nh = attr ? attr->nh : NULL;

	if (!nh || !nh->ok || circular(me, nh))
		return false;
	const struct nh_entry *e = CONTAINER_OF(nh, struct nh_entry, nh);

	if (e->n_through + 1 > NHT_DEPTH)
		return false;
	a->ok = true;
	a->metric = nh->metric;
	a->via = *p;
	a->n_hops = nh->n_hops;
	memcpy(a->hop, nh->hop, sizeof a->hop[0] * nh->n_hops);
	memcpy(a->through, e->through, sizeof a->through[0] * e->n_through);
	a->n_through = e->n_through;
	a->through[a->n_through++] = nh->addr;
	return true;
}

static void resolve(struct bgp *b, const struct bgp_nh *nh, struct answer *a)
{
	int bits = (int)(8 * addr_len(&nh->addr));

	*a = (struct answer){0};
	if (nht_is_local(b, &nh->addr)) {
		no(a, "it is an address of this host", NULL);
		return;
	}
	if (nh->ifindex) { /* link-local: on the session's link or nowhere */
		if (!nht_if_usable(b, nh->ifindex)) {
			no(a, "its interface is down", NULL);
			return;
		}
		a->ok = true;
		a->via = (struct prefix){nh->addr, (uint8_t)bits};
		a->hop[a->n_hops++] = (struct route_hop){.gateway = nh->addr, .ifindex = nh->ifindex, .weight = 1};
		return;
	}
	int last = b->cb && b->cb->resolve_via_default ? 0 : 1;

	for (int len = bits; len >= last; len--) {
		const struct view_prefix *v = view_of_length(b, &nh->addr, (uint8_t)len);
		struct prefix p = {nh->addr, (uint8_t)len};

		if (v && by_kernel(b, &nh->addr, v, a))
			return;
		for (int i = len; i < bits; i++)
			p.addr.b[i / 8] &= (uint8_t)~(0x80u >> (i % 8));
		if (by_rib(b, nh, &p, a))
			return;
	}
	no(a, "no route to it", NULL);
}

static bool same_hops(const struct bgp_nh *nh, const struct answer *a)
{
	if (nh->n_hops != a->n_hops)
		return false;
	for (uint8_t i = 0; i < a->n_hops; i++)
		if (nh->hop[i].ifindex != a->hop[i].ifindex || nh->hop[i].weight != a->hop[i].weight ||
		    nh->hop[i].onlink != a->hop[i].onlink || !addr_eq(&nh->hop[i].gateway, &a->hop[i].gateway))
			return false;
	return true;
}

static bool same_through(const struct nh_entry *e, const struct answer *a)
{
	if (e->n_through != a->n_through)
		return false;
	for (uint8_t i = 0; i < a->n_through; i++)
		if (!addr_eq(&e->through[i], &a->through[i]))
			return false;
	return true;
}

/* True when paths with it are to be decided anew. */
static bool update(struct bgp *b, struct nh_entry *e)
{
	struct bgp_nh *nh = &e->nh;
	struct answer a;

	resolve(b, nh, &a);
	bool changed = nh->ok != a.ok || (a.ok && (nh->metric != a.metric || !same_hops(nh, &a)));

	if (!same_through(e, &a)) {
		memcpy(e->through, a.through, sizeof e->through);
		e->n_through = a.n_through;
		b->nht->watch_stale = true;
	}
	nh->ok = a.ok;
	nh->metric = a.metric;
	nh->via = a.via;
	nh->n_hops = a.n_hops;
	memcpy(nh->hop, a.hop, sizeof nh->hop);
	memcpy(nh->why, a.why, sizeof nh->why);
	return changed;
}

bool nht_settle(struct bgp *b)
{
	bool any = false;

	/* Those that were resolved through one that changed are due themselves, so this ends when all agree; a circle that got
	 * past circular() by a change of order is cut off by the count. */
	for (int round = 0; b->nht->any_due && round <= 2 * NHT_DEPTH; round++) {
		b->nht->any_due = false;
		LIST_EACH(it, tmp, &b->nht->all_nhs) {
			struct nh_entry *e = LIST_ENTRY(it, struct nh_entry, link);

			if (!e->due)
				continue;
			e->due = false;
			if (!update(b, e))
				continue;
			e->nh.changed = any = true;
			struct prefix host = {e->nh.addr, (uint8_t)(8 * addr_len(&e->nh.addr))};

			nht_touch(b, &host);
			e->due = false;
		}
	}
	return any;
}

/* --- Who has it --- */

static uint64_t nh_hash(const struct hmap *m, const struct addr *a, uint32_t ifindex)
{
	uint8_t key[21] = {a->family};

	memcpy(key + 1, a->b, 16);
	memcpy(key + 17, &ifindex, 4);
	return hmap_hash(m, key, sizeof key);
}

static bool link_local(const struct addr *a) { return a->family == AF_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; }

struct bgp_nh *nht_get(struct bgp *b, const struct addr *a, uint32_t ifindex)
{
	struct bgp_nht_state *n = b->nht;
	uint32_t scope = link_local(a) ? ifindex : 0;
	uint64_t hash = nh_hash(&n->nhs, a, scope);

	for (struct hnode *h = hmap_first(&n->nhs, hash); h; h = hmap_next(h)) {
		struct bgp_nh *nh = CONTAINER_OF(h, struct bgp_nh, node);

		if (nh->ifindex == scope && addr_eq(&nh->addr, a)) {
			nh->refs++;
			return nh;
		}
	}
	struct nh_entry *e = mem_get(b->env.mem, sizeof *e);

	if (!e)
		return NULL;
	e->nh.addr = *a;
	e->nh.ifindex = scope;
	e->nh.refs = 1;
	hmap_add(&n->nhs, &e->nh.node, hash);
	list_add_tail(&n->all_nhs, &e->link);
	n->n_nhs++;
	n->watch_stale = true;
	update(b, e);
	return &e->nh;
}

void nht_unref(struct bgp *b, struct bgp_nh *nh)
{
	struct nh_entry *e = entry(nh);

	if (--nh->refs)
		return;
	hmap_del(&b->nht->nhs, &nh->node);
	list_del(&e->link);
	b->nht->n_nhs--;
	b->nht->watch_stale = true;
	mem_put(b->env.mem, e, sizeof *e);
}

const struct bgp_nh *nht_next(const struct bgp *b, uint64_t *cursor)
{
	uint64_t at = 0;
	LIST_EACH(it, tmp, &b->nht->all_nhs) {
		if (at++ == *cursor) {
			++*cursor;
			return &LIST_ENTRY(it, struct nh_entry, link)->nh;
		}
	}
	return NULL;
}
