/* A libconfig text as a tree of our own nodes: load_tree.c is the one place that knows libconfig.
 * What it is given was read, expanded and scanned by load_text.c. Internal to config/. */
#ifndef CONFIG_LOAD_TREE_H
#define CONFIG_LOAD_TREE_H

#include "config/arena.h"

enum cfg_kind { NODE_GROUP, NODE_LIST, NODE_BOOL, NODE_INT, NODE_REAL, NODE_TEXT };

struct cfg_node {
	struct cfg_node *next, *kids; /* in the order of the file */
	const char *name;             /* NULL in lists */
	const char *text;             /* NODE_TEXT */
	int64_t i;                    /* NODE_INT, NODE_BOOL */
	double r;                     /* NODE_REAL */
	unsigned n_kids;
	unsigned line;                /* of the text as libconfig saw it: see cfg_text_where */
	uint8_t kind;                 /* enum cfg_kind */
};

/* The root group of a text, in the arena. NULL: *line and *why (static) say where and what; when a->bad is set,
 * there was no memory. */
struct cfg_node *cfg_tree_read(struct arena *a, const char *text, unsigned *line, const char **why) MUST_USE;

#endif
