/* Sessions of bgp/: the handlers of the table in fsm.c, the timers, and what decides whether a session is wanted at all. A
 * handler cannot fail: what is wrong with a message was found before its event was fed (m_*.c). Called by fsm.c, engine.c,
 * peers.c. */
#include "bgp/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPEN_HOLD DUR_S(240)     /* RFC 4271 8.2.2: "a large value", 4 minutes suggested */
#define IDLE_FIRST DUR_MS(100)
#define IDLE_MOST DUR_S(60)
#define RETRY_FIRST DUR_S(1)

enum { NOTES_AT_ONCE = 8, CEASE_TEXT_MAX = 255 };

/* --- small things --- */

static struct bgp_fsm *twin(struct bgp_fsm *f) { return &f->peer->session->fsm[f->incoming ? 0 : 1]; }

void session_set_timer(struct bgp *b, struct bgp_timer *t, dur_t in)
{
	heap_set(&b->timers, &t->t, in > 0 ? mono_add(b->now, in) : MONO_NEVER);
}

dur_t session_jitter(struct bgp *b, dur_t d)
{
	return d - (dur_t)rng_below(b->env.rng, (uint64_t)(d / 4) + 1);
}

static void clear_timers(struct bgp *b, struct bgp_fsm *f)
{
	for (uint8_t i = 0; i < T_FSM_N; i++)
		session_set_timer(b, &f->timer[i], 0);
}

static bool may_note(struct bgp *b, struct bgp_session *s)
{
	if (b->now - s->note_at >= DUR_S(10)) {
		int64_t more = (b->now - s->note_at) / DUR_S(10);
		s->notes_left = (uint8_t)(more > NOTES_AT_ONCE - s->notes_left ? NOTES_AT_ONCE : s->notes_left + more);
		s->note_at = b->now;
	}
	if (s->notes_left == 0) {
		s->notes_lost++;
		return false;
	}
	s->notes_left--;
	return true;
}

void session_note(struct bgp *b, struct bgp_peer *p, const char *fmt, ...)
{
	char text[200], addr[ADDR_TEXT], lost[48] = "";
	va_list ap;
	if (!may_note(b, p->session))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (p->session->notes_lost)
		(void)snprintf(lost, sizeof lost, " (%u notes left out)", p->session->notes_lost);
	p->session->notes_lost = 0;
	act_note(b, 1, "neighbor %s%s%s%s: %s%s", addr_str(&p->address, addr), p->host[0] ? "(" : "", p->host,
	         p->host[0] ? ")" : "", text, lost);
}

void session_init(struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	for (uint8_t i = 0; i < 2; i++) {
		s->fsm[i].peer = p;
		s->fsm[i].incoming = i == 1;
		for (uint8_t k = 0; k < T_FSM_N; k++)
			s->fsm[i].timer[k] = (struct bgp_timer){.t.tag = TAG_FSM, .owner = &s->fsm[i], .kind = k};
	}
	for (uint8_t k = 0; k < T_SESSION_N; k++)
		s->timer[k] = (struct bgp_timer){.t.tag = TAG_SESSION, .owner = p, .kind = k};
	list_init(&s->link);
	list_init(&s->gone_link);
	s->hindrance = HINDER_SYNC;
	s->notes_left = NOTES_AT_ONCE;
	for (size_t i = 0; i < BGP_AF_N; i++)
		s->refresh_at[i] = -DUR_S(3600);
}

/* --- beginning --- */

static dur_t connect_retry(const struct bgp *b, const struct bgp_peer *p)
{
	dur_t d = p->conf->connect_retry >= 0 ? p->conf->connect_retry : b->cb->connect_retry;
	return d > 0 ? d : DUR_S(120);
}

/* 1, 2, 4 ... seconds, at most the configured time. */
static dur_t retry_pause(struct bgp *b, struct bgp_peer *p)
{
	uint32_t n = p->session->connect_fails;
	dur_t d = RETRY_FIRST << (n < 10 ? n : 10), most = connect_retry(b, p);
	return session_jitter(b, d < most ? d : most);
}

static void drop_conn(struct bgp *b, struct bgp_fsm *f)
{
	if (f->conn)
		conn_close(b, f->conn);
}

static const struct route_link *named_link(const struct bgp *b, conf_ref name)
{
	const char *text = name ? conf_str(b->conf, name) : "";
	return text[0] ? nht_link_by_name(b, text) : NULL;
}

static void fill_call(struct bgp *b, struct bgp_peer *p, struct bgp_connect *call)
{
	const struct conf_bgp_peer *c = p->conf;
	const struct route_link *bound = named_link(b, c->interface), *from = named_link(b, c->update_source_if);
	uint32_t ifindex = 0;
	struct addr local = {0};
	*call = (struct bgp_connect){.remote = p->address, .port = c->port ? c->port : BGP_PORT, .md5 = c->password};
	bool connected = nht_connected(b, &p->address, &ifindex, &local);
	if (c->update_source.family == p->address.family)
		call->local = c->update_source;
	else if (from && nht_if_address(b, from->ifindex, &p->address, &local))
		call->local = local;
	else if (connected)
		call->local = local;
	call->ifindex = bound ? bound->ifindex : addr_link_local(&p->address) ? ifindex : 0;
	/* RFC 5082 3: what comes from further away than the hops allowed is not looked at. */
	call->ttl = c->gtsm_hops ? 255 : c->ttl ? c->ttl : p->external ? 1 : 255;
	call->min_ttl = c->gtsm_hops ? (uint8_t)(256 - c->gtsm_hops) : 0;
	const struct conf_bgp_peer *first = conf_at(b->conf, b->cb->peers, sizeof *first, 0);
	call->peer = (uint32_t)(c - first);
}

void fsm_connect(struct bgp_step *s)
{
	struct bgp *b = s->b;
	struct bgp_peer *p = s->f->peer;
	struct bgp_connect call;
	drop_conn(b, s->f);
	clear_timers(b, s->f);
	s->f->delay_over = false;
	session_set_timer(b, &p->session->timer[T_IDLE_HOLD], 0);
	session_set_timer(b, &p->session->timer[T_RETRY], session_jitter(b, connect_retry(b, p)));
	/* The peer's own call is on its way to an OPEN: ours would only collide with it. */
	if (p->session->fsm[1].state >= BGP_OPEN_SENT)
		return;
	fill_call(b, p, &call);
	(void)conn_open(b, s->f, &call); /* without memory: the timer tries again */
}

void fsm_listen(struct bgp_step *s)
{
	if (s->f->incoming)
		return;
	session_set_timer(s->b, &s->f->peer->session->timer[T_IDLE_HOLD], 0);
	session_set_timer(s->b, &s->f->peer->session->timer[T_RETRY], 0);
}

void fsm_delay(struct bgp_step *s)
{
	if (!s->f->incoming)
		session_set_timer(s->b, &s->f->peer->session->timer[T_RETRY], 0);
	session_set_timer(s->b, &s->f->timer[T_DELAY_OPEN], s->f->peer->conf->delay_open);
}

void fsm_open(struct bgp_step *s)
{
	struct bgp_fsm *f = s->f;
	f->delay_over = true;
	session_set_timer(s->b, &f->timer[T_DELAY_OPEN], 0);
	if (!f->incoming)
		session_set_timer(s->b, &f->peer->session->timer[T_RETRY], 0);
	f->hold = OPEN_HOLD;
	session_set_timer(s->b, &f->timer[T_HOLD], f->hold);
	m_open_send(s);
}

/* --- ending --- */

/* Both runs are at rest: when is the next try? */
static void again(struct bgp *b, struct bgp_fsm *f)
{
	struct bgp_peer *p = f->peer;
	struct bgp_session *s = p->session;
	if (twin(f)->state != BGP_IDLE || s->gone)
		return;
	if (p->dynamic && !s->kept)
		peer_gone(b, p);
	if (p->dynamic || s->hindrance != HINDER_NONE)
		return;
	uint32_t n = s->tries < 10 ? s->tries : 10;
	dur_t d = IDLE_FIRST << n;
	s->tries++;
	s->down_at = b->now;
	/* RFC 4271 8.1.1, DampPeerOscillations: each failure in a row waits longer. */
	session_set_timer(b, &s->timer[T_IDLE_HOLD], session_jitter(b, d < IDLE_MOST ? d : IDLE_MOST));
}

static void remember(struct bgp_step *s, bool notified)
{
	struct bgp_session *se = s->f->peer->session;
	struct sbuf w = SB(se->last_why);
	se->last_sent = notified;
	se->last_rcvd = s->rcvd != NULL;
	se->last_code = s->rcvd ? s->rcvd->code : s->error.code;
	se->last_sub = s->rcvd ? s->rcvd->sub : s->error.sub;
	if (se->last_rcvd || notified) {
		sb_printf(&w, "BGP Notification %s: %s%s", s->rcvd ? "received" : "sent", bgp_code_name(se->last_code),
		          bgp_sub_name(se->last_code, se->last_sub));
	}
	if (s->why)
		sb_printf(&w, "%s%s", w.len ? ": " : "", s->why);
	if (!w.len)
		sb_put(&w, s->event == EV_FAILS ? "Peer closed the session" : fsm_event_name(s->event));
}

static enum bgp_down how_down(const struct bgp_step *s, bool notified)
{
	if (s->falls || s->hard || (s->rcvd && s->rcvd->hard))
		return DOWN_HARD;
	if (s->rcvd)
		return DOWN_RCVD;
	return notified || s->event == EV_SEND_HOLD ? DOWN_SENT : DOWN_TCP;
}

/* The connection has been let go of, the session ends with it. */
static void session_down(struct bgp_step *s, bool notified)
{
	struct bgp *b = s->b;
	struct bgp_peer *p = s->f->peer;
	struct bgp_session *se = p->session;
	se->up = NULL;
	se->dropped++;
	se->down_at = b->now;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		se->refreshing[af] = false;
		se->refresh_asked[af] = 0;
		if (p->af[af].group)
			adj_leave(b, p, af);
	}
	session_set_timer(b, &se->timer[T_REFRESH], 0);
	gr_down(b, p, how_down(s, notified));
	if (b->cb->log_changes)
		session_note(b, p, "Down %s", se->last_why);
}

/* Ends a run; *e (code 0: nothing) is the last that the peer hears. */
static void leave(struct bgp_step *s, const struct bgp_error *e)
{
	struct bgp *b = s->b;
	struct bgp_fsm *f = s->f;
	struct bgp_session *se = f->peer->session;
	bool up = se->up == f, say = e && e->code && f->conn && f->conn->connected && !s->silent;
	if (say)
		s->error = *e;
	clear_timers(b, f);
	if (say)
		out_notification(b, f, e, up && s->hard && gr_both_n(b, f->peer));
	if (s->from >= BGP_OPEN_SENT && s->event != EV_COLLISION)
		remember(s, say);
	if (f->conn)
		conn_close(b, f->conn);
	f->delay_over = false;
	if (!f->incoming)
		session_set_timer(b, &se->timer[T_RETRY], 0);
	if (up)
		session_down(s, say);
	else if ((say || s->rcvd) && s->event != EV_COLLISION)
		session_note(b, f->peer, "%s", se->last_why);
	again(b, f);
}

void fsm_drop(struct bgp_step *s) { leave(s, NULL); }

void fsm_refuse(struct bgp_step *s)
{
	struct bgp_error e = s->error;
	if (e.code == 0 && s->event == EV_COLLISION) /* RFC 4271 6.8 */
		e = (struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_COLLISION};
	else if (e.code == 0)
		e = (struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_OTHER_CHANGE};
	leave(s, &e);
}

void fsm_hold_over(struct bgp_step *s) { leave(s, &(struct bgp_error){.code = BGP_E_HOLD}); }

/* RFC 6608 4: which state it was. */
void fsm_wrong(struct bgp_step *s)
{
	uint8_t sub = (uint8_t)(s->from == BGP_OPEN_SENT ? 1 : s->from == BGP_OPEN_CONFIRM ? 2 : 3);
	leave(s, &(struct bgp_error){.code = BGP_E_FSM, .sub = sub});
}

void fsm_retry(struct bgp_step *s)
{
	struct bgp_fsm *f = s->f;
	if (f->incoming || f->peer->conf->passive || f->peer->dynamic) {
		leave(s, NULL);
		return;
	}
	clear_timers(s->b, f);
	f->delay_over = false;
	if (f->conn)
		conn_close(s->b, f->conn);
	session_set_timer(s->b, &f->peer->session->timer[T_RETRY], retry_pause(s->b, f->peer));
	f->peer->session->connect_fails++;
}

/* --- living --- */

void fsm_confirm(struct bgp_step *s)
{
	struct bgp_fsm *f = s->f;
	dur_t mine = peer_hold(s->b, f->peer), theirs = DUR_S(f->rcvd.hold_s);
	dur_t keep = f->peer->conf->keepalive >= 0 && f->peer->conf->hold >= 0 ? f->peer->conf->keepalive : s->b->cb->keepalive;
	f->hold = mine < theirs ? mine : theirs; /* RFC 4271 4.2; 0: no keepalives at all */
	f->keepalive = keep > 0 && keep < f->hold / 3 ? keep : f->hold / 3;
	session_set_timer(s->b, &f->timer[T_HOLD], f->hold);
	session_set_timer(s->b, &f->timer[T_KEEPALIVE], session_jitter(s->b, f->keepalive));
	out_keepalive(s->b, f);
}

void fsm_open_confirm(struct bgp_step *s)
{
	fsm_open(s);
	if (s->f->conn)
		fsm_confirm(s);
}

static void take_coding(struct bgp_peer *p)
{
	const struct bgp_caps *mine = &p->open_sent.caps, *theirs = &p->open_rcvd.caps;
	struct bgp_coding *c = &p->coding;
	*c = (struct bgp_coding){
		.as4 = mine->as4 && theirs->as4, /* RFC 6793 3 */
		.external = p->external,
		.ext_nexthop = mine->ext_nexthop && theirs->ext_nexthop,
		.max = mine->ext_message && theirs->ext_message ? BGP_MSG_EXT_MAX : BGP_MSG_MAX,
	};
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		/* RFC 4760 8: a family that both have; without the capability it is IPv4 unicast (RFC 4271). */
		bool plain = af == BGP_V4 && !theirs->mp[BGP_V4] && !theirs->mp[BGP_V6] && !theirs->mp_other;
		c->mp[af] = p->conf->af[af].active && ((mine->mp[af] && theirs->mp[af]) || plain || p->conf->override_capability);
		c->addpath_rx[af] = (mine->addpath[af] & BGP_ADDPATH_RX) && (theirs->addpath[af] & BGP_ADDPATH_TX);
		c->addpath_tx[af] = (mine->addpath[af] & BGP_ADDPATH_TX) && (theirs->addpath[af] & BGP_ADDPATH_RX);
		p->af[af].negotiated = c->mp[af];
		p->af[af].eor_in = p->af[af].eor_out = p->af[af].max_prefix_warned = false;
	}
}

static void start_bfd(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	const struct conf_bgp_peer *c = p->conf;
	struct bgp_bfd want = {.remote = p->address, .local = p->local, .ifindex = p->ifindex, .start = true, .multihop = p->ifindex == 0,
	                       .rx_ms = c->bfd_rx_ms, .tx_ms = c->bfd_tx_ms, .multiplier = c->bfd_multiplier};
	bool same = s->bfd_on && addr_eq(&s->bfd.local, &want.local) && s->bfd.ifindex == want.ifindex && s->bfd.rx_ms == want.rx_ms &&
	            s->bfd.tx_ms == want.tx_ms && s->bfd.multiplier == want.multiplier;
	if (!c->bfd || same)
		return;
	session_bfd_stop(b, p);
	s->bfd = want;
	s->bfd_start = s->bfd_on = true;
	s->bfd_seen = false;
	b->peers->more = true;
}

void session_bfd_stop(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	if (!s->bfd_on)
		return;
	s->bfd_on = false;
	s->bfd_stop = !s->bfd_start; /* one whose start nobody has heard of needs no stop */
	s->bfd_start = false;
	s->bfd_stopped = s->bfd;
	s->bfd_stopped.start = false;
	b->peers->more = true;
}

void session_bfd_look(struct bgp *b, struct bgp_peer *p)
{
	if (!p->conf->bfd)
		session_bfd_stop(b, p);
	else if (p->session->up)
		start_bfd(b, p);
}

void fsm_establish(struct bgp_step *s)
{
	struct bgp *b = s->b;
	struct bgp_fsm *f = s->f;
	struct bgp_peer *p = f->peer;
	struct bgp_session *se = p->session;
	struct addr local;
	uint32_t ifindex = 0;
	p->open_sent = f->sent;
	p->open_rcvd = f->rcvd;
	p->router_id = f->rcvd.id;
	p->as = f->rcvd.as;
	p->local = f->conn->local.addr;
	/* The interface that carries the session falls with it; peers further away hang on routes. */
	bool connected = nht_connected(b, &p->address, &ifindex, &local);
	p->ifindex = f->conn->ifindex ? f->conn->ifindex : connected ? ifindex : 0;
	se->up = f;
	se->up_at = se->update_at = b->now;
	se->established++;
	se->tries = se->connect_fails = 0;
	take_coding(p);
	(void)fsm_event(b, twin(f), EV_COLLISION); /* RFC 4271 6.8 */
	session_set_timer(b, &se->timer[T_RETRY], 0);
	session_set_timer(b, &se->timer[T_IDLE_HOLD], 0);
	if (b->cb->log_changes)
		session_note(b, p, "Up");
	gr_up(b, p);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (p->af[af].negotiated && !gr_deferring(b))
			adj_join(b, p, af, b->now);
	}
	start_bfd(b, p);
}

void fsm_alive(struct bgp_step *s) { (void)s; /* last_rx was set, the hold timer looks at it when it is due */ }

void fsm_keep(struct bgp_step *s)
{
	out_keepalive(s->b, s->f);
	session_set_timer(s->b, &s->f->timer[T_KEEPALIVE], session_jitter(s->b, s->f->keepalive));
}

/* RFC 9687 3.1: the greater of 8 minutes (which a configuration may change) and twice the hold time. */
dur_t session_send_hold(const struct bgp *b, const struct bgp_fsm *f)
{
	dur_t least = b->cb->write_hold > 0 ? b->cb->write_hold : DUR_S(480);
	return 2 * f->hold > least ? 2 * f->hold : least;
}

void session_output(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_fsm *f = p->session->up;
	if (!f || !f->conn)
		return;
	f->conn->want_output = true;
	conn_kick(b, f->conn);
	if (!f->timer[T_SEND_HOLD].t.slot && f->hold > 0) {
		f->conn->last_tx = b->now;
		session_set_timer(b, &f->timer[T_SEND_HOLD], session_send_hold(b, f));
	}
}
