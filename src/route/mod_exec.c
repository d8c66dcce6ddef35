/* The module `exec`: a program of the administrator's. It is started with routing.command, hears one JSON object a line on its
 * standard input (facts), and says one a line on its standard output (actions); gretel-route-module(7) lists them. When it ends it
 * is started again, after a pause that grows; its routes stay for the grace time, in which the next one may set them again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "route/host.h"
#include "route/json.h"

enum { LINE_MAX_IN = 8192, OUT_MAX = 8 << 20, PAUSE_FIRST_S = 1, PAUSE_MAX_S = 60, LASTING_S = 30 };

/* A route that the program has set. */
struct kept {
	struct hnode by_key;
	struct list node;
	struct route route;
	bool old;                /* of an earlier run */
};

struct program {
	struct route_host host;
	struct hmap map;
	struct list routes;
	bool configured, running, asked, stopping, sweeping;
	uint32_t conn, next_conn;
	mono_t start_at, started, sweep_at;
	dur_t pause, grace;
	char *command;
	size_t command_size;
	char line[LINE_MAX_IN];
	size_t n_line;
	bool too_long;
	uint8_t *out;            /* lines that are not written yet, from `at` */
	size_t out_cap, out_n, out_at;
};

static void *exec_open(const struct gretel_host *h)
{
	struct program *p = h->get(h->ctx, sizeof *p);
	uint64_t k[2];
	if (!p)
		return NULL;
	route_host_init(&p->host, h);
	rng_fill(&p->host.rng, k, sizeof k);
	list_init(&p->routes);
	p->start_at = p->sweep_at = MONO_NEVER;
	p->pause = DUR_S(PAUSE_FIRST_S);
	p->grace = DUR_S(30);
	if (hmap_init(&p->map, &p->host.mem, k[0], k[1]) == 0)
		return p;
	h->put(h->ctx, p, sizeof *p);
	return NULL;
}

static void kept_free(struct program *p, struct kept *k)
{
	hmap_del(&p->map, &k->by_key);
	list_del(&k->node);
	mem_put(&p->host.mem, k, sizeof *k);
}

static void exec_close(void *self)
{
	struct program *p = self;
	const struct gretel_host *h = p->host.h;
	LIST_EACH(it, tmp, &p->routes)
		kept_free(p, LIST_ENTRY(it, struct kept, node));
	hmap_fini(&p->map);
	mem_put(&p->host.mem, p->out, p->out_cap);
	mem_put(&p->host.mem, p->command, p->command_size);
	h->put(h->ctx, p, sizeof *p);
}

/* --- its routes --- */

static uint64_t key_hash(const struct program *p, const struct route *r)
{
	uint8_t b[32];
	struct wr w = wr_init(b, sizeof b);
	wr_bytes(&w, r->dst.addr.b, sizeof r->dst.addr.b);
	wr_u8(&w, r->dst.addr.family);
	wr_u8(&w, r->dst.len);
	wr_u32(&w, r->table);
	wr_u32(&w, r->metric);
	return hmap_hash(&p->map, b, w.len);
}

static struct kept *kept_find(const struct program *p, const struct route *r, uint64_t hash)
{
	for (struct hnode *n = hmap_first(&p->map, hash); n; n = hmap_next(n)) {
		struct kept *k = CONTAINER_OF(n, struct kept, by_key);
		if (addr_eq(&k->route.dst.addr, &r->dst.addr) && k->route.dst.len == r->dst.len &&
		    k->route.table == r->table && k->route.metric == r->metric)
			return k;
	}
	return NULL;
}

static bool route_emit(struct gretel_acts *acts, uint32_t type, uint32_t ticket, const struct route *r)
{
	struct gretel_act *a = route_act(acts, type);
	if (!a)
		return false;
	a->ticket = ticket;
	route_out(r, &a->u.route);
	return true;
}

static void set(struct program *p, const struct route *r, uint32_t ticket, struct gretel_acts *acts)
{
	uint64_t hash = key_hash(p, r);
	struct kept *k = kept_find(p, r, hash);
	if (!k) {
		k = mem_get(&p->host.mem, sizeof *k);
		if (!k)
			return;
		hmap_add(&p->map, &k->by_key, hash);
		list_add_tail(&p->routes, &k->node);
	}
	k->route = *r;
	k->old = false;
	(void)route_emit(acts, GRETEL_ACT_ROUTE_SET, ticket, r);
}

static void del(struct program *p, const struct route *r, struct gretel_acts *acts)
{
	struct kept *k = kept_find(p, r, key_hash(p, r));
	if (k && route_emit(acts, GRETEL_ACT_ROUTE_DEL, 0, r))
		kept_free(p, k);
}

/* Takes away what is old (all: everything), as far as there is room; the rest when it is due. */
static void sweep(struct program *p, bool all, struct gretel_acts *acts)
{
	p->sweeping = false;
	LIST_EACH(it, tmp, &p->routes) {
		struct kept *k = LIST_ENTRY(it, struct kept, node);
		if (!k->old && !all)
			continue;
		if (!route_emit(acts, GRETEL_ACT_ROUTE_DEL, 0, &k->route)) {
			p->sweeping = true;
			return;
		}
		kept_free(p, k);
	}
	p->sweep_at = MONO_NEVER;
}

/* --- what it says --- */

struct said {
	char action[24], text[240];
	struct route route;
	uint32_t ticket;
	int level;
	bool bad;
};

static struct route_hop *hop_of(struct said *s, const char *path, const char **rest)
{
	unsigned i = 0;
	*rest = path;
	if (strncmp(path, "nexthops.", 9) == 0) {
		char *end;
		i = (unsigned)strtoul(path + 9, &end, 10);
		*rest = *end == '.' ? end + 1 : "";
	}
	if (i >= ROUTE_HOPS_MAX)
		return NULL;
	if (s->route.n_hops <= i)
		s->route.n_hops = (uint8_t)(i + 1);
	return &s->route.hop[i];
}

static void text_set(char *out, size_t size, const char *text)
{
	struct sbuf b = sb_init(out, size);
	sb_put(&b, text);
}

static bool kind_of(const char *v, uint8_t *out)
{
	static const char *const kinds[] = {"unicast", "blackhole", "unreachable", "prohibit"};
	for (uint8_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i], v) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool on_word(void *ctx, const char *path, const char *v, bool string)
{
	struct said *s = ctx;
	const char *rest;
	uint32_t number = (uint32_t)strtoul(v, NULL, 10);
	(void)string;
	if (strcmp(path, "action") == 0)
		text_set(s->action, sizeof s->action, v);
	else if (strcmp(path, "text") == 0)
		text_set(s->text, sizeof s->text, v);
	else if (strcmp(path, "ticket") == 0)
		s->ticket = number;
	else if (strcmp(path, "level") == 0)
		s->level = (int)strtol(v, NULL, 10);
	else if (strcmp(path, "prefix") == 0)
		s->bad |= !prefix_parse(v, &s->route.dst);
	else if (strcmp(path, "src") == 0)
		s->bad |= !addr_parse(v, &s->route.src);
	else if (strcmp(path, "metric") == 0)
		s->route.metric = number;
	else if (strcmp(path, "table") == 0)
		s->route.table = number;
	else if (strcmp(path, "kind") == 0)
		s->bad |= !kind_of(v, &s->route.kind);
	else {
		struct route_hop *h = hop_of(s, path, &rest);
		if (!h)
			s->bad = true;
		else if (strcmp(rest, "via") == 0)
			s->bad |= !addr_parse(v, &h->gateway);
		else if (strcmp(rest, "ifindex") == 0)
			h->ifindex = number;
		else if (strcmp(rest, "weight") == 0)
			h->weight = (uint8_t)number;
		else if (strcmp(rest, "onlink") == 0)
			h->onlink = strcmp(v, "true") == 0;
		else
			s->bad = true;
	}
	return true;
}

static void on_line(struct program *p, const char *line, size_t n, mono_t now, struct gretel_acts *acts)
{
	struct said s = {.route = {.table = ROUTE_TABLE_MAIN, .metric = ROUTE_METRIC_BGP, .source = ROUTE_OURS}};
	bool ok = json_walk(line, n, on_word, &s) && !s.bad;
	(void)now;
	for (size_t i = 0; i < s.route.n_hops; i++)
		s.route.hop[i].weight = s.route.hop[i].weight ? s.route.hop[i].weight : 1;
	bool to = s.route.dst.addr.family != AF_NONE;
	if (ok && strcmp(s.action, "route-set") == 0 && to)
		set(p, &s.route, s.ticket, acts);
	else if (ok && strcmp(s.action, "route-del") == 0 && to)
		del(p, &s.route, acts);
	else if (ok && strcmp(s.action, "routes-kept") == 0) {
		sweep(p, false, acts);
		(void)route_act(acts, GRETEL_ACT_ROUTES_KEPT);
	} else if (ok && strcmp(s.action, "note") == 0)
		route_note(acts, s.level < -1 ? -1 : s.level > 4 ? 4 : s.level, "the program says: %s", s.text);
	else
		route_note(acts, 0, "the program said something that is no action: %.*s", (int)min_z(n, 100), line);
}

static void exec_input(void *self, uint32_t conn, const uint8_t *at, size_t n, int64_t now, struct gretel_acts *acts)
{
	struct program *p = self;
	if (conn != p->conn)
		return;
	for (struct rd r = rd_init(at, n); rd_left(&r);) {
		char c = (char)rd_u8(&r);
		if (c != '\n') {
			if (p->n_line < sizeof p->line)
				p->line[p->n_line++] = c;
			else
				p->too_long = true;
			continue;
		}
		if (p->too_long)
			route_note(acts, 0, "the program said a line that is too long");
		else if (p->n_line)
			on_line(p, p->line, p->n_line, now, acts);
		p->n_line = 0;
		p->too_long = false;
	}
}

/* --- what it hears --- */

static bool out_room(struct program *p, size_t n)
{
	if (p->out_at) {
		memmove(p->out, p->out + p->out_at, p->out_n - p->out_at);
		p->out_n -= p->out_at;
		p->out_at = 0;
	}
	size_t cap = p->out_cap ? p->out_cap : 4096;
	while (cap < p->out_n + n)
		cap *= 2;
	if (cap > OUT_MAX)
		return false;
	if (cap == p->out_cap)
		return true;
	uint8_t *out = mem_get(&p->host.mem, cap);
	if (!out)
		return false;
	if (p->out_n)
		memcpy(out, p->out, p->out_n);
	mem_put(&p->host.mem, p->out, p->out_cap);
	p->out = out;
	p->out_cap = cap;
	return true;
}

static void say(struct program *p, const char *text, size_t n, struct gretel_acts *acts)
{
	if (!p->running)
		return;
	struct gretel_act *a;
	if (!out_room(p, n)) {
		route_note(acts, -1, "the program does not read what it is told: it is ended");
		p->running = false;
		a = route_act(acts, GRETEL_ACT_CLOSE);
	} else {
		memcpy(p->out + p->out_n, text, n);
		p->out_n += n;
		a = route_act(acts, GRETEL_ACT_OUTPUT);
	}
	if (a)
		a->conn = p->conn;
}

static void sb_field_addr(struct sbuf *b, const char *key, const struct gretel_addr *g)
{
	struct addr a = route_addr_in(g);
	if (!a.family)
		return;
	sb_printf(b, ",\"%s\":\"", key);
	sb_addr(b, &a);
	sb_putc(b, '"');
}

static void sb_hops(struct sbuf *b, const struct gretel_route *r)
{
	sb_put(b, ",\"nexthops\":[");
	for (size_t i = 0; i < r->n_hops && i < GRETEL_HOPS_MAX; i++) {
		sb_printf(b, "%s{\"ifindex\":%u,\"weight\":%u", i ? "," : "", r->hop[i].ifindex, r->hop[i].weight);
		sb_field_addr(b, "via", &r->hop[i].gateway);
		sb_putc(b, '}');
	}
	sb_putc(b, ']');
}

static void sb_named(struct sbuf *b, const char *key, const char *text)
{
	sb_printf(b, ",\"%s\":", key);
	sb_json(b, text ? text : "");
}

static const char *yes(uint8_t v) { return v ? "true" : "false"; }

static void sb_prefix_field(struct sbuf *b, const struct gretel_prefix *g)
{
	struct prefix p = {.addr = route_addr_in(&g->addr), .len = g->len};
	sb_put(b, ",\"prefix\":\"");
	sb_prefix(b, &p);
	sb_putc(b, '"');
}

static void sb_route_fact(struct sbuf *b, const struct gretel_fact *f)
{
	static const char *const sources[] = {"connected", "local", "kernel", "static", "foreign", "ours"};
	static const char *const kinds[] = {"unicast", "blackhole", "unreachable", "prohibit"};
	const struct gretel_route *r = f->route;
	sb_put(b, "{\"fact\":\"route\"");
	sb_prefix_field(b, &r->dst);
	sb_printf(b, ",\"source\":\"%s\",\"kind\":\"%s\",\"table\":%u,\"metric\":%u",
	          r->source < ARRAY_LEN(sources) ? sources[r->source] : "?",
	          r->kind < ARRAY_LEN(kinds) ? kinds[r->kind] : "?", r->table, r->metric);
	sb_field_addr(b, "src", &r->src);
	sb_hops(b, r);
	sb_printf(b, ",\"gone\":%s}\n", yes(f->gone));
}

static void tell(struct program *p, const struct gretel_fact *f, struct gretel_acts *acts)
{
	char text[4096];
	struct sbuf b = SB(text);
	switch (f->type) {
	case GRETEL_FACT_TUNNEL:
		sb_printf(&b, "{\"fact\":\"tunnel\",\"up\":%s,\"ifindex\":%u,\"mtu\":%u", yes(f->up), f->ifindex, f->mtu);
		sb_named(&b, "name", f->name);
		sb_named(&b, "ifname", f->ifname);
		sb_field_addr(&b, "local", &f->local);
		sb_field_addr(&b, "remote", &f->remote);
		sb_put(&b, "}\n");
		break;
	case GRETEL_FACT_LINK:
		sb_printf(&b, "{\"fact\":\"link\",\"ifindex\":%u,\"mtu\":%u,\"up\":%s,\"loopback\":%s,\"gone\":%s", f->ifindex,
		          f->mtu, yes(f->up), yes(f->loopback), yes(f->gone));
		sb_named(&b, "ifname", f->ifname);
		sb_put(&b, "}\n");
		break;
	case GRETEL_FACT_ADDRESS:
		sb_printf(&b, "{\"fact\":\"address\",\"ifindex\":%u,\"gone\":%s", f->ifindex, yes(f->gone));
		sb_prefix_field(&b, &f->prefix);
		sb_field_addr(&b, "peer", &f->remote);
		sb_put(&b, "}\n");
		break;
	case GRETEL_FACT_ROUTE: sb_route_fact(&b, f); break;
	case GRETEL_FACT_SYNCED: sb_put(&b, "{\"fact\":\"synced\"}\n"); break;
	case GRETEL_FACT_ROUTE_FAILED:
		sb_printf(&b, "{\"fact\":\"route-failed\",\"ticket\":%u,\"status\":%d}\n", f->ticket, (int)f->status);
		break;
	default: return;
	}
	say(p, text, b.len, acts);
}

/* --- its life --- */

static void start(struct program *p, struct gretel_acts *acts)
{
	struct gretel_act *a = route_act(acts, GRETEL_ACT_EXEC);
	if (!a) {
		p->start_at = 0;
		return;
	}
	p->start_at = MONO_NEVER;
	p->asked = true;
	p->conn = ++p->next_conn;
	a->conn = p->conn;
}

static void ended(struct program *p, int32_t status, mono_t now, struct gretel_acts *acts)
{
	if (!p->running && !p->asked)
		return;
	bool lasted = p->running && now - p->started >= DUR_S(LASTING_S);
	p->running = p->asked = false;
	p->out_n = p->out_at = p->n_line = 0;
	LIST_EACH(it, tmp, &p->routes)
		LIST_ENTRY(it, struct kept, node)->old = true;
	if (p->stopping)
		return;
	p->pause = lasted ? DUR_S(PAUSE_FIRST_S) : p->pause;
	p->start_at = mono_add(now, p->pause);
	if (p->sweep_at == MONO_NEVER)
		p->sweep_at = mono_add(now, p->grace);
	route_note(acts, -1, "the program ended with status %d; it is started again in %d s", (int)status,
	           (int)dur_to_s(p->pause));
	p->pause = 2 * p->pause > DUR_S(PAUSE_MAX_S) ? DUR_S(PAUSE_MAX_S) : 2 * p->pause;
}

static void exec_timer(void *self, int64_t now, struct gretel_acts *acts)
{
	struct program *p = self;
	if (p->start_at <= now && !p->stopping)
		start(p, acts);
	if (p->sweep_at <= now || p->sweeping)
		sweep(p, p->stopping, acts);
}

static int64_t exec_due(const void *self)
{
	const struct program *p = self;
	return p->sweeping ? 0 : mono_min(p->start_at, p->sweep_at);
}

static int conf_take(struct program *p, const struct gretel_cmd *c, struct gretel_acts *acts)
{
	const struct conf_routing *r = c->conf ? conf_routing(c->conf) : NULL;
	size_t n = strlen(c->command) + 1;
	if (n == 1)
		return -EINVAL;
	if (r && r->grace)
		p->grace = r->grace;
	if (p->command && strcmp(p->command, c->command) == 0)
		return 0;
	char *copy = mem_get(&p->host.mem, n);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, c->command, n);
	mem_put(&p->host.mem, p->command, p->command_size);
	p->command = copy;
	p->command_size = n;
	struct gretel_act *a = p->running || p->asked ? route_act(acts, GRETEL_ACT_CLOSE) : NULL;
	if (a) {
		a->conn = p->conn;
		ended(p, 0, 0, acts);
		p->start_at = 0;
	} else {
		start(p, acts);
	}
	return 0;
}

static int exec_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	struct program *p = self;
	(void)now;
	if (c->type == GRETEL_CMD_CONF)
		return conf_take(p, c, acts);
	if (c->type != GRETEL_CMD_STOP)
		return -ENOENT;
	say(p, "{\"fact\":\"stop\"}\n", 16, acts);
	p->stopping = true;
	struct gretel_act *a = p->running ? route_act(acts, GRETEL_ACT_CLOSE) : NULL;
	if (a)
		a->conn = p->conn;
	p->running = false;
	if (!c->graceful)
		sweep(p, true, acts);
	return 0;
}

static void exec_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts)
{
	struct program *p = self;
	if (f->type == GRETEL_FACT_EXEC_STARTED && f->conn == p->conn && p->asked) {
		p->running = true;
		p->asked = false;
		p->started = now;
	} else if ((f->type == GRETEL_FACT_EXEC_ENDED || f->type == GRETEL_FACT_CLOSED) && f->conn == p->conn) {
		ended(p, f->status, now, acts);
	} else {
		tell(p, f, acts);
	}
}

static size_t exec_output(void *self, uint32_t conn, struct gretel_span *out, size_t max)
{
	struct program *p = self;
	if (conn != p->conn || max == 0 || p->out_n == p->out_at)
		return 0;
	struct span rest = span_behind(SPAN(p->out, p->out_n), p->out_at);
	out[0] = (struct gretel_span){.p = rest.p, .n = rest.n};
	return 1;
}

static void exec_sent(void *self, uint32_t conn, size_t n, int64_t now, struct gretel_acts *acts)
{
	struct program *p = self;
	(void)now;
	(void)acts;
	if (conn == p->conn)
		p->out_at += min_z(n, p->out_n - p->out_at);
	if (p->out_at == p->out_n)
		p->out_at = p->out_n = 0;
}

static int exec_idle(const void *self)
{
	const struct program *p = self;
	return !p->sweeping;
}

static int exec_check(const char *options, const char *command, char *why, size_t size)
{
	struct sbuf b = sb_init(why, size);
	(void)options;
	if (!command || !*command)
		sb_put(&b, "the module exec needs `command`");
	return command && *command;
}

static int exec_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why, size_t size)
{
	struct program *p = self;
	char text[512];
	bool first = true;
	struct sbuf b = SB(text);
	(void)now;
	(void)wall_s;
	(void)why;
	(void)size;
	(void)query;
	sb_printf(&b, "{\"running\":%s,\"routes\":[", yes(p->running));
	w->put(w, text, b.len);
	LIST_EACH(it, tmp, &p->routes) {
		const struct kept *k = LIST_ENTRY(it, struct kept, node);
		b = SB(text);
		sb_put(&b, first ? "{\"route\":\"" : ",{\"route\":\"");
		sb_route(&b, &k->route);
		sb_printf(&b, "\",\"stale\":%s}", yes(k->old));
		w->put(w, text, b.len);
		first = false;
	}
	w->put(w, "]}", 2);
	return 1;
}

const struct gretel_route_module route_mod_exec = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "exec",
	.open = exec_open, .close = exec_close, .input = exec_input, .timer = exec_timer, .due = exec_due,
	.command = exec_command, .report = exec_report, .output = exec_output, .sent = exec_sent, .idle = exec_idle,
	.check = exec_check, .show = exec_show,
};
