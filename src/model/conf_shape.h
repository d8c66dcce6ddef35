/* What the structs of the routing part refer to: a row per reference. The proof of a blob (conf_routing_check) and
 * the copy of one into another (config/) go by these rows, so that a new field is one row and no code. */
#ifndef MODEL_CONF_SHAPE_H
#define MODEL_CONF_SHAPE_H

#include "model/conf_routing.h"

enum conf_shape_id {
	SHAPE_OCTETS, SHAPE_U32, SHAPE_ADDR, SHAPE_ROUTING, SHAPE_BGP, SHAPE_PEER, SHAPE_NETWORK, SHAPE_AGGREGATE,
	SHAPE_REDISTRIBUTE, SHAPE_PREFIX_LIST, SHAPE_PREFIX_RULE, SHAPE_COMMUNITY_LIST, SHAPE_COMMUNITY_RULE,
	SHAPE_ASPATH_LIST, SHAPE_ASPATH_RULE, SHAPE_ROUTE_MAP, SHAPE_MAP_ENTRY, SHAPE_CLAUSE, SHAPE_STATIC, SHAPE_N
};
enum conf_part_kind {
	PART_TEXT,   /* conf_ref to a text */
	PART_STRUCT, /* conf_ref to one struct */
	PART_ARRAY,  /* struct conf_array of structs */
};
struct conf_part {
	uint16_t off;
	uint8_t kind;  /* enum conf_part_kind */
	uint8_t shape; /* enum conf_shape_id, not for texts */
};
struct conf_shape {
	size_t size;   /* of one struct */
	const struct conf_part *part;
	size_t n;
};
const struct conf_shape *conf_shape(uint8_t id);

/* The lists of filters, for fields that hold an index + 1. */
enum conf_list { LIST_NONE, LIST_PREFIX, LIST_COMMUNITY, LIST_ASPATH, LIST_MAP, LIST_N };
/* Which of them the u of a clause counts in. */
uint8_t conf_match_list(uint8_t match);
uint8_t conf_set_list(uint8_t set);
/* A field of a struct that holds an index + 1 (uint32_t). */
struct conf_index {
	uint8_t shape;
	uint16_t off;
	uint8_t list;  /* enum conf_list */
	uint8_t af;    /* of a prefix list: enum bgp_af; BGP_AF_N: either */
};
/* The rows of all such fields; the end has shape SHAPE_N. Clauses are not among them. */
const struct conf_index *conf_indices(void);

#endif
