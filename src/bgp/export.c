/* What goes to the peers of a group, and with which attributes: reflection (RFC 4456), well-known communities (RFC 1997, 3765, 8326),
 * outbound filters, and how a route is rewritten on its way (RFC 4271 5.1, 9.1.3).
 *
 * All of it depends on the group, on the attributes and on the peer that the route came from, so the outcome is kept per
 * pair of these for as long as messages are open; only filters that look at the prefix are asked each time. */
#include <string.h>

#include "bgp/adj_int.h"

#include "bgp/filter_int.h"
#include "bgp/hash.h"

struct export {
	struct bgp *b;
	const struct bgp_group *g;
	const struct conf_bgp_af *c;
	const struct bgp_attr *in;
	const struct bgp_peer *source;   /* NULL: our own route */
	bool is_default, reflected;
	struct prefix prefix;
	struct sbuf *trace;
};

static bool no(const struct export *x, const char *why)
{
	if (x->trace)
		sb_printf(x->trace, "%s%s", x->trace->len ? "; " : "", why);
	return false;
}

/* RFC 4456 6: from a client to all, from others to clients; from outside and from ourselves to all. */
static bool may_reflect(struct export *x)
{
	const struct bgp_peer *s = x->source;
	if (!s || s->external || x->g->key.external)
		return true;
	bool from_client = s->conf->af[x->g->key.af].rr_client, to_client = x->c->rr_client;
	x->reflected = true;
	if (!from_client && !to_client)
		return no(x, "an internal route is not passed on between peers that are no route reflector clients");
	if (from_client && to_client && !x->b->cb->client_to_client)
		return no(x, "reflection between clients is off");
	return true;
}

static bool communities_allow(const struct export *x)
{
	struct span c = x->in->v.communities;
	if (c.n == 0)
		return true;
	if (x->in->llgr_stale && x->g->key.no_llgr) /* RFC 9494 4.3 */
		return no(x, "it is long stale, and the peer has no long-lived graceful restart");
	if (bgp_communities_have(c, BGP_NO_ADVERTISE))
		return no(x, "it has the community no-advertise");
	if (!x->g->key.external)
		return true;
	if (bgp_communities_have(c, BGP_NO_EXPORT) || bgp_communities_have(c, BGP_NO_EXPORT_SUBCONFED))
		return no(x, "it has the community no-export");
	if (bgp_communities_have(c, BGP_NO_PEER))
		return no(x, "it has the community no-peer");
	return true;
}

static bool lists_allow(const struct export *x)
{
	const struct conf_bgp_af *c = x->c;
	if (x->is_default) /* FRR: default-originate passes by the lists */
		return true;
	if (x->g->key.external && x->b->cb->ebgp_requires_policy && !c->map_out && !c->prefix_list_out && !c->aspath_list_out)
		return no(x, "no outbound policy, and ebgp-requires-policy is on");
	if (!filter_prefix_list(x->b, c->prefix_list_out, &x->prefix, x->trace))
		return no(x, "denied by the outbound prefix list");
	if (!filter_aspath_list(x->b, c->aspath_list_out, x->in->v.as_path, x->trace))
		return no(x, "denied by the outbound AS path list");
	return true;
}

/* --- Attributes --- */

static void set_u32(struct bgp_edit *e, uint8_t type, uint32_t *at, uint32_t v)
{
	e->v.has |= HAS(type);
	*at = v;
	e->changed = true;
}

static void clear(struct bgp_edit *e, uint8_t type)
{
	e->changed |= (e->v.has & HAS(type)) != 0;
	e->v.has &= ~HAS(type);
}

static bool reflect(const struct export *x, struct bgp_edit *e)
{
	/* RFC 4456 8: the originator is named once, our cluster goes in front. */
	if (!(e->v.has & HAS(BGP_A_ORIGINATOR_ID)))
		set_u32(e, BGP_A_ORIGINATOR_ID, &e->v.originator_id, x->source->router_id);
	size_t n = e->v.cluster_list.n + 4;
	uint8_t *p = edit_room(e, n);
	if (!p)
		return no(x, "its CLUSTER_LIST is too long");
	struct wr w = wr_init(p, n);
	wr_u32(&w, x->b->cluster_id);
	wr_bytes(&w, e->v.cluster_list.p, e->v.cluster_list.n);
	e->v.cluster_list = SPAN(p, n);
	e->v.has |= HAS(BGP_A_CLUSTER_LIST);
	return true;
}

static bool private_as(uint32_t as) { return (as >= 64512 && as <= 65534) || (as >= 4200000000u && as <= 4294967294u); }

static bool all_private(struct span path)
{
	struct rd r = rd_init(path.p, path.n);
	while (rd_left(&r)) {
		rd_skip(&r, 1);
		uint8_t count = rd_u8(&r);
		for (unsigned i = 0; i < count && rd_ok(&r); i++) {
			if (!private_as(rd_u32(&r)))
				return false;
		}
	}
	return true;
}

static bool go_external(const struct export *x, struct bgp_edit *e)
{
	const uint32_t as[2] = {x->g->key.local_as, x->b->cb->as};
	clear(e, BGP_A_LOCAL_PREF); /* RFC 4271 5.1.5 */
	clear(e, BGP_A_ORIGINATOR_ID);
	clear(e, BGP_A_CLUSTER_LIST);
	if (x->source && !x->c->attr_unchanged) /* RFC 4271 5.1.4 */
		clear(e, BGP_A_MED);
	if (x->c->attr_unchanged)
		return true;
	if (x->c->remove_private_as && e->v.as_path.n && all_private(e->v.as_path)) {
		e->v.as_path = (struct span){0};
		e->changed = true;
	}
	if (!edit_prepend(e, as, as[0] == as[1] ? 1 : 2))
		return no(x, "its AS_PATH is too long");
	return true;
}

static void go_internal(const struct export *x, struct bgp_edit *e)
{
	if (!(e->v.has & HAS(BGP_A_LOCAL_PREF)) && !x->reflected)
		set_u32(e, BGP_A_LOCAL_PREF, &e->v.local_pref, x->b->cb->local_pref);
}

static bool shut_down_gracefully(const struct export *x, struct bgp_edit *e)
{
	static const uint8_t community[4] = {0xff, 0xff, 0, 0};
	if (!x->b->cb->graceful_shutdown)
		return true;
	if (!x->g->key.external) { /* RFC 8326 4.3 */
		set_u32(e, BGP_A_LOCAL_PREF, &e->v.local_pref, 0);
		return true;
	}
	e->v.has |= HAS(BGP_A_COMMUNITIES);
	return edit_union(e, e->v.communities, SPAN(community, 4), 4, &e->v.communities) || no(x, "it has too many communities");
}

static void strip_communities(const struct export *x, struct bgp_edit *e)
{
	if (!x->c->send_community)
		clear(e, BGP_A_COMMUNITIES);
	if (!x->c->send_extended)
		clear(e, BGP_A_EXT_COMMUNITIES);
	if (!x->c->send_large)
		clear(e, BGP_A_LARGE_COMMUNITIES);
}

/* FRR: a reflected route goes through the map, but what that sets is forgotten unless the reflector is allowed to. */
static bool map_allows(const struct export *x, struct bgp_edit *e)
{
	uint32_t map = x->is_default ? x->c->map_default : x->c->map_out;
	struct bgp_filter_in in = {.prefix = &x->prefix, .peer = x->g->key.lone ? peer_at(x->b, x->g->key.lone) : NULL, .trace = x->trace};
	if (!map)
		return true;
	if (!x->reflected || x->b->cb->allow_outbound_policy)
		return filter_map(x->b, map, &in, e) || no(x, "denied by the outbound route map");
	struct bgp_attrs v = e->v;
	bool ok = filter_map(x->b, map, &in, e);
	e->v = v;
	e->next_hop_self = e->next_hop_unchanged = false;
	return ok || no(x, "denied by the outbound route map");
}

static bool keeps_next_hop(const struct export *x, const struct bgp_edit *e)
{
	const struct conf_bgp_af *c = x->c;
	if (e->v.next_hop.family == AF_NONE)
		return false;
	if (e->next_hop_unchanged)
		return true;
	if (e->next_hop_self)
		return false;
	if (x->g->key.external)
		return c->next_hop_unchanged || c->attr_unchanged;
	if (x->reflected)
		return !c->next_hop_self_force;
	return !c->next_hop_self && !c->next_hop_self_force;
}

/* The next hop that is written, or AF_NONE for each member's own address. */
static bool next_hop(const struct export *x, struct bgp_edit *e)
{
	if (!keeps_next_hop(x, e))
		e->v.next_hop = (struct addr){0};
	bool v4 = x->g->key.af == BGP_V4;
	if ((v4 && e->v.next_hop.family == AF_V6 && !x->g->key.ext_nexthop) || (!v4 && e->v.next_hop.family == AF_V4))
		e->v.next_hop = (struct addr){0};
	e->v.next_hop_ll = (struct addr){0}; /* means something on the link that it came from only (RFC 2545 3) */
	if (e->v.next_hop.family == AF_NONE && x->g->key.self_len == 0)
		return no(x, "we have no address on the session that can be its next hop");
	return true;
}

static bool rewrite(const struct export *x, struct bgp_edit *e)
{
	if (x->reflected && !reflect(x, e))
		return false;
	if (!x->g->key.external)
		go_internal(x, e);
	/* A route map sees the path without our AS in front, as in FRR. */
	if (!map_allows(x, e))
		return false;
	if (x->g->key.external && !go_external(x, e))
		return false;
	if (!shut_down_gracefully(x, e) || !next_hop(x, e))
		return false;
	strip_communities(x, e);
	e->weight = e->tag = 0;
	return true;
}

struct bgp_attr *export_path(struct bgp *b, const struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d,
                             const struct bgp_path *path, struct sbuf *trace, bool *no_memory)
{
	struct bgp_edit e;
	struct export x = {.b = b, .g = g, .c = &g->key.conf, .trace = trace};

	*no_memory = false;
	x.in = attr_by(b, path->attr);
	x.source = path->peer ? peer_at(b, path->peer) : NULL;
	x.is_default = path->flags & PATH_LOCAL && path->path_id == LOCAL_DEFAULT;
	rib_prefix(t, d, &x.prefix);
	if (!may_reflect(&x) || !communities_allow(&x) || !lists_allow(&x))
		return NULL;
	edit_init(&e, x.in);
	if (!rewrite(&x, &e))
		return NULL;
	struct bgp_attr *out = edit_commit(b, &e, false);
	*no_memory = !out;
	if (out && !pack_fits(g, out)) { /* RFC 8654 4 */
		(void)no(&x, "its attributes do not fit into a message");
		attr_unref(b, out);
		return NULL;
	}
	return out;
}

/* --- What has been found out --- */

/* Conditions of a route map may look at the peer. Which entry of which map does is not followed: one that asks, in whatever map
 * of the configuration, makes all peers with a map alone in their groups. */
bool export_by_peer(const struct bgp *b, const struct conf_bgp_af *c)
{
	if (!c->map_out && !c->map_default)
		return false;
	for (uint32_t i = 0; i < b->cb->route_maps.n; i++) {
		const struct conf_route_map *m = (const struct conf_route_map *)((const char *)b->conf + b->cb->route_maps.at) + i;
		const struct conf_map_entry *e = (const struct conf_map_entry *)((const char *)b->conf + m->entries.at);
		for (uint32_t j = 0; j < m->entries.n; j++) {
			const struct conf_clause *k = (const struct conf_clause *)((const char *)b->conf + e[j].match.at);
			for (uint32_t n = 0; n < e[j].match.n; n++) {
				if (k[n].what == MATCH_PEER)
					return true;
			}
		}
	}
	return false;
}

bool export_by_prefix(const struct bgp *b, const struct conf_bgp_af *c)
{
	return c->prefix_list_out || (c->map_out && filter_map_by_prefix(b, c->map_out));
}

void export_forget(struct bgp *b, struct bgp_group *g)
{
	for (uint32_t i = 0; g->n_cached && i < EXPORT_CACHE; i++) {
		struct export_entry *e = &g->cache[i];
		if (!e->used)
			continue;
		attr_unref(b, attr_by(b, e->attr));
		if (e->out)
			attr_unref(b, attr_by(b, e->out));
		*e = (struct export_entry){0};
		g->n_cached--;
	}
}

static struct export_entry *slot(struct bgp *b, struct bgp_group *g, const struct bgp_path *p)
{
	if (!g->cache)
		g->cache = mem_get(b->env.mem, sizeof *g->cache * EXPORT_CACHE);
	uint64_t h = hash_mix(p->attr ^ 0x9e3779b97f4a7c15u, p->peer * 2u + 0xe7037ed1a0b428dbu);
	return g->cache ? &g->cache[h % EXPORT_CACHE] : NULL;
}

struct bgp_attr *export_cached(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d,
                               const struct bgp_path *path, bool *no_memory)
{
	struct export_entry *e = slot(b, g, path);
	bool fits = !(path->flags & PATH_LOCAL && path->path_id == LOCAL_DEFAULT) && !g->by_prefix;

	*no_memory = !e;
	if (!e)
		return NULL;
	if (fits && e->used && e->attr == path->attr && e->src == path->peer)
		return e->out ? attr_by(b, e->out) : NULL;
	struct bgp_attr *in = attr_by(b, path->attr), *out = export_path(b, g, t, d, path, NULL, no_memory);
	if (*no_memory)
		return NULL;
	if (e->used) {
		attr_unref(b, attr_by(b, e->attr));
		if (e->out)
			attr_unref(b, attr_by(b, e->out));
	} else {
		g->n_cached++;
	}
	attr_ref(in);
	*e = (struct export_entry){.attr = in->id, .out = out ? out->id : 0, .src = path->peer, .used = true};
	if (!fits)
		e->src = UINT16_MAX; /* holds the reference only */
	return out;
}
