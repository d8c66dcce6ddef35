/* Requests about one link, answered: what gre.c and tun.c share. 0 or -errno. Internal to kernel/. */
#ifndef KERNEL_LINK_H
#define KERNEL_LINK_H

#include "kernel/link_msg.h"

enum { GRE_DEFAULT_MTU = 1400 };

int link_get(struct kernel *k, uint32_t ifindex, const char *name, struct link_info *out) MUST_USE; /* by one of the two; -ENODEV */
int link_set(struct kernel *k, uint32_t ifindex, uint32_t mtu, bool up) MUST_USE;                   /* mtu 0: as it is */
int link_queue(struct kernel *k, uint32_t ifindex, uint32_t frames); /* that wait to go out */
int link_del(struct kernel *k, uint32_t ifindex) MUST_USE;
/* The wanted addresses, with the peer where one is wanted. Others stay. */
int link_addresses_ensure(struct kernel *k, uint32_t ifindex, const struct conf_gre *want) MUST_USE;
/* The link with its addresses. */
int link_fill(struct kernel *k, const struct link_info *l, struct gre_link *out) MUST_USE;

#endif
