/* The grammar of strongswan.conf: sections in braces, key = value to the end of the
 * line, '#' comments, include with glob(3) patterns into the enclosing section, and
 * sections that fall back to others ("name : other, third { }"). A later value
 * replaces an earlier one; "key =" takes it away. strongSwan gives up a file at its
 * first error; here the line with the error is left out and the rest counts. */
#include "config/strongswan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NEST_MAX = 32, REFS_MAX = 64 };

struct swan {
	struct config_job *j;
	struct swan_node *root;
	const char *p, *end;
	const char *file;
	unsigned line, depth; /* depth of files */
	int err;
};

static void parse_file(struct config_job *j, const char *path, struct swan_node *into, unsigned depth, int *err);

static void bad(struct swan *s, unsigned line, const char *text)
{
	diag_add(s->j->d, DIAG_ERROR, s->file, line, NULL, "%s", text);
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* A character of a name. '.' is not one, but is read so that one sentence covers the name. */
static bool in_name(char c) { return c && !strchr("#{}:,=\"\n", c) && !blank(c); }

static void skip_comment(struct swan *s)
{
	const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
	s->p = nl ? nl : s->end;
}

/* Over blanks, comments and ends of lines. */
static void skip_space(struct swan *s)
{
	for (; s->p < s->end; ) {
		if (*s->p == '#')
			skip_comment(s);
		else if (*s->p == '\n' || blank(*s->p))
			s->line += *s->p++ == '\n';
		else
			return;
	}
}

static void skip_blanks(struct swan *s)
{
	while (s->p < s->end && blank(*s->p))
		s->p++;
}

static char peek(const struct swan *s) { return s->p < s->end ? *s->p : '\0'; }

static const char *read_name(struct swan *s)
{
	const char *from = s->p;
	while (s->p < s->end && in_name(*s->p))
		s->p++;
	return arena_text(&s->j->arena, from, (size_t)(s->p - from));
}

/* From the opening quote. The text goes to out (room for what is left of the file is the
 * caller's). False: not closed; then the line is skipped. */
static bool read_string(struct swan *s, char *out, size_t *n)
{
	struct swan was = *s;
	size_t start = *n;
	for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
		char c = *s->p;
		if (c == '\\' && s->p + 1 < s->end) {
			c = *++s->p;
			if (c == '\r' && s->p + 1 < s->end && s->p[1] == '\n')
				c = *++s->p;
			s->line += c == '\n';
			if (c != '\n')
				out[(*n)++] = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
			continue;
		}
		s->line += c == '\n';
		if (c != '\r')
			out[(*n)++] = c;
	}
	if (s->p < s->end) {
		s->p++;
		return true;
	}
	*s = was;
	*n = start;
	bad(s, s->line, "a string is not closed: expected '\"' at its end");
	skip_comment(s);
	return false;
}

/* Octets that a value can have at most: to the end of its line, strings over several lines included. */
static size_t value_room(const struct swan *s)
{
	const char *p = s->p;
	bool quoted = false;
	for (; p < s->end && (quoted || *p != '\n'); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && quoted && p + 1 < s->end)
			p++;
		else if (*p == '#' && !quoted)
			break;
	}
	return (size_t)(p - s->p) + 2;
}

/* Behind '='. NULL: empty. *ok false: an error, nothing is to be set. */
static const char *read_value(struct swan *s, bool *ok)
{
	char *out = arena_get(&s->j->arena, value_room(s));
	size_t n = 0;
	*ok = out != NULL;
	while (*ok) {
		skip_blanks(s);
		char c = peek(s);
		if (c == '\0' || c == '\n' || c == '#' || c == '}')
			break;
		if (n)
			out[n++] = ' ';
		if (c == '"') {
			*ok = read_string(s, out, &n);
			continue;
		}
		while (s->p < s->end && !strchr("#}\"\n", *s->p) && !blank(*s->p))
			out[n++] = *s->p++;
	}
	return n ? out : NULL;
}

static struct swan_node *node_find(const struct swan_node *in, const char *name, size_t n, bool section)
{
	for (struct swan_node *k = in->kids; k; k = k->next) {
		if (k->section == section && strlen(k->name) == n && memcmp(k->name, name, n) == 0)
			return k;
	}
	return NULL;
}

static struct swan_node *node_get(struct swan *s, struct swan_node *in, const char *name, bool section,
                                  unsigned line)
{
	struct swan_node *k = node_find(in, name, strlen(name), section);
	if (!k) {
		k = arena_get(&s->j->arena, sizeof *k);
		if (!k)
			return NULL;
		struct swan_node **at = &in->kids;
		while (*at)
			at = &(*at)->next;
		*at = k;
	}
	k->name = name;
	k->section = section;
	k->file = s->file;
	k->line = line;
	return k;
}

struct include {
	struct swan *s;
	struct swan_node *into;
};

static void include_found(void *arg, const char *path)
{
	struct include *inc = arg;
	parse_file(inc->s->j, path, inc->into, inc->s->depth + 1, &inc->s->err);
}

/* Behind the word include and its blanks. */
static void parse_include(struct swan *s, struct swan_node *into)
{
	unsigned line = s->line;
	char *text = arena_get(&s->j->arena, value_room(s)), *pattern;
	size_t n = 0;
	bool ok = text != NULL;
	if (ok && peek(s) == '"') {
		ok = read_string(s, text, &n);
	} else {
		while (ok && s->p < s->end && !strchr("#}\n", *s->p) && !blank(*s->p)) {
			if (*s->p == '\\' && s->p + 1 < s->end && memchr("\"#} ", s->p[1], 4))
				s->p++;
			text[n++] = *s->p++;
		}
	}
	if (!ok)
		return;
	if (s->depth >= CONFIG_DEPTH_MAX) {
		bad(s, line, "include nests too deep: a loop?");
		return;
	}
	const char *slash = strrchr(s->file, '/');
	size_t dir = *text != '/' && slash ? (size_t)(slash - s->file) + 1 : 0;
	pattern = arena_get(&s->j->arena, dir + n + 1);
	if (!pattern)
		return;
	memcpy(pattern, s->file, dir);
	memcpy(pattern + dir, text, n);
	struct include inc = {.s = s, .into = into};
	int err = s->j->io->glob(s->j->io, pattern, include_found, &inc);
	if (err)
		diag_add(s->j->d, DIAG_WARNING, s->file, line, NULL, "include %s: %s", pattern, strerror(-err));
}

/* Behind the ':' of a section: names to the '{'. */
static void parse_refs(struct swan *s, struct swan_node *sec)
{
	for (skip_space(s); s->p < s->end && (in_name(*s->p) || *s->p == ','); skip_space(s)) {
		if (*s->p == ',') {
			s->p++;
			continue;
		}
		struct swan_ref *r = arena_get(&s->j->arena, sizeof *r), **at = &sec->refs;
		const char *path = read_name(s);
		if (!r || !path)
			return;
		r->path = path;
		while (*at)
			at = &(*at)->next;
		*at = r;
	}
}

static void parse_body(struct swan *s, struct swan_node *sec, unsigned nest);

/* Behind a name that opens a section, at ':' or '{'. */
static void parse_section(struct swan *s, struct swan_node *in, const char *name, unsigned line, unsigned nest)
{
	struct swan_node outside = {.section = true, .name = name};
	struct swan_node *sec = strchr(name, '.') ? NULL : node_get(s, in, name, true, line);
	if (strchr(name, '.'))
		bad(s, line, "a section's name cannot have a '.'; a log file is named by path = in its section");
	if (!sec)
		sec = &outside;
	if (peek(s) == ':') {
		s->p++;
		parse_refs(s, sec);
	}
	if (peek(s) != '{') {
		bad(s, line, "expected '{' behind the name of a section");
		return;
	}
	s->p++;
	if (nest >= NEST_MAX) {
		bad(s, line, "sections nest too deep");
		s->p = s->end;
		return;
	}
	parse_body(s, sec, nest + 1);
}

static void parse_statement(struct swan *s, struct swan_node *sec, unsigned nest)
{
	unsigned line = s->line;
	const char *name = read_name(s), *from = s->p;
	if (!name)
		return;
	skip_blanks(s);
	if (strcmp(name, "include") == 0 && s->p > from && peek(s) != '=') {
		parse_include(s, sec);
		return;
	}
	skip_space(s);
	char c = peek(s);
	if (c == '{' || c == ':') {
		parse_section(s, sec, name, line, nest);
		return;
	}
	if (c != '=') {
		bad(s, line, "expected '=' or '{' behind a name");
		if (s->line == line)
			skip_comment(s);
		return;
	}
	s->p++;
	bool ok;
	const char *value = read_value(s, &ok);
	if (!ok)
		return;
	if (strchr(name, '.')) {
		bad(s, line, "a name cannot have a '.': expected sections in braces");
		return;
	}
	struct swan_node *k = node_get(s, sec, name, false, line);
	if (k)
		k->value = value;
}

static void parse_body(struct swan *s, struct swan_node *sec, unsigned nest)
{
	unsigned line = s->line;
	for (skip_space(s); s->p < s->end && !s->j->arena.bad && !s->err; skip_space(s)) {
		if (*s->p == '}' && nest) {
			s->p++;
			return;
		}
		if (in_name(*s->p)) {
			parse_statement(s, sec, nest);
			continue;
		}
		bad(s, s->line, *s->p == '}' ? "a '}' closes nothing" : "expected a name");
		if (*s->p == '}')
			s->p++;
		else
			skip_comment(s);
	}
	if (nest && !s->err && !s->j->arena.bad)
		bad(s, line, "the section that starts here is not closed: expected '}'");
}

static void parse_file(struct config_job *j, const char *path, struct swan_node *into, unsigned depth, int *err)
{
	struct config_text text;
	if (*err)
		return;
	int e = config_read(j, path, &text);
	if (e) {
		/* An included file that cannot be read was diagnosed; the rest still counts. */
		if (depth == 0 || e == -ENOMEM || e == -EMFILE)
			*err = e;
		return;
	}
	struct swan s = {.j = j, .p = text.s, .end = text.s + text.n, .line = 1, .depth = depth};
	s.file = arena_text(&j->arena, path, strlen(path));
	if (s.file)
		parse_body(&s, into, 0);
	free(text.s);
	*err = j->arena.bad ? -ENOMEM : s.err;
}

int swan_parse(struct config_job *j, const char *path, struct swan_node *root)
{
	int err = 0;
	*root = (struct swan_node){.section = true, .name = ""};
	parse_file(j, path, root, 0, &err);
	return err;
}

const struct swan_node *swan_section(const struct swan_node *root, const char *path)
{
	const struct swan_node *at = root;
	while (at && *path) {
		size_t n = strcspn(path, ".");
		at = node_find(at, path, n, true);
		path += n + (path[n] == '.');
	}
	return at;
}

/* budget bounds the search where references lead to references. */
static const struct swan_node *get(const struct swan_node *root, const struct swan_node *in, const char *path,
                                   unsigned *budget)
{
	size_t n = strcspn(path, ".");
	const struct swan_node *k = node_find(in, path, n, path[n] == '.');
	if (k && path[n] == '.')
		k = get(root, k, path + n + 1, budget);
	if (k && k->value)
		return k;
	for (const struct swan_ref *r = in->refs; r && *budget > 0; r = r->next) {
		const struct swan_node *other = swan_section(root, r->path);
		--*budget;
		k = other ? get(root, other, path, budget) : NULL;
		if (k)
			return k;
	}
	return NULL;
}

const struct swan_node *swan_get(const struct swan_node *root, const char *path)
{
	unsigned budget = REFS_MAX;
	return get(root, root, path, &budget);
}
