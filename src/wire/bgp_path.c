/* AS paths: structure, two and four octets wide (RFC 4271 4.3, 5.1.2; 5065; 6793), and questions about them. */
#include "wire/bgp_int.h"

bool bgp_segment_next(struct rd *r, size_t width, struct bgp_segment_view *out)
{
	if (!rd_left(r))
		return false;
	out->type = rd_u8(r);
	out->count = rd_u8(r);
	size_t n = out->count * width;
	out->numbers = SPAN(rd_take(r, n), n);
	return rd_ok(r);
}

static uint32_t number(struct rd *r, size_t width) { return width == 2 ? rd_u16(r) : rd_u32(r); }
static bool is_confed(uint8_t type) { return type == BGP_CONFED_SEQUENCE || type == BGP_CONFED_SET; }
static bool is_set(uint8_t type) { return type == BGP_AS_SET || type == BGP_CONFED_SET; }

static bool has_zero(struct span numbers, size_t width)
{
	struct rd r = rd_init(numbers.p, numbers.n);
	bool zero = false;

	while (rd_left(&r))
		zero |= number(&r, width) == 0;
	return zero;
}

bool bgp_path_good(struct span path, size_t width, bool confed_allowed)
{
	struct rd r = rd_init(path.p, path.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, width, &s)) {
		if (s.type < BGP_AS_SET || s.type > BGP_CONFED_SET || s.count == 0)
			return false;
		if ((is_confed(s.type) && !confed_allowed) || has_zero(s.numbers, width))
			return false;
	}
	return rd_ok(&r);
}

/* What a segment adds to a path's length. */
static uint32_t weight(const struct bgp_segment_view *s)
{
	return is_confed(s->type) ? 0 : s->type == BGP_AS_SET ? 1 : s->count;
}

static uint32_t path_length(struct span path, size_t width)
{
	struct rd r = rd_init(path.p, path.n);
	struct bgp_segment_view s;
	uint32_t n = 0;

	while (bgp_segment_next(&r, width, &s))
		n += weight(&s);
	return n;
}

uint32_t bgp_as_path_length(struct span as_path) { return path_length(as_path, 4); }

uint32_t bgp_as_path_first(struct span as_path)
{
	struct rd r = rd_init(as_path.p, as_path.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, 4, &s)) {
		if (is_confed(s.type)) /* RFC 5065 5.3: as if they were not there */
			continue;
		struct rd first = rd_init(s.numbers.p, s.numbers.n);
		return s.type == BGP_AS_SEQUENCE ? rd_u32(&first) : 0;
	}
	return 0;
}

bool bgp_as_path_has(struct span as_path, uint32_t as)
{
	struct rd r = rd_init(as_path.p, as_path.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, 4, &s)) {
		struct rd in = rd_init(s.numbers.p, s.numbers.n);
		while (rd_left(&in))
			if (rd_u32(&in) == as)
				return true;
	}
	return false;
}

bool bgp_as_path_has_set(struct span as_path)
{
	struct rd r = rd_init(as_path.p, as_path.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, 4, &s))
		if (is_set(s.type))
			return true;
	return false;
}

/* --- Two octets and four --- */
/* A path being written, whose last sequence can grow. */
struct path_wr {
	struct wr w;
	size_t open_at; /* the count of the last segment when that is a sequence; 0 = none */
	unsigned count;
};

static void open_segment(struct path_wr *p, uint8_t type)
{
	wr_u8(&p->w, type);
	p->open_at = p->w.len;
	wr_u8(&p->w, 0);
	p->count = 0;
}

/* The first n numbers of a segment; a sequence goes on in the one before it, as far as that has room. */
static void add_segment(struct path_wr *p, uint8_t type, struct span numbers, size_t width, uint32_t n)
{
	struct rd r = rd_init(numbers.p, numbers.n);
	bool joined = type == BGP_AS_SEQUENCE && p->open_at;

	for (uint32_t i = 0; i < n; i++) {
		if ((i == 0 && !joined) || p->count == 255)
			open_segment(p, type);
		wr_u32(&p->w, number(&r, width));
		wr_put_u8(&p->w, p->open_at, ++p->count);
	}
	if (type != BGP_AS_SEQUENCE) {
		p->open_at = 0;
		p->count = 0;
	}
}

/* As many of the leading segments as have `lead` numbers, and confederation segments beside them (RFC 6793 4.2.3). */
static void add_leading(struct path_wr *p, struct span path2, uint32_t lead)
{
	struct rd r = rd_init(path2.p, path2.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, 2, &s)) {
		uint32_t n = weight(&s);
		if (n > lead && s.type != BGP_AS_SEQUENCE)
			return;
		add_segment(p, s.type, s.numbers, 2, n > lead ? lead : s.count);
		if (n > lead)
			return;
		lead -= n;
	}
}

bool bgp_path_widen(struct span path2, struct span path4, uint8_t *out, size_t room, size_t *n)
{
	struct path_wr p = {.w = wr_init(out, room)};
	struct rd r = rd_init(path4.p, path4.n);
	struct bgp_segment_view s;
	uint32_t have = path_length(path2, 2), new = path_length(path4, 4);

	if (new > have) { /* RFC 6793 4.2.3: then AS4_PATH is ignored */
		new = 0;
		r = rd_init(NULL, 0);
	}
	add_leading(&p, path2, have - new);
	while (bgp_segment_next(&r, 4, &s))
		if (!is_confed(s.type)) /* RFC 6793 3: not carried in AS4_PATH; 6: passed over there */
			add_segment(&p, s.type, s.numbers, 4, s.count);
	*n = p.w.len;
	return wr_ok(&p.w);
}

void bgp_path_narrow(struct wr *w, struct span path, bool *lost)
{
	struct rd r = rd_init(path.p, path.n);
	struct bgp_segment_view s;

	*lost = false;
	while (bgp_segment_next(&r, 4, &s)) {
		struct rd in = rd_init(s.numbers.p, s.numbers.n);
		wr_u8(w, s.type);
		wr_u8(w, s.count);
		while (rd_left(&in)) {
			uint32_t as = rd_u32(&in);
			*lost |= as > UINT16_MAX && !is_confed(s.type);
			wr_u16(w, as > UINT16_MAX ? BGP_AS_TRANS : as);
		}
	}
}

void bgp_path_plain(struct wr *w, struct span path)
{
	struct rd r = rd_init(path.p, path.n);
	struct bgp_segment_view s;

	while (bgp_segment_next(&r, 4, &s)) {
		if (is_confed(s.type))
			continue;
		wr_u8(w, s.type);
		wr_u8(w, s.count);
		wr_bytes(w, s.numbers.p, s.numbers.n);
	}
}
