/* Peers that are let in, or have keys at least, and ask for too much: what they can make us hold, say and look through. On virtual
 * time. tests/sim/sim.h and rekey.h say what the words mean. */
#include "../sim/rekey.h"

#include <stdlib.h>

enum { LEFT = 8 /* IKE SAs of a peer that wait for its word */, ROUNDS = 40 };

static unsigned lines(const struct sim_node *n, const char *text)
{
	unsigned found = 0;
	for (const char *at = n->log; (at = strstr(at, text)); at++)
		found++;
	return found;
}

/* --- IKE SAs that a peer leaves behind --- */

/* A takes no leave of what it has replaced. */
static bool no_leave(struct sim *s, struct sim_packet *p)
{
	return p->from != s->node[0] || p->exchange != INFORMATIONAL;
}

static uint32_t oldest(const struct sim_node *n)
{
	struct ike_sa_view v;
	uint32_t id = UINT32_MAX;
	for (uint32_t c = 0; ike_next_sa(n->ike, &c, &v);)
		id = v.ike_id < id ? v.ike_id : id;
	return id;
}

static void rekeys_without_a_delete(void **state)
{
	(void)state;
	struct pair p = pair_run(1, BASE_START, BASE, DUR_S(2));
	unsigned most = 0;
	p.s->tap = no_leave;
	p.s->watch = nothing_lost;
	for (unsigned i = 0; i < ROUNDS; i++) {
		rekey_ike(p.a);
		sim_run(p.s, DUR_MS(200));
		most = sim_all_ikes(p.b) > most ? sim_all_ikes(p.b) : most;
	}
	CHECK(p, sim_sent(p.b, CREATE_CHILD_SA, true) == ROUNDS && most == LEFT + 1);
	CHECK(p, p.b->n_sas == 1 && p.b->downs == 0 && oldest(p.b) == 1 + ROUNDS - LEFT);
	p.s->tap = NULL;
	sim_run(p.s, DUR_S(200));
	AGREE(p);
	CHECK(p, sim_all_ikes(p.b) == 1 && p.b->downs == 0 && p.b->faults == 0);
	pair_free(&p);
}

static void conf_never(struct sim_node *n, const struct sim_node *peer, const char *keys)
{
	char text[512], right[ADDR_TEXT];
	struct sbuf b = SB(text);
	sb_printf(&b, "config setup\n\tuniqueids=never\nconn t\n\tright=%s\n\tleftprotoport=47\n\trightprotoport=47\n"
	              "\tike=aes128gcm16-prfsha256-x25519!\n\tauthby=secret\n\ttype=transport\n\tkeyexchange=ikev2\n"
	              "\tdpdaction=none\n\t%s\n", addr_str(&peer->addr, right), keys);
	assert_true(sim_conf_text(n, text, NULL, NULL));
}

/* It begins anew five times a second, says nothing of its past and answers nothing about it. The tunnel is up all the time. */
static void handshakes_without_a_delete(void **state)
{
	(void)state;
	struct pair p = pair_new(2);
	unsigned most = 0;
	conf_never(p.a, p.b, "esp=aes128gcm16!\n\tauto=start");
	assert_true(sim_conf(p.b, p.a, "", NULL) && sim_start(p.b));
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_MS(200));
		most = sim_all_ikes(p.b) > most ? sim_all_ikes(p.b) : most;
		CHECK(p, sim_common(p.a, p.b) == 1);
	}
	CHECK(p, most <= LEFT + 2 && p.b->n_sas <= LEFT + 2);
	sim_run(p.s, DUR_S(200));
	CHECK(p, sim_common(p.a, p.b) == 1 && sim_all_ikes(p.b) == 1 && p.b->n_sas == 1 && p.b->faults == 0);
	CHECK(p, p.b->ups == ROUNDS && p.b->downs == ROUNDS - 1);
	pair_free(&p);
}

/* Its child SA is refused each time, and another tunnel's peer is up: an IKE SA without a child is no use to anybody. */
static void no_children(void **state)
{
	(void)state;
	struct pair p = pair_new(3);
	struct sim_node *c = sim_host(p.s, "c", "198.51.100.77");
	conf_never(p.a, p.b, "esp=aes256-sha512!\n\tauto=start");
	assert_true(sim_conf(c, p.b, "auto=start", NULL));
	assert_true(sim_conf(p.b, NULL, "", NULL) && sim_start(p.b) && sim_start(c));
	sim_run(p.s, DUR_S(1));
	p.s->tap = no_leave;
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_MS(200));
		CHECK(p, sim_all_ikes(p.b) <= LEFT + 3);
	}
	CHECK(p, sim_noted(p.b, "no ESP proposal in common") && sim_common(c, p.b) == 1);
	sim_stop(p.a);
	sim_run(p.s, DUR_S(60));
	CHECK(p, sim_all_ikes(p.b) == 1 && sim_common(c, p.b) == 1);
	p.s->tap = NULL;
	pair_free(&p);
}

/* --- fragments of who has proven nothing --- */

static bool no_auth(struct sim *s, struct sim_packet *p)
{
	return p->from != s->node[0] || p->exchange != IKE_AUTH;
}

/* Sets that are never whole, one after the other; each fragment is authentic, for its sender has done a Diffie-Hellman. */
static void fragments_of_a_stranger(void **state)
{
	(void)state;
	static const uint8_t piece[100];
	struct pair p = pair_new(4);
	uint8_t out[HAND_MAX + 256];
	pair_conf(&p, "auto=start", "");
	p.s->tap = no_auth;
	pair_start(&p);
	sim_run(p.s, DUR_MS(100));
	struct ike_sa *sa = hand_sa(p.a, ST_I_AUTH);
	struct ike *e = p.b->ike;
	CHECK(p, sa && e->half_open == 1);
	struct ike_hdr h = hand_request(sa, IKE_AUTH);
	for (unsigned i = 0; i < 200; i++) {
		h.exchange = i % 2 ? IKE_AUTH : INFORMATIONAL;
		size_t n = hand_seal_skf(p.s, &sa->tx, &h, P_IDI, 1, 3, SPAN(piece, sizeof piece), out);
		sim_inject(p.b, &sa->local, &sa->remote, false, out, n);
		sim_run(p.s, DUR_MS(1));
	}
	CHECK(p, lines(p.b, "received fragment #1 of 3") <= 10 && e->n.notes_left_out > 150);
	/* Half of the room is for those who are somebody. */
	struct ike_sa *peer = hand_sa(p.b, ST_R_INIT);
	for (unsigned full = 0; full <= 1; full++) {
		frag_drop(e, peer, false);
		e->frags_held = full ? (2u << 20) - 100 : 0;
		size_t n = hand_seal_skf(p.s, &sa->tx, &h, P_IDI, 1, 3, SPAN(piece, sizeof piece), out);
		sim_inject(p.b, &sa->local, &sa->remote, false, out, n);
		sim_run(p.s, DUR_MS(1));
		CHECK(p, (peer->frags[0] == NULL) == full);
	}
	e->frags_held = 0;
	p.s->tap = NULL;
	pair_free(&p);
}

/* Who knows the way but no key names a PPK that nobody has, as often as it can. */
static void ppks_of_a_stranger(void **state)
{
	(void)state;
	struct pair p = pair_new(6);
	assert_true(sim_conf(p.a, p.b, "auto=start\nx-ppk-id=two", ": PSK \"not the secret\"\ntwo : PPK 0x00112233445566778899aabbccddeeff\n"));
	assert_true(sim_conf(p.b, p.a, "x-ppk-id=one", ": PSK secret\none : PPK 0x00112233445566778899aabbccddeeff\n"));
	assert_true(sim_start(p.b));
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_true(sim_start(p.a));
		sim_run(p.s, DUR_MS(70));
	}
	unsigned said = lines(p.b, "is not known here, going on without");
	CHECK(p, said >= 1 && said <= 20 && sim_sent(p.b, IKE_AUTH, true) >= ROUNDS - 2);
	pair_free(&p);
}

/* --- what a handshake looks through --- */

/* A thousand conns for peers of anywhere: a request that suits none of them is held against one, not against each. */
static void proposals_are_compared_once(void **state)
{
	(void)state;
	enum { CONNS = 1000 };
	struct pair p = pair_new(5);
	size_t room = 200 * CONNS;
	char *text = malloc(room);
	struct sbuf b = sb_init(text, room);
	for (unsigned i = 0; i < CONNS; i++)
		sb_printf(&b, "conn s%u\n\tright=%%any\n\trightid=@s%u\n\tike=aes128gcm16-prfsha256-x25519!\n\tauthby=secret\n"
		              "\ttype=transport\n\tkeyexchange=ikev2\n\tauto=add\n", i, i);
	assert_true(sim_conf_text(p.b, text, NULL, "") && sim_start(p.b));
	free(text);
	assert_true(sim_conf(p.a, p.b, "ike=aes128-sha1-ecp256!", NULL));
	struct ike_counters before, after;
	struct endpoint src = {.addr = p.a->addr, .port = 500};
	ike_counters(p.b->ike, &before);
	hand_init(p.b, &src, conf_proposals(p.a->conf, conf_tunnel(p.a->conf, 0)->ike), 1, 1, NULL, true);
	ike_counters(p.b->ike, &after);
	CHECK(p, sim_noted(p.b, "no proposal in common") && after.looked_at - before.looked_at == 1);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekeys_without_a_delete), cmocka_unit_test(handshakes_without_a_delete),
		cmocka_unit_test(no_children), cmocka_unit_test(fragments_of_a_stranger),
		cmocka_unit_test(ppks_of_a_stranger), cmocka_unit_test(proposals_are_compared_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
