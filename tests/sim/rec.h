/* Reads tests/recordings/NAME.rec; the README there has the format. For test programs with cmocka: what cannot be
 * read fails the test. */
#ifndef SIM_REC_H
#define SIM_REC_H

#include "wire/wire.h"

enum { REC_KEYS = 80, REC_PACKETS = 40 };

struct rec_packet {
	char from; /* 'I' or 'R' */
	uint16_t port;
	struct span data; /* exact size, on the heap */
	char name[200];   /* what the initiator's log calls it */
};

struct rec {
	struct {
		char name[32];
		struct span v;
	} key[REC_KEYS];
	size_t n_keys;
	struct rec_packet packet[REC_PACKETS];
	size_t n_packets;
};

/* The recordings, NULL at the end. */
extern const char *const rec_names[];

struct rec *rec_load(const char *dir, const char *name);
void rec_free(struct rec *r);
/* {NULL, 0} when there is none. */
struct span rec_key(const struct rec *r, const char *name);
struct span rec_key2(const struct rec *r, const char *prefix, const char *name);
uint64_t rec_u64(struct span s);
/* The last IKE_SA_INIT message of this end: those before were answered with COOKIE or INVALID_KE_PAYLOAD. */
struct span rec_init(const struct rec *r, char from);
/* The suite that an SA payload with one proposal names. */
struct suite rec_suite(struct span sa_body);

#endif
