/* Neighbors and peer groups of an frr.conf. See frr.h. */
#include <string.h>

#include "config/frr.h"

#define UNUSED (void)a, (void)why
#define GIVEN(f, member) \
	frr_mark((f)->peer->given, offsetof(struct conf_bgp_peer, member), sizeof((f)->peer->p.member))

static void given_af(struct frr *f, size_t off, size_t size)
{
	frr_mark(f->peer->given, offsetof(struct conf_bgp_peer, af) + frr_af(f) * sizeof(struct conf_bgp_af) + off, size);
}
#define GIVEN_AF(f, member) given_af((f), offsetof(struct conf_bgp_af, member), sizeof(((struct conf_bgp_af *)0)->member))

static struct conf_bgp_af *af_of(struct frr *f) { return &f->peer->p.af[frr_af(f)]; }

struct frr_peer *frr_peer_find(struct frr *f, const char *name)
{
	struct addr a, b;
	bool is_addr = addr_parse(name, &a);
	for (uint32_t i = 0; i < f->peers.n; i++) {
		struct frr_peer *p = DRAFT_AT(&f->peers, struct frr_peer, i);
		/* 2001:DB8::1 is 2001:db8::1. */
		if (strcmp(p->name, name) == 0 || (is_addr && addr_parse(p->name, &b) && addr_eq(&a, &b)))
			return p;
	}
	return NULL;
}

/* The peer of the statement, made when there is none. NULL: no memory. */
static struct frr_peer *peer_make(struct frr *f)
{
	struct frr_peer *p = f->peer;
	if (p || !(p = draft_add(f->d, &f->peers, UINT32_MAX, sizeof *p)))
		return p;
	memcpy(&p->p, &f->peer_defaults, sizeof p->p);
	p->name = f->name;
	p->line = f->line;
	p->p.af[BGP_V4].active = f->default_v4;
	p->p.af[BGP_V6].active = f->default_v6;
	p->p.shutdown = f->default_shutdown;
	p->p.origin = frr_origin(f, f->line);
	if (!addr_parse(f->name, &p->p.address))
		p->p.address.family = AF_NONE;
	f->peer = p;
	return p;
}

/* `no neighbor X remote-as`, `no neighbor G peer-group`: all of it goes. */
static bool peer_remove(struct frr *f)
{
	for (uint32_t i = f->peers.n; i-- > 0;) {
		if (DRAFT_AT(&f->peers, struct frr_peer, i) == f->peer)
			draft_remove(&f->peers, sizeof *f->peer, i);
	}
	f->peer = NULL;
	return true;
}

/* A neighbor by its address, or what was named before as a group or an interface. */
static bool peer_known(struct frr *f, struct sbuf *why)
{
	struct addr a;
	if (f->peer || addr_parse(f->name, &a))
		return true;
	sb_put(why, "expected an address, or the name of a peer-group or interface that is defined before, found \"");
	sb_escape(why, f->name, min_z(strlen(f->name), 40));
	sb_put(why, "\"");
	return false;
}

static bool set_as(struct frr *f, uint32_t as, bool internal, bool external)
{
	struct frr_peer *p = peer_make(f);
	if (!p)
		return false;
	p->p.remote_as = internal || external ? 0 : as;
	p->p.external = external;
	p->has_as = true;
	GIVEN(f, remote_as);
	GIVEN(f, external);
	return true;
}

FRR_HANDLER(frr_remote_as)
{
	return f->no ? peer_remove(f) : peer_known(f, why) && set_as(f, a->v[0].n, false, false);
}

FRR_HANDLER(frr_remote_word)
{
	return f->no ? peer_remove(f) : peer_known(f, why) && set_as(f, 0, a->v[0].n == 0, a->v[0].n == 1);
}

FRR_HANDLER(frr_group)
{
	struct addr x;
	(void)a;
	if (f->no)
		return peer_remove(f);
	if (addr_parse(f->name, &x)) {
		sb_put(why, "expected a name for a peer-group, found an address");
		return false;
	}
	struct frr_peer *p = peer_make(f);
	if (p)
		p->is_group = true;
	return p != NULL;
}

static bool member(struct frr *f, const char *group)
{
	struct frr_peer *p = peer_make(f);
	if (p) {
		p->group = f->no ? NULL : group;
		p->group_line = f->line;
	}
	return p != NULL;
}

FRR_HANDLER(frr_member) { return peer_known(f, why) && member(f, a->v[0].s); }

/* A neighbor that FRR looks for on a link. Understood, so that the refusal (frr_finish.c) is about that and nothing else. */
static bool on_interface(struct frr *f, struct sbuf *why)
{
	struct addr x;
	if (addr_parse(f->name, &x)) {
		sb_put(why, "expected the name of an interface behind neighbor, found an address");
		return false;
	}
	struct frr_peer *p = peer_make(f);
	if (!p)
		return false;
	p->p.interface = conf_builder_str(f->d->b, f->name);
	return true;
}

FRR_HANDLER(frr_interface)
{
	(void)a;
	return f->no ? peer_remove(f) : on_interface(f, why);
}

FRR_HANDLER(frr_interface_as)
{
	struct args as;
	struct words w = {.arena = f->arena, .w = {a->v[0].s ? a->v[0].s : ""}, .n = 1};
	if (f->no)
		return peer_remove(f);
	if (!on_interface(f, why))
		return false;
	if (words_match(&w, 0, "internal|external", false, &as).ok)
		return set_as(f, 0, as.v[0].n == 0, as.v[0].n == 1);
	if (words_match(&w, 0, "ASN", false, &as).ok)
		return set_as(f, as.v[0].n, false, false);
	sb_put(why, "expected the number of an AS, internal or external behind remote-as");
	return false;
}

FRR_HANDLER(frr_interface_group)
{
	return f->no ? peer_remove(f) : on_interface(f, why) && member(f, a->v[0].s);
}

FRR_HANDLER(frr_on_interface)
{
	(void)why;
	f->peer->p.interface = f->no ? 0 : conf_builder_str(f->d->b, a->v[0].s);
	GIVEN(f, interface);
	return true;
}

FRR_HANDLER(frr_password)
{
	if (!f->no && strlen(a->v[0].s) > TCP_KEY_MAX) {
		sb_printf(why, "expected a password of at most %d octets", TCP_KEY_MAX);
		return false;
	}
	f->peer->password = f->no ? NULL : a->v[0].s;
	f->peer->no_password = f->no;
	f->peer->p.password = !f->no;
	GIVEN(f, password);
	return true;
}

FRR_HANDLER(frr_shutdown)
{
	(void)why;
	f->peer->p.shutdown = !f->no;
	f->peer->p.shutdown_text = f->no || a->n == 0 ? 0 : conf_builder_str(f->d->b, a->v[0].s);
	GIVEN(f, shutdown);
	GIVEN(f, shutdown_text);
	return true;
}

static bool source(struct frr *f, const struct addr *address, const char *interface)
{
	f->peer->p.update_source = *address;
	f->peer->p.update_source_if = conf_builder_str(f->d->b, interface);
	GIVEN(f, update_source);
	GIVEN(f, update_source_if);
	return true;
}

FRR_HANDLER(frr_source)
{
	(void)why;
	return source(f, &(struct addr){.family = AF_NONE}, f->no ? NULL : a->v[0].s);
}

FRR_HANDLER(frr_source_address)
{
	(void)why;
	return source(f, f->no ? &(struct addr){.family = AF_NONE} : &a->v[0].p.addr, NULL);
}

FRR_HANDLER(frr_multihop)
{
	(void)why;
	f->peer->p.ttl = (uint8_t)(f->no ? 0 : a->v[0].s ? a->v[0].n : 255);
	GIVEN(f, ttl);
	return true;
}

FRR_HANDLER(frr_peer_gr)
{
	UNUSED;
	f->peer->p.gr_mode = f->no ? (uint8_t)GR_INHERIT : f->row->sub;
	GIVEN(f, gr_mode);
	return true;
}

static void bfd_on(struct frr *f)
{
	f->peer->p.bfd = !f->no;
	GIVEN(f, bfd);
}

FRR_HANDLER(frr_peer_bfd)
{
	struct conf_bgp_peer *p = &f->peer->p;
	(void)why;
	bfd_on(f);
	p->bfd_multiplier = f->no ? f->peer_defaults.bfd_multiplier : (uint8_t)a->v[0].n;
	p->bfd_rx_ms = f->no ? f->peer_defaults.bfd_rx_ms : a->v[1].n;
	p->bfd_tx_ms = f->no ? f->peer_defaults.bfd_tx_ms : a->v[2].n;
	GIVEN(f, bfd_multiplier);
	GIVEN(f, bfd_rx_ms);
	GIVEN(f, bfd_tx_ms);
	return true;
}

FRR_HANDLER(frr_peer_bfd_profile)
{
	(void)why;
	if (!f->no)
		bfd_on(f);
	f->peer->bfd_profile = f->no ? NULL : a->v[0].s;
	return true;
}

/* --- One address family --- */

FRR_HANDLER(frr_next_hop_self)
{
	struct conf_bgp_af *p = af_of(f);
	(void)why;
	p->next_hop_self = !f->no;
	p->next_hop_self_force = !f->no && a->v[0].s;
	GIVEN_AF(f, next_hop_self);
	GIVEN_AF(f, next_hop_self_force);
	return true;
}

/* Without a word: all three. */
FRR_HANDLER(frr_unchanged)
{
	struct conf_bgp_af *p = af_of(f);
	bool all = !a->v[0].s, other = all, next_hop = all;
	(void)why;
	for (size_t i = 0; i < a->n; i++) {
		next_hop = next_hop || (a->v[i].s && a->v[i].n == 1);
		other = other || (a->v[i].s && a->v[i].n != 1);
	}
	if (next_hop) {
		p->next_hop_unchanged = !f->no;
		GIVEN_AF(f, next_hop_unchanged);
	}
	if (other) {
		p->attr_unchanged = !f->no;
		GIVEN_AF(f, attr_unchanged);
	}
	return true;
}

/* Without a word: standard and extended ones, as FRR has it. */
FRR_HANDLER(frr_send_community)
{
	enum { STANDARD = 1, EXTENDED = 2, LARGE = 4 };
	static const uint8_t which[] = {STANDARD, EXTENDED, LARGE, STANDARD | EXTENDED, STANDARD | EXTENDED | LARGE};
	struct conf_bgp_af *p = af_of(f);
	uint8_t bits = a->v[0].s ? which[a->v[0].n] : STANDARD;
	(void)why;
	if (bits & STANDARD) {
		p->send_community = !f->no;
		GIVEN_AF(f, send_community);
	}
	if (bits & EXTENDED) {
		p->send_extended = !f->no;
		GIVEN_AF(f, send_extended);
	}
	if (bits & LARGE) {
		p->send_large = !f->no;
		GIVEN_AF(f, send_large);
	}
	return true;
}

FRR_HANDLER(frr_default_originate)
{
	struct conf_bgp_af *p = af_of(f);
	(void)why;
	p->default_originate = !f->no;
	p->map_default = f->no ? 0 : conf_builder_str(f->d->b, a->v[0].s);
	GIVEN_AF(f, default_originate);
	GIVEN_AF(f, map_default);
	if (p->map_default)
		draft_mention(f->d, LIST_MAP, 0, p->map_default, f->line, NULL, NULL);
	return true;
}

FRR_HANDLER(frr_max_prefix)
{
	struct conf_bgp_af *p = af_of(f);
	(void)why;
	p->max_prefix = f->no ? 0 : a->v[0].n;
	p->max_prefix_threshold = f->no || !a->v[1].s ? 75 : (uint8_t)a->v[1].n;
	p->max_prefix_warn = !f->no && a->v[2].s;
	p->max_prefix_restart = f->no || !a->v[3].s ? 0 : DUR_S(60 * (dur_t)a->v[3].n);
	GIVEN_AF(f, max_prefix);
	GIVEN_AF(f, max_prefix_threshold);
	GIVEN_AF(f, max_prefix_warn);
	GIVEN_AF(f, max_prefix_restart);
	return true;
}

FRR_HANDLER(frr_addpath)
{
	UNUSED;
	af_of(f)->addpath_tx = f->no ? 0 : f->row->sub;
	GIVEN_AF(f, addpath_tx);
	return true;
}

FRR_HANDLER(frr_no_addpath)
{
	UNUSED;
	af_of(f)->addpath_rx = f->no;
	GIVEN_AF(f, addpath_rx);
	return true;
}

FRR_HANDLER(frr_allowas)
{
	(void)why;
	af_of(f)->allowas_in = (uint8_t)(f->no ? 0 : a->v[0].s ? a->v[0].n : 3);
	GIVEN_AF(f, allowas_in);
	return true;
}

FRR_HANDLER(frr_weight)
{
	(void)why;
	af_of(f)->weight = f->no ? 0 : a->v[0].n;
	af_of(f)->weight_set = !f->no;
	GIVEN_AF(f, weight);
	GIVEN_AF(f, weight_set);
	return true;
}
