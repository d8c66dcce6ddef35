/* gretel: the command line of greteld. See gretel(8). */
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	struct cli c = {
		.out = stdout,
		.err = stderr,
		.socket = GRETEL_RUNDIR "/control",
		.lines = -1,
		.call = control_call,
	};
	int code = cli_main(&c, argc, argv);
	if (fflush(stdout) != 0 && code == CONTROL_OK) {
		cli_complain(&c, "the output could not be written");
		code = CONTROL_FAILED;
	}
	return code;
}
