/* What the parts of the canonical printer share: print.c (daemon, tunnels, secrets) and print_routing.c. Internal to config/. */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "config/schema.h"

/* A section while it is printed: which sub-group is open. */
struct print_place {
	struct cfg_buf *o;
	unsigned depth;
	char group[64]; /* "dpd", "" = none */
};

void print_indent(struct cfg_buf *o, unsigned depth);
/* The rows of s that are not their default; gre: those of the group gre, too. */
void print_rows(struct print_place *p, const struct conf *c, const struct cfg_section *s, const void *base, bool gre);
/* Whether libconfig takes it for the name of a setting. */
bool print_plain_name(const char *s);
/* A key as text in quotes where that reads back as the same octets, else in hexadecimal. */
void print_key(struct cfg_buf *o, const uint8_t *key, size_t n);
/* The section routing, when there is one. psks NULL: without keys. What is refused is said in a comment. */
void print_routing(struct cfg_buf *o, const struct conf *c, const struct psk_set *psks);

#endif
