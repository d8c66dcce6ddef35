/* The types of gretel.conf made of texts, the table of all types, and what diagnostics say about a value: what was
 * expected, what was found. See schema.h. */
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_ITEM_MAX = 256, FOUND_MAX = 60 };

static void *field(const struct cfg_row *row, void *base) { return (char *)base + row->off; }

static bool text_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)why;
	if (v->kind != NODE_TEXT)
		return false;
	conf_ref r = conf_builder_str(b, v->text);
	memcpy(field(row, base), &r, sizeof r);
	return true;
}

static conf_ref ref_at(const struct cfg_row *row, const void *base)
{
	conf_ref r;
	memcpy(&r, (const char *)base + row->off, sizeof r);
	return r;
}

static void text_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	cfg_buf_quote(o, conf_str(c, ref_at(row, base)));
}

bool cfg_items_init(struct cfg_items *it, const struct cfg_node *v)
{
	*it = (struct cfg_items){.text = v->kind == NODE_TEXT ? v->text : NULL,
	                         .kid = v->kind == NODE_LIST ? v->kids : NULL};
	return v->kind == NODE_TEXT || v->kind == NODE_LIST;
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

enum cfg_step cfg_items_next(struct cfg_items *it, char *item, size_t cap)
{
	const char *s = it->text;
	size_t n;
	if (it->kid) {
		if (it->kid->kind != NODE_TEXT)
			return CFG_BAD;
		s = it->kid->text;
		n = strlen(s);
		it->kid = it->kid->next;
	} else {
		if (!s || s[strspn(s, " \t")] == '\0')
			return CFG_END;
		n = strcspn(s, ",");
		it->text = s[n] ? s + n + 1 : NULL;
	}
	while (n && blank(s[0]))
		s++, n--;
	while (n && blank(s[n - 1]))
		n--;
	if (n == 0 || n >= cap)
		return CFG_BAD;
	memcpy(item, s, n);
	item[n] = '\0';
	return CFG_ITEM;
}

static bool names_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                        struct sbuf *why)
{
	(void)why;
	struct cfg_items it;
	struct cfg_buf list = {0};
	char item[TEXT_ITEM_MAX];
	enum cfg_step step = cfg_items_init(&it, v) ? CFG_ITEM : CFG_BAD;
	while (step == CFG_ITEM && (step = cfg_items_next(&it, item, sizeof item)) == CFG_ITEM) {
		cfg_buf_put(&list, list.n ? "," : "");
		cfg_buf_put(&list, item);
		if (strchr(item, ',')) /* an element of a list; the field has commas between */
			step = CFG_BAD;
	}
	if (step == CFG_END) {
		conf_ref r = conf_builder_str(b, cfg_buf_text(&list));
		b->bad = b->bad || list.bad;
		memcpy(field(row, base), &r, sizeof r);
	}
	cfg_buf_fini(&list);
	return step == CFG_END;
}

static void names_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	const char *s = conf_str(c, ref_at(row, base));
	cfg_buf_put(o, "[");
	for (size_t n; *s; s += n + (s[n] == ',')) {
		char item[TEXT_ITEM_MAX];
		n = strcspn(s, ",");
		const char *from = s;
		size_t len = n;
		while (len && blank(from[0]))
			from++, len--;
		snprintf(item, sizeof item, "%.*s", (int)min_z(len, sizeof item - 1), from);
		for (size_t e = strlen(item); e && blank(item[e - 1]); e--)
			item[e - 1] = '\0';
		if (!item[0])
			continue;
		cfg_buf_put(o, o->s && o->s[o->n - 1] == '[' ? "" : ", ");
		cfg_buf_quote(o, item);
	}
	cfg_buf_put(o, "]");
}

static bool node_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                       struct sbuf *why)
{
	(void)b, (void)why;
	if (v->kind != NODE_TEXT)
		return false;
	memcpy(field(row, base), &v, sizeof v);
	return true;
}

static bool node_any_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                           struct sbuf *why)
{
	(void)b, (void)why;
	memcpy(field(row, base), &v, sizeof v);
	return true;
}

static bool node_texts_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v,
                             void *base, struct sbuf *why)
{
	(void)b, (void)why;
	struct cfg_items it;
	if (!cfg_items_init(&it, v))
		return false;
	for (const struct cfg_node *k = it.kid; k; k = k->next) {
		if (k->kind != NODE_TEXT)
			return false;
	}
	memcpy(field(row, base), &v, sizeof v);
	return true;
}

/* Only the empty list, which is the default: load.c reads the groups of a file by their own section. */
static bool filelogs_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
                           struct sbuf *why)
{
	(void)b, (void)why;
	uint8_t none = 0;
	if (v->kind != NODE_LIST || v->kids)
		return false;
	memcpy((char *)base + row->off2, &none, sizeof none);
	return true;
}

static void filelogs_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	const struct conf_filelog *f = (const void *)((const char *)base + row->off);
	uint8_t n = *((const uint8_t *)base + row->off2);
	cfg_buf_put(o, "(");
	for (size_t i = 0; i < n; i++) {
		cfg_buf_put(o, i ? ", {" : "{");
		for (size_t k = 0; k < cfg_filelog.n; k++) {
			cfg_buf_printf(o, " %s = ", cfg_filelog.row[k].path);
			cfg_print(o, c, &cfg_filelog.row[k], &f[i]);
			cfg_buf_put(o, ";");
		}
		cfg_buf_put(o, " }");
	}
	cfg_buf_put(o, ")");
}

static const struct cfg_ops ops_text = {"text", "a text in quotes", text_parse, text_print};
static const struct cfg_ops ops_names = {
	"names", "names such as [\"a\", \"b\"] or \"a,b\"", names_parse, names_print};
static const struct cfg_ops ops_filelogs = {
	"list of groups", "a list of at most 4 groups such as ( { path = \"...\"; level = \"info\"; } )",
	filelogs_parse, filelogs_print};
static const struct cfg_ops ops_node = {"text", "a text in quotes", node_parse, NULL};
static const struct cfg_ops ops_node_any = {"list", "a list or a group", node_any_parse, NULL};
static const struct cfg_ops ops_node_texts = {
	"texts", "texts such as [\"a\", \"b\"] or \"a,b\"", node_texts_parse, NULL};

static const struct cfg_ops *const types[CT_N] = {
	[CT_BOOL] = &cfg_ops_bool,         [CT_INT] = &cfg_ops_int,
	[CT_ENUM] = &cfg_ops_enum,         [CT_TIME] = &cfg_ops_time,
	[CT_REAL] = &cfg_ops_real,         [CT_PERCENT] = &cfg_ops_percent,
	[CT_SIZE] = &cfg_ops_size,         [CT_TEXT] = &ops_text,
	[CT_NAMES] = &ops_names,           [CT_HOSTS] = &cfg_ops_hosts,
	[CT_IDENT] = &cfg_ops_ident,       [CT_PREFIXES] = &cfg_ops_prefixes,
	[CT_ADDR] = &cfg_ops_addr,         [CT_PROPOSAL] = &cfg_ops_proposal,
	[CT_MARK] = &cfg_ops_mark,         [CT_KEY] = &cfg_ops_key,
	[CT_IFNAME] = &cfg_ops_ifname,     [CT_FRAG] = &cfg_ops_frag,
	[CT_FILELOGS] = &ops_filelogs,     [CT_NODE] = &ops_node,
	[CT_NODE_TEXTS] = &ops_node_texts, [CT_NODE_ANY] = &ops_node_any,
	[CT_NOT] = &cfg_ops_not,           [CT_PREFIX] = &cfg_ops_prefix,
	[CT_ID4] = &cfg_ops_id4,           [CT_AS] = &cfg_ops_as,
	[CT_FILTER] = &cfg_ops_filter,
};

const struct cfg_ops *cfg_type_ops(uint8_t type) { return types[type]; }

bool cfg_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
               struct sbuf *why)
{
	return types[row->type]->parse(b, row, v, base, why);
}

void cfg_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	if (types[row->type]->print)
		types[row->type]->print(o, c, row, base);
}

int cfg_find(const struct cfg_section *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->row[i].path, path) == 0)
			return (int)i;
	}
	return -1;
}

static void put_number(struct sbuf *b, const struct cfg_row *row, int64_t v)
{
	char text[32];
	struct sbuf t = SB(text);
	if (row->type == CT_TIME)
		cfg_time_print(&t, v);
	else if (row->type == CT_REAL)
		sb_printf(&t, "%g", (double)v / 1000);
	else
		sb_printf(&t, row->flags & CFG_HEX ? "0x%llx" : "%lld", (long long)v);
	sb_put(b, text);
	if (row->type == CT_PERCENT)
		sb_put(b, "%");
}

void cfg_range(struct sbuf *b, const struct cfg_row *row)
{
	bool ranged = row->type == CT_INT || row->type == CT_TIME || row->type == CT_REAL ||
	              row->type == CT_PERCENT || row->type == CT_SIZE;
	if (!ranged)
		return;
	sb_put(b, row->flags & CFG_ZERO ? "0 or from " : "from ");
	put_number(b, row, row->min);
	if (row->max == INT64_MAX) {
		sb_put(b, " up");
		return;
	}
	sb_put(b, " to ");
	put_number(b, row, row->max);
}

void cfg_expected(struct sbuf *b, const struct cfg_row *row)
{
	sb_put(b, types[row->type]->expected);
	if (row->type != CT_ENUM) {
		char range[96];
		struct sbuf r = SB(range);
		cfg_range(&r, row);
		bool plain = row->type == CT_INT && !(row->flags & CFG_ZERO);
		sb_printf(b, "%s%s", !range[0] ? "" : plain ? " " : ", ", range);
	}
	const char *sep = row->type == CT_ENUM ? "" : row->words ? ", or " : "";
	for (const struct cfg_word *w = row->words; w && w->word; w++) {
		sb_printf(b, "%s\"%s\"", sep, w->word);
		sep = w[1].word && !w[2].word ? " or " : ", ";
	}
}

void cfg_found(struct sbuf *b, const struct cfg_node *v)
{
	switch (v->kind) {
	case NODE_GROUP:
		sb_put(b, "a group { }");
		break;
	case NODE_LIST:
		sb_put(b, v->n_kids ? "a list" : "an empty list");
		break;
	case NODE_BOOL:
		sb_put(b, v->i ? "true" : "false");
		break;
	case NODE_INT:
		sb_printf(b, "%lld", (long long)v->i);
		break;
	case NODE_REAL:
		sb_printf(b, "%g", v->r);
		break;
	default:
		sb_put(b, "\"");
		sb_escape(b, v->text, min_z(strlen(v->text), FOUND_MAX));
		sb_put(b, strlen(v->text) > FOUND_MAX ? "...\"" : "\"");
	}
}
