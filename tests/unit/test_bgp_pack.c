/* Messages: how few, when they go, who shares them, in which form; and that two families on one connection do not get mixed up. */
#include "bgp_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bed {
	struct core *c;
	struct bgp_peer *feeder, *client[4];
	mono_t now;
};

static struct bed bed(uint32_t clients)
{
	struct bed b = {.c = core_new(11), .now = DUR_S(100)};
	assert_non_null(b.c);
	core_link(b.c, 1, true);
	b.feeder = core_peer(b.c);
	for (uint32_t i = 0; i < clients; i++)
		b.client[i] = core_peer(b.c);
	for (uint32_t i = 0; i <= clients; i++)
		b.c->conf[i].af[BGP_V4].rr_client = b.c->conf[i].af[BGP_V6].rr_client = true;
	return b;
}

static struct bgp_attr *set(struct bed *b, uint32_t med, const char *hop)
{
	uint8_t canon[64], origin = 0;
	struct wr w = wr_init(canon, sizeof canon);
	struct addr next_hop = core_addr(hop), none = {0};
	bgp_attr_put(&w, BGP_A_ORIGIN, &origin, 1);
	bgp_attr_put(&w, BGP_A_AS_PATH, NULL, 0);
	bgp_attr_put_u32(&w, BGP_A_MED, med);
	bgp_attr_put_u32(&w, BGP_A_LOCAL_PREF, 100);
	return attr_get(&b->c->b, SPAN(canon, w.len), &next_hop, &none, 0, 0, true);
}

static void v4(struct bed *b, uint32_t i, uint32_t med)
{
	struct bgp_attr *a = set(b, med, "10.0.1.9");
	struct prefix p = {.addr = {.family = AF_V4, .b = {20, (uint8_t)(i >> 8), (uint8_t)i}}, .len = 24};
	rib_update(&b->c->b, b->feeder, BGP_V4, &p, 0, a, b->now);
	attr_unref(&b->c->b, a);
}

static void v6(struct bed *b, uint32_t i, uint32_t med)
{
	struct bgp_attr *a = set(b, med, "fd00:1::9");
	struct prefix p = {.addr = {.family = AF_V6, .b = {0x20, 1, (uint8_t)(i >> 8), (uint8_t)i}}, .len = 32};
	rib_update(&b->c->b, b->feeder, BGP_V6, &p, 0, a, b->now);
	attr_unref(&b->c->b, a);
}

static void withdraw4(struct bed *b, uint32_t i)
{
	struct prefix p = {.addr = {.family = AF_V4, .b = {20, (uint8_t)(i >> 8), (uint8_t)i}}, .len = 24};
	rib_withdraw(&b->c->b, b->feeder, BGP_V4, &p, 0, b->now);
}

struct got {
	unsigned updates, reach, withdrawn, eor, refreshes;
	size_t octets;
	struct addr hop;
	bool first;              /* 20.0.0.0/24 was announced, and not withdrawn behind that */
};

static bool has_first(struct bgp_nlri run)
{
	const struct prefix first = {.addr = {.family = AF_V4, .b = {20}}, .len = 24};
	struct prefix p;
	uint32_t id;
	while (bgp_nlri_next(&run, &p, &id)) {
		if (p.len == 24 && addr_eq(&p.addr, &first.addr))
			return true;
	}
	return false;
}

/* Reads all that a member has to send, a few runs and octets at a time. */
static struct got read_all(struct bed *b, struct bgp_peer *p, size_t at_once)
{
	static uint8_t stream[1 << 20];
	static struct bgp_update u;
	struct got g = {0};
	struct bgp_frame f;
	struct bgp_error e;
	struct span run[5];
	size_t n, len = 0, at = 0;
	while ((n = adj_output(&b->c->b, p, run, ARRAY_LEN(run))) > 0) {
		size_t sent = 0;
		for (size_t i = 0; i < n && sent < at_once; i++) {
			size_t part = min_z(run[i].n, at_once - sent);
			assert_true(len + part <= sizeof stream);
			memcpy(stream + len, run[i].p, part);
			len += part;
			sent += part;
		}
		assert_int_equal(adj_sent(&b->c->b, p, sent), 0);
	}
	assert_false(adj_pending(p));
	assert_int_equal(adj_sent(&b->c->b, p, 7), 7); /* not its business */
	while (at < len) {
		assert_int_equal(bgp_frame(span_behind(SPAN(stream, len), at), p->coding.max, &f, &e), 1);
		at += f.len;
		g.refreshes += f.type == BGP_REFRESH;
		if (f.type != BGP_UPDATE)
			continue;
		bgp_update_decode(f.body, &p->coding, &u);
		assert_int_equal(u.verdict, BGP_V_OK);
		g.eor += u.eor >= 0;
		g.updates += u.eor < 0;
		for (int i = 0; i < 2; i++) {
			size_t reach = bgp_nlri_count(u.reach[i]);
			g.reach += (unsigned)reach;
			g.withdrawn += (unsigned)bgp_nlri_count(u.withdrawn[i]);
			if (reach)
				g.hop = u.next_hop[i];
			g.first = (g.first && !has_first(u.withdrawn[i])) || has_first(u.reach[i]);
		}
	}
	g.octets = len;
	return g;
}

static void flush(struct bed *b) { adj_flush(&b->c->b, b->now); }

static void join(struct bed *b, struct bgp_peer *p, uint8_t af) { adj_join(&b->c->b, p, af, b->now); }

static void done(struct bed *b) { assert_int_equal(core_free(b->c), 0); }

/* Sets that come prefix by prefix, in turn, are packed as if they had come one by one. */
static void test_few(void **state)
{
	(void)state;
	struct bed b = bed(3);
	for (int i = 0; i < 3; i++)
		join(&b, b.client[i], BGP_V4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_all(&b, b.client[i], SIZE_MAX).eor, 1);
	for (uint32_t i = 0; i < 20000; i++)
		v4(&b, i, i % 5);
	flush(&b);
	struct got g = read_all(&b, b.client[0], SIZE_MAX);
	size_t room = (BGP_MSG_MAX - 23 - 4 - 3 - 7 - 7 - 7 - 7 - 7) / 4;
	assert_int_equal(g.updates, 5 * ((4000 + room - 1) / room));
	assert_int_equal(g.reach, 20000);
	for (int i = 1; i < 3; i++) {
		struct got h = read_all(&b, b.client[i], 1000);
		assert_int_equal(h.updates, g.updates);
		assert_int_equal(h.octets, g.octets);
	}
	for (uint32_t i = 0; i < 20000; i++)
		withdraw4(&b, i);
	flush(&b);
	g = read_all(&b, b.client[0], SIZE_MAX);
	assert_int_equal(g.withdrawn, 20000);
	assert_int_equal(g.updates, (20000 + (BGP_MSG_MAX - 23) / 4 - 1) / ((BGP_MSG_MAX - 23) / 4));
	assert_int_equal(b.c->b.table[BGP_V4].n_dests, 0);
	/* A larger message where both ends can: fewer. */
	adj_leave(&b.c->b, b.client[0], BGP_V4);
	b.client[0]->coding.max = BGP_MSG_EXT_MAX;
	join(&b, b.client[0], BGP_V4);
	for (uint32_t i = 0; i < 20000; i++)
		v4(&b, i, i % 5);
	flush(&b);
	assert_int_equal(read_all(&b, b.client[0], 5000).updates, 5);
	done(&b);
}

/* One route goes at once; a burst is held while it lasts, not longer than its bound; what comes back to what it was is not said. */
static void test_when(void **state)
{
	(void)state;
	struct bed b = bed(1);
	struct bgp *e = &b.c->b;
	join(&b, b.client[0], BGP_V4);
	(void)read_all(&b, b.client[0], SIZE_MAX);
	assert_true(adj_due(e) == MONO_NEVER);
	b.now += DUR_S(1);
	v4(&b, 1, 1);
	assert_true(adj_due(e) <= b.now);
	adj_tick(e, b.now);
	assert_int_equal(read_all(&b, b.client[0], SIZE_MAX).reach, 1);
	assert_true(adj_due(e) == MONO_NEVER);
	/* Many: at the first pause of half a millisecond. */
	b.now += DUR_S(1);
	for (uint32_t i = 0; i < 1000; i++)
		v4(&b, i, 2);
	assert_true(adj_due(e) > b.now && adj_due(e) <= b.now + DUR_MS(1));
	assert_true(adj_rest(e) == MONO_NEVER);
	adj_tick(e, b.now);
	assert_int_equal(read_all(&b, b.client[0], SIZE_MAX).updates, 0);
	b.now += DUR_MS(1); /* the first look sees changes that it has not seen: the time may have gone into work */
	adj_tick(e, b.now);
	assert_int_equal(read_all(&b, b.client[0], SIZE_MAX).updates, 0);
	b.now = adj_due(e);
	adj_tick(e, b.now);
	struct got g = read_all(&b, b.client[0], SIZE_MAX);
	assert_int_equal(g.updates, 1);
	assert_int_equal(g.reach, 1000);
	assert_true(adj_rest(e) > b.now && adj_rest(e) < b.now + DUR_MS(20)); /* who reads it comes first */
	/* Without a pause: within its bound, which is some tens of milliseconds for this many. */
	mono_t begin = b.now += DUR_S(1);
	unsigned updates = 0;
	for (uint32_t i = 0; updates == 0 && i < 100000; i++, b.now += DUR_NS(100000)) {
		v4(&b, i % 5000, 3 + i / 5000);
		adj_tick(e, b.now);
		unsigned now = read_all(&b, b.client[0], SIZE_MAX).updates;
		updates += i ? now : 0; /* the first of them was alone */
	}
	assert_true(b.now - begin > DUR_MS(10) && b.now - begin < DUR_MS(30));
	b.now += DUR_S(1);
	flush(&b);
	(void)read_all(&b, b.client[0], SIZE_MAX);
	b.now += DUR_S(1);
	v4(&b, 7, 99);
	flush(&b);
	(void)read_all(&b, b.client[0], SIZE_MAX);
	b.now += DUR_S(1);
	v4(&b, 7, 98);
	withdraw4(&b, 7);
	v4(&b, 7, 99);
	adj_tick(e, b.now);
	assert_int_equal(read_all(&b, b.client[0], SIZE_MAX).updates, 0);
	done(&b);
}

/* Late ones get the table at once, sorted, and share it; then the marker; then what the others get. */
static void test_late(void **state)
{
	(void)state;
	struct bed b = bed(4);
	join(&b, b.client[0], BGP_V4);
	for (uint32_t i = 0; i < 10000; i++)
		v4(&b, i, i % 10);
	flush(&b);
	(void)read_all(&b, b.client[0], SIZE_MAX);
	join(&b, b.client[1], BGP_V4);
	size_t one = b.c->mem.in_use;
	join(&b, b.client[2], BGP_V4);
	join(&b, b.client[3], BGP_V4);
	assert_true(b.c->mem.in_use - one < 4096); /* not another table */
	v4(&b, 1, 77);
	withdraw4(&b, 2);
	flush(&b);
	for (int i = 1; i < 4; i++) {
		struct got g = read_all(&b, b.client[i], 3000);
		assert_int_equal(g.reach, 10001);
		assert_int_equal(g.withdrawn, 1);
		assert_int_equal(g.eor, 1);
		assert_int_equal(g.updates, 10 + 2);
		assert_int_equal(b.client[i]->af[BGP_V4].sent, 9999);
		assert_true(b.client[i]->af[BGP_V4].eor_out);
	}
	assert_int_equal(read_all(&b, b.client[0], SIZE_MAX).updates, 2);
	/* Route refresh, plain and enhanced (RFC 2918, 7313): behind what was under way. */
	v4(&b, 3, 78);
	flush(&b);
	adj_resend(&b.c->b, b.client[0], BGP_V4, true, b.now);
	struct got g = read_all(&b, b.client[0], 100);
	assert_int_equal(g.reach, 1 + 9999);
	assert_int_equal(g.refreshes, 2);
	assert_int_equal(g.eor, 0);
	/* The feeder itself: nothing of its own. */
	join(&b, b.feeder, BGP_V4);
	g = read_all(&b, b.feeder, SIZE_MAX);
	assert_int_equal(g.reach + g.withdrawn, 0);
	assert_int_equal(g.eor, 1);
	assert_int_equal(b.feeder->af[BGP_V4].sent, 0);
	done(&b);
}

/* A route that is withdrawn and comes again in one burst, its message being full before that with the withdrawal is. */
static void test_order(void **state)
{
	(void)state;
	struct bed b = bed(1);
	join(&b, b.client[0], BGP_V4);
	v4(&b, 0, 1);
	flush(&b);
	assert_true(read_all(&b, b.client[0], SIZE_MAX).first);
	for (uint32_t i = 5000; i < 5100; i++) /* a burst has begun */
		v4(&b, i, 2);
	withdraw4(&b, 0);
	assert_int_equal(b.c->b.table[BGP_V4].n_dests, 100); /* its number is free */
	v4(&b, 6000, 1);
	v4(&b, 0, 1);
	for (uint32_t i = 1; i < 2000; i++)
		v4(&b, i, 1);
	flush(&b);
	assert_true(read_all(&b, b.client[0], SIZE_MAX).first);
	/* And the other way round. */
	for (uint32_t i = 5000; i < 5100; i++)
		v4(&b, i, 3);
	v4(&b, 0, 4);
	withdraw4(&b, 0);
	for (uint32_t i = 1; i < 2000; i++)
		v4(&b, i, 4);
	flush(&b);
	assert_false(read_all(&b, b.client[0], SIZE_MAX).first);
	done(&b);
}

/* Both families at once, cut anywhere: messages stay whole. */
static void test_two_families(void **state)
{
	(void)state;
	for (size_t at_once = 1; at_once < 200; at_once += 7) {
		struct bed b = bed(2);
		b.client[1]->local = core_addr("fd00:1::1");
		for (int i = 0; i < 2; i++) {
			join(&b, b.client[i], BGP_V4);
			join(&b, b.client[i], BGP_V6);
		}
		for (uint32_t i = 0; i < 300; i++) {
			v6(&b, i, i % 2);
			v4(&b, i, i % 3);
		}
		flush(&b);
		struct got g = read_all(&b, b.client[0], at_once);
		assert_int_equal(g.eor, 2);
		assert_int_equal(g.reach, 600);
		assert_int_equal(g.updates, 5);
		struct addr hop = core_addr("fd00:1::9");
		assert_true(addr_eq(&g.hop, &hop));
		assert_int_equal(b.client[0]->af[BGP_V6].sent, 300);
		done(&b);
	}
}

/* Our own address as next hop: one message, other octets in it for each member; mapped or none where the families differ. */
static void test_self(void **state)
{
	(void)state;
	struct bed b = bed(4);
	for (int i = 1; i <= 4; i++)
		b.c->conf[i].af[BGP_V4].next_hop_self_force = b.c->conf[i].af[BGP_V6].next_hop_self_force = true;
	b.client[2]->local = core_addr("fd00:1::1"); /* no RFC 8950: IPv4 routes have no next hop there */
	b.client[3]->local = core_addr("fd00:1::2");
	b.client[3]->coding.ext_nexthop = true;
	for (int i = 0; i < 4; i++)
		join(&b, b.client[i], BGP_V4);
	v4(&b, 1, 1);
	flush(&b);
	struct got g[4];
	for (int i = 0; i < 4; i++) {
		g[i] = read_all(&b, b.client[i], 9);
		assert_int_equal(g[i].reach, i != 2);
		if (i != 2)
			assert_true(addr_eq(&g[i].hop, &b.client[i]->local));
	}
	assert_ptr_equal(b.client[0]->af[BGP_V4].group, b.client[1]->af[BGP_V4].group);
	assert_ptr_not_equal(b.client[0]->af[BGP_V4].group, b.client[3]->af[BGP_V4].group);
	for (int i = 0; i < 4; i++) {
		adj_leave(&b.c->b, b.client[i], BGP_V4);
		join(&b, b.client[i], BGP_V6);
	}
	v6(&b, 1, 1);
	flush(&b);
	struct addr mapped = core_addr("::ffff:10.9.1.2");
	g[0] = read_all(&b, b.client[0], 9);
	assert_true(addr_eq(&g[0].hop, &mapped));
	g[2] = read_all(&b, b.client[2], 9);
	assert_true(addr_eq(&g[2].hop, &b.client[2]->local));
	done(&b);
}

/* One route among many peers does not wait for them, and a peer that goes leaves nothing behind. */
static void test_leave(void **state)
{
	(void)state;
	struct bed b = bed(4);
	size_t before = b.c->mem.in_use;
	for (int i = 0; i < 4; i++)
		join(&b, b.client[i], BGP_V4);
	for (uint32_t i = 0; i < 3000; i++)
		v4(&b, i, i % 10);
	flush(&b);
	(void)read_all(&b, b.client[0], SIZE_MAX);
	struct span run[4];
	size_t n = adj_output(&b.c->b, b.client[1], run, 4);
	assert_true(n > 0);
	assert_int_equal(adj_sent(&b.c->b, b.client[1], 10), 0); /* half a message */
	for (int i = 3; i >= 0; i--)
		adj_leave(&b.c->b, b.client[i], BGP_V4);
	for (uint32_t i = 0; i < 3000; i++)
		withdraw4(&b, i);
	flush(&b);
	assert_int_equal(b.c->b.table[BGP_V4].n_dests, 0);
	assert_int_equal(attr_count(&b.c->b), 1); /* of the last UPDATE, until another comes */
	assert_true(b.c->mem.in_use - before < 300000);
	done(&b);
}

/* Who reads is not let off, however much there was; who does not is, and half a message stays whole. */
static void test_let_off(void **state)
{
	(void)state;
	struct bed b = bed(2);
	b.c->b.adj->slow_octets = 20000;
	join(&b, b.client[0], BGP_V4);
	join(&b, b.client[1], BGP_V4);
	(void)read_all(&b, b.client[1], SIZE_MAX);
	for (uint32_t i = 0; i < 40000; i++) {
		v4(&b, i, 1);
		if (i % 2000 == 1999) {
			struct span run[2];
			flush(&b);
			assert_false(b.client[0]->af[BGP_V4].member->slow);
			while (adj_output(&b.c->b, b.client[0], run, 2) == 2) /* always a message behind */
				assert_int_equal(adj_sent(&b.c->b, b.client[0], run[0].n), 0);
			if (i == 1999) {
				assert_int_equal(adj_output(&b.c->b, b.client[1], run, 2), 2);
				assert_int_equal(adj_sent(&b.c->b, b.client[1], 100), 0);
			}
		}
	}
	assert_true(b.client[1]->af[BGP_V4].member->slow);
	struct span run[2];
	assert_int_equal(adj_output(&b.c->b, b.client[1], run, 1), 1);
	assert_true(run[0].n > 3900 && run[0].n <= BGP_MSG_MAX - 100); /* the rest of that message */
	assert_int_equal(adj_sent(&b.c->b, b.client[1], run[0].n), 0);
	struct got g = read_all(&b, b.client[1], 3000);
	assert_true(g.reach > 38000 && g.reach <= 40000);
	assert_false(b.client[1]->af[BGP_V4].member->slow);
	v4(&b, 1, 2);
	flush(&b);
	assert_int_equal(read_all(&b, b.client[1], SIZE_MAX).reach, 1);
	done(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_few),
	cmocka_unit_test(test_when),
	cmocka_unit_test(test_late),
	cmocka_unit_test(test_order),
	cmocka_unit_test(test_two_families),
	cmocka_unit_test(test_self),
	cmocka_unit_test(test_leave),
	cmocka_unit_test(test_let_off),
};

int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
