/* The writer: every document that `gretel` shows goes through cli_show(). */
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"

const char *js_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

int64_t js_int(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }

bool js_true(const json_t *o, const char *key) { return json_is_true(json_object_get(o, key)); }

bool js_has(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return v && !json_is_null(v);
}

/* Names and reasons come from files and from peers; a terminal must not obey them. */
static void clean_text(json_t *v)
{
	char text[4096];
	const char *s = json_string_value(v);
	size_t n = strlen(s), i = 0;
	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != 0x7f)
		i++;
	if (i == n)
		return;
	for (i = 0; i < n && i < sizeof text - 1; i++)
		text[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	text[i] = '\0';
	(void)json_string_set_nocheck(v, text);
}

/* Documents are a few levels deep; deeper ones are no business of a printer. */
static void clean(json_t *v, int depth)
{
	const char *key;
	json_t *member;
	size_t i;
	if (depth == 0)
		return;
	if (json_is_string(v))
		clean_text(v);
	json_object_foreach(v, key, member) clean(member, depth - 1);
	json_array_foreach(v, i, member) clean(member, depth - 1);
}

void cli_show(struct cli *c, json_t *doc, cli_printer *print, const void *opts)
{
	if (c->json) {
		json_dumpf(doc, c->out, JSON_INDENT(2));
		fputc('\n', c->out);
		return;
	}
	clean(doc, 8);
	print(c->out, doc, opts);
}

void cli_complain(struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("gretel: ", c->err);
	vfprintf(c->err, fmt, ap);
	fputc('\n', c->err);
	va_end(ap);
}

int cli_answer(struct cli *c, struct control_reply *r, cli_printer *print, const void *opts)
{
	if (r->doc)
		cli_show(c, r->doc, print, opts);
	if (r->code != CONTROL_OK)
		cli_complain(c, "%s", r->text);
	else if (!r->doc)
		cli_complain(c, "greteld gave no answer");
	return r->code != CONTROL_OK ? r->code : r->doc ? CONTROL_OK : CONTROL_FAILED;
}

void text_duration(FILE *f, int64_t s)
{
	static const struct {
		int64_t s;
		const char *unit;
	} unit[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t i = 0;
	while (i < ARRAY_LEN(unit) - 1 && s <= 2 * unit[i].s)
		i++;
	int64_t n = s / unit[i].s;
	fprintf(f, "%lld %s%s", (long long)n, unit[i].unit, n == 1 ? "" : "s");
}
