/* The routing part while it is being read. See draft.h. */
#include "config/draft.h"

#include <string.h>

void draft_init(struct draft *d, struct conf_builder *b, struct arena *a)
{
	/* All octets: padding goes into the blob, and equal configurations shall be equal octets. */
	memset(d, 0, sizeof *d);
	d->b = b;
	d->arena = a;
	conf_bgp_defaults(&d->bgp);
	d->routing.grace = d->bgp.tunnel_grace;
}

void *draft_add(struct draft *d, struct draft_vec *v, uint32_t at, size_t size)
{
	if (v->n == v->cap) {
		uint32_t cap = v->cap ? v->cap * 2 : 8;
		uint8_t *p = arena_get(d->arena, cap * size);
		if (!p)
			return NULL;
		if (v->n)
			memcpy(p, v->v, v->n * size);
		v->v = p;
		v->cap = cap;
	}
	at = at < v->n ? at : v->n;
	uint8_t *p = (uint8_t *)v->v + at * size;
	memmove(p + size, p, (v->n - at) * size);
	memset(p, 0, size);
	v->n++;
	return p;
}

void *draft_at(const struct draft_vec *v, size_t size, uint32_t i)
{
	return i < v->n ? (uint8_t *)v->v + i * size : NULL;
}

void draft_remove(struct draft_vec *v, size_t size, uint32_t i)
{
	uint8_t *p = draft_at(v, size, i);
	if (p)
		memmove(p, p + size, (--v->n - i) * size);
}

/* Equal texts have equal references in one builder. */
struct draft_list *draft_list(struct draft *d, uint8_t list, uint8_t sub, conf_ref name)
{
	for (uint32_t i = 0; i < d->list[list].n; i++) {
		struct draft_list *l = DRAFT_AT(&d->list[list], struct draft_list, i);
		if (l->name == name && l->sub == sub)
			return l;
	}
	return NULL;
}

struct draft_map *draft_map(struct draft *d, conf_ref name)
{
	for (uint32_t i = 0; i < d->list[LIST_MAP].n; i++) {
		struct draft_map *m = DRAFT_AT(&d->list[LIST_MAP], struct draft_map, i);
		if (m->name == name)
			return m;
	}
	return NULL;
}

struct draft_list *draft_list_make(struct draft *d, uint8_t list, uint8_t sub, conf_ref name)
{
	struct draft_list *l = draft_list(d, list, sub, name);
	uint32_t at = d->list[list].n;
	if (l)
		return l;
	/* Those of a kind stand together, as they do in a gretel.conf. */
	while (at > 0 && DRAFT_AT(&d->list[list], struct draft_list, at - 1)->sub > sub)
		at--;
	l = draft_add(d, &d->list[list], at, sizeof *l);
	if (!l)
		return NULL;
	l->name = name;
	l->sub = sub;
	return l;
}

struct draft_map *draft_map_make(struct draft *d, conf_ref name)
{
	struct draft_map *m = draft_map(d, name);
	if (!m && (m = draft_add(d, &d->list[LIST_MAP], UINT32_MAX, sizeof *m)) != NULL)
		m->name = name;
	return m;
}

struct draft_rule *draft_rule(struct draft *d, struct draft_list *l, uint32_t seq, bool *is_new)
{
	uint32_t at = l->rules.n;
	struct draft_rule *last = DRAFT_AT(&l->rules, struct draft_rule, at - 1), *r;
	if (seq == 0)
		seq = last ? last->seq / 5 * 5 + 5 : 5;
	for (*is_new = true; at > 0; at--) {
		r = DRAFT_AT(&l->rules, struct draft_rule, at - 1);
		if (r->seq < seq)
			break;
		if (r->seq == seq) {
			*is_new = false;
			return r;
		}
	}
	r = draft_add(d, &l->rules, at, sizeof *r);
	if (r)
		r->seq = seq;
	return r;
}

struct draft_entry *draft_entry(struct draft *d, struct draft_map *m, uint32_t seq)
{
	uint32_t at = m->entries.n;
	struct draft_entry *e;
	for (; at > 0; at--) {
		e = DRAFT_AT(&m->entries, struct draft_entry, at - 1);
		if (e->e.seq == seq)
			return e;
		if (e->e.seq < seq)
			break;
	}
	e = draft_add(d, &m->entries, at, sizeof *e);
	if (e)
		e->e.seq = seq;
	return e;
}

void draft_mention(struct draft *d, uint8_t list, uint8_t sub, conf_ref name, unsigned line, const struct cfg_node *at,
                   const char *path)
{
	struct draft_mention *m = draft_add(d, &d->mentions, UINT32_MAX, sizeof *m);
	if (m)
		*m = (struct draft_mention){list, sub, name, line, at, path};
}

static bool defined(struct draft *d, uint8_t list, uint8_t sub, conf_ref name)
{
	return list == LIST_MAP ? draft_map(d, name) != NULL : draft_list(d, list, sub, name) != NULL;
}

const struct draft_mention *draft_undefined(struct draft *d, uint32_t *i)
{
	while (*i < d->mentions.n) {
		const struct draft_mention *m = DRAFT_AT(&d->mentions, struct draft_mention, (*i)++);
		if (!defined(d, m->list, m->sub, m->name))
			return m;
	}
	return NULL;
}

const char *draft_list_name(uint8_t list, uint8_t sub)
{
	static const char *const kinds[] = {"community list", "extcommunity list", "large-community list"};
	switch (list) {
	case LIST_PREFIX:
		return sub == BGP_V6 ? "ipv6 prefix-list" : "ip prefix-list";
	case LIST_COMMUNITY:
		return kinds[sub];
	case LIST_ASPATH:
		return "as-path access-list";
	default:
		return "route-map";
	}
}

/* Whether `goal` is among the maps that `name` calls, at most as many deep as there are maps. */
static bool calls(struct draft *d, conf_ref name, conf_ref goal, uint32_t depth)
{
	struct draft_map *m = draft_map(d, name);
	for (uint32_t i = 0; m && depth && i < m->entries.n; i++) {
		conf_ref next = DRAFT_AT(&m->entries, struct draft_entry, i)->e.call;
		if (next && (next == goal || calls(d, next, goal, depth - 1)))
			return true;
	}
	return false;
}

conf_ref draft_call_cycle(struct draft *d)
{
	enum { DEPTH = 16 }; /* FRR's own limit is in this order */
	for (uint32_t i = 0; i < d->list[LIST_MAP].n; i++) {
		conf_ref name = DRAFT_AT(&d->list[LIST_MAP], struct draft_map, i)->name;
		if (calls(d, name, name, DEPTH))
			return name;
	}
	return 0;
}
