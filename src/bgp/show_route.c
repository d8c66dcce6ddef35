/* Views: next hops, and the routes of the kernel with our part in them. */
#include <string.h>

#include "bgp/show_int.h"

/* --- Next hops --- */
enum { COUNT_MAX = 100000 }; /* paths that are gone through to count those of a next hop */

static uint32_t count_paths(const struct bgp *b, const struct bgp_nh *nh)
{
	uint32_t n = 0;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		const struct bgp_table *t = &b->table[af];
		for (uint32_t i = 0; i < t->n_buckets; i++) {
			for (uint32_t dest = t->bucket[i]; dest; dest = rib_dest(t, dest)->chain) {
				for (uint32_t id = rib_dest(t, dest)->first; id; id = rib_path(t, id)->next) {
					const struct bgp_path *p = rib_path(t, id);
					n += p->attr && attr_at(b, p->attr)->nh == nh;
				}
			}
		}
	}
	return n;
}

/* FRR gives no gateway where the next hop itself is on the link. */
static void hop(struct show *s, const struct route_hop *h, const struct addr *next_hop)
{
	const struct route_link *l = nht_link_at(s->b, h->ifindex);
	if (h->gateway.family != AF_NONE && !(next_hop && addr_eq(&h->gateway, next_hop))) {
		show_addr(s, "ip", &h->gateway);
		jw_str(&s->w, "afi", h->gateway.family == AF_V4 ? "ipv4" : "ipv6");
	}
	if (l)
		jw_str(&s->w, "interfaceName", l->name);
}

static void next_hop(struct show *s, const struct bgp_nh *nh)
{
	char key[ADDR_TEXT];
	jw_object(&s->w, addr_str(&nh->addr, key));
	jw_bool(&s->w, "valid", nh->ok);
	jw_bool(&s->w, "complete", true);
	jw_int(&s->w, "igpMetric", nh->metric);
	if (s->b->table[BGP_V4].n_paths + s->b->table[BGP_V6].n_paths <= COUNT_MAX)
		jw_int(&s->w, "pathCount", count_paths(s->b, nh));
	if (peer_find(s->b, &nh->addr))
		show_addr(s, "peer", &nh->addr);
	if (nh->ok)
		show_prefix(s, "resolvedPrefix", &nh->via);
	else
		jw_str(&s->w, "why", nh->why);
	jw_array(&s->w, "nexthops");
	for (uint8_t i = 0; i < nh->n_hops && nh->ok; i++) {
		jw_object(&s->w, NULL);
		hop(s, &nh->hop[i], &nh->addr);
		jw_int(&s->w, "ifindex", nh->hop[i].ifindex);
		jw_end(&s->w);
	}
	jw_end(&s->w);
	jw_end(&s->w);
}

void show_nexthops(struct show *s)
{
	for (uint8_t family = AF_V4; family <= AF_V6; family += AF_V6 - AF_V4) {
		uint64_t cursor = 0;
		const struct bgp_nh *nh;
		jw_object(&s->w, family == AF_V4 ? "ipv4" : "ipv6");
		while ((nh = nht_next(s->b, &cursor))) {
			if (nh->addr.family == family)
				next_hop(s, nh);
		}
		jw_end(&s->w);
	}
}

/* --- Routes --- */
static void hops(struct show *s, const struct route *r, bool fib)
{
	jw_array(&s->w, "nexthops");
	for (uint8_t i = 0; i < r->n_hops; i++) {
		jw_object(&s->w, NULL);
		jw_flag(&s->w, "fib", fib);
		jw_flag(&s->w, "directlyConnected", r->hop[i].gateway.family == AF_NONE);
		hop(s, &r->hop[i], NULL);
		jw_int(&s->w, "interfaceIndex", r->hop[i].ifindex);
		jw_bool(&s->w, "active", true);
		jw_int(&s->w, "weight", r->hop[i].weight ? r->hop[i].weight : 1);
		jw_end(&s->w);
	}
	if (r->kind != ROUTE_UNICAST) {
		jw_object(&s->w, NULL);
		jw_flag(&s->w, "fib", fib);
		jw_bool(&s->w, "unreachable", true);
		jw_flag(&s->w, "blackhole", r->kind == ROUTE_BLACKHOLE);
		jw_flag(&s->w, "reject", r->kind == ROUTE_UNREACHABLE);
		jw_flag(&s->w, "prohibited", r->kind == ROUTE_PROHIBIT);
		jw_bool(&s->w, "active", true);
		jw_end(&s->w);
	}
	jw_end(&s->w);
}

static void route(struct show *s, const struct route *r, const char *protocol, uint32_t distance, bool selected,
                  bool installed)
{
	jw_object(&s->w, NULL);
	show_prefix(s, "prefix", &r->dst);
	jw_int(&s->w, "prefixLen", r->dst.len);
	jw_str(&s->w, "protocol", protocol);
	jw_int(&s->w, "vrfId", 0);
	jw_str(&s->w, "vrfName", "default");
	jw_flag(&s->w, "selected", selected);
	jw_flag(&s->w, "destSelected", selected);
	jw_int(&s->w, "distance", distance);
	jw_int(&s->w, "metric", r->metric);
	jw_flag(&s->w, "installed", installed);
	jw_int(&s->w, "table", r->table);
	hops(s, r, installed);
	jw_end(&s->w);
}

static void kernel_route(struct show *s, const struct route *r)
{
	static const char *const protocol[] = {"connected", "local", "kernel", "static", "other", "bgp"};
	route(s, r, r->source < ARRAY_LEN(protocol) ? protocol[r->source] : "other", r->source == ROUTE_STATIC ? 1 : 0,
	      true, true);
}

/* zebra's distances: 20 for external, 200 for internal routes and our own. */
static uint32_t distance(const struct bgp *b, const struct bgp_path *p)
{
	const struct bgp_peer *peer = p->peer ? peer_at(b, p->peer) : NULL;
	return !peer ? b->cb->distance_local : peer->external ? b->cb->distance_external : b->cb->distance_internal;
}

static void own_route(struct show *s, const struct bgp_table *t, const struct bgp_dest *d)
{
	struct route r;
	const struct bgp_path *best = rib_path(t, d->best);
	bool wanted = fib_route(s->b, t, d, &r, NULL);
	const struct route *kernel = nht_exact(s->b, &r.dst);
	char key[PREFIX_TEXT];
	struct sbuf sb = SB(key);
	if (best->flags & PATH_LOCAL && !(best->flags & PATH_AGGREGATE))
		return; /* the kernel's */
	sb_prefix(&sb, &r.dst);
	jw_array(&s->w, key);
	r.metric = attr_at(s->b, best->attr)->v.has & HAS(BGP_A_MED) ? attr_at(s->b, best->attr)->v.med : 0;
	route(s, &r, "bgp", distance(s->b, best), wanted, d->in_fib == 1);
	if (kernel)
		kernel_route(s, kernel);
	jw_end(&s->w);
}

/* Whether own_route() has shown it already. */
static bool shown(const struct bgp *b, const struct prefix *p)
{
	const struct bgp_table *t = &b->table[p->addr.family == AF_V4 ? BGP_V4 : BGP_V6];
	uint32_t dest = rib_find(t, p);
	const struct bgp_path *best = dest && rib_dest(t, dest)->best ? rib_path(t, rib_dest(t, dest)->best) : NULL;
	return best && (!(best->flags & PATH_LOCAL) || best->flags & PATH_AGGREGATE);
}

void show_routes(struct show *s)
{
	uint64_t cursor = 0;
	const struct route *r;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		const struct bgp_table *t = &s->b->table[af];
		uint32_t n, *ids = show_sorted(s->b, t, &n);
		for (uint32_t i = 0; i < n; i++) {
			if (rib_dest(t, ids[i])->best)
				own_route(s, t, rib_dest(t, ids[i]));
		}
		show_sorted_free(s->b, ids, n);
	}
	while ((r = nht_walk(s->b, &cursor))) {
		char key[PREFIX_TEXT];
		struct sbuf sb = SB(key);
		if (shown(s->b, &r->dst))
			continue;
		sb_prefix(&sb, &r->dst);
		jw_array(&s->w, key);
		kernel_route(s, r);
		jw_end(&s->w);
	}
}
