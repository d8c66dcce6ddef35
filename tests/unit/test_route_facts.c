/* The book of facts: news only, what goes with a link or an address, dumps; and the register of modules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "route/route.h"

static long left = -1;

static void *get(struct mem *m, size_t n)
{
	(void)m;
	return left-- == 0 ? NULL : calloc(1, n);
}
static void put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}
static struct mem mem = {.get = get, .put = put};

static char told[4096];
static struct sbuf text;

static void on_fact(void *ctx, const struct route_fact *f)
{
	(void)ctx;
	sb_put(&text, f->gone ? "-" : "+");
	switch (f->type) {
	case RFACT_LINK: sb_printf(&text, "%s%s", f->link.name, f->link.up ? "" : " down"); break;
	case RFACT_ADDR: sb_prefix(&text, &f->address.local); break;
	case RFACT_ROUTE: sb_prefix(&text, &f->route.dst); break;
	default: sb_printf(&text, "tunnel %s %s", f->tunnel, f->up ? "up" : "down");
	}
	sb_putc(&text, ';');
}

static struct route_facts *b;

static int setup(void **state)
{
	(void)state;
	left = -1;
	text = SB(told);
	b = route_facts_new(&mem, 1, 2);
	return b ? 0 : -1;
}
static int teardown(void **state)
{
	(void)state;
	left = -1;
	route_facts_free(b);
	return mem.in_use == 0 ? 0 : -1;
}

static void says(const char *want)
{
	assert_string_equal(told, want);
	text = SB(told);
}

static void link_is(uint32_t ifindex, const char *name, bool enabled, bool up)
{
	struct route_fact f = {.type = RFACT_LINK, .enabled = enabled, .link = {.ifindex = ifindex, .mtu = 1500, .up = up}};
	strcpy(f.link.name, name);
	route_facts_put(b, &f, on_fact, NULL);
}
static void address(uint32_t ifindex, const char *p, bool gone)
{
	struct route_fact f = {.type = RFACT_ADDR, .gone = gone, .address = {.ifindex = ifindex}};
	assert_true(prefix_parse(p, &f.address.local));
	route_facts_put(b, &f, on_fact, NULL);
}
static struct route_fact route_of(const char *dst, uint32_t ifindex)
{
	struct route_fact f = {.type = RFACT_ROUTE, .route = {.table = 254, .n_hops = 1, .hop = {{.ifindex = ifindex, .weight = 1}}}};
	assert_true(prefix_parse(dst, &f.route.dst));
	f.route.source = ROUTE_KERNEL;
	return f;
}
static void route(const char *dst, uint32_t ifindex, bool gone)
{
	struct route_fact f = route_of(dst, ifindex);
	f.gone = gone;
	route_facts_put(b, &f, on_fact, NULL);
}

static void test_news(void **state)
{
	(void)state;
	link_is(3, "gre1", true, true);
	address(3, "10.0.0.1/30", false);
	route("10.0.0.0/30", 3, false);
	says("+gre1;+10.0.0.1/30;+10.0.0.0/30;");
	link_is(3, "gre1", true, true); /* known already */
	address(3, "10.0.0.1/30", false);
	route("10.0.0.0/30", 3, false);
	says("");
	route("10.0.0.0/30", 4, false); /* another way to the same */
	says("+10.0.0.0/30;");
	route("10.9.0.0/16", 4, true); /* never heard of */
	says("");
	assert_int_equal(route_facts_count(b, RFACT_ROUTE), 1);
	link_is(3, "gre1", true, false); /* no carrier: routes stay */
	says("+gre1 down;");
	assert_int_equal(route_facts_count(b, RFACT_ROUTE), 1);
	route_facts_all(b, on_fact, NULL);
	says("+gre1 down;+10.0.0.1/30;+10.0.0.0/30;");
}

/* A link that is disabled takes its routes along, those with a second way not; the kernel says nothing about it. */
static void test_link_down(void **state)
{
	struct route_fact two = route_of("10.2.0.0/16", 3);
	(void)state;
	link_is(3, "gre1", true, true);
	route("10.1.0.0/16", 3, false);
	route("2001:db8::/32", 3, false);
	route("10.3.0.0/16", 4, false);
	two.route.n_hops = 2;
	two.route.hop[1] = (struct route_hop){.ifindex = 4, .weight = 1};
	route_facts_put(b, &two, on_fact, NULL);
	text = SB(told);
	link_is(3, "gre1", false, false);
	says("+gre1 down;-10.1.0.0/16;-2001:db8::/32;");
	route("10.1.0.0/16", 3, true); /* said after all: no news */
	says("");
	assert_int_equal(route_facts_count(b, RFACT_ROUTE), 2);
}

static void test_address_goes(void **state)
{
	struct route_fact f = route_of("10.5.0.0/16", 9);
	(void)state;
	address(3, "10.0.0.1/30", false);
	address(3, "10.0.1.1/30", false);
	address(3, "2001:db8::1/64", false);
	route("10.1.0.0/16", 3, false);
	route("2001:db8:1::/48", 3, false);
	assert_true(addr_parse("10.0.0.1", &f.route.src));
	route_facts_put(b, &f, on_fact, NULL);
	text = SB(told);
	address(3, "10.0.0.1/30", true); /* one is left: only what has it as its source goes */
	says("-10.0.0.1/30;-10.5.0.0/16;");
	address(3, "10.0.1.1/30", true); /* the last one of IPv4 */
	says("-10.0.1.1/30;-10.1.0.0/16;");
	assert_int_equal(route_facts_count(b, RFACT_ROUTE), 1);
}

/* An address moves from one interface to another: for a while both have a connected route, and what goes is the first one's. */
static void test_connected_twice(void **state)
{
	struct route_fact f = route_of("10.0.0.0/30", 3);
	(void)state;
	f.route.source = ROUTE_CONNECTED;
	route_facts_put(b, &f, on_fact, NULL);
	f.route.hop[0].ifindex = 4;
	route_facts_put(b, &f, on_fact, NULL);
	says("+10.0.0.0/30;+10.0.0.0/30;");
	f.route.hop[0].ifindex = 3;
	f.gone = true;
	route_facts_put(b, &f, on_fact, NULL);
	says("-10.0.0.0/30;");
	assert_int_equal(route_facts_count(b, RFACT_ROUTE), 1);
}

static void test_dump(void **state)
{
	(void)state;
	link_is(3, "gre1", true, true);
	link_is(4, "eth0", true, true);
	address(3, "10.0.0.1/30", false);
	route("10.1.0.0/16", 3, false);
	route("10.2.0.0/16", 4, false);
	text = SB(told);
	route_facts_begin(b);
	link_is(3, "gre1", true, true);
	route("10.1.0.0/16", 3, false);
	route("10.7.0.0/16", 3, false);
	says("+10.7.0.0/16;");
	route_facts_end(b, on_fact, NULL);
	says("-10.2.0.0/16;-10.0.0.1/30;-eth0;");
	route_facts_begin(b);
	route_facts_end(b, on_fact, NULL);
	says("-10.1.0.0/16;-10.7.0.0/16;-gre1;");
}

static void test_tunnel(void **state)
{
	struct route_fact f = {.type = RFACT_TUNNEL, .up = true, .tunnel = "us"};
	(void)state;
	route_facts_put(b, &f, on_fact, NULL);
	route_facts_put(b, &f, on_fact, NULL);
	says("+tunnel us up;");
	f.up = false;
	route_facts_put(b, &f, on_fact, NULL);
	says("+tunnel us down;");
	route_facts_begin(b); /* a dump is not about tunnels */
	route_facts_end(b, on_fact, NULL);
	says("");
}

/* Without memory the module is told all the same, and nothing leaks. */
static void test_no_memory(void **state)
{
	(void)state;
	for (long n = 0; n < 12; n++) {
		route_facts_free(b);
		left = n;
		b = route_facts_new(&mem, 1, 2);
		if (b) {
			text = SB(told);
			link_is(3, "gre1", true, true);
			route("10.1.0.0/16", 3, false);
			says("+gre1;+10.1.0.0/16;");
		}
		left = -1;
	}
	assert_non_null(b);
}

static void test_register(void **state)
{
	static const char *const names[] = {"bgp", "static", "frr", "bird", "exec", "none"};
	struct gretel_route_module m;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_non_null(route_module_find(names[i]));
		assert_null(route_module_bad(route_module_find(names[i]), names[i]));
		assert_non_null(route_module_at(i));
	}
	assert_null(route_module_at(ARRAY_LEN(names)));
	assert_null(route_module_find("ospf"));
	assert_non_null(route_module_bad(NULL, "x"));
#define BAD(change)                                                                                               \
	do {                                                                                                      \
		m = route_mod_exec;                                                                               \
		change;                                                                                           \
		assert_non_null(route_module_bad(&m, "exec"));                                                    \
	} while (0)
	BAD(m.major++);
	BAD(m.struct_size -= 8);
	BAD(m.name = "other");
	BAD(m.name = NULL);
	BAD(m.open = NULL);
	BAD(m.close = NULL);
	BAD(m.timer = NULL);
	BAD(m.due = NULL);
	BAD(m.command = NULL);
	BAD(m.report = NULL);
	BAD(m.idle = NULL);
	BAD(m.show = NULL);
	BAD(m.sent = NULL);
	BAD(m.output = NULL);
	BAD(m.input = NULL);
	m = route_mod_exec;
	m.struct_size += 64; /* one of a later time has more */
	m.minor++;
	assert_null(route_module_bad(&m, "exec"));
	assert_true(route_module_name_ok("my-module2"));
	static const char *const wrong[] = {"", "2x", "a/b", "..", "A", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(route_module_name_ok(wrong[i]));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_news), T(test_link_down), T(test_address_goes), T(test_connected_twice), T(test_dump), T(test_tunnel), T(test_no_memory),
		cmocka_unit_test(test_register),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
