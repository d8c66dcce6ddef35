/* The offloads of esp/ beside the kernel's own, for tests/netns/t_offload.sh, in a name space of its own. Two TUN devices with a route from
 * one to the other: `in` takes super-packets, `out` does not, so what is written to the one is split by the kernel
 * before it is read from the other.
 *
 *   split   a super-packet, split by the kernel and by esp_split: the same octets
 *   merge   packets merged by esp_merge, split by the kernel: the packets again
 *   icmp    what esp_icmp_too_big says is believed by the host's own sockets */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../unit/esp_packets.h"

/* TUN_F_USO4, TUN_F_USO6 and VIRTIO_NET_HDR_GSO_UDP_L4, which headers before Linux 6.2 do not have. */
enum { USO = 0x60, GSO_UDP = 5 };
enum { WAIT_MS = 1000 };
static unsigned failed;
static bool uso;

static void result(bool right, const char *what, const struct packet *o, uint32_t n, const char *why)
{
	if (!right)
		failed++;
	printf("%s %s %s%c %u octets, %u packets%s%s\n", right ? "ok     " : "NOT OK ", what, o->udp ? "udp" : "tcp", o->v6 ? '6' : '4',
	       o->len, n, why ? ": " : "", why ? why : "");
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void must_run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(EXIT_FAILURE);
	}
}

static int device(const char *name, bool offload)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0)
		die(name);
	uso = ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | USO) == 0;
	if (!uso && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
		die("TUNSETOFFLOAD");
	if (!offload && ioctl(fd, TUNSETOFFLOAD, 0) != 0)
		die("TUNSETOFFLOAD 0");
	return fd;
}

static ssize_t give(int fd, const struct esp_vnet *v, const struct span *pieces, uint32_t n)
{
	static const uint8_t gso[] = {VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, GSO_UDP};
	struct virtio_net_hdr h = {.flags = v->csum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0, .gso_type = gso[v->gso], .hdr_len = v->hdr_len,
	                           .gso_size = v->gso_size, .csum_start = v->csum_start, .csum_offset = v->csum_offset};
	struct iovec io[ESP_MERGE_PIECES + 1] = {{&h, sizeof h}};

	for (uint32_t i = 0; i < n; i++)
		io[i + 1] = (struct iovec){(void *)(uintptr_t)pieces[i].p, pieces[i].n};
	return writev(fd, io, (int)n + 1);
}

/* One packet, without its vnet header. 0: none came. */
static size_t take(int fd, uint8_t *p, int wait_ms)
{
	struct virtio_net_hdr h;
	struct iovec io[2] = {{&h, sizeof h}, {p, PACKET_MAX}};
	struct pollfd w = {.fd = fd, .events = POLLIN};

	for (;;) {
		if (poll(&w, 1, wait_ms) <= 0)
			return 0;
		ssize_t n = readv(fd, io, 2);
		/* the kernel's own messages (router solicitations, multicast) are not ours */
		if (n > (ssize_t)sizeof h && (p[0] >> 4 == 4 ? p[9] == IP_TCP || p[9] == IP_UDP : p[6] == IP_TCP || p[6] == IP_UDP))
			return (size_t)n - sizeof h;
	}
}

/* What forwarding does to a packet. */
static void forwarded(uint8_t *p)
{
	if (p[0] >> 4 == 6) {
		p[7]--;
		return;
	}
	p[8]--;
	be16_put(p + 10, 0);
	be16_put(p + 10, (uint16_t)~plain_sum(p, (p[0] & 15u) * 4));
}

static void split(int in, int out, const struct packet *o, uint16_t gso_size)
{
	static uint8_t frame[PACKET_MAX], want[PACKET_MAX], got[PACKET_MAX];
	struct esp_vnet v;
	struct esp_split s;
	const char *why = NULL;
	size_t n = packet_super(o, gso_size, frame, &v);
	struct span piece = SPAN(frame, n);

	v.hdr_len = (uint16_t)(n - o->len);
	if (give(in, &v, &piece, 1) < 0)
		die("write");
	if (esp_split_begin(&s, frame, n, &v) != ESP_DROP_N) {
		result(false, "split", o, 0, "refused");
		return;
	}
	for (uint32_t i = 0; i < s.packets && !why; i++) {
		uint32_t len = esp_split_packet(&s, i, want);
		size_t k = take(out, got, WAIT_MS);
		forwarded(want);
		if (k == 0)
			why = "nothing came";
		else if (k != len || memcmp(want, got, len) != 0)
			why = "other octets";
	}
	if (!why && take(out, got, 0))
		why = "one packet too many";
	result(!why, "split", o, s.packets, why);
}

static void *get(struct mem *m, size_t size) { (void)m; return calloc(1, size); }
static void put(struct mem *m, void *p, size_t size) { (void)m; (void)size; free(p); }

static void merge(int in, int out, const struct packet *first, uint32_t packets)
{
	static uint8_t room[ESP_MERGE_PIECES][2048], want[ESP_MERGE_PIECES][2048], got[PACKET_MAX];
	size_t n[ESP_MERGE_PIECES];
	struct mem mem = {.get = get, .put = put};
	struct esp_merge *m = esp_merge_new(&mem);
	struct packet o = *first;
	const char *why = NULL;
	uint32_t frames = 0;

	for (uint32_t i = 0; m && i < packets; i++) {
		if (i + 1 == packets) {
			o.len = o.len / 2 + 1;
			o.flags |= TCP_PSH;
		}
		n[i] = packet_write(&o, room[i]);
		memcpy(want[i], room[i], n[i]);
		forwarded(want[i]);
		if (!esp_merge_put(m, 1, room[i], n[i], true))
			why = "no room";
		o.seq += o.len;
		o.id++;
	}
	for (const struct esp_frame *f; m && (f = esp_merge_next(m)) != NULL; frames++)
		if (give(in, &f->vnet, f->v, f->n_v) < 0)
			why = "the device does not take it";
	if (frames != 1)
		why = "not one frame";
	for (uint32_t i = 0; i < packets && !why; i++) {
		size_t k = take(out, got, WAIT_MS);
		if (k != n[i] || memcmp(got, want[i], k) != 0)
			why = k ? "other octets" : "nothing came";
	}
	result(!why, "merge", first, packets, why);
	esp_merge_free(&mem, m);
}

/* A UDP socket of this host sends what is too long; then it knows the MTU. */
static void icmp(int out, bool v6)
{
	static uint8_t packet[PACKET_MAX], answer[ESP_ICMP_MAX];
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct packet o = {.v6 = v6, .udp = true, .len = 1472};
	struct esp_vnet v = {0};
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), always = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO, mtu = 0;
	socklen_t size = sizeof mtu;
	uint8_t big[1472] = {0};

	inet_pton(AF_INET, "10.0.0.2", &a4.sin_addr);
	inet_pton(AF_INET6, "fd00::2", &a6.sin6_addr);
	o.len = v6 ? 1452 : 1472;
	if (connect(fd, v6 ? (void *)&a6 : (void *)&a4, v6 ? sizeof a6 : sizeof a4) != 0 ||
	    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &always, sizeof always) != 0 ||
	    send(fd, big, o.len, 0) < 0)
		die("UDP");
	size_t n = take(out, packet, WAIT_MS), len = esp_icmp_too_big(answer, packet, n, 1312, NULL);
	struct span piece = SPAN(answer, len);
	if (n != 1500 || len == 0 || give(out, &v, &piece, 1) < 0) {
		result(false, "icmp", &o, 1, "no answer");
	} else {
		usleep(100000);
		(void)!send(fd, big, 1, 0); /* the error that is pending */
		if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &size) != 0)
			die("IP_MTU");
		result(mtu == 1312, "icmp", &o, 1, mtu == 1312 ? NULL : "the socket does not know");
	}
	close(fd);
}

int main(void)
{
	static const uint16_t sizes[] = {536, 1400, 1428};
	int in = device("in", true), out = device("out", false);

	must_run("ip link set lo up; ip link set in up mtu 1500; ip link set out up mtu 1500");
	must_run("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	must_run("for i in all in out; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done");
	must_run("ip addr add 10.0.1.1/24 dev in; ip addr add 10.0.2.1/24 dev out; ip route add 10.0.0.1 dev in; ip route add 10.0.0.2 dev out");
	must_run("ip -6 addr add fd01::1/64 dev in nodad; ip -6 addr add fd02::1/64 dev out nodad");
	must_run("ip -6 route add fd00::1 dev in; ip -6 route add fd00::2 dev out");
	for (int kind = 0; kind < 8; kind++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			struct packet o = {.v6 = kind & 1, .udp = kind & 2, .df = kind & 4, .ttl = 64, .tos = kind & 4 ? 0xba : 0, .id = 0xfff0, .host = 1,
			                   .sport = 7, .dport = 9, .seq = 0xffff8000, .ack = 5, .window = 99, .flags = kind & 4 ? 0xd9 : 0x18, .options = 12};
			if (o.udp && !uso)
				continue;
			o.len = sizes[i] * 20u + 7;
			split(in, out, &o, sizes[i]);
			o.len = sizes[i] * 3u;
			split(in, out, &o, sizes[i]);
			o.flags = 0x10;
			o.tos = 0;
			o.len = sizes[i];
			merge(in, out, &o, 2);
			merge(in, out, &o, 20);
		}
	icmp(out, false);
	icmp(out, true);
	if (!uso)
		printf("(the kernel's TUN does not know UDP super-packets: those are left out)\n");
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
