/* For the tests of tunnel/: one tunnel on virtual time. A scenario is a list of facts, each with the actions that must
 * follow, in order and no others; notes are looked at only where a scenario names them. */
#ifndef TESTS_TUNNEL_WORLD_H
#define TESTS_TUNNEL_WORLD_H

#include "tunnel/tunnel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes.h"

#define USED_OR_NOT __attribute__((unused))

enum { T = 7 }; /* the tunnel's number */

struct world {
	struct fakes own;
	struct tunnels *ts;
	mono_t now;
	struct tun_acts acts;
	struct conf conf;
	struct tunnel_conf c;
	uint32_t gre, find, probe, hook; /* last tickets */
	char got[1024], note[256];
	struct tun_child told, routed; /* what the last hook and the last route were told */
	bool failing;                  /* allocations fail: actions are not looked at */
};

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
		w->routed = a->child;
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
	struct tun_child c = {
		.child_id = id, .ike_id = id, .reqid = 1, .local.port = 4500, .remote.port = 4500, .encap = true};
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
#define CHILD(what, id, from, to, want)                                                                                \
	do {                                                                                                           \
		struct tun_child c_ = child(id, from, to);                                                             \
		FACT(want, .type = TUN_FACT_CHILD_##what, .child = &c_);                                               \
	} while (0)
#define UP(id, want) CHILD(UP, id, A, B, want)
#define DOWN(id, want) CHILD(DOWN, id, A, B, want)
#define MOVED(id, from, want) CHILD(MOVED, id, from, B, want)
#define WANT(want) FACT(want, .type = TUN_FACT_WANT_DONE)
#define FAILED(why, want) FACT(want, .type = TUN_FACT_FAILED, .text = why)
#define HOOK(st, want) FACT(want, .type = TUN_FACT_HOOK_ENDED, .ticket = w->hook, .status = st)
#define PROBE(st, want) FACT(want, .type = TUN_FACT_PROBE, .ticket = w->probe, .status = st)
#define FOUND(index, want)                                                                                             \
	do {                                                                                                           \
		struct tun_link l_ = gre1(index);                                                                      \
		FACT(want, .type = TUN_FACT_GRE, .ticket = w->find, .link = &l_);                                      \
	} while (0)
#define FOUND_NONE(want) FACT(want, .type = TUN_FACT_GRE, .ticket = w->find, .status = -ENODEV)
#define MADE(index, want)                                                                                              \
	do {                                                                                                           \
		struct tun_link l_ = gre1(index);                                                                      \
		FACT(want, .type = TUN_FACT_GRE, .ticket = w->gre, .link = &l_);                                       \
	} while (0)
#define NOT_MADE(want) FACT(want, .type = TUN_FACT_GRE, .ticket = w->gre, .status = -EEXIST, .text = "is no GRE")
#define LINK(index, want)                                                                                              \
	do {                                                                                                           \
		struct tun_link l_ = gre1(index);                                                                      \
		FACT(want, .type = TUN_FACT_LINK, .link = &l_);                                                        \
	} while (0)
/* Time passes up to the next deadline, which is so far away. */
#define AFTER(d, want)                                                                                                 \
	do {                                                                                                           \
		assert_true(tunnels_due(w->ts) == w->now + (d));                                                       \
		w->now += (d);                                                                                         \
		tunnels_timer(w->ts, w->now, &w->acts);                                                                \
		check(w, want, __LINE__);                                                                              \
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
	w->own = fakes_new(0);
	w->now = DUR_S(1000);
	w->ts = tunnels_new(&w->own.mem);
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
	assert_int_equal(w->own.mem.in_use, 0);
	assert_int_equal(w->acts.dropped, 0);
	free(w);
}

/* The seed's tunnel: a script makes gre1. */
USED_OR_NOT static struct world *script_up(void)
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

USED_OR_NOT static struct world *native_up(void)
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

#endif
