/* What kview.c (the kernel's links, addresses and routes, as reported) and nht.c (the next hops that are tracked against them)
 * share. */
#ifndef BGP_NHT_INT_H
#define BGP_NHT_INT_H

#include "bgp/bgp_int.h"

/* A link, and the tunnel that it carries: a tunnel may be told of before its interface. */
struct view_link {
	struct hnode node;
	struct route_link link;
	bool known;              /* there was a LINK fact */
	bool tunnel, tunnel_up;
	char tunnel_name[CONF_NAME_MAX + 1];
};
struct view_addr {
	struct list link;
	struct route_addr a;
};
/* One of the kernel's routes for a prefix; they hang there best source first. */
struct view_route {
	struct view_route *next;
	size_t size;
	struct route r;          /* last: only as long as its hops need */
};
struct view_prefix {
	struct hnode node;
	struct prefix p;
	struct view_route *first;
	uint32_t slot;           /* in nht.prefix */
};

/* An address whose way is of interest to a next hop: its own, and those that it was resolved through. */
struct watch {
	struct addr addr;
	struct bgp_nh *nh;
};

enum { NHT_DEPTH = 4 };

/* A next hop and what it was resolved through. */
struct nh_entry {
	struct bgp_nh nh;
	struct list link;
	struct addr through[NHT_DEPTH];
	uint8_t n_through;
	bool due;                /* to be looked at again */
};

struct bgp_nht_state {
	struct hmap links, prefixes, nhs;
	struct list addrs, all_nhs;
	struct view_prefix **prefix; /* all, for walks */
	uint32_t n_prefixes, cap_prefixes;
	uint32_t n_len[2][129];  /* prefixes of each length, IPv4 and IPv6 */
	struct watch *watch;     /* sorted by address */
	uint32_t n_watch, cap_watch, n_nhs;
	uint64_t watch_lo, watch_hi; /* of the first and the last, as addr_high() has them; lo > hi: not known */
	bool watch_stale;        /* to be made anew before it is used */
	bool any_due;
};

/* Family and the first 60 bits, in the order of addr_cmp(). */
static inline uint64_t addr_high(const struct addr *a)
{
	uint64_t v;
	memcpy(&v, a->b, sizeof v);
	return (uint64_t)a->family << 60 | __builtin_bswap64(v) >> 4;
}
/* Whether a change of the prefix may concern an address that is watched. Almost none does, and that is seen without a search. */
static inline bool nht_near(const struct bgp_nht_state *n, const struct prefix *p)
{
	uint64_t first = addr_high(&p->addr), size = p->len > 60 ? 0 : (UINT64_MAX >> 4) >> p->len;
	return n->watch_stale || (first <= n->watch_hi && (first | size) >= n->watch_lo);
}

/* The prefix of this length that has the address, or NULL. */
const struct view_prefix *view_of_length(const struct bgp *b, const struct addr *a, uint8_t len);
struct view_link *view_link(const struct bgp *b, uint32_t ifindex);
/* Next hops that a change of this prefix may concern; all of them. */
void nht_touch(struct bgp *b, const struct prefix *p);
void nht_touch_all(struct bgp *b);
int view_init(struct bgp *b) MUST_USE;
void view_fini(struct bgp *b);

#endif
