/* Neighbors, own routes and static routes of the section routing. See load.h. */
#include <string.h>

#include "config/draft.h"
#include "config/load.h"

static bool list_of(struct cfg_load *l, const struct cfg_node *v, const char *path)
{
	if (v && v->kind != NODE_LIST)
		cfg_wrong(l, v, path, "a list ( )");
	return v && v->kind == NODE_LIST;
}

/* --- Neighbors --- */

/* The far end of a network of two. AF_NONE: it is none. */
static struct addr other_end(const struct prefix *p)
{
	struct addr a = p->addr;
	size_t n = addr_len(&a);
	uint8_t *last = n ? &a.b[n - 1] : NULL;
	if (last && p->len + 1u == n * 8)
		*last ^= 1;
	else if (last && p->len + 2u == n * 8 && (*last & 3) != 0 && (*last & 3) != 3)
		*last ^= 3;
	else
		return (struct addr){.family = AF_NONE};
	return a;
}

/* The peer inside a tunnel. */
static struct addr inner_peer(const struct conf_gre *g)
{
	struct addr a = g->peer;
	for (size_t i = 0; a.family == AF_NONE && i < g->n_addresses; i++)
		a = other_end(&g->address[i]);
	return a;
}

static void check_tunnel(struct cfg_load *l, const struct cfg_node *v, conf_ref name, const char *path,
                         struct tunnel_conf **out)
{
	const struct conf_builder *b = l->job->build;
	const char *s = conf_builder_text(b, name);
	*out = name ? cfg_find_tunnel(b, b->n_tunnels, s) : NULL;
	if (name && !*out)
		cfg_tell(l, cfg_is_refused(b, s) ? DIAG_WARNING : DIAG_ERROR, v, path,
		         cfg_is_refused(b, s) ? "the tunnel \"%.60s\" was left out" : "there is no tunnel \"%.60s\"", s);
}

static void check_end(struct cfg_load *l, const struct cfg_node *v, struct conf_bgp_peer *p, const char *path)
{
	struct tunnel_conf *t;
	bool ranged = p->range.addr.family != AF_NONE;
	check_tunnel(l, v, p->tunnel, path, &t);
	if (t && !p->address.family && !ranged)
		p->address = inner_peer(&t->gre);
	if (ranged && (p->address.family || p->interface))
		cfg_tell(l, DIAG_ERROR, v, path, "expected range, or address or interface, found both");
	else if (!ranged && !p->address.family && p->interface)
		cfg_tell(l, DIAG_ERROR, v, path, "expected address beside interface: neighbors are not looked for on an interface");
	else if (!ranged && !p->address.family && !p->tunnel)
		cfg_tell(l, DIAG_ERROR, v, path, "expected address, range or tunnel, found none");
	else if (t && !ranged && !p->address.family)
		cfg_tell(l, DIAG_ERROR, v, path, "expected address = \"...\": the tunnel's gre.address does not say who the peer is");
}

static void check_twice(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const struct conf_bgp_peer *p,
                        const char *path)
{
	for (uint32_t i = 0; i < d->peers.n; i++) {
		const struct conf_bgp_peer *o = DRAFT_AT(&d->peers, struct conf_bgp_peer, i);
		bool address = p->address.family && addr_eq(&o->address, &p->address);
		bool range = p->range.addr.family && addr_eq(&o->range.addr, &p->range.addr) && o->range.len == p->range.len;
		if ((address && o->interface == p->interface) || range) {
			cfg_tell(l, DIAG_ERROR, v, path, "this neighbor stands here already");
			return;
		}
	}
}

static void load_password(struct cfg_load *l, const struct cfg_neighbor *n, struct conf_bgp_peer *p, const char *path)
{
	struct cfg_octets key;
	struct prefix peer = p->range;
	const struct cfg_node *at = n->password ? n->password : n->password_file;
	if (n->password && n->password_file)
		cfg_tell(l, DIAG_ERROR, n->password_file, path, "expected password or password_file, found both");
	if (!at || !cfg_key_read(l, n->password, n->password_file, path, "password", &key))
		return;
	if (p->address.family)
		peer = (struct prefix){p->address, (uint8_t)(addr_len(&p->address) * 8)};
	if (key.n == 0 || key.n > TCP_KEY_MAX) {
		cfg_tell(l, DIAG_ERROR, at, path, "expected a password of 1 to %d octets, found %zu", TCP_KEY_MAX, key.n);
		return;
	}
	if (!peer.addr.family) {
		cfg_tell(l, DIAG_ERROR, at, path, "expected a neighbor with address or range for a password");
		return;
	}
	p->password = true;
	if (psk_set_add_tcp(l->job->psks, &peer, key.p, key.n) < 0)
		l->arena.bad = true;
}

static void load_neighbor(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path)
{
	struct cfg_neighbor n;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_neighbor, v, path, NULL, &n, sizeof n, &given))
		return;
	n.p.origin = cfg_origin(l, v);
	check_end(l, v, &n.p, path);
	check_twice(l, d, v, &n.p, path);
	load_password(l, &n, &n.p, path);
	cfg_mention(l, d, &cfg_neighbor, &given, &n, path);
	struct conf_bgp_peer *out = draft_add(d, &d->peers, UINT32_MAX, sizeof *out);
	if (out)
		memcpy(out, &n.p, sizeof *out);
}

/* --- Own routes --- */

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_eq(&a->addr, &b->addr);
}

static void load_network(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path)
{
	struct conf_bgp_network n, *out;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_network, v, path, "prefix", &n, sizeof n, &given))
		return;
	for (uint32_t i = 0; i < d->networks.n; i++) {
		if (!same_prefix(&DRAFT_AT(&d->networks, struct conf_bgp_network, i)->prefix, &n.prefix))
			continue;
		cfg_tell(l, DIAG_ERROR, v, path, "this prefix stands here already");
		return;
	}
	n.origin = cfg_origin(l, v);
	cfg_mention(l, d, &cfg_network, &given, &n, path);
	if ((out = draft_add(d, &d->networks, UINT32_MAX, sizeof n)) != NULL)
		memcpy(out, &n, sizeof n);
}

static void load_aggregate(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path)
{
	struct conf_bgp_aggregate a, *out;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_aggregate, v, path, "prefix", &a, sizeof a, &given))
		return;
	for (uint32_t i = 0; i < d->aggregates.n; i++) {
		if (!same_prefix(&DRAFT_AT(&d->aggregates, struct conf_bgp_aggregate, i)->prefix, &a.prefix))
			continue;
		cfg_tell(l, DIAG_ERROR, v, path, "this prefix stands here already");
		return;
	}
	a.origin = cfg_origin(l, v);
	cfg_mention(l, d, &cfg_aggregate, &given, &a, path);
	if ((out = draft_add(d, &d->aggregates, UINT32_MAX, sizeof a)) != NULL)
		memcpy(out, &a, sizeof a);
}

static void load_redistribute(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path)
{
	struct conf_bgp_redistribute r, *out;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_redistribute, v, path, "source", &r, sizeof r, &given))
		return;
	for (uint32_t i = 0; i < d->redistribute.n; i++) {
		out = DRAFT_AT(&d->redistribute, struct conf_bgp_redistribute, i);
		if (out->af != r.af || out->source != r.source)
			continue;
		cfg_tell(l, DIAG_ERROR, v, path, "this source stands here already");
		return;
	}
	cfg_mention(l, d, &cfg_redistribute, &given, &r, path);
	if ((out = draft_add(d, &d->redistribute, UINT32_MAX, sizeof r)) != NULL)
		memcpy(out, &r, sizeof r);
}

void cfg_bgp_load(struct cfg_load *l, struct draft *d, const struct cfg_routing *r)
{
	const struct {
		const struct cfg_node *list;
		const char *path;
		void (*load)(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path);
	} lists[] = {
		{r->neighbors, "routing.neighbors", load_neighbor},
		{r->networks, "routing.networks", load_network},
		{r->aggregates, "routing.aggregates", load_aggregate},
		{r->redistribute, "routing.redistribute", load_redistribute},
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		unsigned k = 0;
		if (!list_of(l, lists[i].list, lists[i].path))
			continue;
		for (const struct cfg_node *v = lists[i].list->kids; v; v = v->next)
			lists[i].load(l, d, v, cfg_index_path(l, lists[i].path, k++));
	}
}

/* --- Static routes --- */

static void load_static(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path)
{
	struct conf_static_route s, *out;
	struct tunnel_conf *t;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_static, v, path, NULL, &s, sizeof s, &given))
		return;
	const struct addr *via = &s.route.hop[0].gateway;
	s.route.source = ROUTE_STATIC;
	s.route.n_hops = via->family || s.via_tunnel || s.dev;
	s.origin = cfg_origin(l, v);
	check_tunnel(l, v, s.via_tunnel, path, &t);
	if (s.route.kind == ROUTE_UNICAST && !s.route.n_hops)
		cfg_tell(l, DIAG_ERROR, v, path, "expected via, tunnel, dev or a kind that drops packets, found none");
	if (s.route.kind != ROUTE_UNICAST && s.route.n_hops)
		cfg_tell(l, DIAG_ERROR, v, path, "expected no via, tunnel or dev with a kind that drops packets");
	if ((via->family && via->family != s.route.dst.addr.family) ||
	    (s.route.src.family && s.route.src.family != s.route.dst.addr.family))
		cfg_tell(l, DIAG_ERROR, v, path, "expected addresses of one family");
	if ((out = draft_add(d, &d->statics, UINT32_MAX, sizeof s)) != NULL)
		memcpy(out, &s, sizeof s);
}

void cfg_statics_load(struct cfg_load *l, struct draft *d, const struct cfg_node *list)
{
	unsigned i = 0;
	if (!list_of(l, list, "routing.statics"))
		return;
	for (const struct cfg_node *v = list->kids; v; v = v->next)
		load_static(l, d, v, cfg_index_path(l, "routing.statics", i++));
}
