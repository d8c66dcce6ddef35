/* Hosts with whole engines; see bgp_lab.h. */
#include "bgp_lab.h"

#include <jansson.h>

enum { EV_OPEN, EV_DATA, EV_CLOSE };

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m, (void)size; free(p); }

static void fill(struct rng *r, void *p, size_t n)
{
	struct lab_host *h = CONTAINER_OF(r, struct lab_host, rng);
	uint8_t *o = p;
	while (n--) {
		h->seed = h->seed * 6364136223846793005u + 1442695040888963407u;
		*o++ = (uint8_t)(h->seed >> 56);
	}
}

struct lab *lab_new(void)
{
	struct lab *l = calloc(1, sizeof *l);
	l->now = DUR_S(1000);
	return l;
}

void lab_free(struct lab *l)
{
	for (; l->head < l->tail; l->head++)
		free(l->ev[l->head % LAB_EVENTS].data);
	for (size_t i = 0; i < l->n; i++) {
		struct lab_host *h = &l->h[i];
		bgp_free(h->b);
		assert_int_equal(h->mem.in_use, 0);
		if (h->gen)
			loaded_fini(&h->conf[h->gen & 1]);
	}
	free(l);
}

static void queue(struct lab *l, uint8_t type, int conn, int side, uint8_t *data, size_t n)
{
	assert_true(l->tail - l->head < LAB_EVENTS);
	l->ev[l->tail++ % LAB_EVENTS] = (struct lab_event){type, conn, side, data, n};
}

static bool has_addr(const struct lab_host *h, const struct addr *a)
{
	for (size_t i = 0; i < h->n_addr; i++) {
		if (h->addr[i].there && h->up[h->addr[i].ifindex] && addr_eq(&h->addr[i].a, a))
			return true;
	}
	return false;
}

static int conn_of(const struct lab *l, const struct lab_host *h, uint32_t id, int *side)
{
	for (int i = 0; i < LAB_CONNS; i++) {
		for (*side = 0; *side < 2; ++*side) {
			if (l->conn[i].used && l->conn[i].end[*side] == h && l->conn[i].id[*side] == id)
				return i;
		}
	}
	return -1;
}

static void call(struct lab *l, struct lab_host *h, uint32_t id, const struct bgp_connect *c)
{
	for (int i = 0; i < LAB_CONNS; i++) {
		if (l->conn[i].used)
			continue;
		l->conn[i] = (struct lab_conn){.used = true, .end = {h}, .id = {id}, .from = c->local, .to = c->remote};
		for (size_t k = 0; k < l->n; k++) {
			if (&l->h[k] != h && has_addr(&l->h[k], &c->remote) && has_addr(h, &c->local))
				l->conn[i].end[1] = &l->h[k];
		}
		queue(l, EV_OPEN, i, 0, NULL, 0);
		return;
	}
	fail_msg("too many connections");
}

/* UPDATEs that are no End-of-RIB. */
static void count(struct lab_host *h, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at + 19 <= n;) {
		size_t len = (size_t)p[at + 16] << 8 | p[at + 17];
		if (p[at + 18] == 2 && len > 23)
			h->updates++;
		at += len;
	}
}

static bool dead(const struct lab *l, int i)
{
	return addr_eq(&l->conn[i].from, &l->dead) || addr_eq(&l->conn[i].to, &l->dead);
}

static void acts(struct lab *l, struct lab_host *h, struct bgp_acts *a);

static void output(struct lab *l, struct lab_host *h, uint32_t id)
{
	struct span out[8];
	size_t n, len = 0;
	uint8_t *all = NULL;
	int side, i = conn_of(l, h, id, &side);
	while ((n = bgp_output(h->b, id, out, 8)) > 0) {
		size_t took = 0;
		for (size_t k = 0; k < n; k++) {
			all = realloc(all, len + out[k].n);
			memcpy(all + len, out[k].p, out[k].n);
			len += out[k].n;
			took += out[k].n;
		}
		struct bgp_acts *more = calloc(1, sizeof *more);
		bgp_sent(h->b, id, took, l->now, more);
		acts(l, h, more);
		free(more);
	}
	if (len)
		count(h, all, len);
	if (i >= 0 && len && !dead(l, i))
		queue(l, EV_DATA, i, !side, all, len);
	else
		free(all);
}

static void drop(struct lab *l, struct lab_host *h, uint32_t id)
{
	int side, i = conn_of(l, h, id, &side);
	output(l, h, id);
	if (i < 0)
		return;
	l->conn[i].id[side] = 0;
	if (dead(l, i) && l->conn[i].id[!side])
		return;
	if (l->conn[i].id[!side])
		queue(l, EV_CLOSE, i, !side, NULL, 0);
	else
		l->conn[i].used = false;
}

static void set(struct lab_host *h, const struct route *r, bool del)
{
	size_t i = 0;
	while (i < h->n_kernel && !(addr_eq(&h->kernel[i].dst.addr, &r->dst.addr) && h->kernel[i].dst.len == r->dst.len))
		i++;
	if (del) {
		h->dels++;
		assert_true(i < h->n_kernel);
		h->kernel[i] = h->kernel[--h->n_kernel];
		return;
	}
	h->sets++;
	assert_true(i < LAB_ROUTES);
	assert_false(i < h->n_kernel && route_eq(&h->kernel[i], r)); /* nothing is set to what it is */
	h->kernel[i] = *r;
	h->n_kernel += i == h->n_kernel;
}

static void acts(struct lab *l, struct lab_host *h, struct bgp_acts *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const struct bgp_act *x = &a->v[i];
		switch (x->type) {
		case BGP_ACT_CONNECT: call(l, h, x->conn, &x->u.connect); break;
		case BGP_ACT_CLOSE: drop(l, h, x->conn); break;
		case BGP_ACT_OUTPUT: output(l, h, x->conn); break;
		case BGP_ACT_ROUTE_SET: set(h, &x->u.route, false); break;
		case BGP_ACT_ROUTE_DEL: set(h, &x->u.route, true); break;
		case BGP_ACT_ROUTES_KEPT: h->kept = true; break;
		case BGP_ACT_NOTE: {
			size_t n = strlen(h->notes);
			snprintf(h->notes + n, sizeof h->notes - n, "%s\n", x->u.note.text);
			break;
		}
		default: break;
		}
	}
}

void lab_fact(struct lab *l, struct lab_host *h, struct bgp_fact *f)
{
	struct bgp_acts *a = calloc(1, sizeof *a);
	bgp_report(h->b, f, l->now, a);
	acts(l, h, a);
	free(a);
}

void lab_command(struct lab *l, struct lab_host *h, const struct bgp_cmd *c)
{
	struct bgp_acts *a = calloc(1, sizeof *a);
	assert_int_equal(bgp_command(h->b, c, l->now, a), 0);
	acts(l, h, a);
	free(a);
}

static void opened(struct lab *l, int i)
{
	struct lab_conn *c = &l->conn[i];
	if (!c->id[0] || !c->end[1]) {
		uint32_t id = c->id[0];
		c->used = false;
		if (id)
			lab_fact(l, c->end[0], &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = id, .status = -EHOSTUNREACH});
		return;
	}
	struct bgp_fact f = {.type = BGP_FACT_ACCEPTED, .ifindex = 5};
	c->id[1] = f.conn = BGP_CONN_IN | ++l->last_in;
	f.local.addr = c->to;
	f.remote.addr = c->from;
	uint32_t id0 = c->id[0];
	struct bgp_fact g = {.type = BGP_FACT_CONNECTED, .conn = id0, .local = f.remote, .remote = f.local};
	lab_fact(l, c->end[1], &f);
	if (c->id[0] == id0)
		lab_fact(l, c->end[0], &g);
}

static void event(struct lab *l, const struct lab_event *e)
{
	struct lab_conn *c = &l->conn[e->conn];
	uint32_t id = c->id[e->side];
	struct lab_host *h = c->end[e->side];
	if (e->type == EV_OPEN) {
		opened(l, e->conn);
	} else if (e->type == EV_DATA && id) {
		struct bgp_acts *a = calloc(1, sizeof *a);
		bgp_input(h->b, id, SPAN(e->data, e->n), l->now, a);
		acts(l, h, a);
		free(a);
	} else if (e->type == EV_CLOSE) {
		c->used = false;
		if (id)
			lab_fact(l, h, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = id});
	}
	free(e->data);
}

void lab_settle(struct lab *l)
{
	for (unsigned n = 0; n < 100000; n++) {
		bool any = false;
		while (l->head < l->tail) {
			struct lab_event e = l->ev[l->head++ % LAB_EVENTS];
			event(l, &e);
			any = true;
		}
		for (size_t i = 0; i < l->n; i++) {
			if (!l->h[i].b || bgp_due(l->h[i].b) > l->now)
				continue;
			struct bgp_acts *a = calloc(1, sizeof *a);
			bgp_timer(l->h[i].b, l->now, a);
			acts(l, &l->h[i], a);
			free(a);
			any = true;
		}
		if (!any)
			return;
	}
	fail_msg("no rest");
}

void lab_run(struct lab *l, dur_t d)
{
	mono_t end = l->now + d;
	for (;;) {
		lab_settle(l);
		mono_t next = end;
		for (size_t i = 0; i < l->n; i++)
			next = l->h[i].b ? mono_min(next, bgp_due(l->h[i].b)) : next;
		if (l->now >= end)
			return;
		l->now = next > l->now ? next : l->now;
	}
}

/* --- hosts --- */

static void load(struct lab *l, struct lab_host *h, struct test_files *f, const char *name)
{
	char text[600];
	int next = (h->gen + 1) & 1;
	struct loaded *c = &h->conf[next];
	snprintf(text, sizeof text, "routing = { module = \"bgp\"; frr_conf = \"%s\"; };", name);
	/* The gretel.conf is the text in memory, frr.conf the file, or the other way round. */
	if (f->dir) {
		test_files_init(f, f->dir, "g.conf", text, strlen(text));
		load_file(c, &h->conf_mem, f, "g.conf");
	}
	if (c->rc != 0 || !conf_bgp(c->conf)) {
		char *d = diags_text(&c->d);
		fail_msg("%s: %s", h->name, d);
	}
	lab_command(l, h, &(struct bgp_cmd){.type = BGP_CMD_CONF, .conf = c->conf});
	if (h->gen)
		loaded_fini(&h->conf[h->gen & 1]);
	h->gen = h->gen == 0 ? next + 2 : h->gen + 1;
}

void lab_conf(struct lab *l, struct lab_host *h, const char *text)
{
	struct test_files f;
	char dir[] = "/tmp/bgp-lab-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/frr.conf", dir);
	FILE *o = fopen(path, "w");
	assert_non_null(o);
	fputs(text, o);
	fclose(o);
	test_files_init(&f, dir, "g.conf", "", 0);
	load(l, h, &f, "frr.conf");
	remove(path);
	remove(dir);
}

struct lab_host *lab_host(struct lab *l, const char *name, const char *dir, const char *file)
{
	struct lab_host *h = &l->h[l->n++];
	struct test_files f;
	h->name = name;
	h->seed = l->n * 77;
	snprintf(h->host, sizeof h->host, "%s", name);
	test_mem_init(&h->conf_mem);
	h->mem = (struct mem){.get = get, .put = put};
	h->rng.fill = fill;
	h->b = bgp_new(&(struct bgp_env){.mem = &h->mem, .rng = &h->rng, .host = h->host, .software = "test"});
	if (dir) {
		test_files_init(&f, dir, "g.conf", "", 0);
		load(l, h, &f, file);
	}
	return h;
}

void lab_link(struct lab *l, struct lab_host *h, uint32_t ifindex, const char *name, bool up)
{
	struct bgp_fact f = {.type = BGP_FACT_LINK, .link = {.ifindex = ifindex, .mtu = 1400, .up = up}};
	snprintf(f.link.name, sizeof f.link.name, "%s", name);
	h->up[ifindex] = up;
	lab_fact(l, h, &f);
}

void lab_addr(struct lab *l, struct lab_host *h, uint32_t ifindex, const char *address, const char *peer, bool there)
{
	struct bgp_fact f = {.type = BGP_FACT_ADDR, .gone = !there};
	struct route r = {.source = ROUTE_CONNECTED, .n_hops = 1, .table = ROUTE_TABLE_MAIN};
	f.address.ifindex = ifindex;
	assert_true(prefix_parse(address, &f.address.local));
	r.dst = f.address.local;
	if (peer[0]) {
		assert_true(addr_parse(peer, &f.address.peer));
		r.dst = (struct prefix){.addr = f.address.peer, .len = 32};
	}
	for (size_t i = r.dst.len; i < 32; i++)
		r.dst.addr.b[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	r.src = f.address.local.addr;
	r.hop[0] = (struct route_hop){.ifindex = ifindex, .weight = 1};
	size_t i = 0;
	while (i < h->n_addr && !addr_eq(&h->addr[i].a, &f.address.local.addr))
		i++;
	h->n_addr += i == h->n_addr;
	h->addr[i].a = f.address.local.addr;
	h->addr[i].ifindex = ifindex;
	h->addr[i].there = there;
	if (there)
		lab_fact(l, h, &f);
	lab_fact(l, h, &(struct bgp_fact){.type = BGP_FACT_ROUTE, .route = &r, .gone = !there});
	if (!there)
		lab_fact(l, h, &f);
}

void lab_synced(struct lab *l, struct lab_host *h) { lab_fact(l, h, &(struct bgp_fact){.type = BGP_FACT_SYNCED}); }

/* --- views --- */

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

const char *lab_kernel(struct lab_host *h, char out[4096])
{
	char line[LAB_ROUTES][160], *sorted[LAB_ROUTES];
	struct sbuf all = sb_init(out, 4096);
	for (size_t i = 0; i < h->n_kernel; i++) {
		struct sbuf b = SB(line[i]);
		sb_route(&b, &h->kernel[i]);
		sorted[i] = line[i];
	}
	qsort(sorted, h->n_kernel, sizeof sorted[0], by_text);
	for (size_t i = 0; i < h->n_kernel; i++)
		sb_printf(&all, "%s\n", sorted[i]);
	return out;
}

struct text { struct bgp_writer w; char *s; size_t n; };

static void put_text(struct bgp_writer *w, const char *p, size_t n)
{
	struct text *t = CONTAINER_OF(w, struct text, w);
	t->s = realloc(t->s, t->n + n + 1);
	memcpy(t->s + t->n, p, n);
	t->n += n;
	t->s[t->n] = '\0';
}

static const char *column(const json_t *path, const char *key, char out[16])
{
	const json_t *v = json_object_get(path, key);
	snprintf(out, 16, "%s", "-");
	if (v)
		snprintf(out, 16, "%lld", (long long)json_integer_value(v));
	return out;
}

const char *lab_table(struct lab *l, struct lab_host *h, char out[4096])
{
	struct text t = {.w.put = put_text};
	char why[200];
	struct sbuf w = SB(why), all = sb_init(out, 4096);
	assert_true(bgp_show(h->b, "bgp", l->now, 1700000000, &t.w, &w));
	json_t *doc = json_loads(t.s, 0, NULL), *path;
	const char *prefix;
	json_t *paths;
	assert_non_null(doc);
	json_object_foreach(json_object_get(doc, "routes"), prefix, paths) {
		size_t i;
		json_array_foreach(paths, i, path) {
			char med[16], pref[16], weight[16];
			const char *nh = json_string_value(json_object_get(json_array_get(json_object_get(path, "nexthops"), 0), "ip"));
			const char *from = json_string_value(json_object_get(path, "pathFrom"));
			sb_printf(&all, "%c%c%c%s %s %s %s %s i\n", json_is_true(json_object_get(path, "suppressed")) ? 's' :
			          json_is_true(json_object_get(path, "valid")) ? '*' : ' ', json_is_true(json_object_get(path, "bestpath")) ? '>' : ' ',
			          from && strcmp(from, "internal") == 0 ? 'i' : ' ', prefix, nh ? nh : "?", column(path, "metric", med),
			          column(path, "locPrf", pref), column(path, "weight", weight));
		}
	}
	json_decref(doc);
	free(t.s);
	return out;
}
