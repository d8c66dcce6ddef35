/* What administrators ask the ike role over the control socket: `up` and `down` end when the tunnel says so, `reload` when
 * priv has, `log` when the client leaves. Documents are ike_ctl_status.c's. */
#include "daemon/ike_ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

enum { UP_LIMIT_S = 10, DOWN_LIMIT_S = 35, RELOAD_LIMIT_S = 30, REKEY_LIMIT_S = 10 };

/* --- who waits --- */

struct waiter *waiter_new(struct ike_role *r, uint8_t kind, uint64_t client)
{
	for (size_t i = 0; i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind != W_FREE)
			continue;
		*w = (struct waiter){.kind = kind, .client = client, .limit = MONO_NEVER};
		ctl_note_level(r);
		return w;
	}
	control_end(r->ctl->server, client, CONTROL_BUSY, "too many clients wait already");
	return NULL;
}

void waiter_end(struct ike_role *r, struct waiter *w, int code, const char *text)
{
	uint64_t client = w->client;
	w->kind = W_FREE;
	control_end(r->ctl->server, client, code, text);
}

uint32_t ctl_ticket(struct role_ctl *c)
{
	c->next_ticket = (c->next_ticket + 1) & ~(uint32_t)TICKET_MASK;
	if (c->next_ticket == 0)
		c->next_ticket = 1;
	return c->next_ticket | TICKET_ROLE;
}

static void on_gone(void *ctx, uint64_t client)
{
	struct ike_role *r = ctx;
	for (size_t i = 0; i < WAITERS; i++) {
		if (r->ctl->waiter[i].client == client)
			r->ctl->waiter[i].kind = W_FREE;
	}
}

void ctl_progress(struct ike_role *r, uint32_t tunnel, const char *text)
{
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if ((w->kind == W_UP || w->kind == W_DOWN || w->kind == W_REKEY) && w->tunnel == tunnel)
			control_line(r->ctl->server, w->client, text);
	}
}

/* The log's, and what goes to those who wait for a tunnel. */
void ctl_note_level(struct ike_role *r)
{
	int8_t most = r->log_level;
	for (size_t i = 0; r->ctl && i < WAITERS && most < NOTE_CONTROL; i++) {
		if (r->ctl->waiter[i].kind == W_UP || r->ctl->waiter[i].kind == W_DOWN)
			most = NOTE_CONTROL;
	}
	ike_note_level(r->ike, most);
}

/* --- up and down --- */

static void hold(struct ike_role *r, struct tun_name *n, bool held)
{
	if (n->held != held && priv_held_set(r->priv, 0, n->name, held) < 0)
		role_logf(r, NOTE_ERROR, "%s: priv cannot be told that it is %s", n->name, held ? "held" : "free");
	n->held = held;
}

static void command(struct ike_role *r, uint8_t type, uint32_t tunnel, uint32_t id, mono_t now)
{
	struct ike_cmd cmd = {.type = type, .tunnel = tunnel, .id = id};
	ike_command(r->ike, &cmd, now, &r->acts);
	act_run(r, now);
}

static void request_up(struct ike_role *r, uint64_t client, const struct control_args *a, mono_t now)
{
	struct tun_name *n = name_find(r, a->target.name);
	if (!n || !n->configured) {
		control_end(r->ctl->server, client, CONTROL_USAGE, "there is no tunnel of this name");
		return;
	}
	struct waiter *w = waiter_new(r, W_UP, client);
	if (!w)
		return;
	w->tunnel = n->id;
	w->limit = mono_add(now, DUR_S(UP_LIMIT_S));
	hold(r, n, false);
	struct tun_fact f = {.type = TUN_FACT_WANT_DONE, .tunnel = n->id};
	act_tunnel(r, &f, now); /* first, so that a failure that is told at once finds somebody waiting */
	command(r, IKE_CMD_UP, n->id, 0, now);
}

void ctl_done(struct ike_role *r, uint32_t tunnel, bool ok, const char *text)
{
	struct tun_name *n = name_by_id(r, tunnel);
	char last[512];
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind != W_UP || w->tunnel != tunnel)
			continue;
		snprintf(last, sizeof last,
		         ok ? "connection '%s' established successfully" : "establishing connection '%s' failed",
		         n ? n->name : "?");
		control_line(r->ctl->server, w->client, last);
		waiter_end(r, w, ok ? CONTROL_OK : CONTROL_FAILED, text);
	}
}

/* The SA of this number. Asked with each datagram while somebody waits: none before it is looked into. */
static bool sa_there(struct ike_role *r, uint32_t id, struct ike_sa_view *sa)
{
	uint32_t at = id - 1;
	return ike_next_sa(r->ike, &at, sa) && sa->ike_id == id;
}

static bool child_there(struct ike_role *r, uint32_t id, struct ike_child_view *c)
{
	uint32_t at = id - 1;
	return ike_next_child(r->ike, &at, c) && c->child_id == id;
}

static bool down_ended(struct ike_role *r, const struct waiter *w)
{
	struct ike_sa_view sa;
	struct ike_child_view c;
	uint32_t at = 0;
	if (w->child_id)
		return !child_there(r, w->child_id, &c);
	return w->ike_id ? !sa_there(r, w->ike_id, &sa) : !ike_next_sa_of(r->ike, w->tunnel, &at, &sa);
}

static void end_down(struct ike_role *r, struct waiter *w)
{
	char text[128];
	if (w->child_id)
		snprintf(text, sizeof text, "CHILD_SA {%u} closed successfully", w->child_id);
	else if (w->ike_id)
		snprintf(text, sizeof text, "IKE_SA [%u] closed successfully", w->ike_id);
	else
		snprintf(text, sizeof text, "%s is down", name_by_id(r, w->tunnel)->name);
	control_line(r->ctl->server, w->client, text);
	waiter_end(r, w, CONTROL_OK, "");
}

/* The old one is there for a moment still, or not any more. */
static bool rekey_ended(struct ike_role *r, const struct waiter *w)
{
	struct ike_sa_view sa;
	struct ike_child_view c;
	if (w->child_id)
		return !child_there(r, w->child_id, &c) || c.rekeyed;
	return !sa_there(r, w->ike_id, &sa) || sa.state != IKE_S_ESTABLISHED;
}

void ctl_down(struct ike_role *r, mono_t now)
{
	(void)now;
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_DOWN && down_ended(r, w))
			end_down(r, w);
		else if (w->kind == W_REKEY && rekey_ended(r, w))
			waiter_end(r, w, CONTROL_OK, "");
	}
}

/* The numbers that a target names among the SAs of its tunnel: [] the first, [*] all, [n] that one. in_use: not those that
 * have been replaced or are being made. */
static size_t targets(struct ike_role *r, const struct control_target *t, bool in_use, uint32_t *ids, size_t max)
{
	struct tun_name *n = name_find(r, t->name);
	struct ike_sa_view sa;
	struct ike_child_view c;
	uint32_t at = 0;
	size_t found = 0;
	while (found < max) {
		bool more = t->kind == CONTROL_TARGET_IKE ? ike_next_sa(r->ike, &at, &sa) : ike_next_child(r->ike, &at, &c);
		if (!more || (found == 1 && !t->all))
			break;
		if (in_use && (t->kind == CONTROL_TARGET_IKE ? sa.state != IKE_S_ESTABLISHED : !c.in_use))
			continue;
		uint32_t id = t->kind == CONTROL_TARGET_IKE ? sa.ike_id : c.child_id;
		uint32_t tunnel = t->kind == CONTROL_TARGET_IKE ? sa.tunnel : c.tunnel;
		if (t->id ? t->id == id : !t->name[0] || (n && n->id == tunnel))
			ids[found++] = id;
	}
	return found;
}

static void request_down(struct ike_role *r, uint64_t client, const struct control_args *a, mono_t now)
{
	const struct control_target *t = &a->target;
	struct tun_name *n = name_find(r, t->name);
	uint32_t ids[64];
	struct waiter *w = waiter_new(r, W_DOWN, client);
	if (!w)
		return;
	w->limit = mono_add(now, DUR_S(DOWN_LIMIT_S));
	if (t->kind == CONTROL_TARGET_TUNNEL) {
		if (!n || !n->configured) {
			waiter_end(r, w, CONTROL_USAGE, "there is no tunnel of this name");
			return;
		}
		w->tunnel = n->id;
		hold(r, n, true);
		command(r, IKE_CMD_DOWN, n->id, 0, now);
		return;
	}
	size_t count = targets(r, t, false, ids, ARRAY_LEN(ids));
	if (count == 0) {
		waiter_end(r, w, CONTROL_FAILED, "there is no SA of this number");
		return;
	}
	*(t->kind == CONTROL_TARGET_IKE ? &w->ike_id : &w->child_id) = ids[count - 1];
	for (size_t i = 0; i < count; i++)
		command(r, t->kind == CONTROL_TARGET_IKE ? IKE_CMD_DOWN_IKE : IKE_CMD_DOWN_CHILD, 0, ids[i], now);
}

/* --- rekey --- */

/* NAME alone: its child SA. */
static void request_rekey(struct ike_role *r, uint64_t client, const struct control_args *a, mono_t now)
{
	struct control_target t = a->target;
	uint32_t ids[64];
	if (t.kind == CONTROL_TARGET_TUNNEL)
		t.kind = CONTROL_TARGET_CHILD;
	bool ike = t.kind == CONTROL_TARGET_IKE;
	size_t count = targets(r, &t, true, ids, ARRAY_LEN(ids));
	if (count == 0) {
		control_end(r->ctl->server, client, CONTROL_FAILED, "there is no such SA in use");
		return;
	}
	struct waiter *w = waiter_new(r, W_REKEY, client);
	if (!w)
		return;
	struct tun_name *n = name_find(r, t.name);
	w->tunnel = n ? n->id : 0;
	w->limit = mono_add(now, DUR_S(REKEY_LIMIT_S));
	*(ike ? &w->ike_id : &w->child_id) = ids[count - 1];
	for (size_t i = 0; i < count; i++)
		command(r, ike ? IKE_CMD_REKEY_IKE : IKE_CMD_REKEY_CHILD, 0, ids[i], now);
}

/* --- reload --- */

static void request_reload(struct ike_role *r, uint64_t client, const struct control_args *a, mono_t now)
{
	struct waiter *w = waiter_new(r, W_RELOAD, client);
	if (!w)
		return;
	w->ticket = ctl_ticket(r->ctl);
	w->limit = mono_add(now, DUR_S(RELOAD_LIMIT_S));
	if (priv_reload(r->priv, w->ticket, control_option(a, "check")) < 0)
		waiter_end(r, w, CONTROL_FAILED, "priv cannot be asked");
}

void ctl_diag(struct ike_role *r, const struct priv_msg *m)
{
	const struct e_diag *e = m->body;
	if (e->kind == PRIV_DIAG_LOG) {
		ctl_log(r, e->level, priv_msg_text(m));
		return;
	}
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_RELOAD && w->ticket == m->ticket)
			control_line(r->ctl->server, w->client, priv_msg_text(m));
	}
}

void ctl_reply(struct ike_role *r, const struct priv_msg *m, mono_t now)
{
	(void)now;
	if (m->verb == PRIV_DP_STATS) {
		status_dropped(r, m);
		return;
	}
	if (m->verb == PRIV_SA_QUERY) {
		status_counted(r, m);
		return;
	}
	for (size_t i = 0; r->ctl && i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_RELOAD && w->ticket == m->ticket)
			waiter_end(r, w, m->status < 0 ? CONTROL_FAILED : CONTROL_OK, priv_msg_text(m));
		else if (w->kind == W_GRE && w->ticket == m->ticket)
			gre_answer(r, w, m);
	}
}

/* --- the log --- */

void ctl_log(struct ike_role *r, int8_t level, const char *text)
{
	struct role_ctl *c = r->ctl;
	(void)level;
	if (!c)
		return;
	snprintf(c->ring[c->ring_at], LOG_TEXT, "%s", text);
	c->ring_at = (c->ring_at + 1) % LOG_RING;
	if (c->ring_n < LOG_RING)
		c->ring_n++;
	for (size_t i = 0; i < WAITERS; i++) {
		if (c->waiter[i].kind == W_LOG)
			control_line(c->server, c->waiter[i].client, text);
	}
}

static void request_log(struct ike_role *r, uint64_t client, const struct control_args *a)
{
	struct role_ctl *c = r->ctl;
	int64_t want = control_option_int(a, "lines", LOG_RING);
	uint32_t n = want < 0 ? 0 : want < c->ring_n ? (uint32_t)want : c->ring_n;
	for (uint32_t i = 0; i < n; i++)
		control_line(c->server, client, c->ring[(c->ring_at + LOG_RING - n + i) % LOG_RING]);
	if (!control_option(a, "follow"))
		control_end(c->server, client, CONTROL_OK, "");
	else
		waiter_new(r, W_LOG, client);
}

/* --- requests --- */

static void on_request(void *ctx, uint64_t client, enum control_verb v, const struct control_args *a)
{
	struct ike_role *r = ctx;
	mono_t now = loop_now(r->loop);
	switch (v) {
	case CONTROL_UP:
		request_up(r, client, a, now);
		break;
	case CONTROL_DOWN:
		request_down(r, client, a, now);
		break;
	case CONTROL_REKEY:
		request_rekey(r, client, a, now);
		break;
	case CONTROL_RELOAD:
		request_reload(r, client, a, now);
		break;
	case CONTROL_LOG:
		request_log(r, client, a);
		break;
	case CONTROL_LOG_LEVEL:
		if (!a->n || strlen(a->v[0]) != 1 || a->v[0][0] < '0' || a->v[0][0] > '4') {
			control_end(r->ctl->server, client, CONTROL_USAGE, "a level is 0 to 4");
			break;
		}
		r->log_level = (int8_t)(a->v[0][0] - '0');
		control_end(r->ctl->server, client, CONTROL_OK, "");
		break;
	case CONTROL_STATUS:
	case CONTROL_STATUSALL:
		status_ask(r, client, a->n ? a->v[0] : "", v == CONTROL_STATUSALL);
		break;
	case CONTROL_SHOW:
	case CONTROL_EXPLAIN:
	case CONTROL_CLEAR:
		route_request(r, client, v, a->n ? a->v[0] : "");
		break;
	case CONTROL_GRE_ADD:
	case CONTROL_GRE_DEL:
		gre_request(r, client, v, a, now);
		break;
#ifdef GRETEL_IMPAIR
	case CONTROL_IMPAIR:
		if (ike_impair(r->ike, a->v[0]))
			control_end(r->ctl->server, client, CONTROL_OK, "");
		else
			control_end(r->ctl->server, client, CONTROL_USAGE, "omit|double|corrupt|delay EXCHANGE PAYLOAD ..., or none");
		break;
#endif
	case CONTROL_GUARD_CLEAR:
		control_end(r->ctl->server, client, CONTROL_FAILED,
		            "greteld is running and keeps its guards; stop it first, then clear them");
		break;
	default:
		status_simple(r, client, v);
	}
}

static const char *tunnel_name(void *ctx, size_t i)
{
	struct ike_role *r = ctx;
	const struct tunnel_conf *t = r->conf ? conf_tunnel(r->conf, (uint32_t)i) : NULL;
	return t ? conf_str(r->conf, t->name) : NULL;
}

static bool tunnel_there(void *ctx, const char *name)
{
	const struct tun_name *n = name_find(ctx, name);
	return n && n->configured;
}

static const char *refused(void *ctx, const char *name)
{
	struct ike_role *r = ctx;
	for (uint32_t i = 0; r->conf && i < r->conf->n_refused; i++) {
		const struct conf_refused *c = conf_refused(r->conf, i);
		if (strcmp(conf_str(r->conf, c->name), name) == 0)
			return conf_str(r->conf, c->reason);
	}
	return NULL;
}

/* --- time limits --- */

static mono_t ctl_when(void *ctx)
{
	struct ike_role *r = ctx;
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < WAITERS; i++) {
		if (r->ctl->waiter[i].kind != W_FREE)
			due = mono_min(due, r->ctl->waiter[i].limit);
	}
	return due;
}

/* The SAs are in: from here on the script's own limit counts. */
static bool script_runs(struct ike_role *r, struct waiter *w, mono_t now)
{
	struct tun_view v;
	if (w->late || !tunnels_view(r->tunnels, w->tunnel, &v) || v.state == TUN_DOWN || v.state == TUN_GOING_DOWN)
		return false;
	w->late = true;
	w->limit = mono_add(now, r->conf->setup.hook_timeout + DUR_S(15));
	control_line(r->ctl->server, w->client, "the SAs are in, the script still runs");
	return true;
}

static void ctl_is_due(void *ctx, mono_t now)
{
	struct ike_role *r = ctx;
	char text[512];
	for (size_t i = 0; i < WAITERS; i++) {
		struct waiter *w = &r->ctl->waiter[i];
		if (w->kind == W_FREE || w->limit > now)
			continue;
		const char *why = w->tunnel ? ike_why(r->ike, w->tunnel) : "";
		const char *name = w->tunnel ? name_by_id(r, w->tunnel)->name : "";
		switch (w->kind) {
		case W_UP:
			if (script_runs(r, w, now))
				break;
			snprintf(text, sizeof text, "connection '%s' not established after %d s: %s; it is tried on", name,
			         UP_LIMIT_S, *why ? why : "the handshake is under way");
			waiter_end(r, w, CONTROL_FAILED, text);
			break;
		case W_DOWN:
			waiter_end(r, w, CONTROL_FAILED, "the peer does not answer our DELETE; here the tunnel is gone");
			break;
		case W_REKEY:
			waiter_end(r, w, CONTROL_FAILED, "not rekeyed yet; what is there goes on, and it is tried on");
			break;
		case W_STATUS:
			status_answer(r, w);
			break;
		default:
			waiter_end(r, w, CONTROL_FAILED, "no answer in time");
		}
	}
}

int ctl_open(struct ike_role *r, int listen_fd)
{
	r->ctl = mem_get(r->mem, sizeof *r->ctl);
	if (!r->ctl)
		return -ENOMEM;
	r->ctl->ops = (struct control_ops){.request = on_request, .gone = on_gone, .tunnel_name = tunnel_name, .refused = refused,
	                                .tunnel_there = tunnel_there};
	r->ctl->server = control_new(r->loop, listen_fd, &r->ctl->ops, r, r->control_group);
	return r->ctl->server ? loop_timer(r->loop, ctl_when, ctl_is_due, r) : -ENOMEM;
}
