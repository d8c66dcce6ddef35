/* BGP UPDATE: attributes and prefixes to octets (RFC 4271 4.3, 4760, 6793 4.2.2, 8950). */
#include "wire/bgp_int.h"

/* The part of a canonical run before the first type above `last`. */
static size_t octets_up_to(struct span canon, uint8_t last)
{
	struct rd r = rd_init(canon.p, canon.n);
	size_t good = 0;
	uint8_t flags, type;
	struct span value;

	while (bgp_attr_next(&r, &flags, &type, &value) && type <= last)
		good = canon.n - rd_left(&r);
	return good;
}

static void put_path2(struct wr *w, struct span path, bool *lost)
{
	/* Its length is known when it is there: twice two octets a segment, two a number. */
	struct rd r = rd_init(path.p, path.n);
	struct bgp_segment_view s;
	size_t n = 0;

	while (bgp_segment_next(&r, 4, &s))
		n += 2u + 2u * s.count;
	wr_u8(w, BGP_F_TRANSITIVE | BGP_F_EXTENDED);
	wr_u8(w, BGP_A_AS_PATH);
	wr_u16(w, (unsigned)n);
	bgp_path_narrow(w, path, lost);
}

static void put_path4(struct wr *w, struct span path)
{
	wr_u8(w, BGP_F_OPTIONAL | BGP_F_TRANSITIVE | BGP_F_EXTENDED);
	wr_u8(w, BGP_A_AS4_PATH);
	size_t at = w->len;
	wr_u16(w, 0);
	bgp_path_plain(w, path);
	wr_put_u16(w, at, w->len - at - 2);
}

static void put_aggregator2(struct wr *w, uint8_t flags, struct span value, bool *lost)
{
	struct rd r = rd_init(value.p, value.n);
	uint8_t octets[6];
	struct wr v = wr_init(octets, sizeof octets);
	uint32_t as = rd_u32(&r);

	*lost = as > UINT16_MAX;
	wr_u16(&v, *lost ? BGP_AS_TRANS : as);
	wr_u32(&v, rd_u32(&r));
	bgp_attr_write(w, flags, BGP_A_AGGREGATOR, octets, sizeof octets);
}

/* For a peer that has two-octet numbers only: what they cannot say goes beside them (RFC 6793 4.2.2). */
static void put_attributes2(struct wr *w, struct span canon, struct span next_hop, size_t *nh_at)
{
	struct rd r = rd_init(canon.p, canon.n);
	struct span path = {0}, aggregator = {0}, value;
	bool path_lost = false, aggregator_lost = false, hopped = next_hop.n == 0, done = false;
	uint8_t flags, type;
	bool more;

	do {
		more = bgp_attr_next(&r, &flags, &type, &value);
		if (!hopped && (!more || type > BGP_A_NEXT_HOP)) {
			bgp_attr_put(w, BGP_A_NEXT_HOP, next_hop.p, next_hop.n);
			*nh_at = w->len - next_hop.n;
			hopped = true;
		}
		if (!done && (!more || type > BGP_A_AS4_AGGREGATOR)) {
			if (path_lost)
				put_path4(w, path);
			if (aggregator_lost)
				bgp_attr_put(w, BGP_A_AS4_AGGREGATOR, aggregator.p, aggregator.n);
			done = true;
		}
		if (!more)
			break;
		if (type == BGP_A_AS_PATH)
			put_path2(w, path = value, &path_lost);
		else if (type == BGP_A_AGGREGATOR)
			put_aggregator2(w, flags, aggregator = value, &aggregator_lost);
		else
			bgp_attr_write(w, flags, type, value.p, value.n);
	} while (more);
}

static void put_attributes(struct wr *w, struct span canon, struct span next_hop, size_t *nh_at)
{
	if (next_hop.n == 0) {
		wr_bytes(w, canon.p, canon.n);
		return;
	}
	size_t before = octets_up_to(canon, BGP_A_NEXT_HOP);
	struct span behind = span_behind(canon, before);
	wr_bytes(w, canon.p, before);
	bgp_attr_put(w, BGP_A_NEXT_HOP, next_hop.p, next_hop.n);
	*nh_at = w->len - next_hop.n;
	wr_bytes(w, behind.p, behind.n);
}

/* An attribute of prefixes is open to the message's end, so it has two octets of length. */
static void open_mp(struct bgp_update_wr *u, uint8_t type, uint8_t af)
{
	wr_u8(u->w, BGP_F_OPTIONAL | BGP_F_EXTENDED);
	wr_u8(u->w, type);
	u->at_mp = u->w->len;
	wr_u16(u->w, 0);
	wr_u16(u->w, bgp_afi(af));
	wr_u8(u->w, BGP_SAFI_UNICAST);
}

static void begin(struct bgp_update_wr *u, struct wr *w, const struct bgp_coding *c)
{
	*u = (struct bgp_update_wr){.w = w, .max = c->max};
	u->start = bgp_msg_begin(w, BGP_UPDATE);
}

void bgp_reach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c, struct span canon,
                     const struct addr *next_hop, const struct addr *next_hop_ll)
{
	bool classic = af == BGP_V4 && next_hop->family == AF_V4;
	struct span hop = SPAN(next_hop->b, addr_len(next_hop)), none = {0};
	size_t nh_at = 0;

	begin(u, w, c);
	wr_u16(w, 0);
	u->at_len = w->len;
	wr_u16(w, 0);
	if (c->as4)
		put_attributes(w, canon, classic ? hop : none, &nh_at);
	else
		put_attributes2(w, canon, classic ? hop : none, &nh_at);
	if (classic) {
		wr_put_u16(w, u->at_len, w->len - u->at_len - 2);
	} else {
		bool both = next_hop_ll && next_hop_ll->family == AF_V6;
		if (BUG(next_hop->family != AF_V6))
			wr_fail(w);
		open_mp(u, BGP_A_MP_REACH, af);
		wr_u8(w, both ? 32 : 16);
		nh_at = w->len;
		wr_bytes(w, hop.p, hop.n);
		if (both)
			wr_bytes(w, next_hop_ll->b, 16);
		u->nh_len = w->len - nh_at;
		wr_u8(w, 0);
	}
	u->nh_len = classic ? hop.n : u->nh_len;
	u->nh_at = nh_at - u->start;
}

void bgp_unreach_begin(struct bgp_update_wr *u, struct wr *w, uint8_t af, const struct bgp_coding *c)
{
	begin(u, w, c);
	u->unreach = true;
	u->at_len = w->len;
	wr_u16(w, 0);
	if (af == BGP_V4) {
		u->tail = 2; /* the total attribute length, behind the withdrawn routes */
		return;
	}
	u->at_len = w->len;
	wr_u16(w, 0);
	open_mp(u, BGP_A_MP_UNREACH, af);
}

void bgp_update_end(struct bgp_update_wr *u)
{
	struct wr *w = u->w;
	size_t inside = w->len - u->at_len - 2;

	if (u->at_mp) {
		wr_put_u16(w, u->at_mp, w->len - u->at_mp - 2);
		wr_put_u16(w, u->at_len, inside);
	} else if (u->unreach) {
		wr_put_u16(w, u->at_len, inside);
		wr_u16(w, 0);
	}
	bgp_msg_end(w, u->start);
	if (w->len - u->start > u->max)
		wr_fail(w);
}

void bgp_eor_encode(struct wr *w, uint8_t af)
{
	const struct bgp_coding c = {.max = BGP_MSG_MAX};
	struct bgp_update_wr u;

	bgp_unreach_begin(&u, w, af, &c);
	bgp_update_end(&u);
}
