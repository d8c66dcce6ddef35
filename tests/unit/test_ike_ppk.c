/* Post-quantum pre-shared keys (RFC 8784): every pair of wishes of two ends, what a peer may say wrong, and that the keys are those
 * that the RFC defines. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PSK ": PSK \"a secret of sixteen\"\n"
#define HAS PSK "one : PPK " KEY "\n"

/* What one end has and wants. */
struct end {
	const char *keys, *secrets;
};
static const struct end NONE = {"", PSK}, OPTIONAL = {"x-ppk-id=one", HAS}, REQUIRED = {"x-ppk-id=@one\nx-ppk-required=yes", HAS},
                        OTHER = {"x-ppk-id=two", PSK "two : PPK " KEY "\n"}, ANY = {"x-ppk-id=%any", HAS},
                        ANY_REQUIRED = {"x-ppk-id=%any\nx-ppk-required=yes", HAS}, LOST = {"x-ppk-id=one", PSK},
                        LOST_REQUIRED = {"x-ppk-id=one\nx-ppk-required=yes", PSK},
                        WRONG = {"x-ppk-id=one", PSK "one : PPK 0x99112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"};

static struct pair meet(const struct end *a, const struct end *b)
{
	char keys[256];
	struct pair p = pair_new(1);
	snprintf(keys, sizeof keys, "auto=start\n%s", a->keys);
	assert_true(sim_conf(p.a, p.b, keys, a->secrets));
	assert_true(sim_conf(p.b, p.a, b->keys, b->secrets));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	return p;
}

static bool uses(struct sim_node *n)
{
	struct ike_sa_view v;
	uint32_t at = 0;
	return ike_next_sa(n->ike, &at, &v) && v.state == IKE_S_ESTABLISHED && v.ppk;
}

/* Every pair that comes together, and with which keys. */
static void those_who_agree(void **state)
{
	(void)state;
	static const struct {
		const struct end *a, *b;
		bool ppk;
	} rows[] = {
		{&NONE, &NONE, false},        {&OPTIONAL, &NONE, false},    {&NONE, &OPTIONAL, false},
		{&OPTIONAL, &OPTIONAL, true}, {&REQUIRED, &OPTIONAL, true}, {&OPTIONAL, &REQUIRED, true},
		{&REQUIRED, &REQUIRED, true}, {&OPTIONAL, &OTHER, false},   {&OTHER, &OPTIONAL, false},
		{&OPTIONAL, &ANY, true},      {&REQUIRED, &ANY_REQUIRED, true}, {&ANY, &OPTIONAL, false},
		{&LOST, &OPTIONAL, false},    {&OPTIONAL, &LOST, false},    {&OTHER, &ANY, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p = meet(rows[i].a, rows[i].b);
		AGREE(p);
		CHECK(p, uses(p.a) == rows[i].ppk && uses(p.b) == rows[i].ppk);
		struct ike_sa *a = hand_sa(p.a, ST_ESTABLISHED), *b = hand_sa(p.b, ST_ESTABLISHED);
		CHECK(p, a->sk_d.len == 32 && memcmp(a->sk_d.b, b->sk_d.b, 32) == 0);
		CHECK(p, sim_sent_all(p.a) == 2 && sim_sent_all(p.b) == 2);
		pair_free(&p);
	}
}

/* And those that do not, with the sentence that the one and the other has for it. */
static void those_who_do_not(void **state)
{
	(void)state;
	static const struct {
		const struct end *a, *b;
		const char *why_a, *why_b;
	} rows[] = {
		{&REQUIRED, &NONE, "no PPK: the peer does not support it and ours is required", NULL},
		{&NONE, &REQUIRED, "the peer refused identity 192.0.2.1 with our PSK: one of the two differs",
	         "no PPK: the peer does not support it and ours is required"},
		{&REQUIRED, &OTHER,
	         "the peer refused identity 192.0.2.1 with our PSK and PPK 'one': one of them differs, or it does not know PPK 'one'",
	         "PPK 'one' of the peer is not known here, and it insists"},
		{&OTHER, &REQUIRED,
	         "the peer refused identity 192.0.2.1 with our PSK and PPK 'two': one of them differs, or it does not know PPK 'two'",
	         "PPK 'two' of the peer is not known here, and one is required"},
		{&REQUIRED, &LOST, NULL, "PPK 'one' of the peer is not known here, and it insists"},
		{&OPTIONAL, &LOST_REQUIRED, NULL, "PPK 'one' of the peer is not known here, and one is required"},
		{&LOST_REQUIRED, &OPTIONAL, "there is no PPK 'one' here, and it is required", NULL},
		{&LOST, &REQUIRED, NULL, "no PPK: the peer does not support it and ours is required"},
		{&ANY_REQUIRED, &OPTIONAL, "a PPK is required, but ppk_id names none to begin with", NULL},
		{&OPTIONAL, &WRONG, NULL, "the PSK of '198.51.100.1' - '192.0.2.1' differs: its MAC does not fit any of ours"},
		{&WRONG, &REQUIRED, NULL, "the PSK of '198.51.100.1' - '192.0.2.1' differs: its MAC does not fit any of ours"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p = meet(rows[i].a, rows[i].b);
		CHECK(p, p.a->ups == 0 && p.b->ups == 0 && p.a->n_sas == 0 && p.b->n_sas == 0);
		CHECK(p, sim_ikes(p.a, IKE_S_ESTABLISHED) == 0 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 0);
		CHECK(p, p.a->faults == 0 && p.b->faults == 0);
		if (rows[i].why_a)
			TEXT(p, sim_why(p.a), rows[i].why_a);
		if (rows[i].why_b)
			TEXT(p, sim_why(p.b), rows[i].why_b);
		pair_free(&p);
	}
}

/* --- the messages --- */

struct seen {
	bool asked, told;            /* USE_PPK */
	size_t id_asked, no_ppk;     /* octets of data; 0: not there */
	bool id_told;
	uint8_t id[8];
};

static bool look(struct sim *s, struct sim_packet *p)
{
	struct seen *seen = s->arg;
	struct ike_payloads pl;
	struct step look = {.pl = &pl};
	struct ike_notify n;
	struct ike_hdr h;
	struct hand hand;
	if (p->exchange == IKE_SA_INIT) {
		assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &h), WIRE_OK);
		assert_int_equal(ike_payloads_decode(h.next, SPAN(p->p + IKE_HDR_LEN, p->n - IKE_HDR_LEN), &pl), WIRE_OK);
		if (has_notify(&look, N_USE_PPK, &n)) {
			assert_true(n.proto == 0 && n.spi.n == 0 && n.data.n == 0);
			*(p->response ? &seen->told : &seen->asked) = true;
		}
	} else if (p->exchange == IKE_AUTH) {
		assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &h), WIRE_OK);
		struct ike_sa *sa = hand_sa_by_spi(p->from, h.spi_i);
		assert_true(sa && hand_open(s, &sa->tx, p->p, p->n, &hand) && hand_payloads(&hand, &pl));
		if (has_notify(&look, N_PPK_IDENTITY, &n)) {
			if (p->response)
				seen->id_told = n.data.n == 0;
			else
				seen->id_asked = n.data.n;
			memcpy(seen->id, n.data.p, min_z(n.data.n, sizeof seen->id));
		}
		if (has_notify(&look, N_NO_PPK_AUTH, &n))
			seen->no_ppk = n.data.n;
	}
	return true;
}

static struct seen watch(const struct end *a, const struct end *b)
{
	struct seen seen = {0};
	char keys[256];
	struct pair p = pair_new(2);
	p.s->tap = look;
	p.s->arg = &seen;
	snprintf(keys, sizeof keys, "auto=start\n%s", a->keys);
	assert_true(sim_conf(p.a, p.b, keys, a->secrets));
	assert_true(sim_conf(p.b, p.a, b->keys, b->secrets));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	pair_free(&p);
	return seen;
}

static void notifies(void **state)
{
	(void)state;
	struct seen s = watch(&OPTIONAL, &OPTIONAL);
	assert_true(s.asked && s.told && s.id_told && s.no_ppk == 32 && s.id_asked == 4);
	assert_memory_equal(s.id, "\2one", 4); /* PPK_ID_FIXED */
	s = watch(&REQUIRED, &OPTIONAL);
	assert_true(s.asked && s.told && s.id_told && s.no_ppk == 0 && s.id_asked == 4);
	s = watch(&OPTIONAL, &OTHER);
	assert_true(s.asked && s.told && !s.id_told && s.no_ppk == 32 && s.id_asked == 4);
	s = watch(&OPTIONAL, &NONE);
	assert_true(s.asked && !s.told && !s.id_told && s.no_ppk == 0 && s.id_asked == 0);
	s = watch(&NONE, &OPTIONAL);
	assert_true(!s.asked && !s.told && !s.id_told && s.no_ppk == 0 && s.id_asked == 0);
	s = watch(&LOST, &OPTIONAL);
	assert_true(s.asked && s.told && !s.id_told && s.no_ppk == 0 && s.id_asked == 0);
}

/* --- the keys --- */

static const uint8_t key[32] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

struct keys {
	struct secret d, pi, pr, e;
	bool kept;
};

static void keep_plain(struct sim *s)
{
	struct keys *k = s->arg;
	struct ike_sa *sa = hand_sa(s->node[0], ST_I_SIGN);
	if (!sa || k->kept)
		return;
	k->d = sa->sk_d;
	k->pi = sa->sk_pi;
	k->pr = sa->sk_pr;
	k->e = sa->tx.e;
	k->kept = true;
}

/* RFC 8784 3: prf+ (PPK, SK_d') and so on, one block long: prf (PPK, SK_d' | 0x01). What protects IKE's messages stays. */
static void mixed_as_the_rfc_has_it(void **state)
{
	(void)state;
	struct keys k = {.kept = false};
	char keys[64];
	struct pair p = pair_new(3);
	p.s->watch = keep_plain;
	p.s->arg = &k;
	snprintf(keys, sizeof keys, "auto=start\n%s", OPTIONAL.keys);
	assert_true(sim_conf(p.a, p.b, keys, OPTIONAL.secrets));
	assert_true(sim_conf(p.b, p.a, OPTIONAL.keys, OPTIONAL.secrets));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED), *b = hand_sa(p.b, ST_ESTABLISHED);
	const struct secret *const plain[] = {&k.d, &k.pi, &k.pr}, *const mixed[] = {&sa->sk_d, &sa->sk_pi, &sa->sk_pr},
	                         *const there[] = {&b->sk_d, &b->sk_pi, &b->sk_pr};
	assert_true(k.kept && sa->ppk);
	for (int i = 0; i < 3; i++) {
		uint8_t want[32];
		struct span v[] = {SPAN(plain[i]->b, plain[i]->len), SPAN("\1", 1)};
		assert_int_equal(prf(p.s->crypto, sa->suite.prf, SPAN(key, sizeof key), v, 2, want), 0);
		assert_true(mixed[i]->len == 32 && there[i]->len == 32);
		assert_memory_equal(mixed[i]->b, want, 32);
		assert_memory_equal(there[i]->b, want, 32);
		assert_memory_not_equal(plain[i]->b, want, 32);
	}
	assert_memory_equal(sa->tx.e.b, k.e.b, k.e.len);
	pair_free(&p);
}

/* --- a peer of its own kind --- */

struct swap {
	uint16_t type;   /* of the notify whose data are changed */
	struct { const char *p; size_t n; } with; /* n 0: the notify becomes another one */
};

/* What A says about its PPK is not what it meant to say. */
static bool change(struct sim *s, struct sim_packet *p)
{
	struct swap *swap = s->arg;
	struct hand h;
	struct ike_payloads pl;
	struct ike_notify n;
	struct ike_hdr hdr;
	uint8_t out[HAND_MAX + 256];
	if (p->exchange != IKE_AUTH || p->response || p->from->index != 0)
		return true;
	assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &hdr), WIRE_OK);
	struct ike_sa *sa = hand_sa_by_spi(p->from, hdr.spi_i);
	assert_true(sa && hand_open(s, &sa->tx, p->p, p->n, &h) && hand_payloads(&h, &pl));
	for (size_t i = 0; i < pl.n; i++) {
		if (pl.v[i].type != P_N || ike_notify_decode(pl.v[i].body, &n) != WIRE_OK || n.type != swap->type)
			continue;
		uint8_t *at = (uint8_t *)(uintptr_t)n.data.p;
		if (swap->with.n)
			memcpy(at, swap->with.p, min_z(n.data.n, swap->with.n));
		else
			at[-1] ^= 0x40; /* another notify type */
	}
	p->n = hand_seal(s, &sa->tx, &h, out);
	free(p->p);
	p->p = malloc(p->n);
	memcpy(p->p, out, p->n);
	return true;
}

static void said_wrong(void **state)
{
	(void)state;
	static const struct {
		const struct end *a, *b;
		struct swap swap;
		const char *why; /* NULL: a tunnel all the same, without PPK at B */
	} rows[] = {
		/* PPK_ID_OPAQUE is not known here, nor is a name with a NUL in it: as a PPK that we have not. */
		{&REQUIRED, &OPTIONAL, {N_PPK_IDENTITY, {"\1one", 4}}, "PPK '' of the peer is not known here, and it insists"},
		{&REQUIRED, &OPTIONAL, {N_PPK_IDENTITY, {"\2on\0", 4}}, "PPK '' of the peer is not known here, and it insists"},
		{&REQUIRED, &OPTIONAL, {N_PPK_IDENTITY, {"\2\x1b\"e", 4}}, "PPK '\\x1b\"e' of the peer is not known here, and it insists"},
		/* It signs with a PPK that it does not name. */
		{&REQUIRED, &OPTIONAL, {N_PPK_IDENTITY, {NULL, 0}},
	         "the PSK of '198.51.100.1' - '192.0.2.1' differs: its MAC does not fit any of ours"},
		/* The second AUTH value is looked at when it counts, and only then. */
		{&OPTIONAL, &OTHER, {N_NO_PPK_AUTH, {"wrong", 5}},
	         "the PSK of '198.51.100.1' - '192.0.2.1' differs: its MAC does not fit any of ours"},
		{&OPTIONAL, &OPTIONAL, {N_NO_PPK_AUTH, {"wrong", 5}}, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct swap swap = rows[i].swap;
		char keys[128];
		struct pair p = pair_new(4);
		p.s->tap = change;
		p.s->arg = &swap;
		snprintf(keys, sizeof keys, "auto=start\n%s", rows[i].a->keys);
		assert_true(sim_conf(p.a, p.b, keys, rows[i].a->secrets));
		assert_true(sim_conf(p.b, p.a, rows[i].b->keys, rows[i].b->secrets));
		pair_start(&p);
		sim_run(p.s, DUR_MS(500));
		CHECK(p, (p.b->ups > 0) == !rows[i].why);
		if (rows[i].why)
			TEXT(p, sim_why(p.b), rows[i].why);
		p.s->tap = NULL;
		pair_free(&p);
	}
}

/* B's answer comes without its PPK_IDENTITY, as from a peer that has no PPK: not with one that is required. */
static bool strip(struct sim *s, struct sim_packet *p)
{
	struct hand h;
	struct ike_payloads pl;
	struct ike_notify n;
	uint8_t out[HAND_MAX + 256];
	struct ike_hdr hdr;
	if (p->exchange != IKE_AUTH || !p->response)
		return true;
	assert_int_equal(ike_hdr_decode(SPAN(p->p, p->n), &hdr), WIRE_OK);
	struct ike_sa *sa = hand_sa_by_spi(p->from, hdr.spi_i);
	assert_true(sa && hand_open(s, &sa->tx, p->p, p->n, &h) && hand_payloads(&h, &pl));
	for (size_t i = 0; i < pl.n; i++) {
		if (pl.v[i].type == P_N && ike_notify_decode(pl.v[i].body, &n) == WIRE_OK && n.type == N_PPK_IDENTITY)
			((uint8_t *)(uintptr_t)pl.v[i].body.p)[2] ^= 0x40; /* another notify type */
	}
	p->n = hand_seal(s, &sa->tx, &h, out);
	free(p->p);
	p->p = malloc(p->n);
	memcpy(p->p, out, p->n);
	return true;
}

static void required_of_the_responder(void **state)
{
	(void)state;
	char keys[128];
	struct pair p = pair_new(9);
	p.s->tap = strip;
	snprintf(keys, sizeof keys, "auto=start\n%s", REQUIRED.keys);
	assert_true(sim_conf(p.a, p.b, keys, REQUIRED.secrets));
	assert_true(sim_conf(p.b, p.a, REQUIRED.keys, REQUIRED.secrets));
	pair_start(&p);
	sim_run(p.s, DUR_MS(500));
	CHECK(p, p.a->ups == 0 && p.a->n_sas == 0);
	TEXT(p, sim_why(p.a), "the peer does not know PPK 'one', and ours is required");
	p.s->tap = NULL;
	pair_free(&p);
}

/* An IKE_SA_INIT answer without USE_PPK may be anybody's: the true one is waited for. */
static bool forge(struct sim *s, struct sim_packet *p)
{
	static const uint8_t type[2] = {N_USE_PPK >> 8, N_USE_PPK & 255};
	unsigned *n = s->arg;
	if (p->exchange != IKE_SA_INIT || !p->response || ++*n > 1)
		return true;
	uint8_t *v = malloc(p->n);
	struct endpoint inner;
	struct sim_node *to = sim_route(s, &p->dst, &inner);
	memcpy(v, p->p, p->n);
	for (size_t i = 0; i + 2 <= p->n; i++) {
		if (memcmp(v + i, type, 2) == 0)
			v[i] ^= 0x40;
	}
	sim_inject(to, &p->src, &inner, p->marker, v, p->n);
	free(v);
	return true;
}

static void a_forged_answer_ends_nothing(void **state)
{
	(void)state;
	unsigned n = 0;
	char keys[128];
	struct pair p = pair_new(5);
	p.s->tap = forge;
	p.s->arg = &n;
	snprintf(keys, sizeof keys, "auto=start\n%s", REQUIRED.keys);
	assert_true(sim_conf(p.a, p.b, keys, REQUIRED.secrets));
	assert_true(sim_conf(p.b, p.a, REQUIRED.keys, REQUIRED.secrets));
	pair_start(&p);
	sim_run(p.s, DUR_S(5));
	AGREE(p);
	CHECK(p, n == 1 && uses(p.a) && uses(p.b));
	pair_free(&p);
}

/* The PPK is mixed anew by a reauthentication, and stays in the keys over a rekey of the IKE SA. */
static void over_the_years(void **state)
{
	(void)state;
	char keys[256];
	struct pair p = pair_new(6);
	snprintf(keys, sizeof keys, "auto=start\nikelifetime=300s\nmargintime=60s\nlifetime=200s\n%s", REQUIRED.keys);
	assert_true(sim_conf(p.a, p.b, keys, REQUIRED.secrets));
	assert_true(sim_conf(p.b, p.a, REQUIRED.keys, REQUIRED.secrets));
	pair_start(&p);
	for (unsigned i = 0; i < 20; i++) {
		sim_run(p.s, DUR_S(100));
		CHECK(p, sim_common(p.a, p.b) >= 1 && p.a->faults == 0 && p.b->faults == 0);
		for (struct list *it = p.a->ike->sas.next; it != &p.a->ike->sas; it = it->next) {
			struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
			CHECK(p, sa->state != ST_ESTABLISHED || sa->ppk);
		}
	}
	pair_free(&p);
}

static void priv_fails(void **state)
{
	(void)state;
	for (int of_b = 0; of_b < 2; of_b++) {
		char keys[128];
		struct pair p = pair_new(7);
		snprintf(keys, sizeof keys, "auto=start\n%s", REQUIRED.keys);
		assert_true(sim_conf(p.a, p.b, keys, REQUIRED.secrets));
		assert_true(sim_conf(p.b, p.a, REQUIRED.keys, REQUIRED.secrets));
		*(of_b ? &p.b->fail_mix : &p.a->fail_mix) = -EIO;
		pair_start(&p);
		sim_run(p.s, DUR_S(5));
		CHECK(p, p.a->ups == 0 && p.b->ups == 0 && p.a->faults == 0 && p.b->faults == 0);
		p.a->fail_mix = p.b->fail_mix = 0;
		sim_run(p.s, DUR_S(120));
		AGREE(p);
		CHECK(p, uses(p.a));
		pair_free(&p);
	}
}

static void memory_fails_once(void **state)
{
	(void)state;
	for (int of_b = 0; of_b < 2; of_b++) {
		uint64_t asked = 0;
		for (uint64_t n = 1; n == 1 || n <= asked + 1; n++) {
			char keys[128];
			struct pair p = pair_new(8);
			struct sim_node *bad = of_b ? p.b : p.a;
			snprintf(keys, sizeof keys, "auto=start\n%s", OPTIONAL.keys);
			assert_true(sim_conf(p.a, p.b, keys, OPTIONAL.secrets));
			assert_true(sim_conf(p.b, p.a, n % 2 ? OTHER.keys : OPTIONAL.keys, n % 2 ? OTHER.secrets : OPTIONAL.secrets));
			if (!pair_starved(&p, bad, n)) {
				pair_free(&p);
				asked = n;
				continue;
			}
			AGREE(p);
			CHECK(p, uses(p.a) == (n % 2 == 0));
			asked = bad->mem.asked;
			pair_free(&p);
		}
		assert_in_range(asked, 20, 400);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_agree),   cmocka_unit_test(those_who_do_not),
		cmocka_unit_test(notifies),          cmocka_unit_test(mixed_as_the_rfc_has_it),
		cmocka_unit_test(said_wrong),        cmocka_unit_test(a_forged_answer_ends_nothing),
		cmocka_unit_test(over_the_years),    cmocka_unit_test(priv_fails),
		cmocka_unit_test(required_of_the_responder), cmocka_unit_test(memory_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
