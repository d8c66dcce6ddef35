/* Octets of bgp_load: what it sends, and what it makes of an UPDATE. RFC 4271, 4456, 5492, 6793. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { ORIGIN = 1, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, COMMUNITIES = 8, ORIGINATOR_ID, CLUSTER_LIST };

static void put8(struct octets *o, uint8_t v) { octets_put(o, &v, 1); }

static void put16(struct octets *o, uint16_t v)
{
	v = htons(v);
	octets_put(o, &v, 2);
}

static void put32(struct octets *o, uint32_t v)
{
	v = htonl(v);
	octets_put(o, &v, 4);
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

void octets_put(struct octets *o, const void *p, size_t n)
{
	if (o->n + n > o->cap) {
		o->cap = (o->n + n) * 2 + 256;
		o->p = realloc(o->p, o->cap);
		if (!o->p)
			abort();
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static size_t begin(struct octets *o, uint8_t type)
{
	static const uint8_t marker[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	size_t at = o->n;
	octets_put(o, marker, 16);
	put16(o, 0);
	put8(o, type);
	return at;
}

static void end(struct octets *o, size_t at)
{
	o->p[at + 16] = (uint8_t)((o->n - at) >> 8);
	o->p[at + 17] = (uint8_t)(o->n - at);
}

void msg_open(struct octets *o, uint32_t id, uint16_t hold)
{
	/* One optional parameter: IPv4 unicast, route refresh, graceful restart for no family (so that the other end sends
	 * End-of-RIB), AS numbers of four octets. */
	static const uint8_t caps[] = {2, 18, 1, 4, 0, 1, 0, 1, 2, 0, 64, 2, 0, 0, 65, 4, 0, 0, AS >> 8, AS & 255};
	size_t at = begin(o, OPEN);
	put8(o, 4);
	put16(o, AS);
	put16(o, hold);
	put32(o, id);
	put8(o, sizeof caps);
	octets_put(o, caps, sizeof caps);
	end(o, at);
}

void msg_keepalive(struct octets *o) { end(o, begin(o, KEEPALIVE)); }

void msg_eor(struct octets *o)
{
	size_t at = begin(o, UPDATE);
	put32(o, 0);
	end(o, at);
}

void msg_cease(struct octets *o)
{
	size_t at = begin(o, NOTIFICATION);
	put8(o, 6);
	put8(o, 3);
	end(o, at);
}

/* --- a feed --- */

static uint32_t path_of(uint32_t set, unsigned hop) { return hop == 0 ? 64512 : hop == 1 ? 100000 + set : 200000 + set % 7; }

static void put_attrs(struct octets *o, const struct feed *f, uint32_t set, uint32_t generation)
{
	octets_put(o, (uint8_t[]){0x40, ORIGIN, 1, 0}, 4);
	octets_put(o, (uint8_t[]){0x40, AS_PATH, 14, 2, 3}, 5);
	for (unsigned i = 0; i < 3; i++)
		put32(o, path_of(set, i));
	octets_put(o, (uint8_t[]){0x40, NEXT_HOP, 4}, 3);
	octets_put(o, &f->next_hop, 4);
	if (set & 1) {
		octets_put(o, (uint8_t[]){0x80, MED, 4}, 3);
		put32(o, set);
	}
	octets_put(o, (uint8_t[]){0x40, LOCAL_PREF, 4}, 3);
	put32(o, 100);
	octets_put(o, (uint8_t[]){0xc0, COMMUNITIES, 8}, 3);
	put32(o, 65000u << 16 | set);
	put32(o, 65001u << 16 | generation);
}

static void put_prefix(struct octets *o, uint32_t i)
{
	put32(o, 24u << 24 | (BASE_PREFIX + i));
}

/* One UPDATE with at most max prefixes of a set, beginning with the j-th. Returns the next j. */
static uint32_t put_update(struct octets *o, const struct feed *f, uint32_t set, uint32_t generation, uint32_t j, uint32_t max)
{
	size_t at = begin(o, UPDATE), attrs;
	put16(o, 0);
	attrs = o->n;
	put16(o, 0);
	put_attrs(o, f, set, generation);
	o->p[attrs] = (uint8_t)((o->n - attrs - 2) >> 8);
	o->p[attrs + 1] = (uint8_t)(o->n - attrs - 2);
	while (max-- && (uint64_t)j * f->sets + set < f->prefixes && o->n - at + NLRI <= MSG_MAX)
		put_prefix(o, j++ * f->sets + set);
	end(o, at);
	return j;
}

void msg_table(struct octets *o, const struct feed *f, uint32_t generation, bool interleaved)
{
	if (!interleaved) {
		for (uint32_t set = 0; set < f->sets && set < f->prefixes; set++)
			for (uint32_t j = 0; (uint64_t)j * f->sets + set < f->prefixes;)
				j = put_update(o, f, set, generation, j, UINT32_MAX);
		return;
	}
	for (uint32_t j = 0; (uint64_t)j * f->sets < f->prefixes; j += f->small)
		for (uint32_t set = 0; set < f->sets && (uint64_t)j * f->sets + set < f->prefixes; set++)
			put_update(o, f, set, generation, j, f->small);
}

void msg_withdraw_table(struct octets *o, const struct feed *f)
{
	const uint32_t most = (MSG_MAX - UPDATE_FIXED) / NLRI;
	uint32_t in = 0;
	size_t at = 0;

	for (uint32_t set = 0; set < f->sets; set++)
		for (uint32_t i = set; i < f->prefixes; i += f->sets) {
			if (in == 0) {
				at = begin(o, UPDATE);
				put16(o, 0);
			}
			put_prefix(o, i);
			if (++in < most && (i + f->sets < f->prefixes || set + 1 < f->sets))
				continue;
			o->p[at + HEADER] = (uint8_t)(in * NLRI >> 8);
			o->p[at + HEADER + 1] = (uint8_t)(in * NLRI);
			put16(o, 0);
			end(o, at);
			in = 0;
		}
	if (in) {
		o->p[at + HEADER] = (uint8_t)(in * NLRI >> 8);
		o->p[at + HEADER + 1] = (uint8_t)(in * NLRI);
		put16(o, 0);
		end(o, at);
	}
}

void msg_one(struct octets *o, const struct feed *f, uint32_t prefix, uint32_t generation, bool withdraw)
{
	size_t at = begin(o, UPDATE), attrs;
	put16(o, withdraw ? NLRI : 0);
	if (withdraw)
		put_prefix(o, prefix);
	attrs = o->n;
	put16(o, 0);
	if (!withdraw) {
		put_attrs(o, f, prefix % f->sets, generation);
		o->p[attrs + 1] = (uint8_t)(o->n - attrs - 2);
		put_prefix(o, prefix);
	}
	end(o, at);
}

/* --- what is received --- */

static void wrong(struct count *c, uint32_t n, const char *format, ...)
{
	va_list ap;
	c->wrong += n;
	if (c->why[0])
		return;
	va_start(ap, format);
	vsnprintf(c->why, sizeof c->why, format, ap);
	va_end(ap);
}

struct attrs {
	uint32_t has; /* bit by type */
	uint32_t set, generation, med, local_pref, originator;
	struct in_addr next_hop;
	uint32_t path[3];
	unsigned path_n, clusters;
};

/* False: malformed. */
static bool parse_attr(struct attrs *a, unsigned type, const uint8_t *p, size_t n)
{
	if (type < 32) {
		if (a->has & 1u << type)
			return false;
		a->has |= 1u << type;
	}
	switch (type) {
	case ORIGIN:
		return n == 1 && p[0] == 0;
	case AS_PATH:
		if (n < 2 || p[0] != 2 || n != 2 + 4 * (size_t)p[1])
			return false;
		a->path_n = p[1];
		for (unsigned i = 0; i < 3 && i < a->path_n; i++)
			a->path[i] = get32(p + 2 + 4 * i);
		return true;
	case NEXT_HOP:
		memcpy(&a->next_hop, p, n == 4 ? 4 : 0);
		return n == 4;
	case MED:
		a->med = n == 4 ? get32(p) : 0;
		return n == 4;
	case LOCAL_PREF:
		a->local_pref = n == 4 ? get32(p) : 0;
		return n == 4;
	case COMMUNITIES:
		if (n != 8)
			return false;
		for (unsigned i = 0; i < 2; i++) {
			if (get16(p + 4 * i) == 65000)
				a->set = get16(p + 4 * i + 2);
			else
				a->generation = get16(p + 4 * i + 2);
		}
		return true;
	case ORIGINATOR_ID:
		a->originator = n == 4 ? get32(p) : 0;
		return n == 4;
	case CLUSTER_LIST:
		a->clusters = (unsigned)n / 4;
		return n && n % 4 == 0;
	default:
		return false;
	}
}

static bool parse_attrs(struct attrs *a, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	while (p < end) {
		size_t head = end - p >= 4 && p[0] & 0x10 ? 4 : 3, len;
		if ((size_t)(end - p) < head)
			return false;
		len = head == 4 ? get16(p + 2) : p[2];
		if ((size_t)(end - p) - head < len || !parse_attr(a, p[1], p + head, len))
			return false;
		p += head + len;
	}
	return true;
}

/* Why the attributes are not those of a route of this feed that was reflected once, or NULL. */
static const char *not_right(const struct attrs *a, const struct expect *e)
{
	const uint32_t all = 1u << ORIGIN | 1u << AS_PATH | 1u << NEXT_HOP | 1u << LOCAL_PREF | 1u << COMMUNITIES |
			     1u << ORIGINATOR_ID | 1u << CLUSTER_LIST;
	if ((a->has & all) != all)
		return "an attribute is missing";
	if (a->set >= e->feed->sets)
		return "an attribute set that is not ours";
	if (a->generation != e->generation)
		return "an old generation";
	if (a->next_hop.s_addr != e->feed->next_hop.s_addr)
		return "another next hop";
	if (a->local_pref != 100)
		return "another LOCAL_PREF";
	if (htonl(a->originator) != e->originator.s_addr)
		return "another ORIGINATOR_ID";
	if (a->clusters != 1)
		return "not one cluster in CLUSTER_LIST";
	if (a->path_n != 3)
		return "another AS_PATH";
	for (unsigned i = 0; i < 3; i++)
		if (a->path[i] != path_of(a->set, i))
			return "another AS_PATH";
	if (a->set & 1 ? a->med != a->set || !(a->has & 1u << MED) : a->med != 0)
		return "another MED";
	return NULL;
}

/* Runs over prefixes; set UINT32_MAX: any. */
static void count_prefixes(struct count *c, const struct expect *e, const uint8_t *p, size_t n, uint32_t set, uint64_t now)
{
	const uint32_t limit = e->feed->prefixes + SPARE, sets = e->feed->sets;
	uint32_t have = c->have, again = c->again;

	for (; n >= NLRI; p += NLRI, n -= NLRI) {
		uint32_t i = (get32(p) & 0xffffff) - BASE_PREFIX;
		uint64_t bit = UINT64_C(1) << (i & 63);
		if (p[0] != 24 || i >= limit || (set != UINT32_MAX && i % sets != set)) {
			wrong(c, 1, "a prefix that is not ours, or not with these attributes: %u.%u.%u/%u", p[1], p[2], p[3], p[0]);
			continue;
		}
		if (c->seen[i >> 6] & bit) {
			again++;
		} else {
			c->seen[i >> 6] |= bit;
			have++;
		}
	}
	if (n)
		wrong(c, 1, "octets behind the last prefix");
	if (have != c->have)
		c->last = now;
	if (set != UINT32_MAX)
		c->sets[set].prefixes += have - c->have;
	c->have = have;
	c->again = again;
}

void msg_count(struct count *c, const struct expect *e, const uint8_t *msg, size_t n, uint64_t now)
{
	struct attrs a = {0};
	size_t withdrawn, attrs, nlri;
	const char *why;

	if (!c->first)
		c->first = now;
	c->octets += n;
	withdrawn = n >= UPDATE_FIXED ? get16(msg + HEADER) : n;
	if (n < UPDATE_FIXED + withdrawn || n < UPDATE_FIXED + withdrawn + get16(msg + HEADER + 2 + withdrawn)) {
		wrong(c, 1, "an UPDATE whose lengths do not fit");
		return;
	}
	attrs = get16(msg + HEADER + 2 + withdrawn);
	nlri = n - UPDATE_FIXED - withdrawn - attrs;
	if (n == UPDATE_FIXED) {
		c->eors++;
		return;
	}
	c->updates++;
	if (withdrawn && e->withdraw)
		count_prefixes(c, e, msg + HEADER + 2, withdrawn, UINT32_MAX, now);
	else if (withdrawn)
		wrong(c, (uint32_t)withdrawn / NLRI, "routes withdrawn that should stay");
	if (!nlri)
		return;
	if (e->withdraw) {
		wrong(c, (uint32_t)nlri / NLRI, "routes announced while all is withdrawn");
		return;
	}
	why = parse_attrs(&a, msg + UPDATE_FIXED + withdrawn, attrs) ? not_right(&a, e) : "malformed attributes";
	if (why) {
		wrong(c, (uint32_t)nlri / NLRI, "%s (set %u, generation %u)", why, a.set, a.generation);
		return;
	}
	if (a.has & 1u << MED && !(a.set & 1))
		c->med_added++;
	c->sets[a.set].attrs = (uint16_t)attrs;
	count_prefixes(c, e, msg + UPDATE_FIXED + withdrawn + attrs, nlri, a.set, now);
}

uint64_t msg_perfect(const struct count *c, const struct expect *e)
{
	uint64_t sum = 0;
	if (e->withdraw) {
		const uint32_t most = (MSG_MAX - UPDATE_FIXED) / NLRI;
		return (c->have + most - 1) / most;
	}
	for (uint32_t set = 0; set < e->feed->sets; set++) {
		uint32_t most = (uint32_t)(MSG_MAX - UPDATE_FIXED - c->sets[set].attrs) / NLRI;
		sum += (c->sets[set].prefixes + most - 1) / most;
	}
	return sum;
}
