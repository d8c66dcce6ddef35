/* What the tests and the fuzz target of kernel/ share: octets from hex in blocks of exact size, and a text form of all
 * that the readers yield. */
#ifndef TEST_KERNEL_UTIL_H
#define TEST_KERNEL_UTIL_H

#include "kernel/link_msg.h"
#include "kernel/xfrm_msg.h"

/* Heap blocks of exactly the size; kernel_put() them. Blanks and newlines in the text do not count, lines with #
 * neither. */
struct span kernel_hex(const char *text);
struct span kernel_copy(struct span s);
void kernel_put(struct span s);

/* One line per message of a datagram: "refused" for one that its reader does not take, "malformed" last when the
 * datagram itself is. xfrm: which of the two buses it came from (their numbers of types overlap). */
void sb_kernel_datagram(struct sbuf *b, struct span datagram, bool xfrm);

#endif
