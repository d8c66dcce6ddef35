/* Addresses and flags as octets, for what has no room for whole structs: routes by the thousand, the books. Pure. */
#ifndef PRIVSEP_PACK_H
#define PRIVSEP_PACK_H

#include "model/model.h"

/* A family and as many octets as it has. */
static inline void pack_addr(struct wr *w, const struct addr *a)
{
	wr_u8(w, a->family);
	wr_bytes(w, a->b, addr_len(a));
}

/* AF_NONE, and the cursor's error, when it is none. */
static inline struct addr unpack_addr(struct rd *r)
{
	struct addr a = {.family = rd_u8(r)};
	if (a.family != AF_NONE && addr_len(&a) == 0)
		rd_fail(r);
	else
		rd_copy(r, a.b, addr_len(&a));
	return rd_ok(r) ? a : addr_any(AF_NONE);
}

/* 0 or 1, or the cursor's error. */
static inline bool unpack_bool(struct rd *r)
{
	uint8_t v = rd_u8(r);
	if (v > 1)
		rd_fail(r);
	return v == 1;
}

#endif
