/* CREATE_CHILD_SA for the IKE SA itself (RFC 7296 1.3.2, 2.8, 2.18), as responder. The new SA inherits the children; the peer
 * deletes the old one. When we are rekeying it as well, the answer to ours decides (collide.c). */
#include "ike/ike_int.h"

#include <string.h>

struct rekey_body {
	struct proposals sa;
	struct ike_ke ke;
	struct span nonce;
};

static enum verdict refuse(struct step *s, uint16_t notify, const char *why)
{
	note(s, s->sa->tun, NOTE_CONTROL, "refusing to rekey IKE_SA %s[%u]: %s", ike_tun_name(s->sa->tun), s->sa->id, why);
	s->fail = notify;
	return V_FAIL;
}

static bool derive(struct step *s, struct ike_sa *sa, const struct rekey_body *b, const struct nonce *ni,
                   const struct nonce *nr, uint8_t *pub)
{
	struct dh_private dh;
	uint8_t shared[DH_SHARED_MAX];
	size_t n;
	bool ok = dh_generate(s->e->crypto, s->e->rng, sa->suite.dh, &dh, pub) == 0 &&
	          dh_shared(s->e->crypto, &dh, b->ke.data, shared, &n) == 0 &&
	          keymat_ike(s->e, sa, ni, nr, SPAN(shared, n), &s->sa->sk_d, s->sa->suite.prf) == 0;
	wipe(&dh, sizeof dh);
	wipe(shared, sizeof shared);
	return ok;
}

/* reauth=yes: a rekey does not put off the proof of the identities. */
static void keep_reauth(struct step *s, struct ike_sa *sa, const struct ike_sa *old)
{
	if (!sa->tun->t->reauth || old->due[T_REAUTH] == MONO_NEVER)
		return;
	sa_due(s->e, sa, T_REAUTH, old->due[T_REAUTH]);
	sa_due(s->e, sa, T_EXPIRE, old->due[T_EXPIRE]);
}

/* What the successor takes over from the old SA. */
void sa_inherit(struct step *s, struct ike_sa *sa, struct ike_sa *old)
{
	struct step sub = step_sub(s, sa);
	mono_t goes = old->due[T_DUPLICATE];
	sa_set_tun(sa, old->tun);
	sa->local = old->local; /* it may have moved since we asked */
	sa->remote = old->remote;
	sa->natt_port = old->natt_port;
	sa->nat_here = old->nat_here;
	sa->nat_there = old->nat_there;
	sa->force_encap = old->force_encap;
	sa->frag_peer = old->frag_peer;
	sa->frag_size = old->frag_size;
	sa->ppk = old->ppk;
	sa->my_id = old->my_id;
	sa->peer_id = old->peer_id;
	sa->had_child = old->had_child;
	sa->want_delete = old->want_delete; /* it has lost its child meanwhile */
	sa->restart = old->restart;
	mobike_inherit(s, sa, old);
	sa_children_move(old, sa);
	old->replaced = true;
	sa_peer_index(s->e, sa);
	step_run(&sub, EV_INHERITED);
	keep_reauth(s, sa, old);
	if (goes != MONO_NEVER) { /* a newer one has replaced it while it was being rekeyed: that is true of its successor */
		sa->replaced = true;
		sa_due(s->e, sa, T_DUPLICATE, goes);
		sa_due(s->e, old, T_DUPLICATE, MONO_NEVER);
	}
	for (enum sa_timer i = T_LIVENESS; i <= T_REAUTH; i++) /* the successor has its own */
		sa_due(s->e, old, i, MONO_NEVER);
	note(s, sa->tun, NOTE_CONTROL, "IKE_SA %s[%u] rekeyed, now [%u]", ike_tun_name(sa->tun), old->id, sa->id);
}

/* RFC 7296 2.25.2: 0, or what an IKE SA in use has to answer. */
static uint16_t not_now(const struct ike_sa *sa, const char **why)
{
	*why = "a child SA is being made or deleted";
	LIST_EACH(it, tmp, &sa->children) {
		if (LIST_ENTRY(it, struct child, link)->state < CH_UP)
			return N_TEMPORARY_FAILURE;
	}
	if (sa->n_del > 0)
		return N_TEMPORARY_FAILURE;
	/* Its children would be elsewhere when the answer to our update comes, which moves them. */
	*why = "its addresses are changing";
	if (mobike_waits(sa) || (!window_free(sa) && sa->req.is_update))
		return N_TEMPORARY_FAILURE;
	*why = "it is being deleted";
	if (sa->want_delete || sa->replaced)
		return N_TEMPORARY_FAILURE;
	*why = "it is being rekeyed";
	return sa->before ? N_TEMPORARY_FAILURE : 0;
}

enum verdict x_rekey_ike_r(struct step *s)
{
	struct ike_sa *old = s->sa;
	struct rekey_body b;
	struct proposals mine, chosen;
	struct suite suite;
	struct nonce ni, nr = {.n = NONCE_LEN};
	uint8_t number, pub[DH_PUBLIC_MAX];
	uint64_t spi;
	struct out o;
	if (ike_sa_decode(ike_payload_find(s->pl, P_SA)->body, &b.sa) != WIRE_OK ||
	    ike_ke_decode(ike_payload_find(s->pl, P_KE)->body, &b.ke) != WIRE_OK ||
	    ike_nonce_decode(ike_payload_find(s->pl, P_NONCE)->body, &b.nonce) != WIRE_OK)
		return refuse(s, N_INVALID_SYNTAX, "malformed");
	rekey_complete(s, old);
	rekey_cancel_unsent(s, old, 0);
	const char *why;
	if (not_now(old, &why))
		return refuse(s, N_TEMPORARY_FAILURE, why);
	proposals_prepare(conf_proposals(old->tun->conf, old->tun->t->ike), PROTO_IKE, 0, 8, true, &mine);
	if (!negotiate(&mine, &b.sa, s->e->setup.prefer_configured_proposals, NEG_DH, &suite, &number, &spi) || spi == 0)
		return refuse(s, N_NO_PROPOSAL_CHOSEN, "no proposal in common");
	if (b.ke.group != suite.dh) {
		s->fail_group = suite.dh;
		return refuse(s, N_INVALID_KE_PAYLOAD, "its KE is of another group");
	}
	struct ike_sa *sa = sa_new(s->e, false, &old->local, &old->remote, s->now);
	if (!sa)
		return refuse(s, N_TEMPORARY_FAILURE, "no memory");
	sa->spi_i = spi;
	sa->suite = suite;
	ni.n = (uint16_t)b.nonce.n;
	memcpy(ni.b, b.nonce.p, b.nonce.n);
	rng_fill(s->e->rng, nr.b, nr.n);
	if (!derive(s, sa, &b, &ni, &nr, pub)) {
		sa_free(s->e, sa);
		return refuse(s, N_INVALID_SYNTAX, "the peer's public value is not sound");
	}
	suite_to_proposal(&suite, PROTO_IKE, number, sa->spi_r, 8, true, &chosen);
	out_begin(s, &o, CREATE_CHILD_SA, true, old->rx_id);
	ike_enc_sa(&o.enc, &chosen);
	ike_enc_nonce(&o.enc, SPAN(nr.b, nr.n));
	ike_enc_ke(&o.enc, suite.dh, SPAN(pub, dh_public_len(suite.dh)));
	if (!out_response(s, &o)) {
		sa_free(s->e, sa);
		return refuse(s, N_TEMPORARY_FAILURE, "no memory");
	}
	old->want_rekey = false;
	sa_inherit(s, sa, old);
	sa_due(s->e, old, T_EXPIRE, mono_add(s->now, DUR_S(165)));
	if (old->ours) {
		old->theirs = sa;
		sa->before = old;
	} else {
		rekey_none_left(s, sa, DPD_NONE); /* its child was to have an heir, which we did not ask for any more */
	}
	sa_pump(s, sa);
	return V_DONE;
}

/* The successor is whole from its first moment. */
enum verdict x_inherited(struct step *s)
{
	sa_established(s);
	return V_DONE;
}
