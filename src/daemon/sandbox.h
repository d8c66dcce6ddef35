/* Between sandbox.c and sandbox_filter.c; what others call is in daemon.h. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdint.h>

/* Closes all system calls but those of the role, for all of its threads: ike, route, which connects sockets that it was given, or esp. 0 or -errno, said on
 * standard error. */
int sandbox_filter(uint8_t role);

#endif
