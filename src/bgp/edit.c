/* A set of attributes while filters change it. Nothing is copied that is not changed: spans lead into the interned set,
 * into the configuration, or into the edit's own buffer, until edit_commit() writes canonical octets and interns
 * them. */
#include <stdlib.h>
#include <string.h>

#include "bgp/filter_int.h"

void edit_init(struct bgp_edit *e, const struct bgp_attr *a)
{
	e->v = a->v;
	e->v.next_hop = a->next_hop;
	e->v.next_hop_ll = a->next_hop_ll;
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

struct bgp_attr *edit_commit(struct bgp *b, const struct bgp_edit *e, bool track)
{
	enum { HEADERS = 16 * 4 + 64 };
	uint8_t small[1024];
	size_t need = HEADERS + e->v.as_path.n + e->v.communities.n + e->v.cluster_list.n + e->v.ext_communities.n +
	              e->v.v6_ext_communities.n + e->v.large_communities.n + (e->v.unknown ? e->v.raw.n : 0);
	uint8_t *p = need <= sizeof small ? small : mem_get(b->env.mem, need);
	struct bgp_attr *a = NULL;
	if (!p)
		return NULL;
	struct wr w = wr_init(p, need);
	bgp_attrs_put(&w, &e->v);
	if (!BUG(!wr_ok(&w)))
		a = attr_get(b, SPAN(p, w.len), &e->v.next_hop, &e->v.next_hop_ll, e->weight, e->tag, track);
	if (p != small)
		mem_put(b->env.mem, p, need);
	return a;
}
