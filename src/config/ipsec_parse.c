/* ipsec.conf: tokens to sections. Sections of one name become one; include splices
 * a file into the place where it stands; a key that comes again replaces the first. */
#include "config/ipsec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAX = 1024 };

struct parse {
	struct ipsec_doc *doc;
	struct ipsec_lex lex;
	const char *file;
	unsigned depth;
	int err; /* first error that ends the whole load */
};

static void parse_file(struct ipsec_doc *doc, const char *path, unsigned depth, int *err);

struct ipsec_section *ipsec_find(const struct ipsec_doc *doc, uint8_t kind, const char *name)
{
	uint64_t h = hmap_hash(&doc->by_name, name, strlen(name));
	for (struct hnode *n = hmap_first(&doc->by_name, h); n; n = hmap_next(n)) {
		struct ipsec_section *s = CONTAINER_OF(n, struct ipsec_section, node);
		if (s->kind == kind && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

void sb_text(struct sbuf *b, const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			sb_escape(b, s, 1);
		else
			sb_putc(b, *s);
	}
}

void ipsec_where(char *out, size_t cap, const struct ipsec_section *s, const char *key)
{
	struct sbuf w = sb_init(out, cap);
	if (s)
		sb_put(&w, s->kind == SECTION_SETUP ? "config setup" : s->kind == SECTION_CA ? "ca " : "conn ");
	if (s && s->name)
		sb_text(&w, s->name);
	if (key) {
		sb_put(&w, s ? ": " : "");
		sb_text(&w, key);
	}
}

void ipsec_spoil(struct ipsec_doc *doc, struct ipsec_section *s, const char *file, unsigned line,
                 const char *key, const char *fmt, ...)
{
	char text[512], where[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ipsec_where(where, sizeof where, s, key);
	diag_add(doc->job->d, DIAG_ERROR, file, line, where[0] ? where : NULL, "%s", text);
	if (!s || s->bad)
		return;
	char reason[640];
	snprintf(reason, sizeof reason, "%s%s%s", key ? key : "", key ? ": " : "", text);
	s->bad = arena_text(&doc->arena, reason, strlen(reason));
	s->bad_file = file;
	s->bad_line = line;
	if (!s->bad)
		s->bad = "there was no memory to say why";
}

/* An error of grammar: spoils the section in progress. */
static void syntax(struct parse *p, unsigned line, const char *text)
{
	ipsec_spoil(p->doc, p->doc->current, p->file, line, NULL, "%s", text);
	p->doc->job->hidden++;
}

static struct ipsec_section *section_new(struct parse *p, uint8_t kind, const char *name, unsigned line)
{
	struct ipsec_doc *doc = p->doc;
	struct ipsec_section *s = arena_get(&doc->arena, sizeof *s);
	if (!s)
		return NULL;
	*s = (struct ipsec_section){.kind = kind, .name = name, .file = p->file, .line = line};
	*doc->last = s;
	doc->last = &s->next;
	hmap_add(&doc->by_name, &s->node, hmap_hash(&doc->by_name, name, strlen(name)));
	return s;
}

static struct ipsec_section *section_get(struct parse *p, uint8_t kind, const char *name, unsigned line)
{
	if (kind == SECTION_SETUP)
		return &p->doc->setup;
	struct ipsec_section *s = ipsec_find(p->doc, kind, name);
	return s ? s : section_new(p, kind, name, line);
}

/* Behind conn, ca or config setup. `error`: what is wrong with the header already, or NULL. */
static void parse_header(struct parse *p, uint8_t kind, unsigned line, const char *error)
{
	struct lex_token t = lex_next(&p->lex);
	const char *name = t.kind == LEX_WORD || t.kind == LEX_STRING ? t.text : NULL;
	bool named = name && *name;
	if (name) /* behind config setup, too: a word there says nothing */
		t = lex_next(&p->lex);
	bool ends = t.kind == LEX_NEWLINE || t.kind == LEX_EOF;
	if (!error && t.kind == LEX_ERROR)
		error = t.text;
	else if (!error && kind != SECTION_SETUP && !named)
		error = "a section without a name: expected 'conn NAME'";
	else if (!error && !ends)
		error = "more than a name stands behind conn, ca or config setup: "
		        "a name with blanks goes into double quotes";
	/* Settings of a section without a name go nowhere. */
	p->doc->current = kind == SECTION_SETUP || named ? section_get(p, kind, name, line) : NULL;
	if (error)
		syntax(p, line, error);
	if (!ends && t.kind != LEX_ERROR)
		lex_skip_line(&p->lex);
}

static struct ipsec_setting *setting_new(struct parse *p, const char *key, const char *value, unsigned line)
{
	struct ipsec_setting *s = arena_get(&p->doc->arena, sizeof *s);
	if (s)
		*s = (struct ipsec_setting){.key = key, .value = value, .file = p->file, .line = line};
	return s;
}

static void add_setting(struct parse *p, const char *key, const char *value, unsigned line)
{
	struct ipsec_section *sec = p->doc->current;
	if (!sec) /* before the first header: strongSwan ignores it without a word */
		return;
	bool also = strcmp(key, "also") == 0;
	if (also && (!value || !*value || strcmp(value, "%default") == 0))
		return;
	struct ipsec_setting *s = setting_new(p, key, value, line);
	if (!s)
		return;
	if (also) {
		s->next = sec->also;
		sec->also = s;
		return;
	}
	if (sec->n_set == SETTINGS_MAX) {
		syntax(p, line, "more settings in one section than any section can have");
		return;
	}
	struct ipsec_setting **at = &sec->set;
	while (*at && strcmp((*at)->key, key) < 0)
		at = &(*at)->next;
	s->next = *at;
	if (*at && strcmp((*at)->key, key) == 0) {
		char where[256];
		ipsec_where(where, sizeof where, sec, key);
		diag_add(p->doc->job->d, DIAG_NOTE, p->file, line, where, "set a second time: the value of line %u no "
		         "longer counts", (*at)->line);
		s->next = (*at)->next;
		sec->n_set--;
	}
	sec->n_set++;
	*at = s;
}

struct piece {
	struct piece *next;
	const char *text;
};

/* The pieces with single blanks between them; NULL for none or without memory. */
static const char *join(struct arena *a, const struct piece *first)
{
	size_t n = 0;
	if (!first || !first->next)
		return first ? first->text : NULL;
	for (const struct piece *it = first; it; it = it->next)
		n += strlen(it->text) + 1;
	char *joined = arena_get(a, n), *at = joined;
	for (const struct piece *it = first; joined && it; it = it->next) {
		if (it != first)
			*at++ = ' ';
		at = stpcpy(at, it->text);
	}
	return joined;
}

/* All tokens to the end of the line. NULL with *bad set when something is in the
 * way, NULL alone when there is nothing. */
static const char *parse_value(struct parse *p, unsigned line, bool *bad)
{
	struct piece *first = NULL, **last = &first;
	for (;;) {
		struct lex_token t = lex_next(&p->lex);
		if (t.kind == LEX_NEWLINE || t.kind == LEX_EOF)
			return join(&p->doc->arena, first);
		if (t.kind != LEX_WORD && t.kind != LEX_STRING) {
			*bad = true;
			syntax(p, line, t.kind == LEX_ERROR
			                        ? t.text
			                        : "a second '=' stands in the value: put the value into double quotes");
			lex_skip_line(&p->lex);
			return NULL;
		}
		if (t.lines)
			diag_add(p->doc->job->d, DIAG_WARNING, p->file, t.line, NULL,
			         "a string in double quotes goes over several lines; is a quote missing?");
		struct piece *one = arena_get(&p->doc->arena, sizeof *one);
		if (!one)
			return NULL;
		one->text = t.text;
		*last = one;
		last = &one->next;
	}
}

/* Words that are a header where they stand at column 0. */
static int header_word(const char *word)
{
	return strcmp(word, "conn") == 0 ? SECTION_CONN : strcmp(word, "ca") == 0 ? SECTION_CA : -1;
}

static void parse_setting(struct parse *p, struct lex_token key)
{
	struct lex_token t = lex_next(&p->lex);
	if (t.kind == LEX_EQ) {
		bool bad = false;
		const char *value = parse_value(p, key.line, &bad);
		if (!*key.text)
			syntax(p, key.line, "a setting without a name");
		else if (!bad && !p->doc->arena.bad)
			add_setting(p, key.text, value, key.line);
		return;
	}
	char text[256];
	struct sbuf b = SB(text);
	sb_put(&b, "'");
	sb_escape(&b, key.text, min_z(strlen(key.text), 64));
	sb_put(&b, "' has no value: expected 'key = value'");
	if (t.kind == LEX_ERROR)
		syntax(p, t.line, t.text);
	else
		syntax(p, key.line, text);
	if (t.kind != LEX_NEWLINE && t.kind != LEX_EOF && t.kind != LEX_ERROR)
		lex_skip_line(&p->lex);
}

/* Behind blanks at the start of a line. */
static void parse_indented(struct parse *p)
{
	struct ipsec_lex was = p->lex;
	struct lex_token t = lex_next(&p->lex);
	switch (t.kind) {
	case LEX_NEWLINE:
	case LEX_EOF:
		return;
	case LEX_INCLUDE:
		p->lex = was; /* parse_line takes it */
		return;
	case LEX_ERROR:
		syntax(p, t.line, t.text);
		return;
	case LEX_WORD:
	case LEX_STRING: {
		int header = t.kind == LEX_WORD ? header_word(t.text) : -1;
		struct ipsec_lex ahead = p->lex;
		struct lex_token next = header >= 0 ? lex_next(&ahead) : t;
		if (header >= 0 && (next.kind == LEX_WORD || next.kind == LEX_STRING))
			parse_header(p, (uint8_t)header, t.line,
			             "the header of a section must start at column 0, without blanks before it");
		else
			parse_setting(p, t);
		return;
	}
	default:
		syntax(p, t.line, "expected 'key = value'");
		lex_skip_line(&p->lex);
	}
}

struct include {
	struct parse *p;
	unsigned found;
};

static void include_found(void *arg, const char *path)
{
	struct include *inc = arg;
	inc->found++;
	parse_file(inc->p->doc, path, inc->p->depth + 1, &inc->p->err);
}

static void parse_include(struct parse *p, struct lex_token t)
{
	struct config_job *j = p->doc->job;
	const char *slash = strrchr(p->file, '/');
	size_t dir = *t.text != '/' && slash ? (size_t)(slash - p->file) + 1 : 0;
	char *pattern = arena_get(&p->doc->arena, dir + strlen(t.text) + 1);
	if (!pattern || p->err)
		return;
	memcpy(pattern, p->file, dir);
	strcpy(pattern + dir, t.text);
	if (p->depth >= CONFIG_DEPTH_MAX) {
		diag_add(j->d, DIAG_ERROR, p->file, t.line, NULL, "include nests deeper than %d files: a loop?",
		         CONFIG_DEPTH_MAX);
		j->hidden++;
		return;
	}
	struct include inc = {.p = p};
	int err = j->io->glob(j->io, pattern, include_found, &inc);
	if (err)
		diag_add(j->d, DIAG_WARNING, p->file, t.line, NULL, "include %s: %s", pattern, strerror(-err));
	else if (inc.found == 0)
		diag_add(j->d, strpbrk(pattern, "*?[") ? DIAG_NOTE : DIAG_WARNING, p->file, t.line, NULL,
		         "include %s matches no file", pattern);
}

static void parse_line(struct parse *p, struct lex_token t)
{
	switch (t.kind) {
	case LEX_NEWLINE:
		return;
	case LEX_INDENT:
		parse_indented(p);
		return;
	case LEX_SETUP:
	case LEX_CONN:
	case LEX_CA:
		parse_header(p, t.kind == LEX_SETUP  ? SECTION_SETUP
		                : t.kind == LEX_CONN ? SECTION_CONN
		                                     : SECTION_CA, t.line, NULL);
		return;
	case LEX_INCLUDE:
		parse_include(p, t);
		return;
	case LEX_ERROR:
		syntax(p, t.line, t.text);
		return;
	default:
		if (t.kind == LEX_WORD && strcmp(t.text, "config") == 0)
			syntax(p, t.line, "expected 'config setup' with exactly one blank");
		else
			syntax(p, t.line, "expected a section header; settings must be indented");
		lex_skip_line(&p->lex);
	}
}

static void parse_file(struct ipsec_doc *doc, const char *path, unsigned depth, int *err)
{
	struct config_text text;
	size_t crs;
	if (*err)
		return;
	int e = config_read(doc->job, path, &text);
	if (e) {
		if (e == -ENOENT && depth) { /* gone since the pattern was looked at */
			diag_add(doc->job->d, DIAG_ERROR, path, 0, NULL, "there is no such file");
			e = -EINVAL;
		}
		*err = e;
		return;
	}
	struct parse p = {.doc = doc, .file = arena_text(&doc->arena, path, strlen(path)), .depth = depth};
	text.n = lex_strip_cr(text.s, text.n, &crs);
	if (crs)
		diag_add(doc->job->d, DIAG_WARNING, path, 0, NULL,
		         "lines end in CR LF; strongSwan would take the CR for a part of the values");
	lex_init(&p.lex, &doc->arena, text.s, text.n);
	for (struct lex_token t; !doc->arena.bad && !p.err && (t = lex_next(&p.lex)).kind != LEX_EOF;)
		parse_line(&p, t);
	free(text.s);
	*err = doc->arena.bad ? -ENOMEM : p.err;
}

int ipsec_parse(struct ipsec_doc *doc, struct config_job *job, const char *path)
{
	int err = 0;
	*doc = (struct ipsec_doc){.job = job};
	doc->setup.kind = SECTION_SETUP;
	doc->last = &doc->first;
	arena_init(&doc->arena, job->d->mem);
	/* The keys of the hash are names that the administrator chose. */
	if (hmap_init(&doc->by_name, job->d->mem, 0, 0) < 0)
		return -ENOMEM;
	parse_file(doc, path, 0, &err);
	return err;
}

void ipsec_doc_fini(struct ipsec_doc *doc)
{
	hmap_fini(&doc->by_name);
	arena_fini(&doc->arena);
}
