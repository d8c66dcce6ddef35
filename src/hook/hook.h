/* Front door of hook/: the user's updown script, run exactly as strongSwan runs it (ike.md 4):
 * /bin/sh -c "2>&1 COMMAND", environment PATH and PLUTO_* only, cwd /, stdin /dev/null; but asynchronously, in its
 * own process group, with a time limit, its output bounded and split into lines.
 *
 * hook_env.c is pure: an event becomes variables by a table. hook_run.c forks and reads. The hook role (daemon/) owns
 * a `struct hooks` and feeds it from its loop; runs of one tunnel go one after the other, of different tunnels side by
 * side.
 *
 *   hooks_run -> queued -> running -> shell exits -> what the pipe still holds -> HOOK_ENDED
 *                             | limit
 *                             v
 *                        SIGTERM to the group -> 5 s -> SIGKILL -> HOOK_ENDED, -ETIME
 *
 * Where strongSwan is different, on purpose: it reads until the end of the output, so that a child left in the
 * background stops the daemon; here the exit of the shell ends a run, the child lives on, and what it still writes is
 * read and dropped. A script's first 999 lines are reported, then one line says that the rest is not; lines longer
 * than HOOK_LINE_MAX - 1 octets are reported in pieces; control characters in them become '?'.
 *
 * Values of variables are made of [A-Za-z0-9@._:/%+=,-] and do not start with '-'; any other character is a '?' (names
 * from our own configuration may hold octets from 0x80, UTF-8). Scripts that need a peer's identity to the octet take
 * X_GRETEL_PEER_ID_HEX. strongSwan's variables keep its names and forms; ours start with X_GRETEL_.
 *
 * Use, in the hook role's loop: register hooks_fds() as readable, hooks_due() as a deadline, SIGCHLD as a signal (it
 * must not be ignored), and on any of them call hooks_step() until it returns false; then ask for the descriptors
 * again. */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "model/model.h"

/* What a script is told; see ike.md 4.3 for each variable. */
struct hook_event {
	bool up;
	char connection[CONF_NAME_MAX + 1];
	char interface[16];      /* device towards the peer, "" = unknown */
	uint32_t reqid, unique_id, spi_in, spi_out, child_id;
	struct endpoint me, peer;
	struct ident my_id, peer_id;
	struct addr my_client, peer_client;
	struct selector sel;
	bool encap;              /* PLUTO_UDP_ENC = peer.port */
	bool host_access;
	bool user;               /* the data plane is in user space: our own `ip` first in PATH (cli/ip.h), GRETEL_DATAPLANE=user */
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
	dur_t limit;             /* time limit; the process group gets TERM, 5 s later KILL; 0 = none */
};

#define HOOK_BIN GRETEL_LIBEXECDIR "/bin"
enum { HOOK_ENV_MAX = 48, HOOK_LINE_MAX = 512 };
struct hook_env { char *var[HOOK_ENV_MAX + 1]; size_t n; char octets[8192]; size_t used; bool cut; };
/* Fills env with PATH=path (ev->user: HOOK_BIN in front of it) and PLUTO_*; plus X_GRETEL_SPI_IN/OUT, X_GRETEL_ENCAP,
 * X_GRETEL_CHILD_ID, X_GRETEL_PEER_ID_HEX, GRETEL_DATAPLANE. -EOVERFLOW when a value does not fit: the hook must not run then. env points into itself: not
 * to be copied. */
int hook_env_build(struct hook_env *env, const struct hook_event *ev, const char *path) MUST_USE;

struct hooks;
enum hook_note { HOOK_LINE, HOOK_ENDED };
struct hook_report {
	uint32_t ticket;
	uint8_t type;            /* enum hook_note */
	char line[HOOK_LINE_MAX];
	/* ENDED: exit code, 128+signal, -ETIME when ended by the limit, -errno when not started. */
	int status;
};
struct hooks *hooks_new(size_t max_parallel); /* NULL: no memory */
/* Kills what still runs, with its group, and forgets what is queued. */
void hooks_free(struct hooks *h);
/* The value of PATH for runs that start from now on; at first a system default. -ENOMEM or 0. */
int hooks_set_path(struct hooks *h, const char *path) MUST_USE;
/* Queues or starts one. command: the shell line. 0: HOOK_ENDED will come for the ticket. -EOVERFLOW: see
 * hook_env_build; -EBUSY: too many are queued already; -ENOMEM. */
int hooks_run(struct hooks *h, uint32_t ticket, const struct hook_event *ev, const char *command, mono_t now) MUST_USE;
/* Descriptors to poll: fills fds, returns how many. */
size_t hooks_fds(const struct hooks *h, int *fds, size_t max);
/* 0 when something waits to be reported by hooks_step. */
mono_t hooks_due(const struct hooks *h);
/* Reads what is there, reaps, enforces limits. Call on readable descriptors, on SIGCHLD and when due. Reports one by
 * one: true while there was one. */
bool hooks_step(struct hooks *h, mono_t now, struct hook_report *out);
size_t hooks_running(const struct hooks *h); /* running and queued */

/* --- Programs that are no scripts (hook_tool.c): used in the loop as above --- */
struct hook_tools;
struct hook_tool_report {
	uint32_t ticket;
	uint8_t type;            /* HOOK_LINE: n octets of output, not lines; HOOK_ENDED: status as above */
	bool program;            /* of hook_tools_exec: the octets are its standard error */
	int status;
	size_t n;
	char octets[4096];
};
struct hook_tools *hook_tools_new(size_t max); /* how many at once; NULL: no memory */
void hook_tools_free(struct hook_tools *t);    /* kills what runs */
/* Executes argv[0] (searched for when it has no slash) without a shell. -EBUSY, -ENOMEM, or 0: HOOK_ENDED will come. */
int hook_tools_run(struct hook_tools *t, uint32_t ticket, char *const *argv, dur_t limit, mono_t now) MUST_USE;
/* A shell line whose standard input and output are the socket (the caller closes its own). */
int hook_tools_exec(struct hook_tools *t, uint32_t ticket, char *command, int socket, mono_t now) MUST_USE;
void hook_tools_kill(struct hook_tools *t, uint32_t ticket); /* SIGTERM to its group */
size_t hook_tools_fds(const struct hook_tools *t, int *fds, size_t max);
mono_t hook_tools_due(const struct hook_tools *t);
bool hook_tools_step(struct hook_tools *t, mono_t now, struct hook_tool_report *out);

#endif
