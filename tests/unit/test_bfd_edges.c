/* bfd/: packets that are none of a session's business, a neighbour made by hand, the end of memory and of room for actions, the
 * table. */
#include "bfd_world.h"

/* --- A neighbour made by hand --- */
static void test_not_ours(void **state)
{
	(void)state;
	struct world *w = world(12);
	struct bfd_acts acts;
	command(w, A, BFD_CMD_START, 0, 0, 0);
	struct bfd_path good = w->end[A].path, p;
	struct bfd_packet h = hello(w, BFD_DOWN), bad;

	say(w, &good, 254, &h, &acts); /* RFC 5881 5 */
	p = good, p.multihop = true; /* to its discriminator by another way than it speaks */
	say(w, &p, 255, &h, &acts);
	p = good, p.remote.b[3]++;
	say(w, &p, 255, &h, &acts);
	p = good, p.ifindex++;
	say(w, &p, 255, &h, &acts);
	p = good, p.local.b[3]++;
	say(w, &p, 255, &h, &acts);
	bad = h, bad.yours++;
	say(w, &good, 255, &bad, &acts);
	bad = h, bad.authenticated = true;
	say(w, &good, 255, &bad, &acts);
	bad = h, bad.state = BFD_UP, bad.yours = 0;
	say(w, &good, 255, &bad, &acts);
	bfd_input(w->end[A].b, &good, 255, SPAN(NULL, 0), w->now, &acts);
	assert_int_equal(acts.n, 0);
	assert_int_equal(bfd_dropped(w->end[A].b), 9);
	assert_int_equal(view(w, A).received, 0);
	p = good, p.local = (struct addr){0}, p.ifindex = 0; /* the caller does not know */
	bad = h, bad.yours = 0;
	say(w, &p, 255, &bad, &acts);
	assert_int_equal(view(w, A).state, BFD_INIT);
	gone(w);
}

static void test_multihop_ttl(void **state)
{
	(void)state;
	struct world *w = world(13);
	struct bfd_acts acts;
	w->end[A].path.multihop = true;
	command(w, A, BFD_CMD_START, 0, 0, 0);
	struct bfd_packet h = hello(w, BFD_DOWN);
	say(w, &w->end[A].path, 253, &h, &acts);
	assert_int_equal(view(w, A).received, 0);
	say(w, &w->end[A].path, 254, &h, &acts);
	assert_int_equal(view(w, A).received, 1);
	gone(w);
}

/* FRR speaks over a point-to-point link as if there were several hops: the session goes along while it is down, from the same link with
 * the full TTL only; stopped is what was started. */
static void test_other_port(void **state)
{
	(void)state;
	struct world *w = world(15);
	struct bfd_acts acts;
	command(w, A, BFD_CMD_START, 0, 0, 0);
	struct bfd_packet h = hello(w, BFD_DOWN);
	struct bfd_path p = w->end[A].path, elsewhere;
	h.yours = 0;
	p.multihop = true;
	say(w, &p, 254, &h, &acts);
	elsewhere = p, elsewhere.ifindex++;
	say(w, &elsewhere, 255, &h, &acts);
	assert_int_equal(view(w, A).received, 0);
	say(w, &p, 255, &h, &acts);
	assert_int_equal(view(w, A).received, 1);
	assert_true(view(w, A).path.multihop);
	assert_int_equal(view(w, A).state, BFD_INIT);
	p.multihop = false; /* not down: it stays with what it has */
	say(w, &p, 255, &h, &acts);
	assert_int_equal(view(w, A).received, 1);
	command(w, A, BFD_CMD_STOP, 0, 0, 0);
	gone(w);
}

/* Answers come at once, Poll and Final apart; nothing is sent to who wants nothing, or is in demand mode. */
static void test_poll_demand(void **state)
{
	(void)state;
	struct world *w = world(14);
	struct bfd_acts acts;
	struct bfd_path *path = &w->end[A].path;
	command(w, A, BFD_CMD_START, 0, 0, 0);
	struct bfd_packet h = hello(w, BFD_INIT);
	say(w, path, 255, &h, &acts); /* Down, rx Init: Up, said with a Poll */
	assert_int_equal(acts.n, 2);
	carry_out(w, A, &acts);
	assert_true(w->end[A].up && w->end[A].last.poll && w->end[A].last.state == BFD_UP);
	h = hello(w, BFD_UP), h.poll = true;
	say(w, path, 255, &h, &acts);
	assert_int_equal(acts.n, 1);
	carry_out(w, A, &acts);
	assert_true(w->end[A].last.final && !w->end[A].last.poll);
	h.poll = false;
	say(w, path, 255, &h, &acts);
	assert_int_equal(acts.n, 0);
	assert_true(view(w, A).interval == DUR_MS(300));
	h.final = true;
	say(w, path, 255, &h, &acts);
	h.final = false, h.demand = true;
	say(w, path, 255, &h, &acts);
	assert_true(view(w, A).interval == 0 && acts.n == 0);
	h.demand = false, h.rx_us = 0;
	say(w, path, 255, &h, &acts);
	assert_true(view(w, A).interval == 0);
	measure(&w->end[A]);
	run(w, DUR_MS(890));
	assert_int_equal(w->end[A].sent, 0);
	assert_true(w->end[A].up);
	run(w, DUR_MS(20)); /* it fell silent: asked again, though it wanted nothing */
	assert_false(w->end[A].up);
	run(w, DUR_S(5));
	assert_true(w->end[A].sent >= 5);
	gone(w);
}

/* A neighbour that was restarted says Down: down here too, then up again by its own number. */
static void test_restarted(void **state)
{
	(void)state;
	struct world *w = world_up(15);
	uint32_t old = view(w, B).id;
	bfd_free(w->end[B].b);
	w->end[B].up = false;
	w->end[B].b = bfd_new(&w->own.mem, &w->own.rng);
	command(w, B, BFD_CMD_START, 0, 0, 0);
	run(w, DUR_S(3));
	assert_true(w->end[A].up && w->end[B].up);
	assert_int_equal(w->end[A].downs, 1);
	assert_int_not_equal(view(w, A).remote_id, old);
	gone(w);
}

/* --- Where things end --- */
static void test_no_memory(void **state)
{
	(void)state;
	for (long n = 1;; n++) {
		struct world *w = calloc(1, sizeof *w);
		*w = (struct world){.own = fakes_new(5)};
		w->own.fail_at = n;
		struct bfd_acts acts = {0};
		struct bfd_cmd cmd = {.type = BFD_CMD_START};
		bool failed = false;
		assert_true(addr_parse("10.0.0.1", &cmd.path.remote));
		struct bfd *b = bfd_new(&w->own.mem, &w->own.rng);
		failed = !b;
		for (uint32_t i = 0; b && i < 20; i++) {
			cmd.path.ifindex = i + 1;
			int err = bfd_command(b, &cmd, DUR_S(1), &acts);
			assert_true(err == 0 || err == -ENOMEM);
			failed |= err != 0;
			acts.n = 0;
		}
		bool over = w->own.fail_at > 0;
		assert_false(failed && over); /* a map that cannot grow is no failure (base/hmap.h) */
		bfd_free(b);
		assert_int_equal(w->own.blocks, 0);
		free(w);
		if (over)
			break;
		assert_true(n < 100);
	}
}

/* More to say than an array holds: it is said with the next call, and nothing twice. */
static void test_no_room(void **state)
{
	(void)state;
	enum { N = 100 };
	struct world *w = world(20);
	struct bfd *b = w->end[A].b;
	struct bfd_acts acts;
	struct bfd_cmd cmd = {.type = BFD_CMD_START, .path = w->end[A].path};
	uint8_t octets[BFD_LEN];
	struct bfd_packet h = hello(w, BFD_INIT);
	size_t ups = 0, downs = 0;

	for (uint32_t i = 0; i < N; i++) {
		acts.n = 0;
		cmd.path.remote.b[3] = (uint8_t)i;
		assert_int_equal(bfd_command(b, &cmd, w->now, &acts), 0);
		h.yours = acts.v[0].id;
		struct wr out = wr_init(octets, sizeof octets);
		bfd_encode(&out, &h);
		acts.n = 0;
		bfd_input(b, &cmd.path, 255, SPAN(octets, BFD_LEN), w->now, &acts);
		ups += acts.n == 2 && acts.v[0].up;
	}
	assert_int_equal(ups, N);
	acts.n = 0;
	bfd_report(b, &(struct bfd_fact){.ifindex = 3}, w->now, &acts);
	assert_int_equal(acts.n, BFD_ACTS_MAX);
	downs = acts.n;
	assert_true(bfd_due(b) <= w->now);
	for (int k = 0; k < 10 && bfd_due(b) <= w->now; k++) {
		acts.n = 0;
		bfd_timer(b, w->now, &acts);
		for (uint32_t i = 0; i < acts.n; i++)
			downs += acts.v[i].type == BFD_ACT_STATE && !acts.v[i].up && acts.v[i].diag == BFD_DIAG_PATH;
	}
	assert_int_equal(downs, N);
	assert_true(bfd_due(b) > w->now);
	/* A burst of timers keeps within the array too. */
	w->now += DUR_S(10);
	size_t sent = 0;
	for (int k = 0; k < 10; k++) {
		acts.n = 0;
		bfd_timer(b, w->now, &acts);
		assert_true(acts.n <= BFD_ACTS_MAX);
		sent += acts.n;
	}
	assert_in_range(sent, N, 2 * N);
	gone(w);
}

/* --- The table --- */
static void test_table(void **state)
{
	(void)state;
	static char is[4000], want[4000];
	struct sbuf b = SB(is);
	struct bfd_row_view r, other;
	const char *srcdir = getenv("srcdir");
	char path[512];
	size_t timeouts = 0;

	for (size_t i = 0; bfd_row(i, &r); i++) {
		for (size_t k = 0; k < i && bfd_row(k, &other); k++)
			assert_false(strcmp(r.from, other.from) == 0 && strcmp(r.event, other.event) == 0);
		timeouts += strcmp(r.event, "expired") == 0;
		assert_true(strncmp(r.rfc, "5880 ", 5) == 0);
		sb_printf(&b, "%-8s  %-12s  %-8s  %-30s  %s\n", r.from, r.event, r.to, r.diag, r.rfc);
	}
	assert_int_equal(timeouts, 2); /* Init and Up; the others are where one may stay */
	snprintf(path, sizeof path, "%s/tests/golden/bfd/matrix.txt", srcdir ? srcdir : ".");
	FILE *f = fopen(path, getenv("GRETEL_GOLDEN_UPDATE") ? "w" : "r");
	assert_non_null(f);
	if (getenv("GRETEL_GOLDEN_UPDATE"))
		fputs(is, f);
	else
		want[fread(want, 1, sizeof want - 1, f)] = '\0';
	fclose(f);
	if (!getenv("GRETEL_GOLDEN_UPDATE"))
		assert_string_equal(is, want);
	assert_string_equal(bfd_state_name(9), "");
	assert_string_equal(bfd_diag_name(BFD_DIAG_N), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_multihop_ttl),
		cmocka_unit_test(test_other_port),
		cmocka_unit_test(test_poll_demand),
		cmocka_unit_test(test_restarted),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
