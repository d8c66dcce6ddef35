/* The network between the hosts: NAT boxes, delay, loss, duplicates; reordering is what different delays make. */
#include "sim_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NATT_PORT = 4500, IKE_PORT = 500, FIRST_OUTER = 30001 };

struct sim_nat *sim_behind(struct sim_node *n, const char *public_addr, bool ports)
{
	struct sim_nat *nat = NULL;
	struct addr a;
	if (!addr_parse(public_addr, &a))
		abort();
	/* Hosts may share a box, if it maps ports. */
	for (uint32_t i = 0; i < n->sim->n_nats && !nat; i++) {
		if (addr_eq(&n->sim->nats[i].public, &a))
			nat = &n->sim->nats[i];
	}
	if (!nat) {
		nat = &n->sim->nats[n->sim->n_nats++];
		*nat = (struct sim_nat){.public = a, .ports = ports, .next = FIRST_OUTER};
	}
	n->nat = nat;
	return nat;
}

void sim_nat_forget(struct sim_nat *nat) { nat->n = 0; }

static bool was_ours(const struct sim_node *n, const struct addr *a)
{
	for (uint32_t i = 0; i < n->n_lost; i++) {
		if (addr_eq(&n->lost[i], a))
			return true;
	}
	return false;
}

void sim_readdress(struct sim_node *n, const char *addr)
{
	struct ike_fact f = {.type = IKE_FACT_ADDRESS, .status = -EADDRNOTAVAIL, .local = {.addr = n->addr}};
	if (n->n_lost < ARRAY_LEN(n->lost))
		n->lost[n->n_lost++] = n->addr;
	n->addr = (struct addr){.family = AF_NONE};
	n->fail_path = *addr ? 0 : -ENETUNREACH;
	if (*addr && !addr_parse(addr, &n->addr))
		abort();
	if (n->ike && f.local.addr.family)
		sim_report(n, &f);
	f = (struct ike_fact){.type = IKE_FACT_ADDRESS, .local = {.addr = n->addr}};
	if (n->ike && *addr)
		sim_report(n, &f);
}

static uint16_t outer_port(struct sim_node *n, uint16_t inner)
{
	struct sim_nat *nat = n->nat;
	if (!nat->ports)
		return inner;
	for (uint32_t i = 0; i < nat->n; i++) {
		if (nat->map[i].inner == inner && nat->map[i].host == n->index)
			return nat->map[i].outer;
	}
	if (nat->n == SIM_PORTS)
		return 0;
	nat->map[nat->n].host = n->index;
	nat->map[nat->n].inner = inner;
	nat->map[nat->n].outer = nat->next;
	nat->n++;
	return nat->next++;
}

struct sim_node *sim_route(struct sim *s, const struct endpoint *dst, struct endpoint *inner)
{
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		struct sim_node *n = s->node[i];
		*inner = (struct endpoint){.addr = n->addr, .port = dst->port};
		if (!n->nat) {
			if (addr_eq(&n->addr, &dst->addr))
				return n;
			continue;
		}
		if (!addr_eq(&n->nat->public, &dst->addr))
			continue;
		if (!n->nat->ports)
			return n;
		for (uint32_t j = 0; j < n->nat->n; j++) {
			if (n->nat->map[j].outer != dst->port || n->nat->map[j].host != n->index)
				continue;
			inner->port = n->nat->map[j].inner;
			return n;
		}
	}
	return NULL;
}

static dur_t delay(struct sim *s)
{
	dur_t spread = s->delay_max - s->delay_min;
	return s->delay_min + (dur_t)rng_below(&s->rng.rng, (uint64_t)spread + 1);
}

static bool chance(struct sim *s, unsigned thousandths)
{
	return thousandths && rng_below(&s->rng.rng, 1000) < thousandths;
}

/* Copies p to whom it is for. */
static void carry(struct sim *s, const struct sim_packet *p)
{
	struct sim_event e = {.kind = SIM_PACKET, .packet = *p};
	e.node = sim_route(s, &p->dst, &e.packet.dst);
	if (!e.node)
		return;
	e.packet.p = malloc(p->n ? p->n : 1);
	memcpy(e.packet.p, p->p, p->n);
	sim_event_add(s, delay(s) + p->late, e);
}

void sim_inject(struct sim_node *to, const struct endpoint *src, const struct endpoint *dst, bool marker, const void *p,
                size_t n)
{
	struct sim_event e = {
		.kind = SIM_PACKET,
		.node = to,
		.packet = {.src = *src, .dst = *dst, .marker = marker, .n = n},
	};
	e.packet.p = malloc(n ? n : 1);
	if (n)
		memcpy(e.packet.p, p, n);
	sim_event_add(to->sim, 0, e);
}

static void remember(struct sim_node *n, const struct sim_packet *p)
{
	if (n->n_sent == SIM_SENT || n->sim->mute)
		return;
	n->sent[n->n_sent++] = (struct sim_sent){
		.at = n->sim->now,
		.exchange = p->exchange,
		.response = p->response,
		.msg_id = p->msg_id,
		.n = p->n,
		.src = p->src,
		.dst = p->dst,
	};
}

void sim_send(struct sim_node *n, const struct ike_act *a)
{
	struct sim *s = n->sim;
	struct ike_hdr h = {0};
	bool keep_alive = a->send.data.n == 1;
	struct sim_packet p = {
		.from = n,
		.src = a->send.local,
		.dst = a->send.remote,
		.marker = a->send.natt_port && !keep_alive,
		.n = a->send.data.n,
	};
	if (!keep_alive && ike_hdr_decode(a->send.data, &h) != WIRE_OK)
		n->faults++;
	p.exchange = keep_alive ? 0 : h.exchange;
	p.copies = 1;
	p.response = h.flags & IKE_F_RESPONSE;
	p.msg_id = h.msg_id;
	bool gone = !addr_eq(&p.src.addr, &n->addr) && was_ours(n, &p.src.addr);
	if ((!gone && !addr_eq(&p.src.addr, &n->addr)) || p.src.port != (a->send.natt_port ? NATT_PORT : IKE_PORT)) {
		n->faults++;
		sim_log(n, "FAULT: sends from port %u, NAT-T socket %d", p.src.port, a->send.natt_port);
	}
	if (gone)
		return; /* sendmsg(2) fails */
	if (n->nat) {
		p.src.port = outer_port(n, p.src.port);
		p.src.addr = n->nat->public;
	}
	remember(n, &p);
	/* From here on it may be changed and lost. */
	p.p = malloc(p.n);
	memcpy(p.p, a->send.data.p, p.n);
	if (!n->cut && (!s->tap || s->tap(s, &p)) && !chance(s, s->loss)) {
		dur_t late = p.late;
		for (unsigned i = 0; i < p.copies; i++) {
			p.late = i + 1 < p.copies ? 0 : late;
			carry(s, &p);
		}
		p.late = 0;
		if (chance(s, s->dup))
			carry(s, &p);
	}
	free(p.p);
}
