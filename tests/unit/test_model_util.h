/* Shared by the tests of model/ and config/: an allocator that counts, and fails on demand. */
#ifndef TESTS_UNIT_TEST_MODEL_UTIL_H
#define TESTS_UNIT_TEST_MODEL_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"

struct test_mem {
	struct mem mem;
	size_t calls;
	size_t fail_at; /* the n-th request and all behind it fail; 0 = none */
};

void *test_mem_get(struct mem *m, size_t n);
void test_mem_put(struct mem *m, void *p, size_t n);
void test_mem_init(struct test_mem *m, size_t fail_at);
/* Nothing may be left. */
void test_mem_done(const struct test_mem *m);
/* A copy in a block of its exact size, for the caller to free. */
char *test_copy(const char *s);

#endif
