/* GRE interfaces (RFC 2784, 2890): find, make, adopt, repair. One that the user's script has made is taken as it is
 * where it fits, so that both ways of setting a tunnel up can follow each other. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/link_msg.h"
#include "kernel/socket.h"

enum { GRE_DEFAULT_MTU = 1400, ADDRESSES_MAX = 32, DUMP_TRIES = 5 };

/* ---- links ---- */

static int on_link(void *ctx, const struct nl_msg *m)
{
	return link_parse(m, ctx) ? 0 : -EBADMSG;
}

static int link_get(struct kernel *k, uint32_t ifindex, const char *name, struct link_info *out)
{
	struct nlw w;
	*out = (struct link_info){0};
	if (!ifindex && strlen(name) >= sizeof out->link.name)
		return -ENODEV;
	link_msg_get(&w, ifindex, name);
	return nl_request(k, BUS_ROUTE, &w, on_link, out);
}

int kernel_link_name(struct kernel *k, uint32_t ifindex, char name[16])
{
	struct link_info l;
	name[0] = '\0';
	if (ifindex == 0)
		return -ENODEV;
	int rc = link_get(k, ifindex, NULL, &l);
	if (rc == 0)
		memcpy(name, l.link.name, sizeof l.link.name);
	return rc;
}

static int link_set(struct kernel *k, uint32_t ifindex, uint32_t mtu, bool up)
{
	struct nlw w;
	link_msg_set(&w, ifindex, mtu, up);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

static int link_del(struct kernel *k, uint32_t ifindex)
{
	struct nlw w;
	link_msg_del(&w, ifindex);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

/* ---- addresses of one link ---- */

struct addresses {
	uint32_t ifindex;
	size_t n;
	struct addr_info v[ADDRESSES_MAX];
};

static int on_address(void *ctx, const struct nl_msg *m)
{
	struct addresses *a = ctx;
	struct addr_info i;
	if (!addr_parse_msg(m, &i))
		return m->type == RTM_NEWADDR ? -EBADMSG : 0;
	if (i.ifindex == a->ifindex && i.scope != RT_SCOPE_LINK && a->n < ADDRESSES_MAX)
		a->v[a->n++] = i;
	return 0;
}

static int addresses_get(struct kernel *k, uint32_t ifindex, struct addresses *out)
{
	int rc = -EINTR;
	out->ifindex = ifindex;
	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		struct nlw w;
		out->n = 0;
		addr_msg_dump(&w);
		rc = nl_request(k, BUS_ROUTE, &w, on_address, out);
	}
	return rc;
}

static int address_write(struct kernel *k, uint16_t type, uint32_t ifindex, const struct prefix *p,
                         const struct addr *peer)
{
	struct nlw w;
	addr_msg(&w, type, ifindex, p, peer);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

/* The address, prefix length and peer to tell the kernel for a configured address. A peer inside the subnet needs no
 * mention; one outside makes a point-to-point address, whose length is the peer's. */
static struct prefix address_form(const struct prefix *want, const struct addr *peer, struct addr *out_peer)
{
	struct prefix p = *want;
	size_t bits = addr_len(&want->addr) * 8;
	*out_peer = addr_any(AF_NONE);
	if (peer->family != want->addr.family || (want->len < bits && addr_in(peer, want)))
		return p;
	*out_peer = *peer;
	p.len = (uint8_t)bits;
	return p;
}

/* Our address with another length or peer is in the way of the right one; other addresses are none of our business. */
static int address_ensure(struct kernel *k, const struct addresses *have, const struct prefix *p,
                          const struct addr *peer)
{
	for (size_t i = 0; i < have->n; i++) {
		const struct addr_info *a = &have->v[i];
		if (!addr_eq(&a->local.addr, &p->addr))
			continue;
		if (a->local.len == p->len && addr_eq(&a->peer, peer))
			return 0;
		int rc = address_write(k, RTM_DELADDR, have->ifindex, &a->local, &a->peer);
		if (rc < 0 && rc != -EADDRNOTAVAIL)
			return rc;
	}
	int rc = address_write(k, RTM_NEWADDR, have->ifindex, p, peer);
	return rc == -EEXIST ? 0 : rc;
}

static int addresses_ensure(struct kernel *k, uint32_t ifindex, const struct conf_gre *want)
{
	struct addresses have;
	int rc = addresses_get(k, ifindex, &have);
	bool peer_used[2] = {false, false};
	for (size_t i = 0; i < want->n_addresses && i < ARRAY_LEN(want->address) && rc == 0; i++) {
		const struct prefix *a = &want->address[i];
		bool *used = &peer_used[a->addr.family == AF_V6];
		struct addr none = addr_any(AF_NONE), peer;
		/* The peer goes with the first address of its family. */
		struct prefix form = address_form(a, *used ? &none : &want->peer, &peer);
		*used = true;
		rc = address_ensure(k, &have, &form, &peer);
	}
	return rc;
}

/* ---- a GRE with all that belongs to it ---- */

static int fill(struct kernel *k, const struct link_info *l, struct gre_link *out)
{
	struct addresses a;
	int rc = addresses_get(k, l->link.ifindex, &a);
	*out = l->link;
	for (size_t i = 0; rc == 0 && i < a.n && out->n_addresses < ARRAY_LEN(out->address); i++) {
		out->address[out->n_addresses++] = a.v[i].local;
		if (out->peer.family == AF_NONE)
			out->peer = a.v[i].peer.family ? a.v[i].peer : addr_other_host(&a.v[i].local);
	}
	return rc;
}

int kernel_gre_get(struct kernel *k, const char *name, struct gre_link *out)
{
	struct link_info l;
	*out = (struct gre_link){0};
	int rc = link_get(k, 0, name, &l);
	if (rc < 0)
		return rc;
	return l.gre ? fill(k, &l, out) : -EEXIST;
}

struct search {
	const struct addr *local, *remote;
	struct link_info best;
};

static int on_candidate(void *ctx, const struct nl_msg *m)
{
	struct search *s = ctx;
	struct link_info l;
	if (!link_parse(m, &l))
		return 0;
	/* One without a local address takes packets for any: second choice. */
	bool local_fits = addr_eq(&l.link.local, s->local) || addr_is_any(&l.link.local);
	if (!l.gre || l.external || addr_is_any(&l.link.remote) || !addr_eq(&l.link.remote, s->remote) || !local_fits)
		return 0;
	if (s->best.link.ifindex == 0 || (addr_is_any(&s->best.link.local) && !addr_is_any(&l.link.local)))
		s->best = l;
	return 0;
}

int kernel_gre_find(struct kernel *k, const struct addr *local, const struct addr *remote, struct gre_link *out)
{
	struct search s = {.local = local, .remote = remote};
	int rc = -EINTR;
	*out = (struct gre_link){0};
	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		struct nlw w;
		s.best = (struct link_info){0};
		link_msg_dump(&w);
		rc = nl_request(k, BUS_ROUTE, &w, on_candidate, &s);
	}
	if (rc < 0)
		return rc;
	return s.best.link.ifindex ? fill(k, &s.best, out) : -ENODEV;
}

/* ---- ensure ---- */

static int tunnel_write(struct kernel *k, const struct gre_params *p, uint32_t ifindex)
{
	struct nlw w;
	link_msg_gre(&w, p, ifindex);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

static struct gre_params params_of(const struct conf_gre *want, const struct addr *local, const struct addr *remote)
{
	struct gre_params p = {
		.local = *local, .remote = *remote, .key_set = want->key_set, .key = want->key, .csum = want->csum,
		.seq = want->seq, .mtu = want->mtu ? want->mtu : GRE_DEFAULT_MTU, .ttl = want->ttl, .tos = want->tos,
	};
	memcpy(p.name, want->name, sizeof p.name);
	return p;
}

/* A tunnel of that name with those parameters, whatever was there. Changed in place where the kernel can, so that
 * addresses and routes stay; else made anew. */
static int tunnel_ensure(struct kernel *k, const struct gre_params *p, struct link_info *l)
{
	int rc = link_get(k, 0, p->name, l);
	if (rc == 0 && !l->gre)
		return -EEXIST;
	if (rc == 0 && link_same_gre(l, p))
		return 0;
	if (rc == 0 && l->outer == p->local.family && !l->external) {
		rc = tunnel_write(k, p, l->link.ifindex);
		if (rc == -EEXIST) /* another interface has these endpoints */
			return rc;
		rc = link_get(k, 0, p->name, l);
		if (rc == 0 && link_same_gre(l, p))
			return 0;
	}
	if (rc == 0)
		rc = link_del(k, l->link.ifindex);
	if (rc < 0 && rc != -ENODEV)
		return rc;
	rc = tunnel_write(k, p, 0);
	return rc < 0 ? rc : link_get(k, 0, p->name, l);
}

int kernel_gre_ensure(struct kernel *k, const struct conf_gre *want, const struct addr *local,
                      const struct addr *remote, struct gre_link *out)
{
	struct link_info l;
	struct gre_params p = params_of(want, local, remote);
	*out = (struct gre_link){0};
	if (want->name[0] == '\0' || memchr(want->name, '\0', sizeof want->name) == NULL ||
	    local->family != remote->family || addr_is_any(local) || addr_is_any(remote))
		return -EINVAL;
	int rc = tunnel_ensure(k, &p, &l);
	if (rc == 0 && (l.link.mtu != p.mtu || !l.link.up))
		rc = link_set(k, l.link.ifindex, l.link.mtu != p.mtu ? p.mtu : 0, true);
	if (rc == 0)
		rc = addresses_ensure(k, l.link.ifindex, want);
	if (rc < 0)
		return rc;
	rc = kernel_gre_get(k, want->name, out);
	if (want->peer.family != AF_NONE)
		out->peer = want->peer;
	return rc;
}

int kernel_gre_down(struct kernel *k, const char *name, bool remove)
{
	struct link_info l;
	int rc = link_get(k, 0, name, &l);
	if (rc == 0 && !l.gre)
		return -EEXIST;
	if (rc == 0)
		rc = remove ? link_del(k, l.link.ifindex) : link_set(k, l.link.ifindex, 0, false);
	return rc == -ENODEV ? 0 : rc;
}
