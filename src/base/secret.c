/* Key octets in place. */
#include "base/secret.h"

#include <string.h>

void wipe(void *p, size_t n) { explicit_bzero(p, n); }

void secret_wipe(struct secret *s) { explicit_bzero(s, sizeof *s); }

bool secret_set(struct secret *s, const void *p, size_t n)
{
	secret_wipe(s);
	if (n > SECRET_MAX)
		return false;
	if (n)
		memcpy(s->b, p, n);
	s->len = (uint8_t)n;
	return true;
}
