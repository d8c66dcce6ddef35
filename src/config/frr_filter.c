/* Lists, route maps and BFD profiles of an frr.conf. See frr.h. */
#include <string.h>

#include "config/frr.h"

static bool plain(struct frr *f, struct sbuf *why)
{
	if (f->no)
		sb_put(why, "expected this without no");
	return !f->no;
}

/* --- Lists --- */

/* The list of a statement: made, or found for the `no` form, which takes all of it away. NULL: that is done. */
static struct draft_list *list_of(struct frr *f, uint8_t list, uint8_t sub, const char *name)
{
	conf_ref r = conf_builder_str(f->d->b, name);
	if (!f->no)
		return draft_list_make(f->d, list, sub, r);
	for (uint32_t i = f->d->list[list].n; i-- > 0;) {
		const struct draft_list *l = DRAFT_AT(&f->d->list[list], struct draft_list, i);
		if (l->name == r && l->sub == sub)
			draft_remove(&f->d->list[list], sizeof *l, i);
	}
	return NULL;
}

/* Behind `no`, a whole list. at: the first word of its rule. */
static bool whole(struct frr *f, size_t at, struct sbuf *why)
{
	bool ok = !f->no || at >= f->w.n;
	if (!ok)
		sb_put(why, "expected the list without this rule");
	return ok;
}

static bool prefix_list(struct frr *f, uint8_t af, const char *name, struct sbuf *why)
{
	if (!whole(f, f->from + 3, why))
		return false;
	struct draft_list *l = list_of(f, LIST_PREFIX, af, name);
	return !l || rule_prefix(f->d, &f->w, f->from + 3, l, why);
}

FRR_HANDLER(frr_prefix_list) { return prefix_list(f, BGP_V4, a->v[0].s, why); }
FRR_HANDLER(frr_prefix_list6) { return prefix_list(f, BGP_V6, a->v[0].s, why); }

/* A description makes an empty list, which permits all. */
FRR_HANDLER(frr_prefix_note)
{
	(void)why;
	return f->no || list_of(f, LIST_PREFIX, BGP_V4, a->v[0].s);
}

FRR_HANDLER(frr_prefix_note6)
{
	(void)why;
	return f->no || list_of(f, LIST_PREFIX, BGP_V6, a->v[0].s);
}

static bool community_list(struct frr *f, uint8_t kind, bool expanded, const char *name, size_t at, struct sbuf *why)
{
	if (!whole(f, at, why))
		return false;
	struct draft_list *l = list_of(f, LIST_COMMUNITY, kind, name);
	return !l || rule_community(f->d, &f->w, at, expanded, l, why);
}

FRR_HANDLER(frr_community_list)
{
	return community_list(f, (uint8_t)a->v[1].n, a->v[2].n == 1, a->v[3].s, f->from + 4, why);
}

/* 1-99 are standard, 100-500 expanded. */
FRR_HANDLER(frr_community_number)
{
	return community_list(f, (uint8_t)a->v[1].n, a->v[2].n >= 100, a->v[2].s, f->from + 3, why);
}

FRR_HANDLER(frr_aspath_list)
{
	if (!whole(f, f->from + 4, why))
		return false;
	struct draft_list *l = list_of(f, LIST_ASPATH, 0, a->v[1].s);
	return !l || rule_aspath(f->d, &f->w, f->from + 4, l, why);
}

/* --- Route maps --- */

FRR_HANDLER(frr_map)
{
	conf_ref name = conf_builder_str(f->d->b, a->v[0].s);
	f->map = 0;
	if (!plain(f, why))
		return false;
	struct draft_map *m = draft_map_make(f->d, name);
	struct draft_entry *e = m ? draft_entry(f->d, m, a->v[2].n) : NULL;
	if (!e)
		return false;
	e->e.action = (uint8_t)a->v[1].n;
	f->map = name;
	f->map_seq = a->v[2].n;
	f->node = FRR_MAP;
	return true;
}

static struct draft_entry *open_entry(struct frr *f)
{
	struct draft_map *m = draft_map(f->d, f->map);
	return m ? draft_entry(f->d, m, f->map_seq) : NULL;
}

FRR_HANDLER(frr_match)
{
	struct draft_entry *e = open_entry(f);
	struct clause_place p = {.d = f->d, .line = f->line};
	(void)a;
	return e && clause_match(&p, &f->w, f->from + 1, f->no, e, why);
}

FRR_HANDLER(frr_set)
{
	struct draft_entry *e = open_entry(f);
	struct clause_place p = {.d = f->d, .line = f->line};
	(void)a;
	return e && clause_set(&p, &f->w, f->from + 1, f->no, e, why);
}

static bool on_match(struct frr *f, uint8_t what, uint32_t seq)
{
	struct draft_entry *e = open_entry(f);
	if (!e)
		return false;
	e->e.on_match = f->no ? ON_MATCH_END : what;
	e->e.on_match_seq = f->no ? 0 : seq;
	return true;
}

FRR_HANDLER(frr_on_next)
{
	(void)a, (void)why;
	return on_match(f, ON_MATCH_NEXT, 0);
}

FRR_HANDLER(frr_on_goto)
{
	if (!f->no && a->v[0].n <= f->map_seq) {
		sb_printf(why, "expected an entry behind this one, found %u", a->v[0].n);
		return false;
	}
	return on_match(f, ON_MATCH_GOTO, a->v[0].n);
}

FRR_HANDLER(frr_call)
{
	struct draft_entry *e = open_entry(f);
	(void)why;
	if (!e)
		return false;
	e->e.call = f->no ? 0 : conf_builder_str(f->d->b, a->v[0].s);
	if (e->e.call)
		draft_mention(f->d, LIST_MAP, 0, e->e.call, f->line, NULL, NULL);
	return true;
}

FRR_HANDLER(frr_map_note)
{
	struct draft_entry *e = open_entry(f);
	(void)why;
	if (e)
		e->e.description = f->no ? 0 : conf_builder_str(f->d->b, a->v[0].s);
	return e != NULL;
}

/* --- BFD profiles --- */

FRR_HANDLER(frr_bfd)
{
	(void)a;
	f->node = FRR_BFD;
	return plain(f, why);
}

FRR_HANDLER(frr_bfd_profile)
{
	uint32_t i = 0;
	if (!plain(f, why))
		return false;
	while (i < f->bfds.n && strcmp(DRAFT_AT(&f->bfds, struct frr_bfd, i)->name, a->v[0].s) != 0)
		i++;
	if (i == f->bfds.n) {
		struct frr_bfd *b = draft_add(f->d, &f->bfds, i, sizeof *b);
		if (!b)
			return false;
		*b = (struct frr_bfd){a->v[0].s, f->peer_defaults.bfd_rx_ms, f->peer_defaults.bfd_tx_ms,
		                      f->peer_defaults.bfd_multiplier};
	}
	f->bfd = i;
	f->node = FRR_BFD_PROFILE;
	return true;
}

FRR_HANDLER(frr_bfd_multiplier)
{
	struct frr_bfd *b = DRAFT_AT(&f->bfds, struct frr_bfd, f->bfd);
	(void)why;
	b->multiplier = f->no ? f->peer_defaults.bfd_multiplier : (uint8_t)a->v[0].n;
	return true;
}

FRR_HANDLER(frr_bfd_rx)
{
	struct frr_bfd *b = DRAFT_AT(&f->bfds, struct frr_bfd, f->bfd);
	(void)why;
	b->rx_ms = f->no ? f->peer_defaults.bfd_rx_ms : a->v[0].n;
	return true;
}

FRR_HANDLER(frr_bfd_tx)
{
	struct frr_bfd *b = DRAFT_AT(&f->bfds, struct frr_bfd, f->bfd);
	(void)why;
	b->tx_ms = f->no ? f->peer_defaults.bfd_tx_ms : a->v[0].n;
	return true;
}
