/* The JSON writer. */
#include "base/jsonw.h"

#include <stdio.h>
#include <string.h>

void jw_init(struct jsonw *w, void (*put)(void *ctx, const char *text, size_t n), void *ctx)
{
	w->put = put;
	w->ctx = ctx;
	w->arrays = w->filled = 0;
	w->depth = 0;
	w->n = 0;
}

void jw_flush(struct jsonw *w)
{
	if (w->n)
		w->put(w->ctx, w->buf, w->n);
	w->n = 0;
}

static void out(struct jsonw *w, const char *p, size_t n)
{
	while (n) {
		size_t take = min_z(n, sizeof w->buf - w->n);
		memcpy(w->buf + w->n, p, take);
		w->n += take;
		p += take;
		n -= take;
		if (w->n == sizeof w->buf)
			jw_flush(w);
	}
}

/* The octets of one character of UTF-8 (RFC 3629 4) at p; 0: there is none. */
static size_t utf8(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t lo, hi, second_lo, second_hi, len;
	} form[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < ARRAY_LEN(form); i++) {
		size_t k = 2;
		if (p[0] < form[i].lo || p[0] > form[i].hi)
			continue;
		if (n < form[i].len || p[1] < form[i].second_lo || p[1] > form[i].second_hi)
			return 0;
		while (k < form[i].len && (p[k] & 0xc0) == 0x80)
			k++;
		return k == form[i].len ? k : 0;
	}
	return 0;
}

static void quoted(struct jsonw *w, const uint8_t *p, size_t n)
{
	out(w, "\"", 1);
	for (size_t i = 0; i < n;) {
		char escaped[8];
		size_t wide = p[i] >= 0x80 ? utf8(&p[i], n - i) : 0;
		if (wide) {
			out(w, (const char *)&p[i], wide);
			i += wide;
			continue;
		}
		if (p[i] == '"' || p[i] == '\\')
			snprintf(escaped, sizeof escaped, "\\%c", p[i]);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			snprintf(escaped, sizeof escaped, "\\u%04x", p[i]);
		else if (p[i] >= 0x80)
			snprintf(escaped, sizeof escaped, "\\ufffd");
		else
			snprintf(escaped, sizeof escaped, "%c", p[i]);
		out(w, escaped, strlen(escaped));
		i++;
	}
	out(w, "\"", 1);
}

/* What comes before a value: a comma, its key. */
static void before(struct jsonw *w, const char *key)
{
	uint32_t bit = (uint32_t)1 << w->depth;
	bool array = w->depth == 0 || w->arrays & bit;
	if (w->filled & bit)
		out(w, ",", 1);
	w->filled |= bit;
	if (BUG(array != !key))
		key = array ? NULL : "";
	if (!key)
		return;
	quoted(w, (const uint8_t *)key, strlen(key));
	out(w, ":", 1);
}

static void enter(struct jsonw *w, const char *key, bool array)
{
	before(w, key);
	out(w, array ? "[" : "{", 1);
	if (BUG(w->depth + 1 >= JSONW_DEPTH))
		return;
	uint32_t bit = (uint32_t)1 << ++w->depth;
	w->arrays = array ? w->arrays | bit : w->arrays & ~bit;
	w->filled &= ~bit;
}

void jw_object(struct jsonw *w, const char *key) { enter(w, key, false); }

void jw_array(struct jsonw *w, const char *key) { enter(w, key, true); }

void jw_end(struct jsonw *w)
{
	if (BUG(w->depth == 0))
		return;
	out(w, w->arrays >> w->depth & 1 ? "]" : "}", 1);
	w->depth--;
}

void jw_text(struct jsonw *w, const char *key, const void *p, size_t n)
{
	before(w, key);
	quoted(w, p, n);
}

void jw_str(struct jsonw *w, const char *key, const char *text) { jw_text(w, key, text, strlen(text)); }

void jw_int(struct jsonw *w, const char *key, int64_t v)
{
	char text[24];
	before(w, key);
	snprintf(text, sizeof text, "%lld", (long long)v);
	out(w, text, strlen(text));
}

void jw_bool(struct jsonw *w, const char *key, bool v)
{
	before(w, key);
	out(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_flag(struct jsonw *w, const char *key, bool v)
{
	if (v)
		jw_bool(w, key, true);
}
