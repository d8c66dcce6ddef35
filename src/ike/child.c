/* Child SAs, as far as they are the same whether IKE_AUTH or CREATE_CHILD_SA made them. */
#include "ike/ike_int.h"

#include <string.h>

/* Seconds until the soft limit: life - margin - rand(0 .. margin * fuzz), ike.md 1.2. */
static dur_t soft_of(struct ike *e, const struct conf_life *l)
{
	uint64_t spread = (uint64_t)l->margin / 100 * l->fuzz_percent;
	return l->life - l->margin - (dur_t)rng_below(e->rng, spread + 1);
}

/* The same for octets and packets; 0: no soft limit. */
static uint64_t soft_count(struct ike *e, uint64_t hard, uint64_t margin, uint32_t fuzz_percent)
{
	uint64_t soft = hard > margin ? hard - margin : 0, spread = margin / 100 * fuzz_percent;
	uint64_t earlier = rng_below(e->rng, spread + 1);
	return soft > earlier ? soft - earlier : soft;
}

static void set_lifetime(struct step *s, struct child *c)
{
	const struct conf_life *l = &c->tun->t->child_life;
	struct lifetime *out = &c->p.life;
	*out = (struct lifetime){0};
	c->soft = c->hard = MONO_NEVER;
	if (!c->tun->t->rekey)
		return;
	dur_t soft = l->life > 0 ? soft_of(s->e, l) : 0;
	if (soft > 0) {
		c->soft = mono_add(s->now, soft);
		out->soft_s = (uint32_t)dur_to_s(soft) + 1; /* the timer here comes first, the kernel is the net below */
	}
	if (l->life > 0) {
		c->hard = mono_add(s->now, l->life);
		out->hard_s = (uint32_t)dur_to_s(l->life);
	}
	out->hard_bytes = l->bytes;
	out->soft_bytes = soft_count(s->e, l->bytes, l->margin_bytes, l->fuzz_percent);
	out->hard_packets = l->packets;
	out->soft_packets = soft_count(s->e, l->packets, l->margin_packets, l->fuzz_percent);
}

/* The life of a child SA, the third small machine beside rules.c and the window: from where one may go where. */
#define TO(state) (1u << (state))
static const uint16_t follows[CH_N] = {
	[CH_NEW] = TO(CH_SPI) | TO(CH_INSTALL),
	[CH_SPI] = TO(CH_READY) | TO(CH_SENT) | TO(CH_INSTALL), /* IKE_AUTH has a window of its own */
	[CH_READY] = TO(CH_SENT),
	[CH_SENT] = TO(CH_READY) | TO(CH_INSTALL),       /* back: refused for its KE, to be asked otherwise */
	[CH_INSTALL] = TO(CH_NEW) | TO(CH_UP),           /* back: the kernel did not take it */
	[CH_UP] = TO(CH_REKEYED) | TO(CH_DELETING),
	[CH_REKEYED] = TO(CH_UP) | TO(CH_DELETING),      /* back: what was to replace it is gone */
};
#undef TO

void child_set(struct child *c, uint8_t state)
{
	if (BUG(!(follows[c->state] & 1u << state)))
		return;
	c->state = state;
}

void child_fill(struct step *s, struct child *c, const struct suite *suite, const struct selector *sel)
{
	const struct ike_sa *sa = c->sa;
	const struct tunnel_conf *t = c->tun->t;
	uint32_t spi_in = c->p.in.spi, spi_out = c->p.out.spi, reqid = c->p.reqid;
	/* Its SPI was given out for these, and it goes along with the IKE SA when it is up. */
	struct addr local = spi_in ? c->p.local : sa->local.addr, remote = spi_in ? c->p.remote : sa->remote.addr;
	c->p = (struct child_sa){
		.local = local,
		.remote = remote,
		.sel = *sel,
		.suite = *suite,
		.encap = natd_float_needed(sa) && sa->natt_port, /* a peer without NAT detection stays on port 500 */
		.replay_window = t->replay_window,
		.mark_in = t->mark_in,
		.mark_in_mask = t->mark_in_mask,
		.mark_out = t->mark_out,
		.mark_out_mask = t->mark_out_mask,
		.install_policy = t->install_policy,
	};
	c->p.in.spi = spi_in;
	c->p.out.spi = spi_out;
	c->p.reqid = reqid;
	if (c->p.encap) {
		c->p.encap_sport = sa->local.port;
		c->p.encap_dport = sa->remote.port;
	}
	set_lifetime(s, c);
}

void child_ask_spi(struct step *s, struct child *c)
{
	child_set(c, CH_SPI);
	wait_for(s->e, &c->wait, IKE_FACT_SPI);
	struct ike_act *a = act_add(s, IKE_ACT_SPI_ALLOC, c->tun);
	a->ticket = c->wait.ticket;
	a->spi.local = c->p.local = c->sa->local.addr;
	a->spi.remote = c->p.remote = c->sa->remote.addr;
	a->spi.reqid = c->tun->t->reqid;
	a->spi.min = s->e->setup.spi_min;
	a->spi.max = s->e->setup.spi_max;
}

void child_got_spi(struct step *s, struct child *c)
{
	c->p.in.spi = s->fact->spi;
	c->p.reqid = s->fact->reqid;
	child_index(s->e, c);
}

static struct ike_act *act_install(struct step *s, const struct child *c)
{
	struct ike_act *a = act_add(s, IKE_ACT_CHILD_INSTALL, c->tun);
	a->install.child_id = c->id;
	a->install.peer = c->sa->peer_id;
	a->install.sa = c->p;
	return a;
}

static void install_whole(struct step *s, struct child *c)
{
	wait_for(s->e, &c->wait, IKE_FACT_INSTALLED);
	act_install(s, c)->ticket = c->wait.ticket;
	child_sa_wipe(&c->p); /* the kernel has the keys now, we need them no more */
}

bool child_install(struct step *s, struct child *c, bool we_initiate)
{
	if (keymat_child(s->e, c->sa, c, we_initiate) != 0)
		return false;
	child_set(c, CH_INSTALL);
	child_index_out(s->e, c);
	install_whole(s, c);
	return true;
}

/* RFC 7296 2.8: the responder of a rekey sends on the old SA until it knows that the initiator has the new one. */
bool child_install_half(struct step *s, struct child *c)
{
	if (keymat_child(s->e, c->sa, c, false) != 0)
		return false;
	child_set(c, CH_INSTALL);
	c->half = true;
	child_index_out(s->e, c);
	wait_for(s->e, &c->wait, IKE_FACT_INSTALLED);
	struct ike_act *a = act_install(s, c);
	a->ticket = c->wait.ticket;
	a->install.sa.out.spi = 0;
	return true;
}

/* What a data plane takes in two pieces was begun by the peer's word: it is used at once. */
bool child_install_answered(struct step *s, struct child *c)
{
	if (keymat_child(s->e, c->sa, c, true) != 0)
		return false;
	child_set(c, CH_INSTALL);
	child_index_out(s->e, c);
	act_install(s, c)->install.sa.out.spi = 0;
	install_whole(s, c);
	return true;
}

/* Its IKE SA may have moved while it was half. Its port is its own: ESP in UDP may have told it. */
static void go_along(struct step *s, struct child *c)
{
	if (!addr_eq(&c->p.local, &c->sa->local.addr) || !addr_eq(&c->p.remote, &c->sa->remote.addr))
		natd_child(s, c);
}

/* The child of a new IKE SA with this peer is on its way into the kernel. */
static bool successor_comes(struct ike *e, const struct child *c)
{
	for (struct ike_sa *o = NULL; (o = sa_next_same_peer(e, c->sa, o));) {
		if (o->hs && o->hs->child && o->hs->child->state == CH_INSTALL)
			return true;
	}
	return false;
}

enum { LATER_S = 2 };

void child_complete(struct step *s, struct child *c)
{
	/* In an IKE SA that has a successor it would be newer than the successor's. */
	if (!c->half || c->redundant || c->state < CH_UP || c->sa->replaced)
		return;
	if (successor_comes(s->e, c)) {
		c->whole_at = mono_add(s->now, DUR_S(LATER_S)); /* should that one come to nothing */
		child_rearm(s, c);
		return;
	}
	c->half = false;
	c->whole_at = MONO_NEVER;
	install_whole(s, c);
	go_along(s, c);
	child_rearm(s, c);
}

/* With one algorithm of each type on offer, everything about the inbound SA is known before the peer answers: it is put in
 * place now, so that nothing is lost that the peer sends before we have read its answer (strongSwan runs its updown script
 * in between). */
void child_install_early(struct step *s, struct child *c, const struct proposals *offer)
{
	struct suite suite;
	uint8_t number;
	uint64_t spi;
	const struct tunnel_conf *t = c->tun->t;
	if (offer->n != 1 || !negotiate(offer, offer, true, 0, &suite, &number, &spi))
		return;
	for (size_t i = 0; i < offer->p[0].n; i++) {
		for (size_t j = i + 1; j < offer->p[0].n; j++) {
			if (offer->p[0].t[i].type == offer->p[0].t[j].type)
				return;
		}
	}
	const struct selector sel = {.proto = t->local.proto ? t->local.proto : t->remote.proto,
	                             .local_port = t->local.port, .remote_port = t->remote.port};
	child_fill(s, c, &suite, &sel);
	if (keymat_child(s->e, c->sa, c, true) != 0)
		return;
	c->early = true;
	(void)act_install(s, c);
	child_sa_wipe(&c->p);
}

static void sb_ts(struct sbuf *b, const struct addr *a, uint8_t proto, uint16_t port)
{
	sb_addr(b, a);
	sb_printf(b, "/%u", (unsigned)(addr_len(a) * 8));
	if (proto == 47)
		sb_put(b, port ? "[gre/" : "[gre");
	else if (proto)
		sb_printf(b, port ? "[%u/" : "[%u", proto);
	else
		return;
	if (port)
		sb_printf(b, "%u", port);
	sb_putc(b, ']');
}

void child_rearm(struct step *s, struct child *c)
{
	heap_set(&s->e->timers, &c->timer, mono_min(mono_min(c->soft, c->hard), mono_min(c->gone_at, c->whole_at)));
}

void child_up(struct step *s, struct child *c)
{
	char ts[256];
	struct sbuf b = SB(ts);
	sb_ts(&b, &c->p.local, c->p.sel.proto, c->p.sel.local_port);
	sb_put(&b, " === ");
	sb_ts(&b, &c->p.remote, c->p.sel.proto, c->p.sel.remote_port);
	child_set(c, CH_UP);
	c->since = s->now;
	mem_put(s->e->mem, c->ni, sizeof *c->ni);
	mem_put(s->e->mem, c->nr, sizeof *c->nr);
	mem_put(s->e->mem, c->dh, sizeof *c->dh);
	c->ni = c->nr = NULL;
	c->dh = NULL;
	blob_free(s->e, &c->shared);
	blob_free(s->e, &c->public);
	child_rearm(s, c);
	c->sa->had_child = true;
	c->tun->attempt = c->tun->silences = 0;
	c->tun->renew = c->tun->called = false;
	note(s, c->tun, NOTE_CONTROL, "CHILD_SA %s{%u} established with SPIs %08x_i %08x_o and TS %s", ike_tun_name(c->tun),
	     c->id, c->p.in.spi, c->p.out.spi, ts);
	if (!c->half)
		child_announce(s, c);
	natd_child(s, c); /* its IKE SA may have moved while it was being made, if only to another port of a NAT */
}

void child_announce(struct step *s, struct child *c)
{
	c->announced = true;
	tell_tunnel(s, c->tun, IKE_EV_CHILD_UP, c->sa, c, false, NULL);
}

void child_remove(struct step *s, struct child *c, const char *why)
{
	if (c->state >= CH_INSTALL && !c->half) {
		struct ike_act *a = act_add(s, IKE_ACT_CHILD_REMOVE, c->tun);
		a->remove.child_id = c->id;
		a->remove.spi_in = c->p.in.spi;
		a->remove.spi_out = c->p.out.spi;
		a->remove.local = c->p.local;
		a->remove.remote = c->p.remote;
	} else if (c->p.in.spi) {
		struct ike_act *a = act_add(s, IKE_ACT_SPI_FREE, c->tun);
		a->spi_free.local = c->sa->local.addr;
		a->spi_free.remote = c->sa->remote.addr;
		a->spi_free.spi = c->p.in.spi;
	}
	if (c->announced) {
		note(s, c->tun, NOTE_MORE, "CHILD_SA %s{%u} closed", ike_tun_name(c->tun), c->id);
		tell_tunnel(s, c->tun, IKE_EV_CHILD_DOWN, c->sa, c, false, why);
	}
	child_free(s->e, c);
}

void child_delete_request(struct step *s, struct ike_sa *sa, uint32_t spi_in)
{
	if (sa->n_del < ARRAY_LEN(sa->del_queue))
		sa->del_queue[sa->n_del++] = spi_in;
	struct step sub = step_sub(s, sa);
	sa_pump(&sub, sa);
}

/* The hard end: what was to take its place in time did not. */
static void child_expired(struct step *s, struct child *c)
{
	struct ike_sa *sa = c->sa;
	uint32_t spi = c->p.in.spi;
	note(s, c->tun, NOTE_CONTROL, "CHILD_SA %s{%u} reached its lifetime", ike_tun_name(c->tun), c->id);
	bool said = c->state == CH_DELETING;
	child_remove(s, c, "its lifetime ended");
	if (!said && rekey_alive(sa) == 0)
		sa_delete(s, sa, "its lifetime ended");
	else if (!said)
		child_delete_request(s, sa, spi);
}

void child_on_timer(struct step *s, struct child *c)
{
	if (s->now >= c->gone_at) {
		child_remove(s, c, "replaced");
		return;
	}
	if (s->now >= c->hard) {
		child_expired(s, c);
		return;
	}
	if (s->now >= c->whole_at) {
		c->whole_at = MONO_NEVER;
		if (c->redundant)
			rekey_retire(s, c); /* whoever made it was to delete it */
		else if (rekey_undecided(c))
			c->whole_at = mono_add(s->now, DUR_S(LATER_S));
		else
			child_complete(s, c);
	}
	if (s->now >= c->soft) {
		c->soft = MONO_NEVER;
		rekey_child_due(s, c);
	}
	child_rearm(s, c);
}
