/* Routes and facts about links, addresses and routes, packed into the tail of a message. Pure. Whoever reads believes
 * nothing: families, lengths, counts and flags are checked here, what a route may be is the actor's. */
#include <string.h>

#include "privsep/pack.h"
#include "privsep/route_msg.h"

static void put_prefix(struct wr *w, const struct prefix *p)
{
	pack_addr(w, &p->addr);
	wr_u8(w, p->len);
}

static struct prefix get_prefix(struct rd *r)
{
	struct prefix p = {.addr = unpack_addr(r)};
	p.len = rd_u8(r);
	if (p.addr.family == AF_NONE || p.len > 8 * addr_len(&p.addr))
		rd_fail(r);
	return p;
}

static void put_route(struct wr *w, const struct route *r)
{
	put_prefix(w, &r->dst);
	wr_u8(w, r->source);
	wr_u8(w, r->kind);
	wr_u32(w, r->table);
	wr_u32(w, r->metric);
	pack_addr(w, &r->src);
	wr_u8(w, r->n_hops);
	for (size_t i = 0; i < r->n_hops && i < ROUTE_HOPS_MAX; i++) {
		const struct route_hop *h = &r->hop[i];
		pack_addr(w, &h->gateway);
		wr_u32(w, h->ifindex);
		wr_u8(w, h->weight);
		wr_u8(w, h->onlink);
	}
}

/* Only as many next hops as there are are written: the rest of *out is as it was. */
static void get_route(struct rd *r, struct route *out)
{
	out->dst = get_prefix(r);
	out->source = rd_u8(r);
	out->kind = rd_u8(r);
	out->table = rd_u32(r);
	out->metric = rd_u32(r);
	out->src = unpack_addr(r);
	out->n_hops = rd_u8(r);
	if (out->source > ROUTE_OURS || out->kind > ROUTE_PROHIBIT || out->n_hops > ROUTE_HOPS_MAX)
		rd_fail(r);
	for (size_t i = 0; rd_ok(r) && i < out->n_hops; i++) {
		struct route_hop *h = &out->hop[i];
		h->gateway = unpack_addr(r);
		h->ifindex = rd_u32(r);
		h->weight = rd_u8(r);
		h->onlink = unpack_bool(r);
	}
}

void priv_route_op_put(struct wr *w, bool del, const struct route *r)
{
	wr_u8(w, del);
	put_route(w, r);
}

bool priv_route_op_get(struct rd *r, struct priv_route_op *out)
{
	out->del = unpack_bool(r);
	get_route(r, &out->route);
	return rd_ok(r);
}

static void put_link(struct wr *w, const struct route_link *l)
{
	wr_u32(w, l->ifindex);
	wr_bytes(w, l->name, sizeof l->name);
	wr_u32(w, l->mtu);
	wr_u8(w, l->up);
	wr_u8(w, l->loopback);
	wr_u8(w, l->point_to_point);
}

static void get_link(struct rd *r, struct route_link *l)
{
	l->ifindex = rd_u32(r);
	rd_copy(r, l->name, sizeof l->name);
	l->mtu = rd_u32(r);
	l->up = unpack_bool(r);
	l->loopback = unpack_bool(r);
	l->point_to_point = unpack_bool(r);
	if (l->name[sizeof l->name - 1])
		rd_fail(r);
}

void priv_fact_put(struct wr *w, const struct kernel_fact *f)
{
	wr_u8(w, f->type);
	wr_u8(w, f->gone);
	switch (f->type) {
	case KFACT_LINK:
		wr_u8(w, f->enabled);
		put_link(w, &f->link);
		break;
	case KFACT_ADDR:
		wr_u32(w, f->address.ifindex);
		put_prefix(w, &f->address.local);
		pack_addr(w, &f->address.peer);
		wr_u8(w, f->address.link_local);
		wr_u8(w, f->address.secondary);
		break;
	default:
		put_route(w, &f->route);
	}
}

bool priv_fact_get(struct rd *r, struct kernel_fact *out)
{
	memset(out, 0, sizeof *out);
	out->type = rd_u8(r);
	out->gone = unpack_bool(r);
	switch (out->type) {
	case KFACT_LINK:
		out->enabled = unpack_bool(r);
		get_link(r, &out->link);
		break;
	case KFACT_ADDR:
		out->address.ifindex = rd_u32(r);
		out->address.local = get_prefix(r);
		out->address.peer = unpack_addr(r);
		out->address.link_local = unpack_bool(r);
		out->address.secondary = unpack_bool(r);
		break;
	case KFACT_ROUTE:
		get_route(r, &out->route);
		break;
	default:
		rd_fail(r);
	}
	return rd_ok(r);
}
