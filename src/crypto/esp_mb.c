/* ESP by intel-ipsec-mb: whole bursts of ciphers and HMACs side by side in wide registers, AEADs packet by packet in functions that
 * have no set-up. Built with --with-ipsec-mb, used where the processor has AVX2 or more. Side by side one packet takes as long as
 * sixteen: a burst of fewer than FEW goes to OpenSSL.
 *
 * A manager of the library (its functions for this processor, and room for a burst) serves all keys of one worker. It is made with the
 * first key that this worker needs, and lives in struct crypto. */
#include "crypto/esp_int.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <stdlib.h>

enum { FEW = 8, ALIGN = 64, ROUND_KEYS = 15 * 16, STATE_MAX = 64, BLOCK_MAX = 128 };

struct lane {
	IMB_MGR *mgr;
	IMB_JOB jobs[ESP_BURST];
	uint8_t blocks[ESP_BURST][16];          /* IVs and counter blocks */
	uint8_t tags[ESP_BURST][HASH_LEN_MAX];
	struct esp_job *at[ESP_BURST];          /* whose jobs[] these are */
	union {
		struct gcm_context_data gcm;
		struct chacha20_poly1305_context_data chacha;
	} ctx;
};

struct mb {
	struct gcm_key_data gcm;
	uint8_t enc[ROUND_KEYS], dec[ROUND_KEYS];
	uint8_t chacha[32];
	uint8_t inner[STATE_MAX], outer[STATE_MAX]; /* of HMAC: the hash behind the keyed blocks */
	aes_gcm_enc_dec_t gcm_seal, gcm_open;
	IMB_HASH_ALG hash;
	EVP_CIPHER_CTX *iv[ESP_WORKERS];        /* CBC: AES-128-ECB */
	struct esp_key few;                     /* not for AEADs: esp_evp's */
};

static bool usable(void)
{
	uint64_t need = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_AVX2;
	return (imb_get_feature_flags() & need) == need;
}

/* --- managers --- */

static void drop(struct crypto *c)
{
	for (int i = 0; i < ESP_WORKERS; i++) {
		struct lane *l = c->lanes[i];
		if (!l)
			continue;
		if (l->mgr)
			wipe(l->mgr, imb_get_mb_mgr_size());
		free(l->mgr);
		wipe(l, sizeof *l);
		free(l);
		c->lanes[i] = NULL;
	}
}

static int lane_new(struct crypto *c, unsigned i)
{
	if (c->lanes[i])
		return 0;
	struct lane *l = c->lanes[i] = calloc(1, sizeof *l);
	void *room = l ? aligned_alloc(ALIGN, (imb_get_mb_mgr_size() + ALIGN - 1) / ALIGN * ALIGN) : NULL;
	if (!room) {
		free(l);
		c->lanes[i] = NULL;
		return -ENOMEM;
	}
	l->mgr = imb_set_pointers_mb_mgr(room, 0, 1);
	init_mb_mgr_auto(l->mgr, NULL);
	if (imb_get_errno(l->mgr) == 0)
		return 0;
	free(room);
	free(l);
	c->lanes[i] = NULL;
	return -EIO;
}

/* --- keys --- */

/* What is aligned as the library likes it, within what was allocated. */
static struct mb *state(const struct esp_key *k)
{
	uintptr_t p = (uintptr_t)k->state;
	return (struct mb *)((p + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static void init_gcm(struct mb *b, IMB_MGR *m, const uint8_t *key, size_t bits)
{
	switch (bits) {
	case 128: IMB_AES128_GCM_PRE(m, key, &b->gcm); b->gcm_seal = m->gcm128_enc; b->gcm_open = m->gcm128_dec; break;
	case 192: IMB_AES192_GCM_PRE(m, key, &b->gcm); b->gcm_seal = m->gcm192_enc; b->gcm_open = m->gcm192_dec; break;
	default: IMB_AES256_GCM_PRE(m, key, &b->gcm); b->gcm_seal = m->gcm256_enc; b->gcm_open = m->gcm256_dec; break;
	}
}

static void init_aes(struct mb *b, IMB_MGR *m, const uint8_t *key, size_t bits)
{
	switch (bits) {
	case 128: IMB_AES_KEYEXP_128(m, key, b->enc, b->dec); break;
	case 192: IMB_AES_KEYEXP_192(m, key, b->enc, b->dec); break;
	default: IMB_AES_KEYEXP_256(m, key, b->enc, b->dec); break;
	}
}

static void hash_block(IMB_MGR *m, enum hash hash, const uint8_t *block, uint8_t *out)
{
	switch (hash) {
	case HASH_SHA1: IMB_SHA1_ONE_BLOCK(m, block, out); break;
	case HASH_SHA256: IMB_SHA256_ONE_BLOCK(m, block, out); break;
	case HASH_SHA384: IMB_SHA384_ONE_BLOCK(m, block, out); break;
	default: IMB_SHA512_ONE_BLOCK(m, block, out); break;
	}
}

/* RFC 2104: the key, padded with zeros to a block, xored with either octet. */
static void init_hmac(struct mb *b, IMB_MGR *m, enum hash hash, const uint8_t *key, size_t n)
{
	static const IMB_HASH_ALG algs[HASH_N] = {
		[HASH_SHA1] = IMB_AUTH_HMAC_SHA_1,
		[HASH_SHA256] = IMB_AUTH_HMAC_SHA_256,
		[HASH_SHA384] = IMB_AUTH_HMAC_SHA_384,
		[HASH_SHA512] = IMB_AUTH_HMAC_SHA_512,
	};
	uint8_t block[BLOCK_MAX];
	b->hash = algs[hash];
	memset(block, 0x36, sizeof block);
	for (size_t i = 0; i < n; i++)
		block[i] ^= key[i];
	hash_block(m, hash, block, b->inner);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	hash_block(m, hash, block, b->outer);
	wipe(block, sizeof block);
}

static int init_ivs(struct esp_key *k, struct mb *b)
{
	uint8_t key[16];
	bool ok = true;
	rng_fill(crypto_rng(), key, sizeof key);
	for (unsigned i = 0; ok && i < k->workers; i++)
		ok = (b->iv[i] = esp_evp_keyed(k->c->ecb, key, NULL, 1)) != NULL;
	wipe(key, sizeof key);
	return ok ? 0 : crypto_fail(-ENOMEM);
}

static int init_aead(struct esp_key *k, struct mb *b, IMB_MGR *m, const struct esp_sa *sa)
{
	if (k->shape.chacha)
		memcpy(b->chacha, sa->encr.b, sizeof b->chacha);
	else
		init_gcm(b, m, sa->encr.b, 8 * k->shape.key);
	return 0;
}

static int init_pair(struct esp_key *k, struct mb *b, IMB_MGR *m, const struct esp_sa *sa)
{
	init_aes(b, m, sa->encr.b, 8 * k->shape.key);
	init_hmac(b, m, k->shape.hash, sa->integ.b, sa->integ.len);
	b->few = *k;
	b->few.ops = &esp_evp;
	b->few.state = NULL;
	int rc = esp_evp.init(&b->few, sa);
	return rc == 0 && k->shape.mode == MODE_CBC ? init_ivs(k, b) : rc;
}

static int init(struct esp_key *k, const struct esp_sa *sa)
{
	for (unsigned i = 0; i < k->workers; i++) {
		int rc = lane_new(k->c, i);
		if (rc)
			return rc;
	}
	k->state_len = sizeof(struct mb) + ALIGN;
	k->state = mem_get(k->mem, k->state_len);
	if (!k->state)
		return -ENOMEM;
	const struct lane *l = k->c->lanes[0];
	return (k->shape.mode == MODE_AEAD ? init_aead : init_pair)(k, state(k), l->mgr, sa);
}

static void fini(struct esp_key *k)
{
	if (!k->state)
		return;
	for (unsigned i = 0; i < k->workers; i++)
		EVP_CIPHER_CTX_free(state(k)->iv[i]);
	if (state(k)->few.ops)
		esp_evp.fini(&state(k)->few);
	mem_put(k->mem, k->state, k->state_len);
}

/* --- AEAD: a packet at a time --- */

static void aead(struct esp_key *k, struct lane *l, const struct esp_job *j, bool seal, uint8_t tag[16])
{
	struct mb *b = state(k);
	uint8_t nonce[12], aad[12], *text = esp_text(k, j);
	size_t aad_len = esp_aad(k, j, aad), n = esp_text_len(k, j);
	memcpy(nonce, k->salt, 4);
	memcpy(nonce + 4, j->p + ESP_HEADER, 8);
	if (!k->shape.chacha) {
		(seal ? b->gcm_seal : b->gcm_open)(&b->gcm, &l->ctx.gcm, text, text, n, nonce, aad, aad_len, tag,
		                                   k->shape.icv);
		return;
	}
	IMB_CHACHA20_POLY1305_INIT(l->mgr, b->chacha, &l->ctx.chacha, nonce, aad, aad_len);
	if (seal)
		IMB_CHACHA20_POLY1305_ENC_UPDATE(l->mgr, b->chacha, &l->ctx.chacha, text, text, n);
	else
		IMB_CHACHA20_POLY1305_DEC_UPDATE(l->mgr, b->chacha, &l->ctx.chacha, text, text, n);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(l->mgr, &l->ctx.chacha, tag, k->shape.icv);
}

static void seal_aead(struct esp_key *k, struct lane *l, struct esp_job *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		esp_seq(&v[i], v[i].p + ESP_HEADER); /* RFC 4106 3.1, RFC 7634 2: unique under one key */
		aead(k, l, &v[i], true, esp_icv(k, &v[i]));
		v[i].ok = true;
	}
}

static void open_aead(struct esp_key *k, struct lane *l, struct esp_job *v, size_t n)
{
	uint8_t tag[16];
	for (size_t i = 0; i < n; i++) {
		if (!v[i].ok)
			continue;
		aead(k, l, &v[i], false, tag);
		v[i].ok = crypto_equal(tag, esp_icv(k, &v[i]), k->shape.icv);
	}
}

/* --- cipher and HMAC: all packets at once --- */

/* The jobs whose packets are ok. */
static size_t gather(struct lane *l, struct esp_job *v, size_t n)
{
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].ok)
			l->at[m++] = &v[i];
	}
	return m;
}

/* Ciphers text in place, with the IVs that stand in the packets. */
static bool cipher(struct esp_key *k, struct lane *l, size_t n, IMB_CIPHER_DIRECTION dir)
{
	struct mb *b = state(k);
	bool is_cbc = k->shape.mode == MODE_CBC;
	IMB_CIPHER_MODE mode = is_cbc ? IMB_CIPHER_CBC : IMB_CIPHER_CNTR;
	for (size_t i = 0; i < n; i++) {
		IMB_JOB *j = &l->jobs[i];
		uint8_t *text = esp_text(k, l->at[i]);
		if (!is_cbc) { /* RFC 3686 4 */
			memcpy(l->blocks[i], k->salt, 4);
			memcpy(l->blocks[i] + 4, l->at[i]->p + ESP_HEADER, 8);
			memcpy(l->blocks[i] + 12, "\0\0\0\1", 4);
		}
		j->enc_keys = b->enc;
		j->dec_keys = b->dec;
		j->key_len_in_bytes = k->shape.key;
		j->src = j->dst = text;
		j->cipher_start_src_offset_in_bytes = 0;
		j->msg_len_to_cipher_in_bytes = esp_text_len(k, l->at[i]);
		j->iv = is_cbc ? l->at[i]->p + ESP_HEADER : l->blocks[i];
		j->iv_len_in_bytes = 16;
		j->cipher_mode = mode;
		j->cipher_direction = dir;
		j->hash_alg = IMB_AUTH_NULL;
		j->chain_order = IMB_ORDER_CIPHER_HASH;
	}
	return n == 0 || IMB_SUBMIT_CIPHER_BURST(l->mgr, l->jobs, (uint32_t)n, mode, dir,
	                                         (IMB_KEY_SIZE_BYTES)k->shape.key) == n;
}

/* The ICVs that packets should have, to tags. With ESN the upper half of the sequence number is written where the ICV is, or is to
 * be, and authenticated there (RFC 4303 2.2.1): an ICV that was received is put aside by the caller. */
static bool hmac(struct esp_key *k, struct lane *l, size_t n)
{
	struct mb *b = state(k);
	for (size_t i = 0; i < n; i++) {
		IMB_JOB *j = &l->jobs[i];
		size_t len = l->at[i]->n - k->shape.icv;
		if (k->esn) {
			uint8_t seq[8];
			esp_seq(l->at[i], seq);
			memcpy(l->at[i]->p + len, seq, 4);
			len += 4;
		}
		j->src = l->at[i]->p;
		j->hash_start_src_offset_in_bytes = 0;
		j->msg_len_to_hash_in_bytes = len;
		j->auth_tag_output = l->tags[i];
		j->auth_tag_output_len_in_bytes = k->shape.icv;
		j->u.HMAC._hashed_auth_key_xor_ipad = b->inner;
		j->u.HMAC._hashed_auth_key_xor_opad = b->outer;
		j->hash_alg = b->hash;
		j->cipher_mode = IMB_CIPHER_NULL;
		j->chain_order = IMB_ORDER_HASH_CIPHER;
	}
	return n == 0 || IMB_SUBMIT_HASH_BURST(l->mgr, l->jobs, (uint32_t)n, b->hash) == n;
}

static void seal_hmac(struct esp_key *k, struct lane *l, unsigned worker, struct esp_job *v, size_t n)
{
	bool ok = true;
	for (size_t i = 0; i < n; i++)
		v[i].ok = true;
	if (k->shape.mode == MODE_CBC)
		ok = esp_evp_ivs(state(k)->iv[worker], l->blocks, v, n);
	else {
		for (size_t i = 0; i < n; i++)
			esp_seq(&v[i], v[i].p + ESP_HEADER); /* RFC 3686 2.1: unique under one key */
	}
	ok = ok && gather(l, v, n) == n && cipher(k, l, n, IMB_DIR_ENCRYPT) && hmac(k, l, n);
	for (size_t i = 0; i < n; i++) {
		memcpy(esp_icv(k, &v[i]), l->tags[i], k->shape.icv);
		v[i].ok = ok;
	}
}

static void open_hmac(struct esp_key *k, struct lane *l, struct esp_job *v, size_t n)
{
	uint8_t icvs[ESP_BURST][32];
	size_t m = gather(l, v, n);
	for (size_t i = 0; i < m; i++)
		memcpy(icvs[i], esp_icv(k, l->at[i]), k->shape.icv);
	bool done = hmac(k, l, m);
	for (size_t i = 0; i < m; i++)
		l->at[i]->ok = done && crypto_equal(icvs[i], l->tags[i], k->shape.icv);
	m = gather(l, v, n);
	if (!cipher(k, l, m, IMB_DIR_DECRYPT)) {
		for (size_t i = 0; i < m; i++)
			l->at[i]->ok = false;
	}
}

/* --- */

static void seal(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	struct lane *l = k->c->lanes[worker];
	if (k->shape.mode == MODE_AEAD)
		seal_aead(k, l, v, n);
	else if (n < FEW)
		esp_evp.seal(&state(k)->few, worker, v, n);
	else
		seal_hmac(k, l, worker, v, n);
}

static void open_all(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	struct lane *l = k->c->lanes[worker];
	if (k->shape.mode == MODE_AEAD)
		open_aead(k, l, v, n);
	else if (n < FEW)
		esp_evp.open(&state(k)->few, worker, v, n);
	else
		open_hmac(k, l, v, n);
}

const struct esp_ops esp_mb = {
	.id = ESP_BACKEND_IPSEC_MB, .usable = usable, .init = init, .fini = fini, .drop = drop, .seal = seal, .open = open_all,
};
