/* The rows of conf_shape.h. */
#include "model/conf_shape.h"

#define TEXT(type, member) {offsetof(struct type, member), PART_TEXT, SHAPE_OCTETS}
#define ARRAY(type, member, shape) {offsetof(struct type, member), PART_ARRAY, shape}

static const struct conf_part routing_parts[] = {
	TEXT(conf_routing, module), TEXT(conf_routing, frr_conf), TEXT(conf_routing, command), TEXT(conf_routing, options),
	TEXT(conf_routing, refused), {offsetof(struct conf_routing, bgp), PART_STRUCT, SHAPE_BGP},
	ARRAY(conf_routing, statics, SHAPE_STATIC),
};
static const struct conf_part bgp_parts[] = {
	ARRAY(conf_bgp, listen_on, SHAPE_ADDR), ARRAY(conf_bgp, peers, SHAPE_PEER),
	ARRAY(conf_bgp, networks, SHAPE_NETWORK), ARRAY(conf_bgp, aggregates, SHAPE_AGGREGATE),
	ARRAY(conf_bgp, redistribute, SHAPE_REDISTRIBUTE), ARRAY(conf_bgp, prefix_lists, SHAPE_PREFIX_LIST),
	ARRAY(conf_bgp, community_lists, SHAPE_COMMUNITY_LIST), ARRAY(conf_bgp, aspath_lists, SHAPE_ASPATH_LIST),
	ARRAY(conf_bgp, route_maps, SHAPE_ROUTE_MAP),
};
static const struct conf_part peer_parts[] = {
	TEXT(conf_bgp_peer, origin), TEXT(conf_bgp_peer, description), TEXT(conf_bgp_peer, group),
	TEXT(conf_bgp_peer, interface), TEXT(conf_bgp_peer, tunnel), TEXT(conf_bgp_peer, update_source_if),
	TEXT(conf_bgp_peer, shutdown_text),
};
static const struct conf_part network_parts[] = {TEXT(conf_bgp_network, origin)};
static const struct conf_part aggregate_parts[] = {TEXT(conf_bgp_aggregate, origin)};
static const struct conf_part prefix_list_parts[] = {
	TEXT(conf_prefix_list, name), ARRAY(conf_prefix_list, rules, SHAPE_PREFIX_RULE),
};
static const struct conf_part community_list_parts[] = {
	TEXT(conf_community_list, name), ARRAY(conf_community_list, rules, SHAPE_COMMUNITY_RULE),
};
static const struct conf_part community_rule_parts[] = {
	TEXT(conf_community_rule, regex), ARRAY(conf_community_rule, values, SHAPE_OCTETS),
};
static const struct conf_part aspath_list_parts[] = {
	TEXT(conf_aspath_list, name), ARRAY(conf_aspath_list, rules, SHAPE_ASPATH_RULE),
};
static const struct conf_part aspath_rule_parts[] = {TEXT(conf_aspath_rule, regex)};
static const struct conf_part route_map_parts[] = {
	TEXT(conf_route_map, name), ARRAY(conf_route_map, entries, SHAPE_MAP_ENTRY),
};
static const struct conf_part map_entry_parts[] = {
	TEXT(conf_map_entry, description), ARRAY(conf_map_entry, match, SHAPE_CLAUSE),
	ARRAY(conf_map_entry, set, SHAPE_CLAUSE),
};
static const struct conf_part clause_parts[] = {ARRAY(conf_clause, values, SHAPE_OCTETS)};
static const struct conf_part static_parts[] = {
	TEXT(conf_static_route, via_tunnel), TEXT(conf_static_route, dev), TEXT(conf_static_route, origin),
};

#define SHAPE(type, parts) {sizeof(struct type), parts, ARRAY_LEN(parts)}
static const struct conf_shape shapes[SHAPE_N] = {
	[SHAPE_OCTETS] = {1, NULL, 0},
	[SHAPE_U32] = {sizeof(uint32_t), NULL, 0},
	[SHAPE_ADDR] = {sizeof(struct addr), NULL, 0},
	[SHAPE_ROUTING] = SHAPE(conf_routing, routing_parts),
	[SHAPE_BGP] = SHAPE(conf_bgp, bgp_parts),
	[SHAPE_PEER] = SHAPE(conf_bgp_peer, peer_parts),
	[SHAPE_NETWORK] = SHAPE(conf_bgp_network, network_parts),
	[SHAPE_AGGREGATE] = SHAPE(conf_bgp_aggregate, aggregate_parts),
	[SHAPE_REDISTRIBUTE] = {sizeof(struct conf_bgp_redistribute), NULL, 0},
	[SHAPE_PREFIX_LIST] = SHAPE(conf_prefix_list, prefix_list_parts),
	[SHAPE_PREFIX_RULE] = {sizeof(struct conf_prefix_rule), NULL, 0},
	[SHAPE_COMMUNITY_LIST] = SHAPE(conf_community_list, community_list_parts),
	[SHAPE_COMMUNITY_RULE] = SHAPE(conf_community_rule, community_rule_parts),
	[SHAPE_ASPATH_LIST] = SHAPE(conf_aspath_list, aspath_list_parts),
	[SHAPE_ASPATH_RULE] = SHAPE(conf_aspath_rule, aspath_rule_parts),
	[SHAPE_ROUTE_MAP] = SHAPE(conf_route_map, route_map_parts),
	[SHAPE_MAP_ENTRY] = SHAPE(conf_map_entry, map_entry_parts),
	[SHAPE_CLAUSE] = SHAPE(conf_clause, clause_parts),
	[SHAPE_STATIC] = SHAPE(conf_static_route, static_parts),
};

const struct conf_shape *conf_shape(uint8_t id) { return &shapes[id]; }

uint8_t conf_match_list(uint8_t match)
{
	static const uint8_t list[MATCH_SOURCE + 1] = {
		[MATCH_PREFIX_LIST] = LIST_PREFIX,       [MATCH_NEXT_HOP_LIST] = LIST_PREFIX,
		[MATCH_COMMUNITY] = LIST_COMMUNITY,      [MATCH_EXTCOMMUNITY] = LIST_COMMUNITY,
		[MATCH_LARGE_COMMUNITY] = LIST_COMMUNITY, [MATCH_AS_PATH] = LIST_ASPATH,
	};
	return match < ARRAY_LEN(list) ? list[match] : (uint8_t)LIST_NONE;
}

uint8_t conf_set_list(uint8_t set)
{
	return set == SET_COMMUNITY_DELETE || set == SET_LARGE_COMMUNITY_DELETE ? LIST_COMMUNITY : LIST_NONE;
}

#define INDEX_AF(af_, member, list) {SHAPE_PEER, (uint16_t)offsetof(struct conf_bgp_peer, af[af_].member), list, af_}
#define INDICES_AF(af)                                                                                        \
	INDEX_AF(af, prefix_list_in, LIST_PREFIX), INDEX_AF(af, prefix_list_out, LIST_PREFIX),                \
		INDEX_AF(af, map_in, LIST_MAP), INDEX_AF(af, map_out, LIST_MAP), INDEX_AF(af, map_default, LIST_MAP), \
		INDEX_AF(af, aspath_list_in, LIST_ASPATH), INDEX_AF(af, aspath_list_out, LIST_ASPATH)

const struct conf_index *conf_indices(void)
{
	static const struct conf_index rows[] = {
		INDICES_AF(BGP_V4),
		INDICES_AF(BGP_V6),
		{SHAPE_NETWORK, offsetof(struct conf_bgp_network, map), LIST_MAP, BGP_AF_N},
		{SHAPE_AGGREGATE, offsetof(struct conf_bgp_aggregate, map), LIST_MAP, BGP_AF_N},
		{SHAPE_AGGREGATE, offsetof(struct conf_bgp_aggregate, suppress_map), LIST_MAP, BGP_AF_N},
		{SHAPE_REDISTRIBUTE, offsetof(struct conf_bgp_redistribute, map), LIST_MAP, BGP_AF_N},
		{SHAPE_MAP_ENTRY, offsetof(struct conf_map_entry, call), LIST_MAP, BGP_AF_N},
		{.shape = SHAPE_N},
	};
	return rows;
}
