/* BGP path attributes: what is fixed about each (RFC 4271 5, 7606 7), one attribute's octets, and the canonical form in
 * which equal routes have equal octets. */
#include "wire/bgp_int.h"

enum { T = BGP_F_TRANSITIVE, O = BGP_F_OPTIONAL, OT = BGP_F_OPTIONAL | BGP_F_TRANSITIVE };

/*                              flags shape        n  verdict         internal canonical */
const struct bgp_attr_rule bgp_attr_rules[64] = {
	[BGP_A_ORIGIN] =            {T, SHAPE_EXACT, 1, BGP_V_WITHDRAW, false, true},
	[BGP_A_AS_PATH] =           {T, SHAPE_FREE, 0, BGP_V_WITHDRAW, false, true},
	[BGP_A_NEXT_HOP] =          {T, SHAPE_EXACT, 4, BGP_V_WITHDRAW, false, false},
	[BGP_A_MED] =               {O, SHAPE_EXACT, 4, BGP_V_WITHDRAW, false, true},
	[BGP_A_LOCAL_PREF] =        {T, SHAPE_EXACT, 4, BGP_V_WITHDRAW, true, true},
	[BGP_A_ATOMIC] =            {T, SHAPE_EXACT, 0, BGP_V_DISCARD, false, true},
	[BGP_A_AGGREGATOR] =        {OT, SHAPE_EXACT, 8, BGP_V_DISCARD, false, true}, /* 6 from a peer without AS4 */
	[BGP_A_COMMUNITIES] =       {OT, SHAPE_LIST, 4, BGP_V_WITHDRAW, false, true},
	[BGP_A_ORIGINATOR_ID] =     {O, SHAPE_EXACT, 4, BGP_V_WITHDRAW, true, true},
	[BGP_A_CLUSTER_LIST] =      {O, SHAPE_LIST, 4, BGP_V_WITHDRAW, true, true},
	[BGP_A_MP_REACH] =          {O, SHAPE_FREE, 0, BGP_V_WITHDRAW, false, false},
	[BGP_A_MP_UNREACH] =        {O, SHAPE_FREE, 0, BGP_V_WITHDRAW, false, false},
	[BGP_A_EXT_COMMUNITIES] =   {OT, SHAPE_LIST, 8, BGP_V_WITHDRAW, false, true},
	[BGP_A_AS4_PATH] =          {OT, SHAPE_FREE, 0, BGP_V_DISCARD, false, false},
	[BGP_A_AS4_AGGREGATOR] =    {OT, SHAPE_EXACT, 8, BGP_V_DISCARD, false, false},
	[BGP_A_V6_EXT_COMMUNITIES] = {OT, SHAPE_LIST, 20, BGP_V_WITHDRAW, false, true},
	[BGP_A_LARGE_COMMUNITIES] = {OT, SHAPE_LIST, 12, BGP_V_WITHDRAW, false, true},
	[BGP_A_OTC] =               {OT, SHAPE_EXACT, 4, BGP_V_WITHDRAW, false, true},
};

bool bgp_attr_next(struct rd *r, uint8_t *flags, uint8_t *type, struct span *value)
{
	if (!rd_left(r))
		return false;
	*flags = rd_u8(r);
	*type = rd_u8(r);
	size_t n = *flags & BGP_F_EXTENDED ? rd_u16(r) : rd_u8(r);
	*value = SPAN(rd_take(r, n), n);
	return rd_ok(r);
}

void bgp_attr_write(struct wr *w, uint8_t flags, uint8_t type, const void *value, size_t n)
{
	bool extended = n > 255;

	wr_u8(w, (flags & (unsigned)~BGP_F_EXTENDED & 0xf0) | (extended ? BGP_F_EXTENDED : 0u));
	wr_u8(w, type);
	if (extended)
		wr_u16(w, (unsigned)min_z(n, UINT16_MAX + 1u)); /* too long fails the writer */
	else
		wr_u8(w, (unsigned)n);
	wr_bytes(w, value, n);
}

void bgp_attr_put(struct wr *w, uint8_t type, const void *value, size_t n)
{
	uint8_t flags = bgp_attr_rule(type)->flags;
	/* RFC 4271 5: one that we do not know goes on with the Partial bit */
	bgp_attr_write(w, flags ? flags : OT | BGP_F_PARTIAL, type, value, n);
}

void bgp_attr_put_u32(struct wr *w, uint8_t type, uint32_t v)
{
	uint8_t octets[4];
	struct wr number = wr_init(octets, sizeof octets);

	wr_u32(&number, v);
	bgp_attr_put(w, type, octets, sizeof octets);
}

static uint32_t u32_of(struct span s)
{
	struct rd r = rd_init(s.p, s.n);
	return rd_u32(&r);
}

void bgp_attr_store(struct bgp_attrs *a, uint8_t type, struct span value)
{
	struct rd r = rd_init(value.p, value.n);

	a->has |= bgp_attr_bit(type);
	switch (type) {
	case BGP_A_ORIGIN: a->origin = rd_u8(&r); break;
	case BGP_A_AS_PATH: a->as_path = value; break;
	case BGP_A_MED: a->med = rd_u32(&r); break;
	case BGP_A_LOCAL_PREF: a->local_pref = rd_u32(&r); break;
	case BGP_A_AGGREGATOR:
		a->aggregator_as = value.n == 6 ? rd_u16(&r) : rd_u32(&r);
		a->aggregator_id = rd_u32(&r);
		break;
	case BGP_A_COMMUNITIES: a->communities = value; break;
	case BGP_A_ORIGINATOR_ID: a->originator_id = rd_u32(&r); break;
	case BGP_A_CLUSTER_LIST: a->cluster_list = value; break;
	case BGP_A_EXT_COMMUNITIES: a->ext_communities = value; break;
	case BGP_A_V6_EXT_COMMUNITIES: a->v6_ext_communities = value; break;
	case BGP_A_LARGE_COMMUNITIES: a->large_communities = value; break;
	case BGP_A_OTC: a->otc = u32_of(value); break;
	default: break;
	}
}

/* --- Canonical form --- */
static void put_u32(struct wr *w, uint8_t flags, uint8_t type, uint32_t v)
{
	uint8_t octets[4];
	struct wr number = wr_init(octets, sizeof octets);

	wr_u32(&number, v);
	bgp_attr_write(w, flags, type, octets, sizeof octets);
}

static void put_span(struct wr *w, uint8_t flags, uint8_t type, struct span s)
{
	bgp_attr_write(w, flags, type, s.p, s.n);
}

static void put_aggregator(struct wr *w, uint8_t flags, const struct bgp_attrs *a)
{
	uint8_t octets[8];
	struct wr v = wr_init(octets, sizeof octets);

	wr_u32(&v, a->aggregator_as);
	wr_u32(&v, a->aggregator_id);
	bgp_attr_write(w, flags, BGP_A_AGGREGATOR, octets, sizeof octets);
}

static void put_known(struct wr *w, const struct bgp_attrs *a, uint8_t type)
{
	uint8_t flags = bgp_attr_rules[type].flags;

	if (flags & BGP_F_TRANSITIVE && flags & BGP_F_OPTIONAL && a->partial & bgp_attr_bit(type))
		flags |= BGP_F_PARTIAL;
	switch (type) {
	case BGP_A_ORIGIN: bgp_attr_write(w, flags, type, &a->origin, 1); break;
	case BGP_A_AS_PATH: put_span(w, flags, type, a->as_path); break;
	case BGP_A_MED: put_u32(w, flags, type, a->med); break;
	case BGP_A_LOCAL_PREF: put_u32(w, flags, type, a->local_pref); break;
	case BGP_A_ATOMIC: bgp_attr_write(w, flags, type, NULL, 0); break;
	case BGP_A_AGGREGATOR: put_aggregator(w, flags, a); break;
	case BGP_A_COMMUNITIES: put_span(w, flags, type, a->communities); break;
	case BGP_A_ORIGINATOR_ID: put_u32(w, flags, type, a->originator_id); break;
	case BGP_A_CLUSTER_LIST: put_span(w, flags, type, a->cluster_list); break;
	case BGP_A_EXT_COMMUNITIES: put_span(w, flags, type, a->ext_communities); break;
	case BGP_A_V6_EXT_COMMUNITIES: put_span(w, flags, type, a->v6_ext_communities); break;
	case BGP_A_LARGE_COMMUNITIES: put_span(w, flags, type, a->large_communities); break;
	case BGP_A_OTC: put_u32(w, flags, type, a->otc); break;
	default: break;
	}
}

/* Where in raw each type's first unknown transitive attribute has its value; types ascend whatever the order of raw. */
struct unknown_index {
	uint64_t set[4];
	struct span value[256];
};

static bool is_unknown(uint8_t flags, uint8_t type) { return !bgp_attr_rule(type)->flags && flags & BGP_F_TRANSITIVE; }

static void index_unknown(struct unknown_index *ix, struct span raw)
{
	struct rd r = rd_init(raw.p, raw.n);
	uint64_t seen[4] = {0};
	uint8_t flags, type;
	struct span value;

	for (size_t i = 0; i < 4; i++)
		ix->set[i] = 0;
	while (bgp_attr_next(&r, &flags, &type, &value)) {
		uint64_t bit = UINT64_C(1) << type % 64;
		/* RFC 7606 3 g: the first of equal types counts, also when it is not one to keep */
		if (!(seen[type / 64] & bit) && is_unknown(flags, type)) {
			ix->set[type / 64] |= bit;
			ix->value[type] = value;
		}
		seen[type / 64] |= bit;
	}
}

void bgp_attrs_put(struct wr *w, const struct bgp_attrs *a)
{
	struct unknown_index ix;

	if (a->unknown)
		index_unknown(&ix, a->raw);
	for (unsigned word = 0; word < (a->unknown ? 4 : 1); word++) {
		uint64_t known = word == 0 ? a->has : 0, unknown = a->unknown ? ix.set[word] : 0;
		for (uint64_t left = known | unknown; left; left &= left - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(left);
			uint8_t type = (uint8_t)(word * 64 + bit);
			if (unknown >> bit & 1)
				bgp_attr_write(w, OT | BGP_F_PARTIAL, type, ix.value[type].p, ix.value[type].n);
			else if (bgp_attr_rules[type].canonical)
				put_known(w, a, type);
		}
	}
}

void bgp_attrs_canon(struct wr *w, const struct bgp_update *u) { bgp_attrs_put(w, &u->attrs); }

void bgp_attrs_view(struct span canon, struct bgp_attrs *out)
{
	struct rd r = rd_init(canon.p, canon.n);
	uint8_t flags, type;
	struct span value;

	*out = (struct bgp_attrs){.raw = canon};
	while (bgp_attr_next(&r, &flags, &type, &value)) {
		if (!bgp_attr_rule(type)->flags) {
			out->unknown = true;
			continue;
		}
		bgp_attr_store(out, type, value);
		if (flags & BGP_F_PARTIAL)
			out->partial |= bgp_attr_bit(type);
	}
	out->as_set = bgp_as_path_has_set(out->as_path);
	(void)BUG(!rd_ok(&r));
}
