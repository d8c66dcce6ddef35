/* What filter.c, map.c and edit.c share with each other and with aggregate.c. */
#ifndef BGP_FILTER_INT_H
#define BGP_FILTER_INT_H

#include "bgp/bgp_int.h"

#define HAS(type) ((uint64_t)1 << (type))

/* Octets of one community of a kind: 4, 8, 12. */
size_t filter_community_size(uint8_t kind /* enum conf_community_kind */);
/* list: index + 1. exact: the attribute has nothing beside what the rule lists. */
bool filter_community_list(const struct bgp *b, uint32_t list, struct span values, bool exact, struct sbuf *trace);
/* `comm-list L delete`: whether the list permits this one community. */
bool filter_community_one(const struct bgp *b, uint32_t list, struct span value);
/* Names for explain; "?" when there is no such list. */
const char *filter_map_name(const struct bgp *b, uint32_t map);
const char *filter_prefix_list_name(const struct bgp *b, uint32_t list);
const char *filter_aspath_list_name(const struct bgp *b, uint32_t list);
/* Computed by map.c for filter_compile(). */
bool map_by_prefix(const struct bgp *b, uint32_t map, unsigned depth);

/* Both spans' communities, sorted, each once, in room of the edit; false: no room. `size` octets each. */
bool edit_union(struct bgp_edit *e, struct span x, struct span y, size_t size, struct span *out);
/* A copy with the numbers of `as` in front (host order, n of them); false: no room. RFC 4271 5.1.2 b. */
bool edit_prepend(struct bgp_edit *e, const uint32_t *as, size_t n);
/* A copy without them. */
bool edit_exclude(struct bgp_edit *e, const uint32_t *as, size_t n);

#endif
