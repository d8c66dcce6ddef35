/* config_diff: what a reload has to touch; and loading, printing and comparing with every allocation failing once. */
#include "test_config_gretel_util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TUNNEL(name, more) name " = { remote = \"192.0.2.1\"; " more " }; "
#define FILE_OF(tunnels) "tunnels = { " tunnels " };"

struct pair {
	struct test_mem m;
	struct loaded a, b;
	struct config_diff d;
};

static void pair_init(struct pair *p, const char *a, const char *b)
{
	test_mem_init(&p->m);
	load_text(&p->a, &p->m, a);
	load_text(&p->b, &p->m, b);
	assert_int_equal(p->a.rc, 0);
	assert_int_equal(p->b.rc, 0);
	assert_int_equal(config_diff(p->a.conf, p->b.conf, &p->d), 0);
}

static void pair_fini(struct pair *p)
{
	config_diff_fini(&p->d);
	loaded_fini(&p->a);
	loaded_fini(&p->b);
	assert_int_equal(p->m.mem.in_use, 0);
}

static const struct config_change *change(const struct pair *p, const char *name)
{
	for (size_t i = 0; i < p->d.n; i++) {
		if (strcmp(p->d.change[i].name, name) == 0)
			return &p->d.change[i];
	}
	return NULL;
}

static void test_same(void **state)
{
	(void)state;
	struct pair p;
	/* The same in other words: nothing to send. */
	pair_init(&p, FILE_OF(TUNNEL("a", "lifetime = 3600; ike = \"aes256-sha256-modp2048\";")),
	          "# moved\n\n" FILE_OF(TUNNEL("a", "ike = \"aes256-sha2_256-modp2048\"; protocol = 47; mobike = false;")));
	assert_true(p.d.same);
	assert_int_equal(p.d.n, 1);
	assert_int_equal(p.d.change[0].type, CONFIG_UNCHANGED);
	assert_int_equal(p.d.setup, 0);
	pair_fini(&p);
}

static void test_added_removed(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, FILE_OF(TUNNEL("a", "") TUNNEL("b", "")), FILE_OF(TUNNEL("c", "") TUNNEL("b", "")));
	assert_false(p.d.same);
	assert_int_equal(p.d.n, 3);
	assert_int_equal(change(&p, "a")->type, CONFIG_REMOVED);
	assert_int_equal(change(&p, "a")->was, 0);
	assert_int_equal(change(&p, "a")->now, -1);
	assert_int_equal(change(&p, "b")->type, CONFIG_UNCHANGED);
	assert_int_equal(change(&p, "b")->was, 1);
	assert_int_equal(change(&p, "b")->now, 1);
	assert_int_equal(change(&p, "c")->type, CONFIG_ADDED);
	assert_int_equal(change(&p, "c")->was, -1);
	assert_int_equal(change(&p, "c")->now, 0);
	pair_fini(&p);
}

static void expect_needs(const char *key, unsigned needs)
{
	char text[512];
	struct sbuf b = SB(text);
	struct pair p;
	sb_printf(&b, "tunnels = { a = { remote = \"192.0.2.1\"; gre = { name = \"g\"; }; %s }; };", key);
	pair_init(&p, FILE_OF(TUNNEL("a", "gre = { name = \"g\"; };")), text);
	assert_int_equal(p.d.n, 1);
	assert_int_equal(p.d.change[0].type, needs ? CONFIG_CHANGED : CONFIG_UNCHANGED);
	assert_int_equal(p.d.change[0].needs, needs);
	assert_int_equal(p.d.same, needs == 0);
	pair_fini(&p);
}

static void test_classes(void **state)
{
	(void)state;
	expect_needs("", 0);
	expect_needs("updown = \"/x\";", CONFIG_NEEDS_UPDATE);
	expect_needs("guard = \"off\";", CONFIG_NEEDS_UPDATE);
	expect_needs("auto = \"add\";", CONFIG_NEEDS_UPDATE);
	expect_needs("esp = \"aes256gcm16!\";", CONFIG_NEEDS_CHILD);
	expect_needs("lifetime = 3601;", CONFIG_NEEDS_CHILD);
	expect_needs("local_id = \"x\";", CONFIG_NEEDS_IKE);
	expect_needs("local = \"192.0.2.9\";", CONFIG_NEEDS_IKE);
	expect_needs("ike = \"aes256-sha256-modp2048!\"; auto = \"add\"; reqid = 5;",
	             CONFIG_NEEDS_IKE | CONFIG_NEEDS_UPDATE | CONFIG_NEEDS_CHILD);
	expect_needs("fragmentation = \"accept\";", CONFIG_NEEDS_IKE);
}

static void test_gre(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, FILE_OF(TUNNEL("a", "gre = { name = \"g\"; };")),
	          FILE_OF(TUNNEL("a", "gre = { name = \"g\"; mtu = 1300; };")));
	assert_int_equal(p.d.change[0].needs, CONFIG_NEEDS_UPDATE);
	pair_fini(&p);
	pair_init(&p, FILE_OF(TUNNEL("a", "gre = { name = \"g\"; };")), FILE_OF(TUNNEL("a", "")));
	assert_int_equal(p.d.change[0].needs, CONFIG_NEEDS_UPDATE);
	pair_fini(&p);
	/* Without a name the rest means nothing. */
	pair_init(&p, FILE_OF(TUNNEL("a", "")), FILE_OF(TUNNEL("a", "")));
	config_diff_fini(&p.d);
	((struct tunnel_conf *)(uintptr_t)conf_tunnel(p.b.conf, 0))->gre.mtu = 1300;
	assert_int_equal(config_diff(p.a.conf, p.b.conf, &p.d), 0);
	assert_true(p.d.same);
	config_diff_fini(&p.d);
	assert_int_equal(config_diff(p.b.conf, p.a.conf, &p.d), 0);
	assert_true(p.d.same);
	pair_fini(&p);
}

static void test_daemon(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, FILE_OF(TUNNEL("a", "")), "daemon = { log = \"debug\"; };" FILE_OF(TUNNEL("a", "")));
	assert_int_equal(p.d.setup, CONFIG_NEEDS_UPDATE);
	assert_int_equal(p.d.change[0].type, CONFIG_UNCHANGED);
	assert_false(p.d.same);
	pair_fini(&p);
	pair_init(&p, FILE_OF(TUNNEL("a", "")), "daemon = { port = 501; };" FILE_OF(TUNNEL("a", "")));
	assert_int_equal(p.d.setup, CONFIG_NEEDS_RESTART);
	pair_fini(&p);
	/* The daemon's window is the default of the tunnels'. */
	pair_init(&p, FILE_OF(TUNNEL("a", "")), "daemon = { replay_window = 64; };" FILE_OF(TUNNEL("a", "")));
	assert_int_equal(p.d.change[0].needs, CONFIG_NEEDS_CHILD);
	pair_fini(&p);
}

static void test_first(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, FILE_OF(TUNNEL("a", "")), FILE_OF(TUNNEL("a", "")));
	struct config_diff d;
	assert_int_equal(config_diff(NULL, p.b.conf, &d), 0);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.change[0].type, CONFIG_ADDED);
	assert_int_equal(d.setup, 0);
	assert_false(d.same);
	config_diff_fini(&d);
	pair_fini(&p);
}

/* The n-th request fails, for every n: -ENOMEM, nothing loaded, nothing left. */
static void test_no_memory(void **state)
{
	(void)state;
	char dir[512];
	unsigned n = 1;
	for (int rc = -1; rc != 0; n++) {
		struct test_mem m;
		struct test_files f;
		struct loaded l;
		test_mem_init(&m);
		m.fail = n;
		test_files_init(&f, src_path("tests/config/gretel", dir), NULL, NULL, 0);
		load_file(&l, &m, &f, "08.in");
		rc = l.rc;
		assert_true(rc == -ENOMEM || m.n < n || rc == 0);
		assert_int_equal(rc == 0, l.conf != NULL);
		loaded_fini(&l);
		assert_int_equal(m.mem.in_use, 0);
		/* Diagnostics ask, too, and do without. */
		rc = m.n < n ? 0 : 1;
		assert_true(n < 1000);
	}
	assert_true(n > 10);
}

/* A tunnel that would add to a conn which was left out. */
static void test_refused(void **state)
{
	(void)state;
	char dir[512];
	struct test_mem m;
	struct test_files f;
	struct loaded l;
	static const char text[] = "ipsec = { conf = \"inc/refused.conf\"; }; tunnels = { bad = { gre = { name = \"g\"; }; }; };";
	test_mem_init(&m);
	test_files_init(&f, src_path("tests/config/gretel", dir), "g.conf", text, strlen(text));
	load_file(&l, &m, &f, "g.conf");
	assert_int_equal(l.rc, 0);
	assert_int_equal(l.conf->n_tunnels, 0);
	assert_int_equal(l.conf->n_refused, 1);
	char *d = diags_text(&l.d), *printed;
	assert_non_null(strstr(d, "g.conf:1: tunnels.bad: warning: the conn of this name was left out"));
	assert_int_equal(config_print(l.conf, NULL, &printed), 0);
	assert_non_null(strstr(printed, "# left out: conn \"bad\": "));
	config_text_free(printed);
	free(d);
	loaded_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_added_removed),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_gre),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
