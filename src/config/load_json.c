/* A group of any keys as a JSON object in text: the options of routing modules of others. See load.h; print_routing.c turns
 * it back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"

/* RFC 8259 7. */
static void put_text(struct cfg_buf *o, const char *s)
{
	cfg_buf_put(o, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			cfg_buf_printf(o, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			cfg_buf_printf(o, "\\u%04x", (unsigned char)*s);
		else
			cfg_buf_bytes(o, s, 1);
	}
	cfg_buf_put(o, "\"");
}

static void put_real(struct cfg_buf *o, double r)
{
	char text[40];
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, r);
		if (strtod(text, NULL) == r)
			break;
	}
	cfg_buf_put(o, isfinite(r) ? text : "0");
	cfg_buf_put(o, isfinite(r) && strpbrk(text, ".e") ? "" : ".0");
}

static void put_node(struct cfg_buf *o, const struct cfg_node *v)
{
	const char *sep = "";
	switch (v->kind) {
	case NODE_BOOL:
		cfg_buf_put(o, v->i ? "true" : "false");
		return;
	case NODE_INT:
		cfg_buf_printf(o, "%lld", (long long)v->i);
		return;
	case NODE_REAL:
		put_real(o, v->r);
		return;
	case NODE_TEXT:
		put_text(o, v->text);
		return;
	default:
		break;
	}
	cfg_buf_put(o, v->kind == NODE_GROUP ? "{" : "[");
	for (const struct cfg_node *k = v->kids; k; k = k->next, sep = ",") {
		cfg_buf_put(o, sep);
		if (v->kind == NODE_GROUP) {
			put_text(o, k->name);
			cfg_buf_put(o, ":");
		}
		put_node(o, k);
	}
	cfg_buf_put(o, v->kind == NODE_GROUP ? "}" : "]");
}

conf_ref cfg_json(struct cfg_load *l, const struct cfg_node *group)
{
	struct cfg_buf o = {0};
	conf_ref r = 0;
	if (group->kind != NODE_GROUP) {
		cfg_wrong(l, group, "routing.options", "a group { }");
		return 0;
	}
	put_node(&o, group);
	if (o.bad)
		l->arena.bad = true;
	else
		r = conf_builder_str(l->job->build, cfg_buf_text(&o));
	cfg_buf_fini(&o);
	return r;
}
