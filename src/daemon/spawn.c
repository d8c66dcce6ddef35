/* See spawn.h. The child gets descriptors 0 to 2 of priv, and its channel as 3; an environment of a few names. */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHAN_FD = 3, SELF_FD = 4 };

static const char *const names[ROLE_N] = {
	[ROLE_PRIV] = "priv",
	[ROLE_HOOK] = "hook",
	[ROLE_IKE] = "ike",
	[ROLE_NAMES] = "names",
	[ROLE_SPAWNER] = "spawner",
	[ROLE_ROUTE] = "route",
	[ROLE_ESP] = "esp",
};

const char *role_name(uint8_t role) { return role < ROLE_N ? names[role] : "?"; }

int spawn_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Beside the program (a build), where an installation has it in relation to the program (also one that was staged or moved), then where
 * this one was configured to be. */
int spawn_small(void)
{
	static const char *const beside[] = {"greteld-route", "../libexec/gretel/greteld-route"};
	char self[400], path[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	int fd = -1;
	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && fd < 0 && i < ARRAY_LEN(beside); i++) {
		snprintf(path, sizeof path, "%s/%s", self, beside[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		fd = open(GRETEL_LIBEXECDIR "/greteld-route", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Puts the two descriptors in their places and closes all others. */
static int arrange(int chan, int self_fd)
{
	/* Out of the way first, so that neither overwrites the other. */
	int c = fcntl(chan, F_DUPFD, 10), s = fcntl(self_fd, F_DUPFD, 10);
	if (c < 0 || s < 0 || dup2(c, CHAN_FD) < 0 || dup3(s, SELF_FD, O_CLOEXEC) < 0)
		return -errno;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, SELF_FD + 1, ~0u, 0u) == 0)
		return 0;
#endif
	struct rlimit lim;
	int end = getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < 65536 ? (int)lim.rlim_cur : 65536;
	for (int fd = SELF_FD + 1; fd < end; fd++)
		close(fd);
	return 0;
}

static void signals_default(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}

/* Variables that a role may need from our own environment. */
static size_t environment(char *env[], size_t max)
{
	static const char *const kept[] = {
		"TZ",
#ifdef GRETEL_SANITIZED
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
#endif
		"GCOV_PREFIX", "GCOV_PREFIX_STRIP", "LLVM_PROFILE_FILE",
	};
	static char room[ARRAY_LEN(kept) + 1][512];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(kept) && n + 1 < max; i++) {
		const char *v = getenv(kept[i]);
		if (v && (size_t)snprintf(room[n], sizeof room[n], "%s=%s", kept[i], v) < sizeof room[n]) {
			env[n] = room[n];
			n++;
		}
	}
	env[n] = NULL;
	return n;
}

static void child(int self_fd, int err_fd, const struct role_start *start, int chan)
{
	char title[32], role[32], level[16], name[300], user[80], caps[512], ids[40];
	char *argv[9], *env[16];
	size_t n = 0;
	snprintf(title, sizeof title, "greteld: %s", role_name(start->role));
	snprintf(role, sizeof role, "--role=%s", role_name(start->role));
	snprintf(level, sizeof level, "--level=%d", start->log_level);
	argv[n++] = title;
	argv[n++] = role;
	argv[n++] = level;
	if (start->name && (size_t)snprintf(name, sizeof name, "--name=%s", start->name) < sizeof name)
		argv[n++] = name;
	if (start->user && (size_t)snprintf(user, sizeof user, "--user=%s", start->user) < sizeof user)
		argv[n++] = user;
	if (start->caps && (size_t)snprintf(caps, sizeof caps, "--caps=%s", start->caps) < sizeof caps)
		argv[n++] = caps;
	snprintf(ids, sizeof ids, "--ids=%u:%u", start->uid, start->gid);
	if (start->uid)
		argv[n++] = ids;
	argv[n] = NULL;
	environment(env, ARRAY_LEN(env));
	signals_default();
	/* A Ctrl-C in the foreground is for priv, which ends the others in order. */
	(void)setsid();
	if ((err_fd < 0 || dup2(err_fd, STDERR_FILENO) >= 0) && arrange(chan, self_fd) == 0)
		syscall(SYS_execveat, SELF_FD, "", argv, env, AT_EMPTY_PATH);
	_exit(127);
}

/* What would be cut must not be started: it would be another name, or wider rights. */
static bool too_long(const struct role_start *start)
{
	return (start->name && strlen(start->name) > 255) || (start->user && strlen(start->user) > 64) ||
	       (start->caps && strlen(start->caps) > 500);
}

pid_t spawn_sibling(int self_fd, const struct role_start *start, int chan)
{
	if (too_long(start))
		return -ENAMETOOLONG;
	/* As fork, but the parent is our own parent. There is no function for it; the arguments behind the flags are all 0. */
#if defined(__s390__) || defined(__cris__)
	long p = syscall(SYS_clone, 0, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0);
#else
	long p = syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0, 0, 0, 0);
#endif
	if (p == 0)
		child(self_fd, -1, start, chan);
	return p < 0 ? -errno : (pid_t)p;
}

int spawn_role(int self_fd, int err_fd, const struct role_start *start, pid_t *pid, int *chan)
{
	int pair[2];
	if (too_long(start))
		return -ENAMETOOLONG;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	pid_t p = fork();
	if (p == 0)
		child(self_fd, err_fd, start, pair[1]);
	int err = errno;
	close(pair[1]);
	if (p < 0) {
		close(pair[0]);
		return -err;
	}
	*pid = p;
	*chan = pair[0];
	return 0;
}

static bool option(const char *arg, const char *key, const char **value)
{
	size_t n = strlen(key);
	if (strncmp(arg, key, n) != 0)
		return false;
	*value = arg + n;
	return true;
}

static void ids_parse(const char *text, struct role_start *out)
{
	char *end;
	out->uid = (uint32_t)strtoul(text, &end, 10);
	out->gid = *end == ':' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
	sandbox_set_user(out->gid ? out->uid : 0, out->gid);
}

bool spawn_parse(int argc, char **argv, struct role_start *out)
{
	const char *role = NULL, *level = NULL, *ids = NULL;
	*out = (struct role_start){.role = ROLE_N, .chan = CHAN_FD};
	if (argc < 2 || !option(argv[1], "--role=", &role))
		return false;
	for (uint8_t i = ROLE_HOOK; i < ROLE_N; i++) {
		if (strcmp(role, names[i]) == 0)
			out->role = i;
	}
	for (int i = 2; i < argc; i++) {
		if (option(argv[i], "--level=", &level))
			out->log_level = (int8_t)strtol(level, NULL, 10);
		else if (option(argv[i], "--ids=", &ids))
			ids_parse(ids, out);
		else if (!option(argv[i], "--name=", &out->name) && !option(argv[i], "--user=", &out->user))
			(void)option(argv[i], "--caps=", &out->caps);
	}
	int flags = fcntl(CHAN_FD, F_GETFD);
	return out->role != ROLE_N && flags >= 0 && fcntl(CHAN_FD, F_SETFD, flags | FD_CLOEXEC) == 0;
}
