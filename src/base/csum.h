/* The Internet checksum (RFC 1071): of IP headers, TCP, UDP, ICMP, GRE.
 *
 * A sum is a number of 32 bits to which octets and single 16-bit values are added, in any order; each call adds less than
 * 2^16, so a packet's worth of calls cannot overflow it. Octets of a call count as if they began at an even offset: of the
 * pieces of one packet only the last may be of odd length. */
#ifndef BASE_CSUM_H
#define BASE_CSUM_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

/* sum and n octets, at any alignment. */
uint32_t csum_add(uint32_t sum, const uint8_t *p, size_t n);
/* The same of `from`, which is copied to `to` on the way. They must not overlap. */
uint32_t csum_copy(uint32_t sum, uint8_t *to, const uint8_t *from, size_t n);
/* To 16 bits: what a field with a checksum that is only begun has, and 0xffff for a packet whose checksum is right. */
static inline uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}
/* The value of the field, when its octets were added as zero or not at all. */
static inline uint16_t csum_end(uint32_t sum) { return (uint16_t)~csum_fold(sum); }

#endif
