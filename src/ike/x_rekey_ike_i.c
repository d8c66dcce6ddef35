/* CREATE_CHILD_SA for the IKE SA itself (RFC 7296 1.3.2, 2.8, 2.18), as initiator. The successor is made before the request,
 * because its SPI is in it; it is in no list of its tunnel until the answer has come. Then it inherits the children, and we
 * delete the old one. */
#include "ike/ike_int.h"

#include <string.h>

static void offer_of(const struct ike_sa *sa, uint64_t spi, struct proposals *out)
{
	proposals_prepare(conf_proposals(sa->tun->conf, sa->tun->t->ike), PROTO_IKE, spi, 8, true, out);
}

static bool prepare(struct step *s)
{
	struct ike_sa *sa = s->sa, *n = sa_new(s->e, true, &sa->local, &sa->remote, s->now);
	struct proposals offer;
	if (!n)
		return false;
	n->before = sa;
	sa->ours = n;
	if (!sa_handshake(s->e, n))
		return false;
	offer_of(sa, n->spi_i, &offer);
	n->hs->group = proposals_has_group(&offer, sa->suite.dh) ? sa->suite.dh : proposals_first_group(&offer);
	return true;
}

static bool ask(struct step *s)
{
	struct ike_sa *sa = s->sa, *n = sa->ours;
	struct handshake *hs = n->hs;
	struct proposals offer;
	struct out o;
	hs->ni.n = NONCE_LEN;
	rng_fill(s->e->rng, hs->ni.b, NONCE_LEN);
	if (dh_generate(s->e->crypto, s->e->rng, hs->group, &hs->dh, hs->dh_public) != 0)
		return false;
	offer_of(sa, n->spi_i, &offer);
	out_begin(s, &o, CREATE_CHILD_SA, false, sa->tx_id);
	ike_enc_sa(&o.enc, &offer);
	ike_enc_nonce(&o.enc, SPAN(hs->ni.b, hs->ni.n));
	ike_enc_ke(&o.enc, hs->group, SPAN(hs->dh_public, dh_public_len(hs->group)));
	if (!out_request(s, &o))
		return false;
	sa->req.is_ike_rekey = true;
	return true;
}

void x_rekey_ike_i_send(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (!prepare(s) || !ask(s)) {
		rekey_ike_failed(s, false, "no memory");
		return;
	}
	note(s, sa->tun, NOTE_CONTROL, "rekeying IKE_SA %s[%u] as [%u]", ike_tun_name(sa->tun), sa->id, sa->ours->id);
}

/* --- the answer --- */

static const char *take_answer(struct step *s)
{
	struct ike_sa *sa = s->sa, *n = sa->ours;
	struct handshake *hs = n->hs;
	struct proposals offer, chosen;
	struct ike_ke ke;
	struct span nonce;
	uint8_t shared[DH_SHARED_MAX];
	size_t len;
	if (ike_sa_decode(ike_payload_find(s->pl, P_SA)->body, &chosen) != WIRE_OK ||
	    ike_ke_decode(ike_payload_find(s->pl, P_KE)->body, &ke) != WIRE_OK ||
	    ike_nonce_decode(ike_payload_find(s->pl, P_NONCE)->body, &nonce) != WIRE_OK)
		return "the peer's answer is malformed";
	offer_of(sa, n->spi_i, &offer);
	if (!negotiate_check(&offer, &chosen, NEG_DH, &n->suite, &n->spi_r) || n->spi_r == 0)
		return "the peer chose an IKE proposal that we did not offer";
	if (ke.group != n->suite.dh || ke.group != hs->group)
		return "the peer's KE payload does not fit";
	hs->nr.n = (uint16_t)nonce.n;
	memcpy(hs->nr.b, nonce.p, nonce.n);
	if (dh_shared(s->e->crypto, &hs->dh, ke.data, shared, &len) != 0)
		return "the peer's public value is not sound";
	int r = keymat_ike(s->e, n, &hs->ni, &hs->nr, SPAN(shared, len), &sa->sk_d, sa->suite.prf);
	wipe(shared, sizeof shared);
	return r == 0 ? NULL : "its keys cannot be derived";
}

enum verdict x_rekey_ike_i(struct step *s)
{
	if (!s->sa->req.is_ike_rekey || !s->sa->ours)
		return x_create_i_error(s);
	window_answered(s);
	const char *why = take_answer(s);
	if (why) /* what the peer has now we cannot use: both need a new one */
		rekey_ike_failed(s, true, why);
	else
		collide_ike_rekeyed(s);
	return V_WAIT;
}

/* RFC 7296 2.25.2, turned round: we have closed the old one meanwhile, the peer has just made the new one. */
enum verdict x_rekey_ike_i_dying(struct step *s)
{
	struct ike_sa *sa = s->sa, *n = sa->ours;
	bool made = sa->req.is_ike_rekey && n;
	window_answered(s);
	if (made && !take_answer(s)) {
		sa->ours = n->before = NULL;
		sa_set_tun(n, sa->tun);
		n->my_id = sa->my_id;
		n->peer_id = sa->peer_id;
		n->local = sa->local;
		n->remote = sa->remote;
		n->natt_port = sa->natt_port;
		n->replaced = true;
		struct step sub = step_sub(s, n);
		sa_handshake_free(s->e, n);
		step_run(&sub, EV_INHERITED);
		sa_delete(s, n, sa->why);
	}
	sa_send_delete(s);
	return V_WAIT;
}

void x_rekey_ike_i_refused(struct step *s, const struct ike_notify *n)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->ours ? sa->ours->hs : NULL;
	const char *name = n ? ike_notify_name(n->type) : NULL;
	char why[120];
	struct sbuf b = SB(why);
	if (n && n->type == N_INVALID_KE_PAYLOAD && n->data.n == 2 && hs && sa->state == ST_ESTABLISHED) {
		struct proposals offer;
		uint16_t group = (uint16_t)(n->data.p[0] << 8 | n->data.p[1]);
		offer_of(sa, sa->ours->spi_i, &offer);
		if (group != hs->group && proposals_has_group(&offer, group) && hs->invalid_kes++ < INVALID_KE_MAX) {
			hs->group = group;
			if (ask(s))
				return;
		}
	}
	sb_printf(&b, "the peer answered %s", name ? name : n ? "an unknown error" : "nonsense");
	rekey_ike_failed(s, !n || n->type != N_TEMPORARY_FAILURE, why);
}
