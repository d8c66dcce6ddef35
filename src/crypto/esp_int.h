/* What the ESP files of crypto/ share: a key, and what a backend does with one. Not for other directories. */
#ifndef CRYPTO_ESP_INT_H
#define CRYPTO_ESP_INT_H

#include "crypto/crypto_int.h"

enum { ESP_HEADER = 8, ESP_WORKERS = 8 }; /* ESP_WORKERS_MAX of esp/esp.h */

/* One backend. The front (esp_key.c) has seen to the lengths of keys and packets: n is at most ESP_BURST, each job
 * has a header, an IV, an ICV and text that the cipher can take, and not ok is set before open. */
struct esp_ops {
	uint8_t id; /* enum esp_backend */
	bool (*usable)(void);
	int (*init)(struct esp_key *k, const struct esp_sa *sa); /* -ENOTSUP, -ENOMEM, -EIO; fini follows in any case */
	void (*fini)(struct esp_key *k);
	void (*drop)(struct crypto *c); /* or NULL: what it keeps there */
	void (*seal)(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n);
	void (*open)(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n);
};
extern const struct esp_ops esp_evp, esp_mb;

/* A context of the library with a key in it, without padding; NULL: no memory. */
EVP_CIPHER_CTX *esp_evp_keyed(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, int enc);
/* Writes IVs for CBC into n packets: their sequence numbers, encrypted by x, AES-128-ECB under a random key of its own, so
 * that they are unpredictable (RFC 3602 3) and do not repeat. blocks is scratch. */
bool esp_evp_ivs(EVP_CIPHER_CTX *x, uint8_t blocks[][16], struct esp_job *v, size_t n);

struct esp_key {
	const struct esp_ops *ops;
	struct crypto *c;
	struct mem *mem;
	struct crypto_shape shape;
	unsigned workers;
	bool esn;
	uint8_t salt[4];
	void *state; /* the backend's */
	size_t state_len;
};

/* What is authenticated before the text of an AEAD: SPI, then 32 or 64 bits of sequence number (RFC 4106 5, RFC 7634 2.1).
 * Returns its length. */
static inline size_t esp_aad(const struct esp_key *k, const struct esp_job *j, uint8_t aad[12])
{
	memcpy(aad, j->p, 4);
	if (!k->esn) {
		memcpy(aad + 4, j->p + 4, 4);
		return 8;
	}
	for (int i = 0; i < 4; i++)
		aad[4 + i] = (uint8_t)(j->seq_hi >> (24 - 8 * i));
	memcpy(aad + 8, j->p + 4, 4);
	return 12;
}

/* The 64 bits of the sequence number, in network order. */
static inline void esp_seq(const struct esp_job *j, uint8_t out[8])
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(j->seq_hi >> (24 - 8 * i));
	memcpy(out + 4, j->p + 4, 4);
}

static inline uint8_t *esp_icv(const struct esp_key *k, const struct esp_job *j) { return j->p + j->n - k->shape.icv; }
static inline uint8_t *esp_text(const struct esp_key *k, const struct esp_job *j)
{
	return j->p + ESP_HEADER + k->shape.iv;
}
static inline size_t esp_text_len(const struct esp_key *k, const struct esp_job *j)
{
	return j->n - ESP_HEADER - k->shape.iv - k->shape.icv;
}

#endif
