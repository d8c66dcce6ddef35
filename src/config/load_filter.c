/* Lists and route maps of the section routing. Their rules and clauses are texts in FRR's words (clause.h). See load.h. */
#include <stdio.h>
#include <string.h>

#include "config/clause.h"
#include "config/load.h"

/* One key of routing, and the lists that it holds. */
struct kind {
	const char *key;
	const struct cfg_node *group;
	uint8_t list, sub;
};

/* "routing.KEY.NAME", in the arena. */
static const char *list_path(struct cfg_load *l, const char *key, const char *name)
{
	char text[CFG_PATH_MAX];
	struct sbuf b = SB(text);
	sb_printf(&b, "routing.%s.%s", key, name);
	const char *p = arena_text(&l->arena, text, b.len);
	return p ? p : key;
}

/* A list under its name: name = [...], or any = { name = "..."; rules = [...]; } for names that libconfig does not take.
 * False: told. */
static bool named(struct cfg_load *l, const struct cfg_node *v, const char *path, const char *inner, const char **name,
                  const struct cfg_node **list)
{
	char expected[96];
	*name = v->name;
	*list = v->kind == NODE_LIST ? v : NULL;
	for (const struct cfg_node *k = v->kind == NODE_GROUP ? v->kids : NULL; k; k = k->next) {
		if (strcmp(k->name, "name") == 0 && k->kind == NODE_TEXT && k->text[0])
			*name = k->text;
		else if (strcmp(k->name, inner) == 0 && k->kind == NODE_LIST)
			*list = k;
		else
			cfg_tell(l, DIAG_ERROR, k, path, "expected name = \"...\" and %s = a list here", inner);
	}
	snprintf(expected, sizeof expected, "a list, or a group with name and %s", inner);
	if (!*list)
		cfg_wrong(l, v, path, expected);
	return *list != NULL;
}

static bool split(struct cfg_load *l, const struct cfg_node *v, const char *path, struct words *w)
{
	if (v->kind != NODE_TEXT) {
		cfg_wrong(l, v, path, "a text in quotes");
		return false;
	}
	if (words_split(w, &l->arena, v->text, strlen(v->text)) && w->n)
		return true;
	if (!l->arena.bad)
		cfg_tell(l, DIAG_ERROR, v, path, "expected 1 to %d words", WORDS_MAX);
	return false;
}

static void load_rule(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path,
                      struct draft_list *list, uint8_t kind)
{
	struct words *w = arena_get(&l->arena, sizeof *w);
	char text[CFG_EXPECT_MAX];
	struct sbuf why = SB(text);
	bool good;
	if (!w || !split(l, v, path, w))
		return;
	if (kind == LIST_PREFIX) {
		good = rule_prefix(d, w, 0, list, &why);
	} else if (kind == LIST_ASPATH) {
		good = rule_aspath(d, w, 0, list, &why);
	} else {
		bool expanded = strcmp(w->w[0], "expanded") == 0;
		good = rule_community(d, w, expanded, expanded, list, &why);
	}
	if (!good && !l->arena.bad)
		cfg_tell(l, DIAG_ERROR, v, path, "%s", text);
}

static void load_lists(struct cfg_load *l, struct draft *d, const struct kind *k)
{
	for (const struct cfg_node *v = k->group->kids; v; v = v->next) {
		const char *name, *path = list_path(l, k->key, v->name);
		const struct cfg_node *rules;
		if (!named(l, v, path, "rules", &name, &rules))
			continue;
		conf_ref r = conf_builder_str(l->job->build, name);
		struct draft_list *list = draft_list(d, k->list, k->sub, r);
		if (list)
			cfg_tell(l, DIAG_ERROR, v, path, "there is a list \"%.60s\" already", name);
		else
			list = draft_list_make(d, k->list, k->sub, r);
		for (const struct cfg_node *t = rules->kids; list && t; t = t->next)
			load_rule(l, d, t, path, list, k->list);
	}
}

/* --- Route maps --- */

static void load_clause(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path, bool set,
                        struct draft_entry *e)
{
	struct clause_place p = {.d = d, .at = v, .path = path};
	struct words *w = arena_get(&l->arena, sizeof *w);
	char text[CFG_EXPECT_MAX];
	struct sbuf why = SB(text);
	if (!w || !split(l, v, path, w))
		return;
	bool good = set ? clause_set(&p, w, 0, false, e, &why) : clause_match(&p, w, 0, false, e, &why);
	if (!good && !l->arena.bad)
		cfg_tell(l, DIAG_ERROR, v, path, "%s", text);
}

/* One text, or a list of them. */
static void load_clauses(struct cfg_load *l, struct draft *d, const struct cfg_node *list, const char *path, bool set,
                         struct draft_entry *e)
{
	if (list && list->kind == NODE_TEXT)
		load_clause(l, d, list, path, set, e);
	for (const struct cfg_node *v = list ? list->kids : NULL; v; v = v->next)
		load_clause(l, d, v, path, set, e);
}

static void load_entry(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const char *path,
                       struct draft_map *m)
{
	struct cfg_map_entry e;
	struct cfg_given given = {0};
	if (!cfg_element(l, &cfg_map_entry, v, path, NULL, &e, sizeof e, &given))
		return;
	const struct draft_entry *last = DRAFT_AT(&m->entries, struct draft_entry, m->entries.n - 1);
	if (e.e.seq == 0)
		e.e.seq = last ? last->e.seq + 10 : 10;
	if (last && e.e.seq <= last->e.seq)
		cfg_tell(l, DIAG_ERROR, v, path, "expected a seq above %u, found %u", last->e.seq, e.e.seq);
	if ((e.e.on_match == ON_MATCH_GOTO) != (e.e.on_match_seq != 0) ||
	    (e.e.on_match == ON_MATCH_GOTO && e.e.on_match_seq <= e.e.seq))
		cfg_tell(l, DIAG_ERROR, v, path, "expected goto = a seq behind this one with on_match = \"goto\", and only then");
	cfg_mention(l, d, &cfg_map_entry, &given, &e, path);
	struct draft_entry *out = draft_add(d, &m->entries, UINT32_MAX, sizeof *out);
	if (!out)
		return;
	memcpy(&out->e, &e.e, sizeof out->e);
	load_clauses(l, d, e.match, path, false, out);
	load_clauses(l, d, e.set, path, true, out);
}

static void load_maps(struct cfg_load *l, struct draft *d, const struct kind *k)
{
	for (const struct cfg_node *v = k->group->kids; v; v = v->next) {
		const char *name, *path = list_path(l, k->key, v->name);
		const struct cfg_node *entries;
		unsigned i = 0;
		if (!named(l, v, path, "entries", &name, &entries))
			continue;
		conf_ref r = conf_builder_str(l->job->build, name);
		struct draft_map *m = draft_map(d, r);
		if (m)
			cfg_tell(l, DIAG_ERROR, v, path, "there is a route map \"%.60s\" already", name);
		else
			m = draft_map_make(d, r);
		for (const struct cfg_node *e = entries->kids; m && e; e = e->next)
			load_entry(l, d, e, cfg_index_path(l, path, i++), m);
	}
}

void cfg_filters_load(struct cfg_load *l, struct draft *d, const struct cfg_routing *r)
{
	const struct kind kinds[] = {
		{"prefix_lists", r->prefix_lists, LIST_PREFIX, BGP_V4},
		{"ipv6_prefix_lists", r->prefix_lists6, LIST_PREFIX, BGP_V6},
		{"community_lists", r->community_lists, LIST_COMMUNITY, COMM_STANDARD},
		{"extcommunity_lists", r->extcommunity_lists, LIST_COMMUNITY, COMM_EXTENDED},
		{"large_community_lists", r->large_community_lists, LIST_COMMUNITY, COMM_LARGE},
		{"as_path_lists", r->aspath_lists, LIST_ASPATH, 0},
		{"route_maps", r->route_maps, LIST_MAP, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char path[64];
		snprintf(path, sizeof path, "routing.%s", kinds[i].key);
		if (kinds[i].group && kinds[i].group->kind != NODE_GROUP)
			cfg_wrong(l, kinds[i].group, path, "a group { } of lists");
		else if (kinds[i].group && kinds[i].list == LIST_MAP)
			load_maps(l, d, &kinds[i]);
		else if (kinds[i].group)
			load_lists(l, d, &kinds[i]);
	}
}
