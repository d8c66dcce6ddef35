/* Carries out what a routing module wants. Nothing is decided here. Routes are gathered into one message to priv a turn. */
#include "daemon/route_role.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void batch_send(struct route_role *r)
{
	struct m_route_batch m = {.n = r->n_batch};
	if (r->n_batch == 0)
		return;
	struct pending *p = malloc(sizeof *p + r->n_batch * sizeof p->ticket[0]);
	if (!p) {
		loop_stop(r->loop, 1);
		return;
	}
	p->n = r->n_batch;
	memcpy(p->ticket, r->batch_ticket, r->n_batch * sizeof p->ticket[0]);
	list_init(&p->node);
	list_add_tail(&r->pendings, &p->node);
	int rc = privsep_send(r->priv, RV_BATCH, 0, &m, SPAN(r->batch_room, r->batch.len), NULL, 0);
	if (rc < 0)
		loop_stop(r->loop, rc == -EPIPE ? 0 : 1);
	r->n_batch = 0;
	r->batch = wr_init(r->batch_room, sizeof r->batch_room);
}

static void batch_add(struct route_role *r, bool del, uint32_t ticket, const struct gretel_route *g)
{
	struct route route;
	route_in(g, &route);
	if (r->n_batch == ROUTE_BATCH_MAX || r->batch.len + PRIV_PACKED_MAX > r->batch.cap)
		batch_send(r);
	priv_route_op_put(&r->batch, del, &route);
	r->batch_ticket[r->n_batch++] = del ? 0 : ticket;
	r->n_set += !del;
	r->n_deleted += del;
}

/* Answers come in the order of the batches. */
void route_batch_done(struct route_role *r, const struct priv_msg *m, mono_t now)
{
	if (list_empty(&r->pendings))
		return;
	struct pending *p = LIST_ENTRY(r->pendings.next, struct pending, node);
	list_del(&p->node);
	struct rd in = rd_init(m->tail.p, m->status < 0 ? 0 : m->tail.n);
	while (rd_left(&in)) {
		uint16_t at = rd_u16(&in), err = rd_u16(&in);
		if (!rd_ok(&in) || at >= p->n || !p->ticket[at])
			continue;
		r->n_refused++;
		struct gretel_fact f = {.type = GRETEL_FACT_ROUTE_FAILED, .ticket = p->ticket[at], .status = -(int32_t)err};
		route_report(r, &f, now);
	}
	free(p);
}

static void tool(struct route_role *r, const struct gretel_act *a, mono_t now)
{
	const struct gretel_tool *t = &a->u.tool;
	struct m_route_tool m = {.tool = t->tool, .n_words = t->n_words};
	size_t n = 0;
	unsigned words = 0;
	for (; n < sizeof t->words && words < t->n_words; n++)
		words += t->words[n] == '\0';
	int rc = words == t->n_words && words ? privsep_send(r->priv, RV_TOOL, a->ticket, &m, SPAN(t->words, n), NULL, 0) : -EINVAL;
	if (rc < 0)
		route_report(r, &(struct gretel_fact){.type = GRETEL_FACT_TOOL_ENDED, .ticket = a->ticket, .status = rc}, now);
}

static void one(struct route_role *r, const struct gretel_act *a, mono_t now)
{
	switch (a->type) {
	case GRETEL_ACT_ROUTE_SET: batch_add(r, false, a->ticket, &a->u.route); break;
	case GRETEL_ACT_ROUTE_DEL: batch_add(r, true, 0, &a->u.route); break;
	case GRETEL_ACT_ROUTES_KEPT:
		batch_send(r);
		if (!r->stopping && privsep_send(r->priv, RV_KEPT, 0, NULL, SPAN(NULL, 0), NULL, 0) == -EPIPE)
			loop_stop(r->loop, 0);
		break;
	case GRETEL_ACT_CONNECT: net_open(r, a->conn, &a->u.connect, false, now); break;
	case GRETEL_ACT_EXEC: net_open(r, a->conn, NULL, true, now); break;
	case GRETEL_ACT_CLOSE: net_close(r, a->conn, now); break;
	case GRETEL_ACT_OUTPUT: net_output(r, a->conn); break;
	case GRETEL_ACT_BFD: bfd_start_stop(r, &a->u.bfd, now); break;
	case GRETEL_ACT_TOOL: tool(r, a, now); break;
	case GRETEL_ACT_NOTE:
		route_log(r, (int8_t)a->u.note.level, "%.*s", (int)strnlen(a->u.note.text, sizeof a->u.note.text), a->u.note.text);
		break;
	default: route_log(r, -1, "the module %s wants something unknown (%u)", r->module->name, a->type);
	}
}

/* The array is taken from its front; what a call back into the module adds comes behind. When less than half is free the front is given
 * up first. */
static void acts_run(struct route_role *r, mono_t now)
{
	for (uint32_t i = 0; i < r->acts.n; i++) {
		struct gretel_act a = r->acts.v[i];
		if (i >= r->acts.max / 2) {
			memmove(r->acts.v, r->acts.v + i + 1, (r->acts.n - i - 1) * sizeof a);
			r->acts.n -= i + 1;
			i = UINT32_MAX;
		}
		one(r, &a, now);
	}
	r->acts.n = 0;
}

void route_run(struct route_role *r, mono_t now)
{
	if (r->running)
		return;
	r->running = true;
	for (unsigned round = 0; round < 64; round++) {
		acts_run(r, now);
		net_write(r, now);
		bfd_run(r, now);
		if (r->acts.n == 0 && r->module->due(r->self) > now)
			break;
		if (r->acts.n == 0)
			r->module->timer(r->self, now, &r->acts);
	}
	r->running = false;
	batch_send(r);
	if (r->stopping && !r->stopped_told && r->acts.n == 0 && r->module->idle(r->self) && list_empty(&r->pendings) &&
	    list_empty(&r->writers)) {
		r->stopped_told = true;
		if (privsep_send(r->priv, PRIV_STOPPED, 0, NULL, SPAN(NULL, 0), NULL, 0) < 0)
			loop_stop(r->loop, 1);
	}
}
