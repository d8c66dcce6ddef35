/* ROUTE-REFRESH (RFC 2918) and its markers (RFC 7313). A peer can cause a walk over a table with 23 octets: asks wait until the
 * last answer is out, and marked refreshes are taken once a second. */
#include "bgp/parts.h"

#define REFRESH_PAUSE DUR_S(1)

static bool enhanced(const struct bgp_peer *p)
{
	return p->open_sent.caps.enhanced_refresh && p->open_rcvd.caps.enhanced_refresh;
}

static void begin(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	struct bgp_session *s = p->session;
	if (!enhanced(p) || s->refreshing[af] || b->now - s->refresh_at[af] < REFRESH_PAUSE || p->af[af].gr_stale)
		return;
	s->refresh_at[af] = b->now;
	s->refreshing[af] = true;
	rib_purge(b, p, af, PURGE_MARK_REFRESH);
	engine_walk(b); /* before the routes that follow */
	session_set_timer(b, &s->timer[T_REFRESH], b->cb->gr_stale);
}

static void end(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	struct bgp_session *s = p->session;
	if (!s->refreshing[af])
		return; /* RFC 7313 4.2: without a beginning */
	s->refreshing[af] = false;
	rib_purge(b, p, af, PURGE_REFRESH);
	engine_walk(b);
}

void m_refresh_serve(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (!s->refresh_asked[af] || adj_pending(p))
			continue;
		s->refresh_asked[af] = 0;
		adj_resend(b, p, af, enhanced(p), b->now);
	}
}

void m_refresh_read(struct bgp *b, struct bgp_fsm *f, const struct bgp_frame *frame)
{
	struct bgp_step s = {.b = b, .f = f, .event = EV_REFRESH};
	struct bgp_peer *p = f->peer;
	struct bgp_refresh r;
	if (f != p->session->up) {
		(void)fsm_run(&s);
		return;
	}
	int is = bgp_refresh_decode(*frame, &r, &s.error);
	if (is < 0) {
		s.event = EV_REFRESH_ERR;
		(void)fsm_run(&s);
		return;
	}
	(void)fsm_run(&s);
	/* RFC 2918 4: a family that was not negotiated is ignored. */
	if (is > 0 || r.af < 0 || !p->af[r.af].group)
		return;
	if (r.kind == BGP_REFRESH_BEGIN) {
		begin(b, p, (uint8_t)r.af);
	} else if (r.kind == BGP_REFRESH_END) {
		end(b, p, (uint8_t)r.af);
	} else {
		p->session->refresh_asked[r.af] = 1;
		m_refresh_serve(b, p);
	}
}
