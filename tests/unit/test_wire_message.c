/* The header and the chain of payloads, each code, and datagrams on the NAT-T port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <stdlib.h>
#include <string.h>

#define SPIS "0102030405060708" "1112131415161718"

struct row {
	const char *what, *hex;
	enum wire_err err;
};

static void test_header(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"plain", SPIS "29202208 00000007 0000001c", WIRE_OK},
		{"minor version 15, reserved flags", SPIS "292f22ff 00000007 0000001c", WIRE_OK},
		{"empty", "", WIRE_SHORT},
		{"27 octets", SPIS "29202208 00000007 00001b", WIRE_SHORT},
		{"length too large", SPIS "29202208 00000007 0000001d", WIRE_SHORT},
		{"length too small", SPIS "29202208 00000007 0000001b", WIRE_SHORT},
		{"length zero", SPIS "29202208 00000007 00000000", WIRE_SHORT},
		{"length 2^32-1", SPIS "29202208 00000007 ffffffff", WIRE_SHORT},
		{"octet behind", SPIS "29202208 00000007 0000001c 00", WIRE_SHORT},
		{"version 3", SPIS "29302208 00000007 0000001c", WIRE_VERSION},
		{"version 15", SPIS "29f02208 00000007 0000001c", WIRE_VERSION},
		{"version 1", SPIS "29102208 00000007 0000001c", WIRE_UNKNOWN},
		{"version 0", SPIS "29002208 00000007 0000001c", WIRE_UNKNOWN},
		{"SPIi zero", "0000000000000000 1112131415161718 29202208 00000007 0000001c", WIRE_SYNTAX},
		{"SPIr zero", "0102030405060708 0000000000000000 29202208 00000007 0000001c", WIRE_OK},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span s = wire_hex(rows[i].hex);
		struct ike_hdr h;
		enum wire_err err = ike_hdr_decode(s, &h);
		if (err != rows[i].err)
			fail_msg("%s: %s", rows[i].what, wire_err_name(err));
		wire_free(s);
	}
}

static void test_header_fields(void **state)
{
	(void)state;
	struct span s = wire_hex(SPIS "29312228 8000000a 0000001c");
	struct ike_hdr h;

	/* Also with WIRE_VERSION: the answer needs them. */
	assert_int_equal(ike_hdr_decode(s, &h), WIRE_VERSION);
	assert_true(h.spi_i == 0x0102030405060708 && h.spi_r == 0x1112131415161718);
	assert_int_equal(h.next, P_N);
	assert_int_equal(h.major, 3);
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.exchange, IKE_SA_INIT);
	assert_int_equal(h.flags, IKE_F_RESPONSE | IKE_F_INITIATOR);
	assert_int_equal(h.msg_id, 0x8000000a);
	assert_int_equal(h.length, 28);
	wire_free(s);
}

struct chain_row {
	const char *what;
	uint8_t first;
	const char *hex;
	enum wire_err err;
	uint8_t n;
	uint8_t info; /* sk_next, or unknown_critical with WIRE_CRITICAL */
};

static const struct chain_row chains[] = {
	{"none", P_NONE, "", WIRE_OK, 0, 0},
	{"none, octets behind", P_NONE, "00", WIRE_SYNTAX, 0, 0},
	{"announced, absent", P_V, "", WIRE_SHORT, 0, 0},
	{"one, empty body", P_V, "00000004", WIRE_OK, 1, 0},
	{"header cut", P_V, "000000", WIRE_SHORT, 0, 0},
	{"length 0", P_V, "00000000", WIRE_SHORT, 0, 0},
	{"length 3", P_V, "00000003", WIRE_SHORT, 0, 0},
	{"length beyond", P_V, "00000006 aa", WIRE_SHORT, 0, 0},
	{"length 65535", P_V, "0000ffff aa", WIRE_SHORT, 0, 0},
	{"octets behind the last", P_V, "00000005 aa bb", WIRE_SYNTAX, 0, 0},
	{"two", P_V, "2b000005 aa 00000004", WIRE_OK, 2, 0},
	{"second announced, absent", P_V, "2b000005 aa", WIRE_SHORT, 0, 0},
	{"critical on a known type", P_V, "00800004", WIRE_OK, 1, 0},
	{"reserved bits", P_V, "007f0004", WIRE_OK, 1, 0},
	{"unknown, skipped", 200, "2b7f0005 aa 00000004", WIRE_OK, 1, 0},
	{"unknown, with a length that lies", 200, "2b000009 aa 00000004", WIRE_SHORT, 0, 0},
	{"unknown and critical", 200, "2b800005 aa 00000004", WIRE_CRITICAL, 0, 200},
	{"IKEv1 type, skipped", 1, "00000004", WIRE_OK, 0, 0},
	{"IKEv1 type and critical", 13, "00800004", WIRE_CRITICAL, 0, 13},
	{"49 is unknown", 49, "00800004", WIRE_CRITICAL, 0, 49},
	{"32 is unknown", 32, "00800004", WIRE_CRITICAL, 0, 32},
	{"GSPM is unknown", 52, "00800004", WIRE_CRITICAL, 0, 52},
	{"SK", P_SK, "23000006 aabb", WIRE_OK, 1, P_IDI},
	{"SK, its next does not chain", P_SK, "23000006 aabb 00000004", WIRE_SYNTAX, 0, 0},
	{"two SK", P_SK, "2e000005 aa 2e000005 aa", WIRE_SYNTAX, 0, 0},
	{"SK behind N", P_N, "2e00000800004001 29000004", WIRE_OK, 2, P_N},
	{"SKF", P_SKF, "23000006 aabb", WIRE_OK, 1, P_IDI},
	{"SKF, octets behind", P_SKF, "23000006 aabb cc", WIRE_SYNTAX, 0, 0},
	{"EAP", P_EAP, "00800004", WIRE_OK, 1, 0},
};

static void test_chain(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		const struct chain_row *row = &chains[i];
		struct span s = wire_hex(row->hex);
		struct ike_payloads p;
		memset(&p, 0xee, sizeof p);
		enum wire_err err = ike_payloads_decode(row->first, s, &p);
		if (err != row->err)
			fail_msg("%s: %s", row->what, wire_err_name(err));
		if (!err && (p.n != row->n || p.sk_next != row->info))
			fail_msg("%s: %u payloads, %u", row->what, p.n, p.sk_next);
		if (p.unknown_critical != (err == WIRE_CRITICAL ? row->info : 0))
			fail_msg("%s: critical %u", row->what, p.unknown_critical);
		wire_free(s);
	}
}

/* n payloads of one type, then one of another. */
static enum wire_err many(uint8_t type, size_t n, uint8_t last, struct ike_payloads *out)
{
	size_t size = 4 * (n + 1);
	uint8_t *p = malloc(size);
	struct wr w = wr_init(p, size);

	for (size_t i = 0; i <= n; i++) {
		wr_u8(&w, i + 1 < n ? type : i + 1 == n ? last : P_NONE);
		wr_u8(&w, 0);
		wr_u16(&w, 4);
	}
	enum wire_err err = ike_payloads_decode(n ? type : last, SPAN(p, size), out);
	free(p);
	return err;
}

static void test_caps(void **state)
{
	(void)state;
	struct ike_payloads p;

	assert_int_equal(many(P_V, IKE_PAYLOADS_MAX - 1, P_SK, &p), WIRE_OK);
	assert_int_equal(p.n, IKE_PAYLOADS_MAX);
	assert_int_equal(many(P_V, IKE_PAYLOADS_MAX, P_SK, &p), WIRE_TOO_MANY);
	assert_int_equal(many(P_V, IKE_PAYLOADS_MAX + 1, P_SK, &p), WIRE_TOO_MANY);
	assert_int_equal(many(P_N, IKE_NOTIFIES_MAX, P_V, &p), WIRE_OK);
	assert_int_equal(many(P_N, IKE_NOTIFIES_MAX + 1, P_V, &p), WIRE_TOO_MANY);
	/* Unknown ones in front of SK: as many as a message holds, and they leave no trace. */
	static const size_t counts[] = {0, 63, 64, 65, 300, 16000};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		assert_int_equal(many(200, counts[i], P_SK, &p), WIRE_OK);
		assert_int_equal(p.n, 1);
		assert_int_equal(many(200, counts[i], P_SKF, &p), WIRE_OK);
		assert_int_equal(p.v[0].type, P_SKF);
	}
}

/* RFC 7296 2.5: every type, critical or not. */
static void test_all_types(void **state)
{
	(void)state;
	for (unsigned type = 1; type < 256; type++) {
		bool known = (type >= 33 && type <= 48) || type == 53;
		struct span plain = wire_hex("00000005aa"), critical = wire_hex("00800005aa");
		struct ike_payloads p;
		assert_int_equal(ike_payloads_decode((uint8_t)type, plain, &p), WIRE_OK);
		assert_int_equal(p.n, known);
		assert_int_equal(ike_payloads_decode((uint8_t)type, critical, &p), known ? WIRE_OK : WIRE_CRITICAL);
		if (known) {
			assert_true(p.v[0].critical);
			assert_int_equal(p.v[0].type, type);
			assert_int_equal(p.v[0].body.n, 1);
			assert_int_equal(p.v[0].body.p[0], 0xaa);
		}
		wire_free(plain);
		wire_free(critical);
	}
}

static void test_find(void **state)
{
	(void)state;
	struct span s = wire_hex("2b000005aa 28000005bb 00000005cc");
	struct ike_payloads p;

	memset(&p, P_SA, sizeof p); /* what lies behind the last one is not looked at */
	assert_int_equal(ike_payloads_decode(P_V, s, &p), WIRE_OK);
	assert_int_equal(ike_payload_find(&p, P_V)->body.p[0], 0xaa);
	assert_int_equal(ike_payload_find(&p, P_NONCE)->body.p[0], 0xcc);
	assert_null(ike_payload_find(&p, P_SA));
	wire_free(s);
}

static void test_udp(void **state)
{
	(void)state;
	static const struct { const char *hex; enum udp_kind kind; size_t ike; } rows[] = {
		{"", UDP_JUNK, 0},
		{"ff", UDP_KEEPALIVE, 0},
		{"00", UDP_JUNK, 0},
		{"fe", UDP_JUNK, 0},
		{"ffff", UDP_JUNK, 0},
		{"000000", UDP_JUNK, 0},
		{"00000000", UDP_IKE, 0},
		{"00000000 01020304 05", UDP_IKE, 5},
		{"00000001", UDP_JUNK, 0},
		{"01000000 000000", UDP_JUNK, 0},
		{"01000000 00000001", UDP_ESP, 0},
		{"ffffffff ffffffff ff", UDP_ESP, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span s = wire_hex(rows[i].hex), ike;
		enum udp_kind kind = udp_encap_classify(s, &ike);
		if (kind != rows[i].kind || ike.n != rows[i].ike)
			fail_msg("%s: %d, %zu", rows[i].hex, kind, ike.n);
		if (ike.n)
			assert_int_equal(ike.p[0], 1);
		wire_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header), cmocka_unit_test(test_header_fields), cmocka_unit_test(test_chain),
		cmocka_unit_test(test_caps),   cmocka_unit_test(test_all_types),     cmocka_unit_test(test_find),
		cmocka_unit_test(test_udp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
