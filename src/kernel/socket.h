/* Talking to the kernel: the one place with netlink sockets. Internal to kernel/. */
#ifndef KERNEL_SOCKET_H
#define KERNEL_SOCKET_H

#include "kernel/kernel.h"
#include "kernel/nl.h"

enum nl_bus { BUS_XFRM, BUS_ROUTE, N_BUSES };

/* A socket of a bus, bound; *out NULL and 0: the kernel has no such bus. flags: SOCK_NONBLOCK or 0. ask: one that waits for answers
 * for a bounded time, with the kernel's sentences. */
int nl_socket(enum nl_bus b, int flags, struct mnl_socket **out) MUST_USE;
int nl_socket_ask(enum nl_bus b, struct mnl_socket **out) MUST_USE;
/* One datagram of the kernel. Its octets, or -errno; -EAGAIN: none. Others' datagrams are read and dropped. */
ssize_t nl_receive(const struct mnl_socket *s, void *buf, size_t size);

/* Called for each message of an answer; 0, or -errno, which becomes the result (the rest is read and dropped). */
typedef int nl_reply_fn(void *ctx, const struct nl_msg *m);

/* Sends a request and waits for its acknowledgement, or, for NLM_F_DUMP, for the end of the dump. reply may be
 * NULL. 0 or -errno: what the kernel said, what reply said, -EMSGSIZE for a request that did not fit, -EPROTONOSUPPORT
 * when the kernel has no such bus. A dump that was disturbed is -EINTR: start over. */
int nl_request(struct kernel *k, enum nl_bus bus, struct nlw *w, nl_reply_fn *reply, void *ctx) MUST_USE;

/* A batch of nf_tables messages (mss.c), begin and end included, on a socket of its own. All of it happens, or nothing. */
int nl_nft_batch(const void *msgs, size_t n) MUST_USE;

#endif
