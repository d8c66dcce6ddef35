/* Front door of crypto/: thin wrappers around OpenSSL, the only includer of its
 * headers. Everything is a function of its arguments: keys and randomness come in,
 * results go out, no key outlives a call inside an OpenSSL object that a caller
 * could forget. `struct crypto` caches fetched algorithms and reusable contexts, so
 * that no algorithm is looked up after seccomp closed and no SA carries a context.
 *
 * One thread uses a struct crypto at a time. After crypto_new nothing is opened or looked
 * up; what the library still asks of the kernel is memory, getrandom and getpid. Make the
 * first struct crypto before anything else calls the library: from then on each block
 * that the library frees is wiped, and the system's openssl.cnf stays unread.
 *
 * All functions return 0 or -errno (-EINVAL: unsupported or malformed, -EBADMSG: not
 * authentic, -EIO: the library failed) unless they say otherwise; on failure every
 * output is wiped.
 *
 *   prf, prf+         RFC 7296 2.13
 *   SK protection     RFC 7296 3.14 (encrypt-then-MAC), RFC 5282 (AEAD)
 *   Diffie-Hellman    RFC 7296 2.7, RFC 6989 checks, RFC 5903, RFC 8031 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "model/model.h"

struct crypto;

struct crypto *crypto_new(void); /* NULL: the library lacks something essential */
void crypto_free(struct crypto *c);
/* The operating system's generator (RAND_bytes; a failure ends the process). */
struct rng *crypto_rng(void);
/* The same octets, drawn half a kilobyte at a time, for one thread in a process that does not fork: a handshake asks for few at a time,
 * and each question to the generator costs more than its octets. What has been given out is wiped. Lives as long as c. */
struct rng *crypto_rng_drawn(struct crypto *c);

bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */
/* SHA-1 of the spans: NAT_DETECTION_*_IP only (RFC 7296 2.23). */
int crypto_sha1(struct crypto *c, const struct span *v, size_t n, uint8_t out[20]) MUST_USE;

/* --- PRF. prf is a PRF transform ID; sizes are 0 when it is unknown. --- */
size_t prf_len(uint16_t prf);
int prf(struct crypto *c, uint16_t prf, struct span key, const struct span *v, size_t n, uint8_t *out) MUST_USE;
/* out_len at most 255 * prf_len. */
int prf_plus(struct crypto *c, uint16_t prf, struct span key, const struct span *seed, size_t n, uint8_t *out,
             size_t out_len) MUST_USE;

/* --- Protection of SK payloads. encr and integ are transform IDs (integ AUTH_NONE for AEAD). --- */
struct sk_keys {
	uint16_t encr, encr_bits, integ;
	struct secret e; /* key, then salt for AEAD and CTR */
	struct secret a; /* integrity key, empty for AEAD */
};
/* Whether this pair can protect IKE messages, for the negotiation. */
bool sk_supported(uint16_t encr, uint16_t encr_bits, uint16_t integ);
size_t sk_iv_len(const struct sk_keys *k);
size_t sk_icv_len(const struct sk_keys *k);
size_t sk_block(const struct sk_keys *k); /* 1 for AEAD and CTR */
/* buf = aad | iv | data | icv. aad_len octets of header up to the IV; data_len octets of
 * plaintext, padding and pad length included (a multiple of sk_block). Fills in iv, encrypts
 * in place, appends the ICV; the total is aad_len + sk_iv_len + data_len + sk_icv_len. */
int sk_seal(struct crypto *c, struct rng *r, const struct sk_keys *k, uint8_t *buf, size_t aad_len,
            size_t data_len) MUST_USE;
/* The reverse on buf of total octets. Checks the ICV first; decrypts in place; *data and
 * *data_len get the plaintext with its padding and pad length octet still on. -EBADMSG for every
 * kind of failure alike. buf is unchanged when the ICV does not fit. */
int sk_open(struct crypto *c, const struct sk_keys *k, uint8_t *buf, size_t aad_len, size_t total,
            uint8_t **data, size_t *data_len) MUST_USE;

/* --- ESP: keys that stay, for whole bursts of packets (RFC 4303 3.3, 3.4). The one exception to "no key outlives a call": a key is
 * set up once per SA, not per packet. --- */
enum { ESP_BURST = 64, ESP_IV_MAX = 16 };
struct esp_key;
/* A packet in place: SPI, sequence number, IV, text, ICV. */
struct esp_job {
	uint8_t *p;
	uint32_t n;              /* all of it */
	uint32_t seq_hi;         /* upper half of the sequence number; part of what is authenticated with ESN (RFC 4303 2.2.1) */
	bool ok;                 /* after esp_open_burst: authentic; after esp_seal_burst: sealed, which is certain unless the library
	                          * fails, and then the text is wiped */
};
enum esp_backend { ESP_BACKEND_AUTO, ESP_BACKEND_OPENSSL, ESP_BACKEND_IPSEC_MB };
/* One direction of an SA. workers: how many threads will use it, each with its own number. -ENOTSUP: the algorithms are not known here. */
int esp_key_new(struct crypto *c, struct mem *mem, const struct suite *s, const struct esp_sa *sa, unsigned workers,
                uint8_t backend, struct esp_key **out) MUST_USE;
void esp_key_free(struct esp_key *k); /* wipes */
uint8_t esp_key_iv_len(const struct esp_key *k);
uint8_t esp_key_icv_len(const struct esp_key *k);
uint8_t esp_key_align(const struct esp_key *k); /* text with trailer is a multiple of it: 4, or the cipher's block */
/* Fill in the IV (from the sequence number, or unpredictable for CBC: RFC 3602 3), encrypt, append the ICV. */
void esp_seal_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n);
/* Check the ICV, decrypt; the text of a job that is not ok is unspecified. */
void esp_open_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n);
/* Whether this build and this processor have it; AUTO's choice. */
bool esp_backend_usable(uint8_t backend);
uint8_t esp_backend_best(void);

/* --- Diffie-Hellman. group is a DH transform ID. --- */
enum { DH_PUBLIC_MAX = 1024, DH_SHARED_MAX = 1024, DH_PRIVATE_MAX = 72 };

struct dh_private {
	uint16_t group;
	uint8_t len;
	uint8_t b[DH_PRIVATE_MAX];
};

bool dh_supported(uint16_t group);
size_t dh_public_len(uint16_t group); /* on the wire; 0 unknown */
/* A fresh private value (MODP: an exponent of at least twice the group's strength) and
 * its public value, padded to dh_public_len. */
int dh_generate(struct crypto *c, struct rng *r, uint16_t group, struct dh_private *priv, uint8_t *pub) MUST_USE;
/* The shared secret g^ir (MODP: padded to the prime; ECP: x; curves: as is) into out, which
 * has room for DH_SHARED_MAX or at least for this group's secret. Checks the peer's
 * value: length; MODP 1 < y < p-1 (and y^q = 1 for modp2048s256); ECP on the curve; curves: result not zero.
 * -EINVAL when it fails one. */
int dh_shared(struct crypto *c, const struct dh_private *priv, struct span peer, uint8_t *out,
              size_t *out_len) MUST_USE;

/* This private value will serve several times: the form that the library wants it in is kept for dh_shared, which then takes less time, until
 * the next call; NULL: none is. */
void dh_keep(struct crypto *c, const struct dh_private *priv);

/* Runs each algorithm once against a known answer. 0, or -EIO with its name in *what. */
int crypto_self_test(struct crypto *c, const char **what) MUST_USE;

#endif
