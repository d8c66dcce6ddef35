/* A bounded string builder. */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sb_putc(struct sbuf *b, char c)
{
	if (b->cap - b->len < 2) {
		b->cut = true;
		return;
	}
	b->s[b->len++] = c;
	b->s[b->len] = '\0';
}

void sb_put(struct sbuf *b, const char *text)
{
	while (*text && !b->cut)
		sb_putc(b, *text++);
}

void sb_printf(struct sbuf *b, const char *fmt, ...)
{
	if (b->cut)
		return;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= b->cap - b->len) {
		b->cut = true;
		b->len = b->cap - 1;
		return;
	}
	b->len += (size_t)n;
}

void sb_hex(struct sbuf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *d = p;
	for (size_t i = 0; i < n; i++) {
		sb_putc(b, digits[d[i] >> 4]);
		sb_putc(b, digits[d[i] & 15]);
	}
}

void sb_escape(struct sbuf *b, const void *p, size_t n)
{
	const uint8_t *d = p;
	for (size_t i = 0; i < n; i++) {
		if (d[i] >= 0x20 && d[i] < 0x7f && d[i] != '\\')
			sb_putc(b, (char)d[i]);
		else
			sb_printf(b, "\\x%02x", d[i]);
	}
}
