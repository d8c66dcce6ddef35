/* greteld-route: the roles that need no library for cryptography, as a small program of its own, so that each of them costs little
 * memory and holds little code that an intruder could use. Only priv executes it (spawn.c); by hand it does nothing. */
#include <signal.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "daemon/spawn.h"

int main(int argc, char **argv)
{
	struct role_start start;
	signal(SIGPIPE, SIG_IGN);
	role_memory();
	if (!spawn_parse(argc, argv, &start)) {
		fputs("greteld-route is a part of greteld, which starts it\n", stderr);
		return 2;
	}
	sandbox_set_channel(start.chan);
	switch (start.role) {
	case ROLE_HOOK: return hook_role_run(&start);
	case ROLE_NAMES: return names_role_run(&start);
	case ROLE_SPAWNER: return spawner_role_run(&start);
	case ROLE_ROUTE: return route_role_run(&start);
	default: return 2;
	}
}
