/* Sessions of bgp_load: non-blocking sockets, one epoll, counts. Always the side that connects, but for peer_take(). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define MS UINT64_C(1000000)

enum { IN_SIZE = 1 << 18, HOLD = 180 };

uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void watch(struct load *l, struct peer *p, bool writes, bool add)
{
	struct epoll_event e = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.ptr = p};
	if (epoll_ctl(l->epoll, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, p->fd, &e) != 0)
		perror("epoll_ctl");
}

void peer_close(struct load *l, struct peer *p, bool wanted)
{
	(void)l;
	if (p->fd >= 0)
		close(p->fd);
	if (p->state == PEER_UP && wanted)
		p->lost++;
	p->fd = -1;
	p->state = PEER_DOWN;
	p->wanted = wanted;
	p->in_n = p->small.n = p->bulk_n = 0;
	p->retry = now_ns() + 10 * MS;
}

static void started(struct peer *p)
{
	int one = 1;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!p->in && !(p->in = malloc(IN_SIZE)))
		abort();
	p->called = now_ns();
	p->wanted = true;
}

void peer_call(struct load *l, struct peer *p)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = p->local};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = p->remote, .sin_port = htons(179)};
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&from, sizeof from) != 0) {
		fprintf(stderr, "bgp_load: %s: %s: %s\n", p->name, inet_ntoa(p->local), strerror(errno));
		exit(2);
	}
	started(p);
	if (connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
		peer_close(l, p, true);
		return;
	}
	p->state = PEER_CONNECTING;
	watch(l, p, true, true);
}

static void flush(struct load *l, struct peer *p)
{
	bool had_bulk = p->bulk_n > 0;
	while (p->small.n || p->bulk_n) {
		const uint8_t *from = p->small.n ? p->small.p : p->bulk;
		size_t n = p->small.n ? p->small.n : p->bulk_n;
		ssize_t w = send(p->fd, from, n, MSG_NOSIGNAL);
		if (w < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (w < 0) {
			peer_close(l, p, true);
			return;
		}
		if (p->small.n) {
			memmove(p->small.p, p->small.p + w, p->small.n - (size_t)w);
			p->small.n -= (size_t)w;
		} else {
			p->bulk += w;
			p->bulk_n -= (size_t)w;
		}
	}
	if (had_bulk && !p->bulk_n)
		l->sent = now_ns();
	watch(l, p, p->small.n || p->bulk_n, false);
}

static void connected(struct load *l, struct peer *p)
{
	p->state = PEER_OPEN_SENT;
	msg_open(&p->small, ntohl(p->local.s_addr), HOLD);
	flush(l, p);
}

void peer_take(struct load *l, struct peer *p, int fd)
{
	p->fd = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	started(p);
	watch(l, p, false, true);
	connected(l, p);
}

void peer_send(struct load *l, struct peer *p, const struct octets *bulk)
{
	p->bulk = bulk->p;
	p->bulk_n = bulk->n;
	flush(l, p);
}

static void take_message(struct load *l, struct peer *p, const uint8_t *m, size_t n, uint64_t now)
{
	switch (m[18]) {
	case OPEN:
		p->state = PEER_OPEN_CONFIRM;
		msg_keepalive(&p->small);
		flush(l, p);
		break;
	case KEEPALIVE:
		if (p->state != PEER_OPEN_CONFIRM)
			break;
		p->state = PEER_UP;
		p->up = now;
		p->keepalive = now + HOLD / 3 * 1000 * MS;
		break;
	case UPDATE:
		/* The feeder is told nothing that it has not told itself, and does not look. */
		if (p != l->peers)
			msg_count(&p->count, &l->expect, m, n, now);
		break;
	case NOTIFICATION:
		if (p->state == PEER_UP)
			fprintf(stderr, "bgp_load: %s: NOTIFICATION %u/%u\n", p->name, m[19], m[20]);
		break;
	default:
		break;
	}
}

static void input(struct load *l, struct peer *p)
{
	ssize_t r = recv(p->fd, p->in + p->in_n, IN_SIZE - p->in_n, 0);
	size_t at = 0;
	uint64_t now = now_ns();

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0) {
		peer_close(l, p, p->wanted);
		return;
	}
	p->in_n += (size_t)r;
	while (p->in_n - at >= HEADER) {
		size_t n = (size_t)p->in[at + 16] << 8 | p->in[at + 17];
		if (n < HEADER || n > MSG_MAX) {
			fprintf(stderr, "bgp_load: %s: a message of %zu octets\n", p->name, n);
			p->count.wrong++;
			peer_close(l, p, p->wanted);
			return;
		}
		if (p->in_n - at < n)
			break;
		take_message(l, p, p->in + at, n, now);
		if (p->fd < 0)
			return;
		at += n;
	}
	memmove(p->in, p->in + at, p->in_n - at);
	p->in_n -= at;
}

static void timers(struct load *l, uint64_t now)
{
	for (unsigned i = 0; i < l->n_peers; i++) {
		struct peer *p = &l->peers[i];
		if (p->state == PEER_DOWN && p->wanted && now >= p->retry)
			peer_call(l, p);
		if (p->state == PEER_UP && now >= p->keepalive && !p->bulk_n) {
			p->keepalive = now + HOLD / 3 * 1000 * MS;
			msg_keepalive(&p->small);
			flush(l, p);
		}
	}
}

void load_turn(struct load *l, uint64_t max_ns)
{
	struct epoll_event e[64];
	struct timespec wait = {.tv_sec = (time_t)(max_ns / 1000000000), .tv_nsec = (long)(max_ns % 1000000000)};
	int n = epoll_pwait2(l->epoll, e, 64, &wait, NULL);
	for (int i = 0; i < n; i++) {
		struct peer *p = e[i].data.ptr;
		int error = 0;
		socklen_t len = sizeof error;
		if (!p || p->fd < 0)
			continue;
		if (p->state == PEER_CONNECTING) {
			getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
			if (error)
				peer_close(l, p, true);
			else if (e[i].events & EPOLLOUT)
				connected(l, p);
			continue;
		}
		if (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			input(l, p);
		if (p->fd >= 0 && e[i].events & EPOLLOUT)
			flush(l, p);
	}
	timers(l, now_ns());
}

void load_clear(struct load *l)
{
	const struct feed *f = l->expect.feed;
	for (unsigned i = 1; i < l->n_peers; i++) {
		struct count *c = &l->peers[i].count;
		uint64_t *seen = c->seen;
		struct set_count *sets = c->sets;
		memset(seen, 0, ((size_t)f->prefixes + SPARE) / 8 + 8);
		memset(sets, 0, f->sets * sizeof *sets);
		*c = (struct count){.seen = seen, .sets = sets};
	}
}
