/* strongswan.conf between its parser and the options. Internal to config/. */
#ifndef CONFIG_STRONGSWAN_H
#define CONFIG_STRONGSWAN_H

#include "config/parts.h"

struct swan_ref {
	struct swan_ref *next;
	const char *path;           /* absolute: "charon.plugins" */
};

/* A section (value NULL, kids) or a setting. */
struct swan_node {
	struct swan_node *next, *kids;
	struct swan_ref *refs;      /* sections that this one falls back to */
	const char *name, *value;   /* value of a section: NULL */
	const char *file;
	unsigned line;
	bool section;
};

/* Reads path and its includes under root. 0 or -errno as config_load_strongswan. */
int swan_parse(struct config_job *j, const char *path, struct swan_node *root) MUST_USE;
/* The setting at "charon.port", by way of references too; NULL when it is not set. */
const struct swan_node *swan_get(const struct swan_node *root, const char *path);
/* The section at a path itself, without references. */
const struct swan_node *swan_section(const struct swan_node *root, const char *path);

#endif
