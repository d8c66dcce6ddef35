/* frr.conf: each tests/config/frr/NN.in gives exactly NN.ok (the canonical gretel.conf of what it means, then the warnings) or
 * NN.err (the diagnostics: routing is left out, the rest loads). What loads is printed as a gretel.conf, loaded again, and
 * must be the same octet for octet but for where it came from. GRETEL_UPDATE=1 writes the expectations anew: read the
 * difference before you commit it. */
#include "test_config_gretel_util.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned failures, good, bad;

/* A gretel.conf that names this file. */
static void load_frr(struct loaded *l, struct test_mem *m, const char *dir, const char *name)
{
	char text[600];
	struct test_files f;
	snprintf(text, sizeof text, "routing = { module = \"bgp\"; frr_conf = \"%s\"; };", name);
	test_files_init(&f, dir, "g.conf", text, strlen(text));
	load_file(l, m, &f, "g.conf");
}

static void check_again(const struct loaded *l, const char *name, const char *text)
{
	struct test_mem m;
	struct loaded again;
	const char *what = "error";
	char *text2 = NULL;
	test_mem_init(&m);
	load_text(&again, &m, text);
	char *d = diags_text(&again.d);
	if (again.rc != 0 || !conf_same(l->conf, again.conf, &what) ||
	    config_print(again.conf, &again.psks, &text2) != 0 || strcmp(text, text2) != 0) {
		print_error("%s: not the same when printed and loaded again (%s)\n%s%s", name, what ? what : "text", d, text);
		failures++;
	}
	assert_int_equal(again.psks.n_tcp, l->psks.n_tcp);
	for (size_t i = 0; i < l->psks.n_tcp; i++) {
		assert_int_equal(again.psks.tcp[i].len, l->psks.tcp[i].len);
		assert_memory_equal(again.psks.tcp[i].key, l->psks.tcp[i].key, l->psks.tcp[i].len);
		assert_true(addr_eq(&again.psks.tcp[i].peer.addr, &l->psks.tcp[i].peer.addr));
	}
	config_text_free(text2);
	free(d);
	loaded_fini(&again);
	assert_int_equal(m.mem.in_use, 0);
}

static void run_case(const char *dir, const char *name)
{
	struct test_mem m;
	struct loaded l;
	char path[1024], *text, *all = NULL;
	size_t n;
	test_mem_init(&m);
	load_frr(&l, &m, dir, name);
	char *d = diags_text(&l.d);
	/* An error in it never takes the rest with it. */
	assert_int_equal(l.rc, 0);
	assert_true(conf_check(l.conf, l.conf->size));
	const struct conf_routing *r = conf_routing(l.conf);
	assert_non_null(r);
	assert_int_equal(r->refused != 0, l.d.errors != 0);
	assert_int_equal(conf_bgp(l.conf) != NULL, l.d.errors == 0);
	int stem = (int)strlen(name) - 3;
	if (l.d.errors == 0) {
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
		good++;
	} else {
		snprintf(path, sizeof path, "%s/%.*s.err", dir, stem, name);
		failures += !golden_is(path, d);
		assert_int_equal(l.psks.n_tcp, 0);
		bad++;
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
	snprintf(pattern, sizeof pattern, "%s/*.in", src_path("tests/config/frr", dir));
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		run_case(dir, strrchr(g.gl_pathv[i], '/') + 1);
	globfree(&g);
	assert_true(good >= 12 && bad >= 10);
	assert_int_equal(failures, 0);
}

/* Each expectation has its input. */
static void test_no_orphans(void **state)
{
	(void)state;
	char dir[512], pattern[600];
	glob_t g;
	for (int i = 0; i < 2; i++) {
		snprintf(pattern, sizeof pattern, "%s/*.%s", src_path("tests/config/frr", dir), i ? "err" : "ok");
		assert_int_equal(glob(pattern, 0, NULL, &g), 0);
		for (size_t k = 0; k < g.gl_pathc; k++) {
			char in[600];
			size_t n;
			snprintf(in, sizeof in, "%.*s.in", (int)(strlen(g.gl_pathv[k]) - (i ? 4 : 3)), g.gl_pathv[k]);
			char *text = read_whole(in, &n);
			assert_non_null(text);
			free(text);
		}
		globfree(&g);
	}
}

/* With the n-th request for memory failing, for every n: nothing, or all of it, and nothing is left behind. */
static void test_no_memory(void **state)
{
	(void)state;
	static const char *const names[] = {"05.in", "06.in", "08.in", "11.in", "50.in"};
	char dir[512];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct test_mem m;
		struct loaded l;
		int rc = -1;
		for (unsigned n = 1; rc != 0 && n < 10000; n++) {
			test_mem_init(&m);
			m.fail = n;
			load_frr(&l, &m, src_path("tests/config/frr", dir), names[i]);
			rc = l.rc;
			assert_int_equal(rc == 0, l.conf != NULL);
			if (rc == 0 && m.n >= n) /* only a diagnostic was lost */
				rc = -1;
			loaded_fini(&l);
			assert_int_equal(m.mem.in_use, 0);
		}
		assert_int_equal(rc, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_no_orphans),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
