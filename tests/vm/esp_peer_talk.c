/* The talk of esp_peer: echoes through the kernel, then replays, forgeries and late packets in both directions. Nothing waits for time
 * to pass: after what must be refused goes an echo that must be answered, and its answer is the first to come back. */
#include "esp_peer.h"

#include "esp/esp_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { ANSWER_MS = 20000, RCVBUF = 16 << 20, ECHO_HEAD = 8, ECHO_BITS = 0xffff };

static bool fail(struct peer *t, const char *why)
{
	t->why = why;
	return false;
}

static mono_t now(void)
{
	struct timespec s;
	clock_gettime(CLOCK_MONOTONIC, &s);
	return DUR_S(s.tv_sec) + s.tv_nsec;
}

static void drop(struct dgrams *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].p);
	d->n = 0;
}

/* A copy of exactly its length, so that a sanitizer would see an over-read. */
static struct dgram copy(const uint8_t *p, size_t n)
{
	struct dgram d = {.p = malloc(n), .n = n};
	if (!d.p)
		abort();
	memcpy(d.p, p, n);
	return d;
}

/* --- The socket --- */

bool talk_open(struct peer *t)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(4500)};
	int on = 1, size = RCVBUF;
	t->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (t->fd < 0 || setsockopt(t->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
	    setsockopt(t->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
	    bind(t->fd, (const struct sockaddr *)&at, sizeof at) < 0)
		return fail(t, strerror(errno));
	return true;
}

static bool transmit(struct peer *t, const struct dgram *d)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(t->sa.encap_dport)};
	struct iovec io = {.iov_base = d->p, .iov_len = d->n};
	struct in_pktinfo info = {0};
	union {
		char b[CMSG_SPACE(sizeof info)];
		struct cmsghdr h;
	} c = {.b = {0}};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &io, .msg_iovlen = 1, .msg_control = c.b,
	                   .msg_controllen = sizeof c.b};
	memcpy(&to.sin_addr, t->sa.remote.b, 4);
	memcpy(&info.ipi_spec_dst, t->sa.local.b, 4);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
	memcpy(CMSG_DATA(h), &info, sizeof info);
	return sendmsg(t->fd, &m, 0) == (ssize_t)d->n || fail(t, "sendmsg");
}

/* n datagrams from the kernel. */
static bool collect(struct peer *t, struct dgrams *got, size_t n)
{
	uint8_t buf[FRAME_ROOM + 200];
	got->n = 0;
	while (got->n < n) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		if (poll(&p, 1, ANSWER_MS) <= 0) {
			drop(got);
			return fail(t, "the kernel does not answer");
		}
		ssize_t len = recv(t->fd, buf, sizeof buf, 0);
		if (len > 0)
			got->v[got->n++] = copy(buf, (size_t)len);
	}
	return true;
}

/* Nothing is left in the socket. */
static bool quiet(struct peer *t)
{
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	return poll(&p, 1, 0) == 0 || fail(t, "an answer too many");
}

/* --- Echoes. Packet `number` has its size, version and text from that number. --- */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static bool is_v6(uint32_t number) { return number % 4 == 3; }

/* Octets behind the echo's header: none, few, usual, and at times as many as fit. */
static size_t text_len(uint32_t number)
{
	uint32_t x = number * 2654435761U >> 8;
	static const uint16_t most[] = {1, 4, 33, 64, 200, 300, 700, 1380};
	return number % 61 == 60 ? FRAME_MAX - 48 - x % 40 : x % most[number % ARRAY_LEN(most)];
}

/* The request, or the answer that it must get. */
static size_t echo(const struct peer *t, uint32_t number, bool answer, uint8_t *p)
{
	bool v6 = is_v6(number);
	size_t ip = v6 ? 40 : 20, n = ECHO_HEAD + text_len(number);
	uint8_t *icmp = p + ip, us = answer ? 1 : 2, them = answer ? 2 : 1, c = (uint8_t)t->c->n;
	memset(p, 0, ip + ECHO_HEAD);
	if (v6) {
		p[0] = 0x60;
		put16(p + 4, (uint32_t)n);
		p[6] = 58;
		p[7] = 64;
		for (int i = 0; i < 2; i++)
			memcpy(p + 8 + 16 * i, (const uint8_t[16]){0x20, 1, 0x0d, 0xb8, 0, c, [15] = i ? them : us}, 16);
		icmp[0] = answer ? 129 : 128;
	} else {
		p[0] = 0x45;
		put16(p + 2, (uint32_t)(ip + n));
		put16(p + 6, 0x4000);
		p[8] = 64;
		p[9] = 1;
		memcpy(p + 12, (const uint8_t[8]){10, 1, c, us, 10, 1, c, them}, 8);
		put16(p + 10, ~sum(p, ip, 0));
		icmp[0] = answer ? 0 : 8;
	}
	put16(icmp + 4, c);
	put16(icmp + 6, number & ECHO_BITS);
	for (size_t i = ECHO_HEAD; i < n; i++)
		icmp[i] = (uint8_t)(number * 7 + i);
	put16(icmp + 2, ~sum(icmp, n, v6 ? sum(p + 8, 32, (uint32_t)n + 58) : 0));
	return ip + n;
}

/* A frame from the kernel is the answer to one of the last packets, octet by octet. Of its IPv4 header: lengths and addresses. */
static bool is_answer(const struct peer *t, const uint8_t *p, size_t n)
{
	uint8_t want[FRAME_ROOM];
	size_t ip = n && p[0] >> 4 == 6 ? 40 : 20;
	if (n < ip + ECHO_HEAD)
		return false;
	uint32_t low = (uint32_t)p[ip + 6] << 8 | p[ip + 7], number = t->number - ((t->number - low) & ECHO_BITS);
	if (number < t->oldest || number == t->number || is_v6(number) != (ip == 40) || echo(t, number, true, want) != n || memcmp(p + ip, want + ip, n - ip) != 0)
		return false;
	return ip == 40 ? memcmp(p + 8, want + 8, 32) == 0 : memcmp(p, want, 4) == 0 && memcmp(p + 12, want + 12, 8) == 0;
}

/* Seals n new echoes. */
static bool seal(struct peer *t, struct dgrams *out, size_t n)
{
	const struct esp_dgrams *r;
	struct esp_vnet plain = {0};
	mono_t at = now();
	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t frame[FRAME_ROOM];
		if (!esp_tx_room(t->tx))
			return fail(t, "the tx is full");
		size_t len = echo(t, t->number++, false, frame);
		esp_tx_put(t->tx, t->c->n, &plain, frame, len, at);
	}
	esp_tx_seal(t->tx, at);
	while ((r = esp_tx_next(t->tx))) {
		for (uint32_t done = 0; done < r->n && out->n < n; done += r->seg)
			out->v[out->n++] = copy(r->p + done, min_z(r->seg, r->n - done));
	}
	return out->n == n || fail(t, "a packet was not sealed");
}

/* Opens copies of n datagrams at once; how many answers they were. */
static bool feed(struct peer *t, const struct dgram *v, size_t n, size_t want)
{
	struct endpoint from = {.addr = t->sa.remote, .port = t->sa.encap_dport};
	struct dgrams work = {.n = 0};
	const struct esp_frame *f;
	size_t right = 0, frames = 0;
	for (size_t i = 0; i < n; i++) {
		work.v[work.n++] = copy(v[i].p, v[i].n);
		if (!esp_rx_put(t->rx, work.v[i].p, work.v[i].n, 0, &from, &t->sa.local, 0))
			abort();
	}
	esp_rx_open(t->rx, now());
	while ((f = esp_rx_next(t->rx))) {
		uint8_t whole[FRAME_ROOM];
		size_t at = 0;
		for (uint32_t i = 0; i < f->n_v && at + f->v[i].n <= sizeof whole; at += f->v[i++].n)
			memcpy(whole + at, f->v[i].p, f->v[i].n);
		frames++;
		right += f->device == t->c->n && is_answer(t, whole, at);
	}
	drop(&work);
	t->answers += right;
	if (frames != right)
		return fail(t, "an answer is not what it should be");
	return right == want || fail(t, want ? "we refuse a packet of the kernel's" : "we take a packet that we must refuse");
}

/* --- Exchanges --- */

static void reverse(struct dgrams *d)
{
	for (size_t i = 0; i < d->n / 2; i++) {
		struct dgram x = d->v[i];
		d->v[i] = d->v[d->n - 1 - i];
		d->v[d->n - 1 - i] = x;
	}
}

/* n echoes (at most BATCH) and their answers, which are left in got, and the requests in sent. In the wrong order when asked. */
static bool exchange(struct peer *t, size_t n, bool wrong_order, struct dgrams *sent, struct dgrams *got)
{
	got->n = 0;
	t->oldest = t->number;
	bool good = seal(t, sent, n);
	if (good && wrong_order)
		reverse(sent);
	for (size_t i = 0; good && i < n; i++)
		good = transmit(t, &sent->v[i]);
	good = good && collect(t, got, n);
	if (good && wrong_order)
		reverse(got);
	return good && feed(t, got->v, n, n) && quiet(t);
}

static bool echoes(struct peer *t, size_t n)
{
	struct dgrams sent = {.n = 0}, got = {.n = 0};
	bool good = true;
	for (size_t done = 0, part; good && done < n; done += part) {
		part = min_z(n - done, BATCH);
		good = exchange(t, part, done / BATCH % 8 == 5, &sent, &got);
		drop(&sent);
		drop(&got);
	}
	return good;
}

/* Sends what must be refused, and an echo behind it: the first answer is that one's. */
static bool refused(struct peer *t, const struct dgrams *bad)
{
	struct dgrams sent = {.n = 0}, got = {.n = 0};
	bool good = true;
	for (size_t i = 0; good && i < bad->n; i++)
		good = transmit(t, &bad->v[i]);
	good = good && exchange(t, 1, false, &sent, &got);
	drop(&sent);
	drop(&got);
	return good || fail(t, "the kernel takes a packet that it must refuse");
}

static struct sa_counters counters(const struct peer *t)
{
	struct sa_counters c;
	if (esp_sa_query(t->esp, t->sa.in.spi, now(), 0, &c) != 0)
		abort();
	return c;
}

/* Everything a second time. */
static bool replays(struct peer *t)
{
	struct dgrams sent = {.n = 0}, got = {.n = 0};
	bool good = exchange(t, BATCH, false, &sent, &got);
	uint32_t before = counters(t).replay_drops;
	good = good && feed(t, got.v, got.n, 0);
	if (good && counters(t).replay_drops != before + BATCH)
		good = fail(t, "replays were not counted");
	good = good && refused(t, &sent);
	t->replayed += BATCH;
	drop(&sent);
	drop(&got);
	return good;
}

/* Each packet of a burst with a bit flipped behind the sequence number; then as it was: the forgery must not have moved the window. */
static bool forgeries(struct peer *t)
{
	struct dgrams sent = {.n = 0}, got = {.n = 0}, bad = {.n = 0};
	t->oldest = t->number;
	bool good = seal(t, &sent, BATCH);
	for (size_t i = 0; good && i < sent.n; i++) {
		struct dgram d = copy(sent.v[i].p, sent.v[i].n);
		d.p[8 + i * 131 % (d.n - 8)] ^= (uint8_t)(1U << i % 8);
		bad.v[bad.n++] = d;
	}
	for (size_t i = 0; good && i < bad.n; i++)
		good = transmit(t, &bad.v[i]);
	for (size_t i = 0; good && i < sent.n; i++)
		good = transmit(t, &sent.v[i]);
	t->forged += bad.n;
	drop(&bad);
	good = good && collect(t, &got, sent.n) && quiet(t);
	for (size_t i = 0; good && i < got.n; i++) {
		struct dgram d = copy(got.v[i].p, got.v[i].n);
		d.p[8 + i * 137 % (d.n - 8)] ^= (uint8_t)(1U << i % 8);
		bad.v[bad.n++] = d;
	}
	uint32_t before = counters(t).integrity_drops;
	good = good && feed(t, bad.v, bad.n, 0);
	if (good && counters(t).integrity_drops != before + BATCH)
		good = fail(t, "forgeries were not counted");
	good = good && feed(t, got.v, got.n, got.n);
	drop(&sent);
	drop(&got);
	drop(&bad);
	return good;
}

/* A packet of either side that comes when `behind` newer ones have come: the last that the window still has, or the first that it
 * has not. With ESN the latter is held for one of the next 2^32 (RFC 4303 A2.2), so that its ICV is wrong. */
static bool late(struct peer *t, uint32_t behind, bool taken)
{
	struct dgrams first = {.n = 0}, held = {.n = 0}, answer = {.n = 0}, ours = {.n = 0};
	uint32_t oldest = t->number;
	bool good = seal(t, &first, 1) && transmit(t, &first.v[0]) && collect(t, &held, 1) && seal(t, &ours, 1) && echoes(t, behind);
	struct sa_counters before = counters(t), after;
	bool esn = t->c->suite.esn;
	t->oldest = oldest;
	good = good && feed(t, held.v, 1, taken);
	after = counters(t);
	if (good && (after.replay_window_drops - before.replay_window_drops != (!taken && !esn) ||
	             after.integrity_drops - before.integrity_drops != (!taken && esn)))
		good = fail(t, "a late packet was not counted as such");
	if (good && taken)
		good = transmit(t, &ours.v[0]) && collect(t, &answer, 1) && feed(t, answer.v, 1, 1);
	else if (good) {
		good = refused(t, &ours);
		*(esn ? &t->forged : &t->replayed) += 1;
	}
	drop(&first);
	drop(&held);
	drop(&answer);
	drop(&ours);
	return good;
}

/* --- A case --- */

/* Numbers begin where the kernel's do: no call of the engine's can do that, since no SA ever begins elsewhere than at 0. */
static void begin_at(struct peer *t, uint64_t start)
{
	struct child *c = child_find(t->esp, t->sa.in.spi);
	c->replay.top = start;
	c->seq = start;
}

static bool install(struct peer *t)
{
	struct esp_device d = {.id = t->c->n, .tunnel = t->c->n, .key_set = t->c->key, .key = t->c->key ? t->c->n : 0,
	                       .csum = t->c->csum, .ttl = 64, .mtu = FRAME_MAX};
	if (esp_device_set(t->esp, &d) != 0 || esp_sa_install(t->esp, d.tunnel, &t->sa, now()) != 0)
		return fail(t, "the SA cannot be installed");
	begin_at(t, t->c->start);
	return true;
}

bool talk_case(struct peer *t, const struct peer_case *c, unsigned packets, bool edges)
{
	t->c = c;
	t->why = NULL;
	t->answers = 0;
	peer_sa(c, &t->sa);
	bool good = install(t) && echoes(t, packets) && replays(t) && forgeries(t);
	if (good && edges)
		good = late(t, c->window - 1, true) && late(t, c->window, false);
	if (!good)
		return false;
	struct sa_counters n = counters(t);
	if (n.packets_in != t->answers || n.packets_out < t->answers || t->answers < packets)
		return fail(t, "packets were miscounted");
	return true;
}
