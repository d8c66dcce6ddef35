/* Front door of hook/: the user's updown script, run exactly as strongSwan runs it (ike.md 4):
 * /bin/sh -c "2>&1 COMMAND", environment PATH and PLUTO_* only, cwd /, stdin /dev/null; but asynchronously, in its
 * own process group, with a time limit, its output bounded and split into lines.
 *
 * hook_env.c is pure: an event becomes variables by a table. hook_run.c forks and reads. The hook role (daemon/) owns a
 * `struct hooks` and feeds it from its loop; runs of one tunnel go one after the other, of different tunnels side by side. */
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
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
	dur_t limit;             /* time limit; the process group gets TERM, 5 s later KILL */
};

enum { HOOK_ENV_MAX = 48, HOOK_LINE_MAX = 512 };
struct hook_env { char *var[HOOK_ENV_MAX + 1]; size_t n; char octets[8192]; size_t used; bool cut; };
/* Fills env with PATH=path and PLUTO_*; plus X_GRETEL_SPI_IN/OUT, X_GRETEL_ENCAP. -EOVERFLOW when a value does not fit:
 * the hook must not run then. */
int hook_env_build(struct hook_env *env, const struct hook_event *ev, const char *path) MUST_USE;

struct hooks;
enum hook_note { HOOK_LINE, HOOK_ENDED };
struct hook_report {
	uint32_t ticket;
	uint8_t type;            /* enum hook_note */
	char line[HOOK_LINE_MAX];
	int status;              /* ENDED: exit code, 128+signal, -ETIME when ended by the limit, -errno when not started */
};
struct hooks *hooks_new(size_t max_parallel);
void hooks_free(struct hooks *h);
/* Queues or starts one. command: the shell line. */
int hooks_run(struct hooks *h, uint32_t ticket, const struct hook_event *ev, const char *command, mono_t now) MUST_USE;
/* Descriptors to poll: fills fds, returns how many. */
size_t hooks_fds(const struct hooks *h, int *fds, size_t max);
mono_t hooks_due(const struct hooks *h);
/* Reads what is there, reaps, enforces limits. Call on readable descriptors, on SIGCHLD and when due. Reports one by one: true while there was one. */
bool hooks_step(struct hooks *h, mono_t now, struct hook_report *out);
size_t hooks_running(const struct hooks *h);

#endif
