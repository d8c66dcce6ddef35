/* What priv does about the verbs of route: batches against the configuration, the book of our routes, sockets, tools; and the packed form
 * of routes and facts. The kernel is a table here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/actor_route.h"
#include "privsep/own_routes.h"

/* --- memory whose n-th request fails --- */

static long left;

static void *get(struct mem *m, size_t n)
{
	(void)m;
	return left-- == 0 ? NULL : calloc(1, n ? n : 1);
}

static void put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

static void fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	memset(p, 0x5a, n);
}

/* --- the kernel --- */

struct kernel_routes {
	struct route at[64];
	bool foreign[64];
	size_t n, calls;
};

static struct kernel_routes kernel;
static struct kernel_tcp opened;
static struct { size_t n; struct prefix peer; size_t len; } keys[8];
static size_t n_keys;

static size_t slot(const struct route *r)
{
	size_t i = 0;
	while (i < kernel.n && !(addr_eq(&kernel.at[i].dst.addr, &r->dst.addr) && kernel.at[i].dst.len == r->dst.len &&
	                         kernel.at[i].metric == r->metric && kernel.at[i].table == r->table))
		i++;
	return i;
}

int kernel_routes_apply(struct kernel_routes *k, const struct kernel_route_op *op, size_t n, int *status)
{
	k->calls++;
	for (size_t i = 0; i < n; i++) {
		size_t at = slot(&op[i].route);
		status[i] = 0;
		if (op[i].del && (at == k->n || k->foreign[at]))
			status[i] = -ESRCH;
		else if (op[i].del) {
			k->n--;
			k->at[at] = k->at[k->n];
			k->foreign[at] = k->foreign[k->n];
		} else if (at < k->n && !op[i].ours)
			status[i] = -EEXIST;
		else {
			k->at[at] = op[i].route;
			k->foreign[at] = false;
			k->n += at == k->n;
		}
	}
	return 0;
}

int kernel_tcp_open(const struct kernel_tcp *t)
{
	opened = *t;
	return 77;
}
int kernel_bfd_open(const struct addr *remote, const struct addr *local, uint32_t ifindex, bool multihop, uint16_t hint)
{
	(void)remote;
	(void)local;
	(void)ifindex;
	(void)multihop;
	(void)hint;
	return 78;
}
int kernel_tcp_md5(int fd, const struct prefix *peer, const void *key, size_t n)
{
	(void)fd;
	(void)key;
	keys[n_keys].peer = *peer;
	keys[n_keys++].len = n;
	return 0;
}

/* --- the configuration, laid out by hand --- */

struct blob {
	struct conf conf;
	struct conf_routing routing;
	struct conf_bgp bgp;
	struct conf_bgp_peer peer[2];
};

struct world {
	struct blob *blob;
	struct psk_set keys;
	struct mem mem;
	struct rng rng;
	struct actor_routes *a;
	char said[2048];
	struct sbuf log;
};

static void say(void *ctx, int8_t level, const char *text)
{
	struct world *w = ctx;
	(void)level;
	sb_printf(&w->log, "%s\n", text);
}

static struct addr ip(const char *s)
{
	struct addr a;
	assert_true(addr_parse(s, &a));
	return a;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct blob *b = calloc(1, sizeof *b);
	left = -1;
	memset(&kernel, 0, sizeof kernel);
	n_keys = 0;
	w->blob = b;
	w->mem = (struct mem){.get = get, .put = put};
	w->rng = (struct rng){.fill = fill};
	w->log = SB(w->said);
	b->conf.size = sizeof *b;
	b->conf.routing = offsetof(struct blob, routing);
	b->routing.bgp = offsetof(struct blob, bgp);
	b->bgp.table = ROUTE_TABLE_MAIN;
	b->bgp.metric = 20;
	b->bgp.peers = (struct conf_array){.at = offsetof(struct blob, peer), .n = 2};
	b->peer[0].address = ip("10.0.0.2");
	b->peer[0].password = true;
	b->peer[1].range = (struct prefix){ip("10.9.0.0"), 16};
	b->peer[1].bfd = true;
	psk_set_init(&w->keys, &w->mem);
	struct actor_routes_env env = {.mem = &w->mem, .kernel = &kernel, .rng = &w->rng, .log = say, .log_ctx = w};
	w->a = actor_routes_new(&env);
	assert_non_null(w->a);
	actor_routes_conf(w->a, &b->conf, &w->keys);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	left = -1;
	actor_routes_free(w->a);
	psk_set_fini(&w->keys);
	assert_int_equal(w->mem.in_use, 0);
	free(w->blob);
	free(w);
	return 0;
}

static struct route to(const char *dst, const char *via)
{
	struct route r = {.table = ROUTE_TABLE_MAIN, .metric = 20, .n_hops = 1, .hop = {{.ifindex = 3, .weight = 1}}};
	assert_true(prefix_parse(dst, &r.dst));
	r.hop[0].gateway = ip(via);
	return r;
}

static struct actor_batch out;

/* Octets in a block of exact size. */
static void send_octets(struct world *w, uint32_t n, const uint8_t *p, size_t len)
{
	struct m_route_batch m = {.n = n};
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, p, len);
	struct priv_msg msg = {.body = &m, .tail = SPAN(copy, len)};
	actor_routes_batch(w->a, &msg, &out);
	free(copy);
}

static void send_one(struct world *w, bool del, const struct route *r)
{
	uint8_t room[PRIV_PACKED_MAX];
	struct wr b = wr_init(room, sizeof room);
	priv_route_op_put(&b, del, r);
	assert_true(wr_ok(&b));
	send_octets(w, 1, room, b.len);
}

/* -errno of the one operation; 0. */
static int outcome(struct world *w, bool del, const struct route *r)
{
	send_one(w, del, r);
	assert_int_equal(out.status, 0);
	assert_int_equal(out.n_octets, 4 * out.body.n_failed);
	if (!out.body.n_failed)
		return 0;
	struct rd in = rd_init(out.failed, out.n_octets);
	assert_int_equal(rd_u16(&in), 0);
	return -(int)rd_u16(&in);
}

static void test_set_replace_delete(void **state)
{
	struct world *w = *state;
	struct route r = to("192.168.1.0/24", "10.0.0.2");
	size_t stale;
	assert_int_equal(outcome(w, false, &r), 0);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(actor_routes_count(w->a, &stale), 1);
	r.hop[0].gateway = ip("10.0.0.6");
	assert_int_equal(outcome(w, false, &r), 0);
	assert_true(addr_eq(&kernel.at[0].hop[0].gateway, &r.hop[0].gateway));
	assert_int_equal(outcome(w, true, &r), 0);
	assert_int_equal(kernel.n, 0);
	kernel.calls = 0;
	assert_int_equal(outcome(w, true, &r), -ESRCH);
	assert_int_equal(kernel.calls, 0); /* the kernel is not even asked */
}

/* What is not known to be ours stays, and is said once to the log; when it has gone, the place is free. */
static void test_foreign(void **state)
{
	struct world *w = *state;
	struct route r = to("192.168.1.0/24", "10.0.0.2");
	kernel.at[0] = r;
	kernel.foreign[0] = true;
	kernel.n = 1;
	assert_int_equal(outcome(w, false, &r), -EEXIST);
	assert_non_null(strstr(w->said, "another program"));
	assert_int_equal(outcome(w, true, &r), -ESRCH);
	assert_int_equal(kernel.n, 1);
	kernel.n = 0;
	assert_int_equal(outcome(w, false, &r), 0);
	/* Another program replaces ours: from then on it is not ours. */
	struct kernel_fact f = {.type = KFACT_ROUTE, .route = r};
	f.route.source = ROUTE_STATIC;
	assert_true(actor_routes_fact(w->a, &f));
	kernel.foreign[0] = true;
	assert_int_equal(outcome(w, false, &r), -EEXIST);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	static const char *const none[] = {"224.0.0.0/4", "127.0.0.0/8", "10.1.2.3/16", "240.0.0.0/4", "0.0.0.0/0", "fe80::/64",
	                                   "ff00::/8", "::1/128"};
	struct route r;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		r = to(none[i], strchr(none[i], ':') ? "2001:db8::1" : "10.0.0.2");
		assert_int_equal(outcome(w, false, &r), -EPERM);
	}
	r = to("10.1.0.0/16", "10.0.0.2");
	r.table = 100;
	assert_int_equal(outcome(w, false, &r), -EPERM);
	r.table = 255;
	assert_int_equal(outcome(w, false, &r), -EPERM);
	r = to("10.1.0.0/16", "10.0.0.2");
	r.metric = 0;
	assert_int_equal(outcome(w, false, &r), -EPERM);
	r = to("10.1.0.0/16", "127.0.0.1");
	assert_int_equal(outcome(w, false, &r), -EPERM);
	r = to("10.1.0.0/16", "10.0.0.2");
	r.kind = ROUTE_BLACKHOLE;
	assert_int_equal(outcome(w, false, &r), -EPERM);
	r.n_hops = 0;
	assert_int_equal(outcome(w, false, &r), 0);
	assert_int_equal(kernel.n, 1);
}

static void test_default(void **state)
{
	struct world *w = *state;
	struct route r = to("0.0.0.0/0", "10.0.0.2");
	w->blob->routing.accept_default = true;
	actor_routes_conf(w->a, &w->blob->conf, &w->keys);
	assert_int_equal(outcome(w, false, &r), 0);
	/* Taken back: it cannot be set any more, but it can go. */
	w->blob->routing.accept_default = false;
	actor_routes_conf(w->a, &w->blob->conf, &w->keys);
	assert_int_equal(outcome(w, false, &r), -EPERM);
	assert_int_equal(outcome(w, true, &r), 0);
	assert_int_equal(kernel.n, 0);
}

/* A life ends: its routes are stale, those that are set again are not, the sweep takes the rest. */
static void test_lives(void **state)
{
	struct world *w = *state;
	struct route a = to("10.1.0.0/16", "10.0.0.2"), b = to("2001:db8::/32", "2001:db8::1"), c = to("10.3.0.0/16", "10.0.0.2");
	size_t stale;
	struct kernel_fact f = {.type = KFACT_ROUTE, .route = c}; /* found at the start */
	f.route.source = ROUTE_OURS;
	kernel.at[kernel.n++] = c;
	assert_false(actor_routes_fact(w->a, &f));
	assert_int_equal(outcome(w, false, &a), 0);
	assert_int_equal(outcome(w, false, &b), 0);
	assert_int_equal(actor_routes_count(w->a, &stale), 3);
	assert_int_equal(stale, 1);
	assert_int_equal(actor_routes_sweep(w->a), 1);
	assert_int_equal(kernel.n, 2);
	actor_routes_stale(w->a);
	assert_int_equal(outcome(w, false, &b), 0);
	assert_int_equal(actor_routes_count(w->a, &stale), 2);
	assert_int_equal(stale, 1);
	assert_int_equal(actor_routes_sweep(w->a), 1);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(kernel.at[0].dst.addr.family, AF_V6);
	/* It goes by somebody's hand. */
	f.route = b;
	f.route.source = ROUTE_OURS;
	f.gone = true;
	assert_false(actor_routes_fact(w->a, &f));
	assert_int_equal(actor_routes_count(w->a, &stale), 0);
}

/* In one message: set, set again, delete, set of the same route, among others; and what fails is named by its place. */
static void test_order(void **state)
{
	struct world *w = *state;
	uint8_t room[8192];
	struct wr b = wr_init(room, sizeof room);
	struct route r = to("10.1.0.0/16", "10.0.0.2"), bad = to("224.0.0.0/8", "10.0.0.2");
	priv_route_op_put(&b, false, &r);
	priv_route_op_put(&b, false, &bad);
	r.hop[0].gateway = ip("10.0.0.6");
	priv_route_op_put(&b, false, &r);
	priv_route_op_put(&b, true, &bad);
	send_octets(w, 4, room, b.len);
	assert_int_equal(out.status, 0);
	assert_int_equal(out.body.n_failed, 2);
	struct rd in = rd_init(out.failed, out.n_octets);
	assert_int_equal(rd_u16(&in), 1);
	assert_int_equal(rd_u16(&in), EPERM);
	assert_int_equal(rd_u16(&in), 3);
	assert_int_equal(rd_u16(&in), ESRCH);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(kernel.at[0].hop[0].gateway.b[3], 6);
}

/* Cut anywhere, or with too few or too many operations: nothing is done. */
static void test_malformed(void **state)
{
	struct world *w = *state;
	uint8_t room[8192];
	struct wr b = wr_init(room, sizeof room);
	struct route r = to("10.1.0.0/16", "10.0.0.2");
	priv_route_op_put(&b, false, &r);
	r = to("2001:db8::/32", "2001:db8::1");
	priv_route_op_put(&b, false, &r);
	for (size_t n = 0; n < b.len; n++) {
		send_octets(w, 2, room, n);
		assert_int_equal(out.status, -EINVAL);
		assert_int_equal(kernel.n, 0);
	}
	send_octets(w, 1, room, b.len);
	assert_int_equal(out.status, -EINVAL);
	send_octets(w, 3, room, b.len);
	assert_int_equal(out.status, -EINVAL);
	for (size_t bit = 0; bit < 8 * b.len; bit++) { /* whatever it says, the books agree with the kernel */
		uint8_t changed[8192];
		size_t stale;
		memcpy(changed, room, b.len);
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		send_octets(w, 2, changed, b.len);
		assert_int_equal(actor_routes_count(w->a, &stale), kernel.n);
		actor_routes_stale(w->a);
		(void)actor_routes_sweep(w->a);
		assert_int_equal(kernel.n, 0);
	}
}

static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct route r = to("10.1.0.0/16", "10.0.0.2");
	left = 0;
	assert_int_equal(outcome(w, false, &r), -ENOMEM);
	assert_int_equal(kernel.n, 0); /* not without a note in the book */
	left = -1;
	assert_int_equal(outcome(w, false, &r), 0);
	struct actor_routes_env env = {.mem = &w->mem, .kernel = &kernel, .rng = &w->rng, .log = say, .log_ctx = w};
	left = 0;
	assert_null(actor_routes_new(&env));
	left = -1;
}

static int ask_socket(struct world *w, struct m_route_socket m)
{
	char why[160] = "";
	struct sbuf b = SB(why);
	int fd = actor_routes_socket(w->a, &m, &b);
	assert_true(fd >= 0 || why[0]);
	return fd;
}

static void test_sockets(void **state)
{
	struct world *w = *state;
	struct m_route_socket m = {.kind = ROUTE_SOCK_BGP, .remote = ip("10.0.0.2"), .port = 179, .ttl = 255, .min_ttl = 254};
	struct prefix host = {ip("10.0.0.2"), 32};
	assert_int_equal(ask_socket(w, m), -ENOKEY);
	assert_int_equal(psk_set_add_tcp(&w->keys, &host, "secret", 6), 0);
	assert_int_equal(ask_socket(w, m), 77);
	assert_int_equal(opened.key_len, 6);
	assert_int_equal(opened.min_ttl, 254);
	m.port = 80;
	assert_int_equal(ask_socket(w, m), -EPERM);
	m.port = 179;
	m.remote = ip("10.0.0.3");
	assert_int_equal(ask_socket(w, m), -EPERM);
	m.remote = ip("10.9.3.4"); /* of the range, whose index it has to name */
	assert_int_equal(ask_socket(w, m), -EPERM);
	m.peer = 1;
	assert_int_equal(ask_socket(w, m), 77);
	assert_int_equal(opened.key_len, 0);
	m.peer = 2;
	assert_int_equal(ask_socket(w, m), -EPERM);
	m.peer = 1;
	m.local = ip("2001:db8::1");
	assert_int_equal(ask_socket(w, m), -EAFNOSUPPORT);
	struct m_route_socket b = {.kind = ROUTE_SOCK_BFD, .remote = ip("10.9.3.4")};
	assert_int_equal(ask_socket(w, b), 78);
	b.remote = ip("10.0.0.2"); /* a neighbour without BFD */
	assert_int_equal(ask_socket(w, b), -EPERM);
}

static void test_keys(void **state)
{
	struct world *w = *state;
	struct psk_set was;
	struct prefix a = {ip("10.0.0.2"), 32}, b = {ip("10.9.0.0"), 16}, c = {ip("2001:db8::2"), 128};
	psk_set_init(&was, &w->mem);
	assert_int_equal(psk_set_add_tcp(&was, &a, "old", 3), 0);
	assert_int_equal(psk_set_add_tcp(&w->keys, &b, "new", 3), 0);
	assert_int_equal(psk_set_add_tcp(&w->keys, &c, "six", 3), 0);
	actor_routes_keys(w->a, 9, AF_V4, &was);
	assert_int_equal(n_keys, 2);
	assert_int_equal(keys[0].len, 0); /* the one that is not configured any more goes */
	assert_true(addr_eq(&keys[0].peer.addr, &a.addr));
	assert_int_equal(keys[1].len, 3);
	assert_true(addr_eq(&keys[1].peer.addr, &b.addr));
	psk_set_fini(&was);
}

static int tool(struct world *w, uint8_t which, uint8_t n_words, const char *words, size_t size)
{
	struct m_route_tool m = {.tool = which, .n_words = n_words};
	uint8_t *copy = malloc(size);
	const char *argv[40];
	char why[128];
	struct sbuf b = SB(why);
	memcpy(copy, words, size);
	struct priv_msg msg = {.body = &m, .tail = SPAN(copy, size)};
	int rc = actor_routes_tool(w->a, &msg, argv, ARRAY_LEN(argv), &b);
	free(copy);
	return rc;
}
#define TOOL(which, n, words) tool(w, which, n, words, sizeof(words))

static void test_tools(void **state)
{
	struct world *w = *state;
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 4, "-c\0show running-config bgpd\0-c\0show bgp neighbors json"), 4);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 6,
	                      "-c\0configure terminal\0-c\0router bgp\0-c\0neighbor 10.0.0.2 shutdown message gretel: the tunnel is down"), 6);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 6, "-c\0configure terminal\0-c\0router bgp\0-c\0no neighbor 2001:db8::1 shutdown"), 6);
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 1, "disable cn1 \"gretel: the tunnel is down\""), 1);
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 2, "-r\0show protocols all"), 2);
	/* Another tool's, more or fewer words, another word, a variable that is none, no end. */
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 2, "-c\0show bgp neighbors json"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 1, "-c"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 1, "-c\0show running-config bgpd\0-c\0show bgp neighbors json"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 5, "-c\0show running-config bgpd\0-c\0show bgp neighbors json\0-c"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 2, "-c\0show running-config"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 6, "-c\0configure terminal\0-c\0router bgp\0-c\0no neighbor 10.0.0.2; x shutdown"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_FRR, 6, "-c\0configure terminal\0-c\0router bgp\0-c\0neighbor 10.0.0.2 shutdown message x"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 1, "disable cn1"), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 1, "disable \"*\" \"gretel: the tunnel is down\""), -EPERM);
	assert_int_equal(TOOL(ROUTE_TOOL_BIRD, 1, "disable "), -EPERM);
	assert_int_equal(tool(w, ROUTE_TOOL_BIRD, 1, "disable x", 9), -EINVAL);
}

/* --- the book by itself, against a plain list --- */

static void test_own(void **state)
{
	struct world *w = *state;
	struct own_routes o;
	static struct route list[1100];
	size_t n = 0, n_stale = 0;
	static bool stale[1100];
	uint32_t seed = 12345;
	own_routes_init(&o, &w->mem, 0x1234567);
	for (int round = 0; round < 20000; round++) {
		seed = seed * 1664525u + 1013904223u;
		struct route r = {.table = 254, .metric = 20 + (seed >> 30)};
		bool v6 = seed >> 9 & 1;
		uint8_t b[16] = {v6 ? 0x20 : 10, (uint8_t)(seed >> 16 & 7), (uint8_t)(seed >> 20 & 15)};
		r.dst = (struct prefix){addr_from(b, v6 ? 16 : 4), 24};
		size_t at = 0;
		while (at < n && !(addr_eq(&list[at].dst.addr, &r.dst.addr) && list[at].metric == r.metric))
			at++;
		assert_int_equal(own_routes_has(&o, &r), at < n);
		if (seed >> 12 & 1) {
			bool s = seed >> 13 & 1;
			assert_int_equal(own_routes_add(&o, &r, s), 0);
			list[at] = r;
			stale[at] = s;
			n += at == n;
			assert_true(n < ARRAY_LEN(list));
		} else {
			own_routes_del(&o, &r);
			if (at < n) {
				list[at] = list[--n];
				stale[at] = stale[n];
			}
		}
		assert_int_equal(own_routes_count(&o), n);
	}
	for (size_t i = 0; i < n; i++)
		n_stale += stale[i];
	assert_int_equal(o.n_stale, n_stale);
	size_t at = 0, seen = 0;
	for (struct route r; own_routes_next_stale(&o, &at, &r); seen++)
		assert_true(own_routes_has(&o, &r));
	assert_int_equal(seen, n_stale);
	own_routes_stale(&o);
	assert_int_equal(o.n_stale, n);
	own_routes_fini(&o);
	/* Tables and metrics without end are refused, not confused. */
	own_routes_init(&o, &w->mem, 1);
	for (uint32_t i = 0; i < OWN_LANES + 5; i++) {
		struct route r = {.table = i + 1, .metric = 20, .dst = {ip("10.0.0.0"), 8}};
		assert_int_equal(own_routes_add(&o, &r, false), i < OWN_LANES ? 0 : -ENOSPC);
		assert_int_equal(own_routes_has(&o, &r), i < OWN_LANES);
	}
	own_routes_fini(&o);
}

static void test_facts(void **state)
{
	struct kernel_fact f[3] = {
		{.type = KFACT_LINK, .enabled = true, .link = {.ifindex = 3, .name = "gre1", .mtu = 1400, .up = true, .point_to_point = true}},
		{.type = KFACT_ADDR, .gone = true, .address = {.ifindex = 3, .local = {ip("10.0.9.2"), 32}, .peer = ip("10.0.9.1"), .secondary = true}},
		{.type = KFACT_ROUTE, .route = to("2001:db8::/32", "fe80::1")},
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t room[PRIV_PACKED_MAX];
		struct wr w = wr_init(room, sizeof room);
		struct kernel_fact back;
		priv_fact_put(&w, &f[i]);
		assert_true(wr_ok(&w));
		struct rd r = rd_init(room, w.len);
		assert_true(priv_fact_get(&r, &back));
		assert_true(rd_done(&r));
		uint8_t again[PRIV_PACKED_MAX];
		struct wr w2 = wr_init(again, sizeof again);
		priv_fact_put(&w2, &back); /* octet by octet, without the padding of structures */
		assert_int_equal(w2.len, w.len);
		assert_memory_equal(again, room, w.len);
		for (size_t cut = 0; cut < w.len; cut++) {
			uint8_t *copy = malloc(cut ? cut : 1);
			memcpy(copy, room, cut);
			r = rd_init(copy, cut);
			assert_false(priv_fact_get(&r, &back));
			free(copy);
		}
	}
	struct kernel_fact back;
	uint8_t once[PRIV_PACKED_MAX];
	struct wr o = wr_init(once, sizeof once);
	priv_fact_put(&o, &f[1]);
	struct rd r1 = rd_init(once, o.len);
	assert_true(priv_fact_get(&r1, &back));
	assert_true(back.gone && back.address.secondary && !back.address.link_local && addr_eq(&back.address.peer, &f[1].address.peer));
	/* The largest fits into what is promised. */
	f[2].route.n_hops = ROUTE_HOPS_MAX;
	f[2].route.src = ip("2001:db8::9");
	for (size_t i = 0; i < ROUTE_HOPS_MAX; i++)
		f[2].route.hop[i] = f[2].route.hop[0];
	uint8_t room[PRIV_PACKED_MAX];
	struct wr w = wr_init(room, sizeof room);
	priv_fact_put(&w, &f[2]);
	assert_true(wr_ok(&w));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_set_replace_delete), T(test_foreign), T(test_refused), T(test_default), T(test_lives), T(test_order),
		T(test_malformed), T(test_no_memory), T(test_sockets), T(test_keys), T(test_tools), T(test_own), T(test_facts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
