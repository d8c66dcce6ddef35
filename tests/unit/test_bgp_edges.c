/* Sessions of bgp/ at their edges: octets of groups and own messages in one stream, extended messages, back-off and who may call,
 * what an OPEN settles, filters deep inside a new configuration. */
#include "bgp_hand.h"

#define SYNC() hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED})

static struct bgp_open theirs(void) { return hand_open_of(65000, 0x0a000002); }

static struct hand *begun(void (*change)(struct hand *h))
{
	struct hand *h = hand_new();
	if (change)
		change(h);
	assert_int_equal(hand_apply(h), 0);
	SYNC();
	h->got = SB(h->log);
	return h;
}

static struct hand *up(void (*change)(struct hand *h), const struct bgp_open *o)
{
	struct hand *h = begun(change);
	hand_connected(h, 1);
	hand_open(h, 1, o);
	hand_keepalive(h, 1);
	STATE("Established");
	h->got = SB(h->log);
	return h;
}

/* --- octets --- */

static void say(struct hand *h)
{
	h->b->acts = &h->acts;
	h->b->now = h->now;
	session_output(h->b, hand_p(h));
	h->b->acts = NULL;
}

static size_t fetch_some(struct hand *h, size_t n, uint8_t *to)
{
	struct span out[2];
	size_t took = 0, runs = bgp_output(h->b, 1, out, 2);
	for (size_t i = 0; i < runs && took < n; i++) {
		size_t k = min_z(n - took, out[i].n);
		memcpy(to + took, out[i].p, k);
		took += k;
	}
	bgp_sent(h->b, 1, took, h->now, &h->acts);
	return took;
}

/* Two UPDATEs of a group; a KEEPALIVE that becomes due within the first waits for its end, wherever it is cut. */
static void test_order(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= 46; cut++) {
		struct hand *h = hand_up();
		uint8_t got[128];
		size_t n = 0;
		h->blocked = true;
		bgp_eor_encode(&h->adj, BGP_V4);
		bgp_eor_encode(&h->adj, BGP_V4);
		say(h);
		while (n < cut)
			n += fetch_some(h, cut - n, got + n);
		hand_pass(h, DUR_S(30)); /* a KEEPALIVE */
		for (size_t k; (k = fetch_some(h, 5, got + n)) > 0; n += k)
			;
		assert_int_equal(n, 46 + 19);
		uint8_t kinds[3];
		size_t at = 0;
		for (size_t i = 0; i < 3; i++) {
			struct bgp_frame f;
			struct bgp_error e;
			assert_int_equal(bgp_frame(SPAN(got + at, n - at), 4096, &f, &e), 1);
			kinds[i] = f.type;
			at += f.len;
		}
		size_t place = cut == 0 ? 0 : cut <= 23 ? 1 : 2;
		assert_int_equal(kinds[place], BGP_KEEPALIVE);
		assert_int_equal(hand_p(h)->session->out[C_UPDATE], 2);
		h->acts.n = 0;
		hand_free(h);
	}
}

/* The end comes in the middle of an UPDATE: its rest goes out before the NOTIFICATION, and nothing of the next. */
static void test_close_within(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= 46; cut++) {
		struct hand *h = hand_up();
		uint8_t got[128];
		size_t n = 0;
		h->blocked = true;
		bgp_eor_encode(&h->adj, BGP_V4);
		bgp_eor_encode(&h->adj, BGP_V4);
		say(h);
		while (n < cut)
			n += fetch_some(h, cut - n, got + n);
		hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP}, 0);
		for (size_t k; (k = fetch_some(h, 5, got + n)) > 0; n += k)
			;
		size_t updates = (cut + 22) / 23;
		assert_int_equal(n, updates * 23 + 21);
		assert_int_equal(got[updates * 23 + 18], BGP_NOTIFICATION);
		assert_int_equal(got[updates * 23 + 19], BGP_E_CEASE);
		assert_true(bgp_idle(h->b));
		h->acts.n = 0;
		hand_free(h);
	}
}

/* A goodbye that nobody fetches is forgotten. */
static void test_linger(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	h->blocked = true;
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP}, 0);
	assert_false(bgp_idle(h->b));
	hand_pass(h, DUR_S(10));
	assert_true(bgp_idle(h->b));
	hand_free(h);
}

static void test_extended(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	static uint8_t big[6000];
	/* An UPDATE of 6000 octets: withdrawals only. */
	memset(big, 0, sizeof big);
	memset(big, 0xff, 16);
	big[16] = 6000 >> 8, big[17] = 6000 & 255, big[18] = BGP_UPDATE;
	big[19] = (6000 - 23) >> 8, big[20] = (6000 - 23) & 255;
	struct hand *h = up(NULL, &o);
	hand_octets(h, 1, big, sizeof big);
	assert_int_equal(h->told.code, BGP_E_HEADER);
	hand_free(h);
	o.caps.ext_message = true;
	h = up(NULL, &o);
	assert_int_equal(hand_p(h)->coding.max, 65535);
	hand_octets(h, 1, big, 3000);
	hand_octets(h, 1, big + 3000, 3000);
	STATE("Established");
	assert_int_equal(hand_p(h)->session->in[C_UPDATE], 1);
	hand_free(h);
}

static void test_settled(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	o.caps.as4 = false;
	o.caps.mp[BGP_V4] = false;
	o.caps.any = true;
	o.caps.addpath[BGP_V4] = BGP_ADDPATH_RX | BGP_ADDPATH_TX;
	struct hand *h = up(NULL, &o);
	const struct bgp_coding *c = &hand_p(h)->coding;
	assert_true(!c->as4 && c->mp[BGP_V4] && c->addpath_rx[BGP_V4] && !c->addpath_tx[BGP_V4]);
	hand_free(h);
	o.caps.addpath[BGP_V4] = BGP_ADDPATH_RX;
	h = up(NULL, &o);
	assert_false(hand_p(h)->coding.addpath_rx[BGP_V4]);
	hand_free(h);
}

/* --- who calls, and when --- */

static void test_no_call_beside(void **state)
{
	(void)state;
	struct hand *h = begun(NULL);
	struct bgp_open o = theirs();
	hand_closed(h, 1, -ECONNREFUSED);
	hand_accept(h, IN1, "10.0.0.2");
	hand_open(h, IN1, &o);
	h->got = SB(h->log);
	hand_pass(h, DUR_S(3)); /* the pause between attempts is over */
	IS("");
	STATE("OpenConfirm");
	hand_free(h);
	/* Ours has lost: it rests as long as the other lives. */
	h = begun(NULL);
	hand_connected(h, 1);
	hand_accept(h, IN1, "10.0.0.2");
	hand_open(h, IN1, &o);
	IS("1:open, in1:open, 1:notification 6/7, close 1, in1:keepalive");
	assert_int_equal(hand_p(h)->session->fsm[0].state, BGP_IDLE);
	hand_pass(h, DUR_S(2));
	assert_int_equal(hand_p(h)->session->fsm[0].state, BGP_IDLE);
	hand_closed(h, IN1, 0);
	hand_pass(h, DUR_MS(100));
	IS("connect 2");
	hand_free(h);
}

static void fail_often(struct hand *h, uint32_t *conn, unsigned times)
{
	struct bgp_open bad = hand_open_of(65001, 0x0a000002);
	while (times--) {
		hand_connected(h, *conn);
		hand_open(h, *conn, &bad);
		while (hand_p(h)->state == BGP_IDLE)
			hand_pass(h, hand_next(h));
		++*conn;
	}
}

static void test_forgiven(void **state)
{
	(void)state;
	struct hand *h = begun(NULL);
	struct bgp_open o = theirs();
	uint32_t conn = 1;
	fail_often(h, &conn, 5);
	hand_connected(h, conn);
	hand_open(h, conn, &o);
	hand_keepalive(h, conn);
	STATE("Established"); /* what was before does not count any more */
	hand_closed(h, conn, 0);
	assert_true(hand_next(h) <= DUR_MS(100));
	hand_pass(h, DUR_MS(100));
	conn++;
	fail_often(h, &conn, 5);
	h->c->peer[0].shutdown = true;
	hand_apply(h);
	h->c->peer[0].shutdown = false;
	hand_apply(h);
	struct bgp_open bad = hand_open_of(65001, 0x0a000002);
	hand_connected(h, ++conn);
	hand_open(h, conn, &bad);
	STATE("Idle");
	assert_true(hand_next(h) <= DUR_MS(100));
	hand_free(h);
}

static void far_peer(struct hand *h) { h->c->peer[0].remote_as = 65001; h->c->peer[0].ttl = 5; h->link_up = false; }
static void guarded(struct hand *h) { h->c->peer[0].remote_as = 65001; h->c->peer[0].gtsm_hops = 2; }

static void test_external(void **state)
{
	(void)state;
	struct bgp_open o = hand_open_of(65001, 0x0a000001); /* RFC 6286: our identifier, in another AS */
	struct hand *h = begun(far_peer);
	STATE("Connect");
	assert_int_equal(h->call.ttl, 5);
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	hand_keepalive(h, 1);
	STATE("Established");
	assert_true(hand_p(h)->coding.external);
	h->got = SB(h->log);
	hand_update_by(h, 1, "192.0.2.0/24", "10.0.0.2", 65001);
	hand_update_by(h, 1, "192.0.2.0/24", "10.0.0.2", 65002); /* the first is not the peer */
	hand_update_by(h, 1, "192.0.2.0/24", "10.0.0.1", 65001); /* we are the next hop ourselves */
	IS("update 192.0.2.0/24, withdraw 192.0.2.0/24, withdraw 192.0.2.0/24");
	hand_free(h);
	h = begun(guarded);
	assert_true(h->call.ttl == 255 && h->call.min_ttl == 254);
	hand_free(h);
}

static void strict(struct hand *h) { h->c->peer[0].strict_capability = true; }

static void test_strict(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	o.caps.as4 = false;
	struct hand *h = begun(strict);
	hand_connected(h, 1);
	hand_open(h, 1, &o);
	IS("1:open, 1:notification 2/7, close 1");
	hand_free(h);
}

static void nested(struct hand *h)
{
	hand_peer(h, "10.1.0.0/16")->hold = DUR_S(30);
	hand_peer(h, "10.1.2.0/24")->hold = DUR_S(60);
	hand_peer(h, "10.0.0.0/8")->hold = DUR_S(90);
}

static void test_narrowest(void **state)
{
	(void)state;
	struct hand *h = begun(nested);
	hand_accept(h, IN1, "10.1.2.1");
	assert_int_equal(h->open.hold_s, 60);
	hand_accept(h, IN2, "10.1.3.1");
	assert_int_equal(h->open.hold_s, 30);
	hand_accept(h, IN3, "10.2.3.1");
	assert_int_equal(h->open.hold_s, 90);
	hand_free(h);
}

static void long_hold(struct hand *h) { h->c->bgp.hold = DUR_S(1000); }

static void test_send_hold(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	o.hold_s = 1000;
	struct hand *h = up(long_hold, &o);
	struct bgp_peer *p = hand_p(h);
	say(h);
	for (unsigned i = 0; i < 10; i++) { /* nothing is pending */
		hand_pass(h, DUR_S(300));
		hand_keepalive(h, 1);
	}
	STATE("Established");
	p->af[0].pos = (struct bgp_chunk *)p;
	bgp_eor_encode(&h->adj, BGP_V4);
	h->blocked = true;
	say(h);
	for (unsigned i = 0; i < 6; i++) {
		hand_pass(h, DUR_S(330));
		hand_keepalive(h, 1);
	}
	STATE("Established"); /* twice the hold time is not over */
	h->notes[0] = '\0';
	hand_pass(h, DUR_S(21));
	NOTED("Down SendHoldTimer_Expires");
	hand_free(h);
}

static void long_text(struct hand *h)
{
	char text[300];
	memset(text, 'x', sizeof text);
	memcpy(text + 254, "\xc3\xa4", 2); /* a character that does not fit any more */
	text[299] = '\0';
	h->c->peer[0].shutdown_text = hand_text(h, text);
}

static void test_long_text(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	struct hand *h = up(long_text, &o);
	h->c->peer[0].shutdown = true;
	hand_apply(h);
	assert_int_equal(bgp_shutdown_text(&h->told).n, 254);
	hand_free(h);
}

static void test_kept(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	o.caps.gr = o.caps.gr_restarted = true;
	o.caps.gr_af[BGP_V4] = o.caps.gr_forwarding[BGP_V4] = true;
	o.caps.gr_time_s = 30;
	/* We do not restart: that the peer does is no reason not to wait for its End-of-RIB. */
	struct hand *h = up(NULL, &o);
	assert_false(gr_converged(h->b));
	hand_eor(h, 1, BGP_V4);
	assert_true(gr_converged(h->b));
	h->got = SB(h->log);
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_STOP, .graceful = true}, 0);
	IS("fib-stop graceful, leave v4, purge v4 all, close 1");
	hand_free(h);
	/* A helper only is not taken for one that has restarted. */
	o.caps.gr_af[BGP_V4] = false;
	h = up(NULL, &o);
	hand_accept(h, IN1, "10.0.0.2");
	IS("1:keepalive, close in1");
	hand_free(h);
}

static void test_refresh_twice(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	hand_pass(h, DUR_S(2));
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	IS("purge v4 mark-refresh"); /* what came since the first is not marked again */
	hand_free(h);
}

/* --- deep in filters --- */

static void maps(struct hand *h)
{
	struct hand_conf *c = h->c;
	c->bgp.route_maps.n = 2;
	c->bgp.aspath_lists.n = 1;
	for (unsigned i = 0; i < 2; i++) {
		c->map[i] = (struct conf_route_map){.name = hand_text(h, i ? "B" : "A"),
		                                    .entries = {(conf_ref)(offsetof(struct hand_conf, entry) + i * sizeof c->entry[0]), 1}};
		c->entry[i] = (struct conf_map_entry){.seq = 10, .action = CONF_PERMIT};
	}
	c->entry[0].call = 2;
	c->entry[1].match = (struct conf_array){(conf_ref)offsetof(struct hand_conf, clause), 1};
	c->entry[1].set = (struct conf_array){(conf_ref)(offsetof(struct hand_conf, clause) + sizeof c->clause[0]), 1};
	c->clause[0] = (struct conf_clause){.what = MATCH_AS_PATH, .u = 1};
	c->clause[1] = (struct conf_clause){.what = SET_LOCAL_PREF, .u = 200};
	c->path[0] = (struct conf_aspath_list){.name = hand_text(h, "P"), .rules = {(conf_ref)offsetof(struct hand_conf, path_rule), 1}};
	c->path_rule[0] = (struct conf_aspath_rule){.action = CONF_PERMIT, .regex = hand_text(h, "^65001$")};
	c->peer[0].af[BGP_V4].map_out = 1;
}

static void test_maps(void **state)
{
	(void)state;
	struct bgp_open o = theirs();
	struct hand *h = up(maps, &o);
	struct hand_conf *c = h->c;
	assert_int_equal(hand_apply(h), 0);
	IS("listen");
	c->path_rule[0].regex = hand_text(h, "^65002$");
	hand_apply(h);
	IS("regroup v4, listen");
	c->clause[1].u = 300;
	hand_apply(h);
	IS("regroup v4, listen");
	c->entry[0].call = 0;
	hand_apply(h);
	IS("regroup v4, listen");
	c->clause[1].u = 400; /* of a map that is called no more */
	hand_apply(h);
	IS("listen");
	c->entry[0].call = 1; /* itself: never the same, but it ends */
	hand_apply(h);
	IS("regroup v4, listen");
	hand_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_close_within), cmocka_unit_test(test_linger),
		cmocka_unit_test(test_extended), cmocka_unit_test(test_settled), cmocka_unit_test(test_no_call_beside),
		cmocka_unit_test(test_forgiven), cmocka_unit_test(test_external), cmocka_unit_test(test_strict),
		cmocka_unit_test(test_narrowest), cmocka_unit_test(test_send_hold), cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_kept), cmocka_unit_test(test_refresh_twice), cmocka_unit_test(test_maps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
