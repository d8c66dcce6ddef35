/* The rows of the section routing of gretel.conf and of its parts. See schema.h. Defaults are those of FRR (10, profile
 * traditional), where it has them. */
#include "config/schema.h"

#define SEC(n) DUR_S(n)
#define DAY DUR_S(86400)
#define FIELD(type, member) .size = (uint16_t)sizeof(((type *)0)->member), .off = (uint16_t)offsetof(type, member)
#define R(member) FIELD(struct cfg_routing, member)
#define B(member) FIELD(struct cfg_routing, b.member)
#define P(member) FIELD(struct cfg_neighbor, p.member)
#define A(k, member) FIELD(struct cfg_neighbor, p.af[k].member)
#define A2(k, member) .off2 = (uint16_t)offsetof(struct cfg_neighbor, p.af[k].member)

static const struct cfg_word gr_words[] = {{"off", GR_OFF}, {"helper", GR_HELPER}, {"restart", GR_RESTART}, {NULL, 0}};
static const struct cfg_word peer_gr_words[] = {
	{"inherit", GR_INHERIT}, {"off", GR_OFF}, {"helper", GR_HELPER}, {"restart", GR_RESTART}, {NULL, 0},
};
static const struct cfg_word inherit_words[] = {{"inherit", -1}, {NULL, 0}};
static const struct cfg_word addpath_words[] = {{"none", 0}, {"all", 1}, {"best_per_as", 2}, {NULL, 0}};
static const struct cfg_word origin_words[] = {
	{"contributors", 0}, {"igp", 1}, {"egp", 2}, {"incomplete", 3}, {NULL, 0},
};
static const struct cfg_word source_words[] = {
	{"connected", ROUTE_CONNECTED}, {"local", ROUTE_LOCAL}, {"kernel", ROUTE_KERNEL}, {"static", ROUTE_STATIC}, {NULL, 0},
};
static const struct cfg_word family_words[] = {{"ipv4", BGP_V4}, {"ipv6", BGP_V6}, {NULL, 0}};
static const struct cfg_word kind_words[] = {
	{"unicast", ROUTE_UNICAST}, {"blackhole", ROUTE_BLACKHOLE}, {"unreachable", ROUTE_UNREACHABLE},
	{"prohibit", ROUTE_PROHIBIT}, {NULL, 0},
};
static const struct cfg_word action_words[] = {{"permit", CONF_PERMIT}, {"deny", CONF_DENY}, {NULL, 0}};
static const struct cfg_word on_match_words[] = {
	{"end", ON_MATCH_END}, {"next", ON_MATCH_NEXT}, {"goto", ON_MATCH_GOTO}, {NULL, 0},
};

#define PATHS(k, p, hidden)                                                                                              \
	{p "maximum_paths", CT_INT, B(multipath_ebgp[k]), CFG_LIVE, hidden, .min = 1, .max = ROUTE_HOPS_MAX, .dflt = "1",\
	 .doc = "How many equally good paths from other ASes are used beside each other."},                              \
	{p "maximum_paths_ibgp", CT_INT, B(multipath_ibgp[k]), CFG_LIVE, hidden, .min = 1, .max = ROUTE_HOPS_MAX,        \
	 .dflt = "1", .doc = "The same, from our own AS."}

static const struct cfg_row routing_rows[] = {
	{"module", CT_TEXT, R(r.module), CFG_RESTART, .dflt = "\"bgp\"",
	 .doc = "Who is given the tunnels: bgp (the speaker that is built in), static (the routes of statics), frr or bird "
	        "(a daemon that runs already), exec (any program), none, or the name of a module in the library directory."},
	{"frr_conf", CT_NODE, R(frr_conf), CFG_LIVE,
	 .doc = "An frr.conf that the speaker is configured from, instead of by the keys from as on. With an error in it "
	        "routing is left out, or stays as it was at a reload, and tunnels are loaded all the same."},
	{"hub", CT_BOOL, R(hub), CFG_LIVE, .dflt = "false",
	 .doc = "Whether routes that are reflected to route reflector clients get this host as their next hop "
	        "(next_hop_self_force for all of them): spokes then need no route to each other's next hops."},
	{"command", CT_TEXT, R(r.command), CFG_RESTART, .dflt = "\"\"",
	 .doc = "For exec: the program's command line. For frr and bird: the path of vtysh or birdc, empty: as in PATH."},
	{"options", CT_NODE_ANY, R(options), CFG_RESTART,
	 .doc = "For modules of others: a group of any keys, which the module is given as a JSON object."},
	{"grace", CT_TIME, R(r.grace), CFG_LIVE, .min = 0, .max = DAY, .dflt = "\"1m\"",
	 .doc = "How long routes outlive a module that died and has not come back."},
	{"accept_default", CT_BOOL, R(r.accept_default), CFG_LIVE, .dflt = "false",
	 .doc = "Whether a default route of a module goes into the kernel. One that a tunnel brings can cut off the tunnel itself. "
	        "With an frr.conf the default is true, as FRR has it; a default route among statics needs nothing."},
	{"statics", CT_NODE_ANY, R(statics), CFG_LIVE,
	 .doc = "For the module static: a list of groups, a route each. See below."},
	{"as", CT_INT, B(as), CFG_LIVE, CFG_ZERO, .min = 1, .max = UINT32_MAX, .dflt = "0",
	 .swan = NULL, .doc = "The number of our AS. The speaker needs it, here or in frr_conf."},
	{"router_id", CT_ID4, B(router_id), CFG_LIVE, .dflt = "\"\"",
	 .doc = "Our BGP identifier; empty: the highest address of a loopback interface, or else of any interface."},
	{"cluster_id", CT_ID4, B(cluster_id), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The cluster that we reflect routes in; empty: router_id."},
	{"hold", CT_TIME, B(hold), CFG_LIVE, CFG_ZERO, .min = SEC(3), .max = SEC(65535), .dflt = "\"3m\"",
	 .doc = "How long a silent peer is believed; 0 is for ever. A tunnel that goes down ends its sessions at once, "
	        "whatever this is."},
	{"keepalive", CT_TIME, B(keepalive), CFG_LIVE, .min = 0, .max = SEC(65535), .dflt = "\"1m\"",
	 .doc = "How often we say that we are there; at most a third of the hold time is used."},
	{"connect_retry", CT_TIME, B(connect_retry), CFG_LIVE, .min = SEC(1), .max = SEC(65535), .dflt = "\"30s\"",
	 .doc = "The pause before a connection that failed is tried again."},
	{"port", CT_INT, B(port), CFG_RESTART, .min = 0, .max = 65535, .dflt = "179",
	 .doc = "The TCP port that peers connect to; 0: none, all sessions begin here."},
	{"listen_on", CT_NODE_TEXTS, R(listen_on), CFG_RESTART, .doc = "The addresses for that; none: all."},
	{"listen_limit", CT_INT, B(listen_limit), CFG_LIVE, .min = 1, .max = 65535, .dflt = "100",
	 .doc = "How many neighbors may come from ranges."},
	{"neighbors", CT_NODE_ANY, R(neighbors), CFG_LIVE, .doc = "A list of groups, a peer each. See below."},
	{"networks", CT_NODE_ANY, R(networks), CFG_LIVE,
	 .doc = "A list of prefixes that we announce while this host has a route for exactly that prefix: texts, or groups "
	        "with the keys below."},
	{"aggregates", CT_NODE_ANY, R(aggregates), CFG_LIVE,
	 .doc = "A list of prefixes that we announce while there is a route for a part of them: texts, or groups with the keys "
	        "below."},
	{"redistribute", CT_NODE_ANY, R(redistribute), CFG_LIVE,
	 .doc = "A list of sources whose routes we announce: \"connected\", \"local\", \"kernel\", \"static\", or groups with the "
	        "keys below."},
	{"prefix_lists", CT_NODE_ANY, R(prefix_lists), CFG_LIVE,
	 .doc = "A group of lists of rules, as FRR writes them: home = [\"deny 10.0.9.0/30\", \"permit any\"]. The first rule "
	        "that fits decides; none: denied."},
	{"ipv6_prefix_lists", CT_NODE_ANY, R(prefix_lists6), CFG_LIVE, .doc = "The same, for IPv6."},
	{"community_lists", CT_NODE_ANY, R(community_lists), CFG_LIVE,
	 .doc = "The same for communities: \"permit 65000:1 65000:2\" (all of them must be there), or \"expanded permit REGEX\"."},
	{"extcommunity_lists", CT_NODE_ANY, R(extcommunity_lists), CFG_LIVE,
	 .doc = "The same for extended communities: \"permit rt 65000:1\"."},
	{"large_community_lists", CT_NODE_ANY, R(large_community_lists), CFG_LIVE,
	 .doc = "The same for large communities: \"permit 65000:1:2\"."},
	{"as_path_lists", CT_NODE_ANY, R(aspath_lists), CFG_LIVE,
	 .doc = "The same for AS paths: \"permit REGEX\", where _ is the border of a number."},
	{"route_maps", CT_NODE_ANY, R(route_maps), CFG_LIVE,
	 .doc = "A group of lists of groups, an entry each. See below."},
	{"import_check", CT_BOOL, B(import_check), CFG_LIVE, .dflt = "true",
	 .doc = "Whether networks are announced only while this host has a route for them."},
	{"client_to_client", CT_BOOL, B(client_to_client), CFG_LIVE, .dflt = "true",
	 .doc = "Whether routes are reflected from client to client."},
	{"allow_outbound_policy", CT_BOOL, B(allow_outbound_policy), CFG_LIVE, .dflt = "false",
	 .doc = "Whether outbound route maps may change routes that are reflected."},
	{"local_pref", CT_INT, B(local_pref), CFG_LIVE, .min = 0, .max = UINT32_MAX, .dflt = "100",
	 .doc = "The LOCAL_PREF of routes that came without."},
	{"always_compare_med", CT_BOOL, B(always_compare_med), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the MED of routes from different ASes is compared."},
	{"deterministic_med", CT_BOOL, B(deterministic_med), CFG_LIVE, .dflt = "false",
	 .doc = "Whether routes of one neighboring AS are compared with each other first."},
	{"med_missing_worst", CT_BOOL, B(med_missing_worst), CFG_LIVE, .dflt = "false",
	 .doc = "Whether a route without MED counts as the worst, not the best."},
	{"med_confed", CT_BOOL, B(med_confed), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the MED of routes from our confederation is compared."},
	{"compare_router_id", CT_BOOL, B(compare_router_id), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the lower router ID wins between routes from other ASes, not the older route."},
	{"as_path_ignore", CT_BOOL, B(aspath_ignore), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the length of the AS path does not count."},
	{"as_path_multipath_relax", CT_BOOL, B(aspath_multipath_relax), CFG_LIVE, .dflt = "false",
	 .doc = "Whether different AS paths of one length may be used beside each other."},
	{"reject_as_sets", CT_BOOL, B(reject_as_sets), CFG_LIVE, .dflt = "true",
	 .doc = "Whether routes with an AS_SET in their path are not taken, and none are made (RFC 9774)."},
	{"ebgp_requires_policy", CT_BOOL, B(ebgp_requires_policy), CFG_LIVE, .dflt = "true",
	 .doc = "Whether nothing passes to or from another AS without a filter (RFC 8212)."},
	{"suppress_duplicates", CT_BOOL, B(suppress_duplicates), CFG_LIVE, .dflt = "true",
	 .doc = "Whether what would not change anything is not announced again."},
	{"fast_failover", CT_BOOL, B(fast_failover), CFG_LIVE, .dflt = "true",
	 .doc = "Whether a session ends when its interface goes down."},
	{"graceful_shutdown", CT_BOOL, B(graceful_shutdown), CFG_LIVE, .dflt = "false",
	 .doc = "Whether our routes are marked as going away soon (RFC 8326)."},
	{"shutdown", CT_BOOL, B(shutdown), CFG_LIVE, .dflt = "false", .doc = "Whether all sessions are held down."},
	{"log_changes", CT_BOOL, B(log_changes), CFG_LIVE, .dflt = "true",
	 .doc = "Whether sessions that go up and down are logged."},
	{"install", CT_BOOL, B(install), CFG_LIVE, .dflt = "true",
	 .doc = "Whether routes go into the kernel; a reflector that forwards nothing needs none."},
	{"table", CT_INT, B(table), CFG_LIVE, .min = 1, .max = UINT32_MAX, .dflt = "254", .doc = "The kernel's table for them."},
	{"metric", CT_INT, B(metric), CFG_LIVE, .min = 0, .max = UINT32_MAX, .dflt = "20", .doc = "Their metric."},
	{"resolve_via_default", CT_BOOL, B(resolve_via_default), CFG_LIVE, .dflt = "false",
	 .doc = "Whether a next hop may be reached by the default route."},
	PATHS(BGP_V4, "", 0),
	PATHS(BGP_V6, "ipv6.", CFG_HIDDEN),
	{"distance.external", CT_INT, B(distance_external), CFG_LIVE, .min = 1, .max = 255, .dflt = "20",
	 .doc = "The administrative distance of routes from other ASes: 255 keeps them out of the kernel."},
	{"distance.internal", CT_INT, B(distance_internal), CFG_LIVE, .min = 1, .max = 255, .dflt = "200",
	 .doc = "That of routes from our own AS."},
	{"distance.local", CT_INT, B(distance_local), CFG_LIVE, .min = 1, .max = 255, .dflt = "200",
	 .doc = "That of aggregates."},
	{"graceful_restart.mode", CT_ENUM, B(gr_mode), CFG_LIVE, .words = gr_words, .dflt = "\"helper\"",
	 .doc = "Whether routes of a peer that restarts are kept (helper), and peers are asked to do so for us (restart)."},
	{"graceful_restart.notification", CT_BOOL, B(gr_notification), CFG_LIVE, .dflt = "true",
	 .doc = "Whether that holds for sessions that end with a NOTIFICATION too (RFC 8538)."},
	{"graceful_restart.preserve_fw", CT_BOOL, B(gr_preserve_fw), CFG_LIVE, .dflt = "false",
	 .doc = "Whether we say that we forwarded on while we restarted."},
	{"graceful_restart.restart_time", CT_TIME, B(gr_restart), CFG_LIVE, .min = 0, .max = SEC(4095), .dflt = "\"2m\"",
	 .doc = "How long peers shall wait for us."},
	{"graceful_restart.stale_time", CT_TIME, B(gr_stale), CFG_LIVE, .min = SEC(1), .max = SEC(4095), .dflt = "\"6m\"",
	 .doc = "How long routes of a peer that came back may stay without being announced again."},
	{"graceful_restart.select_defer", CT_TIME, B(gr_select_defer), CFG_LIVE, .min = 0, .max = SEC(3600), .dflt = "\"4m\"",
	 .doc = "How long we wait for all peers after our own restart before we choose routes."},
	{"graceful_restart.llgr_stale", CT_TIME, B(llgr_stale), CFG_LIVE, .min = 0, .max = SEC(16777215), .dflt = "\"0s\"",
	 .doc = "How long stale routes are kept beyond that, as the last resort (RFC 9494); 0 is not at all."},
	{"send_hold", CT_TIME, B(write_hold), CFG_LIVE, .min = 0, .max = DAY, .dflt = "\"8m\"",
	 .doc = "After how long a peer that reads nothing is given up (RFC 9687); twice the hold time when that is longer; 0 is "
	        "never."},
};

#define SAME4(name, text) text
#define SAME6(name, text) "As " name ", for IPv6."
/* The keys of one address family of a neighbor: k its number, p what stands before. */
#define AF_ROWS(k, p, S, H)                                                                                          \
	{p "active", CT_BOOL, A(k, active), CFG_LIVE, H, .dflt = (k) == BGP_V4 ? "true" : "false",                   \
	 .doc = S("active", "Whether IPv4 routes are exchanged.")},                                                  \
	{p "route_reflector_client", CT_BOOL, A(k, rr_client), CFG_LIVE, H, .dflt = "false",                         \
	 .doc = S("route_reflector_client", "Whether the peer gets the routes of other internal peers.")},           \
	{p "next_hop_self", CT_BOOL, A(k, next_hop_self), CFG_LIVE, H, .dflt = "false",                              \
	 .doc = S("next_hop_self", "Whether routes from other ASes go out with our address as next hop.")},          \
	{p "next_hop_self_force", CT_BOOL, A(k, next_hop_self_force), CFG_LIVE, H, .dflt = "false",                  \
	 .doc = S("next_hop_self_force", "Whether reflected routes do so too.")},                                    \
	{p "next_hop_unchanged", CT_BOOL, A(k, next_hop_unchanged), CFG_LIVE, H, .dflt = "false",                    \
	 .doc = S("next_hop_unchanged", "Whether the next hop stays as it is, also to other ASes.")},                \
	{p "attributes_unchanged", CT_BOOL, A(k, attr_unchanged), CFG_LIVE, H, .dflt = "false",                      \
	 .doc = S("attributes_unchanged", "Whether the AS path and the MED stay as they are, too.")},                \
	{p "soft_reconfiguration", CT_BOOL, A(k, soft_in), CFG_LIVE, H, .dflt = "false",                             \
	 .doc = S("soft_reconfiguration", "Whether routes are kept as they came, before filters.")},                 \
	{p "default_originate", CT_BOOL, A(k, default_originate), CFG_LIVE, H, .dflt = "false",                      \
	 .doc = S("default_originate", "Whether the peer gets a default route from us.")},                           \
	{p "default_originate_map", CT_FILTER, A(k, map_default), CFG_LIVE, H, .min = LIST_MAP, .dflt = "\"\"",      \
	 .doc = S("default_originate_map", "A route map for that default route.")},                                  \
	{p "send_community", CT_BOOL, A(k, send_community), CFG_LIVE, H, .dflt = "true",                             \
	 .doc = S("send_community", "Whether communities are sent.")},                                               \
	{p "send_extended", CT_BOOL, A(k, send_extended), CFG_LIVE, H, .dflt = "true",                               \
	 .doc = S("send_extended", "Whether extended communities are sent.")},                                       \
	{p "send_large", CT_BOOL, A(k, send_large), CFG_LIVE, H, .dflt = "true",                                     \
	 .doc = S("send_large", "Whether large communities are sent.")},                                             \
	{p "remove_private_as", CT_BOOL, A(k, remove_private_as), CFG_LIVE, H, .dflt = "false",                      \
	 .doc = S("remove_private_as", "Whether private numbers go from the AS path to another AS.")},               \
	{p "addpath_receive", CT_BOOL, A(k, addpath_rx), CFG_LIVE, H, .dflt = "true",                                \
	 .doc = S("addpath_receive", "Whether we take several paths for a prefix (RFC 7911).")},                     \
	{p "addpath_send", CT_ENUM, A(k, addpath_tx), CFG_LIVE, H, .words = addpath_words, .dflt = "\"none\"",       \
	 .doc = S("addpath_send", "Which paths we send besides the best one.")},                                     \
	{p "allowas_in", CT_INT, A(k, allowas_in), CFG_LIVE, H, .min = 0, .max = 10, .dflt = "0",                    \
	 .doc = S("allowas_in", "How often our own AS may be in a path that comes in.")},                            \
	{p "weight", CT_KEY, A(k, weight), CFG_LIVE, H, A2(k, weight_set), .dflt = "\"none\"",                       \
	 .doc = S("weight", "The weight of the peer's routes in our decision: the highest wins.")},                  \
	{p "prefix_list_in", CT_FILTER, A(k, prefix_list_in), CFG_LIVE, H, .min = LIST_PREFIX, .max = k,             \
	 .dflt = "\"\"", .doc = S("prefix_list_in", "A prefix list that routes from the peer must pass.")},          \
	{p "prefix_list_out", CT_FILTER, A(k, prefix_list_out), CFG_LIVE, H, .min = LIST_PREFIX, .max = k,           \
	 .dflt = "\"\"", .doc = S("prefix_list_out", "A prefix list that routes to the peer must pass.")},           \
	{p "as_path_list_in", CT_FILTER, A(k, aspath_list_in), CFG_LIVE, H, .min = LIST_ASPATH, .dflt = "\"\"",      \
	 .doc = S("as_path_list_in", "An AS path list that routes from the peer must pass.")},                       \
	{p "as_path_list_out", CT_FILTER, A(k, aspath_list_out), CFG_LIVE, H, .min = LIST_ASPATH, .dflt = "\"\"",    \
	 .doc = S("as_path_list_out", "An AS path list that routes to the peer must pass.")},                        \
	{p "route_map_in", CT_FILTER, A(k, map_in), CFG_LIVE, H, .min = LIST_MAP, .dflt = "\"\"",                    \
	 .doc = S("route_map_in", "A route map for routes from the peer.")},                                         \
	{p "route_map_out", CT_FILTER, A(k, map_out), CFG_LIVE, H, .min = LIST_MAP, .dflt = "\"\"",                  \
	 .doc = S("route_map_out", "A route map for routes to the peer.")},                                          \
	{p "max_prefix", CT_INT, A(k, max_prefix), CFG_LIVE, H, .min = 0, .max = UINT32_MAX, .dflt = "0",            \
	 .doc = S("max_prefix", "With more prefixes than this from the peer the session is ended; 0 is no limit.")}, \
	{p "max_prefix_threshold", CT_PERCENT, A(k, max_prefix_threshold), CFG_LIVE, H, .min = 1, .max = 100,        \
	 .dflt = "\"75%\"", .doc = S("max_prefix_threshold", "From which part of that on there is a warning.")},     \
	{p "max_prefix_warning_only", CT_BOOL, A(k, max_prefix_warn), CFG_LIVE, H, .dflt = "false",                  \
	 .doc = S("max_prefix_warning_only", "Whether it is only a warning.")},                                      \
	{p "max_prefix_restart", CT_TIME, A(k, max_prefix_restart), CFG_LIVE, H, .min = 0, .max = SEC(3932100),      \
	 .dflt = "\"0s\"", .doc = S("max_prefix_restart", "After how long such a session is tried again; 0 is never.")}

static const struct cfg_row neighbor_rows[] = {
	{"address", CT_ADDR, P(address), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The peer's address; not needed with a tunnel whose gre.peer or /30 says it."},
	{"tunnel", CT_TEXT, P(tunnel), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The tunnel that carries the session: it lives and dies with it. Empty: the tunnel or interface whose network "
	        "the address is in."},
	{"interface", CT_TEXT, P(interface), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The interface that the session is bound to; needed with a link-local address."},
	{"range", CT_PREFIX, P(range), CFG_LIVE, .dflt = "\"\"",
	 .doc = "Instead of address: whoever connects from this prefix is a neighbor of this kind."},
	{"remote_as", CT_AS, P(remote_as), CFG_LIVE, .off2 = (uint16_t)offsetof(struct cfg_neighbor, p.external),
	 .dflt = "\"internal\"", .doc = "The peer's AS: a number, internal (ours) or external (any other)."},
	{"local_as", CT_INT, P(local_as), CFG_LIVE, .min = 0, .max = UINT32_MAX, .dflt = "0",
	 .doc = "The AS that we are in for this peer; 0: as."},
	{"password", CT_NODE, FIELD(struct cfg_neighbor, password), CFG_LIVE,
	 .doc = "The key for TCP MD5 signatures (RFC 2385): a text, or octets as \"0x...\" or \"0s...\"."},
	{"password_file", CT_NODE, FIELD(struct cfg_neighbor, password_file), CFG_LIVE,
	 .doc = "A file whose first line is the key."},
	{"description", CT_TEXT, P(description), CFG_LIVE, .dflt = "\"\"", .doc = "A text for people."},
	{"group", CT_TEXT, P(group), CFG_LIVE, .dflt = "\"\"", .doc = "The name of a peer group, which is only shown."},
	{"port", CT_INT, P(port), CFG_LIVE, .min = 0, .max = 65535, .dflt = "0", .doc = "The peer's port; 0: 179."},
	{"update_source", CT_ADDR, P(update_source), CFG_LIVE, .dflt = "\"\"",
	 .doc = "Our address in the session; empty: that towards the peer."},
	{"update_source_interface", CT_TEXT, P(update_source_if), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The interface whose address that is."},
	{"hold", CT_TIME, P(hold), CFG_LIVE, CFG_ZERO, .min = SEC(3), .max = SEC(65535), .words = inherit_words,
	 .dflt = "\"inherit\"", .doc = "As in routing, for this peer."},
	{"keepalive", CT_TIME, P(keepalive), CFG_LIVE, .min = 0, .max = SEC(65535), .words = inherit_words,
	 .dflt = "\"inherit\"", .doc = "As in routing, for this peer."},
	{"connect_retry", CT_TIME, P(connect_retry), CFG_LIVE, .min = SEC(1), .max = SEC(65535), .words = inherit_words,
	 .dflt = "\"inherit\"", .doc = "As in routing, for this peer."},
	{"delay_open", CT_TIME, P(delay_open), CFG_LIVE, .min = 0, .max = SEC(240), .dflt = "\"0s\"",
	 .doc = "How long we let the peer speak first on a new connection."},
	{"advertisement_interval", CT_TIME, P(advertisement_interval), CFG_LIVE, .min = 0, .max = SEC(600), .dflt = "\"0s\"",
	 .doc = "The least time between announcements."},
	{"shutdown", CT_BOOL, P(shutdown), CFG_LIVE, .dflt = "false", .doc = "Whether the session is held down."},
	{"shutdown_message", CT_TEXT, P(shutdown_text), CFG_LIVE, .dflt = "\"\"",
	 .doc = "What the peer is told about that (RFC 9003)."},
	{"passive", CT_BOOL, P(passive), CFG_LIVE, .dflt = "false", .doc = "Whether we wait for the peer to connect."},
	{"ebgp_multihop", CT_INT, P(ttl), CFG_LIVE, .min = 0, .max = 255, .dflt = "0",
	 .doc = "The hops that packets to a peer in another AS may take; 0: one, and any number to internal peers."},
	{"ttl_security_hops", CT_INT, P(gtsm_hops), CFG_LIVE, .min = 0, .max = 254, .dflt = "0",
	 .doc = "The peer must be at most this many hops away, or its packets are dropped (RFC 5082); 0: no matter."},
	{"disable_connected_check", CT_BOOL, P(disable_connected_check), CFG_LIVE, .dflt = "false",
	 .doc = "Whether a peer in another AS need not be on a network of ours."},
	{"strict_capability", CT_BOOL, P(strict_capability), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the peer must have all the capabilities that we have."},
	{"dont_negotiate", CT_BOOL, P(dont_capability), CFG_LIVE, .dflt = "false",
	 .doc = "Whether we send no capabilities."},
	{"override_capability", CT_BOOL, P(override_capability), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the families here count, whatever the peer says."},
	{"enforce_first_as", CT_BOOL, P(enforce_first_as), CFG_LIVE, .dflt = "true",
	 .doc = "Whether paths from another AS must begin with it."},
	{"extended_optional", CT_BOOL, P(extended_optional), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the OPEN has the extended form of parameters (RFC 9072)."},
	{"fqdn", CT_BOOL, P(capability_fqdn), CFG_LIVE, .dflt = "true", .doc = "Whether the peer is told our host's name."},
	{"extended_next_hop", CT_BOOL, P(extended_nexthop), CFG_LIVE, .dflt = "false",
	 .doc = "Whether IPv4 routes may have IPv6 next hops (RFC 8950)."},
	{"graceful_restart", CT_ENUM, P(gr_mode), CFG_LIVE, .words = peer_gr_words, .dflt = "\"inherit\"",
	 .doc = "As graceful_restart.mode in routing, for this peer."},
	{"bfd", CT_BOOL, P(bfd), CFG_LIVE, .dflt = "false",
	 .doc = "Whether the way to the peer is watched by BFD (RFC 5880)."},
	{"bfd_receive_ms", CT_INT, P(bfd_rx_ms), CFG_LIVE, .min = 10, .max = 4294967, .dflt = "300",
	 .doc = "How often we want to hear from it, in milliseconds."},
	{"bfd_transmit_ms", CT_INT, P(bfd_tx_ms), CFG_LIVE, .min = 10, .max = 4294967, .dflt = "300",
	 .doc = "How often we want to send."},
	{"bfd_multiplier", CT_INT, P(bfd_multiplier), CFG_LIVE, .min = 1, .max = 255, .dflt = "3",
	 .doc = "How many packets may be missed."},
	AF_ROWS(BGP_V4, "", SAME4, 0),
	AF_ROWS(BGP_V6, "ipv6.", SAME6, CFG_HIDDEN),
};

#define NETWORK(member) FIELD(struct conf_bgp_network, member)
static const struct cfg_row network_rows[] = {
	{"prefix", CT_PREFIX, NETWORK(prefix), CFG_LIVE, CFG_REQUIRED, .doc = "The prefix."},
	{"route_map", CT_FILTER, NETWORK(map), CFG_LIVE, .min = LIST_MAP, .dflt = "\"\"",
	 .doc = "A route map that sets its attributes."},
	{"check", CT_NOT, NETWORK(no_check), CFG_LIVE, .dflt = "true",
	 .doc = "Whether this host must have a route for it, when import_check is on."},
};

#define AGGREGATE(member) FIELD(struct conf_bgp_aggregate, member)
static const struct cfg_row aggregate_rows[] = {
	{"prefix", CT_PREFIX, AGGREGATE(prefix), CFG_LIVE, CFG_REQUIRED, .doc = "The prefix."},
	{"as_set", CT_BOOL, AGGREGATE(as_set), CFG_LIVE, .dflt = "false",
	 .doc = "Whether it has the communities, and as far as reject_as_sets lets it the ASes, of its parts."},
	{"summary_only", CT_BOOL, AGGREGATE(summary_only), CFG_LIVE, .dflt = "false",
	 .doc = "Whether its parts are not announced."},
	{"matching_med", CT_BOOL, AGGREGATE(matching_med), CFG_LIVE, .dflt = "false",
	 .doc = "Whether all parts must have the same MED."},
	{"origin", CT_ENUM, AGGREGATE(origin_set), CFG_LIVE, .words = origin_words, .dflt = "\"contributors\"",
	 .doc = "Its ORIGIN; contributors: the worst of its parts."},
	{"route_map", CT_FILTER, AGGREGATE(map), CFG_LIVE, .min = LIST_MAP, .dflt = "\"\"",
	 .doc = "A route map that sets its attributes."},
	{"suppress_map", CT_FILTER, AGGREGATE(suppress_map), CFG_LIVE, .min = LIST_MAP, .dflt = "\"\"",
	 .doc = "The parts that this route map permits are not announced."},
};

#define REDISTRIBUTE(member) FIELD(struct conf_bgp_redistribute, member)
static const struct cfg_row redistribute_rows[] = {
	{"source", CT_ENUM, REDISTRIBUTE(source), CFG_LIVE, CFG_REQUIRED, .words = source_words,
	 .doc = "Whose routes: connected are the networks of our addresses, local the addresses, kernel those of other programs "
	        "than routing daemons, static those with protocol static."},
	{"family", CT_ENUM, REDISTRIBUTE(af), CFG_LIVE, .words = family_words, .dflt = "\"ipv4\"", .doc = "Which of them."},
	{"route_map", CT_FILTER, REDISTRIBUTE(map), CFG_LIVE, .min = LIST_MAP, .dflt = "\"\"",
	 .doc = "A route map that they must pass."},
	{"metric", CT_KEY, REDISTRIBUTE(metric), CFG_LIVE,
	 .off2 = (uint16_t)offsetof(struct conf_bgp_redistribute, metric_set), .dflt = "\"none\"",
	 .doc = "Their MED; none: the metric that they have."},
};

#define STATIC(member) FIELD(struct conf_static_route, member)
static const struct cfg_row static_rows[] = {
	{"prefix", CT_PREFIX, STATIC(route.dst), CFG_LIVE, CFG_REQUIRED, .doc = "The route's destination."},
	{"via", CT_ADDR, STATIC(route.hop[0].gateway), CFG_LIVE, .dflt = "\"\"", .doc = "The gateway."},
	{"tunnel", CT_TEXT, STATIC(via_tunnel), CFG_LIVE, .dflt = "\"\"",
	 .doc = "The tunnel that it leads into: it is there while the tunnel is up."},
	{"dev", CT_TEXT, STATIC(dev), CFG_LIVE, .dflt = "\"\"", .doc = "The interface that it leads out of."},
	{"kind", CT_ENUM, STATIC(route.kind), CFG_LIVE, .words = kind_words, .dflt = "\"unicast\"",
	 .doc = "What becomes of packets: those that are not unicast are dropped, and need none of the above."},
	{"metric", CT_INT, STATIC(route.metric), CFG_LIVE, .min = 0, .max = UINT32_MAX, .dflt = "0", .doc = "Its metric."},
	{"table", CT_INT, STATIC(route.table), CFG_LIVE, .min = 1, .max = UINT32_MAX, .dflt = "254", .doc = "Its table."},
	{"src", CT_ADDR, STATIC(route.src), CFG_LIVE, .dflt = "\"\"", .doc = "Our address for packets that go this way."},
};

#define ENTRY(member) FIELD(struct cfg_map_entry, member)
static const struct cfg_row map_entry_rows[] = {
	{"seq", CT_INT, ENTRY(e.seq), CFG_LIVE, .min = 0, .max = 65535, .dflt = "0",
	 .doc = "Its place; 0: ten behind the one before."},
	{"action", CT_ENUM, ENTRY(e.action), CFG_LIVE, .words = action_words, .dflt = "\"permit\"",
	 .doc = "What becomes of routes that match."},
	{"match", CT_NODE_TEXTS, ENTRY(match), CFG_LIVE,
	 .doc = "Texts, as behind FRR's match: \"ip address prefix-list home\". All must match; none: every route does."},
	{"set", CT_NODE_TEXTS, ENTRY(set), CFG_LIVE, .doc = "Texts, as behind FRR's set: \"local-preference 200\"."},
	{"call", CT_FILTER, ENTRY(e.call), CFG_LIVE, .min = LIST_MAP, .dflt = "\"\"",
	 .doc = "Another route map that must permit the route, too."},
	{"on_match", CT_ENUM, ENTRY(e.on_match), CFG_LIVE, .words = on_match_words, .dflt = "\"end\"",
	 .doc = "Where a route goes that was permitted: end, the next entry, or that of goto."},
	{"goto", CT_INT, ENTRY(e.on_match_seq), CFG_LIVE, .min = 0, .max = 65535, .dflt = "0",
	 .doc = "The seq for on_match goto."},
	{"description", CT_TEXT, ENTRY(e.description), CFG_LIVE, .dflt = "\"\"", .doc = "A text for people."},
};

CFG_SECTION(cfg_routing, routing_rows, "routing");
CFG_SECTION(cfg_neighbor, neighbor_rows, "routing.neighbors");
CFG_SECTION(cfg_network, network_rows, "routing.networks");
CFG_SECTION(cfg_aggregate, aggregate_rows, "routing.aggregates");
CFG_SECTION(cfg_redistribute, redistribute_rows, "routing.redistribute");
CFG_SECTION(cfg_static, static_rows, "routing.statics");
CFG_SECTION(cfg_map_entry, map_entry_rows, "routing.route_maps");
