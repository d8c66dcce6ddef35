/* What the tables of a world of speakers must be once it is quiet, computed anew from nothing but the links, the sessions and
 * the networks: rounds of "everybody tells everybody" until nothing changes. Shares no code with bgp/. */
#ifndef BGP_ORACLE_H
#define BGP_ORACLE_H

#include "bgp_world.h"

struct oracle_best {
	bool have, local;
	int from;                /* speaker whose session it came by; -1 local */
	int link;                /* of that session */
	int origin;              /* speaker that announced it first */
	int next_link, next_end; /* whose address is the next hop */
	int cluster[WORLD_SPEAKERS];
	int n_cluster;
};
struct oracle {
	size_t n;
	uint32_t addr[WORLD_PREFIXES];
	uint8_t len[WORLD_PREFIXES];
	struct oracle_best best[WORLD_SPEAKERS][WORLD_PREFIXES];
	bool stable;             /* false: no order of events leads to rest; nothing can be expected */
};

/* How far the network of a link is from s: 0 its own, 10 + the number of the link that leads to one of its ends; -1: out of
 * reach. */
int oracle_distance(const struct world *w, int s, int target);
void oracle_run(const struct world *w, struct oracle *o);

#endif
