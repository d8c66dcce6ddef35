/* A group of nodes to the fields of a struct, by the rows of a section. See load.h. */
#include "config/load.h"
#include "config/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = CFG_ROWS_MAX, NAME_SHOWN = 64 };

void cfg_tell(struct cfg_load *l, enum diag_level level, const struct cfg_node *at, const char *path, const char *fmt,
              ...)
{
	char text[1024];
	unsigned line = 0;
	struct cfg_file *f = at ? cfg_text_where(&l->text, at->line, &line) : NULL;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l->errors += level == DIAG_ERROR;
	diag_add(l->job->d, level, f ? f->path : NULL, line, path, "%s", text);
}

void cfg_wrong(struct cfg_load *l, const struct cfg_node *v, const char *path, const char *expected)
{
	char found[CFG_EXPECT_MAX];
	struct sbuf b = SB(found);
	cfg_found(&b, v);
	cfg_tell(l, DIAG_ERROR, v, path, "expected %s, found %s", expected, found);
}

/* What a row expected. A key that was written without quotes is not shown. */
static void wrong_value(struct cfg_load *l, const struct cfg_row *row, const struct cfg_node *v, const char *path,
                        const char *why)
{
	char expected[CFG_EXPECT_MAX], found[CFG_EXPECT_MAX];
	struct sbuf e = SB(expected), f = SB(found);
	cfg_expected(&e, row);
	if (row->type == CT_NODE && v->kind != NODE_GROUP && v->kind != NODE_LIST)
		sb_put(&f, "something without quotes");
	else
		cfg_found(&f, v);
	cfg_tell(l, DIAG_ERROR, v, path, "expected %s, found %s%s%s", expected, found, why[0] ? ": " : "", why);
}

void cfg_defaults(struct cfg_load *l, const struct cfg_section *s, void *base)
{
	struct cfg_buf text = {0};
	unsigned line;
	const char *why;
	for (size_t i = 0; i < s->n; i++) {
		if (s->row[i].dflt)
			cfg_buf_printf(&text, "n%zu = %s;\n", i, s->row[i].dflt);
	}
	struct cfg_node *root = text.bad ? NULL : cfg_tree_read(&l->arena, cfg_buf_text(&text), &line, &why);
	cfg_buf_fini(&text);
	if (!root) {
		l->arena.bad = true;
		return;
	}
	struct cfg_node *v = root->kids;
	for (size_t i = 0; i < s->n && v; i++) {
		struct sbuf none = sb_init(NULL, 0);
		if (!s->row[i].dflt)
			continue;
		if (BUG(!cfg_parse(l->job->build, &s->row[i], v, base, &none)))
			l->arena.bad = true;
		v = v->next;
	}
}

void cfg_unknown(struct cfg_load *l, const struct cfg_node *v, const char *path, const char *const *name, size_t n)
{
	const char *best = NULL;
	size_t best_at = strlen(v->name) / 3 + 1;
	for (size_t i = 0; i < n; i++) {
		size_t d = words_distance(v->name, name[i], strlen(name[i]));
		if (d < best_at || (d == best_at && !best)) {
			best = name[i];
			best_at = d;
		}
	}
	if (best)
		cfg_tell(l, DIAG_ERROR, v, path, "unknown key; did you mean %s?", best);
	else if (n > 8)
		cfg_tell(l, DIAG_ERROR, v, path, "unknown key; gretel.conf(5) has the list of keys");
	else {
		char list[CFG_EXPECT_MAX];
		struct sbuf b = SB(list);
		for (size_t i = 0; i < n; i++)
			sb_printf(&b, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", name[i]);
		cfg_tell(l, DIAG_ERROR, v, path, "unknown key; expected %s", list);
	}
}

/* Whether a strongSwan key of this name is one of the row's: charon.port is found by "port". */
static bool has_swan(const struct cfg_row *row, const char *key)
{
	for (const char *s = row->swan; s && *s;) {
		size_t n = strcspn(s, ",");
		const char *word = s;
		for (size_t i = 0; i < n; i++) {
			if (s[i] == '.')
				word = s + i + 1;
		}
		size_t w = (size_t)(s + n - word);
		if (strlen(key) == w && memcmp(word, key, w) == 0)
			return true;
		s += n;
		s += strspn(s, ", ");
	}
	return false;
}

/* The names that may stand in the group with this prefix ("", "dpd."). */
static size_t names_at(const struct cfg_section *s, const char *prefix, char name[][NAME_SHOWN], const char **list)
{
	size_t n = 0, skip = strlen(prefix);
	for (size_t i = 0; i < s->n && n < NAMES_MAX; i++) {
		const char *p = s->row[i].path;
		if (strncmp(p, prefix, skip) != 0)
			continue;
		snprintf(name[n], NAME_SHOWN, "%.*s", (int)strcspn(p + skip, "."), p + skip);
		list[n] = name[n];
		n++;
	}
	return n;
}

static void unknown_key(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *v, const char *prefix,
                        const char *path)
{
	for (size_t i = 0; i < s->n; i++) {
		if (has_swan(&s->row[i], v->name)) {
			cfg_tell(l, DIAG_ERROR, v, path, "unknown key; strongSwan's %s is %s here", v->name,
			         s->row[i].path);
			return;
		}
	}
	char name[NAMES_MAX][NAME_SHOWN];
	const char *list[NAMES_MAX];
	cfg_unknown(l, v, path, list, names_at(s, prefix, name, list));
}

static bool is_subgroup(const struct cfg_section *s, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < s->n; i++) {
		if (strncmp(s->row[i].path, name, n) == 0 && s->row[i].path[n] == '.')
			return true;
	}
	return false;
}

/* A list of groups is a section of its own, per element. */
static void load_filelogs(struct cfg_load *l, const struct cfg_row *row, const struct cfg_node *v, const char *path,
                          void *base)
{
	struct conf_filelog f[CONF_FILELOG_MAX];
	uint8_t n = 0;
	memset(f, 0, sizeof f);
	if (v->kind != NODE_LIST || v->n_kids > CONF_FILELOG_MAX) {
		wrong_value(l, row, v, path, v->kind == NODE_LIST ? "there are more" : "");
		return;
	}
	for (const struct cfg_node *k = v->kids; k; k = k->next) {
		char elem[CFG_PATH_MAX];
		struct cfg_given given = {0};
		struct sbuf e = SB(elem);
		sb_printf(&e, "%s[%u]", path, n);
		if (k->kind != NODE_GROUP) {
			cfg_wrong(l, k, elem, "a group { }");
			continue;
		}
		cfg_defaults(l, &cfg_filelog, &f[n]);
		cfg_group(l, &cfg_filelog, k, elem, &f[n], &given);
		if (!f[n++].path)
			cfg_tell(l, DIAG_ERROR, k, elem, "expected path = \"FILE\", found none");
	}
	memcpy((char *)base + row->off, f, sizeof f);
	memcpy((char *)base + row->off2, &n, sizeof n);
}

static void load_value(struct cfg_load *l, const struct cfg_row *row, const struct cfg_node *v, const char *path,
                       void *base)
{
	char text[CFG_EXPECT_MAX];
	struct sbuf why = SB(text);
	if (row->type == CT_FILELOGS)
		load_filelogs(l, row, v, path, base);
	else if (!cfg_parse(l->job->build, row, v, base, &why))
		wrong_value(l, row, v, path, text);
}

static void load_level(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *group,
                       const char *prefix, const char *path, void *base, struct cfg_given *given)
{
	for (const struct cfg_node *v = group->kids; v; v = v->next) {
		char name[CFG_PATH_MAX], full[CFG_PATH_MAX];
		snprintf(name, sizeof name, "%s%s", prefix, v->name);
		snprintf(full, sizeof full, "%s.%s", path, v->name);
		int i = cfg_find(s, name);
		if (i >= 0) {
			given->at[i] = v;
			load_value(l, &s->row[i], v, full, base);
		} else if (!is_subgroup(s, name)) {
			unknown_key(l, s, v, prefix, full);
		} else if (v->kind != NODE_GROUP) {
			cfg_wrong(l, v, full, "a group { }");
		} else {
			sb_put(&(struct sbuf){.s = name, .len = strlen(name), .cap = sizeof name}, ".");
			load_level(l, s, v, name, full, base, given);
		}
	}
}

void cfg_group(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *group, const char *path,
               void *base, struct cfg_given *given)
{
	load_level(l, s, group, "", path, base, given);
	/* These stand behind a row that set them, too: whatever the order in the file, they win. */
	for (size_t i = 0; i < s->n; i++) {
		struct sbuf none = sb_init(NULL, 0);
		if ((s->row[i].flags & CFG_PREV) && given->at[i] &&
		    !cfg_parse(l->job->build, &s->row[i], given->at[i], base, &none))
			continue; /* said above */
	}
}

const struct cfg_node *cfg_given_at(const struct cfg_section *s, const struct cfg_given *g, const char *path)
{
	int i = cfg_find(s, path);
	return BUG(i < 0) ? NULL : g->at[i];
}
