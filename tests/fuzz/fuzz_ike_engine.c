/* Two engines with a living tunnel between them, steered by the input: messages mutated in the clear and inside SK, time,
 * commands, facts. tests/sim/storm.h says what must hold whatever the input. */
#include "fuzz.h"

#include "../sim/storm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct storm_count count = {0};

	storm_run(data, size, &count);
	return 0;
}
