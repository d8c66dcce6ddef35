/* BGP frames, OPEN, NOTIFICATION, ROUTE-REFRESH: what is refused and with which code, what is written, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "ffffffffffffffffffffffffffffffff"

static uint8_t out[BGP_MSG_EXT_MAX];

/* --- Frames --- */
static void expect_frame(const char *text, uint32_t max, int answer, uint8_t sub, const char *data)
{
	struct span in = wire_hex(text);
	struct bgp_frame f;
	struct bgp_error e;
	char quoted[64];
	struct sbuf b = SB(quoted);

	assert_int_equal(bgp_frame(in, max, &f, &e), answer);
	assert_int_equal(e.code, answer < 0 ? BGP_E_HEADER : 0);
	assert_int_equal(e.sub, sub);
	sb_hex(&b, e.data.p, e.data.n);
	assert_string_equal(quoted, data);
	wire_free(in);
}

static void test_frames(void **state)
{
	(void)state;
	expect_frame("", 4096, 0, 0, "");
	expect_frame("00", 4096, 0, 0, "");
	expect_frame(MARK "0013", 4096, 0, 0, "");
	expect_frame(MARK "001304", 4096, 1, 0, "");
	expect_frame(MARK "001304ff", 4096, 1, 0, "");
	expect_frame(MARK "001702", 4096, 0, 0, "");
	expect_frame("fffffffffffffffffffffffffffffffe" "001304", 4096, -1, BGP_E_SYNC, "");
	expect_frame("7fffffffffffffffffffffffffffffff" "001304", 4096, -1, BGP_E_SYNC, "");
	static const struct { const char *rest; uint32_t max; uint8_t sub; const char *data; } bad[] = {
		{"001204", 4096, BGP_E_LENGTH, "0012"}, {"001404", 4096, BGP_E_LENGTH, "0014"}, {"100104", 65535, BGP_E_LENGTH, "1001"},
		{"001c01", 4096, BGP_E_LENGTH, "001c"}, {"100101", 65535, BGP_E_LENGTH, "1001"}, {"001602", 4096, BGP_E_LENGTH, "0016"},
		{"100102", 4096, BGP_E_LENGTH, "1001"}, {"001403", 4096, BGP_E_LENGTH, "0014"}, {"100103", 4096, BGP_E_LENGTH, "1001"},
		{"001605", 4096, BGP_E_LENGTH, "0016"}, {"100105", 4096, BGP_E_LENGTH, "1001"}, {"000000", 4096, BGP_E_LENGTH, "0000"},
		{"001300", 4096, BGP_E_TYPE, "00"}, {"001306", 4096, BGP_E_TYPE, "06"}, {"0017ff", 4096, BGP_E_TYPE, "ff"},
		{"001206", 4096, BGP_E_LENGTH, "0012"},
	};
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof text, MARK "%s", bad[i].rest);
		expect_frame(text, bad[i].max, -1, bad[i].sub, bad[i].data);
	}
	/* RFC 8654: those may be longer */
	static const char *const longer[] = {"100102", "ffff02", "100103", "100105"};
	for (size_t i = 0; i < ARRAY_LEN(longer); i++) {
		snprintf(text, sizeof text, MARK "%s", longer[i]);
		expect_frame(text, BGP_MSG_EXT_MAX, 0, 0, "");
	}
}

/* --- OPEN --- */
static void refused(const char *text, uint8_t sub)
{
	struct span body = wire_hex(text);
	struct bgp_open o;
	struct bgp_error e;

	if (bgp_open_decode(body, &o, &e) || e.code != BGP_E_OPEN || e.sub != sub)
		fail_msg("%s: %u/%u", text, e.code, e.sub);
	wire_free(body);
}

static void test_open_refused(void **state)
{
	(void)state;
	refused("", 0);
	refused("04fde800b40a0000", 0);
	refused("04fde800b40a000001", 0);
	refused("05fde800b40a00000100", BGP_E_VERSION);
	refused("04000000b40a00000100", BGP_E_PEER_AS);
	refused("04fde800b40a000001080206410400000000", BGP_E_PEER_AS); /* AS 0 in the capability */
	refused("04fde800b40000000000", BGP_E_ID);
	refused("04fde800010a00000100", BGP_E_HOLD_TIME);
	refused("04fde800020a00000100", BGP_E_HOLD_TIME);
	refused("04fde800b40a0000010301010000", 0); /* more than it says */
	refused("04fde800b40a00000104010100", 0);   /* less */
	refused("04fde800b40a000001030101ff", BGP_E_PARAM);
	refused("04fde800b40a000001030200ff", 0); /* parameter over the end */
	refused("04fde800b40a0000010102", 0);       /* ends with the type */
	refused("04fde800b40a00000103020141", 0);   /* capability without a length */
	refused("04fde800b40a000001040202410a", 0); /* capability over the end */
	refused("04fde800b40a000001070205410300fde8", 0); /* four-octet AS number in three */
	/* RFC 9072: FRR's CVE-2022-40302, -40318, -43681 */
	refused("04fde800b40a00000100ff0000", 0); /* an old length of 0 has no mark behind it */
	refused("04fde800b40a000001ff", 0);
	refused("04fde800b40a000001ffff", 0);
	refused("04fde800b40a000001ffff00", 0);
	refused("04fde800b40a000001ffff0001", 0);
	refused("04fde800b40a000001ffff000102", 0);
	refused("04fde800b40a000001ffff00020200", 0);
	refused("04fde800b40a000001ffff0003020001", 0);
	refused("04fde800b40a000001ffff000002", 0);
}

static void test_open_ok(void **state)
{
	(void)state;
	/* hold 0 and 3; an extended form of no parameter; old length other than 255 beside the mark */
	static const char *const good[] = {"04fde800000a00000100", "04fde800030a00000100", "04fde800b40a000001ffff0000",
	                                   "04fde800b40a00000101ff0000"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct span body = wire_hex(good[i]);
		struct bgp_open o;
		struct bgp_error e;
		assert_true(bgp_open_decode(body, &o, &e));
		assert_int_equal(e.code, 0);
		assert_int_equal(o.as, 65000);
		assert_false(o.caps.any);
		wire_free(body);
	}
}

/* The last instance of graceful restart counts, and forgets the families of the one before. */
static void test_open_twice(void **state)
{
	(void)state;
	struct span body = wire_hex("04fde800b40a00000110" "020e" "4006" "807800010180" "4004" "0005" "0001");
	struct bgp_open o;
	struct bgp_error e;

	assert_true(bgp_open_decode(body, &o, &e)); /* the second has a length that none has: passed over */
	assert_int_equal(o.caps.gr_time_s, 120);
	assert_true(o.caps.gr_af[BGP_V4] && o.caps.gr_forwarding[BGP_V4]);
	wire_free(body);
	body = wire_hex("04fde800b40a0000010e" "020c" "4006" "807800010180" "4002" "0005");
	assert_true(bgp_open_decode(body, &o, &e));
	assert_int_equal(o.caps.gr_time_s, 5);
	assert_false(o.caps.gr_restarted || o.caps.gr_af[BGP_V4] || o.caps.gr_forwarding[BGP_V4]);
	wire_free(body);
}

/* RFC 7911 4: only 1, 2 and 3 mean something, each family by itself. */
static void test_add_path(void **state)
{
	(void)state;
	struct span body = wire_hex("04fde800b40a0000010c" "020a" "4508" "00010103" "00020104");
	struct bgp_open o;
	struct bgp_error e;

	assert_true(bgp_open_decode(body, &o, &e));
	assert_int_equal(o.caps.addpath[BGP_V4], BGP_ADDPATH_RX | BGP_ADDPATH_TX);
	assert_int_equal(o.caps.addpath[BGP_V6], 0);
	wire_free(body);
	body = wire_hex("04fde800b40a00000108" "0206" "4504" "00010100");
	assert_true(bgp_open_decode(body, &o, &e));
	assert_int_equal(o.caps.addpath[BGP_V4], 0);
	wire_free(body);
}

/* Everything at its longest still fits a plain OPEN; what does not is cut. */
static void test_open_largest(void **state)
{
	(void)state;
	char host[300];
	memset(host, 'h', sizeof host);
	const struct bgp_open o = {
		.as = 4200000001, .hold_s = 65535, .id = 1,
		.caps = {
			.mp = {true, true}, .refresh = true, .enhanced_refresh = true, .ext_message = true, .as4 = true,
			.ext_nexthop = true, .addpath = {3, 3}, .gr = true, .gr_time_s = 65535, .gr_af = {true, true},
			.llgr = true, .llgr_af = {true, true}, .llgr_time_s = {UINT32_MAX, 1}, .fqdn = true, .host = SPAN(host, 255),
			.domain = SPAN(host, 255), .software = SPAN(host, 255),
		},
	};
	struct bgp_open back;
	struct bgp_error e;
	struct bgp_frame f;
	struct wr w = wr_init(out, sizeof out);

	bgp_open_encode(&w, &o);
	assert_true(wr_ok(&w));
	assert_int_equal(bgp_frame(SPAN(out, w.len), BGP_MSG_MAX, &f, &e), 1);
	assert_true(bgp_open_decode(f.body, &back, &e));
	assert_int_equal(back.as, 4200000001);
	assert_int_equal(back.as2, BGP_AS_TRANS);
	assert_int_equal(back.caps.host.n, 64);
	assert_int_equal(back.caps.domain.n, 32);
	assert_int_equal(back.caps.software.n, 48);
	assert_int_equal(back.caps.gr_time_s, 4095);
	assert_int_equal(back.caps.llgr_time_s[BGP_V4], 0xffffff);
	assert_int_equal(back.caps.llgr_time_s[BGP_V6], 1);
	for (size_t room = 0; room < w.len; room++) {
		struct wr small = wr_init(out, room);
		bgp_open_encode(&small, &o);
		assert_false(wr_ok(&small));
	}
}

/* --- The small ones --- */
static void expect_out(const struct wr *w, const char *hex)
{
	char text[512];
	struct sbuf b = SB(text);

	assert_true(wr_ok(w));
	sb_hex(&b, w->base, w->len);
	assert_string_equal(text, hex);
}

static void test_written(void **state)
{
	(void)state;
	const struct bgp_error e = {BGP_E_UPDATE, BGP_E_ATTR_LEN, SPAN("\x40\x01\x00", 3)};
	struct wr w = wr_init(out, sizeof out);
	bgp_keepalive_encode(&w);
	expect_out(&w, MARK "001304");
	w = wr_init(out, sizeof out);
	bgp_notification_encode(&w, &e, false);
	expect_out(&w, MARK "0018030305400100");
	w = wr_init(out, sizeof out);
	bgp_notification_encode(&w, &e, true);
	expect_out(&w, MARK "001a0306090305400100");
	w = wr_init(out, sizeof out);
	bgp_refresh_encode(&w, BGP_V6, BGP_REFRESH_END);
	expect_out(&w, MARK "00170500020201");
	w = wr_init(out, sizeof out);
	bgp_eor_encode(&w, BGP_V4);
	expect_out(&w, MARK "00170200000000");
	w = wr_init(out, sizeof out);
	bgp_eor_encode(&w, BGP_V6);
	expect_out(&w, MARK "001e0200000007900f0003000201");
}

/* A quoted message of 65535 octets must still reach a peer that has no extended messages. */
static void test_long_quote(void **state)
{
	(void)state;
	static uint8_t large[60000];
	const struct bgp_error e = {BGP_E_UPDATE, BGP_E_OPTIONAL, SPAN(large, sizeof large)};
	struct bgp_frame f;
	struct bgp_error bad;

	for (int hard = 0; hard < 2; hard++) {
		struct wr w = wr_init(out, sizeof out);
		bgp_notification_encode(&w, &e, hard);
		assert_true(wr_ok(&w));
		assert_int_equal(bgp_frame(SPAN(out, w.len), BGP_MSG_MAX, &f, &bad), 1);
	}
}

static void text_is(const char *body, const char *want)
{
	struct span s = wire_hex(body);
	struct bgp_notification n;
	char text[300] = "";
	struct sbuf b = SB(text);

	assert_true(bgp_notification_decode(s, &n));
	struct span t = bgp_shutdown_text(&n);
	sb_hex(&b, t.p, t.n);
	assert_string_equal(text, want);
	wire_free(s);
}

static void test_shutdown_text(void **state)
{
	(void)state;
	text_is("060203616263", "616263");
	text_is("060403616263", "616263");
	text_is("06090602" "03616263", "616263");
	text_is("0602016162", "61");        /* what is behind it says nothing */
	text_is("060303616263", "");        /* of another subcode */
	text_is("040203616263", "");        /* of another code */
	text_is("0602", "");
	text_is("060200", "");
	text_is("060204616263", "");        /* cut */
	text_is("060202c3a4", "c3a4");
	text_is("060203e282ac", "e282ac");
	text_is("060204f09f9880", "f09f9880");
	static const char *const no[] = {"060201ff", "06020180", "060202c0af", "060202c3", "060203eda080", "060204f4908080",
	                                 "060203e08080", "060204f8808080", "060202c341"};
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		text_is(no[i], "");
	struct bgp_notification n;
	assert_false(bgp_notification_decode(SPAN("\x06", 1), &n));
}

static void test_shutdown_data(void **state)
{
	(void)state;
	uint8_t data[BGP_SHUTDOWN_MAX];
	char text[400];

	assert_int_equal(bgp_shutdown_data("", data).n, 0);
	struct span s = bgp_shutdown_data("abc", data);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.p, "\003abc", 4);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_int_equal(bgp_shutdown_data(text, data).n, 256);
	/* A character that lies across the limit is left out whole. */
	memcpy(text + 254, "\xc3\xa4", 2);
	s = bgp_shutdown_data(text, data);
	assert_int_equal(s.n, 255);
	assert_int_equal(data[0], 254);
	assert_int_equal(bgp_shutdown_data("ok\xff", data).n, 3);
}

static void test_refresh(void **state)
{
	(void)state;
	static const struct { const char *text; int answer; int8_t af; } all[] = {
		{MARK "00170500010001", 0, BGP_V4}, {MARK "00170500020001", 0, BGP_V6}, {MARK "00170500010080", 0, -1},
		{MARK "00170500030001", 0, -1},     {MARK "00170500010101", 0, BGP_V4}, {MARK "00170500010301", 1, BGP_V4},
		{MARK "0018050001010100", -1, BGP_V4}, {MARK "0018050001020100", -1, BGP_V4}, {MARK "0018050001000100", 0, BGP_V4},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct span m = wire_hex(all[i].text);
		struct bgp_frame f;
		struct bgp_refresh r;
		struct bgp_error e;
		assert_int_equal(bgp_frame(m, BGP_MSG_MAX, &f, &e), 1);
		assert_int_equal(bgp_refresh_decode(f, &r, &e), all[i].answer);
		assert_int_equal(r.af, all[i].af);
		assert_int_equal(e.code, all[i].answer < 0 ? BGP_E_REFRESH : 0);
		assert_int_equal(e.data.n, all[i].answer < 0 ? m.n : 0);
		wire_free(m);
	}
}

static void test_names(void **state)
{
	(void)state;
	static const struct { uint8_t code, sub; const char *name; } all[] = {
		{1, 2, "/Bad Message Length"}, {2, 2, "/Bad Peer AS"}, {2, 11, "/Role Mismatch"}, {3, 11, "/Malformed AS_PATH"},
		{3, 7, "/AS Routing Loop"}, {4, 0, ""}, {5, 1, "/Receive Unexpected Message in OpenSent State"},
		{6, 1, "/Maximum Number of Prefixes Reached"}, {6, 10, "/BFD Down"}, {6, 11, ""}, {7, 1, "/Invalid Message Length"},
		{8, 0, ""}, {2, 9, ""}, {255, 255, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_string_equal(bgp_sub_name(all[i].code, all[i].sub), all[i].name);
	assert_string_equal(bgp_code_name(4), "Hold Timer Expired");
	assert_string_equal(bgp_code_name(8), "Send Hold Timer Expired");
	assert_string_equal(bgp_code_name(0), "");
	assert_string_equal(bgp_code_name(9), "");
	assert_string_equal(bgp_msg_name(BGP_REFRESH), "ROUTE-REFRESH");
	assert_string_equal(bgp_msg_name(6), "");
	assert_string_equal(bgp_attr_name(BGP_A_LARGE_COMMUNITIES), "LARGE_COMMUNITY");
	assert_string_equal(bgp_attr_name(11), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),        cmocka_unit_test(test_open_refused), cmocka_unit_test(test_open_ok),
		cmocka_unit_test(test_open_twice),    cmocka_unit_test(test_add_path),     cmocka_unit_test(test_open_largest), cmocka_unit_test(test_written),
		cmocka_unit_test(test_long_quote),    cmocka_unit_test(test_shutdown_text), cmocka_unit_test(test_shutdown_data),
		cmocka_unit_test(test_refresh),       cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
