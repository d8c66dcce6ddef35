/* Names and the one-line form of messages; the forms with payloads are in the golden files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <string.h>

static void test_notifies(void **state)
{
	(void)state;
	static const struct { uint16_t type; const char *name, *brief; } rows[] = {
		{N_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD", "CRIT"},
		{N_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN", "NO_PROP"},
		{N_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", "AUTH_FAILED"},
		{N_CHILD_SA_NOT_FOUND, "CHILD_SA_NOT_FOUND", "NO_CHILD_SA"},
		{N_NAT_DETECTION_SOURCE_IP, "NAT_DETECTION_SOURCE_IP", "NATD_S_IP"},
		{N_NAT_DETECTION_DESTINATION_IP, "NAT_DETECTION_DESTINATION_IP", "NATD_D_IP"},
		{N_USE_TRANSPORT_MODE, "USE_TRANSPORT_MODE", "USE_TRANSP"},
		{N_FRAGMENTATION_SUPPORTED, "FRAGMENTATION_SUPPORTED", "FRAG_SUP"},
		{N_USE_PPK, "USE_PPK", "USE_PPK"},
		{N_PPK_IDENTITY, "PPK_IDENTITY", "PPK_ID"},
		{N_NO_PPK_AUTH, "NO_PPK_AUTH", "NO_PPK"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(ike_notify_name(rows[i].type), rows[i].name);
		assert_string_equal(ike_notify_short(rows[i].type), rows[i].brief);
	}
	assert_null(ike_notify_name(0));
	assert_null(ike_notify_name(65535));
	assert_null(ike_notify_short(2));
	assert_null(ike_notify_short(16383));
	assert_true(ike_notify_is_error(16383));
	assert_false(ike_notify_is_error(16384));
}

/* The search finds each type that has a row: the table is in order. Names and short forms come in pairs. */
static void test_notify_table(void **state)
{
	(void)state;
	unsigned n = 0;

	for (unsigned type = 0; type < 65536; type++) {
		const char *name = ike_notify_name((uint16_t)type), *brief = ike_notify_short((uint16_t)type);
		assert_int_equal(name == NULL, brief == NULL);
		n += name != NULL;
	}
	assert_int_equal(n, 57);
}

static void test_exchanges(void **state)
{
	(void)state;
	static const char *const names[] = {"IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA", "INFORMATIONAL",
	                                    "IKE_SESSION_RESUME"};

	for (uint8_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(ike_exchange_name((uint8_t)(34 + i)), names[i]);
	assert_string_equal(ike_exchange_name(43), "IKE_INTERMEDIATE");
	assert_string_equal(ike_exchange_name(44), "IKE_FOLLOWUP_KE");
	assert_null(ike_exchange_name(0));
	assert_null(ike_exchange_name(33));
	assert_null(ike_exchange_name(255));
}

static void test_codes(void **state)
{
	(void)state;
	for (int e = WIRE_OK; e <= WIRE_UNKNOWN; e++)
		assert_string_not_equal(wire_err_name((enum wire_err)e), "?");
	assert_string_equal(wire_err_name((enum wire_err)99), "?");
}

static void test_message(void **state)
{
	(void)state;
	char text[200];
	struct sbuf b = SB(text);
	struct ike_hdr h = {.exchange = IKE_AUTH, .flags = IKE_F_RESPONSE, .msg_id = 4294967295u};
	static const uint8_t cut[] = {0, 0, 64};
	struct ike_payloads p = {.n = 4};

	p.v[0].type = P_N;
	p.v[0].body = SPAN(cut, 3);
	p.v[1].type = P_SKF;
	p.v[1].body = SPAN(cut, 3);
	p.v[2].type = P_SK;
	p.v[3].type = 99;
	sb_ike_message(&b, &h, &p, NULL);
	assert_string_equal(text, "IKE_AUTH response 4294967295 [ N(?) EF(?) E (99) ]");
	b = SB(text);
	sb_ike_message(&b, &h, NULL, NULL);
	assert_string_equal(text, "IKE_AUTH response 4294967295 [ ]");
	/* Inside SK takes the place of SK or SKF, what stands in front of it stays. */
	struct ike_payloads in = {.n = 2};
	in.v[0].type = P_SA;
	in.v[1].type = P_EAP + 1;
	p.v[3].type = P_V;
	b = SB(text);
	sb_ike_message(&b, &h, &p, &in);
	assert_string_equal(text, "IKE_AUTH response 4294967295 [ N(?) V SA (49) ]");
	char small[20];
	b = SB(small);
	sb_ike_message(&b, &h, &p, &p);
	assert_true(b.cut);
	assert_int_equal(strlen(small), 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notifies), cmocka_unit_test(test_notify_table), cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_codes),    cmocka_unit_test(test_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
