/* The builder of struct conf: one copy of equal things, references that hold while it grows,
 * a blob that proves itself, and no memory at any point. */
#include "test_model_util.h"

#include "config/build.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static conf_ref proposals(struct conf_builder *b, const char *text, uint8_t proto)
{
	struct proposals p;
	struct sbuf err = {0};
	assert_true(proposals_parse(text, proto, &p, &err));
	return conf_builder_proposals(b, &p);
}

static struct tunnel_conf tunnel(struct conf_builder *b, const char *name)
{
	struct tunnel_conf t;
	tunnel_conf_defaults(&t);
	t.name = conf_builder_str(b, name);
	t.origin = conf_builder_str(b, "f:1");
	t.ike = proposals(b, NULL, PROTO_IKE);
	t.esp = proposals(b, NULL, PROTO_ESP);
	return t;
}

static void test_same_things_once(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf_builder b;
	test_mem_init(&m, 0);
	conf_builder_init(&b, &m.mem, CONF_IPSEC);
	conf_ref a = conf_builder_str(&b, "same");
	assert_int_equal(conf_builder_str(&b, "same"), a);
	assert_int_not_equal(conf_builder_str(&b, "sam"), a);
	assert_int_equal(conf_builder_str(&b, ""), 0);
	assert_int_equal(conf_builder_str(&b, NULL), 0);
	assert_string_equal(conf_builder_text(&b, a), "same");
	assert_string_equal(conf_builder_text(&b, 0), "");
	conf_ref p = proposals(&b, "aes-sha1!", PROTO_ESP);
	assert_int_equal(proposals(&b, "aes128-sha1!", PROTO_ESP), p);
	assert_int_not_equal(proposals(&b, "aes-sha256!", PROTO_ESP), p);
	/* many more than the first table of slots and the first pool hold */
	for (int i = 0; i < 3000; i++) {
		char text[32];
		snprintf(text, sizeof text, "string number %d", i);
		assert_int_not_equal(conf_builder_str(&b, text), 0);
	}
	assert_int_equal(conf_builder_str(&b, "same"), a);
	assert_int_equal(proposals(&b, "aes-sha1!", PROTO_ESP), p);
	conf_builder_fini(&b);
	test_mem_done(&m);
}

static int build(struct mem *mem, struct conf **out)
{
	struct conf_builder b;
	conf_builder_init(&b, mem, CONF_GRETEL);
	conf_builder_file(&b, "/etc/one");
	conf_builder_file(&b, "/etc/two");
	b.setup.port = 1500;
	b.setup.interfaces_use = conf_builder_str(&b, "eth0");
	for (int i = 0; i < 20; i++) {
		char name[16];
		snprintf(name, sizeof name, "t%d", i);
		struct tunnel_conf t = {.name = conf_builder_str(&b, name)};
		tunnel_conf_defaults(&t);
		t.name = conf_builder_str(&b, name);
		struct proposals p;
		struct sbuf err = {0};
		if (proposals_parse("aes-sha256!", PROTO_ESP, &p, &err))
			t.esp = t.ike = conf_builder_proposals(&b, &p);
		t.remote.n_hosts = 1;
		t.remote.host[0].kind = HOST_NAME;
		t.remote.host[0].name = conf_builder_str(&b, "vpn.example.org");
		conf_builder_tunnel(&b, &t);
		conf_builder_refuse(&b, name, "f:2", "because");
	}
	int err = conf_builder_finish(&b, out);
	conf_builder_fini(&b);
	return err;
}

static void test_blob(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf *c, *again;
	test_mem_init(&m, 0);
	assert_int_equal(build(&m.mem, &c), 0);
	test_mem_done(&m);
	assert_true(conf_check(c, c->size));
	assert_int_equal(c->source, CONF_GRETEL);
	assert_string_equal(conf_str(c, c->files), "/etc/one\n/etc/two");
	assert_int_equal(c->setup.port, 1500);
	assert_string_equal(conf_str(c, c->setup.interfaces_use), "eth0");
	assert_int_equal(c->n_tunnels, 20);
	assert_int_equal(conf_find(c, "t7"), 7);
	const struct tunnel_conf *t = conf_tunnel(c, 7);
	assert_string_equal(conf_str(c, t->remote.host[0].name), "vpn.example.org");
	assert_int_equal(conf_proposals(c, t->esp)->n, 1);
	assert_int_equal(c->n_refused, 20);
	assert_string_equal(conf_str(c, conf_refused(c, 19)->reason), "because");
	/* equal input, equal octets: padding included */
	assert_int_equal(build(&m.mem, &again), 0);
	assert_int_equal(c->size, again->size);
	assert_memory_equal(c, again, c->size);
	config_free(again);
	config_free(c);
}

static void test_carry(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf *old, *c;
	struct conf_builder b;
	test_mem_init(&m, 0);
	assert_int_equal(build(&m.mem, &old), 0);
	conf_builder_init(&b, &m.mem, CONF_IPSEC);
	struct tunnel_conf t = tunnel(&b, "new");
	conf_builder_tunnel(&b, &t);
	conf_builder_carry(&b, old, conf_tunnel(old, 3));
	assert_int_equal(conf_builder_finish(&b, &c), 0);
	conf_builder_fini(&b);
	memset(old, 0xa5, old->size); /* nothing may lead back */
	config_free(old);
	assert_true(conf_check(c, c->size));
	assert_int_equal(conf_find(c, "t3"), 1);
	assert_string_equal(conf_str(c, conf_tunnel(c, 1)->remote.host[0].name), "vpn.example.org");
	assert_int_equal(conf_proposals(c, conf_tunnel(c, 1)->ike)->p[0].t[0].id, ENCR_AES_CBC);
	config_free(c);
	test_mem_done(&m);
}

static void test_empty(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf *c;
	struct conf_builder b;
	test_mem_init(&m, 0);
	conf_builder_init(&b, &m.mem, CONF_IPSEC);
	assert_int_equal(conf_builder_finish(&b, &c), 0);
	conf_builder_fini(&b);
	assert_true(conf_check(c, c->size));
	assert_int_equal(c->n_tunnels, 0);
	assert_string_equal(conf_str(c, c->files), "");
	config_free(c);
	test_mem_done(&m);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct conf *c = NULL;
	int err = -1;
	size_t n = 1;
	for (; err; n++) {
		struct test_mem m;
		test_mem_init(&m, n);
		err = build(&m.mem, &c);
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(!err == !!c);
		test_mem_done(&m);
	}
	assert_true(n > 5);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_things_once),
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
