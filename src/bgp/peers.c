/* The peers of bgp/: by index, by address; those of a listen range come with their connection and go with their session. */
#include "bgp/parts.h"

#include <errno.h>
#include <string.h>

enum { PEERS_MAX = 65535, TIMERS_OF_PEER = 2 * T_FSM_N + T_SESSION_N, TIMERS_OF_ENGINE = 1 };

int peers_init(struct bgp *b)
{
	struct bgp_peers_state *ps = mem_get(b->env.mem, sizeof *ps);
	b->peers = ps;
	if (!ps)
		return -ENOMEM;
	list_init(&ps->all);
	list_init(&ps->gone);
	list_init(&ps->tunnels);
	ps->defer = (struct bgp_timer){.t.tag = TAG_ENGINE};
	ps->canon = mem_get(b->env.mem, BGP_CANON_MAX);
	if (!ps->canon || hmap_init(&ps->by_addr, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng)) < 0)
		return -ENOMEM;
	return conn_init(b);
}

static void peer_free(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_peers_state *ps = b->peers;
	struct bgp_session *s = p->session;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < T_FSM_N; k++)
			heap_clear(&b->timers, &s->fsm[i].timer[k].t);
		if (s->fsm[i].conn)
			conn_close(b, s->fsm[i].conn);
	}
	for (size_t k = 0; k < T_SESSION_N; k++)
		heap_clear(&b->timers, &s->timer[k].t);
	list_del(&s->link);
	list_del(&s->gone_link);
	hmap_del(&ps->by_addr, &s->node);
	ps->at[p->index] = NULL;
	ps->n--;
	ps->n_dynamic -= p->dynamic;
	mem_put(b->env.mem, s, sizeof *s);
	mem_put(b->env.mem, p, sizeof *p);
}

void peers_fini(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	if (!ps)
		return;
	LIST_EACH (it, tmp, &ps->all)
		peer_free(b, LIST_ENTRY(it, struct bgp_session, link)->fsm[0].peer);
	world_fini(b);
	if (ps->conns.bucket)
		conn_fini(b);
	hmap_fini(&ps->by_addr);
	mem_put(b->env.mem, ps->at, sizeof *ps->at * ps->cap);
	mem_put(b->env.mem, ps->canon, BGP_CANON_MAX);
	mem_put(b->env.mem, ps, sizeof *ps);
	b->peers = NULL;
}

/* --- finding --- */

struct bgp_peer *peer_at(const struct bgp *b, uint32_t index) { return index < b->peers->cap ? b->peers->at[index] : NULL; }

static uint64_t hash(const struct bgp *b, const struct addr *a) { return hmap_hash(&b->peers->by_addr, a->b, addr_len(a)); }

struct bgp_peer *peer_find(const struct bgp *b, const struct addr *a)
{
	for (struct hnode *n = hmap_first(&b->peers->by_addr, hash(b, a)); n; n = hmap_next(n)) {
		struct bgp_session *s = CONTAINER_OF(n, struct bgp_session, node);
		if (!s->gone && addr_eq(&s->fsm[0].peer->address, a))
			return s->fsm[0].peer;
	}
	return NULL;
}

bool peer_next(const struct bgp *b, uint32_t *cursor, struct bgp_peer **out)
{
	const struct bgp_peers_state *ps = b->peers;
	while (++*cursor < ps->cap) {
		*out = ps->at[*cursor];
		if (*out)
			return true;
	}
	return false;
}

/* The narrowest listen range that holds the address; NULL. */
static const struct conf_bgp_peer *range_of(const struct bgp *b, const struct addr *a)
{
	const struct conf_bgp_peer *best = NULL;
	for (uint32_t i = 0; i < b->cb->peers.n; i++) {
		const struct conf_bgp_peer *c = conf_at(b->conf, b->cb->peers, sizeof *c, i);
		if (c->address.family == AF_NONE && c->range.addr.family == a->family && addr_in(a, &c->range) && !c->shutdown &&
		    (!best || c->range.len > best->range.len))
			best = c;
	}
	return best;
}

struct bgp_peer *peer_for(struct bgp *b, const struct addr *a)
{
	struct bgp_peer *p = peer_find(b, a);
	if (p || !b->cb || b->stopping || !b->synced || b->cb->shutdown)
		return p;
	const struct conf_bgp_peer *c = range_of(b, a);
	if (!c)
		return NULL;
	if (b->peers->n_dynamic >= b->cb->listen_limit) {
		if (b->now - b->peers->limit_note_at >= DUR_S(10) || b->peers->limit_note_at == 0)
			act_note(b, 0, "no more dynamic neighbors: the limit is %u", b->cb->listen_limit);
		b->peers->limit_note_at = b->now;
		return NULL;
	}
	p = peer_new(b, a, c, true);
	if (p)
		session_settle(b, p);
	return p;
}

/* --- coming and going --- */

/* An index that was free for as long as possible: messages that are still queued name their source by it. */
static uint32_t free_index(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	for (uint32_t tries = 1; tries < ps->cap; tries++) {
		uint32_t i = ps->last_index + tries;
		if (i >= ps->cap)
			i = i - ps->cap + 1;
		if (!ps->at[i]) {
			ps->last_index = i;
			return i;
		}
	}
	uint32_t cap = ps->cap ? ps->cap * 2 : 16;
	if (cap > PEERS_MAX + 1)
		cap = PEERS_MAX + 1;
	struct bgp_peer **at = cap > ps->cap ? mem_get(b->env.mem, sizeof *at * cap) : NULL;
	if (!at)
		return 0;
	if (ps->cap)
		memcpy(at, ps->at, sizeof *at * ps->cap);
	mem_put(b->env.mem, ps->at, sizeof *at * ps->cap);
	ps->at = at;
	uint32_t i = ps->cap ? ps->cap : 1;
	ps->cap = cap;
	ps->last_index = i;
	return i;
}

struct bgp_peer *peer_new(struct bgp *b, const struct addr *a, const struct conf_bgp_peer *conf, bool dynamic)
{
	struct bgp_peers_state *ps = b->peers;
	uint32_t index = free_index(b);
	if (!index || heap_reserve(&b->timers, (ps->n + 1) * TIMERS_OF_PEER + TIMERS_OF_ENGINE) < 0)
		return NULL;
	struct bgp_peer *p = mem_get(b->env.mem, sizeof *p);
	struct bgp_session *s = mem_get(b->env.mem, sizeof *s);
	if (!p || !s) {
		mem_put(b->env.mem, p, sizeof *p);
		mem_put(b->env.mem, s, sizeof *s);
		return NULL;
	}
	p->index = (uint16_t)index;
	p->address = *a;
	p->session = s;
	p->dynamic = dynamic;
	session_init(p);
	peer_take_conf(b, p, conf);
	ps->at[index] = p;
	ps->n++;
	ps->n_dynamic += dynamic;
	list_add_tail(&ps->all, &s->link);
	hmap_add(&ps->by_addr, &s->node, hash(b, a));
	ps->look = true;
	return p;
}

void peer_gone(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	if (s->gone)
		return;
	s->gone = true;
	session_bfd_stop(b, p);
	session_settle(b, p);
	list_add_tail(&b->peers->gone, &s->gone_link);
}

void peers_sweep(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	if (list_empty(&ps->gone))
		return;
	engine_walk(b); /* no path may name a peer that is no more */
	LIST_EACH (it, tmp, &ps->gone) {
		struct bgp_session *s = LIST_ENTRY(it, struct bgp_session, gone_link);
		if (!s->bfd_stop) /* its last action is out */
			peer_free(b, s->fsm[0].peer);
	}
}

bool peers_acts(struct bgp *b)
{
	LIST_EACH (it, tmp, &b->peers->all) {
		if (session_acts(b, LIST_ENTRY(it, struct bgp_session, link)->fsm[0].peer))
			return true;
	}
	return false;
}

/* --- what a peer's configuration means --- */

uint32_t peer_local_as(const struct bgp *b, const struct bgp_peer *p) { return p->conf->local_as ? p->conf->local_as : b->cb->as; }

dur_t peer_hold(const struct bgp *b, const struct bgp_peer *p) { return p->conf->hold >= 0 ? p->conf->hold : b->cb->hold; }

void peer_take_conf(struct bgp *b, struct bgp_peer *p, const struct conf_bgp_peer *conf)
{
	p->conf = conf;
	p->external = conf->external || (conf->remote_as != 0 && conf->remote_as != peer_local_as(b, p));
	if (p->session->up == NULL)
		p->as = conf->external ? 0 : conf->remote_as ? conf->remote_as : peer_local_as(b, p);
}
