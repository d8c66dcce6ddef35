/* See json.h. A recursive descent with a bounded depth; what it reads may come from a program of anybody's. */
#include "route/json.h"

#include <string.h>

struct walk {
	struct rd r;
	json_fn *fn;
	void *ctx;
	unsigned depth;
	char path[JSON_PATH_MAX], value[JSON_VALUE_MAX];
};

static int peek(const struct walk *w)
{
	struct rd r = w->r;
	return rd_left(&r) ? rd_u8(&r) : -1;
}

static int blank(struct walk *w)
{
	int c;
	while ((c = peek(w)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		rd_skip(&w->r, 1);
	return c;
}

static bool take(struct walk *w, char c)
{
	if (blank(w) != c)
		return false;
	rd_skip(&w->r, 1);
	return true;
}

static bool hex4(struct walk *w, unsigned *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		int c = rd_u8(&w->r);
		int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (v < 0 || !rd_ok(&w->r))
			return false;
		*out = *out * 16 + (unsigned)v;
	}
	return true;
}

/* Beyond ASCII an escape becomes '?': no value that we look for has any. */
static bool escaped(struct walk *w, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned v;
	char c = (char)rd_u8(&w->r);
	if (c == 'u') {
		if (!hex4(w, &v))
			return false;
		*out = v >= 0x20 && v < 0x7f ? (char)v : '?';
		return true;
	}
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return false;
	*out = to[at - from];
	return true;
}

/* Behind the opening quote. */
static bool string(struct walk *w, char *out, size_t size)
{
	struct sbuf b = sb_init(out, size);
	while (rd_left(&w->r)) {
		char c = (char)rd_u8(&w->r);
		if (c == '"')
			return true; /* what is too long is cut */
		if ((unsigned char)c < 0x20 || (c == '\\' && !escaped(w, &c)))
			return false;
		sb_putc(&b, c ? c : '?');
	}
	return false;
}

static bool value(struct walk *w);

/* Goes one level down: ".key" behind the path for the time of one value. */
static bool below(struct walk *w, const char *key)
{
	size_t was = strlen(w->path);
	struct sbuf b = sb_init(w->path + was, sizeof w->path - was);
	sb_printf(&b, "%s%s", was ? "." : "", key);
	bool ok = !b.cut && value(w);
	w->path[was] = '\0';
	return ok;
}

static bool object(struct walk *w)
{
	char key[64];
	if (take(w, '}'))
		return true;
	do {
		if (!take(w, '"') || !string(w, key, sizeof key) || !take(w, ':') || !below(w, key))
			return false;
	} while (take(w, ','));
	return take(w, '}');
}

static bool array(struct walk *w)
{
	char key[16];
	unsigned i = 0;
	if (take(w, ']'))
		return true;
	do {
		struct sbuf b = SB(key);
		sb_printf(&b, "%u", i++);
		if (!below(w, key))
			return false;
	} while (take(w, ','));
	return take(w, ']');
}

/* A number or one of three words. */
static bool bare(struct walk *w)
{
	struct sbuf b = SB(w->value);
	int c;
	while ((c = peek(w)) >= 0 && (strchr("+-.", c) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E')) {
		rd_skip(&w->r, 1);
		sb_putc(&b, (char)c);
	}
	if (b.len == 0 || b.cut)
		return false;
	c = w->value[0];
	if (c != '-' && (c < '0' || c > '9') && strcmp(w->value, "true") != 0 && strcmp(w->value, "false") != 0 &&
	    strcmp(w->value, "null") != 0)
		return false;
	return w->fn(w->ctx, w->path, w->value, false);
}

static bool value(struct walk *w)
{
	bool ok;
	if (++w->depth > JSON_DEPTH)
		return false;
	if (take(w, '{'))
		ok = object(w);
	else if (take(w, '['))
		ok = array(w);
	else if (take(w, '"'))
		ok = string(w, w->value, sizeof w->value) && w->fn(w->ctx, w->path, w->value, true);
	else
		ok = bare(w);
	w->depth--;
	return ok;
}

bool json_walk(const char *text, size_t n, json_fn *fn, void *ctx)
{
	struct walk w = {.r = rd_init(text, n), .fn = fn, .ctx = ctx};
	return value(&w) && blank(&w) < 0;
}

void sb_json(struct sbuf *b, const char *text)
{
	sb_putc(b, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			sb_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			sb_printf(b, "\\u%04x", c);
		else
			sb_putc(b, (char)c);
	}
	sb_putc(b, '"');
}
