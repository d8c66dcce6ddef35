/* Message IDs, retransmission and the response cache of one SA, by hand (RFC 7296 2.1-2.4); and NAT detection hashes. */
#include "../sim/bench.h"

#include <stdlib.h>

static void intervals(void **state)
{
	(void)state;
	struct conf_setup c;
	conf_setup_defaults(&c);
	static const int64_t ms[] = {1000, 1800, 3240, 5832, 10497, 18895, 34012, 61222};
	for (uint32_t i = 0; i < ARRAY_LEN(ms); i++)
		assert_int_equal(dur_to_ms(window_interval(&c, i)), ms[i]);
	c.retransmit.limit = DUR_S(5);
	assert_int_equal(dur_to_ms(window_interval(&c, 2)), 3240);
	assert_int_equal(dur_to_ms(window_interval(&c, 3)), 5000);
	assert_int_equal(dur_to_ms(window_interval(&c, 100)), 5000);
	c.retransmit.limit = 0;
	c.retransmit.base = 10;
	assert_true(window_interval(&c, UINT32_MAX) < DUR_S(100000) && window_interval(&c, UINT32_MAX) >= DUR_S(3600));
	c.retransmit.base = 1;
	assert_int_equal(dur_to_ms(window_interval(&c, 7)), 1000);
}

static bool send_request(struct bench *b)
{
	struct out o;
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	return out_request(&b->step, &o);
}

static unsigned sends(const struct bench *b)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < b->acts->n; i++)
		n += b->acts->v[i].type == IKE_ACT_SEND;
	return n;
}

static void one_request_at_a_time(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	uint32_t id = b->sa->tx_id;
	assert_true(window_free(b->sa));
	assert_true(send_request(b));
	assert_false(window_free(b->sa));
	assert_int_equal(b->sa->tx_id, id); /* moves with the answer */
	assert_int_equal(sends(b), 1);
	assert_int_equal(b->sa->due[T_RETRANSMIT], b->step.now + DUR_S(1));
	/* Sent again bit by bit, with growing patience. */
	struct span first = b->acts->v[0].send.data;
	b->step.now += DUR_S(1);
	window_retransmit(&b->step);
	assert_int_equal(sends(b), 2);
	const struct ike_act *a = &b->acts->v[b->acts->n - 1];
	assert_true(a->type == IKE_ACT_SEND && a->send.data.n == first.n &&
	            memcmp(a->send.data.p, first.p, first.n) == 0);
	assert_int_equal(b->sa->due[T_RETRANSMIT], b->step.now + DUR_MS(1800));
	window_answered(&b->step);
	assert_true(window_free(b->sa) && b->sa->tx_id == id + 1 && b->sa->due[T_RETRANSMIT] == MONO_NEVER);
	/* Nothing to repeat: the timer is put away. */
	window_retransmit(&b->step);
	assert_int_equal(sends(b), 2);
	/* No memory: nothing is sent, the window stays free, the next one has the same number. */
	b->p.a->mem.fail_from = 1;
	assert_false(send_request(b));
	b->p.a->mem.fail_from = 0;
	assert_true(window_free(b->sa) && b->sa->tx_id == id + 1 && sends(b) == 2);
	assert_true(send_request(b));
	window_answered(&b->step);
	bench_free(b);
}

static void responses_are_kept(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct out o;
	uint32_t id = b->sa->rx_id;
	b->sa->rx_hash = 0x1234;
	b->sa->rx_busy = true;
	out_begin(&b->step, &o, INFORMATIONAL, true, id);
	assert_true(out_response(&b->step, &o));
	assert_true(b->sa->rx_id == id + 1 && !b->sa->rx_busy && b->sa->response_to == 0x1234 &&
	            b->sa->response.n > IKE_HDR_LEN);
	struct ike_hdr h;
	assert_int_equal(ike_hdr_decode(SPAN(b->sa->response.p, b->sa->response.n), &h), WIRE_OK);
	assert_true(h.msg_id == id && h.flags == (IKE_F_INITIATOR | IKE_F_RESPONSE) && h.exchange == INFORMATIONAL);
	/* No memory: the old answer is gone, the window has not moved. */
	b->p.a->mem.fail_from = 1;
	b->sa->rx_busy = true;
	out_begin(&b->step, &o, INFORMATIONAL, true, id + 1);
	assert_false(out_response(&b->step, &o));
	assert_int_equal(b->sa->rx_id, id + 1);
	b->sa->rx_exchange = INFORMATIONAL;
	respond_error(&b->step, N_INVALID_SYNTAX);
	assert_true(b->sa->rx_id == id + 1 && !b->sa->rx_busy);
	b->p.a->mem.fail_from = 0;
	bench_free(b);
}

/* Whatever leaves puts the NAT keep-alive off. */
static void keep_alives_wait_for_silence(void **state)
{
	(void)state;
	struct pair p = pair_new(2);
	sim_behind(p.a, PUBLIC_A, false);
	pair_conf(&p, "auto=start\nleftid=@a\ndpdaction=restart\ndpddelay=30", "rightid=@a");
	pair_start(&p);
	sim_run(p.s, DUR_S(300));
	AGREE(p);
	/* A liveness check each 15 s leaves no 20 s of silence. */
	CHECK(p, sim_sent(p.a, 0, false) == 0 && sim_sent(p.b, 0, false) == 0);
	pair_free(&p);
	p = pair_new(2);
	sim_behind(p.a, PUBLIC_A, false);
	assert_true(sim_conf_charon(p.a, p.b, "auto=start\nleftid=@a", NULL, "keep_alive = 7"));
	assert_true(sim_conf(p.b, p.a, "rightid=@a", NULL));
	pair_start(&p);
	sim_run(p.s, DUR_S(71));
	AGREE(p);
	CHECK(p, sim_sent(p.a, 0, false) == 10);
	for (uint32_t i = 0; i < p.a->n_sent; i++)
		CHECK(p, p.a->sent[i].exchange || (p.a->sent[i].src.port == 4500 && p.a->sent[i].dst.port == 4500 &&
		                                   p.a->sent[i].n == 1));
	pair_free(&p);
}

/* Turned off by a reload while they run. */
static void keep_alives_off_by_reload(void **state)
{
	(void)state;
	struct pair p = pair_new(2);
	sim_behind(p.a, PUBLIC_A, false);
	pair_conf(&p, "auto=start\nleftid=@a", "rightid=@a");
	pair_start(&p);
	sim_run(p.s, DUR_S(30));
	CHECK(p, sim_sent(p.a, 0, false) == 1);
	struct conf *old = p.a->conf;
	p.a->conf = NULL;
	assert_true(sim_conf_charon(p.a, p.b, "auto=start\nleftid=@a", NULL, "keep_alive = 0"));
	sim_reload(p.a, false);
	config_free(old);
	sim_run(p.s, DUR_S(100));
	AGREE(p);
	CHECK(p, sim_sent(p.a, 0, false) == 1);
	pair_free(&p);
}

/* RFC 7296 2.23: SHA-1 (SPIs | address | port), against a recorded set-up. */
static void natd_hashes(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct endpoint ep = {.port = 500};
	uint8_t out[20], other[20];
	assert_true(addr_parse("80.251.215.33", &ep.addr));
	natd_hash(b->p.a->ike, 0x75f868061ded04b1, 0, &ep, out);
	/* The destination hash of the first packet of tests/recordings/cookie.rec. */
	static const uint8_t want[20] = {0x25, 0x32, 0x67, 0x71, 0x6f, 0x5f, 0x16, 0xa2, 0x6e, 0x81,
	                                 0x09, 0x0b, 0x3f, 0x7b, 0xcd, 0xb5, 0xcf, 0xee, 0xd3, 0x8a};
	assert_memory_equal(out, want, 20);
	ep.port = 501;
	natd_hash(b->p.a->ike, 0x75f868061ded04b1, 0, &ep, other);
	assert_memory_not_equal(out, other, 20);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals),
		cmocka_unit_test(one_request_at_a_time),
		cmocka_unit_test(responses_are_kept),
		cmocka_unit_test(keep_alives_wait_for_silence),
		cmocka_unit_test(keep_alives_off_by_reload),
		cmocka_unit_test(natd_hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
