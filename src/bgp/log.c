/* How the members of a group get its messages. Each member first has a queue of its own (the table when it joins, what it lacks after a
 * change of groups), then it follows the group's log: complete messages, each pointing to the next. A message goes away with
 * the last that has a reference: members that have not passed it, queues, and the log for its last one. */
#include "bgp/adj_int.h"

static bool concerns(const struct bgp_chunk *c, const struct bgp_peer *p)
{
	return c->except != p->index && (c->only == 0 || c->only == p->index);
}

static struct bgp_chunk *queued(const struct bgp_group_member *m) { return m->q_at < m->queue.n ? m->queue.v[m->q_at] : NULL; }

static struct bgp_chunk **pos_of(struct bgp_group_member *m) { return &m->peer->af[m->g->key.af].pos; }

static void count_sent(struct bgp_group_member *m) { m->peer->af[m->g->key.af].sent = m->g->n_out - m->own; }

static void queue_pass(struct bgp *b, struct bgp_group_member *m)
{
	chunk_unref(b, m->queue.v[m->q_at++]);
	if (m->q_at < m->queue.n)
		return;
	m->queue.n = m->q_at = 0;
	list_clear(b, &m->queue);
	/* Who joins later has changed routes anyway, or makes the table again. */
	list_clear(b, &m->g->table);
	m->g->table_change = 0;
}

static void log_pass(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_chunk **pos = pos_of(m), *c = *pos;
	*pos = c->next;
	m->g->n_idle += *pos == NULL;
	m->passed += c->len;
	chunk_unref(b, c);
	count_sent(m);
}

/* Past messages that are not for this member; a message of which a part is out always is. */
static void skip(struct bgp *b, struct bgp_group_member *m)
{
	if (m->off)
		return;
	while (queued(m) && !concerns(queued(m), m->peer))
		queue_pass(b, m);
	while (!queued(m) && *pos_of(m) && !concerns(*pos_of(m), m->peer))
		log_pass(b, m);
}

/* Those that were at the end of the log have something to do again. */
static void wake(struct bgp *b, struct bgp_group *g, struct bgp_chunk *c)
{
	LIST_EACH (it, tmp, &g->members) {
		struct bgp_group_member *m = LIST_ENTRY(it, struct bgp_group_member, link);
		if (*pos_of(m) || m->slow)
			continue;
		m->passed = g->appended - c->len;
		*pos_of(m) = c;
		g->n_idle--;
		skip(b, m);
		if (queued(m) || *pos_of(m))
			session_output(b, m->peer);
	}
}

static void look_for_slow(struct bgp *b, struct bgp_group *g)
{
	g->looked = g->appended;
	LIST_EACH (it, tmp, &g->members) {
		struct bgp_group_member *m = LIST_ENTRY(it, struct bgp_group_member, link);
		if (*pos_of(m) && g->appended - m->passed > b->adj->slow_octets)
			slow_let_off(b, m);
	}
}

void log_append(struct bgp *b, struct bgp_group *g, struct bgp_chunk *c)
{
	if (g->n_members == 0) {
		chunk_unref(b, c);
		return;
	}
	c->refs += g->n_members - g->slow.n_members;
	g->appended += c->len;
	slow_note(b, g, c);
	if (g->tail)
		g->tail->next = c;
	chunk_unref(b, g->tail);
	g->tail = c;
	if (g->n_idle)
		wake(b, g, c);
	if (g->appended - g->looked > b->adj->slow_octets / 8)
		look_for_slow(b, g);
}

bool log_detach(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_chunk **pos = pos_of(m);
	if (m->slow)
		slow_serve(b, m);
	while (*pos) {
		struct bgp_chunk *c = *pos;
		*pos = c->next;
		m->g->n_idle += *pos == NULL;
		if (!list_put(b, &m->queue, c)) /* the reference goes along */
			return false;
	}
	return true;
}

void log_leave(struct bgp *b, struct bgp_group_member *m)
{
	struct bgp_chunk **pos = pos_of(m);
	while (m->q_at < m->queue.n)
		chunk_unref(b, m->queue.v[m->q_at++]);
	m->queue.n = m->q_at = 0;
	list_clear(b, &m->queue);
	if (m->slow)
		slow_done(b, m);
	else if (!*pos)
		m->g->n_idle--;
	while (*pos) {
		struct bgp_chunk *c = *pos;
		*pos = c->next;
		chunk_unref(b, c);
	}
}

/* --- Octets --- */

struct runs {
	struct span *out;
	size_t n, max, octets;
};

/* A part of a message, without its first *skip octets; false: no room. */
static bool run(struct runs *r, const uint8_t *p, size_t n, size_t *past)
{
	size_t off = min_z(*past, n);
	*past -= off;
	if (off == n)
		return true;
	if (r->n == r->max)
		return false;
	r->out[r->n++] = span_behind(SPAN(p, n), off);
	r->octets += n - off;
	return true;
}

static bool give(struct runs *r, const struct bgp_group_member *m, const struct bgp_chunk *c, size_t past)
{
	if (c->nh_len == 0)
		return run(r, c->data, c->len, &past);
	struct span whole = SPAN(c->data, c->len), tail = span_behind(whole, c->nh_at + c->nh_len);
	return run(r, c->data, c->nh_at, &past) && run(r, m->self.b, c->nh_len, &past) && run(r, tail.p, tail.n, &past);
}

static void member_output(struct bgp *b, struct bgp_group_member *m, struct runs *r)
{
	size_t before = r->octets, past = m->off;
	bool more = true;

	m->offered = 0;
	skip(b, m);
	if (m->slow && !queued(m))
		slow_serve(b, m);
	for (uint32_t i = m->q_at; more && i < m->queue.n; i++) {
		if (concerns(m->queue.v[i], m->peer)) {
			more = give(r, m, m->queue.v[i], past);
			past = 0;
		}
	}
	for (const struct bgp_chunk *c = *pos_of(m); more && c; c = c->next) {
		if (concerns(c, m->peer)) {
			more = give(r, m, c, past);
			past = 0;
		}
	}
	m->offered = r->octets - before;
}

/* The family whose message is half out goes first; then in order. */
static uint8_t first_af(const struct bgp_peer *p)
{
	const struct bgp_group_member *v6 = p->af[BGP_V6].member;
	return v6 && v6->off ? BGP_V6 : BGP_V4;
}

size_t adj_output(struct bgp *b, struct bgp_peer *p, struct span *out, size_t max)
{
	struct runs r = {.out = out, .max = max};
	uint8_t first = first_af(p);
	for (int i = 0; i < BGP_AF_N; i++) {
		struct bgp_group_member *m = p->af[i ? !first : first].member;
		if (!m)
			continue;
		m->offered_first = i == 0;
		member_output(b, m, &r);
	}
	return r.n;
}

static size_t member_sent(struct bgp *b, struct bgp_group_member *m, size_t octets)
{
	size_t left = min_z(octets, m->offered), mine = left;
	m->offered = 0;
	while (left) {
		skip(b, m);
		struct bgp_chunk *c = queued(m) ? queued(m) : *pos_of(m);
		if (BUG(!c))
			return octets;
		size_t part = min_z(left, c->len - m->off);
		left -= part;
		m->off += (uint32_t)part;
		if (m->off < c->len)
			break;
		m->off = 0;
		if (queued(m))
			queue_pass(b, m);
		else
			log_pass(b, m);
	}
	skip(b, m);
	count_sent(m);
	return octets - mine;
}

size_t adj_sent(struct bgp *b, struct bgp_peer *p, size_t octets)
{
	struct bgp_group_member *v6 = p->af[BGP_V6].member;
	uint8_t first = v6 && v6->offered_first ? BGP_V6 : BGP_V4;
	for (int i = 0; i < BGP_AF_N; i++) {
		struct bgp_group_member *m = p->af[i ? !first : first].member;
		if (m)
			octets = member_sent(b, m, octets);
	}
	return octets;
}

bool adj_pending(const struct bgp_peer *p)
{
	for (int af = 0; af < BGP_AF_N; af++) {
		const struct bgp_group_member *m = p->af[af].member;
		if (m && (queued(m) || p->af[af].pos || m->slow))
			return true;
	}
	return false;
}
