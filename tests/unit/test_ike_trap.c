/* When a tunnel is up: traps (auto=route, dpdaction and closeaction hold), what the other actions mean, keyingtries, traffic as a sign of life,
 * names that are resolved again, a hub with thousands of spokes. */
#include "../sim/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void packet(struct sim_node *n)
{
	struct ike_fact f = {.type = IKE_FACT_ACQUIRE, .tunnel = 1};
	sim_report(n, &f);
}

static unsigned set_ups(const struct sim_node *n) { return sim_sent(n, IKE_SA_INIT, false); }

/* --- auto=route --- */

static void a_packet_starts_it(void **state)
{
	(void)state;
	struct pair p = pair_run(1, "auto=route", "", DUR_S(3600));
	CHECK(p, p.a->traps == 1 && sim_sent_all(p.a) == 0 && !ike_wanted(p.a->ike, 1));
	TEXT(p, sim_why(p.a), "it waits for a packet");
	packet(p.a);
	packet(p.a); /* the queue was full of them */
	sim_run(p.s, DUR_S(2));
	AGREE(p);
	CHECK(p, set_ups(p.a) == 1 && !ike_wanted(p.a->ike, 1));
	packet(p.a); /* one that had been under way */
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, set_ups(p.a) == 1);
	pair_free(&p);
}

static void it_goes_back_to_waiting(void **state)
{
	(void)state;
	static const char *const ends[] = {"dpdaction=clear\ndpddelay=30\ncloseaction=none", "dpdaction=hold\ndpddelay=30\ncloseaction=hold",
	                                   "dpdaction=clear\ndpddelay=30\ncloseaction=clear"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char keys[128];
		snprintf(keys, sizeof keys, "auto=route\n%s", ends[i]);
		struct pair p = pair_run(2, keys, "", DUR_S(5));
		packet(p.a);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		uint32_t traps = p.a->traps;
		/* closed by the peer */
		struct ike_sa_view v;
		uint32_t at = 0;
		CHECK(p, ike_next_sa(p.b->ike, &at, &v));
		sim_cmd(p.b, IKE_CMD_DOWN_IKE, v.ike_id);
		sim_run(p.s, DUR_S(100));
		CHECK(p, p.a->n_sas == 0 && set_ups(p.a) == 1 && p.a->traps == traps + 1);
		traps = p.a->traps;
		packet(p.a);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		/* the peer is gone */
		p.b->cut = true;
		sim_run(p.s, DUR_S(100));
		CHECK(p, p.a->n_sas == 0 && set_ups(p.a) == 2 && p.a->traps == traps + 2); /* at the attempt, and at the end */
		TEXT(p, sim_why(p.a), "it waits for a packet");
		/* A packet meanwhile: tried without end, at a minute at most. */
		packet(p.a);
		sim_run(p.s, DUR_S(3600));
		CHECK(p, p.a->n_sas == 0 && set_ups(p.a) > 60 && ike_wanted(p.a->ike, 1));
		p.b->cut = false;
		sim_run(p.s, DUR_S(400));
		CHECK(p, p.a->n_sas == 1 && p.a->faults == 0);
		pair_free(&p);
	}
}

/* The peer deletes the child alone: what is left of it is of no use to a tunnel that packets start. */
static void only_the_child_is_closed(void **state)
{
	(void)state;
	struct pair p = pair_run(3, "auto=route", "", DUR_S(5));
	struct ike_child_view c;
	uint32_t at = 0;
	packet(p.a);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, ike_next_child(p.b->ike, &at, &c));
	sim_cmd(p.b, IKE_CMD_DOWN_CHILD, c.child_id);
	sim_run(p.s, DUR_S(60));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && set_ups(p.a) == 1);
	packet(p.a);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

static void the_peer_may_come_first(void **state)
{
	(void)state;
	struct pair p = pair_run(4, "auto=route", "auto=start", DUR_S(5));
	AGREE(p);
	CHECK(p, set_ups(p.a) == 0);
	packet(p.a);
	sim_run(p.s, DUR_S(5));
	CHECK(p, set_ups(p.a) == 0);
	pair_free(&p);
}

static void down_holds_it(void **state)
{
	(void)state;
	struct pair p = pair_run(5, "auto=route", "", DUR_S(5));
	sim_cmd(p.a, IKE_CMD_DOWN, 0);
	packet(p.a);
	sim_run(p.s, DUR_S(100));
	CHECK(p, sim_sent_all(p.a) == 0);
	sim_cmd(p.a, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, ike_wanted(p.a->ike, 1)); /* asked for by somebody: kept up */
	pair_free(&p);
}

static void no_way_at_first(void **state)
{
	(void)state;
	struct pair p = pair_new(6);
	pair_conf(&p, "auto=route", "");
	p.a->fail_path = -ENETUNREACH;
	pair_start(&p);
	sim_run(p.s, DUR_S(100));
	CHECK(p, p.a->traps == 0);
	p.a->fail_path = 0;
	sim_run(p.s, DUR_S(90));
	CHECK(p, p.a->traps == 1);
	/* Our address goes, and comes back: the trap names it. */
	struct ike_fact f = {.type = IKE_FACT_ADDRESS, .status = -EADDRNOTAVAIL, .local = {.addr = p.a->addr}};
	p.a->fail_path = -ENETUNREACH;
	sim_report(p.a, &f);
	sim_run(p.s, DUR_S(20));
	CHECK(p, p.a->traps == 1);
	p.a->fail_path = 0;
	sim_run(p.s, DUR_S(70));
	CHECK(p, p.a->traps == 2);
	packet(p.a);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

static void a_reload_makes_it_wait(void **state)
{
	(void)state;
	struct pair p = pair_run(7, "auto=add", "", DUR_S(5));
	CHECK(p, p.a->traps == 0);
	packet(p.a); /* of a policy that is not ours */
	struct conf *old = p.a->conf;
	p.a->conf = NULL;
	assert_true(sim_conf(p.a, p.b, "auto=route", NULL));
	sim_reload(p.a, true);
	config_free(old);
	sim_run(p.s, DUR_S(5));
	CHECK(p, p.a->traps >= 1);
	packet(p.a);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

/* --- the actions of a tunnel that nobody keeps up: B answers, A is restarted or silent --- */

static struct pair passive(const char *keys)
{
	struct pair p = pair_run(8, "auto=start", keys, DUR_S(5));
	AGREE(p);
	return p;
}

static void closed(struct pair *p)
{
	sim_cmd(p->a, IKE_CMD_DOWN, 0);
	sim_run(p->s, DUR_S(1));
	sim_cmd(p->a, IKE_CMD_UP, 0); /* held down no longer, but A would begin: it is made to wait */
	sim_cmd(p->a, IKE_CMD_DOWN, 0);
}

static void close_actions(void **state)
{
	(void)state;
	struct pair p = passive("closeaction=clear");
	closed(&p);
	sim_run(p.s, DUR_S(300));
	CHECK(p, p.b->n_sas == 0 && set_ups(p.b) == 0 && p.b->traps == 0);
	pair_free(&p);
	p = passive("closeaction=hold");
	closed(&p);
	sim_run(p.s, DUR_S(300));
	CHECK(p, p.b->n_sas == 0 && set_ups(p.b) == 0 && p.b->traps == 1);
	packet(p.b);
	sim_run(p.s, DUR_S(10));
	CHECK(p, set_ups(p.b) >= 1);
	pair_free(&p);
	p = passive("closeaction=restart");
	closed(&p);
	sim_run(p.s, DUR_S(5));
	CHECK(p, set_ups(p.b) >= 1 && p.b->traps == 0);
	pair_free(&p);
}

static void dpd_actions(void **state)
{
	(void)state;
	static const struct { const char *keys; bool comes, trap; } rows[] = {
		{"dpdaction=clear\ndpddelay=10", false, false},
		{"dpdaction=hold\ndpddelay=10", false, true},
		{"dpdaction=restart\ndpddelay=10", true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p = passive(rows[i].keys);
		p.a->cut = true;
		sim_run(p.s, DUR_S(60));
		CHECK(p, p.b->n_sas == 0 && (set_ups(p.b) > 0) == rows[i].comes && (p.b->traps > 0) == rows[i].trap);
		if (rows[i].trap) {
			packet(p.b);
			sim_run(p.s, DUR_S(60));
			CHECK(p, set_ups(p.b) > 0);
		}
		pair_free(&p);
	}
}

/* --- keyingtries: of auto=add, by attempts that nobody answers --- */

static void keyingtries(void **state)
{
	(void)state;
	struct pair p = pair_new(9);
	assert_true(sim_conf_charon(p.a, p.b, "auto=add\nkeyingtries=3", NULL, "retransmit_tries = 1\nretransmit_timeout = 2"));
	assert_true(sim_conf(p.b, p.a, "", NULL));
	pair_start(&p);
	p.b->cut = true;
	sim_cmd(p.a, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(600));
	CHECK(p, sim_noted(p.a, "giving up after 3 attempts without an answer (keyingtries)"));
	CHECK(p, set_ups(p.a) == 3 * 2 && !ike_wanted(p.a->ike, 1) && ike_next_try(p.a->ike, 1) == MONO_NEVER);
	sim_cmd(p.a, IKE_CMD_UP, 0);
	p.b->cut = false;
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
	/* %forever, and auto=start with any number */
	static const char *const forever[] = {"auto=add\nkeyingtries=%forever", "auto=start\nkeyingtries=1", "auto=route\nkeyingtries=1"};
	for (size_t i = 0; i < ARRAY_LEN(forever); i++) {
		p = pair_new(10 + i);
		assert_true(sim_conf_charon(p.a, p.b, forever[i], NULL, "retransmit_tries = 1\nretransmit_timeout = 2"));
		assert_true(sim_conf(p.b, p.a, "", NULL));
		pair_start(&p);
		p.b->cut = true;
		if (i == 0)
			sim_cmd(p.a, IKE_CMD_UP, 0);
		packet(p.a);
		sim_run(p.s, DUR_S(3600));
		CHECK(p, set_ups(p.a) > 60 && !sim_noted(p.a, "keyingtries"));
		p.b->cut = false;
		sim_run(p.s, DUR_S(90));
		AGREE(p);
		pair_free(&p);
	}
}

/* retransmit_*: the times between the sends. */
static void retransmission_settings(void **state)
{
	(void)state;
	struct pair p = pair_new(13);
	assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL,
	                            "retransmit_tries = 3\nretransmit_timeout = 2.0\nretransmit_base = 3\nretransmit_limit = 10"));
	assert_true(sim_conf(p.b, p.a, "", NULL));
	p.b->cut = true;
	pair_start(&p);
	sim_run(p.s, DUR_S(29));
	CHECK(p, p.a->n_sent == 4);
	static const int at[] = {0, 2, 8, 18}; /* 2, 6, then 18 cut to 10 */
	for (size_t i = 0; i < 4; i++)
		CHECK(p, dur_to_s(p.a->sent[i].at - p.a->sent[0].at) == at[i]);
	CHECK(p, sim_noted(p.a, "establishing IKE_SA failed") && ike_patience(&p.a->conf->setup) == DUR_S(28));
	pair_free(&p);
}

/* --- traffic is a sign of life --- */

static void esp_comes(struct sim *s)
{
	struct sim_node *a = s->node[0];
	if (s->node[1]->n_sas && !s->node[1]->cut)
		a->heard = s->now;
}

static void traffic_spares_checks(void **state)
{
	(void)state;
	struct pair p = pair_run(14, "auto=start\ndpdaction=restart\ndpddelay=30", "", DUR_S(5));
	AGREE(p);
	unsigned before = sim_sent(p.a, INFORMATIONAL, false);
	for (int i = 0; i < 150; i++) {
		p.a->heard = p.s->now;
		sim_run(p.s, DUR_S(10));
	}
	CHECK(p, sim_sent(p.a, INFORMATIONAL, false) == before && p.a->queries > 0 && p.a->queries < 150);
	/* It ends: the checks begin. */
	sim_run(p.s, DUR_S(600));
	CHECK(p, sim_sent(p.a, INFORMATIONAL, false) > before + 20);
	uint32_t asked = p.a->queries;
	sim_run(p.s, DUR_S(600)); /* and nobody is asked each time about traffic that there is not */
	CHECK(p, p.a->queries - asked <= 12);
	AGREE(p);
	/* With the traffic, and with the peer, it is over in dpddelay. */
	p.s->watch = esp_comes;
	sim_run(p.s, DUR_S(100));
	p.b->cut = true;
	mono_t cut = p.s->now;
	sim_run(p.s, DUR_S(60));
	const struct sim_told *down = sim_told_last(p.a, IKE_EV_CHILD_DOWN);
	CHECK(p, down && down->at - cut <= DUR_S(32));
	pair_free(&p);
}

/* --- names --- */

/* The peer is somewhere else when it is looked for again: at each attempt, and on failure only. */
static void a_name_that_moves(void **state)
{
	(void)state;
	static const char text[] = "conn t\n\tright=b.example\n\trightid=@b\n\tleftprotoport=47\n\trightprotoport=47\n\tauthby=secret\n"
	                           "\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tkeyexchange=ikev2\n\ttype=transport\n"
	                           "\tauto=start\n\tdpdaction=restart\n\tdpddelay=30\n";
	struct pair p = {.s = sim_new(15)};
	p.a = sim_host(p.s, "a", "192.0.2.1");
	p.b = sim_host(p.s, "b", "198.51.100.1");
	struct sim_node *c = sim_host(p.s, "c", "198.51.100.2");
	assert_true(sim_conf_text(p.a, text, ": PSK secret", ""));
	assert_true(sim_conf(p.b, p.a, "leftid=@b", NULL));
	assert_true(sim_conf(c, p.a, "leftid=@b", NULL));
	pair_start(&p);
	assert_true(sim_start(c));
	sim_run(p.s, DUR_S(100)); /* no such name */
	CHECK(p, p.a->n_sas == 0 && p.a->paths >= 3);
	p.a->dns = p.b->addr;
	sim_run(p.s, DUR_S(90));
	CHECK(p, p.a->n_sas == 1 && p.b->n_sas == 1);
	uint32_t asked = p.a->paths;
	p.a->dns = c->addr;
	sim_run(p.s, DUR_S(600)); /* a name is no reason to leave a peer that answers */
	CHECK(p, p.a->paths == asked && p.b->n_sas == 1 && c->n_sas == 0);
	p.b->cut = true;
	sim_run(p.s, DUR_S(90));
	CHECK(p, p.a->n_sas == 1 && c->n_sas == 1 && p.a->paths > asked);
	sim_stop(c);
	pair_free(&p);
}

/* --- after a death --- */

/* A hub that has lost all but what its kernel has calls its spokes where their SAs have them; nobody but these may answer. */
static void a_hub_calls_after_its_death(void **state)
{
	(void)state;
	struct pair p = pair_new(17);
	struct ident peer;
	assert_true(sim_conf(p.a, p.b, "auto=start\nleftid=@a.example", NULL) && sim_conf(p.b, NULL, "rightid=*.example", NULL));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	CHECK(p, sim_common(p.a, p.b) == 1);
	struct ike_cmd cmd = {.type = IKE_CMD_CALL, .tunnel = 1, .local = {p.b->addr, 500}, .remote = {p.a->addr, 500}, .peer = &peer};
	for (int right = 0; right <= 1; right++) {
		sim_stop(p.b);
		assert_true(sim_start(p.b));
		assert_true(ident_parse(right ? "@a.example" : "@c.example", &peer));
		ike_command(p.b->ike, &cmd, p.s->now, p.b->acts);
		sim_after(p.b);
		ike_command(p.b->ike, &cmd, p.s->now, p.b->acts); /* one call is enough */
		sim_after(p.b);
		sim_run(p.s, DUR_S(20));
		CHECK(p, sim_common(p.a, p.b) == (right ? 1 : 0) && !sim_noted(p.a, "INITIAL_CONTACT"));
	}
	CHECK(p, set_ups(p.b) == 2 && set_ups(p.a) == 1);
	pair_free(&p);
}

/* An SA of an earlier life is to have a successor, wanted or not, until it has gone itself. */
static void an_orphan_that_ends(void **state)
{
	(void)state;
	struct pair p = pair_new(18);
	pair_conf(&p, "auto=add", "");
	pair_start(&p);
	p.b->cut = true;
	sim_cmd(p.a, IKE_CMD_ORPHAN, 0xc0ffee01);
	sim_cmd(p.a, IKE_CMD_ORPHAN, 0xc0ffee02);
	sim_reload(p.a, true);
	sim_run(p.s, DUR_S(400));
	CHECK(p, set_ups(p.a) > 6); /* a second attempt is under way */
	sim_cmd(p.a, IKE_CMD_ORPHAN_GONE, 0xc0ffee01);
	sim_run(p.s, DUR_S(300));
	unsigned before = set_ups(p.a);
	CHECK(p, before > 12);
	sim_cmd(p.a, IKE_CMD_ORPHAN_GONE, 0xc0ffee02);
	sim_run(p.s, DUR_S(1000));
	CHECK(p, set_ups(p.a) <= before + 6 && ike_next_try(p.a->ike, 1) == MONO_NEVER);
	pair_free(&p);
}

/* --- a hub --- */

static size_t conn(char *out, size_t size, const char *name, const char *right, const char *keys)
{
	return (size_t)snprintf(out, size,
	                        "conn %s\n\tright=%s\n\tleftprotoport=47\n\trightprotoport=47\n\tauthby=secret\n"
	                        "\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tkeyexchange=ikev2\n\ttype=transport\n"
	                        "\tdpdaction=none\n%s", name, right, keys);
}

/* One conn for all spokes, or one for each, told apart by their identities. What is looked at for each handshake does not grow. */
static uint64_t hub(bool each, unsigned spokes)
{
	struct pair p = pair_new(16);
	size_t room = 400 * (size_t)spokes + 1000, n = 0, m = 0;
	char *text[2] = {malloc(room), malloc(room)}, name[32], keys[160];
	assert_true(text[0] && text[1]);
	for (unsigned i = 0; i < spokes; i++) {
		snprintf(name, sizeof name, "s%05u", i);
		snprintf(keys, sizeof keys, "\tleftid=@spoke%05u.example\n\trightid=@hub\n\tauto=start\n", i);
		n += conn(text[0] + n, room - n, name, "198.51.100.1", keys);
		snprintf(keys, sizeof keys, "\tleftid=@hub\n\trightid=@spoke%05u.example\n\tauto=add\n", i);
		if (each)
			m += conn(text[1] + m, room - m, name, "%any", keys);
	}
	if (!each)
		conn(text[1], room, "all", "%any", "\tleftid=@hub\n\trightid=@*.example\n\tauto=add\n");
	assert_true(sim_conf_text(p.a, text[0], NULL, "") && sim_conf_text(p.b, text[1], NULL, "dos_protection = no"));
	free(text[0]);
	free(text[1]);
	pair_start(&p);
	sim_run(p.s, DUR_S(30));
	CHECK(p, p.a->n_sas == spokes && p.b->n_sas == spokes && p.a->faults + p.b->faults == 0);
	struct ike_counters c;
	ike_counters(p.b->ike, &c);
	/* All at once they end. */
	sim_cmd(p.b, IKE_CMD_STOP, 0);
	sim_run(p.s, DUR_S(1));
	ike_counters(p.b->ike, &c);
	CHECK(p, p.b->n_sas == 0 && ike_idle(p.b->ike));
	pair_free(&p);
	return c.looked_at;
}

static void thousands_of_spokes(void **state)
{
	(void)state;
	for (int each = 0; each <= 1; each++) {
		uint64_t few = hub(each, 100), many = hub(each, 1600);
		if (many > few * 20)
			fail_msg("%d: %llu for 100 spokes, %llu for 1600", each, (unsigned long long)few, (unsigned long long)many);
	}
}

/* Nobody wanted the tunnel when its child went: `up` does not take the IKE SA that is left for a tunnel. */
static void up_with_no_child_left(void **state)
{
	(void)state;
	struct pair p = pair_run(41, "", "auto=start", DUR_S(5));
	AGREE(p);
	sim_stop(p.b);
	sim_cmd(p.a, IKE_CMD_DOWN_CHILD, p.a->sa[0].child_id);
	sim_run(p.s, DUR_S(1));
	CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 1 && sim_children(p.a) == 0);
	assert_true(sim_conf(p.b, p.a, "", NULL));
	assert_true(sim_start(p.b));
	sim_cmd(p.a, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(5));
	CHECK(p, sim_common(p.a, p.b) == 1);
	pair_free(&p);
}

/* The peer is silent on IKE_AUTH: `up` does not wait for the end of what waits. */
static void up_while_auth_waits(void **state)
{
	(void)state;
	struct pair p = pair_new(42);
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	while (sim_sent(p.a, IKE_AUTH, false) == 0)
		sim_run(p.s, DUR_MS(1));
	p.b->cut = true;
	sim_run(p.s, DUR_S(10));
	p.b->cut = false;
	assert_true(sim_start(p.b)); /* it has lost what was half open */
	mono_t asked = p.s->now;
	sim_cmd(p.a, IKE_CMD_UP, 0);
	CHECK(p, sim_until(p.s, DUR_S(1), pair_agrees) && p.s->now - asked < DUR_S(1));
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_starts_it), cmocka_unit_test(it_goes_back_to_waiting), cmocka_unit_test(only_the_child_is_closed),
		cmocka_unit_test(the_peer_may_come_first), cmocka_unit_test(down_holds_it), cmocka_unit_test(no_way_at_first),
		cmocka_unit_test(a_reload_makes_it_wait), cmocka_unit_test(close_actions), cmocka_unit_test(dpd_actions),
		cmocka_unit_test(keyingtries), cmocka_unit_test(retransmission_settings), cmocka_unit_test(traffic_spares_checks),
		cmocka_unit_test(a_name_that_moves), cmocka_unit_test(thousands_of_spokes),
		cmocka_unit_test(a_hub_calls_after_its_death), cmocka_unit_test(an_orphan_that_ends),
		cmocka_unit_test(up_with_no_child_left),
		cmocka_unit_test(up_while_auth_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
