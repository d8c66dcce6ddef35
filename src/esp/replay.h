/* The anti-replay window of an inbound SA (RFC 4303 3.4.3) over sequence numbers of 64 bits, and the upper half of those that travel
 * as 32 (ESN, RFC 4303 2.2.1, appendix A2). A ring of words (RFC 6479): moving it clears words, never shifts. No lock in here.
 * Internal to esp/. */
#ifndef ESP_REPLAY_H
#define ESP_REPLAY_H

#include "base/base.h"

enum { REPLAY_WINDOW_MAX = 4096 };
struct replay {
	uint64_t top;            /* the highest that was authenticated; 0: none */
	uint32_t window;         /* packets; 0: all that has a number passes */
	uint32_t words;          /* a power of two; more than the window needs */
	bool esn;
	uint64_t *word;
};

/* window beyond REPLAY_WINDOW_MAX is cut; with ESN one of 0 becomes 64, since the inference needs one. -ENOMEM. */
int replay_init(struct replay *r, struct mem *mem, uint32_t window, bool esn) MUST_USE;
void replay_fini(struct replay *r, struct mem *mem);
/* What a number on the wire stands for. 0, which no packet has: it can only be older than the first. */
uint64_t replay_infer(const struct replay *r, uint32_t low);

enum replay_verdict { REPLAY_FRESH, REPLAY_OLD, REPLAY_DUP };
uint8_t replay_check(const struct replay *r, uint64_t seq);
/* After authentication: checks again, since another copy may have been faster, and notes it. */
uint8_t replay_mark(struct replay *r, uint64_t seq);

#endif
