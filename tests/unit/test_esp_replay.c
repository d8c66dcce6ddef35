/* esp/replay.c: the window against a set of numbers kept plainly, its edges, and the upper half of extended sequence numbers by the
 * cases of RFC 4303 appendix A2. */
#include "esp/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;
static void *get(struct mem *m, size_t size)
{
	(void)m;
	return no_memory ? NULL : calloc(1, size);
}
static void put(struct mem *m, void *p, size_t size)
{
	(void)m;
	(void)size;
	free(p);
}
static struct mem mem = {.get = get, .put = put};

static struct replay window(uint32_t n, bool esn, uint64_t top)
{
	struct replay r;
	assert_int_equal(replay_init(&r, &mem, n, esn), 0);
	if (top)
		assert_int_equal(replay_mark(&r, top), REPLAY_FRESH);
	return r;
}

static void test_edges(void **state)
{
	static const uint32_t sizes[] = {1, 2, 31, 32, 63, 64, 65, 127, 128, 129, 1000, 4095, 4096};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t n = sizes[i], top = 100000 + i;
		struct replay r = window(sizes[i], false, top);
		assert_int_equal(replay_check(&r, 0), REPLAY_OLD);
		assert_int_equal(replay_check(&r, top), REPLAY_DUP);
		assert_int_equal(replay_check(&r, top - n), REPLAY_OLD);
		if (n > 1) {
			assert_int_equal(replay_check(&r, top - n + 1), REPLAY_FRESH);
			assert_int_equal(replay_mark(&r, top - n + 1), REPLAY_FRESH);
			assert_int_equal(replay_mark(&r, top - n + 1), REPLAY_DUP);
		}
		assert_int_equal(replay_mark(&r, top - n), REPLAY_OLD);
		assert_int_equal(r.top, top);
		/* Exactly one window on: the old top is the last that is out. */
		assert_int_equal(replay_mark(&r, top + n), REPLAY_FRESH);
		assert_int_equal(replay_check(&r, top), REPLAY_OLD);
		if (n > 1)
			assert_int_equal(replay_check(&r, top + 1), REPLAY_FRESH);
		replay_fini(&r, &mem);
	}
}

/* Random walks: what was marked is a duplicate while it is in the window, what was not is fresh. */
static void test_model(void **state)
{
	enum { SPAN_MAX = 200000 };
	static const uint32_t sizes[] = {32, 64, 100, 512, 4096};
	(void)state;
	srand(4);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t *seen = calloc(1, SPAN_MAX);
		struct replay r = window(sizes[i], false, 0);
		uint64_t top = 0;
		for (int step = 0; step < 60000 && top < SPAN_MAX - 10000; step++) {
			uint64_t back = (uint64_t)rand() % (sizes[i] + 8), ahead = rand() % 50 ? 3 : 1 + (uint64_t)rand() % 9000;
			uint64_t seq = rand() % 2 ? top + 1 + (uint64_t)rand() % ahead : top > back ? top - back : 1;
			uint8_t want = seq > top                 ? REPLAY_FRESH
			               : top - seq >= sizes[i] ? REPLAY_OLD
			               : seen[seq]             ? REPLAY_DUP
			                                       : REPLAY_FRESH;
			assert_int_equal(replay_check(&r, seq), want);
			assert_int_equal(replay_mark(&r, seq), want);
			seen[seq] = 1;
			if (seq > top)
				top = seq;
			assert_int_equal(r.top, top);
		}
		replay_fini(&r, &mem);
		free(seen);
	}
}

static void test_off_and_too_large(void **state)
{
	(void)state;
	struct replay r = window(0, false, 5);
	assert_int_equal(replay_mark(&r, 5), REPLAY_FRESH);
	assert_int_equal(replay_mark(&r, 1), REPLAY_FRESH);
	assert_int_equal(replay_mark(&r, 0), REPLAY_OLD);
	assert_int_equal(r.top, 5);
	replay_fini(&r, &mem);
	r = window(1u << 31, false, 5000);
	assert_int_equal(r.window, REPLAY_WINDOW_MAX);
	assert_int_equal(replay_check(&r, 5000 - 4095), REPLAY_FRESH);
	assert_int_equal(replay_check(&r, 5000 - 4096), REPLAY_OLD);
	replay_fini(&r, &mem);
	r = window(0, true, 0);
	assert_int_equal(r.window, 64);
	replay_fini(&r, &mem);
	no_memory = true;
	assert_int_equal(replay_init(&r, &mem, 64, false), -12);
	no_memory = false;
	replay_fini(&r, &mem);
}

/* RFC 4303 appendix A2.2. W = 64. */
static void test_esn_cases(void **state)
{
	const uint64_t g = (uint64_t)1 << 32;
	const struct { uint64_t top; uint32_t low; uint64_t want; } v[] = {
		/* case A, Tl >= W - 1: Sl >= Tl - W + 1 is in this subspace, else in the next */
		{5 * g + 1000, 1000 - 63, 5 * g + 1000 - 63}, {5 * g + 1000, 1000 - 64, 6 * g + 1000 - 64},
		{5 * g + 1000, 0xffffffff, 5 * g + 0xffffffff}, {5 * g + 1000, 0, 6 * g}, {5 * g + 63, 0, 5 * g},
		{5 * g + 0xffffffff, 0, 6 * g}, {5 * g + 0xffffffff, 0xffffffc0, 5 * g + 0xffffffc0},
		{5 * g + 0xffffffff, 0xffffffbf, 6 * g + 0xffffffbf},
		/* case B, Tl < W - 1: the window begins in the subspace before */
		{5 * g + 10, 0xffffffcb, 4 * g + 0xffffffcb}, {5 * g + 10, 0xffffffca, 5 * g + 0xffffffca},
		{5 * g + 10, 0xffffffff, 4 * g + 0xffffffff}, {5 * g + 10, 0, 5 * g}, {5 * g + 10, 11, 5 * g + 11},
		{5 * g + 62, 0xffffffff, 4 * g + 0xffffffff}, {5 * g, 0xffffffc1, 4 * g + 0xffffffc1},
		/* there is nothing before the first subspace */
		{0, 0xffffffff, 0}, {10, 0xfffffff0, 0}, {0, 1, 1}, {10, 0x7fffffff, 0x7fffffff}, {62, 0xffffffff, 0},
		{63, 0xffffffff, 0xffffffff},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct replay r = window(64, true, v[i].top);
		assert_true(replay_infer(&r, v[i].low) == v[i].want);
		replay_fini(&r, &mem);
	}
	struct replay r = window(64, false, 5000);
	assert_true(replay_infer(&r, 7) == 7);
	replay_fini(&r, &mem);
}

/* Over two ends of 32 bits, out of order by less than the window: each number is inferred as it was, and accepted once. */
static void test_esn_walk(void **state)
{
	static const uint32_t sizes[] = {64, 1024, 4096};
	(void)state;
	srand(9);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (uint64_t high = 1; high <= 2; high++) {
			uint64_t first = (high << 32) - 3 * sizes[i], at = first;
			struct replay r = window(sizes[i], true, first - 1);
			for (int step = 0; step < 6 * (int)sizes[i]; step++, at++) {
				uint64_t late = at - (uint64_t)rand() % sizes[i];
				assert_true(replay_infer(&r, (uint32_t)at) == at);
				assert_int_equal(replay_mark(&r, at), REPLAY_FRESH);
				if (late < first)
					continue;
				assert_true(replay_infer(&r, (uint32_t)late) == late);
				assert_int_equal(replay_mark(&r, late), REPLAY_DUP);
			}
			replay_fini(&r, &mem);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges), cmocka_unit_test(test_model), cmocka_unit_test(test_off_and_too_large),
		cmocka_unit_test(test_esn_cases), cmocka_unit_test(test_esn_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
