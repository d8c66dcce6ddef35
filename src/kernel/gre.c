/* GRE interfaces (RFC 2784, 2890): find, make, adopt, repair. One that the user's script has made is taken as it is
 * where it fits, so that both ways of setting a tunnel up can follow each other. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/link.h"
#include "kernel/socket.h"

enum { DUMP_TRIES = 5 };

/* ---- a GRE with all that belongs to it ---- */

int kernel_gre_get(struct kernel *k, const char *name, struct gre_link *out)
{
	struct link_info l;
	*out = (struct gre_link){0};
	int rc = link_get(k, 0, name, &l);
	if (rc < 0)
		return rc;
	return l.gre ? link_fill(k, &l, out) : -EEXIST;
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
	return s.best.link.ifindex ? link_fill(k, &s.best, out) : -ENODEV;
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
		rc = link_addresses_ensure(k, l.link.ifindex, want);
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
