/* Whether the routing parts of two configurations are equal but for where they come from, by the octets of all their
 * structs: apart from schema and printer, so that what these leave out must show here. */
#ifndef TESTS_CONFIG_ROUTE_SAME_H
#define TESTS_CONFIG_ROUTE_SAME_H

#include "model/model.h"

/* On false *what names the struct that differs. */
bool route_same(const struct conf *a, const struct conf *b, const char **what);

#endif
