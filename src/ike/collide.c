/* Two IKE SAs between the same two ends: which one stays.
 *
 * The tie rule (HACKING has the reasons):
 *  1. An attempt of ours that has not sent IKE_AUTH yet is given up silently when the peer's own attempt is established: had
 *     we gone on, the peer would have had to choose later.
 *  2. Two SAs whose set-ups overlapped: the one with the lowest of the four nonces goes (RFC 7296 2.8.1, applied to whole IKE
 *     SAs). Who initiated it deletes it; should that not happen, the other one does.
 *  3. Set-ups that did not overlap: the newer one replaces the older (uniqueids=keep: the other way round, unless it is the
 *     peer's renewal, which comes from the same address).
 *  4. INITIAL_CONTACT ends older SAs of the same identity, never one whose set-up overlaps with the message's.
 *
 * And two rekeys of one SA, a child or an IKE SA, by both ends at once (RFC 7296 2.8.1, 2.8.2): the new one with the lowest of
 * the four nonces is redundant. Who made it deletes it; who made the other one deletes the old one. */
#include "ike/ike_int.h"

#include <string.h>

enum { OURS_S = 1, REPLACED_S = 2, THEIRS_S = 5, PEER_REPLACES_S = 10, LOST_S = 3 };

/* Whether o was established while sa was already under way. */
static bool overlap(const struct ike_sa *sa, const struct ike_sa *o) { return o->established >= sa->created; }

/* sa, which the peer began, is up. */
static void abandon(struct step *s, struct ike_sa *o)
{
	if (!o->initiator || o->state >= ST_I_AUTH)
		return;
	note(s, o->tun, NOTE_CONTROL, "the peer's IKE_SA [%u] came first, giving up our own attempt [%u]", s->sa->id, o->id);
	o->replaced = true;
	sa_delete(s, o, "the peer's own attempt came first");
}

static void abandon_ours(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (!sa->tun->many) {
		LIST_EACH(it, tmp, &sa->tun->mine)
			abandon(s, LIST_ENTRY(it, struct ike_sa, of_mine));
		return;
	}
	/* Of many peers only this one's. */
	for (struct ike_sa *o = NULL; (o = sa_next_same_peer(s->e, sa, o));)
		abandon(s, o);
}

static void retire(struct step *s, struct ike_sa *loser, dur_t in, const char *why)
{
	if (loser->replaced && loser->due[T_DUPLICATE] != MONO_NEVER)
		return;
	loser->replaced = true;
	note(s, loser->tun, NOTE_MORE, "IKE_SA %s[%u] goes: %s", ike_tun_name(loser->tun), loser->id, why);
	sa_due(s->e, loser, T_DUPLICATE, mono_add(s->now, in));
}

static void settle_two(struct step *s, struct ike_sa *sa, struct ike_sa *o)
{
	if (overlap(sa, o)) {
		/* RFC 7296 2.8.1: the lowest nonce loses */
		struct ike_sa *loser = memcmp(sa->lowest_nonce, o->lowest_nonce, NONCE_KEEP) < 0 ? sa : o;
		retire(s, loser, DUR_S(loser->initiator ? OURS_S : THEIRS_S), "both ends began at once, its nonce is the lowest");
	} else if (s->e->setup.uniqueids == UNIQUE_KEEP && !sa->initiator && !addr_eq(&sa->remote.addr, &o->remote.addr)) {
		/* From the same address it is the peer that renews what it has. */
		retire(s, sa, 0, "uniqueids=keep");
	} else if (s->e->setup.uniqueids != UNIQUE_NO) {
		o->peer_told_gone |= o->ways.stranded; /* INITIAL_CONTACT has told, and from its address nothing leaves */
		retire(s, o, DUR_S(sa->initiator ? REPLACED_S : PEER_REPLACES_S), "a newer one is up");
	}
}

static bool left_behind(const struct ike_sa *sa, const struct ike_sa *o)
{
	return o != sa->before && (o->state == ST_DELETING || (sa_is_up(o->state) && o->replaced));
}

/* A peer that says no farewell, and answers none, would have as many as it has handshakes in half a minute, rekeys in three. */
void collide_left(struct step *s)
{
	enum { LEFT_MAX = 8 };
	struct ike_sa *sa = s->sa, *oldest = NULL, *o = NULL;
	unsigned n = 0;
	while ((o = sa_next_same_peer(s->e, sa, o))) {
		if (!left_behind(sa, o))
			continue;
		n++;
		oldest = !oldest || o->created < oldest->created ? o : oldest;
	}
	if (n > LEFT_MAX)
		sa_drop(s, oldest, "its peer has newer ones, and takes no leave of the old");
}

void collide_settle(struct step *s)
{
	struct ike_sa *sa = s->sa, *o = NULL;
	if (!sa->initiator)
		abandon_ours(s);
	while ((o = sa_next_same_peer(s->e, sa, o))) {
		if (o->state == ST_ESTABLISHED && o->had_child && !o->replaced)
			settle_two(s, sa, o);
	}
	/* What an earlier life of this daemon left in the kernel has a successor now. */
	for (; sa->tun->n_orphans > 0; sa->tun->n_orphans--) {
		uint32_t spi = sa->tun->orphan[sa->tun->n_orphans - 1];
		struct ike_act *a = act_add(s, IKE_ACT_CHILD_REMOVE, sa->tun);
		a->remove.spi_in = spi;
		a->remove.local = sa->local.addr;
		a->remove.remote = sa->remote.addr;
		child_delete_request(s, sa, spi);
	}
}

void collide_contact(struct step *s)
{
	struct ike_sa *sa = s->sa, *o = NULL;
	if (s->e->setup.uniqueids == UNIQUE_NEVER)
		return;
	while ((o = sa_next_same_peer(s->e, sa, o))) {
		if (o->state != ST_ESTABLISHED || overlap(sa, o))
			continue;
		/* The peer has lost it; it goes when the new child is in, so that nobody sees the tunnel down. */
		o->peer_told_gone = true;
		retire(s, o, DUR_S(LOST_S), "received INITIAL_CONTACT");
	}
}

/* --- rekeys --- */

bool collide_child_lost(struct step *s, struct child *rival)
{
	struct child *c = s->child, *old = rekey_old_of(c);
	/* What is used both ways already the peer has decided for. */
	bool lost = !rival->half || memcmp(c->lowest_nonce, rival->lowest_nonce, NONCE_KEEP) < 0;
	note(s, c->tun, NOTE_CONTROL, "CHILD_SA rekey collision %s, {%u} stays", lost ? "lost" : "won", lost ? rival->id : c->id);
	if (!lost) {
		rival->redundant = true;
		rival->soft = MONO_NEVER;
		rival->whole_at = mono_add(s->now, DUR_S(PEER_REPLACES_S)); /* should the peer not delete it */
		if (rival->state >= CH_UP)
			child_rearm(s, rival);
	} else if (old && old->state == CH_UP) {
		/* The peer's is still on its way into the kernel: should it not get there, we try again. */
		old->soft = mono_add(s->now, DUR_S(THEIRS_S));
		child_rearm(s, old);
	}
	return lost;
}

static bool loses(const struct child *c, const struct child *to) { return memcmp(c->lowest_nonce, to->lowest_nonce, NONCE_KEEP) < 0; }

void collide_child_answered(struct step *s)
{
	struct child *c = s->child, *ours = rekey_rival_of(c, CH_UP);
	if (!ours || ours->redundant || !loses(c, ours))
		return;
	c->redundant = true;
	c->whole_at = mono_add(s->now, DUR_S(PEER_REPLACES_S)); /* should the peer not delete it */
}

void collide_child_whole(struct step *s)
{
	struct child *c = s->child, *ours = rekey_rival_of(c, CH_UP);
	if (!ours || !loses(ours, c))
		return;
	note(s, c->tun, NOTE_CONTROL, "CHILD_SA rekey collision lost, {%u} stays", c->id);
	rekey_retire(s, ours);
}

/* The redundant one is whole for a moment, so that it can be deleted at the peer. */
static void end_ours(struct step *s, struct ike_sa *old, struct ike_sa *a)
{
	sa_inherit(s, a, old);
	a->replaced = true;
	sa_delete(s, a, "the peer's own rekey stays");
}

void collide_ike_rekeyed(struct step *s)
{
	struct ike_sa *old = s->sa, *a = old->ours, *b = old->theirs;
	bool lost = b && memcmp(a->lowest_nonce, b->lowest_nonce, NONCE_KEEP) < 0;
	old->ours = old->theirs = a->before = NULL;
	if (b)
		b->before = NULL;
	sa_handshake_free(s->e, a);
	if (b)
		note(s, old->tun, NOTE_CONTROL, "IKE_SA rekey collision %s, [%u] stays", lost ? "lost" : "won", lost ? b->id : a->id);
	if (lost) {
		end_ours(s, old, a);
		sa_pump(s, b);
		return;
	}
	sa_inherit(s, a, b ? b : old);
	if (b) {
		retire(s, b, DUR_S(PEER_REPLACES_S), "the peer's rekey is redundant");
		b->peer_told_gone = true; /* its maker deletes it, or has heard of the old one's end first and knows nothing of it */
	}
	old->replaced = true;
	sa_delete(s, old, "rekeyed");
	sa_pump(s, a);
}

void collide_heir_ends(struct step *s)
{
	struct ike_sa *old = s->sa->before;
	if (!old || old->theirs != s->sa || old->state == ST_DELETING)
		return;
	/* The children went with it. What the answer to ours brings would be an IKE SA without any, and the peer would have one there. */
	sa_delete(s, old, s->sa->why);
}
