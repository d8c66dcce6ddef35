/* The channel between ike and route: ike says which tunnels carry traffic and asks what administrators want to know; the answer is a
 * JSON document in pieces. When ike is started again, its tunnels are those of the one before until it has spoken of them, or
 * a minute has passed: the kernel forwards on meanwhile. */
#include "daemon/role_read.h"
#include "daemon/route_role.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* DOC_MAX is below what a channel queues (privsep/chan.c). */
enum { SETTLE_S = 60, DOC_MAX = 6 << 20 };

static void link_close(struct route_role *r)
{
	if (!r->ike)
		return;
	loop_del(r->loop, privsep_fd(r->ike));
	privsep_free(r->ike);
	r->ike = NULL;
}

/* --- tunnels --- */

static struct heard *heard_of(struct route_role *r, const char *tunnel)
{
	LIST_EACH(it, tmp, &r->tunnels) {
		struct heard *h = LIST_ENTRY(it, struct heard, node);
		if (strcmp(h->tunnel, tunnel) == 0)
			return h;
	}
	struct heard *h = mem_get(r->mem, sizeof *h);
	if (!h)
		return NULL;
	struct sbuf b = SB(h->tunnel);
	sb_put(&b, tunnel);
	list_init(&h->node);
	list_add_tail(&r->tunnels, &h->node);
	return h;
}

static void tunnel_in(struct route_role *r, const struct l_tunnel *t, mono_t now)
{
	struct route_fact f = {.type = RFACT_TUNNEL, .up = t->up, .local = t->local, .remote = t->remote};
	struct heard *h = heard_of(r, t->tunnel);
	struct sbuf name = SB(f.tunnel), dev = SB(f.link.name);
	sb_put(&name, t->tunnel);
	sb_put(&dev, t->name);
	f.link.ifindex = t->ifindex;
	f.link.mtu = t->mtu;
	if (h)
		h->epoch = r->link_epoch;
	route_tell(r, &f, now);
}

struct downing { struct route_role *r; mono_t now; const char *tunnel; };

static void on_old(void *ctx, const struct route_fact *f)
{
	struct downing *d = ctx;
	if (f->type != RFACT_TUNNEL || strcmp(f->tunnel, d->tunnel) != 0 || !f->up)
		return;
	struct route_fact down = *f;
	down.up = false;
	route_tell(d->r, &down, d->now);
}

mono_t link_due(const struct route_role *r) { return r->link_settles; }

void link_is_due(struct route_role *r, mono_t now)
{
	if (r->link_settles > now)
		return;
	r->link_settles = MONO_NEVER;
	LIST_EACH(it, tmp, &r->tunnels) {
		struct heard *h = LIST_ENTRY(it, struct heard, node);
		struct downing d = {r, now, h->tunnel};
		if (h->epoch == r->link_epoch)
			continue;
		route_facts_all(r->facts, on_old, &d);
		list_del(&h->node);
		mem_put(r->mem, h, sizeof *h);
	}
}

/* --- questions --- */

struct answer {
	struct gretel_writer w;
	struct route_role *r;
	uint32_t ticket;
	size_t n, total;
	bool full;
};

static void piece(struct answer *a, bool last, int status)
{
	struct l_piece p;
	memset(&p, 0, sizeof p);
	p.last = last;
	p.status = status;
	if (a->r->ike && privsep_send(a->r->ike, LV_PIECE, a->ticket, &p, SPAN(a->r->doc, a->n), NULL, 0) < 0)
		a->full = true;
	a->n = 0;
}

static void on_text(struct gretel_writer *w, const char *text, size_t n)
{
	struct answer *a = CONTAINER_OF(w, struct answer, w);
	a->full = a->full || a->total + n > DOC_MAX;
	a->total += n;
	for (struct span s = SPAN(text, n); s.n && !a->full;) {
		size_t k = min_z(s.n, sizeof a->r->doc - a->n);
		memcpy(a->r->doc + a->n, s.p, k);
		a->n += k;
		s = span_behind(s, k);
		if (a->n == sizeof a->r->doc)
			piece(a, false, 0);
	}
}

static void sentence(struct answer *a, int status, const char *text)
{
	a->n = min_z(strlen(text) + 1, sizeof a->r->doc);
	memcpy(a->r->doc, text, a->n);
	piece(a, true, status);
}

static void show(struct answer *a, const char *query, mono_t now)
{
	char why[256] = "";
	struct route_role *r = a->r;
	if (!r->module->show(r->self, query, now, loop_wall_s(), &a->w, why, sizeof why))
		sentence(a, -EINVAL, *why ? why : "this question is not understood");
	else if (a->full)
		sentence(a, -E2BIG, "the answer is too large: ask for a prefix");
	else
		piece(a, true, 0);
}

static void status(struct answer *a, mono_t now)
{
	char text[512], why[256];
	struct route_role *r = a->r;
	struct sbuf b = SB(text);
	sb_printf(&b, "{\"module\":\"%s\",\"forwarding4\":%s,\"forwarding6\":%s,\"routesSet\":%llu,\"routesDeleted\":%llu,\"routesRefused\":%llu,"
	              "\"summary\":",
	          r->module->name, r->no_forward4 ? "false" : "true", r->no_forward6 ? "false" : "true",
	          (unsigned long long)r->n_set, (unsigned long long)r->n_deleted, (unsigned long long)r->n_refused);
	on_text(&a->w, text, b.len);
	if (!r->module->show(r->self, "summary", now, loop_wall_s(), &a->w, why, sizeof why))
		on_text(&a->w, "null", 4);
	on_text(&a->w, "}", 1);
	if (a->full)
		sentence(a, -E2BIG, "the answer is too large");
	else
		piece(a, true, 0);
}

static void clear(struct answer *a, const struct l_query *q, const char *peer, mono_t now)
{
	struct route_role *r = a->r;
	struct gretel_cmd c = {.type = GRETEL_CMD_CLEAR, .options = "", .command = "", .soft_in = q->soft_in, .soft_out = q->soft_out};
	struct addr at = addr_any(AF_NONE);
	if (strcmp(peer, "*") != 0 && !addr_parse(peer, &at)) {
		sentence(a, -EINVAL, "an address of a neighbour is expected, or *");
		return;
	}
	c.peer = route_addr_out(&at);
	int rc = r->module->command(r->self, &c, now, &r->acts);
	if (rc == -ENOENT)
		sentence(a, rc, "there is no such neighbor");
	else
		sentence(a, rc < 0 ? rc : 0, "");
}

static void query_in(struct route_role *r, const struct priv_msg *m, mono_t now)
{
	const struct l_query *q = m->body;
	struct answer a = {.w = {.put = on_text}, .r = r, .ticket = m->ticket};
	if (q->kind == LINK_STATUS)
		status(&a, now);
	else if (q->kind == LINK_CLEAR)
		clear(&a, q, priv_msg_text(m), now);
	else
		show(&a, priv_msg_text(m), now);
}

/* --- the channel --- */

static void handle(void *ctx, struct priv_msg *m, mono_t now)
{
	if (m->verb == LV_TUNNEL)
		tunnel_in(ctx, m->body, now);
	else if (m->verb == LV_QUERY)
		query_in(ctx, m, now);
}

static void on_ike(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct route_role *r = ctx;
	(void)fd;
	if (link_read(&r->ike, events, now, handle, r) < 0)
		link_close(r);
	route_run(r, now);
}

void link_watch(struct route_role *r)
{
	uint32_t events = EPOLLIN | (r->ike && privsep_pending(r->ike) ? EPOLLOUT : 0u);
	if (r->ike && events != r->ike_events && loop_mod(r->loop, privsep_fd(r->ike), events) == 0)
		r->ike_events = events;
}

void link_adopt(struct route_role *r, struct priv_msg *m)
{
	link_close(r);
	if (m->n_fds != 1)
		return;
	r->ike = privsep_adopt(m->fd[0], PRIV_ROLE_ROUTE, &LINK_VERBS);
	if (!r->ike)
		return;
	m->fd[0] = -1; /* kept */
	r->link_epoch++;
	r->link_settles = mono_add(loop_now(r->loop), DUR_S(SETTLE_S));
	r->ike_events = EPOLLIN;
	if (loop_add(r->loop, privsep_fd(r->ike), EPOLLIN, on_ike, r) < 0 || privsep_hello(r->ike, r->log_level) < 0)
		link_close(r);
}
