/* A text that grows: for what is printed and what is put together before it is parsed. It may hold keys,
 * so every piece of memory that it leaves is wiped. Internal to config/. */
#ifndef CONFIG_PRINT_BUF_H
#define CONFIG_PRINT_BUF_H

#include "base/base.h"

struct cfg_buf {
	char *s;       /* malloc'ed, terminated; NULL while empty */
	size_t n, cap;
	bool bad;      /* no memory: what is there is not all */
};

void cfg_buf_fini(struct cfg_buf *b); /* wipes */
void cfg_buf_bytes(struct cfg_buf *b, const char *s, size_t n);
void cfg_buf_put(struct cfg_buf *b, const char *s);
void cfg_buf_printf(struct cfg_buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* s as a libconfig string in quotes. */
void cfg_buf_quote(struct cfg_buf *b, const char *s);
/* "" while empty. */
const char *cfg_buf_text(const struct cfg_buf *b);

#endif
