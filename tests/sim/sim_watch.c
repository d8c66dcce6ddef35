/* The invariants. See sim_watch.h. */
#include "sim_watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_watch_int.h"

void watch_broken(struct watch *w, const struct sim_node *n, const char *fmt, ...)
{
	char text[320];
	va_list ap;
	if (w->broken[0])
		return;
	struct sbuf b = SB(w->broken);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	sb_printf(&b, "at %.3f%s%s: %s", (double)(w->s->now - w->trace.zero) / 1e9, n ? " " : "", n ? n->name : "", text);
	trace_say(&w->trace, "*** %s", w->broken);
}

static struct watch_host *host_of(struct watch *w, const struct sim_node *n) { return &w->host[n->index]; }

static uint64_t child_of(const struct sim_node *n, uint32_t child_id) { return (uint64_t)n->n_lives << 32 | child_id; }

static struct ident own_id(const struct sim_node *n)
{
	const struct conf_end *e = &conf_tunnel(n->conf, 0)->local;
	return e->id_set ? e->id : ident_from_addr(&n->addr);
}

/* --- keys --- */

static size_t key_at(struct watch *w, const struct esp_sa *e)
{
	bool fresh;
	uint64_t hash = trace_hash(trace_hash(3, e->encr.b, e->encr.len), e->integ.b, e->integ.len);
	uint64_t *at = trace_map_at(&w->keys, hash, &fresh);
	if (fresh) {
		if (w->n_keys == w->cap_keys)
			w->key = realloc(w->key, (w->cap_keys = 2 * w->cap_keys + 16) * sizeof *w->key);
		w->key[w->n_keys++] = (struct watch_key){
			.hash = hash,
			.spi = e->spi,
			.in = -1,
			.out = -1,
			.in_since = MONO_NEVER,
			.in_gone = MONO_NEVER,
			.sel_from = MONO_NEVER,
			.sel_to = MONO_NEVER,
		};
		*at = w->n_keys;
	}
	return *at;
}

/* Both ends of a key are known: is each the one that the other takes it for? */
static void check_ends(struct watch *w, const struct sim_node *n, const struct watch_key *k)
{
	if (k->in < 0 || k->out < 0)
		return;
	const struct sim_node *in = w->s->node[k->in], *out = w->s->node[k->out];
	struct ident in_id = own_id(in), out_id = own_id(out);
	if (!ident_eq(&k->in_peer, &out_id) || !ident_eq(&k->out_peer, &in_id))
		watch_broken(w, n, "the SA %08x is shared with somebody else than it says", k->spi);
}

static void key_in(struct watch *w, struct sim_node *n, struct watch_key *k, const struct esp_sa *e, uint64_t child,
                   const struct ident *peer)
{
	if (k->spi != e->spi)
		watch_broken(w, n, "the key of SA %08x is that of %08x", e->spi, k->spi);
	if (k->in >= 0 && (k->in != (int)n->index || k->in_child != child || k->in_gone != MONO_NEVER))
		watch_broken(w, n, "the inbound key of SA %08x was used before", e->spi);
	if (k->out == (int)n->index)
		watch_broken(w, n, "the key of SA %08x has one end only", e->spi);
	k->in = (int)n->index;
	k->in_child = child;
	k->in_peer = *peer;
	if (k->in_since != MONO_NEVER)
		return;
	k->in_since = w->s->now;
	if (w->lossless && k->sel_from < w->s->now - w->s->delay_min) {
		w->losses++;
		watch_broken(w, n, "ESP for %08x was sent %lld ms before it could be received", e->spi,
		             (long long)dur_to_ms(w->s->now - w->s->delay_min - k->sel_from));
	}
	check_ends(w, n, k);
}

static void key_out(struct watch *w, struct sim_node *n, struct watch_key *k, const struct esp_sa *e, uint64_t child,
                    const struct ident *peer)
{
	if (k->spi != e->spi)
		watch_broken(w, n, "the key of SA %08x is that of %08x", e->spi, k->spi);
	if (k->out >= 0)
		watch_broken(w, n, "the outbound key of SA %08x was used before", e->spi);
	if (k->in == (int)n->index)
		watch_broken(w, n, "the key of SA %08x has one end only", e->spi);
	k->out = (int)n->index;
	k->out_child = child;
	k->out_peer = *peer;
	check_ends(w, n, k);
}

/* --- SAs --- */

static bool guarded(const struct watch_host *h, const struct addr *a)
{
	for (uint32_t i = 0; i < h->n_guards; i++) {
		if (addr_eq(&h->guard[i], a))
			return true;
	}
	return false;
}

static struct watch_sa *sa_by_spi(struct watch_host *h, uint32_t spi_in)
{
	for (uint32_t i = 0; i < h->n_sas; i++) {
		if (h->sa[i].spi_in == spi_in)
			return &h->sa[i];
	}
	return NULL;
}

static bool in_kernel(const struct sim_node *n, uint32_t spi_in, bool *early)
{
	for (uint32_t i = 0; i < n->n_sas; i++) {
		if (n->sa[i].sa.in.spi == spi_in)
			return true;
	}
	for (uint32_t i = 0; i < n->n_early && early; i++) {
		if (n->early[i].spi == spi_in)
			return *early = true;
	}
	return false;
}

static void on_install(struct watch *w, struct sim_node *n, const struct ike_act *a)
{
	struct watch_host *h = host_of(w, n);
	const struct child_sa *sa = &a->install.sa;
	uint64_t child = child_of(n, a->install.child_id);
	bool early = false;
	if (!guarded(h, &sa->remote))
		watch_broken(w, n, "the SA %08x is installed without a guard for its peer", sa->in.spi);
	if (!in_kernel(n, sa->in.spi, &early) || early != (sa->out.spi == 0))
		return; /* the kernel refused it */
	struct watch_sa *x = sa_by_spi(h, sa->in.spi);
	if (!x && h->n_sas == WATCH_SAS) {
		watch_broken(w, n, "more SAs than one can count");
		return;
	}
	if (!x)
		*(x = &h->sa[h->n_sas++]) = (struct watch_sa){.child = child, .spi_in = sa->in.spi};
	x->key_in = key_at(w, &sa->in);
	key_in(w, n, &w->key[x->key_in - 1], &sa->in, child, &a->install.peer);
	if (sa->out.spi == 0)
		return;
	/* The newest is behind all others. */
	struct watch_sa full = *x;
	full.key_out = key_at(w, &sa->out);
	memmove(x, x + 1, (size_t)(&h->sa[h->n_sas] - (x + 1)) * sizeof *x);
	h->sa[h->n_sas - 1] = full;
	key_out(w, n, &w->key[full.key_out - 1], &sa->out, child, &a->install.peer);
}

static size_t selected(const struct watch_host *h)
{
	for (uint32_t i = h->n_sas; i-- > 0;) {
		if (h->sa[i].key_out)
			return h->sa[i].key_out;
	}
	return 0;
}

static void received_no_more(struct watch *w, struct sim_node *n, struct watch_key *k)
{
	mono_t now = w->s->now;
	k->in_gone = now;
	if (!w->lossless || k->sel_from == MONO_NEVER)
		return;
	if (k->sel_to == MONO_NEVER || mono_add(k->sel_to, w->s->delay_max) > now) {
		w->losses++;
		watch_broken(w, n, "the SA %08x went while the peer %s", k->spi,
		             k->sel_to == MONO_NEVER ? "sends in it" : "had something on the way in it");
	}
}

/* What has gone from the kernel, and what is sent in now. */
static void reconcile(struct watch *w, struct sim_node *n)
{
	struct watch_host *h = host_of(w, n);
	size_t before = h->selected;
	for (uint32_t i = 0; i < h->n_sas;) {
		bool early = false;
		if (in_kernel(n, h->sa[i].spi_in, &early)) {
			i++;
			continue;
		}
		struct watch_key *k = &w->key[h->sa[i].key_in - 1];
		memmove(&h->sa[i], &h->sa[i + 1], (h->n_sas - i - 1) * sizeof h->sa[0]);
		h->n_sas--;
		received_no_more(w, n, k);
	}
	size_t after = h->selected = selected(h);
	if (after == before)
		return;
	if (before)
		w->key[before - 1].sel_to = w->s->now;
	if (after)
		w->key[after - 1].sel_from = w->s->now;
	if (!after && w->lossless) {
		w->losses++;
		watch_broken(w, n, "there is nothing left to send in");
	}
	/* Nobody can receive any more what is sent from now on. */
	if (after && w->lossless && w->key[after - 1].in_gone != MONO_NEVER)
		watch_broken(w, n, "sends in %08x, which the peer has no more", w->key[after - 1].spi);
}

/* --- what is told --- */

static uint32_t announced(const struct watch_host *h, uint64_t child)
{
	uint32_t i = 0;
	while (i < h->n_children && h->child[i] != child)
		i++;
	return i;
}

static void on_told(struct watch *w, struct sim_node *n, const struct ike_act *a)
{
	struct watch_host *h = host_of(w, n);
	const struct ike_child_info *info = &a->tunnel_event.info;
	uint64_t child = child_of(n, info->child_id);
	uint32_t i = announced(h, child);
	if (a->tunnel_event.event == IKE_EV_CHILD_UP) {
		if (i < h->n_children || h->n_children == WATCH_SAS)
			watch_broken(w, n, "CHILD_UP of %u comes twice", info->child_id);
		else
			h->child[h->n_children++] = child;
	} else if (a->tunnel_event.event == IKE_EV_CHILD_DOWN) {
		if (i == h->n_children)
			watch_broken(w, n, "CHILD_DOWN of %u, which is not up", info->child_id);
		else
			h->child[i] = h->child[--h->n_children];
	}
	watch_tunnel_event(w, n, a);
}

static void on_act(struct sim_node *n, const struct ike_act *a)
{
	struct watch *w = n->sim->eyes_arg;
	struct ike_hdr h;
	switch (a->type) {
	case IKE_ACT_SEND:
		if (a->send.data.n > 1 && ike_hdr_decode(a->send.data, &h) == WIRE_OK && h.exchange == IKE_SA_INIT &&
		    !(h.flags & IKE_F_RESPONSE) && !guarded(host_of(w, n), &a->send.remote.addr))
			watch_broken(w, n, "an attempt begins without a guard for its peer");
		break;
	case IKE_ACT_CHILD_INSTALL:
		on_install(w, n, a);
		break;
	case IKE_ACT_TUNNEL:
		on_told(w, n, a);
		break;
	default:
		break;
	}
}

static void on_born(struct sim_node *n)
{
	struct watch *w = n->sim->eyes_arg;
	host_of(w, n)->n_children = 0;
	watch_tunnels_new(w, n);
}

static void on_said(struct sim_node *n, const char *text)
{
	struct watch *w = n->sim->eyes_arg;
	trace_say(&w->trace, "   %s: %s", n->name, text);
}

/* --- after each event --- */

/* Each child that was announced has its SAs. */
static void check_announced(struct watch *w, struct sim_node *n)
{
	struct watch_host *h = host_of(w, n);
	for (uint32_t i = 0; i < h->n_children; i++) {
		bool found = false;
		for (uint32_t j = 0; j < h->n_sas && !found; j++)
			found = h->sa[j].child == h->child[i] && h->sa[j].key_out;
		if (!found)
			watch_broken(w, n, "the child SA %u is said to be up and is not there", (uint32_t)h->child[i]);
	}
}

static void after_event(struct sim *s)
{
	struct watch *w = s->eyes_arg;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		struct sim_node *n = s->node[i];
		reconcile(w, n);
		trace_learn(&w->trace, n);
		check_announced(w, n);
		if (n->faults)
			watch_broken(w, n, "the kernel was asked for the impossible");
	}
	if (s->stuck)
		watch_broken(w, NULL, "the engines run in a circle");
}

void watch_begin(struct watch *w, struct sim *s, bool tell)
{
	static const struct sim_eyes eyes = {on_act, watch_conf, on_born, on_said, watch_due, watch_timer};
	*w = (struct watch){.s = s};
	w->acts = calloc(1, sizeof *w->acts);
	trace_init(&w->trace, s, tell);
	s->eyes = &eyes;
	s->eyes_arg = w;
	s->watch = after_event;
}

void watch_free(struct watch *w)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		tunnels_free(w->host[i].ts);
	trace_fini(&w->trace);
	free(w->key);
	free(w->keys.slot);
	free(w->acts);
}

/* --- at rest --- */

static unsigned with_peer(const struct sim_node *n, const struct sim_node *peer)
{
	struct addr there = sim_public(peer);
	unsigned c = 0;
	for (uint32_t i = 0; i < n->n_sas; i++)
		c += addr_eq(&n->sa[i].sa.remote, &there);
	return c;
}

static unsigned ikes_with(const struct sim_node *n, const struct sim_node *peer, bool established)
{
	struct addr there = sim_public(peer);
	struct ike_sa_view v;
	unsigned c = 0;
	for (uint32_t at = 0; n->ike && ike_next_sa(n->ike, &at, &v);)
		c += addr_eq(&v.remote.addr, &there) && (!established || v.state == IKE_S_ESTABLISHED);
	return c;
}

bool watch_quiet(struct watch *w, const struct sim_node *a, const struct sim_node *b, bool up, char *why, size_t n)
{
	unsigned common = sim_common(a, b), at_a = with_peer(a, b), at_b = with_peer(b, a);
	unsigned ikes_a = ikes_with(a, b, false), ikes_b = ikes_with(b, a, false);
	struct sbuf t = sb_init(why, n);
	bool good = true;
	if (common != at_a || common != at_b || common > 1 || (up && common != 1)) {
		sb_printf(&t, "%s has %u child SAs, %s has %u, %u fit; ", a->name, at_a, b->name, at_b, common);
		good = false;
	}
	if (ikes_a != ikes_b || ikes_a > 1 || (up && ikes_a != 1) || ikes_with(a, b, true) != ikes_a ||
	    ikes_with(b, a, true) != ikes_b) {
		sb_printf(&t, "%s has %u IKE SAs (%u established), %s has %u (%u); ", a->name, ikes_a, ikes_with(a, b, true),
		          b->name, ikes_b, ikes_with(b, a, true));
		good = false;
	}
	const struct sim_node *both[] = {a, b};
	for (size_t i = 0; i < 2; i++) {
		const struct watch_host *h = host_of(w, both[i]);
		if (both[i]->n_spis || both[i]->n_early || h->n_children != both[i]->n_sas) {
			sb_printf(&t, "%s has %u SPIs, %u early SAs, %u children for %u SAs; ", both[i]->name, both[i]->n_spis,
			          both[i]->n_early, h->n_children, both[i]->n_sas);
			good = false;
		}
	}
	return watch_scripts(w, a, &t) && watch_scripts(w, b, &t) && good;
}

void watch_end(struct watch *w, struct sim_node *n)
{
	struct watch_host *h = host_of(w, n);
	if (!n->ike)
		return;
	if (!ike_idle(n->ike))
		watch_broken(w, n, "an IKE SA outlives the stop");
	if (n->n_sas || n->n_spis || n->n_early || h->n_children)
		watch_broken(w, n, "%u SAs, %u SPIs, %u early SAs, %u children outlive the stop", n->n_sas, n->n_spis, n->n_early,
		             h->n_children);
	sim_stop(n);
	if (n->mem.blocks)
		watch_broken(w, n, "%zu blocks of memory are left", n->mem.blocks);
	tunnels_free(h->ts);
	h->ts = NULL;
	if (h->mem.blocks)
		watch_broken(w, n, "%zu blocks of memory of tunnels are left", h->mem.blocks);
}
