/* CREATE_CHILD_SA for a rekey of a child SA (RFC 7296 1.3.3, 2.8, 2.17), as initiator. What the peer answers is taken when
 * it is what IKE_AUTH would have taken: transport mode, our selectors, one of our proposals. */
#include "ike/ike_int.h"

#include <string.h>

/* --- the request --- */

static void insist(struct proposals *p, uint16_t group)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->p[i].n < TRANSFORMS_MAX)
			p->p[i].t[p->p[i].n++] = (struct transform){.type = T_DH, .id = group};
	}
}

/* Our proposals. Where they are without a group, one that the peer has insisted on is added (RFC 7296 2.9.2 has no way to
 * ask for one: whoever has PFS refuses what comes without). */
static void offer_of(const struct child *c, struct proposals *out)
{
	proposals_prepare(conf_proposals(c->tun->conf, c->tun->t->esp), PROTO_ESP, c->p.in.spi, 4, true, out);
	if (c->group != DH_NONE && !proposals_has_group(out, c->group))
		insist(out, c->group);
}

static bool offers_pfs(const struct child *c)
{
	struct proposals p;
	proposals_prepare(conf_proposals(c->tun->conf, c->tun->t->esp), PROTO_ESP, 0, 4, true, &p);
	for (size_t i = 0; i < p.n; i++) {
		for (size_t j = 0; j < p.p[i].n; j++) {
			if (p.p[i].t[j].type == T_DH && p.p[i].t[j].id != DH_NONE)
				return true;
		}
	}
	return false;
}

/* The group that the peer took for the old one, else the first of ours. */
static uint16_t group_of(const struct child *c, const struct child *old)
{
	struct proposals p;
	proposals_prepare(conf_proposals(c->tun->conf, c->tun->t->esp), PROTO_ESP, 0, 4, true, &p);
	if (old->p.suite.dh != DH_NONE && (proposals_has_group(&p, old->p.suite.dh) || !offers_pfs(c)))
		return old->p.suite.dh;
	return proposals_first_group(&p);
}

static bool make_values(struct step *s, struct child *c)
{
	uint8_t pub[DH_PUBLIC_MAX];
	c->ni->n = NONCE_LEN;
	rng_fill(s->e->rng, c->ni->b, NONCE_LEN);
	if (c->group == DH_NONE)
		return true;
	if (!c->dh && !(c->dh = mem_get(s->e->mem, sizeof *c->dh)))
		return false;
	return dh_generate(s->e->crypto, s->e->rng, c->group, c->dh, pub) == 0 &&
	       blob_set(s->e, &c->public, pub, dh_public_len(c->group));
}

static bool ask(struct step *s, struct child *c, const struct child *old)
{
	struct ike_sa *sa = s->sa;
	struct proposals offer;
	struct ike_ts_list tsi, tsr;
	struct out o;
	uint8_t spi[4];
	struct wr w = wr_init(spi, sizeof spi);
	if (!make_values(s, c))
		return false;
	offer_of(c, &offer);
	ts_ours(c->tun->t, &c->p.local, &c->p.remote, &tsi, &tsr);
	wr_u32(&w, old->p.in.spi); /* RFC 7296 1.3.3: as the initiator would see it in inbound packets */
	out_begin(s, &o, CREATE_CHILD_SA, false, sa->tx_id);
	ike_enc_notify(&o.enc, PROTO_ESP, SPAN(spi, sizeof spi), N_REKEY_SA, SPAN(NULL, 0));
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	ike_enc_sa(&o.enc, &offer);
	ike_enc_nonce(&o.enc, SPAN(c->ni->b, c->ni->n));
	if (c->group != DH_NONE)
		ike_enc_ke(&o.enc, c->group, SPAN(c->public.p, c->public.n));
	ike_enc_ts(&o.enc, P_TSI, &tsi);
	ike_enc_ts(&o.enc, P_TSR, &tsr);
	if (!out_request(s, &o))
		return false;
	sa->req.child = c->id;
	sa->req.spi = c->p.in.spi;
	return true;
}

static void give_up(struct step *s, struct child *c, bool for_good, const char *why)
{
	struct child *old = rekey_old_of(c);
	struct ike_sa *sa = c->sa;
	child_remove(s, c, why);
	rekey_child_failed(s, old, for_good, why);
	rekey_none_left(s, sa, sa->tun->t->close_action);
}

void x_child_i_send(struct step *s, struct child *c)
{
	struct child *old = rekey_old_of(c);
	if (!old || old->state != CH_UP) { /* replaced or deleted before we could ask */
		give_up(s, c, false, "not needed any more");
		return;
	}
	if (!addr_eq(&c->p.local, &c->sa->local.addr) || !addr_eq(&c->p.remote, &c->sa->remote.addr)) {
		give_up(s, c, false, "its IKE SA has moved, and the SPI is for where it was");
		return;
	}
	if (c->tries == 0)
		c->group = group_of(c, old);
	if (!ask(s, c, old)) {
		give_up(s, c, false, "no memory");
		return;
	}
	child_set(c, CH_SENT);
	note(s, c->tun, NOTE_CONTROL, "rekeying CHILD_SA %s{%u} as {%u}", ike_tun_name(c->tun), old->id, c->id);
}

/* --- the answer --- */

static const char *take_keys(struct step *s, struct child *c, const struct suite *suite)
{
	const struct ike_payload *p = ike_payload_find(s->pl, P_KE);
	struct ike_ke ke;
	uint8_t shared[DH_SHARED_MAX];
	size_t n;
	if (suite->dh == DH_NONE)
		return NULL;
	if (!p || ike_ke_decode(p->body, &ke) != WIRE_OK || ke.group != suite->dh || suite->dh != c->group)
		return "the peer's KE payload does not fit";
	bool ok = dh_shared(s->e->crypto, c->dh, ke.data, shared, &n) == 0;
	if (!ok)
		return "the peer's public value is not sound";
	ok = blob_set(s->e, &c->shared, shared, n);
	wipe(shared, sizeof shared);
	return ok ? NULL : "no memory";
}

/* NULL, and c is filled, or what is wrong with it. */
static const char *take_answer(struct step *s, struct child *c)
{
	struct ike_sa *sa = s->sa;
	struct proposals offer, chosen;
	struct ike_ts_list tsi, tsr;
	struct selector sel;
	struct suite suite;
	struct ike_notify n;
	struct span nonce;
	uint64_t spi;
	if (ike_sa_decode(ike_payload_find(s->pl, P_SA)->body, &chosen) != WIRE_OK ||
	    ike_nonce_decode(ike_payload_find(s->pl, P_NONCE)->body, &nonce) != WIRE_OK ||
	    ike_ts_decode(ike_payload_find(s->pl, P_TSI)->body, &tsi) != WIRE_OK ||
	    ike_ts_decode(ike_payload_find(s->pl, P_TSR)->body, &tsr) != WIRE_OK)
		return "the peer's answer is malformed";
	if (!has_notify(s, N_USE_TRANSPORT_MODE, &n))
		return "the peer wants tunnel mode, this tunnel is for transport mode";
	offer_of(c, &offer);
	if (!negotiate_check(&offer, &chosen, NEG_DH, &suite, &spi) || spi <= 255 || spi > UINT32_MAX) /* RFC 4303 2.1 */
		return "the peer chose an ESP proposal that we did not offer";
	if (!ts_accept(sa, &c->p, c->tun->t, &tsi, &tsr, &sel))
		return "the peer's traffic selectors are not those of this tunnel";
	if (spi == sa->req.gone_spi)
		return "the peer has deleted it already";
	const char *why = take_keys(s, c, &suite);
	if (why)
		return why;
	c->nr->n = (uint16_t)nonce.n;
	memcpy(c->nr->b, nonce.p, nonce.n);
	nonce_lowest(c->ni, c->nr, c->lowest_nonce);
	c->p.out.spi = (uint32_t)spi;
	child_fill(s, c, &suite, &sel);
	return NULL;
}

/* The peer has a child SA that we do not want. */
static void unwanted(struct step *s, struct child *c, bool failed, const char *why)
{
	uint32_t spi = c->p.in.spi;
	struct ike_sa *sa = c->sa;
	if (failed) {
		give_up(s, c, true, why);
	} else {
		child_remove(s, c, why);
		rekey_none_left(s, sa, sa->tun->t->close_action);
	}
	child_delete_request(s, sa, spi);
}

enum verdict x_child_i(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct child *c = sa->req.child ? child_by_id(sa, sa->req.child) : NULL;
	uint32_t spi = sa->req.spi;
	if (sa->req.is_ike_rekey || !spi)
		return x_create_i_error(s);
	window_answered(s);
	if (!c) {
		child_delete_request(s, sa, spi); /* closed while it was being asked for */
		return V_WAIT;
	}
	const char *why = take_answer(s, c);
	s->child = c;
	struct child *rival = rekey_rival_of(c, CH_INSTALL);
	if (why) {
		unwanted(s, c, true, why);
	} else if (c->redundant) {
		unwanted(s, c, false, "closed while it was being made");
	} else if (rival && collide_child_lost(s, rival)) {
		unwanted(s, c, false, "the peer's own rekey stays");
	} else if (!child_install_answered(s, c)) {
		unwanted(s, c, true, "the keys of the child SA cannot be derived");
	}
	return V_WAIT;
}

/* --- refusals --- */

/* RFC 7296 1.2, 1.3: once per group, and only for one that we may use. */
static bool try_group(struct step *s, struct child *c, uint16_t group)
{
	struct proposals offer;
	offer_of(c, &offer);
	bool allowed = proposals_has_group(&offer, group) || (!offers_pfs(c) && dh_supported(group));
	if (!allowed || group == c->group || c->tries >= INVALID_KE_MAX)
		return false;
	c->tries++;
	c->group = group;
	child_set(c, CH_READY); /* asked again when this step ends */
	const struct algo *a = algo_find(T_DH, group, 0);
	note(s, c->tun, NOTE_CONTROL, "asking again with group %s", a ? a->log_name : "unknown");
	return true;
}

static void refused(struct step *s, struct child *c, const struct ike_notify *n)
{
	struct child *old = rekey_old_of(c);
	const char *name = ike_notify_name(n->type);
	char why[120];
	struct sbuf b = SB(why);
	sb_printf(&b, "the peer answered %s", name ? name : "an unknown error");
	if (n->type == N_INVALID_KE_PAYLOAD && n->data.n == 2 && try_group(s, c, (uint16_t)(n->data.p[0] << 8 | n->data.p[1])))
		return;
	/* Perhaps it insists on PFS: with the group of the IKE SA, most likely. */
	if (n->type == N_NO_PROPOSAL_CHOSEN && c->group == DH_NONE && try_group(s, c, s->sa->suite.dh))
		return;
	if (n->type == N_NO_PROPOSAL_CHOSEN)
		sb_put(&b, " (is PFS the same on both sides?)");
	/* RFC 7296 2.25: the peer has it no more. A successor is set up, where it was not replaced or deleted meanwhile. */
	if (n->type == N_CHILD_SA_NOT_FOUND && old && old->state == CH_UP) {
		ike_tun_renew(s, s->sa);
		child_remove(s, old, "the peer has lost it");
	}
	give_up(s, c, n->type != N_TEMPORARY_FAILURE, why);
}

enum verdict x_create_i_error(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ike_notify n = {0};
	bool said = error_notify(s, &n);
	struct child *c = sa->req.child ? child_by_id(sa, sa->req.child) : NULL;
	uint32_t spi = sa->req.spi;
	bool ike = sa->req.is_ike_rekey;
	window_answered(s);
	if (said)
		note(s, sa->tun, NOTE_CONTROL, "received %s notify error",
		     ike_notify_name(n.type) ? ike_notify_name(n.type) : "unknown");
	if (ike) {
		x_rekey_ike_i_refused(s, said ? &n : NULL);
	} else if (c && said) {
		refused(s, c, &n);
	} else if (c) {
		unwanted(s, c, true, "the peer's answer is malformed");
	} else if (!said && spi) {
		child_delete_request(s, sa, spi);
	}
	return V_WAIT;
}
