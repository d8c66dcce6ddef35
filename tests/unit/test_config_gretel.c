/* gretel.conf: each tests/config/gretel/NN.in gives exactly NN.ok (the canonical text, then the warnings) or NN.err (the
 * diagnostics). What loads is printed, loaded again, and must be the same, octet for octet but for where it came from.
 * GRETEL_UPDATE=1 writes the expectations anew: read the difference before you commit it. */
#include "test_config_gretel_util.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned failures;

/* Printed and loaded again: the same configuration, the same keys, the same text. */
static void check_again(struct loaded *l, const char *name, const char *text)
{
	struct test_mem m;
	struct loaded again;
	const char *what = NULL;
	char *text2 = NULL;
	test_mem_init(&m);
	load_text(&again, &m, text);
	char *d = diags_text(&again.d);
	if (again.rc != 0 || !conf_same(l->conf, again.conf, &what) ||
	    config_print(again.conf, &again.psks, &text2) != 0 || (l->conf->n_refused == 0 && strcmp(text, text2) != 0)) {
		print_error("%s: not the same when printed and loaded again (%s)\n%s%s", name, what ? what : "text", d, text);
		failures++;
	}
	assert_int_equal(again.psks.n, l->psks.n);
	for (size_t i = 0; i < l->psks.n; i++) {
		assert_int_equal(again.psks.v[i].key_len, l->psks.v[i].key_len);
		assert_memory_equal(again.psks.v[i].key, l->psks.v[i].key, l->psks.v[i].key_len);
		assert_int_equal(again.psks.v[i].n_selectors, l->psks.v[i].n_selectors);
		for (size_t k = 0; k < l->psks.v[i].n_selectors; k++)
			assert_true(ident_eq(&again.psks.v[i].selectors[k], &l->psks.v[i].selectors[k]));
	}
	config_text_free(text2);
	free(d);
	loaded_fini(&again);
}

static void run_case(const char *dir, const char *name)
{
	struct test_mem m;
	struct test_files f;
	struct loaded l;
	char path[1024];
	test_mem_init(&m);
	test_files_init(&f, dir, NULL, NULL, 0);
	load_file(&l, &m, &f, name);
	char *d = diags_text(&l.d);
	int stem = (int)strlen(name) - 3;
	if (l.rc == 0) {
		char *text, *all = NULL;
		size_t n;
		assert_int_equal(config_print(l.conf, &l.psks, &text), 0);
		FILE *out = open_memstream(&all, &n);
		fputs(text, out);
		for (char *line = strtok(d, "\n"); line; line = strtok(NULL, "\n"))
			fprintf(out, "#! %s\n", line);
		fclose(out);
		snprintf(path, sizeof path, "%s/%.*s.ok", dir, stem, name);
		failures += !golden_is(path, all);
		check_again(&l, name, text);
		config_text_free(text);
		free(all);
	} else {
		snprintf(path, sizeof path, "%s/%.*s.err", dir, stem, name);
		assert_null(l.conf);
		assert_int_equal(l.psks.n, 0);
		failures += !golden_is(path, d);
	}
	free(d);
	loaded_fini(&l);
	assert_int_equal(m.mem.in_use, 0);
}

static void test_golden(void **state)
{
	(void)state;
	char dir[512], pattern[600];
	glob_t g;
	snprintf(pattern, sizeof pattern, "%s/*.in", src_path("tests/config/gretel", dir));
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		run_case(dir, strrchr(g.gl_pathv[i], '/') + 1);
	bool all = g.gl_pathc >= 38;
	globfree(&g);
	assert_true(all);
	assert_int_equal(failures, 0);
}

/* Every expectation has its input. */
static void test_no_orphans(void **state)
{
	(void)state;
	char dir[512], pattern[600];
	glob_t g;
	for (int i = 0; i < 2; i++) {
		snprintf(pattern, sizeof pattern, "%s/*.%s", src_path("tests/config/gretel", dir), i ? "err" : "ok");
		assert_int_equal(glob(pattern, 0, NULL, &g), 0);
		for (size_t k = 0; k < g.gl_pathc; k++) {
			char in[1024];
			size_t n;
			snprintf(in, sizeof in, "%.*s.in", (int)(strrchr(g.gl_pathv[k], '.') - g.gl_pathv[k]), g.gl_pathv[k]);
			char *s = read_whole(in, &n);
			assert_non_null(s);
			free(s);
		}
		globfree(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_no_orphans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
