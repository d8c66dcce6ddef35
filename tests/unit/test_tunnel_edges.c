/* tunnel/: interfaces that fail, vanish or change, answers that are lost or late, changes of the configuration, no
 * room, no memory. */
#include "tunnel_world.h"

static void test_gre_fails(void **state)
{
	(void)state;
	struct world *w = world(false, "gre1");
	CONF("");
	WANT("");
	UP(1, "gre-up " B);
	NOT_MADE("done not: GRE interface gre1: is no GRE (error 17)");
	NOTE("GRE interface gre1: is no GRE");
	STATE("gre");
	WANT("done not: GRE interface gre1: is no GRE (error 17)");
	static const int wait[] = {5, 10, 20, 40, 60, 60};
	for (size_t i = 0; i < ARRAY_LEN(wait); i++) {
		AFTER(DUR_S(wait[i]), "gre-up " B);
		NOT_MADE("");
		assert_string_equal(w->note, ""); /* said once */
	}
	AFTER(DUR_S(60), "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	assert_string_equal(view(w).why, "");
	PROBE(0, "route-up gre1");
	end(w);
	/* An outcome that never comes: asked again; the first one, late, is not taken. */
	w = world(false, "gre1");
	CONF("");
	UP(1, "gre-up " B);
	uint32_t first = w->gre;
	AFTER(DUR_S(10), "gre-up " B);
	FACT("", .type = TUN_FACT_GRE, .ticket = first, .status = 0);
	FACT("", .type = TUN_FACT_GRE, .ticket = 0, .status = 0);
	DOWN(1, "gre-down gre1");
	MADE(5, "");
	STATE("down");
	end(w);
}

static void test_probe_late(void **state)
{
	(void)state;
	struct world *w = world(false, "");
	CONF("");
	WANT("");
	UP(1, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	AFTER(DUR_S(5), "route-up gre1, done ok: SAs up, nothing received yet");
	STATE("up");
	QUIET();
	PROBE(0, "");
	assert_true(view(w).received);
	assert_string_equal(view(w).why, "");
	WANT("done ok: up");
	end(w);
	w = world(false, "");
	CONF("");
	WANT("");
	UP(1, "find " B);
	AFTER(DUR_S(5), "done ok: SAs up, nothing received yet"); /* nobody looked */
	FOUND(5, "");
	end(w);
}

/* The answer to a probe between other ends says nothing about these. */
static void test_probe_stale(void **state)
{
	(void)state;
	struct world *w = world(false, "gre1");
	CONF("");
	UP(1, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	uint32_t stale = w->probe;
	MOVED(1, C, "gre-up " B);
	FACT("", .type = TUN_FACT_PROBE, .ticket = stale, .status = 0);
	MADE(5, "probe 10.0.0.1 via 5");
	FACT("", .type = TUN_FACT_PROBE, .ticket = stale, .status = 0);
	FACT("", .type = TUN_FACT_PROBE, .ticket = 0, .status = 0);
	STATE("probe");
	assert_false(view(w).received);
	end(w);
}

/* The ticket of the action of this type, with which the array ends; all is forgotten then. */
static uint32_t ticket_of(struct world *w, uint8_t type, uint32_t tunnel)
{
	uint32_t n = w->acts.n;
	w->acts.n = 0;
	assert_int_not_equal(n, 0);
	assert_int_equal(w->acts.v[n - 1].type, type);
	assert_int_equal(w->acts.v[n - 1].tunnel, tunnel);
	return w->acts.v[n - 1].ticket;
}

/* Who carries outcomes back may know no more than the ticket. */
static void test_ticket_alone(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	struct tun_child c = child(1, A, B);
	struct tun_link l = gre1(5);
	for (uint32_t id = 1; id <= 2; id++) {
		struct tun_fact f = {.type = TUN_FACT_CONF, .tunnel = id, .conf = &w->conf, .t = &w->c};
		tunnels_report(w->ts, &f, w->now, &w->acts);
	}
	struct tun_fact up = {.type = TUN_FACT_CHILD_UP, .tunnel = 2, .child = &c};
	tunnels_report(w->ts, &up, w->now, &w->acts);
	uint32_t hook = ticket_of(w, TUN_ACT_HOOK, 2);
	struct tun_fact f[] = {{.type = TUN_FACT_HOOK_ENDED, .ticket = hook + 1000},
	                       {.type = TUN_FACT_HOOK_ENDED, .ticket = 0},
	                       {.type = TUN_FACT_HOOK_ENDED, .ticket = hook}};
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		struct tun_view v;
		assert_true(tunnels_view(w->ts, 2, &v));
		assert_int_equal(v.state, TUN_HOOK);
		tunnels_report(w->ts, &f[i], w->now, &w->acts);
	}
	f[0] = (struct tun_fact){.type = TUN_FACT_GRE, .ticket = ticket_of(w, TUN_ACT_GRE_FIND, 2), .link = &l};
	tunnels_report(w->ts, &f[0], w->now, &w->acts);
	assert_int_not_equal(ticket_of(w, TUN_ACT_PROBE, 2), 0);
	end(w);
}

/* Each has its timers; as many as there is room for are heard in one call, the rest in the next. */
static void test_many_tunnels(void **state)
{
	(void)state;
	enum { N = 100 };
	struct world *w = world(true, "");
	unsigned done = 0;
	for (uint32_t id = 1; id <= N; id++) {
		struct tun_fact f = {.type = TUN_FACT_CONF, .tunnel = id, .conf = &w->conf, .t = &w->c};
		tunnels_report(w->ts, &f, w->now, &w->acts);
		f.type = TUN_FACT_WANT_DONE;
		tunnels_report(w->ts, &f, w->now, &w->acts);
	}
	assert_int_equal(w->acts.n, 0);
	w->now += DUR_S(10);
	for (int turn = 0; turn < 10 && tunnels_due(w->ts) <= w->now; turn++) {
		tunnels_timer(w->ts, w->now, &w->acts);
		for (uint32_t i = 0; i < w->acts.n; i++)
			done += w->acts.v[i].type == TUN_ACT_DONE && !w->acts.v[i].ok;
		w->acts.n = 0;
	}
	assert_int_equal(done, N);
	QUIET();
	end(w);
}

static void test_link_native(void **state)
{
	(void)state;
	struct world *w = native_up();
	FACT("route-down gre1, gre-up " B, .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "gre1"});
	NOTE("vanished");
	STATE("gre");
	MADE(6, "probe 10.0.0.1 via 6");
	PROBE(0, "route-up gre1");
	FACT("", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "eth0"});
	FACT("", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "eth0", .ifindex = 2});
	/* Something changed: ask, once at a time. */
	LINK(6, "find " B);
	LINK(6, "");
	LINK(6, "");
	FOUND(6, "find " B);
	FOUND(6, "");
	QUIET();
	LINK(6, "find " B);
	FOUND_NONE("route-down gre1, gre-up " B);
	MADE(7, "probe 10.0.0.1 via 7");
	PROBE(0, "route-up gre1");
	LINK(7, "find " B);
	AFTER(DUR_S(5), ""); /* no answer: as it was */
	QUIET();
	LINK(7, "find " B);
	FACT("", .type = TUN_FACT_GRE, .ticket = w->find, .status = -EIO);
	assert_int_equal(view(w).link.ifindex, 7);
	QUIET();
	end(w);
}

/* It goes before the tunnel is up: made again then, and once only. */
static void test_link_lost_on_the_way(void **state)
{
	(void)state;
	struct world *w = world(false, "gre1");
	CONF("");
	WANT("");
	UP(1, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	FACT("", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "gre1"});
	assert_int_equal(view(w).link.ifindex, 0);
	PROBE(-ETIMEDOUT, "gre-up " B);
	FACT("", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "gre1"}); /* heard of late */
	MADE(6, "probe 10.0.0.1 via 6");
	PROBE(0, "route-up gre1, done ok: up");
	QUIET();
	end(w);
}

static void test_link_script(void **state)
{
	(void)state;
	struct world *w = script_up();
	FACT("route-down gre1", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "gre1"});
	NOTE("left to who made it");
	STATE("up");
	assert_int_equal(view(w).link.ifindex, 0);
	QUIET();
	/* Somebody makes it again; the kernel does not say whose it is. */
	struct tun_link l = gre1(8);
	struct tun_fact f = {.type = TUN_FACT_LINK, .link = &l};
	tunnels_report(w->ts, &f, w->now, &w->acts);
	check(w, "find " B, __LINE__);
	FOUND(8, "probe 10.0.0.1 via 8");
	PROBE(0, "route-up gre1");
	LINK(8, "find " B);
	FOUND_NONE("route-down gre1");
	/* A script that ignores verbs leaves the interface; when it goes later, status forgets it. */
	LINK(9, "find " B);
	FOUND(9, "probe 10.0.0.1 via 9");
	PROBE(0, "route-up gre1");
	DOWN(1, "route-down gre1, hook-down 1");
	HOOK(0, "");
	assert_int_equal(view(w).link.ifindex, 9);
	FACT("", .type = TUN_FACT_LINK, .link = &(struct tun_link){.name = "gre1"});
	assert_int_equal(view(w).link.ifindex, 0);
	end(w);
}

static void test_shunt(void **state)
{
	(void)state;
	struct world *w = world(true, "gre1");
	struct tun_child c = child(0, A, B);
	w->c.kind = TUNNEL_DROP;
	CONF("");
	FACT("", .type = TUN_FACT_PEER_KNOWN, .child = &c);
	UP(1, "");
	WANT("done ok: a policy without SAs: nothing to wait for");
	struct tun_view v;
	assert_false(tunnels_view(w->ts, T, &v));
	FACT("", .type = TUN_FACT_GONE);
	WANT("done not: no such tunnel");
	/* A transport tunnel becomes one while its script is up. */
	w->c.kind = TUNNEL_TRANSPORT;
	w->c.gre.name[0] = '\0';
	CONF("");
	UP(1, "hook-up 1");
	HOOK(0, "find " B);
	w->c.kind = TUNNEL_PASS;
	CONF("hook-down 1");
	HOOK(0, "");
	QUIET();
	end(w);
}

static void test_gone(void **state)
{
	(void)state;
	struct tun_view v;
	struct world *w = world(true, "");
	CONF("");
	WANT("");
	FACT("done not: left the configuration", .type = TUN_FACT_GONE);
	assert_false(tunnels_view(w->ts, T, &v));
	CONF("");
	UP(1, "hook-up 1");
	FACT("", .type = TUN_FACT_GONE);
	DOWN(1, "");
	UP(2, ""); /* a straggler */
	WANT("done not: no such tunnel");
	HOOK(0, "hook-down 1");
	assert_true(tunnels_view(w->ts, T, &v));
	HOOK(0, "");
	assert_false(tunnels_view(w->ts, T, &v));
	QUIET();
	assert_int_equal(w->own.mem.in_use > 0, 1);
	end(w);
	/* Taken out and put back under the same number while its script is brought down. */
	w = script_up();
	UP(2, "");
	FACT("route-down gre1, hook-down 2", .type = TUN_FACT_GONE);
	assert_int_equal(w->routed.child_id, 2);
	CONF("");
	HOOK(0, "");
	STATE("down");
	UP(3, "hook-up 3");
	end(w);
	/* The same by the timer alone. */
	w = script_up();
	FACT("route-down gre1, hook-down 1", .type = TUN_FACT_GONE);
	AFTER(DUR_S(660), "");
	assert_false(tunnels_view(w->ts, T, &v));
	end(w);
}

static void test_conf_changes(void **state)
{
	(void)state;
	struct world *w = native_up();
	CONF("gre-up " B); /* the same again: a reload mends what somebody did to the interface */
	FACT("", .type = TUN_FACT_GRE, .ticket = w->gre, .status = 0, .link = &(struct tun_link){.ifindex = 5, .name = "gre1"});
	STATE("up");
	CONF("gre-up " B);
	FACT("", .type = TUN_FACT_GRE, .ticket = w->gre, .status = -EPERM, .text = "no");
	STATE("gre");
	AFTER(DUR_S(5), "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	PROBE(0, "");
	w->c.updown = 4096;
	CONF("gre-up " B);
	MADE(5, "hook-up 1");
	HOOK(0, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "");
	strcpy(w->c.gre.name, "gre2");
	CONF("route-down gre1, gre-down gre1, gre-up " B);
	struct tun_link l = gre1(6);
	strcpy(l.name, "gre2");
	FACT("find " B, .type = TUN_FACT_GRE, .ticket = w->gre, .link = &l);
	FACT("probe 10.0.0.1 via 6", .type = TUN_FACT_GRE, .ticket = w->find, .link = &l);
	PROBE(0, "route-up gre2");
	w->c.gre.mtu = 1380;
	CONF("gre-up " B);
	w->c.gre.name[0] = '\0';
	w->c.updown = 0;
	CONF("route-down gre2, gre-down gre2, hook-down 1");
	HOOK(0, "find " B);
	end(w);
	w = native_up();
	w->c.gre.keep = true;
	CONF("gre-up " B);
	strcpy(w->c.gre.name, "gre2");
	CONF("gre-up " B); /* gre1 was to be kept */
	end(w);
}

/* Which inner address is probed. */
static void test_inner(void **state)
{
	(void)state;
	static const struct {
		const char *address, *probe;
	} cases[] = {
		{"10.0.0.1/30", "10.0.0.2"}, {"10.0.0.6/30", "10.0.0.5"}, {"10.0.0.4/30", NULL}, {"10.0.0.7/30", NULL},
		{"10.0.0.4/31", "10.0.0.5"}, {"10.0.0.5/31", "10.0.0.4"}, {"10.0.0.1/29", NULL}, {"10.0.0.1/32", NULL},
		{"fd00::1/126", "fd00::2"},  {"fd00::/127", "fd00::1"},   {"fd00::1/64", NULL},  {"fd00::1/128", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world(false, "");
		char want[64] = "route-up gre1";
		struct tun_link l = gre1(5);
		assert_true(prefix_parse(cases[i].address, &l.address[0]));
		CONF("");
		UP(1, "find " B);
		if (cases[i].probe)
			snprintf(want, sizeof want, "probe %s via 5", cases[i].probe);
		FACT(want, .type = TUN_FACT_GRE, .ticket = w->find, .link = &l);
		end(w);
	}
	struct world *w = world(false, "gre1");
	struct tun_link l = gre1(5);
	CONF("");
	UP(1, "gre-up " B);
	assert_true(addr_parse("10.9.9.9", &l.peer));
	FACT("probe 10.9.9.9 via 5", .type = TUN_FACT_GRE, .ticket = w->gre, .link = &l);
	assert_true(addr_parse("10.8.8.8", &w->c.gre.peer));
	CONF("gre-up " B);
	FACT("probe 10.8.8.8 via 5", .type = TUN_FACT_GRE, .ticket = w->gre, .link = &l);
	end(w);
}

/* More child SAs than anybody keeps: the oldest ones are let go. */
static void test_many_children(void **state)
{
	(void)state;
	struct world *w = script_up();
	for (uint32_t i = 2; i < 20; i++)
		UP(i, "");
	assert_int_equal(view(w).n_children, 4);
	for (uint32_t i = 1; i < 19; i++)
		DOWN(i, "");
	DOWN(19, "route-down gre1, hook-down 19");
	end(w);
}

/* No room for actions: nothing is lost for good. */
static void test_full(void **state)
{
	(void)state;
	struct world *w = world(true, "gre1");
	CONF("");
	WANT("");
	struct tun_child c = child(1, A, B);
	struct tun_fact f = {.type = TUN_FACT_CHILD_UP, .tunnel = T, .child = &c};
	w->acts.n = TUN_ACTS_MAX;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	tunnels_timer(w->ts, w->now + DUR_S(100), &w->acts); /* has no room either, and waits */
	assert_int_equal(w->acts.dropped, 1);
	w->acts.n = 0;
	AFTER(DUR_S(10), "gre-up " B);
	f = (struct tun_fact){.type = TUN_FACT_GRE, .tunnel = T, .ticket = w->gre};
	w->acts.n = TUN_ACTS_MAX;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	assert_int_equal(w->acts.dropped, 2);
	w->acts.n = 0;
	AFTER(DUR_S(1), "hook-up 1");
	HOOK(0, "find " B);
	struct tun_link l = gre1(5);
	f = (struct tun_fact){.type = TUN_FACT_GRE, .tunnel = T, .ticket = w->find, .link = &l};
	w->acts.n = TUN_ACTS_MAX;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	w->acts.n = 0;
	AFTER(DUR_S(5), "route-up gre1, done ok: SAs up, nothing received yet");
	/* DONE itself finds none. */
	f = (struct tun_fact){.type = TUN_FACT_WANT_DONE, .tunnel = T};
	w->acts.n = TUN_ACTS_MAX;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	w->acts.n = 0;
	AFTER(0, "done ok: SAs up, nothing received yet");
	/* A link event for all tunnels. */
	f = (struct tun_fact){.type = TUN_FACT_LINK, .link = &l};
	w->acts.n = TUN_ACTS_MAX - 1;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	assert_int_equal(w->acts.n, TUN_ACTS_MAX - 1);
	w->acts.n = 0;
	AFTER(0, "find " B);
	w->acts.dropped = 0;
	end(w);
}

/* The n-th allocation fails, for every n: no crash, no leak, and `up` is answered. */
static void test_no_memory(void **state)
{
	(void)state;
	for (long n = 1; n < 12; n++) {
		struct world *w = calloc(1, sizeof *w);
		assert_non_null(w);
		w->own = fakes_new(0);
		w->own.fail_at = n;
		w->failing = true;
		w->ts = tunnels_new(&w->own.mem);
		if (!w->ts) {
			assert_true(n <= 2);
			assert_int_equal(w->own.mem.in_use, 0);
			free(w);
			continue;
		}
		w->c.updown = 4096;
		for (uint32_t id = 100; id < 140; id++) { /* makes the map and the heap grow */
			struct tun_fact f = {.type = TUN_FACT_CONF, .tunnel = id, .conf = &w->conf, .t = &w->c};
			tunnels_report(w->ts, &f, w->now, &w->acts);
			w->acts.n = 0;
		}
		CONF("");
		struct tun_view v;
		bool there = tunnels_view(w->ts, T, &v);
		WANT("");
		UP(1, "");
		assert_string_equal(w->got, there ? "hook-up 1" : "");
		HOOK(0, "");
		assert_string_equal(w->got, there ? "find " B : "");
		DOWN(1, "");
		assert_int_equal(w->acts.dropped, 0);
		end(w);
	}
	/* The note about it. */
	struct world *w = world(true, "");
	w->own.fail_at = 1;
	CONF("");
	NOTE("no memory");
	UP(1, "");
	WANT("done not: no such tunnel");
	CONF("");
	UP(2, "hook-up 2");
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gre_fails),   cmocka_unit_test(test_probe_late),
		cmocka_unit_test(test_probe_stale), cmocka_unit_test(test_many_tunnels),
		cmocka_unit_test(test_link_native), cmocka_unit_test(test_link_lost_on_the_way),
		cmocka_unit_test(test_link_script), cmocka_unit_test(test_shunt),
		cmocka_unit_test(test_gone),        cmocka_unit_test(test_conf_changes),
		cmocka_unit_test(test_ticket_alone),
		cmocka_unit_test(test_inner),       cmocka_unit_test(test_many_children),
		cmocka_unit_test(test_full),        cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
