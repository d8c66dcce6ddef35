/* Communities as text, and back. See community.h. */
#include "config/community.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* IANA's registry of well-known communities, with FRR's words. */
static const struct { const char *word; uint32_t value; } well_known[] = {
	{"internet", 0},
	{"graceful-shutdown", 0xffff0000},
	{"accept-own", 0xffff0001},
	{"route-filter-translated-v4", 0xffff0002},
	{"route-filter-v4", 0xffff0003},
	{"route-filter-translated-v6", 0xffff0004},
	{"route-filter-v6", 0xffff0005},
	{"llgr-stale", 0xffff0006},
	{"no-llgr", 0xffff0007},
	{"accept-own-nexthop", 0xffff0008},
	{"blackhole", 0xffff029a},
	{"no-export", 0xffffff01},
	{"no-advertise", 0xffffff02},
	{"local-AS", 0xffffff03},
	{"no-peer", 0xffffff04},
};

size_t community_size(uint8_t kind) { return kind == COMM_STANDARD ? 4 : kind == COMM_EXTENDED ? 8 : 12; }

static void put(uint8_t *p, uint32_t v, size_t n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t get(const uint8_t *p, size_t n)
{
	uint32_t v = 0;
	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* Digits up to `end`, which is passed by. */
static bool part(const char **s, char end, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	const char *p = *s;
	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return false;
	}
	if (*p != end)
		return false;
	*s = p + (end != '\0');
	*out = (uint32_t)v;
	return true;
}

static bool standard(const char *s, uint8_t *out)
{
	uint32_t hi, lo;
	for (size_t i = 0; i < ARRAY_LEN(well_known); i++) {
		if (strcmp(s, well_known[i].word) == 0) {
			put(out, well_known[i].value, 4);
			return true;
		}
	}
	if (!strchr(s, ':')) {
		if (!part(&s, '\0', UINT32_MAX, &lo))
			return false;
		put(out, lo, 4);
		return true;
	}
	if (!part(&s, ':', 65535, &hi) || !part(&s, '\0', 65535, &lo))
		return false;
	put(out, hi, 2);
	put(out + 2, lo, 2);
	return true;
}

/* RFC 4360 4, 5; 5668: the administrator is a two-octet AS, an address or a four-octet AS. */
static bool extended(const char *type, const char *s, uint8_t *out)
{
	char admin[ADDR_TEXT];
	struct addr a;
	uint32_t hi, lo;
	const char *colon = strchr(s, ':');
	out[1] = type && strcmp(type, "rt") == 0 ? 2 : 3;
	if (!type || !colon || (size_t)(colon - s) >= sizeof admin || (out[1] == 3 && strcmp(type, "soo") != 0))
		return false;
	memcpy(admin, s, (size_t)(colon - s));
	admin[colon - s] = '\0';
	if (addr_parse(admin, &a) && a.family == AF_V4) {
		s = colon + 1;
		out[0] = 1;
		memcpy(out + 2, a.b, 4);
		if (!part(&s, '\0', 65535, &lo))
			return false;
		put(out + 6, lo, 2);
		return true;
	}
	if (!part(&s, ':', UINT32_MAX, &hi) || !part(&s, '\0', hi > 65535 ? 65535 : UINT32_MAX, &lo))
		return false;
	out[0] = hi > 65535 ? 2 : 0;
	put(out + 2, hi, hi > 65535 ? 4 : 2);
	put(out + (hi > 65535 ? 6 : 4), lo, hi > 65535 ? 2 : 4);
	return true;
}

bool community_parse(uint8_t kind, const char *type, const char *s, uint8_t out[12])
{
	uint32_t v[3];
	if (kind == COMM_STANDARD)
		return standard(s, out);
	if (kind == COMM_EXTENDED)
		return extended(type, s, out);
	if (!part(&s, ':', UINT32_MAX, &v[0]) || !part(&s, ':', UINT32_MAX, &v[1]) || !part(&s, '\0', UINT32_MAX, &v[2]))
		return false;
	for (size_t i = 0; i < 3; i++)
		put(out + 4 * i, v[i], 4);
	return true;
}

void community_print(struct sbuf *b, uint8_t kind, const uint8_t *v)
{
	if (kind == COMM_LARGE) {
		sb_printf(b, "%u:%u:%u", get(v, 4), get(v + 4, 4), get(v + 8, 4));
		return;
	}
	if (kind == COMM_EXTENDED) {
		sb_put(b, v[1] == 2 ? "rt " : "soo ");
		if (v[0] == 1)
			sb_printf(b, "%u.%u.%u.%u:%u", v[2], v[3], v[4], v[5], get(v + 6, 2));
		else
			sb_printf(b, "%u:%u", get(v + 2, v[0] ? 4 : 2), get(v[0] ? v + 6 : v + 4, v[0] ? 2 : 4));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(well_known); i++) {
		if (well_known[i].value == get(v, 4)) {
			sb_put(b, well_known[i].word);
			return;
		}
	}
	sb_printf(b, "%u:%u", get(v, 2), get(v + 2, 2));
}

size_t community_sort(uint8_t kind, uint8_t *v, size_t n)
{
	size_t size = community_size(kind), out = 0;
	for (size_t i = 0; i + size <= n; i += size) {
		uint8_t one[12];
		size_t at = out;
		bool twice = false;
		memcpy(one, v + i, size);
		for (; at > 0 && memcmp(v + at - size, one, size) >= 0; at -= size)
			twice = twice || memcmp(v + at - size, one, size) == 0;
		if (twice)
			continue;
		memmove(v + at + size, v + at, out - at);
		memcpy(v + at, one, size);
		out += size;
	}
	return out;
}
