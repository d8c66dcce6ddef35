/* What the tests and the fuzz targets of wire/ share: octets from hex in blocks of exact size, a text form of
 * everything that a decoder yields, and the property "what decodes, encodes and decodes to the same". */
#ifndef TEST_WIRE_UTIL_H
#define TEST_WIRE_UTIL_H

#include "wire/wire.h"

/* Heap blocks of exactly the size; wire_free() them. Blanks and newlines in the text do not count. */
struct span wire_hex(const char *text);
struct span wire_copy(struct span s);
void wire_free(struct span s);

/* One line per payload: its name, the code if it did not decode, its fields. */
void sb_wire_payload(struct sbuf *b, const struct ike_payload *p);
/* The message in strongSwan's form, the header, each payload. inner: plaintext of the SK payload that begins with
 * type inner_first, or p NULL. The first code that is not WIRE_OK of header and chains is returned. */
enum wire_err sb_wire_message(struct sbuf *b, struct span datagram, uint8_t inner_first, struct span inner);
/* Encodes what the payload decodes to and decodes that. False when the two differ or the encoder refuses. True when
 * the body does not decode or has no encoder. */
bool wire_again(const struct ike_payload *p);
/* wire_again for each payload of a message and its plaintext that decode. */
bool wire_again_message(struct span datagram, uint8_t inner_first, struct span inner);

#endif
