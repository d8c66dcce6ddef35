/* Runs of prefixes in BGP UPDATEs (RFC 4271 4.3, 4760 5, 7911 3): walked a million times over, so without a detour. */
#include "wire/bgp_int.h"

#include <string.h>

/* Octets of a prefix of this length. */
static size_t octets_of(uint8_t len) { return (len + 7u) / 8u; }

bool bgp_nlri_good(const struct bgp_nlri *n)
{
	struct rd r = rd_init(n->octets.p, n->octets.n);
	uint8_t max = n->af == BGP_V4 ? 32 : 128;

	while (rd_left(&r)) {
		if (n->addpath)
			rd_skip(&r, 4);
		uint8_t len = rd_u8(&r);
		if (len > max)
			return false;
		rd_skip(&r, octets_of(len));
	}
	return rd_ok(&r);
}

/* RFC 4271 4.3: trailing bits are irrelevant. All four octets in one store: who reads them next reads at once. */
static inline void put_v4(uint8_t *out, uint32_t a, uint8_t len)
{
	a &= len ? UINT32_MAX << (32 - len) : 0;
	a = __builtin_bswap32(a);
	memcpy(out, &a, sizeof a);
}

static uint32_t v4_of(const uint8_t *p, size_t octets)
{
	uint32_t a = 0;
	for (size_t i = 0; i < octets; i++)
		a |= (uint32_t)p[i] << (24 - 8 * i);
	return a;
}

/* What nearly all runs consist of: an IPv4 prefix without a number, and octets enough behind its length that they need not be counted.
 * False: it is another. */
static inline bool next_v4(struct bgp_nlri *n, struct prefix *out)
{
	struct rd r = rd_init(n->octets.p, n->octets.n);
	uint8_t len = rd_u8(&r);
	uint32_t a = rd_u32(&r);

	if (!rd_ok(&r) || len > 32)
		return false;
	*out = (struct prefix){.len = len, .addr.family = AF_V4};
	put_v4(out->addr.b, a, len);
	n->octets = span_behind(n->octets, 1 + octets_of(len));
	return true;
}

static inline void put_v6(uint8_t *out, const uint8_t *p, size_t octets, uint8_t len)
{
	for (size_t i = 0; i < octets; i++)
		out[i] = p[i];
	if (len % 8)
		out[octets - 1] &= (uint8_t)(0xff << (8 - len % 8));
}

bool bgp_nlri_next(struct bgp_nlri *n, struct prefix *out, uint32_t *path_id)
{
	*path_id = 0;
	if (n->af == BGP_V4 && !n->addpath && next_v4(n, out))
		return true;
	struct rd r = rd_init(n->octets.p, n->octets.n);
	*path_id = n->addpath ? rd_u32(&r) : 0;
	uint8_t len = rd_u8(&r);
	size_t octets = octets_of(len);
	const uint8_t *p = rd_take(&r, octets);
	if (!p || octets > (n->af == BGP_V4 ? 4 : 16)) {
		n->octets = SPAN(NULL, 0); /* the end, or octets that nobody looked through */
		return false;
	}
	out->len = len;
	out->addr = (struct addr){.family = n->af == BGP_V4 ? AF_V4 : AF_V6};
	if (n->af == BGP_V4)
		put_v4(out->addr.b, v4_of(p, octets), len);
	else
		put_v6(out->addr.b, p, octets, len);
	n->octets = SPAN(r.p, rd_left(&r));
	return true;
}

size_t bgp_nlri_count(struct bgp_nlri n)
{
	struct rd r = rd_init(n.octets.p, n.octets.n);
	size_t count = 0;

	while (rd_left(&r)) {
		if (n.addpath)
			rd_skip(&r, 4);
		rd_skip(&r, octets_of(rd_u8(&r)));
		count += rd_ok(&r);
	}
	return count;
}

void bgp_nlri_put(struct wr *w, const struct prefix *p, bool addpath, uint32_t path_id)
{
	size_t octets = octets_of(p->len);

	if (BUG(octets > addr_len(&p->addr))) {
		wr_fail(w);
		return;
	}
	if (addpath)
		wr_u32(w, path_id);
	uint8_t *to = wr_room(w, 1 + octets);
	if (!to)
		return;
	to[0] = p->len;
	for (size_t i = 0; i < octets; i++)
		to[1 + i] = p->addr.b[i];
	if (p->len % 8) /* RFC 4271 4.3: trailing bits are irrelevant; ours are zero */
		to[octets] &= (uint8_t)(0xff << (8 - p->len % 8));
}
