/* What the world and the configuration do to sessions of bgp/: tunnels, links, addresses, BFD; reload by difference; memory that
 * runs out at each place. */
#include "bgp_hand.h"

#define SYNC() hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED})

static void link_is(struct hand *h, bool up)
{
	struct bgp_fact f = {.type = BGP_FACT_LINK, .link = h->link};
	f.link.up = up;
	hand_fact(h, &f);
}

static void address_is(struct hand *h, bool there)
{
	struct bgp_fact f = {.type = BGP_FACT_ADDR, .gone = !there};
	f.address = (struct route_addr){.ifindex = 5, .local = {.addr = h->local, .len = 30}};
	hand_fact(h, &f);
}

/* --- tunnels --- */

static void test_tunnel(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_tunnel(h, true);
	hand_tunnel(h, true);
	IS("");
	hand_tunnel(h, false);
	IS("leave v4, purge v4 all, 1:notification 6/6, close 1");
	NOTED("Tunnel down");
	STATE("Idle");
	hand_accept(h, IN1, "10.0.0.2");
	IS("close in1");
	hand_pass(h, DUR_S(1000));
	IS("");
	hand_tunnel(h, true);
	IS("connect 2"); /* in the same call */
	hand_closed(h, 2, -EHOSTUNREACH);
	hand_tunnel(h, false);
	hand_tunnel(h, true);
	IS("connect 3");
	hand_free(h);
}

/* Bound by name: not before the tunnel is there. */
static void test_tunnel_named(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	h->c->peer[0].tunnel = hand_text(h, "office");
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen, converged");
	STATE("Idle");
	struct bgp_fact other = {.type = BGP_FACT_TUNNEL, .name = "lab", .ifindex = 5, .up = true};
	hand_fact(h, &other);
	IS("");
	hand_tunnel(h, true);
	IS("connect 1");
	hand_connected(h, 1);
	IS("1:open");
	hand_tunnel(h, false);
	IS("1:notification 6/6, close 1");
	hand_free(h);
}

/* The far end is not said: the interface that the session was met on is enough. */
static void test_tunnel_by_interface(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	struct bgp_fact f = {.type = BGP_FACT_TUNNEL, .name = "office", .ifindex = 5, .up = true};
	hand_fact(h, &f);
	f.up = false;
	hand_fact(h, &f);
	IS("leave v4, purge v4 all, 1:notification 6/6, close 1");
	hand_free(h);
}

static void test_link(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	link_is(h, false);
	IS("leave v4, purge v4 all, 1:notification 6/6, close 1");
	NOTED("Interface down");
	link_is(h, true);
	IS("connect 2");
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	hand_connected(h, 2);
	hand_open(h, 2, &o);
	hand_keepalive(h, 2);
	STATE("Established");
	h->got = SB(h->log);
	address_is(h, false);
	hand_pass(h, 0); /* the interface is up: there may be a router that knows the peer */
	IS("kernel 10.0.0.1/30, kernel 10.0.0.1/32, leave v4, purge v4 all, connect 3, 2:notification 6/6, close 2");
	address_is(h, true);
	IS("kernel 10.0.0.1/30, kernel 10.0.0.1/32, close 3, connect 4");
	hand_free(h);
}

/* An external peer that is not on a network of ours waits for one. */
static void test_not_connected(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	h->c->peer[0].remote_as = 65001;
	h->link_up = false;
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen, converged");
	assert_int_equal(hand_p(h)->session->hindrance, HINDER_NOT_CONNECTED);
	link_is(h, true);
	IS("connect 1");
	assert_int_equal(h->call.ttl, 1);
	hand_free(h);
}

static void test_router_id(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	h->c->bgp.router_id = 0;
	h->addr_there = false;
	hand_apply(h);
	SYNC();
	STATE("Idle"); /* without an address there is none */
	h->got = SB(h->log);
	address_is(h, true);
	IS("kernel 10.0.0.1/30, kernel 10.0.0.1/32, connect 1");
	assert_int_equal(h->b->router_id, 0x0a000001);
	hand_free(h);
}

static void test_bfd(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	struct bgp_fact f = {.type = BGP_FACT_BFD};
	h->c->peer[0].bfd = true;
	hand_apply(h);
	SYNC();
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	h->got = SB(h->log);
	hand_keepalive(h, 1);
	IS("join v4, bfd start");
	hand_eor(h, 1, BGP_V4);
	IS("converged");
	assert_true(h->bfd.start && h->bfd.ifindex == 5 && !h->bfd.multihop && h->bfd.rx_ms == 300 && h->bfd.multiplier == 3);
	assert_true(addr_eq(&h->bfd.local, &h->local));
	f.remote.addr = h->bfd.remote;
	hand_fact(h, &f); /* a peer that never spoke BFD */
	IS("");
	f.up = true;
	hand_fact(h, &f);
	f.up = false;
	hand_fact(h, &f);
	IS("leave v4, purge v4 all, 1:notification 6/10, close 1");
	NOTED("BFD down");
	hand_pass(h, DUR_MS(100));
	hand_connected(h, 2);
	hand_open(h, 2, &o);
	hand_keepalive(h, 2);
	IS("connect 2, 2:open, 2:keepalive, join v4"); /* it runs on */
	h->c->peer[0].bfd_rx_ms = 50;
	hand_apply(h);
	IS("bfd stop, bfd start, listen");
	assert_int_equal(h->bfd.rx_ms, 50);
	h->c->peer[0].bfd = false;
	hand_apply(h);
	IS("bfd stop, listen");
	h->c->peer[0].bfd = true;
	hand_apply(h);
	IS("bfd start, listen");
	h->c->bgp.peers.n = 0;
	hand_apply(h);
	IS("leave v4, purge v4 all, 2:notification 6/3, close 2, bfd stop, listen");
	hand_pass(h, DUR_S(1));
	assert_null(hand_p(h));
	hand_free(h);
}

/* --- reload --- */

static void test_equal(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hand_apply(h), 0);
		IS("listen");
	}
	STATE("Established");
	assert_int_equal(hand_p(h)->session->established, 1);
	hand_free(h);
}

static void changed(struct hand *h, const char *file, int line, const char *expected)
{
	assert_int_equal(hand_apply(h), 0);
	hand_is(h, file, line, expected);
}
#define CHANGED(expected) changed(h, __FILE__, __LINE__, expected)

static void test_changes(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	struct conf_bgp_peer *p = &h->c->peer[0];
	struct conf_bgp_af *a = &p->af[BGP_V4];
	/* For the next session, or for nobody. */
	p->hold = DUR_S(9);
	p->keepalive = DUR_S(3);
	p->connect_retry = DUR_S(7);
	p->description = hand_text(h, "the office");
	a->max_prefix = 1000;
	h->c->bgp.gr_mode = GR_OFF;
	CHANGED("listen");
	/* Outwards. */
	a->rr_client = true;
	CHANGED("regroup v4, listen");
	a->next_hop_self = true;
	CHANGED("regroup v4, listen");
	h->c->bgp.client_to_client = false;
	CHANGED("regroup v4, listen");
	/* Inwards: without what was kept the peer says it again. */
	a->weight = 7;
	a->weight_set = true;
	CHANGED("1:refresh 0, listen");
	a->soft_in = true;
	CHANGED("1:refresh 0, listen");
	a->weight = 8;
	CHANGED("purge v4 refilter, listen");
	/* The decision, the kernel. */
	h->c->bgp.always_compare_med = true;
	CHANGED("decide, listen");
	h->c->bgp.install = false;
	CHANGED("fib-conf, listen");
	STATE("Established");
	/* The session. */
	p->password = true;
	CHANGED("leave v4, purge v4 all, 1:notification 6/6, close 1, connect 2, listen");
	hand_free(h);
}

static void test_filters(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	struct hand_conf *c = h->c;
	struct conf_bgp_af *a = &c->peer[0].af[BGP_V4];
	c->bgp.prefix_lists.n = 1;
	c->rule[0] = (struct conf_prefix_rule){.seq = 5, .action = CONF_PERMIT, .any = true};
	c->list[0] = (struct conf_prefix_list){.name = hand_text(h, "L"), .rules = {(conf_ref)offsetof(struct hand_conf, rule), 1}};
	CHANGED("listen"); /* nobody uses it */
	a->prefix_list_out = 1;
	CHANGED("regroup v4, listen");
	c->rule[0].le = 24;
	CHANGED("regroup v4, listen");
	/* The same list at another place. */
	c->list[1] = c->list[0];
	c->list[0] = (struct conf_prefix_list){.name = hand_text(h, "K")};
	c->bgp.prefix_lists.n = 2;
	a->prefix_list_out = 2;
	CHANGED("listen");
	a->prefix_list_in = 2;
	CHANGED("1:refresh 0, listen");
	c->rule[0].action = CONF_DENY;
	CHANGED("regroup v4, 1:refresh 0, listen");
	hand_free(h);
}

static void test_peers(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_peer(h, "10.0.0.3");
	CHANGED("connect 2, listen");
	/* Another order is none. */
	struct conf_bgp_peer swap = h->c->peer[0];
	h->c->peer[0] = h->c->peer[1];
	h->c->peer[1] = swap;
	CHANGED("listen");
	STATE("Established");
	h->c->bgp.peers.n = 1;
	CHANGED("leave v4, purge v4 all, 1:notification 6/3, close 1, listen");
	STATE("none");
	hand_closed(h, 2, -ECONNREFUSED);
	hand_pass(h, DUR_S(1));
	IS("connect 3");
	hand_free(h);
}

static void test_identity(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	h->c->bgp.router_id = 0x0a000009;
	CHANGED("leave v4, purge v4 all, 1:notification 6/6, close 1, connect 2, listen");
	hand_connected(h, 2);
	assert_int_equal(h->open.id, 0x0a000009);
	h->got = SB(h->log);
	h->c->bgp.shutdown = true;
	CHANGED("2:notification 6/2, close 2, listen");
	h->c->bgp.shutdown = false;
	CHANGED("connect 3, listen");
	struct conf nothing = {.size = sizeof nothing};
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_CONF, .conf = &nothing}, -EINVAL);
	IS("");
	hand_free(h);
}

/* --- memory --- */

static void life(struct hand *h)
{
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	if (hand_apply(h) < 0 && hand_apply(h) < 0)
		fail_msg("only one allocation failed");
	SYNC();
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	hand_update(h, 1, "192.0.2.0/24");
	hand_accept(h, IN1, "10.0.0.2");
	hand_accept(h, IN2, "10.1.0.1");
	uint8_t part[19];
	memset(part, 0xff, sizeof part);
	hand_octets(h, 1, part, 10);
	hand_tunnel(h, true);
	hand_peer(h, "10.0.0.7");
	(void)hand_apply(h);
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_CLEAR}, 0);
	hand_pass(h, DUR_S(100));
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP}, 0);
	hand_pass(h, DUR_S(20));
	assert_true(bgp_idle(h->b));
}

static void test_memory(void **state)
{
	(void)state;
	struct hand *h;
	bool failed = true;
	for (long n = 1; failed; n++) {
		h = hand_new();
		hand_peer(h, "10.1.0.0/16");
		h->fail_at = n;
		life(h);
		failed = h->fail_at == 0;
		h->fail_at = 0;
		hand_free(h);
		assert_true(n < 1000);
	}
	/* The engine itself. */
	failed = true;
	for (long n = 1; failed; n++) {
		h = hand_new();
		bgp_free(h->b);
		h->fail_at = n;
		h->b = bgp_new(&(struct bgp_env){.mem = &h->mem, .rng = &h->rng, .host = "", .software = ""});
		failed = h->b == NULL;
		assert_true(failed || h->fail_at != 0);
		h->fail_at = 0;
		hand_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnel), cmocka_unit_test(test_tunnel_named), cmocka_unit_test(test_tunnel_by_interface),
		cmocka_unit_test(test_link), cmocka_unit_test(test_not_connected), cmocka_unit_test(test_router_id), cmocka_unit_test(test_bfd),
		cmocka_unit_test(test_equal), cmocka_unit_test(test_changes), cmocka_unit_test(test_filters), cmocka_unit_test(test_peers),
		cmocka_unit_test(test_identity), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
