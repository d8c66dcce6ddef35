/* The world of BGP engines: see bgp_world.h. Links, connections, kernels, the queue of events. */
#include "bgp_world_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EV_TIMER, EV_CONNECT, EV_PUMP, EV_CLOSED };
enum { PIPE_MAX = 48 * 1024 };

static void carry_out(struct world *w, int s, struct bgp_acts *acts);

void world_fault(struct world *w, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (w->fault[0])
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	snprintf(w->fault, sizeof w->fault, "at %lld ms: %s", (long long)dur_to_ms(w->now), text);
}

/* --- Handles --- */

static uint64_t next_random(struct world_rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
static void rng_fill_world(struct rng *r, void *p, size_t n)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)next_random(CONTAINER_OF(r, struct world_rng, rng));
}
uint64_t world_random(struct world *w, uint64_t below) { return below ? next_random(&w->rng) % below : 0; }

static void *mem_get_world(struct mem *m, size_t n)
{
	CONTAINER_OF(m, struct world_mem, mem)->blocks++;
	return calloc(1, n ? n : 1);
}
static void mem_put_world(struct mem *m, void *p, size_t n)
{
	(void)n;
	CONTAINER_OF(m, struct world_mem, mem)->blocks--;
	free(p);
}

/* --- The queue --- */

static void push(struct world *w, mono_t at, uint8_t type, int a, int b, uint32_t life)
{
	size_t i = w->n_events++;

	if (w->n_events > w->cap_events) {
		w->cap_events = w->cap_events ? 2 * w->cap_events : 256;
		w->event = realloc(w->event, w->cap_events * sizeof *w->event);
		if (!w->event)
			abort();
	}
	struct world_event e = {.at = at, .order = w->order++, .type = type, .a = a, .b = b, .life = life};

	for (; i > 0; i = (i - 1) / 2) {
		struct world_event *up = &w->event[(i - 1) / 2];

		if (up->at < e.at || (up->at == e.at && up->order < e.order))
			break;
		w->event[i] = *up;
	}
	w->event[i] = e;
}

static bool before(const struct world_event *a, const struct world_event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static struct world_event pop(struct world *w)
{
	struct world_event top = w->event[0], last = w->event[--w->n_events];
	size_t i = 0;

	for (;;) {
		size_t kid = 2 * i + 1;

		if (kid >= w->n_events)
			break;
		if (kid + 1 < w->n_events && before(&w->event[kid + 1], &w->event[kid]))
			kid++;
		if (before(&last, &w->event[kid]))
			break;
		w->event[i] = w->event[kid];
		i = kid;
	}
	w->event[i] = last;
	return top;
}

/* --- Calls into an engine --- */

static void want_timer(struct world *w, int s)
{
	struct world_speaker *sp = &w->s[s];
	mono_t due = sp->bgp ? bgp_due(sp->bgp) : MONO_NEVER;

	if (due == MONO_NEVER)
		return;
	if (due < w->now)
		due = w->now;
	if (sp->timer > w->now && sp->timer <= due)
		return;
	sp->timer = due;
	push(w, due, EV_TIMER, s, 0, 0);
}

static void after_call(struct world *w, int s, struct bgp_acts *acts)
{
	carry_out(w, s, acts);
	want_timer(w, s);
}

static void report(struct world *w, int s, const struct bgp_fact *f)
{
	struct bgp_acts *acts = calloc(1, sizeof *acts);

	if (w->s[s].running) {
		bgp_report(w->s[s].bgp, f, w->now, acts);
		after_call(w, s, acts);
	}
	free(acts);
}

static void command(struct world *w, int s, const struct bgp_cmd *c)
{
	struct bgp_acts *acts = calloc(1, sizeof *acts);

	if (bgp_command(w->s[s].bgp, c, w->now, acts) < 0)
		world_fault(w, "%s refuses a command", w->s[s].name);
	after_call(w, s, acts);
	free(acts);
}

/* --- Connections --- */

static struct world_conn *conn_of(struct world *w, int s, uint32_t id, int *side)
{
	for (int i = 0; i < WORLD_CONNS; i++)
		for (int e = 0; e < 2; e++)
			if (w->conn[i].used && w->conn[i].end[e] == s && w->conn[i].id[e] == id && id) {
				*side = e;
				return &w->conn[i];
			}
	return NULL;
}

static void conn_free(struct world_conn *c)
{
	free(c->pipe[0].data);
	free(c->pipe[1].data);
	uint32_t life = c->life;

	memset(c, 0, sizeof *c);
	c->life = life + 1;
}

/* One end hears that it is over. */
static void tell_closed(struct world *w, struct world_conn *c, int side, int status)
{
	uint32_t id = c->id[side];
	int s = c->end[side];

	c->id[side] = 0;
	if (!c->id[0] && !c->id[1])
		conn_free(c);
	if (id)
		report(w, s, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = id, .status = status});
}

static void conn_open(struct world *w, int s, uint32_t id, const struct bgp_connect *want)
{
	for (int l = 0; l < w->n_links; l++) {
		struct world_link *k = &w->link[l];
		int e = k->end[0] == s ? 0 : 1;

		if (k->end[e] != s || !addr_eq(&k->addr[!e], &want->remote))
			continue;
		for (int i = 0; i < WORLD_CONNS; i++) {
			struct world_conn *c = &w->conn[i];

			if (c->used)
				continue;
			c->used = true;
			c->link = l;
			c->end[0] = s;
			c->end[1] = k->end[!e];
			c->id[0] = id;
			c->at[0] = (struct endpoint){.addr = k->addr[e], .port = (uint16_t)(30000 + world_random(w, 20000))};
			c->at[1] = (struct endpoint){.addr = k->addr[!e], .port = 179};
			push(w, w->now + 2 * k->delay, EV_CONNECT, i, 0, c->life);
			return;
		}
	}
	report(w, s, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = id, .status = -ENETUNREACH});
}

static void conn_established(struct world *w, int i)
{
	struct world_conn *c = &w->conn[i];
	struct world_link *k = &w->link[c->link];
	struct world_speaker *other = &w->s[c->end[1]];

	if (!c->id[0]) {
		conn_free(c);
		return;
	}
	if (!k->up || !w->s[c->end[1]].running) {
		tell_closed(w, c, 0, k->up ? -ECONNREFUSED : -EHOSTUNREACH);
		return;
	}
	c->up = true;
	c->id[1] = BGP_CONN_IN | ++other->next_in;
	uint32_t id0 = c->id[0], id1 = c->id[1], life = c->life;
	int s0 = c->end[0], s1 = c->end[1];
	struct endpoint at0 = c->at[0], at1 = c->at[1];
	int e1 = k->end[0] == s1 ? 0 : 1;

	report(w, s1, &(struct bgp_fact){.type = BGP_FACT_ACCEPTED, .conn = id1, .local = at1, .remote = at0,
	                                 .ifindex = k->ifindex[e1]});
	if (w->conn[i].life == life && w->conn[i].id[0] == id0)
		report(w, s0, &(struct bgp_fact){.type = BGP_FACT_CONNECTED, .conn = id0, .local = at0, .remote = at1});
}

/* Takes what the engine has to say into the pipe, as far as there is room. */
static void fill(struct world *w, int s, uint32_t id)
{
	int e;
	struct world_conn *c = conn_of(w, s, id, &e);

	while (c && c->up) {
		struct world_pipe *p = &c->pipe[e];
		struct span out[16];
		size_t n = bgp_output(w->s[s].bgp, id, out, ARRAY_LEN(out)), took = 0;
		size_t room = PIPE_MAX - p->n;

		if (p->cap < PIPE_MAX) {
			p->cap = PIPE_MAX;
			p->data = realloc(p->data, p->cap);
		}
		/* A socket takes what it likes. */
		if (room)
			room = world_random(w, 8) ? room : 1 + world_random(w, room);
		for (size_t i = 0; i < n && room; i++) {
			size_t k = min_z(room, out[i].n);

			memcpy(p->data + p->n, out[i].p, k);
			world_watch(w, c, e, SPAN(out[i].p, k));
			p->n += k;
			took += k;
			room -= k;
		}
		if (!took)
			return;
		push(w, w->now + w->link[c->link].delay, EV_PUMP, (int)(c - w->conn), e, c->life);
		struct bgp_acts *acts = calloc(1, sizeof *acts);

		bgp_sent(w->s[s].bgp, id, took, w->now, acts);
		after_call(w, s, acts);
		free(acts);
		c = conn_of(w, s, id, &e);
	}
}

/* Delivers from end e of connection i to the other. */
static void pump(struct world *w, int i, int e)
{
	struct world_conn *c = &w->conn[i];
	struct world_pipe *p = &c->pipe[e];
	uint32_t life = c->life, id = c->id[!e], writer = c->id[e];
	int s = c->end[!e], from = c->end[e];

	if (!w->link[c->link].up) { /* TCP sends it again */
		push(w, w->now + DUR_MS(200), EV_PUMP, i, e, life);
		return;
	}
	if (p->n && id) {
		size_t n = world_random(w, 3) ? p->n : 1 + world_random(w, p->n);
		uint8_t *copy = malloc(n);
		struct bgp_acts *acts = calloc(1, sizeof *acts);

		memcpy(copy, p->data, n);
		memmove(p->data, p->data + n, p->n - n);
		p->n -= n;
		if (p->n)
			push(w, w->now + DUR_MS(1), EV_PUMP, i, e, life);
		bgp_input(w->s[s].bgp, id, SPAN(copy, n), w->now, acts);
		after_call(w, s, acts);
		free(acts);
		free(copy);
		if (c->life == life && writer && c->id[e] == writer)
			fill(w, from, writer);
	} else {
		p->n = 0;
	}
	if (c->life == life && c->pipe[e].closing && !c->pipe[e].n && c->id[!e])
		tell_closed(w, c, !e, 0);
}

static void close_by(struct world *w, int s, uint32_t id)
{
	int e;

	fill(w, s, id);
	struct world_conn *c = conn_of(w, s, id, &e);

	if (!c)
		return;
	c->id[e] = 0;
	if (!c->up || !c->id[!e]) {
		if (c->up || e == 0)
			conn_free(c);
		return;
	}
	c->pipe[e].closing = true;
	push(w, w->now + w->link[c->link].delay, EV_PUMP, (int)(c - w->conn), e, c->life);
}

/* --- The kernel --- */

static bool same_key(const struct route *a, const struct route *b)
{
	return addr_eq(&a->dst.addr, &b->dst.addr) && a->dst.len == b->dst.len && a->metric == b->metric && a->table == b->table;
}

static void kernel_set(struct world *w, int s, const struct route *r)
{
	struct world_speaker *sp = &w->s[s];

	sp->route_sets++;
	for (size_t i = 0; i < sp->n_kernel; i++)
		if (same_key(&sp->kernel[i], r)) {
			if (route_eq(&sp->kernel[i], r))
				world_fault(w, "%s sets a kernel route to what it is", sp->name);
			sp->kernel[i] = *r;
			return;
		}
	if (sp->n_kernel < WORLD_ROUTES)
		sp->kernel[sp->n_kernel++] = *r;
}

static void kernel_del(struct world *w, int s, const struct route *r)
{
	struct world_speaker *sp = &w->s[s];

	for (size_t i = 0; i < sp->n_kernel; i++)
		if (same_key(&sp->kernel[i], r)) {
			sp->kernel[i] = sp->kernel[--sp->n_kernel];
			return;
		}
	world_fault(w, "%s deletes a kernel route that is not there", sp->name);
}

static void carry_out(struct world *w, int s, struct bgp_acts *acts)
{
	for (uint32_t i = 0; i < acts->n; i++) {
		struct bgp_act *a = &acts->v[i];

		switch (a->type) {
		case BGP_ACT_CONNECT: conn_open(w, s, a->conn, &a->u.connect); break;
		case BGP_ACT_CLOSE: close_by(w, s, a->conn); break;
		case BGP_ACT_OUTPUT: fill(w, s, a->conn); break;
		case BGP_ACT_ROUTE_SET: kernel_set(w, s, &a->u.route); break;
		case BGP_ACT_ROUTE_DEL: kernel_del(w, s, &a->u.route); break;
		case BGP_ACT_NOTE:
			if (w->verbose)
				printf("%8lld ms %s: %s\n", (long long)dur_to_ms(w->now), w->s[s].name, a->u.note.text);
			break;
		default: break;
		}
	}
}

/* The connected route of link l at end e, and the way that the other links' networks are reached: by the first link of ours
 * that is up and leads to one of their ends, as an interior routing protocol would have it. */
static void link_facts(struct world *w, int l, int e, bool up)
{
	struct world_link *k = &w->link[l];
	struct bgp_fact f = {.type = BGP_FACT_LINK};
	struct route r = {.dst = {.addr = k->addr[e], .len = 30}, .source = ROUTE_CONNECTED, .table = ROUTE_TABLE_MAIN, .n_hops = 1};

	f.link = (struct route_link){.ifindex = k->ifindex[e], .mtu = 1400, .up = up, .point_to_point = true};
	snprintf(f.link.name, sizeof f.link.name, "gre%d", l);
	report(w, k->end[e], &f);
	r.dst.addr.b[3] &= 0xfc;
	r.hop[0] = (struct route_hop){.ifindex = k->ifindex[e], .weight = 1};
	if (up) {
		f = (struct bgp_fact){.type = BGP_FACT_ADDR};
		f.address = (struct route_addr){.ifindex = k->ifindex[e], .local = {.addr = k->addr[e], .len = 30}};
		report(w, k->end[e], &f);
	}
	report(w, k->end[e], &(struct bgp_fact){.type = BGP_FACT_ROUTE, .route = &r, .gone = !up});
	for (int o = 0; o < w->n_links; o++) {
		const struct world_link *x = &w->link[o];
		struct route far = r;

		/* A network that begins or ends where our link ends, and is none of ours. */
		if (x->end[0] == k->end[e] || x->end[1] == k->end[e] ||
		    (x->end[0] != k->end[!e] && x->end[1] != k->end[!e]))
			continue;
		far.dst.addr = x->addr[0];
		far.dst.addr.b[3] &= 0xfc;
		far.source = ROUTE_STATIC;
		far.metric = (uint32_t)(10 + l);
		far.hop[0].gateway = k->addr[!e];
		report(w, k->end[e], &(struct bgp_fact){.type = BGP_FACT_ROUTE, .route = &far, .gone = !up});
	}
}

/* --- Configuration --- */

static void configure(struct world *w, int s)
{
	struct world_speaker *sp = &w->s[s];

	free(sp->conf_before);
	sp->conf_before = sp->conf;
	sp->conf = world_conf(w, s);
	command(w, s, &(struct bgp_cmd){.type = BGP_CMD_CONF, .conf = sp->conf});
	free(sp->conf_before);
	sp->conf_before = NULL;
}

/* --- What tests call --- */

struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);

	w->now = DUR_S(1000);
	w->rng = (struct world_rng){.rng = {.fill = rng_fill_world}, .state = seed * 0x2545f4914f6cdd1du + 1};
	return w;
}

void world_free(struct world *w)
{
	for (int s = 0; s < w->n_speakers; s++)
		if (w->s[s].running)
			world_stop(w, s, true);
	for (int i = 0; i < WORLD_CONNS; i++)
		conn_free(&w->conn[i]);
	free(w->event);
	free(w);
}

int world_speaker(struct world *w, const char *name, uint32_t as)
{
	struct world_speaker *s = &w->s[w->n_speakers];

	snprintf(s->name, sizeof s->name, "%s", name);
	s->as = as;
	s->id = 0x0aff0001u + (uint32_t)w->n_speakers;
	s->mem.mem = (struct mem){.get = mem_get_world, .put = mem_put_world};
	return w->n_speakers++;
}

int world_link(struct world *w, int a, int b)
{
	int l = w->n_links++;
	struct world_link *k = &w->link[l];

	k->end[0] = a;
	k->end[1] = b;
	for (int e = 0; e < 2; e++) {
		k->addr[e] = addr_from((uint8_t[]){10, (uint8_t)(l + 1), 0, (uint8_t)(e + 1)}, 4);
		k->ifindex[e] = (uint32_t)(10 + l);
	}
	k->up = true;
	k->delay = DUR_MS(1 + (int64_t)world_random(w, 40));
	return l;
}

void world_peer(struct world *w, int s, int l, uint8_t flags)
{
	int e = w->link[l].end[0] == s ? 0 : 1;

	w->link[l].peer[e] = true;
	w->link[l].flags[e] = flags;
}

void world_network(struct world *w, int s, const char *text, bool on)
{
	struct world_speaker *sp = &w->s[s];
	struct prefix p;
	size_t i;

	if (!prefix_parse(text, &p))
		abort();
	for (i = 0; i < sp->n_networks; i++)
		if (addr_eq(&sp->network[i].addr, &p.addr) && sp->network[i].len == p.len)
			break;
	if (i == sp->n_networks)
		sp->network[sp->n_networks++] = p;
	sp->on[i] = on;
	if (sp->running)
		configure(w, s);
}

void world_start(struct world *w, int s)
{
	struct world_speaker *sp = &w->s[s];
	struct bgp_env env = {.mem = &sp->mem.mem, .rng = &w->rng.rng, .host = sp->name, .software = "sim"};

	if (sp->running)
		return;
	sp->bgp = bgp_new(&env);
	if (!sp->bgp) {
		world_fault(w, "%s has no memory", sp->name);
		return;
	}
	sp->running = true;
	sp->timer = 0;
	sp->n_kernel = 0;
	configure(w, s);
	for (int l = 0; l < w->n_links; l++)
		for (int e = 0; e < 2; e++)
			if (w->link[l].end[e] == s && w->link[l].up)
				link_facts(w, l, e, true);
	report(w, s, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
}

void world_stop(struct world *w, int s, bool crash)
{
	struct world_speaker *sp = &w->s[s];

	if (!sp->running)
		return;
	if (!crash)
		command(w, s, &(struct bgp_cmd){.type = BGP_CMD_STOP});
	sp->running = false;
	for (int i = 0; i < WORLD_CONNS; i++)
		for (int e = 0; e < 2; e++) {
			struct world_conn *c = &w->conn[i];

			if (!c->used || c->end[e] != s || !c->id[e])
				continue;
			c->id[e] = 0;
			if (!c->id[!e])
				conn_free(c);
			else
				push(w, w->now + w->link[c->link].delay, EV_CLOSED, i, !e, c->life);
		}
	bgp_free(sp->bgp);
	sp->bgp = NULL;
	free(sp->conf);
	sp->conf = NULL;
	if (sp->mem.blocks || sp->mem.mem.in_use)
		world_fault(w, "%s leaves %zu blocks of %zu octets behind", sp->name, sp->mem.blocks, sp->mem.mem.in_use);
}

void world_link_set(struct world *w, int l, bool up)
{
	struct world_link *k = &w->link[l];

	if (k->up == up)
		return;
	k->up = up;
	for (int e = 0; e < 2; e++)
		link_facts(w, l, e, up);
}

void world_cut(struct world *w, int l)
{
	for (int i = 0; i < WORLD_CONNS; i++)
		for (int e = 0; e < 2; e++)
			if (w->conn[i].used && w->conn[i].link == l && w->conn[i].up && w->conn[i].id[e])
				push(w, w->now + 1 + (dur_t)world_random(w, (uint64_t)DUR_MS(200)), EV_CLOSED, i, e, w->conn[i].life);
}

static void timer(struct world *w, int s)
{
	struct world_speaker *sp = &w->s[s];
	struct bgp_acts *acts;

	if (!sp->running || bgp_due(sp->bgp) > w->now) {
		if (sp->running)
			want_timer(w, s);
		return;
	}
	acts = calloc(1, sizeof *acts);
	bgp_timer(sp->bgp, w->now, acts);
	sp->timer = 0;
	after_call(w, s, acts);
	free(acts);
}

void world_run(struct world *w, dur_t d)
{
	mono_t end = w->now + d;
	unsigned spin = 0;

	while (w->n_events && w->event[0].at <= end) {
		struct world_event e = pop(w);

		spin = e.at == w->now ? spin + 1 : 0;
		if (spin > 100000) {
			world_fault(w, "time stands still");
			break;
		}
		w->now = e.at;
		if (e.type == EV_TIMER) {
			timer(w, e.a);
			continue;
		}
		if (!w->conn[e.a].used || w->conn[e.a].life != e.life)
			continue;
		switch (e.type) {
		case EV_CONNECT: conn_established(w, e.a); break;
		case EV_PUMP: pump(w, e.a, e.b); break;
		case EV_CLOSED: tell_closed(w, &w->conn[e.a], e.b, -ECONNRESET); break;
		}
	}
	w->now = end;
}

bool world_connected(const struct world *w, int l)
{
	const struct world_link *k = &w->link[l];

	return k->up && k->peer[0] && k->peer[1] && w->s[k->end[0]].running && w->s[k->end[1]].running;
}

/* --- Show --- */

struct show {
	struct bgp_writer w;
	char *s;
	size_t n, cap;
};
static void show_put(struct bgp_writer *bw, const char *text, size_t n)
{
	struct show *o = CONTAINER_OF(bw, struct show, w);

	if (o->n + n + 1 > o->cap) {
		o->cap = 2 * (o->n + n + 1);
		o->s = realloc(o->s, o->cap);
	}
	memcpy(o->s + o->n, text, n);
	o->n += n;
	o->s[o->n] = '\0';
}

char *world_show(struct world *w, int s, const char *query)
{
	struct show o = {.w = {.put = show_put}};
	char why[200];
	struct sbuf b = SB(why);

	if (!bgp_show(w->s[s].bgp, query, w->now, 1700000000, &o.w, &b))
		world_fault(w, "%s does not know how to show %s: %s", w->s[s].name, query, why);
	return o.s ? o.s : strdup("");
}
