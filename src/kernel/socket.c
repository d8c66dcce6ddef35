/* The one file with netlink sockets: opens them, asks and waits for the answer, and listens to
 * events. Everything is synchronous: the kernel answers a request before sendmsg(2) returns, so waiting
 * is reading. Only datagrams of the kernel itself count (nl_pid 0): any local process may send us one. */
#include "kernel/socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel/link_msg.h"
#include "kernel/xfrm_msg.h"

/* A dump comes in datagrams of at most this, whatever we offer. */
enum { RX_MAX = 65536, EVENT_RCVBUF = 1 << 20, ANSWER_S = 5, TEXT_MAX = 160 };

struct bus {
	struct mnl_socket *ask, *listen; /* NULL: the kernel has no such bus */
};

struct kernel {
	struct bus bus[N_BUSES];
	int events;             /* epoll over both listeners */
	uint32_t seq;
	char text[TEXT_MAX];    /* the kernel's own sentence about the last failure */
	struct rd pending;      /* what is left of the datagram in event_rx */
	enum nl_bus pending_bus;
	_Alignas(8) uint8_t rx[RX_MAX];
	_Alignas(8) uint8_t event_rx[RX_MAX];
};

static const int BUS_NUMBER[N_BUSES] = {[BUS_XFRM] = NETLINK_XFRM, [BUS_ROUTE] = NETLINK_ROUTE};
static const int GROUPS[N_BUSES][5] = {
	[BUS_XFRM] = {XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING, XFRMNLGRP_ACQUIRE},
	[BUS_ROUTE] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE},
};

/* ---- open and close ---- */

int nl_socket(enum nl_bus b, int flags, struct mnl_socket **out)
{
	*out = mnl_socket_open2(BUS_NUMBER[b], SOCK_CLOEXEC | flags);
	if (!*out)
		return errno == EPROTONOSUPPORT && b == BUS_XFRM ? 0 : -errno;
	return mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
}

int nl_socket_ask(enum nl_bus b, struct mnl_socket **out)
{
	int rc = nl_socket(b, 0, out), one = 1;
	if (rc < 0 || !*out)
		return rc;
	/* Niceties of newer kernels. The time limit is for a kernel that never answers; it does. */
	struct timeval limit = {.tv_sec = ANSWER_S};
	(void)mnl_socket_setsockopt(*out, NETLINK_EXT_ACK, &one, sizeof one);
	(void)mnl_socket_setsockopt(*out, NETLINK_CAP_ACK, &one, sizeof one);
	return setsockopt(mnl_socket_get_fd(*out), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ? -errno : 0;
}

/* Of routes only those that administrators, DHCP and routers' advertisements make: what routing programs do may be a million at a
 * time, and the kernel's own go with links and addresses. Loads are big-endian. */
static int filter_routes(int fd)
{
	enum { PROTOCOL = sizeof(struct nlmsghdr) + offsetof(struct rtmsg, rtm_protocol) };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_NEWROUTE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_DELROUTE), 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_BOOT, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_STATIC, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_DHCP, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RTPROT_RA, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	code[1].k = RTM_NEWROUTE;
	code[2].k = RTM_DELROUTE;
#endif
	const struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0 ? -errno : 0;
}

static int open_listen(struct kernel *k, enum nl_bus b)
{
	struct mnl_socket **out = &k->bus[b].listen;
	int rc = nl_socket(b, SOCK_NONBLOCK, out), size = EVENT_RCVBUF;
	if (rc < 0 || !*out)
		return rc;
	(void)setsockopt(mnl_socket_get_fd(*out), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (b == BUS_ROUTE && (rc = filter_routes(mnl_socket_get_fd(*out))) < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(GROUPS[b]) && GROUPS[b][i]; i++) {
		int group = GROUPS[b][i];
		if (mnl_socket_setsockopt(*out, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			return -errno;
	}
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = b};
	return epoll_ctl(k->events, EPOLL_CTL_ADD, mnl_socket_get_fd(*out), &e) < 0 ? -errno : 0;
}

int kernel_open(struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof *k);
	int rc = 0;
	*out = NULL;
	if (!k)
		return -ENOMEM;
	k->events = epoll_create1(EPOLL_CLOEXEC);
	if (k->events < 0)
		rc = -errno;
	for (unsigned b = 0; b < N_BUSES && rc == 0; b++) {
		rc = nl_socket_ask(b, &k->bus[b].ask);
		if (rc == 0)
			rc = open_listen(k, b);
	}
	if (rc < 0) {
		kernel_close(k);
		return rc;
	}
	*out = k;
	return 0;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	for (unsigned b = 0; b < N_BUSES; b++) {
		if (k->bus[b].ask)
			(void)mnl_socket_close(k->bus[b].ask);
		if (k->bus[b].listen)
			(void)mnl_socket_close(k->bus[b].listen);
	}
	if (k->events >= 0)
		(void)close(k->events);
	wipe(k->rx, sizeof k->rx);
	free(k);
}

const char *kernel_reason(const struct kernel *k) { return k->text; }

/* ---- receiving ---- */

ssize_t nl_receive(const struct mnl_socket *s, void *buf, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {.iov_base = buf, .iov_len = size};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = recvmsg(mnl_socket_get_fd(s), &m, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (m.msg_namelen != sizeof from || from.nl_family != AF_NETLINK || from.nl_pid != 0)
			continue;
		return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
}

struct answer {
	struct kernel *k;
	uint32_t seq, portid;
	bool ended, disturbed;
	int rc;
	nl_reply_fn *reply;
	void *ctx;
};

static void answer_message(struct answer *a, const struct nl_msg *m)
{
	/* An answer to a request that timed out may still lie there. */
	if (m->seq != a->seq || m->portid != a->portid)
		return;
	if (m->flags & NLM_F_DUMP_INTR)
		a->disturbed = true;
	if (m->type == NLMSG_ERROR || m->type == NLMSG_DONE) {
		/* Before Linux 4.x an empty NLMSG_DONE was possible: that is success. */
		bool empty = m->type == NLMSG_DONE && rd_left(&m->body) == 0;
		int rc = empty ? 0 : nl_result(m, a->k->text, sizeof a->k->text);
		a->ended = true;
		if (rc < 0)
			a->rc = rc;
	} else if (m->type > NLMSG_OVERRUN && a->reply && a->rc == 0) {
		a->rc = a->reply(a->ctx, m);
	}
}

static int collect(struct answer *a, const struct mnl_socket *s)
{
	while (!a->ended) {
		ssize_t n = nl_receive(s, a->k->rx, sizeof a->k->rx);
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : (int)n;
		struct rd r = rd_init(a->k->rx, (size_t)n);
		for (struct nl_msg m; !a->ended && nl_next(&r, &m);)
			answer_message(a, &m);
		wipe(a->k->rx, (size_t)n); /* states come with their keys */
		if (!rd_ok(&r))
			return -EBADMSG;
	}
	return a->rc == 0 && a->disturbed ? -EINTR : a->rc;
}

int nl_request(struct kernel *k, enum nl_bus bus, struct nlw *w, nl_reply_fn *reply, void *ctx)
{
	const struct mnl_socket *s = k->bus[bus].ask;
	k->text[0] = '\0';
	if (w->bad)
		return -EMSGSIZE;
	if (!s)
		return -EPROTONOSUPPORT;
	struct answer a = {.k = k, .seq = ++k->seq, .portid = mnl_socket_get_portid(s), .reply = reply, .ctx = ctx};
	bool dump = (w->h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	w->h->nlmsg_seq = a.seq;
	w->h->nlmsg_flags |= dump ? 0 : NLM_F_ACK;
	ssize_t n;
	do
		n = mnl_socket_sendto(s, w->h, w->h->nlmsg_len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : collect(&a, s);
}

/* ---- events ---- */

int kernel_event_fd(struct kernel *k) { return k->events; }

/* 1: an event; 0: the datagram holds no more. */
static int next_pending(struct kernel *k, struct kernel_event *out)
{
	for (struct nl_msg m; nl_next(&k->pending, &m);) {
		bool told = k->pending_bus == BUS_XFRM ? xfrm_parse_event(&m, out) : link_parse_event(&m, out);
		if (told)
			return 1;
	}
	k->pending = rd_init(k->event_rx, 0);
	return 0;
}

/* 1: a datagram is pending; 0: there is none. */
static int fill_pending(struct kernel *k)
{
	for (unsigned b = 0; b < N_BUSES; b++) {
		if (!k->bus[b].listen)
			continue;
		ssize_t n = nl_receive(k->bus[b].listen, k->event_rx, sizeof k->event_rx);
		if (n == -EAGAIN)
			continue;
		if (n < 0)
			return (int)n;
		k->pending = rd_init(k->event_rx, (size_t)n);
		k->pending_bus = b;
		return 1;
	}
	return 0;
}

int kernel_event_next(struct kernel *k, struct kernel_event *out)
{
	for (;;) {
		if (next_pending(k, out))
			return 1;
		int rc = fill_pending(k);
		if (rc == -ENOBUFS || rc == -EMSGSIZE) {
			/* Some are lost; which, nobody knows: the listener has to look for itself. */
			*out = (struct kernel_event){.type = KERNEL_OVERRUN};
			return 1;
		}
		if (rc <= 0)
			return rc;
	}
}

/* ---- nf_tables ---- */

int nl_nft_batch(const void *msgs, size_t n)
{
	_Alignas(8) uint8_t rx[4096];
	struct timeval limit = {.tv_sec = ANSWER_S};
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!s)
		return -errno;
	int rc = 0;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
	    mnl_socket_sendto(s, msgs, n) < 0)
		rc = -errno;
	/* Only the last message of a batch asks for an answer; one that fails answers unasked, and first. */
	while (rc == 0) {
		ssize_t got = nl_receive(s, rx, sizeof rx);
		struct rd r = rd_init(rx, got > 0 ? (size_t)got : 0);
		struct nl_msg m;
		char text[TEXT_MAX];
		if (got < 0)
			rc = (int)got;
		else if (nl_next(&r, &m) && m.type == NLMSG_ERROR) {
			rc = nl_result(&m, text, sizeof text);
			break;
		}
	}
	(void)mnl_socket_close(s);
	return rc;
}
