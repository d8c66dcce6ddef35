/* The neighbours of tables and groups, made up. */
#include "bgp_core.h"

#include <stdlib.h>
#include <string.h>

static struct core *of(const struct bgp *b) { return CONTAINER_OF(b, struct core, b); }

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

uint64_t core_random(struct core *c, uint64_t below) { return (next(&c->seed) >> 11) % below; }

static void *get(struct mem *m, size_t size)
{
	struct core *c = CONTAINER_OF(m, struct core, mem);
	c->allocations++;
	if (c->allocations == c->fail_at || (c->fail_one_in && core_random(c, c->fail_one_in) == 0))
		return NULL;
	return calloc(1, size ? size : 1);
}

static void put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}

static void fill(struct rng *r, void *p, size_t n)
{
	struct core *c = CONTAINER_OF(r, struct core, rng);
	uint8_t *o = p;
	for (size_t i = 0; i < n; i++)
		o[i] = (uint8_t)core_random(c, 256);
}

struct core *core_new_failing(uint64_t seed, size_t fail_at)
{
	struct core *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->seed = seed * 0x9e3779b97f4a7c15u + 1;
	c->fail_at = fail_at;
	c->mem = (struct mem){.get = get, .put = put};
	c->rng = (struct rng){.fill = fill};
	c->b.env = (struct bgp_env){.mem = &c->mem, .rng = &c->rng, .host = "", .software = ""};
	c->cb = (struct conf_bgp){.as = 65000, .client_to_client = true, .local_pref = 100, .multipath_ibgp = {1, 1}, .multipath_ebgp = {1, 1}};
	c->b.cb = &c->cb;
	c->b.router_id = c->b.cluster_id = 0x01010101;
	if (attr_init(&c->b) < 0 || nht_init(&c->b) < 0 || rib_init(&c->b) < 0 || adj_init(&c->b) < 0) {
		core_free(c);
		return NULL;
	}
	return c;
}

struct core *core_new(uint64_t seed) { return core_new_failing(seed, 0); }

size_t core_free(struct core *c)
{
	adj_fini(&c->b);
	rib_fini(&c->b);
	attr_fini(&c->b); /* before next hops, which it lets go of */
	nht_fini(&c->b);
	size_t left = c->mem.in_use;
	free(c);
	return left;
}

struct bgp_peer *core_peer(struct core *c)
{
	struct bgp_peer *p = &c->peer[c->n_peers];
	struct conf_bgp_peer *conf = &c->conf[c->n_peers++];
	*conf = (struct conf_bgp_peer){0};
	for (int af = 0; af < BGP_AF_N; af++)
		conf->af[af] = (struct conf_bgp_af){.active = true, .send_community = true, .send_extended = true, .send_large = true};
	*p = (struct bgp_peer){
		.index = (uint16_t)c->n_peers,
		.address = {.family = AF_V4, .b = {10, 9, 0, (uint8_t)c->n_peers}},
		.local = {.family = AF_V4, .b = {10, 9, 1, (uint8_t)c->n_peers}},
		.router_id = 0x09090900u + c->n_peers,
		.conf = conf,
		.as = 65000,
		.state = BGP_ESTABLISHED,
		.coding = {.as4 = true, .max = BGP_MSG_MAX, .mp = {true, true}},
	};
	return p;
}

struct prefix core_prefix(const char *text)
{
	struct prefix p = {0};
	return prefix_parse(text, &p) ? p : (struct prefix){0};
}

struct addr core_addr(const char *text)
{
	struct addr a = {0};
	return addr_parse(text, &a) ? a : (struct addr){0};
}

void core_link(struct core *c, uint8_t i, bool up)
{
	struct route_link l = {.ifindex = i, .mtu = 1500, .up = up, .name = {'l', (char)('a' + i)}};
	struct route r = {
		.dst = {.addr = {.family = AF_V4, .b = {10, 0, i, 0}}, .len = 24},
		.source = ROUTE_CONNECTED,
		.table = ROUTE_TABLE_MAIN,
		.n_hops = 1,
		.hop = {{.ifindex = i, .weight = 1}},
	};
	nht_link(&c->b, &l, false);
	nht_route(&c->b, &r, !up);
	r.dst = (struct prefix){.addr = {.family = AF_V6, .b = {0xfd, 0, 0, i}}, .len = 64};
	nht_route(&c->b, &r, !up);
}

void core_work(struct core *c, mono_t now)
{
	c->b.now = now;
	while (rib_work(&c->b, now))
		;
}

/* --- What they call --- */

struct bgp_peer *peer_at(const struct bgp *b, uint32_t index)
{
	struct core *c = of(b);
	return index && index <= c->n_peers ? &c->peer[index - 1] : NULL;
}

void session_stop(struct bgp *b, struct bgp_peer *p, const struct bgp_error *why, const char *text, mono_t now)
{
	(void)why;
	(void)text;
	(void)now;
	of(b)->stopped |= 1u << (p->index - 1);
}

void session_output(struct bgp *b, struct bgp_peer *p) { of(b)->wants_out |= 1u << (p->index - 1); }

void act_note(struct bgp *b, int level, const char *fmt, ...)
{
	(void)b;
	(void)level;
	(void)fmt;
}

void fib_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest)
{
	(void)t;
	(void)dest;
	of(b)->fib_changes++;
}

bool aggregate_any(const struct bgp *b) { (void)b; return false; }
void aggregate_dest_changed(struct bgp *b, struct bgp_table *t, uint32_t dest, mono_t now)
{
	(void)t;
	(void)dest;
	(void)now;
	of(b)->aggregate_changes++;
}

void local_kernel_route(struct bgp *b, const struct prefix *p, mono_t now)
{
	(void)b;
	(void)p;
	(void)now;
}

bool filter_prefix_list(const struct bgp *b, uint32_t list, const struct prefix *p, struct sbuf *trace)
{
	(void)trace;
	return !list || p->len < of(b)->deny[list - 1].len || !addr_in(&p->addr, &of(b)->deny[list - 1]);
}

bool filter_aspath_list(const struct bgp *b, uint32_t list, struct span as_path, struct sbuf *trace)
{
	(void)b;
	(void)trace;
	return !list || !bgp_as_path_has(as_path, 64999);
}

/* Map 1: MED 77; map 2: denies MED 5, the others go to next hop 10.0.4.9; map 3: by prefix, as list 1, else MED 78. */
bool filter_map(const struct bgp *b, uint32_t map, const struct bgp_filter_in *in, struct bgp_edit *e)
{
	if (map == 3 && !filter_prefix_list(b, 1, in->prefix, NULL))
		return false;
	if (map == 2 && e->v.has & 1u << BGP_A_MED && e->v.med == 5)
		return false;
	e->next_hop_unchanged = map == 2;
	if (map == 2)
		e->v.next_hop = core_addr("10.0.4.9");
	if (map == 1 || map == 3) {
		e->v.has |= 1u << BGP_A_MED;
		e->v.med = map == 1 ? 77 : 78;
	}
	e->changed = true;
	return true;
}

bool filter_map_by_prefix(const struct bgp *b, uint32_t map)
{
	(void)b;
	return map == 3;
}
