/* The text of a route, and when two are the same. */
#include "model/route.h"

static void put_hop(struct sbuf *b, const struct route_hop *h, route_name_fn *name, const void *ctx)
{
	const char *dev = name ? name(ctx, h->ifindex) : NULL;

	if (h->gateway.family) {
		sb_put(b, " via ");
		sb_addr(b, &h->gateway);
	}
	if (h->ifindex && dev)
		sb_printf(b, " dev %s", dev);
	else if (h->ifindex)
		sb_printf(b, " dev %u", h->ifindex);
	if (h->onlink)
		sb_put(b, " onlink");
}

void sb_route(struct sbuf *b, const struct route *r) { sb_route_named(b, r, NULL, NULL); }

void sb_route_named(struct sbuf *b, const struct route *r, route_name_fn *name, const void *ctx)
{
	static const char *const kinds[] = {"", "blackhole ", "unreachable ", "prohibit "};
	sb_put(b, r->kind < ARRAY_LEN(kinds) ? kinds[r->kind] : "");
	sb_prefix(b, &r->dst);
	if (r->n_hops == 1)
		put_hop(b, &r->hop[0], name, ctx);
	if (r->src.family) {
		sb_put(b, " src ");
		sb_addr(b, &r->src);
	}
	if (r->metric)
		sb_printf(b, " metric %u", r->metric);
	if (r->table && r->table != ROUTE_TABLE_MAIN)
		sb_printf(b, " table %u", r->table);
	for (size_t i = 0; r->n_hops > 1 && i < r->n_hops && i < ROUTE_HOPS_MAX; i++) {
		sb_put(b, " nexthop");
		put_hop(b, &r->hop[i], name, ctx);
		sb_printf(b, " weight %u", r->hop[i].weight ? r->hop[i].weight : 1);
	}
}

static bool hop_eq(const struct route_hop *a, const struct route_hop *b)
{
	unsigned wa = a->weight ? a->weight : 1, wb = b->weight ? b->weight : 1;
	return addr_eq(&a->gateway, &b->gateway) && a->ifindex == b->ifindex && wa == wb && a->onlink == b->onlink;
}

bool route_eq(const struct route *a, const struct route *b)
{
	if (!addr_eq(&a->dst.addr, &b->dst.addr) || a->dst.len != b->dst.len || a->source != b->source ||
	    a->kind != b->kind || a->n_hops != b->n_hops || a->table != b->table || a->metric != b->metric ||
	    !addr_eq(&a->src, &b->src))
		return false;
	for (size_t i = 0; i < a->n_hops && i < ROUTE_HOPS_MAX; i++) {
		if (!hop_eq(&a->hop[i], &b->hop[i]))
			return false;
	}
	return true;
}
