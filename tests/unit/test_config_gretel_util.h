/* What the tests of gretel.conf share: files from memory or from tests/config/gretel, and loading with everything around. */
#ifndef TEST_CONFIG_GRETEL_UTIL_H
#define TEST_CONFIG_GRETEL_UTIL_H

#include "config/config.h"

/* malloc with exact blocks; `fail` > 0: the request of that number fails. */
struct test_mem {
	struct mem mem;
	unsigned n, fail;
};
void test_mem_init(struct test_mem *m);

/* One file by name from memory; any other from dir (NULL: there is none). */
struct test_files {
	struct config_files io;
	const char *dir, *name, *text;
	size_t n;
	unsigned mode;
};
void test_files_init(struct test_files *f, const char *dir, const char *name, const char *text, size_t n);

struct loaded {
	struct test_mem *mem;
	struct conf *conf;
	struct psk_set psks;
	struct diags d;
	int rc;
};
/* Loads the file `name` of f. The caller ends it with loaded_fini. */
void load_file(struct loaded *l, struct test_mem *m, struct test_files *f, const char *name);
/* Loads a text as g.conf. */
void load_text(struct loaded *l, struct test_mem *m, const char *text);
void loaded_fini(struct loaded *l);
/* The diagnostics, a line each, malloc'ed. */
char *diags_text(const struct diags *d);
/* Whether two configurations are equal but for where they come from: everything that a role reads. On false *what names
 * the first difference. */
bool conf_same(const struct conf *a, const struct conf *b, const char **what);
/* A whole file, malloc'ed; NULL when there is none. */
char *read_whole(const char *path, size_t *n);
/* Whether a file holds exactly this text; says so when not. GRETEL_UPDATE=1 writes it first: read the difference before you commit it. */
bool golden_is(const char *path, const char *got);
/* A text must load, or must not; what loads is the same when it is printed and loaded again. Asserts that. */
void loads_or_not(const char *text, bool good);
/* $srcdir/PATH */
const char *src_path(const char *path, char out[512]);

#endif
