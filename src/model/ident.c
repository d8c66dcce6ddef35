/* IKE identities. */
#include "model/ident.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool ident_set(struct ident *out, uint8_t type, const void *p, size_t n)
{
	if (n > IDENT_MAX)
		return false;
	*out = (struct ident){.type = type, .len = (uint8_t)n};
	if (n)
		memcpy(out->data, p, n);
	return true;
}

struct ident ident_from_addr(const struct addr *a)
{
	struct ident id = {.type = a->family == AF_V4   ? ID_IPV4_ADDR
	                           : a->family == AF_V6 ? ID_IPV6_ADDR
	                                                : ID_ANY,
	                   .len = (uint8_t)addr_len(a)};
	memcpy(id.data, a->b, addr_len(a));
	return id;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Hex octets with optional colons between them. */
static bool set_hex(struct ident *out, uint8_t type, const char *s)
{
	uint8_t b[IDENT_MAX];
	size_t n = 0;
	while (*s) {
		if (*s == ':') {
			s++;
			continue;
		}
		int hi = hex_digit(s[0]), lo = s[0] ? hex_digit(s[1]) : -1;
		if (hi < 0 || lo < 0 || n == sizeof b)
			return false;
		b[n++] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	return ident_set(out, type, b, n);
}

static bool set_text(struct ident *out, uint8_t type, const char *s)
{
	return ident_set(out, type, s, strlen(s));
}

/* The typed prefixes take their value raw, or as hex behind '#'. */
static const struct {
	const char *prefix;
	uint8_t type;
} typed[] = {
	{"ipv4:", ID_IPV4_ADDR},  {"ipv6:", ID_IPV6_ADDR},      {"rfc822:", ID_RFC822_ADDR},
	{"email:", ID_RFC822_ADDR}, {"userfqdn:", ID_RFC822_ADDR}, {"fqdn:", ID_FQDN},
	{"dns:", ID_FQDN},        {"asn1dn:", ID_DER_ASN1_DN},  {"asn1gn:", ID_DER_ASN1_GN},
	{"keyid:", ID_KEY_ID},
};

static bool parse_typed(const char *text, struct ident *out, bool *ok)
{
	for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
		size_t n = strlen(typed[i].prefix);
		if (strncasecmp(text, typed[i].prefix, n) != 0)
			continue;
		const char *v = text + n;
		struct addr a;
		if (v[0] == '#')
			*ok = set_hex(out, typed[i].type, v + 1);
		else if ((typed[i].type == ID_IPV4_ADDR || typed[i].type == ID_IPV6_ADDR) && addr_parse(v, &a)) {
			/* strongSwan keeps the text here, an identity no peer can have; the
			 * address is what was meant. */
			*out = ident_from_addr(&a);
			*ok = true;
		} else
			*ok = set_text(out, typed[i].type, v);
		return true;
	}
	return false;
}

static bool parse_any(const char *text, struct ident *out)
{
	static const char *const any[] = {"", "%any", "%any4", "%any6", "0.0.0.0", "*", "::", "0::0"};
	for (size_t i = 0; i < ARRAY_LEN(any); i++) {
		if (strcmp(text, any[i]) == 0) {
			*out = (struct ident){.type = ID_ANY};
			return true;
		}
	}
	return false;
}

static bool parse_net(const char *text, struct ident *out)
{
	struct prefix p;
	if (!strchr(text, '/') || !prefix_parse(text, &p))
		return false;
	uint8_t b[17];
	size_t n = addr_len(&p.addr);
	memcpy(b, p.addr.b, n);
	b[n] = p.len;
	return ident_set(out, n == 4 ? ID_IPV4_ADDR_SUBNET : ID_IPV6_ADDR_SUBNET, b, n + 1);
}

bool ident_parse(const char *text, struct ident *out)
{
	bool ok = true;
	struct addr a;
	if (parse_typed(text, out, &ok))
		return ok;
	if (parse_any(text, out) || parse_net(text, out))
		return true;
	if (addr_parse(text, &a)) {
		*out = ident_from_addr(&a);
		return true;
	}
	if (text[0] == '@' && text[1] == '#')
		return set_hex(out, ID_KEY_ID, text + 2);
	if (text[0] == '@' && text[1] == '@')
		return set_text(out, ID_RFC822_ADDR, text + 2);
	if (text[0] == '@')
		return set_text(out, ID_FQDN, text + 1);
	if (strchr(text, '@'))
		return set_text(out, ID_RFC822_ADDR, text);
	if (strchr(text, '=') || strchr(text, ':'))
		return set_text(out, ID_KEY_ID, text);
	return set_text(out, ID_FQDN, text);
}

static bool folded(uint8_t type) { return type == ID_FQDN || type == ID_RFC822_ADDR; }

static bool same_octets(const uint8_t *a, const uint8_t *b, size_t n, bool fold)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i] && !(fold && tolower(a[i]) == tolower(b[i])))
			return false;
	}
	return true;
}

bool ident_eq(const struct ident *a, const struct ident *b)
{
	return a->type == b->type && a->len == b->len &&
	       same_octets(a->data, b->data, a->len, folded(a->type));
}

size_t ident_key(const struct ident *id, uint8_t out[IDENT_KEY])
{
	out[0] = id->type;
	out[1] = id->len;
	for (size_t i = 0; i < id->len; i++)
		out[2 + i] = folded(id->type) ? (uint8_t)tolower(id->data[i]) : id->data[i];
	return 2u + id->len;
}

static int match_net(const struct ident *id, const struct ident *net)
{
	size_t n = net->type == ID_IPV4_ADDR_SUBNET ? 4 : 16;
	uint8_t want = n == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	if (id->type != want || id->len != n || net->len != n + 1)
		return IDENT_NO;
	struct prefix p = {.addr = addr_from(net->data, n), .len = net->data[n]};
	struct addr a = addr_from(id->data, n);
	if (!addr_in(&a, &p))
		return IDENT_NO;
	return p.len == 0 ? IDENT_MATCH_ALL_NET : IDENT_MATCH_WILD;
}

int ident_match(const struct ident *id, const struct ident *pattern)
{
	if (pattern->type == ID_ANY)
		return IDENT_MATCH_ANY;
	if (pattern->type == ID_IPV4_ADDR_SUBNET || pattern->type == ID_IPV6_ADDR_SUBNET)
		return match_net(id, pattern);
	if (ident_eq(id, pattern))
		return IDENT_MATCH_FULL;
	/* "*.example.org" and "*@example.org" */
	if (id->type == pattern->type && folded(id->type) && pattern->len > 1 &&
	    pattern->data[0] == '*' && id->len >= pattern->len - 1u) {
		size_t tail = pattern->len - 1u;
		if (same_octets(id->data + id->len - tail, pattern->data + 1, tail, true))
			return IDENT_MATCH_WILD;
	}
	return IDENT_NO;
}

void sb_ident(struct sbuf *b, const struct ident *id)
{
	struct addr a;
	switch (id->type) {
	case ID_ANY:
		sb_put(b, "%any");
		return;
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		a = addr_from(id->data, id->len);
		if (a.family)
			sb_addr(b, &a);
		else
			sb_put(b, "(invalid address)");
		return;
	case ID_IPV4_ADDR_SUBNET:
	case ID_IPV6_ADDR_SUBNET:
		a = addr_from(id->data, id->len ? id->len - 1u : 0);
		sb_addr(b, &a);
		sb_printf(b, "/%u", id->len ? id->data[id->len - 1] : 0);
		return;
	case ID_FQDN:
	case ID_RFC822_ADDR:
		sb_escape(b, id->data, id->len);
		return;
	default:
		for (size_t i = 0; i < id->len; i++) {
			if (!isprint(id->data[i])) {
				sb_hex(b, id->data, id->len);
				return;
			}
		}
		sb_escape(b, id->data, id->len);
	}
}
