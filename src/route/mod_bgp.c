/* The module `bgp`: the engine of bgp/ behind the interface of modules. Nothing is decided here; structs of one side become
 * structs of the other. Actions that do not fit into the caller's array wait, and are handed out when it is due. */
#include <errno.h>
#include <string.h>

#include "bgp/bgp.h"
#include "route/host.h"

struct speaker {
	struct route_host host;
	struct bgp *engine;
	struct bgp_acts acts;    /* of the engine; those before `done` are handed out */
	uint32_t done;
};

static void *speaker_open(const struct gretel_host *h)
{
	struct speaker *s = h->get(h->ctx, sizeof *s);
	if (!s)
		return NULL;
	route_host_init(&s->host, h);
	struct bgp_env env = {.mem = &s->host.mem, .rng = &s->host.rng, .host = h->host, .software = h->software};
	s->engine = bgp_new(&env);
	if (s->engine)
		return s;
	h->put(h->ctx, s, sizeof *s);
	return NULL;
}

static void speaker_close(void *self)
{
	struct speaker *s = self;
	const struct gretel_host *h = s->host.h;
	bgp_free(s->engine);
	h->put(h->ctx, s, sizeof *s);
}

/* --- actions --- */

static void connect_out(const struct bgp_connect *c, struct gretel_connect *out)
{
	*out = (struct gretel_connect){.remote = route_addr_out(&c->remote), .local = route_addr_out(&c->local),
	                               .ifindex = c->ifindex, .peer = c->peer, .port = c->port, .ttl = c->ttl,
	                               .min_ttl = c->min_ttl, .md5 = c->md5};
}

static void bfd_out(const struct bgp_bfd *b, struct gretel_bfd *out)
{
	*out = (struct gretel_bfd){.remote = route_addr_out(&b->remote), .local = route_addr_out(&b->local),
	                           .ifindex = b->ifindex, .rx_ms = b->rx_ms, .tx_ms = b->tx_ms, .start = b->start,
	                           .multihop = b->multihop, .multiplier = b->multiplier};
}

static const uint8_t types[] = {
	[BGP_ACT_CONNECT] = GRETEL_ACT_CONNECT,     [BGP_ACT_CLOSE] = GRETEL_ACT_CLOSE,
	[BGP_ACT_OUTPUT] = GRETEL_ACT_OUTPUT,       [BGP_ACT_ROUTE_SET] = GRETEL_ACT_ROUTE_SET,
	[BGP_ACT_ROUTE_DEL] = GRETEL_ACT_ROUTE_DEL, [BGP_ACT_ROUTES_KEPT] = GRETEL_ACT_ROUTES_KEPT,
	[BGP_ACT_BFD] = GRETEL_ACT_BFD,             [BGP_ACT_NOTE] = GRETEL_ACT_NOTE,
};

static void convert(const struct bgp_act *a, struct gretel_act *g)
{
	g->conn = a->conn;
	g->ticket = a->ticket;
	switch (a->type) {
	case BGP_ACT_CONNECT: connect_out(&a->u.connect, &g->u.connect); break;
	case BGP_ACT_ROUTE_SET:
	case BGP_ACT_ROUTE_DEL: route_out(&a->u.route, &g->u.route); break;
	case BGP_ACT_BFD: bfd_out(&a->u.bfd, &g->u.bfd); break;
	case BGP_ACT_NOTE:
		g->u.note.level = a->u.note.level;
		memcpy(g->u.note.text, a->u.note.text, sizeof a->u.note.text);
		break;
	default: break;
	}
}

/* True when all of the engine's actions are handed out. */
static bool flush(struct speaker *s, struct gretel_acts *acts)
{
	for (; s->done < s->acts.n; s->done++) {
		const struct bgp_act *a = &s->acts.v[s->done];
		/* LISTEN: the listeners are priv's, which reads the same configuration. */
		if (a->type >= ARRAY_LEN(types) || !types[a->type])
			continue;
		struct gretel_act *g = route_act(acts, types[a->type]);
		if (!g)
			return false;
		convert(a, g);
	}
	s->acts.n = s->done = 0;
	return true;
}

/* Room for the engine: what it said last is handed out first. The caller's array is half empty, so that it always is. */
static struct bgp_acts *begin(struct speaker *s, struct gretel_acts *acts)
{
	(void)flush(s, acts);
	return &s->acts;
}

/* --- the verbs --- */

static void speaker_input(void *self, uint32_t conn, const uint8_t *p, size_t n, int64_t now, struct gretel_acts *acts)
{
	struct speaker *s = self;
	bgp_input(s->engine, conn, SPAN(p, n), now, begin(s, acts));
	(void)flush(s, acts);
}

static void speaker_timer(void *self, int64_t now, struct gretel_acts *acts)
{
	struct speaker *s = self;
	if (bgp_due(s->engine) <= now)
		bgp_timer(s->engine, now, begin(s, acts));
	(void)flush(s, acts);
}

static int64_t speaker_due(const void *self)
{
	const struct speaker *s = self;
	return s->acts.n ? 0 : bgp_due(s->engine);
}

static int speaker_command(void *self, const struct gretel_cmd *c, int64_t now, struct gretel_acts *acts)
{
	struct speaker *s = self;
	static const uint8_t cmds[] = {[GRETEL_CMD_CONF] = BGP_CMD_CONF, [GRETEL_CMD_CLEAR] = BGP_CMD_CLEAR,
	                               [GRETEL_CMD_STOP] = BGP_CMD_STOP};
	if (c->type == 0 || c->type >= ARRAY_LEN(cmds))
		return -EOPNOTSUPP;
	struct bgp_cmd b = {.type = cmds[c->type], .conf = c->conf, .peer = route_addr_in(&c->peer),
	                    .soft_in = c->soft_in, .soft_out = c->soft_out, .graceful = c->graceful};
	int rc = bgp_command(s->engine, &b, now, begin(s, acts));
	(void)flush(s, acts);
	return rc;
}

static void link_in(const struct gretel_fact *f, struct route_link *l)
{
	*l = (struct route_link){.ifindex = f->ifindex, .mtu = f->mtu, .up = f->up, .loopback = f->loopback,
	                         .point_to_point = f->point_to_point};
	struct sbuf b = SB(l->name);
	sb_put(&b, f->ifname ? f->ifname : "");
}

static const uint8_t facts[] = {
	[GRETEL_FACT_TUNNEL] = BGP_FACT_TUNNEL + 1,       [GRETEL_FACT_LINK] = BGP_FACT_LINK + 1,
	[GRETEL_FACT_ADDRESS] = BGP_FACT_ADDR + 1,        [GRETEL_FACT_ROUTE] = BGP_FACT_ROUTE + 1,
	[GRETEL_FACT_SYNCED] = BGP_FACT_SYNCED + 1,       [GRETEL_FACT_CONNECTED] = BGP_FACT_CONNECTED + 1,
	[GRETEL_FACT_ACCEPTED] = BGP_FACT_ACCEPTED + 1,   [GRETEL_FACT_CLOSED] = BGP_FACT_CLOSED + 1,
	[GRETEL_FACT_ROUTE_FAILED] = BGP_FACT_ROUTE_FAILED + 1, [GRETEL_FACT_BFD] = BGP_FACT_BFD + 1,
};

static void speaker_report(void *self, const struct gretel_fact *f, int64_t now, struct gretel_acts *acts)
{
	struct speaker *s = self;
	struct route r;
	if (f->type >= ARRAY_LEN(facts) || !facts[f->type])
		return;
	struct bgp_fact b = {.type = (uint8_t)(facts[f->type] - 1), .conn = f->conn, .ticket = f->ticket,
	                     .ifindex = f->ifindex, .status = f->status, .gone = f->gone, .up = f->up, .name = f->name};
	b.local = (struct endpoint){.addr = route_addr_in(&f->local), .port = f->local_port};
	b.remote = (struct endpoint){.addr = route_addr_in(&f->remote), .port = f->remote_port};
	if (f->type == GRETEL_FACT_LINK)
		link_in(f, &b.link);
	if (f->type == GRETEL_FACT_ADDRESS) {
		b.address = (struct route_addr){.ifindex = f->ifindex, .peer = route_addr_in(&f->remote),
		                                .link_local = f->link_local, .secondary = f->secondary};
		b.address.local = (struct prefix){.addr = route_addr_in(&f->prefix.addr), .len = f->prefix.len};
	}
	if (f->route) {
		route_in(f->route, &r);
		r.source = f->route->source;
		b.route = &r;
	}
	bgp_report(s->engine, &b, now, begin(s, acts));
	(void)flush(s, acts);
}

static size_t speaker_output(void *self, uint32_t conn, struct gretel_span *out, size_t max)
{
	struct speaker *s = self;
	struct span v[64];
	size_t n = bgp_output(s->engine, conn, v, min_z(max, ARRAY_LEN(v)));
	for (size_t i = 0; i < n; i++)
		out[i] = (struct gretel_span){.p = v[i].p, .n = v[i].n};
	return n;
}

static void speaker_sent(void *self, uint32_t conn, size_t n, int64_t now, struct gretel_acts *acts)
{
	struct speaker *s = self;
	bgp_sent(s->engine, conn, n, now, begin(s, acts));
	(void)flush(s, acts);
}

static int speaker_idle(const void *self)
{
	const struct speaker *s = self;
	return s->acts.n == 0 && bgp_idle(s->engine);
}

struct through {
	struct bgp_writer w;
	struct gretel_writer *to;
};

static void pass(struct bgp_writer *w, const char *text, size_t n)
{
	struct through *t = CONTAINER_OF(w, struct through, w);
	t->to->put(t->to, text, n);
}

static int speaker_show(void *self, const char *query, int64_t now, int64_t wall_s, struct gretel_writer *w, char *why,
                        size_t size)
{
	struct speaker *s = self;
	struct through t = {.w = {.put = pass}, .to = w};
	struct sbuf b = sb_init(why, size);
	return bgp_show(s->engine, query, now, wall_s, &t.w, &b);
}

const struct gretel_route_module route_mod_bgp = {
	.major = GRETEL_ROUTE_MAJOR, .minor = GRETEL_ROUTE_MINOR, .struct_size = sizeof(struct gretel_route_module), .name = "bgp",
	.open = speaker_open, .close = speaker_close, .input = speaker_input, .timer = speaker_timer, .due = speaker_due,
	.command = speaker_command, .report = speaker_report, .output = speaker_output, .sent = speaker_sent,
	.idle = speaker_idle, .show = speaker_show,
};
