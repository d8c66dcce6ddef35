/* gretel: the command line of greteld. See gretel(8). Called as ip it is what scripts find in place of iproute2's (ip.h). */
#include <signal.h>
#include <string.h>

#include "cli/ip.h"

int main(int argc, char **argv)
{
	struct cli c = {
		.out = stdout,
		.err = stderr,
		.socket = GRETEL_RUNDIR "/control",
		.lines = -1,
		.call = control_call,
	};
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	bool ip = argc > 0 && strcmp(slash ? slash + 1 : argv[0], "ip") == 0;
	int code = ip ? ip_main(&c, argc, argv) : cli_main(&c, argc, argv);
	if (fflush(stdout) != 0 && code == CONTROL_OK) {
		cli_complain(&c, "the output could not be written");
		code = CONTROL_FAILED;
	}
	return code;
}
