/* Ten thousand mutated messages and more, half in the clear, half inside SK; what tests/fuzz/fuzz_ike_engine.c does with
 * its inputs, with random ones. GRETEL_STORM_SEED=N runs session N alone, GRETEL_STORM_EACH=N makes it N of each kind. */
#include "../sim/pair.h"
#include "../sim/storm.h"

#include <stdlib.h>

enum { SESSION = 2048, MIN_EACH = 15000 };

static void run(uint64_t seed, struct storm_count *count)
{
	uint8_t *octets = malloc(SESSION);
	for (size_t i = 0; i < SESSION; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		octets[i] = (uint8_t)(seed >> 33);
	}
	storm_run(octets, SESSION, count);
	free(octets);
}

static void mutations(void **state)
{
	(void)state;
	struct storm_count count = {0};
	const char *only = getenv("GRETEL_STORM_SEED"), *more = getenv("GRETEL_STORM_EACH");
	unsigned each = more ? (unsigned)strtoul(more, NULL, 10) : MIN_EACH;
	if (only) {
		run(strtoull(only, NULL, 10), &count);
		return;
	}
	for (uint64_t seed = 1; count.clear < each || count.inner < each; seed++)
		run(seed, &count);
	print_message("%u sessions, %u in the clear, %u inside, %u of %u requests answered\n", count.sessions,
	              count.clear, count.inner, count.answered, count.requests);
	/* What is sealed is looked at: most requests get an answer, be it an error. */
	assert_true(count.requests > count.inner / 2 && count.answered > count.requests / 20 * 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
