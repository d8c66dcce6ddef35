/* Front door of base/: what every other directory may use. Nothing in here knows
 * a protocol, and nothing in here has side effects: cursors (rd, wr) over octets,
 * time and randomness and memory as values handed in, containers that live in
 * their owners, a bounded string builder, secret octets.
 *
 *   rd, wr    cursors with a sticky error: the only road from and to octets
 *   be        numbers at offsets that were proved, for the path of each packet
 *   csum      the Internet checksum
 *   mtime     mono_t and dur_t, nanoseconds
 *   mem, rng  handles, so that pure code has no global state
 *   list, hmap, heap   intrusive: no allocation per element
 *   sbuf      bounded text
 *   jsonw     JSON, written in pieces
 *   secret    key octets, wiped
 *   bug       BUG(), MUST_USE, small macros */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/be.h"
#include "base/bug.h"
#include "base/csum.h"
#include "base/heap.h"
#include "base/hmap.h"
#include "base/jsonw.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/mtime.h"
#include "base/rd.h"
#include "base/rng.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include "base/wr.h"

/* A borrowed run of octets. */
struct span {
	const uint8_t *p;
	size_t n;
};
/* What is behind the first n octets; empty when there are not so many. */
static inline struct span span_behind(struct span s, size_t n)
{
	return n >= s.n ? (struct span){0} : (struct span){.p = s.p + n, .n = s.n - n};
}

#define SPAN(ptr, len) ((struct span){.p = (const uint8_t *)(ptr), .n = (len)})

#endif
