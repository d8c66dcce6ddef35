/* Our own rekeys of child SAs and IKE SAs, one at a time: what they say and how often, that no packet is lost, and what comes
 * of a peer that refuses. tests/sim/sim.h and rekey.h say what the words mean. */
#include "../sim/rekey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- children --- */

static void child_by_command(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct pair p = pair_run(1, BASE_START, BASE, DUR_S(5));
		struct sim_node *us = who ? p.b : p.a, *peer = who ? p.a : p.b;
		struct counts us0 = counts_of(us), peer0 = counts_of(peer);
		uint32_t reqid = us->sa[0].sa.reqid, old = us->sa[0].sa.in.spi;
		p.s->watch = nothing_lost;
		rekey_child(us);
		sim_run(p.s, DUR_S(1));
		/* HDR, SK {N(REKEY_SA), N(USE_TRANSPORT_MODE), SA, Ni, TSi, TSr} -->  then HDR, SK {D} --> */
		CHECK(p, sent_since(us, &us0, 1, 0, 1, 0) && sent_since(peer, &peer0, 0, 1, 0, 1));
		CHECK(p, sim_common(p.a, p.b) == 2); /* the old ones take what is on its way */
		CHECK(p, us->ups == 2 && us->downs == 0 && peer->ups == 2 && peer->downs == 0);
		CHECK(p, us->sa[1].sa.reqid == reqid && us->sa[1].sa.in.spi != old);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		CHECK(p, us->downs == 1 && peer->downs == 1 && us->sa[0].sa.in.spi != old);
		CHECK(p, sent_since(us, &us0, 1, 0, 1, 0) && sent_since(peer, &peer0, 0, 1, 0, 1));
		pair_free(&p);
	}
}

/* RFC 7296 2.8: the responder sends on the new SA only when the initiator has it for certain. */
static bool no_delete(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return p->exchange != INFORMATIONAL || p->response;
}

static unsigned in_use(const struct sim_node *n)
{
	struct ike_child_view v;
	unsigned found = 0;
	for (uint32_t at = 0; ike_next_child(n->ike, &at, &v);)
		found += v.in_use;
	return found;
}

static void responder_waits_for_the_delete(void **state)
{
	(void)state;
	struct pair p = pair_run(2, BASE_START, BASE, DUR_S(5));
	p.s->watch = nothing_lost;
	p.s->tap = no_delete;
	rekey_child(p.a);
	sim_run(p.s, DUR_S(20));
	CHECK(p, p.a->n_sas == 2 && p.b->n_sas == 1 && p.b->n_early == 1 && p.b->ups == 1);
	CHECK(p, in_use(p.a) == 1 && in_use(p.b) == 1); /* `gretel rekey` finds one at any time */
	sim_run(p.s, DUR_S(15)); /* half a minute of silence is long enough */
	CHECK(p, p.b->n_sas == 2 && p.b->n_early == 0 && p.b->ups == 2);
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(60));
	AGREE(p);
	pair_free(&p);
	/* Any other request says the same. */
	p = pair_run(2, BASE_START "dpdaction=restart\ndpddelay=30", BASE, DUR_S(5));
	p.s->watch = nothing_lost;
	rekey_child(p.a);
	sim_run(p.s, DUR_MS(25));
	CHECK(p, p.b->n_early == 1 || p.b->n_sas == 2);
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	pair_free(&p);
}

static void child_by_time(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		for (uint64_t seed = 0; seed < 5; seed++) {
			static const char *const life = "lifetime=60s\nmargintime=20s\nrekeyfuzz=50%";
			char a[256], b[256];
			snprintf(a, sizeof a, BASE_START "%s", who ? "rekey=no" : life);
			snprintf(b, sizeof b, BASE "%s", who ? life : "rekey=no");
			struct pair p = pair_run(seed, a, b, DUR_S(1));
			struct sim_node *us = who ? p.b : p.a;
			struct ike_child_view v;
			uint32_t at = 0;
			CHECK(p, ike_next_child(us->ike, &at, &v) && v.rekey_at >= v.since + DUR_S(30) &&
			                 v.rekey_at <= v.since + DUR_S(40));
			p.s->watch = nothing_lost;
			sim_run(p.s, DUR_S(600));
			CHECK(p, us->ups >= 15 && us->ups <= 21 && p.a->ups == p.b->ups);
			CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 && sim_sent(us, CREATE_CHILD_SA, false) == us->ups - 1);
			CHECK(p, p.a->faults + p.b->faults == 0 && p.a->n_sas <= 2 && p.b->n_sas <= 2);
			pair_free(&p);
		}
	}
}

static void child_by_octets_and_packets(void **state)
{
	(void)state;
	struct pair p = pair_run(3, BASE_START "lifebytes=1000000\nmarginbytes=100000\nlifepackets=5000\nmarginpackets=500",
	                         BASE, DUR_S(5));
	const struct lifetime *l = &p.a->sa[0].sa.life;
	CHECK(p, l->hard_bytes == 1000000 && l->soft_bytes <= 900000 && l->soft_bytes >= 800000);
	CHECK(p, l->hard_packets == 5000 && l->soft_packets <= 4500 && l->soft_packets >= 4000);
	p.s->watch = nothing_lost;
	for (int which = 0; which < 2; which++) {
		struct ike_fact f = {.type = IKE_FACT_EXPIRE};
		const struct child_sa *sa = &p.a->sa[0].sa;
		f.spi = which ? sa->out.spi : sa->in.spi;
		struct counts a0 = counts_of(p.a);
		sim_report(p.a, &f);
		sim_report(p.a, &f); /* the kernel says it for either direction */
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		CHECK(p, sent_since(p.a, &a0, 1, 0, 1, 0));
	}
	CHECK(p, p.a->ups == 3);
	pair_free(&p);
}

/* The hard end is the end, however the old one was to be replaced. */
static void hard_end(void **state)
{
	(void)state;
	struct pair p = pair_run(4, BASE_START "lifetime=100s\nmargintime=50s\nrekeyfuzz=0%", BASE, DUR_S(45));
	p.b->cut = true;
	sim_run(p.s, DUR_S(54));
	CHECK(p, p.a->n_sas == 1 && p.a->downs == 0);
	sim_run(p.s, DUR_S(2));
	CHECK(p, p.a->n_sas == 0 && p.a->downs == 1);
	TEXT(p, sim_told_last(p.a, IKE_EV_CHILD_DOWN)->reason, "its lifetime ended");
	p.b->cut = false;
	sim_run(p.s, DUR_S(100));
	CHECK(p, sim_common(p.a, p.b) >= 1 && p.a->n_spis == 0);
	pair_free(&p);
}

/* --- PFS --- */

static void pfs(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		uint16_t group;
		unsigned asked;
	} cases[] = {
		{"aes128-sha256-x25519!", "aes128-sha256-x25519!", DH_CURVE25519, 1},
		{"aes128-sha256-x25519!", "aes128-sha256!", DH_CURVE25519, 1}, /* B leaves it to us */
		{"aes128-sha256!", "aes128-sha256-x25519!", DH_CURVE25519, 2}, /* B insists: with the IKE SA's group, then */
		{"aes128-sha256!", "aes128-sha256-ecp256!", DH_ECP_256, 0},    /* which it is not */
		{"aes128-sha256-ecp256-x25519!", "aes128-sha256-x25519!", DH_CURVE25519, 2}, /* INVALID_KE_PAYLOAD */
		{"aes128-sha256-x25519,aes128-sha256!", "aes128-sha256!", DH_CURVE25519, 1},
		{"aes256-sha256-ecp256,aes128-sha256-x25519!", "aes128-sha256-x25519!", DH_CURVE25519, 2},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char a[256], b[256];
		snprintf(a, sizeof a, "auto=start\nike=aes128-sha256-x25519!\nreauth=no\nesp=%s", cases[i].a);
		snprintf(b, sizeof b, "ike=aes128-sha256-x25519!\nreauth=no\nesp=%s", cases[i].b);
		struct pair p = pair_run(5, a, b, DUR_S(5));
		struct counts a0 = counts_of(p.a);
		p.s->watch = nothing_lost;
		rekey_child(p.a);
		sim_run(p.s, DUR_S(20));
		AGREE(p);
		if (!cases[i].asked) { /* a new IKE SA helps */
			CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2 && sim_noted(p.a, "is PFS the same on both sides?"));
			pair_free(&p);
			continue;
		}
		CHECK(p, sent_since(p.a, &a0, cases[i].asked, 0, 1, 0) && p.a->ups == 2);
		CHECK(p, hand_child(p.a, CH_UP)->p.suite.dh == cases[i].group &&
		                 hand_child(p.b, CH_UP)->p.suite.dh == cases[i].group);
		/* What it learned it remembers. */
		a0 = counts_of(p.a);
		rekey_child(p.a);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		CHECK(p, sent_since(p.a, &a0, 1, 0, 1, 0));
		pair_free(&p);
	}
}

/* --- refusals --- */

static void temporary_failure(void **state)
{
	(void)state;
	struct pair p = pair_run(6, BASE_START, BASE, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.b, ST_ESTABLISHED);
	struct counts a0 = counts_of(p.a);
	p.s->watch = nothing_lost;
	sa->replaced = true;
	rekey_child(p.a);
	sim_run(p.s, DUR_MS(500));
	/* RFC 7296 2.25: not at once */
	CHECK(p, sent_since(p.a, &a0, 1, 0, 0, 0) && p.a->n_spis == 0 && sim_noted(p.a, "received TEMPORARY_FAILURE notify"));
	sim_run(p.s, DUR_S(3));
	CHECK(p, counts_of(p.a).create >= a0.create + 2);
	sa->replaced = false;
	sim_run(p.s, DUR_S(30));
	AGREE(p);
	CHECK(p, p.a->ups == 2 && sim_sent(p.a, IKE_SA_INIT, false) == 1);
	/* For ever: a new IKE SA. */
	hand_sa(p.b, ST_ESTABLISHED)->replaced = true;
	rekey_child(p.a);
	sim_run(p.s, DUR_S(120));
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2 && sim_common(p.a, p.b) >= 1);
	pair_free(&p);
}

/* RFC 7296 2.25: the peer has lost the child. */
static void child_not_found(void **state)
{
	(void)state;
	struct pair p = pair_run(7, BASE_START, BASE, DUR_S(5));
	hand_child(p.b, CH_UP)->p.out.spi ^= 1;
	rekey_child(p.a);
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_noted(p.a, "received CHILD_SA_NOT_FOUND notify"));
	CHECK(p, sim_common(p.a, p.b) == 1 && sim_sent(p.a, IKE_SA_INIT, false) == 2);
	sim_run(p.s, DUR_S(60));
	AGREE(p);
	pair_free(&p);
}

/* A child that the peer does not know yet, since our answer is lost again and again, is none that it has lost. */
static bool no_answer_to_2(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return p->exchange != CREATE_CHILD_SA || !p->response || p->msg_id != 2;
}

static void child_not_known_yet(void **state)
{
	(void)state;
	struct pair p = pair_run(8, BASE_START, BASE, DUR_S(5));
	p.s->tap = no_answer_to_2;
	rekey_child(p.a);
	sim_run(p.s, DUR_S(35));
	CHECK(p, p.b->ups == 2 && p.a->ups == 1); /* b sends on it nevertheless */
	rekey_child(p.b);
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_noted(p.b, "received TEMPORARY_FAILURE notify") && !sim_noted(p.b, "received CHILD_SA_NOT_FOUND notify"));
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(120));
	AGREE(p);
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) + sim_sent(p.b, IKE_SA_INIT, false) == 1);
	pair_free(&p);
}

static uint16_t drop_notify, drop_payload;
static bool dropped;

static bool is_dropped(uint8_t type, struct span body)
{
	struct ike_notify n;
	return type == drop_payload ||
	       (drop_notify && type == P_N && ike_notify_decode(body, &n) == WIRE_OK && n.type == drop_notify);
}

/* The answer of B to the first CREATE_CHILD_SA, changed. */
static bool change_answer(struct sim *s, struct sim_packet *p)
{
	struct sim_node *b = s->node[1];
	struct hand h;
	struct ike_hdr hdr;
	uint8_t out[HAND_MAX + 256];
	if (dropped || p->from != b || p->exchange != CREATE_CHILD_SA || !p->response ||
	    ike_hdr_decode(SPAN(p->p, p->n), &hdr) != WIRE_OK)
		return true;
	struct ike_sa *sa = hand_sa_by_spi(b, hdr.spi_i);
	if (!sa || !hand_open(s, &sa->tx, p->p, p->n, &h))
		return true;
	hand_filter(&h, is_dropped);
	size_t n = hand_seal(s, &sa->tx, &h, out);
	free(p->p);
	p->p = malloc(n);
	memcpy(p->p, out, n);
	p->n = n;
	dropped = true;
	return true;
}

/* What is wrong in an answer is refused as in IKE_AUTH, the peer is told, and a whole new set-up is tried. */
static void odd_answers(void **state)
{
	(void)state;
	static const struct {
		uint16_t notify, payload;
		bool ike;
		const char *note;
	} cases[] = {
		{N_USE_TRANSPORT_MODE, 0, false, "the peer wants tunnel mode, this tunnel is for transport mode"},
		{0, P_SA, false, "the peer's answer is malformed"},
		{0, P_NONCE, false, "the peer's answer is malformed"},
		{0, P_TSI, false, "the peer's answer is malformed"},
		{0, P_NONCE, true, "the peer answered nonsense"},
		{0, P_KE, true, "the peer answered nonsense"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = pair_run(8, BASE_START, BASE, DUR_S(5));
		drop_notify = cases[i].notify;
		drop_payload = cases[i].payload;
		dropped = false;
		p.s->tap = change_answer;
		struct counts a0 = counts_of(p.a);
		(cases[i].ike ? rekey_ike : rekey_child)(p.a);
		sim_run(p.s, DUR_MS(100));
		CHECK(p, dropped && sim_noted(p.a, cases[i].note));
		CHECK(p, cases[i].ike || counts_of(p.a).info == a0.info + 1); /* DELETE of what the peer has made */
		CHECK(p, p.b->n_early == 0);
		sim_run(p.s, DUR_S(60));
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2 && sim_common(p.a, p.b) == 1 && p.a->n_spis == 0);
		pair_free(&p);
	}
}

static void our_kernel_fails(void **state)
{
	(void)state;
	struct pair p = pair_run(9, BASE_START, BASE, DUR_S(5));
	p.s->watch = nothing_lost;
	p.a->fail_spi = -ENOSPC;
	rekey_child(p.a);
	sim_run(p.s, DUR_MS(500));
	CHECK(p, sim_sent(p.a, CREATE_CHILD_SA, false) == 0 && p.a->n_sas == 1);
	p.a->fail_spi = 0;
	sim_run(p.s, DUR_S(15));
	AGREE(p);
	CHECK(p, p.a->ups == 2);
	p.a->fail_install = -ENOMEM;
	rekey_child(p.a);
	sim_run(p.s, DUR_S(1));
	CHECK(p, p.a->n_sas == 1 && p.b->n_sas == 1 && p.b->n_early + p.b->n_spis == 0 && p.a->n_spis == 0);
	p.a->fail_install = 0;
	sim_run(p.s, DUR_S(15));
	AGREE(p);
	CHECK(p, p.a->ups == 3);
	/* The responder's, before its answer and behind it. */
	p.b->fail_install = -ENOMEM;
	rekey_child(p.a);
	sim_run(p.s, DUR_MS(500));
	CHECK(p, sim_noted(p.a, "received NO_ADDITIONAL_SAS notify") && p.b->n_sas == 1);
	p.b->fail_install = 0;
	sim_run(p.s, DUR_S(30));
	AGREE(p);
	pair_free(&p);
}

/* --- IKE SAs --- */

static void ike_by_command(void **state)
{
	(void)state;
	for (int who = 0; who < 4; who++) {
		const char *reauth = who & 2 ? "auto=start\n" : BASE_START;
		struct pair p = pair_run(10, reauth, who & 2 ? "" : BASE, DUR_S(5));
		struct sim_node *us = who & 1 ? p.b : p.a, *peer = who & 1 ? p.a : p.b;
		struct counts us0 = counts_of(us), peer0 = counts_of(peer);
		uint64_t old = hand_sa(us, ST_ESTABLISHED)->spi_i;
		p.s->watch = nothing_lost;
		rekey_ike(us);
		sim_run(p.s, DUR_S(1));
		AGREE(p);
		/* HDR, SK {SA, Ni, KEi} -->  then HDR, SK {D} --> in the old one */
		CHECK(p, sent_since(us, &us0, 1, 0, 1, 0) && sent_since(peer, &peer0, 0, 1, 0, 1));
		CHECK(p, us->ups == 1 && us->downs == 0 && peer->ups == 1 && peer->downs == 0);
		struct ike_sa *x = hand_sa(us, ST_ESTABLISHED), *y = hand_sa(peer, ST_ESTABLISHED);
		CHECK(p, x->spi_i != old && x->spi_i == y->spi_i && x->spi_r == y->spi_r && x->initiator && !y->initiator);
		/* Either end can use it. */
		check_peer(us);
		check_peer(peer);
		sim_run(p.s, DUR_S(1));
		CHECK(p, sent_since(us, &us0, 1, 0, 2, 1) && sent_since(peer, &peer0, 0, 1, 1, 2));
		rekey_child(peer);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		rekey_ike(peer);
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		CHECK(p, us->ups == 2);
		pair_free(&p);
	}
}

static void ike_by_time(void **state)
{
	(void)state;
	static const char *const life = "ikelifetime=60s\nmargintime=20s\nrekeyfuzz=50%";
	for (int who = 0; who < 2; who++) {
		char a[256], b[256];
		snprintf(a, sizeof a, BASE_START "%s", who ? "rekey=no" : life);
		snprintf(b, sizeof b, BASE "%s", who ? life : "rekey=no");
		struct pair p = pair_run(11, a, b, DUR_S(1));
		struct sim_node *us = who ? p.b : p.a;
		struct ike_sa_view v;
		uint32_t at = 0;
		CHECK(p, sim_noted(us, "scheduling rekeying in 3") && ike_next_sa(us->ike, &at, &v));
		CHECK(p, v.reauth_at == MONO_NEVER && v.rekey_at >= v.since + DUR_S(30) && v.rekey_at <= v.since + DUR_S(40));
		p.s->watch = nothing_lost;
		sim_run(p.s, DUR_S(600));
		AGREE(p);
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 && p.a->ups == 1 && p.b->ups == 1);
		CHECK(p, sim_sent(us, CREATE_CHILD_SA, false) >= 15 && sim_sent(us, CREATE_CHILD_SA, false) <= 20);
		pair_free(&p);
	}
}

/* reauth=yes: a rekey by the peer does not put off the proof of who it is. */
static void reauthentication_stays_due(void **state)
{
	(void)state;
	struct pair p = pair_run(12, "auto=start\nikelifetime=100s\nmargintime=40s\nrekeyfuzz=0%", "rekey=no", DUR_S(30));
	struct ike_sa_view v;
	uint32_t at = 0;
	CHECK(p, ike_next_sa(p.a->ike, &at, &v) && v.rekey_at == MONO_NEVER);
	mono_t due = v.reauth_at;
	rekey_ike(p.b);
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	at = 0;
	CHECK(p, ike_next_sa(p.a->ike, &at, &v) && v.reauth_at == due);
	p.s->watch = nothing_lost;
	sim_run(p.s, DUR_S(45));
	AGREE(p);
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2);
	pair_free(&p);
}

static void ike_groups(void **state)
{
	(void)state;
	/* The group of the SA first; B has left it by a reload. */
	struct pair p = pair_run(13, "auto=start\nike=aes128-sha256-x25519-ecp256!\nreauth=no",
	                         "ike=aes128-sha256-x25519-ecp256!\nreauth=no", DUR_S(5));
	struct conf *old = p.b->conf;
	p.b->conf = NULL;
	assert_true(sim_conf(p.b, p.a, "ike=aes128-sha256-ecp256!\nreauth=no", NULL));
	sim_reload(p.b, false);
	config_free(old);
	struct counts a0 = counts_of(p.a);
	rekey_ike(p.a);
	sim_run(p.s, DUR_S(2));
	AGREE(p);
	CHECK(p, sent_since(p.a, &a0, 2, 0, 1, 0) && hand_sa(p.a, ST_ESTABLISHED)->suite.dh == DH_ECP_256);
	pair_free(&p);
}

static void ike_refused(void **state)
{
	(void)state;
	struct pair p = pair_run(14, BASE_START, BASE, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.b, ST_ESTABLISHED);
	uint32_t was = hand_sa(p.a, ST_ESTABLISHED)->id;
	p.s->watch = nothing_lost;
	sa->replaced = true;
	rekey_ike(p.a);
	sim_run(p.s, DUR_MS(500));
	CHECK(p, sim_noted(p.a, "received TEMPORARY_FAILURE notify") && sim_all_ikes(p.a) == 1);
	sa->replaced = false;
	sim_run(p.s, DUR_S(30));
	AGREE(p);
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 && hand_sa(p.a, ST_ESTABLISHED)->id > was);
	pair_free(&p);
}

/* --- memory --- */

/* The n-th request of either host fails while both kinds are rekeyed, by one end or by both. */
static void allocations_fail(void **state)
{
	(void)state;
	for (int who = 0; who < 8; who++) {
		uint64_t asked = 1;
		for (uint64_t n = 1; n <= asked + 1; n++) {
			struct pair p = pair_run(15, BASE_START, BASE, DUR_S(5));
			struct sim_node *bad = who & 1 ? p.b : p.a;
			uint64_t before = bad->mem.asked;
			bad->mem.fail_at = before + n;
			(who & 2 ? rekey_ike : rekey_child)(p.a);
			if (who & 4)
				(who & 2 ? rekey_ike : rekey_child)(p.b);
			sim_run(p.s, DUR_S(10));
			asked = bad->mem.asked - before;
			bad->mem.fail_at = 0;
			sim_run(p.s, DUR_S(200));
			AGREE(p);
			pair_free(&p);
		}
		assert_in_range(asked, 3, 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_by_command),
		cmocka_unit_test(responder_waits_for_the_delete),
		cmocka_unit_test(child_by_time),
		cmocka_unit_test(child_by_octets_and_packets),
		cmocka_unit_test(hard_end),
		cmocka_unit_test(pfs),
		cmocka_unit_test(temporary_failure),
		cmocka_unit_test(child_not_found),
		cmocka_unit_test(child_not_known_yet),
		cmocka_unit_test(odd_answers),
		cmocka_unit_test(our_kernel_fails),
		cmocka_unit_test(ike_by_command),
		cmocka_unit_test(ike_by_time),
		cmocka_unit_test(reauthentication_stays_due),
		cmocka_unit_test(ike_groups),
		cmocka_unit_test(ike_refused),
		cmocka_unit_test(allocations_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
