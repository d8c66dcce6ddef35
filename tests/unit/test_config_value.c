/* The value syntaxes of ipsec.conf at their limits. */
#include "test_model_util.h"

#include "config/ipsec_value.h"

#include <stdlib.h>
#include <string.h>

/* The reader's word on a text in a block of its exact size; true when it is taken. */
static bool reads(value_read *read, const char *text, void *to)
{
	char why[256], *copy = test_copy(text);
	struct sbuf b = SB(why);
	const char *expected = read(copy, to, NULL, &b);
	assert_true(!expected || *expected);
	free(copy);
	return !expected;
}

static void test_time(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t s; } t[] = {
		{"0", 0}, {"30", 30}, {"30s", 30}, {"9m", 540}, {"3h", 10800}, {"1d", 86400}, {"2147483647", INT32_MAX},
		{"24855d", 24855ll * 86400}, {"0010", 10},
		{"", -1}, {"s", -1}, {"-1", -1}, {"+1", -1}, {" 1", -1}, {"1 s", -1}, {"1.5h", -1}, {"1w", -1}, {"1ss", -1},
		{"2147483648", -1}, {"24856d", -1}, {"99999999999999999999", -1}, {"0x10", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		dur_t d = -7;
		assert_int_equal(reads(value_time, t[i].text, &d), t[i].s >= 0);
		assert_true(d == (t[i].s >= 0 ? DUR_S(t[i].s) : -7));
	}
}

static void test_numbers(void **state)
{
	(void)state;
	uint32_t u;
	uint16_t s;
	uint64_t q;
	uint8_t b;
	int64_t w;
	assert_true(reads(value_u32, "4294967295", &u) && u == UINT32_MAX);
	assert_false(reads(value_u32, "4294967296", &u));
	assert_true(reads(value_u16, "65535", &s) && s == 65535);
	assert_false(reads(value_u16, "65536", &s));
	assert_true(reads(value_u64, "9223372036854775807", &q) && q == INT64_MAX);
	assert_false(reads(value_u64, "9223372036854775808", &q));
	assert_true(reads(value_percent, "100%", &u) && u == 100);
	assert_true(reads(value_percent, "0%", &u) && u == 0);
	assert_false(reads(value_percent, "100", &u) || reads(value_percent, "%", &u) || reads(value_percent, "1000001%", &u));
	assert_true(reads(value_dscp, "101110", &b) && b == 46);
	assert_true(reads(value_dscp, "1", &b) && b == 1);
	assert_false(reads(value_dscp, "1011101", &b) || reads(value_dscp, "2", &b) || reads(value_dscp, "", &b));
	assert_true(reads(value_tries, "%forever", &u) && u == 0);
	assert_true(reads(value_tries, "3", &u) && u == 3);
	assert_false(reads(value_tries, "forever", &u));
	assert_true(reads(value_window, "-1", &w) && w == -1);
	assert_true(reads(value_window, "32768", &w) && w == 32768);
	assert_false(reads(value_window, "32769", &w) || reads(value_window, "-2", &w) || reads(value_window, "", &w));
	assert_true(reads(value_mtu, "576", &s) && s == 576);
	assert_false(reads(value_mtu, "575", &s) || reads(value_mtu, "65536", &s));
	assert_true(reads(value_ttl, "inherit", &b) && b == 0);
	assert_true(reads(value_ttl, "255", &b) && b == 255);
	assert_false(reads(value_ttl, "256", &b));
}

static void test_mark(void **state)
{
	(void)state;
	uint32_t m[2];
	assert_true(reads(value_mark, "42", m) && m[0] == 42 && m[1] == UINT32_MAX);
	assert_true(reads(value_mark, "0x2aff/0xff", m) && m[0] == 0xff && m[1] == 0xff);
	assert_true(reads(value_mark, "010", m) && m[0] == 8);
	static const char *const bad[] = {"", "/", "1/", "/1", "0x", "0x100000000", "4294967296", "08", "%unique",
	                                  "%unique-dir", "1/2/3", "-1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(reads(value_mark, bad[i], m));
}

static void test_protoport(void **state)
{
	(void)state;
	static const struct { const char *text; uint8_t proto; uint16_t lo, hi; } good[] = {
		{"47", 47, 0, 65535}, {"gre", 47, 0, 65535}, {"GRE", 47, 0, 65535}, {"gre/0", 47, 0, 65535},
		{"47/%any", 47, 0, 65535}, {"0x2f", 47, 0, 65535}, {"gre/", 47, 0, 65535}, {"%any", 0, 0, 65535},
		{"udp/1701", 17, 1701, 1701}, {"udp/l2tp", 17, 1701, 1701}, {"17/%opaque", 17, 65535, 0},
		{"tcp/1000-2000", 6, 1000, 2000}, {"tcp/bgp", 6, 179, 179}, {"0", 0, 0, 65535}, {"/500", 0, 500, 500},
		{"", 0, 0, 65535},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct value_port p = {0};
		assert_true(reads(value_protoport, good[i].text, &p));
		assert_int_equal(p.proto, good[i].proto);
		assert_int_equal(p.lo, good[i].lo);
		assert_int_equal(p.hi, good[i].hi);
	}
	static const char *const bad[] = {"256", "-1", "grep", "gre/x", "tcp/65536", "tcp/1-", "tcp/-1", "tcp/1-2-3", "47 /0"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct value_port p = {.proto = 99};
		assert_false(reads(value_protoport, bad[i], &p));
		assert_int_equal(p.proto, 99);
	}
}

static void test_gre(void **state)
{
	(void)state;
	struct conf_gre g = {.n_addresses = 0};
	assert_true(reads(value_ifname, "gre1", g.name) && strcmp(g.name, "gre1") == 0);
	assert_true(reads(value_ifname, "fifteen_octets_", g.name));
	static const char *const bad[] = {"", "sixteen_octets__", "a/b", "a b", "..", ".", "a:b", "gre%d", "\xc3\xa4"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(reads(value_ifname, bad[i], g.name));
	assert_true(reads(value_prefixes, "10.0.0.1/30 , fd00::1/64", &g) && g.n_addresses == 2);
	assert_int_equal(g.address[1].len, 64);
	assert_false(reads(value_prefixes, "10.0.0.1/33", &g) || reads(value_prefixes, "", &g));
	assert_false(reads(value_prefixes, "0.0.0.0/0", &g));
	assert_false(reads(value_prefixes, "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5", &g));
	assert_int_equal(g.n_addresses, 2);
	assert_true(reads(value_addr, "10.0.0.2", &g.peer));
	assert_false(reads(value_addr, "0.0.0.0", &g.peer) || reads(value_addr, "10.0.0.2/30", &g.peer));
}

static void test_words(void **state)
{
	(void)state;
	static const struct value_word w[] = {
		{"a", 1, NULL}, {"b", 2, NULL}, {"c", 3, NULL}, {"no", 0, "a, not no"}, {NULL, 0, NULL},
	};
	char text[128];
	struct sbuf b = SB(text);
	uint8_t v = 9;
	assert_null(value_word("b", &v, w, &b));
	assert_int_equal(v, 2);
	assert_string_equal(value_word("no", &v, w, &b), "a, not no");
	assert_string_equal(value_word("x", &v, w, &b), "a, b or c");
	b = SB(text);
	assert_string_equal(value_word("C", &v, w, &b), "a, b or c, in small letters");
	assert_int_equal(v, 2);
	bool yes = false;
	b = SB(text);
	assert_null(value_bool("yes", &yes, NULL, &b));
	assert_true(yes);
	assert_string_equal(value_bool("1", &yes, NULL, &b), "no or yes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_protoport),
		cmocka_unit_test(test_gre),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
