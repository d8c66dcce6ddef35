/* Front door of dataplane/: input and output around esp/, in the role esp. TUN devices (one per GRE interface) and UDP sockets for
 * the NAT-T port, as descriptors that priv has opened; batches both ways (IFF_VNET_HDR with TSO and USO, UDP_SEGMENT,
 * UDP_GRO, recvmmsg, sendmmsg); one or several worker threads.
 *
 *   worker    epoll over its queue of each device and its sockets: tun.c reads -> fq.c -> esp/ -> udp.c sends; udp.c receives -> esp/ -> tun.c
 *   control   (the role's own thread) changes devices and SAs: stops the workers between two batches, as dataplane_stop() says
 *
 * Datagrams with the non-ESP marker that turn up here (UDP_GRO appends them to a batch of ESP, RFC 3948 2.2) go to a socket pair
 * whose other end is ike's: struct dataplane_note, then the octets. ESP that the kernel delivered with an IKE datagram to ike's socket
 * comes back by the same pair. */
#ifndef DATAPLANE_DATAPLANE_H
#define DATAPLANE_DATAPLANE_H

#include "esp/esp.h"

struct dataplane;

/* What stands in front of a datagram on the pair between esp and ike. */
struct dataplane_note {
	struct endpoint from;
	struct addr to;
	uint8_t tos;
};

/* Starts the workers, which wait. They must exist before the sandbox closes, and have no privileges of their own then. -errno. All of this
 * is for one thread, control. wake_fd: becomes readable when there are events (dataplane_woken() before they are taken). */
int dataplane_new(const struct esp_env *env, struct dataplane **out) MUST_USE;
void dataplane_free(struct dataplane *d);
int dataplane_wake_fd(const struct dataplane *d);
void dataplane_woken(struct dataplane *d);
/* Between these no worker is inside; the engine may be changed. They do not nest, and the calls below are not made between them. */
struct esp *dataplane_stop(struct dataplane *d);
void dataplane_go(struct dataplane *d);
/* Descriptors are owned from now on, also when it fails. -EINVAL: there is no such worker, or not a queue for each. */
int dataplane_socket(struct dataplane *d, unsigned worker, uint8_t family, int fd) MUST_USE;
int dataplane_device(struct dataplane *d, const struct esp_device *conf, const int *fds, unsigned n) MUST_USE; /* a queue per worker; n 0: only changed */
void dataplane_device_del(struct dataplane *d, uint32_t id);
void dataplane_ike(struct dataplane *d, int fd); /* the pair, of datagrams or packets; replaces an earlier one; -1: none */

/* What devices and sockets did, beyond esp_drops(). */
struct dataplane_stats {
	uint64_t reads, writes;  /* frames of devices, to devices; one call each */
	uint64_t sends, receives; /* calls */
	uint64_t datagrams_in, datagrams_out;
	uint64_t to_ike, from_ike, ike_full;
	uint64_t device_full, socket_full;
};
void dataplane_stats(struct dataplane *d, struct dataplane_stats *out);

#endif
