/* Post-quantum pre-shared keys (RFC 8784), both roles:
 *
 *      SK_d = prf+ (PPK, SK_d')   SK_pi = prf+ (PPK, SK_pi')   SK_pr = prf+ (PPK, SK_pr')
 *
 * The PPK stays with priv, as the PSK does: the engine sends the three keys of a set-up and the PPK's name there, and gets three
 * others. Until it is known whether the peer has the PPK too they wait in the handshake. Called by x_sa_init.c and x_auth.c. */
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

enum { PPK_ID_FIXED = 2 }; /* RFC 8784 5.1 */

static const char *wanted(const struct ike_sa *sa) { return conf_ppk(sa->tun->conf, sa->tun->t); }

static bool any(const char *id) { return strcmp(id, CONF_PPK_ANY) == 0; }

bool ppk_to_offer(const struct ike_sa *sa) { return wanted(sa)[0] && !any(wanted(sa)); }

static void ask(struct step *s)
{
	struct ike_sa *sa = s->sa;
	const struct secret *const keys[] = {&sa->sk_d, &sa->sk_pi, &sa->sk_pr};
	uint8_t octets[3 * SECRET_MAX];
	struct wr w = wr_init(octets, sizeof octets);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		wr_bytes(&w, keys[i]->b, keys[i]->len);
	const void *copy = act_copy(s, octets, w.len), *id = act_copy(s, sa->hs->ppk.id, sizeof sa->hs->ppk.id);
	wipe(octets, sizeof octets);
	wait_for(s->e, &sa->wait, IKE_FACT_MIXED);
	struct ike_act *a = act_add(s, IKE_ACT_PPK_MIX, sa->tun);
	a->ticket = sa->wait.ticket;
	a->mix.prf = sa->suite.prf;
	a->mix.id = id ? id : "";
	a->mix.keys = SPAN(copy, copy ? w.len : 0);
}

bool ppk_ask_i(struct step *s)
{
	struct handshake *hs = s->sa->hs;
	struct sbuf id = SB(hs->ppk.id);
	if (!hs->ppk.use)
		return false;
	sb_put(&id, wanted(s->sa));
	ask(s);
	return true;
}

bool ppk_take(struct step *s)
{
	struct handshake *hs = s->sa->hs;
	struct rd rd = rd_init(s->fact->octets.p, s->fact->octets.n);
	size_t n = prf_len(s->sa->suite.prf);
	if (s->fact->status != 0 || rd_left(&rd) != 3 * n)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(hs->ppk.mixed); i++) {
		if (!secret_set(&hs->ppk.mixed[i], rd_take(&rd, n), n))
			return false;
	}
	hs->ppk.has_mixed = true;
	return true;
}

/* Whoever asks us to set up an SA may name PPKs; only who is somebody may fill the log with them. */
static bool heard(struct step *s) { return !s->sa->half_open || note_allowed(s); }

void ppk_adopt(struct step *s)
{
	struct ike_sa *sa = s->sa;
	sa->sk_d = sa->hs->ppk.mixed[0];
	sa->sk_pi = sa->hs->ppk.mixed[1];
	sa->sk_pr = sa->hs->ppk.mixed[2];
	sa->ppk = true;
	if (heard(s))
		note(s, sa->tun, NOTE_CONTROL, "using PPK for PPK_ID '%s'", sa->hs->ppk.id);
}

bool ppk_keep_plain(struct ike_sa *sa, struct span auth)
{
	struct ppk_setup *p = &sa->hs->ppk;
	if (auth.n > sizeof p->plain_auth)
		return false;
	memcpy(p->plain_auth, auth.p, auth.n);
	p->plain_auth_len = (uint8_t)auth.n;
	return true;
}

void ppk_encode(const struct ike_sa *sa, struct ike_enc *enc)
{
	const struct handshake *hs = sa->hs;
	uint8_t id[1 + PPK_ID_MAX];
	size_t n = strlen(hs->ppk.id);
	if (!hs->ppk.has_mixed)
		return;
	id[0] = PPK_ID_FIXED;
	memcpy(id + 1, hs->ppk.id, n);
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_PPK_IDENTITY, SPAN(id, 1 + n));
	if (hs->ppk.plain_auth_len)
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NO_PPK_AUTH, SPAN(hs->ppk.plain_auth, hs->ppk.plain_auth_len));
}

bool ppk_answered(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	struct ike_notify n;
	bool used = has_notify(s, N_PPK_IDENTITY, &n);
	if (hs->ppk.has_mixed && used) {
		if (!sa->ppk)
			ppk_adopt(s);
		return true;
	}
	if (sa->tun->t->ppk_required) {
		fail(s, 0, "the peer does not know PPK '%s', and ours is required", hs->ppk.id);
		return false;
	}
	if (hs->ppk.has_mixed)
		note(s, sa->tun, NOTE_CONTROL, "the peer does not know PPK '%s', going on without", hs->ppk.id);
	return true;
}

/* --- responder --- */

/* The name of the peer's PPK, "" for none that could be one of ours. False: it named none at all. */
static bool read_id(struct step *s, char out[PPK_ID_MAX + 1])
{
	struct ike_notify n;
	memset(out, 0, PPK_ID_MAX + 1);
	if (!s->sa->hs->ppk.use || !has_notify(s, N_PPK_IDENTITY, &n))
		return false;
	struct rd rd = rd_init(n.data.p, n.data.n);
	uint8_t type = rd_u8(&rd);
	size_t len = rd_left(&rd);
	if (type == PPK_ID_FIXED && len <= PPK_ID_MAX)
		rd_copy(&rd, out, len);
	if (strlen(out) != len) /* a NUL in it */
		memset(out, 0, PPK_ID_MAX + 1);
	return true;
}

enum verdict ppk_without(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct handshake *hs = sa->hs;
	char id[4 * PPK_ID_MAX + 1];
	struct sbuf b = SB(id);
	sb_escape(&b, hs->ppk.id, strlen(hs->ppk.id));
	if (sa->tun->t->ppk_required && hs->ppk.named)
		return fail(s, N_AUTHENTICATION_FAILED, "PPK '%s' of the peer is not known here, and one is required", id);
	if (sa->tun->t->ppk_required)
		return fail(s, N_AUTHENTICATION_FAILED, "no PPK: the peer does not support it and ours is required");
	if (hs->ppk.named && hs->ppk.plain_auth_len == 0)
		return fail(s, N_AUTHENTICATION_FAILED, "PPK '%s' of the peer is not known here, and it insists", id);
	if (!hs->ppk.named)
		return V_DONE;
	/* RFC 8784 3: the AUTH value for this case takes the place of the other. */
	if (!blob_set(s->e, &hs->auth, hs->ppk.plain_auth, hs->ppk.plain_auth_len))
		return fail(s, N_AUTHENTICATION_FAILED, "no memory");
	if (heard(s))
		note(s, sa->tun, NOTE_CONTROL, "PPK '%s' of the peer is not known here, going on without", id);
	return V_DONE;
}

enum verdict ppk_ask_r(struct step *s, bool *asked)
{
	struct handshake *hs = s->sa->hs;
	struct ike_notify n;
	const char *want = wanted(s->sa);
	*asked = false;
	hs->ppk.named = read_id(s, hs->ppk.id);
	if (hs->ppk.named && has_notify(s, N_NO_PPK_AUTH, &n) && n.data.n > 0)
		(void)ppk_keep_plain(s->sa, n.data);
	if (!hs->ppk.id[0] || !want[0] || (!any(want) && strcmp(want, hs->ppk.id) != 0))
		return ppk_without(s);
	*asked = true;
	ask(s);
	return V_DONE;
}
