/* sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/base.h"

/* state: lines such as READY=1. Does nothing when nobody supervises us. */
void notify(const char *state);
/* How often WATCHDOG=1 is due (half of what systemd allows); 0 = not at all. */
dur_t notify_watchdog(void);

#endif
