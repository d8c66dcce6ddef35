/* See notify.h. A leading @ in the socket's name means the abstract name space. */
#include "daemon/notify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3 /* SD_LISTEN_FDS_START */ };

/* fd -1: the text alone. */
static void say(const char *state, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;
	if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return;
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec text = {.iov_base = (void *)(uintptr_t)state, .iov_len = strlen(state)};
	struct msghdr m = {.msg_name = &to, .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n),
	                   .msg_iov = &text, .msg_iovlen = 1};
	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		m.msg_control = &control;
		m.msg_controllen = sizeof control.room;
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	}
	(void)!sendmsg(s, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(s);
}

void notify(const char *state) { say(state, -1); }

dur_t notify_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	long long v = strtoll(usec, NULL, 10);
	return v > 0 && v < 86400LL * 1000000 ? DUR_NS(v) * 1000 / 2 : 0;
}

bool notify_has_store(void)
{
	const char *max = getenv("FDSTORE");
	return getenv("NOTIFY_SOCKET") && (!max || strtol(max, NULL, 10) > 0);
}

/* FDPOLL=0: an ICMP error makes a UDP socket readable as an error, which is no reason to drop it. */
void notify_store(int fd, const char *name)
{
	char state[96];
	snprintf(state, sizeof state, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	say(state, fd);
}

void notify_unstore(const char *name)
{
	char state[96];
	snprintf(state, sizeof state, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	say(state, -1);
}

/* The next of the names that stand between colons. */
static void take_name(const char **at, char *out, size_t size)
{
	size_t n = strcspn(*at, ":");
	snprintf(out, size, "%.*s", n < size ? (int)n : 0, *at);
	*at += n + ((*at)[n] == ':');
}

size_t notify_kept(struct kept_fd *v, size_t max)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	long n = pid && fds && strtol(pid, NULL, 10) == (long)getpid() ? strtol(fds, NULL, 10) : 0;
	size_t got = 0;
	if (!names)
		names = "";
	for (int fd = FIRST_FD; n > 0 && n <= 1024 && fd < FIRST_FD + n; fd++) {
		char name[sizeof v->name];
		take_name(&names, name, sizeof name);
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		if (got == max) {
			close(fd);
			continue;
		}
		v[got].fd = fd;
		memcpy(v[got].name, name, sizeof name);
		got++;
	}
	/* No role and no script is to think that they are its own. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return got;
}
