/* The Internet checksum, in whatever vectors the compiler and the processor have. The sum does not depend on the order of
 * octets in a word (RFC 1071 2 B): words are added as they lie in memory, and the result is turned once. */
#include "base/csum.h"

#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(32)));
enum { LANES = 4, STEP = 2 * sizeof(lanes) };
#define INLINE static inline __attribute__((always_inline))

static uint64_t halves(uint64_t v) { return (v & 0xffffffff) + (v >> 32); }

/* Whole steps. all: sums modulo 2^64; high: the exact sums of upper halves; what is left of all without them is the exact sum of
 * lower halves. `to` may be NULL; a constant, since this is inlined. */
INLINE uint64_t steps(uint8_t *to, const uint8_t *p, size_t n)
{
	lanes all = {0}, high = {0}, all2 = {0}, high2 = {0};

	for (size_t i = 0; i < n; i += STEP) {
		lanes v, w;
		memcpy(&v, p + i, sizeof v);
		memcpy(&w, p + i + sizeof v, sizeof w);
		if (to) {
			memcpy(to + i, &v, sizeof v);
			memcpy(to + i + sizeof v, &w, sizeof w);
		}
		all += v;
		high += v >> 32;
		all2 += w;
		high2 += w >> 32;
	}
	all += all2;
	high += high2;
	all -= high << 32;
	uint64_t sum = 0;
	for (int i = 0; i < LANES; i++)
		sum += halves(all[i]) + halves(high[i]);
	return sum;
}

/* The same code for more than one kind of processor: which it is, is one bit in memory. CSUM_PLAIN is for the tests. */
#if defined __x86_64__ && !defined CSUM_PLAIN
#define WIDE __attribute__((target("avx2")))
#define HAS_WIDE __builtin_cpu_supports("avx2")
#else
#define WIDE
#define HAS_WIDE false
#endif
WIDE static uint64_t wide_add(const uint8_t *p, size_t n) { return steps(NULL, p, n); }
WIDE static uint64_t wide_copy(uint8_t *to, const uint8_t *p, size_t n) { return steps(to, p, n); }

/* Fewer than 8 octets, as if zeros followed. Written out: a memcpy of a length that is not known costs more than the rest. */
INLINE uint64_t few(const uint8_t *p, size_t n)
{
	uint8_t b[8] = {0};
	uint64_t v;

	if (n & 4)
		memcpy(b, p, 4);
	if (n & 2)
		memcpy(b + (n & 4), p + (n & 4), 2);
	if (n & 1)
		b[n - 1] = p[n - 1];
	memcpy(&v, b, sizeof v);
	return halves(v);
}

INLINE uint64_t rest(uint64_t sum, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v;
		memcpy(&v, p, sizeof v);
		sum += halves(v);
	}
	return n ? sum + few(p, n) : sum;
}

INLINE uint32_t end(uint64_t sum, uint32_t with)
{
	sum = halves(halves(sum));
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	uint16_t s = (uint16_t)((sum & 0xffff) + (sum >> 16));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	s = __builtin_bswap16(s);
#endif
	return with + s;
}

uint32_t csum_add(uint32_t sum, const uint8_t *p, size_t n)
{
	size_t whole = n / STEP * STEP;
	uint64_t s = 0;

	if (whole)
		s = HAS_WIDE ? wide_add(p, whole) : steps(NULL, p, whole);
	return end(rest(s, p + whole, n - whole), sum);
}

uint32_t csum_copy(uint32_t sum, uint8_t *to, const uint8_t *from, size_t n)
{
	size_t whole = n / STEP * STEP;
	uint64_t s = 0;

	if (whole)
		s = HAS_WIDE ? wide_copy(to, from, whole) : steps(to, from, whole);
	if (n > whole)
		memcpy(to + whole, from + whole, n - whole);
	return end(rest(s, from + whole, n - whole), sum);
}
