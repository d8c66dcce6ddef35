/* What the world of BGP engines sees of their sessions, by the octets alone: see bgp_world.h. And their configurations, built by
 * hand. */
#include "bgp_world_int.h"

#include <stdlib.h>
#include <string.h>

/* --- The watcher: what the octets of a session say --- */

static struct world_told *told_at(struct world_pipe *p, uint32_t addr, uint8_t len, bool add)
{
	for (size_t i = 0; i < p->n_told; i++)
		if (p->told[i].addr == addr && p->told[i].len == len)
			return &p->told[i];
	if (!add || p->n_told == ARRAY_LEN(p->told))
		return NULL;
	p->told[p->n_told] = (struct world_told){.addr = addr, .len = len};
	return &p->told[p->n_told++];
}

static const uint8_t *prefix_at(const uint8_t *p, const uint8_t *end, uint32_t *addr, uint8_t *len)
{
	if (p >= end || *p > 32)
		return NULL;
	*len = *p++;
	size_t n = (*len + 7u) / 8;

	if ((size_t)(end - p) < n)
		return NULL;
	*addr = 0;
	for (size_t i = 0; i < n; i++)
		*addr |= (uint32_t)p[i] << (24 - 8 * i);
	return p + n;
}

static void watch_update(struct world *w, struct world_conn *c, int dir, const uint8_t *m, size_t n)
{
	struct world_pipe *p = &c->pipe[dir];
	const char *who = w->s[c->end[dir]].name, *whom = w->s[c->end[!dir]].name;
	uint8_t len = 0;
	uint32_t addr = 0;
	const uint8_t *end = m + n, *x = m + 2;
	size_t withdrawn = (size_t)m[0] << 8 | m[1];

	w->s[c->end[dir]].updates++;
	if (n < 4 || withdrawn + 4 > n) {
		world_fault(w, "%s sends %s an UPDATE of wrong lengths", who, whom);
		return;
	}
	for (const uint8_t *stop = x + withdrawn; x < stop;) {
		x = prefix_at(x, stop, &addr, &len);
		struct world_told *t = x ? told_at(p, addr, len, false) : NULL;

		if (!x) {
			world_fault(w, "%s sends %s withdrawals that are none", who, whom);
			return;
		}
		if (!t || !t->known)
			world_fault(w, "%s withdraws %x/%u at %s, which it never announced", who, addr, len, whom);
		if (t)
			t->known = false;
	}
	size_t attrs = (size_t)x[0] << 8 | x[1];

	x += 2;
	if (attrs > (size_t)(end - x)) {
		world_fault(w, "%s sends %s attributes that are too long", who, whom);
		return;
	}
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < attrs; i++)
		hash = (hash ^ x[i]) * 1099511628211u;
	for (x += attrs; x < end;) {
		x = prefix_at(x, end, &addr, &len);
		struct world_told *t = x ? told_at(p, addr, len, true) : NULL;

		if (!t) {
			world_fault(w, "%s sends %s prefixes that are none", who, whom);
			return;
		}
		if (t->known && t->attrs == hash)
			world_fault(w, "%s tells %s about %x/%u again, without a change", who, whom, addr, len);
		t->known = true;
		t->attrs = hash;
	}
}

void world_watch(struct world *w, struct world_conn *c, int dir, struct span data)
{
	struct world_pipe *p = &c->pipe[dir];

	w->s[c->end[dir]].octets += data.n;
	for (size_t i = 0; i < data.n; i++) {
		p->part[p->n_part++] = data.p[i];
		if (p->n_part < 19)
			continue;
		size_t len = (size_t)p->part[16] << 8 | p->part[17];

		if (len < 19) {
			world_fault(w, "%s sends a message of %zu octets", w->s[c->end[dir]].name, len);
			p->n_part = 0;
			return;
		}
		if (p->n_part < len)
			continue;
		if (p->part[18] == 2)
			watch_update(w, c, dir, p->part + 19, len - 19);
		p->n_part = 0;
	}
}

/* --- Configuration: a blob by hand --- */

struct blob {
	uint8_t *p;
	size_t n, cap;
};
static conf_ref blob_put(struct blob *b, const void *data, size_t n)
{
	size_t at = (b->n + 15) & ~(size_t)15;

	memcpy(b->p + at, data, n);
	b->n = at + n;
	return (conf_ref)at;
}

struct conf *world_conf(struct world *w, int s)
{
	struct world_speaker *sp = &w->s[s];
	struct blob b = {.p = calloc(1, 1 << 16), .n = sizeof(struct conf), .cap = 1 << 16};
	struct conf *c = (struct conf *)b.p;
	struct conf_bgp bgp;
	struct conf_routing routing = {0};
	struct conf_bgp_network net[WORLD_PREFIXES];
	struct conf_bgp_peer peer[WORLD_LINKS];

	memset(net, 0, sizeof net);
	memset(peer, 0, sizeof peer);
	conf_setup_defaults(&c->setup);
	conf_bgp_defaults(&bgp);
	bgp.as = sp->as;
	bgp.router_id = sp->id;
	bgp.import_check = false;
	if (sp->graceful)
		bgp.gr_mode = GR_RESTART;
	for (size_t i = 0; i < sp->n_networks; i++)
		if (sp->on[i])
			net[bgp.networks.n++] = (struct conf_bgp_network){.prefix = sp->network[i]};
	for (int l = 0; l < w->n_links; l++) {
		struct world_link *k = &w->link[l];

		for (int e = 0; e < 2; e++) {
			if (k->end[e] != s || !k->peer[e])
				continue;
			struct conf_bgp_peer *p = &peer[bgp.peers.n++];

			conf_bgp_peer_defaults(p);
			p->address = k->addr[!e];
			p->remote_as = w->s[k->end[!e]].as;
			p->hold = DUR_S(9);
			p->keepalive = DUR_S(3);
			p->af[BGP_V4].active = true;
			p->af[BGP_V4].rr_client = k->flags[e] & WORLD_CLIENT;
		}
	}
	bgp.networks.at = blob_put(&b, net, bgp.networks.n * sizeof net[0]);
	bgp.peers.at = blob_put(&b, peer, bgp.peers.n * sizeof peer[0]);
	routing.module = blob_put(&b, "bgp", 4);
	routing.bgp = blob_put(&b, &bgp, sizeof bgp);
	c->routing = blob_put(&b, &routing, sizeof routing);
	c->magic = CONF_MAGIC;
	c->size = (uint32_t)b.n;
	return c;
}
