/* Published vectors (tests/golden/esp/vectors) by each backend: every packet is opened to its plain text, and refused with any bit of
 * any octet flipped, with any end cut off, and with another upper half of the sequence number. */
#include "test_crypto_esp_util.h"

#include <errno.h>
#include <stdio.h>

struct vector {
	char suite[64], key[256], integ[256], packet[1024], plain[1024];
	uint32_t seq_hi;
	unsigned line;
};

static int setup(void **state)
{
	*state = crypto_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	crypto_free(*state);
	return 0;
}

static FILE *vectors_open(void)
{
	const char *top = getenv("srcdir");
	char path[512];
	snprintf(path, sizeof path, "%s/tests/golden/esp/vectors", top ? top : ".");
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	return f;
}

static void field(struct vector *v, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *to;
		size_t n;
	} rows[] = {
		{"suite", v->suite, sizeof v->suite},    {"key", v->key, sizeof v->key},
		{"integ", v->integ, sizeof v->integ},    {"packet", v->packet, sizeof v->packet},
		{"plain", v->plain, sizeof v->plain},
	};
	if (strcmp(name, "seq_hi") == 0) {
		v->seq_hi = (uint32_t)strtoul(value, NULL, 16);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(name, rows[i].name) == 0) {
			assert_true(strlen(value) < rows[i].n);
			strcpy(rows[i].to, value);
			return;
		}
	}
	fail_msg("line %u: %s", v->line, name);
}

/* The next one; false at the end. */
static bool vector_next(FILE *f, struct vector *v)
{
	char line[2048], name[16], value[2000];
	unsigned at = v->line;
	*v = (struct vector){.line = at};
	while (fgets(line, sizeof line, f)) {
		v->line++;
		if (line[0] == '#')
			continue;
		if (line[0] == '\n' && v->suite[0])
			return true;
		if (line[0] == '\n')
			continue;
		assert_int_equal(sscanf(line, "%15s %1999s", name, value), 2);
		field(v, name, value);
	}
	return v->suite[0] != 0;
}

static void secret_hex(struct secret *s, const char *hex)
{
	struct block b = unhex(hex);
	assert_true(secret_set(s, b.p, b.n));
	free(b.p);
}

static struct esp_key *vector_key(struct crypto *c, struct test_mem *m, const struct vector *v, uint8_t backend)
{
	struct proposals p;
	char err[160], text[80];
	struct sbuf b = SB(err), t = SB(text);
	struct suite s = {.integ = AUTH_NONE};
	struct esp_sa sa = {.spi = 1};
	struct esp_key *k;
	sb_printf(&t, "%s!", v->suite);
	if (!proposals_parse(text, PROTO_ESP, &p, &b))
		fail_msg("line %u: %s", v->line, err);
	for (size_t i = 0; i < p.p[0].n; i++) {
		const struct transform *x = &p.p[0].t[i];
		if (x->type == T_ENCR) {
			s.encr = x->id;
			s.encr_bits = x->key_bits;
		} else if (x->type == T_INTEG)
			s.integ = x->id;
		else if (x->type == T_ESN)
			s.esn = (uint8_t)x->id;
	}
	secret_hex(&sa.encr, v->key);
	secret_hex(&sa.integ, v->integ);
	assert_int_equal(esp_key_new(c, &m->mem, &s, &sa, 1, backend, &k), 0);
	return k;
}

/* Opens a copy of the first n octets, one of them changed; what came of it is in the copy. */
static struct esp_job opened(struct esp_key *k, struct block packet, size_t n, size_t at, uint8_t flip, const struct vector *v, uint32_t seq_hi)
{
	struct esp_job j = {.p = packet.p, .n = (uint32_t)packet.n, .seq_hi = v->seq_hi};
	return esp_open_among(k, &j, n, at, flip, seq_hi);
}

static void refused(struct esp_job j, const struct vector *v, size_t at)
{
	if (j.ok)
		fail_msg("line %u: a forgery at octet %zu was taken", v->line, at);
	free(j.p);
}

static void check(struct crypto *c, const struct vector *v, uint8_t backend)
{
	struct test_mem m = test_mem_new();
	struct esp_key *k = vector_key(c, &m, v, backend);
	struct block packet = unhex(v->packet), plain = unhex(v->plain);
	size_t head = 8 + (size_t)esp_key_iv_len(k);
	struct esp_job j = opened(k, packet, packet.n, 0, 0, v, v->seq_hi);
	if (!j.ok)
		fail_msg("line %u: backend %u refuses the packet", v->line, backend);
	assert_int_equal(packet.n, head + plain.n + esp_key_icv_len(k));
	assert_memory_equal(j.p + head, plain.p, plain.n);
	free(j.p);
	for (size_t at = 0; at < packet.n; at++) {
		for (unsigned bit = 0; bit < 8; bit++)
			refused(opened(k, packet, packet.n, at, (uint8_t)(1U << bit), v, v->seq_hi), v, at);
		refused(opened(k, packet, at, at, 0, v, v->seq_hi), v, at);
	}
	if (strstr(v->suite, "-esn"))
		refused(opened(k, packet, packet.n, 0, 0, v, v->seq_hi ^ 0x01000000), v, 0);
	free(packet.p);
	free(plain.p);
	esp_key_free(k);
	assert_int_equal(m.live, 0);
}

static void run(struct crypto *c, uint8_t backend)
{
	struct vector v = {.line = 0};
	FILE *f = vectors_open();
	unsigned n = 0;
	for (; vector_next(f, &v); n++)
		check(c, &v, backend);
	fclose(f);
	assert_int_equal(n, 62);
}

static void test_openssl(void **state) { run(*state, ESP_BACKEND_OPENSSL); }

static void test_ipsec_mb(void **state)
{
	if (!esp_backend_usable(ESP_BACKEND_IPSEC_MB))
		skip();
	run(*state, ESP_BACKEND_IPSEC_MB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_ipsec_mb),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
