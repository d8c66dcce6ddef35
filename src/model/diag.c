/* Diagnostics about files: a list that only grows until its owner is done with it. */
#include "model/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

void diags_init(struct diags *d, struct mem *mem)
{
	*d = (struct diags){.mem = mem};
	d->last = &d->first;
}

static void put_text(struct mem *mem, char *s)
{
	if (s)
		mem_put(mem, s, strlen(s) + 1);
}

static char *copy_text(struct mem *mem, const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *copy = n ? mem_get(mem, n) : NULL;
	if (copy)
		memcpy(copy, s, n);
	return copy;
}

void diags_fini(struct diags *d)
{
	for (struct diag *it = d->first, *next; it; it = next) {
		next = it->next;
		put_text(d->mem, it->file);
		put_text(d->mem, it->key);
		put_text(d->mem, it->text);
		mem_put(d->mem, it, sizeof *it);
	}
	diags_init(d, d->mem);
}

void diag_add(struct diags *d, enum diag_level level, const char *file, unsigned line, const char *key,
              const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	for (char *c = text; *c; c++) {
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	}
	/* Counted before memory is asked for: an error is never lost, only its words. */
	d->errors += level == DIAG_ERROR;
	d->warnings += level == DIAG_WARNING;
	struct diag *it = mem_get(d->mem, sizeof *it);
	if (!it)
		return;
	*it = (struct diag){
		.level = level,
		.file = copy_text(d->mem, file),
		.line = line,
		.key = copy_text(d->mem, key),
		.text = copy_text(d->mem, text),
	};
	*d->last = it;
	d->last = &it->next;
}

void sb_diag(struct sbuf *b, const struct diag *d)
{
	static const char *const level[] = {
		[DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error",
	};
	if (d->file)
		sb_put(b, d->file);
	if (d->file && d->line)
		sb_printf(b, ":%u", d->line);
	if (d->file)
		sb_put(b, ": ");
	if (d->key)
		sb_printf(b, "%s: ", d->key);
	sb_printf(b, "%s: %s", level[d->level], d->text ? d->text : "(no memory for the text)");
}
