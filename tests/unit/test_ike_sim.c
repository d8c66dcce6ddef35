/* The scenarios of tests/sim/scenarios, a part of the enumeration and some storms; and that a scenario which does not hold is told.
 * All of the enumeration and as many storms as one likes: scripts/dev-sim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../sim/plan.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#ifdef GRETEL_SANITIZED
enum { STORMS = 40, STEP = 1999 };
#else
enum { STORMS = 300, STEP = 97 };
#endif

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char *text = calloc(1, 1 << 14);
	size_t n = fread(text, 1, (1 << 14) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Runs it; on failure with its ladder. */
static void holds(const struct plan *p, const char *name)
{
	struct plan_result r = {0}, again = {.tell = true};
	if (plan_run(p, &r))
		return;
	bool good = plan_run(p, &again);
	print_message("%s", again.story ? again.story : "");
	free(again.story);
	fail_msg("%s: %s%s", name, r.broken, good ? " (not so with its story kept)" : "");
}

static void scenarios(void **state)
{
	(void)state;
	DIR *d = opendir(TESTS_DIR "/sim/scenarios");
	unsigned n = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[512], why[300];
		struct plan p;
		if (!strstr(e->d_name, ".sim"))
			continue;
		snprintf(path, sizeof path, "%s/sim/scenarios/%s", TESTS_DIR, e->d_name);
		char *text = read_file(path);
		if (!plan_read(&p, text, why, sizeof why))
			fail_msg("%s: %s", path, why);
		free(text);
		holds(&p, e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 12);
}

static void storms(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= STORMS; seed++) {
		struct plan p;
		char name[40];
		snprintf(name, sizeof name, "seed %u", (unsigned)seed);
		plan_storm(&p, seed);
		holds(&p, name);
	}
}

static void enumeration(void **state)
{
	(void)state;
	struct plan p;
	for (uint64_t i = 0; plan_enum(&p, i); i += STEP) {
		char name[40];
		snprintf(name, sizeof name, "case %u", (unsigned)i);
		holds(&p, name);
	}
	assert_false(plan_enum(&p, plan_enum_size()));
}

/* What is written down runs as what it came from: the same datagrams, the same events. */
static void written_and_read_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct plan p, q;
		struct plan_result r = {0}, s = {0};
		char *text = NULL, why[300];
		size_t n = 0;
		plan_storm(&p, seed);
		FILE *f = open_memstream(&text, &n);
		plan_print(&p, f);
		fclose(f);
		if (!plan_read(&q, text, why, sizeof why))
			fail_msg("%s\n%s", text, why);
		free(text);
		(void)plan_run(&p, &r);
		(void)plan_run(&q, &s);
		assert_int_equal(r.datagrams, s.datagrams);
		assert_int_equal(r.events, s.events);
		/* And once more the same, told or not. */
		s.tell = true;
		(void)plan_run(&p, &s);
		assert_int_equal(r.datagrams, s.datagrams);
		assert_int_equal(r.events, s.events);
		free(s.story);
	}
}

static const char two[] = "host a 192.0.2.1\nhost b 198.51.100.1\npeer a b auto=start\npeer b a\n";

static void what_does_not_hold_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *more, *broken;
	} cases[] = {
		{"at 0 b cut\nat 1s a delete-ike\nquiet 30s\n", "no peace after 30 s: a has 0 child SAs, b has 1"},
		{"at 0 a delete-ike\nlossless\n", "a: the SA c0010000 went while the peer sends in it"},
		{"expect down\n", "the tunnel is up, which nobody wants"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan p;
		struct plan_result r = {.tell = true};
		char text[600], why[300];
		snprintf(text, sizeof text, "%s%s", two, cases[i].more);
		assert_true(plan_read(&p, text, why, sizeof why));
		assert_false(plan_run(&p, &r));
		if (!strstr(r.broken, cases[i].broken))
			fail_msg("'%s' is not '%s'", r.broken, cases[i].broken);
		assert_non_null(strstr(r.story, "HDR, SK {IDi, "));
		assert_non_null(strstr(r.story, "***"));
		free(r.story);
	}
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "line 0: expected two hosts at least"},
		{"host a 192.0.2.1\nhost b x\n", "line 2: expected: host NAME ADDRESS [nat ADDRESS [ports]]"},
		{"host a 192.0.2.1\nhost a 192.0.2.2\n", "line 2: too many hosts, or one name twice, got a"},
		{"host a 192.0.2.1 gnat 203.0.113.1\n", "line 1: expected: nat ADDRESS [ports], got gnat"},
		{"host a 192.0.2.1\nhost b 192.0.2.2\npeer a c\n", "line 3: expected the name of a host, got c"},
		{"host a 192.0.2.1\nhost b 192.0.2.2\npeer a b auto\n", "line 3: expected KEY=VALUE, got auto"},
		{"host a 192.0.2.1\nhost b 192.0.2.2\npeer a b\n", "line 3: a host without a peer, got b"},
		{"host a 192.0.2.1\nat 5 a up\n", "line 2: expected a time like 20ms, 1.5s or 2m, got 5"},
		{"host a 192.0.2.1\nat 5s a jump\n", "line 2: expected something to do, got jump"},
		{"host a 192.0.2.1\nat 5s a up\nat 4s a up\n", "line 3: too many events, or not in the order of their times"},
		{"lost 0\n", "line 1: expected the number of a datagram, from 1; not more than eight such lines, got 0"},
		{"chance wet 5\n", "line 1: expected: chance lost|doubled|delayed|corrupted|refused N, got wet"},
		{"expect rain\n", "line 1: expected: expect up|down|agree, got rain"},
		{"seed x\n", "line 1: expected a number, got x"},
		{"# nothing\nsun\n", "line 2: expected one of the words that tests/sim/plan.h lists, got sun"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan p;
		char why[300] = "";
		assert_false(plan_read(&p, cases[i].text, why, sizeof why));
		assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios),
		cmocka_unit_test(storms),
		cmocka_unit_test(enumeration),
		cmocka_unit_test(written_and_read_again),
		cmocka_unit_test(what_does_not_hold_is_told),
		cmocka_unit_test(what_cannot_be_read_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
