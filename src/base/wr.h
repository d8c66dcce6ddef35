/* The write cursor: appends to a buffer that the caller owns, with a sticky
 * error when it would overflow or a value does not fit its field. Lengths are
 * patched by the writer, never counted by hand. */
#ifndef BASE_WR_H
#define BASE_WR_H

#include "base/bug.h"

struct wr {
	uint8_t *base;
	size_t len, cap;
	bool bad;
};

static inline struct wr wr_init(void *p, size_t cap)
{
	return (struct wr){.base = p, .len = 0, .cap = cap, .bad = false};
}
static inline bool wr_ok(const struct wr *w) { return !w->bad; }

/* Reserves n octets, as they are: the caller writes each of them. NULL when they do not fit. Inline: prefixes of routes come by
 * the million. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	if (w->bad || w->cap - w->len < n) {
		w->bad = true;
		return NULL;
	}
	if (n == 0) /* an empty writer may have no address */
		return w->base ? w->base + w->len : NULL;
	uint8_t *p = w->base + w->len;
	w->len += n;
	return p;
}
/* Reserves n octets, zeroed, and returns them; NULL when they do not fit. */
uint8_t *wr_space(struct wr *w, size_t n);
void wr_u8(struct wr *w, unsigned v);
void wr_u16(struct wr *w, unsigned v);
void wr_u24(struct wr *w, uint32_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);
/* Overwrites two or four octets at an offset that was written before. */
void wr_put_u8(struct wr *w, size_t at, unsigned v);
void wr_put_u16(struct wr *w, size_t at, size_t v);
void wr_put_u32(struct wr *w, size_t at, size_t v);
void wr_fail(struct wr *w);

#endif
