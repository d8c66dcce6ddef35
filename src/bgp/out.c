/* What a connection has to send: our own messages (OPEN, KEEPALIVE, NOTIFICATION, ROUTE-REFRESH) lie in a queue of the
 * connection, UPDATEs in the messages of the peer's groups (adj_out.c). Own ones go first, but never into the middle of an
 * UPDATE that has begun to go out. Called by engine.c's callers through bgp_output and bgp_sent. */
#include "bgp/parts.h"

#include <string.h>

enum { RUNS = 64 };

static struct bgp_out *out_new(struct bgp *b, size_t n)
{
	struct bgp_out *o = mem_get(b->env.mem, sizeof *o + n);
	if (o)
		o->len = (uint32_t)n;
	return o;
}

static void out_done(struct bgp *b, struct bgp_conn *c)
{
	struct bgp_out *o = c->out;
	c->out = o->next;
	if (!c->out)
		c->out_last = NULL;
	c->out_sent = 0;
	c->out_octets -= o->len;
	mem_put(b->env.mem, o, sizeof *o + o->len);
}

void out_free(struct bgp *b, struct bgp_conn *c)
{
	while (c->out)
		out_done(b, c);
}

bool out_put(struct bgp *b, struct bgp_conn *c, const struct wr *w)
{
	struct bgp_out *o = wr_ok(w) ? out_new(b, w->len) : NULL;
	if (!o)
		return false;
	memcpy(o->data, w->base, w->len);
	if (c->out_last)
		c->out_last->next = o;
	else
		c->out = o;
	c->out_last = o;
	c->out_octets += o->len;
	c->want_output = true;
	conn_kick(b, c);
	return true;
}

void out_keepalive(struct bgp *b, struct bgp_fsm *f)
{
	uint8_t buf[BGP_HDR_LEN];
	struct wr w = wr_init(buf, sizeof buf);
	/* One that is still waiting says the same. */
	if (f->conn->out_last && f->conn->out_last->len == BGP_HDR_LEN && f->conn->out_octets > BGP_HDR_LEN)
		return;
	bgp_keepalive_encode(&w);
	if (out_put(b, f->conn, &w))
		f->peer->session->out[C_KEEPALIVE]++;
}

void out_notification(struct bgp *b, struct bgp_fsm *f, const struct bgp_error *e, bool hard)
{
	uint8_t buf[BGP_MSG_MAX];
	struct wr w = wr_init(buf, sizeof buf);
	struct bgp_error cut = *e;
	cut.data.n = min_z(cut.data.n, 512); /* a message of 4096 octets that is quoted would not fit */
	bgp_notification_encode(&w, &cut, hard);
	if (out_put(b, f->conn, &w))
		f->peer->session->out[C_NOTIFICATION]++;
}

void out_refresh(struct bgp *b, struct bgp_peer *p, uint8_t af, uint8_t kind)
{
	uint8_t buf[BGP_HDR_LEN + 4];
	struct wr w = wr_init(buf, sizeof buf);
	struct bgp_fsm *f = p->session->up;
	if (!f || !f->conn)
		return;
	bgp_refresh_encode(&w, af, kind);
	if (out_put(b, f->conn, &w))
		p->session->out[C_REFRESH]++;
}

/* Whose group messages follow the queue; NULL: nobody's. */
static struct bgp_peer *member(const struct bgp_conn *c)
{
	return c->fsm && c->fsm->peer->session->up == c->fsm ? c->fsm->peer : NULL;
}

static bool own_first(const struct bgp_conn *c) { return c->out && (c->out_sent > 0 || c->adj_left == 0); }

static size_t own_runs(const struct bgp_conn *c, struct span *out, size_t max)
{
	size_t n = 0, skip = c->out_sent;
	for (const struct bgp_out *o = c->out; o && n < max; o = o->next, skip = 0)
		out[n++] = span_behind(SPAN(o->data, o->len), skip);
	return n;
}

/* Shortens runs to `left` octets in all. */
static size_t trim(struct span *out, size_t n, size_t left)
{
	for (size_t i = 0; i < n; i++) {
		if (left <= out[i].n) {
			out[i].n = left;
			return left ? i + 1 : i;
		}
		left -= out[i].n;
	}
	return n;
}

size_t bgp_output(struct bgp *b, uint32_t conn, struct span *out, size_t max)
{
	struct bgp_conn *c = conn_find(b, conn);
	if (!c || max == 0)
		return 0;
	struct bgp_peer *p = member(c);
	size_t n = 0;
	if (own_first(c)) {
		n = own_runs(c, out, max);
		if (p && n < max)
			n += adj_output(b, p, out + n, max - n);
	} else if (p) {
		n = adj_output(b, p, out, max);
		if (c->out)
			n = trim(out, n, c->adj_left);
	}
	if (n == 0)
		c->told = false;
	return n;
}

/* One octet of runs that are one stream; 0 beyond them. */
static uint8_t octet(const struct span *run, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++) {
		if (at < run[i].n)
			return *span_behind(run[i], at).p;
		at -= run[i].n;
	}
	return 0;
}

/* Follows the borders of a group's messages while `octets` of the runs go out. */
static void follow(struct bgp_conn *c, struct bgp_session *s, const struct span *run, size_t n, size_t octets)
{
	size_t at = 0;
	while (at < octets) {
		if (c->adj_left == 0) {
			c->adj_left = (uint32_t)octet(run, n, at + 16) << 8 | octet(run, n, at + 17);
			if (octet(run, n, at + 18) == BGP_REFRESH)
				s->out[C_REFRESH]++;
			else
				s->out[C_UPDATE]++;
		}
		size_t part = min_z(octets - at, c->adj_left);
		if (BUG(part == 0))
			return;
		at += part;
		c->adj_left -= (uint32_t)part;
	}
}

static void sent_own(struct bgp *b, struct bgp_conn *c, size_t *octets)
{
	while (c->out && *octets) {
		size_t part = min_z(*octets, c->out->len - c->out_sent);
		*octets -= part;
		c->out_sent += (uint32_t)part;
		if (c->out_sent < c->out->len)
			return;
		out_done(b, c);
	}
}

static void sent_adj(struct bgp *b, struct bgp_conn *c, struct bgp_peer *p, size_t octets)
{
	struct span run[RUNS + 1];
	while (octets) {
		size_t n = adj_output(b, p, run, RUNS), all = 0;
		for (size_t i = 0; i < n; i++)
			all += run[i].n;
		/* A run ends behind a message, or around the next hop in one: a header is never cut. */
		size_t part = min_z(octets, all);
		if (BUG(part == 0))
			return;
		follow(c, p->session, run, n, part);
		if (adj_sent(b, p, part) > 0)
			return;
		octets -= part;
	}
}

void out_sent(struct bgp *b, struct bgp_conn *c, size_t octets)
{
	struct bgp_peer *p = member(c);
	bool own = own_first(c);
	if (octets)
		c->last_tx = b->now;
	if (own)
		sent_own(b, c, &octets);
	if (octets && p)
		sent_adj(b, c, p, octets);
	if (!c->fsm && !c->out)
		conn_forget(b, c);
	else if (p)
		m_refresh_serve(b, p);
}

void out_settle(struct bgp *b, struct bgp_conn *c)
{
	struct bgp_peer *p = member(c);
	if (!p || c->adj_left == 0 || !c->out) {
		if (c->adj_left && c->out)
			out_free(b, c);
		return;
	}
	/* RFC 4271 4: messages do not interleave. */
	struct bgp_out *o = out_new(b, c->adj_left);
	struct span run[RUNS];
	size_t n = o ? trim(run, adj_output(b, p, run, RUNS), c->adj_left) : 0, at = 0;
	for (size_t i = 0; i < n; i++) {
		memcpy(o->data + at, run[i].p, run[i].n);
		at += run[i].n;
	}
	if (!o || at < c->adj_left) {
		if (o)
			mem_put(b->env.mem, o, sizeof *o + o->len);
		out_free(b, c); /* better no NOTIFICATION than one that cannot be read */
		return;
	}
	o->next = c->out;
	c->out = o;
	c->out_octets += o->len;
	c->adj_left = 0;
}
