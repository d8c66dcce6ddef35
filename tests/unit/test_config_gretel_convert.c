/* The converter: what an ipsec.conf with its neighbours loads as is printed as a gretel.conf, and that, loaded, is the same
 * configuration with the same keys. On all cases of the other language (tests/config/ipsec) and on the files of the lab. */
#include "test_config_gretel_util.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILES_MAX = 64 };

/* NN.in: lines "==> PATH [MODE] <==" begin files, "file PATH" before them names the one to load. */
struct many_files {
	struct config_files io;
	struct { char *path, *s; size_t n; } file[FILES_MAX];
	size_t n;
	char *main;
};

static int many_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct many_files *m = (struct many_files *)io;
	*out = (struct config_text){.mode = 0600};
	for (size_t i = m->n; i-- > 0;) {
		if (strcmp(m->file[i].path, path) != 0)
			continue;
		out->n = m->file[i].n;
		out->s = malloc(out->n + 1);
		memcpy(out->s, m->file[i].s, out->n);
		out->s[out->n] = '\0';
		return 0;
	}
	return -2; /* -ENOENT */
}

static int no_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path), void *arg)
{
	(void)io, (void)pattern, (void)found, (void)arg;
	return 0;
}

static void split(struct many_files *m, char *text)
{
	*m = (struct many_files){.io = {.read = many_read, .glob = no_glob}};
	for (char *line = text, *next; *line; line = next) {
		char *nl = strchr(line, '\n');
		next = nl ? nl + 1 : line + strlen(line);
		if (strncmp(line, "==> ", 4) == 0 && nl && m->n < FILES_MAX) {
			*nl = '\0';
			m->file[m->n].path = line + 4;
			m->file[m->n].path[strcspn(m->file[m->n].path, " ")] = '\0';
			m->file[m->n].s = next;
			m->n++;
		} else if (m->n) {
			m->file[m->n - 1].n = (size_t)(next - m->file[m->n - 1].s);
		} else if (strncmp(line, "file ", 5) == 0 && nl) {
			*nl = '\0';
			m->main = line + 5;
		}
	}
}

static void same_keys(const struct psk_set *a, const struct psk_set *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->v[i].key_len, b->v[i].key_len);
		assert_memory_equal(a->v[i].key, b->v[i].key, a->v[i].key_len);
		assert_int_equal(a->v[i].n_selectors, b->v[i].n_selectors);
		for (size_t k = 0; k < a->v[i].n_selectors; k++)
			assert_true(ident_eq(&a->v[i].selectors[k], &b->v[i].selectors[k]));
	}
}

/* How many tunnels were converted. */
static unsigned convert(struct config_files *io, const char *file, const char *name)
{
	struct test_mem m, m2;
	struct loaded l = {.mem = &m}, again;
	struct config_paths where = {.file = file};
	char *text;
	const char *what = "error";
	unsigned n = 0;
	test_mem_init(&m);
	test_mem_init(&m2);
	psk_set_init(&l.psks, &m.mem);
	diags_init(&l.d, &m.mem);
	l.rc = config_load(&where, io, &l.conf, &l.psks, &l.d);
	if (l.rc == 0) {
		assert_int_equal(config_print(l.conf, &l.psks, &text), 0);
		load_text(&again, &m2, text);
		char *d = diags_text(&again.d);
		if (again.rc != 0 || !conf_same(l.conf, again.conf, &what))
			print_error("%s: %s differs\n%s%s", name, what, d, text);
		assert_int_equal(again.rc, 0);
		assert_true(conf_same(l.conf, again.conf, &what));
		same_keys(&l.psks, &again.psks);
		n = l.conf->n_tunnels;
		free(d);
		config_text_free(text);
		loaded_fini(&again);
	}
	loaded_fini(&l);
	assert_int_equal(m.mem.in_use + m2.mem.in_use, 0);
	return n;
}

static void test_cases(void **state)
{
	(void)state;
	char pattern[600], dir[512];
	glob_t g;
	unsigned tunnels = 0;
	snprintf(pattern, sizeof pattern, "%s/*.in", src_path("tests/config/ipsec", dir));
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		size_t n;
		struct many_files m;
		char *text = read_whole(g.gl_pathv[i], &n);
		assert_non_null(text);
		split(&m, text);
		tunnels += convert(&m.io, m.main, g.gl_pathv[i]);
		free(text);
	}
	globfree(&g);
	assert_true(tunnels >= 20);
}

static void test_lab(void **state)
{
	(void)state;
	static const char *const ends[] = {"tests/vm/seed/cn", "tests/vm/seed/us"};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char dir[512];
		struct test_files f;
		test_files_init(&f, src_path(ends[i], dir), NULL, NULL, 0);
		assert_int_equal(convert(&f.io, "ipsec.conf", ends[i]), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_lab),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
