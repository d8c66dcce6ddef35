/* The attributes of an aggregate, from the distinct sets of its parts: as FRR has them, byte for byte.
 *
 *   ORIGIN            the worst: any incomplete, else any EGP, else IGP; or what the statement says
 *   AS_PATH           empty; with as-set what all have in common at the beginning, then an AS_SET of the rest, which
 *                     reject-as-sets leaves out (RFC 9774), with ATOMIC_AGGREGATE for a trace
 *   MED               0
 *   ATOMIC_AGGREGATE  without as-set, or when a part or an aggregate below has it
 *   AGGREGATOR        this AS and router id
 *   communities       with as-set: of each kind all that any part has, but GRACEFUL_SHUTDOWN
 *
 * What is longer than one attribute can be is left out with a note. */
#include <stdlib.h>
#include <string.h>

#include "bgp/aggregate_int.h"

enum { SPAN_MAX = 60000, COMMON_MAX = 255 };

#define EACH_SET(it, ag)                                                                                               \
	for (const struct agg_set *it = LIST_ENTRY((ag)->set_list.next, struct agg_set, all);                          \
	     &it->all != &(ag)->set_list; it = LIST_ENTRY(it->all.next, struct agg_set, all))

static uint32_t med_of(const struct bgp_attr *a) { return a->v.has & HAS(BGP_A_MED) ? a->v.med : 0; }

bool aggregate_med_ok(const struct agg *ag)
{
	bool first = true;
	uint32_t med = 0;
	if (!ag->conf.matching_med)
		return true;
	EACH_SET(s, ag)
	{
		if (!first && med_of(s->attr) != med)
			return false;
		med = med_of(s->attr);
		first = false;
	}
	return true;
}

static uint8_t worst_origin(const struct agg *ag)
{
	uint8_t worst = BGP_IGP;
	if (ag->conf.origin_set)
		return (uint8_t)(ag->conf.origin_set - 1);
	EACH_SET(s, ag)
	{
		if (s->attr->v.origin > worst)
			worst = s->attr->v.origin;
	}
	return worst;
}

static bool is_atomic(const struct agg *ag)
{
	if (!ag->conf.as_set || ag->atomics)
		return true;
	EACH_SET(s, ag)
	{
		if (s->attr->v.has & HAS(BGP_A_ATOMIC))
			return true;
	}
	return false;
}

/* --- Room: two buffers for what is put together --- */
struct collect {
	struct bgp *b;
	uint8_t *p;
	size_t cap, n;
};

static bool collect_init(struct collect *c, struct bgp *b, size_t cap)
{
	*c = (struct collect){.b = b, .cap = cap, .p = cap ? mem_get(b->env.mem, cap) : NULL};
	return cap == 0 || c->p;
}

static void collect_fini(struct collect *c)
{
	if (c->p)
		mem_put(c->b->env.mem, c->p, c->cap);
}

static int cmp4(const void *x, const void *y) { return memcmp(x, y, 4); }
static int cmp8(const void *x, const void *y) { return memcmp(x, y, 8); }
static int cmp12(const void *x, const void *y) { return memcmp(x, y, 12); }

/* Sorted, each once. */
static void unique(struct collect *c, size_t size)
{
	size_t n = c->n / size, kept = 0;
	if (n == 0)
		return;
	qsort(c->p, n, size, size == 4 ? cmp4 : size == 8 ? cmp8 : cmp12);
	for (size_t i = 0; i < n; i++) {
		if (kept && memcmp(&c->p[(kept - 1) * size], &c->p[i * size], size) == 0)
			continue;
		memmove(&c->p[kept++ * size], &c->p[i * size], size);
	}
	c->n = kept * size;
}

/* --- Communities --- */
static struct span communities_of(const struct bgp_attr *a, uint8_t kind)
{
	return kind == COMM_STANDARD   ? a->v.communities
	       : kind == COMM_EXTENDED ? a->v.ext_communities
	                               : a->v.large_communities;
}

/* FRR: an aggregate does not inherit a part's wish to be shut down. */
static void without_shutdown(struct collect *c)
{
	uint8_t value[4];
	struct wr w = wr_init(value, sizeof value);
	size_t kept = 0;
	wr_u32(&w, BGP_GRACEFUL_SHUTDOWN);
	for (size_t i = 0; i + 4 <= c->n; i += 4) {
		if (memcmp(&c->p[i], value, 4) == 0)
			continue;
		memmove(&c->p[kept], &c->p[i], 4);
		kept += 4;
	}
	c->n = kept;
}

static bool collect_communities(struct bgp *b, const struct agg *ag, uint8_t kind, struct collect *c)
{
	size_t total = 0;
	EACH_SET(s, ag) total += communities_of(s->attr, kind).n;
	if (!collect_init(c, b, total))
		return false;
	struct wr w = wr_init(c->p, total);
	EACH_SET(s, ag) wr_bytes(&w, communities_of(s->attr, kind).p, communities_of(s->attr, kind).n);
	c->n = w.len;
	unique(c, filter_community_size(kind));
	if (kind == COMM_STANDARD)
		without_shutdown(c);
	if (c->n <= SPAN_MAX)
		return true;
	act_note(b, -1, "an aggregate's parts have too many communities: none are announced");
	c->n = 0;
	return true;
}

/* --- AS_PATH --- */
/* How many numbers of both paths' leading sequences are the same. */
static size_t common(struct span x, struct span y, size_t max)
{
	struct rd r = rd_init(x.p, x.n), q = rd_init(y.p, y.n);
	uint8_t tx = rd_u8(&r), nx = rd_u8(&r), ty = rd_u8(&q), ny = rd_u8(&q);
	size_t n = 0;
	if (!rd_ok(&r) || !rd_ok(&q) || tx != BGP_AS_SEQUENCE || ty != BGP_AS_SEQUENCE)
		return 0;
	max = min_z(max, min_z(nx, ny));
	while (n < max && rd_u32(&r) == rd_u32(&q))
		n++;
	return n;
}

/* All numbers of a path but the first `skip`. */
static void rest_of(struct wr *w, struct span path, size_t skip)
{
	struct rd r = rd_init(path.p, path.n);
	while (rd_left(&r)) {
		rd_skip(&r, 1);
		uint8_t count = rd_u8(&r);
		for (unsigned i = 0; i < count && rd_ok(&r); i++) {
			uint32_t as = rd_u32(&r);
			if (skip)
				skip--;
			else
				wr_u32(w, as);
		}
	}
}

static void put_segments(struct wr *w, uint8_t type, const uint8_t *as, size_t n)
{
	for (size_t i = 0; i < n; i += 255) {
		size_t count = min_z(255, n - i);
		wr_u8(w, type);
		wr_u8(w, (unsigned)count);
		wr_bytes(w, &as[i * 4], count * 4);
	}
}

/* *stripped: there would have been an AS_SET. */
static bool collect_path(struct bgp *b, const struct agg *ag, struct collect *out, bool *stripped)
{
	struct collect rest;
	struct span lead = {0};
	size_t shared = COMMON_MAX, total = 0;
	EACH_SET(s, ag)
	{
		struct span path = s->attr->v.as_path;
		if (&s->all == ag->set_list.next)
			lead = path;
		shared = common(lead, path, shared);
		total += path.n * 2;
	}
	if (!collect_init(&rest, b, total))
		return false;
	struct wr r = wr_init(rest.p, total);
	EACH_SET(s, ag) rest_of(&r, s->attr->v.as_path, shared);
	rest.n = r.len;
	unique(&rest, 4);
	*stripped = rest.n > 0 && (b->cb->reject_as_sets || rest.n > SPAN_MAX);
	bool ok = collect_init(out, b, 2 + shared * 4 + rest.n * 2);
	if (ok && shared + rest.n > 0) {
		struct wr w = wr_init(out->p, out->cap);
		if (shared)
			put_segments(&w, BGP_AS_SEQUENCE, lead.p + 2, shared);
		if (!*stripped)
			put_segments(&w, BGP_AS_SET, rest.p, rest.n / 4);
		out->n = w.len;
	}
	collect_fini(&rest);
	return ok;
}

/* --- All of them --- */
static void base(const struct bgp *b, const struct agg *ag, struct bgp_edit *e)
{
	*e = (struct bgp_edit){.weight = BGP_WEIGHT_LOCAL, .changed = true};
	e->v.has = HAS(BGP_A_ORIGIN) | HAS(BGP_A_AS_PATH) | HAS(BGP_A_MED) | HAS(BGP_A_AGGREGATOR);
	e->v.origin = worst_origin(ag);
	e->v.aggregator_as = b->cb->as;
	e->v.aggregator_id = b->router_id;
	if (is_atomic(ag))
		e->v.has |= HAS(BGP_A_ATOMIC);
}

static void take(struct bgp_edit *e, uint8_t type, struct span *at, const struct collect *c)
{
	*at = SPAN(c->p, c->n);
	if (c->n)
		e->v.has |= HAS(type);
}

static struct bgp_attr *mapped(struct bgp *b, struct agg *ag, struct bgp_edit *e)
{
	struct bgp_filter_in in = {.prefix = &ag->prefix, .source = ROUTE_OURS};
	ag->denied = !filter_map(b, ag->conf.map, &in, e);
	return ag->denied ? NULL : edit_commit(b, e, false);
}

static struct bgp_attr *with_set(struct bgp *b, struct agg *ag, struct bgp_edit *e)
{
	struct collect c[4] = {{0}};
	bool stripped = false;
	struct bgp_attr *a = NULL;
	if (collect_path(b, ag, &c[0], &stripped) && collect_communities(b, ag, COMM_STANDARD, &c[1]) &&
	    collect_communities(b, ag, COMM_EXTENDED, &c[2]) && collect_communities(b, ag, COMM_LARGE, &c[3])) {
		e->v.as_path = SPAN(c[0].p, c[0].n);
		take(e, BGP_A_COMMUNITIES, &e->v.communities, &c[1]);
		take(e, BGP_A_EXT_COMMUNITIES, &e->v.ext_communities, &c[2]);
		take(e, BGP_A_LARGE_COMMUNITIES, &e->v.large_communities, &c[3]);
		if (stripped)
			e->v.has |= HAS(BGP_A_ATOMIC);
		a = mapped(b, ag, e);
	}
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		collect_fini(&c[i]);
	return a;
}

struct bgp_attr *aggregate_attr(struct bgp *b, struct agg *ag)
{
	struct bgp_edit e;
	base(b, ag, &e);
	ag->denied = false;
	return ag->conf.as_set ? with_set(b, ag, &e) : mapped(b, ag, &e);
}
