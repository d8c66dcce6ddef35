/* Pre-shared keys and their choice (ike.md 2.3). Only priv ever holds one. */
#ifndef MODEL_PSK_H
#define MODEL_PSK_H

#include "model/ident.h"

struct psk {
	char *origin; /* "file:line" */
	struct ident *selectors;
	size_t n_selectors; /* none = everybody */
	uint8_t *key;
	size_t key_len; /* octets, may be 0 */
};

/* Entries in file order. */
struct psk_set {
	struct mem *mem;
	struct psk *v;
	size_t n, cap;
};

void psk_set_init(struct psk_set *s, struct mem *mem);
void psk_set_fini(struct psk_set *s); /* wipes */
/* Copies; -ENOMEM or 0. */
int psk_set_add(struct psk_set *s, const char *origin, const struct ident *selectors, size_t n_selectors,
                const void *key, size_t key_len) MUST_USE;
/* Candidates for (me, peer), best first: by the peer's grade, then ours, then later
 * in the file. Writes indices into out, returns how many (at most max). */
size_t psk_candidates(const struct psk_set *s, const struct ident *me, const struct ident *peer, size_t *out,
                      size_t max);

#endif
