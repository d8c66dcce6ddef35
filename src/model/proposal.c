/* Proposals: strongSwan's strings in, its printed forms out.
 *
 * The rules of what a string means are strongSwan's (a PRF is derived from the
 * integrity algorithms, AEAD and classic ciphers do not mix, "!" makes the list
 * final), with one exception: an ESP proposal without any integrity is refused,
 * where strongSwan would send encrypted octets that anybody may alter. */
#include "model/proposal.h"

#include <string.h>

enum { TOKEN_MAX = 64 };

/* The kinds of default proposal, in the order in which they are offered. */
enum flavour { CLASSIC, AEAD };

/* Adds a transform once. False when the proposal is full. */
static bool add(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct transform *t = &p->t[i];
		if (t->type == type && t->id == id && t->key_bits == key_bits)
			return true;
	}
	if (p->n == TRANSFORMS_MAX)
		return false;
	p->t[p->n].type = type;
	p->t[p->n].id = id;
	p->t[p->n].key_bits = key_bits;
	p->n++;
	return true;
}

static size_t count(const struct proposal *p, uint8_t type)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += p->t[i].type == type;
	return n;
}

static void drop(struct proposal *p, uint8_t type, int id)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type != type || (id >= 0 && p->t[i].id != id))
			p->t[n++] = p->t[i];
	}
	memset(p->t + n, 0, (p->n - n) * sizeof *p->t);
	p->n = (uint8_t)n;
}

static bool is_aead(const struct transform *t)
{
	const struct algo *a = algo_find(t->type, t->id, t->key_bits);
	return a && a->type == T_ENCR && (a->flags & ALGO_AEAD);
}

/* strongSwan's order of types: ENCR, INTEG, PRF, DH, ESN. */
static const uint8_t type_order[] = {T_ENCR, T_INTEG, T_PRF, T_DH, T_ESN};

static void order_types(struct proposal *p)
{
	struct transform t[TRANSFORMS_MAX];
	size_t n = 0;
	memset(t, 0, sizeof t);
	for (size_t k = 0; k < ARRAY_LEN(type_order); k++) {
		for (size_t i = 0; i < p->n; i++) {
			if (p->t[i].type == type_order[k])
				t[n++] = p->t[i];
		}
	}
	memcpy(p->t, t, sizeof t);
}

/* The PRF that goes with an integrity algorithm; 0 when it has none. */
static uint16_t prf_of(uint16_t integ)
{
	switch (integ) {
	case AUTH_HMAC_SHA1_96: return PRF_HMAC_SHA1;
	case AUTH_HMAC_SHA2_256_128: return PRF_HMAC_SHA2_256;
	case AUTH_HMAC_SHA2_384_192: return PRF_HMAC_SHA2_384;
	case AUTH_HMAC_SHA2_512_256: return PRF_HMAC_SHA2_512;
	default: return 0;
	}
}

static bool complete_ike(struct proposal *p, struct sbuf *err)
{
	if (count(p, T_PRF) == 0) {
		for (size_t i = 0, n = p->n; i < n; i++) {
			if (p->t[i].type == T_INTEG && !add(p, T_PRF, prf_of(p->t[i].id), 0)) {
				sb_put(err, "has too many algorithms");
				return false;
			}
		}
	}
	drop(p, T_ESN, -1);
	drop(p, T_DH, DH_NONE);
	if (count(p, T_PRF) == 0) {
		sb_put(err, "has no PRF: add one such as prfsha256, or an integrity algorithm such as sha256");
		return false;
	}
	if (count(p, T_DH) == 0) {
		sb_put(err, "has no Diffie-Hellman group: add one such as x25519 or modp2048");
		return false;
	}
	return true;
}

static bool complete_esp(struct proposal *p, struct sbuf *err)
{
	drop(p, T_PRF, -1);
	if (count(p, T_ESN) == 0 && !add(p, T_ESN, ESN_NO, 0)) {
		sb_put(err, "has too many algorithms");
		return false;
	}
	return true;
}

/* Fills in what may be left out and checks what may not. On failure err says
 * "has no ..." about the proposal. */
static bool complete(struct proposal *p, struct sbuf *err)
{
	size_t aead = 0, encr = count(p, T_ENCR);
	for (size_t i = 0; i < p->n; i++)
		aead += is_aead(&p->t[i]);
	if (encr == 0) {
		sb_put(err, "has no encryption algorithm: add one such as aes256 or aes256gcm16");
		return false;
	}
	if (aead && aead < encr) {
		sb_put(err, "mixes AEAD (gcm, chacha20poly1305) and classic encryption: "
		            "write them as two proposals with a comma between");
		return false;
	}
	if (!(p->proto == PROTO_IKE ? complete_ike(p, err) : complete_esp(p, err)))
		return false;
	if (aead)
		drop(p, T_INTEG, -1);
	else if (count(p, T_INTEG) == 0) {
		sb_put(err, "has no integrity algorithm: add one such as sha256");
		return false;
	}
	order_types(p);
	return true;
}

static void add_default(struct proposals *out, uint8_t proto, enum flavour flavour)
{
	if (out->n == PROPOSALS_MAX)
		return;
	struct proposal *p = &out->p[out->n];
	size_t n;
	const struct algo *a = algo_table(&n);
	unsigned use = proto == PROTO_IKE ? ALGO_IKE : ALGO_ESP;
	p->proto = proto;
	for (size_t i = 0; i < n; i++) {
		bool wanted = (a[i].flags & ALGO_DEFAULT) && (a[i].flags & use) && !(a[i].flags & ALGO_WEAK);
		if (a[i].type == T_ENCR)
			wanted = wanted && !(a[i].flags & ALGO_AEAD) == (flavour == CLASSIC);
		if (a[i].type == T_INTEG)
			wanted = wanted && flavour == CLASSIC;
		if (a[i].type == T_DH)
			wanted = wanted && proto == PROTO_IKE; /* no PFS unless asked for */
		if (wanted && BUG(!add(p, a[i].type, a[i].id, a[i].key_bits)))
			return;
	}
	order_types(p);
	p->number = ++out->n;
}

/* The tokens of strongSwan that gretel does not have: their users deserve another
 * sentence than those of a misspelt one. */
static bool known_elsewhere(const char *token)
{
	static const char *const stem[] = {
		"3des", "des", "null", "camellia", "blowfish", "cast128", "serpent", "twofish", "aes128ccm", "aes192ccm",
		"aes256ccm", "aes128gmac", "aes192gmac", "aes256gmac", "md5", "sha1_160", "sha256_96", "sha2_256_96",
		"aesxcbc", "aescmac", "prfmd5", "prfaesxcbc", "prfaescmac", "prfcamellia", "modp768", "modp1024s160",
		"modp2048s224", "modpnull", "ecp192", "ecp224", "ecp256bp", "ecp384bp", "ecp512bp", "ntru", "newhope",
		"mlkem", "ke1_", "ke2_", "ke3_", "ke4_", "ke5_", "ke6_", "ke7_", "chacha20poly1305compat",
	};
	for (size_t i = 0; i < ARRAY_LEN(stem); i++) {
		if (strncmp(token, stem[i], strlen(stem[i])) == 0)
			return true;
	}
	return false;
}

/* One token of a proposal. err: a whole sentence. */
static bool add_token(struct proposal *p, const char *token, size_t n, struct sbuf *err)
{
	const struct algo *a = algo_by_token(token, n);
	if (!a) {
		char text[TOKEN_MAX] = "";
		memcpy(text, token, min_z(n, sizeof text - 1));
		sb_put(err, "algorithm '");
		sb_escape(err, token, min_z(n, TOKEN_MAX));
		if (known_elsewhere(text))
			sb_put(err, "' is strongSwan's and not in gretel: use aes, gcm, chacha20poly1305, sha1, sha2, "
			            "modp, ecp or x25519");
		else
			sb_put(err, "' is not known: expected one such as aes256, aes256gcm16, sha256, modp2048");
		return false;
	}
	/* A token of the other protocol is not wrong, it says nothing here (prfsha256 in esp=, esn in ike=). */
	if (!add(p, a->type, a->id, a->key_bits)) {
		sb_put(err, "a proposal has too many algorithms");
		return false;
	}
	return true;
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

static const char *trim(const char *s, size_t *n)
{
	while (*n && blank(s[0]))
		s++, --*n;
	while (*n && blank(s[*n - 1]))
		--*n;
	return s;
}

static bool parse_one(const char *s, size_t n, uint8_t proto, struct proposals *out, struct sbuf *err)
{
	if (out->n == PROPOSALS_MAX) {
		sb_printf(err, "more than %d proposals", PROPOSALS_MAX);
		return false;
	}
	struct proposal *p = &out->p[out->n];
	p->proto = proto;
	for (size_t at = 0; at <= n;) {
		const char *dash = memchr(s + at, '-', n - at);
		size_t len = dash ? (size_t)(dash - s) - at : n - at, inner = len;
		const char *token = trim(s + at, &inner);
		if (inner && !add_token(p, token, inner, err))
			return false;
		at += len + 1; /* strongSwan takes doubled separators, so do we */
	}
	char why[160];
	struct sbuf w = SB(why);
	if (!complete(p, &w)) {
		sb_put(err, "proposal '");
		sb_escape(err, s, min_z(n, 2 * TOKEN_MAX));
		sb_printf(err, "' %s", why);
		return false;
	}
	p->number = ++out->n;
	return true;
}

bool proposals_parse(const char *text, uint8_t proto, struct proposals *out, struct sbuf *err)
{
	size_t n = text ? strlen(text) : 0;
	const char *s = n ? trim(text, &n) : text;
	bool empty = n == 0, strict = n && s[n - 1] == '!';
	n -= strict;
	memset(out, 0, sizeof *out);
	for (size_t at = 0; !empty && at <= n;) {
		const char *comma = memchr(s + at, ',', n - at);
		size_t len = comma ? (size_t)(comma - s) - at : n - at, inner = len;
		const char *one = trim(s + at, &inner);
		if (inner && !parse_one(one, inner, proto, out, err))
			return false;
		at += len + 1;
	}
	if (strict && out->n == 0) {
		sb_put(err, "no proposal stands before '!'");
		return false;
	}
	if (!strict) {
		add_default(out, proto, CLASSIC);
		add_default(out, proto, AEAD);
	}
	return true;
}

static void sb_transform(struct sbuf *b, const struct transform *t)
{
	const struct algo *a = algo_find(t->type, t->id, t->key_bits);
	if (a)
		sb_put(b, a->log_name);
	else if (t->key_bits)
		sb_printf(b, "(%u:%u_%u)", t->type, t->id, t->key_bits);
	else
		sb_printf(b, "(%u:%u)", t->type, t->id);
}

void sb_proposal(struct sbuf *b, const struct proposal *p)
{
	sb_put(b, p->proto == PROTO_IKE ? "IKE" : p->proto == PROTO_ESP ? "ESP" : p->proto == PROTO_AH ? "AH" : "?");
	char sep = ':';
	for (size_t i = 0; i < p->n && i < TRANSFORMS_MAX; i++, sep = '/') {
		sb_putc(b, sep);
		sb_transform(b, &p->t[i]);
	}
}

void sb_proposals(struct sbuf *b, const struct proposals *p)
{
	for (size_t i = 0; i < p->n && i < PROPOSALS_MAX; i++) {
		if (i)
			sb_put(b, ", ");
		sb_proposal(b, &p->p[i]);
	}
}

bool proposal_has(const struct proposal *p, const struct transform *t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type == t->type && p->t[i].id == t->id && p->t[i].key_bits == t->key_bits)
			return true;
	}
	return false;
}

bool proposal_has_type(const struct proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->t[i].type == type)
			return true;
	}
	return false;
}

const struct algo *suite_algo(const struct suite *s, uint8_t type)
{
	switch (type) {
	case T_ENCR: return s->encr ? algo_find(type, s->encr, s->encr_bits) : NULL;
	case T_PRF: return s->prf ? algo_find(type, s->prf, 0) : NULL;
	case T_INTEG: return s->integ ? algo_find(type, s->integ, 0) : NULL;
	case T_DH: return s->dh ? algo_find(type, s->dh, 0) : NULL;
	case T_ESN: return algo_find(type, s->esn, 0);
	default: return NULL;
	}
}

void sb_suite(struct sbuf *b, const struct suite *s, uint8_t proto)
{
	bool first = true;
	for (size_t i = 0; i < ARRAY_LEN(type_order); i++) {
		uint8_t type = type_order[i];
		const struct algo *a = suite_algo(s, type);
		if (!a || type == T_ESN || (type == T_PRF && proto != PROTO_IKE))
			continue;
		if (!first)
			sb_putc(b, '/');
		first = false;
		sb_put(b, a->log_name);
	}
	if (proto == PROTO_ESP && s->esn == ESN_YES)
		sb_put(b, first ? "ESN" : "/ESN");
}

size_t suite_encr_key_len(const struct suite *s)
{
	const struct algo *a = suite_algo(s, T_ENCR);
	return a ? (size_t)a->key_len + a->salt_len : 0;
}

size_t suite_integ_key_len(const struct suite *s)
{
	const struct algo *a = suite_algo(s, T_INTEG);
	return a ? a->key_len : 0;
}
