/* hook/: the environment of a script, against the table of ike.md 4.3, and hostile values. */
#include "hook/hook.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The user's tunnel as the agent behind the NAT sees it. */
static struct hook_event event(void)
{
	struct hook_event ev = {
		.up = true,
		.connection = "tunnel",
		.interface = "eth0",
		.reqid = 1,
		.unique_id = 7,
		.child_id = 9,
		.spi_in = 0xc6de6144,
		.spi_out = 0x00000100,
		.me.port = 4500,
		.peer.port = 46376,
		.sel.proto = 47,
		.encap = true,
	};
	assert_true(addr_parse("10.0.0.2", &ev.me.addr));
	assert_true(addr_parse("80.251.0.33", &ev.peer.addr));
	ev.my_client = ev.me.addr;
	ev.peer_client = ev.peer.addr;
	assert_true(ident_parse("121.43.117.81", &ev.my_id));
	assert_true(ident_parse("80.251.0.33", &ev.peer_id));
	return ev;
}

static const char *get(const struct hook_env *env, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->var[i], name, n) == 0 && env->var[i][n] == '=')
			return env->var[i] + n + 1;
	}
	return NULL;
}

static struct hook_env *build(const struct hook_event *ev)
{
	struct hook_env *env = malloc(sizeof *env);
	assert_non_null(env);
	assert_int_equal(hook_env_build(env, ev, "/sbin:/bin"), 0);
	assert_null(env->var[env->n]);
	return env;
}

static void test_whole(void **state)
{
	(void)state;
	static const char *const want[] = {
		"PATH=/sbin:/bin",
		"PLUTO_VERSION=1.1",
		"PLUTO_VERB=up-host",
		"PLUTO_CONNECTION=tunnel",
		"PLUTO_INTERFACE=eth0",
		"PLUTO_REQID=1",
		"PLUTO_PROTO=esp",
		"PLUTO_UNIQUEID=7",
		"PLUTO_ME=10.0.0.2",
		"PLUTO_MY_ID=121.43.117.81",
		"PLUTO_MY_CLIENT=10.0.0.2/32",
		"PLUTO_MY_PORT=0",
		"PLUTO_MY_PROTOCOL=47",
		"PLUTO_PEER=80.251.0.33",
		"PLUTO_PEER_ID=80.251.0.33",
		"PLUTO_PEER_CLIENT=80.251.0.33/32",
		"PLUTO_PEER_PORT=0",
		"PLUTO_PEER_PROTOCOL=47",
		"PLUTO_UDP_ENC=46376",
		"X_GRETEL_SPI_IN=0xc6de6144",
		"X_GRETEL_SPI_OUT=0x00000100",
		"X_GRETEL_ENCAP=1",
		"X_GRETEL_CHILD_ID=9",
		"X_GRETEL_PEER_ID_HEX=50fb0021",
	};
	struct hook_event ev = event();
	struct hook_env *env = build(&ev);
	assert_int_equal(env->n, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(env->var[i], want[i]);
	free(env);
}

static void test_variants(void **state)
{
	(void)state;
	struct hook_event ev = event();
	ev.up = false;
	ev.encap = false;
	ev.interface[0] = '\0';
	ev.host_access = true;
	ev.mark_in = 42;
	ev.mark_in_mask = 0xffffffff;
	ev.mark_out = 7;
	ev.mark_out_mask = 0xff;
	assert_true(addr_parse("2001:db8::1", &ev.me.addr));
	ev.my_client = ev.me.addr;
	ev.sel.local_port = 500;
	struct hook_env *env = build(&ev);
	assert_string_equal(get(env, "PLUTO_VERB"), "down-host-v6");
	assert_string_equal(get(env, "PLUTO_ME"), "2001:db8::1");
	assert_string_equal(get(env, "PLUTO_MY_CLIENT"), "2001:db8::1/128");
	assert_null(get(env, "PLUTO_UDP_ENC"));
	assert_string_equal(get(env, "PLUTO_INTERFACE"), "unknown");
	assert_string_equal(get(env, "PLUTO_HOST_ACCESS"), "1");
	assert_string_equal(get(env, "PLUTO_MARK_IN"), "42/0xffffffff");
	assert_string_equal(get(env, "PLUTO_MARK_OUT"), "7/0x000000ff");
	assert_string_equal(get(env, "PLUTO_MY_PORT"), "500");
	assert_string_equal(get(env, "X_GRETEL_ENCAP"), "0");
	ev.up = true;
	free(env);
	env = build(&ev);
	assert_string_equal(get(env, "PLUTO_VERB"), "up-host-v6");
	free(env);
}

/* Only with the data plane in user space is our own ip in front. */
static void test_user(void **state)
{
	(void)state;
	struct hook_event ev = event();
	struct hook_env *env = build(&ev);
	assert_null(get(env, "GRETEL_DATAPLANE"));
	size_t n = env->n;
	free(env);
	ev.user = true;
	env = build(&ev);
	assert_string_equal(get(env, "PATH"), GRETEL_LIBEXECDIR "/bin:/sbin:/bin");
	assert_string_equal(get(env, "GRETEL_DATAPLANE"), "user");
	assert_int_equal(env->n, n + 1);
	/* A path that does not fit is not cut short. */
	char *path = malloc(5000);
	assert_non_null(path);
	memset(path, 'x', 4999);
	path[4999] = '\0';
	assert_int_equal(hook_env_build(env, &ev, path), -EOVERFLOW);
	free(path);
	free(env);
}

static void test_hostile(void **state)
{
	(void)state;
	static const struct {
		const char *id, *text;
	} hostile[] = {
		{"$(id)", "??id?"}, {"`id`", "?id?"},        {"a;b", "a?b"},         {"a b", "a?b"},
		{"-rf", "?rf"},     {"'\"*|&<>", "???????"}, {"../../x", "../../x"}, {"LD_PRELOAD=x", "LD_PRELOAD=x"},
		{"a%n", "a%n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		struct hook_event ev = event();
		assert_true(ident_set(&ev.peer_id, ID_FQDN, hostile[i].id, strlen(hostile[i].id)));
		struct hook_env *env = build(&ev);
		assert_string_equal(get(env, "PLUTO_PEER_ID"), hostile[i].text);
		free(env);
	}
	/* Every octet there is, as text and in names of ours. */
	struct hook_event ev = event();
	uint8_t all[IDENT_MAX];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)(i + 1);
	assert_true(ident_set(&ev.peer_id, ID_KEY_ID, all, sizeof all));
	memcpy(ev.connection, "b\xc3\xbcro\n\x1b$x", 10);
	struct hook_env *env = build(&ev);
	assert_string_equal(get(env, "PLUTO_CONNECTION"), "b\xc3\xbcro???x");
	for (const char *p = get(env, "PLUTO_PEER_ID"); *p; p++)
		assert_non_null(
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._:/%+=,-?", *p));
	const char *hex = get(env, "X_GRETEL_PEER_ID_HEX");
	assert_int_equal(strlen(hex), 2 * IDENT_MAX);
	assert_memory_equal(hex, "0102030405", 10);
	free(env);
}

static void test_overflow(void **state)
{
	(void)state;
	struct hook_event ev = event();
	struct hook_env *env = malloc(sizeof *env);
	char *path = malloc(9000);
	assert_non_null(env);
	assert_non_null(path);
	memset(path, 'x', 8999);
	path[8999] = '\0';
	assert_int_equal(hook_env_build(env, &ev, path), -EOVERFLOW);
	path[7000] = '\0'; /* fits itself, the rest does not: both identities at their longest */
	memset(ev.my_id.data, 0xff, IDENT_MAX);
	ev.my_id.type = ID_KEY_ID;
	ev.my_id.len = IDENT_MAX;
	ev.peer_id = ev.my_id;
	assert_int_equal(hook_env_build(env, &ev, path), -EOVERFLOW);
	path[1000] = '\0'; /* identities alone never stop a hook */
	assert_int_equal(hook_env_build(env, &ev, path), 0);
	free(path);
	free(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_user), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
