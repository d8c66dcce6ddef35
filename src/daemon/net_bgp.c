/* Sessions: sockets come from priv or from a listener, octets go between them and the module. A session that is closed says first what it
 * still has to say, and its socket is read until the other end has closed too, or a second has passed: closing it with unread
 * octets would reset the connection and take a NOTIFICATION along (RFC 1122 4.2.2.13). */
#include "daemon/route_role.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CONNS_MAX = 4096, ACCEPTS = 16, WRITE_MAX = 4 << 20, LINGER_MS = 1000, TIDY_MS = 20 };

static uint64_t number_hash(const struct hmap *m, uint32_t n) { return hmap_hash(m, &n, sizeof n); }

static struct conn *find(struct route_role *r, uint32_t number)
{
	for (struct hnode *n = hmap_first(&r->conns, number_hash(&r->conns, number)); n; n = hmap_next(n)) {
		struct conn *c = CONTAINER_OF(n, struct conn, by_number);
		if (c->number == number)
			return c;
	}
	return NULL;
}

static struct conn *conn_new(struct route_role *r, uint32_t number)
{
	struct conn *c = r->n_conns < CONNS_MAX ? mem_get(r->mem, sizeof *c) : NULL;
	if (!c)
		return NULL;
	c->role = r;
	c->number = number;
	c->fd = -1;
	c->close_at = MONO_NEVER;
	list_init(&c->out);
	list_add_tail(&r->all, &c->node);
	hmap_add(&r->conns, &c->by_number, number_hash(&r->conns, number));
	r->n_conns++;
	return c;
}

/* The module does not know the number any more. */
static void forget(struct route_role *r, struct conn *c)
{
	if (c->state != CONN_CLOSING)
		hmap_del(&r->conns, &c->by_number);
	if (c->ticket)
		hmap_del(&r->tickets, &c->by_ticket);
	c->ticket = 0;
	list_del(&c->out);
}

static void conn_free(struct route_role *r, struct conn *c)
{
	forget(r, c);
	if (c->fd >= 0) {
		loop_del(r->loop, c->fd);
		close(c->fd);
	}
	list_del(&c->node);
	r->n_conns--;
	mem_put(r->mem, c, sizeof *c);
}

static void lost(struct route_role *r, struct conn *c, int status, mono_t now)
{
	struct gretel_fact f = {.type = c->program ? GRETEL_FACT_EXEC_ENDED : GRETEL_FACT_CLOSED, .conn = c->number, .status = status};
	bool told = c->state != CONN_CLOSING;
	conn_free(r, c);
	if (told)
		route_report(r, &f, now);
}

static void watch(struct conn *c, uint32_t events)
{
	if (c->events != events && loop_mod(c->role->loop, c->fd, events) == 0)
		c->events = events;
}

/* --- addresses --- */

static struct addr addr_of(const struct sockaddr_storage *s, uint16_t *port, uint32_t *scope)
{
	struct sockaddr_in a4;
	struct sockaddr_in6 a6;
	*scope = 0;
	if (s->ss_family == AF_INET) {
		memcpy(&a4, s, sizeof a4);
		*port = ntohs(a4.sin_port);
		return addr_from(&a4.sin_addr, 4);
	}
	memcpy(&a6, s, sizeof a6);
	*port = ntohs(a6.sin6_port);
	*scope = a6.sin6_scope_id;
	return addr_from(&a6.sin6_addr, 16);
}

static socklen_t sockaddr_of(const struct addr *a, uint16_t port, uint32_t scope, struct sockaddr_storage *out)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	memset(out, 0, sizeof *out);
	if (a->family == AF_V4) {
		memcpy(&a4.sin_addr, a->b, 4);
		memcpy(out, &a4, sizeof a4);
		return sizeof a4;
	}
	memcpy(&a6.sin6_addr, a->b, 16);
	a6.sin6_scope_id = a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80 ? scope : 0;
	memcpy(out, &a6, sizeof a6);
	return sizeof a6;
}

static void ends_fill(int fd, struct gretel_fact *f)
{
	struct sockaddr_storage s;
	socklen_t n = sizeof s;
	uint32_t scope;
	if (getsockname(fd, (struct sockaddr *)&s, &n) == 0) {
		struct addr a = addr_of(&s, &f->local_port, &scope);
		f->local = route_addr_out(&a);
	}
	n = sizeof s;
	if (getpeername(fd, (struct sockaddr *)&s, &n) == 0) {
		struct addr a = addr_of(&s, &f->remote_port, &f->ifindex);
		f->remote = route_addr_out(&a);
	}
}

/* --- reading --- */

static void drain(struct route_role *r, struct conn *c)
{
	ssize_t n;
	for (int i = 0; i < TURN_READS; i++) {
		n = read(c->fd, r->octets, sizeof r->octets);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			conn_free(r, c);
			return;
		}
	}
}

static void readable(struct route_role *r, uint32_t number, mono_t now)
{
	for (int i = 0; i < TURN_READS; i++) {
		struct conn *c = find(r, number); /* the module may have closed it */
		if (!c || c->state != CONN_UP)
			return;
		ssize_t n = read(c->fd, r->octets, sizeof r->octets);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			lost(r, c, n == 0 ? 0 : -errno, now);
			route_run(r, now);
			return;
		}
		r->tidy = mono_add(now, DUR_MS(TIDY_MS));
		r->module->input(r->self, number, r->octets, (size_t)n, now, &r->acts);
		route_run(r, now);
		if ((size_t)n < sizeof r->octets)
			return;
	}
}

static void up(struct route_role *r, struct conn *c, uint32_t type, mono_t now)
{
	struct gretel_fact f = {.type = type, .conn = c->number};
	c->state = CONN_UP;
	watch(c, EPOLLIN);
	if (!c->program)
		ends_fill(c->fd, &f);
	route_report(r, &f, now);
	if (type == GRETEL_FACT_EXEC_STARTED)
		route_replay(r, true, now);
}

static void on_conn(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct conn *c = ctx;
	struct route_role *r = c->role;
	uint32_t number = c->number;
	if (c->state == CONN_CLOSING) {
		drain(r, c);
		return;
	}
	if (c->state == CONN_CONNECTING) {
		int err = 0;
		socklen_t n = sizeof err;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
			err = errno;
		if (err)
			lost(r, c, -err, now);
		else
			up(r, c, GRETEL_FACT_CONNECTED, now);
		route_run(r, now);
		return;
	}
	if (events & EPOLLOUT) {
		net_output(r, number);
		route_run(r, now);
	}
	if (events & ~(uint32_t)EPOLLOUT)
		readable(r, number, now);
}

/* --- opening --- */

void net_open(struct route_role *r, uint32_t number, const struct gretel_connect *g, bool program, mono_t now)
{
	struct conn *c = number && !(number & GRETEL_CONN_IN) && !find(r, number) ? conn_new(r, number) : NULL;
	struct m_route_socket m;
	int rc = c ? 0 : -ENFILE;
	(void)now;
	memset(&m, 0, sizeof m);
	if (c) {
		c->state = CONN_ASKED;
		c->program = program;
		c->ticket = ++r->next_ticket ? r->next_ticket : ++r->next_ticket;
		hmap_add(&r->tickets, &c->by_ticket, number_hash(&r->tickets, c->ticket));
	}
	if (c && g) {
		m = (struct m_route_socket){.kind = ROUTE_SOCK_BGP, .peer = g->peer, .remote = route_addr_in(&g->remote),
		                            .local = route_addr_in(&g->local), .port = g->port, .ifindex = g->ifindex,
		                            .ttl = g->ttl, .min_ttl = g->min_ttl, .md5 = g->md5 != 0};
		c->remote = m.remote;
		c->port = m.port;
		c->ifindex = m.ifindex;
	}
	if (c)
		rc = privsep_send(r->priv, program ? RV_EXEC : RV_SOCKET, c->ticket, program ? NULL : &m, SPAN(NULL, 0), NULL, 0);
	if (rc < 0 && c) {
		lost(r, c, rc, now);
	} else if (rc < 0) {
		struct gretel_fact f = {.type = program ? GRETEL_FACT_EXEC_ENDED : GRETEL_FACT_CLOSED, .conn = number, .status = rc};
		route_report(r, &f, now);
	}
}

static struct conn *by_ticket(struct route_role *r, uint32_t ticket)
{
	for (struct hnode *n = hmap_first(&r->tickets, number_hash(&r->tickets, ticket)); n; n = hmap_next(n)) {
		struct conn *c = CONTAINER_OF(n, struct conn, by_ticket);
		if (c->ticket == ticket)
			return c;
	}
	return NULL;
}

void net_fd(struct route_role *r, struct priv_msg *m, mono_t now)
{
	struct conn *c = by_ticket(r, m->ticket);
	int status = ((const struct e_route_fd *)m->body)->status;
	struct sockaddr_storage to;
	if (!c || m->n_fds != 1) {
		if (c) {
			route_log(r, 1, "no socket for a session: %s", priv_msg_text(m));
			lost(r, c, status < 0 ? status : -EBADF, now);
		}
		return;
	}
	hmap_del(&r->tickets, &c->by_ticket);
	c->ticket = 0;
	c->fd = m->fd[0];
	m->fd[0] = -1; /* kept */
	c->events = EPOLLOUT;
	if (c->program) {
		c->events = EPOLLIN;
		if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || loop_add(r->loop, c->fd, EPOLLIN, on_conn, c) < 0) {
			lost(r, c, -EMFILE, now);
			return;
		}
		up(r, c, GRETEL_FACT_EXEC_STARTED, now);
		return;
	}
	socklen_t n = sockaddr_of(&c->remote, c->port, c->ifindex, &to);
	int rc = connect(c->fd, (struct sockaddr *)&to, n) < 0 && errno != EINPROGRESS ? -errno : 0;
	c->state = CONN_CONNECTING;
	if (rc == 0)
		rc = loop_add(r->loop, c->fd, EPOLLOUT, on_conn, c);
	if (rc < 0)
		lost(r, c, rc, now);
}

/* The TTL of the packet that completed the handshake; -1: the kernel does not say. */
static int hops_seen(int fd, bool v6)
{
	enum { IPV6_PKTOPTIONS_2292 = 6 };
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, on = 1, ttl = -1;
	_Alignas(struct cmsghdr) uint8_t buf[CMSG_SPACE(sizeof ttl) + CMSG_SPACE(256)];
	socklen_t n = sizeof buf;
	if (setsockopt(fd, level, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof on) < 0 ||
	    getsockopt(fd, level, v6 ? IPV6_PKTOPTIONS_2292 : IP_PKTOPTIONS, buf, &n) < 0)
		return -1;
	struct msghdr h = {.msg_control = buf, .msg_controllen = n};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level == level && c->cmsg_type == (v6 ? IPV6_HOPLIMIT : IP_TTL) && c->cmsg_len >= CMSG_LEN(sizeof ttl))
			memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
	}
	return ttl;
}

/* GTSM (RFC 5082) on a session that came in: the listener could not know whose it would be, so that octets may be here already
 * whose TTL nobody has looked at; they came from as far away as the handshake. False: too far. */
static bool hops_set(struct route_role *r, int fd, const struct addr *remote)
{
	const struct conf_bgp *b = r->conf ? conf_bgp(r->conf) : NULL;
	for (uint32_t i = 0; b && i < b->peers.n; i++) {
		const struct conf_bgp_peer *p = conf_at(r->conf, b->peers, sizeof *p, i);
		if (!p || !(p->address.family ? addr_eq(&p->address, remote) : addr_in(remote, &p->range)))
			continue;
		bool v6 = remote->family == AF_V6;
		int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, ttl = p->gtsm_hops ? 255 : p->ttl, min = 256 - p->gtsm_hops;
		if (ttl)
			(void)setsockopt(fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl, sizeof ttl);
		if (!p->gtsm_hops)
			return true;
		(void)setsockopt(fd, level, v6 ? IPV6_MINHOPCOUNT : IP_MINTTL, &min, sizeof min);
		int seen = hops_seen(fd, v6);
		return seen < 0 || seen >= min;
	}
	return true;
}

static void on_listen(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct route_role *r = ctx;
	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage s;
		socklen_t n = sizeof s;
		uint16_t port;
		uint32_t scope;
		int got = accept4(fd, (struct sockaddr *)&s, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got < 0)
			break;
		struct addr remote = addr_of(&s, &port, &scope);
		bool near = hops_set(r, got, &remote);
		struct conn *c = near && r->module->input ? conn_new(r, GRETEL_CONN_IN | (++r->next_in & ~GRETEL_CONN_IN)) : NULL;
		if (!c || loop_add(r->loop, got, EPOLLIN, on_conn, c) < 0) {
			close(got);
			if (c)
				conn_free(r, c);
			continue;
		}
		c->fd = got;
		c->events = EPOLLIN;
		up(r, c, GRETEL_FACT_ACCEPTED, now);
		route_run(r, now);
	}
}

/* Who calls before we know what this host has waits in the listener's queue: a peer that was turned away would try again
 * after seconds. */
int listeners_watch(struct route_role *r)
{
	int rc = 0;
	for (size_t i = 0; i < ROUTE_LISTEN_MAX && r->synced; i++) {
		if (r->listen[i] >= 0 && !r->listen_watched[i] && loop_add(r->loop, r->listen[i], EPOLLIN, on_listen, r) < 0)
			rc = -ENOMEM;
		else
			r->listen_watched[i] = r->listen[i] >= 0;
	}
	return rc;
}

int listeners_adopt(struct route_role *r, struct priv_msg *m)
{
	const struct e_route_listen *e = m->body;
	uint32_t at = 0;
	int rc = 0;
	for (size_t i = 0; i < ROUTE_LISTEN_MAX; i++) {
		if (r->listen_watched[i])
			loop_del(r->loop, r->listen[i]);
		if (r->listen[i] >= 0)
			close(r->listen[i]);
		r->listen[i] = -1;
		r->listen_watched[i] = false;
	}
	for (uint8_t i = 0; i < e->n && i < ROUTE_LISTEN_MAX && at < m->n_fds; i++, at++) {
		r->listen[i] = m->fd[at];
		m->fd[at] = -1; /* kept */
	}
	for (int i = 0; i < 4; i++) {
		int fd = -1;
		if (e->bfd[i] && at < m->n_fds) {
			fd = m->fd[at];
			m->fd[at++] = -1;
		}
		if (bfd_adopt(r, i, fd) < 0)
			rc = -ENOMEM;
	}
	return listeners_watch(r) < 0 ? -ENOMEM : rc;
}

/* --- writing --- */

void net_output(struct route_role *r, uint32_t number)
{
	struct conn *c = find(r, number);
	if (c && c->state == CONN_UP && list_empty(&c->out))
		list_add_tail(&r->writers, &c->out);
}

/* 0: all is out; 1: the socket takes no more now; -errno: it is broken. */
static int write_out(struct route_role *r, struct conn *c, mono_t now)
{
	for (size_t total = 0; total < WRITE_MAX;) {
		struct gretel_span s[SPANS];
		struct iovec v[SPANS];
		size_t n = r->module->output ? r->module->output(r->self, c->number, s, SPANS) : 0, want = 0;
		for (size_t i = 0; i < n; i++) {
			v[i] = (struct iovec){.iov_base = (void *)(uintptr_t)s[i].p, .iov_len = s[i].n};
			want += s[i].n;
		}
		if (want == 0)
			return 0;
		ssize_t done = writev(c->fd, v, (int)n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN ? 1 : -errno;
		total += (size_t)done;
		r->module->sent(r->self, c->number, (size_t)done, now, &r->acts);
		if ((size_t)done < want)
			return 1;
		if (r->acts.n > r->acts.max / 2)
			return 1; /* room first */
	}
	return 1;
}

void net_write(struct route_role *r, mono_t now)
{
	struct list mine;
	list_init(&mine);
	while (!list_empty(&r->writers)) { /* those that are added meanwhile have their turn later */
		struct list *n = r->writers.next;
		list_del(n);
		list_add_tail(&mine, n);
	}
	while (!list_empty(&mine)) {
		struct conn *c = CONTAINER_OF(mine.next, struct conn, out);
		list_del(&c->out);
		int rc = write_out(r, c, now);
		if (rc < 0)
			lost(r, c, rc, now);
		else
			watch(c, rc == 1 ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
}

/* --- closing --- */

void net_close(struct route_role *r, uint32_t number, mono_t now)
{
	struct conn *c = find(r, number);
	if (!c)
		return;
	if (c->state == CONN_UP)
		(void)write_out(r, c, now);
	if (c->state != CONN_UP || shutdown(c->fd, SHUT_WR) < 0) {
		conn_free(r, c);
		return;
	}
	forget(r, c);
	c->state = CONN_CLOSING;
	c->close_at = mono_add(now, DUR_MS(LINGER_MS));
	watch(c, EPOLLIN);
}

mono_t net_due(const struct route_role *r)
{
	mono_t due = MONO_NEVER;
	LIST_EACH(it, tmp, &r->all)
		due = mono_min(due, LIST_ENTRY(it, struct conn, node)->close_at);
	return due;
}

void net_is_due(struct route_role *r, mono_t now)
{
	LIST_EACH(it, tmp, &r->all) {
		struct conn *c = LIST_ENTRY(it, struct conn, node);
		if (c->close_at <= now)
			conn_free(r, c);
	}
}
