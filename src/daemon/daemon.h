/* What the files of the daemon share: how a role is started, and what each role's main function is.
 *
 * `greteld` executes itself once per role through a descriptor of the running program, with the role's name and
 * its end of a channel on the command line (spawn.c); main.c calls the role's function:
 *
 *      priv   priv_role_run    the process that was started; supervises the others
 *      hook   hook_role_run    runs the user's scripts
 *      ike    ike_role_run     everything that reads the network
 *      names  names_role_run   one look-up of one name, then gone
 *      spawner  spawner_role_run  starts hook, with the rights that priv has given up
 *      route  route_role_run   one routing module; BGP and BFD of the network
 *      esp    esp_role_run     the data plane in user space: ESP and GRE packets; only where the kernel does not do it
 *
 * hook, spawner, names and route are roles of a second, small program, greteld-route, which maps no library for cryptography;
 * without it hook, spawner and names are executed from greteld itself.
 *
 * A role function returns the exit code of its process. ike_role_run: make crypto (crypto_new) and whatever else
 * opens files first, then sandbox_enter(ROLE_IKE), then exchange HELLO with priv (privsep_hello, privsep_hello_ok) and
 * run. Its channel is start->chan; when that ends (-EPIPE) priv is gone, and the role exits. What it wants logged
 * goes out by priv_log; standard error is for the moments before that. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/base.h"

enum role { ROLE_PRIV, ROLE_HOOK, ROLE_IKE, ROLE_NAMES, ROLE_SPAWNER, ROLE_ROUTE, ROLE_ESP, ROLE_N };

/* What a role that was executed is told on its command line. */
struct role_start {
	uint8_t role;      /* enum role */
	int chan;          /* its end of the channel to priv, SOCK_SEQPACKET, close-on-exec, non-blocking */
	int8_t log_level;  /* lines above it need not be sent to priv (enum note_level) */
	const char *name;  /* names: what to look up; route: its module; esp: "WORKERS BACKEND", numbers; else NULL */
	uint32_t uid, gid; /* ike, names, route, esp: who they become, as priv has looked up; 0 = the role looks by itself */
	const char *user;  /* hook: whom the scripts run as; NULL = root */
	const char *caps;  /* hook: what they may, a comma list of capability names; NULL = all; with a user net_admin,
	                    * net_raw */
};

/* What the command line of greteld says. */
struct greteld_options {
	bool foreground;
	bool check;        /* load the configuration, say what is wrong, leave */
	const char *file;  /* -c */
	int level;         /* -d; INT_MIN = as configured */
	int ready_fd;      /* background: the starter waits here; -1 = none */
	int self_fd;       /* the running program */
	int small_fd;      /* greteld-route; -1: there is none */
	uint32_t uid, gid; /* of the roles without rights */
};

const char *role_name(uint8_t role);

int priv_role_run(struct greteld_options *opt); /* priv_role.c */
int ike_role_run(struct role_start *start);     /* ike_role.c */
int hook_role_run(struct role_start *start);    /* hook_role.c */
int names_role_run(struct role_start *start);   /* names.c */
int spawner_role_run(struct role_start *start); /* spawner.c */
int route_role_run(struct role_start *start);   /* route_role.c */
int esp_role_run(struct role_start *start);     /* esp_role.c */

/* Gives up what the role does not need, for good: user, capabilities, core dumps, new privileges, and (ike, route, esp)
 * all system calls but its own. 0, or -errno after having said why on standard error: the role must exit. */
int sandbox_enter(uint8_t role) MUST_USE;
/* The two halves of it, for a role with threads: they are started between, without privileges, and the second closes the system calls
 * for all of them. */
int sandbox_drop(uint8_t role) MUST_USE;
int sandbox_close(uint8_t role) MUST_USE;
/* The user of the roles that read untrusted octets: gretel when there is one, else nobody. Looking takes the C library a while: priv does it
 * once for all. False: there is neither. */
bool sandbox_user(uint32_t *uid, uint32_t *gid);
void sandbox_set_user(uint32_t uid, uint32_t gid); /* what was found; 0: nothing */
/* The same for hook, whose scripts decide what is needed. */
int sandbox_enter_hook(const char *user, const char *caps) MUST_USE;
/* Where a forbidden system call is reported: a LOG message whose ticket is its number. */
void sandbox_set_channel(int fd);

/* The first thing in each role: large buffers cost what is used of them (settle.c). */
void role_memory(void);
/* The start, or an exchange of keys, is over for so long: gives back memory that only it needed (settle.c). */
enum { ROLE_SETTLE_S = 2, KEYS_SETTLE_S = 10 };
void role_settle(void);
/* Much may have been freed, and there is nothing to do for a while. */
void role_tidy(void);

/* malloc and getrandom(2) as handles. */
struct mem *mem_os(void);
struct rng *rng_os(void);

#endif
