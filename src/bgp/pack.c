/* UPDATE messages in the making: one open message per set of attributes (and per member that must not, or alone may, have it), to which
 * prefixes are added until it is full or closed. That is what makes few messages of many changes (RFC 4271 9.2), in
 * whatever order they come. A buffer starts small and grows, so that many sets with few prefixes each do not cost much. */
#include <string.h>

#include "bgp/adj_int.h"

#include "bgp/hash.h"

enum { FIRST_ROOM = 96, HEADERS = 64, NLRI_MAX = 4 + 1 + 16 };

/* --- Chunks --- */

struct bgp_chunk *chunk_new(struct bgp *b, size_t cap)
{
	struct bgp_chunk *c = mem_get(b->env.mem, sizeof *c + cap);
	if (!c)
		return NULL;
	c->refs = 1;
	c->cap = (uint32_t)cap;
	return c;
}

void chunk_unref(struct bgp *b, struct bgp_chunk *c)
{
	if (!c || BUG(c->refs == 0) || --c->refs)
		return;
	mem_put(b->env.mem, c, sizeof *c + c->cap);
}

/* Room for one more; the list does not change otherwise. */
static bool list_room(struct bgp *b, struct chunk_list *l)
{
	if (l->n < l->cap)
		return true;
	uint32_t cap = l->cap ? l->cap * 2 : 8;
	struct bgp_chunk **more = mem_get(b->env.mem, sizeof(struct bgp_chunk *) * cap);
	if (!more)
		return false;
	if (l->n)
		memcpy(more, l->v, sizeof(struct bgp_chunk *) * l->n);
	mem_put(b->env.mem, l->v, sizeof(struct bgp_chunk *) * l->cap);
	l->v = more;
	l->cap = cap;
	return true;
}

bool list_put(struct bgp *b, struct chunk_list *l, struct bgp_chunk *c)
{
	if (!list_room(b, l)) {
		chunk_unref(b, c);
		return false;
	}
	l->v[l->n++] = c;
	return true;
}

void list_clear(struct bgp *b, struct chunk_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		chunk_unref(b, l->v[i]);
	mem_put(b->env.mem, l->v, sizeof(struct bgp_chunk *) * l->cap);
	*l = (struct chunk_list){0};
}

/* --- Open messages --- */

int packer_init(struct bgp *b, struct packer *pk, struct bgp_group *g, struct chunk_list *to)
{
	*pk = (struct packer){.g = g, .to = to};
	list_init(&pk->all);
	list_init(&pk->gone);
	return hmap_init(&pk->open, b->env.mem, 0, 0);
}

static void msg_free(struct bgp *b, struct packer *pk, struct open_msg *m)
{
	hmap_del(&pk->open, &m->node);
	b->adj->n_open--;
	list_del(&m->link);
	if (pk->last == m)
		pk->last = NULL;
	mem_put(b->env.mem, m, sizeof *m);
}

static void drop_all(struct bgp *b, struct packer *pk, struct list *of)
{
	LIST_EACH (it, tmp, of) {
		struct open_msg *m = LIST_ENTRY(it, struct open_msg, link);
		chunk_unref(b, m->c);
		msg_free(b, pk, m);
	}
}

void packer_fini(struct bgp *b, struct packer *pk)
{
	drop_all(b, pk, &pk->all);
	drop_all(b, pk, &pk->gone);
	hmap_fini(&pk->open);
}

static struct wr writer(const struct open_msg *m)
{
	struct wr w = wr_init(m->c->data, m->c->cap);
	w.len = m->c->len;
	return w;
}

/* Completes a message and hands it on; false: it is lost. */
static bool complete(struct bgp *b, struct packer *pk, struct open_msg *m)
{
	struct bgp_chunk *c = m->c;
	struct wr w = writer(m);

	m->u.w = &w;
	bgp_update_end(&m->u);
	c->len = (uint32_t)w.len;
	c->except = m->except;
	c->only = m->only;
	pk->octets -= c->cap;
	msg_free(b, pk, m);
	if (BUG(!wr_ok(&w))) {
		chunk_unref(b, c);
		return false;
	}
	if (pk->to)
		return list_put(b, pk->to, c);
	log_append(b, pk->g, c);
	return true;
}

static bool complete_all(struct bgp *b, struct packer *pk, struct list *of)
{
	bool ok = true;
	LIST_EACH (it, tmp, of)
		ok &= complete(b, pk, LIST_ENTRY(it, struct open_msg, link));
	return ok;
}

bool packer_close(struct bgp *b, struct packer *pk)
{
	bool ok = complete_all(b, pk, &pk->gone);
	return complete_all(b, pk, &pk->all) && ok;
}

static struct addr self_hole(const struct bgp_group *g)
{
	return (struct addr){.family = g->key.self_len == 4 ? AF_V4 : AF_V6};
}

static void begin(struct packer *pk, struct open_msg *m, const struct bgp_attr *a)
{
	const struct bgp_group *g = pk->g;
	struct wr w = writer(m);

	if (!a) {
		bgp_unreach_begin(&m->u, &w, g->key.af, &g->coding);
	} else {
		bool self = a->next_hop.family == AF_NONE;
		struct addr hop = self ? self_hole(g) : a->next_hop;
		bgp_reach_begin(&m->u, &w, g->key.af, &g->coding, SPAN(a->canon, a->canon_len), &hop, NULL);
		m->c->nh_at = (uint16_t)(self ? m->u.nh_at : 0);
		m->c->nh_len = (uint16_t)(self ? m->u.nh_len : 0);
	}
	m->c->len = (uint32_t)w.len;
}

/* AS_PATH of a peer with two-octet numbers may be there twice. */
static size_t attr_octets(const struct bgp_group *g, const struct bgp_attr *a)
{
	return HEADERS + a->canon_len + (g->coding.as4 ? 0 : a->v.as_path.n + 16);
}

bool pack_fits(const struct bgp_group *g, const struct bgp_attr *a) { return attr_octets(g, a) + NLRI_MAX <= g->key.max; }

static struct open_msg *open_new(struct bgp *b, struct packer *pk, const struct bgp_attr *a, uint16_t except, uint16_t only, uint64_t hash)
{
	size_t cap = min_z(pk->g->key.max, (a ? attr_octets(pk->g, a) : HEADERS) + FIRST_ROOM);
	struct open_msg *m = mem_get(b->env.mem, sizeof *m);
	struct bgp_chunk *c = m ? chunk_new(b, cap) : NULL;

	if (!c) {
		mem_put(b->env.mem, m, sizeof *m);
		return NULL;
	}
	m->c = c;
	m->attr = a ? a->id : 0;
	m->except = except;
	m->only = only;
	begin(pk, m, a);
	pk->octets += cap;
	list_init(&m->link);
	list_add_tail(a ? &pk->all : &pk->gone, &m->link);
	hmap_add(&pk->open, &m->node, hash);
	b->adj->n_open++;
	return m;
}

static inline bool is(const struct open_msg *m, uint32_t attr, uint16_t except, uint16_t only)
{
	return m->attr == attr && m->except == except && m->only == only;
}

static struct open_msg *open_get(struct bgp *b, struct packer *pk, const struct bgp_attr *a, uint16_t except, uint16_t only)
{
	uint32_t attr = a ? a->id : 0;
	uint64_t hash = hash_mix(attr ^ 0x9e3779b97f4a7c15u, ((uint64_t)except << 16 | only) ^ 0xe7037ed1a0b428dbu);
	for (struct hnode *n = hmap_first(&pk->open, hash); n; n = hmap_next(n)) {
		struct open_msg *m = CONTAINER_OF(n, struct open_msg, node);
		if (is(m, attr, except, only))
			return m;
	}
	return open_new(b, pk, a, except, only, hash);
}

/* Makes room for `need` octets: 1; 0: the message is full; -1: no memory. */
static int room(struct bgp *b, struct packer *pk, struct open_msg *m, size_t need)
{
	struct bgp_chunk *c = m->c;
	size_t max = pk->g->key.max, want = c->len + need + m->u.tail;

	if (want > max)
		return 0;
	if (want <= c->cap)
		return 1;
	size_t cap = min_z(max, max_z(want, c->cap * 2u));
	struct bgp_chunk *more = chunk_new(b, cap);
	if (!more)
		return -1;
	memcpy(more->data, c->data, c->len);
	more->len = c->len;
	more->nh_at = c->nh_at;
	more->nh_len = c->nh_len;
	pk->octets += cap - c->cap;
	chunk_unref(b, c);
	m->c = more;
	return 1;
}

static bool add(struct bgp *b, struct packer *pk, const struct bgp_attr *a, uint16_t except, uint16_t only, const struct bgp_dest *d,
                uint32_t tx_id)
{
	const size_t octets = (d->len + 7u) / 8u, need = octets + (pk->g->key.addpath ? 5 : 1);
	struct open_msg *m = pk->last && is(pk->last, a ? a->id : 0, except, only) ? pk->last : open_get(b, pk, a, except, only);
	int r = !m ? -1 : m->c->len + need + m->u.tail <= m->c->cap ? 1 : room(b, pk, m, need);

	if (r == 0) {
		/* What is announced may have been withdrawn before, under another number. */
		bool ok = !a || complete_all(b, pk, &pk->gone);
		ok &= complete(b, pk, m);
		m = ok ? open_get(b, pk, a, except, only) : NULL;
		r = m ? room(b, pk, m, need) : -1;
	}
	if (r <= 0)
		return false;
	struct wr w = writer(m);
	if (pk->g->key.addpath)
		wr_u32(&w, tx_id);
	uint8_t *p = wr_room(&w, octets + 1);
	if (BUG(!p))
		return false;
	p[0] = d->len;
	for (size_t i = 0; i < octets; i++) /* a few: a call of memcpy would take longer */
		p[i + 1] = d->addr[i];
	m->c->len = (uint32_t)w.len;
	pk->last = m;
	return true;
}

bool pack_reach(struct bgp *b, struct packer *pk, const struct bgp_attr *a, uint16_t except, uint16_t only, const struct bgp_dest *d,
                uint32_t tx_id)
{
	return add(b, pk, a, except, only, d, tx_id);
}

bool pack_unreach(struct bgp *b, struct packer *pk, uint16_t except, uint16_t only, const struct bgp_dest *d, uint32_t tx_id)
{
	return add(b, pk, NULL, except, only, d, tx_id);
}
