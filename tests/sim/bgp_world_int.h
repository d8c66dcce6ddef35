/* What the files of the world of BGP engines share. */
#ifndef BGP_WORLD_INT_H
#define BGP_WORLD_INT_H

#include "bgp_world.h"

/* Octets that end `dir` of a connection has written. */
void world_watch(struct world *w, struct world_conn *c, int dir, struct span data);
/* A speaker's configuration as it is wanted now; malloc'ed. */
struct conf *world_conf(struct world *w, int s);

#endif
