/* ESP by OpenSSL. Each worker has contexts of its own in which the key stays; per packet only IV and tag are set, by the
 * fewest and cheapest calls that the library allows. Nothing here allocates but init.
 *
 * AES-GCM leaves EVP_CipherInit out, which takes as long as 64 octets. To open, IV and tag go in by one call. To seal, the call that
 * takes the tag out also asks for the next IV, and since the library counts as sequence numbers do, that is the next packet's,
 * as a rule: it is compared, and set when it is another.
 *
 * CBC takes no call for the IV at all: the IV is encrypted and decrypted with the text, as one more block in front of it. The
 * chain that the context has kept from the packet before goes into that block only, and the text is chained to what
 * stands on the wire. What is encrypted there is the sequence number under a second, random key, so the IV is as
 * unpredictable as RFC 3602 3 wants it. */
#include "crypto/esp_int.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <string.h>

struct worker {
	EVP_CIPHER_CTX *cipher;  /* encrypts; CTR and ChaCha20 do both with it */
	EVP_CIPHER_CTX *decrypt; /* CBC, GCM */
	EVP_CIPHER_CTX *iv;      /* CBC: AES-128-ECB */
	bool has_next;           /* GCM: cipher has been given the IV in next */
	uint8_t next[8];
	struct hmac_state sha;  /* of the packet at hand */
	uint8_t nonce[16];      /* salt, IV and counter of the packet at hand */
	uint8_t blocks[ESP_BURST][16];
};

struct evp {
	struct hmac hmac;
	struct worker w[];
};

static bool usable(void) { return true; }

EVP_CIPHER_CTX *esp_evp_keyed(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, int enc)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	if (x && EVP_CipherInit_ex2(x, cipher, key, iv, enc, NULL) == 1 && EVP_CIPHER_CTX_set_padding(x, 0) == 1)
		return x;
	EVP_CIPHER_CTX_free(x);
	return NULL;
}

bool esp_evp_ivs(EVP_CIPHER_CTX *x, uint8_t blocks[][16], struct esp_job *v, size_t n)
{
	memset(blocks, 0, n * 16);
	for (size_t i = 0; i < n; i++)
		esp_seq(&v[i], blocks[i]);
	if (EVP_Cipher(x, blocks[0], blocks[0], (unsigned)(n * 16)) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		memcpy(v[i].p + ESP_HEADER, blocks[i], 16);
	return true;
}

/* The library's words for IVs that count come from TLS: four octets stay, those of the salt. */
static bool init_gcm(struct esp_key *k, struct worker *w, const EVP_CIPHER *cipher, const uint8_t *key)
{
	w->decrypt = esp_evp_keyed(cipher, key, w->nonce, 0);
	return w->decrypt && EVP_CIPHER_CTX_ctrl(w->cipher, EVP_CTRL_AEAD_SET_IV_FIXED, 4, k->salt) == 1 &&
	       EVP_CIPHER_CTX_ctrl(w->decrypt, EVP_CTRL_AEAD_SET_IV_FIXED, 4, k->salt) == 1;
}

static bool init_worker(struct esp_key *k, struct worker *w, const uint8_t *key, const uint8_t iv_key[16])
{
	const EVP_CIPHER *cipher = k->c->cipher[k->shape.row];
	memcpy(w->nonce, k->salt, sizeof k->salt);
	w->nonce[15] = 1; /* RFC 3686 4: the block counter begins with 1. AEADs take 12 octets */
	w->cipher = esp_evp_keyed(cipher, key, w->nonce, 1);
	if (!w->cipher || k->shape.mode == MODE_CTR || k->shape.chacha)
		return w->cipher != NULL;
	if (k->shape.mode == MODE_AEAD)
		return init_gcm(k, w, cipher, key);
	w->decrypt = esp_evp_keyed(cipher, key, w->nonce, 0);
	w->iv = esp_evp_keyed(k->c->ecb, iv_key, NULL, 1);
	return w->decrypt && w->iv;
}

static int init(struct esp_key *k, const struct esp_sa *sa)
{
	k->state_len = sizeof(struct evp) + k->workers * sizeof(struct worker);
	struct evp *e = k->state = mem_get(k->mem, k->state_len);
	if (!e)
		return -ENOMEM;
	if (k->shape.mode != MODE_AEAD)
		hmac_init(&e->hmac, k->shape.hash, SPAN(sa->integ.b, sa->integ.len));
	uint8_t iv_key[16];
	rng_fill(crypto_rng(), iv_key, sizeof iv_key);
	bool ok = true;
	for (unsigned i = 0; ok && i < k->workers; i++)
		ok = init_worker(k, &e->w[i], sa->encr.b, iv_key);
	wipe(iv_key, sizeof iv_key);
	return ok ? 0 : crypto_fail(-ENOMEM); /* the ciphers are there, the lengths are right */
}

static void fini(struct esp_key *k)
{
	struct evp *e = k->state;
	for (unsigned i = 0; e && i < k->workers; i++) {
		EVP_CIPHER_CTX_free(e->w[i].cipher);
		EVP_CIPHER_CTX_free(e->w[i].decrypt);
		EVP_CIPHER_CTX_free(e->w[i].iv);
	}
	mem_put(k->mem, e, k->state_len);
}

/* --- AEAD --- */

/* What is between IV and tag. */
static bool aead_run(struct esp_key *k, EVP_CIPHER_CTX *x, struct esp_job *j)
{
	uint8_t aad[12], *text = esp_text(k, j);
	unsigned aad_len = (unsigned)esp_aad(k, j, aad), n = (unsigned)esp_text_len(k, j);
	int rest = 0;
	return EVP_Cipher(x, NULL, aad, aad_len) >= 0 && EVP_Cipher(x, text, text, n) >= 0 &&
	       EVP_CipherFinal_ex(x, aad, &rest) == 1;
}

static bool chacha_start(struct worker *w, struct esp_job *j, int enc, const OSSL_PARAM *tag)
{
	memcpy(w->nonce + 4, j->p + ESP_HEADER, 8);
	return EVP_CipherInit_ex2(w->cipher, NULL, NULL, w->nonce, enc, tag) == 1;
}

/* Has the library take j's IV as the one to count on from. */
static bool gcm_start(struct worker *w, struct esp_job *j)
{
	OSSL_PARAM next[] = {
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_GET_IV_GEN, w->next, 8),
		OSSL_PARAM_construct_end(),
	};
	if (w->has_next && memcmp(w->next, j->p + ESP_HEADER, 8) == 0)
		return true;
	memcpy(w->nonce + 4, j->p + ESP_HEADER, 8);
	return EVP_CipherInit_ex2(w->cipher, NULL, NULL, w->nonce, 1, NULL) == 1 &&
	       EVP_CIPHER_CTX_get_params(w->cipher, next) == 1;
}

static void seal_aead(struct esp_key *k, struct worker *w, struct esp_job *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		OSSL_PARAM after[] = {
			OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, esp_icv(k, &v[i]), k->shape.icv),
			OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_GET_IV_GEN, w->next, 8),
			OSSL_PARAM_construct_end(),
		};
		if (k->shape.chacha)
			after[1] = after[2];
		esp_seq(&v[i], v[i].p + ESP_HEADER); /* RFC 4106 3.1, RFC 7634 2: unique under one key */
		v[i].ok = (k->shape.chacha ? chacha_start(w, &v[i], 1, NULL) : gcm_start(w, &v[i])) &&
		          aead_run(k, w->cipher, &v[i]) && EVP_CIPHER_CTX_get_params(w->cipher, after) == 1;
		w->has_next = v[i].ok;
	}
}

static void open_aead(struct esp_key *k, struct worker *w, struct esp_job *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		OSSL_PARAM before[] = {
			OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, esp_icv(k, &v[i]), k->shape.icv),
			OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_SET_IV_INV, v[i].p + ESP_HEADER, 8),
			OSSL_PARAM_construct_end(),
		};
		if (!v[i].ok)
			continue;
		if (k->shape.chacha) {
			before[1] = before[2];
			v[i].ok = chacha_start(w, &v[i], 0, before) && aead_run(k, w->cipher, &v[i]);
		} else
			v[i].ok = EVP_CIPHER_CTX_set_params(w->decrypt, before) == 1 && aead_run(k, w->decrypt, &v[i]);
		if (!v[i].ok)
			crypto_fail(0);
	}
}

/* --- encrypt, then HMAC --- */

static void packet_hmac(struct esp_key *k, struct worker *w, struct esp_job *j, uint8_t out[HASH_LEN_MAX])
{
	const struct evp *e = k->state;
	uint8_t seq[8];
	esp_seq(j, seq);
	/* RFC 4303 2.2.1: the upper half is not sent, but authenticated behind all else */
	hmac_begin(&e->hmac, &w->sha);
	hmac_add(&e->hmac, &w->sha, j->p, j->n - k->shape.icv);
	hmac_add(&e->hmac, &w->sha, seq, k->esn ? 4 : 0);
	hmac_end(&e->hmac, &w->sha, out);
}

static bool ctr(struct esp_key *k, struct worker *w, struct esp_job *j)
{
	uint8_t *text = esp_text(k, j);
	memcpy(w->nonce + 4, j->p + ESP_HEADER, 8);
	return EVP_CipherInit_ex2(w->cipher, NULL, NULL, w->nonce, 1, NULL) == 1 &&
	       EVP_Cipher(w->cipher, text, text, (unsigned)esp_text_len(k, j)) >= 0;
}

/* IV and text in one. */
static bool cbc(struct esp_key *k, EVP_CIPHER_CTX *x, struct esp_job *j)
{
	uint8_t *iv = j->p + ESP_HEADER;
	return EVP_Cipher(x, iv, iv, (unsigned)(16 + esp_text_len(k, j))) >= 0;
}

static void seal_hmac(struct esp_key *k, struct worker *w, struct esp_job *v, size_t n)
{
	uint8_t full[HASH_LEN_MAX];
	bool is_cbc = k->shape.mode == MODE_CBC, ready = !is_cbc || esp_evp_ivs(w->iv, w->blocks, v, n);
	for (size_t i = 0; i < n; i++) {
		if (!is_cbc)
			esp_seq(&v[i], v[i].p + ESP_HEADER); /* RFC 3686 2.1: unique under one key */
		v[i].ok = ready && (is_cbc ? cbc(k, w->cipher, &v[i]) : ctr(k, w, &v[i]));
		packet_hmac(k, w, &v[i], full);
		memcpy(esp_icv(k, &v[i]), full, k->shape.icv);
	}
}

static void open_hmac(struct esp_key *k, struct worker *w, struct esp_job *v, size_t n)
{
	uint8_t full[HASH_LEN_MAX];
	for (size_t i = 0; i < n; i++) {
		if (!v[i].ok)
			continue;
		packet_hmac(k, w, &v[i], full);
		v[i].ok = crypto_equal(full, esp_icv(k, &v[i]), k->shape.icv) &&
		          (k->shape.mode == MODE_CBC ? cbc(k, w->decrypt, &v[i]) : ctr(k, w, &v[i]));
	}
}

/* --- */

static void seal(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	struct evp *e = k->state;
	(k->shape.mode == MODE_AEAD ? seal_aead : seal_hmac)(k, &e->w[worker], v, n);
}

static void open_all(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	struct evp *e = k->state;
	(k->shape.mode == MODE_AEAD ? open_aead : open_hmac)(k, &e->w[worker], v, n);
}

const struct esp_ops esp_evp = {
	.id = ESP_BACKEND_OPENSSL, .usable = usable, .init = init, .fini = fini, .seal = seal, .open = open_all,
};
