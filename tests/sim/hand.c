/* Messages made by hand. See hand.h. */
#include "hand.h"

#include <stdlib.h>
#include <string.h>

struct ike_sa *hand_sa(struct sim_node *n, uint8_t state)
{
	struct ike_sa *found = NULL;
	LIST_EACH (it, tmp, &n->ike->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (sa->state == state)
			found = sa;
	}
	return found;
}

struct ike_sa *hand_sa_by_spi(struct sim_node *n, uint64_t spi_i)
{
	LIST_EACH (it, tmp, &n->ike->sas) {
		struct ike_sa *sa = LIST_ENTRY(it, struct ike_sa, link);
		if (sa->spi_i == spi_i)
			return sa;
	}
	return NULL;
}

struct child *hand_child(struct sim_node *n, uint8_t state)
{
	struct child *found = NULL;
	LIST_EACH (it, tmp, &n->ike->sas) {
		LIST_EACH (jt, tmp2, &LIST_ENTRY(it, struct ike_sa, link)->children) {
			struct child *c = LIST_ENTRY(jt, struct child, link);
			if (c->state == state && (!found || c->id > found->id))
				found = c;
		}
	}
	return found;
}

bool hand_open(struct sim *s, const struct sk_keys *k, const uint8_t *p, size_t n, struct hand *out)
{
	struct ike_payloads pl;
	uint8_t buf[HAND_MAX], *data;
	size_t len, plain;
	if (n > sizeof buf || ike_hdr_decode(SPAN(p, n), &out->h) != WIRE_OK)
		return false;
	memcpy(buf, p, n);
	if (ike_payloads_decode(out->h.next, SPAN(buf + IKE_HDR_LEN, n - IKE_HDR_LEN), &pl) != WIRE_OK)
		return false;
	const struct ike_payload *sk = ike_payload_find(&pl, P_SK);
	if (!sk || sk_open(s->crypto, k, buf, (size_t)(sk->body.p - buf), n, &data, &len) != 0 ||
	    ike_sk_unpad(data, len, &plain) != WIRE_OK)
		return false;
	out->first = pl.sk_next;
	out->n = plain;
	memcpy(out->plain, data, plain);
	return true;
}

bool hand_payloads(const struct hand *h, struct ike_payloads *out)
{
	return ike_payloads_decode(h->first, SPAN(h->plain, h->n), out) == WIRE_OK;
}

size_t hand_seal(struct sim *s, const struct sk_keys *k, const struct hand *h, uint8_t *out)
{
	struct wr w = wr_init(out, HAND_MAX + 256);
	size_t iv = sk_iv_len(k), block = max_z(sk_block(k), 1), pad = (block - (h->n + 1) % block) % block;
	wr_u64(&w, h->h.spi_i);
	wr_u64(&w, h->h.spi_r);
	wr_u8(&w, P_SK);
	wr_u8(&w, (unsigned)(h->h.major << 4 | h->h.minor));
	wr_u8(&w, h->h.exchange);
	wr_u8(&w, h->h.flags);
	wr_u32(&w, h->h.msg_id);
	wr_u32(&w, 0);
	wr_u8(&w, h->first);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	size_t aad = w.len;
	wr_space(&w, iv);
	wr_bytes(&w, h->plain, h->n);
	wr_space(&w, pad);
	wr_u8(&w, (unsigned)pad);
	size_t data = w.len - aad - iv;
	wr_space(&w, sk_icv_len(k));
	wr_put_u32(&w, IKE_HDR_LEN - 4, w.len);
	wr_put_u16(&w, IKE_HDR_LEN + 2, w.len - IKE_HDR_LEN);
	if (!wr_ok(&w) || sk_seal(s->crypto, &s->rng.rng, k, out, aad, data) != 0)
		abort();
	return w.len;
}

void hand_begin(struct hand_enc *e, struct hand *h)
{
	e->h = h;
	e->w = wr_init(e->buf, sizeof e->buf);
	ike_enc_begin(&e->enc, &e->w, &h->h);
}

bool hand_end(struct hand_enc *e)
{
	struct ike_hdr h;
	ike_enc_finish(&e->enc);
	if (!wr_ok(&e->w) || ike_hdr_decode(SPAN(e->buf, e->w.len), &h) != WIRE_OK)
		return false;
	e->h->first = h.next;
	e->h->n = e->w.len - IKE_HDR_LEN;
	memcpy(e->h->plain, e->buf + IKE_HDR_LEN, e->h->n);
	return true;
}

void hand_filter(struct hand *h, bool (*drop)(uint8_t type, struct span body))
{
	struct ike_payloads pl;
	uint8_t out[HAND_MAX];
	struct wr w = wr_init(out, sizeof out);
	size_t link = SIZE_MAX;
	if (!hand_payloads(h, &pl))
		abort();
	uint8_t first = P_NONE;
	for (size_t i = 0; i < pl.n; i++) {
		if (drop(pl.v[i].type, pl.v[i].body))
			continue;
		if (link == SIZE_MAX)
			first = pl.v[i].type;
		else
			wr_put_u8(&w, link, pl.v[i].type);
		link = w.len;
		wr_u8(&w, P_NONE);
		wr_u8(&w, pl.v[i].critical ? 0x80 : 0);
		wr_u16(&w, (unsigned)(pl.v[i].body.n + IKE_GENERIC_LEN));
		wr_bytes(&w, pl.v[i].body.p, pl.v[i].body.n);
	}
	if (!wr_ok(&w))
		abort();
	h->first = first;
	h->n = w.len;
	memcpy(h->plain, out, w.len);
}

struct ike_hdr hand_request(const struct ike_sa *sa, uint8_t exchange)
{
	return (struct ike_hdr){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = 2,
		.exchange = exchange,
		.flags = sa->initiator ? IKE_F_INITIATOR : 0,
		.msg_id = sa->tx_id,
	};
}

/* --- asking --- */

struct wanted {
	struct sim *s;
	const struct sk_keys *rx;
	struct ike_hdr h;
	struct hand *answer;
	bool got;
};

static bool listen(struct sim *s, struct sim_packet *p)
{
	struct wanted *w = s->arg;
	struct hand got;
	if (!p->response || p->exchange != w->h.exchange || p->msg_id != w->h.msg_id ||
	    !hand_open(s, w->rx, p->p, p->n, &got))
		return true;
	*w->answer = got;
	w->got = true;
	return false;
}

bool hand_ask_with(struct sim_node *n, const struct endpoint *src, const struct endpoint *dst, const struct sk_keys *tx,
                   const struct sk_keys *rx, struct hand *h, struct hand *answer)
{
	struct sim *s = n->sim;
	uint8_t out[HAND_MAX + 256];
	struct wanted w = {.s = s, .rx = rx, .h = h->h, .answer = answer};
	struct endpoint inner;
	struct sim_node *to = sim_route(s, dst, &inner);
	bool (*tap)(struct sim * s, struct sim_packet * p) = s->tap;
	void *arg = s->arg;
	size_t len = hand_seal(s, tx, h, out);
	s->tap = listen;
	s->arg = &w;
	sim_inject(to, src, &inner, inner.port == 4500, out, len);
	sim_run(s, DUR_S(1));
	s->tap = tap;
	s->arg = arg;
	return w.got;
}

bool hand_ask(struct sim_node *n, struct ike_sa *sa, struct hand *h, struct hand *answer)
{
	struct endpoint src = {.addr = sim_public(n), .port = sa->local.port};
	struct sk_keys tx = sa->tx, rx = sa->rx;
	sa->tx_id++;
	return hand_ask_with(n, &src, &sa->remote, &tx, &rx, h, answer);
}

bool hand_notify(const struct hand *h, uint16_t type, struct ike_notify *out)
{
	struct ike_payloads pl;
	if (!hand_payloads(h, &pl))
		return false;
	for (size_t i = 0; i < pl.n; i++) {
		if (pl.v[i].type == P_N && ike_notify_decode(pl.v[i].body, out) == WIRE_OK && out->type == type)
			return true;
	}
	return false;
}

static void put_cookie(struct ike_enc *enc, const uint8_t *cookie)
{
	ike_enc_notify(enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE, SPAN(cookie, 33));
}

void hand_init(struct sim_node *to, const struct endpoint *src, const struct proposals *offered, uint64_t spi, uint8_t nonce,
               const uint8_t *cookie, bool cookie_first)
{
	uint8_t buf[1024], ni[32], pub[DH_PUBLIC_MAX];
	struct wr w = wr_init(buf, sizeof buf);
	struct ike_enc enc;
	struct dh_private dh;
	struct proposals offer;
	struct endpoint dst = {.addr = to->addr, .port = 500};
	struct ike_hdr h = {.spi_i = spi, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_F_INITIATOR};
	uint16_t group = proposals_first_group(offered);
	memset(ni, nonce, sizeof ni);
	if (dh_generate(to->sim->crypto, &to->sim->rng.rng, group, &dh, pub) != 0)
		abort();
	proposals_prepare(offered, PROTO_IKE, 0, 0, true, &offer);
	ike_enc_begin(&enc, &w, &h);
	if (cookie && cookie_first)
		put_cookie(&enc, cookie);
	ike_enc_sa(&enc, &offer);
	ike_enc_ke(&enc, group, SPAN(pub, dh_public_len(group)));
	ike_enc_nonce(&enc, SPAN(ni, sizeof ni));
	if (cookie && !cookie_first)
		put_cookie(&enc, cookie);
	ike_enc_finish(&enc);
	if (!wr_ok(&w))
		abort();
	sim_inject(to, src, &dst, false, buf, w.len);
	sim_run(to->sim, DUR_MS(1));
}

size_t hand_seal_skf(struct sim *s, const struct sk_keys *k, const struct ike_hdr *h, uint8_t first, uint16_t number,
                     uint16_t total, struct span piece, uint8_t *out)
{
	struct wr w = wr_init(out, HAND_MAX + 256);
	struct ike_enc enc;
	size_t aad, data;
	ike_enc_begin(&enc, &w, h);
	ike_enc_skf_begin(&enc, first, number, total, sk_iv_len(k));
	ike_enc_octets(&enc, piece);
	ike_enc_sk_end(&enc, sk_block(k), sk_icv_len(k), &aad, &data);
	if (!wr_ok(&w) || sk_seal(s->crypto, &s->rng.rng, k, out, aad, data) != 0)
		abort();
	return w.len;
}
