/* forward: what the kernel's TUN and UDP, and one cipher, allow a user-space tunnel: the measure that tests/bench/dataplane/run holds
 * gretel to. IPv4 packets of a TUN device go in UDP datagrams to the peer and back, with all offloads, and with as little else as
 * possible: no negotiation, fixed keys, no replay window, no counters. For measuring only. Shares no code with src/.
 *
 *   forward DEVICE LOCAL REMOTE SIDE CIPHER      addresses; the port is 7000; SIDE 0 or 1; plain | evp | mb (AES-256-GCM)
 *
 * On the wire: SPI, sequence number, and but for plain the IV (8 octets), the packet encrypted, the tag (16): RFC 4106 without trailer.
 *
 *   out   TUN with vnet headers: a TCP packet of up to 64 KiB is cut into its segments (headers, checksums), each is encrypted
 *         straight from where it was read to where it is sent; datagrams of equal size leave in one call with UDP_SEGMENT
 *   in    UDP_GRO: as many datagrams in one call; decrypted in place; consecutive TCP segments, or UDP packets of equal size, of one
 *         flow go to TUN as one packet, by writev, without being copied. Checksums are checked before that */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "forward.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

enum { PORT = 7000, RUNS = 64, DGRAMS = 64, RUN_MAX = 65507, OUT_MAX = 4 * 65536, BUFS = 8, BUF = 65536, PIECES = 512 };

static int tun, udp;
static bool uso;

/* --- checksums --- */

typedef uint64_t v4 __attribute__((vector_size(32)));

/* The sum of n octets as 16-bit words in the order of memory, not yet folded to 16 bits. n may be odd only where a sum ends. */
__attribute__((target_clones("avx2", "default"))) static uint64_t sum(const uint8_t *p, size_t n)
{
	v4 low = {0}, high = {0};
	uint64_t s = 0, w;
	uint32_t d;
	for (; n >= 64; p += 64, n -= 64) {
		v4 x, y;
		memcpy(&x, p, 32);
		memcpy(&y, p + 32, 32);
		low += (x & 0xffffffff) + (y & 0xffffffff);
		high += (x >> 32) + (y >> 32);
	}
	low += high;
	s = low[0] + low[1] + low[2] + low[3];
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		s += (w & 0xffffffff) + (w >> 32);
	}
	if (n & 4) {
		memcpy(&d, p, 4);
		s += d;
		p += 4;
	}
	if (n & 3) {
		d = 0;
		memcpy(&d, p, n & 3);
		s += d;
	}
	return s;
}

static uint16_t fold(uint64_t s)
{
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static uint16_t get16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return ntohs(v); }
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return ntohl(v); }
static void put16(uint8_t *p, unsigned v) { uint16_t w = htons((uint16_t)v); memcpy(p, &w, 2); }
static void put32(uint8_t *p, uint32_t v) { v = htonl(v); memcpy(p, &v, 4); }
static void put_sum(uint8_t *p, uint64_t s) { uint16_t w = fold(s); memcpy(p, &w, 2); }

/* Of the pseudo header: addresses, protocol, length of the transport's part. */
static uint64_t pseudo(const uint8_t *ip, size_t l4)
{
	return sum(ip + 12, 8) + htons(ip[9]) + htons((uint16_t)l4);
}

static void ip_length(uint8_t *ip, size_t n)
{
	put16(ip + 2, (unsigned)n);
	put16(ip + 10, 0);
	put_sum(ip + 10, (uint16_t)~fold(sum(ip, (ip[0] & 15u) * 4)));
}

/* --- out --- */

static uint8_t out[OUT_MAX + BUF];
static size_t out_n;
static struct run { size_t at, n, seg; unsigned count; bool closed; } runs[RUNS];
static unsigned n_runs;
static uint32_t seq;

static void flush(void)
{
	static struct mmsghdr m[RUNS];
	static struct iovec v[RUNS];
	static union { char b[CMSG_SPACE(2)]; struct cmsghdr align; } c[RUNS];
	unsigned done = 0;

	for (unsigned i = 0; i < n_runs; i++) {
		v[i] = (struct iovec){out + runs[i].at, runs[i].n};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
		if (runs[i].count == 1)
			continue;
		uint16_t seg = (uint16_t)runs[i].seg;
		m[i].msg_hdr.msg_control = &c[i];
		m[i].msg_hdr.msg_controllen = sizeof c[i];
		struct cmsghdr *h = CMSG_FIRSTHDR(&m[i].msg_hdr);
		*h = (struct cmsghdr){.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(2)};
		memcpy(CMSG_DATA(h), &seg, 2);
	}
	while (done < n_runs) {
		int k = sendmmsg(udp, m + done, n_runs - done, 0);
		done += k > 0 ? (unsigned)k : 1; /* what cannot be sent is lost */
	}
	n_runs = 0;
	out_n = 0;
}

/* One packet: to the end of a run of its size, or a new one. */
static void datagram(const uint8_t *p, size_t n)
{
	size_t size = n + cipher_room();
	struct run *r = n_runs ? &runs[n_runs - 1] : NULL;
	if (!r || r->closed || size > r->seg || r->count == DGRAMS || r->n + size > RUN_MAX) {
		if (n_runs == RUNS || out_n + size > sizeof out)
			flush();
		r = &runs[n_runs++];
		*r = (struct run){.at = out_n, .seg = size};
	}
	put32(out + out_n, CIPHER_SPI);
	put32(out + out_n + 4, ++seq);
	cipher_seal(out + out_n, p, n, seq);
	out_n += size;
	r->n += size;
	r->count++;
	r->closed = size < r->seg;
}

/* A packet of many segments. The headers of each are laid before its payload, over what has been sent already. */
static void split(uint8_t *ip, size_t n, const struct virtio_net_hdr *v)
{
	size_t l3 = (ip[0] & 15u) * 4, tcp = v->gso_type == VIRTIO_NET_HDR_GSO_TCPV4;
	size_t h = l3 + (tcp ? (ip[l3 + 12] >> 4) * 4u : 8), rest = n - h, at = l3 + (tcp ? 16 : 6);
	uint8_t head[128], flags, *p = ip + h;
	uint32_t tcp_seq = get32(ip + l3 + 4);
	uint16_t id = get16(ip + 4);

	if (h > sizeof head || h >= n || !v->gso_size)
		return;
	memcpy(head, ip, h);
	flags = tcp ? ip[l3 + 13] : 0;
	while (rest) {
		size_t k = rest < v->gso_size ? rest : v->gso_size;
		put16(head + 4, id++);
		ip_length(head, h + k);
		if (tcp) {
			put32(head + l3 + 4, tcp_seq);
			/* FIN and PSH are for the last, CWR for the first. */
			head[l3 + 13] = flags & (k < rest ? (uint8_t)~0x09 : 0xff) & (p > ip + h ? 0x7f : 0xff);
		} else {
			put16(head + l3 + 4, (unsigned)(8 + k));
		}
		memset(head + at, 0, 2);
		put_sum(head + at, (uint16_t)~fold(pseudo(head, h - l3 + k) + sum(head + l3, h - l3) + sum(p, k)));
		if (!tcp && !(head[at] | head[at + 1]))
			memset(head + at, 0xff, 2); /* RFC 768: 0 is "none" */
		memcpy(p - h, head, h);
		datagram(p - h, h + k);
		p += k;
		rest -= k;
		tcp_seq += (uint32_t)k;
	}
}

static bool tun_to_udp(void)
{
	static uint8_t in[sizeof(struct virtio_net_hdr) + BUF + 64];
	unsigned frames = 0;
	while (frames < RUNS && out_n < OUT_MAX / 4) {
		struct virtio_net_hdr v;
		uint8_t *ip = in + sizeof v;
		ssize_t n = read(tun, in, sizeof in - 64);
		if (n < (ssize_t)sizeof v + 20)
			break;
		n -= (ssize_t)sizeof v;
		memcpy(&v, in, sizeof v);
		frames++;
		if (ip[0] >> 4 != 4)
			continue;
		if (v.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 || v.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4) {
			split(ip, (size_t)n, &v);
			continue;
		}
		if (v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && v.csum_start + v.csum_offset + 2 <= n)
			put_sum(ip + v.csum_start + v.csum_offset, (uint16_t)~fold(sum(ip + v.csum_start, (size_t)n - v.csum_start)));
		datagram(ip, (size_t)n);
	}
	if (n_runs)
		flush();
	return frames > 0;
}

/* --- in --- */

static struct merge {
	struct iovec v[PIECES];
	int n_v;
	uint8_t *ip;
	size_t n, l3, h, size;   /* all so far; headers; payload of the first */
	uint32_t next;           /* sequence number */
	bool may, closed;
} merge;

static void deliver(void)
{
	struct virtio_net_hdr v = {0};
	uint8_t *ip = merge.ip;
	if (!merge.n_v)
		return;
	if (merge.n_v > 2) {
		bool tcp = ip[9] == 6;
		ip_length(ip, merge.n);
		v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		v.gso_type = tcp ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_UDP_L4;
		v.hdr_len = (uint16_t)merge.h;
		v.gso_size = (uint16_t)merge.size;
		v.csum_start = (uint16_t)merge.l3;
		v.csum_offset = tcp ? 16 : 6;
		if (!tcp)
			put16(ip + merge.l3 + 4, (unsigned)(merge.n - merge.l3));
		put_sum(ip + merge.l3 + v.csum_offset, pseudo(ip, merge.n - merge.l3));
	}
	merge.v[0] = (struct iovec){&v, sizeof v};
	if (writev(tun, merge.v, merge.n_v) < 0 && errno == EINVAL && ip[9] == 17)
		uso = false;
	merge.n_v = 0;
}

/* A packet that can begin a merged one: TCP without other flags than ACK and PSH, or UDP; with payload, unfragmented. */
static bool can_begin(const uint8_t *ip, size_t n, size_t l3)
{
	if (ip[0] != 0x45 || get16(ip + 2) != n || get16(ip + 6) & 0x3fff)
		return false;
	if (ip[9] == 6)
		return n > 40 && (ip[l3 + 12] >> 4) >= 5 && n > l3 + (ip[l3 + 12] >> 4) * 4u && (ip[l3 + 13] & ~0x18) == 0;
	return ip[9] == 17 && uso && n > 28 && get16(ip + l3 + 4) == n - l3 && (ip[l3 + 6] | ip[l3 + 7]);
}

static bool sum_ok(const uint8_t *ip, size_t n, size_t l3)
{
	return fold(pseudo(ip, n - l3) + sum(ip + l3, n - l3)) == 0xffff;
}

/* All of the headers is equal but length, identification, checksums, and TCP's sequence number and PSH. */
static bool same_flow(const uint8_t *a, const uint8_t *b, size_t h)
{
	if (a[1] != b[1] || memcmp(a + 6, b + 6, 4) != 0 || memcmp(a + 12, b + 12, 12) != 0)
		return false;
	return a[9] == 17 || (a[32] == b[32] && memcmp(a + 28, b + 28, 4) == 0 && memcmp(a + 34, b + 34, 2) == 0 &&
	                      memcmp(a + 40, b + 40, h - 40) == 0);
}

static void packet(uint8_t *ip, size_t n)
{
	size_t l3 = 20, h, k;
	bool may = n >= 28 && can_begin(ip, n, l3);
	h = !may ? n : ip[9] == 6 ? l3 + (ip[l3 + 12] >> 4) * 4u : l3 + 8;
	k = n - h;
	if (may && merge.n_v && merge.may && !merge.closed && h == merge.h && k <= merge.size && merge.n + k <= 65535 &&
	    merge.n_v < PIECES && same_flow(merge.ip, ip, h) && (ip[9] == 17 || get32(ip + l3 + 4) == merge.next) &&
	    (merge.n_v > 2 || sum_ok(merge.ip, merge.n, l3)) && sum_ok(ip, n, l3)) {
		merge.v[merge.n_v++] = (struct iovec){ip + h, k};
		merge.n += k;
		merge.next += (uint32_t)k;
		merge.closed = k < merge.size;
		if (ip[9] == 6 && ip[l3 + 13] & 8) {
			merge.ip[l3 + 13] |= 8;
			merge.closed = true;
		}
		return;
	}
	deliver();
	merge.v[1] = (struct iovec){ip, n};
	merge.n_v = 2;
	merge.ip = ip;
	merge.n = n;
	merge.l3 = l3;
	merge.h = h;
	merge.size = k;
	merge.may = may;
	merge.closed = may && ip[9] == 6 && ip[l3 + 13] & 8;
	merge.next = may && ip[9] == 6 ? get32(ip + l3 + 4) + (uint32_t)k : 0;
}

static bool udp_to_tun(void)
{
	static uint8_t in[BUFS][BUF];
	static struct mmsghdr m[BUFS];
	static struct iovec v[BUFS];
	static union { char b[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } c[BUFS];
	int k;

	for (unsigned i = 0; i < BUFS; i++) {
		v[i] = (struct iovec){in[i], BUF};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1, .msg_control = &c[i], .msg_controllen = sizeof c[i]};
	}
	k = recvmmsg(udp, m, BUFS, MSG_DONTWAIT, NULL);
	for (int i = 0; i < k; i++) {
		int seg = (int)m[i].msg_len;
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&m[i].msg_hdr); h; h = CMSG_NXTHDR(&m[i].msg_hdr, h))
			if (h->cmsg_level == SOL_UDP && h->cmsg_type == UDP_GRO)
				memcpy(&seg, CMSG_DATA(h), sizeof seg);
		for (size_t at = 0; at < m[i].msg_len; at += (size_t)seg) {
			size_t n = m[i].msg_len - at < (size_t)seg ? m[i].msg_len - at : (size_t)seg;
			uint8_t *d = in[i] + at;
			if (n >= cipher_room() + 20 && get32(d) == CIPHER_SPI && cipher_open(d, n))
				packet(d + cipher_head(), n - cipher_room());
		}
	}
	deliver();
	return k > 0;
}

/* --- start --- */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_tun(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &r) < 0)
		die(name);
	uso = ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!uso && ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die("TUNSETOFFLOAD");
}

static void open_udp(const char *local, const char *remote)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)}, b = a;
	int on = 1, size = 4 << 20;
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp < 0 || inet_pton(AF_INET, local, &a.sin_addr) != 1 || inet_pton(AF_INET, remote, &b.sin_addr) != 1 ||
	    bind(udp, (struct sockaddr *)&a, sizeof a) < 0 || connect(udp, (struct sockaddr *)&b, sizeof b) < 0 ||
	    setsockopt(udp, SOL_UDP, UDP_GRO, &on, sizeof on) < 0 ||
	    setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
	    setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		die("UDP socket");
}

int main(int argc, char **argv)
{
	if (argc != 6 || !cipher_new(argv[5], atoi(argv[4]))) {
		fprintf(stderr, "forward DEVICE LOCAL REMOTE 0|1 plain|evp|mb (mb: where it was built in)\n");
		return 2;
	}
	open_tun(argv[1]);
	open_udp(argv[2], argv[3]);
	for (;;) {
		bool busy = udp_to_tun();
		if (tun_to_udp() || busy)
			continue;
		struct pollfd p[2] = {{.fd = tun, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
		poll(p, 2, -1);
	}
}
