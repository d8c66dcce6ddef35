/* cli/ip: which command lines are ours, what greteld is asked, what is said and how it ends, what the real ip gets. */
#include "cli/ip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- greteld and the real ip --- */
static struct {
	int result, code;
	const char *text, *doc;
	bool user;
	const char *tunnel;
	/* what came */
	char asked[400], real[256];
	int calls;
} d;

static int daemon_call(const struct control_call *call, struct control_reply *out)
{
	char *options = json_dumps(call->options, JSON_COMPACT | JSON_SORT_KEYS);
	d.calls++;
	assert_int_equal(call->n_args, 1);
	snprintf(d.asked, sizeof d.asked, "%s %s %s", call->verb, call->arg[0], options);
	free(options);
	*out = (struct control_reply){.code = d.code};
	if (d.result < 0)
		return d.result;
	out->text = strdup(d.text ? d.text : "");
	out->doc = d.doc ? json_loads(d.doc, 0, NULL) : NULL;
	return 0;
}

static int real_ip(struct cli *c, char **argv)
{
	struct sbuf b = SB(d.real);
	(void)c;
	for (char **v = argv; *v; v++)
		sb_printf(&b, "%s%s", v == argv ? "" : " ", *v);
	return 42;
}

static char *err;

/* Each word in a block of its own size. */
static int ip(const char *line)
{
	char words[256], *argv[40], *save = NULL;
	size_t n_err;
	int argc = 0;
	free(err);
	err = NULL;
	d.calls = 0;
	*d.asked = *d.real = '\0';
	snprintf(words, sizeof words, "%s", line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(argc < 39);
		argv[argc++] = strdup(w);
	}
	argv[argc] = NULL;
	struct cli c = {.out = stdout, .err = open_memstream(&err, &n_err), .socket = "/s", .call = daemon_call};
	const struct ip_env env = {.user = d.user, .tunnel = d.tunnel, .real = real_ip};
	int code = ip_run(&c, &env, argc, argv);
	fclose(c.err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return code;
}

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof d);
	d.user = true;
	d.tunnel = "t";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(err);
	err = NULL;
	return 0;
}

/* --- ours, and what is asked --- */
#define ADD(more, change, csum, key, local, pmtu, remote, tos, ttl)                                                     \
	"gre-add " more " {\"change\":" change ",\"csum\":" csum "," key "\"local\":\"" local "\",\"pmtudisc\":" pmtu      \
	",\"remote\":\"" remote "\",\"tos\":" tos ",\"ttl\":" ttl ",\"tunnel\":\"t\"}"
#define PLAIN(name) ADD(name, "false", "false", "", "10.0.0.1", "true", "10.0.0.2", "0", "0")

static void test_asked(void **state)
{
	(void)state;
	static const struct {
		const char *line, *asked;
	} cases[] = {
		{"ip tunnel add gre1 mode gre local 10.0.0.1 remote 10.0.0.2", PLAIN("gre1")},
		{"ip tunnel add gre1 local 10.0.0.1 remote 10.0.0.2", PLAIN("gre1")},
		{"ip tun a mode gre name x remote 10.0.0.2 local 10.0.0.1 dev eth0", PLAIN("x")},
		{"ip -4 -o tunnel add x mode gre/ip local 10.0.0.1 remote 10.0.0.2", PLAIN("x")},
		{"ip -f inet t add x mode gre local 10.0.0.1 remote 10.0.0.2 nocsum nokey noseq", PLAIN("x")},
		{"ip tunl add x mode gre local 10.0.0.1 remote 10.0.0.2", PLAIN("x")},
		{"ip tunnel add x mode gre remote any", ADD("x", "false", "false", "", "0.0.0.0", "true", "0.0.0.0", "0", "0")},
		{"ip tunnel add x mode gre remote 10.0.0.2 ttl 64 tos inherit key 7 csum",
		 ADD("x", "false", "true", "\"key\":7,", "0.0.0.0", "true", "10.0.0.2", "1", "64")},
		{"ip tunnel add x mode gre remote 10.0.0.2 hlim inherit dsfield 10 key 0.0.1.2 icsum ocsum",
		 ADD("x", "false", "true", "\"key\":258,", "0.0.0.0", "true", "10.0.0.2", "16", "0")},
		{"ip tunnel add x mode gre ikey 0x10 okey 16 nopmtudisc",
		 ADD("x", "false", "false", "\"key\":16,", "0.0.0.0", "false", "0.0.0.0", "0", "0")},
		{"ip tunnel change x mode gre remote 10.0.0.2 key 4294967295",
		 ADD("x", "true", "false", "\"key\":4294967295,", "0.0.0.0", "true", "10.0.0.2", "0", "0")},
		{"ip -6 tunnel add x mode ip6gre local ::1 remote 2001:db8::2",
		 ADD("x", "false", "false", "", "::1", "true", "2001:db8::2", "0", "0")},
		{"ip link add gre1 type gre local 10.0.0.1 remote 10.0.0.2", PLAIN("gre1")},
		{"ip l a name gre1 type gre local 10.0.0.1 remote 10.0.0.2", PLAIN("gre1")},
		{"ip link add dev gre1 numtxqueues 2 type gre remote 10.0.0.2 local 10.0.0.1", PLAIN("gre1")},
		{"ip -d -s link add g type ip6gre remote 2001:db8::2",
		 ADD("g", "false", "false", "", "::", "true", "2001:db8::2", "0", "0")},
		{"ip link set gre1 type gre remote 10.0.0.2 ttl 3 nopmtudisc",
		 ADD("gre1", "true", "false", "", "0.0.0.0", "false", "10.0.0.2", "0", "3")},
		{"ip link change dev gre1 type gre remote 10.0.0.2",
		 ADD("gre1", "true", "false", "", "0.0.0.0", "true", "10.0.0.2", "0", "0")},
		{"ip tunnel del gre1", "gre-del gre1 {}"},
		{"ip tun d gre1 mode gre", "gre-del gre1 {}"},
		{"ip tunnel delete name gre1 local 10.0.0.1", "gre-del gre1 {}"},
		{"ip link del gre1", "gre-del gre1 {}"},
		{"ip link delete dev gre1 type gre", "gre-del gre1 {}"},
		{"ip --oneline l d gre1", "gre-del gre1 {}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ip(cases[i].line), 0);
		assert_string_equal(d.asked, cases[i].asked);
		assert_int_equal(d.calls, 1);
		assert_string_equal(err, "");
		assert_string_equal(d.real, "");
	}
}

/* --- the real ip's, word for word --- */
static void test_real(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"ip",
		"ip link",
		"ip tunnel",
		"ip tunnel show",
		"ip tunnel add",
		"ip tunnel add x mode sit remote 10.0.0.2",
		"ip tunnel add x mode",
		"ip tunnel add tun7 remote 10.0.0.2",
		"ip -6 tunnel add gre9 remote ::1",
		"ip tunnel del",
		"ip tunnel del x y z",
		"ip tunnel help",
		"ip tunnel prl dev x",
		"ip link show gre1",
		"ip link set gre1 up",
		"ip link set dev gre1 mtu 1400",
		"ip link set type",
		"ip link add v0 type veth peer name type gre",
		"ip link add x type gretap remote 10.0.0.2",
		"ip link replace x type gre remote 10.0.0.2",
		"ip link del x type veth",
		"ip link del group 7",
		"ip addr add 10.0.0.2/30 dev gre1",
		"ip a",
		"ip -br a",
		"ip -n other tunnel add gre1 mode gre remote 10.0.0.2",
		"ip -netns other link del gre1",
		"ip -batch file",
		"ip -b file tunnel add gre1 mode gre",
		"ip -all netns exec ip tunnel add gre1 mode gre",
		"ip -f link tunnel add gre1 mode gre",
		"ip -f",
		"ip -zz tunnel add gre1 mode gre",
		"ip -- tunnel add gre1 mode gre",
		"ip netns exec other ip tunnel add gre1 mode gre",
		"ip tuntap add tun0 mode tun",
		"ip route add 10.0.0.0/8 dev gre1",
		"ip xfrm state",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (ip(lines[i]) != 42 || d.calls)
			fail_msg("%s: asked greteld: %s %s", lines[i], d.asked, err);
		assert_string_equal(d.real, lines[i]);
	}
}

static void test_kernel_mode(void **state)
{
	(void)state;
	static const char line[] = "ip tunnel add gre1 mode gre local 10.0.0.1 remote 10.0.0.2";
	d.user = false;
	assert_int_equal(ip(line), 42);
	assert_string_equal(d.real, line);
	d.user = true;
	d.tunnel = NULL;
	assert_int_equal(ip(line), 42);
	assert_string_equal(d.real, line);
}

/* --- what is wrong --- */
static void test_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int code;
		const char *text;
	} cases[] = {
		{"ip tunnel add gre1 mode gre locl 10.0.0.1", 255, "Error: either \"name\" is duplicate, or \"locl\" is a garbage.\n"},
		{"ip tunnel add gre1 mode gre local 10.0.0.256", 1, "Error: an IP address is expected rather than \"10.0.0.256\"\n"},
		{"ip tunnel add gre1 mode gre remote ::1", 1, "Error: an IP address is expected rather than \"::1\"\n"},
		{"ip tunnel add gre1 mode gre local", 255, "Command line is not complete. Try option \"help\"\n"},
		{"ip tunnel add gre1 mode gre ttl 256", 255, "Error: argument \"256\" is wrong: invalid TTL\n"},
		{"ip tunnel add gre1 mode gre ttl -1", 255, "Error: argument \"-1\" is wrong: invalid TTL\n"},
		{"ip tunnel add gre1 mode gre tos zz", 255, "Error: argument \"zz\" is wrong: bad TOS value\n"},
		{"ip tunnel add gre1 mode gre tos 100", 255, "Error: argument \"100\" is wrong: bad TOS value\n"},
		{"ip tunnel add gre1 mode gre key x", 255, "invalid value for \"key\": \"x\"; it should be an unsigned integer\n"},
		{"ip tunnel add gre1 mode gre key 4294967296", 255,
		 "invalid value for \"key\": \"4294967296\"; it should be an unsigned integer\n"},
		{"ip tunnel add gre1 mode gre ttl 5 nopmtudisc", 1, "ttl != 0 and nopmtudisc are incompatible\n"},
		{"ip tunnel add 1234567890123456 mode gre", 255,
		 "Error: argument \"1234567890123456\" is wrong: \"name\" not a valid ifname\n"},
		{"ip tunnel add a/b mode gre", 255, "Error: argument \"a/b\" is wrong: \"name\" not a valid ifname\n"},
		{"ip tunnel add mode gre remote 10.0.0.2", 255, "the data plane in user space wants a name for the interface\n"},
		{"ip tunnel add gre%d mode gre", 255, "Error: argument \"gre%d\" is wrong: \"name\" not a valid ifname\n"},
		{"ip link add gre1 type gre remote ::1", 1, "Error: inet address is expected rather than \"::1\".\n"},
		{"ip link add gre1 type ip6gre remote 10.0.0.2", 1, "Error: inet6 address is expected rather than \"10.0.0.2\".\n"},
		{"ip link add gre1 type gre foo", 255, "gre: unknown option \"foo\"?\n"},
		{"ip link add gre1 gre2 type gre", 255, "Error: either \"dev\" is duplicate, or \"gre2\" is a garbage.\n"},
		{"ip link add a:b type gre", 255, "Error: argument \"a:b\" is wrong: \"dev\" not a valid ifname\n"},
		{"ip tunnel add gre1 mode gre seq", 2, "gre1: the data plane in user space has no \"seq\"\n"},
		{"ip tunnel add gre1 mode gre icsum", 2,
		 "gre1: the data plane in user space has checksums in both directions or none\n"},
		{"ip tunnel add gre1 mode gre ikey 1", 2, "gre1: the data plane in user space has one key for both directions\n"},
		{"ip tunnel add gre1 mode gre ikey 1 okey 2", 2,
		 "gre1: the data plane in user space has one key for both directions\n"},
		{"ip link add gre1 netns 1 type gre", 2, "the data plane in user space has no \"netns\" for a GRE interface\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ip(cases[i].line), cases[i].code);
		assert_string_equal(err, cases[i].text);
		assert_int_equal(d.calls, 0);
		assert_string_equal(d.real, "");
	}
}

/* --- what greteld refuses, in iproute2's words --- */
static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int number, code;
		const char *text;
	} cases[] = {
		{"ip tunnel add gre1 mode gre remote 10.0.0.2", EEXIST, 1, "add tunnel \"gre0\" failed: File exists\n"},
		{"ip link add gre1 type gre remote 10.0.0.2", EEXIST, 2, "RTNETLINK answers: File exists\n"},
		{"ip tunnel change gre1 remote 10.0.0.2", ENODEV, 1, "get tunnel \"gre1\" failed: No such device\n"},
		{"ip link set gre1 type gre ttl 4", ENODEV, 1, "Cannot find device \"gre1\"\n"},
		{"ip tunnel add gre1 mode gre remote 10.0.0.2", EPERM, 1,
		 "add tunnel \"gre0\" failed: Operation not permitted\ngre1: a sentence\n"},
		{"ip tunnel change gre1 mode gre", EINVAL, 1, "change tunnel \"gre1\" failed: Invalid argument\ngre1: a sentence\n"},
		{"ip tunnel del gre1", EBUSY, 1, "delete tunnel \"gre1\" failed: Device or resource busy\ngre1: a sentence\n"},
		{"ip link del gre1", EBUSY, 2, "RTNETLINK answers: Device or resource busy\ngre1: a sentence\n"},
		{"ip link add gre1 type ip6gre", ENOTSUP, 2, "RTNETLINK answers: Operation not supported\ngre1: a sentence\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char doc[32];
		snprintf(doc, sizeof doc, "{\"errno\":%d}", cases[i].number);
		d.code = CONTROL_FAILED;
		d.doc = doc;
		d.text = "a sentence";
		assert_int_equal(ip(cases[i].line), cases[i].code);
		assert_string_equal(err, cases[i].text);
		assert_int_equal(d.calls, 1);
		assert_string_equal(d.real, "");
	}
	/* Not root; a failure without a number. */
	d.doc = NULL;
	d.code = CONTROL_DENIED;
	d.text = "";
	assert_int_equal(ip("ip tunnel add gre1 mode gre"), 1);
	assert_string_equal(err, "add tunnel \"gre0\" failed: Operation not permitted\n");
	d.code = CONTROL_BUSY;
	assert_int_equal(ip("ip tunnel add gre1 mode gre"), 1);
	assert_string_equal(err, "add tunnel \"gre0\" failed: Invalid argument\n");
	/* An interface that is not ours is the real ip's to delete. */
	d.doc = "{\"errno\":19}";
	d.code = CONTROL_FAILED;
	assert_int_equal(ip("ip link del eth7"), 42);
	assert_string_equal(d.real, "ip link del eth7");
	assert_int_equal(d.calls, 1);
	assert_string_equal(err, "");
	/* Nobody there. */
	d.result = -ECONNREFUSED;
	assert_int_equal(ip("ip tunnel add gre1 mode gre"), 2);
	assert_string_equal(err, "ip: greteld, which carries GRE in user space, cannot be asked: Connection refused\n");
}

/* What `ip link add` sets at once goes to the real ip, but only when there is an interface. */
static void test_rest(void **state)
{
	(void)state;
	assert_int_equal(ip("ip link add gre1 mtu 1400 up type gre remote 10.0.0.2"), 42);
	assert_int_equal(d.calls, 1);
	assert_string_equal(d.real, "ip link set dev gre1 mtu 1400 up");
	d.code = CONTROL_FAILED;
	d.doc = "{\"errno\":17}";
	assert_int_equal(ip("ip link add gre1 mtu 1400 type gre remote 10.0.0.2"), 2);
	assert_string_equal(d.real, "");
	assert_int_equal(ip("ip link add gre1 mtu 1 mtu 2 mtu 3 mtu 4 mtu 5 mtu 6 mtu 7 mtu 8 mtu 9 mtu 1 mtu 1 mtu 1 mtu 1 type gre"), 255);
	assert_int_equal(d.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_real, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kernel_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
