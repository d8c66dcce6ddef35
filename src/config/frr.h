/* The reader of an frr.conf: what FRR's users have, as FRR's daemons read it (integrated file or bgpd.conf).
 *
 *   frr.c         lines to words, words to a row; which node a line stands in, what nobody reads
 *   frr_rows.c    the statements: a row each, by node
 *   frr_bgp.c     router bgp, networks, aggregates, redistribution
 *   frr_peer.c    neighbors and peer groups
 *   frr_filter.c  prefix lists and the other lists, route maps
 *   frr_finish.c  groups into their members, defaults of profiles and versions, into the draft
 *
 * As in FRR a statement may be indented or not, its words abbreviated, and what does not fit the node that is open is
 * tried in those around it. What FRR would do and we do not is an error where routes would differ, else a warning.
 * Internal to config/. */
#ifndef CONFIG_FRR_H
#define CONFIG_FRR_H

#include "config/clause.h"
#include "config/parts.h"

enum frr_node {
	FRR_TOP, FRR_BGP, FRR_AF4, FRR_AF6, FRR_MAP, FRR_BFD, FRR_BFD_PROFILE,
	FRR_SKIP,     /* a block of another daemon */
	FRR_SKIP_AF,  /* an address family that was refused */
	FRR_NODES
};
/* A neighbor or a peer group while it is read. given: octets of p that a statement has set. */
struct frr_peer {
	struct conf_bgp_peer p;
	uint8_t given[sizeof(struct conf_bgp_peer)];
	const char *name;
	const char *group;        /* that it belongs to */
	const char *password;     /* in the arena, never in the blob */
	const char *bfd_profile;
	unsigned line;            /* of its first statement; where it became a member */
	unsigned group_line;
	bool is_group, no_password;
	bool has_as;
};
struct frr_range {
	struct prefix prefix;
	const char *group;
	unsigned line;
};
struct frr_bfd {
	const char *name;
	uint32_t rx_ms, tx_ms;
	uint8_t multiplier;
};
struct frr {
	struct config_job *job;
	struct arena *arena;
	struct draft *d;
	const char *path;
	unsigned line, errors;
	struct words w;
	size_t from;              /* the first word behind `no` and behind "neighbor X" */
	bool no;
	uint8_t node;             /* enum frr_node */
	uint8_t skip_from;        /* the node around a block that is skipped */
	struct draft_vec peers, ranges, bfds; /* struct frr_peer, frr_range, frr_bfd */
	const struct frr_row *row;/* of the statement at hand */
	struct frr_peer *peer;    /* the same: of "neighbor X" */
	const char *name;         /* X */
	conf_ref map;             /* the open route map entry */
	uint32_t map_seq;
	uint32_t bfd;             /* index of the open profile */
	struct conf_bgp bgp_defaults;
	struct conf_bgp_peer peer_defaults;
	bool datacenter, profile_used;
	unsigned version;         /* 8.4 is 804; 0 = the latest */
	bool default_v4, default_v6, default_shutdown, no_connected_check;
	uint32_t zebra_id;        /* ip router-id */
	uint8_t given_bgp[sizeof(struct conf_bgp)];
};

enum frr_act {
	FRR_FLAG,     /* a bool: true, and false behind `no` */
	FRR_UNFLAG,   /* the other way round */
	FRR_NUM,      /* the number that is kept; `no`: the default */
	FRR_SECONDS,  /* the same into a dur_t */
	FRR_TEXT,     /* conf_ref */
	FRR_FILTER,   /* the name of a list, sub: enum conf_list */
	FRR_CALL,     /* fn */
	FRR_QUIET,    /* nothing that we would have to do */
	FRR_WARN,     /* nothing that we do; text says so */
	FRR_REFUSE,   /* routes would differ; text says so */
	FRR_BLOCK,    /* begins a block that nobody here reads; text is said unless NULL */
};
struct frr_row {
	const char *words;
	uint8_t act;              /* enum frr_act */
	uint8_t size;             /* of the field */
	uint16_t off;             /* in conf_bgp, conf_bgp_peer or conf_bgp_af, as its table says */
	uint8_t sub;
	bool (*fn)(struct frr *f, const struct args *a, struct sbuf *why);
	const char *text;
};
/* What a table's rows are about. */
enum frr_base { FRR_ON_NOTHING, FRR_ON_BGP, FRR_ON_PEER, FRR_ON_AF };
struct frr_table {
	const struct frr_row *row;
	size_t n;
	uint16_t nodes;           /* 1 << enum frr_node */
	uint8_t base;             /* enum frr_base */
	bool neighbor;            /* behind "neighbor X" */
	bool silent;              /* never said to have been expected */
};
/* NULL beyond the end. */
const struct frr_table *frr_table(size_t i);
/* Whether a line at the top begins as one that we read. */
bool frr_is_ours(const struct words *w, size_t from);

/* Reads a file into a draft and its TCP keys into the job's. 0; -EINVAL: it has errors, which were told, the draft is
 * not to be used; another -errno: it cannot be read (-ENOENT without a diagnostic); -ENOMEM. */
int frr_load(struct config_job *j, struct arena *a, struct draft *d, const char *path) MUST_USE;

/* A diagnostic at a line, with the statement as key when it is the one at hand. */
void frr_tell(struct frr *f, enum diag_level level, unsigned line, const char *fmt, ...) PRINTF_LIKE(4, 5);
conf_ref frr_origin(struct frr *f, unsigned line);
void frr_mark(uint8_t *given, size_t off, size_t n);
/* NULL: there is none of this name. */
struct frr_peer *frr_peer_find(struct frr *f, const char *name);
/* enum bgp_af of the node at hand. */
uint8_t frr_af(const struct frr *f);
void frr_finish(struct frr *f);
/* What a profile and a version of FRR have for defaults. */
void frr_defaults(struct frr *f);

#define FRR_HANDLER(name) bool name(struct frr *f, const struct args *a, struct sbuf *why)
/* frr_bgp.c */
FRR_HANDLER(frr_router); FRR_HANDLER(frr_family); FRR_HANDLER(frr_exit); FRR_HANDLER(frr_end); FRR_HANDLER(frr_profile);
FRR_HANDLER(frr_version); FRR_HANDLER(frr_router_id); FRR_HANDLER(frr_zebra_id); FRR_HANDLER(frr_cluster_id);
FRR_HANDLER(frr_cluster_number); FRR_HANDLER(frr_timers); FRR_HANDLER(frr_default_v4); FRR_HANDLER(frr_default_v6);
FRR_HANDLER(frr_default_shutdown); FRR_HANDLER(frr_med); FRR_HANDLER(frr_gr); FRR_HANDLER(frr_gr_off);
FRR_HANDLER(frr_range); FRR_HANDLER(frr_network); FRR_HANDLER(frr_network_mask); FRR_HANDLER(frr_aggregate);
FRR_HANDLER(frr_redistribute); FRR_HANDLER(frr_redistribute_map); FRR_HANDLER(frr_paths_external);
FRR_HANDLER(frr_paths_internal); FRR_HANDLER(frr_distance); FRR_HANDLER(frr_connected_check); FRR_HANDLER(frr_resolve);
/* frr_peer.c */
FRR_HANDLER(frr_remote_as); FRR_HANDLER(frr_remote_word); FRR_HANDLER(frr_group); FRR_HANDLER(frr_member);
FRR_HANDLER(frr_interface_as); FRR_HANDLER(frr_interface_group); FRR_HANDLER(frr_interface); FRR_HANDLER(frr_on_interface);
FRR_HANDLER(frr_password); FRR_HANDLER(frr_shutdown); FRR_HANDLER(frr_peer_timers); FRR_HANDLER(frr_multihop);
FRR_HANDLER(frr_peer_gr); FRR_HANDLER(frr_peer_bfd); FRR_HANDLER(frr_peer_bfd_profile); FRR_HANDLER(frr_allowas);
FRR_HANDLER(frr_next_hop_self); FRR_HANDLER(frr_unchanged); FRR_HANDLER(frr_send_community); FRR_HANDLER(frr_max_prefix);
FRR_HANDLER(frr_default_originate); FRR_HANDLER(frr_addpath); FRR_HANDLER(frr_no_addpath); FRR_HANDLER(frr_weight);
FRR_HANDLER(frr_source); FRR_HANDLER(frr_source_address);
/* frr_filter.c */
FRR_HANDLER(frr_prefix_list); FRR_HANDLER(frr_prefix_list6); FRR_HANDLER(frr_prefix_note); FRR_HANDLER(frr_prefix_note6);
FRR_HANDLER(frr_community_list); FRR_HANDLER(frr_community_number); FRR_HANDLER(frr_aspath_list); FRR_HANDLER(frr_map);
FRR_HANDLER(frr_match); FRR_HANDLER(frr_set); FRR_HANDLER(frr_on_next); FRR_HANDLER(frr_on_goto); FRR_HANDLER(frr_call);
FRR_HANDLER(frr_map_note); FRR_HANDLER(frr_bfd); FRR_HANDLER(frr_bfd_profile); FRR_HANDLER(frr_bfd_multiplier);
FRR_HANDLER(frr_bfd_rx); FRR_HANDLER(frr_bfd_tx);

#endif
