/* What the files of the daemon share: how a role is started, and what each role's main function is.
 *
 * `greteld` executes itself once per role through a descriptor of the running program, with the role's name and
 * its end of a channel on the command line (spawn.c); main.c calls the role's function:
 *
 *      priv   priv_role_run    the process that was started; supervises the others
 *      hook   hook_role_run    runs the user's scripts
 *      ike    ike_role_run     everything that reads the network
 *
 * A role function returns the exit code of its process. ike_role_run: make crypto (crypto_new) and whatever else
 * opens files first, then sandbox_enter(ROLE_IKE), then exchange HELLO with priv (privsep_hello, privsep_hello_ok) and
 * run. Its channel is start->chan; when that ends (-EPIPE) priv is gone, and the role exits. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/base.h"

enum role { ROLE_PRIV, ROLE_HOOK, ROLE_IKE, ROLE_N };

/* What a role that was executed is told on its command line. */
struct role_start {
	uint8_t role;      /* enum role */
	int chan;          /* its end of the channel to priv, SOCK_SEQPACKET, close-on-exec, non-blocking */
	int8_t log_level;  /* lines above it need not be sent to priv (enum note_level) */
};

const char *role_name(uint8_t role);

int ike_role_run(struct role_start *start);  /* ike_role.c */
int hook_role_run(struct role_start *start); /* hook_role.c */

/* Gives up what the role does not need, for good: user, capabilities, core dumps, new privileges, and (ike) all
 * system calls but its own. 0, or -errno after having said why on standard error: the role must exit. */
int sandbox_enter(uint8_t role) MUST_USE;

/* malloc as a handle. */
struct mem *mem_os(void);

#endif
