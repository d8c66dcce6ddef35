/* tunnel/: one tunnel's life on virtual time. A scenario is a list of facts, each with the actions that must follow, in
 * order and no others; notes are looked at only where a scenario names them. */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T = 7 }; /* the tunnel's number */

struct world {
	struct mem mem;
	long fail_at; /* the n-th allocation fails; 0 = none */
	struct tunnels *ts;
	mono_t now;
	struct tun_acts acts;
	struct conf conf;
	struct tunnel_conf c;
	uint32_t gre, find, probe, hook; /* last tickets */
	char got[1024], note[256];
	struct tun_child told; /* what the last hook was told */
	bool failing; /* allocations fail: actions are not looked at */
};

static void *get(struct mem *m, size_t size)
{
	struct world *w = CONTAINER_OF(m, struct world, mem);
	if (w->fail_at && --w->fail_at == 0)
		return NULL;
	return calloc(1, size);
}

static void put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}

static void render(struct world *w, struct sbuf *b, const struct tun_act *a)
{
	char text[ADDR_TEXT];
	if (a->type == TUN_ACT_NOTE) {
		memcpy(w->note, a->text, sizeof w->note);
		return;
	}
	assert_int_equal(a->tunnel, T);
	sb_put(b, b->len ? ", " : "");
	switch (a->type) {
	case TUN_ACT_GUARD_SET:
		sb_printf(b, "guard %s", addr_str(&a->remote, text));
		break;
	case TUN_ACT_GRE_UP:
		w->gre = a->ticket;
		sb_printf(b, "gre-up %s", addr_str(&a->remote, text));
		break;
	case TUN_ACT_GRE_DOWN:
		sb_printf(b, "gre-down %s", a->link.name);
		break;
	case TUN_ACT_GRE_FIND:
		w->find = a->ticket;
		sb_printf(b, "find %s", addr_str(&a->remote, text));
		break;
	case TUN_ACT_HOOK:
		w->hook = a->ticket;
		w->told = a->child;
		sb_printf(b, "hook-%s %u", a->hook_up ? "up" : "down", a->child.child_id);
		break;
	case TUN_ACT_PROBE:
		w->probe = a->ticket;
		sb_printf(b, "probe %s via %u", addr_str(&a->inner, text), a->ifindex);
		break;
	case TUN_ACT_ROUTE_UP:
	case TUN_ACT_ROUTE_DOWN:
		sb_printf(b, "route-%s %s", a->type == TUN_ACT_ROUTE_UP ? "up" : "down", a->link.name);
		break;
	case TUN_ACT_DONE:
		sb_printf(b, "done %s: %s", a->ok ? "ok" : "not", a->text);
		break;
	default:
		fail();
	}
}

static void check(struct world *w, const char *want, int line)
{
	struct sbuf b = SB(w->got);
	w->note[0] = '\0';
	for (uint32_t i = 0; i < w->acts.n; i++)
		render(w, &b, &w->acts.v[i]);
	w->acts.n = 0;
	if (!w->failing && strcmp(w->got, want) != 0) {
		print_error("line %d: expected \"%s\"\n         got \"%s\"\n", line, want, w->got);
		fail();
	}
}

static void say(struct world *w, struct tun_fact f, const char *want, int line)
{
	f.tunnel = f.tunnel ? f.tunnel : T;
	tunnels_report(w->ts, &f, w->now, &w->acts);
	check(w, want, line);
}

static struct tun_child child(uint32_t id, const char *local, const char *remote)
{
	struct tun_child c = {.child_id = id, .ike_id = id, .reqid = 1, .local.port = 4500, .remote.port = 4500, .encap = true};
	assert_true(addr_parse(local, &c.local.addr));
	assert_true(addr_parse(remote, &c.remote.addr));
	return c;
}

static struct tun_link gre1(uint32_t ifindex)
{
	struct tun_link l = {.ifindex = ifindex, .name = "gre1", .mtu = 1400, .up = true, .n_addresses = 1};
	assert_true(prefix_parse("10.0.0.2/30", &l.address[0]));
	return l;
}

#define A "172.19.42.8"
#define B "80.251.215.33"
#define C "192.0.2.9"

#define FACT(want, ...) say(w, (struct tun_fact){__VA_ARGS__}, want, __LINE__)
#define CONF(want) FACT(want, .type = TUN_FACT_CONF, .conf = &w->conf, .t = &w->c)
#define CHILD(what, id, from, to, want)                                                                                 \
	do {                                                                                                            \
		struct tun_child c_ = child(id, from, to);                                                              \
		FACT(want, .type = TUN_FACT_CHILD_##what, .child = &c_);                                                \
	} while (0)
#define UP(id, want) CHILD(UP, id, A, B, want)
#define DOWN(id, want) CHILD(DOWN, id, A, B, want)
#define MOVED(id, from, want) CHILD(MOVED, id, from, B, want)
#define WANT(want) FACT(want, .type = TUN_FACT_WANT_DONE)
#define FAILED(why, want) FACT(want, .type = TUN_FACT_FAILED, .text = why)
#define HOOK(st, want) FACT(want, .type = TUN_FACT_HOOK_ENDED, .ticket = w->hook, .status = st)
#define PROBE(st, want) FACT(want, .type = TUN_FACT_PROBE, .ticket = w->probe, .status = st)
#define FOUND(index, want)                                                                                              \
	do {                                                                                                            \
		struct tun_link l_ = gre1(index);                                                                       \
		FACT(want, .type = TUN_FACT_GRE, .ticket = w->find, .link = &l_);                                       \
	} while (0)
#define FOUND_NONE(want) FACT(want, .type = TUN_FACT_GRE, .ticket = w->find, .status = -ENODEV)
#define MADE(index, want)                                                                                               \
	do {                                                                                                            \
		struct tun_link l_ = gre1(index);                                                                       \
		FACT(want, .type = TUN_FACT_GRE, .ticket = w->gre, .link = &l_);                                        \
	} while (0)
#define NOT_MADE(want) FACT(want, .type = TUN_FACT_GRE, .ticket = w->gre, .status = -EEXIST, .text = "is no GRE")
#define LINK(index, want)                                                                                               \
	do {                                                                                                            \
		struct tun_link l_ = gre1(index);                                                                       \
		FACT(want, .type = TUN_FACT_LINK, .link = &l_);                                                         \
	} while (0)
/* Time passes up to the next deadline, which is so far away. */
#define AFTER(d, want)                                                                                                  \
	do {                                                                                                            \
		assert_true(tunnels_due(w->ts) == w->now + (d));                                                        \
		w->now += (d);                                                                                          \
		tunnels_timer(w->ts, w->now, &w->acts);                                                                 \
		check(w, want, __LINE__);                                                                               \
	} while (0)
#define QUIET() assert_true(tunnels_due(w->ts) == MONO_NEVER)
#define STATE(s) assert_string_equal(tun_state_name(view(w).state), s)
#define NOTE(part) assert_non_null(strstr(w->note, part))

static struct tun_view view(struct world *w)
{
	struct tun_view v = {.why = NULL};
	assert_true(tunnels_view(w->ts, T, &v));
	return v;
}

static struct world *world(bool script, const char *native)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->mem = (struct mem){.get = get, .put = put};
	w->now = DUR_S(1000);
	w->ts = tunnels_new(&w->mem);
	assert_non_null(w->ts);
	w->conf.setup.hook_timeout = DUR_S(60);
	w->c.kind = TUNNEL_TRANSPORT;
	w->c.updown = script ? 4096 : 0;
	strcpy(w->c.gre.name, native);
	return w;
}

static void end(struct world *w)
{
	tunnels_free(w->ts);
	assert_int_equal(w->mem.in_use, 0);
	assert_int_equal(w->acts.dropped, 0);
	free(w);
}

/* The seed's tunnel: a script makes gre1. */
static struct world *script_up(void)
{
	struct world *w = world(true, "");
	CONF("");
	UP(1, "hook-up 1");
	HOOK(0, "find " B);
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	STATE("up");
	QUIET();
	return w;
}

static struct world *native_up(void)
{
	struct world *w = world(false, "gre1");
	CONF("");
	UP(1, "gre-up " B);
	MADE(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	STATE("up");
	QUIET();
	return w;
}

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
	static const struct { int status; const char *note; } cases[] = {
		{-ETIME, "ended by its time limit of 60 s"}, {-ENOENT, "could not be run"}, {3, "exit code 3"},
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
	HOOK(0, "");
	FOUND(5, "probe 10.0.0.1 via 5");
	PROBE(0, "route-up gre1");
	DOWN(1, "route-down gre1, hook-down 1");
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

static void test_guard(void **state)
{
	(void)state;
	static const struct { uint8_t guard; const char *want; } cases[] = {
		{GUARD_ON, "guard " B}, {GUARD_STRICT, "guard " B}, {GUARD_OFF, ""},
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
	assert_int_equal(w->mem.in_use > 0, 1);
	end(w);
	/* Taken out and put back under the same number while its script is brought down. */
	w = script_up();
	UP(2, "");
	FACT("route-down gre1, hook-down 2", .type = TUN_FACT_GONE);
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
	CONF(""); /* the same again */
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
}

/* Which inner address is probed. */
static void test_inner(void **state)
{
	(void)state;
	static const struct { const char *address, *probe; } cases[] = {
		{"10.0.0.1/30", "10.0.0.2"}, {"10.0.0.6/30", "10.0.0.5"}, {"10.0.0.4/30", NULL}, {"10.0.0.7/30", NULL},
		{"10.0.0.4/31", "10.0.0.5"}, {"10.0.0.5/31", "10.0.0.4"}, {"10.0.0.1/29", NULL}, {"10.0.0.1/32", NULL},
		{"fd00::1/126", "fd00::2"}, {"fd00::/127", "fd00::1"}, {"fd00::1/64", NULL}, {"fd00::1/128", NULL},
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
		w->mem = (struct mem){.get = get, .put = put};
		w->fail_at = n;
		w->failing = true;
		w->ts = tunnels_new(&w->mem);
		if (!w->ts) {
			assert_true(n <= 2);
			assert_int_equal(w->mem.in_use, 0);
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
	w->fail_at = 1;
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
		cmocka_unit_test(test_gre_fails),
		cmocka_unit_test(test_probe_late),
		cmocka_unit_test(test_link_native),
		cmocka_unit_test(test_link_script),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_shunt),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_conf_changes),
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_many_children),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
