/* Message IDs, retransmission, the response cache (RFC 7296 2.1-2.4). The window is 1 in both directions.
 * A response is kept until the next request and sent again bit by bit; a request is kept until its response. What is in
 * fragments is kept and sent as all of them. */
#include "ike/ike_int.h"

#include <string.h>

/* Seconds between sends: timeout * base^tries, with an upper limit. */
dur_t window_interval(const struct conf_setup *c, uint32_t tries)
{
	double d = (double)c->retransmit.timeout;
	for (uint32_t i = 0; i < tries && d < (double)DUR_S(3600); i++)
		d *= c->retransmit.base;
	if (c->retransmit.limit > 0 && d > (double)c->retransmit.limit)
		d = (double)c->retransmit.limit;
	return (dur_t)d;
}

dur_t ike_patience(const struct conf_setup *c)
{
	dur_t d = 0;
	for (uint32_t i = 0; i <= c->retransmit.tries && d < DUR_S(86400); i++)
		d += window_interval(c, i);
	return d;
}

bool window_free(const struct ike_sa *sa) { return sa->req.msg.p == NULL; }

void out_begin(struct step *s, struct out *o, uint8_t exchange, bool response, uint32_t msg_id)
{
	struct ike_sa *sa = s->sa;
	struct ike_hdr h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = 2,
		.exchange = exchange,
		.flags = (uint8_t)((sa->initiator ? IKE_F_INITIATOR : 0) | (response ? IKE_F_RESPONSE : 0)),
		.msg_id = msg_id,
	};
	*o = (struct out){.hdr = h, .exchange = exchange, .response = response, .sealed = exchange != IKE_SA_INIT};
	o->w = wr_init(s->e->buf, sizeof s->e->buf);
	ike_enc_begin(&o->enc, &o->w, &h);
	if (o->sealed)
		ike_enc_sk_begin(&o->enc, sk_iv_len(&sa->tx));
}

static bool out_finish(struct step *s, struct out *o, struct blob *to)
{
	impair_payloads(s, o);
	if (o->sealed)
		return frag_seal(s, o, to);
	ike_enc_finish(&o->enc);
	return wr_ok(&o->w) && blob_set(s->e, to, s->e->buf, o->w.len);
}

static void send_datagram(struct step *s, const struct natd_way *way, struct span d)
{
	struct ike_sa *sa = s->sa;
	const void *copy = act_copy(s, d.p, d.n);
	if (!copy)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_SEND, sa->tun);
	a->send.local = way->local;
	a->send.remote = way->remote;
	a->send.natt_port = way->natt;
	a->send.data = SPAN(copy, d.n);
	s->e->n.packets_out++;
}

void window_send(struct step *s, const struct blob *msg)
{
	struct ike_sa *sa = s->sa;
	const struct natd_way way = natd_way(sa, msg == &sa->response);
	for (struct rd run = rd_init(msg->p, msg->n); rd_left(&run);)
		send_datagram(s, &way, frag_next(&run));
	sa->last_out = s->now;
	if (sa->due[T_KEEPALIVE] != MONO_NEVER && s->e->setup.keep_alive > 0)
		sa_due(s->e, sa, T_KEEPALIVE, mono_add(s->now, s->e->setup.keep_alive));
}

/* Shortened at random, so that many hosts do not repeat in step. */
static dur_t jittered(struct step *s, dur_t d)
{
	uint64_t most = (uint64_t)d / 100 * s->e->setup.retransmit.jitter_percent;
	return most ? d - (dur_t)rng_below(s->e->rng, most + 1) : d;
}

bool out_request(struct step *s, struct out *o)
{
	struct ike_sa *sa = s->sa;
	if (BUG(!window_free(sa)) || !out_finish(s, o, &sa->req.msg))
		return false;
	sa->req.exchange = o->exchange;
	sa->req.tries = 0;
	sa->req.first = s->now;
	sa->req.is_delete = sa->req.is_liveness = sa->req.is_update = sa->req.asks_cookie2 = false;
	sa->req.is_ike_rekey = false;
	sa->req.child = sa->req.spi = sa->req.gone_spi = 0;
	sa_due(s->e, sa, T_RETRANSMIT, mono_add(s->now, jittered(s, window_interval(&s->e->setup, 0))));
	window_send(s, &sa->req.msg);
	return true;
}

bool out_response(struct step *s, struct out *o)
{
	struct ike_sa *sa = s->sa;
	if (!out_finish(s, o, &sa->response))
		return false;
	sa->response_to = sa->rx_hash;
	sa->resent = 0;
	sa->rx_id++;
	sa->rx_busy = false;
	window_send(s, &sa->response);
	return true;
}

void window_answered(struct step *s)
{
	struct ike_sa *sa = s->sa;
	blob_free(s->e, &sa->req.msg);
	sa->tx_id++;
	sa->n_del -= sa->n_asked;
	memmove(sa->del_queue, sa->del_queue + sa->n_asked, sa->n_del * sizeof sa->del_queue[0]);
	sa->n_asked = 0;
	sa_due(s->e, sa, T_RETRANSMIT, MONO_NEVER);
}

/* A liveness check must be over within dpddelay, whatever the retransmission settings say. */
static dur_t liveness_interval(const struct ike_sa *sa)
{
	dur_t half = sa->tun->t->dpd_delay / 2;
	/* 1, 2, 4, 8 fifteenths of what is left. */
	return half / 15 << (sa->req.tries < 4 ? sa->req.tries : 3);
}

/* Not after a reload that turned the checks off: then it is a request like any other. */
static bool is_liveness(const struct ike_sa *sa)
{
	return sa->req.is_liveness && sa->tun->t->dpd_action != DPD_NONE && sa->tun->t->dpd_delay > 0;
}

static bool given_up(const struct step *s)
{
	const struct ike_sa *sa = s->sa;
	if (is_liveness(sa))
		return s->now >= mono_add(sa->req.first, sa->tun->t->dpd_delay / 2) || sa->req.tries >= 4;
	return sa->req.is_update ? mobike_given_up(sa) : sa->req.tries >= s->e->setup.retransmit.tries;
}

void window_retransmit(struct step *s)
{
	struct ike_sa *sa = s->sa;
	if (window_free(sa)) {
		sa_due(s->e, sa, T_RETRANSMIT, MONO_NEVER);
		return;
	}
	if (given_up(s)) {
		sa_due(s->e, sa, T_RETRANSMIT, MONO_NEVER);
		step_run(s, EV_GIVE_UP);
		return;
	}
	sa->req.tries++;
	s->e->n.retransmits_out++;
	note(s, sa->tun, NOTE_CONTROL, "retransmit %u of request with message ID %u", sa->req.tries, sa->tx_id);
	if (sa->req.tries % 2)
		roam_ask_other(s);
	if (sa->req.tries >= FRAG_PATIENCE)
		(void)frag_smaller(s, &sa->req.msg);
	dur_t wait = is_liveness(sa)     ? liveness_interval(sa)
	             : sa->req.is_update ? mobike_interval(sa)
	                                 : jittered(s, window_interval(&s->e->setup, sa->req.tries));
	mono_t next = mono_add(s->now, wait);
	if (is_liveness(sa)) /* fifteenths are rounded down */
		next = mono_min(next, mono_add(sa->req.first, sa->tun->t->dpd_delay / 2));
	sa_due(s->e, sa, T_RETRANSMIT, next);
	window_send(s, &sa->req.msg);
}

void respond_error(struct step *s, uint16_t notify)
{
	struct out o;
	uint8_t exchange = s->sa->rx_exchange;
	out_begin(s, &o, exchange, true, s->sa->rx_id);
	uint8_t group[2] = {(uint8_t)(s->fail_group >> 8), (uint8_t)s->fail_group};
	uint8_t critical = s->pl ? s->pl->unknown_critical : 0;
	struct span data = notify == N_INVALID_KE_PAYLOAD             ? SPAN(group, 2)
	                   : notify == N_UNSUPPORTED_CRITICAL_PAYLOAD ? SPAN(&critical, 1)
	                                                              : SPAN(NULL, 0);
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), notify, data);
	if (!out_response(s, &o)) {
		s->sa->rx_busy = false; /* the peer asks again */
		s->e->n.dropped_malformed++;
	}
}

bool strangers_spent(const struct ike *e, mono_t now)
{
	return e->clears_left == 0 && now - e->clear_second < DUR_S(1);
}

bool stranger_spends(struct ike *e, mono_t now)
{
	if (now - e->clear_second >= DUR_S(1)) {
		e->clear_second = now;
		e->clears_left = STRANGERS_A_SECOND;
	}
	return e->clears_left > 0 && e->clears_left--;
}

/* Errors to strangers: at most a hundred a second; cookies are not errors, floods are what they are for. */
void respond_clear(struct step *s, uint16_t type, struct span data)
{
	uint8_t buf[128];
	struct wr w = wr_init(buf, sizeof buf);
	struct ike_enc enc;
	struct ike_hdr h = {
		.spi_i = s->hdr.spi_i,
		.spi_r = s->hdr.spi_r,
		.major = 2,
		.exchange = s->hdr.exchange,
		.flags = IKE_F_RESPONSE,
		.msg_id = s->hdr.msg_id,
	};
	ike_enc_begin(&enc, &w, &h);
	ike_enc_notify(&enc, PROTO_NONE, SPAN(NULL, 0), type, data);
	ike_enc_finish(&enc);
	/* Nobody's traffic grows here on its way to somebody else. */
	if (!wr_ok(&w) || w.len > s->d->data.n || (type != N_COOKIE && !stranger_spends(s->e, s->now)))
		return;
	const void *copy = act_copy(s, buf, w.len);
	if (!copy)
		return;
	struct ike_act *a = act_add(s, IKE_ACT_SEND, NULL);
	a->send.local = s->d->local;
	a->send.remote = s->d->remote;
	a->send.natt_port = s->d->natt_port;
	a->send.data = SPAN(copy, w.len);
	s->e->n.packets_out++;
}
