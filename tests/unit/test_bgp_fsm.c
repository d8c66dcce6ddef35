/* The FSM's table of bgp/ itself: rows are unique and found under each guard, states reachable, nothing waits for ever, each row
 * cites its section; each row is run, from its state by its event, and must lead where it says. The whole is printed and
 * compared with tests/golden/bgp/matrix.txt; GRETEL_GOLDEN_UPDATE=1 writes that file. */
#include "bgp_hand.h"

static const char *const states[] = {"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"};

static void names(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < ARRAY_LEN(states); i++)
		assert_string_equal(fsm_state_name(i), states[i]);
	assert_string_equal(fsm_state_name(BGP_ESTABLISHED + 1), "?");
	for (uint8_t i = 0; i < EV_N; i++) {
		for (uint8_t k = 0; k < i; k++)
			assert_string_not_equal(fsm_event_name(i), fsm_event_name(k));
	}
	assert_string_equal(fsm_event_name(EV_N), "?");
}

/* In each state and for each event at most one row, whatever the guards say. */
static void unique(void **state)
{
	(void)state;
	struct bgp_row_view a, b;
	size_t n = 0;
	for (; bgp_row(n, &a); n++) {
		assert_true(a.handler[0] && strncmp(a.rfc, "RFC ", 4) == 0);
		for (size_t k = 0; k < n && bgp_row(k, &b); k++) {
			bool other_guard = a.guard[0] && b.guard[0] && strcmp(a.guard, b.guard) != 0;
			assert_false(strcmp(a.from, b.from) == 0 && strcmp(a.event, b.event) == 0 && !other_guard);
		}
	}
	assert_true(n > 70);
	size_t found = 0;
	const struct bgp_row *seen[4] = {NULL};
	for (uint8_t st = 0; st <= BGP_ESTABLISHED; st++) {
		for (uint8_t ev = 0; ev < EV_N; ev++) {
			for (unsigned g = 0; g < 4; g++) {
				seen[g] = fsm_find(st, ev, g & 1, g & 2);
				bool before = false;
				for (unsigned k = 0; k < g; k++)
					before = before || seen[k] == seen[g];
				found += seen[g] && !before;
			}
		}
	}
	assert_int_equal(found, n);
	assert_null(fsm_find(BGP_IDLE, EV_NONE, false, false));
}

static void reach(uint8_t from, bool to[6])
{
	to[from] = true;
	for (size_t round = 0; round < 6; round++) {
		for (uint8_t st = 0; st < 6; st++) {
			for (uint8_t ev = 0; to[st] && ev < EV_N; ev++) {
				for (unsigned g = 0; g < 4; g++) {
					const struct bgp_row *r = fsm_find(st, ev, g & 1, g & 2);
					if (r)
						to[r->to] = true;
				}
			}
		}
	}
}

static void reachable(void **state)
{
	(void)state;
	for (uint8_t st = 0; st < 6; st++) {
		bool to[6] = {false}, up[6] = {false};
		reach(BGP_IDLE, to);
		reach(st, up);
		assert_true(to[st] && up[BGP_IDLE] && up[BGP_ESTABLISHED]);
	}
	/* A timer ends each state that waits for the network. */
	static const uint8_t out[][2] = {{BGP_CONNECT, EV_RETRY}, {BGP_ACTIVE, EV_RETRY}, {BGP_OPEN_SENT, EV_HOLD},
	                                 {BGP_OPEN_CONFIRM, EV_HOLD}, {BGP_ESTABLISHED, EV_HOLD}, {BGP_IDLE, EV_IDLE_HOLD}};
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		assert_non_null(fsm_find(out[i][0], out[i][1], false, false));
	/* Whatever happens, a wish to stop is heard; whatever a peer says is answered in some way. */
	static const uint8_t heard[] = {EV_STOP, EV_AUTO_STOP, EV_FAILS, EV_HEADER_ERR, EV_OPEN_ERR, EV_NOTIF, EV_NOTIF_VER, EV_KEEPALIVE,
	                                EV_UPDATE, EV_REFRESH, EV_COLLISION};
	for (uint8_t st = BGP_CONNECT; st < 6; st++) {
		for (size_t i = 0; i < ARRAY_LEN(heard); i++)
			assert_non_null(fsm_find(st, heard[i], false, false));
	}
}

static void print(struct sbuf *b, uint8_t st, uint8_t ev)
{
	struct bgp_row_view r;
	bool any = false;
	for (size_t i = 0; bgp_row(i, &r); i++) {
		if (strcmp(r.from, fsm_state_name(st)) != 0 || strcmp(r.event, fsm_event_name(ev)) != 0)
			continue;
		any = true;
		sb_printf(b, "    %-30s -> %-12s %-14s %-17s %s\n", r.event, r.to, r.guard[0] ? r.guard : "-", r.handler, r.rfc);
	}
	if (!any)
		sb_printf(b, "    %-30s .\n", fsm_event_name(ev));
}

static void matrix(void **state)
{
	(void)state;
	static char is[1 << 16], want[1 << 16];
	struct sbuf b = SB(is);
	sb_put(&b, "session\n");
	for (uint8_t st = 0; st < 6; st++) {
		sb_printf(&b, "  %s\n", fsm_state_name(st));
		for (uint8_t ev = EV_NONE + 1; ev < EV_N; ev++)
			print(&b, st, ev);
	}
	assert_false(b.cut);
	FILE *f = fopen(TESTS_DIR "/golden/bgp/matrix.txt", getenv("GRETEL_GOLDEN_UPDATE") ? "w" : "r");
	assert_non_null(f);
	if (getenv("GRETEL_GOLDEN_UPDATE")) {
		fputs(is, f);
	} else {
		want[fread(want, 1, sizeof want - 1, f)] = '\0';
		if (strcmp(is, want) != 0)
			fail_msg("the machine is not that of tests/golden/bgp/matrix.txt:\n%s", is);
	}
	fclose(f);
}

/* --- every row, run --- */

static struct hand *in_state(uint8_t st, bool passive, bool delay)
{
	struct hand *h = hand_new();
	struct bgp_open o = hand_open_of(65000, 0x0a000002);
	h->c->peer[0].passive = passive;
	h->c->peer[0].delay_open = delay ? DUR_S(5) : 0;
	assert_int_equal(hand_apply(h), 0);
	hand_fact(h, &(struct bgp_fact){.type = BGP_FACT_SYNCED});
	uint32_t conn = passive ? IN1 : 1;
	if (passive && st > BGP_ACTIVE)
		hand_accept(h, IN1, "10.0.0.2");
	else if (st > BGP_ACTIVE)
		hand_connected(h, 1);
	if (st == BGP_ACTIVE && !passive)
		hand_closed(h, 1, -ECONNREFUSED);
	if (delay && st > BGP_ACTIVE)
		hand_pass(h, DUR_S(5));
	if (st > BGP_OPEN_SENT)
		hand_open(h, conn, &o);
	if (st > BGP_OPEN_CONFIRM)
		hand_keepalive(h, conn);
	h->got = SB(h->log);
	return h;
}

static void run(const struct bgp_row *r, bool passive, bool delay)
{
	if (r->from == BGP_CONNECT && passive)
		return; /* a passive session never calls */
	struct hand *h = r->from == BGP_IDLE ? in_state(BGP_CONNECT, passive, delay) : in_state(r->from, passive, delay);
	struct bgp_session *s = hand_p(h)->session;
	struct bgp_fsm *f = passive && r->from > BGP_ACTIVE ? &s->fsm[1] : &s->fsm[0];
	h->acts.n = 0;
	h->b->acts = &h->acts;
	h->b->now = h->now;
	if (r->from == BGP_IDLE)
		assert_true(fsm_event(h->b, f, EV_AUTO_STOP));
	bool needs = r->event == EV_CR_ACKED || r->event == EV_CONFIRMED || r->event == EV_OPEN_DELAYED || r->event == EV_DELAY_OPEN;
	if (needs && !f->conn)
		assert_non_null(conn_open(h->b, f, &(struct bgp_connect){0}));
	if (f->conn && r->from <= BGP_ACTIVE && r->from > BGP_IDLE) {
		f->conn->open_asked = false;
		f->conn->connected = true;
	}
	assert_int_equal(f->state, r->from);
	f->rcvd = hand_open_of(65000, 0x0a000002);
	assert_true(fsm_event(h->b, f, r->event));
	/* The peer's own run ends with its connection. */
	uint8_t to = f->incoming && r->to <= BGP_ACTIVE ? BGP_IDLE : r->event == EV_FAILS && passive ? f->state : r->to;
	assert_string_equal(fsm_state_name(f->state), fsm_state_name(to));
	assert_true(to >= BGP_OPEN_SENT || f->conn == NULL || to == BGP_CONNECT || r->event == EV_CONFIRMED);
	assert_int_equal(s->up != NULL, f->state == BGP_ESTABLISHED);
	h->b->acts = NULL;
	h->acts.n = 0;
	hand_free(h);
}

static void all_rows(void **state)
{
	(void)state;
	for (uint8_t st = 0; st < 6; st++) {
		for (uint8_t ev = 0; ev < EV_N; ev++) {
			for (unsigned g = 0; g < 4; g++) {
				const struct bgp_row *r = fsm_find(st, ev, g & 1, g & 2);
				if (r)
					run(r, g & 1, g & 2);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(unique), cmocka_unit_test(reachable), cmocka_unit_test(matrix),
		cmocka_unit_test(all_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
