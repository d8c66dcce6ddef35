/* Golden BGP messages: each NAME.hex under tests/golden/wire_bgp (most are FRR's and BIRD's own) must print as NAME.txt, as must
 * each BFD packet of tests/golden/wire_bfd; then every prefix of it and every copy with one bit turned is decoded in a block of exact
 * size, and what still decodes must survive encoding.
 *
 * A .hex file: '#' to the end of a line is comment; "coding WORDS" says how UPDATEs are coded; hex digits.
 * GRETEL_GOLDEN_UPDATE=1 writes the .txt files instead: read the diff before a commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp_text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 65536 };

static const char *const all = "as4 v4 v6 ext-nexthop";
static char dir[512];

static void read_text(const char *name, const char *suffix, char *out)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: cannot be read", path);
	size_t n = fread(out, 1, FILE_MAX - 1, f);
	out[n] = '\0';
	fclose(f);
}

static void compare(const char *name, const char *is)
{
	static char want[FILE_MAX];
	char path[1024];

	if (getenv("GRETEL_GOLDEN_UPDATE")) {
		snprintf(path, sizeof path, "%s/%s.txt", dir, name);
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(is, f);
		fclose(f);
		return;
	}
	read_text(name, ".txt", want);
	if (strcmp(is, want) != 0)
		fail_msg("%s prints\n%s", name, is);
}

/* The octets of a .hex file, and its coding. */
static struct span load(const char *name, char coding[256])
{
	static char text[FILE_MAX];

	read_text(name, ".hex", text);
	snprintf(coding, 256, " %s", all);
	for (char *at = text; (at = strchr(at, '#'));)
		while (*at && *at != '\n')
			*at++ = ' ';
	char *words = strstr(text, "coding ");
	if (words) {
		size_t n = strcspn(words, "\n");
		snprintf(coding, 256, " %.*s", (int)n, words + strlen("coding"));
		memset(words, ' ', n);
	}
	return wire_hex(text);
}

static void try_it(struct span message, const struct bgp_coding *c)
{
	static char text[4 * FILE_MAX];
	struct sbuf b = SB(text);

	sb_bgp_message(&b, message, c);
	assert_false(b.cut);
	if (!bgp_again(message, c))
		fail_msg("decodes, but not again after encoding: %s", text);
}

static void set_length(struct span m)
{
	struct wr w = {.base = (uint8_t *)(uintptr_t)m.p, .len = m.n, .cap = m.n};
	wr_put_u16(&w, 16, m.n);
}

static void check_bgp(const char *name)
{
	static char is[FILE_MAX];
	char coding[256];
	struct sbuf b = SB(is);
	struct span m = load(name, coding);
	const struct bgp_coding c = bgp_coding_of(coding);

	sb_bgp_message(&b, m, &c);
	compare(name, is);
	assert_true(bgp_again(m, &c));
	for (size_t n = 0; n < m.n; n++) {
		struct span part = wire_copy(SPAN(m.p, n));
		struct bgp_frame f;
		struct bgp_error e;
		assert_int_equal(bgp_frame(part, c.max, &f, &e), 0);
		if (n >= BGP_HDR_LEN) {
			set_length(part);
			try_it(part, &c);
		}
		wire_free(part);
	}
	for (size_t bit = 0; bit < m.n * 8; bit++) {
		struct span turned = wire_copy(m);
		((uint8_t *)(uintptr_t)turned.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		try_it(turned, &c);
		wire_free(turned);
	}
	wire_free(m);
}

static bool sb_bfd(struct sbuf *b, struct span m)
{
	struct bfd_packet p, q;
	uint8_t octets[BFD_LEN];
	struct wr w = wr_init(octets, sizeof octets);

	if (!bfd_decode(m, &p)) {
		sb_put(b, "dropped\n");
		return true;
	}
	sb_printf(b, "%s (%s)%s%s%s%s%s x%u mine %u yours %u tx %u rx %u echo %u\n", bfd_state_name(p.state), bfd_diag_name(p.diag),
	          p.poll ? " poll" : "", p.final ? " final" : "", p.independent ? " independent" : "",
	          p.authenticated ? " authenticated" : "", p.demand ? " demand" : "", p.multiplier, p.mine, p.yours, p.tx_us,
	          p.rx_us, p.echo_us);
	p.authenticated = false; /* not ours to write */
	bfd_encode(&w, &p);
	return wr_ok(&w) && w.len == BFD_LEN && bfd_decode(SPAN(octets, w.len), &q) && memcmp(&p, &q, sizeof p) == 0;
}

static void check_bfd(const char *name)
{
	char is[512], other[512], coding[256];
	struct sbuf b = SB(is);
	struct span m = load(name, coding);

	assert_true(sb_bfd(&b, m));
	assert_string_not_equal(is, "dropped\n");
	compare(name, is);
	for (size_t n = 0; n < m.n; n++) {
		struct span part = wire_copy(SPAN(m.p, n));
		struct sbuf o = SB(other);
		assert_true(sb_bfd(&o, part));
		assert_string_equal(other, "dropped\n");
		wire_free(part);
	}
	for (size_t bit = 0; bit < m.n * 8; bit++) {
		struct span turned = wire_copy(m);
		((uint8_t *)(uintptr_t)turned.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct sbuf o = SB(other);
		assert_true(sb_bfd(&o, turned));
		assert_string_not_equal(other, is); /* each bit means something */
		wire_free(turned);
	}
	wire_free(m);
}

static void each(const char *sub, void (*check)(const char *), size_t least)
{
	const char *srcdir = getenv("srcdir");
	size_t n = 0;

	snprintf(dir, sizeof dir, "%s/tests/golden/%s", srcdir ? srcdir : ".", sub);
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char name[256];
		size_t len = strlen(e->d_name);
		if (len <= 4 || len >= sizeof name || strcmp(e->d_name + len - 4, ".hex") != 0)
			continue;
		snprintf(name, sizeof name, "%.*s", (int)(len - 4), e->d_name);
		check(name);
		n++;
	}
	closedir(d);
	assert_true(n >= least);
}

static void test_bgp(void **state)
{
	(void)state;
	each("wire_bgp", check_bgp, 40);
}

static void test_bfd(void **state)
{
	(void)state;
	each("wire_bfd", check_bfd, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_bgp), cmocka_unit_test(test_bfd)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
