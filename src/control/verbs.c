/* The verb table, and the forms in which an SA can be named. */
#include "control/control.h"

#include <string.h>

/* clang-format off */
static const struct control_verb_row rows[] = {
	/* name          verb                 min max  first argument        root   streams options */
	{"up",           CONTROL_UP,          1, 1, CONTROL_ARG_TUNNEL, true,  false, ""},
	{"down",         CONTROL_DOWN,        1, 1, CONTROL_ARG_TARGET, true,  false, ""},
	{"status",       CONTROL_STATUS,      0, 1, CONTROL_ARG_TUNNEL, false, false, ""},
	{"statusall",    CONTROL_STATUSALL,   0, 1, CONTROL_ARG_TUNNEL, false, false, ""},
	{"list",         CONTROL_LIST,        0, 0, CONTROL_ARG_TEXT,   false, false, ""},
	{"reload",       CONTROL_RELOAD,      0, 0, CONTROL_ARG_TEXT,   true,  false, "check"},
	{"log",          CONTROL_LOG,         0, 0, CONTROL_ARG_TEXT,   false, true,  "follow lines level"},
	{"log-level",    CONTROL_LOG_LEVEL,   1, 1, CONTROL_ARG_TEXT,   true,  false, ""},
	{"guard",        CONTROL_GUARD,       0, 0, CONTROL_ARG_TEXT,   false, false, ""},
	{"guard-clear",  CONTROL_GUARD_CLEAR, 0, 0, CONTROL_ARG_TEXT,   true,  false, ""},
	{"counters",     CONTROL_COUNTERS,    0, 0, CONTROL_ARG_TEXT,   false, false, ""},
#ifdef GRETEL_IMPAIR
	{"impair",       CONTROL_IMPAIR,      1, 1, CONTROL_ARG_TEXT,   true,  false, ""},
#endif
	{"version",      CONTROL_VERSION,     0, 0, CONTROL_ARG_TEXT,   false, false, ""},
	{"show",         CONTROL_SHOW,        1, 1, CONTROL_ARG_TEXT,   false, false, ""},
	{"explain",      CONTROL_EXPLAIN,     1, 1, CONTROL_ARG_TEXT,   false, false, ""},
	{"gre-add",      CONTROL_GRE_ADD,     1, 1, CONTROL_ARG_TEXT,   true,  false,
	 "tunnel local remote key ttl tos csum pmtudisc change"},
	{"gre-del",      CONTROL_GRE_DEL,     1, 1, CONTROL_ARG_TEXT,   true,  false, ""},
	{"clear",        CONTROL_CLEAR,       1, 1, CONTROL_ARG_TEXT,   true,  false, ""},
	{"rekey",        CONTROL_REKEY,       1, 1, CONTROL_ARG_TARGET, true,  false, ""},
};
/* clang-format on */
_Static_assert(ARRAY_LEN(rows) == CONTROL_VERB_N, "a verb without a row");

const struct control_verb_row *control_verb_row(enum control_verb v)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].verb == v)
			return &rows[i];
	}
	return NULL;
}

const struct control_verb_row *control_verb_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

/* What stands between the brackets: "", "*" or a number above 0. */
static bool which_parse(const char *s, size_t n, struct control_target *out)
{
	uint64_t id = 0;
	out->all = n == 1 && s[0] == '*';
	if (out->all || n == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || id > UINT32_MAX)
			return false;
		id = id * 10 + (uint64_t)(s[i] - '0');
	}
	out->id = (uint32_t)id;
	return id > 0 && id <= UINT32_MAX;
}

bool control_target_parse(const char *text, struct control_target *out)
{
	size_t n = strlen(text);
	char last = n ? text[n - 1] : '\0';
	const char *open = last == ']' ? strrchr(text, '[') : last == '}' ? strrchr(text, '{') : NULL;
	size_t name = open ? (size_t)(open - text) : n;
	*out = (struct control_target){.kind = CONTROL_TARGET_TUNNEL};
	if (name > CONF_NAME_MAX || (!open && name == 0))
		return false;
	memcpy(out->name, text, name);
	if (!open)
		return true;
	out->kind = last == ']' ? CONTROL_TARGET_IKE : CONTROL_TARGET_CHILD;
	/* [] or [*] of nobody would be everybody's. */
	return which_parse(open + 1, n - name - 2, out) && (name > 0 || out->id > 0);
}
