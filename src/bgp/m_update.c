/* UPDATE (RFC 4271 4.3, 6.3; RFC 7606): from a message to changes of the table. The attributes are interned once per message, then
 * come its prefixes one by one. Limits of prefixes are looked at behind each message. */
#include "bgp/parts.h"

static void max_prefix(struct bgp *b, struct bgp_peer *p, uint8_t af)
{
	const struct conf_bgp_af *c = peer_af_conf(p, af);
	struct bgp_peer_af *a = &p->af[af];
	struct bgp_session *s = p->session;
	if (c->max_prefix == 0)
		return;
	if (a->accepted > c->max_prefix && !c->max_prefix_warn) {
		uint8_t data[7];
		struct wr w = wr_init(data, sizeof data);
		wr_u16(&w, af == BGP_V4 ? 1 : 2); /* RFC 4486 4: family and limit */
		wr_u8(&w, 1);
		wr_u32(&w, c->max_prefix);
		struct bgp_error e = {.code = BGP_E_CEASE, .sub = BGP_E_MAX_PREFIX, .data = SPAN(data, w.len)};
		s->held = true;
		session_set_timer(b, &s->timer[T_RESTART], c->max_prefix_restart);
		session_note(b, p, "%u prefixes, the limit is %u", a->accepted, c->max_prefix);
		s->hindrance = HINDER_MAX_PREFIX;
		session_end(b, p, EV_AUTO_STOP, &e, "Maximum prefixes exceeded", true, true);
		return;
	}
	uint64_t threshold = (uint64_t)c->max_prefix * (c->max_prefix_threshold ? c->max_prefix_threshold : 100) / 100;
	if (a->accepted > threshold && !a->max_prefix_warned) {
		a->max_prefix_warned = true;
		session_note(b, p, "%u prefixes, %u is the limit", a->accepted, c->max_prefix);
	} else if (a->accepted < threshold) {
		a->max_prefix_warned = false;
	}
}

/* RFC 4271 6.3: a route whose next hop we are ourselves is ignored; so is one of no interface. Martians the codec knows. */
static bool next_hop_good(const struct bgp *b, const struct bgp_peer *p, const struct addr *h)
{
	return !nht_is_local(b, h) && (!addr_link_local(h) || p->ifindex != 0);
}

/* RFC 4271 6.3: the first of an external peer's path is the peer, unless configuration says otherwise. */
static bool path_good(const struct bgp_peer *p, const struct bgp_attrs *a)
{
	return !p->external || !p->conf->enforce_first_as || bgp_as_path_first(a->as_path) == p->as;
}

/* Prefixes are taken a handful at a time: a table of a million lies in memory that no cache holds, and what is asked for in advance
 * comes in at the same time. While one handful is worked on, what the next two need is on its way. */
struct handful {
	struct prefix prefix[RIB_AHEAD];
	uint32_t path_id[RIB_AHEAD];
	size_t n;
	struct rib_ahead ahead;
};
enum { HANDS = 3 };
struct hands {
	struct handful h[HANDS];
	struct bgp_nlri run;
	unsigned at;
};

static void grasp(const struct bgp *b, struct hands *x, struct handful *h)
{
	h->n = 0;
	while (h->n < RIB_AHEAD && bgp_nlri_next(&x->run, &h->prefix[h->n], &h->path_id[h->n]))
		h->n++;
	rib_ahead_far(b, x->run.af, &h->ahead, h->prefix, h->n);
}

static void begin(const struct bgp *b, struct hands *x, struct bgp_nlri run)
{
	x->run = run;
	x->at = 0;
	grasp(b, x, &x->h[0]);
	grasp(b, x, &x->h[1]);
	rib_ahead_near(b, run.af, &x->h[0].ahead);
}

/* NULL: no more. */
static const struct handful *next_handful(const struct bgp *b, struct hands *x)
{
	struct handful *h = &x->h[x->at];
	if (h->n == 0)
		return NULL;
	x->at = (x->at + 1) % HANDS;
	rib_ahead_last(b, x->run.af, &h->ahead);
	rib_ahead_near(b, x->run.af, &x->h[x->at].ahead);
	grasp(b, x, &x->h[(x->at + 1) % HANDS]);
	return h;
}

static void withdraw(struct bgp *b, struct bgp_peer *p, struct bgp_nlri run)
{
	struct hands x;
	begin(b, &x, run);
	for (const struct handful *h; (h = next_handful(b, &x));)
		rib_withdraw_ahead(b, p, run.af, &h->ahead, h->prefix, h->path_id, h->n, b->now);
}

static void reach(struct bgp *b, struct bgp_peer *p, struct bgp_nlri run, struct bgp_attr *attr)
{
	struct hands x;
	begin(b, &x, run);
	for (const struct handful *h; (h = next_handful(b, &x));) {
		for (size_t i = 0; i < h->n; i++)
			rib_update(b, p, run.af, &h->prefix[i], h->path_id[i], attr, b->now);
	}
}

/* A reference to the attributes of reach[i]; NULL: the session has been ended for lack of memory. */
static struct bgp_attr *intern(struct bgp *b, struct bgp_peer *p, const struct bgp_update *u, size_t i)
{
	struct wr w = wr_init(b->peers->canon, BGP_CANON_MAX);
	bgp_attrs_canon(&w, u);
	struct bgp_attr *a = NULL;
	b->session_ifindex = p->ifindex;
	if (wr_ok(&w))
		a = attr_get(b, SPAN(w.base, w.len), &u->next_hop[i], &u->next_hop_ll[i], 0, 0, true);
	if (!a)
		session_end(b, p, EV_AUTO_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESOURCES}, "no memory for attributes",
		            false, false);
	return a;
}

/* False: the session is over. */
static bool take(struct bgp *b, struct bgp_peer *p, const struct bgp_update *u, size_t i)
{
	if (u->reach[i].octets.n == 0)
		return true;
	if (u->verdict >= BGP_V_WITHDRAW || !path_good(p, &u->attrs) || !next_hop_good(b, p, &u->next_hop[i])) {
		withdraw(b, p, u->reach[i]);
		return true;
	}
	struct bgp_attr *a = intern(b, p, u, i);
	if (!a)
		return false;
	reach(b, p, u->reach[i], a);
	attr_unref(b, a);
	return true;
}

static void count_verdict(struct bgp *b, struct bgp_peer *p, const struct bgp_update *u)
{
	if (u->verdict == BGP_V_DISCARD)
		p->session->discarded_attrs++;
	if (u->verdict != BGP_V_WITHDRAW)
		return;
	p->session->withdrawn_errors++;
	const char *sub = bgp_sub_name(u->error.code, u->error.sub);
	session_note(b, p, "UPDATE with a bad %s (%s): its routes are taken as withdrawn", bgp_attr_name(u->bad_attr), sub + (*sub == '/'));
}

void m_update_read(struct bgp *b, struct bgp_fsm *f, struct span body)
{
	struct bgp_peer *p = f->peer;
	struct bgp_session *s = p->session;
	struct bgp_update *u = &b->peers->update;
	bgp_update_decode(body, &p->coding, u);
	s->update_at = b->now;
	if (u->verdict == BGP_V_RESET) {
		struct bgp_step step = {.b = b, .f = f, .event = EV_UPDATE_ERR, .error = u->error};
		(void)fsm_run(&step);
		return;
	}
	if (u->verdict != BGP_V_OK)
		count_verdict(b, p, u);
	for (size_t i = 0; i < 2; i++)
		withdraw(b, p, u->withdrawn[i]);
	for (size_t i = 0; i < 2; i++) {
		if (!take(b, p, u, i))
			return;
	}
	if (u->eor >= 0)
		gr_eor(b, p, (uint8_t)u->eor);
	for (uint8_t af = 0; af < BGP_AF_N && s->up == f; af++)
		max_prefix(b, p, af);
}
