/* Helpers of the ESP tests of crypto/: every suite of the model, random keys for one, packets in exact-size blocks. */
#ifndef TEST_CRYPTO_ESP_UTIL_H
#define TEST_CRYPTO_ESP_UTIL_H

#include "test_crypto_hex.h"

/* Counts, and fails the n-th request. */
struct test_mem {
	struct mem mem;
	size_t live, requests, fail_at;
};

static inline void *test_mem_get(struct mem *m, size_t size)
{
	struct test_mem *t = CONTAINER_OF(m, struct test_mem, mem);
	if (++t->requests == t->fail_at)
		return NULL;
	t->live++;
	return calloc(1, size);
}

static inline void test_mem_put(struct mem *m, void *p, size_t size)
{
	struct test_mem *t = CONTAINER_OF(m, struct test_mem, mem);
	assert_true(all_zero(p, size)); /* wiped */
	t->live--;
	free(p);
}

static inline struct test_mem test_mem_new(void)
{
	return (struct test_mem){.mem = {.get = test_mem_get, .put = test_mem_put}};
}

/* Suite number i of all that ESP knows, each without and with ESN, and sizes; false behind the last. */
struct esp_case {
	struct suite suite;
	const struct algo *encr, *integ;
	size_t iv, icv, align;
};

static inline bool esp_case(size_t i, struct esp_case *out)
{
	size_t n;
	const struct algo *t = algo_table(&n);
	for (size_t e = 0; e < n; e++) {
		if (t[e].type != T_ENCR || !(t[e].flags & ALGO_ESP))
			continue;
		for (size_t a = 0; a < n; a++) {
			bool aead = t[e].flags & ALGO_AEAD;
			if (aead ? a > 0 : t[a].type != T_INTEG || !(t[a].flags & ALGO_ESP))
				continue;
			if (i >= 2) {
				i -= 2;
				continue;
			}
			*out = (struct esp_case){
				.suite = {.encr = t[e].id, .encr_bits = t[e].key_bits, .integ = aead ? AUTH_NONE : t[a].id,
			                  .esn = (uint8_t)i},
				.encr = &t[e], .integ = aead ? NULL : &t[a],
				.iv = t[e].iv_len, .icv = aead ? t[e].icv_len : t[a].icv_len, .align = max_z(t[e].block, 4)};
			return true;
		}
	}
	return false;
}

static inline struct esp_sa esp_case_keys(const struct esp_case *c)
{
	struct esp_sa sa = {.spi = 0xc0ffee01};
	sa.encr.len = (uint8_t)suite_encr_key_len(&c->suite);
	sa.integ.len = (uint8_t)suite_integ_key_len(&c->suite);
	rng_fill(crypto_rng(), sa.encr.b, sa.encr.len);
	rng_fill(crypto_rng(), sa.integ.b, sa.integ.len);
	return sa;
}

/* A packet of text octets 0, 1, 2, ..., to be sealed. The caller frees .p. */
static inline struct esp_job esp_case_job(const struct esp_case *c, size_t text, uint64_t seq)
{
	struct block b = block_new(8 + c->iv + text + c->icv);
	for (size_t i = 0; i < text; i++)
		b.p[8 + c->iv + i] = (uint8_t)i;
	memcpy(b.p, "\xc0\xff\xee\x01", 4);
	for (unsigned i = 0; i < 4; i++)
		b.p[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
	return (struct esp_job){.p = b.p, .n = (uint32_t)b.n, .seq_hi = (uint32_t)(seq >> 32)};
}

static inline bool esp_case_intact(const struct esp_case *c, const struct esp_job *j)
{
	for (size_t i = 0; i < j->n - 8 - c->iv - c->icv; i++) {
		if (j->p[8 + c->iv + i] != (uint8_t)i)
			return false;
	}
	return true;
}

/* A burst as large as makes ipsec-mb put packets side by side. Opens that many copies of the first n octets of j, with octet `at` of the
 * copy in the middle changed, the others as j is when they are whole; returns the one in the middle. The caller frees .p. */
static inline struct esp_job esp_open_among(struct esp_key *k, const struct esp_job *j, size_t n, size_t at, uint8_t flip, uint32_t seq_hi)
{
	enum { COPIES = 9, MIDDLE = 4 };
	struct esp_job v[COPIES];
	for (size_t i = 0; i < COPIES; i++) {
		struct block b = block_new(i == MIDDLE ? n : j->n);
		memcpy(b.p, j->p, b.n);
		if (i == MIDDLE && at < n)
			b.p[at] ^= flip;
		v[i] = (struct esp_job){.p = b.p, .n = (uint32_t)b.n, .seq_hi = i == MIDDLE ? seq_hi : j->seq_hi, .ok = i == MIDDLE};
	}
	esp_open_burst(k, 0, v, COPIES);
	for (size_t i = 0; i < COPIES; i++) {
		if (i == MIDDLE)
			continue;
		if (!v[i].ok)
			fail_msg("packet %zu of a burst is refused", i);
		free(v[i].p);
	}
	return v[MIDDLE];
}

#endif
