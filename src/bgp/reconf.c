/* A new configuration, by difference: sessions that need no reset get none, equal configurations send nothing. Which
 * change asks for what is in same.c's tables. Called by engine.c. */
#include "bgp/parts.h"

#include <errno.h>

/* Inbound filters changed: from what was kept, or the peer sends all again, or the session begins anew. */
static void refilter(struct bgp *b, struct bgp_peer *p, uint8_t af, bool kept)
{
	if (!p->session->up || !p->af[af].negotiated)
		return;
	if (kept)
		rib_purge(b, p, af, PURGE_REFILTER_IN);
	else if (p->open_sent.caps.refresh && p->open_rcvd.caps.refresh)
		out_refresh(b, p, af, BGP_REFRESH_ASK);
	else
		session_end(b, p, EV_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_OTHER_CHANGE}, "filters changed", false,
		            false);
}

void reconf_soft_in(struct bgp *b, struct bgp_peer *p)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++)
		refilter(b, p, af, peer_af_conf(p, af)->soft_in);
}

void reconf_soft_out(struct bgp *b, struct bgp_peer *p)
{
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if (p->session->up && p->af[af].group)
			adj_resend(b, p, af, false, b->now);
	}
}

static void reset(struct bgp *b, struct bgp_peer *p)
{
	session_end(b, p, EV_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_OTHER_CHANGE}, "configuration changed", false, false);
	p->session->no_caps = false;
	session_poke(b, p);
}

/* Both configurations are there: the peer's own has been replaced already. all: effects that concern every peer. */
static void apply(struct bgp *b, struct bgp_peer *p, const struct bgp_confs *c, const struct conf_bgp_peer *was, uint8_t all)
{
	uint8_t effect = all | same_peer(c, was, p->conf);
	uint8_t af_effect[BGP_AF_N];
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		af_effect[af] = same_af(c, &was->af[af], &p->conf->af[af]) | (all & (EFFECT_IN | EFFECT_OUT));
		effect |= af_effect[af] & EFFECT_RESET;
	}
	if (effect & EFFECT_RESET) {
		reset(b, p);
		return;
	}
	if (effect & EFFECT_BFD)
		session_bfd_look(b, p);
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		if ((af_effect[af] | effect) & EFFECT_IN)
			refilter(b, p, af, was->af[af].soft_in && p->conf->af[af].soft_in);
		if (!p->session->up || !p->af[af].group)
			continue;
		if (af_effect[af] & EFFECT_OUT)
			adj_regroup(b, p, af, b->now);
		else
			adj_renumber(b, p, af);
	}
}

static const struct conf_bgp_peer *peer_conf(const struct conf *c, const struct conf_bgp *cb, uint32_t i)
{
	return conf_at(c, cb->peers, sizeof(struct conf_bgp_peer), i);
}

static bool same_range(const struct conf_bgp_peer *a, const struct conf_bgp_peer *b)
{
	return b->address.family == AF_NONE && a->range.len == b->range.len && addr_eq(&a->range.addr, &b->range.addr);
}

/* The new configuration of a peer that exists; NULL: it has none any more. *hint: where the last one was found, as they mostly
 * stand in the same order. */
static const struct conf_bgp_peer *find_conf(const struct bgp *b, const struct bgp_peer *p, uint32_t *hint)
{
	uint32_t n = b->cb->peers.n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (*hint + i) % n;
		const struct conf_bgp_peer *c = peer_conf(b->conf, b->cb, at);
		if (p->dynamic ? same_range(p->conf, c) : addr_eq(&c->address, &p->address)) {
			*hint = at + 1;
			return c;
		}
	}
	return NULL;
}

/* A peer that left the configuration keeps its settings for as long as it is being taken down, without what lies in the old blob. */
static void orphan(struct bgp *b, struct bgp_peer *p)
{
	struct conf_bgp_peer *c = &p->session->last_conf;
	*c = *p->conf;
	c->interface = c->tunnel = c->shutdown_text = c->description = c->group = c->origin = c->update_source_if = 0;
	for (uint8_t af = 0; af < BGP_AF_N; af++) {
		struct conf_bgp_af *a = &c->af[af];
		a->prefix_list_in = a->prefix_list_out = a->map_in = a->map_out = a->map_default = 0;
		a->aspath_list_in = a->aspath_list_out = 0;
	}
	p->conf = c;
	peer_gone(b, p);
}

static void keep_peers(struct bgp *b, const struct bgp_confs *c, uint8_t all)
{
	uint32_t hint = 0;
	LIST_EACH (it, tmp, &b->peers->all) {
		struct bgp_session *s = LIST_ENTRY(it, struct bgp_session, link);
		struct bgp_peer *p = s->fsm[0].peer;
		const struct conf_bgp_peer *was = p->conf, *is = s->gone ? NULL : find_conf(b, p, &hint);
		if (!is && was != &s->last_conf)
			orphan(b, p);
		if (!is)
			continue;
		peer_take_conf(b, p, is);
		apply(b, p, c, was, all);
	}
}

static void new_peers(struct bgp *b)
{
	for (uint32_t i = 0; i < b->cb->peers.n; i++) {
		const struct conf_bgp_peer *c = peer_conf(b->conf, b->cb, i);
		char text[ADDR_TEXT];
		if (c->address.family != AF_NONE && !peer_find(b, &c->address) && !peer_new(b, &c->address, c, false))
			act_note(b, -1, "no memory for neighbor %s", addr_str(&c->address, text));
	}
}

static void parts(struct bgp *b, uint8_t all)
{
	if (all & EFFECT_FIB)
		fib_conf(b, b->now);
	if (all & EFFECT_DECIDE)
		rib_decide_all(b);
	local_conf(b, b->now);
	aggregate_conf(b, b->now);
}

static void take(struct bgp *b, const struct conf *conf, const struct conf_bgp *cb)
{
	b->conf = conf;
	b->cb = cb;
}

int reconf_apply(struct bgp *b, const struct conf *conf)
{
	struct bgp_confs c = {.x = b->conf, .y = conf, .bx = b->cb, .by = conf ? conf_bgp(conf) : NULL};
	if (!c.by)
		return -EINVAL;
	take(b, conf, c.by);
	int err = filter_compile(b);
	if (err < 0) {
		take(b, c.x, c.bx);
		if (c.bx && filter_compile(b) < 0)
			act_note(b, -1, "no memory for filters: until the next configuration all routes are refused");
		return err;
	}
	uint32_t id = b->router_id;
	world_router_id(b);
	uint8_t all = c.bx ? same_bgp(&c) : EFFECT_FIB;
	if (c.bx && id != b->router_id)
		all |= EFFECT_RESET;
	if (c.bx)
		keep_peers(b, &c, all);
	new_peers(b);
	parts(b, all);
	if (!c.bx)
		gr_start(b);
	b->peers->want_listen = b->peers->look = true;
	return 0;
}
