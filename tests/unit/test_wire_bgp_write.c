/* UPDATEs as they are written, AS paths narrow and wide, attributes in canonical form, text of paths and communities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "ffffffffffffffffffffffffffffffff"
#define CANON "40010100" "4002060201fa56ea01" "40050400000064" "c00708fa56ea020a020304" "c00804fde80064"
#define SHORT "40010100" "400200" "40050400000064"

static uint8_t out[BGP_MSG_EXT_MAX + 100];

static struct prefix prefix(const char *text)
{
	struct prefix p;
	assert_true(prefix_parse(text, &p));
	return p;
}

static struct addr address(const char *text)
{
	struct addr a = {0};
	assert_true(*text == '\0' || addr_parse(text, &a));
	return a;
}

static void expect_hex(struct span s, const char *want)
{
	static char text[4096];
	struct sbuf b = SB(text);
	sb_hex(&b, s.p, s.n);
	assert_string_equal(text, want);
}

/* One reach message with these prefixes; attrs and nlri: what it must be made of. */
static struct bgp_update_wr reach(const char *coding, uint8_t af, const char *canon, const char *hop, const char *ll,
                                  const char *prefixes, const char *attributes, const char *nlri)
{
	const struct bgp_coding c = bgp_coding_of(coding);
	struct span attrs = wire_hex(canon);
	struct wr w = wr_init(out, sizeof out);
	struct addr h = address(hop), l = address(ll);
	struct bgp_update_wr u;
	char text[256], want[1024], *at = text;

	bgp_reach_begin(&u, &w, af, &c, attrs, &h, &l);
	snprintf(text, sizeof text, "%s", prefixes);
	for (char *p; (p = strsep(&at, " "));) {
		struct prefix one = prefix(p);
		bgp_nlri_put(&w, &one, c.addpath_tx[af], 7);
	}
	bgp_update_end(&u);
	assert_true(wr_ok(&w));
	snprintf(want, sizeof want, MARK "%04zx020000%04zx%s%s", 23 + (strlen(attributes) + strlen(nlri)) / 2, strlen(attributes) / 2,
	         attributes, nlri);
	expect_hex(SPAN(out, w.len), want);
	wire_free(attrs);
	u.w = NULL; /* w ends here */
	return u;
}

static void test_reach(void **state)
{
	(void)state;
	struct bgp_update_wr u;

	u = reach(" as4 v4", BGP_V4, SHORT, "10.0.0.1", "", "192.0.2.0/24 0.0.0.0/0 10.1.2.3/12",
	          "40010100" "400200" "4003040a000001" "40050400000064", "18c00002" "00" "0c0a00");
	assert_int_equal(u.nh_len, 4);
	assert_memory_equal(out + u.nh_at, "\x0a\x00\x00\x01", 4);
	u = reach(" as4 v4 addpath-v4", BGP_V4, SHORT, "10.0.0.1", "", "192.0.2.0/24",
	          "40010100" "400200" "4003040a000001" "40050400000064", "00000007" "18c00002");
	u = reach(" as4 v6", BGP_V6, SHORT, "fd99::1", "fe80::2", "2001:db8::/32",
	          "40010100" "400200" "40050400000064" "900e002a" "00020120"
	               "fd990000000000000000000000000001" "fe800000000000000000000000000002" "00" "2020010db8", "");
	assert_int_equal(u.nh_len, 32);
	assert_memory_equal(out + u.nh_at, "\xfd\x99", 2);
	/* RFC 8950 */
	u = reach(" as4 v4 ext-nexthop", BGP_V4, SHORT, "fd99::1", "", "192.0.2.0/24",
	          "40010100" "400200" "40050400000064" "900e0019" "00010110"
	               "fd990000000000000000000000000001" "00" "18c00002", "");
	assert_int_equal(u.nh_len, 16);
	/* Attributes all behind NEXT_HOP, and all before it. */
	(void)reach(" as4 v4", BGP_V4, "40050400000064", "10.0.0.1", "", "0.0.0.0/0",
	            "4003040a000001" "40050400000064", "00");
	(void)reach(" as4 v4", BGP_V4, "40010100", "10.0.0.1", "", "0.0.0.0/0",
	            "40010100" "4003040a000001", "00");
}

/* A message need not be the first thing in a buffer: nh_at counts from its own start. */
static void test_next_hop_at(void **state)
{
	(void)state;
	const struct bgp_coding c = bgp_coding_of(" as4 v4");
	const struct addr hop = address("10.0.0.1"), v6 = address("fd99::1");
	struct wr w = wr_init(out, sizeof out);
	struct bgp_update_wr u;

	for (int i = 0; i < 4; i++) {
		const struct addr *h = i % 2 ? &v6 : &hop;
		wr_u8(&w, 0x99);
		size_t start = w.len;
		bgp_reach_begin(&u, &w, BGP_V4, &c, SPAN("\x40\x01\x01\x00", 4), h, NULL);
		bgp_update_end(&u);
		assert_memory_equal(out + start + u.nh_at, h->b, u.nh_len);
		assert_int_equal(out[start + 16] << 8 | out[start + 17], w.len - start);
	}
	assert_true(wr_ok(&w));
}

/* RFC 6793 4.2.2: two octets, and beside them what two octets cannot say. */
static void test_reach_old(void **state)
{
	(void)state;
	struct bgp_update_wr u;

	u = reach(" v4", BGP_V4, CANON, "10.0.0.1", "", "192.0.2.0/24",
	          "40010100" "50020004" "02015ba0" "4003040a000001" "40050400000064"
	               "c007065ba00a020304" "c00804fde80064" "d0110006" "0201fa56ea01" "c01208fa56ea020a020304", "18c00002");
	assert_memory_equal(out + u.nh_at, "\x0a\x00\x00\x01", 4);
	/* Nothing lost: nothing beside. A confederation's numbers are no loss (RFC 6793 3). */
	(void)reach(" v4", BGP_V4, "40010100" "40020c" "0301fa56ea01" "02010000fde8" "c007080000fde80a020304" "c0200c000000010000000200000003",
	            "10.0.0.1", "", "0.0.0.0/0",
	            "40010100" "50020008" "03015ba0" "0201fde8" "4003040a000001" "c00706fde80a020304"
	                 "c0200c000000010000000200000003", "00");
	/* The lost ones come before what is above them, and without NEXT_HOP when that is in MP_REACH. */
	u = reach(" v6", BGP_V6, "40010100" "4002060201fa56ea01" "c0200c000000010000000200000003", "fd99::1", "", "::/0",
	          "40010100" "50020004" "02015ba0" "d0110006" "0201fa56ea01"
	               "c0200c000000010000000200000003" "900e0016" "00020110" "fd990000000000000000000000000001" "00" "00", "");
	assert_int_equal(u.nh_len, 16);
	/* Confederation segments stay out of AS4_PATH. */
	(void)reach(" v4", BGP_V4, "40020c" "0301fa56ea01" "0201fa56ea02", "10.0.0.1", "", "0.0.0.0/0",
	            "50020008" "03015ba0" "02015ba0" "4003040a000001" "d0110006" "0201fa56ea02", "00");
}

static void test_unreach(void **state)
{
	(void)state;
	struct bgp_coding c = bgp_coding_of(" as4 v4 v6");
	const struct prefix p = prefix("192.0.2.0/24"), q = prefix("2001:db8::/32");
	struct wr w = wr_init(out, sizeof out);
	struct bgp_update_wr u;

	wr_u8(&w, 0x99); /* a message need not be the first thing in a buffer */
	bgp_unreach_begin(&u, &w, BGP_V4, &c);
	bgp_nlri_put(&w, &p, false, 0);
	bgp_update_end(&u);
	expect_hex(SPAN(out, w.len), "99" MARK "001b" "02" "0004" "18c00002" "0000");
	w = wr_init(out, sizeof out);
	bgp_unreach_begin(&u, &w, BGP_V6, &c);
	bgp_nlri_put(&w, &q, true, 0x01020304);
	bgp_update_end(&u);
	expect_hex(SPAN(out, w.len), MARK "0027" "02" "0000" "0010" "900f000c" "000201" "01020304" "2020010db8");
}

/* Packing by bgp_update_room fills a message to its last octet and never over it. */
static void test_room(void **state)
{
	(void)state;
	static const struct { const char *coding; uint8_t af; bool unreach; } all[] = {
		{" as4 v4", BGP_V4, false}, {" as4 v4", BGP_V4, true}, {" as4 v6", BGP_V6, false},
		{" as4 v6 addpath-v6", BGP_V6, true}, {" as4 v4 ext-message", BGP_V4, true}, {" v4 addpath-v4", BGP_V4, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct bgp_coding c = bgp_coding_of(all[i].coding);
		struct span attrs = wire_hex(SHORT);
		struct addr hop = address(all[i].af == BGP_V4 ? "10.0.0.1" : "fd99::1");
		bool path = c.addpath_tx[all[i].af];
		struct wr w = wr_init(out, sizeof out);
		struct bgp_update_wr u;
		struct prefix p = prefix(all[i].af == BGP_V4 ? "192.0.2.1/32" : "2001:db8::1/128");
		size_t n = 0;

		if (all[i].unreach)
			bgp_unreach_begin(&u, &w, all[i].af, &c);
		else
			bgp_reach_begin(&u, &w, all[i].af, &c, attrs, &hop, NULL);
		for (; bgp_update_room(&u) >= bgp_nlri_size(p.len, path); n++)
			bgp_nlri_put(&w, &p, path, 1);
		size_t left = bgp_update_room(&u);
		bgp_update_end(&u);
		assert_true(wr_ok(&w));
		assert_int_equal(w.len + left, c.max);
		struct bgp_frame f;
		struct bgp_error e;
		static struct bgp_update back;
		assert_int_equal(bgp_frame(SPAN(out, w.len), c.max, &f, &e), 1);
		bgp_update_decode(f.body, &c, &back);
		assert_int_equal(back.verdict, BGP_V_OK);
		assert_int_equal(bgp_nlri_count(back.reach[0]) + bgp_nlri_count(back.reach[1]) + bgp_nlri_count(back.withdrawn[0]) +
		                         bgp_nlri_count(back.withdrawn[1]), n);
		wire_free(attrs);
	}
}

static void test_too_long(void **state)
{
	(void)state;
	const struct bgp_coding c = bgp_coding_of(" as4 v4");
	struct addr hop = address("10.0.0.1"), v6 = address("fd99::1");
	static uint8_t value[5000], canon[6000];
	struct wr a = wr_init(canon, sizeof canon), w = wr_init(out, sizeof out);
	struct prefix p = prefix("0.0.0.0/0"), q = prefix("10.0.0.0/8");
	struct bgp_update_wr u;

	/* Attributes that no message of this peer can hold. */
	bgp_attr_put(&a, BGP_A_COMMUNITIES, value, sizeof value);
	bgp_reach_begin(&u, &w, BGP_V4, &c, SPAN(canon, a.len), &hop, NULL);
	assert_int_equal(bgp_update_room(&u), 0);
	bgp_nlri_put(&w, &p, false, 0);
	bgp_update_end(&u);
	assert_false(wr_ok(&w));
	/* A buffer that is smaller than the message, at every size. */
	for (size_t room = 0; room < 80; room++) {
		struct wr small = wr_init(out, room);
		bgp_reach_begin(&u, &small, BGP_V6, &c, SPAN(NULL, 0), &v6, NULL);
		size_t left = bgp_update_room(&u);
		bgp_nlri_put(&small, &q, false, 0);
		bgp_update_end(&u);
		assert_int_equal(wr_ok(&small), left >= 2);
	}
}

/* --- Canonical attributes --- */
static void test_put(void **state)
{
	(void)state;
	static uint8_t value[300], canon[1000];
	struct wr w = wr_init(canon, sizeof canon);
	struct bgp_attrs a, b;

	bgp_attr_put(&w, BGP_A_ORIGIN, "\002", 1);
	bgp_attr_put(&w, BGP_A_AS_PATH, NULL, 0);
	bgp_attr_put_u32(&w, BGP_A_LOCAL_PREF, 200);
	bgp_attr_put(&w, BGP_A_COMMUNITIES, value, 256);
	bgp_attr_put(&w, 200, "x", 1);
	bgp_attrs_view(SPAN(canon, w.len), &a);
	assert_int_equal(a.origin, BGP_INCOMPLETE);
	assert_int_equal(a.local_pref, 200);
	assert_int_equal(a.communities.n, 256);
	assert_true(a.unknown && !a.as_set);
	assert_false(a.has >> BGP_A_MED & 1);
	/* What a filter may do: drop one, change one, add one. */
	static uint8_t changed[1000];
	struct wr c = wr_init(changed, sizeof changed);
	a.has &= ~(UINT64_C(1) << BGP_A_COMMUNITIES);
	a.has |= UINT64_C(1) << BGP_A_MED | UINT64_C(1) << BGP_A_NEXT_HOP;
	a.med = 9;
	a.local_pref = 300;
	bgp_attrs_put(&c, &a);
	expect_hex(SPAN(changed, c.len), "40010102" "400200" "80040400000009" "4005040000012c" "e0c80178");
	bgp_attrs_view(SPAN(changed, c.len), &b);
	assert_int_equal(b.med, 9);
	/* Too small everywhere. */
	for (size_t room = 0; room < c.len; room++) {
		struct wr small = wr_init(out, room);
		bgp_attrs_put(&small, &a);
		assert_false(wr_ok(&small));
	}
	/* The extended length begins where one octet ends. */
	for (size_t n = 254; n < 258; n++) {
		struct wr one = wr_init(out, sizeof out);
		bgp_attr_put(&one, 200, value, n);
		assert_int_equal(one.len, n + (n > 255 ? 4 : 3));
		assert_int_equal(out[0] & BGP_F_EXTENDED, n > 255 ? BGP_F_EXTENDED : 0);
	}
	struct wr huge = wr_init(out, sizeof out);
	bgp_attr_put(&huge, BGP_A_COMMUNITIES, out, 65536);
	assert_false(wr_ok(&huge));
}

/* --- Values --- */
static void expect_path(const char *hex, const char *text, uint32_t length, uint32_t first)
{
	struct span p = wire_hex(hex);
	char is[200];
	struct sbuf b = SB(is);

	sb_as_path(&b, p);
	assert_string_equal(is, text);
	assert_int_equal(bgp_as_path_length(p), length);
	assert_int_equal(bgp_as_path_first(p), first);
	wire_free(p);
}

static void test_paths(void **state)
{
	(void)state;
	expect_path("", "", 0, 0);
	expect_path("02020000fde9ffffffff", "65001 4294967295", 2, 65001);
	expect_path("02010000fde901020000fdeb0000fdec", "65001 {65003,65004}", 2, 65001);
	expect_path("01010000fde9", "{65001}", 1, 0);
	expect_path("0302000000010000000204010000000302010000000902010000000a", "(1 2) [3] 9 10", 2, 9);
	struct span p = wire_hex("02010000fde901020000fdeb0000fdec");
	assert_true(bgp_as_path_has(p, 65001) && bgp_as_path_has(p, 65004));
	assert_false(bgp_as_path_has(p, 65002));
	assert_true(bgp_as_path_has_set(p));
	wire_free(p);
	p = wire_hex("0401000000030201000000050301000000050201000000");
	assert_true(bgp_as_path_has_set(p)); /* a confederation's */
	wire_free(p);
}

/* Sequences of AS_PATH and AS4_PATH that meet become one, up to 255 numbers. */
static void test_join(void **state)
{
	(void)state;
	static char attrs[8000];
	struct sbuf b = SB(attrs);
	const struct bgp_coding c = bgp_coding_of(" v4");
	static struct bgp_update u;

	sb_printf(&b, "0000%04x" "40010100" "40050400000064" "4003040a000001" "50020206" "02ff", 4 + 7 + 7 + 4 + 0x206 + 9);
	for (int i = 0; i < 255; i++)
		sb_put(&b, "0001");
	sb_put(&b, "02025ba05ba0" "c01106" "0201fa56ea01" "00");
	struct span body = wire_hex(attrs);
	bgp_update_decode(body, &c, &u);
	assert_int_equal(u.verdict, BGP_V_OK);
	assert_int_equal(bgp_as_path_length(u.attrs.as_path), 257);
	assert_int_equal(u.attrs.as_path.n, 2 + 255 * 4 + 2 + 2 * 4);
	assert_int_equal(u.attrs.as_path.p[1], 255);
	assert_true(bgp_as_path_has(u.attrs.as_path, 4200000001));
	wire_free(body);
}

static void expect_communities(uint8_t kind, const char *hex, const char *text)
{
	struct span v = wire_hex(hex);
	char is[400];
	struct sbuf b = SB(is);

	sb_communities(&b, kind, v);
	assert_string_equal(is, text);
	wire_free(v);
}

static void test_communities(void **state)
{
	(void)state;
	expect_communities(COMM_STANDARD, "", "");
	expect_communities(COMM_STANDARD, "fde80064" "fde80001" "fde80064", "65000:1 65000:100");
	expect_communities(COMM_STANDARD, "ffffff01ffffff02ffffff03ffffff04", "no-export no-advertise local-AS no-peer");
	expect_communities(COMM_STANDARD, "ffff0000ffff0006ffff0007ffff029affff0009",
	                   "graceful-shutdown llgr-stale no-llgr 65535:9 blackhole");
	expect_communities(COMM_EXTENDED, "0002fde8000000640102c00002010007", "RT:65000:100 RT:192.0.2.1:7");
	expect_communities(COMM_EXTENDED, "4004fde84cee6b28", "LB:65000:125000000 (1.000 Gbps)");
	expect_communities(COMM_EXTENDED, "4004fde8ffc00000", "LB:65000:0 (0 bps)"); /* not a number */
	expect_communities(COMM_LARGE, "0000fde80000000100000002ffffffff0000000000000003", "65000:1:2 4294967295:0:3");
	struct span v = wire_hex("fde80064ffffff01");
	assert_true(bgp_communities_have(v, BGP_NO_EXPORT) && bgp_communities_have(v, 0xfde80064));
	assert_false(bgp_communities_have(v, 0));
	wire_free(v);
	v = wire_hex("fde800");
	assert_false(bgp_communities_have(v, 0));
	wire_free(v);
}

/* More than fit the sorter: all of them are printed. */
static void test_many_communities(void **state)
{
	(void)state;
	enum { N = 600 };
	static uint8_t octets[N * 4];
	static char text[N * 12];
	struct wr w = wr_init(octets, sizeof octets);
	struct sbuf b = SB(text);
	size_t spaces = 0;

	for (uint32_t i = 0; i < N; i++)
		wr_u32(&w, 0x00010000 + N - i);
	sb_communities(&b, COMM_STANDARD, SPAN(octets, w.len));
	for (const char *p = text; *p; p++)
		spaces += *p == ' ';
	assert_int_equal(spaces, N - 1);
	assert_non_null(strstr(text, "1:600 1:599"));
	assert_non_null(strstr(text, "1:1 1:2 1:3 "));
}

/* --- Runs of prefixes --- */
static void test_nlri(void **state)
{
	(void)state;
	struct span s = wire_hex("18c0000219c000028020c000020100");
	struct bgp_nlri n = {.af = BGP_V4, .octets = s};
	static const char *const want[] = {"192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "0.0.0.0/0"};
	struct prefix p;
	uint32_t id = 9;

	assert_int_equal(bgp_nlri_count(n), 4);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		char text[PREFIX_TEXT];
		struct sbuf b = SB(text);
		assert_true(bgp_nlri_next(&n, &p, &id));
		sb_prefix(&b, &p);
		assert_string_equal(text, want[i]);
		assert_int_equal(id, 0);
	}
	assert_false(bgp_nlri_next(&n, &p, &id));
	assert_false(bgp_nlri_next(&n, &p, &id));
	wire_free(s);
	/* Octets that nobody looked through end the run. */
	static const char *const bad[] = {"18c000", "21c000020100", "ff", "000000"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		s = wire_hex(bad[i]);
		n = (struct bgp_nlri){.af = BGP_V4, .addpath = i == 3, .octets = s};
		assert_false(bgp_nlri_next(&n, &p, &id));
		assert_int_equal(n.octets.n, 0);
		wire_free(s);
	}
	struct wr w = wr_init(out, 3);
	p = prefix("10.1.2.0/24");
	bgp_nlri_put(&w, &p, false, 0);
	assert_false(wr_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach),   cmocka_unit_test(test_reach_old),   cmocka_unit_test(test_next_hop_at),   cmocka_unit_test(test_unreach),
		cmocka_unit_test(test_room),    cmocka_unit_test(test_too_long),    cmocka_unit_test(test_put),
		cmocka_unit_test(test_paths),   cmocka_unit_test(test_join),        cmocka_unit_test(test_communities),
		cmocka_unit_test(test_many_communities), cmocka_unit_test(test_nlri),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
