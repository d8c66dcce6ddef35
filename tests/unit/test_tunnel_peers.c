/* A tunnel of %any with several peers at once: each has its script's up and down, none is torn down for another. */
#include "tunnel_world.h"

#define D "198.51.100.7"

static struct tun_child of(const char *remote, uint32_t id)
{
	struct tun_child c = child(id, A, remote);
	c.peer_id = ident_from_addr(&c.remote.addr);
	return c;
}

#define PEER(what, who, id, want)                                                                                      \
	do {                                                                                                           \
		struct tun_child p_ = of(who, id);                                                                     \
		FACT(want, .type = TUN_FACT_CHILD_##what, .child = &p_);                                               \
	} while (0)
#define ENDED(ticket_, want) FACT(want, .type = TUN_FACT_HOOK_ENDED, .ticket = ticket_)

/* B is up, then C, whose outcomes come while B's script for a later event is under way. */
static void each_has_its_script(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	PEER(UP, B, 1, "hook-up 1");
	ENDED(w->hook, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	PEER(UP, C, 2, "hook-up 2");
	struct tun_child c = of(C, 2);
	assert_true(ident_eq(&w->told.peer_id, &c.peer_id));
	uint32_t up_c = w->hook;
	PEER(UP, D, 3, "hook-up 3");
	uint32_t up_d = w->hook;
	ENDED(up_d, "");
	ENDED(up_c, "");
	/* A renewal is none of the others' business, and no event for its own script. */
	PEER(UP, C, 4, "");
	PEER(DOWN, C, 2, "");
	PEER(UP, B, 5, "");
	PEER(DOWN, B, 1, "");
	STATE("up");
	assert_int_equal(view(w).link.ifindex, 5);
	/* The first goes; the others stay, and the tunnel is up. */
	PEER(DOWN, B, 5, "route-down gre1, hook-down 5");
	ENDED(w->hook, "");
	STATE("up");
	PEER(DOWN, D, 3, "hook-down 3");
	ENDED(w->hook, "");
	LINK(9, ""); /* whose it may be is no matter to the others */
	/* D comes back, to the tunnel's own place. */
	PEER(UP, D, 6, "hook-up 6");
	ENDED(w->hook, "find " D);
	FOUND(7, "probe 10.0.0.1 via 7");
	PROBE(0, "route-up gre1");
	PEER(DOWN, C, 4, "hook-down 4");
	ENDED(w->hook, "");
	PEER(DOWN, D, 6, "route-down gre1, hook-down 6");
	ENDED(w->hook, "");
	STATE("down");
	QUIET();
	end(w);
}

/* While its down runs a peer comes back: one more up behind it, for it alone. */
static void back_while_down_runs(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	CONF("");
	PEER(UP, B, 1, "hook-up 1");
	ENDED(w->hook, "find " B);
	FOUND_NONE("");
	PEER(UP, C, 2, "hook-up 2");
	ENDED(w->hook, "");
	PEER(DOWN, C, 2, "hook-down 2");
	PEER(UP, C, 3, "");
	ENDED(w->hook, "hook-up 3");
	ENDED(w->hook, "");
	STATE("up");
	struct tun_child c = of(C, 3);
	assert_true(tunnels_have_peer(w->ts, T, &c.peer_id));
	c = of(D, 3);
	assert_false(tunnels_have_peer(w->ts, T, &c.peer_id));
	end(w);
}

/* It leaves the configuration: each has its down, then it is forgotten. */
static void leaves_the_configuration(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	uint32_t hook[2];
	CONF("");
	PEER(UP, B, 1, "hook-up 1");
	ENDED(w->hook, "find " B);
	FOUND_NONE("");
	PEER(UP, C, 2, "hook-up 2");
	ENDED(w->hook, "");
	struct tun_fact f = {.type = TUN_FACT_GONE, .tunnel = T};
	tunnels_report(w->ts, &f, w->now, &w->acts);
	for (uint32_t i = 0, n = 0; i < w->acts.n; i++) {
		if (w->acts.v[i].type == TUN_ACT_HOOK)
			hook[n++ & 1] = w->acts.v[i].ticket;
	}
	check(w, "hook-down 1, hook-down 2", __LINE__);
	ENDED(hook[0], "");
	PEER(UP, D, 3, "");
	ENDED(hook[1], "");
	struct tun_view v;
	assert_false(tunnels_view(w->ts, T, &v));
	QUIET();
	end(w);
}

/* Without scripts there is nothing to run, and no interface that would go from one to the other. */
static void no_script(void **state)
{
	(void)state;
	struct world *w = world(false, "");
	CONF("");
	PEER(UP, B, 1, "find " B);
	FOUND_NONE("");
	PEER(UP, C, 2, "");
	PEER(DOWN, C, 2, "");
	PEER(UP, C, 3, "");
	FACT("", .type = TUN_FACT_GONE);
	QUIET();
	end(w);
}

/* One whose peer has an address has one script, whoever the peer says that it is; and native GRE goes to who came last. */
static void others_have_one(void **state)
{
	(void)state;
	struct world *w = world(true, "");
	w->c.remote.n_hosts = 1;
	w->c.remote.host[0].kind = HOST_ADDR;
	CONF("");
	PEER(UP, B, 1, "hook-up 1");
	ENDED(w->hook, "find " B);
	FOUND_NONE("");
	PEER(UP, C, 2, "hook-down 1");
	ENDED(w->hook, "hook-up 2");
	end(w);
	w = world(false, "gre1");
	CONF("");
	PEER(UP, B, 1, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	PEER(UP, C, 2, "gre-up " C);
	end(w);
}

static long refuse; /* the n-th block from now on; 0: none */
static void *scarce_get(struct mem *m, size_t size)
{
	(void)m;
	return refuse && --refuse == 0 ? NULL : calloc(1, size);
}
static void scarce_put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}

/* Without memory for it a further peer is as it was with a tunnel for one; nothing leaks, nothing is run twice. */
static void no_memory(void **state)
{
	(void)state;
	for (long n = 1; n < 12; n++) {
		struct mem scarce = {.get = scarce_get, .put = scarce_put};
		struct world *w = world(true, "");
		tunnels_free(w->ts);
		w->ts = tunnels_new(&scarce);
		CONF("");
		PEER(UP, B, 1, "hook-up 1");
		ENDED(w->hook, "find " B);
		FOUND_NONE("");
		w->failing = true;
		refuse = n;
		PEER(UP, C, 2, "");
		refuse = 0;
		PEER(DOWN, C, 2, "");
		PEER(DOWN, B, 1, "");
		end(w);
		assert_int_equal(scarce.in_use, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_script), cmocka_unit_test(back_while_down_runs),
		cmocka_unit_test(leaves_the_configuration), cmocka_unit_test(no_script),
		cmocka_unit_test(others_have_one), cmocka_unit_test(no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
