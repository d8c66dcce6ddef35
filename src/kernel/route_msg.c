/* Routes as messages. See route_msg.h. */
#include "kernel/route_msg.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/link_msg.h"

/* ---- building ---- */

static const uint8_t types[] = {
	[ROUTE_UNICAST] = RTN_UNICAST,
	[ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
	[ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
	[ROUTE_PROHIBIT] = RTN_PROHIBIT,
};

/* RFC 8950: a gateway of the other family goes as RTA_VIA. */
static void put_gateway(struct nlmsghdr *h, const struct route_hop *hop, uint8_t family)
{
	struct {
		uint16_t family;
		uint8_t b[16];
	} via;
	if (hop->gateway.family == AF_NONE)
		return;
	if (hop->gateway.family == family) {
		mnl_attr_put(h, RTA_GATEWAY, addr_len(&hop->gateway), hop->gateway.b);
		return;
	}
	memset(&via, 0, sizeof via);
	via.family = nl_family(&hop->gateway);
	memcpy(via.b, hop->gateway.b, sizeof via.b);
	mnl_attr_put(h, RTA_VIA, (uint16_t)(sizeof via.family + addr_len(&hop->gateway)), &via);
}

static uint8_t hop_flags(const struct route_hop *hop) { return hop->onlink ? RTNH_F_ONLINK : 0; }

static void put_hops(struct nlmsghdr *h, const struct route *r)
{
	struct nlattr *all = mnl_attr_nest_start(h, RTA_MULTIPATH);
	for (size_t i = 0; i < r->n_hops; i++) {
		const struct route_hop *hop = &r->hop[i];
		struct rtnexthop *nh = mnl_nlmsg_get_payload_tail(h);
		memset(nh, 0, sizeof *nh);
		nh->rtnh_flags = hop_flags(hop);
		nh->rtnh_hops = (uint8_t)(hop->weight ? hop->weight - 1 : 0);
		nh->rtnh_ifindex = (int)hop->ifindex;
		h->nlmsg_len += (uint32_t)sizeof *nh;
		put_gateway(h, hop, r->dst.addr.family);
		nh->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(h) - (char *)nh);
	}
	mnl_attr_nest_end(h, all);
	all->nla_type = RTA_MULTIPATH; /* fib_get_nhs() of old kernels does not take the flag for nested */
}

/* A gateway is reached through a route of narrower scope, so its own must be wider (fib_check_nh() of the kernel). */
static bool on_link(const struct route *r)
{
	for (size_t i = 0; i < r->n_hops; i++) {
		if (r->hop[i].gateway.family != AF_NONE)
			return false;
	}
	return r->n_hops > 0;
}

static bool op_ok(const struct kernel_route_op *op)
{
	const struct route *r = &op->route;
	size_t bits = 8 * addr_len(&r->dst.addr);
	if (bits == 0 || r->dst.len > bits || r->n_hops > ROUTE_HOPS_MAX || r->kind >= ARRAY_LEN(types))
		return false;
	return op->del || (r->n_hops > 0) == (r->kind == ROUTE_UNICAST);
}

size_t route_msg_put(void *at, const struct kernel_route_op *op, uint32_t seq, bool ack)
{
	const struct route *r = &op->route;
	if (!op_ok(op))
		return 0;
	memset(at, 0, op->route.n_hops > 1 ? ROUTE_MSG_MAX : 160);
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	h->nlmsg_type = op->del ? RTM_DELROUTE : RTM_NEWROUTE;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (ack ? NLM_F_ACK : 0));
	if (!op->del)
		h->nlmsg_flags |= (uint16_t)(NLM_F_CREATE | (op->ours ? NLM_F_REPLACE : NLM_F_EXCL));
	h->nlmsg_seq = seq;
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	m->rtm_family = nl_family(&r->dst.addr);
	m->rtm_dst_len = r->dst.len;
	m->rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	m->rtm_protocol = ROUTE_PROTO_GRETEL;
	mnl_attr_put(h, RTA_DST, addr_len(&r->dst.addr), r->dst.addr.b);
	mnl_attr_put_u32(h, RTA_TABLE, r->table);
	mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (op->del) {
		m->rtm_scope = RT_SCOPE_NOWHERE; /* any */
		return (h->nlmsg_len + 3u) & ~3u;
	}
	m->rtm_type = types[r->kind];
	m->rtm_scope = on_link(r) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (r->src.family == r->dst.addr.family)
		mnl_attr_put(h, RTA_PREFSRC, addr_len(&r->src), r->src.b);
	if (r->n_hops == 1) {
		m->rtm_flags = hop_flags(&r->hop[0]);
		put_gateway(h, &r->hop[0], r->dst.addr.family);
		if (r->hop[0].ifindex)
			mnl_attr_put_u32(h, RTA_OIF, r->hop[0].ifindex);
	} else if (r->n_hops > 1) {
		put_hops(h, r);
	}
	return (h->nlmsg_len + 3u) & ~3u;
}

void route_msg_dump(struct nlw *w, uint8_t family)
{
	struct rtmsg m = {.rtm_family = family == AF_V6 ? AF_INET6 : AF_INET};
	nlw_start(w, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof m);
}

/* ---- reading ---- */

static struct addr get_via(const struct nl_attr *a)
{
	uint8_t b[16];
	uint16_t family;
	struct rd v = a->v;
	rd_copy(&v, &family, sizeof family);
	size_t n = rd_left(&v);
	if ((n != 4 && n != 16) || family != (n == 4 ? AF_INET : AF_INET6))
		return addr_any(AF_NONE);
	rd_copy(&v, b, n);
	return addr_from(b, n);
}

static void get_hop_attr(const struct nl_attr *a, struct route_hop *hop)
{
	if (a->type == RTA_GATEWAY)
		hop->gateway = nl_addr(a);
	else if (a->type == RTA_VIA)
		hop->gateway = get_via(a);
}

/* What is beyond ROUTE_HOPS_MAX is left out: the first ones are enough to know where packets may go. */
static bool get_hops(const struct nl_attr *all, struct route *r)
{
	struct rd v = all->v;
	r->n_hops = 0;
	while (rd_left(&v)) {
		struct rtnexthop nh;
		rd_copy(&v, &nh, sizeof nh);
		if (!rd_ok(&v) || nh.rtnh_len < sizeof nh)
			return false;
		struct rd attrs = rd_sub(&v, nh.rtnh_len - sizeof nh);
		rd_skip(&v, min_z((4 - nh.rtnh_len % 4u) % 4u, rd_left(&v)));
		struct route_hop hop = {.ifindex = (uint32_t)nh.rtnh_ifindex, .weight = (uint8_t)(nh.rtnh_hops + 1)};
		hop.onlink = nh.rtnh_flags & RTNH_F_ONLINK;
		for (struct nl_attr a; nl_attr_next(&attrs, &a);)
			get_hop_attr(&a, &hop);
		if (!rd_ok(&attrs))
			return false;
		if (r->n_hops < ROUTE_HOPS_MAX)
			r->hop[r->n_hops++] = hop;
	}
	return rd_ok(&v);
}

/* What other routing daemons sign with (rtnetlink.h); the rest came from an administrator, DHCP, or the kernel itself. */
static uint8_t source_of(const struct rtmsg *m, const struct route *r)
{
	switch (m->rtm_protocol) {
	case RTPROT_KERNEL:
		return r->n_hops && r->hop[0].gateway.family == AF_NONE ? ROUTE_CONNECTED : ROUTE_KERNEL;
	case RTPROT_STATIC: return ROUTE_STATIC;
	case ROUTE_PROTO_GRETEL: return ROUTE_OURS;
	case RTPROT_GATED: case RTPROT_MRT: case RTPROT_ZEBRA: case RTPROT_BIRD: case RTPROT_DNROUTED: case RTPROT_XORP:
	case RTPROT_NTK: case RTPROT_BABEL: case RTPROT_BGP: case RTPROT_ISIS: case RTPROT_OSPF: case RTPROT_RIP:
	case RTPROT_EIGRP:
		return ROUTE_FOREIGN;
	default: return ROUTE_KERNEL;
	}
}

static bool kind_of(uint8_t type, uint8_t *out)
{
	for (uint8_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i] == type) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool get_route_attrs(struct nl_msg *m, struct route *r)
{
	struct route_hop one = {.weight = 1};
	bool many = false;
	for (struct nl_attr a; nl_attr_next(&m->body, &a);) {
		switch (a.type) {
		case RTA_DST: r->dst.addr = nl_addr(&a); break;
		case RTA_TABLE: r->table = nl_u32(&a); break;
		case RTA_PRIORITY: r->metric = nl_u32(&a); break;
		case RTA_PREFSRC: r->src = nl_addr(&a); break;
		case RTA_OIF: one.ifindex = nl_u32(&a); break;
		case RTA_MULTIPATH:
			many = true;
			if (!get_hops(&a, r))
				return false;
			break;
		default: get_hop_attr(&a, &one);
		}
	}
	if (!many && (one.ifindex || one.gateway.family)) {
		r->hop[0] = one;
		r->n_hops = 1;
	}
	return rd_ok(&m->body);
}

static bool route_parse_fact(const struct nl_msg *msg, struct kernel_fact *out)
{
	struct nl_msg m = *msg;
	struct rtmsg h;
	struct route *r = &out->route;
	if (!nl_body(&m, &h, sizeof h) || (h.rtm_family != AF_INET && h.rtm_family != AF_INET6) ||
	    (h.rtm_flags & RTM_F_CLONED) || !kind_of(h.rtm_type, &r->kind))
		return false;
	r->dst.addr = addr_any(h.rtm_family == AF_INET ? AF_V4 : AF_V6);
	r->dst.len = h.rtm_dst_len;
	r->table = h.rtm_table;
	if (!get_route_attrs(&m, r) || r->table == RT_TABLE_LOCAL)
		return false;
	if (r->n_hops == 1 && (h.rtm_flags & RTNH_F_ONLINK))
		r->hop[0].onlink = true;
	/* IPv6 hangs discard routes on the loopback interface. */
	if (r->kind != ROUTE_UNICAST)
		r->n_hops = 0;
	r->source = source_of(&h, r);
	out->type = KFACT_ROUTE;
	out->gone = m.type == RTM_DELROUTE;
	return nl_family(&r->dst.addr) == h.rtm_family && r->dst.len <= 8 * addr_len(&r->dst.addr);
}

static bool link_parse_fact(const struct nl_msg *msg, struct kernel_fact *out)
{
	struct nl_msg m = *msg;
	struct ifinfomsg i;
	if (!nl_body(&m, &i, sizeof i) || i.ifi_family != AF_UNSPEC || i.ifi_index <= 0)
		return false;
	struct route_link *l = &out->link;
	l->ifindex = (uint32_t)i.ifi_index;
	l->loopback = i.ifi_flags & IFF_LOOPBACK;
	l->point_to_point = i.ifi_flags & IFF_POINTOPOINT;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == IFLA_IFNAME)
			nl_str(&a, l->name, sizeof l->name);
		else if (a.type == IFLA_MTU)
			l->mtu = nl_u32(&a);
	}
	out->type = KFACT_LINK;
	out->gone = m.type == RTM_DELLINK;
	out->enabled = !out->gone && i.ifi_flags & IFF_UP;
	l->up = out->enabled && i.ifi_flags & IFF_RUNNING;
	return rd_ok(&m.body);
}

static bool addr_parse_fact(const struct nl_msg *msg, struct kernel_fact *out)
{
	struct addr_info i;
	if (!addr_parse_msg(msg, &i))
		return false;
	out->type = KFACT_ADDR;
	out->gone = msg->type == RTM_DELADDR;
	out->address = (struct route_addr){
		.ifindex = i.ifindex, .local = i.local, .peer = i.peer, .secondary = i.secondary, .link_local = i.scope == RT_SCOPE_LINK,
	};
	return out->gone || i.usable;
}

bool route_fact_parse(const struct nl_msg *m, struct kernel_fact *out)
{
	memset(out, 0, sizeof *out);
	switch (m->type) {
	case RTM_NEWLINK: case RTM_DELLINK: return link_parse_fact(m, out);
	case RTM_NEWADDR: case RTM_DELADDR: return addr_parse_fact(m, out);
	case RTM_NEWROUTE: case RTM_DELROUTE: return route_parse_fact(m, out);
	default: return false;
	}
}
