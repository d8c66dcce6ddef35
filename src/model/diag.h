/* Diagnostics about files: where, which key, what was expected, what was found.
 * Parsers add them to a list that the caller owns and go on; nobody prints. */
#ifndef MODEL_DIAG_H
#define MODEL_DIAG_H

#include "base/base.h"

enum diag_level { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

struct diag {
	struct diag *next;
	enum diag_level level;
	char *file;    /* NULL = none */
	unsigned line; /* 0 = none */
	char *key;     /* "conn tunnel: keyexchange", NULL = none */
	char *text;    /* one sentence, no full stop, no newline */
};

struct diags {
	struct mem *mem;
	struct diag *first, **last;
	unsigned warnings, errors;
};

void diags_init(struct diags *d, struct mem *mem);
void diags_fini(struct diags *d);
void diag_add(struct diags *d, enum diag_level level, const char *file, unsigned line, const char *key,
              const char *fmt, ...) PRINTF_LIKE(6, 7);
/* "/etc/ipsec.conf:7: conn tunnel: keyexchange: warning: ..." without newline. */
void sb_diag(struct sbuf *b, const struct diag *d);

#endif
