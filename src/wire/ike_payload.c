/* The bodies of the payloads other than SA: octets to views (RFC 7296 3.4-3.13, RFC 7383 2.5).
 *
 * Called by ike/ with a body out of struct ike_payloads. A view borrows from that body. RESERVED octets
 * are ignored (RFC 7296 2.5). Encoders are in ike_encode.c. */
#include "wire/layout.h"
#include "wire/wire.h"

/* What is left of the cursor. */
static struct span rest(struct rd *r)
{
	size_t n = rd_left(r);
	return SPAN(rd_take(r, n), n);
}

enum wire_err ike_ke_decode(struct span body, struct ike_ke *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->group = rd_u16(&r);
	rd_skip(&r, 2);
	out->data = rest(&r);
	return out->data.n ? WIRE_OK : WIRE_SHORT;
}

/* The types of RFC 7296 3.5 in which an identity can be sent, with the length that the type fixes. */
static enum wire_err id_check(uint8_t type, size_t n)
{
	switch (type) {
	case ID_ANY: return WIRE_SYNTAX; /* reserved on the wire; for us it would match everybody */
	case ID_IPV4_ADDR: return n == 4 ? WIRE_OK : WIRE_SYNTAX;
	case ID_IPV6_ADDR: return n == 16 ? WIRE_OK : WIRE_SYNTAX;
	case ID_FQDN:
	case ID_RFC822_ADDR:
	case ID_DER_ASN1_DN:
	case ID_DER_ASN1_GN:
	case ID_KEY_ID: return WIRE_OK;
	default: return WIRE_UNKNOWN;
	}
}

enum wire_err ike_id_decode(struct span body, struct ike_id *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->type = rd_u8(&r);
	rd_skip(&r, 3); /* part of `whole`: RFC 7296 2.15 puts the RESERVED octets under the MAC as received */
	out->data = rest(&r);
	out->whole = body;
	return rd_ok(&r) ? id_check(out->type, out->data.n) : WIRE_SHORT;
}

enum wire_err ike_auth_decode(struct span body, struct ike_auth *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->method = rd_u8(&r);
	rd_skip(&r, 3);
	out->data = rest(&r);
	return out->data.n ? WIRE_OK : WIRE_SHORT;
}

enum wire_err ike_nonce_decode(struct span body, struct span *out)
{
	*out = body;
	return body.n >= IKE_NONCE_MIN && body.n <= IKE_NONCE_MAX ? WIRE_OK : WIRE_SYNTAX;
}

enum wire_err ike_notify_decode(struct span body, struct ike_notify *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->proto = rd_u8(&r);
	uint8_t spi_size = rd_u8(&r);
	out->type = rd_u16(&r);
	out->spi = SPAN(rd_take(&r, spi_size), spi_size);
	out->data = rest(&r);
	if (!rd_ok(&r))
		return WIRE_SHORT;
	if (spi_size == 0) /* RFC 7296 3.10: without an SPI the protocol must be ignored */
		out->proto = PROTO_NONE;
	if ((out->proto == PROTO_ESP || out->proto == PROTO_AH) && spi_size != 4)
		return WIRE_SYNTAX;
	return WIRE_OK;
}

enum wire_err ike_delete_decode(struct span body, struct ike_delete *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->proto = rd_u8(&r);
	uint8_t spi_size = rd_u8(&r);
	out->n = rd_u16(&r);
	size_t len = (size_t)spi_size * out->n;
	out->spis = SPAN(rd_take(&r, len), len);
	if (!rd_ok(&r))
		return WIRE_SHORT;
	if (!rd_done(&r))
		return WIRE_SYNTAX;
	switch (out->proto) {
	case PROTO_IKE:
		/* RFC 7296 3.11: the header has the SPI; a count of SPIs without octets says nothing */
		out->n = 0;
		return spi_size == 0 ? WIRE_OK : WIRE_SYNTAX;
	case PROTO_AH:
	case PROTO_ESP: return spi_size == 4 ? WIRE_OK : WIRE_SYNTAX;
	default: return WIRE_UNKNOWN;
	}
}

uint32_t ike_delete_spi(const struct ike_delete *d, uint16_t i)
{
	struct rd r = rd_init(d->spis.p, d->spis.n);

	rd_skip(&r, (size_t)i * 4);
	return rd_u32(&r);
}

/* RFC 7296 3.13.1: start 65535 with end 0 is OPAQUE, the one pair that runs backwards. */
static bool is_port_range(uint16_t lo, uint16_t hi) { return lo <= hi || (lo == 65535 && hi == 0); }

/* One selector behind its type, protocol and length. */
static enum wire_err ts_decode_one(struct rd *r, size_t addr_octets, struct ike_ts *ts)
{
	ts->port_lo = rd_u16(r);
	ts->port_hi = rd_u16(r);
	const uint8_t *lo = rd_take(r, addr_octets);
	const uint8_t *hi = rd_take(r, addr_octets);
	if (!rd_done(r)) /* the type fixes the length: 16 or 40 */
		return WIRE_SYNTAX;
	ts->lo = addr_from(lo, addr_octets);
	ts->hi = addr_from(hi, addr_octets);
	return is_port_range(ts->port_lo, ts->port_hi) && addr_cmp(&ts->lo, &ts->hi) <= 0 ? WIRE_OK : WIRE_SYNTAX;
}

enum wire_err ike_ts_decode(struct span body, struct ike_ts_list *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->n = 0;
	uint8_t count = rd_u8(&r);
	rd_skip(&r, 3);
	if (!rd_ok(&r))
		return WIRE_SHORT;
	if (count == 0) /* RFC 7296 3.13: one or more selectors */
		return WIRE_SYNTAX;
	for (uint8_t i = 0; i < count; i++) {
		struct ike_ts ts = {0};
		uint8_t type = rd_u8(&r);
		ts.proto = rd_u8(&r);
		uint16_t len = rd_u16(&r);
		if (!rd_ok(&r) || len < 4)
			return WIRE_SHORT;
		struct rd sub = rd_sub(&r, len - 4u);
		if (!rd_ok(&r))
			return WIRE_SHORT;
		if (type != TS_IPV4_ADDR_RANGE && type != TS_IPV6_ADDR_RANGE)
			continue;
		enum wire_err err = ts_decode_one(&sub, type == TS_IPV4_ADDR_RANGE ? 4 : 16, &ts);
		if (err)
			return err;
		if (out->n < IKE_TS_MAX)
			out->v[out->n++] = ts;
	}
	return rd_done(&r) ? WIRE_OK : WIRE_SYNTAX;
}

enum wire_err ike_skf_decode(struct span body, struct ike_skf *out)
{
	struct rd r = rd_init(body.p, body.n);

	out->number = rd_u16(&r);
	out->total = rd_u16(&r);
	if (!rd_ok(&r))
		return WIRE_SHORT;
	/* RFC 7383 2.5: both count from 1 */
	return out->number && out->number <= out->total ? WIRE_OK : WIRE_SYNTAX;
}

enum wire_err ike_sk_unpad(const uint8_t *data, size_t data_len, size_t *plain_len)
{
	struct rd r = rd_init(data, data_len);

	*plain_len = 0;
	if (data_len == 0)
		return WIRE_SHORT;
	rd_skip(&r, data_len - 1);
	size_t pad = rd_u8(&r);
	if (pad > data_len - 1)
		return WIRE_SYNTAX;
	/* RFC 7296 3.14: any padding contents are accepted */
	*plain_len = data_len - 1 - pad;
	return WIRE_OK;
}
