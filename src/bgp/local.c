/* Routes of our own: network, redistribute, default-originate.
 *
 * A network with import check is valid while the kernel has a route for exactly its prefix, whatever kind:
 * connected, an
 * address of this host, kernel, static. It stays in the table when it is not valid, so that show and explain can
 * say so.
 * What has been put into the table is kept here, by prefix and kind: after a new configuration, all that it asks
 * for is set anew
 * (rib.c leaves alone what is equal), and what was not asked for again goes.
 *
 * The default route of default-originate is in the table as never valid: it is nobody's best path, and adj_out.c
 * gives it
 * to those peers that are configured so. */
#include <errno.h>
#include <string.h>

#include "bgp/policy_int.h"

enum { SLICE = 1024 };

/* Something that we put into the table. */
struct local_route {
	struct hnode node;
	struct list all;
	struct prefix prefix;
	uint8_t kind; /* enum bgp_local_kind */
	uint32_t seen;
};
/* A network statement, by prefix. */
struct local_net {
	struct hnode node;
	uint32_t index; /* in conf_bgp.networks */
};
enum local_phase { LOCAL_IDLE, LOCAL_WALK, LOCAL_SWEEP };
struct bgp_local_state {
	struct hmap routes, nets;
	struct list all;
	struct local_net *net; /* n_nets of them */
	uint32_t n_nets, generation;
	uint8_t phase; /* enum local_phase */
	uint64_t cursor;
};

static uint64_t prefix_hash(const struct hmap *m, const struct prefix *p, uint8_t kind)
{
	uint8_t key[19];
	struct wr w = wr_init(key, sizeof key);
	wr_u8(&w, p->addr.family);
	wr_u8(&w, p->len);
	wr_u8(&w, kind);
	wr_bytes(&w, p->addr.b, addr_len(&p->addr));
	return hmap_hash(m, key, w.len);
}

static bool prefix_eq(const struct prefix *x, const struct prefix *y)
{
	return x->len == y->len && addr_eq(&x->addr, &y->addr);
}

static uint8_t af_of(const struct prefix *p) { return p->addr.family == AF_V4 ? BGP_V4 : BGP_V6; }

static struct local_route *route_find(const struct bgp_local_state *s, const struct prefix *p, uint8_t kind)
{
	struct hnode *n = hmap_first(&s->routes, prefix_hash(&s->routes, p, kind));
	for (; n; n = hmap_next(n)) {
		struct local_route *r = CONTAINER_OF(n, struct local_route, node);
		if (r->kind == kind && prefix_eq(&r->prefix, p))
			return r;
	}
	return NULL;
}

static void route_drop(struct bgp *b, struct local_route *r)
{
	hmap_del(&b->local->routes, &r->node);
	list_del(&r->all);
	mem_put(b->env.mem, r, sizeof *r);
}

/* attr is taken over; NULL: the route is not to be there. */
static void put(struct bgp *b, const struct prefix *p, uint8_t kind, struct bgp_attr *attr, bool valid, mono_t now)
{
	struct bgp_local_state *s = b->local;
	struct local_route *r = route_find(s, p, kind);
	if (attr && !r) {
		r = mem_get(b->env.mem, sizeof *r);
		if (!r) {
			act_note(b, -1, "no memory for a route of our own");
			attr_unref(b, attr);
			return;
		}
		r->prefix = *p;
		r->kind = kind;
		hmap_add(&s->routes, &r->node, prefix_hash(&s->routes, p, kind));
		list_add_tail(&s->all, &r->all);
	}
	if (attr) {
		r->seen = s->generation;
		rib_local_set(b, af_of(p), p, kind, attr, valid, now);
		attr_unref(b, attr);
	} else if (r) {
		rib_local_del(b, af_of(p), p, kind, now);
		route_drop(b, r);
	}
}

struct bgp_attr *local_attr(struct bgp *b, uint8_t origin, uint32_t med, const struct addr *next_hop)
{
	static const struct addr none;
	uint8_t canon[32];
	struct wr w = wr_init(canon, sizeof canon);
	bgp_attr_put(&w, BGP_A_ORIGIN, &origin, 1);
	bgp_attr_put(&w, BGP_A_AS_PATH, NULL, 0);
	bgp_attr_put_u32(&w, BGP_A_MED, med);
	return attr_get(b, SPAN(canon, w.len), next_hop, &none, BGP_WEIGHT_LOCAL, 0, false);
}

/* `a` (taken over) behind a route map: NULL when it is denied, or there is no memory. */
static struct bgp_attr *mapped(struct bgp *b, struct bgp_attr *a, uint32_t map, const struct bgp_filter_in *in)
{
	struct bgp_edit e;
	struct bgp_attr *out = NULL;
	if (!a || map == 0)
		return a;
	edit_init(&e, a);
	if (filter_map(b, map, in, &e))
		out = edit_commit(b, &e, false);
	attr_unref(b, a);
	return out;
}

/* zebra has connected routes and addresses without a metric. */
static uint32_t metric_of(const struct route *r)
{
	return !r || r->source == ROUTE_CONNECTED || r->source == ROUTE_LOCAL ? 0 : r->metric;
}

/* --- Networks --- */
static const struct conf_bgp_network *network_at(const struct bgp *b, uint32_t i)
{
	return conf_at(b->conf, b->cb->networks, sizeof(struct conf_bgp_network), i);
}

static void network_eval(struct bgp *b, const struct conf_bgp_network *n, mono_t now)
{
	const struct route *r = nht_exact(b, &n->prefix);
	struct bgp_filter_in in = {.prefix = &n->prefix, .source = r ? r->source : ROUTE_STATIC};
	struct bgp_attr *a = local_attr(b, BGP_IGP, metric_of(r), &(struct addr){0});
	put(b, &n->prefix, LOCAL_NETWORK, mapped(b, a, n->map, &in), r || n->no_check || !b->cb->import_check, now);
}

static const struct conf_bgp_network *network_find(const struct bgp *b, const struct prefix *p)
{
	const struct bgp_local_state *s = b->local;
	struct hnode *n = hmap_first(&s->nets, prefix_hash(&s->nets, p, 0));
	for (; n; n = hmap_next(n)) {
		const struct conf_bgp_network *c = network_at(b, CONTAINER_OF(n, struct local_net, node)->index);
		if (c && prefix_eq(&c->prefix, p))
			return c;
	}
	return NULL;
}

bool local_explain(const struct bgp *b, const struct prefix *p, struct sbuf *out)
{
	const struct conf_bgp_network *c = b->cb ? network_find(b, p) : NULL;
	const struct route *r = nht_exact(b, p);
	static const char *const source[] = {"connected", "an address of this host",  "kernel",
	                                     "static",    "another routing daemon's", "ours"};
	if (!c)
		return false;
	sb_put(out, "network ");
	sb_prefix(out, p);
	sb_printf(out, " (%s): ", conf_str(b->conf, c->origin));
	if (!r && (c->no_check || !b->cb->import_check))
		sb_put(out, "valid, because it is not compared with the kernel's routes");
	else if (!r)
		sb_put(out,
		       "not valid, because the kernel has no route for exactly this prefix: neither connected, "
			"nor an address, nor kernel, nor static");
	else
		sb_printf(out, "valid, the kernel has a route for exactly this prefix (%s)",
		          r->source < ARRAY_LEN(source) ? source[r->source] : "?");
	return true;
}

/* The statements of a new configuration, by prefix. */
static int networks_index(struct bgp *b)
{
	struct bgp_local_state *s = b->local;
	uint32_t n = b->cb ? b->cb->networks.n : 0;
	for (uint32_t i = 0; i < s->n_nets; i++)
		hmap_del(&s->nets, &s->net[i].node);
	mem_put(b->env.mem, s->net, sizeof *s->net * s->n_nets);
	s->n_nets = 0;
	s->net = n ? mem_get(b->env.mem, sizeof *s->net * n) : NULL;
	if (n && !s->net)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		s->net[i].index = i;
		hmap_add(&s->nets, &s->net[i].node, prefix_hash(&s->nets, &network_at(b, i)->prefix, 0));
	}
	s->n_nets = n;
	return 0;
}

/* --- Redistribution --- */
static const struct conf_bgp_redistribute *redistribute_find(const struct bgp *b, const struct route *r)
{
	for (uint32_t i = 0; r && i < b->cb->redistribute.n; i++) {
		const struct conf_bgp_redistribute *c = conf_at(b->conf, b->cb->redistribute, sizeof *c, i);
		if (c->af == af_of(&r->dst) && c->source == r->source)
			return c;
	}
	return NULL;
}

/* Link-local networks and the like are no business of others (zebra does not hand them on either). */
static bool may_leave(const struct route *r)
{
	const uint8_t *o = r->dst.addr.b;
	if (r->table != 0 && r->table != ROUTE_TABLE_MAIN && r->source != ROUTE_LOCAL)
		return false;
	if (r->dst.addr.family == AF_V4)
		return o[0] != 127 && (o[0] & 0xf0) != 0xe0;
	return !(o[0] == 0xfe && (o[1] & 0xc0) == 0x80) && o[0] != 0xff;
}

static void redistribute_eval(struct bgp *b, const struct prefix *p, mono_t now)
{
	const struct route *r = nht_exact(b, p);
	const struct conf_bgp_redistribute *c = redistribute_find(b, r);
	struct bgp_attr *a = NULL;
	if (c && may_leave(r)) {
		struct bgp_filter_in in = {.prefix = p, .source = r->source};
		struct addr gateway = r->n_hops ? r->hop[0].gateway : (struct addr){0};
		a = local_attr(b, BGP_INCOMPLETE, c->metric_set ? c->metric : metric_of(r), &gateway);
		a = mapped(b, a, c->map, &in);
	}
	put(b, p, LOCAL_REDISTRIBUTED, a, true, now);
}

/* --- default-originate --- */
static void default_eval(struct bgp *b, uint8_t af, mono_t now)
{
	struct prefix p = {.addr = addr_any(af == BGP_V4 ? AF_V4 : AF_V6)};
	bool wanted = false;
	for (uint32_t i = 0; i < b->cb->peers.n; i++) {
		const struct conf_bgp_peer *c = conf_at(b->conf, b->cb->peers, sizeof *c, i);
		wanted |= c->af[af].active && c->af[af].default_originate;
	}
	put(b, &p, LOCAL_DEFAULT, wanted ? local_attr(b, BGP_IGP, 0, &(struct addr){0}) : NULL, false, now);
}

/* --- Entry points --- */
void local_conf(struct bgp *b, mono_t now)
{
	struct bgp_local_state *s = b->local;
	s->generation++;
	if (networks_index(b) != 0)
		act_note(b, -1, "no memory for the network statements");
	if (b->cb) {
		for (uint32_t i = 0; i < s->n_nets; i++)
			network_eval(b, network_at(b, i), now);
		default_eval(b, BGP_V4, now);
		default_eval(b, BGP_V6, now);
	}
	s->cursor = 0;
	s->phase = b->cb && b->cb->redistribute.n ? LOCAL_WALK : LOCAL_SWEEP;
	fib_conf(b, now);
}

/* An address comes with its host bits. */
static void clear_host_bits(struct prefix *p)
{
	for (size_t i = 0; i < sizeof p->addr.b; i++) {
		size_t bits = p->len > i * 8 ? min_z(8, p->len - i * 8) : 0;
		p->addr.b[i] &= (uint8_t)(0xff00 >> bits);
	}
}

void local_kernel_route(struct bgp *b, const struct prefix *changed, mono_t now)
{
	struct prefix p = *changed;
	struct bgp_table *t = &b->table[af_of(&p)];
	if (!b->cb)
		return;
	clear_host_bits(&p);
	const struct conf_bgp_network *n = network_find(b, &p);
	if (n)
		network_eval(b, n, now);
	if (b->cb->redistribute.n)
		redistribute_eval(b, &p, now);
	/* A route of the kernel's own for the same prefix keeps ours out. */
	uint32_t dest = rib_find(t, &p);
	if (dest)
		fib_dest_changed(b, t, dest);
}

static void walk(struct bgp *b, mono_t now)
{
	struct bgp_local_state *s = b->local;
	const struct route *r = NULL;
	for (uint32_t i = 0; i < SLICE && (r = nht_walk(b, &s->cursor)); i++) {
		struct prefix p = r->dst;
		redistribute_eval(b, &p, now);
	}
	if (!r)
		s->phase = LOCAL_SWEEP;
}

/* What the new configuration did not ask for again. */
static void sweep(struct bgp *b, mono_t now)
{
	struct bgp_local_state *s = b->local;
	LIST_EACH (at, next, &s->all) {
		struct local_route *r = LIST_ENTRY(at, struct local_route, all);
		if (r->seen != s->generation)
			put(b, &r->prefix, r->kind, NULL, false, now);
	}
	s->phase = LOCAL_IDLE;
}

bool local_work(struct bgp *b, mono_t now)
{
	struct bgp_local_state *s = b->local;
	if (s->phase == LOCAL_WALK)
		walk(b, now);
	else if (s->phase == LOCAL_SWEEP)
		sweep(b, now);
	return s->phase != LOCAL_IDLE;
}

int local_init(struct bgp *b)
{
	struct bgp_local_state *s = mem_get(b->env.mem, sizeof *s);
	b->local = s;
	if (!s)
		return -ENOMEM;
	list_init(&s->all);
	if (hmap_init(&s->routes, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng)) != 0 ||
	    hmap_init(&s->nets, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng)) != 0) {
		local_fini(b);
		return -ENOMEM;
	}
	return 0;
}

void local_fini(struct bgp *b)
{
	struct bgp_local_state *s = b->local;
	if (!s)
		return;
	LIST_EACH (at, next, &s->all)
		route_drop(b, LIST_ENTRY(at, struct local_route, all));
	mem_put(b->env.mem, s->net, sizeof *s->net * s->n_nets);
	if (s->routes.bucket)
		hmap_fini(&s->routes);
	if (s->nets.bucket)
		hmap_fini(&s->nets);
	mem_put(b->env.mem, s, sizeof *s);
	b->local = NULL;
}
