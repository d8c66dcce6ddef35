/* Records of the books, both ways, by the same rows as the verbs have. Numbers are in network byte order, so that a file can be looked at
 * with any tool. */
#include "privsep/books.h"

#include <string.h>

#include "privsep/fields.h"
#include "privsep/pack.h"

enum { VERSION = 1, RECORD_HEAD = 9 };
static const char magic[8] = "gretelbk";

#define SELECTOR(s, member) U8(s, member.proto, 0, UINT8_MAX), U16(s, member.local_port), U16(s, member.remote_port)
#define MARKS(s, member)                                                                                          \
	U32(s, member##_in, 0), U32(s, member##_in_mask, 0), U32(s, member##_out, 0), U32(s, member##_out_mask, 0)

void books_put_head(struct wr *w)
{
	wr_bytes(w, magic, sizeof magic);
	wr_u32(w, VERSION);
}

bool books_get_head(struct rd *r)
{
	const uint8_t *p = rd_take(r, sizeof magic);
	return p && memcmp(p, magic, sizeof magic) == 0 && rd_u32(r) == VERSION && rd_ok(r);
}

/* FNV-1a: tells a record that was cut off, guards nothing. */
static uint32_t sum(uint8_t type, const uint8_t *p, size_t n)
{
	uint32_t h = (0x811c9dc5u ^ type) * 0x01000193u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x01000193u;
	return h;
}

/* --- what is in a record, and in which order --- */

static const struct priv_field f_child[] = {
	NAME(book_child), U32(book_child, child_id, 0), IDENT(book_child, peer), TIME(book_child, since),
	U32(book_child, sa.reqid, 0), ADDR(book_child, sa.local), ADDR(book_child, sa.remote),
	SELECTOR(book_child, sa.sel),
	U16(book_child, sa.suite.encr), U16(book_child, sa.suite.encr_bits), U16(book_child, sa.suite.integ),
	U16(book_child, sa.suite.prf), U16(book_child, sa.suite.dh), U8(book_child, sa.suite.esn, 0, UINT8_MAX),
	SPI(book_child, sa.in.spi), U32(book_child, sa.out.spi, 0),
	BOOL(book_child, sa.encap), U16(book_child, sa.encap_sport), U16(book_child, sa.encap_dport),
	U32(book_child, sa.replay_window, 0),
	U32(book_child, sa.life.soft_s, 0), U32(book_child, sa.life.hard_s, 0),
	U64(book_child, sa.life.soft_bytes), U64(book_child, sa.life.hard_bytes),
	U64(book_child, sa.life.soft_packets), U64(book_child, sa.life.hard_packets),
	MARKS(book_child, sa.mark),
	BOOL(book_child, sa.install_policy),
};
static const struct priv_field f_gone[] = {U32(book, gone, 0)};
static const struct priv_field f_tunnel[] = {
	FIELD(book_tunnel, name, CHECK_TEXT, 1, 0), BOOL(book_tunnel, held),
	FIELD(book_tunnel, gre, CHECK_TEXT, 0, 0), BOOL(book_tunnel, gre_keep), BOOL(book_tunnel, gre_mss_clamp),
	ADDR_OR_NONE(book_tunnel, trap_local), ADDR_OR_NONE(book_tunnel, trap_remote), U32(book_tunnel, trap_reqid, 0),
	U32(book_tunnel, trap_mark, 0), U32(book_tunnel, trap_mark_mask, 0), U8(book_tunnel, trap_proto, 0, UINT8_MAX),
	BOOL(book_tunnel, hook_up),
};
/* Follows when hook_up; the command, its length before it, ends the record. */
static const struct priv_field f_script[] = {
	BOOL(book_tunnel, host_access), U32(book_tunnel, hook_status, 0), FIELD(book_tunnel, interface, CHECK_TEXT, 0, 0),
	U32(book_tunnel, child.child_id, 0), U32(book_tunnel, child.ike_id, 0), U32(book_tunnel, child.reqid, 0),
	U32(book_tunnel, child.spi_in, 0), U32(book_tunnel, child.spi_out, 0),
	ENDPOINT_OR_NONE(book_tunnel, child.local), ENDPOINT_OR_NONE(book_tunnel, child.remote),
	IDENT(book_tunnel, child.my_id), IDENT(book_tunnel, child.peer_id),
	SELECTOR(book_tunnel, child.sel),
	ADDR_OR_NONE(book_tunnel, child.ts_local), ADDR_OR_NONE(book_tunnel, child.ts_remote),
	BOOL(book_tunnel, child.encap),
	MARKS(book_tunnel, child.mark),
};
static const struct priv_shape child_shape = {BODY(book_child, f_child)}, gone_shape = {BODY(book, f_gone)};
static const struct priv_shape tunnel_shape = {BODY(book_tunnel, f_tunnel)}, script_shape = {BODY(book_tunnel, f_script)};

/* --- fields --- */

static void put_text(struct wr *w, const uint8_t *p, size_t size)
{
	size_t n = strnlen((const char *)p, size);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, p, n);
}

static void get_text(struct rd *r, uint8_t *out, size_t size)
{
	size_t n = rd_u8(r);
	const uint8_t *p = rd_take(r, n);
	if (!p || n >= size || memchr(p, 0, n))
		rd_fail(r);
	else if (n)
		memcpy(out, p, n);
}

static void put_ident(struct wr *w, const uint8_t *p)
{
	struct ident id;
	memcpy(&id, p, sizeof id);
	wr_u8(w, id.type);
	wr_u8(w, id.len);
	wr_bytes(w, id.data, id.len);
}

static void get_ident(struct rd *r, uint8_t *out)
{
	struct ident id;
	memset(&id, 0, sizeof id); /* what is behind its octets may go over a channel */
	uint8_t type = rd_u8(r), n = rd_u8(r);
	const uint8_t *p = rd_take(r, n);
	if (p && ident_set(&id, type, p, n))
		memcpy(out, &id, sizeof id);
	else
		rd_fail(r);
}

static void put_number(struct wr *w, const uint8_t *p, size_t size)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	switch (size) {
	case sizeof v16:
		memcpy(&v16, p, sizeof v16);
		wr_u16(w, v16);
		break;
	case sizeof v32:
		memcpy(&v32, p, sizeof v32);
		wr_u32(w, v32);
		break;
	case sizeof v64:
		memcpy(&v64, p, sizeof v64);
		wr_u64(w, v64);
		break;
	default:
		wr_u8(w, *p);
	}
}

static void get_number(struct rd *r, uint8_t *out, size_t size)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	switch (size) {
	case sizeof v16:
		v16 = rd_u16(r);
		memcpy(out, &v16, sizeof v16);
		break;
	case sizeof v32:
		v32 = rd_u32(r);
		memcpy(out, &v32, sizeof v32);
		break;
	case sizeof v64:
		v64 = rd_u64(r);
		memcpy(out, &v64, sizeof v64);
		break;
	default:
		*out = rd_u8(r);
	}
}

static void put_addr(struct wr *w, const uint8_t *p)
{
	struct addr a;
	memcpy(&a, p, sizeof a);
	pack_addr(w, &a);
}

static void get_addr(struct rd *r, uint8_t *out)
{
	struct addr a = unpack_addr(r);
	memcpy(out, &a, sizeof a);
}

/* body: the struct of the shape. */
static void put_fields(struct wr *w, const struct priv_shape *s, const void *body)
{
	for (const struct priv_field *f = s->field; f < s->field + s->n_fields; f++) {
		const uint8_t *p = (const uint8_t *)body + f->at;
		switch (f->check) {
		case CHECK_TEXT:
			put_text(w, p, f->size);
			break;
		case CHECK_IDENT:
			put_ident(w, p);
			break;
		case CHECK_ENDPOINT:
			put_addr(w, p + offsetof(struct endpoint, addr));
			put_number(w, p + offsetof(struct endpoint, port), sizeof(uint16_t));
			break;
		case CHECK_ADDR:
			put_addr(w, p);
			break;
		default:
			put_number(w, p, f->size);
		}
	}
}

/* body: zeroed. A field that is not what its row wants spoils the record. */
static void get_fields(struct rd *r, const struct priv_shape *s, void *body)
{
	for (const struct priv_field *f = s->field; f < s->field + s->n_fields; f++) {
		uint8_t *p = (uint8_t *)body + f->at;
		switch (f->check) {
		case CHECK_TEXT:
			get_text(r, p, f->size);
			break;
		case CHECK_IDENT:
			get_ident(r, p);
			break;
		case CHECK_ENDPOINT:
			get_addr(r, p + offsetof(struct endpoint, addr));
			get_number(r, p + offsetof(struct endpoint, port), sizeof(uint16_t));
			break;
		case CHECK_ADDR:
			get_addr(r, p);
			break;
		default:
			get_number(r, p, f->size);
		}
	}
	if (priv_shape_check(s, body, SPAN(NULL, 0)))
		rd_fail(r);
}

/* --- records --- */

static size_t begin(struct wr *w, uint8_t type)
{
	size_t at = w->len;
	wr_u32(w, 0);
	wr_u32(w, 0);
	wr_u8(w, type);
	return at;
}

static void end(struct wr *w, size_t at)
{
	if (!wr_ok(w))
		return;
	size_t n = w->len - at - RECORD_HEAD;
	wr_put_u32(w, at, (uint32_t)n);
	wr_put_u32(w, at + 4, sum(w->base[at + 8], w->base + at + RECORD_HEAD, n));
}

void books_put_child(struct wr *w, const struct book_child *c)
{
	size_t at = begin(w, BOOK_CHILD);
	put_fields(w, &child_shape, c);
	end(w, at);
}

static void get_child(struct rd *r, struct book_child *c)
{
	get_fields(r, &child_shape, c);
	/* What the rest of the program takes for granted. RFC 4303 2.1: SPIs up to 255 are reserved. */
	if (c->sa.local.family != c->sa.remote.family || (c->sa.out.spi && c->sa.out.spi < 256))
		rd_fail(r);
}

void books_put_gone(struct wr *w, uint32_t spi_in)
{
	struct book b = {.gone = spi_in};
	size_t at = begin(w, BOOK_CHILD_GONE);
	put_fields(w, &gone_shape, &b);
	end(w, at);
}

void books_put_tunnel(struct wr *w, const struct book_tunnel *t)
{
	size_t at = begin(w, BOOK_TUNNEL);
	put_fields(w, &tunnel_shape, t);
	if (t->hook_up) {
		put_fields(w, &script_shape, t);
		wr_u16(w, (unsigned)t->command.n);
		wr_bytes(w, t->command.p, t->command.n);
	}
	end(w, at);
}

static void get_tunnel(struct rd *r, struct book_tunnel *t)
{
	get_fields(r, &tunnel_shape, t);
	if (t->trap_local.family != t->trap_remote.family)
		rd_fail(r);
	if (!rd_ok(r) || !t->hook_up)
		return;
	get_fields(r, &script_shape, t);
	t->command.n = rd_u16(r);
	t->command.p = rd_take(r, t->command.n);
	if (!t->command.p || t->command.n == 0 || t->command.n > BOOKS_COMMAND_MAX || memchr(t->command.p, 0, t->command.n))
		rd_fail(r);
}

bool books_next(struct rd *r, struct book *out)
{
	while (rd_left(r)) {
		uint32_t n = rd_u32(r), want = rd_u32(r);
		uint8_t type = rd_u8(r);
		const uint8_t *p = n <= BOOKS_RECORD_MAX ? rd_take(r, n) : NULL;
		if (!p || sum(type, p, n) != want) {
			rd_fail(r);
			return false;
		}
		struct rd body = rd_init(p, n);
		memset(out, 0, sizeof *out);
		out->type = type;
		if (type == BOOK_CHILD)
			get_child(&body, &out->child);
		else if (type == BOOK_CHILD_GONE)
			get_fields(&body, &gone_shape, out);
		else if (type == BOOK_TUNNEL)
			get_tunnel(&body, &out->tunnel);
		else
			continue;
		if (rd_ok(&body))
			return true;
	}
	return false;
}
