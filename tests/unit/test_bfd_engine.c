/* bfd/: two engines and the path between them on virtual time: coming up, intervals and their Poll Sequences, loss, reordering,
 * silence, what is none of a session's business; the table; what happens when memory or room for actions ends. */
#include "bfd/bfd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ON_WAY = 256, A = 0, B = 1 };

/* One end. */
struct end {
	struct bfd *b;
	struct bfd_path path;            /* to the other */
	bool up, deaf, mute;             /* deaf: what comes is lost; mute: what goes is */
	uint32_t ups, downs, id;
	uint8_t diag;
	bool admin;
	uint64_t sent, got;
	mono_t changed, last_sent;
	dur_t least_gap, most_gap;
	struct bfd_packet last;
};
struct datagram {
	mono_t at;
	int to;
	uint8_t octets[BFD_LEN];
};
struct world {
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	long fail_at;
	size_t blocks;
	struct end end[2];
	struct datagram way[ON_WAY];
	size_t n_way;
	unsigned loss;                   /* percent */
	dur_t delay, jitter;
	uint8_t ttl;
	mono_t now;
};

static void *get(struct mem *m, size_t size)
{
	struct world *w = CONTAINER_OF(m, struct world, mem);
	if (w->fail_at && --w->fail_at == 0)
		return NULL;
	w->blocks++;
	return calloc(1, size);
}

static void put(struct mem *m, void *p, size_t size)
{
	struct world *w = CONTAINER_OF(m, struct world, mem);
	(void)size;
	w->blocks -= p != NULL;
	free(p);
}

static uint64_t next_random(struct world *w)
{
	uint64_t x = w->seed += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void fill(struct rng *r, void *p, size_t n)
{
	struct world *w = CONTAINER_OF(r, struct world, rng);
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)next_random(w);
}

static void send_it(struct world *w, int from, const struct bfd_act *a)
{
	struct end *e = &w->end[from];
	struct span exact = {.p = malloc(BFD_LEN), .n = BFD_LEN};
	dur_t gap = w->now - e->last_sent;

	memcpy((void *)(uintptr_t)exact.p, a->octets, BFD_LEN);
	assert_true(bfd_decode(exact, &e->last));
	free((void *)(uintptr_t)exact.p);
	assert_false(e->last.poll && e->last.final);
	assert_true(e->last.echo_us == 0 && !e->last.demand);
	if (e->sent++) {
		if (gap < e->least_gap)
			e->least_gap = gap;
		if (gap > e->most_gap)
			e->most_gap = gap;
	}
	e->last_sent = w->now;
	if (e->mute || next_random(w) % 100 < w->loss)
		return;
	assert_true(w->n_way < ON_WAY);
	dur_t extra = w->jitter ? (dur_t)(next_random(w) % (uint64_t)w->jitter) : 0;
	struct datagram *d = &w->way[w->n_way++];
	d->at = w->now + w->delay + extra;
	d->to = !from;
	memcpy(d->octets, a->octets, BFD_LEN);
}

static void carry_out(struct world *w, int of, const struct bfd_acts *acts)
{
	struct end *e = &w->end[of];

	for (uint32_t i = 0; i < acts->n; i++) {
		const struct bfd_act *a = &acts->v[i];
		e->id = a->id;
		if (a->type == BFD_ACT_SEND) {
			send_it(w, of, a);
			continue;
		}
		assert_true(a->up != e->up); /* said once */
		assert_true(addr_eq(&a->path.remote, &e->path.remote));
		e->up = a->up;
		e->ups += a->up;
		e->downs += !a->up;
		e->diag = a->diag;
		e->admin = a->admin;
		e->changed = w->now;
	}
}

static void deliver(struct world *w, size_t i)
{
	struct datagram d = w->way[i];
	struct end *e = &w->end[d.to];
	struct bfd_acts acts = {0};

	w->way[i] = w->way[--w->n_way];
	if (e->deaf)
		return;
	uint8_t *exact = malloc(BFD_LEN);
	memcpy(exact, d.octets, BFD_LEN);
	e->got++;
	bfd_input(e->b, &e->path, w->ttl, SPAN(exact, BFD_LEN), w->now, &acts);
	free(exact);
	carry_out(w, d.to, &acts);
}

/* Runs until `end`; the earliest thing first, whatever it is. */
static void run_until(struct world *w, mono_t end)
{
	for (;;) {
		mono_t next = end + 1;
		int what = -1;
		size_t which = 0;
		for (size_t i = 0; i < w->n_way; i++) {
			if (w->way[i].at < next) {
				next = w->way[i].at;
				what = 2;
				which = i;
			}
		}
		for (int i = 0; i < 2; i++) {
			if (bfd_due(w->end[i].b) < next) {
				next = bfd_due(w->end[i].b);
				what = i;
			}
		}
		if (what < 0)
			break;
		w->now = next > w->now ? next : w->now;
		if (what == 2) {
			deliver(w, which);
			continue;
		}
		struct bfd_acts acts = {0};
		bfd_timer(w->end[what].b, w->now, &acts);
		carry_out(w, what, &acts);
	}
	w->now = end;
}

static void run(struct world *w, dur_t d) { run_until(w, w->now + d); }

static int command(struct world *w, int of, uint8_t type, uint32_t rx_ms, uint32_t tx_ms, uint8_t multiplier)
{
	struct bfd_acts acts = {0};
	const struct bfd_cmd cmd = {.type = type, .path = w->end[of].path, .rx_ms = rx_ms, .tx_ms = tx_ms, .multiplier = multiplier};
	int err = bfd_command(w->end[of].b, &cmd, w->now, &acts);

	if (type != BFD_CMD_START)
		w->end[of].up = false; /* who stops it is not told */
	carry_out(w, of, &acts);
	return err;
}

static void measure(struct end *e)
{
	e->sent = e->got = 0;
	e->least_gap = MONO_NEVER;
	e->most_gap = 0;
}

static struct world *world(uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);

	*w = (struct world){.mem = {.get = get, .put = put}, .rng = {.fill = fill}, .seed = seed, .delay = DUR_MS(5), .ttl = 255,
	                    .now = DUR_S(1000)};
	assert_true(addr_parse("10.0.9.2", &w->end[A].path.remote) && addr_parse("10.0.9.1", &w->end[A].path.local));
	w->end[B].path.remote = w->end[A].path.local;
	w->end[B].path.local = w->end[A].path.remote;
	w->end[A].path.ifindex = w->end[B].path.ifindex = 3;
	for (int i = 0; i < 2; i++) {
		w->end[i].b = bfd_new(&w->mem, &w->rng);
		measure(&w->end[i]);
	}
	return w;
}

static void gone(struct world *w)
{
	for (int i = 0; i < 2; i++)
		bfd_free(w->end[i].b);
	assert_int_equal(w->blocks, 0);
	free(w);
}

static struct bfd_view view(struct world *w, int of)
{
	struct bfd_view v;
	uint32_t cursor = 0;
	assert_true(bfd_next(w->end[of].b, &cursor, &v));
	return v;
}

/* Up at both ends, with 300 ms x 3, and quiet. */
static struct world *world_up(uint64_t seed)
{
	struct world *w = world(seed);
	assert_int_equal(command(w, A, BFD_CMD_START, 0, 0, 0), 0);
	assert_int_equal(command(w, B, BFD_CMD_START, 0, 0, 0), 0);
	run(w, DUR_S(4));
	assert_true(w->end[A].up && w->end[B].up);
	return w;
}

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
	measure(&w->end[A]);
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

/* --- A neighbour made by hand --- */
static struct bfd_packet hello(struct world *w, uint8_t st)
{
	return (struct bfd_packet){.state = st, .multiplier = 3, .mine = 0x1234, .yours = w->end[A].id, .tx_us = 300000,
	                           .rx_us = 300000};
}

static void say(struct world *w, const struct bfd_path *path, uint8_t ttl, const struct bfd_packet *p, struct bfd_acts *acts)
{
	uint8_t *exact = malloc(BFD_LEN);
	struct wr out = wr_init(exact, BFD_LEN);
	bfd_encode(&out, p);
	if (p->authenticated)
		exact[1] |= 4;
	acts->n = 0;
	bfd_input(w->end[A].b, path, ttl, SPAN(exact, out.len), w->now, acts);
	free(exact);
}

static void test_not_ours(void **state)
{
	(void)state;
	struct world *w = world(12);
	struct bfd_acts acts;
	command(w, A, BFD_CMD_START, 0, 0, 0);
	struct bfd_path good = w->end[A].path, p;
	struct bfd_packet h = hello(w, BFD_DOWN), bad;

	say(w, &good, 254, &h, &acts); /* RFC 5881 5 */
	p = good, p.multihop = true;
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
	w->end[B].b = bfd_new(&w->mem, &w->rng);
	command(w, B, BFD_CMD_START, 0, 0, 0);
	run(w, DUR_S(3));
	assert_true(w->end[A].up && w->end[B].up);
	assert_int_equal(w->end[A].downs, 1);
	assert_int_not_equal(view(w, A).remote_id, old);
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
			int of = (int)(next_random(w) % 2);
			uint64_t what = next_random(w) % 4;
			if (what == 0)
				(void)command(w, of, BFD_CMD_STOP, 0, 0, 0);
			else
				(void)command(w, of, BFD_CMD_START, 50 + (uint32_t)(next_random(w) % 500),
				              50 + (uint32_t)(next_random(w) % 500), (uint8_t)(next_random(w) % 5));
			run(w, (dur_t)(next_random(w) % (uint64_t)DUR_S(3)));
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

/* --- Where things end --- */
static void test_no_memory(void **state)
{
	(void)state;
	for (long n = 1;; n++) {
		struct world *w = calloc(1, sizeof *w);
		*w = (struct world){.mem = {.get = get, .put = put}, .rng = {.fill = fill}, .seed = 5, .fail_at = n};
		struct bfd_acts acts = {0};
		struct bfd_cmd cmd = {.type = BFD_CMD_START};
		bool failed = false;
		assert_true(addr_parse("10.0.0.1", &cmd.path.remote));
		struct bfd *b = bfd_new(&w->mem, &w->rng);
		failed = !b;
		for (uint32_t i = 0; b && i < 20; i++) {
			cmd.path.ifindex = i + 1;
			int err = bfd_command(b, &cmd, DUR_S(1), &acts);
			assert_true(err == 0 || err == -ENOMEM);
			failed |= err != 0;
			acts.n = 0;
		}
		bool over = w->fail_at > 0;
		assert_false(failed && over); /* a map that cannot grow is no failure (base/hmap.h) */
		bfd_free(b);
		assert_int_equal(w->blocks, 0);
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
		cmocka_unit_test(test_up),             cmocka_unit_test(test_multiplier_of_one), cmocka_unit_test(test_unequal),
		cmocka_unit_test(test_silence),        cmocka_unit_test(test_one_way),           cmocka_unit_test(test_path_down),
		cmocka_unit_test(test_stop),           cmocka_unit_test(test_stop_and_start),    cmocka_unit_test(test_slower),
		cmocka_unit_test(test_faster),         cmocka_unit_test(test_not_ours),          cmocka_unit_test(test_multihop_ttl),
		cmocka_unit_test(test_poll_demand),    cmocka_unit_test(test_restarted),         cmocka_unit_test(test_loss),
		cmocka_unit_test(test_random_commands), cmocka_unit_test(test_no_memory),        cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
