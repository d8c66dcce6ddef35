/* Communities as text (RFC 1997, 4360, 8092), and back. Internal to config/. */
#ifndef CONFIG_COMMUNITY_H
#define CONFIG_COMMUNITY_H

#include "model/model.h"

/* Octets of one value: 4, 8 or 12. */
size_t community_size(uint8_t kind);
/* One value, kind an enum conf_community_kind: "65000:1", "no-export", a number; "65000:1:2". Extended ones are
 * two words, the first is `type`: "rt" or "soo" and "65000:1", "192.0.2.1:1"; for the others it is NULL. */
bool community_parse(uint8_t kind, const char *type, const char *s, uint8_t out[12]) MUST_USE;
void community_print(struct sbuf *b, uint8_t kind, const uint8_t *v);
/* Ascending, each once; how many octets are left. */
size_t community_sort(uint8_t kind, uint8_t *v, size_t n);

#endif
