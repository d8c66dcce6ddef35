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

static int conf_index(void *ctx, const char *tunnel)
{
	struct tun_name *n = name_find(ctx, tunnel);
	return n && n->configured ? (int)n->conf_index : -1;
}

static const struct addr *guarded(void *ctx, uint32_t tunnel, size_t *n)
{
	struct tun_name *t = name_by_id(ctx, tunnel);
	*n = t ? t->n_guarded : 0;
	return t ? t->guarded : NULL;
}

/* They are looked for in the order in which they were asked for, as a rule: behind the last one. */
static struct counted *find_counted(struct role_ctl *c, uint32_t spi_in)
{
	for (uint32_t i = 0; i < c->n_counted; i++) {
		uint32_t at = (c->counted_at + i) % c->n_counted;
		if (c->counted[at].spi_in == spi_in) {
			c->counted_at = at + 1;
			return &c->counted[at];
		}
	}
	return NULL;
}

static bool counters(void *ctx, uint32_t spi_in, struct sa_counters *out)
{
	struct ike_role *r = ctx;
	struct counted *c = find_counted(r->ctl, spi_in);
	if (!c || !c->known)
		return false;
	*out = c->c;
	return true;
}

static const uint64_t *drops_of(void *ctx, const char *tunnel)
{
	struct ike_role *r = ctx;
	uint32_t id = id_of(ctx, tunnel);
	struct role_ctl *c = r->ctl;
	for (uint32_t i = 0; id && i < c->n_dropped; i++) { /* behind the last one, as above */
		uint32_t at = (c->dropped_at + i) % c->n_dropped;
		if (c->dropped[at].tunnel != id)
			continue;
		c->dropped_at = at + 1;
		return c->dropped[at].known ? c->dropped[at].n : NULL;
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

static void fill_src(struct ike_role *r, struct src_room *room, bool guards)
{
	*room = (struct src_room){.n_room = 1};
	for (uint32_t i = 0; guards && i < r->n_names; i++)
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
		.conf_index = conf_index,
		.guarded = guarded,
		.counters = counters,
		.orphan_counters = counters,
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
	for (uint32_t i = 0; guards && room->guard && i < r->n_names; i++) {
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
	fill_src(r, &room, v == CONTROL_GUARD);
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

/* The tickets of a round's questions follow each other. */
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
	c->n_unanswered++;
	return true;
}

static bool ask_dropped(struct ike_role *r, const struct tun_name *n)
{
	struct role_ctl *c = r->ctl;
	struct dropped *d = &c->dropped[c->n_dropped];
	*d = (struct dropped){.ticket = ctl_ticket(c), .tunnel = n ? n->id : 0};
	if (priv_dp_stats(r->priv, d->ticket, n ? n->name : "") < 0)
		return false;
	c->n_dropped++;
	c->n_unanswered++;
	return true;
}

/* One question for each tunnel that is shown, and one for none, so that there is one. Without memory nothing is asked. */
static void ask_drops(struct ike_role *r, const struct tun_name *only)
{
	struct role_ctl *c = r->ctl;
	uint32_t want = only ? 2 : r->n_names + 1;
	c->n_dropped = c->dropped_at = 0;
	c->drops_known = false;
	if (!r->dataplane.user)
		return;
	if (c->cap_dropped < want) {
		mem_put(r->mem, c->dropped, sizeof *c->dropped * c->cap_dropped);
		c->dropped = mem_get(r->mem, sizeof *c->dropped * want);
		c->cap_dropped = c->dropped ? want : 0;
	}
	if (c->cap_dropped < want || !ask_dropped(r, NULL) || (only && !ask_dropped(r, only)) || only)
		return;
	for (uint32_t i = 0; i < r->n_names; i++) {
		if (r->names[i]->configured && !ask_dropped(r, r->names[i]))
			return;
	}
}

void status_answer(struct ike_role *r, struct waiter *w)
{
	struct src_room room;
	uint64_t client = w->client;
	fill_src(r, &room, w->all);
	w->kind = W_FREE;
	r->ctl->routing_asked = false; /* in time or not: the next one asks anew */
	send_doc(r, client, status_build(&room.src, w->name[0] ? w->name : NULL, w->all));
	room_free(r, &room);
}

static void answer_ready(struct ike_role *r)
{
	if (r->ctl->routing_asked || r->ctl->n_unanswered)
		return;
	for (size_t i = 0; i < WAITERS; i++) {
		if (r->ctl->waiter[i].kind == W_STATUS)
			status_answer(r, &r->ctl->waiter[i]);
	}
}

/* The questions for one tunnel, or (only NULL) for all. */
static void ask_all(struct ike_role *r, const struct tun_name *only)
{
	struct ike_child_view v;
	uint32_t at = 0;
	r->ctl->n_counted = r->ctl->counted_at = r->ctl->n_unanswered = 0;
	while (only ? ike_next_child_of(r->ike, only->id, &at, &v) : ike_next_child(r->ike, &at, &v)) {
		if (v.installed && !ask_counters(r, v.sa->in.spi))
			break;
	}
	LIST_EACH(it, tmp, &r->orphans) {
		if (!ask_counters(r, LIST_ENTRY(it, struct orphan, link)->sa.in.spi))
			break;
	}
	ask_drops(r, only);
	r->ctl->routing_asked = route_ask_status(r);
}

/* One round of questions serves all who ask meanwhile; it is begun anew for who wants to know more than is asked for. */
void status_ask(struct ike_role *r, uint64_t client, const char *name, bool all)
{
	struct tun_name *only = *name ? name_find(r, name) : NULL;
	bool round = false, enough = false;
	for (size_t i = 0; i < WAITERS; i++) {
		const struct waiter *o = &r->ctl->waiter[i];
		round |= o->kind == W_STATUS;
		enough |= o->kind == W_STATUS && (!o->name[0] || (only && strcmp(o->name, name) == 0));
	}
	struct waiter *w = waiter_new(r, W_STATUS, client);
	if (!w)
		return;
	w->all = all;
	w->limit = mono_add(loop_now(r->loop), DUR_S(STATUS_LIMIT_S));
	struct sbuf b = SB(w->name);
	sb_put(&b, name);
	if (!enough)
		ask_all(r, round ? NULL : only);
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
	struct role_ctl *c = r->ctl;
	uint32_t i = c->n_counted ? m->ticket - c->counted[0].ticket : 0;
	if (i >= c->n_counted || c->counted[i].ticket != m->ticket || c->counted[i].answered)
		return; /* of an earlier round */
	struct counted *n = &c->counted[i];
	n->answered = true;
	n->known = m->status >= 0 && m->body;
	if (n->known)
		n->c = ((const struct r_sa_query *)m->body)->counters;
	c->n_unanswered--;
	answer_ready(r);
}

void status_dropped(struct ike_role *r, const struct priv_msg *m)
{
	struct role_ctl *c = r->ctl;
	const struct r_dp_stats *s = m->status >= 0 ? m->body : NULL;
	uint32_t i = c->n_dropped ? m->ticket - c->dropped[0].ticket : 0;
	if (i < c->n_dropped && c->dropped[i].ticket == m->ticket && !c->dropped[i].answered) {
		struct dropped *d = &c->dropped[i];
		d->answered = true;
		d->known = s && d->tunnel;
		if (d->known)
			memcpy(d->n, s->drops, sizeof d->n);
		c->n_unanswered--;
	}
	if (s) {
		memcpy(c->drops, s->all, sizeof c->drops);
		c->drops_known = true;
	}
	answer_ready(r);
}
