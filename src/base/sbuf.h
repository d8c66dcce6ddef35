/* A bounded string builder. It never overflows: what does not fit is cut and
 * `cut` is set. The text is always terminated. */
#ifndef BASE_SBUF_H
#define BASE_SBUF_H

#include "base/bug.h"

struct sbuf {
	char *s;
	size_t len, cap;
	bool cut;
};

static inline struct sbuf sb_init(char *s, size_t cap)
{
	if (cap)
		s[0] = '\0';
	return (struct sbuf){.s = s, .len = 0, .cap = cap, .cut = cap == 0};
}
#define SB(array) sb_init((array), sizeof(array))

void sb_put(struct sbuf *b, const char *text);
void sb_putc(struct sbuf *b, char c);
void sb_printf(struct sbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sb_hex(struct sbuf *b, const void *p, size_t n);
/* Text of unknown origin: control characters and non-ASCII as \xNN. */
void sb_escape(struct sbuf *b, const void *p, size_t n);

#endif
