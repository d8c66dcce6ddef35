/* Interned attributes: a set that was received a million times is stored once. Two sets are the same when their canonical octets,
 * next hops, weight and tag are, and when both are tracked or neither is: those that were received are (their next hop decides whether
 * the path can be used), those that are sent are not. */
#include <string.h>

#include "bgp/hash.h"
#include "bgp/rib_int.h"

enum { IDLE_MAX = 2048, IDLE_SLICE = 256 };

/* What is part of a set beside its canonical octets. */
struct beside {
	struct addr next_hop, next_hop_ll;
	uint8_t track;
	uint8_t pad;
	uint32_t ifindex, weight, tag;
};

int attr_init(struct bgp *b)
{
	struct bgp_attrs_state *s = mem_get(b->env.mem, sizeof *s);
	if (!s)
		return -12 /* ENOMEM */;
	int err = hmap_init(&s->map, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng));
	if (err) {
		mem_put(b->env.mem, s, sizeof *s);
		return err;
	}
	pool_init(&s->ids, b->env.mem, sizeof(struct attr_slot));
	list_init(&s->idle);
	b->attrs = s;
	return 0;
}

static void attr_free(struct bgp *b, struct bgp_attr *a)
{
	struct bgp_attrs_state *s = b->attrs;
	list_del(&a->idle);
	s->n_idle--;
	hmap_del(&s->map, &a->node);
	((struct attr_slot *)pool_at(&s->ids, a->id))->a = NULL;
	pool_put(&s->ids, a->id);
	if (a->nh)
		nht_unref(b, a->nh);
	mem_put(b->env.mem, a, sizeof *a + a->canon_len);
}

static struct bgp_attr *oldest(const struct bgp_attrs_state *s) { return LIST_ENTRY(s->idle.next, struct bgp_attr, idle); }

void attr_rest(struct bgp *b, struct bgp_attr *a)
{
	struct bgp_attrs_state *s = b->attrs;
	list_add_tail(&s->idle, &a->idle);
	if (++s->n_idle > IDLE_MAX)
		attr_free(b, oldest(s));
}

bool attr_idle(const struct bgp *b) { return b->attrs->n_idle > 0; }

bool attr_work(struct bgp *b)
{
	struct bgp_attrs_state *s = b->attrs;
	for (int i = 0; i < IDLE_SLICE && s->n_idle; i++)
		attr_free(b, oldest(s));
	return s->n_idle > 0;
}

void attr_fini(struct bgp *b)
{
	struct bgp_attrs_state *s = b->attrs;
	if (!s)
		return;
	while (attr_work(b))
		;
	(void)BUG(s->map.n != 0);
	hmap_fini(&s->map);
	pool_fini(&s->ids);
	mem_put(b->env.mem, s, sizeof *s);
	b->attrs = NULL;
}

static bool link_local(const struct addr *a) { return a->family == AF_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; }

static bool same(const struct bgp_attr *a, struct span canon, const struct beside *k)
{
	return a->canon_len == canon.n && a->weight == k->weight && a->tag == k->tag && a->ifindex == k->ifindex &&
	       (a->nh != NULL) == k->track && addr_eq(&a->next_hop, &k->next_hop) &&
	       addr_eq(&a->next_hop_ll, &k->next_hop_ll) && (canon.n == 0 || memcmp(a->canon, canon.p, canon.n) == 0);
}

static struct bgp_attr *make(struct bgp *b, struct span canon, const struct beside *k)
{
	struct bgp_attrs_state *s = b->attrs;
	struct bgp_attr *a = mem_get(b->env.mem, sizeof *a + canon.n);
	if (!a)
		return NULL;
	a->id = pool_get(&s->ids);
	if (a->id && k->track)
		a->nh = nht_get(b, k->next_hop.family ? &k->next_hop : &k->next_hop_ll, k->ifindex);
	if (!a->id || (k->track && !a->nh)) {
		if (a->id) /* its slot has no set yet */
			pool_put(&s->ids, a->id);
		mem_put(b->env.mem, a, sizeof *a + canon.n);
		return NULL;
	}
	a->refs = 1;
	list_init(&a->idle);
	a->weight = k->weight;
	a->tag = k->tag;
	a->ifindex = k->ifindex;
	a->next_hop = k->next_hop;
	a->next_hop_ll = k->next_hop_ll;
	a->canon_len = (uint32_t)canon.n;
	if (canon.n)
		memcpy(a->canon, canon.p, canon.n);
	bgp_attrs_view(SPAN(a->canon, canon.n), &a->v);
	a->as_length = bgp_as_path_length(a->v.as_path);
	a->first_as = bgp_as_path_first(a->v.as_path);
	a->llgr_stale = bgp_communities_have(a->v.communities, BGP_LLGR_STALE);
	a->cluster_len = (uint8_t)min_z(a->v.cluster_list.n / 4, UINT8_MAX);
	((struct attr_slot *)pool_at(&s->ids, a->id))->a = a;
	return a;
}

struct bgp_attr *attr_get(struct bgp *b, struct span canon, const struct addr *next_hop, const struct addr *next_hop_ll,
                          uint32_t weight, uint32_t tag, bool track)
{
	struct bgp_attrs_state *s = b->attrs;
	struct beside k;

	memset(&k, 0, sizeof k);
	k.next_hop = *next_hop;
	if (next_hop_ll)
		k.next_hop_ll = *next_hop_ll;
	/* "Self" is not looked up anywhere. */
	k.track = track && (k.next_hop.family || k.next_hop_ll.family);
	k.ifindex = k.track && link_local(k.next_hop.family ? &k.next_hop : &k.next_hop_ll) ? b->session_ifindex : 0;
	k.weight = weight;
	k.tag = tag;
	uint64_t hash = hash_run(s->map.key, canon.p, canon.n) ^ hash_run(s->map.key, &k, sizeof k);
	for (struct hnode *n = hmap_first(&s->map, hash); n; n = hmap_next(n)) {
		struct bgp_attr *a = CONTAINER_OF(n, struct bgp_attr, node);
		if (same(a, canon, &k)) {
			if (a->refs++ == 0) {
				list_del(&a->idle);
				s->n_idle--;
			}
			return a;
		}
	}
	struct bgp_attr *a = make(b, canon, &k);
	if (a)
		hmap_add(&s->map, &a->node, hash);
	return a;
}

void attr_ref(struct bgp_attr *a) { a->refs++; }

void attr_unref(struct bgp *b, struct bgp_attr *a)
{
	if (a)
		attr_put(b, a);
}

struct bgp_attr *attr_at(const struct bgp *b, uint32_t id) { return attr_by(b, id); }

uint32_t attr_count(const struct bgp *b) { return (uint32_t)b->attrs->map.n - b->attrs->n_idle; }

void attr_nh_walked(struct bgp *b)
{
	for (uint32_t id = 1; id <= b->attrs->ids.used; id++) {
		struct bgp_attr *a = attr_at(b, id);
		if (a && a->nh)
			a->nh->changed = false;
	}
}
