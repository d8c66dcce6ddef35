/* BGP UPDATE: octets to a view and a verdict (RFC 4271 4.3, 6.3; 7606; 4760; 6793; 7607; 4724 2). One walk over the
 * attributes; nothing is acted on here, so that the strongest fault of the message decides about all of it. */
#include "wire/bgp_int.h"

#include <string.h>

struct walk {
	const struct bgp_coding *c;
	struct bgp_update *u;
	uint64_t seen[4];        /* types that were there, good or bad */
	uint32_t n;              /* attributes */
	struct span as4_path, as4_aggregator;
	struct addr next_hop;    /* of NEXT_HOP */
	bool mp_reach;           /* of a family that we have, though its run may be empty */
};

/* A fault; the strongest one decides, of equal ones the first. */
static void fault(struct bgp_update *u, uint8_t verdict, uint8_t type, uint8_t sub, struct span data)
{
	if (verdict == BGP_V_DISCARD)
		u->discarded |= bgp_attr_bit(type);
	if (verdict <= u->verdict)
		return;
	u->verdict = verdict;
	u->bad_attr = type;
	u->error = (struct bgp_error){.code = BGP_E_UPDATE, .sub = sub, .data = data};
}

/* 0/8, 127/8, 224/4 and 240/4 */
static bool v4_martian(uint8_t first) { return first == 0 || first == 127 || first >= 224; }

bool bgp_next_hop_martian(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};

	switch (a->family) {
	case AF_V4: return v4_martian(a->b[0]);
	case AF_V6: return addr_is_any(a) || a->b[0] == 0xff || memcmp(a->b, loopback, 16) == 0;
	default: return true;
	}
}

static bool is_link_local(const struct addr *a) { return a->family == AF_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80; }

/* RFC 4760 3, 2545 3, 8950 3: 4 octets; 16; 16 of a global and 16 of a link-local address. */
static bool next_hop_fits(size_t n, uint8_t af, const struct bgp_coding *c)
{
	bool v6 = n == 16 || n == 32;
	return af == BGP_V6 ? v6 : n == 4 || (v6 && c->ext_nexthop);
}

static void read_next_hop(struct span s, struct addr *global, struct addr *ll)
{
	struct rd r = rd_init(s.p, s.n);

	*global = s.n == 4 ? addr_from(rd_take(&r, 4), 4) : addr_from(rd_take(&r, 16), 16);
	*ll = (struct addr){0};
	if (s.n != 32)
		return;
	*ll = addr_from(rd_take(&r, 16), 16);
	if (!is_link_local(ll))
		*ll = (struct addr){0};
	else if (addr_is_any(global)) /* some have no global address to put there */
		*global = *ll;
}

static void on_mp_reach(struct walk *k, struct span value, struct span whole)
{
	struct rd r = rd_init(value.p, value.n);
	struct bgp_update *u = k->u;
	uint16_t afi = rd_u16(&r);
	int af = bgp_af_of(afi, rd_u8(&r));
	size_t n = rd_u8(&r);
	struct span next_hop = SPAN(rd_take(&r, n), n);

	rd_skip(&r, 1); /* Reserved; was the count of SNPAs */
	if (!rd_ok(&r)) {
		fault(u, BGP_V_RESET, BGP_A_MP_REACH, BGP_E_OPTIONAL, whole);
		return;
	}
	if (af < 0 || !k->c->mp[af]) /* RFC 4760 7 */
		return;
	struct bgp_nlri run = {(uint8_t)af, k->c->addpath_rx[af], SPAN(r.p, rd_left(&r))};
	/* RFC 7606 5.3, 7.11: what cannot be parsed cannot be withdrawn */
	if (!next_hop_fits(n, run.af, k->c) || !bgp_nlri_good(&run)) {
		fault(u, BGP_V_RESET, BGP_A_MP_REACH, BGP_E_OPTIONAL, whole);
		return;
	}
	u->reach[1] = run;
	read_next_hop(next_hop, &u->next_hop[1], &u->next_hop_ll[1]);
	k->mp_reach = true;
	u->attrs.has |= bgp_attr_bit(BGP_A_MP_REACH);
}

static void on_mp_unreach(struct walk *k, struct span value, struct span whole)
{
	struct rd r = rd_init(value.p, value.n);
	uint16_t afi = rd_u16(&r);
	int af = bgp_af_of(afi, rd_u8(&r));

	if (!rd_ok(&r)) {
		fault(k->u, BGP_V_RESET, BGP_A_MP_UNREACH, BGP_E_OPTIONAL, whole);
		return;
	}
	if (af < 0 || !k->c->mp[af])
		return;
	struct bgp_nlri run = {(uint8_t)af, k->c->addpath_rx[af], SPAN(r.p, rd_left(&r))};
	if (!bgp_nlri_good(&run)) {
		fault(k->u, BGP_V_RESET, BGP_A_MP_UNREACH, BGP_E_OPTIONAL, whole);
		return;
	}
	k->u->withdrawn[1] = run;
	k->u->attrs.has |= bgp_attr_bit(BGP_A_MP_UNREACH);
}

static bool length_good(const struct bgp_attr_rule *rule, uint8_t type, size_t n, bool as4)
{
	if (type == BGP_A_AGGREGATOR)
		return n == (as4 ? 8 : 6);
	return rule->shape == SHAPE_EXACT ? n == rule->n : rule->shape == SHAPE_LIST ? n != 0 && n % rule->n == 0 : true;
}

static uint32_t first_number(struct span s, size_t width)
{
	struct rd r = rd_init(s.p, s.n);
	return width == 2 ? rd_u16(&r) : rd_u32(&r);
}

/* The values that a length of its own does not prove: 0, or the subcode of what is wrong. */
static uint8_t value_fault(struct walk *k, uint8_t type, struct span value)
{
	bool as4 = k->c->as4;

	switch (type) {
	case BGP_A_ORIGIN: return value.p[0] > BGP_INCOMPLETE ? BGP_E_ORIGIN : 0;
	case BGP_A_AS_PATH: return bgp_path_good(value, as4 ? 4 : 2, !k->c->external) ? 0 : BGP_E_AS_PATH;
	/* RFC 6793 6: confederation segments are passed over, the rest must be right */
	case BGP_A_AS4_PATH: return value.n && bgp_path_good(value, 4, true) ? 0 : BGP_E_OPTIONAL;
	/* RFC 7607 2 */
	case BGP_A_AGGREGATOR: return first_number(value, as4 ? 4 : 2) ? 0 : BGP_E_OPTIONAL;
	case BGP_A_AS4_AGGREGATOR: return first_number(value, 4) ? 0 : BGP_E_OPTIONAL;
	default: return 0;
	}
}

/* A good attribute. What depends on others waits for the end of the walk. */
static void keep(struct walk *k, uint8_t type, struct span value)
{
	switch (type) {
	case BGP_A_NEXT_HOP:
		k->next_hop = addr_from(value.p, 4);
		k->u->attrs.has |= bgp_attr_bit(type);
		break;
	case BGP_A_AS4_PATH: k->as4_path = value; break;
	case BGP_A_AS4_AGGREGATOR: k->as4_aggregator = value; break;
	default: bgp_attr_store(&k->u->attrs, type, value); break;
	}
}

/* One that we know, read for the first time in this message. whole: with its header, which RFC 4271 6.3 wants quoted. */
static void on_known(struct walk *k, const struct bgp_attr_rule *rule, uint8_t flags, uint8_t type, struct span value,
                     struct span whole)
{
	struct bgp_update *u = k->u;
	uint8_t sub = 0;

	if (rule->internal && k->c->external) {
		fault(u, BGP_V_DISCARD, type, BGP_E_OPTIONAL, whole);
		return;
	}
	if ((flags & (BGP_F_OPTIONAL | BGP_F_TRANSITIVE)) != rule->flags) /* RFC 7606 3 c */
		sub = BGP_E_FLAGS;
	else if (!length_good(rule, type, value.n, k->c->as4))
		sub = BGP_E_ATTR_LEN;
	else
		sub = value_fault(k, type, value);
	if (sub)
		fault(u, rule->verdict, type, sub, whole);
	/* With wrong flags too: what it withdraws or would announce must go (RFC 7606 5.3). */
	if (type == BGP_A_MP_REACH)
		on_mp_reach(k, value, whole);
	else if (type == BGP_A_MP_UNREACH)
		on_mp_unreach(k, value, whole);
	else if (!sub)
		keep(k, type, value);
	if (!sub && flags & BGP_F_PARTIAL)
		u->attrs.partial |= bgp_attr_bit(type);
}

static void on_attribute(struct walk *k, uint8_t flags, uint8_t type, struct span value, struct span whole)
{
	const struct bgp_attr_rule *rule = bgp_attr_rule(type);
	uint64_t bit = UINT64_C(1) << type % 64;
	bool again = k->seen[type / 64] & bit;

	k->seen[type / 64] |= bit;
	k->n++;
	if (again) {
		/* RFC 7606 3 g: all but the first are ignored; MP_REACH and MP_UNREACH are not for guessing */
		if (type == BGP_A_MP_REACH || type == BGP_A_MP_UNREACH)
			fault(k->u, BGP_V_RESET, type, BGP_E_ATTR_LIST, SPAN(NULL, 0));
		return;
	}
	if (rule->flags)
		on_known(k, rule, flags, type, value, whole);
	else if (!(flags & BGP_F_OPTIONAL)) /* RFC 4271 6.3 */
		fault(k->u, BGP_V_RESET, type, BGP_E_WELL_KNOWN, whole);
	else if (flags & BGP_F_TRANSITIVE)
		k->u->attrs.unknown = true;
}

/* RFC 7606 4: what runs over the total length, or is too short for a header, spoils the message, not the session; unless
 * it is the one that has prefixes. */
static void on_overrun(struct walk *k, struct span whole)
{
	struct rd r = rd_init(whole.p, whole.n);
	uint8_t type = 0, sub = BGP_E_ATTR_LIST;

	rd_skip(&r, 1);
	uint8_t t = rd_u8(&r);
	if (rd_ok(&r)) {
		type = t;
		sub = BGP_E_ATTR_LEN;
	}
	bool mp = type == BGP_A_MP_REACH || type == BGP_A_MP_UNREACH;
	k->n++;
	fault(k->u, mp ? BGP_V_RESET : BGP_V_WITHDRAW, type, mp ? BGP_E_OPTIONAL : sub, whole);
}

static void walk_attributes(struct walk *k, struct rd attrs)
{
	while (k->u->verdict != BGP_V_RESET) {
		struct rd before = attrs;
		uint8_t flags, type;
		struct span value;
		if (!bgp_attr_next(&attrs, &flags, &type, &value)) {
			if (!rd_ok(&attrs))
				on_overrun(k, SPAN(before.p, rd_left(&before)));
			return;
		}
		on_attribute(k, flags, type, value, SPAN(before.p, rd_left(&before) - rd_left(&attrs)));
	}
}

/* --- What depends on more than one attribute --- */
/* RFC 6793 4.2.3: what a speaker of two-octet numbers has passed on beside them. */
static void join_as4(struct walk *k)
{
	struct bgp_attrs *a = &k->u->attrs;
	bool aggregated = a->has & bgp_attr_bit(BGP_A_AGGREGATOR);
	size_t n;

	if (aggregated && k->as4_aggregator.n && a->aggregator_as != BGP_AS_TRANS) {
		k->as4_path = SPAN(NULL, 0); /* somebody aggregated who knew of neither */
	} else if (aggregated && k->as4_aggregator.n) {
		struct rd r = rd_init(k->as4_aggregator.p, k->as4_aggregator.n);
		a->aggregator_as = rd_u32(&r);
		a->aggregator_id = rd_u32(&r);
	}
	if (!(a->has & bgp_attr_bit(BGP_A_AS_PATH)))
		return;
	if (!bgp_path_widen(a->as_path, k->as4_path, k->u->scratch, sizeof k->u->scratch, &n)) {
		fault(k->u, BGP_V_WITHDRAW, BGP_A_AS_PATH, BGP_E_AS_PATH, SPAN(NULL, 0));
		n = 0;
	}
	a->as_path = SPAN(k->u->scratch, n);
}

/* RFC 4271 6.3 and 7606 3 d, whatever the flags said. LOCAL_PREF is mandatory between internal peers (RFC 4271 5.1.5). */
static void check_mandatory(struct walk *k, bool v4)
{
	static const uint8_t wanted[] = {BGP_A_ORIGIN, BGP_A_AS_PATH, BGP_A_LOCAL_PREF, BGP_A_NEXT_HOP};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if ((wanted[i] == BGP_A_LOCAL_PREF && k->c->external) || (wanted[i] == BGP_A_NEXT_HOP && !v4))
			continue;
		if (!(k->seen[0] & bgp_attr_bit(wanted[i])))
			fault(k->u, BGP_V_WITHDRAW, wanted[i], BGP_E_MISSING, SPAN(&wanted[i], 1));
	}
}

static void check_next_hops(struct walk *k, bool v4)
{
	struct bgp_update *u = k->u;

	u->next_hop[0] = k->next_hop;
	/* RFC 4271 6.3; RFC 4760 3: beside MP_REACH alone NEXT_HOP is ignored */
	if (v4 && u->attrs.has & bgp_attr_bit(BGP_A_NEXT_HOP) && bgp_next_hop_martian(&k->next_hop))
		fault(u, BGP_V_WITHDRAW, BGP_A_NEXT_HOP, BGP_E_NEXT_HOP, SPAN(NULL, 0));
	if (k->mp_reach && u->reach[1].octets.n && bgp_next_hop_martian(&u->next_hop[1]))
		fault(u, BGP_V_WITHDRAW, BGP_A_MP_REACH, BGP_E_NEXT_HOP, SPAN(NULL, 0));
	unsigned of = v4 || !k->mp_reach ? 0 : 1;
	u->attrs.next_hop = u->next_hop[of];
	u->attrs.next_hop_ll = u->next_hop_ll[of];
}

/* RFC 4724 2: an UPDATE without anything, or with nothing but an empty MP_UNREACH. */
static int8_t end_of_rib(const struct walk *k, struct span body)
{
	const struct bgp_update *u = k->u;

	if (u->verdict != BGP_V_OK)
		return -1;
	if (body.n == 4)
		return k->c->mp[BGP_V4] ? BGP_V4 : -1;
	bool empty = k->n == 1 && !u->withdrawn[0].octets.n && !u->reach[0].octets.n && !u->withdrawn[1].octets.n;
	return empty && u->attrs.has & bgp_attr_bit(BGP_A_MP_UNREACH) ? (int8_t)u->withdrawn[1].af : -1;
}

static void finish(struct walk *k, struct span body)
{
	struct bgp_update *u = k->u;
	bool v4 = u->reach[0].octets.n;

	if (!k->c->as4)
		join_as4(k);
	u->attrs.as_set = bgp_as_path_has_set(u->attrs.as_path);
	if (v4 || k->mp_reach)
		check_mandatory(k, v4);
	check_next_hops(k, v4);
	if (!k->c->mp[BGP_V4])
		u->withdrawn[0].octets = u->reach[0].octets = SPAN(NULL, 0);
	u->eor = end_of_rib(k, body);
}

static void clear(struct bgp_update *u) { memset(u, 0, offsetof(struct bgp_update, scratch)); }

static void give_up(struct bgp_update *u, uint8_t sub)
{
	fault(u, BGP_V_RESET, 0, sub, SPAN(NULL, 0));
}

void bgp_update_decode(struct span body, const struct bgp_coding *c, struct bgp_update *u)
{
	struct rd r = rd_init(body.p, body.n);
	struct walk k = {.c = c, .u = u};

	clear(u);
	u->eor = -1;
	size_t n = rd_u16(&r);
	u->withdrawn[0] = (struct bgp_nlri){BGP_V4, c->addpath_rx[BGP_V4], SPAN(rd_take(&r, n), n)};
	n = rd_u16(&r);
	struct rd attrs = rd_sub(&r, n);
	u->attrs.raw = SPAN(attrs.p, rd_left(&attrs));
	u->reach[0] = (struct bgp_nlri){BGP_V4, c->addpath_rx[BGP_V4], SPAN(r.p, rd_left(&r))};
	if (!rd_ok(&r))
		give_up(u, BGP_E_ATTR_LIST); /* RFC 4271 6.3 */
	else if (!bgp_nlri_good(&u->withdrawn[0]) || !bgp_nlri_good(&u->reach[0]))
		give_up(u, BGP_E_NETWORK);
	walk_attributes(&k, attrs);
	if (u->verdict != BGP_V_RESET)
		finish(&k, body);
}
