/* greteld: reads its command line and becomes a role. What the user starts is priv; it executes this program again for
 * the other roles (spawn.c). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/priv_role.h"
#include "daemon/spawn.h"

static void usage(FILE *f)
{
	fputs("usage: greteld [-n] [-c FILE] [-d LEVEL] [--check] [-V] [-h]\n"
	      "  -n          stay in the foreground, log to standard error\n"
	      "  -c FILE     the configuration (gretel.conf or ipsec.conf) instead of the usual places\n"
	      "  -d LEVEL    log level, -1 (errors) to 4; the default is the configuration's\n"
	      "  --check     load the configuration, say what is wrong with it, end\n"
	      "  -V          version\n",
	      f);
}

/* -1: go on; else the exit code. */
static int options(int argc, char **argv, struct greteld_options *o)
{
	static const struct option longs[] = {
		{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;
	char *end;
	while ((c = getopt_long(argc, argv, "nc:d:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'n': o->foreground = true; break;
		case 'c': o->file = optarg; break;
		case 'd':
			o->level = (int)strtol(optarg, &end, 10);
			if (*end || end == optarg || o->level < -1 || o->level > 4) {
				fprintf(stderr, "greteld: -d %s: a number from -1 to 4 is expected\n", optarg);
				return 2;
			}
			break;
		case 'k': o->check = true; break;
		case 'V': puts("gretel " GRETEL_VERSION); return 0;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "greteld: %s: not an option\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	return -1;
}

/* The descriptors 0 to 2 are open in each role, whatever our starter left us. */
static bool descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

/* The starter's half: it ends when the daemon is up, or has said on standard error why not. */
static int await(int fd, pid_t child)
{
	char c;
	ssize_t n;
	int status;
	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return 1;
}

/* -1: this is the daemon; else the starter's exit code. */
static int background(struct greteld_options *o)
{
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0) {
		perror("greteld: pipe");
		return 1;
	}
	pid_t child = fork();
	if (child < 0) {
		perror("greteld: fork");
		return 1;
	}
	if (child > 0) {
		close(ready[1]);
		return await(ready[0], child);
	}
	close(ready[0]);
	o->ready_fd = ready[1];
	if (setsid() < 0)
		return 1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return 1;
	return -1;
}

static int role(struct role_start *start)
{
	sandbox_set_channel(start->chan);
	switch (start->role) {
	case ROLE_HOOK: return hook_role_run(start);
	case ROLE_IKE: return ike_role_run(start);
	case ROLE_NAMES: return names_role_run(start);
	case ROLE_ESP: return esp_role_run(start);
	case ROLE_SPAWNER: return spawner_role_run(start);
	default: return 2;
	}
}

static int daemon_run(struct greteld_options *o)
{
	int rc;
	o->self_fd = spawn_self();
	if (o->self_fd < 0) {
		fprintf(stderr, "greteld: /proc/self/exe cannot be opened: %s\n", strerror(-o->self_fd));
		return 1;
	}
	o->small_fd = spawn_small();
	umask(022);
	if (!o->foreground && (rc = background(o)) >= 0)
		return rc;
	return chdir("/") < 0 ? 1 : priv_role_run(o);
}

int main(int argc, char **argv)
{
	struct greteld_options o = {.level = INT_MIN, .ready_fd = -1};
	struct role_start start;
	if (!descriptors())
		return 1;
	signal(SIGPIPE, SIG_IGN);
	role_memory();
	if (spawn_parse(argc, argv, &start))
		return role(&start);
	int rc = options(argc, argv, &o);
	if (rc >= 0)
		return rc;
	/* The daemon works in /; the user's path is meant from here. */
	char *file = o.file ? realpath(o.file, NULL) : NULL;
	if (file)
		o.file = file;
	rc = o.check ? conf_check_only(&o) : daemon_run(&o);
	free(file);
	return rc;
}
