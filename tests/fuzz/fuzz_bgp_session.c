/* A living BGP engine whose one peer says what the input says, in every state, while another peer listens: messages with right and
 * with wrong frames, time, closed connections, tunnels, reloads. Must hold: the listener gets good messages only, memory stays
 * within what the input can account for, nothing is left at the end. */
#include "fuzz.h"

#include "bgp/bgp.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20 /* an engine with the first pages of its tables */, EACH = 600 /* octets for each of the input, at most */ };

struct conf_blob {
	struct conf conf;
	struct conf_routing routing;
	struct conf_bgp bgp;
	struct conf_bgp_peer peer[2];
};

struct fuzz {
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	struct bgp *b;
	struct conf_blob c[2];
	unsigned gen;
	mono_t now;
	struct bgp_acts acts;
	uint32_t conn[2], next;  /* the peers' connections, 0 = none */
	uint8_t part[2][BGP_MSG_EXT_MAX];
	size_t n_part[2];
	bool ext[2];
};

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m, (void)size; free(p); }
static void fill(struct rng *r, void *p, size_t n)
{
	struct fuzz *f = CONTAINER_OF(r, struct fuzz, rng);
	for (uint8_t *o = p; n--; o++) {
		f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
		*o = (uint8_t)(f->seed >> 56);
	}
}

#define MUST(x) do { if (!(x)) __builtin_trap(); } while (0)

/* What the engine says must be messages, and UPDATEs such that nobody can complain. */
static void heard(struct fuzz *f, int who)
{
	static const struct bgp_coding plain = {.as4 = true, .mp = {true, true}, .max = BGP_MSG_EXT_MAX};
	static struct bgp_update u;
	size_t at = 0;
	for (;;) {
		struct bgp_frame frame;
		struct bgp_error e;
		int r = bgp_frame(SPAN(f->part[who] + at, f->n_part[who] - at), BGP_MSG_EXT_MAX, &frame, &e);
		MUST(r >= 0);
		if (r == 0)
			break;
		if (frame.type == BGP_UPDATE && who == 1) {
			bgp_update_decode(frame.body, &plain, &u);
			MUST(u.verdict == BGP_V_OK);
		}
		at += frame.len;
	}
	if (at)
		memmove(f->part[who], f->part[who] + at, f->n_part[who] - at);
	f->n_part[who] -= at;
}

static void carry_out(struct fuzz *f);

static void output(struct fuzz *f, uint32_t conn)
{
	struct span out[4];
	size_t n;
	int who = conn == f->conn[0] ? 0 : conn == f->conn[1] ? 1 : -1;
	while ((n = bgp_output(f->b, conn, out, 4)) > 0) {
		size_t took = 0;
		for (size_t i = 0; i < n; i++) {
			size_t k = who < 0 ? out[i].n : min_z(out[i].n, sizeof f->part[0] - f->n_part[who]);
			if (who >= 0)
				memcpy(f->part[who] + f->n_part[who], out[i].p, k);
			if (who >= 0)
				f->n_part[who] += k;
			took += k;
			if (k < out[i].n)
				break;
		}
		MUST(took > 0);
		bgp_sent(f->b, conn, took, f->now, &f->acts);
		if (who >= 0)
			heard(f, who);
	}
}

static void carry_out(struct fuzz *f)
{
	static struct bgp_acts now; /* only what is in use is copied: the array is large */
	now.n = f->acts.n;
	memcpy(now.v, f->acts.v, now.n * sizeof now.v[0]);
	f->acts.n = 0;
	for (uint32_t i = 0; i < now.n; i++) {
		const struct bgp_act *a = &now.v[i];
		if (a->type == BGP_ACT_OUTPUT || a->type == BGP_ACT_CLOSE)
			output(f, a->conn);
		if (a->type == BGP_ACT_CONNECT) { /* nobody is at home */
			bgp_report(f->b, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = a->conn, .status = -111}, f->now, &f->acts);
		} else if (a->type == BGP_ACT_CLOSE) {
			for (int k = 0; k < 2; k++)
				f->conn[k] = f->conn[k] == a->conn ? 0 : f->conn[k];
		} else if (a->type == BGP_ACT_NOTE) {
			MUST(memchr(a->u.note.text, 0, sizeof a->u.note.text) != NULL);
		}
	}
	if (f->acts.n)
		carry_out(f);
}

static void report(struct fuzz *f, struct bgp_fact *fact)
{
	bgp_report(f->b, fact, f->now, &f->acts);
	carry_out(f);
}

static void input(struct fuzz *f, int who, const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	if (n)
		memcpy(exact, p, n);
	if (f->conn[who])
		bgp_input(f->b, f->conn[who], SPAN(exact, n), f->now, &f->acts);
	free(exact);
	carry_out(f);
}

static void call(struct fuzz *f, int who)
{
	struct bgp_fact a = {.type = BGP_FACT_ACCEPTED, .ifindex = 5};
	a.local.addr = addr_from("\12\0\0\1", 4);
	a.remote.addr = addr_from(who ? "\12\0\0\3" : "\12\0\0\2", 4);
	f->conn[who] = a.conn = BGP_CONN_IN | ++f->next;
	f->n_part[who] = 0;
	report(f, &a);
}

static void settle(struct fuzz *f, int who, bool gr)
{
	uint8_t buf[256];
	struct wr w = wr_init(buf, sizeof buf);
	struct bgp_open o = {.version = 4, .as = 65000, .as2 = 65000, .hold_s = 90, .id = 0x0a000002u + (uint32_t)who};
	o.caps = (struct bgp_caps){.any = true, .mp = {true, true}, .refresh = true, .enhanced_refresh = true, .as4 = true, .as = 65000,
	                           .ext_message = true, .gr = gr, .gr_time_s = 10, .gr_af = {true, true}, .gr_forwarding = {true, true}};
	if (who == 0)
		o.caps.addpath[BGP_V6] = BGP_ADDPATH_TX;
	bgp_open_encode(&w, &o);
	bgp_keepalive_encode(&w);
	call(f, who);
	input(f, who, buf, w.len);
}

static void configure(struct fuzz *f, unsigned variant)
{
	struct conf_blob *c = &f->c[f->gen++ & 1];
	memset(c, 0, sizeof *c);
	conf_bgp_defaults(&c->bgp);
	c->conf.size = sizeof *c;
	c->conf.routing = (conf_ref)offsetof(struct conf_blob, routing);
	c->routing.bgp = (conf_ref)offsetof(struct conf_blob, bgp);
	c->bgp.as = 65000;
	c->bgp.router_id = 0x0a000001;
	c->bgp.peers = (struct conf_array){(conf_ref)offsetof(struct conf_blob, peer), 2};
	for (unsigned i = 0; i < 2; i++) {
		conf_bgp_peer_defaults(&c->peer[i]);
		c->peer[i].address = addr_from(i ? "\12\0\0\3" : "\12\0\0\2", 4);
		c->peer[i].passive = true;
		c->peer[i].af[BGP_V6].active = true;
		c->peer[i].af[BGP_V4].rr_client = c->peer[i].af[BGP_V6].rr_client = true;
		c->peer[i].af[BGP_V4].soft_in = variant & 1;
		c->peer[i].af[BGP_V4].next_hop_self_force = variant & 2;
	}
	if (variant & 4)
		c->peer[0].af[BGP_V4].max_prefix = 50;
	(void)bgp_command(f->b, &(struct bgp_cmd){.type = BGP_CMD_CONF, .conf = &c->conf}, f->now, &f->acts);
	carry_out(f);
}

static void world(struct fuzz *f)
{
	struct bgp_fact l = {.type = BGP_FACT_LINK, .link = {.ifindex = 5, .name = "gre1", .up = true}};
	struct bgp_fact a = {.type = BGP_FACT_ADDR};
	struct route r = {.source = ROUTE_CONNECTED, .n_hops = 1, .table = ROUTE_TABLE_MAIN, .hop = {{.ifindex = 5, .weight = 1}}};
	a.address = (struct route_addr){.ifindex = 5, .local = {.addr = addr_from("\12\0\0\1", 4), .len = 24}};
	r.dst = (struct prefix){.addr = addr_from("\12\0\0\0", 4), .len = 24};
	report(f, &l);
	report(f, &a);
	report(f, &(struct bgp_fact){.type = BGP_FACT_ROUTE, .route = &r});
	report(f, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
}

static void pass(struct fuzz *f, dur_t d)
{
	mono_t end = f->now + d;
	for (unsigned n = 0; n < 2000 && bgp_due(f->b) <= end; n++) {
		f->now = bgp_due(f->b) > f->now ? bgp_due(f->b) : f->now;
		bgp_timer(f->b, f->now, &f->acts);
		carry_out(f);
	}
	f->now = end;
}

static void message(struct fuzz *f, uint8_t type, struct rd *r, size_t n)
{
	uint8_t buf[BGP_HDR_LEN + 1024];
	struct wr w = wr_init(buf, sizeof buf);
	uint8_t *marker = wr_space(&w, 16);
	memset(marker, 0xff, 16);
	wr_u16(&w, (unsigned)(BGP_HDR_LEN + n));
	wr_u8(&w, type);
	wr_bytes(&w, rd_take(r, n), n);
	input(f, 0, buf, w.len);
}

static void other(struct fuzz *f, uint8_t what)
{
	struct bgp_fact t = {.type = BGP_FACT_TUNNEL, .name = "t", .ifindex = 5, .up = what & 1};
	struct bgp_cmd c = {.type = BGP_CMD_CLEAR, .soft_in = what & 1, .soft_out = what & 2};
	switch (what >> 5) {
	case 0: pass(f, DUR_MS(10) * (what & 31) * (what & 31)); break;
	case 1: pass(f, DUR_S(1) * (what & 31)); break;
	case 2:
		if (f->conn[0])
			report(f, &(struct bgp_fact){.type = BGP_FACT_CLOSED, .conn = f->conn[0]});
		f->conn[0] = 0;
		break;
	case 3: report(f, &t); break;
	case 4: configure(f, what & 31); break;
	case 5:
		(void)bgp_command(f->b, &c, f->now, &f->acts);
		carry_out(f);
		break;
	case 6: call(f, 0); break;
	default: settle(f, 0, what & 1); break;
	}
}

static size_t length(struct rd *r)
{
	size_t n = rd_u8(r);
	if (n >= 0xf0)
		n = (n - 0xf0) << 8 | rd_u8(r);
	return min_z(min_z(n, rd_left(r)), 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f = calloc(1, sizeof *f);
	struct rd r = rd_init(data, size);
	f->mem = (struct mem){.get = get, .put = put};
	f->rng.fill = fill;
	f->now = DUR_S(1000);
	f->b = bgp_new(&(struct bgp_env){.mem = &f->mem, .rng = &f->rng, .host = "fuzz", .software = "fuzz"});
	configure(f, rd_u8(&r));
	world(f);
	settle(f, 1, false);
	settle(f, 0, true);
	while (rd_left(&r) > 0) {
		uint8_t op = rd_u8(&r);
		if (op < 0x80)
			message(f, op < 0x60 ? BGP_UPDATE : (uint8_t)(op & 7), &r, length(&r));
		else if (op < 0xa0) {
			size_t n = length(&r);
			input(f, 0, rd_take(&r, n), n);
		} else {
			other(f, rd_u8(&r));
		}
		if (!f->conn[1])
			settle(f, 1, false);
		MUST(f->mem.in_use < ROOM + EACH * size);
	}
	pass(f, DUR_S(1));
	(void)bgp_command(f->b, &(struct bgp_cmd){.type = BGP_CMD_STOP}, f->now, &f->acts);
	carry_out(f);
	pass(f, DUR_S(30));
	MUST(bgp_idle(f->b));
	bgp_free(f->b);
	MUST(f->mem.in_use == 0);
	free(f);
	return 0;
}
