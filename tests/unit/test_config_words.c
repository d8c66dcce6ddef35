/* Patterns of words and communities as text. What statements mean is in tests/config/frr. */
#include "test_config_gretel_util.h"

#include "config/community.h"
#include "config/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fit {
	struct test_mem m;
	struct arena arena;
	struct words *w;
	struct args a;
	struct words_fit f;
};

static void fit(struct fit *x, const char *line, const char *pattern, bool no)
{
	test_mem_init(&x->m);
	arena_init(&x->arena, &x->m.mem);
	x->w = malloc(sizeof *x->w);
	assert_true(words_split(x->w, &x->arena, line, strlen(line)));
	x->f = words_match(x->w, no, pattern, no, &x->a);
}

static void fit_fini(struct fit *x)
{
	arena_fini(&x->arena);
	free(x->w);
	assert_int_equal(x->m.mem.in_use, 0);
}

static bool fits(const char *line, const char *pattern)
{
	struct fit x;
	fit(&x, line, pattern, false);
	bool ok = x.f.ok;
	fit_fini(&x);
	return ok;
}

static void test_elements(void **state)
{
	(void)state;
	static const struct { const char *line, *pattern; bool ok; } rows[] = {
		{"a b", "a b", true}, {"a", "a b", false}, {"a b c", "a b", false}, {"alp be", "alpha beta", true},
		{"alphas", "alpha", false}, {"A", "a", false}, {"5", "<1-5>", true}, {"0", "<1-5>", false}, {"6", "<1-5>", false},
		{"05", "<1-5>", true}, {"5x", "<1-5>", false}, {"-1", "<0-5>", false}, {"4294967296", "<0-4294967295>", false},
		{"99999999999999999999999", "<0-4294967295>", false}, {"10.0.0.1", "ADDR", true}, {"::1", "ADDR", true},
		{"10.0.0.1", "ADDR6", false}, {"::1", "ADDR4", false}, {"10.0.0.0/8", "ADDR", false}, {"10.0.0.0/8", "PREFIX4", true},
		{"10.0.0.0", "PREFIX4", false}, {"10.0.0.0/33", "PREFIX4", false}, {"2001:db8::/32", "PREFIX6", true},
		{"2001:db8::/32", "PREFIX4", false}, {"65000", "ASN", true}, {"0", "ASN", false}, {"1.1", "ASN", true},
		{"0.0", "ASN", false}, {"65536.1", "ASN", false}, {"1.65536", "ASN", false}, {"1.", "ASN", false}, {".1", "ASN", false},
		{"4294967295", "ASN", true}, {"4294967296", "ASN", false}, {"x y z", "x LINE", true}, {"x", "x LINE", false},
		{"x", "x ...", true}, {"x y", "x ...", true}, {"a c", "a [b <1-2>] c", true}, {"a b 1 c", "a [b <1-2>] c", true},
		{"a b c", "a [b <1-2>] c", false}, {"a", "a [b] [c]", true}, {"a c", "a [b] [c]", true}, {"a b c", "a [b] [c]", true},
		{"a c b", "a [b] [c]", false}, {"perm", "deny|permit", true}, {"de", "deny|permit", true}, {"x", "deny|permit", false},
		{"", "a", false}, {"", "[a]", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (fits(rows[i].line, rows[i].pattern) != rows[i].ok)
			print_error("\"%s\" and %s\n", rows[i].line, rows[i].pattern);
		assert_int_equal(fits(rows[i].line, rows[i].pattern), rows[i].ok);
	}
}

static void test_kept(void **state)
{
	(void)state;
	struct fit x;
	fit(&x, "set 4.5 x deny 10.1.2.3/8 tail  of   it", "set ASN [y WORD] x permit|deny PREFIX4 LINE", false);
	assert_true(x.f.ok);
	assert_int_equal(x.a.n, 5);
	assert_int_equal(x.a.v[0].n, 4 << 16 | 5);
	assert_null(x.a.v[1].s);
	assert_int_equal(x.a.v[2].n, 1);
	assert_int_equal(x.a.v[3].p.len, 8);
	assert_int_equal(x.a.v[3].p.addr.b[1], 0); /* host bits are cleared */
	assert_string_equal(x.a.v[4].s, "tail of it");
	fit_fini(&x);
	/* An exact word goes before one that is cut, wherever it stands. */
	fit(&x, "as", "as-set|as", false);
	assert_int_equal(x.a.v[0].n, 1);
	assert_int_equal(x.f.abbreviated, 0);
	fit_fini(&x);
	/* Behind no, values at the end may be missing, words may not. */
	fit(&x, "no timers", "timers <1-5> [<2-6>]", true);
	assert_true(x.f.ok);
	assert_int_equal(x.a.n, 2);
	assert_null(x.a.v[0].s);
	fit_fini(&x);
	fit(&x, "no timers", "timers connect <1-5>", true);
	assert_false(x.f.ok);
	fit_fini(&x);
}

static void said(const char *line, const char *const *patterns, const char *want)
{
	struct fit x;
	struct words_best best = {.n = 0};
	char text[512];
	struct sbuf why = SB(text);
	fit(&x, line, patterns[0], false);
	for (size_t i = 0; patterns[i]; i++) {
		struct words_fit f = words_match(x.w, 0, patterns[i], false, &x.a);
		assert_false(f.ok);
		words_best_note(&best, x.w, &f);
	}
	words_best_say(&best, x.w, &why);
	assert_string_equal(text, want);
	fit_fini(&x);
}

static void test_said(void **state)
{
	(void)state;
	static const char *const few[] = {"set metric <1-5>", "set origin igp|egp", "match", "set weight ADDR4", NULL};
	static const char *const many[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", NULL};
	said("set metric 6", few, "expected a number from 1 to 5, found \"6\"");
	said("set metric", few, "expected a number from 1 to 5, found the end of the line");
	said("set origin x", few, "expected igp or egp, found \"x\"");
	said("set foo", few, "expected metric, origin or weight, found \"foo\"");
	said("match x", few, "expected the end of the line, found \"x\"");
	said("x", few, "expected set or match, found \"x\"");
	said("set weight 10", few, "expected an IPv4 address, found \"10\"");
	said("gamam", many, "this is not known here: \"gamam\"; did you mean gamma?");
	said("something", many, "this is not known here: \"something\"");
}

static void test_too_many(void **state)
{
	(void)state;
	struct test_mem m;
	struct arena a;
	struct words *w = malloc(sizeof *w);
	char line[2 * WORDS_MAX + 2];
	for (size_t i = 0; i < sizeof line; i++)
		line[i] = i % 2 ? ' ' : 'x';
	test_mem_init(&m);
	arena_init(&a, &m.mem);
	assert_true(words_split(w, &a, line, 2 * WORDS_MAX));
	assert_int_equal(w->n, WORDS_MAX);
	assert_false(words_split(w, &a, line, 2 * WORDS_MAX + 1));
	assert_false(a.bad);
	arena_fini(&a);
	m.fail = m.n + 1;
	assert_false(words_split(w, &a, line, 4));
	assert_true(a.bad);
	arena_fini(&a);
	free(w);
}

/* --- Communities --- */

static void test_communities(void **state)
{
	(void)state;
	static const struct { uint8_t kind; const char *type, *text, *hex; } rows[] = {
		{COMM_STANDARD, NULL, "65000:1", "fde80001"},
		{COMM_STANDARD, NULL, "no-export", "ffffff01"},
		{COMM_STANDARD, NULL, "local-AS", "ffffff03"},
		{COMM_STANDARD, NULL, "blackhole", "ffff029a"},
		{COMM_STANDARD, NULL, "internet", "00000000"},
		{COMM_STANDARD, NULL, "65535:65535", "ffffffff"},
		{COMM_EXTENDED, "rt", "65000:100000", "0002fde8000186a0"},
		{COMM_EXTENDED, "soo", "192.0.2.1:7", "0103c00002010007"},
		{COMM_EXTENDED, "rt", "70000:7", "0202000111700007"},
		{COMM_LARGE, NULL, "4294967295:0:7", "ffffffff0000000000000007"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t v[12];
		char hex[32], text[64], want[64];
		struct sbuf h = SB(hex), t = SB(text), w = SB(want);
		assert_true(community_parse(rows[i].kind, rows[i].type, rows[i].text, v));
		sb_hex(&h, v, community_size(rows[i].kind));
		assert_string_equal(hex, rows[i].hex);
		community_print(&t, rows[i].kind, v);
		sb_printf(&w, "%s%s%s", rows[i].type ? rows[i].type : "", rows[i].type ? " " : "", rows[i].text);
		assert_string_equal(text, want);
	}
	static const struct { uint8_t kind; const char *type, *text; } bad[] = {
		{COMM_STANDARD, NULL, "65536:1"}, {COMM_STANDARD, NULL, "1:65536"}, {COMM_STANDARD, NULL, "1:"},
		{COMM_STANDARD, NULL, ":1"}, {COMM_STANDARD, NULL, "1:2:3"}, {COMM_STANDARD, NULL, ""},
		{COMM_STANDARD, NULL, "4294967296"}, {COMM_STANDARD, NULL, "No-export"}, {COMM_EXTENDED, NULL, "1:1"},
		{COMM_EXTENDED, "xx", "1:1"}, {COMM_EXTENDED, "rt", "1"}, {COMM_EXTENDED, "rt", "70000:65536"},
		{COMM_EXTENDED, "rt", "10.0.0.1:65536"}, {COMM_EXTENDED, "rt", "4294967296:1"}, {COMM_LARGE, NULL, "1:2"},
		{COMM_LARGE, NULL, "1:2:3:4"}, {COMM_LARGE, NULL, "1:2:4294967296"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t v[12];
		assert_false(community_parse(bad[i].kind, bad[i].type, bad[i].text, v));
	}
}

static void test_sort(void **state)
{
	(void)state;
	uint8_t v[] = {0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1};
	static const uint8_t want[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3};
	assert_int_equal(community_sort(COMM_STANDARD, v, sizeof v), sizeof want);
	assert_memory_equal(v, want, sizeof want);
	assert_int_equal(community_sort(COMM_LARGE, v, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements), cmocka_unit_test(test_kept), cmocka_unit_test(test_said),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_communities), cmocka_unit_test(test_sort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
