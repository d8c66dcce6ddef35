/* What the files of views share. A view is one JSON document, written as the tables are walked; destinations are
 * sorted first, since the
 * tables are hashed and readers expect order. */
#ifndef BGP_SHOW_INT_H
#define BGP_SHOW_INT_H

#include "bgp/policy_int.h"

struct show {
	struct bgp *b;
	mono_t now;
	int64_t wall_s; /* at now */
	struct jsonw w;
};
/* A destination's numbers in the order of prefixes. NULL: no memory; *n of them, to be given back with
 * show_sorted_free(). */
uint32_t *show_sorted(struct bgp *b, const struct bgp_table *t, uint32_t *n);
void show_sorted_free(struct bgp *b, uint32_t *ids, uint32_t n);
/* The usable path that would be chosen without the best one, and the step of the decision between the two, as FRR
 * names it. */
const char *show_reason(const struct bgp *b, const struct bgp_table *t, const struct bgp_dest *d);
/* The paths of a destination, the best first: *cursor begins at 0; false: no more. */
bool show_next_path(const struct bgp_table *t, const struct bgp_dest *d, uint32_t *cursor, uint32_t *id);

void show_addr(struct show *s, const char *key, const struct addr *a);
void show_id(struct show *s, const char *key, uint32_t id); /* a router id: dotted */
void show_prefix(struct show *s, const char *key, const struct prefix *p);
void show_time(struct show *s, const char *key, int64_t epoch);         /* {"epoch":..,"string":".."}, UTC */
void show_lines(struct show *s, const char *key, const struct sbuf *b); /* an array of the lines */
/* The wall clock's second of a moment that the engine noted. */
int64_t show_epoch(const struct show *s, mono_t at);
/* "00:00:41", "1d02h03m", "02w3d04h", as FRR has it. */
void show_uptime(char out[24], int64_t seconds);
const char *show_origin(uint8_t origin);
const char *show_af(uint8_t af); /* "ipv4Unicast" */
/* The next hop of a set of attributes; 0.0.0.0 or :: for our own. */
struct addr show_next_hop(const struct bgp_attr *a, uint8_t af);
/* Our own name for local paths, the peer's for others; "" when there is none. */
const char *show_host(const struct bgp *b, const struct bgp_path *p);

/* --- documents --- */
void show_table(struct show *s, uint8_t af);
bool show_dest(struct show *s, const struct prefix *p, bool longest); /* false: there is no such destination */
enum show_adj { SHOW_RECEIVED, SHOW_ADVERTISED, SHOW_FILTERED, SHOW_ACCEPTED };
void show_adj(struct show *s, const struct bgp_peer *p, uint8_t af, uint8_t which);
void show_summary(struct show *s);
void show_neighbors(struct show *s, const struct bgp_peer *only);
void show_nexthops(struct show *s);
void show_routes(struct show *s);
void show_explain(struct show *s, const struct prefix *p, const struct bgp_peer *to);

#endif
