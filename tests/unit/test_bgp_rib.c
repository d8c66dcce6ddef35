/* The table: what comes in and is refused, kept, marked, swept; the decision, step by step and in every order of arrival; and that
 * all memory is given back whichever allocation fails. */
#include "bgp_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Attributes as "origin 0, path 65001 65002, med 5, lp 100, hop 10.0.1.9, ..." would say. */
struct want {
	const char *hop;         /* NULL: 10.0.1.9 */
	uint32_t path[4], n_path, med, lp, originator, cluster[3], n_cluster, community, weight;
	uint8_t origin;
	bool has_med, has_originator, local;
};

static struct bgp_attr *attrs(struct core *c, struct want x)
{
	uint8_t canon[256], path[32], clusters[16], community[4];
	struct wr w = wr_init(canon, sizeof canon), p = wr_init(path, sizeof path), l = wr_init(clusters, sizeof clusters),
	          m = wr_init(community, sizeof community);
	struct addr hop = x.local ? (struct addr){0} : core_addr(x.hop ? x.hop : "10.0.1.9"), none = {0};
	if (x.n_path) {
		wr_u8(&p, BGP_AS_SEQUENCE);
		wr_u8(&p, x.n_path);
	}
	for (uint32_t i = 0; i < x.n_path; i++)
		wr_u32(&p, x.path[i]);
	for (uint32_t i = 0; i < x.n_cluster; i++)
		wr_u32(&l, x.cluster[i]);
	wr_u32(&m, x.community);
	bgp_attr_put(&w, BGP_A_ORIGIN, &x.origin, 1);
	bgp_attr_put(&w, BGP_A_AS_PATH, path, p.len);
	if (x.has_med)
		bgp_attr_put_u32(&w, BGP_A_MED, x.med);
	if (x.lp)
		bgp_attr_put_u32(&w, BGP_A_LOCAL_PREF, x.lp);
	if (x.community)
		bgp_attr_put(&w, BGP_A_COMMUNITIES, community, 4);
	if (x.has_originator)
		bgp_attr_put_u32(&w, BGP_A_ORIGINATOR_ID, x.originator);
	if (x.n_cluster)
		bgp_attr_put(&w, BGP_A_CLUSTER_LIST, clusters, l.len);
	return attr_get(&c->b, SPAN(canon, w.len), &hop, &none, x.weight, 0, !x.local);
}

static void update(struct core *c, struct bgp_peer *p, const char *prefix, mono_t now, struct want x)
{
	struct bgp_attr *a = attrs(c, x);
	struct prefix pfx = core_prefix(prefix);
	if (!a)
		return;
	rib_update(&c->b, p, BGP_V4, &pfx, 0, a, now);
	attr_unref(&c->b, a);
}

static struct core *fresh(void)
{
	struct core *c = core_new(7);
	assert_non_null(c);
	core_link(c, 1, true);
	core_link(c, 2, true);
	return c;
}

static struct bgp_dest *dest(struct core *c, const char *prefix)
{
	struct prefix p = core_prefix(prefix);
	uint32_t id = rib_find(&c->b.table[BGP_V4], &p);
	return id ? rib_dest(&c->b.table[BGP_V4], id) : NULL;
}

/* The peer of the best path; 0: none, or our own. */
static unsigned winner(struct core *c, const char *prefix)
{
	const struct bgp_dest *d = dest(c, prefix);
	return d && d->best ? rib_path(&c->b.table[BGP_V4], d->best)->peer : 0;
}

static void done(struct core *c) { assert_int_equal(core_free(c), 0); }

/* --- What does not come in --- */

static void test_loops(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c);
	struct bgp_peer_af *n = &p->af[BGP_V4];
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100});
	assert_int_equal(n->accepted, 1);
	/* Each replaces the good one, which is withdrawn by that. */
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100, .path = {65001, 65000}, .n_path = 2});
	assert_int_equal(n->as_loop, 1);
	assert_int_equal(n->accepted, 0);
	assert_null(dest(c, "20.0.0.0/8"));
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100, .has_originator = true, .originator = 0x01010101});
	assert_int_equal(n->originator_loop, 1);
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100, .cluster = {5, 0x01010101}, .n_cluster = 2});
	assert_int_equal(n->cluster_loop, 1);
	assert_null(dest(c, "20.0.0.0/8"));
	/* allowas-in: that often, not more. */
	c->conf[0].af[BGP_V4].allowas_in = 1;
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100, .path = {65001, 65000}, .n_path = 2});
	assert_int_equal(n->accepted, 1);
	update(c, p, "21.0.0.0/8", 0, (struct want){.lp = 100, .path = {65000, 65001, 65000}, .n_path = 3});
	assert_int_equal(n->accepted, 1);
	assert_int_equal(n->as_loop, 2);
	done(c);
}

static void test_filters(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c);
	struct conf_bgp_af *k = &c->conf[0].af[BGP_V4];
	struct bgp_peer_af *n = &p->af[BGP_V4];
	c->deny[0] = core_prefix("20.7.0.0/16");
	k->prefix_list_in = 1;
	update(c, p, "20.7.1.0/24", 0, (struct want){.lp = 100});
	assert_null(dest(c, "20.7.1.0/24"));
	assert_int_equal(n->received, 0);
	/* Kept for soft reconfiguration: there, but nobody's choice. */
	k->soft_in = true;
	update(c, p, "20.7.1.0/24", 0, (struct want){.lp = 100});
	update(c, p, "20.8.1.0/24", 0, (struct want){.lp = 100});
	assert_int_equal(n->received, 2);
	assert_int_equal(n->accepted, 1);
	assert_int_equal(n->filtered, 1);
	assert_int_equal(winner(c, "20.7.1.0/24"), 0);
	assert_int_equal(winner(c, "20.8.1.0/24"), 1);
	/* Other filters, over what was kept. */
	k->prefix_list_in = 0;
	k->map_in = 1;
	rib_purge(&c->b, p, BGP_V4, PURGE_REFILTER_IN);
	core_work(c, 0);
	assert_int_equal(n->accepted, 2);
	assert_int_equal(n->filtered, 0);
	const struct bgp_path *path = rib_path(&c->b.table[BGP_V4], dest(c, "20.7.1.0/24")->best);
	assert_int_equal(attr_at(&c->b, path->attr)->v.med, 77);
	assert_true(path->raw != 0 && path->raw != path->attr);
	k->map_in = 3;
	rib_purge(&c->b, p, BGP_V4, PURGE_REFILTER_IN);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.7.1.0/24"), 0);
	assert_int_equal(winner(c, "20.8.1.0/24"), 1);
	k->map_in = 0;
	k->aspath_list_in = 1;
	k->soft_in = false;
	update(c, p, "20.8.1.0/24", 0, (struct want){.lp = 100, .path = {64999}, .n_path = 1});
	assert_null(dest(c, "20.8.1.0/24"));
	/* Weight goes to all that the peer sends. */
	k->aspath_list_in = 0;
	k->weight_set = true;
	k->weight = 9;
	update(c, p, "20.9.0.0/16", 0, (struct want){.lp = 100});
	path = rib_path(&c->b.table[BGP_V4], dest(c, "20.9.0.0/16")->best);
	assert_int_equal(attr_at(&c->b, path->attr)->weight, 9);
	done(c);
}

static void test_external(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c);
	p->external = true;
	p->as = 65001;
	/* RFC 8212 when it is asked for; RFC 8326: a neighbour that says goodbye is the last choice. */
	c->cb.ebgp_requires_policy = true;
	update(c, p, "20.0.0.0/8", 0, (struct want){.path = {65001}, .n_path = 1});
	assert_null(dest(c, "20.0.0.0/8"));
	c->cb.ebgp_requires_policy = false;
	update(c, p, "21.0.0.0/8", 0, (struct want){.path = {65001}, .n_path = 1, .community = BGP_GRACEFUL_SHUTDOWN});
	const struct bgp_path *path = rib_path(&c->b.table[BGP_V4], dest(c, "21.0.0.0/8")->best);
	assert_int_equal(attr_at(&c->b, path->attr)->v.local_pref, 0);
	assert_true(attr_at(&c->b, path->attr)->v.has & 1u << BGP_A_LOCAL_PREF);
	done(c);
}

/* --- Walks --- */

static void test_stale(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c), *q = core_peer(c);
	char text[PREFIX_TEXT];
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "20.%d.0.0/16", i);
		update(c, p, text, 0, (struct want){.lp = 200, .community = i % 2 ? BGP_NO_LLGR : 0});
		update(c, q, text, 0, (struct want){.lp = 100});
	}
	rib_purge(&c->b, p, BGP_V4, PURGE_MARK_STALE);
	core_work(c, 0);
	/* Stale ones are used as before (RFC 4724 4.2); what comes again is fresh. */
	assert_int_equal(winner(c, "20.3.0.0/16"), 1);
	update(c, p, "20.3.0.0/16", DUR_S(1), (struct want){.lp = 200, .community = BGP_NO_LLGR});
	rib_purge(&c->b, p, BGP_V4, PURGE_LLGR);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.3.0.0/16"), 1);
	assert_int_equal(winner(c, "20.4.0.0/16"), 2); /* least preferred */
	assert_int_equal(winner(c, "20.5.0.0/16"), 2); /* must not be kept */
	assert_int_equal(p->af[BGP_V4].accepted, 51);
	rib_purge(&c->b, p, BGP_V4, PURGE_STALE);
	core_work(c, 0);
	assert_int_equal(p->af[BGP_V4].accepted, 1);
	/* Enhanced refresh: what is not sent again between the markers goes. */
	rib_purge(&c->b, q, BGP_V4, PURGE_MARK_REFRESH);
	update(c, q, "20.7.0.0/16", 0, (struct want){.lp = 100});
	rib_purge(&c->b, q, BGP_V4, PURGE_REFRESH);
	core_work(c, 0);
	assert_int_equal(q->af[BGP_V4].accepted, 1);
	assert_int_equal(c->b.table[BGP_V4].n_paths, 2);
	/* One behind the other, not both at once. */
	rib_purge(&c->b, q, BGP_V4, PURGE_MARK_STALE);
	rib_purge(&c->b, q, BGP_V4, PURGE_STALE);
	core_work(c, 0);
	assert_int_equal(q->af[BGP_V4].accepted, 0);
	rib_purge(&c->b, p, BGP_V4, PURGE_ALL);
	/* A route of the next session is not one of the last. */
	update(c, p, "20.3.0.0/16", 0, (struct want){.lp = 200});
	core_work(c, 0);
	assert_int_equal(winner(c, "20.3.0.0/16"), 1);
	assert_int_equal(p->af[BGP_V4].accepted, 1);
	done(c);
}

static void test_next_hop(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c), *q = core_peer(c);
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 200, .hop = "10.0.1.9"});
	update(c, q, "20.0.0.0/8", 0, (struct want){.lp = 100, .hop = "10.0.2.9"});
	update(c, p, "30.0.0.0/8", 0, (struct want){.lp = 200, .hop = "20.1.1.1"});
	core_work(c, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	assert_int_equal(winner(c, "30.0.0.0/8"), 1); /* through the other */
	core_link(c, 1, false);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 2);
	assert_int_equal(winner(c, "30.0.0.0/8"), 1);
	core_link(c, 2, false);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 0);
	assert_int_equal(winner(c, "30.0.0.0/8"), 0);
	core_link(c, 1, true);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	assert_int_equal(winner(c, "30.0.0.0/8"), 1);
	/* The same choice, but packets go elsewhere: the kernel must hear of it. */
	struct route host = {.dst = core_prefix("10.0.1.9"), .source = ROUTE_STATIC, .table = ROUTE_TABLE_MAIN, .n_hops = 1, .hop = {{.ifindex = 2, .weight = 1}}};
	core_link(c, 2, true);
	core_work(c, 0);
	uint64_t told = c->fib_changes;
	nht_route(&c->b, &host, false);
	core_work(c, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	assert_int_equal(c->fib_changes, told + 2);
	/* A change of nothing is no change. */
	uint32_t version = c->b.table[BGP_V4].version;
	core_link(c, 1, true);
	core_work(c, 0);
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 200, .hop = "10.0.1.9"});
	assert_int_equal(c->b.table[BGP_V4].version, version);
	done(c);
}

/* --- The decision --- */

struct duel {
	const char *step;
	struct want x, y;        /* x wins */
	bool x_external, y_external;
	mono_t x_at, y_at;
};
#define EXT .x_external = true, .y_external = true
#define P1 .path = {65001}, .n_path = 1
static const struct duel duels[] = {
	{"Weight", {.weight = 5, .lp = 50}, {.lp = 200}, .x_at = 0},
	{"Local Pref", {.lp = 200, .path = {1, 2, 3}, .n_path = 3}, {.lp = 100}, .x_at = 0},
	{"Local Pref", {.lp = 100}, {.lp = 99}, .x_at = 0},
	{"Local Pref", {P1}, {.lp = 99, P1}, .x_external = true}, /* missing: the default */
	{"AS Path", {.lp = 100, P1, .origin = 2}, {.lp = 100, .path = {65001, 65002}, .n_path = 2}, .x_at = 0},
	{"Origin", {.lp = 100, .has_med = true, .med = 9}, {.lp = 100, .origin = 1}, .x_at = 0},
	{"MED", {.lp = 100, P1, .has_med = true, .med = 1, .hop = "10.0.1.9"}, {.lp = 100, P1, .has_med = true, .med = 2}, .x_at = 0},
	{"MED", {.lp = 100}, {.lp = 100, .has_med = true, .med = 1}, .x_at = 0}, /* missing: 0 */
	{"Peer Type", {P1}, {.lp = 100, P1, .has_originator = true, .originator = 1}, .x_external = true},
	{"Cluster length", {.lp = 100, .n_cluster = 1, .cluster = {7}, .has_originator = true, .originator = 9},
	 {.lp = 100, .n_cluster = 2, .cluster = {7, 8}, .has_originator = true, .originator = 1}, .x_at = 0},
	{"Older Path", {P1}, {P1}, EXT, .x_at = DUR_S(1), .y_at = DUR_S(2)},
	{"Router ID", {.lp = 100, .has_originator = true, .originator = 1}, {.lp = 100, .has_originator = true, .originator = 2}, .x_at = 0},
	{"Router ID", {.lp = 100, .has_originator = true, .originator = 1}, {.lp = 100}, .x_at = 0},
};

static void duel(const struct duel *d, bool x_first, bool x_lower)
{
	struct core *c = fresh();
	struct bgp_peer *low = core_peer(c), *high = core_peer(c), *x = x_lower ? low : high, *y = x_lower ? high : low;
	const char *reason = "";
	x->external = d->x_external;
	y->external = d->y_external;
	if (x_first)
		update(c, x, "20.0.0.0/8", d->x_at, d->x);
	update(c, y, "20.0.0.0/8", d->y_at, d->y);
	if (!x_first)
		update(c, x, "20.0.0.0/8", d->x_at, d->x);
	assert_int_equal(winner(c, "20.0.0.0/8"), x->index);
	const struct bgp_table *t = &c->b.table[BGP_V4];
	const struct bgp_dest *at = dest(c, "20.0.0.0/8");
	uint32_t other = at->first == at->best ? rib_path(t, at->first)->next : at->first;
	assert_true(decide_cmp(&c->b, t, rib_path(t, at->best), rib_path(t, other), &reason) > 0);
	assert_string_equal(reason, d->step);
	assert_true(decide_cmp(&c->b, t, rib_path(t, other), rib_path(t, at->best), &reason) < 0);
	assert_string_equal(reason, d->step);
	done(c);
}

static void test_duels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(duels); i++) {
		for (int order = 0; order < 4; order++)
			duel(&duels[i], order & 1, order & 2);
	}
	/* The last resort is the address. */
	struct duel d = {"Router ID", {.lp = 100}, {.lp = 100}, .x_at = 0};
	duel(&d, true, true);
	duel(&d, false, true);
}

static void test_neighbor(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c), *q = core_peer(c);
	const char *reason;
	q->router_id = p->router_id;
	update(c, q, "20.0.0.0/8", 0, (struct want){.lp = 100});
	update(c, p, "20.0.0.0/8", 0, (struct want){.lp = 100});
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	const struct bgp_table *t = &c->b.table[BGP_V4];
	const struct bgp_dest *at = dest(c, "20.0.0.0/8");
	uint32_t first = at->first, second = rib_path(t, first)->next;
	(void)decide_cmp(&c->b, t, rib_path(t, first), rib_path(t, second), &reason);
	assert_string_equal(reason, "Neighbor IP");
	/* Our own before all. */
	struct prefix pfx = core_prefix("20.0.0.0/8");
	struct bgp_attr *a = attrs(c, (struct want){.local = true, .weight = BGP_WEIGHT_LOCAL});
	rib_local_set(&c->b, BGP_V4, &pfx, LOCAL_NETWORK, a, true, 0);
	assert_int_equal(winner(c, "20.0.0.0/8"), 0);
	assert_true(dest(c, "20.0.0.0/8")->best);
	rib_local_set(&c->b, BGP_V4, &pfx, LOCAL_NETWORK, a, false, 0); /* import check failed */
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	attr_unref(&c->b, a);
	done(c);
}

/* RFC 4271 9.1.2.2 c: A beats B by MED, B beats C, C beats A: the same one must win in all six orders. */
static void test_med_circle(void **state)
{
	(void)state;
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int i = 0; i < 6; i++) {
		struct core *c = fresh();
		const struct want w[3] = {
			{.lp = 100, P1, .has_med = true, .med = 1, .has_originator = true, .originator = 3},
			{.lp = 100, P1, .has_med = true, .med = 2, .has_originator = true, .originator = 1},
			{.lp = 100, .path = {65002}, .n_path = 1, .has_originator = true, .originator = 2},
		};
		for (int j = 0; j < 3; j++)
			core_peer(c);
		for (int j = 0; j < 3; j++)
			update(c, &c->peer[orders[i][j]], "20.0.0.0/8", 0, w[orders[i][j]]);
		assert_int_equal(winner(c, "20.0.0.0/8"), 3);
		c->cb.always_compare_med = true;
		rib_decide_all(&c->b);
		core_work(c, 0);
		assert_int_equal(winner(c, "20.0.0.0/8"), 3);
		done(c);
	}
}

static unsigned beside(struct core *c, const char *prefix)
{
	const struct bgp_table *t = &c->b.table[BGP_V4];
	unsigned n = 0;
	for (uint32_t id = dest(c, prefix)->first; id; id = rib_path(t, id)->next)
		n += !!(rib_path(t, id)->flags & PATH_MULTI);
	return n;
}

static void test_multipath(void **state)
{
	(void)state;
	struct core *c = fresh();
	static const char *const hop[] = {"10.0.1.9", "10.0.2.9", "10.0.2.8", "10.0.1.9"};
	c->cb.multipath_ibgp[BGP_V4] = 4;
	for (int i = 0; i < 4; i++)
		update(c, core_peer(c), "20.0.0.0/8", 0, (struct want){.lp = 100, .hop = hop[i]});
	assert_int_equal(winner(c, "20.0.0.0/8"), 1);
	assert_int_equal(beside(c, "20.0.0.0/8"), 2); /* the fourth has the best one's next hop */
	c->cb.multipath_ibgp[BGP_V4] = 2;
	rib_decide_all(&c->b);
	core_work(c, 0);
	assert_int_equal(beside(c, "20.0.0.0/8"), 1);
	update(c, &c->peer[1], "20.0.0.0/8", 0, (struct want){.lp = 100, .hop = hop[1], .origin = 1});
	assert_int_equal(beside(c, "20.0.0.0/8"), 1); /* the third has stepped in */
	core_link(c, 2, false);
	core_work(c, 0);
	assert_int_equal(beside(c, "20.0.0.0/8"), 0);
	done(c);
}

/* --- Tables --- */

static void test_table(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c);
	enum { N = 20000 };
	struct bgp_attr *a = attrs(c, (struct want){.lp = 100});
	struct bgp_table *t = &c->b.table[BGP_V6];
	size_t before = c->mem.in_use;
	for (uint32_t i = 0; i < N; i++) {
		struct prefix x = {.addr = {.family = AF_V6, .b = {0x20, 1, (uint8_t)(i >> 12), (uint8_t)(i >> 4), (uint8_t)(i << 4)}}, .len = 36};
		rib_update(&c->b, p, BGP_V6, &x, 0, a, 0);
		struct prefix back;
		uint32_t id = rib_find(t, &x);
		assert_int_not_equal(id, 0);
		rib_prefix(t, rib_dest(t, id), &back);
		assert_int_equal(back.len, 36);
		assert_true(addr_eq(&back.addr, &x.addr));
	}
	assert_int_equal(t->n_dests, N);
	assert_true((c->mem.in_use - before) / N < 80);
	struct addr in = core_addr("2001:123:4567::1");
	struct prefix covering;
	uint32_t id = rib_longest(t, &in);
	assert_int_not_equal(id, 0);
	rib_prefix(t, rib_dest(t, id), &covering);
	assert_true(addr_in(&in, &covering));
	in = core_addr("2002::1");
	assert_int_equal(rib_longest(t, &in), 0);
	rib_purge(&c->b, p, BGP_V6, PURGE_ALL);
	core_work(c, 0);
	assert_int_equal(t->n_dests, 0);
	assert_int_equal(t->n_paths, 0);
	assert_int_equal(p->af[BGP_V6].received, 0);
	attr_unref(&c->b, a);
	assert_int_equal(attr_count(&c->b), 0);
	done(c);
}

/* Attributes that nobody has: found again, freed when there is time, and never many. */
static void test_idle_attributes(void **state)
{
	(void)state;
	struct core *c = fresh();
	struct bgp_attr *a = attrs(c, (struct want){.lp = 100});
	assert_false(attr_idle(&c->b));
	attr_unref(&c->b, a);
	assert_true(attr_idle(&c->b));
	assert_int_equal(attr_count(&c->b), 0);
	assert_ptr_equal(attrs(c, (struct want){.lp = 100}), a);
	assert_false(attr_idle(&c->b));
	assert_int_equal(attr_count(&c->b), 1);
	size_t one = c->mem.in_use;
	for (uint32_t i = 0; i < 20000; i++)
		attr_unref(&c->b, attrs(c, (struct want){.lp = 101 + i}));
	assert_int_equal(attr_count(&c->b), 1);
	assert_true(c->mem.in_use - one < 2 << 20);
	while (attr_work(&c->b))
		;
	assert_false(attr_idle(&c->b));
	assert_true(c->mem.in_use - one < 1 << 18); /* numbers and buckets */
	attr_unref(&c->b, a);
	done(c);
}

/* --- Withdrawals, one by one and together --- */

enum { MANY = 700, OUT_ROOM = 1 << 16 };

static struct prefix numbered(uint8_t af, uint32_t i)
{
	struct prefix p = {.addr = {.family = AF_V4, .b = {10, (uint8_t)(i >> 8), (uint8_t)i}}, .len = (uint8_t)(24 + i % 9)};
	if (af == BGP_V6)
		p = (struct prefix){.addr = {.family = AF_V6, .b = {0x20, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}}, .len = (uint8_t)(48 + i % 65)};
	return p;
}

static size_t drained(struct core *c, struct bgp_peer *p, uint8_t *out)
{
	struct span run[32];
	size_t n, len = 0;
	while ((n = adj_output(&c->b, p, run, 32)) > 0) {
		size_t all = 0;
		for (size_t i = 0; i < n; all += run[i++].n) {
			assert_true(len + all + run[i].n <= OUT_ROOM);
			memcpy(out + len + all, run[i].p, run[i].n);
		}
		len += all;
		(void)adj_sent(&c->b, p, all);
	}
	return len;
}

/* Two feeders, some of whose prefixes are the same, two groups; the kernel has some of the routes. Then one feeder takes all back. What its
 * clients are sent of that, and how much. */
static struct core *all_taken_back(uint8_t af, bool together, uint8_t *out, size_t *len)
{
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c), *q = core_peer(c), *r = core_peer(c), *s = core_peer(c);
	struct bgp_table *t = &c->b.table[af];
	c->conf[r->index - 1].af[af].rr_client = c->conf[p->index - 1].af[af].rr_client = true;
	adj_join(&c->b, p, af, 0);
	adj_join(&c->b, r, af, 0);
	adj_join(&c->b, s, af, 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct prefix x = numbered(af, i);
		struct bgp_attr *a = attrs(c, (struct want){.lp = 100 + i % 11, .hop = i % 2 ? NULL : "10.0.2.9"});
		rib_update(&c->b, p, af, &x, 0, a, 0);
		if (i % 5 == 0)
			rib_update(&c->b, q, af, &x, 0, a, 0);
		attr_unref(&c->b, a);
		rib_dest(t, rib_find(t, &x))->in_fib = i % 7 == 0;
	}
	adj_flush(&c->b, 0);
	*len = drained(c, r, out);
	for (uint32_t i = 0; i < MANY; i += RIB_AHEAD) {
		static const uint32_t id[RIB_AHEAD];
		struct prefix x[RIB_AHEAD];
		struct rib_ahead a;
		size_t n = min_z(RIB_AHEAD, MANY - i);
		for (uint32_t j = 0; j < n; j++)
			x[j] = numbered(af, i + j);
		core_ahead(c, af, &a, x, n);
		if (together)
			rib_withdraw_ahead(&c->b, p, af, &a, x, id, n, 0);
		for (size_t j = 0; !together && j < n; j++)
			rib_withdraw(&c->b, p, af, &x[j], 0, 0);
	}
	adj_flush(&c->b, 0);
	*len = drained(c, r, out);
	*len += drained(c, s, out + *len);
	return c;
}

static void test_together(void **state)
{
	(void)state;
	static uint8_t x[2 * OUT_ROOM], y[2 * OUT_ROOM];
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		size_t nx, ny;
		struct core *one = all_taken_back(af, false, x, &nx), *two = all_taken_back(af, true, y, &ny);
		const struct bgp_table *s = &one->b.table[af], *t = &two->b.table[af];
		assert_int_equal(nx, ny);
		assert_true(nx > MANY * 3);
		assert_memory_equal(x, y, nx);
		assert_int_equal(s->n_dests, t->n_dests);
		assert_int_equal(s->n_paths, t->n_paths);
		assert_int_equal(t->n_paths, MANY / 5);
		assert_int_equal(s->version, t->version);
		assert_memory_equal(s->n_len, t->n_len, sizeof s->n_len);
		assert_int_equal(one->fib_changes, two->fib_changes);
		assert_int_equal(attr_count(&one->b), attr_count(&two->b));
		assert_memory_equal(&one->peer[0].af[af].accepted, &two->peer[0].af[af].accepted, sizeof one->peer[0].af[af].accepted);
		assert_int_equal(two->peer[0].af[af].received, 0);
		assert_int_equal(one->peer[2].af[af].sent, two->peer[2].af[af].sent);
		assert_int_equal(one->mem.in_use, two->mem.in_use);
		done(one);
		done(two);
	}
}

/* A destination's number has become another's: nothing of the first one is taken for the second one's. */
static void test_number_again(void **state)
{
	(void)state;
	static const uint32_t id[1];
	struct core *c = fresh();
	struct bgp_peer *p = core_peer(c), *q = core_peer(c);
	struct bgp_table *t = &c->b.table[BGP_V4];
	struct prefix x = core_prefix("20.0.0.0/24"), y = core_prefix("30.1.0.0/16");
	struct rib_ahead a;
	update(c, p, "20.0.0.0/24", 0, (struct want){.lp = 100});
	update(c, q, "20.0.0.0/24", 0, (struct want){.lp = 100});
	uint32_t number = rib_find(t, &x);
	rib_withdraw(&c->b, q, BGP_V4, &x, 0, 0);
	core_ahead(c, BGP_V4, &a, &x, 1);
	rib_withdraw_ahead(&c->b, p, BGP_V4, &a, &x, id, 1, 0);
	assert_int_equal(t->n_dests, 0);
	update(c, p, "30.1.0.0/16", 0, (struct want){.lp = 100});
	assert_int_equal(rib_find(t, &y), number);
	rib_purge(&c->b, p, BGP_V4, PURGE_ALL);
	core_work(c, 0);
	assert_int_equal(t->n_dests, 0);
	assert_int_equal(rib_find(t, &y), 0);
	done(c);
}

/* --- No memory --- */

/* A bit of everything; what fails must leave the rest as it was. */
static void scenario(struct core *c)
{
	struct bgp_peer *p = core_peer(c), *q = core_peer(c), *r = core_peer(c);
	char text[PREFIX_TEXT];
	core_link(c, 1, true);
	c->conf[0].af[BGP_V4].rr_client = c->conf[1].af[BGP_V4].rr_client = true;
	c->conf[0].af[BGP_V4].soft_in = true;
	c->conf[0].af[BGP_V4].map_in = 1;
	c->conf[2].af[BGP_V4].addpath_tx = 1;
	r->coding.addpath_tx[BGP_V4] = true;
	adj_join(&c->b, q, BGP_V4, 0);
	adj_join(&c->b, r, BGP_V4, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "20.%d.0.0/16", i);
		update(c, p, text, 0, (struct want){.lp = 200, .has_med = true, .med = (uint32_t)i % 3});
	}
	update(c, q, "20.1.0.0/16", 0, (struct want){.lp = 300});
	adj_join(&c->b, p, BGP_V4, 0);
	adj_flush(&c->b, 0);
	adj_resend(&c->b, q, BGP_V4, true, 0);
	c->conf[1].af[BGP_V4].next_hop_self_force = true;
	adj_regroup(&c->b, q, BGP_V4, 0);
	rib_purge(&c->b, p, BGP_V4, PURGE_ALL);
	core_work(c, 0);
	adj_flush(&c->b, DUR_S(1));
	adj_leave(&c->b, q, BGP_V4);
}

static void test_no_memory(void **state)
{
	(void)state;
	size_t n = 1;
	for (; n < 5000; n++) {
		struct core *c = core_new_failing(7, n);
		if (!c)
			continue;
		scenario(c);
		bool over = c->allocations < n;
		assert_int_equal(core_free(c), 0);
		if (over)
			break;
	}
	assert_true(n > 60 && n < 5000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_loops),
	cmocka_unit_test(test_filters),
	cmocka_unit_test(test_external),
	cmocka_unit_test(test_stale),
	cmocka_unit_test(test_next_hop),
	cmocka_unit_test(test_duels),
	cmocka_unit_test(test_neighbor),
	cmocka_unit_test(test_med_circle),
	cmocka_unit_test(test_multipath),
	cmocka_unit_test(test_table),
	cmocka_unit_test(test_idle_attributes),
	cmocka_unit_test(test_together),
	cmocka_unit_test(test_number_again),
	cmocka_unit_test(test_no_memory),
};

int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
