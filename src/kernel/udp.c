/* The UDP sockets of IKE (RFC 7296 2, 3948 3): they pass IPsec policies by, know the address that a datagram came to,
 * and hear ICMP errors. And who has taken a port that we want. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/proc.h"
#include "kernel/xfrm_msg.h"

/* ---- sockets ---- */

struct option {
	int level, name, value;
};

/* DF off: a large IKE message may be fragmented anywhere on its way rather than be lost. */
static const struct option OPTIONS4[] = {
	{IPPROTO_IP, IP_PKTINFO, 1},
	{IPPROTO_IP, IP_RECVERR, 1},
	{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT},
};
static const struct option OPTIONS6[] = {
	{IPPROTO_IPV6, IPV6_V6ONLY, 1},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
	{IPPROTO_IPV6, IPV6_RECVERR, 1},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT},
};

static int set_options(int fd, const struct option *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (setsockopt(fd, o[i].level, o[i].name, &o[i].value, sizeof o[i].value) < 0)
			return -errno;
	}
	return 0;
}

/* IKE never goes through the SAs that it makes, nor into a guard (RFC 7296 1). A kernel without XFRM has nothing to pass by. */
static int set_bypass(int fd, bool v6, uint8_t dir)
{
	struct xfrm_userpolicy_info p = {.dir = dir, .action = XFRM_POLICY_ALLOW, .share = XFRM_SHARE_ANY,
	                                 .sel.family = v6 ? AF_INET6 : AF_INET};
	xfrm_no_limits(&p.lft);
	int rc = v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_XFRM_POLICY, &p, sizeof p)
	            : setsockopt(fd, IPPROTO_IP, IP_XFRM_POLICY, &p, sizeof p);
	return rc < 0 && errno != ENOPROTOOPT && errno != EOPNOTSUPP ? -errno : 0;
}

static int bind_any(int fd, bool v6, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	/* Without SO_REUSEADDR, and with SO_REUSEPORT only among our own: two daemons on one port would steal each other's datagrams. */
	int rc = v6 ? bind(fd, (const struct sockaddr *)&a6, sizeof a6) : bind(fd, (const struct sockaddr *)&a4, sizeof a4);
	return rc < 0 ? -errno : 0;
}

static int prepare(int fd, bool v6)
{
	int rc = v6 ? set_options(fd, OPTIONS6, ARRAY_LEN(OPTIONS6)) : set_options(fd, OPTIONS4, ARRAY_LEN(OPTIONS4));
	if (rc == 0)
		rc = set_bypass(fd, v6, DIR_IN);
	return rc == 0 ? set_bypass(fd, v6, DIR_OUT) : rc;
}

/* A socket with `more` options, bound. */
static int open_bound(uint8_t family, uint16_t port, const struct option *more, size_t n)
{
	bool v6 = family == AF_V6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	int rc = prepare(fd, v6);
	if (rc == 0)
		rc = set_options(fd, more, n);
	/* Strangers' datagrams and our peers' wait in one queue: room for what a flood brings in a tenth of a second, in which the role
	 * ike may have to wait for the processor. The system doubles it, for its own books. */
	const int room = 4 << 20;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (rc == 0)
		rc = bind_any(fd, v6, port);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

int kernel_udp_open(uint8_t family, uint16_t port, bool natt)
{
	static const struct option ENCAP = {IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP};
	return open_bound(family, port, &ENCAP, natt ? 1 : 0);
}

static int option_of(int fd, int level, int name)
{
	int v = -1;
	socklen_t n = sizeof v;
	return getsockopt(fd, level, name, &v, &n) < 0 ? -1 : v;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a = {0};
	socklen_t n = sizeof a;
	/* The port is in the same place for both families. */
	return getsockname(fd, (struct sockaddr *)&a, &n) < 0 ? 0 : ntohs(a.sin6_port);
}

bool kernel_udp_is(int fd, uint8_t family, uint16_t port, bool natt)
{
	int encap = option_of(fd, IPPROTO_UDP, UDP_ENCAP);
	return option_of(fd, SOL_SOCKET, SO_DOMAIN) == (family == AF_V6 ? AF_INET6 : AF_INET) &&
	       option_of(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM && option_of(fd, SOL_SOCKET, SO_REUSEPORT) == 0 && port_of(fd) == port &&
	       encap == (natt ? UDP_ENCAP_ESPINUDP : 0);
}

/* ---- a port that ike and esp share ---- */

/* Octets; the system doubles them, for its own books. In: some milliseconds at full rate, for a worker that has to wait for the processor. Out: what
 * a slow interface makes us wait for stands in our queues rather than in its own, which see one stream only. */
enum { SHARED_IN = 2 << 20, SHARED_OUT = 1 << 17 };

/* RFC 3948 2.2: four zero octets stand before IKE; and a load beyond the datagram's end (2.3: a keep-alive) makes the program
 * return 0 as well, the first socket, which is ike's. Other datagrams begin with an SPI. */
static int choose_by_spi(int fd, unsigned workers)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof prog) < 0 ? -errno : 0;
}

/* What esp wants to know of a batch, and room for it. What an older kernel does not know, it does without. */
static void make_esp(int fd, bool v6)
{
	static const struct option GRO = {IPPROTO_UDP, UDP_GRO, 1}, TOS4 = {IPPROTO_IP, IP_RECVTOS, 1},
	                           TOS6 = {IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
	                           ROOM[] = {{SOL_SOCKET, SO_RCVBUFFORCE, SHARED_IN},
	                                     {SOL_SOCKET, SO_SNDBUFFORCE, SHARED_OUT}};
	(void)set_options(fd, &GRO, 1);
	(void)set_options(fd, v6 ? &TOS6 : &TOS4, 1);
	for (size_t i = 0; i < ARRAY_LEN(ROOM); i++)
		(void)set_options(fd, &ROOM[i], 1);
}

int kernel_udp_open_shared(uint8_t family, uint16_t port, unsigned workers, int *fds)
{
	static const struct option SHARED = {SOL_SOCKET, SO_REUSEPORT, 1};
	/* A stranger with the same option would be let in: first without it, to see that nobody is there. */
	int fd = open_bound(family, port, NULL, 0);
	if (fd < 0)
		return fd;
	port = port_of(fd);
	(void)close(fd);
	unsigned n = 0;
	int rc = 0;
	/* The order of bind(2) is the order of the numbers that the program returns. */
	for (; n < workers + 1 && rc == 0; n++) {
		fds[n] = open_bound(family, port, &SHARED, 1);
		if (fds[n] < 0) {
			rc = fds[n];
			break;
		}
		if (n > 0)
			make_esp(fds[n], family == AF_V6);
	}
	if (rc == 0)
		rc = choose_by_spi(fds[0], workers);
	while (rc < 0 && n > 0)
		(void)close(fds[--n]);
	return rc;
}

/* ---- who holds a port ---- */

/* The inodes of all sockets on the port, of both families. */
enum { INODES_MAX = 8 };

struct inodes {
	uint64_t v[INODES_MAX];
	size_t n;
};

static void find_inodes(const char *path, uint16_t port, struct inodes *out)
{
	char line[512];
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (out->n < INODES_MAX && fgets(line, sizeof line, f)) {
		if (proc_udp_line(line, port, &out->v[out->n]))
			out->n++;
	}
	(void)fclose(f);
}

static bool process_has(const char *pid, const struct inodes *wanted)
{
	char path[64], link[64];
	bool found = false;
	(void)snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
	DIR *d = opendir(path);
	if (!d)
		return false;
	for (struct dirent *e; !found && (e = readdir(d));) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof link - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		uint64_t inode = proc_socket_inode(link);
		for (size_t i = 0; inode && i < wanted->n; i++)
			found = found || wanted->v[i] == inode;
	}
	(void)closedir(d);
	return found;
}

static void put_process(struct sbuf *out, const char *pid)
{
	char path[64], name[64] = "";
	(void)snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
	if (fd >= 0)
		(void)close(fd);
	n = n < 0 ? 0 : n;
	name[n] = '\0';
	sb_escape(out, name, strcspn(name, "\n"));
	sb_printf(out, " (pid %.16s)", pid);
}

bool kernel_port_holder(uint16_t port, struct sbuf *out)
{
	struct inodes wanted = {0};
	bool found = false;
	find_inodes("/proc/net/udp", port, &wanted);
	find_inodes("/proc/net/udp6", port, &wanted);
	DIR *d = wanted.n ? opendir("/proc") : NULL;
	if (!d)
		return false;
	for (struct dirent *e; !found && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !process_has(e->d_name, &wanted))
			continue;
		put_process(out, e->d_name);
		found = true;
	}
	(void)closedir(d);
	return found;
}
