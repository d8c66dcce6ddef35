/* AUTH by pre-shared keys (RFC 7296 2.15):
 *
 *      AUTH = prf( prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets> )
 *
 * and the mixing-in of post-quantum keys (RFC 8784 3):
 *
 *      SK_d = prf+ (PPK, SK_d'), SK_pi and SK_pr likewise.
 *
 * The keys stay here. Whether an identity is known must not show in the time that an answer takes: without a
 * candidate a dummy key is worked with. How often somebody may ask is the caller's matter. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

enum { TRY_MAX = PSK_TRY_MAX, INDEX_BITS = 20 };

static const char KEY_PAD[] = "Key Pad for IKEv2"; /* 17 octets, without the NUL */

static int auth_value(struct actor *a, uint16_t id, const struct psk *key, struct span octets,
                      uint8_t out[PRIV_AUTH_MAX])
{
	static const uint8_t dummy[32];
	uint8_t padded[PRIV_AUTH_MAX];
	struct span shared = key ? SPAN(key->key, key->key_len) : SPAN(dummy, sizeof dummy);
	struct span pad = SPAN(KEY_PAD, sizeof KEY_PAD - 1);
	int rc = prf(a->env.crypto, id, shared, &pad, 1, padded);
	if (rc == 0)
		rc = prf(a->env.crypto, id, SPAN(padded, prf_len(id)), &octets, 1, out);
	wipe(padded, sizeof padded);
	return rc;
}

/* A handle names a key of one generation of the configuration. */
static uint32_t handle_of(const struct actor *a, size_t index)
{
	return (uint32_t)(a->conf->generation << INDEX_BITS) | (uint32_t)(index + 1);
}

/* Whether some tunnel that is configured has these identities (the one of the message, when it names one). */
static bool pair_known(const struct actor *a, const struct m_psk *m)
{
	struct tstate *s = m->tunnel[0] ? actor_tstate(a, m->tunnel) : NULL;
	if (m->tunnel[0])
		return s && s->t && actor_identities_fit(s->t, &m->me, &m->peer);
	for (uint32_t i = 0; i < a->conf->n_tunnels; i++) {
		if (actor_identities_fit(conf_tunnel(a->conf, i), &m->me, &m->peer))
			return true;
	}
	return false;
}

static size_t candidates(const struct actor *a, const struct m_psk *m, size_t v[TRY_MAX])
{
	return pair_known(a, m) ? psk_candidates(a->psks, &m->me, &m->peer, v, TRY_MAX) : 0;
}

static void refuse_pair(const struct m_psk *m, struct actor_out *out, int status, size_t tried)
{
	char me[IDENT_TEXT], peer[IDENT_TEXT];
	struct sbuf b = SB(me), c = SB(peer);
	sb_ident(&b, &m->me);
	sb_ident(&c, &m->peer);
	if (status == -ENOKEY)
		actor_refuse(out, status, "no shared key found for '%.200s' - '%.200s'", me, peer);
	else
		actor_refuse(out, status, "tried %zu shared key%s for '%.200s' - '%.200s', but none fits", tried,
		       tried == 1 ? "" : "s", me, peer);
}

void act_psk_sign(struct actor *a, const struct m_psk *m, struct span octets, struct actor_out *out)
{
	size_t v[TRY_MAX], n = candidates(a, m, v), chosen = 0;
	if (prf_len(m->prf) == 0) {
		actor_refuse(out, -EINVAL, "an unknown PRF");
		return;
	}
	/* A handle from before a reload is as good as none: the order of choice decides. */
	for (size_t i = 0; i < n && m->key; i++) {
		if (handle_of(a, v[i]) == m->key)
			chosen = i;
	}
	int rc = auth_value(a, m->prf, n ? &a->psks->v[v[chosen]] : NULL, octets, out->octets);
	if (rc == 0 && n) {
		out->n_octets = prf_len(m->prf);
		out->body.psk = (struct r_psk){.key = handle_of(a, v[chosen]), .n_tried = 1};
		actor_answer(out, true);
		return;
	}
	wipe(out->octets, sizeof out->octets);
	if (rc == 0)
		refuse_pair(m, out, -ENOKEY, 0);
	else
		actor_refuse(out, rc, "the library failed: %s", strerror(-rc));
}

void act_psk_verify(struct actor *a, const struct m_psk *m, struct span octets, struct span auth, struct actor_out *out)
{
	size_t v[TRY_MAX], n = candidates(a, m, v), len = prf_len(m->prf);
	uint8_t expected[PRIV_AUTH_MAX];
	uint32_t found = 0;
	int rc = len ? 0 : -EINVAL;
	/* All are tried, also behind one that fits; the first that fits counts. */
	for (size_t i = 0; rc == 0 && i < max_z(n, 1); i++) {
		rc = auth_value(a, m->prf, n ? &a->psks->v[v[i]] : NULL, octets, expected);
		bool fits = rc == 0 && auth.n == len && crypto_equal(expected, auth.p, len);
		if (fits && n && !found)
			found = handle_of(a, v[i]);
	}
	wipe(expected, sizeof expected);
	out->body.psk = (struct r_psk){.key = found, .n_tried = (uint32_t)n};
	if (rc < 0)
		actor_refuse(out, rc, "the AUTH value could not be checked: %s", strerror(-rc));
	else if (found)
		actor_answer(out, true);
	else
		refuse_pair(m, out, n ? -EBADMSG : -ENOKEY, n);
	out->has_body = rc == 0;
}

void act_ppk_mix(struct actor *a, const struct m_ppk_mix *m, struct span keys, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	const char *wanted = conf_ppk(a->conf, s->t);
	bool named = strcmp(wanted, m->id) == 0 || strcmp(wanted, CONF_PPK_ANY) == 0;
	const struct ppk *k = named ? psk_ppk(a->psks, m->id) : NULL;
	size_t n = prf_len(m->prf);
	struct rd in = rd_init(keys.p, keys.n);
	struct wr w = wr_init(out->octets, sizeof out->octets);
	int rc = 0;
	if (n == 0 || keys.n != 3 * n) {
		actor_refuse(out, -EINVAL, "expected three keys of a known PRF");
		return;
	}
	if (!k) {
		actor_refuse(out, -ENOKEY, "this tunnel has no post-quantum key of that name");
		return;
	}
	for (int i = 0; i < 3 && rc == 0; i++) {
		struct span key = SPAN(rd_take(&in, n), n);
		rc = prf_plus(a->env.crypto, m->prf, SPAN(k->key, k->key_len), &key, 1, wr_space(&w, n), n);
	}
	if (rc == 0) {
		out->n_octets = w.len;
		actor_answer(out, false);
		return;
	}
	wipe(out->octets, sizeof out->octets);
	actor_refuse(out, rc, "the library failed: %s", strerror(-rc));
}
