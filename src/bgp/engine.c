/* Entry points of bgp/: who is who, what a fact means to whom, and the work that is left at the end of a call. Each call is
 * bounded: what does not fit into it, or into the caller's array, goes on when bgp_due() says so. Called by route/. */
#include "bgp/parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_ROOM = 16 /* actions that notes leave for others */, TIMERS_A_CALL = 64, WALKS_MAX = 1 << 20 };

/* --- what the other files use --- */

struct bgp_act *act_add(struct bgp *b, uint8_t type)
{
	struct bgp_acts *acts = b->acts;
	if (!acts || acts->n >= BGP_ACTS_MAX)
		return NULL;
	struct bgp_act *a = &acts->v[acts->n++];
	*a = (struct bgp_act){.type = type};
	return a;
}

void act_note(struct bgp *b, int level, const char *fmt, ...)
{
	struct bgp_act *a = b->acts && b->acts->n + NOTE_ROOM < BGP_ACTS_MAX ? act_add(b, BGP_ACT_NOTE) : NULL;
	va_list ap;
	if (!a) {
		b->peers->notes_lost++;
		return;
	}
	a->u.note.level = (int8_t)level;
	va_start(ap, fmt);
	(void)vsnprintf(a->u.note.text, sizeof a->u.note.text, fmt, ap);
	va_end(ap);
}

void engine_walk(struct bgp *b)
{
	for (size_t i = 0; i < WALKS_MAX && rib_work(b, b->now); i++)
		;
}

/* --- life --- */

typedef int init_fn(struct bgp *b);
typedef void fini_fn(struct bgp *b);
static const struct { init_fn *init; fini_fn *fini; } parts[] = {
	{peers_init, peers_fini}, {nht_init, nht_fini}, {attr_init, attr_fini}, {rib_init, rib_fini}, {filter_init, filter_fini},
	{adj_init, adj_fini}, {local_init, local_fini}, {aggregate_init, aggregate_fini}, {fib_init, fib_fini},
};

/* Who refers to others goes first: everybody to peers, paths to attributes. */
static void fini_parts(struct bgp *b, size_t n)
{
	while (n > 0)
		parts[--n].fini(b);
}

void bgp_free(struct bgp *b)
{
	if (!b)
		return;
	b->acts = NULL;
	fini_parts(b, ARRAY_LEN(parts));
	heap_fini(&b->timers);
	mem_put(b->env.mem, b, sizeof *b);
}

struct bgp *bgp_new(const struct bgp_env *env)
{
	struct bgp *b = mem_get(env->mem, sizeof *b);
	if (!b)
		return NULL;
	b->env = *env;
	heap_init(&b->timers, env->mem);
	size_t n = 0;
	bool ok = heap_reserve(&b->timers, 1) == 0;
	while (ok && n < ARRAY_LEN(parts))
		ok = parts[n++].init(b) == 0;
	if (ok)
		return b;
	fini_parts(b, n); /* each can undo an init that failed */
	heap_fini(&b->timers);
	mem_put(env->mem, b, sizeof *b);
	return NULL;
}

static void begin(struct bgp *b, mono_t now, struct bgp_acts *acts)
{
	b->now = now;
	b->acts = acts;
}

/* Facts and walks may set off each other: routes change what next hops resolve to. */
static bool work(struct bgp *b)
{
	bool more = adj_rest(b) <= b->now && attr_work(b);
	more |= rib_work(b, b->now);
	more |= local_work(b, b->now);
	more |= aggregate_work(b, b->now);
	return more;
}

static void look(struct bgp *b)
{
	if (!b->peers->look)
		return;
	b->peers->look = false;
	if (b->router_id == 0) {
		world_router_id(b);
		if (b->router_id)
			aggregate_conf(b, b->now); /* aggregates carry it */
	}
	world_look(b);
}

/* What every call ends with. */
static void finish(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	bool more = false;
	if (b->conf) {
		look(b);
		more = work(b);
		peers_sweep(b);
		gr_look(b);
		adj_tick(b, b->now);
	}
	conn_expire(b);
	more |= conn_acts(b);
	if (b->conf) {
		more |= ps->more = peers_acts(b) || !list_empty(&ps->gone);
		if (ps->want_listen && act_add(b, BGP_ACT_LISTEN))
			ps->want_listen = false;
		more |= ps->want_listen;
		if (!gr_deferring(b))
			more |= fib_work(b, b->now, b->acts);
	}
	ps->more = more || (b->conf && ps->look);
	b->acts = NULL;
}

/* --- the five verbs --- */

void bgp_input(struct bgp *b, uint32_t conn, struct span octets, mono_t now, struct bgp_acts *acts)
{
	begin(b, now, acts);
	struct bgp_conn *c = conn_find(b, conn);
	if (c && c->fsm && c->connected && octets.n)
		conn_input(b, c, octets);
	finish(b);
}

static void engine_timer(struct bgp *b, struct timer *t)
{
	struct bgp_timer *timer = CONTAINER_OF(t, struct bgp_timer, t);
	if (t->tag == TAG_ENGINE)
		gr_give_up(b);
	else
		session_timer(b, timer);
}

void bgp_timer(struct bgp *b, mono_t now, struct bgp_acts *acts)
{
	begin(b, now, acts);
	for (size_t i = 0; i < TIMERS_A_CALL && acts->n < BGP_ACTS_MAX / 2; i++) {
		struct timer *t = heap_pop(&b->timers, now);
		if (!t)
			break;
		engine_timer(b, t);
	}
	finish(b);
}

mono_t bgp_due(const struct bgp *b)
{
	if (b->peers->more)
		return b->now;
	mono_t due = heap_due(&b->timers);
	if (b->conf)
		due = mono_min(due, mono_min(adj_due(b), attr_idle(b) ? adj_rest(b) : MONO_NEVER));
	LIST_EACH (it, tmp, &b->peers->closing)
		due = mono_min(due, LIST_ENTRY(it, struct bgp_conn, closing)->gone_at);
	return due;
}

/* --- commands --- */

static void clear(struct bgp *b, struct bgp_peer *p, const struct bgp_cmd *cmd)
{
	struct bgp_session *s = p->session;
	if (cmd->soft_in)
		reconf_soft_in(b, p);
	if (cmd->soft_out)
		reconf_soft_out(b, p);
	if (cmd->soft_in || cmd->soft_out)
		return;
	s->held = false;
	session_set_timer(b, &s->timer[T_RESTART], 0);
	session_end(b, p, EV_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESET}, "Admin. reset", true, false);
	if (s->gone)
		return;
	s->tries = 0;
	session_settle(b, p);
	session_poke(b, p);
}

static int clear_some(struct bgp *b, const struct bgp_cmd *cmd)
{
	if (!b->conf)
		return -ENOENT;
	if (cmd->peer.family != AF_NONE) {
		struct bgp_peer *p = peer_find(b, &cmd->peer);
		if (!p)
			return -ENOENT;
		clear(b, p, cmd);
		return 0;
	}
	LIST_EACH (it, tmp, &b->peers->all)
		clear(b, LIST_ENTRY(it, struct bgp_session, link)->fsm[0].peer, cmd);
	return 0;
}

static int stop(struct bgp *b, bool graceful)
{
	b->stopping = true;
	b->peers->graceful = graceful;
	if (!b->conf)
		return 0;
	fib_stop(b, graceful);
	world_look(b);
	return 0;
}

int bgp_command(struct bgp *b, const struct bgp_cmd *cmd, mono_t now, struct bgp_acts *acts)
{
	int r = -EINVAL;
	begin(b, now, acts);
	if (cmd->type == BGP_CMD_CONF)
		r = reconf_apply(b, cmd->conf);
	else if (cmd->type == BGP_CMD_CLEAR)
		r = clear_some(b, cmd);
	else if (cmd->type == BGP_CMD_STOP)
		r = stop(b, cmd->graceful);
	finish(b);
	return r;
}

/* --- facts --- */

static void on_connected(struct bgp *b, const struct bgp_fact *f)
{
	struct bgp_conn *c = conn_find(b, f->conn);
	if (!c || !c->fsm || c->connected)
		return;
	c->connected = true;
	c->local = f->local;
	c->remote = f->remote;
	c->last_rx = c->last_tx = b->now;
	(void)fsm_event(b, c->fsm, m_open_loses(b, c->fsm) ? EV_COLLISION : EV_CR_ACKED);
}

/* The session is up, and the peer calls again: it may have restarted without our noticing. */
static bool take_while_up(struct bgp *b, struct bgp_peer *p)
{
	struct bgp_session *s = p->session;
	const struct bgp_caps *c = &p->open_rcvd.caps;
	if (c->gr && (c->gr_af[BGP_V4] || c->gr_af[BGP_V6]) && p->open_sent.caps.gr) { /* RFC 4724 5 */
		struct bgp_step step = {.b = b, .f = s->up, .event = EV_FAILS, .why = "the peer has restarted"};
		(void)fsm_run(&step);
		return !s->gone;
	}
	/* If it has, its system answers this with a reset, and the next call is taken. */
	out_keepalive(b, s->up);
	return false;
}

static void on_accepted(struct bgp *b, const struct bgp_fact *f)
{
	struct bgp_peer *p = b->conf && (f->conn & BGP_CONN_IN) && !conn_find(b, f->conn) ? peer_for(b, &f->remote.addr) : NULL;
	struct bgp_fsm *in = p ? &p->session->fsm[1] : NULL;
	bool take = p && p->session->hindrance == HINDER_NONE && (!p->session->up || take_while_up(b, p));
	if (take && in->state != BGP_IDLE) /* the older one of two of the peer's is none that it still knows of */
		(void)fsm_event(b, in, EV_COLLISION);
	take = take && !p->session->gone && in->state == BGP_IDLE && !m_open_loses(b, in);
	if (!take || !conn_accepted(b, in, f)) {
		conn_refuse(b, f->conn);
		return;
	}
	session_set_timer(b, &p->session->timer[T_IDLE_HOLD], 0);
	(void)fsm_event(b, in, EV_START);
	(void)fsm_event(b, in, EV_CONFIRMED);
}

static void on_closed(struct bgp *b, const struct bgp_fact *f)
{
	struct bgp_conn *c = conn_find(b, f->conn);
	if (!c)
		return;
	struct bgp_fsm *fsm = c->fsm;
	conn_forget(b, c);
	if (!fsm)
		return;
	struct bgp_step s = {.b = b, .f = fsm, .event = EV_FAILS, .why = f->status < 0 ? strerrordesc_np(-f->status) : NULL};
	(void)fsm_run(&s);
}

static void host_prefix(struct prefix *out, const struct addr *a)
{
	*out = (struct prefix){.addr = *a, .len = (uint8_t)(addr_len(a) * 8)};
}

static void on_addr(struct bgp *b, const struct bgp_fact *f)
{
	struct prefix p;
	nht_addr(b, &f->address, f->gone);
	if (!b->conf)
		return;
	local_kernel_route(b, &f->address.local, b->now);
	host_prefix(&p, &f->address.local.addr);
	local_kernel_route(b, &p, b->now);
	host_prefix(&p, &f->address.peer);
	if (p.addr.family != AF_NONE)
		local_kernel_route(b, &p, b->now);
}

static void on_route(struct bgp *b, const struct bgp_fact *f)
{
	if (BUG(!f->route))
		return;
	nht_route(b, f->route, f->gone);
	b->peers->look |= f->route->source == ROUTE_CONNECTED;
	if (b->conf)
		local_kernel_route(b, &f->route->dst, b->now);
}

void bgp_report(struct bgp *b, const struct bgp_fact *f, mono_t now, struct bgp_acts *acts)
{
	begin(b, now, acts);
	switch (f->type) {
	case BGP_FACT_CONNECTED: on_connected(b, f); break;
	case BGP_FACT_ACCEPTED: on_accepted(b, f); break;
	case BGP_FACT_CLOSED: on_closed(b, f); break;
	case BGP_FACT_LINK:
		nht_link(b, &f->link, f->gone);
		b->peers->look = true;
		break;
	case BGP_FACT_ADDR:
		on_addr(b, f);
		b->peers->look = true;
		break;
	case BGP_FACT_ROUTE: on_route(b, f); break;
	case BGP_FACT_SYNCED:
		b->synced = true;
		b->peers->look = true;
		break;
	case BGP_FACT_TUNNEL: world_tunnel(b, f); break;
	case BGP_FACT_ROUTE_FAILED: fib_failed(b, f->ticket, f->status); break;
	case BGP_FACT_BFD:
		if (b->conf)
			world_bfd(b, f);
		break;
	default: break;
	}
	finish(b);
}

/* --- output --- */

void bgp_sent(struct bgp *b, uint32_t conn, size_t octets, mono_t now, struct bgp_acts *acts)
{
	begin(b, now, acts);
	struct bgp_conn *c = conn_find(b, conn);
	if (c)
		out_sent(b, c, octets);
	finish(b);
}

bool bgp_idle(const struct bgp *b) { return b->stopping && !b->peers->more && b->peers->conns.n == 0; }
