/* left and right of a conn: hosts, identity, protocol and port, subnet, and which of
 * the two is this host. */
#include "config/ipsec_conn.h"

#include <string.h>
#include <strings.h>

static const char *const side[] = {"left", "right"};

static bool any_word(const char *s, uint8_t *family)
{
	static const struct { const char *word; uint8_t family; } words[] = {
		{"%any", 0}, {"%any4", AF_V4}, {"%any6", AF_V6}, {"%defaultroute", 0}, {"0.0.0.0", AF_V4}, {"::", AF_V6},
		{"0.0.0.0/0", AF_V4}, {"::/0", AF_V6},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, s) == 0) {
			*family = words[i].family;
			return true;
		}
	}
	return false;
}

/* First and last address of a prefix. */
static void prefix_ends(const struct prefix *p, struct addr *lo, struct addr *hi)
{
	*lo = *hi = p->addr;
	for (size_t i = 0; i < addr_len(&p->addr); i++) {
		size_t bits = p->len > 8 * i ? min_z(p->len - 8 * i, 8) : 0;
		uint8_t host = (uint8_t)(0xff >> bits);
		lo->b[i] &= (uint8_t)~host;
		hi->b[i] |= host;
	}
}

static bool read_range(const char *s, struct conf_host *h)
{
	char lo[ADDR_TEXT] = "";
	size_t n = strcspn(s, "-");
	if (s[n] != '-' || n >= sizeof lo)
		return false;
	memcpy(lo, s, n);
	if (!addr_parse(lo, &h->lo) || !addr_parse(s + n + 1, &h->hi) || h->lo.family != h->hi.family ||
	    addr_cmp(&h->lo, &h->hi) > 0)
		return false;
	h->kind = addr_eq(&h->lo, &h->hi) ? HOST_ADDR : HOST_RANGE;
	return true;
}

/* RFC 1123 2.1, with the underscore that people use. A last label of digits only is a
 * mistyped address. */
static bool good_name(const char *s)
{
	size_t n = strlen(s), label = 0;
	bool digits = true;
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '.') {
			if (label == 0 || s[i - 1] == '-')
				return false;
			digits = s[i + 1] == '\0' ? digits : true;
			label = 0;
			continue;
		}
		bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'z';
		if ((!digit && !letter && c != '_' && (c != '-' || label == 0)) || ++label > 63)
			return false;
		digits = digits && digit;
	}
	return !digits && s[n - 1] != '-';
}

/* One item of left= or right=. False when it is nothing that we know. */
static bool read_host(struct ipsec_conn *c, const char *s, struct conf_host *h)
{
	struct prefix p;
	memset(h, 0, sizeof *h);
	if (any_word(s, &h->family)) {
		h->kind = HOST_ANY;
		return true;
	}
	if (addr_parse(s, &h->lo)) {
		h->kind = HOST_ADDR;
		return true;
	}
	if (strchr(s, '/')) {
		if (!prefix_parse(s, &p))
			return false;
		prefix_ends(&p, &h->lo, &h->hi);
		h->kind = addr_eq(&h->lo, &h->hi) ? HOST_ADDR : HOST_RANGE;
		return true;
	}
	if (read_range(s, h))
		return true;
	if (!good_name(s))
		return false;
	h->kind = HOST_NAME;
	h->name = conf_builder_str(c->doc->job->build, s);
	return true;
}

static void read_hosts(struct ipsec_conn *c, struct ipsec_end *end)
{
	const struct ipsec_setting *set = end->host;
	const char *at = set ? set->value : "", *item;
	uint8_t family;
	size_t n;
	/* %name: the name, and anybody else too. */
	if (*at == '%' && !any_word(at, &family) && at[strcspn(at, ",")] == '\0') {
		end->e.allow_any = true;
		at++;
	}
	while (value_item(&at, &item, &n)) {
		char text[256] = "", found[600];
		struct sbuf f = SB(found);
		if (end->e.n_hosts == CONF_HOSTS_MAX) {
			ipsec_bad(c, set, "expected at most %d addresses", CONF_HOSTS_MAX);
			return;
		}
		memcpy(text, item, min_z(n, sizeof text - 1));
		if (n < sizeof text && read_host(c, text, &end->e.host[end->e.n_hosts])) {
			end->e.n_hosts++;
			continue;
		}
		sb_escape(&f, text, strlen(text));
		ipsec_bad(c, set, "expected addresses, ranges, names or %%any with commas between, found '%s'%s", found,
		          strchr(text, '\'') ? " (single quotes do not quote here)" : "");
	}
	/* %any alone is the same as nothing. */
	if (end->e.n_hosts == 1 && end->e.host[0].kind == HOST_ANY && end->e.host[0].family == 0)
		end->e.n_hosts = 0;
}

/* "C=CH, O=x": strongSwan would make a DER name of it. */
static bool looks_like_dn(const char *s)
{
	static const char *const rdn[] = {"C", "CN", "DC", "E", "L", "O", "OU", "ST", "emailAddress", "serialNumber"};
	while (*s == ' ' || *s == '/')
		s++;
	for (size_t i = 0; i < ARRAY_LEN(rdn); i++) {
		size_t n = strlen(rdn[i]);
		if (strncasecmp(s, rdn[i], n) == 0 && s[n] == '=')
			return true;
	}
	return false;
}

/* leftid= or rightid=; the default comes later, when the ends are known. */
static void read_id(struct ipsec_conn *c, struct ipsec_end *end)
{
	const char *s = end->id ? end->id->value : NULL;
	if (!s)
		return;
	if (*s == '%' && strcmp(s, "%any") != 0 && strcmp(s, "%any6") != 0 && strcmp(s, "%any4") != 0) {
		end->e.id_loose = true; /* counts for the peer only */
		s++;
	}
	if (looks_like_dn(s)) {
		ipsec_bad(c, end->id, "expected an address, a name, @name, user@name or keyid:text: "
		          "distinguished names are not supported");
		return;
	}
	if (!ident_parse(s, &end->e.id)) {
		ipsec_bad(c, end->id, "expected an identity of up to %d octets, found one that is too long or no hex",
		          IDENT_MAX);
		return;
	}
	end->e.id_set = true;
}

static void read_protoport(struct ipsec_conn *c, struct ipsec_end *end)
{
	char none[1];
	struct sbuf why = SB(none);
	end->port = (struct value_port){.hi = 65535};
	if (!end->protoport)
		return;
	const char *expected = value_protoport(end->protoport->value, &end->port, NULL, &why);
	if (expected) {
		char found[200];
		struct sbuf f = SB(found);
		sb_escape(&f, end->protoport->value, min_z(strlen(end->protoport->value), 48));
		ipsec_bad(c, end->protoport, "expected %s, found '%s'", expected, found);
		return;
	}
	bool all = end->port.lo == 0 && end->port.hi == 65535;
	if (!all && end->port.lo != end->port.hi)
		ipsec_bad(c, end->protoport, "expected one port or none: ranges and %%opaque are not supported");
	else if (!all && end->port.proto == 0)
		ipsec_bad(c, end->protoport, "expected a protocol with the port, such as udp/1701");
	end->e.proto = end->port.proto;
	end->e.port = all ? 0 : end->port.lo;
}

static bool is_local(const struct config_paths *where, const struct addr *a)
{
	for (size_t i = 0; i < where->n_local; i++) {
		if (addr_eq(&where->local[i], a))
			return true;
	}
	return false;
}

/* The suffix [proto/port] of a subnet, which stands for protoport. */
static bool subnet_suffix(struct ipsec_conn *c, struct ipsec_end *end, char *text)
{
	char *open = strchr(text, '['), none[1];
	struct value_port p;
	struct sbuf why = SB(none);
	if (!open)
		return true;
	size_t n = strlen(open);
	if (open[n - 1] != ']')
		return false;
	open[n - 1] = '\0';
	*open = '\0';
	if (value_protoport(open + 1, &p, NULL, &why))
		return false;
	if ((p.lo != 0 || p.hi != 65535) && p.lo != p.hi)
		return false;
	if (end->protoport && (p.proto != end->port.proto || p.lo != end->port.lo))
		ipsec_bad(c, end->subnet, "expected the protocol of protoport, or none in the subnet");
	end->e.proto = p.proto;
	end->e.port = p.lo == p.hi ? p.lo : 0;
	return true;
}

/* Whether a subnet says no more than the address of its end. */
static bool is_the_end(const struct ipsec_conn *c, const struct ipsec_end *end, const struct conf_host *h, bool ours)
{
	if (h->kind != HOST_ADDR)
		return false;
	for (size_t i = 0; i < end->e.n_hosts; i++) {
		if (end->e.host[i].kind == HOST_ADDR && addr_eq(&end->e.host[i].lo, &h->lo))
			return true;
	}
	return end->e.n_hosts == 0 && ours && is_local(c->doc->job->where, &h->lo);
}

/* leftsubnet and rightsubnet. In transport mode a selector can only be the host itself; for
 * type=pass and drop the subnets are the selectors. */
static void read_subnet(struct ipsec_conn *c, struct ipsec_end *end, bool ours)
{
	bool shunt = c->type == IPSEC_PASS || c->type == IPSEC_DROP, replaced = false;
	const char *at = end->subnet ? end->subnet->value : "", *item;
	for (size_t n; value_item(&at, &item, &n);) {
		char text[128] = "", found[300];
		struct conf_host h;
		struct sbuf f = SB(found);
		memcpy(text, item, min_z(n, sizeof text - 1));
		sb_escape(&f, text, strlen(text));
		if (n >= sizeof text || !subnet_suffix(c, end, text)) {
			ipsec_bad(c, end->subnet, "expected a subnet such as 10.0.0.2/32 or %%dynamic[gre], found '%s'", found);
			return;
		}
		if (strcmp(text, "%dynamic") == 0 || text[0] == '\0')
			continue;
		if (!read_host(c, text, &h) || h.kind == HOST_NAME) {
			ipsec_bad(c, end->subnet, "expected a subnet such as 10.0.0.2/32 or %%dynamic, found '%s'", found);
			return;
		}
		if (shunt) {
			end->e.n_hosts = replaced ? end->e.n_hosts : 0;
			replaced = true;
			if (end->e.n_hosts == CONF_HOSTS_MAX) {
				ipsec_bad(c, end->subnet, "expected at most %d subnets", CONF_HOSTS_MAX);
				return;
			}
			end->e.host[end->e.n_hosts++] = h;
		} else if (!is_the_end(c, end, &h, ours)) {
			ipsec_bad(c, end->subnet, "expected %%dynamic or the address of this end, found '%s': "
			          "transport mode carries host to host only", found);
		}
	}
}

/* The identity of an end that names none: its one address or name (strongSwan's rule). */
static void default_id(struct ipsec_conn *c, struct ipsec_end *end, bool ours)
{
	struct conf_end *e = &end->e;
	if (e->id_set && !(ours && e->id.type == ID_ANY))
		return;
	bool explicit_any = e->id_set;
	e->id_set = false;
	memset(&e->id, 0, sizeof e->id);
	if (explicit_any)
		return; /* leftid=%any: the source address in use */
	if (e->n_hosts == 1 && e->host[0].kind == HOST_ADDR)
		e->id = ident_from_addr(&e->host[0].lo);
	else if (e->n_hosts == 1 && e->host[0].kind == HOST_NAME)
		e->id_set = ident_parse(conf_builder_text(c->doc->job->build, e->host[0].name), &e->id);
	else if (e->n_hosts == 1 && e->host[0].kind == HOST_RANGE && strchr(end->host->value, '/'))
		e->id_set = ident_parse(end->host->value, &e->id);
	else if (!ours && (e->n_hosts == 0 || e->host[0].kind == HOST_ANY))
		e->id_set = true; /* ID_ANY: whoever knows the key */
	if (e->id.type == ID_IPV4_ADDR || e->id.type == ID_IPV6_ADDR)
		e->id_set = true;
}

/* Whether an address of this end is configured on this host. */
static bool end_is_local(const struct ipsec_conn *c, const struct ipsec_end *end)
{
	for (size_t i = 0; i < end->e.n_hosts; i++) {
		if (end->e.host[i].kind == HOST_ADDR && is_local(c->doc->job->where, &end->e.host[i].lo))
			return true;
	}
	return false;
}

static bool has_addr(const struct ipsec_end *end)
{
	for (size_t i = 0; i < end->e.n_hosts; i++) {
		if (end->e.host[i].kind == HOST_ADDR)
			return true;
	}
	return false;
}

/* Index of the end that is ours. strongSwan looks at right first, and takes left when
 * neither address is known here. */
static int our_end(struct ipsec_conn *c)
{
	const struct config_job *j = c->doc->job;
	if (j->build->setup.allow_swap && end_is_local(c, &c->end[1]))
		return 1;
	if (j->where->n_local && has_addr(&c->end[0]) && !end_is_local(c, &c->end[0]))
		ipsec_warn(c, NULL, DIAG_NOTE, "neither left nor right is an address of this host: left is taken for ours");
	return 0;
}

/* The script belongs to us, whichever side of a shared file we are: a file with leftupdown
 * alone runs it on both hosts, where strongSwan runs nothing on the right one. */
static void choose_updown(struct ipsec_conn *c, int ours)
{
	struct ipsec_end *end = c->end;
	const struct ipsec_setting *set = end[ours].updown;
	bool firewall = end[ours].firewall;
	for (int i = 0; i < 2; i++) {
		if (end[i].firewall && end[i].updown)
			ipsec_bad(c, end[i].updown, "stands beside %sfirewall=yes: expected only one of the two", side[i]);
	}
	if (ours == 1 && !set && end[0].updown) {
		set = end[0].updown;
		ipsec_warn(c, NULL, DIAG_NOTE, "right is this host; leftupdown runs here all the same");
	} else if (ours == 1 && !set && !firewall) {
		firewall = end[0].firewall;
	} else if (ours == 0 && !set && end[1].updown) {
		ipsec_warn(c, NULL, DIAG_NOTE, "left is this host; rightupdown does not run here");
	}
	if (set)
		c->t.updown = conf_builder_str(c->doc->job->build, set->value);
	else if (firewall) {
		c->t.updown = conf_builder_str(c->doc->job->build, "ipsec _updown iptables");
		ipsec_warn(c, NULL, DIAG_WARNING, "leftfirewall=yes runs strongSwan's 'ipsec _updown iptables', which must "
		           "still be installed");
	}
}

static void check_protocols(struct ipsec_conn *c)
{
	const struct conf_end *l = &c->t.local, *r = &c->t.remote;
	if (l->proto == r->proto || c->sec->bad)
		return;
	if (l->proto && r->proto)
		ipsec_bad(c, NULL, "left and right have different protocols in protoport: no packet has both");
	else
		ipsec_warn(c, NULL, DIAG_WARNING, "only one of leftprotoport and rightprotoport names a protocol");
}

void ipsec_ends(struct ipsec_conn *c)
{
	for (int i = 0; i < 2; i++) {
		read_hosts(c, &c->end[i]);
		read_id(c, &c->end[i]);
		read_protoport(c, &c->end[i]);
	}
	int ours = our_end(c);
	for (int i = 0; i < 2; i++) {
		default_id(c, &c->end[i], i == ours);
		read_subnet(c, &c->end[i], i == ours);
	}
	choose_updown(c, ours);
	c->t.local = c->end[ours].e;
	c->t.remote = c->end[!ours].e;
	c->t.local.id_loose = false;
	c->t.swapped = ours == 1;
	if (c->t.local.ikeport == 500) /* strongSwan: the port that charon has */
		c->t.local.ikeport = 0;
	check_protocols(c);
}
