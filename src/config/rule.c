/* Rules of prefix, community and AS path lists as FRR writes them. See clause.h. */
#include <string.h>

#include "bgp/bgp.h"
#include "config/clause.h"
#include "config/community.h"

static const char *const prefix_forms[BGP_AF_N][3] = {
	{"[seq <1-4294967295>] deny|permit any", "[seq <1-4294967295>] deny|permit PREFIX4 [ge <0-32>] [le <0-32>]",
	 "[seq <1-4294967295>] deny|permit PREFIX4 le <0-32> ge <0-32>"},
	{"[seq <1-4294967295>] deny|permit any", "[seq <1-4294967295>] deny|permit PREFIX6 [ge <0-128>] [le <0-128>]",
	 "[seq <1-4294967295>] deny|permit PREFIX6 le <0-128> ge <0-128>"},
};

/* The first of n forms that fits; n and a sentence when none does. */
static size_t form_of(const struct words *w, size_t from, const char *const *form, size_t n, struct args *a,
                      struct sbuf *why)
{
	struct words_best best = {.n = 0};
	for (size_t i = 0; i < n; i++) {
		struct words_fit f = words_match(w, from, form[i], false, a);
		if (f.ok)
			return i;
		words_best_note(&best, w, &f);
	}
	words_best_say(&best, w, why);
	return n;
}

static bool same_rule(const struct draft_rule *a, const struct draft_rule *b, uint8_t list)
{
	const struct conf_prefix_rule *p = &a->u.prefix, *q = &b->u.prefix;
	if (list == LIST_PREFIX)
		return p->action == q->action && p->any == q->any && p->ge == q->ge && p->le == q->le &&
		       p->prefix.len == q->prefix.len && addr_eq(&p->prefix.addr, &q->prefix.addr);
	return memcmp(&a->u, &b->u, list == LIST_COMMUNITY ? sizeof a->u.community : sizeof a->u.aspath) == 0;
}

/* Puts the rule in its place. Without a number, one that is there already is not added again (lib/plist of FRR). */
static void put_rule(struct draft *d, struct draft_list *l, uint8_t list, uint32_t seq, const struct draft_rule *rule)
{
	bool is_new;
	for (uint32_t i = 0; seq == 0 && d->frr && i < l->rules.n; i++) {
		if (same_rule(DRAFT_AT(&l->rules, struct draft_rule, i), rule, list))
			return;
	}
	struct draft_rule *r = draft_rule(d, l, seq, &is_new);
	if (!r)
		return;
	memcpy(&r->u, &rule->u, sizeof r->u);
	if (list == LIST_PREFIX)
		r->u.prefix.seq = r->seq;
}

bool rule_prefix(struct draft *d, const struct words *w, size_t from, struct draft_list *l, struct sbuf *why)
{
	struct args a;
	struct draft_rule rule;
	struct conf_prefix_rule *r = &rule.u.prefix;
	size_t form = form_of(w, from, prefix_forms[l->sub], 3, &a, why);
	if (form == 3)
		return false;
	memset(&rule, 0, sizeof rule);
	r->action = (uint8_t)a.v[1].n;
	r->any = form == 0;
	r->prefix.addr.family = l->sub == BGP_V6 ? AF_V6 : AF_V4;
	if (form > 0) {
		const struct arg *ge = &a.v[form == 1 ? 3 : 4], *le = &a.v[form == 1 ? 4 : 3];
		memcpy(&r->prefix, &a.v[2].p, sizeof r->prefix);
		r->ge = (uint8_t)(ge->s ? ge->n : 0);
		r->le = (uint8_t)(le->s ? le->n : 0);
		if ((ge->s && r->ge < r->prefix.len) || (le->s && r->le < r->prefix.len) || (ge->s && le->s && r->le < r->ge)) {
			sb_printf(why, "expected %u <= ge <= le", r->prefix.len);
			return false;
		}
	}
	put_rule(d, l, LIST_PREFIX, a.v[0].s ? a.v[0].n : 0, &rule);
	return true;
}

/* "rt 1:2 soo 3:4", or values with blanks between. None, and `internet` among them, is every route. */
static bool read_values(struct draft *d, uint8_t kind, const char *line, struct conf_community_rule *r, struct sbuf *why)
{
	uint8_t v[WORDS_MAX * 12];
	struct words w;
	const char *type = NULL;
	size_t n = 0, size = community_size(kind);
	bool all = line == NULL;
	if (line && !words_split(&w, d->arena, line, strlen(line)))
		return false;
	for (size_t i = 0; line && i < w.n; i++) {
		if (kind == COMM_EXTENDED && (strcmp(w.w[i], "rt") == 0 || strcmp(w.w[i], "soo") == 0)) {
			type = w.w[i];
			continue;
		}
		if (!community_parse(kind, type, w.w[i], v + n)) {
			sb_printf(why, "expected %s, found \"", kind == COMM_STANDARD ? "communities such as 65000:1 or no-export"
			          : kind == COMM_LARGE ? "communities such as 65000:1:2" : "rt or soo and 65000:1");
			sb_escape(why, w.w[i], min_z(strlen(w.w[i]), 60));
			sb_put(why, "\"");
			return false;
		}
		all = all || (kind == COMM_STANDARD && strcmp(w.w[i], "internet") == 0);
		n += size;
	}
	n = all ? 0 : community_sort(kind, v, n);
	r->values = conf_builder_array(d->b, v, (uint32_t)n, 1);
	return true;
}

/* The speaker's own: what it does not take it could not apply. */
static bool good_regex(const char *pattern, struct sbuf *why)
{
	char text[160];
	struct sbuf t = SB(text);
	if (bgp_regex_check(pattern, &t))
		return true;
	sb_printf(why, "expected a regular expression: %s", text);
	return false;
}

bool rule_community(struct draft *d, const struct words *w, size_t from, bool expanded, struct draft_list *l,
                    struct sbuf *why)
{
	static const char *const forms[] = {"[seq <1-4294967295>] deny|permit [LINE]"};
	struct args a;
	struct draft_rule rule;
	if (form_of(w, from, forms, 1, &a, why) == 1)
		return false;
	memset(&rule, 0, sizeof rule);
	rule.u.community.action = (uint8_t)a.v[1].n;
	if (expanded) {
		if (!a.v[2].s) {
			sb_put(why, "expected a regular expression, found the end of the line");
			return false;
		}
		if (!good_regex(a.v[2].s, why))
			return false;
		rule.u.community.regex = conf_builder_str(d->b, a.v[2].s);
	} else if (!read_values(d, l->sub, a.v[2].s, &rule.u.community, why)) {
		return false;
	}
	put_rule(d, l, LIST_COMMUNITY, a.v[0].s ? a.v[0].n : 0, &rule);
	return true;
}

bool rule_aspath(struct draft *d, const struct words *w, size_t from, struct draft_list *l, struct sbuf *why)
{
	static const char *const forms[] = {"[seq <0-4294967295>] deny|permit LINE"};
	struct args a;
	struct draft_rule rule;
	if (form_of(w, from, forms, 1, &a, why) == 1)
		return false;
	if (!good_regex(a.v[2].s, why))
		return false;
	memset(&rule, 0, sizeof rule);
	rule.u.aspath.action = (uint8_t)a.v[1].n;
	rule.u.aspath.regex = conf_builder_str(d->b, a.v[2].s);
	put_rule(d, l, LIST_ASPATH, a.v[0].s ? a.v[0].n : 0, &rule);
	return true;
}

static const char *action(uint8_t a) { return a == CONF_PERMIT ? "permit" : "deny"; }

void rule_prefix_print(struct sbuf *b, const struct conf_prefix_rule *r, uint32_t before)
{
	if (r->seq != before / 5 * 5 + 5)
		sb_printf(b, "seq %u ", r->seq);
	sb_printf(b, "%s ", action(r->action));
	if (r->any) {
		sb_put(b, "any");
		return;
	}
	sb_prefix(b, &r->prefix);
	if (r->ge)
		sb_printf(b, " ge %u", r->ge);
	if (r->le)
		sb_printf(b, " le %u", r->le);
}

void rule_community_print(struct sbuf *b, const struct conf *c, uint8_t kind, const struct conf_community_rule *r)
{
	size_t size = community_size(kind);
	if (r->regex) {
		sb_printf(b, "expanded %s %s", action(r->action), conf_str(c, r->regex));
		return;
	}
	sb_put(b, action(r->action));
	for (uint32_t i = 0; i + size <= r->values.n; i += (uint32_t)size) {
		sb_put(b, " ");
		community_print(b, kind, conf_at(c, r->values, 1, i));
	}
}

void rule_aspath_print(struct sbuf *b, const struct conf *c, const struct conf_aspath_rule *r)
{
	sb_printf(b, "%s %s", action(r->action), conf_str(c, r->regex));
}
