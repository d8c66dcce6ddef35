/* Addresses, prefixes, endpoints. */
#include "model/addr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct addr addr_from(const void *octets, size_t n)
{
	struct addr a = {.family = n == 4 ? AF_V4 : n == 16 ? AF_V6 : AF_NONE};
	if (a.family)
		memcpy(a.b, octets, n);
	return a;
}

struct addr addr_any(uint8_t family) { return (struct addr){.family = family}; }

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];
	return memcmp(a->b, zero, sizeof zero) == 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	return a->family != b->family ? (int)a->family - (int)b->family
	                              : memcmp(a->b, b->b, sizeof a->b);
}

bool addr_eq(const struct addr *a, const struct addr *b) { return addr_cmp(a, b) == 0; }

bool addr_in(const struct addr *a, const struct prefix *p)
{
	if (a->family != p->addr.family)
		return false;
	size_t whole = p->len / 8u, rest = p->len % 8u;
	if (memcmp(a->b, p->addr.b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ p->addr.b[whole]) >> (8 - rest)) == 0;
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

bool addr_parse(const char *s, struct addr *out)
{
	uint8_t b[16];
	if (inet_pton(AF_INET, s, b) == 1)
		*out = addr_from(b, 4);
	else if (inet_pton(AF_INET6, s, b) == 1)
		*out = addr_from(b, 16);
	else
		return false;
	return true;
}

bool prefix_parse(const char *s, struct prefix *out)
{
	char text[PREFIX_TEXT];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (!addr_parse(text, &out->addr))
		return false;
	size_t bits = addr_len(&out->addr) * 8;
	out->len = (uint8_t)bits;
	if (!slash)
		return true;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	char *end;
	unsigned long len = strtoul(slash + 1, &end, 10);
	if (*end || len > bits)
		return false;
	out->len = (uint8_t)len;
	return true;
}

const char *addr_str(const struct addr *a, char out[ADDR_TEXT])
{
	if (a->family == AF_NONE ||
	    !inet_ntop(a->family == AF_V4 ? AF_INET : AF_INET6, a->b, out, ADDR_TEXT))
		memcpy(out, "%any", 5);
	return out;
}

void sb_addr(struct sbuf *b, const struct addr *a)
{
	char text[ADDR_TEXT];
	sb_put(b, addr_str(a, text));
}

void sb_prefix(struct sbuf *b, const struct prefix *p)
{
	sb_addr(b, &p->addr);
	sb_printf(b, "/%u", p->len);
}

void sb_endpoint(struct sbuf *b, const struct endpoint *e)
{
	sb_addr(b, &e->addr);
	sb_printf(b, "[%u]", e->port);
}
