/* base/: the Internet checksum against the plain loop of RFC 1071 4.1, at all alignments and lengths. */
#include "esp_packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A block that ends where the octets end, and begins `shift` octets before them. */
static void one(size_t n, size_t shift, unsigned kind)
{
	uint8_t *b = malloc(shift + n + 1), *to = malloc(shift / 2 + n + 1);
	assert_true(b && to);
	uint8_t *p = exact(b, shift + n), *out = exact(to, shift / 2 + n);
	free(b);
	free(to);
	for (size_t i = 0; i < n; i++)
		p[shift + i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)((i + kind) * 2654435761u >> 24);
	uint16_t want = plain_sum(p + shift, n);
	assert_int_equal(csum_fold(csum_add(0, p + shift, n)), want);
	assert_int_equal(csum_fold(csum_copy(0, out + shift / 2, p + shift, n)), want);
	assert_true(n == 0 || memcmp(out + shift / 2, p + shift, n) == 0);
	assert_int_equal(csum_end(csum_add(0, p + shift, n)), (uint16_t)~want);
	free(p);
	free(out);
}

static void test_alignments(void **state)
{
	(void)state;
	for (size_t n = 0; n < 200; n++)
		for (size_t shift = 0; shift < 17; shift++)
			for (unsigned kind = 0; kind < 4; kind++)
				one(n, shift, kind);
}

static void test_long(void **state)
{
	(void)state;
	static const size_t n[] = {1399, 1400, 1500, 9000, 32767, 65534, 65535, 1 << 20};
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		for (unsigned kind = 0; kind < 3; kind++)
			one(n[i], i, kind);
}

/* A sum in pieces of even length, with numbers in between, is the sum of all. */
static void test_pieces(void **state)
{
	(void)state;
	uint8_t p[1001];
	for (size_t i = 0; i < sizeof p; i++)
		p[i] = (uint8_t)(i * 31 + 7);
	for (size_t cut = 0; cut + 2 <= sizeof p; cut += 2) {
		uint32_t sum = csum_add(0, p + cut + 2, sizeof p - cut - 2);
		sum = csum_add(sum + be16(p + cut), p, cut);
		assert_int_equal(csum_fold(sum), plain_sum(p, sizeof p));
	}
	/* as many calls as a packet has pieces do not overflow */
	uint8_t ff[2] = {0xff, 0xff};
	uint32_t sum = 0;
	for (unsigned i = 0; i < 65536; i++)
		sum = csum_add(sum, ff, 2);
	assert_int_equal(csum_fold(sum), 0xffff);
}

static void test_be(void **state)
{
	(void)state;
	uint8_t *p = exact("\x01\x02\x03\x04", 4);
	assert_int_equal(be16(p + 2), 0x0304);
	assert_int_equal(be32(p), 0x01020304);
	be16_put(p + 2, 0xfffe);
	assert_memory_equal(p, "\x01\x02\xff\xfe", 4);
	be32_put(p, 0xa1b2c3d4);
	assert_memory_equal(p, "\xa1\xb2\xc3\xd4", 4);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignments),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
