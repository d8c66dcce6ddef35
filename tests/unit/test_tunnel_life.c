/* tunnel/: up, down, make-before-break, moved ends, scripts and their coalescing, failed attempts. */
#include "tunnel_world.h"

static void test_script(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	STATE("down");
	assert_int_equal(view(w).hook_status, -1);
	CHILD(DOWN, 9, A, B, "");
	struct tun_child c = child(0, A, B);
	FACT("guard " B, .type = TUN_FACT_PEER_KNOWN, .child = &c);
	WANT("");
	UP(1, "hook-up 1");
	STATE("hook");
	HOOK(0, "find " B);
	STATE("probe");
	FOUND(5, "probe 10.0.0.1 via 5");
	NOTE("GRE interface gre1: mtu 1400, 10.0.0.2/30");
	PROBE(0, "route-up gre1, done ok: up");
	STATE("up");
	struct tun_view v = view(w);
	assert_true(v.received && v.n_children == 1 && v.link.ifindex == 5 && v.link.mtu == 1400 && !v.link.ours);
	assert_int_equal(v.hook_status, 0);
	assert_string_equal(v.why, "");
	QUIET();
	WANT("done ok: up");
	FACT("route-down gre1, hook-down 1", .type = TUN_FACT_CHILD_DOWN, .child = &(struct tun_child){.child_id = 1},
	     .text = "deleted by the peer");
	STATE("going-down");
	assert_string_equal(view(w).why, "deleted by the peer");
	HOOK(3, "");
	NOTE("exit code 3");
	STATE("down");
	assert_int_equal(view(w).hook_status, 3);
	QUIET();
	end(w);
}

static void test_nothing_configured(void **state)
{
	(void)state;
	struct world *w = world(false, "");
	CONF("");
	WANT("");
	UP(1, "find " B);
	FOUND_NONE("done ok: SAs up, nothing received yet");
	NOTE("no GRE interface between " A " and " B " yet");
	STATE("up");
	assert_false(view(w).received);
	assert_string_equal(view(w).why, "SAs up, nothing received yet");
	WANT("done ok: SAs up, nothing received yet");
	DOWN(1, "");
	STATE("down");
	QUIET();
	end(w);
}

static void test_native(void **state)
{
	(void)state;
	struct world *w = native_up();
	assert_true(view(w).link.ours);
	DOWN(1, "route-down gre1, gre-down gre1");
	STATE("down");
	assert_int_equal(view(w).link.ifindex, 0);
	QUIET();
	end(w);
	w = world(false, "gre1");
	w->c.gre.keep = true;
	CONF("");
	UP(1, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	DOWN(1, "route-down gre1");
	assert_int_equal(view(w).link.ifindex, 5);
	UP(2, "gre-up " B);
	end(w);
}

static void test_native_and_script(void **state)
{
	(void)state;
	struct world *w = world(true, "gre1");
	CONF("");
	WANT("");
	UP(1, "gre-up " B);
	MADE(5, "hook-up 1");
	HOOK(1, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1, done ok: up");
	DOWN(1, "route-down gre1, hook-down 1");
	HOOK(0, "gre-down gre1");
	STATE("down");
	end(w);
}

static void test_make_before_break(void **state)
{
	(void)state;
	struct world *w = script_up();
	UP(2, "");
	assert_int_equal(view(w).n_children, 2);
	DOWN(1, "");
	UP(3, "");
	DOWN(3, ""); /* the older one carries on */
	UP(2, "");   /* said twice */
	assert_int_equal(view(w).n_children, 1);
	STATE("up");
	QUIET();
	DOWN(2, "route-down gre1, hook-down 2");
	assert_int_equal(w->told.ike_id, 2);
	DOWN(2, "");
	HOOK(0, "");
	STATE("down");
	end(w);
}

/* While the up hook runs. */
static void test_coalesce_up(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	UP(1, "hook-up 1");
	DOWN(1, "");
	STATE("going-down");
	HOOK(0, "hook-down 1");
	HOOK(0, "");
	STATE("down");
	/* Fell and rose meanwhile, thrice: nothing more to run. */
	UP(2, "hook-up 2");
	for (uint32_t i = 2; i < 5; i++) {
		DOWN(i, "");
		UP(i + 1, "");
	}
	STATE("sa-up");
	HOOK(0, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	end(w);
}

/* While the down hook runs. */
static void test_coalesce_down(void **state)
{
	(void)state;
	struct world *w = script_up();
	DOWN(1, "route-down gre1, hook-down 1");
	UP(2, "");
	STATE("sa-up");
	DOWN(2, "");
	STATE("going-down");
	UP(3, "");
	HOOK(0, "hook-up 3");
	STATE("hook");
	HOOK(0, "find " B);
	end(w);
	w = script_up();
	DOWN(1, "route-down gre1, hook-down 1");
	UP(2, "");
	DOWN(2, "");
	HOOK(0, "");
	STATE("down");
	end(w);
}

static void test_moved_script(void **state)
{
	(void)state;
	struct world *w = script_up();
	struct tun_child c = child(1, A, B);
	c.remote.port = 31337;
	FACT("", .type = TUN_FACT_CHILD_MOVED, .child = &c);
	MOVED(1, C, "route-down gre1, hook-down 1");
	NOTE("ends are " C " and " B);
	STATE("sa-up");
	assert_int_equal(w->told.remote.port, 31337); /* the port in use, the ends as they were told */
	struct addr a;
	assert_true(addr_parse(A, &a));
	assert_true(addr_eq(&w->told.local.addr, &a));
	HOOK(0, "hook-up 1");
	assert_true(addr_parse(C, &a));
	assert_true(addr_eq(&w->told.local.addr, &a));
	HOOK(0, "find " B);
	FOUND(6, "probe 10.0.0.1 via 6");
	PROBE(-ETIMEDOUT, "route-up gre1");
	STATE("up");
	end(w);
}

/* Moved while the up hook runs: the script must hear of it; moved and back: it need not. */
static void test_moved_in_hook(void **state)
{
	(void)state;
	struct world *w = world(true, "gre1");
	CONF("");
	UP(1, "gre-up " B);
	MADE(5, "hook-up 1");
	MOVED(1, C, "");
	HOOK(0, "hook-down 1");
	HOOK(0, "gre-up " B);
	MADE(5, "hook-up 1");
	MOVED(1, A, "");
	MOVED(1, C, "");
	HOOK(0, "gre-up " B);
	MADE(5, "find " B);
	end(w);
}

static void test_moved_native(void **state)
{
	(void)state;
	struct world *w = native_up();
	MOVED(1, C, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	PROBE(0, "");
	STATE("up");
	/* Another interface under the old name: routes go over it anew. */
	MOVED(1, A, "gre-up " B);
	MADE(6, "route-down gre1, probe 10.0.0.1 via 6");
	PROBE(0, "route-up gre1");
	/* A second child SA from other ends, the first goes, and back again. */
	CHILD(UP, 2, A, C, "gre-up " C);
	FACT("", .type = TUN_FACT_GRE, .ticket = w->gre + 1, .status = 0);
	DOWN(1, "");
	MADE(6, "probe 10.0.0.1 via 6");
	MOVED(2, A, "gre-up " B); /* in the middle of the probe */
	MADE(6, "probe 10.0.0.1 via 6");
	PROBE(0, "");
	end(w);
}

static void test_hooks_that_fail(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *note;
	} cases[] = {
		{-ETIME, "ended by its time limit of 60 s"},
		{-ENOENT, "could not be run"},
		{3, "exit code 3"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world(true, "");
		CONF("");
		WANT("");
		UP(1, "hook-up 1");
		HOOK(cases[i].status, "find " B);
		NOTE(cases[i].note);
		assert_int_equal(view(w).hook_status, cases[i].status);
		FOUND(5, "probe 10.0.0.1 via 5");
		PROBE(0, "route-up gre1, done ok: up");
		DOWN(1, "route-down gre1, hook-down 1"); /* paired all the same */
		end(w);
	}
}

/* No word from whoever runs scripts: going on after the limit and ten minutes. A late word is nobody's. */
static void test_hook_lost(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	UP(1, "hook-up 1");
	AFTER(DUR_S(660), "find " B);
	NOTE("no word");
	assert_int_equal(view(w).hook_status, -ETIME);
	uint32_t lost = w->hook;
	HOOK(0, "");
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	DOWN(1, "route-down gre1, hook-down 1");
	FACT("", .type = TUN_FACT_HOOK_ENDED, .ticket = lost, .status = 0);
	FACT("", .type = TUN_FACT_HOOK_ENDED, .ticket = 0, .status = 0);
	STATE("going-down");
	AFTER(DUR_S(660), "");
	STATE("down");
	QUIET();
	end(w);
}

static void test_failed_attempts(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	FAILED("no answer from " B ":500, filtered or down", "");
	assert_string_equal(view(w).why, "no answer from " B ":500, filtered or down");
	WANT("");
	FAILED("no proposal in common", "done not: no proposal in common");
	FAILED("", "");
	assert_string_equal(view(w).why, "the attempt failed");
	FAILED(NULL, "");
	assert_string_equal(view(w).why, "the attempt failed");
	QUIET();
	/* No attempt ends within ten seconds. */
	WANT("");
	AFTER(DUR_S(10), "done not: the attempt failed");
	QUIET();
	WANT("");
	UP(1, "hook-up 1"); /* SAs: from now on it takes as long as the script */
	assert_true(tunnels_due(w->ts) > w->now + DUR_S(60));
	FAILED("another attempt, with SAs up", "");
	WANT("");
	DOWN(1, "done not: the SAs went down again");
	WANT("");
	FAILED("refused", "done not: refused");
	HOOK(0, "hook-down 1");
	HOOK(0, "");
	WANT("");
	FACT("", .type = TUN_FACT_WANT_DONE); /* a second one waits for the same end */
	FAILED("x", "done not: x");
	end(w);
	w = world(false, "");
	CONF("");
	WANT("");
	AFTER(DUR_S(10), "done not: no SAs yet; going on trying");
	end(w);
}

static void test_guard(void **state)
{
	(void)state;
	static const struct {
		uint8_t guard;
		const char *want;
	} cases[] = {
		{GUARD_ON, "guard " B},
		{GUARD_STRICT, "guard " B},
		{GUARD_OFF, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world *w = world(true, "");
		struct tun_child c = child(0, A, B);
		w->c.guard = cases[i].guard;
		CONF("");
		FACT(cases[i].want, .type = TUN_FACT_PEER_KNOWN, .child = &c);
		UP(1, "hook-up 1");
		FACT(cases[i].want, .type = TUN_FACT_PEER_KNOWN, .child = &c);
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_nothing_configured),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_native_and_script),
		cmocka_unit_test(test_make_before_break),
		cmocka_unit_test(test_coalesce_up),
		cmocka_unit_test(test_coalesce_down),
		cmocka_unit_test(test_moved_script),
		cmocka_unit_test(test_moved_in_hook),
		cmocka_unit_test(test_moved_native),
		cmocka_unit_test(test_hooks_that_fail),
		cmocka_unit_test(test_hook_lost),
		cmocka_unit_test(test_failed_attempts),
		cmocka_unit_test(test_guard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
