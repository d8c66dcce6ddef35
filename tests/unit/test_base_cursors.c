/* base/: the read and the write cursor. Inputs lie in exact-size heap blocks, so that a sanitizer sees one octet too
 * many. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* n octets 1, 2, 3, ... */
static uint8_t *block(size_t n)
{
	uint8_t *p = malloc(n ? n : 1);
	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i + 1);
	return p;
}

static void test_rd_numbers(void **state)
{
	(void)state;
	uint8_t *p = block(18);
	struct rd r = rd_init(p, 18);
	assert_int_equal(rd_left(&r), 18);
	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u24(&r), 0x040506);
	assert_int_equal(rd_u32(&r), 0x0708090a);
	assert_true(rd_u64(&r) == 0x0b0c0d0e0f101112);
	assert_true(rd_done(&r) && rd_ok(&r));
	assert_int_equal(rd_left(&r), 0);
	free(p);
}

/* Every reader, one octet short: 0, and nothing afterwards succeeds. */
static void test_rd_short(void **state)
{
	(void)state;
	static const size_t size[] = {1, 2, 3, 4, 8, 5};
	for (size_t i = 0; i < ARRAY_LEN(size); i++) {
		uint8_t *p = block(size[i] - 1), out[5] = {9, 9, 9, 9, 9};
		struct rd r = rd_init(p, size[i] - 1);
		switch (i) {
		case 0:
			assert_int_equal(rd_u8(&r), 0);
			break;
		case 1:
			assert_int_equal(rd_u16(&r), 0);
			break;
		case 2:
			assert_int_equal(rd_u24(&r), 0);
			break;
		case 3:
			assert_int_equal(rd_u32(&r), 0);
			break;
		case 4:
			assert_true((uint32_t)rd_u64(&r) == 0);
			break;
		default:
			rd_copy(&r, out, 5);
			assert_memory_equal(out, "\0\0\0\0\0", 5);
		}
		assert_false(rd_ok(&r));
		assert_false(rd_done(&r));
		assert_int_equal(rd_left(&r), 0);
		assert_int_equal(rd_u8(&r), 0);
		assert_null(rd_take(&r, 0));
		free(p);
	}
}

static void test_rd_runs(void **state)
{
	(void)state;
	uint8_t *p = block(10), out[3];
	struct rd r = rd_init(p, 10);
	assert_ptr_equal(rd_take(&r, 2), p);
	rd_copy(&r, out, 3);
	assert_memory_equal(out, "\3\4\5", 3);
	rd_skip(&r, 1);
	struct rd sub = rd_sub(&r, 3);
	assert_int_equal(rd_left(&r), 1);
	assert_int_equal(rd_u8(&sub), 7);
	assert_false(rd_done(&sub));
	assert_int_equal(rd_u32(&sub), 0); /* does not reach over its end */
	assert_false(rd_ok(&sub));
	assert_true(rd_ok(&r));
	struct rd bad = rd_sub(&r, 2);
	assert_false(rd_ok(&bad));
	assert_false(rd_ok(&r));
	r = rd_init(p, 10);
	assert_null(rd_take(&r, SIZE_MAX));
	assert_false(rd_ok(&r));
	r = rd_init(p, 10);
	rd_fail(&r);
	assert_false(rd_ok(&r));
	free(p);
}

/* Nothing is a fine thing to read nothing from, also without an address. */
static void test_rd_empty(void **state)
{
	(void)state;
	struct rd r = rd_init(NULL, 0);
	uint8_t out[1] = {7};
	(void)rd_take(&r, 0);
	rd_copy(&r, out, 0);
	rd_skip(&r, 0);
	struct rd sub = rd_sub(&r, 0);
	assert_true(rd_done(&r) && rd_done(&sub));
	assert_int_equal(out[0], 7);
	assert_int_equal(rd_u8(&sub), 0);
	assert_false(rd_ok(&sub));
	assert_true(rd_ok(&r));
}

static void test_wr_numbers(void **state)
{
	(void)state;
	uint8_t *p = malloc(18), want[18];
	assert_non_null(p);
	for (size_t i = 0; i < 18; i++)
		want[i] = (uint8_t)(i + 1);
	struct wr w = wr_init(p, 18);
	wr_u8(&w, 0x01);
	wr_u16(&w, 0x0203);
	wr_u24(&w, 0x040506);
	wr_u32(&w, 0x0708090a);
	wr_u64(&w, 0x0b0c0d0e0f101112);
	assert_true(wr_ok(&w));
	assert_int_equal(w.len, 18);
	assert_memory_equal(p, want, 18);
	wr_bytes(&w, NULL, 0);
	assert_true(wr_ok(&w));
	wr_u8(&w, 1); /* full */
	assert_false(wr_ok(&w));
	assert_memory_equal(p, want, 18);
	free(p);
}

/* Each field with its largest value and one more. */
static void test_wr_range(void **state)
{
	(void)state;
	uint8_t b[8];
	for (int i = 0; i < 6; i++) {
		struct wr w = wr_init(b, sizeof b);
		wr_u64(&w, 0);
		w.len = i < 3 ? 0 : 8;
		switch (i) {
		case 0:
			wr_u8(&w, 0xff);
			assert_true(wr_ok(&w));
			wr_u8(&w, 0x100);
			break;
		case 1:
			wr_u16(&w, 0xffff);
			assert_true(wr_ok(&w));
			wr_u16(&w, 0x10000);
			break;
		case 2:
			wr_u24(&w, 0xffffff);
			assert_true(wr_ok(&w));
			wr_u24(&w, 0x1000000);
			break;
		case 3:
			wr_put_u8(&w, 7, 0xff);
			assert_true(wr_ok(&w));
			wr_put_u8(&w, 7, 0x100);
			break;
		case 4:
			wr_put_u16(&w, 6, 0xffff);
			assert_true(wr_ok(&w));
			wr_put_u16(&w, 6, 0x10000);
			break;
		default:
			wr_put_u32(&w, 4, 0xffffffff);
			assert_true(wr_ok(&w));
			wr_put_u32(&w, 4, 0x100000000);
		}
		assert_false(wr_ok(&w));
	}
}

static void test_wr_patch(void **state)
{
	(void)state;
	uint8_t b[16];
	struct wr w = wr_init(b, sizeof b);
	uint8_t *room = wr_space(&w, 8);
	assert_ptr_equal(room, b);
	assert_memory_equal(b, "\0\0\0\0\0\0\0\0", 8);
	wr_put_u8(&w, 0, 0xaa);
	wr_put_u16(&w, 1, 0xbbcc);
	wr_put_u32(&w, 4, 0x11223344);
	assert_memory_equal(b, "\xaa\xbb\xcc\0\x11\x22\x33\x44", 8);
	assert_true(wr_ok(&w));
	static const struct {
		size_t at;
		int n;
	} outside[] = {{8, 1}, {7, 2}, {5, 4}, {9, 1}, {SIZE_MAX, 2}};
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		struct wr c = w; /* not yet written there, though there is room */
		if (outside[i].n == 1)
			wr_put_u8(&c, outside[i].at, 1);
		else if (outside[i].n == 2)
			wr_put_u16(&c, outside[i].at, 1);
		else
			wr_put_u32(&c, outside[i].at, 1);
		assert_false(wr_ok(&c));
	}
	wr_bytes(&w, "xyz", 3);
	assert_memory_equal(b + 8, "xyz", 3);
	assert_int_equal(w.len, 11);
	assert_null(wr_space(&w, 6));
	assert_false(wr_ok(&w));
	assert_null(wr_space(&w, 0)); /* sticky */
	w = wr_init(b, sizeof b);
	wr_fail(&w);
	wr_u8(&w, 1);
	assert_int_equal(w.len, 0);
	w = wr_init(NULL, 0);
	wr_bytes(&w, NULL, 0);
	assert_true(wr_ok(&w));
	assert_null(wr_space(&w, SIZE_MAX));
	assert_false(wr_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rd_numbers), cmocka_unit_test(test_rd_short),   cmocka_unit_test(test_rd_runs),
		cmocka_unit_test(test_rd_empty),   cmocka_unit_test(test_wr_numbers), cmocka_unit_test(test_wr_range),
		cmocka_unit_test(test_wr_patch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
