/* Both ends decide at the same moment: the rules of RFC 7296 2.8.1, 2.8.2 and 2.25 one by one, and every pair of wishes with each
 * of the first packets lost. tests/sim/sim.h and rekey.h say what the words mean. */
#include "../sim/rekey.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef GRETEL_SANITIZED
enum { SEEDS = 12, LOST_MAX = 6, STEPS = 3 };
#else
enum { SEEDS = 60, LOST_MAX = 12, STEPS = 6 };
#endif

/* RFC 7296 2.8.1: the lowest of four nonces loses; its maker deletes it, the other one the old SA. */
static void children_cross(void **state)
{
	(void)state;
	unsigned a_lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		struct counts a0 = counts_of(p.a), b0 = counts_of(p.b);
		p.s->watch = nothing_lost;
		rekey_child(p.a);
		rekey_child(p.b);
		sim_run(p.s, DUR_MS(30)); /* each has the other's, and no answer */
		struct child *of_b = hand_child(p.a, CH_UP), *of_a = hand_child(p.b, CH_UP);
		CHECK(p, of_a->half && of_b->half);
		bool a_is_lower = memcmp(of_a->lowest_nonce, of_b->lowest_nonce, NONCE_KEEP) < 0;
		sim_run(p.s, DUR_S(1));
		CHECK(p, sim_noted(p.a, "CHILD_SA rekey collision lost") == a_is_lower);
		CHECK(p, sent_since(p.a, &a0, 1, 1, 1, 1) && sent_since(p.b, &b0, 1, 1, 1, 1));
		bool lost = sim_noted(p.a, "CHILD_SA rekey collision lost");
		CHECK(p, lost == sim_noted(p.b, "CHILD_SA rekey collision won") &&
		                 lost != sim_noted(p.a, "CHILD_SA rekey collision won"));
		a_lost += lost;
		/* The one that stays is the winner's own. */
		CHECK(p, hand_child(lost ? p.b : p.a, CH_UP)->origin == CHILD_I_CREATE);
		/* The redundant one takes for a while what its maker may have sent in it. */
		CHECK(p, p.a->ups == 2 && p.b->ups == 2 && p.a->n_early + p.b->n_early == 1);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		CHECK(p, sent_since(p.a, &a0, 1, 1, 1, 1) && sent_since(p.b, &b0, 1, 1, 1, 1));
		pair_free(&p);
	}
	assert_true(a_lost > 0 && a_lost < SEEDS);
}

/* Nobody hears of the other one for longer than a half child waits: it waits on, because the nonces have not decided yet. */
static void children_cross_in_a_long_silence(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		p.s->watch = nothing_lost;
		rekey_child(p.a);
		rekey_child(p.b);
		sim_run(p.s, DUR_MS(10)); /* the requests are on their way */
		p.s->loss = 1000;
		sim_run(p.s, DUR_S(60));
		CHECK(p, hand_child(p.a, CH_UP)->half && hand_child(p.b, CH_UP)->half && p.a->ups == 1 && p.b->ups == 1);
		p.s->loss = 0;
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		bool lost = sim_noted(p.a, "CHILD_SA rekey collision lost");
		CHECK(p, lost == sim_noted(p.b, "CHILD_SA rekey collision won") &&
		                 lost != sim_noted(p.a, "CHILD_SA rekey collision won"));
		CHECK(p, p.a->ups == 2 && p.b->ups == 2);
		pair_free(&p);
	}
}

static void ike_sas_cross(void **state)
{
	(void)state;
	unsigned a_lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		struct counts a0 = counts_of(p.a), b0 = counts_of(p.b);
		p.s->watch = nothing_lost;
		rekey_ike(p.a);
		rekey_ike(p.b);
		sim_run(p.s, DUR_MS(30));
		struct ike_sa *of_b = hand_sa(p.a, ST_ESTABLISHED), *of_a = hand_sa(p.b, ST_ESTABLISHED);
		CHECK(p, of_b->before && of_a->before);
		bool a_is_lower = memcmp(of_a->lowest_nonce, of_b->lowest_nonce, NONCE_KEEP) < 0;
		sim_run(p.s, DUR_S(1));
		CHECK(p, sim_noted(p.a, "IKE_SA rekey collision lost") == a_is_lower);
		AGREE(p);
		CHECK(p, sent_since(p.a, &a0, 1, 1, 1, 1) && sent_since(p.b, &b0, 1, 1, 1, 1));
		bool lost = sim_noted(p.a, "IKE_SA rekey collision lost");
		CHECK(p, lost == sim_noted(p.b, "IKE_SA rekey collision won"));
		a_lost += lost;
		CHECK(p, hand_sa(lost ? p.b : p.a, ST_ESTABLISHED)->initiator);
		CHECK(p, p.a->ups == 1 && p.b->ups == 1 && p.a->downs + p.b->downs == 0);
		rekey_child(p.a);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		pair_free(&p);
	}
	assert_true(a_lost > 0 && a_lost < SEEDS);
}

/* RFC 7296 2.25.2: a child and the IKE SA at once: both have to wait, and come to it. */
static void child_and_ike_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		uint64_t was = hand_sa(p.a, ST_ESTABLISHED)->spi_i;
		p.s->watch = nothing_lost;
		rekey_ike(p.b);
		sim_run(p.s, DUR_MS(seed % 12));
		rekey_child(p.a);
		sim_run(p.s, DUR_S(40));
		AGREE(p);
		CHECK(p, hand_sa(p.a, ST_ESTABLISHED)->spi_i != was && p.a->ups == 2 && p.b->ups == 2);
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1);
		pair_free(&p);
	}
}

/* RFC 7296 2.25.1: what one rekeys the other one deletes. The tunnel is wanted: it comes back. */
static void rekey_and_delete_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		struct child *c = hand_child(p.b, CH_UP);
		rekey_child(p.a);
		sim_run(p.s, DUR_MS(seed % 30));
		sim_cmd(p.b, IKE_CMD_DOWN_CHILD, c->id);
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		pair_free(&p);
	}
}

/* What b says first is lost where a bit says so: its rekey, its answer to a's, its DELETE of the child; and a's answer to it. */
static unsigned lost_bits;

static bool lose_bits(struct sim *s, struct sim_packet *p)
{
	bool of_b = p->from == s->node[1];
	unsigned bit = p->exchange == INFORMATIONAL ? (of_b && !p->response ? 4 : 0) : of_b ? (p->response ? 2 : 1) : p->response ? 8 : 0;
	bool lost = lost_bits & bit;
	lost_bits &= ~bit;
	return !lost;
}

/* Both rekey the IKE SA. In what became of a's, b closes the child; and whichever of the two stays, a hears of it. */
static void child_closes_in_what_goes(void **state)
{
	(void)state;
	unsigned b_lost = 0, n = SEEDS * 4;
	for (uint64_t seed = 0; seed < n; seed++) {
		struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
		uint32_t old = hand_child(p.b, CH_UP)->p.in.spi;
		lost_bits = seed % 16;
		p.s->tap = lose_bits;
		rekey_ike(p.a);
		sim_run(p.s, DUR_MS(3));
		rekey_ike(p.b);
		sim_run(p.s, DUR_MS(30));
		sim_cmd(p.b, IKE_CMD_DOWN_CHILD, hand_child(p.b, CH_UP)->id);
		sim_run(p.s, DUR_S(20));
		b_lost += sim_noted(p.b, "IKE_SA rekey collision lost");
		AGREE(p);
		CHECK(p, p.b->downs == 1 && hand_child(p.b, CH_UP)->p.in.spi != old);
		pair_free(&p);
	}
	assert_true(b_lost > 0 && b_lost < n);
}

/* --- a peer that does not look at nonces --- */

enum { THEIR_SPI = 0xd0000001 };

/* b asks by hand to rekey the child with this inbound SPI of its own, with the lowest of all nonces. */
static bool ask_rekey(struct pair *p, struct ike_sa *sa, uint32_t old)
{
	struct suite suite = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128};
	struct hand ask = {.h = hand_request(sa, CREATE_CHILD_SA)}, answer;
	struct proposals offer;
	struct ike_ts_list tsi, tsr;
	struct hand_enc e;
	uint8_t spi[4], zeroes[NONCE_LEN] = {0};
	struct wr w = wr_init(spi, sizeof spi);
	wr_u32(&w, old);
	suite_to_proposal(&suite, PROTO_ESP, 1, THEIR_SPI, 4, false, &offer);
	ts_ours(conf_tunnel(p->b->conf, 0), &p->b->addr, &p->a->addr, &tsi, &tsr);
	hand_begin(&e, &ask);
	ike_enc_notify(&e.enc, PROTO_ESP, SPAN(spi, sizeof spi), N_REKEY_SA, SPAN(NULL, 0));
	ike_enc_notify(&e.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	ike_enc_sa(&e.enc, &offer);
	ike_enc_nonce(&e.enc, SPAN(zeroes, sizeof zeroes));
	ike_enc_ts(&e.enc, P_TSI, &tsi);
	ike_enc_ts(&e.enc, P_TSR, &tsr);
	return hand_end(&e) && hand_ask(p->b, sa, &ask, &answer) && !hand_notify(&answer, N_TEMPORARY_FAILURE, &(struct ike_notify){0});
}

static bool ask_delete(struct pair *p, struct ike_sa *sa, uint32_t spi)
{
	struct hand ask = {.h = hand_request(sa, INFORMATIONAL)}, answer;
	struct hand_enc e;
	hand_begin(&e, &ask);
	ike_enc_delete_esp(&e.enc, &spi, 1);
	return hand_end(&e) && hand_ask(p->b, sa, &ask, &answer);
}

static uint32_t deleted[8];
static unsigned n_deleted;

/* The children that a asks to have deleted, each once. */
static bool see_deletes(struct sim *s, struct sim_packet *p)
{
	struct ike_sa *sa = hand_sa(p->from, ST_ESTABLISHED);
	struct hand h;
	struct ike_payloads pl;
	struct ike_delete d;
	if (p->from != s->node[0] || p->response || p->exchange != INFORMATIONAL || !hand_open(s, &sa->tx, p->p, p->n, &h) ||
	    !hand_payloads(&h, &pl))
		return true;
	const struct ike_payload *del = ike_payload_find(&pl, P_D);
	if (!del || ike_delete_decode(del->body, &d) != WIRE_OK)
		return true;
	uint32_t spi = ike_delete_spi(&d, 0);
	if (n_deleted < ARRAY_LEN(deleted) && (n_deleted == 0 || deleted[n_deleted - 1] != spi))
		deleted[n_deleted++] = spi;
	return true;
}

/* Its own child is in use and the old one deleted before it answers our rekey. Whatever the nonces say: were ours to stay, each end
 * would send on another SA, and a little later we would delete the one that the peer uses. */
static void the_peer_has_decided(void **state)
{
	(void)state;
	struct pair p = pair_run(1, BASE_START, BASE, DUR_S(5));
	struct ike_sa *of_b = hand_sa(p.b, ST_ESTABLISHED);
	uint32_t old = hand_child(p.b, CH_UP)->p.in.spi;
	n_deleted = 0;
	p.s->loss = 1000;
	rekey_child(p.a); /* is lost the first time */
	CHECK(p, ask_rekey(&p, of_b, old) && hand_child(p.a, CH_UP)->half);
	CHECK(p, ask_delete(&p, of_b, old) && p.a->n_sas == 2 && p.a->n_early == 0 && p.a->sa[1].sa.out.spi == THEIR_SPI);
	uint32_t theirs = p.a->sa[1].sa.in.spi, ours = hand_child(p.a, CH_SENT)->p.in.spi;
	p.s->loss = 0;
	p.s->tap = see_deletes;
	sim_run(p.s, DUR_S(4));
	CHECK(p, sim_noted(p.b, "is rekeyed by") && sim_noted(p.a, "CHILD_SA rekey collision lost"));
	p.b->cut = true; /* that it finds no child of its own there is another story */
	sim_run(p.s, DUR_S(15));
	CHECK(p, n_deleted == 1 && deleted[0] == ours);
	CHECK(p, p.a->n_sas == 1 && p.a->sa[0].sa.in.spi == theirs && p.a->n_spis == 0);
	CHECK(p, hand_child(p.a, CH_UP)->p.in.spi == theirs && p.a->ups == 2 && p.a->downs == 1 && p.a->faults == 0);
	pair_free(&p);
}

/* --- every pair of wishes, every packet lost --- */

enum wish { W_REKEY_CHILD, W_REKEY_IKE, W_DELETE_CHILD, W_DELETE_IKE, W_CHECK, W_N };
static const char *const wish_names[W_N] = {"rekey child", "rekey IKE", "delete child", "delete IKE", "check"};

static void wish(struct sim_node *n, enum wish w)
{
	struct child *c = hand_child(n, CH_UP);
	struct ike_sa *sa = hand_sa(n, ST_ESTABLISHED);
	switch (w) {
	case W_REKEY_CHILD:
		rekey_child(n);
		break;
	case W_REKEY_IKE:
		rekey_ike(n);
		break;
	case W_DELETE_CHILD:
		if (c)
			sim_cmd(n, IKE_CMD_DOWN_CHILD, c->id);
		break;
	case W_DELETE_IKE:
		if (sa)
			sim_cmd(n, IKE_CMD_DOWN_IKE, sa->id);
		break;
	default:
		check_peer(n);
	}
}

static unsigned seen, lost_first, lost_n;

static bool lose(struct sim *s, struct sim_packet *p)
{
	(void)s;
	(void)p;
	unsigned i = seen++;
	return i < lost_first || i >= lost_first + lost_n;
}

/* mess: each packet comes twice, and none when it should. */
static void one_case(enum wish wa, enum wish wb, unsigned step, unsigned first, unsigned n, uint64_t seed, bool mess)
{
	struct pair p = pair_run(seed, BASE_START, BASE, DUR_S(5));
	p.s->delay_min = mess ? DUR_MS(1) : DUR_MS(9);
	p.s->delay_max = mess ? DUR_MS(60) : DUR_MS(11);
	p.s->dup = mess ? 1000 : 0;
	bool rekeys = wa != W_DELETE_CHILD && wa != W_DELETE_IKE && wb != W_DELETE_CHILD && wb != W_DELETE_IKE;
	if (rekeys)
		p.s->watch = nothing_lost;
	seen = 0;
	lost_first = first;
	lost_n = n;
	p.s->tap = lose;
	wish(p.a, wa);
	sim_run(p.s, DUR_MS(40) * step / STEPS);
	wish(p.b, wb);
	sim_run(p.s, DUR_S(240));
	if (!sim_agree(p.a, p.b)) {
		sim_dump(p.s);
		fail_msg("%s, %u/%u of two round trips later %s, %u packets from the %uth on lost", wish_names[wa], step,
		         (unsigned)STEPS, wish_names[wb], n, first);
	}
	if (rekeys && sim_sent(p.a, IKE_SA_INIT, false) + sim_sent(p.b, IKE_SA_INIT, false) != 1) {
		sim_dump(p.s);
		fail_msg("%s, %s: a new IKE SA was not needed", wish_names[wa], wish_names[wb]);
	}
	pair_free(&p);
}

static void every_pair_with_each_packet_lost(void **state)
{
	(void)state;
	for (enum wish a = 0; a < W_N; a++) {
		for (enum wish b = 0; b < W_N; b++) {
			for (unsigned step = 0; step < STEPS; step++) {
				for (unsigned first = 0; first <= LOST_MAX; first++)
					one_case(a, b, step, first, 1, first + step * 100u, false);
			}
		}
	}
}

/* Two in a row: a request and what crosses it. */
static void every_pair_with_two_lost(void **state)
{
	(void)state;
	for (enum wish a = 0; a < W_N; a++) {
		for (enum wish b = 0; b < W_N; b++) {
			for (unsigned first = 0; first < LOST_MAX; first++)
				one_case(a, b, first % STEPS, first, 2, first, false);
		}
	}
}

static void every_pair_doubled_and_mixed_up(void **state)
{
	(void)state;
	for (enum wish a = 0; a < W_N; a++) {
		for (enum wish b = 0; b < W_N; b++) {
			for (unsigned seed = 0; seed < LOST_MAX; seed++)
				one_case(a, b, seed % STEPS, 0, 0, seed, true);
		}
	}
}

/* Wishes of both ends at random, on a bad network; then peace. */
static void at_random(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS * 4; seed++) {
		struct pair p = pair_run(seed, BASE_START, seed % 2 ? BASE_START : BASE, DUR_S(10));
		struct rng *r = &p.s->rng.rng;
		bool rekeys = rng_below(r, 2);
		p.s->loss = rng_below(r, 3) ? (unsigned)rng_below(r, 200) : 0;
		p.s->dup = (unsigned)rng_below(r, 100);
		p.s->delay_min = DUR_MS(1);
		p.s->delay_max = DUR_MS(1) << rng_below(r, 11);
		for (unsigned i = (unsigned)rng_below(r, 20); i > 0; i--) {
			sim_run(p.s, (dur_t)rng_below(r, (uint64_t)p.s->delay_max * 4));
			wish(rng_below(r, 2) ? p.a : p.b, rekeys ? (enum wish)rng_below(r, 2) : (enum wish)rng_below(r, W_N));
		}
		sim_run(p.s, DUR_S(20));
		p.s->loss = p.s->dup = 0;
		sim_run(p.s, DUR_S(400));
		AGREE(p);
		pair_free(&p);
	}
}

/* Both rekey all the time, on a network that loses a tenth and mixes up the rest. */
static void for_an_hour(void **state)
{
	(void)state;
	static const char *const life = "lifetime=30s\nmargintime=8s\nikelifetime=45s\nrekeyfuzz=100%";
	for (uint64_t seed = 0; seed < SEEDS / 6; seed++) {
		char a[256], b[256];
		snprintf(a, sizeof a, BASE_START "%s", life);
		snprintf(b, sizeof b, BASE "%s", life);
		struct pair p = pair_new(seed);
		pair_conf(&p, a, b);
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		p.s->loss = 100;
		p.s->dup = 50;
		p.s->delay_max = DUR_MS(400);
		sim_run(p.s, DUR_S(600));
		CHECK(p, p.a->faults + p.b->faults == 0 && !p.s->stuck);
		p.s->loss = p.s->dup = 0;
		sim_run(p.s, DUR_S(180));
		CHECK(p, sim_until(p.s, DUR_S(10), pair_agrees)); /* between two rekeys */
		sim_cmd(p.a, IKE_CMD_DOWN, 0);
		sim_cmd(p.b, IKE_CMD_DOWN, 0);
		sim_run(p.s, DUR_S(60));
		CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_sas + p.b->n_sas == 0);
		CHECK(p, p.a->ups == p.a->downs && p.b->ups == p.b->downs && p.a->n_spis + p.b->n_spis == 0);
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_cross),
		cmocka_unit_test(children_cross_in_a_long_silence),
		cmocka_unit_test(ike_sas_cross),
		cmocka_unit_test(child_and_ike_cross),
		cmocka_unit_test(rekey_and_delete_cross),
		cmocka_unit_test(child_closes_in_what_goes),
		cmocka_unit_test(the_peer_has_decided),
		cmocka_unit_test(every_pair_with_each_packet_lost),
		cmocka_unit_test(every_pair_with_two_lost),
		cmocka_unit_test(every_pair_doubled_and_mixed_up),
		cmocka_unit_test(at_random),
		cmocka_unit_test(for_an_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
