/* Addresses, prefixes, endpoints. Octets in network order, numbers in host order. */
#ifndef MODEL_ADDR_H
#define MODEL_ADDR_H

#include "base/base.h"

enum addr_family { AF_NONE = 0, AF_V4 = 4, AF_V6 = 6 };

struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t b[16];  /* the first 4 for AF_V4, the rest zero */
};

struct prefix {
	struct addr addr;
	uint8_t len;
};

struct endpoint {
	struct addr addr;
	uint16_t port;
};

enum { ADDR_TEXT = 46, PREFIX_TEXT = 50, ENDPOINT_TEXT = 54 };

/* 4 or 16; 0 for AF_NONE. */
static inline size_t addr_len(const struct addr *a)
{
	return a->family == AF_V4 ? 4 : a->family == AF_V6 ? 16 : 0;
}
struct addr addr_from(const void *octets, size_t n); /* n 4 or 16, else AF_NONE */
struct addr addr_any(uint8_t family);
bool addr_is_any(const struct addr *a); /* unset or all zero */
bool addr_eq(const struct addr *a, const struct addr *b);
int addr_cmp(const struct addr *a, const struct addr *b); /* family first, then octets */
bool addr_in(const struct addr *a, const struct prefix *p);
bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);
/* A whole string; no names, no brackets, no zone. False: not an address. */
bool addr_parse(const char *s, struct addr *out) MUST_USE;
/* "10.0.0.1/30", or a bare address as a host prefix. Host bits are kept. */
bool prefix_parse(const char *s, struct prefix *out) MUST_USE;
void sb_addr(struct sbuf *b, const struct addr *a);
void sb_prefix(struct sbuf *b, const struct prefix *p);
/* strongSwan's form: 10.0.0.2[4500] */
void sb_endpoint(struct sbuf *b, const struct endpoint *e);
/* Into a caller's array, which it returns: for printf arguments. */
const char *addr_str(const struct addr *a, char out[ADDR_TEXT]);

#endif
