/* What the scenarios of two hosts begin with; for test programs with cmocka. */
#ifndef SIM_PAIR_H
#define SIM_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

#include <string.h>

#define PUBLIC_A "203.0.113.1"
#define PUBLIC_B "203.0.113.2"

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

static inline struct pair pair_new(uint64_t seed)
{
	struct pair p = {.s = sim_new(seed)};
	p.a = sim_host(p.s, "a", "192.0.2.1");
	p.b = sim_host(p.s, "b", "198.51.100.1");
	return p;
}

static inline void pair_conf(struct pair *p, const char *a, const char *b)
{
	assert_true(sim_conf(p->a, p->b, a, NULL));
	assert_true(sim_conf(p->b, p->a, b, NULL));
}

static inline void pair_start(struct pair *p)
{
	assert_true(sim_start(p->b));
	assert_true(sim_start(p->a));
}

/* Configured, started and run for that long. */
static inline struct pair pair_run(uint64_t seed, const char *a, const char *b, dur_t d)
{
	struct pair p = pair_new(seed);
	pair_conf(&p, a, b);
	pair_start(&p);
	sim_run(p.s, d);
	return p;
}

/* Starts and runs two ends that are configured while `bad` once gets no memory; it is told again should nothing have come of it. False: it
 * did not even start. */
static inline bool pair_starved(struct pair *p, struct sim_node *bad, uint64_t nth)
{
	bad->mem.fail_at = nth;
	if (!sim_start(p->b) || !sim_start(p->a))
		return false;
	sim_run(p->s, DUR_S(200));
	if (!sim_common(p->a, p->b)) {
		sim_reload(bad, true);
		sim_run(p->s, DUR_S(400));
	}
	return true;
}

static inline bool pair_agrees(struct sim *s) { return sim_agree(s->node[0], s->node[1]); }

/* Frees the world and all that both engines took. */
static inline void pair_free(struct pair *p)
{
	sim_stop(p->a);
	sim_stop(p->b);
	assert_int_equal(p->a->mem.blocks, 0);
	assert_int_equal(p->b->mem.blocks, 0);
	assert_int_equal(p->a->mem.mem.in_use, 0);
	assert_int_equal(p->b->mem.mem.in_use, 0);
	sim_free(p->s);
}

/* Fails with the whole story. */
#define CHECK(p, cond)                                                                                                 \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			sim_dump((p).s);                                                                               \
			fail_msg("not so: %s", #cond);                                                                 \
		}                                                                                                      \
	} while (0)
#define AGREE(p) CHECK(p, sim_agree((p).a, (p).b))
/* Exact texts. */
#define TEXT(p, is, want)                                                                                              \
	do {                                                                                                           \
		if (strcmp(is, want) != 0) {                                                                           \
			sim_dump((p).s);                                                                               \
			fail_msg("'%s'\n  should be '%s'", is, want);                                                  \
		}                                                                                                      \
	} while (0)

#endif
