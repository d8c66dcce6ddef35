/* Five speakers, two of them reflectors, under random flaps, cuts, restarts and changes of configuration on virtual time; each time
 * it has become quiet every table must be what the oracle computes, and nobody may have said a thing that changes nothing.
 *
 *      bgp_storm [SEEDS [FIRST]]          default 60 from 1      -v SEED: one, with all notes
 *      bgp_storm -f SEED                  what has come of it, and what every table must be: for another program to find the same
 *
 * Prints a line per seed that failed, with what to run to see it again, and the numbers at the end. */
#include "bgp_oracle.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { R1, R2, C1, C2, C3 };

/* Quiet: longer than hold time, restart time of nobody and the longest pause between attempts of this configuration. */
#define QUIET DUR_S(150)

static const char *addr_text(const struct addr *a, char out[ADDR_TEXT]) { return addr_str(a, out); }

/* A prefix, and from whom and with which next hop the oracle has it at s. */
static void expected_text(const struct world *w, const struct oracle *o, int s, size_t k, char name[32], char peer[ADDR_TEXT], char nh[ADDR_TEXT])
{
	const struct oracle_best *b = &o->best[s][k];

	snprintf(name, 32, "%u.%u.%u.%u/%u", o->addr[k] >> 24, o->addr[k] >> 16 & 255, o->addr[k] >> 8 & 255, o->addr[k] & 255, o->len[k]);
	snprintf(peer, ADDR_TEXT, "(unspec)");
	snprintf(nh, ADDR_TEXT, "0.0.0.0");
	if (!b->have || b->local)
		return;
	const struct world_link *l = &w->link[b->link];

	addr_text(&l->addr[l->end[0] == b->from ? 0 : 1], peer);
	addr_text(&w->link[b->next_link].addr[b->next_end], nh);
}

/* The engine's best paths of one speaker against the oracle's. */
static void compare(struct world *w, const struct oracle *o, int s)
{
	char *text = world_show(w, s, "bgp");
	json_t *doc = json_loads(text, 0, NULL), *routes = json_object_get(doc, "routes");
	size_t in_kernel = 0;

	if (!doc)
		world_fault(w, "the table of %s is no JSON: %.80s", w->s[s].name, text);
	for (size_t k = 0; k < o->n; k++) {
		const struct oracle_best *b = &o->best[s][k];
		char name[32], nh[ADDR_TEXT], peer[ADDR_TEXT];
		const json_t *path, *best = NULL;
		size_t i;

		expected_text(w, o, s, k, name, peer, nh);
		json_array_foreach(json_object_get(routes, name), i, path)
			if (json_is_true(json_object_get(path, "bestpath")))
				best = path;
		if (!b->have) {
			if (best)
				world_fault(w, "%s has %s, which nobody announces", w->s[s].name, name);
			continue;
		}
		in_kernel += !b->local;
		const char *got_peer = json_string_value(json_object_get(best, "peerId"));
		const char *got_nh = json_string_value(json_object_get(json_array_get(json_object_get(best, "nexthops"), 0), "ip"));

		if (!best)
			world_fault(w, "%s lacks %s: expected from %s, next hop %s", w->s[s].name, name, peer, nh);
		else if (!got_peer || strcmp(got_peer, peer) || !got_nh || strcmp(got_nh, nh))
			world_fault(w, "%s has %s from %s, next hop %s: expected %s, %s", w->s[s].name, name,
			            got_peer ? got_peer : "nobody", got_nh ? got_nh : "none", peer, nh);
	}
	if (w->s[s].n_kernel != in_kernel)
		world_fault(w, "%s has %zu routes in its kernel, expected %zu", w->s[s].name, w->s[s].n_kernel, in_kernel);
	json_decref(doc);
	free(text);
}

/* --- What has come of it, as lines of words --- */

static void print_ways(const struct world *w, int s)
{
	char via[ADDR_TEXT];

	for (int t = 0; t < w->n_links; t++) {
		int d = oracle_distance(w, s, t);

		if (d < 10)
			continue;
		const struct world_link *l = &w->link[d - 10];

		printf("way %s 10.%d.0.0/30 %s %d\n", w->s[s].name, t + 1, addr_text(&l->addr[l->end[0] == s ? 1 : 0], via), d);
	}
}

/*      link NAME ADDRESS NAME ADDRESS            one that is up
 *      speaker NAME ROUTER-ID AS                 one that runs
 *      peer NAME ADDRESS client|other            its session
 *      network NAME PREFIX                       what it announces
 *      way NAME NETWORK ADDRESS METRIC           how it reaches a network that is not its own
 *      best NAME PREFIX PEER NEXT-HOP            its table */
static void print_world(const struct world *w, const struct oracle *o)
{
	char x[ADDR_TEXT], y[ADDR_TEXT], name[32];

	for (int l = 0; l < w->n_links; l++) {
		const struct world_link *k = &w->link[l];

		if (k->up)
			printf("link %s %s %s %s\n", w->s[k->end[0]].name, addr_text(&k->addr[0], x), w->s[k->end[1]].name, addr_text(&k->addr[1], y));
	}
	for (int s = 0; s < w->n_speakers; s++) {
		const struct world_speaker *sp = &w->s[s];

		if (!sp->running)
			continue;
		printf("speaker %s %u.%u.%u.%u %u\n", sp->name, sp->id >> 24, sp->id >> 16 & 255, sp->id >> 8 & 255, sp->id & 255, sp->as);
		print_ways(w, s);
		for (int l = 0; l < w->n_links; l++) {
			const struct world_link *k = &w->link[l];
			int e = k->end[0] == s ? 0 : 1;

			if (world_connected(w, l) && k->end[e] == s)
				printf("peer %s %s %s\n", sp->name, addr_text(&k->addr[!e], x), k->flags[e] & WORLD_CLIENT ? "client" : "other");
		}
		for (size_t i = 0; i < sp->n_networks; i++)
			if (sp->on[i])
				printf("network %s %s/%u\n", sp->name, addr_text(&sp->network[i].addr, x), sp->network[i].len);
		for (size_t k = 0; k < o->n; k++) {
			expected_text(w, o, s, k, name, x, y);
			if (o->best[s][k].have)
				printf("best %s %s %s %s\n", sp->name, name, x, y);
		}
	}
}

static void flip(struct world *w)
{
	char prefix[32];
	int s = (int)world_random(w, (uint64_t)w->n_speakers), l = (int)world_random(w, (uint64_t)w->n_links);

	switch (world_random(w, 12)) {
	case 0: case 1: case 2: case 3: case 4:
		/* A few prefixes are announced by several. */
		snprintf(prefix, sizeof prefix, "172.16.%u.0/24", (unsigned)world_random(w, 12));
		world_network(w, s, prefix, world_random(w, 2));
		break;
	case 5: case 6: case 7: world_link_set(w, l, world_random(w, 2)); break;
	case 8: case 9: world_cut(w, l); break;
	case 10: world_stop(w, s, world_random(w, 2)); break;
	default: world_start(w, s); break;
	}
}

static bool storm(uint64_t seed, bool verbose, bool print, uint64_t sum[3])
{
	static const char *const name[] = {"r1", "r2", "c1", "c2", "c3"};
	struct world *w = world_new(seed);
	struct oracle *o = calloc(1, sizeof *o);
	bool good;

	w->verbose = verbose;
	for (int s = 0; s < 5; s++)
		world_speaker(w, name[s], 65000);
	for (int r = R1; r <= R2; r++)
		for (int c = C1; c <= C3; c++) {
			int l = world_link(w, r, c);

			world_peer(w, r, l, WORLD_CLIENT);
			world_peer(w, c, l, 0);
		}
	int l = world_link(w, R1, R2);

	world_peer(w, R1, l, 0);
	world_peer(w, R2, l, 0);
	for (int s = 0; s < 5; s++)
		world_start(w, s);
	for (int round = 0; round < 4 && !w->fault[0]; round++) {
		for (unsigned n = 3 + (unsigned)world_random(w, 25); n && !w->fault[0]; n--) {
			flip(w);
			world_run(w, (dur_t)world_random(w, (uint64_t)(world_random(w, 3) ? DUR_MS(300) : DUR_S(20))));
		}
		world_run(w, QUIET);
		oracle_run(w, o);
		sum[2] += !o->stable;
		for (int s = 0; s < 5 && o->stable; s++)
			if (w->s[s].running)
				compare(w, o, s);
		/* Nothing but keep-alives is said in peace. */
		uint64_t before = 0, after = 0;

		for (int s = 0; s < 5; s++)
			before += w->s[s].updates;
		world_run(w, DUR_S(60));
		for (int s = 0; s < 5; s++)
			after += w->s[s].updates;
		if (before != after)
			world_fault(w, "%llu UPDATEs in peace", (unsigned long long)(after - before));
	}
	if (print && o->stable)
		print_world(w, o);
	for (int s = 0; s < 5; s++) {
		sum[0] += w->s[s].updates;
		sum[1] += w->s[s].route_sets;
		world_stop(w, s, false);
	}
	good = !w->fault[0];
	if (!good)
		printf("seed %llu: %s\n", (unsigned long long)seed, w->fault);
	free(o);
	world_free(w);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t sum[3] = {0}, seeds = 60, first = 1, failed = 0;

	if (argc == 3 && !strcmp(argv[1], "-v"))
		return !storm(strtoull(argv[2], NULL, 10), true, false, sum);
	if (argc == 3 && !strcmp(argv[1], "-f"))
		return !storm(strtoull(argv[2], NULL, 10), false, true, sum);
	if (argc > 1)
		seeds = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	for (uint64_t i = first; i < first + seeds; i++)
		failed += !storm(i, false, false, sum);
	printf("%llu seeds, %llu UPDATEs, %llu kernel routes set, %llu states without rest\n", (unsigned long long)seeds,
	       (unsigned long long)sum[0], (unsigned long long)sum[1], (unsigned long long)sum[2]);
	printf("%llu passed, %llu failed\n", (unsigned long long)(seeds - failed), (unsigned long long)failed);
	return failed != 0 || seeds == 0;
}
