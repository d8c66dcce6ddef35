/* tunnel/: the tables themselves. Rows are unique, states reachable, every state that is not an end leads on by a
 * timer or by the lane (which has one), and back to the end; the whole is printed and compared with
 * tests/golden/tunnel/matrix.txt, so that a changed machine is a visible change. With an argument, prints the matrix
 * (to make the golden file anew). */
#include "tunnel/tunnel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 32 };

struct machine {
	const char *name;
	const char *state[MAX], *event[MAX];
	size_t n_states, n_events;
};

static size_t index_of(const char **set, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(set[i], name) == 0)
			return i;
	}
	assert_true(*n < MAX);
	set[*n] = name;
	return (*n)++;
}

static struct machine load(const char *name)
{
	struct machine m = {.name = name};
	struct tun_row_view r;
	for (size_t i = 0; tunnels_row(i, &r); i++) {
		if (strcmp(r.machine, name) != 0)
			continue;
		(void)index_of(m.state, &m.n_states, r.from);
		(void)index_of(m.state, &m.n_states, r.to);
		(void)index_of(m.event, &m.n_events, r.event);
	}
	return m;
}

static bool row_at(const char *machine, const char *from, const char *event, struct tun_row_view *out)
{
	for (size_t i = 0; tunnels_row(i, out); i++) {
		if (strcmp(out->machine, machine) == 0 && strcmp(out->from, from) == 0 &&
		    strcmp(out->event, event) == 0)
			return true;
	}
	return false;
}

static void test_unique(void **state)
{
	(void)state;
	struct tun_row_view a, b;
	for (size_t i = 0; tunnels_row(i, &a); i++) {
		assert_non_null(a.handler);
		for (size_t j = 0; j < i && tunnels_row(j, &b); j++)
			assert_false(strcmp(a.machine, b.machine) == 0 && strcmp(a.from, b.from) == 0 &&
			             strcmp(a.event, b.event) == 0);
	}
}

/* Which states can be reached from one. */
static void reach(const struct machine *m, const char *from, bool seen[MAX])
{
	struct machine copy = *m;
	struct tun_row_view r;
	seen[index_of(copy.state, &copy.n_states, from)] = true;
	for (size_t round = 0; round < MAX; round++) {
		for (size_t i = 0; tunnels_row(i, &r); i++) {
			if (strcmp(r.machine, m->name) == 0 && seen[index_of(copy.state, &copy.n_states, r.from)])
				seen[index_of(copy.state, &copy.n_states, r.to)] = true;
		}
	}
}

static void test_reachable(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t states;
	} machines[] = {{"life", 7}, {"lane", 4}};
	for (size_t k = 0; k < ARRAY_LEN(machines); k++) {
		struct machine m = load(machines[k].name);
		assert_int_equal(m.n_states, machines[k].states);
		bool seen[MAX] = {false};
		reach(&m, "down", seen);
		for (size_t i = 0; i < m.n_states; i++) {
			bool back[MAX] = {false};
			assert_true(seen[i]);
			reach(&m, m.state[i], back);
			assert_true(back[index_of(m.state, &m.n_states, "down")]);
		}
	}
	for (uint8_t i = TUN_DOWN; i <= TUN_GOING_DOWN; i++)
		assert_string_not_equal(tun_state_name(i), "?");
	assert_string_equal(tun_state_name(TUN_GOING_DOWN + 1), "?");
}

/* Nothing waits for ever: what waits has a timeout, or waits for hooks, and running hooks have one. */
static void test_ways_out(void **state)
{
	(void)state;
	static const char *const waiting[] = {"sa-up", "gre", "hook", "probe", "going-down"};
	struct tun_row_view r;
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		assert_true(row_at("life", waiting[i], "timeout", &r) || row_at("life", waiting[i], "hooks-rest", &r));
	assert_true(row_at("lane", "raising", "overdue", &r));
	assert_true(row_at("lane", "lowering", "overdue", &r));
	/* Wherever SAs are up, losing the last one, other ends and another configuration are heard. */
	static const char *const alive[] = {"sa-up", "gre", "hook", "probe", "up"};
	for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
		assert_true(row_at("life", alive[i], "child-gone", &r));
		assert_string_equal(r.to, "going-down");
		assert_true(row_at("life", alive[i], "moved", &r));
		assert_string_equal(r.to, "sa-up");
		assert_true(row_at("life", alive[i], "conf", &r));
		assert_string_equal(r.to, "sa-up");
	}
	/* Somebody may ask for `up` in every state. */
	struct machine m = load("life");
	for (size_t i = 0; i < m.n_states; i++)
		assert_true(row_at("life", m.state[i], "want", &r));
}

static void print_machine(FILE *f, const char *name)
{
	struct machine m = load(name);
	struct tun_row_view r;
	fprintf(f, "%s\n", name);
	for (size_t i = 0; i < m.n_states; i++) {
		fprintf(f, "  %s\n", m.state[i]);
		for (size_t j = 0; j < m.n_events; j++) {
			if (row_at(name, m.state[i], m.event[j], &r))
				fprintf(f, "    %-12s -> %-12s %s\n", r.event, r.to, r.handler);
			else
				fprintf(f, "    %-12s .\n", m.event[j]);
		}
	}
}

static void print_all(FILE *f)
{
	print_machine(f, "life");
	print_machine(f, "lane");
}

static void test_golden(void **state)
{
	(void)state;
	static char now[16384], then[16384];
	FILE *f = fmemopen(now, sizeof now, "w");
	assert_non_null(f);
	print_all(f);
	assert_int_equal(fclose(f), 0);
	f = fopen(GOLDEN_DIR "/matrix.txt", "r");
	assert_non_null(f);
	size_t n = fread(then, 1, sizeof then - 1, f);
	assert_true(n > 0);
	(void)fclose(f);
	assert_string_equal(now, then);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		print_all(stdout);
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_reachable),
		cmocka_unit_test(test_ways_out),
		cmocka_unit_test(test_golden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
