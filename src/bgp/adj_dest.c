/* What the members of a group have been sent of each destination, and what a change asks for.
 *
 * The state says: all members but src have the destination with attr, src has nothing (it is its route). From (attr X) to
 * (attr' Y), with at most one message per member:
 *
 *   nothing  -> (a, Y)    a to all but Y                     (a, X) -> nothing     withdrawn from all but X
 *   (a, X)   -> (a', X)   a' to all but X                    (a, X) -> (a', Y)     a' to all but Y; withdrawn from Y
 *   (a, X)   -> (a, Y)    a to X; withdrawn from Y
 *
 * With add-path the same is done for each path. */
#include <string.h>

#include "bgp/adj_int.h"

enum { OPEN_OCTETS = 16 << 20, AHEAD_GROUPS = 4 };

/* --- State --- */

struct out_entry *out_at(const struct bgp_group *g, uint32_t dest)
{
	uint32_t page = dest >> OUT_PAGE_LOG2;
	return page < g->n_pages && g->page[page] ? &g->page[page][dest & (OUT_PAGE - 1)] : NULL;
}

static struct out_entry *out_make(struct bgp *b, struct bgp_group *g, uint32_t dest)
{
	uint32_t page = dest >> OUT_PAGE_LOG2;
	struct out_entry *e = out_at(g, dest);
	if (e)
		return e;
	if (page >= g->n_pages) {
		uint32_t n = g->n_pages ? g->n_pages : 8;
		while (n <= page)
			n *= 2;
		struct out_entry **more = mem_get(b->env.mem, sizeof(struct out_entry *) * n);
		if (!more)
			return NULL;
		if (g->n_pages)
			memcpy(more, g->page, sizeof(struct out_entry *) * g->n_pages);
		mem_put(b->env.mem, g->page, sizeof(struct out_entry *) * g->n_pages);
		g->page = more;
		g->n_pages = n;
	}
	g->page[page] = mem_get(b->env.mem, sizeof(struct out_entry) * OUT_PAGE);
	return out_at(g, dest);
}

static struct out_path *out_path_at(const struct bgp_group *g, uint32_t id) { return pool_at(&g->paths, id); }

static void free_entry(struct bgp *b, struct bgp_group *g, struct out_entry *e)
{
	if (!g->key.addpath) {
		if (e->attr)
			attr_unref(b, attr_by(b, e->attr));
		return;
	}
	for (uint32_t id = e->attr; id; id = out_path_at(g, id)->next)
		attr_unref(b, attr_by(b, out_path_at(g, id)->attr));
}

void group_drop_state(struct bgp *b, struct bgp_group *g)
{
	for (uint32_t i = 0; i < g->n_pages; i++) {
		for (uint32_t j = 0; g->page[i] && j < OUT_PAGE; j++)
			free_entry(b, g, &g->page[i][j]);
		mem_put(b->env.mem, g->page[i], sizeof(struct out_entry) * OUT_PAGE);
	}
	mem_put(b->env.mem, g->page, sizeof(struct out_entry *) * g->n_pages);
	g->page = NULL;
	g->n_pages = 0;
	pool_fini(&g->paths);
}

static bool open_in(const struct bgp_group *g, const struct out_entry *e)
{
	return (e->gen & OUT_GEN) == g->gen && !(list_empty(&g->pk.all) && list_empty(&g->pk.gone));
}

static inline bool holds(const struct bgp_group *g, uint32_t dest)
{
	const struct out_entry *e = out_at(g, dest);
	return (e && (e->attr || e->gen & OUT_AGAIN)) || (g->slow.n_members && slow_holds(g, dest));
}

static bool waits(const struct bgp_adj_state *s, uint8_t af, uint32_t dest)
{
	for (uint32_t i = 0; i < s->n_wait; i++) {
		if (s->wait[i].dest == dest && s->wait[i].af == af)
			return true;
	}
	return false;
}

bool adj_holds(const struct bgp *b, const struct bgp_table *t, uint32_t dest)
{
	if (b->adj->n_wait && waits(b->adj, t->af, dest))
		return true;
	LIST_EACH (it, tmp, &b->adj->groups[t->af]) {
		if (holds(LIST_ENTRY(it, struct bgp_group, link), dest))
			return true;
	}
	return false;
}

void adj_ahead(const struct bgp *b, uint8_t af, const uint32_t *dest, size_t n)
{
	int groups = 0;
	LIST_EACH (it, tmp, &b->adj->groups[af]) {
		for (size_t i = 0; i < n; i++) /* number 0 has an entry that nobody uses, or none */
			__builtin_prefetch(out_at(LIST_ENTRY(it, struct bgp_group, link), dest[i]), 1);
		if (++groups == AHEAD_GROUPS)
			break;
	}
}

/* --- One path's change --- */

/* The member whose route it is, if it is one. */
static struct bgp_group_member *member_of(const struct bgp *b, const struct bgp_group *g, uint16_t src)
{
	const struct bgp_peer *p = src ? peer_at(b, src) : NULL;
	struct bgp_group_member *m = p ? p->af[g->key.af].member : NULL;
	return m && m->g == g ? m : NULL;
}

struct sent {
	uint32_t attr;
	uint16_t src;
};

/* Messages that lead from `was` to `is`; x, y: the sources, if they are members. False: no memory, some may be out. */
static bool say(struct bgp *b, struct bgp_group *g, const struct bgp_dest *d, uint32_t tx_id, struct sent was, struct sent is, uint16_t x,
                uint16_t y)
{
	const struct bgp_attr *a = is.attr ? attr_by(b, is.attr) : NULL;
	if (!a)
		return pack_unreach(b, &g->pk, x, 0, d, tx_id);
	if (was.attr == is.attr && x && !pack_reach(b, &g->pk, a, 0, x, d, tx_id))
		return false;
	if (was.attr != is.attr && !pack_reach(b, &g->pk, a, y, 0, d, tx_id))
		return false;
	return !(was.attr && y && y != x) || pack_unreach(b, &g->pk, 0, y, d, tx_id);
}

/* Who has one of its own among what the others have. */
static void count_own(struct bgp_group *g, struct bgp_group_member *source, struct sent s, uint32_t by)
{
	if (!s.attr)
		return;
	g->n_out += by;
	if (source)
		source->own += by;
}

/* True when it was done, or nothing was to be done. */
static bool change(struct bgp *b, struct bgp_group *g, const struct bgp_dest *d, uint32_t tx_id, struct sent was, struct sent is,
                   bool silent)
{
	if (was.attr == is.attr && was.src == is.src)
		return true;
	struct bgp_group_member *x = member_of(b, g, was.src), *y = was.src == is.src ? x : member_of(b, g, is.src);
	if (!silent && !say(b, g, d, tx_id, was, is, x ? was.src : 0, y ? is.src : 0))
		return false;
	g->change++;
	if (is.attr)
		attr_ref(attr_by(b, is.attr));
	if (was.attr)
		attr_put(b, attr_by(b, was.attr));
	count_own(g, x, was, UINT32_MAX);
	count_own(g, y, is, 1);
	return true;
}

/* --- Best path only --- */

static const struct bgp_path *default_path(const struct bgp_table *t, const struct bgp_dest *d)
{
	for (uint32_t id = d->len == 0 ? d->first : 0; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (p->flags & PATH_LOCAL && p->path_id == LOCAL_DEFAULT)
			return p;
	}
	return NULL;
}

static const struct bgp_path *choice(const struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d)
{
	const struct bgp_path *p = g->key.conf.default_originate ? default_path(t, d) : NULL;
	return p ? p : d->best && !d->suppressed ? path_at(t, d->best) : NULL;
}

static bool best_changed(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, uint32_t dest, bool silent)
{
	const struct bgp_dest *d = dest_at(t, dest);
	const struct bgp_path *p = choice(g, t, d);
	bool no_memory = false;
	const struct bgp_attr *a = p ? export_cached(b, g, t, d, p, &no_memory) : NULL;
	struct out_entry *e = a ? out_make(b, g, dest) : out_at(g, dest);
	if (no_memory || (a && !e))
		return false;
	if (!e)
		return true;
	struct sent was = {e->attr, e->src}, is = a ? (struct sent){a->id, p->peer} : (struct sent){0, 0};
	if (was.attr == is.attr && was.src == is.src)
		return true;
	e->gen = g->gen;
	if (!change(b, g, d, 0, was, is, silent))
		return false;
	e->attr = is.attr;
	e->src = is.src;
	/* Withdrawals go before what announces, so it need not be remembered; and the number may soon be another's. */
	e->gen = is.attr ? g->gen : 0;
	return true;
}

/* --- All paths (RFC 7911) --- */

static bool announced(const struct bgp *b, const struct bgp_group *g, const struct bgp_table *t, const struct bgp_dest *d,
                      const struct bgp_path *p, uint32_t id)
{
	if (p->flags & PATH_LOCAL && p->path_id == LOCAL_DEFAULT)
		return g->key.conf.default_originate;
	if (!p->attr || !(p->flags & PATH_VALID) || d->suppressed)
		return false;
	if (g->key.conf.addpath_tx != 2 || id == d->best)
		return true;
	/* The best one of each neighbouring AS. */
	uint32_t as = attr_by(b, p->attr)->first_as;
	const char *reason;
	for (uint32_t other = d->first; other; other = path_at(t, other)->next) {
		const struct bgp_path *o = path_at(t, other);
		if (other != id && o->attr && o->flags & PATH_VALID && attr_by(b, o->attr)->first_as == as &&
		    decide_cmp(b, t, o, p, &reason) > 0)
			return false;
	}
	return true;
}

static struct out_path *out_path_find(const struct bgp_group *g, const struct out_entry *e, uint32_t tx_id)
{
	for (uint32_t id = e->attr; id; id = out_path_at(g, id)->next) {
		if (out_path_at(g, id)->tx_id == tx_id)
			return out_path_at(g, id);
	}
	return NULL;
}

static bool path_announce(struct bgp *b, struct bgp_group *g, const struct bgp_dest *d, struct out_entry *e, uint32_t tx_id,
                          struct sent is, bool silent)
{
	struct out_path *o = out_path_find(g, e, tx_id);
	if (!o) {
		uint32_t id = pool_get(&g->paths);
		if (!id)
			return false;
		o = out_path_at(g, id);
		o->tx_id = tx_id;
		if (!change(b, g, d, tx_id, (struct sent){0, 0}, is, silent)) {
			pool_put(&g->paths, id);
			return false;
		}
		o->next = e->attr;
		e->attr = id;
	} else if (!change(b, g, d, tx_id, (struct sent){o->attr, o->src}, is, silent)) {
		return false;
	}
	o->attr = is.attr;
	o->src = is.src;
	o->seen = true;
	return true;
}

/* Those that were not announced again go. */
static bool paths_sweep(struct bgp *b, struct bgp_group *g, const struct bgp_dest *d, struct out_entry *e, bool silent)
{
	bool ok = true;
	for (uint32_t *at = &e->attr; *at;) {
		uint32_t id = *at;
		struct out_path *o = out_path_at(g, id);
		if (o->seen || !change(b, g, d, o->tx_id, (struct sent){o->attr, o->src}, (struct sent){0, 0}, silent)) {
			ok &= o->seen;
			o->seen = false;
			at = &o->next;
			continue;
		}
		*at = o->next;
		pool_put(&g->paths, id);
	}
	return ok;
}

static bool paths_changed(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, uint32_t dest, bool silent)
{
	const struct bgp_dest *d = dest_at(t, dest);
	struct out_entry *e = d->first ? out_make(b, g, dest) : out_at(g, dest);
	bool ok = true, no_memory;
	if (!e)
		return !d->first;
	uint64_t before = g->change;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (!announced(b, g, t, d, p, id))
			continue;
		const struct bgp_attr *a = export_cached(b, g, t, d, p, &no_memory);
		ok &= !no_memory;
		if (a)
			ok &= path_announce(b, g, d, e, id, (struct sent){a->id, p->peer}, silent);
	}
	ok &= paths_sweep(b, g, d, e, silent);
	if (g->change != before || !ok)
		e->gen = e->attr || !ok ? g->gen : 0;
	return ok;
}

/* --- Destinations --- */

/* Most withdrawals go into the message that the one before went into. False: not this one. */
static inline bool pack_beside(struct packer *pk, uint16_t except, const struct bgp_dest *d)
{
	const struct open_msg *m = pk->last;
	if (!m || m->attr || m->except != except || m->only)
		return false;
	struct bgp_chunk *c = m->c;
	if (c->len + 1 + 16 + m->u.tail > c->cap)
		return false;
	/* As many octets as there may be, since that many are one store; what is too much is overwritten. */
	uint8_t *p = c->data + c->len;
	p[0] = d->len;
	if (pk->g->key.af == BGP_V4)
		memcpy(p + 1, d->addr, 4);
	else
		memcpy(p + 1, d->addr, 16);
	c->len += 1 + (d->len + 7u) / 8u;
	return true;
}

/* A destination without any path, in a group that is sent best ones: what happens a million times when a peer goes, so without
 * the detours of the general case. src: the member that it came from, if it did. False: the general case is to be taken. */
static inline bool group_gone(struct bgp *b, struct bgp_group *g, const struct bgp_dest *d, struct out_entry *e, struct bgp_group_member *src)
{
	if (g->key.addpath || d->first || e->gen & OUT_AGAIN || (e->gen == g->gen && open_in(g, e)))
		return false;
	if (!e->attr)
		return true;
	uint16_t except = src ? e->src : 0;
	if (!pack_beside(&g->pk, except, d) && !pack_unreach(b, &g->pk, except, 0, d, 0))
		return false;
	attr_put(b, attr_by(b, e->attr));
	*e = (struct out_entry){0};
	g->change++;
	g->n_out--;
	if (src)
		src->own--;
	return true;
}

void group_dest(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, uint32_t dest, bool silent)
{
	struct out_entry *e = out_at(g, dest);
	if (e && e->gen & OUT_AGAIN)
		return;
	if (e && open_in(g, e)) {
		if (bag_add(b->env.mem, &g->again, dest)) {
			e->gen |= OUT_AGAIN;
			return;
		}
		group_close(b, g);
	}
	bool ok = g->key.addpath ? paths_changed(b, g, t, dest, silent) : best_changed(b, g, t, dest, silent);
	if (!ok)
		g->resync = b->adj->resync = true;
}

/* Bits: it has something more to say about these. */
static uint32_t group_some(struct bgp *b, struct bgp_group *g, const struct bgp_table *t, const uint32_t *dest,
                           struct bgp_dest *const *d, size_t n)
{
	struct bgp_group_member *m = NULL; /* who is src: mostly one for all */
	uint32_t held = 0;
	uint16_t src = 0;

	for (size_t i = 0; i < n; i++) {
		struct out_entry *e = out_at(g, dest[i]);
		if (e && e->src != src) {
			src = e->src;
			m = member_of(b, g, src);
		}
		bool gone = e && group_gone(b, g, d[i], e, m);
		if (!gone)
			group_dest(b, g, t, dest[i], false);
		if (g->pk.octets > OPEN_OCTETS)
			group_close(b, g);
		held |= (uint32_t)(gone ? g->slow.n_members && slow_holds(g, dest[i]) : holds(g, dest[i])) << i;
	}
	return held;
}

static void groups_dest(struct bgp *b, uint8_t af, uint32_t dest)
{
	struct bgp_dest *d = dest_at(&b->table[af], dest);
	LIST_EACH (it, tmp, &b->adj->groups[af])
		(void)group_some(b, LIST_ENTRY(it, struct bgp_group, link), &b->table[af], &dest, &d, 1);
}

void groups_waiting(struct bgp *b)
{
	struct bgp_adj_state *s = b->adj;
	uint32_t n = s->n_wait;
	for (uint32_t i = 0; i < n; i++)
		groups_dest(b, s->wait[i].af, s->wait[i].dest);
	s->n_wait = 0;
}

void adj_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct bgp_adj_state *s = b->adj;
	if (list_empty(&s->groups[t->af]))
		return;
	s->changes++;
	s->last = now;
	s->first = mono_min(s->first, now);
	if (s->burst) {
		groups_dest(b, t->af, dest);
	} else if (!waits(s, t->af, dest)) {
		s->wait[s->n_wait].af = t->af;
		s->wait[s->n_wait++].dest = dest;
		s->burst = s->n_wait == WAIT_MAX;
		if (s->burst)
			groups_waiting(b);
	}
}

uint32_t adj_lost(struct bgp *b, struct bgp_table *t, const struct lost *l, mono_t now)
{
	struct bgp_adj_state *s = b->adj;
	uint32_t held = 0;
	size_t single = 0, n;

	for (; single < l->n && (!s->burst || list_empty(&s->groups[t->af])); single++)
		adj_dest_changed(b, t, l->dest[single], now);
	n = l->n - single;
	if (n) {
		s->changes += (uint32_t)n;
		s->last = now;
		s->first = mono_min(s->first, now);
		LIST_EACH (it, tmp, &s->groups[t->af])
			held |= group_some(b, LIST_ENTRY(it, struct bgp_group, link), t, l->dest + single, l->d + single, n) << single;
	}
	for (size_t i = 0; i < single; i++)
		held |= (uint32_t)adj_holds(b, t, l->dest[i]) << i;
	return held;
}

void group_all(struct bgp *b, struct bgp_group *g, bool silent)
{
	const struct bgp_table *t = &b->table[g->key.af];
	g->resync = false;
	for (uint32_t id = 1; id <= t->dest.used; id++) {
		if (dest_at(t, id)->flags & DEST_LIVE)
			group_dest(b, g, t, id, silent);
	}
}

void group_close(struct bgp *b, struct bgp_group *g)
{
	(void)packer_close(b, &g->pk); /* the log takes all */
	g->gen = g->gen == OUT_GEN ? 1 : g->gen + 1;
	struct bag again = g->again;
	g->again = (struct bag){0};
	for (uint32_t i = 0; i < again.n; i++) {
		struct out_entry *e = out_at(g, again.v[i]);
		e->gen = 0;
		group_dest(b, g, &b->table[g->key.af], again.v[i], false);
	}
	if (again.n)
		(void)packer_close(b, &g->pk);
	g->gen = g->gen == OUT_GEN ? 1 : g->gen + 1;
	bag_free(b->env.mem, &again);
	export_forget(b, g);
}

/* --- Comparison of two groups, from a member's side --- */

static struct sent for_member(struct sent s, uint16_t member) { return member && s.src == member ? (struct sent){0, 0} : s; }

static bool differ(struct bgp *b, struct packer *pk, const struct bgp_dest *d, uint32_t tx_id, struct sent was, struct sent is, uint16_t member)
{
	was = for_member(was, member);
	is = for_member(is, member);
	if (was.attr == is.attr)
		return true;
	if (!is.attr)
		return pack_unreach(b, pk, 0, 0, d, tx_id);
	/* A table that is kept for whoever comes says whose routes they are. */
	return pack_reach(b, pk, attr_by(b, is.attr), member ? 0 : is.src, 0, d, tx_id);
}

static bool differ_paths(struct bgp *b, struct packer *pk, const struct bgp_group *from, const struct bgp_group *g, const struct bgp_dest *d,
                         const struct out_entry *x, const struct out_entry *y, uint16_t member)
{
	bool ok = true;
	for (uint32_t id = y ? y->attr : 0; id; id = out_path_at(g, id)->next) {
		const struct out_path *o = out_path_at(g, id), *was = x ? out_path_find(from, x, o->tx_id) : NULL;
		ok &= differ(b, pk, d, o->tx_id, was ? (struct sent){was->attr, was->src} : (struct sent){0, 0},
		             (struct sent){o->attr, o->src}, member);
	}
	for (uint32_t id = x ? x->attr : 0; id; id = out_path_at(from, id)->next) {
		const struct out_path *o = out_path_at(from, id);
		if (!y || !out_path_find(g, y, o->tx_id))
			ok &= differ(b, pk, d, o->tx_id, (struct sent){o->attr, o->src}, (struct sent){0, 0}, member);
	}
	return ok;
}

bool group_difference(struct bgp *b, const struct bgp_group *from, const struct bgp_group *g, uint16_t member, struct packer *pk)
{
	const struct bgp_table *t = &b->table[g->key.af];
	bool ok = true;
	for (uint32_t dest = 1; ok && dest <= t->dest.used; dest++) {
		const struct out_entry *x = from ? out_at(from, dest) : NULL, *y = out_at(g, dest);
		if (!(x && x->attr) && !(y && y->attr))
			continue;
		const struct bgp_dest *d = dest_at(t, dest);
		if (g->key.addpath)
			ok = differ_paths(b, pk, from, g, d, x, y, member);
		else
			ok = differ(b, pk, d, 0, x ? (struct sent){x->attr, x->src} : (struct sent){0, 0},
			            y ? (struct sent){y->attr, y->src} : (struct sent){0, 0}, member);
	}
	return ok;
}

uint32_t group_own(const struct bgp_group *g, uint16_t peer)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->n_pages; i++) {
		for (uint32_t j = 0; g->page[i] && j < OUT_PAGE; j++) {
			const struct out_entry *e = &g->page[i][j];
			if (!g->key.addpath)
				n += e->attr && e->src == peer;
			else
				for (uint32_t id = e->attr; id; id = out_path_at(g, id)->next)
					n += out_path_at(g, id)->src == peer;
		}
	}
	return n;
}
