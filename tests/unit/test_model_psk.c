/* Pre-shared keys: the order of candidates as it was measured at strongSwan 5.9.8. */
#include "test_model_util.h"

#include "model/psk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries "sel sel=key"; selectors blank separated, none before '=' = everybody. */
static void add(struct psk_set *s, const char *entry)
{
	struct ident ids[8];
	size_t n = 0;
	char *copy = test_copy(entry), *key = strrchr(copy, '=');
	*key++ = '\0';
	for (char *at = strtok(copy, " "); at; at = strtok(NULL, " "))
		assert_true(ident_parse(at, &ids[n++]));
	assert_int_equal(psk_set_add(s, "f:1", ids, n, key, strlen(key)), 0);
	free(copy);
}

/* The keys for me and peer, in order, blank separated. */
static void candidates(const struct psk_set *s, const char *me, const char *peer, size_t max, const char *want)
{
	struct ident m, p;
	char got[256] = "";
	assert_true(ident_parse(me, &m) && ident_parse(peer, &p));
	size_t *out = malloc(max * sizeof *out);
	assert_non_null(out);
	size_t n = psk_candidates(s, &m, &p, out, max);
	assert_true(n <= max);
	for (size_t i = 0; i < n; i++) {
		strncat(got, i ? " " : "", 2);
		strncat(got, (const char *)s->v[out[i]].key, s->v[out[i]].key_len);
	}
	free(out);
	assert_string_equal(got, want);
}

static void test_order(void **state)
{
	(void)state;
	struct test_mem m;
	struct psk_set s;
	test_mem_init(&m, 0);
	psk_set_init(&s, &m.mem);
	candidates(&s, "192.0.2.1", "192.0.2.2", 4, "");
	add(&s, "=any1");
	add(&s, "192.0.2.1=meonly");
	add(&s, "192.0.2.2=peeronly");
	add(&s, "192.0.2.1 192.0.2.2=both");
	add(&s, "192.0.2.0/24=net");
	add(&s, "0.0.0.0/0=all");
	add(&s, "198.51.100.1=nobody");
	add(&s, "=any2");
	/* peer's grade first, then mine, then the later one; my own address alone comes last */
	candidates(&s, "192.0.2.1", "192.0.2.2", 8, "both peeronly net all any2 any1 meonly");
	candidates(&s, "192.0.2.1", "192.0.2.2", 2, "both peeronly");
	candidates(&s, "@x", "192.0.2.2", 8, "both peeronly net all any2 any1");
	candidates(&s, "@x", "@y", 8, "any2 any1");
	psk_set_fini(&s);
	test_mem_done(&m);
}

static void test_names(void **state)
{
	(void)state;
	struct test_mem m;
	struct psk_set s;
	test_mem_init(&m, 0);
	psk_set_init(&s, &m.mem);
	add(&s, "@Moon.Example.org=fold");
	add(&s, "*.example.org=wild");
	add(&s, "@192.0.2.1=fqdn");
	candidates(&s, "@sun", "@moon.example.ORG", 4, "fold wild");
	/* an address is not the name of the same letters */
	candidates(&s, "@sun", "192.0.2.1", 4, "");
	candidates(&s, "@sun", "@192.0.2.1", 4, "fqdn");
	psk_set_fini(&s);
	test_mem_done(&m);
}

static void test_empty_key_and_growth(void **state)
{
	(void)state;
	struct test_mem m;
	struct psk_set s;
	test_mem_init(&m, 0);
	psk_set_init(&s, &m.mem);
	for (int i = 0; i < 40; i++)
		assert_int_equal(psk_set_add(&s, "f:2", NULL, 0, NULL, 0), 0);
	assert_int_equal(s.n, 40);
	assert_null(s.v[39].key);
	assert_string_equal(s.v[39].origin, "f:2");
	psk_set_fini(&s);
	test_mem_done(&m);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct ident id = {.type = ID_ANY};
	int err = -1;
	size_t n = 1;
	for (; err; n++) {
		struct test_mem m;
		struct psk_set s;
		test_mem_init(&m, n);
		psk_set_init(&s, &m.mem);
		err = psk_set_add(&s, "f:1", &id, 1, "k", 1);
		assert_true(err == 0 || err == -ENOMEM);
		assert_int_equal(s.n, err ? 0 : 1);
		psk_set_fini(&s);
		test_mem_done(&m);
	}
	assert_int_equal(n, 8); /* list, places of selectors, their buckets, origin, selectors, key */
}

static struct prefix prefix(const char *s)
{
	struct prefix p;
	memset(&p, 0, sizeof p);
	assert_true(prefix_parse(s, &p));
	return p;
}

/* The key of the longest prefix; a later one of the same peer stands in for it. */
static void test_tcp(void **state)
{
	(void)state;
	struct test_mem m;
	struct psk_set s;
	struct addr a;
	char long_key[TCP_KEY_MAX + 1] = "";
	test_mem_init(&m, 0);
	psk_set_init(&s, &m.mem);
	const struct { const char *peer, *key; } keys[] = {
		{"10.0.0.0/8", "net"}, {"10.0.0.1/32", "old"}, {"2001:db8::/32", "six"}, {"10.0.0.1/32", "host"}, {"10.1.0.0/16", "more"},
		{"10.2.0.0/16", "and more"},
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct prefix p = prefix(keys[i].peer);
		assert_int_equal(psk_set_add_tcp(&s, &p, keys[i].key, strlen(keys[i].key)), 0);
	}
	assert_int_equal(s.n_tcp, 5);
	const struct { const char *peer, *key; } found[] = {
		{"10.0.0.1", "host"}, {"10.0.0.2", "net"}, {"10.1.0.1", "more"}, {"2001:db8::1", "six"}, {"192.0.2.1", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(found); i++) {
		assert_true(addr_parse(found[i].peer, &a));
		const struct tcp_key *k = psk_tcp(&s, &a);
		assert_int_equal(k == NULL, found[i].key == NULL);
		if (k) {
			assert_int_equal(k->len, strlen(found[i].key));
			assert_memory_equal(k->key, found[i].key, k->len);
		}
	}
	struct prefix p = prefix("10.9.0.0/16");
	assert_int_equal(psk_set_add_tcp(&s, &p, "", 0), -EINVAL);
	assert_int_equal(psk_set_add_tcp(&s, &p, long_key, sizeof long_key), -EINVAL);
	assert_int_equal(psk_set_add_tcp(&s, &p, long_key, TCP_KEY_MAX), 0);
	psk_set_fini(&s);
	test_mem_done(&m);
	test_mem_init(&m, 1);
	psk_set_init(&s, &m.mem);
	assert_int_equal(psk_set_add_tcp(&s, &p, "x", 1), -ENOMEM);
	assert_int_equal(s.n_tcp, 0);
	psk_set_fini(&s);
	test_mem_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_empty_key_and_growth),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
