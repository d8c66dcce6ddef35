/* The channel: a message is head, body, tail, descriptors; a packet of a SOCK_SEQPACKET pair is one message, or several that were
 * gathered (privsep_gather), each at a multiple of 16 octets. Checks the frame and the row's shape of what arrives, queues what the
 * socket does not take, wipes what it held. It knows no verb but HELLO and CONF; whose turn it is and what a message means is for
 * the roles. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "privsep/privsep.h"

enum { QUEUE_MAX = 8 * 1024 * 1024, SNDBUF = 1024 * 1024, ALIGN = 16, GATHER = 32 * 1024 };

/* A packet that the socket did not take yet. */
struct packet {
	struct list node;
	size_t n;
	size_t n_fds;
	int fd[PRIV_FDS_MAX];
	uint8_t octets[];
};

struct privsep {
	int fd;
	uint8_t me;
	const struct priv_table *table;
	struct list queue;
	size_t queued;
	uint8_t *gather;         /* GATHER octets, or NULL: each message goes out by itself */
	size_t gathered;         /* octets in it */
	size_t cap;              /* room of buf: the largest message, or what may be gathered */
	size_t used, at;         /* octets of the last packet, and where its next message begins */
	_Alignas(ALIGN) uint8_t buf[];
};

_Static_assert(sizeof(struct priv_head) == ALIGN, "a body is aligned when its message is");

static size_t align_up(size_t n) { return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

static size_t largest(const struct priv_table *t)
{
	size_t max = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct priv_verb *v = &t->row[i];
		max = max_z(max, max_z(v->request.body + (size_t)v->request.max_tail,
		                       v->reply.body + max_z(v->reply.max_tail, PRIV_TEXT_MAX)));
	}
	return max;
}

struct privsep *privsep_adopt(int fd, uint8_t me, const struct priv_table *table)
{
	size_t cap = max_z(sizeof(struct priv_head) + largest(table), GATHER);
	struct privsep *p = calloc(1, sizeof *p + cap);
	if (!p)
		return NULL;
	p->fd = fd;
	p->me = me;
	p->table = table;
	p->cap = cap;
	list_init(&p->queue);
	return p;
}

void privsep_widen(int fd)
{
	/* The kernel's default holds a few messages of this size; more keeps the queue short. A refusal is no harm. */
	(void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SNDBUF}, sizeof(int));
}

struct privsep *privsep_new(int fd, uint8_t me, const struct priv_table *table)
{
	privsep_widen(fd);
	return privsep_adopt(fd, me, table);
}

static void packet_free(struct privsep *p, struct packet *k)
{
	list_del(&k->node);
	p->queued -= k->n;
	for (size_t i = 0; i < k->n_fds; i++)
		close(k->fd[i]);
	explicit_bzero(k->octets, k->n);
	free(k);
}

void privsep_free(struct privsep *p)
{
	if (!p)
		return;
	LIST_EACH(it, tmp, &p->queue)
		packet_free(p, LIST_ENTRY(it, struct packet, node));
	close(p->fd);
	if (p->gather)
		explicit_bzero(p->gather, GATHER);
	free(p->gather);
	explicit_bzero(p->buf, p->cap);
	free(p);
}

void privsep_gather(struct privsep *p)
{
	if (!p->gather)
		p->gather = malloc(GATHER); /* without memory they go one by one */
}

int privsep_fd(const struct privsep *p) { return p->fd; }
bool privsep_pending(const struct privsep *p) { return !list_empty(&p->queue); }
bool privsep_buffered(const struct privsep *p) { return p->at < p->used; }

/* --- Out --- */

/* One packet; 0, -EAGAIN, -EPIPE or another -errno. */
static int put(int fd, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(PRIV_FDS_MAX * sizeof(int))];
	} control = {.room = {0}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n_iov};
	if (n_fds) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

static int keep(struct privsep *p, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	size_t n = 0;
	for (size_t i = 0; i < n_iov; i++)
		n += iov[i].iov_len;
	if (p->queued + n > QUEUE_MAX)
		return -ENOBUFS;
	struct packet *k = malloc(sizeof *k + n);
	if (!k)
		return -ENOBUFS;
	*k = (struct packet){.n = n};
	list_init(&k->node);
	for (size_t i = 0, at = 0; i < n_iov; at += iov[i++].iov_len)
		if (iov[i].iov_len)
			memcpy(k->octets + at, iov[i].iov_base, iov[i].iov_len);
	list_add_tail(&p->queue, &k->node);
	p->queued += n;
	for (; k->n_fds < n_fds; k->n_fds++) {
		k->fd[k->n_fds] = fcntl(fds[k->n_fds], F_DUPFD_CLOEXEC, 3);
		if (k->fd[k->n_fds] < 0) {
			int rc = -errno;
			packet_free(p, k);
			return rc;
		}
	}
	return 0;
}

static int flush_queue(struct privsep *p)
{
	while (!list_empty(&p->queue)) {
		struct packet *k = LIST_ENTRY(p->queue.next, struct packet, node);
		int rc = put(p->fd, &(struct iovec){.iov_base = k->octets, .iov_len = k->n}, 1, k->fd, k->n_fds);
		if (rc == -EAGAIN)
			return 1;
		if (rc < 0)
			return rc;
		packet_free(p, k);
	}
	return 0;
}

/* Order is kept: nothing overtakes the queue. */
static int put_or_keep(struct privsep *p, struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	int rc = flush_queue(p);
	if (rc == 0)
		rc = put(p->fd, iov, n_iov, fds, n_fds);
	else if (rc == 1)
		rc = -EAGAIN;
	return rc == -EAGAIN ? keep(p, iov, n_iov, fds, n_fds) : rc;
}

/* What was gathered becomes a packet. */
static int send_gathered(struct privsep *p)
{
	size_t n = p->gathered;
	if (n == 0)
		return 0;
	p->gathered = 0;
	int rc = put_or_keep(p, &(struct iovec){.iov_base = p->gather, .iov_len = n}, 1, NULL, 0);
	explicit_bzero(p->gather, n);
	return rc;
}

int privsep_flush(struct privsep *p)
{
	int rc = send_gathered(p);
	return rc < 0 ? rc : flush_queue(p);
}

static int gather(struct privsep *p, const struct priv_head *h, const void *body, struct span tail)
{
	size_t n = sizeof *h + h->body + tail.n, at = align_up(p->gathered);
	if (p->queued + at + n > QUEUE_MAX)
		return -ENOBUFS;
	if (at + n > GATHER) {
		int rc = send_gathered(p);
		if (rc < 0)
			return rc;
		at = 0;
	}
	struct wr w = wr_init(p->gather + p->gathered, GATHER - p->gathered);
	(void)wr_space(&w, at - p->gathered);
	wr_bytes(&w, h, sizeof *h);
	wr_bytes(&w, body, h->body);
	wr_bytes(&w, tail.p, tail.n);
	p->gathered = at + n;
	return 0;
}

static int out(struct privsep *p, const struct priv_head *h, const void *body, struct span tail, const int *fds,
               size_t n_fds)
{
	struct iovec iov[] = {
		{.iov_base = (void *)(uintptr_t)h, .iov_len = sizeof *h},
		{.iov_base = (void *)(uintptr_t)body, .iov_len = h->body},
		{.iov_base = (void *)(uintptr_t)tail.p, .iov_len = tail.n},
	};
	if (p->gather && n_fds == 0 && sizeof *h + h->body + tail.n <= GATHER)
		return gather(p, h, body, tail);
	int rc = send_gathered(p);
	return rc < 0 ? rc : put_or_keep(p, iov, ARRAY_LEN(iov), fds, n_fds);
}

int privsep_send(struct privsep *p, uint8_t verb, uint32_t ticket, const void *body, struct span tail, const int *fds,
                 size_t n_fds)
{
	const struct priv_verb *v = priv_verb_find(p->table, verb);
	if (!v || !(v->from & p->me) || (v->request.body && !body) || n_fds < v->request.min_fds ||
	    n_fds > v->request.max_fds || priv_shape_check(&v->request, v->request.body ? body : NULL, tail))
		return -EINVAL;
	struct priv_head h = {.verb = verb, .ticket = ticket, .body = v->request.body, .tail = (uint32_t)tail.n};
	return out(p, &h, body, tail, fds, n_fds);
}

int privsep_reply(struct privsep *p, uint8_t verb, uint32_t ticket, int status, const void *body, struct span tail)
{
	const struct priv_verb *v = priv_verb_find(p->table, verb);
	if (!v || !v->answered || (status >= 0 && v->reply.body && !body) ||
	    tail.n > (status < 0 ? PRIV_TEXT_MAX : v->reply.max_tail))
		return -EINVAL;
	struct priv_head h = {.verb = verb, .reply = 1, .ticket = ticket, .status = status, .tail = (uint32_t)tail.n};
	h.body = body ? v->reply.body : 0;
	return out(p, &h, body, tail, NULL, 0);
}

/* --- In --- */

void priv_msg_close(struct priv_msg *m)
{
	for (size_t i = 0; i < m->n_fds; i++) {
		if (m->fd[i] >= 0)
			close(m->fd[i]);
		m->fd[i] = -1;
	}
	m->n_fds = 0;
}

const char *priv_msg_text(const struct priv_msg *m)
{
	return m->tail.n && m->tail.p[m->tail.n - 1] == 0 ? (const char *)m->tail.p : "";
}

static void take_fds(struct msghdr *h, struct priv_msg *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (m->n_fds < PRIV_FDS_MAX)
				m->fd[m->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* The frame against the row: who sent it, the lengths, the number of descriptors. n: octets behind the head in the packet; what is more
 * than this message must be room for another. */
static bool frame_ok(const struct privsep *p, const struct priv_head *h, size_t n, const struct priv_msg *m)
{
	const struct priv_verb *v = m->row;
	if (!v || h->reply > 1 || (h->reply ? !(v->answered && (v->from & p->me)) : !(v->from & ~p->me)))
		return false;
	const struct priv_shape *s = h->reply ? &v->reply : &v->request;
	bool no_body = h->reply && h->status < 0 && h->body == 0;
	uint64_t all = h->body + (uint64_t)h->tail;
	if ((h->body != s->body && !no_body) || n < all || (n > all && n < align_up((size_t)all) + sizeof *h))
		return false;
	size_t lo = h->reply ? 0 : s->min_fds, hi = h->reply ? 0 : s->max_fds;
	return m->n_fds >= lo && m->n_fds <= hi && (h->reply || h->status == 0);
}

/* The message at p->at. */
static int accept_frame(struct privsep *p, struct priv_msg *m)
{
	struct priv_head h;
	size_t n = p->used - p->at;
	if (n < sizeof h)
		return -EPROTO;
	memcpy(&h, p->buf + p->at, sizeof h);
	const uint8_t *body = p->buf + p->at + sizeof h;
	n -= sizeof h;
	m->row = priv_verb_find(p->table, h.verb);
	if (!frame_ok(p, &h, n, m))
		return -EPROTO;
	size_t all = h.body + (size_t)h.tail;
	p->at = n > all ? p->at + sizeof h + align_up(all) : p->used;
	m->verb = h.verb;
	m->reply = h.reply;
	m->ticket = h.ticket;
	m->status = h.status;
	m->body = h.body ? body : NULL;
	m->tail = SPAN(body + h.body, h.tail);
	struct priv_shape s = h.reply ? m->row->reply : m->row->request;
	if (h.reply && h.status < 0) { /* a sentence instead of what the row promises */
		s.tail = TAIL_TEXT;
		s.max_tail = PRIV_TEXT_MAX;
	}
	m->bad = priv_shape_check(&s, m->body, m->tail);
	return m->bad ? -EBADMSG : 1;
}

/* The next packet; 1, or what privsep_recv returns. */
static int recv_packet(struct privsep *p, struct priv_msg *m)
{
	struct iovec iov = {.iov_base = p->buf, .iov_len = p->cap};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(PRIV_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
	                    .msg_controllen = sizeof control.room};
	explicit_bzero(p->buf, p->used); /* the last messages may have held keys */
	p->used = p->at = 0;
	ssize_t n;
	do
		n = recvmsg(p->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -EPIPE;
	if (n == 0)
		return -EPIPE;
	take_fds(&mh, m);
	p->used = (size_t)n;
	return mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 1;
}

int privsep_recv(struct privsep *p, struct priv_msg *m)
{
	*m = (struct priv_msg){.n_fds = 0};
	int rc = privsep_buffered(p) ? 1 : recv_packet(p, m);
	if (rc == 1)
		rc = accept_frame(p, m);
	if (rc == -EPROTO)
		p->at = p->used;
	if (rc < 0)
		priv_msg_close(m);
	return rc;
}

/* --- HELLO and CONF --- */

int privsep_hello(struct privsep *p, int8_t log_level)
{
	struct m_hello b = {.role = p->me, .log_level = log_level};
	uint64_t id = priv_table_id(p->table);
	memcpy(b.build, &id, sizeof b.build);
	return privsep_send(p, PRIV_HELLO, 0, &b, SPAN(NULL, 0), NULL, 0);
}

bool privsep_hello_ok(const struct privsep *p, const struct priv_msg *m)
{
	const struct m_hello *b = m->body;
	uint64_t id = priv_table_id(p->table);
	return m->verb == PRIV_HELLO && b->role != p->me && memcmp(b->build, &id, sizeof b->build) == 0;
}

const struct conf *privsep_conf_map(const struct priv_msg *m)
{
	enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
	const struct e_conf *e = m->body;
	if (m->verb != PRIV_CONF || m->n_fds != 1 || e->size < sizeof(struct conf) || e->size > UINT32_MAX)
		return NULL;
	struct stat st;
	int seals = fcntl(m->fd[0], F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(m->fd[0], &st) < 0 || (uint64_t)st.st_size != e->size)
		return NULL;
	void *at = mmap(NULL, (size_t)e->size, PROT_READ, MAP_PRIVATE, m->fd[0], 0);
	if (at == MAP_FAILED)
		return NULL;
	const struct conf *c = at;
	if (!conf_check(c, (size_t)e->size) || c->generation != e->generation || c->n_tunnels != e->n_tunnels) {
		munmap(at, (size_t)e->size);
		return NULL;
	}
	return c;
}

void privsep_conf_unmap(const struct conf *c)
{
	if (c)
		munmap((void *)(uintptr_t)c, c->size);
}

bool privsep_conf_held(const struct priv_msg *m, uint32_t i)
{
	return i / 8 < m->tail.n && (m->tail.p[i / 8] >> (i % 8) & 1);
}
