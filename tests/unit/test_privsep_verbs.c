/* The verb table: each field of each verb made bad in each way is refused by its name, and nothing of a message that
 * could be undefined behaviour (flags, lengths, texts without an end) is without a line in the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "privsep/esp_msg.h"
#include "privsep/privsep.h"

#include <stdlib.h>
#include <string.h>

static void put_number(const struct priv_field *f, uint8_t *p, int64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	memcpy(p, f->size == 1 ? (void *)&v8 : f->size == 2 ? (void *)&v16 : (void *)&v32, f->size);
}

/* An endpoint starts with its address, a prefix too. */
static void put_addr(uint8_t *p, size_t at, uint8_t family)
{
	memset(p + at, 0, sizeof(struct addr));
	p[at + offsetof(struct addr, family)] = family;
	p[at + offsetof(struct addr, b)] = family == AF_V4 ? 10 : family == AF_V6 ? 0x20 : 0;
}

static void put_good(const struct priv_field *f, uint8_t *p)
{
	memset(p, 0, f->size);
	if (f->check == CHECK_TEXT)
		p[0] = f->lo ? 'a' : 0;
	else if (f->check == CHECK_ADDR)
		put_addr(p, 0, f->lo ? AF_V4 : AF_NONE);
	else if (f->check == CHECK_ENDPOINT)
		put_addr(p, offsetof(struct endpoint, addr), f->lo ? AF_V6 : AF_NONE);
	else if (f->check <= CHECK_U32)
		put_number(f, p, f->lo);
}

static uint8_t *good_body(const struct priv_shape *s)
{
	uint8_t *b = calloc(1, max_z(s->body, 1));
	assert_non_null(b);
	for (size_t i = 0; i < s->n_fields; i++)
		put_good(&s->field[i], b + s->field[i].at);
	return b;
}

/* Bad variant n of a field; false: there are no more. */
static bool put_bad_addr(uint8_t *p, size_t at, unsigned n, bool must)
{
	static const uint8_t families[] = {1, 2, 5, 10, 255};
	if (n < ARRAY_LEN(families)) {
		put_addr(p, at, families[n]);
		return true;
	}
	put_addr(p, at, AF_V4);
	uint8_t *b = p + at + offsetof(struct addr, b);
	switch (n - ARRAY_LEN(families)) {
	case 0: b[4] = 1; return true;  /* octets behind an IPv4 address */
	case 1: b[15] = 1; return true;
	case 2: put_addr(p, at, AF_NONE); b[0] = 1; return true;
	case 3: b[0] = 0; return must;  /* 0.0.0.0 */
	case 4: put_addr(p, at, AF_NONE); return must;
	default: return false;
	}
}

static int64_t number_min(const struct priv_field *f) { return f->check == CHECK_I8 ? INT8_MIN : 0; }

static int64_t number_max(const struct priv_field *f)
{
	return f->check == CHECK_I8 ? INT8_MAX : f->size == 1 ? UINT8_MAX : f->size == 2 ? UINT16_MAX : UINT32_MAX;
}

static bool put_bad(const struct priv_field *f, uint8_t *p, unsigned n)
{
	static const uint8_t no_bool[] = {2, 3, 128, 255};
	put_good(f, p);
	switch (f->check) {
	case CHECK_BOOL:
		if (n >= ARRAY_LEN(no_bool))
			return false;
		*p = no_bool[n];
		return true;
	case CHECK_TEXT:
		memset(p, n ? 0 : 'x', f->size);
		return n == 0 || (n == 1 && f->lo);
	case CHECK_ADDR:
		return put_bad_addr(p, 0, n, f->lo);
	case CHECK_ENDPOINT:
		return put_bad_addr(p, offsetof(struct endpoint, addr), n, f->lo);
	case CHECK_PREFIX:
		put_addr(p, offsetof(struct prefix, addr), n == 0 ? AF_V4 : n == 1 ? AF_V6 : n == 2 ? AF_NONE : 7);
		p[offsetof(struct prefix, len)] = n == 0 ? 33 : n == 1 ? 129 : n == 2 ? 1 : 0;
		return n < 4;
	case CHECK_IDENT:
		p[offsetof(struct ident, len)] = (uint8_t)(IDENT_MAX + 1 + n);
		return n < 3;
	case CHECK_SECRET:
		p[offsetof(struct secret, len)] = n ? 255 : SECRET_MAX + 1;
		return n < 2;
	default:
		break;
	}
	/* just below and just above, and the far ends */
	const int64_t v[] = {f->lo - 1, f->hi + 1, number_min(f), number_max(f)};
	if (n < ARRAY_LEN(v))
		put_number(f, p, v[n]);
	return n < ARRAY_LEN(v);
}

/* Whether variant n is one that the type can hold at all. */
static bool is_bad(const struct priv_field *f, unsigned n)
{
	if (f->check != CHECK_I8 && f->check != CHECK_U8 && f->check != CHECK_U16 && f->check != CHECK_U32)
		return true;
	return n % 2 == 0 ? f->lo > number_min(f) : f->hi < number_max(f);
}

static unsigned sweep_shape(const struct priv_shape *s)
{
	unsigned tried = 0;
	uint8_t *b = good_body(s);
	assert_null(priv_shape_check(s, b, SPAN(NULL, 0)));
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct priv_field *f = &s->field[i];
		assert_true((size_t)f->at + f->size <= s->body);
		for (unsigned n = 0; put_bad(f, b + f->at, n); n++) {
			if (!is_bad(f, n))
				continue;
			const char *bad = priv_shape_check(s, b, SPAN(NULL, 0));
			assert_non_null(bad);
			assert_string_equal(bad, f->name);
			tried++;
		}
		put_good(f, b + f->at);
	}
	assert_null(priv_shape_check(s, b, SPAN(NULL, 0)));
	free(b);
	return tried;
}

static void test_each_field(void **state)
{
	(void)state;
	unsigned tried = 0;
	for (size_t i = 0; i < PRIV_VERBS.n; i++)
		tried += sweep_shape(&PRIV_VERBS.row[i].request) + sweep_shape(&PRIV_VERBS.row[i].reply);
	assert_true(tried > 400);
	tried = 0;
	for (size_t i = 0; i < ESP_VERBS.n; i++)
		tried += sweep_shape(&ESP_VERBS.row[i].request) + sweep_shape(&ESP_VERBS.row[i].reply);
	assert_true(tried > 150);
}

static void test_tails(void **state)
{
	(void)state;
	for (size_t i = 0; i < PRIV_VERBS.n; i++) {
		const struct priv_shape *s = &PRIV_VERBS.row[i].request;
		uint8_t *b = good_body(s), *t = calloc(1, s->max_tail + 2);
		memset(t, 'x', s->max_tail + 1);
		assert_non_null(priv_shape_check(s, b, SPAN(t, s->max_tail + 1)));
		if (s->tail == TAIL_OCTETS)
			assert_null(priv_shape_check(s, b, SPAN(t, s->max_tail)));
		if (s->tail == TAIL_TEXT) {
			assert_non_null(priv_shape_check(s, b, SPAN(t, 4))); /* no end */
			t[3] = 0;
			assert_null(priv_shape_check(s, b, SPAN(t, 4)));
			t[1] = 0; /* an end before the end */
			assert_non_null(priv_shape_check(s, b, SPAN(t, 4)));
		}
		free(b);
		free(t);
	}
}

static bool checked(const struct priv_shape *s, const char *field)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		if (strcmp(s->field[i].name, field) == 0)
			return true;
	}
	return false;
}

static void must(const struct priv_table *t, uint8_t verb, bool reply, const char *const *fields)
{
	const struct priv_verb *v = priv_verb_find(t, verb);
	assert_non_null(v);
	for (; *fields; fields++) {
		if (!checked(reply ? &v->reply : &v->request, *fields))
			fail_msg("%s: %s is not checked", v->name, *fields);
	}
}
#define MUST(verb, reply, ...) must(&PRIV_VERBS, verb, reply, (const char *const[]){__VA_ARGS__, NULL})
#define MUST_ESP(verb, reply, ...) must(&ESP_VERBS, verb, reply, (const char *const[]){__VA_ARGS__, NULL})

/* Everything that C may not read as it comes, and every text. Written out, so that a line lost from the table shows. */
static void test_nothing_unchecked(void **state)
{
	(void)state;
	MUST(PRIV_SPI_ALLOC, false, "tunnel", "local", "remote", "min", "max");
	MUST(PRIV_CHILD_INSTALL, false, "tunnel", "peer", "sa.local", "sa.remote", "sa.reqid", "sa.in.spi",
	     "sa.out.spi", "sa.in.encr", "sa.in.integ", "sa.out.encr", "sa.out.integ", "sa.encap",
	     "sa.install_policy", "sa.replay_window");
	MUST(PRIV_CHILD, false, "tunnel", "peer", "sa.local", "sa.remote", "sa.in.encr", "sa.in.integ", "sa.out.encr",
	     "sa.out.integ", "sa.encap", "sa.install_policy", "hook_up");
	MUST(PRIV_CHILD_MOVE, false, "spi_in", "local", "remote", "encap");
	MUST(PRIV_HOOK_RUN, false, "tunnel", "up", "child.local", "child.remote", "child.my_id", "child.peer_id",
	     "child.ts_local", "child.ts_remote", "child.encap");
	MUST(PRIV_PSK_SIGN, false, "tunnel", "me", "peer", "n_octets", "n_auth");
	MUST(PRIV_PSK_VERIFY, false, "tunnel", "me", "peer", "n_octets", "n_auth");
	MUST(PRIV_PPK_MIX, false, "tunnel", "id");
	MUST(PRIV_GRE_UP, true, "link.name", "link.up", "link.n_addresses", "link.address[0]", "link.address[3]",
	     "link.peer", "link.ours");
	MUST(PRIV_GRE_FIND, true, "link.name", "link.up", "link.ours");
	MUST(PRIV_PATH, true, "local", "remote");
	MUST(PRIV_HELD_SET, false, "tunnel", "held");
	MUST(PRIV_RELOAD, false, "check_only");
	MUST(PRIV_KERNEL_EVENT, false, "event.type", "event.hard", "event.source", "event.name", "event.up",
	     "event.gone", "event.addr");
	MUST(PRIV_SOCKETS, false, "have[0]", "have[1]", "have[2]", "have[3]", "have[4]");
	MUST(PRIV_HOOK_LINE, false, "tunnel", "up");
	MUST(PRIV_DIAG, false, "level", "kind");
	MUST(PRIV_LOG, false, "level");
	MUST(PRIV_CONF, false, "reloaded");
	MUST(PRIV_GRE_ADD, false, "tunnel", "name", "local", "remote", "change", "key_set", "csum", "pmtudisc");
	MUST(PRIV_GRE_ADD, true, "link.name", "link.up", "link.n_addresses", "link.address[0]", "link.address[3]");
	MUST(PRIV_GRE_DEL, false, "name");
	MUST(PRIV_DP_STATS, false, "tunnel");
	MUST(PRIV_DATAPLANE, false, "user", "workers", "backend");
	MUST_ESP(EV_SOCKETS, false, "worker", "have4", "have6");
	MUST_ESP(EV_DEVICE, false, "device.id", "device.tunnel", "device.remote", "device.key_set", "device.csum",
	         "device.pmtudisc", "device.mtu");
	MUST_ESP(EV_SA_INSTALL, false, "tunnel", "sa.local", "sa.remote", "sa.in.spi", "sa.in.encr", "sa.in.integ",
	         "sa.out.encr", "sa.out.integ", "sa.encap", "sa.install_policy", "sa.replay_window");
	MUST_ESP(EV_SA_MOVE, false, "spi_in", "local", "remote");
	MUST_ESP(EV_STATS, true, "backend");
	MUST_ESP(EV_EVENT, false, "event.type", "event.spi", "event.hard", "event.source", "event.name", "event.up",
	         "event.gone", "event.addr");
}

/* Each end may send its own and nothing else; only what is asked is answered. */
static void test_esp_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ESP_VERBS.n; i++) {
		const struct priv_verb *row = &ESP_VERBS.row[i];
		assert_ptr_equal(priv_verb_find(&ESP_VERBS, row->verb), row);
		assert_true(row->from && row->phases && row->name[0]);
		assert_false(row->from & ~(PRIV_ROLE_PRIV | PRIV_ROLE_ESP));
		if (row->from != PRIV_ROLE_PRIV)
			assert_false(row->answered);
	}
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(PRIV_VERBS.n, PRIV_VERB_N - 1);
	for (uint8_t v = 1; v < PRIV_VERB_N; v++) {
		const struct priv_verb *row = priv_verb_find(&PRIV_VERBS, v);
		assert_non_null(row);
		assert_true(row->from && row->phases && row->name[0]);
		/* what ike may ask while priv takes things down only takes things down */
		if (row->phases & PHASE_STOP)
			assert_true(v == PRIV_SPI_FREE || v == PRIV_CHILD_REMOVE || v == PRIV_SA_QUERY ||
			            v == PRIV_GRE_DOWN || v == PRIV_GRE_DEL || v == PRIV_HOOK_RUN || v == PRIV_LOG || v == PRIV_STOPPED);
		if (row->phases & PHASE_START)
			assert_true(v == PRIV_HELLO || v == PRIV_LOG);
		/* an event of priv has no answer */
		if (row->from == PRIV_ROLE_PRIV)
			assert_false(row->answered);
	}
	assert_null(priv_verb_find(&PRIV_VERBS, 0));
	assert_null(priv_verb_find(&PRIV_VERBS, PRIV_VERB_N));
}

/* Any change of the layout is another build. */
static void test_build_id(void **state)
{
	(void)state;
	struct priv_verb rows[PRIV_VERB_N];
	struct priv_table t = {.row = rows, .n = PRIV_VERBS.n};
	memcpy(rows, PRIV_VERBS.row, t.n * sizeof *rows);
	assert_true(priv_table_id(&t) == priv_table_id(&PRIV_VERBS));
	rows[3].request.body++;
	assert_true(priv_table_id(&t) != priv_table_id(&PRIV_VERBS));
	rows[3].request.body--;
	rows[5].verb++;
	assert_true(priv_table_id(&t) != priv_table_id(&PRIV_VERBS));
	rows[5].verb--;
	t.n--;
	assert_true(priv_table_id(&t) != priv_table_id(&PRIV_VERBS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_tails),
		cmocka_unit_test(test_nothing_unchecked),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_esp_table),
		cmocka_unit_test(test_build_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
