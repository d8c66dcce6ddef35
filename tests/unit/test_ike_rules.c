/* The table of ike/ itself: rows are unique and can be reached, states as well, nothing waits for ever; the whole is
 * printed and compared with tests/golden/ike/matrix.txt, so that a changed machine is a visible change.
 * GRETEL_GOLDEN_UPDATE=1 writes that file. */
#include "../sim/hand.h"
#include "../sim/pair.h"

#include <stdio.h>
#include <stdlib.h>

static void rows_are_unique_and_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ike_n_rules; i++) {
		const struct rule *r = &ike_rules[i];
		assert_true(r->from < ST_N && r->to < ST_N && r->event > EV_NONE && r->event < EV_N && r->fn);
		assert_int_equal(r->need & r->may, 0);
		for (size_t j = 0; j < i; j++) {
			const struct rule *o = &ike_rules[j];
			assert_false(o->from == r->from && o->event == r->event && o->need == r->need);
		}
		/* No row hides behind one above it. */
		assert_ptr_equal(rules_find(r->from, r->event, r->need), r);
		if (!r->any_payload)
			assert_ptr_equal(rules_find(r->from, r->event, r->need | r->may), r);
		if (r->from == ST_DEAD)
			fail_msg("the dead do nothing");
	}
	assert_null(rules_find(ST_DEAD, EV_DELETE, 0));
	assert_null(rules_find(ST_NONE, EV_NONE, 0));
}

static bool message(uint8_t event) { return event >= EV_REQ_SA_INIT && event <= EV_RSP_INFO; }

/* No row, or the one that takes an answer to CREATE_CHILD_SA for an error. */
static bool is_refused(const struct rule *r)
{
	return !r || (r->event == EV_RSP_CREATE_CHILD && r->any_payload && (r->fn == x_create_i_error || r->fn == x_info_i_dying));
}

/* What is not ours to read never gets to a handler; what says nothing to us never hinders. */
static void payloads_of_rows(void **state)
{
	(void)state;
	static const uint8_t foreign[] = {P_SK, P_EAP, P_SKF};
	static const uint8_t ignored[] = {P_V, P_CERT, P_CERTREQ, P_CP};
	for (size_t i = 0; i < ike_n_rules; i++) {
		const struct rule *r = &ike_rules[i];
		if (r->any_payload) {
			/* Not for messages, but for errors, and where all that comes is refused. */
			assert_true(!message(r->event) || r->fn == x_auth_i_error || r->fn == x_child_r_busy || is_refused(r));
			continue;
		}
		assert_true(message(r->event));
		for (size_t k = 0; k < ARRAY_LEN(foreign); k++)
			assert_true(is_refused(rules_find(r->from, r->event, r->need | PB(foreign[k]))));
		for (size_t k = 0; k < ARRAY_LEN(ignored); k++)
			assert_ptr_equal(rules_find(r->from, r->event, r->need | PB(ignored[k])), r);
		for (unsigned p = P_SA; p <= P_TSR; p++) {
			if (r->need & PB(p)) /* one less is not enough for this row */
				assert_ptr_not_equal(rules_find(r->from, r->event, r->need & ~PB(p)), r);
		}
	}
	struct ike_payloads pl = {.n = 3, .v = {{.type = P_SA}, {.type = 200}, {.type = P_TSR}}};
	assert_int_equal(rules_bits(&pl), PB(P_SA) | PB(P_TSR));
	assert_int_equal(rules_bits(NULL), 0);
}

static void reach(uint8_t from, bool seen[ST_N])
{
	seen[from] = true;
	for (size_t round = 0; round < ST_N; round++) {
		for (size_t i = 0; i < ike_n_rules; i++) {
			if (seen[ike_rules[i].from])
				seen[ike_rules[i].to] = true;
		}
	}
}

static void states_are_reachable_and_end(void **state)
{
	(void)state;
	bool seen[ST_N] = {false};
	reach(ST_NONE, seen); /* a request from outside */
	reach(ST_NEW, seen);  /* an attempt, or an heir, of ours */
	for (uint8_t st = 0; st < ST_N; st++) {
		bool to[ST_N] = {false};
		assert_true(seen[st]);
		assert_string_not_equal(rules_state_name(st), "?");
		reach(st, to);
		assert_true(to[ST_DEAD]);
		for (uint8_t o = 0; o < st; o++)
			assert_string_not_equal(rules_state_name(st), rules_state_name(o));
	}
	for (uint8_t ev = 0; ev < EV_N; ev++) {
		assert_string_not_equal(rules_event_name(ev), "?");
		for (uint8_t o = 0; o < ev; o++)
			assert_string_not_equal(rules_event_name(ev), rules_event_name(o));
	}
	assert_string_equal(rules_state_name(ST_N), "?");
	assert_string_equal(rules_event_name(EV_N), "?");
}

static bool has(uint8_t from, uint8_t event)
{
	for (size_t i = 0; i < ike_n_rules; i++) {
		if (ike_rules[i].from == from && ike_rules[i].event == event)
			return true;
	}
	return false;
}

/* NONE and NEW do not wait: they are left within the call that makes them. */
static void nothing_waits_for_ever(void **state)
{
	(void)state;
	for (uint8_t st = ST_I_INIT; st < ST_DEAD; st++) {
		assert_true(has(st, EV_EXPIRED) || has(st, EV_GIVE_UP));
		assert_true(has(st, EV_DELETE) || st == ST_DELETING);
	}
	/* Where a request of ours may be out, its end is heard. */
	static const uint8_t asking[] = {ST_I_INIT, ST_I_AUTH, ST_ESTABLISHED, ST_REKEYED, ST_DELETING};
	for (size_t i = 0; i < ARRAY_LEN(asking); i++)
		assert_true(has(asking[i], EV_GIVE_UP));
}

static void rows_cite_a_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < ike_n_rules; i++) {
		const char *t = ike_rules[i].rfc;
		unsigned rfc, section;
		assert_true(sscanf(t, "RFC %4u %u", &rfc, &section) == 2 || strncmp(t, "HACKING, ", 9) == 0);
	}
}

static void print_bits(struct sbuf *b, uint32_t bits)
{
	static const struct {
		uint8_t type;
		const char *name;
	} names[] = {
		{P_SA, "SA"},    {P_KE, "KE"}, {P_IDI, "IDi"}, {P_IDR, "IDr"}, {P_AUTH, "AUTH"},
		{P_NONCE, "No"}, {P_N, "N"},   {P_D, "D"},     {P_TSI, "TSi"}, {P_TSR, "TSr"},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (bits & PB(names[i].type)) {
			sb_printf(b, " %s", names[i].name);
			bits &= ~PB(names[i].type);
		}
	}
	assert_int_equal(bits, 0);
}

static void print_cell(struct sbuf *b, uint8_t st, uint8_t ev)
{
	bool any = false;
	for (size_t i = 0; i < ike_n_rules; i++) {
		const struct rule *r = &ike_rules[i];
		if (r->from != st || r->event != ev)
			continue;
		any = true;
		sb_printf(b, "  %-25s-> %-12s", rules_event_name(ev), rules_state_name(r->to));
		if (message(ev)) {
			sb_put(b, " [");
			print_bits(b, r->need);
			sb_put(b, " ]");
			if (r->may) {
				sb_put(b, " (");
				print_bits(b, r->may);
				sb_put(b, " )");
			}
			if (r->any_payload)
				sb_put(b, " (any)");
		}
		sb_printf(b, " %s\n", r->rfc);
	}
	if (!any)
		sb_printf(b, "  %-25s.\n", rules_event_name(ev));
}

static void matrix(void **state)
{
	(void)state;
	static char is[1 << 16], want[1 << 16];
	struct sbuf b = SB(is);
	for (uint8_t st = 0; st < ST_N; st++) {
		sb_printf(&b, "%s\n", rules_state_name(st));
		for (uint8_t ev = EV_NONE + 1; ev < EV_N; ev++)
			print_cell(&b, st, ev);
	}
	assert_false(b.cut);
	FILE *f = fopen(TESTS_DIR "/golden/ike/matrix.txt", getenv("GRETEL_GOLDEN_UPDATE") ? "w" : "r");
	assert_non_null(f);
	if (getenv("GRETEL_GOLDEN_UPDATE")) {
		fputs(is, f);
	} else {
		want[fread(want, 1, sizeof want - 1, f)] = '\0';
		if (strcmp(is, want) != 0)
			fail_msg("the machine is not that of tests/golden/ike/matrix.txt:\n%s", is);
	}
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_unique_and_found),    cmocka_unit_test(payloads_of_rows),
		cmocka_unit_test(states_are_reachable_and_end), cmocka_unit_test(nothing_waits_for_ever),
		cmocka_unit_test(rows_cite_a_section),          cmocka_unit_test(matrix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
