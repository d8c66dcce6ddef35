/* Who may begin an IKE SA: what an IKE_SA_INIT must bring before it costs a Diffie-Hellman, and how many may be under way.
 *
 * Cookies (RFC 7296 2.6) need no memory: version | prf(secret, Ni | SPIi | IPi | port). The secret changes every two
 * minutes; the one before it is still honoured. Whoever returns one receives at the address that he names, he is proven: only the
 * proven count against the limit of an address, since an impostor could use up what is counted without proof. */
#include "ike/ike_int.h"

#include <string.h>

enum { SECRET_LIFE_S = 120, COOKIE_LEN = 33 };

void cookie_init(struct ike *e, mono_t now)
{
	rng_fill(e->rng, e->cookie_secret, sizeof e->cookie_secret);
	e->cookie_since = now;
	e->cookie_last = now - DUR_S(SECRET_LIFE_S);
}

static void rotate(struct ike *e, mono_t now)
{
	dur_t age = now - e->cookie_since;
	if (age < DUR_S(SECRET_LIFE_S))
		return;
	/* When nobody needed a cookie for long, the one before is as old as the present one: both go. */
	for (int i = 0; i < (age < DUR_S(2 * SECRET_LIFE_S) ? 1 : 2); i++) {
		e->cookie_version++;
		rng_fill(e->rng, e->cookie_secret[e->cookie_version & 1], sizeof e->cookie_secret[0]);
	}
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

static bool cookie_fits(struct step *s, struct span nonce, struct span cookie)
{
	uint8_t want[32];
	if (cookie.n != COOKIE_LEN)
		return false;
	uint8_t age = (uint8_t)(s->e->cookie_version - cookie.p[0]);
	return age <= 1 && mac(s->e, cookie.p[0], s->d, s->hdr.spi_i, nonce, want) && crypto_equal(want, cookie.p + 1, 32);
}

/* RFC 7296 2.6: a cookie is the first payload. */
static bool is_proven(struct step *s, struct span nonce)
{
	struct ike_notify n;
	bool first = s->pl->n && s->pl->v[0].type == P_N && has_notify(s, N_COOKIE, &n);
	if (!first)
		return false;
	if (cookie_fits(s, nonce, n.data))
		return true;
	s->e->n.cookies_bad++;
	return false;
}

static void ask_for_cookie(struct step *s, struct span nonce)
{
	struct ike *e = s->e;
	uint8_t cookie[COOKIE_LEN];
	cookie[0] = e->cookie_version;
	if (!mac(e, cookie[0], s->d, s->hdr.spi_i, nonce, cookie + 1))
		return;
	if (s->now - e->cookie_last >= DUR_S(60))
		note(s, NULL, NOTE_CONTROL, "%u handshakes are half open: who begins one must return a cookie first", e->half_open);
	e->cookie_last = s->now;
	e->n.cookies_out++;
	respond_clear(s, N_COOKIE, SPAN(cookie, sizeof cookie));
}

static bool reached(uint32_t n, uint32_t limit) { return limit > 0 && n >= limit; }

/* An address that has reached its limit without proof is asked for proof, not locked out. */
static bool needs_proof(const struct step *s, const struct half_open_of *from_here)
{
	const struct conf_setup *c = &s->e->setup;
	return c->dos_protection &&
	       (reached(s->e->half_open, c->cookie_threshold) || reached(from_here->all, c->cookie_threshold_ip) ||
	        reached(from_here->all, c->block_threshold) || strangers_spent(s->e, s->now));
}

static uint32_t half_open_max(const struct conf_setup *c)
{
	return c->init_limit_half_open > HALF_OPEN_MAX ? c->init_limit_half_open : HALF_OPEN_MAX;
}

/* Makes room for one more by the oldest that its peer has left alone for long enough for any way there and back, unproven ones
 * first. False: they all began just now, and the new one may come again. */
static bool make_room(struct step *s)
{
	struct list *from[] = {&s->e->half_unproven, &s->e->half_proven};
	if (s->e->half_open < half_open_max(&s->e->setup))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		if (list_empty(from[i]))
			continue;
		struct ike_sa *sa = LIST_ENTRY(from[i]->next, struct ike_sa, half);
		if (s->now - sa->created < DUR_S(HALF_OPEN_GRACE_S))
			continue;
		s->e->n.evicted++;
		sa_delete(s, sa, "its peer did not go on, and others want to begin");
		return true;
	}
	return false;
}

bool admit_init(struct step *s, struct span nonce, bool *proven)
{
	const struct conf_setup *c = &s->e->setup;
	struct half_open_of from_here = sa_half_open_from(s->e, &s->d->remote.addr);
	const char *why = NULL;
	char addr[ADDR_TEXT];
	rotate(s->e, s->now);
	*proven = is_proven(s, nonce);
	if (!*proven && needs_proof(s, &from_here)) {
		ask_for_cookie(s, nonce);
		return false;
	}
	if (c->dos_protection && reached(from_here.proven, c->block_threshold))
		why = "has begun too many handshakes (block_threshold)";
	else if (reached(s->e->half_open, c->init_limit_half_open))
		why = "is not answered: too many handshakes are half open (init_limit_half_open)";
	else if (reached(s->e->n_sas, c->ikesa_limit))
		why = "is not answered: there are as many IKE SAs as allowed (ikesa_limit)";
	else if (!make_room(s))
		why = "is not answered: too many handshakes have just begun";
	if (!why)
		return true;
	s->e->n.refused++;
	note_limited(s, "%s %s", addr_str(&s->d->remote.addr, addr), why);
	return false;
}
