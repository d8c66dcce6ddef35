/* The parts of the loader of gretel.conf:
 *
 *   load_text.c    files to one text: @include, scan, which line came from where
 *   load_tree.c    text to nodes (libconfig)
 *   load_group.c   a group of nodes to fields, by the rows of a section; all complaints about single values
 *   load_secret.c  psk, psk_file, the section secrets
 *   load_routing.c the section routing: its keys, frr_conf; load_bgp.c its neighbors and own routes, load_filter.c its
 *                  lists and route maps, load_json.c the options of modules
 *   load_check.c   what no single value can say: required keys, contradictions, doubles
 *   load.c         the sections, in their order
 *
 * All or nothing: every error is diagnosed and counted, and with one counted nothing is loaded. Internal to config/. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/load_text.h"
#include "config/schema.h"

/* The rows that a group gave, by their index: for lines in diagnostics and "was it given". */
struct cfg_given {
	const struct cfg_node *at[CFG_ROWS_MAX];
};

/* A key that a tunnel brings: it gets its selectors when all tunnels are known. */
struct cfg_key {
	struct cfg_key *next;
	struct ident local, remote;   /* ID_ANY: not known */
	bool by_name;                 /* remote is a host name without remote_id */
	const struct cfg_node *psk, *psk_file;
	const char *path;             /* "tunnels.a" */
};

/* The defaults of a section, kept for the next element of a list. */
struct cfg_plain {
	struct cfg_plain *next;
	const struct cfg_section *s;
	const void *base;
};

struct cfg_load {
	struct config_job *job;
	struct arena arena;
	struct cfg_text text;
	struct cfg_tunnel plain;      /* the table's defaults for a tunnel */
	struct cfg_plain *plains;     /* and for elements of routing */
	struct cfg_key *keys, **last_key;
	bool remote_default;          /* the section defaults has remote */
	unsigned errors;
};

enum { CFG_PATH_MAX = 256 };

/* A diagnostic at a node (NULL: none), counted when it is an error. */
void cfg_tell(struct cfg_load *l, enum diag_level level, const struct cfg_node *at, const char *path, const char *fmt,
              ...) PRINTF_LIKE(5, 6);
/* "expected ..., found ..." */
void cfg_wrong(struct cfg_load *l, const struct cfg_node *v, const char *path, const char *expected);
/* The table's defaults of a section, into base. */
void cfg_defaults(struct cfg_load *l, const struct cfg_section *s, void *base);
/* Reads a group into base by the rows of s; path names it in diagnostics. */
void cfg_group(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *group, const char *path,
               void *base, struct cfg_given *given);
/* Complains about a name that is none of n: with the nearest one where there is one. */
void cfg_unknown(struct cfg_load *l, const struct cfg_node *v, const char *path, const char *const *name, size_t n);
/* The node of a key that was given, or NULL. */
const struct cfg_node *cfg_given_at(const struct cfg_section *s, const struct cfg_given *g, const char *path);

/* load_secret.c */
void cfg_key_note(struct cfg_load *l, const struct cfg_tunnel *t, const char *path);
void cfg_keys_add(struct cfg_load *l);
void cfg_secrets_load(struct cfg_load *l, const struct cfg_node *list);
/* The octets of a key: psk or the file whose first line it is (one of them NULL). path is that of the group, key the
 * name of the former. False: told, or no memory. */
struct cfg_octets {
	uint8_t *p; /* in the arena, which is wiped */
	size_t n;
};
bool cfg_key_read(struct cfg_load *l, const struct cfg_node *psk, const struct cfg_node *file, const char *path,
                  const char *key, struct cfg_octets *out) MUST_USE;
/* A path in the file is relative to that file. In the arena; NULL: no memory. */
const char *cfg_path(struct cfg_load *l, const struct cfg_node *v);

/* load.c */
struct tunnel_conf *cfg_find_tunnel(const struct conf_builder *b, size_t n, const char *name);
bool cfg_is_refused(const struct conf_builder *b, const char *name);
conf_ref cfg_origin(struct cfg_load *l, const struct cfg_node *v);

/* load_routing.c, load_bgp.c, load_filter.c, load_json.c */
struct draft;
void cfg_routing_load(struct cfg_load *l, const struct cfg_node *v);
/* Reads an element of a list into base, of `size` octets: a group by the rows of s, or a text for the row `text` (NULL:
 * none). False: told. */
bool cfg_element(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *v, const char *path,
                 const char *text, void *base, size_t size, struct cfg_given *given);
/* "PATH[i]", in the arena. */
const char *cfg_index_path(struct cfg_load *l, const char *path, unsigned i);
/* Notes the filters that the rows of s named. */
void cfg_mention(struct cfg_load *l, struct draft *d, const struct cfg_section *s, const struct cfg_given *given,
                 const void *base, const char *path);
void cfg_bgp_load(struct cfg_load *l, struct draft *d, const struct cfg_routing *r);
void cfg_statics_load(struct cfg_load *l, struct draft *d, const struct cfg_node *list);
void cfg_filters_load(struct cfg_load *l, struct draft *d, const struct cfg_routing *r);
conf_ref cfg_json(struct cfg_load *l, const struct cfg_node *group);

/* load_check.c */
void cfg_check_setup(struct cfg_load *l, const struct cfg_given *g);
/* gre of a tunnel or of an addition to a conn, errors told; without a name, all of it is cleared. */
void cfg_check_gre(struct cfg_load *l, struct tunnel_conf *t, const struct cfg_given *g, const struct cfg_node *at,
                   const char *path);
/* What only makes one think, of a tunnel without errors: weak algorithms, margins, nobody to start with. Sets t->weak. */
void cfg_check_sense(struct cfg_load *l, struct tunnel_conf *t, const struct cfg_given *g, const struct cfg_node *at,
                     const char *path);

#endif
