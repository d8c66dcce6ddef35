/* An SA in time: lifetimes, the end of sequence numbers, the window; what is refused, what may change, memory that ends. */
#include "esp_world.h"

static const struct child *inside(struct world *w, int of, uint32_t spi) { return child_find(w->end[of].e, spi); }

static void set_sequence(struct world *w, int of, uint32_t spi, uint64_t seq)
{
	struct child *c = child_find(w->end[of].e, spi);
	assert_non_null(c);
	atomic_store(&c->seq, seq);
}

/* --- Lifetimes --- */
static void test_seconds(void **state)
{
	(void)state;
	struct child_sa s = child_sa(1000);
	s.life = (struct lifetime){.soft_s = 100, .hard_s = 130};
	struct world *w = world_with(&s);
	mono_t start = w->now;
	assert_true(esp_due(w->end[A].e) == start + DUR_S(100));
	esp_timer(w->end[A].e, start + DUR_S(100) - 1);
	no_event(w, A);
	esp_timer(w->end[A].e, start + DUR_S(100));
	assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	no_event(w, A);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 1);
	assert_true(esp_due(w->end[A].e) == start + DUR_S(130));
	esp_timer(w->end[A].e, start + DUR_S(130));
	assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	no_event(w, A);
	assert_true(esp_due(w->end[A].e) == MONO_NEVER);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 1);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_EXPIRED), 1);
	lose_wire(w);
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(w->end[A].frames, 0);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_EXPIRED), 2);
	world_end(w);
}

/* One limit without the other, and both missed while nobody looked: soft comes first. */
static void test_seconds_alone(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct child_sa s = child_sa(1000);
		s.life = (struct lifetime){.soft_s = i == 1 ? 0 : 10, .hard_s = i == 0 ? 0 : 20};
		struct world *w = world_with(&s);
		esp_timer(w->end[A].e, w->now + DUR_S(1000));
		if (i != 1)
			assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
		if (i != 0)
			assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
		no_event(w, A);
		assert_true(esp_due(w->end[A].e) == MONO_NEVER);
		world_end(w);
	}
}

/* A packet that finds no SA is told, once a second, whatever comes meanwhile. */
static void test_wanted(void **state)
{
	(void)state;
	struct child_sa s = child_sa(1000);
	struct world *w = world_with(&s);
	struct esp_event ev;
	struct esp *e = w->end[A].e;
	assert_int_equal(esp_sa_remove(e, 1000), 0);
	for (int second = 0; second < 3; second++) {
		for (int i = 0; i < 50; i++)
			send_one(w, A, 100);
		assert_true(esp_event_pending(e));
		assert_true(esp_event_next(e, &ev));
		assert_int_equal(ev.type, ESP_EV_WANTED);
		assert_int_equal(ev.tunnel, TUNNEL);
		no_event(w, A);
		assert_false(esp_event_pending(e));
		w->now += DUR_S(1);
	}
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_NO_SA), 150);
	send_one(w, A, 100); /* told to nobody when all ends */
	world_end(w);
}

static void test_packets_bytes(void **state)
{
	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct child_sa s = child_sa(1000);
		if (bytes)
			s.life = (struct lifetime){.soft_bytes = 5 * 104, .hard_bytes = 8 * 104};
		else
			s.life = (struct lifetime){.soft_packets = 5, .hard_packets = 8};
		struct world *w = world_with(&s);
		for (int i = 1; i <= 10; i++) {
			send_one(w, A, 100);
			assert_int_equal(w->n_wire, i <= 8 ? i : 8);
			if (i == 5)
				assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
			else if (i == 8)
				assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
			no_event(w, A);
		}
		assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_EXPIRED), 2);
		/* the receiver's own, in one batch */
		deliver(w, B);
		assert_int_equal(w->end[B].packets, 8);
		assert_false(event(w, B, ESP_EV_EXPIRE, 1001).hard);
		assert_true(event(w, B, ESP_EV_EXPIRE, 1001).hard);
		struct sa_counters c;
		assert_int_equal(esp_sa_query(w->end[B].e, 1001, w->now + DUR_S(5), 7777, &c), 0);
		assert_int_equal(c.packets_in, 8);
		assert_int_equal(c.bytes_in, 8 * 104);
		assert_int_equal(c.last_in_s, 7772);
		assert_int_equal(c.packets_out + c.bytes_out + (uint64_t)c.last_out_s, 0);
		assert_int_equal(esp_sa_query(w->end[A].e, 1000, w->now, 7777, &c), 0);
		assert_int_equal(c.packets_out, 8);
		assert_int_equal(c.bytes_out, 8 * 104);
		assert_int_equal(c.last_out_s, 7777);
		assert_int_equal(esp_sa_query(w->end[A].e, 1, w->now, 7777, &c), -ENOENT);
		world_end(w);
	}
}

/* A batch that goes over the limit is cut at it. */
static void test_limit_in_batch(void **state)
{
	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct child_sa s = child_sa(1000);
		s.life.hard_packets = bytes ? 0 : 100;
		s.life.hard_bytes = bytes ? 99 * 68 + 1 : 0;
		struct world *w = world_with(&s);
		uint8_t p[64];
		frame_v4(w, p, sizeof p, 0, true);
		for (int i = 0; i < 150; i++)
			put_octets(w, A, GRE1, p, sizeof p);
		flush(w, A);
		assert_int_equal(w->n_wire, 100);
		assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_EXPIRED), 50);
		world_end(w);
	}
}

/* --- Sequence numbers --- */
/* RFC 4303 3.3.3: the number must not cycle. The last one is used, then there is silence. */
static void test_sequence_end(void **state)
{
	(void)state;
	struct world *w = world();
	uint8_t p[64];
	set_sequence(w, A, 1000, UINT32_MAX - UINT32_MAX / 8 - 2);
	send_one(w, A, 100);
	no_event(w, A);
	send_one(w, A, 100);
	assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	set_sequence(w, A, 1000, UINT32_MAX - 70);
	frame_v4(w, p, sizeof p, 0, true);
	for (int i = 0; i < 80; i++)
		put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	assert_int_equal(w->n_wire, 72);
	assert_int_equal(be32(w->wire[71].p + 4), UINT32_MAX);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_SEQUENCE), 10);
	assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 72);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_SEQUENCE), 11);
	no_event(w, A);
	deliver(w, B);
	assert_int_equal(w->end[B].packets, 72);
	/* what comes in is of no number of ours: it stops as well, since the child is over */
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_EXPIRED), 1);
	world_end(w);
}

/* The last number of all is used, and said to be the last at once. */
static void test_last_number(void **state)
{
	(void)state;
	struct world *w = world();
	set_sequence(w, A, 1000, UINT32_MAX - 2);
	send_one(w, A, 100);
	assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	no_event(w, A);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 2);
	assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	assert_int_equal(all_drops(w, A), 0);
	world_end(w);
}

/* With extended numbers it goes on over 2^32; both ends agree on the upper half, which is authenticated only. */
static void test_esn(void **state)
{
	(void)state;
	struct child_sa s = child_sa(1000);
	s.suite.esn = ESN_YES;
	struct world *w = world_with(&s);
	/* RFC 4303 A2.2: from the beginning to the end of a subspace at once is read as a step back */
	set_sequence(w, A, 1000, UINT32_MAX - 4);
	send_one(w, A, 100);
	deliver(w, B);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_OLD), 1);
	set_sequence(w, A, 1000, 1u << 31);
	send_one(w, A, 100);
	deliver(w, B);
	set_sequence(w, A, 1000, UINT32_MAX - 4);
	for (int i = 0; i < 10; i++)
		send_one(w, A, 100);
	no_event(w, A);
	/* out of order over the edge */
	for (int i = 9; i >= 0; i--)
		arrive(w, &w->wire[i]);
	assert_int_equal(w->end[B].packets, 11);
	for (int i = 0; i < 10; i++)
		arrive(w, &w->wire[i]);
	assert_int_equal(w->end[B].packets, 11);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_DUP), 10);
	assert_true(inside(w, B, 1001)->replay.top == (uint64_t)UINT32_MAX + 6);
	/* the same lower half, a whole subspace on: another number, and not authentic as this one */
	lose_wire(w);
	set_sequence(w, A, 1000, ((uint64_t)3 << 32) + 100);
	send_one(w, A, 100);
	deliver(w, B);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_AUTH), 1);
	assert_int_equal(w->end[B].packets, 11);
	/* the hard end */
	set_sequence(w, A, 1000, UINT64_MAX - UINT32_MAX - 1);
	send_one(w, A, 100);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 1);
	assert_false(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	assert_true(event(w, A, ESP_EV_EXPIRE, 1000).hard);
	world_end(w);
}

/* --- The window, through the whole path --- */
static void test_replay(void **state)
{
	(void)state;
	struct world *w = world();
	for (int i = 0; i < 100; i++)
		send_one(w, A, 100);
	arrive(w, &w->wire[0]);
	arrive(w, &w->wire[0]);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_DUP), 1);
	/* a forged packet does not move the window */
	uint8_t *forged = malloc(w->wire[99].n);
	memcpy(forged, w->wire[99].p, w->wire[99].n);
	forged[40] ^= 1;
	arrive_from(w, B, &w->end[A].at, forged, w->wire[99].n, 0);
	free(forged);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_AUTH), 1);
	assert_true(inside(w, B, 1001)->replay.top == 1);
	/* a number that was there already is not worth a decryption */
	w->wire[0].p[40] ^= 1;
	arrive(w, &w->wire[0]);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_AUTH), 1);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_DUP), 2);
	arrive(w, &w->wire[99]);
	arrive(w, &w->wire[36]); /* 100 - 64 + 1 */
	assert_int_equal(w->end[B].packets, 3);
	arrive(w, &w->wire[35]);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_OLD), 1);
	/* twice in one batch: once */
	for (int i = 0; i < 2; i++) {
		uint8_t *twin = malloc(w->wire[50].n);
		memcpy(twin, w->wire[50].p, w->wire[50].n);
		w->wire[40 + i].n = w->wire[50].n;
		free(w->wire[40 + i].p);
		w->wire[40 + i].p = twin;
		assert_true(esp_rx_put(w->end[B].rx, twin, w->wire[50].n, 0, &w->end[A].at, &w->end[B].at.addr, 0));
	}
	esp_rx_open(w->end[B].rx, w->now);
	take_frames(&w->end[B]);
	assert_int_equal(w->end[B].packets, 4);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_REPLAY_DUP), 3);
	struct sa_counters c;
	assert_int_equal(esp_sa_query(w->end[B].e, 1001, w->now, 0, &c), 0);
	assert_int_equal(c.replay_drops, 3);
	assert_int_equal(c.replay_window_drops, 1);
	assert_int_equal(c.integrity_drops, 1);
	assert_int_equal(c.packets_in, 4);
	world_end(w);
}

/* --- What is refused --- */
static void test_refusals(void **state)
{
	(void)state;
	struct world *w = world();
	struct esp *e = w->end[A].e;
	struct child_sa s = child_sa(2000);
	assert_int_equal(esp_sa_install(e, TUNNEL, &w->sa, w->now), -EEXIST);
	s.encap = false;
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), -ENOTSUP);
	s = child_sa(2000), s.sel.proto = 6;
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), -ENOTSUP);
	s = child_sa(2000), s.sel.remote_port = 6;
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), -ENOTSUP);
	s = child_sa(2000), s.suite.encr = 99;
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), -ENOTSUP);
	s = child_sa(255);
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), -EINVAL);
	s = child_sa(2000), s.out.spi = 0;
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), 0);
	s = child_sa(2000);
	assert_int_equal(esp_sa_install(e, TUNNEL + 1, &s, w->now), -EEXIST);
	assert_int_equal(esp_sa_install(e, TUNNEL, &s, w->now), 0);
	assert_null(child_find(e, 255));
	world_end(w);
}

/* A device may change in all that it has; its tunnel's drops outlive it in the sum of all. */
static void test_devices(void **state)
{
	(void)state;
	struct world *w = world();
	struct esp_device d = w->device;
	d.key_set = true;
	d.key = 5;
	assert_int_equal(esp_device_set(w->end[A].e, &d), 0);
	send_one(w, A, 100);
	deliver(w, B);
	assert_int_equal(drops(w, B, TUNNEL, ESP_DROP_GRE_KEY), 1);
	assert_int_equal(esp_device_set(w->end[B].e, &d), 0);
	both_ways(w);
	esp_count(w->end[A].e, 1, GRE1, ESP_DROP_DEVICE, 3);
	esp_count(w->end[A].e, 0, GRE1, ESP_DROP_DEVICE, 2);
	esp_count(w->end[A].e, 0, 777, ESP_DROP_SEND, 4);
	esp_count(w->end[A].e, 0, GRE1, ESP_DROP_N, 4);
	esp_count(w->end[A].e, 2, GRE1, ESP_DROP_SEND, 4);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_DEVICE), 5);
	assert_int_equal(drops(w, A, 0, ESP_DROP_SEND), 4);
	d.tunnel = TUNNEL + 1;
	assert_int_equal(esp_device_set(w->end[A].e, &d), 0);
	send_one(w, A, 100);
	assert_int_equal(drops(w, A, TUNNEL + 1, ESP_DROP_NO_SA), 1);
	assert_int_equal(esp_sa_remove(w->end[A].e, 1000), 0);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_DEVICE), 0);
	assert_int_equal(drops(w, A, 0, ESP_DROP_DEVICE), 5);
	esp_device_del(w->end[A].e, GRE1);
	esp_device_del(w->end[A].e, GRE1);
	assert_int_equal(drops(w, A, 0, ESP_DROP_NO_SA), 1);
	for (unsigned i = 0; i < ESP_DROP_N; i++)
		assert_true(strlen(esp_drop_name((uint8_t)i)) > 2);
	assert_string_equal(esp_drop_name(ESP_DROP_REPLAY_OLD), "replay-old");
	assert_string_equal(esp_drop_name(ESP_DROP_N), "unknown");
	world_end(w);
}

/* The n-th allocation fails, for every n: nothing is left behind, and what was there still works. */
static void test_no_memory(void **state)
{
	(void)state;
	bool whole = false;
	for (long n = 1; !whole; n++) {
		struct world *w = world_empty();
		struct child_sa s = child_sa(1000), next = child_sa(2000);
		struct endpoint to = {.addr = v4(203, 0, 113, 9), .port = 4500};
		w->own.fail_at = n;
		bool ok = world_begin(w);
		if (ok) {
			ok = install(w, A, &s) == 0;
			ok = install(w, B, &s) == 0 && ok;
			bool works = ok;
			int rc = install(w, A, &next);
			ok = rc == 0 && ok;
			assert_true(rc == 0 || rc == -ENOMEM);
			rc = esp_sa_move(w->end[A].e, 1000, &s.local, &to);
			ok = rc == 0 && ok;
			assert_true(rc == 0 || rc == -ENOMEM || rc == -ENOENT);
			struct esp_device d = w->device;
			d.remote = v4(203, 0, 113, 77);
			rc = esp_device_set(w->end[B].e, &d);
			ok = rc == 0 && ok;
			assert_true(rc == 0 || rc == -ENOMEM);
			whole = w->own.fail_at > 0;
			w->own.fail_at = 0;
			assert_int_equal(esp_device_set(w->end[B].e, &w->device), 0);
			if (works) {
				assert_true(install(w, A, &next) != -ENOMEM);
				assert_int_equal(install(w, B, &next), 0);
				both_ways(w);
			}
		}
		assert_true(ok || !whole);
		world_end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds), cmocka_unit_test(test_seconds_alone),
		cmocka_unit_test(test_wanted), cmocka_unit_test(test_packets_bytes), cmocka_unit_test(test_limit_in_batch),
		cmocka_unit_test(test_sequence_end), cmocka_unit_test(test_last_number), cmocka_unit_test(test_esn),
		cmocka_unit_test(test_replay), cmocka_unit_test(test_refusals), cmocka_unit_test(test_devices),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
