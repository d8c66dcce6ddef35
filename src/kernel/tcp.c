/* The sockets of BGP and BFD, as far as they need privileges: the well-known port, TCP MD5 signatures (RFC 2385), the hop limits of
 * GTSM (RFC 5082), a device. Whoever gets one of them connects, accepts, reads and writes by itself. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

/* RFC 4594 3.1: routing protocols are of the class CS6. RFC 5881 5: a BFD session's port is one of these. */
enum { TOS_CS6 = 0xc0, BACKLOG = 128, BFD_PORT_FIRST = 49152, BFD_TRIES = 64 };

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static socklen_t sockaddr_of(const struct addr *a, uint16_t port, uint32_t scope, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (a->family == AF_V6) {
		struct sockaddr_in6 s = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
		memcpy(&s.sin6_addr, a->b, 16);
		s.sin6_scope_id = a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80 ? scope : 0;
		memcpy(out, &s, sizeof s);
		return sizeof s;
	}
	struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&s.sin_addr, a->b, 4);
	memcpy(out, &s, sizeof s);
	return sizeof s;
}

static int set_class(int fd, uint8_t family)
{
	return family == AF_V6 ? set(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS_CS6) : set(fd, IPPROTO_IP, IP_TOS, TOS_CS6);
}

static int set_hops(int fd, uint8_t family, uint8_t ttl, uint8_t min_ttl)
{
	bool v6 = family == AF_V6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, rc = 0;
	if (ttl)
		rc = set(fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL, ttl);
	if (rc == 0 && min_ttl)
		rc = set(fd, level, v6 ? IPV6_MINHOPCOUNT : IP_MINTTL, min_ttl);
	return rc;
}

int kernel_tcp_md5(int fd, const struct prefix *peer, const void *key, size_t n)
{
	struct tcp_md5sig m;
	bool host = peer->len == 8 * addr_len(&peer->addr);
	memset(&m, 0, sizeof m);
	if (n > sizeof m.tcpm_key)
		return -EMSGSIZE;
	(void)sockaddr_of(&peer->addr, 0, 0, (struct sockaddr_storage *)&m.tcpm_addr);
	m.tcpm_flags = host ? 0 : TCP_MD5SIG_FLAG_PREFIX;
	m.tcpm_prefixlen = host ? 0 : peer->len;
	m.tcpm_keylen = (uint16_t)n;
	memcpy(m.tcpm_key, key, n);
	int rc = setsockopt(fd, IPPROTO_TCP, host ? TCP_MD5SIG : TCP_MD5SIG_EXT, &m, sizeof m) < 0 ? -errno : 0;
	wipe(&m, sizeof m);
	return n == 0 && rc == -ENOENT ? 0 : rc;
}

static int prepare(int fd, const struct kernel_tcp *t)
{
	struct sockaddr_storage at;
	int rc = set_class(fd, t->remote.family);
	if (rc == 0)
		rc = set_hops(fd, t->remote.family, t->ttl, t->min_ttl);
	if (rc == 0)
		rc = set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (rc == 0 && t->ifindex)
		rc = set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)t->ifindex);
	if (rc == 0 && t->key_len) {
		struct prefix p = {.addr = t->remote, .len = (uint8_t)(8 * addr_len(&t->remote))};
		rc = kernel_tcp_md5(fd, &p, t->key, t->key_len);
	}
	if (rc < 0 || t->local.family == AF_NONE)
		return rc;
	if (t->local.family == AF_V4)
		(void)set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	socklen_t n = sockaddr_of(&t->local, 0, t->ifindex, &at);
	return bind(fd, (struct sockaddr *)&at, n) < 0 ? -errno : 0;
}

static int socket_open(uint8_t family, int type)
{
	int fd = socket(family == AF_V6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int keep(int fd, int rc)
{
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

int kernel_tcp_open(const struct kernel_tcp *t)
{
	int fd = socket_open(t->remote.family, SOCK_STREAM);
	return fd < 0 ? fd : keep(fd, prepare(fd, t));
}

static int listen_at(int fd, const struct addr *at, uint16_t port, bool ttl_max)
{
	struct sockaddr_storage s;
	socklen_t n = sockaddr_of(at, port, 0, &s);
	int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && at->family == AF_V6)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0)
		rc = set_class(fd, at->family);
	if (rc == 0 && ttl_max)
		rc = set_hops(fd, at->family, 255, 0);
	if (rc == 0 && !addr_is_any(at)) /* the address may come with a tunnel */
		rc = at->family == AF_V6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) : set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (rc == 0 && bind(fd, (struct sockaddr *)&s, n) < 0)
		rc = -errno;
	return rc == 0 && listen(fd, BACKLOG) < 0 ? -errno : rc;
}

int kernel_tcp_listen(const struct addr *at, uint16_t port, bool ttl_max)
{
	int fd = socket_open(at->family, SOCK_STREAM);
	return fd < 0 ? fd : keep(fd, listen_at(fd, at, port, ttl_max));
}

uint8_t kernel_socket_family(int fd)
{
	int domain = 0;
	socklen_t n = sizeof domain;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0)
		return AF_NONE;
	return domain == AF_INET ? AF_V4 : domain == AF_INET6 ? AF_V6 : AF_NONE;
}

/* --- BFD --- */

static int bfd_receive(int fd, uint8_t family, uint16_t port)
{
	struct sockaddr_storage s;
	struct addr any = addr_any(family);
	bool v6 = family == AF_V6;
	int rc = v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
	if (rc == 0)
		rc = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (rc == 0)
		rc = v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) : set(fd, IPPROTO_IP, IP_RECVTTL, 1);
	socklen_t n = sockaddr_of(&any, port, 0, &s);
	return rc == 0 && bind(fd, (struct sockaddr *)&s, n) < 0 ? -errno : rc;
}

int kernel_bfd_listen(uint8_t family, bool multihop)
{
	int fd = socket_open(family, SOCK_DGRAM);
	return fd < 0 ? fd : keep(fd, bfd_receive(fd, family, multihop ? KERNEL_BFD_MULTIHOP : KERNEL_BFD_PORT));
}

static int bfd_send(int fd, const struct addr *remote, const struct addr *local, uint32_t ifindex, uint16_t port,
                    uint16_t hint)
{
	struct sockaddr_storage s;
	struct addr from = local->family ? *local : addr_any(remote->family);
	int rc = set_class(fd, remote->family);
	if (rc == 0)
		rc = set_hops(fd, remote->family, 255, 0); /* RFC 5881 5 */
	if (rc == 0 && ifindex)
		rc = set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex);
	for (unsigned i = 0; rc == 0 && i < BFD_TRIES; i++) {
		uint16_t at = (uint16_t)(BFD_PORT_FIRST + (hint + i * 251u) % (65536u - BFD_PORT_FIRST));
		socklen_t n = sockaddr_of(&from, at, ifindex, &s);
		if (bind(fd, (struct sockaddr *)&s, n) == 0)
			break;
		if (errno != EADDRINUSE || i + 1 == BFD_TRIES)
			rc = -errno;
	}
	socklen_t n = sockaddr_of(remote, port, ifindex, &s);
	return rc == 0 && connect(fd, (struct sockaddr *)&s, n) < 0 ? -errno : rc;
}

int kernel_bfd_open(const struct addr *remote, const struct addr *local, uint32_t ifindex, bool multihop, uint16_t hint)
{
	uint16_t port = multihop ? KERNEL_BFD_MULTIHOP : KERNEL_BFD_PORT;
	int fd = socket_open(remote->family, SOCK_DGRAM);
	return fd < 0 ? fd : keep(fd, bfd_send(fd, remote, local, ifindex, port, hint));
}
