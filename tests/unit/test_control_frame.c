/* control/: what needs no socket: frames, requests, the verb table, names. Inputs lie in exact heap blocks. */
#include "control/frame.h"
#include "control/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const void *p, size_t n, struct frame *f, size_t *used)
{
	uint8_t *exact = malloc(n ? n : 1);
	assert_non_null(exact);
	memcpy(exact, p, n);
	int got = frame_parse(SPAN(exact, n), f, used);
	if (got == 1) { /* the payload lies inside */
		assert_true(f->payload.p >= exact && f->payload.p + f->payload.n <= exact + n);
		assert_int_equal(*used, FRAME_HEAD + f->payload.n);
	}
	free(exact);
	return got;
}

static void test_frame_each_length(void **state)
{
	struct fbuf b = {.p = NULL};
	struct frame f;
	size_t used = 0;
	(void)state;
	assert_true(fbuf_add_frame(&b, FRAME_LINE, "hello", 5));
	assert_int_equal(fbuf_len(&b), 10);
	assert_memory_equal(b.p, "\0\0\0\5Lhello", 10);
	for (size_t n = 0; n < 10; n++)
		assert_int_equal(parse(b.p, n, &f, &used), 0);
	assert_int_equal(parse(b.p, 10, &f, &used), 1);
	assert_int_equal(f.type, FRAME_LINE);
	assert_int_equal(f.payload.n, 5);
	assert_true(fbuf_add(&b, "x", 1)); /* what follows is not part of it */
	assert_int_equal(parse(b.p, 11, &f, &used), 1);
	assert_int_equal(used, 10);
	fbuf_free(&b);
}

static void test_frame_bounds(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		int result;
	} row[] = {
		{"\0\0\0\0R", 5, 1},
		{"\0\1\0\0R", 5, 0},
		{"\0\1\0\1", 4, -EMSGSIZE},
		{"\377\377\377\377", 4, -EMSGSIZE},
		{"\200\0\0\0R", 5, -EMSGSIZE},
		{"\0\0\0\1r", 5, -EPROTO},
		{"\0\0\0\1\0", 5, -EPROTO},
		{"\0\0\0\1\377x", 6, -EPROTO},
		{"\0\1\0", 3, 0},
	};
	struct frame f;
	size_t used;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(parse(row[i].octets, row[i].n, &f, &used), row[i].result);
}

static void test_frames_cut(void **state)
{
	size_t n = 2 * CONTROL_FRAME_MAX + 7, seen = 0;
	char *text = malloc(n);
	struct fbuf b = {.p = NULL};
	struct frame f;
	size_t used, frames = 0;
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 26);
	assert_true(fbuf_add_frames(&b, FRAME_JSON, text, 0));
	assert_int_equal(fbuf_len(&b), 0);
	assert_true(fbuf_add_frames(&b, FRAME_JSON, text, n));
	while (fbuf_len(&b)) {
		assert_int_equal(frame_parse(fbuf_span(&b), &f, &used), 1);
		assert_true(f.payload.n <= CONTROL_FRAME_MAX);
		assert_memory_equal(f.payload.p, text + seen, f.payload.n);
		seen += f.payload.n;
		frames++;
		fbuf_take(&b, used);
	}
	assert_int_equal(seen, n);
	assert_int_equal(frames, 3);
	fbuf_free(&b);
	free(text);
}

/* Adding behind while taking in front keeps every octet and its order. */
static void test_fbuf_order(void **state)
{
	struct fbuf b = {.p = NULL};
	uint8_t next_in = 0, next_out = 0;
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < round % 37; i++, next_in++)
			assert_true(fbuf_add(&b, &next_in, 1));
		for (unsigned i = 0; i < round % 31 && fbuf_len(&b); i++, next_out++) {
			assert_int_equal(fbuf_span(&b).p[0], next_out);
			fbuf_take(&b, 1);
		}
	}
	assert_true(fbuf_len(&b) > 0);
	for (; fbuf_len(&b); next_out++) {
		assert_int_equal(fbuf_span(&b).p[0], next_out);
		fbuf_take(&b, 1);
	}
	assert_int_equal(next_in, next_out);
	fbuf_free(&b);
}

static void test_end_frame(void **state)
{
	struct fbuf b = {.p = NULL};
	struct frame f;
	size_t used;
	(void)state;
	assert_true(fbuf_add_end(&b, 13, "no\x1b[2J \"way\" \xff"));
	assert_int_equal(frame_parse(fbuf_span(&b), &f, &used), 1);
	assert_int_equal(f.type, FRAME_END);
	json_t *o = json_loadb((const char *)f.payload.p, f.payload.n, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(o, "code")), 13);
	assert_string_equal(json_string_value(json_object_get(o, "text")), "no?[2J \"way\" ?");
	json_decref(o);
	fbuf_free(&b);
}

static void test_text_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{"plain\ttext", "plain\ttext"},
		{"a\nb\rc\x1b[0m\x7f", "a?b?c?[0m?"},
		{"\xe5\x90\x8d", "\xe5\x90\x8d"},                 /* three octets */
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},         /* four */
		{"\xc2\xa0\xc2\x9b", "\xc2\xa0??"},               /* C1 control */
		{"\xc0\xaf\xe0\x80\xaf", "?????"},                /* overlong */
		{"\xed\xa0\x80", "???"},                          /* surrogate */
		{"\xf4\x90\x80\x80\xf5\x80\x80\x80", "????????"}, /* beyond the last */
		{"\xe5\x90", "??"},                               /* cut */
		{"\xe5\x90x", "??x"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		size_t n = strlen(row[i].in);
		char *in = malloc(n), *out = malloc(n + 1);
		assert_true(in && out);
		memcpy(in, row[i].in, n);
		text_clean(out, in, n);
		assert_string_equal(out, row[i].out);
		free(in);
		free(out);
	}
}

/* --- requests --- */
static int ask(const char *json, struct request *r, char text[256])
{
	size_t n = strlen(json);
	uint8_t *exact = malloc(n ? n : 1);
	struct sbuf err = sb_init(text, 256);
	assert_non_null(exact);
	memcpy(exact, json, n);
	int code = request_parse(SPAN(exact, n), r, &err);
	free(exact);
	return code;
}

static void test_request_good(void **state)
{
	struct request r;
	char text[256];
	(void)state;
	assert_int_equal(ask("{\"verb\":\"up\",\"args\":[\"cn\"],\"options\":{}}", &r, text), CONTROL_OK);
	assert_int_equal(r.args.row->verb, CONTROL_UP);
	assert_int_equal(r.args.n, 1);
	assert_string_equal(r.args.v[0], "cn");
	assert_string_equal(r.args.target.name, "cn");
	assert_true(r.args.row->root_only);
	request_fini(&r);
	assert_int_equal(ask("{\"verb\":\"log\",\"options\":{\"follow\":true,\"lines\":20,\"level\":0}}", &r, text),
	                 CONTROL_OK);
	assert_true(control_option(&r.args, "follow"));
	assert_false(control_option(&r.args, "level"));
	assert_false(control_option(&r.args, "nothing"));
	assert_int_equal(control_option_int(&r.args, "lines", -1), 20);
	assert_int_equal(control_option_int(&r.args, "nothing", -1), -1);
	assert_int_equal(control_option_int(&r.args, "follow", -1), -1);
	assert_string_equal(control_option_text(&r.args, "lines"), "");
	assert_string_equal(control_option_text(&r.args, "nothing"), "");
	request_fini(&r);
	assert_int_equal(ask("{\"verb\":\"gre-add\",\"args\":[\"gre1\"],\"options\":{\"tunnel\":\"t\",\"key\":7}}", &r, text), CONTROL_OK);
	assert_string_equal(r.args.v[0], "gre1");
	assert_string_equal(control_option_text(&r.args, "tunnel"), "t");
	assert_string_equal(control_option_text(&r.args, "key"), "");
	assert_int_equal(control_option_int(&r.args, "key", -1), 7);
	request_fini(&r);
	assert_int_equal(ask("{\"verb\":\"down\",\"args\":[\"cn{7}\"]}", &r, text), CONTROL_OK);
	assert_int_equal(r.args.target.kind, CONTROL_TARGET_CHILD);
	assert_int_equal(r.args.target.id, 7);
	request_fini(&r);
}

static void test_request_bad(void **state)
{
	static const struct {
		const char *json, *says;
	} row[] = {
		{"", "no JSON object"},
		{"[]", "no JSON object"},
		{"{\"verb\":\"up\"", "no JSON object"},
		{"{\"verb\":\"status\",\"verb\":\"up\"}", "no JSON object"},
		{"{\"verb\":\"status\"}x", "no JSON object"},
		{"{\"verb\":\"sta\\u0000tus\"}", "no JSON object"},
		{"{\"verb\":\"\xff\"}", "no JSON object"},
		{"{}", "no verb"},
		{"{\"verb\":7}", "no verb"},
		{"{\"verb\":\"fly\\n\"}", "unknown verb 'fly\\x0a'"},
		{"{\"verb\":\"up\"}", "takes one argument, 0 were given"},
		{"{\"verb\":\"up\",\"args\":{}}", "no array"},
		{"{\"verb\":\"up\",\"args\":[\"a\",\"b\"]}", "takes one argument, 2 were given"},
		{"{\"verb\":\"status\",\"args\":[\"a\",\"b\"]}", "at most one argument"},
		{"{\"verb\":\"list\",\"args\":[\"a\"]}", "no argument, 1 were given"},
		{"{\"verb\":\"up\",\"args\":[7]}", "no text"},
		{"{\"verb\":\"up\",\"args\":[\"\"]}", "no text"},
		{"{\"verb\":\"up\",\"args\":[\"a\\nb\"]}", "control characters"},
		{"{\"verb\":\"down\",\"args\":[\"a[x]\"]}", "expected NAME"},
		{"{\"verb\":\"status\",\"options\":[]}", "options is no object"},
		{"{\"verb\":\"status\",\"options\":{\"follow\":true}}", "'status' has no option 'follow'"},
		{"{\"verb\":\"log\",\"options\":{\"foll\":true}}", "no option 'foll'"},
		{"{\"verb\":\"log\",\"options\":{\"follow lines\":true}}", "no option"},
		{"{\"verb\":\"log\",\"options\":{\"follow\":[]}}", "neither true or false"},
		{"{\"verb\":\"log\",\"options\":{\"follow\":null}}", "neither true or false"},
	};
	struct request r;
	char text[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(ask(row[i].json, &r, text), CONTROL_USAGE);
		if (!strstr(text, row[i].says))
			fail_msg("%s: '%s' does not say '%s'", row[i].json, text, row[i].says);
		assert_null(r.root);
	}
}

static void test_request_long(void **state)
{
	char json[CONTROL_ARG_MAX + 64], text[256];
	struct request r;
	(void)state;
	for (int n = CONTROL_ARG_MAX; n <= CONTROL_ARG_MAX + 1; n++) {
		snprintf(json, sizeof json, "{\"verb\":\"log-level\",\"args\":[\"%0*d\"]}", n, 0);
		assert_int_equal(ask(json, &r, text), n <= CONTROL_ARG_MAX ? CONTROL_OK : CONTROL_USAGE);
		request_fini(&r);
	}
	for (int n = CONF_NAME_MAX; n <= CONF_NAME_MAX + 1; n++) {
		snprintf(json, sizeof json, "{\"verb\":\"up\",\"args\":[\"%0*d\"]}", n, 0);
		assert_int_equal(ask(json, &r, text), n <= CONF_NAME_MAX ? CONTROL_OK : CONTROL_USAGE);
		request_fini(&r);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *text;
		bool good;
		struct control_target t;
	} row[] = {
		{"cn", true, {"cn", CONTROL_TARGET_TUNNEL, false, 0}},
		{"cn[]", true, {"cn", CONTROL_TARGET_IKE, false, 0}},
		{"cn[*]", true, {"cn", CONTROL_TARGET_IKE, true, 0}},
		{"cn[12]", true, {"cn", CONTROL_TARGET_IKE, false, 12}},
		{"cn{}", true, {"cn", CONTROL_TARGET_CHILD, false, 0}},
		{"cn{*}", true, {"cn", CONTROL_TARGET_CHILD, true, 0}},
		{"cn{4294967295}", true, {"cn", CONTROL_TARGET_CHILD, false, UINT32_MAX}},
		{"[3]", true, {"", CONTROL_TARGET_IKE, false, 3}},
		{"a[b]c", true, {"a[b]c", CONTROL_TARGET_TUNNEL, false, 0}},
		{"cn]", true, {"cn]", CONTROL_TARGET_TUNNEL, false, 0}},
		{"a[1]{2}", true, {"a[1]", CONTROL_TARGET_CHILD, false, 2}},
		{"", false, {"", 0, false, 0}},
		{"[]", false, {"", 0, false, 0}},
		{"[*]", false, {"", 0, false, 0}},
		{"{*}", false, {"", 0, false, 0}},
		{"cn[0]", false, {"", 0, false, 0}},
		{"cn[-1]", false, {"", 0, false, 0}},
		{"cn[1 ]", false, {"", 0, false, 0}},
		{"cn[**]", false, {"", 0, false, 0}},
		{"cn[4294967296]", false, {"", 0, false, 0}},
		{"cn[99999999999999999999999999]", false, {"", 0, false, 0}},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct control_target t;
		bool good = control_target_parse(row[i].text, &t);
		if (good != row[i].good)
			fail_msg("'%s'", row[i].text);
		if (!good)
			continue;
		assert_string_equal(t.name, row[i].t.name);
		assert_int_equal(t.kind, row[i].t.kind);
		assert_int_equal(t.all, row[i].t.all);
		assert_int_equal(t.id, row[i].t.id);
	}
}

/* The table against the rights that the issue gives: what changes something is root's. */
static void test_verbs(void **state)
{
	static const struct {
		const char *name;
		bool root, streaming;
	} row[CONTROL_VERB_N] = {
		{"up", true, false},          {"down", true, false},      {"status", false, false},
		{"statusall", false, false},  {"list", false, false},     {"reload", true, false},
		{"log", false, true},         {"log-level", true, false}, {"guard", false, false},
		{"guard-clear", true, false}, {"counters", false, false}, {"version", false, false},
		{"show", false, false},       {"explain", false, false},  {"gre-add", true, false},
		{"gre-del", true, false},     {"clear", true, false},
		{"rekey", true, false},
	};
	(void)state;
	for (unsigned v = 0; v < CONTROL_VERB_N; v++) {
		const struct control_verb_row *r = control_verb_row((enum control_verb)v);
		assert_non_null(r);
		assert_ptr_equal(r, control_verb_by_name(r->name));
		assert_string_equal(r->name, row[v].name);
		assert_int_equal(r->root_only, row[v].root);
		assert_int_equal(r->streaming, row[v].streaming);
		assert_true(r->min_args <= r->max_args && r->max_args <= CONTROL_ARGS_MAX);
	}
	assert_null(control_verb_row(CONTROL_VERB_N));
	assert_null(control_verb_by_name("UP"));
}

static const char *const few[] = {"tunnel", "cn-us", "home", NULL};
static const char *const none[] = {NULL};
static const char *const many[] = {"t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", NULL};

static const char *name_at(void *ctx, size_t i) { return ((const char *const *)ctx)[i]; }

static void test_no_such(void **state)
{
	static const struct {
		const char *const *names;
		const char *name, *says;
	} row[] = {
		{few, "tunel", "no tunnel named 'tunel'; did you mean 'tunnel'?"},
		{few, "Tunnel", "no tunnel named 'Tunnel'; did you mean 'tunnel'?"},
		{few, "tunl", "no tunnel named 'tunl'; did you mean 'tunnel'?"},
		{few, "tun", "no tunnel named 'tun'; did you mean 'tunnel'?"},
		{few, "cn_us", "no tunnel named 'cn_us'; did you mean 'cn-us'?"},
		{few, "x", "no tunnel named 'x'; there is 'tunnel', 'cn-us', 'home'"},
		{few, "berlin", "no tunnel named 'berlin'; there is 'tunnel', 'cn-us', 'home'"},
		{none, "x\n", "no tunnel named 'x\\x0a'; none is configured"},
		{many, "t0", "no tunnel named 't0'; did you mean 't01', 't02', 't03', 't04'?"},
		{many, "berlin", "no tunnel named 'berlin'; `gretel list` shows the 8 that there are"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[256];
		struct sbuf b = SB(text);
		control_no_such(&b, row[i].name, name_at, (void *)(uintptr_t)row[i].names);
		assert_string_equal(text, row[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_each_length),
		cmocka_unit_test(test_frame_bounds),
		cmocka_unit_test(test_frames_cut),
		cmocka_unit_test(test_fbuf_order),
		cmocka_unit_test(test_end_frame),
		cmocka_unit_test(test_text_clean),
		cmocka_unit_test(test_request_good),
		cmocka_unit_test(test_request_bad),
		cmocka_unit_test(test_request_long),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_no_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
