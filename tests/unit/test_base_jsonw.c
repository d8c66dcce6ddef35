/* base/jsonw: nesting, escapes, octets that are no text, texts longer than the writer's buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static char got[8192];
static size_t n_got, calls;

static void put(void *ctx, const char *text, size_t n)
{
	assert_ptr_equal(ctx, got);
	assert_true(n > 0 && n_got + n < sizeof got);
	memcpy(got + n_got, text, n);
	n_got += n;
	got[n_got] = '\0';
	calls++;
}

static struct jsonw *start(void)
{
	struct jsonw *w = malloc(sizeof *w);
	n_got = calls = 0;
	got[0] = '\0';
	jw_init(w, put, got);
	return w;
}

static void end(struct jsonw *w, const char *want)
{
	jw_flush(w);
	jw_flush(w);
	free(w);
	assert_string_equal(got, want);
}

static void test_nesting(void **state)
{
	(void)state;
	struct jsonw *w = start();
	jw_object(w, NULL);
	jw_int(w, "a", -7);
	jw_array(w, "b");
	jw_end(w);
	jw_array(w, "c");
	jw_object(w, NULL);
	jw_end(w);
	jw_object(w, NULL);
	jw_flag(w, "no", false);
	jw_flag(w, "yes", true);
	jw_bool(w, "f", false);
	jw_end(w);
	jw_int(w, NULL, INT64_MIN);
	jw_end(w);
	jw_str(w, "d", "");
	jw_end(w);
	end(w, "{\"a\":-7,\"b\":[],\"c\":[{},{\"yes\":true,\"f\":false},-9223372036854775808],\"d\":\"\"}");
	assert_int_equal(calls, 1);
}

static void text_is(const void *p, size_t n, const char *want)
{
	struct jsonw *w = start();
	void *exact = malloc(n ? n : 1);
	memcpy(exact, p, n);
	jw_text(w, NULL, exact, n);
	free(exact);
	end(w, want);
}
#define TEXT_IS(text, want) text_is(text, sizeof(text) - 1, want)

static void test_escapes(void **state)
{
	(void)state;
	TEXT_IS("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	TEXT_IS("\0\n\x1f\x7f", "\"\\u0000\\u000a\\u001f\\u007f\"");
	TEXT_IS("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x90", "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x90\"");
	/* Cut short, overlong, a surrogate, beyond the last character, a lone continuation. */
	TEXT_IS("\xc3", "\"\\ufffd\"");
	TEXT_IS("\xe2\x82", "\"\\ufffd\\ufffd\"");
	TEXT_IS("\xf0\x9f\x8c", "\"\\ufffd\\ufffd\\ufffd\"");
	TEXT_IS("\xc0\x80", "\"\\ufffd\\ufffd\"");
	TEXT_IS("\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\"");
	TEXT_IS("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	TEXT_IS("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	TEXT_IS("\xf5\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	TEXT_IS("\x80z\xff", "\"\\ufffdz\\ufffd\"");
	TEXT_IS("\xe2\x28\xa1", "\"\\ufffd(\\ufffd\"");
}

static void test_long(void **state)
{
	(void)state;
	char text[4000], want[4003];
	memset(text, 'x', sizeof text);
	memset(want, 'x', sizeof want);
	want[0] = want[4001] = '"';
	want[4002] = '\0';
	text_is(text, sizeof text, want);
	assert_int_equal(calls, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
