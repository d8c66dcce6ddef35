/* A gretel.conf of any octets: it loads or it does not, nothing is left behind, and what loads is the same when it is
 * printed and loaded again. Other files there are none. */
#include "fuzz.h"

#include "../unit/test_config_gretel_util.h"

#include <stdlib.h>
#include <string.h>

static void load_octets(struct loaded *l, struct test_mem *m, const char *text, size_t n)
{
	struct test_files f;
	test_mem_init(m);
	test_files_init(&f, NULL, "gretel.conf", text, n);
	load_file(l, m, &f, "gretel.conf");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct test_mem m, m2;
	struct loaded l, again;
	const char *what;
	char *text;

	load_octets(&l, &m, (const char *)data, size);
	/* Refused for a reason that is told, or loaded without an error. */
	if ((l.rc == 0) != (l.conf != NULL) || (l.rc == 0) != (l.d.errors == 0))
		abort();
	if (l.rc == 0) {
		if (config_print(l.conf, &l.psks, &text) != 0)
			abort();
		load_octets(&again, &m2, text, strlen(text));
		if (again.rc != 0 || !conf_same(l.conf, again.conf, &what) || again.psks.n != l.psks.n)
			abort();
		config_text_free(text);
		loaded_fini(&again);
		if (m2.mem.in_use)
			abort();
	}
	loaded_fini(&l);
	if (m.mem.in_use)
		abort();
	return 0;
}
