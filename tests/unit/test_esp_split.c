/* esp/: super-packets into packets. */
#include "esp_packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct packet base = {.ttl = 64, .tos = 0x12, .id = 0xfffe, .df = true, .host = 1, .sport = 4000, .dport = 443,
                                   .seq = 0xfffffa00, .ack = 77, .window = 500, .flags = 0x18, .options = 12};

/* All of the frame's packets: each right in itself and where it belongs. Returns how many. */
static uint32_t check(const struct packet *o, const uint8_t *frame, size_t n, const struct esp_vnet *v)
{
	struct esp_split s;
	size_t payload = 0;
	uint8_t *whole = malloc(o->len + 1);

	assert_int_equal(esp_split_begin(&s, frame, n, v), ESP_DROP_N);
	assert_int_equal(s.packets, (o->len + v->gso_size - 1) / v->gso_size);
	assert_int_equal(s.most, n - o->len + min_z(v->gso_size, o->len));
	for (uint32_t k = 0; k < s.packets; k++) {
		uint32_t i = s.packets - 1 - k; /* in any order */
		uint8_t *room = malloc(s.most);
		uint32_t len = esp_split_packet(&s, i, room);
		assert_true(len <= s.most);
		uint8_t *p = exact(room, len);
		free(room);
		const char *why = packet_wrong(p, len);
		if (why)
			fail_msg("packet %u of %u: %s", i, s.packets, why);
		struct l4 at;
		assert_true(l4_find(p, len, &at));
		size_t hdr = at.at + (o->udp ? UDP_HDR : (size_t)TCP_HDR + o->options), begin = (size_t)i * v->gso_size;
		assert_int_equal(len - hdr, min_z(v->gso_size, o->len - begin));
		memcpy(whole + begin, p + hdr, len - hdr);
		payload += len - hdr;
		if (!o->v6)
			assert_int_equal(be16(p + 4), (uint16_t)(o->id + i));
		if (!o->udp) {
			bool last = i + 1 == s.packets;
			assert_int_equal(be32(p + at.at + 4), o->seq + (uint32_t)begin);
			assert_int_equal(p[at.at + 13], o->flags & ~(last ? 0 : TCP_FIN | TCP_PSH) & ~(i ? TCP_CWR : 0));
			assert_memory_equal(p + at.at + 8, frame + at.at + 8, 5);
			assert_memory_equal(p + at.at + 14, frame + at.at + 14, 2);
			assert_memory_equal(p + at.at + TCP_HDR, frame + at.at + TCP_HDR, o->options);
		}
		assert_memory_equal(p, frame, 2);
		assert_memory_equal(p + at.at, frame + at.at, 4); /* ports */
		free(p);
	}
	assert_int_equal(payload, o->len);
	assert_memory_equal(whole, frame + n - o->len, o->len);
	free(whole);
	return s.packets;
}

static void split(const struct packet *o, uint16_t gso_size)
{
	static uint8_t room[PACKET_MAX];
	struct esp_vnet v;
	size_t n = packet_super(o, gso_size, room, &v);
	uint8_t *frame = exact(room, n);

	check(o, frame, n, &v);
	/* with a checksum that is whole: the same packets */
	n = packet_write(o, room);
	memcpy(frame, room, n);
	v.csum = false;
	check(o, frame, n, &v);
	free(frame);
}

static void test_packets(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {1, 7, 536, 1399, 1400, 1401, 8960, 65535};
	static const uint32_t lens[] = {1, 2, 1399, 1400, 1401, 2800, 2801, 65001};
	for (int kind = 0; kind < 8; kind++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
				struct packet o = base;
				o.v6 = kind & 1;
				o.udp = kind & 2;
				o.ext = !(kind & 4) ? 0 : o.v6 ? 16 : 8;
				o.len = lens[j];
				if (o.len / sizes[i] < 100)
					split(&o, sizes[i]);
			}
}

static void test_flags(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		struct packet o = base;
		o.flags = (uint8_t)flags;
		o.len = 3000;
		split(&o, 1400);
		split(&o, 3000);
	}
	struct packet o = base;
	o.v6 = true;
	for (o.options = 0; o.options <= 40; o.options += 4) {
		o.len = 2001 + o.options;
		split(&o, 999);
	}
}

/* The pseudo header that the host summed up is kept: behind a routing header its address is another. */
static void test_seed(void **state)
{
	(void)state;
	struct packet o = base;
	uint8_t room[4096], a[2048], b[2048];
	struct esp_vnet v;
	struct esp_split s;
	o.v6 = true;
	o.len = 3000;
	size_t n = packet_super(&o, 1000, room, &v);
	assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
	uint32_t len = esp_split_packet(&s, 1, a);
	room[39] ^= 0x40; /* the address in the IP header alone */
	assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
	assert_int_equal(esp_split_packet(&s, 1, b), len);
	a[39] ^= 0x40;
	assert_memory_equal(a, b, len);
}

static void test_no_udp_sum(void **state)
{
	(void)state;
	struct packet o = base;
	uint8_t room[4096], out[2048];
	struct esp_vnet v;
	struct esp_split s;
	o.udp = true;
	o.len = 2500;
	size_t n = packet_super(&o, 1000, room, &v);
	v.csum = false;
	be16_put(room + IP4_HDR + 6, 0);
	assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
	uint32_t len = esp_split_packet(&s, 2, out);
	assert_int_equal(len, IP4_HDR + UDP_HDR + 500);
	assert_int_equal(be16(out + IP4_HDR + 6), 0);
	/* a sum of zero is sent as all ones (RFC 768) */
	v.csum = true;
	unsigned ones = 0;
	for (unsigned i = 0; i < 65536; i++) {
		be16_put(room + n - 2, (uint16_t)i);
		be16_put(room + IP4_HDR + 6, 0x1234);
		assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
		(void)esp_split_packet(&s, 2, out);
		assert_int_not_equal(be16(out + IP4_HDR + 6), 0);
		ones += be16(out + IP4_HDR + 6) == 0xffff;
	}
	assert_true(ones >= 1);
}

/* Fields that were wrong or zero do not come through: they are summed up anew; in UDP zero means none only where it may. */
static void test_wrong_sums(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++)
		for (int begun = 0; begun < 2; begun++) {
			struct packet o = base;
			static uint8_t room[PACKET_MAX];
			uint8_t out[2048];
			struct esp_vnet v;
			struct esp_split s;
			o.v6 = kind & 1;
			o.udp = kind & 2;
			o.len = 2500;
			size_t n = packet_super(&o, 1000, room, &v), l4 = o.v6 ? IP6_HDR : IP4_HDR, field = l4 + (o.udp ? 6 : 16);
			if (!o.v6)
				be16_put(room + 10, 0x5a5a);
			v.csum = begun;
			if (!begun)
				be16_put(room + field, o.udp && !o.v6 ? 0x5a5a : 0);
			assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
			assert_null(packet_wrong(out, esp_split_packet(&s, 1, out)));
			assert_int_not_equal(be16(out + field), 0);
			/* a sum that was begun and is zero is a sum */
			v.csum = true;
			be16_put(room + field, 0);
			assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_N);
			(void)esp_split_packet(&s, 1, out);
			assert_int_not_equal(be16(out + field), 0);
		}
}

struct refused {
	const char *name;
	uint8_t kind;            /* 0: TCP4, 1: TCP6, 2: UDP4, 3: UDP6 */
	int at, value;           /* an octet of the frame; at -1: none */
	struct esp_vnet v;       /* nonzero fields replace */
	uint8_t drop;
};

static const struct refused refusals[] = {
	{"no gso", 0, -1, 0, {.gso = 200}, ESP_DROP_GSO},
	{"gso of the other version", 0, -1, 0, {.gso = ESP_GSO_TCP6}, ESP_DROP_GSO},
	{"gso of the other version 6", 1, -1, 0, {.gso = ESP_GSO_TCP4}, ESP_DROP_GSO},
	{"gso of another protocol", 0, -1, 0, {.gso = ESP_GSO_UDP}, ESP_DROP_GSO},
	{"TCP that says UDP", 2, -1, 0, {.gso = ESP_GSO_TCP4}, ESP_DROP_GSO},
	{"checksum elsewhere", 0, -1, 0, {.csum_start = 24}, ESP_DROP_GSO},
	{"checksum at another offset", 0, -1, 0, {.csum_offset = 6}, ESP_DROP_GSO},
	{"version", 0, 0, 0x55, {0}, ESP_DROP_INNER},
	{"header of 16 octets", 0, 0, 0x44, {0}, ESP_DROP_INNER},
	{"total length", 0, 3, 0, {0}, ESP_DROP_INNER},
	{"payload length", 1, 5, 0, {0}, ESP_DROP_INNER},
	{"more fragments", 0, 6, 0x20, {0}, ESP_DROP_GSO},
	{"a later fragment", 0, 7, 1, {0}, ESP_DROP_GSO},
	{"protocol", 0, 9, 50, {0}, ESP_DROP_GSO},
	{"next header", 1, 6, 50, {0}, ESP_DROP_GSO},
	{"extension header beyond the end", 1, 6, 0, {0}, ESP_DROP_INNER},
	{"TCP header of 16 octets", 0, 20 + 12, 0x40, {0}, ESP_DROP_INNER},
	{"TCP header beyond the end", 0, 20 + 12, 0xf0, {0}, ESP_DROP_INNER},
	{"UDP length", 2, 20 + 5, 1, {0}, ESP_DROP_INNER},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refused *r = &refusals[i];
		struct packet o = base;
		static uint8_t room[PACKET_MAX];
		struct esp_vnet v;
		struct esp_split s;
		o.v6 = r->kind & 1;
		o.udp = r->kind & 2;
		o.len = 20;
		size_t n = packet_super(&o, 10, room, &v);
		uint8_t *frame = exact(room, n);
		assert_int_equal(esp_split_begin(&s, frame, n, &v), ESP_DROP_N);
		if (r->at >= 0)
			frame[r->at] = (uint8_t)r->value;
		v.gso = r->v.gso ? r->v.gso : v.gso;
		v.csum_start = r->v.csum_start ? r->v.csum_start : v.csum_start;
		v.csum_offset = r->v.csum_offset ? r->v.csum_offset : v.csum_offset;
		uint8_t drop = esp_split_begin(&s, frame, n, &v);
		if (drop != r->drop)
			fail_msg("%s: %u", r->name, drop);
		free(frame);
	}
	struct esp_vnet none = {.gso = ESP_GSO_NONE, .gso_size = 1}, zero = {.gso = ESP_GSO_TCP4};
	struct esp_split s;
	assert_int_equal(esp_split_begin(&s, NULL, 0, &none), ESP_DROP_GSO);
	assert_int_equal(esp_split_begin(&s, NULL, 0, &zero), ESP_DROP_GSO);
	zero.gso_size = 1;
	assert_int_equal(esp_split_begin(&s, NULL, 0, &zero), ESP_DROP_INNER);
}

/* Without payload there is nothing to split; with headers of kilobytes it is nothing that a host sends. */
static void test_no_payload(void **state)
{
	(void)state;
	struct packet o = base;
	uint8_t room[2048];
	struct esp_vnet v;
	struct esp_split s;
	for (int udp = 0; udp < 2; udp++) {
		o.udp = udp;
		o.len = 0;
		size_t n = packet_super(&o, 10, room, &v);
		assert_int_equal(esp_split_begin(&s, room, n, &v), ESP_DROP_INNER);
	}
	o.v6 = true;
	o.len = 100;
	o.ext = 8;
	size_t n = packet_super(&o, 10, room, &v);
	/* one option header of 2048 octets, as long as the packet says */
	static uint8_t big[4096];
	memcpy(big, room, 48);
	big[41] = 255;
	memcpy(big + 40 + 2048, room + 48, n - 48);
	n += 2040;
	be16_put(big + 4, (uint16_t)(n - 40));
	v.csum_start = 40 + 2048;
	assert_int_equal(esp_split_begin(&s, big, n, &v), ESP_DROP_GSO);
}

/* Cut off anywhere, or with any octet of its headers changed: refused, or packets that stay inside. */
static void sweep(uint8_t kind)
{
	struct packet o = base;
	static uint8_t room[PACKET_MAX];
	struct esp_vnet v;
	struct esp_split s;

	o.v6 = kind & 1;
	o.udp = kind & 2;
	o.ext = o.v6 ? 8 : 4;
	o.len = 61;
	size_t n = packet_super(&o, 20, room, &v);
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = exact(room, i);
		assert_int_equal(esp_split_begin(&s, p, i, &v), ESP_DROP_INNER);
		free(p);
	}
	for (size_t i = 0; i < n - o.len; i++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t *p = exact(room, n);
			p[i] = (uint8_t)value;
			if (esp_split_begin(&s, p, n, &v) == ESP_DROP_N) {
				uint8_t *out = malloc(s.most);
				uint32_t all = 0;
				for (uint32_t k = 0; k < s.packets; k++)
					all += esp_split_packet(&s, k, out) - s.hdr;
				assert_int_equal(all + s.hdr, n);
				free(out);
			}
			free(p);
		}
}

static void test_sweep(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < 4; kind++)
		sweep(kind);
}

static void test_complete(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++)
		for (uint32_t len = 0; len < 70; len++) {
			struct packet o = base;
			uint8_t room[256];
			struct esp_vnet v = {0};
			o.v6 = kind & 1;
			o.udp = kind & 2;
			o.len = len;
			size_t n = packet_write(&o, room);
			uint8_t *want = exact(room, n), *p = exact(room, n);
			packet_begin_sum(p, n, &v);
			assert_int_equal(esp_sum_complete(p, n, &v), ESP_DROP_N);
			assert_memory_equal(p, want, n);
			free(want);
			free(p);
		}
	/* a sum of zero (RFC 768), and a field that is not inside */
	uint8_t *p = exact("\xff\xff\x00\x00", 4);
	struct esp_vnet v = {.csum = true, .csum_offset = 2};
	assert_int_equal(esp_sum_complete(p, 4, &v), ESP_DROP_N);
	assert_memory_equal(p, "\xff\xff\xff\xff", 4);
	static const uint16_t outside[][2] = {{0, 3}, {3, 0}, {4, 0}, {5, 0}, {2, 1}, {65535, 65535}, {0, 65535}, {65535, 0}};
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		v.csum_start = outside[i][0];
		v.csum_offset = outside[i][1];
		assert_int_equal(esp_sum_complete(p, 4, &v), ESP_DROP_GSO);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_no_udp_sum),
		cmocka_unit_test(test_wrong_sums),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_payload),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
