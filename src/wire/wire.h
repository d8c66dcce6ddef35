/* Front door of wire/: octets to views and views to octets; no policy, no state, no
 * allocation, no log. A view borrows from the datagram it was decoded from.
 *
 * Decoders return a code, never a guess: WIRE_OK, or what RFC 7296 wants done about it.
 * Encoders append to a `struct wr`; lengths and the chain of next-payload fields are theirs.
 * Every numeric field that a decoder accepts, the encoder can produce again. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "model/model.h"
#include "wire/bfd.h"
#include "wire/bgp.h"
#include "wire/bgp_update.h"

/* --- IKE message (RFC 7296 3.1, 3.2) --- */
enum { IKE_HDR_LEN = 28, IKE_GENERIC_LEN = 4, IKE_MSG_MAX = 65535, IKE_PAYLOADS_MAX = 64,
       IKE_NOTIFIES_MAX = 40, IKE_NONCE_MIN = 16, IKE_NONCE_MAX = 256 };

enum ike_exchange { IKE_SA_INIT = 34, IKE_AUTH = 35, CREATE_CHILD_SA = 36, INFORMATIONAL = 37 };
enum ike_flag { IKE_F_INITIATOR = 0x08, IKE_F_VERSION = 0x10, IKE_F_RESPONSE = 0x20 };
enum ike_payload_type {
	P_NONE = 0, P_SA = 33, P_KE = 34, P_IDI = 35, P_IDR = 36, P_CERT = 37, P_CERTREQ = 38, P_AUTH = 39,
	P_NONCE = 40, P_N = 41, P_D = 42, P_V = 43, P_TSI = 44, P_TSR = 45, P_SK = 46, P_CP = 47, P_EAP = 48,
	P_SKF = 53,
};
enum ike_notify_type {
	N_UNSUPPORTED_CRITICAL_PAYLOAD = 1, N_INVALID_IKE_SPI = 4, N_INVALID_MAJOR_VERSION = 5,
	N_INVALID_SYNTAX = 7, N_INVALID_MESSAGE_ID = 9, N_INVALID_SPI = 11, N_NO_PROPOSAL_CHOSEN = 14,
	N_INVALID_KE_PAYLOAD = 17, N_AUTHENTICATION_FAILED = 24, N_SINGLE_PAIR_REQUIRED = 34,
	N_NO_ADDITIONAL_SAS = 35, N_INTERNAL_ADDRESS_FAILURE = 36, N_FAILED_CP_REQUIRED = 37,
	N_TS_UNACCEPTABLE = 38, N_INVALID_SELECTORS = 39, N_UNACCEPTABLE_ADDRESSES = 40,
	N_UNEXPECTED_NAT_DETECTED = 41, N_TEMPORARY_FAILURE = 43, N_CHILD_SA_NOT_FOUND = 44,
	N_INITIAL_CONTACT = 16384, N_SET_WINDOW_SIZE = 16385, N_ADDITIONAL_TS_POSSIBLE = 16386,
	N_IPCOMP_SUPPORTED = 16387, N_NAT_DETECTION_SOURCE_IP = 16388, N_NAT_DETECTION_DESTINATION_IP = 16389,
	N_COOKIE = 16390, N_USE_TRANSPORT_MODE = 16391, N_HTTP_CERT_LOOKUP_SUPPORTED = 16392, N_REKEY_SA = 16393,
	N_ESP_TFC_PADDING_NOT_SUPPORTED = 16394, N_NON_FIRST_FRAGMENTS_ALSO = 16395, N_MOBIKE_SUPPORTED = 16396,
	N_ADDITIONAL_IP4_ADDRESS = 16397, N_ADDITIONAL_IP6_ADDRESS = 16398, N_NO_ADDITIONAL_ADDRESSES = 16399,
	N_UPDATE_SA_ADDRESSES = 16400, N_COOKIE2 = 16401, N_NO_NATS_ALLOWED = 16402, N_AUTH_LIFETIME = 16403,
	N_EAP_ONLY_AUTHENTICATION = 16417, N_CHILDLESS_IKEV2_SUPPORTED = 16418, N_FRAGMENTATION_SUPPORTED = 16430,
	N_SIGNATURE_HASH_ALGORITHMS = 16431, N_REDIRECT_SUPPORTED = 16406, N_USE_PPK = 16435,
	N_PPK_IDENTITY = 16436, N_NO_PPK_AUTH = 16437,
};
enum ike_auth_method { AUTH_METHOD_PSK = 2 };

struct ike_hdr {
	uint64_t spi_i, spi_r;
	uint8_t next;              /* type of the first payload */
	uint8_t major, minor;
	uint8_t exchange, flags;
	uint32_t msg_id;
	uint32_t length;           /* of the whole message */
};

struct ike_payload {
	uint8_t type;
	bool critical;
	struct span body;          /* behind the generic header */
};

struct ike_payloads {
	uint8_t n;
	struct ike_payload v[IKE_PAYLOADS_MAX];
	uint8_t sk_next;           /* P_SK: type of the first inner payload; P_SKF: same (fragment 1) */
	uint8_t unknown_critical;  /* with WIRE_CRITICAL: its type */
};

enum wire_err {
	WIRE_OK = 0,
	WIRE_SHORT,     /* ends before it should, or a length lies */
	WIRE_SYNTAX,    /* a field has a value that the RFC forbids: INVALID_SYNTAX */
	WIRE_VERSION,   /* major version above 2 */
	WIRE_CRITICAL,  /* an unknown payload type has the critical bit: UNSUPPORTED_CRITICAL_PAYLOAD */
	WIRE_TOO_MANY,  /* more payloads, proposals, transforms or selectors than the cap */
	WIRE_UNKNOWN,   /* well-formed, of a kind that we do not implement */
};
const char *wire_err_name(enum wire_err e);

/* Header: 28 octets, length field equal to n, SPIi not zero. Major version 0 or 1: WIRE_UNKNOWN. With every code but
 * WIRE_SHORT all fields of *out are those of the datagram. */
enum wire_err ike_hdr_decode(struct span datagram, struct ike_hdr *out) MUST_USE;
/* The chain of payloads that begins with type `first`. An SK or SKF payload ends the chain (RFC 7296 3.14) and
 * must be last. Unknown types without the critical bit are skipped (counted neither). An SK or SKF inside SK looks like
 * any other payload here: the caller forbids it. On an error *out is of no use but for unknown_critical. */
enum wire_err ike_payloads_decode(uint8_t first, struct span body, struct ike_payloads *out) MUST_USE;
/* First payload of a type; NULL when absent. */
const struct ike_payload *ike_payload_find(const struct ike_payloads *p, uint8_t type);

/* --- Payload bodies --- */
/* SA (3.3). Transforms with unknown attributes or of unknown kind are kept out, a proposal whose
 * SPI size is wrong for its protocol is WIRE_SYNTAX. Proposals above PROPOSALS_MAX and transforms above
 * TRANSFORMS_MAX of one proposal are skipped, not an error. A proposal left without a transform of a type that it had
 * offered must not match as if it had offered none: such a proposal is dropped, and so is one of an unknown protocol or
 * with an unknown transform type (3.3.6). out->n may be 0: NO_PROPOSAL_CHOSEN. Transform IDs outside algo_table() are
 * kept, they match nothing. Proposal numbers: above 0, rising. */
enum wire_err ike_sa_decode(struct span body, struct proposals *out) MUST_USE;

struct ike_ke { uint16_t group; struct span data; };
enum wire_err ike_ke_decode(struct span body, struct ike_ke *out) MUST_USE;

/* ID (3.5). Type 0 (our ID_ANY) is WIRE_SYNTAX, a type that RFC 7296 does not define WIRE_UNKNOWN. `whole` is the
 * body as it enters the AUTH computation: type, RESERVED, data. */
struct ike_id { uint8_t type; struct span data; struct span whole; };
enum wire_err ike_id_decode(struct span body, struct ike_id *out) MUST_USE;

struct ike_auth { uint8_t method; struct span data; };
enum wire_err ike_auth_decode(struct span body, struct ike_auth *out) MUST_USE;

enum wire_err ike_nonce_decode(struct span body, struct span *out) MUST_USE; /* 16..256 octets */

struct ike_notify {
	uint8_t proto;  /* enum proto_id or 0; always 0 without an SPI (3.10). With ESP and AH spi.n is 4 */
	uint16_t type;
	struct span spi, data;
};
enum wire_err ike_notify_decode(struct span body, struct ike_notify *out) MUST_USE;

struct ike_delete {
	uint8_t proto;   /* PROTO_IKE: no SPIs; PROTO_ESP/AH: spi size 4 */
	uint16_t n;
	struct span spis; /* n * 4 octets */
};
enum wire_err ike_delete_decode(struct span body, struct ike_delete *out) MUST_USE;
uint32_t ike_delete_spi(const struct ike_delete *d, uint16_t i);

/* Traffic selectors (3.13). */
enum { IKE_TS_MAX = 16 };
struct ike_ts {
	uint8_t proto;               /* 0 = any */
	uint16_t port_lo, port_hi;   /* lo <= hi, or OPAQUE: 65535, 0 (3.13.1) */
	struct addr lo, hi;          /* same family */
};
struct ike_ts_list { uint8_t n; struct ike_ts v[IKE_TS_MAX]; };
/* Selectors of unknown type are skipped (out->n may be 0); lo > hi is WIRE_SYNTAX; more than IKE_TS_MAX: the
 * rest is skipped. */
enum wire_err ike_ts_decode(struct span body, struct ike_ts_list *out) MUST_USE;

/* SKF (RFC 7383 2.5): the cleartext numbers in front of the IV. */
struct ike_skf { uint16_t number, total; };
enum wire_err ike_skf_decode(struct span body, struct ike_skf *out) MUST_USE;

/* --- Encoding --- */
/* One message under construction. Payload functions chain themselves; ike_enc_finish sets lengths. What may not be sent
 * (an empty KE, a nonce out of range, an SPI of zero, ID_ANY, ...) fails the writer: look at wr_ok() at the end. */
struct ike_enc {
	struct wr *w;
	size_t start;        /* of the IKE header in w */
	size_t next_at;      /* where the next payload's type goes */
	size_t body_at;      /* start of the open payload, 0 = none */
	size_t sk_at;        /* generic header of the SK payload, 0 = none */
	size_t sk_first;     /* where the first inner payload starts */
	size_t iv_at;        /* where the IV starts */
};

void ike_enc_begin(struct ike_enc *e, struct wr *w, const struct ike_hdr *h); /* h->next and h->length are ignored */
void ike_enc_sa(struct ike_enc *e, const struct proposals *p); /* a proposal numbered 0 gets its place, from 1 */
void ike_enc_ke(struct ike_enc *e, uint16_t group, struct span data);
void ike_enc_nonce(struct ike_enc *e, struct span nonce);
void ike_enc_id(struct ike_enc *e, uint8_t payload_type, const struct ident *id);
void ike_enc_auth(struct ike_enc *e, uint8_t method, struct span data);
void ike_enc_notify(struct ike_enc *e, uint8_t proto, struct span spi, uint16_t type, struct span data);
void ike_enc_delete_ike(struct ike_enc *e);
void ike_enc_delete_esp(struct ike_enc *e, const uint32_t *spis, uint16_t n);
void ike_enc_ts(struct ike_enc *e, uint8_t payload_type, const struct ike_ts_list *ts);
/* Opens the SK payload and leaves iv_len octets of room; payloads that follow go inside. */
void ike_enc_sk_begin(struct ike_enc *e, size_t iv_len);
/* The payloads inside SK so far, and the type of the first: what a sender that must fragment cuts into pieces
 * (RFC 7383 2.5). Borrowed from e->w; ask before ike_enc_sk_end. Empty when no SK is open. */
struct span ike_enc_inner(const struct ike_enc *e, uint8_t *first);
/* Opens an SKF payload in place of SK: fragment `number` of `total`, both counted from 1. inner_first: type of the
 * first inner payload in fragment 1, P_NONE in the others. ike_enc_octets and ike_enc_sk_end follow. */
void ike_enc_skf_begin(struct ike_enc *e, uint8_t inner_first, uint16_t number, uint16_t total, size_t iv_len);
/* A piece of plaintext inside SKF, as ike_enc_inner gave it. */
void ike_enc_octets(struct ike_enc *e, struct span piece);
/* Pads the inside to a multiple of block (with pad length octet, RFC 7296 3.14), leaves icv_len octets, sets all
 * lengths. *aad_len: octets from the header to the IV; *data_len: padded plaintext; both 0 when the writer failed.
 * Ready for sk_seal on e->w->base + e->start. */
void ike_enc_sk_end(struct ike_enc *e, size_t block, size_t icv_len, size_t *aad_len, size_t *data_len);
/* Ends a message without SK: sets the header's length. */
void ike_enc_finish(struct ike_enc *e);

/* Removes the padding of an opened SK payload: data_len without padding and pad length octet; WIRE_SYNTAX when the pad
 * length exceeds the data. */
enum wire_err ike_sk_unpad(const uint8_t *data, size_t data_len, size_t *plain_len) MUST_USE;

/* --- Text, for logs and recordings --- */
/* "IKE_SA_INIT request 0 [ SA KE No N(NATD_S_IP) ]" in strongSwan's short names. inner: payloads inside SK, or NULL. */
void sb_ike_message(struct sbuf *b, const struct ike_hdr *h, const struct ike_payloads *outer,
                    const struct ike_payloads *inner);
const char *ike_exchange_name(uint8_t exchange);       /* NULL when unknown */
const char *ike_notify_name(uint16_t type);            /* "NO_PROPOSAL_CHOSEN"; NULL when unknown */
const char *ike_notify_short(uint16_t type);           /* "NO_PROP", "NATD_S_IP" as strongSwan prints; NULL */
bool ike_notify_is_error(uint16_t type);               /* below 16384 */

/* --- UDP encapsulation (RFC 3948) --- */
enum udp_kind { UDP_IKE, UDP_ESP, UDP_KEEPALIVE, UDP_JUNK };
/* What a datagram on the NAT-T port is; for UDP_IKE *ike is the part behind the non-ESP marker. */
enum udp_kind udp_encap_classify(struct span datagram, struct span *ike);

#endif
