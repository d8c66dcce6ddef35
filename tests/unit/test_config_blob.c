/* The proof of the routing part of a configuration blob: every octet of a rich one set to other values, in blocks of exact
 * size. What conf_check lets pass can be walked through to its end; what is out of range it does not let pass. */
#include "test_config_gretel_util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t sum; /* of what was read, so that it is */

static void walk(const struct conf *c, const void *p, uint8_t shape)
{
	const struct conf_shape *s = conf_shape(shape);
	for (size_t i = 0; i < s->size; i++)
		sum += ((const uint8_t *)p)[i];
	for (size_t i = 0; i < s->n; i++) {
		struct conf_array a = {.n = 1};
		memcpy(&a, (const uint8_t *)p + s->part[i].off, s->part[i].kind == PART_ARRAY ? sizeof a : sizeof a.at);
		if (s->part[i].kind == PART_TEXT) {
			sum += strlen(conf_str(c, a.at));
			continue;
		}
		for (uint32_t k = 0; a.at && k < a.n; k++)
			walk(c, conf_at(c, a, conf_shape(s->part[i].shape)->size, k), s->part[i].shape);
	}
}

static struct conf *rich(struct test_mem *m)
{
	char dir[512];
	struct test_files f;
	struct loaded l;
	static const char text[] = "routing = { frr_conf = \"05.in\"; statics = ( { prefix = \"10.0.0.0/8\"; dev = \"eth0\"; } ); "
	                           "options = { a = 1; }; };";
	test_mem_init(m);
	test_files_init(&f, src_path("tests/config/frr", dir), "g.conf", text, strlen(text));
	load_file(&l, m, &f, "g.conf");
	assert_int_equal(l.rc, 0);
	assert_int_equal(l.d.errors, 0);
	struct conf *c = malloc(l.conf->size); /* of exact size */
	memcpy(c, l.conf, l.conf->size);
	loaded_fini(&l);
	return c;
}

static void test_octets(void **state)
{
	(void)state;
	static const uint8_t masks[] = {0xff, 0x01, 0x80, 0x08, 0x10};
	struct test_mem m;
	struct conf *c = rich(&m);
	size_t size = c->size, passed = 0, refused = 0;
	assert_true(conf_check(c, size));
	walk(c, conf_routing(c), SHAPE_ROUTING);
	for (size_t i = sizeof *c; i < size; i++) {
		for (size_t k = 0; k < ARRAY_LEN(masks); k++) {
			uint8_t *p = (uint8_t *)c + i, was = *p;
			*p ^= masks[k];
			if (conf_check(c, size)) {
				walk(c, conf_routing(c), SHAPE_ROUTING);
				passed++;
			} else {
				refused++;
			}
			*p = was;
		}
	}
	assert_true(passed > 1000 && refused > 1000);
	free(c);
}

/* Cut short, with a size that owns up to it. */
static void test_truncation(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf *c = rich(&m);
	for (size_t n = sizeof *c; n < c->size; n += 7) {
		struct conf *cut = malloc(n);
		memcpy(cut, c, n);
		cut->size = (uint32_t)n;
		if (conf_check(cut, n))
			walk(cut, conf_routing(cut), SHAPE_ROUTING);
		free(cut);
	}
	/* The routing part itself is at the end. */
	struct conf *cut = malloc(c->size - 1);
	memcpy(cut, c, c->size - 1);
	cut->size--;
	assert_false(conf_check(cut, cut->size));
	free(cut);
	free(c);
}

static void *at(struct conf *c, conf_ref r) { return (char *)c + r; }

/* Each of these by itself is refused. */
static void test_ranges(void **state)
{
	(void)state;
	struct test_mem m;
	struct conf *c = rich(&m);
	struct conf_routing *r = at(c, c->routing);
	struct conf_bgp *g = at(c, r->bgp);
	struct conf_bgp_peer *p = at(c, g->peers.at);
	struct conf_prefix_list *pl = at(c, g->prefix_lists.at);
	struct conf_prefix_rule *pr = at(c, pl->rules.at);
	struct conf_community_list *cl = at(c, g->community_lists.at);
	struct conf_community_rule *cr = at(c, cl->rules.at);
	struct conf_aspath_list *al = at(c, g->aspath_lists.at);
	struct conf_aspath_rule *ar = at(c, al->rules.at);
	struct conf_route_map *rm = at(c, g->route_maps.at);
	struct conf_map_entry *e = at(c, rm->entries.at);
	struct conf_clause *match = at(c, e->match.at), *set = at(c, e[1].set.at);
	struct conf_static_route *s = at(c, r->statics.at);
#define REFUSED(field, value)                                                                                 \
	do {                                                                                                  \
		struct conf *was = malloc(c->size);                                                           \
		memcpy(was, c, c->size);                                                                      \
		(field) = (value);                                                                            \
		assert_false(conf_check(c, c->size));                                                         \
		memcpy(c, was, was->size);                                                                    \
		free(was);                                                                                    \
		assert_true(conf_check(c, c->size));                                                          \
	} while (0)
	REFUSED(c->routing, c->size);
	REFUSED(c->routing, c->routing + 1);
	REFUSED(r->module, 0);
	REFUSED(r->module, c->size);
	REFUSED(r->bgp, c->size - 8);
	REFUSED(g->as, 0);
	REFUSED(g->gr_mode, GR_RESTART + 1);
	REFUSED(g->multipath_ibgp[BGP_V6], ROUTE_HOPS_MAX + 1);
	REFUSED(g->peers.n, UINT32_MAX);
	REFUSED(g->peers.at, 8);
	REFUSED(p->address.family, 5);
	REFUSED(p->address.family, AF_NONE);
	REFUSED(p->range.addr.family, 5);
	REFUSED(p->gr_mode, GR_RESTART + 1);
	REFUSED(p->af[BGP_V6].max_prefix_threshold, 101);
	REFUSED(p->af[BGP_V4].prefix_list_in, g->prefix_lists.n + 1);
	REFUSED(p->af[BGP_V6].map_out, g->route_maps.n + 1);
	REFUSED(p->af[BGP_V4].aspath_list_out, g->aspath_lists.n + 1);
	REFUSED(pl->name, 0);
	REFUSED(pl->af, BGP_AF_N);
	REFUSED(pr->prefix.len, 33);
	REFUSED(pr->ge, 33);
	REFUSED(pr->action, 2);
	REFUSED(cl->kind, COMM_LARGE + 1);
	REFUSED(cl->name, 0);
	REFUSED(cr->values.n, 3);
	REFUSED(ar->regex, 0);
	REFUSED(al->name, 0);
	REFUSED(rm->name, 0);
	REFUSED(e->action, 2);
	REFUSED(e->on_match, ON_MATCH_GOTO + 1);
	REFUSED(e->call, g->route_maps.n + 1);
	REFUSED(match->what, MATCH_SOURCE + 1);
	REFUSED(match->u, 0);
	REFUSED(match->u, g->prefix_lists.n + 1);
	REFUSED(set->what, SET_ORIGINATOR_ID + 1);
	REFUSED(set->values.n, 5);
	REFUSED(s->route.n_hops, ROUTE_HOPS_MAX + 1);
	REFUSED(s->route.dst.len, 33);
	REFUSED(s->route.kind, ROUTE_PROHIBIT + 1);
	REFUSED(s->route.src.family, 1);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
