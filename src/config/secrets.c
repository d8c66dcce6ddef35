/* ipsec.secrets: one entry a line, "selectors : PSK secret". What strongSwan takes is
 * taken with its meaning; on top of that blanks around ':' may be missing and an entry
 * may go on in indented lines, as libreswan has it. A bad entry is reported and left
 * out, and reading goes on: strongSwan drops all that follows it. */
#include "config/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SELECTORS_MAX = 64, LINES_MAX = 16 };

struct secrets {
	struct config_job *j;
	const char *file;
	unsigned depth;
	int err;
	bool told;         /* about missing blanks, once in a file */
	struct ident *ids; /* SELECTORS_MAX, for the entry in progress */
};

/* A piece of a line; nothing is copied but secrets of several lines. */
struct piece {
	const char *p;
	size_t n;
};

enum verdict { ENTRY_DONE, ENTRY_BAD, ENTRY_INCOMPLETE };

static void parse_file(struct config_job *j, const char *path, unsigned depth, int *err);

static bool blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct piece *l)
{
	while (l->n && blank(*l->p))
		l->p++, l->n--;
}

static struct piece cut(struct piece *l, size_t n)
{
	struct piece head = {l->p, n};
	l->p += n;
	l->n -= n;
	return head;
}

static struct piece word(struct piece *l)
{
	size_t n = 0;
	while (n < l->n && !blank(l->p[n]))
		n++;
	return cut(l, n);
}

static bool is(struct piece w, const char *text) { return strlen(text) == w.n && memcmp(w.p, text, w.n) == 0; }

static const char *const types[] = {
	"PSK", "EAP", "XAUTH", "NTLM", "RSA", "ECDSA", "BLISS", "PKCS8", "P12", "PIN", "PPK", "PPKS",
};

/* Octets of the word that says the type of a secret; 0 when there is none. */
static size_t type_len(struct piece l)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t n = strlen(types[i]);
		if (l.n >= n && memcmp(l.p, types[i], n) == 0 &&
		    (l.n == n || blank(l.p[n]) || l.p[n] == '"' || l.p[n] == '\''))
			return n;
	}
	return 0;
}

/* The ':' between selectors and type. strongSwan wants blanks around it; without them it is the
 * first one that a type follows. SIZE_MAX: none. */
static size_t separator(struct piece l, bool *strict)
{
	*strict = true;
	if (l.n && l.p[0] == ':')
		*strict = l.n > 1 && l.p[1] == ' ';
	if (l.n && l.p[0] == ':')
		return 0;
	for (size_t i = 1; i + 1 < l.n; i++) {
		if (l.p[i] == ':' && blank(l.p[i - 1]) && blank(l.p[i + 1])) {
			*strict = l.p[i - 1] == ' ' && l.p[i + 1] == ' ';
			return i;
		}
	}
	*strict = false;
	for (size_t i = 0; i < l.n; i++) {
		struct piece rest = {l.p + i + 1, l.n - i - 1};
		if (l.p[i] != ':')
			continue;
		skip_blanks(&rest);
		/* At the end of the line: libreswan's "selectors :" with the secret below. */
		if (type_len(rest) || (rest.n == 0 && i > 0 && blank(l.p[i - 1])))
			return i;
	}
	return SIZE_MAX;
}

static void bad(struct secrets *s, unsigned line, const char *text)
{
	diag_add(s->j->d, DIAG_ERROR, s->file, line, NULL, "%s; this entry is left out", text);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Hex with colons between octets; an odd first digit is an octet of its own, as in strongSwan. */
static bool from_hex(struct piece t, uint8_t *out, size_t *n)
{
	size_t digits = 0, at = 0;
	out[0] = 0;
	for (size_t i = 0; i < t.n; i++)
		digits += t.p[i] != ':';
	for (size_t i = 0, k = digits % 2; i < t.n; i++) {
		if (t.p[i] == ':')
			continue;
		int d = hex_digit(t.p[i]);
		if (d < 0)
			return false;
		if (k++ % 2 == 0)
			out[at] = (uint8_t)(d << 4);
		else
			out[at] = (uint8_t)(out[at] | d), at++;
	}
	*n = at;
	return true;
}

/* RFC 4648 4. */
static bool from_base64(struct piece t, uint8_t *out, size_t *n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t acc = 0;
	unsigned bits = 0;
	*n = 0;
	while (t.n && t.p[t.n - 1] == '=')
		t.n--;
	for (size_t i = 0; i < t.n; i++) {
		const char *d = t.p[i] ? strchr(digits, t.p[i]) : NULL;
		if (!d)
			return false;
		acc = acc << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[(*n)++] = (uint8_t)(acc >> bits);
		}
	}
	return bits < 6;
}

/* The secret itself to out, which has room for l.n octets. NULL, or what is wrong. */
static const char *read_secret(struct piece l, uint8_t *out, size_t *n)
{
	if (*l.p == '"' || *l.p == '\'') {
		const char *close = memchr(l.p + 1, *l.p, l.n - 1);
		if (!close)
			return "the quote of a secret is not closed";
		*n = (size_t)(close - l.p) - 1;
		memcpy(out, l.p + 1, *n);
		return NULL;
	}
	struct piece t = word(&l);
	if (t.n > 2 && t.p[0] == '0' && (t.p[1] | 32) == 'x')
		return from_hex((struct piece){t.p + 2, t.n - 2}, out, n) ? NULL
		                                                             : "expected hexadecimal digits behind 0x";
	if (t.n > 2 && t.p[0] == '0' && (t.p[1] | 32) == 's')
		return from_base64((struct piece){t.p + 2, t.n - 2}, out, n) ? NULL : "expected base64 behind 0s";
	*n = t.n;
	memcpy(out, t.p, t.n);
	return NULL;
}

/* The selectors in front of the ':'. %any beside others adds nothing: strongSwan drops it. */
static const char *read_selectors(struct secrets *s, unsigned line, struct piece l, struct ident *out, size_t *n)
{
	*n = 0;
	for (skip_blanks(&l); l.n; skip_blanks(&l)) {
		struct piece t;
		char text[512] = "";
		if (*l.p == '"' || *l.p == '\'') {
			const char *close = memchr(l.p + 1, *l.p, l.n - 1);
			if (!close)
				return "the quote of a selector is not closed";
			t = cut(&l, (size_t)(close - l.p) + 1);
			t = (struct piece){t.p + 1, t.n - 2};
		} else {
			t = word(&l);
		}
		struct ident id;
		if (t.n >= sizeof text || *n == SELECTORS_MAX)
			return t.n >= sizeof text ? "a selector is too long" : "there are too many selectors";
		memcpy(text, t.p, t.n);
		if (!ident_parse(text, &id))
			return "a selector is no identity";
		if (memchr(text, ',', t.n) && id.type == ID_FQDN)
			diag_add(s->j->d, DIAG_WARNING, s->file, line, NULL,
			         "a selector with a comma is one name; write blanks between selectors");
		if (id.type != ID_ANY)
			out[(*n)++] = id;
	}
	return NULL;
}

/* "NAME : PPK secret": the post-quantum key that tunnels name by x-ppk-id. Grover's algorithm halves what a key is worth, hence 256
 * bits (RFC 8784 6). */
static const char *add_ppk_key(struct secrets *s, unsigned line, struct piece ids, const uint8_t *key, size_t n)
{
	char id[PPK_ID_MAX + 1] = "";
	skip_blanks(&ids);
	struct piece name = word(&ids);
	skip_blanks(&ids);
	if (name.n && (*name.p == '"' || *name.p == '\'') && name.n > 1 && name.p[name.n - 1] == *name.p)
		name = (struct piece){name.p + 1, name.n - 2};
	if (name.n && *name.p == '@')
		cut(&name, 1);
	if (name.n == 0 || ids.n || name.n > PPK_ID_MAX)
		return "expected one name in front of ': PPK', at most 64 octets long";
	if (n == 0)
		return "the secret is empty";
	memcpy(id, name.p, name.n);
	char why[WEAK_KEY_TEXT];
	if (config_weak_key(n, true, why))
		diag_add(s->j->d, DIAG_WARNING, s->file, line, NULL, "%s", why);
	s->err = psk_set_add_ppk(s->j->psks, id, key, n);
	return NULL;
}

static enum verdict add_ppk(struct secrets *s, unsigned line, struct piece ids, struct piece rest)
{
	size_t n = 0;
	uint8_t *key = malloc(rest.n + 1);
	if (!key) {
		s->err = -ENOMEM;
		return ENTRY_BAD;
	}
	const char *why = read_secret(rest, key, &n);
	if (!why)
		why = add_ppk_key(s, line, ids, key, n);
	if (why)
		bad(s, line, why);
	explicit_bzero(key, rest.n + 1);
	free(key);
	return why ? ENTRY_BAD : ENTRY_DONE;
}

static enum verdict add_psk(struct secrets *s, unsigned line, struct piece ids, struct piece rest)
{
	struct config_job *j = s->j;
	uint8_t *key = malloc(rest.n + 1);
	size_t n_ids = 0, n_key = 0, origin_n = strlen(s->file) + 16;
	char *origin = arena_get(&j->arena, origin_n);
	if (!key || !origin) {
		free(key);
		s->err = -ENOMEM;
		return ENTRY_BAD;
	}
	const char *why = read_selectors(s, line, ids, s->ids, &n_ids);
	if (!why)
		why = read_secret(rest, key, &n_key);
	if (why) {
		bad(s, line, why);
	} else {
		struct sbuf o = sb_init(origin, origin_n);
		sb_printf(&o, "%s:%u", s->file, line);
		s->err = psk_set_add(j->psks, origin, s->ids, n_ids, key, n_key);
		char text[WEAK_KEY_TEXT];
		if (config_weak_key(n_key, false, text))
			diag_add(j->d, DIAG_WARNING, s->file, line, NULL, "%s", text);
	}
	explicit_bzero(key, rest.n + 1);
	free(key);
	return why ? ENTRY_BAD : ENTRY_DONE;
}

/* A whole entry. try: say nothing and add nothing, only tell whether it is one. */
static enum verdict parse_entry(struct secrets *s, unsigned line, struct piece l, bool try)
{
	bool strict;
	skip_blanks(&l);
	size_t at = separator(l, &strict);
	if (at == SIZE_MAX)
		return ENTRY_INCOMPLETE;
	struct piece ids = cut(&l, at);
	cut(&l, 1);
	skip_blanks(&l);
	if (l.n == 0)
		return ENTRY_INCOMPLETE;
	size_t n = type_len(l);
	if (try)
		return n ? ENTRY_DONE : ENTRY_INCOMPLETE;
	if (n == 0) {
		bad(s, line, "expected a type behind ':', which is PSK in capital letters");
		return ENTRY_BAD;
	}
	struct piece type = cut(&l, n);
	if (!is(type, "PSK") && !is(type, "PPK")) {
		diag_add(s->j->d, DIAG_NOTE, s->file, line, NULL, "a secret of type %.*s is not used", (int)type.n, type.p);
		return ENTRY_DONE;
	}
	bool gap = l.n && *l.p == ' ';
	skip_blanks(&l);
	if (l.n == 0)
		return ENTRY_INCOMPLETE;
	if (is(type, "PPK"))
		return add_ppk(s, line, ids, l);
	if ((!strict || !gap) && !s->told) {
		s->told = true;
		diag_add(s->j->d, DIAG_NOTE, s->file, line, NULL, "strongSwan wants a blank on each side of ':' and behind PSK");
	}
	return add_psk(s, line, ids, l);
}

static void include_found(void *arg, const char *path)
{
	struct secrets *s = arg;
	int err = s->err == -ENOMEM || s->err == -EMFILE ? s->err : 0;
	parse_file(s->j, path, s->depth + 1, &err);
	s->err = err == -ENOMEM || err == -EMFILE ? err : s->err;
}

/* Behind "include ". */
static void parse_include(struct secrets *s, unsigned line, struct piece l)
{
	skip_blanks(&l);
	struct piece name = word(&l);
	const char *slash = strrchr(s->file, '/');
	size_t dir = name.n && *name.p != '/' && slash ? (size_t)(slash - s->file) + 1 : 0;
	char *pattern = arena_get(&s->j->arena, dir + name.n + 1);
	if (!pattern || name.n == 0) {
		s->err = pattern ? s->err : -ENOMEM;
		return;
	}
	memcpy(pattern, s->file, dir);
	memcpy(pattern + dir, name.p, name.n);
	if (s->depth >= CONFIG_DEPTH_MAX) {
		diag_add(s->j->d, DIAG_ERROR, s->file, line, NULL, "include nests deeper than %d files: a loop?",
		         CONFIG_DEPTH_MAX);
		return;
	}
	unsigned before = s->j->n_files;
	int err = s->j->io->glob(s->j->io, pattern, include_found, s);
	if (err)
		diag_add(s->j->d, DIAG_WARNING, s->file, line, NULL, "include %s: %s", pattern, strerror(-err));
	else if (!s->err && s->j->n_files == before)
		diag_add(s->j->d, DIAG_NOTE, s->file, line, NULL, "include %s brings no file", pattern);
}

/* The next line without its end; false behind the last. */
static bool next_line(struct piece *text, struct piece *line)
{
	if (text->n == 0)
		return false;
	const char *nl = memchr(text->p, '\n', text->n);
	*line = cut(text, nl ? (size_t)(nl - text->p) : text->n);
	if (text->n)
		cut(text, 1);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool empty(struct piece l)
{
	skip_blanks(&l);
	return l.n == 0 || *l.p == '#';
}

/* An entry that its line does not complete: with the indented lines behind it. When only the
 * secret is missing, lines that are entries of their own stay so. */
static void parse_continued(struct secrets *s, unsigned *line, struct piece first, struct piece *text)
{
	unsigned from = *line, lines = 0;
	struct piece look = *text, next;
	size_t room = first.n + 1;
	bool strict, ids_only = separator(first, &strict) == SIZE_MAX;
	while (lines < LINES_MAX && next_line(&look, &next) && next.n && blank(*next.p) && !empty(next) &&
	       (ids_only || parse_entry(s, 0, next, true) == ENTRY_INCOMPLETE)) {
		ids_only = ids_only && separator(next, &strict) == SIZE_MAX;
		room += next.n + 1;
		lines++;
	}
	if (lines)
		diag_add(s->j->d, DIAG_NOTE, s->file, from, NULL, "an entry over several lines: strongSwan would stop here");
	char *joined = malloc(room);
	if (!joined) {
		s->err = -ENOMEM;
		return;
	}
	size_t n = first.n;
	memcpy(joined, first.p, n);
	for (unsigned i = 0; i < lines && next_line(text, &next); i++, ++*line) {
		joined[n++] = ' ';
		memcpy(joined + n, next.p, next.n);
		n += next.n;
	}
	if (parse_entry(s, from, (struct piece){joined, n}, false) == ENTRY_INCOMPLETE)
		bad(s, from, "expected 'selectors : PSK \"secret\"'");
	explicit_bzero(joined, room);
	free(joined);
}

static void parse_text(struct secrets *s, struct piece text)
{
	struct piece line;
	for (unsigned no = 1; !s->err && next_line(&text, &line); no++) {
		struct piece l = line;
		if (empty(l))
			continue;
		skip_blanks(&l);
		if (l.n > 8 && memcmp(l.p, "include", 7) == 0 && blank(l.p[7])) {
			cut(&l, 8);
			parse_include(s, no, l);
		} else if (parse_entry(s, no, line, false) == ENTRY_INCOMPLETE) {
			parse_continued(s, &no, line, &text);
		}
	}
}

static void parse_file(struct config_job *j, const char *path, unsigned depth, int *err)
{
	struct config_text text;
	if (*err)
		return;
	*err = config_read(j, path, &text);
	if (*err)
		return;
	if (text.mode & 044)
		diag_add(j->d, DIAG_WARNING, path, 0, NULL, "others than its owner can read it (mode %04o): chmod 600",
		         text.mode);
	struct secrets s = {
		.j = j,
		.file = arena_text(&j->arena, path, strlen(path)),
		.depth = depth,
		.ids = arena_get(&j->arena, SELECTORS_MAX * sizeof *s.ids),
	};
	if (s.file && s.ids)
		parse_text(&s, (struct piece){text.s, text.n});
	explicit_bzero(text.s, text.n);
	free(text.s);
	*err = j->arena.bad ? -ENOMEM : s.err;
}

int config_load_secrets(struct config_job *j, const char *path)
{
	int err = 0;
	parse_file(j, path, 0, &err);
	return err;
}
