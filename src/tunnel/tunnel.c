/* Entry points of tunnel/: who is who, and what a fact means to a tunnel as an event. Nothing here decides what
 * happens then; that is rows.c. Called by daemon/act.c. */
#include "tunnel/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HOOK_LIMIT_DEFAULT DUR_S(60)

/* --- what the handlers use --- */

struct tun_act *tun_push(struct tunnel *t, struct step *s, enum tun_act_type type)
{
	struct tun_acts *acts = s->acts;
	if (acts->n >= TUN_ACTS_MAX) {
		acts->dropped++;
		return NULL;
	}
	struct tun_act *a = &acts->v[acts->n++];
	*a = (struct tun_act){.type = (uint8_t)type, .tunnel = t->of ? t->of->id : t->id};
	return a;
}

/* Never 0, which stands for none. */
uint32_t tun_ticket(struct tunnels *ts, const struct tunnel *t)
{
	if (++ts->last_ticket == 0)
		++ts->last_ticket;
	if (ts->n_asked)
		ts->asked[ts->last_ticket & (ts->n_asked - 1)] = (struct ticket_of){ts->last_ticket, t->id};
	return ts->last_ticket;
}

void tun_note(struct tunnel *t, struct step *s, int level, const char *fmt, ...)
{
	va_list ap;
	struct tun_act *a = tun_push(t, s, TUN_ACT_NOTE);
	if (!a)
		return;
	a->level = (int8_t)level;
	va_start(ap, fmt);
	(void)vsnprintf(a->text, sizeof a->text, fmt, ap);
	va_end(ap);
}

void tun_set_timer(struct tunnel *t, struct step *s, enum timer_kind kind, dur_t in)
{
	heap_set(&s->ts->heap, &t->timer[kind].t, mono_add(s->now, in));
}

void tun_clear_timer(struct tunnel *t, struct step *s, enum timer_kind kind)
{
	heap_clear(&s->ts->heap, &t->timer[kind].t);
}

static void free_why(struct tunnel *t)
{
	if (*t->why)
		mem_put(t->mem, (void *)(uintptr_t)t->why, strlen(t->why) + 1);
	t->why = "";
}

/* Without memory there is no sentence. */
void tun_set_why(struct tunnel *t, const char *text)
{
	size_t n = strlen(text);
	char *copy = n ? mem_get(t->mem, n + 1) : NULL;
	if (copy)
		memcpy(copy, text, n + 1);
	free_why(t); /* text may be the old one */
	if (copy)
		t->why = copy;
}

void tun_gre_down(struct tunnel *t, struct step *s)
{
	if (!t->made)
		return;
	uint32_t ifindex = t->link.ours ? t->link.ifindex : 0;
	if (ifindex)
		tun_drop_link(t, s);
	struct tun_act *a = tun_push(t, s, TUN_ACT_GRE_DOWN);
	if (!a)
		return;
	a->local = t->local;
	a->remote = t->remote;
	a->ifindex = ifindex;
	memcpy(a->link.name, t->gre.name, sizeof a->link.name);
	t->made = false;
}

/* --- the set of tunnels --- */

struct tunnels *tunnels_new(struct mem *mem)
{
	struct tunnels *ts = mem_get(mem, sizeof *ts);
	if (!ts)
		return NULL;
	ts->mem = mem;
	list_init(&ts->all);
	heap_init(&ts->heap, mem);
	/* The keys are numbers that the daemon gives out: no peer can aim at them. */
	if (hmap_init(&ts->map, mem, 0, 0) < 0) {
		mem_put(mem, ts, sizeof *ts);
		return NULL;
	}
	return ts;
}

struct tunnel *tun_by_id(const struct tunnels *ts, uint32_t id)
{
	struct hnode *n = hmap_first(&ts->map, hmap_hash(&ts->map, &id, sizeof id));
	for (; n; n = hmap_next(n)) {
		struct tunnel *t = CONTAINER_OF(n, struct tunnel, node);
		if (t->id == id)
			return t;
	}
	return NULL;
}

static bool waits_for(const struct tunnel *t, uint32_t ticket)
{
	return ticket == t->gre_ticket || ticket == t->find_ticket || ticket == t->probe_ticket || ticket == t->lane.ticket;
}

/* Room for four tickets of each tunnel. Without memory old ones are forgotten sooner, and looked for everywhere. */
static void remember_more(struct tunnels *ts)
{
	if (ts->n_asked >= 4 * (ts->n + 1))
		return;
	uint32_t n = ts->n_asked ? ts->n_asked * 2 : 64;
	struct ticket_of *v = mem_get(ts->mem, sizeof *v * n);
	if (!v)
		return;
	for (uint32_t i = 0; i < ts->n_asked; i++)
		v[ts->asked[i].ticket & (n - 1)] = ts->asked[i];
	mem_put(ts->mem, ts->asked, sizeof *v * ts->n_asked);
	ts->asked = v;
	ts->n_asked = n;
}

/* Whose action an outcome is of; tickets are given out once for all tunnels. */
static struct tunnel *find_by_ticket(const struct tunnels *ts, uint32_t ticket)
{
	const struct ticket_of *of = ts->n_asked ? &ts->asked[ticket & (ts->n_asked - 1)] : NULL;
	if (of && of->ticket == ticket) {
		struct tunnel *t = tun_by_id(ts, of->tunnel);
		return t && waits_for(t, ticket) ? t : NULL;
	}
	LIST_EACH (it, tmp, &ts->all) {
		struct tunnel *t = LIST_ENTRY(it, struct tunnel, link_all);
		if (waits_for(t, ticket))
			return t;
	}
	return NULL;
}

static void drop(struct tunnels *ts, struct tunnel *t)
{
	for (size_t i = 0; i < TIMERS; i++)
		heap_clear(&ts->heap, &t->timer[i].t);
	if (t->of)
		tun_other_forget(ts, t);
	hmap_del(&ts->map, &t->node);
	list_del(&t->link_all);
	ts->n--;
	free_why(t);
	if (t->child != &t->first)
		mem_put(ts->mem, t->child, sizeof *t->child * CHILDREN_MAX);
	mem_put(ts->mem, t->lane.told, sizeof *t->lane.told);
	mem_put(ts->mem, t, sizeof *t);
}

void tunnels_free(struct tunnels *ts)
{
	if (!ts)
		return;
	while (!list_empty(&ts->all)) /* from behind: others before their tunnel */
		drop(ts, LIST_ENTRY(ts->all.prev, struct tunnel, link_all));
	heap_fini(&ts->heap);
	hmap_fini(&ts->map);
	if (ts->by_peer.mem)
		hmap_fini(&ts->by_peer);
	mem_put(ts->mem, ts->asked, sizeof *ts->asked * ts->n_asked);
	mem_put(ts->mem, ts, sizeof *ts);
}

struct tunnel *tun_make(struct tunnels *ts, uint32_t id)
{
	if (heap_reserve(&ts->heap, (ts->n + 1) * TIMERS) < 0)
		return NULL;
	struct tunnel *t = mem_get(ts->mem, sizeof *t);
	if (!t)
		return NULL;
	remember_more(ts);
	t->id = id;
	t->mem = ts->mem;
	list_init(&t->others);
	list_init(&t->of_others);
	t->child = &t->first;
	t->why = "";
	t->state = TUN_DOWN;
	t->lane.state = LANE_DOWN;
	t->lane.status = -1;
	for (uint8_t i = 0; i < TIMERS; i++)
		t->timer[i] = (struct tun_timer){.owner = t, .kind = i};
	hmap_add(&ts->map, &t->node, hmap_hash(&ts->map, &id, sizeof id));
	list_add_tail(&ts->all, &t->link_all);
	ts->n++;
	return t;
}

/* --- configuration --- */

/* Field by field: padding has no meaning. */
static bool same_gre(const struct conf_gre *a, const struct conf_gre *b)
{
	bool same = strncmp(a->name, b->name, sizeof a->name) == 0 && a->n_addresses == b->n_addresses &&
	            addr_eq(&a->peer, &b->peer) && a->mtu == b->mtu && a->ttl == b->ttl && a->tos == b->tos &&
	            a->key_set == b->key_set && a->key == b->key && a->csum == b->csum && a->seq == b->seq &&
	            a->mss_clamp == b->mss_clamp;
	for (size_t i = 0; same && i < a->n_addresses && i < ARRAY_LEN(a->address); i++)
		same = addr_eq(&a->address[i].addr, &b->address[i].addr) && a->address[i].len == b->address[i].len;
	return same;
}

/* The tunnel has no SAs any more, as far as this side is concerned. */
static void forget_children(struct tunnel *t, struct step *s)
{
	if (t->n > 0)
		t->child[0] = t->child[t->n - 1];
	t->n = 0;
	tun_step(t, EV_CHILD_GONE, s);
}

static void take_conf(struct tunnel *t, struct step *s)
{
	const struct tunnel_conf *c = s->f->t;
	bool changed = !same_gre(&t->gre, &c->gre) || t->has_updown != (c->updown != 0);
	/* A native interface is one, for whoever came last. */
	t->many = !t->of && conf_many_peers(&c->remote) && !c->gre.name[0];
	if (strncmp(t->gre.name, c->gre.name, sizeof t->gre.name) != 0 && !t->gre.keep)
		tun_gre_down(t, s);
	t->gone = false;
	t->kind = c->kind;
	t->guard = c->guard;
	if (!t->of)
		t->gre = c->gre;
	t->gre.name[sizeof t->gre.name - 1] = '\0';
	t->has_updown = c->updown != 0;
	t->hook_limit = s->f->conf && s->f->conf->setup.hook_timeout > 0 ? s->f->conf->setup.hook_timeout
	                                                                 : HOOK_LIMIT_DEFAULT;
	if (t->kind != TUNNEL_TRANSPORT)
		forget_children(t, s);
	else
		tun_step(t, changed ? EV_CONF : EV_RELOAD, s);
}

/* Of t's further peers, those without anything. */
static void drop_idle(struct tunnels *ts, struct tunnel *t)
{
	LIST_EACH (it, tmp, &t->others) {
		struct tunnel *o = LIST_ENTRY(it, struct tunnel, of_others);
		if (o->state == TUN_DOWN)
			drop(ts, o);
	}
}

static void on_conf(struct tunnels *ts, struct step *s)
{
	struct tunnel *t = tun_by_id(ts, s->f->tunnel), unknown = {.id = s->f->tunnel};
	if (BUG(!s->f->t))
		return;
	if (!t)
		t = tun_make(ts, s->f->tunnel);
	if (t) {
		take_conf(t, s);
		LIST_EACH (it, tmp, &t->others)
			take_conf(LIST_ENTRY(it, struct tunnel, of_others), s);
		drop_idle(ts, t);
	} else {
		tun_note(&unknown, s, NOTE_BAD, "no memory for this tunnel: no GRE interface, no script, no status");
	}
}

static void on_gone(struct tunnel *t, struct step *s)
{
	t->gone = true;
	if (t->waiting && t->n == 0) {
		tun_set_why(t, "left the configuration");
		tun_step(t, EV_WAITED, s);
	}
	forget_children(t, s);
	LIST_EACH (it, tmp, &t->others)
		forget_children(LIST_ENTRY(it, struct tunnel, of_others), s);
	drop_idle(s->ts, t);
}

/* --- child SAs --- */

static uint8_t find_child(const struct tunnel *t, uint32_t child_id)
{
	uint8_t i = 0;
	while (i < t->n && t->child[i].child_id != child_id)
		i++;
	return i;
}

static void remove_child(struct tunnel *t, uint8_t i)
{
	t->n--;
	if (i < t->n)
		memmove(&t->child[i], &t->child[i + 1], sizeof t->child[0] * (t->n - i));
	if (t->n == 1 && t->child != &t->first) {
		t->first = t->child[0];
		mem_put(t->mem, t->child, sizeof *t->child * CHILDREN_MAX);
		t->child = &t->first;
	}
}

/* For one more beside others. */
static bool room_for_child(struct tunnel *t)
{
	if (t->n == 0 || t->child != &t->first)
		return t->n < CHILDREN_MAX;
	struct tun_child *v = mem_get(t->mem, sizeof *v * CHILDREN_MAX);
	if (!v)
		return false;
	v[0] = t->first;
	t->child = v;
	return true;
}

/* After any change among several children: are the ends still those that the tunnel was built with? */
static void compare_ends(struct tunnel *t, struct step *s)
{
	const struct tun_child *c = tun_current(t);
	if (lane_fits(t))
		*t->lane.told = *c;
	if (addr_eq(&t->local, &c->local.addr) && addr_eq(&t->remote, &c->remote.addr))
		return;
	char local[ADDR_TEXT], remote[ADDR_TEXT];
	tun_note(t, s, NOTE_PLAIN, "the tunnel's ends are %s and %s now", addr_str(&c->local.addr, local),
	         addr_str(&c->remote.addr, remote));
	tun_step(t, EV_MOVED, s);
}

static void on_child_up(struct tunnel *t, struct step *s)
{
	if (BUG(!s->f->child) || t->gone || (t->of && t->of->gone))
		return;
	bool first = t->n == 0;
	uint8_t i = find_child(t, s->f->child->child_id);
	if (i < t->n)
		remove_child(t, i);
	if (!room_for_child(t))
		remove_child(t, 0); /* more than ike/ keeps, or no memory; the oldest is the first to end */
	t->child[t->n++] = *s->f->child;
	if (first)
		tun_step(t, EV_CHILD_UP, s);
	else
		compare_ends(t, s);
}

static void on_child_down(struct tunnel *t, struct step *s)
{
	uint8_t i = BUG(!s->f->child) ? t->n : find_child(t, s->f->child->child_id);
	if (i == t->n)
		return;
	remove_child(t, i);
	if (t->n > 0)
		compare_ends(t, s);
	else
		tun_step(t, EV_CHILD_GONE, s);
}

static void on_child_moved(struct tunnel *t, struct step *s)
{
	uint8_t i = BUG(!s->f->child) ? t->n : find_child(t, s->f->child->child_id);
	if (i == t->n)
		return;
	t->child[i] = *s->f->child;
	compare_ends(t, s);
}

/* Outside the machines: in every state, before the first packet, again at each attempt (somebody may have cleared it).
 * */
static void on_peer_known(struct tunnel *t, struct step *s)
{
	if (BUG(!s->f->child) || t->guard == GUARD_OFF)
		return;
	struct tun_act *a = tun_push(t, s, TUN_ACT_GUARD_SET);
	if (!a)
		return;
	a->local = s->f->child->local.addr;
	a->remote = s->f->child->remote.addr;
}

/* --- outcomes --- */

static void on_gre(struct tunnel *t, struct step *s)
{
	if (s->f->ticket == 0)
		return;
	if (s->f->ticket == t->find_ticket) {
		t->find_ticket = 0;
		tun_step(t, EV_FOUND, s);
	} else if (s->f->ticket == t->gre_ticket) {
		t->gre_ticket = 0;
		if (s->f->status >= 0 && s->f->link)
			tun_take_link(t, s, s->f->link);
		tun_step(t, s->f->status < 0 ? EV_GRE_BAD : EV_GRE_OK, s);
	}
}

static void lane_moved_on(struct tunnel *t, struct step *s)
{
	if (lane_sync(t, s) == EV_LANE)
		tun_step(t, EV_LANE, s);
}

static void on_hook_ended(struct tunnel *t, struct step *s)
{
	if (s->f->ticket == 0 || s->f->ticket != t->lane.ticket)
		return;
	if (lane_step(t, LANE_ENDED, s))
		lane_moved_on(t, s);
}

static void on_probe(struct tunnel *t, struct step *s)
{
	if (s->f->ticket == 0 || s->f->ticket != t->probe_ticket)
		return;
	t->probe_ticket = 0;
	t->received |= s->f->status == 0;
	tun_step(t, EV_PROBED, s);
}

/* --- links --- */

static void on_link(struct tunnel *t, struct step *s)
{
	const struct tun_link *l = s->f->link;
	if (BUG(!l) || t->of)
		return;
	bool mine = t->link.ifindex && strncmp(t->link.name, l->name, sizeof l->name) == 0;
	bool native = tun_native(t) && strncmp(t->gre.name, l->name, sizeof l->name) == 0;
	bool renamed = t->link.ifindex && t->link.ifindex == l->ifindex;
	if (!mine && !renamed && !native && (t->link.ifindex || !l->ifindex))
		return;
	if (s->acts->n + TUN_ROOM > TUN_ACTS_MAX) {
		if (t->state == TUN_UP)
			tun_set_timer(t, s, TIMER_STATE, 0);
		return;
	}
	if (l->ifindex)
		tun_step(t, EV_LINK, s);
	else if (t->state == TUN_UP)
		tun_step(t, native ? EV_OURS_GONE : EV_LINK_GONE, s);
	else {
		t->lost = native;
		tun_drop_link(t, s);
	}
}

static void on_link_of_all(struct tunnels *ts, struct step *s)
{
	LIST_EACH (it, tmp, &ts->all)
		on_link(LIST_ENTRY(it, struct tunnel, link_all), s);
}

/* --- dispatch --- */

static void on_want_unknown(struct step *s, bool ok, const char *text)
{
	struct tunnel t = {.id = s->f->tunnel};
	struct tun_act *a = tun_push(&t, s, TUN_ACT_DONE);
	if (!a)
		return;
	a->ok = ok;
	struct sbuf b = SB(a->text);
	sb_put(&b, text);
}

typedef void fact_fn(struct tunnel *t, struct step *s);

static void on_failed(struct tunnel *t, struct step *s) { tun_step(t, EV_FAILED, s); }
static void on_want(struct tunnel *t, struct step *s) { tun_step(t, EV_WANT, s); }

static fact_fn *const on_fact[] = {
	[TUN_FACT_GONE] = on_gone,
	[TUN_FACT_PEER_KNOWN] = on_peer_known,
	[TUN_FACT_CHILD_UP] = on_child_up,
	[TUN_FACT_CHILD_DOWN] = on_child_down,
	[TUN_FACT_CHILD_MOVED] = on_child_moved,
	[TUN_FACT_FAILED] = on_failed,
	[TUN_FACT_GRE] = on_gre,
	[TUN_FACT_HOOK_ENDED] = on_hook_ended,
	[TUN_FACT_PROBE] = on_probe,
	[TUN_FACT_LINK] = on_link,
	[TUN_FACT_WANT_DONE] = on_want,
};

static void forget_if_over(struct tunnels *ts, struct tunnel *t)
{
	struct tunnel *of = t->of;
	if ((!t->gone && !of) || t->state != TUN_DOWN || !list_empty(&t->others))
		return;
	drop(ts, t);
	if (of)
		forget_if_over(ts, of);
}

static bool about_child(uint8_t type)
{
	return type == TUN_FACT_CHILD_UP || type == TUN_FACT_CHILD_DOWN || type == TUN_FACT_CHILD_MOVED;
}

static bool is_outcome(uint8_t type) { return type == TUN_FACT_GRE || type == TUN_FACT_HOOK_ENDED || type == TUN_FACT_PROBE; }

/* Whom a fact is about. An outcome is of the action with its ticket. */
static struct tunnel *concerned(struct tunnels *ts, const struct tun_fact *f)
{
	if (is_outcome(f->type)) {
		struct tunnel *of = f->ticket ? find_by_ticket(ts, f->ticket) : NULL;
		return of && f->tunnel && f->tunnel != (of->of ? of->of->id : of->id) ? NULL : of;
	}
	struct tunnel *t = tun_by_id(ts, f->tunnel);
	if (!t || !about_child(f->type) || BUG(!f->child))
		return t;
	return tun_of_peer(ts, t, &f->child->peer_id, f->type == TUN_FACT_CHILD_UP);
}

/* What still concerns a tunnel that is no transport tunnel, or became none while its hooks run. */
static bool concerns_shunt(uint8_t type) { return type == TUN_FACT_GONE || type == TUN_FACT_HOOK_ENDED; }

void tunnels_report(struct tunnels *ts, const struct tun_fact *f, mono_t now, struct tun_acts *acts)
{
	struct step s = {.ts = ts, .f = f, .now = now, .acts = acts};
	if (f->type == TUN_FACT_CONF) {
		on_conf(ts, &s);
		return;
	}
	if (f->type == TUN_FACT_LINK && f->tunnel == 0) {
		on_link_of_all(ts, &s);
		return;
	}
	struct tunnel *t = concerned(ts, f);
	bool shunt = t && t->kind != TUNNEL_TRANSPORT;
	if (f->type == TUN_FACT_WANT_DONE && (!t || t->gone))
		on_want_unknown(&s, false, "no such tunnel");
	else if (f->type == TUN_FACT_WANT_DONE && shunt)
		on_want_unknown(&s, true, "a policy without SAs: nothing to wait for");
	else if (t && f->type < ARRAY_LEN(on_fact) && on_fact[f->type] && (!shunt || concerns_shunt(f->type))) {
		on_fact[f->type](t, &s);
		forget_if_over(ts, t);
	}
}

static void on_timer(struct tunnel *t, uint8_t kind, struct step *s)
{
	if (kind == TIMER_STATE)
		tun_step(t, EV_TIMEOUT, s);
	else if (kind == TIMER_WAIT)
		tun_step(t, EV_WAITED, s);
	else if (t->lane.ticket == 0 || lane_step(t, LANE_OVERDUE, s))
		lane_moved_on(t, s);
}

void tunnels_timer(struct tunnels *ts, mono_t now, struct tun_acts *acts)
{
	struct step s = {.ts = ts, .now = now, .acts = acts};
	while (acts->n + TUN_ROOM <= TUN_ACTS_MAX) {
		struct timer *due = heap_pop(&ts->heap, now);
		if (!due)
			return;
		struct tun_timer *timer = CONTAINER_OF(due, struct tun_timer, t);
		on_timer(timer->owner, timer->kind, &s);
		forget_if_over(ts, timer->owner);
	}
}

mono_t tunnels_due(const struct tunnels *ts) { return heap_due(&ts->heap); }

bool tunnels_view(const struct tunnels *ts, uint32_t tunnel, struct tun_view *out)
{
	const struct tunnel *t = tun_by_id(ts, tunnel);
	if (!t || t->kind != TUNNEL_TRANSPORT)
		return false;
	/* Of one with many peers: of the first, or of who has been there for longest. */
	if (t->state == TUN_DOWN && !list_empty(&t->others))
		t = LIST_ENTRY(t->others.next, struct tunnel, of_others);
	*out = (struct tun_view){
		.state = t->state,
		.n_children = t->n,
		.link = t->link,
		.received = t->received,
		.hook_status = t->lane.status,
		.why = t->why,
	};
	return true;
}
