/* esp/: where the transport header of an inner packet begins (RFC 791 3.1; RFC 8200 4). */
#include "esp_packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NO, YES };
struct row {
	const char *name;
	size_t n;
	uint8_t head[48];        /* the packet's first octets; what is behind them repeats `tail` */
	size_t head_n;
	uint8_t tail[8];
	int found;
	uint8_t proto;
	uint16_t at;
	uint32_t total;
	bool fragment, later;
};

#define V4(b0, total, frag) {b0, 0, (total) >> 8, (total) & 255, 0, 0, (frag) >> 8, (frag) & 255, 1, 17}, 20
#define V6(payload, next) {0x60, 0, 0, 0, (payload) >> 8, (payload) & 255, next}, 40

static const struct row rows[] = {
	{"header alone", 20, V4(0x45, 20, 0), {0}, YES, 17, 20, 20, false, false},
	{"one octet short", 19, V4(0x45, 19, 0), {0}, NO, 0, 0, 0, false, false},
	{"octets behind", 30, V4(0x45, 20, 0), {0}, YES, 17, 20, 20, false, false},
	{"longer than its octets", 30, V4(0x45, 31, 0), {0}, NO, 0, 0, 0, false, false},
	{"shorter than its header", 30, V4(0x45, 19, 0), {0}, NO, 0, 0, 0, false, false},
	{"options", 24, V4(0x46, 24, 0), {0}, YES, 17, 24, 24, false, false},
	{"options beyond", 23, V4(0x46, 23, 0), {0}, NO, 0, 0, 0, false, false},
	{"all options", 60, V4(0x4f, 60, 0), {0}, YES, 17, 60, 60, false, false},
	{"header of 16", 60, V4(0x44, 60, 0), {0}, NO, 0, 0, 0, false, false},
	{"not to be fragmented", 20, V4(0x45, 20, 0x4000), {0}, YES, 17, 20, 20, false, false},
	{"first fragment", 20, V4(0x45, 20, 0x2000), {0}, YES, 17, 20, 20, true, false},
	{"far fragment", 20, V4(0x45, 20, 0x1000), {0}, YES, 17, 20, 20, true, true},
	{"near fragment", 20, V4(0x45, 20, 0x0001), {0}, YES, 17, 20, 20, true, true},
	{"version 5", 60, V4(0x55, 60, 0), {0}, NO, 0, 0, 0, false, false},
	{"6 alone", 40, V6(0, 17), {0}, YES, 17, 40, 40, false, false},
	{"6 one octet short", 39, V6(0, 17), {0}, NO, 0, 0, 0, false, false},
	{"6 longer than its octets", 48, V6(9, 17), {0}, NO, 0, 0, 0, false, false},
	{"6 octets behind", 64, V6(8, 17), {0}, YES, 17, 40, 48, false, false},
	{"hop by hop", 48, V6(8, 0), {17}, YES, 17, 48, 48, false, false},
	{"destination", 48, V6(8, 60), {17}, YES, 17, 48, 48, false, false},
	{"routing", 48, V6(8, 43), {17}, YES, 17, 48, 48, false, false},
	{"of 16 octets", 56, V6(16, 60), {17, 1}, YES, 17, 56, 56, false, false},
	{"extension cut off", 47, V6(7, 60), {17}, NO, 0, 0, 0, false, false},
	{"extension without any octet", 40, V6(0, 60), {17}, NO, 0, 0, 0, false, false},
	{"extension of 16 cut off", 55, V6(15, 60), {17, 1}, NO, 0, 0, 0, false, false},
	{"extension in what is behind", 64, V6(8, 60), {17, 1}, NO, 0, 0, 0, false, false},
	{"of 2048 octets", 40 + 2048, V6(2048, 60), {17, 255}, YES, 17, 40 + 2048, 40 + 2048, false, false},
	{"atomic fragment", 48, V6(8, 44), {17}, YES, 17, 48, 48, false, false},
	{"6 first fragment", 48, V6(8, 44), {17, 0, 0, 1}, YES, 17, 48, 48, true, false},
	{"6 near fragment", 48, V6(8, 44), {17, 0, 0, 8}, YES, 17, 48, 48, true, true},
	{"6 far fragment", 48, V6(8, 44), {60, 255, 0x80, 1}, YES, 60, 48, 48, true, true},
	{"reserved bits of a fragment", 48, V6(8, 44), {17, 255, 0, 6}, YES, 17, 48, 48, false, false},
	{"authentication is no extension here", 48, V6(8, 51), {17}, YES, 51, 40, 48, false, false},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint8_t *room = malloc(r->n);
		struct l4 l;
		assert_non_null(room);
		for (size_t k = 0; k < r->n; k++)
			room[k] = k < r->head_n ? r->head[k] : r->tail[(k - r->head_n) % 8];
		bool found = l4_find(room, r->n, &l);
		free(room);
		if (found != (r->found == YES))
			fail_msg("%s: %s", r->name, found ? "found" : "not found");
		if (found && (l.proto != r->proto || l.at != r->at || l.total != r->total || l.fragment != r->fragment || l.later != r->later ||
		              l.v4 != (r->head_n == 20)))
			fail_msg("%s: protocol %u at %u of %u", r->name, l.proto, l.at, l.total);
	}
}

/* Eight extension headers are found through, nine are not. */
static void test_many(void **state)
{
	(void)state;
	for (size_t headers = 0; headers < 12; headers++) {
		size_t n = 40 + headers * 8;
		uint8_t *p = calloc(1, n);
		struct l4 l;
		assert_non_null(p);
		p[0] = 0x60;
		be16_put(p + 4, (uint16_t)(headers * 8));
		p[6] = headers ? 60 : 6;
		for (size_t i = 1; i <= headers; i++)
			p[40 + (i - 1) * 8] = i == headers ? 6 : 60;
		bool found = l4_find(p, n, &l);
		free(p);
		assert_int_equal(found, headers <= 8);
		if (found) {
			assert_int_equal(l.proto, 6);
			assert_int_equal(l.at, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
