/* aggregate-address: which destinations are part of an aggregate, what it suppresses, when it is in the table.
 *
 * Each aggregate has books: its parts (destinations below it with a usable path that is no aggregate itself), and the
 * distinct sets of attributes among their paths, counted. A change of a destination changes only the books of the
 * aggregates over it, which are found by masking its prefix to the lengths that occur; the aggregate's own route is
 * made from the
 * distinct sets afterwards (aggregate_work), once for any number of changes.
 *
 * Suppression is told to rib.c at once, so that no part is announced that is about to be hidden. Books of a new
 * aggregate are
 * filled by a walk over the table in slices. */
#include <errno.h>
#include <string.h>

#include "bgp/aggregate_int.h"

enum { SLICE = 4096, PATHS_MAX = 256 /* of one destination that count */ };

struct bgp_aggregate_state {
	struct hmap aggs;
	struct list all;
	uint64_t lens[BGP_AF_N][3]; /* lengths that occur, a bit each */
	uint32_t walk[BGP_AF_N];    /* next bucket to look at; UINT32_MAX = none */
	bool lost;                  /* memory was short: the books are to be filled anew */
	uint32_t router_id;         /* that AGGREGATOR has */
};

static uint8_t af_of(const struct prefix *p) { return p->addr.family == AF_V4 ? BGP_V4 : BGP_V6; }

static uint64_t prefix_hash(const struct hmap *m, const struct prefix *p)
{
	uint8_t key[18];
	struct wr w = wr_init(key, sizeof key);
	wr_u8(&w, p->addr.family);
	wr_u8(&w, p->len);
	wr_bytes(&w, p->addr.b, addr_len(&p->addr));
	return hmap_hash(m, key, w.len);
}

static struct agg *find(const struct bgp_aggregate_state *s, const struct prefix *p)
{
	for (struct hnode *n = hmap_first(&s->aggs, prefix_hash(&s->aggs, p)); n; n = hmap_next(n)) {
		struct agg *ag = CONTAINER_OF(n, struct agg, node);
		if (ag->prefix.len == p->len && addr_eq(&ag->prefix.addr, &p->addr))
			return ag;
	}
	return NULL;
}

static void mask(struct prefix *p, uint8_t len)
{
	for (size_t i = 0; i < sizeof p->addr.b; i++) {
		size_t bits = len > i * 8 ? min_z(8, len - i * 8) : 0;
		p->addr.b[i] &= (uint8_t)(0xff00 >> bits);
	}
	p->len = len;
}

/* The next aggregate over p at a length from *len on. */
static struct agg *next_over(const struct bgp_aggregate_state *s, const struct prefix *p, uint32_t *len)
{
	const uint64_t *lens = s->lens[af_of(p)];
	for (; *len < p->len; ++*len) {
		if (!(lens[*len / 64] >> (*len % 64) & 1))
			continue;
		struct prefix at = *p;
		mask(&at, (uint8_t)*len);
		struct agg *ag = find(s, &at);
		if (ag) {
			++*len;
			return ag;
		}
	}
	return NULL;
}

/* --- Books --- */
static uint64_t hash_u32(const struct hmap *m, uint32_t v) { return hmap_hash(m, &v, sizeof v); }

static struct agg_set *set_find(const struct agg *ag, uint32_t attr)
{
	for (struct hnode *n = hmap_first(&ag->sets, hash_u32(&ag->sets, attr)); n; n = hmap_next(n)) {
		struct agg_set *s = CONTAINER_OF(n, struct agg_set, node);
		if (s->attr->id == attr)
			return s;
	}
	return NULL;
}

static bool set_add(struct bgp *b, struct agg *ag, uint32_t attr)
{
	struct agg_set *s = set_find(ag, attr);
	if (!s) {
		s = mem_get(b->env.mem, sizeof *s);
		if (!s)
			return false;
		s->attr = attr_at(b, attr);
		attr_ref(s->attr);
		hmap_add(&ag->sets, &s->node, hash_u32(&ag->sets, attr));
		list_add_tail(&ag->set_list, &s->all);
	}
	s->n++;
	ag->paths++;
	return true;
}

static void set_drop(struct bgp *b, struct agg *ag, uint32_t attr)
{
	struct agg_set *s = set_find(ag, attr);
	if (BUG(!s))
		return;
	ag->paths--;
	if (--s->n)
		return;
	hmap_del(&ag->sets, &s->node);
	list_del(&s->all);
	attr_unref(b, s->attr);
	mem_put(b->env.mem, s, sizeof *s);
}

static struct agg_part *part_find(const struct agg *ag, uint32_t dest)
{
	for (struct hnode *n = hmap_first(&ag->parts, hash_u32(&ag->parts, dest)); n; n = hmap_next(n)) {
		struct agg_part *p = CONTAINER_OF(n, struct agg_part, node);
		if (p->dest == dest)
			return p;
	}
	return NULL;
}

static void suppress(struct bgp *b, struct agg *ag, struct agg_part *p, bool on, mono_t now)
{
	if (p->suppressing == on)
		return;
	p->suppressing = on;
	ag->suppressed = on ? ag->suppressed + 1 : ag->suppressed - 1;
	rib_suppress(b, af_of(&ag->prefix), p->dest, on, now);
}

static void part_drop(struct bgp *b, struct agg *ag, struct agg_part *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		set_drop(b, ag, p->attr[i]);
	ag->atomics -= p->atomic;
	ag->suppressed -= p->suppressing;
	hmap_del(&ag->parts, &p->node);
	list_del(&p->all);
	mem_put(b->env.mem, p, sizeof *p + sizeof p->attr[0] * p->n);
}

struct harvest {
	uint32_t n;
	bool atomic;
	uint32_t attr[PATHS_MAX];
};

static void harvest(const struct bgp *b, const struct bgp_table *t, uint32_t dest, struct harvest *h)
{
	h->n = 0;
	h->atomic = false;
	for (uint32_t id = rib_dest(t, dest)->first; id; id = rib_path(t, id)->next) {
		const struct bgp_path *p = rib_path(t, id);
		if (!(p->flags & PATH_VALID) || !p->attr)
			continue;
		if (p->flags & PATH_AGGREGATE)
			h->atomic |= (attr_at(b, p->attr)->v.has & HAS(BGP_A_ATOMIC)) != 0;
		else if (h->n < PATHS_MAX)
			h->attr[h->n++] = p->attr;
	}
}

static bool same(const struct agg_part *p, const struct harvest *h)
{
	return p ? p->n == h->n && p->atomic == h->atomic && memcmp(p->attr, h->attr, sizeof h->attr[0] * h->n) == 0
	         : h->n == 0 && !h->atomic;
}

/* NULL: nothing to keep, or no memory (then the books are filled anew later). */
static struct agg_part *part_new(struct bgp *b, struct agg *ag, uint32_t dest, const struct harvest *h)
{
	struct agg_part *p;
	if (h->n == 0 && !h->atomic)
		return NULL;
	p = mem_get(b->env.mem, sizeof *p + sizeof p->attr[0] * h->n);
	if (!p) {
		b->aggregate->lost = true;
		return NULL;
	}
	p->dest = dest;
	uint32_t n = 0;
	while (n < h->n && set_add(b, ag, h->attr[n]))
		n++;
	if (n < h->n) {
		while (n)
			set_drop(b, ag, h->attr[--n]);
		mem_put(b->env.mem, p, sizeof *p + sizeof p->attr[0] * h->n);
		b->aggregate->lost = true;
		return NULL;
	}
	p->n = n;
	p->atomic = h->atomic;
	ag->atomics += p->atomic;
	memcpy(p->attr, h->attr, sizeof h->attr[0] * n);
	hmap_add(&ag->parts, &p->node, hash_u32(&ag->parts, dest));
	list_add_tail(&ag->part_list, &p->all);
	return p;
}

/* --- Suppression --- */
/* Whether the aggregate hides the destination: all its parts, or those that a map permits; never another aggregate. */
static bool hides(const struct bgp *b, const struct agg *ag, const struct bgp_table *t, const struct agg_part *p)
{
	const struct bgp_dest *d = rib_dest(t, p->dest);
	const struct bgp_path *best = d->best ? rib_path(t, d->best) : NULL;
	struct prefix prefix;
	struct bgp_edit e;
	if (!ag->keep || p->n == 0 || (best && best->flags & PATH_AGGREGATE) || !aggregate_med_ok(ag))
		return false;
	if (ag->conf.summary_only)
		return true;
	if (!ag->conf.suppress_map)
		return false;
	rib_prefix(t, d, &prefix);
	struct bgp_filter_in in = {
		.prefix = &prefix, .peer = best && best->peer ? peer_at(b, best->peer) : NULL, .source = ROUTE_OURS};
	edit_init(&e, attr_at(b, best && best->attr ? best->attr : p->attr[0]));
	return filter_map(b, ag->conf.suppress_map, &in, &e);
}

static void suppress_all(struct bgp *b, struct agg *ag, mono_t now)
{
	struct bgp_table *t = &b->table[af_of(&ag->prefix)];
	LIST_EACH (at, next, &ag->part_list) {
		struct agg_part *p = LIST_ENTRY(at, struct agg_part, all);
		suppress(b, ag, p, hides(b, ag, t, p), now);
	}
}

static void part_changed(struct bgp *b, struct agg *ag, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct harvest h;
	struct agg_part *p = part_find(ag, dest);
	bool was_ok = aggregate_med_ok(ag), suppressing = p && p->suppressing;
	harvest(b, t, dest, &h);
	if (!same(p, &h)) {
		struct agg_part *old = p;
		p = part_new(b, ag, dest, &h); /* before the old one goes: sets that stay are not made anew */
		if (p && suppressing)
			p->suppressing = true, ag->suppressed++;
		if (old)
			part_drop(b, ag, old);
		if (!p && suppressing)
			rib_suppress(b, t->af, dest, false, now);
		ag->dirty = true;
	}
	if (ag->conf.matching_med && was_ok != aggregate_med_ok(ag))
		suppress_all(b, ag, now);
	else if (p)
		suppress(b, ag, p, hides(b, ag, t, p), now);
}

static __attribute__((noinline)) void changed_in_all(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct bgp_aggregate_state *s = b->aggregate;
	struct prefix p;
	struct agg *ag;
	uint32_t len = 0;
	rib_prefix(t, rib_dest(t, dest), &p);
	while ((ag = next_over(s, &p, &len)))
		part_changed(b, ag, t, dest, now);
}

void aggregate_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	if (aggregate_any(b))
		changed_in_all(b, t, dest, now);
}

bool aggregate_any(const struct bgp *b) { return b->aggregate->aggs.n > 0; }

/* --- Configuration --- */
static struct agg *agg_new(struct bgp *b, const struct conf_bgp_aggregate *c)
{
	struct bgp_aggregate_state *s = b->aggregate;
	struct agg *ag = mem_get(b->env.mem, sizeof *ag);
	if (!ag)
		return NULL;
	if (hmap_init(&ag->parts, b->env.mem, s->aggs.key[0], s->aggs.key[1]) != 0 ||
	    hmap_init(&ag->sets, b->env.mem, s->aggs.key[0], s->aggs.key[1]) != 0) {
		if (ag->parts.bucket)
			hmap_fini(&ag->parts);
		mem_put(b->env.mem, ag, sizeof *ag);
		return NULL;
	}
	ag->prefix = c->prefix;
	list_init(&ag->part_list);
	list_init(&ag->set_list);
	hmap_add(&s->aggs, &ag->node, prefix_hash(&s->aggs, &ag->prefix));
	list_add_tail(&s->all, &ag->all);
	s->walk[af_of(&ag->prefix)] = 0;
	return ag;
}

static void agg_free(struct bgp *b, struct agg *ag)
{
	LIST_EACH (at, next, &ag->part_list)
		part_drop(b, ag, LIST_ENTRY(at, struct agg_part, all));
	if (ag->announced)
		attr_unref(b, ag->announced);
	hmap_del(&b->aggregate->aggs, &ag->node);
	list_del(&ag->all);
	hmap_fini(&ag->parts);
	hmap_fini(&ag->sets);
	mem_put(b->env.mem, ag, sizeof *ag);
}

/* In the table what its parts make of it; false: no memory, and all stays as it is. */
static bool announce(struct bgp *b, struct agg *ag, mono_t now)
{
	bool wanted = ag->keep && ag->paths && aggregate_med_ok(ag);
	struct bgp_attr *a = wanted ? aggregate_attr(b, ag) : NULL;
	uint8_t af = af_of(&ag->prefix);
	if (wanted && !a && !ag->denied)
		return false;
	if (a && a != ag->announced)
		rib_local_set(b, af, &ag->prefix, LOCAL_AGGREGATE, a, true, now);
	else if (!a && ag->announced)
		rib_local_del(b, af, &ag->prefix, LOCAL_AGGREGATE, now);
	if (ag->announced)
		attr_unref(b, ag->announced);
	ag->announced = a;
	return true;
}

static void take_conf(struct bgp *b, const struct conf_bgp_aggregate *c, mono_t now)
{
	struct agg *ag = find(b->aggregate, &c->prefix);
	if (!ag)
		ag = agg_new(b, c);
	if (!ag) {
		act_note(b, -1, "no memory for an aggregate");
		return;
	}
	ag->conf = *c;
	ag->keep = ag->dirty = true;
	b->aggregate->lens[af_of(&c->prefix)][c->prefix.len / 64] |= (uint64_t)1 << (c->prefix.len % 64);
	suppress_all(b, ag, now); /* maps and options may differ */
}

/* Those that the configuration no longer has: what they hid comes back, they go. */
static void take_down(struct bgp *b, mono_t now)
{
	LIST_EACH (at, next, &b->aggregate->all) {
		struct agg *ag = LIST_ENTRY(at, struct agg, all);
		if (ag->keep)
			continue;
		suppress_all(b, ag, now);
		(void)announce(b, ag, now);
		agg_free(b, ag);
	}
}

void aggregate_conf(struct bgp *b, mono_t now)
{
	struct bgp_aggregate_state *s = b->aggregate;
	LIST_EACH (at, next, &s->all)
		LIST_ENTRY(at, struct agg, all)->keep = false;
	memset(s->lens, 0, sizeof s->lens);
	for (uint32_t i = 0; b->cb && i < b->cb->aggregates.n; i++)
		take_conf(b, conf_at(b->conf, b->cb->aggregates, sizeof(struct conf_bgp_aggregate), i), now);
	take_down(b, now);
}

/* --- Work --- */
static void walk(struct bgp *b, struct bgp_table *t, mono_t now)
{
	struct bgp_aggregate_state *s = b->aggregate;
	uint32_t at = s->walk[t->af], n = 0;
	for (; at < t->n_buckets && n < SLICE; at++) {
		for (uint32_t dest = t->bucket[at]; dest; dest = rib_dest(t, dest)->chain, n++)
			aggregate_dest_changed(b, t, dest, now);
	}
	s->walk[t->af] = at < t->n_buckets ? at : UINT32_MAX;
}

bool aggregate_work(struct bgp *b, mono_t now)
{
	struct bgp_aggregate_state *s = b->aggregate;
	bool more = false;
	if (s->aggs.n == 0)
		return false;
	if (s->lost) { /* once; when memory is still short, the next change tries again */
		s->lost = false;
		s->walk[BGP_V4] = s->walk[BGP_V6] = 0;
	}
	if (s->router_id != b->router_id) {
		s->router_id = b->router_id;
		LIST_EACH(at, next, &s->all)
			LIST_ENTRY(at, struct agg, all)->dirty = true;
	}
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (s->walk[af] != UINT32_MAX)
			walk(b, &b->table[af], now);
		more |= s->walk[af] != UINT32_MAX;
	}
	LIST_EACH (at, next, &s->all) {
		struct agg *ag = LIST_ENTRY(at, struct agg, all);
		if (!ag->dirty)
			continue;
		ag->dirty = !announce(b, ag, now); /* when memory was short: on the next occasion */
		more |= !ag->dirty;                /* one aggregate's coming may change another above it */
	}
	return more;
}

/* --- Views --- */
static void view(const struct agg *ag, struct aggregate_view *out)
{
	*out = (struct aggregate_view){.prefix = ag->prefix,
	                               .parts = (uint32_t)ag->parts.n,
	                               .suppressed = ag->suppressed,
	                               .active = ag->announced != NULL,
	                               .why = ""};
	if (ag->paths == 0)
		out->why = "nothing below it is usable";
	else if (!aggregate_med_ok(ag))
		out->why = "its parts have different metrics (matching-MED-only)";
	else if (ag->denied)
		out->why = "its route map denies it";
}

bool aggregate_over(const struct bgp *b, const struct bgp_table *t, uint32_t dest, uint32_t *cursor,
                    struct aggregate_view *out)
{
	struct prefix p;
	rib_prefix(t, rib_dest(t, dest), &p);
	const struct agg *ag = next_over(b->aggregate, &p, cursor);
	if (ag)
		view(ag, out);
	return ag != NULL;
}

bool aggregate_exact(const struct bgp *b, const struct prefix *p, struct aggregate_view *out)
{
	const struct agg *ag = find(b->aggregate, p);
	if (ag)
		view(ag, out);
	return ag != NULL;
}

int aggregate_init(struct bgp *b)
{
	struct bgp_aggregate_state *s = mem_get(b->env.mem, sizeof *s);
	b->aggregate = s;
	if (!s)
		return -ENOMEM;
	list_init(&s->all);
	s->walk[BGP_V4] = s->walk[BGP_V6] = UINT32_MAX;
	if (hmap_init(&s->aggs, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng)) == 0)
		return 0;
	mem_put(b->env.mem, s, sizeof *s);
	b->aggregate = NULL;
	return -ENOMEM;
}

void aggregate_fini(struct bgp *b)
{
	struct bgp_aggregate_state *s = b->aggregate;
	if (!s)
		return;
	LIST_EACH (at, next, &s->all)
		agg_free(b, LIST_ENTRY(at, struct agg, all));
	hmap_fini(&s->aggs);
	mem_put(b->env.mem, s, sizeof *s);
	b->aggregate = NULL;
}
