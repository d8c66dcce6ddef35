/* Between sandbox.c and sandbox_filter.c; what others call is in daemon.h. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

/* Closes all system calls but those of the ike role. 0 or -errno, said on standard error. */
int sandbox_filter(void);

#endif
