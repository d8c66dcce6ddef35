/* A JSON writer (RFC 8259) that allocates nothing: text is put together in a small buffer and handed on when it is
 * full, so that a
 * table of any size can be shown. Commas, quotes and nesting are the writer's business. In objects every value has a
 * key, in arrays the key is NULL. */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/bug.h"

enum { JSONW_DEPTH = 32 };

struct jsonw {
	void (*put)(void *ctx, const char *text, size_t n);
	void *ctx;
	uint32_t arrays, filled; /* a bit per level: it is an array; something is in it */
	unsigned depth;
	size_t n;
	char buf[1024];
};

void jw_init(struct jsonw *w, void (*put)(void *ctx, const char *text, size_t n), void *ctx);
void jw_object(struct jsonw *w, const char *key);
void jw_array(struct jsonw *w, const char *key);
/* Ends the innermost of the two. */
void jw_end(struct jsonw *w);
void jw_str(struct jsonw *w, const char *key, const char *text);
/* Octets of anybody's: what is no UTF-8 is replaced. */
void jw_text(struct jsonw *w, const char *key, const void *p, size_t n);
void jw_int(struct jsonw *w, const char *key, int64_t v);
void jw_bool(struct jsonw *w, const char *key, bool v);
/* Only when it is true, as FRR has its flags. */
void jw_flag(struct jsonw *w, const char *key, bool v);
/* What is still in the buffer. */
void jw_flush(struct jsonw *w);

#endif
