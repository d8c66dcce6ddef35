/* Probes: what this kernel can do, and whether a peer's inner address answers (RFC 792, RFC 4443 4.1). */
#include "kernel/probe.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/link_msg.h"
#include "kernel/socket.h"
#include "kernel/xfrm_msg.h"

/* ---- the kernel ---- */

/* XFRM_MSG_UPDSA for an SA that cannot exist (SPI 1 is reserved, RFC 4303 2.1; the addresses are of RFC 5737 and
 * RFC 3849): the kernel builds the state with all that it needs before it finds that there is none to update. */
static bool has_esp(struct kernel *k, uint8_t family)
{
	static const char *const HOSTS[][2] = {{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}};
	struct child_sa sa = {.suite = {.encr = ENCR_AES_CBC, .encr_bits = 128, .integ = AUTH_HMAC_SHA2_256_128},
	                      .in = {.spi = 1, .encr.len = 16, .integ.len = 32}};
	struct nlw w;
	if (!addr_parse(HOSTS[family == AF_V6][0], &sa.local) || !addr_parse(HOSTS[family == AF_V6][1], &sa.remote) ||
	    xfrm_msg_sa(&w, XFRM_MSG_UPDSA, &sa, DIR_IN, NULL) < 0)
		return false;
	return nl_request(k, BUS_XFRM, &w, NULL, NULL) == -ESRCH;
}

static bool has_gre(struct kernel *k, uint8_t family)
{
	struct nlw w;
	link_msg_gre_test(&w, family);
	return nl_request(k, BUS_ROUTE, &w, NULL, NULL) == -EINVAL;
}

void kernel_caps(struct kernel *k, struct kernel_caps *out)
{
	struct nlw w;
	xfrm_msg_policy_dump(&w);
	*out = (struct kernel_caps){
		.xfrm = nl_request(k, BUS_XFRM, &w, NULL, NULL) != -EPROTONOSUPPORT,
		.esp4 = has_esp(k, AF_V4), .esp6 = has_esp(k, AF_V6),
		.gre4 = has_gre(k, AF_V4), .gre6 = has_gre(k, AF_V6),
	};
}

/* ---- the peer ---- */

static uint16_t internet_checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	struct rd r = rd_init(p, n);
	while (rd_left(&r))
		sum += rd_u16(&r);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

size_t probe_request(uint8_t *out, size_t size, uint8_t family, uint16_t id)
{
	struct wr w = wr_init(out, size);
	wr_u8(&w, family == AF_V6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	wr_u16(&w, id);
	wr_u16(&w, 1);
	wr_bytes(&w, "gretel", 6);
	if (!wr_ok(&w))
		return 0;
	if (family == AF_V4) /* the kernel fills ICMPv6's in: it covers the addresses */
		wr_put_u16(&w, 2, internet_checksum(out, w.len));
	return wr_ok(&w) ? w.len : 0;
}

bool probe_is_reply(const uint8_t *p, size_t n, uint8_t family, uint16_t id)
{
	struct rd r = rd_init(p, n);
	if (family == AF_V4) { /* a raw IPv4 socket shows the IP header as well, RFC 791 3.1 */
		uint8_t first = rd_u8(&r);
		size_t header = (first & 15u) * 4u;
		if (first >> 4 != 4 || header < 20)
			return false;
		rd_skip(&r, header - 1);
	}
	uint8_t type = rd_u8(&r), code = rd_u8(&r);
	rd_skip(&r, 2);
	uint16_t got = rd_u16(&r);
	rd_skip(&r, 2);
	return rd_ok(&r) && type == (family == AF_V6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && code == 0 && got == id;
}

static socklen_t to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in s4 = {.sin_family = AF_INET};
	struct sockaddr_in6 s6 = {.sin6_family = AF_INET6};
	memset(out, 0, sizeof *out);
	if (a->family == AF_V6) {
		memcpy(&s6.sin6_addr, a->b, 16);
		memcpy(out, &s6, sizeof s6);
		return sizeof s6;
	}
	memcpy(&s4.sin_addr, a->b, 4);
	memcpy(out, &s4, sizeof s4);
	return sizeof s4;
}

/* Only echo replies, and only those of dst: a socket that wakes its reader for nothing else. */
static int prepare(int fd, uint32_t ifindex, const struct addr *dst)
{
	struct sockaddr_storage to;
	socklen_t n = to_sockaddr(dst, &to);
	int index = (int)ifindex, rc;
	if (dst->family == AF_V6) {
		struct icmp6_filter f;
		ICMP6_FILTER_SETBLOCKALL(&f);
		ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
		rc = setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof f);
	} else {
		struct icmp_filter f = {.data = ~(1u << ICMP_ECHOREPLY)};
		rc = setsockopt(fd, SOL_RAW, ICMP_FILTER, &f, sizeof f);
	}
	if (rc < 0 || (index && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof index) < 0))
		return -errno;
	return connect(fd, (const struct sockaddr *)&to, n) < 0 ? -errno : 0;
}

int kernel_probe_open(uint32_t ifindex, const struct addr *dst, uint16_t id)
{
	uint8_t packet[32];
	size_t n = probe_request(packet, sizeof packet, dst->family, id);
	bool v6 = dst->family == AF_V6;
	if (addr_is_any(dst) || n == 0)
		return -EINVAL;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0)
		return -errno;
	int rc = prepare(fd, ifindex, dst);
	if (rc == 0 && send(fd, packet, n, 0) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

int kernel_probe_read(int fd, const struct addr *dst, uint16_t id)
{
	uint8_t packet[256];
	ssize_t n = recv(fd, packet, sizeof packet, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return probe_is_reply(packet, (size_t)n, dst->family, id);
}
