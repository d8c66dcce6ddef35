/* Helpers of the crypto tests: octets from hexadecimal text, in exact-size heap blocks so
 * that a sanitizer sees every over-read, and a generator that plays a tape. */
#ifndef TEST_CRYPTO_HEX_H
#define TEST_CRYPTO_HEX_H

#include "crypto/crypto.h"

/* cmocka.h wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct block {
	uint8_t *p;
	size_t n;
};

static inline struct block block_new(size_t n)
{
	struct block b = {.p = malloc(n ? n : 1), .n = n};
	assert_non_null(b.p);
	memset(b.p, 0, n);
	return b;
}

static inline unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* The caller frees .p. */
static inline struct block unhex(const char *s)
{
	struct block b = block_new(strlen(s) / 2);
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = (uint8_t)(hex_digit(s[2 * i]) << 4 | hex_digit(s[2 * i + 1]));
	return b;
}

static inline struct span block_span(struct block b) { return SPAN(b.p, b.n); }

static inline bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

static inline void assert_hex(const uint8_t *p, size_t n, const char *want)
{
	struct block w = unhex(want);
	assert_int_equal(n, w.n);
	assert_memory_equal(p, w.p, w.n);
	free(w.p);
}

/* Plays its octets, then starts over; counts the draws. */
struct tape {
	struct rng rng;
	const uint8_t *p;
	size_t n, at;
	unsigned draws;
};

static inline void tape_fill(struct rng *r, void *p, size_t n)
{
	struct tape *t = CONTAINER_OF(r, struct tape, rng);
	uint8_t *out = p;
	for (size_t i = 0; i < n; i++)
		out[i] = t->p[t->at++ % t->n];
	t->draws++;
}

static inline struct tape tape_of(struct block b)
{
	return (struct tape){.rng = {.fill = tape_fill}, .p = b.p, .n = b.n};
}

#endif
