/* How fast tables and groups are, without sessions and sockets: UPDATEs of one feeder, 500 sets of attributes, to the octets that 1 or
 * 10 clients would be handed. Prints nanoseconds and octets a prefix, and how many messages against perfect packing.
 *
 *   bgp_core [PREFIXES...]       default 10000 100000 1000000 */
#include "../unit/bgp_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETS = 500, A_MESSAGE = 200 };

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct bgp_attr *set(struct core *c, uint32_t i)
{
	uint8_t canon[64], origin = 0, path[2 + 3 * 4] = {BGP_AS_SEQUENCE, 3, 0, 0, 0xfd, 0xea, 0, 0, 0xfd, 0xeb, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};
	struct wr w = wr_init(canon, sizeof canon);
	struct addr hop = core_addr("10.0.1.9"), none = {0};
	bgp_attr_put(&w, BGP_A_ORIGIN, &origin, 1);
	bgp_attr_put(&w, BGP_A_AS_PATH, path, sizeof path);
	bgp_attr_put_u32(&w, BGP_A_MED, i);
	bgp_attr_put_u32(&w, BGP_A_LOCAL_PREF, 100);
	return attr_get(&c->b, SPAN(canon, w.len), &hop, &none, 0, 0, true);
}

static struct prefix nth(uint32_t i)
{
	uint32_t a = 0x14000000u + (i << 8);
	return (struct prefix){.addr = {.family = AF_V4, .b = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8)}}, .len = 24};
}

/* All that members have; messages and octets of the first one. */
static void drain(struct core *c, uint32_t first, uint32_t n, uint64_t *octets, uint64_t *messages)
{
	for (uint32_t i = first; i < first + n; i++) {
		struct span run[32];
		size_t runs;
		while ((runs = adj_output(&c->b, &c->peer[i], run, 32)) > 0) {
			size_t all = 0;
			for (size_t j = 0; j < runs; j++)
				all += run[j].n;
			*octets += i == first ? all : 0;
			*messages += i == first ? runs : 0;
			(void)adj_sent(&c->b, &c->peer[i], all);
		}
	}
}

/* Prefix i has set i % SETS, as the feeder of bgp/run has it; interleaved: a set's prefixes do not come in one message but a few at a
 * time. */
static void feed(struct core *c, uint32_t n, bool interleaved, uint64_t *octets, uint64_t *messages, uint32_t members)
{
	uint32_t per_set = n / SETS, count = interleaved ? 7 : A_MESSAGE;
	mono_t now = 0;
	for (uint32_t from = 0, k = 0; from < per_set; from += count) {
		for (uint32_t s = 0; s < SETS; s++, k++) {
			struct bgp_attr *a = set(c, s);
			struct prefix p[A_MESSAGE];
			struct rib_ahead soon;
			uint32_t m = 0;
			for (; m < count && from + m < per_set; m++)
				p[m] = nth(s + (from + m) * SETS);
			for (uint32_t j = 0; j < m; j++) {
				if (j % RIB_AHEAD == 0)
					core_ahead(c, BGP_V4, &soon, p + j, min_z(RIB_AHEAD, m - j));
				rib_update(&c->b, &c->peer[0], BGP_V4, &p[j], 0, a, now);
			}
			attr_unref(&c->b, a);
			if (k % 40 == 0)
				drain(c, 1, members, octets, messages);
			now += DUR_NS(100) * m;
		}
	}
}

static void one(uint32_t n, uint32_t members, bool interleaved)
{
	struct core *c = core_new(1);
	uint64_t octets = 0, messages = 0;
	core_link(c, 1, true);
	for (uint32_t i = 0; i <= members + 1; i++)
		c->conf[core_peer(c)->index - 1].af[BGP_V4].rr_client = true;
	for (uint32_t i = 0; i <= members; i++)
		adj_join(&c->b, &c->peer[i], BGP_V4, 0);
	drain(c, 0, members + 1, &octets, &messages);
	octets = messages = 0;
	size_t before = c->mem.in_use;
	double t0 = seconds();
	feed(c, n, interleaved, &octets, &messages, members);
	adj_flush(&c->b, 0);
	drain(c, 1, members, &octets, &messages);
	double t1 = seconds();
	size_t after = c->mem.in_use;
	uint64_t announced = messages;
	adj_join(&c->b, &c->peer[members + 1], BGP_V4, 0);
	uint64_t late_octets = 0, late = 0;
	drain(c, members + 1, 1, &late_octets, &late);
	double t2 = seconds();
	adj_leave(&c->b, &c->peer[members + 1], BGP_V4);
	double t3 = seconds();
	for (uint32_t i = 0; i < n; i += RIB_AHEAD) {
		static const uint32_t id[RIB_AHEAD];
		struct prefix p[RIB_AHEAD];
		struct rib_ahead a;
		size_t k = min_z(RIB_AHEAD, n - i);
		for (uint32_t j = 0; j < k; j++)
			p[j] = nth(i + j);
		core_ahead(c, BGP_V4, &a, p, k);
		rib_withdraw_ahead(&c->b, &c->peer[0], BGP_V4, &a, p, id, k, 0);
		if (i % 8192 == 0)
			drain(c, 1, members, &octets, &messages);
	}
	adj_flush(&c->b, 0);
	drain(c, 1, members, &octets, &messages);
	double t4 = seconds();
	uint32_t per_set = n / SETS, fit = (4096 - 23 - 60) / 4, perfect = SETS * ((per_set + fit - 1) / fit);
	printf("%8u prefixes, %2u clients%s: update %6.1f ns, late %6.1f ns, withdraw %6.1f ns a prefix; %5.1f octets a prefix; "
	       "%u UPDATEs (perfect %u), late %u\n", n, members, interleaved ? ", interleaved" : "", (t1 - t0) * 1e9 / n, (t2 - t1) * 1e9 / n,
	       (t4 - t3) * 1e9 / n, (double)(after - before) / n, (unsigned)announced, perfect, (unsigned)late);
	fflush(stdout);
	core_free(c);
}

int main(int argc, char **argv)
{
	static const char *const usual[] = {"10000", "100000", "1000000"};
	for (int i = 0; i < (argc > 1 ? argc - 1 : 3); i++) {
		uint32_t n = (uint32_t)strtoul(argc > 1 ? argv[i + 1] : usual[i], NULL, 10);
		for (uint32_t members = 1; members <= 10; members += 9) {
			one(n, members, false);
			one(n, members, true);
		}
	}
	return 0;
}
