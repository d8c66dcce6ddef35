/* Two engines on virtual time, whose addresses, ways and NATs change: with MOBIKE (RFC 4555), and without. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MOBIKE "mobike=yes\n"
#define IDS_A "leftid=@a\nrightid=@b\n"
#define IDS_B "leftid=@b\nrightid=@a\n"
#define ANY_B "right=%any\n" IDS_B /* takes a from wherever it comes */
#define DPD "dpdaction=restart\ndpddelay=30\n"

static struct pair roaming(uint64_t seed, const char *a, const char *b)
{
	struct pair p = pair_run(seed, a, b, DUR_S(5));
	AGREE(p);
	return p;
}

static struct ike_sa_view only_sa(const struct sim_node *n)
{
	struct ike_sa_view v = {0};
	uint32_t at = 0;
	assert_true(ike_next_sa(n->ike, &at, &v));
	return v;
}

static struct addr address(const char *text)
{
	struct addr a;
	assert_true(addr_parse(text, &a));
	return a;
}

static void route_changed(struct sim_node *n, const char *network, uint8_t len)
{
	struct ike_fact f = {.type = IKE_FACT_ROUTE};
	if (network)
		f.prefix = (struct prefix){.addr = address(network), .len = len};
	sim_report(n, &f);
}

static bool ask(struct pair *p, struct ike_sa *sa, const struct endpoint *from, void (*put)(struct ike_enc *), struct hand *answer)
{
	struct sk_keys tx = sa->tx, rx = sa->rx;
	struct hand h = {.h = hand_request(sa, INFORMATIONAL)};
	struct hand_enc e;
	hand_begin(&e, &h);
	put(&e.enc);
	assert_true(hand_end(&e));
	sa->tx_id++;
	return hand_ask_with(sa == hand_sa(p->a, ST_ESTABLISHED) ? p->a : p->b, from, &sa->remote, &tx, &rx, &h, answer);
}

/* --- what is agreed on --- */

static void both_must_speak_it(void **state)
{
	(void)state;
	for (int who = 0; who < 4; who++) {
		struct pair p = roaming(1, who & 1 ? "auto=start\n" MOBIKE : "auto=start", who & 2 ? MOBIKE : "");
		CHECK(p, only_sa(p.a).mobike == (who == 3) && only_sa(p.b).mobike == (who == 3));
		/* RFC 4555 3.3: the one that begins goes to port 4500 if it speaks MOBIKE, NAT or not. */
		CHECK(p, only_sa(p.b).remote.port == (who & 1 ? 4500 : 500) && only_sa(p.a).local.port == (who & 1 ? 4500 : 500));
		CHECK(p, !p.a->sa[0].sa.encap);
		pair_free(&p);
	}
}

/* --- the initiator's address changes --- */

static void initiator_moves(void **state)
{
	(void)state;
	struct pair p = roaming(2, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	uint32_t spi = p.a->sa[0].sa.in.spi, sent = sim_sent_all(p.a) + sim_sent_all(p.b);
	sim_readdress(p.a, "192.0.2.77");
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->ups == 1 && p.a->sa[0].sa.in.spi == spi);
	CHECK(p, sim_told_n(p.a, IKE_EV_CHILD_MOVED) == 1 && sim_told_n(p.b, IKE_EV_CHILD_MOVED) == 1);
	CHECK(p, p.a->moves == 1 && p.b->moves == 1);
	/* The update and its answer; then the responder asks whether the initiator is there (RFC 4555 3.7). */
	CHECK(p, sim_sent_all(p.a) + sim_sent_all(p.b) == sent + 4);
	CHECK(p, sim_noted(p.a, "has moved to 192.0.2.77...198.51.100.1") && sim_noted(p.b, "the peer has moved IKE_SA t[1]"));
	/* And back, with the next breath. */
	sim_readdress(p.a, "192.0.2.1");
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->moves == 2);
	/* A peer that has moved is found where it is: its next attempt comes from there. */
	sim_readdress(p.a, "192.0.2.78");
	sim_run(p.s, DUR_S(1));
	sim_cmd(p.b, IKE_CMD_DOWN_IKE, only_sa(p.b).ike_id);
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	CHECK(p, p.a->ups == 2);
	/* Or from where the configuration has it, after a crash. */
	p.a->addr = address("192.0.2.1");
	p.a->ups = p.a->downs = 0;
	assert_true(sim_start(p.a));
	sim_run(p.s, DUR_S(20));
	AGREE(p);
	pair_free(&p);
}

/* Rekeyed SAs know as much as those that they succeed. */
static void moves_after_rekeys(void **state)
{
	(void)state;
	for (int who = 0; who < 4; who++) {
		struct pair p = roaming(27, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
		struct sim_node *n = who & 1 ? p.a : p.b;
		if (who & 2)
			sim_cmd(n, IKE_CMD_REKEY_IKE, only_sa(n).ike_id);
		else
			sim_cmd(n, IKE_CMD_REKEY_CHILD, 1);
		sim_run(p.s, DUR_S(20));
		AGREE(p);
		sim_readdress(p.a, "192.0.2.77");
		sim_run(p.s, DUR_S(1));
		AGREE(p);
		CHECK(p, p.a->moves == 1 && p.b->moves == 1);
		/* And while a rekey is under way. */
		if (who & 2)
			sim_cmd(n, IKE_CMD_REKEY_IKE, only_sa(n).ike_id);
		else
			sim_cmd(n, IKE_CMD_REKEY_CHILD, hand_child(n, CH_UP)->id);
		sim_readdress(p.a, "192.0.2.78");
		sim_run(p.s, DUR_S(60));
		AGREE(p);
		pair_free(&p);
	}
}

/* --- what is being made when an address changes --- */

enum { OF_IKE = 1, BY_B = 2, WITH_MOBIKE = 4, B_MOVES = 8, WITH_NAT = 16, CASES = 32 };
#ifdef GRETEL_SANITIZED
enum { STEP_MS = 17 };
#else
enum { STEP_MS = 5 };
#endif

/* Each end has a child all the time: make before break. */
static void never_without(struct sim *s)
{
	if (s->node[0]->n_sas == 0 || s->node[1]->n_sas == 0) {
		sim_dump(s);
		fail_msg("at %f there is no child", (double)s->now / 1e9);
	}
}

static void rekey_or_move(struct pair *p, unsigned what, bool rekey)
{
	struct sim_node *n = what & BY_B ? p->b : p->a;
	if (!rekey)
		sim_readdress(what & B_MOVES ? p->b : p->a, what & B_MOVES ? "198.51.100.77" : "192.0.2.77");
	else if (what & OF_IKE)
		sim_cmd(n, IKE_CMD_REKEY_IKE, hand_sa(n, ST_ESTABLISHED)->id);
	else
		sim_cmd(n, IKE_CMD_REKEY_CHILD, hand_child(n, CH_UP)->id);
}

/* Somebody rekeys something, and somebody's address changes so much later, or earlier. With MOBIKE all is as if they had not met: nothing is begun
 * anew. Without, there is a successor from the new address. */
static void amid_a_rekey(unsigned what, unsigned when, bool earlier)
{
	struct pair p = pair_new(40 + when);
	bool mobike = what & WITH_MOBIKE, ike = what & OF_IKE;
	if (what & WITH_NAT)
		(void)sim_behind(p.a, PUBLIC_A, true);
	pair_conf(&p, mobike ? "auto=start\nreauth=no\n" MOBIKE DPD IDS_A : "auto=start\nreauth=no\n" DPD IDS_A,
	          mobike ? "reauth=no\n" MOBIKE DPD ANY_B : "reauth=no\n" DPD ANY_B);
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	p.s->priv_delay = DUR_MS(3);
	p.s->watch = never_without;
	rekey_or_move(&p, what, !earlier);
	sim_run(p.s, DUR_MS(when));
	rekey_or_move(&p, what, earlier);
	sim_run(p.s, DUR_S(240));
	unsigned inits = sim_sent(p.a, IKE_SA_INIT, false) + sim_sent(p.b, IKE_SA_INIT, false);
	unsigned ups = ike ? 1 : 2;
	if (!sim_agree(p.a, p.b) || inits != (mobike ? 1 : 2) ||
	    (mobike && (p.a->ups != ups || p.b->ups != ups || p.a->downs != ups - 1 || p.b->downs != ups - 1))) {
		sim_dump(p.s);
		fail_msg("case %#x, %u ms %s", what, when, earlier ? "earlier" : "later");
	}
	pair_free(&p);
}

static void moves_amid_rekeys(void **state)
{
	(void)state;
	for (unsigned what = 0; what < CASES; what++) {
		/* Without MOBIKE a host cannot move that the other one has by its address. */
		if ((what & B_MOVES) && (!(what & WITH_MOBIKE) || (what & WITH_NAT)))
			continue;
		for (unsigned when = 0; when < 100; when += STEP_MS)
			amid_a_rekey(what, when, false);
		for (unsigned when = STEP_MS; (what & WITH_MOBIKE) && when < 320; when += STEP_MS)
			amid_a_rekey(what, when, true);
	}
}

/* An address that goes and is back at once is no change; one that stays away is waited for, and used again. */
static void address_comes_back(void **state)
{
	(void)state;
	for (int mobike = 0; mobike <= 1; mobike++) {
		struct pair p = roaming(3, mobike ? "auto=start\n" MOBIKE IDS_A : "auto=start\n" IDS_A, mobike ? MOBIKE IDS_B : IDS_B);
		sim_readdress(p.a, "192.0.2.1");
		uint32_t sent = p.a->n_sent;
		sim_run(p.s, DUR_S(2));
		sim_readdress(p.a, "");
		sim_run(p.s, DUR_MS(150));
		sim_readdress(p.a, "192.0.2.1");
		sim_run(p.s, DUR_S(2));
		AGREE(p);
		CHECK(p, p.a->n_sent == sent && p.a->moves == 0 && !sim_noted(p.a, "no route to the peer"));
		sim_readdress(p.a, "");
		sim_run(p.s, DUR_S(10));
		CHECK(p, p.a->n_sas == 1 && p.a->downs == 0);
		TEXT(p, ike_way(p.a->ike, 1), "no route to the peer");
		sim_readdress(p.a, "192.0.2.1");
		sim_run(p.s, DUR_S(4));
		AGREE(p);
		CHECK(p, p.a->ups == 1 && p.a->n_sent == sent);
		TEXT(p, ike_way(p.a->ike, 1), "");
		pair_free(&p);
	}
}

static void address_stays_away(void **state)
{
	(void)state;
	struct pair p = roaming(4, "auto=start\n" MOBIKE IDS_A, MOBIKE ANY_B);
	sim_readdress(p.a, "");
	sim_run(p.s, DUR_S(34));
	CHECK(p, p.a->downs == 1 && p.a->n_sas == 0 && p.b->n_sas == 1);
	sim_readdress(p.a, "192.0.2.99"); /* the attempt that waits for its turn comes at once */
	sim_run(p.s, DUR_MS(400));
	CHECK(p, sim_common(p.a, p.b) == 1 && p.a->ups == 2);
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	pair_free(&p);
}

static unsigned to_lose;
static bool lose_some(struct sim *s, struct sim_packet *p)
{
	(void)s;
	(void)p;
	return to_lose == 0 || to_lose-- == 0;
}

static void updates_get_lost(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		struct pair p = roaming(5 + n, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
		to_lose = n;
		p.s->tap = lose_some;
		sim_readdress(p.a, "192.0.2.77");
		sim_run(p.s, DUR_S(20));
		AGREE(p);
		CHECK(p, p.a->ups == 1 && p.b->ups == 1);
		pair_free(&p);
	}
}

/* Nobody answers at the new address: no two minutes of silence, but a tunnel that is set up anew. */
static bool no_updates(struct sim *s, struct sim_packet *p)
{
	return p->exchange != INFORMATIONAL || p->from != s->node[0];
}

static void update_in_vain(void **state)
{
	(void)state;
	struct pair p = roaming(10, "auto=start\n" MOBIKE IDS_A, MOBIKE ANY_B);
	p.s->tap = no_updates;
	sim_readdress(p.a, "192.0.2.77");
	sim_run(p.s, DUR_S(14));
	CHECK(p, p.a->downs == 0);
	sim_run(p.s, DUR_S(3));
	CHECK(p, p.a->downs == 1 && p.a->ups == 2 && sim_common(p.a, p.b) == 1);
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

/* A question that was under way when the address changed is asked from the new one, and the update follows. */
static void moves_while_asking(void **state)
{
	(void)state;
	struct pair p = roaming(11, "auto=start\n" MOBIKE DPD IDS_A, MOBIKE IDS_B);
	to_lose = 1;
	p.s->tap = lose_some;
	while (sim_sent(p.a, INFORMATIONAL, false) == 0)
		sim_run(p.s, DUR_MS(100));
	sim_readdress(p.a, "192.0.2.77");
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->moves == 1);
	sim_readdress(p.a, "192.0.2.78"); /* and once more, while the update is under way */
	sim_run(p.s, DUR_MS(210));
	sim_readdress(p.a, "192.0.2.79");
	sim_run(p.s, DUR_S(2));
	AGREE(p);
	CHECK(p, p.a->ups == 1);
	pair_free(&p);
}

/* --- NATs --- */

static void into_a_nat_and_out(void **state)
{
	(void)state;
	struct pair p = roaming(12, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	CHECK(p, !p.a->sa[0].sa.encap);
	sim_behind(p.a, PUBLIC_A, true);
	sim_readdress(p.a, "10.1.1.1");
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.a->sa[0].sa.encap && p.b->sa[0].sa.encap);
	CHECK(p, only_sa(p.a).nat_here && !only_sa(p.a).nat_there && only_sa(p.b).nat_there);
	/* Who is behind a NAT keeps it awake. */
	sim_run(p.s, DUR_S(50));
	CHECK(p, sim_sent(p.a, 0, false) == 2 && sim_sent(p.b, 0, false) == 0);
	p.a->nat = NULL;
	sim_readdress(p.a, "192.0.2.5");
	sim_run(p.s, DUR_S(1));
	AGREE(p);
	CHECK(p, !p.a->sa[0].sa.encap && !only_sa(p.a).nat_here && p.a->ups == 1);
	sim_run(p.s, DUR_S(50));
	CHECK(p, sim_sent(p.a, 0, false) == 2);
	pair_free(&p);
}

/* The NAT forgets: the liveness check shows it, and the peer is told (RFC 4555 3.8); it follows nothing else. */
static void nat_forgets_with_mobike(void **state)
{
	(void)state;
	struct pair p = pair_new(13);
	struct sim_nat *nat = sim_behind(p.a, PUBLIC_A, true);
	pair_conf(&p, "auto=start\n" MOBIKE DPD IDS_A, MOBIKE IDS_B);
	pair_start(&p);
	sim_run(p.s, DUR_S(40)); /* so that a liveness check has been answered */
	AGREE(p);
	sim_nat_forget(nat);
	sim_run(p.s, DUR_S(20));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->moves == 1 && sim_noted(p.a, "the NAT may have changed our endpoint"));
	/* Another address of the NAT, too. */
	nat->public = address("203.0.113.9");
	sim_nat_forget(nat);
	sim_run(p.s, DUR_S(20));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->moves == 2);
	pair_free(&p);
}

/* Without MOBIKE the peer's authentic messages are followed, to another address too, by who is not behind a NAT (RFC 7296 2.23). */
static void nat_changes_its_address(void **state)
{
	(void)state;
	struct pair p = pair_new(14);
	struct sim_nat *nat = sim_behind(p.a, PUBLIC_A, true);
	pair_conf(&p, "auto=start\n" DPD IDS_A, IDS_B);
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	nat->public = address("203.0.113.9");
	sim_nat_forget(nat);
	sim_run(p.s, DUR_S(20));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->moves == 1 && sim_told_n(p.b, IKE_EV_CHILD_MOVED) == 1);
	/* ESP alone is heard from elsewhere: what the kernel has authenticated is followed, IKE with it. */
	nat->public = address("203.0.113.10");
	sim_nat_forget(nat);
	struct ike_fact f = {.type = IKE_FACT_MAPPING, .spi = p.b->sa[0].sa.in.spi,
	                     .remote = {.addr = nat->public, .port = 30777}};
	sim_report(p.b, &f);
	CHECK(p, endpoint_eq(&hand_sa(p.b, ST_ESTABLISHED)->remote, &f.remote) && p.b->moves == 2);
	pair_free(&p);
}

static void put_nothing(struct ike_enc *enc) { (void)enc; }

/* Both are behind NATs: the initiator goes along to another port, not to another address: an attacker could take it there. */
static void initiator_behind_a_nat(void **state)
{
	(void)state;
	for (int other_addr = 0; other_addr <= 1; other_addr++) {
		struct pair p = pair_new(24);
		struct hand answer;
		sim_behind(p.a, PUBLIC_A, false);
		sim_behind(p.b, PUBLIC_B, false);
		pair_conf(&p, "auto=start\n" IDS_A, IDS_B);
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		struct ike_sa *at_a = hand_sa(p.a, ST_ESTABLISHED), *at_b = hand_sa(p.b, ST_ESTABLISHED);
		struct endpoint from = at_a->remote, was = from;
		from.port++;
		if (other_addr)
			from.addr = address("203.0.113.99");
		CHECK(p, ask(&p, at_b, &from, put_nothing, &answer));
		CHECK(p, endpoint_eq(&at_a->remote, other_addr ? &was : &from) && p.a->moves == !other_addr);
		pair_free(&p);
	}
}

/* ESP in UDP without a NAT: its peer has no reason to come from elsewhere. */
static void no_nat_no_other_address(void **state)
{
	(void)state;
	struct pair p = roaming(25, "auto=start\nforceencaps=yes\n" IDS_A, IDS_B);
	CHECK(p, p.a->sa[0].sa.encap && !only_sa(p.a).nat_there);
	struct ike_fact f = {.type = IKE_FACT_MAPPING, .spi = p.a->sa[0].sa.in.spi,
	                     .remote = {.addr = address("198.51.100.77"), .port = 4500}};
	sim_report(p.a, &f);
	CHECK(p, p.a->moves == 0);
	AGREE(p);
	pair_free(&p);
}

/* ESP at another port, IKE asks at both until it is answered. */
static void asks_where_esp_comes_from(void **state)
{
	(void)state;
	struct pair p = pair_new(15);
	struct sim_nat *nat = sim_behind(p.a, PUBLIC_A, true);
	pair_conf(&p, "auto=start\n" IDS_A, DPD IDS_B);
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	sim_nat_forget(nat);
	/* The peer's own keep-alives open a new port; they tell us nothing, ESP does. */
	sim_run(p.s, DUR_S(21));
	struct ike_fact f = {.type = IKE_FACT_MAPPING, .spi = p.b->sa[0].sa.in.spi,
	                     .remote = {.addr = sim_public(p.a), .port = nat->map[0].outer}};
	sim_report(p.b, &f);
	sim_run(p.s, DUR_S(40));
	AGREE(p);
	CHECK(p, p.b->ups == 1 && endpoint_eq(&hand_sa(p.b, ST_ESTABLISHED)->remote, &f.remote));
	pair_free(&p);
}

/* --- who may move whom --- */

static void put_update(struct ike_enc *enc)
{
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_UPDATE_SA_ADDRESSES, SPAN(NULL, 0));
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE2, SPAN("12345678", 8));
}

static void put_no_nats(struct ike_enc *enc)
{
	static const uint8_t addresses[12] = {192, 0, 2, 1, 198, 51, 100, 1, 0x11, 0x94, 0x11, 0x94};
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_UPDATE_SA_ADDRESSES, SPAN(NULL, 0));
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NO_NATS_ALLOWED, SPAN(addresses, sizeof addresses));
}

static void requests_of_all_kinds(void **state)
{
	(void)state;
	struct pair p = roaming(16, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	struct hand answer;
	struct ike_notify n;
	struct ike_sa *at_a = hand_sa(p.a, ST_ESTABLISHED), *at_b = hand_sa(p.b, ST_ESTABLISHED);
	struct endpoint from = at_b->remote, back = at_a->remote;
	/* The responder may not move the initiator. */
	CHECK(p, ask(&p, at_b, &back, put_update, &answer) && hand_notify(&answer, N_UNACCEPTABLE_ADDRESSES, &n));
	CHECK(p, !hand_notify(&answer, N_COOKIE2, &n) && p.a->moves == 0);
	/* No NAT is allowed, and there is none; then there is one. */
	CHECK(p, ask(&p, at_a, &from, put_no_nats, &answer) && !hand_notify(&answer, N_UNEXPECTED_NAT_DETECTED, &n));
	from.port++;
	CHECK(p, ask(&p, at_a, &from, put_no_nats, &answer) && hand_notify(&answer, N_UNEXPECTED_NAT_DETECTED, &n));
	CHECK(p, at_b->remote.port == 4500 && p.b->moves == 0);
	/* What does not ask for it moves nothing; it is answered where it came from. */
	at_b->nat_there = true;
	CHECK(p, ask(&p, at_a, &from, put_nothing, &answer) && at_b->remote.port == 4500 && p.b->moves == 0);
	CHECK(p, endpoint_eq(&p.b->sent[p.b->n_sent - 1].dst, &from));
	at_b->nat_there = false;
	/* An update from elsewhere. The cookie comes back as it was; the responder's own question gets lost. */
	from.addr = address("192.0.2.200");
	CHECK(p, ask(&p, at_a, &from, put_update, &answer) && hand_notify(&answer, N_COOKIE2, &n));
	CHECK(p, n.data.n == 8 && memcmp(n.data.p, "12345678", 8) == 0);
	CHECK(p, endpoint_eq(&at_b->remote, &from) && p.b->moves == 1);
	pair_free(&p);
}

/* The answer to the responder's question for the address lacks the cookie: it is no answer (RFC 4555 3.7). */
static const struct sk_keys *cookie_tx, *cookie_rx;
static bool not_cookie2(uint8_t type, struct span body)
{
	struct ike_notify n;
	return type == P_N && ike_notify_decode(body, &n) == WIRE_OK && n.type == N_COOKIE2;
}

static bool eat_cookie(struct sim *s, struct sim_packet *p)
{
	struct hand h;
	uint8_t out[HAND_MAX + 256];
	if (p->from != s->node[0] || !p->response || !hand_open(s, cookie_rx, p->p, p->n, &h))
		return true;
	hand_filter(&h, not_cookie2);
	size_t n = hand_seal(s, cookie_tx, &h, out);
	free(p->p);
	p->p = malloc(n);
	memcpy(p->p, out, n);
	p->n = n;
	return true;
}

static void cookie_is_missed(void **state)
{
	(void)state;
	struct pair p = roaming(17, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	struct sk_keys tx = hand_sa(p.a, ST_ESTABLISHED)->tx, rx = hand_sa(p.b, ST_ESTABLISHED)->rx;
	cookie_tx = &tx;
	cookie_rx = &rx;
	p.s->tap = eat_cookie;
	sim_readdress(p.a, "192.0.2.77");
	sim_run(p.s, DUR_S(1));
	CHECK(p, p.b->downs == 1 && sim_noted(p.b, "COOKIE2"));
	pair_free(&p);
}

/* --- the responder's address changes --- */

static void responder_moves(void **state)
{
	(void)state;
	struct pair p = roaming(18, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	sim_readdress(p.b, "198.51.100.9");
	sim_run(p.s, DUR_S(2));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->ups == 1 && p.a->moves == 1 && p.b->moves == 1);
	pair_free(&p);
}

/* The responder has two addresses; one dies without a word, and the initiator finds the other. */
static struct addr dead;
static bool dead_end(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !addr_eq(&p->dst.addr, &dead) && !addr_eq(&p->src.addr, &dead);
}

static void other_address_of_the_peer(void **state)
{
	(void)state;
	struct pair p = pair_new(19);
	struct ike_fact f = {.type = IKE_FACT_ADDRESS, .local = {.addr = address("198.51.100.2")}};
	pair_conf(&p, "auto=start\n" MOBIKE DPD IDS_A, MOBIKE IDS_B);
	pair_start(&p);
	sim_report(p.b, &f);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	struct addr first = p.b->addr;
	dead = first;
	p.s->tap = dead_end;
	p.b->addr = f.local.addr; /* where it is reached in this world */
	sim_run(p.s, DUR_S(40));
	CHECK(p, p.a->ups == 1 && p.b->ups == 1 && addr_eq(&hand_sa(p.a, ST_ESTABLISHED)->remote.addr, &f.local.addr));
	CHECK(p, sim_common(p.a, p.b) == 1);
	/* And then that one, while the first is back. */
	dead = f.local.addr;
	p.b->addr = first;
	sim_run(p.s, DUR_S(40));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->ups == 1);
	pair_free(&p);
}

/* A peer says every address it has, the one of its GRE interface too (strongSwan does): what is reached through the tunnel is never asked. */
static void not_through_the_tunnel(void **state)
{
	(void)state;
	struct pair p = pair_new(27);
	struct ike_fact f = {.type = IKE_FACT_ADDRESS, .local = {.addr = address("172.16.0.2")}};
	pair_conf(&p, "auto=start\n" MOBIKE DPD IDS_A, MOBIKE IDS_B);
	pair_start(&p);
	sim_report(p.b, &f);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, hand_sa(p.a, ST_ESTABLISHED)->ways.n_other == 1);
	p.a->inside = f.local.addr;
	dead = p.b->addr;
	p.s->tap = dead_end;
	uint32_t asked = p.a->paths;
	sim_run(p.s, DUR_S(40));
	CHECK(p, p.a->paths >= asked + 2 && sim_noted(p.a, "the peer is not asked elsewhere"));
	for (uint32_t i = 0; i < p.a->n_sent; i++)
		CHECK(p, !addr_eq(&p.a->sent[i].dst.addr, &f.local.addr));
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(70));
	CHECK(p, sim_common(p.a, p.b) == 1);
	pair_free(&p);
}

/* Ways are for those to look for who have chosen the address, and routes to elsewhere for nobody. */
static void whose_way_it_is(void **state)
{
	(void)state;
	for (int mobike = 0; mobike <= 1; mobike++) {
		struct pair p = roaming(26, mobike ? "auto=start\n" MOBIKE IDS_A : "auto=start\n" IDS_A, mobike ? MOBIKE IDS_B : IDS_B);
		p.a->fail_path = p.b->fail_path = -ENETUNREACH;
		route_changed(p.a, "10.0.0.0", 8);
		route_changed(p.b, NULL, 0);
		sim_run(p.s, DUR_S(5));
		CHECK(p, !sim_noted(p.a, "no route to the peer") && !sim_noted(p.b, "no route to the peer"));
		route_changed(p.a, "198.51.0.0", 16);
		sim_run(p.s, DUR_S(5));
		CHECK(p, sim_noted(p.a, "no route to the peer"));
		AGREE(p);
		pair_free(&p);
	}
}

/* --- without MOBIKE --- */

static void set_up_anew(void **state)
{
	(void)state;
	struct pair p = roaming(20, "auto=start\n" IDS_A, ANY_B);
	sim_readdress(p.a, "192.0.2.77");
	mono_t was = p.s->now;
	while (sim_common(p.a, p.b) == 0 && p.s->now < was + DUR_S(2))
		sim_run(p.s, DUR_MS(10));
	CHECK(p, p.s->now - was < DUR_MS(500));
	CHECK(p, sim_noted(p.a, "now begins at 192.0.2.77"));
	sim_run(p.s, DUR_MS(10));
	/* Make before break: never without a child SA. */
	CHECK(p, p.a->ups == 2 && p.a->downs == 0);
	CHECK(p, sim_noted(p.b, "received INITIAL_CONTACT"));
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	CHECK(p, p.a->ups == 2 && p.a->downs == 1 && p.b->downs == 1);
	pair_free(&p);
}

/* The default route goes elsewhere while the old address lives on. */
static void another_way(void **state)
{
	(void)state;
	struct pair p = roaming(21, "auto=start\n" IDS_A, ANY_B);
	unsigned sent = p.a->n_sent;
	route_changed(p.a, "10.0.0.0", 8); /* no business of ours */
	sim_run(p.s, DUR_S(2));
	CHECK(p, p.a->n_sent == sent);
	route_changed(p.a, NULL, 0); /* the way is what it was */
	sim_run(p.s, DUR_S(2));
	CHECK(p, p.a->n_sent == sent);
	struct addr was = p.a->addr;
	p.a->addr = address("192.0.2.88");
	p.a->lost[p.a->n_lost++] = was; /* what is sent from there gets lost */
	route_changed(p.a, "198.51.0.0", 16);
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_common(p.a, p.b) == 1 && p.a->downs == 0);
	sim_run(p.s, DUR_S(60));
	CHECK(p, p.a->ups == 2 && p.a->downs == 1 && p.b->ups == 2 && p.b->downs == 1);
	pair_free(&p);
}

/* --- failures --- */

static void move_fails(void **state)
{
	(void)state;
	struct pair p = roaming(22, "auto=start\n" MOBIKE IDS_A, MOBIKE IDS_B);
	p.a->fail_move = -EADDRINUSE;
	sim_readdress(p.a, "192.0.2.77");
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, p.a->ups == 2);
	pair_free(&p);
}

static void every_allocation_fails_once(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 12; i++) {
		struct pair p = roaming(23, "auto=start\n" MOBIKE IDS_A, MOBIKE ANY_B);
		p.a->mem.fail_at = p.a->mem.asked + i;
		p.b->mem.fail_at = p.b->mem.asked + i;
		sim_readdress(p.a, "192.0.2.77");
		sim_run(p.s, DUR_S(40));
		AGREE(p);
		pair_free(&p);
	}
}

static void storms_of_addresses(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 160; seed++) {
		struct pair p = roaming(seed, seed & 1 ? "auto=start\n" MOBIKE DPD IDS_A : "auto=start\n" DPD IDS_A,
		                        seed & 2 ? MOBIKE DPD ANY_B : DPD ANY_B);
		char text[32];
		p.s->loss = 100;
		p.s->dup = 100;
		p.s->delay_max = DUR_MS(200);
		for (int i = 0; i < 12; i++) {
			snprintf(text, sizeof text, "192.0.2.%u", (unsigned)rng_below(&p.s->rng.rng, 4) + 1);
			sim_readdress(p.a, rng_below(&p.s->rng.rng, 4) ? text : "");
			p.a->n_lost = 0;
			sim_run(p.s, (dur_t)rng_below(&p.s->rng.rng, DUR_S(6)));
		}
		p.s->loss = 0;
		sim_readdress(p.a, "192.0.2.1");
		sim_run(p.s, DUR_S(400));
		CHECK(p, sim_common(p.a, p.b) == 1 && p.a->n_sas == 1 && p.b->n_sas == 1 && sim_all_ikes(p.a) == 1);
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_must_speak_it),
		cmocka_unit_test(initiator_moves),
		cmocka_unit_test(moves_after_rekeys),
		cmocka_unit_test(moves_amid_rekeys),
		cmocka_unit_test(address_comes_back),
		cmocka_unit_test(address_stays_away),
		cmocka_unit_test(updates_get_lost),
		cmocka_unit_test(update_in_vain),
		cmocka_unit_test(moves_while_asking),
		cmocka_unit_test(into_a_nat_and_out),
		cmocka_unit_test(nat_forgets_with_mobike),
		cmocka_unit_test(nat_changes_its_address),
		cmocka_unit_test(initiator_behind_a_nat),
		cmocka_unit_test(no_nat_no_other_address),
		cmocka_unit_test(asks_where_esp_comes_from),
		cmocka_unit_test(requests_of_all_kinds),
		cmocka_unit_test(cookie_is_missed),
		cmocka_unit_test(responder_moves),
		cmocka_unit_test(other_address_of_the_peer),
		cmocka_unit_test(not_through_the_tunnel),
		cmocka_unit_test(whose_way_it_is),
		cmocka_unit_test(set_up_anew),
		cmocka_unit_test(another_way),
		cmocka_unit_test(move_fails),
		cmocka_unit_test(every_allocation_fails_once),
		cmocka_unit_test(storms_of_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
