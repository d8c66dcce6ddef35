/* See print_buf.h. */
#include "config/print_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cfg_buf_fini(struct cfg_buf *b)
{
	if (b->s)
		wipe(b->s, b->cap);
	free(b->s);
	*b = (struct cfg_buf){0};
}

/* Room for n octets more and the NUL. */
static bool buf_room(struct cfg_buf *b, size_t n)
{
	if (b->bad || n < b->cap - b->n)
		return !b->bad;
	size_t cap = b->cap ? b->cap : 512;
	while (cap - b->n <= n && cap < SIZE_MAX / 2)
		cap *= 2;
	/* Not realloc: it would leave a copy behind that nobody wipes. */
	char *s = cap - b->n > n ? malloc(cap) : NULL;
	if (!s) {
		b->bad = true;
		return false;
	}
	if (b->s) {
		memcpy(s, b->s, b->n);
		wipe(b->s, b->cap);
	}
	free(b->s);
	b->s = s;
	b->cap = cap;
	return true;
}

void cfg_buf_bytes(struct cfg_buf *b, const char *s, size_t n)
{
	if (!buf_room(b, n))
		return;
	if (n)
		memcpy(b->s + b->n, s, n);
	b->n += n;
	b->s[b->n] = '\0';
}

void cfg_buf_put(struct cfg_buf *b, const char *s) { cfg_buf_bytes(b, s, strlen(s)); }

void cfg_buf_printf(struct cfg_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_room(b, (size_t)n)) {
		b->bad = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->s + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void cfg_buf_quote(struct cfg_buf *b, const char *s)
{
	cfg_buf_put(b, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			cfg_buf_printf(b, "\\%c", c);
		else if (c == '\n')
			cfg_buf_put(b, "\\n");
		else if (c == '\t')
			cfg_buf_put(b, "\\t");
		else if (c < 0x20 || c == 0x7f)
			cfg_buf_printf(b, "\\x%02x", c);
		else
			cfg_buf_bytes(b, s, 1);
	}
	cfg_buf_put(b, "\"");
}

const char *cfg_buf_text(const struct cfg_buf *b) { return b->s ? b->s : ""; }
