/* Route maps (FRR's semantics): entries in order; one whose clauses all match decides. A permitting entry carries
 * out its set
 * clauses, then the map that it calls, whose denial is final; then the map ends, or goes on at the next entry or a
 * later one
 * (on-match, continue), where a permission that was given stays unless a later entry denies. No entry at all:
 * denied. Entries only ever
 * lead forward and calls are nested ten deep at most, so that every map ends. */
#include <string.h>

#include "bgp/filter_int.h"

enum { CALLS_MAX = 10 };

struct map_run {
	const struct bgp *b;
	const struct bgp_filter_in *in;
	struct bgp_edit *e;
	unsigned depth;
};

static const struct conf_route_map *map_at(const struct bgp *b, uint32_t map)
{
	return b->cb && map ? conf_at(b->conf, b->cb->route_maps, sizeof(struct conf_route_map), map - 1) : NULL;
}

const char *filter_map_name(const struct bgp *b, uint32_t map)
{
	const struct conf_route_map *m = map_at(b, map);
	return m ? conf_str(b->conf, m->name) : "?";
}

/* --- Match clauses --- */
static bool next_hop_in_list(const struct map_run *r, const struct conf_clause *c)
{
	const struct addr *a = &r->e->v.next_hop;
	struct prefix p = {.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
	return a->family != AF_NONE && filter_prefix_list(r->b, c->u, &p, r->in->trace);
}

static bool peer_is(const struct map_run *r, const struct conf_clause *c)
{
	return addr_is_any(&c->address) ? !r->in->peer /* `match peer local` */
	                                : r->in->peer && addr_eq(&r->in->peer->address, &c->address);
}

/* A route has a preference also when it does not carry one: the speaker's default. */
static uint32_t local_pref(const struct map_run *r)
{
	return r->e->v.has & HAS(BGP_A_LOCAL_PREF) ? r->e->v.local_pref : r->b->cb->local_pref;
}

/* No MED counts as 0 (RFC 4271 9.1.2.2 c). */
static uint32_t metric(const struct map_run *r) { return r->e->v.has & HAS(BGP_A_MED) ? r->e->v.med : 0; }

static bool matches(const struct map_run *r, const struct conf_clause *c)
{
	const struct bgp_attrs *v = &r->e->v;
	struct sbuf *trace = r->in->trace;
	switch ((enum conf_match)c->what) {
	case MATCH_PREFIX_LIST:
		return filter_prefix_list(r->b, c->u, r->in->prefix, trace);
	case MATCH_NEXT_HOP_LIST:
		return next_hop_in_list(r, c);
	case MATCH_NEXT_HOP:
		return addr_eq(&v->next_hop, &c->address);
	case MATCH_COMMUNITY:
		return filter_community_list(r->b, c->u, v->communities, c->exact, trace);
	case MATCH_EXTCOMMUNITY:
		return filter_community_list(r->b, c->u, v->ext_communities, c->exact, trace);
	case MATCH_LARGE_COMMUNITY:
		return filter_community_list(r->b, c->u, v->large_communities, c->exact, trace);
	case MATCH_AS_PATH:
		return filter_aspath_list(r->b, c->u, v->as_path, trace);
	case MATCH_LOCAL_PREF:
		return local_pref(r) == c->u;
	case MATCH_METRIC:
		return metric(r) == c->u;
	case MATCH_ORIGIN:
		return v->origin == c->u;
	case MATCH_TAG:
		return r->e->tag == c->u;
	case MATCH_PEER:
		return peer_is(r, c);
	case MATCH_SOURCE:
		return !r->in->peer && r->in->source == c->u;
	}
	return false;
}

static const char *const match_name[] = {
	[MATCH_PREFIX_LIST] = "address prefix-list",
	[MATCH_NEXT_HOP_LIST] = "next-hop prefix-list",
	[MATCH_NEXT_HOP] = "next-hop",
	[MATCH_COMMUNITY] = "community",
	[MATCH_EXTCOMMUNITY] = "extcommunity",
	[MATCH_LARGE_COMMUNITY] = "large-community",
	[MATCH_AS_PATH] = "as-path",
	[MATCH_LOCAL_PREF] = "local-preference",
	[MATCH_METRIC] = "metric",
	[MATCH_ORIGIN] = "origin",
	[MATCH_TAG] = "tag",
	[MATCH_PEER] = "peer",
	[MATCH_SOURCE] = "source-protocol",
};

/* --- Set clauses: false when the result has no room, and the route is denied --- */
static struct span values(const struct map_run *r, const struct conf_clause *c)
{
	const void *p = c->values.n ? conf_at(r->b->conf, c->values, 1, 0) : NULL;
	return p ? SPAN(p, c->values.n) : (struct span){0};
}

static bool put_communities(struct bgp_edit *e, uint8_t type, struct span *at, struct span v)
{
	*at = v;
	e->v.has = v.n ? e->v.has | HAS(type) : e->v.has & ~HAS(type);
	return true;
}

static bool join(const struct map_run *r, const struct conf_clause *c, uint8_t type, struct span *at, size_t size,
                 bool add)
{
	struct span out;
	return edit_union(r->e, add ? *at : (struct span){0}, values(r, c), size, &out) &&
	       put_communities(r->e, type, at, out);
}

static bool delete_listed(const struct map_run *r, uint32_t list, uint8_t type, struct span *at, size_t size)
{
	size_t used = 0;
	uint8_t *p = edit_room(r->e, at->n);
	if (!p)
		return false;
	for (size_t i = 0; i + size <= at->n; i += size) {
		if (filter_community_one(r->b, list, SPAN(&at->p[i], size)))
			continue;
		memcpy(&p[used], &at->p[i], size);
		used += size;
	}
	return put_communities(r->e, type, at, SPAN(p, used));
}

static bool set_number(struct bgp_edit *e, uint8_t type, uint32_t *at, uint32_t v)
{
	*at = v;
	e->v.has |= HAS(type);
	return true;
}

/* metric +n, -n stop at the ends of the number's range. */
static bool set_metric(const struct map_run *r, const struct conf_clause *c)
{
	uint32_t now = metric(r), v = c->u;
	if (c->what == SET_METRIC_ADD)
		v = c->u > UINT32_MAX - now ? UINT32_MAX : now + c->u;
	else if (c->what == SET_METRIC_SUB)
		v = c->u > now ? 0 : now - c->u;
	return set_number(r->e, BGP_A_MED, &r->e->v.med, v);
}

static bool set_as_path(const struct map_run *r, const struct conf_clause *c)
{
	uint32_t as[255];
	struct span octets = values(r, c);
	size_t n = min_z(octets.n / sizeof as[0], ARRAY_LEN(as));
	if (n == 0)
		return true;
	memcpy(as, octets.p, n * sizeof as[0]); /* numbers in host order, anywhere in the blob */
	return c->what == SET_AS_PATH_PREPEND ? edit_prepend(r->e, as, n) : edit_exclude(r->e, as, n);
}

static bool set_community(const struct map_run *r, const struct conf_clause *c)
{
	struct bgp_edit *e = r->e;
	struct span *std = &e->v.communities, *ext = &e->v.ext_communities, *large = &e->v.large_communities,
		    none = {0};
	switch ((enum conf_set)c->what) {
	case SET_COMMUNITY:
	case SET_COMMUNITY_ADD:
		return join(r, c, BGP_A_COMMUNITIES, std, 4, c->what == SET_COMMUNITY_ADD);
	case SET_COMMUNITY_NONE:
		return put_communities(e, BGP_A_COMMUNITIES, std, none);
	case SET_COMMUNITY_DELETE:
		return delete_listed(r, c->u, BGP_A_COMMUNITIES, std, 4);
	case SET_EXTCOMMUNITY:
	case SET_EXTCOMMUNITY_ADD:
		return join(r, c, BGP_A_EXT_COMMUNITIES, ext, 8, c->what == SET_EXTCOMMUNITY_ADD);
	case SET_EXTCOMMUNITY_NONE:
		return put_communities(e, BGP_A_EXT_COMMUNITIES, ext, none);
	case SET_LARGE_COMMUNITY:
	case SET_LARGE_COMMUNITY_ADD:
		return join(r, c, BGP_A_LARGE_COMMUNITIES, large, 12, c->what == SET_LARGE_COMMUNITY_ADD);
	case SET_LARGE_COMMUNITY_NONE:
		return put_communities(e, BGP_A_LARGE_COMMUNITIES, large, none);
	default:
		return delete_listed(r, c->u, BGP_A_LARGE_COMMUNITIES, large, 12);
	}
}

static uint32_t number_of(const struct addr *a)
{
	struct rd rd = rd_init(a->b, 4);
	return rd_u32(&rd);
}

/* `set ip ...` is about next hops of IPv4, `set ipv6 ...` about those of IPv6; what is said about the other kind is
 * passed over. */
static bool set_next_hop(const struct map_run *r, const struct conf_clause *c)
{
	struct bgp_edit *e = r->e;
	uint8_t family = e->v.next_hop.family != AF_NONE ? e->v.next_hop.family : r->in->prefix->addr.family;
	if (c->address.family != AF_NONE && c->address.family != family)
		return true;
	e->next_hop_self = c->what == SET_NEXT_HOP_SELF;
	e->next_hop_unchanged = c->what != SET_NEXT_HOP_SELF; /* what stands there now is meant */
	if (c->what == SET_NEXT_HOP) {
		e->v.next_hop = c->address;
		e->v.next_hop_ll = (struct addr){0};
	}
	return true;
}

static bool set_aggregator(const struct map_run *r, const struct conf_clause *c)
{
	struct bgp_edit *e = r->e;
	e->v.aggregator_id = number_of(&c->address);
	return set_number(e, BGP_A_AGGREGATOR, &e->v.aggregator_as, c->u);
}

static bool set(const struct map_run *r, const struct conf_clause *c)
{
	struct bgp_edit *e = r->e;
	e->changed = true;
	switch ((enum conf_set)c->what) {
	case SET_LOCAL_PREF:
		return set_number(e, BGP_A_LOCAL_PREF, &e->v.local_pref, c->u);
	case SET_METRIC:
	case SET_METRIC_ADD:
	case SET_METRIC_SUB:
		return set_metric(r, c);
	case SET_WEIGHT:
		e->weight = c->u;
		return true;
	case SET_ORIGIN:
		e->v.origin = (uint8_t)c->u;
		e->v.has |= HAS(BGP_A_ORIGIN);
		return true;
	case SET_TAG:
		e->tag = c->u;
		return true;
	case SET_NEXT_HOP:
	case SET_NEXT_HOP_SELF:
	case SET_NEXT_HOP_UNCHANGED:
		return set_next_hop(r, c);
	case SET_AS_PATH_PREPEND:
	case SET_AS_PATH_EXCLUDE:
		return set_as_path(r, c);
	case SET_ATOMIC_AGGREGATE:
		e->v.has |= HAS(BGP_A_ATOMIC);
		return true;
	case SET_AGGREGATOR:
		return set_aggregator(r, c);
	case SET_ORIGINATOR_ID:
		return set_number(e, BGP_A_ORIGINATOR_ID, &e->v.originator_id, number_of(&c->address));
	default:
		return set_community(r, c);
	}
}

/* --- Entries --- */
static bool entry_matches(const struct map_run *r, const struct conf_map_entry *en, const char *name)
{
	for (uint32_t i = 0; i < en->match.n; i++) {
		const struct conf_clause *c = conf_at(r->b->conf, en->match, sizeof *c, i);
		if (c && matches(r, c))
			continue;
		if (r->in->trace)
			sb_printf(r->in->trace, "route-map %s: rule %u does not match (%s)\n", name, en->seq,
			          c && c->what < ARRAY_LEN(match_name) ? match_name[c->what] : "?");
		return false;
	}
	return true;
}

static bool carry_out(const struct map_run *r, const struct conf_map_entry *en, const char *name)
{
	for (uint32_t i = 0; i < en->set.n; i++) {
		const struct conf_clause *c = conf_at(r->b->conf, en->set, sizeof *c, i);
		if (c && set(r, c))
			continue;
		if (r->in->trace)
			sb_printf(r->in->trace, "route-map %s: rule %u denies, its attributes become too long\n", name,
			          en->seq);
		return false;
	}
	return true;
}

static bool run_map(const struct map_run *r, uint32_t map);

/* What a matching, permitting entry does; false: denied. */
static bool permit(const struct map_run *r, const struct conf_map_entry *en, const char *name)
{
	struct map_run deeper = *r;
	deeper.depth++;
	if (r->in->trace)
		sb_printf(r->in->trace, "route-map %s: rule %u permits%s\n", name, en->seq,
		          en->set.n ? ", attributes changed" : "");
	return carry_out(r, en, name) && (!en->call || run_map(&deeper, en->call));
}

static bool run_map(const struct map_run *r, uint32_t map)
{
	const struct conf_route_map *m = map_at(r->b, map);
	const char *name = filter_map_name(r->b, map);
	bool permitted = false;
	uint32_t from = 0; /* entries below this sequence number are passed over */
	for (uint32_t i = 0; m && r->depth < CALLS_MAX && i < m->entries.n; i++) {
		const struct conf_map_entry *en = conf_at(r->b->conf, m->entries, sizeof *en, i);
		if (!en || en->seq < from || !entry_matches(r, en, name))
			continue;
		if (en->action != CONF_PERMIT) {
			if (r->in->trace)
				sb_printf(r->in->trace, "route-map %s: rule %u denies\n", name, en->seq);
			return false;
		}
		permitted = permit(r, en, name);
		if (!permitted || en->on_match == ON_MATCH_END)
			return permitted;
		from = en->on_match == ON_MATCH_GOTO ? en->on_match_seq : 0;
	}
	if (!permitted && r->in->trace)
		sb_printf(r->in->trace, "route-map %s: %s, denied\n", name,
		          r->depth < CALLS_MAX ? "no rule matches" : "maps call each other too deeply");
	return permitted;
}

bool filter_map(const struct bgp *b, uint32_t map, const struct bgp_filter_in *in, struct bgp_edit *e)
{
	struct map_run r = {.b = b, .in = in, .e = e};
	return map == 0 || run_map(&r, map);
}

bool map_by_prefix(const struct bgp *b, uint32_t map, unsigned depth)
{
	const struct conf_route_map *m = map_at(b, map);
	for (uint32_t i = 0; m && depth < CALLS_MAX && i < m->entries.n; i++) {
		const struct conf_map_entry *en = conf_at(b->conf, m->entries, sizeof *en, i);
		for (uint32_t j = 0; j < en->match.n; j++) {
			const struct conf_clause *c = conf_at(b->conf, en->match, sizeof *c, j);
			if (c->what == MATCH_PREFIX_LIST)
				return true;
		}
		if (en->call && map_by_prefix(b, en->call, depth + 1))
			return true;
	}
	return false;
}
