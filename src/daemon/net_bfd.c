/* BFD packets (RFC 5881 4, 5; 5883): in through the two well-known ports, with the TTL and the interface that they came by; out through a
 * socket per session, which priv connects from a port of its own. */
#include "daemon/route_role.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKETS_A_TURN = 64, PACKET_MAX = 256, SOCKETS_MAX = 1024 };

static bool same_path(const struct bfd_path *a, const struct bfd_path *b)
{
	return addr_eq(&a->remote, &b->remote) && a->ifindex == b->ifindex && a->multihop == b->multihop;
}

static struct bfd_socket *find(struct route_role *r, const struct bfd_path *p)
{
	LIST_EACH(it, tmp, &r->bfd_sockets) {
		struct bfd_socket *s = LIST_ENTRY(it, struct bfd_socket, node);
		if (same_path(&s->path, p))
			return s;
	}
	return NULL;
}

static void drop(struct route_role *r, struct bfd_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	list_del(&s->node);
	mem_put(r->mem, s, sizeof *s);
}

static void socket_ask(struct route_role *r, const struct bfd_path *p)
{
	size_t n = 0;
	struct m_route_socket m;
	LIST_EACH(it, tmp, &r->bfd_sockets)
		n++;
	struct bfd_socket *s = n < SOCKETS_MAX ? mem_get(r->mem, sizeof *s) : NULL;
	if (!s)
		return;
	*s = (struct bfd_socket){.path = *p, .fd = -1, .ticket = ++r->next_ticket};
	list_init(&s->node);
	list_add_tail(&r->bfd_sockets, &s->node);
	memset(&m, 0, sizeof m);
	m.kind = ROUTE_SOCK_BFD;
	m.remote = p->remote;
	m.local = p->local;
	m.ifindex = p->ifindex;
	m.multihop = p->multihop;
	if (privsep_send(r->priv, RV_SOCKET, s->ticket, &m, SPAN(NULL, 0), NULL, 0) < 0)
		drop(r, s);
}

bool bfd_fd(struct route_role *r, struct priv_msg *m)
{
	LIST_EACH(it, tmp, &r->bfd_sockets) {
		struct bfd_socket *s = LIST_ENTRY(it, struct bfd_socket, node);
		if (s->ticket != m->ticket || s->fd >= 0)
			continue;
		if (m->n_fds == 1) {
			s->fd = m->fd[0];
			m->fd[0] = -1; /* kept */
		} else {
			route_log(r, 0, "no socket for BFD: %s", priv_msg_text(m));
			drop(r, s); /* the next packet asks again */
		}
		return true;
	}
	return false;
}

void bfd_start_stop(struct route_role *r, const struct gretel_bfd *b, mono_t now)
{
	struct bfd_cmd c = {.type = b->start ? BFD_CMD_START : BFD_CMD_STOP, .rx_ms = b->rx_ms, .tx_ms = b->tx_ms,
	                    .multiplier = b->multiplier};
	c.path = (struct bfd_path){.remote = route_addr_in(&b->remote), .local = route_addr_in(&b->local),
	                           .ifindex = b->ifindex, .multihop = b->multihop != 0};
	int rc = bfd_command(r->bfd, &c, now, &r->bfd_acts);
	if (rc < 0 && b->start)
		route_log(r, -1, "BFD cannot be started: %s", strerror(-rc));
}

static void send_one(struct route_role *r, const struct bfd_act *a)
{
	struct bfd_socket *s = find(r, &a->path);
	if (!s)
		socket_ask(r, &a->path);
	/* One that does not go out is lost like any other; an error that ICMP brought is the route's business. */
	else if (s->fd >= 0)
		(void)!send(s->fd, a->octets, sizeof a->octets, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void state(struct route_role *r, const struct bfd_act *a, mono_t now)
{
	struct gretel_fact f = {.type = GRETEL_FACT_BFD, .ifindex = a->path.ifindex, .up = a->up};
	char text[ADDR_TEXT];
	route_log(r, 1, "BFD with %s: %s", addr_str(&a->path.remote, text), a->up ? "up" : a->admin ? "switched off there" : "down");
	if (!a->up && a->admin)
		return; /* RFC 5882 4.2: no reason to end what runs over the path */
	f.remote = route_addr_out(&a->path.remote);
	f.local = route_addr_out(&a->path.local);
	route_report(r, &f, now);
}

void bfd_run(struct route_role *r, mono_t now)
{
	for (uint32_t i = 0; i < r->bfd_acts.n; i++) {
		const struct bfd_act a = r->bfd_acts.v[i];
		if (a.type == BFD_ACT_SEND)
			send_one(r, &a);
		else
			state(r, &a, now);
	}
	r->bfd_acts.n = 0;
}

/* --- in --- */

static void control_read(struct msghdr *m, struct bfd_path *p, uint8_t *ttl)
{
	int v;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo i;
			memcpy(&i, CMSG_DATA(c), sizeof i);
			p->ifindex = (uint32_t)i.ipi_ifindex;
			p->local = addr_from(&i.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo i;
			memcpy(&i, CMSG_DATA(c), sizeof i);
			p->ifindex = i.ipi6_ifindex;
			p->local = addr_from(&i.ipi6_addr, 16);
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			memcpy(&v, CMSG_DATA(c), sizeof v);
			*ttl = (uint8_t)v;
		}
	}
}

static bool receive(struct route_role *r, int fd, bool multihop, mono_t now)
{
	struct sockaddr_storage from;
	union {
		struct cmsghdr align;
		char room[128];
	} control;
	uint8_t octets[PACKET_MAX], ttl = 0;
	struct iovec v = {.iov_base = octets, .iov_len = sizeof octets};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1,
	                   .msg_control = control.room, .msg_controllen = sizeof control.room};
	struct bfd_path p = {.multihop = multihop};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR;
	control_read(&m, &p, &ttl);
	if (from.ss_family == AF_INET) {
		struct sockaddr_in a;
		memcpy(&a, &from, sizeof a);
		p.remote = addr_from(&a.sin_addr, 4);
	} else {
		struct sockaddr_in6 a;
		memcpy(&a, &from, sizeof a);
		p.remote = addr_from(&a.sin6_addr, 16);
	}
	bfd_input(r->bfd, &p, ttl, SPAN(octets, (size_t)n), now, &r->bfd_acts);
	if (r->bfd_acts.n > BFD_ACTS_MAX / 2)
		bfd_run(r, now);
	return true;
}

static void on_packet(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct route_role *r = ctx;
	(void)events;
	bool multihop = fd == r->bfd_listen[1] || fd == r->bfd_listen[3];
	for (int i = 0; i < PACKETS_A_TURN && receive(r, fd, multihop, now); i++)
		;
	bfd_run(r, now);
	route_run(r, now);
}

int bfd_adopt(struct route_role *r, int i, int fd)
{
	if (r->bfd_listen[i] >= 0) {
		loop_del(r->loop, r->bfd_listen[i]);
		close(r->bfd_listen[i]);
	}
	r->bfd_listen[i] = fd;
	return fd >= 0 ? loop_add(r->loop, fd, EPOLLIN, on_packet, r) : 0;
}
