/* Telling a sender that its packet is too long: "fragmentation needed" (RFC 792, RFC 1191 4), "packet too big" (RFC 4443 3.2). */
#include "esp/offload.h"

enum {
	ICMP_HDR = 8,
	ICMP_UNREACHABLE = 3, ICMP_FRAGMENTATION_NEEDED = 4, ICMP6_TOO_BIG = 2,
	IP4_DF = 0x4000,
	TTL = 64,
	/* RFC 1812 4.3.2.3: as much as fits in 576 octets; RFC 4443 3.2: in the least MTU of IPv6 */
	MOST4 = 576, MOST6 = 1280,
};

/* RFC 1122 3.2.2: errors are about one host's packets only. */
static bool one_host4(const uint8_t *a) { return a[0] != 0 && a[0] != 127 && a[0] < 224; }
static bool one_host6(const uint8_t *a)
{
	static const uint8_t none[15];
	return a[0] != 0xff && (memcmp(a, none, sizeof none) != 0 || a[15] > 1);
}

/* RFC 1122 3.2.2: never about an error. A type that nobody knows may be one. */
static bool error4(uint8_t type)
{
	static const uint8_t ask[] = {0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43};
	return memchr(ask, type, sizeof ask) == NULL;
}

static bool may_answer(const uint8_t *p, size_t n, const struct l4 *in)
{
	if (in->later)
		return false;
	if (in->v4) {
		if (!(be16(p + 6) & IP4_DF) || !one_host4(p + 12) || p[16] >= 224)
			return false;
		return in->proto != IP_ICMP || (in->at < n && !error4(p[in->at]));
	}
	/* RFC 4443 2.4 (e.3): multicast is answered here, so that its senders find the path's MTU too */
	return one_host6(p + 8) && (in->proto != IP_ICMP6 || (in->at < n && p[in->at] >= 128));
}

static size_t answer4(uint8_t *out, const uint8_t *packet, size_t n, uint32_t mtu, const uint8_t *from)
{
	struct wr w = wr_init(out, MOST4);

	wr_u8(&w, 0x45);
	wr_u8(&w, (packet[1] & 0x1e) | 0xc0); /* RFC 1812 4.3.2.5: its TOS, precedence "internetwork control" */
	wr_u16(&w, (unsigned)min_z(n + IP4_HDR + ICMP_HDR, MOST4));
	wr_u16(&w, 0);
	wr_u16(&w, IP4_DF); /* RFC 6864 4.1: so it needs no ID */
	wr_u8(&w, TTL);
	wr_u8(&w, IP_ICMP);
	wr_u16(&w, 0);
	wr_bytes(&w, from, 4);
	wr_bytes(&w, packet + 12, 4);
	wr_put_u16(&w, 10, csum_end(csum_add(0, out, IP4_HDR)));

	wr_u8(&w, ICMP_UNREACHABLE);
	wr_u8(&w, ICMP_FRAGMENTATION_NEEDED);
	wr_u32(&w, 0); /* checksum, and two octets without meaning */
	wr_u16(&w, (unsigned)min_z(mtu, 0xffff));
	wr_bytes(&w, packet, min_z(n, MOST4 - IP4_HDR - ICMP_HDR));
	wr_put_u16(&w, IP4_HDR + 2, csum_end(csum_add(0, out + IP4_HDR, w.len - IP4_HDR)));
	return wr_ok(&w) ? w.len : 0;
}

static size_t answer6(uint8_t *out, const uint8_t *packet, size_t n, uint32_t mtu, const uint8_t *from)
{
	struct wr w = wr_init(out, MOST6);
	size_t len = min_z(n + ICMP_HDR, MOST6 - IP6_HDR);

	wr_u32(&w, 0x60000000);
	wr_u16(&w, (unsigned)len);
	wr_u8(&w, IP_ICMP6);
	wr_u8(&w, TTL);
	wr_bytes(&w, from, 16);
	wr_bytes(&w, packet + 8, 16);

	wr_u8(&w, ICMP6_TOO_BIG);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	wr_u32(&w, (uint32_t)max_z(mtu, MOST6));
	wr_bytes(&w, packet, len - ICMP_HDR);
	/* RFC 8200 8.1 */
	uint32_t sum = csum_add((uint32_t)len + IP_ICMP6, out + 8, w.len - 8);
	wr_put_u16(&w, IP6_HDR + 2, csum_end(sum));
	return wr_ok(&w) ? w.len : 0;
}

size_t esp_icmp_too_big(uint8_t out[ESP_ICMP_MAX], const uint8_t *packet, size_t n, uint32_t mtu, const struct addr *from)
{
	struct l4 in;

	if (!l4_find(packet, n, &in) || !may_answer(packet, in.total, &in))
		return 0;
	uint8_t family = in.v4 ? AF_V4 : AF_V6;
	const uint8_t *own = from && from->family == family ? from->b : packet + (in.v4 ? 16 : 24);
	/* RFC 1122 3.2.1.3, RFC 4291 2.7: nobody is a group */
	if (in.v4 ? !one_host4(own) : !one_host6(own))
		return 0;
	return in.v4 ? answer4(out, packet, in.total, mtu, own) : answer6(out, packet, in.total, mtu, own);
}
