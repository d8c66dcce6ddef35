/* Datagrams from and to the sockets of the NAT-T port (RFC 3948): runs of equal ones a message (UDP_SEGMENT), many messages a call, and
 * the same on the way in (UDP_GRO). The kernel makes and checks the UDP checksums.
 *
 * The DF bit is a property of the socket, so it is switched when a run wants the other one, which is seldom. A socket with DF refuses what
 * the path does not carry (EMSGSIZE), and its error queue says how much that is, also when a router said it by ICMP. */
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dataplane/dp_int.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

struct option {
	int level, name, value;
	bool must;
};
static const struct option OPTIONS4[] = {
	{IPPROTO_IP, IP_PKTINFO, 1, true},
	{IPPROTO_IP, IP_RECVTOS, 1, true},
	{IPPROTO_IP, IP_RECVERR, 1, true},
	{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, true},
};
static const struct option OPTIONS6[] = {
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, true},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 1, true},
	{IPPROTO_IPV6, IPV6_RECVERR, 1, true},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, true},
};
/* Without it (Linux before 5.0) datagrams come one by one. */
static const struct option OPTIONS[] = {{IPPROTO_UDP, UDP_GRO, 1, false}};

static int options_set(int fd, const struct option *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (setsockopt(fd, o[i].level, o[i].name, &o[i].value, sizeof o[i].value) < 0 && o[i].must)
			return -errno;
	}
	return 0;
}

int udp_setup(int fd, uint8_t family)
{
	int rc = family == AF_V6 ? options_set(fd, OPTIONS6, ARRAY_LEN(OPTIONS6)) : options_set(fd, OPTIONS4, ARRAY_LEN(OPTIONS4));
	return rc == 0 ? options_set(fd, OPTIONS, ARRAY_LEN(OPTIONS)) : rc;
}

static struct udp *socket_of(struct worker *w, const struct out *o) { return &w->udp[o->run.to.addr.family == AF_V6]; }

static uint32_t datagrams(uint32_t octets, uint32_t seg) { return seg ? (octets + seg - 1) / seg : 1; }

/* --- errors --- */

void udp_errors(struct worker *w, struct udp *u, mono_t now)
{
	for (unsigned i = 0; i < ERRORS_MAX && u->fd >= 0; i++) {
		union sockname name;
		_Alignas(struct cmsghdr) uint8_t control[512];
		uint8_t octet;
		struct iovec iov = {&octet, 1};
		struct msghdr m = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &iov, .msg_iovlen = 1,
		                   .msg_control = control, .msg_controllen = sizeof control};
		struct endpoint to;
		uint32_t mtu;
		if (recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		if (error_parse(&m, &to, &mtu))
			esp_path_mtu(w->d->esp, &to, mtu, now);
	}
}

/* --- out --- */

/* What is left of the run is dropped. */
static void drop(struct worker *w, struct out *o)
{
	esp_count(w->d->esp, w->index, o->run.device, ESP_DROP_SEND, datagrams(o->run.n - o->sent, o->run.seg));
	w->at_out++;
}

static bool block(struct worker *w, struct udp *u, mono_t now)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.u64 = event_name(EV_UDP, u->family == AF_V6)};
	w->stats.socket_full++;
	w->blocked = u;
	w->blocked_since = now;
	(void)epoll_ctl(w->epoll, EPOLL_CTL_MOD, u->fd, &ev);
	return false;
}

/* The first of what was to be sent was refused. False: the socket is full. */
static bool refused(struct worker *w, struct udp *u, struct out *o, int err, mono_t now)
{
	bool many = !o->plain && o->run.n > o->run.seg;
	switch (err) {
	case EAGAIN: return block(w, u, now);
	case EINTR: return true;
	case EMSGSIZE:
	case EINVAL:
	case EIO:
	case EOPNOTSUPP:
		/* One by one the kernel says what is wrong, or cuts them (no DF), or an interface without checksums takes them. */
		if (many) {
			o->plain = true;
			o->unable = err != EMSGSIZE;
			return true;
		}
		udp_errors(w, u, now);
		break;
	case ENOBUFS: break; /* the interface's queue was full */
	default:
		/* What ICMP said about an earlier datagram, to whomever, comes as an error of the next call (IP_RECVERR). */
		if (!o->again) {
			o->again = true;
			return true;
		}
	}
	drop(w, o);
	return true;
}

/* The datagrams of a run as messages of their own. False: the socket is full. */
static bool send_plain(struct worker *w, struct udp *u, struct out *o, mono_t now)
{
	const struct msghdr *like = &w->out_msg[w->at_out].msg_hdr;
	unsigned n = 0;
	for (uint32_t at = o->sent; at < o->run.n && n < SEGMENTS_MAX; at += o->run.seg, n++) {
		w->plain_iov[n] = (struct iovec){o->run.p + at, min_z(o->run.seg, o->run.n - at)};
		w->plain_msg[n].msg_hdr = *like;
		w->plain_msg[n].msg_hdr.msg_iov = &w->plain_iov[n];
		w->plain_msg[n].msg_hdr.msg_controllen = o->control_plain;
	}
	int rc = sendmmsg(u->fd, w->plain_msg, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	w->stats.sends++;
	if (rc < 0)
		return refused(w, u, o, errno, now);
	w->stats.datagrams_out += (unsigned)rc;
	o->sent += (uint32_t)rc * o->run.seg;
	o->again = false;
	if (o->unable)
		u->plain = PLAIN_RUNS;
	o->unable = false;
	if (o->sent >= o->run.n)
		w->at_out++;
	return true;
}

/* As many runs as go together. False: the socket is full. */
static bool send_some(struct worker *w, struct udp *u, mono_t now)
{
	struct out *o = &w->out[w->at_out];
	unsigned n = 0;
	while (w->at_out + n < w->n_out && !o[n].plain && o[n].run.df == o->run.df && socket_of(w, &o[n]) == u)
		n++;
	int rc = sendmmsg(u->fd, &w->out_msg[w->at_out], n, MSG_DONTWAIT | MSG_NOSIGNAL);
	w->stats.sends++;
	if (rc < 0)
		return refused(w, u, o, errno, now);
	for (int i = 0; i < rc; i++)
		w->stats.datagrams_out += datagrams(o[i].run.n, o[i].run.seg);
	w->at_out += (unsigned)rc;
	return true;
}

static bool df_set(struct udp *u, bool df)
{
	bool v6 = u->family == AF_V6;
	int how = v6 ? (df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT) : (df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
	if (df != u->df && setsockopt(u->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &how,
	                              sizeof how) == 0)
		u->df = df;
	return df == u->df;
}

static bool send_next(struct worker *w, mono_t now)
{
	struct out *o = &w->out[w->at_out];
	struct udp *u = socket_of(w, o);
	if (u->fd < 0 || !df_set(u, o->run.df)) {
		drop(w, o);
		return true;
	}
	if (u->plain && !o->plain && o->run.n > o->run.seg) {
		u->plain--;
		o->plain = true;
	}
	return o->plain ? send_plain(w, u, o, now) : send_some(w, u, now);
}

void udp_take(struct worker *w)
{
	const struct esp_dgrams *run;
	w->n_run = w->at_run = 0;
	while ((run = esp_tx_next(w->tx))) {
		if (w->n_run < RUNS_MAX)
			w->run[w->n_run++] = *run;
		else
			esp_count(w->d->esp, w->index, run->device, ESP_DROP_SEND, datagrams(run->n, run->seg));
	}
}

/* The next runs as messages. False: there are none. */
static bool fetch(struct worker *w)
{
	w->n_out = w->at_out = 0;
	while (w->n_out < OUT_MAX && w->at_run < w->n_run) {
		struct out *o = &w->out[w->n_out];
		o->run = w->run[w->at_run++];
		o->sent = 0;
		o->plain = o->again = o->unable = false;
		out_build(o, &w->out_msg[w->n_out++].msg_hdr);
	}
	return w->n_out > 0;
}

bool udp_send(struct worker *w, mono_t now)
{
	while (w->at_out < w->n_out || fetch(w)) {
		if (!send_next(w, now))
			return false;
	}
	return true;
}

void udp_give_up(struct worker *w)
{
	while (w->at_out < w->n_out || fetch(w))
		drop(w, &w->out[w->at_out]);
}

/* --- in --- */

static void to_ike(struct worker *w, const struct esp_ike *i)
{
	struct dataplane_note note;
	memset(&note, 0, sizeof note);
	note.from = i->from;
	note.to = i->to;
	struct iovec iov[] = {{&note, sizeof note}, {(void *)(uintptr_t)i->data.p, i->data.n}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
	if (w->d->pair >= 0 && sendmsg(w->d->pair, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		w->stats.to_ike++;
	else
		w->stats.ike_full++;
}

static void deliver(struct worker *w, mono_t now)
{
	const struct esp_frame *f;
	const struct esp_ike *i;
	esp_rx_open(w->rx, now);
	while ((f = esp_rx_next(w->rx)))
		tun_write(w, f);
	while ((i = esp_rx_ike(w->rx)))
		to_ike(w, i);
}

/* A batch of n octets, at most SEGMENTS_MAX datagrams at a time. */
static void put(struct worker *w, uint8_t *p, size_t n, const struct in_info *i, mono_t now)
{
	size_t most = i->seg ? i->seg * SEGMENTS_MAX : n;
	for (size_t at = 0, k; at < n; at += k) {
		k = min_z(n - at, most);
		if (esp_rx_put(w->rx, p + at, k, i->seg, &i->from, &i->to, i->tos))
			continue;
		deliver(w, now);
		if (!esp_rx_put(w->rx, p + at, k, i->seg, &i->from, &i->to, i->tos))
			esp_count(w->d->esp, w->index, 0, ESP_DROP_SHORT, 1);
	}
	w->stats.datagrams_in += datagrams((uint32_t)n, (uint32_t)i->seg);
}

static void in_prepare(struct worker *w, unsigned i)
{
	w->in_iov[i] = (struct iovec){w->in_room + (size_t)i * OCTETS_MAX, OCTETS_MAX};
	w->in_msg[i].msg_hdr = (struct msghdr){.msg_name = &w->in_from[i], .msg_namelen = sizeof w->in_from[i],
	                                       .msg_iov = &w->in_iov[i], .msg_iovlen = 1,
	                                       .msg_control = w->in_control[i].room,
	                                       .msg_controllen = sizeof w->in_control[i].room};
}

/* How many messages the next call takes: few when they are batches, many when they are single datagrams. */
static void in_adapt(struct worker *w, unsigned got, size_t octets)
{
	if (octets > IN_OCTETS)
		w->n_in = (unsigned)max_z(w->n_in / 2, IN_MIN);
	else if (got == w->n_in && octets < IN_OCTETS / 2)
		w->n_in = (unsigned)min_z(w->n_in * 2, IN_MAX);
}

bool udp_receive(struct worker *w, struct udp *u, mono_t now)
{
	unsigned most = w->n_in;
	size_t octets = 0;
	for (unsigned i = 0; i < most; i++)
		in_prepare(w, i);
	int n = recvmmsg(u->fd, w->in_msg, most, MSG_DONTWAIT, NULL);
	w->stats.receives++;
	for (int i = 0; i < n; i++) {
		struct in_info info;
		octets += w->in_msg[i].msg_len;
		if (in_parse(&w->in_msg[i].msg_hdr, &info))
			put(w, w->in_iov[i].iov_base, w->in_msg[i].msg_len, &info, now);
		else
			esp_count(w->d->esp, w->index, 0, ESP_DROP_SHORT, 1);
	}
	deliver(w, now);
	/* Fewer than there is room for: it was empty. After an error, which belonged to an earlier datagram, epoll tells what there is. */
	if (n > 0)
		in_adapt(w, (unsigned)n, octets);
	return n == (int)most;
}

void pair_receive(struct worker *w, mono_t now)
{
	for (unsigned i = 0; i < IN_MAX && w->d->pair >= 0; i++) {
		struct dataplane_note note;
		uint8_t *p = w->in_room + (size_t)i * OCTETS_MAX;
		struct iovec iov[] = {{&note, sizeof note}, {p, OCTETS_MAX}};
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
		ssize_t n = recvmsg(w->d->pair, &m, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) { /* ike is gone; priv brings another pair */
			(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->d->pair, NULL);
			break;
		}
		if (n < 0)
			break;
		const struct in_info info = {.from = note.from, .to = note.to, .tos = note.tos};
		if ((size_t)n < sizeof note || !addr_len(&note.from.addr) || note.to.family != note.from.addr.family)
			continue;
		w->stats.from_ike++;
		put(w, p, (size_t)n - sizeof note, &info, now);
	}
	deliver(w, now);
}
