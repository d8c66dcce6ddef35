/* gretel.conf(5) and the sample, from the table. Called by schema_doc.c, which writes the two files, and by the test that
 * holds the committed ones against it. Internal to config/. */
#ifndef CONFIG_SCHEMA_MAN_H
#define CONFIG_SCHEMA_MAN_H

#include "config/schema.h"

/* mdoc. */
void schema_man(struct cfg_buf *o);
/* A gretel.conf that loads: all keys of the daemon as comments, one tunnel. */
void schema_sample(struct cfg_buf *o);

/* schema_man.c, for schema_man_route.c */
void man_para(struct cfg_buf *o, const char *s);
void man_section(struct cfg_buf *o, const char *title, const char *text); /* text may be NULL */
void man_rows(struct cfg_buf *o, const struct cfg_section *s);
void man_code(struct cfg_buf *o, const char *code);
/* schema_man_route.c: SECTION routing, and what an frr.conf may say. */
void man_routing(struct cfg_buf *o);
extern const char man_hub[], man_spoke[];

#endif
