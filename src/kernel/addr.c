/* Local addresses, and the way that the kernel would take to a peer. */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "kernel/link_msg.h"
#include "kernel/socket.h"

enum { DUMP_TRIES = 5 };

struct listing {
	struct addr *v;
	size_t n, max, total;
};

static bool is_listed(const struct listing *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n; i++) {
		if (addr_eq(&l->v[i], a))
			return true;
	}
	return false;
}

static int on_address(void *ctx, const struct nl_msg *m)
{
	struct listing *l = ctx;
	struct addr_info a;
	if (!addr_parse_msg(m, &a))
		return m->type == RTM_NEWADDR ? -EBADMSG : 0;
	/* Loopback and link-local addresses are nobody's end of a tunnel. */
	bool link_local = a.scope == RT_SCOPE_LINK && a.local.addr.family == AF_V6;
	if (!a.usable || a.scope == RT_SCOPE_HOST || link_local || is_listed(l, &a.local.addr))
		return 0;
	l->total++;
	if (l->n < l->max)
		l->v[l->n++] = a.local.addr;
	return 0;
}

int kernel_addr_list(struct kernel *k, struct addr *out, size_t max, size_t *n)
{
	struct listing l = {.v = out, .max = max};
	int rc = -EINTR;
	for (int i = 0; i < DUMP_TRIES && rc == -EINTR; i++) {
		struct nlw w;
		l.n = l.total = 0;
		addr_msg_dump(&w);
		rc = nl_request(k, BUS_ROUTE, &w, on_address, &l);
	}
	*n = l.n;
	return rc == 0 && l.total > l.n ? -ENOSPC : rc;
}

static int on_match(void *ctx, const struct nl_msg *m) { return route_parse_match(m, ctx) ? 0 : -EBADMSG; }

int kernel_route_match(struct kernel *k, const struct addr *dst, struct kernel_match *out)
{
	struct nlw w;
	*out = (struct kernel_match){0};
	if (addr_is_any(dst))
		return -EINVAL;
	route_msg_match(&w, dst);
	return nl_request(k, BUS_ROUTE, &w, on_match, out);
}

/* The route that the kernel keeps for each address of its own names the interface: no list has to be read, however long it is. */
int kernel_addr_link(struct kernel *k, const struct addr *a, uint32_t *ifindex)
{
	struct kernel_match m;
	int rc = kernel_route_match(k, a, &m);
	*ifindex = m.local ? m.ifindex : 0;
	return rc == 0 && *ifindex == 0 ? -EADDRNOTAVAIL : rc;
}

struct way {
	struct addr src;
	uint32_t ifindex;
};

static int on_route(void *ctx, const struct nl_msg *m)
{
	struct way *r = ctx;
	return route_parse(m, &r->src, &r->ifindex) ? 0 : -EBADMSG;
}

int kernel_route_get(struct kernel *k, const struct addr *dst, const struct addr *from, struct addr *src,
                     uint32_t *ifindex)
{
	struct nlw w;
	struct way r = {0};
	*src = r.src;
	*ifindex = 0;
	if (addr_is_any(dst))
		return -EINVAL;
	route_msg_get(&w, dst, from);
	int rc = nl_request(k, BUS_ROUTE, &w, on_route, &r);
	if (rc < 0)
		return rc;
	if (r.src.family == AF_NONE || r.ifindex == 0)
		return -ENETUNREACH;
	*src = r.src;
	*ifindex = r.ifindex;
	return 0;
}
