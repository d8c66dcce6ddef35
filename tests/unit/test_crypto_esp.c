/* ESP keys: what one backend seals the others open, and so does the protection of SK payloads, which is other code; every
 * flipped bit, cut and foreign key is refused; bursts are what single packets are; memory that fails, and is wiped. */
#include "test_crypto_esp_util.h"

#include <errno.h>
#include <pthread.h>

static const uint64_t seqs[] = {1, 0xfffffffe, 0x100000000, 0xfedcba9876543210};
static const uint8_t backends[] = {ESP_BACKEND_OPENSSL, ESP_BACKEND_IPSEC_MB};

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

static struct esp_key *key_new(struct crypto *c, struct test_mem *m, const struct esp_case *e, const struct esp_sa *sa,
                               uint8_t backend)
{
	struct esp_key *k;
	assert_int_equal(esp_key_new(c, &m->mem, &e->suite, sa, 2, backend, &k), 0);
	assert_int_equal(esp_key_iv_len(k), e->iv);
	assert_int_equal(esp_key_icv_len(k), e->icv);
	assert_int_equal(esp_key_align(k), e->align);
	return k;
}

/* Opens a copy by sk_open: associated data as RFC 4303 and 4106 have it, then IV, text, ICV. With HMAC the upper half of the sequence
 * number is behind the text, where sk_open looks for the ICV: such packets are left out. */
static void opened_by_sk(struct crypto *c, const struct esp_case *e, const struct esp_sa *sa, const struct esp_job *j)
{
	struct sk_keys k = {.encr = e->suite.encr, .encr_bits = e->suite.encr_bits, .integ = e->suite.integ,
	                    .e = sa->encr, .a = sa->integ};
	if (e->integ && e->suite.esn)
		return;
	size_t aad = e->suite.esn ? 12 : 8, n = 0;
	struct block b = block_new(aad + j->n - 8);
	memcpy(b.p, j->p, 4);
	for (unsigned i = 0; i < 4; i++)
		b.p[aad - 8 + i] = e->suite.esn ? (uint8_t)(j->seq_hi >> (24 - 8 * i)) : b.p[i];
	memcpy(b.p, j->p, 4);
	memcpy(b.p + aad - 4, j->p + 4, j->n - 4);
	uint8_t *data;
assert_int_equal(sk_open(c, &k, b.p, aad, b.n, &data, &n), 0);
	assert_int_equal(n, j->n - 8 - e->iv - e->icv);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], (uint8_t)i);
	free(b.p);
}

/* Text of many lengths by each sequence number, sealed by one backend and opened by the other: in bursts of one, and of all lengths. */
static void exchange(struct crypto *c, const struct esp_case *e, uint8_t from, uint8_t to)
{
	enum { MANY = 48 };
	struct test_mem m = test_mem_new();
	struct esp_sa sa = esp_case_keys(e);
	struct esp_key *tx = key_new(c, &m, e, &sa, from), *rx = key_new(c, &m, e, &sa, to);
	for (size_t s = 0; s < 2 * ARRAY_LEN(seqs); s++) {
		struct esp_job v[MANY];
		size_t n = 0, step = s % 2 ? 1 : MANY;
		for (size_t text = e->align; text <= 1504; text += text < 160 ? e->align : 656) {
			assert_true(n < MANY);
			v[n++] = esp_case_job(e, text, seqs[s / 2]);
		}
		assert_true(n >= 8);
		for (size_t i = 0; i < n; i += step)
			esp_seal_burst(tx, s % 2, v + i, min_z(step, n - i));
		for (size_t i = 0; i < n; i++)
			opened_by_sk(c, e, &sa, &v[i]);
		for (size_t i = 0; i < n; i += step)
			esp_open_burst(rx, (s + 1) % 2, v + i, min_z(step, n - i));
		for (size_t i = 0; i < n; i++) {
			assert_true(v[i].ok);
			assert_true(esp_case_intact(e, &v[i]));
			free(v[i].p);
		}
	}
	esp_key_free(tx);
	esp_key_free(rx);
	assert_int_equal(m.live, 0);
}

static void test_exchange(void **state)
{
	struct esp_case e;
	size_t i = 0;
	for (; esp_case(i, &e); i++) {
		for (size_t from = 0; from < ARRAY_LEN(backends); from++) {
			for (size_t to = 0; to < ARRAY_LEN(backends); to++) {
				if (esp_backend_usable(backends[from]) && esp_backend_usable(backends[to]))
					exchange(*state, &e, backends[from], backends[to]);
			}
		}
	}
	/* 10 AEADs, 6 ciphers with 4 HMACs each; without and with ESN. */
	assert_int_equal(i, 2 * (10 + 6 * 4));
}

/* A burst of mixed lengths, longer than ESP_BURST, is what its packets are one by one (but for the IVs of CBC); bad ones in it are
 * refused and harm no others. */
static void burst(struct crypto *c, const struct esp_case *e, uint8_t backend)
{
	enum { N = 2 * ESP_BURST + 3 };
	struct test_mem m = test_mem_new();
	struct esp_sa sa = esp_case_keys(e);
	struct esp_key *tx = key_new(c, &m, e, &sa, backend), *rx = key_new(c, &m, e, &sa, backend);
	struct esp_job v[N];
	for (size_t i = 0; i < N; i++)
		v[i] = esp_case_job(e, e->align * (1 + i * i * 7 % 90), 0xffffffc0 + i);
	esp_seal_burst(tx, 0, v, N);
	for (size_t i = 0; i < N; i++) {
		if (e->suite.encr != ENCR_AES_CBC) {
			struct esp_job j = esp_case_job(e, v[i].n - 8 - e->iv - e->icv, 0xffffffc0 + i);
			esp_seal_burst(tx, 1, &j, 1);
			assert_memory_equal(j.p, v[i].p, j.n);
			free(j.p);
		}
		if (i % 7 == 3)
			v[i].p[i % v[i].n] ^= 0x10;
		if (i % 7 == 5)
			v[i].n = (uint32_t)(8 + e->iv + e->icv);
	}
	esp_open_burst(rx, 0, v, N);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(v[i].ok, i % 7 != 3 && i % 7 != 5);
		if (v[i].ok)
			assert_true(esp_case_intact(e, &v[i]));
		free(v[i].p);
	}
	esp_key_free(tx);
	esp_key_free(rx);
}

static void test_burst(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			if (esp_backend_usable(backends[b]))
				burst(*state, &e, backends[b]);
		}
	}
}

/* A copy of j, changed, must be refused, alone and among others. */
static void refused(struct esp_key *rx, const struct esp_job *j, size_t at, uint8_t flip, size_t n, uint32_t seq_hi)
{
	struct block b = block_new(n);
	memcpy(b.p, j->p, n);
	if (at < n)
		b.p[at] ^= flip;
	struct esp_job copy = {.p = b.p, .n = (uint32_t)n, .seq_hi = seq_hi, .ok = true};
	esp_open_burst(rx, 0, &copy, 1);
	assert_false(copy.ok);
	free(b.p);
	copy = esp_open_among(rx, j, n, at, flip, seq_hi);
	assert_false(copy.ok);
	free(copy.p);
}

/* Copies under another key. */
static void foreign(struct esp_key *rx, const struct esp_job *j, size_t n)
{
	struct esp_job v[9];
	for (size_t i = 0; i < n; i++) {
		v[i] = *j;
		v[i].p = block_new(j->n).p;
		memcpy(v[i].p, j->p, j->n);
	}
	esp_open_burst(rx, 0, v, n);
	for (size_t i = 0; i < n; i++) {
		assert_false(v[i].ok);
		free(v[i].p);
	}
}

static void forgeries(struct crypto *c, const struct esp_case *e, uint8_t backend)
{
	struct test_mem m = test_mem_new();
	struct esp_sa sa = esp_case_keys(e), other = sa;
	struct esp_key *k = key_new(c, &m, e, &sa, backend), *wrong;
	struct esp_job j = esp_case_job(e, 48, 0x700000009);
	esp_seal_burst(k, 0, &j, 1);
	for (size_t i = 0; i < j.n; i++)
		refused(k, &j, i, (uint8_t)(1 << i % 8), j.n, j.seq_hi);
	for (size_t n = 0; n < j.n; n++)
		refused(k, &j, n, 0, n, j.seq_hi);

	/* Another key of the ICV, and another upper half, which counts with ESN alone. */
	(e->integ ? &other.integ : &other.encr)->b[0] ^= 1;
	wrong = key_new(c, &m, e, &other, backend);
	foreign(wrong, &j, 1);
	foreign(wrong, &j, 9);
	if (e->suite.esn)
		refused(k, &j, j.n, 0, j.n, j.seq_hi + 1);
	else
		j.seq_hi++;
	esp_open_burst(k, 0, &j, 1);
	assert_true(j.ok);
	assert_true(esp_case_intact(e, &j));
	free(j.p);
	esp_key_free(wrong);
	esp_key_free(k);
}

static void test_forgeries(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			if (esp_backend_usable(backends[b]))
				forgeries(*state, &e, backends[b]);
		}
	}
}

/* The IVs of CBC do not repeat, whether sequence numbers do or not (two workers, two keys), and are no function of the packet that an
 * observer could know. */
static void test_cbc_ivs(void **state)
{
	enum { N = 64 };
	struct esp_case e = {.encr = NULL};
	for (size_t i = 0; esp_case(i, &e) && e.suite.encr != ENCR_AES_CBC; i++)
		;
	for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
		if (!esp_backend_usable(backends[b]))
			continue;
		struct test_mem m = test_mem_new();
		struct esp_sa sa = esp_case_keys(&e);
		struct esp_key *k[2] = {key_new(*state, &m, &e, &sa, backends[b]), key_new(*state, &m, &e, &sa, backends[b])};
		struct esp_job v[2 * N];
		for (size_t i = 0; i < 2 * N; i++)
			v[i] = esp_case_job(&e, 32, i % N);
		esp_seal_burst(k[0], 0, v, N);
		esp_seal_burst(k[1], 0, v + N, N);
		for (size_t i = 0; i < 2 * N; i++) {
			for (size_t j = 0; j < i; j++)
				assert_memory_not_equal(v[i].p + 8, v[j].p + 8, 16);
		}
		for (size_t i = 0; i < 2 * N; i++)
			free(v[i].p);
		esp_key_free(k[0]);
		esp_key_free(k[1]);
	}
}

/* A worker's numbers jump when others have had some: by one, back, and by 2^32 and one, where half of the next IV is as expected. */
static void test_jumps(void **state)
{
	static const uint64_t numbers[] = {7, 8, 0x300000009, 0x30000000a, 9, 0xffffffff, 0x500000000, 0x500000001};
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			if (e.suite.encr == ENCR_AES_CBC || !esp_backend_usable(backends[b]))
				continue;
			struct test_mem m = test_mem_new();
			struct esp_sa sa = esp_case_keys(&e);
			struct esp_key *k = key_new(*state, &m, &e, &sa, backends[b]);
			for (size_t n = 0; n < ARRAY_LEN(numbers); n++) {
				struct esp_job j = esp_case_job(&e, 64, numbers[n]), fresh = esp_case_job(&e, 64, numbers[n]);
				struct esp_key *other = key_new(*state, &m, &e, &sa, ESP_BACKEND_OPENSSL);
				esp_seal_burst(k, 0, &j, 1);
				esp_seal_burst(other, 0, &fresh, 1);
				assert_memory_equal(j.p, fresh.p, j.n);
				esp_key_free(other);
				free(j.p);
				free(fresh.p);
			}
			esp_key_free(k);
		}
	}
}

/* Whoever has the keys can authenticate text that is no whole blocks: refused, in bursts of any size. */
static void test_broken_blocks(void **state)
{
	struct esp_case e = {.encr = NULL};
	for (size_t i = 0; esp_case(i, &e) && (e.suite.encr != ENCR_AES_CBC || e.suite.integ != AUTH_HMAC_SHA2_256_128); i++)
		;
	struct test_mem m = test_mem_new();
	struct esp_sa sa = esp_case_keys(&e);
	for (size_t text = 16; text <= 48; text++) {
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			uint8_t full[32];
			struct esp_job j = esp_case_job(&e, text, 5);
			if (esp_backend_usable(backends[b])) {
				struct esp_key *k = key_new(*state, &m, &e, &sa, backends[b]);
				assert_int_equal(prf(*state, PRF_HMAC_SHA2_256, SPAN(sa.integ.b, sa.integ.len),
				                     &SPAN(j.p, j.n - e.icv), 1, full), 0);
				memcpy(j.p + j.n - e.icv, full, e.icv);
				struct esp_job v[9];
				for (size_t n = 0; n < ARRAY_LEN(v); n++) {
					v[n] = j;
					v[n].p = block_new(j.n).p;
					memcpy(v[n].p, j.p, j.n);
				}
				esp_open_burst(k, 0, &j, 1);
				assert_int_equal(j.ok, text % 16 == 0);
				esp_open_burst(k, 0, v, ARRAY_LEN(v));
				for (size_t n = 0; n < ARRAY_LEN(v); n++) {
					assert_int_equal(v[n].ok, text % 16 == 0);
					free(v[n].p);
				}
				esp_key_free(k);
			}
			free(j.p);
		}
	}
}

/* --- workers: threads that share a key --- */

enum { WORKERS = 4, EACH = 40 };

struct worker {
	pthread_t thread;
	unsigned number;
	struct esp_key *tx, *rx;
	struct esp_job v[EACH];
	unsigned good;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	for (int round = 0; round < 20; round++) {
		esp_seal_burst(w->tx, w->number, w->v, EACH);
		esp_open_burst(w->rx, w->number, w->v, EACH);
		for (unsigned i = 0; i < EACH; i++)
			w->good += w->v[i].ok;
	}
	return NULL;
}

static void test_workers(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i += 5) {
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			struct worker w[WORKERS];
			struct test_mem m = test_mem_new();
			struct esp_sa sa = esp_case_keys(&e);
			struct esp_key *k[2];
			if (!esp_backend_usable(backends[b]))
				continue;
			for (size_t d = 0; d < 2; d++)
				assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, WORKERS, backends[b], &k[d]), 0);
			for (unsigned n = 0; n < WORKERS; n++) {
				w[n] = (struct worker){.number = n, .tx = k[0], .rx = k[1]};
				for (unsigned j = 0; j < EACH; j++)
					w[n].v[j] = esp_case_job(&e, 64 + 16 * j, 1 + n * EACH + j);
				assert_int_equal(pthread_create(&w[n].thread, NULL, work, &w[n]), 0);
			}
			for (unsigned n = 0; n < WORKERS; n++) {
				assert_int_equal(pthread_join(w[n].thread, NULL), 0);
				assert_int_equal(w[n].good, 20 * EACH);
				for (unsigned j = 0; j < EACH; j++) {
					assert_true(esp_case_intact(&e, &w[n].v[j]));
					free(w[n].v[j].p);
				}
			}
			esp_key_free(k[0]);
			esp_key_free(k[1]);
		}
	}
}

static void test_refused_keys(void **state)
{
	struct esp_case e;
	struct test_mem m = test_mem_new();
	struct esp_key *k;
	for (size_t i = 0; esp_case(i, &e); i++) {
		struct esp_sa sa = esp_case_keys(&e);
		sa.encr.len--;
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 1, ESP_BACKEND_AUTO, &k), -ENOTSUP);
		assert_null(k);
		sa.encr.len++;
		sa.integ.len++;
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 1, ESP_BACKEND_AUTO, &k), -ENOTSUP);
		sa.integ.len--;
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 0, ESP_BACKEND_AUTO, &k), -ENOTSUP);
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 9, ESP_BACKEND_AUTO, &k), -ENOTSUP);
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 1, 77, &k), -ENOTSUP);
		e.suite.esn = 2;
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 1, ESP_BACKEND_AUTO, &k), -ENOTSUP);
		e.suite.esn = 0;
		e.suite.integ = e.integ ? AUTH_NONE : AUTH_HMAC_SHA1_96;
		assert_int_equal(esp_key_new(*state, &m.mem, &e.suite, &sa, 1, ESP_BACKEND_AUTO, &k), -ENOTSUP);
	}
	assert_int_equal(m.requests, 0);
	assert_true(esp_backend_usable(ESP_BACKEND_OPENSSL));
	assert_true(esp_backend_usable(esp_backend_best()));
	assert_false(esp_backend_usable(77));
}

static void test_failing_memory(void **state)
{
	struct esp_case e;
	for (size_t i = 0; esp_case(i, &e); i++) {
		struct esp_sa sa = esp_case_keys(&e);
		for (size_t b = 0; b < ARRAY_LEN(backends); b++) {
			struct test_mem m = test_mem_new();
			struct esp_key *k = NULL;
			if (!esp_backend_usable(backends[b]))
				continue;
			for (m.fail_at = 1; !k; m.fail_at++) {
				m.requests = 0;
				int rc = esp_key_new(*state, &m.mem, &e.suite, &sa, 3, backends[b], &k);
				assert_int_equal(rc, m.requests >= m.fail_at ? -ENOMEM : 0);
				assert_int_equal(m.live == 0, k == NULL);
			}
			assert_true(m.fail_at > 2);
			esp_key_free(k);
			assert_int_equal(m.live, 0);
		}
	}
	esp_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),     cmocka_unit_test(test_burst),
		cmocka_unit_test(test_forgeries),    cmocka_unit_test(test_cbc_ivs),
		cmocka_unit_test(test_jumps),        cmocka_unit_test(test_broken_blocks),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_refused_keys), cmocka_unit_test(test_failing_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
