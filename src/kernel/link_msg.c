/* Links, addresses and routes as messages. See link_msg.h. */
#include "kernel/link_msg.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* After net/if.h, which it would clash with otherwise. */
#include <linux/if_tunnel.h>
#include <linux/ip6_tunnel.h>

/* ---- building ---- */

static uint16_t gre_flags(const struct gre_params *p)
{
	return (uint16_t)((p->key_set ? ntohs(GRE_KEY) : 0) | (p->csum ? ntohs(GRE_CSUM) : 0) |
	                  (p->seq ? ntohs(GRE_SEQ) : 0));
}

/* What the outer IPv6 header needs beyond IPv4's. No encapsulation limit: that would be a destination options
 * header between ESP and GRE (RFC 2473 6.6), which a policy for protocol 47 need not see through. */
static void put_gre6(struct nlw *w, const struct gre_params *p)
{
	uint32_t flags = IP6_TNL_F_IGN_ENCAP_LIMIT;
	uint32_t flow = 0;
	if (p->tos == 1)
		flags |= IP6_TNL_F_USE_ORIG_TCLASS;
	else
		flow = htonl((uint32_t)p->tos << 20);
	nlw_u32(w, IFLA_GRE_FLAGS, flags);
	nlw_u32(w, IFLA_GRE_FLOWINFO, flow);
}

static void put_gre(struct nlw *w, const struct gre_params *p)
{
	uint16_t flags = htons(gre_flags(p));
	uint32_t key = htonl(p->key);
	nlw_attr(w, IFLA_GRE_IFLAGS, &flags, sizeof flags);
	nlw_attr(w, IFLA_GRE_OFLAGS, &flags, sizeof flags);
	if (p->key_set) {
		nlw_attr(w, IFLA_GRE_IKEY, &key, sizeof key);
		nlw_attr(w, IFLA_GRE_OKEY, &key, sizeof key);
	}
	nlw_attr(w, IFLA_GRE_LOCAL, p->local.b, addr_len(&p->local));
	nlw_attr(w, IFLA_GRE_REMOTE, p->remote.b, addr_len(&p->remote));
	nlw_u8(w, IFLA_GRE_TTL, p->ttl);
	if (p->local.family == AF_V6) {
		put_gre6(w, p);
	} else {
		nlw_u8(w, IFLA_GRE_TOS, p->tos);
		nlw_u8(w, IFLA_GRE_PMTUDISC, 1); /* as `ip tunnel add` does */
	}
}

void link_msg_gre(struct nlw *w, const struct gre_params *p, uint32_t ifindex)
{
	struct ifinfomsg i = {.ifi_index = (int)ifindex};
	nlw_start(w, RTM_NEWLINK, ifindex ? 0 : NLM_F_CREATE | NLM_F_EXCL, &i, sizeof i);
	if (!ifindex)
		nlw_str(w, IFLA_IFNAME, p->name);
	nlw_u32(w, IFLA_MTU, p->mtu);
	struct nlattr *info = nlw_nest(w, IFLA_LINKINFO);
	nlw_str(w, IFLA_INFO_KIND, p->local.family == AF_V6 ? "ip6gre" : "gre");
	struct nlattr *data = nlw_nest(w, IFLA_INFO_DATA);
	put_gre(w, p);
	nlw_end(w, data);
	nlw_end(w, info);
}

void link_msg_gre_test(struct nlw *w, uint8_t outer)
{
	/* The name is unlikely to be taken, and a version other than 0 is what the link's own check refuses. */
	struct ifinfomsg i = {0};
	uint16_t flags = GRE_VERSION;
	nlw_start(w, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof i);
	nlw_str(w, IFLA_IFNAME, "gretel-test");
	struct nlattr *info = nlw_nest(w, IFLA_LINKINFO);
	nlw_str(w, IFLA_INFO_KIND, outer == AF_V6 ? "ip6gre" : "gre");
	struct nlattr *data = nlw_nest(w, IFLA_INFO_DATA);
	nlw_attr(w, IFLA_GRE_IFLAGS, &flags, sizeof flags);
	nlw_end(w, data);
	nlw_end(w, info);
}

void link_msg_set(struct nlw *w, uint32_t ifindex, uint32_t mtu, bool up)
{
	struct ifinfomsg i = {.ifi_index = (int)ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};
	nlw_start(w, RTM_NEWLINK, 0, &i, sizeof i);
	if (mtu)
		nlw_u32(w, IFLA_MTU, mtu);
}

void link_msg_queue(struct nlw *w, uint32_t ifindex, uint32_t frames)
{
	struct ifinfomsg i = {.ifi_index = (int)ifindex};
	nlw_start(w, RTM_NEWLINK, 0, &i, sizeof i);
	nlw_u32(w, IFLA_TXQLEN, frames);
}

void link_msg_del(struct nlw *w, uint32_t ifindex)
{
	struct ifinfomsg i = {.ifi_index = (int)ifindex};
	nlw_start(w, RTM_DELLINK, 0, &i, sizeof i);
}

void link_msg_get(struct nlw *w, uint32_t ifindex, const char *name)
{
	struct ifinfomsg i = {.ifi_index = (int)ifindex};
	nlw_start(w, RTM_GETLINK, 0, &i, sizeof i);
	if (!ifindex)
		nlw_str(w, IFLA_IFNAME, name);
}

void link_msg_dump(struct nlw *w)
{
	struct ifinfomsg i = {0};
	nlw_start(w, RTM_GETLINK, NLM_F_DUMP, &i, sizeof i);
}

void addr_msg(struct nlw *w, uint16_t type, uint32_t ifindex, const struct prefix *local, const struct addr *peer)
{
	struct ifaddrmsg i = {.ifa_family = nl_family(&local->addr), .ifa_prefixlen = local->len, .ifa_index = ifindex};
	bool has_peer = peer->family == local->addr.family;
	/* The prefix length goes with IFA_ADDRESS: the peer where there is one. */
	nlw_start(w, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &i, sizeof i);
	nlw_attr(w, IFA_LOCAL, local->addr.b, addr_len(&local->addr));
	nlw_attr(w, IFA_ADDRESS, has_peer ? peer->b : local->addr.b, addr_len(&local->addr));
	if (local->addr.family == AF_V6 && type == RTM_NEWADDR)
		nlw_u32(w, IFA_FLAGS, IFA_F_NODAD);
}

void addr_msg_dump(struct nlw *w)
{
	struct ifaddrmsg i = {0};
	nlw_start(w, RTM_GETADDR, NLM_F_DUMP, &i, sizeof i);
}

void route_msg_get(struct nlw *w, const struct addr *dst, const struct addr *from)
{
	size_t n = addr_len(dst);
	struct rtmsg r = {.rtm_family = nl_family(dst), .rtm_dst_len = (uint8_t)(n * 8)};
	bool wish = from && from->family == dst->family && !addr_is_any(from);
	r.rtm_src_len = wish ? r.rtm_dst_len : 0;
	nlw_start(w, RTM_GETROUTE, 0, &r, sizeof r);
	nlw_attr(w, RTA_DST, dst->b, n);
	if (wish)
		nlw_attr(w, RTA_SRC, from->b, n);
}

void route_msg_match(struct nlw *w, const struct addr *dst)
{
	size_t n = addr_len(dst);
	struct rtmsg r = {.rtm_family = nl_family(dst), .rtm_dst_len = (uint8_t)(n * 8), .rtm_flags = RTM_F_FIB_MATCH};
	nlw_start(w, RTM_GETROUTE, 0, &r, sizeof r);
	nlw_attr(w, RTA_DST, dst->b, n);
}

/* ---- reading ---- */

static uint32_t get_be32(const struct nl_attr *a) { return ntohl(nl_u32(a)); }

static void get_gre6_attr(const struct nl_attr *a, struct link_info *out)
{
	if (a->type == IFLA_GRE_FLAGS) {
		out->plain = out->plain && nl_u32(a) & IP6_TNL_F_IGN_ENCAP_LIMIT;
		if (nl_u32(a) & IP6_TNL_F_USE_ORIG_TCLASS)
			out->link.tos = 1;
	} else if (a->type == IFLA_GRE_FLOWINFO && out->link.tos != 1) {
		out->link.tos = (uint8_t)(get_be32(a) >> 20 & 0xff);
	}
}

static bool get_gre_data(struct rd data, struct link_info *out)
{
	struct gre_link *g = &out->link;
	for (struct nl_attr a; nl_attr_next(&data, &a);) {
		switch (a.type) {
		case IFLA_GRE_LOCAL: g->local = nl_addr(&a); break;
		case IFLA_GRE_REMOTE: g->remote = nl_addr(&a); break;
		case IFLA_GRE_TTL: g->ttl = nl_u8(&a); break;
		case IFLA_GRE_TOS: g->tos = out->outer == AF_V4 ? nl_u8(&a) : g->tos; break;
		case IFLA_GRE_IFLAGS: out->iflags = ntohs(nl_u16(&a)); break;
		case IFLA_GRE_OFLAGS: out->oflags = ntohs(nl_u16(&a)); break;
		case IFLA_GRE_IKEY: out->ikey = get_be32(&a); break;
		case IFLA_GRE_OKEY: out->okey = get_be32(&a); break;
		case IFLA_GRE_LINK: out->plain = out->plain && nl_u32(&a) == 0; break;
		case IFLA_GRE_COLLECT_METADATA: out->external = true; break;
		default:
			if (out->outer == AF_V6)
				get_gre6_attr(&a, out);
		}
	}
	g->key_set = out->oflags & ntohs(GRE_KEY);
	g->key = g->key_set ? out->okey : 0;
	return rd_ok(&data);
}

/* The kind may stand after the data. */
static bool get_linkinfo(const struct nl_attr *info, struct link_info *out)
{
	char kind[16] = "";
	struct rd data = rd_init(NULL, 0), all = info->v;
	for (struct nl_attr a; nl_attr_next(&all, &a);) {
		if (a.type == IFLA_INFO_KIND)
			nl_str(&a, kind, sizeof kind);
		else if (a.type == IFLA_INFO_DATA)
			data = a.v;
	}
	if (!rd_ok(&all))
		return false;
	out->outer = strcmp(kind, "gre") == 0 ? AF_V4 : strcmp(kind, "ip6gre") == 0 ? AF_V6 : AF_NONE;
	out->gre = out->outer != AF_NONE;
	out->tun = strcmp(kind, "tun") == 0;
	return !out->gre || get_gre_data(data, out);
}

bool link_parse(const struct nl_msg *msg, struct link_info *out)
{
	struct nl_msg m = *msg;
	struct ifinfomsg i;
	*out = (struct link_info){.plain = true};
	if ((m.type != RTM_NEWLINK && m.type != RTM_DELLINK) || !nl_body(&m, &i, sizeof i))
		return false;
	if (i.ifi_family != AF_UNSPEC || i.ifi_index <= 0)
		return false;
	out->link.ifindex = (uint32_t)i.ifi_index;
	out->link.up = (i.ifi_flags & IFF_UP) && (i.ifi_flags & IFF_RUNNING);
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == IFLA_IFNAME)
			nl_str(&a, out->link.name, sizeof out->link.name);
		else if (a.type == IFLA_MTU)
			out->link.mtu = nl_u32(&a);
		else if (a.type == IFLA_LINKINFO && !get_linkinfo(&a, out))
			return false;
	}
	return rd_ok(&m.body);
}

bool link_same_gre(const struct link_info *have, const struct gre_params *want)
{
	const struct gre_link *g = &have->link;
	uint16_t flags = gre_flags(want);
	return have->gre && have->outer == want->local.family && !have->external && have->plain &&
	       addr_eq(&g->local, &want->local) && addr_eq(&g->remote, &want->remote) &&
	       have->iflags == flags && have->oflags == flags &&
	       (!want->key_set || (have->ikey == want->key && have->okey == want->key)) &&
	       g->ttl == want->ttl && g->tos == want->tos;
}

bool addr_parse_msg(const struct nl_msg *msg, struct addr_info *out)
{
	struct nl_msg m = *msg;
	struct ifaddrmsg i;
	struct addr address = addr_any(AF_NONE), local = addr_any(AF_NONE);
	*out = (struct addr_info){0};
	if ((m.type != RTM_NEWADDR && m.type != RTM_DELADDR) || !nl_body(&m, &i, sizeof i))
		return false;
	uint32_t flags = i.ifa_flags;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == IFA_ADDRESS)
			address = nl_addr(&a);
		else if (a.type == IFA_LOCAL)
			local = nl_addr(&a);
		else if (a.type == IFA_FLAGS)
			flags = nl_u32(&a);
	}
	out->ifindex = i.ifa_index;
	out->scope = i.ifa_scope;
	/* IPv6 names the local one only where there is a peer, IPv4 the other only then as well as always. */
	out->local.addr = local.family ? local : address;
	out->local.len = i.ifa_prefixlen;
	if (local.family && address.family && !addr_eq(&local, &address))
		out->peer = address;
	out->secondary = i.ifa_family == AF_INET && flags & IFA_F_SECONDARY; /* IPv6 has another use for the bit */
	out->usable = !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
	return rd_ok(&m.body) && out->local.addr.family && nl_family(&out->local.addr) == i.ifa_family &&
	       out->local.len <= addr_len(&out->local.addr) * 8;
}

bool route_parse(const struct nl_msg *msg, struct addr *src, uint32_t *ifindex)
{
	struct nl_msg m = *msg;
	struct rtmsg r;
	struct addr wish = addr_any(AF_NONE);
	*src = wish;
	*ifindex = 0;
	if (m.type != RTM_NEWROUTE || !nl_body(&m, &r, sizeof r))
		return false;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == RTA_PREFSRC)
			*src = nl_addr(&a);
		else if (a.type == RTA_SRC)
			wish = nl_addr(&a); /* what we asked for, granted */
		else if (a.type == RTA_OIF)
			*ifindex = nl_u32(&a);
	}
	if (src->family == AF_NONE)
		*src = wish;
	return rd_ok(&m.body);
}

bool route_parse_match(const struct nl_msg *msg, struct kernel_match *out)
{
	struct nl_msg m = *msg;
	struct rtmsg r;
	*out = (struct kernel_match){0};
	if (m.type != RTM_NEWROUTE || !nl_body(&m, &r, sizeof r))
		return false;
	out->len = r.rtm_dst_len;
	out->local = r.rtm_type == RTN_LOCAL;
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == RTA_OIF)
			out->ifindex = nl_u32(&a);
		else if (a.type == RTA_PRIORITY)
			out->metric = nl_u32(&a);
	}
	return rd_ok(&m.body);
}

/* Its destination is all that counts: what the way is now has to be asked for. */
static bool route_parse_event(const struct nl_msg *msg, struct kernel_event *out)
{
	struct nl_msg m = *msg;
	struct rtmsg r;
	if (!nl_body(&m, &r, sizeof r) || (r.rtm_family != AF_INET && r.rtm_family != AF_INET6))
		return false;
	out->type = KERNEL_ROUTE;
	out->gone = m.type == RTM_DELROUTE;
	out->dst = (struct prefix){.addr = addr_any(r.rtm_family == AF_INET ? AF_V4 : AF_V6), .len = r.rtm_dst_len};
	for (struct nl_attr a; nl_attr_next(&m.body, &a);) {
		if (a.type == RTA_DST)
			out->dst.addr = nl_addr(&a);
	}
	return rd_ok(&m.body) && nl_family(&out->dst.addr) == r.rtm_family && out->dst.len <= addr_len(&out->dst.addr) * 8;
}

bool link_parse_event(const struct nl_msg *m, struct kernel_event *out)
{
	struct link_info l;
	struct addr_info a;
	*out = (struct kernel_event){.gone = m->type == RTM_DELLINK || m->type == RTM_DELADDR};
	if (link_parse(m, &l)) {
		out->type = KERNEL_LINK;
		out->ifindex = l.link.ifindex;
		out->up = l.link.up && !out->gone;
		out->mtu = l.link.mtu;
		out->inner = l.gre || l.tun;
		memcpy(out->name, l.link.name, sizeof out->name);
		return true;
	}
	if (m->type == RTM_NEWROUTE || m->type == RTM_DELROUTE)
		return route_parse_event(m, out);
	if (!addr_parse_msg(m, &a) || (!a.usable && !out->gone))
		return false;
	out->type = KERNEL_ADDR;
	out->ifindex = a.ifindex;
	out->addr = a.local.addr;
	return true;
}

struct addr addr_other_host(const struct prefix *p)
{
	struct addr other = p->addr;
	size_t bits = addr_len(&p->addr) * 8;
	if (bits == 0 || p->len + 1u == bits) { /* RFC 3021, RFC 6164 */
		if (bits)
			other.b[bits / 8 - 1] ^= 1;
		return other;
	}
	uint8_t low = p->addr.b[3] & 3;
	if (p->addr.family == AF_V4 && p->len == 30 && (low == 1 || low == 2)) {
		other.b[3] ^= 3;
		return other;
	}
	return addr_any(AF_NONE);
}
