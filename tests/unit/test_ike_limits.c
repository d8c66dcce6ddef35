/* What a responder takes on at all, and how long a set-up takes: nothing but the way there and back. On virtual time.
 * tests/sim/sim.h says what the words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

/* --- limits --- */

struct flood {
	unsigned sas, cookies; /* what B answered */
};

static bool count_answers(struct sim *s, struct sim_packet *p)
{
	struct flood *f = s->arg;
	struct ike_payloads pl;
	struct ike_hdr h;
	struct ike_notify n;
	if (p->from != s->node[1])
		return true;
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) == WIRE_OK &&
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl) == WIRE_OK) {
		bool cookie = pl.v[0].type == P_N && ike_notify_decode(pl.v[0].body, &n) == WIRE_OK && n.type == N_COOKIE;
		*(cookie ? &f->cookies : &f->sas) += 1;
	}
	return false;
}

/* Ten requests from one address and ten from as many others, with `charon` at B. */
static void flood(const char *charon, unsigned one_sas, unsigned one_cookies, unsigned ten_sas, unsigned ten_cookies)
{
	for (int many = 0; many <= 1; many++) {
		struct pair p = pair_new(2);
		struct flood f = {0};
		p.s->tap = count_answers;
		p.s->arg = &f;
		assert_true(sim_conf(p.a, p.b, "", NULL));
		assert_true(sim_conf_charon(p.b, NULL, "", NULL, charon));
		assert_true(sim_start(p.b));
		for (uint8_t i = 0; i < 10; i++) {
			struct endpoint src = {.port = 500};
			assert_true(addr_parse("203.0.113.50", &src.addr));
			if (many)
				src.addr.b[3] = (uint8_t)(src.addr.b[3] + i);
			hand_init(p.b, &src, conf_proposals(p.b->conf, conf_tunnel(p.b->conf, 0)->ike), 100u + i, i, NULL, true);
		}
		CHECK(p, f.sas == (many ? ten_sas : one_sas) && f.cookies == (many ? ten_cookies : one_cookies));
		CHECK(p, sim_all_ikes(p.b) == f.sas);
		/* Half-open SAs end, and with them what they counted for. */
		sim_run(p.s, DUR_S(31));
		f = (struct flood){0};
		struct endpoint src = {.port = 500};
		assert_true(addr_parse("203.0.113.50", &src.addr));
		hand_init(p.b, &src, conf_proposals(p.b->conf, conf_tunnel(p.b->conf, 0)->ike), 200, 1, NULL, true);
		CHECK(p, f.sas == (ten_sas > 0) && f.cookies == 0);
		pair_free(&p);
	}
}

static void limits(void **state)
{
	(void)state;
	flood("", 3, 7, 10, 0); /* the defaults, which are strongSwan's */
	/* What is counted without proof locks nobody out. */
	flood("cookie_threshold_ip = 0", 5, 5, 10, 0);
	flood("cookie_threshold_ip = 0\nblock_threshold = 2", 2, 8, 10, 0);
	flood("dos_protection = no", 10, 0, 10, 0);
	flood("dos_protection = no\ninit_limit_half_open = 4", 4, 0, 4, 0);
	flood("dos_protection = no\nikesa_limit = 6", 6, 0, 6, 0);
	flood("cookie_threshold_ip = 0\nblock_threshold = 0\ncookie_threshold = 7", 7, 3, 7, 3);
	flood("cookie_threshold_ip = 0\nblock_threshold = 0\ncookie_threshold = 0", 10, 0, 10, 0);
	flood("initiator_only = yes", 0, 0, 0, 0);
}

/* initiator_only is about what others begin. */
static void initiator_only_begins(void **state)
{
	(void)state;
	struct pair p = pair_new(3);
	assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL, "initiator_only = yes\nikesa_limit = 1"));
	assert_true(sim_conf(p.b, p.a, "", NULL));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
}

/* --- a request that the network kept back --- */

static uint8_t kept[2048];
static size_t kept_n;
static struct endpoint kept_src, kept_dst;

static bool keep_first(struct sim *s, struct sim_packet *p)
{
	(void)s;
	if (!kept_n && p->exchange == IKE_SA_INIT && !p->response) {
		memcpy(kept, p->p, p->n);
		kept_n = p->n;
		kept_src = p->src;
		kept_dst = p->dst;
	}
	return true;
}

static void a_late_copy_begins_nothing(void **state)
{
	(void)state;
	for (int nat = 0; nat <= 1; nat++) {
		struct pair p = pair_new(4);
		kept_n = 0;
		p.s->tap = keep_first;
		if (nat) /* the SA moves to port 4500, away from where the request came from */
			sim_behind(p.a, PUBLIC_A, false);
		assert_true(sim_conf(p.a, p.b, "auto=start", NULL));
		assert_true(sim_conf(p.b, NULL, "", NULL));
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		unsigned sent = sim_sent_all(p.b);
		sim_inject(p.b, &kept_src, &kept_dst, false, kept, kept_n);
		sim_run(p.s, DUR_MS(100));
		CHECK(p, sim_all_ikes(p.b) == 1 && sim_sent_all(p.b) == sent);
		pair_free(&p);
	}
}

/* --- jitter --- */

static void jitter_shortens(void **state)
{
	(void)state;
	dur_t first = 0;
	bool differ = false;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct pair p = pair_new(seed);
		assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL,
		                            "retransmit_timeout = 10\nretransmit_base = 1\nretransmit_jitter = 20"));
		assert_true(sim_start(p.a)); /* nobody is at the other end */
		sim_run(p.s, DUR_S(35));
		CHECK(p, p.a->n_sent >= 4);
		for (unsigned i = 1; i < 4; i++) {
			dur_t wait = p.a->sent[i].at - p.a->sent[i - 1].at;
			CHECK(p, wait <= DUR_S(10) && wait >= DUR_S(8));
			differ |= first && wait != first;
			first = wait;
		}
		pair_free(&p);
	}
	assert_true(differ);
}

/* --- time --- */

/* From `up` to the SAs in both kernels there pass four flights and the answers of priv, to the nanosecond: nothing waits for a
 * clock, and nothing is asked for twice. At the initiator: PATH, SPI, SIGN, VERIFY, INSTALL; at the responder between the third
 * packet and the fourth VERIFY, SPI, INSTALL, SIGN. */
static void only_flights_take_time(void **state)
{
	(void)state;
	enum { FLIGHTS = 4, ASKED_I = 5, ASKED_R = 4 };
	static const dur_t flight[] = {DUR_MS(10), DUR_MS(300), DUR_MS(1)}, priv[] = {DUR_MS(1), DUR_MS(7), 0};
	for (size_t i = 0; i < ARRAY_LEN(flight); i++) {
		for (int nat = 0; nat <= 3; nat++) {
			struct pair p = pair_new(6);
			if (nat & 1)
				sim_behind(p.a, PUBLIC_A, false);
			if (nat & 2)
				sim_behind(p.b, PUBLIC_B, false);
			pair_conf(&p, nat & 1 ? "leftid=" PUBLIC_A : "", nat & 2 ? "leftid=" PUBLIC_B : "");
			pair_start(&p);
			sim_run(p.s, DUR_S(1));
			p.s->delay_min = p.s->delay_max = flight[i];
			p.s->priv_delay = priv[i];
			mono_t began = p.s->now;
			sim_cmd(p.a, IKE_CMD_UP, 0);
			sim_run(p.s, DUR_S(5));
			AGREE(p);
			CHECK(p, sim_sent_all(p.a) == 2 && sim_sent_all(p.b) == 2);
			const struct sim_told *a = sim_told_last(p.a, IKE_EV_CHILD_UP), *b = sim_told_last(p.b, IKE_EV_CHILD_UP);
			CHECK(p, a && a->at - began == FLIGHTS * flight[i] + (ASKED_I + ASKED_R) * priv[i]);
			CHECK(p, b && b->at - began == (FLIGHTS - 1) * flight[i] + (3 + ASKED_R) * priv[i]);
			pair_free(&p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(initiator_only_begins),
		cmocka_unit_test(a_late_copy_begins_nothing),
		cmocka_unit_test(jitter_shortens),
		cmocka_unit_test(only_flights_take_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
