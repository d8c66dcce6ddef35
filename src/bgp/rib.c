/* Destinations and paths: the table that every route passes through (RFC 4271 3.2, the three RIBs in one: an adj-RIB-in is the paths of
 * a peer, the loc-RIB the best ones, an adj-RIB-out is with the groups).
 *
 * Everything in here is a number into a pool. The hash keeps sixteen neighbouring prefixes of one length in sixteen
 * neighbouring buckets, so that a table that comes in order, as most do, walks through memory in order too. */
#include <string.h>

#include "bgp/rib_int.h"

#include "bgp/hash.h"
#include "bgp/nht_int.h"

enum { FIRST_BUCKETS = 64 };

int rib_init(struct bgp *b)
{
	b->rib = mem_get(b->env.mem, sizeof *b->rib);
	if (!b->rib)
		return -12 /* ENOMEM */;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		struct bgp_table *t = &b->table[af];
		*t = (struct bgp_table){.af = af, .key = {rng_u64(b->env.rng) | 1, rng_u64(b->env.rng) | 1}};
		pool_init(&t->dest, b->env.mem, (uint32_t)(sizeof(struct bgp_dest) + (af == BGP_V4 ? 4 : 16)));
		pool_init(&t->path, b->env.mem, sizeof(struct bgp_path));
	}
	return 0;
}

/* The attributes' references go with the table; they are freed by attr_fini()'s owner only when all are given back. */
static void drop_paths(struct bgp *b, struct bgp_table *t)
{
	for (uint32_t id = 1; id <= t->dest.used; id++) {
		struct bgp_dest *d = dest_at(t, id);
		for (uint32_t at = d->flags & DEST_LIVE ? d->first : 0; at; at = path_at(t, at)->next) {
			struct bgp_path *p = path_at(t, at);
			if (p->attr)
				attr_unref(b, attr_by(b, p->attr));
			if (p->raw)
				attr_unref(b, attr_by(b, p->raw));
		}
	}
}

void rib_fini(struct bgp *b)
{
	struct bgp_rib_state *s = b->rib;
	if (!s)
		return;
	in_forget(b);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		struct bgp_table *t = &b->table[af];
		drop_paths(b, t);
		pool_fini(&t->dest);
		pool_fini(&t->path);
		mem_put(b->env.mem, t->bucket, sizeof *t->bucket * t->n_buckets);
		*t = (struct bgp_table){.af = af};
		bag_free(b->env.mem, &s->idle[af]);
	}
	mem_put(b->env.mem, s->peer, sizeof *s->peer * s->n_peer);
	mem_put(b->env.mem, s, sizeof *s);
	b->rib = NULL;
}

bool bag_add(struct mem *mem, struct bag *g, uint32_t v)
{
	if (g->n == g->cap) {
		uint32_t cap = g->cap ? g->cap * 2 : 64;
		uint32_t *more = mem_get(mem, sizeof *more * cap);
		if (!more)
			return false;
		if (g->n)
			memcpy(more, g->v, sizeof *more * g->n);
		mem_put(mem, g->v, sizeof *more * g->cap);
		g->v = more;
		g->cap = cap;
	}
	g->v[g->n++] = v;
	return true;
}

void bag_free(struct mem *mem, struct bag *g)
{
	mem_put(mem, g->v, sizeof *g->v * g->cap);
	*g = (struct bag){0};
}

/* --- Destinations --- */

struct bgp_table *rib_table(struct bgp *b, uint8_t af) { return &b->table[af]; }
struct bgp_dest *rib_dest(const struct bgp_table *t, uint32_t id) { return dest_at(t, id); }
struct bgp_path *rib_path(const struct bgp_table *t, uint32_t id) { return path_at(t, id); }

void rib_prefix(const struct bgp_table *t, const struct bgp_dest *d, struct prefix *out)
{
	*out = (struct prefix){.len = d->len, .addr.family = t->af == BGP_V4 ? AF_V4 : AF_V6};
	if (t->af == BGP_V4) {
		/* Eight octets in one store, since nht.c reads as many at once. */
		uint64_t first = 0;
		memcpy(&first, d->addr, 4);
		memcpy(out->addr.b, &first, sizeof first);
	} else {
		memcpy(out->addr.b, d->addr, 16);
	}
}

static uint64_t load8(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap64(v);
}

/* The last four bits of the prefix choose among neighbouring buckets, all others are hashed. */
static inline uint32_t hash4(const struct bgp_table *t, const uint8_t *addr, uint8_t len)
{
	uint32_t a;
	memcpy(&a, addr, sizeof a);
	a = len ? __builtin_bswap32(a) >> (32 - len) : 0;
	return (uint32_t)hash_mix(t->key[0] ^ (uint64_t)(a >> 4) << 8 ^ len, t->key[1]) ^ (a & 15);
}

static uint32_t hash6(const struct bgp_table *t, const uint8_t *addr, uint8_t len)
{
	uint64_t hi = load8(addr), lo = load8(addr + 8), last;
	if (len > 64) {
		last = lo >> (128 - len) & 15;
		lo ^= last << (128 - len);
	} else {
		last = len ? hi >> (64 - len) & 15 : 0;
		hi ^= len ? last << (64 - len) : 0;
	}
	uint64_t h = hash_mix(t->key[0] ^ hi ^ len, t->key[1] ^ 0x9e3779b97f4a7c15u);
	return (uint32_t)hash_mix(h ^ lo, t->key[1]) ^ (uint32_t)last;
}

static inline uint32_t hash_of(const struct bgp_table *t, const uint8_t *addr, uint8_t len)
{
	return t->af == BGP_V4 ? hash4(t, addr, len) : hash6(t, addr, len);
}

uint32_t rib_hash(const struct bgp_table *t, const uint8_t *addr, uint8_t len) { return hash_of(t, addr, len); }

static inline bool dest_is(const struct bgp_table *t, const struct bgp_dest *d, const uint8_t *addr, uint8_t len)
{
	uint32_t x, y;
	if (d->len != len)
		return false;
	if (t->af != BGP_V4)
		return memcmp(d->addr, addr, 16) == 0;
	memcpy(&x, d->addr, 4);
	memcpy(&y, addr, 4);
	return x == y;
}

/* Where the number of this prefix stands, or would: at the end of its chain. There are buckets. */
static inline uint32_t *place(const struct bgp_table *t, const uint8_t *addr, uint8_t len, uint32_t hash)
{
	uint32_t *at = &t->bucket[hash & (t->n_buckets - 1)];
	while (*at && !dest_is(t, dest_at(t, *at), addr, len))
		at = &dest_at(t, *at)->chain;
	return at;
}

static uint32_t find(const struct bgp_table *t, const uint8_t *addr, uint8_t len, uint32_t hash)
{
	return t->n_buckets ? *place(t, addr, len, hash) : 0;
}

uint32_t rib_find(const struct bgp_table *t, const struct prefix *p)
{
	return find(t, p->addr.b, p->len, hash_of(t, p->addr.b, p->len));
}

uint32_t rib_longest(const struct bgp_table *t, const struct addr *a)
{
	if (a->family != (t->af == BGP_V4 ? AF_V4 : AF_V6))
		return 0;
	struct prefix p = {.addr = *a};
	for (int len = t->af == BGP_V4 ? 32 : 128; len >= 0; len--) {
		p.len = (uint8_t)len;
		if (len < (t->af == BGP_V4 ? 32 : 128))
			p.addr.b[len / 8] &= (uint8_t)~(0x80 >> len % 8);
		uint32_t id = t->n_len[len] ? rib_find(t, &p) : 0;
		if (id && dest_at(t, id)->best)
			return id;
	}
	return 0;
}

void rib_ahead_far(const struct bgp *b, uint8_t af, struct rib_ahead *a, const struct prefix *pfx, size_t n)
{
	const struct bgp_table *t = &b->table[af];

	a->n = t->n_buckets ? min_z(n, RIB_AHEAD) : 0;
	a->ready = 0;
	for (size_t i = 0; i < a->n; i++) {
		a->hash[i] = hash_of(t, pfx[i].addr.b, pfx[i].len);
		__builtin_prefetch(&t->bucket[a->hash[i] & (t->n_buckets - 1)], 1);
	}
}

void rib_ahead_near(const struct bgp *b, uint8_t af, struct rib_ahead *a)
{
	const struct bgp_table *t = &b->table[af];

	for (size_t i = 0; i < a->n; i++) {
		a->dest[i] = t->bucket[a->hash[i] & (t->n_buckets - 1)];
		a->d[i] = a->dest[i] ? dest_at(t, a->dest[i]) : NULL;
		__builtin_prefetch(a->d[i], 1);
	}
	adj_ahead(b, af, a->dest, a->n);
}

void rib_ahead_last(const struct bgp *b, uint8_t af, struct rib_ahead *a)
{
	const struct bgp_table *t = &b->table[af];

	for (size_t i = 0; i < a->n; i++) {
		/* May have gone meanwhile: a free one has numbers that are good for this, too. */
		const struct bgp_dest *d = a->d[i];
		if (d && d->first)
			__builtin_prefetch(path_at(t, d->first), 1);
		if (d && d->chain)
			__builtin_prefetch(dest_at(t, d->chain), 1);
	}
	a->ready = a->n;
}

/* Twice as many buckets; when there is no memory for them, chains get longer. The lowest number comes first in a chain: dest_get(). */
static void grow(struct bgp *b, struct bgp_table *t)
{
	uint32_t n = t->n_buckets ? t->n_buckets * 2 : FIRST_BUCKETS;
	uint32_t *bucket = n ? mem_get(b->env.mem, sizeof *bucket * n) : NULL;
	if (!bucket)
		return;
	for (uint32_t left = t->dest.used; left;) {
		uint32_t *at[RIB_AHEAD], k = left < RIB_AHEAD ? left : RIB_AHEAD;
		for (uint32_t i = 0; i < k; i++) {
			const struct bgp_dest *d = dest_at(t, left - i);
			at[i] = &bucket[hash_of(t, d->addr, d->len) & (n - 1)];
			__builtin_prefetch(at[i], 1);
		}
		for (uint32_t i = 0; i < k; i++) {
			struct bgp_dest *d = dest_at(t, left - i);
			if (!(d->flags & DEST_LIVE))
				continue;
			d->chain = *at[i];
			*at[i] = left - i;
		}
		left -= k;
	}
	mem_put(b->env.mem, t->bucket, sizeof *bucket * t->n_buckets);
	t->bucket = bucket;
	t->n_buckets = n;
}

/* The destination of a prefix, made when there is none; 0: no memory. A new one is the last of its chain: tables go in the order in which
 * they came, so that whoever is looked for, or goes, is mostly the first. */
static uint32_t dest_get(struct bgp *b, struct bgp_table *t, const struct prefix *p)
{
	uint32_t hash = hash_of(t, p->addr.b, p->len), *at = t->n_buckets ? place(t, p->addr.b, p->len, hash) : NULL;
	if (at && *at)
		return *at;
	if (t->n_dests >= t->n_buckets) {
		grow(b, t);
		at = t->n_buckets ? place(t, p->addr.b, p->len, hash) : NULL;
	}
	uint32_t id = at ? pool_get(&t->dest) : 0;
	if (!id)
		return 0;
	struct bgp_dest *d = dest_at(t, id);
	d->flags = DEST_LIVE;
	d->len = p->len;
	memcpy(d->addr, p->addr.b, t->af == BGP_V4 ? 4 : 16);
	*at = id;
	t->n_dests++;
	t->n_len[d->len]++;
	return id;
}

static inline void dest_free(struct bgp_table *t, uint32_t id, struct bgp_dest *d, uint32_t hash)
{
	uint32_t *at = &t->bucket[hash & (t->n_buckets - 1)];
	t->last = 0;
	while (*at != id)
		at = &dest_at(t, *at)->chain;
	*at = d->chain;
	t->n_dests--;
	t->n_len[d->len]--;
	d->flags = 0; /* not DEST_LIVE */
	pool_put_at(&t->dest, id, d);
}

static bool unused(const struct bgp_dest *d)
{
	return !d->first && !d->in_fib && !d->suppressed && !(d->flags & (DEST_FIB_QUEUED | DEST_DECIDING));
}

void rib_dest_idle(struct bgp *b, struct bgp_table *t, uint32_t dest)
{
	struct bgp_dest *d = dest_at(t, dest);
	if (!unused(d) || d->flags & DEST_IDLE)
		return;
	if (!adj_holds(b, t, dest)) {
		dest_free(t, dest, d, t->last == dest ? t->last_hash : hash_of(t, d->addr, d->len));
		return;
	}
	d->flags |= DEST_IDLE;
	if (!bag_add(b->env.mem, &b->rib->idle[t->af], dest))
		b->rib->idle_lost = true;
}

uint32_t rib_keep(struct bgp *b, struct bgp_table *t, const struct prefix *p)
{
	uint32_t id = dest_get(b, t, p);
	struct bgp_dest *d = id ? dest_at(t, id) : NULL;
	if (!d || !unused(d) || d->flags & DEST_IDLE)
		return id;
	d->flags |= DEST_IDLE;
	if (!bag_add(b->env.mem, &b->rib->idle[t->af], id))
		b->rib->idle_lost = true;
	return id;
}

static void reap_one(struct bgp *b, struct bgp_table *t, uint32_t id)
{
	struct bgp_dest *d = dest_at(t, id);
	d->flags &= (uint8_t)~DEST_IDLE;
	if (unused(d))
		rib_dest_idle(b, t, id);
}

void rib_reap(struct bgp *b)
{
	struct bgp_rib_state *s = b->rib;
	bool all = s->idle_lost;
	s->idle_lost = false;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		struct bgp_table *t = &b->table[af];
		struct bag bag = s->idle[af];
		s->idle[af] = (struct bag){0};
		/* Each once: those that stay idle are noted anew. */
		for (uint32_t i = 0; !all && i < bag.n; i++)
			reap_one(b, t, bag.v[i]);
		for (uint32_t id = 1; all && id <= t->dest.used; id++) {
			if (dest_at(t, id)->flags & DEST_IDLE)
				reap_one(b, t, id);
		}
		bag_free(b->env.mem, &bag);
	}
}

void dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, uint32_t path, mono_t now)
{
	struct bgp_dest *d = dest_at(t, dest);
	/* The default route of default-originate is nobody's best path, and yet some get it. */
	if (path && (path == d->best || (path_at(t, path)->flags & PATH_LOCAL && path_at(t, path)->path_id == LOCAL_DEFAULT)))
		d->flags |= DEST_TOUCHED;
	d->flags |= DEST_DECIDING;
	decide_dest(b, t, dest, now);
	d->flags &= (uint8_t)~DEST_DECIDING;
	if (!d->first)
		rib_dest_idle(b, t, dest);
}

void rib_suppress(struct bgp *b, uint8_t af, uint32_t dest, bool more, mono_t now)
{
	struct bgp_table *t = &b->table[af];
	struct bgp_dest *d = dest_at(t, dest);
	if (BUG(more ? d->suppressed == UINT8_MAX : d->suppressed == 0))
		return;
	d->suppressed = (uint8_t)(more ? d->suppressed + 1 : d->suppressed - 1);
	adj_dest_changed(b, t, dest, now);
	rib_dest_idle(b, t, dest);
}

/* --- Paths --- */

static struct bgp_peer_af *counters(struct bgp *b, const struct bgp_table *t, const struct bgp_path *p)
{
	struct bgp_peer *peer = p->peer ? peer_at(b, p->peer) : NULL;
	return peer ? &peer->af[t->af] : NULL;
}

static void count(struct bgp_peer_af *c, const struct bgp_path *p, uint32_t by)
{
	if (!c)
		return;
	c->received += by;
	if (p->flags & PATH_FILTERED)
		c->filtered += by;
	else
		c->accepted += by;
}

/* The same, for one that may be freed in a moment. */
static uint32_t find_last(struct bgp_table *t, const struct prefix *p)
{
	t->last_hash = hash_of(t, p->addr.b, p->len);
	t->last = find(t, p->addr.b, p->len, t->last_hash);
	return t->last;
}

static uint32_t path_find(const struct bgp_table *t, const struct bgp_dest *d, uint16_t peer, uint32_t path_id, uint32_t *prev)
{
	*prev = 0;
	for (uint32_t id = d->first; id; id = path_at(t, id)->next) {
		const struct bgp_path *p = path_at(t, id);
		if (p->peer == peer && p->path_id == path_id)
			return id;
		*prev = id;
	}
	return 0;
}

static inline void path_put_attrs(struct bgp *b, const struct bgp_path *p)
{
	if (p->attr)
		attr_put(b, attr_by(b, p->attr));
	if (p->raw)
		attr_put(b, attr_by(b, p->raw));
}

void path_remove(struct bgp *b, struct bgp_table *t, uint32_t dest, uint32_t path, uint32_t prev)
{
	struct bgp_dest *d = dest_at(t, dest);
	struct bgp_path *p = path_at(t, path);
	count(counters(b, t, p), p, UINT32_MAX);
	path_put_attrs(b, p);
	if (prev)
		path_at(t, prev)->next = p->next;
	else
		d->first = p->next;
	if (d->best == path || p->flags & PATH_MULTI || (p->flags & PATH_LOCAL && p->path_id == LOCAL_DEFAULT))
		d->flags |= DEST_TOUCHED;
	if (d->best == path)
		d->best = 0;
	pool_put(&t->path, path);
	t->n_paths--;
}

/* What a path is to be. Attributes are borrowed. */
struct wish {
	uint16_t peer, flags;
	uint32_t path_id;
	struct bgp_attr *attr, *raw;     /* attr NULL: denied and kept; raw NULL: not kept */
};

static void path_fill(struct bgp *b, struct bgp_path *p, const struct wish *w, mono_t now)
{
	struct bgp_path was = *p;
	p->attr = w->attr ? w->attr->id : 0;
	p->raw = w->raw ? w->raw->id : 0;
	p->flags = w->flags;
	p->when_s = (uint32_t)dur_to_s(now);
	if (w->attr)
		attr_ref(w->attr);
	if (w->raw)
		attr_ref(w->raw);
	path_put_attrs(b, &was);
}

void path_refill(struct bgp *b, struct bgp_table *t, uint32_t path, struct bgp_attr *attr, struct bgp_attr *raw)
{
	struct bgp_path *p = path_at(t, path);
	struct wish w = {
		.attr = attr,
		.raw = raw,
		.flags = (uint16_t)((attr ? 0 : PATH_FILTERED) | (p->flags & (PATH_STALE | PATH_LLGR | PATH_REFRESHING | PATH_MULTI))),
	};
	uint32_t when = p->when_s;
	count(counters(b, t, p), p, UINT32_MAX);
	path_fill(b, p, &w, 0);
	p->when_s = when;
	count(counters(b, t, p), p, 1);
}

static bool path_is(const struct bgp_path *p, const struct wish *w)
{
	const uint16_t kept = PATH_FILTERED | PATH_LOCAL | PATH_AGGREGATE | PATH_LLGR;
	return p->attr == (w->attr ? w->attr->id : 0) && p->raw == (w->raw ? w->raw->id : 0) && (p->flags & kept) == (w->flags & kept) &&
	       (!(w->flags & PATH_LOCAL) || (p->flags & PATH_VALID) == (w->flags & PATH_VALID));
}

/* Puts a path into the table, or changes it; false: no memory. */
static bool path_set(struct bgp *b, struct bgp_table *t, const struct prefix *pfx, const struct wish *w, mono_t now)
{
	uint32_t dest = dest_get(b, t, pfx), prev;
	if (!dest)
		return false;
	struct bgp_dest *d = dest_at(t, dest);
	uint32_t id = path_find(t, d, w->peer, w->path_id, &prev);
	struct bgp_path *p;
	if (id) {
		p = path_at(t, id);
		if (path_is(p, w)) {
			p->flags &= (uint16_t)~(PATH_STALE | PATH_REFRESHING);
			return true;
		}
		if (p->flags & PATH_MULTI) /* whatever becomes of it */
			d->flags |= DEST_TOUCHED;
		count(counters(b, t, p), p, UINT32_MAX);
	} else {
		id = pool_get(&t->path);
		if (!id) {
			rib_dest_idle(b, t, dest);
			return false;
		}
		p = path_at(t, id);
		p->peer = w->peer;
		p->path_id = w->path_id;
		p->next = d->first;
		d->first = id;
		t->n_paths++;
	}
	path_fill(b, p, w, now);
	count(counters(b, t, p), p, 1);
	dest_changed(b, t, dest, id, now);
	return true;
}

static void no_memory(struct bgp *b, struct bgp_peer *p, mono_t now)
{
	session_stop(b, p, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESOURCES}, "no memory for routes", now);
}

void rib_update(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, struct bgp_attr *raw,
                mono_t now)
{
	bool keep = p->conf->af[af].soft_in;

	if (b->rib->n_purges)
		walk_peer_now(b, p->index, af, now);
	uint8_t verdict = in_filter(b, p, af, pfx, raw);
	switch (verdict) {
	case IN_NO_MEMORY:
		no_memory(b, p, now);
		return;
	case IN_AS_LOOP:
		p->af[af].as_loop++;
		break;
	case IN_ORIGINATOR_LOOP:
		p->af[af].originator_loop++;
		break;
	case IN_CLUSTER_LOOP:
		p->af[af].cluster_loop++;
		break;
	default:
		break;
	}
	struct bgp_attr *attr = verdict == IN_PASS ? b->rib->in.attr : NULL;
	if (verdict != IN_PASS && !(verdict == IN_DENIED && keep)) {
		rib_withdraw(b, p, af, pfx, path_id, now); /* the new one has replaced what there was */
		return;
	}
	struct wish w = {
		.peer = p->index,
		.path_id = path_id,
		.attr = attr,
		.raw = keep && attr != raw ? raw : NULL,
		.flags = attr ? 0 : PATH_FILTERED,
	};
	if (!path_set(b, &b->table[af], pfx, &w, now))
		no_memory(b, p, now);
}

static void drop(struct bgp *b, struct bgp_table *t, const struct prefix *pfx, uint16_t peer, uint32_t path_id, mono_t now)
{
	uint32_t dest = find_last(t, pfx), prev = 0;
	uint32_t path = dest ? path_find(t, dest_at(t, dest), peer, path_id, &prev) : 0;
	if (!path)
		return;
	path_remove(b, t, dest, path, prev);
	dest_changed(b, t, dest, 0, now);
}

void rib_withdraw(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct prefix *pfx, uint32_t path_id, mono_t now)
{
	drop(b, &b->table[af], pfx, p->index, path_id, now);
}

/* The path that is all there is to the destination, when it is this one: what comes of its going needs no decision. Else NULL. */
static inline struct bgp_path *only(const struct bgp_table *t, const struct bgp_dest *d, uint16_t peer, uint32_t path_id)
{
	if (!d->first || d->first != d->best || d->suppressed || d->flags != DEST_LIVE)
		return NULL;
	struct bgp_path *p = path_at(t, d->first);
	bool is = !p->next && p->peer == peer && p->path_id == path_id && !(p->flags & (PATH_LOCAL | PATH_MULTI | PATH_FILTERED));
	return is ? p : NULL;
}

/* What path_remove() and dest_changed() come to with such a path; but the groups have not been told. */
static inline void lose(struct bgp *b, struct bgp_table *t, uint32_t dest, struct bgp_dest *d, struct bgp_path *p,
                        struct bgp_peer_af *c, const struct prefix *pfx)
{
	count(c, p, UINT32_MAX);
	path_put_attrs(b, p);
	pool_put_at(&t->path, d->first, p);
	t->n_paths--;
	d->first = d->best = 0;
	d->version = ++t->version;
	fib_dest_changed(b, t, dest);
	if (nht_near(b->nht, pfx))
		nht_rib_changed(b, t->af, pfx);
}

static void tell_lost(struct bgp *b, struct bgp_table *t, struct lost *l, mono_t now)
{
	uint32_t held = l->n ? adj_lost(b, t, l, now) : 0;
	for (size_t i = 0; i < l->n; i++) {
		struct bgp_dest *d = l->d[i];
		if (held >> i & 1 || d->flags != DEST_LIVE || d->in_fib)
			rib_dest_idle(b, t, l->dest[i]);
		else
			dest_free(t, l->dest[i], d, l->hash[i]);
	}
	l->n = 0;
}

/* A peer that goes, or takes all back, does so a million times; and of most destinations it has the only path. */
void rib_withdraw_ahead(struct bgp *b, struct bgp_peer *p, uint8_t af, const struct rib_ahead *a, const struct prefix *pfx,
                        const uint32_t *path_id, size_t n, mono_t now)
{
	struct bgp_table *t = &b->table[af];
	size_t known = aggregate_any(b) ? 0 : min_z(a->ready, n);
	struct lost l;

	l.n = 0;
	for (size_t i = 0; i < n; i++) {
		struct bgp_dest *d = i < known ? a->d[i] : NULL;
		uint32_t dest = d ? a->dest[i] : 0;
		if (d && !dest_is(t, d, pfx[i].addr.b, pfx[i].len)) {
			dest = find(t, pfx[i].addr.b, pfx[i].len, a->hash[i]);
			d = dest ? dest_at(t, dest) : NULL;
		}
		struct bgp_path *q = d ? only(t, d, p->index, path_id[i]) : NULL;
		if (q) {
			lose(b, t, dest, d, q, &p->af[af], &pfx[i]);
			l.d[l.n] = d;
			l.dest[l.n] = dest;
			l.hash[l.n++] = a->hash[i];
		} else {
			tell_lost(b, t, &l, now);
			rib_withdraw(b, p, af, &pfx[i], path_id[i], now);
		}
	}
	tell_lost(b, t, &l, now);
}

void rib_local_set(struct bgp *b, uint8_t af, const struct prefix *pfx, uint8_t kind, struct bgp_attr *attr, bool valid, mono_t now)
{
	struct wish w = {.path_id = kind, .attr = attr, .flags = PATH_LOCAL};
	char text[PREFIX_TEXT];
	struct sbuf s = SB(text);

	w.flags |= kind == LOCAL_AGGREGATE ? PATH_AGGREGATE : 0;
	w.flags |= valid ? PATH_VALID : 0;
	if (path_set(b, &b->table[af], pfx, &w, now))
		return;
	sb_prefix(&s, pfx);
	act_note(b, -1, "no memory for the route to %s", text);
}

void rib_local_del(struct bgp *b, uint8_t af, const struct prefix *pfx, uint8_t kind, mono_t now)
{
	drop(b, &b->table[af], pfx, 0, kind, now);
}
