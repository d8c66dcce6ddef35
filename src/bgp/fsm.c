/* The finite state machine of RFC 4271 8.2.2 as a table, its search and its printing; nothing else. Handlers are in
 * session.c. tests/golden/bgp/matrix.txt is this file once more, printed.
 *
 * One run of it belongs to the connection that we open, another to the one that the peer opened (RFC 4271 8.2.1), until
 * one of the two is closed (6.8). An event without a row changes nothing: RFC 4271 says so of all events in Idle that
 * are not rows here, and of EV_START anywhere else.
 *
 * Ours where the RFC leaves Connect for Idle after a connection could not be set up: Active, as others do, because in
 * Idle the peer's own call would be refused. */
#include "bgp/session.h"

#define ROW(from, event, guard, to, fn, rfc) {from, event, guard, to, fn, #fn, rfc}

static const struct bgp_row rows[] = {
	ROW(BGP_IDLE, EV_START, G_ACTIVE, BGP_CONNECT, fsm_connect, "RFC 4271 8.2.2 Idle, events 1, 3"),
	ROW(BGP_IDLE, EV_START, G_PASSIVE, BGP_ACTIVE, fsm_listen, "RFC 4271 8.2.2 Idle, events 4, 5"),
	ROW(BGP_IDLE, EV_IDLE_HOLD, G_ACTIVE, BGP_CONNECT, fsm_connect, "RFC 4271 8.2.2 Idle, event 13"),
	ROW(BGP_IDLE, EV_IDLE_HOLD, G_PASSIVE, BGP_ACTIVE, fsm_listen, "RFC 4271 8.2.2 Idle, event 13"),

	ROW(BGP_CONNECT, EV_STOP, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 2"),
	ROW(BGP_CONNECT, EV_AUTO_STOP, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 8"),
	ROW(BGP_CONNECT, EV_RETRY, G_ANY, BGP_CONNECT, fsm_connect, "RFC 4271 8.2.2 Connect, event 9"),
	ROW(BGP_CONNECT, EV_DELAY_OPEN, G_ANY, BGP_OPEN_SENT, fsm_open, "RFC 4271 8.2.2 Connect, event 12"),
	ROW(BGP_CONNECT, EV_CR_ACKED, G_DELAY, BGP_CONNECT, fsm_delay, "RFC 4271 8.2.2 Connect, event 16"),
	ROW(BGP_CONNECT, EV_CR_ACKED, G_PROMPT, BGP_OPEN_SENT, fsm_open, "RFC 4271 8.2.2 Connect, event 16"),
	ROW(BGP_CONNECT, EV_FAILS, G_ANY, BGP_ACTIVE, fsm_retry, "RFC 4271 8.2.2 Connect, event 18"),
	ROW(BGP_CONNECT, EV_OPEN_DELAYED, G_ANY, BGP_OPEN_CONFIRM, fsm_open_confirm, "RFC 4271 8.2.2 Connect, event 20"),
	ROW(BGP_CONNECT, EV_HEADER_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Connect, event 21"),
	ROW(BGP_CONNECT, EV_OPEN_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Connect, event 22"),
	ROW(BGP_CONNECT, EV_COLLISION, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 23"),
	ROW(BGP_CONNECT, EV_NOTIF_VER, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 24"),
	ROW(BGP_CONNECT, EV_NOTIF, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 25"),
	ROW(BGP_CONNECT, EV_KEEPALIVE, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 26"),
	ROW(BGP_CONNECT, EV_UPDATE, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, event 27"),
	ROW(BGP_CONNECT, EV_REFRESH, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Connect, any other event"),

	ROW(BGP_ACTIVE, EV_STOP, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 2"),
	ROW(BGP_ACTIVE, EV_AUTO_STOP, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 8"),
	ROW(BGP_ACTIVE, EV_RETRY, G_ACTIVE, BGP_CONNECT, fsm_connect, "RFC 4271 8.2.2 Active, event 9"),
	ROW(BGP_ACTIVE, EV_DELAY_OPEN, G_ANY, BGP_OPEN_SENT, fsm_open, "RFC 4271 8.2.2 Active, event 12"),
	ROW(BGP_ACTIVE, EV_CONFIRMED, G_DELAY, BGP_ACTIVE, fsm_delay, "RFC 4271 8.2.2 Active, event 17"),
	ROW(BGP_ACTIVE, EV_CONFIRMED, G_PROMPT, BGP_OPEN_SENT, fsm_open, "RFC 4271 8.2.2 Active, event 17"),
	ROW(BGP_ACTIVE, EV_FAILS, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 18"),
	ROW(BGP_ACTIVE, EV_OPEN_DELAYED, G_ANY, BGP_OPEN_CONFIRM, fsm_open_confirm, "RFC 4271 8.2.2 Active, event 20"),
	ROW(BGP_ACTIVE, EV_HEADER_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Active, event 21"),
	ROW(BGP_ACTIVE, EV_OPEN_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Active, event 22"),
	ROW(BGP_ACTIVE, EV_COLLISION, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 23"),
	ROW(BGP_ACTIVE, EV_NOTIF_VER, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 24"),
	ROW(BGP_ACTIVE, EV_NOTIF, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 25"),
	ROW(BGP_ACTIVE, EV_KEEPALIVE, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 26"),
	ROW(BGP_ACTIVE, EV_UPDATE, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, event 27"),
	ROW(BGP_ACTIVE, EV_REFRESH, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Active, any other event"),

	ROW(BGP_OPEN_SENT, EV_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenSent, event 2"),
	ROW(BGP_OPEN_SENT, EV_AUTO_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenSent, event 8"),
	ROW(BGP_OPEN_SENT, EV_HOLD, G_ANY, BGP_IDLE, fsm_hold_over, "RFC 4271 8.2.2 OpenSent, event 10"),
	ROW(BGP_OPEN_SENT, EV_FAILS, G_ANY, BGP_ACTIVE, fsm_retry, "RFC 4271 8.2.2 OpenSent, event 18"),
	ROW(BGP_OPEN_SENT, EV_OPEN, G_ANY, BGP_OPEN_CONFIRM, fsm_confirm, "RFC 4271 8.2.2 OpenSent, event 19"),
	ROW(BGP_OPEN_SENT, EV_HEADER_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenSent, event 21"),
	ROW(BGP_OPEN_SENT, EV_OPEN_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenSent, event 22"),
	ROW(BGP_OPEN_SENT, EV_COLLISION, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenSent, event 23"),
	ROW(BGP_OPEN_SENT, EV_NOTIF_VER, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 OpenSent, event 24"),
	/* The RFC has an FSM error here; a NOTIFICATION is not answered by one (6.4), and every refusal of our OPEN is this. */
	ROW(BGP_OPEN_SENT, EV_NOTIF, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 6.4"),
	ROW(BGP_OPEN_SENT, EV_KEEPALIVE, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_OPEN_SENT, EV_UPDATE, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_OPEN_SENT, EV_REFRESH, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),

	ROW(BGP_OPEN_CONFIRM, EV_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenConfirm, event 2"),
	ROW(BGP_OPEN_CONFIRM, EV_AUTO_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenConfirm, event 8"),
	ROW(BGP_OPEN_CONFIRM, EV_HOLD, G_ANY, BGP_IDLE, fsm_hold_over, "RFC 4271 8.2.2 OpenConfirm, event 10"),
	ROW(BGP_OPEN_CONFIRM, EV_KEEPALIVE_TIMER, G_ANY, BGP_OPEN_CONFIRM, fsm_keep, "RFC 4271 8.2.2 OpenConfirm, event 11"),
	ROW(BGP_OPEN_CONFIRM, EV_FAILS, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 OpenConfirm, event 18"),
	ROW(BGP_OPEN_CONFIRM, EV_OPEN, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_OPEN_CONFIRM, EV_HEADER_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenConfirm, event 21"),
	ROW(BGP_OPEN_CONFIRM, EV_OPEN_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenConfirm, event 22"),
	ROW(BGP_OPEN_CONFIRM, EV_COLLISION, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 OpenConfirm, event 23"),
	ROW(BGP_OPEN_CONFIRM, EV_NOTIF_VER, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 OpenConfirm, event 24"),
	ROW(BGP_OPEN_CONFIRM, EV_NOTIF, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 OpenConfirm, event 25"),
	ROW(BGP_OPEN_CONFIRM, EV_KEEPALIVE, G_ANY, BGP_ESTABLISHED, fsm_establish, "RFC 4271 8.2.2 OpenConfirm, event 26"),
	ROW(BGP_OPEN_CONFIRM, EV_UPDATE, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_OPEN_CONFIRM, EV_REFRESH, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_OPEN_CONFIRM, EV_SEND_HOLD, G_ANY, BGP_IDLE, fsm_drop, "RFC 9687 3.2, event 29"),

	ROW(BGP_ESTABLISHED, EV_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Established, event 2"),
	ROW(BGP_ESTABLISHED, EV_AUTO_STOP, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Established, event 8"),
	ROW(BGP_ESTABLISHED, EV_HOLD, G_ANY, BGP_IDLE, fsm_hold_over, "RFC 4271 8.2.2 Established, event 10"),
	ROW(BGP_ESTABLISHED, EV_KEEPALIVE_TIMER, G_ANY, BGP_ESTABLISHED, fsm_keep, "RFC 4271 8.2.2 Established, event 11"),
	ROW(BGP_ESTABLISHED, EV_FAILS, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Established, event 18"),
	ROW(BGP_ESTABLISHED, EV_OPEN, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_ESTABLISHED, EV_HEADER_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 6.1"),
	ROW(BGP_ESTABLISHED, EV_OPEN_ERR, G_ANY, BGP_IDLE, fsm_wrong, "RFC 6608 4"),
	ROW(BGP_ESTABLISHED, EV_COLLISION, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Established, event 23"),
	ROW(BGP_ESTABLISHED, EV_NOTIF_VER, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Established, event 24"),
	ROW(BGP_ESTABLISHED, EV_NOTIF, G_ANY, BGP_IDLE, fsm_drop, "RFC 4271 8.2.2 Established, event 25"),
	ROW(BGP_ESTABLISHED, EV_KEEPALIVE, G_ANY, BGP_ESTABLISHED, fsm_alive, "RFC 4271 8.2.2 Established, event 26"),
	ROW(BGP_ESTABLISHED, EV_UPDATE, G_ANY, BGP_ESTABLISHED, fsm_alive, "RFC 4271 8.2.2 Established, event 27"),
	ROW(BGP_ESTABLISHED, EV_UPDATE_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 4271 8.2.2 Established, event 28"),
	ROW(BGP_ESTABLISHED, EV_SEND_HOLD, G_ANY, BGP_IDLE, fsm_drop, "RFC 9687 3.2, event 29"),
	ROW(BGP_ESTABLISHED, EV_REFRESH, G_ANY, BGP_ESTABLISHED, fsm_alive, "RFC 2918 4"),
	ROW(BGP_ESTABLISHED, EV_REFRESH_ERR, G_ANY, BGP_IDLE, fsm_refuse, "RFC 7313 5"),
};

static const char *const state_name[] = {
	[BGP_IDLE] = "Idle", [BGP_CONNECT] = "Connect", [BGP_ACTIVE] = "Active", [BGP_OPEN_SENT] = "OpenSent",
	[BGP_OPEN_CONFIRM] = "OpenConfirm", [BGP_ESTABLISHED] = "Established",
};

static const char *const event_name[EV_N] = {
	[EV_NONE] = "none", [EV_START] = "Start", [EV_STOP] = "ManualStop", [EV_AUTO_STOP] = "AutomaticStop",
	[EV_RETRY] = "ConnectRetryTimer_Expires", [EV_HOLD] = "HoldTimer_Expires",
	[EV_KEEPALIVE_TIMER] = "KeepaliveTimer_Expires", [EV_DELAY_OPEN] = "DelayOpenTimer_Expires",
	[EV_IDLE_HOLD] = "IdleHoldTimer_Expires", [EV_CR_ACKED] = "Tcp_CR_Acked",
	[EV_CONFIRMED] = "TcpConnectionConfirmed", [EV_FAILS] = "TcpConnectionFails", [EV_OPEN] = "BGPOpen",
	[EV_OPEN_DELAYED] = "BGPOpen-DelayOpenTimer-running", [EV_HEADER_ERR] = "BGPHeaderErr",
	[EV_OPEN_ERR] = "BGPOpenMsgErr", [EV_COLLISION] = "OpenCollisionDump", [EV_NOTIF_VER] = "NotifMsgVerErr",
	[EV_NOTIF] = "NotifMsg", [EV_KEEPALIVE] = "KeepAliveMsg", [EV_UPDATE] = "UpdateMsg",
	[EV_UPDATE_ERR] = "UpdateMsgErr", [EV_SEND_HOLD] = "SendHoldTimer_Expires", [EV_REFRESH] = "RefreshMsg",
	[EV_REFRESH_ERR] = "RefreshMsgErr",
};

static const char *const guard_name[] = {
	[G_ANY] = "", [G_PASSIVE] = "passive", [G_ACTIVE] = "not-passive", [G_DELAY] = "delay-open", [G_PROMPT] = "no-delay-open",
};

static bool guard_ok(uint8_t guard, bool passive, bool delay)
{
	switch (guard) {
	case G_PASSIVE: return passive;
	case G_ACTIVE: return !passive;
	case G_DELAY: return delay;
	case G_PROMPT: return !delay;
	default: return true;
	}
}

const struct bgp_row *fsm_find(uint8_t from, uint8_t event, bool passive, bool delay)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].from == from && rows[i].event == event && guard_ok(rows[i].guard, passive, delay))
			return &rows[i];
	}
	return NULL;
}

const char *fsm_state_name(uint8_t state) { return state < ARRAY_LEN(state_name) ? state_name[state] : "?"; }
const char *fsm_event_name(uint8_t event) { return event < EV_N ? event_name[event] : "?"; }

bool bgp_row(size_t i, struct bgp_row_view *out)
{
	if (i >= ARRAY_LEN(rows))
		return false;
	const struct bgp_row *r = &rows[i];
	*out = (struct bgp_row_view){state_name[r->from], event_name[r->event], guard_name[r->guard], state_name[r->to],
	                             r->fn_name, r->rfc};
	return true;
}

/* The session is as far as the further of its two runs. */
static void whole(struct bgp_peer *p)
{
	const struct bgp_fsm *f = p->session->fsm;
	p->state = f[0].state > f[1].state ? f[0].state : f[1].state;
}

bool fsm_run(struct bgp_step *s)
{
	struct bgp_fsm *f = s->f;
	struct bgp_peer *p = f->peer;
	bool delay = p->conf->delay_open > 0 && !f->delay_over;
	const struct bgp_row *r = fsm_find(f->state, s->event, f->incoming || p->conf->passive || p->dynamic, delay);
	if (!r)
		return false;
	s->from = f->state;
	f->state = r->to;
	whole(p);
	r->fn(s);
	/* The peer's connection has a run of its own only as long as it is there. */
	if (f->incoming && !f->conn)
		f->state = BGP_IDLE;
	whole(p);
	return true;
}

bool fsm_event(struct bgp *b, struct bgp_fsm *f, uint8_t event)
{
	struct bgp_step s = {.b = b, .f = f, .event = event};
	return fsm_run(&s);
}
