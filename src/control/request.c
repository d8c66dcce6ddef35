/* {"verb":"up","args":["tunnel"],"options":{}} against the verb's row. What a client writes is believed in nothing:
 * sizes, kinds and names are checked here once, so that nobody behind looks at JSON again. */
#include "control/request.h"

#include <stdio.h>
#include <string.h>

/* Printable, not empty, not long. Any octets above ASCII: jansson has proved UTF-8. */
static bool text_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return n > 0 && n <= CONTROL_ARG_MAX;
}

static bool in_words(const char *words, const char *name)
{
	size_t n = strlen(name);
	for (const char *w = words; *w; w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");
		if (len == n && memcmp(w, name, n) == 0)
			return true;
		w += len;
	}
	return false;
}

static int bad(struct sbuf *err, const char *text)
{
	sb_put(err, text);
	return CONTROL_USAGE;
}

static int take_args(const json_t *args, struct control_args *out, struct sbuf *err)
{
	size_t n = json_array_size(args);
	const struct control_verb_row *row = out->row;
	if (args && !json_is_array(args))
		return bad(err, "args is no array");
	if (n < row->min_args || n > row->max_args || n > CONTROL_ARGS_MAX) {
		sb_printf(err, "'%s' takes %s, %zu were given", row->name,
		          row->max_args == 0   ? "no argument"
		          : row->min_args == 0 ? "at most one argument"
		                               : "one argument",
		          n);
		return CONTROL_USAGE;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(args, i);
		if (!json_is_string(v) || !text_ok(json_string_value(v), json_string_length(v)))
			return bad(err, "an argument is no text, or too long, or has control characters in it");
		out->v[out->n++] = json_string_value(v);
	}
	return CONTROL_OK;
}

static int take_target(struct control_args *out, struct sbuf *err)
{
	if (out->n == 0 || out->row->arg == CONTROL_ARG_TEXT)
		return CONTROL_OK;
	const char *text = out->v[0];
	if (out->row->arg == CONTROL_ARG_TARGET && control_target_parse(text, &out->target))
		return CONTROL_OK;
	if (out->row->arg == CONTROL_ARG_TARGET)
		return bad(err, "expected NAME, NAME[number], NAME{number}, NAME[*] or NAME{*}");
	out->target = (struct control_target){.kind = CONTROL_TARGET_TUNNEL};
	if (strlen(text) > CONF_NAME_MAX)
		return bad(err, "no tunnel has such a long name");
	snprintf(out->target.name, sizeof out->target.name, "%s", text);
	return CONTROL_OK;
}

static int take_options(json_t *options, struct control_args *out, struct sbuf *err)
{
	const char *key;
	json_t *v;
	if (options && !json_is_object(options))
		return bad(err, "options is no object");
	json_object_foreach(options, key, v)
	{
		bool text = json_is_string(v) && text_ok(json_string_value(v), json_string_length(v));
		if (!in_words(out->row->options, key)) {
			sb_printf(err, "'%s' has no option '", out->row->name);
			sb_escape(err, key, min_z(strlen(key), 64));
			sb_put(err, "'");
			return CONTROL_USAGE;
		}
		if (!text && !json_is_boolean(v) && !json_is_integer(v)) {
			sb_printf(err, "option '%s' is neither true or false nor a number nor a text", key);
			return CONTROL_USAGE;
		}
	}
	out->options = options;
	return CONTROL_OK;
}

static int take(json_t *root, struct control_args *out, struct sbuf *err)
{
	const json_t *verb = json_object_get(root, "verb");
	if (!json_is_string(verb))
		return bad(err, "the request has no verb");
	out->row = control_verb_by_name(json_string_value(verb));
	if (!out->row) {
		sb_put(err, "unknown verb '");
		sb_escape(err, json_string_value(verb), min_z(json_string_length(verb), 64));
		sb_put(err, "'");
		return CONTROL_USAGE;
	}
	int code = take_args(json_object_get(root, "args"), out, err);
	if (code == CONTROL_OK)
		code = take_target(out, err);
	if (code == CONTROL_OK)
		code = take_options(json_object_get(root, "options"), out, err);
	return code;
}

int request_parse(struct span json, struct request *out, struct sbuf *err)
{
	*out = (struct request){.root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL)};
	int code = json_is_object(out->root) ? take(out->root, &out->args, err)
	                                     : bad(err, "the request is no JSON object");
	if (code != CONTROL_OK)
		request_fini(out);
	return code;
}

void request_fini(struct request *r)
{
	json_decref(r->root);
	*r = (struct request){.root = NULL};
}

bool control_option(const struct control_args *a, const char *name)
{
	const json_t *v = json_object_get(a->options, name);
	return v && !json_is_false(v) && !(json_is_integer(v) && json_integer_value(v) == 0);
}

const char *control_option_text(const struct control_args *a, const char *name)
{
	const char *s = json_string_value(json_object_get(a->options, name));
	return s ? s : "";
}

int64_t control_option_int(const struct control_args *a, const char *name, int64_t fallback)
{
	const json_t *v = json_object_get(a->options, name);
	return json_is_integer(v) ? json_integer_value(v) : fallback;
}
