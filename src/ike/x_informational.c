/* INFORMATIONAL (RFC 7296 1.4, 1.4.1): deletes and liveness, both roles. */
#include "ike/ike_int.h"

#include <string.h>

enum { AGAIN_S = 10 };

/* The child that the peer's SPI names: in this IKE SA, or, where the peer moved children between IKE SAs of its own (a
 * reauthentication that adopted them), in another one of the same peer. */
static struct child *named_child(struct step *s, uint32_t spi_out)
{
	struct child *c = child_by_spi_out(s->sa, spi_out);
	for (struct ike_sa *o = NULL; !c && (o = sa_next_same_peer(s->e, s->sa, o));)
		c = child_by_spi_out(o, spi_out);
	return c;
}

/* Packets that are still on their way find their SA for a while. */
static void linger(struct step *s, struct child *c)
{
	c->gone_at = mono_add(s->now, s->e->setup.delete_rekeyed_delay);
	child_rearm(s, c);
}

/* The peer has rekeyed c and deletes it: it has the new one, RFC 7296 2.8 lets us send on that now. */
static void rekeyed_by_peer(struct step *s, struct child *c)
{
	LIST_EACH(it, tmp, &c->sa->children) {
		struct child *o = LIST_ENTRY(it, struct child, link);
		if (o->old == c->id)
			child_complete(s, o);
	}
}

/* Returns our inbound SPI for the answer, 0 when there is nothing to say. */
static uint32_t delete_child(struct step *s, uint32_t spi_out)
{
	struct child *c = named_child(s, spi_out);
	if (!c) /* perhaps what we have just asked for, and the answer was lost: that comes again */
		s->sa->req.gone_spi = spi_out;
	if (!c || c->state < CH_INSTALL)
		return 0;
	uint32_t spi_in = c->p.in.spi;
	if (c->state == CH_DELETING) {
		/* RFC 7296 2.25.1, 1.4.1: both delete it: no word of it in the answer */
		bool crossed = c->gone_at == MONO_NEVER;
		if (crossed)
			linger(s, c);
		return crossed ? 0 : spi_in;
	}
	note(s, c->tun, NOTE_CONTROL, "received DELETE for ESP CHILD_SA with SPI %08x", spi_out);
	rekeyed_by_peer(s, c);
	if (c->state == CH_REKEYED || (c->state == CH_UP && (c->sa->replaced || c->redundant || rekey_heir_of(c)))) {
		child_set(c, CH_DELETING);
		c->soft = MONO_NEVER;
		c->due = false;
		linger(s, c);
		return spi_in;
	}
	struct ike_sa *sa = c->sa;
	struct child *old = c->half && !rekey_rival_of(c, CH_UP) ? rekey_old_of(c) : NULL;
	child_remove(s, c, "the peer deleted it");
	if (old && old->state == CH_REKEYED) {
		/* The peer has undone its rekey. Does it come again? */
		child_set(old, CH_UP);
		old->soft = mono_add(s->now, DUR_S(AGAIN_S));
		child_rearm(s, old);
	}
	rekey_none_left(s, sa, sa->tun->t->close_action);
	return spi_in;
}

static bool delete_payload(struct step *s, const struct ike_payload *p, uint32_t *answer, uint16_t *n, bool *ike_gone)
{
	struct ike_delete d;
	if (ike_delete_decode(p->body, &d) != WIRE_OK)
		return false;
	if (d.proto == PROTO_IKE)
		*ike_gone = true;
	for (uint16_t i = 0; d.proto == PROTO_ESP && i < d.n; i++) {
		uint32_t spi = delete_child(s, ike_delete_spi(&d, i));
		if (spi && *n < CHILDREN_MAX * 2)
			answer[(*n)++] = spi;
	}
	return true;
}

/* RFC 7296 2.8.2: of two successors this was the redundant one, and we have not heard the answer yet that says so. */
static void return_children(struct step *s, struct ike_sa *sa)
{
	if (!sa->before)
		return;
	sa_children_move(sa, sa->before);
	note(s, sa->tun, NOTE_CONTROL, "IKE_SA %s[%u] is redundant", ike_tun_name(sa->tun), sa->id);
	sa->replaced = true;
	sa->before->theirs = NULL;
	sa->before = NULL;
}

/* RFC 7296 2.25.2: we were rekeying it too, and forget that: what the peer made in its place is the one. */
static void settle_heir(struct step *s, struct ike_sa *sa)
{
	struct ike_sa *heir = sa->theirs;
	sa_discard_ours(s, sa);
	if (heir)
		sa_pump(s, heir);
}

enum verdict x_info_r(struct step *s)
{
	struct ike_sa *sa = s->sa;
	uint32_t answer[CHILDREN_MAX * 2];
	uint16_t n = 0;
	bool ike_gone = false, moves;
	struct out o;
	for (size_t i = 0; i < s->pl->n; i++) {
		if (s->pl->v[i].type == P_D && !delete_payload(s, &s->pl->v[i], answer, &n, &ike_gone)) {
			s->fail = N_INVALID_SYNTAX;
			return V_FAIL;
		}
	}
	struct ike_notify failed;
	bool refused = has_notify(s, N_AUTHENTICATION_FAILED, &failed);
	out_begin(s, &o, INFORMATIONAL, true, sa->rx_id);
	if (n && !ike_gone && !refused)
		ike_enc_delete_esp(&o.enc, answer, n);
	uint16_t error = mobike_ask(s, &moves);
	if (error)
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), error, SPAN(NULL, 0));
	else
		mobike_reply(s, &o.enc);
	if (!out_response(s, &o))
		return V_DROP;
	rekey_complete(s, sa);
	if (!ike_gone && !refused && !error)
		mobike_commit(s, moves);
	if (refused && !ike_gone) {
		/* RFC 7296 2.21.2: an initiator that could not verify us says so in an exchange of its own. */
		note(s, sa->tun, NOTE_CONTROL, "received AUTHENTICATION_FAILED notify error");
		sa->peer_told_gone = true;
		sa_drop(s, sa, "the peer could not verify our AUTH: its PSK or the identity it expects differs");
		return V_WAIT;
	}
	if (ike_gone) {
		note(s, sa->tun, NOTE_CONTROL, "received DELETE for IKE_SA %s[%u]", ike_tun_name(sa->tun), sa->id);
		sa->peer_told_gone = true;
		return_children(s, sa);
		settle_heir(s, sa);
		sa_end_action(sa, sa->tun->t->close_action);
		sa_drop(s, sa, "the peer deleted the tunnel");
	}
	return V_WAIT;
}

static bool deletes_ike(const struct step *s)
{
	struct ike_delete d;
	for (size_t i = 0; i < s->pl->n; i++) {
		if (s->pl->v[i].type == P_D && ike_delete_decode(s->pl->v[i].body, &d) == WIRE_OK && d.proto == PROTO_IKE)
			return true;
	}
	return false;
}

/* While our own DELETE is out, anything is answered, nothing is done. */
enum verdict x_info_r_dying(struct step *s)
{
	struct out o;
	out_begin(s, &o, INFORMATIONAL, true, s->sa->rx_id);
	if (!out_response(s, &o))
		return V_DROP;
	/* RFC 7296 2.25.2: both close it: reply as usual, and forget our own request */
	if (deletes_ike(s)) {
		s->sa->peer_told_gone = true;
		sa_drop(s, s->sa, s->sa->why);
	}
	return V_WAIT;
}

enum verdict x_info_i(struct step *s)
{
	bool of_children = s->sa->n_asked > 0;
	window_answered(s);
	mobike_answer(s);
	if (of_children)
		rekey_retired(s);
	return V_WAIT;
}
