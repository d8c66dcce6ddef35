/* The headers inside of ESP: GRE (RFC 2784, RFC 2890) and the IP header that it carries, and what they make of the outer IP header
 * or of each other, as Linux's ip_gre does it. */
#include "base/base.h"
#include "esp/esp_int.h"

enum { ECN_MASK = 3, NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3, TOS_INHERIT = 1 };
enum { V4_MIN = 20, V6_LEN = 40, V4_DF = 0x4000 };

uint8_t gre_len(const struct esp_device *d) { return (uint8_t)(4 + (d->csum ? 4 : 0) + (d->key_set ? 4 : 0)); }

void gre_write(const struct esp_device *d, uint8_t version, uint8_t *payload, size_t n)
{
	uint8_t len = gre_len(d), *p = payload - len, *at = p + 4;

	be16_put(p, (uint16_t)((d->csum ? GRE_FLAG_CSUM : 0) | (d->key_set ? GRE_FLAG_KEY : 0)));
	be16_put(p + 2, version == 4 ? ETHERTYPE_V4 : ETHERTYPE_V6);
	if (d->csum) {
		be32_put(at, 0);
		at += 4;
	}
	if (d->key_set)
		be32_put(at, d->key);
	if (d->csum) /* RFC 2784 2.3: over header and payload */
		be16_put(p + 4, csum_end(csum_add(0, p, len + n)));
}

uint8_t gre_read(const uint8_t *p, size_t n, struct gre *out)
{
	struct rd r = rd_init(p, n);
	uint16_t flags = rd_u16(&r);

	out->proto = rd_u16(&r);
	/* RFC 2784 2.2, 2.3.1: routing, source route, recursion and versions other than 0 must be discarded. Of the flags that must be
	 * ignored nobody has a use; who sets one means something that would be misread here. */
	if (flags & ~(GRE_FLAG_CSUM | GRE_FLAG_KEY | GRE_FLAG_SEQ))
		return rd_ok(&r) ? ESP_DROP_GRE_FLAGS : ESP_DROP_SHORT;
	out->csum = flags & GRE_FLAG_CSUM;
	out->key_set = flags & GRE_FLAG_KEY;
	if (out->csum)
		rd_skip(&r, 4);
	out->key = out->key_set ? rd_u32(&r) : 0;
	if (flags & GRE_FLAG_SEQ) /* RFC 2890 2.2: order is not asked for */
		rd_skip(&r, 4);
	if (!rd_ok(&r))
		return ESP_DROP_SHORT;
	out->len = (uint8_t)(n - rd_left(&r));
	if (out->csum && csum_fold(csum_add(0, p, n)) != 0xffff)
		return ESP_DROP_GRE_SUM;
	return out->proto == ETHERTYPE_V4 || out->proto == ETHERTYPE_V6 ? ESP_DROP_N : ESP_DROP_GRE_PROTO;
}

bool inner_read(const uint8_t *p, size_t n, struct inner *out)
{
	if (n >= V4_MIN && p[0] >> 4 == 4) {
		uint32_t header = (p[0] & 15u) * 4;
		*out = (struct inner){.version = 4, .tos = p[1], .ttl = p[8], .df = be16(p + 6) & V4_DF, .n = be16(p + 2)};
		return header >= V4_MIN && out->n >= header && out->n <= n;
	}
	if (n >= V6_LEN && p[0] >> 4 == 6) {
		*out = (struct inner){.version = 6, .tos = (uint8_t)(be16(p) >> 4), .ttl = p[7], .n = V6_LEN + be16(p + 4)};
		return out->n <= n;
	}
	return false;
}

/* Linux's INET_ECN_encapsulate: RFC 3168 9.1.1, full functionality. */
uint8_t outer_tos(const struct esp_device *d, const struct inner *in)
{
	uint8_t tos = d->tos & TOS_INHERIT ? in->tos : d->tos, ecn = in->tos & ECN_MASK;
	return (uint8_t)((tos & ~ECN_MASK) | (ecn == CE ? ECT_0 : ecn));
}

static void v4_set_tos(uint8_t *p, uint8_t tos)
{
	/* RFC 1624 3: ~(~sum + ~old + new) */
	uint32_t sum = (uint16_t)~be16(p + 10) + (uint32_t)(uint16_t)~be16(p);
	p[1] = tos;
	be16_put(p + 10, csum_end(sum + be16(p)));
}

bool ecn_leave(uint8_t *p, const struct inner *in, uint8_t outer)
{
	uint8_t ecn = in->tos & ECN_MASK, to = ecn;

	outer &= ECN_MASK;
	if (ecn == NOT_ECT)
		return outer != CE;
	if (outer == CE)
		to = CE;
	else if (outer == ECT_1 && ecn == ECT_0)
		to = ECT_1;
	if (to == ecn)
		return true;
	uint8_t tos = (uint8_t)((in->tos & ~ECN_MASK) | to);
	if (in->version == 4)
		v4_set_tos(p, tos);
	else
		be16_put(p, (uint16_t)((be16(p) & 0xf00f) | tos << 4));
	return true;
}
