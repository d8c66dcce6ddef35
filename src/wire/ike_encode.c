/* Writing IKE messages (RFC 7296 3.1-3.14, RFC 7383 2.5).
 *
 * Called by ike/. Each payload function writes one whole payload and enters its type where
 * its predecessor announces it; ike_enc_finish or ike_enc_sk_end sets what is only known at the end. A value that
 * the wire cannot carry, or that may not be sent, sets the writer's sticky error: look at wr_ok() once, after the
 * end. RESERVED octets and critical bits are zero (RFC 7296 2.5). */
#include "wire/layout.h"
#include "wire/wire.h"

enum { HDR_NEXT = 16, HDR_LENGTH = 24 };

void ike_enc_begin(struct ike_enc *e, struct wr *w, const struct ike_hdr *h)
{
	*e = (struct ike_enc){.w = w, .start = w->len, .next_at = w->len + HDR_NEXT};
	wr_u64(w, h->spi_i);
	wr_u64(w, h->spi_r);
	wr_u8(w, P_NONE);
	if (h->major > 15 || h->minor > 15)
		wr_fail(w);
	wr_u8(w, ((unsigned)h->major << 4 | h->minor) & 255u);
	wr_u8(w, h->exchange);
	wr_u8(w, h->flags);
	wr_u32(w, h->msg_id);
	wr_u32(w, 0);
}

/* Announces a payload in its predecessor and writes its generic header; the length comes with payload_end. */
static void payload_begin(struct ike_enc *e, uint8_t type)
{
	wr_put_u8(e->w, e->next_at, type);
	e->body_at = e->next_at = e->w->len;
	wr_u8(e->w, P_NONE);
	wr_u8(e->w, 0);
	wr_u16(e->w, 0);
}

static void payload_end(struct ike_enc *e)
{
	wr_put_u16(e->w, e->body_at + 2, e->w->len - e->body_at);
	e->body_at = 0;
}

static void put_span(struct wr *w, struct span s) { wr_bytes(w, s.p, s.n); }

static void put_transform(struct wr *w, const struct transform *t, bool last)
{
	size_t at = w->len;

	wr_u8(w, last ? 0 : MORE_TRANSFORMS);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u8(w, t->type);
	wr_u8(w, 0);
	wr_u16(w, t->id);
	if (t->key_bits) {
		wr_u16(w, ATTR_TV | ATTR_KEY_LENGTH);
		wr_u16(w, t->key_bits);
	}
	wr_put_u16(w, at + 2, w->len - at);
}

static void put_proposal(struct wr *w, const struct proposal *p, unsigned number, bool last)
{
	size_t at = w->len;

	wr_u8(w, last ? 0 : MORE_PROPOSALS);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u8(w, number);
	wr_u8(w, p->proto);
	wr_u8(w, p->spi_len);
	wr_u8(w, p->n);
	if (p->spi_len == 4)
		wr_u32(w, (uint32_t)p->spi);
	else if (p->spi_len == 8)
		wr_u64(w, p->spi);
	if ((p->spi_len == 4 && !(uint32_t)p->spi) || (p->spi_len == 8 && !p->spi))
		wr_fail(w); /* RFC 7296 3.1, RFC 4303 2.1: an SPI of zero is never sent */
	if (p->spi_len != 0 && p->spi_len != 4 && p->spi_len != 8)
		wr_fail(w);
	if (p->n == 0 || p->n > TRANSFORMS_MAX) {
		wr_fail(w);
		return;
	}
	for (uint8_t i = 0; i < p->n; i++)
		put_transform(w, &p->t[i], i + 1 == p->n);
	wr_put_u16(w, at + 2, w->len - at);
}

void ike_enc_sa(struct ike_enc *e, const struct proposals *p)
{
	if (p->n == 0 || p->n > PROPOSALS_MAX) {
		wr_fail(e->w);
		return;
	}
	payload_begin(e, P_SA);
	for (uint8_t i = 0; i < p->n; i++) {
		unsigned number = p->p[i].number ? p->p[i].number : i + 1u;
		put_proposal(e->w, &p->p[i], number, i + 1 == p->n);
	}
	payload_end(e);
}

void ike_enc_ke(struct ike_enc *e, uint16_t group, struct span data)
{
	if (data.n == 0)
		wr_fail(e->w);
	payload_begin(e, P_KE);
	wr_u16(e->w, group);
	wr_u16(e->w, 0);
	put_span(e->w, data);
	payload_end(e);
}

void ike_enc_nonce(struct ike_enc *e, struct span nonce)
{
	if (nonce.n < IKE_NONCE_MIN || nonce.n > IKE_NONCE_MAX)
		wr_fail(e->w);
	payload_begin(e, P_NONCE);
	put_span(e->w, nonce);
	payload_end(e);
}

void ike_enc_id(struct ike_enc *e, uint8_t payload_type, const struct ident *id)
{
	bool pattern = id->type == ID_ANY || id->type == ID_IPV4_ADDR_SUBNET || id->type == ID_IPV6_ADDR_SUBNET;
	if (pattern || id->len > IDENT_MAX)
		wr_fail(e->w);
	payload_begin(e, payload_type);
	wr_u8(e->w, id->type);
	wr_u24(e->w, 0);
	wr_bytes(e->w, id->data, id->len);
	payload_end(e);
}

void ike_enc_auth(struct ike_enc *e, uint8_t method, struct span data)
{
	if (data.n == 0)
		wr_fail(e->w);
	payload_begin(e, P_AUTH);
	wr_u8(e->w, method);
	wr_u24(e->w, 0);
	put_span(e->w, data);
	payload_end(e);
}

void ike_enc_notify(struct ike_enc *e, uint8_t proto, struct span spi, uint16_t type, struct span data)
{
	payload_begin(e, P_N);
	wr_u8(e->w, spi.n ? proto : PROTO_NONE); /* RFC 7296 3.10: zero without an SPI */
	wr_u8(e->w, (unsigned)min_z(spi.n, 256)); /* 256 does not fit: the writer fails */
	wr_u16(e->w, type);
	put_span(e->w, spi);
	put_span(e->w, data);
	payload_end(e);
}

void ike_enc_delete_ike(struct ike_enc *e)
{
	payload_begin(e, P_D);
	wr_u8(e->w, PROTO_IKE);
	wr_u8(e->w, 0);
	wr_u16(e->w, 0);
	payload_end(e);
}

void ike_enc_delete_esp(struct ike_enc *e, const uint32_t *spis, uint16_t n)
{
	payload_begin(e, P_D);
	wr_u8(e->w, PROTO_ESP);
	wr_u8(e->w, 4);
	wr_u16(e->w, n);
	for (uint16_t i = 0; i < n; i++)
		wr_u32(e->w, spis[i]);
	payload_end(e);
}

static void put_ts(struct wr *w, const struct ike_ts *ts)
{
	size_t len = addr_len(&ts->lo);

	if (len == 0 || ts->lo.family != ts->hi.family)
		wr_fail(w);
	wr_u8(w, len == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
	wr_u8(w, ts->proto);
	wr_u16(w, (unsigned)(8 + 2 * len)); /* RFC 7296 3.13.1: the selector with its own header */
	wr_u16(w, ts->port_lo);
	wr_u16(w, ts->port_hi);
	wr_bytes(w, ts->lo.b, len);
	wr_bytes(w, ts->hi.b, len);
}

void ike_enc_ts(struct ike_enc *e, uint8_t payload_type, const struct ike_ts_list *ts)
{
	if (ts->n == 0 || ts->n > IKE_TS_MAX) {
		wr_fail(e->w);
		return;
	}
	payload_begin(e, payload_type);
	wr_u8(e->w, ts->n);
	wr_u24(e->w, 0);
	for (uint8_t i = 0; i < ts->n; i++)
		put_ts(e->w, &ts->v[i]);
	payload_end(e);
}

void ike_enc_sk_begin(struct ike_enc *e, size_t iv_len)
{
	payload_begin(e, P_SK);
	e->sk_at = e->body_at;
	e->body_at = 0;
	e->iv_at = e->w->len;
	(void)wr_space(e->w, iv_len);
	e->sk_first = e->w->len;
}

void ike_enc_skf_begin(struct ike_enc *e, uint8_t inner_first, uint16_t number, uint16_t total, size_t iv_len)
{
	if (number == 0 || number > total)
		wr_fail(e->w);
	payload_begin(e, P_SKF);
	e->sk_at = e->body_at;
	e->body_at = 0;
	wr_put_u8(e->w, e->sk_at, inner_first);
	wr_u16(e->w, number);
	wr_u16(e->w, total);
	e->iv_at = e->w->len;
	(void)wr_space(e->w, iv_len);
	e->sk_first = e->w->len;
}

struct span ike_enc_inner(const struct ike_enc *e, uint8_t *first)
{
	*first = P_NONE;
	if (!wr_ok(e->w) || e->sk_at == 0)
		return SPAN(NULL, 0);
	struct rd r = rd_init(e->w->base, e->w->len);
	rd_skip(&r, e->sk_at);
	*first = rd_u8(&r);
	rd_skip(&r, e->sk_first - e->sk_at - 1);
	size_t n = rd_left(&r);
	return SPAN(rd_take(&r, n), n);
}

void ike_enc_octets(struct ike_enc *e, struct span piece) { put_span(e->w, piece); }

void ike_enc_sk_end(struct ike_enc *e, size_t block, size_t icv_len, size_t *aad_len, size_t *data_len)
{
	struct wr *w = e->w;
	size_t unit = max_z(block, 1);
	size_t pad = (unit - (w->len - e->sk_first + 1) % unit) % unit;

	(void)wr_space(w, pad);
	wr_u8(w, (unsigned)min_z(pad, 256));
	size_t data_end = w->len;
	(void)wr_space(w, icv_len);
	wr_put_u16(w, e->sk_at + 2, w->len - e->sk_at);
	ike_enc_finish(e);
	*aad_len = wr_ok(w) ? e->iv_at - e->start : 0;
	*data_len = wr_ok(w) ? data_end - e->sk_first : 0;
}

void ike_enc_finish(struct ike_enc *e)
{
	if (e->w->len - e->start > IKE_MSG_MAX)
		wr_fail(e->w);
	wr_put_u32(e->w, e->start + HDR_LENGTH, e->w->len - e->start);
}
