/* The schema of gretel.conf: one row per key. The same rows drive the loader
 * (load.c), `gretel check`, the canonical printer (print.c), the comparison of two
 * configurations (diff.c) and the generator of the sample and of gretel.conf(5)
 * (schema_doc.c). A new key is a field in model/conf.h, a row in schema.c and a pair
 * of files under tests/config/gretel. Internal to config/.
 *
 * A type (enum cfg_type) is a pair of functions in schema_value.c, _text.c or _net.c:
 * one reads a parsed value into the field, one writes the field as a libconfig
 * literal. The default column is such a literal, in exactly the form that the
 * writer gives it (a test holds both together), so that "equals the default" is a
 * comparison of texts. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/build.h"
#include "config/load_tree.h"
#include "config/print_buf.h"

enum cfg_type {
	CT_BOOL,
	CT_INT,       /* any width; with words, those too */
	CT_ENUM,      /* words only */
	CT_TIME,      /* dur_t */
	CT_REAL,      /* double; min and max in thousandths */
	CT_PERCENT,   /* uint32_t */
	CT_SIZE,      /* octets, any width */
	CT_TEXT,      /* conf_ref */
	CT_NAMES,     /* conf_ref to a comma list */
	CT_HOSTS,     /* struct conf_end: host, n_hosts */
	CT_IDENT,     /* struct conf_end: id, id_set, id_loose */
	CT_PREFIXES,  /* struct prefix[4], off2 the count */
	CT_ADDR,      /* struct addr */
	CT_PROPOSAL,  /* conf_ref to proposals, off2 the conf_ref to the text; min the protocol */
	CT_MARK,      /* uint32_t, off2 its mask */
	CT_KEY,       /* uint32_t, off2 a bool: whether it is set */
	CT_IFNAME,    /* char[16] */
	CT_FRAG,      /* bool, off2 the bool frag_accept_only */
	CT_FILELOGS,  /* conf_setup.filelog, n_filelogs */
	CT_NOT,       /* bool: the field is the contrary */
	CT_PREFIX,    /* struct prefix; min 1: host bits are kept */
	CT_ID4,       /* uint32_t in host order, as a.b.c.d */
	CT_AS,        /* uint32_t remote_as, off2 the bool external */
	CT_FILTER,    /* uint32_t: a name while it is read, then index + 1; min: enum conf_list, max: enum bgp_af */
	CT_NODE,      /* const struct cfg_node *: a text, kept for the loader, never printed */
	CT_NODE_ANY,  /* the same; whatever it is */
	CT_NODE_TEXTS,/* the same; one text or a list of texts */
	CT_N
};

/* What a changed value asks of a tunnel or of the daemon that is running. */
enum cfg_change { CFG_LIVE, CFG_CHILD, CFG_IKE, CFG_RESTART };

enum cfg_flag {
	CFG_ZERO = 1,      /* 0 is allowed besides min..max */
	CFG_HEX = 2,       /* printed in hexadecimal */
	CFG_BOTH = 4,      /* off2 is a second field of the same size that gets the same value */
	CFG_REQUIRED = 8,  /* has no default: must be given, is always printed */
	CFG_SETUP = 16,    /* the default is that of the daemon key of the same path */
	CFG_ADDABLE = 32,  /* may be given for a conn of an ipsec.conf */
	CFG_SIGNED = 64,
	CFG_PREV = 128,    /* the default is the value of the row before, which has CFG_BOTH */
	CFG_HIDDEN = 256,  /* not in the manual by itself */
};

/* A word and the number that it stands for; the first word of a number is the canonical one. */
struct cfg_word {
	const char *word; /* NULL ends */
	int64_t value;
};

struct cfg_row {
	const char *path;          /* within its section: "dpd.delay" */
	uint8_t type;              /* enum cfg_type */
	uint16_t size;             /* octets of the field (types of fixed shape do not ask) */
	uint16_t off;
	uint8_t change;            /* enum cfg_change */
	uint16_t flags;            /* enum cfg_flag */
	uint16_t off2;
	int64_t min, max;          /* CT_TIME: nanoseconds */
	const struct cfg_word *words;
	const char *dflt;          /* libconfig literal, NULL = none */
	const char *swan;          /* strongSwan's names for it, ", " between them; NULL = none */
	const char *doc;           /* one sentence */
};

struct cfg_section {
	const char *path;          /* "tunnels" */
	const struct cfg_row *row;
	size_t n;
	const char *doc;
};
#define CFG_SECTION(name, rows, text) const struct cfg_section name = {.path = text, .row = rows, .n = ARRAY_LEN(rows)}

/* One tunnel while it is being read; rows of CT_NODE point behind the tunnel_conf. */
struct cfg_tunnel {
	struct tunnel_conf t;
	const struct cfg_node *name, *psk, *psk_file;
};
/* An entry of `secrets`, and the section `ipsec`. */
struct cfg_secret {
	const struct cfg_node *ids, *psk, *psk_file, *ppk_id;
};
struct cfg_ipsec {
	const struct cfg_node *conf, *secrets, *strongswan;
};

/* The section `routing` and its parts. What has rows of nodes is read, and printed, apart from the rest. */
struct cfg_routing {
	struct conf_routing r;
	struct conf_bgp b;
	bool hub;
	const struct cfg_node *frr_conf, *options, *listen_on, *neighbors, *networks, *aggregates, *redistribute, *prefix_lists,
		*prefix_lists6, *community_lists, *extcommunity_lists, *large_community_lists, *aspath_lists, *route_maps, *statics;
};
struct cfg_neighbor {
	struct conf_bgp_peer p;
	const struct cfg_node *password, *password_file;
};
struct cfg_map_entry {
	struct conf_map_entry e;
	const struct cfg_node *match, *set;
};

enum { CFG_ROWS_MAX = 128, CFG_EXPECT_MAX = 512 };

extern const struct cfg_section cfg_daemon, cfg_filelog, cfg_tunnels, cfg_secrets, cfg_ipsec;
extern const struct cfg_section cfg_routing, cfg_neighbor, cfg_network, cfg_aggregate, cfg_redistribute, cfg_static,
	cfg_map_entry;
/* The value 1 of conf_gre.tos: copied from the inner packet. */
enum { CFG_TOS_INHERIT = 1 };

/* Index of the row with this path, or -1. */
int cfg_find(const struct cfg_section *s, const char *path);

/* One type: reads a value into base + row->off; on false *why may hold a reason. Strings go into the builder. */
struct cfg_ops {
	const char *name;          /* for the manual: "time" */
	const char *expected;      /* "a time such as \"30s\", ..." */
	bool (*parse)(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
	              struct sbuf *why);
	void (*print)(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base);
};
const struct cfg_ops *cfg_type_ops(uint8_t type);

bool cfg_parse(struct conf_builder *b, const struct cfg_row *row, const struct cfg_node *v, void *base,
               struct sbuf *why) MUST_USE;
/* The literal of a field. c: where references point into. */
void cfg_print(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base);
/* "a time such as ... from 1s to 1d": for diagnostics and the manual. */
void cfg_expected(struct sbuf *b, const struct cfg_row *row);
/* "\"text\"", "5", "a group": what was found. */
void cfg_found(struct sbuf *b, const struct cfg_node *v);
/* The range of a row as text, "" when every value goes. */
void cfg_range(struct sbuf *b, const struct cfg_row *row);

struct cfg_items {
	const char *text;
	const struct cfg_node *kid;
};
/* Goes through the texts of a value: the elements of a list, or of a text at its commas, without blanks
 * around. False when there is no further one or it is no text or does not fit item[]. */
bool cfg_items_init(struct cfg_items *it, const struct cfg_node *v) MUST_USE;
enum cfg_step { CFG_ITEM, CFG_END, CFG_BAD };
enum cfg_step cfg_items_next(struct cfg_items *it, char *item, size_t cap);
/* "30s", "1.5s", "3h" to nanoseconds and back; see gretel.conf(5). */
bool cfg_time_parse(const char *s, dur_t *out) MUST_USE;
void cfg_time_print(struct sbuf *b, dur_t d);
/* The text of an identity that ident_parse() reads back as the same one. */
void cfg_ident_print(struct sbuf *b, const struct ident *id);

/* schema_value.c */
extern const struct cfg_ops cfg_ops_bool, cfg_ops_int, cfg_ops_enum, cfg_ops_time, cfg_ops_real, cfg_ops_percent,
	cfg_ops_size, cfg_ops_frag;
/* schema_route_types.c */
extern const struct cfg_ops cfg_ops_not, cfg_ops_prefix, cfg_ops_id4, cfg_ops_as, cfg_ops_filter;
/* schema_net.c */
extern const struct cfg_ops cfg_ops_hosts, cfg_ops_ident, cfg_ops_prefixes, cfg_ops_addr, cfg_ops_proposal,
	cfg_ops_mark, cfg_ops_key, cfg_ops_ifname;

#endif
