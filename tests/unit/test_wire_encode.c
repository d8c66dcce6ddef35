/* The encoder: octets as RFC 7296 draws them, SK and SKF bookkeeping, everything that it must refuse, and every
 * buffer that is too small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <stdlib.h>
#include <string.h>

static const struct ike_hdr header = {.spi_i = 0x0102030405060708, .spi_r = 0x1112131415161718, .next = 77,
                                      .major = 2, .exchange = IKE_AUTH, .flags = IKE_F_INITIATOR,
                                      .msg_id = 1, .length = 99};

static const uint8_t octets[300] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

static struct proposals esp_offer(void)
{
	struct proposals p = {.n = 1};

	p.p[0] = (struct proposal){.proto = PROTO_ESP, .spi_len = 4, .spi = 0xc0ffee01, .n = 3,
	                           .t = {{T_ENCR, ENCR_AES_CBC, 256}, {T_INTEG, AUTH_HMAC_SHA2_256_128, 0},
	                                 {T_ESN, ESN_NO, 0}}};
	return p;
}

static struct ike_ts_list gre(void)
{
	struct ike_ts_list l = {.n = 1};

	l.v[0] = (struct ike_ts){.proto = 47, .port_hi = 65535};
	assert_true(addr_parse("10.0.0.1", &l.v[0].lo));
	l.v[0].hi = l.v[0].lo;
	return l;
}

static void assert_octets(const struct wr *w, const char *hex)
{
	struct span want = wire_hex(hex);

	assert_true(wr_ok(w));
	assert_int_equal(w->len, want.n);
	assert_memory_equal(w->base, want.p, want.n);
	wire_free(want);
}

/* The octets of one payload of each kind, chained. */
static void test_octets(void **state)
{
	(void)state;
	uint8_t room[1000];
	struct wr w = wr_init(room, sizeof room);
	struct ike_enc e;
	struct proposals sa = esp_offer();
	struct ike_ts_list ts = gre();
	struct ident id = {.type = ID_FQDN, .len = 2, .data = "gw"};
	static const uint32_t spis[] = {0xc0ffee01, 0xc0ffee02};

	ike_enc_begin(&e, &w, &header);
	ike_enc_sa(&e, &sa);
	ike_enc_ke(&e, 31, SPAN(octets, 3));
	ike_enc_nonce(&e, SPAN(octets, 16));
	ike_enc_id(&e, P_IDI, &id);
	ike_enc_id(&e, P_IDR, &id);
	ike_enc_auth(&e, AUTH_METHOD_PSK, SPAN(octets, 2));
	ike_enc_notify(&e, PROTO_ESP, SPAN(octets, 4), N_REKEY_SA, SPAN(NULL, 0));
	ike_enc_notify(&e, PROTO_ESP, SPAN(NULL, 0), N_COOKIE, SPAN(octets, 2));
	ike_enc_delete_ike(&e);
	ike_enc_delete_esp(&e, spis, 2);
	ike_enc_ts(&e, P_TSI, &ts);
	ike_enc_ts(&e, P_TSR, &ts);
	ike_enc_finish(&e);
	assert_octets(&w, "0102030405060708 1112131415161718 21 20 23 08 00000001 000000e3"
	                  "2200002c 00000028 01030403 c0ffee01"
	                  "0300000c 0100000c 800e0100 03000008 0300000c 00000008 05000000"
	                  "2800000b 001f0000 010203"
	                  "23000014 0102030405060708090a0b0c0d0e0f10"
	                  "2400000a 02000000 6777"
	                  "2700000a 02000000 6777"
	                  "2900000a 02000000 0102"
	                  "2900000c 03044009 01020304"
	                  "2a00000a 00004006 0102"
	                  "2a000008 01000000"
	                  "2c000010 03040002 c0ffee01 c0ffee02"
	                  "2d000018 01000000 072f0010 0000ffff 0a000001 0a000001"
	                  "00000018 01000000 072f0010 0000ffff 0a000001 0a000001");
}

static void test_empty(void **state)
{
	(void)state;
	uint8_t room[28];
	struct wr w = wr_init(room, sizeof room);
	struct ike_enc e;

	ike_enc_begin(&e, &w, &header);
	ike_enc_finish(&e);
	assert_octets(&w, "0102030405060708 1112131415161718 00 20 23 08 00000001 0000001c");
}

static void test_proposals(void **state)
{
	(void)state;
	uint8_t room[1000];
	struct wr w = wr_init(room, sizeof room);
	struct ike_enc e;
	struct proposals p = esp_offer();

	/* Number 0 means "count for me"; the SPI of ESP is the low 32 bits; 8 octets for IKE. */
	p.n = 3;
	p.p[1] = p.p[0];
	p.p[1].n = 1;
	p.p[1].spi = 0xffffffffc0ffee02;
	p.p[2] = (struct proposal){.number = 9, .proto = PROTO_IKE, .spi_len = 8, .spi = 0xa1a2a3a4a5a6a7a8, .n = 1,
	                           .t = {{T_DH, DH_CURVE25519, 0}}};
	ike_enc_begin(&e, &w, &header);
	ike_enc_sa(&e, &p);
	ike_enc_finish(&e);
	assert_octets(&w, "0102030405060708 1112131415161718 21 20 23 08 00000001 00000078"
	                  "0000005c"
	                  "02000028 01030403 c0ffee01 0300000c 0100000c 800e0100 03000008 0300000c 00000008 05000000"
	                  "02000018 02030401 c0ffee02 0000000c 0100000c 800e0100"
	                  "00000018 09010801 a1a2a3a4a5a6a7a8 00000008 0400001f");
}

/* An SK payload behind the non-ESP marker, for each amount of data and several ciphers' shapes. */
static void check_sk(size_t data, size_t iv, size_t block, size_t icv)
{
	uint8_t room[1000];
	struct wr w = wr_init(room, sizeof room);
	struct ike_enc e;
	size_t aad, len;
	uint8_t first;

	wr_u32(&w, 0);
	ike_enc_begin(&e, &w, &header);
	ike_enc_sk_begin(&e, iv);
	ike_enc_notify(&e, 0, SPAN(NULL, 0), N_COOKIE, SPAN(octets, data));
	struct span inner = ike_enc_inner(&e, &first);
	assert_int_equal(first, P_N);
	assert_int_equal(inner.n, 8 + data);
	ike_enc_sk_end(&e, block, icv, &aad, &len);
	assert_true(wr_ok(&w));
	assert_int_equal(aad, 28 + 4);
	assert_int_equal(len % (block ? block : 1), 0);
	assert_true(len > 8 + data && len <= 8 + data + (block ? block : 1));
	assert_int_equal(w.len, 4 + aad + iv + len + icv);

	struct ike_hdr h;
	struct ike_payloads p;
	struct span msg = wire_copy(SPAN(room, w.len)), ike;
	assert_int_equal(udp_encap_classify(msg, &ike), UDP_IKE);
	assert_int_equal(ike_hdr_decode(ike, &h), WIRE_OK);
	assert_int_equal(h.next, P_SK);
	struct rd r = rd_init(ike.p, ike.n);
	rd_skip(&r, IKE_HDR_LEN);
	size_t n = rd_left(&r);
	assert_int_equal(ike_payloads_decode(h.next, SPAN(rd_take(&r, n), n), &p), WIRE_OK);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.sk_next, P_N);
	assert_int_equal(p.v[0].body.n, iv + len + icv);

	struct ike_payloads in;
	size_t plain;
	r = rd_init(p.v[0].body.p, p.v[0].body.n);
	rd_skip(&r, iv);
	const uint8_t *text = rd_take(&r, len);
	assert_int_equal(ike_sk_unpad(text, len, &plain), WIRE_OK);
	assert_int_equal(plain, 8 + data);
	assert_int_equal(ike_payloads_decode(p.sk_next, SPAN(text, plain), &in), WIRE_OK);
	assert_int_equal(in.v[0].body.n, 4 + data);
	wire_free(msg);
}

static void test_sk(void **state)
{
	(void)state;
	for (size_t data = 0; data < 40; data++) {
		check_sk(data, 16, 16, 16);
		check_sk(data, 8, 1, 16);
		check_sk(data, 8, 0, 12);
		check_sk(data, 0, 256, 0);
	}
}

static void test_sk_empty(void **state)
{
	(void)state;
	uint8_t room[100];
	struct wr w = wr_init(room, sizeof room);
	struct ike_enc e;
	size_t aad, len;
	uint8_t first;

	ike_enc_begin(&e, &w, &header);
	struct span inner = ike_enc_inner(&e, &first);
	assert_int_equal(inner.n, 0);
	assert_int_equal(first, P_NONE);
	ike_enc_notify(&e, 0, SPAN(NULL, 0), N_COOKIE, SPAN(NULL, 0));
	ike_enc_sk_begin(&e, 8);
	inner = ike_enc_inner(&e, &first);
	assert_int_equal(inner.n, 0);
	ike_enc_sk_end(&e, 4, 2, &aad, &len);
	assert_int_equal(aad, 28 + 8 + 4);
	assert_int_equal(len, 4);
	assert_octets(&w, "0102030405060708 1112131415161718 29 20 23 08 00000001 00000036"
	                  "2e000008 00004006"
	                  "00000012 0000000000000000 00000003 0000");
}

/* A message cut into fragments, and what their plaintext gives when it is put together (RFC 7383 2.5, 2.6). */
static void test_fragments(void **state)
{
	(void)state;
	uint8_t whole[1000], room[200], joined[1000];
	struct wr w = wr_init(whole, sizeof whole), all = wr_init(joined, sizeof joined);
	struct ike_enc e;
	uint8_t first;

	ike_enc_begin(&e, &w, &header);
	ike_enc_sk_begin(&e, 16);
	ike_enc_auth(&e, AUTH_METHOD_PSK, SPAN(octets, 200));
	ike_enc_notify(&e, 0, SPAN(NULL, 0), N_USE_TRANSPORT_MODE, SPAN(NULL, 0));
	struct span inner = ike_enc_inner(&e, &first);
	struct rd r = rd_init(inner.p, inner.n);
	assert_int_equal(first, P_AUTH);
	assert_int_equal(inner.n, 216);
	for (uint16_t i = 1; i <= 3; i++) {
		struct wr f = wr_init(room, sizeof room);
		struct ike_enc fe;
		struct ike_hdr h;
		struct ike_payloads p;
		struct ike_skf skf;
		size_t aad, len, plain, n = min_z(100, rd_left(&r));
		ike_enc_begin(&fe, &f, &header);
		ike_enc_skf_begin(&fe, i == 1 ? first : P_NONE, i, 3, 16);
		ike_enc_octets(&fe, SPAN(rd_take(&r, n), n));
		ike_enc_sk_end(&fe, 16, 16, &aad, &len);
		assert_true(wr_ok(&f));
		assert_int_equal(aad, 28 + 8);
		assert_int_equal(f.len, aad + 16 + len + 16);
		assert_int_equal(ike_hdr_decode(SPAN(room, f.len), &h), WIRE_OK);
		assert_int_equal(h.next, P_SKF);
		struct rd m = rd_init(room, f.len);
		rd_skip(&m, IKE_HDR_LEN);
		size_t left = rd_left(&m);
		assert_int_equal(ike_payloads_decode(h.next, SPAN(rd_take(&m, left), left), &p), WIRE_OK);
		assert_int_equal(p.sk_next, i == 1 ? P_AUTH : P_NONE);
		assert_int_equal(ike_skf_decode(p.v[0].body, &skf), WIRE_OK);
		assert_true(skf.number == i && skf.total == 3);
		m = rd_init(room, f.len);
		rd_skip(&m, aad + 16);
		const uint8_t *text = rd_take(&m, len);
		assert_int_equal(ike_sk_unpad(text, len, &plain), WIRE_OK);
		wr_bytes(&all, text, plain);
	}
	struct ike_payloads in;
	assert_int_equal(all.len, inner.n);
	assert_int_equal(ike_payloads_decode(first, SPAN(joined, all.len), &in), WIRE_OK);
	assert_int_equal(in.n, 2);
	assert_int_equal(in.v[0].body.n, 204);
}

/* What may not be sent: the writer fails and stays failed. */
enum bad {
	BAD_MAJOR, BAD_MINOR, BAD_NO_PROPOSAL, BAD_PROPOSALS, BAD_NO_TRANSFORM, BAD_TRANSFORMS, BAD_SPI_LEN,
	BAD_ESP_SPI,
	BAD_IKE_SPI, BAD_KE, BAD_NONCE_SHORT, BAD_NONCE_LONG, BAD_ID_ANY, BAD_ID_SUBNET, BAD_ID_SUBNET6, BAD_ID_LEN,
	BAD_AUTH,
	BAD_SPI_256, BAD_NO_TS, BAD_TS_MANY, BAD_TS_FAMILY, BAD_TS_NONE, BAD_FRAGMENT_0, BAD_FRAGMENT_OF, BAD_LONG,
	BAD_TOTAL,
	BAD_PAD, BAD_N
};

static void encode_bad_sa(struct ike_enc *e, enum bad bad)
{
	struct proposals p = esp_offer();

	switch (bad) {
	case BAD_NO_PROPOSAL: p.n = 0; break;
	case BAD_PROPOSALS: p.n = PROPOSALS_MAX + 1; break;
	case BAD_NO_TRANSFORM: p.p[0].n = 0; break;
	case BAD_TRANSFORMS: p.p[0].n = TRANSFORMS_MAX + 1; break;
	case BAD_SPI_LEN: p.p[0].spi_len = 5; break;
	case BAD_ESP_SPI: p.p[0].spi = 0x100000000; break;
	default: p.p[0].spi_len = 8; p.p[0].spi = 0; break;
	}
	ike_enc_sa(e, &p);
}

static void encode_bad_id(struct ike_enc *e, enum bad bad)
{
	struct ident id = {.type = ID_FQDN, .len = 2};

	if (bad == BAD_ID_LEN)
		id.len = 253;
	else
		id.type = bad == BAD_ID_ANY ? ID_ANY : bad == BAD_ID_SUBNET ? ID_IPV4_ADDR_SUBNET : ID_IPV6_ADDR_SUBNET;
	ike_enc_id(e, P_IDI, &id);
}

static void encode_bad_ts(struct ike_enc *e, enum bad bad)
{
	struct ike_ts_list ts = gre();

	if (bad == BAD_NO_TS)
		ts.n = 0;
	else if (bad == BAD_TS_MANY)
		ts.n = IKE_TS_MAX + 1;
	else if (bad == BAD_TS_FAMILY)
		ts.v[0].hi.family = AF_V6;
	else
		ts.v[0].hi.family = ts.v[0].lo.family = AF_NONE;
	ike_enc_ts(e, P_TSI, &ts);
}

static void encode_bad_length(struct ike_enc *e, enum bad bad)
{
	static uint8_t big[70000];
	size_t aad, len;

	if (bad == BAD_PAD) {
		ike_enc_sk_begin(e, 16);
		ike_enc_sk_end(e, 1000, 16, &aad, &len);
		assert_true(aad == 0 && len == 0);
		return;
	}
	ike_enc_notify(e, 0, SPAN(NULL, 0), N_COOKIE, SPAN(big, bad == BAD_LONG ? 65528 : 32768));
	if (bad == BAD_TOTAL)
		ike_enc_notify(e, 0, SPAN(NULL, 0), N_COOKIE, SPAN(big, 32768));
}

static void encode_bad(struct ike_enc *e, enum bad bad)
{
	static const uint8_t zeros[300];

	switch (bad) {
	case BAD_MAJOR:
	case BAD_MINOR: break;
	case BAD_KE: ike_enc_ke(e, 31, SPAN(NULL, 0)); break;
	case BAD_NONCE_SHORT: ike_enc_nonce(e, SPAN(zeros, 15)); break;
	case BAD_NONCE_LONG: ike_enc_nonce(e, SPAN(zeros, 257)); break;
	case BAD_ID_ANY:
	case BAD_ID_SUBNET:
	case BAD_ID_SUBNET6:
	case BAD_ID_LEN: encode_bad_id(e, bad); break;
	case BAD_AUTH: ike_enc_auth(e, AUTH_METHOD_PSK, SPAN(NULL, 0)); break;
	case BAD_SPI_256: ike_enc_notify(e, PROTO_ESP, SPAN(zeros, 256), N_REKEY_SA, SPAN(NULL, 0)); break;
	case BAD_NO_TS:
	case BAD_TS_MANY:
	case BAD_TS_FAMILY:
	case BAD_TS_NONE: encode_bad_ts(e, bad); break;
	case BAD_FRAGMENT_0: ike_enc_skf_begin(e, P_NONE, 0, 3, 16); break;
	case BAD_FRAGMENT_OF: ike_enc_skf_begin(e, P_NONE, 4, 3, 16); break;
	case BAD_LONG:
	case BAD_TOTAL:
	case BAD_PAD: encode_bad_length(e, bad); break;
	default: encode_bad_sa(e, bad); break;
	}
}

static void test_refused(void **state)
{
	(void)state;
	static uint8_t room[140000];

	for (unsigned bad = 0; bad < BAD_N; bad++) {
		struct wr w = wr_init(room, sizeof room);
		struct ike_hdr h = header;
		struct ike_enc e;
		h.major = bad == BAD_MAJOR ? 16 : 2;
		h.minor = bad == BAD_MINOR ? 16 : 0;
		ike_enc_begin(&e, &w, &h);
		encode_bad(&e, (enum bad)bad);
		ike_enc_finish(&e);
		if (wr_ok(&w))
			fail_msg("%u was encoded", bad);
		uint8_t first = 1;
		assert_int_equal(ike_enc_inner(&e, &first).n, 0);
		assert_int_equal(first, P_NONE);
	}
}

/* The longest notify that fits a message, and one octet more. */
static void test_limits(void **state)
{
	(void)state;
	static uint8_t room[140000], big[70000];

	for (size_t more = 0; more < 2; more++) {
		struct wr w = wr_init(room, sizeof room);
		struct ike_enc e;
		ike_enc_begin(&e, &w, &header);
		ike_enc_notify(&e, 0, SPAN(NULL, 0), N_COOKIE, SPAN(big, IKE_MSG_MAX - 28 - 8 + more));
		ike_enc_finish(&e);
		assert_int_equal(wr_ok(&w), more == 0);
	}
	struct wr w = wr_init(room, sizeof room);
	struct ike_hdr h = header;
	struct proposals sa = {.n = PROPOSALS_MAX};
	struct ike_ts_list ts = {.n = IKE_TS_MAX};
	struct ident id = {.type = ID_KEY_ID, .len = IDENT_MAX};
	struct ike_enc e;
	for (unsigned i = 0; i < PROPOSALS_MAX; i++) {
		sa.p[i] = esp_offer().p[0];
		sa.p[i].n = TRANSFORMS_MAX;
	}
	for (unsigned i = 0; i < IKE_TS_MAX; i++)
		ts.v[i] = gre().v[0];
	h.major = h.minor = 15;
	ike_enc_begin(&e, &w, &h);
	ike_enc_sa(&e, &sa);
	ike_enc_ts(&e, P_TSI, &ts);
	ike_enc_id(&e, P_IDI, &id);
	ike_enc_notify(&e, PROTO_ESP, SPAN(big, 255), N_REKEY_SA, SPAN(NULL, 0));
	ike_enc_nonce(&e, SPAN(big, 16));
	ike_enc_nonce(&e, SPAN(big, 256));
	ike_enc_finish(&e);
	assert_true(wr_ok(&w));
}

static bool encode_all(struct wr *w)
{
	struct ike_enc e;
	struct proposals sa = esp_offer();
	struct ike_ts_list ts = gre();
	struct ident id = {.type = ID_FQDN, .len = 2};
	static const uint32_t spis[] = {1, 2};
	size_t aad, len;

	ike_enc_begin(&e, w, &header);
	ike_enc_ke(&e, 31, SPAN(octets, 32));
	ike_enc_sk_begin(&e, 16);
	ike_enc_id(&e, P_IDI, &id);
	ike_enc_auth(&e, AUTH_METHOD_PSK, SPAN(octets, 32));
	ike_enc_sa(&e, &sa);
	ike_enc_nonce(&e, SPAN(octets, 32));
	ike_enc_ts(&e, P_TSI, &ts);
	ike_enc_ts(&e, P_TSR, &ts);
	ike_enc_notify(&e, PROTO_ESP, SPAN(octets, 4), N_REKEY_SA, SPAN(octets, 3));
	ike_enc_delete_ike(&e);
	ike_enc_delete_esp(&e, spis, 2);
	ike_enc_sk_end(&e, 16, 16, &aad, &len);
	return wr_ok(w);
}

/* Every room that is too small, as a block of exactly that size: refused, and nothing behind it touched. */
static void test_small_rooms(void **state)
{
	(void)state;
	uint8_t room[1000];
	struct wr w = wr_init(room, sizeof room);

	assert_true(encode_all(&w));
	for (size_t cap = 0; cap <= w.len; cap++) {
		uint8_t *p = malloc(cap);
		struct wr small = wr_init(p, cap);
		assert_int_equal(encode_all(&small), cap == w.len);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets),    cmocka_unit_test(test_empty),   cmocka_unit_test(test_proposals),
		cmocka_unit_test(test_sk),        cmocka_unit_test(test_sk_empty), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_limits),  cmocka_unit_test(test_small_rooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
