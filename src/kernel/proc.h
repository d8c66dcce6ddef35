/* Lines of proc(5). Pure; internal to kernel/. */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include "base/base.h"

/* A line of /proc/net/udp or udp6. True, and the inode of its socket, when it is bound to the port. */
bool proc_udp_line(const char *line, uint16_t port, uint64_t *inode);
/* "socket:[1234]" -> 1234, else 0. */
uint64_t proc_socket_inode(const char *link);

#endif
