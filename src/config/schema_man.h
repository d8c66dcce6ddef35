/* gretel.conf(5) and the sample, from the table. Called by schema_doc.c, which writes the two files, and by the test that
 * holds the committed ones against it. Internal to config/. */
#ifndef CONFIG_SCHEMA_MAN_H
#define CONFIG_SCHEMA_MAN_H

#include "config/schema.h"

/* mdoc. */
void schema_man(struct cfg_buf *o);
/* A gretel.conf that loads: all keys of the daemon as comments, one tunnel. */
void schema_sample(struct cfg_buf *o);

#endif
