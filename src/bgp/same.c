/* What two configurations differ in, and what each difference asks for: a row per field. Filters are compared by what is in
 * them, not by their place: an index is equal when the lists that it names are. Called by reconf.c. */
#include "bgp/parts.h"

#include <string.h>

struct field { uint16_t off, size; uint8_t effect; };

#define F(type, member, effect) {offsetof(struct type, member), sizeof(((struct type *)0)->member), effect}

static const struct field af_fields[] = {
	F(conf_bgp_af, active, EFFECT_RESET), F(conf_bgp_af, rr_client, EFFECT_OUT), F(conf_bgp_af, next_hop_self, EFFECT_OUT),
	F(conf_bgp_af, next_hop_self_force, EFFECT_OUT), F(conf_bgp_af, next_hop_unchanged, EFFECT_OUT),
	F(conf_bgp_af, soft_in, EFFECT_IN), F(conf_bgp_af, default_originate, EFFECT_OUT),
	F(conf_bgp_af, send_community, EFFECT_OUT), F(conf_bgp_af, send_extended, EFFECT_OUT), F(conf_bgp_af, send_large, EFFECT_OUT),
	F(conf_bgp_af, remove_private_as, EFFECT_OUT), F(conf_bgp_af, attr_unchanged, EFFECT_OUT),
	F(conf_bgp_af, addpath_rx, EFFECT_RESET), F(conf_bgp_af, addpath_tx, EFFECT_RESET), F(conf_bgp_af, allowas_in, EFFECT_IN),
	F(conf_bgp_af, weight, EFFECT_IN), F(conf_bgp_af, weight_set, EFFECT_IN),
	F(conf_bgp_af, max_prefix, EFFECT_NONE), F(conf_bgp_af, max_prefix_threshold, EFFECT_NONE),
	F(conf_bgp_af, max_prefix_warn, EFFECT_NONE), F(conf_bgp_af, max_prefix_restart, EFFECT_NONE),
};

/* Fields of a family that name a list: kind, what a change of it asks for. */
static const struct { uint16_t off; uint8_t list, effect; } af_lists[] = {
	{offsetof(struct conf_bgp_af, prefix_list_in), LIST_PREFIX, EFFECT_IN},
	{offsetof(struct conf_bgp_af, prefix_list_out), LIST_PREFIX, EFFECT_OUT},
	{offsetof(struct conf_bgp_af, map_in), LIST_MAP, EFFECT_IN}, {offsetof(struct conf_bgp_af, map_out), LIST_MAP, EFFECT_OUT},
	{offsetof(struct conf_bgp_af, map_default), LIST_MAP, EFFECT_OUT},
	{offsetof(struct conf_bgp_af, aspath_list_in), LIST_ASPATH, EFFECT_IN},
	{offsetof(struct conf_bgp_af, aspath_list_out), LIST_ASPATH, EFFECT_OUT},
};

/* What changes an OPEN takes effect with the next session when a running one is not worse for it: hold times, graceful restart. */
static const struct field peer_fields[] = {
	F(conf_bgp_peer, remote_as, EFFECT_RESET), F(conf_bgp_peer, external, EFFECT_RESET), F(conf_bgp_peer, local_as, EFFECT_RESET),
	F(conf_bgp_peer, port, EFFECT_NONE), F(conf_bgp_peer, hold, EFFECT_NONE), F(conf_bgp_peer, keepalive, EFFECT_NONE),
	F(conf_bgp_peer, connect_retry, EFFECT_NONE), F(conf_bgp_peer, delay_open, EFFECT_NONE),
	F(conf_bgp_peer, advertisement_interval, EFFECT_NONE), F(conf_bgp_peer, shutdown, EFFECT_NONE),
	F(conf_bgp_peer, passive, EFFECT_NONE), F(conf_bgp_peer, password, EFFECT_RESET), F(conf_bgp_peer, bfd, EFFECT_BFD),
	F(conf_bgp_peer, bfd_rx_ms, EFFECT_BFD), F(conf_bgp_peer, bfd_tx_ms, EFFECT_BFD), F(conf_bgp_peer, bfd_multiplier, EFFECT_BFD),
	F(conf_bgp_peer, strict_capability, EFFECT_RESET), F(conf_bgp_peer, dont_capability, EFFECT_RESET),
	F(conf_bgp_peer, override_capability, EFFECT_RESET), F(conf_bgp_peer, enforce_first_as, EFFECT_IN),
	F(conf_bgp_peer, extended_nexthop, EFFECT_RESET), F(conf_bgp_peer, ttl, EFFECT_RESET), F(conf_bgp_peer, gtsm_hops, EFFECT_RESET),
};

static const struct field bgp_fields[] = {
	F(conf_bgp, as, EFFECT_RESET), F(conf_bgp, cluster_id, EFFECT_RESET), F(conf_bgp, client_to_client, EFFECT_OUT),
	F(conf_bgp, always_compare_med, EFFECT_DECIDE), F(conf_bgp, deterministic_med, EFFECT_DECIDE),
	F(conf_bgp, med_missing_worst, EFFECT_DECIDE), F(conf_bgp, med_confed, EFFECT_DECIDE),
	F(conf_bgp, compare_router_id, EFFECT_DECIDE), F(conf_bgp, aspath_ignore, EFFECT_DECIDE),
	F(conf_bgp, aspath_multipath_relax, EFFECT_DECIDE), F(conf_bgp, reject_as_sets, EFFECT_IN),
	F(conf_bgp, allow_outbound_policy, EFFECT_OUT), F(conf_bgp, graceful_shutdown, EFFECT_IN | EFFECT_OUT),
	F(conf_bgp, ebgp_requires_policy, EFFECT_IN | EFFECT_OUT), F(conf_bgp, suppress_duplicates, EFFECT_NONE),
	F(conf_bgp, local_pref, EFFECT_DECIDE | EFFECT_OUT), F(conf_bgp, multipath_ibgp, EFFECT_DECIDE),
	F(conf_bgp, multipath_ebgp, EFFECT_DECIDE), F(conf_bgp, install, EFFECT_FIB), F(conf_bgp, table, EFFECT_FIB),
	F(conf_bgp, metric, EFFECT_FIB), F(conf_bgp, distance_internal, EFFECT_DECIDE), F(conf_bgp, distance_external, EFFECT_DECIDE),
	F(conf_bgp, distance_local, EFFECT_DECIDE),
};

static const uint8_t *member(const void *p, size_t off) { return (const uint8_t *)p + off; }

static uint8_t differ(const void *a, const void *b, const struct field *f, size_t n)
{
	uint8_t effect = 0;
	for (size_t i = 0; i < n; i++) {
		if (memcmp(member(a, f[i].off), member(b, f[i].off), f[i].size) != 0)
			effect |= f[i].effect;
	}
	return effect;
}

/* --- lists, deep --- */

static bool same_list(const struct bgp_confs *c, uint8_t list, uint32_t i, uint32_t k, unsigned depth);

static bool same_text(const struct bgp_confs *c, conf_ref a, conf_ref b) { return strcmp(conf_str(c->x, a), conf_str(c->y, b)) == 0; }

static bool same_octets(const struct bgp_confs *c, struct conf_array a, struct conf_array b, size_t size)
{
	if (a.n != b.n)
		return false;
	return a.n == 0 || memcmp(conf_at(c->x, a, size, 0), conf_at(c->y, b, size, 0), a.n * size) == 0;
}

static size_t value_size(const struct conf_clause *k)
{
	return k->what == SET_AS_PATH_PREPEND || k->what == SET_AS_PATH_EXCLUDE ? sizeof(uint32_t) : 1;
}

static bool same_clauses(const struct bgp_confs *c, struct conf_array a, struct conf_array b, bool set, unsigned depth)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_clause *p = conf_at(c->x, a, sizeof *p, i), *q = conf_at(c->y, b, sizeof *q, i);
		uint8_t list = set ? conf_set_list(p->what) : conf_match_list(p->what);
		bool same = p->what == q->what && p->exact == q->exact && addr_eq(&p->address, &q->address) &&
		            same_octets(c, p->values, q->values, set ? value_size(p) : 1);
		if (!same || !(list == LIST_NONE ? p->u == q->u : same_list(c, list, p->u, q->u, depth)))
			return false;
	}
	return true;
}

static bool same_map(const struct bgp_confs *c, const struct conf_route_map *a, const struct conf_route_map *b, unsigned depth)
{
	if (a->entries.n != b->entries.n)
		return false;
	for (uint32_t i = 0; i < a->entries.n; i++) {
		const struct conf_map_entry *p = conf_at(c->x, a->entries, sizeof *p, i), *q = conf_at(c->y, b->entries, sizeof *q, i);
		if (p->action != q->action || p->seq != q->seq || p->on_match != q->on_match || p->on_match_seq != q->on_match_seq ||
		    !same_list(c, LIST_MAP, p->call, q->call, depth) || !same_clauses(c, p->match, q->match, false, depth) ||
		    !same_clauses(c, p->set, q->set, true, depth))
			return false;
	}
	return true;
}

static bool same_prefix_list(const struct bgp_confs *c, const struct conf_prefix_list *a, const struct conf_prefix_list *b)
{
	if (a->rules.n != b->rules.n || a->af != b->af)
		return false;
	for (uint32_t i = 0; i < a->rules.n; i++) {
		const struct conf_prefix_rule *p = conf_at(c->x, a->rules, sizeof *p, i), *q = conf_at(c->y, b->rules, sizeof *q, i);
		if (p->action != q->action || p->any != q->any || p->ge != q->ge || p->le != q->le || p->prefix.len != q->prefix.len ||
		    !addr_eq(&p->prefix.addr, &q->prefix.addr))
			return false;
	}
	return true;
}

static bool same_community_list(const struct bgp_confs *c, const struct conf_community_list *a, const struct conf_community_list *b)
{
	if (a->rules.n != b->rules.n || a->kind != b->kind)
		return false;
	for (uint32_t i = 0; i < a->rules.n; i++) {
		const struct conf_community_rule *p = conf_at(c->x, a->rules, sizeof *p, i), *q = conf_at(c->y, b->rules, sizeof *q, i);
		if (p->action != q->action || !same_text(c, p->regex, q->regex) || !same_octets(c, p->values, q->values, 1))
			return false;
	}
	return true;
}

static bool same_aspath_list(const struct bgp_confs *c, const struct conf_aspath_list *a, const struct conf_aspath_list *b)
{
	if (a->rules.n != b->rules.n)
		return false;
	for (uint32_t i = 0; i < a->rules.n; i++) {
		const struct conf_aspath_rule *p = conf_at(c->x, a->rules, sizeof *p, i), *q = conf_at(c->y, b->rules, sizeof *q, i);
		if (p->action != q->action || !same_text(c, p->regex, q->regex))
			return false;
	}
	return true;
}

/* i, k: index + 1, 0 none. Maps that call each other end in "different". */
static bool same_list(const struct bgp_confs *c, uint8_t list, uint32_t i, uint32_t k, unsigned depth)
{
	enum { DEEPEST = 16 };
	if (i == 0 || k == 0 || depth > DEEPEST)
		return i == k;
	const struct conf_bgp *a = c->bx, *b = c->by;
	switch (list) {
	case LIST_PREFIX:
		return same_prefix_list(c, conf_at(c->x, a->prefix_lists, sizeof(struct conf_prefix_list), i - 1),
		                        conf_at(c->y, b->prefix_lists, sizeof(struct conf_prefix_list), k - 1));
	case LIST_COMMUNITY:
		return same_community_list(c, conf_at(c->x, a->community_lists, sizeof(struct conf_community_list), i - 1),
		                           conf_at(c->y, b->community_lists, sizeof(struct conf_community_list), k - 1));
	case LIST_ASPATH:
		return same_aspath_list(c, conf_at(c->x, a->aspath_lists, sizeof(struct conf_aspath_list), i - 1),
		                        conf_at(c->y, b->aspath_lists, sizeof(struct conf_aspath_list), k - 1));
	default:
		return same_map(c, conf_at(c->x, a->route_maps, sizeof(struct conf_route_map), i - 1),
		                conf_at(c->y, b->route_maps, sizeof(struct conf_route_map), k - 1), depth + 1);
	}
}

/* --- the three levels --- */

uint8_t same_af(const struct bgp_confs *c, const struct conf_bgp_af *a, const struct conf_bgp_af *b)
{
	uint8_t effect = differ(a, b, af_fields, ARRAY_LEN(af_fields));
	for (size_t i = 0; i < ARRAY_LEN(af_lists); i++) {
		uint32_t p, q;
		memcpy(&p, member(a, af_lists[i].off), sizeof p);
		memcpy(&q, member(b, af_lists[i].off), sizeof q);
		if (!same_list(c, af_lists[i].list, p, q, 0))
			effect |= af_lists[i].effect;
	}
	return effect;
}

uint8_t same_peer(const struct bgp_confs *c, const struct conf_bgp_peer *a, const struct conf_bgp_peer *b)
{
	uint8_t effect = differ(a, b, peer_fields, ARRAY_LEN(peer_fields));
	if (!addr_eq(&a->update_source, &b->update_source) || !same_text(c, a->update_source_if, b->update_source_if) ||
	    !same_text(c, a->interface, b->interface) || !same_text(c, a->tunnel, b->tunnel))
		effect |= EFFECT_RESET;
	return effect;
}

uint8_t same_bgp(const struct bgp_confs *c) { return differ(c->bx, c->by, bgp_fields, ARRAY_LEN(bgp_fields)); }
