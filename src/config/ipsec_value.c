/* The value syntaxes of ipsec.conf: what strongSwan's starter takes, no more (a
 * decimal 1.5h is an error there too), but without the holes of strtoul. */
#include "config/ipsec_value.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TIME_MAX_S = INT32_MAX }; /* 68 years */

const struct value_word value_yes_no[] = {{"no", 0, NULL}, {"yes", 1, NULL}, {NULL, 0, NULL}};

bool value_number(const char *text, size_t n, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(text[i] - '0');
		if (d > 9 || v > (max - min_z(d, max)) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return n > 0 && v <= max;
}

/* Also 0x... and 0..., as strtoul with base 0 reads them. */
static bool any_base(const char *text, size_t n, uint64_t max, uint64_t *out)
{
	unsigned base = n > 2 && text[0] == '0' && (text[1] | 32) == 'x' ? 16 : n > 1 && text[0] == '0' ? 8 : 10;
	uint64_t v = 0;
	for (size_t i = base == 16 ? 2 : 0; i < n; i++) {
		char c = text[i];
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		             : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
		             : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
		                                    : 99;
		if (d >= base || v > (UINT32_MAX - (uint64_t)d) / base)
			return false;
		v = v * base + d;
	}
	*out = v;
	return n > 0 && v <= max;
}

bool value_item(const char **at, const char **item, size_t *n)
{
	const char *s = *at;
	while (*s == ',' || *s == ' ' || *s == '\t')
		s++;
	size_t len = strcspn(s, ",");
	*at = s + len;
	*item = s;
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	*n = len;
	return len > 0;
}

void sb_words(struct sbuf *b, const struct value_word *words)
{
	size_t n = 0, i = 0;
	for (const struct value_word *w = words; w->name; w++)
		n += !w->refuse;
	for (const struct value_word *w = words; w->name; w++) {
		if (w->refuse)
			continue;
		sb_printf(b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", w->name);
		i++;
	}
}

const char *value_word(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	for (const struct value_word *w = words; w->name; w++) {
		if (strcmp(w->name, text) == 0 && w->refuse)
			return w->refuse;
		if (strcmp(w->name, text) == 0) {
			*(uint8_t *)to = w->value;
			return NULL;
		}
	}
	sb_words(why, words);
	for (const struct value_word *w = words; w->name; w++) {
		if (strcasecmp(w->name, text) == 0)
			sb_put(why, ", in small letters");
	}
	return why->s;
}

const char *value_bool(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint8_t v;
	const char *bad = value_word(text, &v, words ? words : value_yes_no, why);
	if (!bad)
		*(bool *)to = v;
	return bad;
}

const char *value_time(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	static const struct { char unit; uint32_t s; } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t n = strlen(text);
	uint64_t v, factor = 1;
	(void)words, (void)why;
	for (size_t i = 0; n && i < ARRAY_LEN(units); i++) {
		if (text[n - 1] == units[i].unit) {
			factor = units[i].s;
			n--;
			break;
		}
	}
	if (!value_number(text, n, TIME_MAX_S / factor, &v))
		return "a time: a whole number and s, m, h or d, such as 30s or 3h";
	*(dur_t *)to = DUR_S((int64_t)(v * factor));
	return NULL;
}

const char *value_percent(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	size_t n = strlen(text);
	uint64_t v;
	(void)words, (void)why;
	if (n < 2 || text[n - 1] != '%' || !value_number(text, n - 1, 1000000, &v))
		return "a whole number with a percent sign, such as 100%";
	*(uint32_t *)to = (uint32_t)v;
	return NULL;
}

const char *value_dscp(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	size_t n = strlen(text);
	unsigned v = 0;
	(void)words, (void)why;
	if (n == 0 || n > 6 || strspn(text, "01") != n)
		return "up to six binary digits, such as 101110";
	for (size_t i = 0; i < n; i++)
		v = v << 1 | (text[i] == '1');
	*(uint8_t *)to = (uint8_t)v;
	return NULL;
}

const char *value_u16(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v;
	(void)words, (void)why;
	if (!value_number(text, strlen(text), UINT16_MAX, &v))
		return "a whole number up to 65535";
	*(uint16_t *)to = (uint16_t)v;
	return NULL;
}

const char *value_u32(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v;
	(void)words, (void)why;
	if (!value_number(text, strlen(text), UINT32_MAX, &v))
		return "a whole number up to 4294967295";
	*(uint32_t *)to = (uint32_t)v;
	return NULL;
}

const char *value_u64(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v;
	(void)words, (void)why;
	if (!value_number(text, strlen(text), INT64_MAX, &v))
		return "a whole number";
	*(uint64_t *)to = v;
	return NULL;
}

const char *value_tries(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	if (strcmp(text, "%forever") == 0) {
		*(uint32_t *)to = 0;
		return NULL;
	}
	return value_u32(text, to, words, why) ? "a whole number or %forever" : NULL;
}

const char *value_window(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v;
	(void)words, (void)why;
	if (strcmp(text, "-1") == 0)
		*(int64_t *)to = -1;
	else if (value_number(text, strlen(text), 4096 * 8, &v))
		*(int64_t *)to = (int64_t)v;
	else
		return "a number of packets up to 32768, 0 for no window, or -1 for charon.replay_window";
	return NULL;
}

const char *value_mark(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint32_t *mark = to;
	uint64_t v, mask = UINT32_MAX;
	size_t n = strcspn(text, "/");
	(void)words, (void)why;
	if (strncmp(text, "%unique", 7) == 0)
		return "a fixed mark (%unique needs rules that set a mark per peer; gretel keeps peers "
		       "apart without)";
	if (!any_base(text, n, UINT32_MAX, &v) ||
	    (text[n] == '/' && !any_base(text + n + 1, strlen(text + n + 1), UINT32_MAX, &mask)))
		return "a mark such as 42 or 0x2a/0xff";
	mark[0] = (uint32_t)(v & mask);
	mark[1] = (uint32_t)mask;
	return NULL;
}

/* The names that IPsec policies meet; strongSwan asks /etc/protocols, which is
 * missing in many containers. */
static const struct { const char *name; uint8_t proto; } protocols[] = {
	{"%any", 0}, {"icmp", 1}, {"igmp", 2}, {"ipencap", 4}, {"ip-encap", 4}, {"tcp", 6}, {"udp", 17},
	{"ipv6", 41}, {"gre", 47}, {"esp", 50}, {"ipsec-esp", 50}, {"ah", 51}, {"ipsec-ah", 51},
	{"ipv6-icmp", 58}, {"icmpv6", 58}, {"ospf", 89}, {"ospfigp", 89}, {"ipip", 94}, {"pim", 103},
	{"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136},
};
static const struct { const char *name; uint16_t port; } services[] = {
	{"ssh", 22}, {"domain", 53}, {"http", 80}, {"ntp", 123}, {"snmp", 161}, {"bgp", 179}, {"https", 443},
	{"isakmp", 500}, {"syslog", 514}, {"l2f", 1701}, {"l2tp", 1701}, {"ipsec-nat-t", 4500},
};

static bool read_proto(const char *s, size_t n, uint8_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strlen(protocols[i].name) == n && strncasecmp(protocols[i].name, s, n) == 0) {
			*out = protocols[i].proto;
			return true;
		}
	}
	if (n && !any_base(s, n, 255, &v))
		return false;
	*out = (uint8_t)v;
	return true;
}

static bool read_ports(const char *s, struct value_port *p)
{
	uint64_t lo, hi;
	size_t n = strlen(s), dash = strcspn(s, "-");
	if (n == 0 || strcmp(s, "%any") == 0) {
		p->lo = 0, p->hi = 65535;
		return true;
	}
	if (strcmp(s, "%opaque") == 0) {
		p->lo = 65535, p->hi = 0;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (strcmp(services[i].name, s) == 0) {
			p->lo = p->hi = services[i].port;
			return true;
		}
	}
	if (!any_base(s, dash, 65535, &lo))
		return false;
	hi = lo;
	if (dash < n && !any_base(s + dash + 1, n - dash - 1, 65535, &hi))
		return false;
	p->lo = (uint16_t)lo, p->hi = (uint16_t)hi;
	return true;
}

const char *value_protoport(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	struct value_port p;
	size_t n = strcspn(text, "/");
	(void)words, (void)why;
	if (!read_proto(text, n, &p.proto) || !read_ports(text[n] ? text + n + 1 : "", &p))
		return "a protocol and perhaps a port, such as gre, 47 or udp/l2tp";
	/* strongSwan sends gre/0 as port 0 to 0, which no GRE packet has; what is meant is any. */
	if (p.lo == 0 && p.hi == 0)
		p.hi = 65535;
	*(struct value_port *)to = p;
	return NULL;
}

const char *value_ifname(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	size_t n = strlen(text);
	bool ok = n > 0 && n < 16 && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
	(void)words, (void)why;
	for (size_t i = 0; i < n; i++)
		ok = ok && text[i] > ' ' && text[i] < 0x7f && text[i] != '/' && text[i] != ':' && text[i] != '%';
	if (!ok)
		return "the name of an interface, up to 15 characters, such as gre1";
	memset(to, 0, 16);
	memcpy(to, text, n);
	return NULL;
}

const char *value_prefixes(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	struct conf_gre *gre = to, found = {.n_addresses = 0};
	static const char *const expected = "up to four addresses with their prefix length, such as 10.0.0.1/30";
	const char *item;
	size_t n;
	(void)words, (void)why;
	while (value_item(&text, &item, &n)) {
		char one[PREFIX_TEXT] = "";
		if (n >= sizeof one || found.n_addresses == ARRAY_LEN(found.address))
			return expected;
		memcpy(one, item, n);
		struct prefix *p = &found.address[found.n_addresses++];
		if (!prefix_parse(one, p) || addr_is_any(&p->addr))
			return expected;
	}
	if (found.n_addresses == 0)
		return expected;
	memcpy(gre->address, found.address, sizeof gre->address);
	gre->n_addresses = found.n_addresses;
	return NULL;
}

const char *value_addr(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	struct addr a;
	(void)words, (void)why;
	if (!addr_parse(text, &a) || addr_is_any(&a))
		return "an address";
	*(struct addr *)to = a;
	return NULL;
}

const char *value_mtu(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v;
	(void)words, (void)why;
	if (!value_number(text, strlen(text), 65535, &v) || v < 576)
		return "a number of octets from 576 to 65535";
	*(uint16_t *)to = (uint16_t)v;
	return NULL;
}

const char *value_ttl(const char *text, void *to, const struct value_word *words, struct sbuf *why)
{
	uint64_t v = 0;
	(void)words, (void)why;
	if (strcmp(text, "inherit") != 0 && !value_number(text, strlen(text), 255, &v))
		return "a number up to 255, or inherit";
	*(uint8_t *)to = (uint8_t)v;
	return NULL;
}
