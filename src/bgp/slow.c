/* Members that read more slowly than their group writes. A log that waits for one of them would grow without end, so from some length on
 * it is let off: what it has not read yet is taken from it, and only which destinations these messages were about is
 * noted, and from then on those of each further message, a bit per destination and group. When it has read what it had been
 * given, it gets the present state of all these, in as few messages as they need, and follows the log again.
 *
 * What it holds meanwhile is its queue (at most a table) and the bits. With add-path this does not work, as withdrawals have
 * to name paths that are no more: there the session ends, as it does for lack of memory (adj_tick: nothing here may pull a
 * member from under those who are at work on it). */
#include <string.h>

#include "bgp/adj_int.h"

static bool set_bit(struct bgp *b, struct slow *s, uint32_t dest)
{
	uint32_t word = dest / 64;
	if (word >= s->n_words) {
		uint32_t n = s->n_words ? s->n_words : 64;
		while (n <= word)
			n *= 2;
		uint64_t *more = mem_get(b->env.mem, sizeof *more * n);
		if (!more)
			return false;
		if (s->n_words)
			memcpy(more, s->bits, sizeof *more * s->n_words);
		mem_put(b->env.mem, s->bits, sizeof *more * s->n_words);
		s->bits = more;
		s->n_words = n;
	}
	s->bits[word] |= (uint64_t)1 << dest % 64;
	return true;
}

bool slow_holds(const struct bgp_group *g, uint32_t dest)
{
	const struct slow *s = &g->slow;
	return s->n_members && dest / 64 < s->n_words && s->bits[dest / 64] >> dest % 64 & 1;
}

static void note_run(struct bgp *b, struct bgp_group *g, struct bgp_nlri run)
{
	struct prefix p;
	uint32_t path_id;
	while (bgp_nlri_next(&run, &p, &path_id)) {
		uint32_t dest = rib_keep(b, &b->table[g->key.af], &p);
		if (!dest || !set_bit(b, &g->slow, dest))
			g->slow.broken = true;
	}
}

/* Our own messages: prefixes are at the end of the classic ones, else inside MP_REACH or MP_UNREACH, which is the last attribute. */
void slow_note(struct bgp *b, struct bgp_group *g, const struct bgp_chunk *c)
{
	struct rd r = rd_init(c->data, c->len);
	struct bgp_nlri run = {.af = g->key.af, .addpath = g->key.addpath};
	uint8_t flags, type;
	struct span value;
	if (g->slow.n_members == 0)
		return;
	rd_skip(&r, BGP_HDR_LEN - 1);
	if (rd_u8(&r) != BGP_UPDATE)
		return;
	struct rd withdrawn = rd_sub(&r, rd_u16(&r)), attrs = rd_sub(&r, rd_u16(&r));
	run.octets = SPAN(withdrawn.p, rd_left(&withdrawn));
	note_run(b, g, run);
	run.octets = SPAN(r.p, rd_left(&r));
	note_run(b, g, run);
	while (bgp_attr_next(&attrs, &flags, &type, &value)) {
		struct rd v = rd_init(value.p, value.n);
		if (type != BGP_A_MP_REACH && type != BGP_A_MP_UNREACH)
			continue;
		rd_skip(&v, 3);
		if (type == BGP_A_MP_REACH) {
			rd_skip(&v, rd_u8(&v));
			rd_skip(&v, 1);
		}
		run.octets = SPAN(v.p, rd_left(&v));
		note_run(b, g, run);
	}
}

void slow_let_off(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_group *g = m->g;
	struct bgp_chunk **pos = &m->peer->af[g->key.af].pos;
	if (g->key.addpath) {
		m->doomed = b->adj->doomed = true;
		return;
	}
	m->slow = true;
	g->slow.n_members++;
	bool first = m->queue.n == 0;
	while (*pos) {
		struct bgp_chunk *c = *pos;
		*pos = c->next;
		if (first && m->off) { /* half of it is out */
			if (!list_put(b, &m->queue, c)) {
				m->off = 0;
				m->doomed = b->adj->doomed = true;
			}
		} else {
			slow_note(b, g, c);
			chunk_unref(b, c);
		}
		first = false;
	}
}

void slow_done(struct bgp *b, struct bgp_group_member *m)
{
	struct slow *s = &m->g->slow;
	m->slow = false;
	if (--s->n_members)
		return;
	mem_put(b->env.mem, s->bits, sizeof *s->bits * s->n_words);
	*s = (struct slow){0};
}

static bool serve(struct bgp *b, struct bgp_group_member *m, struct packer *pk)
{
	const struct bgp_group *g = m->g;
	const struct bgp_table *t = &b->table[g->key.af];
	for (uint32_t dest = 1; dest <= t->dest.used; dest++) {
		if (!slow_holds(g, dest))
			continue;
		const struct out_entry *e = out_at(g, dest);
		bool has = e && e->attr && e->src != m->peer->index;
		if (has ? !pack_reach(b, pk, attr_by(b, e->attr), 0, 0, dest_at(t, dest), 0) : !pack_unreach(b, pk, 0, 0, dest_at(t, dest), 0))
			return false;
	}
	return true;
}

/* The member has read all that it had: it is given what it lacks, and follows the log again. */
void slow_serve(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_group *g = m->g;
	struct packer pk;
	bool ok = !g->slow.broken && packer_init(b, &pk, g, &m->queue) == 0;
	if (ok) {
		ok = serve(b, m, &pk);
		ok &= packer_close(b, &pk);
		packer_fini(b, &pk);
	}
	slow_done(b, m);
	g->n_idle++;
	m->passed = g->appended;
	if (!ok)
		m->doomed = b->adj->doomed = true;
}
