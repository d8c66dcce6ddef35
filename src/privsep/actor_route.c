/* What priv does about the verbs of route. See actor_route.h; tools are in actor_tool.c. */
#include "privsep/actor_route.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "privsep/own_routes.h"

/* Operations that go to the kernel together, and how many routes there may be in all. */
enum { CHUNK = 256, ROUTES_MAX = 8 << 20, PAIRS = 64, TABLE_LOCAL = 255 };

/* A table and metric that routes may have. */
struct pair {
	uint32_t table, metric;
	bool any_default;        /* default routes are taken */
};

struct actor_routes {
	struct actor_routes_env env;
	const struct conf *conf;
	const struct psk_set *keys;
	struct own_routes own;
	struct pair pair[PAIRS];
	size_t n_pairs;
	uint16_t next_port;      /* where the search for a BFD port begins */
	uint32_t said;           /* refusals that were logged since the last configuration */
	struct kernel_route_op op[CHUNK];
	int status[CHUNK];
	uint16_t at[CHUNK];      /* places in the message */
};

enum { SAID_MAX = 100 };

static void logf_limited(struct actor_routes *a, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void logf_limited(struct actor_routes *a, int8_t level, const char *fmt, ...)
{
	char text[PRIV_TEXT_MAX];
	va_list ap;
	if (a->said++ >= SAID_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	a->env.log(a->env.log_ctx, level, text);
}

struct actor_routes *actor_routes_new(const struct actor_routes_env *env)
{
	struct actor_routes *a = mem_get(env->mem, sizeof *a);
	if (!a)
		return NULL;
	a->env = *env;
	own_routes_init(&a->own, env->mem, rng_u64(env->rng));
	a->next_port = (uint16_t)rng_u64(env->rng);
	return a;
}

void actor_routes_free(struct actor_routes *a)
{
	if (!a)
		return;
	own_routes_fini(&a->own);
	mem_put(a->env.mem, a, sizeof *a);
}

/* --- The configuration --- */

static void pair_add(struct actor_routes *a, uint32_t table, uint32_t metric, bool any_default)
{
	for (size_t i = 0; i < a->n_pairs; i++) {
		if (a->pair[i].table == table && a->pair[i].metric == metric) {
			a->pair[i].any_default = a->pair[i].any_default || any_default;
			return;
		}
	}
	if (a->n_pairs < PAIRS && table != TABLE_LOCAL && table != 0)
		a->pair[a->n_pairs++] = (struct pair){table, metric, any_default};
}

void actor_routes_conf(struct actor_routes *a, const struct conf *conf, const struct psk_set *keys)
{
	const struct conf_routing *r = conf_routing(conf);
	const struct conf_bgp *b = conf_bgp(conf);
	a->conf = conf;
	a->keys = keys;
	a->n_pairs = 0;
	a->said = 0;
	if (!r)
		return;
	if (b)
		pair_add(a, b->table ? b->table : ROUTE_TABLE_MAIN, b->metric, r->accept_default);
	else
		pair_add(a, ROUTE_TABLE_MAIN, ROUTE_METRIC_BGP, r->accept_default);
	for (uint32_t i = 0; i < r->statics.n; i++) {
		const struct conf_static_route *s = conf_at(conf, r->statics, sizeof *s, i);
		if (s)
			pair_add(a, s->route.table ? s->route.table : ROUTE_TABLE_MAIN, s->route.metric,
			         s->route.dst.len == 0);
	}
}

/* --- Facts --- */

bool actor_routes_fact(struct actor_routes *a, const struct kernel_fact *f)
{
	if (f->type != KFACT_ROUTE)
		return true;
	if (f->route.source != ROUTE_OURS) {
		/* Another program has replaced one of ours. */
		if (!f->gone)
			own_routes_del(&a->own, &f->route);
		return true;
	}
	if (f->gone)
		own_routes_del(&a->own, &f->route);
	else if (!own_routes_has(&a->own, &f->route) && own_routes_count(&a->own) < ROUTES_MAX)
		(void)own_routes_add(&a->own, &f->route, true);
	return false;
}

void actor_routes_stale(struct actor_routes *a) { own_routes_stale(&a->own); }

size_t actor_routes_count(const struct actor_routes *a, size_t *stale)
{
	*stale = a->own.n_stale;
	return own_routes_count(&a->own);
}

/* --- BATCH --- */

static bool host_bits_clear(const struct prefix *p)
{
	for (size_t bit = p->len; bit < 8 * addr_len(&p->addr); bit++) {
		if (p->addr.b[bit / 8] & 0x80u >> bit % 8)
			return false;
	}
	return true;
}

/* Unicast space that a routing protocol may fill: no multicast, loopback, link-local (RFC 1122 3.2.1.3, RFC 4291 2.4). */
static bool dst_possible(const struct prefix *p)
{
	const uint8_t *b = p->addr.b;
	if (p->len == 0)
		return true;
	if (p->addr.family == AF_V4)
		return (b[0] > 0 || p->len < 8) && b[0] != 127 && b[0] < 224;
	struct prefix ll = {.addr = {.family = AF_V6, .b = {0xfe, 0x80}}, .len = 10};
	struct addr lo = {.family = AF_V6, .b = {[15] = 1}};
	return b[0] != 0xff && !(p->len >= 10 && addr_in(&p->addr, &ll)) && !(p->len == 128 && addr_eq(&p->addr, &lo));
}

static bool gateway_possible(const struct addr *g)
{
	if (g->family == AF_NONE)
		return true;
	if (addr_is_any(g))
		return false;
	return g->family == AF_V4 ? g->b[0] > 0 && g->b[0] != 127 && g->b[0] < 224 : g->b[0] != 0xff;
}

/* NULL: it may be done; else why not. */
static const char *refusal(const struct actor_routes *a, const struct priv_route_op *op)
{
	const struct route *r = &op->route;
	const struct pair *p = NULL;
	for (size_t i = 0; i < a->n_pairs && !p; i++) {
		if (a->pair[i].table == r->table && a->pair[i].metric == r->metric)
			p = &a->pair[i];
	}
	/* What is ours may go whatever the configuration says by now. */
	if (op->del)
		return NULL;
	if (!p)
		return "its table and metric are not those of the configuration";
	if (!host_bits_clear(&r->dst) || !dst_possible(&r->dst))
		return "its destination is no unicast prefix";
	if (r->dst.len == 0 && !p->any_default)
		return "default routes are not accepted (routing.accept_default)";
	if ((r->n_hops > 0) != (r->kind == ROUTE_UNICAST))
		return "its next hops and its kind disagree";
	for (size_t i = 0; i < r->n_hops; i++) {
		if (!gateway_possible(&r->hop[i].gateway) || (!r->hop[i].ifindex && !r->hop[i].gateway.family))
			return "a next hop is none";
	}
	if (a->env.loops && a->env.loops(a->env.loops_ctx, r))
		return "it would lead the packets of a tunnel into this tunnel itself";
	return NULL;
}

static void fail(struct actor_batch *out, size_t at, int status)
{
	struct wr w = wr_init(out->failed + out->n_octets, sizeof out->failed - out->n_octets);
	wr_u16(&w, (unsigned)at);
	wr_u16(&w, (unsigned)-status);
	out->n_octets += w.len;
	out->body.n_failed++;
}

/* What became of a chunk goes into the books. */
static void settle(struct actor_routes *a, size_t n, struct actor_batch *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct kernel_route_op *op = &a->op[i];
		int rc = a->status[i];
		if (op->del && (rc == 0 || rc == -ESRCH))
			own_routes_del(&a->own, &op->route);
		else if (!op->del && rc == 0)
			rc = own_routes_add(&a->own, &op->route, false);
		if (rc < 0 && rc != -ESRCH) {
			char text[256];
			struct sbuf b = SB(text);
			sb_route(&b, &op->route);
			logf_limited(a, 0, "the route %s: %s", text,
			             rc == -EEXIST ? "another program has one to the same destination with the same metric"
			                           : strerror(-rc));
		}
		if (rc < 0)
			fail(out, a->at[i], rc);
	}
}

static void chunk_apply(struct actor_routes *a, size_t n, struct actor_batch *out)
{
	if (n == 0)
		return;
	if (own_routes_reserve(&a->own, n) < 0) {
		for (size_t i = 0; i < n; i++)
			fail(out, a->at[i], -ENOMEM);
		return;
	}
	(void)kernel_routes_apply(a->env.kernel, a->op, n, a->status);
	settle(a, n, out);
}

/* One operation: into the chunk, or refused at once. */
static bool take(struct actor_routes *a, size_t n, size_t at, struct actor_batch *out)
{
	struct kernel_route_op *k = &a->op[n];
	const struct priv_route_op op = {.del = k->del, .route = k->route};
	const char *why = refusal(a, &op);
	int status = why ? -EPERM : 0;
	k->ours = own_routes_has(&a->own, &k->route);
	if (why)
		logf_limited(a, 0, "a route of the module is refused: %s", why);
	else if (k->del && !k->ours)
		status = -ESRCH;
	else if (!k->del && !k->ours && own_routes_count(&a->own) >= ROUTES_MAX)
		status = -ENOSPC;
	a->at[n] = (uint16_t)at;
	if (status < 0)
		fail(out, at, status);
	return status == 0;
}

/* A chunk must not name a route twice: whether it is ours is known only when the first one is done. */
static bool names_twice(const struct actor_routes *a, size_t n)
{
	const struct route *r = &a->op[n].route;
	if (a->op[n].ours || a->op[n].del)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct route *x = &a->op[i].route;
		if (x->dst.len == r->dst.len && x->table == r->table && x->metric == r->metric &&
		    addr_eq(&x->dst.addr, &r->dst.addr))
			return true;
	}
	return false;
}

void actor_routes_batch(struct actor_routes *a, const struct priv_msg *m, struct actor_batch *out)
{
	uint32_t n_ops = ((const struct m_route_batch *)m->body)->n;
	struct rd r = rd_init(m->tail.p, m->tail.n);
	struct priv_route_op op;
	size_t n = 0;
	out->status = 0;
	out->body.n_failed = 0;
	out->n_octets = 0;
	for (uint32_t i = 0; i < n_ops; i++) { /* all of it reads, or nothing is done */
		if (!priv_route_op_get(&r, &op)) {
			out->status = -EINVAL;
			return;
		}
	}
	if (!rd_done(&r)) {
		out->status = -EINVAL;
		return;
	}
	r = rd_init(m->tail.p, m->tail.n);
	for (uint32_t i = 0; i < n_ops; i++) {
		(void)!priv_route_op_get(&r, &op);
		if (n == CHUNK) {
			chunk_apply(a, n, out);
			n = 0;
		}
		a->op[n] = (struct kernel_route_op){.del = op.del};
		a->op[n].route = op.route;
		a->op[n].route.source = ROUTE_OURS;
		if (!take(a, n, i, out))
			continue;
		if (names_twice(a, n)) {
			struct kernel_route_op again = a->op[n];
			chunk_apply(a, n, out);
			n = 0;
			a->op[0] = again;
			a->op[0].ours = own_routes_has(&a->own, &again.route);
			a->at[0] = (uint16_t)i;
		}
		n++;
	}
	chunk_apply(a, n, out);
}

size_t actor_routes_sweep(struct actor_routes *a)
{
	size_t swept = 0, at = 0, n = 0;
	bool more = true;
	/* Deletion moves entries back: a chunk is collected, then done, and the search begins again. */
	while (more && a->own.n_stale) {
		for (n = 0; n < CHUNK && (more = own_routes_next_stale(&a->own, &at, &a->op[n].route)); n++) {
			a->op[n].del = a->op[n].ours = true;
			a->at[n] = (uint16_t)n;
		}
		(void)kernel_routes_apply(a->env.kernel, a->op, n, a->status);
		for (size_t i = 0; i < n; i++) {
			swept += a->status[i] == 0;
			own_routes_del(&a->own, &a->op[i].route);
		}
		at = 0;
		more = more || n > 0;
	}
	return swept;
}

/* --- Sockets --- */

static bool peer_is(const struct conf_bgp_peer *p, const struct addr *remote)
{
	return p->address.family ? addr_eq(&p->address, remote) : p->range.addr.family && addr_in(remote, &p->range);
}

static const struct conf_bgp_peer *peer_at(const struct actor_routes *a, uint32_t i)
{
	const struct conf_bgp *b = conf_bgp(a->conf);
	return b && i < b->peers.n ? conf_at(a->conf, b->peers, sizeof(struct conf_bgp_peer), i) : NULL;
}

static int bfd_socket(struct actor_routes *a, const struct m_route_socket *m, struct sbuf *why)
{
	const struct conf_bgp_peer *p;
	for (uint32_t i = 0; (p = peer_at(a, i)); i++) {
		if (!p->bfd || !peer_is(p, &m->remote))
			continue;
		a->next_port = (uint16_t)(a->next_port + 61);
		return kernel_bfd_open(&m->remote, &m->local, m->ifindex, m->multihop, a->next_port);
	}
	sb_put(why, "no neighbour with BFD has this address");
	return -EPERM;
}

int actor_routes_socket(struct actor_routes *a, const struct m_route_socket *m, struct sbuf *why)
{
	const struct conf_bgp_peer *p = a->conf ? peer_at(a, m->peer) : NULL;
	if (m->local.family && m->local.family != m->remote.family) {
		sb_put(why, "the two addresses are of different families");
		return -EAFNOSUPPORT;
	}
	if (m->kind == ROUTE_SOCK_BFD)
		return a->conf ? bfd_socket(a, m, why) : -EPERM;
	if (!p || !peer_is(p, &m->remote) || m->port != (p->port ? p->port : 179)) {
		sb_put(why, "this is no neighbour of the configuration");
		return -EPERM;
	}
	const struct tcp_key *key = psk_tcp(a->keys, &m->remote);
	if ((p->password || m->md5) && !key) {
		sb_put(why, "the neighbour's password is not there");
		return -ENOKEY;
	}
	struct kernel_tcp t = {.remote = m->remote, .local = m->local, .ifindex = m->ifindex, .ttl = m->ttl,
	                       .min_ttl = m->min_ttl, .key = key ? key->key : NULL, .key_len = key ? key->len : 0};
	int fd = kernel_tcp_open(&t);
	if (fd < 0)
		sb_put(why, strerror(-fd));
	return fd;
}

static bool key_kept(const struct psk_set *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->n_tcp; i++) {
		if (s->tcp[i].peer.len == p->len && addr_eq(&s->tcp[i].peer.addr, &p->addr))
			return true;
	}
	return false;
}

void actor_routes_keys(struct actor_routes *a, int listener, uint8_t family, const struct psk_set *was)
{
	int rc = 0;
	for (size_t i = 0; was && i < was->n_tcp; i++) {
		if (was->tcp[i].peer.addr.family == family && !key_kept(a->keys, &was->tcp[i].peer))
			rc = kernel_tcp_md5(listener, &was->tcp[i].peer, "", 0);
	}
	for (size_t i = 0; i < a->keys->n_tcp; i++) {
		const struct tcp_key *k = &a->keys->tcp[i];
		int one = k->peer.addr.family == family ? kernel_tcp_md5(listener, &k->peer, k->key, k->len) : 0;
		rc = one < 0 ? one : rc;
	}
	if (rc < 0)
		logf_limited(a, -1, "TCP MD5 signatures cannot be set on the listener: %s", strerror(-rc));
}
