/* Addresses, identities, the table of algorithms and the proof of a configuration blob. */
#include "test_model_util.h"

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

static void test_addr(void **state)
{
	(void)state;
	struct addr a, b;
	char text[ADDR_TEXT];
	assert_true(addr_parse("192.0.2.1", &a) && a.family == AF_V4);
	assert_true(addr_parse("2001:db8::1", &b) && b.family == AF_V6);
	assert_string_equal(addr_str(&b, text), "2001:db8::1");
	assert_true(addr_cmp(&a, &b) < 0 && !addr_eq(&a, &b));
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "[::1]", "fe80::1%eth0", "x", "1.2.3.4 "};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(addr_parse(bad[i], &a));
	assert_int_equal(addr_from("abc", 3).family, AF_NONE);
	a = addr_any(AF_V4);
	assert_true(addr_is_any(&a));
	assert_string_equal(addr_str(&(struct addr){0}, text), "%any");
}

static void test_prefix(void **state)
{
	(void)state;
	struct prefix p;
	struct addr a;
	char text[PREFIX_TEXT];
	struct sbuf b = SB(text);
	assert_true(prefix_parse("10.0.0.5/30", &p) && p.len == 30);
	sb_prefix(&b, &p);
	assert_string_equal(text, "10.0.0.5/30");
	static const struct { const char *addr; bool in; } in[] = {
		{"10.0.0.4", true}, {"10.0.0.7", true}, {"10.0.0.8", false}, {"10.0.0.3", false}, {"::10.0.0.5", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		assert_true(addr_parse(in[i].addr, &a));
		assert_int_equal(addr_in(&a, &p), in[i].in);
	}
	assert_true(prefix_parse("::/0", &p) && addr_parse("ffff::", &a) && addr_in(&a, &p));
	assert_true(prefix_parse("192.0.2.1", &p) && p.len == 32);
	static const char *const bad[] = {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(prefix_parse(bad[i], &p));
	struct endpoint e = {.port = 4500};
	assert_true(addr_parse("10.0.0.2", &e.addr));
	struct endpoint f = e;
	assert_true(endpoint_eq(&e, &f));
	f.port = 500;
	assert_false(endpoint_eq(&e, &f));
	char et[ENDPOINT_TEXT];
	struct sbuf eb = SB(et);
	sb_endpoint(&eb, &e);
	assert_string_equal(et, "10.0.0.2[4500]");
}

static void test_ident(void **state)
{
	(void)state;
	static const struct { const char *text; uint8_t type, len; const char *printed; } ids[] = {
		{"121.43.117.81", ID_IPV4_ADDR, 4, "121.43.117.81"}, {"2001:db8::1", ID_IPV6_ADDR, 16, "2001:db8::1"},
		{"vpn.example.org", ID_FQDN, 15, "vpn.example.org"}, {"@1.2.3.4", ID_FQDN, 7, "1.2.3.4"},
		{"@@joe@example.org", ID_RFC822_ADDR, 15, "joe@example.org"},
		{"joe@example.org", ID_RFC822_ADDR, 15, "joe@example.org"},
		{"@#00ff", ID_KEY_ID, 2, "00ff"}, {"keyid:name", ID_KEY_ID, 4, "name"}, {"keyid:#6e:61", ID_KEY_ID, 2, "na"},
		{"fqdn:x", ID_FQDN, 1, "x"}, {"email:#41", ID_RFC822_ADDR, 1, "A"}, {"", ID_ANY, 0, "%any"},
		{"%any", ID_ANY, 0, "%any"},
		{"*", ID_ANY, 0, "%any"}, {"0::0", ID_ANY, 0, "%any"}, {"10.0.0.0/8", ID_IPV4_ADDR_SUBNET, 5, "10.0.0.0/8"},
		{"2001:db8::/32", ID_IPV6_ADDR_SUBNET, 17, "2001:db8::/32"}, {"ipv4:10.0.0.1", ID_IPV4_ADDR, 4, "10.0.0.1"},
		{"a:b", ID_KEY_ID, 3, "a:b"}, {"C=CH", ID_KEY_ID, 4, "C=CH"},
	};
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct ident id;
		char *text = test_copy(ids[i].text), out[IDENT_TEXT];
		struct sbuf b = SB(out);
		assert_true(ident_parse(text, &id));
		assert_int_equal(id.type, ids[i].type);
		assert_int_equal(id.len, ids[i].len);
		sb_ident(&b, &id);
		assert_string_equal(out, ids[i].printed);
		assert_true(ident_eq(&id, &id));
		free(text);
	}
	struct ident id;
	char longest[300];
	memset(longest, 'a', sizeof longest);
	longest[IDENT_MAX] = '\0';
	assert_true(ident_parse(longest, &id) && id.len == IDENT_MAX);
	longest[IDENT_MAX] = 'a';
	longest[IDENT_MAX + 1] = '\0';
	assert_false(ident_parse(longest, &id));
	assert_false(ident_parse("@#0", &id));
	assert_false(ident_parse("@#zz", &id));
}

static void test_ident_match(void **state)
{
	(void)state;
	static const struct { const char *id, *pattern; int grade; } m[] = {
		{"10.0.0.1", "10.0.0.1", 20}, {"10.0.0.1", "10.0.0.2", 0}, {"10.0.0.1", "10.0.0.0/8", 19},
		{"10.0.0.1", "0.0.0.0/0", 2}, {"10.0.0.1", "%any", 1}, {"11.0.0.1", "10.0.0.0/8", 0}, {"::1", "10.0.0.0/8", 0},
		{"a.example.org", "A.EXAMPLE.org", 20}, {"a.example.org", "*.example.org", 19}, {"example.org", "*.example.org", 0},
		{"joe@x.org", "*@x.org", 19}, {"joe@x.org", "@joe", 0}, {"@10.0.0.1", "10.0.0.1", 0}, {"keyid:A", "keyid:a", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		struct ident id, pattern;
		assert_true(ident_parse(m[i].id, &id) && ident_parse(m[i].pattern, &pattern));
		assert_int_equal(ident_match(&id, &pattern), m[i].grade);
	}
}

/* The table: one row per algorithm, one algorithm per token, sizes that fit together. */
static void test_algo_table(void **state)
{
	(void)state;
	size_t n;
	const struct algo *a = algo_table(&n);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(algo_find(a[i].type, a[i].id, a[i].key_bits), &a[i]);
		for (const char *t = a[i].tokens; *t; t += strcspn(t, " "), t += *t == ' ')
			assert_ptr_equal(algo_by_token(t, strcspn(t, " ")), &a[i]);
		if (a[i].type == T_ENCR && a[i].key_bits)
			assert_int_equal(a[i].key_len * 8, a[i].key_bits);
		assert_true(!(a[i].flags & ALGO_WEAK) || !(a[i].flags & ALGO_DEFAULT));
		assert_true(a[i].flags & (ALGO_IKE | ALGO_ESP));
		assert_true(a[i].type != T_DH || a[i].id == DH_NONE || a[i].dh_len > 0);
		assert_true(a[i].icv_len > 0 || (a[i].type != T_INTEG && !(a[i].flags & ALGO_AEAD)));
	}
	assert_null(algo_find(T_ENCR, ENCR_AES_CBC, 64));
	assert_null(algo_by_token("aes2", 4));
	assert_null(algo_by_token("", 0));
}

/* A blob with one tunnel, built by hand so that config/ is not needed. */
static struct conf *blob(size_t *size, struct tunnel_conf **t)
{
	size_t at = (sizeof(struct conf) + 7) / 8 * 8, prop = at + sizeof(struct tunnel_conf);
	size_t text = prop + sizeof(struct proposals);
	*size = text + 8;
	struct conf *c = calloc(1, *size);
	assert_non_null(c);
	*c = (struct conf){.magic = CONF_MAGIC, .size = (uint32_t)*size, .n_tunnels = 1, .tunnels = (conf_ref)at};
	conf_setup_defaults(&c->setup);
	*t = (struct tunnel_conf *)((char *)c + at);
	tunnel_conf_defaults(*t);
	memcpy((char *)c + text, "tunnel", 7);
	(*t)->name = (conf_ref)text;
	(*t)->ike = (*t)->esp = (conf_ref)prop;
	return c;
}

static void test_conf_check(void **state)
{
	(void)state;
	size_t size;
	struct tunnel_conf *t;
	struct conf *c = blob(&size, &t);
	assert_true(conf_check(c, size));
	assert_int_equal(conf_find(c, "tunnel"), 0);
	assert_int_equal(conf_find(c, "other"), -1);
	assert_ptr_equal(conf_tunnel(c, 0), t);
	assert_null(conf_tunnel(c, 1));
	assert_null(conf_refused(c, 0));
	assert_string_equal(conf_str(c, 0), "");
	assert_null(conf_proposals(c, 0));
	for (size_t n = 0; n < size; n++) {
		char *cut = malloc(n ? n : 1);
		assert_non_null(cut);
		memcpy(cut, c, n);
		assert_false(conf_check(cut, n));
		free(cut);
	}
	free(c);
}

/* Each reference and count, pushed out of the blob, is noticed. */
static void test_conf_check_refs(void **state)
{
	(void)state;
	for (int i = 0; i < 18; i++) {
		size_t size;
		struct tunnel_conf *t;
		struct conf *c = blob(&size, &t);
		conf_ref out = (conf_ref)size, *const refs[] = {
			&t->name, &t->origin, &t->ike, &t->esp, &t->ike_text, &t->esp_text, &t->updown, &c->files, &c->tunnels,
			&c->setup.interfaces_use, &c->setup.interfaces_ignore, &c->setup.hook_user, &c->setup.hook_capabilities,
			&c->setup.control_socket, &c->setup.control_group, &t->ppk_id,
		};
		if (i < 16)
			*refs[i] = out;
		else if (i == 16)
			c->n_tunnels = UINT32_MAX;
		else {
			c->n_refused = 1;
			c->refused = out;
		}
		assert_false(conf_check(c, size));
		free(c);
	}
	static const size_t counts = 5;
	for (size_t i = 0; i < counts; i++) {
		size_t size;
		struct tunnel_conf *t;
		struct conf *c = blob(&size, &t);
		switch (i) {
		case 0: t->local.n_hosts = CONF_HOSTS_MAX + 1; break;
		case 1: t->remote.id.len = 253; break;
		case 2: t->gre.n_addresses = 5; break;
		case 3: memset(t->gre.name, 'x', sizeof t->gre.name); break;
		default: c->setup.n_filelogs = CONF_FILELOG_MAX + 1; break;
		}
		assert_false(conf_check(c, size));
		free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_ident),
		cmocka_unit_test(test_ident_match),
		cmocka_unit_test(test_algo_table),
		cmocka_unit_test(test_conf_check),
		cmocka_unit_test(test_conf_check_refs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
