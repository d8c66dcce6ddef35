/* SA payloads: each way to be malformed, and what is left of proposals that we cannot use in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <stdlib.h>
#include <string.h>

/* Transforms; m: "03" more follow, "00" last. */
#define AES256(m) m "00000c 0100000c 800e0100"
#define AES128(m) m "00000c 0100000c 800e0080"
#define CAMELLIA(m) m "000008 01000017"
#define PRF256(m) m "000008 02000005"
#define INTEG256(m) m "000008 0300000c"
#define GROUP14(m) m "000008 0400000e"
#define NOESN(m) m "000008 05000000"
#define IKE3 AES256("03") PRF256("03") GROUP14("00")              /* 28 octets */
#define ESP3 AES256("03") INTEG256("03") NOESN("00")              /* 28 octets */

struct row {
	const char *what, *hex;
	enum wire_err err;
	const char *text; /* as sb_wire_payload prints the proposals */
};

static const struct row rows[] = {
	{"IKE", "00000024 01010003" IKE3, WIRE_OK, " #1 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"ESP", "00000028 01030403 c0ffee01" ESP3, WIRE_OK, " #1 proto=3 spi=c0ffee01: 1:12/256 3:12 5:0"},
	{"AH", "0000001c 01020402 c0ffee01" INTEG256("03") NOESN("00"), WIRE_OK, " #1 proto=2 spi=c0ffee01: 3:12 5:0"},
	{"IKE rekey", "0000002c 01010803 a1a2a3a4a5a6a7a8" IKE3, WIRE_OK,
	 " #1 proto=1 spi=a1a2a3a4a5a6a7a8: 1:12/256 2:5 4:14"},
	{"reserved octets", "00ff0024 01010003" "03ff000c 01ff000c 800e0100" PRF256("03") GROUP14("00"), WIRE_OK,
	 " #1 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"two", "02000024 01010003" IKE3 "00000024 02010003" IKE3, WIRE_OK,
	 " #1 proto=1 spi=0: 1:12/256 2:5 4:14 #2 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"an answer has any number", "00000024 ff010003" IKE3, WIRE_OK, " #255 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"a gap", "02000024 01010003" IKE3 "00000024 05010003" IKE3, WIRE_OK,
	 " #1 proto=1 spi=0: 1:12/256 2:5 4:14 #5 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"number 0", "00000024 00010003" IKE3, WIRE_SYNTAX, NULL},
	{"number twice", "02000024 01010003" IKE3 "00000024 01010003" IKE3, WIRE_SYNTAX, NULL},
	{"number downwards", "02000024 02010003" IKE3 "00000024 01010003" IKE3, WIRE_SYNTAX, NULL},

	{"no proposal", "", WIRE_SHORT, NULL},
	{"head cut", "000000", WIRE_SHORT, NULL},
	{"length below 4", "00000003", WIRE_SHORT, NULL},
	{"length below the fields", "00000007 010100", WIRE_SHORT, NULL},
	{"length beyond", "00000025 01010003" IKE3, WIRE_SHORT, NULL},
	{"no transform", "00000008 01010000", WIRE_OK, ""},
	{"count says more", "00000024 01010004" IKE3, WIRE_SHORT, NULL},
	{"count says fewer", "00000024 01010002" AES256("03") PRF256("00") GROUP14("00"), WIRE_SYNTAX, NULL},
	{"count says none", "00000024 01010000" IKE3, WIRE_SYNTAX, NULL},
	{"says more, is last", "02000024 01010003" IKE3, WIRE_SYNTAX, NULL},
	{"says last, more follow", "00000024 01010003" IKE3 "00000024 02010003" IKE3, WIRE_SYNTAX, NULL},
	{"3 for a proposal", "03000024 01010003" IKE3 "00000024 02010003" IKE3, WIRE_SYNTAX, NULL},
	{"transform says last, more follow",
	 "00000024 01010003" AES256("00") PRF256("03") GROUP14("00"), WIRE_SYNTAX, NULL},
	{"transform says more, is last",
	 "00000024 01010003" AES256("03") PRF256("03") GROUP14("03"), WIRE_SYNTAX, NULL},
	{"2 for a transform", "00000024 01010003" AES256("02") PRF256("03") GROUP14("00"), WIRE_SYNTAX, NULL},

	{"IKE with 4 octets of SPI", "00000028 01010403 c0ffee01" IKE3, WIRE_SYNTAX, NULL},
	{"ESP without SPI", "00000024 01030003" ESP3, WIRE_SYNTAX, NULL},
	{"ESP with 8 octets of SPI", "0000002c 01030803 c0ffee01c0ffee01" ESP3, WIRE_SYNTAX, NULL},
	{"AH with 255 octets of SPI", "00000024 0102ff03" ESP3, WIRE_SYNTAX, NULL},
	{"ESP SPI zero", "00000028 01030403 00000000" ESP3, WIRE_SYNTAX, NULL},
	{"IKE SPI zero", "0000002c 01010803 0000000000000000" IKE3, WIRE_SYNTAX, NULL},
	{"SPI beyond", "0000000a 01030401 c0ff", WIRE_SHORT, NULL},
	{"SPI beyond, no transform", "0000000a 01030400 c0ff", WIRE_SHORT, NULL},
	{"protocol 0", "00000024 01000003" IKE3, WIRE_OK, ""},
	{"protocol 4, SPI of 2", "00000026 01040203 0000" IKE3, WIRE_OK, ""},
	{"protocol 4, SPI beyond", "0000000a 01040401 0000", WIRE_SHORT, NULL},

	{"transform length 3", "00000010 01010001 00000003 02000005", WIRE_SHORT, NULL},
	{"transform length 7", "0000000f 01010001 00000007 020000", WIRE_SHORT, NULL},
	{"transform length beyond", "00000010 01010001 00000009 02000005", WIRE_SHORT, NULL},
	{"attribute cut", "00000012 01010001 0000000a 0100000c 800e", WIRE_SHORT, NULL},
	{"attribute of one octet", "00000011 01010001 00000009 0100000c 80", WIRE_SHORT, NULL},
	{"TLV beyond", "00000015 01010001 0000000d 0100000c 00630002 00", WIRE_SHORT, NULL},
	{"key length as TLV", "00000016 01010001 0000000e 0100000c 000e0002 0100", WIRE_SYNTAX, NULL},

	/* What we cannot use goes; what it was the only one of its type takes the proposal along. */
	{"unknown TV attribute on one of two",
	 "00000034 01010004 03000010 0100000c 800e0100 80630001" AES128("03") PRF256("03") GROUP14("00"), WIRE_OK,
	 " #1 proto=1 spi=0: 1:12/128 2:5 4:14"},
	{"unknown TLV attribute on one of two",
	 "00000036 01010004 03000012 0100000c 00630002 0001 800e0100" AES128("03") PRF256("03") GROUP14("00"), WIRE_OK,
	 " #1 proto=1 spi=0: 1:12/128 2:5 4:14"},
	{"empty TLV attribute on the only one",
	 "00000028 01010003 03000010 0100000c 800e0100 00630000" PRF256("03") GROUP14("00"),
	 WIRE_OK, ""},
	{"unknown attribute on the only group",
	 "00000028 01010003" AES256("03") PRF256("03") "0000000c 0400000e 80630001",
	 WIRE_OK, ""},
	{"unknown attribute on the only INTEG",
	 "0000002c 01030403 c0ffee01" AES256("03") "0300000c 0300000c 80630001" NOESN("00"),
	 WIRE_OK, ""},
	{"key length twice",
	 "00000028 01010003 03000010 0100000c 800e0100 800e0080" PRF256("03") GROUP14("00"), WIRE_OK, ""},
	{"key length 0 is not an absent one", "00000024 01010003 0300000c 0100000c 800e0000" PRF256("03") GROUP14("00"),
	 WIRE_OK, ""},
	{"transform type 6",
	 "0000002c 01010004" AES256("03") PRF256("03") GROUP14("03") "00000008 06000023", WIRE_OK, ""},
	{"transform type 0",
	 "0000002c 01010004" AES256("03") PRF256("03") GROUP14("03") "00000008 00000001", WIRE_OK, ""},
	{"transform type 241",
	 "0000002c 01010004" AES256("03") PRF256("03") GROUP14("03") "00000008 f1000001", WIRE_OK, ""},
	{"the next proposal is good", "0200002c 01010004" AES256("03") PRF256("03") GROUP14("03") "00000008 06000023"
	 "00000024 02010003" IKE3, WIRE_OK, " #2 proto=1 spi=0: 1:12/256 2:5 4:14"},
	{"an algorithm that we do not have is kept",
	 "00000028 01010004" CAMELLIA("03") CAMELLIA("03") PRF256("03") GROUP14("00"),
	 WIRE_OK, " #1 proto=1 spi=0: 1:23 1:23 2:5 4:14"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ike_payload p = {.type = P_SA, .body = wire_hex(rows[i].hex)};
		struct proposals sa;
		char text[1000], want[1000];
		struct sbuf b = SB(text), w = SB(want);
		enum wire_err err = ike_sa_decode(p.body, &sa);
		if (err != rows[i].err)
			fail_msg("%s: %s", rows[i].what, wire_err_name(err));
		if (!err) {
			sb_wire_payload(&b, &p);
			sb_printf(&w, "  33%s\n", rows[i].text);
			if (strcmp(text, want) != 0)
				fail_msg("%s: %s", rows[i].what, text);
			assert_true(wire_again(&p));
		}
		wire_free(p.body);
	}
}

/* Builds one IKE proposal out of n transforms that pick() gives. */
static void build(struct wr *w, uint8_t number, bool last, unsigned n, struct transform (*pick)(unsigned i))
{
	size_t at = w->len;

	wr_u8(w, last ? 0 : 2);
	wr_u24(w, 0);
	wr_u8(w, number);
	wr_u8(w, PROTO_IKE);
	wr_u8(w, 0);
	wr_u8(w, n);
	for (unsigned i = 0; i < n; i++) {
		struct transform t = pick(i);
		wr_u8(w, i + 1 == n ? 0 : 3);
		wr_u24(w, t.key_bits ? 12 : 8);
		wr_u8(w, t.type);
		wr_u8(w, 0);
		wr_u16(w, t.id);
		if (t.key_bits) {
			wr_u16(w, 0x800e);
			wr_u16(w, t.key_bits);
		}
	}
	wr_put_u16(w, at + 2, w->len - at);
}

static struct transform others_first(unsigned i)
{
	if (i < 50)
		return (struct transform){T_ENCR, (uint16_t)(100 + i), 0};
	static const struct transform good[] = {{T_ENCR, ENCR_AES_CBC, 256}, {T_PRF, PRF_HMAC_SHA2_256, 0},
	                                        {T_INTEG, AUTH_HMAC_SHA2_256_128, 0}, {T_DH, DH_MODP_2048, 0}};
	return good[i - 50];
}

static struct transform known_first(unsigned i)
{
	return i < 254 ? (struct transform){T_ENCR, ENCR_AES_CBC, 256} : (struct transform){T_DH, DH_MODP_2048, 0};
}

static struct transform others_last(unsigned i)
{
	return i < 2 ? others_first(50 + i) : (struct transform){T_PRF, (uint16_t)(100 + i), 0};
}

static enum wire_err decode_built(unsigned n, struct transform (*pick)(unsigned i), struct proposals *sa)
{
	static uint8_t room[8192];
	struct wr w = wr_init(room, sizeof room);

	build(&w, 1, true, n, pick);
	assert_true(wr_ok(&w));
	struct span s = wire_copy(SPAN(room, w.len));
	enum wire_err err = ike_sa_decode(s, sa);
	wire_free(s);
	return err;
}

static void test_many_transforms(void **state)
{
	(void)state;
	struct proposals sa;

	/* 54 transforms: the four that we know stay, in order, behind the first unknown ones. */
	assert_int_equal(decode_built(54, others_first, &sa), WIRE_OK);
	assert_int_equal(sa.n, 1);
	const struct proposal *p = &sa.p[0];
	assert_int_equal(p->n, TRANSFORMS_MAX);
	assert_int_equal(p->t[0].id, 100);
	assert_int_equal(p->t[TRANSFORMS_MAX - 5].id, 100 + TRANSFORMS_MAX - 5);
	assert_int_equal(p->t[TRANSFORMS_MAX - 4].id, ENCR_AES_CBC);
	assert_int_equal(p->t[TRANSFORMS_MAX - 3].type, T_PRF);
	assert_int_equal(p->t[TRANSFORMS_MAX - 2].type, T_INTEG);
	assert_int_equal(p->t[TRANSFORMS_MAX - 1].type, T_DH);
	/* 255 of which the group comes last and finds no room: what lost its group is no offer without one. */
	assert_int_equal(decode_built(255, known_first, &sa), WIRE_OK);
	assert_int_equal(sa.n, 0);
	/* Unknown ones beyond the cap push out nothing. */
	assert_int_equal(decode_built(200, others_last, &sa), WIRE_OK);
	assert_int_equal(sa.n, 1);
	assert_int_equal(sa.p[0].n, TRANSFORMS_MAX);
	assert_int_equal(sa.p[0].t[0].id, ENCR_AES_CBC);
	assert_int_equal(sa.p[0].t[TRANSFORMS_MAX - 1].id, 100 + TRANSFORMS_MAX - 1);
}

static struct transform unusable(unsigned i) { return (struct transform){(uint8_t)(i ? 6 : 1), 12, 256}; }

static void test_many_proposals(void **state)
{
	(void)state;
	static uint8_t room[40000];
	struct wr w = wr_init(room, sizeof room);
	struct proposals sa;

	/* 255 proposals; the first 100 unusable: they take no room from the others. */
	for (unsigned i = 1; i <= 255; i++)
		build(&w, (uint8_t)i, i == 255, 2, i <= 100 ? unusable : others_last);
	assert_true(wr_ok(&w));
	struct span s = wire_copy(SPAN(room, w.len));
	assert_int_equal(ike_sa_decode(s, &sa), WIRE_OK);
	assert_int_equal(sa.n, PROPOSALS_MAX);
	assert_int_equal(sa.p[0].number, 101);
	assert_int_equal(sa.p[PROPOSALS_MAX - 1].number, 100 + PROPOSALS_MAX);
	wire_free(s);
	/* One that is skipped must be well-formed all the same. */
	s = wire_copy(SPAN(room, w.len));
	((uint8_t *)(uintptr_t)s.p)[w.len - 6] = 3;
	assert_int_equal(ike_sa_decode(s, &sa), WIRE_SHORT);
	wire_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_many_transforms),
	                                   cmocka_unit_test(test_many_proposals)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
