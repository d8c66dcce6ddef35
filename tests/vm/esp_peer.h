/* The differential test of ESP: what is tested, and the ways to talk. See esp_peer.c. */
#ifndef TESTS_VM_ESP_PEER_H
#define TESTS_VM_ESP_PEER_H

#include "esp/esp.h"

enum { BATCH = 32, FRAME_ROOM = 9000, FRAME_MAX = 8800, CASES_MAX = 200 };

/* One pair of SAs between the kernel's 198.18.0.1 and our 198.18.1.N, with GRE in it. */
struct peer_case {
	unsigned n;              /* from 1 */
	struct suite suite;
	const struct algo *encr, *integ; /* integ NULL: AEAD */
	uint32_t window;
	uint64_t start;          /* the number before the first, in both directions */
	bool key, csum;          /* of GRE */
	char name[96];
};

struct dgram {
	uint8_t *p;
	size_t n;
};
struct dgrams {
	struct dgram v[BATCH + 1];
	size_t n;
};

struct peer {
	struct mem mem;
	struct crypto *crypto;
	struct esp *esp;
	struct esp_tx *tx;
	struct esp_rx *rx;
	int fd;
	/* The case at hand. */
	const struct peer_case *c;
	struct child_sa sa;
	uint32_t number;         /* of the next packet */
	uint32_t oldest;         /* that may be answered now */
	uint64_t answers;        /* echo replies that were right */
	uint64_t replayed, forged; /* datagrams that the kernel should have refused, of all cases */
	const char *why;         /* it failed */
};

/* esp_peer.c */
void peer_sa(const struct peer_case *c, struct child_sa *sa);

/* esp_peer_talk.c: each returns false with a reason in why. */
bool talk_open(struct peer *t);
/* The whole of a case: packets echoes, and what must be refused on either side. */
bool talk_case(struct peer *t, const struct peer_case *c, unsigned packets, bool edges);

#endif
