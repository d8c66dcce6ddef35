/* Extended regular expressions without backtracking. The compiler goes over the pattern once and writes instructions;
 * jumps are relative, so a piece of code can be moved and copied: a quantifier behind an atom moves or copies the
 * atom's
 * code. The machine keeps the set of all threads (Thompson 1968): one pass over the text, at most each instruction once
 * per octet. What glibc's regcomp refuses with REG_EXTENDED is refused here, and so is what is no part of POSIX
 * (back references, \w, [=a=]): a filter that is silently misread lets routes through. */
#include "bgp/regex.h"

#include <errno.h>
#include <string.h>

#include "bgp/bgp.h"

enum rx_op { RX_CHAR, RX_ANY, RX_SET, RX_SPLIT, RX_JMP, RX_BOL, RX_EOL, RX_MATCH };
struct rx_insn {
	uint8_t op;   /* enum rx_op */
	uint8_t c;    /* RX_CHAR; RX_SET: which */
	int16_t a, b; /* RX_SPLIT, RX_JMP: relative to this instruction */
};
struct rx_set {
	uint64_t bit[4];
};

struct regex {
	size_t size; /* of the whole block */
	uint32_t n, n_sets;
	struct rx_insn *code;
	struct rx_set *set;
	uint32_t *now, *next, *stack, *mark;
	uint32_t stamp;
};

/* --- The compiler --- */
struct rx_comp {
	const char *p;
	struct sbuf *why;
	bool bad;
	uint32_t n, n_sets, depth;
	struct rx_insn code[RX_INSNS_MAX];
	struct rx_set set[RX_SETS_MAX];
};

static void fail(struct rx_comp *c, const char *why)
{
	if (!c->bad && c->why)
		sb_put(c->why, why);
	c->bad = true;
}

static bool room(struct rx_comp *c, uint32_t n)
{
	if (c->n + n >= RX_INSNS_MAX)
		fail(c, "the pattern repeats too much");
	return !c->bad;
}

static void emit(struct rx_comp *c, enum rx_op op, unsigned ch, int a, int b)
{
	if (room(c, 1))
		c->code[c->n++] = (struct rx_insn){
			.op = (uint8_t)op, .c = (uint8_t)ch, .a = (int16_t)a, .b = (int16_t)b};
}

/* A split in front of the code that begins at `at`: into it, or `over` instructions on. */
static void insert_split(struct rx_comp *c, uint32_t at, int over)
{
	if (!room(c, 1))
		return;
	memmove(&c->code[at + 1], &c->code[at], sizeof c->code[0] * (c->n - at));
	c->code[at] = (struct rx_insn){.op = RX_SPLIT, .a = 1, .b = (int16_t)over};
	c->n++;
}

static void copy_code(struct rx_comp *c, const struct rx_insn *from, uint32_t n)
{
	if (!room(c, n))
		return;
	memcpy(&c->code[c->n], from, sizeof *from * n);
	c->n += n;
}

static void set_add(struct rx_set *s, unsigned from, unsigned to)
{
	for (unsigned ch = from; ch <= to; ch++)
		s->bit[ch >> 6] |= (uint64_t)1 << (ch & 63);
}

static void emit_set(struct rx_comp *c, const struct rx_set *s)
{
	uint32_t i = 0;
	while (i < c->n_sets && memcmp(&c->set[i], s, sizeof *s) != 0)
		i++;
	if (i == RX_SETS_MAX) {
		fail(c, "the pattern has too many bracket expressions");
		return;
	}
	c->set[i] = *s;
	c->n_sets = i == c->n_sets ? i + 1 : c->n_sets;
	emit(c, RX_SET, i, 0, 0);
}

/* _ : (^|[,{}() ]|$) */
static void border(struct rx_comp *c)
{
	struct rx_set s = {0};
	for (const char *p = ",{}() "; *p; p++)
		set_add(&s, (unsigned char)*p, (unsigned char)*p);
	emit(c, RX_SPLIT, 0, 1, 3);
	emit(c, RX_BOL, 0, 0, 0);
	emit(c, RX_JMP, 0, 5, 0);
	emit(c, RX_SPLIT, 0, 1, 3);
	emit_set(c, &s);
	emit(c, RX_JMP, 0, 2, 0);
	emit(c, RX_EOL, 0, 0, 0);
}

static const struct rx_class {
	const char *name;
	uint8_t range[6]; /* pairs */
} classes[] = {
	{"digit", {'0', '9'}},
	{"alpha", {'A', 'Z', 'a', 'z'}},
	{"alnum", {'0', '9', 'A', 'Z', 'a', 'z'}},
	{"upper", {'A', 'Z'}},
	{"lower", {'a', 'z'}},
	{"xdigit", {'0', '9', 'A', 'F', 'a', 'f'}},
	{"space", {'\t', '\r', ' ', ' '}},
	{"blank", {' ', ' ', '\t', '\t'}},
};

/* "[:digit:]", without its first two characters. */
static void class_add(struct rx_comp *c, struct rx_set *s)
{
	const char *end = strstr(c->p, ":]");
	for (size_t i = 0; end && i < ARRAY_LEN(classes); i++) {
		const struct rx_class *k = &classes[i];
		if (strlen(k->name) != (size_t)(end - c->p) || memcmp(k->name, c->p, strlen(k->name)) != 0)
			continue;
		for (size_t r = 0; r < sizeof k->range && k->range[r]; r += 2)
			set_add(s, k->range[r], k->range[r + 1]);
		c->p = end + 2;
		return;
	}
	fail(c, "no such class of characters within [ ]");
}

/* One member of a bracket expression: a character, a range, a class. */
static void member(struct rx_comp *c, struct rx_set *s)
{
	unsigned from, to;
	if (c->p[0] == '[' && c->p[1] == ':') {
		c->p += 2;
		class_add(c, s);
		return;
	}
	if (c->p[0] == '[' && (c->p[1] == '=' || c->p[1] == '.')) {
		fail(c, "[= =] and [. .] are not supported");
		return;
	}
	from = to = (unsigned char)*c->p++;
	if (c->p[0] == '-' && c->p[1] != ']' && c->p[1] != '\0') {
		to = (unsigned char)c->p[1];
		c->p += 2;
		if (to == '[' && (*c->p == ':' || *c->p == '=' || *c->p == '.'))
			fail(c, "a class cannot be the end of a range");
	}
	if (from > to)
		fail(c, "the end of a range is before its start");
	else
		set_add(s, from, to);
}

static void bracket(struct rx_comp *c)
{
	struct rx_set s = {0};
	bool negated = *c->p == '^';
	c->p += negated;
	bool first = true;
	while (!c->bad && (*c->p != ']' || first)) {
		first = false;
		if (*c->p == '\0')
			fail(c, "a ] is missing");
		else
			member(c, &s);
	}
	if (c->bad)
		return;
	c->p++;
	for (size_t i = 0; i < 4 && negated; i++)
		s.bit[i] = ~s.bit[i];
	emit_set(c, &s);
}

static void escape(struct rx_comp *c)
{
	unsigned ch = (unsigned char)*c->p;
	if (ch == '\0') {
		fail(c, "a \\ at the end escapes nothing");
		return;
	}
	/* GNU gives letters, digits, `, ' and <, > meanings that POSIX does not know. */
	if ((ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') || strchr("<>`'", (int)ch)) {
		fail(c, "a \\ is only supported before a character that would be special without it");
		return;
	}
	c->p++;
	emit(c, RX_CHAR, ch, 0, 0);
}

static void alternatives(struct rx_comp *c);

static void group(struct rx_comp *c)
{
	if (++c->depth > RX_DEPTH_MAX)
		fail(c, "too many parentheses inside each other");
	else
		alternatives(c);
	c->depth--;
	if (c->bad)
		return;
	if (*c->p == ')')
		c->p++;
	else
		fail(c, "a ) is missing");
}

/* Any piece that a quantifier may follow; false: an anchor, which none may follow. */
static bool atom(struct rx_comp *c)
{
	char ch = *c->p++;
	switch (ch) {
	case '(':
		group(c);
		return true;
	case '[':
		bracket(c);
		return true;
	case '\\':
		escape(c);
		return true;
	case '.':
		emit(c, RX_ANY, 0, 0, 0);
		return true;
	case '_':
		border(c);
		return true;
	case '^':
		emit(c, RX_BOL, 0, 0, 0);
		return false;
	case '$':
		emit(c, RX_EOL, 0, 0, 0);
		return false;
	case '*':
	case '+':
	case '?':
	case '{':
		fail(c, "there is nothing in front of a *, +, ? or { that could be repeated");
		return false;
	default: /* a ) without its ( is a character, as POSIX has it */
		emit(c, RX_CHAR, (unsigned char)ch, 0, 0);
		return true;
	}
}

static void star(struct rx_comp *c, uint32_t at)
{
	int len = (int)(c->n - at);
	insert_split(c, at, len + 2);
	emit(c, RX_JMP, 0, -(len + 1), 0);
}

/* The code from `at` on, at least lo and at most hi times; hi -1: without limit. */
static void repeat(struct rx_comp *c, uint32_t at, int lo, int hi)
{
	uint32_t len = c->n - at;
	struct rx_insn *one = &c->code[at];
	for (int i = 1; i < lo && !c->bad; i++)
		copy_code(c, one, len);
	if (hi < 0 && lo == 0)
		star(c, at);
	else if (hi < 0)
		emit(c, RX_SPLIT, 0, -(int)len, 1);
	if (c->bad || hi < 0)
		return;
	if (hi == 0) {
		c->n = at;
		return;
	}
	/* What may be there: each piece is entered or left for good, which ends at the same place. */
	uint32_t optional = (uint32_t)(hi - lo), from = lo ? c->n : at, total = optional * (len + 1);
	if (total >= RX_INSNS_MAX) {
		fail(c, "the pattern repeats too much");
		return;
	}
	for (uint32_t i = 0; i < optional && !c->bad; i++) {
		if (i == 0 && lo == 0) {
			insert_split(c, at, (int)total);
			one = &c->code[at + 1];
			continue;
		}
		emit(c, RX_SPLIT, 0, 1, (int)(from + total - c->n));
		copy_code(c, one, len);
	}
}

/* A number of {m,n}; -1: none there. */
static int number(struct rx_comp *c)
{
	int v = -1;
	for (; *c->p >= '0' && *c->p <= '9'; c->p++) {
		v = (v < 0 ? 0 : v) * 10 + (*c->p - '0');
		if (v > RX_REPEAT_MAX) {
			fail(c, "more than 255 repetitions");
			return v;
		}
	}
	return v;
}

static void braces(struct rx_comp *c, uint32_t at)
{
	int lo = number(c), hi = lo;
	if (*c->p == ',') {
		c->p++;
		hi = number(c);
		if (lo < 0 && hi < 0)
			fail(c, "no number within { }");
		lo = lo < 0 ? 0 : lo;
	} else if (lo < 0) {
		fail(c, "no number within { }");
	}
	if (!c->bad && *c->p != '}')
		fail(c, "a } is missing");
	if (!c->bad && hi >= 0 && hi < lo)
		fail(c, "{m,n} with m above n");
	if (c->bad)
		return;
	c->p++;
	repeat(c, at, lo, hi);
}

static void branch(struct rx_comp *c)
{
	while (!c->bad && *c->p && *c->p != '|' && !(*c->p == ')' && c->depth)) {
		uint32_t at = c->n;
		bool again = atom(c);
		while (!c->bad && again && *c->p && strchr("*+?{", *c->p)) {
			switch (*c->p++) {
			case '*':
				repeat(c, at, 0, -1);
				break;
			case '+':
				repeat(c, at, 1, -1);
				break;
			case '?':
				repeat(c, at, 0, 1);
				break;
			default:
				braces(c, at);
				break;
			}
		}
	}
}

/* Each branch but the last ends in a jump to the end of all; until that is known, the jump's `b` leads to the one
 * before. */
static void alternatives(struct rx_comp *c)
{
	int last = -1;
	uint32_t at = c->n;
	branch(c);
	while (!c->bad && *c->p == '|') {
		c->p++;
		insert_split(c, at, (int)(c->n - at) + 2);
		emit(c, RX_JMP, 0, 0, last);
		last = (int)c->n - 1;
		at = c->n;
		branch(c);
	}
	while (!c->bad && last >= 0) {
		struct rx_insn *j = &c->code[last];
		int before = j->b;
		j->a = (int16_t)((int)c->n - last);
		j->b = 0;
		last = before;
	}
}

static void compile(struct rx_comp *c, const char *pattern, struct sbuf *why)
{
	c->p = pattern;
	c->why = why;
	c->bad = false;
	c->n = c->n_sets = c->depth = 0;
	if (strnlen(pattern, RX_PATTERN_MAX + 1) > RX_PATTERN_MAX) {
		fail(c, "the pattern is longer than 1024 characters");
		return;
	}
	alternatives(c);
	if (!c->bad)
		c->code[c->n++] = (struct rx_insn){.op = RX_MATCH}; /* room() has kept a place */
}

bool bgp_regex_check(const char *pattern, struct sbuf *why)
{
	struct rx_comp c;
	compile(&c, pattern, why);
	return !c.bad;
}

int rx_new(struct mem *mem, const char *pattern, struct regex **out, struct sbuf *why)
{
	struct rx_comp c;
	*out = NULL;
	compile(&c, pattern, why);
	if (c.bad)
		return -EINVAL;
	size_t sets = sizeof c.set[0] * c.n_sets, words = sizeof(uint32_t) * c.n, code = sizeof c.code[0] * c.n;
	/* A thread adds at most two others to the stack before it leaves it. */
	size_t size = sizeof(struct regex) + sets + words * 5 + code;
	struct regex *r = mem_get(mem, size);
	if (!r)
		return -ENOMEM;
	r->size = size;
	r->n = c.n;
	r->n_sets = c.n_sets;
	r->set = (struct rx_set *)(r + 1);
	r->now = (uint32_t *)(r->set + c.n_sets);
	r->next = r->now + c.n;
	r->mark = r->next + c.n;
	r->stack = r->mark + c.n;
	r->code = (struct rx_insn *)(r->stack + (size_t)c.n * 2);
	memcpy(r->set, c.set, sets);
	memcpy(r->code, c.code, code);
	*out = r;
	return 0;
}

void rx_free(struct mem *mem, struct regex *r)
{
	if (r)
		mem_put(mem, r, r->size);
}

/* --- The machine --- */
/* Adds thread `pc` and whatever it leads to without reading; true: one of them is the end. */
static bool follow(struct regex *r, uint32_t pc, uint32_t *list, uint32_t *n, bool start, bool end)
{
	uint32_t top = 0;
	r->stack[top++] = pc;
	while (top) {
		pc = r->stack[--top];
		if (r->mark[pc] == r->stamp)
			continue;
		r->mark[pc] = r->stamp;
		const struct rx_insn *i = &r->code[pc];
		switch (i->op) {
		case RX_MATCH:
			return true;
		case RX_SPLIT:
			r->stack[top++] = (uint32_t)((int)pc + i->b);
			r->stack[top++] = (uint32_t)((int)pc + i->a);
			break;
		case RX_JMP:
			r->stack[top++] = (uint32_t)((int)pc + i->a);
			break;
		case RX_BOL:
			if (start)
				r->stack[top++] = pc + 1;
			break;
		case RX_EOL:
			if (end)
				r->stack[top++] = pc + 1;
			break;
		default:
			list[(*n)++] = pc;
			break;
		}
	}
	return false;
}

static bool reads(const struct regex *r, uint32_t pc, unsigned ch)
{
	const struct rx_insn *i = &r->code[pc];
	return i->op == RX_ANY || (i->op == RX_CHAR && i->c == ch) ||
	       (i->op == RX_SET && (r->set[i->c].bit[ch >> 6] >> (ch & 63) & 1));
}

bool rx_match(struct regex *r, const char *text, size_t n)
{
	uint32_t n_now = 0, n_next;
	if (r->stamp > UINT32_MAX - 2 - n) { /* before stamps come round */
		memset(r->mark, 0, sizeof r->mark[0] * r->n);
		r->stamp = 0;
	}
	r->stamp++;
	if (follow(r, 0, r->now, &n_now, true, n == 0))
		return true;
	for (size_t i = 0; i < n; i++) {
		bool end = i + 1 == n;
		r->stamp++;
		n_next = 0;
		for (uint32_t t = 0; t < n_now; t++) {
			if (reads(r, r->now[t], (unsigned char)text[i]) &&
			    follow(r, r->now[t] + 1, r->next, &n_next, false, end))
				return true;
		}
		/* The pattern may begin at any place. */
		if (follow(r, 0, r->next, &n_next, false, end))
			return true;
		uint32_t *swap = r->now;
		r->now = r->next;
		r->next = swap;
		n_now = n_next;
	}
	return false;
}
