/* A look-up of one name in a process of its own: resolvers are large, read files and talk to the network, so priv,
 * which holds the keys, does not run them. */
#ifndef DAEMON_NAMES_H
#define DAEMON_NAMES_H

#include "model/model.h"

enum { NAMES_MAX = 16 };

/* What the child sends back, once. */
struct names_answer {
	uint8_t n;
	struct addr v[NAMES_MAX];
	char why[128]; /* n = 0: the resolver's sentence */
};

/* Reads the child's answer and proves it. False: there is none that can be used; `why` of out says so. */
bool names_read(int fd, struct names_answer *out);

#endif
