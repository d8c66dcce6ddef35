/* A session of two engines that octets steer: messages mutated in the clear, messages mutated inside SK and sealed again
 * with the keys, SPIs and message IDs of the living SA, time, commands, facts. For a fuzzer and for a test with random
 * octets. */
#ifndef SIM_STORM_H
#define SIM_STORM_H

#include <stddef.h>
#include <stdint.h>

struct storm_count {
	unsigned clear, inner; /* mutated messages thrown */
	unsigned answered;     /* sealed requests that got an answer */
	unsigned requests;     /* sealed requests */
	unsigned sessions;
};

/* Runs the octets to their end. Whatever they did: the kernel's books are right, everything ends when asked to, a new
 * tunnel can be set up, and no memory is left behind; else the story goes to stderr and the process aborts. */
void storm_run(const uint8_t *data, size_t n, struct storm_count *count);

#endif
