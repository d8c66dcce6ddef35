/* The ike role's end of the channel to route: what a tunnel does goes there in the same turn, what administrators ask about routing goes
 * there as a question, and its answer comes back in pieces and is a document then. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/ike_ctl.h"
#include "daemon/role_read.h"

enum { ANSWER_LIMIT_S = 30 };

static void link_close(struct ike_role *r)
{
	if (!r->route)
		return;
	loop_del(r->loop, privsep_fd(r->route));
	privsep_free(r->route);
	r->route = NULL;
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_ROUTE)
			waiter_end(r, w, CONTROL_FAILED, "the role route has ended; ask again");
	}
	if (r->ctl)
		status_routing(r, NULL, 0);
}

static void watch(struct ike_role *r)
{
	if (r->route)
		(void)!loop_mod(r->loop, privsep_fd(r->route), EPOLLIN | (privsep_pending(r->route) ? EPOLLOUT : 0u));
}

static bool tell(struct ike_role *r, uint8_t verb, uint32_t ticket, const void *body, const char *text)
{
	struct span tail = text ? SPAN(text, strlen(text) + 1) : SPAN(NULL, 0);
	if (!r->route || privsep_send(r->route, verb, ticket, body, tail, NULL, 0) < 0)
		return false;
	watch(r);
	return true;
}

/* --- tunnels --- */

static struct l_tunnel about(const struct tun_name *n)
{
	struct l_tunnel t;
	memset(&t, 0, sizeof t);
	struct sbuf b = SB(t.tunnel), dev = SB(t.name);
	sb_put(&b, n->name);
	sb_put(&dev, n->link.name);
	t.up = n->routed;
	t.ifindex = n->link.ifindex;
	t.mtu = n->link.mtu;
	if (n->link.n_addresses)
		t.local = n->link.address[0].addr;
	t.remote = n->link.peer;
	return t;
}

void route_tunnel(struct ike_role *r, struct tun_name *n, const struct tun_link *link, bool up)
{
	if (up || link->ifindex)
		n->link = *link;
	n->routed = up;
	struct l_tunnel t = about(n);
	(void)tell(r, LV_TUNNEL, 0, &t, NULL);
}

/* --- questions --- */

static struct waiter *waiter_of(struct ike_role *r, uint32_t ticket)
{
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_ROUTE && w->ticket == ticket)
			return w;
	}
	return NULL;
}

static void keep_piece(struct ike_role *r, struct span s)
{
	struct role_ctl *c = r->ctl;
	if (c->n_answer + s.n > c->cap_answer) {
		size_t cap = c->cap_answer ? c->cap_answer : 65536;
		while (cap < c->n_answer + s.n)
			cap *= 2;
		char *v = realloc(c->answer, cap);
		if (!v)
			return;
		c->answer = v;
		c->cap_answer = cap;
	}
	if (s.n)
		memcpy(c->answer + c->n_answer, s.p, s.n);
	c->n_answer += s.n;
}

/* The answers come one after the other, never mixed: one buffer is enough. */
static void piece_in(struct ike_role *r, const struct priv_msg *m)
{
	const struct l_piece *p = m->body;
	struct role_ctl *c = r->ctl;
	if (!c)
		return;
	if (!p->last) {
		keep_piece(r, m->tail);
		return;
	}
	if (p->status >= 0)
		keep_piece(r, m->tail);
	struct waiter *w = waiter_of(r, m->ticket);
	if (m->ticket == c->routing_ticket) {
		status_routing(r, c->answer, p->status < 0 ? 0 : c->n_answer);
	} else if (w && p->status < 0) {
		char text[512];
		snprintf(text, sizeof text, "%.*s", (int)min_z(strnlen((const char *)m->tail.p, m->tail.n), 500), (const char *)m->tail.p);
		waiter_end(r, w, CONTROL_FAILED, *text ? text : strerror(-p->status));
	} else if (w && w->order) {
		waiter_end(r, w, CONTROL_OK, "");
	} else if (w) {
		json_error_t e;
		json_t *doc = json_loadb(c->answer ? c->answer : "", c->n_answer, JSON_REJECT_DUPLICATES, &e);
		uint64_t client = w->client;
		if (!doc) {
			waiter_end(r, w, CONTROL_FAILED, "the answer of the role route is no document");
		} else {
			w->kind = W_FREE;
			if (control_json(c->server, client, doc))
				control_end(c->server, client, CONTROL_OK, "");
		}
	}
	c->n_answer = 0;
	if (c->cap_answer > 1 << 20) { /* a large one is rare */
		free(c->answer);
		c->answer = NULL;
		c->cap_answer = 0;
	}
}

static struct waiter *ask(struct ike_role *r, uint64_t client, const struct l_query *q, const char *text)
{
	if (!r->route) {
		control_end(r->ctl->server, client, CONTROL_FAILED,
		            r->conf && conf_routing(r->conf) ? "the role route is not running; see the log"
		                                             : "no routing module is configured");
		return NULL;
	}
	struct waiter *w = waiter_new(r, W_ROUTE, client);
	if (!w)
		return NULL;
	w->ticket = ctl_ticket(r->ctl);
	w->limit = mono_add(loop_now(r->loop), DUR_S(ANSWER_LIMIT_S));
	w->order = q->kind == LINK_CLEAR;
	if (tell(r, LV_QUERY, w->ticket, q, text))
		return w;
	waiter_end(r, w, CONTROL_FAILED, "the role route cannot be asked");
	return NULL;
}

static void clear(struct ike_role *r, uint64_t client, const char *text)
{
	struct l_query q = {.kind = LINK_CLEAR};
	char peer[64], word[8];
	size_t n = strcspn(text, " ");
	bool soft = false;
	snprintf(peer, sizeof peer, "%.*s", (int)min_z(n, 63), text);
	for (const char *at = text + n; *at; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		snprintf(word, sizeof word, "%.*s", (int)min_z(strcspn(at, " "), 7), at);
		soft = soft || strcmp(word, "soft") == 0;
		q.soft_in |= strcmp(word, "in") == 0;
		q.soft_out |= strcmp(word, "out") == 0;
	}
	if (soft && !q.soft_in && !q.soft_out)
		q.soft_in = q.soft_out = 1;
	(void)ask(r, client, &q, peer);
}

void route_request(struct ike_role *r, uint64_t client, enum control_verb v, const char *text)
{
	struct l_query q = {.kind = LINK_SHOW};
	char query[ROUTE_QUERY_MAX];
	if (v == CONTROL_CLEAR) {
		clear(r, client, text);
		return;
	}
	if (snprintf(query, sizeof query, v == CONTROL_EXPLAIN ? "explain %s" : "%s", text) >= (int)sizeof query)
		control_end(r->ctl->server, client, CONTROL_USAGE, "the question is too long");
	else
		(void)ask(r, client, &q, query);
}

bool route_ask_status(struct ike_role *r)
{
	struct l_query q = {.kind = LINK_STATUS};
	r->ctl->routing_ticket = ctl_ticket(r->ctl);
	return tell(r, LV_QUERY, r->ctl->routing_ticket, &q, "");
}

/* --- the channel --- */

static void handle(void *ctx, struct priv_msg *m, mono_t now)
{
	(void)now;
	if (m->verb == LV_PIECE)
		piece_in(ctx, m);
}

static void on_route(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct ike_role *r = ctx;
	(void)fd;
	if (link_read(&r->route, events, now, handle, r) < 0)
		link_close(r);
	else
		watch(r);
}

void route_adopt(struct ike_role *r, struct priv_msg *m)
{
	link_close(r);
	if (m->n_fds != 1)
		return;
	r->route = privsep_adopt(m->fd[0], PRIV_ROLE_IKE, &LINK_VERBS);
	if (!r->route)
		return;
	m->fd[0] = -1; /* kept */
	if (loop_add(r->loop, privsep_fd(r->route), EPOLLIN, on_route, r) < 0 || privsep_hello(r->route, r->log_level) < 0) {
		link_close(r);
		return;
	}
	route_tell_all(r);
}

/* An ike that was started again knows only the tunnels that are up by now; the others are those of the one before for a while. */
void route_tell_all(struct ike_role *r)
{
	for (uint32_t i = 0; r->route && i < r->n_names; i++) {
		struct tun_name *n = r->names[i];
		struct l_tunnel t = about(n);
		if (n->routed || (n->configured && !r->restarted))
			(void)tell(r, LV_TUNNEL, 0, &t, NULL);
	}
}
