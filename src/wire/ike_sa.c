/* The SA payload (RFC 7296 3.3): octets to struct proposals. Its encoder is in ike_encode.c.
 *
 * Called by ike/ for offers and for answers alike, so it judges form only: what may be chosen is
 * negotiation. Its one delicate duty is that leaving out what cannot be used never makes
 * a proposal look more acceptable than it was. */
#include "wire/layout.h"
#include "wire/wire.h"

#include <string.h>

/* Bits by transform type, all unknown types together in bit 0. */
#define TYPE_BIT(type) ((type) >= T_ENCR && (type) <= T_ESN ? 1u << (type) : 1u)

/* Opens the next proposal or transform: "Last Substruc", RESERVED and length in front of it.
 * The length is the truth; a "Last Substruc" that contradicts it is a lie (RFC 7296 3.3.1, 3.3.2). */
static enum wire_err next_sub(struct rd *r, uint8_t more, struct rd *sub)
{
	uint8_t last = rd_u8(r);
	rd_skip(r, 1);
	uint16_t len = rd_u16(r);
	if (!rd_ok(r) || len < 4)
		return WIRE_SHORT;
	*sub = rd_sub(r, len - 4u);
	if (!rd_ok(r))
		return WIRE_SHORT;
	return last == (rd_left(r) ? more : 0) ? WIRE_OK : WIRE_SYNTAX;
}

/* Attributes (3.3.5). An attribute that we do not know, a second key length or one of zero bits leaves the
 * transform unusable: what it asks for is not what an entry without the attribute means. */
static enum wire_err attributes_decode(struct rd *r, struct transform *t, bool *usable)
{
	while (rd_left(r)) {
		uint16_t type = rd_u16(r);
		uint16_t value = rd_u16(r);
		bool tv = (type & ATTR_TV) != 0;
		if (!tv)
			rd_skip(r, value);
		if (!rd_ok(r))
			return WIRE_SHORT;
		if ((type & ~ATTR_TV) != ATTR_KEY_LENGTH) {
			*usable = false;
			continue;
		}
		if (!tv) /* RFC 7296 3.3.5: a fixed-length attribute is never encoded as TLV */
			return WIRE_SYNTAX;
		if (t->key_bits || !value)
			*usable = false;
		t->key_bits = value;
	}
	return rd_ok(r) ? WIRE_OK : WIRE_SHORT;
}

static enum wire_err transform_decode(struct rd *r, struct transform *t, bool *usable)
{
	t->type = rd_u8(r);
	rd_skip(r, 1);
	t->id = rd_u16(r);
	t->key_bits = 0;
	if (!rd_ok(r))
		return WIRE_SHORT;
	*usable = t->type >= T_ENCR && t->type <= T_ESN;
	return attributes_decode(r, t, usable);
}

static bool is_algo(const struct transform *t) { return algo_find(t->type, t->id, t->key_bits) != NULL; }

/* Appends. When the proposal is full, an algorithm that we implement takes the place of the last one
 * that we do not: a long list of others must not hide the ones in common. */
static void keep_transform(struct proposal *p, const struct transform *t)
{
	if (p->n == TRANSFORMS_MAX) {
		if (!is_algo(t))
			return;
		uint8_t at = p->n;
		while (at > 0 && is_algo(&p->t[at - 1]))
			at--;
		if (at == 0)
			return;
		memmove(&p->t[at - 1], &p->t[at], (size_t)(p->n - at) * sizeof p->t[0]);
		p->n--;
	}
	p->t[p->n++] = *t;
}

static bool is_spi_size(uint8_t proto, uint8_t size)
{
	switch (proto) {
	case PROTO_IKE: return size == 0 || size == 8;
	case PROTO_AH:
	case PROTO_ESP: return size == 4;
	default: return true;
	}
}

/* The fields in front of the transforms (3.3.1). */
static enum wire_err proposal_head(struct rd *r, struct proposal *p, uint8_t *count)
{
	p->number = rd_u8(r);
	p->proto = rd_u8(r);
	p->spi_len = rd_u8(r);
	*count = rd_u8(r);
	if (!rd_ok(r))
		return WIRE_SHORT;
	if (!is_spi_size(p->proto, p->spi_len))
		return WIRE_SYNTAX;
	if (p->spi_len == 4)
		p->spi = rd_u32(r);
	else if (p->spi_len == 8)
		p->spi = rd_u64(r);
	else
		rd_skip(r, p->spi_len);
	if (!rd_ok(r))
		return WIRE_SHORT;
	/* RFC 7296 3.1, RFC 4303 2.1: an SPI of zero is never sent */
	bool known = p->proto >= PROTO_IKE && p->proto <= PROTO_ESP;
	return known && p->spi_len && !p->spi ? WIRE_SYNTAX : WIRE_OK;
}

/* One proposal. *usable: false when it must not be looked at by a negotiation. */
static enum wire_err proposal_decode(struct rd *r, struct proposal *p, bool *usable)
{
	uint8_t count = 0;
	unsigned offered = 0, kept = 0;

	memset(p, 0, sizeof *p);
	enum wire_err err = proposal_head(r, p, &count);
	if (err)
		return err;
	for (uint8_t i = 0; i < count; i++) {
		struct rd sub;
		struct transform t;
		bool ok;
		err = next_sub(r, MORE_TRANSFORMS, &sub);
		if (!err)
			err = transform_decode(&sub, &t, &ok);
		if (err)
			return err;
		offered |= TYPE_BIT(t.type);
		if (ok)
			keep_transform(p, &t);
	}
	if (!rd_done(r)) /* more transforms than the count says */
		return WIRE_SYNTAX;
	for (uint8_t i = 0; i < p->n; i++)
		kept |= TYPE_BIT(p->t[i].type);
	/* RFC 7296 3.3.6: a proposal of a protocol that we do not know, with a transform type that we do not know, or
	 * without one usable transform of a type that it offers, is unacceptable as a whole */
	*usable = p->proto >= PROTO_IKE && p->proto <= PROTO_ESP && p->n && offered == kept;
	return WIRE_OK;
}

enum wire_err ike_sa_decode(struct span body, struct proposals *out)
{
	struct rd r = rd_init(body.p, body.n);
	uint8_t number = 0;

	out->n = 0;
	do {
		struct rd sub;
		struct proposal p;
		bool usable = false;
		enum wire_err err = next_sub(&r, MORE_PROPOSALS, &sub);
		if (!err)
			err = proposal_decode(&sub, &p, &usable);
		if (err)
			return err;
		/* RFC 7296 3.3.1: numbered from 1 upwards. The answer to an offer holds one proposal of any
		 * number; a number that comes twice would make the answer ambiguous, a gap does no harm */
		if (p.number <= number)
			return WIRE_SYNTAX;
		number = p.number;
		if (usable && out->n < PROPOSALS_MAX)
			out->p[out->n++] = p;
	} while (rd_left(&r));
	return WIRE_OK;
}
