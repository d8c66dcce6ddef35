/* For the tests of esp/: two ends with a tunnel, frames for it, and what comes of them. What travels lies in heap blocks of exact size. */
#ifndef TESTS_ESP_WORLD_H
#define TESTS_ESP_WORLD_H

#include "esp/esp.h"
#include "esp/esp_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes.h"

#define USED_OR_NOT __attribute__((unused))

enum { A = 0, B = 1, TUNNEL = 7, GRE1 = 1, WIRE_MAX = 4096, FRAME_ROOM = 65536 };

struct end {
	struct esp *e;
	struct esp_tx *tx;
	struct esp_rx *rx;
	struct endpoint at;              /* where it sends from */
	uint32_t device;                 /* of the last frame that came */
	uint32_t frames, packets;
	uint8_t last[FRAME_ROOM];        /* the last frame */
	size_t last_n;
	struct esp_vnet vnet;
};
struct wire {
	uint8_t *p;
	size_t n;
	int to;
	uint8_t tos;
};
struct world {
	struct fakes own;
	struct crypto *crypto;           /* for tests with real keys */
	uint8_t backend;
	struct end end[2];
	struct wire wire[WIRE_MAX];
	unsigned n_wire;
	struct esp_dgrams run;           /* the last */
	unsigned runs;
	mono_t now;
	struct esp_device device;
	struct child_sa sa;              /* as A has it */
};

static USED_OR_NOT struct addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return addr_from((uint8_t[]){a, b, c, d}, 4); }

/* The SA as the other end has it. */
static USED_OR_NOT struct child_sa mirrored(const struct child_sa *s)
{
	struct child_sa m = *s;
	m.local = s->remote;
	m.remote = s->local;
	m.in = s->out;
	m.out = s->in;
	m.encap_sport = s->encap_dport;
	m.encap_dport = s->encap_sport;
	return m;
}

/* A's SA with AES-GCM; spi names it: in is spi, out spi + 1. */
static USED_OR_NOT struct child_sa child_sa(uint32_t spi)
{
	struct child_sa s = {
		.local = v4(192, 0, 2, 1), .remote = v4(198, 51, 100, 2), .sel = {.proto = 47}, .encap = true, .encap_sport = 4500,
		.encap_dport = 4500, .replay_window = 64, .suite = {.encr = ENCR_AES_GCM_16, .encr_bits = 128},
	};
	uint8_t key[20];
	memset(key, (int)spi & 0xff, sizeof key);
	s.in.spi = spi;
	assert_true(secret_set(&s.in.encr, key, sizeof key));
	key[0] ^= 0x55;
	s.out.spi = spi + 1;
	assert_true(secret_set(&s.out.encr, key, sizeof key));
	return s;
}

static USED_OR_NOT int install(struct world *w, int of, const struct child_sa *as_a)
{
	struct child_sa s = of == A ? *as_a : mirrored(as_a);
	return esp_sa_install(w->end[of].e, TUNNEL, &s, w->now);
}

/* As if its peer had sent on it. */
static USED_OR_NOT void ripen(struct world *w, int of, uint32_t spi)
{
	struct child *c = child_find(w->end[of].e, spi);
	assert_non_null(c);
	child_ripe(w->end[of].e, c);
}

static USED_OR_NOT void install_both(struct world *w, const struct child_sa *as_a)
{
	w->sa = *as_a;
	assert_int_equal(install(w, A, as_a), 0);
	assert_int_equal(install(w, B, as_a), 0);
	ripen(w, A, as_a->in.spi);
	ripen(w, B, as_a->out.spi);
}

static USED_OR_NOT struct world *world_empty(void)
{
	struct world *w = calloc(1, sizeof *w);
	w->own = fakes_new(0);
	w->now = DUR_S(1000);
	w->device = (struct esp_device){.id = GRE1, .tunnel = TUNNEL, .ttl = 64, .pmtudisc = true, .mtu = 1400};
	return w;
}

/* False when memory ends. */
static USED_OR_NOT bool world_begin(struct world *w)
{
	struct esp_env env = {.mem = &w->own.mem, .crypto = w->crypto, .rng = &w->own.rng, .workers = 2, .backend = w->backend};
	for (int i = 0; i < 2; i++) {
		struct end *e = &w->end[i];
		e->e = esp_new(&env);
		e->tx = e->e ? esp_tx_new(e->e, 0) : NULL;
		e->rx = e->e ? esp_rx_new(e->e, 1) : NULL;
		if (!e->tx || !e->rx || esp_device_set(e->e, &w->device) != 0)
			return false;
	}
	w->end[A].at = (struct endpoint){.addr = v4(192, 0, 2, 1), .port = 4500};
	w->end[B].at = (struct endpoint){.addr = v4(198, 51, 100, 2), .port = 4500};
	return true;
}

static USED_OR_NOT void lose_wire(struct world *w)
{
	for (unsigned i = 0; i < w->n_wire; i++)
		free(w->wire[i].p);
	w->n_wire = 0;
}

static USED_OR_NOT void world_end(struct world *w)
{
	lose_wire(w);
	for (int i = 0; i < 2; i++) {
		esp_tx_free(w->end[i].tx);
		esp_rx_free(w->end[i].rx);
		esp_free(w->end[i].e);
	}
	assert_int_equal(w->own.blocks, 0);
	assert_int_equal(w->own.mem.in_use, 0);
	free(w);
}

/* With a device and an SA at both ends. */
static USED_OR_NOT struct world *world_with(const struct child_sa *sa)
{
	struct world *w = world_empty();
	assert_true(world_begin(w));
	install_both(w, sa);
	return w;
}

static USED_OR_NOT struct world *world(void)
{
	struct child_sa s = child_sa(1000);
	return world_with(&s);
}

/* --- Frames --- */
/* A UDP packet of n octets in IPv4, without a UDP checksum; its last octets are random. */
static USED_OR_NOT void frame_v4(struct world *w, uint8_t *p, size_t n, uint8_t tos, bool df)
{
	for (size_t i = 28; i < n; i++)
		p[i] = (uint8_t)fakes_random(&w->own);
	memcpy(p, (uint8_t[]){0x45, tos, 0, 0, 0, 1, 0, 0, 33, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 20);
	be16_put(p + 2, (uint16_t)n);
	be16_put(p + 6, df ? 0x4000 : 0);
	be16_put(p + 10, csum_end(csum_add(0, p, 20)));
	if (n >= 28) {
		memcpy(p + 20, (uint8_t[]){0x10, 0, 0x20, 0, 0, 0, 0, 0}, 8);
		be16_put(p + 24, (uint16_t)(n - 20));
	}
}

static USED_OR_NOT void frame_v6(struct world *w, uint8_t *p, size_t n, uint8_t tos)
{
	for (size_t i = 40; i < n; i++)
		p[i] = (uint8_t)fakes_random(&w->own);
	memset(p, 0, 40);
	be32_put(p, 6u << 28 | (uint32_t)tos << 20 | 0x54321);
	be16_put(p + 4, (uint16_t)(n - 40));
	p[6] = 59;
	p[7] = 44;
	p[8] = p[24] = 0xfd;
	p[23] = 1;
	p[39] = 2;
}

/* From a block of exact size, which is changed. */
static USED_OR_NOT void put_vnet(struct world *w, int from, uint32_t device, const struct esp_vnet *v, const uint8_t *p, size_t n)
{
	struct esp_tx *tx = w->end[from].tx;
	uint8_t *frame = malloc(n);
	assert_non_null(frame);
	assert_true(esp_tx_room(tx));
	memcpy(frame, p, n);
	esp_tx_put(tx, device, v, frame, n, w->now);
	free(frame);
}

static USED_OR_NOT void put_octets(struct world *w, int from, uint32_t device, const uint8_t *p, size_t n)
{
	put_vnet(w, from, device, &(struct esp_vnet){0}, p, n);
}

/* Seals, and takes the datagrams apart on their way. */
static USED_OR_NOT void flush(struct world *w, int from)
{
	struct esp_tx *tx = w->end[from].tx;
	const struct esp_dgrams *d;
	esp_tx_seal(tx, w->now);
	w->runs = 0;
	while ((d = esp_tx_next(tx))) {
		assert_true(d->n > 0 && d->n <= 65507 && d->seg > 0 && d->n <= 64u * d->seg);
		w->run = *d;
		w->runs++;
		for (uint32_t at = 0; at < d->n; at += d->seg) {
			size_t n = min_z(d->seg, d->n - at);
			assert_true(w->n_wire < WIRE_MAX);
			struct wire *x = &w->wire[w->n_wire++];
			*x = (struct wire){.p = malloc(n), .n = n, .to = !from, .tos = d->tos};
			memcpy(x->p, d->p + at, n);
		}
	}
}

static USED_OR_NOT void take_frames(struct end *e)
{
	const struct esp_frame *f;
	while ((f = esp_rx_next(e->rx))) {
		e->frames++;
		e->packets += f->packets;
		e->device = f->device;
		e->vnet = f->vnet;
		e->last_n = 0;
		for (uint32_t i = 0; i < f->n_v; i++) {
			assert_true(e->last_n + f->v[i].n <= FRAME_ROOM);
			memcpy(e->last + e->last_n, f->v[i].p, f->v[i].n);
			e->last_n += f->v[i].n;
		}
	}
}

/* One datagram to an end, in a batch of its own; a copy arrives. */
static USED_OR_NOT void arrive_from(struct world *w, int to, const struct endpoint *from, const uint8_t *p, size_t n, uint8_t tos)
{
	struct end *e = &w->end[to];
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, p, n);
	assert_true(esp_rx_put(e->rx, exact, n, 0, from, &w->end[to].at.addr, tos));
	esp_rx_open(e->rx, w->now);
	take_frames(e);
	free(exact);
}

static USED_OR_NOT void arrive(struct world *w, const struct wire *x)
{
	arrive_from(w, x->to, &w->end[!x->to].at, x->p, x->n, x->tos);
}

/* Everything on its way, as one batch. */
static USED_OR_NOT void deliver(struct world *w, int to)
{
	struct end *e = &w->end[to];
	uint8_t *kept[WIRE_MAX];
	unsigned n = 0;
	for (unsigned i = 0; i < w->n_wire; i++) {
		struct wire *x = &w->wire[i];
		assert_int_equal(x->to, to);
		if (!esp_rx_put(e->rx, x->p, x->n, 0, &w->end[!to].at, &w->end[to].at.addr, x->tos)) {
			esp_rx_open(e->rx, w->now);
			take_frames(e);
			assert_true(esp_rx_put(e->rx, x->p, x->n, 0, &w->end[!to].at, &w->end[to].at.addr, x->tos));
		}
		kept[n++] = x->p;
	}
	esp_rx_open(e->rx, w->now);
	take_frames(e);
	while (n)
		free(kept[--n]);
	w->n_wire = 0;
}

/* A UDP packet of n octets from one end to the other. */
static USED_OR_NOT void send_one(struct world *w, int from, size_t n)
{
	uint8_t *p = malloc(n);
	frame_v4(w, p, n, 0, true);
	put_octets(w, from, GRE1, p, n);
	free(p);
	flush(w, from);
}

static USED_OR_NOT uint64_t drops(struct world *w, int of, uint32_t tunnel, uint8_t drop)
{
	uint64_t n[ESP_DROP_N];
	esp_drops(w->end[of].e, tunnel, n);
	return n[drop];
}

static USED_OR_NOT uint64_t all_drops(struct world *w, int of)
{
	uint64_t n[ESP_DROP_N], sum = 0;
	esp_drops(w->end[of].e, 0, n);
	for (unsigned i = 0; i < ESP_DROP_N; i++)
		sum += n[i];
	return sum;
}

static USED_OR_NOT void no_event(struct world *w, int of)
{
	struct esp_event ev;
	assert_false(esp_event_pending(w->end[of].e));
	assert_false(esp_event_next(w->end[of].e, &ev));
}

static USED_OR_NOT struct esp_event event(struct world *w, int of, uint8_t type, uint32_t spi_in)
{
	struct esp_event ev = {0};
	assert_true(esp_event_pending(w->end[of].e));
	assert_true(esp_event_next(w->end[of].e, &ev));
	assert_int_equal(ev.type, type);
	assert_int_equal(ev.spi_in, spi_in);
	return ev;
}

/* A packet each way, which arrives. */
static USED_OR_NOT void both_ways(struct world *w)
{
	uint32_t a = w->end[A].packets, b = w->end[B].packets;
	send_one(w, A, 100);
	deliver(w, B);
	send_one(w, B, 100);
	deliver(w, A);
	assert_int_equal(w->end[A].packets, a + 1);
	assert_int_equal(w->end[B].packets, b + 1);
}

#endif
