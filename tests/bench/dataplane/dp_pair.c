/* One end of a tunnel without IKE: TUN devices, a shared UDP port and one pair of SAs from the command line around src/dataplane, for
 * tests/netns/t_esp_pair.sh and for measurements. Keys follow from the SPIs and protect nothing.
 *
 *     dp_pair -l LOCAL -r REMOTE [-p PORT] -i SPI_IN -o SPI_OUT [-s SUITE] [-w WORKERS] [-b BACKEND] [-f] -d NAME[,key=N][,csum]...
 *     dp_pair -l LOCAL -r REMOTE [-p PORT] -x KIND      sends one batch of datagrams (UDP_SEGMENT), and ends:
 *                                                       esp-ike: ESP of no SA, and a message of IKE behind it
 *                                                       ike-esp: the other way round
 *
 * Addresses and routes of the devices are the caller's business. Says `ready` when it runs, `ike FROM TEXT` for each message of
 * IKE that came inside a batch of ESP, `port FROM TEXT` for those that came to ike's own socket, and at SIGTERM its counters. -f: the
 * outer packets have no DF. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/dataplane.h"
#include "kernel/kernel.h"
#include "loop/loop.h"

enum { DEVICES_MAX = 64, TUNNEL = 1, WINDOW = 64 };

struct end {
	struct addr local, remote;
	uint16_t port;
	uint32_t spi_in, spi_out;
	const char *suite, *inject;
	unsigned workers;
	uint8_t backend;
	bool fragments;
	const char *device[DEVICES_MAX];
	unsigned n_devices;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "dp_pair: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static void *os_get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}
static void os_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}
static struct mem heap = {.get = os_get, .put = os_put};

/* --- the SAs --- */

static struct suite suite_of(const char *text)
{
	static struct proposals p;
	char why[200];
	struct sbuf b = SB(why);
	struct suite s = {.integ = AUTH_NONE};
	if (!proposals_parse(text, PROTO_ESP, &p, &b)) {
		fprintf(stderr, "dp_pair: %s\n", why);
		exit(1);
	}
	for (unsigned i = 0; i < p.p[0].n; i++) {
		const struct transform *t = &p.p[0].t[i];
		if (t->type == T_ENCR) {
			s.encr = t->id;
			s.encr_bits = t->key_bits;
		} else if (t->type == T_INTEG) {
			s.integ = t->id;
		} else if (t->type == T_ESN) {
			s.esn = (uint8_t)t->id;
		}
	}
	return s;
}

static void key_of(uint32_t spi, unsigned salt, size_t n, struct secret *out)
{
	uint8_t b[SECRET_MAX];
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)((spi >> 8 * (i % 4)) ^ (i * 37 + salt));
	if (!secret_set(out, b, n))
		die("key", EINVAL);
}

static void sa_install(struct dataplane *d, const struct end *o)
{
	struct child_sa sa = {
		.reqid = 1, .local = o->local, .remote = o->remote, .sel.proto = 47, .suite = suite_of(o->suite), .encap = true,
		.encap_sport = o->port, .encap_dport = o->port, .replay_window = WINDOW, .in.spi = o->spi_in, .out.spi = o->spi_out,
	};
	struct esp_sa *v[] = {&sa.in, &sa.out};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		key_of(v[i]->spi, 1, suite_encr_key_len(&sa.suite), &v[i]->encr);
		key_of(v[i]->spi, 2, suite_integ_key_len(&sa.suite), &v[i]->integ);
	}
	int rc = esp_sa_install(dataplane_stop(d), TUNNEL, &sa, loop_now(NULL));
	dataplane_go(d);
	if (rc < 0)
		die("SA", rc);
}

/* --- devices and sockets --- */

static struct kernel_tun *device_open(struct kernel *k, struct dataplane *d, const struct end *o, unsigned i)
{
	char text[100];
	struct esp_device e = {.id = 100 + i, .tunnel = TUNNEL, .pmtudisc = !o->fragments, .mtu = 1400, .uso = true};
	struct kernel_tun *t;
	int fds[ESP_WORKERS_MAX];
	size_t n;
	snprintf(text, sizeof text, "%s", o->device[i]);
	char *name = strtok(text, ",");
	for (char *w; (w = strtok(NULL, ","));) {
		e.csum = e.csum || strcmp(w, "csum") == 0;
		if (strncmp(w, "key=", 4) == 0) {
			e.key_set = true;
			e.key = (uint32_t)strtoul(w + 4, NULL, 0);
		}
	}
	int rc = kernel_tun_open(k, name, o->workers, &t);
	if (rc < 0)
		die(name, rc);
	const int *own = kernel_tun_fds(t, &n);
	for (size_t q = 0; q < n; q++)
		fds[q] = fcntl(own[q], F_DUPFD_CLOEXEC, 3);
	rc = kernel_tun_set(k, t, e.mtu, true);
	if (rc == 0)
		rc = dataplane_device(d, &e, fds, (unsigned)n);
	if (rc < 0)
		die(name, rc);
	return t;
}

static int sockets_open(struct dataplane *d, const struct end *o)
{
	int fds[1 + ESP_WORKERS_MAX];
	int rc = kernel_udp_open_shared(o->local.family, o->port, o->workers, fds);
	for (unsigned i = 0; rc == 0 && i < o->workers; i++)
		rc = dataplane_socket(d, i, o->local.family, fds[1 + i]);
	if (rc < 0)
		die("port", rc);
	return fds[0];
}

/* --- what ike would do --- */

static struct endpoint endpoint_of(const struct sockaddr_in6 *s)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)s;
	struct addr a = s->sin6_family == AF_INET6 ? addr_from(&s->sin6_addr, 16) : addr_from(&v4->sin_addr, 4);
	return (struct endpoint){a, ntohs(s->sin6_port)}; /* in the same place for both */
}

static void say(const char *what, const struct endpoint *from, const uint8_t *p, size_t n)
{
	char text[300];
	struct sbuf b = SB(text);
	sb_endpoint(&b, from);
	sb_putc(&b, ' ');
	sb_escape(&b, p, min_z(n, 60));
	printf("%s %s\n", what, text);
	fflush(stdout);
}

static void on_port(int fd, int pair, const struct end *o)
{
	static uint8_t b[sizeof(struct dataplane_note) + 65536];
	struct sockaddr_in6 from;
	socklen_t len = sizeof from;
	uint8_t *p = b + sizeof(struct dataplane_note);
	ssize_t n = recvfrom(fd, p, 65536, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (n < 0) /* what ICMP said, above all that the other end was not there yet */
		(void)!recv(fd, b, sizeof b, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (n < 4)
		return;
	struct dataplane_note note = {.from = endpoint_of(&from), .to = o->local};
	if (!p[0] && !p[1] && !p[2] && !p[3]) {
		say("port", &note.from, p + 4, (size_t)n - 4);
		return;
	}
	memcpy(b, &note, sizeof note);
	(void)!send(pair, b, sizeof note + (size_t)n, MSG_DONTWAIT);
}

static void on_pair(int fd)
{
	static uint8_t b[65536];
	struct dataplane_note note;
	ssize_t n = recv(fd, b, sizeof b, MSG_DONTWAIT);
	if (n < (ssize_t)sizeof note)
		return;
	memcpy(&note, b, sizeof note);
	say("ike", &note.from, b + sizeof note, (size_t)n - sizeof note);
}

static void inject(const struct end *o)
{
	enum { SEG = 64 };
	static const char ike[] = "a message of IKE";
	uint8_t b[3 * SEG] = {0};
	bool first = strcmp(o->inject, "ike-esp") == 0;
	uint16_t seg = SEG;
	uint8_t *at = b + (first ? 0 : 2 * SEG);
	size_t n = first ? sizeof b - 8 : 2 * SEG + 4 + sizeof ike - 1;
	memset(b, 0xee, sizeof b);
	memset(at, 0, 4);
	memcpy(at + 4, ike, sizeof ike - 1);
	int fd = socket(o->local.family == AF_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(o->port)};
	memcpy(&a4.sin_addr, o->remote.b, 4);
	memcpy(&a6.sin6_addr, o->remote.b, 16);
	bool v6 = o->local.family == AF_V6;
	if (fd < 0 || setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &(int){seg}, sizeof(int)) < 0 ||
	    sendto(fd, b, n, 0, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, v6 ? sizeof a6 : sizeof a4) < 0)
		die("inject", errno);
}

/* --- the process --- */

static void counters(struct dataplane *d, const struct esp *e, const struct end *o)
{
	struct dataplane_stats s;
	struct sa_counters c;
	struct timespec t;
	uint64_t drops[ESP_DROP_N];
	dataplane_stats(d, &s);
	printf("reads %lu writes %lu sends %lu receives %lu in %lu out %lu to_ike %lu from_ike %lu device_full %lu socket_full %lu\n",
	       s.reads, s.writes, s.sends, s.receives, s.datagrams_in, s.datagrams_out, s.to_ike, s.from_ike, s.device_full,
	       s.socket_full);
	esp_drops(e, 0, drops);
	for (uint8_t i = 0; i < ESP_DROP_N; i++) {
		if (drops[i])
			printf("drop %s %lu\n", esp_drop_name(i), drops[i]);
	}
	if (esp_sa_query(e, o->spi_in, loop_now(NULL), loop_wall_s(), &c) == 0)
		printf("sa in %lu packets %lu octets out %lu packets %lu octets\n", c.packets_in, c.bytes_in, c.packets_out, c.bytes_out);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	printf("cpu %ld.%03ld s\n", (long)t.tv_sec, t.tv_nsec / 1000000);
}

static void run(struct dataplane *d, struct esp *e, const struct end *o, int port, int pair)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	int sig = signalfd(-1, &set, SFD_CLOEXEC);
	struct pollfd p[] = {{sig, POLLIN, 0}, {dataplane_wake_fd(d), POLLIN, 0}, {port, POLLIN, 0}, {pair, POLLIN, 0}};
	puts("ready");
	fflush(stdout);
	for (;;) {
		mono_t now = loop_now(NULL), due = esp_due(e);
		int wait = due == MONO_NEVER ? -1 : due <= now ? 0 : (int)dur_to_ms(due - now) + 1;
		if (poll(p, ARRAY_LEN(p), wait) < 0)
			die("poll", errno);
		if (p[0].revents)
			break;
		if (p[1].revents) {
			struct esp_event v;
			dataplane_woken(d);
			while (esp_event_next(e, &v))
				printf("event %s\n", v.type == ESP_EV_MAPPING ? "mapping" : v.hard ? "hard" : "soft");
		}
		if (p[2].revents)
			on_port(port, pair, o);
		if (p[3].revents)
			on_pair(pair);
		if (esp_due(e) <= loop_now(NULL)) {
			esp_timer(dataplane_stop(d), loop_now(NULL));
			dataplane_go(d);
		}
	}
	counters(d, e, o);
}

static void random_fill(struct rng *r, void *p, size_t n)
{
	(void)r;
	if (getrandom(p, n, 0) != (ssize_t)n)
		die("random octets", errno);
}

static bool options(int argc, char **argv, struct end *o)
{
	int c;
	while ((c = getopt(argc, argv, "l:r:p:i:o:s:w:b:d:x:f")) != -1) {
		switch (c) {
		case 'l': if (!addr_parse(optarg, &o->local)) return false; break;
		case 'r': if (!addr_parse(optarg, &o->remote)) return false; break;
		case 'p': o->port = (uint16_t)strtoul(optarg, NULL, 0); break;
		case 'i': o->spi_in = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 'o': o->spi_out = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 's': o->suite = optarg; break;
		case 'w': o->workers = (unsigned)strtoul(optarg, NULL, 0); break;
		case 'b':
			o->backend = strcmp(optarg, "ipsec-mb") == 0 ? ESP_BACKEND_IPSEC_MB : ESP_BACKEND_OPENSSL;
			break;
		case 'd':
			if (o->n_devices == DEVICES_MAX)
				return false;
			o->device[o->n_devices++] = optarg;
			break;
		case 'x': o->inject = optarg; break;
		case 'f': o->fragments = true; break;
		default: return false;
		}
	}
	return o->local.family && o->remote.family && (o->inject || (o->spi_in && o->spi_out && o->n_devices));
}

int main(int argc, char **argv)
{
	struct end o = {.port = 4500, .suite = "aes256gcm16!", .workers = 1};
	struct rng rng = {.fill = random_fill};
	struct kernel *k;
	struct kernel_tun *tun[DEVICES_MAX];
	struct dataplane *d;
	sigset_t set;
	int pair[2];
	if (!options(argc, argv, &o)) {
		fputs("dp_pair: see the head of dp_pair.c\n", stderr);
		return 2;
	}
	if (o.inject) {
		inject(&o);
		return 0;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct esp_env env = {.mem = &heap, .crypto = crypto_new(), .rng = &rng, .workers = o.workers, .backend = o.backend};
	int rc = env.crypto ? kernel_open(&k) : -ENOMEM;
	if (rc == 0)
		rc = dataplane_new(&env, &d);
	if (rc < 0)
		die("start", rc);
	for (unsigned i = 0; i < o.n_devices; i++)
		tun[i] = device_open(k, d, &o, i);
	int port = sockets_open(d, &o);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		die("pair", errno);
	dataplane_ike(d, pair[0]);
	sa_install(d, &o);
	struct esp *e = dataplane_stop(d);
	dataplane_go(d);
	run(d, e, &o, port, pair[1]);
	for (unsigned i = 0; i < o.n_devices; i++)
		kernel_tun_close(k, tun[i]);
	kernel_close(k);
	dataplane_free(d);
	crypto_free(env.crypto);
	return 0;
}
