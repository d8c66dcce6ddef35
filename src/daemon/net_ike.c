/* The UDP sockets of the ike role: where each datagram came in and goes out (RFC 7296 2.11), the NAT-T port's marker (RFC
 * 3948), and ICMP errors from the error queue, which are hints. ESP does not come here: the kernel takes it off the NAT-T
 * sockets, or, with the data plane in user space, the role esp has sockets of its own. There the kernel's batches may
 * mix the two kinds, and a pair of sockets carries what came to the wrong role.
 *
 * Datagrams come and go in batches. Of a batch those come first that belong to an IKE SA that there is: strangers, who may be a
 * flood, wait. */
#include "daemon/ike_role.h"

#include "dataplane/dataplane.h"

#include <errno.h>
#include <time.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams of one socket before the others get their turn. Longer ones than SLOT are lost: RFC 7296 2 asks for 1280 octets and
 * would like 3000. */
enum { TURN_MAX = 64, SLOT = 16384, CONTROL_IN = 128 };

union sock {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct net {
	/* in */
	struct mmsghdr in[TURN_MAX];
	struct iovec in_v[TURN_MAX];
	union sock in_from[TURN_MAX];
	_Alignas(8) uint8_t in_control[TURN_MAX][CONTROL_IN];
	struct ike_datagram datagram[TURN_MAX];
	/* ICMP errors that the engine is still told of in this second: it looks through its SAs for each, and a flood from addresses that
	 * are not there brings one for every answer. */
	mono_t icmp_second;
	unsigned icmp_left;
	/* out: all of one socket */
	int out_fd;
	unsigned n_out;
	struct mmsghdr out[TURN_MAX];
	struct iovec out_v[TURN_MAX][2];
	union sock out_to[TURN_MAX];
	_Alignas(8) uint8_t out_control[TURN_MAX][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	/* Pages that no datagram has touched cost nothing. */
	uint8_t slot[TURN_MAX][SLOT];
};

static struct endpoint from_sock(const union sock *s)
{
	struct endpoint e = {0};
	if (s->sa.sa_family == AF_INET) {
		e.addr = addr_from(&s->in.sin_addr, 4);
		e.port = ntohs(s->in.sin_port);
	} else if (s->sa.sa_family == AF_INET6) {
		e.addr = addr_from(&s->in6.sin6_addr, 16);
		e.port = ntohs(s->in6.sin6_port);
	}
	return e;
}

static socklen_t to_sock(const struct endpoint *e, union sock *s)
{
	memset(s, 0, sizeof *s);
	if (e->addr.family == AF_V4) {
		s->in.sin_family = AF_INET;
		s->in.sin_port = htons(e->port);
		memcpy(&s->in.sin_addr, e->addr.b, 4);
		return sizeof s->in;
	}
	s->in6.sin6_family = AF_INET6;
	s->in6.sin6_port = htons(e->port);
	memcpy(&s->in6.sin6_addr, e->addr.b, 16);
	return sizeof s->in6;
}

static bool is_natt(const struct ike_role *r, int fd) { return fd == r->udp[PRIV_UDP4_NATT] || fd == r->udp[PRIV_UDP6_NATT]; }

/* --- out --- */

static size_t put_source(struct msghdr *m, const struct addr *local)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	if (addr_is_any(local))
		return 0;
	if (local->family == AF_V4) {
		struct in_pktinfo info = {0};
		memcpy(&info.ipi_spec_dst, local->b, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return CMSG_SPACE(sizeof info);
	}
	struct in6_pktinfo info = {0};
	memcpy(&info.ipi6_addr, local->b, 16);
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(c), &info, sizeof info);
	return CMSG_SPACE(sizeof info);
}

void net_flush(struct ike_role *r)
{
	struct net *n = r->net;
	unsigned at = 0;
	bool again = true;
	while (n && at < n->n_out) {
		int sent = sendmmsg(n->out_fd, n->out + at, n->n_out - at, MSG_DONTWAIT);
		if (sent > 0) {
			at += (unsigned)sent;
			again = true;
		} else if (again) {
			again = false; /* what failed may have been an earlier datagram, whose ICMP error is reported here too */
		} else {
			r->send_errors++; /* a lost datagram: retransmission is made for it */
			at++;
			again = true;
		}
	}
	if (n)
		n->n_out = 0;
}

void net_send(struct ike_role *r, const struct ike_act *a)
{
	static const uint8_t marker[4];
	struct net *n = r->net;
	bool v6 = a->send.remote.addr.family == AF_V6;
	int fd = r->udp[v6 ? (a->send.natt_port ? PRIV_UDP6_NATT : PRIV_UDP6)
	                   : (a->send.natt_port ? PRIV_UDP4_NATT : PRIV_UDP4)];
	if (fd < 0 || !n)
		return;
	if (n->n_out == TURN_MAX || n->out_fd != fd)
		net_flush(r);
	unsigned i = n->n_out++;
	bool keep_alive = a->send.natt_port && a->send.data.n == 1;
	bool marked = a->send.natt_port && !keep_alive;
	struct msghdr *m = &n->out[i].msg_hdr;
	n->out_fd = fd;
	n->out_v[i][0] = (struct iovec){(void *)(uintptr_t)marker, sizeof marker};
	n->out_v[i][1] = (struct iovec){(void *)(uintptr_t)a->send.data.p, a->send.data.n};
	memset(n->out_control[i], 0, sizeof n->out_control[i]);
	*m = (struct msghdr){
		.msg_name = &n->out_to[i],
		.msg_namelen = to_sock(&a->send.remote, &n->out_to[i]),
		.msg_iov = marked ? n->out_v[i] : n->out_v[i] + 1,
		.msg_iovlen = marked ? 2 : 1,
		.msg_control = n->out_control[i],
		.msg_controllen = sizeof n->out_control[i],
	};
	m->msg_controllen = put_source(m, &a->send.local.addr);
}

/* --- in --- */

static struct endpoint local_of(struct msghdr *m, uint16_t port)
{
	struct endpoint e = {.port = port};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			e.addr = addr_from(&info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			e.addr = addr_from(&info.ipi6_addr, 16);
		}
	}
	return e;
}

static const char *icmp_name(const struct sock_extended_err *ee)
{
	if (ee->ee_origin == SO_EE_ORIGIN_ICMP && ee->ee_type == ICMP_DEST_UNREACH) {
		switch (ee->ee_code) {
		case ICMP_NET_UNREACH:
			return "network unreachable (ICMP)";
		case ICMP_HOST_UNREACH:
			return "host unreachable (ICMP)";
		case ICMP_PORT_UNREACH:
			return "port unreachable (ICMP), nothing listens there";
		case ICMP_PKT_FILTERED:
		case ICMP_NET_ANO:
		case ICMP_HOST_ANO:
			return "administratively prohibited (ICMP), filtered";
		}
	}
	if (ee->ee_origin == SO_EE_ORIGIN_ICMP6 && ee->ee_type == ICMP6_DST_UNREACH) {
		switch (ee->ee_code) {
		case ICMP6_DST_UNREACH_NOROUTE:
			return "no route (ICMPv6)";
		case ICMP6_DST_UNREACH_ADMIN:
			return "administratively prohibited (ICMPv6), filtered";
		case ICMP6_DST_UNREACH_ADDR:
			return "address unreachable (ICMPv6)";
		case ICMP6_DST_UNREACH_NOPORT:
			return "port unreachable (ICMPv6), nothing listens there";
		}
	}
	if (ee->ee_origin == SO_EE_ORIGIN_LOCAL && ee->ee_errno == EHOSTUNREACH)
		return "host unreachable";
	return NULL;
}

static bool icmp_counts(struct net *n, mono_t now)
{
	enum { A_SECOND = 32 };
	if (now - n->icmp_second >= DUR_S(1)) {
		n->icmp_second = now;
		n->icmp_left = A_SECOND;
	}
	return n->icmp_left > 0 && n->icmp_left--;
}

static void read_errors(struct ike_role *r, int fd, mono_t now)
{
	for (int i = 0; i < TURN_MAX; i++) {
		union sock to;
		uint8_t control[512] __attribute__((aligned(8)));
		struct iovec v = {r->datagram, sizeof r->datagram};
		struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1,
		                   .msg_control = control, .msg_controllen = sizeof control};
		if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			struct sock_extended_err ee;
			if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
				continue;
			memcpy(&ee, CMSG_DATA(c), sizeof ee);
			const char *name = icmp_name(&ee);
			if (!name || !icmp_counts(r->net, now))
				continue;
			struct ike_fact f = {.type = IKE_FACT_ICMP, .remote = from_sock(&to), .text = name};
			ike_report(r->ike, &f, now, &r->acts);
			act_run(r, now);
		}
	}
}

/* --- with the role esp --- */

static void esp_drop(struct ike_role *r)
{
	if (r->esp < 0)
		return;
	loop_del(r->loop, r->esp);
	close(r->esp);
	r->esp = -1;
}

/* ESP that came to us, as it is. What finds no room is a lost packet. */
static void to_esp(struct ike_role *r, const struct ike_datagram *d)
{
	struct dataplane_note note;
	memset(&note, 0, sizeof note);
	note.from = d->remote;
	note.to = d->local.addr;
	struct iovec v[] = {{&note, sizeof note}, {(void *)(uintptr_t)d->data.p, d->data.n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = ARRAY_LEN(v)};
	if (r->esp >= 0 && sendmsg(r->esp, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		r->send_errors++;
}

/* IKE that came to esp, without its marker. True while there may be more. */
static bool from_esp(struct ike_role *r, mono_t now)
{
	struct dataplane_note note;
	struct iovec v[] = {{&note, sizeof note}, {r->datagram, sizeof r->datagram}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = ARRAY_LEN(v)};
	ssize_t n = r->esp < 0 ? -1 : recvmsg(r->esp, &m, MSG_DONTWAIT);
	if (n == 0)
		esp_drop(r); /* it has died; priv brings another pair */
	if (n <= 0)
		return false;
	if ((size_t)n < sizeof note || m.msg_flags & MSG_TRUNC || addr_is_any(&note.from.addr) || addr_is_any(&note.to))
		return true;
	struct ike_datagram d = {
		.local = {.addr = note.to, .port = r->port_nat_t},
		.remote = note.from,
		.natt_port = true,
		.data = SPAN(r->datagram, (size_t)n - sizeof note),
	};
	ike_input(r->ike, &d, now, &r->acts);
	act_gather(r, now);
	return true;
}

static void on_esp(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct ike_role *r = ctx;
	(void)fd;
	(void)events;
	for (int i = 0; i < TURN_MAX && from_esp(r, now); i++)
		;
	act_run(r, now);
}

void net_esp(struct ike_role *r, struct priv_msg *m)
{
	esp_drop(r);
	if (loop_add(r->loop, m->fd[0], EPOLLIN, on_esp, r) < 0)
		return;
	r->esp = m->fd[0];
	m->fd[0] = -1;
}

/* --- the sockets --- */

/* The IKE of a datagram that came. False: there is none. */
static bool ike_of(struct ike_role *r, struct mmsghdr *m, const union sock *from, bool natt, struct ike_datagram *d)
{
	struct span ike;
	*d = (struct ike_datagram){
		.local = local_of(&m->msg_hdr, natt ? r->port_nat_t : r->port),
		.remote = from_sock(from),
		.natt_port = natt,
		.data = SPAN(m->msg_hdr.msg_iov->iov_base, m->msg_len),
	};
	if (m->msg_hdr.msg_flags & MSG_TRUNC || d->remote.addr.family == AF_NONE || d->local.addr.family == AF_NONE)
		return false;
	if (!natt)
		return true;
	enum udp_kind kind = udp_encap_classify(d->data, &ike);
	if (kind == UDP_ESP)
		to_esp(r, d);
	d->data = ike;
	return kind == UDP_IKE;
}

/* Reads a batch; the IKE in it, those first that name an SA that there is. */
static unsigned read_batch(struct ike_role *r, int fd, const struct ike_datagram **out)
{
	struct net *n = r->net;
	const struct ike_datagram *stranger[TURN_MAX];
	unsigned known = 0, strangers = 0;
	for (unsigned i = 0; i < TURN_MAX; i++) {
		n->in_v[i] = (struct iovec){n->slot[i], SLOT};
		n->in[i].msg_hdr = (struct msghdr){.msg_name = &n->in_from[i], .msg_namelen = sizeof n->in_from[i],
		                                   .msg_iov = &n->in_v[i], .msg_iovlen = 1,
		                                   .msg_control = n->in_control[i], .msg_controllen = CONTROL_IN};
	}
	int got = recvmmsg(fd, n->in, TURN_MAX, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		struct ike_datagram *d = &n->datagram[i];
		if (!ike_of(r, &n->in[i], &n->in_from[i], is_natt(r, fd), d))
			continue;
		if (ike_knows(r->ike, d->data))
			out[known++] = d;
		else
			stranger[strangers++] = d;
	}
	memcpy(out + known, stranger, strangers * sizeof *out);
	return known + strangers;
}

static void on_udp(void *ctx, int fd, uint32_t events, mono_t now)
{
	struct ike_role *r = ctx;
	const struct ike_datagram *d[TURN_MAX];
	if (events & EPOLLERR)
		read_errors(r, fd, now);
	unsigned n = read_batch(r, fd, d);
	for (unsigned i = 0; i < n; i++) {
		ike_input(r->ike, d[i], now, &r->acts);
		act_gather(r, now);
	}
	act_run(r, now);
}

int net_adopt(struct ike_role *r, const struct priv_msg *m)
{
	const struct e_sockets *e = m->body;
	uint32_t at = 0;
	int control = -1;
	if (!r->net && !(r->net = mem_get(r->mem, sizeof *r->net)))
		return -ENOMEM;
	r->port = e->port;
	r->port_nat_t = e->port_nat_t;
	r->control_group = (gid_t)e->control_gid;
	r->restarted = e->restarted;
	r->n_listen = e->n_listen;
	memcpy(r->listen, e->listen, sizeof r->listen);
	for (uint32_t i = 0; i < r->n_listen; i++) {
		struct ike_fact f = {.type = IKE_FACT_ADDRESS, .local = {.addr = r->listen[i]}};
		ike_report(r->ike, &f, r->started, &r->acts);
	}
	for (size_t i = 0; i < PRIV_SOCKETS_N; i++) {
		if (!e->have[i] || at >= m->n_fds)
			continue;
		int fd = m->fd[at++];
		if (i == PRIV_CONTROL) {
			control = fd;
			continue;
		}
		r->udp[i] = fd;
		int err = loop_add(r->loop, fd, EPOLLIN | EPOLLERR, on_udp, r);
		if (err < 0)
			return err;
	}
	return control >= 0 ? ctl_open(r, control) : 0;
}
