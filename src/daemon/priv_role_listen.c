/* The listeners of BGP and the receiving sockets of BFD: priv opens them, because their ports need it, keeps them open while route is
 * started again, and sets the keys of TCP MD5 signatures on them, which nobody else has. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/priv_role.h"

static const struct conf_bgp_peer *peer_at(const struct priv *p, const struct conf_bgp *b, uint32_t i)
{
	return i < b->peers.n ? conf_at(p->conf, b->peers, sizeof(struct conf_bgp_peer), i) : NULL;
}

static void open_one(struct priv *p, const struct addr *at, uint16_t port, bool ttl_max)
{
	char text[ADDR_TEXT];
	int fd = kernel_tcp_listen(at, port, ttl_max);
	if (fd >= 0) {
		p->route.listen[p->route.n_listen++] = fd;
		return;
	}
	if (at->family == AF_V6 && addr_is_any(at) && fd != -EADDRINUSE)
		return; /* a host may be without IPv6 */
	priv_logf(p, -1, "TCP port %u of %s cannot be opened: %s%s", port, addr_str(at, text), strerror(-fd),
	          fd == -EADDRINUSE ? " (is another BGP speaker running?); neighbours cannot connect to us" : "");
}

static bool any_gtsm(const struct priv *p, const struct conf_bgp *b)
{
	const struct conf_bgp_peer *x;
	for (uint32_t i = 0; (x = peer_at(p, b, i)); i++) {
		if (x->gtsm_hops)
			return true;
	}
	return false;
}

static void listen_open(struct priv *p, const struct conf_bgp *b)
{
	bool ttl_max = any_gtsm(p, b);
	for (uint32_t i = 0; i < b->listen_on.n && p->route.n_listen < ROUTE_LISTEN_MAX; i++) {
		const struct addr *a = conf_at(p->conf, b->listen_on, sizeof *a, i);
		if (a)
			open_one(p, a, b->port, ttl_max);
	}
	if (b->listen_on.n)
		return;
	struct addr any4 = addr_any(AF_V4), any6 = addr_any(AF_V6);
	open_one(p, &any4, b->port, ttl_max);
	open_one(p, &any6, b->port, ttl_max);
}

static void bfd_open(struct priv *p, const struct conf_bgp *b)
{
	const struct conf_bgp_peer *x;
	bool wanted = false;
	for (uint32_t i = 0; b && (x = peer_at(p, b, i)); i++)
		wanted = wanted || x->bfd;
	for (unsigned i = 0; i < 4; i++) {
		int fd = p->route.bfd[i];
		if (wanted && fd < 0) {
			fd = kernel_bfd_listen(i < 2 ? AF_V4 : AF_V6, i & 1);
			if (fd < 0 && (i < 2 || fd == -EADDRINUSE))
				priv_logf(p, -1, "UDP port %d for BFD cannot be opened: %s",
				          i & 1 ? KERNEL_BFD_MULTIHOP : KERNEL_BFD_PORT, strerror(-fd));
			p->route.bfd[i] = fd < 0 ? -1 : fd;
		} else if (!wanted && fd >= 0) {
			close(fd);
			p->route.bfd[i] = -1;
		}
	}
}

static void listen_close(struct priv *p)
{
	for (uint8_t i = 0; i < p->route.n_listen; i++)
		close(p->route.listen[i]);
	p->route.n_listen = 0;
}

int listeners_set(struct priv *p, const struct psk_set *was)
{
	const struct conf_bgp *b = p->route.wanted ? conf_bgp(p->conf) : NULL;
	uint16_t port = b ? b->port : 0;
	/* Addresses of a listener take effect with another port, or at the next start. */
	if (port != p->route.port || port == 0)
		listen_close(p);
	if (port && p->route.n_listen == 0)
		listen_open(p, b);
	p->route.port = port;
	bfd_open(p, b);
	for (uint8_t i = 0; i < p->route.n_listen; i++)
		actor_routes_keys(p->route.actor, p->route.listen[i], kernel_socket_family(p->route.listen[i]), was);
	return 0;
}

void listeners_send(struct priv *p)
{
	struct e_route_listen e;
	int fds[PRIV_FDS_MAX];
	size_t n = 0;
	memset(&e, 0, sizeof e);
	for (; e.n < p->route.n_listen && e.n < PRIV_FDS_MAX - 4; e.n++)
		fds[n++] = p->route.listen[e.n];
	for (unsigned i = 0; i < 4; i++) {
		e.bfd[i] = p->route.bfd[i] >= 0;
		if (e.bfd[i])
			fds[n++] = p->route.bfd[i];
	}
	route_event(p, RV_LISTEN, 0, &e, SPAN(NULL, 0), fds, n);
}

void listeners_close(struct priv *p)
{
	listen_close(p);
	for (unsigned i = 0; i < 4; i++) {
		if (p->route.bfd[i] >= 0)
			close(p->route.bfd[i]);
		p->route.bfd[i] = -1;
	}
}
