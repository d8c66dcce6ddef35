/* Documents for control clients. `status` first asks priv for the counters of each child SA that will be shown; the answer goes
 * out when the last of them is in, or after two seconds without those that did not come. */
#include "daemon/ike_ctl.h"
#include "daemon/status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_LIMIT_S = 2 };

/* --- callbacks of status_build --- */

static uint32_t id_of(void *ctx, const char *tunnel)
{
	struct tun_name *n = name_find(ctx, tunnel);
	return n ? n->id : 0;
}

static const char *name_of(void *ctx, uint32_t tunnel)
{
	struct tun_name *n = name_by_id(ctx, tunnel);
	return n ? n->name : NULL;
}

static bool is_held(void *ctx, uint32_t tunnel)
{
	struct tun_name *n = name_by_id(ctx, tunnel);
	return n && n->held;
}

static struct counted *find_counted(struct role_ctl *c, uint32_t spi_in)
{
	for (uint32_t i = 0; i < c->n_counted; i++) {
		if (c->counted[i].spi_in == spi_in)
			return &c->counted[i];
	}
	return NULL;
}

static bool orphan_counters(void *ctx, uint32_t spi_in, struct sa_counters *out)
{
	struct ike_role *r = ctx;
	struct counted *c = find_counted(r->ctl, spi_in);
	if (!c || !c->known)
		return false;
	*out = c->c;
	return true;
}

static bool child_counters(void *ctx, uint32_t child_id, struct sa_counters *out)
{
	struct ike_role *r = ctx;
	struct ike_child_view v;
	uint32_t at = child_id - 1;
	return ike_next_child(r->ike, &at, &v) && v.child_id == child_id && orphan_counters(ctx, v.sa->in.spi, out);
}

static const uint64_t *drops_of(void *ctx, const char *tunnel)
{
	struct ike_role *r = ctx;
	uint32_t id = id_of(ctx, tunnel);
	for (uint32_t i = 0; id && i < r->ctl->n_dropped; i++) {
		if (r->ctl->dropped[i].tunnel == id)
			return r->ctl->dropped[i].known ? r->ctl->dropped[i].n : NULL;
	}
	return NULL;
}

/* --- the source --- */

enum { SHOWN_ORPHANS = 64 };

struct src_room {
	struct status_src src;
	struct status_plane plane;
	struct status_guard *guard;
	size_t n_room;
	struct status_orphan orphan[SHOWN_ORPHANS];
};

static void fill_src(struct ike_role *r, struct src_room *room)
{
	*room = (struct src_room){.n_room = 1};
	for (uint32_t i = 0; i < r->n_names; i++)
		room->n_room += r->names[i]->n_guarded;
	room->guard = mem_get(r->mem, sizeof *room->guard * room->n_room);
	room->plane = (struct status_plane){
		.user = r->dataplane.user, .workers = r->dataplane.workers, .backend = r->dataplane.backend,
		.why = r->dataplane_why, .drops = r->ctl && r->ctl->drops_known ? r->ctl->drops : NULL,
	};
	struct status_src *s = &room->src;
	*s = (struct status_src){
		.ike = r->ike,
		.tunnels = r->tunnels,
		.conf = r->conf,
		.ctx = r,
		.id_of = id_of,
		.name_of = name_of,
		.held = is_held,
		.counters = child_counters,
		.orphan_counters = orphan_counters,
		.drops = drops_of,
		.plane = &room->plane,
		.now = loop_now(r->loop),
		.wall_s = loop_wall_s(),
		.started = r->started,
		.version = GRETEL_VERSION,
		.pid = getpid(),
		.log_level = r->log_level,
		.port = r->port,
		.port_nat_t = r->port_nat_t,
		.guard = room->guard,
		.orphan = room->orphan,
		.restarted = r->restarted,
		.listen = r->listen,
		.n_listen = r->n_listen,
		.routing = r->ctl ? r->ctl->routing : NULL,
	};
	for (uint32_t i = 0; room->guard && i < r->n_names; i++) {
		for (uint32_t k = 0; k < r->names[i]->n_guarded; k++)
			room->guard[s->n_guards++] = (struct status_guard){r->names[i]->name, r->names[i]->guarded[k]};
	}
	LIST_EACH(it, tmp, &r->orphans) {
		struct orphan *o = LIST_ENTRY(it, struct orphan, link);
		if (s->n_orphans < SHOWN_ORPHANS)
			room->orphan[s->n_orphans++] = (struct status_orphan){o->tunnel, &o->sa, o->since};
	}
}

static void room_free(struct ike_role *r, struct src_room *room)
{
	mem_put(r->mem, room->guard, sizeof *room->guard * room->n_room);
}

static void send_doc(struct ike_role *r, uint64_t client, json_t *doc)
{
	if (!doc)
		control_end(r->ctl->server, client, CONTROL_FAILED, "no memory for the answer");
	else if (control_json(r->ctl->server, client, doc))
		control_end(r->ctl->server, client, CONTROL_OK, "");
}

void status_simple(struct ike_role *r, uint64_t client, enum control_verb v)
{
	struct src_room room;
	fill_src(r, &room);
	switch (v) {
	case CONTROL_LIST:
		send_doc(r, client, status_list(&room.src));
		break;
	case CONTROL_GUARD:
		send_doc(r, client, status_guards(&room.src));
		break;
	case CONTROL_COUNTERS:
		send_doc(r, client, status_counters(&room.src));
		break;
	case CONTROL_VERSION:
		send_doc(r, client, status_version(&room.src));
		break;
	default:
		control_end(r->ctl->server, client, CONTROL_USAGE, "not a verb of this daemon");
	}
	room_free(r, &room);
}

/* --- counters first --- */

static bool ask_counters(struct ike_role *r, uint32_t spi_in)
{
	struct role_ctl *c = r->ctl;
	if (c->n_counted == c->cap_counted) {
		uint32_t cap = c->cap_counted ? c->cap_counted * 2 : 16;
		struct counted *v = mem_get(r->mem, sizeof *v * cap);
		if (!v)
			return false;
		if (c->n_counted)
			memcpy(v, c->counted, sizeof *v * c->n_counted);
		mem_put(r->mem, c->counted, sizeof *v * c->cap_counted);
		c->counted = v;
		c->cap_counted = cap;
	}
	struct counted *n = &c->counted[c->n_counted];
	*n = (struct counted){.ticket = ctl_ticket(c), .spi_in = spi_in};
	if (priv_sa_query(r->priv, n->ticket, spi_in) < 0)
		return false;
	c->n_counted++;
	return true;
}

/* One question for each tunnel, and one for none, so that there is one. Without memory nothing is asked. */
static void ask_drops(struct ike_role *r)
{
	struct role_ctl *c = r->ctl;
	uint32_t want = r->n_names + 1;
	c->n_dropped = 0;
	c->drops_known = false;
	if (!r->dataplane.user)
		return;
	if (c->cap_dropped < want) {
		mem_put(r->mem, c->dropped, sizeof *c->dropped * c->cap_dropped);
		c->dropped = mem_get(r->mem, sizeof *c->dropped * want);
		c->cap_dropped = c->dropped ? want : 0;
	}
	for (uint32_t i = 0; i < c->cap_dropped && i < want; i++) {
		struct dropped *d = &c->dropped[c->n_dropped];
		const struct tun_name *n = i ? r->names[i - 1] : NULL;
		if (n && !n->configured)
			continue;
		*d = (struct dropped){.ticket = ctl_ticket(c), .tunnel = n ? n->id : 0};
		if (priv_dp_stats(r->priv, d->ticket, n ? n->name : "") < 0)
			break;
		c->n_dropped++;
	}
}

void status_answer(struct ike_role *r, struct waiter *w)
{
	struct src_room room;
	uint64_t client = w->client;
	fill_src(r, &room);
	w->kind = W_FREE;
	r->ctl->routing_asked = false; /* in time or not: the next one asks anew */
	send_doc(r, client, status_build(&room.src, w->name[0] ? w->name : NULL, w->all));
	room_free(r, &room);
}

static void answer_ready(struct ike_role *r)
{
	if (r->ctl->routing_asked)
		return;
	for (uint32_t i = 0; i < r->ctl->n_counted; i++) {
		if (r->ctl->counted[i].ticket)
			return;
	}
	for (uint32_t i = 0; i < r->ctl->n_dropped; i++) {
		if (r->ctl->dropped[i].ticket)
			return;
	}
	for (size_t i = 0; i < WAITERS; i++) {
		if (r->ctl->waiter[i].kind == W_STATUS)
			status_answer(r, &r->ctl->waiter[i]);
	}
}

void status_ask(struct ike_role *r, uint64_t client, const char *name, bool all)
{
	struct ike_child_view v;
	uint32_t at = 0;
	bool round = false;
	for (size_t i = 0; i < WAITERS; i++)
		round |= r->ctl->waiter[i].kind == W_STATUS;
	struct waiter *w = waiter_new(r, W_STATUS, client);
	if (!w)
		return;
	w->all = all;
	w->limit = mono_add(loop_now(r->loop), DUR_S(STATUS_LIMIT_S));
	struct sbuf b = SB(w->name);
	sb_put(&b, name);
	if (!round) { /* one round of questions serves all who ask meanwhile */
		r->ctl->n_counted = 0;
		while (ike_next_child(r->ike, &at, &v)) {
			if (v.installed && !ask_counters(r, v.sa->in.spi))
				break;
		}
		ask_drops(r);
		r->ctl->routing_asked = route_ask_status(r);
		LIST_EACH(it, tmp, &r->orphans) {
			if (!ask_counters(r, LIST_ENTRY(it, struct orphan, link)->sa.in.spi))
				break;
		}
	}
	answer_ready(r);
}

void status_routing(struct ike_role *r, const char *text, size_t n)
{
	json_error_t e;
	json_decref(r->ctl->routing);
	r->ctl->routing = n ? json_loadb(text, n, 0, &e) : NULL;
	r->ctl->routing_asked = false;
	answer_ready(r);
}

void status_counted(struct ike_role *r, const struct priv_msg *m)
{
	for (uint32_t i = 0; i < r->ctl->n_counted; i++) {
		struct counted *c = &r->ctl->counted[i];
		if (c->ticket != m->ticket)
			continue;
		c->ticket = 0;
		c->known = m->status >= 0 && m->body;
		if (c->known)
			c->c = ((const struct r_sa_query *)m->body)->counters;
	}
	answer_ready(r);
}

void status_dropped(struct ike_role *r, const struct priv_msg *m)
{
	struct role_ctl *c = r->ctl;
	const struct r_dp_stats *s = m->status >= 0 ? m->body : NULL;
	for (uint32_t i = 0; i < c->n_dropped; i++) {
		struct dropped *d = &c->dropped[i];
		if (d->ticket != m->ticket)
			continue;
		d->ticket = 0;
		d->known = s && d->tunnel;
		if (d->known)
			memcpy(d->n, s->drops, sizeof d->n);
	}
	if (s) {
		memcpy(c->drops, s->all, sizeof c->drops);
		c->drops_known = true;
	}
	answer_ready(r);
}
