/* Starting a role: a new process that executes the running program again, so that it shares no memory and no
 * address layout with priv, and gets nothing but its channel. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <sys/types.h>

#include "daemon/daemon.h"

/* A descriptor of the running program, which stays valid when its file is replaced. fd or -errno. */
int spawn_self(void);
/* A descriptor of greteld-route, the program of the other roles; -ENOENT: there is none. */
int spawn_small(void);
/* Starts start->role; start->chan is ignored. err_fd: its standard error, -1 = ours. *chan becomes our end of a new
 * SOCK_SEQPACKET pair. 0 or -errno. */
int spawn_role(int self_fd, int err_fd, const struct role_start *start, pid_t *pid, int *chan) MUST_USE;
/* The same from another role, for its parent: the new process is the caller's sibling, and takes `chan` for its channel and
 * standard error from the caller. Its number or -errno. */
pid_t spawn_sibling(int self_fd, const struct role_start *start, int chan) MUST_USE;
/* The other side: whether argv is one that spawn_role made. false: it is the user's. */
bool spawn_parse(int argc, char **argv, struct role_start *out);

#endif
