/* For the tests of bfd/: two engines and the path between them on virtual time, with loss, delay and reordering; or one
 * engine and a neighbour made by hand. */
#ifndef TESTS_BFD_WORLD_H
#define TESTS_BFD_WORLD_H

#include "bfd/bfd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes.h"

#define USED_OR_NOT __attribute__((unused))

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
	struct fakes own;
	struct end end[2];
	struct datagram way[ON_WAY];
	size_t n_way;
	unsigned loss;                   /* percent */
	dur_t delay, jitter;
	uint8_t ttl;
	mono_t now;
};

static USED_OR_NOT void send_it(struct world *w, int from, const struct bfd_act *a)
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
	if (e->mute || fakes_random(&w->own) % 100 < w->loss)
		return;
	assert_true(w->n_way < ON_WAY);
	dur_t extra = w->jitter ? (dur_t)(fakes_random(&w->own) % (uint64_t)w->jitter) : 0;
	struct datagram *d = &w->way[w->n_way++];
	d->at = w->now + w->delay + extra;
	d->to = !from;
	memcpy(d->octets, a->octets, BFD_LEN);
}

static USED_OR_NOT void carry_out(struct world *w, int of, const struct bfd_acts *acts)
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

static USED_OR_NOT void deliver(struct world *w, size_t i)
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
static USED_OR_NOT void run_until(struct world *w, mono_t end)
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

static USED_OR_NOT void run(struct world *w, dur_t d) { run_until(w, w->now + d); }

static USED_OR_NOT int command(struct world *w, int of, uint8_t type, uint32_t rx_ms, uint32_t tx_ms, uint8_t multiplier)
{
	struct bfd_acts acts = {0};
	const struct bfd_cmd cmd = {.type = type, .path = w->end[of].path, .rx_ms = rx_ms, .tx_ms = tx_ms, .multiplier = multiplier};
	int err = bfd_command(w->end[of].b, &cmd, w->now, &acts);

	if (type != BFD_CMD_START)
		w->end[of].up = false; /* who stops it is not told */
	carry_out(w, of, &acts);
	return err;
}

static USED_OR_NOT void measure(struct end *e)
{
	e->sent = e->got = 0;
	e->least_gap = MONO_NEVER;
	e->most_gap = 0;
}

static USED_OR_NOT struct world *world(uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);

	*w = (struct world){.own = fakes_new(seed), .delay = DUR_MS(5), .ttl = 255,
	                    .now = DUR_S(1000)};
	assert_true(addr_parse("10.0.9.2", &w->end[A].path.remote) && addr_parse("10.0.9.1", &w->end[A].path.local));
	w->end[B].path.remote = w->end[A].path.local;
	w->end[B].path.local = w->end[A].path.remote;
	w->end[A].path.ifindex = w->end[B].path.ifindex = 3;
	for (int i = 0; i < 2; i++) {
		w->end[i].b = bfd_new(&w->own.mem, &w->own.rng);
		measure(&w->end[i]);
	}
	return w;
}

static USED_OR_NOT void gone(struct world *w)
{
	for (int i = 0; i < 2; i++)
		bfd_free(w->end[i].b);
	assert_int_equal(w->own.blocks, 0);
	free(w);
}

static USED_OR_NOT struct bfd_view view(struct world *w, int of)
{
	struct bfd_view v;
	uint32_t cursor = 0;
	assert_true(bfd_next(w->end[of].b, &cursor, &v));
	return v;
}

/* Up at both ends, with 300 ms x 3, and quiet. */
static USED_OR_NOT struct world *world_up(uint64_t seed)
{
	struct world *w = world(seed);
	assert_int_equal(command(w, A, BFD_CMD_START, 0, 0, 0), 0);
	assert_int_equal(command(w, B, BFD_CMD_START, 0, 0, 0), 0);
	run(w, DUR_S(4));
	assert_true(w->end[A].up && w->end[B].up);
	return w;
}

static USED_OR_NOT struct bfd_packet hello(struct world *w, uint8_t st)
{
	return (struct bfd_packet){.state = st, .multiplier = 3, .mine = 0x1234, .yours = w->end[A].id, .tx_us = 300000,
	                           .rx_us = 300000};
}

static USED_OR_NOT void say(struct world *w, const struct bfd_path *path, uint8_t ttl, const struct bfd_packet *p, struct bfd_acts *acts)
{
	uint8_t *exact = malloc(BFD_LEN + 4);
	struct wr out = wr_init(exact, BFD_LEN + 4);
	bfd_encode(&out, p);
	if (p->authenticated) { /* a password of one octet behind it (RFC 5880 4.2) */
		wr_u32(&out, 0x01040141);
		exact[1] |= 4;
		exact[3] = BFD_LEN + 4;
	}
	acts->n = 0;
	bfd_input(w->end[A].b, path, ttl, SPAN(exact, out.len), w->now, acts);
	free(exact);
}

#endif
