/* Read-only views of the engine for status. */
#include "ike/ike_int.h"

#include <string.h>

/* SAs are kept in the order in which they were made, so "the next one" is the first with a larger number. Numbers wrap after
 * four billion SAs; a listing that meets the wrap may miss some. */
bool ike_next_sa(const struct ike *e, uint32_t *cursor, struct ike_sa_view *out)
{
	for (struct list *it = e->sas.next; it != &e->sas; it = it->next) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (sa->id <= *cursor || sa->state == ST_NEW)
			continue;
		*cursor = sa->id;
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
			.since = sa->established ? sa->established : sa->created,
			.reauth_at = reauth ? at : MONO_NEVER,
			.rekey_at = reauth ? MONO_NEVER : at,
			.retransmits = sa->req.tries,
			.last_in = sa->last_in,
		};
		return true;
	}
	return false;
}

bool ike_next_child(const struct ike *e, uint32_t *cursor, struct ike_child_view *out)
{
	const struct child *next = NULL;
	for (struct list *it = e->sas.next; it != &e->sas; it = it->next) {
		const struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		for (struct list *jt = sa->children.next; jt != &sa->children; jt = jt->next) {
			const struct child *c = LIST_ENTRY(jt, struct child, link);
			if (c->id > *cursor && (!next || c->id < next->id))
				next = c;
		}
	}
	if (!next)
		return false;
	*cursor = next->id;
	*out = (struct ike_child_view){
		.child_id = next->id,
		.ike_id = next->sa->id,
		.tunnel = next->tun->id,
		.sa = &next->p,
		.installed = next->state >= CH_UP && !next->half,
		.rekeyed = next->state > CH_UP,
		.since = next->since,
		.rekey_at = next->due || rekey_heir_of(next) ? next->since : next->soft,
	};
	return true;
}

const char *ike_why(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find((struct ike *)e, tunnel);
	if (!t || ike_tun_has_sa(t, NULL))
		return "";
	return t->why;
}

bool ike_wanted(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find((struct ike *)e, tunnel);
	return t && t->wanted;
}

mono_t ike_next_try(const struct ike *e, uint32_t tunnel)
{
	const struct tun *t = ike_tun_find((struct ike *)e, tunnel);
	return t ? t->timer.due : MONO_NEVER;
}

void ike_counters(const struct ike *e, struct ike_counters *out)
{
	*out = e->n;
	out->half_open = e->half_open;
}
