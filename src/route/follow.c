/* See follow.h. */
#include "route/follow.h"

#include <errno.h>
#include <string.h>

#include "route/json.h"

enum { OUTPUT_MAX = 1 << 20, RETRY_S = 5 };
enum running { NOTHING_RUNS, CHECK_RUNS, CHANGE_RUNS };

struct follow {
	struct route_host host;
	const struct follow_daemon *d;
	struct list neighbours;
	uint8_t runs;            /* enum running */
	uint32_t ticket;
	struct neighbour *changing; /* NULL: it has left the configuration meanwhile */
	bool enable, checked, stopping, kept;
	mono_t retry;
	char *output;
	size_t output_cap, output_n;
	char why[128];           /* the last failure */
};

void *follow_open(const struct gretel_host *h, const struct follow_daemon *d)
{
	struct follow *f = h->get(h->ctx, sizeof *f);
	if (!f)
		return NULL;
	route_host_init(&f->host, h);
	f->d = d;
	list_init(&f->neighbours);
	f->retry = MONO_NEVER;
	return f;
}

static void neighbour_free(struct follow *f, struct neighbour *x)
{
	if (f->changing == x)
		f->changing = NULL;
	list_del(&x->node);
	mem_put(&f->host.mem, x, sizeof *x);
}

void follow_close(void *self)
{
	struct follow *f = self;
	const struct gretel_host *h = f->host.h;
	LIST_EACH(it, tmp, &f->neighbours)
		neighbour_free(f, LIST_ENTRY(it, struct neighbour, node));
	mem_put(&f->host.mem, f->output, f->output_cap);
	h->put(h->ctx, f, sizeof *f);
}

static struct neighbour *neighbour_add(struct follow *f, const char *tunnel, const struct addr *a, bool given)
{
	struct neighbour *x = mem_get(&f->host.mem, sizeof *x);
	if (!x)
		return NULL;
	struct sbuf b = SB(x->tunnel);
	sb_put(&b, tunnel);
	x->addr = *a;
	x->given = given;
	list_add_tail(&f->neighbours, &x->node);
	return x;
}

/* --- the tool --- */

static bool tool(struct follow *f, const char *words, uint8_t what, struct gretel_acts *acts)
{
	struct gretel_act *a = route_act(acts, GRETEL_ACT_TOOL);
	size_t n = strlen(words);
	if (!a || n + 1 > sizeof a->u.tool.words)
		return false;
	memset(&a->u.tool, 0, sizeof a->u.tool);
	a->u.tool.tool = f->d->tool;
	a->u.tool.n_words = 1;
	for (size_t i = 0; i < n; i++) {
		a->u.tool.words[i] = words[i] == '|' ? '\0' : words[i];
		a->u.tool.n_words = (uint8_t)(a->u.tool.n_words + (words[i] == '|'));
	}
	a->ticket = ++f->ticket;
	f->runs = what;
	f->output_n = 0;
	return true;
}

static bool wants_enabled(const struct follow *f, const struct neighbour *x) { return x->up || x->leaves || f->stopping; }

/* A neighbour that somebody else disabled is not enabled by us, and one is only disabled when its tunnel is down. */
static bool differs(const struct follow *f, const struct neighbour *x)
{
	if (!x->exists || !x->addr.family)
		return false;
	return wants_enabled(f, x) ? !x->enabled && x->ours : x->enabled;
}

static void advance(struct follow *f, struct gretel_acts *acts)
{
	bool unsettled = false;
	if (f->runs != NOTHING_RUNS || f->retry != MONO_NEVER)
		return;
	LIST_EACH(it, tmp, &f->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (f->stopping && !x->ours)
			x->settled = true;
		unsettled = unsettled || (x->known && !x->settled);
	}
	if (!unsettled)
		return;
	if (!f->checked) {
		if (!tool(f, f->d->check_words, CHECK_RUNS, acts))
			f->retry = 0;
		return;
	}
	LIST_EACH(it, tmp, &f->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (!x->known || x->settled)
			continue;
		if (!differs(f, x)) {
			x->settled = true;
			x->ours = x->ours && !wants_enabled(f, x);
			if (x->leaves)
				neighbour_free(f, x);
			continue;
		}
		char words[250];
		struct sbuf b = SB(words);
		f->enable = wants_enabled(f, x);
		f->d->change(&b, x, f->enable);
		f->changing = x;
		if (!tool(f, words, CHANGE_RUNS, acts))
			f->retry = 0;
		return;
	}
}

static void failed(struct follow *f, const char *what, int32_t status, mono_t now, struct gretel_acts *acts)
{
	struct sbuf b = SB(f->why);
	sb_printf(&b, "%s %s: status %d", f->d->name, what, (int)status);
	route_note(acts, -1, "%s; it is tried again in %d s", f->why, RETRY_S);
	f->retry = f->stopping ? MONO_NEVER : mono_add(now, DUR_S(RETRY_S));
	f->checked = false;
	LIST_EACH(it, tmp, &f->neighbours) { /* the end does not wait for a daemon that is not there */
		if (f->stopping)
			LIST_ENTRY(it, struct neighbour, node)->settled = true;
	}
}

static void tool_ended(struct follow *f, int32_t status, mono_t now, struct gretel_acts *acts)
{
	uint8_t was = f->runs;
	struct neighbour *x = f->changing;
	char text[ADDR_TEXT];
	f->runs = NOTHING_RUNS;
	f->changing = NULL;
	if (was == CHECK_RUNS) {
		if (status != 0 || !f->d->read(&f->neighbours, f->output ? f->output : "", f->output_n)) {
			failed(f, "could not be asked", status, now, acts);
			return;
		}
		f->checked = true;
		f->why[0] = '\0';
	} else if (was == CHANGE_RUNS && status != 0) {
		failed(f, "did not take a change", status, now, acts);
		return;
	} else if (was == CHANGE_RUNS && x) {
		x->enabled = f->enable;
		x->ours = !f->enable;
		route_note(acts, 1, "%s: the neighbour %s is %s, the tunnel %s is %s", f->d->name, addr_str(&x->addr, text),
		           f->enable ? "enabled" : "disabled", x->tunnel, x->up ? "up" : "down");
	}
	advance(f, acts);
}

static void output(struct follow *f, const struct gretel_span *s)
{
	size_t cap = f->output_cap ? f->output_cap : 8192;
	while (cap < f->output_n + s->n && cap < OUTPUT_MAX)
		cap *= 2;
	if (cap != f->output_cap) {
		char *v = mem_get(&f->host.mem, cap);
		if (!v)
			return;
		if (f->output_n)
			memcpy(v, f->output, f->output_n);
		mem_put(&f->host.mem, f->output, f->output_cap);
		f->output = v;
		f->output_cap = cap;
	}
	size_t n = min_z(s->n, f->output_cap - f->output_n);
	if (n)
		memcpy(f->output + f->output_n, s->p, n);
	f->output_n += n;
}

/* --- facts and commands --- */

static void tunnel(struct follow *f, const struct gretel_fact *t)
{
	struct addr peer = route_addr_in(&t->remote);
	bool any = false;
	LIST_EACH(it, tmp, &f->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (x->leaves || strcmp(x->tunnel, t->name) != 0)
			continue;
		any = true;
		if (!x->given && peer.family)
			x->addr = peer;
		if (x->known && x->up == (t->up != 0))
			continue;
		x->known = true;
		x->up = t->up;
		x->settled = false;
		f->checked = false;
	}
	if (any || !peer.family)
		return;
	struct neighbour *x = neighbour_add(f, t->name, &peer, false);
	if (!x)
		return;
	x->known = true;
	x->up = t->up;
	f->checked = false;
}

void follow_report(void *self, const struct gretel_fact *t, int64_t now, struct gretel_acts *acts)
{
	struct follow *f = self;
	if (t->type == GRETEL_FACT_TUNNEL && t->name)
		tunnel(f, t);
	else if (t->type == GRETEL_FACT_TOOL_OUTPUT && t->ticket == f->ticket && f->runs == CHECK_RUNS)
		output(f, &t->octets);
	else if (t->type == GRETEL_FACT_TOOL_ENDED && t->ticket == f->ticket && f->runs != NOTHING_RUNS)
		tool_ended(f, t->status, now, acts);
	else
		return;
	advance(f, acts);
}

void follow_timer(void *self, int64_t now, struct gretel_acts *acts)
{
	struct follow *f = self;
	if (f->retry > now)
		return;
	f->retry = MONO_NEVER;
	advance(f, acts);
}

int64_t follow_due(const void *self) { return ((const struct follow *)self)->retry; }

struct option {
	struct follow *f;        /* NULL: only looked at */
	bool bad;
};

/* neighbors.TUNNEL.N = an address */
static bool on_option(void *ctx, const char *path, const char *value, bool string)
{
	struct option *o = ctx;
	char name[CONF_NAME_MAX + 1];
	struct addr a;
	const char *at = strncmp(path, "neighbors.", 10) == 0 ? path + 10 : NULL, *dot = at ? strrchr(at, '.') : NULL;
	if (!dot || !string || !addr_parse(value, &a) || (size_t)(dot - at) >= sizeof name) {
		o->bad = true;
		return true;
	}
	memcpy(name, at, (size_t)(dot - at));
	name[dot - at] = '\0';
	if (!o->f)
		return true;
	LIST_EACH(it, tmp, &o->f->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (strcmp(x->tunnel, name) == 0 && addr_eq(&x->addr, &a)) {
			x->given = x->listed = true;
			x->leaves = false;
			return true;
		}
	}
	struct neighbour *x = neighbour_add(o->f, name, &a, true);
	if (x)
		x->listed = true;
	return x != NULL;
}

/* The options as they are now. A neighbour that they had named and do not name any more is as if we had never been there. */
static bool options_take(struct follow *f, const char *options)
{
	struct option o = {.f = f};
	LIST_EACH(it, tmp, &f->neighbours)
		LIST_ENTRY(it, struct neighbour, node)->listed = false;
	if (*options && (!json_walk(options, strlen(options), on_option, &o) || o.bad))
		return false;
	LIST_EACH(it, tmp, &f->neighbours) {
		struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (!x->given || x->listed || x->leaves)
			continue;
		x->leaves = x->known = true;
		x->settled = f->checked = false;
	}
	return true;
}

int follow_check(const char *options, const char *command, char *why, size_t size)
{
	struct option o = {.f = NULL};
	struct sbuf b = sb_init(why, size);
	(void)command;
	if (!options || !*options || (json_walk(options, strlen(options), on_option, &o) && !o.bad))
		return 1;
	sb_put(&b, "its options are neighbors = { TUNNEL = [ \"ADDRESS\", ... ]; }");
	return 0;
}

int follow_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	struct follow *f = self;
	(void)now;
	if (c->type == GRETEL_CMD_CONF) {
		if (!options_take(f, c->options))
			return -EINVAL;
		if (!f->kept)
			f->kept = route_act(acts, GRETEL_ACT_ROUTES_KEPT) != NULL;
	} else if (c->type == GRETEL_CMD_STOP) {
		f->stopping = !c->graceful;
		f->retry = MONO_NEVER;
		LIST_EACH(it, tmp, &f->neighbours)
			LIST_ENTRY(it, struct neighbour, node)->settled = c->graceful;
	} else {
		return -ENOENT;
	}
	advance(f, acts);
	return 0;
}

int follow_idle(const void *self)
{
	const struct follow *f = self;
	LIST_EACH(it, tmp, &f->neighbours) {
		const struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		if (f->stopping && x->known && !x->settled)
			return 0;
	}
	return f->runs == NOTHING_RUNS;
}

int follow_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size)
{
	struct follow *f = self;
	char text[512], at[ADDR_TEXT];
	bool first = true;
	struct sbuf b = SB(text);
	(void)query;
	(void)now;
	(void)wall_s;
	(void)why;
	(void)size;
	sb_printf(&b, "{\"daemon\":\"%s\",\"failure\":", f->d->name);
	sb_json(&b, f->why);
	sb_put(&b, ",\"neighbors\":[");
	w->put(w, text, b.len);
	LIST_EACH(it, tmp, &f->neighbours) {
		const struct neighbour *x = LIST_ENTRY(it, struct neighbour, node);
		b = SB(text);
		sb_put(&b, first ? "{\"tunnel\":" : ",{\"tunnel\":");
		sb_json(&b, x->tunnel);
		sb_printf(&b, ",\"address\":\"%s\",\"tunnelUp\":%s,\"configured\":%s,\"enabled\":%s,\"disabledByUs\":%s}",
		          addr_str(&x->addr, at), x->up ? "true" : "false", x->exists ? "true" : "false",
		          x->enabled ? "true" : "false", x->ours ? "true" : "false");
		w->put(w, text, b.len);
		first = false;
	}
	w->put(w, "]}", 2);
	return 1;
}
