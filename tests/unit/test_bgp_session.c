/* Sessions of bgp/: beginning, collision of two connections in every order, timers, each way to end, limits. */
#include "bgp_hand.h"

#define SYNC() hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED})

static struct bgp_open theirs(void) { return hand_open_of(65000, 0x0a000002); }

static struct hand *begun(void)
{
	struct hand *h = hand_new();
	assert_int_equal(hand_apply(h), 0);
	SYNC();
	IS("fib-conf, listen, connect 1");
	return h;
}

static void test_up(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	assert_int_equal(hand_apply(h), 0);
	IS("fib-conf, listen"); /* nothing before the kernel is known */
	STATE("Idle");
	SYNC();
	IS("connect 1");
	STATE("Connect");
	assert_int_equal(h->call.port, 179);
	assert_int_equal(h->call.ttl, 255);
	assert_int_equal(h->call.min_ttl, 0);
	assert_true(addr_eq(&h->call.local, &h->local));
	assert_int_equal(h->call.peer, 0);
	struct bgp_open o = theirs();
	hand_connected(h, 1);
	IS("1:open");
	STATE("OpenSent");
	assert_int_equal(h->open.as, 65000);
	assert_int_equal(h->open.id, 0x0a000001);
	assert_int_equal(h->open.hold_s, 180);
	const struct bgp_caps *c = &h->open.caps;
	assert_true(c->mp[BGP_V4] && !c->mp[BGP_V6] && c->refresh && c->enhanced_refresh && c->ext_message && c->as4 && c->gr &&
	            c->gr_notification && !c->gr_af[BGP_V4] && !c->gr_restarted && !c->llgr);
	hand_open(h, 1, &o);
	IS("1:keepalive");
	STATE("OpenConfirm");
	hand_keepalive(h, 1);
	IS("join v4");
	STATE("Established");
	NOTED("neighbor 10.0.0.2: Up");
	struct bgp_peer *p = hand_p(h);
	assert_int_equal(p->router_id, 0x0a000002);
	assert_int_equal(p->as, 65000);
	assert_int_equal(p->ifindex, 5);
	assert_int_equal(p->coding.max, 4096);
	assert_true(p->coding.as4 && p->coding.mp[BGP_V4] && !p->coding.mp[BGP_V6] && !p->coding.external);
	hand_update(h, 1, "192.0.2.0/24");
	IS("update 192.0.2.0/24");
	hand_withdraw(h, 1, "192.0.2.0/24");
	IS("withdraw 192.0.2.0/24");
	hand_free(h);
}

static void test_parameters(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct conf_bgp_peer *c = &h->c->peer[0];
	c->gtsm_hops = 1;
	c->password = true;
	c->port = 1179;
	c->hold = DUR_S(30);
	c->interface = hand_text(h, "gre1");
	assert_true(addr_parse("10.0.0.9", &c->update_source));
	c->extended_nexthop = true;
	c->af[BGP_V6].active = true;
	c->af[BGP_V4].addpath_tx = 1;
	h->c->bgp.as = 4200000000;
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen, connect 1");
	assert_int_equal(h->call.ttl, 255);
	assert_int_equal(h->call.min_ttl, 255);
	assert_int_equal(h->call.port, 1179);
	assert_int_equal(h->call.ifindex, 5);
	assert_true(h->call.md5);
	assert_int_equal(h->call.local.b[3], 9);
	hand_connected(h, 1);
	IS("1:open");
	assert_int_equal(h->open.as, 4200000000);
	assert_int_equal(h->open.as2, 23456);
	assert_int_equal(h->open.hold_s, 30);
	h->c->peer[0].update_source.family = AF_NONE;
	h->c->peer[0].update_source_if = hand_text(h, "gre1");
	hand_apply(h);
	assert_int_equal(h->call.local.b[3], 77);
	h->got = SB(h->log);
	assert_true(h->open.caps.mp[BGP_V6] && h->open.caps.ext_nexthop);
	assert_int_equal(h->open.caps.addpath[BGP_V4], BGP_ADDPATH_RX | BGP_ADDPATH_TX);
	hand_free(h);
}

/* --- the peer's OPEN is not what it should be --- */

static void refused(const struct bgp_open *o, void (*change)(struct conf_bgp_peer *c), const char *expected)
{
	struct hand *h = hand_new();
	if (change)
		change(&h->c->peer[0]);
	hand_apply(h);
	SYNC();
	hand_connected(h, 1);
	h->got = SB(h->log);
	hand_open(h, 1, o);
	IS(expected);
	STATE(strstr(expected, "close") ? "Idle" : "OpenConfirm");
	hand_free(h);
}

static void strict(struct conf_bgp_peer *c) { c->strict_capability = true; }
static void override(struct conf_bgp_peer *c) { c->override_capability = true; }
static void another_as(struct conf_bgp_peer *c) { c->remote_as = 65009; c->ttl = 5; }
static void any_external(struct conf_bgp_peer *c) { c->external = true; c->ttl = 5; }

static void test_open_refused(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	o.as = o.as2 = 65001;
	o.caps.as = 65001;
	refused(&o, NULL, "1:notification 2/2, close 1");
	refused(&o, another_as, "1:notification 2/2, close 1");
	refused(&o, any_external, "1:keepalive");
	o = theirs();
	refused(&o, any_external, "1:notification 2/2, close 1");
	o.id = 0x0a000001; /* ours */
	refused(&o, NULL, "1:notification 2/3, close 1");
	o = theirs();
	o.id = 0;
	refused(&o, NULL, "1:notification 2/3, close 1");
	o = theirs();
	o.hold_s = 2;
	refused(&o, NULL, "1:notification 2/6, close 1");
	o.hold_s = 3;
	refused(&o, NULL, "1:keepalive");
	o.hold_s = 0;
	refused(&o, NULL, "1:keepalive");
	o = theirs();
	o.version = 3;
	refused(&o, NULL, "1:notification 2/1, close 1");
	o = theirs();
	o.caps.mp[BGP_V4] = false;
	o.caps.mp[BGP_V6] = true;
	refused(&o, NULL, "1:notification 2/7, close 1");
	refused(&o, override, "1:keepalive");
	o = theirs();
	o.caps.refresh = false;
	refused(&o, NULL, "1:keepalive");
	refused(&o, strict, "1:notification 2/7, close 1");
	/* A speaker without any capability is one of IPv4 unicast. */
	o = theirs();
	o.caps = (struct bgp_caps){0};
	refused(&o, NULL, "1:keepalive");
}

static void test_refused_capabilities(void **state)
{
	(void)state;
	struct hand *h = begun();
	hand_connected(h, 1);
	assert_true(h->open.caps.any);
	IS("1:open");
	hand_notify(h, 1, 2, 4, false);
	IS("close 1");
	hand_pass(h, DUR_S(1));
	IS("connect 2");
	hand_connected(h, 2);
	IS("2:open");
	assert_false(h->open.caps.any);
	hand_free(h);
}

/* --- connections --- */

static void test_retry(void **state)
{
	(void)state;
	struct hand *h = begun();
	dur_t last = 0;
	hand_closed(h, 1, -ECONNREFUSED);
	IS("");
	STATE("Active");
	/* Longer pauses, up to the configured 30 s, each between three quarters and the whole of it. */
	for (unsigned i = 0; i < 8; i++) {
		dur_t d = hand_next(h), full = i < 5 ? DUR_S(1) << i : DUR_S(30);
		assert_true(d <= full && d >= full * 3 / 4 && (d > last || i > 5));
		last = d;
		hand_pass(h, d);
		char expected[32];
		snprintf(expected, sizeof expected, "connect %u", i + 2);
		IS(expected);
		STATE("Connect");
		hand_closed(h, i + 2, -ECONNREFUSED);
	}
	/* Nobody says that it failed: the connection is given up and tried anew. */
	hand_pass(h, DUR_S(30));
	IS("converged, connect 10");
	hand_pass(h, DUR_S(31));
	IS("close 10, connect 11");
	hand_free(h);
}

static void test_passive(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct bgp_open o = theirs();
	h->c->peer[0].passive = true;
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen");
	STATE("Active");
	hand_pass(h, DUR_S(1000));
	IS("converged"); /* it waits no longer for this peer with what an earlier life left in the kernel */
	hand_accept(h, IN1, "10.0.0.2");
	IS("in1:open");
	hand_open(h, IN1, &o);
	IS("in1:keepalive");
	hand_keepalive(h, IN1);
	IS("join v4");
	hand_closed(h, IN1, -ECONNRESET);
	IS("leave v4, purge v4 all");
	NOTED("Down Connection reset by peer");
	hand_pass(h, DUR_S(2));
	STATE("Active");
	hand_free(h);
}

static void test_delay_open(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct bgp_open o = theirs();
	h->c->peer[0].delay_open = DUR_S(5);
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen, connect 1");
	hand_connected(h, 1);
	IS("");
	STATE("Connect");
	hand_pass(h, DUR_MS(4900));
	IS("");
	hand_pass(h, DUR_MS(100));
	IS("1:open");
	STATE("OpenSent");
	hand_open(h, 1, &o);
	IS("1:keepalive");
	hand_closed(h, 1, 0);
	h->got = SB(h->log);
	hand_pass(h, DUR_S(1));
	IS("connect 2");
	hand_connected(h, 2);
	hand_open(h, 2, &o); /* the peer was first */
	IS("2:open, 2:keepalive");
	STATE("OpenConfirm");
	hand_free(h);
}

static void test_strangers(void **state)
{
	(void)state;
	struct hand *h = begun();
	hand_accept(h, IN1, "10.9.9.9");
	IS("close in1");
	hand_octets(h, 77, "x", 1);
	hand_closed(h, 77, 0);
	IS("");
	h->c->peer[0].shutdown = true;
	hand_apply(h);
	IS("converged, close 1, listen");
	STATE("Idle");
	hand_accept(h, IN2, "10.0.0.2");
	IS("close in2");
	hand_free(h);
}

/* --- collision (RFC 4271 6.8): whoever has the higher identifier, its connection stays --- */

static void collision(uint32_t id, const char *order, const char *expected, uint32_t stays)
{
	struct hand *h = begun();
	struct bgp_open o = hand_open_of(65000, id);
	for (const char *c = order; *c; c++) {
		switch (*c) {
		case 'c': hand_connected(h, 1); break;
		case 'a': hand_accept(h, IN1, "10.0.0.2"); break;
		case 'O': hand_open(h, 1, &o); break;
		case 'o': hand_open(h, IN1, &o); break;
		case 'K': hand_keepalive(h, 1); break;
		default: hand_keepalive(h, IN1); break;
		}
	}
	IS(expected);
	struct bgp_session *s = hand_p(h)->session;
	assert_true(stays & BGP_CONN_IN ? !s->fsm[0].conn && s->fsm[1].conn->id == stays : !s->fsm[1].conn && s->fsm[0].conn->id == stays);
	if (hand_p(h)->state == BGP_OPEN_SENT)
		hand_open(h, stays, &o);
	hand_keepalive(h, stays);
	STATE("Established");
	hand_free(h);
}

static void test_collision(void **state)
{
	(void)state;
	enum { LOW = 0x0a000000, HIGH = 0x0a000002 };
	/* Both connections up before an OPEN came: the first one decides, as the peer's identifier is known then. */
	collision(LOW, "caO", "1:open, in1:open, in1:notification 6/7, close in1, 1:keepalive", 1);
	collision(LOW, "cao", "1:open, in1:open, in1:notification 6/7, close in1", 1);
	collision(HIGH, "cao", "1:open, in1:open, 1:notification 6/7, close 1, in1:keepalive", IN1);
	collision(HIGH, "caO", "1:open, in1:open, 1:notification 6/7, close 1", IN1);
	collision(LOW, "acO", "in1:open, 1:open, in1:notification 6/7, close in1, 1:keepalive", 1);
	collision(HIGH, "aco", "in1:open, 1:open, 1:notification 6/7, close 1, in1:keepalive", IN1);
	/* One has its OPEN when the other comes up: the identifier says at once that the new one is in vain. */
	collision(LOW, "cOa", "1:open, 1:keepalive, close in1", 1);
	collision(HIGH, "aoc", "in1:open, in1:keepalive, close 1", IN1);
	/* Or that it will win: it does with its OPEN. */
	collision(HIGH, "cOao", "1:open, 1:keepalive, in1:open, 1:notification 6/7, close 1, in1:keepalive", IN1);
	collision(LOW, "aocO", "in1:open, in1:keepalive, 1:open, in1:notification 6/7, close in1, 1:keepalive", 1);
	/* The other is established: the new one goes, whatever the identifiers. */
	collision(HIGH, "cOaK", "1:open, 1:keepalive, in1:open, join v4, in1:notification 6/7, close in1", 1);
	collision(LOW, "aock", "in1:open, in1:keepalive, 1:open, join v4, 1:notification 6/7, close 1", IN1);
}

/* Ours is still being opened when the peer's is established: it is not needed any more. */
static void test_call_in_vain(void **state)
{
	(void)state;
	struct hand *h = begun();
	struct bgp_open o = theirs();
	hand_accept(h, IN1, "10.0.0.2");
	hand_open(h, IN1, &o);
	IS("in1:open, in1:keepalive");
	hand_keepalive(h, IN1);
	IS("join v4, close 1");
	STATE("Established");
	hand_eor(h, IN1, BGP_V4);
	IS("converged");
	hand_pass(h, DUR_S(30));
	IS("in1:keepalive");
	hand_free(h);
}

/* The peer calls again although the session is up. */
static void test_second_call(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_accept(h, IN1, "10.0.0.2");
	IS("1:keepalive, close in1"); /* its system would answer with a reset if the peer had begun anew */
	STATE("Established");
	hand_free(h);
	h = begun();
	struct bgp_open o = theirs();
	hand_accept(h, IN1, "10.0.0.2");
	IS("in1:open");
	hand_accept(h, IN2, "10.0.0.2");
	IS("in1:notification 6/7, close in1, in2:open");
	hand_open(h, IN2, &o);
	hand_keepalive(h, IN2);
	STATE("Established");
	hand_free(h);
}

/* --- timers --- */

static void test_hold(void **state)
{
	(void)state;
	struct hand *h = hand_up(); /* the peer said 90 s */
	hand_pass(h, DUR_MS(89900));
	assert_true(strstr(h->log, "1:keepalive") != NULL && strstr(h->log, "notification") == NULL);
	h->got = SB(h->log);
	hand_keepalive(h, 1);
	hand_pass(h, DUR_MS(89900));
	h->got = SB(h->log);
	STATE("Established");
	hand_pass(h, DUR_MS(100));
	IS("leave v4, purge v4 all, 1:notification 4/0, close 1");
	NOTED("Down BGP Notification sent: Hold Timer Expired");
	STATE("Idle");
	hand_free(h);
}

/* Three keepalives in a hold time, never faster than once in 22.5 s here. */
static void test_keepalives(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	unsigned n = 0;
	for (unsigned i = 0; i < 60; i++) {
		hand_keepalive(h, 1);
		hand_pass(h, DUR_S(5));
		for (const char *p = h->log; (p = strstr(p, "1:keepalive")) != NULL; p++)
			n++;
		h->got = SB(h->log);
	}
	assert_in_range(n, 10, 13);
	hand_free(h);
}

static void test_hold_off(void **state)
{
	(void)state;
	struct hand *h = begun();
	struct bgp_open o = theirs();
	o.hold_s = 0;
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	STATE("Established");
	h->got = SB(h->log);
	hand_pass(h, DUR_S(86400));
	IS("converged");
	STATE("Established");
	assert_int_equal(hand_next(h), -1);
	hand_free(h);
}

static void test_open_hold(void **state)
{
	(void)state;
	struct hand *h = begun();
	hand_connected(h, 1);
	IS("1:open");
	hand_pass(h, DUR_MS(239900));
	IS("converged");
	hand_pass(h, DUR_MS(100));
	IS("1:notification 4/0, close 1");
	hand_free(h);
}

/* RFC 9687: a peer that does not read. */
static void test_send_hold(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	struct bgp_peer *p = hand_p(h);
	bgp_eor_encode(&h->adj, BGP_V4);
	p->af[0].pos = (struct bgp_chunk *)p; /* pending */
	h->blocked = true;
	h->b->acts = &h->acts;
	h->b->now = h->now;
	session_output(h->b, p);
	h->b->acts = NULL;
	for (unsigned i = 0; i < 95; i++) {
		hand_pass(h, DUR_S(5));
		hand_keepalive(h, 1);
	}
	STATE("Established");
	hand_pass(h, DUR_S(5));
	STATE("Idle");
	NOTED("SendHoldTimer");
	IS("leave v4, purge v4 all, close 1");
	hand_free(h);
}

/* --- ends --- */

static void test_notifications(void **state)
{
	(void)state;
	for (uint8_t code = 1; code <= 8; code++) {
		struct hand *h = hand_up();
		hand_notify(h, 1, code, 1, false);
		IS("leave v4, purge v4 all, close 1");
		NOTED("Down BGP Notification received");
		STATE("Idle");
		/* Soon again, later with each failure in a row. */
		assert_true(hand_next(h) <= DUR_MS(100));
		hand_pass(h, hand_next(h));
		IS("connect 2");
		hand_closed(h, 2, -ECONNREFUSED);
		hand_free(h);
	}
}

static void test_back_off(void **state)
{
	(void)state;
	struct hand *h = begun();
	struct bgp_open o = hand_open_of(65001, 0x0a000002);
	dur_t all = 0;
	for (uint32_t i = 1; i < 14; i++) {
		hand_connected(h, i);
		hand_open(h, i, &o);
		STATE("Idle");
		assert_true(i > 1 || hand_next(h) <= DUR_MS(100));
		while (hand_p(h)->state == BGP_IDLE) {
			all += hand_next(h);
			hand_pass(h, hand_next(h));
		}
	}
	assert_true(all > DUR_S(120) && all < DUR_S(300));
	/* Notes of it are few. */
	unsigned notes = 0;
	for (const char *p = h->notes; (p = strchr(p, '\n')) != NULL; p++)
		notes++;
	assert_in_range(notes, 8, 14);
	hand_free(h);
}

static void test_garbage(void **state)
{
	(void)state;
	static const struct { const char *octets; size_t n; const char *expected; } v[] = {
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0\x13\4", 19, "1:notification 1/1"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x12\4", 19, "1:notification 1/2"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10\1\2", 19, "1:notification 1/2"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x13\7", 19, "1:notification 1/3"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x17\2\0\11\0\0", 23, "1:notification 3/1"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x18\5\0\1\1\1\0", 24, "1:notification 7/1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		for (size_t cut = 1; cut <= v[i].n; cut++) { /* in two pieces, everywhere */
			struct hand *h = hand_up();
			char expected[80];
			hand_octets(h, 1, v[i].octets, cut);
			if (cut < v[i].n && hand_p(h)->session->up)
				hand_octets(h, 1, v[i].octets + cut, v[i].n - cut);
			snprintf(expected, sizeof expected, "%s, leave v4, purge v4 all, close 1", v[i].expected);
			/* What the table is asked for is written down before the octets are fetched. */
			snprintf(expected, sizeof expected, "leave v4, purge v4 all, %s, close 1", v[i].expected);
			IS(expected);
			hand_octets(h, 1, "more", 4);
			IS("");
			hand_free(h);
		}
	}
}

static void test_segments(void **state)
{
	(void)state;
	uint8_t all[600];
	struct wr w = wr_init(all, sizeof all);
	struct bgp_open o = theirs();
	bgp_open_encode(&w, &o);
	bgp_keepalive_encode(&w);
	bgp_eor_encode(&w, BGP_V4);
	bgp_keepalive_encode(&w);
	for (size_t a = 0; a <= w.len; a += 7) {
		for (size_t b = a; b <= w.len; b++) {
			struct hand *h = begun();
			hand_connected(h, 1);
			hand_octets(h, 1, all, a);
			hand_octets(h, 1, all + a, b - a);
			hand_octets(h, 1, all + b, w.len - b);
			STATE("Established");
			assert_true(hand_p(h)->af[BGP_V4].eor_in);
			assert_int_equal(hand_p(h)->session->in[C_KEEPALIVE], 2);
			assert_int_equal(hand_p(h)->session->fsm[0].conn->in_len, 0);
			hand_free(h);
		}
	}
}

static void test_max_prefix(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct bgp_open o = theirs();
	struct conf_bgp_af *a = &h->c->peer[0].af[BGP_V4];
	a->max_prefix = 4;
	a->max_prefix_restart = DUR_S(60);
	hand_apply(h);
	SYNC();
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	hand_update(h, 1, "192.0.2.0/32");
	hand_update(h, 1, "192.0.2.1/32");
	hand_update(h, 1, "192.0.2.2/32");
	h->notes[0] = '\0';
	h->got = SB(h->log);
	hand_update(h, 1, "192.0.2.3/32"); /* over 75 % */
	NOTED("4 prefixes, 4 is the limit");
	IS("update 192.0.2.3/32");
	hand_update(h, 1, "192.0.2.4/32");
	IS("update 192.0.2.4/32, leave v4, purge v4 all, converged, 1:notification 6/1, close 1");
	assert_int_equal(h->told.data.n, 7);
	assert_memory_equal(h->told_data, "\0\1\1\0\0\0\4", 7);
	STATE("Idle");
	hand_accept(h, IN1, "10.0.0.2");
	IS("close in1");
	hand_pass(h, DUR_MS(59900));
	IS("");
	hand_pass(h, DUR_MS(100));
	IS("connect 2");
	hand_free(h);
	/* Only a warning, as configured. */
	h = hand_new();
	h->c->peer[0].af[BGP_V4].max_prefix = 1;
	h->c->peer[0].af[BGP_V4].max_prefix_warn = true;
	hand_apply(h);
	SYNC();
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	hand_update(h, 1, "192.0.2.0/32");
	hand_update(h, 1, "192.0.2.1/32");
	STATE("Established");
	NOTED("is the limit");
	hand_free(h);
}

static void test_dynamic(void **state)
{
	(void)state;
	struct hand *h = hand_new();
	struct bgp_open o = hand_open_of(65000, 0x0a010001);
	hand_peer(h, "10.1.0.0/16");
	h->c->bgp.listen_limit = 2;
	hand_apply(h);
	SYNC();
	IS("fib-conf, listen, connect 1");
	hand_accept(h, IN1, "10.1.0.1");
	IS("in1:open");
	assert_string_equal(hand_state(h, "10.1.0.1"), "OpenSent");
	hand_open(h, IN1, &o);
	hand_keepalive(h, IN1);
	IS("in1:keepalive, join v4");
	hand_accept(h, IN2, "10.1.0.2");
	IS("in2:open");
	hand_accept(h, IN3, "10.1.0.3");
	IS("close in3");
	NOTED("the limit is 2");
	hand_closed(h, IN2, 0);
	IS("");
	assert_string_equal(hand_state(h, "10.1.0.2"), "none");
	hand_accept(h, BGP_CONN_IN | 4, "10.1.0.3");
	IS("in4:open");
	/* The range leaves the configuration: so do its peers. */
	h->c->bgp.peers.n = 1;
	hand_apply(h);
	IS("leave v4, purge v4 all, in1:notification 6/3, close in1, in4:notification 6/3, close in4, listen");
	assert_string_equal(hand_state(h, "10.1.0.1"), "none");
	hand_free(h);
}

static void test_stop(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	assert_false(bgp_idle(h->b));
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP}, 0);
	IS("fib-stop, leave v4, purge v4 all, 1:notification 6/2, close 1");
	assert_true(bgp_idle(h->b));
	hand_pass(h, DUR_S(600));
	IS("");
	hand_free(h);
	h = hand_up();
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP, .graceful = true}, 0);
	IS("fib-stop graceful, leave v4, purge v4 all, close 1");
	assert_true(bgp_idle(h->b));
	hand_free(h);
}

static void test_clear(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	struct bgp_cmd c = {.type = BGP_CMD_CLEAR};
	assert_true(addr_parse("10.0.0.3", &c.peer));
	hand_command(h, &c, -ENOENT);
	c.peer.b[3] = 2;
	c.soft_out = true;
	hand_command(h, &c, 0);
	IS("resend v4");
	c.soft_out = false;
	c.soft_in = true;
	hand_command(h, &c, 0);
	IS("1:refresh 0");
	c.soft_in = false;
	hand_command(h, &c, 0);
	IS("leave v4, purge v4 all, 1:notification 6/4, close 1, connect 2");
	STATE("Connect");
	hand_free(h);
	h = hand_new();
	h->c->peer[0].af[BGP_V4].soft_in = true;
	struct bgp_open o = theirs();
	hand_apply(h);
	SYNC();
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	h->got = SB(h->log);
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_CLEAR, .soft_in = true}, 0);
	IS("purge v4 refilter");
	hand_free(h);
}

static void test_shutdown_text(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	h->c->peer[0].shutdown = true;
	h->c->peer[0].shutdown_text = hand_text(h, "back at noon");
	hand_apply(h);
	IS("leave v4, purge v4 all, 1:notification 6/2, close 1, listen");
	struct span said = bgp_shutdown_text(&h->told);
	assert_int_equal(said.n, 12);
	assert_memory_equal(said.p, "back at noon", 12);
	hand_free(h);
	h = hand_up();
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_notification_encode(&w, &(struct bgp_error){.code = 6, .sub = 2, .data = SPAN("\3a\nb", 4)}, false);
	hand_octets(h, 1, buf, w.len);
	NOTED("Administrative Shutdown: \"a\\x0ab\"");
	hand_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up), cmocka_unit_test(test_parameters), cmocka_unit_test(test_open_refused),
		cmocka_unit_test(test_refused_capabilities), cmocka_unit_test(test_retry), cmocka_unit_test(test_passive),
		cmocka_unit_test(test_delay_open), cmocka_unit_test(test_strangers), cmocka_unit_test(test_collision),
		cmocka_unit_test(test_call_in_vain), cmocka_unit_test(test_second_call), cmocka_unit_test(test_hold),
		cmocka_unit_test(test_keepalives), cmocka_unit_test(test_hold_off), cmocka_unit_test(test_open_hold),
		cmocka_unit_test(test_send_hold), cmocka_unit_test(test_notifications), cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_garbage), cmocka_unit_test(test_segments), cmocka_unit_test(test_max_prefix),
		cmocka_unit_test(test_dynamic), cmocka_unit_test(test_stop), cmocka_unit_test(test_clear),
		cmocka_unit_test(test_shutdown_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
