/* What the tests of gretel.conf assert together. See test_config_gretel_util.h. */
#include "test_config_gretel_util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

bool golden_is(const char *path, const char *got)
{
	size_t n;
	if (getenv("GRETEL_UPDATE")) {
		FILE *f = fopen(path, "wb");
		assert_non_null(f);
		fputs(got, f);
		fclose(f);
	}
	char *want = read_whole(path, &n);
	bool same = want && strcmp(want, got) == 0;
	if (!same)
		print_error("%s: expected\n%s-- but got\n%s--\n", path, want ? want : "(no such file)\n", got);
	free(want);
	return same;
}

void loads_or_not(const char *text, bool good)
{
	struct test_mem m;
	struct loaded l, again;
	char *printed;
	const char *what = "error";
	test_mem_init(&m);
	load_text(&l, &m, text);
	if ((l.rc == 0) != good) {
		char *d = diags_text(&l.d);
		print_error("%s\n%s", text, d);
		free(d);
	}
	assert_int_equal(l.rc == 0, good);
	if (good) {
		assert_int_equal(config_print(l.conf, NULL, &printed), 0);
		load_text(&again, &m, printed);
		if (again.rc != 0 || !conf_same(l.conf, again.conf, &what))
			print_error("%s\n%s (%s)\n", text, printed, what);
		assert_true(again.rc == 0 && conf_same(l.conf, again.conf, &what));
		config_text_free(printed);
		loaded_fini(&again);
	}
	loaded_fini(&l);
	assert_int_equal(m.mem.in_use, 0);
}
