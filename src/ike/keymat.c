/* Key derivation: SKEYSEED and SK_* (RFC 7296 2.14, 2.18), KEYMAT of child SAs (2.17). */
#include "ike/ike_int.h"

#include <string.h>

static void put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void nonce_lowest(const struct nonce *ni, const struct nonce *nr, uint8_t out[NONCE_KEEP])
{
	uint8_t a[NONCE_KEEP] = {0}, b[NONCE_KEEP] = {0};
	memcpy(a, ni->b, min_z(ni->n, NONCE_KEEP));
	memcpy(b, nr->b, min_z(nr->n, NONCE_KEEP));
	memcpy(out, memcmp(a, b, NONCE_KEEP) < 0 ? a : b, NONCE_KEEP);
}

/* Cuts SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr. */
static bool cut_keys(struct ike_sa *sa, const uint8_t *p, size_t prf_n, size_t integ_n, size_t encr_n)
{
	struct sk_keys *i = sa->initiator ? &sa->tx : &sa->rx, *r = sa->initiator ? &sa->rx : &sa->tx;
	i->encr = r->encr = sa->suite.encr;
	i->encr_bits = r->encr_bits = sa->suite.encr_bits;
	i->integ = r->integ = sa->suite.integ;
	struct { struct secret *to; size_t n; } cut[] = {
		{&sa->sk_d, prf_n}, {&i->a, integ_n}, {&r->a, integ_n}, {&i->e, encr_n},
		{&r->e, encr_n},    {&sa->sk_pi, prf_n}, {&sa->sk_pr, prf_n},
	};
	for (size_t k = 0; k < ARRAY_LEN(cut); k++) {
		if (!secret_set(cut[k].to, p, cut[k].n))
			return false;
		p += cut[k].n;
	}
	return true;
}

int keymat_ike(struct ike *e, struct ike_sa *sa, const struct nonce *ni, const struct nonce *nr, struct span shared,
               const struct secret *old_sk_d, uint16_t old_prf)
{
	uint8_t seed[512], skeyseed[64], spis[16], keys[64 * 7 + 128];
	size_t prf_n = prf_len(sa->suite.prf), encr_n = suite_encr_key_len(&sa->suite),
	       integ_n = suite_integ_key_len(&sa->suite);
	size_t total = 3 * prf_n + 2 * integ_n + 2 * encr_n;
	if (prf_n == 0 || total > sizeof keys)
		return -22;
	memcpy(seed, ni->b, ni->n);
	memcpy(seed + ni->n, nr->b, nr->n);
	struct span nonces = SPAN(seed, ni->n + nr->n);
	put_u64(spis, sa->spi_i);
	put_u64(spis + 8, sa->spi_r);

	int r;
	size_t seed_n = prf_n;
	if (old_sk_d) {
		/* RFC 7296 2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), by the old PRF. */
		struct span v[] = {shared, nonces};
		r = prf(e->crypto, old_prf, SPAN(old_sk_d->b, old_sk_d->len), v, 2, skeyseed);
		seed_n = prf_len(old_prf);
	} else {
		r = prf(e->crypto, sa->suite.prf, nonces, &shared, 1, skeyseed);
	}
	if (r == 0) {
		struct span v[] = {nonces, SPAN(spis, sizeof spis)};
		r = prf_plus(e->crypto, sa->suite.prf, SPAN(skeyseed, seed_n), v, 2, keys, total);
	}
	if (r == 0 && !cut_keys(sa, keys, prf_n, integ_n, encr_n))
		r = -22;
	sa->keyed = r == 0;
	if (r == 0)
		nonce_lowest(ni, nr, sa->lowest_nonce);
	wipe(skeyseed, sizeof skeyseed);
	wipe(keys, sizeof keys);
	return r;
}

int keymat_child(struct ike *e, const struct ike_sa *sa, struct child *c, bool we_initiate)
{
	uint8_t keys[2 * (2 * SECRET_MAX)];
	size_t encr_n = suite_encr_key_len(&c->p.suite), integ_n = suite_integ_key_len(&c->p.suite);
	size_t total = 2 * (encr_n + integ_n);
	if (encr_n == 0 || total > sizeof keys)
		return -22;
	struct span seed[] = {
		SPAN(c->shared.p, c->shared.n),
		SPAN(c->ni->b, c->ni->n),
		SPAN(c->nr->b, c->nr->n),
	};
	int r = prf_plus(e->crypto, sa->suite.prf, SPAN(sa->sk_d.b, sa->sk_d.len), seed, 3, keys, total);
	if (r == 0) {
		/* RFC 7296 2.17: first all keys from the initiator (of this exchange) to the responder. */
		struct esp_sa *first = we_initiate ? &c->p.out : &c->p.in, *second = we_initiate ? &c->p.in : &c->p.out;
		const uint8_t *p = keys;
		if (!secret_set(&first->encr, p, encr_n) || !secret_set(&first->integ, p + encr_n, integ_n) ||
		    !secret_set(&second->encr, p + encr_n + integ_n, encr_n) ||
		    !secret_set(&second->integ, p + 2 * encr_n + integ_n, integ_n))
			r = -22;
	}
	wipe(keys, sizeof keys);
	return r;
}
