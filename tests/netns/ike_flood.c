/* ike_flood: strangers' datagrams at a steady rate, from addresses that are not its own, for t_flood.sh. Links nothing of gretel.
 *
 *   ike_flood IFACE MAC ADDRESS RATE MS init             IKE_SA_INIT, each with another SPI and nonce, from 10.128.0.0/9
 *   ike_flood IFACE MAC ADDRESS RATE MS forged           the same with cookies that do not fit
 *   ike_flood IFACE MAC ADDRESS RATE MS impostor         the same as init in the name of 2,000 peers, 10.2.0.1 to 10.2.7.250
 *   ike_flood IFACE MAC ADDRESS RATE MS garbage FILE     of four datagrams two IKE_AUTH of noise for an IKE SA of the file, one ESP in
 *                                                        UDP and one ESP of an SPI that nobody has
 *
 * MAC, ADDRESS: of the victim, at the other end of the veth pair whose end here is IFACE. A line of FILE: the address of a peer, its SPI,
 * the victim's SPI. Frames go out by a packet socket, in bursts of a millisecond; what a burst could not send in time is not made
 * up for. Prints how many went out in a second. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 64, FRAME = 512, SAS_MAX = 4096, ETH = 14, IP = 20, UDP = 8, TICK_NS = 1000000 };

struct sa {
	uint8_t from[4], spis[16];
};

static struct {
	uint8_t mac[6], to[4];
	enum { INIT, FORGED, IMPOSTOR, GARBAGE } kind;
	struct sa sa[SAS_MAX];
	unsigned n_sas;
	uint64_t state, count;
} g = {.state = 0x9e3779b97f4a7c15u};

static void die(const char *what)
{
	fprintf(stderr, "ike_flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* xorshift64: unlike octets in every datagram are all that is wanted. */
static uint64_t noise(void)
{
	g.state ^= g.state << 13;
	g.state ^= g.state >> 7;
	return g.state ^= g.state << 17;
}

static uint8_t *put(uint8_t *p, const void *v, size_t n)
{
	memcpy(p, v, n);
	return p + n;
}

static uint8_t *put_noise(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = noise();
		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
	return p + n;
}

static uint8_t *put16(uint8_t *p, size_t v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put32(uint8_t *p, size_t v) { return put16(put16(p, v >> 16), v & 0xffff); }

/* RFC 7296 3.1 */
static uint8_t *put_header(uint8_t *p, const uint8_t spis[16], uint8_t first, uint8_t exchange, uint32_t id, size_t body)
{
	const uint8_t mid[] = {first, 0x20, exchange, 0x08};
	return put32(put32(put(put(p, spis, 16), mid, sizeof mid), id), 28 + body);
}

/* AES-256 with SHA-256 and curve 25519 (RFC 7296 3.3), a public value, a nonce; a cookie before them all (2.6). */
static uint8_t *put_init(uint8_t *p)
{
	static const uint8_t proposal[] = {
		40, 0, 0, 48, 0, 0, 0, 44, 1, 1, 0, 4,
		3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0,
		3, 0, 0, 8, 2, 0, 0, 5,
		3, 0, 0, 8, 3, 0, 0, 12,
		0, 0, 0, 8, 4, 0, 0, 31,
	};
	/* The body of SA begins with its type's successor, KE: 34. */
	uint8_t spis[16] = {0}, sa[sizeof proposal];
	memcpy(sa, proposal, sizeof sa);
	sa[0] = 34;
	put_noise(spis, 8);
	bool forged = g.kind == FORGED;
	size_t cookie = forged ? 8 + 33 : 0;
	p = put_header(p, spis, forged ? 41 : 33, 34, 0, cookie + sizeof sa + 40 + 36);
	if (forged)
		p = put_noise(put32(put32(p, 33u << 24 | 41), 16390), 33);
	p = put(p, sa, sizeof sa);
	p = put_noise(put32(put32(p, 40u << 24 | 40), 31u << 16), 32);
	return put_noise(put32(p, 36), 32);
}

/* IKE_AUTH (35) with an SK payload (46) of noise for an IKE SA that is half open. */
static uint8_t *put_auth(uint8_t *p, const struct sa *sa)
{
	enum { SK = 160 };
	p = put_header(put32(p, 0), sa->spis, 46, 35, 1, SK);
	return put_noise(put32(p, 35u << 24 | SK), SK - 4);
}

static void put_ip(uint8_t *ip, const uint8_t from[4], uint8_t proto, size_t n)
{
	uint32_t sum = 0;
	memset(ip, 0, IP);
	ip[0] = 0x45;
	put16(ip + 2, n);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, g.to, 4);
	for (int i = 0; i < IP; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

static size_t make(uint8_t *frame)
{
	uint8_t *ip = frame + ETH, *udp = ip + IP, *p = udp + UDP;
	uint8_t from[4] = {10, (uint8_t)(128 | noise()), (uint8_t)noise(), (uint8_t)(noise() | 1)};
	unsigned turn = (unsigned)(g.count++ & 3);
	uint16_t port = 4500;
	memcpy(frame, g.mac, 6);
	memset(frame + 6, 2, 6);
	put16(frame + 12, ETHERTYPE_IP);
	if (g.kind == IMPOSTOR) {
		from[1] = 2;
		from[2] &= 7;
		from[3] = (uint8_t)(1 + noise() % 250);
	}
	if (g.kind != GARBAGE) {
		p = put_init(p);
		port = 500;
	} else if (turn < 2) {
		const struct sa *sa = &g.sa[noise() % g.n_sas];
		memcpy(from, sa->from, 4);
		p = put_auth(p, sa);
	} else {
		/* The SPI of a kernel's or of a worker's SA is not in this range. */
		p = put_noise(put32(turn == 2 ? p : udp, 0x1000 + noise() % 0x1000), 96);
	}
	bool esp = g.kind == GARBAGE && turn == 3;
	put_ip(ip, from, esp ? IPPROTO_ESP : IPPROTO_UDP, (size_t)(p - ip));
	if (!esp)
		put16(put16(put16(put16(udp, port), port), (size_t)(p - udp)), 0);
	return (size_t)(p - frame);
}

static void read_sas(const char *path)
{
	char from[64];
	unsigned long long i, r;
	FILE *f = fopen(path, "r");
	if (!f)
		die(path);
	while (g.n_sas < SAS_MAX && fscanf(f, "%63s %llx %llx", from, &i, &r) == 3) {
		struct sa *sa = &g.sa[g.n_sas++];
		if (inet_pton(AF_INET, from, sa->from) != 1)
			die(from);
		put32(put32(put32(put32(sa->spis, i >> 32), i & 0xffffffff), r >> 32), r & 0xffffffff);
	}
	fclose(f);
	if (g.n_sas == 0)
		die("no IKE SA in the file");
}

static int open_link(const char *iface)
{
	int one = 1, room = 4 << 20, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die(iface);
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return fd;
}

static uint64_t send_some(int fd, uint64_t n)
{
	static uint8_t frame[BURST][FRAME];
	struct mmsghdr m[BURST];
	struct iovec v[BURST];
	unsigned k = n < BURST ? (unsigned)n : BURST;
	for (unsigned i = 0; i < k; i++) {
		v[i] = (struct iovec){frame[i], make(frame[i])};
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &v[i], .msg_iovlen = 1}};
	}
	int sent = sendmmsg(fd, m, k, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("sendmmsg");
	return sent < 0 ? 0 : (uint64_t)sent;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"init", "forged", "impostor", "garbage"};
	unsigned b[6], kind = 0;
	while (argc > 6 && kind <= GARBAGE && strcmp(argv[6], kinds[kind]) != 0)
		kind++;
	if (argc < 7 || kind > GARBAGE || (kind == GARBAGE && argc < 8) || inet_pton(AF_INET, argv[3], g.to) != 1 ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6) {
		fputs("usage: ike_flood IFACE MAC ADDRESS RATE MS init|forged|impostor|garbage [FILE]\n", stderr);
		return 2;
	}
	for (int i = 0; i < 6; i++)
		g.mac[i] = (uint8_t)b[i];
	g.kind = kind;
	if (kind == GARBAGE)
		read_sas(argv[7]);
	int fd = open_link(argv[1]);
	double rate = atof(argv[4]);
	int64_t start = now(), end = start + atoll(argv[5]) * 1000000, tick = start;
	uint64_t sent = 0, owed = 0, most = (uint64_t)(rate / 50); /* 20 ms of it: what could not go out in time is not made up for */
	double due = 0;
	for (int64_t t = start; t < end; t = now()) {
		due += rate * (double)(t - tick) / 1e9;
		tick = t;
		owed = (uint64_t)due;
		if (owed > most) {
			due -= (double)(owed - most);
			owed = most;
		}
		for (uint64_t n; owed > 0 && (n = send_some(fd, owed)) > 0; owed -= n < owed ? n : owed) {
			sent += n;
			due -= (double)n;
		}
		struct timespec pause = {.tv_nsec = TICK_NS};
		nanosleep(&pause, NULL);
	}
	printf("%.0f\n", (double)sent * 1e9 / (double)(now() - start));
	return 0;
}
