/* Messages in fragments (RFC 7383): what is said about them, how they are cut and put together, and what somebody on the way, or a
 * peer without manners, can do with them. Packets are as small as 200 octets, so that an IKE_AUTH has several. */
#include "../sim/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define TINY "fragment_size = 200"
#define MANY_ESP                                                                                                            \
	"esp=aes128-sha256,aes192-sha256,aes256-sha256,aes128-sha384,aes192-sha384,aes256-sha384,aes128-sha512,"            \
	"aes192-sha512,aes256-sha512,aes128gcm16,aes192gcm16,aes256gcm16,aes128gcm12,aes256gcm12!\n"

/* A world whose hosts both have this in their strongswan.conf. */
static struct pair world(uint64_t seed, const char *a, const char *b, const char *charon)
{
	struct pair p = pair_new(seed);
	assert_true(sim_conf_charon(p.a, p.b, a, NULL, charon));
	assert_true(sim_conf_charon(p.b, p.a, b, NULL, charon));
	pair_start(&p);
	return p;
}

static size_t longest(const struct sim_node *n)
{
	size_t most = 0;
	for (uint32_t i = 0; i < n->n_sent; i++) {
		if (n->sent[i].exchange != IKE_SA_INIT)
			most = max_z(most, n->sent[i].n);
	}
	return most;
}

/* --- negotiation --- */

struct notices {
	bool asked, told;
};

static bool see_notices(struct sim *s, struct sim_packet *p)
{
	struct notices *seen = s->arg;
	struct ike_payloads pl;
	struct ike_notify n;
	struct ike_hdr h;
	struct step look = {.pl = &pl};
	if (p->exchange != IKE_SA_INIT || ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK ||
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl) != WIRE_OK)
		return true;
	bool has = has_notify(&look, N_FRAGMENTATION_SUPPORTED, &n);
	/* RFC 7383 2.3: no protocol, no SPI, no data */
	assert_true(!has || (n.proto == 0 && n.spi.n == 0 && n.data.n == 0));
	*(p->response ? &seen->told : &seen->asked) = has;
	return true;
}

static void announced_by_both(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool asked, told, a_cuts, b_cuts;
	} rows[] = {
		{"", "", true, true, true, true},
		{"fragmentation=yes", "fragmentation=force", true, true, true, true},
		{"fragmentation=no", "", false, false, false, false},
		{"", "fragmentation=no", true, false, false, false},
		{"fragmentation=accept", "", true, true, false, true},
		{"", "fragmentation=accept", true, true, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct notices seen = {0};
		char keys[128];
		struct pair p = pair_new(1);
		p.s->tap = see_notices;
		p.s->arg = &seen;
		snprintf(keys, sizeof keys, "auto=start\n%s", rows[i].a);
		assert_true(sim_conf_charon(p.a, p.b, keys, NULL, TINY));
		assert_true(sim_conf_charon(p.b, p.a, rows[i].b, NULL, TINY));
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		CHECK(p, seen.asked == rows[i].asked && seen.told == rows[i].told);
		/* Request and answer are a little too long for one. */
		CHECK(p, sim_sent(p.a, IKE_AUTH, false) == (rows[i].a_cuts ? 2 : 1));
		CHECK(p, sim_sent(p.b, IKE_AUTH, true) == (rows[i].b_cuts ? 2 : 1));
		CHECK(p, !rows[i].a_cuts || longest(p.a) == 200 - 28);
		CHECK(p, sim_sent(p.a, IKE_SA_INIT, false) == 1 && p.a->ups == 1 && p.b->ups == 1);
		pair_free(&p);
	}
}

/* The size counts IP, UDP and the marker of the NAT-T port, and is the family's own when it is 0. */
static void sizes(void **state)
{
	(void)state;
	struct pair p = pair_new(2);
	sim_behind(p.a, PUBLIC_A, false);
	assert_true(sim_conf_charon(p.a, p.b, "auto=start\nleftid=@a", NULL, TINY));
	assert_true(sim_conf_charon(p.b, p.a, "rightid=@a", NULL, TINY));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, longest(p.a) == 200 - 28 - 4);
	pair_free(&p);

	p = world(2, MANY_ESP "auto=start", MANY_ESP, "fragment_size = 0");
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, longest(p.a) == 576 - 28 && sim_sent(p.a, IKE_AUTH, false) == 2);
	pair_free(&p);

	/* A size that would ask for more than 64 fragments is not kept to; one that is smaller than any header neither. */
	p = world(2, MANY_ESP "auto=start", MANY_ESP, "fragment_size = 1");
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, longest(p.a) == 200 - 28);
	pair_free(&p);

	p = world(2, MANY_ESP "auto=start", MANY_ESP, "");
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, sim_sent(p.a, IKE_AUTH, false) == 1 && longest(p.a) > 700);
	pair_free(&p);
}

static void every_cipher(void **state)
{
	(void)state;
	static const char *const ike[] = {
		"ike=aes128-sha256-x25519!", "ike=aes256-sha512-x25519!", "ike=aes128ctr-sha256-x25519!",
		"ike=aes256gcm16-prfsha512-x25519!", "ike=chacha20poly1305-prfsha256-x25519!",
	};
	for (size_t i = 0; i < ARRAY_LEN(ike); i++) {
		char a[128];
		snprintf(a, sizeof a, "%s\nauto=start", ike[i]);
		struct pair p = world(3, a, ike[i], TINY);
		sim_run(p.s, DUR_S(5));
		AGREE(p);
		CHECK(p, sim_sent(p.a, IKE_AUTH, false) >= 2 && longest(p.a) <= 200 - 28 && longest(p.a) > 200 - 28 - 16);
		pair_free(&p);
	}
}

/* --- on a bad network --- */

static void loss_and_disorder(void **state)
{
	(void)state;
	unsigned again = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct pair p = pair_new(seed);
		p.s->loss = 150;
		p.s->dup = 150;
		p.s->delay_min = DUR_MS(1);
		p.s->delay_max = DUR_MS(90);
		assert_true(sim_conf_charon(p.a, p.b, MANY_ESP "auto=start\ndpdaction=restart\ndpddelay=60", NULL, TINY));
		assert_true(sim_conf_charon(p.b, p.a, MANY_ESP, NULL, TINY));
		pair_start(&p);
		CHECK(p, sim_until(p.s, DUR_S(300), pair_agrees));
		again += sim_noted(p.a, "retransmit 1 of request with message ID 1");
		p.s->loss = p.s->dup = 0;
		sim_run(p.s, DUR_S(200));
		AGREE(p);
		CHECK(p, p.a->ike->frags_held == 0 && p.b->ike->frags_held == 0);
		pair_free(&p);
	}
	assert_true(again > 10);
}

struct lose {
	unsigned number; /* of the fragment that never arrives the first time */
	bool response;
	unsigned lost, n;
	struct sim_packet v[32]; /* all of that message, also what was lost */
};

static unsigned number_of(const struct sim_packet *p)
{
	struct ike_payloads pl;
	struct ike_hdr h;
	struct ike_skf f;
	if (ike_hdr_decode(SPAN(p->p, p->n), &h) != WIRE_OK || h.next != P_SKF ||
	    ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl) != WIRE_OK ||
	    ike_skf_decode(pl.v[0].body, &f) != WIRE_OK)
		return 0;
	return f.number;
}

static bool lose_one(struct sim *s, struct sim_packet *p)
{
	struct lose *l = s->arg;
	if (p->exchange != IKE_AUTH || p->response != l->response)
		return true;
	if (l->n < ARRAY_LEN(l->v)) {
		l->v[l->n] = *p;
		l->v[l->n].p = malloc(p->n);
		memcpy(l->v[l->n++].p, p->p, p->n);
	}
	return number_of(p) != l->number || l->lost++ > 0;
}

/* Whichever is lost, all of them come again as they were; the answer comes once more for the first of them only. */
static void one_is_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct lose l = {.number = i < 6 ? i + 1 : i - 5, .response = i >= 6};
		unsigned total = l.response ? 2 : 6;
		struct pair p = pair_new(4);
		p.s->tap = lose_one;
		p.s->arg = &l;
		assert_true(sim_conf_charon(p.a, p.b, MANY_ESP "auto=start", NULL, TINY));
		assert_true(sim_conf_charon(p.b, p.a, MANY_ESP, NULL, TINY));
		pair_start(&p);
		sim_run(p.s, DUR_S(8));
		AGREE(p);
		CHECK(p, l.lost == 2 && l.n == 2 * total);
		for (unsigned k = 0; k < total; k++)
			CHECK(p, l.v[k].n == l.v[k + total].n && memcmp(l.v[k].p, l.v[k + total].p, l.v[k].n) == 0);
		CHECK(p, sim_sent(p.a, IKE_AUTH, false) == 12 && sim_sent(p.b, IKE_AUTH, true) == (l.response ? 4 : 2));
		for (unsigned k = 0; k < l.n; k++)
			free(l.v[k].p);
		pair_free(&p);
	}
}

/* RFC 7383 2.6.1: an old request played back brings its answer for the first fragment alone, and not again and again. */
static void played_back(void **state)
{
	(void)state;
	struct lose l = {.number = 99};
	struct pair p = pair_new(5);
	struct endpoint inner;
	p.s->tap = lose_one;
	p.s->arg = &l;
	assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL, TINY));
	assert_true(sim_conf_charon(p.b, p.a, "", NULL, TINY));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, l.n == 2 && sim_sent(p.b, IKE_AUTH, true) == 2);
	for (int round = 0; round < 10; round++) {
		for (unsigned i = 0; i < l.n; i++) {
			struct sim_node *to = sim_route(p.s, &l.v[i].dst, &inner);
			sim_inject(to, &l.v[i].src, &inner, l.v[i].marker, l.v[i].p, l.v[i].n);
			sim_run(p.s, DUR_MS(1));
			CHECK(p, sim_sent(p.b, IKE_AUTH, true) == 4);
		}
	}
	for (unsigned i = 0; i < l.n; i++)
		free(l.v[i].p);
	AGREE(p);
	pair_free(&p);
}

/* --- smaller ones (RFC 7383 2.5.2) --- */

struct narrow {
	size_t most; /* what is longer than this is lost */
	unsigned lost;
};

static bool narrow_path(struct sim *s, struct sim_packet *p)
{
	struct narrow *n = s->arg;
	bool through = p->exchange == IKE_SA_INIT || p->n <= n->most;
	n->lost += !through;
	return through;
}

static void a_narrow_path(void **state)
{
	(void)state;
	static const struct {
		const char *charon;
		size_t most;
		unsigned lost;
		const char *told;
	} rows[] = {
		/* whole, then 576; one of two is lost each time; 1280 would be whole as well and is passed over */
		{"", 560, 2, "no answer: trying packets of 576 bytes, 2 fragments"},
		{"fragment_size = 700", 560, 2, "no answer: trying packets of 576 bytes, 3 fragments"},
		{"fragment_size = 9000", 560, 2, "no answer: trying packets of 576 bytes, 2 fragments"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct narrow n = {.most = rows[i].most};
		struct pair p = pair_new(6);
		p.s->tap = narrow_path;
		p.s->arg = &n;
		assert_true(sim_conf_charon(p.a, p.b, MANY_ESP "auto=start", NULL, rows[i].charon));
		assert_true(sim_conf_charon(p.b, p.a, MANY_ESP, NULL, rows[i].charon));
		pair_start(&p);
		sim_run(p.s, DUR_S(2));
		CHECK(p, p.a->ups == 0);
		sim_run(p.s, DUR_S(3));
		AGREE(p);
		CHECK(p, n.lost == rows[i].lost && sim_noted(p.a, rows[i].told));
		CHECK(p, hand_sa(p.a, ST_ESTABLISHED)->frag_size == 576);
		pair_free(&p);
	}
	/* What is small enough, and what may not be cut, stays what it is. */
	struct narrow n = {.most = 100};
	struct pair p = pair_new(6);
	p.s->tap = narrow_path;
	p.s->arg = &n;
	pair_conf(&p, MANY_ESP "auto=start\nfragmentation=accept", MANY_ESP);
	pair_start(&p);
	sim_run(p.s, DUR_S(60));
	CHECK(p, p.a->ups == 0 && !sim_noted(p.a, "trying packets"));
	CHECK(p, sim_sent(p.a, IKE_AUTH, false) == n.lost);
	pair_free(&p);
}

static void fill(struct out *o, size_t n)
{
	uint8_t data[1000];
	memset(data, 0x5a, sizeof data);
	for (; n > 0; n -= min_z(n, sizeof data))
		ike_enc_notify(&o->enc, PROTO_NONE, SPAN(NULL, 0), 40000, SPAN(data, min_z(n, sizeof data)));
}

/* The set of a message grows with each step, or there is none. */
static void steps_of_sizes(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct out o;
	b->p.a->ike->setup.fragment_size = 9000;
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 3000);
	assert_true(out_request(&b->step, &o));
	struct blob *msg = &b->sa->req.msg;
	assert_int_equal(frag_count(msg), 1);
	assert_true(frag_smaller(&b->step, msg));
	assert_true(frag_count(msg) == 3 && b->sa->frag_size == 1280);
	/* Without memory it stays as it is, and can be sent. */
	b->p.a->mem.fail_from = 1;
	assert_false(frag_smaller(&b->step, msg));
	b->p.a->mem.fail_from = 0;
	assert_true(frag_count(msg) == 3 && b->sa->frag_size == 1280);
	assert_true(frag_smaller(&b->step, msg));
	assert_true(frag_count(msg) == 7 && b->sa->frag_size == 576);
	assert_false(frag_smaller(&b->step, msg));
	assert_int_equal(frag_count(msg), 7);
	window_answered(&b->step);
	/* The next one begins with what got through. */
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 3000);
	assert_true(out_request(&b->step, &o));
	assert_int_equal(frag_count(msg), 7);
	window_answered(&b->step);
	/* IPv6: 1280 gets through everywhere. */
	b->sa->frag_size = 0;
	b->sa->remote.addr.family = AF_V6;
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 3000);
	assert_true(out_request(&b->step, &o));
	assert_true(frag_smaller(&b->step, msg));
	assert_false(frag_smaller(&b->step, msg));
	assert_true(frag_count(msg) == 3 && b->sa->frag_size == 1280);
	window_answered(&b->step);
	b->sa->frag_size = 0;
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 900);
	assert_true(out_request(&b->step, &o));
	assert_false(frag_smaller(&b->step, msg));
	assert_true(frag_count(msg) == 1 && b->sa->frag_size == 0);
	b->sa->remote.addr.family = AF_V4;
	window_answered(&b->step);
	bench_free(b);
}

/* As many as there may be; the size grows rather than their number. */
static void never_too_many(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct out o;
	b->p.a->ike->setup.fragment_size = 200;
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 15000);
	assert_true(out_request(&b->step, &o));
	assert_in_range(frag_count(&b->sa->req.msg), 50, FRAGS_MAX);
	ike_acts_reset(b->acts);
	window_answered(&b->step);
	out_begin(&b->step, &o, INFORMATIONAL, false, b->sa->tx_id);
	fill(&o, 17000);
	assert_false(out_request(&b->step, &o));
	assert_true(window_free(b->sa));
	bench_free(b);
}

/* A long answer that does not arrive: cut smaller when the request comes for the second time, or in more fragments itself. */
static void answers_shrink_too(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct pair *p = &b->p;
	struct hand h = {.h = hand_request(b->sa, INFORMATIONAL), .first = P_NONE};
	uint8_t out[HAND_MAX + 256];
	struct endpoint src = b->sa->local;
	size_t n = hand_seal(p->s, &b->sa->tx, &h, out);
	/* B's answer, long, in its cache. */
	struct step at_b = {.e = p->b->ike, .sa = b->peer, .acts = b->acts, .now = p->s->now};
	struct out o;
	b->peer->rx_hash = hmap_hash(&p->b->ike->sas_by_init, out, n);
	b->peer->rx_total = 1;
	out_begin(&at_b, &o, INFORMATIONAL, true, b->peer->rx_id);
	fill(&o, 1100);
	assert_true(out_response(&at_b, &o));
	assert_int_equal(frag_count(&b->peer->response), 1);
	b->sa->tx_id++;
	for (unsigned i = 1; i <= 3; i++) {
		uint32_t before = p->b->n_sent;
		sim_inject(p->b, &src, &b->sa->remote, false, out, n);
		sim_run(p->s, DUR_S(1));
		CHECK(*p, p->b->n_sent - before == (i == 1 ? 1 : 3));
	}
	/* The same request in fragments, which is another set: only the first of them asks. */
	uint8_t plain[40] = {0, 0, 0, 40, 0, 0, 0x9c, 0x40};
	b->peer->frag_size = 0;
	at_b.now = p->s->now;
	b->peer->rx_hash = 0;
	out_begin(&at_b, &o, INFORMATIONAL, true, b->peer->rx_id);
	fill(&o, 1100);
	assert_true(out_response(&at_b, &o));
	h.h.msg_id = b->peer->rx_id - 1;
	for (uint16_t i = 2; i >= 1; i--) {
		uint32_t before = p->b->n_sent;
		n = hand_seal_skf(p->s, &b->sa->tx, &h.h, i == 1 ? P_N : P_NONE, i, 2, SPAN(plain, 20), out);
		out[n - 1] ^= 1; /* not authentic: nothing */
		sim_inject(p->b, &src, &b->sa->remote, false, out, n);
		sim_run(p->s, DUR_S(1));
		CHECK(*p, p->b->n_sent == before);
		out[n - 1] ^= 1;
		sim_inject(p->b, &src, &b->sa->remote, false, out, n);
		sim_run(p->s, DUR_S(1));
		CHECK(*p, p->b->n_sent - before == (i == 1 ? 3 : 0));
	}
	/* Again, and of a smaller set: it is known already. */
	uint32_t before = p->b->n_sent;
	n = hand_seal_skf(p->s, &b->sa->tx, &h.h, P_N, 1, 2, SPAN(plain, 21), out);
	sim_inject(p->b, &src, &b->sa->remote, false, out, n);
	sim_run(p->s, DUR_S(1));
	CHECK(*p, p->b->n_sent == before);
	CHECK(*p, p->b->ike->frags_held == 0);
	bench_free(b);
}

/* --- what comes in --- */

/* Throws a fragment at B in the name of A. plain: the message, cut into `total` pieces of this size. */
static void throw(struct bench *b, const struct ike_hdr *h, uint16_t number, uint16_t total, struct span plain, size_t piece,
                  bool forged)
{
	uint8_t out[HAND_MAX + 256];
	struct endpoint src = b->sa->local;
	struct span rest = span_behind(plain, min_z(plain.n, piece * (number - 1u)));
	rest.n = number == total ? rest.n : min_z(rest.n, piece);
	size_t n = hand_seal_skf(b->p.s, &b->sa->tx, h, number == 1 ? P_N : P_NONE, number, total, rest, out);
	out[n - 1] ^= forged;
	sim_inject(b->p.b, &src, &b->sa->remote, false, out, n);
	sim_run(b->p.s, DUR_MS(1));
}

static unsigned answers(const struct bench *b) { return sim_sent(b->p.b, INFORMATIONAL, true); }

static struct ike_hdr ask(struct bench *b)
{
	return hand_request(b->sa, INFORMATIONAL);
}

static const uint8_t notify90[90] = {0, 0, 0, 90, 0, 0, 0x9c, 0x40};
static const struct span PLAIN = {notify90, sizeof notify90};

/* In any order, each once or often: whole exactly when all are there. */
static void any_order(void **state)
{
	(void)state;
	static const uint8_t order[][8] = {
		{1, 2, 3}, {3, 2, 1}, {2, 2, 2, 1, 1, 3}, {3, 3, 1, 3, 1, 2}, {2, 3, 2, 3, 1},
	};
	struct bench *b = bench_new();
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct ike_hdr h = ask(b);
		size_t n = strlen((const char *)order[i]);
		for (size_t k = 0; k < n; k++) {
			CHECK(b->p, answers(b) == i && (k == 0 || b->peer->frags[0]));
			throw(b, &h, order[i][k], 3, PLAIN, 30, false);
		}
		CHECK(b->p, answers(b) == i + 1 && !b->peer->frags[0] && b->p.b->ike->frags_held == 0);
		CHECK(b->p, b->peer->rx_id == h.msg_id + 1 && b->peer->rx_total == 3);
		b->sa->tx_id++;
	}
	/* One of one is a whole message too. */
	struct ike_hdr h = ask(b);
	throw(b, &h, 1, 1, PLAIN, 90, false);
	CHECK(b->p, answers(b) == 6);
	b->sa->tx_id++;
	/* And whole, while pieces of it were there: they go. */
	struct hand whole = {.h = ask(b), .first = P_N, .n = PLAIN.n};
	struct hand answer;
	memcpy(whole.plain, PLAIN.p, PLAIN.n);
	throw(b, &whole.h, 2, 3, PLAIN, 30, false);
	CHECK(b->p, b->peer->frags[0]);
	CHECK(b->p, hand_ask(b->p.a, b->sa, &whole, &answer) && !b->peer->frags[0] && b->p.b->ike->frags_held == 0);
	bench_free(b);
}

/* A fragment, authentic, with an empty vendor ID in front of it. */
static size_t beside(struct bench *b, const struct ike_hdr *h, uint8_t *out)
{
	const struct sk_keys *k = &b->sa->tx;
	struct wr w = wr_init(out, HAND_MAX);
	struct ike_enc enc;
	size_t aad, data;
	ike_enc_begin(&enc, &w, h);
	wr_put_u8(&w, 16, P_V);
	enc.next_at = w.len;
	wr_u32(&w, IKE_GENERIC_LEN);
	ike_enc_skf_begin(&enc, P_N, 1, 3, sk_iv_len(k));
	ike_enc_octets(&enc, SPAN(PLAIN.p, 30));
	ike_enc_sk_end(&enc, sk_block(k), sk_icv_len(k), &aad, &data);
	assert_true(wr_ok(&w) && sk_seal(b->p.s->crypto, &b->p.s->rng.rng, k, out, aad, data) == 0);
	return w.len;
}

/* RFC 7383 2.6: a larger total is a new set, once it is authentic; a smaller one is of yesterday. */
static void sets(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct ike_hdr h = ask(b);
	throw(b, &h, 1, 3, PLAIN, 30, false);
	throw(b, &h, 2, 3, PLAIN, 30, false);
	throw(b, &h, 2, 3, PLAIN, 30, false);
	CHECK(b->p, b->peer->frags[0]->have == 3 && b->peer->frags[0]->size == 60);
	throw(b, &h, 3, 9, PLAIN, 10, true);
	throw(b, &h, 3, 64, PLAIN, 2, true);
	throw(b, &h, 3, 3, PLAIN, 30, true);
	CHECK(b->p, b->peer->frags[0]->total == 3 && b->peer->frags[0]->have == 3);
	throw(b, &h, 2, 2, PLAIN, 45, false);
	throw(b, &h, 1, 2, PLAIN, 45, false);
	CHECK(b->p, b->peer->frags[0]->total == 3 && b->peer->frags[0]->have == 3 && answers(b) == 0);
	throw(b, &h, 4, 5, PLAIN, 18, false);
	CHECK(b->p, b->peer->frags[0]->total == 5 && b->peer->frags[0]->have == 8 && b->peer->frags[0]->size == 18);
	throw(b, &h, 3, 3, PLAIN, 30, false);
	CHECK(b->p, answers(b) == 0 && b->peer->frags[0]->have == 8);
	for (uint16_t i = 1; i <= 5; i++)
		throw(b, &h, i, 5, PLAIN, 18, false);
	CHECK(b->p, answers(b) == 1);
	b->sa->tx_id++;
	/* More than 64, number 0, number above the total, and not alone in its message: nothing is kept. */
	h = ask(b);
	struct ike_counters c0, c1;
	ike_counters(b->p.b->ike, &c0);
	throw(b, &h, 1, 65, PLAIN, 10, false);
	uint8_t out[HAND_MAX + 256];
	for (unsigned i = 0; i < 2; i++) {
		size_t n = hand_seal_skf(b->p.s, &b->sa->tx, &h, P_N, 1, 3, SPAN(PLAIN.p, 30), out);
		out[IKE_HDR_LEN + IKE_GENERIC_LEN + 1] = i ? 0 : 4;
		sim_inject(b->p.b, &b->sa->local, &b->sa->remote, false, out, n);
	}
	sim_inject(b->p.b, &b->sa->local, &b->sa->remote, false, out, beside(b, &h, out));
	sim_run(b->p.s, DUR_MS(1));
	ike_counters(b->p.b->ike, &c1);
	CHECK(b->p, !b->peer->frags[0] && c1.dropped_auth - c0.dropped_auth == 4);
	/* Of another message ID, of another exchange: not before its time. */
	h.msg_id++;
	throw(b, &h, 1, 3, PLAIN, 30, false);
	CHECK(b->p, !b->peer->frags[0]);
	h.msg_id--;
	throw(b, &h, 1, 3, PLAIN, 30, false);
	h.exchange = CREATE_CHILD_SA;
	throw(b, &h, 2, 3, PLAIN, 30, false);
	CHECK(b->p, b->peer->frags[0]->have == 2 && b->peer->frags[0]->exchange == CREATE_CHILD_SA);
	bench_free(b);
}

static void limits(void **state)
{
	(void)state;
	static uint8_t big[40000];
	struct bench *b = bench_new();
	struct ike *e = b->p.b->ike;
	struct ike_hdr h = ask(b);
	/* 15 seconds: then it is gone, and with it the memory. */
	size_t before = b->p.b->mem.blocks;
	throw(b, &h, 1, 3, PLAIN, 30, false);
	CHECK(b->p, e->frags_held == 30 + sizeof(struct frag_queue));
	sim_run(b->p.s, DUR_MS(14990));
	CHECK(b->p, b->peer->frags[0]);
	sim_run(b->p.s, DUR_MS(20));
	CHECK(b->p, !b->peer->frags[0] && e->frags_held == 0 && b->p.b->mem.blocks == before);
	CHECK(b->p, sim_noted(b->p.b, "a message of 3 fragments did not become whole"));
	/* More octets than a message may have: by max_packet, by our own limit. */
	for (unsigned round = 0; round < 2; round++) {
		e->setup.max_packet = round ? 65535 : 10000;
		size_t piece = 1000, fits = round ? 32 : 10;
		for (uint16_t i = 1; i <= fits; i++)
			throw(b, &h, i, 40, SPAN(big, sizeof big), piece, false);
		CHECK(b->p, b->peer->frags[0] && b->peer->frags[0]->size == fits * piece);
		throw(b, &h, 40, 40, SPAN(big, sizeof big), piece, false);
		CHECK(b->p, !b->peer->frags[0] && e->frags_held == 0);
	}
	e->setup.max_packet = 10000;
	/* All SAs together. */
	e->frags_held = (4 << 20) - 100;
	throw(b, &h, 1, 3, PLAIN, 30, false);
	CHECK(b->p, !b->peer->frags[0]);
	e->frags_held = (4 << 20) - sizeof(struct frag_queue) - 40;
	throw(b, &h, 1, 3, PLAIN, 30, false);
	throw(b, &h, 2, 3, PLAIN, 30, false);
	CHECK(b->p, b->peer->frags[0]->have == 1);
	frag_drop(e, b->peer, false);
	CHECK(b->p, e->frags_held == (4 << 20) - sizeof(struct frag_queue) - 40);
	e->frags_held = 0;
	/* No memory for the queue, for the piece. */
	for (int i = 1; i <= 2; i++) {
		b->p.b->mem.fail_at = b->p.b->mem.asked + (uint64_t)i;
		throw(b, &h, 2, 3, PLAIN, 30, false);
		CHECK(b->p, i == 1 ? !b->peer->frags[0] : b->peer->frags[0]->have == 0);
	}
	b->p.b->mem.fail_at = 0;
	for (uint16_t i = 1; i <= 3; i++)
		throw(b, &h, i, 3, PLAIN, 30, false);
	CHECK(b->p, answers(b) == 1 && e->frags_held == 0);
	bench_free(b);
}

/* A datagram longer than max_packet is not looked at. */
static void too_long_whole(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	struct hand h = {.h = ask(b), .first = P_N, .n = 4000}, answer;
	wr_u8(&(struct wr){.base = h.plain, .cap = 4}, 0);
	h.plain[2] = 4000 >> 8;
	h.plain[3] = 4000 & 255;
	h.plain[6] = 0x9c;
	b->p.b->ike->setup.max_packet = 4000;
	CHECK(b->p, !hand_ask(b->p.a, b->sa, &h, &answer));
	b->p.b->ike->setup.max_packet = 4100;
	CHECK(b->p, hand_ask(b->p.a, b->sa, &h, &answer));
	bench_free(b);
}

/* Authentic, but what comes out of it is no chain of payloads: an answer, as to any such request. */
static void whole_but_malformed(void **state)
{
	(void)state;
	struct bench *b = bench_new();
	static const uint8_t bad[60] = {0, 0, 0, 61};
	struct ike_hdr h = ask(b);
	throw(b, &h, 2, 2, SPAN(bad, 60), 30, false);
	throw(b, &h, 1, 2, SPAN(bad, 60), 30, false);
	CHECK(b->p, answers(b) == 1 && b->peer->rx_id == h.msg_id + 1);
	bench_free(b);
}

/* --- every bit, every allocation --- */

#ifdef GRETEL_SANITIZED
enum { BIT_STEP = 7 };
#else
enum { BIT_STEP = 1 };
#endif

static bool throw_bits(struct sim *s, struct sim_packet *p)
{
	unsigned *thrown = s->arg;
	struct endpoint inner;
	struct sim_node *to = sim_route(s, &p->dst, &inner);
	if (p->exchange != IKE_AUTH)
		return true;
	uint8_t *v = malloc(p->n);
	for (size_t bit = 0; bit < p->n * 8; bit += BIT_STEP) {
		memcpy(v, p->p, p->n);
		v[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (v[17] >> 4 > 2)
			continue;
		sim_inject(to, &p->src, &inner, p->marker, v, p->n);
		++*thrown;
	}
	free(v);
	return true;
}

static void flipped_fragments(void **state)
{
	(void)state;
	unsigned thrown = 0;
	struct pair p = pair_new(7);
	p.s->tap = throw_bits;
	p.s->arg = &thrown;
	assert_true(sim_conf_charon(p.a, p.b, "auto=start", NULL, TINY));
	assert_true(sim_conf_charon(p.b, p.a, "", NULL, TINY));
	pair_start(&p);
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	CHECK(p, thrown > 4000 / BIT_STEP && sim_sent(p.a, IKE_AUTH, false) == 2 && sim_sent(p.b, IKE_AUTH, true) == 2);
	CHECK(p, p.a->ike->frags_held == 0 && p.b->ike->frags_held == 0);
	pair_free(&p);
}

static void memory_fails_once(void **state)
{
	(void)state;
	for (int of_b = 0; of_b < 2; of_b++) {
		uint64_t asked = 0;
		for (uint64_t n = 1; n == 1 || n <= asked + 1; n++) {
			struct pair p = pair_new(8);
			struct sim_node *bad = of_b ? p.b : p.a;
			assert_true(sim_conf_charon(p.a, p.b, MANY_ESP "auto=start", NULL, "fragment_size = 400"));
			assert_true(sim_conf_charon(p.b, p.a, MANY_ESP, NULL, "fragment_size = 400"));
			if (!pair_starved(&p, bad, n)) {
				pair_free(&p);
				asked = n;
				continue;
			}
			AGREE(p);
			CHECK(p, p.a->ike->frags_held == 0 && p.b->ike->frags_held == 0);
			asked = bad->mem.asked;
			pair_free(&p);
		}
		assert_in_range(asked, 20, 400);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announced_by_both), cmocka_unit_test(sizes),
		cmocka_unit_test(every_cipher),      cmocka_unit_test(loss_and_disorder),
		cmocka_unit_test(one_is_lost),       cmocka_unit_test(played_back),
		cmocka_unit_test(a_narrow_path),     cmocka_unit_test(steps_of_sizes),
		cmocka_unit_test(never_too_many),    cmocka_unit_test(answers_shrink_too),
		cmocka_unit_test(any_order),         cmocka_unit_test(sets),
		cmocka_unit_test(limits),            cmocka_unit_test(too_long_whole),
		cmocka_unit_test(whole_but_malformed), cmocka_unit_test(flipped_fragments),
		cmocka_unit_test(memory_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
