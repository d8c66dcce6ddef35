/* dataplane/fq.c on virtual time: who comes first, how much stands, what is dropped. A frame has its number in its payload. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/fq.h"

enum { DEVICE = 3, HEAD = 28 };

static unsigned left = UINT32_MAX;
static void *heap_get(struct mem *m, size_t n)
{
	(void)m;
	return left && left-- ? calloc(1, n) : NULL;
}
static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m;
	(void)n;
	free(p);
}
static struct mem heap = {.get = heap_get, .put = heap_put};

static uint32_t dropped;
static void on_drop(void *ctx, uint32_t device, uint32_t packets)
{
	assert_ptr_equal(ctx, &dropped);
	assert_int_equal(device, DEVICE);
	dropped += packets;
}

static struct fq *fresh(void)
{
	dropped = 0;
	struct fq *q = fq_new(&heap, 0x1234567, on_drop, &dropped);
	assert_non_null(q);
	assert_true(fq_empty(q));
	return q;
}

static void end(struct fq *q)
{
	fq_free(q);
	assert_int_equal(heap.in_use, 0);
}

/* A frame of n octets of the flow with this source port. */
static void put(struct fq *q, uint16_t flow, size_t n, uint32_t number, mono_t now)
{
	static const uint8_t head[HEAD] = {0x45, [8] = 64, IPPROTO_UDP, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
	uint8_t *p = fq_room(q);
	struct esp_vnet v = {.gso = ESP_GSO_NONE};
	if (n > 1500)
		v = (struct esp_vnet){.gso = ESP_GSO_UDP, .gso_size = 1000};
	memcpy(p, head, HEAD);
	p[20] = (uint8_t)(flow >> 8);
	p[21] = (uint8_t)flow;
	memcpy(p + HEAD, &number, sizeof number);
	fq_put(q, DEVICE, &v, n, now);
}

/* The number of the next one; 0: none. */
static uint32_t take(struct fq *q, mono_t now)
{
	uint32_t number;
	struct waiting *w = fq_next(q, now);
	if (!w)
		return 0;
	assert_int_equal(w->device, DEVICE);
	memcpy(&number, w->p + HEAD, sizeof number);
	fq_done(q, w);
	return number;
}

static void order_in_a_flow(void **state)
{
	struct fq *q = fresh();
	(void)state;
	assert_int_equal(take(q, 0), 0);
	for (uint32_t i = 1; i <= 300; i++)
		put(q, 7, 1400, i, 0);
	assert_false(fq_empty(q));
	for (uint32_t i = 1; i <= 300; i++)
		assert_int_equal(take(q, 0), i);
	assert_int_equal(take(q, 0), 0);
	assert_true(fq_empty(q));
	assert_int_equal(dropped, 0);
	end(q);
}

static void a_ping_overtakes(void **state)
{
	struct fq *q = fresh();
	(void)state;
	for (uint32_t i = 1; i <= 20; i++)
		put(q, 7, 60000, i, 0);
	assert_int_equal(take(q, 0), 1);
	put(q, 8, 84, 1000, 0);
	assert_int_equal(take(q, 0), 1000);
	for (uint32_t i = 2; i <= 20; i++)
		assert_int_equal(take(q, 0), i);
	end(q);
}

/* Two streams of frames of different sizes get the same share of octets. */
static void fair_in_octets(void **state)
{
	struct fq *q = fresh();
	size_t small = 0, large = 0;
	(void)state;
	for (uint32_t i = 1; i <= 30; i++)
		put(q, 7, 60000, i, 0);
	for (uint32_t i = 1; i <= 400; i++)
		put(q, 8, 1000, 1000 + i, 0);
	while (large < 5 * 60000) {
		uint32_t n = take(q, 0);
		*(n > 1000 ? &small : &large) += n > 1000 ? 1000 : 60000;
	}
	assert_in_range(small, 4 * 60000 - 2 * 8192, 5 * 60000 + 2 * 8192);
	end(q);
}

/* A queue of less than the target, or for less than the interval, is nobody's business. */
static void a_burst_passes(void **state)
{
	struct fq *q = fresh();
	(void)state;
	for (uint32_t i = 1; i <= 60; i++)
		put(q, 7, 1400, i, 0);
	for (uint32_t i = 1; i <= 60; i++)
		assert_int_equal(take(q, DUR_MS(i / 2)), i); /* it lasts for 30 ms */
	assert_int_equal(dropped, 0);
	end(q);
}

/* One comes and one goes each millisecond, each after 20 ms: after the interval drops begin, and become more. */
static void a_standing_queue_is_cut(void **state)
{
	struct fq *q = fresh();
	uint32_t n = 0, at[3];
	(void)state;
	for (; n < 20; n++)
		put(q, 7, 1400, n + 1, 0);
	for (unsigned third = 0; third < 3; third++) {
		for (unsigned i = 0; i < 400; i++) {
			mono_t now = DUR_MS(third * 400 + i + 20);
			put(q, 7, 1400, ++n, now);
			/* what was dropped is made up for, so the queue stands */
			uint32_t before = dropped;
			assert_int_not_equal(take(q, now), 0);
			for (; before < dropped; before++)
				put(q, 7, 1400, ++n, now);
		}
		at[third] = dropped;
	}
	assert_true(at[0] > 3);
	assert_true(at[1] - at[0] > at[0]);
	assert_true(at[2] - at[1] > at[1] - at[0]);
	assert_true(dropped < 300);
	/* A queue that has gone is forgotten. */
	while (take(q, DUR_S(2)))
		;
	uint32_t before = dropped;
	for (uint32_t i = 1; i <= 100; i++) {
		put(q, 7, 1400, i, DUR_S(3) + DUR_MS(i));
		assert_int_equal(take(q, DUR_S(3) + DUR_MS(i)), i);
	}
	assert_int_equal(dropped, before);
	end(q);
}

/* The longest flow pays, by packets, and there is always room. */
static void overflows(size_t size, uint32_t slots, uint32_t per_frame)
{
	struct fq *q = fresh();
	uint32_t got = 0;
	bool ping = false;
	put(q, 8, 84, 50000, 0);
	for (uint32_t i = 1; i <= 2 * slots; i++)
		put(q, 7, size, i, 0);
	assert_int_equal(dropped % per_frame, 0);
	assert_in_range(dropped / per_frame, slots, slots + 100);
	for (uint32_t n, before = 0; (n = take(q, 0)); got++) {
		ping = ping || n == 50000;
		assert_true(n == 50000 || n > before);
		before = n == 50000 ? before : n;
	}
	assert_true(ping);
	assert_int_equal(got - 1 + dropped / per_frame, 2 * slots);
	end(q);
}

static void all_slots_in_use(void **state)
{
	(void)state;
	overflows(2500, FQ_LARGE, 3); /* a super-packet of 3 */
	overflows(FQ_SMALL_OCTETS, FQ_SMALL, 3);
	overflows(100, FQ_SMALL, 1);
}

/* Large slots are all taken by a flow that is not the longest. */
static void slots_of_one_kind(void **state)
{
	struct fq *q = fresh();
	unsigned n = 0;
	(void)state;
	for (uint32_t i = 1; i <= FQ_SMALL - 1; i++)
		put(q, 7, FQ_SMALL_OCTETS, i, 0);
	for (uint32_t i = 1; i <= FQ_LARGE; i++)
		put(q, 8, 3000, i, 0);
	assert_in_range(dropped, 1, 3 * FQ_SMALL);
	while (take(q, 0))
		n++;
	assert_int_equal(n + dropped / 3, FQ_SMALL - 1 + FQ_LARGE);
	end(q);
}

/* Whatever the octets are, they have a flow: all lengths of garbage, at the end of what can be read. */
static void garbage(void **state)
{
	static const uint8_t first[] = {0x45, 0x46, 0x60, 0x00, 0xff};
	struct fq *q = fresh();
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(first); k++) {
		for (size_t n = 0; n <= 60; n++) {
			uint8_t *p = fq_room(q);
			memset(p, 0xaa, 60);
			p[0] = first[k];
			p[9] = IPPROTO_TCP;
			fq_put(q, DEVICE, &(struct esp_vnet){.gso = ESP_GSO_TCP4}, n, 0);
		}
	}
	unsigned n = 0;
	for (struct waiting *w; (w = fq_next(q, 0)); n++)
		fq_done(q, w);
	assert_int_equal(n, 61 * ARRAY_LEN(first));
	end(q);
}

/* Frames that wait because the worker did not run are no standing queue; when it runs again they soon are. */
static void a_slow_worker(void **state)
{
	struct fq *q = fresh();
	uint32_t n = 0;
	mono_t now = 0;
	(void)state;
	for (unsigned turn = 0; turn < 50; turn++, now += DUR_MS(30)) {
		fq_round(q, DUR_MS(30));
		while (take(q, now))
			;
		for (unsigned i = 0; i < 10; i++)
			put(q, 7, 1400, ++n, now);
	}
	assert_int_equal(dropped, 0);
	for (unsigned turn = 0; turn < 2000; turn++, now += DUR_MS(1)) {
		fq_round(q, DUR_MS(1));
		(void)take(q, now);
		put(q, 7, 1400, ++n, now);
	}
	assert_true(dropped > 3);
	end(q);
}

static void memory_runs_out(void **state)
{
	(void)state;
	for (left = 0; left < 2; left++) {
		unsigned n = left;
		assert_null(fq_new(&heap, 1, on_drop, &dropped));
		assert_int_equal(heap.in_use, 0);
		left = n;
	}
	left = UINT32_MAX;
	end(fresh());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_in_a_flow), cmocka_unit_test(a_ping_overtakes),        cmocka_unit_test(fair_in_octets),
		cmocka_unit_test(a_burst_passes),  cmocka_unit_test(a_standing_queue_is_cut), cmocka_unit_test(all_slots_in_use),
		cmocka_unit_test(slots_of_one_kind), cmocka_unit_test(a_slow_worker),
		cmocka_unit_test(garbage),         cmocka_unit_test(memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
