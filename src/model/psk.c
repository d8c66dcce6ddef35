/* The secrets of a configuration: a list of pre-shared keys in file order, and the order in which they are tried
 * (measured; see the front door): the grade for the peer first, then ours, then the later entry. */
#include "model/psk.h"

#include <errno.h>
#include <string.h>

void psk_set_init(struct psk_set *s, struct mem *mem) { *s = (struct psk_set){.mem = mem}; }

static void psk_fini(struct mem *mem, struct psk *p)
{
	if (p->origin)
		mem_put(mem, p->origin, strlen(p->origin) + 1);
	mem_put(mem, p->selectors, p->n_selectors * sizeof *p->selectors);
	mem_put(mem, p->key, p->key_len); /* mem_put wipes */
	*p = (struct psk){0};
}

void psk_set_fini(struct psk_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		psk_fini(s->mem, &s->v[i]);
	mem_put(s->mem, s->v, s->cap * sizeof *s->v);
	mem_put(s->mem, s->ref, s->cap_refs * sizeof *s->ref);
	mem_put(s->mem, s->bucket, s->n_buckets * sizeof *s->bucket);
	mem_put(s->mem, s->tcp, s->cap_tcp * sizeof *s->tcp);
	for (size_t i = 0; i < s->n_ppk; i++)
		mem_put(s->mem, s->ppk[i].key, s->ppk[i].key_len);
	mem_put(s->mem, s->ppk, s->cap_ppk * sizeof *s->ppk);
	psk_set_init(s, s->mem);
}

static bool room_for_one(struct psk_set *s)
{
	if (s->n < s->cap)
		return true;
	size_t cap = s->cap ? s->cap * 2 : 8;
	struct psk *v = mem_get(s->mem, cap * sizeof *v);
	if (!v)
		return false;
	if (s->n)
		memcpy(v, s->v, s->n * sizeof *v);
	mem_put(s->mem, s->v, s->cap * sizeof *s->v);
	s->v = v;
	s->cap = cap;
	return true;
}

/* --- where a selector stands --- */

static bool folded(uint8_t type) { return type == ID_FQDN || type == ID_RFC822_ADDR; }

/* Fits one identity, and the like of it in other letters (ident_match). */
static bool is_exact(const struct ident *id)
{
	return id->type != ID_ANY && id->type != ID_IPV4_ADDR_SUBNET && id->type != ID_IPV6_ADDR_SUBNET &&
	       !(folded(id->type) && id->len && id->data[0] == '*');
}

/* FNV-1a. Keys are the administrator's: nobody aims at a bucket. */
static uint32_t *bucket_of(const struct psk_set *s, const struct ident *id)
{
	uint8_t key[IDENT_KEY];
	uint32_t h = 0x811c9dc5u;
	for (size_t i = 0, n = ident_key(id, key); i < n; i++)
		h = (h ^ key[i]) * 0x01000193u;
	return &s->bucket[h & (s->n_buckets - 1)];
}

static void refer(struct psk_set *s, uint32_t *head, size_t psk)
{
	s->ref[s->n_refs] = (struct psk_ref){.psk = (uint32_t)psk, .next = *head};
	*head = ++s->n_refs;
}

/* Once per entry, in file order: chains begin with the latest. */
static void index_psk(struct psk_set *s, size_t psk)
{
	const struct psk *p = &s->v[psk];
	bool pattern = p->n_selectors == 0;
	for (size_t i = 0; i < p->n_selectors; i++) {
		if (is_exact(&p->selectors[i]))
			refer(s, bucket_of(s, &p->selectors[i]), psk);
		else
			pattern = true;
	}
	if (pattern)
		refer(s, &s->patterns, psk);
}

/* For n more selectors, and the mark of a pattern. */
static bool room_for_refs(struct psk_set *s, size_t n)
{
	size_t want = s->n_refs + n + 1, cap = s->cap_refs ? s->cap_refs : 16;
	if (want <= s->cap_refs)
		return true;
	while (cap < want)
		cap *= 2;
	struct psk_ref *ref = mem_get(s->mem, cap * sizeof *ref);
	uint32_t *bucket = mem_get(s->mem, cap * sizeof *bucket);
	if (!ref || !bucket || cap > UINT32_MAX) {
		mem_put(s->mem, ref, cap * sizeof *ref);
		mem_put(s->mem, bucket, cap * sizeof *bucket);
		return false;
	}
	mem_put(s->mem, s->ref, s->cap_refs * sizeof *s->ref);
	mem_put(s->mem, s->bucket, s->n_buckets * sizeof *s->bucket);
	s->ref = ref;
	s->bucket = bucket;
	s->cap_refs = s->n_buckets = (uint32_t)cap;
	s->n_refs = s->patterns = 0;
	for (size_t i = 0; i < s->n; i++)
		index_psk(s, i);
	return true;
}

/* A copy of n octets, NULL for none; clears *ok when there is no memory. */
static void *copy(struct mem *mem, const void *p, size_t n, bool *ok)
{
	void *c = n ? mem_get(mem, n) : NULL;
	if (c)
		memcpy(c, p, n);
	*ok = *ok && (c || n == 0);
	return c;
}

int psk_set_add(struct psk_set *s, const char *origin, const struct ident *selectors, size_t n_selectors,
                const void *key, size_t key_len)
{
	if (!room_for_one(s) || !room_for_refs(s, n_selectors))
		return -ENOMEM;
	bool ok = true;
	struct psk p = {
		.origin = copy(s->mem, origin, strlen(origin) + 1, &ok),
		.selectors = copy(s->mem, selectors, n_selectors * sizeof *selectors, &ok),
		.n_selectors = n_selectors,
		.key = copy(s->mem, key, key_len, &ok),
		.key_len = key_len,
	};
	if (!ok) {
		psk_fini(s->mem, &p);
		return -ENOMEM;
	}
	s->v[s->n++] = p;
	index_psk(s, s->n - 1);
	return 0;
}

int psk_set_add_tcp(struct psk_set *s, const struct prefix *peer, const void *key, size_t key_len)
{
	struct tcp_key *at = NULL;
	if (key_len == 0 || key_len > TCP_KEY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < s->n_tcp; i++) {
		if (s->tcp[i].peer.len == peer->len && addr_eq(&s->tcp[i].peer.addr, &peer->addr))
			at = &s->tcp[i];
	}
	if (!at && s->n_tcp == s->cap_tcp) {
		size_t cap = s->cap_tcp ? s->cap_tcp * 2 : 4;
		struct tcp_key *v = mem_get(s->mem, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		if (s->n_tcp)
			memcpy(v, s->tcp, s->n_tcp * sizeof *v);
		mem_put(s->mem, s->tcp, s->cap_tcp * sizeof *s->tcp);
		s->tcp = v;
		s->cap_tcp = cap;
	}
	at = at ? at : &s->tcp[s->n_tcp++];
	*at = (struct tcp_key){.peer = *peer, .len = (uint8_t)key_len};
	memcpy(at->key, key, key_len);
	return 0;
}

static struct ppk *find_ppk(const struct psk_set *s, const char *id)
{
	for (size_t i = 0; i < s->n_ppk; i++) {
		if (strcmp(s->ppk[i].id, id) == 0)
			return &s->ppk[i];
	}
	return NULL;
}

const struct ppk *psk_ppk(const struct psk_set *s, const char *id) { return find_ppk(s, id); }

/* Room for one more; NULL: no memory. */
static struct ppk *ppk_room(struct psk_set *s)
{
	if (s->n_ppk < s->cap_ppk)
		return &s->ppk[s->n_ppk];
	size_t cap = s->cap_ppk ? s->cap_ppk * 2 : 4;
	struct ppk *v = mem_get(s->mem, cap * sizeof *v);
	if (!v)
		return NULL;
	if (s->n_ppk)
		memcpy(v, s->ppk, s->n_ppk * sizeof *v);
	mem_put(s->mem, s->ppk, s->cap_ppk * sizeof *s->ppk);
	s->ppk = v;
	s->cap_ppk = cap;
	return &s->ppk[s->n_ppk];
}

int psk_set_add_ppk(struct psk_set *s, const char *id, const void *key, size_t key_len)
{
	size_t n = strlen(id);
	bool ok = true;
	if (n == 0 || n > PPK_ID_MAX || key_len == 0)
		return -EINVAL;
	struct ppk *old = find_ppk(s, id), *at = old ? old : ppk_room(s);
	uint8_t *k = copy(s->mem, key, key_len, &ok);
	if (!at || !ok) {
		mem_put(s->mem, k, key_len);
		return -ENOMEM;
	}
	if (old)
		mem_put(s->mem, old->key, old->key_len);
	else
		s->n_ppk++;
	*at = (struct ppk){.key = k, .key_len = key_len};
	memcpy(at->id, id, n);
	return 0;
}

const struct tcp_key *psk_tcp(const struct psk_set *s, const struct addr *peer)
{
	const struct tcp_key *best = NULL;
	for (size_t i = 0; i < s->n_tcp; i++) {
		const struct tcp_key *k = &s->tcp[i];
		if (addr_in(peer, &k->peer) && (!best || k->peer.len > best->peer.len))
			best = k;
	}
	return best;
}

static int grade(const struct psk *p, const struct ident *id)
{
	int best = p->n_selectors ? IDENT_NO : IDENT_MATCH_ANY;
	for (size_t i = 0; i < p->n_selectors; i++) {
		int g = ident_match(id, &p->selectors[i]);
		if (g > best)
			best = g;
	}
	return best;
}

/* The peer's grade weighs more than any grade of ours. */
static int weight(const struct psk *p, const struct ident *me, const struct ident *peer)
{
	return grade(p, peer) * (IDENT_MATCH_FULL + 1) + grade(p, me);
}

/* The best so far, best first. */
struct found {
	size_t n, max, v[PSK_TRY_MAX];
	int weight[PSK_TRY_MAX];
};

static void consider(struct found *f, const struct psk_set *s, size_t psk, const struct ident *me, const struct ident *peer)
{
	int w = weight(&s->v[psk], me, peer);
	size_t at = f->n;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i] == psk)
			return;
	}
	while (at > 0 && (f->weight[at - 1] < w || (f->weight[at - 1] == w && f->v[at - 1] < psk)))
		at--;
	if (w == 0 || at >= f->max)
		return;
	f->n -= f->n == f->max;
	memmove(f->v + at + 1, f->v + at, (f->n - at) * sizeof f->v[0]);
	memmove(f->weight + at + 1, f->weight + at, (f->n - at) * sizeof f->weight[0]);
	f->v[at] = psk;
	f->weight[at] = w;
	f->n++;
}

static void consider_chain(struct found *f, const struct psk_set *s, uint32_t head, const struct ident *me,
                           const struct ident *peer, size_t most)
{
	for (; head && most; head = s->ref[head - 1].next) {
		size_t psk = s->ref[head - 1].psk;
		if (grade(&s->v[psk], me) || grade(&s->v[psk], peer)) { /* else another of the bucket */
			consider(f, s, psk, me, peer);
			most--;
		}
	}
}

size_t psk_candidates(const struct psk_set *s, const struct ident *me, const struct ident *peer, size_t *out,
                      size_t max)
{
	struct found f = {.max = min_z(max, PSK_TRY_MAX)};
	if (s->n == 0 || f.max == 0)
		return 0;
	consider_chain(&f, s, *bucket_of(s, peer), me, peer, SIZE_MAX);
	consider_chain(&f, s, s->patterns, me, peer, SIZE_MAX);
	/* Those that are ours alone come last, and the latest of them first: of thousands that name us no more are looked at. */
	consider_chain(&f, s, *bucket_of(s, me), me, peer, 2 * (size_t)PSK_TRY_MAX);
	memcpy(out, f.v, f.n * sizeof *out);
	return f.n;
}
