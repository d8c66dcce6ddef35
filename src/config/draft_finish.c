/* From names to indices, and into the builder. See draft.h. */
#include "config/draft.h"

#include <string.h>

/* What FRR takes a name for that nothing defines: a prefix list denies all, another list matches nothing, a route map
 * denies. */
static void define(struct draft *d, const struct draft_mention *m)
{
	bool is_new;
	if (m->list == LIST_MAP) {
		draft_map_make(d, m->name);
		return;
	}
	struct draft_list *l = draft_list_make(d, m->list, m->sub, m->name);
	struct draft_rule *r = l && m->list == LIST_PREFIX ? draft_rule(d, l, 0, &is_new) : NULL;
	if (!r)
		return;
	r->u.prefix.seq = r->seq;
	r->u.prefix.action = CONF_DENY;
	r->u.prefix.any = true;
	r->u.prefix.prefix.addr.family = m->sub == BGP_V6 ? AF_V6 : AF_V4;
}

/* Index + 1 of a name; 0 for none. sub BGP_AF_N: the first that has this name. */
static uint32_t index_of(const struct draft *d, uint8_t list, uint8_t sub, uint32_t name)
{
	for (uint32_t i = 0; name && i < d->list[list].n; i++) {
		if (list == LIST_MAP ? DRAFT_AT(&d->list[list], struct draft_map, i)->name == name
		                     : DRAFT_AT(&d->list[list], struct draft_list, i)->name == name &&
		                               (list == LIST_ASPATH ||
		                                DRAFT_AT(&d->list[list], struct draft_list, i)->sub == sub))
			return i + 1;
	}
	return 0;
}

static void resolve(const struct draft *d, uint8_t shape, void *p)
{
	for (const struct conf_index *i = conf_indices(); i->shape != SHAPE_N; i++) {
		uint32_t v;
		if (i->shape != shape)
			continue;
		memcpy(&v, (uint8_t *)p + i->off, sizeof v);
		v = index_of(d, i->list, i->af, v);
		memcpy((uint8_t *)p + i->off, &v, sizeof v);
	}
}

/* The kind of list that a clause means beside its name lies in address.family: see clause.c. */
static void resolve_clauses(const struct draft *d, struct draft_vec *v, bool set)
{
	for (uint32_t i = 0; i < v->n; i++) {
		struct conf_clause *c = DRAFT_AT(v, struct conf_clause, i);
		uint8_t list = set ? conf_set_list(c->what) : conf_match_list(c->what);
		if (list == LIST_NONE)
			continue;
		c->u = index_of(d, list, c->address.family, c->u);
		c->address.family = AF_NONE;
	}
}

static struct conf_array put(struct draft *d, const struct draft_vec *v, uint8_t shape)
{
	size_t size = conf_shape(shape)->size;
	for (uint32_t i = 0; i < v->n; i++)
		resolve(d, shape, draft_at(v, size, i));
	return conf_builder_array(d->b, v->v, v->n, size);
}

/* The rules of a list, without what only the draft needs. */
static struct conf_array put_rules(struct draft *d, const struct draft_list *l, uint8_t shape)
{
	size_t size = conf_shape(shape)->size;
	uint8_t *flat = arena_get(d->arena, l->rules.n * size + 1);
	for (uint32_t i = 0; flat && i < l->rules.n; i++)
		memcpy(flat + i * size, &DRAFT_AT(&l->rules, struct draft_rule, i)->u, size);
	return flat ? conf_builder_array(d->b, flat, l->rules.n, size) : (struct conf_array){0};
}

static struct conf_array put_prefix_lists(struct draft *d)
{
	struct draft_vec *v = &d->list[LIST_PREFIX];
	struct conf_prefix_list *out = arena_get(d->arena, v->n * sizeof *out + 1);
	for (uint32_t i = 0; out && i < v->n; i++) {
		const struct draft_list *l = DRAFT_AT(v, struct draft_list, i);
		out[i].name = l->name;
		out[i].af = l->sub;
		out[i].rules = put_rules(d, l, SHAPE_PREFIX_RULE);
	}
	return conf_builder_array(d->b, out, out ? v->n : 0, sizeof *out);
}

static struct conf_array put_community_lists(struct draft *d)
{
	struct draft_vec *v = &d->list[LIST_COMMUNITY];
	struct conf_community_list *out = arena_get(d->arena, v->n * sizeof *out + 1);
	for (uint32_t i = 0; out && i < v->n; i++) {
		const struct draft_list *l = DRAFT_AT(v, struct draft_list, i);
		out[i].name = l->name;
		out[i].kind = l->sub;
		out[i].rules = put_rules(d, l, SHAPE_COMMUNITY_RULE);
	}
	return conf_builder_array(d->b, out, out ? v->n : 0, sizeof *out);
}

static struct conf_array put_aspath_lists(struct draft *d)
{
	struct draft_vec *v = &d->list[LIST_ASPATH];
	struct conf_aspath_list *out = arena_get(d->arena, v->n * sizeof *out + 1);
	for (uint32_t i = 0; out && i < v->n; i++) {
		const struct draft_list *l = DRAFT_AT(v, struct draft_list, i);
		out[i].name = l->name;
		out[i].rules = put_rules(d, l, SHAPE_ASPATH_RULE);
	}
	return conf_builder_array(d->b, out, out ? v->n : 0, sizeof *out);
}

static struct conf_array put_entries(struct draft *d, struct draft_map *m)
{
	struct conf_map_entry *out = arena_get(d->arena, m->entries.n * sizeof *out + 1);
	for (uint32_t i = 0; out && i < m->entries.n; i++) {
		struct draft_entry *e = DRAFT_AT(&m->entries, struct draft_entry, i);
		resolve(d, SHAPE_MAP_ENTRY, &e->e);
		resolve_clauses(d, &e->match, false);
		resolve_clauses(d, &e->set, true);
		memcpy(&out[i], &e->e, sizeof *out);
		out[i].match = put(d, &e->match, SHAPE_CLAUSE);
		out[i].set = put(d, &e->set, SHAPE_CLAUSE);
	}
	return conf_builder_array(d->b, out, out ? m->entries.n : 0, sizeof *out);
}

static struct conf_array put_maps(struct draft *d)
{
	struct draft_vec *v = &d->list[LIST_MAP];
	struct conf_route_map *out = arena_get(d->arena, v->n * sizeof *out + 1);
	for (uint32_t i = 0; out && i < v->n; i++) {
		struct draft_map *m = DRAFT_AT(v, struct draft_map, i);
		out[i].name = m->name;
		out[i].entries = put_entries(d, m);
	}
	return conf_builder_array(d->b, out, out ? v->n : 0, sizeof *out);
}

/* The best path per neighboring AS is only one thing when routes are compared in groups: FRR turns this on, too. */
static bool wants_deterministic_med(const struct draft *d)
{
	for (uint32_t i = 0; i < d->peers.n; i++) {
		const struct conf_bgp_peer *p = DRAFT_AT(&d->peers, struct conf_bgp_peer, i);
		if (p->af[BGP_V4].addpath_tx == 2 || p->af[BGP_V6].addpath_tx == 2)
			return true;
	}
	return false;
}

void draft_finish(struct draft *d)
{
	const struct draft_mention *m;
	for (uint32_t i = 0; (m = draft_undefined(d, &i)) != NULL;)
		define(d, m);
	if (d->has_bgp) {
		struct conf_bgp *g = &d->bgp;
		g->tunnel_grace = d->routing.grace;
		g->deterministic_med = g->deterministic_med || wants_deterministic_med(d);
		g->listen_on = put(d, &d->listen_on, SHAPE_ADDR);
		g->peers = put(d, &d->peers, SHAPE_PEER);
		g->networks = put(d, &d->networks, SHAPE_NETWORK);
		g->aggregates = put(d, &d->aggregates, SHAPE_AGGREGATE);
		g->redistribute = put(d, &d->redistribute, SHAPE_REDISTRIBUTE);
		g->prefix_lists = put_prefix_lists(d);
		g->community_lists = put_community_lists(d);
		g->aspath_lists = put_aspath_lists(d);
		g->route_maps = put_maps(d);
		d->routing.bgp = conf_builder_struct(d->b, g, sizeof *g);
	}
	d->routing.statics = put(d, &d->statics, SHAPE_STATIC);
	conf_builder_routing(d->b, &d->routing);
	d->b->bad = d->b->bad || d->arena->bad;
}
