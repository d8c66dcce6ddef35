/* The words of filters: `match` and `set` clauses of route maps, rules of lists, as FRR writes them. An frr.conf has them
 * behind their keyword, a gretel.conf as texts: match = ["ip address prefix-list home"]. Internal to config/. */
#ifndef CONFIG_CLAUSE_H
#define CONFIG_CLAUSE_H

#include "config/draft.h"
#include "config/words.h"

/* What a parse needs besides its words: where it stands, for what it names. */
struct clause_place {
	struct draft *d;
	unsigned line;
	const struct cfg_node *at;
	const char *path;
};
/* Each returns false with a sentence in why ("expected ..., found ..."): the words from index `from` on are not good.
 * no: the clause is taken away. */
bool clause_match(const struct clause_place *c, const struct words *w, size_t from, bool no, struct draft_entry *e,
                  struct sbuf *why) MUST_USE;
bool clause_set(const struct clause_place *c, const struct words *w, size_t from, bool no, struct draft_entry *e,
                struct sbuf *why) MUST_USE;
/* [seq N] permit|deny ...; for communities and as paths a leading [expanded]. */
bool rule_prefix(struct draft *d, const struct words *w, size_t from, struct draft_list *l, struct sbuf *why) MUST_USE;
bool rule_community(struct draft *d, const struct words *w, size_t from, bool expanded, struct draft_list *l,
                    struct sbuf *why) MUST_USE;
bool rule_aspath(struct draft *d, const struct words *w, size_t from, struct draft_list *l, struct sbuf *why) MUST_USE;

/* The patterns of clauses, for the manual. */
const char *clause_words(bool set, size_t i); /* NULL beyond the end */
/* The same as texts. before: the seq of the rule before, 0 = none; a seq that follows by itself is not written. */
void clause_match_print(struct sbuf *b, const struct conf *c, const struct conf_clause *m);
void clause_set_print(struct sbuf *b, const struct conf *c, const struct conf_clause *s);
void rule_prefix_print(struct sbuf *b, const struct conf_prefix_rule *r, uint32_t before);
void rule_community_print(struct sbuf *b, const struct conf *c, uint8_t kind, const struct conf_community_rule *r);
void rule_aspath_print(struct sbuf *b, const struct conf *c, const struct conf_aspath_rule *r);

#endif
