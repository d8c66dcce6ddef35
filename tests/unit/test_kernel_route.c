/* Route messages: the octets that we send, and what comes back as facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/route_msg.h"
#include "test_kernel_util.h"

static struct addr ip(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct kernel_route_op op(const char *dst, const char *via, uint32_t dev)
{
	struct kernel_route_op o = {.route = {.table = ROUTE_TABLE_MAIN, .metric = 20, .n_hops = 1}};
	assert_true(prefix_parse(dst, &o.route.dst));
	o.route.hop[0] = (struct route_hop){.ifindex = dev, .weight = 1};
	if (via)
		o.route.hop[0].gateway = ip(via);
	return o;
}

static void sends(const struct kernel_route_op *o, const char *want)
{
	_Alignas(8) uint8_t room[ROUTE_MSG_MAX];
	char text[4 * ROUTE_MSG_MAX];
	struct sbuf b = SB(text);
	memset(room, 0xaa, sizeof room); /* what is there before must not go out */
	size_t n = route_msg_put(room, o, 7, true);
	sb_hex(&b, room, n);
	struct span octets = kernel_hex(want);
	char expected[4 * ROUTE_MSG_MAX];
	struct sbuf e = SB(expected);
	sb_hex(&e, octets.p, octets.n);
	kernel_put(octets);
	assert_string_equal(text, expected);
}

/* nlmsghdr; rtmsg; RTA_DST, RTA_TABLE, RTA_PRIORITY, RTA_GATEWAY, RTA_OIF: as `ip route add ... proto 71` sends them. */
static void test_requests(void **state)
{
	(void)state;
	struct kernel_route_op o = op("192.168.1.0/24", "10.0.0.2", 7);
	sends(&o, "44000000 1800 0506 07000000 00000000  02180000 fe470001 00000000"
	          "0800 0100 c0a80100  0800 0f00 fe000000  0800 0600 14000000  0800 0500 0a000002  0800 0400 07000000");
	o.ours = true;
	o.route.hop[0].onlink = true;
	sends(&o, "44000000 1800 0505 07000000 00000000  02180000 fe470001 04000000"
	          "0800 0100 c0a80100  0800 0f00 fe000000  0800 0600 14000000  0800 0500 0a000002  0800 0400 07000000");
	o.del = true;
	sends(&o, "34000000 1900 0500 07000000 00000000  02180000 fe47ff00 00000000"
	          "0800 0100 c0a80100  0800 0f00 fe000000  0800 0600 14000000");
	o = op("10.0.9.0/30", NULL, 0);
	o.route.kind = ROUTE_BLACKHOLE;
	o.route.n_hops = 0;
	sends(&o, "34000000 1800 0506 07000000 00000000  021e0000 fe470006 00000000"
	          "0800 0100 0a000900  0800 0f00 fe000000  0800 0600 14000000");
	/* On the link, in another table, with a source; then RFC 8950's gateway of the other family. */
	o = op("10.6.0.0/16", NULL, 3);
	o.route.table = 1000;
	o.route.src = ip("10.0.0.1");
	sends(&o, "44000000 1800 0506 07000000 00000000  02100000 0047fd01 00000000"
	          "0800 0100 0a060000  0800 0f00 e8030000  0800 0600 14000000  0800 0700 0a000001  0800 0400 03000000");
	o = op("10.5.0.0/16", "fe80::2", 3);
	sends(&o, "54000000 1800 0506 07000000 00000000  02100000 fe470001 00000000"
	          "0800 0100 0a050000  0800 0f00 fe000000  0800 0600 14000000"
	          "1600 1200 0a00 fe80000000000000 0000000000000002 0000  0800 0400 03000000");
}

static void test_multipath(void **state)
{
	struct kernel_route_op o = op("10.4.0.0/16", "10.0.0.2", 3);
	(void)state;
	o.route.n_hops = 2;
	o.route.hop[1] = (struct route_hop){.gateway = ip("10.0.9.1"), .ifindex = 2, .weight = 3};
	sends(&o, "58000000 1800 0506 07000000 00000000  02100000 fe470001 00000000"
	          "0800 0100 0a040000  0800 0f00 fe000000  0800 0600 14000000"
	          "2400 0900  1000 00 00 03000000 0800 0500 0a000002  1000 00 02 02000000 0800 0500 0a000901");
}

static void test_none(void **state)
{
	_Alignas(8) uint8_t room[ROUTE_MSG_MAX];
	struct kernel_route_op o = op("10.4.0.0/16", "10.0.0.2", 3);
	(void)state;
	o.route.n_hops = 0;
	assert_int_equal(route_msg_put(room, &o, 1, true), 0);
	o.route.n_hops = ROUTE_HOPS_MAX + 1;
	assert_int_equal(route_msg_put(room, &o, 1, true), 0);
	o.route.n_hops = 1;
	o.route.kind = ROUTE_BLACKHOLE;
	assert_int_equal(route_msg_put(room, &o, 1, true), 0);
	o.route.kind = ROUTE_UNICAST;
	o.route.dst.len = 33;
	assert_int_equal(route_msg_put(room, &o, 1, true), 0);
	o.route.dst.addr.family = AF_NONE;
	assert_int_equal(route_msg_put(room, &o, 1, true), 0);
	/* The largest there is fits. */
	o = op("2001:db8::/32", "2001:db8::1", 3);
	o.route.n_hops = ROUTE_HOPS_MAX;
	for (size_t i = 0; i < ROUTE_HOPS_MAX; i++)
		o.route.hop[i] = o.route.hop[0];
	size_t n = route_msg_put(room, &o, 1, true);
	assert_true(n > 500 && n <= ROUTE_MSG_MAX);
}

/* What we send is what the kernel would tell: it reads back as the same route. Cut or changed it is read or refused. */
static void comes_back(const struct kernel_route_op *o)
{
	_Alignas(8) uint8_t room[ROUTE_MSG_MAX];
	struct kernel_fact f;
	struct nl_msg m;
	size_t n = route_msg_put(room, o, 1, true);
	struct rd r = rd_init(room, n);
	assert_true(nl_next(&r, &m));
	assert_true(route_fact_parse(&m, &f));
	assert_int_equal(f.type, KFACT_ROUTE);
	assert_false(f.gone);
	struct route want = o->route;
	want.source = ROUTE_OURS;
	assert_true(route_eq(&f.route, &want));
	for (size_t cut = 0; cut < n; cut++) {
		struct span s = kernel_copy(SPAN(room, cut));
		r = rd_init(s.p, s.n);
		assert_false(nl_next(&r, &m));
		kernel_put(s);
	}
	for (size_t bit = 128; bit < 8 * n; bit++) {
		struct span s = kernel_copy(SPAN(room, n));
		((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		r = rd_init(s.p, s.n);
		if (nl_next(&r, &m) && route_fact_parse(&m, &f) && f.type == KFACT_ROUTE) {
			assert_true(f.route.n_hops <= ROUTE_HOPS_MAX);
			assert_true(f.route.dst.len <= 8 * addr_len(&f.route.dst.addr));
		}
		kernel_put(s);
	}
}

static void test_back(void **state)
{
	struct kernel_route_op o = op("192.168.1.0/24", "10.0.0.2", 7);
	(void)state;
	comes_back(&o);
	o.route.src = ip("10.0.0.1");
	o.route.table = 1000;
	comes_back(&o);
	o.route.n_hops = 2;
	o.route.hop[1] = (struct route_hop){.gateway = ip("fe80::9"), .ifindex = 2, .weight = 3, .onlink = true};
	comes_back(&o);
	o = op("2001:db8:1::/48", "fe80::1", 4);
	comes_back(&o);
	o = op("0.0.0.0/0", "10.0.0.2", 7);
	comes_back(&o);
}

/* One route message with a protocol, type and table. */
static bool fact_of(uint8_t protocol, uint8_t type, uint8_t table, uint32_t flags, bool gateway, struct kernel_fact *f)
{
	struct nlw w;
	struct rtmsg m = {.rtm_family = 2, .rtm_dst_len = 24, .rtm_protocol = protocol, .rtm_type = type, .rtm_table = table,
	                  .rtm_flags = flags};
	struct nl_msg out;
	nlw_start(&w, RTM_NEWROUTE, 0, &m, sizeof m);
	nlw_attr(&w, RTA_DST, (const uint8_t[]){10, 1, 2, 0}, 4);
	nlw_u32(&w, RTA_OIF, 3);
	if (gateway)
		nlw_attr(&w, RTA_GATEWAY, (const uint8_t[]){10, 0, 0, 2}, 4);
	struct rd r = rd_init(w.buf, w.h->nlmsg_len);
	assert_true(nl_next(&r, &out));
	return route_fact_parse(&out, f);
}

static void test_sources(void **state)
{
	static const struct { uint8_t protocol; bool gateway; uint8_t source; } rows[] = {
		{RTPROT_KERNEL, false, ROUTE_CONNECTED}, {RTPROT_KERNEL, true, ROUTE_KERNEL}, {RTPROT_BOOT, true, ROUTE_KERNEL},
		{RTPROT_STATIC, true, ROUTE_STATIC}, {RTPROT_DHCP, true, ROUTE_KERNEL}, {RTPROT_ZEBRA, true, ROUTE_FOREIGN},
		{RTPROT_BIRD, true, ROUTE_FOREIGN}, {RTPROT_BGP, true, ROUTE_FOREIGN}, {ROUTE_PROTO_GRETEL, true, ROUTE_OURS},
	};
	struct kernel_fact f;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(fact_of(rows[i].protocol, RTN_UNICAST, RT_TABLE_MAIN, 0, rows[i].gateway, &f));
		assert_int_equal(f.route.source, rows[i].source);
	}
	assert_true(fact_of(RTPROT_BOOT, RTN_BLACKHOLE, RT_TABLE_MAIN, 0, false, &f));
	assert_int_equal(f.route.kind, ROUTE_BLACKHOLE);
	assert_int_equal(f.route.n_hops, 0);
	/* Not told: addresses of this host, broadcast, copies that the kernel made for itself. */
	assert_false(fact_of(RTPROT_KERNEL, RTN_LOCAL, RT_TABLE_LOCAL, 0, false, &f));
	assert_false(fact_of(RTPROT_KERNEL, RTN_UNICAST, RT_TABLE_LOCAL, 0, false, &f));
	assert_false(fact_of(RTPROT_KERNEL, RTN_BROADCAST, RT_TABLE_MAIN, 0, false, &f));
	assert_false(fact_of(RTPROT_KERNEL, RTN_UNICAST, RT_TABLE_MAIN, RTM_F_CLONED, false, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_multipath), cmocka_unit_test(test_none),
		cmocka_unit_test(test_back),     cmocka_unit_test(test_sources),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
