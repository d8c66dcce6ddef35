/* Shared by the tests of model/ and config/. */
#include "test_model_util.h"

#include <stdlib.h>
#include <string.h>

void *test_mem_get(struct mem *m, size_t n)
{
	struct test_mem *t = CONTAINER_OF(m, struct test_mem, mem);
	t->calls++;
	return t->fail_at && t->calls >= t->fail_at ? NULL : calloc(1, n ? n : 1);
}

void test_mem_put(struct mem *m, void *p, size_t n)
{
	(void)m, (void)n;
	free(p);
}

void test_mem_init(struct test_mem *m, size_t fail_at)
{
	*m = (struct test_mem){.mem = {.get = test_mem_get, .put = test_mem_put}, .fail_at = fail_at};
}

void test_mem_done(const struct test_mem *m) { assert_int_equal(m->mem.in_use, 0); }

char *test_copy(const char *s)
{
	char *c = malloc(strlen(s) + 1);
	assert_non_null(c);
	memcpy(c, s, strlen(s) + 1);
	return c;
}
