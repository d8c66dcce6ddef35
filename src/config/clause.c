/* `match` and `set` clauses of route maps: a row each, for reading and for writing. See clause.h. */
#include "config/clause.h"

#include <string.h>

#include "config/community.h"

enum value {
	V_NONE,
	V_FAMILY,     /* nothing but the family that `sub` says, in address */
	V_U,          /* the number or alternative that is kept */
	V_LIST,       /* a list's name; sub: its family or kind; [exact-match] */
	V_ADDR,
	V_METRIC,     /* N, +N, -N */
	V_COMMUNITIES,/* LINE, sub: their kind; a last word `additive`: what + 1 */
	V_EXT,        /* LINE, rt or soo by sub */
	V_AS,         /* LINE */
	V_AGGREGATOR,
	V_REFUSED,    /* text: what it needs that is not here */
};
struct clause_row {
	const char *words;
	uint8_t what;
	uint8_t value;
	uint8_t sub;
	uint8_t group; /* of these an entry has one; 0: one of each row */
	const char *text;
};
enum { GROUP_COMMUNITY = 1, GROUP_LARGE, GROUP_METRIC, GROUP_NEXT_HOP, GROUP_NEXT_HOP6 };
enum { EXT_RT, EXT_SOO };

static const struct clause_row match_rows[] = {
	{"ip address prefix-list WORD", MATCH_PREFIX_LIST, V_LIST, BGP_V4, 0, NULL},
	{"ipv6 address prefix-list WORD", MATCH_PREFIX_LIST, V_LIST, BGP_V6, 0, NULL},
	{"ip next-hop prefix-list WORD", MATCH_NEXT_HOP_LIST, V_LIST, BGP_V4, 0, NULL},
	{"ipv6 next-hop prefix-list WORD", MATCH_NEXT_HOP_LIST, V_LIST, BGP_V6, 0, NULL},
	{"ip next-hop address ADDR4", MATCH_NEXT_HOP, V_ADDR, AF_V4, 0, NULL},
	{"ipv6 next-hop address ADDR6", MATCH_NEXT_HOP, V_ADDR, AF_V6, 0, NULL},
	{"community WORD [exact-match|]", MATCH_COMMUNITY, V_LIST, COMM_STANDARD, 0, NULL},
	{"extcommunity WORD", MATCH_EXTCOMMUNITY, V_LIST, COMM_EXTENDED, 0, NULL},
	{"large-community WORD [exact-match|]", MATCH_LARGE_COMMUNITY, V_LIST, COMM_LARGE, 0, NULL},
	{"as-path WORD", MATCH_AS_PATH, V_LIST, 0, 0, NULL},
	{"local-preference <0-4294967295>", MATCH_LOCAL_PREF, V_U, 0, 0, NULL},
	{"metric <0-4294967295>", MATCH_METRIC, V_U, 0, 0, NULL},
	{"origin igp|egp|incomplete", MATCH_ORIGIN, V_U, 0, 0, NULL},
	{"tag <1-4294967295>", MATCH_TAG, V_U, 0, 0, NULL},
	{"peer ADDR", MATCH_PEER, V_ADDR, AF_NONE, 0, NULL},
	{"source-protocol connected|local|kernel|static", MATCH_SOURCE, V_U, 0, 0, NULL},
	{"ip address ...", 0, V_REFUSED, 0, 0, "ip address prefix-list NAME (access lists are not read)"},
	{"ipv6 address ...", 0, V_REFUSED, 0, 0, "ipv6 address prefix-list NAME (access lists are not read)"},
	{"ip next-hop ...", 0, V_REFUSED, 0, 0, "ip next-hop address A.B.C.D or prefix-list NAME"},
};

static const struct clause_row set_rows[] = {
	{"local-preference <0-4294967295>", SET_LOCAL_PREF, V_U, 0, 0, NULL},
	{"metric WORD", SET_METRIC, V_METRIC, 0, GROUP_METRIC, NULL},
	{"weight <0-4294967295>", SET_WEIGHT, V_U, 0, 0, NULL},
	{"origin igp|egp|incomplete", SET_ORIGIN, V_U, 0, 0, NULL},
	{"tag <1-4294967295>", SET_TAG, V_U, 0, 0, NULL},
	{"community none", SET_COMMUNITY_NONE, V_NONE, 0, GROUP_COMMUNITY, NULL},
	{"community LINE", SET_COMMUNITY, V_COMMUNITIES, COMM_STANDARD, GROUP_COMMUNITY, NULL},
	{"comm-list WORD delete", SET_COMMUNITY_DELETE, V_LIST, COMM_STANDARD, 0, NULL},
	{"extcommunity none", SET_EXTCOMMUNITY_NONE, V_NONE, 0, 0, NULL},
	{"extcommunity rt LINE", SET_EXTCOMMUNITY_ADD, V_EXT, EXT_RT, 0, NULL},
	{"extcommunity soo LINE", SET_EXTCOMMUNITY_ADD, V_EXT, EXT_SOO, 0, NULL},
	{"large-community none", SET_LARGE_COMMUNITY_NONE, V_NONE, 0, GROUP_LARGE, NULL},
	{"large-community LINE", SET_LARGE_COMMUNITY, V_COMMUNITIES, COMM_LARGE, GROUP_LARGE, NULL},
	{"large-comm-list WORD delete", SET_LARGE_COMMUNITY_DELETE, V_LIST, COMM_LARGE, 0, NULL},
	{"ip next-hop peer-address", SET_NEXT_HOP_SELF, V_FAMILY, AF_V4, GROUP_NEXT_HOP, NULL},
	{"ip next-hop unchanged", SET_NEXT_HOP_UNCHANGED, V_NONE, 0, GROUP_NEXT_HOP, NULL},
	{"ip next-hop ADDR4", SET_NEXT_HOP, V_ADDR, AF_V4, GROUP_NEXT_HOP, NULL},
	{"ipv6 next-hop peer-address", SET_NEXT_HOP_SELF, V_FAMILY, AF_V6, GROUP_NEXT_HOP6, NULL},
	{"ipv6 next-hop global ADDR6", SET_NEXT_HOP, V_ADDR, AF_V6, GROUP_NEXT_HOP6, NULL},
	{"as-path prepend LINE", SET_AS_PATH_PREPEND, V_AS, 0, 0, NULL},
	{"as-path exclude LINE", SET_AS_PATH_EXCLUDE, V_AS, 0, 0, NULL},
	{"atomic-aggregate", SET_ATOMIC_AGGREGATE, V_NONE, 0, 0, NULL},
	{"aggregator as ASN ADDR4", SET_AGGREGATOR, V_AGGREGATOR, 0, 0, NULL},
	{"originator-id ADDR4", SET_ORIGINATOR_ID, V_ADDR, AF_V4, 0, NULL},
};

/* --- Reading --- */

/* The values of a LINE into the builder, a blank between. */
static bool read_communities(struct draft *d, const struct clause_row *row, const char *line, struct conf_clause *c,
                             struct sbuf *why)
{
	uint8_t kind = row->value == V_EXT ? COMM_EXTENDED : row->sub, v[WORDS_MAX * 12];
	struct words w;
	size_t n = 0;
	if (!words_split(&w, d->arena, line, strlen(line)))
		return false;
	if (row->value == V_COMMUNITIES && w.n > 1 && strcmp(w.w[w.n - 1], "additive") == 0) {
		c->what = (uint8_t)(row->what + 1);
		w.n--;
	}
	for (size_t i = 0; i < w.n; i++, n += community_size(kind)) {
		const char *type = row->value == V_EXT ? row->sub == EXT_RT ? "rt" : "soo" : NULL;
		if (!community_parse(kind, type, w.w[i], v + n)) {
			sb_printf(why, "expected a community such as %s, found \"",
			          kind == COMM_LARGE ? "65000:1:2" : "65000:1");
			sb_escape(why, w.w[i], min_z(strlen(w.w[i]), 60));
			sb_put(why, "\"");
			return false;
		}
	}
	n = community_sort(kind, v, n);
	c->values = conf_builder_array(d->b, v, (uint32_t)n, 1);
	return true;
}

static bool read_as_path(struct draft *d, const char *line, struct conf_clause *c, struct sbuf *why)
{
	uint32_t v[WORDS_MAX];
	struct words w;
	if (!words_split(&w, d->arena, line, strlen(line)))
		return false;
	for (size_t i = 0; i < w.n; i++) {
		struct args a;
		if (!words_match(&(struct words){.arena = d->arena, .w = {w.w[i]}, .n = 1}, 0, "ASN", false, &a).ok) {
			sb_put(why, "expected numbers of ASes, found \"");
			sb_escape(why, w.w[i], min_z(strlen(w.w[i]), 60));
			sb_put(why, "\"");
			return false;
		}
		v[i] = a.v[0].n;
	}
	c->values = conf_builder_array(d->b, v, (uint32_t)(w.n * sizeof v[0]), 1);
	return true;
}

static bool read_metric(const struct words *w, const char *s, struct conf_clause *c, struct sbuf *why)
{
	struct args a;
	const char *digits = *s == '+' || *s == '-' ? s + 1 : s;
	c->what = *s == '+' ? SET_METRIC_ADD : *s == '-' ? SET_METRIC_SUB : SET_METRIC;
	if (!words_match(&(struct words){.arena = w->arena, .w = {digits}, .n = 1}, 0, "<0-4294967295>", false, &a).ok) {
		sb_put(why, "expected a number, +NUMBER or -NUMBER, found \"");
		sb_escape(why, s, min_z(strlen(s), 60));
		sb_put(why, "\"");
		return false;
	}
	c->u = a.v[0].n;
	return true;
}

static bool read_value(const struct clause_place *p, const struct clause_row *row, uint8_t list, const struct words *w,
                       const struct args *a, struct conf_clause *c, struct sbuf *why)
{
	c->what = row->what;
	switch (row->value) {
	case V_U:
		c->u = a->v[0].n;
		return true;
	case V_FAMILY:
		c->address.family = row->sub;
		return true;
	case V_LIST:
		c->u = conf_builder_str(p->d->b, a->v[0].s);
		c->exact = a->n > 1 && a->v[1].s;
		c->address.family = row->sub; /* until draft_finish */
		draft_mention(p->d, list, row->sub, c->u, p->line, p->at, p->path);
		return true;
	case V_ADDR:
		c->address = a->v[0].p.addr;
		return true;
	case V_METRIC:
		return read_metric(w, a->v[0].s, c, why);
	case V_AGGREGATOR:
		c->u = a->v[0].n;
		c->address = a->v[1].p.addr;
		return true;
	case V_COMMUNITIES:
	case V_EXT:
		return read_communities(p->d, row, a->v[0].s, c, why);
	case V_AS:
		return read_as_path(p->d, a->v[0].s, c, why);
	default:
		return true;
	}
}

/* --- Rows of clauses that are there --- */

/* Which row wrote this clause. sub: what the name's list is of; while it is a draft, it lies in address.family. */
static const struct clause_row *row_of(const struct clause_row *rows, size_t n, const struct conf_clause *c, uint8_t sub,
                                       const uint8_t *value)
{
	for (size_t i = 0; i < n; i++) {
		const struct clause_row *r = &rows[i];
		bool what = r->what == c->what || (r->value == V_COMMUNITIES && r->what + 1 == c->what) ||
		            (r->value == V_METRIC && (c->what == SET_METRIC_ADD || c->what == SET_METRIC_SUB));
		if (!what || r->value == V_REFUSED)
			continue;
		bool other = (r->value == V_LIST && r->sub != sub) ||
		             ((r->value == V_FAMILY || r->value == V_ADDR) && r->sub && r->sub != c->address.family) ||
		             (r->value == V_EXT && value && (value[1] == 2) != (r->sub == EXT_RT));
		if (!other)
			return r;
	}
	return NULL;
}

static bool same_place(const struct clause_row *a, const struct clause_row *b)
{
	return a == b || (b && a->group && a->group == b->group);
}

/* An entry has one clause of a row: a later one stands in for it (lib/routemap of FRR does so). */
static void drop_same(struct draft *d, struct draft_vec *v, const struct clause_row *rows, size_t n,
                      const struct clause_row *row)
{
	for (uint32_t i = v->n; i-- > 0;) {
		const struct conf_clause *c = DRAFT_AT(v, struct conf_clause, i);
		const uint8_t *value = c->values.n ? d->b->pool + c->values.at : NULL;
		if (same_place(row, row_of(rows, n, c, c->address.family, value)))
			draft_remove(v, sizeof *c, i);
	}
}

static bool read_clause(const struct clause_place *p, const struct clause_row *rows, size_t n, bool set,
                        const struct words *w, size_t from, bool no, struct draft_vec *v, struct sbuf *why)
{
	struct words_best best = {.n = 0};
	struct conf_clause c;
	memset(&c, 0, sizeof c);
	for (size_t i = 0; i < n; i++) {
		struct args a;
		struct words_fit f = words_match(w, from, rows[i].words, no, &a);
		if (!f.ok) {
			words_best_note(&best, w, &f);
			continue;
		}
		if (rows[i].value == V_REFUSED) {
			sb_printf(why, "expected %s", rows[i].text);
			return false;
		}
		uint8_t list = set ? conf_set_list(rows[i].what) : conf_match_list(rows[i].what);
		if (!no && !read_value(p, &rows[i], list, w, &a, &c, why))
			return false;
		drop_same(p->d, v, rows, n, &rows[i]);
		struct conf_clause *out = no ? NULL : draft_add(p->d, v, UINT32_MAX, sizeof c);
		if (out)
			memcpy(out, &c, sizeof c);
		return true;
	}
	words_best_say(&best, w, why);
	return false;
}

bool clause_match(const struct clause_place *c, const struct words *w, size_t from, bool no, struct draft_entry *e,
                  struct sbuf *why)
{
	return read_clause(c, match_rows, ARRAY_LEN(match_rows), false, w, from, no, &e->match, why);
}

bool clause_set(const struct clause_place *c, const struct words *w, size_t from, bool no, struct draft_entry *e,
                struct sbuf *why)
{
	return read_clause(c, set_rows, ARRAY_LEN(set_rows), true, w, from, no, &e->set, why);
}

/* --- Writing --- */

static void print_values(struct sbuf *b, const struct clause_row *row, const struct conf *c, const struct conf_clause *cl)
{
	uint8_t kind = row->value == V_EXT ? COMM_EXTENDED : row->sub;
	size_t size = row->value == V_AS ? sizeof(uint32_t) : community_size(kind);
	for (uint32_t i = 0; i + size <= cl->values.n; i += (uint32_t)size) {
		const uint8_t *p = conf_at(c, cl->values, 1, i);
		sb_put(b, i ? " " : "");
		if (row->value == V_AS) {
			uint32_t as;
			memcpy(&as, p, sizeof as);
			sb_printf(b, "%u", as);
		} else {
			char text[64];
			struct sbuf t = SB(text);
			community_print(&t, kind, p);
			/* rt and soo stand before all of them. */
			sb_put(b, row->value == V_EXT ? strchr(text, ' ') + 1 : text);
		}
	}
	if (row->value == V_COMMUNITIES && cl->what != row->what)
		sb_put(b, " additive");
}

static const char *list_name(const struct conf *c, uint8_t list, uint32_t i, uint8_t *sub)
{
	const struct conf_bgp *g = conf_bgp(c);
	if (list == LIST_PREFIX) {
		const struct conf_prefix_list *l = conf_at(c, g->prefix_lists, sizeof *l, i);
		*sub = l->af;
		return conf_str(c, l->name);
	}
	if (list == LIST_COMMUNITY) {
		const struct conf_community_list *l = conf_at(c, g->community_lists, sizeof *l, i);
		*sub = l->kind;
		return conf_str(c, l->name);
	}
	const struct conf_aspath_list *l = conf_at(c, g->aspath_lists, sizeof *l, i);
	*sub = 0;
	return conf_str(c, l->name);
}

/* The nth of a|b|c. */
static void put_alternative(struct sbuf *b, const char *e, uint32_t nth)
{
	while (nth-- && e[strcspn(e, "| ]")] == '|')
		e += strcspn(e, "|") + 1;
	sb_printf(b, "%.*s", (int)strcspn(e, "| ]"), e);
}

static void put_kept(struct sbuf *b, const struct clause_row *row, const struct conf *c, const struct conf_clause *cl,
                     const char *element, const char *name)
{
	if (row->value == V_LIST)
		sb_put(b, name);
	else if (row->value == V_ADDR || (row->value == V_AGGREGATOR && strncmp(element, "ADDR", 4) == 0))
		sb_addr(b, &cl->address);
	else if (row->value == V_METRIC)
		sb_printf(b, "%s%u", cl->what == SET_METRIC_ADD ? "+" : cl->what == SET_METRIC_SUB ? "-" : "", cl->u);
	else if (row->value == V_U && strchr(element, '|'))
		put_alternative(b, element, cl->u);
	else if (row->value == V_U || row->value == V_AGGREGATOR)
		sb_printf(b, "%u", cl->u);
	else
		print_values(b, row, c, cl);
}

static void print_clause(struct sbuf *b, const struct conf *c, const struct clause_row *rows, size_t n, bool set,
                         const struct conf_clause *cl)
{
	uint8_t list = set ? conf_set_list(cl->what) : conf_match_list(cl->what), sub = 0;
	const char *name = list ? list_name(c, list, cl->u - 1, &sub) : "";
	const struct clause_row *row = row_of(rows, n, cl, sub, conf_at(c, cl->values, 1, 0));
	for (const char *p = row ? row->words : ""; *p;) {
		size_t len = strcspn(p, " ");
		bool kept = (*p >= 'A' && *p <= 'Z') || *p == '<' || memchr(p, '|', len);
		if (*p == '[') {
			sb_put(b, cl->exact ? " exact-match" : "");
		} else {
			sb_put(b, p == row->words ? "" : " ");
			if (kept)
				put_kept(b, row, c, cl, p, name);
			else
				sb_printf(b, "%.*s", (int)len, p);
		}
		p += len + (p[len] == ' ');
	}
}

void clause_match_print(struct sbuf *b, const struct conf *c, const struct conf_clause *m)
{
	print_clause(b, c, match_rows, ARRAY_LEN(match_rows), false, m);
}

void clause_set_print(struct sbuf *b, const struct conf *c, const struct conf_clause *s)
{
	print_clause(b, c, set_rows, ARRAY_LEN(set_rows), true, s);
}

const char *clause_words(bool set, size_t i)
{
	const struct clause_row *rows = set ? set_rows : match_rows;
	size_t n = set ? ARRAY_LEN(set_rows) : ARRAY_LEN(match_rows);
	/* Those that are refused come last. */
	return i < n && rows[i].value != V_REFUSED ? rows[i].words : NULL;
}
