/* One link and its addresses: what a GRE of the kernel (gre.c) and a TUN device (tun.c) have in common. See link.h. */
#include "kernel/link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/socket.h"

enum { ADDRESSES_MAX = 32, DUMP_TRIES = 5 };

/* ---- links ---- */

static int on_link(void *ctx, const struct nl_msg *m)
{
	return link_parse(m, ctx) ? 0 : -EBADMSG;
}

int link_get(struct kernel *k, uint32_t ifindex, const char *name, struct link_info *out)
{
	struct nlw w;
	*out = (struct link_info){0};
	if (!ifindex && strlen(name) >= sizeof out->link.name)
		return -ENODEV;
	link_msg_get(&w, ifindex, name);
	return nl_request(k, BUS_ROUTE, &w, on_link, out);
}

int kernel_link_name(struct kernel *k, uint32_t ifindex, char name[16], bool *gre)
{
	struct link_info l;
	name[0] = '\0';
	*gre = false;
	if (ifindex == 0)
		return -ENODEV;
	int rc = link_get(k, ifindex, NULL, &l);
	if (rc < 0)
		return rc;
	memcpy(name, l.link.name, sizeof l.link.name);
	*gre = l.gre;
	return 0;
}

int link_set(struct kernel *k, uint32_t ifindex, uint32_t mtu, bool up)
{
	struct nlw w;
	link_msg_set(&w, ifindex, mtu, up);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

int link_queue(struct kernel *k, uint32_t ifindex, uint32_t frames)
{
	struct nlw w;
	link_msg_queue(&w, ifindex, frames);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL);
}

int link_del(struct kernel *k, uint32_t ifindex)
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

int link_addresses_ensure(struct kernel *k, uint32_t ifindex, const struct conf_gre *want)
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

/* ---- a link with all that belongs to it ---- */

int link_fill(struct kernel *k, const struct link_info *l, struct gre_link *out)
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
