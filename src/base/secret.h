/* Key octets in place: fixed room, a length, wiped by its owner, never printed. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bug.h"

enum { SECRET_MAX = 64 }; /* keys of HMAC-SHA-512; a cipher with its salt has 36 */

struct secret {
	uint8_t len; /* octets */
	uint8_t b[SECRET_MAX];
};

void secret_wipe(struct secret *s);
/* False, and *s empty, when n exceeds SECRET_MAX. */
bool secret_set(struct secret *s, const void *p, size_t n) MUST_USE;
void wipe(void *p, size_t n);

#endif
