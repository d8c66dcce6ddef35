/* ike_load: real peers for t_flood.sh: sets up IKE SAs at a steady rate, by the engine itself, and says how that went.
 *
 *   ike_load IPSEC.CONF RATE SECONDS [HOLD FILE]
 *
 * Every conn of the file (auto=add) is a peer with an address and an identity of its own; each is set up, deleted when it is
 * established, and some time later set up again. A kernel for child SAs is only pretended. HOLD: seconds from the start in which
 * no IKE_AUTH goes out; the file gets a line for each IKE SA that waits so: address, both SPIs. Ten seconds after the last
 * start it ends, and prints
 *
 *   begun N established N failed N again N p50_ms N p99_ms N max_ms N
 *
 * again: requests sent again. A set-up that is not established by then has failed. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "crypto/crypto.h"
#include "ike/ike.h"

enum { FACTS_MAX = 1024, DRAIN_S = 10, TIMES_MAX = 1 << 20, PORT = 500, NATT = 4500 };

struct peer {
	mono_t begun;   /* 0: idle */
	bool up;        /* to be taken down */
	bool told;      /* its SPIs are in the file */
};

struct fact {
	struct ike_fact f;
	uint8_t octets[64];
};

static struct {
	struct crypto *crypto;
	struct ike *ike;
	struct conf *conf;
	struct psk_set psks;
	struct peer *peer;      /* by tunnel - 1 */
	struct ike_acts acts;
	struct fact fact[FACTS_MAX];
	unsigned n_facts;
	int udp[2];             /* port 500, NAT-T */
	mono_t hold_until;
	FILE *held;
	uint32_t next, next_spi;
	uint64_t begun, established;
	uint32_t time_us[TIMES_MAX];
} l;

static void *heap_get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}

static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

static struct mem heap = {.get = heap_get, .put = heap_put};

static void die(const char *what)
{
	fprintf(stderr, "ike_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static mono_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return DUR_S(t.tv_sec) + DUR_NS(t.tv_nsec);
}

/* --- the make-believe priv --- */

static void answer(const struct ike_act *a, struct ike_fact f)
{
	if (!a->ticket)
		return;
	if (l.n_facts == FACTS_MAX)
		die("too many facts");
	f.ticket = a->ticket;
	l.fact[l.n_facts++].f = f;
}

static const struct tunnel_conf *conf_of(const struct ike_act *a) { return conf_tunnel(l.conf, a->tunnel - 1); }

/* RFC 7296 2.15 */
static int auth_value(uint16_t id, struct span octets, uint8_t *out)
{
	static const char text[] = "Key Pad for IKEv2";
	const struct psk *k = &l.psks.v[0];
	struct span pad = SPAN(text, sizeof text - 1);
	uint8_t padded[64];
	int rc = prf(l.crypto, id, SPAN(k->key, k->key_len), &pad, 1, padded);
	return rc ? rc : prf(l.crypto, id, SPAN(padded, prf_len(id)), &octets, 1, out);
}

static void sign(const struct ike_act *a)
{
	unsigned i = l.n_facts;
	answer(a, (struct ike_fact){.type = IKE_FACT_SIGNED, .status = auth_value(a->sign.prf, a->sign.octets, l.fact[i].octets)});
	l.fact[i].f.octets = SPAN(l.fact[i].octets, prf_len(a->sign.prf));
}

static void verify(const struct ike_act *a)
{
	uint8_t want[64];
	bool ok = auth_value(a->verify.prf, a->verify.octets, want) == 0 && a->verify.auth.n == prf_len(a->verify.prf) &&
	          crypto_equal(want, a->verify.auth.p, a->verify.auth.n);
	answer(a, (struct ike_fact){.type = IKE_FACT_VERIFIED, .status = ok ? 0 : -EBADMSG, .key = 1, .n_tried = 1});
}

/* --- datagrams --- */

static bool is_held(const struct ike_act *a)
{
	struct ike_hdr h;
	if (now() >= l.hold_until || ike_hdr_decode(a->send.data, &h) != WIRE_OK || h.exchange != IKE_AUTH)
		return false;
	struct peer *p = &l.peer[a->tunnel - 1];
	char text[ADDR_TEXT];
	if (!p->told)
		fprintf(l.held, "%s %llx %llx\n", addr_str(&a->send.local.addr, text), (unsigned long long)h.spi_i,
		        (unsigned long long)h.spi_r);
	p->told = true;
	return true;
}

static void send_out(const struct ike_act *a)
{
	static const uint8_t marker[4];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(a->send.remote.port)};
	struct iovec v[] = {{(void *)(uintptr_t)marker, sizeof marker}, {(void *)(uintptr_t)a->send.data.p, a->send.data.n}};
	_Alignas(8) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
	struct in_pktinfo info = {0};
	bool natt = a->send.natt_port;
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = natt ? v : v + 1, .msg_iovlen = natt ? 2 : 1,
	                   .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (a->send.data.n == 1 || is_held(a))
		return;
	memcpy(&to.sin_addr, a->send.remote.addr.b, 4);
	memcpy(&info.ipi_spec_dst, a->send.local.addr.b, 4);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(c), &info, sizeof info);
	(void)!sendmsg(l.udp[natt], &m, 0);
}

static bool read_one(int natt)
{
	static uint8_t buf[65536];
	struct sockaddr_in from;
	struct iovec v = {buf, sizeof buf};
	_Alignas(8) uint8_t control[256];
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
	                   .msg_controllen = sizeof control};
	ssize_t n = recvmsg(l.udp[natt], &m, MSG_DONTWAIT);
	if (n < 0)
		return false;
	struct ike_datagram d = {.remote = {.addr = addr_from(&from.sin_addr, 4), .port = ntohs(from.sin_port)},
	                         .local.port = natt ? NATT : PORT,
	                         .natt_port = natt,
	                         .data = SPAN(buf, (size_t)n)};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct in_pktinfo info;
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof info);
		d.local.addr = addr_from(&info.ipi_addr, 4);
	}
	if (!natt || udp_encap_classify(d.data, &d.data) == UDP_IKE)
		ike_input(l.ike, &d, now(), &l.acts);
	return true;
}

static int open_udp(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1, room = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("UDP");
	return fd;
}

/* --- the engine --- */

static void tunnel_event(const struct ike_act *a)
{
	struct peer *p = &l.peer[a->tunnel - 1];
	if (a->tunnel_event.event != IKE_EV_IKE_UP || !p->begun || p->up)
		return;
	if (l.established < TIMES_MAX)
		l.time_us[l.established] = (uint32_t)((now() - p->begun) / DUR_NS(1000));
	l.established++;
	p->up = true;
}

static void carry_out(const struct ike_act *a)
{
	switch (a->type) {
	case IKE_ACT_SEND:
		send_out(a);
		break;
	case IKE_ACT_PATH:
		answer(a, (struct ike_fact){.type = IKE_FACT_PATH,
		                            .local.addr = conf_of(a)->local.host[0].lo,
		                            .remote.addr = conf_of(a)->remote.host[0].lo});
		break;
	case IKE_ACT_PSK_SIGN:
		sign(a);
		break;
	case IKE_ACT_PSK_VERIFY:
		verify(a);
		break;
	case IKE_ACT_SPI_ALLOC:
		answer(a, (struct ike_fact){.type = IKE_FACT_SPI, .spi = 0x10000 + l.next_spi++, .reqid = 1});
		break;
	case IKE_ACT_CHILD_INSTALL:
		answer(a, (struct ike_fact){.type = IKE_FACT_INSTALLED});
		break;
	case IKE_ACT_TUNNEL:
		tunnel_event(a);
		break;
	}
}

/* What the engine wants, and what follows from it, until nothing is left. */
static void run(void)
{
	static struct fact f[FACTS_MAX];
	while (l.acts.n || l.n_facts) {
		for (uint32_t i = 0; i < l.acts.n; i++)
			carry_out(&l.acts.v[i]);
		ike_acts_reset(&l.acts);
		unsigned n = l.n_facts;
		memcpy(f, l.fact, n * sizeof *f);
		l.n_facts = 0;
		for (unsigned i = 0; i < n; i++) {
			if (f[i].f.type == IKE_FACT_SIGNED)
				f[i].f.octets.p = f[i].octets;
			ike_report(l.ike, &f[i].f, now(), &l.acts);
			if (l.acts.n > IKE_ACTS_MAX / 2 || l.acts.used > IKE_ARENA / 2) {
				for (uint32_t k = 0; k < l.acts.n; k++)
					carry_out(&l.acts.v[k]);
				ike_acts_reset(&l.acts);
			}
		}
	}
}

static void command(uint8_t type, uint32_t tunnel)
{
	struct ike_cmd c = {.type = type, .tunnel = tunnel, .conf = l.conf,
	                    .t = type == IKE_CMD_TUNNEL_SET ? conf_tunnel(l.conf, tunnel - 1) : NULL};
	ike_command(l.ike, &c, now(), &l.acts);
	run();
}

static void load(const char *path)
{
	struct config_paths where = {.file = path};
	struct config_files files;
	struct diags d;
	config_files_os(&files);
	psk_set_init(&l.psks, &heap);
	diags_init(&d, &heap);
	int rc = config_load(&where, &files, &l.conf, &l.psks, &d);
	for (const struct diag *i = rc || l.conf->n_refused ? d.first : NULL; i; i = i->next) {
		char line[512];
		struct sbuf b = SB(line);
		sb_diag(&b, i);
		fprintf(stderr, "ike_load: %s\n", line);
	}
	if (rc || l.conf->n_refused || l.psks.n != 1 || !(l.peer = calloc(l.conf->n_tunnels, sizeof *l.peer)))
		die(path);
	struct ike_env env = {.mem = &heap, .crypto = l.crypto, .rng = crypto_rng()};
	l.ike = ike_new(&env);
	if (!l.ike)
		die("memory");
	command(IKE_CMD_SETUP, 0);
	for (uint32_t i = 1; i <= l.conf->n_tunnels; i++)
		command(IKE_CMD_TUNNEL_SET, i);
}

static void begin(void)
{
	for (uint32_t tried = 0; tried < l.conf->n_tunnels; tried++) {
		uint32_t i = l.next++ % l.conf->n_tunnels;
		if (l.peer[i].begun)
			continue;
		l.peer[i].begun = now();
		l.begun++;
		command(IKE_CMD_UP, i + 1);
		return;
	}
	die("all peers are busy: more of them are needed");
}

static void take_down(void)
{
	for (uint32_t i = 0; i < l.conf->n_tunnels; i++) {
		if (!l.peer[i].up)
			continue;
		command(IKE_CMD_DOWN, i + 1);
		l.peer[i] = (struct peer){.told = l.peer[i].told};
	}
}

static void turn(mono_t until)
{
	struct pollfd p[] = {{.fd = l.udp[0], .events = POLLIN}, {.fd = l.udp[1], .events = POLLIN}};
	mono_t t = now(), due = mono_min(until, ike_due(l.ike));
	int ms = due > t ? (int)dur_to_ms(due - t) : 0;
	(void)!poll(p, 2, ms < 1 ? 0 : ms > 100 ? 100 : ms);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 64 && read_one(i); k++)
			run();
	}
	if (ike_due(l.ike) <= now())
		ike_timer(l.ike, now(), &l.acts);
	run();
	take_down();
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double at_ms(double share)
{
	return l.established ? l.time_us[(size_t)((double)(l.established - 1) * share)] / 1000.0 : 0;
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 6) {
		fputs("usage: ike_load IPSEC.CONF RATE SECONDS [HOLD FILE]\n", stderr);
		return 2;
	}
	l.crypto = crypto_new();
	if (!l.crypto)
		die("crypto");
	l.udp[0] = open_udp(PORT);
	l.udp[1] = open_udp(NATT);
	load(argv[1]);
	double rate = atof(argv[2]);
	mono_t start = now();
	if (argc == 6) {
		l.hold_until = mono_add(start, DUR_S(atoi(argv[4])));
		l.held = fopen(argv[5], "w");
		if (!l.held)
			die(argv[5]);
		setlinebuf(l.held);
	}
	while ((double)l.begun < rate * atof(argv[3])) {
		if ((double)l.begun < rate * (double)(now() - start) / (double)DUR_S(1))
			begin();
		turn(mono_add(start, (dur_t)((double)(l.begun + 1) / rate * (double)DUR_S(1))));
	}
	mono_t drained = mono_add(l.hold_until > now() ? l.hold_until : now(), DUR_S(DRAIN_S));
	while (now() < drained && l.established < l.begun)
		turn(drained);
	struct ike_counters n;
	ike_counters(l.ike, &n);
	qsort(l.time_us, min_z(l.established, TIMES_MAX), sizeof *l.time_us, compare);
	printf("begun %llu established %llu failed %llu again %llu p50_ms %.1f p99_ms %.1f max_ms %.1f\n", (unsigned long long)l.begun,
	       (unsigned long long)l.established, (unsigned long long)(l.begun - l.established),
	       (unsigned long long)n.retransmits_out, at_ms(0.5), at_ms(0.99), at_ms(1));
	return 0;
}
