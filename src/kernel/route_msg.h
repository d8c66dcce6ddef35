/* Routes, links and addresses as routing modules see them: rtnetlink messages to facts, and route changes to messages
 * (linux/rtnetlink.h). Pure. route.c decides what to send. */
#ifndef KERNEL_ROUTE_MSG_H
#define KERNEL_ROUTE_MSG_H

#include "kernel/kernel.h"
#include "kernel/nl.h"

/* Octets that the largest message of route_msg_put takes: ROUTE_HOPS_MAX next hops of IPv6. */
enum { ROUTE_MSG_MAX = 1024 };

/* RTM_NEWROUTE or RTM_DELROUTE at `at`, which is aligned to four and has ROUTE_MSG_MAX octets. Its length, aligned; 0:
 * the operation makes no message (no destination, too many next hops, a unicast route without any). */
size_t route_msg_put(void *at, const struct kernel_route_op *op, uint32_t seq, bool ack);
/* RTM_GETROUTE of one family, everything. */
void route_msg_dump(struct nlw *w, uint8_t family);
/* From RTM_NEWROUTE, NEWLINK, NEWADDR and their DELs. False: nothing that we tell, or malformed. */
bool route_fact_parse(const struct nl_msg *m, struct kernel_fact *out) MUST_USE;

#endif
