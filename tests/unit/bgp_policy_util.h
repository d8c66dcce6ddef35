/* For the tests of filters, own routes, the kernel's routes and views: a configuration from the lines of an
 * frr.conf. */
#ifndef TESTS_BGP_POLICY_UTIL_H
#define TESTS_BGP_POLICY_UTIL_H

#include "bgp/policy_int.h"

/* `text` is what stands in the file; errors and warnings fail the test. To be given back with config_free(). */
struct conf *policy_conf(const char *text);
/* Allocations are counted; the fail-th (from 1) fails, 0 = none. */
struct policy_mem {
	struct mem mem;
	unsigned n, fail;
};
void policy_mem_init(struct policy_mem *m);
/* Numbers that look random and are always the same. */
struct policy_rng {
	struct rng rng;
	uint64_t state;
};
void policy_rng_init(struct policy_rng *r);
struct prefix policy_prefix(const char *text);
struct addr policy_addr(const char *text);

#endif
