/* OPEN (RFC 4271 4.2, 6.2; capabilities RFC 5492 and their own): what we offer, whether what the peer says is acceptable, and
 * which of two connections stays (6.8). */
#include "bgp/parts.h"

#include <string.h>

static void fill_caps(struct bgp *b, struct bgp_fsm *f, struct bgp_open *o)
{
	struct bgp_peer *p = f->peer;
	struct bgp_caps *c = &o->caps;
	c->any = true;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		const struct conf_bgp_af *a = peer_af_conf(p, af);
		c->mp[af] = a->active;
		if (a->active)
			c->addpath[af] = (uint8_t)((a->addpath_rx ? BGP_ADDPATH_RX : 0) | (a->addpath_tx ? BGP_ADDPATH_TX : 0));
	}
	c->refresh = c->enhanced_refresh = c->ext_message = c->as4 = true;
	c->as = o->as;
	c->ext_nexthop = p->conf->extended_nexthop && peer_af_conf(p, BGP_V4)->active;
	c->fqdn = p->conf->capability_fqdn && b->env.host && b->env.host[0];
	if (c->fqdn)
		c->host = SPAN(b->env.host, min_z(strlen(b->env.host), 64));
	gr_open(b, f, o);
}

void m_open_send(struct bgp_step *s)
{
	struct bgp *b = s->b;
	struct bgp_fsm *f = s->f;
	struct bgp_open *o = &f->sent;
	uint8_t buf[BGP_MSG_MAX];
	struct wr w = wr_init(buf, sizeof buf);
	uint32_t as = peer_local_as(b, f->peer);
	*o = (struct bgp_open){.version = BGP_VERSION, .as = as, .as2 = (uint16_t)(as > 0xffff ? BGP_AS_TRANS : as),
	                       .hold_s = (uint16_t)dur_to_s(peer_hold(b, f->peer)), .id = b->router_id};
	if (!f->peer->conf->dont_capability && !f->peer->session->no_caps)
		fill_caps(b, f, o);
	bgp_open_encode(&w, o);
	o->caps.host = o->caps.domain = o->caps.software = SPAN(NULL, 0);
	if (out_put(b, f->conn, &w))
		f->peer->session->out[C_OPEN]++;
	else
		(void)fsm_event(b, f, EV_FAILS);
}

/* --- reading --- */

static bool as_good(const struct bgp *b, const struct bgp_peer *p, uint32_t as)
{
	uint32_t mine = peer_local_as(b, p);
	if (p->conf->external)
		return as != mine;
	return as == (p->conf->remote_as ? p->conf->remote_as : mine);
}

/* RFC 5492 5, strict-capability-match: the peer must have what we have. */
static bool caps_good(const struct bgp_fsm *f, const struct bgp_caps *c)
{
	const struct bgp_caps *mine = &f->sent.caps;
	const struct bgp_peer *p = f->peer;
	if (p->conf->override_capability || !mine->any)
		return true;
	bool plain = !c->mp[BGP_V4] && !c->mp[BGP_V6] && !c->mp_other && p->conf->af[BGP_V4].active;
	bool common = plain || (c->mp[BGP_V4] && mine->mp[BGP_V4]) || (c->mp[BGP_V6] && mine->mp[BGP_V6]);
	if (!common)
		return false;
	if (!p->conf->strict_capability)
		return true;
	return c->any && c->as4 >= mine->as4 && c->refresh >= mine->refresh && (!mine->mp[BGP_V4] || c->mp[BGP_V4]) &&
	       (!mine->mp[BGP_V6] || c->mp[BGP_V6]);
}

static bool check(const struct bgp *b, const struct bgp_fsm *f, const struct bgp_open *o, struct bgp_error *e, const char **why)
{
	e->code = BGP_E_OPEN;
	if (!as_good(b, f->peer, o->as)) {
		e->sub = BGP_E_PEER_AS;
		*why = "the peer is in another AS than remote-as says";
		return false;
	}
	/* RFC 6286 2.2 */
	if (o->id == b->router_id && o->as == peer_local_as(b, f->peer)) {
		e->sub = BGP_E_ID;
		*why = "the peer has our router id";
		return false;
	}
	if (!caps_good(f, &o->caps)) {
		e->sub = BGP_E_CAPABILITY;
		*why = "the peer lacks a capability or family that we need";
		return false;
	}
	e->code = 0;
	return true;
}

static struct bgp_fsm *twin(struct bgp_fsm *f) { return &f->peer->session->fsm[f->incoming ? 0 : 1]; }

/* RFC 4271 6.8: the connection that the higher identifier opened stays. */
static bool stays(const struct bgp *b, const struct bgp_fsm *f, uint32_t peer_id)
{
	bool ours_higher = b->router_id != peer_id ? b->router_id > peer_id
	                                           : peer_local_as(b, f->peer) > f->rcvd.as; /* RFC 6286 2.3 */
	return f->incoming != ours_higher;
}

static void collide(struct bgp *b, struct bgp_fsm *loser)
{
	(void)fsm_event(b, loser, EV_COLLISION);
}

bool m_open_loses(const struct bgp *b, struct bgp_fsm *f)
{
	const struct bgp_fsm *o = twin(f);
	return o->state == BGP_OPEN_CONFIRM && !stays(b, f, o->rcvd.id);
}

/* False: f has lost. */
static bool resolve(struct bgp *b, struct bgp_fsm *f)
{
	struct bgp_fsm *o = twin(f);
	if (o->state == BGP_ESTABLISHED) {
		collide(b, f);
		return false;
	}
	if (o->state != BGP_OPEN_SENT && o->state != BGP_OPEN_CONFIRM)
		return true;
	bool mine = stays(b, f, f->rcvd.id);
	collide(b, mine ? o : f);
	return mine;
}

static void take_host(struct bgp_peer *p, const struct bgp_caps *c)
{
	struct sbuf t = SB(p->host);
	if (c->fqdn)
		sb_escape(&t, c->host.p, min_z(c->host.n, sizeof p->host - 1));
}

void m_open_read(struct bgp *b, struct bgp_fsm *f, struct span body)
{
	struct bgp_step s = {.b = b, .f = f, .event = EV_OPEN_ERR};
	struct bgp_open o;
	if (f->state == BGP_OPEN_CONFIRM || f->state == BGP_ESTABLISHED) {
		(void)fsm_event(b, f, EV_OPEN);
		return;
	}
	if (!bgp_open_decode(body, &o, &s.error) || !check(b, f, &o, &s.error, &s.why)) {
		/* RFC 4271 6.2: a peer that has not heard our OPEN is told the error all the same. */
		(void)fsm_run(&s);
		return;
	}
	take_host(f->peer, &o.caps);
	o.caps.host = o.caps.domain = o.caps.software = SPAN(NULL, 0); /* they lie in the message */
	f->rcvd = o;
	bool delayed = f->state != BGP_OPEN_SENT;
	if (resolve(b, f))
		(void)fsm_event(b, f, delayed ? EV_OPEN_DELAYED : EV_OPEN);
}
