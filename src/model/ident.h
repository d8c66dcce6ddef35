/* IKE identities (RFC 7296 3.5) and how one matches a pattern. */
#ifndef MODEL_IDENT_H
#define MODEL_IDENT_H

#include "model/addr.h"

/* ID types as on the wire; 0 is ours for "any". */
enum ident_type {
	ID_ANY = 0,
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3, /* USER_FQDN */
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_DER_ASN1_GN = 10,
	ID_KEY_ID = 11,
	ID_IPV4_ADDR_SUBNET = 4, /* patterns only, never sent: address + mask length octet */
	ID_IPV6_ADDR_SUBNET = 6,
};

enum { IDENT_MAX = 252, IDENT_TEXT = 4 * IDENT_MAX + 8 };

struct ident {
	uint8_t type; /* enum ident_type */
	uint8_t len;
	uint8_t data[IDENT_MAX];
};

/* Grades of a match, higher is better (ike.md 2.3). */
enum { IDENT_NO = 0, IDENT_MATCH_ANY = 1, IDENT_MATCH_ALL_NET = 2, IDENT_MATCH_WILD = 19, IDENT_MATCH_FULL = 20 };

/* strongSwan's rules for leftid= and secrets selectors: prefixes such as fqdn:,
 * keyid:, @fqdn, @@user@fqdn, @#hex, addresses, a=b (unsupported DN), names.
 * False: too long or malformed hex. */
bool ident_parse(const char *text, struct ident *out) MUST_USE;
struct ident ident_from_addr(const struct addr *a);
/* False when n exceeds IDENT_MAX. */
bool ident_set(struct ident *out, uint8_t type, const void *p, size_t n) MUST_USE;
/* Same type and octets; FQDN and RFC822 without regard to case. */
bool ident_eq(const struct ident *a, const struct ident *b);
/* Octets for a hash, equal when ident_eq is true; returns how many. */
enum { IDENT_KEY = 2 + IDENT_MAX };
size_t ident_key(const struct ident *id, uint8_t out[IDENT_KEY]);
/* How well id fits pattern: a grade above. */
int ident_match(const struct ident *id, const struct ident *pattern);
/* As strongSwan prints it: 121.43.117.81, vpn.example.org, %any; odd octets escaped. */
void sb_ident(struct sbuf *b, const struct ident *id);

#endif
