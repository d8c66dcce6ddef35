/* dataplane/wire.c: the vnet header, and the control messages of UDP sockets both ways, of octets in blocks of exact size. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/virtio_net.h>

#include <cmocka.h>

#include "dataplane/dp_int.h"

static void *copy(const void *p, size_t n)
{
	void *out = malloc(n);
	assert_non_null(out);
	memcpy(out, p, n);
	return out;
}

/* --- vnet --- */

static void vnet_both_ways(void **state)
{
	static const struct { struct virtio_net_hdr h; struct esp_vnet v; } cases[] = {
		{{.gso_type = VIRTIO_NET_HDR_GSO_NONE}, {.gso = ESP_GSO_NONE}},
		{{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 6}, {.csum = true, .csum_start = 20, .csum_offset = 6}},
		{{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 40, .gso_size = 1360, .csum_start = 20,
		  .csum_offset = 16},
		 {.gso = ESP_GSO_TCP4, .csum = true, .hdr_len = 40, .gso_size = 1360, .csum_start = 20, .csum_offset = 16}},
		{{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .hdr_len = 60, .gso_size = 1340, .csum_start = 40,
		  .csum_offset = 16},
		 {.gso = ESP_GSO_TCP6, .csum = true, .hdr_len = 60, .gso_size = 1340, .csum_start = 40, .csum_offset = 16}},
		{{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = 5, .hdr_len = 28, .gso_size = 1200, .csum_start = 20, .csum_offset = 6},
		 {.gso = ESP_GSO_UDP, .csum = true, .hdr_len = 28, .gso_size = 1200, .csum_start = 20, .csum_offset = 6}},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct esp_vnet v;
		uint8_t *h = copy(&cases[i].h, VNET_LEN), *back = malloc(VNET_LEN);
		assert_true(vnet_get(h, &v));
		assert_int_equal(v.gso, cases[i].v.gso);
		assert_int_equal(v.csum, cases[i].v.csum);
		assert_int_equal(v.hdr_len, cases[i].v.hdr_len);
		assert_int_equal(v.gso_size, cases[i].v.gso_size);
		assert_int_equal(v.csum_start, cases[i].v.csum_start);
		assert_int_equal(v.csum_offset, cases[i].v.csum_offset);
		vnet_put(&cases[i].v, back);
		assert_memory_equal(back, h, VNET_LEN);
		free(h);
		free(back);
	}
}

static void vnet_ecn_and_strangers(void **state)
{
	struct virtio_net_hdr h = {.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .flags = 2 /* DATA_VALID */};
	uint8_t *p = copy(&h, VNET_LEN);
	struct esp_vnet v;
	(void)state;
	assert_true(vnet_get(p, &v));
	assert_int_equal(v.gso, ESP_GSO_TCP4);
	assert_false(v.csum);
	p[1] = 3; /* VIRTIO_NET_HDR_GSO_UDP: fragments, which we never offer to take */
	assert_false(vnet_get(p, &v));
	p[1] = 0x7f;
	assert_false(vnet_get(p, &v));
	free(p);
}

/* --- out --- */

static struct addr addr_of(const char *text)
{
	struct addr a;
	assert_true(addr_parse(text, &a));
	return a;
}

/* The value of the one message of this kind. */
static bool value(struct msghdr *m, int level, int type, void *out, size_t n)
{
	unsigned found = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != level || c->cmsg_type != type)
			continue;
		assert_int_equal(c->cmsg_len, CMSG_LEN(n));
		memcpy(out, CMSG_DATA(c), n);
		found++;
	}
	assert_true(found <= 1);
	return found == 1;
}

static unsigned messages(struct msghdr *m)
{
	unsigned n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		n++;
	return n;
}

static void out_v4(void **state)
{
	uint8_t octets[3000];
	struct out *o = calloc(1, sizeof *o);
	struct msghdr m;
	struct in_pktinfo from;
	int tos, ttl;
	uint16_t seg;
	(void)state;
	o->run = (struct esp_dgrams){.p = octets, .n = 2900, .seg = 1400, .from = addr_of("192.0.2.1"),
	                             .to = {addr_of("198.51.100.2"), 4500}, .tos = 0xb9, .ttl = 61};
	out_build(o, &m);
	assert_int_equal(m.msg_namelen, sizeof(struct sockaddr_in));
	assert_int_equal(o->to.v4.sin_family, AF_INET);
	assert_int_equal(ntohs(o->to.v4.sin_port), 4500);
	assert_int_equal(ntohl(o->to.v4.sin_addr.s_addr), 0xc6336402);
	assert_int_equal(m.msg_iovlen, 1);
	assert_ptr_equal(m.msg_iov[0].iov_base, octets);
	assert_int_equal(m.msg_iov[0].iov_len, 2900);
	assert_true(m.msg_controllen <= sizeof o->control);
	assert_int_equal(messages(&m), 4);
	assert_true(value(&m, IPPROTO_IP, IP_PKTINFO, &from, sizeof from));
	assert_int_equal(ntohl(from.ipi_spec_dst.s_addr), 0xc0000201);
	assert_int_equal(from.ipi_ifindex, 0);
	assert_true(value(&m, IPPROTO_IP, IP_TOS, &tos, sizeof tos));
	assert_int_equal(tos, 0xb9);
	assert_true(value(&m, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
	assert_int_equal(ttl, 61);
	assert_true(value(&m, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof seg));
	assert_int_equal(seg, 1400);
	/* datagram by datagram: all but the segment */
	m.msg_controllen = o->control_plain;
	assert_int_equal(messages(&m), 3);
	assert_false(value(&m, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof seg));
	free(o);
}

static void out_v6(void **state)
{
	uint8_t octet;
	struct out *o = calloc(1, sizeof *o);
	struct msghdr m;
	struct in6_pktinfo from;
	int tos, ttl;
	struct addr a = addr_of("2001:db8::1"), b = addr_of("2001:db8::2");
	(void)state;
	o->run = (struct esp_dgrams){.p = &octet, .n = 1400, .seg = 1400, .from = a, .to = {b, 4501}, .tos = 2, .ttl = 255};
	out_build(o, &m);
	assert_int_equal(m.msg_namelen, sizeof(struct sockaddr_in6));
	assert_int_equal(o->to.v6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(o->to.v6.sin6_port), 4501);
	assert_memory_equal(&o->to.v6.sin6_addr, b.b, 16);
	assert_true(m.msg_controllen <= sizeof o->control);
	assert_int_equal(messages(&m), 3); /* one datagram is not segmented */
	assert_int_equal(m.msg_controllen, o->control_plain);
	assert_true(value(&m, IPPROTO_IPV6, IPV6_PKTINFO, &from, sizeof from));
	assert_memory_equal(&from.ipi6_addr, a.b, 16);
	assert_true(value(&m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos));
	assert_int_equal(tos, 2);
	assert_true(value(&m, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof ttl));
	assert_int_equal(ttl, 255);
	/* the most that there can be fits */
	o->run.n = 65507;
	out_build(o, &m);
	assert_int_equal(messages(&m), 4);
	assert_true(m.msg_controllen <= sizeof o->control);
	/* and the least */
	o->run.from = addr_any(AF_V6);
	o->run.n = 1400;
	o->run.ttl = 0;
	out_build(o, &m);
	assert_int_equal(messages(&m), 1);
	free(o);
}

/* --- in --- */

/* A message as the kernel would fill it in; the block of control messages is as long as they are. */
struct got {
	struct msghdr m;
	union sockname name;
	uint8_t *control;
	size_t n;
};

static void got_add(struct got *g, int level, int type, const void *p, size_t n)
{
	g->control = realloc(g->control, g->n + CMSG_SPACE(n));
	assert_non_null(g->control);
	memset(g->control + g->n, 0, CMSG_SPACE(n));
	struct cmsghdr c = {.cmsg_len = CMSG_LEN(n), .cmsg_level = level, .cmsg_type = type};
	memcpy(g->control + g->n, &c, sizeof c);
	memcpy(g->control + g->n + CMSG_LEN(0), p, n);
	g->n += CMSG_SPACE(n);
	g->m.msg_control = g->control;
	g->m.msg_controllen = g->n;
}

static struct got *got_v4(void)
{
	struct got *g = calloc(1, sizeof *g);
	g->name.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1024), .sin_addr.s_addr = htonl(0xc6336402)};
	g->m = (struct msghdr){.msg_name = &g->name, .msg_namelen = sizeof g->name.v4};
	return g;
}

static void got_free(struct got *g)
{
	free(g->control);
	free(g);
}

static void in_v4(void **state)
{
	struct got *g = got_v4();
	struct in_pktinfo to = {.ipi_ifindex = 3, .ipi_addr.s_addr = htonl(0xc0000201), .ipi_spec_dst.s_addr = htonl(0x7f000001)};
	struct in_info i;
	uint8_t tos = 3;
	int seg = 1412;
	(void)state;
	assert_false(in_parse(&g->m, &i)); /* whereto is not known */
	got_add(g, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
	got_add(g, IPPROTO_IP, IP_PKTINFO, &to, sizeof to);
	assert_true(in_parse(&g->m, &i));
	assert_int_equal(i.seg, 0);
	got_add(g, IPPROTO_UDP, UDP_GRO, &seg, sizeof seg);
	assert_true(in_parse(&g->m, &i));
	struct addr from = addr_of("198.51.100.2"), here = addr_of("192.0.2.1");
	assert_true(addr_eq(&i.from.addr, &from));
	assert_int_equal(i.from.port, 1024);
	assert_true(addr_eq(&i.to, &here));
	assert_int_equal(i.tos, 3);
	assert_int_equal(i.seg, 1412);
	g->m.msg_flags = MSG_TRUNC;
	assert_false(in_parse(&g->m, &i));
	g->m.msg_flags = 0;
	g->name.any.sa_family = AF_UNIX;
	assert_false(in_parse(&g->m, &i));
	got_free(g);
}

static void in_v6(void **state)
{
	struct got *g = calloc(1, sizeof *g);
	struct in6_pktinfo to = {.ipi6_ifindex = 3};
	struct addr from = addr_of("2001:db8::2"), here = addr_of("2001:db8::1");
	struct in_info i;
	int tos = 0xba, seg = -1;
	(void)state;
	g->name.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(4500)};
	memcpy(&g->name.v6.sin6_addr, from.b, 16);
	memcpy(&to.ipi6_addr, here.b, 16);
	g->m = (struct msghdr){.msg_name = &g->name, .msg_namelen = sizeof g->name.v6};
	got_add(g, IPPROTO_IPV6, IPV6_PKTINFO, &to, sizeof to);
	got_add(g, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
	got_add(g, IPPROTO_UDP, UDP_GRO, &seg, sizeof seg);
	assert_true(in_parse(&g->m, &i));
	assert_true(addr_eq(&i.from.addr, &from));
	assert_int_equal(i.from.port, 4500);
	assert_true(addr_eq(&i.to, &here));
	assert_int_equal(i.tos, 0xba);
	assert_int_equal(i.seg, 0); /* nonsense is one datagram */
	got_free(g);
}

/* Messages that are shorter than what they should hold are not looked into. */
static void in_short(void **state)
{
	static const struct { int level, type; } kinds[] = {
		{IPPROTO_IP, IP_PKTINFO}, {IPPROTO_IP, IP_TOS}, {IPPROTO_IPV6, IPV6_PKTINFO}, {IPPROTO_IPV6, IPV6_TCLASS}, {IPPROTO_UDP, UDP_GRO},
	};
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct got *g = got_v4();
		struct in_info i;
		got_add(g, kinds[k].level, kinds[k].type, "", 0);
		assert_false(in_parse(&g->m, &i));
		assert_int_equal(i.tos, 0);
		assert_int_equal(i.seg, 0);
		assert_int_equal(i.to.family, AF_NONE);
		got_free(g);
	}
}

/* --- errors --- */

static void error_mtu(void **state)
{
	struct sock_extended_err e = {.ee_errno = ECONNREFUSED, .ee_origin = SO_EE_ORIGIN_ICMP, .ee_info = 1300};
	struct addr peer = addr_of("198.51.100.2");
	struct endpoint to;
	uint32_t mtu;
	(void)state;
	struct got *g = got_v4();
	assert_false(error_parse(&g->m, &to, &mtu));
	got_add(g, IPPROTO_IP, IP_RECVERR, &e, sizeof e);
	assert_false(error_parse(&g->m, &to, &mtu)); /* something else */
	got_free(g);
	e.ee_errno = EMSGSIZE;
	g = got_v4();
	got_add(g, IPPROTO_IP, IP_RECVERR, &e, sizeof e);
	assert_true(error_parse(&g->m, &to, &mtu));
	assert_int_equal(mtu, 1300);
	assert_true(addr_eq(&to.addr, &peer));
	assert_int_equal(to.port, 1024);
	got_free(g);
	g = got_v4();
	got_add(g, IPPROTO_IPV6, IPV6_RECVERR, &e, sizeof e - 1); /* too short */
	assert_false(error_parse(&g->m, &to, &mtu));
	got_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vnet_both_ways), cmocka_unit_test(vnet_ecn_and_strangers), cmocka_unit_test(out_v4),
		cmocka_unit_test(out_v6),         cmocka_unit_test(in_v4),                  cmocka_unit_test(in_v6),
		cmocka_unit_test(in_short),       cmocka_unit_test(error_mtu),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
