/* The scalar types of gretel.conf: booleans, numbers, words, times, sizes. Each reads a node into a field and
 * writes the field as a literal. See schema.h. */
#include "config/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(const struct cfg_row *row, void *base) { return (char *)base + row->off; }
static const void *cfield(const struct cfg_row *row, const void *base) { return (const char *)base + row->off; }
static void *field2(const struct cfg_row *row, void *base) { return (char *)base + row->off2; }

static void store(void *p, const struct cfg_row *row, int64_t v)
{
	uint8_t u8 = (uint8_t)v;
	uint16_t u16 = (uint16_t)v;
	uint32_t u32 = (uint32_t)v;
	uint64_t u64 = (uint64_t)v;
	const void *from = row->size == 1 ? (const void *)&u8 : row->size == 2 ? (const void *)&u16
	                 : row->size == 4 ? (const void *)&u32 : (const void *)&u64;
	memcpy(p, from, row->size);
}

static int64_t fetch(const struct cfg_row *row, const void *base)
{
	const void *p = cfield(row, base);
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	switch (row->size) {
	case 1:
		memcpy(&u8, p, 1);
		return row->flags & CFG_SIGNED ? (int8_t)u8 : u8;
	case 2:
		memcpy(&u16, p, 2);
		return u16;
	case 4:
		memcpy(&u32, p, 4);
		return u32;
	default:
		memcpy(&u64, p, 8);
		return (int64_t)u64;
	}
}

static bool in_range(const struct cfg_row *row, int64_t v)
{
	return (v >= row->min && v <= row->max) || (v == 0 && (row->flags & CFG_ZERO));
}

static bool word_value(const struct cfg_word *w, const char *text, int64_t *out)
{
	for (; w && w->word; w++) {
		if (strcmp(w->word, text) == 0) {
			*out = w->value;
			return true;
		}
	}
	return false;
}

static const char *value_word(const struct cfg_word *w, int64_t v)
{
	for (; w && w->word; w++) {
		if (w->value == v)
			return w->word;
	}
	return NULL;
}

/* strongSwan's users are used to yes and no. */
static bool bool_value(const struct cfg_node *v, bool *out)
{
	bool yes = v->kind == NODE_TEXT && strcmp(v->text, "yes") == 0;
	bool no = v->kind == NODE_TEXT && strcmp(v->text, "no") == 0;
	*out = yes || (v->kind == NODE_BOOL && v->i);
	return yes || no || v->kind == NODE_BOOL;
}

static bool bool_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	bool on;
	if (!bool_value(v, &on))
		return false;
	memcpy(field(row, base), &on, sizeof on);
	return true;
}

static void bool_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	cfg_buf_put(o, fetch(row, base) ? "true" : "false");
}

static bool int_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                      struct sbuf *why)
{
	(void)b, (void)why;
	int64_t n = v->i;
	if (v->kind == NODE_TEXT ? !word_value(row->words, v->text, &n) : v->kind != NODE_INT || !in_range(row, n))
		return false;
	store(field(row, base), row, n);
	if (row->flags & CFG_BOTH)
		store(field2(row, base), row, n);
	return true;
}

/* libconfig cuts what is over 32 bits unless an L follows. */
static void put_int(struct cfg_buf *o, int64_t v, bool hex)
{
	cfg_buf_printf(o, hex ? "0x%llx%s" : "%lld%s", (long long)v, v > INT32_MAX || v < INT32_MIN ? "L" : "");
}

static void int_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	int64_t v = fetch(row, base);
	const char *w = value_word(row->words, v);
	if (w)
		cfg_buf_quote(o, w);
	else
		put_int(o, v, row->flags & CFG_HEX);
}

static bool enum_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	return v->kind == NODE_TEXT && int_parse(b, row, v, base, why);
}

static const struct { const char *unit; int64_t ns; } time_units[] = {
	{"d", 86400000000000}, {"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000}, {"ms", 1000000},
};

/* Decimal digits at *p: their value, and 10 to the power of their number in *scale. False when there are none or
 * too many. */
static bool digits_at(const char **p, int64_t *value, int64_t *scale)
{
	const char *start = *p;
	*value = 0;
	*scale = 1;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (*scale > INT64_MAX / 100)
			return false;
		*value = *value * 10 + (**p - '0');
		*scale *= 10;
	}
	return *p > start;
}

/* digits [ "." digits ] [ unit ]: exactly, or not at all. */
bool cfg_time_parse(const char *s, dur_t *out)
{
	int64_t whole, part = 0, scale = 1;
	if (!digits_at(&s, &whole, &scale))
		return false;
	scale = 1;
	if (*s == '.') {
		s++;
		if (!digits_at(&s, &part, &scale))
			return false;
	}
	int64_t unit = *s ? 0 : 1000000000, ns, frac;
	for (size_t i = 0; i < ARRAY_LEN(time_units); i++) {
		if (strcmp(s, time_units[i].unit) == 0)
			unit = time_units[i].ns;
	}
	if (unit == 0 || __builtin_mul_overflow(whole, unit, &ns) || __builtin_mul_overflow(part, unit, &frac) ||
	    frac % scale != 0 || __builtin_add_overflow(ns, frac / scale, &ns))
		return false;
	*out = ns;
	return true;
}

void cfg_time_print(struct sbuf *b, dur_t d)
{
	for (size_t i = 0; i < ARRAY_LEN(time_units) && d > 0; i++) {
		if (d % time_units[i].ns == 0) {
			sb_printf(b, "%lld%s", (long long)(d / time_units[i].ns), time_units[i].unit);
			return;
		}
	}
	if (d <= 0) {
		sb_put(b, "0s");
		return;
	}
	char frac[16];
	snprintf(frac, sizeof frac, "%09lld", (long long)(d % 1000000000));
	size_t n = 9;
	while (n > 1 && frac[n - 1] == '0')
		n--;
	sb_printf(b, "%lld.%.*ss", (long long)(d / 1000000000), (int)n, frac);
}

static bool time_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	dur_t d = 0;
	if (v->kind == NODE_INT) {
		if (v->i < 0 || v->i > INT64_MAX / 1000000000)
			return false;
		d = DUR_S(v->i);
	} else if (v->kind == NODE_REAL) {
		if (!(v->r >= 0 && v->r < 1e9))
			return false;
		d = (dur_t)(v->r * 1e9 + 0.5);
	} else if (v->kind != NODE_TEXT) {
		return false;
	}
	bool word = v->kind == NODE_TEXT && word_value(row->words, v->text, &d);
	if (!word && ((v->kind == NODE_TEXT && !cfg_time_parse(v->text, &d)) || !in_range(row, d)))
		return false;
	memcpy(field(row, base), &d, sizeof d);
	if (row->flags & CFG_BOTH)
		memcpy(field2(row, base), &d, sizeof d);
	return true;
}

static void time_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	char text[32];
	struct sbuf b = SB(text);
	const char *w = value_word(row->words, fetch(row, base));
	if (w)
		sb_put(&b, w);
	else
		cfg_time_print(&b, fetch(row, base));
	cfg_buf_quote(o, text);
}

static bool real_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	double r = v->kind == NODE_INT ? (double)v->i : v->r;
	if ((v->kind != NODE_REAL && v->kind != NODE_INT) ||
	    !(r >= (double)row->min / 1000 && r <= (double)row->max / 1000))
		return false;
	memcpy(field(row, base), &r, sizeof r);
	return true;
}

static void real_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	double r;
	char text[40];
	memcpy(&r, cfield(row, base), sizeof r);
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, r);
		if (strtod(text, NULL) == r)
			break;
	}
	cfg_buf_put(o, text);
	if (!strpbrk(text, ".e"))
		cfg_buf_put(o, ".0");
}

/* "100%" or 100. */
static bool percent_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                          struct sbuf *why)
{
	(void)b, (void)why;
	int64_t n = v->i;
	if (v->kind == NODE_TEXT) {
		char *e;
		n = isdigit((unsigned char)v->text[0]) ? strtoll(v->text, &e, 10) : -1;
		if (n < 0 || strcmp(e, "%") != 0)
			return false;
	} else if (v->kind != NODE_INT) {
		return false;
	}
	if (!in_range(row, n))
		return false;
	store(field(row, base), row, n);
	if (row->flags & CFG_BOTH)
		store(field2(row, base), row, n);
	return true;
}

static void percent_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	cfg_buf_printf(o, "\"%lld%%\"", (long long)fetch(row, base));
}

static const struct { const char *unit; int shift; } size_units[] = {
	{"T", 40}, {"G", 30}, {"M", 20}, {"K", 10}, {"", 0},
};

/* Octets: 5000, "512M", "1G"; units of 1024. */
static bool size_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	int64_t n = v->i;
	if (v->kind == NODE_TEXT) {
		char *e;
		n = isdigit((unsigned char)v->text[0]) ? strtoll(v->text, &e, 10) : -1;
		int shift = -1;
		for (size_t i = 0; n >= 0 && i < ARRAY_LEN(size_units); i++) {
			if (strcmp(e, size_units[i].unit) == 0)
				shift = size_units[i].shift;
		}
		if (shift < 0 || n > INT64_MAX >> shift)
			return false;
		n <<= shift;
	} else if (v->kind != NODE_INT) {
		return false;
	}
	if (!in_range(row, n))
		return false;
	store(field(row, base), row, n);
	return true;
}

static void size_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	(void)c;
	int64_t n = fetch(row, base);
	for (size_t i = 0; n > 0 && size_units[i].shift; i++) {
		if (n % (1LL << size_units[i].shift) == 0) {
			cfg_buf_printf(o, "\"%lld%s\"", (long long)(n >> size_units[i].shift), size_units[i].unit);
			return;
		}
	}
	put_int(o, n, false);
}

/* strongSwan's fragmentation=accept is a third value of two booleans. */
static bool frag_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	bool accept = v->kind == NODE_TEXT && strcmp(v->text, "accept") == 0, on = accept;
	if (!accept && !bool_value(v, &on))
		return false;
	memcpy(field(row, base), &on, sizeof on);
	memcpy(field2(row, base), &accept, sizeof accept);
	return true;
}

static void frag_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	bool accept;
	memcpy(&accept, (const char *)base + row->off2, sizeof accept);
	if (accept)
		cfg_buf_put(o, "\"accept\"");
	else
		bool_print(o, c, row, base);
}

const struct cfg_ops cfg_ops_bool = {"boolean", "true or false", bool_parse, bool_print};
const struct cfg_ops cfg_ops_int = {"number", "a number", int_parse, int_print};
const struct cfg_ops cfg_ops_enum = {"word", "", enum_parse, int_print};
const struct cfg_ops cfg_ops_time = {
	"time", "a time such as \"20s\", \"9m\", \"3h\" or a number of seconds", time_parse, time_print};
const struct cfg_ops cfg_ops_real = {"decimal number", "a number such as 1.8", real_parse, real_print};
const struct cfg_ops cfg_ops_percent = {
	"percentage", "a percentage such as \"100%\"", percent_parse, percent_print};
const struct cfg_ops cfg_ops_size = {
	"size", "a number of octets such as 1280 or \"500M\"", size_parse, size_print};
const struct cfg_ops cfg_ops_frag = {"boolean or word", "true, false or \"accept\"", frag_parse, frag_print};
