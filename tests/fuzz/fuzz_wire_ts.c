/* A TS payload's body; what it decodes to must encode and decode to the same, and no range runs backwards. */
#include "fuzz.h"

#include "../unit/test_wire_util.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_payload p = {.type = P_TSI, .body = SPAN(data, size)};
	struct ike_ts_list list;

	if (ike_ts_decode(p.body, &list) == WIRE_OK) {
		for (uint8_t i = 0; i < list.n; i++) {
			const struct ike_ts *ts = &list.v[i];
			if (ts->lo.family != ts->hi.family || addr_cmp(&ts->lo, &ts->hi) > 0)
				abort();
		}
	}
	if (!wire_again(&p))
		abort();
	return 0;
}
