/* CREATE_CHILD_SA for child SAs (RFC 7296 1.3.1, 1.3.3, 2.8), as responder: a rekey of a child SA, or one more. Also where
 * the outcome of an installation arrives, whichever exchange made the child. */
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

enum { WHOLE_S = 30 }; /* a peer that rekeyed and is silent: when we send on the new SA nevertheless */

enum { MOVE_CROSSES_S = 60 };

struct create_body {
	struct proposals sa;
	struct ike_ts_list tsi, tsr;
	struct span nonce;
	struct ike_ke ke;
	bool has_ke, rekey;
	uint32_t rekey_spi; /* the peer's inbound SPI: our outbound */
};

static bool decode(const struct step *s, struct create_body *b)
{
	const struct ike_payload *ke = ike_payload_find(s->pl, P_KE);
	struct ike_notify n;
	*b = (struct create_body){0};
	if (ike_sa_decode(ike_payload_find(s->pl, P_SA)->body, &b->sa) != WIRE_OK ||
	    ike_nonce_decode(ike_payload_find(s->pl, P_NONCE)->body, &b->nonce) != WIRE_OK ||
	    ike_ts_decode(ike_payload_find(s->pl, P_TSI)->body, &b->tsi) != WIRE_OK ||
	    ike_ts_decode(ike_payload_find(s->pl, P_TSR)->body, &b->tsr) != WIRE_OK)
		return false;
	if (ke) {
		if (ike_ke_decode(ke->body, &b->ke) != WIRE_OK)
			return false;
		b->has_ke = true;
	}
	if (has_notify(s, N_REKEY_SA, &n)) {
		struct rd rd = rd_init(n.spi.p, n.spi.n);
		b->rekey = true;
		b->rekey_spi = rd_u32(&rd);
		if (!rd_done(&rd) || n.proto != PROTO_ESP)
			return false;
	}
	return true;
}

/* The peer's KE against the suite. False: s->fail says what to answer. */
static bool exchange_keys(struct step *s, struct child *c, const struct create_body *b, const struct suite *suite)
{
	struct dh_private dh;
	uint8_t pub[DH_PUBLIC_MAX], shared[DH_SHARED_MAX];
	size_t n;
	if (suite->dh == DH_NONE)
		return true;
	if (!b->has_ke || b->ke.group != suite->dh) {
		s->fail = N_INVALID_KE_PAYLOAD;
		s->fail_group = suite->dh;
		return false;
	}
	s->fail = N_INVALID_SYNTAX;
	bool ok = dh_generate(s->e->crypto, s->e->rng, suite->dh, &dh, pub) == 0 &&
	          dh_shared(s->e->crypto, &dh, b->ke.data, shared, &n) == 0 && blob_set(s->e, &c->shared, shared, n) &&
	          blob_set(s->e, &c->public, pub, dh_public_len(suite->dh));
	wipe(&dh, sizeof dh);
	wipe(shared, sizeof shared);
	return ok;
}

static enum verdict refuse(struct step *s, uint16_t notify, const char *why)
{
	note(s, s->sa->tun, NOTE_CONTROL, "refusing CREATE_CHILD_SA: %s", why);
	s->fail = notify;
	return V_FAIL;
}

/* Of a child that has gone already nothing is left but the DELETE that waits for its answer. */
static bool is_closing(const struct ike_sa *sa, const struct child *old)
{
	if (old)
		return old->state == CH_DELETING || old->redundant;
	return sa->n_del > 0;
}

enum verdict x_child_r(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct tun *t = sa->tun;
	struct create_body b;
	struct proposals mine;
	struct suite suite;
	struct selector sel;
	struct ike_notify n;
	uint8_t number;
	uint64_t spi;
	if (!decode(s, &b))
		return refuse(s, N_INVALID_SYNTAX, "malformed");
	struct child *old = b.rekey ? child_by_spi_out(sa, b.rekey_spi) : NULL;
	/* RFC 7296 2.25.2; of two successors it is not known yet which one stays */
	if (sa->ours || sa->before)
		return refuse(s, N_TEMPORARY_FAILURE, "the IKE SA is being rekeyed");
	/* RFC 7296 2.25.1. A replaced SA too: what the peer makes in it now it would send on, and goes with it in a moment. */
	if (sa->want_delete || sa->replaced || (b.rekey && is_closing(sa, old)))
		return refuse(s, N_TEMPORARY_FAILURE, "it is being deleted");
	/* What we do not know may be what the peer's answer to our own request brings, which is late. */
	if (old ? old->state == CH_INSTALL : b.rekey && !window_free(sa) && sa->req.child)
		return refuse(s, N_TEMPORARY_FAILURE, "it is being made");
	if (b.rekey && (!old || old->state < CH_UP))
		return refuse(s, N_CHILD_SA_NOT_FOUND, "the child SA to be rekeyed is not here");
	rekey_complete(s, sa);
	if (!has_notify(s, N_USE_TRANSPORT_MODE, &n))
		return refuse(s, N_NO_PROPOSAL_CHOSEN, "the peer wants tunnel mode, this tunnel is for transport mode");
	proposals_prepare(conf_proposals(t->conf, t->t->esp), PROTO_ESP, 0, 4, true, &mine);
	if (!negotiate(&mine, &b.sa, s->e->setup.prefer_configured_proposals, NEG_DH | NEG_ACCEPT_PFS, &suite, &number,
	               &spi) ||
	    spi <= 255 || spi > UINT32_MAX)
		return refuse(s, N_NO_PROPOSAL_CHOSEN, "no ESP proposal in common (is PFS the same on both sides?)");
	if (!ts_narrow(sa, t->t, &b.tsi, &b.tsr, &sel)) {
		/* Selectors that were right when they were sent, and crossed with a move of the SA. */
		bool crossed = sa->ways.moved_at && s->now < mono_add(sa->ways.moved_at, DUR_S(MOVE_CROSSES_S));
		return refuse(s, crossed ? N_TEMPORARY_FAILURE : N_TS_UNACCEPTABLE, "the traffic selectors do not cover this tunnel");
	}
	struct child *c = child_new(s->e, sa, CHILD_R_CREATE, s->now);
	if (!c)
		return refuse(s, N_NO_ADDITIONAL_SAS, "too many child SAs in this IKE SA");
	if (!exchange_keys(s, c, &b, &suite)) {
		child_free(s->e, c);
		return refuse(s, s->fail, "the peer's KE payload does not fit");
	}
	c->ni->n = (uint16_t)b.nonce.n;
	memcpy(c->ni->b, b.nonce.p, b.nonce.n);
	c->nr->n = NONCE_LEN;
	rng_fill(s->e->rng, c->nr->b, NONCE_LEN);
	c->p.out.spi = (uint32_t)spi;
	c->proposal_number = number;
	c->old = old ? old->id : 0;
	nonce_lowest(c->ni, c->nr, c->lowest_nonce);
	if (old) /* we wanted to do the same, and have not said so */
		rekey_cancel_unsent(s, sa, old->id);
	child_fill(s, c, &suite, &sel);
	child_ask_spi(s, c);
	return V_WAIT; /* the answer follows when the SAs are in */
}

/* The answer to a CREATE_CHILD_SA whose child cannot be. */
static void answer_failure(struct step *s, struct child *c, uint16_t notify, const char *why)
{
	note(s, c->tun, NOTE_CONTROL, "refusing CREATE_CHILD_SA: %s", why);
	child_remove(s, c, why);
	s->child = NULL;
	s->pl = NULL;
	if (s->sa->rx_busy)
		respond_error(s, notify);
	rekey_none_left(s, s->sa, DPD_NONE);
}

/* Our own rekey goes on when the window is free: when this step ends, or later. */
static void spi_for_rekey(struct step *s, struct child *c)
{
	if (s->fact->status == 0) {
		child_got_spi(s, c);
		child_set(c, CH_READY);
		return;
	}
	struct child *old = rekey_old_of(c);
	child_remove(s, c, "no SPI");
	rekey_child_failed(s, old, false, "the kernel gives no SPI");
}

enum verdict x_child_spi(struct step *s)
{
	struct child *c = s->child;
	if (c->origin == CHILD_I_CREATE) {
		spi_for_rekey(s, c);
		return V_WAIT;
	}
	if (s->fact->status == 0) {
		child_got_spi(s, c);
		if (c->old ? child_install_half(s, c) : child_install(s, c, false))
			return V_WAIT;
	}
	/* Where our address has just gone there is another in a moment, or already. */
	bool gone = s->sa->ways.stranded || !addr_eq(&c->p.local, &s->sa->local.addr);
	answer_failure(s, c, gone ? N_TEMPORARY_FAILURE : N_NO_ADDITIONAL_SAS, "no SPI or no keys for it");
	return V_WAIT;
}

static void answer_child(struct step *s, struct child *c)
{
	struct proposals chosen;
	struct ike_ts_list tsi, tsr;
	struct out o;
	out_begin(s, &o, CREATE_CHILD_SA, true, s->sa->rx_id);
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	suite_to_proposal(&c->p.suite, PROTO_ESP, c->proposal_number, c->p.in.spi, 4, true, &chosen);
	ike_enc_sa(&o.enc, &chosen);
	ike_enc_nonce(&o.enc, SPAN(c->nr->b, c->nr->n));
	if (c->public.n)
		ike_enc_ke(&o.enc, c->p.suite.dh, SPAN(c->public.p, c->public.n));
	ts_reply(&c->p, true, &tsi, &tsr);
	ike_enc_ts(&o.enc, P_TSI, &tsi);
	ike_enc_ts(&o.enc, P_TSR, &tsr);
	if (!out_response(s, &o)) {
		answer_failure(s, c, N_TEMPORARY_FAILURE, "no memory for the answer");
		return;
	}
	struct child *old = rekey_old_of(c);
	collide_child_answered(s);
	if (c->half && !c->redundant)
		c->whole_at = mono_add(s->now, DUR_S(WHOLE_S));
	child_up(s, c);
	if (old && old->state == CH_UP) {
		/* RFC 7296 2.8: who rekeyed deletes the old one; it still takes what is on its way. */
		child_set(old, CH_REKEYED);
		old->soft = MONO_NEVER;
		old->due = false;
		child_rearm(s, old);
		note(s, c->tun, NOTE_CONTROL, "CHILD_SA %s{%u} is rekeyed by {%u}", ike_tun_name(c->tun), old->id, c->id);
	}
}

/* A child goes that the peer takes for good. */
static void close_failed(struct step *s, struct child *c)
{
	struct ike_sa *sa = c->sa;
	uint32_t spi = c->p.in.spi;
	char why[120];
	struct sbuf b = SB(why);
	sb_printf(&b, "the kernel refuses the child SA: %s", strerror(-s->fact->status));
	note(s, c->tun, NOTE_CONTROL, "%s", why);
	struct child *old = rekey_old_of(c);
	child_remove(s, c, why);
	if (old && old->state == CH_REKEYED)
		child_set(old, CH_UP);
	rekey_child_failed(s, old, false, why);
	child_delete_request(s, sa, spi);
	rekey_none_left(s, sa, sa->tun->t->close_action);
}

/* The second half of what the peer has rekeyed. */
static void completed(struct step *s, struct child *c)
{
	if (s->fact->status == 0) {
		child_announce(s, c);
		collide_child_whole(s);
		return;
	}
	c->half = true; /* nothing of it is in the kernel, its SPI is */
	close_failed(s, c);
}

/* What we have rekeyed is in use. */
static void installed_rekey(struct step *s, struct child *c)
{
	if (s->fact->status != 0) {
		close_failed(s, c);
		return;
	}
	child_up(s, c);
	rekey_child_done(s, c);
}

enum verdict x_child_installed(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct child *c = s->child;
	if (c->state >= CH_UP) {
		completed(s, c);
		return V_WAIT;
	}
	if (s->fact->status != 0)
		child_set(c, CH_NEW); /* it is not in the kernel, its SPI is */
	if (c->origin == CHILD_R_CREATE) {
		if (s->fact->status == 0 && c->old && !rekey_old_of(c))
			answer_failure(s, c, N_TEMPORARY_FAILURE, "what it was to replace was closed meanwhile"); /* RFC 7296 2.25.1 */
		else if (s->fact->status == 0)
			answer_child(s, c);
		else
			answer_failure(s, c, N_NO_ADDITIONAL_SAS, strerror(-s->fact->status));
		return V_WAIT;
	}
	if (c->origin == CHILD_I_CREATE) {
		installed_rekey(s, c);
		return V_WAIT;
	}
	if (s->fact->status != 0) {
		if (s->fact->status == -EADDRINUSE)
			because(s, "another tunnel holds the same selectors behind one NAT address; it goes on");
		else
			because(s, "the kernel refuses the child SA: %s", strerror(-s->fact->status));
		note(s, c->tun, NOTE_CONTROL, "%s", sa->why);
		child_remove(s, c, sa->why);
		sa->want_delete = true;
	} else {
		child_up(s, c);
		collide_settle(s);
	}
	sa_handshake_free(s->e, sa);
	return V_WAIT;
}

/* RFC 7296 2.25.2: an SA that is going answers TEMPORARY_FAILURE. */
enum verdict x_child_r_busy(struct step *s)
{
	respond_error(s, N_TEMPORARY_FAILURE);
	return V_WAIT;
}

/* A fact about a child of an SA that is going: the child goes with it. */
enum verdict x_child_late(struct step *s)
{
	bool ours = s->child->origin == CHILD_I_CREATE || s->child->state >= CH_UP;
	if (s->fact->type == IKE_FACT_SPI && s->fact->status == 0 && s->child->p.in.spi == 0) {
		child_got_spi(s, s->child);
	}
	if (s->fact->type == IKE_FACT_INSTALLED && s->fact->status != 0)
		s->child->half = true; /* it is not in the kernel, its SPI is */
	if (s->sa->rx_busy && !ours) {
		s->pl = NULL;
		respond_error(s, N_TEMPORARY_FAILURE);
	}
	child_remove(s, s->child, "its IKE SA is going");
	return V_WAIT;
}
