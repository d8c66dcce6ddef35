/* The headers of an inner packet up to its transport header (RFC 791 3.1; RFC 8200 3, 4). */
#include "esp/offload.h"

enum { HDRS_MAX = 8, HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

static bool find4(const uint8_t *p, size_t n, struct l4 *out)
{
	unsigned l4 = (p[0] & 15u) * 4;
	uint16_t frag = be16(p + 6);

	if (l4 < IP4_HDR || l4 > n)
		return false;
	out->v4 = true;
	out->proto = p[9];
	out->at = (uint16_t)l4;
	out->total = be16(p + 2);
	out->later = frag & 0x1fff;
	out->fragment = frag & 0x3fff;
	return out->total >= l4 && out->total <= n;
}

static bool find6(const uint8_t *p, size_t n, struct l4 *out)
{
	size_t at = IP6_HDR;
	uint8_t next = p[6];

	out->total = be16(p + 4) + (uint32_t)IP6_HDR;
	if (out->total > n)
		return false;
	n = out->total;
	for (int i = 0; next == HOP_BY_HOP || next == ROUTING || next == DESTINATION || next == FRAGMENT; i++) {
		if (n - at < 8 || i == HDRS_MAX)
			return false;
		size_t len = next == FRAGMENT ? 8 : (p[at + 1] + 1u) * 8;
		if (n - at < len)
			return false;
		if (next == FRAGMENT) {
			out->later = be16(p + at + 2) & 0xfff8;
			out->fragment = be16(p + at + 2) & 0xfff9; /* RFC 8200 4.5; an "atomic" fragment (RFC 6946) is none */
		}
		next = p[at];
		at += len;
		if (out->later) /* what follows is from the middle of the packet */
			break;
	}
	out->proto = next;
	out->at = (uint16_t)at;
	return true;
}

bool l4_find(const uint8_t *p, size_t n, struct l4 *out)
{
	*out = (struct l4){0};
	if (n >= IP4_HDR && p[0] >> 4 == 4)
		return find4(p, n, out);
	return n >= IP6_HDR && p[0] >> 4 == 6 && find6(p, n, out);
}
