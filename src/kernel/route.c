/* Links, addresses and routes for routing modules: what is there, what changes, and routes of our own, many to a packet.
 *
 * Two sockets: one asks, one listens. The listener drops in the kernel (a BPF program) what the asking socket causes, so
 * that a full table that we install does not come back as as many events. A change asks for no acknowledgement, because the
 * kernel speaks up about a failure anyway; only the last one of a packet does, to mark the end. A route is never
 * installed over one of others: what is not known to be ours is created with NLM_F_EXCL, and a deletion names our
 * protocol, which the kernel compares. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/link_msg.h"
#include "kernel/route_msg.h"
#include "kernel/socket.h"

/* A refusal is answered by one packet each, whose bookkeeping in the kernel is about 1 KiB: PACKET_OPS of them fit. */
enum { RX_MAX = 65536, RCVBUF = 4 << 20, PACKET_OPS = 512, PACKET_MAX = 65536, DUMP_TRIES = 5 };

struct kernel_routes {
	struct mnl_socket *ask, *listen;
	uint32_t seq;
	struct rd pending; /* what is left of the datagram in event_rx */
	_Alignas(8) uint8_t rx[RX_MAX];
	_Alignas(8) uint8_t event_rx[RX_MAX];
	_Alignas(8) uint8_t tx[PACKET_MAX];
};

static const int GROUPS[] = {
	RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, /* no facts: they wake who looks at kernel_forwarding() */
};

/* Accepts all but route messages that the socket `port` caused. The loads are big-endian, netlink is the machine's. */
static int filter_own(int fd, uint32_t port)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_NEWROUTE), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_DELROUTE), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(port), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	code[1].k = RTM_NEWROUTE;
	code[2].k = RTM_DELROUTE;
	code[4].k = port;
#endif
	const struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) < 0 ? -errno : 0;
}

static int open_listener(struct kernel_routes *r)
{
	int rc = nl_socket(BUS_ROUTE, SOCK_NONBLOCK, &r->listen), size = RCVBUF;
	if (rc < 0)
		return rc;
	(void)setsockopt(mnl_socket_get_fd(r->listen), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	rc = filter_own(mnl_socket_get_fd(r->listen), mnl_socket_get_portid(r->ask));
	for (size_t i = 0; i < ARRAY_LEN(GROUPS) && rc == 0; i++) {
		int group = GROUPS[i];
		if (mnl_socket_setsockopt(r->listen, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			rc = -errno;
	}
	return rc;
}

int kernel_routes_open(struct kernel_routes **out)
{
	struct kernel_routes *r = calloc(1, sizeof *r);
	int size = RCVBUF;
	*out = NULL;
	if (!r)
		return -ENOMEM;
	int rc = nl_socket_ask(BUS_ROUTE, &r->ask);
	if (rc == 0) {
		(void)setsockopt(mnl_socket_get_fd(r->ask), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
		rc = open_listener(r);
	}
	if (rc < 0) {
		kernel_routes_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

void kernel_routes_close(struct kernel_routes *r)
{
	if (!r)
		return;
	if (r->ask)
		(void)mnl_socket_close(r->ask);
	if (r->listen)
		(void)mnl_socket_close(r->listen);
	free(r);
}

int kernel_routes_fd(const struct kernel_routes *r) { return mnl_socket_get_fd(r->listen); }

/* ---- events ---- */

int kernel_routes_next(struct kernel_routes *r, struct kernel_fact *out)
{
	for (;;) {
		for (struct nl_msg m; nl_next(&r->pending, &m);) {
			if (route_fact_parse(&m, out))
				return 1;
		}
		r->pending = rd_init(r->event_rx, 0);
		ssize_t n = nl_receive(r->listen, r->event_rx, sizeof r->event_rx);
		if (n == -ENOBUFS || n == -EMSGSIZE) {
			memset(out, 0, sizeof *out);
			out->type = KFACT_OVERRUN;
			return 1;
		}
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		r->pending = rd_init(r->event_rx, (size_t)n);
	}
}

/* ---- dump ---- */

/* One datagram of a dump. 1: it goes on; 0: the end; -errno. */
static int dump_datagram(struct kernel_routes *r, size_t n, kernel_fact_fn *fn, void *ctx, bool *disturbed)
{
	struct rd d = rd_init(r->rx, n);
	struct kernel_fact f;
	char text[160];
	for (struct nl_msg m; nl_next(&d, &m);) {
		if (m.seq != r->seq || m.portid != mnl_socket_get_portid(r->ask))
			continue;
		*disturbed = *disturbed || m.flags & NLM_F_DUMP_INTR;
		if (m.type == NLMSG_DONE && rd_left(&m.body) == 0)
			return 0;
		if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR)
			return nl_result(&m, text, sizeof text);
		if (route_fact_parse(&m, &f))
			fn(ctx, &f);
	}
	return rd_ok(&d) ? 1 : -EBADMSG;
}

static int dump_one(struct kernel_routes *r, struct nlw *w, kernel_fact_fn *fn, void *ctx)
{
	bool disturbed = false;
	int rc = 1;
	w->h->nlmsg_seq = ++r->seq;
	if (mnl_socket_sendto(r->ask, w->h, w->h->nlmsg_len) < 0)
		return -errno;
	while (rc == 1) {
		ssize_t n = nl_receive(r->ask, r->rx, sizeof r->rx);
		rc = n < 0 ? (n == -EAGAIN ? -ETIMEDOUT : (int)n) : dump_datagram(r, (size_t)n, fn, ctx, &disturbed);
	}
	return rc == 0 && disturbed ? -EINTR : rc;
}

/* A dump that was disturbed is repeated: facts may come twice, which is no harm. */
int kernel_routes_dump(struct kernel_routes *r, kernel_fact_fn *fn, void *ctx)
{
	for (unsigned i = 0; i < 4; i++) {
		int rc = -EINTR;
		for (unsigned try = 0; try < DUMP_TRIES && rc == -EINTR; try++) {
			struct nlw w;
			switch (i) {
			case 0: link_msg_dump(&w); break;
			case 1: addr_msg_dump(&w); break;
			default: route_msg_dump(&w, i == 2 ? AF_V4 : AF_V6);
			}
			rc = dump_one(r, &w, fn, ctx);
		}
		/* The events that disturbed it are still to come. A kernel without IPv6 has no such dump. */
		if (rc < 0 && rc != -EINTR && !(i == 3 && (rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT)))
			return rc;
	}
	return 0;
}

/* ---- changes ---- */

/* Reads answers until that to the message `last`; a failure goes to the operation with its number. */
static int collect(struct kernel_routes *r, uint32_t first, uint32_t last, int *status)
{
	char text[160];
	for (;;) {
		ssize_t n = nl_receive(r->ask, r->rx, sizeof r->rx);
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : (int)n;
		struct rd d = rd_init(r->rx, (size_t)n);
		for (struct nl_msg m; nl_next(&d, &m);) {
			uint32_t at = m.seq - first;
			if (m.type != NLMSG_ERROR || at > last - first)
				continue;
			status[at] = nl_result(&m, text, sizeof text);
			if (m.seq == last)
				return 0;
		}
	}
}

/* As many operations as fit into a packet; how many. An operation that makes no message is -EINVAL by itself. */
static size_t packet(struct kernel_routes *r, const struct kernel_route_op *op, size_t n, int *status, size_t *octets)
{
	size_t i = 0, last = SIZE_MAX;
	*octets = 0;
	for (; i < n && i < PACKET_OPS && *octets + ROUTE_MSG_MAX <= PACKET_MAX; i++) {
		size_t len = route_msg_put(r->tx + *octets, &op[i], r->seq + (uint32_t)i, false);
		status[i] = len ? 0 : -EINVAL;
		if (len)
			last = *octets;
		*octets += len;
	}
	if (last != SIZE_MAX) {
		struct nlmsghdr h;
		memcpy(&h, r->tx + last, sizeof h);
		h.nlmsg_flags |= NLM_F_ACK;
		memcpy(r->tx + last, &h, sizeof h);
		r->seq = h.nlmsg_seq; /* of the last message; the caller knows the first */
	}
	return i;
}

int kernel_routes_apply(struct kernel_routes *r, const struct kernel_route_op *op, size_t n, int *status)
{
	for (size_t done = 0; done < n;) {
		size_t octets;
		uint32_t first = ++r->seq;
		size_t k = packet(r, op + done, n - done, status + done, &octets);
		int rc = 0;
		if (octets && mnl_socket_sendto(r->ask, r->tx, octets) < 0)
			rc = -errno;
		if (rc == 0 && octets)
			rc = collect(r, first, r->seq, status + done);
		if (rc < 0) {
			for (size_t i = done; i < n; i++)
				status[i] = rc;
			return rc;
		}
		done += k;
		r->seq = first + (uint32_t)k;
	}
	return 0;
}

bool kernel_forwarding(uint8_t family)
{
	const char *path = family == AF_V6 ? "/proc/sys/net/ipv6/conf/all/forwarding" : "/proc/sys/net/ipv4/ip_forward";
	char c = '0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true; /* nothing is known, so nothing is said */
	bool on = read(fd, &c, 1) != 1 || c != '0';
	close(fd);
	return on;
}
