/* Keys for the tests of esp/: of the sizes of the suite that was asked for, but no cryptography: octets are turned over with the key
 * and the sequence number, and the ICV is a sum of everything that a real one would cover. Small, the same everywhere, and it fails when
 * memory does. */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct esp_key {
	struct mem *mem;
	uint8_t iv, icv, align;
	uint64_t secret;
	unsigned workers;
};

int esp_key_new(struct crypto *c, struct mem *mem, const struct suite *s, const struct esp_sa *sa, unsigned workers, uint8_t backend,
                struct esp_key **out)
{
	const struct algo *encr = suite_algo(s, T_ENCR), *integ = suite_algo(s, T_INTEG);
	(void)c;
	(void)backend;
	if (!encr || (!(encr->flags & ALGO_AEAD) && !integ))
		return -ENOTSUP;
	struct esp_key *k = mem_get(mem, sizeof *k);
	if (!k)
		return -ENOMEM;
	*k = (struct esp_key){.mem = mem, .iv = encr->iv_len, .icv = encr->flags & ALGO_AEAD ? encr->icv_len : integ->icv_len,
	                      .align = encr->block > 4 ? encr->block : 4, .workers = workers};
	for (unsigned i = 0; i < sa->encr.len; i++)
		k->secret = (k->secret ^ sa->encr.b[i]) * 0x100000001b3;
	*out = k;
	return 0;
}

void esp_key_free(struct esp_key *k)
{
	if (k)
		mem_put(k->mem, k, sizeof *k);
}

uint8_t esp_key_iv_len(const struct esp_key *k) { return k->iv; }
uint8_t esp_key_icv_len(const struct esp_key *k) { return k->icv; }
uint8_t esp_key_align(const struct esp_key *k) { return k->align; }

static void turn(const struct esp_key *k, struct esp_job *j)
{
	for (uint32_t i = 8u + k->iv; i < j->n - k->icv; i++)
		j->p[i] ^= (uint8_t)(k->secret >> i % 8 * 8) ^ j->p[7];
}

static void sum(const struct esp_key *k, const struct esp_job *j, uint8_t *icv)
{
	uint64_t h = k->secret ^ (uint64_t)j->seq_hi << 32;
	for (uint32_t i = 0; i < j->n - k->icv; i++)
		h = (h ^ j->p[i]) * 0x100000001b3;
	for (unsigned i = 0; i < k->icv; i++)
		icv[i] = (uint8_t)(h >> i % 8 * 8);
}

void esp_seal_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	if (worker >= k->workers || n == 0 || n > ESP_BURST)
		abort();
	for (size_t i = 0; i < n; i++) {
		if ((v[i].n - 8 - k->iv - k->icv) % k->align)
			abort();
		memset(v[i].p + 8, 0xa5, k->iv);
		turn(k, &v[i]);
		sum(k, &v[i], v[i].p + v[i].n - k->icv);
	}
}

void esp_open_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	uint8_t icv[32];
	if (worker >= k->workers || n == 0 || n > ESP_BURST)
		abort();
	for (size_t i = 0; i < n; i++) {
		sum(k, &v[i], icv);
		v[i].ok = memcmp(icv, v[i].p + v[i].n - k->icv, k->icv) == 0;
		turn(k, &v[i]);
	}
}

bool esp_backend_usable(uint8_t backend) { return backend != ESP_BACKEND_IPSEC_MB; }
uint8_t esp_backend_best(void) { return ESP_BACKEND_OPENSSL; }
