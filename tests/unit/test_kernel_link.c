/* Links and addresses: the request that makes a GRE, when one is as wanted, the other host of a subnet, events,
 * lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_tunnel.h>

#include "test_kernel_util.h"

static struct addr A(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct prefix P(const char *s)
{
	struct prefix p;
	assert_true(prefix_parse(s, &p));
	return p;
}

static struct gre_params params(void)
{
	return (struct gre_params){.name = "gre1", .local = A("172.19.42.8"), .remote = A("80.251.215.33"), .mtu = 1400,
	                           .ttl = 64, .tos = 16, .key_set = true, .key = 42, .csum = true};
}

static struct gre_params params6(void)
{
	return (struct gre_params){.name = "gre6", .local = A("2001:db8::8"), .remote = A("2001:db8::33"), .mtu = 1400,
	                           .ttl = 64, .tos = 16};
}

/* A request, read as if it came from the kernel: what it would make. */
static struct link_info read_back(const struct gre_params *p, uint32_t ifindex)
{
	struct nlw w;
	struct nl_msg m;
	struct link_info l;
	link_msg_gre(&w, p, ifindex ? ifindex : 1);
	assert_false(w.bad);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m));
	assert_true(link_parse(&m, &l));
	kernel_put(s);
	return l;
}

static void check_octets(const struct nlw *w, const char *hex)
{
	struct span s = kernel_hex(hex);
	assert_false(w->bad);
	assert_int_equal(w->h->nlmsg_len, s.n);
	assert_memory_equal(w->buf, s.p, s.n);
	kernel_put(s);
}

/* The numbers are those that iproute2 sends for `ip link add ... type gre` (golden/kernel/requests), which adds
 * defaults of its own. */
static void test_gre_octets(void **state)
{
	struct nlw w;
	struct gre_params p = params(), p6 = params6();
	(void)state;
	link_msg_gre(&w, &p, 0);
	check_octets(&w, "8c000000 1000 0106 00000000 00000000 00000000000000000000000000000000"
	                 "0900 0300 6772653100000000 0800 0400 78050000"
	                 "5800 1280 0800 0100 67726500 4c00 0280"
	                 "0600 0200 a0000000 0600 0300 a0000000 0800 0400 0000002a 0800 0500 0000002a"
	                 "0800 0600 ac132a08 0800 0700 50fbd721 0500 0800 40000000 0500 0900 10000000 0500 0a00 01000000");
	link_msg_gre(&w, &p6, 9);
	check_octets(&w, "8c000000 1000 0100 00000000 00000000 00000000090000000000000000000000"
	                 "0800 0400 78050000 6400 1280 0b00 0100 69703667726500 00 5400 0280"
	                 "0600 0200 00000000 0600 0300 00000000"
	                 "1400 0600 20010db8000000000000000000000008 1400 0700 20010db8000000000000000000000033"
	                 "0500 0800 40000000 0800 0d00 01000000 0800 0c00 01000000");
}

static void test_same(void **state)
{
	struct gre_params p = params(), q;
	struct link_info l = read_back(&p, 0);
	(void)state;
	assert_true(link_same_gre(&l, &p));
	q = p, q.local = A("172.19.42.9");
	assert_false(link_same_gre(&l, &q));
	q = p, q.remote = A("80.251.215.34");
	assert_false(link_same_gre(&l, &q));
	q = p, q.key = 43;
	assert_false(link_same_gre(&l, &q));
	q = p, q.key_set = false;
	assert_false(link_same_gre(&l, &q));
	q = p, q.csum = false;
	assert_false(link_same_gre(&l, &q));
	q = p, q.seq = true;
	assert_false(link_same_gre(&l, &q));
	q = p, q.ttl = 0;
	assert_false(link_same_gre(&l, &q));
	q = p, q.tos = 0;
	assert_false(link_same_gre(&l, &q));
	q = p, q.mtu = 9000; /* repaired otherwise */
	assert_true(link_same_gre(&l, &q));
	l.iflags ^= 0x2000;
	assert_false(link_same_gre(&l, &p));
	l.iflags ^= 0x2000, l.oflags ^= 0x2000;
	assert_false(link_same_gre(&l, &p));
	l.oflags ^= 0x2000, l.ikey++;
	assert_false(link_same_gre(&l, &p));
	l.ikey--;
	l.external = true;
	assert_false(link_same_gre(&l, &p));
	l.external = false, l.plain = false;
	assert_false(link_same_gre(&l, &p));
	l.plain = true, l.gre = false;
	assert_false(link_same_gre(&l, &p));
}

static void test_same6(void **state)
{
	struct gre_params p = params6(), q = p;
	struct link_info l = read_back(&p, 0);
	(void)state;
	assert_int_equal(l.outer, AF_V6);
	assert_int_equal(l.link.tos, 16);
	assert_true(link_same_gre(&l, &p));
	q.tos = 1;
	assert_false(link_same_gre(&l, &q));
	l = read_back(&q, 0);
	assert_int_equal(l.link.tos, 1);
	assert_true(link_same_gre(&l, &q));
	assert_false(link_same_gre(&l, &p));
}

static void test_no_key(void **state)
{
	struct gre_params p = params();
	(void)state;
	p.key_set = false;
	struct link_info l = read_back(&p, 3);
	assert_false(l.link.key_set);
	assert_int_equal(l.link.key, 0);
	assert_int_equal(l.link.ifindex, 3);
	assert_true(link_same_gre(&l, &p));
}

struct other_row {
	const char *prefix, *other; /* NULL: none */
};

static void test_other_host(void **state)
{
	static const struct other_row ROWS[] = {
		{"10.0.0.1/30", "10.0.0.2"},     {"10.0.0.2/30", "10.0.0.1"}, {"10.0.0.6/30", "10.0.0.5"},
		{"10.0.0.0/30", NULL},           {"10.0.0.3/30", NULL},       {"10.0.0.4/31", "10.0.0.5"},
		{"10.0.0.5/31", "10.0.0.4"},     {"10.0.0.1/29", NULL},       {"10.0.0.1/32", NULL},
		{"fd00::2/127", "fd00::3"},      {"fd00::3/127", "fd00::2"},  {"fd00::1/126", NULL},
		{"fd00::1/30", NULL},            {"fd00::1/31", NULL},        {"fd00::1/128", NULL},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		struct prefix p = P(ROWS[i].prefix);
		struct addr got = addr_other_host(&p), want = ROWS[i].other ? A(ROWS[i].other) : addr_any(AF_NONE);
		assert_true(addr_eq(&got, &want));
	}
	struct prefix none = {.len = 30};
	assert_int_equal(addr_other_host(&none).family, AF_NONE);
}

/* ---- answers ---- */

static bool link_with(const struct ifinfomsg *i, uint16_t attr, const void *value, size_t n, struct link_info *out)
{
	struct nlw w;
	struct nl_msg m;
	nlw_start(&w, RTM_NEWLINK, 0, i, sizeof *i);
	nlw_attr(&w, attr, value, n);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m));
	bool ok = link_parse(&m, out);
	kernel_put(s);
	return ok;
}

static void test_link_lies(void **state)
{
	struct ifinfomsg i = {.ifi_index = 4, .ifi_flags = IFF_UP | IFF_RUNNING};
	struct link_info l;
	(void)state;
	assert_true(link_with(&i, IFLA_IFNAME, "a-name-beyond-the-limit", 24, &l));
	assert_string_equal(l.link.name, "a-name-beyond-t");
	assert_true(l.link.up);
	i.ifi_flags = IFF_UP;
	assert_true(link_with(&i, IFLA_MTU, "\1\2", 2, &l));
	assert_int_equal(l.link.mtu, 0);
	assert_false(l.link.up);
	assert_false(link_with(&i, IFLA_LINKINFO, "\0\0\1\0", 4, &l));
	assert_false(link_with(&i, IFLA_LINKINFO, "\x08\0\1\0gre", 7, &l));
	assert_true(link_with(&i, IFLA_LINKINFO, "\x08\0\1\0gre", 8, &l));
	assert_true(l.gre);
	assert_true(addr_is_any(&l.link.remote));
	assert_true(link_with(&i, IFLA_LINKINFO, "\x09\0\1\0greg", 9, &l));
	assert_false(l.gre);
	/* The data may come first; an address of five octets is none; an empty attribute ends nothing. */
	static const char DATA[] = "\x14\0\2\0\x09\0\6\0\1\2\3\4\5\0\0\0\4\0\7\0\x08\0\1\0gre";
	assert_true(link_with(&i, IFLA_LINKINFO, DATA, sizeof DATA, &l));
	assert_true(l.gre);
	assert_int_equal(l.link.local.family, AF_NONE);
	static const char BAD[] = "\x0c\0\2\0\x09\0\6\0\1\2\3\4\x08\0\1\0gre";
	assert_false(link_with(&i, IFLA_LINKINFO, BAD, sizeof BAD, &l));
	i.ifi_family = AF_BRIDGE;
	assert_false(link_with(&i, IFLA_IFNAME, "a", 2, &l));
	i.ifi_family = 0;
	i.ifi_index = -1;
	assert_false(link_with(&i, IFLA_IFNAME, "a", 2, &l));
}

static bool addr_with(const struct ifaddrmsg *i, uint32_t flags, const void *address, size_t n, struct kernel_event *e)
{
	struct nlw w;
	struct nl_msg m;
	nlw_start(&w, RTM_NEWADDR, 0, i, sizeof *i);
	nlw_attr(&w, IFA_ADDRESS, address, n);
	nlw_u32(&w, IFA_FLAGS, flags);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd r = rd_init(s.p, s.n);
	assert_true(nl_next(&r, &m));
	bool ok = link_parse_event(&m, e);
	kernel_put(s);
	return ok;
}

static void test_addr_lies(void **state)
{
	struct ifaddrmsg i = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 3};
	struct kernel_event e;
	(void)state;
	assert_true(addr_with(&i, 0, "\12\0\0\1", 4, &e));
	assert_int_equal(e.type, KERNEL_ADDR);
	assert_int_equal(e.ifindex, 3);
	assert_false(addr_with(&i, IFA_F_TENTATIVE, "\12\0\0\1", 4, &e)); /* told when it can be used */
	assert_false(addr_with(&i, 0, "\12\0\0", 3, &e));
	assert_false(addr_with(&i, 0, "0123456789abcdef", 16, &e)); /* of another family */
	i.ifa_prefixlen = 33;
	assert_false(addr_with(&i, 0, "\12\0\0\1", 4, &e));
	i.ifa_family = AF_INET6;
	assert_true(addr_with(&i, 0, "0123456789abcdef", 16, &e));
}

/* The kernel names the source in RTA_PREFSRC, or, when it is the one that was asked for, in RTA_SRC alone. */
static void test_route(void **state)
{
	static const uint16_t TYPES[] = {RTA_PREFSRC, RTA_SRC, RTA_GATEWAY};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
		struct nlw w;
		struct nl_msg m;
		struct rtmsg r = {.rtm_family = AF_INET};
		struct addr src, want = TYPES[i] == RTA_GATEWAY ? addr_any(AF_NONE) : A("10.0.0.2");
		uint32_t ifindex;
		nlw_start(&w, RTM_NEWROUTE, 0, &r, sizeof r);
		nlw_attr(&w, TYPES[i], "\12\0\0\2", 4);
		nlw_u32(&w, RTA_OIF, 9);
		struct rd rd = rd_init(w.buf, w.h->nlmsg_len);
		assert_true(nl_next(&rd, &m));
		assert_true(route_parse(&m, &src, &ifindex));
		assert_true(addr_eq(&src, &want));
		assert_int_equal(ifindex, 9);
		m.type = RTM_DELROUTE;
		assert_false(route_parse(&m, &src, &ifindex));
	}
}

/* What a listener makes of a route, and what the answer to "as it stands in its table" says. */
static void test_route_event(void **state)
{
	(void)state;
	for (int gone = 0; gone <= 1; gone++) {
		struct nlw w;
		struct nl_msg m;
		struct kernel_event e;
		struct kernel_match at;
		struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_type = RTN_LOCAL};
		struct prefix want = {.addr = A("10.1.2.0"), .len = 24};
		nlw_start(&w, gone ? RTM_DELROUTE : RTM_NEWROUTE, 0, &r, sizeof r);
		nlw_attr(&w, RTA_DST, "\12\1\2\0", 4);
		nlw_u32(&w, RTA_OIF, 9);
		nlw_u32(&w, RTA_PRIORITY, 20);
		struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
		struct rd rd = rd_init(s.p, s.n);
		assert_true(nl_next(&rd, &m));
		assert_true(link_parse_event(&m, &e));
		assert_int_equal(e.type, KERNEL_ROUTE);
		assert_int_equal(e.gone, gone);
		assert_true(addr_eq(&e.dst.addr, &want.addr) && e.dst.len == 24);
		assert_int_equal(route_parse_match(&m, &at), !gone);
		if (!gone)
			assert_true(at.ifindex == 9 && at.metric == 20 && at.len == 24 && at.local);
		kernel_put(s);
	}
}

static bool route_with(uint8_t family, uint8_t len, const void *dst, size_t n, struct kernel_event *e)
{
	struct nlw w;
	struct nl_msg m;
	struct rtmsg r = {.rtm_family = family, .rtm_dst_len = len};
	nlw_start(&w, RTM_NEWROUTE, 0, &r, sizeof r);
	if (n)
		nlw_attr(&w, RTA_DST, dst, n);
	struct span s = kernel_copy(SPAN(w.buf, w.h->nlmsg_len));
	struct rd rd = rd_init(s.p, s.n);
	assert_true(nl_next(&rd, &m));
	bool ok = link_parse_event(&m, e);
	kernel_put(s);
	return ok;
}

static void test_route_lies(void **state)
{
	struct kernel_event e;
	(void)state;
	assert_true(route_with(AF_INET, 0, NULL, 0, &e)); /* a default route */
	assert_true(e.dst.addr.family == AF_V4 && e.dst.len == 0);
	assert_true(route_with(AF_INET6, 0, NULL, 0, &e) && e.dst.addr.family == AF_V6);
	assert_false(route_with(AF_INET, 33, "\12\0\0\0", 4, &e));
	assert_false(route_with(AF_INET, 24, "\12\0\0", 3, &e));
	assert_false(route_with(AF_INET, 24, "0123456789abcdef", 16, &e));
	assert_false(route_with(AF_BRIDGE, 20, "\12\0\0\0", 4, &e));
}

int main(void)
{
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gre_octets), cmocka_unit_test(test_same),      cmocka_unit_test(test_same6),
		cmocka_unit_test(test_no_key),     cmocka_unit_test(test_other_host), cmocka_unit_test(test_link_lies),
		cmocka_unit_test(test_addr_lies),  cmocka_unit_test(test_route),
		cmocka_unit_test(test_route_event), cmocka_unit_test(test_route_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
