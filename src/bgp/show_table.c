/* Views: the table, one destination, what a peer sent and was sent. FRR's key names, in FRR's order. */
#include <string.h>

#include "bgp/show_int.h"

enum { TEXT_MAX = 4096 };

static void head(struct show *s, uint8_t af)
{
	jw_int(&s->w, "vrfId", 0);
	jw_str(&s->w, "vrfName", "default");
	jw_int(&s->w, "tableVersion", s->b->table[af].version);
	show_id(s, "routerId", s->b->router_id);
	jw_int(&s->w, "defaultLocPrf", s->b->cb->local_pref);
	jw_int(&s->w, "localAS", s->b->cb->as);
}

static void path_text(struct show *s, const char *key, struct span path, const char *empty)
{
	char text[TEXT_MAX];
	struct sbuf sb = SB(text);
	sb_as_path(&sb, path);
	jw_str(&s->w, key, text[0] ? text : empty);
}

static bool internal(const struct bgp *b, const struct bgp_path *p)
{
	const struct bgp_peer *peer = p->peer ? peer_at(b, p->peer) : NULL;
	return peer && !peer->external;
}

static void flags(struct show *s, const struct bgp_dest *d, const struct bgp_path *p, bool best)
{
	jw_flag(&s->w, "stale", p->flags & PATH_STALE);
	jw_flag(&s->w, "suppressed", d->suppressed && !(p->flags & PATH_AGGREGATE));
	jw_flag(&s->w, "valid", p->flags & PATH_VALID);
	jw_flag(&s->w, "bestpath", best);
	jw_flag(&s->w, "multipath", p->flags & PATH_MULTI && !best);
}

static void next_hop_begin(struct show *s, const struct addr *nh, const char *host)
{
	jw_array(&s->w, "nexthops");
	jw_object(&s->w, NULL);
	show_addr(s, "ip", nh);
	if (*host)
		jw_str(&s->w, "hostname", host);
	jw_str(&s->w, "afi", nh->family == AF_V4 ? "ipv4" : "ipv6");
}

static void next_hop_short(struct show *s, const struct bgp_attr *a, uint8_t af, const char *host)
{
	struct addr nh = show_next_hop(a, af);
	next_hop_begin(s, &nh, host);
	jw_bool(&s->w, "used", true);
	jw_end(&s->w);
	jw_end(&s->w);
}

/* A path as the table has it. */
static void row(struct show *s, const struct bgp_table *t, const struct bgp_dest *d, uint32_t id,
                const struct prefix *pfx)
{
	const struct bgp_path *p = rib_path(t, id);
	const struct bgp_attr *a = attr_at(s->b, p->attr);
	const struct bgp_peer *peer = p->peer ? peer_at(s->b, p->peer) : NULL;
	bool best = id == d->best;
	jw_object(&s->w, NULL);
	flags(s, d, p, best);
	if (best)
		jw_str(&s->w, "selectionReason", show_reason(s->b, t, d));
	jw_str(&s->w, "pathFrom", internal(s->b, p) ? "internal" : "external");
	show_addr(s, "prefix", &pfx->addr);
	jw_int(&s->w, "prefixLen", pfx->len);
	show_prefix(s, "network", pfx);
	jw_int(&s->w, "version", d->version);
	if (a->v.has & HAS(BGP_A_MED))
		jw_int(&s->w, "metric", a->v.med);
	if (a->v.has & HAS(BGP_A_LOCAL_PREF))
		jw_int(&s->w, "locPrf", a->v.local_pref);
	jw_int(&s->w, "weight", a->weight);
	if (peer)
		show_addr(s, "peerId", &peer->address);
	else
		jw_str(&s->w, "peerId", "(unspec)");
	path_text(s, "path", a->v.as_path, "");
	jw_str(&s->w, "origin", show_origin(a->v.origin));
	jw_flag(&s->w, "aggregated", p->flags & PATH_AGGREGATE);
	next_hop_short(s, a, t->af, show_host(s->b, p));
	jw_end(&s->w);
}

/* A path that an inbound filter has denied is kept for the peer's sake and is no path of the table. */
static bool listed(const struct bgp_path *p) { return p->attr != 0; }

static uint32_t table_dest(struct show *s, const struct bgp_table *t, uint32_t dest)
{
	const struct bgp_dest *d = rib_dest(t, dest);
	uint32_t cursor = 0, id, n = 0;
	struct prefix pfx;
	char key[PREFIX_TEXT];
	struct sbuf sb = SB(key);
	rib_prefix(t, d, &pfx);
	sb_prefix(&sb, &pfx);
	while (show_next_path(t, d, &cursor, &id)) {
		if (!listed(rib_path(t, id)))
			continue;
		if (n++ == 0)
			jw_array(&s->w, key);
		row(s, t, d, id, &pfx);
	}
	if (n)
		jw_end(&s->w);
	return n;
}

void show_table(struct show *s, uint8_t af)
{
	const struct bgp_table *t = &s->b->table[af];
	uint32_t n, routes = 0, paths = 0, *ids = show_sorted(s->b, t, &n);
	head(s, af);
	jw_object(&s->w, "routes");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t shown = table_dest(s, t, ids[i]);
		routes += shown > 0;
		paths += shown;
	}
	show_sorted_free(s->b, ids, n);
	jw_end(&s->w);
	jw_int(&s->w, "totalRoutes", routes);
	jw_int(&s->w, "totalPaths", paths);
}

/* --- One destination --- */
static void segments(struct show *s, struct span path)
{
	static const char *const type_name[] = {"", "as-set", "as-sequence", "as-confed-sequence", "as-confed-set"};
	struct rd r = rd_init(path.p, path.n);
	jw_array(&s->w, "segments");
	while (rd_left(&r)) {
		uint8_t type = rd_u8(&r), count = rd_u8(&r);
		jw_object(&s->w, NULL);
		jw_str(&s->w, "type", type < ARRAY_LEN(type_name) ? type_name[type] : "");
		jw_array(&s->w, "list");
		for (unsigned i = 0; i < count && rd_ok(&r); i++)
			jw_int(&s->w, NULL, rd_u32(&r));
		jw_end(&s->w);
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void as_path(struct show *s, const struct bgp_attr *a)
{
	jw_object(&s->w, "aspath");
	path_text(s, "string", a->v.as_path, "Local");
	segments(s, a->v.as_path);
	jw_int(&s->w, "length", a->as_length);
	jw_end(&s->w);
	if (a->v.has & HAS(BGP_A_AGGREGATOR)) {
		jw_int(&s->w, "aggregatorAs", a->v.aggregator_as);
		show_id(s, "aggregatorId", a->v.aggregator_id);
	}
}

static void communities(struct show *s, const char *key, uint8_t kind, struct span v)
{
	char text[TEXT_MAX];
	struct sbuf all = SB(text);
	size_t size = filter_community_size(kind);
	if (v.n == 0)
		return;
	sb_communities(&all, kind, v);
	jw_object(&s->w, key);
	jw_str(&s->w, "string", text);
	if (kind != COMM_EXTENDED) {
		jw_array(&s->w, "list");
		for (size_t i = 0; i + size <= v.n; i += size) {
			struct sbuf one = SB(text);
			sb_communities(&one, kind, SPAN(&v.p[i], size));
			jw_str(&s->w, NULL, text);
		}
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void reflection(struct show *s, const struct bgp_attr *a)
{
	struct rd r = rd_init(a->v.cluster_list.p, a->v.cluster_list.n);
	if (a->v.has & HAS(BGP_A_ORIGINATOR_ID))
		show_id(s, "originatorId", a->v.originator_id);
	if (!a->v.cluster_list.n)
		return;
	jw_object(&s->w, "clusterList");
	jw_array(&s->w, "list");
	while (rd_left(&r))
		show_id(s, NULL, rd_u32(&r));
	jw_end(&s->w);
	jw_end(&s->w);
}

static void next_hop_long(struct show *s, const struct bgp_path *p, const struct bgp_attr *a, uint8_t af)
{
	struct addr nh = show_next_hop(a, af);
	const char *host = show_host(s->b, p);
	next_hop_begin(s, &nh, host);
	jw_int(&s->w, "metric", a->nh ? a->nh->metric : 0);
	jw_bool(&s->w, "accessible", a->nh ? a->nh->ok : p->flags & PATH_VALID);
	if (a->nh && !a->nh->ok)
		jw_str(&s->w, "why", a->nh->why);
	jw_bool(&s->w, "used", true);
	jw_end(&s->w);
	if (a->next_hop_ll.family != AF_NONE) {
		jw_object(&s->w, NULL);
		show_addr(s, "ip", &a->next_hop_ll);
		jw_str(&s->w, "scope", "link-local");
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void from(struct show *s, const struct bgp_path *p, uint8_t af)
{
	const struct bgp_peer *peer = p->peer ? peer_at(s->b, p->peer) : NULL;
	struct addr none = addr_any(af == BGP_V4 ? AF_V4 : AF_V6);
	jw_object(&s->w, "peer");
	show_addr(s, "peerId", peer ? &peer->address : &none);
	show_id(s, "routerId", peer ? peer->router_id : s->b->router_id);
	if (peer && peer->host[0])
		jw_str(&s->w, "hostname", peer->host);
	if (peer)
		jw_str(&s->w, "type", peer->external ? "external" : "internal");
	jw_end(&s->w);
}

static void best(struct show *s, const struct bgp_table *t, const struct bgp_dest *d)
{
	jw_object(&s->w, "bestpath");
	jw_bool(&s->w, "overall", true);
	jw_str(&s->w, "selectionReason", show_reason(s->b, t, d));
	jw_end(&s->w);
}

static void numbers(struct show *s, const struct bgp_attr *a)
{
	jw_str(&s->w, "origin", show_origin(a->v.origin));
	if (a->v.has & HAS(BGP_A_MED))
		jw_int(&s->w, "metric", a->v.med);
	if (a->v.has & HAS(BGP_A_LOCAL_PREF))
		jw_int(&s->w, "locPrf", a->v.local_pref);
	if (a->weight)
		jw_int(&s->w, "weight", a->weight);
	if (a->tag)
		jw_int(&s->w, "tag", a->tag);
}

static void path(struct show *s, const struct bgp_table *t, const struct bgp_dest *d, uint32_t id)
{
	const struct bgp_path *p = rib_path(t, id);
	const struct bgp_attr *a = attr_at(s->b, p->attr);
	const struct bgp_peer *peer = p->peer ? peer_at(s->b, p->peer) : NULL;
	bool aggregate = p->flags & PATH_AGGREGATE, local = p->flags & PATH_LOCAL;
	jw_object(&s->w, NULL);
	as_path(s, a);
	jw_flag(&s->w, "suppressed", d->suppressed && !aggregate);
	jw_flag(&s->w, "stale", p->flags & PATH_STALE);
	jw_flag(&s->w, "rxedFromRrClient", peer && peer->conf->af[t->af].rr_client);
	numbers(s, a);
	jw_flag(&s->w, "valid", p->flags & PATH_VALID);
	jw_int(&s->w, "version", d->version);
	jw_flag(&s->w, "aggregated", aggregate);
	jw_flag(&s->w, "sourced", local && !aggregate);
	jw_flag(&s->w, "local", local && p->path_id != LOCAL_REDISTRIBUTED);
	jw_flag(&s->w, "atomicAggregate", a->v.has & HAS(BGP_A_ATOMIC));
	jw_flag(&s->w, "multipath", p->flags & PATH_MULTI);
	if (id == d->best)
		best(s, t, d);
	communities(s, "community", COMM_STANDARD, a->v.communities);
	communities(s, "extendedCommunity", COMM_EXTENDED, a->v.ext_communities);
	communities(s, "largeCommunity", COMM_LARGE, a->v.large_communities);
	reflection(s, a);
	if (peer && p->path_id)
		jw_int(&s->w, "addpathRxId", p->path_id);
	show_time(s, "lastUpdate", show_epoch(s, DUR_S(p->when_s)));
	next_hop_long(s, p, a, t->af);
	from(s, p, t->af);
	jw_end(&s->w);
}

static void advertised_to(struct show *s, uint8_t af, uint32_t dest)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	bool any = false;
	while (peer_next(s->b, &cursor, &p)) {
		char key[ADDR_TEXT];
		if (p->state != BGP_ESTABLISHED || !adj_advertised(s->b, p, af, dest))
			continue;
		if (!any)
			jw_object(&s->w, "advertisedTo");
		any = true;
		jw_object(&s->w, addr_str(&p->address, key));
		if (p->host[0])
			jw_str(&s->w, "hostname", p->host);
		jw_end(&s->w);
	}
	if (any)
		jw_end(&s->w);
}

bool show_dest(struct show *s, const struct prefix *p, bool longest)
{
	const struct bgp_table *t = &s->b->table[p->addr.family == AF_V4 ? BGP_V4 : BGP_V6];
	uint32_t dest = longest ? rib_longest(t, &p->addr) : rib_find(t, p), cursor = 0, id;
	struct prefix pfx;
	if (!dest || !rib_dest(t, dest)->first)
		return false;
	const struct bgp_dest *d = rib_dest(t, dest);
	rib_prefix(t, d, &pfx);
	show_prefix(s, "prefix", &pfx);
	jw_int(&s->w, "version", d->version);
	advertised_to(s, t->af, dest);
	jw_array(&s->w, "paths");
	while (show_next_path(t, d, &cursor, &id)) {
		if (listed(rib_path(t, id)))
			path(s, t, d, id);
	}
	jw_end(&s->w);
	return true;
}

/* --- What a peer sent, and was sent --- */
static void adj_row(struct show *s, const struct bgp_table *t, const struct bgp_dest *d, const struct bgp_attr *a,
                    bool valid, bool is_best)
{
	struct prefix pfx;
	char key[PREFIX_TEXT];
	struct sbuf sb = SB(key);
	struct addr nh = show_next_hop(a, t->af);
	rib_prefix(t, d, &pfx);
	sb_prefix(&sb, &pfx);
	jw_object(&s->w, key);
	show_addr(s, "addrPrefix", &pfx.addr);
	jw_int(&s->w, "prefixLen", pfx.len);
	jw_str(&s->w, "network", key);
	show_addr(s, t->af == BGP_V4 ? "nextHop" : "nextHopGlobal", &nh);
	if (a->v.has & HAS(BGP_A_MED))
		jw_int(&s->w, "metric", a->v.med);
	if (a->v.has & HAS(BGP_A_LOCAL_PREF))
		jw_int(&s->w, "locPrf", a->v.local_pref);
	jw_int(&s->w, "weight", a->weight);
	path_text(s, "path", a->v.as_path, "");
	jw_str(&s->w, "origin", show_origin(a->v.origin));
	jw_flag(&s->w, "valid", valid);
	jw_flag(&s->w, "best", is_best);
	jw_end(&s->w);
}

/* The peer's path of a destination that belongs into the view: its attributes there; NULL: none. */
static const struct bgp_attr *adj_in(const struct show *s, const struct bgp_table *t, const struct bgp_dest *d,
                                     const struct bgp_peer *p, uint8_t which, uint32_t *id)
{
	for (*id = d->first; *id; *id = rib_path(t, *id)->next) {
		const struct bgp_path *path = rib_path(t, *id);
		bool filtered = path->flags & PATH_FILTERED;
		if (path->peer != p->index || (which == SHOW_FILTERED && !filtered) ||
		    (which == SHOW_ACCEPTED && filtered))
			continue;
		uint32_t a = which == SHOW_ACCEPTED || !path->raw ? path->attr : path->raw;
		if (a)
			return attr_at(s->b, a);
	}
	return NULL;
}

static bool adj_dest(struct show *s, const struct bgp_table *t, uint32_t dest, const struct bgp_peer *p, uint8_t which)
{
	const struct bgp_dest *d = rib_dest(t, dest);
	uint32_t id = d->best;
	const struct bgp_attr *a = which == SHOW_ADVERTISED ? adj_advertised(s->b, p, t->af, dest)
	                                                    : adj_in(s, t, d, p, which, &id);
	/* FRR shows every route of these views as good, but for the peer's own table. */
	if (a)
		adj_row(s, t, d, a, which != SHOW_ACCEPTED || rib_path(t, id)->flags & PATH_VALID,
		        which != SHOW_ACCEPTED || id == d->best);
	return a != NULL;
}

void show_adj(struct show *s, const struct bgp_peer *p, uint8_t af, uint8_t which)
{
	static const char *const key[] = {"receivedRoutes", "advertisedRoutes", "filteredRoutes", "routes"};
	const struct bgp_table *t = &s->b->table[af];
	uint32_t n, shown = 0, *ids;
	if ((which == SHOW_RECEIVED || which == SHOW_FILTERED) && !p->conf->af[af].soft_in) {
		jw_str(&s->w, "warning", "Inbound soft reconfiguration not enabled");
		return;
	}
	ids = show_sorted(s->b, t, &n);
	jw_int(&s->w, "bgpTableVersion", t->version);
	show_id(s, "bgpLocalRouterId", s->b->router_id);
	jw_int(&s->w, "defaultLocPrf", s->b->cb->local_pref);
	jw_int(&s->w, "localAS", s->b->cb->as);
	jw_object(&s->w, key[which]);
	for (uint32_t i = 0; i < n; i++)
		shown += adj_dest(s, t, ids[i], p, which);
	show_sorted_free(s->b, ids, n);
	jw_end(&s->w);
	jw_int(&s->w, "totalPrefixCounter", shown);
	jw_int(&s->w, "filteredPrefixCounter", which == SHOW_RECEIVED ? p->af[af].filtered : 0);
}
