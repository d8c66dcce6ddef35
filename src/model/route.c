/* Routes as text, and whether two are the same. See route.h. */
#include "model/route.h"

static const char *const kinds[] = {
	[ROUTE_UNICAST] = "",
	[ROUTE_BLACKHOLE] = "blackhole ",
	[ROUTE_UNREACHABLE] = "unreachable ",
	[ROUTE_PROHIBIT] = "prohibit ",
};

static void sb_hop(struct sbuf *b, const struct route_hop *h, bool weighed)
{
	if (h->gateway.family) {
		sb_put(b, " via ");
		sb_addr(b, &h->gateway);
	}
	if (h->ifindex)
		sb_printf(b, " dev %u", h->ifindex);
	if (weighed)
		sb_printf(b, " weight %u", h->weight);
	if (h->onlink)
		sb_put(b, " onlink");
}

void sb_route(struct sbuf *b, const struct route *r)
{
	size_t n = min_z(r->n_hops, ROUTE_HOPS_MAX);
	sb_put(b, r->kind < ARRAY_LEN(kinds) ? kinds[r->kind] : "? ");
	sb_prefix(b, &r->dst);
	for (size_t i = 0; i < n; i++) {
		if (n > 1)
			sb_put(b, " nexthop");
		sb_hop(b, &r->hop[i], n > 1);
	}
	if (r->src.family) {
		sb_put(b, " src ");
		sb_addr(b, &r->src);
	}
	if (r->metric)
		sb_printf(b, " metric %u", r->metric);
	if (r->table && r->table != ROUTE_TABLE_MAIN)
		sb_printf(b, " table %u", r->table);
}

static bool hop_eq(const struct route_hop *a, const struct route_hop *b)
{
	return addr_eq(&a->gateway, &b->gateway) && a->ifindex == b->ifindex && a->weight == b->weight &&
	       a->onlink == b->onlink;
}

bool route_eq(const struct route *a, const struct route *b)
{
	if (!addr_eq(&a->dst.addr, &b->dst.addr) || a->dst.len != b->dst.len || a->source != b->source ||
	    a->kind != b->kind || a->table != b->table || a->metric != b->metric || !addr_eq(&a->src, &b->src) ||
	    a->n_hops != b->n_hops)
		return false;
	for (size_t i = 0; i < a->n_hops && i < ROUTE_HOPS_MAX; i++) {
		if (!hop_eq(&a->hop[i], &b->hop[i]))
			return false;
	}
	return true;
}
