/* Whether a greteld runs, and starting and stopping one, for `gretel ipsec start|stop`. */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include "cli/cli.h"

/* By the lock on the pid file, which a dead daemon does not hold. */
bool process_running(void);
/* Becomes greteld; returns only when that failed: 1. */
int process_start(struct cli *c, bool foreground);
/* SIGTERM, and waits for the end. */
void process_stop(struct cli *c);

#endif
