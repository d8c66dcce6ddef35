/* The section routing as a whole: what a reload does with an frr.conf that went bad, what a change asks for, that each
 * field has a row with the model's default, and that nothing is left behind when memory ends. */
#include "test_config_gretel_util.h"

#include "config/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILES = 4 };

struct world {
	struct config_files io;
	struct { const char *path, *text; } file[FILES];
	struct test_mem m;
	struct conf *conf;
	struct psk_set psks;
	struct diags d;
};

static int world_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct world *w = (struct world *)io;
	*out = (struct config_text){.mode = 0600};
	for (size_t i = 0; i < FILES && w->file[i].path; i++) {
		if (strcmp(w->file[i].path, path) != 0)
			continue;
		out->n = strlen(w->file[i].text);
		out->s = malloc(out->n + 1);
		memcpy(out->s, w->file[i].text, out->n + 1);
		return 0;
	}
	return -ENOENT;
}

static void world_init(struct world *w, const char *gretel, const char *frr)
{
	*w = (struct world){.io = {.read = world_read}, .file = {{"g.conf", gretel}, {frr ? "frr.conf" : NULL, frr}}};
	test_mem_init(&w->m);
	psk_set_init(&w->psks, &w->m.mem);
	diags_init(&w->d, &w->m.mem);
}

/* Loads over what runs, as priv does. */
static int load(struct world *w)
{
	struct conf *was = w->conf;
	struct psk_set psks;
	struct config_paths where = {.file = "g.conf", .running = was, .running_psks = &w->psks};
	diags_fini(&w->d);
	psk_set_init(&psks, &w->m.mem);
	int rc = config_load(&where, &w->io, &w->conf, &psks, &w->d);
	if (rc) {
		w->conf = was;
		psk_set_fini(&psks);
	} else {
		config_free(was);
		psk_set_fini(&w->psks);
		w->psks = psks;
	}
	return rc;
}

static void world_fini(struct world *w)
{
	config_free(w->conf);
	psk_set_fini(&w->psks);
	diags_fini(&w->d);
	assert_int_equal(w->m.mem.in_use, 0);
}

static const char names_frr[] = "routing = { frr_conf = \"frr.conf\"; };";
static const char good_frr[] =
	"router bgp 65000\n neighbor 10.0.0.1 remote-as 65000\n neighbor 10.0.0.1 password secret\n"
	" neighbor 10.0.0.1 prefix-list p in\n network 10.1.0.0/16 route-map m\nexit\n"
	"ip prefix-list p permit 10.0.0.0/8 le 24\nbgp community-list standard c permit 65000:1\n"
	"bgp as-path access-list a permit ^$\n"
	"route-map m permit 10\n match community c\n match as-path a\n set community 1:2 3:4\n description d\n";
static const char bad_frr[] = "router bgp 65000\n neighbor 10.0.0.1 remote-as 65000\n neighbor 10.0.0.1 foo\n";

static const struct conf_bgp_peer *peer(const struct conf *c, uint32_t i)
{
	return conf_at(c, conf_bgp(c)->peers, sizeof(struct conf_bgp_peer), i);
}

/* --- An frr.conf that cannot be used --- */

static void test_refused_at_start(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, names_frr, bad_frr);
	assert_int_equal(load(&w), 0);
	const struct conf_routing *r = conf_routing(w.conf);
	assert_non_null(r);
	assert_null(conf_bgp(w.conf));
	assert_false(r->kept);
	assert_string_equal(conf_str(w.conf, r->module), "bgp");
	assert_non_null(strstr(conf_str(w.conf, r->refused), "frr.conf:3: neighbor 10.0.0.1 foo: error: "));
	assert_int_equal(w.d.errors, 1);
	/* Mended, it is read. */
	w.file[1].text = good_frr;
	assert_int_equal(load(&w), 0);
	assert_int_equal(conf_routing(w.conf)->refused, 0);
	assert_non_null(conf_bgp(w.conf));
	assert_int_equal(w.psks.n_tcp, 1);
	world_fini(&w);
}

static void test_missing(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, names_frr, NULL);
	assert_int_equal(load(&w), 0);
	assert_null(conf_bgp(w.conf));
	assert_string_equal(conf_str(w.conf, conf_routing(w.conf)->refused), "frr.conf: error: there is no such file");
	world_fini(&w);
}

/* The speaker goes on with what it has: all of it, its keys too, also over a second bad reload. */
static void test_kept_at_reload(void **state)
{
	(void)state;
	struct world w, was;
	const char *what;
	world_init(&w, names_frr, good_frr);
	world_init(&was, names_frr, good_frr);
	assert_int_equal(load(&w), 0);
	assert_int_equal(load(&was), 0);
	for (int i = 0; i < 2; i++) {
		w.file[1].text = i ? "" : bad_frr;
		assert_int_equal(load(&w), 0);
		const struct conf_routing *r = conf_routing(w.conf);
		assert_true(r->kept);
		assert_non_null(strstr(conf_str(w.conf, r->refused), i ? "expected router bgp" : "foo"));
		assert_int_equal(w.psks.n_tcp, 1);
		assert_int_equal(w.psks.tcp[0].len, 6);
		assert_memory_equal(w.psks.tcp[0].key, "secret", 6);
		/* But for these two it is the same. */
		struct conf *copy = malloc(w.conf->size);
		memcpy(copy, w.conf, w.conf->size);
		struct conf_routing *c = (struct conf_routing *)((char *)copy + copy->routing);
		c->kept = false;
		assert_true(conf_same(was.conf, copy, &what));
		free(copy);
	}
	w.file[1].text = good_frr;
	assert_int_equal(load(&w), 0);
	assert_false(conf_routing(w.conf)->kept);
	assert_int_equal(conf_routing(w.conf)->refused, 0);
	assert_true(conf_same(was.conf, w.conf, &what));
	world_fini(&w);
	world_fini(&was);
}

/* An error in gretel.conf itself: everything stays, as ever. */
static void test_all_or_nothing(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, names_frr, good_frr);
	assert_int_equal(load(&w), 0);
	const struct conf *was = w.conf;
	w.file[0].text = "routing = { frr_conf = \"frr.conf\"; hubb = true; };";
	assert_int_equal(load(&w), -EINVAL);
	assert_ptr_equal(w.conf, was);
	assert_int_equal(w.psks.n_tcp, 1);
	world_fini(&w);
}

/* Each n-th request fails while a bad reload carries the running version over. */
static void test_kept_no_memory(void **state)
{
	(void)state;
	unsigned n = 0;
	for (int rc = -ENOMEM; rc; ) {
		struct world w;
		world_init(&w, names_frr, good_frr);
		assert_int_equal(load(&w), 0);
		w.file[1].text = bad_frr;
		w.m.n = 0;
		w.m.fail = ++n;
		rc = load(&w);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(w.psks.n_tcp, 1);
		if (rc == 0 && w.m.n >= n) /* only a diagnostic was lost */
			rc = -1;
		else if (rc == 0)
			assert_true(conf_routing(w.conf)->kept);
		world_fini(&w);
		assert_true(n < 10000);
	}
	assert_true(n > 10);
}

/* --- hub, ipsec.conf beside it --- */

static void test_hub_over_frr(void **state)
{
	(void)state;
	struct world w;
	world_init(&w, "routing = { frr_conf = \"frr.conf\"; hub = true; grace = \"7s\"; };",
	           "router bgp 65000\nneighbor 10.0.0.1 remote-as 65000\nneighbor 10.0.0.2 remote-as 65000\n"
	           "neighbor 10.0.0.1 route-reflector-client\n");
	assert_int_equal(load(&w), 0);
	assert_true(peer(w.conf, 0)->af[BGP_V4].next_hop_self_force && peer(w.conf, 0)->af[BGP_V4].next_hop_self);
	assert_false(peer(w.conf, 0)->af[BGP_V6].next_hop_self_force);
	assert_false(peer(w.conf, 1)->af[BGP_V4].next_hop_self_force);
	assert_int_equal(conf_bgp(w.conf)->tunnel_grace, DUR_S(7));
	assert_int_equal(conf_routing(w.conf)->grace, DUR_S(7));
	world_fini(&w);
}

static void test_beside_ipsec(void **state)
{
	(void)state;
	struct world w;
	world_init(&w,
	           "ipsec = { conf = \"ipsec.conf\"; };\n"
	           "tunnels = { office = { gre = { name = \"gre1\"; address = [\"10.0.0.2/31\"]; }; }; };\n"
	           "routing = { as = 65000; neighbors = ( { tunnel = \"office\"; }, { tunnel = \"bad\"; address = \"10.9.9.9\"; } ); };",
	           NULL);
	w.file[1].path = "ipsec.conf";
	w.file[1].text = "conn office\n\ttype=transport\n\tauthby=secret\n\tright=192.0.2.1\n\tauto=add\n"
	                 "conn bad\n\ttype=transport\n\tauthby=secret\n\tright=192.0.2.2\n\tlifetime=x\n\tauto=add\n";
	assert_int_equal(load(&w), 0);
	assert_int_equal(w.conf->n_refused, 1);
	char text[ADDR_TEXT];
	assert_string_equal(addr_str(&peer(w.conf, 0)->address, text), "10.0.0.3");
	assert_string_equal(conf_str(w.conf, peer(w.conf, 0)->tunnel), "office");
	assert_string_equal(conf_str(w.conf, peer(w.conf, 1)->tunnel), "bad");
	assert_int_equal(w.conf->source, CONF_GRETEL);
	world_fini(&w);
}

/* --- What a change asks for --- */

#define BGP(more) "routing = { as = 65000; neighbors = ( { address = \"10.0.0.1\"; } ); " more " };"

static void differ(const char *a, const char *b, int needs)
{
	struct test_mem m;
	struct loaded x, y;
	struct config_diff d;
	test_mem_init(&m);
	load_text(&x, &m, a);
	load_text(&y, &m, b);
	assert_int_equal(x.rc, 0);
	assert_int_equal(y.rc, 0);
	assert_int_equal(config_diff(x.conf, y.conf, &d), 0);
	assert_int_equal(d.routing, needs);
	assert_int_equal(d.same, needs == 0);
	assert_int_equal(d.setup, 0);
	config_diff_fini(&d);
	loaded_fini(&x);
	loaded_fini(&y);
}

static void test_changes(void **state)
{
	(void)state;
	differ(BGP(""), BGP(""), 0);
	differ(BGP("hold = 180;"), "# the same\n\n" BGP("local_pref = 100;"), 0);
	differ(BGP(""), BGP("hold = 30;"), CONFIG_NEEDS_UPDATE);
	differ(BGP(""), BGP("networks = [\"10.0.0.0/8\"];"), CONFIG_NEEDS_UPDATE);
	differ(BGP("prefix_lists = { a = [\"permit any\"]; };"), BGP("prefix_lists = { a = [\"deny any\"]; };"),
	       CONFIG_NEEDS_UPDATE);
	differ(BGP("route_maps = { a = ( { set = \"metric 1\"; } ); };"),
	       BGP("route_maps = { a = ( { set = \"metric 2\"; } ); };"), CONFIG_NEEDS_UPDATE);
	differ(BGP("grace = 5;"), BGP("grace = 6;"), CONFIG_NEEDS_UPDATE);
	differ(BGP(""), BGP("module = \"other\";"), CONFIG_NEEDS_RESTART);
	differ("routing = { module = \"exec\"; command = \"a\"; };", "routing = { module = \"exec\"; command = \"b\"; };",
	       CONFIG_NEEDS_RESTART);
	differ("routing = { module = \"x\"; options = { a = 1; }; };", "routing = { module = \"x\"; options = { a = 2; }; };",
	       CONFIG_NEEDS_UPDATE);
	differ(BGP(""), "tunnels = { };", CONFIG_NEEDS_RESTART);
	differ("tunnels = { };", BGP(""), CONFIG_NEEDS_RESTART);
}

/* The same speaker in FRR's words and in ours is no change. */
static void test_frr_to_native(void **state)
{
	(void)state;
	struct world w, n;
	struct config_diff d;
	char *text;
	world_init(&w, names_frr, good_frr);
	assert_int_equal(load(&w), 0);
	assert_int_equal(config_print(w.conf, &w.psks, &text), 0);
	world_init(&n, text, NULL);
	assert_int_equal(load(&n), 0);
	assert_int_equal(config_diff(w.conf, n.conf, &d), 0);
	assert_true(d.same);
	config_diff_fini(&d);
	world_fini(&w);
	world_fini(&n);
	/* Without the keys there is a comment in their place. */
	config_text_free(text);
	world_init(&w, names_frr, good_frr);
	assert_int_equal(load(&w), 0);
	assert_int_equal(config_print(w.conf, NULL, &text), 0);
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "# password = ...\n"));
	config_text_free(text);
	world_fini(&w);
}

/* --- The table --- */

#define SEEN(seen, type, member) memset((seen) + offsetof(type, member), 1, sizeof(((type *)0)->member))

static void mark_rows(const struct cfg_section *s, size_t from, uint8_t *seen, size_t n)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *r = &s->row[i];
		if (r->off < from || r->off - from + r->size > n || !cfg_type_ops(r->type)->print)
			continue;
		memset(seen + r->off - from, 1, r->size);
		if (r->off2)
			memset(seen + r->off2 - from, 1, 1);
	}
}

/* Up to seven octets before one that is aligned are padding. */
static void no_gap(const uint8_t *seen, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		size_t gap = 0;
		while (i < n && !seen[i])
			gap++, i++;
		bool bad = gap && (gap > 7 || (i < n && i % 2 != 0));
		if (bad)
			print_error("%s: %zu octets before %zu have no row\n", what, gap, i);
		assert_false(bad);
	}
}

/* A field without a row would be lost when it is printed. */
static void test_every_field(void **state)
{
	(void)state;
	uint8_t b[sizeof(struct conf_bgp)] = {0}, p[sizeof(struct conf_bgp_peer)] = {0};
	mark_rows(&cfg_routing, offsetof(struct cfg_routing, b), b, sizeof b);
	/* Lists are read and printed by load_bgp.c, load_filter.c and print_routing.c; grace is routing's. */
	SEEN(b, struct conf_bgp, listen_on);
	SEEN(b, struct conf_bgp, tunnel_grace);
	SEEN(b, struct conf_bgp, peers);
	SEEN(b, struct conf_bgp, networks);
	SEEN(b, struct conf_bgp, aggregates);
	SEEN(b, struct conf_bgp, redistribute);
	SEEN(b, struct conf_bgp, prefix_lists);
	SEEN(b, struct conf_bgp, community_lists);
	SEEN(b, struct conf_bgp, aspath_lists);
	SEEN(b, struct conf_bgp, route_maps);
	no_gap(b, sizeof b, "conf_bgp");
	mark_rows(&cfg_neighbor, offsetof(struct cfg_neighbor, p), p, sizeof p);
	SEEN(p, struct conf_bgp_peer, origin);
	SEEN(p, struct conf_bgp_peer, password); /* a node */
	no_gap(p, sizeof p, "conf_bgp_peer");
}

/* The table's defaults are the model's, and in the form that the printer compares with. */
static void test_defaults(void **state)
{
	(void)state;
	struct test_mem m;
	struct loaded l;
	struct conf_bgp b;
	struct conf_bgp_peer p;
	test_mem_init(&m);
	load_text(&l, &m, "routing = { as = 65000; neighbors = ( { address = \"10.0.0.1\"; } ); };");
	assert_int_equal(l.rc, 0);
	const struct conf_bgp *have = conf_bgp(l.conf);
	conf_bgp_defaults(&b);
	conf_bgp_peer_defaults(&p);
	b.as = 65000;
	b.peers = have->peers;
	assert_memory_equal(have, &b, sizeof b);
	assert_true(addr_parse("10.0.0.1", &p.address));
	p.origin = peer(l.conf, 0)->origin;
	assert_memory_equal(peer(l.conf, 0), &p, sizeof p);
	struct cfg_routing r = {.b = *have, .r = *conf_routing(l.conf)};
	struct cfg_neighbor n = {.p = p};
	r.b.as = 0;
	memset(&n.p.address, 0, sizeof n.p.address);
	const struct { const struct cfg_section *s; const void *base; } parts[] = {{&cfg_routing, &r}, {&cfg_neighbor, &n}};
	for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
		for (size_t i = 0; i < parts[k].s->n; i++) {
			const struct cfg_row *row = &parts[k].s->row[i];
			struct cfg_buf o = {0};
			if (!row->dflt)
				continue;
			cfg_print(&o, l.conf, row, parts[k].base);
			assert_string_equal(cfg_buf_text(&o), row->dflt);
			cfg_buf_fini(&o);
		}
	}
	loaded_fini(&l);
}

/* A literal for a key loads, prints and loads as the same, or does not load. */
static void check_literal(const struct cfg_section *s, const struct cfg_row *row, const char *literal, bool good)
{
	const char *dot = strchr(row->path, '.');
	char inner[256], text[1024];
	bool top = s == &cfg_routing;
	snprintf(inner, sizeof inner, "%.*s%s%s = %s;%s", dot ? (int)(dot - row->path) : 0, row->path, dot ? " = { " : "",
	         dot ? dot + 1 : row->path, literal, dot ? " };" : "");
	snprintf(text, sizeof text, "routing = { %s %s neighbors = ( { address = \"10.0.0.1\"; %s } ); };",
	         strcmp(row->path, "as") == 0 ? "" : "as = 1;", top ? inner : "", top ? "" : inner);
	loads_or_not(text, good);
}

static void number(const struct cfg_row *row, int64_t v, char *out, size_t cap)
{
	struct sbuf b = sb_init(out, cap);
	if (row->type == CT_TIME)
		sb_printf(&b, "\"%llds\"", (long long)(v / 1000000000));
	else
		sb_printf(&b, "%lld", (long long)v);
}

static void test_ranges(void **state)
{
	(void)state;
	static const struct cfg_section *const sections[] = {&cfg_routing, &cfg_neighbor};
	for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
		for (size_t i = 0; i < sections[s]->n; i++) {
			const struct cfg_row *row = &sections[s]->row[i];
			int64_t step = row->type == CT_TIME ? DUR_S(1) : 1;
			char text[64];
			for (const struct cfg_word *w = row->words; w && w->word; w++) {
				snprintf(text, sizeof text, "\"%s\"", w->word);
				check_literal(sections[s], row, text, true);
			}
			if (row->type == CT_BOOL || row->type == CT_ENUM) {
				check_literal(sections[s], row, "\"neither\"", false);
				check_literal(sections[s], row, "17", false);
			}
			if (row->type == CT_BOOL) {
				check_literal(sections[s], row, "true", true);
				check_literal(sections[s], row, "false", true);
			}
			if (row->type != CT_INT && row->type != CT_TIME && row->type != CT_PERCENT)
				continue;
			number(row, row->min, text, sizeof text);
			check_literal(sections[s], row, text, true);
			number(row, row->max, text, sizeof text);
			check_literal(sections[s], row, text, true);
			number(row, row->min - step, text, sizeof text);
			check_literal(sections[s], row, text,
			              row->min - step == 0 && (row->flags & CFG_ZERO) && strcmp(row->path, "as") != 0);
			number(row, row->max + step, text, sizeof text);
			check_literal(sections[s], row, text, false);
		}
	}
}

static void test_rows(void **state)
{
	(void)state;
	static const struct cfg_section *const sections[] = {&cfg_routing, &cfg_neighbor, &cfg_network, &cfg_aggregate,
	                                                     &cfg_redistribute, &cfg_static, &cfg_map_entry};
	for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
		assert_true(sections[s]->n <= CFG_ROWS_MAX);
		for (size_t i = 0; i < sections[s]->n; i++) {
			const struct cfg_row *row = &sections[s]->row[i];
			size_t n = strlen(row->doc);
			bool node = !cfg_type_ops(row->type)->print;
			assert_int_equal(cfg_find(sections[s], row->path), (int)i);
			assert_true(n > 4 && row->doc[n - 1] == '.');
			assert_int_equal(row->dflt != NULL, !node && !(row->flags & CFG_REQUIRED));
			/* The rows of a sub-group stand together. */
			const char *dot = strchr(row->path, '.'), *next = i + 1 < sections[s]->n ? row[1].path : "";
			size_t len = dot ? (size_t)(dot - row->path) + 1 : 0;
			for (size_t k = i + 2; len && strncmp(next, row->path, len) != 0 && k < sections[s]->n; k++)
				assert_int_not_equal(strncmp(sections[s]->row[k].path, row->path, len), 0);
		}
	}
}

/* Each n-th request for memory fails. */
static void test_no_memory(void **state)
{
	(void)state;
	static const char *const names[] = {"30.in", "31.in", "32.in", "33.in", "82.in"};
	char dir[512];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		unsigned n = 0;
		for (bool over = false; !over;) {
			struct test_mem m;
			struct test_files f;
			struct loaded l;
			test_mem_init(&m);
			m.fail = ++n;
			test_files_init(&f, src_path("tests/config/gretel", dir), NULL, NULL, 0);
			load_file(&l, &m, &f, names[i]);
			assert_int_equal(l.rc == 0, l.conf != NULL);
			assert_int_equal(l.rc == 0 || l.psks.n_tcp == 0, 1);
			over = m.n < n;
			assert_int_equal(over && names[i][0] != '8', over && l.rc == 0);
			loaded_fini(&l);
			assert_int_equal(m.mem.in_use, 0);
			assert_true(n < 20000);
		}
		assert_true(n > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_at_start),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_kept_at_reload),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_kept_no_memory),
		cmocka_unit_test(test_hub_over_frr),
		cmocka_unit_test(test_beside_ipsec),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_frr_to_native),
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
