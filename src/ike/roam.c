/* Addresses of this host that come and go, and ways to peers that change: which IKE SAs that concerns, and what becomes of them. An SA
 * whose way has changed is moved (mobike.c) where both ends can, else it gets a successor from the new address, make before break:
 * the old one stays, whatever it is still good for, until the new one is up, and so scripts run once.
 *
 * Events only start a clock, ROAM_MS long: an address that goes and comes back, as with many a DHCP client, changes nothing. Then priv
 * is asked for the way to the peer of each SA, those of a hub spread over some time. An SA whose own address has gone and
 * that finds no way for STRANDED_S is given up. */
#include "ike/ike_int.h"

#include <string.h>

enum { ROAM_MS = 200, SPREAD_NS = 200000, AGAIN_S = 2, AGAIN_MAX_S = 60, STRANDED_S = 30 };

/* --- addresses of this host --- */

static uint32_t local_find(const struct ike *e, const struct addr *a)
{
	uint32_t i = 0;
	while (i < e->n_local && !addr_eq(&e->local[i], a))
		i++;
	return i;
}

bool roam_ours(const struct ike *e, const struct ike_sa *sa, const struct addr *a)
{
	return e->more_local || addr_eq(a, &sa->local.addr) || local_find(e, a) < e->n_local;
}

/* False: it was there already. */
static bool local_add(struct ike *e, const struct addr *a)
{
	if (local_find(e, a) < e->n_local)
		return false;
	if (e->n_local < ARRAY_LEN(e->local))
		e->local[e->n_local++] = *a;
	else
		e->more_local = 1;
	return true;
}

static void local_del(struct ike *e, const struct addr *a)
{
	uint32_t i = local_find(e, a);
	if (i < e->n_local)
		e->local[i] = e->local[--e->n_local];
}

/* --- what happens in the world --- */

static void look_soon(struct step *s, struct ike_sa *sa)
{
	dur_t d = DUR_MS(ROAM_MS) + (dur_t)rng_below(s->e->rng, (uint64_t)SPREAD_NS * s->e->n_sas + 1);
	if (sa->due[T_WAY] == MONO_NEVER || sa->due[T_WAY] > mono_add(s->now, d))
		sa_due(s->e, sa, T_WAY, mono_add(s->now, d));
}

/* What has been rekeyed is moved too, as long as the peer may not have read our answer: it waits for that in the old SA. */
static bool movable(const struct ike_sa *sa)
{
	if (sa->state == ST_REKEYED)
		return sa->ways.mobike;
	return sa->state == ST_ESTABLISHED && !sa->replaced && !sa->want_delete;
}

/* Whether another way is any business of ours: where the peer has chosen the address it is only when that has gone. */
static bool may_change(const struct ike_sa *sa)
{
	if (!movable(sa))
		return false;
	return sa->ways.stranded || (sa->ways.mobike ? sa->ways.decides : sa->initiator && !sa->tun->many);
}

static void ways_changed(struct step *s, const struct prefix *to)
{
	LIST_EACH(it, tmp, &s->e->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (may_change(sa) && (to->addr.family == AF_NONE || addr_in(&sa->remote.addr, to)))
			look_soon(s, sa);
	}
	ike_tun_hurry_all(s, mono_add(s->now, DUR_MS(ROAM_MS)), to);
}

void roam_on_route(struct step *s) { ways_changed(s, &s->fact->prefix); }

static void address_gone(struct step *s, const struct addr *a)
{
	local_del(s->e, a);
	ike_tun_address_gone(s, a);
	LIST_EACH(it, tmp, &s->e->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (!addr_eq(&sa->local.addr, a))
			continue;
		if (movable(sa)) {
			if (!sa->ways.stranded)
				sa->ways.stranded_at = s->now;
			sa->ways.stranded = true;
			look_soon(s, sa);
			continue;
		}
		sa->restart = true;
		/* No DELETE can leave from an address that is gone. */
		if (sa->state >= ST_ESTABLISHED && s->acts->n < IKE_ACTS_MAX - 64)
			sa_drop(s, sa, "our own address is gone");
		else
			sa_delete_soon(s, sa, "our own address is gone");
	}
}

void roam_on_address(struct step *s)
{
	static const struct prefix any;
	const struct addr *a = &s->fact->local.addr;
	if (s->fact->status != 0) {
		address_gone(s, a);
	} else if (local_add(s->e, a)) {
		ways_changed(s, &any);
	}
}

/* --- the way of one SA --- */

static void ask(struct step *s, const struct addr *remote, bool look)
{
	struct ike_sa *sa = s->sa;
	wait_for(s->e, &sa->way, IKE_FACT_PATH);
	struct ike_act *a = act_add(s, IKE_ACT_PATH, sa->tun);
	a->ticket = sa->way.ticket;
	a->path.local = sa->local.addr;
	a->path.remote = *remote;
	a->path.look = look;
}

const struct addr *roam_other(const struct ike_sa *sa, uint32_t again)
{
	return &sa->ways.other[(again / 2 - 1) % sa->ways.n_other];
}

/* A peer says all addresses that it has, and one inside the tunnel may answer when the true one does not. */
void roam_ask_other(struct step *s)
{
	struct ways *w = &s->sa->ways;
	w->other_ok = false;
	if (!w->mobike || !w->decides || !w->n_other || s->sa->way.ticket)
		return;
	w->asks_other = true;
	ask(s, roam_other(s->sa, s->sa->req.tries + 1), true);
}

static void other_found(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	w->asks_other = false;
	if (s->fact->status != 0)
		note(s, sa->tun, NOTE_MORE, "%s: the peer is not asked elsewhere: %s", ike_tun_name(sa->tun),
		     s->fact->text ? s->fact->text : "there is no way");
	else
		w->other_ok = w->n_other && sa->req.tries % 2 && addr_eq(&s->fact->remote.addr, roam_other(sa, sa->req.tries + 1));
}

void roam_on_timer(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	sa_due(s->e, sa, T_WAY, MONO_NEVER);
	if (!may_change(sa))
		return;
	if (w->stranded && s->now >= mono_add(w->stranded_at, DUR_S(STRANDED_S))) {
		sa->restart = true;
		sa_drop(s, sa, "our own address is gone");
		return;
	}
	if (w->stranded)
		sa_due(s->e, sa, T_WAY, mono_add(s->now, DUR_S(AGAIN_S)));
	w->asks_other = false;
	ask(s, &sa->remote.addr, false);
}

static void no_way(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	why_set(s->e, &sa->tun->way_why, s->fact->text && *s->fact->text ? s->fact->text : "there is no way to the peer");
	if (w->again == 0)
		note(s, sa->tun, NOTE_CONTROL, "%s: %s", ike_tun_name(sa->tun), sa->tun->way_why);
	w->again = w->again == 0 ? DUR_S(AGAIN_S) : w->again >= DUR_S(AGAIN_MAX_S) / 2 ? DUR_S(AGAIN_MAX_S) : 2 * w->again;
	if (!w->stranded)
		sa_due(s->e, sa, T_WAY, mono_add(s->now, w->again));
}

/* What is under way goes by the new way at once: the peer answers where it comes from (RFC 7296 2.11), and only then is
 * there room for what we have to say. */
static void hurry(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (window_free(sa))
		return;
	sa->req.tries = 0;
	sa->req.first = s->now;
	sa_due(s->e, sa, T_RETRANSMIT, mono_add(s->now, DUR_S(1)));
	window_send(s, &sa->req.msg);
}

void roam_use(struct step *s, const struct addr *local, const struct endpoint *remote)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	char a[ADDR_TEXT], b[ADDR_TEXT];
	sa->local.addr = *local;
	sa->remote = *remote;
	w->stranded = false;
	note(s, sa->tun, NOTE_CONTROL, "the way of IKE_SA %s[%u] has changed to %s...%s, telling the peer", ike_tun_name(sa->tun),
	     sa->id, addr_str(local, a), addr_str(&remote->addr, b));
	w->moved_at = s->now;
	*(w->decides ? &w->send_update : &w->send_list) = true;
	hurry(s);
}

void roam_on_path(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	const struct addr *local = &s->fact->local.addr;
	char a[ADDR_TEXT];
	if (w->asks_other) {
		other_found(s);
		return;
	}
	if (!may_change(sa))
		return;
	if (s->fact->status != 0) {
		no_way(s);
		return;
	}
	if (w->again)
		note(s, sa->tun, NOTE_CONTROL, "%s: there is a way to the peer again", ike_tun_name(sa->tun));
	w->again = 0;
	why_set(s->e, &sa->tun->way_why, "");
	if (addr_eq(local, &sa->local.addr)) {
		w->stranded = false;
		return;
	}
	if (w->mobike) {
		roam_use(s, local, &sa->remote);
		return;
	}
	note(s, sa->tun, NOTE_CONTROL, "the way of IKE_SA %s[%u] to its peer now begins at %s", ike_tun_name(sa->tun), sa->id,
	     addr_str(local, a));
	ike_tun_renew_from(s, sa, local);
}

/* INITIAL_CONTACT (RFC 7296 2.4): sa is the only one that we can still use with this peer. */
bool roam_only(const struct ike_sa *sa)
{
	LIST_EACH(it, tmp, &sa->tun->sas) {
		const struct ike_sa *o = LIST_ENTRY(it, struct ike_sa, of_tun);
		if (o != sa && o->state == ST_ESTABLISHED && !o->want_delete && !o->ways.stranded)
			return false;
	}
	return true;
}
