/* The library on a heap that watches: no secret stays in a block that it keeps or that it
 * frees, and when the n-th allocation fails, for every n, the call fails with its error code,
 * leaves no output, leaks nothing and works the next time. */
#include "test_crypto_esp_util.h"

#include <errno.h>
#include <openssl/crypto.h>

/* --- the heap --- */

enum { NEEDLE = 12, NEEDLES = 8 };

struct header {
	struct list link;
	size_t size, pad;
};

static struct list live = {&live, &live};
static size_t live_count;
static unsigned long allocations, fail_at; /* fail_at 0: never */
static uint8_t needles[NEEDLES][NEEDLE];
static size_t n_needles;
static unsigned freed_hits;

static bool contains(const uint8_t *p, size_t n, const uint8_t needle[NEEDLE])
{
	for (const uint8_t *end = p + n; (size_t)(end - p) >= NEEDLE; p++) {
		p = memchr(p, needle[0], (size_t)(end - p) - NEEDLE + 1);
		if (!p)
			return false;
		if (memcmp(p, needle, NEEDLE) == 0)
			return true;
	}
	return false;
}

static unsigned hits(const void *p, size_t n)
{
	unsigned found = 0;
	for (size_t i = 0; i < n_needles; i++)
		found += contains(p, n, needles[i]);
	return found;
}

static void *heap_get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (++allocations == fail_at)
		return NULL;
	struct header *h = calloc(1, sizeof *h + n);
	if (!h)
		return NULL;
	h->size = n;
	list_add_tail(&live, &h->link);
	live_count++;
	return h + 1;
}

static void heap_put(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!p)
		return;
	struct header *h = (struct header *)p - 1;
	freed_hits += hits(p, h->size);
	list_del(&h->link);
	live_count--;
	free(h);
}

static void *heap_resize(void *p, size_t n, const char *file, int line)
{
	if (p && n == 0) {
		heap_put(p, file, line);
		return NULL;
	}
	void *q = heap_get(n, file, line);
	if (q && p) {
		memcpy(q, p, min_z(n, ((struct header *)p - 1)->size));
		heap_put(p, file, line);
	}
	return q;
}

/* Forward and backward: the library keeps numbers with the lowest word first. */
static void look_for(const uint8_t *secret, size_t n)
{
	assert_true(n >= NEEDLE && n_needles + 2 <= NEEDLES);
	for (size_t i = 0; i < NEEDLE; i++) {
		needles[n_needles][i] = secret[n - NEEDLE + i];
		needles[n_needles + 1][i] = secret[n - 1 - i];
	}
	n_needles += 2;
}

static unsigned live_hits(void)
{
	unsigned found = 0;
	LIST_EACH (it, tmp, &live) {
		struct header *h = LIST_ENTRY(it, struct header, link);
		found += hits(h + 1, h->size);
	}
	return found;
}

/* Nothing was found in freed blocks since the last call, but what the library is known to
 * leave there, and nothing is in the blocks that it holds. */
static void assert_clean(unsigned allowed)
{
	assert_int_equal(live_hits(), 0);
	assert_true(freed_hits <= allowed);
	freed_hits = 0;
	n_needles = 0;
}

static int setup(void **state)
{
	*state = crypto_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	crypto_free(*state);
	return 0;
}

static void random_secret(struct secret *s, size_t n)
{
	s->len = (uint8_t)n;
	rng_fill(crypto_rng(), s->b, n);
}

/* --- residue --- */

/* The needle is found where it is: otherwise the tests below prove nothing. */
static void test_heap_watches(void **state)
{
	uint8_t secret[32];
	(void)state;
	rng_fill(crypto_rng(), secret, sizeof secret);
	look_for(secret, sizeof secret);
	uint8_t *p = OPENSSL_malloc(64);
	assert_non_null(p);
	assert_int_equal(hits(p, 64), 0);
	memcpy(p + 7, secret, 32);
	assert_int_equal(hits(p, 64), 1);
	OPENSSL_free(p);
	assert_int_equal(freed_hits, 1);
	freed_hits = 0;
	assert_clean(0);
}

static void test_prf_leaves_nothing(void **state)
{
	static const uint16_t prfs[] = {PRF_HMAC_SHA1, PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512};
	static const size_t lens[] = {16, 32, SECRET_MAX};
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
			struct secret key;
			struct span k = SPAN(key.b, lens[j]), data = SPAN("data", 4);
			uint8_t out[200];
			random_secret(&key, lens[j]);
			look_for(key.b, key.len);
			assert_int_equal(prf(*state, prfs[i], k, &data, 1, out), 0);
			assert_int_equal(prf_plus(*state, prfs[i], k, &data, 1, out, 200), 0);
			look_for(out, 20);
			assert_clean(0);
		}
	}
}

static void look_for_keys(const struct sk_keys *k)
{
	look_for(k->e.b, 16); /* the beginning of a round key schedule */
	if (k->a.len)
		look_for(k->a.b, k->a.len);
}

static void check_sk_leaves_nothing(struct crypto *c, const struct algo *e, const struct algo *a)
{
	struct sk_keys k = {.encr = e->id, .encr_bits = e->key_bits, .integ = a ? a->id : AUTH_NONE};
	uint8_t buf[256], *data;
	size_t n, iv = sk_iv_len(&k), total = 32 + iv + 64 + sk_icv_len(&k);
	random_secret(&k.e, (size_t)e->key_len + e->salt_len);
	random_secret(&k.a, a ? a->key_len : 0);
	rng_fill(crypto_rng(), buf, sizeof buf);
	look_for_keys(&k);
	look_for(buf + 32 + iv, 64);
	assert_int_equal(sk_seal(c, crypto_rng(), &k, buf, 32, 64), 0);
	assert_clean(0);

	look_for_keys(&k);
	buf[total - 1] ^= 1;
	assert_int_equal(sk_open(c, &k, buf, 32, total, &data, &n), -EBADMSG);
	buf[total - 1] ^= 1;
	assert_clean(0);

	look_for_keys(&k);
	assert_int_equal(sk_open(c, &k, buf, 32, total, &data, &n), 0);
	look_for(data, 64);
	assert_clean(0);
}

static void test_sk_leaves_nothing(void **state)
{
	size_t n;
	const struct algo *t = algo_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (t[i].type != T_ENCR)
			continue;
		if (t[i].flags & ALGO_AEAD)
			check_sk_leaves_nothing(*state, &t[i], NULL);
		for (size_t j = 0; j < n && !(t[i].flags & ALGO_AEAD); j++) {
			if (t[j].type == T_INTEG)
				check_sk_leaves_nothing(*state, &t[i], &t[j]);
		}
	}
}

/* A key that stays is in the heap as long as it stays, and then in no block. Packets allocate nothing. */
static void check_esp(struct crypto *c, const struct esp_case *e, uint8_t backend)
{
	struct test_mem m = test_mem_new();
	struct esp_sa sa = esp_case_keys(e);
	struct esp_key *k = NULL;
	struct esp_job v[3];
	look_for(sa.encr.b, 16);
	if (sa.integ.len)
		look_for(sa.integ.b, sa.integ.len);
	assert_int_equal(esp_key_new(c, &m.mem, &e->suite, &sa, 2, backend, &k), 0);
	unsigned long before = allocations;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = esp_case_job(e, 64 * (i + 1), i);
	esp_seal_burst(k, 1, v, ARRAY_LEN(v));
	v[1].p[40] ^= 1;
	esp_open_burst(k, 0, v, ARRAY_LEN(v));
	assert_true(v[0].ok && !v[1].ok && v[2].ok);
	assert_int_equal(allocations, before);
	assert_true(backend != ESP_BACKEND_OPENSSL || live_hits() > 0); /* it is where it is looked for */
	esp_key_free(k);
	assert_int_equal(m.live, 0);
	assert_clean(0);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		free(v[i].p);
}

static void test_esp_leaves_nothing(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		check_esp(*state, &e, ESP_BACKEND_OPENSSL);
		if (esp_backend_usable(ESP_BACKEND_IPSEC_MB))
			check_esp(*state, &e, ESP_BACKEND_IPSEC_MB);
	}
}

static void test_dh_leaves_nothing(void **state)
{
	size_t n, len;
	const struct algo *t = algo_table(&n);
	for (size_t i = 0; i < n; i++) {
		if (t[i].type != T_DH || t[i].id == DH_NONE)
			continue;
		struct block draw = block_new(DH_PRIVATE_MAX), pub = block_new(t[i].dh_len);
		struct block out = block_new(DH_SHARED_MAX);
		struct dh_private priv, again;
		/* Twice the same draw: the private value is known before the second. */
		rng_fill(crypto_rng(), draw.p, draw.n);
		draw.p[0] = 0x41;
		struct tape tape = tape_of(draw);
		assert_int_equal(dh_generate(*state, &tape.rng, t[i].id, &priv, pub.p), 0);
		look_for(priv.b, priv.len);
		tape.at = 0;
		assert_int_equal(dh_generate(*state, &tape.rng, t[i].id, &again, pub.p), 0);
		assert_memory_equal(&priv, &again, sizeof priv);
		assert_int_equal(dh_shared(*state, &priv, block_span(pub), out.p, &len), 0);
		look_for(out.p, len);
		dh_keep(*state, &priv);
		assert_int_equal(dh_shared(*state, &priv, block_span(pub), out.p, &len), 0);
		dh_keep(*state, NULL);
		/* The library's P-256 and P-521 free the scalar as it is; crypto_new's heap wipes it. */
		assert_clean(t[i].id == DH_ECP_256 || t[i].id == DH_ECP_521 ? 2 : 0);
		free(draw.p);
		free(pub.p);
		free(out.p);
	}
}

/* --- failing allocations --- */

struct job {
	struct crypto *c;
	struct sk_keys k;
	struct dh_private priv;
	uint8_t pub[DH_PUBLIC_MAX], out[DH_SHARED_MAX], buf[256], sealed[256];
	size_t n;
	int error; /* what a failure must return */
};

/* Each does one call on fresh outputs; on failure it checks them. */
static int do_sha1(struct job *j)
{
	memset(j->out, 0xee, 20);
	int rc = crypto_sha1(j->c, &SPAN("abc", 3), 1, j->out);
	assert_true(rc == 0 || all_zero(j->out, 20));
	return rc;
}

static int do_prf(struct job *j)
{
	memset(j->out, 0xee, 64);
	int rc = prf(j->c, PRF_HMAC_SHA2_512, SPAN("key", 3), &SPAN("data", 4), 1, j->out);
	assert_true(rc == 0 || all_zero(j->out, 64));
	return rc;
}

static int do_prf_plus(struct job *j)
{
	memset(j->out, 0xee, 200);
	int rc = prf_plus(j->c, PRF_HMAC_SHA2_256, SPAN("key", 3), &SPAN("data", 4), 1, j->out, 200);
	assert_true(rc == 0 || all_zero(j->out, 200));
	return rc;
}

static int do_seal(struct job *j)
{
	memset(j->buf, 0x11, sizeof j->buf);
	int rc = sk_seal(j->c, crypto_rng(), &j->k, j->buf, 32, 64);
	assert_true(rc == 0 || all_zero(j->buf + 32, sk_iv_len(&j->k) + 64 + sk_icv_len(&j->k)));
	return rc;
}

static int do_open(struct job *j)
{
	uint8_t *data = j->buf;
	memcpy(j->buf, j->sealed, sizeof j->buf);
	int rc = sk_open(j->c, &j->k, j->buf, 32, 96 + sk_iv_len(&j->k) + sk_icv_len(&j->k), &data, &j->n);
	assert_true(rc == 0 || (data == NULL && j->n == 0));
	return rc;
}

static int do_generate(struct job *j)
{
	struct dh_private fresh;
	size_t len = dh_public_len(j->priv.group);
	memset(&fresh, 0xee, sizeof fresh);
	memset(j->pub, 0xee, sizeof j->pub);
	int rc = dh_generate(j->c, crypto_rng(), j->priv.group, &fresh, j->pub);
	if (rc)
		assert_true(all_zero((uint8_t *)&fresh, sizeof fresh) && all_zero(j->pub, len));
	else
		j->priv = fresh;
	return rc;
}

/* -EINVAL too: the library does not tell a point that it cannot store from a bad one. */
static int do_shared(struct job *j)
{
	size_t len = 99;
	memset(j->out, 0xee, sizeof j->out);
	int rc = dh_shared(j->c, &j->priv, SPAN(j->pub, dh_public_len(j->priv.group)), j->out, &len);
	assert_true(rc == 0 || (len == 0 && all_zero(j->out, 32)));
	return rc == -EINVAL ? -EIO : rc;
}

static void fail_each(struct job *j, int (*job)(struct job *), bool must_allocate)
{
	unsigned failures = 0;
	assert_int_equal(job(j), 0);
	size_t before = live_count;
	for (unsigned long n = 1;; n++) {
		allocations = 0;
		fail_at = n;
		int rc = job(j);
		bool reached = allocations >= n;
		fail_at = 0;
		assert_true(rc == 0 || rc == j->error);
		failures += rc != 0;
		assert_int_equal(job(j), 0);
		if (!reached)
			break;
	}
	assert_int_equal(live_count, before);
	assert_true(failures > 0 || !must_allocate);
}

static void test_failing_sums(void **state)
{
	struct job *j = calloc(1, sizeof *j);
	assert_non_null(j);
	j->c = *state;
	j->error = -EIO;
	fail_each(j, do_sha1, false);
	fail_each(j, do_prf, false);
	fail_each(j, do_prf_plus, false);
	free(j);
}

static void test_failing_sk(void **state)
{
	static const struct {
		uint16_t encr, bits, integ;
		uint8_t e, a;
	} rows[] = {
		{ENCR_AES_CBC, 256, AUTH_HMAC_SHA2_256_128, 32, 32},
		{ENCR_AES_CTR, 128, AUTH_HMAC_SHA1_96, 20, 20},
		{ENCR_AES_GCM_16, 256, AUTH_NONE, 36, 0},
		{ENCR_CHACHA20_POLY1305, 0, AUTH_NONE, 36, 0},
	};
	struct job *j = calloc(1, sizeof *j);
	assert_non_null(j);
	j->c = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		j->k = (struct sk_keys){.encr = rows[i].encr, .encr_bits = rows[i].bits, .integ = rows[i].integ};
		random_secret(&j->k.e, rows[i].e);
		random_secret(&j->k.a, rows[i].a);
		j->error = -EIO;
		fail_each(j, do_seal, true);
		memcpy(j->sealed, j->buf, sizeof j->sealed);
		j->error = -EBADMSG;
		fail_each(j, do_open, true);
	}
	free(j);
}

static void test_failing_dh(void **state)
{
	static const uint16_t groups[] = {DH_MODP_1024, DH_MODP_2048_256, DH_ECP_256, DH_ECP_384,
	                                  DH_ECP_521,   DH_CURVE25519,    DH_CURVE448};
	struct job *j = calloc(1, sizeof *j);
	assert_non_null(j);
	j->c = *state;
	j->error = -EIO;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		j->priv.group = groups[i];
		fail_each(j, do_generate, true);
		fail_each(j, do_shared, true);
	}
	free(j);
}

static void test_failing_esp(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		struct test_mem m = test_mem_new();
		struct esp_sa sa = esp_case_keys(&e);
		struct esp_key *k = NULL;
		size_t before = live_count;
		unsigned failures = 0;
		for (unsigned long n = 1; !k; n++) {
			allocations = 0;
			fail_at = n;
			int rc = esp_key_new(*state, &m.mem, &e.suite, &sa, 2, ESP_BACKEND_OPENSSL, &k);
			fail_at = 0;
			assert_int_equal(rc, k ? 0 : -ENOMEM);
			failures += rc != 0;
			assert_true(k || (live_count == before && m.live == 0));
		}
		assert_true(failures >= 4);
		esp_key_free(k);
		assert_int_equal(live_count, before);
	}
}

/* Fails every 5th allocation of a start, one at a time; says how many starts failed. */
static unsigned fail_starts(void)
{
	unsigned failures = 0;
	for (unsigned long n = 1;; n += 5) {
		allocations = 0;
		fail_at = n;
		struct crypto *c = crypto_new();
		bool reached = allocations >= n;
		fail_at = 0;
		failures += c == NULL;
		crypto_free(c);
		if (!reached)
			return failures;
	}
}

static void test_failing_start(void **state)
{
	(void)state;
	/* The first round also fills the library's error queue, which keeps its texts. */
	assert_true(fail_starts() > 100);
	size_t before = live_count;
	assert_true(fail_starts() > 100);
	assert_int_equal(live_count, before);

	struct crypto *c = crypto_new();
	const char *what;
	assert_non_null(c);
	assert_int_equal(crypto_self_test(c, &what), 0);
	crypto_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap_watches),      cmocka_unit_test(test_prf_leaves_nothing),
		cmocka_unit_test(test_sk_leaves_nothing), cmocka_unit_test(test_dh_leaves_nothing),
		cmocka_unit_test(test_esp_leaves_nothing), cmocka_unit_test(test_failing_esp),
		cmocka_unit_test(test_failing_sums),      cmocka_unit_test(test_failing_sk),
		cmocka_unit_test(test_failing_dh),        cmocka_unit_test(test_failing_start),
	};
	/* Before the library's first allocation, or it refuses. */
	if (CRYPTO_set_mem_functions(heap_get, heap_resize, heap_put) != 1)
		return 99;
	return cmocka_run_group_tests(tests, setup, teardown);
}
