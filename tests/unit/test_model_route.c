/* Routes: their text and their equality, field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"

static struct addr ip(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static struct route plain(void)
{
	struct route r = {.kind = ROUTE_UNICAST, .source = ROUTE_OURS, .n_hops = 1, .table = ROUTE_TABLE_MAIN, .metric = 20};
	assert_true(prefix_parse("10.0.9.0/30", &r.dst));
	r.hop[0] = (struct route_hop){.gateway = ip("10.0.0.2"), .ifindex = 7, .weight = 1};
	return r;
}

static void says(const struct route *r, const char *want)
{
	char text[512];
	struct sbuf b = SB(text);
	sb_route(&b, r);
	assert_string_equal(text, want);
}

static void test_text(void **state)
{
	struct route r = plain();
	(void)state;
	says(&r, "10.0.9.0/30 via 10.0.0.2 dev 7 metric 20");
	r.table = 100;
	r.src = ip("192.168.1.1");
	r.hop[0].onlink = true;
	says(&r, "10.0.9.0/30 via 10.0.0.2 dev 7 onlink src 192.168.1.1 metric 20 table 100");
	r = plain();
	r.n_hops = 2;
	r.hop[1] = (struct route_hop){.gateway = ip("fe80::1"), .ifindex = 8, .weight = 3};
	says(&r, "10.0.9.0/30 metric 20 nexthop via 10.0.0.2 dev 7 weight 1 nexthop via fe80::1 dev 8 weight 3");
	r = plain();
	r.kind = ROUTE_BLACKHOLE;
	r.n_hops = 0;
	says(&r, "blackhole 10.0.9.0/30 metric 20");
	r.kind = ROUTE_UNREACHABLE;
	r.metric = 0;
	says(&r, "unreachable 10.0.9.0/30");
	r.kind = ROUTE_PROHIBIT;
	says(&r, "prohibit 10.0.9.0/30");
}

static void test_equal(void **state)
{
	struct route a = plain(), b = plain();
	(void)state;
	assert_true(route_eq(&a, &b));
	b.hop[1].ifindex = 9; /* beyond n_hops: nothing */
	assert_true(route_eq(&a, &b));
#define DIFFERS(change)                                                                                           \
	do {                                                                                                      \
		b = plain();                                                                                      \
		change;                                                                                           \
		assert_false(route_eq(&a, &b));                                                                   \
	} while (0)
	DIFFERS(b.dst.len = 29);
	DIFFERS(b.dst.addr.b[3] = 4);
	DIFFERS(b.source = ROUTE_STATIC);
	DIFFERS(b.kind = ROUTE_BLACKHOLE);
	DIFFERS(b.table = 100);
	DIFFERS(b.metric = 21);
	DIFFERS(b.src = ip("10.0.0.1"));
	DIFFERS(b.n_hops = 2);
	DIFFERS(b.hop[0].gateway = ip("10.0.0.3"));
	DIFFERS(b.hop[0].ifindex = 8);
	DIFFERS(b.hop[0].weight = 2);
	DIFFERS(b.hop[0].onlink = true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
