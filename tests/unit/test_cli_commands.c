/* cli/: the command line: options, what is asked, exit codes, what is printed where. The daemon is a function here. */
#include "cli/cli.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the daemon --- */
static struct {
	int result, code;
	const char *text, *lines[4], *doc;
	int bad_names; /* so many calls with an argument are answered with code 2 */
	/* what was asked */
	char verb[32], arg[64], options[128], socket[64];
	int timeout_s, calls;
} d;

static int daemon_call(const struct control_call *call, struct control_reply *out)
{
	char *options = call->options ? json_dumps(call->options, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	d.calls++;
	snprintf(d.verb, sizeof d.verb, "%s", call->verb);
	snprintf(d.arg, sizeof d.arg, "%s", call->n_args ? call->arg[0] : "");
	snprintf(d.options, sizeof d.options, "%s", options ? options : "");
	snprintf(d.socket, sizeof d.socket, "%s", call->socket);
	free(options);
	d.timeout_s = call->timeout_s;
	*out = (struct control_reply){.code = CONTROL_FAILED};
	if (d.result < 0)
		return d.result;
	for (size_t i = 0; i < ARRAY_LEN(d.lines) && d.lines[i]; i++)
		call->line(call->ctx, d.lines[i]);
	bool bad_name = call->n_args && d.bad_names-- > 0;
	out->code = bad_name ? CONTROL_USAGE : d.code;
	out->text = strdup(bad_name ? "no tunnel named 'x'" : d.text ? d.text : "");
	out->doc = d.doc && !bad_name ? json_loads(d.doc, 0, NULL) : NULL;
	assert_true(!d.doc || bad_name || out->doc);
	return 0;
}

/* --- running --- */
static char *out, *err;

static void forget(void)
{
	free(out);
	free(err);
	out = err = NULL;
}

/* Words separated by blanks. */
static int gretel(const char *line)
{
	char words[256] = "gretel ", *argv[16], *save = NULL;
	size_t n_out, n_err;
	int argc = 0;
	forget();
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

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof d);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget();
	return 0;
}

static void says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not say '%s'", text, part);
}

static const char UP_DOC[] =
	"{\"tunnels\":[{\"name\":\"t\",\"kind\":\"transport\",\"auto\":\"start\",\"state\":\"up\",\"received\":"
	"true,\"why\":\"\",\"ike_sas\":[],\"child_sas\":[]}],\"others\":[],\"orphans\":[],\"refused\":[],"
	"\"daemon\":{\"version\":\"0.1\",\"ike_up\":1,\"ike_connecting\":0}}";
static const char DOWN_DOC[] =
	"{\"tunnels\":[{\"name\":\"t\",\"kind\":\"transport\",\"auto\":\"add\",\"state\":\"down\",\"why\":"
	"\"bell\\u0007\"}],\"daemon\":{}}";

/* --- the tests --- */
static void test_asks(void **state)
{
	static const struct {
		const char *line, *verb, *arg, *options;
		int timeout_s;
	} row[] = {
		{"up t", "up", "t", "", 0},
		{"--timeout 7 up t", "up", "t", "", 7},
		{"up --timeout=7 t", "up", "t", "", 7},
		{"down t[3]", "down", "t[3]", "", 0},
		{"down -- -t", "down", "-t", "", 0},
		{"rekey t", "rekey", "t", "", 0},
		{"rekey t ike", "rekey", "t[*]", "", 0},
		{"rekey t child", "rekey", "t{*}", "", 0},
		{"rekey t{4}", "rekey", "t{4}", "", 0},
		{"reload", "reload", "", "", 0},
		{"log", "log", "", "{}", 0},
		{"log -f -l 20", "log", "", "{\"follow\":true,\"lines\":20}", 0},
		{"-f log --lines 0", "log", "", "{\"follow\":true,\"lines\":0}", 0},
		{"log-level 2", "log-level", "2", "", 0},
		{"guard clear", "guard-clear", "", "", 0},
		{"guard", "guard", "", "", 0},
		{"ipsec up t", "up", "t", "", 0},
		{"ipsec down t{2}", "down", "t{2}", "", 0},
		{"ipsec update", "reload", "", "", 0},
		{"ipsec rereadsecrets", "reload", "", "", 0},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(gretel(row[i].line), 0);
		assert_string_equal(d.verb, row[i].verb);
		assert_string_equal(d.arg, row[i].arg);
		assert_string_equal(d.options, row[i].options);
		assert_string_equal(d.socket, "/s");
		assert_int_equal(d.timeout_s, row[i].timeout_s);
	}
	assert_int_equal(gretel("--socket /other reload"), 0);
	assert_string_equal(d.socket, "/other");
}

static void test_usage(void **state)
{
	static const struct {
		const char *line, *says;
	} row[] = {
		{"", "usage: gretel"},
		{"fly", "no command 'fly'"},
		{"up", "usage: gretel up NAME"},
		{"up a b", "usage: gretel up"},
		{"status a b", "usage: gretel"},
		{"list x", "usage: gretel list"},
		{"--timeout x up t", "number"},
		{"--timeout 0 up t", "number"},
		{"-l -1 log", "number"},
		{"--fly", "no option --fly"},
		{"up -x t", "no option -x"},
		{"--socket", "--socket wants an argument"},
		{"log -l", "-l wants"},
		{"guard tea", "nothing or `clear`"},
		{"ipsec fly", "unknown command 'fly'"},
		{"ipsec --fly", "unknown option '--fly'"},
		{"ipsec up", "Usage: ipsec up"},
		{"ipsec down a b", "Usage: ipsec down"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(gretel(row[i].line), CONTROL_USAGE);
		says(err, row[i].says);
		assert_string_equal(out, "");
	}
	assert_int_equal(d.calls, 0);
}

static void test_progress(void **state)
{
	(void)state;
	d.lines[0] = "initiating IKE_SA t[1] to 192.0.2.1";
	d.lines[1] = "connection 't' established successfully";
	d.text = "SAs up, nothing received yet";
	assert_int_equal(gretel("up t"), 0);
	assert_string_equal(out, "initiating IKE_SA t[1] to 192.0.2.1\nconnection 't' established successfully\n"
	                         "SAs up, nothing received yet\n");
	assert_string_equal(err, "");
	d.code = CONTROL_FAILED;
	d.text = "no answer from 192.0.2.1:500: filtered or down";
	assert_int_equal(gretel("up t"), CONTROL_FAILED);
	assert_string_equal(err, "gretel: no answer from 192.0.2.1:500: filtered or down\n");
	assert_int_equal(gretel("--json up t"), CONTROL_FAILED);
	json_t *o = json_loads(out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(o, "code")), 1);
	assert_string_equal(js_str(o, "text"), d.text);
	assert_int_equal(json_array_size(json_object_get(o, "lines")), 2);
	json_decref(o);
	d.code = 0;
	d.text = NULL;
	assert_int_equal(gretel("--json log -f"), 0);
	assert_string_equal(out, "{\"line\":\"initiating IKE_SA t[1] to 192.0.2.1\"}\n"
	                         "{\"line\":\"connection 't' established successfully\"}\n");
}

static void test_codes_pass(void **state)
{
	static const int codes[] = {CONTROL_USAGE, CONTROL_BUSY, CONTROL_DENIED, CONTROL_CUT};
	(void)state;
	d.text = "a reason";
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		static const char *const lines[] = {"up t", "status", "list", "reload", "guard", "counters"};
		d.code = codes[i];
		for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
			assert_int_equal(gretel(lines[k]), codes[i]);
			assert_string_equal(err, "gretel: a reason\n");
		}
	}
}

static void test_no_daemon(void **state)
{
	static const struct {
		int result;
		const char *line;
		int code;
		const char *says;
	} row[] = {
		{-ENOENT, "status", 7, "greteld is not running"},
		{-ECONNREFUSED, "up t", 7, "greteld is not running"},
		{-ENOENT, "--json list", 7, "greteld is not running"},
		{-EACCES, "status", 13, "for root and for members of its group"},
		{-ETIMEDOUT, "up t", 75, "goes on with it"},
		{-EPROTO, "status", 1, "no greteld of this version"},
		{-ECONNRESET, "reload", 1, "before it had answered"},
		{-EINVAL, "up t", 1, "no UTF-8"},
		{-ENOMEM, "status", 1, "Cannot allocate memory"},
		{-EACCES, "guard", 13, "cannot be asked"},
		{-ENOENT, "ipsec status", 3, "greteld is not running"},
		{-ENOENT, "ipsec statusall t", 3, "greteld is not running"},
		{-ENOENT, "ipsec up t", 7, "greteld is not running"},
		{-ENOENT, "ipsec reload", 7, "greteld is not running"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		d.result = row[i].result;
		if (gretel(row[i].line) != row[i].code)
			fail_msg("%s: not %d", row[i].line, row[i].code);
		says(err, row[i].says);
		assert_string_equal(out, "");
	}
	d.result = -ENOENT;
	assert_int_equal(gretel("version"), 0);
	assert_string_equal(out, "gretel " GRETEL_VERSION "\ngreteld is not running\n");
	assert_string_equal(err, "");
}

static void test_ipsec_codes(void **state)
{
	(void)state;
	d.code = CONTROL_FAILED;
	d.text = "no";
	assert_int_equal(gretel("ipsec up t"), 0);
	assert_int_equal(gretel("ipsec down t"), 0);
	assert_int_equal(gretel("ipsec reload"), 0);
	assert_int_equal(gretel("--strict ipsec up t"), CONTROL_FAILED);
	d.bad_names = 1;
	assert_int_equal(gretel("ipsec up x"), 0);
	assert_string_equal(out, "no config named 'x'\n");
	says(err, "no tunnel named");
	memset(&d, 0, sizeof d);
	d.lines[0] = "a warning";
	assert_int_equal(gretel("ipsec reload"), 0);
	assert_string_equal(out, "");
	assert_string_equal(err, "Reloading gretel IPsec configuration...\na warning\n");
	assert_int_equal(gretel("ipsec"), 0);
	assert_int_equal(gretel("ipsec --help"), 0);
	assert_int_equal(gretel("ipsec version"), 0);
	says(out, "Linux gretel U" GRETEL_VERSION "/K");
	assert_int_equal(gretel("ipsec --piddir"), 0);
	assert_string_equal(out, GRETEL_RUNDIR "\n");
	assert_int_equal(gretel("ipsec route t"), 0);
}

static void test_ipsec_status(void **state)
{
	(void)state;
	d.doc = UP_DOC;
	assert_int_equal(gretel("ipsec status"), 0);
	assert_string_equal(out, "Security Associations (1 up, 0 connecting):\n  none\n"); /* no line of ours */
	d.bad_names = 1;
	d.calls = 0;
	assert_int_equal(gretel("ipsec status x"), 0);
	assert_string_equal(out, "Security Associations (1 up, 0 connecting):\n  no match\n");
	assert_string_equal(err, "");
	assert_int_equal(d.calls, 2);
	assert_int_equal(gretel("ipsec statusall"), 0);
	assert_string_equal(d.verb, "statusall");
	says(out, "Status of IKE charon daemon (gretel 0.1, Linux ");
}

static void test_status(void **state)
{
	(void)state;
	d.doc = UP_DOC;
	assert_int_equal(gretel("status"), 0);
	says(out, "Tunnels:\n  | t is up\n");
	assert_int_equal(gretel("status --strict"), 0);
	assert_int_equal(gretel("--json status"), 0);
	json_t *o = json_loads(out, 0, NULL);
	json_t *same = json_loads(UP_DOC, 0, NULL);
	assert_true(json_equal(o, same));
	json_decref(o);
	json_decref(same);
	d.doc = DOWN_DOC;
	assert_int_equal(gretel("status --strict"), 0); /* auto=add is not wanted up */
	assert_int_equal(gretel("status --strict t"), CONTROL_FAILED);
	assert_int_equal(gretel("status t"), 0);
	says(out, "why: bell?\n"); /* a terminal is not rung */
	d.doc = NULL;
	assert_int_equal(gretel("status"), CONTROL_FAILED);
	says(err, "no answer");
}

static void test_documents(void **state)
{
	(void)state;
	d.doc = "{\"tunnels\":[{\"name\":\"t\",\"kind\":\"transport\",\"auto\":\"start\",\"held\":true,\"origin\":\"/a:1\",\"conf\":"
		"{\"local\":\"%any\",\"remote\":\"192.0.2.1\"}},{\"name\":\"p\",\"kind\":\"pass\",\"auto\":\"route\",\"origin\":"
		"\"/a:5\",\"kept\":true}],\"refused\":[{\"name\":\"b\",\"origin\":\"/a:9\",\"reason\":\"because\"}]}";
	assert_int_equal(gretel("list"), 0);
	assert_string_equal(out, "t                start  %any...192.0.2.1  /a:1, held\n"
	                         "p                pass   ...  /a:5, the file's version cannot be used\n"
	                         "b                left out, /a:9: because\n");
	d.doc = "{\"tunnels\":[],\"refused\":[]}";
	assert_int_equal(gretel("list"), 0);
	assert_string_equal(out, "no tunnel is configured\n");
	d.doc = "{\"guards\":[{\"peer\":\"192.0.2.1\",\"tunnel\":\"t\",\"strict\":false},{\"peer\":null,\"strict\":true}]}";
	assert_int_equal(gretel("guard"), 0);
	says(out, "192.0.2.1                                t\nany (strict)");
	d.doc = "{\"guards\":[]}";
	assert_int_equal(gretel("guard"), 0);
	assert_string_equal(out, "no guard is set\n");
	d.doc = "{\"ike\":{\"packets_in\":4,\"half_open\":0}}";
	assert_int_equal(gretel("counters"), 0);
	assert_string_equal(out, "packets_in           4\nhalf_open            0\n");
	d.doc = "{\"version\":\"0.2\",\"uptime_s\":61,\"restarted\":true}";
	assert_int_equal(gretel("version"), 0);
	assert_string_equal(out,
	                    "gretel " GRETEL_VERSION "\ngreteld 0.2, up 61 seconds since its ike role was restarted\n");
}

/* What a broken or newer daemon sends must not hurt. */
static void test_strange_documents(void **state)
{
	static const char *const docs[] = {
		"[]",
		"{}",
		"{\"tunnels\":7}",
		"{\"tunnels\":[7,null,\"x\",[]]}",
		"{\"tunnels\":[{\"ike_sas\":[{}],\"child_sas\":[{}]}]}",
		"{\"tunnels\":[{\"kind\":\"transport\",\"gre\":{\"address\":[]},\"guard\":[],\"weak\":[1]}],\"daemon\":[]}",
		"{\"guards\":[1],\"refused\":[2],\"orphans\":[3],\"others\":[{\"name\":4}],\"ike\":[5]}",
	};
	static const char *const lines[] = {"status",   "statusall", "list",           "guard",
	                                    "counters", "version",   "ipsec statusall"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		d.doc = docs[i];
		for (size_t k = 0; k < ARRAY_LEN(lines); k++)
			assert_int_equal(gretel(lines[k]), 0);
	}
}

static void test_help(void **state)
{
	size_t n;
	const struct cli_command *row = cli_commands(&n);
	(void)state;
	assert_int_equal(gretel("-h"), 0);
	for (size_t i = 0; i < n; i++)
		says(out, row[i].word);
	assert_int_equal(gretel("-V"), 0);
	assert_string_equal(out, "gretel " GRETEL_VERSION "\n");
}

/* Each command and long option stands in the manual. */
/* A line that ipsec.secrets takes: names, ":", the type, 0s and 43 digits of base64 with one "=". */
static void test_genpsk(void **state)
{
	static const struct { const char *line, *begins; } rows[] = {
		{"genpsk", ": PSK 0s"},
		{"genpsk @a.example 192.0.2.1 2001:db8::1", "@a.example 192.0.2.1 2001:db8::1 : PSK 0s"},
		{"genpsk --ppk one", "one : PPK 0s"},
	};
	char last[64] = "";
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].begins);
		assert_int_equal(gretel(rows[i].line), CONTROL_OK);
		assert_true(strncmp(out, rows[i].begins, n) == 0 && strlen(out) == n + 45);
		assert_int_equal(strspn(out + n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), 43);
		assert_string_equal(out + n + 43, "=\n");
		/* 256 bits: the last digit before the '=' carries four of them. */
		assert_non_null(strchr("AEIMQUYcgkosw048", out[n + 42]));
		assert_string_not_equal(out + n, last);
		snprintf(last, sizeof last, "%s", out + n);
	}
	static const char *const bad[] = {"genpsk a:b", "genpsk x#y", "genpsk \"x\"", "genpsk a,b", "genpsk --ppk", "genpsk --ppk a b"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(gretel(bad[i]), CONTROL_USAGE);
		assert_true(*err && !*out);
	}
	assert_int_equal(d.calls, 0);
}

static void test_manual(void **state)
{
	static const char *const options[] = {"Fl -json",   "Fl -strict",  "Fl -timeout", "Fl -socket",
	                                      "Fl -print",  "Fl -secrets", "Fl -ppk", "Fl -follow",  "Fl -lines",
	                                      "Fl -config", "Fl -help",    "Fl -version"};
	static char text[65536];
	size_t n;
	const struct cli_command *row = cli_commands(&n);
	FILE *f = fopen(MAN_DIR "/gretel.8", "r");
	(void)state;
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof text - 1, f) > 1000);
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		char item[64];
		snprintf(item, sizeof item, "\n.It Cm %s", row[i].word);
		says(text, item);
	}
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		says(text, options[i]);
}

/* --- check: the real loader --- */
static char conf_path[64];

static void write_file(const char *dir, const char *name, const char *text, char path[64])
{
	snprintf(path, 64, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_check(void **state)
{
	char dir[] = "/tmp/gretel-cli-XXXXXX", secrets[64], line[128];
	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "ipsec.secrets", ": PSK \"hush\"\n", secrets);
	write_file(dir, "ipsec.conf",
	           "conn t\n right=192.0.2.1\n authby=secret\n type=transport\n leftprotoport=gre\n"
	           " rightprotoport=gre\n auto=start\n",
	           conf_path);
	snprintf(line, sizeof line, "check -c %s", conf_path);
	assert_int_equal(gretel(line), 0);
	says(out, "1 tunnel, 0 errors, ");
	snprintf(line, sizeof line, "check --print -c %s", conf_path);
	assert_int_equal(gretel(line), 0);
	says(out, "remote = \"192.0.2.1\"");
	says(err, "1 tunnel, 0 errors, ");
	assert_null(strstr(out, "hush"));
	snprintf(line, sizeof line, "check --print --secrets -c %s", conf_path);
	assert_int_equal(gretel(line), 0);
	says(out, "hush");
	write_file(dir, "ipsec.conf", "conn t\n right=192.0.2.1\n authby=secret\n ike=nonsense!\n auto=start\n",
	           conf_path);
	snprintf(line, sizeof line, "check -c %s", conf_path);
	assert_int_equal(gretel(line), CONTROL_FAILED);
	says(out, "ipsec.conf:4: ");
	snprintf(line, sizeof line, "--json check -c %s", conf_path);
	assert_int_equal(gretel(line), CONTROL_FAILED);
	json_t *o = json_loads(out, 0, NULL);
	assert_true(json_is_false(json_object_get(o, "ok")));
	assert_true(json_array_size(json_object_get(o, "diagnostics")) > 0);
	/* Only root is told which data plane there would be, and nobody when nothing could be loaded. */
	const json_t *plane = json_object_get(o, "dataplane");
	assert_true(json_is_null(plane) || json_is_string(json_object_get(plane, "mode")));
	json_decref(o);
	remove(conf_path);
	snprintf(line, sizeof line, "check -c %s", conf_path);
	assert_int_equal(gretel(line), CONTROL_FAILED);
	says(err, "the configuration cannot be used");
	remove(secrets);
	remove(dir);
	assert_int_equal(d.calls, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_asks),         T(test_usage),
		T(test_progress),     T(test_codes_pass),
		T(test_no_daemon),    T(test_ipsec_codes),
		T(test_ipsec_status), T(test_status),
		T(test_documents),    T(test_strange_documents),
		T(test_help),         T(test_manual),
		T(test_check),        T(test_genpsk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
