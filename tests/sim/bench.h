/* Two engines with an established SA, and a step of the first one's by hand: for test programs that look inside. */
#ifndef SIM_BENCH_H
#define SIM_BENCH_H

#include "hand.h"
#include "pair.h"

#include <stdlib.h>

struct bench {
	struct pair p;
	struct ike_sa *sa, *peer; /* of A, of B */
	struct ike_acts *acts;
	struct step step;         /* of A with sa */
};

static inline struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof *b);
	b->p = pair_run(1, "auto=start", "", DUR_S(5));
	b->sa = hand_sa(b->p.a, ST_ESTABLISHED);
	b->peer = hand_sa(b->p.b, ST_ESTABLISHED);
	b->acts = calloc(1, sizeof *b->acts);
	b->step = (struct step){.e = b->p.a->ike, .sa = b->sa, .acts = b->acts, .now = b->p.s->now};
	return b;
}

static inline void bench_free(struct bench *b)
{
	ike_acts_reset(b->acts);
	free(b->acts);
	pair_free(&b->p);
	free(b);
}

#endif
