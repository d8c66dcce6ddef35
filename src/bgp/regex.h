/* Extended regular expressions over the text of AS paths and communities, as FRR's users write them: POSIX ERE, and
 * _ for
 * a border: (^|[,{}() ]|$). Compiled to a small program that is run for all its threads at once, so that no pattern
 * can take longer than its length times that of the text. Used by filter.c; bgp_regex_check() is the front door's. */
#ifndef BGP_REGEX_H
#define BGP_REGEX_H

#include "base/base.h"

enum {
	RX_PATTERN_MAX = 1024, /* octets */
	RX_INSNS_MAX = 4096,   /* of the program: bounds what {m,n} may multiply */
	RX_SETS_MAX = 128,     /* different bracket expressions */
	RX_DEPTH_MAX = 32,     /* parentheses inside parentheses */
	RX_REPEAT_MAX = 255,   /* of {m,n} */
};

struct regex;
/* 0; -EINVAL, with a sentence in *why when that is not NULL; -ENOMEM. */
int rx_new(struct mem *mem, const char *pattern, struct regex **out, struct sbuf *why) MUST_USE;
void rx_free(struct mem *mem, struct regex *r);
/* Whether the pattern occurs anywhere in the text. Uses room in *r: not from two threads at once. */
bool rx_match(struct regex *r, const char *text, size_t n);

#endif
