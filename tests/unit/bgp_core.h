/* The tables and groups of bgp/ without sessions: peers are made by hand, filters and kernel are made up, what members have to send is
 * read back through the decoder. For tests and for tests/bench/bgp_core.c. */
#ifndef TESTS_UNIT_BGP_CORE_H
#define TESTS_UNIT_BGP_CORE_H

#include "bgp/adj_int.h"

enum { CORE_PEERS = 16 };

struct core {
	struct bgp b;
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	struct conf_bgp cb;
	struct conf_bgp_peer conf[CORE_PEERS]; /* [index - 1] */
	struct bgp_peer peer[CORE_PEERS];
	uint32_t n_peers;
	uint32_t stopped;        /* bit index - 1: session_stop was called */
	uint32_t wants_out;      /* bit index - 1: session_output was called */
	uint64_t fib_changes, aggregate_changes;
	size_t allocations, fail_at; /* the n-th fails; 0: none */
	unsigned fail_one_in;    /* each fails with this chance; 0: none */
	struct prefix deny[4];   /* "prefix list" i + 1 denies what is inside */
};

struct core *core_new(uint64_t seed); /* NULL: no memory for it (fail_at is not set yet) */
/* Like core_new, with the n-th allocation failing from the start on. */
struct core *core_new_failing(uint64_t seed, size_t fail_at);
size_t core_free(struct core *c); /* octets that were not given back */
/* A peer with address 10.9.0.INDEX and router id 9.9.9.INDEX; internal with four-octet AS numbers. */
struct bgp_peer *core_peer(struct core *c);
/* All steps of asking for these in advance. */
static inline void core_ahead(struct core *c, uint8_t af, struct rib_ahead *a, const struct prefix *p, size_t n)
{
	rib_ahead_far(&c->b, af, a, p, n);
	rib_ahead_near(&c->b, af, a);
	rib_ahead_last(&c->b, af, a);
}
uint64_t core_random(struct core *c, uint64_t below);
/* The link 10.0.I.0/24 (and fd00:I::/64) comes or goes. */
void core_link(struct core *c, uint8_t i, bool up);
/* All that is to be done without time passing. */
void core_work(struct core *c, mono_t now);
struct prefix core_prefix(const char *text);
struct addr core_addr(const char *text);

#endif
