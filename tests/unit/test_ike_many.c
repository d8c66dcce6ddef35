/* right=%any: a peer that nobody can call is renewed, guarded and limited like one that has an address; on virtual time.
 * tests/sim/sim.h says what the words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>
#include <stdio.h>

enum { SEEDS = 10 };

static bool seen_common;

static void never_without(struct sim *s)
{
	bool common = sim_common(s->node[0], s->node[1]) >= 1;
	if (seen_common && !common) {
		sim_dump(s);
		fail_msg("at %f there is no common SA pair", (double)s->now / 1e9);
	}
	seen_common |= common;
}

/* A spoke whose own SAs have no end, and a hub whose SAs have: the successors are the hub's doing. */
static struct pair spoke_and_hub(uint64_t seed, const char *life)
{
	struct pair p = pair_new(seed);
	assert_true(sim_conf(p.a, p.b, "auto=start\nrekey=no\nleftid=@a.example.org", NULL));
	assert_true(sim_conf(p.b, NULL, life, NULL));
	p.s->delay_max = DUR_MS(80);
	return p;
}

/* rekeys: in the SAs that are there, else by new ones. */
static void outlive(struct pair *p, dur_t d, unsigned at_least, bool rekeys)
{
	seen_common = false;
	p->s->watch = never_without;
	pair_start(p);
	for (dur_t t = 0; t < d; t += DUR_S(1)) {
		sim_run(p->s, DUR_S(1));
		CHECK(*p, p->a->n_sas <= 2 && p->b->n_sas <= 2 && p->a->faults + p->b->faults == 0);
	}
	CHECK(*p, p->b->ups >= at_least && p->b->ups - p->b->downs <= 2 && p->a->ups == p->b->ups);
	CHECK(*p, sim_sent(p->a, IKE_SA_INIT, false) == 1 &&
	                  sim_sent(p->b, rekeys ? CREATE_CHILD_SA : IKE_SA_INIT, false) >= at_least - 1);
	CHECK(*p, !rekeys || sim_sent(p->b, IKE_SA_INIT, false) == 0);
	CHECK(*p, sim_told_n(p->a, IKE_EV_FAILED) == 0 && sim_told_n(p->b, IKE_EV_FAILED) == 0);
	p->s->watch = NULL;
	sim_cmd(p->a, IKE_CMD_DOWN, 0);
	sim_run(p->s, DUR_S(35));
	CHECK(*p, ike_idle(p->a->ike) && ike_idle(p->b->ike) && p->a->n_sas == 0 && p->b->n_sas == 0);
}

static void the_hub_renews(void **state)
{
	(void)state;
	static const char *const life[] = {"lifetime=40s\nmargintime=10s", "ikelifetime=40s\nmargintime=10s",
	                                   "ikelifetime=40s\nmargintime=10s\nrightid=@a.example.org",
	                                   "ikelifetime=40s\nmargintime=10s\nrightid=*.example.org"};
	for (size_t i = 0; i < ARRAY_LEN(life); i++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct pair p = spoke_and_hub(seed, life[i]);
			outlive(&p, DUR_S(300), 8, i == 0);
			pair_free(&p);
		}
	}
}

/* Through a NAT that nothing passes but what the spoke has opened: the hub calls on the port that is open. */
static void the_hub_renews_through_nat(void **state)
{
	(void)state;
	for (int ports = 0; ports <= 1; ports++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct pair p = spoke_and_hub(seed, seed % 2 ? "lifetime=40s\nmargintime=10s" : "ikelifetime=40s\nmargintime=10s");
			sim_behind(p.a, PUBLIC_A, ports);
			outlive(&p, DUR_S(300), 8, seed % 2);
			pair_free(&p);
		}
	}
}

/* What keeps a renewal from being made does not end the tunnel before its time: it is tried again until then. */
static void a_renewal_that_fails_is_tried_again(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = spoke_and_hub(seed, "ikelifetime=60s\nmargintime=30s\nrekeyfuzz=0%");
		p.s->watch = never_without;
		seen_common = false;
		pair_start(&p);
		sim_run(p.s, DUR_S(29));
		p.b->fail_spi = -ENOSPC;
		sim_run(p.s, DUR_S(15));
		CHECK(p, sim_sent(p.b, IKE_SA_INIT, false) >= 3 && p.b->ups == 1);
		CHECK(p, sim_sent(p.b, IKE_SA_INIT, false) <= 5 && sim_told_n(p.b, IKE_EV_FAILED) == 0);
		p.b->fail_spi = 0;
		sim_run(p.s, DUR_S(10));
		CHECK(p, p.b->ups == 2 && p.a->ups == 2 && sim_common(p.a, p.b) == 1);
		p.s->watch = NULL;
		pair_free(&p);
	}
}

/* Two spokes whose renewals fall together, one by the hub, one by itself: neither is taken for the other's. */
static void two_spokes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p = spoke_and_hub(seed, "ikelifetime=40s\nmargintime=10s\nrekeyfuzz=0%");
		struct sim_node *c = sim_host(p.s, "c", "198.51.100.77");
		p.s->delay_max = DUR_MS(300);
		assert_true(sim_conf(c, p.b, "auto=start\nikelifetime=40s\nmargintime=10s\nrekeyfuzz=0%\nleftid=@c.example.org", NULL));
		pair_start(&p);
		assert_true(sim_start(c));
		for (int i = 0; i < 20; i++) {
			sim_run(p.s, DUR_S(15));
			CHECK(p, sim_common(p.a, p.b) >= 1 && sim_common(c, p.b) >= 1);
		}
		CHECK(p, p.a->ups >= 8 && c->ups >= 8 && sim_sent(p.a, IKE_SA_INIT, false) == 1);
		sim_cmd(p.a, IKE_CMD_DOWN, 0);
		sim_run(p.s, DUR_S(40));
		CHECK(p, sim_common(p.a, p.b) == 0 && sim_common(c, p.b) >= 1);
		sim_stop(c);
		pair_free(&p);
	}
}

/* A renewal is with the peer that was there, whatever answers in its place. */
static void another_identity_does_not_renew(void **state)
{
	(void)state;
	/* With the percent sign the peer is not told whom we want, so it cannot refuse to be another. */
	struct pair p = spoke_and_hub(3, "ikelifetime=60s\nmargintime=30s\nrekeyfuzz=0%\nrightid=%*.example.org");
	pair_start(&p);
	sim_run(p.s, DUR_S(20));
	CHECK(p, sim_common(p.a, p.b) == 1);
	assert_true(sim_conf(p.a, p.b, "auto=add\nrekey=no\nleftid=@other.example.org", NULL));
	assert_true(sim_start(p.a)); /* the spoke crashed, and is somebody else now */
	sim_run(p.s, DUR_S(20));
	CHECK(p, sim_sent(p.b, IKE_SA_INIT, false) >= 1);
	CHECK(p, p.b->ups == 1 && sim_noted(p.b, "the peer is 'other.example.org', we expect 'a.example.org'"));
	sim_run(p.s, DUR_S(60));
	CHECK(p, p.b->n_sas == 0);
	pair_free(&p);
}

/* The guard of a peer that comes by itself is asked for when it is known who it is, before its SAs are in the kernel. */
static void the_peer_is_guarded_first(void **state)
{
	(void)state;
	struct pair p = spoke_and_hub(1, "");
	assert_true(sim_start(p.b));
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_told_n(p.b, IKE_EV_PEER_KNOWN) == 0);
	pair_start(&p);
	sim_run(p.s, DUR_S(3));
	const struct sim_told *known = sim_told_last(p.b, IKE_EV_PEER_KNOWN), *up = sim_told_last(p.b, IKE_EV_CHILD_UP);
	CHECK(p, known && up && known < up && known->at < up->at);
	pair_free(&p);
	p = spoke_and_hub(1, "");
	assert_true(sim_conf(p.a, p.b, "auto=start\nleftid=@a.example.org", ": PSK wrong"));
	pair_start(&p);
	sim_run(p.s, DUR_S(3));
	CHECK(p, sim_noted(p.b, "differs") && sim_told_n(p.b, IKE_EV_PEER_KNOWN) == 0);
	pair_free(&p);
}

/* uniqueids=keep is about another host of the same name: the first stays, and stays also when it is renewed. */
static void keep_is_about_another_host(void **state)
{
	(void)state;
	struct pair p = pair_new(5);
	struct sim_node *c = sim_host(p.s, "c", "198.51.100.77");
	assert_true(sim_conf(p.a, p.b, "auto=start\nleftid=@a.example.org\nlifetime=40s\nmargintime=10s", NULL));
	/* uniqueids=never: it does not say that it is the only one, which would count more than keep */
	assert_true(sim_conf_text(c,
	                          "config setup\n\tuniqueids=never\nconn t\n\tright=198.51.100.1\n\tleftprotoport=47\n"
	                          "\trightprotoport=47\n\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n"
	                          "\tauthby=secret\n\ttype=transport\n\tkeyexchange=ikev2\n\tauto=add\n"
	                          "\tleftid=@a.example.org\n",
	                          NULL, NULL));
	assert_true(sim_conf_text(p.b,
	                          "config setup\n\tuniqueids=keep\nconn t\n\tright=%any\n\tleftprotoport=47\n"
	                          "\trightprotoport=47\n\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n"
	                          "\tauthby=secret\n\ttype=transport\n\tkeyexchange=ikev2\n\trekey=no\n\tauto=add\n",
	                          NULL, NULL));
	p.s->watch = never_without;
	seen_common = false;
	pair_start(&p);
	assert_true(sim_start(c));
	sim_run(p.s, DUR_S(120));
	CHECK(p, p.a->ups >= 3 && sim_ikes(p.b, IKE_S_ESTABLISHED) <= 2);
	sim_cmd(c, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(5));
	sim_stop(c); /* so that it does not begin once more */
	sim_run(p.s, DUR_S(60));
	CHECK(p, sim_common(p.a, p.b) >= 1 && sim_noted(p.b, "uniqueids=keep"));
	p.s->watch = NULL;
	pair_free(&p);
}

/* What was shown last may go, and the one behind it: a listing goes on with what is there. */
static void a_listing_goes_on(void **state)
{
	(void)state;
	enum { SPOKES = 6 };
	static const char *const names[SPOKES] = {"s0", "s1", "s2", "s3", "s4", "s5"};
	struct sim *s = sim_new(5);
	struct sim_node *hub = sim_host(s, "hub", "198.51.100.1");
	assert_true(sim_conf(hub, NULL, "leftid=@hub", NULL) && sim_start(hub));
	for (int i = 0; i < SPOKES; i++) {
		char addr[24], keys[64];
		snprintf(addr, sizeof addr, "192.0.2.%d", i + 1);
		snprintf(keys, sizeof keys, "auto=start\nleftid=@%s\nrightid=@hub", names[i]);
		struct sim_node *n = sim_host(s, names[i], addr);
		assert_true(sim_conf(n, hub, keys, NULL) && sim_start(n));
		sim_run(s, DUR_S(1));
	}
	struct ike_sa_view v;
	struct ike_child_view c;
	uint32_t ids[SPOKES], at = 0, of = 0, n = 0;
	while (ike_next_sa(hub->ike, &at, &v))
		ids[n++] = v.ike_id;
	assert_int_equal(n, SPOKES);
	at = 0;
	for (int i = 0; i < 3; i++)
		assert_true(ike_next_sa(hub->ike, &at, &v) && ike_next_child(hub->ike, &of, &c) && v.ike_id == ids[i] && c.ike_id == ids[i]);
	for (int i = 2; i < 4; i++) {
		s->node[1 + i]->cut = true;
		sim_cmd(hub, IKE_CMD_DOWN_IKE, ids[i]);
	}
	sim_run(s, DUR_S(40));
	assert_int_equal(sim_all_ikes(hub), SPOKES - 2);
	for (int i = 4; i < SPOKES; i++)
		assert_true(ike_next_sa(hub->ike, &at, &v) && ike_next_child(hub->ike, &of, &c) && v.ike_id == ids[i] && c.ike_id == ids[i]);
	assert_false(ike_next_sa(hub->ike, &at, &v) || ike_next_child(hub->ike, &of, &c));
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hub_renews),
		cmocka_unit_test(the_hub_renews_through_nat),
		cmocka_unit_test(a_renewal_that_fails_is_tried_again),
		cmocka_unit_test(two_spokes),
		cmocka_unit_test(another_identity_does_not_renew),
		cmocka_unit_test(the_peer_is_guarded_first),
		cmocka_unit_test(keep_is_about_another_host),
		cmocka_unit_test(a_listing_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
