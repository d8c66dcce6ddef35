/* See bgp_policy_util.h. */
#include "bgp_policy_util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../config/mem_files.h"
#include "config/config.h"

struct conf *policy_conf(const char *text)
{
	static const char main_text[] = "routing = { module = \"bgp\"; frr_conf = \"/f.conf\"; };\n";
	struct mem_files files;
	struct mem heap;
	struct diags d;
	struct psk_set psks;
	struct conf *conf = NULL;
	struct config_paths where = {.file = "/g.conf"};
	mem_files_init(&files);
	mem_files_heap(&heap);
	mem_files_add(&files, "/g.conf", main_text, sizeof main_text - 1, 0600);
	mem_files_add(&files, "/f.conf", text, strlen(text), 0600);
	diags_init(&d, &heap);
	psk_set_init(&psks, &heap);
	int err = config_load(&where, &files.io, &conf, &psks, &d);
	for (const struct diag *x = d.first; x; x = x->next) {
		char line[512];
		struct sbuf sb = SB(line);
		sb_diag(&sb, x);
		print_error("%s\n", line);
	}
	assert_int_equal(err, 0);
	assert_int_equal(d.errors, 0);
	assert_int_equal(d.warnings, 0);
	diags_fini(&d);
	psk_set_fini(&psks);
	assert_non_null(conf_bgp(conf));
	return conf;
}

static void *get(struct mem *m, size_t n)
{
	struct policy_mem *p = CONTAINER_OF(m, struct policy_mem, mem);
	return ++p->n == p->fail ? NULL : calloc(1, n);
}

static void put(struct mem *m, void *p, size_t n)
{
	(void)m, (void)n;
	free(p);
}

void policy_mem_init(struct policy_mem *m) { *m = (struct policy_mem){.mem = {.get = get, .put = put}}; }

static void fill(struct rng *r, void *p, size_t n)
{
	struct policy_rng *x = CONTAINER_OF(r, struct policy_rng, rng);
	uint8_t *b = p;
	while (n--) {
		x->state = x->state * 6364136223846793005u + 1442695040888963407u;
		*b++ = (uint8_t)(x->state >> 56);
	}
}

void policy_rng_init(struct policy_rng *r) { *r = (struct policy_rng){.rng = {.fill = fill}, .state = 1}; }

struct prefix policy_prefix(const char *text)
{
	struct prefix p;
	assert_true(prefix_parse(text, &p));
	return p;
}

struct addr policy_addr(const char *text)
{
	struct addr a;
	assert_true(addr_parse(text, &a));
	return a;
}
