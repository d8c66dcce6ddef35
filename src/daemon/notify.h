/* sd_notify(3) and sd_listen_fds(3) without libsystemd: one datagram to $NOTIFY_SOCKET; what a service manager kept for us. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/base.h"

/* state: lines such as READY=1. Does nothing when nobody supervises us. */
void notify(const char *state);
/* How often WATCHDOG=1 is due (half of what systemd allows); 0 = not at all. */
dur_t notify_watchdog(void);

/* The descriptor store: what is put there under a name is given to the next life of this service, also after kill -9. */
bool notify_has_store(void); /* as far as one can tell: systemd says it from 254 on */
void notify_store(int fd, const char *name);
void notify_unstore(const char *name);

struct kept_fd { int fd; char name[32]; };
/* What an earlier life stored, at most once; the caller owns the descriptors, which are closed on exec now. */
size_t notify_kept(struct kept_fd *v, size_t max);

#endif
