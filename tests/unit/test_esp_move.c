/* Several SAs, peers and devices of a tunnel: one SA after another, SAs that go while packets are on their way, peers that move, peers beside
 * each other, keys beside each other. */
#include "esp_world.h"

/* --- One SA after another --- */
/* Each order in which the halves can come (the initiator's inbound first, then the responder as a whole, then the rest), with packets
 * of the old SA on their way in both directions: none is lost. */
static void test_rekey(void **state)
{
	(void)state;
	struct world *w = world();
	struct child_sa next = child_sa(2000), early = next;
	both_ways(w);
	early.out = (struct esp_sa){0};
	assert_int_equal(esp_sa_install(w->end[A].e, TUNNEL, &early, w->now), 0);
	assert_int_equal(esp_sa_install(w->end[A].e, TUNNEL, &early, w->now), -EEXIST);
	both_ways(w);
	send_one(w, A, 100); /* under the old one, arrives late */
	struct wire late = w->wire[0];
	w->n_wire = 0;
	assert_int_equal(install(w, B, &next), 0);
	send_one(w, B, 100); /* RFC 7296 2.8: on the old one still */
	assert_int_equal(be32(w->wire[0].p), 1000);
	deliver(w, A);
	ripen(w, B, 2001);
	uint32_t packets = w->end[A].packets;
	send_one(w, B, 100);
	assert_int_equal(be32(w->wire[0].p), 2000);
	deliver(w, A); /* on the early half */
	assert_int_equal(w->end[A].packets, packets + 1);
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 1001);
	deliver(w, B);
	assert_int_equal(install(w, A, &next), 0);
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 2001);
	deliver(w, B);
	packets = w->end[B].packets;
	arrive(w, &late);
	free(late.p);
	assert_int_equal(w->end[B].packets, packets + 1);
	assert_int_equal(esp_sa_remove(w->end[A].e, 1000), 0);
	both_ways(w);
	assert_int_equal(esp_sa_remove(w->end[B].e, 1001), 0);
	both_ways(w);
	assert_int_equal(all_drops(w, A) + all_drops(w, B), 0);
	assert_int_equal(esp_sa_remove(w->end[A].e, 1000), -ENOENT);
	world_end(w);
}

/* A responder sends on the new one when something came on it, or when it has been there for a while, or when there is nothing else. An
 * initiator at once. */
static void test_ripe(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct world *w = world();
		struct child_sa next = child_sa(2000), early = next;
		early.out = (struct esp_sa){0};
		assert_int_equal(esp_sa_install(w->end[A].e, TUNNEL, &early, w->now), 0);
		assert_int_equal(install(w, B, &next), 0);
		assert_int_equal(install(w, A, &next), 0);
		assert_true(esp_due(w->end[A].e) == MONO_NEVER);
		assert_true(esp_due(w->end[B].e) == w->now + DUR_MS(500));
		no_event(w, B);
		struct esp_event ev;
		if (how == 0) {
			send_one(w, A, 100);
			assert_int_equal(be32(w->wire[0].p), 2001);
			deliver(w, B);
			assert_true(esp_event_pending(w->end[B].e)); /* control is woken, and nobody else hears of it */
			assert_false(esp_event_next(w->end[B].e, &ev));
			assert_false(esp_event_pending(w->end[B].e));
		} else if (how == 1) {
			w->now += DUR_MS(500);
			esp_timer(w->end[B].e, w->now);
		} else {
			assert_int_equal(esp_sa_retire(w->end[B].e, 1001, w->now), 0);
		}
		send_one(w, B, 100);
		assert_int_equal(be32(w->wire[0].p), 2000);
		deliver(w, A);
		both_ways(w);
		assert_int_equal(all_drops(w, A) + all_drops(w, B), 0);
		if (how < 2)
			assert_true(esp_due(w->end[B].e) == MONO_NEVER);
		world_end(w);
	}
}

/* What the peer sent before it heard that an SA goes is taken for a second, where another one carries on; and no longer. */
static void test_retire(void **state)
{
	(void)state;
	struct world *w = world();
	struct wire late[2];
	for (int i = 0; i < 2; i++) {
		send_one(w, B, 100);
		late[i] = w->wire[0];
		w->n_wire = 0;
	}
	struct child_sa next = child_sa(2000), again = child_sa(1000);
	install_both(w, &next);
	assert_int_equal(esp_sa_retire(w->end[A].e, 1000, w->now), 0);
	assert_int_equal(esp_sa_retire(w->end[A].e, 1000, w->now), -ENOENT);
	assert_int_equal(install(w, A, &again), -EEXIST);
	assert_true(esp_due(w->end[A].e) == w->now + DUR_S(1));
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 2001);
	deliver(w, B);
	uint32_t packets = w->end[A].packets;
	struct endpoint moved = w->end[B].at; /* of no interest to anybody any more */
	moved.port++;
	arrive_from(w, A, &moved, late[0].p, late[0].n, late[0].tos);
	assert_int_equal(w->end[A].packets, packets + 1);
	no_event(w, A);
	assert_int_equal(all_drops(w, A), 0);
	w->now += DUR_S(1);
	esp_timer(w->end[A].e, w->now);
	assert_null(child_find(w->end[A].e, 1000));
	arrive(w, &late[1]);
	assert_int_equal(w->end[A].packets, packets + 1);
	assert_int_equal(drops(w, A, 0, ESP_DROP_SPI), 1);
	for (int i = 0; i < 2; i++)
		free(late[i].p);
	/* The last one goes at once, and so does a half. */
	assert_int_equal(esp_sa_retire(w->end[A].e, 2000, w->now), 0);
	assert_null(child_find(w->end[A].e, 2000));
	next = child_sa(3000);
	next.out = (struct esp_sa){0};
	assert_int_equal(esp_sa_install(w->end[A].e, TUNNEL, &next, w->now), 0);
	assert_int_equal(esp_sa_retire(w->end[A].e, 3000, w->now), 0);
	assert_null(child_find(w->end[A].e, 3000));
	world_end(w);
}

/* One that retires has no longer to live than it had. */
static void test_retire_hard(void **state)
{
	(void)state;
	struct child_sa s = child_sa(1000), next = child_sa(2000), last = child_sa(3000);
	s.life.hard_s = 10;
	next.life.hard_s = 100;
	struct world *w = world_with(&s);
	mono_t start = w->now;
	install_both(w, &next);
	assert_int_equal(esp_sa_retire(w->end[A].e, 1000, start + DUR_MS(9500)), 0);
	esp_timer(w->end[A].e, start + DUR_S(10));
	assert_null(child_find(w->end[A].e, 1000));
	no_event(w, A);
	install_both(w, &last);
	assert_int_equal(esp_sa_retire(w->end[A].e, 2000, start + DUR_S(11)), 0);
	assert_true(esp_due(w->end[A].e) == start + DUR_S(12));
	world_end(w);
}

/* The newest goes first: the one before is sent on again. */
static void test_fall_back(void **state)
{
	(void)state;
	struct world *w = world();
	struct child_sa next = child_sa(2000), third = child_sa(3000);
	install_both(w, &next);
	install_both(w, &third);
	assert_int_equal(esp_sa_remove(w->end[A].e, 3000), 0);
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 2001);
	assert_int_equal(esp_sa_remove(w->end[A].e, 1000), 0);
	lose_wire(w);
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 2001);
	assert_int_equal(esp_sa_remove(w->end[A].e, 2000), 0);
	lose_wire(w);
	send_one(w, A, 100);
	assert_int_equal(w->n_wire, 0);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_NO_SA), 1);
	world_end(w);
}

/* Two peers of one tunnel behind one address or two, each with a device; SAs interleaved in one batch, more than a look goes back. */
static void test_many_peers(void **state)
{
	enum { PEERS = 40 };
	(void)state;
	struct world *w = world();
	for (uint32_t i = 0; i < PEERS; i++) {
		struct child_sa s = child_sa(5000 + 2 * i);
		struct esp_device d = w->device;
		s.remote = v4(203, 0, 113, (uint8_t)i);
		d.id = 100 + i;
		d.remote = s.remote;
		assert_int_equal(install(w, A, &s), 0);
		assert_int_equal(esp_device_set(w->end[A].e, &d), 0);
	}
	uint8_t p[64];
	frame_v4(w, p, sizeof p, 0, true);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < PEERS; i++)
			put_octets(w, A, 100 + i, p, sizeof p);
	}
	flush(w, A);
	assert_int_equal(w->n_wire, 3 * PEERS);
	for (uint32_t i = 0; i < w->n_wire; i++) {
		assert_int_equal(be32(w->wire[i].p), 5001 + 2 * (i % PEERS));
		assert_int_equal(be32(w->wire[i].p + 4), i / PEERS + 1);
	}
	lose_wire(w);
	/* a device for all of the tunnel has the newest of all */
	send_one(w, A, 100);
	assert_int_equal(be32(w->wire[0].p), 5001 + 2 * (PEERS - 1));
	lose_wire(w);
	/* inwards: the peer's own device, else the tunnel's */
	struct child_sa s = child_sa(5000), m = mirrored(&s);
	m.local = v4(203, 0, 113, 0);
	assert_int_equal(esp_sa_install(w->end[B].e, TUNNEL, &m, w->now), 0);
	ripen(w, B, m.in.spi);
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(w->end[A].device, 100);
	esp_device_del(w->end[A].e, 100);
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(w->end[A].device, GRE1);
	esp_device_del(w->end[A].e, GRE1);
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(drops(w, A, TUNNEL, ESP_DROP_NO_DEVICE), 1);
	world_end(w);
}

/* Tunnels whose peers are behind one NAT: one address, a port each. SPIs and devices keep them apart. */
static void test_one_nat(void **state)
{
	enum { PEERS = 20 };
	(void)state;
	struct world *w = world();
	struct esp *e = w->end[A].e;
	uint8_t p[64];
	frame_v4(w, p, sizeof p, 0, true);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct child_sa s = child_sa(5000 + 2 * i), m = mirrored(&s);
		struct esp_device d = w->device;
		d.id = d.tunnel = 100 + i;
		d.remote = s.remote;
		s.encap_dport = (uint16_t)(1024 + i);
		assert_int_equal(esp_device_set(e, &d), 0);
		assert_int_equal(esp_sa_install(e, 100 + i, &s, w->now), 0);
		d.remote = (struct addr){0};
		assert_int_equal(esp_device_set(w->end[B].e, &d), 0);
		assert_int_equal(esp_sa_install(w->end[B].e, 100 + i, &m, w->now), 0);
	}
	for (uint32_t i = 0; i < PEERS; i++) {
		put_octets(w, A, 100 + i, p, sizeof p);
		flush(w, A);
		assert_int_equal(w->run.to.port, 1024 + i);
		assert_int_equal(be32(w->wire[0].p), 5001 + 2 * i);
		lose_wire(w);
		put_octets(w, B, 100 + i, p, sizeof p);
		flush(w, B);
		struct endpoint from = {.addr = w->end[B].at.addr, .port = (uint16_t)(1024 + i)};
		arrive_from(w, A, &from, w->wire[0].p, w->wire[0].n, 0);
		lose_wire(w);
		assert_int_equal(w->end[A].frames, i + 1);
		assert_int_equal(w->end[A].device, 100 + i);
	}
	no_event(w, A);
	assert_int_equal(all_drops(w, A), 0);
	world_end(w);
}

/* Devices of one tunnel by their keys, within one batch. */
static void test_many_keys(void **state)
{
	(void)state;
	struct world *w = world();
	struct esp_device d = w->device;
	uint8_t p[64];
	for (int end = 0; end < 2; end++) {
		for (uint32_t i = 0; i < 3; i++) {
			d.id = 10 + i;
			d.key_set = true;
			d.key = i;
			assert_int_equal(esp_device_set(w->end[end].e, &d), 0);
		}
	}
	frame_v4(w, p, sizeof p, 0, true);
	for (int i = 0; i < 9; i++)
		put_octets(w, A, i % 3 == 2 ? GRE1 : 10u + (uint32_t)i % 3, p, sizeof p);
	flush(w, A);
	struct esp_rx *rx = w->end[B].rx;
	const struct esp_frame *f;
	for (unsigned i = 0; i < w->n_wire; i++)
		assert_true(esp_rx_put(rx, w->wire[i].p, w->wire[i].n, 0, &w->end[A].at, &w->end[B].at.addr, 0));
	esp_rx_open(rx, w->now);
	for (unsigned i = 0; i < w->n_wire; i++) {
		f = esp_rx_next(rx);
		assert_non_null(f);
		assert_int_equal(f->device, i % 3 == 2 ? GRE1 : 10 + i % 3);
	}
	assert_null(esp_rx_next(rx));
	world_end(w);
}

/* --- Where the peer is --- */
static void test_mapping(void **state)
{
	(void)state;
	struct world *w = world();
	struct endpoint moved = {.addr = v4(198, 51, 100, 2), .port = 61000}, third = {.addr = v4(198, 51, 100, 99), .port = 4500};
	for (int i = 0; i < 12; i++)
		send_one(w, B, 100);
	struct wire *x = w->wire;
	arrive_from(w, A, &w->end[B].at, x[0].p, x[0].n, 0);
	no_event(w, A);
	/* not authentic, a copy, too old: no word of it */
	x[1].p[40] ^= 1;
	arrive_from(w, A, &moved, x[1].p, x[1].n, 0);
	x[1].p[40] ^= 1;
	arrive_from(w, A, &moved, x[0].p, x[0].n, 0);
	no_event(w, A);
	arrive_from(w, A, &moved, x[2].p, x[2].n, 0);
	struct esp_event ev = event(w, A, ESP_EV_MAPPING, 1000);
	assert_true(endpoint_eq(&ev.source, &moved));
	arrive_from(w, A, &moved, x[3].p, x[3].n, 0);
	no_event(w, A); /* once */
	arrive_from(w, A, &w->end[B].at, x[1].p, x[1].n, 0);
	no_event(w, A); /* held back on the way: says nothing about now */
	/* nothing is followed before somebody decides */
	send_one(w, A, 100);
	assert_true(endpoint_eq(&w->run.to, &w->end[B].at));
	assert_int_equal(esp_sa_move(w->end[A].e, 1000, &w->end[A].at.addr, &moved), 0);
	send_one(w, A, 100);
	assert_true(endpoint_eq(&w->run.to, &moved));
	x = w->wire;
	arrive_from(w, A, &moved, x[11].p, x[11].n, 0);
	arrive_from(w, A, &w->end[B].at, x[10].p, x[10].n, 0); /* late, from where it was */
	no_event(w, A);
	for (int i = 0; i < 10; i++)
		send_one(w, B, 100);
	x = w->wire + 9; /* two of A's lie in between */
	/* to another address and back before anybody asked: no news; then away again: news */
	arrive_from(w, A, &third, x[5].p, x[5].n, 0);
	arrive_from(w, A, &moved, x[6].p, x[6].n, 0);
	no_event(w, A);
	arrive_from(w, A, &third, x[7].p, x[7].n, 0);
	ev = event(w, A, ESP_EV_MAPPING, 1000);
	assert_true(endpoint_eq(&ev.source, &third));
	/* moved while news wait: they are old */
	arrive_from(w, A, &w->end[B].at, x[8].p, x[8].n, 0);
	assert_int_equal(esp_sa_move(w->end[A].e, 1000, &third.addr, &third), 0);
	no_event(w, A);
	send_one(w, A, 100);
	assert_true(addr_eq(&w->run.from, &third.addr));
	assert_int_equal(esp_sa_move(w->end[A].e, 999, &third.addr, &third), -ENOENT);
	/* and news of a child that is gone are none */
	arrive_from(w, A, &moved, x[9].p, x[9].n, 0);
	assert_true(esp_event_pending(w->end[A].e));
	assert_int_equal(esp_sa_remove(w->end[A].e, 1000), 0);
	no_event(w, A);
	world_end(w);
}

/* An SA that moves to another address changes its place among the peers of its tunnel, not its age. */
static void test_move_between_peers(void **state)
{
	(void)state;
	struct world *w = world();
	struct child_sa other = child_sa(2000);
	other.remote = v4(203, 0, 113, 5);
	assert_int_equal(install(w, A, &other), 0);
	struct esp_device d = w->device;
	d.id = 2;
	d.remote = other.remote;
	assert_int_equal(esp_device_set(w->end[A].e, &d), 0);
	uint8_t p[64];
	frame_v4(w, p, sizeof p, 0, true);
	struct endpoint to = {.addr = other.remote, .port = 1};
	assert_int_equal(esp_sa_move(w->end[A].e, 1000, &w->end[A].at.addr, &to), 0);
	put_octets(w, A, 2, p, sizeof p);
	put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	assert_int_equal(be32(w->wire[0].p), 2001); /* the newer of the two that are there now */
	assert_int_equal(be32(w->wire[1].p), 2001);
	lose_wire(w);
	to.addr = v4(203, 0, 113, 6);
	assert_int_equal(esp_sa_move(w->end[A].e, 2000, &w->end[A].at.addr, &to), 0);
	put_octets(w, A, 2, p, sizeof p);
	put_octets(w, A, GRE1, p, sizeof p);
	flush(w, A);
	assert_int_equal(be32(w->wire[0].p), 1001);
	assert_int_equal(be32(w->wire[1].p), 2001);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey), cmocka_unit_test(test_ripe), cmocka_unit_test(test_retire), cmocka_unit_test(test_retire_hard),
		cmocka_unit_test(test_fall_back), cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_many_keys), cmocka_unit_test(test_one_nat), cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_move_between_peers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
