/* The tokens of ipsec.conf, as strongSwan's starter splits them. The oddities are
 * its own: blanks are space and tab only, '#' ends a token even without a blank
 * before it (except in "@#hex"), only double quotes quote, section headers count
 * at column 0 only, and a line that starts with "version" is swallowed. */
#include "config/ipsec.h"

#include <string.h>

void lex_init(struct ipsec_lex *l, struct arena *a, const char *text, size_t n)
{
	*l = (struct ipsec_lex){.arena = a, .p = text, .end = text + n, .line = 1, .bol = true, .first = true};
}

size_t lex_strip_cr(char *s, size_t n, size_t *crs)
{
	size_t out = 0;
	*crs = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\r' && (i + 1 == n || s[i + 1] == '\n'))
			++*crs;
		else
			s[out++] = s[i];
	}
	return out;
}

static size_t left(const struct ipsec_lex *l) { return (size_t)(l->end - l->p); }

static bool blank(char c) { return c == ' ' || c == '\t'; }

static size_t blanks(const struct ipsec_lex *l, size_t from)
{
	size_t n = from;
	while (n < left(l) && blank(l->p[n]))
		n++;
	return n - from;
}

static bool starts(const struct ipsec_lex *l, size_t from, const char *with)
{
	size_t n = strlen(with);
	return left(l) - from >= n && memcmp(l->p + from, with, n) == 0;
}

static bool bare(char c) { return c != '"' && c != '#' && c != '=' && c != '\n' && !blank(c); }

/* Octets of the bare token here; 0 = none. */
static size_t bare_len(const struct ipsec_lex *l)
{
	size_t n = starts(l, 0, "@#") && left(l) > 2 && bare(l->p[2]) ? 2 : 0;
	while (n < left(l) && bare(l->p[n]))
		n++;
	return n;
}

void lex_skip_line(struct ipsec_lex *l)
{
	const char *nl = memchr(l->p, '\n', left(l));
	l->p = nl ? nl : l->end;
	l->bol = l->first = false;
}

static struct lex_token token(const struct ipsec_lex *l, enum lex_kind kind, const char *text)
{
	/* Without memory there is nothing more to find. */
	bool end = l->arena->bad || (!text && (kind == LEX_WORD || kind == LEX_STRING || kind == LEX_INCLUDE));
	return (struct lex_token){.kind = (uint8_t)(end ? LEX_EOF : kind), .line = l->line, .text = text};
}

/* One escape, at the backslash. Returns what it stands for, or -1 for nothing (joined lines). */
static int escape(struct ipsec_lex *l)
{
	char c = l->p[1];
	l->p += 2;
	if (c == '\n') {
		l->line++;
		return -1;
	}
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : (unsigned char)c;
}

/* Octets from here to the closing quote; SIZE_MAX when there is none. */
static size_t quoted_len(const struct ipsec_lex *l)
{
	size_t n = 0;
	while (n < left(l) && l->p[n] != '"')
		n += l->p[n] == '\\' ? 2 : 1;
	return n < left(l) ? n : SIZE_MAX;
}

/* From behind the opening quote to behind the closing one; NULL and nothing consumed
 * when there is none. */
static char *quoted(struct ipsec_lex *l, bool *lines)
{
	size_t len = quoted_len(l), n = 0;
	char *text = len == SIZE_MAX ? NULL : arena_get(l->arena, len + 1);
	*lines = false;
	if (!text)
		return NULL;
	for (const char *close = l->p + len; l->p < close;) {
		int c = (unsigned char)*l->p;
		if (c == '\\') {
			c = escape(l);
		} else {
			*lines = *lines || c == '\n';
			l->line += c == '\n';
			l->p++;
		}
		if (c >= 0)
			text[n++] = (char)c;
	}
	l->p++;
	return text;
}

static struct lex_token lex_string(struct ipsec_lex *l)
{
	struct lex_token t = token(l, LEX_STRING, "");
	l->p++;
	t.text = quoted(l, &t.lines);
	if (t.text)
		return t;
	if (l->arena->bad)
		return token(l, LEX_EOF, NULL);
	/* Nobody knows where it was meant to end; the lines behind it stay readable. */
	lex_skip_line(l);
	return token(l, LEX_ERROR, "a string is not closed: expected '\"' at its end");
}

/* The pattern of an include line. A quote may start behind its first letters; the pattern ends with it. */
static struct lex_token lex_include(struct ipsec_lex *l)
{
	struct lex_token t = token(l, LEX_INCLUDE, "");
	l->p += strlen("include");
	l->p += blanks(l, 0);
	size_t len = 0, n = 0;
	while (len < left(l) && l->p[len] != '\n' && l->p[len] != '"')
		len++;
	char *text = arena_get(l->arena, len + 1), *tail = NULL;
	while (text && left(l) && !strchr("#\n\"", *l->p) && !blank(*l->p)) {
		if (*l->p == '\\' && left(l) > 1 && memchr("\"#} ", l->p[1], 4))
			l->p++;
		text[n++] = *l->p++;
	}
	if (text && left(l) && *l->p == '"') {
		l->p++;
		tail = quoted(l, &t.lines);
		if (!tail && !l->arena->bad) {
			lex_skip_line(l);
			return token(l, LEX_ERROR, "the name behind include is not closed: expected '\"' at its end");
		}
		char *both = tail ? arena_get(l->arena, n + strlen(tail) + 1) : NULL;
		if (both) {
			memcpy(both, text, n);
			strcpy(both + n, tail);
		}
		text = both;
	}
	t.text = text;
	if (text && !*text)
		return token(l, LEX_ERROR, "include names no file");
	return text ? t : token(l, LEX_EOF, NULL);
}

/* A header or an indentation; LEX_EOF when the line starts with neither. */
static enum lex_kind at_column_0(struct ipsec_lex *l)
{
	size_t n = blanks(l, 0);
	if (starts(l, n, "version")) {
		lex_skip_line(l);
		return LEX_EOF;
	}
	if (n && left(l) > n && l->p[n] == '#') {
		lex_skip_line(l);
		return LEX_EOF;
	}
	if (n) {
		l->p += n;
		return LEX_INDENT;
	}
	static const struct { const char *word; enum lex_kind kind; } header[] = {
		{"conn", LEX_CONN}, {"ca", LEX_CA},
	};
	if (starts(l, 0, "config setup")) {
		l->p += strlen("config setup");
		return LEX_SETUP;
	}
	for (size_t i = 0; i < ARRAY_LEN(header); i++) {
		if (bare_len(l) == strlen(header[i].word) && starts(l, 0, header[i].word)) {
			l->p += strlen(header[i].word);
			return header[i].kind;
		}
	}
	return LEX_EOF;
}

struct lex_token lex_next(struct ipsec_lex *l)
{
	if (l->bol) {
		enum lex_kind k = at_column_0(l);
		l->bol = false;
		if (k != LEX_EOF) {
			l->first = k == LEX_INDENT;
			return token(l, k, NULL);
		}
	}
	l->p += blanks(l, 0);
	if (left(l) && *l->p == '#')
		lex_skip_line(l);
	bool first = l->first;
	l->first = false;
	if (left(l) == 0)
		return token(l, LEX_EOF, NULL);
	if (*l->p == '\n') {
		struct lex_token t = token(l, LEX_NEWLINE, NULL);
		l->p++;
		l->line++;
		l->bol = l->first = true;
		return t;
	}
	if (*l->p == '=') {
		l->p++;
		return token(l, LEX_EQ, NULL);
	}
	if (*l->p == '"')
		return lex_string(l);
	size_t n = bare_len(l), gap = blanks(l, n);
	if (first && n == 7 && starts(l, 0, "include") && gap && left(l) > n + gap && l->p[n + gap] != '=')
		return lex_include(l);
	struct lex_token t = token(l, LEX_WORD, arena_text(l->arena, l->p, n));
	l->p += n;
	return t;
}
