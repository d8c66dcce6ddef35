/* Records of the books, both ways. Numbers are in network byte order, so that a file can be looked at with any tool. */
#include "privsep/books.h"

#include <string.h>

enum { VERSION = 1, RECORD_HEAD = 9 };
static const char magic[8] = "gretelbk";

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

/* --- fields --- */

static void put_text(struct wr *w, const char *s)
{
	size_t n = strlen(s);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, s, n);
}

static void get_text(struct rd *r, char *out, size_t size)
{
	size_t n = rd_u8(r);
	const uint8_t *p = rd_take(r, n);
	if (!p || n >= size || memchr(p, 0, n)) {
		rd_fail(r);
		n = 0;
	}
	if (n)
		memcpy(out, p, n);
	memset(out + n, 0, size - n);
}

static void put_addr(struct wr *w, const struct addr *a)
{
	wr_u8(w, a->family);
	wr_bytes(w, a->b, addr_len(a));
}

static struct addr get_addr(struct rd *r)
{
	struct addr a;
	memset(&a, 0, sizeof a);
	a.family = rd_u8(r);
	if (a.family != AF_NONE && addr_len(&a) == 0)
		rd_fail(r);
	rd_copy(r, a.b, addr_len(&a));
	return a;
}

static void put_endpoint(struct wr *w, const struct endpoint *e)
{
	put_addr(w, &e->addr);
	wr_u16(w, e->port);
}

static struct endpoint get_endpoint(struct rd *r)
{
	struct endpoint e;
	memset(&e, 0, sizeof e); /* octets between the fields may go over a channel */
	e.addr = get_addr(r);
	e.port = rd_u16(r);
	return e;
}

static void put_ident(struct wr *w, const struct ident *id)
{
	wr_u8(w, id->type);
	wr_u8(w, id->len);
	wr_bytes(w, id->data, id->len);
}

static struct ident get_ident(struct rd *r)
{
	struct ident id;
	memset(&id, 0, sizeof id);
	uint8_t type = rd_u8(r), n = rd_u8(r);
	const uint8_t *p = rd_take(r, n);
	if (!p || !ident_set(&id, type, p, n)) {
		rd_fail(r);
		memset(&id, 0, sizeof id);
	}
	return id;
}

static bool get_bool(struct rd *r)
{
	uint8_t v = rd_u8(r);
	if (v > 1)
		rd_fail(r);
	return v == 1;
}

static void put_selector(struct wr *w, const struct selector *s)
{
	wr_u8(w, s->proto);
	wr_u16(w, s->local_port);
	wr_u16(w, s->remote_port);
}

static struct selector get_selector(struct rd *r)
{
	struct selector s;
	memset(&s, 0, sizeof s);
	s.proto = rd_u8(r);
	s.local_port = rd_u16(r);
	s.remote_port = rd_u16(r);
	return s;
}

static void put_suite(struct wr *w, const struct suite *s)
{
	const uint16_t v[] = {s->encr, s->encr_bits, s->integ, s->prf, s->dh};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		wr_u16(w, v[i]);
	wr_u8(w, s->esn);
}

static struct suite get_suite(struct rd *r)
{
	struct suite s;
	memset(&s, 0, sizeof s);
	s.encr = rd_u16(r);
	s.encr_bits = rd_u16(r);
	s.integ = rd_u16(r);
	s.prf = rd_u16(r);
	s.dh = rd_u16(r);
	s.esn = rd_u8(r);
	return s;
}

static void put_life(struct wr *w, const struct lifetime *l)
{
	wr_u32(w, l->soft_s);
	wr_u32(w, l->hard_s);
	wr_u64(w, l->soft_bytes);
	wr_u64(w, l->hard_bytes);
	wr_u64(w, l->soft_packets);
	wr_u64(w, l->hard_packets);
}

static struct lifetime get_life(struct rd *r)
{
	struct lifetime l;
	memset(&l, 0, sizeof l);
	l.soft_s = rd_u32(r);
	l.hard_s = rd_u32(r);
	l.soft_bytes = rd_u64(r);
	l.hard_bytes = rd_u64(r);
	l.soft_packets = rd_u64(r);
	l.hard_packets = rd_u64(r);
	return l;
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
	const struct child_sa *sa = &c->sa;
	size_t at = begin(w, BOOK_CHILD);
	put_text(w, c->tunnel);
	wr_u32(w, c->child_id);
	put_ident(w, &c->peer);
	wr_u64(w, (uint64_t)c->since);
	wr_u32(w, sa->reqid);
	put_addr(w, &sa->local);
	put_addr(w, &sa->remote);
	put_selector(w, &sa->sel);
	put_suite(w, &sa->suite);
	wr_u32(w, sa->in.spi);
	wr_u32(w, sa->out.spi);
	wr_u8(w, sa->encap);
	wr_u16(w, sa->encap_sport);
	wr_u16(w, sa->encap_dport);
	wr_u32(w, sa->replay_window);
	put_life(w, &sa->life);
	wr_u32(w, sa->mark_in);
	wr_u32(w, sa->mark_in_mask);
	wr_u32(w, sa->mark_out);
	wr_u32(w, sa->mark_out_mask);
	wr_u8(w, sa->install_policy);
	end(w, at);
}

static void get_child(struct rd *r, struct book_child *c)
{
	struct child_sa *sa = &c->sa;
	get_text(r, c->tunnel, sizeof c->tunnel);
	c->child_id = rd_u32(r);
	c->peer = get_ident(r);
	c->since = (mono_t)rd_u64(r);
	sa->reqid = rd_u32(r);
	sa->local = get_addr(r);
	sa->remote = get_addr(r);
	sa->sel = get_selector(r);
	sa->suite = get_suite(r);
	sa->in.spi = rd_u32(r);
	sa->out.spi = rd_u32(r);
	sa->encap = get_bool(r);
	sa->encap_sport = rd_u16(r);
	sa->encap_dport = rd_u16(r);
	sa->replay_window = rd_u32(r);
	sa->life = get_life(r);
	sa->mark_in = rd_u32(r);
	sa->mark_in_mask = rd_u32(r);
	sa->mark_out = rd_u32(r);
	sa->mark_out_mask = rd_u32(r);
	sa->install_policy = get_bool(r);
	/* What the rest of the program takes for granted. RFC 4303 2.1: SPIs up to 255 are reserved. */
	if (!c->tunnel[0] || addr_is_any(&sa->local) || sa->local.family != sa->remote.family || addr_is_any(&sa->remote) ||
	    sa->in.spi < 256 || (sa->out.spi && sa->out.spi < 256) || c->since < 0)
		rd_fail(r);
}

void books_put_gone(struct wr *w, uint32_t spi_in)
{
	size_t at = begin(w, BOOK_CHILD_GONE);
	wr_u32(w, spi_in);
	end(w, at);
}

static void put_told(struct wr *w, const struct tun_child *c)
{
	wr_u32(w, c->child_id);
	wr_u32(w, c->ike_id);
	wr_u32(w, c->reqid);
	wr_u32(w, c->spi_in);
	wr_u32(w, c->spi_out);
	put_endpoint(w, &c->local);
	put_endpoint(w, &c->remote);
	put_ident(w, &c->my_id);
	put_ident(w, &c->peer_id);
	put_selector(w, &c->sel);
	put_addr(w, &c->ts_local);
	put_addr(w, &c->ts_remote);
	wr_u8(w, c->encap);
	wr_u32(w, c->mark_in);
	wr_u32(w, c->mark_in_mask);
	wr_u32(w, c->mark_out);
	wr_u32(w, c->mark_out_mask);
}

static void get_told(struct rd *r, struct tun_child *c)
{
	c->child_id = rd_u32(r);
	c->ike_id = rd_u32(r);
	c->reqid = rd_u32(r);
	c->spi_in = rd_u32(r);
	c->spi_out = rd_u32(r);
	c->local = get_endpoint(r);
	c->remote = get_endpoint(r);
	c->my_id = get_ident(r);
	c->peer_id = get_ident(r);
	c->sel = get_selector(r);
	c->ts_local = get_addr(r);
	c->ts_remote = get_addr(r);
	c->encap = get_bool(r);
	c->mark_in = rd_u32(r);
	c->mark_in_mask = rd_u32(r);
	c->mark_out = rd_u32(r);
	c->mark_out_mask = rd_u32(r);
}

void books_put_tunnel(struct wr *w, const struct book_tunnel *t)
{
	size_t at = begin(w, BOOK_TUNNEL);
	put_text(w, t->name);
	wr_u8(w, t->held);
	put_text(w, t->gre);
	wr_u8(w, t->gre_keep);
	wr_u8(w, t->gre_mss_clamp);
	put_addr(w, &t->trap_local);
	put_addr(w, &t->trap_remote);
	wr_u32(w, t->trap_reqid);
	wr_u32(w, t->trap_mark);
	wr_u32(w, t->trap_mark_mask);
	wr_u8(w, t->trap_proto);
	wr_u8(w, t->hook_up);
	if (t->hook_up) {
		wr_u8(w, t->host_access);
		wr_u32(w, (uint32_t)t->hook_status);
		put_text(w, t->interface);
		put_told(w, &t->child);
		wr_u16(w, (unsigned)t->command.n);
		wr_bytes(w, t->command.p, t->command.n);
	}
	end(w, at);
}

static void get_tunnel(struct rd *r, struct book_tunnel *t)
{
	get_text(r, t->name, sizeof t->name);
	t->held = get_bool(r);
	get_text(r, t->gre, sizeof t->gre);
	t->gre_keep = get_bool(r);
	t->gre_mss_clamp = get_bool(r);
	t->trap_local = get_addr(r);
	t->trap_remote = get_addr(r);
	t->trap_reqid = rd_u32(r);
	t->trap_mark = rd_u32(r);
	t->trap_mark_mask = rd_u32(r);
	t->trap_proto = rd_u8(r);
	t->hook_up = get_bool(r);
	if (!t->name[0] || t->trap_local.family != t->trap_remote.family)
		rd_fail(r);
	if (!t->hook_up)
		return;
	t->host_access = get_bool(r);
	t->hook_status = (int32_t)rd_u32(r);
	get_text(r, t->interface, sizeof t->interface);
	get_told(r, &t->child);
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
			out->gone = rd_u32(&body);
		else if (type == BOOK_TUNNEL)
			get_tunnel(&body, &out->tunnel);
		else
			continue;
		if (rd_ok(&body))
			return true;
	}
	return false;
}
