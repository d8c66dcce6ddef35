/* Prefix lists, AS path lists, community lists. A list is walked in order, the first rule that matches decides, none
 * denies (FRR). Patterns are compiled when a configuration comes; texts are made in a buffer that is only there
 * when the configuration
 * has a pattern. A text that does not fit is denied by any list that would have to read it. */
#include <errno.h>
#include <string.h>

#include "bgp/filter_int.h"
#include "bgp/regex.h"

enum { TEXT_MAX = 32768 }; /* an AS path of 2,900 numbers of ten digits */

struct bgp_filter_state {
	struct filter_tables *t; /* NULL: no configuration yet */
};
struct filter_tables {
	size_t size; /* of this block */
	uint32_t n_rx;
	struct regex **rx; /* of all AS path lists, then of all community lists; NULL: a rule without one */
	uint32_t *aspath_base, *community_base; /* index in rx of the list's first rule */
	bool *by_prefix;                        /* per route map */
	char *text;                             /* TEXT_MAX; NULL when there is no pattern */
};

static const struct conf_prefix_list *prefix_list(const struct bgp *b, uint32_t list)
{
	return b->cb && list ? conf_at(b->conf, b->cb->prefix_lists, sizeof(struct conf_prefix_list), list - 1) : NULL;
}

static const struct conf_aspath_list *aspath_list(const struct bgp *b, uint32_t list)
{
	return b->cb && list ? conf_at(b->conf, b->cb->aspath_lists, sizeof(struct conf_aspath_list), list - 1) : NULL;
}

static const struct conf_community_list *community_list(const struct bgp *b, uint32_t list)
{
	return b->cb && list ? conf_at(b->conf, b->cb->community_lists, sizeof(struct conf_community_list), list - 1)
	                     : NULL;
}

const char *filter_prefix_list_name(const struct bgp *b, uint32_t list)
{
	const struct conf_prefix_list *l = prefix_list(b, list);
	return l ? conf_str(b->conf, l->name) : "?";
}

const char *filter_aspath_list_name(const struct bgp *b, uint32_t list)
{
	const struct conf_aspath_list *l = aspath_list(b, list);
	return l ? conf_str(b->conf, l->name) : "?";
}

/* What every list says in the end. */
static bool verdict(struct sbuf *trace, const char *kind, const char *name, int rule, bool permit)
{
	if (trace && rule < 0)
		sb_printf(trace, "%s %s: no rule matches, denied\n", kind, name);
	else if (trace)
		sb_printf(trace, "%s %s: rule %d %s\n", kind, name, rule, permit ? "permits" : "denies");
	return permit;
}

/* --- Prefix lists --- */
static bool prefix_rule_matches(const struct conf_prefix_rule *r, const struct prefix *p)
{
	if (r->any)
		return true;
	uint8_t top = p->addr.family == AF_V4 ? 32 : 128;
	uint8_t lo = r->ge ? r->ge : r->prefix.len;
	uint8_t hi = r->le ? r->le : r->ge ? top : r->prefix.len;
	return p->addr.family == r->prefix.addr.family && p->len >= lo && p->len <= hi && p->len >= r->prefix.len &&
	       addr_in(&p->addr, &r->prefix);
}

bool filter_prefix_list(const struct bgp *b, uint32_t list, const struct prefix *p, struct sbuf *trace)
{
	if (list == 0)
		return true;
	const struct conf_prefix_list *l = prefix_list(b, list);
	const char *name = filter_prefix_list_name(b, list);
	if (!l)
		return false;
	if (l->rules.n == 0) {
		if (trace)
			sb_printf(trace, "prefix-list %s: empty, permits all\n", name);
		return true;
	}
	const struct conf_prefix_rule *r = conf_at(b->conf, l->rules, sizeof *r, 0);
	for (uint32_t i = 0; r && i < l->rules.n; i++) {
		if (prefix_rule_matches(&r[i], p))
			return verdict(trace, "prefix-list", name, (int)r[i].seq, r[i].action == CONF_PERMIT);
	}
	return verdict(trace, "prefix-list", name, -1, false);
}

/* --- AS path lists --- */
static bool pattern_matches(const struct filter_tables *t, uint32_t rx, const struct sbuf *text)
{
	return t && rx < t->n_rx && t->rx[rx] && rx_match(t->rx[rx], text->s, text->len);
}

static struct sbuf text_room(const struct bgp *b)
{
	const struct filter_tables *t = b->filter ? b->filter->t : NULL;
	return t && t->text ? sb_init(t->text, TEXT_MAX) : sb_init(NULL, 0);
}

bool filter_aspath_list(const struct bgp *b, uint32_t list, struct span as_path, struct sbuf *trace)
{
	if (list == 0)
		return true;
	const struct conf_aspath_list *l = aspath_list(b, list);
	struct sbuf text = text_room(b);
	if (!l)
		return false;
	if (!text.cut)
		sb_as_path(&text, as_path);
	for (uint32_t i = 0; i < l->rules.n && !text.cut; i++) {
		const struct conf_aspath_rule *r = conf_at(b->conf, l->rules, sizeof *r, i);
		if (r && pattern_matches(b->filter->t, b->filter->t->aspath_base[list - 1] + i, &text))
			return verdict(trace, "as-path access-list", conf_str(b->conf, l->name), (int)i + 1,
			               r->action == CONF_PERMIT);
	}
	return verdict(trace, "as-path access-list", conf_str(b->conf, l->name), -1, false);
}

/* --- Community lists --- */
size_t filter_community_size(uint8_t kind) { return kind == COMM_STANDARD ? 4 : kind == COMM_EXTENDED ? 8 : 12; }

static bool contains(struct span values, const uint8_t *value, size_t size)
{
	for (size_t i = 0; i + size <= values.n; i += size) {
		if (memcmp(&values.p[i], value, size) == 0)
			return true;
	}
	return false;
}

/* Whether all of `some` are in `all`. */
static bool subset(struct span some, struct span all, size_t size)
{
	for (size_t i = 0; i + size <= some.n; i += size) {
		if (!contains(all, &some.p[i], size))
			return false;
	}
	return true;
}

/* "internet", which is 0 and matches everything (RFC 1997 has no such community; routers do). */
static bool means_all(struct span rule, uint8_t kind)
{
	static const uint8_t internet[4];
	return rule.n == 0 || (kind == COMM_STANDARD && contains(rule, internet, 4));
}

static struct span rule_values(const struct bgp *b, const struct conf_community_rule *r)
{
	const void *p = r->values.n ? conf_at(b->conf, r->values, 1, 0) : NULL;
	return p ? SPAN(p, r->values.n) : (struct span){0};
}

struct community_question {
	const struct conf_community_list *l;
	uint32_t base; /* of the list's patterns */
	struct span values;
	bool exact;
	const struct sbuf *text;
};

static bool community_rule_matches(const struct bgp *b, const struct community_question *q, uint32_t i,
                                   const struct conf_community_rule *r)
{
	if (r->regex)
		return pattern_matches(b->filter->t, q->base + i, q->text);
	struct span rule = rule_values(b, r);
	size_t size = filter_community_size(q->l->kind);
	if (means_all(rule, q->l->kind))
		return true;
	return subset(rule, q->values, size) && (!q->exact || subset(q->values, rule, size));
}

static bool has_pattern(const struct bgp *b, const struct conf_community_list *l)
{
	for (uint32_t i = 0; i < l->rules.n; i++) {
		const struct conf_community_rule *r = conf_at(b->conf, l->rules, sizeof *r, i);
		if (r && r->regex)
			return true;
	}
	return false;
}

static int community_first(const struct bgp *b, uint32_t list, struct span values, bool exact, bool *permit)
{
	const struct conf_community_list *l = community_list(b, list);
	const struct filter_tables *t = b->filter ? b->filter->t : NULL;
	struct sbuf text = sb_init(NULL, 0);
	*permit = false;
	if (!l || !t)
		return -1;
	bool patterns = has_pattern(b, l);
	if (patterns) {
		text = text_room(b);
		sb_communities(&text, l->kind, values);
	}
	struct community_question q = {
		.l = l, .base = t->community_base[list - 1], .values = values, .exact = exact, .text = &text};
	for (uint32_t i = 0; i < l->rules.n && !(patterns && text.cut); i++) {
		const struct conf_community_rule *r = conf_at(b->conf, l->rules, sizeof *r, i);
		if (r && community_rule_matches(b, &q, i, r)) {
			*permit = r->action == CONF_PERMIT;
			return (int)i + 1;
		}
	}
	return -1;
}

bool filter_community_list(const struct bgp *b, uint32_t list, struct span values, bool exact, struct sbuf *trace)
{
	const struct conf_community_list *l = community_list(b, list);
	bool permit;
	int rule = community_first(b, list, values, exact, &permit);
	return verdict(trace, "community-list", l ? conf_str(b->conf, l->name) : "?", rule, permit);
}

bool filter_community_one(const struct bgp *b, uint32_t list, struct span value)
{
	bool permit;
	(void)community_first(b, list, value, false, &permit);
	return permit;
}

/* --- Compiling --- */
static void tables_free(struct bgp *b, struct filter_tables *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n_rx; i++)
		rx_free(b->env.mem, t->rx[i]);
	if (t->text)
		mem_put(b->env.mem, t->text, TEXT_MAX);
	mem_put(b->env.mem, t, t->size);
}

static uint32_t count_rules(const struct bgp *b)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < b->cb->aspath_lists.n; i++)
		n += aspath_list(b, i + 1)->rules.n;
	for (uint32_t i = 0; i < b->cb->community_lists.n; i++)
		n += community_list(b, i + 1)->rules.n;
	return n;
}

static struct filter_tables *tables_new(const struct bgp *b)
{
	uint32_t n = count_rules(b), lists = b->cb->aspath_lists.n + b->cb->community_lists.n;
	struct filter_tables *t;
	size_t size = sizeof *t + n * sizeof t->rx[0] + lists * sizeof(uint32_t) + b->cb->route_maps.n * sizeof(bool);
	t = mem_get(b->env.mem, size);
	if (!t)
		return NULL;
	t->size = size;
	t->n_rx = n;
	t->rx = (struct regex **)(t + 1);
	t->aspath_base = (uint32_t *)(t->rx + n);
	t->community_base = t->aspath_base + b->cb->aspath_lists.n;
	t->by_prefix = (bool *)(t->community_base + b->cb->community_lists.n);
	return t;
}

/* One pattern. A bad one, which config/ should have refused, matches nothing. */
static int add_pattern(struct bgp *b, struct filter_tables *t, uint32_t at, conf_ref regex)
{
	char why[128];
	struct sbuf sb = SB(why);
	if (!regex)
		return 0;
	if (!t->text && !(t->text = mem_get(b->env.mem, TEXT_MAX)))
		return -ENOMEM;
	int err = rx_new(b->env.mem, conf_str(b->conf, regex), &t->rx[at], &sb);
	if (err == -EINVAL)
		act_note(b, -1, "pattern \"%s\": %s; it matches nothing", conf_str(b->conf, regex), why);
	return err == -ENOMEM ? err : 0;
}

static int add_patterns(struct bgp *b, struct filter_tables *t)
{
	uint32_t at = 0;
	int err = 0;
	for (uint32_t i = 0; i < b->cb->aspath_lists.n; i++) {
		const struct conf_aspath_list *l = aspath_list(b, i + 1);
		t->aspath_base[i] = at;
		for (uint32_t j = 0; j < l->rules.n && !err; j++) {
			const struct conf_aspath_rule *r = conf_at(b->conf, l->rules, sizeof *r, j);
			err = add_pattern(b, t, at + j, r->regex);
		}
		at += l->rules.n;
	}
	for (uint32_t i = 0; i < b->cb->community_lists.n; i++) {
		const struct conf_community_list *l = community_list(b, i + 1);
		t->community_base[i] = at;
		for (uint32_t j = 0; j < l->rules.n && !err; j++) {
			const struct conf_community_rule *r = conf_at(b->conf, l->rules, sizeof *r, j);
			err = add_pattern(b, t, at + j, r->regex);
		}
		at += l->rules.n;
	}
	return err;
}

int filter_compile(struct bgp *b)
{
	filter_free(b);
	if (!b->cb)
		return 0;
	struct filter_tables *t = tables_new(b);
	if (!t)
		return -ENOMEM;
	int err = add_patterns(b, t);
	if (err) {
		tables_free(b, t);
		return err;
	}
	for (uint32_t i = 0; i < b->cb->route_maps.n; i++)
		t->by_prefix[i] = map_by_prefix(b, i + 1, 0);
	b->filter->t = t;
	return 0;
}

void filter_free(struct bgp *b)
{
	tables_free(b, b->filter->t);
	b->filter->t = NULL;
}

bool filter_map_by_prefix(const struct bgp *b, uint32_t map)
{
	const struct filter_tables *t = b->filter ? b->filter->t : NULL;
	return map && (!t || map > b->cb->route_maps.n || t->by_prefix[map - 1]);
}

int filter_init(struct bgp *b)
{
	b->filter = mem_get(b->env.mem, sizeof *b->filter);
	return b->filter ? 0 : -ENOMEM;
}

void filter_fini(struct bgp *b)
{
	if (!b->filter)
		return;
	filter_free(b);
	mem_put(b->env.mem, b->filter, sizeof *b->filter);
	b->filter = NULL;
}
