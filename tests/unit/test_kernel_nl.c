/* Netlink octets: what is written is read, lies in lengths end the walk, results and their sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "test_kernel_util.h"

static void test_again(void **state)
{
	struct nlw w;
	struct nl_msg m;
	struct nl_attr a, b;
	uint32_t body = 7, got;
	char text[8];
	(void)state;
	nlw_start(&w, 33, NLM_F_CREATE, &body, sizeof body);
	nlw_u8(&w, 1, 200);
	nlw_str(&w, 2, "gre1");
	struct nlattr *nest = nlw_nest(&w, 3);
	nlw_u32(&w, 4, 0x12345678);
	nlw_end(&w, nest);
	assert_false(w.bad);
	struct rd r = rd_init(w.buf, w.h->nlmsg_len);
	assert_true(nl_next(&r, &m));
	assert_int_equal(m.type, 33);
	assert_int_equal(m.flags, NLM_F_REQUEST | NLM_F_CREATE);
	assert_true(nl_body(&m, &got, sizeof got));
	assert_int_equal(got, 7);
	assert_true(nl_attr_next(&m.body, &a));
	assert_int_equal(nl_u8(&a), 200);
	assert_int_equal(nl_u32(&a), 0); /* another size */
	assert_true(nl_attr_next(&m.body, &a));
	nl_str(&a, text, sizeof text);
	assert_string_equal(text, "gre1");
	nl_str(&a, text, 3);
	assert_string_equal(text, "gr");
	assert_true(nl_attr_next(&m.body, &a));
	assert_int_equal(a.type, 3); /* without the flag for nests */
	assert_true(nl_attr_next(&a.v, &b));
	assert_int_equal(nl_u32(&b), 0x12345678);
	assert_false(nl_attr_next(&m.body, &a));
	assert_true(rd_done(&m.body));
	assert_false(nl_next(&r, &m));
	assert_true(rd_ok(&r));
}

static void test_padding_is_zero(void **state)
{
	struct nlw w;
	(void)state;
	memset(&w, 0xaa, sizeof w);
	nlw_start(&w, 33, 0, "\1\2\3\4", 4);
	nlw_u8(&w, 1, 0xff);
	assert_int_equal(w.h->nlmsg_len, 28);
	assert_memory_equal(w.buf + 20, "\5\0\1\0\xff\0\0\0", 8);
}

static void test_overflow(void **state)
{
	struct nlw w;
	uint8_t big[NL_REQUEST_MAX] = {0};
	(void)state;
	nlw_start(&w, 33, 0, big, 4);
	nlw_attr(&w, 1, big, NL_REQUEST_MAX - 16 - 4 - 4);
	assert_false(w.bad);
	nlw_u8(&w, 1, 1);
	assert_true(w.bad);
	nlw_start(&w, 33, 0, big, 4);
	assert_false(w.bad);
	nlw_attr(&w, 1, big, NL_REQUEST_MAX - 16 - 4 - 3);
	assert_true(w.bad);
	nlw_end(&w, nlw_nest(&w, 2));
	assert_true(w.bad);
	nlw_start(&w, 33, 0, big, NL_REQUEST_MAX);
	assert_true(w.bad);
	nlw_start(&w, 33, 0, big, 4);
	nlw_attr(&w, 1, big, SIZE_MAX - 2);
	assert_true(w.bad);
}

struct lie {
	const char *hex;
	unsigned messages;
	bool bad;
};

/* OpenBSD's e0f76318c was an endless walk over an element of length 0. */
static void test_message_lies(void **state)
{
	static const struct lie LIES[] = {
		{"", 0, false},
		{"10000000 1000 0000 00000000 00000000", 1, false},
		{"00000000 1000 0000 00000000 00000000", 0, true},
		{"0f000000 1000 0000 00000000 00000000", 0, true},
		{"11000000 1000 0000 00000000 00000000", 0, true},
		{"ffffffff 1000 0000 00000000 00000000", 0, true},
		{"10000000 1000 0000 00000000 000000", 0, true},
		{"10000000", 0, true},
		{"11000000 1000 0000 00000000 00000000 01", 1, false},
		{"11000000 1000 0000 00000000 00000000 01000000 10000000 1000 0000 00000000 00000000", 2, false},
		{"10000000 1000 0000 00000000 00000000 00000000 1000 0000 00000000 00000000", 1, true},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(LIES); i++) {
		struct span s = kernel_hex(LIES[i].hex);
		struct rd r = rd_init(s.p, s.n);
		struct nl_msg m;
		unsigned n = 0;
		while (nl_next(&r, &m))
			n++;
		assert_int_equal(n, LIES[i].messages);
		assert_int_equal(r.bad, LIES[i].bad);
		assert_false(nl_next(&r, &m));
		kernel_put(s);
	}
}

static void test_attribute_lies(void **state)
{
	static const struct lie LIES[] = {
		{"", 0, false},
		{"0400 0100", 1, false},
		{"0000 0100", 0, true},
		{"0100 0100", 0, true},
		{"0300 0100", 0, true},
		{"0500 0100", 0, true},
		{"0500 0100 01", 1, false},
		{"0500 0100 01000000 0400 0200", 2, false},
		{"0500 0100 01000000 0000 0200", 1, true},
		{"0500 0100 01000000 0400 02", 1, true},
		{"ffff 0100 01000000", 0, true},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(LIES); i++) {
		struct span s = kernel_hex(LIES[i].hex);
		struct rd r = rd_init(s.p, s.n);
		struct nl_attr a;
		unsigned n = 0;
		while (nl_attr_next(&r, &a))
			n++;
		assert_int_equal(n, LIES[i].messages);
		assert_int_equal(r.bad, LIES[i].bad);
		kernel_put(s);
	}
}

struct verdict {
	const char *hex;
	int code;
	const char *text;
};

#define HEAD(len, flags) len "000000 0200 " flags " 00000000 00000000 "
#define REQUEST "10000000 1000 0500 00000000 00000000 "

static void test_results(void **state)
{
	static const struct verdict ROWS[] = {
		{HEAD("24", "0001") "00000000" REQUEST, 0, ""},
		{HEAD("24", "0001") "efffffff" REQUEST, -17, ""},
		{HEAD("14", "0000") "efffffff", -17, ""},
		{HEAD("13", "0000") "efffff", -EBADMSG, ""},
		{HEAD("10", "0000"), -EBADMSG, ""},
		{HEAD("24", "0000") "01000000" REQUEST, -EBADMSG, ""},      /* never positive */
		{HEAD("24", "0000") "00000080" REQUEST, -EBADMSG, ""},      /* INT32_MIN has no counterpart */
		{HEAD("2c", "0003") "efffffff" REQUEST "0700 0100 4e6f00", -17, "No"},
		{HEAD("2b", "0003") "efffffff" REQUEST "0700 0100 4e6f41", -17, "NoA"}, /* without a zero octet */
		{HEAD("2c", "0002") "efffffff" REQUEST "0700 0100 4e6f0000", -17, "No"},
		{HEAD("2c", "0002") "efffffff ffffffff 1000 0500 00000000 00000000 0700 0100 4e6f0000", -17, ""},
		{HEAD("28", "0003") "efffffff" REQUEST "0000 0100", -17, ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		struct span s = kernel_hex(ROWS[i].hex);
		struct rd r = rd_init(s.p, s.n);
		struct nl_msg m;
		char text[32];
		/* The head may say one octet less than there is. */
		if (!nl_next(&r, &m)) {
			uint8_t copy[64];
			assert_true(s.n <= sizeof copy);
			memcpy(copy, s.p, s.n);
			copy[0] = (uint8_t)s.n;
			r = rd_init(copy, s.n);
			assert_true(nl_next(&r, &m));
			assert_int_equal(nl_result(&m, text, sizeof text), ROWS[i].code);
			assert_string_equal(text, ROWS[i].text);
		} else {
			assert_int_equal(nl_result(&m, text, sizeof text), ROWS[i].code);
			assert_string_equal(text, ROWS[i].text);
		}
		kernel_put(s);
	}
}

int main(void)
{
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),        cmocka_unit_test(test_padding_is_zero),
		cmocka_unit_test(test_overflow),     cmocka_unit_test(test_message_lies),
		cmocka_unit_test(test_attribute_lies), cmocka_unit_test(test_results),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
