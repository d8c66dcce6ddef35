/* IKE_SA_INIT (RFC 7296 1.2, 2.6, 2.7): both roles. */
#include "ike/ike_int.h"

#include <string.h>

bool has_notify(const struct step *s, uint16_t type, struct ike_notify *out)
{
	for (size_t i = 0; i < s->pl->n; i++) {
		if (s->pl->v[i].type == P_N && ike_notify_decode(s->pl->v[i].body, out) == WIRE_OK && out->type == type)
			return true;
	}
	return false;
}

bool error_notify(const struct step *s, struct ike_notify *out)
{
	for (size_t i = 0; i < s->pl->n; i++) {
		if (s->pl->v[i].type == P_N && ike_notify_decode(s->pl->v[i].body, out) == WIRE_OK &&
		    ike_notify_is_error(out->type))
			return true;
	}
	return false;
}

/* What an IKE_SA_INIT carries for the key exchange, decoded. */
struct init_body {
	struct proposals sa;
	struct ike_ke ke;
	struct span nonce;
};

static enum wire_err decode_init(const struct step *s, struct init_body *b)
{
	enum wire_err r = ike_sa_decode(ike_payload_find(s->pl, P_SA)->body, &b->sa);
	if (r == WIRE_OK)
		r = ike_ke_decode(ike_payload_find(s->pl, P_KE)->body, &b->ke);
	if (r == WIRE_OK)
		r = ike_nonce_decode(ike_payload_find(s->pl, P_NONCE)->body, &b->nonce);
	return r;
}

static void set_nonce(struct nonce *n, struct span v)
{
	n->n = (uint16_t)min_z(v.n, sizeof n->b);
	memcpy(n->b, v.p, n->n);
}

/* --- initiator --- */

static bool send_init(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct proposals offer;
	struct out o;
	proposals_prepare(conf_proposals(sa->tun->conf, sa->tun->t->ike), PROTO_IKE, 0, 0, true, &offer);
	blob_free(s->e, &sa->req.msg);
	out_begin(s, &o, IKE_SA_INIT, false, 0);
	if (hs->cookie.n) /* RFC 7296 2.6: the cookie comes first */
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE, SPAN(hs->cookie.p, hs->cookie.n));
	ike_enc_sa(&o.enc, &offer);
	ike_enc_ke(&o.enc, hs->group, SPAN(hs->dh_public, dh_public_len(hs->group)));
	ike_enc_nonce(&o.enc, SPAN(hs->ni.b, hs->ni.n));
	natd_encode(s, &o.enc, sa->spi_i, 0, &sa->local, &sa->remote);
	if (sa->tun->t->fragmentation) /* RFC 7383 2.3 */
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_FRAGMENTATION_SUPPORTED, SPAN(NULL, 0));
	if (ppk_to_offer(sa)) /* RFC 8784 3 */
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_PPK, SPAN(NULL, 0));
	return out_request(s, &o) && sa->req.msg.n <= INIT_MSG_MAX &&
	       blob_set(s->e, &hs->init_req, sa->req.msg.p, sa->req.msg.n);
}

static bool new_dh(struct step *s, uint16_t group)
{
	s->sa->hs->group = group;
	return dh_generate(s->e->crypto, s->e->rng, group, &s->sa->hs->dh, s->sa->hs->dh_public) == 0;
}

/* s->sa is new, has its tunnel and handshake. */
enum verdict x_sa_init_start(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	char addr[ADDR_TEXT];
	note(s, sa->tun, NOTE_CONTROL, "initiating IKE_SA %s[%u] to %s", ike_tun_name(sa->tun), sa->id,
	     addr_str(&sa->remote.addr, addr));
	if (sa->tun->t->ppk_required && !ppk_to_offer(sa))
		return fail(s, 0, "a PPK is required, but ppk_id names none to begin with");
	hs->ni.n = NONCE_LEN;
	rng_fill(s->e->rng, hs->ni.b, NONCE_LEN);
	sa_due(s->e, sa, T_REPORT, mono_add(s->now, DUR_S(8)));
	const struct proposals *conf = conf_proposals(sa->tun->conf, sa->tun->t->ike);
	if (!new_dh(s, proposals_first_group(conf)) || !send_init(s))
		return fail(s, 0, "no memory, or a Diffie-Hellman group that the library refuses");
	return V_DONE;
}

/* The answer is not authentic: the true one gets three seconds, as with an error (RFC 7296 2.21.1). */
static enum verdict no_ppk(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct sbuf hint = SB(sa->hs->hint);
	sb_put(&hint, "no PPK: the peer does not support it and ours is required");
	if (sa->due[T_EXPIRE] == MONO_NEVER)
		sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, DUR_S(3)));
	return V_DROP;
}

enum verdict x_sa_init_i(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct init_body b;
	struct proposals offer;
	uint64_t spi;
	if (decode_init(s, &b) != WIRE_OK || s->hdr.spi_r == 0)
		return V_DROP;
	struct ike_notify n;
	bool use_ppk = ppk_to_offer(sa) && has_notify(s, N_USE_PPK, &n);
	if (sa->tun->t->ppk_required && !use_ppk)
		return no_ppk(s);
	proposals_prepare(conf_proposals(sa->tun->conf, sa->tun->t->ike), PROTO_IKE, 0, 0, true, &offer);
	if (!negotiate_check(&offer, &b.sa, NEG_DH, &sa->suite, &spi) || b.ke.group != sa->suite.dh ||
	    b.ke.group != hs->group) {
		note_limited(s, "%s[%u]: the answer chooses what we did not offer, ignored", ike_tun_name(sa->tun), sa->id);
		return V_DROP;
	}
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len;
	if (dh_shared(s->e->crypto, &hs->dh, b.ke.data, shared, &shared_len) != 0) {
		note_limited(s, "%s[%u]: the peer's public value is not sound, ignored", ike_tun_name(sa->tun), sa->id);
		return V_DROP;
	}
	struct nonce nr = {0};
	set_nonce(&nr, b.nonce);
	sa->spi_r = s->hdr.spi_r;
	int r = keymat_ike(s->e, sa, &hs->ni, &nr, SPAN(shared, shared_len), NULL, 0);
	wipe(shared, sizeof shared);
	if (r != 0 || !blob_set(s->e, &hs->init_rsp, s->d->data.p, s->d->data.n)) {
		sa->spi_r = 0;
		return V_DROP;
	}
	hs->nr = nr;
	wipe(&hs->dh, sizeof hs->dh);
	window_answered(s);
	natd_detect(s);
	hs->ppk.use = use_ppk;
	sa->frag_peer = sa->tun->t->fragmentation && has_notify(s, N_FRAGMENTATION_SUPPORTED, &n);
	char text[256];
	struct sbuf b2 = SB(text);
	sb_suite(&b2, &sa->suite, PROTO_IKE);
	note(s, sa->tun, NOTE_CONTROL, "selected proposal: IKE:%s", text);
	if (sa->nat_here)
		note(s, sa->tun, NOTE_CONTROL, "local host is behind NAT, sending keep alives");
	if (sa->nat_there)
		note(s, sa->tun, NOTE_CONTROL, "remote host is behind NAT");
	/* RFC 4555 3.3: with MOBIKE also where there is no NAT yet. */
	if (natd_float_needed(sa) || (sa->tun->t->mobike && has_notify(s, N_NAT_DETECTION_SOURCE_IP, &n))) {
		if (!sa->natt_port) { /* else it began there: RFC 7296 2.23 */
			sa->local.port = s->e->setup.port_nat_t;
			sa->remote.port = sa->remote.port == 500 ? 4500 : sa->remote.port;
			sa->natt_port = true;
		}
	}
	if (sa->nat_here && s->e->setup.keep_alive > 0)
		sa_due(s->e, sa, T_KEEPALIVE, mono_add(s->now, s->e->setup.keep_alive));
	hs->child = child_new(s->e, sa, CHILD_I_AUTH, s->now);
	if (!hs->child)
		return fail(s, 0, "no memory");
	sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, DUR_S(TICKET_S)));
	child_ask_spi(s, hs->child);
	return V_DONE;
}

static enum verdict retry_cookie(struct step *s, const struct ike_notify *n)
{
	struct handshake *hs = s->sa->hs;
	if (n->data.n < 1 || n->data.n > 64 || hs->cookies >= COOKIE_ROUNDS_MAX ||
	    !blob_set(s->e, &hs->cookie, n->data.p, n->data.n))
		return V_DROP;
	hs->cookies++;
	note(s, s->sa->tun, NOTE_CONTROL, "received COOKIE notify, sending it back");
	return send_init(s) ? V_WAIT : fail(s, 0, "no memory");
}

static enum verdict retry_group(struct step *s, const struct ike_notify *n)
{
	struct handshake *hs = s->sa->hs;
	struct rd rd = rd_init(n->data.p, n->data.n);
	uint16_t group = rd_u16(&rd);
	/* RFC 7296 2.7: not authentic, so only a group that we offered, and not for ever. */
	if (!rd_done(&rd) || group == hs->group || hs->invalid_kes >= INVALID_KE_MAX ||
	    !proposals_has_group(conf_proposals(s->sa->tun->conf, s->sa->tun->t->ike), group))
		return V_DROP;
	hs->invalid_kes++;
	const struct algo *a = algo_find(T_DH, group, 0);
	note(s, s->sa->tun, NOTE_CONTROL, "peer didn't accept DH group, it requested %s", a ? a->log_name : "another");
	return new_dh(s, group) && send_init(s) ? V_WAIT : fail(s, 0, "no memory");
}

/* RFC 7296 2.21.1: an error in the clear may come from anybody. It is remembered, the true answer gets three seconds. */
enum verdict x_sa_init_i_notify(struct step *s)
{
	struct ike_notify n;
	struct ike_sa *sa = s->sa;
	if (has_notify(s, N_COOKIE, &n))
		return retry_cookie(s, &n);
	if (has_notify(s, N_INVALID_KE_PAYLOAD, &n))
		return retry_group(s, &n);
	if (!error_notify(s, &n))
		return V_DROP;
	struct sbuf hint = SB(sa->hs->hint);
	const char *name = ike_notify_name(n.type);
	if (n.type == N_NO_PROPOSAL_CHOSEN) {
		sb_put(&hint, "no proposal in common: we offered ");
		sb_proposals(&hint, conf_proposals(sa->tun->conf, sa->tun->t->ike));
	} else {
		sb_printf(&hint, "the peer answered %s", name ? name : "an unknown error");
	}
	note(s, sa->tun, NOTE_CONTROL, "received %s notify error", name ? name : "unknown");
	if (sa->due[T_EXPIRE] == MONO_NEVER)
		sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, DUR_S(3)));
	return V_WAIT;
}

/* --- responder --- */

/* RFC 7296 2.12: a key pair may serve several exchanges, and is forgotten then. It does so for a second and only while many handshakes are
 * half open, as when a hub comes back and all its peers with it: nothing that it protects outlives its keys by more than that. Every
 * peer's value is checked in any case (RFC 6989). */
static int own_dh(struct step *s, struct handshake *hs)
{
	enum { MANY = 8 };
	struct own_dh *o = &s->e->own_dh;
	size_t len = dh_public_len(hs->group);
	if (s->now >= o->until)
		own_dh_forget(s->e);
	if (o->until == MONO_NEVER || o->dh.group != hs->group) {
		int r = dh_generate(s->e->crypto, s->e->rng, hs->group, &hs->dh, hs->dh_public);
		if (r != 0 || s->e->half_open < MANY)
			return r;
		o->until = mono_add(s->now, DUR_S(1));
		o->dh = hs->dh;
		dh_keep(s->e->crypto, &o->dh);
		memcpy(o->public, hs->dh_public, len);
		return 0;
	}
	hs->dh = o->dh;
	memcpy(hs->dh_public, o->public, len);
	return 0;
}

void own_dh_forget(struct ike *e)
{
	dh_keep(e->crypto, NULL);
	wipe(&e->own_dh, sizeof e->own_dh);
	e->own_dh.until = MONO_NEVER;
}

static enum verdict answer_init(struct step *s, const struct init_body *b, uint8_t number)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct proposals chosen;
	uint8_t shared[DH_SHARED_MAX];
	size_t shared_len;
	struct out o;
	hs->group = sa->suite.dh;
	if (own_dh(s, hs) != 0 ||
	    dh_shared(s->e->crypto, &hs->dh, b->ke.data, shared, &shared_len) != 0) {
		stranger_spends(s->e, s->now); /* nothing is left of it that could be counted */
		return V_DROP;
	}
	wipe(&hs->dh, sizeof hs->dh);
	set_nonce(&hs->ni, b->nonce);
	hs->nr.n = NONCE_LEN;
	rng_fill(s->e->rng, hs->nr.b, NONCE_LEN);
	int r = keymat_ike(s->e, sa, &hs->ni, &hs->nr, SPAN(shared, shared_len), NULL, 0);
	wipe(shared, sizeof shared);
	if (r != 0 || !blob_set(s->e, &hs->init_req, s->d->data.p, s->d->data.n))
		return V_DROP;
	natd_detect(s);
	suite_to_proposal(&sa->suite, PROTO_IKE, number, 0, 0, true, &chosen);
	out_begin(s, &o, IKE_SA_INIT, true, 0);
	ike_enc_sa(&o.enc, &chosen);
	ike_enc_ke(&o.enc, hs->group, SPAN(hs->dh_public, dh_public_len(hs->group)));
	ike_enc_nonce(&o.enc, SPAN(hs->nr.b, hs->nr.n));
	natd_encode(s, &o.enc, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
	struct ike_notify n;
	hs->ppk.use = s->e->has_ppk && has_notify(s, N_USE_PPK, &n);
	if (hs->ppk.use) /* RFC 8784 3; whether with this peer is known when it has said who it is */
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_PPK, SPAN(NULL, 0));
	if (sa->frag_peer)
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_FRAGMENTATION_SUPPORTED, SPAN(NULL, 0));
	if (!out_response(s, &o) || !blob_set(s->e, &hs->init_rsp, sa->response.p, sa->response.n))
		return V_DROP;
	sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, s->e->setup.half_open_timeout));
	return V_DONE;
}

/* Which tunnels could be meant is known by address only; identities come with IKE_AUTH. */
enum verdict x_sa_init_r(struct step *s)
{
	struct init_body b;
	struct suite suite;
	uint8_t number;
	bool proven;
	char addr[ADDR_TEXT];
	if (s->hdr.spi_r != 0 || s->hdr.msg_id != 0 || s->d->data.n > INIT_MSG_MAX || decode_init(s, &b) != WIRE_OK)
		return V_DROP;
	if (s->e->setup.initiator_only) {
		note_limited(s, "%s is not answered: initiator_only", addr_str(&s->d->remote.addr, addr));
		return V_WAIT;
	}
	if (!admit_init(s, b.nonce, &proven))
		return V_WAIT;
	addr_str(&s->d->remote.addr, addr);
	struct tun *t = ike_tun_match_init(s->e, &s->d->local.addr, &s->d->remote.addr, &b.sa, &suite, &number);
	if (!t) {
		char why[200];
		struct sbuf w = SB(why);
		sb_printf(&w, "no proposal in common with %s: it offers ", addr);
		sb_proposals(&w, &b.sa);
		note_limited(s, "%s", why);
		ike_tun_blame(s->e, &s->d->remote.addr, why);
		respond_clear(s, N_NO_PROPOSAL_CHOSEN, SPAN(NULL, 0));
		return V_WAIT;
	}
	if (b.ke.group != suite.dh) {
		uint8_t group[2] = {(uint8_t)(suite.dh >> 8), (uint8_t)suite.dh};
		note_limited(s, "%s proposes a KE of another DH group, asking for the one we chose", addr);
		respond_clear(s, N_INVALID_KE_PAYLOAD, SPAN(group, 2));
		return V_WAIT;
	}
	if (b.ke.data.n != dh_public_len(suite.dh))
		return V_DROP;
	s->sa = sa_new(s->e, false, &s->d->local, &s->d->remote, s->now);
	if (!s->sa)
		return V_DROP;
	struct ike_sa *sa = s->sa;
	sa->spi_i = s->hdr.spi_i;
	sa->natt_port = sa->rx_natt = s->d->natt_port;
	sa->suite = suite;
	sa->force_encap = t->t->forceencaps;
	struct ike_notify n;
	sa->frag_peer = t->t->fragmentation && has_notify(s, N_FRAGMENTATION_SUPPORTED, &n); /* RFC 7383 2.3 */
	sa->rx_hash = hmap_hash(&s->e->sas_by_init, s->d->data.p, s->d->data.n);
	note_limited(s, "%s is initiating an IKE_SA", addr);
	enum verdict v = sa_handshake(s->e, sa) ? answer_init(s, &b, number) : V_DROP;
	if (v != V_DONE) {
		sa_free(s->e, sa);
		s->sa = NULL;
		return v;
	}
	sa_half_open_begin(s->e, sa, proven);
	return V_DONE;
}
