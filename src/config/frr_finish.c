/* The end of an frr.conf: groups into their members, listen ranges, defaults of profiles and versions, names that nothing
 * defines. See frr.h. */
#include <string.h>

#include "config/frr.h"

void frr_defaults(struct frr *f)
{
	struct conf_bgp *b = &f->bgp_defaults;
	unsigned v = f->version ? f->version : UINT32_MAX;
	bool via_default = b->resolve_via_default;
	conf_bgp_defaults(b);
	conf_bgp_peer_defaults(&f->peer_defaults);
	/* bgpd/bgp_vty.c of FRR: FRR_CFG_DEFAULT_*. reject-as-sets and the 30 seconds came with 10. */
	b->import_check = v >= 704 || f->datacenter;
	b->ebgp_requires_policy = v >= 704 && !f->datacenter;
	b->suppress_duplicates = v >= 706;
	b->gr_notification = v >= 803;
	b->log_changes = b->deterministic_med = f->datacenter;
	f->peer_defaults.enforce_first_as = v >= 901;
	if (f->datacenter) {
		b->hold = DUR_S(9);
		b->keepalive = DUR_S(3);
		b->connect_retry = DUR_S(10);
	}
	/* zebra's profile traditional has this on. Here it is on when the file says so: the next hop behind a tunnel that is down
	 * is not to be found behind the provider's default route. */
	b->resolve_via_default = via_default;
	f->default_v4 = true;
}

/* Octets that the group gives and the member does not. */
static void inherit(struct frr_peer *p, const struct frr_peer *group)
{
	uint8_t *to = (uint8_t *)&p->p;
	const uint8_t *from = (const uint8_t *)&group->p;
	for (size_t i = 0; i < sizeof p->p; i++) {
		if (!p->given[i] && group->given[i])
			to[i] = from[i];
	}
	p->has_as = p->has_as || group->has_as;
	if (!p->password && !p->no_password)
		p->password = group->password;
	if (!p->bfd_profile)
		p->bfd_profile = group->bfd_profile;
}

static struct frr_peer *group_of(struct frr *f, const char *name, unsigned line)
{
	struct frr_peer *g = frr_peer_find(f, name);
	if (g && g->is_group)
		return g;
	frr_tell(f, DIAG_ERROR, line, "expected a peer-group that is defined, found \"%.40s\"", name);
	return NULL;
}

static void bfd_values(struct frr *f, struct frr_peer *p)
{
	static const size_t at[] = {offsetof(struct conf_bgp_peer, bfd_rx_ms), offsetof(struct conf_bgp_peer, bfd_tx_ms),
	                            offsetof(struct conf_bgp_peer, bfd_multiplier)};
	const struct frr_bfd *b = NULL;
	for (uint32_t i = 0; p->bfd_profile && i < f->bfds.n; i++) {
		const struct frr_bfd *x = DRAFT_AT(&f->bfds, struct frr_bfd, i);
		b = strcmp(x->name, p->bfd_profile) == 0 ? x : b;
	}
	if (p->bfd_profile && !b)
		frr_tell(f, DIAG_WARNING, p->line, "there is no bfd profile %.40s: the defaults are used", p->bfd_profile);
	if (!b)
		return;
	p->p.bfd_rx_ms = p->given[at[0]] ? p->p.bfd_rx_ms : b->rx_ms;
	p->p.bfd_tx_ms = p->given[at[1]] ? p->p.bfd_tx_ms : b->tx_ms;
	p->p.bfd_multiplier = p->given[at[2]] ? p->p.bfd_multiplier : b->multiplier;
}

static void add_key(struct frr *f, const struct frr_peer *p, const struct prefix *range)
{
	struct prefix peer = range ? *range : (struct prefix){p->p.address, (uint8_t)(addr_len(&p->p.address) * 8)};
	if (!p->password)
		return;
	if (!peer.addr.family) {
		frr_tell(f, DIAG_ERROR, p->line, "expected a neighbor with an address for its password");
		return;
	}
	if (!f->errors && psk_set_add_tcp(f->job->psks, &peer, p->password, strlen(p->password)) < 0)
		f->arena->bad = true;
}

/* range NULL: a neighbor of its own. */
static void add_peer(struct frr *f, struct frr_peer *p, const struct prefix *range, unsigned line)
{
	if (!p->has_as) {
		frr_tell(f, DIAG_ERROR, line, "neighbor %.40s: expected remote-as, here or in its peer-group", p->name);
		return;
	}
	if (!p->p.address.family && !range) {
		frr_tell(f, DIAG_ERROR, line, "neighbor %.40s: expected an address; neighbors that are looked for on an interface are not supported",
		         p->name);
		return;
	}
	bfd_values(f, p);
	if (f->no_connected_check)
		p->p.disable_connected_check = true;
	add_key(f, p, range);
	struct conf_bgp_peer *out = draft_add(f->d, &f->d->peers, UINT32_MAX, sizeof *out);
	if (!out)
		return;
	memcpy(out, &p->p, sizeof *out);
	out->group = conf_builder_str(f->d->b, p->group);
	if (range) {
		memset(&out->address, 0, sizeof out->address);
		memcpy(&out->range, range, sizeof out->range);
		out->origin = frr_origin(f, line);
	}
}

static void add_peers(struct frr *f)
{
	for (uint32_t i = 0; i < f->peers.n; i++) {
		struct frr_peer *p = DRAFT_AT(&f->peers, struct frr_peer, i);
		const struct frr_peer *g = p->group ? group_of(f, p->group, p->group_line) : NULL;
		if (p->is_group || (p->group && !g))
			continue;
		if (g)
			inherit(p, g);
		add_peer(f, p, NULL, p->line);
	}
	for (uint32_t i = 0; i < f->ranges.n; i++) {
		const struct frr_range *r = DRAFT_AT(&f->ranges, struct frr_range, i);
		const struct frr_peer *g = group_of(f, r->group, r->line);
		struct frr_peer *p = g ? arena_get(f->arena, sizeof *p) : NULL;
		if (!p)
			continue;
		memcpy(p, g, sizeof *p);
		p->group = g->name;
		p->is_group = false;
		add_peer(f, p, &r->prefix, r->line);
	}
}

static void tell_undefined(struct frr *f)
{
	const struct draft_mention *m;
	for (uint32_t i = 0; (m = draft_undefined(f->d, &i)) != NULL;)
		frr_tell(f, DIAG_WARNING, m->line, "there is no %s %.60s: as in FRR %s", draft_list_name(m->list, m->sub),
		         conf_builder_text(f->d->b, m->name),
		         m->list == LIST_COMMUNITY ? "nothing matches it" : "it denies everything");
}

void frr_finish(struct frr *f)
{
	f->line = 0; /* no statement is at hand any more */
	f->w.n = 0;
	if (f->zebra_id && !f->d->bgp.router_id)
		f->d->bgp.router_id = f->zebra_id;
	if (!f->d->has_bgp && !f->errors)
		frr_tell(f, DIAG_ERROR, 0, "expected router bgp, found none");
	add_peers(f);
	conf_ref cycle = draft_call_cycle(f->d);
	if (cycle)
		frr_tell(f, DIAG_ERROR, 0, "route-map %.60s calls itself", conf_builder_text(f->d->b, cycle));
	tell_undefined(f);
}
