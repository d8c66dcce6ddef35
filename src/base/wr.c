/* The write cursor. */
#include "base/wr.h"

#include <string.h>

uint8_t *wr_space(struct wr *w, size_t n)
{
	uint8_t *p = wr_room(w, n);
	if (p && n)
		memset(p, 0, n);
	return p;
}

/* Writes the low n octets of v, most significant first; v must fit. */
static void put_be(struct wr *w, uint8_t *p, size_t n, uint64_t v)
{
	if (n < 8 && v >> (8 * n)) {
		w->bad = true;
		return;
	}
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static void append_be(struct wr *w, size_t n, uint64_t v)
{
	uint8_t *p = wr_space(w, n);
	if (p)
		put_be(w, p, n, v);
}

static void patch_be(struct wr *w, size_t at, size_t n, uint64_t v)
{
	if (w->bad || at > w->len || w->len - at < n) {
		w->bad = true;
		return;
	}
	put_be(w, w->base + at, n, v);
}

void wr_u8(struct wr *w, unsigned v) { append_be(w, 1, v); }
void wr_u16(struct wr *w, unsigned v) { append_be(w, 2, v); }
void wr_u24(struct wr *w, uint32_t v) { append_be(w, 3, v); }
void wr_u32(struct wr *w, uint32_t v) { append_be(w, 4, v); }
void wr_u64(struct wr *w, uint64_t v) { append_be(w, 8, v); }

void wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *out = wr_room(w, n);
	if (out && n)
		memcpy(out, p, n);
}

void wr_put_u8(struct wr *w, size_t at, unsigned v) { patch_be(w, at, 1, v); }
void wr_put_u16(struct wr *w, size_t at, size_t v) { patch_be(w, at, 2, v); }
void wr_put_u32(struct wr *w, size_t at, size_t v) { patch_be(w, at, 4, v); }
void wr_fail(struct wr *w) { w->bad = true; }
