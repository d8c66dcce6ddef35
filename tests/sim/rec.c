/* Recordings. See rec.h. */
#include "rec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rec_names[] = {
	"aes128-sha1-modp1536",
	"aes128gcm16-ecp256",
	"aes256-sha384-modp2048",
	"aes256-sha512-modp4096",
	"aes256ctr-modp2048",
	"chacha20poly1305-x25519",
	"cookie",
	"invalid-ke",
	"ipv6",
	"pfs-rekey",
	"seed-establish",
	"seed-life-responder",
	"seed-life",
	NULL,
};

static struct span unhex(const char *s)
{
	size_t n = strcspn(s, " \n") / 2;
	uint8_t *p = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
		p[i] = (uint8_t)v;
	}
	return SPAN(p, n);
}

static void take_line(struct rec *r, const char *line, char comment[200])
{
	char name[32], from;
	unsigned port;
	int at;
	if (line[0] == '#') {
		snprintf(comment, 200, "%.*s", (int)strcspn(line + 2, "\n"), line + 2);
	} else if (sscanf(line, "key %31s %n", name, &at) == 1) {
		assert_true(r->n_keys < REC_KEYS);
		snprintf(r->key[r->n_keys].name, sizeof r->key[0].name, "%s", name);
		r->key[r->n_keys++].v = unhex(line + at);
	} else if (sscanf(line, "packet %c %u %n", &from, &port, &at) == 2) {
		assert_true(r->n_packets < REC_PACKETS);
		struct rec_packet *p = &r->packet[r->n_packets++];
		p->from = from;
		p->port = (uint16_t)port;
		p->data = unhex(line + at);
		memcpy(p->name, comment, sizeof p->name);
	} else {
		assert_int_equal(line[0], '\n');
	}
}

struct rec *rec_load(const char *dir, const char *name)
{
	struct rec *r = calloc(1, sizeof *r);
	char path[600], comment[200] = "", *line = NULL;
	size_t cap = 0;
	snprintf(path, sizeof path, "%s/%s.rec", dir, name);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: cannot be read", path);
	while (getline(&line, &cap, f) > 0)
		take_line(r, line, comment);
	free(line);
	fclose(f);
	assert_true(r->n_packets >= 4);
	return r;
}

static void span_free(struct span s) { free((void *)(uintptr_t)s.p); }

void rec_free(struct rec *r)
{
	for (size_t i = 0; i < r->n_keys; i++)
		span_free(r->key[i].v);
	for (size_t i = 0; i < r->n_packets; i++)
		span_free(r->packet[i].data);
	free(r);
}

struct span rec_key2(const struct rec *r, const char *prefix, const char *name)
{
	char whole[64];
	snprintf(whole, sizeof whole, "%s%s", prefix, name);
	for (size_t i = 0; i < r->n_keys; i++) {
		if (strcmp(r->key[i].name, whole) == 0)
			return r->key[i].v;
	}
	return SPAN(NULL, 0);
}

struct span rec_key(const struct rec *r, const char *name) { return rec_key2(r, "", name); }

uint64_t rec_u64(struct span s)
{
	struct rd rd = rd_init(s.p, s.n);
	uint64_t v = rd_u64(&rd);
	assert_true(rd_done(&rd));
	return v;
}

struct span rec_init(const struct rec *r, char from)
{
	struct span last = SPAN(NULL, 0);
	for (size_t i = 0; i < r->n_packets; i++) {
		struct ike_hdr h;
		assert_int_equal(ike_hdr_decode(r->packet[i].data, &h), WIRE_OK);
		if (r->packet[i].from == from && h.exchange == IKE_SA_INIT)
			last = r->packet[i].data;
	}
	return last;
}

struct suite rec_suite(struct span sa_body)
{
	struct proposals p;
	struct suite s = {0};
	assert_int_equal(ike_sa_decode(sa_body, &p), WIRE_OK);
	assert_int_equal(p.n, 1);
	for (size_t i = 0; i < p.p[0].n; i++) {
		const struct transform *t = &p.p[0].t[i];
		switch (t->type) {
		case T_ENCR:
			s.encr = t->id;
			s.encr_bits = t->key_bits;
			break;
		case T_PRF:
			s.prf = t->id;
			break;
		case T_INTEG:
			s.integ = t->id;
			break;
		case T_DH:
			s.dh = t->id;
			break;
		default:
			s.esn = (uint8_t)t->id;
		}
	}
	return s;
}
