/* Two engines on virtual time: bad networks, restarts, silence, the end of SAs and their replacement before it. tests/sim/sim.h says what the words mean. */
#include "../sim/pair.h"

#include <errno.h>
#include <stdlib.h>

#ifdef GRETEL_SANITIZED
enum { LOSS_SEEDS = 60 };
#else
enum { LOSS_SEEDS = 200 };
#endif

/* --- bad networks --- */

static void every_packet_twice(void **state)
{
	(void)state;
	struct pair p = pair_new(1);
	p.s->dup = 1000;
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(40));
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->ups == 1);
	/* A repeated request gets the same answer once more, a repeated answer nothing. */
	CHECK(p, sim_sent_all(p.a) == 2 && sim_sent_all(p.b) <= 4);
	struct ike_counters n;
	ike_counters(p.b->ike, &n);
	CHECK(p, n.retransmits_in == sim_sent_all(p.b) - 2);
	sim_cmd(p.a, IKE_CMD_DOWN, 0);
	sim_run(p.s, DUR_S(2));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_sas == 0 && p.b->n_sas == 0);
	pair_free(&p);
}

/* The same answer, bit by bit, however often the request comes (RFC 7296 2.1). */
static uint8_t first_answer[2048];
static size_t first_answer_n;
static unsigned answers, odd_answers;

static bool compare_answers(struct sim *s, struct sim_packet *p)
{
	(void)s;
	if (!p->response || p->exchange != IKE_AUTH)
		return true;
	if (answers++ == 0) {
		first_answer_n = p->n;
		memcpy(first_answer, p->p, min_z(p->n, sizeof first_answer));
	} else if (p->n != first_answer_n || memcmp(p->p, first_answer, p->n) != 0) {
		odd_answers++;
	}
	return answers > 3;
}

static void lost_answers_come_again_bit_by_bit(void **state)
{
	(void)state;
	struct pair p = pair_new(2);
	answers = odd_answers = 0;
	p.s->tap = compare_answers;
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(40));
	AGREE(p);
	CHECK(p, answers == 4 && odd_answers == 0 && p.b->ups == 1);
	CHECK(p, sim_noted(p.b, "received retransmit of request with ID 1, retransmitting response"));
	pair_free(&p);
}

static void loses(unsigned thousandths, bool both)
{
	for (uint64_t seed = 0; seed < LOSS_SEEDS; seed++) {
		struct pair p = pair_new(seed);
		p.s->loss = thousandths;
		p.s->dup = 50;
		p.s->delay_min = DUR_MS(1);
		p.s->delay_max = DUR_MS(300);
		pair_conf(&p, "auto=start", both ? "auto=start" : "");
		pair_start(&p);
		CHECK(p, sim_until(p.s, DUR_S(3600), pair_agrees));
		p.s->loss = 0;
		sim_run(p.s, DUR_S(200));
		AGREE(p);
		pair_free(&p);
	}
}

static void a_fifth_is_lost(void **state)
{
	(void)state;
	loses(200, false);
}

static void half_is_lost(void **state)
{
	(void)state;
	loses(500, true);
}

/* --- restart and silence --- */

static void peer_restarts(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct pair p = pair_run(4, "auto=start", "auto=start", DUR_S(60));
		struct sim_node *gone = who ? p.a : p.b, *other = who ? p.b : p.a;
		AGREE(p);
		gone->ups = gone->downs = 0;
		uint32_t ups = other->ups, downs = other->downs;
		assert_true(sim_start(gone));
		sim_run(p.s, DUR_S(1));
		CHECK(p, sim_common(p.a, p.b) == 1); /* at once, not after a time-out */
		sim_run(p.s, DUR_S(9));
		AGREE(p);
		CHECK(p, other->ups == ups + 1 && other->downs == downs + 1);
		CHECK(p, sim_noted(other, "received INITIAL_CONTACT"));
		pair_free(&p);
	}
}

/* Whoever restarts and only waits is found out by the liveness checks. */
static void passive_peer_restarts(void **state)
{
	(void)state;
	struct pair p = pair_run(5, "auto=start\ndpdaction=restart\ndpddelay=30", "", DUR_S(60));
	AGREE(p);
	assert_true(sim_start(p.b));
	p.b->ups = p.b->downs = 0;
	sim_run(p.s, DUR_S(31));
	AGREE(p);
	pair_free(&p);
}

static bool gone_at_a(struct sim *s) { return s->node[0]->downs == 1; }

static void silence_is_noticed(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"auto=start\ndpdaction=restart\ndpddelay=30",
		"auto=start\ndpdaction=clear\ndpddelay=10",
		"dpdaction=restart\ndpddelay=60",
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		for (int at = 0; at < 20; at++) {
			struct pair p = pair_run(6, keys[i], i == 2 ? "auto=start" : "", DUR_S(30) + DUR_MS(777) * at);
			AGREE(p);
			dur_t delay = conf_tunnel(p.a->conf, 0)->dpd_delay;
			mono_t cut = p.s->now;
			p.b->cut = true;
			CHECK(p, sim_until(p.s, delay + DUR_S(1), gone_at_a));
			/* RFC 7296 2.4; from the last sign of life it takes dpddelay, from the cut at most that long. */
			CHECK(p, p.s->now - cut <= delay && p.s->now - cut >= delay / 2 - DUR_S(1));
			CHECK(p, strncmp(sim_told_last(p.a, IKE_EV_CHILD_DOWN)->reason,
			                 "no answer from 198.51.100.1:500 for ", 36) == 0);
			sim_run(p.s, DUR_S(2));
			CHECK(p,
			      sim_noted(p.a, "initiating IKE_SA t[2]")); /* also with clear, as auto=start wants it */
			p.b->cut = false;
			sim_run(p.s, DUR_S(70));
			CHECK(p, sim_common(p.a, p.b) == 1);
			pair_free(&p);
		}
	}
}

/* A quiet tunnel is asked for its life twice per dpddelay, a busy one not at all. */
static void liveness_is_cheap(void **state)
{
	(void)state;
	struct pair p = pair_run(7, "auto=start\ndpdaction=restart\ndpddelay=30", "dpdaction=clear\ndpddelay=30",
	                         DUR_S(1));
	uint32_t a = sim_sent_all(p.a), b = sim_sent_all(p.b);
	sim_run(p.s, DUR_S(600));
	AGREE(p);
	/* Each question and each answer is a sign of life for both ends: about one exchange in fifteen seconds. */
	CHECK(p, sim_sent_all(p.a) - a + sim_sent_all(p.b) - b <= 2 * 2 * 600 / 15 && sim_sent_all(p.a) > a + 30);
	pair_free(&p);
}

/* dpdaction=none by a reload while a check is under way is no verdict about the peer. */
static void liveness_turned_off_while_asking(void **state)
{
	(void)state;
	struct pair p = pair_run(8, "auto=start\ndpdaction=restart\ndpddelay=30", "", DUR_MS(14500));
	p.b->cut = true;
	sim_run(p.s, DUR_S(1));
	struct conf *old = p.a->conf;
	p.a->conf = NULL;
	assert_true(sim_conf(p.a, p.b, "auto=start\ndpdaction=none\ndpddelay=0", NULL));
	sim_reload(p.a, false);
	config_free(old);
	sim_run(p.s, DUR_S(5));
	p.b->cut = false;
	sim_run(p.s, DUR_S(60));
	AGREE(p);
	CHECK(p, p.a->ups == 1);
	pair_free(&p);
}

/* A request that is out is as good a question as a liveness check. */
static void silence_after_another_request(void **state)
{
	(void)state;
	struct pair p = pair_run(17, "auto=start\ndpdaction=restart\ndpddelay=30", "", DUR_S(5));
	struct ike_child_view c;
	uint32_t at = 0;
	CHECK(p, ike_next_child(p.a->ike, &at, &c));
	p.b->cut = true;
	sim_cmd(p.a, IKE_CMD_DOWN_CHILD, c.child_id);
	sim_run(p.s, DUR_S(46)); /* looked at each 15 s */
	CHECK(p, sim_noted(p.a, "initiating IKE_SA t[2]") && sim_ikes(p.a, IKE_S_ESTABLISHED) == 0);
	p.b->cut = false;
	sim_run(p.s, DUR_S(60));
	CHECK(p, sim_common(p.a, p.b) == 1);
	pair_free(&p);
}

/* --- the end --- */

static void closed_by_either_end(void **state)
{
	(void)state;
	struct pair p = pair_run(9, "auto=start", "", DUR_S(5));
	/* The waiting end closes it: the other one wants it back, and is refused while it is held down. */
	sim_cmd(p.b, IKE_CMD_DOWN, 0);
	sim_run(p.s, DUR_S(1));
	CHECK(p, p.a->n_sas == 0 && p.b->n_sas == 0 && p.a->downs == 1 && p.b->downs == 1);
	TEXT(p, sim_told_last(p.a, IKE_EV_CHILD_DOWN)->reason, "the peer deleted the tunnel");
	sim_run(p.s, DUR_S(60));
	TEXT(p, sim_why(p.a), "the peer refuses this tunnel for now");
	CHECK(p, sim_noted(p.b, "the tunnel is held down here (gretel up t lets it come)"));
	sim_cmd(p.b, IKE_CMD_UP, 0);
	sim_run(p.s, DUR_S(80));
	AGREE(p);
	/* Both at the same time. */
	sim_cmd(p.a, IKE_CMD_DOWN, 0);
	sim_cmd(p.b, IKE_CMD_DOWN, 0);
	sim_run(p.s, DUR_MS(100));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_sas == 0 && p.b->n_sas == 0);
	CHECK(p, p.a->ups == p.a->downs && p.b->ups == p.b->downs);
	sim_run(p.s, DUR_S(600));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike));
	pair_free(&p);
}

static void closed_by_number(void **state)
{
	(void)state;
	struct pair p = pair_run(10, "auto=start", "", DUR_S(5));
	struct ike_sa_view v;
	struct ike_child_view c;
	uint32_t at = 0;
	CHECK(p, ike_next_sa(p.b->ike, &at, &v) && !ike_next_sa(p.b->ike, &at, &v));
	sim_cmd(p.b, IKE_CMD_DOWN_IKE, v.ike_id);
	sim_run(p.s, DUR_S(5)); /* A wants it, B does not hold it down: it comes back */
	AGREE(p);
	CHECK(p, p.a->ups == 2);
	at = 0;
	CHECK(p, ike_next_child(p.b->ike, &at, &c) && !ike_next_child(p.b->ike, &at, &c));
	sim_cmd(p.b, IKE_CMD_DOWN_CHILD, c.child_id);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, p.a->ups == 3);
	pair_free(&p);
}

static void stops_politely(void **state)
{
	(void)state;
	struct pair p = pair_run(11, "auto=start", "", DUR_S(5));
	sim_cmd(p.a, IKE_CMD_STOP, 0);
	CHECK(p, !ike_idle(p.a->ike) && p.a->n_sas == 0 && p.a->downs == 1);
	sim_run(p.s, DUR_MS(50));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike));
	pair_free(&p);
	/* A peer that does not answer is not waited for any longer than half a minute. */
	p = pair_run(11, "auto=start", "", DUR_S(5));
	p.b->cut = true;
	sim_cmd(p.a, IKE_CMD_STOP, 0);
	sim_run(p.s, DUR_S(30));
	CHECK(p, ike_idle(p.a->ike) && ike_due(p.a->ike) == MONO_NEVER);
	pair_free(&p);
}

/* Two hundred tunnels between the two: what ends them all at once has room for all. */
static void many_at_once(void **state)
{
	(void)state;
	enum { MANY = 200 };
	struct pair p = pair_new(18);
	char *text[2];
	for (int k = 0; k < 2; k++) {
		struct sbuf b = sb_init(text[k] = malloc(1 << 17), 1 << 17);
		sb_printf(
			&b,
			"conn %%default\n\tright=%s\n\tleftprotoport=47\n\trightprotoport=47\n\tauthby=secret\n"
			"\tike=aes128gcm16-prfsha256-x25519!\n\tesp=aes128gcm16!\n\tkeyexchange=ikev2\n\ttype=transport\n"
			"\tdpdaction=none\n\tauto=%s\n",
			k ? "192.0.2.1" : "198.51.100.1", k ? "add" : "start");
		for (int i = 0; i < MANY; i++)
			sb_printf(&b, "conn t%d\n\tleftid=@%c%d\n\trightid=@%c%d\n", i, k ? 'b' : 'a', i, k ? 'a' : 'b',
			          i);
		assert_true(sim_conf_text(k ? p.b : p.a, text[k], NULL, "dos_protection = no"));
		free(text[k]);
	}
	pair_start(&p);
	sim_run(p.s, DUR_S(60));
	CHECK(p, sim_common(p.a, p.b) == MANY && p.a->faults + p.b->faults == 0);
	sim_cmd(p.a, IKE_CMD_STOP, 0);
	sim_run(p.s, DUR_S(10));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_sas == 0 && p.b->n_sas == 0);
	CHECK(p, p.a->ups == MANY && p.a->downs == MANY && p.b->downs == MANY && p.a->faults + p.b->faults == 0);
	pair_free(&p);
}

static void leaves_the_configuration(void **state)
{
	(void)state;
	struct pair p = pair_run(12, "auto=start", "", DUR_S(5));
	struct ike_cmd cmd = {.type = IKE_CMD_TUNNEL_DEL, .tunnel = 1};
	ike_command(p.a->ike, &cmd, p.s->now, p.a->acts);
	sim_after(p.a);
	sim_run(p.s, DUR_S(5));
	CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->downs == 1);
	TEXT(p, sim_told_last(p.a, IKE_EV_CHILD_DOWN)->reason, "it left the configuration");
	sim_reload(p.a, true); /* and comes back under the same number */
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

/* --- make before break --- */

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

/* At least one pair of SAs in both kernels at any time, at most two for long, and each `up` has its `down`. */
static void outlives(const char *a, const char *b, dur_t d, unsigned at_least)
{
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct pair p = pair_new(seed);
		seen_common = false;
		p.s->watch = never_without;
		p.s->delay_max = DUR_MS(80);
		pair_conf(&p, a, b);
		pair_start(&p);
		for (dur_t t = 0; t < d; t += DUR_S(1)) {
			sim_run(p.s, DUR_S(1));
			CHECK(p, p.a->n_sas <= 3 && p.b->n_sas <= 3 && p.a->faults + p.b->faults == 0);
		}
		CHECK(p, p.a->ups >= at_least && p.a->ups <= 3 * at_least && p.a->ups - p.a->downs <= 2);
		CHECK(p, sim_told_n(p.a, IKE_EV_FAILED) == 0 && sim_told_n(p.b, IKE_EV_FAILED) == 0);
		p.s->watch = NULL;
		sim_cmd(p.a, IKE_CMD_DOWN, 0);
		sim_cmd(p.b, IKE_CMD_DOWN, 0);
		sim_run(p.s, DUR_S(35));
		CHECK(p, p.a->ups == p.a->downs && p.b->ups == p.b->downs && p.a->n_sas == 0 && p.b->n_sas == 0);
		CHECK(p, ike_idle(p.a->ike) && ike_idle(p.b->ike) && p.a->n_spis == 0 && p.b->n_spis == 0);
		pair_free(&p);
	}
}

static void soft_expiry_of_the_child(void **state)
{
	(void)state;
	/* Renewed after 20 to 30 s. */
	outlives("auto=start\nlifetime=40s\nmargintime=10s", "lifetime=40s\nmargintime=10s", DUR_S(600), 20);
	outlives("auto=start\nlifetime=40s\nmargintime=10s", "auto=start\nlifetime=40s\nmargintime=10s", DUR_S(600),
	         20);
	/* Only one end has a lifetime: the one that began, and the one that waits. */
	outlives("auto=start\nlifetime=40s\nmargintime=10s", "rekey=no", DUR_S(600), 20);
	outlives("auto=start\nrekey=no", "lifetime=40s\nmargintime=10s", DUR_S(600), 20);
}

/* The other end's soft limit, a second later, finds the successor there. */
static void one_successor_is_enough(void **state)
{
	(void)state;
	struct pair p = pair_run(16, "auto=start\nlifetime=60s\nmargintime=40s\nrekeyfuzz=0%",
	                         "lifetime=60s\nmargintime=39s\nrekeyfuzz=0%", DUR_S(207));
	AGREE(p);
	CHECK(p, p.a->ups == 11 && p.b->ups == 11 && sim_sent(p.b, IKE_SA_INIT, false) == 0);
	pair_free(&p);
}

static void soft_expiry_of_the_ike_sa(void **state)
{
	(void)state;
	outlives("auto=start\nikelifetime=60s\nmargintime=10s\nrekeyfuzz=0%", "rekey=no", DUR_S(600), 10);
	outlives("auto=start\nrekey=no", "ikelifetime=60s\nmargintime=10s\nrekeyfuzz=0%", DUR_S(600), 10);
	outlives("auto=start\nikelifetime=60s\nmargintime=10s", "auto=start\nikelifetime=60s\nmargintime=10s",
	         DUR_S(600), 10);
}

/* The kernel speaks of the limits in octets and packets. */
static void kernel_says_expire(void **state)
{
	(void)state;
	for (int which = 0; which < 2; which++) {
		struct pair p = pair_run(13, "auto=start", "", DUR_S(5));
		struct ike_fact f = {.type = IKE_FACT_EXPIRE};
		f.spi = which ? p.a->sa[0].sa.out.spi : p.a->sa[0].sa.in.spi;
		sim_report(p.a, &f);
		seen_common = false;
		p.s->watch = never_without;
		sim_run(p.s, DUR_S(20));
		AGREE(p);
		CHECK(p, p.a->ups == 2 && p.b->ups == 2);
		p.s->watch = NULL;
		f.spi = p.a->sa[0].sa.in.spi;
		f.hard = true;
		sim_report(p.a, &f);
		sim_run(p.s, 1);
		CHECK(p, p.a->downs == 2 && p.a->n_sas == 0);
		TEXT(p, sim_told_last(p.a, IKE_EV_CHILD_DOWN)->reason, "its lifetime ended");
		sim_run(p.s, DUR_S(20));
		AGREE(p);
		f.spi = 0x12345678; /* of nobody */
		sim_report(p.a, &f);
		AGREE(p);
		pair_free(&p);
	}
}

/* The successor cannot be made: the old one lives to its end, and it is tried again in between. */
static void successor_fails_at_first(void **state)
{
	(void)state;
	struct pair p = pair_new(14);
	pair_conf(&p, "auto=start\nlifetime=100s\nmargintime=60s\nrekeyfuzz=0%", "");
	pair_start(&p);
	seen_common = false;
	p.s->watch = never_without;
	sim_run(p.s, DUR_S(39));
	AGREE(p);
	p.a->fail_spi = -ENOSPC;
	sim_run(p.s, DUR_S(40));
	/* A rekey first, a few times, then a whole new set-up. */
	CHECK(p, sim_noted(p.a, "rekeying CHILD_SA t{1} failed: the kernel gives no SPI"));
	CHECK(p, sim_told_n(p.a, IKE_EV_FAILED) >= 1 && sim_told_n(p.a, IKE_EV_CHILD_DOWN) == 0);
	p.a->fail_spi = 0;
	sim_run(p.s, DUR_S(30)); /* the last failure may have been a moment ago */
	CHECK(p, sim_common(p.a, p.b) >= 1);
	p.s->watch = NULL;
	sim_run(p.s, DUR_S(20));
	AGREE(p);
	pair_free(&p);
}

/* What an earlier life left in the kernel is taken out when its successor is in, and the peer is told. */
static void orphans_are_replaced(void **state)
{
	(void)state;
	struct pair p = pair_run(15, "auto=start", "", DUR_S(5));
	AGREE(p);
	struct sim_sa left = p.a->sa[0];
	sim_stop(p.a);
	struct ike_env env = {.mem = &p.a->mem.mem, .crypto = p.s->crypto, .rng = &p.a->rng.rng};
	p.a->ike = ike_new(&env);
	p.a->n_lives++;
	p.a->ups = p.a->downs = 0;
	struct ike_cmd cmd = {.type = IKE_CMD_SETUP, .conf = p.a->conf};
	ike_command(p.a->ike, &cmd, p.s->now, p.a->acts);
	cmd = (struct ike_cmd){
		.type = IKE_CMD_TUNNEL_SET, .tunnel = 1, .conf = p.a->conf, .t = conf_tunnel(p.a->conf, 0)};
	ike_command(p.a->ike, &cmd, p.s->now, p.a->acts);
	sim_after(p.a);
	sim_cmd(p.a, IKE_CMD_ORPHAN, left.sa.in.spi);
	seen_common = true;
	p.s->watch = never_without;
	sim_reload(p.a, true);
	sim_run(p.s, DUR_S(50)); /* B's old IKE SA asks in vain for half a minute */
	AGREE(p);
	CHECK(p, p.a->ups == 1 && p.b->ups == 2 && !sim_noted(p.b, "INITIAL_CONTACT"));
	CHECK(p, sim_noted(p.b, "received DELETE for ESP CHILD_SA with SPI"));
	CHECK(p, p.a->sa[0].sa.in.spi != left.sa.in.spi);
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_twice),
		cmocka_unit_test(lost_answers_come_again_bit_by_bit),
		cmocka_unit_test(a_fifth_is_lost),
		cmocka_unit_test(half_is_lost),
		cmocka_unit_test(peer_restarts),
		cmocka_unit_test(passive_peer_restarts),
		cmocka_unit_test(silence_is_noticed),
		cmocka_unit_test(liveness_is_cheap),
		cmocka_unit_test(liveness_turned_off_while_asking),
		cmocka_unit_test(silence_after_another_request),
		cmocka_unit_test(closed_by_either_end),
		cmocka_unit_test(closed_by_number),
		cmocka_unit_test(stops_politely),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(leaves_the_configuration),
		cmocka_unit_test(soft_expiry_of_the_child),
		cmocka_unit_test(one_successor_is_enough),
		cmocka_unit_test(soft_expiry_of_the_ike_sa),
		cmocka_unit_test(kernel_says_expire),
		cmocka_unit_test(successor_fails_at_first),
		cmocka_unit_test(orphans_are_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
