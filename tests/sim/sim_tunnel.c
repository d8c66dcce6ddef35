/* A host's tunnels beyond its SAs: src/tunnel on the events of src/ike, with a make-believe priv that finds a GRE interface, runs
 * scripts and probes; and the guards. What daemon/act.c does, for the watch. */
#include "sim_watch_int.h"

#include <string.h>

enum { ANSWER_MS = 3, SCRIPT_MS = 170 };

static void answer_later(struct watch *w, struct sim_node *n, const struct tun_act *a, uint8_t fact, dur_t in)
{
	struct watch_host *h = &w->host[n->index];
	if (h->n_answers == WATCH_ANSWERS) {
		watch_broken(w, n, "more is asked of priv than it can answer");
		return;
	}
	h->answer[h->n_answers].at = mono_add(w->s->now, in);
	h->answer[h->n_answers].tunnel = a->tunnel;
	h->answer[h->n_answers].ticket = a->ticket;
	h->answer[h->n_answers++].fact = fact;
}

static void run_script(struct watch *w, struct sim_node *n, const struct tun_act *a)
{
	struct watch_host *h = &w->host[n->index];
	h->scripts++;
	if (a->tunnel >= WATCH_TUNNELS || h->script_up[a->tunnel] == a->hook_up)
		watch_broken(w, n, "the script of tunnel %u runs %s twice", a->tunnel, a->hook_up ? "up" : "down");
	else
		h->script_up[a->tunnel] = a->hook_up;
	answer_later(w, n, a, TUN_FACT_HOOK_ENDED, DUR_MS(SCRIPT_MS));
}

static void set_guard(struct watch *w, struct sim_node *n, const struct addr *remote)
{
	struct watch_host *h = &w->host[n->index];
	for (uint32_t i = 0; i < h->n_guards; i++) {
		if (addr_eq(&h->guard[i], remote))
			return;
	}
	if (h->n_guards < WATCH_GUARDS)
		h->guard[h->n_guards++] = *remote;
}

static void carry_out(struct watch *w, struct sim_node *n)
{
	for (uint32_t i = 0; i < w->acts->n; i++) {
		const struct tun_act *a = &w->acts->v[i];
		switch (a->type) {
		case TUN_ACT_GUARD_SET:
			set_guard(w, n, &a->remote);
			break;
		case TUN_ACT_GRE_UP:
		case TUN_ACT_GRE_FIND:
			answer_later(w, n, a, TUN_FACT_GRE, DUR_MS(ANSWER_MS));
			break;
		case TUN_ACT_HOOK:
			run_script(w, n, a);
			break;
		case TUN_ACT_PROBE:
			answer_later(w, n, a, TUN_FACT_PROBE, DUR_MS(ANSWER_MS));
			break;
		default:
			break;
		}
	}
	if (w->acts->dropped)
		watch_broken(w, n, "actions of a tunnel found no room");
	w->acts->n = w->acts->dropped = 0;
}

static void report(struct watch *w, struct sim_node *n, const struct tun_fact *f)
{
	tunnels_report(w->host[n->index].ts, f, w->s->now, w->acts);
	carry_out(w, n);
}

/* priv runs the script for down itself when a process has died. */
void watch_tunnels_new(struct watch *w, struct sim_node *n)
{
	struct watch_host *h = &w->host[n->index];
	tunnels_free(h->ts);
	h->mem = (struct sim_mem){.mem = n->sim->plain.mem};
	h->ts = tunnels_new(&h->mem.mem);
	h->n_answers = 0;
	memset(h->script_up, 0, sizeof h->script_up);
}

void watch_conf(struct sim_node *n, uint32_t tunnel)
{
	struct watch *w = n->sim->eyes_arg;
	struct tun_fact f = {.type = TUN_FACT_CONF, .tunnel = tunnel, .conf = n->conf, .t = conf_tunnel(n->conf, tunnel - 1)};
	report(w, n, &f);
}

void watch_tunnel_event(struct watch *w, struct sim_node *n, const struct ike_act *a)
{
	static const uint8_t fact[] = {
		[IKE_EV_PEER_KNOWN] = TUN_FACT_PEER_KNOWN,
		[IKE_EV_CHILD_UP] = TUN_FACT_CHILD_UP,
		[IKE_EV_CHILD_DOWN] = TUN_FACT_CHILD_DOWN,
		[IKE_EV_CHILD_MOVED] = TUN_FACT_CHILD_MOVED,
		[IKE_EV_FAILED] = TUN_FACT_FAILED,
	};
	const struct ike_child_info *i = &a->tunnel_event.info;
	const struct tun_child c = {
		.child_id = i->child_id,
		.ike_id = i->ike_id,
		.reqid = i->reqid,
		.spi_in = i->spi_in,
		.spi_out = i->spi_out,
		.local = i->local,
		.remote = i->remote,
		.my_id = i->my_id,
		.peer_id = i->peer_id,
		.sel = i->sel,
		.ts_local = i->ts_local,
		.ts_remote = i->ts_remote,
		.encap = i->encap,
	};
	if (a->tunnel_event.event >= ARRAY_LEN(fact))
		return;
	struct tun_fact f = {.type = fact[a->tunnel_event.event], .tunnel = a->tunnel, .child = &c, .text = a->tunnel_event.reason};
	report(w, n, &f);
}

mono_t watch_due(const struct sim *s)
{
	const struct watch *w = s->eyes_arg;
	mono_t first = MONO_NEVER;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const struct watch_host *h = &w->host[i];
		if (h->ts)
			first = mono_min(first, tunnels_due(h->ts));
		for (uint32_t j = 0; j < h->n_answers; j++)
			first = mono_min(first, h->answer[j].at);
	}
	return first;
}

static void run_answers(struct watch *w, struct sim_node *n)
{
	struct watch_host *h = &w->host[n->index];
	static const struct tun_link link = {.ifindex = 7, .name = "gre1", .mtu = 1400, .up = true};
	for (uint32_t j = 0; j < h->n_answers; j++) {
		if (h->answer[j].at > w->s->now)
			continue;
		struct tun_fact f = {.type = h->answer[j].fact, .tunnel = h->answer[j].tunnel, .ticket = h->answer[j].ticket,
		                     .text = ""};
		f.link = f.type == TUN_FACT_GRE ? &link : NULL;
		memmove(&h->answer[j], &h->answer[j + 1], (h->n_answers - j - 1) * sizeof h->answer[0]);
		h->n_answers--;
		report(w, n, &f);
		return; /* the next one has its turn at once */
	}
}

void watch_timer(struct sim *s)
{
	struct watch *w = s->eyes_arg;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		struct sim_node *n = s->node[i];
		run_answers(w, n);
		if (w->host[i].ts && tunnels_due(w->host[i].ts) <= s->now) {
			tunnels_timer(w->host[i].ts, s->now, w->acts);
			carry_out(w, n);
		}
	}
}

bool watch_scripts(struct watch *w, const struct sim_node *n, struct sbuf *why)
{
	const struct watch_host *h = &w->host[n->index];
	for (uint32_t t = 1; t <= n->conf->n_tunnels && t < WATCH_TUNNELS; t++) {
		const struct tunnel_conf *c = conf_tunnel(n->conf, t - 1);
		struct tun_view v;
		if (!c->updown || !tunnels_view(h->ts, t, &v))
			continue;
		if (h->script_up[t] == (v.n_children > 0))
			continue;
		sb_printf(why, "%s: the script of tunnel %u stands at %s with %u children; ", n->name, t,
		          h->script_up[t] ? "up" : "down", v.n_children);
		return false;
	}
	return true;
}
