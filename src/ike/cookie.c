/* Stateless cookies against floods of IKE_SA_INIT (RFC 7296 2.6): version | prf(secret, Ni | IPi | port | SPIi).
 * The secret changes every two minutes; the one before it is still honoured. */
#include "ike/ike_int.h"

#include <string.h>

enum { SECRET_LIFE_S = 120, COOKIE_LEN = 33 };

void cookie_init(struct ike *e, mono_t now)
{
	rng_fill(e->rng, e->cookie_secret, sizeof e->cookie_secret);
	e->cookie_since = now;
}

static void rotate(struct ike *e, mono_t now)
{
	if (now - e->cookie_since < DUR_S(SECRET_LIFE_S))
		return;
	e->cookie_version++;
	rng_fill(e->rng, e->cookie_secret[e->cookie_version & 1], sizeof e->cookie_secret[0]);
	e->cookie_since = now;
}

static bool mac(struct ike *e, uint8_t version, const struct ike_datagram *d, uint64_t spi_i, struct span nonce,
                uint8_t out[32])
{
	uint8_t in[8 + 16 + 2];
	struct wr w = wr_init(in, sizeof in);
	wr_u64(&w, spi_i);
	wr_bytes(&w, d->remote.addr.b, sizeof d->remote.addr.b);
	wr_u16(&w, d->remote.port);
	struct span v[] = {nonce, SPAN(in, w.len)};
	return prf(e->crypto, PRF_HMAC_SHA2_256, SPAN(e->cookie_secret[version & 1], 32), v, 2, out) == 0;
}

void cookie_make(struct ike *e, const struct ike_datagram *d, uint64_t spi_i, struct span nonce, uint8_t out[33],
                 size_t *n)
{
	out[0] = e->cookie_version;
	*n = mac(e, e->cookie_version, d, spi_i, nonce, out + 1) ? COOKIE_LEN : 0;
}

bool cookie_check(struct ike *e, const struct ike_datagram *d, uint64_t spi_i, struct span nonce, struct span cookie,
                  mono_t now)
{
	uint8_t want[32];
	rotate(e, now);
	if (cookie.n != COOKIE_LEN)
		return false;
	uint8_t age = (uint8_t)(e->cookie_version - cookie.p[0]);
	return age <= 1 && mac(e, cookie.p[0], d, spi_i, nonce, want) && crypto_equal(want, cookie.p + 1, 32);
}
