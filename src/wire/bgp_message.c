/* BGP frames, KEEPALIVE, NOTIFICATION and ROUTE-REFRESH (RFC 4271 4.1, 4.4, 4.5, 6.1; 2918, 7313; 8538, 9003). */
#include "wire/bgp_int.h"

#include <string.h>

int bgp_af_of(uint16_t afi, uint8_t safi)
{
	if (safi != BGP_SAFI_UNICAST)
		return -1;
	return afi == BGP_AFI_V4 ? BGP_V4 : afi == BGP_AFI_V6 ? BGP_V6 : -1;
}

uint16_t bgp_afi(uint8_t af) { return af == BGP_V4 ? BGP_AFI_V4 : BGP_AFI_V6; }

/* RFC 4271 6.1, and RFC 8654 4: OPEN and KEEPALIVE do not grow. */
static bool length_good(uint8_t type, uint32_t len, uint32_t max)
{
	switch (type) {
	case BGP_OPEN: return len >= 29 && len <= BGP_MSG_MAX;
	case BGP_UPDATE: return len >= 23 && len <= max;
	case BGP_NOTIFICATION: return len >= 21 && len <= max;
	case BGP_KEEPALIVE: return len == BGP_HDR_LEN;
	case BGP_REFRESH: return len >= 23 && len <= max;
	default: return len >= BGP_HDR_LEN && len <= max;
	}
}

int bgp_frame(struct span in, uint32_t max, struct bgp_frame *out, struct bgp_error *e)
{
	struct rd r = rd_init(in.p, in.n);

	*e = (struct bgp_error){0};
	uint64_t marker = rd_u64(&r) & rd_u64(&r);
	const uint8_t *len_at = r.p;
	out->len = rd_u16(&r);
	const uint8_t *type_at = r.p;
	out->type = rd_u8(&r);
	if (!rd_ok(&r))
		return 0;
	if (marker != UINT64_MAX)
		*e = (struct bgp_error){.code = BGP_E_HEADER, .sub = BGP_E_SYNC};
	else if (!length_good(out->type, out->len, max)) /* RFC 4271 6.1: the data is the length field */
		*e = (struct bgp_error){.code = BGP_E_HEADER, .sub = BGP_E_LENGTH, .data = SPAN(len_at, 2)};
	else if (out->type < BGP_OPEN || out->type > BGP_REFRESH)
		*e = (struct bgp_error){.code = BGP_E_HEADER, .sub = BGP_E_TYPE, .data = SPAN(type_at, 1)};
	if (e->code)
		return -1;
	size_t body = out->len - BGP_HDR_LEN;
	out->body = SPAN(rd_take(&r, body), body);
	out->whole = SPAN(in.p, out->len);
	return rd_ok(&r);
}

size_t bgp_msg_begin(struct wr *w, uint8_t type)
{
	size_t start = w->len;
	uint8_t *marker = wr_space(w, 16);

	if (marker)
		memset(marker, 0xff, 16);
	wr_u16(w, 0);
	wr_u8(w, type);
	return start;
}

void bgp_msg_end(struct wr *w, size_t start) { wr_put_u16(w, start + 16, w->len - start); }

void bgp_keepalive_encode(struct wr *w) { bgp_msg_end(w, bgp_msg_begin(w, BGP_KEEPALIVE)); }

/* --- NOTIFICATION --- */
bool bgp_notification_decode(struct span body, struct bgp_notification *out)
{
	struct rd r = rd_init(body.p, body.n);

	*out = (struct bgp_notification){0};
	out->code = rd_u8(&r);
	out->sub = rd_u8(&r);
	if (!rd_ok(&r))
		return false;
	out->data = SPAN(r.p, rd_left(&r));
	if (out->code != BGP_E_CEASE || out->sub != BGP_E_HARD_RESET)
		return true;
	/* RFC 8538 3.1: the data is another NOTIFICATION's code, subcode and data; without one it is a Hard Reset all the same */
	out->hard = true;
	if (rd_left(&r) >= 2) {
		out->code = rd_u8(&r);
		out->sub = rd_u8(&r);
		out->data = SPAN(r.p, rd_left(&r));
	}
	return true;
}

void bgp_notification_encode(struct wr *w, const struct bgp_error *e, bool hard)
{
	size_t start = bgp_msg_begin(w, BGP_NOTIFICATION);

	if (hard) {
		wr_u8(w, BGP_E_CEASE);
		wr_u8(w, BGP_E_HARD_RESET);
	}
	wr_u8(w, e->code);
	wr_u8(w, e->sub);
	/* What it quotes may have been an extended message, which the peer need not be able to read. */
	wr_bytes(w, e->data.p, min_z(e->data.n, BGP_MSG_MAX - BGP_HDR_LEN - 4));
	bgp_msg_end(w, start);
}

/* Octets of the UTF-8 character at the cursor, which goes behind it; 0 when there is none (RFC 3629 4). */
static size_t utf8_next(struct rd *r)
{
	static const struct { uint8_t mask, lead, n; uint32_t min; } form[] = {
		{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000},
	};
	uint8_t first = rd_u8(r);

	for (size_t i = 0; i < ARRAY_LEN(form); i++) {
		if ((first & form[i].mask) != form[i].lead)
			continue;
		uint32_t c = first & (uint8_t)~form[i].mask;
		for (size_t k = 1; k < form[i].n; k++) {
			uint8_t next = rd_u8(r);
			if ((next & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (next & 0x3f);
		}
		return rd_ok(r) && c >= form[i].min && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff) ? form[i].n : 0;
	}
	return 0;
}

/* How many of the first `max` octets are whole characters. */
static size_t utf8_prefix(struct span s, size_t max)
{
	struct rd r = rd_init(s.p, min_z(s.n, max));
	size_t good = 0, n;

	while (rd_left(&r) && (n = utf8_next(&r)) > 0)
		good += n;
	return good;
}

struct span bgp_shutdown_text(const struct bgp_notification *n)
{
	/* RFC 9003 2: of Administrative Shutdown and Administrative Reset */
	if (n->code != BGP_E_CEASE || (n->sub != BGP_E_SHUTDOWN && n->sub != BGP_E_RESET))
		return SPAN(NULL, 0);
	struct rd r = rd_init(n->data.p, n->data.n);
	size_t len = rd_u8(&r);
	struct span text = SPAN(rd_take(&r, len), len);
	if (!rd_ok(&r) || utf8_prefix(text, text.n) != text.n)
		return SPAN(NULL, 0);
	return text;
}

struct span bgp_shutdown_data(const char *text, uint8_t out[BGP_SHUTDOWN_MAX])
{
	struct wr w = wr_init(out, BGP_SHUTDOWN_MAX);
	size_t n = utf8_prefix(SPAN(text, strlen(text)), 255);

	if (n == 0)
		return SPAN(NULL, 0);
	wr_u8(&w, (unsigned)n);
	wr_bytes(&w, text, n);
	return SPAN(out, w.len);
}

/* --- ROUTE-REFRESH --- */
int bgp_refresh_decode(struct bgp_frame f, struct bgp_refresh *out, struct bgp_error *e)
{
	struct rd r = rd_init(f.body.p, f.body.n);

	*e = (struct bgp_error){0};
	out->afi = rd_u16(&r);
	out->kind = rd_u8(&r); /* Reserved, in RFC 2918 */
	out->safi = rd_u8(&r);
	out->af = (int8_t)bgp_af_of(out->afi, out->safi);
	bool marker = out->kind == BGP_REFRESH_BEGIN || out->kind == BGP_REFRESH_END;
	if (!rd_ok(&r) || (marker && !rd_done(&r))) {
		/* RFC 7313 5: the data is the whole message */
		*e = (struct bgp_error){.code = BGP_E_REFRESH, .sub = 1, .data = f.whole};
		return -1;
	}
	/* Entries of RFC 5291 behind a request are ignored: that capability is not offered. */
	return out->kind == BGP_REFRESH_ASK || marker ? 0 : 1;
}

void bgp_refresh_encode(struct wr *w, uint8_t af, uint8_t kind)
{
	size_t start = bgp_msg_begin(w, BGP_REFRESH);

	wr_u16(w, bgp_afi(af));
	wr_u8(w, kind);
	wr_u8(w, BGP_SAFI_UNICAST);
	bgp_msg_end(w, start);
}
