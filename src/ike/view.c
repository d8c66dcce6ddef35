/* Read-only views of the engine for status. */
#include "ike/ike_int.h"

#include <string.h>

/* A rekey of ours that the peer has not answered is no SA yet. */
static bool hidden(const struct ike_sa *sa) { return sa->state == ST_NEW; }

static void fill_sa(const struct ike_sa *sa, struct ike_sa_view *out)
{
	bool reauth = sa->tun && sa->tun->t->reauth;
	mono_t at = sa->ours || sa->want_rekey ? sa->established : sa->due[T_REAUTH];
	*out = (struct ike_sa_view){
		.ike_id = sa->id,
		.tunnel = sa->tun ? sa->tun->id : 0,
		.state = sa->state == ST_DELETING      ? IKE_S_DELETING
		         : sa->state == ST_REKEYED     ? IKE_S_REKEYED
		         : sa->state == ST_ESTABLISHED ? IKE_S_ESTABLISHED
		                                       : IKE_S_CONNECTING,
		.initiator = sa->initiator,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.local = sa->local,
		.remote = sa->remote,
		.my_id = sa->my_id,
		.peer_id = sa->peer_id,
		.suite = sa->suite,
		.nat_here = sa->nat_here,
		.nat_there = sa->nat_there,
		.ppk = sa->ppk,
		.mobike = sa->ways.mobike,
		.since = sa->established ? sa->established : sa->created,
		.reauth_at = reauth ? at : MONO_NEVER,
		.rekey_at = reauth ? MONO_NEVER : at,
		.retransmits = sa->req.tries,
		.last_in = sa->last_in,
	};
}

static void fill_child(const struct child *c, struct ike_child_view *out)
{
	*out = (struct ike_child_view){
		.child_id = c->id,
		.ike_id = c->sa->id,
		.tunnel = c->tun->id,
		.sa = &c->p,
		.installed = c->state >= CH_UP && !c->half,
		.in_use = c->state == CH_UP && !c->redundant,
		.rekeyed = c->state > CH_UP,
		.since = c->since,
		.rekey_at = c->due || rekey_heir_of(c) ? c->since : c->soft,
	};
}

/* --- listings --- */

/* A number that is not shown is 0: behind no cursor. */
static uint32_t sa_number(const struct list *it)
{
	const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
	return hidden(sa) ? 0 : sa->id;
}

static uint32_t child_number(const struct list *it) { return LIST_ENTRY(it, struct child, of_all)->id; }

/* SAs are kept in the order in which they were made, so "the next one" is the first with a larger number: behind the one that was shown
 * last, if that is still there. Numbers wrap after four billion SAs; a listing that meets the wrap may miss some. */
static const struct list *walk(const struct list *head, const struct list *last, uint32_t (*number)(const struct list *), uint32_t *cursor)
{
	const struct list *it = last ? last->next : head->next;
	while (it != head && number(it) <= *cursor)
		it = it->next;
	if (it == head)
		return NULL;
	*cursor = number(it);
	return it;
}

bool ike_next_sa(const struct ike *e, uint32_t *cursor, struct ike_sa_view *out)
{
	const struct ike_sa *last = sa_by_id(e, *cursor);
	const struct list *it = walk(&e->sas, last && last->state != ST_DEAD ? &last->link : NULL, sa_number, cursor);
	if (it)
		fill_sa(LIST_ENTRY(it, struct ike_sa, link), out);
	return it;
}

bool ike_next_child(const struct ike *e, uint32_t *cursor, struct ike_child_view *out)
{
	const struct child *last = child_by_id_any(e, *cursor);
	const struct list *it = walk(&e->kids, last ? &last->of_all : NULL, child_number, cursor);
	if (it)
		fill_child(LIST_ENTRY(it, struct child, of_all), out);
	return it;
}

/* A tunnel with one peer has few SAs, in any order; one of %any may have nearly all that there are. */
bool ike_next_sa_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_sa_view *out)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	const struct ike_sa *next = NULL;
	while (t && t->many && ike_next_sa(e, cursor, out)) {
		if (out->tunnel == tunnel)
			return true;
	}
	if (!t || t->many)
		return false;
	for (const struct list *it = t->sas.next; it != &t->sas; it = it->next) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_tun);
		if (sa->id > *cursor && !hidden(sa) && (!next || sa->id < next->id))
			next = sa;
	}
	if (!next)
		return false;
	*cursor = next->id;
	fill_sa(next, out);
	return true;
}

bool ike_next_child_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_child_view *out)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	const struct child *next = NULL;
	while (t && t->many && ike_next_child(e, cursor, out)) {
		if (out->tunnel == tunnel)
			return true;
	}
	if (!t || t->many)
		return false;
	for (const struct list *it = t->sas.next; it != &t->sas; it = it->next) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, of_tun);
		for (const struct list *jt = sa->children.next; jt != &sa->children; jt = jt->next) {
			const struct child *c = LIST_ENTRY(jt, struct child, link);
			if (c->id > *cursor && (!next || c->id < next->id))
				next = c;
		}
	}
	if (!next)
		return false;
	*cursor = next->id;
	fill_child(next, out);
	return true;
}

void ike_count(const struct ike *e, uint32_t *up, uint32_t *connecting)
{
	*connecting = e->n_connecting;
	*up = e->n_up;
}

const char *ike_why(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	if (!t || ike_tun_has_sa(t, NULL))
		return "";
	return t->why;
}

const char *ike_way(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	return t && ike_tun_has_sa(t, NULL) ? t->way_why : "";
}

bool ike_wanted(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	return t && (t->wanted || t->called);
}

mono_t ike_next_try(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find(e, tunnel);
	return t ? t->timer.due : MONO_NEVER;
}

void ike_counters(const struct ike *e, struct ike_counters *out)
{
	*out = e->n;
	out->half_open = e->half_open;
}
