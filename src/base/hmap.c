/* An intrusive hash map, and SipHash-2-4 (Aumasson, Bernstein 2012) for its keys. */
#include "base/hmap.h"

#include <string.h>

enum { FIRST_BUCKETS = 16 };

int hmap_init(struct hmap *m, struct mem *mem, uint64_t k0, uint64_t k1)
{
	*m = (struct hmap){.mem = mem, .n_buckets = FIRST_BUCKETS, .key = {k0, k1}};
	m->bucket = mem_get(mem, sizeof(struct hnode *) * FIRST_BUCKETS);
	return m->bucket ? 0 : -12 /* ENOMEM */;
}

void hmap_fini(struct hmap *m)
{
	mem_put(m->mem, m->bucket, sizeof(struct hnode *) * m->n_buckets);
	m->bucket = NULL;
	m->n_buckets = m->n = 0;
}

static void grow(struct hmap *m)
{
	size_t size = m->n_buckets * 2;
	struct hnode **next = mem_get(m->mem, sizeof *next * size);
	if (!next)
		return;
	for (size_t i = 0; i < m->n_buckets; i++) {
		struct hnode *n = m->bucket[i], *rest;
		for (; n; n = rest) {
			rest = n->next;
			n->next = next[n->hash & (size - 1)];
			next[n->hash & (size - 1)] = n;
		}
	}
	mem_put(m->mem, m->bucket, sizeof(struct hnode *) * m->n_buckets);
	m->bucket = next;
	m->n_buckets = size;
}

void hmap_add(struct hmap *m, struct hnode *n, uint64_t hash)
{
	if (m->n >= m->n_buckets / 2) /* a node that is gone by is a line of memory fetched */
		grow(m);
	struct hnode **at = &m->bucket[hash & (m->n_buckets - 1)];
	n->hash = hash;
	n->next = *at;
	*at = n;
	m->n++;
}

void hmap_del(struct hmap *m, struct hnode *n)
{
	struct hnode **at = &m->bucket[n->hash & (m->n_buckets - 1)];
	while (*at && *at != n)
		at = &(*at)->next;
	if (BUG(!*at))
		return;
	*at = n->next;
	n->next = NULL;
	m->n--;
}

struct hnode *hmap_first(const struct hmap *m, uint64_t hash)
{
	struct hnode *n = m->bucket[hash & (m->n_buckets - 1)];
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *hmap_next(const struct hnode *n)
{
	uint64_t hash = n->hash;
	do
		n = n->next;
	while (n && n->hash != hash);
	return (struct hnode *)n;
}

static inline uint64_t rotl(uint64_t v, int n) { return v << n | v >> (64 - n); }

/* Inline, so that the state stays in registers. */
static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
	v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

static inline __attribute__((always_inline)) void sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v), sip_round(v);
	v[0] ^= w;
}

/* Eight octets, or the fewer that are left; the first one lowest. */
static inline uint64_t eight(const uint8_t *b)
{
	uint64_t w;
	memcpy(&w, b, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

static inline uint64_t fewer(const uint8_t *b, size_t n)
{
	uint64_t w = 0;
	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)b[i] << (8 * i);
	return w;
}

uint64_t hmap_hash(const struct hmap *m, const void *p, size_t n)
{
	const uint8_t *b = p; /* NULL when n is 0 */
	size_t left = n;
	uint64_t v[4] = {m->key[0] ^ 0x736f6d6570736575, m->key[1] ^ 0x646f72616e646f6d,
	                 m->key[0] ^ 0x6c7967656e657261, m->key[1] ^ 0x7465646279746573};
	for (; left >= 8; left -= 8, b += 8)
		sip_word(v, eight(b));
	sip_word(v, fewer(b, left) | (uint64_t)(n & 0xff) << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
