/* What a seed makes: a world, what goes wrong in it, and what is done to it. See plan.h. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d, uint64_t n)
{
	d->state += 0x9e3779b97f4a7c15u;
	return trace_hash(d->state, &d->state, 8) % n;
}

static bool one_in(struct dice *d, uint64_t n) { return roll(d, n) == 0; }

static struct plan_host *add_host(struct plan *p, const char *name, const char *addr, int peer)
{
	struct plan_host *h = &p->host[p->n_hosts++];
	snprintf(h->name, sizeof h->name, "%s", name);
	snprintf(h->addr, sizeof h->addr, "%s", addr);
	h->peer = peer;
	return h;
}

static void add_key(struct plan_host *h, const char *key)
{
	size_t n = strlen(h->keys);
	snprintf(h->keys + n, sizeof h->keys - n, "%s%s", n ? "\n" : "", key);
}

static void behind_nat(struct plan_host *h, const char *addr, bool ports)
{
	snprintf(h->nat, sizeof h->nat, "%s", addr);
	h->ports = ports;
}

/* Two ends, with a NAT in front of one of them now and then. */
static void two(struct plan *p, struct dice *d)
{
	struct plan_host *a = add_host(p, "a", "192.0.2.1", 1), *b = add_host(p, "b", "198.51.100.1", 0);
	add_key(a, "auto=start");
	if (one_in(d, 2))
		add_key(b, "auto=start");
	if (one_in(d, 3))
		behind_nat(a, "203.0.113.1", one_in(d, 2));
	if (one_in(d, 12))
		behind_nat(b, "203.0.113.2", false);
}

/* A hub that waits and two or three who call it. */
static void star(struct plan *p, struct dice *d)
{
	static const char *const name[] = {"s1", "s2", "s3"}, *const addr[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"},
		*const nat[] = {"203.0.113.1", "203.0.113.2", "203.0.113.3"};
	unsigned n = 2 + (unsigned)roll(d, 2);
	add_host(p, "hub", "198.51.100.1", -1);
	for (unsigned i = 0; i < n; i++) {
		struct plan_host *h = add_host(p, name[i], addr[i], 0);
		add_key(h, "auto=start");
		if (one_in(d, 4))
			behind_nat(h, nat[i], one_in(d, 2));
	}
}

static void settings(struct plan *p, struct dice *d)
{
	bool pfs = one_in(d, 4);
	for (uint32_t i = 0; i < p->n_hosts; i++) {
		if (pfs)
			add_key(&p->host[i], "esp=aes128gcm16-x25519!");
		if (one_in(d, 3)) {
			add_key(&p->host[i], one_in(d, 2) ? "dpdaction=restart" : "dpdaction=clear");
			add_key(&p->host[i], one_in(d, 2) ? "dpddelay=30s" : "dpddelay=10s");
		}
		if (one_in(d, 4))
			add_key(&p->host[i], "reauth=no");
	}
}

static void network(struct plan *p, struct dice *d)
{
	p->delay_min = DUR_MS(1) + (dur_t)roll(d, 20) * DUR_MS(1);
	p->delay_max = p->delay_min + (one_in(d, 2) ? (dur_t)roll(d, 200) * DUR_MS(1) : 0);
	if (!one_in(d, 3))
		p->chance[FATE_LOST] = (unsigned)roll(d, 300);
	if (one_in(d, 2))
		p->chance[FATE_DOUBLED] = (unsigned)roll(d, 200);
	if (one_in(d, 2))
		p->chance[FATE_DELAYED] = (unsigned)roll(d, 200);
	if (one_in(d, 3))
		p->chance[FATE_CORRUPTED] = (unsigned)roll(d, 100);
	if (one_in(d, 5))
		p->refused = 1 + (unsigned)roll(d, 150);
	if (one_in(d, 3))
		p->priv_more = DUR_MS(1) << roll(d, 10);
	p->setup = one_in(d, 3) ? 0 : DUR_S(2);
}

static uint8_t some_verb(struct dice *d)
{
	static const uint8_t often[] = {
		PV_REKEY_CHILD, PV_REKEY_CHILD, PV_REKEY_CHILD, PV_REKEY_CHILD, PV_REKEY_IKE,    PV_REKEY_IKE,   PV_REKEY_IKE,
		PV_REKEY_IKE,   PV_DELETE_IKE,  PV_DELETE_IKE,  PV_DELETE_CHILD, PV_DELETE_CHILD, PV_CHECK,       PV_CHECK,
		PV_EXPIRE,      PV_EXPIRE,      PV_REBIND,      PV_REBIND,       PV_UP,          PV_DOWN,        PV_RELOAD,
		PV_RESTART,     PV_ADOPT,       PV_CUT,         PV_JOIN,         PV_FREEZE,
	};
	return often[roll(d, ARRAY_LEN(often))];
}

static void events(struct plan *p, struct dice *d)
{
	unsigned n = 3 + (unsigned)roll(d, 14);
	dur_t at = 0;
	for (unsigned i = 0; i < n; i++) {
		struct plan_event *e = &p->ev[p->n_ev++];
		/* Most things happen while others are under way. */
		dur_t most = one_in(d, 4) ? DUR_S(30) : one_in(d, 2) ? DUR_S(1) : 3 * p->delay_max;
		at += (dur_t)roll(d, (uint64_t)most) / DUR_MS(1) * DUR_MS(1);
		e->at = at;
		e->host = (uint8_t)roll(d, p->n_hosts);
		e->verb = some_verb(d);
		if (e->verb == PV_FREEZE)
			e->arg = DUR_S(1) + (dur_t)roll(d, 200) * DUR_S(1);
	}
	p->heal = at + DUR_S(1 + (int)roll(d, 10));
}

void plan_storm(struct plan *p, uint64_t seed)
{
	struct dice d = {seed};
	plan_init(p);
	p->seed = seed;
	if (roll(&d, 5) < 4)
		two(p, &d);
	else
		star(p, &d);
	settings(p, &d);
	network(p, &d);
	events(p, &d);
	p->quiet = DUR_S(900);
	p->end = END_UP;
}
