/* What forward.c wants of forward_cipher.c: one key each way, a packet at a time. */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIPHER_SPI = 0x67726574 };

/* name: plain, evp, mb; false: there is none. side 0 sends with the first key and opens with the second, 1 the other way round. */
bool cipher_new(const char *name, int side);
size_t cipher_head(void); /* octets before the packet */
size_t cipher_room(void); /* octets before and behind it */
/* to: SPI and sequence number are there already. */
void cipher_seal(uint8_t *to, const uint8_t *packet, size_t n, uint32_t seq);
/* In place; n: all of the datagram. */
bool cipher_open(uint8_t *datagram, size_t n);

#endif
