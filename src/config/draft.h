/* The routing part of a configuration while it is being read, from an frr.conf (frr.h) or from the section `routing` of a
 * gretel.conf (load_routing.c): lists that grow, filters by their names. draft_finish() makes the structs of
 * model/conf_routing.h of it. Internal to config/.
 *
 * A field that will hold an index + 1 of a list of filters holds the conf_ref of its name here. What names a list says so
 * with draft_mention(), so that the reader can complain where it was named. */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "config/arena.h"
#include "config/build.h"

struct draft_vec {
	void *v;
	uint32_t n, cap;
};
struct draft_rule {              /* of any list */
	uint32_t seq;
	union {
		struct conf_prefix_rule prefix;
		struct conf_community_rule community;
		struct conf_aspath_rule aspath;
	} u;
};
struct draft_list {
	conf_ref name;
	uint8_t sub;             /* prefix list: enum bgp_af; community list: its kind */
	struct draft_vec rules;  /* struct draft_rule, by seq */
};
struct draft_entry {
	struct conf_map_entry e;
	struct draft_vec match, set; /* struct conf_clause */
};
struct draft_map {
	conf_ref name;
	struct draft_vec entries;/* struct draft_entry, by seq */
};
struct draft_mention {
	uint8_t list, sub;       /* enum conf_list; as in draft_list */
	conf_ref name;
	unsigned line;
	const struct cfg_node *at; /* gretel.conf */
	const char *path;
};

struct draft {
	struct conf_builder *b;
	struct arena *arena;
	struct conf_routing routing;
	struct conf_bgp bgp;
	bool has_bgp;
	bool frr;                /* of an frr.conf: a rule that is there already, under another number, is not added again */
	struct draft_vec listen_on, peers, networks, aggregates, redistribute, statics;
	struct draft_vec list[LIST_N]; /* struct draft_list; of LIST_MAP: struct draft_map */
	struct draft_vec mentions;
};

void draft_init(struct draft *d, struct conf_builder *b, struct arena *a);
/* One more zeroed element of `size` octets at place `at` (UINT32_MAX: the end); NULL: no memory. It moves when another one
 * is added. */
void *draft_add(struct draft *d, struct draft_vec *v, uint32_t at, size_t size);
/* NULL beyond the end. */
void *draft_at(const struct draft_vec *v, size_t size, uint32_t i);
void draft_remove(struct draft_vec *v, size_t size, uint32_t i);
#define DRAFT_AT(vec, type, i) ((type *)draft_at((vec), sizeof(type), (i)))

/* NULL: there is none of this name. sub counts for prefix and community lists. */
struct draft_list *draft_list(struct draft *d, uint8_t list, uint8_t sub, conf_ref name);
struct draft_map *draft_map(struct draft *d, conf_ref name);
/* The same; makes one. NULL: no memory. */
struct draft_list *draft_list_make(struct draft *d, uint8_t list, uint8_t sub, conf_ref name);
struct draft_map *draft_map_make(struct draft *d, conf_ref name);
/* The rule of this seq, made when there is none; 0: the next number, as FRR counts. *is_new says which. NULL: no memory. */
struct draft_rule *draft_rule(struct draft *d, struct draft_list *l, uint32_t seq, bool *is_new);
struct draft_entry *draft_entry(struct draft *d, struct draft_map *m, uint32_t seq);

void draft_mention(struct draft *d, uint8_t list, uint8_t sub, conf_ref name, unsigned line, const struct cfg_node *at,
                   const char *path);
/* The first mention, from *i on, of what is not defined; NULL: no further one. *i goes on behind it. */
const struct draft_mention *draft_undefined(struct draft *d, uint32_t *i);
/* "prefix list", ...: for diagnostics. */
const char *draft_list_name(uint8_t list, uint8_t sub);
/* A route map that calls itself, over others or not; 0: there is none. */
conf_ref draft_call_cycle(struct draft *d);

/* What is named and not defined becomes what FRR takes it for; names become indices; all goes into the builder. */
void draft_finish(struct draft *d);

#endif
