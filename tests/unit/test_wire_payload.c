/* The bodies of all payloads but SA: each accepted form and each code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <stdlib.h>
#include <string.h>

#define OCTETS16 "000102030405060708090a0b0c0d0e0f"
#define TS4(lo, hi) "072f0010 0000ffff" lo hi
#define V6A "20010db8000000000000000000000001"
#define V6B "20010db80000000000000000000000ff"

struct row {
	uint8_t type;
	const char *what, *hex;
	enum wire_err err;
	const char *text;
};

static const struct row rows[] = {
	{P_KE, "KE", "001fffff aabb", WIRE_OK, "group=31 data=aabb"},
	{P_KE, "KE of group 0", "00000000 aa", WIRE_OK, "group=0 data=aa"},
	{P_KE, "KE without data", "001f0000", WIRE_SHORT, NULL},
	{P_KE, "KE cut", "001f00", WIRE_SHORT, NULL},
	{P_KE, "KE empty", "", WIRE_SHORT, NULL},

	{P_IDI, "IPv4", "01000000 0a000001", WIRE_OK, "type=1 data=0a000001"},
	{P_IDR, "IPv4, reserved octets", "01ffffff 0a000001", WIRE_OK, "type=1 data=0a000001"},
	{P_IDI, "IPv4 of 3", "01000000 0a0000", WIRE_SYNTAX, NULL},
	{P_IDI, "IPv4 of 16", "01000000" V6A, WIRE_SYNTAX, NULL},
	{P_IDI, "IPv6", "05000000" V6A, WIRE_OK, "type=5 data=" V6A},
	{P_IDI, "IPv6 of 4", "05000000 0a000001", WIRE_SYNTAX, NULL},
	{P_IDI, "FQDN", "02000000 61", WIRE_OK, "type=2 data=61"},
	{P_IDI, "RFC822", "03000000 6140", WIRE_OK, "type=3 data=6140"},
	{P_IDI, "DN", "09000000 3000", WIRE_OK, "type=9 data=3000"},
	{P_IDI, "GN", "0a000000 3000", WIRE_OK, "type=10 data=3000"},
	{P_IDI, "KEY_ID", "0b000000 00", WIRE_OK, "type=11 data=00"},
	{P_IDI, "KEY_ID empty", "0b000000", WIRE_OK, "type=11 data="},
	{P_IDI, "type 0 is never anybody", "00000000 61", WIRE_SYNTAX, NULL},
	{P_IDI, "a subnet is a pattern", "04000000 0a00000008", WIRE_UNKNOWN, NULL},
	{P_IDI, "an IPv6 subnet is a pattern", "06000000 61", WIRE_UNKNOWN, NULL},
	{P_IDI, "ID_NULL", "0d000000", WIRE_UNKNOWN, NULL},
	{P_IDI, "private type", "ff000000 61", WIRE_UNKNOWN, NULL},
	{P_IDI, "ID cut", "020000", WIRE_SHORT, NULL},

	{P_AUTH, "AUTH", "02ffffff aabb", WIRE_OK, "method=2 data=aabb"},
	{P_AUTH, "AUTH without data", "02000000", WIRE_SHORT, NULL},
	{P_AUTH, "AUTH cut", "0200", WIRE_SHORT, NULL},

	{P_NONCE, "nonce of 16", OCTETS16, WIRE_OK, "data=" OCTETS16},
	{P_NONCE, "nonce of 15", "000102030405060708090a0b0c0d0e", WIRE_SYNTAX, NULL},
	{P_NONCE, "nonce empty", "", WIRE_SYNTAX, NULL},

	{P_N, "notify", "00004004 aabb", WIRE_OK, "proto=0 type=16388 spi= data=aabb"},
	{P_N, "bare", "00000018", WIRE_OK, "proto=0 type=24 spi= data="},
	{P_N, "protocol without SPI is ignored", "03004000", WIRE_OK, "proto=0 type=16384 spi= data="},
	{P_N, "undefined protocol without SPI", "99004000", WIRE_OK, "proto=0 type=16384 spi= data="},
	{P_N, "ESP SPI", "03044009 c0ffee01", WIRE_OK, "proto=3 type=16393 spi=c0ffee01 data="},
	{P_N, "AH SPI and data", "02044009 c0ffee01 aa", WIRE_OK, "proto=2 type=16393 spi=c0ffee01 data=aa"},
	{P_N, "IKE SPI of 8", "01084000" "0102030405060708", WIRE_OK, "proto=1 type=16384 spi=0102030405060708 data="},
	{P_N, "ESP SPI of 3", "03034009 c0ffee", WIRE_SYNTAX, NULL},
	{P_N, "AH SPI of 8", "02084009 0102030405060708", WIRE_SYNTAX, NULL},
	{P_N, "SPI beyond", "03044009 c0ffee", WIRE_SHORT, NULL},
	{P_N, "SPI of 255 beyond", "03ff4009 c0ffee01", WIRE_SHORT, NULL},
	{P_N, "notify cut", "000040", WIRE_SHORT, NULL},
	{P_N, "notify empty", "", WIRE_SHORT, NULL},

	{P_D, "delete IKE", "01000000", WIRE_OK, "proto=1 n=0"},
	{P_D, "delete IKE, count of nothing", "0100ffff", WIRE_OK, "proto=1 n=0"},
	{P_D, "delete IKE with SPI", "01080001 0102030405060708", WIRE_SYNTAX, NULL},
	{P_D, "delete IKE, octet behind", "01000000 00", WIRE_SYNTAX, NULL},
	{P_D, "delete ESP", "03040002 c0ffee01 c0ffee02", WIRE_OK, "proto=3 n=2 c0ffee01 c0ffee02"},
	{P_D, "delete AH", "02040001 c0ffee01", WIRE_OK, "proto=2 n=1 c0ffee01"},
	{P_D, "delete no ESP", "03040000", WIRE_OK, "proto=3 n=0"},
	{P_D, "delete ESP, more announced", "03040003 c0ffee01 c0ffee02", WIRE_SHORT, NULL},
	{P_D, "delete ESP, 65535 announced", "0304ffff c0ffee01", WIRE_SHORT, NULL},
	{P_D, "delete ESP, fewer announced", "03040001 c0ffee01 c0ffee02", WIRE_SYNTAX, NULL},
	{P_D, "delete ESP, SPI of 8", "03080001 c0ffee01c0ffee02", WIRE_SYNTAX, NULL},
	{P_D, "delete ESP, SPI of 0", "0300ffff", WIRE_SYNTAX, NULL},
	{P_D, "delete ESP, SPI of 2", "03020002 c0ffee01", WIRE_SYNTAX, NULL},
	{P_D, "delete protocol 0", "00000000", WIRE_UNKNOWN, NULL},
	{P_D, "delete protocol 4", "04040001 c0ffee01", WIRE_UNKNOWN, NULL},
	{P_D, "delete protocol 4, lies", "04040002 c0ffee01", WIRE_SHORT, NULL},
	{P_D, "delete cut", "030400", WIRE_SHORT, NULL},

	{P_TSI, "one", "01000000" TS4("0a000001", "0a000001"), WIRE_OK, "10.0.0.1-10.0.0.1[47/0-65535]"},
	{P_TSR, "reserved octets", "01ffffff" TS4("00000000", "ffffffff"), WIRE_OK,
	 "0.0.0.0-255.255.255.255[47/0-65535]"},
	{P_TSI, "IPv6", "01000000 083a0028 00010002" V6A V6B, WIRE_OK, "2001:db8::1-2001:db8::ff[58/1-2]"},
	{P_TSI, "both", "02000000" TS4("0a000001", "0a000002") "08000028 0000ffff" V6A V6A, WIRE_OK,
	 "10.0.0.1-10.0.0.2[47/0-65535] 2001:db8::1-2001:db8::1[0/0-65535]"},
	{P_TSI, "OPAQUE", "01000000 07060010 ffff0000 0a000001 0a000001", WIRE_OK, "10.0.0.1-10.0.0.1[6/65535-0]"},
	{P_TSI, "one port", "01000000 07110010 01f401f4 0a000001 0a000001", WIRE_OK, "10.0.0.1-10.0.0.1[17/500-500]"},
	{P_TSI, "ports backwards", "01000000 07060010 00020001 0a000001 0a000001", WIRE_SYNTAX, NULL},
	{P_TSI, "nearly OPAQUE", "01000000 07060010 ffff0001 0a000001 0a000001", WIRE_SYNTAX, NULL},
	{P_TSI, "nearly OPAQUE too", "01000000 07060010 fffe0000 0a000001 0a000001", WIRE_SYNTAX, NULL},
	{P_TSI, "addresses backwards", "01000000" TS4("0a000002", "0a000001"), WIRE_SYNTAX, NULL},
	{P_TSI, "IPv6 backwards", "01000000 083a0028 00010002" V6B V6A, WIRE_SYNTAX, NULL},
	{P_TSI, "no selector", "00000000", WIRE_SYNTAX, NULL},
	{P_TSI, "count says more", "02000000" TS4("0a000001", "0a000001"), WIRE_SHORT, NULL},
	{P_TSI, "count says 255", "ff000000" TS4("0a000001", "0a000001"), WIRE_SHORT, NULL},
	{P_TSI, "count says fewer", "01000000" TS4("0a000001", "0a000001") TS4("0a000001",
	 "0a000001"), WIRE_SYNTAX, NULL},
	{P_TSI, "octet behind", "01000000" TS4("0a000001", "0a000001") "00", WIRE_SYNTAX, NULL},
	{P_TSI, "IPv4 of length 40", "01000000 072f0028 0000ffff" V6A V6A, WIRE_SYNTAX, NULL},
	{P_TSI, "IPv6 of length 16", "01000000 082f0010 0000ffff 0a0000010a000001", WIRE_SYNTAX, NULL},
	{P_TSI, "IPv4 of length 8", "01000000 072f0008 0000ffff", WIRE_SYNTAX, NULL},
	{P_TSI, "IPv4 of length 15", "01000000 072f000f 0000ffff 0a0000010a0000", WIRE_SYNTAX, NULL},
	{P_TSI, "selector length 3", "01000000 072f0003", WIRE_SHORT, NULL},
	{P_TSI, "selector length 0", "01000000 072f0000", WIRE_SHORT, NULL},
	{P_TSI, "selector length beyond", "01000000 072f0011 0000ffff 0a0000010a000001", WIRE_SHORT, NULL},
	{P_TSI, "unknown type is skipped", "02000000 09000008 01020304" TS4("0a000001", "0a000001"), WIRE_OK,
	 "10.0.0.1-10.0.0.1[47/0-65535]"},
	{P_TSI, "only an unknown type", "01000000 0a000004", WIRE_OK, ""},
	{P_TSI, "unknown type, length beyond", "01000000 0a000005", WIRE_SHORT, NULL},
	{P_TSI, "selectors cut", "010000", WIRE_SHORT, NULL},

	{P_SKF, "fragment 1 of 1", "00010001", WIRE_OK, "1/1"},
	{P_SKF, "fragment 2 of 3 with data", "00020003 aa", WIRE_OK, "2/3"},
	{P_SKF, "65535 of 65535", "ffffffff", WIRE_OK, "65535/65535"},
	{P_SKF, "fragment 0", "00000003", WIRE_SYNTAX, NULL},
	{P_SKF, "fragment of 0", "00010000", WIRE_SYNTAX, NULL},
	{P_SKF, "fragment 4 of 3", "00040003", WIRE_SYNTAX, NULL},
	{P_SKF, "fragment cut", "000100", WIRE_SHORT, NULL},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ike_payload p = {.type = rows[i].type, .body = wire_hex(rows[i].hex)};
		char text[1000], want[1000];
		struct sbuf b = SB(text), w = SB(want);
		sb_wire_payload(&b, &p);
		const char *fields = rows[i].err ? wire_err_name(rows[i].err) : rows[i].text;
		sb_printf(&w, "  %u%s%s\n", p.type, *fields ? " " : "", fields);
		if (strcmp(text, want) != 0)
			fail_msg("%s: %s", rows[i].what, text);
		assert_true(wire_again(&p));
		wire_free(p.body);
	}
}

static void test_nonce_lengths(void **state)
{
	(void)state;
	static const uint8_t zeros[257];

	for (size_t n = 0; n <= 257; n++) {
		struct span s = wire_copy(SPAN(zeros, n)), out;
		assert_int_equal(ike_nonce_decode(s, &out), n >= 16 && n <= 256 ? WIRE_OK : WIRE_SYNTAX);
		wire_free(s);
	}
}

/* RFC 7296 2.15: the RESERVED octets of an ID are under the MAC as they were received. */
static void test_id_whole(void **state)
{
	(void)state;
	struct span s = wire_hex("01aabbcc 0a000001");
	struct ike_id id;

	assert_int_equal(ike_id_decode(s, &id), WIRE_OK);
	assert_ptr_equal(id.whole.p, s.p);
	assert_int_equal(id.whole.n, 8);
	assert_int_equal(id.data.n, 4);
	wire_free(s);
}

/* 20 selectors: 16 are kept, the rest must be well-formed. */
static void test_ts_cap(void **state)
{
	(void)state;
	enum { N = 20, ONE = 16 };
	uint8_t room[4 + N * ONE];
	struct wr w = wr_init(room, sizeof room);
	struct ike_ts_list list;

	wr_u8(&w, N);
	wr_u24(&w, 0);
	for (unsigned i = 0; i < N; i++) {
		wr_u32(&w, 0x07000010);
		wr_u32(&w, 0x0000ffff);
		wr_u32(&w, i);
		wr_u32(&w, i);
	}
	assert_int_equal(ike_ts_decode(SPAN(room, sizeof room), &list), WIRE_OK);
	assert_int_equal(list.n, IKE_TS_MAX);
	assert_int_equal(list.v[IKE_TS_MAX - 1].lo.b[3], IKE_TS_MAX - 1);
	room[sizeof room - 8] = 1; /* lo of the last */
	assert_int_equal(ike_ts_decode(SPAN(room, sizeof room), &list), WIRE_SYNTAX);
}

static void test_delete_spi_index(void **state)
{
	(void)state;
	struct span s = wire_hex("03040002 c0ffee01 c0ffee02");
	struct ike_delete d;

	assert_int_equal(ike_delete_decode(s, &d), WIRE_OK);
	assert_int_equal(ike_delete_spi(&d, 1), 0xc0ffee02);
	assert_int_equal(ike_delete_spi(&d, 2), 0);
	assert_int_equal(ike_delete_spi(&d, 65535), 0);
	wire_free(s);
}

static void test_unpad(void **state)
{
	(void)state;
	static const struct { const char *hex; enum wire_err err; size_t n; } pads[] = {
		{"", WIRE_SHORT, 0},        {"00", WIRE_OK, 0},         {"01", WIRE_SYNTAX, 0},
		{"ff", WIRE_SYNTAX, 0},     {"aa01", WIRE_OK, 0},       {"aabb00", WIRE_OK, 2},
		{"aabb01", WIRE_OK, 1},     {"aabb02", WIRE_OK, 0},     {"aabb03", WIRE_SYNTAX, 0},
		{"aabb 0102030405 05", WIRE_OK, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(pads); i++) {
		struct span s = wire_hex(pads[i].hex);
		size_t n = 99;
		enum wire_err err = ike_sk_unpad(s.p, s.n, &n);
		if (err != pads[i].err || n != pads[i].n)
			fail_msg("%s: %s, %zu", pads[i].hex, wire_err_name(err), n);
		wire_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_nonce_lengths),    cmocka_unit_test(test_id_whole),
		cmocka_unit_test(test_ts_cap), cmocka_unit_test(test_delete_spi_index), cmocka_unit_test(test_unpad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
