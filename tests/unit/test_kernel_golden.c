/* What the kernel sent (tests/golden/kernel, recorded from Linux 6.1): every datagram reads as its text says; cut at
 * any octet, or with any octet changed, it is read or refused, in its own bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_kernel_util.h"

enum { TEXT_MAX = 32768, NAMES_MAX = 64 };

static char *read_file(const char *name, const char *ext)
{
	const char *top = getenv("srcdir");
	char path[512];
	char *text = calloc(1, TEXT_MAX);
	snprintf(path, sizeof path, "%s/tests/golden/kernel/%s%s", top ? top : ".", name, ext);
	FILE *f = fopen(path, "r");
	assert_non_null(text);
	if (!f)
		fail_msg("%s is not there", path);
	size_t n = fread(text, 1, TEXT_MAX - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Names without extension; returns how many. */
static size_t names(char (*out)[64])
{
	const char *top = getenv("srcdir");
	char path[512];
	size_t n = 0;
	snprintf(path, sizeof path, "%s/tests/golden/kernel", top ? top : ".");
	DIR *d = opendir(path);
	if (!d)
		fail_msg("%s is not there", path);
	for (struct dirent *e; (e = readdir(d)) && n < NAMES_MAX;) {
		char *dot = strstr(e->d_name, ".hex");
		if (dot)
			snprintf(out[n++], 64, "%.*s", (int)(dot - e->d_name), e->d_name);
	}
	closedir(d);
	return n;
}

static struct span load(const char *name)
{
	char *hex = read_file(name, ".hex");
	struct span s = kernel_hex(hex);
	free(hex);
	return s;
}

static void check_text(const char *name)
{
	static char got[TEXT_MAX];
	struct sbuf b = SB(got);
	struct span s = load(name);
	sb_kernel_datagram(&b, s, strncmp(name, "xfrm-", 5) == 0);
	char *want = read_file(name, ".txt");
	if (strcmp(got, want) != 0)
		fail_msg("%s reads as:\n%s", name, got);
	free(want);
	kernel_put(s);
}

static void test_text(void **state)
{
	char name[NAMES_MAX][64];
	size_t n = names(name);
	(void)state;
	assert_true(n >= 15);
	for (size_t i = 0; i < n; i++)
		check_text(name[i]);
}

static size_t lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Whether a datagram may end there: behind a message, with or without its padding. */
static bool is_end(struct span s, size_t n)
{
	struct rd r = rd_init(s.p, n);
	while (rd_left(&r)) {
		struct nlmsghdr h;
		rd_copy(&r, &h, sizeof h);
		rd_skip(&r, h.nlmsg_len - sizeof h);
		rd_skip(&r, min_z((4 - h.nlmsg_len % 4) % 4, rd_left(&r)));
	}
	return rd_ok(&r);
}

static void check_cuts(const char *name)
{
	static char whole[TEXT_MAX], part[TEXT_MAX];
	struct span s = load(name);
	struct sbuf b = SB(whole);
	bool xfrm = strncmp(name, "xfrm-", 5) == 0;
	sb_kernel_datagram(&b, s, xfrm);
	for (size_t n = 0; n < s.n; n++) {
		struct span cut = kernel_copy(SPAN(s.p, n));
		struct sbuf c = SB(part);
		sb_kernel_datagram(&c, cut, xfrm);
		assert_true(lines(part) <= lines(whole) + 1);
		if ((strstr(part, "malformed") == NULL) != is_end(s, n))
			fail_msg("%s cut at %zu:\n%s", name, n, part);
		kernel_put(cut);
	}
	kernel_put(s);
}

static void test_cuts(void **state)
{
	char name[NAMES_MAX][64];
	size_t n = names(name);
	(void)state;
	for (size_t i = 0; i < n; i++)
		check_cuts(name[i]);
}

/* Each octet with a bit changed, or 0, or 255. No over-read (the sanitizers see), no endless walk. */
static void test_changes(void **state)
{
	static const uint8_t MASKS[] = {0x01, 0x80, 0xff};
	static char text[TEXT_MAX];
	char name[NAMES_MAX][64];
	size_t n = names(name);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct span s = load(name[i]);
		for (size_t at = 0; at < s.n; at++) {
			for (size_t m = 0; m < ARRAY_LEN(MASKS); m++) {
				struct span bad = kernel_copy(s);
				union { const uint8_t *from; uint8_t *to; } u = {.from = bad.p};
				u.to[at] ^= MASKS[m];
				struct sbuf b = SB(text);
				sb_kernel_datagram(&b, bad, strncmp(name[i], "xfrm-", 5) == 0);
				kernel_put(bad);
			}
		}
		kernel_put(s);
	}
}

int main(void)
{
	/* Netlink is of the machine's own byte order; the recordings are little-endian. */
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
