/* The table itself: each row makes sense, defaults are canonical, the manual and the sample that are committed are those
 * that it makes, and every field of struct conf has a row or a reason. */
#include "test_config_gretel_util.h"

#include "config/schema_man.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cfg_section *const sections[] = {&cfg_daemon, &cfg_filelog, &cfg_tunnels, &cfg_secrets, &cfg_ipsec};

static void test_rows(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
		assert_true(sections[s]->n <= CFG_ROWS_MAX);
		for (size_t i = 0; i < sections[s]->n; i++) {
			const struct cfg_row *row = &sections[s]->row[i];
			size_t n = strlen(row->doc);
			assert_true(row->type < CT_N);
			assert_non_null(cfg_type_ops(row->type));
			assert_int_equal(cfg_find(sections[s], row->path), (int)i);
			assert_true(n > 4 && row->doc[n - 1] == '.');
			/* A default, or what stands for it. */
			bool node = row->type == CT_NODE || row->type == CT_NODE_TEXTS;
			assert_int_equal(row->dflt != NULL,
			                 !node && !(row->flags & (CFG_REQUIRED | CFG_SETUP | CFG_PREV)));
			assert_int_equal(row->type == CT_ENUM && !row->words, 0);
			if (row->flags & CFG_PREV)
				assert_true(i > 0 && (row[-1].flags & CFG_BOTH));
			if (row->flags & CFG_SETUP)
				assert_true(cfg_find(&cfg_daemon, row->path) >= 0);
		}
	}
}

/* The rows of a sub-group stand together: the printer opens it once. */
static void test_groups(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
		for (size_t i = 0; i < sections[s]->n; i++) {
			const char *p = sections[s]->row[i].path, *dot = strchr(p, '.');
			size_t n = dot ? (size_t)(dot - p) + 1 : 0;
			bool left = false;
			for (size_t k = i + 1; n && k < sections[s]->n; k++) {
				bool in = strncmp(sections[s]->row[k].path, p, n) == 0;
				assert_false(in && left);
				left = left || !in;
			}
			assert_true(!dot || !strchr(dot + 1, '.'));
		}
	}
}

/* The default, loaded and printed, is the literal in the table: the printer compares texts. */
static void test_defaults_canonical(void **state)
{
	(void)state;
	struct test_mem m;
	struct loaded l;
	test_mem_init(&m);
	load_text(&l, &m, "tunnels = { a = { remote = \"192.0.2.1\"; gre = { name = \"g1\"; }; }; };\n"
	                  "daemon = { filelog = ( { path = \"x\"; } ); };");
	assert_int_equal(l.rc, 0);
	const void *base[] = {&l.conf->setup, &l.conf->setup.filelog[0], conf_tunnel(l.conf, 0)};
	for (size_t s = 0; s < ARRAY_LEN(base); s++) {
		for (size_t i = 0; i < sections[s]->n; i++) {
			const struct cfg_row *row = &sections[s]->row[i];
			struct cfg_buf o = {0};
			if (!row->dflt || strcmp(row->path, "gre.name") == 0 || row->type == CT_FILELOGS)
				continue;
			cfg_print(&o, l.conf, row, base[s]);
			assert_string_equal(cfg_buf_text(&o), row->dflt);
			cfg_buf_fini(&o);
		}
	}
	loaded_fini(&l);
	assert_int_equal(m.mem.in_use, 0);
}

/* Every word and both ends of every range load, print and load again as the same; what is beyond does not load. */
static void check_literal(const char *section, const struct cfg_row *row, const char *literal, bool good)
{
	char text[1024];
	const char *dot = strchr(row->path, '.');
	bool daemon = strcmp(section, "daemon") == 0;
	snprintf(text, sizeof text, "%s%.*s%s%s = %s;%s%s",
	         daemon ? "daemon = { " : "tunnels = { a = { remote = \"192.0.2.1\"; gre = { name = \"g1\"; };",
	         dot ? (int)(dot - row->path) : 0, row->path, dot ? " = { " : "", dot ? dot + 1 : row->path, literal,
	         dot ? " };" : "", daemon ? "};" : "}; };");
	/* gre is there already. */
	if (!daemon && strncmp(row->path, "gre.", 4) == 0)
		snprintf(text, sizeof text, "tunnels = { a = { remote = \"192.0.2.1\"; gre = { name = \"g1\"; %s = %s; }; }; };",
		         dot + 1, literal);
	loads_or_not(text, good);
}

static void number(const struct cfg_row *row, int64_t v, char *out, size_t cap)
{
	struct sbuf b = sb_init(out, cap);
	if (row->type == CT_TIME)
		sb_printf(&b, v % 1000000000 ? "\"%lldms\"" : "\"%llds\"",
		          (long long)(v % 1000000000 ? v / 1000000 : v / 1000000000));
	else if (row->type == CT_REAL)
		sb_printf(&b, "%lld.%03lld", (long long)(v / 1000), (long long)(v % 1000));
	else
		sb_printf(&b, "%lld", (long long)v);
}

static void test_ranges(void **state)
{
	(void)state;
	/* These pairs contradict each other at the ends of their ranges. */
	static const char *const apart[] = {"port", "nat_t_port", "spi_min", "spi_max"};
	for (size_t s = 0; s < 3; s += 2) {
		for (size_t i = 0; i < sections[s]->n; i++) {
			const struct cfg_row *row = &sections[s]->row[i];
			int64_t step = row->type == CT_TIME ? DUR_S(1) : 1;
			char text[64];
			for (const struct cfg_word *w = row->words; w && w->word; w++) {
				snprintf(text, sizeof text, "\"%s\"", w->word);
				/* gre wants GRE. */
				check_literal(sections[s]->path, row, text,
				              (strcmp(row->path, "protocol") != 0 && strcmp(row->path, "type") != 0) ||
				                      w->value == 0 || w->value == 47);
			}
			bool ranged = row->type == CT_INT || row->type == CT_TIME || row->type == CT_REAL ||
			              row->type == CT_PERCENT || row->type == CT_SIZE;
			if (!ranged)
				continue;
			for (size_t k = 0; k < ARRAY_LEN(apart); k++)
				ranged = ranged && strcmp(apart[k], row->path) != 0;
			if (!ranged)
				continue;
			number(row, row->min, text, sizeof text);
			check_literal(sections[s]->path, row, text, true);
			number(row, row->max, text, sizeof text);
			check_literal(sections[s]->path, row, text, strcmp(row->path, "protocol") != 0);
			number(row, row->min - step, text, sizeof text);
			check_literal(sections[s]->path, row, text, row->min - step == 0 && (row->flags & CFG_ZERO));
			if (row->max < INT64_MAX) {
				number(row, row->max + step, text, sizeof text);
				check_literal(sections[s]->path, row, text, false);
			}
			if (row->flags & CFG_ZERO)
				check_literal(sections[s]->path, row, "0", true);
		}
	}
}

static void expect_file(const char *path, const struct cfg_buf *want)
{
	char full[512];
	size_t n;
	char *have = read_whole(src_path(path, full), &n);
	assert_non_null(have);
	if (strcmp(have, cfg_buf_text(want)) != 0)
		print_error("%s is not what the table makes: run make docs\n", path);
	assert_string_equal(have, cfg_buf_text(want));
	free(have);
}

static void test_manual(void **state)
{
	(void)state;
	struct cfg_buf o = {0};
	schema_man(&o);
	expect_file("man/gretel.conf.5", &o);
	cfg_buf_fini(&o);
}

static void test_sample(void **state)
{
	(void)state;
	struct cfg_buf o = {0};
	struct test_mem m;
	struct loaded l;
	schema_sample(&o);
	expect_file("conf/gretel.conf.sample", &o);
	test_mem_init(&m);
	load_text(&l, &m, cfg_buf_text(&o));
	assert_int_equal(l.rc, 0);
	assert_null(l.d.first);
	loaded_fini(&l);
	/* With all comments of settings taken away, everything is as without them. */
	for (char *p = o.s; (p = strstr(p, "\n\t# ")) != NULL; p++) {
		char *end = strchr(p + 1, '\n');
		bool setting = end[-1] == ';' || end[-1] == '{';
		if (setting)
			memset(p + 2, ' ', 2);
	}
	for (char *p = o.s; (p = strstr(p, "\n\t#\t")) != NULL; p++)
		p[2] = ' ';
	load_text(&l, &m, cfg_buf_text(&o));
	assert_int_equal(l.rc, 0);
	loaded_fini(&l);
	cfg_buf_fini(&o);
}

/* The examples on routing load as they stand, with the tunnel that they speak of. */
static void test_routing_examples(void **state)
{
	(void)state;
	static const char tunnel[] = "tunnels = { tunnel = { remote = \"192.0.2.1\"; psk = \"change-me-to-32-random-octets\"; "
	                             "gre = { name = \"gre1\"; address = [\"10.0.0.1/30\"]; }; }; };\n";
	const char *const examples[] = {man_hub, man_spoke};
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		char text[2048];
		struct test_mem m;
		struct loaded l;
		snprintf(text, sizeof text, "%s%s", tunnel, examples[i]);
		test_mem_init(&m);
		load_text(&l, &m, text);
		assert_int_equal(l.rc, 0);
		assert_null(l.d.first);
		assert_non_null(conf_bgp(l.conf));
		loaded_fini(&l);
		assert_int_equal(m.mem.in_use, 0);
	}
}

/* Marks the octets of the fields that rows of a section have. */
static void mark_rows(const struct cfg_section *s, uint8_t *seen, size_t n)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *r = &s->row[i];
		if (r->type == CT_NODE)
			continue;
		/* off2 is as large as its type says; for these, a field of the same size. */
		size_t two = r->flags & CFG_BOTH ? r->size : r->type == CT_MARK || r->type == CT_PROPOSAL ? 4 : 1;
		assert_true((size_t)r->off + r->size <= n);
		if (r->type == CT_HOSTS) {
			memset(seen + r->off + offsetof(struct conf_end, host), 1, sizeof(((struct conf_end *)0)->host));
			seen[r->off + offsetof(struct conf_end, n_hosts)] = 1;
		} else if (r->type == CT_IDENT) {
			memset(seen + r->off + offsetof(struct conf_end, id), 1, sizeof(struct ident));
			seen[r->off + offsetof(struct conf_end, id_set)] = 1;
			seen[r->off + offsetof(struct conf_end, id_loose)] = 1;
		} else {
			memset(seen + r->off, 1, r->size);
		}
		if (r->off2)
			memset(seen + r->off2, 1, two);
	}
}

#define SEEN(seen, type, member) memset((seen) + offsetof(type, member), 1, sizeof(((type *)0)->member))

/* A field of struct tunnel_conf or struct conf_setup without a row would be lost when it is printed. Padding is let pass:
 * up to seven octets without a row before one that is aligned. */
static void no_gap(const uint8_t *seen, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		size_t gap = 0;
		while (i < n && !seen[i])
			gap++, i++;
		if (gap && (gap > 7 || (i < n && i % 2 != 0)))
			print_error("%s: %zu octets before %zu have no row\n", what, gap, i);
		assert_false(gap && (gap > 7 || (i < n && i % 2 != 0)));
	}
}

static void test_every_field(void **state)
{
	(void)state;
	uint8_t t[sizeof(struct tunnel_conf)] = {0}, s[sizeof(struct conf_setup)] = {0};
	mark_rows(&cfg_tunnels, t, sizeof t);
	/* No rows: the name is the key; the rest says how it was come by, or follows from the others. */
	SEEN(t, struct tunnel_conf, name);
	SEEN(t, struct tunnel_conf, origin);
	SEEN(t, struct tunnel_conf, weak);
	SEEN(t, struct tunnel_conf, swapped);
	SEEN(t, struct tunnel_conf, kept);
	/* Limits by octets and packets are those of the ESP SAs. */
	SEEN(t, struct tunnel_conf, ike_life.bytes);
	SEEN(t, struct tunnel_conf, ike_life.margin_bytes);
	SEEN(t, struct tunnel_conf, ike_life.packets);
	SEEN(t, struct tunnel_conf, ike_life.margin_packets);
	no_gap(t, sizeof t, "tunnel_conf");
	mark_rows(&cfg_daemon, s, sizeof s);
	SEEN(s, struct conf_setup, allow_swap); /* is over when an ipsec.conf is read */
	no_gap(s, sizeof s, "conf_setup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_defaults_canonical),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_routing_examples),
		cmocka_unit_test(test_every_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
