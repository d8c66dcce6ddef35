/* What the rows of a verb table are written with. Included by the files that hold such a table, and by nobody else. */
#ifndef PRIVSEP_FIELDS_H
#define PRIVSEP_FIELDS_H

#include "privsep/verbs.h"

#define FIELD(s, member, kind, min, max)                                                                          \
	{                                                                                                         \
		.name = #member, .at = offsetof(struct s, member), .size = sizeof(((struct s *)0)->member),       \
		.check = (kind), .lo = (min), .hi = (max)                                                         \
	}
#define NAME(s) FIELD(s, tunnel, CHECK_TEXT, 1, 0)
#define BOOL(s, member) FIELD(s, member, CHECK_BOOL, 0, 1)
#define U8(s, member, min, max) FIELD(s, member, CHECK_U8, min, max)
#define I8(s, member, min, max) FIELD(s, member, CHECK_I8, min, max)
#define U32(s, member, min) FIELD(s, member, CHECK_U32, min, UINT32_MAX)
#define U16(s, member) FIELD(s, member, CHECK_U16, 0, UINT16_MAX)
#define U64(s, member) FIELD(s, member, CHECK_U64, INT64_MIN, INT64_MAX)
#define TIME(s, member) FIELD(s, member, CHECK_U64, 0, INT64_MAX)
#define UPTO(s, member, max) FIELD(s, member, CHECK_U32, 0, max)
#define SPI(s, member) FIELD(s, member, CHECK_U32, 256, UINT32_MAX) /* RFC 4303 2.1: 1..255 are reserved */
#define ADDR(s, member) FIELD(s, member, CHECK_ADDR, 1, 0)
#define ADDR_OR_NONE(s, member) FIELD(s, member, CHECK_ADDR, 0, 0)
#define PREFIX(s, member) FIELD(s, member, CHECK_PREFIX, 0, 0)
#define ENDPOINT(s, member) FIELD(s, member, CHECK_ENDPOINT, 1, 0)
#define ENDPOINT_OR_NONE(s, member) FIELD(s, member, CHECK_ENDPOINT, 0, 0)
#define IDENT(s, member) FIELD(s, member, CHECK_IDENT, 0, 0)
#define SECRET(s, member) FIELD(s, member, CHECK_SECRET, 0, 0)

#define CHILD_SA(s)                                                                                               \
	U32(s, sa.reqid, 1), ADDR(s, sa.local), ADDR(s, sa.remote), SPI(s, sa.in.spi), SECRET(s, sa.in.encr),     \
		SECRET(s, sa.in.integ), U32(s, sa.out.spi, 0), SECRET(s, sa.out.encr), SECRET(s, sa.out.integ),      \
		BOOL(s, sa.encap), UPTO(s, sa.replay_window, 4096), BOOL(s, sa.install_policy)

#define BODY(s, rows) .body = sizeof(struct s), .field = (rows), .n_fields = ARRAY_LEN(rows)
#define NOTHING {.body = 0}
#define REFUSAL .tail = TAIL_TEXT, .max_tail = PRIV_TEXT_MAX
#define DONE {REFUSAL}

#endif
