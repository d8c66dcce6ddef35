/* The builder of struct conf: both loaders put their findings in, it makes the
 * one run of octets without pointers. Internal to config/.
 *
 * References that conf_builder_str and conf_builder_proposals return are final:
 * put them into a conf_setup or tunnel_conf at once. Equal strings and equal
 * proposals are stored once. Errors are sticky: after one, references are 0 and
 * conf_builder_finish says -ENOMEM. */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "model/model.h"

struct conf_builder {
	struct mem *mem;
	uint8_t *pool;            /* the blob so far; starts with room for struct conf */
	size_t len, cap;
	struct conf_slot *slot;   /* what is in the pool, by content */
	size_t n_slots, cap_slots;
	struct tunnel_conf *tunnel;
	size_t n_tunnels, cap_tunnels;
	size_t n_conns;           /* so many of them, the first, stand in an ipsec.conf */
	struct conf_refused *refused;
	size_t n_refused, cap_refused;
	struct conf_setup setup;  /* to be filled in place; starts with the defaults */
	uint8_t source;           /* enum conf_source */
	char *files;              /* see conf_builder_file */
	size_t files_len, cap_files;
	conf_ref routing;         /* see conf_builder_routing */
	bool bad;
};

/* Never fails by itself: want of memory shows at the end. */
void conf_builder_init(struct conf_builder *b, struct mem *mem, uint8_t source);
void conf_builder_fini(struct conf_builder *b);
/* NULL and "" are 0. */
conf_ref conf_builder_str(struct conf_builder *b, const char *s);
/* The text of a reference made here; valid until the next call that adds. "" for 0. */
const char *conf_builder_text(const struct conf_builder *b, conf_ref r);
/* Unused places of *p must be zero (memset before filling), or equal ones are not found. */
conf_ref conf_builder_proposals(struct conf_builder *b, const struct proposals *p);
/* Adds a copy of *t, whose references come from this builder, under t->name. The order is kept. */
void conf_builder_tunnel(struct conf_builder *b, const struct tunnel_conf *t);
/* The first of this name; NULL: none. */
struct tunnel_conf *conf_builder_find(const struct conf_builder *b, const char *name);
/* Adds t of another configuration, with its strings and proposals. */
void conf_builder_carry(struct conf_builder *b, const struct conf *from, const struct tunnel_conf *t);
/* Notes a conn that is in the file but unusable. */
void conf_builder_refuse(struct conf_builder *b, const char *name, const char *origin, const char *reason);
/* Appends a line to conf->files. */
void conf_builder_file(struct conf_builder *b, const char *path);
/* Adds n structs of the routing part, whose references come from this builder. Unused places must be zero. */
struct conf_array conf_builder_array(struct conf_builder *b, const void *elements, uint32_t n, size_t size);
/* Adds one such struct; 0: no memory. */
conf_ref conf_builder_struct(struct conf_builder *b, const void *p, size_t size);
/* Makes *r the routing part. */
void conf_builder_routing(struct conf_builder *b, const struct conf_routing *r);
/* Takes the routing part of another configuration over, with all that it refers to; r: that part, or a changed copy
 * of it whose references are still from's. */
void conf_builder_carry_routing(struct conf_builder *b, const struct conf *from, const struct conf_routing *r);
/* 0 and a malloc'ed blob that conf_check() accepts, or -ENOMEM. The builder still wants its fini. */
int conf_builder_finish(struct conf_builder *b, struct conf **out) MUST_USE;

#endif
