/* A stand-in for systemd's descriptor store, for the guest: runs a program as a service that notifies, keeps the descriptors that it stores
 * (sd_notify(3): FDSTORE, FDNAME, FDSTOREREMOVE), and starts it again with them (sd_listen_fds(3)), after a second, when it has failed.
 * SIGHUP is `systemctl restart` with RestartKillSignal=SIGUSR2; SIGTERM is passed on, and the end.
 *
 * fd_store PROGRAM [ARGUMENT...] */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STORE_MAX = 8, NAME_MAX_ = 64, TEXT_MAX = 512, FIRST_FD = 3 };

static struct { int fd; char name[NAME_MAX_]; } store[STORE_MAX];
static int stored;
static char **program;
static pid_t child;
static volatile sig_atomic_t hup, term, died;

static void on_signal(int signo)
{
	if (signo == SIGHUP)
		hup = 1;
	else if (signo == SIGTERM)
		term = 1;
	else
		died = 1;
}

static int notify_open(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "gretel-fd-store-%d", (int)getpid());
	char env[sizeof at.sun_path + 1];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0)
		return -1;
	snprintf(env, sizeof env, "@%s", at.sun_path + 1);
	setenv("NOTIFY_SOCKET", env, 1);
	setenv("FDSTORE", "8", 1);
	return fd;
}

/* The value of KEY= in lines of text; "" when it is not there. */
static void value(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);
	out[0] = '\0';
	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, key, n) == 0)
			snprintf(out, size, "%.*s", (int)strcspn(p + n, "\n"), p + n);
	}
}

static void drop(const char *name)
{
	for (int i = 0; i < stored; i++) {
		if (strcmp(store[i].name, name) != 0)
			continue;
		close(store[i].fd);
		store[i--] = store[--stored];
	}
}

static void message(int sock)
{
	char text[TEXT_MAX], name[NAME_MAX_], v[8];
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = {.iov_base = text, .iov_len = sizeof text - 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return;
	text[n] = '\0';
	int fd = -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	value(text, "FDNAME=", name, sizeof name);
	value(text, "FDSTOREREMOVE=", v, sizeof v);
	if (v[0] == '1')
		drop(name);
	value(text, "FDSTORE=", v, sizeof v);
	if (v[0] == '1' && fd >= 0 && stored < STORE_MAX) {
		store[stored].fd = fd;
		snprintf(store[stored++].name, NAME_MAX_, "%s", name);
		printf("fd_store: %s is kept\n", name);
		fflush(stdout);
	} else if (fd >= 0) {
		close(fd);
	}
}

/* In the child: what is stored is 3, 4, ... now, in order. */
static void hand_over(void)
{
	char names[STORE_MAX * (NAME_MAX_ + 1)] = "", number[16];
	int high[STORE_MAX];
	for (int i = 0; i < stored; i++) {
		high[i] = fcntl(store[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + STORE_MAX + STORE_MAX);
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ":" : "", store[i].name);
	}
	for (int i = 0; i < stored; i++)
		dup2(high[i], FIRST_FD + i);
	if (!stored)
		return;
	snprintf(number, sizeof number, "%d", stored);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof number, "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
}

static void start(void)
{
	child = fork();
	if (child != 0)
		return;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	hand_over();
	execvp(program[0], program);
	perror(program[0]);
	_exit(127);
}

/* True: it is to be started again. */
static bool reap(bool restart)
{
	int status;
	if (waitpid(child, &status, WNOHANG) != child)
		return false;
	child = 0;
	bool again = restart || (!term && (WIFSIGNALED(status) || WEXITSTATUS(status)));
	printf("fd_store: it ended with %s %d, %d descriptors are kept\n", WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), stored);
	fflush(stdout);
	return again;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	const int signals[] = {SIGHUP, SIGTERM, SIGCHLD};
	sigset_t set, open;
	bool restart = false;
	if (argc < 2)
		return 2;
	program = argv + 1;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		sigaction(signals[i], &sa, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &open);
	int sock = notify_open();
	if (sock < 0) {
		perror("fd_store");
		return 1;
	}
	start();
	for (;;) {
		fd_set in;
		FD_ZERO(&in);
		FD_SET(sock, &in);
		if (pselect(sock + 1, &in, NULL, NULL, NULL, &open) > 0)
			message(sock);
		if (term == 1 && child) {
			term = 2; /* once: asked twice, it ends as it is */
			kill(child, SIGTERM);
		} else if (hup && child) {
			hup = 0;
			restart = true;
			kill(child, SIGUSR2);
		}
		if (!died)
			continue;
		died = 0;
		bool was = child;
		bool again = reap(restart);
		if (child || !was)
			continue;
		if (!again)
			return 0;
		for (int i = 0; i < 64; i++)
			message(sock); /* what it said last */
		const struct timespec second = {.tv_sec = restart ? 0 : 1};
		nanosleep(&second, NULL);
		restart = false;
		start();
	}
}
