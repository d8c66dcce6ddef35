/* schema_doc man|sample: writes gretel.conf(5) or the sample to standard output. Run by hand (make docs) after a change
 * of the table; a test fails until the results are committed. Not installed. */
#include "config/schema_man.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct cfg_buf o = {0};
	if (argc == 2 && strcmp(argv[1], "man") == 0)
		schema_man(&o);
	else if (argc == 2 && strcmp(argv[1], "sample") == 0)
		schema_sample(&o);
	else {
		fprintf(stderr, "usage: schema_doc man|sample\n");
		return 2;
	}
	bool ok = !o.bad && fwrite(cfg_buf_text(&o), 1, o.n, stdout) == o.n && fflush(stdout) == 0;
	cfg_buf_fini(&o);
	return ok ? 0 : 1;
}
