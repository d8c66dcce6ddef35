/* Reading, @include and the scan before libconfig's. See load_text.h. */
#include "config/load_text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN_MAX = 4096, WORD_SHOWN = 60 };

/* One file while it is being copied. */
struct scan {
	struct cfg_text *t;
	struct cfg_file *file;
	const char *p, *end;
	unsigned line, depth;
	bool secret;             /* the last name was psk or password: what follows is not shown */
};

void cfg_text_init(struct cfg_text *t, struct arena *a, struct config_job *job)
{
	*t = (struct cfg_text){.arena = a, .job = job, .line = 1};
}

void cfg_text_fini(struct cfg_text *t)
{
	cfg_buf_fini(&t->whole);
	*t = (struct cfg_text){0};
}

struct cfg_file *cfg_text_where(const struct cfg_text *t, unsigned line, unsigned *file_line)
{
	const struct cfg_part *best = NULL;
	for (size_t i = 0; i < t->n_parts && t->part[i].line <= line; i++)
		best = &t->part[i];
	*file_line = best ? best->file_line + (line - best->line) : 0;
	return best ? best->file : NULL;
}

#define SCAN_ERROR(s, at, ...)                                                                               \
	do {                                                                                                 \
		(s)->t->errors++;                                                                            \
		diag_add((s)->t->job->d, DIAG_ERROR, (s)->file->path, (at), NULL, __VA_ARGS__);              \
	} while (0)

static void begin_part(struct scan *s)
{
	struct cfg_text *t = s->t;
	if (t->n_parts == t->cap_parts) {
		size_t cap = t->cap_parts ? t->cap_parts * 2 : 16;
		struct cfg_part *p = arena_get(t->arena, cap * sizeof *p);
		if (!p)
			return;
		if (t->n_parts)
			memcpy(p, t->part, t->n_parts * sizeof *p);
		t->part = p;
		t->cap_parts = cap;
	}
	t->part[t->n_parts++] = (struct cfg_part){.line = t->line, .file_line = s->line, .file = s->file};
}

static void emit(struct scan *s, const char *p, size_t n)
{
	cfg_buf_bytes(&s->t->whole, p, n);
	for (size_t i = 0; i < n; i++)
		s->t->line += p[i] == '\n';
}

/* Copies up to q. */
static void copy_to(struct scan *s, const char *q)
{
	emit(s, s->p, (size_t)(q - s->p));
	for (; s->p < q; s->p++)
		s->line += *s->p == '\n';
}

/* An error behind which libconfig would only stumble. */
static void scan_broken(struct scan *s, unsigned line, const char *why)
{
	SCAN_ERROR(s, line, "%s", why);
	s->t->broken = true;
}

static bool at_word(const struct scan *s, const char *p, const char *word)
{
	size_t n = strlen(word);
	return (size_t)(s->end - p) >= n && memcmp(p, word, n) == 0;
}

/* Where the comment or blank at p ends; p itself when there is none. Sets *open for a comment without an end. */
static const char *skip_blank(const struct scan *s, const char *p, bool *open)
{
	if (p < s->end && isspace((unsigned char)*p))
		return p + 1;
	if (p < s->end && (*p == '#' || at_word(s, p, "//"))) {
		const char *nl = memchr(p, '\n', (size_t)(s->end - p));
		return nl ? nl : s->end;
	}
	if (!at_word(s, p, "/*"))
		return p;
	for (p += 2; p < s->end; p++) {
		if (at_word(s, p, "*/"))
			return p + 2;
	}
	*open = true;
	return s->end;
}

static bool name_follows(const struct scan *s, const char *p)
{
	bool open = false;
	for (const char *q; (q = skip_blank(s, p, &open)) != p;)
		p = q;
	return p < s->end && (*p == '=' || *p == ':');
}

static void scan_string(struct scan *s)
{
	unsigned start = s->line;
	const char *q = s->p + 1;
	bool nul = false;
	while (q < s->end && *q != '"') {
		nul = nul || at_word(s, q, "\\x00");
		q += *q == '\\' && s->end - q > 1 ? 2 : 1;
	}
	if (nul)
		SCAN_ERROR(s, start, "\\x00 would end this text: write a key as \"0x...\" instead");
	if (q >= s->end)
		scan_broken(s, start, "the text that begins here has no closing quote");
	copy_to(s, q < s->end ? q + 1 : s->end);
}

static bool run_char(const struct scan *s, const char *p)
{
	return p < s->end && (isalnum((unsigned char)*p) || (*p && strchr("_-*.%+@", *p)) ||
	                      (unsigned char)*p >= 0x80 ||
	                      (*p == '/' && !at_word(s, p, "//") && !at_word(s, p, "/*")));
}

static bool is_name(const char *w)
{
	if (!isalpha((unsigned char)*w) && *w != '*')
		return false;
	while (isalnum((unsigned char)*w) || (*w && strchr("-_*", *w)))
		w++;
	return *w == '\0';
}

static bool is_real(const char *w)
{
	size_t digits = 0, points = 0;
	w += *w == '-' || *w == '+';
	for (; isdigit((unsigned char)*w) || *w == '.'; w++) {
		digits += *w != '.';
		points += *w == '.';
	}
	bool exponent = (*w == 'e' || *w == 'E') && digits;
	if (exponent) {
		w += 1 + (w[1] == '-' || w[1] == '+');
		exponent = isdigit((unsigned char)*w);
		while (isdigit((unsigned char)*w))
			w++;
	}
	return *w == '\0' && digits && points <= 1 && (points || exponent);
}

/* An integer of libconfig: *big when it needs the suffix L, *over when it fits nowhere. */
static bool is_int(const char *w, bool *big, bool *over)
{
	bool hex = w[0] == '0' && (w[1] == 'x' || w[1] == 'X');
	char *e;
	errno = 0;
	long long v = strtoll(w, &e, hex ? 16 : 10);
	*over = errno == ERANGE;
	*big = v > INT_MAX || v < INT_MIN;
	if (e == w || !isxdigit((unsigned char)e[-1]))
		return false;
	size_t l = strspn(e, "L");
	*big = *big && l == 0;
	return e[l] == '\0' && l <= 2;
}

static bool is_bool(const char *w) { return strcasecmp(w, "true") == 0 || strcasecmp(w, "false") == 0; }

/* A run of octets outside of quotes: a name, a number, true, false, or a mistake. */
static void scan_run(struct scan *s)
{
	const char *q = s->p;
	while (run_char(s, q))
		q++;
	size_t n = (size_t)(q - s->p);
	char w[256];
	bool big = false, over = false, fits = n < sizeof w;
	snprintf(w, sizeof w, "%.*s", (int)min_z(n, sizeof w - 1), s->p);
	if (name_follows(s, q)) {
		s->secret = strcmp(w, "psk") == 0 || strcmp(w, "password") == 0;
		if (!fits || !is_name(w)) {
			SCAN_ERROR(s, s->line, "a name begins with a letter and goes on with letters, digits, - and _ "
			                       "(name = \"...\" inside a tunnel takes any other), found %.*s", WORD_SHOWN, w);
			emit(s, "n", 1);
			s->p = q;
			return;
		}
	} else if (!fits || (!is_int(w, &big, &over) && !is_real(w) && !is_bool(w)) || over) {
		/* A number over 64 bits goes on as a text: its key says what it expects. */
		if (strcmp(w, "@include") == 0)
			scan_broken(s, s->line, "@include begins a line of its own");
		else if (!over)
			SCAN_ERROR(s, s->line,
			           "expected a number, true, false or a text in quotes, found %.*s without quotes",
			           WORD_SHOWN, s->secret ? "something" : w);
		emit(s, "\"", 1);
		copy_to(s, q);
		emit(s, "\"", 1);
		return;
	}
	copy_to(s, q);
	if (big)
		emit(s, "L", 1);
}

struct include {
	struct scan *from;
	unsigned line, found;
};

static void read_file(struct cfg_text *t, const char *path, unsigned depth, const struct include *by, int *rc);

static void include_found(void *arg, const char *path)
{
	struct include *inc = arg;
	int rc = 0;
	inc->found++;
	read_file(inc->from->t, path, inc->from->depth + 1, inc, &rc);
}

/* name relative to the directory of the file that includes it. */
static bool include_path(const struct scan *s, const char *name, size_t n, char *out, size_t cap)
{
	const char *slash = n && name[0] == '/' ? NULL : strrchr(s->file->path, '/');
	int dir = slash ? (int)(slash - s->file->path) + 1 : 0;
	int len = snprintf(out, cap, "%.*s%.*s", dir, s->file->path, (int)n, name);
	return n > 0 && len > 0 && (size_t)len < cap && !memchr(name, '\0', n);
}

/* At "@include": consumes it and its file name. */
static void scan_include(struct scan *s)
{
	const char *p = s->p + strlen("@include");
	while (p < s->end && (*p == ' ' || *p == '\t'))
		p++;
	const char *name = p + 1;
	const char *q = p < s->end && *p == '"' ? memchr(name, '"', (size_t)(s->end - name)) : NULL;
	char path[PATTERN_MAX];
	struct include inc = {.from = s, .line = s->line};
	if (!q || memchr(name, '\n', (size_t)(q - name)) ||
	    !include_path(s, name, (size_t)(q - name), path, sizeof path)) {
		SCAN_ERROR(s, s->line, "expected @include \"FILE\"");
		q = memchr(s->p, '\n', (size_t)(s->end - s->p));
		s->p = q ? q : s->end;
		return;
	}
	s->p = q + 1;
	struct config_job *j = s->t->job;
	int rc = 0;
	if (s->depth >= CONFIG_DEPTH_MAX)
		SCAN_ERROR(s, s->line, "files that include files, more than %d deep", CONFIG_DEPTH_MAX);
	else if (!strpbrk(path, "*?["))
		read_file(s->t, path, s->depth + 1, &inc, &rc);
	else if ((rc = j->io->glob(j->io, path, include_found, &inc)) < 0)
		SCAN_ERROR(s, s->line, "cannot look for %s: %s", path, strerror(-rc));
	else if (inc.found == 0)
		diag_add(j->d, DIAG_NOTE, s->file->path, s->line, NULL, "no file matches %s", path);
	emit(s, "\n", 1); /* what follows on this line gets a line of its own */
	begin_part(s);
}

static void scan_text(struct scan *s)
{
	bool fresh = true; /* only blanks before, on this line */
	begin_part(s);
	while (s->p < s->end && !s->t->whole.bad && s->t->whole.n <= CONFIG_FILE_MAX) {
		bool open = false;
		unsigned line = s->line;
		const char *q = skip_blank(s, s->p, &open);
		if (open)
			scan_broken(s, line, "the comment that begins here has no end");
		if (q != s->p) {
			fresh = *s->p == '\n' || (fresh && (*s->p == ' ' || *s->p == '\t'));
			copy_to(s, q);
		} else if (fresh && at_word(s, s->p, "@include")) {
			scan_include(s);
		} else {
			fresh = false;
			if (*s->p == '"')
				scan_string(s);
			else if (run_char(s, s->p))
				scan_run(s);
			else
				copy_to(s, s->p + 1);
		}
	}
	if (s->t->whole.n > CONFIG_FILE_MAX && !s->t->broken)
		scan_broken(s, s->line, "more than 4 MiB with all included files");
}

/* Reads one file into the whole. by: the @include, NULL for the first file. */
static void read_file(struct cfg_text *t, const char *path, unsigned depth, const struct include *by, int *rc)
{
	struct config_text in = {0};
	struct cfg_file *f = arena_get(t->arena, sizeof *f);
	const char *copy = f ? arena_text(t->arena, path, strlen(path)) : NULL;
	if (!copy) {
		*rc = -ENOMEM;
		return;
	}
	*rc = config_read(t->job, path, &in);
	if (*rc < 0) {
		/* config_read() has told of all others. */
		if (by && *rc == -ENOENT)
			SCAN_ERROR(by->from, by->line, "cannot read %s: %s", path, strerror(ENOENT));
		else if (by)
			t->errors++;
		return;
	}
	*f = (struct cfg_file){.path = copy, .mode = in.mode};
	struct scan s = {.t = t, .file = f, .p = in.s, .end = in.s + in.n, .line = 1, .depth = depth};
	scan_text(&s);
	wipe(in.s, in.n);
	free(in.s);
}

int cfg_text_read(struct cfg_text *t, const char *path)
{
	int rc = 0;
	read_file(t, path, 0, NULL, &rc);
	return t->whole.bad || t->arena->bad ? -ENOMEM : rc;
}
