/* Somebody on the way who turns bits, repeats, moves and invents; and an allocator that fails. tests/sim/sim.h says what the
 * words mean. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>
#include <stdlib.h>

#ifdef GRETEL_SANITIZED
enum { BIT_STEP = 7 };
#else
enum { BIT_STEP = 1 };
#endif

/* --- every bit of every message --- */

struct flip {
	unsigned who; /* index of the host that sends it */
	uint8_t exchange;
	bool response;
	size_t bit;
	size_t bits; /* out: how many it has */
	unsigned seen;
};

static bool flip_bit(struct sim *s, struct sim_packet *p)
{
	struct flip *f = s->arg;
	if (p->from->index != f->who || p->exchange != f->exchange || p->response != f->response)
		return true;
	f->bits = p->n * 8;
	f->seen++;
	if (f->bit < f->bits)
		p->p[f->bit / 8] ^= (uint8_t)(1u << (f->bit % 8));
	return true;
}

/* Each copy of that message comes with that bit turned: no tunnel, whatever the bit. */
static void flip_all(unsigned who, uint8_t exchange, bool response)
{
	struct flip f = {.who = who, .exchange = exchange, .response = response};
	do {
		struct pair p = pair_new(1);
		p.s->tap = flip_bit;
		p.s->arg = &f;
		f.seen = 0;
		assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL, "retransmit_tries = 2"));
		assert_true(sim_conf(p.b, p.a, "", NULL));
		pair_start(&p);
		sim_run(p.s, DUR_S(3));
		CHECK(p, f.seen > 0 && p.a->ups == 0 && p.a->n_sas == 0 && sim_ikes(p.a, IKE_S_ESTABLISHED) == 0);
		/* B is content with what A said if it is only its own answer that suffers, until A says that it is not. */
		CHECK(p, p.b->ups == p.b->downs && (response || p.b->ups == 0) && p.b->n_sas == 0 &&
		                 sim_ikes(p.b, IKE_S_ESTABLISHED) == 0);
		CHECK(p, p.a->faults == 0 && p.b->faults == 0);
		p.s->tap = NULL;
		pair_free(&p);
		f.bit += BIT_STEP;
	} while (f.bit < f.bits);
}

static void flipped_init_request(void **state)
{
	(void)state;
	flip_all(0, IKE_SA_INIT, false);
}

static void flipped_init_response(void **state)
{
	(void)state;
	flip_all(1, IKE_SA_INIT, true);
}

/* A message under SK: each variant is thrown at the host before the true one, which must do as if nothing had been. */
enum { MAJOR_AT = 17 };
struct barrage {
	uint8_t exchange;
	bool response;
	unsigned thrown;
};

static bool throw_all(struct sim *s, struct sim_packet *p)
{
	struct barrage *b = s->arg;
	struct endpoint inner;
	struct sim_node *to = sim_route(s, &p->dst, &inner);
	if (p->exchange != b->exchange || p->response != b->response || b->thrown)
		return true;
	uint8_t *v = malloc(p->n);
	for (size_t bit = 0; bit < p->n * 8; bit += BIT_STEP) {
		memcpy(v, p->p, p->n);
		v[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (v[MAJOR_AT] >> 4 > 2)
			continue; /* RFC 7296 2.5: this gets an answer; see versions() */
		sim_inject(to, &p->src, &inner, p->marker, v, p->n);
		b->thrown++;
	}
	/* Cut short at every length, with and without a length field that says so. */
	for (size_t n = 0; n < p->n; n += BIT_STEP) {
		memcpy(v, p->p, p->n);
		sim_inject(to, &p->src, &inner, p->marker, v, n);
		struct wr w = {.base = v, .len = p->n, .cap = p->n};
		wr_put_u32(&w, 24, n);
		if (n >= IKE_HDR_LEN)
			sim_inject(to, &p->src, &inner, p->marker, v, n);
	}
	free(v);
	return true;
}

static void flipped_protected_messages(void **state)
{
	(void)state;
	static const struct barrage kinds[] = {
		{IKE_AUTH, false, 0},
		{IKE_AUTH, true, 0},
		{INFORMATIONAL, false, 0},
		{INFORMATIONAL, true, 0},
	};
	static const char *const ike[] = {"", "ike=aes128-sha256-x25519!\nesp=aes128-sha256!\n"};
	for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(ike); i++) {
		struct barrage b = kinds[i / ARRAY_LEN(ike)];
		struct pair p = pair_new(2);
		char keys[256];
		struct sbuf k = SB(keys);
		sb_printf(&k, "%sauto=start\ndpdaction=restart\ndpddelay=30", ike[i % ARRAY_LEN(ike)]);
		p.s->tap = throw_all;
		p.s->arg = &b;
		pair_conf(&p, keys, ike[i % ARRAY_LEN(ike)]);
		pair_start(&p);
		sim_run(p.s, DUR_S(40));
		AGREE(p);
		CHECK(p, b.thrown > 400 / BIT_STEP && p.a->ups == 1 && p.b->ups == 1);
		/* Not one of them got an answer, nor was anything asked twice. */
		CHECK(p, sim_sent_all(p.a) == 4 && sim_sent_all(p.b) == 4);
		pair_free(&p);
	}
}

/* --- replay, and from elsewhere --- */

struct tape {
	struct sim_packet v[16];
	unsigned n;
};

static bool record(struct sim *s, struct sim_packet *p)
{
	struct tape *t = s->arg;
	if (t->n < ARRAY_LEN(t->v)) {
		t->v[t->n] = *p;
		t->v[t->n].p = malloc(p->n);
		memcpy(t->v[t->n].p, p->p, p->n);
		t->n++;
	}
	return true;
}

static void replays_change_nothing(void **state)
{
	(void)state;
	struct tape t = {.n = 0};
	struct pair p = pair_new(3);
	struct endpoint inner, elsewhere = {.addr = p.a->addr, .port = 500};
	p.s->tap = record;
	p.s->arg = &t;
	pair_conf(&p, "auto=start\ndpdaction=restart\ndpddelay=30", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(40));
	AGREE(p);
	p.s->tap = NULL;
	assert_true(addr_parse("203.0.113.99", &elsewhere.addr));
	uint32_t a = sim_sent_all(p.a), b = sim_sent_all(p.b);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < t.n; i++) {
			struct sim_node *to = sim_route(p.s, &t.v[i].dst, &inner);
			sim_inject(to, round ? &elsewhere : &t.v[i].src, &inner, t.v[i].marker, t.v[i].p, t.v[i].n);
		}
		sim_run(p.s, DUR_MS(1));
	}
	/* The last request of the window gets its answer once more, to where it always went; the first message of all begins a
	 * set-up that comes to nothing. */
	CHECK(p, sim_sent_all(p.a) == a && sim_sent_all(p.b) - b <= 3 + 3 && p.a->ups == 1 && p.b->ups == 1);
	for (uint32_t i = 0; i < p.b->n_sent; i++)
		CHECK(p, addr_eq(&p.b->sent[i].dst.addr, &p.a->addr) || p.b->sent[i].exchange == IKE_SA_INIT);
	struct ike_sa_view v;
	uint32_t at = 0;
	CHECK(p, ike_next_sa(p.b->ike, &at, &v) && addr_eq(&v.remote.addr, &p.a->addr));
	sim_run(p.s, DUR_S(60));
	AGREE(p);
	struct ike_counters n;
	ike_counters(p.b->ike, &n);
	CHECK(p, n.half_open == 0);
	for (unsigned i = 0; i < t.n; i++)
		free(t.v[i].p);
	pair_free(&p);
}

/* --- inventions --- */

static void clear(struct pair *p, struct sim_node *to, const struct ike_hdr *h, uint16_t notify)
{
	uint8_t buf[128];
	struct wr w = wr_init(buf, sizeof buf);
	struct ike_enc enc;
	struct sim_node *from = to == p->a ? p->b : p->a;
	struct endpoint src = {.addr = from->addr, .port = 500}, dst = {.addr = to->addr, .port = 500};
	ike_enc_begin(&enc, &w, h);
	if (notify)
		ike_enc_notify(&enc, PROTO_NONE, SPAN(NULL, 0), notify, SPAN("x", notify == N_COOKIE));
	else
		ike_enc_delete_ike(&enc);
	ike_enc_finish(&enc);
	sim_inject(to, &src, &dst, false, buf, w.len);
}

/* RFC 7296 2.4: nothing in the clear says anything about an established SA. */
static void spoofed_messages(void **state)
{
	(void)state;
	struct pair p = pair_run(4, "auto=start", "", DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	static const uint16_t notify[] = {
		0,        N_INVALID_IKE_SPI,   N_INVALID_SPI, N_AUTHENTICATION_FAILED, N_INITIAL_CONTACT,
		N_COOKIE, N_NO_PROPOSAL_CHOSEN};
	for (size_t i = 0; i < ARRAY_LEN(notify); i++) {
		for (unsigned x = IKE_SA_INIT; x <= INFORMATIONAL; x++) {
			for (unsigned flags = 0; flags < 256; flags += 8) {
				struct ike_hdr h = {.spi_i = sa->spi_i,
				                    .spi_r = sa->spi_r,
				                    .major = 2,
				                    .exchange = (uint8_t)x,
				                    .flags = (uint8_t)flags,
				                    .msg_id = (uint32_t)(flags & 16 ? 2 : 0)};
				clear(&p, p.a, &h, notify[i]);
				clear(&p, p.b, &h, notify[i]);
				h.spi_r = 0;
				clear(&p, p.b, &h, notify[i]);
			}
		}
	}
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, sim_sent_all(p.a) == 2 && sim_sent_all(p.b) == 2 && p.a->ups == 1);
	pair_free(&p);
}

/* RFC 7296 2.5: a major version above ours is told ours, in the clear; answers, and what is below, are told nothing. */
static void versions(void **state)
{
	(void)state;
	struct pair p = pair_run(4, "auto=start", "", DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	uint32_t sent = p.b->n_sent;
	for (unsigned major = 0; major < 16; major++) {
		for (unsigned flags = 0; flags < 256; flags += 8) {
			struct ike_hdr h = {.spi_i = sa->spi_i,
			                    .spi_r = sa->spi_r,
			                    .major = (uint8_t)major,
			                    .exchange = INFORMATIONAL,
			                    .flags = (uint8_t)flags,
			                    .msg_id = 2};
			clear(&p, p.b, &h, N_INVALID_SYNTAX);
			sim_run(p.s, DUR_S(1));
			CHECK(p, p.b->n_sent - sent == (major > 2 && !(flags & IKE_F_RESPONSE)));
			CHECK(p, p.b->n_sent == sent || p.b->sent[sent].n <= 36);
			sent = p.b->n_sent;
		}
	}
	AGREE(p);
	pair_free(&p);
}

/* The answers that nobody gave: a cookie that comes over and over, a group that was not offered, the same group. */
static void spoofed_init_answers(void **state)
{
	(void)state;
	struct pair p = pair_new(5);
	pair_conf(&p, "auto=start", "");
	p.b->cut = true;
	pair_start(&p);
	sim_run(p.s, DUR_MS(2));
	struct ike_sa *sa = hand_sa(p.a, ST_I_INIT);
	struct endpoint src = {.addr = p.b->addr, .port = 500}, dst = {.addr = p.a->addr, .port = 500};
	struct ike_hdr h = {.spi_i = sa->spi_i, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_F_RESPONSE};
	for (unsigned i = 0; i < 200; i++) {
		uint8_t buf[256], data[70];
		struct wr w = wr_init(buf, sizeof buf);
		struct ike_enc enc;
		static const uint16_t groups[] = {DH_CURVE25519, DH_MODP_1024, 0, 65535};
		memset(data, (int)i, sizeof data);
		ike_enc_begin(&enc, &w, &h);
		if (i % 2) {
			data[0] = (uint8_t)(groups[i / 2 % 4] >> 8);
			data[1] = (uint8_t)groups[i / 2 % 4];
			ike_enc_notify(&enc, PROTO_NONE, SPAN(NULL, 0), N_INVALID_KE_PAYLOAD,
			               SPAN(data, i % 16 == 1 ? 3 : 2));
		} else {
			ike_enc_notify(&enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE, SPAN(data, i % 4 ? 65 : i ? 64 : 0));
		}
		ike_enc_finish(&enc);
		sim_inject(p.a, &src, &dst, false, buf, w.len);
		sim_run(p.s, DUR_MS(1));
	}
	CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 + COOKIE_ROUNDS_MAX);
	CHECK(p, sa->state == ST_I_INIT && p.a->n_spis == 0);
	p.b->cut = false;
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	pair_free(&p);
}

/* An answer that is larger than what AUTH may have to cover is not looked into. */
static bool inflate(struct sim *s, struct sim_packet *p)
{
	size_t more = *(size_t *)s->arg;
	if (!p->response || p->exchange != IKE_SA_INIT)
		return true;
	uint8_t *big = calloc(1, p->n + more);
	memcpy(big, p->p, IKE_HDR_LEN);
	memcpy(big + IKE_HDR_LEN + more, p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN);
	struct wr w = {.base = big, .len = p->n + more, .cap = p->n + more};
	wr_put_u8(&w, IKE_HDR_LEN, p->p[16]);
	wr_put_u8(&w, 16, P_V);
	wr_put_u16(&w, IKE_HDR_LEN + 2, more);
	wr_put_u32(&w, 24, p->n + more);
	free(p->p);
	p->p = big;
	p->n += more;
	return true;
}

static void large_init_answers(void **state)
{
	(void)state;
	size_t more[] = {100, INIT_MSG_MAX - 208, INIT_MSG_MAX - 207, 16000};
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		struct pair p = pair_new(5);
		p.s->tap = inflate;
		p.s->arg = &more[i];
		pair_conf(&p, "auto=start", "");
		pair_start(&p);
		sim_run(p.s, DUR_MS(500));
		CHECK(p, p.b->sent[0].n == 208); /* what the sizes above go by */
		CHECK(p, sim_sent(p.a, IKE_AUTH, false) == (i < 2) && p.a->ups == 0 && p.a->faults == 0);
		p.s->tap = NULL;
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		pair_free(&p);
	}
}

/* A cookie is bound to its request (RFC 7296 2.6): address, port, SPI, nonce; its secret lives for four minutes at most. */
struct cookie_at {
	uint8_t p[33];
	bool got;
	unsigned answers;
};

static bool catch_cookie(struct sim *s, struct sim_packet *p)
{
	struct cookie_at *c = s->arg;
	struct ike_payloads pl;
	struct ike_hdr h;
	struct ike_notify n;
	if (p->from != s->node[1])
		return true;
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK ||
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl) != WIRE_OK)
		return false;
	c->answers++;
	c->got = pl.v[0].type == P_N && ike_notify_decode(pl.v[0].body, &n) == WIRE_OK && n.type == N_COOKIE &&
	         n.data.n == 33;
	if (c->got)
		memcpy(c->p, n.data.p, 33);
	return false;
}

static void ask_init(struct pair *p, const struct endpoint *src, uint64_t spi, uint8_t nonce, const uint8_t *cookie,
                     bool cookie_first)
{
	hand_init(p->b, src, conf_proposals(p->a->conf, conf_tunnel(p->a->conf, 0)->ike), spi, nonce, cookie, cookie_first);
}

/* One half-open IKE SA, so that a threshold of one is reached. */
static void half_open(struct pair *p, uint16_t port)
{
	struct endpoint src = {.port = port};
	assert_true(addr_parse("203.0.113.200", &src.addr));
	ask_init(p, &src, port, 1, NULL, true);
}

static void cookies_are_bound(void **state)
{
	(void)state;
	struct pair p = pair_new(6);
	struct cookie_at c = {.got = false}, first;
	struct endpoint src = {.addr = p.a->addr, .port = 500}, port = src, addr = src;
	p.s->tap = catch_cookie;
	p.s->arg = &c;
	assert_true(sim_conf(p.a, p.b, "", NULL));
	assert_true(sim_conf_charon(p.b, p.a, "right=%any", NULL, "cookie_threshold = 1"));
	assert_true(sim_start(p.b));
	port.port = 501;
	assert_true(addr_parse("203.0.113.99", &addr.addr));
	half_open(&p, 1);
	size_t use = p.b->mem.mem.in_use;
	ask_init(&p, &src, 77, 1, NULL, true);
	first = c;
	CHECK(p, c.got);
	for (int i = 0; i < 7; i++) {
		uint8_t bad[33];
		memcpy(bad, first.p, 33);
		bad[i < 5 ? 32 : 0] ^= (uint8_t)(i == 5 ? 0x80 : i == 6 ? 1 : 0);
		c.got = false;
		ask_init(&p, i == 0 ? &addr : i == 1 ? &port : &src, i == 2 ? 78 : 77, i == 3 ? 2 : 1, bad, i != 4);
		CHECK(p, c.got && sim_all_ikes(p.b) == 1 &&
		                 p.b->mem.mem.in_use == use); /* a new cookie, and no memory spent */
	}
	ask_init(&p, &src, 77, 1, first.p, true);
	CHECK(p, !c.got && sim_all_ikes(p.b) == 2);
	sim_run(p.s, DUR_S(31));
	CHECK(p, sim_all_ikes(p.b) == 0);
	/* The secret before the present one still counts, the one before that does not. */
	sim_run(p.s, DUR_S(91));
	half_open(&p, 2); /* turns the secret */
	ask_init(&p, &src, 79, 1, NULL, true);
	struct cookie_at second = c;
	sim_run(p.s, DUR_S(121));
	half_open(&p, 3); /* and again */
	ask_init(&p, &src, 79, 1, second.p, true);
	CHECK(p, !c.got && sim_all_ikes(p.b) == 2);
	ask_init(&p, &src, 77, 1, first.p, true);
	CHECK(p, c.got); /* the first cookie is worth nothing now */
	sim_run(p.s, DUR_S(31));
	pair_free(&p);
}

/* Requests of every kind that IKE_SA_INIT refuses leave nothing behind. */
static void refused_inits_leave_nothing(void **state)
{
	(void)state;
	struct pair p = pair_new(7);
	assert_true(sim_conf(p.a, p.b, "auto=start", NULL));
	assert_true(sim_conf_charon(p.b, p.a, "", NULL, "cookie_threshold_ip = 0\nblock_threshold = 0"));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	size_t use = p.b->mem.mem.in_use;
	struct flip f = {.who = 0, .exchange = IKE_SA_INIT};
	for (f.bit = 0; f.bit < 200 * 8; f.bit += 3) {
		struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
		struct endpoint src = {.addr = p.a->addr, .port = 500};
		assert_non_null(sa);
		p.s->tap = NULL;
		ask_init(&p, &src, 1000 + f.bit, (uint8_t)f.bit, NULL, true);
	}
	struct ike_counters n;
	ike_counters(p.b->ike, &n);
	CHECK(p, n.half_open >= 30 && n.half_open <= 31); /* then only with a cookie */
	sim_run(p.s, DUR_S(31));
	ike_counters(p.b->ike, &n);
	CHECK(p, n.half_open == 0 && sim_all_ikes(p.b) == 1);
	/* All that stays is the room of the timers. */
	CHECK(p, p.b->mem.mem.in_use - use < 4096);
	AGREE(p);
	pair_free(&p);
}

/* --- an allocator that fails --- */

static void life(struct pair *p) { sim_run(p->s, DUR_S(200)); }

/* Fails the n-th request of one host, for every n there is: no crash, no leak, and all comes right in the end. */
static void fails_at(bool of_b, const char *keys_a, const char *keys_b)
{
	uint64_t asked = 0;
	for (uint64_t n = 1; n == 1 || n <= asked + 1; n++) {
		struct pair p = pair_new(8);
		struct sim_node *bad = of_b ? p.b : p.a;
		pair_conf(&p, keys_a, keys_b);
		bad->mem.fail_at = n;
		bool a = sim_start(p.a), b = sim_start(p.b);
		CHECK(p, a && b ? true : bad->mem.blocks == 0);
		if (!a || !b) {
			assert_true(sim_start(bad)); /* the daemon would end here, and begin again */
			if (of_b)
				a = true;
		}
		life(&p);
		if (!sim_common(p.a, p.b)) {
			/* Without the memory for its tunnel the engine has none: it is told again at the next reload. */
			sim_reload(bad, true);
			life(&p);
		}
		CHECK(p, sim_common(p.a, p.b) == 1 && p.a->faults == 0 && p.b->faults == 0);
		sim_run(p.s, DUR_S(300));
		AGREE(p);
		asked = bad->mem.asked;
		pair_free(&p);
		if (n > 400)
			break;
	}
	assert_true(asked > 30);
}

static void memory_fails_once(void **state)
{
	(void)state;
	fails_at(false, "auto=start\ndpdaction=restart\ndpddelay=30", "dpdaction=clear\ndpddelay=30");
	fails_at(true, "auto=start\ndpdaction=restart\ndpddelay=30", "dpdaction=clear\ndpddelay=30");
}

/* From the n-th request on there is no memory at all for ten seconds. */
static void memory_is_gone_for_a_while(void **state)
{
	(void)state;
	for (uint64_t n = 12; n < 80; n++) {
		struct pair p = pair_new(9);
		pair_conf(&p, "auto=start\ndpdaction=restart\ndpddelay=30",
		          "auto=start\ndpdaction=restart\ndpddelay=30");
		p.b->mem.fail_from = p.a->mem.fail_from = n;
		if (!sim_start(p.a) || !sim_start(p.b)) {
			p.a->mem.fail_from = p.b->mem.fail_from = 0;
			pair_free(&p);
			continue;
		}
		sim_run(p.s, DUR_S(10));
		CHECK(p, p.a->faults == 0 && p.b->faults == 0 && !p.s->stuck);
		p.a->mem.fail_from = p.b->mem.fail_from = 0;
		sim_reload(p.a, true);
		sim_reload(p.b, true);
		sim_run(p.s, DUR_S(500));
		AGREE(p);
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flipped_init_request),       cmocka_unit_test(flipped_init_response),
		cmocka_unit_test(flipped_protected_messages), cmocka_unit_test(replays_change_nothing),
		cmocka_unit_test(spoofed_messages),           cmocka_unit_test(versions),
		cmocka_unit_test(spoofed_init_answers),       cmocka_unit_test(large_init_answers),
		cmocka_unit_test(cookies_are_bound),          cmocka_unit_test(refused_inits_leave_nothing),
		cmocka_unit_test(memory_fails_once),          cmocka_unit_test(memory_is_gone_for_a_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
