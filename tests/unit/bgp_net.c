/* See bgp_net.h. */
#include "bgp_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static void after(struct net_host *h);

struct net *net_new(void)
{
	struct net *n = calloc(1, sizeof *n);
	n->now = DUR_S(1000);
	return n;
}

void net_free(struct net *n)
{
	for (int i = 0; i < n->n_hosts; i++) {
		struct net_host *h = &n->host[i];
		bgp_free(h->b);
		config_free(h->conf);
		assert_int_equal(h->heap.mem.in_use, 0);
	}
	free(n);
}

struct net_host *net_host(struct net *n, const char *name)
{
	struct net_host *h = &n->host[n->n_hosts++];
	h->net = n;
	snprintf(h->name, sizeof h->name, "%s", name);
	policy_mem_init(&h->heap);
	policy_rng_init(&h->rng);
	h->rng.state = (uint64_t)n->n_hosts;
	struct bgp_env env = {.mem = &h->heap.mem, .rng = &h->rng.rng, .host = h->name, .software = "test/1"};
	h->b = bgp_new(&env);
	assert_non_null(h->b);
	return h;
}

void net_report(struct net_host *h, struct bgp_fact *f)
{
	bgp_report(h->b, f, h->net->now, &h->acts);
	after(h);
}

static uint32_t ifindex(const struct net_host *h, const char *name)
{
	for (uint32_t i = 0; i < h->n_ifs; i++) {
		if (strcmp(h->ifs[i].name, name) == 0)
			return i + 1;
	}
	return 0;
}

static void connected(struct net_host *h, const struct net_if *i, bool gone)
{
	bool p2p = i->addr.peer.family != AF_NONE;
	struct prefix p = p2p ? (struct prefix){i->addr.peer, (uint8_t)(addr_len(&i->addr.peer) * 8)} : i->addr.local;
	char text[PREFIX_TEXT];
	struct sbuf sb = SB(text);
	for (size_t k = 0; k < 16; k++) {
		size_t bits = p.len > k * 8 ? min_z(8, p.len - k * 8) : 0;
		p.addr.b[k] &= (uint8_t)(0xff00 >> bits);
	}
	sb_prefix(&sb, &p);
	net_route(h, text, ROUTE_CONNECTED, 0, NULL, i->name, gone);
}

static void tell_link(struct net_host *h, uint32_t index, bool up)
{
	struct net_if *i = &h->ifs[index - 1];
	struct bgp_fact f = {
		.type = BGP_FACT_LINK,
		.link = {.ifindex = index, .mtu = 1400, .up = up, .point_to_point = i->addr.peer.family != 0}};
	snprintf(f.link.name, sizeof f.link.name, "%s", i->name);
	i->up = up;
	net_report(h, &f);
	if (!up) /* the kernel takes a link's routes with it */
		connected(h, i, true);
}

void net_addr(struct net_host *h, const char *ifname, const char *address, const char *peer)
{
	struct net_if *i = &h->ifs[h->n_ifs++];
	snprintf(i->name, sizeof i->name, "%s", ifname);
	i->addr = (struct route_addr){.ifindex = h->n_ifs, .local = policy_prefix(address)};
	if (peer)
		i->addr.peer = policy_addr(peer);
	tell_link(h, h->n_ifs, true);
	struct bgp_fact f = {.type = BGP_FACT_ADDR, .address = i->addr};
	net_report(h, &f);
	connected(h, i, false);
}

void net_link(struct net_host *h, const char *ifname, bool up)
{
	uint32_t index = ifindex(h, ifname);
	tell_link(h, index, up);
	if (up)
		connected(h, &h->ifs[index - 1], false);
}

void net_route(struct net_host *h, const char *prefix, uint8_t source, uint32_t metric, const char *gateway,
               const char *ifname, bool gone)
{
	struct route r = {.dst = policy_prefix(prefix),
	                  .source = source,
	                  .metric = metric,
	                  .table = ROUTE_TABLE_MAIN,
	                  .n_hops = 1};
	struct bgp_fact f = {.type = BGP_FACT_ROUTE, .route = &r, .gone = gone};
	r.hop[0] = (struct route_hop){.ifindex = ifindex(h, ifname), .weight = 1};
	if (gateway)
		r.hop[0].gateway = policy_addr(gateway);
	net_report(h, &f);
}

void net_conf(struct net_host *h, const char *frr)
{
	struct conf *old = h->conf;
	struct bgp_cmd c = {.type = BGP_CMD_CONF, .conf = h->conf = policy_conf(frr)};
	assert_int_equal(bgp_command(h->b, &c, h->net->now, &h->acts), 0);
	after(h);
	if (!old) {
		struct bgp_fact f = {.type = BGP_FACT_SYNCED};
		net_report(h, &f);
	}
	config_free(old);
}

/* --- What an engine wants --- */
static struct net_host *owner(struct net *n, const struct addr *a)
{
	for (int i = 0; i < n->n_hosts; i++) {
		for (uint32_t k = 0; k < n->host[i].n_ifs; k++) {
			if (addr_eq(&n->host[i].ifs[k].addr.local.addr, a) && n->host[i].ifs[k].up)
				return &n->host[i];
		}
	}
	return NULL;
}

/* Our address towards a peer: on the network that it is on, or at the other end of a point-to-point link. */
static const struct net_if *towards(const struct net_host *h, const struct addr *peer)
{
	for (uint32_t i = 0; i < h->n_ifs; i++) {
		const struct net_if *f = &h->ifs[i];
		if (f->up &&
		    (addr_eq(&f->addr.peer, peer) || (f->addr.local.len < 32 && addr_in(peer, &f->addr.local))))
			return f;
	}
	return NULL;
}

static void closed(struct net_host *h, uint32_t id, int status)
{
	struct bgp_fact f = {.type = BGP_FACT_CLOSED, .conn = id, .status = status};
	net_report(h, &f);
}

static void connect_to(struct net_host *h, uint32_t id, const struct bgp_connect *c)
{
	const struct net_if *from = towards(h, &c->remote);
	struct net_host *to = from ? owner(h->net, &c->remote) : NULL;
	struct net_conn *x = h->net->conn;
	if (!to || !to->conf) {
		closed(h, id, -111);
		return;
	}
	while (x->used)
		x++;
	assert_true(x < h->net->conn + NET_CONNS);
	*x = (struct net_conn){.used = true, .end = {h, to}, .id = {id, BGP_CONN_IN | ++to->n_conns_in}};
	struct endpoint here = {from->addr.local.addr, 40000}, there = {c->remote, BGP_PORT};
	struct bgp_fact f = {.type = BGP_FACT_CONNECTED, .conn = id, .local = here, .remote = there};
	const struct net_if *in = towards(to, &here.addr);
	struct bgp_fact g = {.type = BGP_FACT_ACCEPTED,
	                     .conn = x->id[1],
	                     .local = there,
	                     .remote = here,
	                     .ifindex = in ? in->addr.ifindex : 0};
	net_report(h, &f);
	if (x->used && !x->dead)
		net_report(to, &g);
}

static struct net_conn *conn_of(struct net_host *h, uint32_t id, int *side)
{
	for (int i = 0; i < NET_CONNS; i++) {
		struct net_conn *c = &h->net->conn[i];
		for (*side = 0; c->used && *side < 2; ++*side) {
			if (c->end[*side] == h && c->id[*side] == id)
				return c;
		}
	}
	return NULL;
}

static bool same_key(const struct route *x, const struct route *y)
{
	return addr_eq(&x->dst.addr, &y->dst.addr) && x->dst.len == y->dst.len && x->table == y->table &&
	       x->metric == y->metric;
}

static void fib(struct net_host *h, const struct bgp_act *a, bool set)
{
	uint32_t i = 0;
	while (i < h->n_fib && !same_key(&h->fib[i], &a->u.route))
		i++;
	if (set) {
		assert_true(i < NET_FIB);
		assert_true(i == h->n_fib || !route_eq(&h->fib[i], &a->u.route)); /* nothing is asked for twice */
		h->fib[i] = a->u.route;
		h->n_fib += i == h->n_fib;
		h->last_ticket = a->ticket;
		h->n_set++;
	} else if (i < h->n_fib) {
		h->fib[i] = h->fib[--h->n_fib];
		h->n_del++;
	}
}

static void carry_out(struct net_host *h, const struct bgp_act *a)
{
	size_t len = strlen(h->notes);
	struct sbuf notes = sb_init(h->notes + len, sizeof h->notes - len);
	int side;
	struct net_conn *c;
	switch (a->type) {
	case BGP_ACT_CONNECT:
		connect_to(h, a->conn, &a->u.connect);
		break;
	case BGP_ACT_OUTPUT:
		if ((c = conn_of(h, a->conn, &side)))
			c->output[side] = true;
		break;
	case BGP_ACT_CLOSE:
		if ((c = conn_of(h, a->conn, &side)))
			c->dead = true;
		break;
	case BGP_ACT_ROUTE_SET:
	case BGP_ACT_ROUTE_DEL:
		fib(h, a, a->type == BGP_ACT_ROUTE_SET);
		break;
	case BGP_ACT_ROUTES_KEPT:
		h->kept++;
		break;
	case BGP_ACT_NOTE:
		sb_printf(&notes, "%s\n", a->u.note.text);
		break;
	default:
		break;
	}
}

static void after(struct net_host *h)
{
	struct bgp_acts *acts = malloc(sizeof *acts);
	*acts = h->acts;
	h->acts.n = 0;
	for (uint32_t i = 0; i < acts->n; i++)
		carry_out(h, &acts->v[i]);
	free(acts);
}

/* What one end has to say; true: it was something. */
static bool move(struct net *n, struct net_conn *c, int side)
{
	struct span runs[16];
	size_t total = 0, k;
	uint8_t *copy;
	if (!c->used || !c->output[side])
		return false;
	k = bgp_output(c->end[side]->b, c->id[side], runs, ARRAY_LEN(runs));
	for (size_t i = 0; i < k; i++)
		total += runs[i].n;
	if (total == 0) {
		c->output[side] = false;
		return false;
	}
	copy = malloc(total); /* of exact size: who reads too far is seen */
	for (size_t i = 0, at = 0; i < k; at += runs[i++].n)
		memcpy(copy + at, runs[i].p, runs[i].n);
	bgp_sent(c->end[side]->b, c->id[side], total, n->now, &c->end[side]->acts);
	after(c->end[side]);
	bgp_input(c->end[!side]->b, c->id[!side], SPAN(copy, total), n->now, &c->end[!side]->acts);
	after(c->end[!side]);
	free(copy);
	return true;
}

static void bury(struct net_conn *c)
{
	struct net_conn was = *c;
	c->used = false;
	for (int side = 0; side < 2; side++)
		closed(was.end[side], was.id[side], 0);
}

static void settle(struct net *n)
{
	bool moved = true;
	while (moved) {
		moved = false;
		for (int i = 0; i < NET_CONNS; i++) {
			moved |= move(n, &n->conn[i], 0);
			moved |= move(n, &n->conn[i], 1);
		}
		for (int i = 0; !moved && i < NET_CONNS; i++) {
			if (n->conn[i].used && n->conn[i].dead) {
				bury(&n->conn[i]);
				moved = true;
			}
		}
	}
}

void net_run(struct net *n, dur_t d)
{
	mono_t until = n->now + d;
	for (unsigned steps = 0;; steps++) {
		mono_t due = MONO_NEVER;
		settle(n);
		for (int i = 0; i < n->n_hosts; i++)
			due = mono_min(due, bgp_due(n->host[i].b));
		if (due > until)
			break;
		assert_true(steps < 100000);
		n->now = due > n->now ? due : n->now;
		for (int i = 0; i < n->n_hosts; i++) {
			struct net_host *h = &n->host[i];
			if (bgp_due(h->b) > n->now)
				continue;
			bgp_timer(h->b, n->now, &h->acts);
			after(h);
		}
	}
	n->now = until;
}

/* --- Looking --- */
struct text {
	struct bgp_writer w;
	char *s;
	size_t n;
};

static void put(struct bgp_writer *w, const char *text, size_t n)
{
	struct text *t = CONTAINER_OF(w, struct text, w);
	t->s = realloc(t->s, t->n + n + 1);
	memcpy(t->s + t->n, text, n);
	t->n += n;
	t->s[t->n] = '\0';
}

char *net_show(struct net_host *h, const char *query)
{
	struct text t = {.w = {.put = put}};
	char why[256];
	struct sbuf sb = SB(why);
	if (bgp_show(h->b, query, h->net->now, 1795369216 + dur_to_s(h->net->now) - 1000, &t.w, &sb))
		return t.s;
	assert_null(t.s);
	return strdup(why);
}

static int route_order(const void *x, const void *y)
{
	const struct route *a = x, *b = y;
	int c = addr_cmp(&a->dst.addr, &b->dst.addr);
	return c ? c : (int)a->dst.len - (int)b->dst.len;
}

const char *net_fib(const struct net_host *h, char *out, size_t cap)
{
	struct sbuf sb = sb_init(out, cap);
	struct route *v = malloc(sizeof h->fib);
	memcpy(v, h->fib, sizeof h->fib);
	qsort(v, h->n_fib, sizeof v[0], route_order);
	for (uint32_t i = 0; i < h->n_fib; i++) {
		sb_route(&sb, &v[i]);
		sb_putc(&sb, '\n');
	}
	free(v);
	assert_false(sb.cut);
	return out;
}
