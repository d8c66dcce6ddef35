/* bfd/: two engines: coming up, intervals and their Poll Sequences, silence, stopping, loss and reordering. */
#include "bfd_world.h"

/* --- Coming up --- */
static void test_up(void **state)
{
	(void)state;
	struct world *w = world(1);
	assert_int_equal(command(w, A, BFD_CMD_START, 0, 0, 0), 0);
	run(w, DUR_S(20));
	/* Alone: a packet a second, less a quarter at most, nothing said (RFC 5880 6.8.3, 6.8.7) */
	assert_false(w->end[A].up);
	assert_in_range(w->end[A].sent, 20, 28);
	assert_in_range(w->end[A].least_gap, DUR_MS(750), DUR_MS(1000));
	assert_in_range(w->end[A].most_gap, DUR_MS(750), DUR_MS(1000));
	assert_true(w->end[A].most_gap - w->end[A].least_gap > DUR_MS(50)); /* there is jitter */
	assert_int_equal(w->end[A].last.tx_us, 1000000);
	assert_int_equal(w->end[A].last.state, BFD_DOWN);
	mono_t begun = w->now;
	assert_int_equal(command(w, B, BFD_CMD_START, 0, 0, 0), 0);
	run(w, DUR_S(2));
	assert_true(w->end[A].up && w->end[B].up);
	/* Each change is said at once: three trips of 5 ms after the first packet */
	assert_true(w->end[A].changed - begun <= DUR_MS(20) && w->end[B].changed - begun <= DUR_MS(20));
	struct bfd_view v = view(w, A);
	assert_int_equal(v.state, BFD_UP);
	assert_int_equal(v.diag, BFD_DIAG_NONE);
	assert_int_equal(v.remote_id, view(w, B).id);
	assert_true(v.interval == DUR_MS(300) && v.detection == DUR_MS(900));
	assert_true(v.ups == 1 && v.downs == 0);
	/* ... then 225 to 300 ms */
	measure(&w->end[A]);
	run(w, DUR_S(30));
	assert_in_range(w->end[A].sent, 100, 134);
	assert_in_range(w->end[A].least_gap, DUR_MS(225), DUR_MS(300));
	assert_in_range(w->end[A].most_gap, DUR_MS(225), DUR_MS(300));
	assert_false(w->end[A].last.poll); /* the Poll Sequence has ended */
	assert_int_equal(w->end[A].ups + w->end[B].ups, 2);
	gone(w);
}

/* A multiplier of 1 leaves at least a tenth (RFC 5880 6.8.7). */
static void test_multiplier_of_one(void **state)
{
	(void)state;
	struct world *w = world(2);
	command(w, A, BFD_CMD_START, 200, 200, 1);
	command(w, B, BFD_CMD_START, 200, 200, 1);
	run(w, DUR_S(5));
	measure(&w->end[A]);
	run(w, DUR_S(60));
	assert_true(w->end[A].up && w->end[A].ups == 1 && w->end[B].ups == 1);
	assert_in_range(w->end[A].least_gap, DUR_MS(150), DUR_MS(180));
	assert_in_range(w->end[A].most_gap, DUR_MS(150), DUR_MS(180));
	gone(w);
}

static void test_unequal(void **state)
{
	(void)state;
	struct world *w = world(3);
	command(w, A, BFD_CMD_START, 100, 50, 5);
	command(w, B, BFD_CMD_START, 400, 250, 3);
	run(w, DUR_S(5));
	/* RFC 5880 6.8.2, 6.8.4: the slower of what one sends and the other takes */
	assert_true(view(w, A).interval == DUR_MS(400) && view(w, B).interval == DUR_MS(250));
	assert_true(view(w, A).detection == 3 * DUR_MS(250) && view(w, B).detection == 5 * DUR_MS(400));
	gone(w);
}

/* --- Going down --- */
static void test_silence(void **state)
{
	(void)state;
	struct world *w = world_up(4);
	mono_t cut = w->now;
	w->end[A].mute = w->end[B].mute = true;
	run(w, DUR_S(3));
	for (int i = 0; i < 2; i++) {
		struct end *e = &w->end[i];
		assert_false(e->up);
		assert_int_equal(e->diag, BFD_DIAG_EXPIRED);
		assert_false(e->admin);
		assert_in_range(e->changed - cut, DUR_MS(600), DUR_MS(905));
		assert_int_equal(e->last.yours, 0); /* RFC 5880 6.8.1 */
		assert_int_equal(e->last.tx_us, 1000000);
		assert_int_equal(e->last.diag, BFD_DIAG_EXPIRED);
	}
	w->end[A].mute = w->end[B].mute = false;
	cut = w->now;
	run(w, DUR_S(3));
	assert_true(w->end[A].up && w->end[B].up);
	assert_true(w->end[A].changed - cut < DUR_MS(1100));
	gone(w);
}

/* One direction only: the deaf end finds out by time, the other is told. */
static void test_one_way(void **state)
{
	(void)state;
	struct world *w = world_up(5);
	w->end[A].deaf = true;
	run(w, DUR_S(10));
	assert_false(w->end[A].up || w->end[B].up);
	assert_int_equal(w->end[A].diag, BFD_DIAG_EXPIRED);
	assert_int_equal(w->end[B].diag, BFD_DIAG_NEIGHBOUR);
	assert_true(w->end[B].changed - w->end[A].changed <= DUR_MS(6));
	assert_int_equal(w->end[B].ups, 1); /* and it does not flap */
	assert_int_equal(view(w, B).remote_diag, BFD_DIAG_EXPIRED);
	gone(w);
}

static void test_path_down(void **state)
{
	(void)state;
	struct world *w = world_up(6);
	struct bfd_acts acts = {0};
	bfd_report(w->end[A].b, &(struct bfd_fact){.ifindex = 4, .up = false}, w->now, &acts);
	bfd_report(w->end[A].b, &(struct bfd_fact){.ifindex = 3, .up = true}, w->now, &acts);
	assert_int_equal(acts.n, 0);
	bfd_report(w->end[A].b, &(struct bfd_fact){.ifindex = 3, .up = false}, w->now, &acts);
	assert_int_equal(acts.n, 1);
	carry_out(w, A, &acts);
	assert_false(w->end[A].up);
	assert_int_equal(w->end[A].diag, BFD_DIAG_PATH);
	run(w, DUR_S(3));
	assert_true(w->end[A].up && w->end[A].ups == 2 && w->end[B].downs == 1); /* packets still come: it is up again */
	gone(w);
}

static void test_stop(void **state)
{
	(void)state;
	struct world *w = world_up(7);
	assert_int_equal(command(w, A, BFD_CMD_STOP, 0, 0, 0), 0);
	assert_int_equal(command(w, A, BFD_CMD_STOP, 0, 0, 0), -ENOENT);
	assert_int_equal(w->end[A].downs, 0);
	assert_false(bfd_idle(w->end[A].b));
	run(w, DUR_MS(10));
	assert_false(w->end[B].up);
	assert_true(w->end[B].admin); /* RFC 5882 4.2 */
	assert_int_equal(w->end[B].diag, BFD_DIAG_NEIGHBOUR);
	assert_int_equal(w->end[A].last.state, BFD_ADMIN_DOWN);
	assert_int_equal(w->end[A].last.diag, BFD_DIAG_ADMIN);
	/* It listens no more, answers nothing, and another STOP_ALL says nothing. */
	struct bfd_acts acts;
	struct bfd_packet h = hello(w, BFD_DOWN);
	h.poll = true;
	say(w, &w->end[A].path, 255, &h, &acts);
	assert_int_equal(acts.n, 0);
	measure(&w->end[A]);
	command(w, A, BFD_CMD_STOP_ALL, 0, 0, 0);
	assert_int_equal(w->end[A].sent, 0);
	run(w, DUR_S(4)); /* said for a detection time, then gone */
	assert_true(bfd_idle(w->end[A].b));
	assert_in_range(w->end[A].sent, 2, 4);
	struct bfd_view v;
	uint32_t cursor = 0;
	assert_false(bfd_next(w->end[A].b, &cursor, &v));
	assert_int_equal(bfd_due(w->end[A].b), MONO_NEVER);
	/* The other goes on asking, and nobody answers. */
	run(w, DUR_S(20));
	assert_int_equal(w->end[B].ups, 1);
	assert_true(bfd_dropped(w->end[A].b) >= 15);
	gone(w);
}

static void test_stop_and_start(void **state)
{
	(void)state;
	struct world *w = world_up(8);
	uint32_t id = w->end[A].id;
	command(w, A, BFD_CMD_STOP_ALL, 0, 0, 0);
	run(w, DUR_MS(100));
	assert_int_equal(command(w, A, BFD_CMD_START, 0, 0, 0), 0);
	run(w, DUR_S(3));
	assert_true(w->end[A].up && w->end[B].up);
	assert_int_equal(w->end[A].id, id);
	/* Nobody there: gone at once. */
	struct world *alone = world(9);
	command(alone, A, BFD_CMD_START, 0, 0, 0);
	command(alone, A, BFD_CMD_STOP_ALL, 0, 0, 0);
	assert_true(bfd_idle(alone->end[A].b));
	gone(alone);
	gone(w);
}

/* --- Intervals change while up (RFC 5880 6.8.3) --- */
static void test_slower(void **state)
{
	(void)state;
	struct world *w = world_up(10);
	w->end[B].mute = true; /* no Final comes */
	command(w, A, BFD_CMD_START, 100, 600, 3);
	assert_true(w->end[A].last.poll);
	assert_int_equal(w->end[A].last.tx_us, 600000);
	assert_int_equal(w->end[A].last.rx_us, 100000);
	/* Until the neighbour knows: as often as before, and as patient. */
	assert_true(view(w, A).interval == DUR_MS(300) && view(w, A).detection == DUR_MS(900));
	run(w, DUR_MS(20));
	w->end[B].mute = false;
	run(w, DUR_MS(700));
	assert_true(view(w, A).interval == DUR_MS(600)); /* B still sends every 300 ms */
	assert_true(view(w, A).detection == DUR_MS(900) && view(w, B).detection == DUR_MS(1800));
	assert_true(w->end[A].up && w->end[B].up);
	run(w, DUR_S(60));
	assert_true(w->end[A].ups == 1 && w->end[B].ups == 1);
	assert_false(w->end[A].last.poll);
	gone(w);
}

/* Expecting less waits for the Final too: until then the neighbour may send as slowly as before. */
static void test_less_patient(void **state)
{
	(void)state;
	struct world *w = world(16);
	command(w, A, BFD_CMD_START, 600, 300, 3);
	command(w, B, BFD_CMD_START, 300, 100, 3);
	run(w, DUR_S(4));
	assert_true(view(w, A).detection == DUR_MS(1800) && view(w, B).interval == DUR_MS(600));
	w->end[B].mute = true;
	command(w, A, BFD_CMD_START, 200, 300, 3);
	assert_true(view(w, A).detection == DUR_MS(1800));
	run(w, DUR_MS(10));
	w->end[B].mute = false;
	run(w, DUR_S(2));
	assert_true(view(w, A).detection == DUR_MS(600) && view(w, B).interval == DUR_MS(200));
	assert_true(w->end[A].ups == 1 && w->end[B].ups == 1 && w->end[A].up && w->end[B].up);
	gone(w);
}

static void test_faster(void **state)
{
	(void)state;
	struct world *w = world_up(11);
	command(w, A, BFD_CMD_START, 100, 100, 3);
	command(w, B, BFD_CMD_START, 100, 100, 3);
	run(w, DUR_S(1));
	assert_true(view(w, A).interval == DUR_MS(100) && view(w, A).detection == DUR_MS(300));
	measure(&w->end[A]);
	run(w, DUR_S(10));
	assert_in_range(w->end[A].sent, 99, 134);
	assert_true(w->end[A].ups == 1 && w->end[B].ups == 1);
	uint64_t sent = w->end[A].sent;
	command(w, A, BFD_CMD_START, 100, 100, 3); /* nothing new: nothing sent */
	assert_int_equal(w->end[A].sent, sent);
	assert_int_equal(command(w, A, BFD_CMD_START, 1, 100000, 3), 0); /* out of range: the nearest */
	assert_int_equal(w->end[A].last.rx_us, 10000);
	assert_int_equal(w->end[A].last.tx_us, 60000000);
	gone(w);
}

/* --- Loss and reordering --- */
static void test_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 300; seed++) {
		struct world *w = world(seed);
		w->delay = DUR_MS(1);
		w->jitter = DUR_MS(400); /* more than an interval: they overtake one another */
		w->loss = (unsigned)(seed % 60);
		command(w, A, BFD_CMD_START, 0, 0, 3);
		command(w, B, BFD_CMD_START, 0, 0, 3);
		run(w, DUR_S(30));
		/* Safety: who is up has heard something within the detection time; economy: no storm. */
		for (int i = 0; i < 2; i++) {
			struct bfd_view v = view(w, i);
			assert_true(v.detection <= DUR_MS(3000));
			assert_true(w->end[i].sent < 400);
			assert_int_equal(v.ups - v.downs, w->end[i].up);
			assert_int_equal(v.ups, w->end[i].ups);
		}
		/* Liveness: when the path is good again both are up and stay so. */
		w->loss = 0;
		w->jitter = 0;
		run(w, DUR_S(4));
		assert_true(w->end[A].up && w->end[B].up);
		uint32_t ups = w->end[A].ups + w->end[B].ups;
		run(w, DUR_S(20));
		assert_true(w->end[A].up && w->end[B].up && w->end[A].ups + w->end[B].ups == ups);
		gone(w);
	}
}

static void test_random_commands(void **state)
{
	(void)state;
	for (uint64_t seed = 1000; seed < 1100; seed++) {
		struct world *w = world(seed);
		w->loss = 10;
		for (int k = 0; k < 60; k++) {
			int of = (int)(fakes_random(&w->own) % 2);
			uint64_t what = fakes_random(&w->own) % 4;
			if (what == 0)
				(void)command(w, of, BFD_CMD_STOP, 0, 0, 0);
			else
				(void)command(w, of, BFD_CMD_START, 50 + (uint32_t)(fakes_random(&w->own) % 500),
				              50 + (uint32_t)(fakes_random(&w->own) % 500), (uint8_t)(fakes_random(&w->own) % 5));
			run(w, (dur_t)(fakes_random(&w->own) % (uint64_t)DUR_S(3)));
		}
		w->loss = 0;
		command(w, A, BFD_CMD_START, 100, 100, 3);
		command(w, B, BFD_CMD_START, 100, 100, 3);
		run(w, DUR_S(10));
		assert_true(w->end[A].up && w->end[B].up);
		command(w, A, BFD_CMD_STOP_ALL, 0, 0, 0);
		command(w, B, BFD_CMD_STOP_ALL, 0, 0, 0);
		run(w, DUR_S(10));
		assert_true(bfd_idle(w->end[A].b) && bfd_idle(w->end[B].b));
		gone(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_multiplier_of_one),
		cmocka_unit_test(test_unequal),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_path_down),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_and_start),
		cmocka_unit_test(test_slower),
		cmocka_unit_test(test_less_patient),
		cmocka_unit_test(test_faster),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_random_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
