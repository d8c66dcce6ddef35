/* A line in words, and patterns of words, as FRR's statements are written down in its manual. Used for whole statements
 * of an frr.conf and for the rules and clauses of filters in a gretel.conf. Internal to config/.
 *
 * A pattern is a list of elements with a blank between:
 *
 *   word            this word, or what abbreviates it
 *   a|b|c           one of these; kept, with its place (0, 1, ...) as number
 *   <1-255>         a number in this range; kept
 *   ADDR ADDR4 ADDR6, PREFIX4 PREFIX6    an address, a prefix with its length; kept
 *   ASN             a number of an AS, also as 1.10; kept
 *   WORD            any word; kept
 *   LINE            all that is left, at least a word, with single blanks; kept
 *   ...             all that is left, or nothing; not kept
 *   [x y]           elements that may be missing together; what they would keep is there, but empty (s is NULL)
 *
 * Kept values stand in args in the order of the pattern. */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

#include "config/arena.h"
#include "model/model.h"

enum { WORDS_MAX = 256, ARGS_MAX = 12 };

struct words {
	struct arena *arena;      /* for LINE */
	const char *w[WORDS_MAX];
	size_t n;
};
struct arg {
	const char *s;            /* the word; NULL: it was not given */
	uint32_t n;               /* a number, or which of alternatives */
	struct prefix p;          /* an address or prefix; host bits are cleared */
};
struct args {
	struct arg v[ARGS_MAX];
	size_t n;
};

/* False: more than WORDS_MAX words, or no memory (arena->bad). */
bool words_split(struct words *out, struct arena *a, const char *line, size_t n) MUST_USE;
/* What came of holding words against a pattern. */
struct words_fit {
	bool ok;
	unsigned abbreviated;     /* how many words were cut short */
	size_t reached;           /* !ok: the word (index) that did not fit */
	const char *wanted;       /* !ok: the element that stood there; "" = the end. Ends at a blank or ] */
	const char *other;        /* !ok: another that could have stood there; NULL: none */
};
/* Holds the words from index `from` on against a pattern. Behind a leading `no`, kept values at the end may be missing. */
struct words_fit words_match(const struct words *w, size_t from, const char *pattern, bool no, struct args *out);

/* What was expected of a line that fits none of many patterns: collected pattern by pattern, then said in a sentence,
 * "expected A or B, found C", or which word it may have been. */
struct words_best {
	size_t reached;
	const char *wanted[8];    /* elements, each once */
	unsigned n, more;         /* more: that had no room */
	const char *near;         /* the one that looks most like what stands there; NULL: none does */
	size_t near_by;
};
void words_best_note(struct words_best *b, const struct words *w, const struct words_fit *f);
void words_best_say(const struct words_best *b, const struct words *w, struct sbuf *why);
/* How many letters are to be changed, put in or taken out, or neighbors to be swapped, until a is b, whatever their case;
 * SIZE_MAX: they are too long to say. */
size_t words_distance(const char *a, const char *b, size_t b_len);

#endif
