/* What the tests and the fuzz target of the BGP codec share: a text of everything that a message decodes to, and the property
 * "what decodes, encodes and decodes to the same". */
#ifndef TEST_BGP_TEXT_H
#define TEST_BGP_TEXT_H

#include "test_wire_util.h"

/* "as4 external v4 v6 addpath-v4 addpath-v6 ext-nexthop ext-message" in any order and selection. */
struct bgp_coding bgp_coding_of(const char *words);
/* One line per thing; of the message's own octets nothing is left out that a decoder yields. */
void sb_bgp_message(struct sbuf *b, struct span message, const struct bgp_coding *c);
/* False when something that decodes does not survive encoding: OPEN, NOTIFICATION, ROUTE-REFRESH, the canonical form of
 * attributes (canon -> view -> canon), and whole UPDATEs, in the message's own coding and to a peer without AS4. */
bool bgp_again(struct span message, const struct bgp_coding *c);

#endif
