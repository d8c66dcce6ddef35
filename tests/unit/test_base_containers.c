/* base/: the hash map with its SipHash, the heap of timers against a sorted reference, lists; and what they do without
 * memory. */
#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct test_mem {
	struct mem mem;
	long fail_at; /* the n-th request fails; 0 = none */
};

static void *get(struct mem *m, size_t size)
{
	struct test_mem *t = CONTAINER_OF(m, struct test_mem, mem);
	if (t->fail_at && --t->fail_at == 0)
		return NULL;
	return calloc(1, size);
}

static void put(struct mem *m, void *p, size_t size)
{
	(void)m;
	for (size_t i = 0; i < size; i++)
		assert_int_equal(((uint8_t *)p)[i], 0); /* wiped */
	free(p);
}

static struct test_mem test_mem(void) { return (struct test_mem){.mem = {.get = get, .put = put}}; }

/* splitmix64 */
static uint64_t rnd(uint64_t *s, uint64_t below)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % below;
}

/* Key 00 01 .. 0f, input 00 01 ..: the value of 15 octets is the one of appendix A of "SipHash: a fast short-input
 * PRF" (Aumasson, Bernstein, 2012), the others are from its authors' list of vectors. */
static void test_siphash(void **state)
{
	(void)state;
	static const struct {
		size_t n;
		uint64_t want;
	} cases[] = {
		{15, 0xa129ca6149be45e5},
		{0, 0x726fdb47dd0e0e31},
		{1, 0x74f839c593dc67fd},
		{8, 0x93f5f5799a932462},
	};
	struct hmap m = {.key = {0x0706050403020100, 0x0f0e0d0c0b0a0908}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *p = malloc(cases[i].n ? cases[i].n : 1);
		assert_non_null(p);
		for (size_t k = 0; k < cases[i].n; k++)
			p[k] = (uint8_t)k;
		assert_true(hmap_hash(&m, p, cases[i].n) == cases[i].want);
		free(p);
	}
	assert_true(hmap_hash(&m, NULL, 0) == 0x726fdb47dd0e0e31);
}

struct item {
	struct hnode node;
	uint64_t key;
	bool in;
};

static struct item *lookup(const struct hmap *m, uint64_t hash, uint64_t key)
{
	for (struct hnode *n = hmap_first(m, hash); n; n = hmap_next(n)) {
		struct item *it = CONTAINER_OF(n, struct item, node);
		assert_true(n->hash == hash);
		if (it->key == key)
			return it;
	}
	return NULL;
}

enum { ITEMS = 500 };

/* hash_of: few = many keys share a hash, so that chains are walked. */
static void map_against_array(long fail_at, uint64_t few)
{
	struct test_mem t = test_mem();
	struct hmap m;
	uint64_t seed = few;
	struct item *all = calloc(ITEMS, sizeof *all);
	assert_non_null(all);
	assert_int_equal(hmap_init(&m, &t.mem, 1, 2), 0);
	t.fail_at = fail_at;
	size_t n = 0;
	for (int step = 0; step < 5000; step++) {
		struct item *it = &all[rnd(&seed, ITEMS)];
		it->key = (uint64_t)(it - all);
		uint64_t hash = hmap_hash(&m, &it->key, sizeof it->key) % few;
		assert_ptr_equal(lookup(&m, hash, it->key), it->in ? it : NULL);
		if (it->in)
			hmap_del(&m, &it->node);
		else
			hmap_add(&m, &it->node, hash);
		it->in = !it->in;
		n += it->in ? 1 : (size_t)-1;
		assert_int_equal(m.n, n);
	}
	for (uint64_t i = 0; i < ITEMS; i++)
		assert_ptr_equal(lookup(&m, hmap_hash(&m, &i, sizeof i) % few, i), all[i].in ? &all[i] : NULL);
	for (size_t i = 0; i < ITEMS; i++) {
		if (all[i].in)
			hmap_del(&m, &all[i].node);
	}
	assert_int_equal(m.n, 0);
	hmap_fini(&m);
	assert_int_equal(t.mem.in_use, 0);
	free(all);
}

static void test_hmap(void **state)
{
	(void)state;
	map_against_array(0, UINT64_MAX);
	map_against_array(0, 7);
	for (long n = 1; n < 6; n++) /* growing fails: slower, not wrong */
		map_against_array(n, UINT64_MAX);
	struct test_mem t = test_mem();
	struct hmap m;
	t.fail_at = 1;
	assert_int_equal(hmap_init(&m, &t.mem, 0, 0), -ENOMEM);
}

enum { TIMERS = 200 };

static void test_heap(void **state)
{
	(void)state;
	struct test_mem t = test_mem();
	struct heap h;
	struct timer *all = calloc(TIMERS, sizeof *all);
	mono_t due[TIMERS], now = 0; /* the reference */
	uint64_t seed = 1;
	assert_non_null(all);
	heap_init(&h, &t.mem);
	assert_true(heap_due(&h) == MONO_NEVER);
	assert_null(heap_pop(&h, MONO_NEVER - 1));
	assert_int_equal(heap_reserve(&h, TIMERS), 0);
	for (size_t i = 0; i < TIMERS; i++)
		due[i] = MONO_NEVER;
	for (int step = 0; step < 20000; step++) {
		size_t i = rnd(&seed, TIMERS);
		uint64_t what = rnd(&seed, 10);
		if (what < 6) {
			due[i] = now + (mono_t)rnd(&seed, 100); /* many equal ones */
			heap_set(&h, &all[i], due[i]);
		} else if (what < 8) {
			due[i] = MONO_NEVER;
			if (what == 6)
				heap_clear(&h, &all[i]);
			else
				heap_set(&h, &all[i], MONO_NEVER);
		} else {
			now += (mono_t)rnd(&seed, 5);
			for (struct timer *p = heap_pop(&h, now); p; p = heap_pop(&h, now)) {
				size_t k = (size_t)(p - all);
				for (size_t j = 0; j < TIMERS; j++)
					assert_true(due[k] <= due[j]);
				assert_true(due[k] <= now && p->slot == 0);
				due[k] = MONO_NEVER;
			}
		}
		mono_t least = MONO_NEVER;
		uint32_t set = 0;
		for (size_t j = 0; j < TIMERS; j++) {
			least = mono_min(least, due[j]);
			set += due[j] != MONO_NEVER;
		}
		assert_true(heap_due(&h) == least);
		assert_int_equal(h.n, set);
	}
	heap_fini(&h);
	assert_int_equal(t.mem.in_use, 0);
	free(all);
}

static void test_heap_memory(void **state)
{
	(void)state;
	struct test_mem t = test_mem();
	struct heap h;
	struct timer a = {.slot = 0}, b = {.slot = 0};
	heap_init(&h, &t.mem);
	t.fail_at = 1;
	assert_int_equal(heap_reserve(&h, 1), -ENOMEM);
	assert_int_equal(heap_reserve(&h, 1), 0);
	heap_set(&h, &a, 5);
	t.fail_at = 1;
	assert_int_equal(heap_reserve(&h, 1000), -ENOMEM);
	heap_set(&h, &b, 4); /* the room there was is still there */
	t.fail_at = 0;
	assert_int_equal(heap_reserve(&h, 1000), 0);
	assert_ptr_equal(heap_pop(&h, 10), &b);
	assert_ptr_equal(heap_pop(&h, 10), &a);
	assert_null(heap_pop(&h, 10));
	heap_fini(&h);
	assert_int_equal(t.mem.in_use, 0);
}

struct link {
	struct list l;
	int v;
};

static void test_list(void **state)
{
	(void)state;
	struct list head;
	struct link v[5];
	int sum = 0;
	list_init(&head);
	assert_true(list_empty(&head));
	for (int i = 0; i < 5; i++) {
		v[i].v = i;
		list_add_tail(&head, &v[i].l);
	}
	LIST_EACH (it, tmp, &head) {
		struct link *k = LIST_ENTRY(it, struct link, l);
		sum = 10 * sum + k->v;
		if (k->v % 2)
			list_del(it); /* of the current one */
	}
	assert_int_equal(sum, 1234);
	sum = 0;
	LIST_EACH (it, tmp, &head)
		sum = 10 * sum + LIST_ENTRY(it, struct link, l)->v;
	assert_int_equal(sum, 24);
	list_del(&v[1].l); /* once more does no harm */
	for (int i = 0; i < 5; i += 2)
		list_del(&v[i].l);
	assert_true(list_empty(&head));
}

static void test_time(void **state)
{
	(void)state;
	assert_true(mono_add(5, DUR_S(1)) == 1000000005);
	assert_true(mono_add(5, MONO_NEVER) == MONO_NEVER);
	assert_true(mono_add(MONO_NEVER - 1, 1) == MONO_NEVER);
	assert_true(mono_add(MONO_NEVER - 2, 1) == MONO_NEVER - 1);
	assert_true(mono_add(5, -3) == 2);
	assert_true(dur_to_s(DUR_MS(2999)) == 2 && dur_to_ms(DUR_NS(1999999)) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),     cmocka_unit_test(test_hmap), cmocka_unit_test(test_heap),
		cmocka_unit_test(test_heap_memory), cmocka_unit_test(test_list), cmocka_unit_test(test_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
