/* The frame of an IKE message: the header and the chain of payloads (RFC 7296 3.1, 3.2).
 *
 * Called by ike/ with a datagram (behind the non-ESP marker, if there was one), and again
 * with the plaintext of an SK payload. What a body means is in ike_payload.c and ike_sa.c;
 * which payloads a message may hold is for ike/'s rules. */
#include "wire/wire.h"

enum { IKE_MAJOR = 2, FLAG_CRITICAL = 0x80 };

enum wire_err ike_hdr_decode(struct span datagram, struct ike_hdr *out)
{
	struct rd r = rd_init(datagram.p, datagram.n);

	out->spi_i = rd_u64(&r);
	out->spi_r = rd_u64(&r);
	out->next = rd_u8(&r);
	uint8_t version = rd_u8(&r);
	out->major = version >> 4;
	out->minor = version & 15;
	out->exchange = rd_u8(&r);
	out->flags = rd_u8(&r);
	out->msg_id = rd_u32(&r);
	out->length = rd_u32(&r);
	if (!rd_ok(&r) || out->length != datagram.n)
		return WIRE_SHORT;
	/* RFC 7296 2.5: a higher major version is answered with INVALID_MAJOR_VERSION, the minor version is ignored */
	if (out->major > IKE_MAJOR)
		return WIRE_VERSION;
	if (out->major < IKE_MAJOR)
		return WIRE_UNKNOWN;
	/* RFC 7296 3.1: the initiator's SPI must not be zero */
	return out->spi_i ? WIRE_OK : WIRE_SYNTAX;
}

static bool is_known(uint8_t type) { return (type >= P_SA && type <= P_EAP) || type == P_SKF; }

/* Appends one payload of a known type. A cap for notifies of their own keeps one message from making the
 * engine look at more of them than any honest peer sends. */
static enum wire_err keep(struct ike_payloads *out, const struct ike_payload *p, unsigned *notifies)
{
	if (p->type == P_N && ++*notifies > IKE_NOTIFIES_MAX)
		return WIRE_TOO_MANY;
	if (out->n == IKE_PAYLOADS_MAX)
		return WIRE_TOO_MANY;
	out->v[out->n++] = *p;
	return WIRE_OK;
}

enum wire_err ike_payloads_decode(uint8_t first, struct span body, struct ike_payloads *out)
{
	struct rd r = rd_init(body.p, body.n);
	unsigned notifies = 0;
	bool ended = false;

	out->n = 0;
	out->sk_next = P_NONE;
	out->unknown_critical = P_NONE;
	for (uint8_t type = first; type != P_NONE && !ended;) {
		uint8_t next = rd_u8(&r);
		uint8_t flags = rd_u8(&r);
		uint16_t len = rd_u16(&r);
		if (!rd_ok(&r) || len < IKE_GENERIC_LEN)
			return WIRE_SHORT;
		struct ike_payload p = {.type = type, .critical = (flags & FLAG_CRITICAL) != 0};
		p.body.n = len - (size_t)IKE_GENERIC_LEN;
		p.body.p = rd_take(&r, p.body.n);
		if (!rd_ok(&r))
			return WIRE_SHORT;
		if (is_known(type)) {
			/* RFC 7296 2.5: the critical bit says nothing about a type that we understand */
			enum wire_err err = keep(out, &p, &notifies);
			if (err)
				return err;
		} else if (p.critical) {
			out->unknown_critical = type;
			return WIRE_CRITICAL;
		}
		/* RFC 7296 3.14, RFC 7383 2.5: last payload; its next field names the first one inside */
		ended = type == P_SK || type == P_SKF;
		if (ended)
			out->sk_next = next;
		type = next;
	}
	return rd_done(&r) ? WIRE_OK : WIRE_SYNTAX;
}

const struct ike_payload *ike_payload_find(const struct ike_payloads *p, uint8_t type)
{
	for (uint8_t i = 0; i < p->n; i++) {
		if (p->v[i].type == type)
			return &p->v[i];
	}
	return NULL;
}
