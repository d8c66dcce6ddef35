/* From libconfig's settings to our nodes. See load_tree.h. */
#include "config/load_tree.h"

#include <libconfig.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

/* The texts may be keys: libconfig frees them without a wipe. */
static void wipe_texts(config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING && s->value.sval)
		wipe(s->value.sval, strlen(s->value.sval));
	for (int i = 0; config_setting_is_aggregate(s) && i < config_setting_length(s); i++)
		wipe_texts(config_setting_get_elem(s, (unsigned)i));
}

static const char *copy_text(struct arena *a, const char *s) { return s ? arena_text(a, s, strlen(s)) : NULL; }

static struct cfg_node *node_from(struct arena *a, const config_setting_t *s, unsigned depth, unsigned *line)
{
	struct cfg_node *n = depth <= DEPTH_MAX ? arena_get(a, sizeof *n) : NULL;
	if (!n) {
		*line = config_setting_source_line(s);
		return NULL;
	}
	n->name = copy_text(a, config_setting_name(s));
	n->line = config_setting_source_line(s);
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		n->kind = NODE_INT;
		n->i = config_setting_get_int64(s);
		return n;
	case CONFIG_TYPE_BOOL:
		n->kind = NODE_BOOL;
		n->i = config_setting_get_bool(s);
		return n;
	case CONFIG_TYPE_FLOAT:
		n->kind = NODE_REAL;
		n->r = config_setting_get_float(s);
		return n;
	case CONFIG_TYPE_STRING:
		n->kind = NODE_TEXT;
		n->text = copy_text(a, config_setting_get_string(s));
		return n->text ? n : NULL;
	case CONFIG_TYPE_GROUP:
		n->kind = NODE_GROUP;
		break;
	default:
		n->kind = NODE_LIST;
	}
	struct cfg_node **last = &n->kids;
	for (int i = 0; i < config_setting_length(s); i++) {
		*last = node_from(a, config_setting_get_elem(s, (unsigned)i), depth + 1, line);
		if (!*last)
			return NULL;
		last = &(*last)->next;
		n->n_kids++;
	}
	return n;
}

static const char *reason(const char *libconfig)
{
	static const char *const better[][2] = {
		{"syntax error", "syntax error: expected name = value; here (or a ; { } ( ) [ ] is missing or too many "
		                 "before)"},
		{"duplicate setting name", "this name stands twice in its group"},
		{"mismatched element type in array", "the elements of [ ] are not all of one kind"},
	};
	for (size_t i = 0; i < ARRAY_LEN(better); i++) {
		if (libconfig && strcmp(libconfig, better[i][0]) == 0)
			return better[i][1];
	}
	return "syntax error: this is not libconfig";
}

struct cfg_node *cfg_tree_read(struct arena *a, const char *text, unsigned *line, const char **why)
{
	config_t c;
	struct cfg_node *n = NULL;
	*line = 1;
	*why = "nested too deeply";
	config_init(&c);
	if (config_read_string(&c, text)) {
		n = node_from(a, config_root_setting(&c), 0, line);
	} else {
		*line = config_error_line(&c) > 0 ? (unsigned)config_error_line(&c) : 1;
		*why = reason(config_error_text(&c));
	}
	wipe_texts(config_root_setting(&c));
	config_destroy(&c);
	return a->bad ? NULL : n;
}
