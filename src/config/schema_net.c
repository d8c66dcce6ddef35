/* The types of gretel.conf that name things in networks: hosts, identities, addresses, prefixes, proposals, marks,
 * keys of GRE, interface names. See schema.h. */
#include "config/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_TEXT = 256 };

static void *at(void *base, uint16_t off) { return (char *)base + off; }
static const void *cat(const void *base, uint16_t off) { return (const char *)base + off; }

/* ---- hosts: what left= and right= take (ike.md 1.3) ---- */

static void prefix_range(const struct prefix *p, struct conf_host *h)
{
	h->lo = h->hi = p->addr;
	for (unsigned bit = p->len; bit < addr_len(&p->addr) * 8; bit++) {
		uint8_t m = (uint8_t)(0x80 >> bit % 8);
		h->lo.b[bit / 8] &= (uint8_t)~m;
		h->hi.b[bit / 8] |= m;
	}
}

static bool host_range(const char *s, struct conf_host *h)
{
	char lo[HOST_TEXT];
	const char *dash = strchr(s, '-');
	if (!dash)
		return false;
	snprintf(lo, sizeof lo, "%.*s", (int)(dash - s), s);
	return addr_parse(lo, &h->lo) && addr_parse(dash + 1, &h->hi) && h->lo.family == h->hi.family &&
	       addr_cmp(&h->lo, &h->hi) <= 0;
}

/* A name for the resolver: RFC 1123 2.1, with the underscore that people use. A last label of digits only is a mistyped
 * address. */
static bool host_name(const char *s)
{
	const char *last = strrchr(s, '.');
	last = last ? last + 1 : s;
	if (last[strspn(last, "0123456789")] == '\0' || strlen(s) > 253)
		return false;
	for (size_t n; *s; s += n + (s[n] == '.')) {
		n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
		if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-' || (s[n] && s[n] != '.'))
			return false;
	}
	return true;
}

static bool host_parse(struct conf_builder *b, const char *s, struct conf_host *h)
{
	struct prefix p;
	*h = (struct conf_host){.kind = HOST_ANY};
	if (strcmp(s, "%any") == 0)
		return true;
	if (strcmp(s, "%any4") == 0 || strcmp(s, "%any6") == 0) {
		h->family = (uint8_t)(s[4] - '0');
		return true;
	}
	if (addr_parse(s, &h->lo)) {
		h->kind = HOST_ADDR;
		return true;
	}
	*h = (struct conf_host){0};
	bool prefix = strchr(s, '/') && prefix_parse(s, &p);
	if (prefix)
		prefix_range(&p, h);
	if (prefix || host_range(s, h)) {
		h->kind = addr_eq(&h->lo, &h->hi) ? HOST_ADDR : HOST_RANGE;
		if (h->kind == HOST_ADDR)
			h->hi = (struct addr){0};
		return true;
	}
	*h = (struct conf_host){.kind = HOST_NAME, .name = host_name(s) ? conf_builder_str(b, s) : 0};
	return h->name != 0 || (b->bad && host_name(s));
}

static bool hosts_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                        struct sbuf *why)
{
	struct conf_end *e = at(base, row->off);
	struct conf_host host[CONF_HOSTS_MAX] = {0};
	struct cfg_items it;
	char item[HOST_TEXT];
	uint8_t n = 0;
	enum cfg_step step = cfg_items_init(&it, v) ? CFG_ITEM : CFG_BAD;
	while (step == CFG_ITEM && (step = cfg_items_next(&it, item, sizeof item)) == CFG_ITEM) {
		if (n == CONF_HOSTS_MAX) {
			sb_printf(why, "at most %d of them", CONF_HOSTS_MAX);
			return false;
		}
		if (!host_parse(b, item, &host[n++])) {
			sb_printf(why, "%s is none of these", item);
			return false;
		}
	}
	if (step != CFG_END || n == 0)
		return false;
	/* "%any" alone is what no host at all means. */
	if (n == 1 && host[0].kind == HOST_ANY && host[0].family == 0)
		n = 0;
	memset(e->host, 0, sizeof e->host);
	memcpy(e->host, host, n * sizeof *host);
	e->n_hosts = n;
	return true;
}

static void hosts_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	const struct conf_end *e = cat(base, row->off);
	struct conf_host any = {.kind = HOST_ANY};
	const struct conf_host *h = e->n_hosts ? e->host : &any;
	size_t n = e->n_hosts ? e->n_hosts : 1;
	cfg_buf_put(o, n > 1 ? "[" : "");
	for (size_t i = 0; i < n; i++) {
		char text[HOST_TEXT];
		struct sbuf b = SB(text);
		sb_conf_host(&b, c, &h[i]);
		cfg_buf_put(o, i ? ", " : "");
		cfg_buf_quote(o, text);
	}
	cfg_buf_put(o, n > 1 ? "]" : "");
}

/* ---- identities ---- */

/* strongSwan's "%ID": expect this identity, but do not ask for it. */
static bool loose(const char *s)
{
	return s[0] == '%' && strcmp(s, "%any") != 0 && strcmp(s, "%any4") != 0 && strcmp(s, "%any6") != 0;
}

static bool ident_read(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b;
	struct conf_end *e = at(base, row->off);
	struct ident id = {0};
	if (v->kind != NODE_TEXT)
		return false;
	bool is_loose = loose(v->text);
	if (!ident_parse(v->text + is_loose, &id)) {
		sb_printf(why, "hexadecimal digits after # come in pairs, and an identity has at most %d octets", IDENT_MAX);
		return false;
	}
	e->id_set = v->text[0] != '\0';
	e->id_loose = is_loose;
	e->id = id;
	return true;
}

static bool ident_same(const char *text, const struct ident *id)
{
	struct ident back;
	return !loose(text) && ident_parse(text, &back) && back.type == id->type && back.len == id->len &&
	       memcmp(back.data, id->data, id->len) == 0;
}

static bool printable(const struct ident *id)
{
	for (size_t i = 0; i < id->len; i++) {
		if (!isprint(id->data[i]))
			return false;
	}
	return id->len > 0;
}

void cfg_ident_print(struct sbuf *b, const struct ident *id)
{
	static const struct { uint8_t type; const char *prefix; } typed[] = {
		{ID_FQDN, "fqdn:"}, {ID_RFC822_ADDR, "email:"}, {ID_KEY_ID, "keyid:"}, {ID_DER_ASN1_DN, "asn1dn:"},
		{ID_DER_ASN1_GN, "asn1gn:"}, {ID_IPV4_ADDR, "ipv4:"}, {ID_IPV6_ADDR, "ipv6:"},
	};
	/* The plain text, where that is read back as the same identity; else the type's prefix before it, else
	 * before hexadecimal digits. */
	char text[IDENT_TEXT + 16];
	for (int form = 0; form < 3; form++) {
		struct sbuf t = SB(text);
		const char *prefix = "";
		for (size_t i = 0; i < ARRAY_LEN(typed) && form > 0; i++) {
			if (typed[i].type == id->type)
				prefix = typed[i].prefix;
		}
		sb_put(&t, prefix);
		if (form == 2) {
			sb_putc(&t, '#');
			sb_hex(&t, id->data, id->len);
		} else if (form == 1 && printable(id)) {
			sb_printf(&t, "%.*s", (int)id->len, (const char *)id->data);
		} else if (form == 0) {
			sb_ident(&t, id);
		}
		if (form == 2 || ident_same(text, id))
			break;
	}
	sb_put(b, text);
}

static void ident_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	const struct conf_end *e = cat(base, row->off);
	char text[IDENT_TEXT + 16], typed[sizeof text];
	struct sbuf b = SB(text);
	if (e->id_set) {
		sb_put(&b, e->id_loose ? "%" : "");
		cfg_ident_print(&b, &e->id);
		if (e->id_loose && !loose(text)) {
			/* A host called "any": only the prefix keeps it apart from %any. */
			struct sbuf t = SB(typed);
			sb_printf(&t, "%%fqdn:%s", text + 1);
			cfg_buf_quote(o, typed);
			return;
		}
	}
	cfg_buf_quote(o, text);
}

/* ---- addresses ---- */

static bool addr_read(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                      struct sbuf *why)
{
	(void)b, (void)why;
	struct addr a = {0};
	if (v->kind != NODE_TEXT || (v->text[0] && !addr_parse(v->text, &a)))
		return false;
	memcpy(at(base, row->off), &a, sizeof a);
	return true;
}

static void addr_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	const struct addr *a = cat(base, row->off);
	char text[ADDR_TEXT] = "";
	cfg_buf_quote(o, a->family ? addr_str(a, text) : "");
}

static bool prefixes_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                           struct sbuf *why)
{
	(void)b;
	struct conf_gre none;
	struct prefix p[ARRAY_LEN(none.address)] = {0};
	struct cfg_items it;
	char item[PREFIX_TEXT];
	uint8_t n = 0;
	enum cfg_step step = cfg_items_init(&it, v) ? CFG_ITEM : CFG_BAD;
	while (step == CFG_ITEM && (step = cfg_items_next(&it, item, sizeof item)) == CFG_ITEM) {
		if (n == ARRAY_LEN(p)) {
			sb_printf(why, "at most %zu of them", ARRAY_LEN(p));
			return false;
		}
		if (!prefix_parse(item, &p[n++])) {
			sb_printf(why, "%s is no address/length", item);
			return false;
		}
	}
	if (step != CFG_END)
		return false;
	memcpy(at(base, row->off), p, sizeof p);
	memcpy(at(base, row->off2), &n, sizeof n);
	return true;
}

static void prefixes_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	const struct prefix *p = cat(base, row->off);
	uint8_t n = *(const uint8_t *)cat(base, row->off2);
	cfg_buf_put(o, "[");
	for (size_t i = 0; i < n; i++) {
		char text[PREFIX_TEXT];
		struct sbuf b = SB(text);
		sb_prefix(&b, &p[i]);
		cfg_buf_put(o, i ? ", " : "");
		cfg_buf_quote(o, text);
	}
	cfg_buf_put(o, "]");
}

/* ---- proposals ---- */

static bool proposal_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                           struct sbuf *why)
{
	struct proposals p;
	memset(&p, 0, sizeof p); /* the builder compares octets */
	if (v->kind != NODE_TEXT || !proposals_parse(v->text, (uint8_t)row->min, &p, why))
		return false;
	conf_ref r = conf_builder_proposals(b, &p), text = conf_builder_str(b, v->text);
	memcpy(at(base, row->off), &r, sizeof r);
	memcpy(at(base, row->off2), &text, sizeof text);
	return true;
}

static void proposal_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	conf_ref text;
	memcpy(&text, cat(base, row->off2), sizeof text);
	cfg_buf_quote(o, conf_str(c, text));
}

/* ---- 32-bit values that may be absent ---- */

static bool u32_parse(const char *s, uint32_t *out)
{
	char *e;
	if (!isdigit((unsigned char)s[0]))
		return false;
	unsigned long long v = strtoull(s, &e, 0);
	*out = (uint32_t)v;
	return *e == '\0' && v <= UINT32_MAX;
}

/* "VALUE" or "VALUE/MASK"; "" is none, which is 0/0. */
static bool mark_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	uint32_t value = 0, mask = UINT32_MAX;
	char text[64];
	if (v->kind == NODE_INT && v->i >= 0 && v->i <= UINT32_MAX) {
		value = (uint32_t)v->i;
	} else if (v->kind == NODE_TEXT && v->text[0] == '\0') {
		mask = 0;
	} else {
		if (v->kind != NODE_TEXT || strlen(v->text) >= sizeof text)
			return false;
		snprintf(text, sizeof text, "%s", v->text);
		char *slash = strchr(text, '/');
		if (slash)
			*slash = '\0';
		if (!u32_parse(text, &value) || (slash && !u32_parse(slash + 1, &mask)))
			return false;
	}
	memcpy(at(base, row->off), &value, sizeof value);
	memcpy(at(base, row->off2), &mask, sizeof mask);
	return true;
}

static void mark_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	uint32_t value, mask;
	memcpy(&value, cat(base, row->off), sizeof value);
	memcpy(&mask, cat(base, row->off2), sizeof mask);
	if (value || mask)
		cfg_buf_printf(o, "\"0x%x/0x%x\"", value, mask);
	else
		cfg_buf_put(o, "\"\"");
}

static bool key_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                      struct sbuf *why)
{
	(void)b, (void)why;
	bool none = v->kind == NODE_TEXT && strcmp(v->text, "none") == 0;
	if (!none && (v->kind != NODE_INT || v->i < 0 || v->i > UINT32_MAX))
		return false;
	uint32_t key = none ? 0 : (uint32_t)v->i;
	bool set = !none;
	memcpy(at(base, row->off), &key, sizeof key);
	memcpy(at(base, row->off2), &set, sizeof set);
	return true;
}

static void key_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	uint32_t key;
	bool set;
	memcpy(&key, cat(base, row->off), sizeof key);
	memcpy(&set, cat(base, row->off2), sizeof set);
	if (set)
		cfg_buf_printf(o, "%u%s", key, key > INT32_MAX ? "L" : "");
	else
		cfg_buf_put(o, "\"none\"");
}

/* ---- interface names ---- */

static bool ifname_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                         struct sbuf *why)
{
	(void)b;
	/* Names that the kernel's own fallback devices have: they carry whatever no tunnel takes. */
	static const char *const reserved[] = {"gre0", "gretap0", "erspan0", "ip6gre0", "ip6gretap0", "lo", ".", ".."};
	char name[16] = "";
	if (v->kind != NODE_TEXT || strlen(v->text) >= sizeof name)
		return false;
	for (const char *p = v->text; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || *p == '/' || *p == ':' || *p == '%')
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (strcmp(v->text, reserved[i]) == 0) {
			sb_printf(why, "the kernel keeps %s for itself", v->text);
			return false;
		}
	}
	snprintf(name, sizeof name, "%s", v->text);
	memcpy(at(base, row->off), name, sizeof name);
	return true;
}

static void ifname_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	cfg_buf_quote(o, cat(base, row->off));
}

const struct cfg_ops cfg_ops_hosts = {
	"hosts", "an address, a name, a range a-b, a prefix a/n, \"%any\", \"%any4\" or \"%any6\", or a list of them",
	hosts_parse, hosts_print};
const struct cfg_ops cfg_ops_ident = {
	"identity", "an identity such as \"192.0.2.1\", \"vpn.example.org\", \"user@example.org\", \"@#0a1b\" or \"\"",
	ident_read, ident_print};
const struct cfg_ops cfg_ops_prefixes = {
	"prefixes", "addresses with a prefix length such as [\"10.0.0.2/30\"]", prefixes_parse, prefixes_print};
const struct cfg_ops cfg_ops_addr = {"address", "an address in quotes, or \"\"", addr_read, addr_print};
const struct cfg_ops cfg_ops_proposal = {
	"proposals", "proposals such as \"aes256-sha256-modp2048\"", proposal_parse, proposal_print};
const struct cfg_ops cfg_ops_mark = {
	"mark", "a mark such as \"0x2a\" or \"0x2a/0xff\", or \"\"", mark_parse, mark_print};
const struct cfg_ops cfg_ops_key = {
	"key", "a number from 0 to 4294967295 or \"none\"", key_parse, key_print};
const struct cfg_ops cfg_ops_ifname = {
	"interface name", "an interface name of at most 15 characters without blanks, / : and %",
	ifname_parse, ifname_print};
