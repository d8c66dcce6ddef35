/* The spawner: a process that priv starts before it gives up root's rights, and that does one thing with them: it starts
 * hook again when hook has died. It reads nothing but what priv sends, and holds nothing. */
#ifndef DAEMON_SPAWNER_H
#define DAEMON_SPAWNER_H

#include <sys/types.h>

#include "daemon/daemon.h"

/* priv's half: has the spawner behind fd start hook as `start` says. The process is priv's own child, not the spawner's. *chan:
 * as spawn_role's. 0 or -errno; -EPIPE: the spawner is gone. */
int spawner_ask(int fd, const struct role_start *start, pid_t *pid, int *chan) MUST_USE;

#endif
