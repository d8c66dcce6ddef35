/* The routing part of a configuration: which module, and what the built-in ones are told. Lies in the blob of struct
 * conf (conf.routing, 0 = there is none); references are offsets from the start of struct conf. config/ fills it from
 * the section `routing` of gretel.conf or from an frr.conf; both lead to the same struct, and all names in it are
 * resolved: peer groups are already merged into their neighbours, filters are indices + 1 (0 = none). MD5 keys
 * are no part of it: only priv has them (struct psk_set's sibling in config/). */
#ifndef MODEL_CONF_ROUTING_H
#define MODEL_CONF_ROUTING_H

#include "model/route.h"

typedef uint32_t conf_ref; /* octets from the start of struct conf; 0 = none */

/* An array in the blob. */
struct conf_array {
	conf_ref at;
	uint32_t n;
};

enum bgp_af { BGP_V4, BGP_V6, BGP_AF_N }; /* AFI 1 and 2, SAFI 1 */
enum conf_order { CONF_PERMIT = 1, CONF_DENY = 0 };

/* --- Filters --- */
/* ip prefix-list: rules in order of seq; the first that matches decides; none: denied. An empty list permits all, as FRR's.
 * A list that is named but not defined is here as FRR treats it: a prefix list that denies all, another list or a
 * route map without rules, which matches nothing and so denies. */
struct conf_prefix_rule {
	uint32_t seq;
	uint8_t action;          /* enum conf_order */
	bool any;
	struct prefix prefix;
	uint8_t ge, le;          /* 0 = not given */
};
struct conf_prefix_list { conf_ref name; uint8_t af; struct conf_array rules; };

/* Community lists, standard and expanded (a regular expression over the text form); kind: which attribute. */
enum conf_community_kind { COMM_STANDARD, COMM_EXTENDED, COMM_LARGE };
struct conf_community_rule {
	uint8_t action;
	conf_ref regex;          /* expanded; 0: the values below */
	struct conf_array values;/* octets as on the wire, 4, 8 or 12 each: all must be there; n counts octets */
};
struct conf_community_list { conf_ref name; uint8_t kind; struct conf_array rules; };

/* bgp as-path access-list: regular expressions over "65001 65002", where _ is a border. */
struct conf_aspath_rule { uint8_t action; conf_ref regex; };
struct conf_aspath_list { conf_ref name; struct conf_array rules; };

/* Route maps: entries in order of seq. */
enum conf_match {
	MATCH_PREFIX_LIST,       /* ip|ipv6 address prefix-list: u = list index + 1 */
	MATCH_NEXT_HOP_LIST,     /* ip next-hop prefix-list */
	MATCH_NEXT_HOP,          /* ip next-hop address A */
	MATCH_COMMUNITY,         /* u = list index + 1; exact */
	MATCH_EXTCOMMUNITY, MATCH_LARGE_COMMUNITY,
	MATCH_AS_PATH,           /* u = list index + 1 */
	MATCH_LOCAL_PREF, MATCH_METRIC, MATCH_ORIGIN, MATCH_TAG, /* u */
	MATCH_PEER,              /* peer A */
	MATCH_SOURCE,            /* source-protocol: u = enum route_source */
};
enum conf_set {
	SET_LOCAL_PREF, SET_METRIC, SET_METRIC_ADD, SET_METRIC_SUB, SET_WEIGHT, SET_ORIGIN, SET_TAG, /* u */
	SET_COMMUNITY, SET_COMMUNITY_ADD, SET_COMMUNITY_NONE,   /* values */
	SET_COMMUNITY_DELETE,    /* comm-list L delete: u = list index + 1 */
	SET_EXTCOMMUNITY, SET_EXTCOMMUNITY_ADD, SET_EXTCOMMUNITY_NONE, SET_LARGE_COMMUNITY, SET_LARGE_COMMUNITY_ADD,
	SET_LARGE_COMMUNITY_NONE, SET_LARGE_COMMUNITY_DELETE,
	SET_NEXT_HOP,            /* address */
	SET_NEXT_HOP_SELF,       /* ip next-hop peer-address (out), or self */
	SET_NEXT_HOP_UNCHANGED,
	SET_AS_PATH_PREPEND,     /* values: u32 host order each */
	SET_AS_PATH_EXCLUDE,
	SET_ATOMIC_AGGREGATE, SET_AGGREGATOR, SET_ORIGINATOR_ID,
};
struct conf_clause {
	uint8_t what;            /* enum conf_match or conf_set */
	bool exact;
	uint32_t u;
	struct addr address;
	struct conf_array values;/* n octets: communities as on the wire, AS numbers as uint32_t of this host (n / 4 of them) */
};
enum conf_on_match { ON_MATCH_END, ON_MATCH_NEXT, ON_MATCH_GOTO };
struct conf_map_entry {
	uint32_t seq;
	uint8_t action;
	uint8_t on_match; uint32_t on_match_seq;
	uint32_t call;           /* route map index + 1 */
	conf_ref description;
	struct conf_array match, set; /* struct conf_clause */
};
struct conf_route_map { conf_ref name; struct conf_array entries; };

/* --- BGP --- */
struct conf_bgp_af {         /* one address family of one neighbour */
	bool active;
	bool rr_client, next_hop_self, next_hop_self_force, next_hop_unchanged, soft_in, default_originate;
	bool send_community, send_extended, send_large, remove_private_as, attr_unchanged;
	uint8_t addpath_rx, addpath_tx; /* tx: 0 no, 1 all paths, 2 the best of each neighbour AS */
	uint8_t allowas_in;
	uint32_t weight; bool weight_set;
	uint32_t prefix_list_in, prefix_list_out, map_in, map_out, map_default, aspath_list_in, aspath_list_out; /* index + 1 */
	uint32_t max_prefix; uint8_t max_prefix_threshold; /* percent */ bool max_prefix_warn; dur_t max_prefix_restart;
};
struct conf_bgp_peer {
	struct addr address;     /* or, of a listen range, AF_NONE */
	struct prefix range;     /* bgp listen range: len and family, else AF_NONE */
	conf_ref origin;         /* "file:line" */
	conf_ref description, group; /* group: its peer group's name, for show */
	conf_ref interface;      /* bound to this interface (neighbor X interface, or a link-local address) */
	conf_ref tunnel;         /* gretel.conf: bound to this tunnel, whatever interface that has; 0: found by address */
	uint32_t remote_as;      /* 0: internal (our own) */
	bool external;           /* remote-as external: any but ours */
	uint32_t local_as;       /* 0 = the speaker's */
	uint16_t port;           /* 0 = 179 */
	struct addr update_source; conf_ref update_source_if;
	dur_t hold, keepalive, connect_retry, delay_open, advertisement_interval; /* hold 0: off; -1: the speaker's */
	bool shutdown, passive, password, bfd, disable_connected_check, strict_capability, dont_capability,
		override_capability, enforce_first_as, extended_optional, capability_fqdn, extended_nexthop;
	conf_ref shutdown_text;
	uint8_t ttl;             /* ebgp-multihop; 0 = 255 for internal peers, 1 for external ones */
	uint8_t gtsm_hops;       /* ttl-security hops; 0 = off */
	uint8_t gr_mode;         /* enum conf_gr */
	uint32_t bfd_rx_ms, bfd_tx_ms; uint8_t bfd_multiplier;
	struct conf_bgp_af af[BGP_AF_N];
};
enum conf_gr { GR_INHERIT, GR_OFF, GR_HELPER, GR_RESTART };

struct conf_bgp_network {    /* network P [route-map M] [backdoor] */
	struct prefix prefix; uint32_t map; bool no_check; conf_ref origin;
};
struct conf_bgp_aggregate {
	struct prefix prefix; bool as_set, summary_only, matching_med; uint8_t origin_set; /* 1 + origin; 0 = not */
	uint32_t map, suppress_map; conf_ref origin;
};
struct conf_bgp_redistribute { uint8_t af, source; uint32_t map; bool metric_set; uint32_t metric; };

struct conf_bgp {
	uint32_t as;
	uint32_t router_id;      /* host order; 0: chosen as zebra does */
	uint32_t cluster_id;     /* 0: the router id */
	dur_t hold, keepalive, connect_retry;
	uint16_t port;           /* listen; 0 = do not listen */
	struct conf_array listen_on; /* struct addr; none = all */
	uint32_t listen_limit;   /* dynamic neighbours */
	bool import_check, client_to_client, always_compare_med, deterministic_med, med_missing_worst, med_confed,
		compare_router_id, aspath_ignore, aspath_multipath_relax, reject_as_sets, allow_outbound_policy,
		graceful_shutdown, log_changes, fast_failover, install, ebgp_requires_policy, suppress_duplicates, shutdown,
		resolve_via_default; /* ip nht resolve-via-default: next hops may be reached by the default route */
	uint32_t local_pref;     /* 100 */
	uint8_t multipath_ibgp[BGP_AF_N], multipath_ebgp[BGP_AF_N];
	uint8_t gr_mode; bool gr_notification; bool gr_preserve_fw;
	dur_t gr_restart, gr_stale, gr_select_defer, llgr_stale, write_hold; /* llgr_stale 0 = off */
	uint8_t distance_internal, distance_external, distance_local;
	uint32_t table, metric;  /* 254, 20 */
	dur_t tunnel_grace;      /* how long routes stay when the module dies */
	struct conf_array peers, networks, aggregates, redistribute; /* structs conf_bgp_... */
	struct conf_array prefix_lists, community_lists, aspath_lists, route_maps;
};

struct conf_static_route { struct route route; conf_ref via_tunnel, dev; conf_ref origin; };

struct conf_routing {
	conf_ref module;         /* "bgp", "static", "frr", "bird", "exec", "none", or a shared object's */
	conf_ref frr_conf;       /* the file that bgp was read from; 0 = gretel.conf itself */
	conf_ref command;        /* exec: the program's command line; frr, bird: the tool's path, 0 = in PATH */
	conf_ref options;        /* a JSON object in text, for modules of others: the group `options` */
	conf_ref refused;        /* why an frr.conf could not be used: there is no bgp then, or (kept) that which ran before */
	bool kept;
	bool accept_default;     /* default routes of a module go into the kernel; as FRR, for an frr.conf */
	dur_t grace;             /* how long routes outlive a module that died */
	conf_ref bgp;            /* struct conf_bgp; 0 = none */
	struct conf_array statics; /* struct conf_static_route */
};

/* Whether every reference stays inside the blob of `size` octets, texts end, counts and indices are in range. */
bool conf_routing_check(const void *blob, size_t size, conf_ref routing) MUST_USE;
/* What a `router bgp` without any further statement has (FRR's defaults). */
void conf_bgp_defaults(struct conf_bgp *b);
void conf_bgp_peer_defaults(struct conf_bgp_peer *p);

#endif
