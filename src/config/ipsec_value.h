/* The value syntaxes of ipsec.conf. Each reader takes the text of a value and where
 * to put it, and returns NULL, or what was expected instead ("a time such as 30s").
 * Nothing is put when it fails. Internal to config/. */
#ifndef CONFIG_IPSEC_VALUE_H
#define CONFIG_IPSEC_VALUE_H

#include "model/model.h"

/* A word of an enumeration. `refuse` is set on words that are understood and cannot
 * be used: the reason, with what to write instead. A NULL name ends the list. */
struct value_word {
	const char *name;
	uint8_t value;
	const char *refuse;
};

struct value_port {
	uint8_t proto;      /* 0 = any */
	uint16_t lo, hi;    /* 0..65535 = any; lo > hi = %opaque */
};

typedef const char *value_read(const char *text, void *to, const struct value_word *words, struct sbuf *why);

/* to: bool; uint8_t; dur_t; uint32_t (N%); uint8_t; uint16_t; uint32_t; uint64_t. */
value_read value_bool, value_word, value_time, value_percent, value_dscp, value_u16, value_u32, value_u64;
value_read value_tries;      /* uint32_t: N or %forever = 0 */
value_read value_window;     /* int64_t: N or -1 */
value_read value_mark;       /* uint32_t[2]: value and mask */
value_read value_protoport;  /* struct value_port */
value_read value_ifname;     /* char[16] */
value_read value_prefixes;   /* struct conf_gre: address, n_addresses */
value_read value_addr;       /* struct addr */
value_read value_mtu;        /* uint16_t */
value_read value_ttl;        /* uint8_t; inherit = 0 */

/* A whole decimal number of at most max; false when it is not one. */
bool value_number(const char *text, size_t n, uint64_t max, uint64_t *out) MUST_USE;
/* The next item of a list with commas: from *at on, blanks around it dropped; false at the end. */
bool value_item(const char **at, const char **item, size_t *n);
/* "yes, no or maybe" */
void sb_words(struct sbuf *b, const struct value_word *words);

extern const struct value_word value_yes_no[];

#endif
