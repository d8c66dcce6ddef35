/* The read cursor: the only way untrusted octets become numbers.
 *
 * A cursor carries a sticky error: after the first short read every further
 * read yields 0 or NULL, so a decoder is a straight list of fields and one test
 * at its end. Sub-cursors bound nested structures. All integers are big-endian
 * on the wire and host order in the result. */
#ifndef BASE_RD_H
#define BASE_RD_H

#include "base/bug.h"

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct rd rd_init(const void *p, size_t n)
{
	const uint8_t *b = p;
	return (struct rd){.p = b, .end = n ? b + n : b, .bad = false};
}
static inline size_t rd_left(const struct rd *r) { return r->bad ? 0 : (size_t)(r->end - r->p); }
static inline bool rd_ok(const struct rd *r) { return !r->bad; }
/* True when all was read, exactly, without an error. */
static inline bool rd_done(const struct rd *r) { return !r->bad && r->p == r->end; }

/* Borrows n octets; NULL (and sticky error) when fewer are left. Inline, as are the numbers: routes come by the million. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	if (n) /* an empty cursor may have no address */
		r->p += n;
	return p;
}
static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);
	return p ? p[0] : 0;
}
static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);
	return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}
static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);
	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}
uint32_t rd_u24(struct rd *r);
uint64_t rd_u64(struct rd *r);
void rd_copy(struct rd *r, void *out, size_t n);
static inline void rd_skip(struct rd *r, size_t n) { (void)rd_take(r, n); }
/* A cursor over the next n octets, which are consumed here. */
struct rd rd_sub(struct rd *r, size_t n);
void rd_fail(struct rd *r);

#endif
