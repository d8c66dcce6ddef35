/* An SA payload's body; what it decodes to must encode and decode to the same, and holds only what a negotiation may
 * look at. */
#include "fuzz.h"

#include "../unit/test_wire_util.h"

#include <stdlib.h>

static void check(const struct proposals *sa)
{
	if (sa->n > PROPOSALS_MAX)
		abort();
	for (uint8_t i = 0; i < sa->n; i++) {
		const struct proposal *p = &sa->p[i];
		if (p->n == 0 || p->n > TRANSFORMS_MAX || p->proto < PROTO_IKE || p->proto > PROTO_ESP)
			abort();
		if (i > 0 && p->number <= sa->p[i - 1].number)
			abort();
		for (uint8_t k = 0; k < p->n; k++) {
			if (p->t[k].type < T_ENCR || p->t[k].type > T_ESN)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_payload p = {.type = P_SA, .body = SPAN(data, size)};
	struct proposals sa;

	if (ike_sa_decode(p.body, &sa) == WIRE_OK)
		check(&sa);
	if (!wire_again(&p))
		abort();
	return 0;
}
