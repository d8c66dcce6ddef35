/* Reads a JSON document (RFC 8259) of small size without a tree: a walk that calls back with a path and a value, such as
 * ("neighbors.home.0", "10.0.0.1"). Numbers and the words true, false, null come as they stand. Pure; internal to route/. */
#ifndef ROUTE_JSON_H
#define ROUTE_JSON_H

#include "base/base.h"

enum { JSON_PATH_MAX = 256, JSON_VALUE_MAX = 512, JSON_DEPTH = 12 };
/* string: the value stood in quotes. Longer ones are cut. False ends the walk with failure. */
typedef bool json_fn(void *ctx, const char *path, const char *value, bool string);
/* False: no JSON, something larger than there is room for, or fn said so. */
bool json_walk(const char *text, size_t n, json_fn *fn, void *ctx) MUST_USE;
/* A text in quotes, escaped. */
void sb_json(struct sbuf *b, const char *text);

#endif
