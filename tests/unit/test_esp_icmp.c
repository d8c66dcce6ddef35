/* esp/: what the sender of a packet that is too long is told, and when nothing. Octets before the answers' text are
 * those of RFC 792, RFC 1191 4 and RFC 4443 3.2. */
#include "esp_packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct packet base = {.ttl = 3, .tos = 0x1f, .id = 7, .df = true, .host = 1, .sport = 1, .dport = 2, .options = 4, .len = 1500};
static uint8_t room[PACKET_MAX];

static size_t answer(const uint8_t *packet, size_t n, uint32_t mtu, const struct addr *from, uint8_t out[ESP_ICMP_MAX])
{
	uint8_t *p = exact(packet, n);
	uint8_t *to = malloc(ESP_ICMP_MAX);
	assert_non_null(to);
	size_t len = esp_icmp_too_big(to, p, n, mtu, from);
	assert_true(len <= ESP_ICMP_MAX);
	memcpy(out, to, len);
	free(p);
	free(to);
	return len;
}

static void test_v4(void **state)
{
	(void)state;
	uint8_t out[ESP_ICMP_MAX];
	size_t n = packet_write(&base, room);
	static const uint8_t ip[] = {0x45, 0xde, 2, 0x40, 0, 0, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1}, icmp[] = {3, 4, 0, 0, 0, 0, 5, 0x40};
	assert_int_equal(answer(room, n, 1344, NULL, out), 576);
	assert_int_equal(plain_sum(out, 20), 0xffff);
	assert_int_equal(plain_sum(out + 20, 576 - 20), 0xffff);
	assert_memory_equal(out, ip, 10);
	assert_memory_equal(out + 12, ip + 12, 8);
	assert_memory_equal(out + 20, icmp, 2);
	assert_memory_equal(out + 24, icmp + 4, 4);
	assert_memory_equal(out + 28, room, 576 - 28);

	/* a short one whole; from where the caller says; a wrong family does not count */
	struct packet o = base;
	o.len = 11;
	n = packet_write(&o, room);
	struct addr from = addr_from("\x0a\x09\x08\x07", 4), other = addr_any(AF_V6);
	assert_int_equal(answer(room, n, 70000, &from, out), n + 28);
	assert_memory_equal(out + 12, from.b, 4);
	assert_int_equal(be16(out + 2), n + 28);
	assert_int_equal(be16(out + 26), 0xffff);
	assert_int_equal(plain_sum(out + 20, n + 8), 0xffff);
	assert_int_equal(answer(room, n, 576, &other, out), n + 28);
	assert_memory_equal(out + 12, room + 16, 4);
}

static void test_v6(void **state)
{
	(void)state;
	uint8_t out[ESP_ICMP_MAX];
	struct packet o = base;
	o.v6 = true;
	size_t n = packet_write(&o, room);
	static const uint8_t ip[] = {0x60, 0, 0, 0, 4, 0xd8, 58, 64}, icmp[] = {2, 0, 0, 0, 0, 0, 5, 0x40};
	assert_int_equal(answer(room, n, 1344, NULL, out), 1280);
	assert_null(packet_wrong(out, 1280)); /* ICMPv6 has the pseudo header too */
	assert_memory_equal(out, ip, 8);
	assert_memory_equal(out + 8, room + 24, 16);
	assert_memory_equal(out + 24, room + 8, 16);
	assert_memory_equal(out + 40, icmp, 2);
	assert_memory_equal(out + 44, icmp + 4, 4);
	assert_memory_equal(out + 48, room, 1280 - 48);

	/* RFC 8200 5: never less than 1280 */
	o.len = 13;
	n = packet_write(&o, room);
	struct addr from = addr_from("\xfd\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
	assert_int_equal(answer(room, n, 1279, &from, out), n + 48);
	assert_int_equal(be32(out + 44), 1280);
	assert_null(packet_wrong(out, n + 48));
	assert_memory_equal(out + 8, from.b, 16);
	/* RFC 4443 2.4 (e.3): multicast is answered, but not from a group's address */
	memset(room + 24, 0xff, 16);
	assert_int_equal(answer(room, n, 1300, &from, out), n + 48);
	assert_int_equal(answer(room, n, 1300, NULL, out), 0);
}

struct silent {
	const char *name;
	bool v6;
	int at[2];               /* octets that are changed; 0, 0: none */
	uint8_t value[2];
	bool answered;
};

static const struct silent rows[] = {
	{"as it is", false, {6, 6}, {0x40, 0x40}, true},
	{"may be fragmented", false, {6, 6}, {0, 0}, false},
	{"first fragment", false, {6, 6}, {0x60, 0x60}, true},
	{"later fragment", false, {6, 7}, {0x40, 9}, false},
	{"from 0.0.0.0/8", false, {12, 12}, {0, 0}, false},
	{"from loopback", false, {12, 12}, {127, 127}, false},
	{"from multicast", false, {12, 12}, {224, 224}, false},
	{"to multicast", false, {16, 16}, {239, 239}, false},
	{"to the first multicast", false, {16, 16}, {224, 224}, false},
	{"to 255/8", false, {16, 16}, {255, 255}, false},
	{"to 0.0.0.0/8", false, {16, 16}, {0, 0}, false},
	{"echo", false, {9, 20}, {1, 8}, true},
	{"echo reply", false, {9, 20}, {1, 0}, true},
	{"timestamp", false, {9, 20}, {1, 13}, true},
	{"unreachable", false, {9, 20}, {1, 3}, false},
	{"redirect", false, {9, 20}, {1, 5}, false},
	{"time exceeded", false, {9, 20}, {1, 11}, false},
	{"parameter problem", false, {9, 20}, {1, 12}, false},
	{"unknown type", false, {9, 20}, {1, 200}, false},
	{"header of 16 octets", false, {0, 0}, {0x44, 0x44}, false},
	{"longer than itself", false, {2, 2}, {0xff, 0xff}, false},
	{"version", false, {0, 0}, {0x55, 0x55}, false},
	{"version 6 as it is", true, {7, 7}, {9, 9}, true},
	{"from ::", true, {8, 23}, {0, 0}, false},
	{"from ::1", true, {8, 23}, {0, 1}, false},
	{"from a group", true, {8, 8}, {0xff, 0xff}, false},
	{"echo 6", true, {6, 40}, {58, 128}, true},
	{"neighbour", true, {6, 40}, {58, 135}, true},
	{"error 6", true, {6, 40}, {58, 2}, false},
	{"unknown error 6", true, {6, 40}, {58, 127}, false},
	{"extension beyond", true, {6, 41}, {0, 255}, false},
};

static void test_silent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet o = base;
		uint8_t out[ESP_ICMP_MAX];
		o.v6 = rows[i].v6;
		o.len = 100;
		size_t n = packet_write(&o, room);
		for (int k = 0; k < 2; k++)
			room[rows[i].at[k]] = rows[i].value[k];
		if ((answer(room, n, 1400, NULL, out) > 0) != rows[i].answered)
			fail_msg("%s", rows[i].name);
	}
}

/* Behind extension headers: a first fragment of an error; an error that is cut off before its type; a later fragment. */
static void test_extensions(void **state)
{
	(void)state;
	struct packet o = base;
	uint8_t out[ESP_ICMP_MAX];
	o.v6 = true;
	o.ext = 8;
	o.len = 50;
	size_t n = packet_write(&o, room);
	assert_true(answer(room, n, 1400, NULL, out) > 0);
	room[40] = IP_ICMP6;
	room[48] = 1;
	assert_int_equal(answer(room, n, 1400, NULL, out), 0);
	room[48] = 129;
	assert_true(answer(room, n, 1400, NULL, out) > 0);
	be16_put(room + 4, 8);
	assert_int_equal(answer(room, n, 1400, NULL, out), 0);
	be16_put(room + 4, (uint16_t)(n - 40));
	room[6] = 44;
	memset(room + 41, 0, 7);
	assert_true(answer(room, n, 1400, NULL, out) > 0);
	room[43] = 1; /* more fragments */
	assert_true(answer(room, n, 1400, NULL, out) > 0);
	room[43] = 8; /* offset */
	assert_int_equal(answer(room, n, 1400, NULL, out), 0);
	/* a chain without end */
	static uint8_t chain[40 + 20 * 8];
	memcpy(chain, room, 40);
	chain[6] = 60;
	for (size_t i = 40; i < sizeof chain; i += 8)
		chain[i] = 60;
	be16_put(chain + 4, sizeof chain - 40);
	assert_int_equal(answer(chain, sizeof chain, 1400, NULL, out), 0);
}

static void test_short(void **state)
{
	(void)state;
	/* ICMP without a type */
	struct packet icmp = base;
	uint8_t none[ESP_ICMP_MAX];
	(void)packet_write(&icmp, room);
	room[9] = 1;
	be16_put(room + 2, 20);
	assert_int_equal(answer(room, 20, 1400, NULL, none), 0);
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet o = base;
		uint8_t out[ESP_ICMP_MAX];
		o.v6 = v6;
		o.len = 20;
		size_t n = packet_write(&o, room);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(answer(room, i, 1400, NULL, out), 0);
		/* octets behind the packet are none of it */
		assert_int_equal(answer(room, n + 9, 1400, NULL, out), n + (v6 ? 48 : 28));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
