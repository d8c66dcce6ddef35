/* Fragments (RFC 7383 2.5) that somebody else has sealed, tests/golden/ike/frag-*.txt: ours are the same octet for octet, and theirs are
 * put together again. */
#include "../sim/bench.h"

#include <stdio.h>
#include <stdlib.h>

struct vector {
	struct sk_keys k;
	uint8_t first;
	struct span plain, iv[8], datagram[8];
	unsigned n_iv, n;
};

static struct span unhex(const char *s)
{
	size_t n = strcspn(s, "\n") / 2;
	uint8_t *p = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		char two[3] = {s[2 * i], s[2 * i + 1], 0};
		p[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return SPAN(p, n);
}

static void set_key(struct secret *to, const char *hex)
{
	struct span v = unhex(hex);
	assert_true(secret_set(to, v.p, v.n));
	free((void *)v.p);
}

static struct vector load(const char *name)
{
	struct vector v = {0};
	char path[512], line[4096];
	snprintf(path, sizeof path, "%s/golden/ike/%s", TESTS_DIR, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		unsigned encr, bits, integ;
		if (sscanf(line, "suite %u %u %u", &encr, &bits, &integ) == 3) {
			v.k.encr = (uint16_t)encr;
			v.k.encr_bits = (uint16_t)bits;
			v.k.integ = (uint16_t)integ;
		} else if (strncmp(line, "e ", 2) == 0) {
			set_key(&v.k.e, line + 2);
		} else if (strncmp(line, "a ", 2) == 0) {
			set_key(&v.k.a, line + 2);
		} else if (strncmp(line, "first ", 6) == 0) {
			v.first = (uint8_t)atoi(line + 6);
		} else if (strncmp(line, "plain ", 6) == 0) {
			v.plain = unhex(line + 6);
		} else if (strncmp(line, "iv ", 3) == 0) {
			v.iv[v.n_iv++] = unhex(line + 3);
		} else if (strncmp(line, "datagram ", 9) == 0) {
			v.datagram[v.n++] = unhex(line + 9);
		}
	}
	fclose(f);
	assert_true(v.n == 3 && v.n_iv == 3);
	return v;
}

struct told_rng {
	struct rng rng;
	struct vector *v;
	unsigned at;
};

static void tell_iv(struct rng *r, void *p, size_t n)
{
	struct told_rng *t = CONTAINER_OF(r, struct told_rng, rng);
	assert_true(t->at < t->v->n_iv && n == t->v->iv[t->at].n);
	memcpy(p, t->v->iv[t->at++].p, n);
}

/* The vector's message, by our own hand. */
static void seal_vector(struct bench *b, struct vector *v)
{
	struct told_rng rng = {.rng = {.fill = tell_iv}, .v = v};
	struct out o;
	uint8_t data[150];
	b->step.e->rng = &rng.rng;
	out_begin(&b->step, &o, INFORMATIONAL, false, 7);
	for (unsigned i = 0; i < 64; i++)
		data[i] = (uint8_t)i;
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), N_COOKIE2, SPAN(data, 64));
	for (unsigned i = 0; i < 150; i++)
		data[i] = (uint8_t)(i * 7);
	ike_enc_notify(&o.enc, PROTO_NONE, SPAN(NULL, 0), 40000, SPAN(data, 150));
	assert_true(frag_seal(&b->step, &o, &b->sa->req.msg));
	b->step.e->rng = &b->p.a->rng.rng;
	struct rd run = rd_init(b->sa->req.msg.p, b->sa->req.msg.n);
	for (unsigned i = 0; i < v->n; i++) {
		struct span d = frag_next(&run);
		assert_int_equal(d.n, v->datagram[i].n);
		assert_memory_equal(d.p, v->datagram[i].p, d.n);
	}
	assert_true(rd_done(&run));
	blob_free(b->step.e, &b->sa->req.msg);
}

static void golden(void **state)
{
	(void)state;
	static const char *const names[] = {"frag-gcm.txt", "frag-cbc.txt"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct vector v = load(names[i]);
		struct bench *b = bench_new();
		struct opened m;
		b->sa->spi_i = 0x0102030405060708;
		b->sa->spi_r = 0x1112131415161718;
		b->sa->tx = b->sa->rx = v.k;
		b->step.e->setup.fragment_size = 200;
		seal_vector(b, &v);
		for (unsigned k = 0; k < v.n; k++) {
			unsigned at = (k + 2) % v.n;
			struct ike_datagram d = {.local = b->sa->local, .remote = b->sa->remote, .data = v.datagram[at]};
			struct ike_payloads outer;
			b->step.d = &d;
			assert_int_equal(ike_hdr_decode(d.data, &b->step.hdr), WIRE_OK);
			assert_int_equal(ike_payloads_decode(b->step.hdr.next, span_behind(d.data, IKE_HDR_LEN), &outer), WIRE_OK);
			assert_int_equal(frag_open(&b->step, &outer, &m), k + 1 < v.n ? FRAG_WAIT : FRAG_WHOLE);
		}
		assert_true(m.first == v.first && m.plain.n == v.plain.n);
		assert_memory_equal(m.plain.p, v.plain.p, v.plain.n);
		assert_int_equal(m.hash, hmap_hash(&b->step.e->sas_by_init, v.datagram[0].p, v.datagram[0].n));
		free((void *)v.plain.p);
		for (unsigned k = 0; k < v.n; k++) {
			free((void *)v.iv[k].p);
			free((void *)v.datagram[k].p);
		}
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
