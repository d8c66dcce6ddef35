/* See test_wire_util.h. */
#include "test_wire_util.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 200000 };

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

struct span wire_hex(const char *text)
{
	uint8_t *all = malloc(strlen(text) / 2 + 1);
	size_t nibbles = 0;

	for (; all && *text; text++) {
		int d = hex_digit(*text);
		if (d < 0)
			continue;
		if (nibbles % 2 == 0)
			all[nibbles / 2] = 0;
		all[nibbles / 2] = (uint8_t)(all[nibbles / 2] << 4 | d);
		nibbles++;
	}
	struct span exact = wire_copy(SPAN(all, nibbles / 2));
	free(all);
	return exact;
}

struct span wire_copy(struct span s)
{
	uint8_t *p = malloc(s.n);

	if (!p)
		abort();
	if (s.n)
		memcpy(p, s.p, s.n);
	return SPAN(p, s.n);
}

void wire_free(struct span s) { free((void *)(uintptr_t)s.p); }

static void sb_span(struct sbuf *b, const char *name, struct span s)
{
	sb_printf(b, " %s=", name);
	sb_hex(b, s.p, s.n);
}

static void sb_sa(struct sbuf *b, const struct proposals *sa)
{
	for (uint8_t i = 0; i < sa->n; i++) {
		const struct proposal *p = &sa->p[i];
		sb_printf(b, " #%u proto=%u spi=%0*llx:", p->number, p->proto, p->spi_len * 2,
		          (unsigned long long)p->spi);
		for (uint8_t k = 0; k < p->n; k++) {
			sb_printf(b, " %u:%u", p->t[k].type, p->t[k].id);
			if (p->t[k].key_bits)
				sb_printf(b, "/%u", p->t[k].key_bits);
		}
	}
}

static void sb_ts(struct sbuf *b, const struct ike_ts_list *list)
{
	for (uint8_t i = 0; i < list->n; i++) {
		const struct ike_ts *ts = &list->v[i];
		sb_putc(b, ' ');
		sb_addr(b, &ts->lo);
		sb_putc(b, '-');
		sb_addr(b, &ts->hi);
		sb_printf(b, "[%u/%u-%u]", ts->proto, ts->port_lo, ts->port_hi);
	}
}

union body {
	struct proposals sa;
	struct ike_ke ke;
	struct ike_id id;
	struct ike_auth auth;
	struct span nonce;
	struct ike_notify notify;
	struct ike_delete del;
	struct ike_ts_list ts;
	struct ike_skf skf;
};

static enum wire_err body_decode(const struct ike_payload *p, union body *u)
{
	memset(u, 0, sizeof *u);
	switch (p->type) {
	case P_SA: return ike_sa_decode(p->body, &u->sa);
	case P_KE: return ike_ke_decode(p->body, &u->ke);
	case P_IDI:
	case P_IDR: return ike_id_decode(p->body, &u->id);
	case P_AUTH: return ike_auth_decode(p->body, &u->auth);
	case P_NONCE: return ike_nonce_decode(p->body, &u->nonce);
	case P_N: return ike_notify_decode(p->body, &u->notify);
	case P_D: return ike_delete_decode(p->body, &u->del);
	case P_TSI:
	case P_TSR: return ike_ts_decode(p->body, &u->ts);
	case P_SKF: return ike_skf_decode(p->body, &u->skf);
	default: return WIRE_OK;
	}
}

static void sb_body(struct sbuf *b, const struct ike_payload *p, const union body *u)
{
	switch (p->type) {
	case P_SA: sb_sa(b, &u->sa); break;
	case P_KE: sb_printf(b, " group=%u", u->ke.group); sb_span(b, "data", u->ke.data); break;
	case P_IDI:
	case P_IDR: sb_printf(b, " type=%u", u->id.type); sb_span(b, "data", u->id.data); break;
	case P_AUTH: sb_printf(b, " method=%u", u->auth.method); sb_span(b, "data", u->auth.data); break;
	case P_NONCE: sb_span(b, "data", u->nonce); break;
	case P_N:
		sb_printf(b, " proto=%u type=%u", u->notify.proto, u->notify.type);
		sb_span(b, "spi", u->notify.spi);
		sb_span(b, "data", u->notify.data);
		break;
	case P_D:
		sb_printf(b, " proto=%u n=%u", u->del.proto, u->del.n);
		for (uint16_t i = 0; i < u->del.n; i++)
			sb_printf(b, " %08x", ike_delete_spi(&u->del, i));
		break;
	case P_TSI:
	case P_TSR: sb_ts(b, &u->ts); break;
	case P_SKF: sb_printf(b, " %u/%u", u->skf.number, u->skf.total); break;
	default: sb_printf(b, " %zu octets", p->body.n);
	}
}

void sb_wire_payload(struct sbuf *b, const struct ike_payload *p)
{
	union body u;
	enum wire_err err = body_decode(p, &u);

	sb_printf(b, "  %u%s", p->type, p->critical ? " critical" : "");
	if (err)
		sb_printf(b, " %s", wire_err_name(err));
	else
		sb_body(b, p, &u);
	sb_putc(b, '\n');
}

enum wire_err sb_wire_message(struct sbuf *b, struct span datagram, uint8_t inner_first, struct span inner)
{
	static const struct ike_payloads none;
	struct ike_hdr h;
	struct ike_payloads out = none, in = none;
	struct rd r = rd_init(datagram.p, datagram.n);
	enum wire_err err = ike_hdr_decode(datagram, &h);

	if (!err) {
		rd_skip(&r, IKE_HDR_LEN);
		size_t n = rd_left(&r);
		err = ike_payloads_decode(h.next, SPAN(rd_take(&r, n), n), &out);
	}
	if (!err && inner.p)
		err = ike_payloads_decode(inner_first, inner, &in);
	if (err) {
		sb_printf(b, "%s (%u)\n", wire_err_name(err), out.unknown_critical | in.unknown_critical);
		return err;
	}
	sb_ike_message(b, &h, &out, inner.p ? &in : NULL);
	sb_printf(b, "\nspi_i=%016llx spi_r=%016llx next=%u version=%u.%u exchange=%u flags=%02x msg_id=%u length=%u\n",
	          (unsigned long long)h.spi_i, (unsigned long long)h.spi_r, h.next, h.major, h.minor, h.exchange,
	          h.flags, h.msg_id, h.length);
	for (uint8_t i = 0; i < out.n; i++)
		sb_wire_payload(b, &out.v[i]);
	if (inner.p)
		sb_printf(b, "inside, from %u:\n", inner_first);
	for (uint8_t i = 0; i < in.n; i++)
		sb_wire_payload(b, &in.v[i]);
	return WIRE_OK;
}

static void delete_encode(struct ike_enc *e, const struct ike_delete *d)
{
	uint32_t *spis = calloc(d->n + 1u, sizeof *spis);

	for (uint16_t i = 0; spis && i < d->n; i++)
		spis[i] = ike_delete_spi(d, i);
	if (d->proto == PROTO_IKE)
		ike_enc_delete_ike(e);
	else
		ike_enc_delete_esp(e, spis, d->n);
	free(spis);
}

/* False: there is nothing to encode. */
static bool body_encode(struct ike_enc *e, const struct ike_payload *p, const union body *u)
{
	struct ident id;

	switch (p->type) {
	case P_SA:
		if (u->sa.n)
			ike_enc_sa(e, &u->sa);
		return u->sa.n != 0;
	case P_KE: ike_enc_ke(e, u->ke.group, u->ke.data); return true;
	case P_IDI:
	case P_IDR:
		if (!ident_set(&id, u->id.type, u->id.data.p, u->id.data.n))
			return false;
		ike_enc_id(e, p->type, &id);
		return true;
	case P_AUTH: ike_enc_auth(e, u->auth.method, u->auth.data); return true;
	case P_NONCE: ike_enc_nonce(e, u->nonce); return true;
	case P_N: ike_enc_notify(e, u->notify.proto, u->notify.spi, u->notify.type, u->notify.data); return true;
	case P_D: delete_encode(e, &u->del); return u->del.proto != PROTO_AH;
	case P_TSI:
	case P_TSR:
		if (u->ts.n)
			ike_enc_ts(e, p->type, &u->ts);
		return u->ts.n != 0;
	default: return false;
	}
}

bool wire_again(const struct ike_payload *p)
{
	static uint8_t room[IKE_MSG_MAX + 1];
	static char was[TEXT_MAX], is[TEXT_MAX];
	struct ike_hdr h = {.spi_i = 1, .major = 2, .exchange = IKE_SA_INIT};
	struct wr w = wr_init(room, sizeof room);
	struct ike_payload plain = *p;
	struct ike_payloads again;
	struct ike_enc e;
	union body u;

	plain.critical = false;
	if (body_decode(p, &u) != WIRE_OK)
		return true;
	ike_enc_begin(&e, &w, &h);
	if (!body_encode(&e, p, &u))
		return true;
	ike_enc_finish(&e);
	if (!wr_ok(&w))
		return p->body.n > IKE_MSG_MAX - 64; /* with a header in front it may no longer fit */
	struct rd r = rd_init(room, w.len);
	rd_skip(&r, IKE_HDR_LEN);
	size_t n = rd_left(&r);
	if (ike_hdr_decode(SPAN(room, w.len), &h) != WIRE_OK ||
	    ike_payloads_decode(p->type, SPAN(rd_take(&r, n), n), &again) != WIRE_OK || again.n != 1)
		return false;
	struct sbuf a = SB(was), b = SB(is);
	sb_wire_payload(&a, &plain);
	sb_wire_payload(&b, &again.v[0]);
	return strcmp(was, is) == 0;
}

static bool again_chain(uint8_t first, struct span chain)
{
	struct ike_payloads p;

	if (ike_payloads_decode(first, chain, &p) != WIRE_OK)
		return true;
	for (uint8_t i = 0; i < p.n; i++) {
		if (!wire_again(&p.v[i]))
			return false;
	}
	return true;
}

bool wire_again_message(struct span datagram, uint8_t inner_first, struct span inner)
{
	struct ike_hdr h;
	struct rd r = rd_init(datagram.p, datagram.n);

	if (ike_hdr_decode(datagram, &h) != WIRE_OK)
		return true;
	rd_skip(&r, IKE_HDR_LEN);
	size_t n = rd_left(&r);
	return again_chain(h.next, SPAN(rd_take(&r, n), n)) && (!inner.p || again_chain(inner_first, inner));
}
