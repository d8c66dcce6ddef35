/* The published packets of tests/golden/esp/vectors through the whole engine, with real keys: known by SPI, number and upper half, opened,
 * and refused for what is in them, which is no GRE; or not, where it is a dummy. With any octet changed they are not authentic. */
#include "esp_world.h"


static size_t unhex(const char *s, uint8_t *to, size_t room)
{
	size_t n = strlen(s) / 2;
	assert_true(n <= room);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(s + 2 * i, "%2hhx", &to[i]), 1);
	return n;
}

struct vector {
	char suite[64], key[256], integ[256], packet[1024], plain[1024];
	uint64_t seq_hi;
};

static bool vector_next(FILE *f, struct vector *v)
{
	char line[2048];
	*v = (struct vector){0};
	while (fgets(line, sizeof line, f)) {
		if (line[0] == '\n' && v->suite[0])
			return true;
		if (line[0] == '\n' || line[0] == '#')
			continue;
		char hi[16] = "";
		assert_true(sscanf(line, "suite %63s", v->suite) == 1 || sscanf(line, "key %255s", v->key) == 1 ||
		            sscanf(line, "integ %255s", v->integ) == 1 || sscanf(line, "seq_hi %15s", hi) == 1 ||
		            sscanf(line, "packet %1023s", v->packet) == 1 || sscanf(line, "plain %1023s", v->plain) == 1);
		if (hi[0])
			v->seq_hi = strtoull(hi, NULL, 16);
	}
	return v->suite[0];
}

/* RFC 4303 2.4, 2.6, read anew. ESP_DROP_N: good, and a dummy. */
static uint8_t expected(const uint8_t *plain, size_t n)
{
	size_t pad = plain[n - 2];
	if (pad > n - 2)
		return ESP_DROP_PADDING;
	for (size_t i = 1; plain[n - 1] != 59 && i <= pad; i++) {
		if (plain[n - 2 - pad + i - 1] != i)
			return ESP_DROP_PADDING;
	}
	return plain[n - 1] == 59 ? ESP_DROP_N : ESP_DROP_NEXT;
}

static struct child_sa sa_of(const struct vector *v, uint32_t spi)
{
	struct proposals *p = calloc(1, sizeof *p);
	char text[200];
	struct child_sa s = {.local = v4(192, 0, 2, 1), .remote = v4(192, 0, 2, 2), .sel = {.proto = 47}, .encap = true, .encap_sport = 4500,
	                     .encap_dport = 4500, .replay_window = 64, .in.spi = spi};
	struct sbuf err = SB(text);
	char only[80];
	uint8_t octets[128];
	snprintf(only, sizeof only, "%s!", v->suite);
	if (!proposals_parse(only, PROTO_ESP, p, &err))
		fail_msg("%s: %s", v->suite, text);
	for (unsigned i = 0; i < p->p[0].n; i++) {
		const struct transform *t = &p->p[0].t[i];
		if (t->type == T_ENCR)
			s.suite.encr = t->id, s.suite.encr_bits = t->key_bits;
		else if (t->type == T_INTEG)
			s.suite.integ = t->id;
		else if (t->type == T_ESN)
			s.suite.esn = (uint8_t)t->id;
	}
	assert_true(secret_set(&s.in.encr, octets, unhex(v->key, octets, sizeof octets)));
	assert_true(secret_set(&s.in.integ, octets, unhex(v->integ, octets, sizeof octets)));
	free(p);
	return s;
}

static void one(struct world *w, const struct vector *v, unsigned *ran)
{
	uint8_t packet[512], plain[512], drop;
	size_t n = unhex(v->packet, packet, sizeof packet), n_plain = unhex(v->plain, plain, sizeof plain);
	uint32_t spi = be32(packet), seq = be32(packet + 4);
	if (spi < 256 || seq == 0 || n_plain % 4) /* no SA here has such numbers; a vector of an HMAC alone is no packet */
		return;
	struct child_sa s = sa_of(v, spi);
	assert_int_equal(esp_sa_install(w->end[B].e, TUNNEL, &s, w->now), 0);
	child_find(w->end[B].e, spi)->replay.top = (v->seq_hi << 32 | seq) - 1;
	uint64_t before[ESP_DROP_N], after[ESP_DROP_N];
	esp_drops(w->end[B].e, TUNNEL, before);
	for (size_t i = 0; i < n; i++) { /* the SPI apart: that is another SA's, or none's */
		packet[i] ^= 1;
		if (i >= 8)
			arrive_from(w, B, &w->end[A].at, packet, n, 0);
		packet[i] ^= 1;
	}
	arrive_from(w, B, &w->end[A].at, packet, n, 0);
	drop = expected(plain, n_plain);
	if (drop < ESP_DROP_N)
		before[drop]++;
	before[ESP_DROP_AUTH] += n - 8;
	esp_drops(w->end[B].e, TUNNEL, after);
	assert_memory_equal(before, after, sizeof before);
	struct sa_counters c;
	assert_int_equal(esp_sa_query(w->end[B].e, spi, w->now, 1, &c), 0);
	assert_int_equal(c.packets_in, 1);
	if (drop != ESP_DROP_PADDING)
		assert_int_equal(c.bytes_in, n_plain - 2 - plain[n_plain - 2]);
	assert_int_equal(esp_sa_remove(w->end[B].e, spi), 0);
	++*ran;
}

static void test_golden(void **state)
{
	(void)state;
	const char *top = getenv("srcdir");
	char path[512];
	struct vector v;
	snprintf(path, sizeof path, "%s/tests/golden/esp/vectors", top ? top : ".");
	for (uint8_t backend = ESP_BACKEND_OPENSSL; backend <= ESP_BACKEND_IPSEC_MB; backend++) {
		if (!esp_backend_usable(backend))
			continue;
		struct world *w = world_empty();
		unsigned ran = 0;
		FILE *f = fopen(path, "r");
		assert_non_null(f);
		w->crypto = crypto_new();
		w->backend = backend;
		assert_true(world_begin(w));
		while (vector_next(f, &v))
			one(w, &v, &ran);
		assert_true(ran >= 30);
		fclose(f);
		struct crypto *c = w->crypto;
		world_end(w);
		crypto_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
