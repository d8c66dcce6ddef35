/* The proof of the routing part of a configuration blob, and the defaults of a BGP speaker (FRR 10's, where it has them). */
#include "model/conf_routing.h"

#include <string.h>

#include "model/conf.h"
#include "model/conf_shape.h"

struct blob {
	const uint8_t *p;
	size_t size;
	const struct conf_bgp *bgp; /* NULL until it was proved */
};

/* Room for n elements of `size` octets at r. */
static bool room(const struct blob *b, conf_ref r, size_t n, size_t size)
{
	return r >= sizeof(struct conf) && r % 8 == 0 && r <= b->size && n <= (b->size - r) / size;
}

static bool good_text(const struct blob *b, conf_ref r)
{
	return r == 0 || (r >= sizeof(struct conf) && r < b->size && memchr(b->p + r, 0, b->size - r));
}

/* --- What no reference can say: ranges --- */

static bool good_prefix(const struct prefix *p)
{
	return (p->addr.family == AF_V4 || p->addr.family == AF_V6) && p->len <= addr_len(&p->addr) * 8;
}

static bool good_addr(const struct addr *a) { return a->family == AF_NONE || addr_len(a) != 0; }

static uint32_t list_count(const struct conf_bgp *g, uint8_t list)
{
	switch (list) {
	case LIST_PREFIX:
		return g->prefix_lists.n;
	case LIST_COMMUNITY:
		return g->community_lists.n;
	case LIST_ASPATH:
		return g->aspath_lists.n;
	case LIST_MAP:
		return g->route_maps.n;
	default:
		return 0;
	}
}

static bool good_indices(const struct blob *b, uint8_t shape, const void *p)
{
	for (const struct conf_index *i = conf_indices(); i->shape != SHAPE_N; i++) {
		uint32_t v;
		if (i->shape != shape)
			continue;
		memcpy(&v, (const uint8_t *)p + i->off, sizeof v);
		if (v > list_count(b->bgp, i->list))
			return false;
	}
	return true;
}

static bool good_clause(const struct blob *b, const struct conf_clause *c, bool set)
{
	uint8_t list = set ? conf_set_list(c->what) : conf_match_list(c->what);
	if (c->what > (set ? SET_ORIGINATOR_ID : MATCH_SOURCE) || !good_addr(&c->address))
		return false;
	if (list != LIST_NONE && (c->u == 0 || c->u > list_count(b->bgp, list)))
		return false;
	return c->values.n % 4 == 0;
}

static bool good_clauses(const struct blob *b, struct conf_array a, bool set)
{
	const struct conf_clause *c = (const void *)(b->p + a.at);
	for (uint32_t i = 0; i < a.n; i++) {
		if (!good_clause(b, &c[i], set))
			return false;
	}
	return true;
}

static bool good_peer(const struct conf_bgp_peer *p)
{
	for (size_t i = 0; i < BGP_AF_N; i++) {
		if (p->af[i].max_prefix_threshold > 100)
			return false;
	}
	if (p->range.addr.family ? !good_prefix(&p->range) : !p->address.family && !p->interface && !p->tunnel)
		return false;
	return good_addr(&p->address) && good_addr(&p->update_source) && p->gr_mode <= GR_RESTART;
}

static bool good_rule(const struct conf_prefix_rule *r)
{
	size_t bits = r->prefix.addr.family == AF_V6 ? 128 : 32;
	return r->ge <= bits && r->le <= bits && good_prefix(&r->prefix) && r->action <= CONF_PERMIT;
}

static bool good_static(const struct conf_static_route *s)
{
	bool hops = s->route.n_hops <= ROUTE_HOPS_MAX;
	for (size_t i = 0; hops && i < s->route.n_hops; i++)
		hops = good_addr(&s->route.hop[i].gateway);
	return hops && good_prefix(&s->route.dst) && s->route.kind <= ROUTE_PROHIBIT && good_addr(&s->route.src);
}

static bool good_bgp(const struct conf_bgp *g)
{
	for (size_t i = 0; i < BGP_AF_N; i++) {
		if (g->multipath_ibgp[i] > ROUTE_HOPS_MAX || g->multipath_ebgp[i] > ROUTE_HOPS_MAX)
			return false;
	}
	return g->as != 0 && g->gr_mode <= GR_RESTART;
}

static bool good_struct(const struct blob *b, uint8_t shape, const void *p)
{
	const struct conf_map_entry *e = p;
	const struct conf_community_rule *r = p;
	switch (shape) {
	case SHAPE_ADDR:
		return good_addr(p);
	case SHAPE_ROUTING:
		return ((const struct conf_routing *)p)->module != 0;
	case SHAPE_PEER:
		return good_peer(p);
	case SHAPE_NETWORK:
		return good_prefix(&((const struct conf_bgp_network *)p)->prefix);
	case SHAPE_AGGREGATE:
		return good_prefix(&((const struct conf_bgp_aggregate *)p)->prefix) &&
		       ((const struct conf_bgp_aggregate *)p)->origin_set <= 3;
	case SHAPE_REDISTRIBUTE:
		return ((const struct conf_bgp_redistribute *)p)->af < BGP_AF_N &&
		       ((const struct conf_bgp_redistribute *)p)->source <= ROUTE_OURS;
	case SHAPE_PREFIX_LIST:
		return ((const struct conf_prefix_list *)p)->name && ((const struct conf_prefix_list *)p)->af < BGP_AF_N;
	case SHAPE_PREFIX_RULE:
		return good_rule(p);
	case SHAPE_COMMUNITY_LIST:
		return ((const struct conf_community_list *)p)->name &&
		       ((const struct conf_community_list *)p)->kind <= COMM_LARGE;
	case SHAPE_COMMUNITY_RULE:
		return r->action <= CONF_PERMIT && r->values.n % 4 == 0;
	case SHAPE_ASPATH_LIST:
		return ((const struct conf_aspath_list *)p)->name != 0;
	case SHAPE_ASPATH_RULE:
		return ((const struct conf_aspath_rule *)p)->regex && ((const struct conf_aspath_rule *)p)->action <= CONF_PERMIT;
	case SHAPE_ROUTE_MAP:
		return ((const struct conf_route_map *)p)->name != 0;
	case SHAPE_MAP_ENTRY:
		return e->action <= CONF_PERMIT && e->on_match <= ON_MATCH_GOTO && good_clauses(b, e->match, false) &&
		       good_clauses(b, e->set, true);
	case SHAPE_STATIC:
		return good_static(p);
	default:
		return true;
	}
}

/* --- References, by the rows of conf_shape.c --- */

static bool good_array(const struct blob *b, uint8_t shape, struct conf_array a);

static bool good_parts(struct blob *b, uint8_t shape, const void *p)
{
	const struct conf_shape *s = conf_shape(shape);
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t *field = (const uint8_t *)p + s->part[i].off;
		struct conf_array a = {.n = 1};
		memcpy(&a.at, field, sizeof a.at);
		if (s->part[i].kind == PART_TEXT) {
			if (!good_text(b, a.at))
				return false;
			continue;
		}
		if (s->part[i].kind == PART_ARRAY)
			memcpy(&a, field, sizeof a);
		else if (a.at == 0)
			continue;
		if (!good_array(b, s->part[i].shape, a))
			return false;
	}
	return good_struct(b, shape, p) && (!b->bgp || good_indices(b, shape, p));
}

/* Shapes nest six deep, and never themselves. */
static bool good_array(const struct blob *b, uint8_t shape, struct conf_array a)
{
	size_t size = conf_shape(shape)->size;
	struct blob inner = *b;
	if (a.n == 0)
		return true;
	if (!room(b, a.at, a.n, size))
		return false;
	if (shape == SHAPE_BGP) { /* indices count in its lists, which lie in it */
		inner.bgp = (const void *)(b->p + a.at);
		if (!good_bgp(inner.bgp))
			return false;
	}
	for (uint32_t i = 0; shape != SHAPE_OCTETS && i < a.n; i++) {
		if (!good_parts(&inner, shape, b->p + a.at + i * size))
			return false;
	}
	return true;
}

bool conf_routing_check(const void *blob, size_t size, conf_ref routing)
{
	struct blob b = {.p = blob, .size = size};
	return good_array(&b, SHAPE_ROUTING, (struct conf_array){.at = routing, .n = 1});
}

/* --- Defaults. Copied from static storage: padding is zero, so that equal configurations are equal octets. --- */

void conf_bgp_defaults(struct conf_bgp *b)
{
	static const struct conf_bgp defaults = {
		.hold = DUR_S(180),
		.keepalive = DUR_S(60),
		.connect_retry = DUR_S(30),
		.port = 179,
		.listen_limit = 100,
		.import_check = true,
		.client_to_client = true,
		.reject_as_sets = true,
		.log_changes = true,
		.fast_failover = true,
		.install = true,
		.ebgp_requires_policy = true,
		.suppress_duplicates = true,
		.local_pref = 100,
		.multipath_ibgp = {1, 1},
		.multipath_ebgp = {1, 1},
		.gr_mode = GR_HELPER,
		.gr_notification = true,
		.gr_restart = DUR_S(120),
		.gr_stale = DUR_S(360),
		.gr_select_defer = DUR_S(240),
		.write_hold = DUR_S(480),
		.distance_internal = 200,
		.distance_external = 20,
		.distance_local = 200,
		.table = ROUTE_TABLE_MAIN,
		.metric = ROUTE_METRIC_BGP,
		.tunnel_grace = DUR_S(60),
	};
	memcpy(b, &defaults, sizeof *b);
}

#define AF_DEFAULTS .send_community = true, .send_extended = true, .send_large = true, .max_prefix_threshold = 75, \
		    .addpath_rx = 1

void conf_bgp_peer_defaults(struct conf_bgp_peer *p)
{
	static const struct conf_bgp_peer defaults = {
		.hold = -1,
		.keepalive = -1,
		.connect_retry = -1,
		.enforce_first_as = true,
		.capability_fqdn = true,
		.bfd_rx_ms = 300,
		.bfd_tx_ms = 300,
		.bfd_multiplier = 3,
		.af = {{.active = true, AF_DEFAULTS}, {AF_DEFAULTS}},
	};
	memcpy(p, &defaults, sizeof *p);
}
