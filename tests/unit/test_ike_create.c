/* CREATE_CHILD_SA and INFORMATIONAL as a peer asks them that rekeys, well or oddly: the requests are
 * made by hand with the keys of the initiator's SA, and the keys of what comes of it are derived here once more. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <errno.h>
#include <stdlib.h>

#define KEYS_B "ike=aes128-sha256-x25519!\nesp=aes128-sha256!"
#define KEYS "auto=start\n" KEYS_B

/* A request of a kind, with what the tests want to be odd about it. */
struct want {
	bool no_transport, no_rekey, other_ts, other_proposal, no_sa_spi;
	uint16_t dh, ke; /* group in the proposal and of the KE payload; 0 none */
	uint32_t rekey_spi;
	uint8_t rekey_proto;
};

struct made {
	struct hand ask, answer;
	struct nonce ni, nr;
	struct dh_private dh;
	uint32_t spi;
	bool answered;
};

static struct made *ask_child(struct pair *p, struct ike_sa *sa, const struct want *w)
{
	struct made *m = calloc(1, sizeof *m);
	struct hand_enc e;
	struct suite suite = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128, .dh = w->dh};
	struct proposals offer;
	struct ike_ts_list tsi, tsr;
	uint8_t pub[DH_PUBLIC_MAX], spi[4];
	struct wr ws = wr_init(spi, sizeof spi);
	static uint32_t next_spi = 0xd0000001;
	m->spi = w->no_sa_spi ? 255 : next_spi++;
	m->ni.n = 32;
	rng_fill(&p->s->rng.rng, m->ni.b, m->ni.n);
	if (w->other_proposal)
		suite.encr_bits = 256;
	suite_to_proposal(&suite, PROTO_ESP, 1, m->spi, 4, w->dh != 0, &offer);
	ts_ours(conf_tunnel(p->a->conf, 0), &p->a->addr, w->other_ts ? &p->a->addr : &p->b->addr, &tsi, &tsr);
	m->ask.h = hand_request(sa, CREATE_CHILD_SA);
	hand_begin(&e, &m->ask);
	if (!w->no_rekey) {
		wr_u32(&ws, w->rekey_spi);
		ike_enc_notify(&e.enc, w->rekey_proto, SPAN(spi, w->rekey_proto ? 4 : 0), N_REKEY_SA, SPAN(NULL, 0));
	}
	if (!w->no_transport)
		ike_enc_notify(&e.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	ike_enc_sa(&e.enc, &offer);
	ike_enc_nonce(&e.enc, SPAN(m->ni.b, m->ni.n));
	if (w->ke) {
		assert_int_equal(dh_generate(p->s->crypto, &p->s->rng.rng, w->ke, &m->dh, pub), 0);
		ike_enc_ke(&e.enc, w->ke, SPAN(pub, dh_public_len(w->ke)));
	}
	ike_enc_ts(&e.enc, P_TSI, &tsi);
	ike_enc_ts(&e.enc, P_TSR, &tsr);
	assert_true(hand_end(&e));
	m->answered = hand_ask(p->a, sa, &m->ask, &m->answer);
	return m;
}

static void answer_nonce(struct made *m)
{
	struct ike_payloads pl;
	struct span nr;
	assert_true(m->answered && hand_payloads(&m->answer, &pl));
	const struct ike_payload *no = ike_payload_find(&pl, P_NONCE);
	assert_non_null(no);
	assert_int_equal(ike_nonce_decode(no->body, &nr), WIRE_OK);
	m->nr.n = (uint16_t)nr.n;
	memcpy(m->nr.b, nr.p, nr.n);
}

/* KEYMAT = prf+(SK_d, [ g^ir (new) | ] Ni | Nr ) (RFC 7296 2.17), against what B installed. */
static void check_keymat(struct pair *p, const struct secret *sk_d, struct made *m, const struct child_sa *sa)
{
	uint8_t shared[DH_SHARED_MAX], key[96];
	size_t shared_n = 0;
	struct ike_payloads pl;
	struct ike_ke ke;
	answer_nonce(m);
	assert_true(hand_payloads(&m->answer, &pl));
	const struct ike_payload *p_ke = ike_payload_find(&pl, P_KE);
	assert_true((p_ke != NULL) == (m->dh.group != 0));
	if (p_ke) {
		assert_int_equal(ike_ke_decode(p_ke->body, &ke), WIRE_OK);
		assert_int_equal(dh_shared(p->s->crypto, &m->dh, ke.data, shared, &shared_n), 0);
	}
	struct span seed[] = {SPAN(shared, shared_n), SPAN(m->ni.b, m->ni.n), SPAN(m->nr.b, m->nr.n)};
	assert_int_equal(prf_plus(p->s->crypto, PRF_HMAC_SHA2_256, SPAN(sk_d->b, sk_d->len), seed, 3, key, sizeof key),
	                 0);
	CHECK(*p, sa->out.spi == m->spi && sa->in.encr.len == 16 && sa->in.integ.len == 32);
	/* We began this exchange: our direction comes first, and it is B's inbound. */
	assert_memory_equal(sa->in.encr.b, key, 16);
	assert_memory_equal(sa->in.integ.b, key + 16, 32);
	assert_memory_equal(sa->out.encr.b, key + 48, 16);
	assert_memory_equal(sa->out.integ.b, key + 64, 32);
}

static bool ask_delete(struct pair *p, struct ike_sa *sa, uint32_t spi, struct hand *answer)
{
	struct hand ask = {.h = hand_request(sa, INFORMATIONAL)};
	struct hand_enc e;
	hand_begin(&e, &ask);
	if (spi)
		ike_enc_delete_esp(&e.enc, &spi, 1);
	else
		ike_enc_delete_ike(&e.enc);
	assert_true(hand_end(&e));
	return hand_ask(p->a, sa, &ask, answer);
}

static uint32_t deleted_spi(const struct hand *answer)
{
	struct ike_payloads pl;
	struct ike_delete d;
	assert_true(hand_payloads(answer, &pl));
	const struct ike_payload *x = ike_payload_find(&pl, P_D);
	if (!x)
		return 0;
	assert_int_equal(ike_delete_decode(x->body, &d), WIRE_OK);
	assert_true(d.proto == PROTO_ESP && d.n == 1);
	return ike_delete_spi(&d, 0);
}

/* --- children --- */

static void child_rekey(void **state)
{
	(void)state;
	for (uint16_t group = 0; group <= DH_CURVE25519; group += DH_CURVE25519) {
		struct pair p = pair_run(1, KEYS, KEYS_B, DUR_S(5));
		struct hand answer;
		CHECK(p, sim_common(p.a, p.b) == 1);
		struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
		struct child *old = hand_child(p.b, CH_UP);
		uint32_t old_in = old->p.in.spi, old_out = old->p.out.spi;
		p.b->ups = p.b->downs = 0;
		struct want w = {.rekey_spi = old_out, .rekey_proto = PROTO_ESP, .dh = group, .ke = group};
		struct made *m = ask_child(&p, sa, &w);
		/* RFC 7296 2.8: B sends on the old one until it knows that we have the new one. */
		CHECK(p, m->answered && p.b->n_sas == 1 && p.b->n_early == 1 && p.b->ups == 0 && p.b->downs == 0);
		struct ike_child_view v;
		uint32_t at = 0;
		CHECK(p, ike_next_child(p.b->ike, &at, &v) && v.rekeyed && ike_next_child(p.b->ike, &at, &v) &&
		                 !v.rekeyed && !v.installed && sim_noted(p.b, "is rekeyed by"));
		/* We delete the old one; what is still on its way finds it for five seconds. */
		CHECK(p, ask_delete(&p, sa, old_out, &answer) && deleted_spi(&answer) == old_in);
		CHECK(p, p.b->n_sas == 2 && p.b->n_early == 0 && p.b->ups == 1 && p.b->downs == 0);
		check_keymat(&p, &sa->sk_d, m, &p.b->sa[1].sa);
		CHECK(p, p.b->sa[1].sa.reqid == p.b->sa[0].sa.reqid);
		CHECK(p, ask_delete(&p, sa, old_out, &answer) && deleted_spi(&answer) == old_in); /* once more */
		sim_run(p.s, DUR_S(5));
		CHECK(p, p.b->n_sas == 1 && p.b->sa[0].sa.out.spi == m->spi && p.b->downs == 1 && p.b->faults == 0);
		CHECK(p, ask_delete(&p, sa, old_out, &answer) && deleted_spi(&answer) == 0 && answer.n == 0);
		free(m);
		pair_free(&p);
	}
}

/* Twice for the same old one, as Windows does; then deletes in either order. */
static void child_rekey_twice(void **state)
{
	(void)state;
	for (int order = 0; order < 6; order++) {
		static const uint8_t perm[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
		struct pair p = pair_run(2, KEYS, KEYS_B, DUR_S(5));
		struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
		uint32_t spi[3] = {hand_child(p.b, CH_UP)->p.out.spi};
		struct want w = {.rekey_spi = spi[0], .rekey_proto = PROTO_ESP};
		struct hand answer;
		for (int i = 1; i <= 2; i++) {
			struct made *m = ask_child(&p, sa, &w);
			CHECK(p, m->answered);
			answer_nonce(m);
			spi[i] = m->spi;
			free(m);
		}
		CHECK(p, p.b->n_sas + p.b->n_early == 3);
		for (int i = 0; i < 3; i++)
			CHECK(p, ask_delete(&p, sa, spi[perm[order][i]], &answer) && deleted_spi(&answer) != 0);
		sim_run(p.s, DUR_S(10));
		CHECK(p, p.b->n_sas + p.b->n_early == 0 && p.b->ups == p.b->downs && p.b->faults == 0);
		pair_free(&p);
	}
}

struct refusal {
	struct want w;
	uint16_t notify, data; /* data: the first two octets, 0 = none */
	const char *note;
};

static const struct refusal refusals[] = {
	{{.no_transport = true},
         N_NO_PROPOSAL_CHOSEN,
         0,
         "the peer wants tunnel mode, this tunnel is for transport mode"},
	{{.other_proposal = true},
         N_NO_PROPOSAL_CHOSEN,
         0,
         "no ESP proposal in common (is PFS the same on both sides?)"},
	{{.no_sa_spi = true}, N_NO_PROPOSAL_CHOSEN, 0, "no ESP proposal in common"},
	{{.other_ts = true}, N_TS_UNACCEPTABLE, 0, "the traffic selectors do not cover this tunnel"},
	{{.rekey_spi = 0x11111111, .rekey_proto = PROTO_ESP},
         N_CHILD_SA_NOT_FOUND,
         0,
         "the child SA to be rekeyed is not here"},
	{{.rekey_proto = PROTO_AH, .rekey_spi = 1}, N_INVALID_SYNTAX, 0, "malformed"},
	{{.rekey_proto = PROTO_NONE}, N_INVALID_SYNTAX, 0, "malformed"},
	{{.no_rekey = true, .dh = DH_CURVE25519, .ke = DH_ECP_256},
         N_INVALID_KE_PAYLOAD,
         DH_CURVE25519,
         "the peer's KE payload does not fit"},
	{{.no_rekey = true, .dh = DH_ECP_256}, N_INVALID_KE_PAYLOAD, DH_ECP_256, "the peer's KE payload does not fit"},
};

static void child_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct pair p = pair_run(3, KEYS, KEYS_B, DUR_S(5));
		struct want w = r->w;
		struct ike_notify n;
		if (!w.no_rekey && !w.rekey_spi && i < 4) {
			w.rekey_spi = hand_child(p.b, CH_UP)->p.out.spi;
			w.rekey_proto = PROTO_ESP;
		}
		struct made *m = ask_child(&p, hand_sa(p.a, ST_ESTABLISHED), &w);
		CHECK(p, m->answered && hand_notify(&m->answer, r->notify, &n) && sim_noted(p.b, r->note));
		CHECK(p, r->data ? n.data.n == 2 && n.data.p[0] << 8 | n.data.p[1] : n.data.n == 0);
		CHECK(p, !r->data || (n.data.p[0] << 8 | n.data.p[1]) == r->data);
		AGREE(p); /* nothing else happened */
		free(m);
		pair_free(&p);
	}
}

static void child_local_failures(void **state)
{
	(void)state;
	struct pair p = pair_run(4, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	struct ike_notify n;
	struct want w = {.no_rekey = true};
	p.b->fail_spi = -ENOSPC;
	struct made *m = ask_child(&p, sa, &w);
	CHECK(p, m->answered && hand_notify(&m->answer, N_NO_ADDITIONAL_SAS, &n));
	free(m);
	p.b->fail_spi = 0;
	p.b->fail_install = -EADDRINUSE;
	m = ask_child(&p, sa, &w);
	CHECK(p, m->answered && hand_notify(&m->answer, N_NO_ADDITIONAL_SAS, &n));
	free(m);
	p.b->fail_install = 0;
	CHECK(p, p.b->n_spis == 0 && p.b->n_sas == 1 && p.b->faults == 0);
	/* Eight children at most in one IKE SA. */
	for (int i = 0; i < 8; i++) {
		m = ask_child(&p, sa, &w);
		CHECK(p, m->answered && hand_notify(&m->answer, N_NO_ADDITIONAL_SAS, &n) == (i == 7));
		free(m);
	}
	CHECK(p, p.b->n_sas == 8 && p.b->faults == 0);
	pair_free(&p);
}

/* --- the IKE SA itself --- */

struct new_ike {
	struct ike_sa sa; /* only the keys, SPIs and IDs, as the initiator has them */
	struct hand answer;
	bool answered;
};

static void derive(struct pair *p, struct ike_sa *old, struct new_ike *n, const struct dh_private *dh,
                   const struct nonce *ni)
{
	struct ike_payloads pl;
	struct ike_ke ke;
	struct span nr;
	struct proposals chosen;
	uint8_t shared[DH_SHARED_MAX], seed[64], keys[32 * 3 + 32 * 2 + 16 * 2], spis[16];
	size_t len;
	assert_true(hand_payloads(&n->answer, &pl));
	assert_int_equal(ike_sa_decode(ike_payload_find(&pl, P_SA)->body, &chosen), WIRE_OK);
	assert_int_equal(ike_ke_decode(ike_payload_find(&pl, P_KE)->body, &ke), WIRE_OK);
	assert_int_equal(ike_nonce_decode(ike_payload_find(&pl, P_NONCE)->body, &nr), WIRE_OK);
	assert_int_equal(dh_shared(p->s->crypto, dh, ke.data, shared, &len), 0);
	assert_int_equal(chosen.p[0].spi_len, 8);
	n->sa.spi_r = chosen.p[0].spi;
	/* SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) */
	struct span v[] = {SPAN(shared, len), SPAN(ni->b, ni->n), nr};
	assert_int_equal(prf(p->s->crypto, PRF_HMAC_SHA2_256, SPAN(old->sk_d.b, old->sk_d.len), v, 3, seed), 0);
	struct wr w = wr_init(spis, sizeof spis);
	wr_u64(&w, n->sa.spi_i);
	wr_u64(&w, n->sa.spi_r);
	struct span x[] = {SPAN(ni->b, ni->n), nr, SPAN(spis, 16)};
	assert_int_equal(prf_plus(p->s->crypto, PRF_HMAC_SHA2_256, SPAN(seed, 32), x, 3, keys, sizeof keys), 0);
	struct sk_keys k = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128};
	n->sa.tx = n->sa.rx = k;
	assert_true(secret_set(&n->sa.sk_d, keys, 32));
	assert_true(secret_set(&n->sa.tx.a, keys + 32, 32) && secret_set(&n->sa.rx.a, keys + 64, 32));
	assert_true(secret_set(&n->sa.tx.e, keys + 96, 16) && secret_set(&n->sa.rx.e, keys + 112, 16));
}

static struct new_ike *ask_ike(struct pair *p, struct ike_sa *old, uint16_t dh_offered, uint16_t ke)
{
	struct new_ike *n = calloc(1, sizeof *n);
	struct suite suite = old->suite;
	struct proposals offer;
	struct hand ask = {.h = hand_request(old, CREATE_CHILD_SA)};
	struct hand_enc e;
	struct dh_private dh;
	struct nonce ni = {.n = 32};
	uint8_t pub[DH_PUBLIC_MAX];
	n->sa.spi_i = rng_u64(&p->s->rng.rng) | 1;
	n->sa.initiator = true;
	n->sa.local = old->local;
	n->sa.remote = old->remote;
	rng_fill(&p->s->rng.rng, ni.b, ni.n);
	suite.dh = dh_offered;
	suite_to_proposal(&suite, PROTO_IKE, 1, n->sa.spi_i, 8, true, &offer);
	assert_int_equal(dh_generate(p->s->crypto, &p->s->rng.rng, ke, &dh, pub), 0);
	hand_begin(&e, &ask);
	ike_enc_sa(&e.enc, &offer);
	ike_enc_nonce(&e.enc, SPAN(ni.b, ni.n));
	ike_enc_ke(&e.enc, ke, SPAN(pub, dh_public_len(ke)));
	assert_true(hand_end(&e));
	struct ike_sa was = *old;
	n->answered = hand_ask(p->a, old, &ask, &n->answer);
	struct ike_notify x;
	if (n->answered && !hand_notify(&n->answer, N_NO_PROPOSAL_CHOSEN, &x) &&
	    !hand_notify(&n->answer, N_INVALID_KE_PAYLOAD, &x) && !hand_notify(&n->answer, N_TEMPORARY_FAILURE, &x))
		derive(p, &was, n, &dh, &ni);
	return n;
}

/* An SA whose successor is up goes in a moment: what the peer made in it now, it would send on, into nothing. */
static void a_replaced_sa_takes_nothing(void **state)
{
	(void)state;
	struct pair p = pair_run(6, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	struct want w = {.rekey_spi = hand_child(p.b, CH_UP)->p.out.spi, .rekey_proto = PROTO_ESP};
	struct ike_notify x;
	hand_sa(p.b, ST_ESTABLISHED)->replaced = true;
	struct made *m = ask_child(&p, sa, &w);
	CHECK(p, m->answered && hand_notify(&m->answer, N_TEMPORARY_FAILURE, &x) && p.b->n_sas == 1);
	free(m);
	struct new_ike *n = ask_ike(&p, sa, DH_CURVE25519, DH_CURVE25519);
	CHECK(p, hand_notify(&n->answer, N_TEMPORARY_FAILURE, &x) && sim_all_ikes(p.b) == 1);
	free(n);
	hand_sa(p.b, ST_ESTABLISHED)->replaced = false;
	m = ask_child(&p, sa, &w);
	CHECK(p, m->answered && !hand_notify(&m->answer, N_TEMPORARY_FAILURE, &x) && p.b->n_sas + p.b->n_early == 2);
	free(m);
	pair_free(&p);
}

static void ike_rekey(void **state)
{
	(void)state;
	struct pair p = pair_run(5, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *old = hand_sa(p.a, ST_ESTABLISHED);
	struct hand answer;
	struct new_ike *n = ask_ike(&p, old, DH_CURVE25519, DH_CURVE25519);
	CHECK(p, n->answered && sim_ikes(p.b, IKE_S_REKEYED) == 1 && sim_ikes(p.b, IKE_S_ESTABLISHED) == 1);
	struct ike_sa *heir = hand_sa(p.b, ST_ESTABLISHED);
	CHECK(p, heir->spi_i == n->sa.spi_i && heir->spi_r == n->sa.spi_r && heir->n_children == 1 && !heir->initiator);
	CHECK(p, p.b->ups == 1 && p.b->downs == 0 && p.b->n_sas == 1);
	/* RFC 7296 2.8: message IDs begin at 0 in the new one; it answers, and has the children. */
	struct hand ask = {.h = hand_request(&n->sa, INFORMATIONAL)};
	CHECK(p, hand_ask(p.a, &n->sa, &ask, &answer) && answer.n == 0 && answer.h.msg_id == 0);
	struct child *c = hand_child(p.b, CH_UP);
	struct want w = {.rekey_spi = c->p.out.spi, .rekey_proto = PROTO_ESP};
	uint32_t spi_in = c->p.in.spi, spi_out = c->p.out.spi;
	/* The old one takes no more children (RFC 7296 2.25.2). */
	struct made *m = ask_child(&p, old, &w);
	struct ike_notify x;
	CHECK(p, m->answered && hand_notify(&m->answer, N_TEMPORARY_FAILURE, &x));
	free(m);
	CHECK(p, ask_delete(&p, old, 0, &answer) && answer.n == 0 && sim_all_ikes(p.b) == 1);
	CHECK(p, p.b->ups == 1 && p.b->downs == 0 && p.b->n_sas == 1);
	m = ask_child(&p, &n->sa, &w);
	CHECK(p, m->answered);
	CHECK(p, ask_delete(&p, &n->sa, spi_out, &answer) && deleted_spi(&answer) == spi_in);
	check_keymat(&p, &n->sa.sk_d, m, &p.b->sa[1].sa);
	free(m);
	CHECK(p, ask_delete(&p, &n->sa, 0, &answer) && ike_idle(p.b->ike) && p.b->n_sas == 0 && p.b->ups == p.b->downs);
	free(n);
	pair_free(&p);
}

static void ike_rekey_refusals(void **state)
{
	(void)state;
	struct pair p = pair_run(6, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	struct ike_notify x;
	struct new_ike *n = ask_ike(&p, sa, DH_ECP_256, DH_ECP_256);
	CHECK(p, n->answered && hand_notify(&n->answer, N_NO_PROPOSAL_CHOSEN, &x));
	free(n);
	n = ask_ike(&p, sa, DH_CURVE25519, DH_ECP_256);
	CHECK(p, n->answered && hand_notify(&n->answer, N_INVALID_KE_PAYLOAD, &x) && x.data.n == 2 &&
	                 x.data.p[1] == DH_CURVE25519);
	free(n);
	p.b->mem.fail_from = p.b->mem.asked + 1;
	n = ask_ike(&p, sa, DH_CURVE25519, DH_CURVE25519);
	p.b->mem.fail_from = 0;
	CHECK(p, sim_all_ikes(p.b) == 1);
	free(n);
	CHECK(p, p.b->ups == 1 && p.b->downs == 0 && p.b->n_sas == 1);
	pair_free(&p);
}

/* A peer that rekeys and then forgets to delete: the old one goes by itself. */
static void ike_rekey_without_delete(void **state)
{
	(void)state;
	struct pair p = pair_run(7, KEYS, KEYS_B, DUR_S(5));
	struct new_ike *n = ask_ike(&p, hand_sa(p.a, ST_ESTABLISHED), DH_CURVE25519, DH_CURVE25519);
	CHECK(p, n->answered && sim_all_ikes(p.b) == 2);
	sim_run(p.s, DUR_S(170));
	CHECK(p, sim_all_ikes(p.b) == 1 && p.b->ups == 1 && p.b->downs == 0 && p.b->n_sas == 1);
	free(n);
	pair_free(&p);
}

/* The old one has no renewal of its own any more. */
static void ike_rekey_near_the_end(void **state)
{
	(void)state;
	struct pair p = pair_run(7, KEYS "\nrekey=no", KEYS_B "\nikelifetime=60s\nmargintime=10s\nrekeyfuzz=0%",
	                         DUR_S(5));
	struct new_ike *n = ask_ike(&p, hand_sa(p.a, ST_ESTABLISHED), DH_CURVE25519, DH_CURVE25519);
	CHECK(p, n->answered && sim_all_ikes(p.b) == 2);
	uint64_t steps = p.s->steps;
	sim_run(p.s, DUR_S(48));
	CHECK(p, !p.s->stuck && p.s->steps - steps < 50);
	free(n);
	pair_free(&p);
}

/* --- what is odd inside --- */

static void critical_and_broken_payloads(void **state)
{
	(void)state;
	static const struct {
		uint8_t first, n, plain[12];
		uint16_t notify;
	} odd[] = {
		{200, 4, {0, 0x80, 0, 4}, N_UNSUPPORTED_CRITICAL_PAYLOAD},
		{200, 4, {0, 0, 0, 4}, 0},                  /* unknown, not critical: skipped */
		{P_D, 4, {0, 0, 0, 200}, N_INVALID_SYNTAX}, /* the length lies */
		{P_D, 3, {0, 0, 0}, N_INVALID_SYNTAX},
		{P_D, 8, {0, 0, 0, 8, 1, 4, 0, 0}, N_INVALID_SYNTAX}, /* an IKE SA with an SPI size */
		{P_D, 8, {0, 0, 0, 8, 3, 4, 0, 9}, N_INVALID_SYNTAX}, /* nine SPIs, none there */
		{P_SA, 4, {0, 0, 0, 4}, N_INVALID_SYNTAX},            /* has no place in INFORMATIONAL */
		{P_SK, 4, {0, 0, 0, 4}, N_INVALID_SYNTAX},
		{P_EAP, 4, {0, 0, 0, 4}, N_INVALID_SYNTAX},
		{P_V, 8, {0, 0, 0, 8, 1, 2, 3, 4}, 0},
		{P_N, 8, {0, 0, 0, 8, 0, 0, 0, N_NO_PROPOSAL_CHOSEN}, 0}, /* says nothing here */
	};
	struct pair p = pair_run(8, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct hand ask = {.h = hand_request(sa, INFORMATIONAL), .first = odd[i].first, .n = odd[i].n}, answer;
		struct ike_notify n;
		memcpy(ask.plain, odd[i].plain, odd[i].n);
		CHECK(p, hand_ask(p.a, sa, &ask, &answer));
		if (!odd[i].notify)
			CHECK(p, answer.n == 0);
		else
			CHECK(p, hand_notify(&answer, odd[i].notify, &n) &&
			                 (odd[i].notify == N_INVALID_SYNTAX ? n.data.n == 0
			                                                    : n.data.n == 1 && n.data.p[0] == 200));
		AGREE(p);
	}
	/* RFC 7296 2.21.2: an initiator that does not believe our AUTH says so; the SA was never one for it. */
	struct hand ask = {.h = hand_request(sa, INFORMATIONAL),
	                   .first = P_N,
	                   .n = 8,
	                   .plain = {0, 0, 0, 8, 0, 0, 0, 24}},
		    answer;
	CHECK(p, hand_ask(p.a, sa, &ask, &answer) && answer.n == 0 && ike_idle(p.b->ike) && p.b->n_sas == 0);
	pair_free(&p);
}

/* RFC 7296 2.2, 2.3: the window is one; only the next request is looked into. */
static void message_ids(void **state)
{
	(void)state;
	struct pair p = pair_run(9, KEYS, KEYS_B, DUR_S(5));
	struct ike_sa *sa = hand_sa(p.a, ST_ESTABLISHED);
	uint32_t next = sa->tx_id;
	const uint32_t ids[] = {next + 1, next + 2, next - 1, next - 2, UINT32_MAX, 0x80000000u + next, 0};
	struct hand answer;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct hand ask = {.h = hand_request(sa, INFORMATIONAL)};
		ask.h.msg_id = ids[i];
		CHECK(p, !hand_ask(p.a, sa, &ask, &answer));
		sa->tx_id = next;
	}
	/* Flags that a request of the initiator cannot have. */
	static const uint8_t flags[] = {0, IKE_F_RESPONSE, IKE_F_RESPONSE | IKE_F_INITIATOR};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct hand ask = {.h = hand_request(sa, INFORMATIONAL)};
		ask.h.flags = flags[i];
		CHECK(p, !hand_ask(p.a, sa, &ask, &answer));
		sa->tx_id = next;
	}
	/* Exchanges of which there are none, or not now. */
	for (unsigned x = 0; x < 256; x++) {
		struct hand ask = {.h = hand_request(sa, (uint8_t)x)};
		if (x >= IKE_AUTH && x <= INFORMATIONAL)
			continue;
		CHECK(p, !hand_ask(p.a, sa, &ask, &answer));
		sa->tx_id = next;
	}
	struct hand late = {.h = hand_request(sa, IKE_AUTH)}, ask;
	struct ike_notify n;
	CHECK(p, hand_ask(p.a, sa, &late, &answer) && hand_notify(&answer, N_INVALID_SYNTAX, &n));
	ask = (struct hand){.h = hand_request(sa, INFORMATIONAL)};
	CHECK(p, hand_ask(p.a, sa, &ask, &answer) && answer.n == 0);
	/* The same message ID with another content, behind it. */
	sa->tx_id--;
	ask = (struct hand){.h = hand_request(sa, INFORMATIONAL), .first = P_V, .n = 4, .plain = {0, 0, 0, 4}};
	CHECK(p, !hand_ask(p.a, sa, &ask, &answer));
	AGREE(p);
	pair_free(&p);
}

/* --- IKE_AUTH without what makes it transport mode --- */

static bool is_transport(uint8_t type, struct span body)
{
	struct ike_notify n;
	return type == P_N && ike_notify_decode(body, &n) == WIRE_OK && n.type == N_USE_TRANSPORT_MODE;
}

static bool strip_transport(struct sim *s, struct sim_packet *p)
{
	struct sim_node *strip = s->arg;
	if (p->from != strip || p->exchange != IKE_AUTH)
		return true;
	struct hand h;
	struct ike_hdr hdr;
	uint8_t out[HAND_MAX + 256];
	if (ike_hdr_decode(SPAN(p->p, p->n), &hdr) != WIRE_OK)
		return true;
	struct ike_sa *sa = hand_sa_by_spi(strip, hdr.spi_i);
	if (!sa || !hand_open(s, &sa->tx, p->p, p->n, &h))
		return true;
	hand_filter(&h, is_transport);
	size_t n = hand_seal(s, &sa->tx, &h, out);
	free(p->p);
	p->p = malloc(n);
	memcpy(p->p, out, n);
	p->n = n;
	return true;
}

static void tunnel_mode_is_refused(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct pair p = pair_new(10);
		p.s->tap = strip_transport;
		p.s->arg = who ? p.b : p.a;
		pair_conf(&p, KEYS, KEYS_B);
		pair_start(&p);
		sim_run(p.s, DUR_S(1));
		if (who == 0) {
			TEXT(p, sim_why(p.a),
			     "no ESP proposal in common: we offered ESP:AES_CBC_128/HMAC_SHA2_256_128/NO_EXT_SEQ");
			CHECK(p, sim_noted(p.b, "the peer wants tunnel mode, this tunnel is for transport mode"));
		} else {
			TEXT(p, sim_why(p.a),
			     "the peer wants tunnel mode, this tunnel is for transport mode (type=transport there)");
		}
		CHECK(p, p.a->ups == 0 && p.a->n_sas == 0 && p.b->n_sas == 0 && p.b->ups == p.b->downs);
		p.s->tap = NULL;
		sim_run(p.s, DUR_S(10));
		AGREE(p);
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_rekey),
		cmocka_unit_test(child_rekey_twice),
		cmocka_unit_test(child_refusals),
		cmocka_unit_test(child_local_failures),
		cmocka_unit_test(a_replaced_sa_takes_nothing),
		cmocka_unit_test(ike_rekey),
		cmocka_unit_test(ike_rekey_refusals),
		cmocka_unit_test(ike_rekey_without_delete),
		cmocka_unit_test(ike_rekey_near_the_end),
		cmocka_unit_test(critical_and_broken_payloads),
		cmocka_unit_test(message_ids),
		cmocka_unit_test(tunnel_mode_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
