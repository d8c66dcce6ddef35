/* explain PREFIX [to PEER]: why a route is as it is. The questions are asked again, of the same functions that
 * decided, with a trace:
 *
 *   network, aggregate    whether a statement of ours is about this prefix, and what came of it
 *   candidates            each path: its next hop, the inbound filters that it met, and the step at which it lost
 *   kernel                whether it is installed, or why not
 *   announced             to each peer, or to the one that was named: whether, and what the outbound filters said */
#include <string.h>

#include "bgp/show_int.h"

enum { TRACE_MAX = 4096 };

static void next_hop(struct show *s, const struct bgp_attr *a)
{
	if (a->next_hop.family == AF_NONE)
		return;
	show_addr(s, "nextHop", &a->next_hop);
	if (!a->nh)
		return;
	jw_bool(&s->w, "accessible", a->nh->ok);
	if (a->nh->ok) {
		show_prefix(s, "resolvedPrefix", &a->nh->via);
		jw_int(&s->w, "igpMetric", a->nh->metric);
	} else {
		jw_str(&s->w, "why", a->nh->why);
	}
}

/* The inbound filters once more, on what the peer sent, as far as that was kept. */
static void inbound(struct show *s, const struct bgp_table *t, const struct bgp_path *p, const struct prefix *pfx)
{
	const struct bgp_peer *peer = p->peer ? peer_at(s->b, p->peer) : NULL;
	const struct conf_bgp_af *c = peer ? &peer->conf->af[t->af] : NULL;
	uint32_t raw = p->raw ? p->raw : p->attr;
	char text[TRACE_MAX];
	struct sbuf trace = SB(text);
	struct bgp_edit e;
	if (!c || !raw || (!c->prefix_list_in && !c->aspath_list_in && !c->map_in))
		return;
	const struct bgp_attr *a = attr_at(s->b, raw);
	struct bgp_filter_in in = {.prefix = pfx, .peer = peer, .trace = &trace};
	edit_init(&e, a);
	if (filter_prefix_list(s->b, c->prefix_list_in, pfx, &trace) &&
	    filter_aspath_list(s->b, c->aspath_list_in, a->v.as_path, &trace))
		(void)filter_map(s->b, c->map_in, &in, &e);
	show_lines(s, "filters", &trace);
}

static void standing(struct show *s, const struct bgp_table *t, const struct bgp_dest *d, uint32_t id)
{
	const struct bgp_path *p = rib_path(t, id);
	const char *reason = "";
	if (id == d->best) {
		jw_bool(&s->w, "bestpath", true);
		jw_str(&s->w, "selectionReason", show_reason(s->b, t, d));
	} else if (p->flags & PATH_FILTERED) {
		jw_str(&s->w, "lost", "denied by an inbound filter");
	} else if (!(p->flags & PATH_VALID)) {
		jw_str(&s->w, "lost", p->flags & PATH_LOCAL ? "not valid" : "its next hop cannot be reached");
	} else if (d->best) {
		(void)decide_cmp(s->b, t, rib_path(t, d->best), p, &reason);
		jw_str(&s->w, "lost", reason);
		jw_flag(&s->w, "multipath", p->flags & PATH_MULTI);
	}
}

static void candidate(struct show *s, const struct bgp_table *t, const struct bgp_dest *d, uint32_t id,
                      const struct prefix *pfx)
{
	static const char *const kind[] = {"", "network", "redistributed", "aggregate", "default-originate"};
	const struct bgp_path *p = rib_path(t, id);
	const struct bgp_peer *peer = p->peer ? peer_at(s->b, p->peer) : NULL;
	uint32_t attr = p->attr ? p->attr : p->raw;
	jw_object(&s->w, NULL);
	if (peer)
		show_addr(s, "peer", &peer->address);
	else
		jw_str(&s->w, "local", p->path_id < ARRAY_LEN(kind) ? kind[p->path_id] : "");
	jw_bool(&s->w, "valid", p->flags & PATH_VALID && p->attr);
	jw_flag(&s->w, "stale", p->flags & PATH_STALE);
	standing(s, t, d, id);
	if (attr)
		next_hop(s, attr_at(s->b, attr));
	inbound(s, t, p, pfx);
	jw_end(&s->w);
}

static void candidates(struct show *s, const struct bgp_table *t, uint32_t dest, const struct prefix *pfx)
{
	uint32_t cursor = 0, id;
	jw_array(&s->w, "candidates");
	while (dest && show_next_path(t, rib_dest(t, dest), &cursor, &id))
		candidate(s, t, rib_dest(t, dest), id, pfx);
	jw_end(&s->w);
}

static const char *link_name(const void *ctx, uint32_t ifindex)
{
	const struct route_link *l = nht_link_at(ctx, ifindex);
	return l ? l->name : NULL;
}

static void kernel(struct show *s, const struct bgp_table *t, uint32_t dest)
{
	char text[128], line[256];
	struct sbuf why = SB(text), sb = SB(line);
	const struct bgp_dest *d = rib_dest(t, dest);
	struct route r;
	bool wanted = fib_route(s->b, t, d, &r, &why);
	jw_object(&s->w, "kernel");
	jw_bool(&s->w, "installed", wanted && d->in_fib == 1);
	if (wanted) {
		sb_route_named(&sb, &r, link_name, s->b);
		jw_str(&s->w, "route", line);
	}
	if (wanted && d->in_fib != 1)
		sb_put(&why, d->in_fib == 2 ? "the kernel refused it" : "it is on its way");
	if (text[0])
		jw_str(&s->w, "why", text);
	jw_end(&s->w);
}

static void aggregate(struct show *s, const char *key, const struct aggregate_view *v)
{
	jw_object(&s->w, key);
	show_prefix(s, "prefix", &v->prefix);
	jw_bool(&s->w, "active", v->active);
	jw_int(&s->w, "parts", v->parts);
	jw_int(&s->w, "suppressed", v->suppressed);
	if (*v->why)
		jw_str(&s->w, "why", v->why);
	jw_end(&s->w);
}

static void statements(struct show *s, const struct prefix *p)
{
	char text[512];
	struct sbuf sb = SB(text);
	struct aggregate_view v;
	if (local_explain(s->b, p, &sb))
		jw_str(&s->w, "network", text);
	if (aggregate_exact(s->b, p, &v))
		aggregate(s, "aggregate", &v);
}

static void aggregates_over(struct show *s, const struct bgp_table *t, uint32_t dest)
{
	uint32_t cursor = 0;
	struct aggregate_view v;
	jw_array(&s->w, "aggregates");
	while (aggregate_over(s->b, t, dest, &cursor, &v))
		aggregate(s, NULL, &v);
	jw_end(&s->w);
}

/* One peer: what its session has been sent, and what the filters say now. */
static void announced(struct show *s, const struct bgp_peer *p, const struct bgp_table *t, uint32_t dest)
{
	const struct bgp_dest *d = rib_dest(t, dest);
	char key[ADDR_TEXT], text[TRACE_MAX];
	struct sbuf trace = SB(text);
	struct bgp_attr *a;
	jw_object(&s->w, addr_str(&p->address, key));
	if (p->host[0])
		jw_str(&s->w, "hostname", p->host);
	if (p->state != BGP_ESTABLISHED || !p->af[t->af].negotiated) {
		jw_bool(&s->w, "announced", false);
		jw_str(&s->w, "why",
		       p->state != BGP_ESTABLISHED ? "the session is not established"
		                                   : "the session does not carry this address family");
		jw_end(&s->w);
		return;
	}
	jw_bool(&s->w, "announced", adj_advertised(s->b, p, t->af, dest) != NULL);
	if (!d->best) {
		jw_str(&s->w, "why", "no path is usable");
	} else {
		a = adj_export(s->b, p, t, dest, d->best, &trace);
		jw_bool(&s->w, "permitted", a != NULL);
		if (a)
			attr_unref(s->b, a);
		show_lines(s, "filters", &trace);
	}
	jw_end(&s->w);
}

static void all_announced(struct show *s, const struct bgp_peer *to, const struct bgp_table *t, uint32_t dest)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	jw_object(&s->w, "announced");
	while (peer_next(s->b, &cursor, &p)) {
		if (!to || to == p)
			announced(s, p, t, dest);
	}
	jw_end(&s->w);
}

void show_explain(struct show *s, const struct prefix *asked, const struct bgp_peer *to)
{
	const struct bgp_table *t = &s->b->table[asked->addr.family == AF_V4 ? BGP_V4 : BGP_V6];
	uint32_t dest = rib_find(t, asked), covering;
	struct prefix over;
	const struct route *own = nht_exact(s->b, asked);
	char line[256];
	struct sbuf sb = SB(line);
	show_prefix(s, "prefix", asked);
	statements(s, asked);
	if (own) {
		sb_route_named(&sb, own, link_name, s->b);
		jw_str(&s->w, "kernelOwn", line);
	}
	candidates(s, t, dest, asked);
	if (dest) {
		kernel(s, t, dest);
		aggregates_over(s, t, dest);
		if (rib_dest(t, dest)->suppressed)
			jw_str(&s->w, "suppressed", "by an aggregate with summary-only or a suppress-map above it");
		all_announced(s, to, t, dest);
	} else if ((covering = rib_longest(t, &asked->addr))) {
		rib_prefix(t, rib_dest(t, covering), &over);
		show_prefix(s, "coveredBy", &over);
	}
}
