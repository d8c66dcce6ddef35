/* Statements of router bgp, and the nodes of an frr.conf. See frr.h. */
#include <stdlib.h>
#include <string.h>

#include "config/frr.h"

#define UNUSED (void)a, (void)why

/* --- Nodes --- */

FRR_HANDLER(frr_exit)
{
	static const uint8_t around[FRR_NODES] = {
		[FRR_AF4] = FRR_BGP, [FRR_AF6] = FRR_BGP, [FRR_BFD_PROFILE] = FRR_BFD,
	};
	UNUSED;
	f->node = around[f->node];
	return true;
}

FRR_HANDLER(frr_end)
{
	UNUSED;
	f->node = FRR_TOP;
	return true;
}

FRR_HANDLER(frr_router)
{
	struct draft *d = f->d;
	uint32_t as = a->v[0].s ? a->v[0].n : d->bgp.as;
	if (f->no) {
		sb_put(why, "expected router bgp without no");
		return false;
	}
	f->node = FRR_BGP;
	if (as == 0 || (d->has_bgp && as != d->bgp.as)) {
		if (as)
			sb_printf(why, "expected AS %u as above, found %u: there is one BGP speaker", d->bgp.as, as);
		else
			sb_put(why, "expected the number of an AS, found the end of the line");
		return false;
	}
	if (!d->has_bgp) {
		/* Defaults of a profile that was named by now. */
		memcpy(&d->bgp, &f->bgp_defaults, sizeof d->bgp);
		f->profile_used = true;
	}
	d->has_bgp = true;
	d->bgp.as = as;
	return true;
}

FRR_HANDLER(frr_family)
{
	(void)why;
	if (!f->no)
		f->node = a->v[0].n ? FRR_AF6 : FRR_AF4;
	return true;
}

FRR_HANDLER(frr_profile)
{
	if (f->profile_used) {
		sb_put(why, "expected frr defaults before router bgp");
		return false;
	}
	f->datacenter = a->v[0].n == 1;
	frr_defaults(f);
	return true;
}

FRR_HANDLER(frr_version)
{
	char *end;
	(void)why;
	unsigned long major = strtoul(a->v[0].s, &end, 10), minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	f->version = major && major < 1000 && minor < 100 ? (unsigned)(major * 100 + minor) : 0;
	frr_defaults(f);
	return true;
}

/* --- The speaker --- */

static uint32_t host_order(const struct addr *a)
{
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

FRR_HANDLER(frr_router_id)
{
	(void)why;
	f->d->bgp.router_id = f->no ? 0 : host_order(&a->v[0].p.addr);
	return true;
}

FRR_HANDLER(frr_zebra_id)
{
	(void)why;
	f->zebra_id = f->no ? 0 : host_order(&a->v[0].p.addr);
	return true;
}

FRR_HANDLER(frr_cluster_id)
{
	(void)why;
	f->d->bgp.cluster_id = f->no ? 0 : host_order(&a->v[0].p.addr);
	return true;
}

FRR_HANDLER(frr_cluster_number)
{
	(void)why;
	f->d->bgp.cluster_id = f->no ? 0 : a->v[0].n;
	return true;
}

/* RFC 4271 4.2: 1 and 2 seconds are not to be used. */
static bool timers(struct frr *f, const struct arg *k, const struct arg *h, dur_t *keepalive, dur_t *hold,
                   struct sbuf *why)
{
	if (f->no)
		return true;
	if (h->n == 1 || h->n == 2) {
		sb_printf(why, "expected a hold time of 0 or from 3 seconds, found %u", h->n);
		return false;
	}
	*hold = DUR_S(h->n);
	*keepalive = DUR_S(k->n);
	return true;
}

FRR_HANDLER(frr_timers)
{
	f->d->bgp.hold = f->bgp_defaults.hold;
	f->d->bgp.keepalive = f->bgp_defaults.keepalive;
	return timers(f, &a->v[0], &a->v[1], &f->d->bgp.keepalive, &f->d->bgp.hold, why);
}

FRR_HANDLER(frr_peer_timers)
{
	struct conf_bgp_peer *p = &f->peer->p;
	p->hold = p->keepalive = -1;
	frr_mark(f->peer->given, offsetof(struct conf_bgp_peer, hold), sizeof p->hold);
	frr_mark(f->peer->given, offsetof(struct conf_bgp_peer, keepalive), sizeof p->keepalive);
	return timers(f, &a->v[0], &a->v[1], &p->keepalive, &p->hold, why);
}

/* These count for neighbors that come after them, as in FRR. */
FRR_HANDLER(frr_default_v4)
{
	UNUSED;
	f->default_v4 = !f->no;
	return true;
}

FRR_HANDLER(frr_default_v6)
{
	UNUSED;
	f->default_v6 = !f->no;
	return true;
}

FRR_HANDLER(frr_default_shutdown)
{
	UNUSED;
	f->default_shutdown = !f->no;
	return true;
}

FRR_HANDLER(frr_med)
{
	(void)why;
	for (size_t i = 0; i < 2; i++) {
		if (a->v[i].s)
			*(a->v[i].n ? &f->d->bgp.med_missing_worst : &f->d->bgp.med_confed) = !f->no;
	}
	return true;
}

FRR_HANDLER(frr_gr)
{
	UNUSED;
	f->d->bgp.gr_mode = f->no ? GR_HELPER : GR_RESTART;
	return true;
}

FRR_HANDLER(frr_gr_off)
{
	UNUSED;
	f->d->bgp.gr_mode = f->no ? GR_HELPER : GR_OFF;
	return true;
}

FRR_HANDLER(frr_connected_check)
{
	UNUSED;
	f->no_connected_check = !f->no;
	return true;
}

FRR_HANDLER(frr_resolve)
{
	UNUSED;
	f->bgp_defaults.resolve_via_default = f->d->bgp.resolve_via_default = !f->no;
	return true;
}

FRR_HANDLER(frr_range)
{
	(void)why;
	for (uint32_t i = f->ranges.n; i-- > 0;) {
		const struct frr_range *r = DRAFT_AT(&f->ranges, struct frr_range, i);
		if (addr_eq(&r->prefix.addr, &a->v[0].p.addr) && r->prefix.len == a->v[0].p.len)
			draft_remove(&f->ranges, sizeof *r, i);
	}
	struct frr_range *r = f->no ? NULL : draft_add(f->d, &f->ranges, UINT32_MAX, sizeof *r);
	if (r) {
		r->group = a->v[1].s;
		r->line = f->line;
		memcpy(&r->prefix, &a->v[0].p, sizeof r->prefix);
	}
	return true;
}

static bool paths(struct frr *f, uint32_t n, uint8_t *field)
{
	if (n > ROUTE_HOPS_MAX && !f->no)
		frr_tell(f, DIAG_WARNING, f->line, "%d paths is the most that are used here", ROUTE_HOPS_MAX);
	*field = (uint8_t)(f->no ? 1 : min_z(n, ROUTE_HOPS_MAX));
	return true;
}

FRR_HANDLER(frr_paths_external)
{
	(void)why;
	return paths(f, a->v[0].n, &f->d->bgp.multipath_ebgp[frr_af(f)]);
}

FRR_HANDLER(frr_paths_internal)
{
	if (a->v[1].s && !f->no) {
		sb_put(why, "expected maximum-paths ibgp NUMBER without equal-cluster-length");
		return false;
	}
	return paths(f, a->v[0].n, &f->d->bgp.multipath_ibgp[frr_af(f)]);
}

FRR_HANDLER(frr_distance)
{
	struct conf_bgp *b = &f->d->bgp;
	(void)why;
	b->distance_external = f->no ? f->bgp_defaults.distance_external : (uint8_t)a->v[0].n;
	b->distance_internal = f->no ? f->bgp_defaults.distance_internal : (uint8_t)a->v[1].n;
	b->distance_local = f->no ? f->bgp_defaults.distance_local : (uint8_t)a->v[2].n;
	return true;
}

/* --- Own routes --- */

static bool same_prefix(const struct prefix *a, const struct prefix *b) { return a->len == b->len && addr_eq(&a->addr, &b->addr); }

/* The reference of a route map that is named here; 0 for none. */
static conf_ref map_named(struct frr *f, const char *name)
{
	conf_ref r = conf_builder_str(f->d->b, name);
	if (r)
		draft_mention(f->d, LIST_MAP, 0, r, f->line, NULL, NULL);
	return r;
}

static bool add_network(struct frr *f, const struct prefix *p, const char *map)
{
	struct draft_vec *v = &f->d->networks;
	uint32_t at = 0;
	while (at < v->n && !same_prefix(&DRAFT_AT(v, struct conf_bgp_network, at)->prefix, p))
		at++;
	draft_remove(v, sizeof(struct conf_bgp_network), at);
	struct conf_bgp_network *n = f->no ? NULL : draft_add(f->d, v, at, sizeof *n);
	if (n) {
		memcpy(&n->prefix, p, sizeof n->prefix);
		n->map = map_named(f, map);
		n->origin = frr_origin(f, f->line);
	}
	return true;
}

FRR_HANDLER(frr_network)
{
	(void)why;
	return add_network(f, &a->v[0].p, a->v[1].s);
}

FRR_HANDLER(frr_network_mask)
{
	struct prefix p = a->v[0].p;
	uint32_t mask = host_order(&a->v[1].p.addr);
	p.len = (uint8_t)(mask ? __builtin_popcount(mask) : 0);
	if (mask != (p.len ? UINT32_MAX << (32 - p.len) : 0)) {
		sb_printf(why, "expected a mask such as 255.255.255.0, found %s", a->v[1].s);
		return false;
	}
	for (size_t i = 0; i < 4; i++)
		p.addr.b[i] &= a->v[1].p.addr.b[i];
	return add_network(f, &p, a->v[2].s);
}

/* Options of an aggregate, in any order. */
static const char *const aggregate_options[] = {
	"as-set ...", "summary-only ...", "matching-MED-only ...", "route-map WORD ...", "origin igp|egp|incomplete ...",
	"suppress-map WORD ...",
};

static bool aggregate_option(struct frr *f, size_t *at, struct conf_bgp_aggregate *g, struct sbuf *why)
{
	struct words_best best = {.n = 0};
	struct args a;
	size_t i;
	for (i = 0; i < ARRAY_LEN(aggregate_options); i++) {
		struct words_fit fit = words_match(&f->w, *at, aggregate_options[i], false, &a);
		if (fit.ok)
			break;
		words_best_note(&best, &f->w, &fit);
	}
	*at += 1 + a.n;
	switch (i) {
	case 0:
		return g->as_set = true;
	case 1:
		return g->summary_only = true;
	case 2:
		return g->matching_med = true;
	case 3:
		g->map = map_named(f, a.v[0].s);
		return true;
	case 4:
		g->origin_set = (uint8_t)(a.v[0].n + 1);
		return true;
	case 5:
		g->suppress_map = map_named(f, a.v[0].s);
		return true;
	default:
		words_best_say(&best, &f->w, why);
		return false;
	}
}

FRR_HANDLER(frr_aggregate)
{
	struct draft_vec *v = &f->d->aggregates;
	struct conf_bgp_aggregate g;
	uint32_t at = 0;
	memset(&g, 0, sizeof g);
	memcpy(&g.prefix, &a->v[0].p, sizeof g.prefix);
	g.origin = frr_origin(f, f->line);
	for (size_t i = f->from + 2; i < f->w.n;) {
		if (!aggregate_option(f, &i, &g, why))
			return false;
	}
	while (at < v->n && !same_prefix(&DRAFT_AT(v, struct conf_bgp_aggregate, at)->prefix, &g.prefix))
		at++;
	draft_remove(v, sizeof g, at);
	struct conf_bgp_aggregate *out = f->no ? NULL : draft_add(f->d, v, at, sizeof g);
	if (out)
		memcpy(out, &g, sizeof g);
	return true;
}

static bool redistribute(struct frr *f, uint8_t source, const struct arg *metric, const char *map)
{
	struct draft_vec *v = &f->d->redistribute;
	uint32_t at = 0;
	for (; at < v->n; at++) {
		const struct conf_bgp_redistribute *r = DRAFT_AT(v, struct conf_bgp_redistribute, at);
		if (r->af == frr_af(f) && r->source == source)
			break;
	}
	draft_remove(v, sizeof(struct conf_bgp_redistribute), at);
	struct conf_bgp_redistribute *r = f->no ? NULL : draft_add(f->d, v, at, sizeof *r);
	if (r) {
		r->af = frr_af(f);
		r->source = source;
		r->map = map_named(f, map);
		r->metric_set = metric->s != NULL;
		r->metric = metric->s ? metric->n : 0;
	}
	return true;
}

FRR_HANDLER(frr_redistribute)
{
	static const uint8_t source[] = {ROUTE_CONNECTED, ROUTE_LOCAL, ROUTE_KERNEL, ROUTE_STATIC};
	(void)why;
	return redistribute(f, source[a->v[0].n], &a->v[1], a->v[2].s);
}

FRR_HANDLER(frr_redistribute_map)
{
	static const uint8_t source[] = {ROUTE_CONNECTED, ROUTE_LOCAL, ROUTE_KERNEL, ROUTE_STATIC};
	(void)why;
	return redistribute(f, source[a->v[0].n], &a->v[2], a->v[1].s);
}
