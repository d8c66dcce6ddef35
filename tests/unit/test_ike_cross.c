/* Two engines on virtual time whose set-ups cross: which SA stays, that one stays, and what uniqueids says of SAs that do not
 * cross. tests/sim/sim.h says what the words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <stdlib.h>

#ifdef GRETEL_SANITIZED
enum { BOTH_SEEDS = 150 };
#else
enum { BOTH_SEEDS = 500 };
#endif

static void both_begin_at_once(void **state)
{
	(void)state;
	unsigned one_try = 0;
	for (uint64_t seed = 0; seed < BOTH_SEEDS; seed++) {
		struct pair p = pair_new(seed);
		p.s->delay_min = DUR_MS(1);
		p.s->delay_max = seed % 3 == 0 ? DUR_MS(2) : seed % 3 == 1 ? DUR_MS(150) : DUR_S(2);
		pair_conf(&p, "auto=start", "auto=start");
		assert_true(sim_start(p.b));
		sim_run(p.s, (dur_t)rng_below(&p.s->rng.rng, (uint64_t)p.s->delay_max));
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_S(30));
		CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 1 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 1);
		CHECK(p, sim_common(p.a, p.b) == 1 && p.a->n_sas == 1 && p.b->n_sas == 1);
		CHECK(p, p.a->ups == p.a->downs + 1 && p.b->ups == p.b->downs + 1);
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		/* Up to sixteen seconds may pass in the slow one: a report of silence is right then. */
		CHECK(p, seed % 3 == 2 || (sim_told_n(p.a, IKE_EV_FAILED) == 0 && sim_told_n(p.b, IKE_EV_FAILED) == 0));
		/* At most one SA too many at each end, and nobody begins a second time. */
		CHECK(p, p.a->ups <= 2 && p.b->ups <= 2 && sim_sent(p.a, IKE_AUTH, false) <= 1 + (seed % 3 == 2) * 3);
		one_try += p.a->ups == 1 && p.b->ups == 1;
		pair_free(&p);
	}
	assert_true(one_try > BOTH_SEEDS / 8 && one_try < BOTH_SEEDS); /* both ways were taken */
}

/* RFC 7296 2.4: who is being called at this moment does not claim to have the only IKE SA. strongSwan would end the one that it has just
 * set up, and we our own, whose nonce is the lowest. */
static unsigned claims;

static bool claimed(struct sim *s, struct sim_packet *p)
{
	struct ike_hdr h;
	struct hand hand;
	struct ike_notify n;
	if (p->exchange != IKE_AUTH || p->response)
		return true;
	assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &h), WIRE_OK);
	struct ike_sa *sa = hand_sa_by_spi(p->from, h.spi_i);
	assert_true(sa && hand_open(s, &sa->tx, p->p, p->n, &hand));
	claims += hand_notify(&hand, N_INITIAL_CONTACT, &n);
	return true;
}

static void the_only_one(void **state)
{
	(void)state;
	for (int both = 0; both <= 1; both++) {
		struct pair p = pair_new(7);
		claims = 0;
		p.s->tap = claimed;
		pair_conf(&p, "auto=start", both ? "auto=start" : "");
		assert_true(sim_start(p.a) && sim_start(p.b));
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		CHECK(p, claims == (both ? 0 : 1) && sim_sent(p.a, IKE_AUTH, false) == 1 && sim_sent(p.b, IKE_AUTH, false) == (unsigned)both);
		pair_free(&p);
	}
}

/* Others do. What is up when such a claim arrives does not end for it, when it was under way already as the claim's own set-up began. */
static bool claim(struct sim *s, struct sim_packet *p)
{
	struct ike_hdr h;
	struct hand hand;
	uint8_t out[HAND_MAX + 256];
	if (p->exchange != IKE_AUTH || p->response)
		return true;
	assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &h), WIRE_OK);
	struct ike_sa *sa = hand_sa_by_spi(p->from, h.spi_i);
	assert_true(sa && hand_open(s, &sa->tx, p->p, p->n, &hand) && hand.n + 8 <= HAND_MAX);
	memmove(hand.plain + 8, hand.plain, hand.n);
	memcpy(hand.plain, (uint8_t[]){hand.first, 0, 0, 8, 0, 0, N_INITIAL_CONTACT >> 8, N_INITIAL_CONTACT & 255}, 8);
	hand.first = P_N;
	hand.n += 8;
	size_t n = hand_seal(s, &sa->tx, &hand, out);
	free(p->p);
	p->p = malloc(n);
	assert_non_null(p->p);
	memcpy(p->p, out, n);
	p->n = n;
	if (p->from == s->node[0])
		p->late = DUR_MS(200); /* its own attempt is up by then */
	return true;
}

static void claims_that_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 16; seed++) {
		struct pair p = pair_new(seed);
		p.s->tap = claim;
		pair_conf(&p, "auto=start", "auto=start");
		assert_true(sim_start(p.a) && sim_start(p.b));
		sim_run(p.s, DUR_MS(500));
		CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 2 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 2);
		CHECK(p, !sim_noted(p.a, "received INITIAL_CONTACT") && !sim_noted(p.b, "received INITIAL_CONTACT"));
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		pair_free(&p);
	}
}

/* RFC 7296 2.8.1: of four nonces the lowest decides; the initiator of its SA deletes it, or the other end does later. */
static bool mute;

static bool no_deletes_of(struct sim *s, struct sim_packet *p)
{
	return !(mute && p->from == s->arg && p->exchange == INFORMATIONAL && !p->response);
}

static void the_lowest_nonce_loses(void **state)
{
	(void)state;
	unsigned a_lost = 0, b_lost = 0;
	for (uint64_t seed = 0; seed < 16; seed++) {
		struct pair p = pair_run(seed, "auto=start", "auto=start", DUR_MS(500));
		CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 2 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 2);
		const struct ike_sa *ours = NULL, *theirs = NULL;
		LIST_EACH (it, tmp, &p.a->ike->sas) {
			const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
			*(sa->initiator ? &ours : &theirs) = sa;
		}
		bool a_loses = memcmp(ours->lowest_nonce, theirs->lowest_nonce, NONCE_KEEP) < 0;
		uint64_t stays = (a_loses ? theirs : ours)->spi_i;
		*(a_loses ? &a_lost : &b_lost) += 1;
		mute = seed % 2;
		p.s->tap = no_deletes_of;
		p.s->arg = a_loses ? p.a : p.b;
		sim_run(p.s, mute ? DUR_MS(4500) : DUR_MS(1000));
		struct sim_node *loser = a_loses ? p.a : p.b, *other = a_loses ? p.b : p.a;
		CHECK(p, sim_sent(loser, INFORMATIONAL, false) >= 1 && sim_sent(other, INFORMATIONAL, false) == 0);
		CHECK(p, sim_ikes(loser, IKE_S_ESTABLISHED) == 1 && sim_ikes(other, IKE_S_ESTABLISHED) == 1u + mute);
		CHECK(p, hand_sa(loser, ST_ESTABLISHED)->spi_i == stays && sim_common(p.a, p.b) >= 1);
		sim_run(p.s, DUR_S(1));
		CHECK(p, sim_ikes(other, IKE_S_ESTABLISHED) == 1 && hand_sa(p.b, ST_ESTABLISHED)->spi_i == stays);
		mute = false;
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		CHECK(p, hand_sa(p.a, ST_ESTABLISHED)->spi_i == stays);
		pair_free(&p);
	}
	assert_true(a_lost > 2 && b_lost > 2);
}

static void conf_unique(struct sim_node *n, struct sim_node *peer, const char *uniqueids, const char *keys)
{
	char text[1024], right[ADDR_TEXT];
	struct sbuf b = SB(text);
	sb_printf(&b,
	          "config setup\n\tuniqueids=%s\nconn t\n\tright=%s\n\tleftprotoport=47\n\trightprotoport=47\n"
	          "\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tauthby=secret\n\ttype=transport\n"
	          "\tkeyexchange=ikev2\n\tdpdaction=none\n\t%s\n",
	          uniqueids, addr_str(&peer->addr, right), keys);
	assert_true(sim_conf_text(n, text, NULL, NULL));
}

/* A comes back from a restart: what B does with what it had. */
static void uniqueids(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		unsigned ikes, at_once; /* what B has at the end, and soon after A has come back */
		bool told, first;       /* INITIAL_CONTACT was heeded; the first one is the one that stays */
	} cases[] = {
		{"yes", "yes", 1, 2, true, false},  {"never", "yes", 1, 2, false, false},
		{"yes", "no", 1, 2, true, false},   {"yes", "never", 1, 2, false, false},
		/* keep is about another host of this name; from the same address it is the same host, which needs its tunnel */
		{"never", "no", 2, 2, false, true}, {"never", "keep", 1, 2, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = pair_new(30);
		conf_unique(p.a, p.b, cases[i].a, "auto=start");
		conf_unique(p.b, p.a, cases[i].b, "auto=add");
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		uint64_t first = hand_sa(p.b, ST_ESTABLISHED)->spi_i;
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_S(1));
		CHECK(p, sim_ikes(p.b, IKE_S_ESTABLISHED) == cases[i].at_once);
		CHECK(p, sim_noted(p.b, "received INITIAL_CONTACT") == cases[i].told);
		sim_stop(p.a); /* so that it does not begin once more where it is refused */
		sim_run(p.s, DUR_S(60));
		CHECK(p, sim_ikes(p.b, IKE_S_ESTABLISHED) == cases[i].ikes);
		bool stays = false;
		LIST_EACH (it, tmp, &p.b->ike->sas)
			stays |= LIST_ENTRY(it, struct ike_sa, link)->spi_i == first;
		CHECK(p, stays == cases[i].first);
		pair_free(&p);
	}
}

/* Once the tunnel is up by the peer's attempt, a failed attempt of our own is no reason for another. */
static bool a_is_not_heard(struct sim *s, struct sim_packet *p)
{
	return !(p->from == s->node[0] && p->exchange == IKE_SA_INIT && !p->response);
}

static void a_failed_attempt_beside_an_established_one(void **state)
{
	(void)state;
	struct pair p = pair_new(3);
	p.s->tap = a_is_not_heard;
	pair_conf(&p, "auto=start", "auto=start");
	pair_start(&p);
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_common(p.a, p.b) == 1 && p.a->ups == 1);
	sim_run(p.s, DUR_S(600));
	AGREE(p);
	unsigned n = sim_sent(p.a, IKE_SA_INIT, false);
	sim_run(p.s, DUR_S(1200));
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == n && p.a->ups == 1 && p.b->ups == 1);
	TEXT(p, sim_why(p.a), "");
	pair_free(&p);
}

/* The winner is closed before the loser has gone: a wanted tunnel comes back. */
static void the_winner_ends_first(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		for (int who = 0; who < 2; who++) {
			struct pair p = pair_run(seed, "auto=start", "auto=start", DUR_MS(500));
			struct sim_node *n = who ? p.b : p.a;
			CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 2);
			LIST_EACH (it, tmp, &n->ike->sas) {
				struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
				if (!sa->replaced) {
					sim_cmd(n, IKE_CMD_DOWN_IKE, sa->id);
					break;
				}
			}
			sim_run(p.s, DUR_S(60));
			CHECK(p, sim_common(p.a, p.b) == 1 && sim_ikes(p.a, IKE_S_ESTABLISHED) == 1);
			pair_free(&p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_begin_at_once),
		cmocka_unit_test(the_only_one),
		cmocka_unit_test(claims_that_cross),
		cmocka_unit_test(the_lowest_nonce_loses),
		cmocka_unit_test(uniqueids),
		cmocka_unit_test(a_failed_attempt_beside_an_established_one),
		cmocka_unit_test(the_winner_ends_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
