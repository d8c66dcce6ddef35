/* An intrusive hash map with chained buckets that doubles as it fills.
 * The caller supplies the hash (see hash_bytes: keyed, so that a peer cannot aim
 * at one bucket) and compares keys itself while it walks a chain. */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include "base/bug.h"
#include "base/mem.h"

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

struct hmap {
	struct mem *mem;
	struct hnode **bucket;
	size_t n_buckets, n;
	uint64_t key[2]; /* for hash_bytes */
};

/* -ENOMEM or 0. k0, k1: random key. */
int hmap_init(struct hmap *m, struct mem *mem, uint64_t k0, uint64_t k1) MUST_USE;
/* Frees the buckets; the nodes belong to the caller. */
void hmap_fini(struct hmap *m);
/* SipHash-2-4 of n octets under the map's key. */
uint64_t hmap_hash(const struct hmap *m, const void *p, size_t n);
/* Never fails: when the table cannot grow, chains get longer. */
void hmap_add(struct hmap *m, struct hnode *n, uint64_t hash);
void hmap_del(struct hmap *m, struct hnode *n);
/* The first node with this hash, and the next after one. */
struct hnode *hmap_first(const struct hmap *m, uint64_t hash);
struct hnode *hmap_next(const struct hnode *n);

#endif
