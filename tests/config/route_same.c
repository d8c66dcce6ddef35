/* See route_same.h. */
#include "route_same.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[SHAPE_N] = {
	"octets", "number", "address", "routing", "bgp", "peer", "network", "aggregate", "redistribute", "prefix list",
	"prefix rule", "community list", "community rule", "as-path list", "as-path rule", "route map", "map entry", "clause",
	"static",
};

/* Where it comes from. */
static bool is_origin(uint8_t shape, size_t off)
{
	switch (shape) {
	case SHAPE_ROUTING:
		return off == offsetof(struct conf_routing, frr_conf) || off == offsetof(struct conf_routing, refused);
	case SHAPE_PEER:
		return off == offsetof(struct conf_bgp_peer, origin);
	case SHAPE_NETWORK:
		return off == offsetof(struct conf_bgp_network, origin);
	case SHAPE_AGGREGATE:
		return off == offsetof(struct conf_bgp_aggregate, origin);
	case SHAPE_STATIC:
		return off == offsetof(struct conf_static_route, origin);
	default:
		return false;
	}
}

static bool same(const struct conf *a, const void *x, const struct conf *b, const void *y, uint8_t shape, const char **what);

static bool same_array(const struct conf *a, struct conf_array x, const struct conf *b, struct conf_array y, uint8_t shape,
                       const char **what)
{
	size_t size = conf_shape(shape)->size;
	if (x.n != y.n) {
		*what = names[shape];
		return false;
	}
	for (uint32_t i = 0; i < x.n; i++) {
		if (!same(a, conf_at(a, x, size, i), b, conf_at(b, y, size, i), shape, what))
			return false;
	}
	return true;
}

static bool same(const struct conf *a, const void *x, const struct conf *b, const void *y, uint8_t shape, const char **what)
{
	const struct conf_shape *s = conf_shape(shape);
	uint8_t *p = malloc(s->size), *q = malloc(s->size);
	bool equal = true;
	memcpy(p, x, s->size);
	memcpy(q, y, s->size);
	for (size_t i = 0; i < s->n && equal; i++) {
		size_t n = s->part[i].kind == PART_ARRAY ? sizeof(struct conf_array) : sizeof(conf_ref);
		struct conf_array u = {.n = 1}, v = {.n = 1};
		memcpy(&u, p + s->part[i].off, n);
		memcpy(&v, q + s->part[i].off, n);
		memset(p + s->part[i].off, 0, n);
		memset(q + s->part[i].off, 0, n);
		if (is_origin(shape, s->part[i].off))
			continue;
		if (s->part[i].kind == PART_TEXT)
			equal = strcmp(conf_str(a, u.at), conf_str(b, v.at)) == 0;
		else if (!u.at || !v.at)
			equal = !u.at == !v.at && (s->part[i].kind != PART_ARRAY || u.n == v.n);
		else
			equal = same_array(a, u, b, v, s->part[i].shape, what);
	}
	equal = equal && memcmp(p, q, s->size) == 0;
	if (!equal && !*what)
		*what = names[shape];
	free(p);
	free(q);
	return equal;
}

bool route_same(const struct conf *a, const struct conf *b, const char **what)
{
	const struct conf_routing *x = conf_routing(a), *y = conf_routing(b);
	*what = NULL;
	if (!x || !y) {
		*what = x || y ? "routing" : NULL;
		return !x && !y;
	}
	return same(a, x, b, y, SHAPE_ROUTING, what);
}
