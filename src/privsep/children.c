/* The table of installed children: two maps over the same entries, by inbound SPI and by the two
 * addresses; the rest of a selector pair is compared. */
#include "privsep/children.h"

#include <string.h>

static uint64_t ends_hash(const struct children *c, const struct addr *local, const struct addr *remote)
{
	uint8_t key[2 * sizeof local->b];
	struct wr w = wr_init(key, sizeof key);
	wr_bytes(&w, local->b, sizeof local->b);
	wr_bytes(&w, remote->b, sizeof remote->b);
	return hmap_hash(&c->ends, key, w.len);
}

/* What the kernel's policy look-up tells apart: two children that agree here share their policies. */
static bool same_pair(const struct child_sa *a, const struct child_sa *b)
{
	return addr_eq(&a->local, &b->local) && addr_eq(&a->remote, &b->remote) && a->sel.proto == b->sel.proto &&
	       a->sel.local_port == b->sel.local_port && a->sel.remote_port == b->sel.remote_port &&
	       (a->mark_in & a->mark_in_mask) == (b->mark_in & b->mark_in_mask) &&
	       (a->mark_out & a->mark_out_mask) == (b->mark_out & b->mark_out_mask) &&
	       a->mark_in_mask == b->mark_in_mask && a->mark_out_mask == b->mark_out_mask;
}

static uint64_t spi_hash(const struct children *c, uint32_t spi) { return hmap_hash(&c->spi, &spi, sizeof spi); }

int children_init(struct children *c, struct mem *mem, uint64_t k0, uint64_t k1)
{
	*c = (struct children){.mem = mem};
	list_init(&c->all);
	int rc = hmap_init(&c->spi, mem, k0, k1);
	if (rc == 0 && (rc = hmap_init(&c->ends, mem, k1, k0)) < 0)
		hmap_fini(&c->spi);
	return rc;
}

void children_fini(struct children *c)
{
	for (struct child *k; (k = children_next(c, NULL));)
		children_free(c, k);
	hmap_fini(&c->spi);
	hmap_fini(&c->ends);
}

struct child *children_new(struct children *c, const char *tunnel, uint32_t child_id, const struct ident *peer,
                        const struct child_sa *sa, mono_t now)
{
	struct child *k = mem_get(c->mem, sizeof *k);
	if (!k)
		return NULL;
	struct sbuf b = SB(k->tunnel);
	sb_put(&b, tunnel);
	list_init(&k->node);
	k->child_id = child_id;
	k->peer = *peer;
	k->sa = *sa;
	child_sa_wipe(&k->sa);
	k->since = now;
	return k;
}

void children_link(struct children *c, struct child *k)
{
	k->serial = ++c->serial;
	list_add_tail(&c->all, &k->node);
	hmap_add(&c->spi, &k->by_spi, spi_hash(c, k->sa.in.spi));
	hmap_add(&c->ends, &k->by_ends, ends_hash(c, &k->sa.local, &k->sa.remote));
	c->n++;
}

void children_free(struct children *c, struct child *k)
{
	if (children_find(c, k->sa.in.spi) == k) {
		list_del(&k->node);
		hmap_del(&c->spi, &k->by_spi);
		hmap_del(&c->ends, &k->by_ends);
		c->n--;
	}
	mem_put(c->mem, k, sizeof *k);
}

struct child *children_find(const struct children *c, uint32_t spi_in)
{
	for (struct hnode *n = hmap_first(&c->spi, spi_hash(c, spi_in)); n; n = hmap_next(n)) {
		struct child *k = CONTAINER_OF(n, struct child, by_spi);
		if (k->sa.in.spi == spi_in)
			return k;
	}
	return NULL;
}

void children_move(struct children *c, struct child *k, const struct child_sa *now)
{
	hmap_del(&c->ends, &k->by_ends);
	k->sa.local = now->local;
	k->sa.remote = now->remote;
	k->sa.encap = now->encap;
	k->sa.encap_sport = now->encap_sport;
	k->sa.encap_dport = now->encap_dport;
	hmap_add(&c->ends, &k->by_ends, ends_hash(c, &k->sa.local, &k->sa.remote));
}

struct child *children_of_pair(const struct children *c, const struct child_sa *sa, const struct child *but)
{
	struct child *best = NULL;
	for (struct hnode *n = hmap_first(&c->ends, ends_hash(c, &sa->local, &sa->remote)); n; n = hmap_next(n)) {
		struct child *k = CONTAINER_OF(n, struct child, by_ends);
		if (k != but && same_pair(&k->sa, sa) && (!best || k->serial > best->serial))
			best = k;
	}
	return best;
}

static bool is_of(const struct child *k, const char *tunnel, const struct addr *local, const struct addr *remote)
{
	return addr_eq(&k->sa.remote, remote) && (local->family == AF_NONE || addr_eq(&k->sa.local, local)) &&
	       strcmp(k->tunnel, tunnel) == 0;
}

struct child *children_of_tunnel(const struct children *c, const char *tunnel, const struct addr *local,
                                 const struct addr *remote)
{
	if (local->family == AF_NONE) {
		LIST_EACH(it, tmp, &c->all)
			if (is_of(LIST_ENTRY(it, struct child, node), tunnel, local, remote))
				return LIST_ENTRY(it, struct child, node);
		return NULL;
	}
	for (struct hnode *n = hmap_first(&c->ends, ends_hash(c, local, remote)); n; n = hmap_next(n)) {
		struct child *k = CONTAINER_OF(n, struct child, by_ends);
		if (is_of(k, tunnel, local, remote))
			return k;
	}
	return NULL;
}

struct child *children_next(const struct children *c, const struct child *at)
{
	const struct list *next = at ? at->node.next : c->all.next;
	return next == &c->all ? NULL : LIST_ENTRY(next, struct child, node);
}
