/* IKE_AUTH with a pre-shared key (RFC 7296 1.2, 2.15): both roles. Every step that needs priv (an SPI, our AUTH value, the
 * verdict on the peer's, the SAs in the kernel) is a state of its own. Nothing of a message has an effect before its
 * sender is authenticated: what it says about the child is only noted down. */
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

/* sk_p: SK_pi or SK_pr, whichever is ours. */
static void ask_sign_by(struct step *s, uint32_t key, const struct secret *sk_p)
{
	struct ike_sa *sa = s->sa;
	uint8_t octets[INIT_MSG_MAX + 512];
	size_t n = auth_octets_by(s->e, sa, sa->initiator, sk_p, octets, sizeof octets);
	const void *copy = act_copy(s, octets, n);
	wait_for(s->e, &sa->wait, IKE_FACT_SIGNED);
	struct ike_act *a = act_add(s, IKE_ACT_PSK_SIGN, sa->tun);
	a->ticket = sa->wait.ticket;
	a->sign.prf = sa->suite.prf;
	a->sign.key = key;
	a->sign.me = sa->my_id;
	a->sign.peer = sa->peer_id;
	a->sign.octets = SPAN(copy, copy ? n : 0);
}

static void ask_sign(struct step *s, uint32_t key)
{
	ask_sign_by(s, key, s->sa->initiator ? &s->sa->sk_pi : &s->sa->sk_pr);
}

static void ask_verify(struct step *s)
{
	struct ike_sa *sa = s->sa;
	uint8_t octets[INIT_MSG_MAX + 512];
	size_t n = auth_octets(s->e, sa, !sa->initiator, octets, sizeof octets);
	const void *copy = act_copy(s, octets, n), *auth = act_copy(s, sa->hs->auth.p, sa->hs->auth.n);
	wait_for(s->e, &sa->wait, IKE_FACT_VERIFIED);
	struct ike_act *a = act_add(s, IKE_ACT_PSK_VERIFY, sa->tun);
	a->ticket = sa->wait.ticket;
	a->verify.prf = sa->suite.prf;
	a->verify.me = sa->my_id;
	a->verify.peer = sa->peer_id;
	a->verify.octets = SPAN(copy, copy ? n : 0);
	a->verify.auth = SPAN(auth, auth ? sa->hs->auth.n : 0);
}

/* Reads ID and AUTH of the peer into the handshake. */
static bool take_identity(struct step *s, uint8_t id_type, struct ident *id)
{
	struct handshake *hs = s->sa->hs;
	struct ike_id v;
	struct ike_auth auth;
	if (ike_id_decode(ike_payload_find(s->pl, id_type)->body, &v) != WIRE_OK ||
	    ike_auth_decode(ike_payload_find(s->pl, P_AUTH)->body, &auth) != WIRE_OK || v.type == ID_ANY ||
	    v.whole.n > sizeof hs->id_peer || !ident_set(id, v.type, v.data.p, v.data.n) ||
	    auth.method != AUTH_METHOD_PSK || auth.data.n > 64)
		return false;
	memcpy(hs->id_peer, v.whole.p, v.whole.n);
	hs->id_peer_len = v.whole.n;
	return blob_set(s->e, &hs->auth, auth.data.p, auth.data.n);
}

struct child_body {
	struct proposals sa;
	struct ike_ts_list tsi, tsr;
};

static bool decode_child(const struct step *s, struct child_body *b)
{
	const struct ike_payload *sa = ike_payload_find(s->pl, P_SA), *tsi = ike_payload_find(s->pl, P_TSI),
	                         *tsr = ike_payload_find(s->pl, P_TSR);
	return sa && tsi && tsr && ike_sa_decode(sa->body, &b->sa) == WIRE_OK &&
	       ike_ts_decode(tsi->body, &b->tsi) == WIRE_OK && ike_ts_decode(tsr->body, &b->tsr) == WIRE_OK;
}

/* RFC 4303 2.1: SPIs up to 255 are reserved. */
static bool good_spi(uint64_t spi) { return spi > 255 && spi <= UINT32_MAX; }

/* --- initiator --- */

enum verdict x_auth_i_spi(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char text[80];
	if (s->fact->status != 0)
		return fail(s, 0, "the kernel gives no SPI: %s", strerror(-s->fact->status));
	child_got_spi(s, s->child);
	sa->my_id = ike_tun_my_id(sa->tun, &sa->local.addr);
	if (sa->peer_id.type == ID_ANY) /* else it renews an SA with just this peer */
		sa->peer_id = ike_tun_peer_id(sa->tun);
	auth_id_octets(&sa->my_id, sa->hs->id_mine, &sa->hs->id_mine_len);
	note(s, sa->tun, NOTE_CONTROL, "authentication of '%s' (myself) with pre-shared key",
	     id_str(&sa->my_id, text, sizeof text));
	if (!ppk_ask_i(s))
		ask_sign(s, 0);
	return V_DONE;
}

/* RFC 8784 3: with an optional PPK two AUTH values are made, the one without it first. */
enum verdict x_auth_i_mixed(struct step *s)
{
	struct ike_sa *sa = s->sa;
	bool must = sa->tun->t->ppk_required, mixed = ppk_take(s);
	if (!mixed && must)
		return fail(s, 0, "there is no PPK '%s' here, and it is required", sa->hs->ppk.id);
	if (!mixed)
		note(s, sa->tun, NOTE_CONTROL, "there is no PPK '%s' here, going on without", sa->hs->ppk.id);
	if (mixed && must)
		ppk_adopt(s);
	ask_sign(s, 0);
	return V_DONE;
}

/* RFC 7296 2.4: the only IKE SA between these identities. Not true while an earlier life's SAs forward on, for which alone a peer of %any
 * is called; nor when the peer is setting one up just now: strongSwan would end that one, even if it is the one to stay. */
static bool is_initial_contact(const struct step *s, const struct ike_sa *sa)
{
	return !sa->tun->many && roam_only(sa) && sa->tun->n_orphans == 0 && s->e->setup.uniqueids != UNIQUE_NEVER &&
	       sa_half_open_from(s->e, &sa->remote.addr).all == 0;
}

enum verdict x_auth_i_signed(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct child *c = sa->hs->child;
	char me[80], peer[80];
	if (s->fact->status != 0 || !c)
		return fail(s, 0, "no pre-shared key for '%s' and '%s'", id_str(&sa->my_id, me, sizeof me),
		            id_str(&sa->peer_id, peer, sizeof peer));
	if (sa->hs->ppk.has_mixed && !sa->ppk && sa->hs->ppk.plain_auth_len == 0) {
		if (!ppk_keep_plain(sa, s->fact->octets))
			return fail(s, 0, "an AUTH value without sense");
		ask_sign_by(s, 0, &sa->hs->ppk.mixed[1]);
		return V_WAIT;
	}
	struct proposals offer;
	struct ike_ts_list tsi, tsr;
	struct out o;
	note(s, sa->tun, NOTE_CONTROL, "establishing CHILD_SA %s{%u}", ike_tun_name(sa->tun), c->id);
	proposals_prepare(conf_proposals(sa->tun->conf, sa->tun->t->esp), PROTO_ESP, c->p.in.spi, 4, false, &offer);
	ts_ours(sa->tun->t, &sa->local.addr, &sa->remote.addr, &tsi, &tsr);
	out_begin(s, &o, IKE_AUTH, false, sa->tx_id);
	ike_enc_id(&o.enc, P_IDI, &sa->my_id);
	if (is_initial_contact(s, sa))
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_INITIAL_CONTACT, SPAN(NULL, 0));
	if (sa->peer_id.type != ID_ANY && !sa->tun->t->remote.id_loose)
		ike_enc_id(&o.enc, P_IDR, &sa->peer_id);
	ike_enc_auth(&o.enc, AUTH_METHOD_PSK, s->fact->octets);
	ppk_encode(sa, &o.enc);
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	ike_enc_sa(&o.enc, &offer);
	ike_enc_ts(&o.enc, P_TSI, &tsi);
	ike_enc_ts(&o.enc, P_TSR, &tsr);
	mobike_offer(s, &o.enc);
	*c->ni = sa->hs->ni;
	*c->nr = sa->hs->nr;
	sa_due(s->e, sa, T_EXPIRE, MONO_NEVER); /* the retransmissions have their own end */
	if (sa->ppk || !sa->hs->ppk.has_mixed) /* else the peer decides which keys there are */
		child_install_early(s, c, &offer);
	return out_request(s, &o) ? V_DONE : fail(s, 0, "no memory for IKE_AUTH");
}

/* Inside SK, so the peer that we share keys with says it, though it proved no identity yet. */
enum verdict x_auth_i_error(struct step *s)
{
	struct ike_notify n;
	struct ike_sa *sa = s->sa;
	char me[80];
	if (!error_notify(s, &n))
		return V_DROP;
	window_answered(s);
	const char *name = ike_notify_name(n.type);
	note(s, sa->tun, NOTE_CONTROL, "received %s notify error", name ? name : "unknown");
	if (n.type == N_AUTHENTICATION_FAILED && sa->hs->ppk.has_mixed)
		because(s, "the peer refused identity %s with our PSK and PPK '%s': one of them differs, or it does not know PPK '%s'",
		        id_str(&sa->my_id, me, sizeof me), sa->hs->ppk.id, sa->hs->ppk.id);
	else if (n.type == N_AUTHENTICATION_FAILED)
		because(s, "the peer refused identity %s with our PSK: one of the two differs",
		        id_str(&sa->my_id, me, sizeof me));
	else if (n.type == N_TEMPORARY_FAILURE)
		because(s, "the peer refuses this tunnel for now");
	else
		because(s, "the peer answered our IKE_AUTH with %s", name ? name : "an unknown error");
	return V_DONE;
}

/* The child part of the answer, noted down in hs->child or hs->child_error with hs->hint. */
static void note_child_answer(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct child *c = hs->child;
	struct sbuf hint = SB(hs->hint);
	struct child_body b;
	struct ike_notify n;
	struct proposals offer;
	struct selector sel;
	struct suite suite;
	uint64_t spi;
	hs->child_error = N_NO_PROPOSAL_CHOSEN;
	if (!c) {
		sb_put(&hint, "no memory");
	} else if (error_notify(s, &n)) {
		const char *name = ike_notify_name(n.type);
		hs->child_error = n.type;
		sb_printf(&hint, "the peer accepts us, but refuses the child SA with %s", name ? name : "an unknown error");
		if (n.type == N_NO_PROPOSAL_CHOSEN) {
			hint = SB(hs->hint);
			sb_put(&hint, "no ESP proposal in common: we offered ");
			sb_proposals(&hint, conf_proposals(sa->tun->conf, sa->tun->t->esp));
		} else if (n.type == N_TS_UNACCEPTABLE) { /* strongSwan's answer from a conn in tunnel mode */
			char here[ADDR_TEXT], there[ADDR_TEXT];
			hint = SB(hs->hint);
			sb_printf(&hint, "the peer refuses the selectors %s, %s (TS_UNACCEPTABLE): has it type=transport, and gre?",
			          addr_str(&sa->local.addr, here), addr_str(&sa->remote.addr, there));
		}
	} else if (!decode_child(s, &b)) {
		sb_put(&hint, "the peer's answer about the child SA is malformed");
	} else if (!has_notify(s, N_USE_TRANSPORT_MODE, &n)) {
		/* strongSwan falls back to tunnel mode here, and GRE would be wrapped twice. */
		sb_put(&hint, "the peer wants tunnel mode, this tunnel is for transport mode (type=transport there)");
	} else {
		proposals_prepare(conf_proposals(sa->tun->conf, sa->tun->t->esp), PROTO_ESP, c->p.in.spi, 4, false, &offer);
		if (!negotiate_check(&offer, &b.sa, 0, &suite, &spi) || !good_spi(spi)) {
			sb_put(&hint, "the peer chose an ESP proposal that we did not offer");
		} else if (!ts_accept(sa, &c->p, sa->tun->t, &b.tsi, &b.tsr, &sel)) {
			sb_put(&hint, "the peer's traffic selectors are not those of this tunnel");
		} else {
			c->p.out.spi = (uint32_t)spi;
			child_fill(s, c, &suite, &sel);
			hs->child_error = 0;
		}
	}
}

/* RFC 7296 2.21.2: the responder thinks that all is well; it is told otherwise. V_WAIT: the state is written already. */
static enum verdict reject(struct step *s)
{
	struct step sub = step_sub(s, s->sa);
	step_run(&sub, EV_REJECT);
	return V_WAIT;
}

enum verdict x_auth_i(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ident id, want = sa->peer_id;
	char got[80], exp[80];
	window_answered(s);
	if (!take_identity(s, P_IDR, &id)) {
		fail(s, 0, "the peer's IKE_AUTH answer is malformed, or not by pre-shared key");
		return reject(s);
	}
	if (!ident_match(&id, &want)) {
		fail(s, 0, "the peer is '%s', we expect '%s'", id_str(&id, got, sizeof got), id_str(&want, exp, sizeof exp));
		return reject(s);
	}
	sa->peer_id = id;
	mobike_agree(s);
	note_child_answer(s);
	if (!ppk_answered(s))
		return reject(s);
	ask_verify(s);
	sa_due(s->e, sa, T_EXPIRE, mono_add(s->now, DUR_S(TICKET_S)));
	return V_DONE;
}

enum verdict x_auth_i_verified(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct child *c = sa->hs->child;
	char peer[80];
	id_str(&sa->peer_id, peer, sizeof peer);
	if (s->fact->status == -ENOKEY) {
		fail(s, 0, "no pre-shared key to verify '%s'", peer);
		return reject(s);
	}
	if (s->fact->status != 0) {
		fail(s, 0, "tried %u shared key(s) for '%s', but MAC mismatched: its PSK differs from ours", s->fact->n_tried,
		     peer);
		return reject(s);
	}
	note(s, sa->tun, NOTE_CONTROL, "authentication of '%s' with pre-shared key successful", peer);
	sa_peer_index(s->e, sa);
	sa_established(s);
	if (sa->hs->child_error || !child_install(s, c, true)) {
		because(s, "%s", sa->hs->child_error ? sa->hs->hint : "the keys of the child SA cannot be derived");
		note(s, sa->tun, NOTE_CONTROL, "%s", sa->why);
		if (c)
			child_remove(s, c, sa->why);
		sa->want_delete = true; /* an IKE SA without its child is of no use here */
	}
	return V_DONE;
}

/* --- responder --- */

enum verdict x_auth_r(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct ident idr = {.type = ID_ANY};
	struct ike_notify n;
	const struct ike_payload *p = ike_payload_find(s->pl, P_IDR);
	struct ike_id v;
	char why[160];
	sa_half_open_heard(sa);
	natd_follow(s);
	if (!take_identity(s, P_IDI, &sa->peer_id))
		return fail(s, N_AUTHENTICATION_FAILED, "the peer does not authenticate by pre-shared key, or its identity is malformed");
	if (p && (ike_id_decode(p->body, &v) != WIRE_OK || !ident_set(&idr, v.type, v.data.p, v.data.n)))
		return fail(s, N_AUTHENTICATION_FAILED, "the identity that the peer asks for is malformed");
	struct tun *t = ike_tun_match_auth(s->e, sa, &sa->peer_id, &idr, why, sizeof why);
	if (!t) {
		ike_tun_blame(s->e, &sa->remote.addr, why);
		return fail(s, N_AUTHENTICATION_FAILED, "%s", why);
	}
	sa_set_tun(sa, t);
	sa->my_id = ike_tun_my_id(t, &sa->local.addr);
	/* Behind a NAT and without leftid we are who the peer dialled. */
	if (!t->t->local.id_set && sa->nat_here && idr.type != ID_ANY)
		sa->my_id = idr;
	auth_id_octets(&sa->my_id, hs->id_mine, &hs->id_mine_len);
	hs->peer_initial_contact = has_notify(s, N_INITIAL_CONTACT, &n);
	mobike_agree(s);

	struct child_body b;
	struct selector sel;
	struct suite suite;
	uint8_t number;
	uint64_t spi;
	hs->child = child_new(s->e, sa, CHILD_R_AUTH, s->now);
	struct child *c = hs->child;
	struct proposals mine;
	proposals_prepare(conf_proposals(t->conf, t->t->esp), PROTO_ESP, 0, 4, false, &mine);
	if (!c || !decode_child(s, &b))
		return fail(s, N_INVALID_SYNTAX, "the peer's request for a child SA is malformed");
	struct sbuf hint = SB(hs->hint);
	if (!has_notify(s, N_USE_TRANSPORT_MODE, &n)) {
		hs->child_error = N_NO_PROPOSAL_CHOSEN;
		sb_put(&hint, "the peer wants tunnel mode, this tunnel is for transport mode");
	} else if (!negotiate(&mine, &b.sa, s->e->setup.prefer_configured_proposals, 0, &suite, &number, &spi) ||
	           !good_spi(spi)) {
		hs->child_error = N_NO_PROPOSAL_CHOSEN;
		sb_put(&hint, "no ESP proposal in common: the peer offers ");
		sb_proposals(&hint, &b.sa);
	} else if (!ts_narrow(sa, t->t, &b.tsi, &b.tsr, &sel)) {
		hs->child_error = N_TS_UNACCEPTABLE;
		sb_put(&hint, "the peer's traffic selectors do not cover this tunnel");
	} else {
		c->p.out.spi = (uint32_t)spi;
		c->proposal_number = number;
		child_fill(s, c, &suite, &sel);
		*c->ni = hs->ni;
		*c->nr = hs->nr;
	}
	bool asked;
	enum verdict ppk = ppk_ask_r(s, &asked);
	if (ppk == V_DONE && !asked)
		ask_verify(s);
	return ppk;
}

enum verdict x_auth_r_mixed(struct step *s)
{
	s->pl = NULL;
	if (ppk_take(s)) {
		ppk_adopt(s);
	} else if (ppk_without(s) != V_DONE) {
		respond_error(s, N_AUTHENTICATION_FAILED);
		return V_FAIL;
	}
	ask_verify(s);
	return V_DONE;
}

/* The verdict on the peer. From here on it is authentic. */
enum verdict x_auth_r_verified(struct step *s)
{
	struct ike_sa *sa = s->sa;
	char peer[80], me[80];
	id_str(&sa->peer_id, peer, sizeof peer);
	id_str(&sa->my_id, me, sizeof me);
	s->pl = NULL;
	if (s->fact->status != 0) {
		fail(s, N_AUTHENTICATION_FAILED,
		     s->fact->status == -ENOKEY ? "no shared key found for '%s' - '%s'"
		                                : "the PSK of '%s' - '%s' differs: its MAC does not fit any of ours",
		     me, peer);
		respond_error(s, N_AUTHENTICATION_FAILED);
		return V_FAIL;
	}
	note(s, sa->tun, NOTE_CONTROL, "authentication of '%s' with pre-shared key successful", peer);
	if (sa->tun->held || sa->tun->removed || s->e->stopping) {
		fail(s, N_TEMPORARY_FAILURE, "the tunnel is held down here (gretel up %s lets it come)", ike_tun_name(sa->tun));
		respond_error(s, N_TEMPORARY_FAILURE);
		return V_FAIL;
	}
	sa->hs->key = s->fact->key;
	/* The peer of %any, or one that has moved: guarded before its SAs are in. */
	if (sa->tun->many || !addr_eq(&sa->tun->remote, &sa->remote.addr))
		tell_peer_known(s, sa->tun, &sa->local.addr, &sa->remote.addr);
	sa_peer_index(s->e, sa);
	if (sa->hs->peer_initial_contact)
		collide_contact(s);
	if (sa->hs->child_error)
		ask_sign(s, sa->hs->key); /* no child: straight to the signature */
	else
		child_ask_spi(s, sa->hs->child);
	return V_DONE;
}

enum verdict x_auth_r_spi(struct step *s)
{
	struct handshake *hs = s->sa->hs;
	struct child *c = s->child;
	struct sbuf hint = SB(hs->hint);
	hs->child_error = N_NO_ADDITIONAL_SAS;
	if (s->fact->status != 0) {
		sb_printf(&hint, "the kernel gives no SPI: %s", strerror(-s->fact->status));
	} else {
		child_got_spi(s, c);
		if (child_install(s, c, false)) {
			hs->child_error = 0;
			return V_DONE;
		}
		sb_put(&hint, "the keys of the child SA cannot be derived");
	}
	ask_sign(s, hs->key);
	return V_DONE;
}

enum verdict x_auth_r_installed(struct step *s)
{
	struct handshake *hs = s->sa->hs;
	if (s->fact->status != 0 && !hs->child_error) {
		struct sbuf hint = SB(hs->hint);
		hs->child_error = N_NO_ADDITIONAL_SAS;
		if (s->fact->status == -EADDRINUSE)
			sb_put(&hint, "another peer behind the same NAT address holds this tunnel's selectors; it goes on");
		else
			sb_printf(&hint, "the kernel refuses the child SA: %s", strerror(-s->fact->status));
		child_set(s->child, CH_NEW);
	}
	ask_sign(s, hs->key);
	return V_DONE;
}

enum verdict x_auth_r_signed(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct child *c = hs->child;
	struct proposals chosen;
	struct ike_ts_list tsi, tsr;
	struct out o;
	if (s->fact->status != 0)
		return fail(s, 0, "no pre-shared key to authenticate ourselves with");
	out_begin(s, &o, IKE_AUTH, true, sa->rx_id);
	ike_enc_id(&o.enc, P_IDR, &sa->my_id);
	ike_enc_auth(&o.enc, AUTH_METHOD_PSK, s->fact->octets);
	if (sa->ppk) /* RFC 8784 3: without data */
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_PPK_IDENTITY, SPAN(NULL, 0));
	if (hs->child_error) {
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), hs->child_error, SPAN(NULL, 0));
	} else {
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
		suite_to_proposal(&c->p.suite, PROTO_ESP, c->proposal_number, c->p.in.spi, 4, false, &chosen);
		ike_enc_sa(&o.enc, &chosen);
		ts_reply(&c->p, true, &tsi, &tsr);
		ike_enc_ts(&o.enc, P_TSI, &tsi);
		ike_enc_ts(&o.enc, P_TSR, &tsr);
	}
	mobike_offer(s, &o.enc);
	if (!out_response(s, &o))
		return fail(s, 0, "no memory for the IKE_AUTH answer");
	sa_established(s);
	if (hs->child_error) {
		because(s, "%s", hs->hint);
		note(s, sa->tun, NOTE_CONTROL, "%s", hs->hint);
		if (c)
			child_remove(s, c, hs->hint);
		sa->want_delete = true; /* as above */
	} else {
		child_up(s, c);
		collide_settle(s);
	}
	sa_handshake_free(s->e, sa);
	return V_DONE;
}
