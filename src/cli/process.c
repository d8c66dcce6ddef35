/* See process.h. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STOP_MS = 40000 };

static const char PID_PATH[] = GRETEL_RUNDIR "/greteld.pid";

/* 0: none. */
static pid_t lock_holder(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(PID_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	int err = fcntl(fd, F_GETLK, &l);
	close(fd);
	return err == 0 && l.l_type != F_UNLCK && l.l_pid > 0 ? l.l_pid : 0;
}

bool process_running(void) { return lock_holder() > 0; }

int process_start(struct cli *c, bool foreground)
{
	const char *argv[5] = {"greteld"};
	size_t n = 1;
	if (foreground)
		argv[n++] = "-n";
	if (c->file) {
		argv[n++] = "-c";
		argv[n++] = c->file;
	}
	fflush(NULL);
	execv(GRETEL_SBINDIR "/greteld", (char *const *)(uintptr_t)argv);
	cli_complain(c, "%s/greteld cannot be started: %s", GRETEL_SBINDIR, strerror(errno));
	return CONTROL_FAILED;
}

/* A descriptor of the process: what is signalled and awaited is what held the lock, not who has its number later. */
void process_stop(struct cli *c)
{
	pid_t pid = lock_holder();
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (fd < 0 || lock_holder() != pid || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0) {
		cli_complain(c, "greteld cannot be stopped: %s", fd < 0 && pid == 0 ? "it is gone" : strerror(errno));
	} else {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		fputs("Stopping gretel IPsec...\n", c->err);
		if (poll(&p, 1, STOP_MS) == 0)
			cli_complain(c, "greteld (pid %d) is still taking leave of its peers", (int)pid);
	}
	if (fd >= 0)
		close(fd);
}
