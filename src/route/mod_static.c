/* The module `static`: the routes of routing.static. Each is in the kernel while what it is bound to is there: the
 * tunnel of via_tunnel is up, the interface of dev is up, or, for a gateway alone, always.
 *
 * A route is wanted, or it is not; timer() makes the kernel so, as many at a time as there is room for. */
#include <errno.h>
#include <string.h>

#include "route/route.h"

enum { RETRY_S = 5 };

struct entry {
	struct route route;      /* with its interface, once that is known */
	char tunnel[CONF_NAME_MAX + 1], dev[16];
	bool up;                 /* its tunnel or interface is there */
	bool installed, changed; /* what the kernel was told last; what it has to be told is another thing */
	int32_t failed;          /* -errno of the last try */
	bool old;                /* in no configuration any more */
};

struct statics {
	const struct gretel_host *host;
	struct entry *v;
	uint32_t n, cap;
	bool synced, kept, stopping, work;
	int64_t retry;           /* when refused routes are tried again */
};

static void *statics_open(const struct gretel_host *h)
{
	struct statics *s = h->get(h->ctx, sizeof *s);
	if (s) {
		s->host = h;
		s->retry = GRETEL_NEVER;
	}
	return s;
}

static void statics_close(void *self)
{
	struct statics *s = self;
	s->host->put(s->host->ctx, s->v, s->cap * sizeof *s->v);
	s->host->put(s->host->ctx, s, sizeof *s);
}

static bool wanted(const struct statics *s, const struct entry *e) { return e->up && !e->old && !s->stopping; }

static bool same_key(const struct route *a, const struct route *b)
{
	return addr_eq(&a->dst.addr, &b->dst.addr) && a->dst.len == b->dst.len && a->table == b->table &&
	       a->metric == b->metric;
}

static bool step(struct statics *s, struct entry *e, uint32_t i, struct gretel_acts *acts)
{
	bool want = wanted(s, e);
	if (want == e->installed && !(want && e->changed))
		return true;
	struct gretel_act *a = route_act(acts, want ? GRETEL_ACT_ROUTE_SET : GRETEL_ACT_ROUTE_DEL);
	if (!a)
		return false;
	a->ticket = i + 1;
	route_out(&e->route, &a->u.route);
	e->installed = want;
	e->changed = false;
	e->failed = 0;
	return true;
}

static void work(struct statics *s, struct gretel_acts *acts)
{
	s->work = false;
	if (!s->synced)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		if (!step(s, &s->v[i], i, acts)) {
			s->work = true;
			return;
		}
	}
	for (uint32_t i = 0; i < s->n;) { /* what has left the configuration and the kernel is forgotten */
		if (s->v[i].old && !s->v[i].installed)
			s->v[i] = s->v[--s->n];
		else
			i++;
	}
	if (!s->kept && !s->stopping)
		s->kept = route_act(acts, GRETEL_ACT_ROUTES_KEPT) != NULL;
}

static void statics_timer(void *self, int64_t now, struct gretel_acts *acts)
{
	struct statics *s = self;
	if (s->retry <= now) {
		s->retry = GRETEL_NEVER;
		for (uint32_t i = 0; i < s->n; i++) {
			if (s->v[i].failed)
				s->v[i].installed = false;
		}
	}
	work(s, acts);
}

static int64_t statics_due(const void *self)
{
	const struct statics *s = self;
	return s->work ? 0 : s->retry;
}

static bool same_entry(const struct entry *a, const struct entry *b)
{
	struct route x = a->route, y = b->route;
	for (size_t i = 0; i < ROUTE_HOPS_MAX; i++) /* found out at run time */
		if (a->tunnel[0] || a->dev[0])
			x.hop[i].ifindex = y.hop[i].ifindex = 0;
	return route_eq(&x, &y) && strcmp(a->tunnel, b->tunnel) == 0 && strcmp(a->dev, b->dev) == 0;
}

static struct entry *room(struct statics *s)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 16;
		struct entry *v = s->host->get(s->host->ctx, cap * sizeof *v);
		if (!v)
			return NULL;
		if (s->n)
			memcpy(v, s->v, s->n * sizeof *v);
		s->host->put(s->host->ctx, s->v, s->cap * sizeof *v);
		s->v = v;
		s->cap = cap;
	}
	return &s->v[s->n];
}

static void text_set(char *out, size_t size, const char *text)
{
	struct sbuf b = sb_init(out, size);
	sb_put(&b, text);
}

static int conf_take(struct statics *s, const struct conf *c)
{
	const struct conf_routing *r = conf_routing(c);
	for (uint32_t i = 0; i < s->n; i++)
		s->v[i].old = true;
	for (uint32_t i = 0; r && i < r->statics.n; i++) {
		const struct conf_static_route *x = conf_at(c, r->statics, sizeof *x, i);
		struct entry *e = room(s);
		if (!e || !x)
			return -ENOMEM;
		*e = (struct entry){.route = x->route};
		e->route.source = ROUTE_OURS;
		e->route.table = x->route.table ? x->route.table : ROUTE_TABLE_MAIN;
		text_set(e->tunnel, sizeof e->tunnel, conf_str(c, x->via_tunnel));
		text_set(e->dev, sizeof e->dev, conf_str(c, x->dev));
		e->up = !e->tunnel[0] && !e->dev[0];
		if (!e->route.n_hops && e->route.kind == ROUTE_UNICAST)
			e->route.n_hops = 1;
		for (uint32_t k = 0; k < s->n; k++) {
			struct entry *was = &s->v[k];
			if (!was->old || !same_key(&was->route, &e->route))
				continue;
			/* Replaced in place: the kernel is never without it. */
			bool equal = same_entry(was, e), installed = was->installed, up = was->up;
			struct route route = was->route;
			*was = *e;
			was->installed = installed;
			was->up = equal ? up : was->up;
			was->route = equal ? route : was->route;
			was->changed = !equal;
			e = NULL;
			break;
		}
		s->n += e != NULL;
	}
	return 0;
}

static int statics_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	struct statics *s = self;
	int rc = 0;
	(void)now;
	if (c->type == GRETEL_CMD_CONF)
		rc = conf_take(s, c->conf);
	else if (c->type == GRETEL_CMD_CLEAR)
		return -ENOENT;
	else
		s->stopping = !c->graceful;
	work(s, acts);
	return rc;
}

static void bind(struct entry *e, uint32_t ifindex, bool up)
{
	struct route_hop *h = &e->route.hop[0];
	e->changed = e->changed || (up && h->ifindex != ifindex);
	e->up = up;
	if (up)
		h->ifindex = ifindex;
	h->weight = h->weight ? h->weight : 1;
}

static void statics_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts)
{
	struct statics *s = self;
	if (f->type == GRETEL_FACT_SYNCED)
		s->synced = true;
	for (uint32_t i = 0; i < s->n; i++) {
		struct entry *e = &s->v[i];
		if (f->type == GRETEL_FACT_TUNNEL && strcmp(e->tunnel, f->name) == 0)
			bind(e, f->ifindex, f->up && f->ifindex);
		else if (f->type == GRETEL_FACT_LINK && !e->tunnel[0] && e->dev[0] && strcmp(e->dev, f->ifname) == 0)
			bind(e, f->ifindex, f->up && !f->gone);
		else if (f->type == GRETEL_FACT_LINK && (!f->up || f->gone) && e->installed && e->route.n_hops &&
		         e->route.hop[0].ifindex == f->ifindex)
			e->installed = false; /* the kernel has dropped it */
		else if (f->type == GRETEL_FACT_ROUTE_FAILED && f->ticket == i + 1 && e->installed) {
			e->failed = f->status;
			s->retry = now + DUR_S(RETRY_S);
		}
	}
	work(s, acts);
}

static int statics_idle(const void *self)
{
	const struct statics *s = self;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->stopping && s->v[i].installed)
			return 0;
	}
	return 1;
}

static int statics_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why,
                        size_t size)
{
	struct statics *s = self;
	char text[512];
	struct sbuf b = sb_init(why, size);
	(void)now;
	(void)wall_s;
	if (strcmp(query, "routes") != 0 && strcmp(query, "summary") != 0) {
		sb_put(&b, "the module static knows `routes` only");
		return 0;
	}
	w->put(w, "{\"routes\":[", 11);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->v[i];
		struct sbuf t = SB(text);
		sb_put(&t, i ? ",{\"route\":\"" : "{\"route\":\"");
		sb_route(&t, &e->route);
		sb_printf(&t, "\",\"tunnel\":\"%s\",\"dev\":\"%s\",\"installed\":%s,\"status\":%d}", e->tunnel, e->dev,
		          e->installed && !e->failed ? "true" : "false", (int)e->failed);
		w->put(w, text, t.len);
	}
	w->put(w, "]}", 2);
	return 1;
}

const struct gretel_route_module route_mod_static = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "static",
	.open = statics_open, .close = statics_close, .timer = statics_timer, .due = statics_due,
	.command = statics_command, .report = statics_report, .idle = statics_idle, .show = statics_show,
};
