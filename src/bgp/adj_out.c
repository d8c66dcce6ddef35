/* Groups of equal peers: who is in which, joining late, leaving, moving after a change of configuration; and when messages are closed.
 *
 * A change costs one step per group, not per peer; the members of a group share its messages (log.c). When messages are
 * closed: one route alone goes at once. Within a burst they are kept open until input pauses, so that what belongs together
 * goes together, but not for ever. */
#include <string.h>

#include "bgp/adj_int.h"

#define QUIET DUR_NS(500000)          /* a pause that ends a burst */
#define QUIET_CHEAP DUR_NS(1)         /* few are open, and these not nearly empty: one look at the sockets that finds nothing */
#define ALONE DUR_MS(2)               /* after the last one, what is not part of a burst goes at once */
#define REST DUR_MS(2)                /* after a flush: who waits for the messages may need this processor to read them */
#define BURST_MIN DUR_MS(20)          /* a burst's messages are closed after this long, and what its changes add */
#define BURST_A_CHANGE DUR_NS(4000)
#define BURST_MAX DUR_S(1)
#define RETRY DUR_MS(100)
enum { FEW = 32 /* changes */, CHEAP_OPEN = 4 /* messages */, CHEAP_CHANGES = 256, SLOW = 16 << 20 /* octets */ };

int adj_init(struct bgp *b)
{
	struct bgp_adj_state *s = mem_get(b->env.mem, sizeof *s);
	if (!s)
		return -12 /* ENOMEM */;
	for (int af = 0; af < BGP_AF_N; af++)
		list_init(&s->groups[af]);
	s->first = MONO_NEVER;
	s->flushed = -ALONE;
	s->slow_octets = SLOW;
	b->adj = s;
	return 0;
}

static void group_free(struct bgp *b, struct bgp_group *g)
{
	list_del(&g->link);
	if (g->key.addpath)
		b->adj->n_all_paths[g->key.af]--;
	packer_fini(b, &g->pk);
	list_clear(b, &g->table);
	export_forget(b, g);
	mem_put(b->env.mem, g->cache, sizeof *g->cache * EXPORT_CACHE);
	bag_free(b->env.mem, &g->again);
	group_drop_state(b, g);
	chunk_unref(b, g->tail);
	mem_put(b->env.mem, g, sizeof *g);
}

static void member_free(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_peer_af *pa = &m->peer->af[m->g->key.af];
	log_leave(b, m);
	list_del(&m->link);
	m->g->n_members--;
	pa->group = NULL;
	pa->member = NULL;
	pa->sent = 0;
	mem_put(b->env.mem, m, sizeof *m);
}

void adj_fini(struct bgp *b)
{
	struct bgp_adj_state *s = b->adj;
	if (!s)
		return;
	for (int af = 0; af < BGP_AF_N; af++) {
		LIST_EACH (it, tmp, &s->groups[af]) {
			struct bgp_group *g = LIST_ENTRY(it, struct bgp_group, link);
			LIST_EACH (im, tm, &g->members)
				member_free(b, LIST_ENTRY(im, struct bgp_group_member, link));
			group_free(b, g);
		}
	}
	mem_put(b->env.mem, s, sizeof *s);
	b->adj = NULL;
}

/* --- Who is equal --- */

static bool has_filters(const struct conf_bgp_af *c) { return c->prefix_list_out || c->map_out || c->map_default || c->aspath_list_out; }

/* Our address on the session as a next hop of this family; AF_NONE: there is none. RFC 8950 3, RFC 4760 3. */
static struct addr self_of(const struct bgp_peer *p, uint8_t af)
{
	if (af == BGP_V4)
		return p->local.family == AF_V4 || p->coding.ext_nexthop ? p->local : (struct addr){0};
	if (p->local.family != AF_V4)
		return p->local;
	/* As FRR does without an IPv6 address on the session: mapped. */
	struct addr mapped = {.family = AF_V6, .b = {[10] = 0xff, [11] = 0xff}};
	memcpy(mapped.b + 12, p->local.b, 4);
	return mapped;
}

static void key_of(const struct bgp *b, const struct bgp_peer *p, uint8_t af, struct group_key *k)
{
	const struct conf_bgp_af *c = &p->conf->af[af];
	struct addr self = self_of(p, af);

	memset(k, 0, sizeof *k);
	k->conf.rr_client = c->rr_client;
	k->conf.next_hop_self = c->next_hop_self;
	k->conf.next_hop_self_force = c->next_hop_self_force;
	k->conf.next_hop_unchanged = c->next_hop_unchanged;
	k->conf.default_originate = c->default_originate;
	k->conf.send_community = c->send_community;
	k->conf.send_extended = c->send_extended;
	k->conf.send_large = c->send_large;
	k->conf.remove_private_as = c->remove_private_as;
	k->conf.attr_unchanged = c->attr_unchanged;
	k->conf.prefix_list_out = c->prefix_list_out;
	k->conf.map_out = c->map_out;
	k->conf.map_default = c->map_default;
	k->conf.aspath_list_out = c->aspath_list_out;
	k->filters_of = has_filters(c) ? b->conf : NULL;
	k->af = af;
	k->external = p->external;
	k->as4 = p->coding.as4;
	k->addpath = p->coding.addpath_tx[af];
	k->conf.addpath_tx = k->addpath ? c->addpath_tx : 0;
	k->ext_nexthop = p->coding.ext_nexthop;
	k->no_llgr = p->open_sent.caps.llgr && !p->open_rcvd.caps.llgr;
	k->max = p->coding.max;
	k->self_len = (uint8_t)addr_len(&self);
	k->local_as = p->conf->local_as ? p->conf->local_as : b->cb->as;
	k->as = p->external ? p->as : 0;
	k->lone = export_by_peer(b, c) ? p->index : 0;
}

static struct bgp_group *group_find(const struct bgp *b, const struct group_key *k)
{
	LIST_EACH (it, tmp, &b->adj->groups[k->af]) {
		struct bgp_group *g = LIST_ENTRY(it, struct bgp_group, link);
		if (memcmp(&g->key, k, sizeof *k) == 0)
			return g;
	}
	return NULL;
}

static struct bgp_group *group_new(struct bgp *b, const struct group_key *k, const struct bgp_coding *coding)
{
	struct bgp_group *g = mem_get(b->env.mem, sizeof *g);
	if (!g)
		return NULL;
	g->key = *k;
	g->coding = *coding;
	g->gen = 1;
	g->change = 1;
	g->by_prefix = export_by_prefix(b, &k->conf);
	list_init(&g->members);
	pool_init(&g->paths, b->env.mem, sizeof(struct out_path));
	if (packer_init(b, &g->pk, g, NULL) < 0) {
		mem_put(b->env.mem, g, sizeof *g);
		return NULL;
	}
	list_init(&g->link);
	list_add_tail(&b->adj->groups[k->af], &g->link);
	if (k->addpath)
		b->adj->n_all_paths[k->af]++;
	group_all(b, g, true);
	export_forget(b, g);
	return g;
}

/* The group of this key with all its messages closed; NULL: no memory. */
static struct bgp_group *group_ready(struct bgp *b, const struct group_key *k, const struct bgp_coding *coding)
{
	struct bgp_group *g = group_find(b, k);
	if (!g)
		return group_new(b, k, coding);
	groups_waiting(b);
	group_close(b, g);
	return g;
}

static void group_leave(struct bgp *b, struct bgp_group *g)
{
	if (g->n_members == 0)
		group_free(b, g);
}

/* --- The table for those that come late --- */

static bool table_make(struct bgp *b, struct bgp_group *g)
{
	struct packer pk;
	if (g->table_change == g->change)
		return true;
	list_clear(b, &g->table);
	g->table_change = 0;
	if (packer_init(b, &pk, g, &g->table) < 0)
		return false;
	bool ok = group_difference(b, NULL, g, 0, &pk);
	ok &= packer_close(b, &pk);
	packer_fini(b, &pk);
	g->table_change = ok ? g->change : 0;
	return ok;
}

static bool queue_table(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_group *g = m->g;
	if (!table_make(b, g))
		return false;
	for (uint32_t i = 0; i < g->table.n; i++) {
		g->table.v[i]->refs++;
		if (!list_put(b, &m->queue, g->table.v[i]))
			return false;
	}
	return true;
}

enum marker { MARK_EOR, MARK_BEGIN, MARK_END };

static bool queue_marker(struct bgp *b, struct bgp_group_member *m, enum marker what)
{
	enum { ROOM = 64 };
	struct bgp_chunk *c = chunk_new(b, ROOM);
	if (!c)
		return false;
	struct wr w = wr_init(c->data, c->cap);
	if (what == MARK_EOR)
		bgp_eor_encode(&w, m->g->key.af);
	else
		bgp_refresh_encode(&w, m->g->key.af, what == MARK_BEGIN ? BGP_REFRESH_BEGIN : BGP_REFRESH_END);
	c->len = (uint32_t)w.len;
	return list_put(b, &m->queue, c);
}

static void no_memory(struct bgp *b, struct bgp_peer *p, mono_t now)
{
	session_stop(b, p, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESOURCES}, "no memory for its table", now);
}

static void member_enter(struct bgp *b, struct bgp_group_member *m, struct bgp_group *g)
{
	struct bgp_peer_af *pa = &m->peer->af[g->key.af];
	(void)b;
	m->g = g;
	m->self = self_of(m->peer, g->key.af);
	list_init(&m->link);
	list_add_tail(&g->members, &m->link);
	g->n_members++;
	g->n_idle++;
	pa->group = g;
	pa->member = m;
	pa->pos = NULL;
	m->own = group_own(g, m->peer->index);
	m->passed = g->appended;
	pa->sent = g->n_out - m->own;
}

void adj_join(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now)
{
	struct group_key k;
	if (p->af[af].member)
		adj_leave(b, p, af);
	key_of(b, p, af, &k);
	struct bgp_group *g = group_ready(b, &k, &p->coding);
	struct bgp_group_member *m = g ? mem_get(b->env.mem, sizeof *m) : NULL;
	if (!m) {
		if (g)
			group_leave(b, g);
		no_memory(b, p, now);
		return;
	}
	m->peer = p;
	member_enter(b, m, g);
	/* RFC 4724 2: the End-of-RIB marker is sent to everybody, also behind an empty table. */
	if (!queue_table(b, m) || !queue_marker(b, m, MARK_EOR)) {
		adj_leave(b, p, af);
		no_memory(b, p, now);
		return;
	}
	p->af[af].eor_out = true;
	session_output(b, p);
}

void adj_leave(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	struct bgp_group_member *m = p->af[af].member;
	if (!m)
		return;
	struct bgp_group *g = m->g;
	member_free(b, m);
	list_clear(b, &g->table);
	g->table_change = 0;
	group_leave(b, g);
}

void adj_resend(struct bgp *b, struct bgp_peer *p, uint8_t af, bool enhanced, mono_t now)
{
	struct bgp_group_member *m = p->af[af].member;
	if (!m)
		return;
	groups_waiting(b);
	group_close(b, m->g);
	bool ok = log_detach(b, m) && (!enhanced || queue_marker(b, m, MARK_BEGIN)) && queue_table(b, m) &&
	          (!enhanced || queue_marker(b, m, MARK_END));
	if (!ok)
		no_memory(b, p, now);
	else if (adj_pending(p))
		session_output(b, p);
}

void adj_regroup(struct bgp *b, struct bgp_peer *p, uint8_t af, mono_t now)
{
	struct bgp_adj_state *s = b->adj;
	struct bgp_group_member *m = p->af[af].member;
	struct group_key k;
	struct packer pk;
	if (!m)
		return;
	key_of(b, p, af, &k);
	struct bgp_group *was = m->g;
	if (memcmp(&was->key, &k, sizeof k) == 0) {
		/* Something that is no part of what makes peers equal: reflection, our cluster, the source of routes. */
		was->resync = s->resync = true;
		s->first = mono_min(s->first, now);
		return;
	}
	groups_waiting(b);
	group_close(b, was);
	bool ok = log_detach(b, m);
	struct bgp_group *g = ok ? group_ready(b, &k, &p->coding) : NULL;
	ok = g && packer_init(b, &pk, g, &m->queue) == 0;
	if (ok) {
		ok = group_difference(b, was, g, p->index, &pk);
		ok &= packer_close(b, &pk);
		packer_fini(b, &pk);
	}
	if (!ok) {
		if (g)
			group_leave(b, g);
		no_memory(b, p, now);
		return;
	}
	list_del(&m->link);
	was->n_members--;
	was->n_idle--; /* nothing of its log is left to it */
	member_enter(b, m, g);
	group_leave(b, was);
	if (adj_pending(p))
		session_output(b, p);
}

void adj_renumber(struct bgp *b, const struct bgp_peer *p, uint8_t af)
{
	struct bgp_group_member *m = p->af[af].member;
	if (m && m->g->key.filters_of && m->g->key.filters_of != b->conf)
		key_of(b, p, af, &m->g->key);
}

/* --- Changes, and when they go --- */

bool adj_all_paths(const struct bgp *b, uint8_t af) { return b->adj->n_all_paths[af] > 0; }

static bool alone(const struct bgp_adj_state *s) { return s->changes <= FEW && s->first - s->flushed >= ALONE; }

static mono_t latest(const struct bgp_adj_state *s)
{
	dur_t more = BURST_A_CHANGE * s->changes;
	return mono_add(s->first, more < BURST_MAX - BURST_MIN ? BURST_MIN + more : BURST_MAX);
}

/* What a pause that was none would cost is a message more for each that is open. */
static dur_t quiet(const struct bgp_adj_state *s)
{
	return s->burst && s->n_open <= CHEAP_OPEN && s->changes >= CHEAP_CHANGES ? QUIET_CHEAP : QUIET;
}

mono_t adj_due(const struct bgp *b)
{
	const struct bgp_adj_state *s = b->adj;
	if (s->doomed)
		return 0;
	if (s->first == MONO_NEVER)
		return MONO_NEVER;
	return alone(s) ? s->first : mono_min(mono_add(s->last, quiet(s)), latest(s));
}

mono_t adj_rest(const struct bgp *b)
{
	return adj_due(b) == MONO_NEVER ? b->adj->flushed + REST : MONO_NEVER;
}

static struct bgp_group_member *doomed_member(const struct bgp *b)
{
	for (int af = 0; af < BGP_AF_N; af++) {
		LIST_EACH (it, tmp, &b->adj->groups[af]) {
			LIST_EACH (im, tm, &LIST_ENTRY(it, struct bgp_group, link)->members) {
				if (LIST_ENTRY(im, struct bgp_group_member, link)->doomed)
					return LIST_ENTRY(im, struct bgp_group_member, link);
			}
		}
	}
	return NULL;
}

static void end_doomed(struct bgp *b, mono_t now)
{
	struct bgp_group_member *m;
	while ((m = doomed_member(b))) {
		m->doomed = false;
		session_stop(b, m->peer, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESOURCES}, "it reads too slowly", now);
	}
	b->adj->doomed = false;
}

void adj_tick(struct bgp *b, mono_t now)
{
	struct bgp_adj_state *s = b->adj;
	if (s->doomed)
		end_doomed(b, now);
	if (s->first == MONO_NEVER || now < adj_due(b))
		return;
	/* The time that it took to work on input is no pause: only when nothing has come from one look to the next. */
	if (!alone(s) && s->changes != s->seen && now < latest(s)) {
		s->seen = s->changes;
		s->last = now;
		return;
	}
	adj_flush(b, now);
}

static void resync(struct bgp *b)
{
	b->adj->resync = false;
	for (int af = 0; af < BGP_AF_N; af++) {
		LIST_EACH (it, tmp, &b->adj->groups[af]) {
			struct bgp_group *g = LIST_ENTRY(it, struct bgp_group, link);
			if (!g->resync)
				continue;
			group_close(b, g);
			group_all(b, g, false);
			group_close(b, g);
		}
	}
}

void adj_flush(struct bgp *b, mono_t now)
{
	struct bgp_adj_state *s = b->adj;
	groups_waiting(b);
	for (int af = 0; af < BGP_AF_N; af++) {
		LIST_EACH (it, tmp, &s->groups[af])
			group_close(b, LIST_ENTRY(it, struct bgp_group, link));
	}
	s->first = MONO_NEVER;
	s->changes = s->seen = 0;
	s->burst = false;
	s->flushed = now;
	if (s->resync) {
		resync(b);
		/* There was not enough memory: again, a little later. */
		s->first = s->resync ? mono_add(now, RETRY) : MONO_NEVER;
	}
	rib_reap(b);
}

/* --- Views --- */

const struct bgp_attr *adj_advertised(const struct bgp *b, const struct bgp_peer *p, uint8_t af, uint32_t dest)
{
	const struct bgp_group *g = p->af[af].group;
	const struct out_entry *e = g ? out_at(g, dest) : NULL;
	if (!e || !e->attr)
		return NULL;
	if (!g->key.addpath)
		return e->src == p->index ? NULL : attr_by(b, e->attr);
	for (uint32_t id = e->attr; id;) {
		const struct out_path *o = pool_at(&g->paths, id);
		if (o->src != p->index)
			return attr_by(b, o->attr);
		id = o->next;
	}
	return NULL;
}

struct bgp_attr *adj_export(struct bgp *b, const struct bgp_peer *p, const struct bgp_table *t, uint32_t dest, uint32_t path,
                            struct sbuf *trace)
{
	const struct bgp_path *q = path_at(t, path);
	const struct bgp_group *g = p->af[t->af].group;
	struct bgp_group would = {.coding = p->coding};
	bool no_memory;
	if (!g) {
		key_of(b, p, t->af, &would.key);
		g = &would;
	}
	if (dest_at(t, dest)->suppressed && trace)
		sb_put(trace, "suppressed by an aggregate (summary-only)");
	if (q->peer == p->index && trace)
		sb_put(trace, "it is the peer's own route");
	if (dest_at(t, dest)->suppressed || q->peer == p->index || !q->attr)
		return NULL;
	return export_path(b, g, t, dest_at(t, dest), q, trace, &no_memory);
}
