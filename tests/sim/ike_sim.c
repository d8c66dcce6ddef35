/* IKE engines under everything that can happen to them, on virtual time. What holds and when: sim_watch.h; what a scenario is: plan.h.
 *
 *      ike_sim storm [SEEDS [FIRST]]        20000 from 1: random worlds, faults and wishes
 *      ike_sim enumerate [STEP [FIRST]]     every case of plan_enum.c, or every STEP-th from FIRST (0)
 *      ike_sim run FILE...                  scenarios
 *      ike_sim ladder FILE|SEED|eCASE       one of them, step by step
 *      ike_sim write SEED|eCASE             one of them as a scenario file
 *
 * A line for each that failed, with what shows it again. Exit status 1: something failed. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20 };

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 16);
	if (!f) {
		perror(path);
		exit(2);
	}
	size_t n = fread(text, 1, (1 << 16) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* A file, a seed, or e and the number of a case. */
static void find(struct plan *p, const char *name)
{
	char why[300], *end, *text;
	uint64_t n = strtoull(name + (name[0] == 'e'), &end, 10);
	if (*end == '\0' && name[0] == 'e' && name[1]) {
		if (plan_enum(p, n))
			return;
		fprintf(stderr, "there are %llu cases\n", (unsigned long long)plan_enum_size());
		exit(2);
	}
	if (*end == '\0') {
		plan_storm(p, n);
		return;
	}
	text = read_file(name);
	bool good = plan_read(p, text, why, sizeof why);
	free(text);
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", name, why);
	exit(2);
}

static int ladder(const char *name)
{
	struct plan p;
	struct plan_result r = {.tell = true};
	find(&p, name);
	bool good = plan_run(&p, &r);
	printf("%s%s\n", r.story ? r.story : "", good ? "all invariants hold" : r.broken);
	free(r.story);
	return !good;
}

static int run_files(int n, char **names)
{
	int failed = 0;
	for (int i = 0; i < n; i++) {
		struct plan p;
		struct plan_result r = {0};
		find(&p, names[i]);
		bool good = plan_run(&p, &r);
		printf("%s: %s\n", names[i], good ? "ok" : r.broken);
		failed += !good;
	}
	printf("%d passed, %d failed\n", n - failed, failed);
	return failed != 0;
}

struct sums {
	struct trace_count count;
	uint64_t run, failed, datagrams, events;
};

static void one(struct sums *s, const struct plan *p, const char *what, uint64_t i)
{
	struct plan_result r = {.count = &s->count};
	bool good = plan_run(p, &r);
	s->run++;
	s->datagrams += r.datagrams;
	s->events += r.events;
	if (good)
		return;
	if (s->failed++ < SHOWN)
		printf("NOT OK  %s%llu: %s (scripts/dev-sim ladder %s%llu)\n", what, (unsigned long long)i, r.broken, what,
		       (unsigned long long)i);
	fflush(stdout);
}

static int report(struct sums *s, const char *what, unsigned empty)
{
	printf("%llu %s, %llu events, %llu datagrams\n", (unsigned long long)s->run, what, (unsigned long long)s->events,
	       (unsigned long long)s->datagrams);
	if (empty)
		printf("NOT OK  %u cells of fault x exchange are empty\n", empty);
	s->failed += empty != 0;
	printf("%llu passed, %llu failed\n", (unsigned long long)(s->run + (empty == 0) - s->failed), (unsigned long long)s->failed);
	return s->failed != 0 || s->run == 0;
}

static int storm(uint64_t seeds, uint64_t first)
{
	struct sums s = {0};
	struct plan p;
	for (uint64_t i = first; i < first + seeds; i++) {
		plan_storm(&p, i);
		one(&s, &p, "", i);
	}
	unsigned empty = trace_print(&s.count, true);
	return report(&s, "seeds", seeds >= 1000 ? empty : 0);
}

static int enumerate(uint64_t step, uint64_t first)
{
	struct sums s = {0};
	struct plan p;
	for (uint64_t i = first; plan_enum(&p, i); i += step)
		one(&s, &p, "e", i);
	unsigned empty = trace_print(&s.count, false);
	return report(&s, "cases", step == 1 ? empty : 0);
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise)
{
	return argc > i ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct plan p;
	if (strcmp(verb, "storm") == 0)
		return storm(number(argc, argv, 2, 20000), number(argc, argv, 3, 1));
	if (strcmp(verb, "enumerate") == 0)
		return enumerate(number(argc, argv, 2, 1), number(argc, argv, 3, 0));
	if (strcmp(verb, "run") == 0 && argc > 2)
		return run_files(argc - 2, argv + 2);
	if (strcmp(verb, "ladder") == 0 && argc == 3)
		return ladder(argv[2]);
	if (strcmp(verb, "write") == 0 && argc == 3) {
		find(&p, argv[2]);
		plan_print(&p, stdout);
		return 0;
	}
	fprintf(stderr, "usage: ike_sim storm [SEEDS [FIRST]] | enumerate [STEP [FIRST]] | run FILE... | ladder FILE|SEED|eCASE | "
	                "write SEED|eCASE\n");
	return 2;
}
