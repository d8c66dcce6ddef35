/* What stands beside octets in system calls, and what we make of it: the vnet header of a device, the control messages of a UDP socket.
 * No calls in here. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>
/* Behind time.h, which it needs and does not include. */
#include <linux/errqueue.h>

#include "dataplane/dp_int.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

_Static_assert(sizeof(struct virtio_net_hdr) == VNET_LEN, "the header that devices have by default");

/* --- the vnet header: in host order, which is what a device has unless it was told otherwise (TUNSETVNETLE) --- */

static const uint8_t gso_types[] = {
	[ESP_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
	[ESP_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
	[ESP_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
	[ESP_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
};

bool vnet_get(const uint8_t h[VNET_LEN], struct esp_vnet *out)
{
	struct virtio_net_hdr v;
	memcpy(&v, h, sizeof v);
	*out = (struct esp_vnet){.csum = v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, .hdr_len = v.hdr_len, .gso_size = v.gso_size,
	                         .csum_start = v.csum_start, .csum_offset = v.csum_offset};
	for (uint8_t i = 0; i < ARRAY_LEN(gso_types); i++) {
		if (gso_types[i] == (v.gso_type & ~VIRTIO_NET_HDR_GSO_ECN)) {
			out->gso = i;
			return true;
		}
	}
	return false;
}

void vnet_put(const struct esp_vnet *v, uint8_t h[VNET_LEN])
{
	struct virtio_net_hdr out = {.flags = v->csum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0, .gso_type = gso_types[v->gso],
	                             .hdr_len = v->hdr_len, .gso_size = v->gso_size, .csum_start = v->csum_start,
	                             .csum_offset = v->csum_offset};
	memcpy(h, &out, sizeof out);
}

/* --- addresses --- */

static socklen_t name_put(union sockname *s, const struct endpoint *e)
{
	if (e->addr.family == AF_V6) {
		s->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
		memcpy(&s->v6.sin6_addr, e->addr.b, 16);
		return sizeof s->v6;
	}
	s->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(e->port)};
	memcpy(&s->v4.sin_addr, e->addr.b, 4);
	return sizeof s->v4;
}

static bool name_get(const struct msghdr *m, struct endpoint *out)
{
	union sockname s;
	memset(&s, 0, sizeof s);
	if (m->msg_name && m->msg_namelen <= sizeof s)
		memcpy(&s, m->msg_name, m->msg_namelen);
	if (s.any.sa_family == AF_INET)
		*out = (struct endpoint){addr_from(&s.v4.sin_addr, 4), ntohs(s.v4.sin_port)};
	else if (s.any.sa_family == AF_INET6)
		*out = (struct endpoint){addr_from(&s.v6.sin6_addr, 16), ntohs(s.v6.sin6_port)};
	else
		*out = (struct endpoint){.port = 0};
	return out->addr.family != AF_NONE;
}

/* --- out --- */

static void control_put(struct msghdr *m, int level, int type, const void *p, size_t n)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + m->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	m->msg_controllen += CMSG_SPACE(n);
}

static void from_put(struct msghdr *m, const struct addr *a)
{
	struct in_pktinfo i4 = {.ipi_ifindex = 0};
	struct in6_pktinfo i6 = {.ipi6_ifindex = 0};
	if (a->family == AF_V4) {
		memcpy(&i4.ipi_spec_dst, a->b, 4);
		control_put(m, IPPROTO_IP, IP_PKTINFO, &i4, sizeof i4);
	} else if (a->family == AF_V6) {
		memcpy(&i6.ipi6_addr, a->b, 16);
		control_put(m, IPPROTO_IPV6, IPV6_PKTINFO, &i6, sizeof i6);
	}
}

void out_build(struct out *o, struct msghdr *m)
{
	const struct esp_dgrams *r = &o->run;
	bool v6 = r->to.addr.family == AF_V6;
	int tos = r->tos, ttl = r->ttl;
	o->iov = (struct iovec){.iov_base = r->p, .iov_len = r->n};
	*m = (struct msghdr){.msg_name = &o->to, .msg_namelen = name_put(&o->to, &r->to), .msg_iov = &o->iov, .msg_iovlen = 1,
	                     .msg_control = o->control.room};
	if (!addr_is_any(&r->from))
		from_put(m, &r->from);
	control_put(m, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
	if (ttl)
		control_put(m, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof ttl);
	o->control_plain = (uint32_t)m->msg_controllen;
	if (r->n > r->seg)
		control_put(m, IPPROTO_UDP, UDP_SEGMENT, &r->seg, sizeof r->seg);
}

/* --- in --- */

static void control_get(const struct cmsghdr *c, struct in_info *out)
{
	const uint8_t *p = CMSG_DATA(c);
	size_t n = c->cmsg_len - CMSG_LEN(0);
	struct in_pktinfo i4;
	struct in6_pktinfo i6;
	int v;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && n >= sizeof i4) {
		memcpy(&i4, p, sizeof i4);
		out->to = addr_from(&i4.ipi_addr, 4);
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS && n >= 1) {
		out->tos = *p;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && n >= sizeof i6) {
		memcpy(&i6, p, sizeof i6);
		out->to = addr_from(&i6.ipi6_addr, 16);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS && n >= sizeof v) {
		memcpy(&v, p, sizeof v);
		out->tos = (uint8_t)v;
	} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && n >= sizeof v) {
		memcpy(&v, p, sizeof v);
		out->seg = v > 0 ? (size_t)v : 0;
	}
}

/* The macros take one that is not const. */
static struct cmsghdr *control_next(const struct msghdr *m, struct cmsghdr *c)
{
	struct msghdr *all = (struct msghdr *)(uintptr_t)m;
	return c ? CMSG_NXTHDR(all, c) : CMSG_FIRSTHDR(all);
}

bool in_parse(const struct msghdr *m, struct in_info *out)
{
	*out = (struct in_info){.seg = 0};
	for (struct cmsghdr *c = control_next(m, NULL); c; c = control_next(m, c))
		control_get(c, out);
	return name_get(m, &out->from) && out->to.family == out->from.addr.family && !(m->msg_flags & MSG_TRUNC);
}

bool error_parse(const struct msghdr *m, struct endpoint *to, uint32_t *mtu)
{
	struct sock_extended_err e;
	*mtu = 0;
	for (struct cmsghdr *c = control_next(m, NULL); c; c = control_next(m, c)) {
		bool is = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		          (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
		if (!is || c->cmsg_len < CMSG_LEN(sizeof e))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof e);
		if (e.ee_errno == EMSGSIZE)
			*mtu = e.ee_info;
	}
	return *mtu && name_get(m, to);
}
