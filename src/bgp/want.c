/* Whether a session is wanted, and the timers of sessions: the reasons that keep one down are looked at in one place, after
 * each fact or change that may have moved them. Called by engine.c, peers.c, m_update.c. */
#include "bgp/parts.h"

#include <string.h>

/* What each hindrance says when it ends a session. */
static const struct {
	const char *text;
	uint8_t sub;             /* of Cease */
	uint8_t event;
	bool hard, falls;
} hinder[] = {
	[HINDER_NONE] = {"", 0, 0, false, false},
	[HINDER_ADMIN] = {"Admin. shutdown", BGP_E_SHUTDOWN, EV_STOP, true, false},
	[HINDER_SYNC] = {"Waiting for the kernel's routes", BGP_E_OTHER_CHANGE, EV_AUTO_STOP, false, false},
	[HINDER_TUNNEL] = {"Tunnel down", BGP_E_OTHER_CHANGE, EV_AUTO_STOP, true, true},
	[HINDER_LINK] = {"Interface down", BGP_E_OTHER_CHANGE, EV_AUTO_STOP, true, true},
	[HINDER_NOT_CONNECTED] = {"No directly connected route", BGP_E_OTHER_CHANGE, EV_AUTO_STOP, true, true},
	[HINDER_MAX_PREFIX] = {"Maximum prefixes exceeded", BGP_E_MAX_PREFIX, EV_AUTO_STOP, true, true},
	[HINDER_STOP] = {"Stopping", BGP_E_SHUTDOWN, EV_STOP, true, false},
	[HINDER_GONE] = {"Neighbor deleted", BGP_E_DECONFIGURED, EV_STOP, true, true},
};

const char *session_hindrance_text(uint8_t h) { return h < ARRAY_LEN(hinder) ? hinder[h].text : ""; }

/* The interface of a peer is known and unusable. */
static bool link_bad(const struct bgp *b, const struct bgp_peer *p)
{
	const char *name = p->conf->interface ? conf_str(b->conf, p->conf->interface) : "";
	if (name[0]) {
		const struct route_link *l = nht_link_by_name(b, name);
		return !l || !nht_if_usable(b, l->ifindex);
	}
	if (!p->ifindex)
		return false;
	if (p->session->up)
		return !nht_if_usable(b, p->ifindex) || !nht_is_local(b, &p->local);
	/* The interface that it was met on is there, but down, and no other leads to it. */
	return !p->session->connected && nht_link_at(b, p->ifindex) && !nht_if_usable(b, p->ifindex);
}

static uint8_t hindrance(const struct bgp *b, const struct bgp_peer *p)
{
	const struct bgp_session *s = p->session;
	if (s->gone)
		return HINDER_GONE;
	if (b->stopping)
		return HINDER_STOP;
	if (p->conf->shutdown || b->cb->shutdown)
		return HINDER_ADMIN;
	if (!b->synced || b->router_id == 0)
		return HINDER_SYNC;
	if (s->tunnel_down)
		return HINDER_TUNNEL;
	if (link_bad(b, p))
		return HINDER_LINK;
	/* RFC 4271 leaves multihop to configuration: without it an external peer must be on a network of ours. */
	if (p->external && p->conf->ttl <= 1 && !p->conf->gtsm_hops && !p->conf->disable_connected_check && !s->connected)
		return HINDER_NOT_CONNECTED;
	return s->held ? HINDER_MAX_PREFIX : HINDER_NONE;
}

void session_end(struct bgp *b, struct bgp_peer *p, uint8_t event, const struct bgp_error *why, const char *text, bool hard, bool falls)
{
	struct bgp_session *s = p->session;
	for (size_t i = 0; i < 2; i++) {
		struct bgp_step step = {.b = b, .f = &s->fsm[i], .event = event, .error = why ? *why : (struct bgp_error){0}, .why = text,
		                        .hard = hard, .falls = falls, .silent = !why};
		(void)fsm_run(&step);
	}
}

void session_stop(struct bgp *b, struct bgp_peer *p, const struct bgp_error *why, const char *text, mono_t now)
{
	(void)now;
	session_end(b, p, EV_AUTO_STOP, why, text, false, false);
}

/* RFC 9003 2: length, text. */
static struct span shutdown_text(const struct bgp *b, const struct bgp_peer *p, uint8_t buf[256])
{
	const char *text = p->conf->shutdown_text ? conf_str(b->conf, p->conf->shutdown_text) : "";
	size_t n = min_z(strlen(text), 255);
	if (n == 0)
		return SPAN(NULL, 0);
	while (n < strlen(text) && n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80) /* not through a character */
		n--;
	buf[0] = (uint8_t)n;
	memcpy(buf + 1, text, n);
	return SPAN(buf, n + 1);
}

static void hindered(struct bgp *b, struct bgp_peer *p, uint8_t h)
{
	struct bgp_session *s = p->session;
	uint8_t text[256];
	struct bgp_error e = {.code = BGP_E_CEASE, .sub = hinder[h].sub};
	if (h == HINDER_ADMIN)
		e.data = shutdown_text(b, p, text);
	bool silent = h == HINDER_STOP && b->peers->graceful;
	session_end(b, p, hinder[h].event, silent ? NULL : &e, hinder[h].text, hinder[h].hard, hinder[h].falls);
	session_set_timer(b, &s->timer[T_IDLE_HOLD], 0);
	session_set_timer(b, &s->timer[T_RETRY], 0);
	if (h == HINDER_LINK)
		b->peers->look = true; /* there may be another way */
	if (h != HINDER_STOP && h != HINDER_SYNC)
		gr_drop(b, p); /* what was kept hangs on the same peer */
}

void session_settle(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	uint8_t h = hindrance(b, p), was = s->hindrance;
	s->hindrance = h;
	if (h != HINDER_NONE) {
		if (h != was)
			hindered(b, p, h);
		return;
	}
	if (was != HINDER_NONE) {
		s->tries = s->connect_fails = 0;
		session_poke(b, p);
	}
}

void session_poke(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	if (s->hindrance != HINDER_NONE || p->dynamic || s->fsm[1].state >= BGP_OPEN_SENT)
		return;
	struct bgp_fsm *f = &s->fsm[0];
	s->connect_fails = 0;
	if (f->conn && f->conn->open_asked)
		return; /* this very call has begun it */
	if (f->state == BGP_IDLE)
		(void)fsm_event(b, f, EV_START);
	else if (f->state <= BGP_ACTIVE && !(f->conn && f->conn->connected))
		(void)fsm_event(b, f, EV_RETRY);
}

/* --- timers --- */

static void fsm_timer(struct bgp *b, struct bgp_fsm *f, struct bgp_timer *t)
{
	static const uint8_t event[T_FSM_N] = {[T_HOLD] = EV_HOLD, [T_KEEPALIVE] = EV_KEEPALIVE_TIMER, [T_DELAY_OPEN] = EV_DELAY_OPEN,
	                                       [T_SEND_HOLD] = EV_SEND_HOLD};
	mono_t due = b->now;
	if (!f->conn)
		return;
	/* Looked at when it is due, not moved with each message. */
	if (t->kind == T_HOLD)
		due = mono_add(f->conn->last_rx, f->hold);
	if (t->kind == T_SEND_HOLD) {
		if (!f->conn->out && !adj_pending(f->peer))
			return;
		due = mono_add(f->conn->last_tx, session_send_hold(b, f));
	}
	if (due > b->now) {
		heap_set(&b->timers, &t->t, due);
		return;
	}
	if (t->kind == T_DELAY_OPEN)
		f->delay_over = true;
	(void)fsm_event(b, f, event[t->kind]);
}

void session_timer(struct bgp *b, struct bgp_timer *t)
{
	if (t->t.tag == TAG_FSM) {
		fsm_timer(b, t->owner, t);
		return;
	}
	struct bgp_peer *p = t->owner;
	struct bgp_session *s = p->session;
	switch (t->kind) {
	case T_RETRY:
		(void)fsm_event(b, &s->fsm[0], EV_RETRY);
		break;
	case T_IDLE_HOLD:
		(void)fsm_event(b, &s->fsm[0], EV_IDLE_HOLD);
		break;
	case T_RESTART:
		s->held = false;
		session_settle(b, p);
		break;
	case T_REFRESH: /* RFC 7313 4.2: EoRR did not come */
		for (uint8_t af = 0; af < BGP_AF_N; af++) {
			if (s->refreshing[af])
				rib_purge(b, p, af, PURGE_REFRESH);
			s->refreshing[af] = false;
		}
		break;
	default:
		gr_timer(b, p, t->kind);
		break;
	}
}

bool session_acts(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	if (s->bfd_stop) {
		struct bgp_act *a = act_add(b, BGP_ACT_BFD);
		if (!a)
			return true;
		a->u.bfd = s->bfd_stopped;
		s->bfd_stop = false;
	}
	if (s->bfd_start) {
		struct bgp_act *a = act_add(b, BGP_ACT_BFD);
		if (!a)
			return true;
		a->u.bfd = s->bfd;
		s->bfd_start = false;
	}
	return false;
}
