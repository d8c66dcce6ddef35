/* When an IKE SA or a child SA is rekeyed by us, what becomes of the old one, and what when it fails. The exchanges are in
 * x_create_child_i.c and x_rekey_ike_i.c; who wins when both ends rekey at once is in collide.c.
 *
 *      soft limit, command --> due --(window free)--> SPI, request, answer, kernel --> the old one is deleted, by us
 *                               ^                                 |
 *                               +------ later, a few times -------+--> for good, or too often: a whole new IKE SA
 *
 * A child that is replaced keeps its inbound SA until the peer has said that it deleted its half, and delete_rekeyed_delay
 * more. One that the peer makes in a rekey of its own is in place inbound only ("half") until the peer is known to have it. */
#include "ike/ike_int.h"

#include <string.h>

enum { TRIES_MAX = 5, AGAIN_S = 2, AGAIN_MAX_S = 30 };

/* --- who is whose --- */

struct child *rekey_old_of(const struct child *c) { return c->old ? child_by_id(c->sa, c->old) : NULL; }

struct child *rekey_heir_of(const struct child *c)
{
	LIST_EACH(it, tmp, &c->sa->children) {
		struct child *o = LIST_ENTRY(it, struct child, link);
		if (o->old == c->id && o->origin == CHILD_I_CREATE && o->state < CH_UP && !o->redundant)
			return o;
	}
	return NULL;
}

struct child *rekey_rival_of(const struct child *c, uint8_t from)
{
	LIST_EACH(it, tmp, &c->sa->children) {
		struct child *o = LIST_ENTRY(it, struct child, link);
		if (o != c && c->old && o->old == c->old && o->state >= from && o->state < CH_DELETING)
			return o;
	}
	return NULL;
}

unsigned rekey_alive(const struct ike_sa *sa)
{
	unsigned n = 0;
	LIST_EACH(it, tmp, &sa->children) {
		const struct child *c = LIST_ENTRY(it, struct child, link);
		n += (c->state == CH_UP || c->state == CH_REKEYED) && !c->redundant;
	}
	return n;
}

/* --- begin --- */

void rekey_child_due(struct step *s, struct child *c)
{
	if (c->state != CH_UP || c->redundant || rekey_heir_of(c))
		return;
	c->due = true;
	sa_pump(s, c->sa);
}

/* reauth=yes: a whole new IKE SA beside it, which proves both identities again. */
void rekey_ike_due(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (sa->state != ST_ESTABLISHED)
		return;
	/* A new set-up brings a child SA along: not where there is none, and nobody wants one. */
	if (sa->tun->t->reauth) {
		if (rekey_alive(sa) > 0 || sa->tun->wanted)
			ike_tun_renew(s, sa);
		return;
	}
	sa->want_rekey = true;
	sa_pump(s, sa);
}

static void start_child(struct step *s, struct child *old)
{
	struct child *c = child_new(s->e, s->sa, CHILD_I_CREATE, s->now);
	old->due = false;
	if (!c) {
		rekey_child_failed(s, old, false, "no memory, or too many child SAs in this IKE SA");
		return;
	}
	c->old = old->id;
	child_ask_spi(s, c);
}

/* True: the window is taken. */
static bool pump_child(struct step *s, struct child *c)
{
	if (c->state == CH_READY) {
		x_child_i_send(s, c);
		return !window_free(s->sa);
	}
	if (c->due && c->state == CH_UP && !c->half) /* half: it is looked at again when it is whole */
		start_child(s, c);
	return false;
}

void rekey_pump(struct step *s)
{
	struct ike_sa *sa = s->sa;
	bool making = false;
	if (sa->state != ST_ESTABLISHED || sa->replaced || sa->before) /* of two successors it is not known yet which one stays */
		return;
	LIST_EACH(it, tmp, &sa->children)
		if (pump_child(s, LIST_ENTRY(it, struct child, link)))
			return;
	LIST_EACH(it, tmp, &sa->children)
		making |= LIST_ENTRY(it, struct child, link)->state < CH_UP;
	if (!sa->want_rekey || making || sa->ours)
		return;
	sa->want_rekey = false;
	x_rekey_ike_i_send(s);
}

/* --- success --- */

void rekey_retire(struct step *s, struct child *old)
{
	if (old->state != CH_UP && old->state != CH_REKEYED)
		return;
	child_set(old, CH_DELETING);
	old->soft = old->whole_at = MONO_NEVER;
	old->due = false;
	child_rearm(s, old);
	child_delete_request(s, old->sa, old->p.in.spi);
}

/* RFC 7296 2.8: the new one is there; who rekeyed deletes the old one. */
void rekey_child_done(struct step *s, struct child *c)
{
	struct child *old = rekey_old_of(c);
	c->sa->rekey_tries = 0;
	if (!old)
		return;
	note(s, c->tun, NOTE_CONTROL, "CHILD_SA %s{%u} is rekeyed by {%u}", ike_tun_name(c->tun), old->id, c->id);
	rekey_retire(s, old);
}

void rekey_retired(struct step *s)
{
	LIST_EACH(it, tmp, &s->sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->state != CH_DELETING || !c->delete_sent || c->gone_at != MONO_NEVER)
			continue;
		c->gone_at = mono_add(s->now, s->e->setup.delete_rekeyed_delay);
		child_rearm(s, c);
	}
}

bool rekey_undecided(const struct child *c)
{
	const struct child *ours = rekey_rival_of(c, CH_SENT);
	return ours && ours->state < CH_UP;
}

void rekey_complete(struct step *s, struct ike_sa *sa)
{
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->half && !rekey_undecided(c))
			child_complete(s, c);
	}
}

/* --- failure --- */

/* 2, 4, 8, ... 30 s, each with half as much at random, and thrice at least before the end. */
static dur_t again_in(struct step *s, uint8_t tries, mono_t end)
{
	dur_t d = DUR_S(AGAIN_S) << (tries < 4 ? tries - 1 : 4);
	d = d > DUR_S(AGAIN_MAX_S) ? DUR_S(AGAIN_MAX_S) : d;
	if (end != MONO_NEVER && end > s->now && d > (end - s->now) / 3)
		d = (end - s->now) / 3;
	return d / 2 + (dur_t)rng_below(s->e->rng, (uint64_t)d + 1);
}

void rekey_child_failed(struct step *s, struct child *old, bool for_good, const char *why)
{
	if (!old || old->state != CH_UP || old->redundant) /* deleted or replaced meanwhile: nothing is missing */
		return;
	note(s, old->tun, NOTE_CONTROL, "rekeying CHILD_SA %s{%u} failed: %s", ike_tun_name(old->tun), old->id, why);
	if (for_good || ++old->tries >= TRIES_MAX) {
		old->tries = 0;
		ike_tun_renew(s, old->sa);
		return;
	}
	old->soft = mono_add(s->now, again_in(s, old->tries, old->hard));
	child_rearm(s, old);
}

void rekey_ike_failed(struct step *s, bool for_good, const char *why)
{
	struct ike_sa *sa = s->sa;
	struct ike_sa *heir = sa->theirs;
	sa_discard_ours(s, sa);
	if (heir) { /* the peer's rekey stays */
		sa_pump(s, heir);
		return;
	}
	if (sa->state != ST_ESTABLISHED || sa->replaced)
		return;
	note(s, sa->tun, NOTE_CONTROL, "rekeying IKE_SA %s[%u] failed: %s", ike_tun_name(sa->tun), sa->id, why);
	if (for_good || ++sa->rekey_tries >= TRIES_MAX) {
		sa->rekey_tries = 0;
		ike_tun_renew(s, sa);
		return;
	}
	sa_due(s->e, sa, T_REAUTH, mono_add(s->now, again_in(s, sa->rekey_tries, sa->due[T_EXPIRE])));
}

void sa_discard_ours(struct step *s, struct ike_sa *sa)
{
	if (sa->ours)
		sa_free(s->e, sa->ours);
	if (sa->theirs)
		sa->theirs->before = NULL;
	sa->theirs = NULL;
}

void rekey_cancel_unsent(struct step *s, struct ike_sa *sa, uint32_t old)
{
	LIST_EACH(it, tmp, &sa->children) {
		struct child *c = LIST_ENTRY(it, struct child, link);
		if (c->origin != CHILD_I_CREATE || c->state >= CH_SENT || (old && c->old != old))
			continue;
		struct child *was = rekey_old_of(c);
		if (was)
			was->due = true; /* in the next IKE SA, or not at all when it has been replaced by then */
		child_remove(s, c, "not needed any more");
	}
}

void rekey_none_left(struct step *s, struct ike_sa *sa, uint8_t action)
{
	bool again = sa->tun->wanted || sa->tun->t->auto_mode == AUTO_ROUTE || action == DPD_RESTART || action == DPD_HOLD;
	if (rekey_alive(sa) > 0 || !again || sa->state != ST_ESTABLISHED)
		return;
	LIST_EACH(it, tmp, &sa->children)
		if (LIST_ENTRY(it, struct child, link)->state < CH_UP)
			return; /* one is coming */
	/* A new child comes with a new IKE SA; this one has no further use. */
	sa_end_action(sa, action);
	sa->restart |= sa->tun->wanted;
	sa->want_delete = true;
	if (sa != s->sa)
		sa_pump(s, sa);
}

/* --- commands --- */

void rekey_close(struct step *s, struct child *c, const char *why)
{
	struct ike_sa *sa = c->sa;
	struct child *heir = rekey_heir_of(c), *old = c->half ? rekey_old_of(c) : NULL;
	uint32_t spi = c->p.in.spi;
	if (heir)
		heir->redundant = true; /* goes when it is there */
	child_remove(s, c, why);
	if (old && old->state == CH_REKEYED) {
		uint32_t old_spi = old->p.in.spi;
		child_remove(s, old, why);
		child_delete_request(s, sa, old_spi);
	}
	child_delete_request(s, sa, spi);
	rekey_none_left(s, sa, DPD_NONE);
}

void rekey_command(struct step *s, const struct ike_cmd *cmd)
{
	struct child *c = cmd->type == IKE_CMD_REKEY_CHILD ? child_by_id_any(s->e, cmd->id) : NULL;
	struct ike_sa *sa = cmd->type != IKE_CMD_REKEY_CHILD ? sa_by_id(s->e, cmd->id) : NULL;
	if (c) {
		rekey_child_due(s, c);
	} else if (sa && sa->state == ST_ESTABLISHED) {
		s->sa = sa;
		if (cmd->type == IKE_CMD_CHECK)
			sa_check(s);
		else
			sa->want_rekey = true; /* begun when this step ends */
	}
}
