/* Lines in words, and patterns of words. See words.h. */
#include "config/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool words_split(struct words *out, struct arena *a, const char *line, size_t n)
{
	out->n = 0;
	out->arena = a;
	for (size_t i = 0; i < n;) {
		size_t start;
		while (i < n && isspace((unsigned char)line[i]))
			i++;
		for (start = i; i < n && !isspace((unsigned char)line[i]);)
			i++;
		if (i == start)
			break;
		if (out->n == WORDS_MAX)
			return false;
		out->w[out->n] = arena_text(a, line + start, i - start);
		if (!out->w[out->n++])
			return false;
	}
	return true;
}

/* --- One element --- */

static size_t element_len(const char *e) { return strcspn(e, " []"); }

static bool is_element(const char *e, const char *name)
{
	size_t n = strlen(name);
	return element_len(e) == n && memcmp(e, name, n) == 0;
}

static bool number(const char *s, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		*out = *out * 10 + (uint64_t)(*s - '0');
		if (*out > max)
			return false;
	}
	return true;
}

/* RFC 5396: asplain, and asdot as FRR reads it. */
static bool as_number(const char *s, uint32_t *out)
{
	char high[8] = "";
	const char *dot = strchr(s, '.');
	uint64_t v, low = 0;
	if (dot) {
		if ((size_t)(dot - s) >= sizeof high)
			return false;
		memcpy(high, s, (size_t)(dot - s));
		if (!number(high, 65535, &v) || !number(dot + 1, 65535, &low))
			return false;
		v = v << 16 | low;
	} else if (!number(s, UINT32_MAX, &v)) {
		return false;
	}
	*out = (uint32_t)v;
	return v != 0;
}

static void clear_host_bits(struct prefix *p)
{
	for (size_t bit = p->len; bit < addr_len(&p->addr) * 8; bit++)
		p->addr.b[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}

static bool prefix_of(const char *s, uint8_t family, struct prefix *out)
{
	if (!strchr(s, '/') || !prefix_parse(s, out) || out->addr.family != family)
		return false;
	clear_host_bits(out);
	return true;
}

static bool address_of(const char *s, uint8_t family, struct prefix *out)
{
	if (!addr_parse(s, &out->addr) || (family && out->addr.family != family))
		return false;
	out->len = (uint8_t)(addr_len(&out->addr) * 8);
	return true;
}

/* The word is this literal, or begins it; *cut counts the latter. */
static bool literal(const char *word, const char *lit, size_t n, unsigned *cut)
{
	size_t len = strlen(word);
	if (len > n || strncmp(word, lit, len) != 0)
		return false;
	*cut += len < n;
	return true;
}

/* One of a|b|c; an exact one goes before one that is cut. */
static bool alternative(const char *word, const char *e, unsigned *cut, uint32_t *which)
{
	size_t len = element_len(e);
	bool found = false;
	unsigned best = 0;
	uint32_t i = 0;
	for (const char *p = e; p < e + len; i++) {
		size_t n = strcspn(p, "| []");
		unsigned c = 0;
		if (literal(word, p, n, &c) && (!found || c < best)) {
			found = true;
			best = c;
			*which = i;
		}
		p += n + 1;
	}
	*cut += found ? best : 0;
	return found;
}

static bool range(const char *word, const char *e, uint32_t *out)
{
	char *end;
	unsigned long long lo = strtoull(e + 1, &end, 10), hi = strtoull(end + 1, NULL, 10);
	uint64_t v;
	if (!number(word, hi, &v) || v < lo)
		return false;
	*out = (uint32_t)v;
	return true;
}

static const struct { const char *name, *text; } kinds[] = {
	{"ADDR", "an address"},
	{"ADDR4", "an IPv4 address"},
	{"ADDR6", "an IPv6 address"},
	{"PREFIX4", "an IPv4 prefix such as 10.0.0.0/30"},
	{"PREFIX6", "an IPv6 prefix such as 2001:db8::/32"},
	{"ASN", "the number of an AS"},
	{"WORD", "a name"},
	{"LINE", "a text"},
};

/* Whether the element keeps a value. */
static bool keeps(const char *e)
{
	bool upper = false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		upper = upper || is_element(e, kinds[i].name);
	return upper || *e == '<' || memchr(e, '|', element_len(e));
}

static bool element_fits(const char *e, const char *word, struct arg *a, unsigned *cut)
{
	a->s = word;
	if (*e == '<')
		return range(word, e, &a->n);
	if (memchr(e, '|', element_len(e)))
		return alternative(word, e, cut, &a->n);
	if (is_element(e, "ADDR"))
		return address_of(word, AF_NONE, &a->p);
	if (is_element(e, "ADDR4"))
		return address_of(word, AF_V4, &a->p);
	if (is_element(e, "ADDR6"))
		return address_of(word, AF_V6, &a->p);
	if (is_element(e, "PREFIX4"))
		return prefix_of(word, AF_V4, &a->p);
	if (is_element(e, "PREFIX6"))
		return prefix_of(word, AF_V6, &a->p);
	if (is_element(e, "ASN"))
		return as_number(word, &a->n);
	return is_element(e, "WORD") || literal(word, e, element_len(e), cut);
}

/* --- A pattern --- */

static const char *join(const struct words *w, size_t from)
{
	size_t n = 0, at = 0;
	for (size_t i = from; i < w->n; i++)
		n += strlen(w->w[i]) + 1;
	char *s = arena_get(w->arena, n);
	for (size_t i = from; s && i < w->n; i++) {
		size_t len = strlen(w->w[i]);
		memcpy(s + at, w->w[i], len);
		at += len;
		s[at++] = i + 1 < w->n ? ' ' : '\0';
	}
	return s;
}

/* What the elements of an optional group that is missing would have kept; returns what is behind it. */
static const char *skip_group(const char *p, struct args *out)
{
	while (*p && *p != ']') {
		if (keeps(p) && out->n < ARGS_MAX)
			out->v[out->n++] = (struct arg){.s = NULL};
		p += element_len(p);
		p += *p == ' ';
	}
	return p + (*p == ']');
}

static bool ends_early(const char *p, struct args *out)
{
	for (; *p; p += *p == ' ' || *p == '[') {
		if (*p == '[')
			continue;
		if (!keeps(p))
			return false;
		if (out->n < ARGS_MAX)
			out->v[out->n++] = (struct arg){.s = NULL};
		p += element_len(p);
		p += *p == ']';
	}
	return true;
}

static void fell(struct words_fit *f, size_t at, const char *wanted)
{
	if (f->ok || at < f->reached)
		return;
	if (at == f->reached && f->wanted && *f->wanted) { /* what follows a group that could be left out */
		f->other = f->other ? f->other : wanted;
		return;
	}
	f->reached = at;
	f->wanted = wanted;
	f->other = NULL;
}

static bool match_from(const struct words *w, size_t i, const char *p, bool no, struct args *out, struct words_fit *f)
{
	unsigned cut = 0;
	while (*p == ' ' || *p == ']')
		p++;
	if (*p == '[') { /* with the group, else without */
		struct args saved = *out;
		unsigned before = f->abbreviated;
		if (i < w->n && match_from(w, i, p + 1, no, out, f))
			return true;
		*out = saved;
		f->abbreviated = before;
		return match_from(w, i, skip_group(p + 1, out), no, out, f);
	}
	if (*p == '\0') {
		if (i < w->n)
			fell(f, i, p);
		return i == w->n;
	}
	if (is_element(p, "..."))
		return true;
	if (i == w->n) {
		if (no && ends_early(p, out))
			return true;
		fell(f, i, p);
		return false;
	}
	struct arg a = {.s = NULL};
	if (is_element(p, "LINE")) {
		a.s = join(w, i);
		out->v[out->n++] = a;
		return a.s != NULL;
	}
	if (!element_fits(p, w->w[i], &a, &cut)) {
		fell(f, i, p);
		return false;
	}
	if (keeps(p) && out->n < ARGS_MAX)
		out->v[out->n++] = a;
	f->abbreviated += cut;
	return match_from(w, i + 1, p + element_len(p), no, out, f);
}

struct words_fit words_match(const struct words *w, size_t from, const char *pattern, bool no, struct args *out)
{
	struct words_fit f = {.reached = from};
	*out = (struct args){.n = 0};
	bool ok = match_from(w, from, pattern, no, out, &f);
	f.ok = ok;
	f.wanted = f.wanted ? f.wanted : "";
	return f;
}

/* An element for people: "a number from 1 to 255". */
/* An element; with `ends` it ends the list that it is in. */
static void put_wanted(struct sbuf *b, const char *e, bool ends)
{
	size_t n = element_len(e);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (is_element(e, kinds[i].name)) {
			sb_put(b, kinds[i].text);
			return;
		}
	}
	if (*e == '<') {
		size_t lo = strcspn(e + 1, "-");
		sb_printf(b, "a number from %.*s to %.*s", (int)lo, e + 1, (int)(n - lo - 3), e + lo + 2);
		return;
	}
	if (n == 0) {
		sb_put(b, "the end of the line");
		return;
	}
	for (const char *p = e; p < e + n;) {
		size_t len = strcspn(p, "| []");
		bool last = p + len + 1 >= e + n;
		sb_printf(b, "%s%.*s", p == e ? "" : last && ends ? " or " : ", ", (int)len, p);
		p += len + 1;
	}
}

/* Damerau's. */
size_t words_distance(const char *a, const char *b, size_t m)
{
	enum { MAX = 32 };
	size_t n = strlen(a), d[MAX + 1][MAX + 1];
	if (n > MAX || m > MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++) {
		for (size_t k = 0; k <= m; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = i + k;
				continue;
			}
			bool same = strncasecmp(a + i - 1, b + k - 1, 1) == 0;
			d[i][k] = min_z(d[i - 1][k - 1] + !same, min_z(d[i - 1][k], d[i][k - 1]) + 1);
			if (i > 1 && k > 1 && strncasecmp(a + i - 1, b + k - 2, 1) == 0 &&
			    strncasecmp(a + i - 2, b + k - 1, 1) == 0)
				d[i][k] = min_z(d[i][k], d[i - 2][k - 2] + 1);
		}
	}
	return d[n][m];
}

static void note_near(struct words_best *b, const char *word, const char *e)
{
	size_t n = element_len(e);
	if (*e == '<' || (*e >= 'A' && *e <= 'Z'))
		return;
	for (const char *p = e; p < e + n;) {
		size_t len = strcspn(p, "| []"), by = words_distance(word, p, len);
		if (by <= strlen(word) / 3 + 1 && by < len && (!b->near || by < b->near_by)) {
			b->near = p;
			b->near_by = by;
		}
		p += len + 1;
	}
}

static void note_wanted(struct words_best *b, const struct words *w, const char *wanted)
{
	size_t n = element_len(wanted);
	for (unsigned i = 0; i < b->n; i++) {
		if (element_len(b->wanted[i]) == n && strncmp(b->wanted[i], wanted, n) == 0)
			return;
	}
	if (b->reached < w->n)
		note_near(b, w->w[b->reached], wanted);
	if (b->n < ARRAY_LEN(b->wanted))
		b->wanted[b->n++] = wanted;
	else
		b->more++;
}

void words_best_note(struct words_best *b, const struct words *w, const struct words_fit *f)
{
	bool any = b->n || b->more;
	if (any && f->reached > b->reached)
		*b = (struct words_best){.n = 0};
	if (any && f->reached < b->reached)
		return;
	b->reached = f->reached;
	note_wanted(b, w, f->wanted);
	if (f->other && *f->other)
		note_wanted(b, w, f->other);
}

void words_best_say(const struct words_best *b, const struct words *w, struct sbuf *why)
{
	bool ends = b->reached >= w->n;
	if (b->more) {
		sb_put(why, ends ? "expected more words" : "this is not known here");
	} else {
		sb_put(why, "expected ");
		for (unsigned i = 0; i < b->n; i++) {
			bool last = i + 1 == b->n, several = strcspn(b->wanted[i], "|") < element_len(b->wanted[i]);
			sb_put(why, i == 0 ? "" : last && !several ? " or " : ", ");
			put_wanted(why, b->wanted[i], last);
		}
	}
	if (ends) {
		sb_put(why, ", found the end of the line");
		return;
	}
	sb_put(why, b->more ? ": \"" : ", found \"");
	sb_escape(why, w->w[b->reached], min_z(strlen(w->w[b->reached]), 60));
	sb_put(why, "\"");
	if (b->more && b->near)
		sb_printf(why, "; did you mean %.*s?", (int)strcspn(b->near, "| []"), b->near);
}
