/* In place of crypto/dh.c, for programs that set up millions of SAs: Diffie-Hellman modulo a prime of 61 bits under the name of each
 * group. What is under test is who says what when; a wrong or altered public value still makes another secret. */
#include "crypto/crypto.h"

#include <string.h>

enum { LEN = 32 };
static const uint64_t prime = (UINT64_C(1) << 61) - 1;

int crypto_init_dh(struct crypto *c);
void crypto_fini_dh(struct crypto *c);

int crypto_init_dh(struct crypto *c)
{
	(void)c;
	return 0;
}

void crypto_fini_dh(struct crypto *c) { (void)c; }

size_t dh_public_len(uint16_t group) { return group == DH_NONE ? 0 : LEN; }

bool dh_supported(uint16_t group) { return group != DH_NONE; }

__extension__ typedef unsigned __int128 wide;

static uint64_t times(uint64_t a, uint64_t b) { return (uint64_t)((wide)a * b % prime); }

static uint64_t power(uint64_t base, uint64_t e)
{
	uint64_t r = 1;
	for (base %= prime; e; e >>= 1, base = times(base, base)) {
		if (e & 1)
			r = times(r, base);
	}
	return r;
}

int dh_generate(struct crypto *c, struct rng *r, uint16_t group, struct dh_private *priv, uint8_t *pub)
{
	(void)c;
	uint64_t x = rng_u64(r) | 1, y = power(37, x);
	*priv = (struct dh_private){.group = group, .len = sizeof x};
	memcpy(priv->b, &x, sizeof x);
	memset(pub, 0, LEN);
	memcpy(pub, &y, sizeof y);
	return 0;
}

void dh_keep(struct crypto *c, const struct dh_private *priv)
{
	(void)c;
	(void)priv;
}

int dh_shared(struct crypto *c, const struct dh_private *priv, struct span peer, uint8_t *out, size_t *out_len)
{
	(void)c;
	uint64_t x, y;
	if (peer.n != LEN)
		return -22;
	memcpy(&x, priv->b, sizeof x);
	memcpy(&y, peer.p, sizeof y);
	y = power(y, x);
	memset(out, 0, LEN);
	memcpy(out, &y, sizeof y);
	/* All of the value counts. */
	memcpy(out + 8, (const uint8_t *)peer.p + 8, LEN - 8);
	*out_len = LEN;
	return 0;
}
