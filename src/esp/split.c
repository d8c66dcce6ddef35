/* A super-packet of the host -> packets, as a card with TCP or UDP segmentation would send them. What they have in common is summed
 * up once; a packet's payload is copied and summed in one pass. */
#include "esp/offload.h"

enum { HDR_MAX = IP6_HDR + 256 + 60, TCP_SEQ = 4, TCP_FLAGS = 12, TCP_SUM = 16, UDP_LEN = 4, UDP_SUM = 6 };

/* Takes a number away from a sum. */
static uint32_t without(uint32_t sum, uint16_t v) { return sum + (uint16_t)~v; }

/* RFC 9293 3.1, RFC 768, RFC 8200 8.1, without the length. */
static uint32_t pseudo(const struct esp_split *s, uint8_t proto)
{
	return s->v4 ? csum_add(proto, s->frame + 12, 8) : csum_add(proto, s->frame + 8, 32);
}

/* The frame's transport header: its length. 0: malformed. */
static unsigned l4_len(const struct esp_split *s)
{
	const uint8_t *h = s->frame + s->l4;
	uint32_t left = s->n - s->l4;

	if (!s->tcp)
		return left > UDP_HDR && be16(h + UDP_LEN) == left ? UDP_HDR : 0;
	if (left < TCP_HDR)
		return 0;
	unsigned len = (h[TCP_FLAGS] >> 4) * 4u;
	return len >= TCP_HDR && len < left ? len : 0;
}

/* Sums of what does not differ between packets. A sum that the host began has the pseudo header of the whole frame in it; it is
 * taken as it is, because behind a routing header the address to sum up is not that of the IP header (RFC 8200 8.1). */
static void sums(struct esp_split *s, const struct esp_vnet *v)
{
	const uint8_t *ip = s->frame, *h = s->frame + s->l4;
	unsigned field = s->tcp ? TCP_SUM : UDP_SUM, whole = s->n - s->l4;
	uint32_t seed = v->csum ? without(be16(h + field), (uint16_t)whole) : pseudo(s, s->tcp ? IP_TCP : IP_UDP);

	s->sum_wanted = v->csum || !s->v4 || s->tcp || be16(h + field) != 0; /* RFC 768: zero is none */
	s->sum_l4 = without(csum_add(seed, h, s->hdr - s->l4), be16(h + field));
	if (s->tcp) {
		s->sum_l4 = without(s->sum_l4, be16(h + TCP_SEQ));
		s->sum_l4 = without(s->sum_l4, be16(h + TCP_SEQ + 2));
		s->sum_l4 = without(s->sum_l4, be16(h + TCP_FLAGS));
	} else {
		s->sum_l4 = without(s->sum_l4, be16(h + UDP_LEN));
	}
	if (s->v4) {
		s->sum_ip = csum_add(0, ip, s->l4);
		for (unsigned at = 2; at <= 10; at += at == 2 ? 2 : 6) /* length, ID, checksum */
			s->sum_ip = without(s->sum_ip, be16(ip + at));
	}
}

uint8_t esp_split_begin(struct esp_split *s, const uint8_t *frame, size_t n, const struct esp_vnet *v)
{
	struct l4 in;

	if (v->gso == ESP_GSO_NONE || v->gso > ESP_GSO_UDP || !v->gso_size)
		return ESP_DROP_GSO;
	if (!l4_find(frame, n, &in) || in.total != n)
		return ESP_DROP_INNER;
	*s = (struct esp_split){.frame = frame, .n = (uint32_t)n, .v4 = in.v4, .l4 = in.at, .tcp = v->gso != ESP_GSO_UDP};
	if (in.fragment || in.proto != (s->tcp ? IP_TCP : IP_UDP) || (s->tcp && in.v4 != (v->gso == ESP_GSO_TCP4)))
		return ESP_DROP_GSO;
	unsigned len = l4_len(s);
	if (!len)
		return ESP_DROP_INNER;
	if (in.at + len > HDR_MAX || (v->csum && (v->csum_start != in.at || v->csum_offset != (s->tcp ? TCP_SUM : UDP_SUM))))
		return ESP_DROP_GSO;
	s->hdr = (uint16_t)(in.at + len);
	s->seg = (uint32_t)min_z(v->gso_size, n - s->hdr);
	s->packets = (s->n - s->hdr + s->seg - 1) / s->seg;
	s->most = s->hdr + s->seg;
	sums(s, v);
	return ESP_DROP_N;
}

static void tcp_header(const struct esp_split *s, uint32_t i, uint32_t at, uint32_t sum, uint8_t *h)
{
	const uint8_t *first = s->frame + s->l4;
	uint32_t seq = be32(first + TCP_SEQ) + at;
	unsigned flags = be16(first + TCP_FLAGS);

	if (i > 0)
		flags &= ~(unsigned)TCP_CWR; /* RFC 3168 6.1.2: once */
	if (i + 1 < s->packets)
		flags &= ~(unsigned)(TCP_FIN | TCP_PSH);
	be32_put(h + TCP_SEQ, seq);
	be16_put(h + TCP_FLAGS, (uint16_t)flags);
	be16_put(h + TCP_SUM, csum_end(sum + (seq >> 16) + (seq & 0xffff) + flags));
}

static void udp_header(const struct esp_split *s, uint32_t len, uint32_t sum, uint8_t *h)
{
	uint16_t value = csum_end(sum + len);

	be16_put(h + UDP_LEN, (uint16_t)len);
	/* RFC 768: a sum of zero goes as all ones */
	be16_put(h + UDP_SUM, !s->sum_wanted ? 0 : value ? value : 0xffff);
}

uint32_t esp_split_packet(const struct esp_split *s, uint32_t i, uint8_t *to)
{
	uint32_t at = i * s->seg;

	if (BUG(i >= s->packets))
		return 0;
	uint32_t len = (uint32_t)min_z(s->seg, s->n - s->hdr - at), total = s->hdr + len;
	memcpy(to, s->frame, s->hdr);
	uint32_t sum = csum_copy(s->sum_l4 + total - s->l4, to + s->hdr, s->frame + s->hdr + at, len);
	if (s->v4) {
		uint16_t id = (uint16_t)(be16(s->frame + 4) + i);
		be16_put(to + 2, (uint16_t)total);
		be16_put(to + 4, id);
		be16_put(to + 10, csum_end(s->sum_ip + total + id));
	} else {
		be16_put(to + 4, (uint16_t)(total - IP6_HDR));
	}
	if (s->tcp)
		tcp_header(s, i, at, sum, to + s->l4);
	else
		udp_header(s, total - s->l4, sum, to + s->l4);
	return total;
}

uint8_t esp_sum_complete(uint8_t *frame, size_t n, const struct esp_vnet *v)
{
	size_t field = (size_t)v->csum_start + v->csum_offset;

	if (field + 2 > n)
		return ESP_DROP_GSO;
	/* what the field has is the sum of the pseudo header */
	uint16_t value = csum_end(csum_add(0, frame + v->csum_start, n - v->csum_start));
	be16_put(frame + field, value ? value : 0xffff); /* both mean zero; but in UDP 0 says that there is no checksum */
	return ESP_DROP_N;
}
