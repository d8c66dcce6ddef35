/* Initiators for tests/bench/ike: our own IKE engine with a tunnel per peer, and a make-believe priv and kernel that answer at once. It talks
 * to whatever responder there is, so that gretel and charon get the same load; its own time counts for nobody.
 *
 *      ike_load [-n PEERS] [-j PARALLEL] [-t SECONDS] [-k] CONF PSK
 *
 * CONF is an ipsec.conf with a conn per peer, each with an address (AnyIP) and an identity of its own. -n: the first so many, default all;
 * -j: so many handshakes at a time; -t: the limit. The first messages are made before the clock runs, so that the responder is the slower
 * of the two. A peer is done when its IKE SA is up, and with -u when its child SA is. It asks for no
 * deletion: what is set up stays, and requests of the responder are answered. Then it prints
 *
 *      done=N failed=N seconds=S p50=MS p99=MS
 *
 * and ends; with -k it goes on answering until it is told to end (SIGTERM), sets up again what it loses, and prints `up=N at=S` (seconds of
 * the monotonic clock) when all are up, or not all any more. */
#include "config/config.h"
#include "ike/ike.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MARKER = 4, EXCHANGE_AT = 18, FLAGS_AT = 19, RETRANSMIT_S = 15, ANSWERS = 1024 };

struct peer {
	mono_t begun, took;
	bool started, done;
	struct ike_act first;    /* IKE_SA_INIT, until it is sent; its data is on the heap */
};

/* What the make-believe priv has still to say. */
struct answer {
	struct ike_fact f;
	uint8_t octets[64];
};

static struct {
	struct mem mem;
	struct answer *answer;   /* a ring */
	uint32_t first, n_answers;
	struct crypto *crypto;
	struct ike *ike;
	struct ike_acts acts;
	struct conf *conf;
	struct peer *peer;
	const char *psk;
	uint32_t n, begun, done, busy, up, next_spi;
	unsigned parallel, limit_s, failed;
	bool stay, children, told_all;
	int udp[2]; /* 500, 4500 */
	uint8_t datagram[65536];
} w;

static volatile sig_atomic_t ended;

static void *get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}
static void put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}

static mono_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return DUR_S(t.tv_sec) + DUR_NS(t.tv_nsec);
}

static void die(const char *what)
{
	fprintf(stderr, "ike_load: %s\n", what);
	exit(2);
}

static void on_end(int signo)
{
	(void)signo;
	ended = 1;
}

/* --- sockets --- */

static int udp_open(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, room = 8 << 20;
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("no socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return fd;
}

/* The first message waits for its turn. */
static bool held_back(const struct ike_act *a)
{
	struct peer *p = a->tunnel ? &w.peer[a->tunnel - 1] : NULL;
	if (!p || p->started || a->send.data.p[EXCHANGE_AT] != IKE_SA_INIT)
		return false;
	if (p->first.send.data.p)
		return true; /* a retransmission, before it was sent at all */
	void *copy = malloc(a->send.data.n);
	if (!copy)
		die("no memory");
	memcpy(copy, a->send.data.p, a->send.data.n);
	p->first = *a;
	p->first.send.data.p = copy;
	return true;
}

static void send_out(const struct ike_act *a)
{
	static const uint8_t marker[MARKER];
	const uint8_t *p = a->send.data.p;
	if (held_back(a))
		return;
	/* Nothing is taken down, nobody is asked whether he is there: requests of our own end with IKE_AUTH. */
	if (!w.stay && a->send.data.n > FLAGS_AT && p[EXCHANGE_AT] == INFORMATIONAL && !(p[FLAGS_AT] & IKE_F_RESPONSE))
		return;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(a->send.remote.port)};
	memcpy(&to.sin_addr, a->send.remote.addr.b, 4);
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {.room = {0}};
	struct iovec v[] = {{(void *)(uintptr_t)marker, MARKER}, {(void *)(uintptr_t)p, a->send.data.n}};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = a->send.natt_port ? v : v + 1,
	                   .msg_iovlen = a->send.natt_port ? 2 : 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct in_pktinfo from = {0};
	memcpy(&from.ipi_spec_dst, a->send.local.addr.b, 4);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof from);
	memcpy(CMSG_DATA(c), &from, sizeof from);
	(void)!sendmsg(w.udp[a->send.natt_port], &m, 0);
}

/* --- the make-believe priv --- */

static size_t auth(uint16_t prf_id, struct span octets, uint8_t out[64])
{
	static const char text[] = "Key Pad for IKEv2"; /* RFC 7296 2.15 */
	uint8_t padded[64];
	struct span pad = SPAN(text, sizeof text - 1);
	if (prf(w.crypto, prf_id, SPAN(w.psk, strlen(w.psk)), &pad, 1, padded) != 0 ||
	    prf(w.crypto, prf_id, SPAN(padded, prf_len(prf_id)), &octets, 1, out) != 0)
		die("no PRF");
	return prf_len(prf_id);
}

static void path_of(const struct ike_act *a, struct ike_fact *f)
{
	const struct tunnel_conf *t = conf_tunnel(w.conf, a->tunnel - 1);
	f->local.addr = t->local.host[0].lo;
	f->remote.addr = t->remote.host[0].lo;
}

static void on_tunnel(const struct ike_act *a, mono_t at)
{
	struct peer *p = &w.peer[a->tunnel - 1];
	uint8_t event = a->tunnel_event.event;
	if (event == (w.children ? IKE_EV_CHILD_UP : IKE_EV_IKE_UP)) {
		w.up++;
		if (p->started && !p->done) {
			p->done = true;
			p->took = at - p->begun;
			w.done++;
			w.busy--;
		}
	} else if (event == (w.children ? IKE_EV_CHILD_DOWN : IKE_EV_IKE_DOWN)) {
		w.up -= w.up > 0;
	} else if (event == IKE_EV_FAILED && !p->done && p->started) {
		if (w.failed++ == 0)
			fprintf(stderr, "ike_load: %s\n", a->tunnel_event.reason);
	}
}

static void answer_later(const struct ike_fact *f, const uint8_t octets[64])
{
	if (w.n_answers == ANSWERS)
		die("too many questions at once");
	struct answer *v = &w.answer[(w.first + w.n_answers++) % ANSWERS];
	v->f = *f;
	memcpy(v->octets, octets, sizeof v->octets);
	if (f->octets.n)
		v->f.octets.p = v->octets;
}

static void do_acts(mono_t at)
{
	for (uint32_t i = 0; i < w.acts.n; i++) {
		struct ike_act *a = &w.acts.v[i];
		struct ike_fact f = {.ticket = a->ticket};
		uint8_t octets[64] = {0};
		switch (a->type) {
		case IKE_ACT_SEND:
			send_out(a);
			continue;
		case IKE_ACT_TUNNEL:
			on_tunnel(a, at);
			continue;
		case IKE_ACT_PATH:
			f.type = IKE_FACT_PATH;
			path_of(a, &f);
			break;
		case IKE_ACT_PSK_SIGN:
			f.type = IKE_FACT_SIGNED;
			f.octets = SPAN(octets, auth(a->sign.prf, a->sign.octets, octets));
			break;
		case IKE_ACT_PSK_VERIFY:
			f.type = IKE_FACT_VERIFIED;
			f.n_tried = f.key = 1;
			if (a->verify.auth.n != auth(a->verify.prf, a->verify.octets, octets) ||
			    !crypto_equal(octets, a->verify.auth.p, a->verify.auth.n))
				f.status = -EBADMSG;
			break;
		case IKE_ACT_SPI_ALLOC:
			f.type = IKE_FACT_SPI;
			f.spi = ++w.next_spi;
			f.reqid = a->tunnel;
			break;
		case IKE_ACT_CHILD_INSTALL:
			if (!a->ticket)
				continue;
			f.type = IKE_FACT_INSTALLED;
			break;
		default:
			continue;
		}
		answer_later(&f, octets);
	}
	if (w.acts.dropped)
		die("actions found no room");
	ike_acts_reset(&w.acts);
}

static void run_acts(mono_t at)
{
	do_acts(at);
	while (w.n_answers) {
		struct answer v = w.answer[w.first];
		w.first = (w.first + 1) % ANSWERS;
		w.n_answers--;
		if (v.f.octets.n)
			v.f.octets.p = v.octets;
		ike_report(w.ike, &v.f, at, &w.acts);
		do_acts(at);
	}
}

/* --- the run --- */

static void command(uint8_t type, uint32_t tunnel, mono_t at)
{
	struct ike_cmd cmd = {.type = type, .tunnel = tunnel, .conf = w.conf};
	if (type == IKE_CMD_TUNNEL_SET)
		cmd.t = conf_tunnel(w.conf, tunnel - 1);
	ike_command(w.ike, &cmd, at, &w.acts);
	run_acts(at);
}

static void load(const char *file)
{
	struct config_files io;
	struct config_paths where = {.file = file};
	struct psk_set psks;
	struct diags d;
	struct ike_env env = {.mem = &w.mem, .rng = crypto_rng()};
	w.mem = (struct mem){.get = get, .put = put};
	psk_set_init(&psks, &w.mem);
	diags_init(&d, &w.mem);
	config_files_os(&io);
	if (config_load(&where, &io, &w.conf, &psks, &d) != 0 || w.conf->n_refused || !w.conf->n_tunnels) {
		char line[512];
		for (const struct diag *i = d.first; i; i = i->next) {
			struct sbuf b = SB(line);
			sb_diag(&b, i);
			fprintf(stderr, "ike_load: %s\n", line);
		}
		die("the configuration cannot be used");
	}
	env.crypto = w.crypto = crypto_new();
	w.ike = w.crypto ? ike_new(&env) : NULL;
	w.peer = calloc(w.conf->n_tunnels, sizeof *w.peer);
	w.answer = calloc(ANSWERS, sizeof *w.answer);
	if (!w.ike || !w.peer || !w.answer)
		die("no memory");
	if (!w.n || w.n > w.conf->n_tunnels)
		w.n = w.conf->n_tunnels;
	w.conf->setup.retransmit.timeout = DUR_S(RETRANSMIT_S);
	w.next_spi = 0x10000;
	command(IKE_CMD_SETUP, 0, now());
	for (uint32_t i = 1; i <= w.n; i++)
		command(IKE_CMD_TUNNEL_SET, i, now());
	for (uint32_t i = 1; i <= w.n; i++)
		command(IKE_CMD_UP, i, now());
}

static void begin(struct peer *p, mono_t at)
{
	p->started = true;
	p->begun = at;
	send_out(&p->first);
	free((void *)(uintptr_t)p->first.send.data.p);
}

static void read_all(int natt, mono_t at)
{
	for (int i = 0; i < 64; i++) {
		struct sockaddr_in from;
		union {
			struct cmsghdr align;
			char room[128];
		} control;
		struct iovec v = {w.datagram, sizeof w.datagram};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1,
		                   .msg_control = control.room, .msg_controllen = sizeof control.room};
		ssize_t n = recvmsg(w.udp[natt], &m, 0);
		if (n < (natt ? MARKER : 1))
			return;
		struct ike_datagram d = {.natt_port = natt, .data = SPAN(w.datagram + (natt ? MARKER : 0), (size_t)n - (natt ? MARKER : 0))};
		d.remote.addr = addr_from(&from.sin_addr, 4);
		d.remote.port = ntohs(from.sin_port);
		d.local.port = natt ? 4500 : 500;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			struct in_pktinfo info;
			if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
				continue;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			d.local.addr = addr_from(&info.ipi_addr, 4);
		}
		ike_input(w.ike, &d, at, &w.acts);
		run_acts(at);
	}
}

static void turn(mono_t at)
{
	struct pollfd p[] = {{.fd = w.udp[0], .events = POLLIN}, {.fd = w.udp[1], .events = POLLIN}};
	mono_t due = ike_due(w.ike);
	dur_t wait = due <= at ? 0 : due == MONO_NEVER || due - at > DUR_MS(100) ? DUR_MS(100) : due - at;
	int n = poll(p, 2, (int)(wait / DUR_MS(1)) + (wait % DUR_MS(1) != 0));
	at = now();
	for (int i = 0; n > 0 && i < 2; i++) {
		if (p[i].revents)
			read_all(i, at);
	}
	if (ike_due(w.ike) <= at) {
		ike_timer(w.ike, at, &w.acts);
		run_acts(at);
	}
}

static int by_time(const void *a, const void *b)
{
	mono_t x = ((const struct peer *)a)->took, y = ((const struct peer *)b)->took;
	return (x > y) - (x < y);
}

static void report(mono_t began)
{
	double s = (double)(now() - began) / 1e9;
	struct peer *v = calloc(w.n, sizeof *v);
	if (!v)
		die("no memory");
	memcpy(v, w.peer, w.n * sizeof *v);
	qsort(v, w.n, sizeof *v, by_time);
	printf("done=%u failed=%u seconds=%.3f p50=%.3f p99=%.3f\n", w.done, w.failed, s, (double)v[w.n / 2].took / 1e6,
	       (double)v[(size_t)(w.n * 0.99)].took / 1e6);
	fflush(stdout);
	free(v);
}

static void tell_up(mono_t at)
{
	bool all = w.up >= w.n;
	if (w.told_all != all)
		printf("up=%u at=%.3f\n", w.up, (double)at / 1e9);
	fflush(stdout);
	w.told_all = all;
}

int main(int argc, char **argv)
{
	w.parallel = 32;
	w.limit_s = 120;
	for (int c; (c = getopt(argc, argv, "n:j:t:ku")) != -1;) {
		if (c == 'n')
			w.n = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'j')
			w.parallel = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 't')
			w.limit_s = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'k')
			w.stay = true;
		else if (c == 'u')
			w.children = true;
		else
			die("usage: ike_load [-n PEERS] [-j PARALLEL] [-t SECONDS] [-k] [-u] CONF PSK");
	}
	if (optind + 2 != argc)
		die("usage: ike_load [-n PEERS] [-j PARALLEL] [-t SECONDS] [-k] [-u] CONF PSK");
	signal(SIGTERM, on_end);
	w.psk = argv[optind + 1];
	load(argv[optind]);
	w.udp[0] = udp_open(500);
	w.udp[1] = udp_open(4500);
	mono_t began = now(), at = began;
	while (!ended && w.done < w.n && at - began < DUR_S(w.limit_s)) {
		for (; w.busy < w.parallel && w.begun < w.n; w.busy++) {
			begin(&w.peer[w.begun++], at);
		}
		turn(at);
		at = now();
	}
	report(began);
	w.conf->setup.retransmit.timeout = DUR_S(1); /* from here on as anybody would have it */
	command(IKE_CMD_SETUP, 0, at);
	while (w.stay && !ended) {
		tell_up(at);
		turn(at);
		at = now();
	}
	return w.done < w.n;
}
