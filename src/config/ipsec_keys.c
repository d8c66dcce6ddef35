/* The keywords of ipsec.conf: the table, and how a row is applied.
 *
 * Classes: MUST and SHOULD are served, with a reader and a place. WARN is taken and
 * has no effect. REFUSE makes the conn unusable, unless the value says "off". GONE is
 * what strongSwan itself has given up. ELSEWHERE are libreswan's words, unknown to
 * strongSwan, which drops them with a warning; so do we, with the word to write.
 * Keys that begin with x- are gretel's own: strongSwan only warns about them, so one
 * file serves both. */
#include "config/ipsec_conn.h"

#include <stddef.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum key_section { IN_SETUP, IN_CONN, IN_END, IN_CA };
enum key_class { MUST, SHOULD, WARN, REFUSE, GONE, ELSEWHERE };

struct ipsec_key {
	const char *name; /* of an end: without left or right */
	uint8_t section, class;
	uint16_t offset;
	value_read *read;  /* NULL with MUST or SHOULD: the setting itself is kept at the offset */
	const struct value_word *words;
	const char *hint;  /* WARN, REFUSE, GONE, ELSEWHERE: what to do about it; MUST, SHOULD: read, but without effect yet */
	const char *off;   /* a value that asks for nothing */
};

static const struct value_word auto_words[] = {
	{"ignore", IPSEC_IGNORE, NULL}, {"add", IPSEC_ADD, NULL}, {"route", IPSEC_ROUTE, NULL},
	{"start", IPSEC_START, NULL},
	{"ondemand", 0, "route (strongSwan's word for ondemand)"},
	{"up", 0, "start (strongSwan's word for up)"},
	{"keep", 0, "start, with dpdaction=restart (strongSwan's way to say keep)"},
	{"manual", 0, "add, or ignore"},
	{NULL, 0, NULL},
};
static const struct value_word type_words[] = {
	{"transport", IPSEC_TRANSPORT, NULL}, {"passthrough", IPSEC_PASS, NULL}, {"pass", IPSEC_PASS, NULL},
	{"drop", IPSEC_DROP, NULL}, {"reject", IPSEC_DROP, NULL},
	{"tunnel", 0, "transport (gretel carries GRE in ESP transport mode, tunnel mode is not supported)"},
	{"beet", 0, "transport (BEET mode is not supported)"},
	{"transport_proxy", 0, "transport (Mobile IPv6 proxies are not supported)"},
	{NULL, 0, NULL},
};
static const struct value_word keyexchange_words[] = {
	{"ike", IPSEC_IKE, NULL}, {"ikev2", IPSEC_IKEV2, NULL},
	{"ikev1", 0, "ikev2 (IKEv1 is not supported)"},
	{NULL, 0, NULL},
};
#define NO_CERTIFICATES "secret (only pre-shared keys are supported, no certificates or raw keys)"
static const struct value_word authby_words[] = {
	{"secret", IPSEC_AUTH_PSK, NULL}, {"psk", IPSEC_AUTH_PSK, NULL}, {"never", IPSEC_AUTH_NEVER, NULL},
	{"pubkey", 0, NO_CERTIFICATES}, {"rsa", 0, NO_CERTIFICATES}, {"rsasig", 0, NO_CERTIFICATES},
	{"ecdsa", 0, NO_CERTIFICATES}, {"ecdsasig", 0, NO_CERTIFICATES},
	{"xauthpsk", 0, "secret (XAuth belongs to IKEv1, which is not supported)"},
	{"xauthrsasig", 0, "secret (XAuth belongs to IKEv1, which is not supported)"},
	{NULL, 0, NULL},
};
static const struct value_word auth_words[] = {
	{"psk", IPSEC_AUTH_PSK, NULL}, {"secret", IPSEC_AUTH_PSK, NULL},
	{"pubkey", 0, "psk (only pre-shared keys are supported)"}, {"any", 0, "psk (only pre-shared keys are supported)"},
	{"eap", 0, "psk (EAP is not supported)"}, {"xauth", 0, "psk (XAuth is not supported)"},
	{NULL, 0, NULL},
};
static const struct value_word action_words[] = {
	{"none", DPD_NONE, NULL}, {"clear", DPD_CLEAR, NULL}, {"hold", DPD_HOLD, NULL}, {"restart", DPD_RESTART, NULL},
	{"restart_by_peer", 0, "restart (strongSwan's word for restart_by_peer)"},
	{"trap", 0, "hold (the word of ipsec.conf for trap)"},
	{"start", 0, "restart (the word of ipsec.conf for start)"},
	{NULL, 0, NULL},
};
static const struct value_word frag_words[] = {
	{"no", IPSEC_FRAG_NO, NULL}, {"yes", IPSEC_FRAG_YES, NULL}, {"accept", IPSEC_FRAG_ACCEPT, NULL},
	{"force", IPSEC_FRAG_YES, NULL}, /* forced for IKEv1 only */
	{NULL, 0, NULL},
};
static const struct value_word unique_words[] = {
	{"no", UNIQUE_NO, NULL}, {"yes", UNIQUE_YES, NULL}, {"replace", UNIQUE_YES, NULL},
	{"never", UNIQUE_NEVER, NULL}, {"keep", UNIQUE_KEEP, NULL},
	{NULL, 0, NULL},
};
static const struct value_word guard_words[] = {
	{"on", GUARD_ON, NULL}, {"yes", GUARD_ON, NULL}, {"strict", GUARD_STRICT, NULL}, {"off", GUARD_OFF, NULL},
	{"no", GUARD_OFF, NULL},
	{NULL, 0, NULL},
};

#define C(field) offsetof(struct ipsec_conn, field)
#define E(field) offsetof(struct ipsec_end, field)
#define X509 "certificates are not used"
#define V1 "it belongs to IKEv1"

static const struct ipsec_key keys[] = {
	/* config setup */
	{"uniqueids", IN_SETUP, MUST, offsetof(struct conf_setup, uniqueids), value_word, unique_words, NULL, NULL},
	{"charondebug", IN_SETUP, SHOULD, 0, NULL, NULL, NULL, NULL}, /* see ipsec.c */
	{"strictcrlpolicy", IN_SETUP, WARN, 0, NULL, NULL, X509, "no"},
	{"cachecrls", IN_SETUP, WARN, 0, NULL, NULL, X509, "no"},
	{"interfaces", IN_SETUP, GONE, 0, NULL, NULL, "see charon.interfaces_use in strongswan.conf", NULL},
	{"dumpdir", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"charonstart", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"plutostart", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"klipsdebug", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"plutodebug", IN_SETUP, GONE, 0, NULL, NULL, "write charondebug", NULL},
	{"prepluto", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"postpluto", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"plutostderrlog", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"fragicmp", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"packetdefault", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"hidetos", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"overridemtu", IN_SETUP, GONE, 0, NULL, NULL, "write x-gre-mtu in the conn", NULL},
	{"crlcheckinterval", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"nocrsend", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"nat_traversal", IN_SETUP, GONE, 0, NULL, NULL, "NAT traversal is always on", NULL},
	{"keep_alive", IN_SETUP, GONE, 0, NULL, NULL, "see charon.keep_alive in strongswan.conf", NULL},
	{"force_keepalive", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"virtual_private", IN_SETUP, GONE, 0, NULL, NULL, NULL, NULL},
	{"pkcs11module", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"pkcs11initargs", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"pkcs11keepstate", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"pkcs11proxy", IN_SETUP, GONE, 0, NULL, NULL, X509, NULL},
	{"protostack", IN_SETUP, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},
	{"logfile", IN_SETUP, ELSEWHERE, 0, NULL, NULL, "write charon.filelog in strongswan.conf", NULL},
	{"virtual-private", IN_SETUP, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},

	/* conn */
	{"auto", IN_CONN, MUST, C(auto_mode), value_word, auto_words, NULL, NULL},
	{"type", IN_CONN, MUST, C(type), value_word, type_words, NULL, NULL},
	{"keyexchange", IN_CONN, MUST, C(keyexchange), value_word, keyexchange_words, NULL, NULL},
	{"authby", IN_CONN, MUST, C(authby), value_word, authby_words, NULL, NULL},
	{"ike", IN_CONN, MUST, C(ike), NULL, NULL, NULL, NULL},
	{"esp", IN_CONN, MUST, C(esp), NULL, NULL, NULL, NULL},
	{"ah", IN_CONN, REFUSE, 0, NULL, NULL, "AH is not supported (strongSwan would use it instead of ESP): "
	                                       "write esp", NULL},
	{"forceencaps", IN_CONN, MUST, C(t.forceencaps), value_bool, NULL, NULL, NULL},
	{"mobike", IN_CONN, MUST, C(t.mobike), value_bool, NULL, NULL, NULL},
	{"fragmentation", IN_CONN, SHOULD, C(frag), value_word, frag_words, NULL, NULL},
	{"ikedscp", IN_CONN, SHOULD, C(t.ikedscp), value_dscp, NULL, "packets of IKE are not marked yet", "000000"},
	{"ikelifetime", IN_CONN, MUST, C(t.ike_life.life), value_time, NULL, NULL, NULL},
	{"keylife", IN_CONN, MUST, C(life.life), value_time, NULL, NULL, NULL},
	{"lifetime", IN_CONN, MUST, C(life.life), value_time, NULL, NULL, NULL},
	{"margintime", IN_CONN, MUST, C(life.margin), value_time, NULL, NULL, NULL},
	{"rekeymargin", IN_CONN, MUST, C(life.margin), value_time, NULL, NULL, NULL},
	{"rekeyfuzz", IN_CONN, MUST, C(life.fuzz_percent), value_percent, NULL, NULL, NULL},
	{"lifebytes", IN_CONN, SHOULD, C(life.bytes), value_u64, NULL, NULL, NULL},
	{"marginbytes", IN_CONN, SHOULD, C(life.margin_bytes), value_u64, NULL, NULL, NULL},
	{"lifepackets", IN_CONN, SHOULD, C(life.packets), value_u64, NULL, NULL, NULL},
	{"marginpackets", IN_CONN, SHOULD, C(life.margin_packets), value_u64, NULL, NULL, NULL},
	{"rekey", IN_CONN, MUST, C(t.rekey), value_bool, NULL, NULL, NULL},
	{"reauth", IN_CONN, MUST, C(t.reauth), value_bool, NULL, NULL, NULL},
	{"keyingtries", IN_CONN, MUST, C(t.keyingtries), value_tries, NULL, NULL, NULL},
	{"dpddelay", IN_CONN, MUST, C(t.dpd_delay), value_time, NULL, NULL, NULL},
	{"dpdtimeout", IN_CONN, WARN, 0, NULL, NULL, "with IKEv2 a peer is given up when its retransmissions are "
	                                             "used up (charon.retransmit_tries)", NULL},
	{"dpdaction", IN_CONN, MUST, C(t.dpd_action), value_word, action_words, NULL, NULL},
	{"closeaction", IN_CONN, MUST, C(t.close_action), value_word, action_words, NULL, NULL},
	{"inactivity", IN_CONN, SHOULD, C(t.inactivity), value_time, NULL, "a tunnel that is idle stays up", "0"},
	{"installpolicy", IN_CONN, MUST, C(t.install_policy), value_bool, NULL, NULL, NULL},
	{"reqid", IN_CONN, MUST, C(t.reqid), value_u32, NULL, NULL, NULL},
	{"replay_window", IN_CONN, MUST, C(window), value_window, NULL, NULL, NULL},
	{"mark", IN_CONN, SHOULD, C(mark_in), value_mark, NULL, NULL, NULL}, /* and mark_out: see ipsec_apply */
	{"mark_in", IN_CONN, SHOULD, C(mark_in), value_mark, NULL, NULL, NULL},
	{"mark_out", IN_CONN, SHOULD, C(mark_out), value_mark, NULL, NULL, NULL},
	{"sha256_96", IN_CONN, REFUSE, 0, NULL, NULL, "the 96-bit truncation of SHA-256 is not supported", "no"},
	{"tfc", IN_CONN, WARN, 0, NULL, NULL, "padding of traffic needs tunnel mode", "0"},
	{"compress", IN_CONN, WARN, 0, NULL, NULL, "IPComp is never proposed", "no"},
	{"aggressive", IN_CONN, WARN, 0, NULL, NULL, V1, "no"},
	{"modeconfig", IN_CONN, WARN, 0, NULL, NULL, V1, "pull"},
	{"xauth", IN_CONN, WARN, 0, NULL, NULL, V1, NULL},
	{"xauth_identity", IN_CONN, WARN, 0, NULL, NULL, V1, NULL},
	{"eap_identity", IN_CONN, WARN, 0, NULL, NULL, "EAP is not used", NULL},
	{"aaa_identity", IN_CONN, WARN, 0, NULL, NULL, "EAP is not used", NULL},
	{"mediation", IN_CONN, REFUSE, 0, NULL, NULL, "the mediation extension is not supported", "no"},
	{"mediated_by", IN_CONN, REFUSE, 0, NULL, NULL, "the mediation extension is not supported", NULL},
	{"me_peerid", IN_CONN, WARN, 0, NULL, NULL, "the mediation extension is not supported", NULL},
	{"pfs", IN_CONN, GONE, 0, NULL, NULL, "put a Diffie-Hellman group into esp, such as aes256-sha256-modp2048",
	 NULL},
	{"pfsgroup", IN_CONN, GONE, 0, NULL, NULL, "put the Diffie-Hellman group into esp", NULL},
	{"eap", IN_CONN, GONE, 0, NULL, NULL, NULL, NULL},
	{"x-gre-name", IN_CONN, MUST, C(t.gre.name), value_ifname, NULL, NULL, NULL},
	{"x-gre-address", IN_CONN, MUST, C(t.gre), value_prefixes, NULL, NULL, NULL},
	{"x-gre-peer", IN_CONN, MUST, C(t.gre.peer), value_addr, NULL, NULL, NULL},
	{"x-gre-mtu", IN_CONN, MUST, C(t.gre.mtu), value_mtu, NULL, NULL, NULL},
	{"x-gre-ttl", IN_CONN, MUST, C(t.gre.ttl), value_ttl, NULL, NULL, NULL},
	{"x-gre-key", IN_CONN, MUST, C(t.gre.key), value_u32, NULL, NULL, NULL},
	{"x-gre-mss-clamp", IN_CONN, MUST, C(t.gre.mss_clamp), value_bool, NULL, NULL, NULL},
	{"x-ppk-id", IN_CONN, MUST, C(ppk_id), NULL, NULL, NULL, NULL},
	{"x-ppk-required", IN_CONN, MUST, C(t.ppk_required), value_bool, NULL, NULL, NULL},
	{"x-guard", IN_CONN, MUST, C(t.guard), value_word, guard_words, NULL, NULL},
	{"ikev2", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write keyexchange=ikev2", NULL},
	{"encapsulation", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write forceencaps=yes", NULL},
	{"phase2alg", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write esp=", NULL},
	{"phase2", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write esp= with the algorithms", NULL},
	{"salifetime", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write lifetime=", NULL},
	{"nat-keepalive", IN_CONN, ELSEWHERE, 0, NULL, NULL, "see charon.keep_alive in strongswan.conf", NULL},
	{"ipsec-interface", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write x-gre-name= for an interface", NULL},
	{"narrowing", IN_CONN, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},
	{"overlapip", IN_CONN, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},
	{"vti-interface", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write x-gre-name= for an interface", NULL},
	{"vti-routing", IN_CONN, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},
	{"vti-shared", IN_CONN, ELSEWHERE, 0, NULL, NULL, "leave it out", NULL},
	{"hostaddrfamily", IN_CONN, ELSEWHERE, 0, NULL, NULL, "leave it out: %any4 and %any6 choose a family", NULL},
	{"retransmit-timeout", IN_CONN, ELSEWHERE, 0, NULL, NULL, "see charon.retransmit_tries in strongswan.conf", NULL},
	{"replay-window", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write replay_window=", NULL},
	{"mtu", IN_CONN, ELSEWHERE, 0, NULL, NULL, "write x-gre-mtu=", NULL},

	/* left and right */
	{"", IN_END, MUST, E(host), NULL, NULL, NULL, NULL},
	{"ikeport", IN_END, SHOULD, E(e.ikeport), value_u16, NULL, NULL, NULL},
	{"allowany", IN_END, SHOULD, E(e.allow_any), value_bool, NULL, NULL, NULL},
	{"id", IN_END, MUST, E(id), NULL, NULL, NULL, NULL},
	{"auth", IN_END, MUST, E(auth), value_word, auth_words, NULL, NULL},
	{"protoport", IN_END, MUST, E(protoport), NULL, NULL, NULL, NULL},
	{"subnet", IN_END, MUST, E(subnet), NULL, NULL, NULL, NULL},
	{"subnetwithin", IN_END, MUST, E(subnet), NULL, NULL, NULL, NULL},
	{"updown", IN_END, MUST, E(updown), NULL, NULL, NULL, NULL},
	{"firewall", IN_END, SHOULD, E(firewall), value_bool, NULL, NULL, NULL},
	{"hostaccess", IN_END, SHOULD, E(e.host_access), value_bool, NULL, NULL, NULL},
	{"sourceip", IN_END, REFUSE, 0, NULL, NULL, "virtual addresses need tunnel mode; the address of the GRE "
	                                            "interface is x-gre-address", NULL},
	{"dns", IN_END, REFUSE, 0, NULL, NULL, "name servers by configuration payload need tunnel mode", NULL},
	{"auth2", IN_END, REFUSE, 0, NULL, NULL, "a second authentication is not supported", NULL},
	{"id2", IN_END, WARN, 0, NULL, NULL, "a second authentication is not supported", NULL},
	{"cert2", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"ca2", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"groups2", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"sendcert", IN_END, WARN, 0, NULL, NULL, X509, "never"},
	{"cert", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"certpolicy", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"ca", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"sigkey", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"rsasigkey", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"groups", IN_END, WARN, 0, NULL, NULL, X509, NULL},
	{"nexthop", IN_END, GONE, 0, NULL, NULL, "the kernel's routes decide", NULL},
	{"subnets", IN_END, ELSEWHERE, 0, NULL, NULL, "write leftsubnet or rightsubnet with a list", NULL},
	{"xauthserver", IN_END, ELSEWHERE, 0, NULL, NULL, V1, NULL},
	{"vti", IN_END, ELSEWHERE, 0, NULL, NULL, "write x-gre-address=", NULL},
	{"interface-ip", IN_END, ELSEWHERE, 0, NULL, NULL, "write x-gre-address=", NULL},

	/* ca */
	{"cacert", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"crluri", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"crluri1", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"crluri2", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"ocspuri", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"ocspuri1", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"ocspuri2", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"certuribase", IN_CA, WARN, 0, NULL, NULL, X509, NULL},
	{"ldaphost", IN_CA, GONE, 0, NULL, NULL, NULL, NULL},
	{"ldapbase", IN_CA, GONE, 0, NULL, NULL, NULL, NULL},
};

static const char *const section_words[] = {
	[IN_SETUP] = "config setup", [IN_CONN] = "conn", [IN_END] = "conn", [IN_CA] = "ca",
};

/* The row of a key as written. *end: 0 left, 1 right, for rows of an end. */
static const struct ipsec_key *find(const char *name, int *end)
{
	static const char *const side[] = {"left", "right"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (keys[i].section != IN_END) {
			if (strcmp(keys[i].name, name) == 0)
				return &keys[i];
			continue;
		}
		for (int k = 0; k < 2; k++) {
			size_t n = strlen(side[k]);
			if (strncmp(name, side[k], n) == 0 && strcmp(keys[i].name, name + n) == 0) {
				*end = k;
				return &keys[i];
			}
		}
	}
	return NULL;
}

/* Whether one letter more, less, other or exchanged makes a of b. */
static bool near(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), i = 0, k = 0;
	while (i < la && i < lb && a[i] == b[i])
		i++;
	while (k < la - i && k < lb - i && a[la - 1 - k] == b[lb - 1 - k])
		k++;
	size_t ra = la - i - k, rb = lb - i - k;
	return (ra <= 1 && rb <= 1) || (ra == 2 && rb == 2 && a[i] == b[i + 1] && a[i + 1] == b[i]);
}

/* A known keyword that was perhaps meant; "" for none. */
static void guess(const char *name, char *out, size_t cap)
{
	static const char *const side[] = {"left", "right"};
	out[0] = '\0';
	if (strlen(name) < 3)
		return;
	for (size_t i = 0; i < ARRAY_LEN(keys) && !out[0]; i++) {
		if (keys[i].class > SHOULD)
			continue;
		if (keys[i].section != IN_END) {
			if (near(name, keys[i].name))
				snprintf(out, cap, "; did you mean %s?", keys[i].name);
			continue;
		}
		for (int k = 0; k < 2; k++) {
			char full[64];
			snprintf(full, sizeof full, "%s%s", side[k], keys[i].name);
			if (near(name, full))
				snprintf(out, cap, "; did you mean %s?", full);
		}
	}
}

/* A warning that is given once for a setting, however many conns inherit it. */
static void tell(struct ipsec_doc *doc, const struct ipsec_section *sec, struct ipsec_setting *s,
                 enum diag_level level, const char *text)
{
	char where[256];
	if (s->told)
		return;
	s->told = true;
	ipsec_where(where, sizeof where, sec, s->key);
	diag_add(doc->job->d, level, s->file, s->line, where, "%s", text);
}

static void tell_unknown(struct ipsec_doc *doc, const struct ipsec_section *sec, struct ipsec_setting *s)
{
	char meant[96], text[192];
	guess(s->key, meant, sizeof meant);
	snprintf(text, sizeof text, "unknown keyword, ignored%s", meant);
	tell(doc, sec, s, DIAG_WARNING, text);
}

/* Keywords without an effect of their own. False when the key is one that counts. */
static bool apply_idle(struct ipsec_doc *doc, struct ipsec_section *sec, struct ipsec_setting *s,
                       const struct ipsec_key *k)
{
	char text[256];
	bool off = k->off && strcmp(k->off, s->value) == 0;
	switch (k->class) {
	case MUST:
	case SHOULD:
	case WARN:
		snprintf(text, sizeof text, "has no effect: %s", k->hint ? k->hint : "");
		if (k->hint && !off)
			tell(doc, sec, s, DIAG_WARNING, text);
		return k->class == WARN;
	case REFUSE:
		if (!off)
			ipsec_spoil(doc, sec, s->file, s->line, s->key, "%s", k->hint);
		return true;
	case GONE:
		snprintf(text, sizeof text, "deprecated keyword, ignored%s%s", k->hint ? ": " : "", k->hint ? k->hint : "");
		tell(doc, sec, s, DIAG_WARNING, text);
		return true;
	case ELSEWHERE:
		snprintf(text, sizeof text, "a keyword of libreswan, ignored: %s", k->hint);
		tell(doc, sec, s, DIAG_WARNING, text);
		return true;
	default:
		return false;
	}
}

/* Reads the value of a row to base + offset. False, and the section spoilt, when it is bad. */
static bool apply_value(struct ipsec_doc *doc, struct ipsec_section *sec, const struct ipsec_setting *s,
                        const struct ipsec_key *k, void *base)
{
	char list[256], found[256];
	struct sbuf why = SB(list), f = SB(found);
	if (!k->read) {
		*(const struct ipsec_setting **)((char *)base + k->offset) = s;
		return true;
	}
	const char *expected = k->read(s->value, (char *)base + k->offset, k->words, &why);
	if (!expected)
		return true;
	sb_escape(&f, s->value, min_z(strlen(s->value), 100));
	ipsec_spoil(doc, sec, s->file, s->line, s->key, "expected %s, found '%s'", expected, found);
	return false;
}

void ipsec_apply(struct ipsec_conn *c, struct ipsec_setting *s)
{
	int end = 0;
	const struct ipsec_key *k = find(s->key, &end);
	if (!k) {
		tell_unknown(c->doc, c->sec, s);
		return;
	}
	if (k->section != IN_CONN && k->section != IN_END) {
		if (k->class == ELSEWHERE) /* unknown to strongSwan, wherever it stands */
			tell_unknown(c->doc, c->sec, s);
		else
			ipsec_spoil(c->doc, c->sec, s->file, s->line, s->key, "belongs into '%s', not into a conn",
			            section_words[k->section]);
		return;
	}
	if (apply_idle(c->doc, c->sec, s, k))
		return;
	if (!apply_value(c->doc, c->sec, s, k, k->section == IN_END ? (void *)&c->end[end] : (void *)c))
		return;
	if (strcmp(s->key, "mark") == 0)
		memcpy(c->mark_out, c->mark_in, sizeof c->mark_out);
	else if (strcmp(s->key, "ikelifetime") == 0)
		c->ikelife_set = s;
	else if (strcmp(s->key, "lifetime") == 0 || strcmp(s->key, "keylife") == 0)
		c->life_set = s;
	else if (strcmp(s->key, "margintime") == 0 || strcmp(s->key, "rekeymargin") == 0)
		c->margin_set = s;
	else if (strcmp(s->key, "x-gre-key") == 0)
		c->t.gre.key_set = true;
}

void ipsec_apply_setup(struct ipsec_doc *doc, struct ipsec_setting *s, struct conf_setup *setup)
{
	int end;
	const struct ipsec_key *k = find(s->key, &end);
	if (!k)
		tell_unknown(doc, &doc->setup, s);
	else if (k->section != IN_SETUP && k->class == ELSEWHERE)
		tell_unknown(doc, &doc->setup, s);
	else if (k->section != IN_SETUP)
		ipsec_spoil(doc, &doc->setup, s->file, s->line, s->key, "belongs into '%s', not into 'config setup'",
		            section_words[k->section]);
	else if (!apply_idle(doc, &doc->setup, s, k) && k->read)
		apply_value(doc, &doc->setup, s, k, setup);
}

void ipsec_check_ca(struct ipsec_doc *doc, struct ipsec_section *sec, struct ipsec_setting *s)
{
	int end;
	const struct ipsec_key *k = find(s->key, &end);
	if (!k)
		tell_unknown(doc, sec, s);
	else if (k->section != IN_CA && strcmp(k->name, "auto") != 0)
		tell(doc, sec, s, DIAG_WARNING, "does not belong into a ca section, which has no effect anyway");
}
