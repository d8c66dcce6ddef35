/* Golden messages of wire/: each NAME.hex under tests/golden/wire is decoded and must print as NAME.txt; then
 * every prefix and every message with one bit turned must decode without a wrong read, and whatever still decodes must
 * survive encoding.
 *
 * A .hex file: '#' to the end of a line is comment; hex digits; "inner N" starts the plaintext of the SK payload, whose
 * first payload has type N. GRETEL_GOLDEN_UPDATE=1 writes the .txt files instead: read the diff before a commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_wire_util.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 65536, GOLDEN_MIN = 12 };

struct golden {
	char name[256];
	struct span datagram, inner;
	uint8_t inner_first;
};

static char golden_dir[512];

static void read_text(const char *name, const char *suffix, char *out)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s%s", golden_dir, name, suffix);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: cannot be read", path);
	size_t n = fread(out, 1, FILE_MAX - 1, f);
	out[n] = '\0';
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s.txt", golden_dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void load(struct golden *g)
{
	static char text[FILE_MAX];

	read_text(g->name, ".hex", text);
	for (char *at = strchr(text, '#'); at; at = strchr(at, '#')) {
		while (*at && *at != '\n')
			*at++ = ' ';
	}
	char *inner = strstr(text, "inner ");
	g->inner = SPAN(NULL, 0);
	if (inner) {
		char *end;
		*inner = '\0';
		g->inner_first = (uint8_t)strtoul(inner + strlen("inner "), &end, 10);
		g->inner = wire_hex(end);
	}
	g->datagram = wire_hex(text);
}

static void unload(struct golden *g)
{
	wire_free(g->datagram);
	if (g->inner.p)
		wire_free(g->inner);
}

/* The text of a mutant in blocks of exact size; its code. */
static enum wire_err try_it(struct span datagram, uint8_t first, struct span inner)
{
	static char text[4 * FILE_MAX];
	struct sbuf b = SB(text);
	enum wire_err err = sb_wire_message(&b, datagram, first, inner);

	if (!wire_again_message(datagram, first, inner))
		fail_msg("decodes, but not again after encoding: %s", text);
	assert_false(b.cut);
	return err;
}

static void check_text(const struct golden *g)
{
	static char is[4 * FILE_MAX], want[FILE_MAX];
	struct sbuf b = SB(is);

	assert_int_equal(sb_wire_message(&b, g->datagram, g->inner_first, g->inner), WIRE_OK);
	if (getenv("GRETEL_GOLDEN_UPDATE")) {
		write_text(g->name, is);
		return;
	}
	read_text(g->name, ".txt", want);
	if (strcmp(is, want) != 0)
		fail_msg("%s prints\n%s", g->name, is);
}

/* Every prefix, with the length field set to match, so that the chain is what ends too early. */
static void check_prefixes(const struct golden *g)
{
	for (size_t n = 0; n < g->datagram.n; n++) {
		uint8_t *p = malloc(n);
		if (n)
			memcpy(p, g->datagram.p, n);
		assert_int_equal(try_it(SPAN(p, n), 0, SPAN(NULL, 0)), WIRE_SHORT);
		if (n >= IKE_HDR_LEN) {
			struct wr w = {.base = p, .len = n, .cap = n};
			wr_put_u32(&w, 24, n);
			assert_true(try_it(SPAN(p, n), 0, SPAN(NULL, 0)) == WIRE_SHORT || g->datagram.n == IKE_HDR_LEN);
		}
		free(p);
	}
	for (size_t n = 0; g->inner.p && n < g->inner.n; n++) {
		struct span part = wire_copy(SPAN(g->inner.p, n));
		assert_int_equal(try_it(g->datagram, g->inner_first, part), WIRE_SHORT);
		wire_free(part);
	}
}

/* Every prefix of every body, as its own block. */
static void check_bodies(uint8_t first, struct span chain)
{
	static char text[4 * FILE_MAX];
	struct ike_payloads all;

	assert_int_equal(ike_payloads_decode(first, chain, &all), WIRE_OK);
	for (uint8_t i = 0; i < all.n; i++) {
		for (size_t n = 0; n <= all.v[i].body.n; n++) {
			struct ike_payload p = all.v[i];
			struct sbuf b = SB(text);
			p.body = wire_copy(SPAN(p.body.p, n));
			sb_wire_payload(&b, &p);
			assert_true(wire_again(&p));
			wire_free(p.body);
		}
	}
}

static void check_bits(const struct golden *g)
{
	for (size_t bit = 0; bit < g->datagram.n * 8; bit++) {
		struct span m = wire_copy(g->datagram);
		((uint8_t *)(uintptr_t)m.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)try_it(m, 0, SPAN(NULL, 0));
		wire_free(m);
	}
	for (size_t bit = 0; g->inner.p && bit < g->inner.n * 8; bit++) {
		struct span m = wire_copy(g->inner);
		((uint8_t *)(uintptr_t)m.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)try_it(g->datagram, g->inner_first, m);
		wire_free(m);
	}
}

static void check_golden(const char *file)
{
	struct golden g = {0};
	struct ike_hdr h;
	struct rd r;

	snprintf(g.name, sizeof g.name, "%.*s", (int)(strlen(file) - strlen(".hex")), file);
	load(&g);
	check_text(&g);
	check_prefixes(&g);
	check_bits(&g);
	assert_int_equal(ike_hdr_decode(g.datagram, &h), WIRE_OK);
	r = rd_init(g.datagram.p, g.datagram.n);
	rd_skip(&r, IKE_HDR_LEN);
	size_t n = rd_left(&r);
	check_bodies(h.next, SPAN(rd_take(&r, n), n));
	if (g.inner.p)
		check_bodies(g.inner_first, g.inner);
	unload(&g);
}

static void test_golden(void **state)
{
	(void)state;
	unsigned n = 0;
	const char *srcdir = getenv("srcdir");

	snprintf(golden_dir, sizeof golden_dir, "%s/tests/golden/wire", srcdir ? srcdir : ".");
	DIR *d = opendir(golden_dir);
	if (!d)
		fail_msg("%s: no such directory (set srcdir)", golden_dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		size_t len = strlen(e->d_name);
		if (len <= 4 || strcmp(e->d_name + len - 4, ".hex") != 0)
			continue;
		check_golden(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= GOLDEN_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
