/* Lines of proc(5) and echo messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "kernel/probe.h"
#include "kernel/proc.h"
#include "test_kernel_util.h"

struct udp_row {
	const char *line;
	uint16_t port;
	uint64_t inode; /* 0: not this one */
};

static void test_udp_lines(void **state)
{
	static const struct udp_row ROWS[] = {
		{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref", 500, 0},
		{"  355: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0 0",
		 500, 12345},
		{"  355: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0 0",
		 501, 0},
		{"  355: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0 0", 500, 0},
		{" 99: 00000000000000000000000000000000:1194 00000000000000000000000000000000:0000 07 00000000:00000000 "
		 "00:00000000 00000000  1000        0 77 2 0 0", 4500, 77},
		{" 99: 0100007F:0035 00000000:01F4 07 00000000:00000000 00:00000000 00000000  1000        0 77 2 0 0", 500, 0},
		{"", 500, 0},
		{"x", 500, 0},
		{"1: 00000000", 500, 0},
		{"1: 00000000: 2", 0, 0},
		{"1: 00000000:01F4", 500, 0},
		{"1: 00000000:01F4 ", 500, 0},
		{"1: 00000000:01F4z 0 07 0 0 0 0 0 12345 2", 500, 0},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		uint64_t inode = 0;
		bool found = proc_udp_line(ROWS[i].line, ROWS[i].port, &inode);
		assert_int_equal(found, ROWS[i].inode != 0);
		if (found)
			assert_int_equal(inode, ROWS[i].inode);
	}
}

static void test_socket_links(void **state)
{
	(void)state;
	assert_int_equal(proc_socket_inode("socket:[1234]"), 1234);
	assert_int_equal(proc_socket_inode("socket:[1234"), 0);
	assert_int_equal(proc_socket_inode("socket:[]"), 0);
	assert_int_equal(proc_socket_inode("socket:[12]x"), 0);
	assert_int_equal(proc_socket_inode("pipe:[1234]"), 0);
	assert_int_equal(proc_socket_inode(""), 0);
}

static void test_request(void **state)
{
	uint8_t out[32];
	(void)state;
	/* RFC 792: type 8, sequence 1, the checksum of RFC 1071 over all of it. */
	struct span want = kernel_hex("0800 6b25 4711 0001 67726574656c");
	assert_int_equal(probe_request(out, sizeof out, AF_V4, 0x4711), want.n);
	uint32_t sum = 0;
	for (size_t i = 0; i < want.n; i += 2)
		sum += (uint32_t)(out[i] << 8 | out[i + 1]);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	want.p += 4;
	assert_memory_equal(out + 4, want.p, want.n - 4);
	want.p -= 4;
	kernel_put(want);
	assert_int_equal(probe_request(out, sizeof out, AF_V6, 0x4711), 14);
	assert_int_equal(out[0], 128);
	assert_int_equal(out[2] | out[3], 0); /* the kernel's business */
	assert_int_equal(probe_request(out, 13, AF_V4, 1), 0);
}

struct reply_row {
	const char *hex;
	uint8_t family;
	bool ours;
};

#define IP4 "45000020 00000000 40010000 0a000001 0a000002 "
#define IP4_OPTIONS "46000024 00000000 40010000 0a000001 0a000002 01010101 "

static void test_replies(void **state)
{
	static const struct reply_row ROWS[] = {
		{IP4 "0000 0000 4711 0001", AF_V4, true},
		{IP4_OPTIONS "0000 0000 4711 0001", AF_V4, true},
		{IP4 "0000 0000 4712 0001", AF_V4, false},
		{IP4 "0800 0000 4711 0001", AF_V4, false},
		{IP4 "0001 0000 4711 0001", AF_V4, false},
		{IP4 "0000 0000 4711 00", AF_V4, false},
		{IP4, AF_V4, false},
		{"44000020 00000000 40010000 0a000001 0000 0000 4711 0001", AF_V4, false}, /* a header of 16 octets */
		{"4f000020 00000000 40010000 0a000001 0a000002 0000 0000 4711 0001", AF_V4, false},
		{"60000020", AF_V4, false},
		{"", AF_V4, false},
		{"8100 0000 4711 0001", AF_V6, true},
		{"8000 0000 4711 0001", AF_V6, false},
		{"8100 0000 4711", AF_V6, false},
		{"", AF_V6, false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		struct span s = kernel_hex(ROWS[i].hex);
		assert_int_equal(probe_is_reply(s.p, s.n, ROWS[i].family, 0x4711), ROWS[i].ours);
		kernel_put(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_lines),
		cmocka_unit_test(test_socket_links),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_replies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
