/* The secrets of a configuration: pre-shared keys and their choice (ike.md 2.3), post-quantum ones with their names (RFC 8784), and
 * the TCP MD5 keys of BGP sessions (RFC 2385). Only priv ever holds one. */
#ifndef MODEL_PSK_H
#define MODEL_PSK_H

#include "model/ident.h"

/* Octets below which a key can be guessed: who takes part in one handshake can try keys at leisure. */
enum { PSK_SHORT = 16, PPK_SHORT = 32 };

struct psk {
	char *origin; /* "file:line" */
	struct ident *selectors;
	size_t n_selectors; /* none = everybody */
	uint8_t *key;
	size_t key_len; /* octets, may be 0 */
};

/* The key of the TCP sessions with a peer, or with all peers of a listen range. */
enum { TCP_KEY_MAX = 80 }; /* octets: what the kernel takes */
struct tcp_key {
	struct prefix peer;
	uint8_t len; /* octets, 1 and up */
	uint8_t key[TCP_KEY_MAX];
};

/* A post-quantum pre-shared key: mixed into the keys of an IKE SA by its name. */
enum { PPK_ID_MAX = 64 };
struct ppk {
	char id[PPK_ID_MAX + 1];
	uint8_t *key;
	size_t key_len;          /* octets, 1 and up */
};

/* Entries in file order; and, so that ten thousand of them are not gone through for each handshake, where each selector stands. */
enum { PSK_TRY_MAX = 64 };
struct psk_ref {
	uint32_t psk, next; /* next: index + 1 of an earlier one, 0 = none */
};
struct psk_set {
	struct mem *mem;
	struct psk *v;
	size_t n, cap;
	struct psk_ref *ref;
	uint32_t n_refs, cap_refs;
	uint32_t *bucket;   /* of exact selectors: index + 1 of the latest */
	uint32_t n_buckets; /* a power of two, or 0 */
	uint32_t patterns;  /* keys without selectors, or with one that fits more than one identity */
	struct tcp_key *tcp;
	size_t n_tcp, cap_tcp;
	struct ppk *ppk;
	size_t n_ppk, cap_ppk;
};

void psk_set_init(struct psk_set *s, struct mem *mem);
void psk_set_fini(struct psk_set *s); /* wipes */
/* Copies; -ENOMEM or 0. */
int psk_set_add(struct psk_set *s, const char *origin, const struct ident *selectors, size_t n_selectors,
                const void *key, size_t key_len) MUST_USE;
/* Adds a TCP key; one of the same peer is replaced. -EINVAL: its length; -ENOMEM; or 0. */
int psk_set_add_tcp(struct psk_set *s, const struct prefix *peer, const void *key, size_t key_len) MUST_USE;
/* Adds a post-quantum key; one of the same name is replaced. -EINVAL: a name of no or too many octets, or no key; -ENOMEM; or 0. */
int psk_set_add_ppk(struct psk_set *s, const char *id, const void *key, size_t key_len) MUST_USE;
const struct ppk *psk_ppk(const struct psk_set *s, const char *id); /* NULL: there is none */
/* The key for sessions with a peer, that of the longest prefix; NULL: there is none. */
const struct tcp_key *psk_tcp(const struct psk_set *s, const struct addr *peer);
/* Candidates for (me, peer), best first: by the peer's grade, then ours, then later
 * in the file. Writes indices into out, returns how many (at most max, and PSK_TRY_MAX). */
size_t psk_candidates(const struct psk_set *s, const struct ident *me, const struct ident *peer, size_t *out,
                      size_t max);

#endif
