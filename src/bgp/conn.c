/* Connections of bgp/: numbers, the octets that come in, cut into messages, and the actions that they need. Who owns one is
 * session.c's business. A message is read where it lies in the caller's octets; only the start of one whose end has not come
 * yet is kept. Called by engine.c. */
#include "bgp/parts.h"

#include <string.h>

#define LINGER DUR_S(10) /* for a goodbye that nobody fetches */

enum { IN_FIRST = 512 };

int conn_init(struct bgp *b)
{
	struct bgp_peers_state *ps = b->peers;
	list_init(&ps->kick);
	list_init(&ps->closing);
	return hmap_init(&ps->conns, b->env.mem, rng_u64(b->env.rng), rng_u64(b->env.rng));
}

static void drop_in(struct bgp *b, struct bgp_conn *c)
{
	mem_put(b->env.mem, c->in, c->in_cap);
	c->in = NULL;
	c->in_len = c->in_cap = 0;
}

static void conn_free(struct bgp *b, struct bgp_conn *c)
{
	if (c->fsm)
		c->fsm->conn = NULL;
	drop_in(b, c);
	out_free(b, c);
	list_del(&c->kick);
	list_del(&c->closing);
	hmap_del(&b->peers->conns, &c->node);
	mem_put(b->env.mem, c, sizeof *c);
}

void conn_fini(struct bgp *b)
{
	struct hmap *m = &b->peers->conns;
	for (size_t i = 0; i < m->n_buckets; i++) {
		while (m->bucket[i])
			conn_free(b, CONTAINER_OF(m->bucket[i], struct bgp_conn, node));
	}
	hmap_fini(m);
}

struct bgp_conn *conn_find(const struct bgp *b, uint32_t id)
{
	const struct hmap *m = &b->peers->conns;
	for (struct hnode *n = hmap_first(m, hmap_hash(m, &id, sizeof id)); n; n = hmap_next(n)) {
		struct bgp_conn *c = CONTAINER_OF(n, struct bgp_conn, node);
		if (c->id == id)
			return c;
	}
	return NULL;
}

static struct bgp_conn *conn_new(struct bgp *b, uint32_t id, struct bgp_fsm *f)
{
	struct hmap *m = &b->peers->conns;
	struct bgp_conn *c = mem_get(b->env.mem, sizeof *c);
	if (!c)
		return NULL;
	c->id = id;
	c->fsm = f;
	c->gone_at = MONO_NEVER;
	c->last_rx = c->last_tx = b->now;
	list_init(&c->kick);
	list_init(&c->closing);
	hmap_add(m, &c->node, hmap_hash(m, &id, sizeof id));
	if (f)
		f->conn = c;
	return c;
}

struct bgp_conn *conn_open(struct bgp *b, struct bgp_fsm *f, const struct bgp_connect *call)
{
	struct bgp_peers_state *ps = b->peers;
	do
		ps->last_conn = (ps->last_conn + 1) & ~BGP_CONN_IN;
	while (ps->last_conn == 0 || conn_find(b, ps->last_conn));
	struct bgp_conn *c = conn_new(b, ps->last_conn, f);
	if (!c)
		return NULL;
	c->call = *call;
	c->open_asked = true;
	conn_kick(b, c);
	return c;
}

struct bgp_conn *conn_accepted(struct bgp *b, struct bgp_fsm *f, const struct bgp_fact *fact)
{
	struct bgp_conn *c = conn_new(b, fact->conn, f);
	if (!c)
		return NULL;
	c->connected = true;
	c->local = fact->local;
	c->remote = fact->remote;
	c->ifindex = fact->ifindex;
	return c;
}

void conn_refuse(struct bgp *b, uint32_t id)
{
	struct bgp_conn *c = conn_new(b, id, NULL);
	if (c) {
		conn_close(b, c);
		return;
	}
	struct bgp_act *a = act_add(b, BGP_ACT_CLOSE);
	if (a)
		a->conn = id;
}

void conn_close(struct bgp *b, struct bgp_conn *c)
{
	if (c->fsm) {
		out_settle(b, c);
		c->fsm->conn = NULL;
		c->fsm = NULL;
	}
	/* The octets that came stay until the end: a message of them may be what this is about. */
	if (c->open_asked) { /* the caller has not heard of it */
		c->gone_at = 0;
		c->open_asked = false;
	} else {
		c->want_close = true;
		c->gone_at = mono_add(b->now, LINGER);
	}
	if (list_empty(&c->closing))
		list_add_tail(&b->peers->closing, &c->closing);
	conn_kick(b, c);
}

void conn_forget(struct bgp *b, struct bgp_conn *c) { conn_free(b, c); }

void conn_kick(struct bgp *b, struct bgp_conn *c)
{
	if (list_empty(&c->kick))
		list_add_tail(&b->peers->kick, &c->kick);
}

/* False: the array is full. */
static bool bring_out(struct bgp *b, struct bgp_conn *c)
{
	if (c->open_asked) {
		struct bgp_act *a = act_add(b, BGP_ACT_CONNECT);
		if (!a)
			return false;
		a->conn = c->id;
		a->u.connect = c->call;
		c->open_asked = false;
	}
	if (c->want_close) {
		struct bgp_act *a = act_add(b, BGP_ACT_CLOSE);
		if (!a)
			return false;
		a->conn = c->id;
		c->want_close = c->want_output = false;
	}
	if (c->want_output && c->connected && !c->told && c->fsm) {
		struct bgp_act *a = act_add(b, BGP_ACT_OUTPUT);
		if (!a)
			return false;
		a->conn = c->id;
		c->told = true;
	}
	c->want_output = false;
	return true;
}

bool conn_acts(struct bgp *b)
{
	LIST_EACH (it, tmp, &b->peers->kick) {
		struct bgp_conn *c = LIST_ENTRY(it, struct bgp_conn, kick);
		if (!bring_out(b, c))
			return true;
		list_del(&c->kick);
		if (!c->fsm && !c->out)
			conn_free(b, c);
	}
	return false;
}

bool conn_closing(const struct bgp *b) { return !list_empty(&b->peers->closing); }

void conn_expire(struct bgp *b)
{
	LIST_EACH (it, tmp, &b->peers->closing) {
		struct bgp_conn *c = LIST_ENTRY(it, struct bgp_conn, closing);
		if (c->gone_at <= b->now && !c->want_close)
			conn_free(b, c);
	}
}

/* --- octets --- */

static void dispatch(struct bgp *b, struct bgp_fsm *f, const struct bgp_frame *frame)
{
	struct bgp_session *s = f->peer->session;
	switch (frame->type) {
	case BGP_OPEN:
		s->in[C_OPEN]++;
		m_open_read(b, f, frame->body);
		break;
	case BGP_UPDATE:
		s->in[C_UPDATE]++;
		/* The row of an UPDATE in Established only keeps the session alive, which last_rx has done. */
		if (f == s->up)
			m_update_read(b, f, frame->body);
		else
			(void)fsm_event(b, f, EV_UPDATE);
		break;
	case BGP_NOTIFICATION:
		s->in[C_NOTIFICATION]++;
		m_notification_read(b, f, frame->body);
		break;
	case BGP_KEEPALIVE:
		s->in[C_KEEPALIVE]++;
		(void)fsm_event(b, f, EV_KEEPALIVE);
		break;
	default:
		s->in[C_REFRESH]++;
		m_refresh_read(b, f, frame);
		break;
	}
}

static uint32_t frame_max(const struct bgp_fsm *f)
{
	const struct bgp_peer *p = f->peer;
	return p->session->up == f ? p->coding.max : BGP_MSG_MAX;
}

/* One message from the start of `in`: its length, 0 when it is not there in full, -1 when the connection is over. */
static int64_t one(struct bgp *b, struct bgp_conn *c, struct span in)
{
	struct bgp_fsm *f = c->fsm;
	struct bgp_frame frame;
	struct bgp_error e = {0};
	int r = bgp_frame(in, frame_max(f), &frame, &e);
	if (r == 0)
		return 0;
	if (r < 0) {
		struct bgp_step s = {.b = b, .f = f, .event = EV_HEADER_ERR, .error = e};
		(void)fsm_run(&s);
		return -1;
	}
	dispatch(b, f, &frame);
	return c->fsm ? (int64_t)frame.len : -1;
}

/* Room for n octets in all, for the start of a message. */
static bool in_room(struct bgp *b, struct bgp_conn *c, uint32_t n)
{
	if (n <= c->in_cap)
		return true;
	uint32_t cap = c->in_cap ? c->in_cap : IN_FIRST;
	while (cap < n)
		cap *= 2;
	uint8_t *p = mem_get(b->env.mem, cap);
	if (!p)
		return false;
	if (c->in_len)
		memcpy(p, c->in, c->in_len);
	mem_put(b->env.mem, c->in, c->in_cap);
	c->in = p;
	c->in_cap = cap;
	return true;
}

static bool keep(struct bgp *b, struct bgp_conn *c, struct span octets)
{
	if (octets.n == 0)
		return true;
	if (!in_room(b, c, c->in_len + (uint32_t)octets.n)) {
		session_end(b, c->fsm->peer, EV_AUTO_STOP, &(struct bgp_error){.code = BGP_E_CEASE, .sub = BGP_E_RESOURCES},
		            "no memory for a message", false, false);
		return false;
	}
	memcpy(c->in + c->in_len, octets.p, octets.n);
	c->in_len += (uint32_t)octets.n;
	return true;
}

/* How much is missing of the message that c->in begins: of its header first, then of the whole. */
static size_t missing(const struct bgp_conn *c)
{
	if (c->in_len < BGP_HDR_LEN)
		return BGP_HDR_LEN - c->in_len;
	struct rd r = rd_init(c->in, c->in_len);
	rd_skip(&r, 16);
	uint16_t len = rd_u16(&r);
	return len > c->in_len ? len - c->in_len : 0;
}

/* Completes the message whose start was kept; false: the connection is over, or the octets did not suffice. */
static bool complete(struct bgp *b, struct bgp_conn *c, struct span *octets)
{
	while (c->in_len) {
		size_t n = min_z(missing(c), octets->n);
		if (n > 0 && !keep(b, c, SPAN(octets->p, n)))
			return false;
		*octets = span_behind(*octets, n);
		int64_t r = one(b, c, SPAN(c->in, c->in_len));
		if (r < 0 || (r == 0 && octets->n == 0))
			return false;
		if (r > 0)
			c->in_len = 0;
	}
	if (c->in_cap > BGP_MSG_MAX)
		drop_in(b, c);
	return true;
}

void conn_input(struct bgp *b, struct bgp_conn *c, struct span octets)
{
	c->last_rx = b->now;
	if (!complete(b, c, &octets))
		return;
	while (octets.n >= BGP_HDR_LEN) {
		int64_t r = one(b, c, octets);
		if (r < 0)
			return;
		if (r == 0)
			break;
		octets = span_behind(octets, (size_t)r);
	}
	(void)keep(b, c, octets);
}
