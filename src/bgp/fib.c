/* The kernel's routes: what the decision found, as BGP_ACT_ROUTE_SET and BGP_ACT_ROUTE_DEL.
 *
 * decide.c says that a destination changed; it is queued by number, once, and compared with what was last asked of the
 * kernel when its turn comes, so that a destination which changes often while actions have no room costs one of
 * them. What was asked
 * is kept as a hash of the route (16 octets a destination, and none while `install` is off). A route is replaced by a
 * SET of the same prefix and metric: no moment without one.
 *
 * Left out are routes that the kernel has itself for exactly the prefix (zebra would prefer those too), and those
 * whose next
 * hop would be looked up in themselves, whatever nht.c thinks of it: RFC 4271 9.1.2.1.
 *
 * A ticket is the destination's number, its table, and seven bits that change with each request: a refusal that
 * comes late is known
 * by them to be about something else. */
#include <errno.h>
#include <string.h>

#include "bgp/policy_int.h"

enum { PAGE_LOG2 = 9, PAGE = 1 << PAGE_LOG2, SLICE = 4096, TICKET_DEST = (1 << 24) - 1, EPOCHS = 4 };
#define COMPLAIN_EVERY DUR_S(10)

enum fib_flag { FIB_PURGE = 1 }; /* refused: whatever an earlier SET left is to go */
struct fib_entry {               /* of a destination */
	uint32_t next;           /* in the queue */
	uint8_t generation;      /* of its tickets */
	uint8_t flags, epoch;
	uint64_t asked; /* hash of the route; 0 = none */
};
struct fib_table {
	struct fib_entry **page;
	uint32_t n_pages, head, tail, walk; /* walk: next bucket to look at, UINT32_MAX = none */
};
struct bgp_fib_state {
	struct fib_table t[BGP_AF_N];
	struct hmap keyed; /* only its key is used */
	bool install, frozen, converged, kept;
	struct {
		uint32_t table, metric;
	} where[EPOCHS]; /* of routes asked for in this epoch */
	uint8_t epoch;
	uint32_t refused;
	mono_t complained;
};

static struct fib_entry *entry_at(const struct bgp_fib_state *s, uint8_t af, uint32_t dest)
{
	const struct fib_table *f = &s->t[af];
	uint32_t page = dest >> PAGE_LOG2;
	return page < f->n_pages && f->page[page] ? &f->page[page][dest & (PAGE - 1)] : NULL;
}

static bool pages_grow(struct bgp *b, struct fib_table *f, uint32_t n)
{
	struct fib_entry **page = mem_get(b->env.mem, sizeof *page * n);
	if (!page)
		return false;
	if (f->n_pages)
		memcpy(page, f->page, sizeof *page * f->n_pages);
	mem_put(b->env.mem, f->page, sizeof *page * f->n_pages);
	f->page = page;
	f->n_pages = n;
	return true;
}

static struct fib_entry *entry_get(struct bgp *b, uint8_t af, uint32_t dest)
{
	struct fib_table *f = &b->fib->t[af];
	uint32_t page = dest >> PAGE_LOG2;
	if (page >= f->n_pages && !pages_grow(b, f, page + 1 + page / 2))
		return NULL;
	if (!f->page[page])
		f->page[page] = mem_get(b->env.mem, sizeof(struct fib_entry) * PAGE);
	return entry_at(b->fib, af, dest);
}

/* --- What the kernel is to have --- */
static bool no(struct sbuf *why, const char *text)
{
	if (why)
		sb_put(why, text);
	return false;
}

static void add_hops(struct route *r, const struct bgp_nh *nh)
{
	for (uint8_t i = 0; i < nh->n_hops && r->n_hops < ROUTE_HOPS_MAX; i++) {
		const struct route_hop *h = &nh->hop[i];
		uint8_t same = 0;
		while (same < r->n_hops &&
		       !(r->hop[same].ifindex == h->ifindex && addr_eq(&r->hop[same].gateway, &h->gateway)))
			same++;
		if (same < r->n_hops)
			continue;
		r->hop[r->n_hops] = *h;
		r->hop[r->n_hops++].weight = h->weight ? h->weight : 1;
	}
}

/* Our route to its own next hop would be looked at before the one that led there. */
static bool through_itself(const struct bgp_nh *nh, const struct prefix *p)
{
	return addr_in(&nh->addr, p) && nh->via.len <= p->len && nh->addr.family == p->addr.family;
}

static bool resolved(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, struct route *out,
                     struct sbuf *why)
{
	uint32_t id = d->best;
	const struct bgp_attr *best = attr_at(b, rib_path(t, id)->attr);
	if (!best->nh || !best->nh->ok)
		return no(why, "its next hop cannot be reached");
	if (through_itself(best->nh, &out->dst))
		return no(why, "its next hop would be reached through the route itself");
	add_hops(out, best->nh);
	for (id = d->first; id; id = rib_path(t, id)->next) {
		const struct bgp_path *p = rib_path(t, id);
		const struct bgp_attr *a = p->attr && p->flags & PATH_MULTI && id != d->best ? attr_at(b, p->attr)
		                                                                             : NULL;
		if (a && a->nh && a->nh->ok && !through_itself(a->nh, &out->dst))
			add_hops(out, a->nh);
	}
	return out->n_hops > 0 || no(why, "its next hop leads nowhere");
}

bool fib_route(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d, struct route *out,
               struct sbuf *why)
{
	const struct bgp_path *best = d->best ? rib_path(t, d->best) : NULL;
	const struct bgp_fib_state *s = b->fib;
	*out = (struct route){
		.source = ROUTE_OURS, .table = s->where[s->epoch].table, .metric = s->where[s->epoch].metric};
	rib_prefix(t, d, &out->dst);
	if (!best)
		return no(why, "no path is usable");
	if (!s->install)
		return no(why, "routes are not installed (install = no)");
	if (best->flags & PATH_LOCAL && !(best->flags & PATH_AGGREGATE))
		return no(why, "it is this host's own");
	if (nht_exact(b, &out->dst))
		return no(why, "the kernel has a route of its own for this prefix");
	if (best->flags & PATH_AGGREGATE) {
		out->kind = ROUTE_BLACKHOLE;
		return true;
	}
	return resolved(b, t, d, out, why);
}

static uint64_t route_hash(const struct bgp_fib_state *s, const struct route *r)
{
	uint8_t key[16 + ROUTE_HOPS_MAX * 24];
	struct wr w = wr_init(key, sizeof key);
	wr_u8(&w, r->kind);
	for (uint8_t i = 0; i < r->n_hops; i++) {
		const struct route_hop *h = &r->hop[i];
		wr_u8(&w, h->gateway.family);
		wr_bytes(&w, h->gateway.b, addr_len(&h->gateway));
		wr_u32(&w, h->ifindex);
		wr_u8(&w, h->weight);
		wr_u8(&w, h->onlink);
	}
	uint64_t hash = hmap_hash(&s->keyed, key, w.len);
	return hash ? hash : 1;
}

/* --- The queue --- */
static void push(struct bgp *b, struct bgp_table *t, uint32_t dest)
{
	struct bgp_dest *d = rib_dest(t, dest);
	struct fib_table *f = &b->fib->t[t->af];
	struct fib_entry *e = entry_get(b, t->af, dest);
	if (d->flags & DEST_FIB_QUEUED)
		return;
	if (!e) {
		f->walk = 0; /* found again when all destinations are looked at */
		return;
	}
	d->flags |= DEST_FIB_QUEUED;
	e->next = 0;
	if (f->tail)
		entry_at(b->fib, t->af, f->tail)->next = dest;
	else
		f->head = dest;
	f->tail = dest;
}

static void pop(struct bgp *b, struct bgp_table *t)
{
	struct fib_table *f = &b->fib->t[t->af];
	uint32_t dest = f->head;
	f->head = entry_at(b->fib, t->af, dest)->next;
	if (!f->head)
		f->tail = 0;
	rib_dest(t, dest)->flags &= (uint8_t)~DEST_FIB_QUEUED;
	rib_dest_idle(b, t, dest);
}

void fib_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest)
{
	const struct bgp_fib_state *s = b->fib;
	const struct bgp_dest *d = rib_dest(t, dest);
	if (!s->frozen && (d->in_fib || (s->install && d->best)))
		push(b, t, dest);
}

/* --- Asking --- */
static bool ask_del(struct bgp *b, struct bgp_table *t, struct bgp_dest *d, struct fib_entry *e)
{
	struct bgp_act *a = act_add(b, BGP_ACT_ROUTE_DEL);
	if (!a)
		return false;
	a->u.route = (struct route){
		.source = ROUTE_OURS, .table = b->fib->where[e->epoch].table, .metric = b->fib->where[e->epoch].metric};
	rib_prefix(t, d, &a->u.route.dst);
	e->asked = 0;
	e->flags = 0;
	d->in_fib = 0;
	return true;
}

static bool ask_set(struct bgp *b, struct bgp_table *t, uint32_t dest, const struct route *r, uint64_t hash)
{
	struct fib_entry *e = entry_at(b->fib, t->af, dest);
	struct bgp_act *a = act_add(b, BGP_ACT_ROUTE_SET);
	if (!a)
		return false;
	e->generation = (e->generation + 1) & 0x7f;
	e->epoch = b->fib->epoch;
	e->asked = hash;
	a->ticket = dest > TICKET_DEST ? 0 : (uint32_t)e->generation << 25 | (uint32_t)t->af << 24 | dest;
	a->u.route = *r;
	rib_dest(t, dest)->in_fib = 1;
	return true;
}

/* The first of the queue; false: no room for an action. */
static bool settle(struct bgp *b, struct bgp_table *t, uint32_t dest)
{
	struct fib_entry *e = entry_at(b->fib, t->af, dest);
	struct bgp_dest *d = rib_dest(t, dest);
	struct route r;
	bool want = fib_route(b, t, d, &r, NULL), purge = e->flags & FIB_PURGE;
	if (e->asked && e->epoch != b->fib->epoch && !ask_del(b, t, d, e))
		return false;
	if (purge && e->flags & FIB_PURGE) {
		if (!ask_del(b, t, d, e))
			return false;
		d->in_fib = want ? 2 : 0; /* tried again when it changes */
		return true;
	}
	if (!want && !e->asked) {
		d->in_fib = 0;
		return true;
	}
	if (!want)
		return ask_del(b, t, d, e);
	uint64_t hash = route_hash(b->fib, &r);
	return hash == e->asked || ask_set(b, t, dest, &r, hash);
}

/* All destinations again, a slice at a time; the table's buckets may have been split meanwhile, then some are seen
 * twice. */
static bool walk(struct bgp *b, struct bgp_table *t)
{
	struct fib_table *f = &b->fib->t[t->af];
	uint32_t from = f->walk;
	f->walk = UINT32_MAX;
	for (uint32_t n = 0; from < t->n_buckets && n < SLICE; from++, n++) {
		for (uint32_t dest = t->bucket[from]; dest; dest = rib_dest(t, dest)->chain)
			fib_dest_changed(b, t, dest);
		if (f->walk != UINT32_MAX) { /* no memory: on another occasion */
			f->walk = UINT32_MAX;
			return false;
		}
	}
	f->walk = from < t->n_buckets ? from : UINT32_MAX;
	return f->walk != UINT32_MAX;
}

bool fib_work(struct bgp *b, mono_t now, struct bgp_acts *acts)
{
	struct bgp_fib_state *s = b->fib;
	bool more = false;
	(void)now;
	if (s->frozen)
		return false;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		struct bgp_table *t = &b->table[af];
		if (s->t[af].walk != UINT32_MAX)
			more |= walk(b, t);
		while (s->t[af].head && acts->n < BGP_ACTS_MAX && settle(b, t, s->t[af].head))
			pop(b, t);
		more |= s->t[af].head != 0;
	}
	if (!more && s->converged && !s->kept && b->synced)
		s->kept = act_add(b, BGP_ACT_ROUTES_KEPT) != NULL;
	return more || (s->converged && !s->kept && b->synced);
}

void fib_failed(struct bgp *b, uint32_t ticket, int status)
{
	struct bgp_fib_state *s = b->fib;
	uint8_t af = ticket >> 24 & 1;
	uint32_t dest = ticket & TICKET_DEST;
	struct fib_entry *e = entry_at(s, af, dest);
	char text[PREFIX_TEXT];
	struct sbuf sb = SB(text);
	struct prefix p;
	if (!e || !e->asked || e->generation != ticket >> 25)
		return;
	rib_prefix(&b->table[af], rib_dest(&b->table[af], dest), &p);
	sb_prefix(&sb, &p);
	rib_dest(&b->table[af], dest)->in_fib = 2;
	e->asked = 0;
	e->flags |= FIB_PURGE; /* the one that it should have replaced must not stay */
	push(b, &b->table[af], dest);
	s->refused++;
	if (s->complained && b->now - s->complained < COMPLAIN_EVERY)
		return;
	s->complained = b->now;
	act_note(b, -1, "the kernel refused the route to %s: error %d (%u so far)", text, status, s->refused);
}

void fib_conf(struct bgp *b, mono_t now)
{
	struct bgp_fib_state *s = b->fib;
	(void)now;
	bool install = b->cb && b->cb->install;
	bool moved = b->cb && (b->cb->table != s->where[s->epoch].table || b->cb->metric != s->where[s->epoch].metric);
	if (moved) {
		s->epoch = (uint8_t)((s->epoch + 1) % EPOCHS);
		s->where[s->epoch].table = b->cb->table;
		s->where[s->epoch].metric = b->cb->metric;
	}
	if (moved || install != s->install)
		s->t[BGP_V4].walk = s->t[BGP_V6].walk = 0;
	s->install = install;
}

void fib_converged(struct bgp *b) { b->fib->converged = true; }

void fib_stop(struct bgp *b, bool graceful)
{
	b->fib->frozen = graceful;
	b->fib->install = false;
	b->fib->t[BGP_V4].walk = b->fib->t[BGP_V6].walk = 0;
}

int fib_init(struct bgp *b)
{
	struct bgp_fib_state *s = mem_get(b->env.mem, sizeof *s);
	b->fib = s;
	if (!s)
		return -ENOMEM;
	s->keyed.key[0] = rng_u64(b->env.rng);
	s->keyed.key[1] = rng_u64(b->env.rng);
	s->where[0].table = ROUTE_TABLE_MAIN;
	s->where[0].metric = ROUTE_METRIC_BGP;
	s->t[BGP_V4].walk = s->t[BGP_V6].walk = UINT32_MAX;
	return 0;
}

void fib_fini(struct bgp *b)
{
	struct bgp_fib_state *s = b->fib;
	if (!s)
		return;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		for (uint32_t i = 0; i < s->t[af].n_pages; i++)
			mem_put(b->env.mem, s->t[af].page[i], sizeof(struct fib_entry) * PAGE);
		mem_put(b->env.mem, s->t[af].page, sizeof s->t[af].page[0] * s->t[af].n_pages);
	}
	mem_put(b->env.mem, s, sizeof *s);
	b->fib = NULL;
}
