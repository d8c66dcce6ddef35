/* One BGP engine in the hand of a test; see bgp_hand.h. */
#include "bgp_hand.h"

static void *get(struct mem *m, size_t size)
{
	struct hand *h = CONTAINER_OF(m, struct hand, mem);
	if (h->fail_at && --h->fail_at == 0)
		return NULL;
	return calloc(1, size);
}

static void put(struct mem *m, void *p, size_t size)
{
	(void)m, (void)size;
	free(p);
}

static void fill(struct rng *r, void *p, size_t n)
{
	struct hand *h = CONTAINER_OF(r, struct hand, rng);
	uint8_t *o = p;
	while (n--) {
		h->seed = h->seed * 6364136223846793005u + 1442695040888963407u;
		*o++ = (uint8_t)(h->seed >> 56);
	}
}

void hand_log(struct hand *h, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	sb_printf(&h->got, "%s%s", h->got.len ? ", " : "", text);
}

static const char *conn_name(uint32_t id, char out[16])
{
	(void)snprintf(out, 16, "%s%u", id & BGP_CONN_IN ? "in" : "", id & ~BGP_CONN_IN);
	return out;
}

static void told(struct hand *h, const char *c, const struct bgp_frame *f)
{
	assert_true(bgp_notification_decode(f->body, &h->told));
	assert_true(h->told.data.n <= sizeof h->told_data);
	if (h->told.data.n)
		memcpy(h->told_data, h->told.data.p, h->told.data.n);
	h->told.data.p = h->told_data;
	hand_log(h, "%s:notification %u/%u%s", c, h->told.code, h->told.sub, h->told.hard ? " hard" : "");
}

static void message(struct hand *h, uint32_t conn, const struct bgp_frame *f)
{
	char c[16];
	struct bgp_error e;
	struct bgp_refresh r;
	conn_name(conn, c);
	switch (f->type) {
	case BGP_OPEN:
		assert_true(bgp_open_decode(f->body, &h->open, &e));
		hand_log(h, "%s:open", c);
		break;
	case BGP_KEEPALIVE: hand_log(h, "%s:keepalive", c); break;
	case BGP_NOTIFICATION: told(h, c, f); break;
	case BGP_REFRESH:
		assert_int_equal(bgp_refresh_decode(*f, &r, &e), 0);
		hand_log(h, "%s:refresh %u", c, r.kind);
		break;
	default: hand_log(h, "%s:update", c); break;
	}
}

static void act(struct hand *h, const struct bgp_act *a);

/* Fetches what a connection has to say, in small bites; it must be messages. */
static void fetch(struct hand *h, uint32_t conn)
{
	uint8_t buf[16384];
	size_t len = 0;
	struct span out[3];
	for (size_t n, bite = 1; !h->blocked && (n = bgp_output(h->b, conn, out, ARRAY_LEN(out))) > 0; bite = bite * 7 % 97 + 1) {
		size_t took = 0;
		for (size_t i = 0; i < n && took < bite; i++) {
			size_t k = min_z(bite - took, out[i].n);
			assert_true(len + k <= sizeof buf);
			memcpy(buf + len, out[i].p, k);
			len += k;
			took += k;
		}
		assert_true(took > 0);
		struct bgp_acts *acts = calloc(1, sizeof *acts);
		bgp_sent(h->b, conn, took, h->now, acts);
		for (uint32_t i = 0; i < acts->n; i++)
			act(h, &acts->v[i]);
		free(acts);
	}
	for (size_t at = 0; at < len;) {
		struct bgp_frame f;
		struct bgp_error e;
		assert_int_equal(bgp_frame(SPAN(buf + at, len - at), BGP_MSG_EXT_MAX, &f, &e), 1);
		message(h, conn, &f);
		at += f.len;
	}
}

static void act(struct hand *h, const struct bgp_act *a)
{
	char c[16];
	conn_name(a->conn, c);
	switch (a->type) {
	case BGP_ACT_CONNECT:
		h->call = a->u.connect;
		hand_log(h, "connect %s", c);
		break;
	case BGP_ACT_CLOSE:
		fetch(h, a->conn);
		hand_log(h, "close %s", c);
		break;
	case BGP_ACT_OUTPUT: fetch(h, a->conn); break;
	case BGP_ACT_BFD:
		h->bfd = a->u.bfd;
		hand_log(h, "bfd %s", a->u.bfd.start ? "start" : "stop");
		break;
	case BGP_ACT_NOTE: {
		size_t n = strlen(h->notes);
		(void)snprintf(h->notes + n, sizeof h->notes - n, "%s\n", a->u.note.text);
		break;
	}
	case BGP_ACT_LISTEN: hand_log(h, "listen"); break;
	default: fail_msg("action %u", a->type);
	}
}

static void carry_out(struct hand *h)
{
	struct bgp_acts *acts = malloc(sizeof *acts);
	*acts = h->acts;
	h->acts.n = 0;
	for (uint32_t i = 0; i < acts->n; i++)
		act(h, &acts->v[i]);
	free(acts);
}

/* --- configuration --- */

static conf_ref ref(const struct hand_conf *c, const void *p) { return (conf_ref)((const uint8_t *)p - (const uint8_t *)c); }

conf_ref hand_text(struct hand *h, const char *text)
{
	size_t n = 0;
	while (h->c->text[n] || h->c->text[n + 1])
		n++;
	n += n > 0;
	if (n == 0 && h->c->text[0] == '\0')
		n = 1; /* 0 is "none" nowhere, but an empty text would look like one */
	assert_true(n + strlen(text) + 2 < sizeof h->c->text);
	memcpy(h->c->text + n, text, strlen(text) + 1);
	return ref(h->c, h->c->text + n);
}

struct conf_bgp_peer *hand_peer(struct hand *h, const char *address)
{
	struct conf_bgp_peer *p = &h->c->peer[h->c->bgp.peers.n++];
	conf_bgp_peer_defaults(p);
	if (strchr(address, '/'))
		assert_true(prefix_parse(address, &p->range));
	else
		assert_true(addr_parse(address, &p->address));
	return p;
}

struct hand *hand_new(void)
{
	struct hand *h = calloc(1, sizeof *h);
	h->mem = (struct mem){.get = get, .put = put};
	h->rng.fill = fill;
	h->seed = 7;
	h->now = DUR_S(1000);
	h->got = SB(h->log);
	h->link = (struct route_link){.ifindex = 5, .name = "gre1", .up = true};
	h->link_up = h->addr_there = true;
	assert_true(addr_parse("10.0.0.1", &h->local));
	h->adj = wr_init(h->adj_data, sizeof h->adj_data);
	struct hand_conf *c = h->c = calloc(1, sizeof *c);
	conf_bgp_defaults(&c->bgp);
	c->bgp.as = 65000;
	c->bgp.router_id = 0x0a000001;
	c->conf.routing = ref(c, &c->routing);
	c->conf.size = sizeof *c;
	c->routing.bgp = ref(c, &c->bgp);
	c->bgp.peers.at = ref(c, c->peer);
	c->bgp.prefix_lists.at = ref(c, c->list);
	c->bgp.route_maps.at = ref(c, c->map);
	c->bgp.aspath_lists.at = ref(c, c->path);
	hand_peer(h, "10.0.0.2");
	h->b = bgp_new(&(struct bgp_env){.mem = &h->mem, .rng = &h->rng, .host = "here", .software = "test"});
	return h;
}

void hand_free(struct hand *h)
{
	bgp_free(h->b);
	assert_int_equal(h->mem.in_use, 0);
	free(h->c);
	free(h->used);
	free(h);
}

int hand_apply(struct hand *h)
{
	struct hand_conf *next = malloc(sizeof *next), *old = h->used;
	*next = *h->c;
	int r = bgp_command(h->b, &(struct bgp_cmd){.type = BGP_CMD_CONF, .conf = &next->conf}, h->now, &h->acts);
	if (r < 0) {
		free(next);
	} else {
		h->used = next;
		if (old)
			memset(old, 0xa5, sizeof *old); /* nobody may look at it any more */
		free(old);
	}
	carry_out(h);
	return r;
}

/* --- calls --- */

void hand_fact(struct hand *h, struct bgp_fact *f)
{
	bgp_report(h->b, f, h->now, &h->acts);
	carry_out(h);
}

void hand_command(struct hand *h, const struct bgp_cmd *c, int result)
{
	assert_int_equal(bgp_command(h->b, c, h->now, &h->acts), result);
	carry_out(h);
}

dur_t hand_next(const struct hand *h)
{
	mono_t due = bgp_due(h->b);
	return due == MONO_NEVER ? -1 : due - h->now;
}

void hand_pass(struct hand *h, dur_t d)
{
	mono_t end = h->now + d;
	for (unsigned n = 0; bgp_due(h->b) <= end; n++) {
		assert_true(n < 10000); /* it must come to rest */
		if (bgp_due(h->b) > h->now)
			h->now = bgp_due(h->b);
		bgp_timer(h->b, h->now, &h->acts);
		carry_out(h);
	}
	h->now = end;
}

void hand_octets(struct hand *h, uint32_t conn, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	bgp_input(h->b, conn, SPAN(copy, n), h->now, &h->acts);
	free(copy);
	carry_out(h);
}

struct bgp_open hand_open_of(uint32_t as, uint32_t id)
{
	struct bgp_open o = {.version = 4, .as = as, .as2 = (uint16_t)as, .hold_s = 90, .id = id};
	o.caps = (struct bgp_caps){.any = true, .mp = {true}, .refresh = true, .enhanced_refresh = true, .as4 = true, .as = as};
	return o;
}

void hand_open(struct hand *h, uint32_t conn, const struct bgp_open *o)
{
	uint8_t buf[4096];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_open_encode(&w, o);
	wr_put_u8(&w, BGP_HDR_LEN, o->version);
	assert_true(wr_ok(&w));
	hand_octets(h, conn, buf, w.len);
}

void hand_keepalive(struct hand *h, uint32_t conn)
{
	uint8_t buf[19];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_keepalive_encode(&w);
	hand_octets(h, conn, buf, w.len);
}

void hand_notify(struct hand *h, uint32_t conn, uint8_t code, uint8_t sub, bool hard)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_notification_encode(&w, &(struct bgp_error){.code = code, .sub = sub}, hard);
	hand_octets(h, conn, buf, w.len);
}

static void put_update(struct wr *w, const char *prefix, const char *from, uint32_t as, bool withdraw)
{
	struct bgp_coding c = {.as4 = true, .mp = {true}, .max = 4096};
	struct bgp_update_wr u;
	struct prefix p;
	uint8_t attrs[64], origin = 0, path[] = {BGP_AS_SEQUENCE, 1, (uint8_t)(as >> 24), (uint8_t)(as >> 16), (uint8_t)(as >> 8), (uint8_t)as};
	struct wr a = wr_init(attrs, sizeof attrs);
	struct addr hop;
	assert_true(prefix_parse(prefix, &p) && addr_parse(from, &hop));
	bgp_attr_put(&a, BGP_A_ORIGIN, &origin, 1);
	bgp_attr_put(&a, BGP_A_AS_PATH, path, as ? sizeof path : 0);
	bgp_attr_put_u32(&a, BGP_A_LOCAL_PREF, 100);
	if (withdraw)
		bgp_unreach_begin(&u, w, BGP_V4, &c);
	else
		bgp_reach_begin(&u, w, BGP_V4, &c, SPAN(attrs, a.len), &hop, NULL);
	bgp_nlri_put(w, &p, false, 0);
	bgp_update_end(&u);
	assert_true(wr_ok(w));
}

void hand_update(struct hand *h, uint32_t conn, const char *prefix)
{
	uint8_t buf[4096];
	struct wr w = wr_init(buf, sizeof buf);
	put_update(&w, prefix, "10.0.0.2", 0, false);
	hand_octets(h, conn, buf, w.len);
}

void hand_update_by(struct hand *h, uint32_t conn, const char *prefix, const char *hop, uint32_t as)
{
	uint8_t buf[4096];
	struct wr w = wr_init(buf, sizeof buf);
	put_update(&w, prefix, hop, as, false);
	hand_octets(h, conn, buf, w.len);
}

void hand_withdraw(struct hand *h, uint32_t conn, const char *prefix)
{
	uint8_t buf[4096];
	struct wr w = wr_init(buf, sizeof buf);
	put_update(&w, prefix, "10.0.0.2", 0, true);
	hand_octets(h, conn, buf, w.len);
}

void hand_eor(struct hand *h, uint32_t conn, uint8_t af)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_eor_encode(&w, af);
	hand_octets(h, conn, buf, w.len);
}

void hand_refresh(struct hand *h, uint32_t conn, uint8_t af, uint8_t kind)
{
	uint8_t buf[32];
	struct wr w = wr_init(buf, sizeof buf);
	bgp_refresh_encode(&w, af, kind);
	hand_octets(h, conn, buf, w.len);
}

static void endpoints(struct bgp_fact *f, const struct hand *h, const char *remote)
{
	f->local = (struct endpoint){.addr = h->local, .port = 179};
	assert_true(addr_parse(remote, &f->remote.addr));
	f->remote.port = 179;
}

void hand_accept(struct hand *h, uint32_t conn, const char *from)
{
	struct bgp_fact f = {.type = BGP_FACT_ACCEPTED, .conn = conn, .ifindex = 5};
	endpoints(&f, h, from);
	hand_fact(h, &f);
}

void hand_connected(struct hand *h, uint32_t conn)
{
	struct bgp_fact f = {.type = BGP_FACT_CONNECTED, .conn = conn};
	endpoints(&f, h, "10.0.0.2");
	hand_fact(h, &f);
}

void hand_closed(struct hand *h, uint32_t conn, int status)
{
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = conn, .status = status});
}

void hand_tunnel(struct hand *h, bool up)
{
	struct bgp_fact f = {.type = BGP_FACT_TUNNEL, .name = "office", .ifindex = 5, .up = up};
	endpoints(&f, h, "10.0.0.2");
	hand_fact(h, &f);
}

struct hand *hand_up(void)
{
	struct hand *h = hand_new();
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	assert_int_equal(hand_apply(h), 0);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	IS("fib-conf, listen, connect 1");
	hand_connected(h, 1);
	IS("1:open");
	hand_open(h, 1, &o);
	IS("1:keepalive");
	hand_keepalive(h, 1);
	IS("join v4");
	hand_eor(h, 1, BGP_V4);
	IS("converged");
	STATE("Established");
	h->notes[0] = '\0';
	return h;
}

void hand_is(struct hand *h, const char *file, int line, const char *expected)
{
	if (strcmp(h->log, expected) != 0) {
		print_error("%s:%d: got \"%s\", expected \"%s\"; notes:\n%s", file, line, h->log, expected, h->notes);
		fail();
	}
	h->got = SB(h->log);
}

const char *hand_state(const struct hand *h, const char *address)
{
	struct addr a;
	assert_true(addr_parse(address, &a));
	const struct bgp_peer *p = peer_find(h->b, &a);
	return p ? fsm_state_name(p->state) : "none";
}

struct bgp_peer *hand_p(const struct hand *h)
{
	struct addr a;
	assert_true(addr_parse("10.0.0.2", &a));
	return peer_find(h->b, &a);
}
