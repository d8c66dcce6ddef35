/* The child SAs that are in the kernel through us: what priv remembers of each, without keys. It answers who owns a
 * selector pair, which child takes the policies over when one goes (the heir), and it outlives ike, so that SAs which
 * forward on while ike is dead can be shown and removed afterwards. */
#ifndef PRIVSEP_CHILDREN_H
#define PRIVSEP_CHILDREN_H

#include "model/model.h"

struct child {
	struct list node;
	struct hnode by_spi, by_ends;
	char tunnel[CONF_NAME_MAX + 1];
	uint32_t child_id;       /* as the ike that made it numbers them */
	struct ident peer;
	struct child_sa sa;      /* no keys */
	mono_t since;
	uint64_t serial;         /* later ones have higher numbers */
	bool old;                /* made for an earlier ike: data-only */
	struct endpoint heard;   /* where the kernel last said that its ESP comes from; AF_NONE: no word */
	mono_t heard_at;         /* when ike was told of it */
};

struct children {
	struct mem *mem;
	struct list all;
	struct hmap spi, ends;
	uint64_t serial;
	size_t n;
};

/* -ENOMEM or 0. k0, k1: random. */
int children_init(struct children *c, struct mem *mem, uint64_t k0, uint64_t k1) MUST_USE;
void children_fini(struct children *c);
/* A new entry, in no map yet (children_link); NULL: no memory. sa is copied without its keys. */
struct child *children_new(struct children *c, const char *tunnel, uint32_t child_id, const struct ident *peer,
                        const struct child_sa *sa, mono_t now);
void children_link(struct children *c, struct child *k);
/* Takes it out of the maps and frees it; also one that was never linked. */
void children_free(struct children *c, struct child *k);
struct child *children_find(const struct children *c, uint32_t spi_in);
/* New addresses and ports. */
void children_move(struct children *c, struct child *k, const struct child_sa *now);
/* A child with this selector pair (addresses, protocol, ports, marks) other than `but`: the newest; NULL. */
struct child *children_of_pair(const struct children *c, const struct child_sa *sa, const struct child *but);
/* Any child of this tunnel between these addresses (local AF_NONE: any local one); NULL. */
struct child *children_of_tunnel(const struct children *c, const char *tunnel, const struct addr *local,
                                 const struct addr *remote);
/* Iterate, oldest first: *at is NULL at first. Do not change the table meanwhile. */
struct child *children_next(const struct children *c, const struct child *at);

#endif
