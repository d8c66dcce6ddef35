/* A set of attributes while filters change it. Nothing is copied that is not changed: spans lead into the interned set,
 * into the configuration, or into the edit's own buffer, until edit_commit() writes canonical octets and interns
 * them. */
#include <stdlib.h>
#include <string.h>

#include "bgp/filter_int.h"

/* What struct bgp_attrs has a member for, but the next hop, which is no part of canonical octets. */
#define KNOWN                                                                                                          \
	(HAS(BGP_A_ORIGIN) | HAS(BGP_A_AS_PATH) | HAS(BGP_A_MED) | HAS(BGP_A_LOCAL_PREF) | HAS(BGP_A_ATOMIC) |         \
	 HAS(BGP_A_AGGREGATOR) | HAS(BGP_A_COMMUNITIES) | HAS(BGP_A_ORIGINATOR_ID) | HAS(BGP_A_CLUSTER_LIST) |         \
	 HAS(BGP_A_EXT_COMMUNITIES) | HAS(BGP_A_LARGE_COMMUNITIES) | HAS(BGP_A_OTC))

void edit_init(struct bgp_edit *e, const struct bgp_attr *a)
{
	e->v = a->v;
	e->v.next_hop = a->next_hop;
	e->v.next_hop_ll = a->next_hop_ll;
	e->unknown = a->v.unknown ? SPAN(a->canon, a->canon_len) : (struct span){0};
	e->weight = a->weight;
	e->tag = a->tag;
	e->next_hop_self = e->next_hop_unchanged = e->changed = false;
	e->used = 0;
}

uint8_t *edit_room(struct bgp_edit *e, size_t n)
{
	if (n > sizeof e->buf - e->used)
		return NULL;
	uint8_t *p = e->buf + e->used;
	e->used += n;
	e->changed = true;
	return p;
}

/* The octets that a writer has filled of the room that begins at `from`; the rest is given back. */
static struct span keep(struct bgp_edit *e, const struct wr *w)
{
	e->used = (size_t)(w->base - e->buf) + w->len;
	return SPAN(w->base, w->len);
}

static int cmp4(const void *x, const void *y) { return memcmp(x, y, 4); }
static int cmp8(const void *x, const void *y) { return memcmp(x, y, 8); }
static int cmp12(const void *x, const void *y) { return memcmp(x, y, 12); }

bool edit_union(struct bgp_edit *e, struct span x, struct span y, size_t size, struct span *out)
{
	size_t n = (x.n + y.n) / size, used = 0;
	uint8_t *p = edit_room(e, n * size);
	if (!p)
		return false;
	struct wr w = wr_init(p, n * size);
	wr_bytes(&w, x.p, x.n);
	wr_bytes(&w, y.p, y.n);
	qsort(p, n, size, size == 4 ? cmp4 : size == 8 ? cmp8 : cmp12);
	for (size_t i = 0; i < n; i++) {
		if (used && memcmp(&p[(used - 1) * size], &p[i * size], size) == 0)
			continue;
		memmove(&p[used++ * size], &p[i * size], size);
	}
	w.len = used * size;
	*out = keep(e, &w);
	return true;
}

bool edit_prepend(struct bgp_edit *e, const uint32_t *as, size_t n)
{
	struct rd r = rd_init(e->v.as_path.p, e->v.as_path.n);
	uint8_t type = rd_u8(&r), count = rd_u8(&r);
	size_t merged = rd_ok(&r) && type == BGP_AS_SEQUENCE && count + n <= 255 ? count : 0,
	       room = e->v.as_path.n + 2 + n * 4;
	uint8_t *p = edit_room(e, room);
	if (!p || n == 0 || n > 255)
		return n == 0;
	struct wr w = wr_init(p, room);
	wr_u8(&w, BGP_AS_SEQUENCE);
	wr_u8(&w, (unsigned)(n + merged));
	for (size_t i = 0; i < n; i++)
		wr_u32(&w, as[i]);
	struct span rest = merged ? span_behind(e->v.as_path, 2) : e->v.as_path;
	wr_bytes(&w, rest.p, rest.n);
	e->v.as_path = keep(e, &w);
	e->v.has |= HAS(BGP_A_AS_PATH);
	return true;
}

static bool listed(uint32_t v, const uint32_t *as, size_t n)
{
	while (n > 0 && as[n - 1] != v)
		n--;
	return n > 0;
}

/* A segment without the listed numbers; one that has no other is left out. */
static void exclude_segment(struct rd *r, struct wr *w, const uint32_t *as, size_t n)
{
	uint8_t type = rd_u8(r), count = rd_u8(r), kept = 0;
	size_t start = w->len;
	wr_u8(w, type);
	wr_u8(w, 0);
	for (unsigned i = 0; i < count && rd_ok(r); i++) {
		uint32_t v = rd_u32(r);
		if (listed(v, as, n))
			continue;
		wr_u32(w, v);
		kept++;
	}
	if (kept)
		wr_put_u8(w, start + 1, kept);
	else
		w->len = start;
}

bool edit_exclude(struct bgp_edit *e, const uint32_t *as, size_t n)
{
	struct rd r = rd_init(e->v.as_path.p, e->v.as_path.n);
	uint8_t *p = edit_room(e, e->v.as_path.n);
	if (!p)
		return false;
	struct wr w = wr_init(p, e->v.as_path.n);
	while (rd_left(&r))
		exclude_segment(&r, &w, as, n);
	e->v.as_path = keep(e, &w);
	return true;
}

/* Unknown attributes of types below `type`, as they were. */
static void put_unknown(struct wr *w, struct rd *unknown, unsigned type)
{
	for (;;) {
		struct rd peek = *unknown;
		uint8_t flags, t;
		struct span v;
		if (!rd_left(&peek) || !bgp_attr_next(&peek, &flags, &t, &v) || t >= type)
			return;
		*unknown = peek;
		if (t < 64 && KNOWN & HAS(t))
			continue;
		wr_u8(w, flags);
		wr_u8(w, t);
		if (flags & BGP_F_EXTENDED)
			wr_u16(w, (unsigned)v.n);
		else
			wr_u8(w, (unsigned)v.n);
		wr_bytes(w, v.p, v.n);
	}
}

static void put_span(struct wr *w, const struct bgp_edit *e, struct rd *unknown, uint8_t type, struct span v)
{
	put_unknown(w, unknown, type);
	if (e->v.has & HAS(type) && (v.n || type == BGP_A_AS_PATH))
		bgp_attr_put(w, type, v.p, v.n);
}

static void put_u32(struct wr *w, const struct bgp_edit *e, struct rd *unknown, uint8_t type, uint32_t v)
{
	put_unknown(w, unknown, type);
	if (e->v.has & HAS(type))
		bgp_attr_put_u32(w, type, v);
}

static void write_canon(struct wr *w, const struct bgp_edit *e)
{
	struct rd u = rd_init(e->unknown.p, e->unknown.n);
	uint8_t aggregator[8];
	struct wr a = wr_init(aggregator, sizeof aggregator);
	wr_u32(&a, e->v.aggregator_as);
	wr_u32(&a, e->v.aggregator_id);
	if (e->v.has & HAS(BGP_A_ORIGIN))
		bgp_attr_put(w, BGP_A_ORIGIN, &e->v.origin, 1);
	put_span(w, e, &u, BGP_A_AS_PATH, e->v.as_path);
	put_u32(w, e, &u, BGP_A_MED, e->v.med);
	put_u32(w, e, &u, BGP_A_LOCAL_PREF, e->v.local_pref);
	if (e->v.has & HAS(BGP_A_ATOMIC))
		bgp_attr_put(w, BGP_A_ATOMIC, NULL, 0);
	put_span(w, e, &u, BGP_A_AGGREGATOR, SPAN(aggregator, sizeof aggregator));
	put_span(w, e, &u, BGP_A_COMMUNITIES, e->v.communities);
	put_u32(w, e, &u, BGP_A_ORIGINATOR_ID, e->v.originator_id);
	put_span(w, e, &u, BGP_A_CLUSTER_LIST, e->v.cluster_list);
	put_span(w, e, &u, BGP_A_EXT_COMMUNITIES, e->v.ext_communities);
	put_span(w, e, &u, BGP_A_LARGE_COMMUNITIES, e->v.large_communities);
	put_u32(w, e, &u, BGP_A_OTC, e->v.otc);
	put_unknown(w, &u, 256);
}

struct bgp_attr *edit_commit(struct bgp *b, const struct bgp_edit *e, bool track)
{
	enum { HEADERS = 16 * 4 + 64 };
	uint8_t small[1024];
	size_t need = HEADERS + e->v.as_path.n + e->v.communities.n + e->v.cluster_list.n + e->v.ext_communities.n +
	              e->v.large_communities.n + e->unknown.n;
	uint8_t *p = need <= sizeof small ? small : mem_get(b->env.mem, need);
	struct bgp_attr *a = NULL;
	if (!p)
		return NULL;
	struct wr w = wr_init(p, need);
	write_canon(&w, e);
	if (!BUG(!wr_ok(&w)))
		a = attr_get(b, SPAN(p, w.len), &e->v.next_hop, &e->v.next_hop_ll, e->weight, e->tag, track);
	if (p != small)
		mem_put(b->env.mem, p, need);
	return a;
}
