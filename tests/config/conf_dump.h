/* A configuration as text for comparison in tests: every field that differs from the
 * defaults, in the order of model/conf.h. Independent of the canonical printer, so that
 * a bug in one does not hide a bug in the other. */
#ifndef TESTS_CONFIG_CONF_DUMP_H
#define TESTS_CONFIG_CONF_DUMP_H

#include "model/model.h"

void dump_conf(struct sbuf *b, const struct conf *c);
/* Keys in hex: test data only. */
void dump_psks(struct sbuf *b, const struct psk_set *s);
void dump_diags(struct sbuf *b, const struct diags *d);

#endif
