/* MOBIKE (RFC 4555): which addresses an IKE SA uses and who may change them. The original initiator decides. Both ends say which other
 * addresses they have; an UPDATE_SA_ADDRESSES moves the SA to the addresses that it came with; COOKIE2 shows that who answers
 * there has read the question.
 *
 * RFC 4555 has tunnel mode in mind, where addresses change and selectors do not. In transport mode the addresses are the
 * selectors: those of a child SA that are its IKE SA's addresses follow them, at both ends (HACKING, "Roaming").
 *
 * Which way there is to a peer, and what happens when it changes, is roam.c's. Called by the exchanges and by sa_pump(). */
#include "ike/ike_int.h"

#include <string.h>

enum { ADDITIONAL_MAX = 8, UPDATE_TRIES = 3, COOKIE2_MIN = 8, COOKIE2_MAX = 64 };

/* --- what both ends say of themselves --- */

static void put_addresses(struct step *s, struct ike_enc *enc, bool none_too)
{
	const struct ike *e = s->e;
	uint32_t n = 0;
	for (uint32_t i = 0; i < e->n_local && n < ADDITIONAL_MAX; i++) {
		const struct addr *a = &e->local[i];
		if (addr_eq(a, &s->sa->local.addr))
			continue;
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0),
		               a->family == AF_V4 ? N_ADDITIONAL_IP4_ADDRESS : N_ADDITIONAL_IP6_ADDRESS,
		               SPAN(a->b, addr_len(a)));
		n++;
	}
	if (n == 0 && none_too)
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_NO_ADDITIONAL_ADDRESSES, SPAN(NULL, 0));
}

void mobike_offer(struct step *s, struct ike_enc *enc)
{
	if (!s->sa->tun->t->mobike || (!s->sa->initiator && !s->sa->ways.mobike))
		return;
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_MOBIKE_SUPPORTED, SPAN(NULL, 0));
	put_addresses(s, enc, false);
}

/* RFC 4555 3.4, 3.6: a new list takes the place of the old one. False: there is none in this message. */
static bool take_addresses(struct step *s)
{
	struct ways *w = &s->sa->ways;
	struct ike_notify n;
	uint8_t found = 0;
	bool told = has_notify(s, N_NO_ADDITIONAL_ADDRESSES, &n);
	for (size_t i = 0; i < s->pl->n; i++) {
		if (s->pl->v[i].type != P_N || ike_notify_decode(s->pl->v[i].body, &n) != WIRE_OK)
			continue;
		size_t len = n.type == N_ADDITIONAL_IP4_ADDRESS ? 4 : n.type == N_ADDITIONAL_IP6_ADDRESS ? 16 : 0;
		if (len == 0 || n.data.n != len)
			continue;
		told = true;
		struct addr a = addr_from(n.data.p, len);
		if (a.family == s->sa->remote.addr.family && !addr_is_any(&a) && found < ARRAY_LEN(w->other))
			w->other[found++] = a;
	}
	if (told) {
		w->n_other = found;
		w->other_ok = false;
	}
	return told;
}

/* IKE_AUTH: nothing of it counts before the peer is authenticated, and then only as much as the peer itself says. */
void mobike_agree(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ike_notify n;
	sa->ways.mobike = sa->tun->t->mobike && has_notify(s, N_MOBIKE_SUPPORTED, &n);
	if (sa->ways.mobike)
		(void)take_addresses(s);
}

void mobike_inherit(struct step *s, struct ike_sa *sa, struct ike_sa *old)
{
	sa->ways = old->ways;
	sa->ways.seen_known = false; /* the hashes have the SPIs in them */
	sa->ways.asks_other = sa->ways.other_ok = false;
	/* The old one goes on for itself: the peer may still have to find us in it. */
	sa_due(s->e, sa, T_WAY, old->way.ticket ? s->now : old->due[T_WAY]);
}

/* --- requests of ours --- */

bool mobike_waits(const struct ike_sa *sa)
{
	return sa->ways.send_update || sa->ways.send_list || sa->ways.send_cookie2;
}

void mobike_send(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	struct out o;
	out_begin(s, &o, INFORMATIONAL, false, sa->tx_id);
	if (w->send_update) {
		ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_UPDATE_SA_ADDRESSES, SPAN(NULL, 0));
		natd_encode(s, &o.enc, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
	}
	if (w->send_list || w->send_update)
		put_addresses(s, &o.enc, true);
	rng_fill(s->e->rng, w->cookie2, sizeof w->cookie2); /* RFC 4555 3.7 */
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE2, SPAN(w->cookie2, sizeof w->cookie2));
	if (!out_request(s, &o))
		return;
	sa->req.asks_cookie2 = true;
	sa->req.is_update = w->send_update || w->send_list;
	w->send_update = w->send_list = w->send_cookie2 = false;
	if (sa->req.is_update)
		sa_due(s->e, sa, T_RETRANSMIT, mono_add(s->now, mobike_interval(sa)));
}

/* 1, 2, 4, 8 s: where the peer cannot be told, the tunnel is set up anew. */
dur_t mobike_interval(const struct ike_sa *sa) { return DUR_S(1) << (sa->req.tries < UPDATE_TRIES ? sa->req.tries : UPDATE_TRIES); }

bool mobike_given_up(const struct ike_sa *sa) { return sa->req.tries >= UPDATE_TRIES; }

/* A liveness check from behind a NAT asks as well whether the peer still sees us where it did (RFC 4555 3.8). */
void mobike_ask_mapping(struct step *s, struct ike_enc *enc)
{
	struct ike_sa *sa = s->sa;
	if (sa->ways.mobike && sa->ways.decides && sa->nat_here)
		natd_encode(s, enc, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
}

/* Whether the peer sees us under another endpoint than before; at the first time nobody knows, and it is told to be sure. */
static bool mapping_changed(struct step *s)
{
	struct ways *w = &s->sa->ways;
	struct ike_notify n;
	if (!has_notify(s, N_NAT_DETECTION_DESTINATION_IP, &n) || n.data.n != sizeof w->seen)
		return false;
	bool changed = !w->seen_known || memcmp(w->seen, n.data.p, sizeof w->seen) != 0;
	memcpy(w->seen, n.data.p, sizeof w->seen);
	w->seen_known = true;
	return changed;
}

static void update_answered(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ike_notify n;
	char a[ADDR_TEXT], b[ADDR_TEXT];
	if (error_notify(s, &n)) {
		const char *name = ike_notify_name(n.type);
		note(s, sa->tun, NOTE_CONTROL, "received %s notify error", name ? name : "unknown");
		sa->restart = true;
		sa_drop(s, sa, "the peer does not accept our new address");
		return;
	}
	if (mobike_waits(sa)) /* it has changed once more */
		return;
	if (sa->ways.decides && has_notify(s, N_NAT_DETECTION_DESTINATION_IP, &n)) {
		natd_detect(s);
		(void)mapping_changed(s);
	}
	note(s, sa->tun, NOTE_CONTROL, "IKE_SA %s[%u] has moved to %s...%s", ike_tun_name(sa->tun), sa->id,
	     addr_str(&sa->local.addr, a), addr_str(&sa->remote.addr, b));
	natd_settle(s);
}

/* Whether the answer came from another of the peer's addresses than asked last, or first: then these two change places. Or from another
 * port of its NAT. */
static bool other_answers(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	if (!w->mobike || !w->decides || endpoint_eq(&s->d->remote, &sa->remote))
		return false;
	if (addr_eq(&s->d->remote.addr, &sa->remote.addr))
		return sa->nat_there && !sa->req.is_update; /* once: a NAT may have many ports */
	for (uint8_t i = 0; i < w->n_other; i++) {
		if (!addr_eq(&w->other[i], &s->d->remote.addr))
			continue;
		w->other[i] = sa->remote.addr;
		return true;
	}
	return false;
}

void mobike_answer(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ways *w = &sa->ways;
	struct ike_notify n;
	if (sa->req.asks_cookie2 &&
	    (!has_notify(s, N_COOKIE2, &n) || n.data.n != sizeof w->cookie2 || memcmp(n.data.p, w->cookie2, n.data.n) != 0)) {
		/* RFC 4555 3.7 */
		sa->restart = true;
		sa_drop(s, sa, "an answer without the COOKIE2 that we sent: somebody stands in between");
		return;
	}
	if (other_answers(s)) {
		roam_use(s, &s->d->local.addr, &s->d->remote);
	} else if (sa->req.is_update) {
		update_answered(s);
	} else if (w->mobike && w->decides && mapping_changed(s)) {
		note(s, sa->tun, NOTE_MORE, "the NAT may have changed our endpoint, telling the peer");
		w->send_update = true;
	}
}

/* --- requests of the peer --- */

/* The addresses as the sender saw them (RFC 4555 3.9). */
static bool no_nat_between(const struct step *s, struct span data)
{
	uint8_t want[2 * 16 + 4];
	struct wr w = wr_init(want, sizeof want);
	const struct endpoint *from = &s->d->remote, *to = &s->d->local;
	wr_bytes(&w, from->addr.b, addr_len(&from->addr));
	wr_bytes(&w, to->addr.b, addr_len(&to->addr));
	wr_u16(&w, from->port);
	wr_u16(&w, to->port);
	return data.n == w.len && memcmp(data.p, want, w.len) == 0;
}

uint16_t mobike_ask(const struct step *s, bool *moves)
{
	const struct ike_sa *sa = s->sa;
	struct ike_notify n;
	*moves = false;
	if (!sa->ways.mobike || !has_notify(s, N_UPDATE_SA_ADDRESSES, &n))
		return 0;
	/* RFC 4555 3.5: only the original initiator may; and nothing goes on that has come through a tunnel. */
	if (sa->ways.decides || !roam_ours(s->e, sa, &s->d->local.addr))
		return N_UNACCEPTABLE_ADDRESSES;
	if (has_notify(s, N_NO_NATS_ALLOWED, &n) && !no_nat_between(s, n.data))
		return N_UNEXPECTED_NAT_DETECTED;
	*moves = true;
	return 0;
}

void mobike_reply(struct step *s, struct ike_enc *enc)
{
	const struct ike_sa *sa = s->sa;
	struct ike_notify n;
	if (!sa->ways.mobike)
		return;
	if (has_notify(s, N_NAT_DETECTION_SOURCE_IP, &n))
		natd_encode(s, enc, sa->spi_i, sa->spi_r, &s->d->local, &s->d->remote);
	if (has_notify(s, N_COOKIE2, &n) && n.data.n >= COOKIE2_MIN && n.data.n <= COOKIE2_MAX)
		ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE2, n.data);
}

static void move(struct step *s)
{
	struct ike_sa *sa = s->sa;
	struct ike_notify n;
	char a[ADDR_TEXT], b[ADDR_TEXT];
	bool elsewhere = !addr_eq(&sa->remote.addr, &s->d->remote.addr);
	if (has_notify(s, N_NAT_DETECTION_SOURCE_IP, &n))
		natd_detect(s);
	sa->local = s->d->local;
	sa->remote = s->d->remote;
	sa->natt_port = s->d->natt_port;
	sa->ways.stranded = false;
	note(s, sa->tun, NOTE_CONTROL, "the peer has moved IKE_SA %s[%u] to %s...%s", ike_tun_name(sa->tun), sa->id,
	     addr_str(&sa->local.addr, a), addr_str(&sa->remote.addr, b));
	natd_settle(s);
	sa->ways.send_cookie2 |= elsewhere;
}

void mobike_commit(struct step *s, bool moves)
{
	struct ike_sa *sa = s->sa;
	if (!sa->ways.mobike)
		return;
	bool list = take_addresses(s);
	if (moves)
		move(s);
	else if (list && sa->ways.decides && !addr_eq(&s->d->remote.addr, &sa->remote.addr) &&
	         roam_ours(s->e, sa, &s->d->local.addr))
		roam_use(s, &s->d->local.addr, &s->d->remote); /* it has lost the address that we know (RFC 4555 3.6) */
}
