/* bgp_load -C: the time from exec of a speaker to the last of a few routes in the kernel's table. The peer is up before, as the
 * interface is: it listens, and calls until somebody answers; whichever session comes first is used. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define MS UINT64_C(1000000)

enum { COMMANDS_MAX = 8, WAIT_S = 10 };

static int open_ns(int pid, const char *which)
{
	char path[64];
	int fd;
	snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, which);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "bgp_load: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

/* A socket that hears of IPv4 routes in the node. */
static int route_socket(int node)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE};
	int own = open_ns(getpid(), "net"), its = open_ns(node, "net"), fd;
	if (setns(its, CLONE_NEWNET) != 0)
		exit(2);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || setns(own, CLONE_NEWNET) != 0)
		exit(2);
	close(own);
	close(its);
	return fd;
}

static int listener(struct in_addr at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = at, .sin_port = htons(179)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0) {
		perror("bgp_load: listen");
		exit(2);
	}
	return fd;
}

/* Words A=B before the command are its environment. */
static pid_t start(int node, char **argv)
{
	int net = open_ns(node, "net"), mnt = open_ns(node, "mnt"), uts = open_ns(node, "uts");
	int pids = open_ns(node, "pid"), own = open_ns(getpid(), "pid");
	/* Its /proc is that of its processes: who is not one of them has no /proc/self there. */
	pid_t pid = setns(pids, CLONE_NEWPID) == 0 ? fork() : -1;
	if (pid < 0 || (pid > 0 && setns(own, CLONE_NEWPID) != 0)) {
		perror("bgp_load: fork");
		exit(2);
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (setns(net, CLONE_NEWNET) != 0 || setns(uts, CLONE_NEWUTS) != 0 || setns(mnt, CLONE_NEWNS) != 0)
			_exit(126);
		while (*argv && strchr(*argv, '=') && (*argv)[0] != '/')
			putenv(*argv++);
		execv(*argv, argv);
		fprintf(stderr, "bgp_load: %s: %s\n", *argv, strerror(errno));
		_exit(127);
	}
	close(net);
	close(mnt);
	close(uts);
	close(pids);
	close(own);
	return pid;
}

/* Until the path is there in the node. */
static void await(int node, const char *path)
{
	char its[512];
	snprintf(its, sizeof its, "/proc/%d/root%s", node, path);
	for (unsigned i = 0; i < 20000 && access(its, F_OK) != 0; i++)
		usleep(500);
}

static bool is_new(const void *prefix, unsigned routes, uint32_t *seen)
{
	uint32_t i;
	memcpy(&i, prefix, 4);
	i = (ntohl(i) >> 8) - BASE_PREFIX;
	if (i >= routes || *seen & 1u << i)
		return false;
	*seen |= 1u << i;
	return true;
}

/* How many new routes of the feed the notes in this buffer are about. */
static unsigned read_routes(int fd, unsigned routes, uint32_t *seen)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	ssize_t n = recv(fd, buf, sizeof buf, 0);
	unsigned found = 0;
	for (struct nlmsghdr *h = (void *)buf; n > 0 && NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		struct rtmsg *r = NLMSG_DATA(h);
		struct rtattr *a = RTM_RTA(r);
		size_t left = RTM_PAYLOAD(h);
		if (h->nlmsg_type != RTM_NEWROUTE || r->rtm_dst_len != 24)
			continue;
		while (left >= sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= left) {
			size_t step = RTA_ALIGN(a->rta_len);
			if (a->rta_type == RTA_DST)
				found += is_new(RTA_DATA(a), routes, seen);
			left -= step < left ? step : left;
			a = (void *)((char *)a + step);
		}
	}
	return found;
}

static void reap(const pid_t *pid, unsigned n)
{
	int status;
	for (unsigned i = 0; i < n; i++)
		kill(pid[i], SIGTERM);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; waitpid(pid[i], &status, WNOHANG) == 0; k++) {
			if (k == 200)
				kill(pid[i], SIGKILL);
			usleep(10000);
		}
	}
}

int cold_run(struct load *l, int node, unsigned routes, char **commands)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct peer *p = l->peers;
	struct octets feed = {0};
	pid_t pid[COMMANDS_MAX];
	unsigned n = 0, found = 0;
	uint32_t seen = 0;
	uint64_t t0, now, up = 0;
	bool sent = false;
	int in, notes = route_socket(node), ear = listener(p->local);

	for (unsigned i = 0; i < routes; i++)
		msg_one(&feed, l->expect.feed, i, 1, false);
	msg_eor(&feed);
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, notes, &ev);
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, ear, &ev);
	t0 = now_ns();
	while (*commands && n < COMMANDS_MAX) {
		char **next = commands;
		while (*next && strcmp(*next, "--") != 0)
			next++;
		bool more = *next != NULL;
		*next = NULL;
		if (strcmp(*commands, "wait") == 0 && commands[1])
			await(node, commands[1]);
		else
			pid[n++] = start(node, commands);
		commands = next + more;
	}
	do {
		now = now_ns();
		if (p->state == PEER_DOWN)
			peer_call(l, p);
		if (p->state == PEER_DOWN)
			p->retry = now + MS / 2;
		p->retry = p->retry > now + MS / 2 ? now + MS / 2 : p->retry;
		load_turn(l, MS / 2);
		in = accept(ear, NULL, NULL);
		if (in >= 0 && p->state <= PEER_CONNECTING) {
			peer_close(l, p, false);
			peer_take(l, p, in);
		} else if (in >= 0) {
			close(in);
		}
		if (p->state == PEER_UP && !sent) {
			sent = true;
			up = now_ns();
			peer_send(l, p, &feed);
		}
		found += read_routes(notes, routes, &seen);
	} while (found < routes && now_ns() - t0 < WAIT_S * 1000 * MS);
	now = now_ns();
	printf("phase=cold routes=%u of=%u ms=%.3f up_ms=%.3f\n", found, routes, (double)(now - t0) / 1e6,
	       up ? (double)(up - t0) / 1e6 : 0);
	peer_close(l, p, false);
	reap(pid, n);
	return found < routes;
}
