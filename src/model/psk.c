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
	if (!room_for_one(s))
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

size_t psk_candidates(const struct psk_set *s, const struct ident *me, const struct ident *peer, size_t *out,
                      size_t max)
{
	size_t n = 0;
	for (size_t i = s->n; i-- > 0;) {
		int w = weight(&s->v[i], me, peer);
		if (w == 0)
			continue;
		/* Insertion behind all that are at least as good: equals stay latest first. */
		size_t at = n;
		while (at > 0 && weight(&s->v[out[at - 1]], me, peer) < w)
			at--;
		if (at >= max)
			continue;
		if (n == max)
			n--;
		memmove(out + at + 1, out + at, (n - at) * sizeof *out);
		out[at] = i;
		n++;
	}
	return n;
}
