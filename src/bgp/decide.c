/* The decision process (RFC 4271 9.1.2, RFC 4456 9), in FRR's order:
 *
 *   weight, LOCAL_PREF, local origin, AS_PATH length, ORIGIN, MED, external over internal, metric to the next hop, CLUSTER_LIST length
 *   (internal ones), [here multipath draws the line], older external one, router id or ORIGINATOR_ID, CLUSTER_LIST
 *   length, address of the neighbor
 *
 * MED is only compared between paths of one neighbouring AS, so "better" is no order: of three paths each may beat
 * the next. Paths are therefore always decided AS by AS first (what other speakers call deterministic-med and let one
 * switch off), and the result does not depend on the order in which they came. */
#include <string.h>

#include "bgp/rib_int.h"

#include "bgp/filter_int.h"

enum step {
	STEP_STALE, STEP_WEIGHT, STEP_LOCAL_PREF, STEP_LOCAL, STEP_AS_PATH, STEP_ORIGIN, STEP_MED, STEP_PEER_TYPE, STEP_METRIC,
	STEP_CLUSTER, STEP_OLDER, STEP_ROUTER_ID, STEP_CLUSTER_LEN, STEP_NEIGHBOR, STEP_NONE,
};
static const char *const step_names[] = {
	[STEP_STALE] = "Path Staleness",
	[STEP_WEIGHT] = "Weight",
	[STEP_LOCAL_PREF] = "Local Pref",
	[STEP_LOCAL] = "Local Route",
	[STEP_AS_PATH] = "AS Path",
	[STEP_ORIGIN] = "Origin",
	[STEP_MED] = "MED",
	[STEP_PEER_TYPE] = "Peer Type",
	[STEP_METRIC] = "IGP Metric",
	[STEP_CLUSTER] = "Cluster length",
	[STEP_OLDER] = "Older Path",
	[STEP_ROUTER_ID] = "Router ID",
	[STEP_CLUSTER_LEN] = "Cluster length",
	[STEP_NEIGHBOR] = "Neighbor IP",
	[STEP_NONE] = "Nothing left to compare",
};

/* A path with all that the steps look at. */
struct side {
	const struct bgp_path *path;
	const struct bgp_attr *a;
	const struct bgp_peer *peer; /* NULL: local */
};

static struct side side_of(const struct bgp *b, const struct bgp_path *p)
{
	return (struct side){.path = p, .a = attr_by(b, p->attr), .peer = p->peer ? peer_at(b, p->peer) : NULL};
}

static uint32_t local_pref(const struct bgp *b, const struct side *s)
{
	return s->a->v.has & HAS(BGP_A_LOCAL_PREF) ? s->a->v.local_pref : b->cb->local_pref;
}

static uint32_t med(const struct bgp *b, const struct side *s)
{
	return s->a->v.has & HAS(BGP_A_MED) ? s->a->v.med : b->cb->med_missing_worst ? UINT32_MAX : 0;
}

static bool external(const struct side *s) { return s->peer && s->peer->external; }

/* RFC 4271 9.1.2.2 c: the neighbouring AS; all that began inside of our own have none, and are compared among themselves. */
static bool med_counts(const struct bgp *b, const struct side *x, const struct side *y)
{
	return b->cb->always_compare_med || x->a->first_as == y->a->first_as;
}

static uint32_t metric(const struct side *s) { return s->a->nh ? s->a->nh->metric : 0; }

/* RFC 4456 9: ORIGINATOR_ID stands for the router id of the one that brought the route. */
static uint32_t origin_id(const struct bgp *b, const struct side *s)
{
	if (s->a->v.has & HAS(BGP_A_ORIGINATOR_ID))
		return s->a->v.originator_id;
	return s->peer ? s->peer->router_id : b->router_id;
}

static int lower(uint64_t x, uint64_t y) { return x < y ? 1 : x > y ? -1 : 0; }

/* What says how good a route is. */
static int cmp_route(const struct bgp *b, const struct side *x, const struct side *y, enum step *step)
{
	int r;
	*step = STEP_STALE; /* RFC 9494 4.3: only when there is nothing else */
	if ((r = lower(x->a->llgr_stale, y->a->llgr_stale)))
		return r;
	*step = STEP_WEIGHT;
	if ((r = lower(y->a->weight, x->a->weight)))
		return r;
	*step = STEP_LOCAL_PREF;
	if ((r = lower(local_pref(b, y), local_pref(b, x))))
		return r;
	*step = STEP_LOCAL;
	if ((r = lower(x->peer != NULL, y->peer != NULL)))
		return r;
	*step = STEP_AS_PATH;
	if (!b->cb->aspath_ignore && (r = lower(x->a->as_length, y->a->as_length)))
		return r;
	*step = STEP_ORIGIN;
	if ((r = lower(x->a->v.origin, y->a->v.origin)))
		return r;
	*step = STEP_MED;
	if (med_counts(b, x, y) && (r = lower(med(b, x), med(b, y))))
		return r;
	*step = STEP_PEER_TYPE;
	if ((r = lower(!external(x), !external(y))))
		return r;
	*step = STEP_METRIC;
	if ((r = lower(metric(x), metric(y))))
		return r;
	*step = STEP_CLUSTER;
	if (!external(x) && !external(y) && (r = lower(x->a->cluster_len, y->a->cluster_len)))
		return r;
	return 0;
}

/* What only settles a draw. */
static int cmp_tie(const struct bgp *b, const struct side *x, const struct side *y, enum step *step)
{
	int r;
	*step = STEP_OLDER;
	if (!b->cb->compare_router_id && external(x) && external(y) && (r = lower(x->path->when_s, y->path->when_s)))
		return r;
	*step = STEP_ROUTER_ID;
	if ((r = lower(origin_id(b, x), origin_id(b, y))))
		return r;
	*step = STEP_CLUSTER_LEN;
	if ((r = lower(x->a->cluster_len, y->a->cluster_len)))
		return r;
	*step = STEP_NEIGHBOR;
	if (x->peer && y->peer && (r = -addr_cmp(&x->peer->address, &y->peer->address)))
		return r > 0 ? 1 : -1;
	*step = STEP_NONE;
	return lower(x->path->path_id, y->path->path_id);
}

static int cmp(const struct bgp *b, const struct side *x, const struct side *y, enum step *step)
{
	int r = cmp_route(b, x, y, step);
	return r ? r : cmp_tie(b, x, y, step);
}

int decide_cmp(const struct bgp *b, const struct bgp_table *t, const struct bgp_path *x, const struct bgp_path *y,
               const char **reason)
{
	struct side sx = side_of(b, x), sy = side_of(b, y);
	enum step step;
	(void)t;
	int r = cmp(b, &sx, &sy, &step);
	*reason = step_names[step];
	return r;
}

static bool candidate(const struct bgp_path *p) { return p->attr && p->flags & PATH_VALID; }

/* Takes in what the next hops say; true when some path's usability has changed. How many may be chosen from. */
static uint32_t refresh(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d)
{
	uint32_t n = 0;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		struct bgp_path *p = path_at(t, id);
		if (p->peer && p->attr)
			p->flags = (uint16_t)(path_usable(attr_by(b, p->attr)) ? p->flags | PATH_VALID : p->flags & ~PATH_VALID);
		n += candidate(p);
	}
	return n;
}

/* The best of those with this neighbouring AS; any: of all. */
static uint32_t best_of(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, bool any, uint32_t first_as)
{
	struct side best = {0};
	uint32_t best_id = 0;
	enum step step;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (!candidate(p))
			continue;
		struct side s = side_of(b, p);
		if (!any && s.a->first_as != first_as)
			continue;
		if (!best_id || cmp(b, &s, &best, &step) > 0) {
			best = s;
			best_id = id;
		}
	}
	return best_id;
}

static bool one_as(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d)
{
	bool seen = false;
	uint32_t as = 0;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (!candidate(p))
			continue;
		uint32_t mine = attr_by(b, p->attr)->first_as;
		if (seen && mine != as)
			return false;
		seen = true;
		as = mine;
	}
	return true;
}

static uint32_t choose(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d)
{
	if (b->cb->always_compare_med || one_as(b, t, d))
		return best_of(b, t, d, true, 0);
	/* The winner of each AS, then the best of these. Paths of many ASes for one prefix are few, or somebody pays for it
	 * with the square of them. */
	struct side best = {0};
	uint32_t best_id = 0;
	enum step step;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (!candidate(p))
			continue;
		struct side s = side_of(b, p);
		if (best_of(b, t, d, false, s.a->first_as) != id)
			continue;
		if (!best_id || cmp(b, &s, &best, &step) > 0) {
			best = s;
			best_id = id;
		}
	}
	return best_id;
}

/* --- Multipath --- */

static bool equal_cost(const struct bgp *b, const struct side *best, const struct side *s)
{
	enum step step;
	if (!s->peer || external(best) != external(s) || cmp_route(b, best, s, &step) != 0)
		return false;
	if (addr_eq(&best->a->next_hop, &s->a->next_hop))
		return false;
	struct span x = best->a->v.as_path, y = s->a->v.as_path;
	return b->cb->aspath_multipath_relax || (x.n == y.n && (x.n == 0 || memcmp(x.p, y.p, x.n) == 0));
}

/* How many of the others that are as good come before this one. */
static uint32_t rank(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, const struct side *best, const struct side *s)
{
	uint32_t n = 0;
	enum step step;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (p == best->path || p == s->path || !candidate(p))
			continue;
		struct side o = side_of(b, p);
		n += equal_cost(b, best, &o) && cmp(b, &o, s, &step) > 0;
	}
	return n;
}

/* Marks those that are used beside the best one; true when that is not as it was. */
static bool multipath(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, uint32_t best_id)
{
	struct side best = best_id ? side_of(b, path_at(t, best_id)) : (struct side){0};
	uint32_t max = !best.peer ? 1 : best.peer->external ? b->cb->multipath_ebgp[t->af] : b->cb->multipath_ibgp[t->af];
	bool changed = false;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		struct bgp_path *p = path_at(t, id);
		bool on = false;
		if (max > 1 && id != best_id && candidate(p)) {
			struct side s = side_of(b, p);
			on = equal_cost(b, &best, &s) && rank(b, t, d, &best, &s) + 1 < max;
		}
		changed |= on != !!(p->flags & PATH_MULTI);
		p->flags = (uint16_t)(on ? p->flags | PATH_MULTI : p->flags & ~PATH_MULTI);
	}
	return changed;
}

static void tell(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct bgp_dest *d = dest_at(t, dest);
	struct prefix p;
	d->version = ++t->version;
	rib_prefix(t, d, &p);
	fib_dest_changed(b, t, dest);
	nht_rib_changed(b, t->af, &p);
	adj_dest_changed(b, t, dest, now);
}

void decide_dest(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	struct bgp_dest *d = dest_at(t, dest);
	bool changed = d->flags & DEST_TOUCHED;
	bool single = d->first && !path_at(t, d->first)->next;
	uint32_t n = d->first ? refresh(b, t, d) : 0, best = 0;

	if (n && single)
		best = d->first;
	else if (n)
		best = choose(b, t, d);
	changed |= best != d->best;
	if (d->first && (!single || path_at(t, d->first)->flags & PATH_MULTI))
		changed |= multipath(b, t, d, best);
	d->best = best;
	d->flags &= (uint8_t)~DEST_TOUCHED;
	/* Aggregates count every valid path, not only the best one. */
	aggregate_dest_changed(b, t, dest, now);
	if (changed)
		tell(b, t, dest, now);
	else if (adj_all_paths(b, t->af))
		adj_dest_changed(b, t, dest, now);
}
