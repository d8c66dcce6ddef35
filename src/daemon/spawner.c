/* See spawner.h. One kind of message in each direction: a wish with one end of a channel, and the number of the process. */
#include "daemon/spawner.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/spawn.h"

enum { ANSWER_MS = 10000 };

struct wish {
	int8_t log_level;
	char user[80]; /* "" = not said */
	char caps[512];
};

/* --- priv's half --- */

static int send_wish(int fd, const struct wish *w, int chan)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)w, .iov_len = sizeof *w};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	memset(&control, 0, sizeof control);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof chan);
	memcpy(CMSG_DATA(c), &chan, sizeof chan);
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof *w ? 0 : errno == EPIPE ? -EPIPE : -EIO;
}

/* The spawner does nothing else, so its answer comes at once or not at all. */
static int read_answer(int fd, pid_t *pid)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int32_t n;
	int rc;
	do
		rc = poll(&p, 1, ANSWER_MS);
	while (rc < 0 && errno == EINTR);
	if (rc != 1)
		return -ETIMEDOUT;
	if (recv(fd, &n, sizeof n, MSG_DONTWAIT) != (ssize_t)sizeof n)
		return -EPIPE;
	*pid = n;
	return n > 0 ? 0 : n < 0 ? n : -EIO;
}

int spawner_ask(int fd, const struct role_start *start, pid_t *pid, int *chan)
{
	struct wish w;
	int pair[2];
	memset(&w, 0, sizeof w);
	w.log_level = start->log_level;
	if (snprintf(w.user, sizeof w.user, "%s", start->user ? start->user : "") >= (int)sizeof w.user ||
	    snprintf(w.caps, sizeof w.caps, "%s", start->caps ? start->caps : "") >= (int)sizeof w.caps)
		return -ENAMETOOLONG;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	int rc = send_wish(fd, &w, pair[1]);
	close(pair[1]);
	if (rc == 0)
		rc = read_answer(fd, pid);
	if (rc < 0)
		close(pair[0]);
	else
		*chan = pair[0];
	return rc;
}

/* --- the spawner --- */

/* 1: a wish, with its channel; 0: priv is gone; -1: not from our priv. */
static int receive(int fd, struct wish *w, int *chan)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = w, .iov_len = sizeof *w};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n == 0 ? 0 : -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (n != (ssize_t)sizeof *w || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !c || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof *chan) || !memchr(w->user, 0, sizeof w->user) || !memchr(w->caps, 0, sizeof w->caps))
		return -1;
	memcpy(chan, CMSG_DATA(c), sizeof *chan);
	return 1;
}

int spawner_role_run(struct role_start *start)
{
	struct wish w;
	struct pollfd p = {.fd = start->chan, .events = POLLIN};
	int chan, rc, self = spawn_self();
	if (self < 0 || sandbox_enter_hook(NULL, NULL) < 0)
		return 1;
	for (;;) {
		if (poll(&p, 1, -1) < 0)
			continue;
		rc = receive(start->chan, &w, &chan);
		if (rc <= 0)
			return rc < 0;
		const struct role_start hook = {.role = ROLE_HOOK, .log_level = w.log_level, .user = w.user[0] ? w.user : NULL,
		                                .caps = w.caps[0] ? w.caps : NULL};
		int32_t answer = spawn_sibling(self, &hook, chan);
		close(chan);
		if (send(start->chan, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t)sizeof answer)
			return 0;
	}
}
