/* Graceful restart (RFC 4724; RFC 8538: after a NOTIFICATION as well, and Hard Reset; RFC 9494: long-lived, off by default), both
 * sides: what is kept of a peer that is away, and our own beginning, when nothing is announced and nothing leaves the
 * kernel until the peers have said what they have. A tunnel that is down is never such a case: routes over it fall at once. */
#include "bgp/parts.h"

enum { MOMENT_S = 3 };

uint8_t peer_gr_mode(const struct bgp *b, const struct bgp_peer *p)
{
	return p->conf->gr_mode != GR_INHERIT ? p->conf->gr_mode : b->cb->gr_mode;
}

/* RFC 4724 3, RFC 8538 2, RFC 9494 3.1. A helper lists no families: it has no forwarding state of its own to offer. */
void gr_open(struct bgp *b, struct bgp_fsm *f, struct bgp_open *o)
{
	struct bgp_peer *p = f->peer;
	struct bgp_caps *c = &o->caps;
	uint8_t mode = peer_gr_mode(b, p);
	if (mode != GR_HELPER && mode != GR_RESTART)
		return;
	c->gr = true;
	c->gr_notification = b->cb->gr_notification;
	c->gr_time_s = (uint16_t)(dur_to_s(b->cb->gr_restart) & 0xfff);
	c->gr_restarted = mode == GR_RESTART && b->peers->restarting;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		c->gr_af[af] = mode == GR_RESTART && c->mp[af];
		c->gr_forwarding[af] = c->gr_af[af] && (b->cb->gr_preserve_fw || b->peers->restarting);
		c->llgr_af[af] = b->cb->llgr_stale > 0 && c->mp[af];
		c->llgr_forwarding[af] = c->llgr_af[af] && c->gr_forwarding[af];
		c->llgr_time_s[af] = c->llgr_af[af] ? (uint32_t)dur_to_s(b->cb->llgr_stale) & 0xffffff : 0;
		c->llgr = c->llgr || c->llgr_af[af];
	}
}

bool gr_both_n(const struct bgp *b, const struct bgp_peer *p)
{
	(void)b;
	return p->open_sent.caps.gr && p->open_rcvd.caps.gr && p->open_sent.caps.gr_notification && p->open_rcvd.caps.gr_notification;
}

static void purge(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t what)
{
	rib_purge(b, p, af, what);
	p->af[af].gr_stale = false;
	p->session->llgr[af] = false;
}

static dur_t llgr_time(const struct bgp_peer *p, uint8_t af)
{
	uint32_t mine = p->open_sent.caps.llgr_time_s[af], theirs = p->open_rcvd.caps.llgr_time_s[af];
	if (!p->open_sent.caps.llgr || !p->open_rcvd.caps.llgr || !p->open_rcvd.caps.llgr_af[af])
		return 0;
	return DUR_S(mine < theirs ? mine : theirs);
}

static void begin_llgr(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	struct bgp_session *s = p->session;
	dur_t d = llgr_time(p, af);
	if (d == 0) {
		purge(b, p, af, PURGE_ALL);
		return;
	}
	rib_purge(b, p, af, PURGE_LLGR);
	s->llgr[af] = true;
	session_set_timer(b, &s->timer[af == BGP_V4 ? T_LLGR_V4 : T_LLGR_V6], d);
}

static void settle_kept(struct bgp *b, struct bgp_peer *p)
{
	p->session->kept = p->af[BGP_V4].gr_stale || p->af[BGP_V6].gr_stale;
	if (!p->session->kept && p->dynamic && !p->session->up && p->session->fsm[0].state == BGP_IDLE &&
	    p->session->fsm[1].state == BGP_IDLE)
		peer_gone(b, p);
}

void gr_down(struct bgp *b, struct bgp_peer *p, enum bgp_down how)
{
	struct bgp_session *s = p->session;
	const struct bgp_caps *theirs = &p->open_rcvd.caps;
	bool possible = how == DOWN_TCP || (how != DOWN_HARD && gr_both_n(b, p)); /* RFC 8538 4 */
	possible = possible && p->open_sent.caps.gr && theirs->gr;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		bool keep = possible && p->af[af].negotiated && (theirs->gr_af[af] || (theirs->llgr && llgr_time(p, af) > 0));
		if (p->af[af].gr_stale) /* RFC 4724 4.2: what was stale before goes, it had its chance */
			purge(b, p, af, PURGE_STALE);
		if (keep) {
			rib_purge(b, p, af, PURGE_MARK_STALE);
			p->af[af].gr_stale = true;
		} else {
			purge(b, p, af, PURGE_ALL);
		}
		p->af[af].negotiated = false;
	}
	session_set_timer(b, &s->timer[T_GR_STALE], 0);
	s->kept = p->af[BGP_V4].gr_stale || p->af[BGP_V6].gr_stale;
	session_set_timer(b, &s->timer[T_GR_RESTART], s->kept ? DUR_S(theirs->gr_time_s) + DUR_NS(1) : 0);
	engine_walk(b); /* before anything new of this peer */
}

void gr_up(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	const struct bgp_caps *c = &p->open_rcvd.caps;
	session_set_timer(b, &s->timer[T_GR_RESTART], 0);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		session_set_timer(b, &s->timer[af == BGP_V4 ? T_LLGR_V4 : T_LLGR_V6], 0);
		if (!p->af[af].gr_stale)
			continue;
		/* RFC 4724 4.2: without the F bit the forwarding state is lost; RFC 9494 4.2 likewise. */
		bool still = c->gr && p->af[af].negotiated && ((c->gr_af[af] && c->gr_forwarding[af]) || (s->llgr[af] && c->llgr_forwarding[af]));
		if (!still)
			purge(b, p, af, PURGE_STALE);
	}
	s->kept = p->af[BGP_V4].gr_stale || p->af[BGP_V6].gr_stale;
	session_set_timer(b, &s->timer[T_GR_STALE], s->kept ? b->cb->gr_stale : 0);
	engine_walk(b);
}

void gr_eor(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	p->af[af].eor_in = true;
	if (p->af[af].gr_stale) {
		purge(b, p, af, PURGE_STALE);
		engine_walk(b);
		p->session->kept = p->af[BGP_V4].gr_stale || p->af[BGP_V6].gr_stale;
		if (!p->session->kept)
			session_set_timer(b, &p->session->timer[T_GR_STALE], 0);
	}
	adj_flush(b, b->now);
	gr_look(b);
}

void gr_timer(struct bgp *b, struct bgp_peer *p, uint8_t kind)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		bool mine = kind == T_GR_RESTART || kind == T_GR_STALE || kind == (af == BGP_V4 ? T_LLGR_V4 : T_LLGR_V6);
		if (!mine || !p->af[af].gr_stale)
			continue;
		if (kind == T_GR_RESTART)
			begin_llgr(b, p, af);
		else
			purge(b, p, af, PURGE_STALE);
	}
	engine_walk(b);
	settle_kept(b, p);
}

void gr_drop(struct bgp *b, struct bgp_peer *p)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (p->af[af].gr_stale)
			purge(b, p, af, PURGE_ALL);
		session_set_timer(b, &p->session->timer[af == BGP_V4 ? T_LLGR_V4 : T_LLGR_V6], 0);
	}
	session_set_timer(b, &p->session->timer[T_GR_RESTART], 0);
	session_set_timer(b, &p->session->timer[T_GR_STALE], 0);
	p->session->kept = false;
}

/* --- our own beginning --- */

static bool restarter(const struct bgp *b)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	if (b->cb->gr_mode == GR_RESTART)
		return true;
	while (peer_next(b, &cursor, &p)) {
		if (peer_gr_mode(b, p) == GR_RESTART)
			return true;
	}
	return false;
}

/* RFC 4724 4.1, Selection_Deferral_Timer. Without graceful restart only the sweep of old kernel routes waits. */
void gr_start(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	ps->restarting = restarter(b);
	dur_t d = ps->restarting ? b->cb->gr_select_defer : b->cb->gr_restart;
	session_set_timer(b, &ps->defer, d > 0 ? d : DUR_S(1));
	ps->give_up = mono_add(b->now, d > 0 ? d : DUR_S(1));
}

/* When the first convergence stops to wait for this peer: 0 it does not, MONO_NEVER not before it has spoken. RFC 4724 4.1: one that
 * restarts itself waits for us, and one that has no capability promises no marker; but FRR says for its first two minutes that
 * it restarts, and nearly all send the marker. So they are given a moment of silence behind what they have: without it, old routes
 * would go from the kernel, and from peers that have our marker, only to come back. */
static mono_t waits(const struct bgp *b, const struct bgp_peer *p)
{
	const struct bgp_session *s = p->session;
	bool missing = false;
	if (p->dynamic || s->hindrance != HINDER_NONE)
		return 0;
	if (!s->up)
		return MONO_NEVER;
	for (uint8_t af = 0; af < BGP_AF_N; af++)
		missing = missing || (p->af[af].negotiated && !p->af[af].eor_in);
	if (!missing)
		return 0;
	if (!p->open_rcvd.caps.gr || (b->peers->restarting && p->open_rcvd.caps.gr_restarted))
		return mono_add(s->update_at, DUR_S(MOMENT_S));
	return MONO_NEVER;
}

static void converged(struct bgp *b)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	b->peers->converged = true;
	b->peers->restarting = false;
	session_set_timer(b, &b->peers->defer, 0);
	while (peer_next(b, &cursor, &p)) {
		for (uint8_t af = 0; af < BGP_AF_N; af++) {
			if (p->session->up && p->af[af].negotiated && !p->af[af].group)
				adj_join(b, p, af, b->now);
		}
	}
	fib_converged(b);
}

void gr_look(struct bgp *b)
{
	uint32_t cursor = 0;
	struct bgp_peer *p;
	if (b->peers->converged || !b->synced || !b->conf || b->stopping)
		return;
	mono_t until = 0;
	while (peer_next(b, &cursor, &p) && until != MONO_NEVER) {
		mono_t t = waits(b, p);
		until = t > until ? t : until;
	}
	if (until <= b->now) {
		converged(b);
		return;
	}
	/* The timer of the whole wait serves the short one, too. */
	mono_t at = mono_min(until, b->peers->give_up);
	session_set_timer(b, &b->peers->defer, at > b->now ? at - b->now : DUR_NS(1));
}

void gr_give_up(struct bgp *b)
{
	if (b->peers->converged || b->stopping)
		return;
	if (b->peers->give_up <= b->now)
		converged(b);
	else
		gr_look(b);
}

bool gr_deferring(const struct bgp *b) { return b->peers->restarting && !b->peers->converged; }
bool gr_converged(const struct bgp *b) { return b->peers->converged; }
