/* Diagnostics: their text, their counts, and that none is lost without memory. */
#include "test_model_util.h"

#include "model/diag.h"

#include <stdlib.h>
#include <string.h>

static void expect(const struct diag *d, const char *text)
{
	char got[256];
	struct sbuf b = SB(got);
	assert_non_null(d);
	sb_diag(&b, d);
	assert_string_equal(got, text);
}

static void test_text(void **state)
{
	(void)state;
	struct test_mem m;
	struct diags d;
	test_mem_init(&m, 0);
	diags_init(&d, &m.mem);
	diag_add(&d, DIAG_ERROR, "/etc/ipsec.conf", 7, "conn a: auto", "expected %s, found '%s'", "add", "x");
	diag_add(&d, DIAG_WARNING, "/etc/ipsec.conf", 0, NULL, "two\nlines\r");
	diag_add(&d, DIAG_NOTE, NULL, 0, "conn b", "note");
	diag_add(&d, DIAG_NOTE, NULL, 9, NULL, "no file, no line");
	const struct diag *it = d.first;
	expect(it, "/etc/ipsec.conf:7: conn a: auto: error: expected add, found 'x'");
	expect(it = it->next, "/etc/ipsec.conf: warning: two lines ");
	expect(it = it->next, "conn b: note: note");
	expect(it = it->next, "note: no file, no line");
	assert_null(it->next);
	assert_int_equal(d.errors, 1);
	assert_int_equal(d.warnings, 1);
	diags_fini(&d);
	assert_null(d.first);
	assert_int_equal(d.errors, 0);
	test_mem_done(&m);
}

static void test_long(void **state)
{
	(void)state;
	struct test_mem m;
	struct diags d;
	char *longest = malloc(5001);
	assert_non_null(longest);
	memset(longest, 'x', 5000);
	longest[5000] = '\0';
	test_mem_init(&m, 0);
	diags_init(&d, &m.mem);
	diag_add(&d, DIAG_ERROR, "f", 1, "k", "%s", longest);
	assert_int_equal(strlen(d.first->text), 1023);
	free(longest);
	diags_fini(&d);
	test_mem_done(&m);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 5; n++) {
		struct test_mem m;
		struct diags d;
		char text[128];
		struct sbuf b = SB(text);
		test_mem_init(&m, n);
		diags_init(&d, &m.mem);
		diag_add(&d, DIAG_ERROR, "f", 1, "k", "t");
		assert_int_equal(d.errors, 1);
		assert_true(n == 1 ? !d.first : !!d.first);
		if (d.first)
			sb_diag(&b, d.first);
		diags_fini(&d);
		test_mem_done(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
