/* Inner packets for the tests of esp/'s offloads, and what is said about the results: the plain checksum of RFC 1071, and an oracle that
 * takes frames apart again. Nothing here is cmocka's, so that fuzz targets and the benchmark use it too. */
#ifndef UNIT_ESP_PACKETS_H
#define UNIT_ESP_PACKETS_H

#include "esp/offload.h"

enum { PACKET_MAX = 65576 };

struct packet {
	bool v6, udp;
	uint8_t tos, ttl;
	uint16_t id;
	bool df;
	uint8_t host;            /* the last octet of its source */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint8_t options;         /* octets of TCP options, a multiple of 4 */
	uint8_t ext;             /* octets of IPv4 options (4), IPv6 destination options (8) */
	uint32_t len;            /* of the payload */
	uint32_t fill;           /* what the payload begins with; the octet at sequence number n is the same in every packet */
};
/* Writes it, with right checksums; PACKET_MAX octets have room. Its length. */
size_t packet_write(const struct packet *o, uint8_t *out);
/* As the host hands over a super-packet: the checksum begun. */
size_t packet_super(const struct packet *o, uint16_t gso_size, uint8_t *out, struct esp_vnet *v);
void packet_begin_sum(uint8_t *p, size_t n, struct esp_vnet *v);

/* RFC 1071 4.1, two octets at a time: folded, not inverted. */
uint16_t plain_sum(const uint8_t *p, size_t n);
/* NULL, or what is wrong with a whole packet: lengths, header checksum, transport checksum. */
const char *packet_wrong(const uint8_t *p, size_t n);
uint8_t *exact(const void *p, size_t n); /* a heap block of exactly this size; ends the process without memory */

/* A batch of packets through esp_merge, each in a block of its own, and back: what comes out are these packets, in order
 * within each flow, apart from the ID of packets that are never fragmented. NULL, or what is wrong. */
enum { BATCH_MAX = ESP_MERGE_PACKETS };
struct batch {
	uint32_t n;
	struct batch_packet { uint32_t device; uint8_t *p; size_t n; bool uso, seen; } v[BATCH_MAX];
	uint32_t frames, merged; /* results: frames; packets in frames of more than one */
};
void batch_add(struct batch *b, uint32_t device, const uint8_t *p, size_t n, bool uso);
const char *batch_check(struct batch *b, struct esp_merge *m);
void batch_free(struct batch *b);

#endif
