/* cli/: show, explain, clear: what is asked, and the documents in FRR's columns. tests/golden/cli/bgp has documents of FRR itself with its
 * own text of them (summary, nexthop, path-*), and the tables of the seed's recording (golden-*): those must come out octet for octet.
 * With the argument `make` the other texts are written anew. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool make;
static struct {
	json_t *doc;
	char verb[32], arg[600];
	int calls;
} d;

static int daemon_call(const struct control_call *call, struct control_reply *out)
{
	d.calls++;
	snprintf(d.verb, sizeof d.verb, "%s", call->verb);
	snprintf(d.arg, sizeof d.arg, "%s", call->n_args ? call->arg[0] : "");
	*out = (struct control_reply){.code = CONTROL_OK, .text = strdup(""), .doc = json_incref(d.doc)};
	return 0;
}

static char *out, *err;

static int gretel(const char *line)
{
	char words[1024] = "gretel ", *argv[16], *save = NULL;
	size_t n_out, n_err;
	int argc = 0;
	free(out);
	free(err);
	out = err = NULL;
	snprintf(words + 7, sizeof words - 7, "%s", line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	struct cli c = {.out = open_memstream(&out, &n_out),
	                .err = open_memstream(&err, &n_err),
	                .socket = "/s",
	                .lines = -1,
	                .call = daemon_call};
	int code = cli_main(&c, argc, argv);
	fclose(c.out);
	fclose(c.err);
	return code;
}

static char *read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 1 << 18);
	if (!f)
		fail_msg("%s is not there", path);
	assert_true(fread(text, 1, (1 << 18) - 1, f) > 0);
	fclose(f);
	return text;
}

static void test_golden(void **state)
{
	static const struct {
		const char *name, *line;
		bool theirs;
	} row[] = {
		{"golden-us", "show bgp", true},
		{"golden-cn", "show bgp ipv4", true},
		{"golden-home", "show bgp", true},
		{"summary", "show bgp summary", true},
		{"nexthop", "show bgp nexthop", true},
		{"path-aggregate", "show bgp 10.0.9.0/30", true},
		{"path-client", "show bgp 192.168.1.0/24", true},
		{"path-reflected", "show bgp 192.168.1.1", false},
		{"table", "show bgp", false},
		{"odd-table", "show bgp ipv6", false},
		{"odd-path", "show bgp 2001:db8::/32", false},
		{"advertised", "show bgp neighbor 10.0.0.2 advertised", false},
		{"neighbor", "show bgp neighbors 10.0.0.2", false},
		{"routes", "show routes", false},
		{"explain", "explain route 10.0.9.0/30", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char path[512];
		json_error_t e;
		snprintf(path, sizeof path, "%s/%s.json", GOLDEN_DIR, row[i].name);
		d.doc = json_load_file(path, 0, &e);
		if (!d.doc)
			fail_msg("%s: %s", path, e.text);
		assert_int_equal(gretel(row[i].line), 0);
		snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, row[i].name);
		if (make && !row[i].theirs) {
			FILE *f = fopen(path, "wb");
			fputs(out, f);
			fclose(f);
		}
		char *want = read_whole(path);
		assert_string_equal(out, want);
		free(want);
		/* As JSON it is what came. */
		char line[128];
		snprintf(line, sizeof line, "--json %s", row[i].line);
		assert_int_equal(gretel(line), 0);
		json_t *again = json_loads(out, 0, NULL);
		assert_true(json_equal(again, d.doc));
		json_decref(again);
		json_decref(d.doc);
		d.doc = NULL;
	}
}

static void test_asks(void **state)
{
	static const struct {
		const char *line, *verb, *arg;
	} row[] = {
		{"show bgp", "show", "bgp"},
		{"show bgp ipv6", "show", "bgp ipv6"},
		{"show bgp 10.0.0.0/8", "show", "bgp 10.0.0.0/8"},
		{"show bgp ipv4 10.0.0.1", "show", "bgp ipv4 10.0.0.1"},
		{"show bgp summary", "show", "summary"},
		{"show bgp nexthop", "show", "nexthop"},
		{"show bgp neighbor", "show", "neighbors"},
		{"show bgp neighbors 10.0.0.1", "show", "neighbors 10.0.0.1"},
		{"show bgp neighbor 10.0.0.1 received", "show", "neighbors 10.0.0.1 received"},
		{"show bgp neighbor 10.0.0.1 advertised-routes", "show", "neighbors 10.0.0.1 advertised"},
		{"show bgp neighbor 10.0.0.1 filtered ipv6", "show", "neighbors 10.0.0.1 filtered ipv6"},
		{"show bgp neighbor 10.0.0.1 routes", "show", "neighbors 10.0.0.1 routes"},
		{"show routes", "show", "routes"},
		{"explain route 10.0.0.0/8", "explain", "10.0.0.0/8"},
		{"explain route 10.0.0.0/8 to 10.0.0.1", "explain", "10.0.0.0/8 to 10.0.0.1"},
		{"clear bgp *", "clear", "*"},
		{"clear bgp 10.0.0.1", "clear", "10.0.0.1"},
		{"clear bgp 10.0.0.1 soft", "clear", "10.0.0.1 soft"},
		{"clear bgp 10.0.0.1 soft in", "clear", "10.0.0.1 soft in"},
		{"clear bgp * soft out", "clear", "* soft out"},
	};
	(void)state;
	d.doc = json_object();
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(gretel(row[i].line), 0);
		assert_string_equal(d.verb, row[i].verb);
		assert_string_equal(d.arg, row[i].arg);
		/* The verb is known, and root's when it changes something. */
		assert_non_null(control_verb_by_name(d.verb));
		assert_int_equal(control_verb_by_name(d.verb)->root_only, strcmp(d.verb, "clear") == 0);
	}
	json_decref(d.doc);
	d.doc = NULL;
}

static void test_usage(void **state)
{
	static const char *const lines[] = {
		"show",
		"show tea",
		"show routes all",
		"show bgp a b",
		"show bgp ipv4 a b",
		"show bgp summary x",
		"show bgp neighbor a tea",
		"show bgp neighbor a received-tea",
		"show bgp neighbor a routes ipv4 b",
		"explain route",
		"explain bgp 10.0.0.0/8",
		"explain route a from b",
		"explain route a to",
		"clear bgp",
		"clear routes x",
		"clear bgp x hard",
		"clear bgp x soft sideways",
		"clear",
	};
	(void)state;
	d.calls = 0;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (gretel(lines[i]) != CONTROL_USAGE)
			fail_msg("%s is taken", lines[i]);
		assert_non_null(strstr(err, "usage: gretel "));
	}
	assert_int_equal(d.calls, 0);
}

/* What a broken or newer daemon sends must not hurt. */
static void test_strange(void **state)
{
	static const char *const docs[] = {
		"{}",
		"[]",
		"{\"routes\":7}",
		"{\"routes\":{\"x\":7,\"y\":[1,[],{}]}}",
		"{\"prefix\":\"x\",\"paths\":[1,{},{\"nexthops\":[]}]}",
		"{\"ipv4Unicast\":{\"peers\":{\"a\":1,\"b\":{}}}}",
		"{\"ipv4\":{\"a\":1,\"b\":{\"nexthops\":[1,{}]}}}",
		"{\"a\":[1,{\"nexthops\":[1,{}]}],\"b\":{}}",
		"{\"candidates\":[1,{}],\"announced\":{\"a\":1,\"b\":{\"filters\":[1]}},\"aggregates\":[1],\"kernel\":{}}",
		"{\"warning\":\"Inbound\"}",
		"{\"a\":{\"neighborCapabilities\":{\"multiprotocolExtensions\":1},\"addressFamilyInfo\":{\"ipv4Unicast\":1}}}",
	};
	static const char *const lines[] = {
		"show bgp",          "show bgp 10.0.0.0/8",          "show bgp summary", "show bgp nexthop",
		"show bgp neighbor", "show bgp neighbor a received", "show routes",      "explain route 10.0.0.0/8"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
			d.doc = json_loads(docs[i], 0, NULL);
			assert_non_null(d.doc);
			assert_int_equal(gretel(lines[k]), 0);
			json_decref(d.doc);
			d.doc = NULL;
		}
	}
	d.doc = json_loads(docs[9], 0, NULL);
	assert_int_equal(gretel("show bgp neighbor a received"), 0);
	assert_string_equal(out, "% Inbound\n");
	json_decref(d.doc);
	d.doc = json_object();
	assert_int_equal(gretel("show bgp 192.0.2.1"), 0);
	assert_string_equal(out, "% Network not in table: 192.0.2.1\n");
	assert_int_equal(gretel("show bgp"), 0);
	assert_string_equal(out, "No BGP prefixes displayed, 0 exist\n");
	json_decref(d.doc);
	d.doc = NULL;
	free(out);
	free(err);
	out = err = NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_asks),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_strange),
	};
	make = argc > 1 && strcmp(argv[1], "make") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
