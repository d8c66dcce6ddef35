/* Inside esp/: what a network card would do for a device. Super-packets of the host become packets (split.c), packets of one
 * flow become super-packets for the host (merge.c), and who sent too much is told (icmp.c). These see inner packets only: no
 * ESP, GRE or SA.
 *
 *   split   a frame from the device and its vnet header, both untrusted -> packets with whole checksums, written where the caller says
 *   merge   packets in the order of their coming -> frames, each a list of pieces: nothing is copied */
#ifndef ESP_OFFLOAD_H
#define ESP_OFFLOAD_H

#include "esp/esp.h"

enum { IP_TCP = 6, IP_UDP = 17, IP_ICMP = 1, IP_ICMP6 = 58 };
enum { IP4_HDR = 20, IP6_HDR = 40, TCP_HDR = 20, UDP_HDR = 8 };
/* The low octet of a TCP header's 12th and 13th; RFC 9293 3.1. */
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_URG = 0x20, TCP_CWR = 0x80 };

/* --- l4.c: where the headers of an inner packet end --- */
struct l4 {
	bool v4;
	uint8_t proto;           /* behind IPv6 extension headers */
	uint16_t at;             /* where its header begins */
	uint32_t total;          /* the packet's length by its header */
	bool fragment, later;    /* part of a packet; not its first part */
};
/* False: malformed, or more extension headers than anybody sends. What follows is not looked at, and may be nothing. */
bool l4_find(const uint8_t *p, size_t n, struct l4 *out) MUST_USE;

/* --- split.c: towards the peer --- */
struct esp_split {
	uint32_t packets;        /* how many there are: 1 or more. Up to 65,535 when the frame has octets and gso_size 1 */
	uint32_t most;           /* octets of the longest, the first */
	/* the rest is split.c's own */
	const uint8_t *frame;
	uint32_t n, seg;
	uint16_t l4, hdr;
	bool v4, tcp, sum_wanted;
	uint32_t sum_ip, sum_l4; /* of what all packets have in common */
};
/* Looks at a frame with gso and readies s; the frame stays as it is until the last packet was written. Returns a drop:
 * ESP_DROP_N: it can be split; ESP_DROP_INNER: not the packet that it says; ESP_DROP_GSO: cannot be split like this. hdr_len of the
 * vnet header is a hint, and not looked at. */
uint8_t esp_split_begin(struct esp_split *s, const uint8_t *frame, size_t n, const struct esp_vnet *v) MUST_USE;
/* Writes packet i, counted from 0, to `to`, where s->most octets have room and nothing of the frame lies. Returns its length. In
 * any order: s does not change. TCP: sequence number, FIN and PSH on the last only, CWR on the first only (RFC 3168 6.1.2); IPv4: ID
 * counts up; checksums are whole. */
uint32_t esp_split_packet(const struct esp_split *s, uint32_t i, uint8_t *to);
/* A frame without gso whose transport checksum is only begun (v->csum): completes it in place. ESP_DROP_N: done. */
uint8_t esp_sum_complete(uint8_t *frame, size_t n, const struct esp_vnet *v) MUST_USE;

/* --- merge.c: towards the device --- */
enum {
	ESP_MERGE_PACKETS = 512, /* of one batch */
	ESP_MERGE_PIECES = 64,   /* of one frame */
	ESP_MERGE_OCTETS = 65535,
};
struct esp_merge;
struct esp_merge *esp_merge_new(struct mem *mem); /* NULL: no memory */
void esp_merge_free(struct mem *mem, struct esp_merge *m);
/* Adds an inner packet, which stays where it is, unchanged but by this, until all frames are taken. uso: the device takes UDP
 * super-packets; the same for all of its packets. False: no room; it was not added. A packet that is malformed, a fragment, wrong in its checksum or of another
 * protocol becomes a frame of its own, as it came. Order within a flow is kept. */
bool esp_merge_put(struct esp_merge *m, uint32_t device, uint8_t *p, size_t n, bool uso) MUST_USE;
/* After the last packet: the next frame, in the order of their first packets; NULL: all are taken, and m is empty. The frame is
 * there until the next call, its pieces are until m is empty. */
const struct esp_frame *esp_merge_next(struct esp_merge *m);

/* --- icmp.c --- */
enum { ESP_ICMP_MAX = 1280 };
/* Writes the answer to the sender of an inner packet of n octets that is longer than mtu: RFC 792 and 1191 "fragmentation needed",
 * RFC 4443 3.2 "packet too big". Returns its length, 0 when nothing may be said: an IPv4 packet that may be fragmented, ICMP
 * errors, fragments but the first, a source that is no single host, IPv4 multicast and broadcast, malformed headers.
 *
 * from: its source, NULL or another family: the packet's destination. Not an address of this host: its kernel drops packets
 * from outside that claim to be its own. mtu below 1280 is told as 1280 in IPv6 (RFC 8200 5). How often is the caller's business. */
size_t esp_icmp_too_big(uint8_t out[ESP_ICMP_MAX], const uint8_t *packet, size_t n, uint32_t mtu, const struct addr *from);

#endif
