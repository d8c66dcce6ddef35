/* The verbs about addresses and interfaces: PATH (where the peer is, and from where we talk to it), GUARD_SET,
 * GRE_UP, GRE_DOWN, GRE_FIND, PROBE; and what a new configuration sets at once: guards of known peers, shunts. */
#include <errno.h>
#include <string.h>

#include "privsep/actor_int.h"

/* --- PATH --- */

/* A comma list of interface names, as strongSwan's interfaces_use and interfaces_ignore. */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; *p;) {
		p += strspn(p, ", \t");
		size_t len = strcspn(p, ", \t");
		if (len == n && n && strncmp(p, name, n) == 0)
			return true;
		p += len;
	}
	return false;
}

static bool interface_used(const struct actor *a, const char *name)
{
	const char *use = conf_str(a->conf, a->conf->setup.interfaces_use);
	return *use ? listed(use, name) : !listed(conf_str(a->conf, a->conf->setup.interfaces_ignore), name);
}

/* The address that the configuration wants as our own, when it is one; AF_NONE: the kernel's choice. */
static struct addr wanted_source(struct actor *a, const struct conf_end *e, uint8_t family)
{
	for (uint8_t i = 0; i < e->n_hosts && i < CONF_HOSTS_MAX; i++) {
		const struct conf_host *h = &e->host[i];
		if (h->kind == HOST_ADDR && h->lo.family == family && actor_local_ours(a, &h->lo))
			return h->lo;
	}
	return (struct addr){.family = AF_NONE};
}

/* Nobody's choice is a reason to leave an address that works: it stays while there is a way from its own interface. */
static void keep_present(struct actor *a, const struct addr *remote, const struct addr *present, struct addr *src,
                         uint32_t *ifindex)
{
	struct addr again;
	uint32_t via, at;
	if (present->family != remote->family || addr_eq(present, src) || !actor_local_ours(a, present))
		return;
	if (kernel_route_get(a->env.kernel, remote, present, &again, &via) < 0 ||
	    kernel_addr_link(a->env.kernel, present, &at) < 0 || at != via)
		return;
	*src = *present;
	*ifindex = via;
}

/* IKE goes around all tunnels, not through one: neither by its routes nor from its addresses, unless an administrator wants just this
 * address (a tunnel in a tunnel). */
static int check_outside(struct actor *a, const struct addr *remote, const struct addr *src, uint32_t ifindex, bool wished,
                         const char *name, struct actor_out *out)
{
	char text[ADDR_TEXT], own[ADDR_TEXT];
	uint32_t at;
	bool held = kernel_addr_link(a->env.kernel, src, &at) == 0;
	if (wished && held && at == ifindex)
		return 0;
	if (actor_link_inner(a, ifindex))
		return actor_refuse(out, -ENETUNREACH, "the route to %s leads through %s, which is a tunnel: a tunnel's own routes are "
		                    "not used for IKE", addr_str(remote, text), name);
	if (held && at != ifindex && actor_link_inner(a, at))
		return actor_refuse(out, -ENETUNREACH, "the route to %s wants %s as source, which is an address inside a tunnel",
		                    addr_str(remote, text), addr_str(src, own));
	return 0;
}

static void path_answer(const struct actor *a, const struct tstate *s, const struct addr *src, const struct addr *remote,
                        struct actor_out *out)
{
	uint16_t port = s->t->remote.ikeport;
	out->body.path.local.addr = *src;
	out->body.path.local.port = a->conf->setup.port;
	out->body.path.remote.addr = *remote;
	out->body.path.remote.port = port ? port : 500;
	actor_answer(out, true);
}

/* look: of an address where the peer may be, nothing is kept. */
static void path_to(struct actor *a, struct tstate *s, const struct addr *remote, const struct addr *present, bool look,
                    struct actor_out *out)
{
	char text[ADDR_TEXT], name[16];
	struct addr from = wanted_source(a, &s->t->local, remote->family), src;
	bool wished = from.family != AF_NONE, gre;
	uint32_t ifindex;
	int rc = kernel_route_get(a->env.kernel, remote, &from, &src, &ifindex);
	if (rc < 0) {
		actor_refuse(out, rc, "no route to %s: %s", addr_str(remote, text), strerror(-rc));
		return;
	}
	if (!wished)
		keep_present(a, remote, present, &src, &ifindex);
	if (kernel_link_name(a->env.kernel, ifindex, name, &gre) < 0)
		name[0] = '\0';
	if (!interface_used(a, name)) {
		actor_refuse(out, -ENETUNREACH, "the route to %s leaves through %s, which the configuration excludes",
		       addr_str(remote, text), name);
		return;
	}
	if (check_outside(a, remote, &src, ifindex, wished, name, out) < 0)
		return;
	if (look) {
		path_answer(a, s, &src, remote, out);
		return;
	}
	memcpy(s->interface, name, sizeof s->interface);
	/* GRE to a peer is guarded from the moment its address is known. */
	rc = actor_guard(a, s, remote);
	if (rc < 0) {
		actor_refuse(out, rc, "the guard for %s could not be set: %s", addr_str(remote, text), strerror(-rc));
		return;
	}
	path_answer(a, s, &src, remote, out);
}

bool actor_link_inner(struct actor *a, uint32_t ifindex)
{
	char name[16];
	bool gre = false;
	LIST_EACH(it, tmp, &a->devices) {
		if (kernel_tun_ifindex(LIST_ENTRY(it, struct device, node)->tun) == ifindex)
			return true;
	}
	return kernel_link_name(a->env.kernel, ifindex, name, &gre) == 0 && gre;
}

bool actor_address_outside(struct actor *a, uint32_t ifindex)
{
	char name[16];
	bool gre;
	if (actor_link_inner(a, ifindex))
		return false;
	return !a->conf || kernel_link_name(a->env.kernel, ifindex, name, &gre) < 0 || interface_used(a, name);
}

/* The host to try at this attempt: those that can be called, in turn. */
static const struct conf_host *host_of(const struct conf_end *e, uint32_t attempt, uint8_t *index)
{
	uint8_t can[CONF_HOSTS_MAX];
	uint32_t n = 0;
	for (uint8_t i = 0; i < e->n_hosts && i < CONF_HOSTS_MAX; i++) {
		if (e->host[i].kind == HOST_ADDR || e->host[i].kind == HOST_NAME)
			can[n++] = i;
	}
	if (n == 0)
		return NULL;
	*index = can[attempt % n];
	return &e->host[*index];
}

void act_path(struct actor *a, const struct m_path *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	if (m->remote.family != AF_NONE) {
		char text[ADDR_TEXT];
		if (actor_move_allowed(a, s, &m->remote))
			path_to(a, s, &m->remote, &m->local, m->look, out);
		else
			actor_refuse(out, -EACCES, "%s is not an address of the peer of this tunnel", addr_str(&m->remote, text));
		return;
	}
	uint8_t index;
	const struct conf_host *h = host_of(&s->t->remote, m->attempt, &index);
	if (!h) {
		actor_refuse(out, -EDESTADDRREQ,
		             "the peer of this tunnel has no address in the configuration: it must call us");
	} else if (h->kind == HOST_ADDR) {
		path_to(a, s, &h->lo, &m->local, false, out);
	} else {
		out->todo = TODO_RESOLVE;
		out->resolve = (struct actor_resolve){.host = index, .attempt = m->attempt};
		struct sbuf b = SB(out->resolve.tunnel), c = SB(out->resolve.name);
		sb_put(&b, m->tunnel);
		sb_put(&c, conf_str(a->conf, h->name));
	}
}

static void known_set(struct tstate *s, uint8_t host, const struct addr *v, size_t n)
{
	uint8_t kept = 0;
	for (uint8_t i = 0; i < s->n_known; i++) {
		if (s->known[i].host != host)
			s->known[kept++] = s->known[i];
	}
	for (size_t i = 0; i < n && kept < KNOWN_MAX; i++) {
		s->known[kept].addr = v[i];
		s->known[kept++].host = host;
	}
	s->n_known = kept;
}

void actor_resolved(struct actor *a, const struct actor_resolve *what, const struct addr *v, size_t n, const char *why,
                    struct actor_out *out)
{
	memset(out, 0, sizeof *out);
	struct tstate *s = actor_tstate_conf(a, what->tunnel, out);
	if (!s)
		return;
	/* A reload may have come in between. */
	const struct conf_host *h = what->host < s->t->remote.n_hosts ? &s->t->remote.host[what->host] : NULL;
	if (!h || h->kind != HOST_NAME || strcmp(conf_str(a->conf, h->name), what->name) != 0) {
		actor_refuse(out, -EAGAIN, "the configuration has changed");
	} else if (n == 0) {
		actor_refuse(out, -EHOSTUNREACH, "the name %s could not be resolved: %s", what->name, why);
	} else {
		known_set(s, what->host, v, n);
		path_to(a, s, &v[what->attempt / s->t->remote.n_hosts % n], &(struct addr){.family = AF_NONE}, false, out);
	}
}

/* --- Guards and shunts --- */

/* Only what can be GRE needs a guard. */
static bool carries_gre(const struct tunnel_conf *t)
{
	uint8_t proto = t->local.proto ? t->local.proto : t->remote.proto;
	return t->kind == TUNNEL_TRANSPORT && (proto == 0 || proto == 47);
}

/* A kernel wholly without IPsec can have no policies, and the data plane in user space wants none. */
static int policy_outcome(struct actor *a, int rc)
{
	if (rc != -EPROTONOSUPPORT || !a->env.esp)
		return rc;
	if (!a->told_no_policies)
		actor_logf(a, 1, "this kernel has no IPsec policies: there are no guards and no pass or drop tunnels");
	a->told_no_policies = true;
	return 0;
}

int actor_guard(struct actor *a, struct tstate *s, const struct addr *remote)
{
	if (!s->t || s->t->guard == GUARD_OFF || !carries_gre(s->t))
		return 0;
	int rc = policy_outcome(a, kernel_guard_set(a->env.kernel, remote));
	if (rc == 0)
		s->guarded = *remote;
	return rc;
}

void act_guard_set(struct actor *a, const struct m_ends *m, struct actor_out *out)
{
	char text[ADDR_TEXT];
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	if (!actor_remote_allowed(a, s, &m->remote)) {
		actor_refuse(out, -EACCES, "%s is not an address of the peer of this tunnel",
		             addr_str(&m->remote, text));
		return;
	}
	int rc = actor_guard(a, s, &m->remote);
	if (rc < 0)
		actor_refuse(out, rc, "the guard for %s could not be set: %s", addr_str(&m->remote, text),
		             strerror(-rc));
	else
		actor_answer(out, false);
}

static void guard_strict(struct actor *a, const struct tstate *s)
{
	const struct conf_end *e = &s->t->local;
	struct addr local = {.family = AF_NONE};
	if (e->n_hosts && e->host[0].kind == HOST_ADDR)
		local = e->host[0].lo;
	int rc = policy_outcome(a, kernel_guard_set_strict(a->env.kernel, &local));
	if (rc < 0)
		actor_logf(a, -1, "%s: the strict guard could not be set: %s", s->name, strerror(-rc));
}

static bool guarded_by_another(const struct actor *a, const struct tstate *but, const struct addr *remote)
{
	LIST_EACH(it, tmp, &a->tunnels) {
		const struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (s != but && s->t && s->t->guard != GUARD_OFF && addr_eq(&s->guarded, remote))
			return true;
	}
	return false;
}

/* guard = off was written into a configuration that had it on: the one way besides `gretel guard clear`. */
static void guard_off(struct actor *a, struct tstate *s)
{
	if (s->guarded.family != AF_NONE && !guarded_by_another(a, s, &s->guarded))
		(void)kernel_guard_del(a->env.kernel, &s->guarded);
	s->guarded = (struct addr){.family = AF_NONE};
}

/* Peers whose addresses are written down are guarded before anything else happens. */
void actor_guards_apply(struct actor *a)
{
	char text[ADDR_TEXT];
	LIST_EACH(it, tmp, &a->tunnels) {
		struct tstate *s = LIST_ENTRY(it, struct tstate, node);
		if (!s->t || !carries_gre(s->t))
			continue;
		if (s->t->guard == GUARD_OFF)
			guard_off(a, s);
		if (s->t->guard == GUARD_STRICT)
			guard_strict(a, s);
		for (uint8_t i = 0; i < s->t->remote.n_hosts && i < CONF_HOSTS_MAX; i++) {
			const struct conf_host *h = &s->t->remote.host[i];
			int rc = h->kind == HOST_ADDR ? actor_guard(a, s, &h->lo) : 0;
			if (rc < 0)
				actor_logf(a, -1, "%s: the guard for %s could not be set: %s", s->name,
				           addr_str(&h->lo, text), strerror(-rc));
		}
	}
}

/* type=pass and type=drop: one host or network on each side; %any is everything of the other side's family. */
static struct prefix shunt_side(const struct conf_end *e, uint8_t family)
{
	const struct conf_host *h = &e->host[0];
	if (e->n_hosts == 0 || h->kind == HOST_ANY)
		return (struct prefix){.addr = addr_any(family), .len = 0};
	struct prefix p = {.addr = h->lo, .len = (uint8_t)(8 * addr_len(&h->lo))};
	/* A range that is a network: as many leading bits as its ends share. */
	for (uint8_t bit = 0; h->kind == HOST_RANGE && bit < p.len; bit++) {
		if ((h->lo.b[bit / 8] ^ h->hi.b[bit / 8]) >> (7 - bit % 8) & 1)
			p.len = bit;
	}
	return p;
}

static uint8_t family_of(const struct conf_end *e)
{
	return e->n_hosts && (e->host[0].kind == HOST_ADDR || e->host[0].kind == HOST_RANGE) ? e->host[0].lo.family : 0;
}

struct shunt {
	struct prefix local, remote;
	uint8_t proto;
};

static bool shunt_of(const struct tunnel_conf *t, struct shunt *out)
{
	uint8_t family = family_of(&t->local) ? family_of(&t->local) : family_of(&t->remote);
	out->proto = t->local.proto ? t->local.proto : t->remote.proto;
	out->local = shunt_side(&t->local, family ? family : AF_V4);
	out->remote = shunt_side(&t->remote, family ? family : AF_V4);
	return t->kind != TUNNEL_TRANSPORT && out->local.addr.family == out->remote.addr.family;
}

static bool shunt_in(const struct conf *c, const struct shunt *s)
{
	struct shunt o;
	for (uint32_t i = 0; i < c->n_tunnels; i++) {
		if (shunt_of(conf_tunnel(c, i), &o) && o.proto == s->proto && o.local.len == s->local.len &&
		    o.remote.len == s->remote.len && addr_eq(&o.local.addr, &s->local.addr) &&
		    addr_eq(&o.remote.addr, &s->remote.addr))
			return true;
	}
	return false;
}

/* What stays is never away: first the new ones, then those go that are in the old configuration only. */
void actor_shunts_apply(struct actor *a, const struct conf *was)
{
	struct shunt s;
	for (uint32_t i = 0; i < a->conf->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(a->conf, i);
		int rc = 0;
		if (shunt_of(t, &s))
			rc = policy_outcome(a, kernel_shunt_set(a->env.kernel, &s.local, &s.remote, s.proto,
			                                        t->kind == TUNNEL_PASS));
		if (rc < 0)
			actor_logf(a, -1, "%s: the policy could not be set: %s", conf_str(a->conf, t->name),
			           strerror(-rc));
	}
	for (uint32_t i = 0; was && i < was->n_tunnels; i++) {
		if (shunt_of(conf_tunnel(was, i), &s) && !shunt_in(a->conf, &s))
			(void)kernel_shunt_del(a->env.kernel, &s.local, &s.remote, s.proto);
	}
}

/* --- GRE --- */

static uint64_t link_hash(const struct actor *a, uint32_t ifindex) { return hmap_hash(&a->links, &ifindex, sizeof ifindex); }

void actor_link_set(struct actor *a, struct tstate *s, const struct addr *outer)
{
	if (s->linked)
		hmap_del(&a->links, &s->by_link);
	s->linked = outer ? s->link.ifindex : 0;
	if (!s->linked)
		return;
	s->outer = *outer;
	hmap_add(&a->links, &s->by_link, link_hash(a, s->linked));
}

/* It covers the peer, and would win over the route that leads there now. */
static bool loops(struct actor *a, const struct tstate *s, const struct route *r)
{
	struct kernel_match now;
	if (s->outer.family != r->dst.addr.family || !addr_in(&s->outer, &r->dst))
		return false;
	if (kernel_route_match(a->env.kernel, &s->outer, &now) < 0 || now.ifindex == s->linked)
		return true;
	return r->dst.len > now.len || (r->dst.len == now.len && r->metric < now.metric);
}

bool actor_route_loops(struct actor *a, const struct route *r)
{
	for (size_t i = 0; i < r->n_hops; i++) {
		struct hnode *n = hmap_first(&a->links, link_hash(a, r->hop[i].ifindex));
		for (; n; n = hmap_next(n)) {
			const struct tstate *s = CONTAINER_OF(n, struct tstate, by_link);
			if (s->linked == r->hop[i].ifindex && loops(a, s, r))
				return true;
		}
	}
	return false;
}

/* Member by member: the octets between them, which go over the channel too, stay zero. */
void actor_link_of(struct tun_link *l, const struct gre_link *g, const struct conf_gre *want)
{
	memset(l, 0, sizeof *l);
	l->ifindex = g->ifindex;
	memcpy(l->name, g->name, sizeof l->name);
	l->mtu = g->mtu;
	l->up = g->up;
	memcpy(l->address, g->address, sizeof l->address);
	l->n_addresses = g->n_addresses;
	l->ours = want->name[0] && strcmp(want->name, g->name) == 0;
	l->peer = l->ours && want->peer.family != AF_NONE ? want->peer : g->peer;
}

static const char *why_no_gre(const struct actor *a, const struct conf_gre *want, int rc)
{
	if (rc == -EEXIST)
		return a->env.esp ? "there is another one of this name" : "there is one of this name that is no GRE";
	if (rc == -EOPNOTSUPP && a->env.esp && want->seq)
		return "gre.seq is for the data plane of the kernel";
	return strerror(-rc);
}

void act_gre_up(struct actor *a, const struct m_ends *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	const struct conf_gre *want = &s->t->gre;
	if (!want->name[0]) {
		actor_refuse(out, -ENOENT, "this tunnel has no gre section");
		return;
	}
	/* Only between the ends of an SA: the SA is what encrypts it. */
	if (!children_of_tunnel(&a->children, s->name, &m->local, &m->remote)) {
		actor_refuse(out, -ENOTCONN, "no SA of this tunnel lies between these addresses");
		return;
	}
	struct gre_link g;
	int rc = a->plane->gre_up(a, s, m, &g);
	if (rc < 0) {
		actor_refuse(out, rc, "the interface %s could not be made: %s", want->name, why_no_gre(a, want, rc));
		return;
	}
	if (want->mss_clamp && (rc = kernel_mss_clamp(a->env.kernel, want->name, g.mtu)) < 0)
		actor_logf(a, -1, "%s: mss_clamp on %s is not possible here: %s", s->name, want->name, strerror(-rc));
	s->gre = *want;
	actor_book_tunnel(a, s);
	actor_link_of(&s->link, &g, want);
	actor_link_set(a, s, &m->remote);
	memcpy(&out->body.link.link, &s->link, sizeof s->link);
	actor_answer(out, true);
}

void act_gre_down(struct actor *a, const struct m_tunnel *m, struct actor_out *out)
{
	/* Also of a tunnel that is not configured any more: what was made is remembered. */
	struct tstate *s = actor_tstate(a, m->tunnel);
	if (!s || !s->gre.name[0]) {
		actor_refuse(out, -ENOENT, "no interface was made for this tunnel");
		return;
	}
	if (s->trap.remote.family != AF_NONE) { /* the next packet needs it */
		actor_answer(out, false);
		return;
	}
	int rc = a->plane->gre_down(a, s);
	if (rc < 0 && rc != -ENODEV) {
		actor_refuse(out, rc, "the interface %s could not be taken down: %s", s->gre.name, strerror(-rc));
		return;
	}
	if (s->gre.mss_clamp && (rc = kernel_mss_clamp(a->env.kernel, s->gre.name, 0)) < 0)
		actor_logf(a, 1, "%s: the mss_clamp of %s stays: %s", s->name, s->gre.name, strerror(-rc));
	s->gre = (struct conf_gre){.name = ""};
	actor_book_tunnel(a, s);
	s->link = (struct tun_link){.ifindex = 0};
	actor_link_set(a, s, NULL);
	actor_answer(out, false);
}

void act_gre_find(struct actor *a, const struct m_ends *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s || actor_check_ends(a, s, &m->local, &m->remote, out) < 0)
		return;
	struct gre_link g;
	int rc = a->plane->gre_find(a, s, m, &g);
	if (rc < 0) {
		actor_refuse(out, rc, "%s",
		             rc == -ENODEV ? "no GRE interface lies between these addresses" : strerror(-rc));
		return;
	}
	actor_link_of(&s->link, &g, &s->t->gre);
	actor_link_set(a, s, &m->remote);
	memcpy(&out->body.link.link, &s->link, sizeof s->link);
	actor_answer(out, true);
}

void act_probe(struct actor *a, const struct m_probe *m, struct actor_out *out)
{
	struct tstate *s = actor_tstate_conf(a, m->tunnel, out);
	if (!s)
		return;
	if (s->link.ifindex != m->ifindex || !addr_eq(&s->link.peer, &m->inner)) {
		actor_refuse(out, -EPERM, "this is not the peer of this tunnel's GRE interface");
		return;
	}
	out->todo = TODO_PROBE;
	out->ifindex = m->ifindex;
	out->inner = m->inner;
}
