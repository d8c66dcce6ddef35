/* Two engines and the network between them, on virtual time: the set-up of a tunnel. tests/sim/sim.h says what the words
 * mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../sim/sim.h"

#include <string.h>

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

static struct pair pair_new(uint64_t seed)
{
	struct pair p = {.s = sim_new(seed)};
	p.a = sim_host(p.s, "a", "192.0.2.1");
	p.b = sim_host(p.s, "b", "198.51.100.1");
	return p;
}

static void pair_conf(struct pair *p, const char *a, const char *b)
{
	assert_true(sim_conf(p->a, p->b, a, NULL));
	assert_true(sim_conf(p->b, p->a, b, NULL));
}

static void pair_start(struct pair *p)
{
	assert_true(sim_start(p->b));
	assert_true(sim_start(p->a));
}

#define AGREE(p)                                                                                                       \
	do {                                                                                                               \
		if (!sim_agree((p).a, (p).b)) {                                                                                \
			sim_dump((p).s);                                                                                           \
			fail_msg("the two do not agree");                                                                          \
		}                                                                                                              \
	} while (0)

static void establishes(void **state)
{
	(void)state;
	struct pair p = pair_new(1);
	pair_conf(&p, "auto=start", "");
	pair_start(&p);
	sim_run(p.s, DUR_S(10));
	AGREE(p);
	assert_int_equal(sim_sent_all(p.a), 2);
	assert_int_equal(sim_sent_all(p.b), 2);
	sim_free(p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(establishes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
