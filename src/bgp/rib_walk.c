/* Walks over the tables: whatever concerns many destinations at once (a peer went, its paths are stale, a next hop changed, the decision has
 * other options) is noted and done in one pass for all that is pending, in slices. There are no lists of paths per peer:
 * they would cost memory for each path, and the pass costs a few nanoseconds a path.
 *
 * What is asked for about a peer whose earlier walk is not over makes that walk end first; so marks and sweeps never mix, and
 * a route that is received anew is never taken for an old one. */
#include <string.h>

#include "bgp/filter_int.h"
#include "bgp/rib_int.h"

enum { SLICE = 65536 /* destinations */, ROUNDS = 4 };

static bool peer_room(struct bgp *b, uint16_t index)
{
	struct bgp_rib_state *s = b->rib;
	if (index < s->n_peer)
		return true;
	uint32_t n = s->n_peer ? s->n_peer : 64;
	while (n <= index)
		n *= 2;
	struct walk_peer *more = mem_get(b->env.mem, sizeof *more * n);
	if (!more)
		return false;
	if (s->n_peer)
		memcpy(more, s->peer, sizeof *more * s->n_peer);
	mem_put(b->env.mem, s->peer, sizeof *more * s->n_peer);
	s->peer = more;
	s->n_peer = n;
	return true;
}

static void start(struct bgp_rib_state *s)
{
	s->walking = true;
	s->af = 0;
	s->at = 1;
}

/* --- What is done to a path --- */

/* RFC 9494 4.3: the same attributes with the mark; a reference; NULL: no memory, or no room. */
static struct bgp_attr *marked(struct bgp *b, struct bgp_attr *a)
{
	static const uint8_t stale[4] = {BGP_LLGR_STALE >> 24, BGP_LLGR_STALE >> 16 & 0xff, 0, BGP_LLGR_STALE & 0xff};
	struct bgp_edit e;
	edit_init(&e, a);
	e.v.has |= HAS(BGP_A_COMMUNITIES);
	if (!edit_union(&e, e.v.communities, SPAN(stale, 4), 4, &e.v.communities))
		return NULL;
	e.changed = true;
	b->session_ifindex = a->ifindex;
	return edit_commit(b, &e, a->nh != NULL);
}

static void refilter(struct bgp *b, struct bgp_table *t, uint32_t path, const struct prefix *pfx)
{
	struct bgp_path *p = path_at(t, path);
	const struct bgp_peer *peer = peer_at(b, p->peer);
	struct bgp_attr *raw = attr_by(b, p->raw ? p->raw : p->attr);
	uint8_t verdict = peer ? in_filter(b, peer, t->af, pfx, raw) : IN_NO_MEMORY;
	if (verdict == IN_NO_MEMORY) /* as it was */
		return;
	struct bgp_attr *attr = verdict == IN_PASS ? b->rib->in.attr : NULL, *llgr = NULL;
	if (attr && p->flags & PATH_LLGR && !(attr = llgr = marked(b, attr)))
		return;
	path_refill(b, t, path, attr, attr != raw ? raw : NULL);
	attr_unref(b, llgr);
}

/* RFC 9494 4.3: kept longer, least preferred, and said so to others, unless the route says that it must not be. */
static bool llgr(struct bgp *b, struct bgp_table *t, uint32_t path)
{
	struct bgp_path *p = path_at(t, path);
	struct bgp_attr *a = p->attr ? attr_by(b, p->attr) : NULL;
	if (!(p->flags & PATH_STALE))
		return true;
	if (!a || bgp_communities_have(a->v.communities, BGP_NO_LLGR))
		return false;
	struct bgp_attr *m = marked(b, a);
	if (!m)
		return false;
	p->flags |= PATH_LLGR;
	path_refill(b, t, path, m, p->raw ? attr_at(b, p->raw) : a);
	attr_unref(b, m);
	return true;
}

/* False: the path goes. *touched: it is not what it was. */
static bool path_walk(struct bgp *b, struct bgp_table *t, uint32_t path, const struct prefix *pfx, uint8_t what, bool *touched)
{
	struct bgp_path *p = path_at(t, path);
	if (what & 1 << PURGE_ALL || (what & 1 << PURGE_STALE && p->flags & PATH_STALE) ||
	    (what & 1 << PURGE_REFRESH && p->flags & PATH_REFRESHING))
		return false;
	if (what & 1 << PURGE_LLGR) {
		*touched = true;
		if (!llgr(b, t, path))
			return false;
	}
	if (what & 1 << PURGE_MARK_STALE)
		p->flags |= PATH_STALE;
	if (what & 1 << PURGE_MARK_REFRESH)
		p->flags |= PATH_REFRESHING;
	if (what & 1 << PURGE_REFILTER_IN) {
		*touched = true;
		refilter(b, t, path, pfx);
	}
	return true;
}

static uint8_t what_of(const struct bgp_rib_state *s, const struct bgp_table *t, const struct bgp_path *p)
{
	if (s->lone && p->peer == s->lone)
		return s->lone_what[t->af];
	return p->peer < s->n_peer ? s->peer[p->peer].what[t->af] : 0;
}

static void dest_walk(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct bgp_rib_state *s = b->rib;
	struct bgp_dest *d = dest_at(t, dest);
	bool again = s->decide_all;
	struct prefix pfx;

	for (uint32_t id = d->first, prev = 0, next; id; id = next) {
		struct bgp_path *p = path_at(t, id);
		next = p->next;
		uint8_t what = what_of(s, t, p);
		if (s->nh_changed && p->attr) {
			const struct bgp_nh *nh = attr_by(b, p->attr)->nh;
			if (nh && nh->changed) {
				/* Packets go elsewhere even when the route stays the same. */
				d->flags |= id == d->best || p->flags & PATH_MULTI ? DEST_TOUCHED : 0;
				again = true;
			}
		}
		if (what & 1 << PURGE_REFILTER_IN)
			rib_prefix(t, d, &pfx);
		bool touched = false;
		if (what && !path_walk(b, t, id, &pfx, what, &touched)) {
			path_remove(b, t, dest, id, prev);
			again = true;
			continue;
		}
		if (touched) {
			d->flags |= id == d->best || p->flags & PATH_MULTI ? DEST_TOUCHED : 0;
			again = true;
		}
		prev = id;
	}
	if (again)
		dest_changed(b, t, dest, 0, now);
}

static void end(struct bgp *b)
{
	struct bgp_rib_state *s = b->rib;
	if (s->nh_changed)
		attr_nh_walked(b);
	for (uint32_t i = 0; s->n_purges && i < s->n_peer; i++)
		s->peer[i] = (struct walk_peer){0};
	s->n_purges = 0;
	s->lone = 0;
	s->lone_what[BGP_V4] = s->lone_what[BGP_V6] = 0;
	s->walking = s->decide_all = s->nh_changed = false;
	in_forget(b);
	if (s->again) {
		s->again = false;
		s->decide_all = true;
		start(s);
	}
}

/* At most `n` destinations; true: the walk is not over. */
static bool walk(struct bgp *b, uint32_t n, mono_t now)
{
	struct bgp_rib_state *s = b->rib;
	while (s->walking && n) {
		struct bgp_table *t = &b->table[s->af];
		for (; n && s->at <= t->dest.used; s->at++, n--) {
			if (dest_at(t, s->at)->flags & DEST_LIVE)
				dest_walk(b, t, s->at, now);
		}
		if (s->at <= t->dest.used)
			break;
		s->at = 1;
		if (++s->af == BGP_AF_N)
			end(b);
	}
	return s->walking;
}

/* --- Front --- */

static uint8_t pending(const struct bgp_rib_state *s, uint16_t peer, uint8_t af)
{
	return peer < s->n_peer ? s->peer[peer].what[af] : 0;
}

void walk_peer_now(struct bgp *b, uint16_t peer, uint8_t af, mono_t now)
{
	while (pending(b->rib, peer, af))
		(void)rib_work(b, now);
}

void rib_purge(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t what)
{
	struct bgp_rib_state *s = b->rib;
	if (pending(s, p->index, af) != 1u << what)
		walk_peer_now(b, p->index, af, b->now);
	while (s->walking) /* one that is under way has passed some of the destinations already */
		(void)walk(b, SLICE, b->now);
	in_forget(b);
	if (b->table[af].n_paths == 0)
		return;
	if (!peer_room(b, p->index)) {
		/* Without room for a note it is done on the spot. */
		s->lone = p->index;
		s->lone_what[af] = (uint8_t)(1u << what);
		start(s);
		while (walk(b, SLICE, b->now))
			;
		return;
	}
	s->n_purges += s->peer[p->index].what[af] == 0;
	s->peer[p->index].what[af] |= (uint8_t)(1u << what);
}

void rib_decide_all(struct bgp *b)
{
	struct bgp_rib_state *s = b->rib;
	if (s->walking)
		s->again = true;
	else
		s->decide_all = true;
}

bool rib_work(struct bgp *b, mono_t now)
{
	struct bgp_rib_state *s = b->rib;
	/* What a walk does to the table may change what next hops resolve to, and so on. */
	for (int round = 0; round < ROUNDS; round++) {
		if (!s->walking) {
			s->nh_changed = nht_settle(b);
			if (!s->nh_changed && !s->n_purges && !s->decide_all)
				return false;
			start(s);
		}
		if (walk(b, SLICE, now))
			break;
	}
	return true;
}
