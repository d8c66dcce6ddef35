/* The UDP sockets of IKE (RFC 7296 2, 3948 3): they pass IPsec policies by, know the address that a datagram came to,
 * and hear ICMP errors. And who has taken a port that we want. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

/* IKE never goes through the SAs that it makes, nor into a guard (RFC 7296 1). */
static int set_bypass(int fd, bool v6, uint8_t dir)
{
	struct xfrm_userpolicy_info p = {.dir = dir, .action = XFRM_POLICY_ALLOW, .share = XFRM_SHARE_ANY,
	                                 .sel.family = v6 ? AF_INET6 : AF_INET};
	xfrm_no_limits(&p.lft);
	int rc = v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_XFRM_POLICY, &p, sizeof p)
	            : setsockopt(fd, IPPROTO_IP, IP_XFRM_POLICY, &p, sizeof p);
	return rc < 0 ? -errno : 0;
}

static int bind_any(int fd, bool v6, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	/* Without SO_REUSEADDR: two daemons on one port would steal each other's datagrams. */
	int rc = v6 ? bind(fd, (const struct sockaddr *)&a6, sizeof a6) : bind(fd, (const struct sockaddr *)&a4, sizeof a4);
	return rc < 0 ? -errno : 0;
}

static int prepare(int fd, bool v6, uint16_t port, bool natt)
{
	static const struct option ENCAP = {IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP};
	int rc = v6 ? set_options(fd, OPTIONS6, ARRAY_LEN(OPTIONS6)) : set_options(fd, OPTIONS4, ARRAY_LEN(OPTIONS4));
	if (rc == 0)
		rc = set_bypass(fd, v6, DIR_IN);
	if (rc == 0)
		rc = set_bypass(fd, v6, DIR_OUT);
	if (rc == 0 && natt)
		rc = set_options(fd, &ENCAP, 1);
	return rc == 0 ? bind_any(fd, v6, port) : rc;
}

int kernel_udp_open(uint8_t family, uint16_t port, bool natt)
{
	bool v6 = family == AF_V6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	int rc = prepare(fd, v6, port, natt);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
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
