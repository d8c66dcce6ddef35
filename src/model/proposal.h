/* Proposals as the engines compare them (RFC 7296 3.3), free of wire layout. */
#ifndef MODEL_PROPOSAL_H
#define MODEL_PROPOSAL_H

#include "model/algo.h"

enum proto_id { PROTO_NONE = 0, PROTO_IKE = 1, PROTO_AH = 2, PROTO_ESP = 3 };

struct transform {
	uint8_t type; /* enum transform_type */
	uint16_t id;
	uint16_t key_bits; /* Key Length attribute; 0 = absent */
};

enum { TRANSFORMS_MAX = 40, PROPOSALS_MAX = 16 };

/* Several transforms of one type = alternatives, most wanted first. */
struct proposal {
	uint8_t number;
	uint8_t proto;   /* enum proto_id */
	uint8_t spi_len; /* 0, 4 or 8 */
	uint8_t n;
	uint64_t spi;    /* host order; ESP: low 32 bits */
	struct transform t[TRANSFORMS_MAX];
};

struct proposals {
	uint8_t n;
	struct proposal p[PROPOSALS_MAX];
};

/* What a negotiation settled: one algorithm per type; id 0 / AUTH_NONE = none. */
struct suite {
	uint16_t encr, encr_bits;
	uint16_t integ, prf, dh;
	uint8_t esn;
};

/* strongSwan's proposal string (ike= or esp=), e.g. "aes256-sha2_256-modp1024!".
 * Without '!' the default proposals follow; text NULL or "" gives the defaults only.
 * proto PROTO_IKE or PROTO_ESP. Returns true, or false with a sentence in err that
 * names the token and what was expected. */
bool proposals_parse(const char *text, uint8_t proto, struct proposals *out, struct sbuf *err) MUST_USE;
bool proposal_has(const struct proposal *p, const struct transform *t);
bool proposal_has_type(const struct proposal *p, uint8_t type); /* enum transform_type */
/* "IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_1024", all alternatives. */
void sb_proposal(struct sbuf *b, const struct proposal *p);
void sb_proposals(struct sbuf *b, const struct proposals *p); /* joined by ", " */
/* The chosen suite in strongSwan's status form: AES_CBC_256/HMAC_SHA2_256_128/... For
 * ESP the PRF is left out, DH shown when set, "/ESN" when on. */
void sb_suite(struct sbuf *b, const struct suite *s, uint8_t proto);
const struct algo *suite_algo(const struct suite *s, uint8_t type);
/* Octets of key material per direction for ESP: encr key + salt, then integ key (RFC 7296 2.17). */
size_t suite_encr_key_len(const struct suite *s);
size_t suite_integ_key_len(const struct suite *s);

#endif
