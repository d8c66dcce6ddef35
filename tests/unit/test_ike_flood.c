/* Strangers in numbers: who is let in, who is asked for a cookie, who makes room for whom, what it costs; each with exact counts. On
 * virtual time. tests/sim/sim.h says what the words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

/* What B answered to strangers, none of which arrives. */
struct answers {
	unsigned sas, cookies, no_proposal;
	size_t octets;
	uint8_t cookie[33]; /* the last one */
};

static bool is_stranger(const struct sim *s, const struct endpoint *ep)
{
	return !addr_eq(&ep->addr, &s->node[0]->addr) || ep->port != 500;
}

static bool take_answers(struct sim *s, struct sim_packet *p)
{
	struct answers *a = s->arg;
	struct ike_payloads pl;
	struct ike_hdr h;
	struct ike_notify n = {.type = 0};
	if (p->from != s->node[1] || !is_stranger(s, &p->dst))
		return true;
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK || h.exchange != IKE_SA_INIT ||
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl) != WIRE_OK)
		return false;
	if (pl.v[0].type == P_N && ike_notify_decode(pl.v[0].body, &n) != WIRE_OK)
		return false;
	a->octets += p->n;
	if (n.type == N_COOKIE && n.data.n == sizeof a->cookie)
		memcpy(a->cookie, n.data.p, sizeof a->cookie);
	*(n.type == N_COOKIE ? &a->cookies : n.type == N_NO_PROPOSAL_CHOSEN ? &a->no_proposal : &a->sas) += 1;
	return false;
}

static struct answers answers;

/* B is a hub for anybody, with these lines of charon { }. */
static struct pair hub(const char *charon)
{
	struct pair p = pair_new(8);
	answers = (struct answers){.sas = 0};
	p.s->tap = take_answers;
	p.s->arg = &answers;
	assert_true(sim_conf(p.a, p.b, "", NULL));
	assert_true(sim_conf_charon(p.b, NULL, "", NULL, charon));
	assert_true(sim_start(p.b));
	return p;
}

static const struct proposals *offer(const struct sim_node *n)
{
	return conf_proposals(n->conf, conf_tunnel(n->conf, 0)->ike);
}

/* The n-th stranger. */
static struct endpoint stranger(uint32_t n)
{
	struct endpoint e = {.addr.family = AF_V4, .port = 500};
	e.addr.b[0] = 10;
	e.addr.b[1] = (uint8_t)(n >> 16);
	e.addr.b[2] = (uint8_t)(n >> 8);
	e.addr.b[3] = (uint8_t)n;
	return e;
}

static void begin(struct pair *p, const struct endpoint *src, uint64_t spi, const uint8_t *cookie)
{
	hand_init(p->b, src, offer(p->b), spi, (uint8_t)spi, cookie, true);
}

/* Asks, and brings the cookie that was asked for. */
static void begin_proven(struct pair *p, const struct endpoint *src, uint64_t spi)
{
	unsigned asked = answers.cookies;
	begin(p, src, spi, NULL);
	if (answers.cookies > asked)
		begin(p, src, spi, answers.cookie);
}

static struct ike_counters counters(const struct pair *p)
{
	struct ike_counters c;
	ike_counters(p->b->ike, &c);
	return c;
}

static unsigned said(const struct sim_node *n, const char *text)
{
	unsigned found = 0;
	for (const char *at = n->log; (at = strstr(at, text)); at++)
		found++;
	return found;
}

/* --- an impostor --- */

/* However many begin in A's name, from A's own port too: A is asked for one cookie at most, and is in. */
static void an_impostor_locks_nobody_out(void **state)
{
	(void)state;
	static const char *const charon[] = {
		"", "cookie_threshold = 1", "cookie_threshold_ip = 0", "block_threshold = 1",
		"cookie_threshold_ip = 0\nblock_threshold = 2", "cookie_threshold_ip = 0\nblock_threshold = 1\ncookie_threshold = 0",
	};
	for (size_t i = 0; i < ARRAY_LEN(charon); i++) {
		struct pair p = hub(charon[i]);
		for (uint32_t n = 0; n < 500; n++) {
			struct endpoint as_a = {.addr = p.a->addr, .port = (uint16_t)(n % 2 ? 600 + n : 500)};
			begin(&p, &as_a, 1000 + n, NULL);
		}
		CHECK(p, counters(&p).half_open <= 5 && counters(&p).cookies_out >= 495);
		assert_true(sim_start(p.a));
		sim_cmd(p.a, IKE_CMD_UP, 1);
		sim_run(p.s, DUR_MS(500));
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 2 && sim_sent(p.a, IKE_AUTH, false) == 1);
		CHECK(p, p.a->ups == 1 && counters(&p).refused == 0);
		p.s->tap = NULL;
		pair_free(&p);
	}
}

/* The limit of an address is for those who have proven it. */
static void the_proven_have_a_limit(void **state)
{
	(void)state;
	struct pair p = hub("block_threshold = 4");
	struct endpoint src = stranger(1), other = stranger(2);
	for (uint32_t n = 0; n < 20; n++)
		begin_proven(&p, &src, 100 + n);
	/* Three without a cookie, four with one; thirteen were asked, proved themselves and were refused. */
	CHECK(p, answers.sas == 7 && answers.cookies == 17 && counters(&p).half_open == 7);
	CHECK(p, counters(&p).refused == 13 && counters(&p).cookies_bad == 0);
	begin(&p, &other, 200, NULL);
	CHECK(p, answers.sas == 8);
	sim_run(p.s, DUR_S(31));
	CHECK(p, counters(&p).half_open == 0);
	begin(&p, &src, 300, NULL);
	CHECK(p, answers.sas == 9 && answers.cookies == 17);
	p.s->tap = NULL;
	pair_free(&p);
}

/* A subscriber of IPv6 has a /64 at least. */
static void a_prefix_of_ipv6_is_one_source(void **state)
{
	(void)state;
	for (unsigned subnet = 0; subnet <= 1; subnet++) {
		struct pair p = {.s = sim_new(9)};
		p.a = sim_host(p.s, "a", "2001:db8::1");
		p.b = sim_host(p.s, "b", "2001:db8:1::1");
		answers = (struct answers){.sas = 0};
		p.s->tap = take_answers;
		p.s->arg = &answers;
		assert_true(sim_conf(p.b, NULL, "", NULL) && sim_start(p.b));
		for (uint8_t n = 0; n < 10; n++) {
			struct endpoint src = {.port = 500};
			assert_true(addr_parse("2001:db8:2::1", &src.addr));
			src.addr.b[subnet ? 7 : 15] = n;
			begin(&p, &src, 100u + n, NULL);
		}
		CHECK(p, answers.sas == (subnet ? 10 : 3) && answers.cookies == (subnet ? 0 : 7));
		p.s->tap = NULL;
		pair_free(&p);
	}
}

/* --- room --- */

enum { REQUEST_SPARE = 4096 + 2 * DH_PUBLIC_MAX }; /* by which the largest request and its answers are longer than those of hand_init */

static void the_oldest_make_room(void **state)
{
	(void)state;
	struct pair p = hub("dos_protection = no");
	size_t before = p.b->mem.mem.in_use;
	for (uint32_t n = 0; n < HALF_OPEN_MAX; n++) {
		struct endpoint src = stranger(n);
		begin(&p, &src, 1000 + n, NULL);
	}
	CHECK(p, counters(&p).half_open == HALF_OPEN_MAX && answers.sas == HALF_OPEN_MAX);
	CHECK(p, p.b->mem.mem.in_use - before + HALF_OPEN_MAX * REQUEST_SPARE <= (size_t)16 << 20);
	/* All of them began just now: the new one may come again. */
	struct endpoint late = stranger(5000), later = stranger(5001);
	begin(&p, &late, 9000, NULL);
	CHECK(p, answers.sas == HALF_OPEN_MAX && counters(&p).refused == 1 && counters(&p).evicted == 0);
	sim_run(p.s, DUR_S(HALF_OPEN_GRACE_S));
	begin(&p, &late, 9000, NULL);
	begin(&p, &later, 9001, NULL);
	CHECK(p, counters(&p).half_open == HALF_OPEN_MAX && counters(&p).evicted == 2 && counters(&p).refused == 1);
	CHECK(p, !hand_sa_by_spi(p.b, 1000) && !hand_sa_by_spi(p.b, 1001) && hand_sa_by_spi(p.b, 1002));
	CHECK(p, hand_sa_by_spi(p.b, 9000) && hand_sa_by_spi(p.b, 9001));
	sim_run(p.s, DUR_S(31));
	CHECK(p, counters(&p).half_open == 0 && sim_all_ikes(p.b) == 0);
	p.s->tap = NULL;
	pair_free(&p);
}

/* Among the old, those go first who have proven nothing; who has sent IKE_AUTH does not go at all. */
static void the_unproven_go_first(void **state)
{
	(void)state;
	enum { UNPROVEN = 3 };
	struct pair p = hub("cookie_threshold = 4\nhalf_open_timeout = 3600"); /* A's own is the first */
	p.s->priv_delay = DUR_S(20);
	assert_true(sim_start(p.a));
	sim_cmd(p.a, IKE_CMD_UP, 1);
	sim_run(p.s, DUR_S(61)); /* a path, an SPI, a signature, and now B has the same before it */
	CHECK(p, counters(&p).half_open == 1 && sim_sent(p.a, IKE_AUTH, false) == 1);
	for (uint32_t n = 0; n < HALF_OPEN_MAX - 1; n++) {
		struct endpoint src = stranger(n);
		begin_proven(&p, &src, 1000 + n);
	}
	CHECK(p, counters(&p).half_open == HALF_OPEN_MAX && answers.cookies == HALF_OPEN_MAX - 1 - UNPROVEN);
	sim_run(p.s, DUR_S(HALF_OPEN_GRACE_S));
	for (uint32_t n = 0; n < UNPROVEN + 2; n++) {
		struct endpoint src = stranger(5000 + n);
		begin_proven(&p, &src, 9000 + n);
	}
	CHECK(p, counters(&p).evicted == UNPROVEN + 2);
	for (uint32_t n = 0; n < UNPROVEN + 3; n++)
		CHECK(p, !hand_sa_by_spi(p.b, 1000 + n) == (n < UNPROVEN + 2));
	sim_run(p.s, DUR_S(120));
	CHECK(p, p.a->ups == 1 && p.b->ups == 1 && sim_sent(p.a, IKE_SA_INIT, false) == 1);
	p.s->tap = NULL;
	pair_free(&p);
}

/* --- what leaves no half-open SA behind --- */

/* An IKE_SA_INIT with this public value. */
static void ask_with(struct pair *p, const struct endpoint *src, uint64_t spi, const uint8_t *pub, size_t n)
{
	uint8_t buf[1024], nonce[32] = {1};
	struct wr w = wr_init(buf, sizeof buf);
	struct ike_enc enc;
	struct proposals o;
	struct endpoint dst = {.addr = p->b->addr, .port = 500};
	struct ike_hdr h = {.spi_i = spi, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_F_INITIATOR};
	proposals_prepare(offer(p->b), PROTO_IKE, 0, 0, true, &o);
	ike_enc_begin(&enc, &w, &h);
	ike_enc_sa(&enc, &o);
	ike_enc_ke(&enc, proposals_first_group(offer(p->b)), SPAN(pub, n));
	ike_enc_nonce(&enc, SPAN(nonce, sizeof nonce));
	ike_enc_finish(&enc);
	sim_inject(p->b, src, &dst, false, buf, w.len);
	sim_run(p->s, DUR_MS(1));
}

/* Public values that are not sound cost a Diffie-Hellman and leave nothing that is counted: after a hundred in a second a cookie
 * is asked for. Of the wrong length they cost nothing. */
static void bad_public_values(void **state)
{
	(void)state;
	static const uint8_t zero[33];
	struct pair p = hub("");
	for (uint32_t n = 0; n < 300; n++) {
		struct endpoint src = stranger(n);
		ask_with(&p, &src, 1000 + n, zero, n % 2 ? 31 : 33);
	}
	CHECK(p, answers.cookies == 0 && answers.sas == 0);
	for (uint32_t n = 0; n < 150; n++) {
		struct endpoint src = stranger(n);
		ask_with(&p, &src, 1000 + n, zero, 32);
	}
	CHECK(p, answers.cookies == 50 && answers.sas == 0 && counters(&p).half_open == 0);
	sim_run(p.s, DUR_S(1));
	struct endpoint src = stranger(1);
	begin(&p, &src, 1, NULL);
	CHECK(p, answers.cookies == 50 && answers.sas == 1);
	p.s->tap = NULL;
	pair_free(&p);
}

/* So does what nobody here accepts: a hundred refusals in a second, then cookies. */
static void proposals_that_nobody_has(void **state)
{
	(void)state;
	struct pair p = hub("");
	assert_true(sim_conf(p.a, p.b, "ike=aes128-sha1-ecp256!", NULL));
	for (uint32_t n = 0; n < 130; n++) {
		struct endpoint src = stranger(n);
		hand_init(p.b, &src, offer(p.a), 1000 + n, 1, NULL, true);
	}
	CHECK(p, answers.no_proposal == 100 && answers.cookies == 30 && answers.sas == 0);
	/* Who can be let in is, for a cookie. */
	struct endpoint good = stranger(5000);
	begin_proven(&p, &good, 1);
	CHECK(p, answers.no_proposal == 100 && answers.cookies == 31 && answers.sas == 1);
	sim_run(p.s, DUR_S(1));
	struct endpoint again = stranger(5001);
	hand_init(p.b, &again, offer(p.a), 2, 1, NULL, true);
	CHECK(p, answers.no_proposal == 101);
	p.s->tap = NULL;
	pair_free(&p);
}

/* --- octets --- */

/* A request that comes again and again in somebody's name: eight answers a second, no more. */
static void copies_are_not_a_lever(void **state)
{
	(void)state;
	struct pair p = hub("");
	struct endpoint src = stranger(1);
	uint8_t pub[32] = {9};
	for (unsigned second = 1; second <= 3; second++) {
		for (unsigned n = 0; n < 500; n++)
			ask_with(&p, &src, 7, pub, sizeof pub);
		sim_run(p.s, DUR_MS(501));
		CHECK(p, answers.sas == 1 + RESENDS_A_SECOND * second && counters(&p).half_open == 1);
	}
	CHECK(p, counters(&p).retransmits_in == 3 * 500 - 1);
	p.s->tap = NULL;
	pair_free(&p);
}

/* A cookie is shorter than what it answers; a bare header of another version is shorter than any answer. */
static void answers_are_not_longer(void **state)
{
	(void)state;
	struct pair p = hub("cookie_threshold_ip = 1");
	struct endpoint src = stranger(1), dst = {.addr = p.b->addr, .port = 500};
	uint8_t pub[32] = {9};
	begin(&p, &src, 6, NULL);
	answers.octets = 0;
	ask_with(&p, &src, 7, pub, sizeof pub);
	CHECK(p, answers.cookies == 1 && answers.octets == IKE_HDR_LEN + 8 + 33);
	for (size_t n = IKE_HDR_LEN; n <= 40; n++) {
		uint8_t buf[40] = {1, [17] = 0x30, [18] = IKE_SA_INIT, [19] = IKE_F_INITIATOR, [27] = (uint8_t)n};
		uint32_t sent = p.b->n_sent;
		sim_inject(p.b, &src, &dst, false, buf, n);
		sim_run(p.s, DUR_MS(1));
		CHECK(p, p.b->n_sent - sent == (n >= IKE_HDR_LEN + 8) && (n < 36 || p.b->sent[sent].n == 36));
	}
	p.s->tap = NULL;
	pair_free(&p);
}

/* --- noise --- */

static bool holding;

static bool hold_auth(struct sim *s, struct sim_packet *p)
{
	return !(holding && p->from == s->node[0] && p->exchange == IKE_AUTH);
}

/* Noise for a half-open SA, and for one that is up: looked at, counted, and nothing else. */
static void noise_changes_nothing(void **state)
{
	(void)state;
	struct pair p = pair_new(10);
	p.s->tap = hold_auth;
	holding = true;
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(1));
	struct ike_sa *sa = hand_sa(p.b, ST_R_INIT);
	CHECK(p, sa && counters(&p).half_open == 1);
	struct endpoint src = {.addr = p.a->addr, .port = 500}, dst = {.addr = p.b->addr, .port = 500};
	size_t use = p.b->mem.mem.in_use;
	for (unsigned round = 0; round < 2; round++) {
		uint64_t bad = counters(&p).dropped_auth;
		size_t log = p.b->log_b.len;
		uint32_t sent = sim_sent_all(p.b);
		for (unsigned n = 0; n < 1000; n++) {
			struct wr w;
			uint8_t buf[256];
			struct ike_enc enc;
			struct ike_hdr h = hand_request(sa, IKE_AUTH);
			h.flags = IKE_F_INITIATOR;
			h.exchange = round ? INFORMATIONAL : IKE_AUTH;
			h.msg_id = sa->rx_id;
			memset(buf, (int)n, sizeof buf);
			w = wr_init(buf, sizeof buf);
			ike_enc_begin(&enc, &w, &h);
			ike_enc_finish(&enc);
			buf[16] = P_SK;
			wr_put_u32(&w, 24, sizeof buf);
			buf[IKE_HDR_LEN] = 0;
			buf[IKE_HDR_LEN + 1] = 0;
			buf[IKE_HDR_LEN + 2] = 0;
			buf[IKE_HDR_LEN + 3] = sizeof buf - IKE_HDR_LEN;
			sim_inject(p.b, &src, &dst, false, buf, sizeof buf);
		}
		sim_run(p.s, DUR_MS(1));
		CHECK(p, counters(&p).dropped_auth - bad == 1000 && p.b->log_b.len == log && sim_sent_all(p.b) == sent);
		if (round == 0) {
			CHECK(p, sa->state == ST_R_INIT && p.b->mem.mem.in_use == use);
			holding = false;
			sim_run(p.s, DUR_S(10));
			AGREE(p);
		}
	}
	AGREE(p);
	pair_free(&p);
}

/* Ten lines a second about strangers; the rest is a number. And one line when cookies are needed for the first time. */
static void lines_are_limited(void **state)
{
	(void)state;
	struct pair p = hub("cookie_threshold = 60");
	for (uint32_t n = 0; n < 100; n++) {
		struct endpoint src = stranger(n);
		begin(&p, &src, 1000 + n, NULL);
	}
	CHECK(p, answers.sas == 60 && answers.cookies == 40);
	CHECK(p, said(p.b, "is initiating an IKE_SA") == 10 && counters(&p).notes_left_out == 50);
	CHECK(p, said(p.b, "60 handshakes are half open: who begins one must return a cookie first") == 1);
	p.s->tap = NULL;
	pair_free(&p);
}

/* Who has the wrong key fills no log either: the same ten lines, of which each attempt takes two. */
static void wrong_keys_are_limited(void **state)
{
	(void)state;
	struct pair p = pair_new(12);
	assert_true(sim_conf(p.a, p.b, "", ": PSK wrong"));
	assert_true(sim_conf(p.b, NULL, "", NULL));
	pair_start(&p);
	for (unsigned i = 0; i < 8; i++) {
		sim_cmd(p.a, IKE_CMD_UP, 0);
		sim_run(p.s, DUR_MS(100));
	}
	CHECK(p, sim_sent(p.a, IKE_AUTH, false) == 8 && sim_all_ikes(p.b) == 0 && counters(&p).half_open == 0);
	CHECK(p, said(p.b, "is initiating an IKE_SA") == 5 && said(p.b, "its MAC does not fit any of ours") == 5);
	CHECK(p, counters(&p).notes_left_out == 6);
	pair_free(&p);
}

/* A cookie is good for four minutes at most, also when nobody else came meanwhile. */
static void cookies_get_old(void **state)
{
	(void)state;
	static const struct { unsigned wait; bool good; } cases[] = {{1, true}, {119, true}, {200, true}, {241, false}, {3000, false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair p = hub("cookie_threshold_ip = 1\nhalf_open_timeout = 3600");
		struct endpoint src = stranger(1);
		sim_run(p.s, DUR_S(500));
		begin(&p, &src, 1, NULL);
		begin(&p, &src, 2, NULL);
		CHECK(p, answers.sas == 1 && answers.cookies == 1);
		sim_run(p.s, DUR_S(cases[i].wait));
		begin(&p, &src, 2, answers.cookie);
		CHECK(p, answers.sas == (cases[i].good ? 2 : 1) && answers.cookies == (cases[i].good ? 1 : 2));
		CHECK(p, counters(&p).cookies_bad == !cases[i].good);
		p.s->tap = NULL;
		pair_free(&p);
	}
}

/* Who is known by SPI goes before others: half open, up, and our own that wait for an answer. */
static void known_by_spi(void **state)
{
	(void)state;
	struct pair p = pair_run(11, "auto=start", "", DUR_S(5));
	struct ike_sa *sa = hand_sa(p.b, ST_ESTABLISHED);
	struct ike_hdr h = {.spi_i = sa->spi_i, .spi_r = sa->spi_r, .major = 2, .exchange = INFORMATIONAL, .flags = IKE_F_INITIATOR};
	uint8_t buf[64];
	for (unsigned i = 0; i < 4; i++) {
		struct ike_enc enc;
		struct wr w = wr_init(buf, sizeof buf);
		h.flags = i % 2 ? 0 : IKE_F_INITIATOR;
		h.spi_r = i < 2 ? sa->spi_r : sa->spi_r + 1;
		ike_enc_begin(&enc, &w, &h);
		ike_enc_finish(&enc);
		CHECK(p, ike_knows(p.b->ike, SPAN(buf, w.len)) == (i == 0));
		CHECK(p, ike_knows(p.a->ike, SPAN(buf, w.len)) == (i == 1 || i == 3));
		CHECK(p, !ike_knows(p.b->ike, SPAN(buf, w.len - 1)));
	}
	pair_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_impostor_locks_nobody_out),
		cmocka_unit_test(the_proven_have_a_limit),
		cmocka_unit_test(a_prefix_of_ipv6_is_one_source),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(the_unproven_go_first),
		cmocka_unit_test(bad_public_values),
		cmocka_unit_test(proposals_that_nobody_has),
		cmocka_unit_test(copies_are_not_a_lever),
		cmocka_unit_test(answers_are_not_longer),
		cmocka_unit_test(noise_changes_nothing),
		cmocka_unit_test(lines_are_limited),
		cmocka_unit_test(wrong_keys_are_limited),
		cmocka_unit_test(cookies_get_old),
		cmocka_unit_test(known_by_spi),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
