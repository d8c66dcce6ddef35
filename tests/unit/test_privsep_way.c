/* PATH for an SA that is up: our address towards a peer, and that IKE goes around tunnels; and routes that would lead a tunnel's own
 * packets into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_privsep_util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NO_TAIL SPAN(NULL, 0)

static void name_set(char out[PRIV_NAME], const char *name) { snprintf(out, PRIV_NAME, "%s", name); }

/* remote NULL: the peer of the configuration. */
static int way(struct world *w, const char *tunnel, const char *local, const char *remote)
{
	struct m_path m = {.attempt = 0};
	name_set(m.tunnel, tunnel);
	if (remote) {
		m.local = world_addr(local);
		m.remote = world_addr(remote);
	}
	return world_ask(w, PRIV_PATH, &m, NO_TAIL);
}

static bool from(struct world *w, const char *want)
{
	char text[ADDR_TEXT];
	return strcmp(addr_str(&w->out.body.path.local.addr, text), want) == 0;
}

/* The way of an SA to where its peer is now. */
static void test_path_of_an_sa(void **state)
{
	struct world *w = *state;
	struct tunnel_conf *any = world_tunnel(w->conf, "any");
	char text[ADDR_TEXT];
	/* what works stays, while its interface has a way */
	assert_int_equal(way(w, "any", "10.9.0.1", "192.0.2.99"), 0);
	assert_true(from(w, "10.9.0.1"));
	assert_string_equal(addr_str(&w->out.body.path.remote.addr, text), "192.0.2.99");
	assert_string_equal(fake_kernel_calls(&w->kernel), "guard 192.0.2.99\n");
	w->kernel.local_link[1] = 7;
	assert_int_equal(way(w, "any", "10.9.0.1", "192.0.2.99"), 0);
	assert_true(from(w, "10.0.0.2"));
	/* gone: the kernel's choice; not the family: likewise */
	assert_int_equal(way(w, "any", "10.9.0.77", "192.0.2.99"), 0);
	assert_true(from(w, "10.0.0.2"));
	/* what the file says as our own comes first */
	assert_int_equal(way(w, "net", "10.9.0.1", "80.251.0.33"), 0);
	assert_true(from(w, "10.0.0.2"));
	/* a peer with a written address may move with mobike only, and never to what is no host */
	struct tunnel_conf *net = world_tunnel(w->conf, "net");
	net->mobike = false;
	assert_int_equal(way(w, "net", "10.0.0.2", "192.0.2.99"), -EACCES);
	net->mobike = true;
	assert_int_equal(way(w, "net", "10.0.0.2", "192.0.2.99"), 0);
	assert_int_equal(way(w, "net", "10.0.0.2", "224.0.0.1"), -EACCES);
	assert_int_equal(any->remote.host[0].kind, HOST_ANY);
}

/* Where a peer may be besides nothing is guarded before it is there, and no script is told of it. */
static void test_path_to_look(void **state)
{
	struct world *w = *state;
	struct m_path m = {.local = world_addr("10.9.0.1"), .remote = world_addr("192.0.2.98"), .look = true};
	name_set(m.tunnel, "any");
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(world_ask(w, PRIV_PATH, &m, NO_TAIL), 0);
	assert_true(from(w, "10.9.0.1") && addr_eq(&w->out.body.path.remote.addr, &m.remote));
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	w->kernel.gre_link = w->kernel.way = 7;
	assert_int_equal(world_ask(w, PRIV_PATH, &m, NO_TAIL), -ENETUNREACH);
}

/* IKE goes around tunnels. */
static void test_path_outside(void **state)
{
	struct world *w = *state;
	w->kernel.gre_link = w->kernel.way = 7;
	(void)fake_kernel_calls(&w->kernel);
	assert_int_equal(way(w, "any", "10.0.0.2", "192.0.2.99"), -ENETUNREACH);
	assert_string_equal(w->out.text, "the route to 192.0.2.99 leads through eth7, which is a tunnel: a tunnel's own routes are not "
	                                 "used for IKE");
	assert_string_equal(fake_kernel_calls(&w->kernel), "");
	assert_int_equal(way(w, "net", NULL, NULL), -ENETUNREACH);
	/* an administrator may want a tunnel in a tunnel: with just this address */
	w->kernel.local_link[0] = 7;
	assert_int_equal(way(w, "net", NULL, NULL), 0);
	/* the source that the kernel would take is an address inside */
	w->kernel.way = 2;
	assert_int_equal(way(w, "any", "10.0.0.3", "192.0.2.99"), -ENETUNREACH);
	assert_string_equal(w->out.text, "the route to 192.0.2.99 wants 10.0.0.2 as source, which is an address inside a tunnel");
	/* its events say what they are about */
	struct kernel_event ev = {.type = KERNEL_ADDR, .ifindex = 7};
	assert_true(actor_event(w->actor, &ev, DUR_S(1)) && ev.inner);
	ev.ifindex = 2;
	assert_true(actor_event(w->actor, &ev, DUR_S(1)) && !ev.inner);
	assert_true(actor_address_outside(w->actor, 2) && !actor_address_outside(w->actor, 7));
}

static struct route route_through(uint32_t ifindex, const char *dst, uint8_t len, uint32_t metric)
{
	struct route r = {.dst = {.addr = world_addr(dst), .len = len}, .metric = metric, .n_hops = 1};
	r.hop[0].ifindex = ifindex;
	return r;
}

/* A route that would take a tunnel's own packets into it. */
static void test_route_loops(void **state)
{
	struct world *w = *state;
	static const struct {
		uint32_t ifindex;
		const char *dst;
		uint8_t len;
		uint32_t metric;
		bool loops;
	} cases[] = {
		{9, "80.251.0.0", 24, 20, true},   {9, "80.251.0.33", 32, 20, true}, {9, "80.251.1.0", 24, 20, false},
		{8, "80.251.0.0", 24, 20, false},  {9, "0.0.0.0", 0, 20, false},     {9, "80.0.0.0", 8, 20, true},
		{9, "80.0.0.0", 8, 100, false},    {9, "80.0.0.0", 7, 20, false},    {9, "2001:db8::", 32, 20, false},
	};
	struct m_ends m = {.local = world_addr("10.0.0.2"), .remote = world_addr("80.251.0.33")};
	name_set(m.tunnel, "net");
	(void)world_install(w, "net");
	w->kernel.gre = (struct gre_link){.ifindex = 9, .name = "gre1"};
	w->kernel.match = (struct kernel_match){.ifindex = 2, .len = 8, .metric = 100};
	struct route r = route_through(9, "80.251.0.0", 24, 20);
	assert_false(actor_route_loops(w->actor, &r)); /* nobody knows the interface yet */
	assert_int_equal(world_ask(w, PRIV_GRE_UP, &m, NO_TAIL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		r = route_through(cases[i].ifindex, cases[i].dst, cases[i].len, cases[i].metric);
		assert_int_equal(actor_route_loops(w->actor, &r), cases[i].loops);
	}
	r = route_through(9, "80.0.0.0", 4, 200);
	w->kernel.match.ifindex = 9; /* it goes there already: one more would keep it there */
	assert_true(actor_route_loops(w->actor, &r));
	w->kernel.fail = "route_match";
	w->kernel.fail_with = -ENETUNREACH;
	w->kernel.match.ifindex = 2;
	assert_true(actor_route_loops(w->actor, &r)); /* there is no other way: it would be the one */
	struct m_tunnel down = {.tunnel = "net"};
	assert_int_equal(world_ask(w, PRIV_GRE_DOWN, &down, NO_TAIL), 0);
	assert_false(actor_route_loops(w->actor, &r));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {TEST(test_path_of_an_sa), TEST(test_path_to_look), TEST(test_path_outside),
	                                   TEST(test_route_loops)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
