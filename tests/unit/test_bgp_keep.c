/* Graceful restart of bgp/, both sides, with NOTIFICATIONs and long-lived; route refresh. */
#include "bgp_hand.h"

static struct bgp_open theirs(bool n, bool forwarding)
{
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	o.caps.gr = true;
	o.caps.gr_notification = n;
	o.caps.gr_time_s = 60;
	o.caps.gr_af[BGP_V4] = true;
	o.caps.gr_forwarding[BGP_V4] = forwarding;
	return o;
}

static void settle(struct hand *h, uint32_t conn, const struct bgp_open *o)
{
	if (!(conn & BGP_CONN_IN))
		hand_connected(h, conn);
	hand_open(h, conn, o);
	hand_keepalive(h, conn);
	STATE("Established");
}

static struct hand *up_with(const struct bgp_open *o, void (*change)(struct conf_bgp *c))
{
	struct hand *h = hand_new();
	if (change)
		change(&h->c->bgp);
	assert_int_equal(hand_apply(h), 0);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	settle(h, 1, o);
	hand_eor(h, 1, BGP_V4);
	h->got = SB(h->log);
	h->notes[0] = '\0';
	return h;
}

static struct bgp_caps v4_eor(struct hand *h, uint32_t conn)
{
	hand_eor(h, conn, BGP_V4);
	return h->open.caps;
}

/* RFC 4724 4.2: the peer is away, comes back, says what it still has. */
static void test_helper(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true);
	struct hand *h = up_with(&o, NULL);
	assert_true(h->open.caps.gr && !h->open.caps.gr_af[BGP_V4] && h->open.caps.gr_time_s == 120);
	hand_closed(h, 1, -ECONNRESET);
	IS("leave v4, purge v4 mark-stale");
	assert_true(hand_p(h)->session->kept && hand_p(h)->af[BGP_V4].gr_stale);
	hand_pass(h, DUR_MS(100));
	IS("connect 2");
	settle(h, 2, &o);
	IS("2:open, 2:keepalive, join v4");
	(void)v4_eor(h, 2);
	IS("purge v4 stale");
	assert_false(hand_p(h)->session->kept);
	hand_free(h);
}

static void test_helper_ends(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true), lost = theirs(false, false), none = hand_open_of(65000, 0x0a000002);
	/* It does not come back. */
	struct hand *h = up_with(&o, NULL);
	hand_closed(h, 1, -ECONNRESET);
	IS("leave v4, purge v4 mark-stale");
	hand_pass(h, DUR_MS(100));
	hand_closed(h, 2, -ECONNREFUSED);
	h->got = SB(h->log);
	for (unsigned i = 3; i < 9; i++)
		hand_closed(h, i, -ECONNREFUSED);
	hand_pass(h, DUR_MS(59800));
	assert_null(strstr(h->log, "purge"));
	hand_pass(h, DUR_MS(101));
	assert_non_null(strstr(h->log, "purge v4 all"));
	assert_false(hand_p(h)->session->kept);
	hand_free(h);
	/* It comes back without its forwarding state, or without the capability. */
	const struct bgp_open *back[] = {&lost, &none};
	for (size_t i = 0; i < 2; i++) {
		h = up_with(&o, NULL);
		hand_closed(h, 1, -ECONNRESET);
		hand_pass(h, DUR_MS(100));
		h->got = SB(h->log);
		settle(h, 2, back[i]);
		IS("2:open, 2:keepalive, purge v4 stale, join v4");
		hand_free(h);
	}
	/* It comes back and never says that it is done. */
	h = up_with(&o, NULL);
	hand_closed(h, 1, -ECONNRESET);
	hand_pass(h, DUR_MS(100));
	settle(h, 2, &o);
	h->got = SB(h->log);
	for (unsigned i = 0; i < 72; i++) {
		assert_null(strstr(h->log, "purge"));
		hand_keepalive(h, 2);
		hand_pass(h, DUR_S(5));
	}
	assert_non_null(strstr(h->log, "purge v4 stale"));
	hand_free(h);
	/* It goes a second time before that: what was stale goes. */
	h = up_with(&o, NULL);
	hand_closed(h, 1, -ECONNRESET);
	hand_pass(h, DUR_MS(100));
	settle(h, 2, &o);
	h->got = SB(h->log);
	hand_closed(h, 2, -ECONNRESET);
	IS("leave v4, purge v4 stale, purge v4 mark-stale");
	hand_free(h);
}

/* When routes fall although graceful restart was agreed. */
static void test_falls(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true), n = theirs(true, true);
	struct hand *h = up_with(&o, NULL);
	hand_notify(h, 1, BGP_E_CEASE, BGP_E_RESET, false); /* RFC 4724: a NOTIFICATION ends it */
	IS("leave v4, purge v4 all, close 1");
	hand_free(h);
	h = up_with(&o, NULL);
	hand_pass(h, DUR_S(90)); /* so does the hold timer, as it sends one */
	assert_non_null(strstr(h->log, "purge v4 all"));
	hand_free(h);
	/* RFC 8538: not any more, */
	h = up_with(&n, NULL);
	hand_notify(h, 1, BGP_E_CEASE, BGP_E_RESET, false);
	IS("leave v4, purge v4 mark-stale, close 1");
	hand_free(h);
	h = up_with(&n, NULL);
	hand_pass(h, DUR_S(90));
	assert_non_null(strstr(h->log, "purge v4 mark-stale"));
	hand_free(h);
	/* but a hard reset does. */
	h = up_with(&n, NULL);
	hand_notify(h, 1, BGP_E_CEASE, BGP_E_SHUTDOWN, true);
	IS("leave v4, purge v4 all, close 1");
	NOTED("Cease/Administrative Shutdown: hard reset");
	hand_free(h);
	/* Ours says so to a peer that knows the word. */
	h = up_with(&n, NULL);
	hand_command(h, &(struct bgp_cmd){.type = BGP_CMD_CLEAR}, 0);
	IS("leave v4, purge v4 all, 1:notification 6/4 hard, close 1, connect 2");
	hand_free(h);
	/* A tunnel that is down is no restart, */
	h = up_with(&n, NULL);
	hand_tunnel(h, false);
	IS("leave v4, purge v4 all, 1:notification 6/6 hard, close 1");
	hand_free(h);
	/* and takes what is stale along. */
	h = up_with(&n, NULL);
	hand_closed(h, 1, -ECONNRESET);
	h->got = SB(h->log);
	hand_tunnel(h, false);
	IS("purge v4 all");
	hand_pass(h, DUR_S(300));
	IS("");
	hand_free(h);
}

static void off(struct conf_bgp *c) { c->gr_mode = GR_OFF; }

static void test_off(void **state)
{
	(void)state;
	struct bgp_open o = theirs(true, true);
	struct hand *h = up_with(&o, off);
	assert_false(h->open.caps.gr);
	hand_closed(h, 1, -ECONNRESET);
	IS("leave v4, purge v4 all");
	hand_free(h);
}

static void restart(struct conf_bgp *c) { c->gr_mode = GR_RESTART; }
static void long_lived(struct conf_bgp *c) { c->llgr_stale = DUR_S(3600); }

/* RFC 4724 4.1: nothing is announced, and nothing goes to the kernel, until the peers are done. */
static void test_restarter(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true);
	struct hand *h = hand_new();
	restart(&h->c->bgp);
	hand_peer(h, "10.0.0.3");
	hand_apply(h);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	IS("fib-conf, listen, connect 1, connect 2");
	settle(h, 1, &o);
	assert_true(h->open.caps.gr_restarted && h->open.caps.gr_af[BGP_V4] && h->open.caps.gr_forwarding[BGP_V4]);
	assert_false(h->open.caps.gr_af[BGP_V6]);
	hand_update(h, 1, "192.0.2.0/24");
	hand_eor(h, 1, BGP_V4);
	IS("1:open, 1:keepalive, update 192.0.2.0/24");
	assert_true(gr_deferring(h->b) && !gr_converged(h->b));
	assert_int_equal(h->fib_calls, 0);
	hand_connected(h, 2);
	o.id = 0x0a000003;
	hand_open(h, 2, &o);
	hand_keepalive(h, 2);
	IS("2:open, 2:keepalive");
	hand_eor(h, 2, BGP_V4);
	IS("join v4, join v4, converged");
	assert_true(h->fib_calls > 0);
	/* The next session is no restart of ours. */
	hand_closed(h, 1, 0);
	hand_pass(h, DUR_MS(100));
	h->got = SB(h->log);
	hand_connected(h, 3);
	assert_true(h->open.caps.gr && !h->open.caps.gr_restarted);
	hand_free(h);
	/* One peer is not there: the timer gives up on it. */
	h = hand_new();
	restart(&h->c->bgp);
	hand_peer(h, "10.0.0.3");
	hand_apply(h);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	settle(h, 1, &o);
	hand_eor(h, 1, BGP_V4);
	h->got = SB(h->log);
	for (unsigned i = 0; i < 48; i++) {
		assert_null(strstr(h->log, "converged"));
		hand_pass(h, DUR_S(5));
		hand_keepalive(h, 1);
	}
	assert_non_null(strstr(h->log, "join v4, converged"));
	hand_free(h);
}

/* RFC 9494 */
static void test_long_lived(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true);
	o.caps.llgr = o.caps.llgr_af[BGP_V4] = o.caps.llgr_forwarding[BGP_V4] = true;
	o.caps.llgr_time_s[BGP_V4] = 600;
	struct hand *h = up_with(&o, long_lived);
	assert_true(h->open.caps.llgr && h->open.caps.llgr_af[BGP_V4] && h->open.caps.llgr_time_s[BGP_V4] == 3600);
	hand_closed(h, 1, -ECONNRESET);
	IS("leave v4, purge v4 mark-stale");
	hand_pass(h, DUR_S(61));
	assert_non_null(strstr(h->log, "purge v4 llgr"));
	h->got = SB(h->log);
	hand_pass(h, DUR_S(598));
	assert_null(strstr(h->log, "purge"));
	hand_pass(h, DUR_S(2));
	assert_non_null(strstr(h->log, "purge v4 stale"));
	assert_false(hand_p(h)->session->kept);
	hand_free(h);
	/* The peer is back in time. */
	h = up_with(&o, long_lived);
	hand_closed(h, 1, -ECONNRESET);
	hand_pass(h, DUR_S(100));
	h->got = SB(h->log);
	hand_accept(h, IN1, "10.0.0.2");
	settle(h, IN1, &o);
	IS("in1:open, in1:keepalive, join v4, close 5");
	hand_eor(h, IN1, BGP_V4);
	IS("purge v4 stale");
	hand_free(h);
}

/* RFC 4724 5: the peer has restarted before we noticed that it went. */
static void test_back_before_gone(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true);
	struct hand *h = up_with(&o, NULL);
	hand_accept(h, IN1, "10.0.0.2");
	IS("leave v4, purge v4 mark-stale, close 1, in1:open");
	settle(h, IN1, &o);
	IS("in1:keepalive, join v4");
	hand_eor(h, IN1, BGP_V4);
	IS("purge v4 stale");
	hand_accept(h, IN2, "10.0.0.2");
	IS("leave v4, purge v4 mark-stale, close in1, in2:open");
	hand_free(h);
}

/* A peer without the capability promises no marker: old kernel routes stay until it has said nothing for three seconds, or
 * until its marker, which nearly all send. */
static void test_old_routes_wait(void **state)
{
	(void)state;
	for (int marker = 0; marker < 2; marker++) {
		struct hand *h = hand_new();
		struct bgp_open o = hand_open_of(65000, 0x0a000002);
		o.caps.gr = false;
		assert_int_equal(hand_apply(h), 0);
		hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
		hand_connected(h, 1);
		hand_open(h, 1, &o);
		hand_keepalive(h, 1);
		h->got = SB(h->log);
		hand_pass(h, DUR_MS(2900));
		hand_update(h, 1, "192.0.2.0/32");
		IS("update 192.0.2.0/32");
		hand_pass(h, DUR_MS(2900));
		IS("");
		if (marker)
			hand_eor(h, 1, BGP_V4);
		else
			hand_pass(h, DUR_MS(100));
		IS("converged");
		hand_free(h);
	}
}

static void test_dynamic_kept(void **state)
{
	(void)state;
	struct bgp_open o = theirs(false, true);
	struct hand *h = hand_new();
	hand_peer(h, "10.1.0.0/16");
	hand_apply(h);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	hand_accept(h, IN1, "10.1.0.1");
	hand_open(h, IN1, &o);
	hand_keepalive(h, IN1);
	h->got = SB(h->log);
	hand_closed(h, IN1, -ECONNRESET);
	IS("leave v4, purge v4 mark-stale");
	assert_string_equal(hand_state(h, "10.1.0.1"), "Idle");
	hand_accept(h, IN2, "10.1.0.1");
	IS("in2:open");
	hand_closed(h, IN2, -ECONNRESET);
	assert_string_equal(hand_state(h, "10.1.0.1"), "Idle");
	h->got = SB(h->log);
	hand_pass(h, DUR_S(61));
	assert_non_null(strstr(h->log, "purge v4 all"));
	assert_string_equal(hand_state(h, "10.1.0.1"), "none");
	hand_free(h);
}

/* --- route refresh --- */

static void test_refresh(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_ASK);
	IS("resend v4 enhanced");
	hand_refresh(h, 1, BGP_V6, BGP_REFRESH_ASK); /* was not negotiated */
	hand_refresh(h, 1, BGP_V4, 7);               /* unknown */
	IS("");
	/* Asked again before the answer is out: once more when it is. */
	struct bgp_peer *p = hand_p(h);
	p->af[0].pos = (struct bgp_chunk *)p;
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_ASK);
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_ASK);
	IS("");
	p->af[0].pos = NULL;
	hand_pass(h, DUR_S(60)); /* a keepalive goes out */
	IS("resend v4 enhanced, 1:keepalive, 1:keepalive"); /* in time; octets are read behind the call */
	STATE("Established");
	hand_free(h);
}

static void test_refresh_marked(void **state)
{
	(void)state;
	struct hand *h = hand_up();
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_END); /* without a beginning */
	IS("");
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	IS("purge v4 mark-refresh");
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	IS("");
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_END);
	IS("purge v4 refresh");
	/* Not more than once a second. */
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_END);
	IS("");
	hand_pass(h, DUR_S(1));
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	IS("purge v4 mark-refresh");
	/* The end never comes. */
	for (unsigned i = 0; i < 71; i++) {
		hand_pass(h, DUR_S(5));
		hand_keepalive(h, 1);
	}
	assert_null(strstr(h->log, "purge"));
	hand_pass(h, DUR_S(5));
	assert_non_null(strstr(h->log, "purge v4 refresh"));
	hand_free(h);
}

/* A peer that did not offer it sends no markers that count. */
static void test_refresh_plain(void **state)
{
	(void)state;
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	o.caps.enhanced_refresh = false;
	struct hand *h = up_with(&o, NULL);
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_BEGIN);
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_END);
	IS("");
	hand_refresh(h, 1, BGP_V4, BGP_REFRESH_ASK);
	IS("resend v4");
	hand_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_helper), cmocka_unit_test(test_helper_ends), cmocka_unit_test(test_falls), cmocka_unit_test(test_off),
		cmocka_unit_test(test_restarter), cmocka_unit_test(test_long_lived), cmocka_unit_test(test_back_before_gone),
		cmocka_unit_test(test_dynamic_kept), cmocka_unit_test(test_old_routes_wait), cmocka_unit_test(test_refresh), cmocka_unit_test(test_refresh_marked),
		cmocka_unit_test(test_refresh_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
