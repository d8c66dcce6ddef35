/* Keys of ESP, in front of the backends: which there are, what they may be asked for, the lengths of packets. */
#include "crypto/esp_int.h"

#include <errno.h>
#include <string.h>

/* The fastest first. */
static const struct esp_ops *const backends[] = {
#ifdef HAVE_IPSEC_MB
	&esp_mb,
#endif
	&esp_evp,
};

static const struct esp_ops *find(uint8_t backend)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		if ((backend == ESP_BACKEND_AUTO || backends[i]->id == backend) && backends[i]->usable())
			return backends[i];
	}
	return NULL;
}

bool esp_backend_usable(uint8_t backend) { return find(backend) != NULL; }
uint8_t esp_backend_best(void) { return find(ESP_BACKEND_AUTO)->id; }

int esp_key_new(struct crypto *c, struct mem *mem, const struct suite *s, const struct esp_sa *sa, unsigned workers,
                uint8_t backend, struct esp_key **out)
{
	struct crypto_shape shape;
	const struct esp_ops *ops = find(backend);
	*out = NULL;
	if (!ops || workers == 0 || workers > ESP_WORKERS || s->esn > ESN_YES ||
	    !crypto_shape_find(s->encr, s->encr_bits, s->integ, ALGO_ESP, &shape) ||
	    sa->encr.len != shape.key + shape.salt || sa->integ.len != shape.integ_key)
		return -ENOTSUP;

	struct esp_key *k = mem_get(mem, sizeof *k);
	if (!k)
		return -ENOMEM;
	*k = (struct esp_key){
		.ops = ops, .c = c, .mem = mem, .shape = shape, .workers = workers, .esn = s->esn == ESN_YES};
	memcpy(k->salt, sa->encr.b + shape.key, shape.salt);
	int rc = ops->init(k, sa);
	if (rc)
		esp_key_free(k);
	else
		*out = k;
	return rc;
}

void esp_key_free(struct esp_key *k)
{
	if (!k)
		return;
	k->ops->fini(k);
	mem_put(k->mem, k, sizeof *k);
}

void crypto_fini_esp(struct crypto *c)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		if (backends[i]->drop)
			backends[i]->drop(c);
	}
}

uint8_t esp_key_iv_len(const struct esp_key *k) { return (uint8_t)k->shape.iv; }
uint8_t esp_key_icv_len(const struct esp_key *k) { return (uint8_t)k->shape.icv; }
uint8_t esp_key_align(const struct esp_key *k) { return (uint8_t)max_z(k->shape.block, 4); } /* RFC 4303 2.4 */

/* The text is not empty, and whole blocks. */
static bool fits(const struct esp_key *k, const struct esp_job *j)
{
	size_t around = ESP_HEADER + k->shape.iv + k->shape.icv;
	return j->n > around && (j->n - around) % k->shape.block == 0;
}

void esp_seal_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	if (BUG(worker >= k->workers))
		return;
	for (size_t i = 0; i < n; i++) {
		if (BUG(!fits(k, &v[i])))
			return;
	}
	for (size_t i = 0; i < n; i += ESP_BURST)
		k->ops->seal(k, worker, v + i, min_z(n - i, ESP_BURST));
	for (size_t i = 0; i < n; i++) {
		if (!v[i].ok)
			wipe(v[i].p + ESP_HEADER, v[i].n - ESP_HEADER);
	}
}

void esp_open_burst(struct esp_key *k, unsigned worker, struct esp_job *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i].ok = fits(k, &v[i]); /* the peer's: no BUG() */
	if (BUG(worker >= k->workers))
		return;
	for (size_t i = 0; i < n; i += ESP_BURST)
		k->ops->open(k, worker, v + i, min_z(n - i, ESP_BURST));
}
