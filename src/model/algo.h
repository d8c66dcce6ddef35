/* Algorithms as table rows: one row per (transform type, id, key length) that
 * gretel knows, with its names in every vocabulary (IANA number, strongSwan's
 * proposal token, strongSwan's log name, the kernel's crypto name) and its sizes.
 * Adding an algorithm is a row here and a row in crypto/. */
#ifndef MODEL_ALGO_H
#define MODEL_ALGO_H

#include "base/base.h"

/* Transform types, RFC 7296 3.3.2. */
enum transform_type { T_ENCR = 1, T_PRF = 2, T_INTEG = 3, T_DH = 4, T_ESN = 5 };

/* Transform IDs, IANA "IKEv2 Parameters". */
enum encr_id {
	ENCR_3DES = 3, ENCR_NULL = 11, ENCR_AES_CBC = 12, ENCR_AES_CTR = 13,
	ENCR_AES_GCM_8 = 18, ENCR_AES_GCM_12 = 19, ENCR_AES_GCM_16 = 20,
	ENCR_CHACHA20_POLY1305 = 28,
};
enum prf_id { PRF_HMAC_SHA1 = 2, PRF_HMAC_SHA2_256 = 5, PRF_HMAC_SHA2_384 = 6, PRF_HMAC_SHA2_512 = 7 };
enum integ_id {
	AUTH_NONE = 0, AUTH_HMAC_SHA1_96 = 2, AUTH_HMAC_SHA2_256_128 = 12,
	AUTH_HMAC_SHA2_384_192 = 13, AUTH_HMAC_SHA2_512_256 = 14,
};
enum dh_group {
	DH_NONE = 0, DH_MODP_1024 = 2, DH_MODP_1536 = 5, DH_MODP_2048 = 14, DH_MODP_3072 = 15,
	DH_MODP_4096 = 16, DH_MODP_6144 = 17, DH_MODP_8192 = 18, DH_ECP_256 = 19, DH_ECP_384 = 20,
	DH_ECP_521 = 21, DH_MODP_2048_256 = 24, DH_CURVE25519 = 31, DH_CURVE448 = 32,
};
enum esn_id { ESN_NO = 0, ESN_YES = 1 };

enum algo_flag {
	ALGO_AEAD = 1,   /* ENCR that brings its own integrity */
	ALGO_WEAK = 2,   /* works on explicit request, warned about, never a default */
	ALGO_IKE = 4,    /* usable for the IKE SA */
	ALGO_ESP = 8,    /* usable for ESP */
	ALGO_DEFAULT = 16, /* part of the default proposals */
};

struct algo {
	uint8_t type;         /* enum transform_type */
	uint16_t id;
	uint16_t key_bits;    /* value of the Key Length attribute; 0 = none sent */
	uint16_t flags;
	const char *tokens;   /* strongSwan's proposal tokens, blank separated */
	const char *log_name; /* AES_CBC_256, HMAC_SHA2_256_128, MODP_1024, ... */
	uint8_t key_len;      /* octets of key, without salt (ENCR, INTEG, PRF) */
	uint8_t salt_len;     /* octets of salt behind the key (RFC 4106, 3686, 7634) */
	uint8_t iv_len;       /* explicit IV octets */
	uint8_t icv_len;      /* ICV octets (INTEG and AEAD) */
	uint8_t block;        /* ENCR block octets for padding, at least 4 in ESP */
	uint16_t dh_len;      /* octets of a public value on the wire (DH) */
	const char *kernel;   /* xfrm name: cbc(aes), rfc4106(gcm(aes)), hmac(sha256), ... */
};

/* NULL when unknown. key_bits 0 matches the row without the attribute. */
const struct algo *algo_find(uint8_t type, uint16_t id, uint16_t key_bits);
/* By a strongSwan token such as "aes256", "sha2_256", "modp1024", "prfsha256". NULL when unknown. */
const struct algo *algo_by_token(const char *token, size_t n);
const struct algo *algo_table(size_t *n);

#endif
