/* base/: the bounded string builder, secrets, numbers out of a random source. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_sbuf(void **state)
{
	(void)state;
	char text[32];
	struct sbuf b = SB(text);
	sb_put(&b, "a");
	sb_putc(&b, 'b');
	sb_printf(&b, "%d", -12);
	sb_hex(&b, "\x00\xaf\x9", 3);
	sb_escape(&b, "x\n\\\x7f\xc3", 5);
	assert_string_equal(text, "ab-1200af09x\\x0a\\x5c\\x7f\\xc3");
	assert_int_equal(b.len, strlen(text));
	assert_false(b.cut);
}

/* Every writer at every size: what fits stays, the end is always there, nothing is written behind it. */
static void test_sbuf_cut(void **state)
{
	(void)state;
	static const char whole[] = "abcdefgh";
	for (size_t cap = 0; cap <= 12; cap++) {
		for (int writer = 0; writer < 4; writer++) {
			char *p = malloc(cap ? cap : 1);
			assert_non_null(p);
			struct sbuf b = sb_init(p, cap);
			if (writer == 0)
				sb_put(&b, whole);
			else if (writer == 1)
				sb_printf(&b, "%s", whole);
			else if (writer == 2)
				sb_escape(&b, whole, 8);
			else
				sb_hex(&b, "\xab\xcd\xef\x01", 4);
			bool fits = cap > 8;
			assert_int_equal(b.cut, !fits);
			if (cap) {
				size_t want = fits ? 8 : cap - 1;
				assert_int_equal(strlen(p), want);
				assert_int_equal(b.len, want);
				assert_memory_equal(p, writer == 3 ? "abcdef01" : whole, want);
			}
			sb_printf(&b, "%s", fits ? "" : "more"); /* after a cut nothing is added */
			sb_put(&b, "");
			assert_int_equal(b.len, cap == 0 ? 0 : fits ? 8 : cap - 1);
			free(p);
		}
	}
}

static void test_secret(void **state)
{
	(void)state;
	struct secret s;
	uint8_t *key = malloc(SECRET_MAX + 1);
	assert_non_null(key);
	memset(key, 0x5a, SECRET_MAX + 1);
	assert_true(secret_set(&s, key, SECRET_MAX));
	assert_int_equal(s.len, SECRET_MAX);
	assert_memory_equal(s.b, key, SECRET_MAX);
	assert_true(secret_set(&s, key, 3));
	assert_int_equal(s.len, 3);
	assert_int_equal(s.b[3], 0); /* nothing of the longer one is left */
	assert_false(secret_set(&s, key, SECRET_MAX + 1));
	assert_int_equal(s.len, 0);
	assert_int_equal(s.b[0], 0);
	assert_true(secret_set(&s, NULL, 0));
	wipe(key, SECRET_MAX + 1);
	assert_int_equal(key[SECRET_MAX], 0);
	free(key);
}

struct script_rng {
	struct rng rng;
	const uint64_t *v;
	size_t n;
};

static void fill(struct rng *r, void *p, size_t n)
{
	struct script_rng *s = CONTAINER_OF(r, struct script_rng, rng);
	assert_int_equal(n, sizeof *s->v);
	memcpy(p, &s->v[s->n++], n);
}

static void test_rng(void **state)
{
	(void)state;
	/* 2^64 is 6 more than a multiple of 10: the last six values would favour 0 to 5. */
	static const uint64_t v[] = {UINT64_MAX, UINT64_MAX - 5, UINT64_MAX - 6, 13, 7};
	struct script_rng s = {.rng.fill = fill, .v = v};
	assert_int_equal(rng_below(&s.rng, 10), 9);
	assert_int_equal(s.n, 3);
	assert_int_equal(rng_below(&s.rng, 10), 3);
	assert_int_equal(rng_below(&s.rng, 0), 0);
	assert_int_equal(rng_below(&s.rng, 1), 0);
	assert_int_equal(s.n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sbuf),
		cmocka_unit_test(test_sbuf_cut),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_rng),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
