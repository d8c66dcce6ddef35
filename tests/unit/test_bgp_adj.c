/* Who gets what: random routes, next hops, peers of all kinds that come, go, change and read slowly, against a plain recomputation. After
 * each pause, what a receiver has put together from the messages that it was sent equals what the rules say; in between,
 * nothing is sent that the receiver has already. The oracle knows sets of attributes as values and shares no code with the
 * decision or with export.c. */
#include "bgp_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_PEERS = 9, N_PREFIXES = 12, N_SETS = 24, N_IDS = 2, RX_MAX = 64 };

/* A set of attributes as it comes in. */
struct set {
	uint8_t origin, nh, n_path, n_cluster;
	bool has_med, has_originator;
	uint32_t med, lp, community, path[3], originator, weight;
};

/* What a receiver has of a prefix. */
struct have {
	bool used;
	struct prefix p;
	uint32_t id;
	char text[256];
};
struct receiver {
	struct have v[RX_MAX];
	uint8_t part[70000];
	size_t n;
	unsigned messages, again, unknown, eor;
};

struct world {
	struct core *c;
	struct set sets[N_SETS];
	struct prefix prefix[N_PREFIXES];
	struct bgp_attr *attr[N_SETS], *local[N_SETS];
	int8_t in[N_PEERS][N_PREFIXES][N_IDS]; /* set, -1 = none */
	int8_t own[N_PREFIXES];          /* a network of ours: set; -1 */
	int8_t by_default;               /* the default route's set; -1 */
	uint8_t suppressed[N_PREFIXES];
	bool joined[N_PEERS], link[8];
	struct receiver rx[N_PEERS];
	mono_t now;
	bool tolerant;                   /* the same may be sent again */
	unsigned alone;                  /* only paths of a destination that were withdrawn among several */
};

/* --- Text of attributes --- */

static void put_text(struct sbuf *s, const struct bgp_attrs *a, const struct addr *hop)
{
	char text[ADDR_TEXT];
	sb_printf(s, "o%u nh %s path ", a->origin, addr_str(hop, text));
	sb_as_path(s, a->as_path);
	if (a->has & 1u << BGP_A_MED)
		sb_printf(s, " med %u", a->med);
	if (a->has & 1u << BGP_A_LOCAL_PREF)
		sb_printf(s, " lp %u", a->local_pref);
	if (a->has & 1u << BGP_A_COMMUNITIES)
		sb_hex(s, a->communities.p, a->communities.n);
	if (a->has & 1u << BGP_A_ORIGINATOR_ID)
		sb_printf(s, " originator %x", a->originator_id);
	if (a->has & 1u << BGP_A_CLUSTER_LIST) {
		sb_put(s, " clusters ");
		sb_hex(s, a->cluster_list.p, a->cluster_list.n);
	}
}

/* --- Receivers --- */

static struct have *find(struct receiver *r, const struct prefix *p, uint32_t id)
{
	struct have *free_one = NULL;
	for (int i = 0; i < RX_MAX; i++) {
		struct have *h = &r->v[i];
		if (h->used && h->id == id && h->p.len == p->len && addr_eq(&h->p.addr, &p->addr))
			return h;
		if (!h->used)
			free_one = h;
	}
	assert_non_null(free_one);
	return free_one;
}

static void take(struct world *w, int peer, const struct bgp_update *u, const struct bgp_nlri *withdrawn, const struct bgp_nlri *reach, int which)
{
	struct receiver *r = &w->rx[peer];
	struct bgp_nlri run = *withdrawn;
	struct prefix p;
	uint32_t id;
	while (bgp_nlri_next(&run, &p, &id)) {
		struct have *h = find(r, &p, id);
		r->unknown += !h->used;
		h->used = false;
	}
	run = *reach;
	while (bgp_nlri_next(&run, &p, &id)) {
		char text[256];
		struct sbuf s = SB(text);
		put_text(&s, &u->attrs, &u->next_hop[which]);
		struct have *h = find(r, &p, id);
		r->again += h->used && strcmp(h->text, text) == 0;
		*h = (struct have){.used = true, .p = p, .id = id};
		memcpy(h->text, text, sizeof text);
	}
}

static void message(struct world *w, int peer, const struct bgp_frame *f)
{
	static struct bgp_update u;
	struct bgp_coding coding = w->c->peer[peer].coding;
	if (f->type == BGP_REFRESH)
		return;
	assert_int_equal(f->type, BGP_UPDATE);
	for (int af = 0; af < BGP_AF_N; af++)
		coding.addpath_rx[af] = coding.addpath_tx[af];
	uint8_t *exact = malloc(f->body.n);
	assert_non_null(exact);
	memcpy(exact, f->body.p, f->body.n);
	bgp_update_decode(SPAN(exact, f->body.n), &coding, &u);
	assert_int_equal(u.verdict, BGP_V_OK);
	w->rx[peer].eor += u.eor >= 0;
	w->rx[peer].messages += u.eor < 0;
	for (int i = 0; i < 2; i++)
		take(w, peer, &u, &u.withdrawn[i], &u.reach[i], i);
	free(exact);
}

static void octets(struct world *w, int peer, struct span s)
{
	struct receiver *r = &w->rx[peer];
	assert_true(r->n + s.n <= sizeof r->part);
	memcpy(r->part + r->n, s.p, s.n);
	r->n += s.n;
	struct bgp_frame f;
	struct bgp_error e;
	while (bgp_frame(SPAN(r->part, r->n), w->c->peer[peer].coding.max, &f, &e) == 1) {
		message(w, peer, &f);
		r->n -= f.len;
		memmove(r->part, r->part + f.len, r->n);
	}
}

/* At most `limit` octets of what a member has to send. */
static void drain(struct world *w, int peer, size_t limit)
{
	struct bgp_peer *p = &w->c->peer[peer];
	size_t max = 1 + core_random(w->c, 8), n;
	struct span run[8];
	while (limit && (n = adj_output(&w->c->b, p, run, max)) > 0) {
		size_t sent = 0;
		for (size_t i = 0; i < n; i++) {
			size_t take_n = run[i].n < limit - sent ? run[i].n : limit - sent;
			octets(w, peer, SPAN(run[i].p, take_n));
			sent += take_n;
		}
		limit -= sent;
		assert_int_equal(adj_sent(&w->c->b, p, sent), 0);
	}
}

/* --- The oracle --- */

struct cand {
	const struct set *s;
	int peer; /* -1: local */
	uint32_t id;
};

static bool reachable(const struct world *w, const struct set *s) { return w->link[s->nh]; }

static uint32_t first_as(const struct set *s) { return s->n_path ? s->path[0] : 0; }

/* Positive: x is better. with_med: MED counts. */
static int64_t better(const struct world *w, const struct cand *x, const struct cand *y, bool with_med)
{
	const struct bgp_peer *px = x->peer < 0 ? NULL : &w->c->peer[x->peer], *py = y->peer < 0 ? NULL : &w->c->peer[y->peer];
	uint32_t wx = px ? 0 : BGP_WEIGHT_LOCAL, wy = py ? 0 : BGP_WEIGHT_LOCAL;
	bool ex = px && px->external, ey = py && py->external;
	if (wx != wy)
		return (int64_t)wx - wy;
	uint32_t lx = ex || !px ? 100 : x->s->lp, ly = ey || !py ? 100 : y->s->lp;
	if (lx != ly)
		return (int64_t)lx - ly;
	if (x->s->n_path != y->s->n_path)
		return y->s->n_path - x->s->n_path;
	if (x->s->origin != y->s->origin)
		return y->s->origin - x->s->origin;
	uint32_t mx = x->s->has_med ? x->s->med : 0, my = y->s->has_med ? y->s->med : 0;
	if (with_med && mx != my)
		return (int64_t)my - mx;
	if (ex != ey)
		return ex - ey;
	int cx = ex ? 0 : x->s->n_cluster, cy = ey ? 0 : y->s->n_cluster;
	if (!ex && cx != cy)
		return cy - cx;
	uint32_t ix = !ex && x->s->has_originator ? x->s->originator : px->router_id;
	uint32_t iy = !ey && y->s->has_originator ? y->s->originator : py->router_id;
	if (ix != iy)
		return (int64_t)iy - ix;
	if (cx != cy)
		return cy - cx;
	int a = addr_cmp(&px->address, &py->address);
	return a ? -a : (int64_t)y->id - x->id;
}

static size_t candidates(const struct world *w, int pfx, struct cand *out)
{
	size_t n = 0;
	for (int p = 0; p < N_PEERS; p++) {
		for (uint32_t id = 0; id < N_IDS; id++) {
			int8_t s = w->in[p][pfx][id];
			if (s >= 0 && reachable(w, &w->sets[s]))
				out[n++] = (struct cand){&w->sets[s], p, id};
		}
	}
	if (w->own[pfx] >= 0)
		out[n++] = (struct cand){&w->sets[w->own[pfx]], -1, 0};
	return n;
}

static bool as_winner(const struct world *w, const struct cand *c, size_t n, size_t i)
{
	for (size_t j = 0; j < n; j++) {
		if (j != i && first_as(c[j].s) == first_as(c[i].s) && better(w, &c[j], &c[i], true) > 0)
			return false;
	}
	return true;
}

static int best(const struct world *w, const struct cand *c, size_t n)
{
	int at = -1;
	for (size_t i = 0; i < n; i++) {
		if (as_winner(w, c, n, i) && (at < 0 || better(w, &c[i], &c[at], false) > 0))
			at = (int)i;
	}
	return at;
}

/* RFC 4456 and 4271, in words of sets. False: not sent. */
static bool expected(const struct world *w, int to, const struct cand *c, int pfx, bool is_default, char text[256])
{
	const struct bgp_peer *p = &w->c->peer[to], *from = c->peer < 0 ? NULL : &w->c->peer[c->peer];
	const struct conf_bgp_af *k = &p->conf->af[BGP_V4];
	bool internal = !p->external, from_internal = from && !from->external, reflected = from_internal && internal;
	if (c->peer == to || (c->s->community == BGP_NO_ADVERTISE))
		return false;
	if (!internal && (c->s->community == BGP_NO_EXPORT || c->s->community == BGP_NO_PEER))
		return false;
	if (reflected && !from->conf->af[BGP_V4].rr_client && (!k->rr_client))
		return false;
	if (reflected && from->conf->af[BGP_V4].rr_client && k->rr_client && !w->c->cb.client_to_client)
		return false;
	if (k->prefix_list_out && !is_default && w->prefix[pfx].len >= 16 && w->prefix[pfx].addr.b[1] == 7)
		return false;
	if (k->map_out == 2 && !is_default && c->s->has_med && c->s->med == 5)
		return false;
	bool self = !from || (internal ? (reflected ? k->next_hop_self_force : k->next_hop_self || k->next_hop_self_force) : !k->next_hop_unchanged);
	bool set_by_map = !is_default && k->map_out && !reflected;
	struct addr hop = self ? p->local : (struct addr){.family = AF_V4, .b = {10, 0, c->s->nh, 9}};
	if (set_by_map && k->map_out == 2)
		hop = core_addr("10.0.4.9");
	char hop_text[ADDR_TEXT];
	struct sbuf s = sb_init(text, 256);
	sb_printf(&s, "o%u nh %s path ", c->s->origin, addr_str(&hop, hop_text));
	if (!internal)
		sb_printf(&s, "65000%s", c->s->n_path ? " " : "");
	for (int i = 0; i < c->s->n_path; i++)
		sb_printf(&s, "%s%u", i ? " " : "", c->s->path[i]);
	bool med = c->s->has_med, mapped = set_by_map && k->map_out == 1;
	if ((med || mapped) && (internal || !from))
		sb_printf(&s, " med %u", mapped ? 77 : c->s->med);
	if (internal)
		sb_printf(&s, " lp %u", from_internal ? c->s->lp : 100);
	if (c->s->community && k->send_community)
		sb_printf(&s, "%08x", c->s->community);
	if (internal && from_internal) {
		sb_printf(&s, " originator %x", c->s->has_originator ? c->s->originator : from->router_id);
		sb_put(&s, " clusters 01010101");
		for (int i = 0; i < c->s->n_cluster; i++)
			sb_printf(&s, "0202020%d", i);
	}
	return true;
}

static int by_text(const void *x, const void *y) { return strcmp(x, y); }

static void compare(struct world *w, int to, int pfx)
{
	struct cand c[N_PEERS * N_IDS + 1];
	size_t n = candidates(w, pfx, c), n_want = 0, n_have = 0;
	char want[N_PEERS * N_IDS + 2][256], have[N_PEERS * N_IDS + 2][256];
	const struct conf_bgp_af *k = &w->c->peer[to].conf->af[BGP_V4];
	bool addpath = w->c->peer[to].coding.addpath_tx[BGP_V4];
	bool by_default = w->prefix[pfx].len == 0 && w->by_default >= 0 && k->default_originate;
	int b = best(w, c, n);
	memset(want, 0, sizeof want);
	memset(have, 0, sizeof have);
	for (size_t i = 0; !w->suppressed[pfx] && i < n; i++) {
		bool send = addpath ? k->addpath_tx == 1 || (int)i == b || as_winner(w, c, n, i) : (int)i == b && !by_default;
		n_want += send && expected(w, to, &c[i], pfx, false, want[n_want]);
	}
	struct cand d = {.s = &w->sets[by_default ? w->by_default : 0], .peer = -1};
	n_want += by_default && expected(w, to, &d, pfx, true, want[n_want]);
	for (int i = 0; i < RX_MAX; i++) {
		const struct have *h = &w->rx[to].v[i];
		if (h->used && h->p.len == w->prefix[pfx].len && addr_eq(&h->p.addr, &w->prefix[pfx].addr))
			memcpy(have[n_have++], h->text, sizeof h->text);
	}
	qsort(want, n_want, sizeof want[0], by_text);
	qsort(have, n_have, sizeof have[0], by_text);
	for (size_t i = 0; i < n_want || i < n_have; i++)
		assert_string_equal(i < n_have ? have[i] : "nothing", i < n_want ? want[i] : "nothing");
}

static unsigned used(const struct receiver *r)
{
	unsigned n = 0;
	for (int i = 0; i < RX_MAX; i++)
		n += r->v[i].used;
	return n;
}

static void quiet(struct world *w)
{
	core_work(w->c, w->now);
	adj_flush(&w->c->b, w->now);
	for (int p = 0; p < N_PEERS; p++) {
		if (!w->joined[p])
			continue;
		drain(w, p, SIZE_MAX);
		assert_false(adj_pending(&w->c->peer[p]));
		assert_int_equal(w->rx[p].n, 0);
		for (int i = 0; i < N_PREFIXES; i++)
			compare(w, p, i);
		assert_int_equal(w->c->peer[p].af[BGP_V4].sent, used(&w->rx[p]));
		if (!w->tolerant) {
			assert_int_equal(w->rx[p].again, 0);
			assert_int_equal(w->rx[p].unknown, 0);
		}
	}
}

/* --- The world --- */

static struct bgp_attr *intern(struct world *w, const struct set *s, bool local)
{
	uint8_t canon[128], path[2 + 12], clusters[8], community[4];
	struct wr c = wr_init(canon, sizeof canon), p = wr_init(path, sizeof path), l = wr_init(clusters, sizeof clusters),
	          m = wr_init(community, sizeof community);
	struct addr hop = {.family = AF_V4, .b = {10, 0, s->nh, 9}}, none = {0};
	if (s->n_path) {
		wr_u8(&p, BGP_AS_SEQUENCE);
		wr_u8(&p, s->n_path);
	}
	for (int i = 0; i < s->n_path; i++)
		wr_u32(&p, s->path[i]);
	for (int i = 0; i < s->n_cluster; i++)
		wr_u32(&l, 0x02020200u + (uint32_t)i);
	wr_u32(&m, s->community);
	bgp_attr_put(&c, BGP_A_ORIGIN, &s->origin, 1);
	bgp_attr_put(&c, BGP_A_AS_PATH, path, p.len);
	if (s->has_med)
		bgp_attr_put_u32(&c, BGP_A_MED, s->med);
	if (!local)
		bgp_attr_put_u32(&c, BGP_A_LOCAL_PREF, s->lp);
	if (s->community)
		bgp_attr_put(&c, BGP_A_COMMUNITIES, community, 4);
	if (s->has_originator && !local)
		bgp_attr_put_u32(&c, BGP_A_ORIGINATOR_ID, s->originator);
	if (s->n_cluster && !local)
		bgp_attr_put(&c, BGP_A_CLUSTER_LIST, clusters, l.len);
	return attr_get(&w->c->b, SPAN(canon, c.len), local ? &none : &hop, &none, local ? BGP_WEIGHT_LOCAL : 0, 0, !local);
}

/* From an external peer LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST do not come in (wire/ leaves them out). */
static struct bgp_attr *intern_external(struct world *w, const struct set *s)
{
	uint8_t canon[128], path[2 + 12], community[4];
	struct wr c = wr_init(canon, sizeof canon), p = wr_init(path, sizeof path), m = wr_init(community, sizeof community);
	struct addr hop = {.family = AF_V4, .b = {10, 0, s->nh, 9}}, none = {0};
	wr_u8(&p, BGP_AS_SEQUENCE);
	wr_u8(&p, s->n_path);
	for (int i = 0; i < s->n_path; i++)
		wr_u32(&p, s->path[i]);
	wr_u32(&m, s->community);
	bgp_attr_put(&c, BGP_A_ORIGIN, &s->origin, 1);
	bgp_attr_put(&c, BGP_A_AS_PATH, path, s->n_path ? p.len : 0);
	if (s->has_med)
		bgp_attr_put_u32(&c, BGP_A_MED, s->med);
	if (s->community)
		bgp_attr_put(&c, BGP_A_COMMUNITIES, community, 4);
	return attr_get(&w->c->b, SPAN(canon, c.len), &hop, &none, 0, 0, true);
}

static void random_sets(struct world *w)
{
	static const uint32_t communities[] = {0, 0, 0, 0, 0xfde80001, BGP_NO_ADVERTISE, BGP_NO_EXPORT, BGP_NO_PEER};
	for (int i = 0; i < N_SETS; i++) {
		struct set *s = &w->sets[i];
		*s = (struct set){
			.origin = (uint8_t)core_random(w->c, 2),
			.nh = (uint8_t)(1 + core_random(w->c, 4)),
			.n_path = (uint8_t)core_random(w->c, 3),
			.has_med = core_random(w->c, 2),
			.med = 5 * (uint32_t)core_random(w->c, 3),
			.lp = core_random(w->c, 4) ? 100 : 200,
			.community = communities[core_random(w->c, 8)],
			.has_originator = core_random(w->c, 3) == 0,
			.originator = 0x05050500u + (uint32_t)core_random(w->c, 3),
		};
		if (s->has_originator)
			s->n_cluster = (uint8_t)(1 + core_random(w->c, 2));
		for (int j = 0; j < s->n_path; j++)
			s->path[j] = 65001 + (uint32_t)core_random(w->c, 2);
	}
}

/* The kinds of peers that there are; the dice decide how many of each. */
static void random_peer(struct world *w, int i)
{
	struct bgp_peer *p = &w->c->peer[i];
	struct conf_bgp_af *k = &w->c->conf[i].af[BGP_V4];
	uint64_t dice = core_random(w->c, 1 << 16);
	*k = (struct conf_bgp_af){.active = true, .send_extended = true, .send_large = true};
	p->external = dice % 5 == 0;
	p->as = p->external ? 65001 : 65000;
	k->rr_client = !p->external && dice & 1 << 3;
	k->send_community = (dice >> 4) % 4 != 0;
	k->next_hop_self = (dice >> 6) % 3 == 0;
	k->next_hop_self_force = (dice >> 8) % 5 == 0;
	k->next_hop_unchanged = (dice >> 10) % 5 == 0;
	k->default_originate = (dice >> 12) % 4 == 0;
	k->prefix_list_out = core_random(w->c, 4) == 0;
	k->map_out = (uint32_t)(core_random(w->c, 2) ? 0 : core_random(w->c, 3));
	k->addpath_tx = (uint8_t)(core_random(w->c, 4) ? 0 : 1 + core_random(w->c, 2));
	p->coding = (struct bgp_coding){.as4 = true, .max = core_random(w->c, 2) ? BGP_MSG_MAX : BGP_MSG_EXT_MAX, .external = p->external,
	                                .mp = {true, true}, .addpath_tx = {k->addpath_tx != 0}};
}

static struct world *world_new(uint64_t seed)
{
	static const char *const prefixes[N_PREFIXES] = {"0.0.0.0/0", "20.0.0.0/8", "20.7.0.0/16", "20.7.1.0/24", "20.1.2.0/24", "20.1.2.128/25",
	                                                 "30.0.0.1/32", "30.0.0.2/32", "30.0.0.0/31", "40.1.0.0/16", "40.2.0.0/15", "50.0.0.0/9"};
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	w->c = core_new(seed);
	assert_non_null(w->c);
	memset(w->in, -1, sizeof w->in);
	memset(w->own, -1, sizeof w->own);
	w->by_default = -1;
	w->now = DUR_S(1000);
	w->c->b.conf = (const struct conf *)w; /* only compared */
	w->c->deny[0] = core_prefix("20.7.0.0/16");
	w->c->cb.client_to_client = core_random(w->c, 4) != 0;
	w->c->cb.compare_router_id = true; /* the age of a route is no value: test_bgp_decide.c */
	for (int i = 0; i < N_PREFIXES; i++)
		w->prefix[i] = core_prefix(prefixes[i]);
	for (int i = 0; i < N_PEERS; i++)
		core_peer(w->c);
	random_sets(w);
	for (int i = 0; i < N_PEERS; i++)
		random_peer(w, i);
	for (uint8_t i = 1; i < 5; i++) {
		core_link(w->c, i, true);
		w->link[i] = true;
	}
	return w;
}

static void world_free(struct world *w)
{
	assert_int_equal(core_free(w->c), 0);
	free(w);
}

static void route(struct world *w, int p, int pfx, int set)
{
	struct bgp_peer *peer = &w->c->peer[p];
	uint32_t id = (uint32_t)core_random(w->c, N_IDS);
	if (set < 0) {
		rib_withdraw(&w->c->b, peer, BGP_V4, &w->prefix[pfx], id, w->now);
		w->in[p][pfx][id] = -1;
		return;
	}
	struct bgp_attr *a = peer->external ? intern_external(w, &w->sets[set]) : intern(w, &w->sets[set], false);
	if (!a)
		return; /* nothing came in, as far as the table is concerned */
	rib_update(&w->c->b, peer, BGP_V4, &w->prefix[pfx], id, a, w->now);
	attr_unref(&w->c->b, a);
	w->in[p][pfx][id] = (int8_t)set;
}

/* Several at once, some of them twice, and not all asked for in advance. */
static void take_back(struct world *w, int p)
{
	struct bgp *b = &w->c->b;
	struct prefix pfx[RIB_AHEAD];
	uint32_t id[RIB_AHEAD];
	struct rib_ahead a;
	size_t n = 1 + core_random(w->c, RIB_AHEAD);
	for (size_t i = 0; i < n; i++) {
		size_t k = core_random(w->c, N_PREFIXES);
		uint32_t at = rib_find(&b->table[BGP_V4], &w->prefix[k]), first = at ? rib_dest(&b->table[BGP_V4], at)->first : 0;
		const struct bgp_path *path = first ? rib_path(&b->table[BGP_V4], first) : NULL;
		bool alone = path && !path->next && path->peer == w->c->peer[p].index;
		pfx[i] = w->prefix[k];
		id[i] = alone ? path->path_id : (uint32_t)core_random(w->c, N_IDS);
		w->in[p][k][id[i]] = -1;
		w->alone += alone;
	}
	core_ahead(w->c, BGP_V4, &a, pfx, core_random(w->c, 4) ? n : n / 2);
	rib_withdraw_ahead(b, &w->c->peer[p], BGP_V4, &a, pfx, id, n, w->now);
}

/* As after many changes. */
static void burst(struct world *w)
{
	groups_waiting(&w->c->b);
	w->c->b.adj->burst = true;
}

static void own(struct world *w, int pfx)
{
	struct bgp *b = &w->c->b;
	if (core_random(w->c, 2)) {
		rib_local_del(b, BGP_V4, &w->prefix[pfx], LOCAL_NETWORK, w->now);
		w->own[pfx] = -1;
	} else {
		int set = (int)core_random(w->c, N_SETS);
		struct bgp_attr *a = intern(w, &w->sets[set], true);
		rib_local_set(b, BGP_V4, &w->prefix[pfx], LOCAL_NETWORK, a, true, w->now);
		attr_unref(b, a);
		w->own[pfx] = (int8_t)set;
	}
}

static void default_route(struct world *w)
{
	struct bgp *b = &w->c->b;
	if (w->by_default >= 0) {
		rib_local_del(b, BGP_V4, &w->prefix[0], LOCAL_DEFAULT, w->now);
		w->by_default = -1;
	} else {
		w->by_default = (int8_t)core_random(w->c, N_SETS);
		struct bgp_attr *a = intern(w, &w->sets[w->by_default], true);
		rib_local_set(b, BGP_V4, &w->prefix[0], LOCAL_DEFAULT, a, false, w->now);
		attr_unref(b, a);
	}
}

static void suppress(struct world *w, int pfx)
{
	uint32_t dest = rib_find(&w->c->b.table[BGP_V4], &w->prefix[pfx]);
	if (!dest)
		return;
	bool on = !w->suppressed[pfx];
	rib_suppress(&w->c->b, BGP_V4, dest, on, w->now);
	w->suppressed[pfx] = on;
}

/* The session comes, or goes with all its routes. */
static void session(struct world *w, int p)
{
	struct bgp_peer *peer = &w->c->peer[p];
	if (w->joined[p]) {
		adj_leave(&w->c->b, peer, BGP_V4);
		rib_purge(&w->c->b, peer, BGP_V4, PURGE_ALL);
		core_work(w->c, w->now);
		memset(w->in[p], -1, sizeof w->in[p]);
		assert_int_equal(peer->af[BGP_V4].accepted, 0);
		random_peer(w, p);
	} else {
		memset(&w->rx[p], 0, sizeof w->rx[p]);
		adj_join(&w->c->b, peer, BGP_V4, w->now);
	}
	w->joined[p] = !w->joined[p];
}

/* Other outbound filters, the rest as it was: the difference is sent, once. */
static void reconfigure(struct world *w, int p)
{
	struct conf_bgp_af *k = &w->c->conf[p].af[BGP_V4];
	k->prefix_list_out = core_random(w->c, 2) == 0;
	k->send_community = core_random(w->c, 2);
	k->next_hop_self = core_random(w->c, 2);
	k->map_out = (uint32_t)core_random(w->c, 3);
	adj_regroup(&w->c->b, &w->c->peer[p], BGP_V4, w->now);
}

static void step(struct world *w)
{
	int p = (int)core_random(w->c, N_PEERS), pfx = (int)core_random(w->c, N_PREFIXES);
	uint64_t what = core_random(w->c, 100);
	if (what < 50 && w->joined[p]) {
		route(w, p, pfx, (int)core_random(w->c, N_SETS));
	} else if (what < 60 && w->joined[p]) {
		route(w, p, pfx, -1);
	} else if (what < 69 && w->joined[p]) {
		take_back(w, p);
	} else if (what < 70) {
		burst(w);
	} else if (what < 76) {
		own(w, pfx);
	} else if (what < 78) {
		default_route(w);
	} else if (what < 81) {
		suppress(w, pfx);
	} else if (what < 84) {
		uint8_t i = (uint8_t)(1 + core_random(w->c, 4));
		w->link[i] = !w->link[i];
		core_link(w->c, i, w->link[i]);
		core_work(w->c, w->now);
	} else if (what < 88) {
		session(w, p);
	} else if (what < 90 && w->joined[p]) {
		reconfigure(w, p);
	} else if (what < 94 && w->joined[p]) {
		drain(w, p, core_random(w->c, 200));
	} else if (what < 98) {
		adj_tick(&w->c->b, w->now);
	} else {
		adj_flush(&w->c->b, w->now);
	}
	w->now += (mono_t)core_random(w->c, DUR_MS(1));
}

static void test_storm(void **state)
{
	(void)state;
	unsigned alone = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = world_new(seed);
		for (int i = 0; i < 40; i++) {
			for (uint64_t n = 1 + core_random(w->c, 40); n; n--)
				step(w);
			quiet(w);
		}
		alone += w->alone;
		world_free(w);
	}
	assert_true(alone > 500);
}

static void test_refresh(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = world_new(seed + 1000);
		w->tolerant = true;
		for (int i = 0; i < 200; i++) {
			int p = (int)core_random(w->c, N_PEERS);
			step(w);
			if (w->joined[p] && core_random(w->c, 5) == 0)
				adj_resend(&w->c->b, &w->c->peer[p], BGP_V4, core_random(w->c, 2), w->now);
			if (core_random(w->c, 10) == 0)
				quiet(w);
		}
		quiet(w);
		world_free(w);
	}
}

/* Sessions that were to end do. */
static void end_stopped(struct world *w)
{
	adj_tick(&w->c->b, w->now);
	for (int i = 0; i < N_PEERS; i++) {
		if (w->c->stopped & 1u << i && w->joined[i])
			session(w, i);
	}
	w->c->stopped = 0;
}

/* Logs are short here, so whoever does not read is let off, and gets what it lacks when it reads again. */
static void test_slow(void **state)
{
	(void)state;
	unsigned let_off = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = world_new(seed + 2000);
		w->tolerant = true; /* a route may have come back to what it was */
		w->c->b.adj->slow_octets = 300;
		for (int i = 0; i < N_PEERS; i++) { /* there the session ends: below */
			w->c->conf[i].af[BGP_V4].addpath_tx = 0;
			w->c->peer[i].coding.addpath_tx[BGP_V4] = false;
		}
		for (int i = 0; i < 10; i++) {
			for (int n = 0; n < 150; n++) {
				step(w);
				for (int p = 0; p < N_PEERS; p++)
					let_off += w->joined[p] && w->c->peer[p].af[BGP_V4].member->slow;
				end_stopped(w); /* add-path came back by a change of kind */
			}
			quiet(w);
		}
		world_free(w);
	}
	assert_true(let_off > 100);
}

/* What could not be said for lack of memory is said later; whose table is lost has lost its session; nobody else notices. */
static void hungry(struct world *w)
{
	int p = (int)core_random(w->c, N_PEERS), pfx = (int)core_random(w->c, N_PREFIXES);
	uint64_t what = core_random(w->c, 100);
	w->c->fail_one_in = 12;
	if (what < 60 && w->joined[p])
		route(w, p, pfx, (int)core_random(w->c, N_SETS + 8) - 8);
	else if (what < 70)
		suppress(w, pfx);
	else if (what < 80 && w->joined[p])
		drain(w, p, core_random(w->c, 300));
	else if (what < 85 && w->joined[p])
		adj_resend(&w->c->b, &w->c->peer[p], BGP_V4, false, w->now);
	else if (what < 90 && w->joined[p])
		reconfigure(w, p);
	else if (what < 95)
		adj_flush(&w->c->b, w->now);
	else
		session(w, p);
	adj_tick(&w->c->b, w->now);
	w->c->fail_one_in = 0;
	end_stopped(w);
	w->now += DUR_MS(1);
}

static void test_hunger(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = world_new(seed + 3000);
		w->tolerant = true;
		w->c->b.adj->slow_octets = seed % 2 ? 300 : 1 << 20;
		for (int i = 0; i < 10; i++) {
			for (int n = 0; n < 60; n++)
				hungry(w);
			for (int p = 0; p < N_PEERS; p++) { /* who had been let off may be lost now */
				if (w->joined[p])
					drain(w, p, SIZE_MAX);
			}
			end_stopped(w);
			quiet(w);
		}
		world_free(w);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_storm),
	cmocka_unit_test(test_refresh),
	cmocka_unit_test(test_slow),
	cmocka_unit_test(test_hunger),
};

int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
