/* What may come into the table: routes of ours that come back are dropped (RFC 4271 9.1.2, RFC 4456 8), then the filters of the peer,
 * in FRR's order: prefix list, AS path list, route map.
 *
 * All prefixes of an UPDATE have the same attributes, so all that does not look at the prefix is found out once and kept
 * for the next one. Called by rib.c and rib_walk.c. */
#include "bgp/rib_int.h"

#include "bgp/filter_int.h"

void in_forget(struct bgp *b)
{
	struct in_cache *c = &b->rib->in;
	attr_unref(b, c->raw);
	attr_unref(b, c->attr);
	*c = (struct in_cache){0};
}

static uint32_t occurrences(struct span as_path, uint32_t as)
{
	struct rd r = rd_init(as_path.p, as_path.n);
	uint32_t n = 0;
	while (rd_left(&r)) {
		rd_skip(&r, 1);
		uint8_t count = rd_u8(&r);
		for (unsigned i = 0; i < count && rd_ok(&r); i++)
			n += rd_u32(&r) == as;
	}
	return n;
}

static bool as_loop(const struct bgp *b, const struct bgp_peer *p, const struct conf_bgp_af *c, struct span as_path)
{
	if (as_path.n == 0)
		return false;
	return occurrences(as_path, b->cb->as) > c->allowas_in ||
	       (p->conf->local_as && occurrences(as_path, p->conf->local_as) > c->allowas_in);
}

static bool in_cluster(const struct bgp *b, struct span list)
{
	struct rd r = rd_init(list.p, list.n);
	while (rd_left(&r)) {
		if (rd_u32(&r) == b->cluster_id)
			return true;
	}
	return false;
}

static uint8_t loops(const struct bgp *b, const struct bgp_peer *p, const struct conf_bgp_af *c, const struct bgp_attrs *v)
{
	if (as_loop(b, p, c, v->as_path))
		return IN_AS_LOOP;
	/* RFC 4456 8: for a router that sees its own identifiers, the route has been here. */
	if (v->has & HAS(BGP_A_ORIGINATOR_ID) && v->originator_id == b->router_id)
		return IN_ORIGINATOR_LOOP;
	return in_cluster(b, v->cluster_list) ? IN_CLUSTER_LOOP : IN_PASS;
}

/* The route map and what is set without one. *out is a reference. */
static uint8_t map(struct bgp *b, const struct bgp_peer *p, const struct conf_bgp_af *c, const struct prefix *pfx,
                   struct bgp_attr *raw, struct bgp_attr **out)
{
	struct bgp_filter_in in = {.prefix = pfx, .peer = p};
	struct bgp_edit e;
	bool shut = p->external && bgp_communities_have(raw->v.communities, BGP_GRACEFUL_SHUTDOWN);

	if (!c->map_in && !c->weight_set && !shut) {
		attr_ref(raw);
		*out = raw;
		return IN_PASS;
	}
	edit_init(&e, raw);
	if (c->weight_set)
		e.weight = c->weight;
	if (shut) { /* RFC 8326 4.2 */
		e.v.has |= HAS(BGP_A_LOCAL_PREF);
		e.v.local_pref = 0;
	}
	if (!filter_map(b, c->map_in, &in, &e))
		return IN_DENIED;
	*out = edit_commit(b, &e, true);
	return *out ? IN_PASS : IN_NO_MEMORY;
}

/* RFC 8212, when the configuration asks for it. */
static bool policy_missing(const struct bgp *b, const struct bgp_peer *p, const struct conf_bgp_af *c)
{
	return p->external && b->cb->ebgp_requires_policy && !c->map_in && !c->prefix_list_in && !c->aspath_list_in;
}

static void evaluate(struct bgp *b, const struct bgp_peer *p, const struct conf_bgp_af *c, const struct prefix *pfx,
                     struct in_cache *k)
{
	k->verdict = loops(b, p, c, &k->raw->v);
	if (k->verdict != IN_PASS)
		return;
	k->by_prefix = c->prefix_list_in || (c->map_in && filter_map_by_prefix(b, c->map_in));
	if (policy_missing(b, p, c) || !filter_prefix_list(b, c->prefix_list_in, pfx, NULL) ||
	    !filter_aspath_list(b, c->aspath_list_in, k->raw->v.as_path, NULL))
		k->verdict = IN_DENIED;
	else
		k->verdict = map(b, p, c, pfx, k->raw, &k->attr);
}

uint8_t in_filter(struct bgp *b, const struct bgp_peer *p, uint8_t af, const struct prefix *pfx, struct bgp_attr *raw)
{
	struct in_cache *k = &b->rib->in;
	const struct conf_bgp_af *c = &p->conf->af[af];

	b->session_ifindex = p->ifindex;
	if (k->raw == raw && k->peer == p->index && k->conf == c && !k->by_prefix && k->verdict != IN_NO_MEMORY)
		return k->verdict;
	attr_ref(raw); /* may be the one that is let go of here */
	in_forget(b);
	k->raw = raw;
	k->peer = p->index;
	k->conf = c;
	evaluate(b, p, c, pfx, k);
	return k->verdict;
}
