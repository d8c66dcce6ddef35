/* The section routing of the canonical gretel.conf, also when it was read from an frr.conf. See print.h. */
#include <stdlib.h>
#include <string.h>

#include "config/clause.h"
#include "config/print.h"

enum { LINE_TEXT = 8192 };

struct out {
	struct cfg_buf *o;
	const struct conf *c;
	const struct psk_set *psks;
};

/* --- Options: from the JSON that load_json.c wrote --- */

/* A text in quotes at *p, which passes by it. */
static void json_text(struct cfg_buf *out, const char **p)
{
	for ((*p)++; **p && **p != '"'; (*p)++) {
		if (**p == '\\' && (*p)[1] == 'u') {
			char hex[5] = "";
			memcpy(hex, *p + 2, 4);
			char octet = (char)strtoul(hex, NULL, 16);
			cfg_buf_bytes(out, &octet, 1);
			*p += 5;
		} else {
			*p += **p == '\\';
			cfg_buf_bytes(out, *p, 1);
		}
	}
	*p += **p == '"';
}

static void json_value(struct cfg_buf *o, const char **p);

static void json_members(struct cfg_buf *o, const char **p, char end)
{
	cfg_buf_put(o, end == '}' ? "{" : "(");
	for ((*p)++; **p && **p != end;) {
		if (end == '}') {
			struct cfg_buf name = {0};
			json_text(&name, p);
			cfg_buf_printf(o, " %s = ", cfg_buf_text(&name));
			cfg_buf_fini(&name);
			*p += **p == ':';
		}
		json_value(o, p);
		cfg_buf_put(o, end == '}' ? ";" : **p == ',' ? ", " : "");
		*p += **p == ',';
	}
	*p += **p == end;
	cfg_buf_put(o, end == '}' ? " }" : ")");
}

static void json_value(struct cfg_buf *o, const char **p)
{
	struct cfg_buf text = {0};
	if (**p == '{' || **p == '[') {
		json_members(o, p, **p == '{' ? '}' : ']');
	} else if (**p == '"') {
		json_text(&text, p);
		cfg_buf_quote(o, cfg_buf_text(&text));
		o->bad = o->bad || text.bad;
		cfg_buf_fini(&text);
	} else {
		size_t n = strcspn(*p, ",}]");
		long long v = strtoll(*p, NULL, 10);
		bool whole = !memchr(*p, '.', n) && !memchr(*p, 'e', n);
		cfg_buf_bytes(o, *p, n);
		cfg_buf_put(o, whole && (v > INT32_MAX || v < INT32_MIN) ? "L" : "");
		*p += n;
	}
}

/* --- Lists of groups --- */

/* Begins a list when there is something in it. */
static bool open_list(struct out *t, const char *key, uint32_t n)
{
	if (n)
		cfg_buf_printf(t->o, "\t%s = (\n", key);
	return n != 0;
}

static void close_list(struct out *t) { cfg_buf_put(t->o, "\n\t);\n"); }

/* An element by the rows of s. It is a bare text when nothing but the row `text` (NULL: none) is to say. */
static void put_element(struct out *t, const struct cfg_section *s, const void *base, uint32_t i, const char *text)
{
	struct cfg_buf body = {0}, bare = {0};
	struct print_place p = {.o = &body, .depth = 3};
	print_rows(&p, t->c, s, base, false);
	if (text) {
		cfg_buf_printf(&bare, "\t\t\t%s = ", text);
		cfg_print(&bare, t->c, &s->row[cfg_find(s, text)], base);
		cfg_buf_put(&bare, ";\n");
	}
	cfg_buf_put(t->o, i ? ",\n\t\t" : "\t\t");
	if (text && strcmp(cfg_buf_text(&bare), cfg_buf_text(&body)) == 0)
		cfg_print(t->o, t->c, &s->row[cfg_find(s, text)], base);
	else
		cfg_buf_printf(t->o, "{\n%s\t\t}", cfg_buf_text(&body));
	t->o->bad = t->o->bad || body.bad || bare.bad;
	cfg_buf_fini(&body);
	cfg_buf_fini(&bare);
}

static void put_elements(struct out *t, const char *key, const struct cfg_section *s, struct conf_array a, size_t size,
                         const char *text)
{
	if (!open_list(t, key, a.n))
		return;
	for (uint32_t i = 0; i < a.n; i++)
		put_element(t, s, conf_at(t->c, a, size, i), i, text);
	close_list(t);
}

static const struct tcp_key *key_of(const struct psk_set *psks, const struct conf_bgp_peer *p)
{
	struct prefix peer = p->range.addr.family ? p->range
	                                          : (struct prefix){p->address, (uint8_t)(addr_len(&p->address) * 8)};
	for (size_t i = 0; psks && p->password && i < psks->n_tcp; i++) {
		if (psks->tcp[i].peer.len == peer.len && addr_eq(&psks->tcp[i].peer.addr, &peer.addr))
			return &psks->tcp[i];
	}
	return NULL;
}

static void put_neighbor(struct out *t, const struct conf_bgp_peer *p, uint32_t i)
{
	struct cfg_neighbor n;
	struct print_place place = {.o = t->o, .depth = 3};
	const struct tcp_key *key = key_of(t->psks, p);
	memset(&n, 0, sizeof n);
	memcpy(&n.p, p, sizeof n.p);
	cfg_buf_put(t->o, i ? ",\n\t\t{\n" : "\t\t{\n");
	print_rows(&place, t->c, &cfg_neighbor, &n, false);
	if (key) {
		cfg_buf_put(t->o, "\t\t\tpassword = ");
		print_key(t->o, key->key, key->len);
		cfg_buf_put(t->o, ";\n");
	} else if (p->password) {
		cfg_buf_put(t->o, "\t\t\t# password = ...\n");
	}
	cfg_buf_put(t->o, "\t\t}");
}

static void put_neighbors(struct out *t, struct conf_array a)
{
	if (!open_list(t, "neighbors", a.n))
		return;
	for (uint32_t i = 0; i < a.n; i++)
		put_neighbor(t, conf_at(t->c, a, sizeof(struct conf_bgp_peer), i), i);
	close_list(t);
}

static void put_listen_on(struct out *t, struct conf_array a)
{
	for (uint32_t i = 0; i < a.n; i++) {
		char text[ADDR_TEXT];
		cfg_buf_printf(t->o, "%s\"%s\"", i ? ", " : "\tlisten_on = [",
		               addr_str(conf_at(t->c, a, sizeof(struct addr), i), text));
	}
	cfg_buf_put(t->o, a.n ? "];\n" : "");
}

/* --- Filters --- */

/* Names of the form that is made below for others are such others, too. */
static bool plain(const char *name) { return print_plain_name(name) && strncmp(name, "list-", 5) != 0; }

/* "name = " or, where libconfig takes no such name, a group around it. */
static void open_name(struct out *t, const char *name, uint32_t i, const char *inner)
{
	if (plain(name)) {
		cfg_buf_printf(t->o, "\t\t%s = ", name);
		return;
	}
	cfg_buf_printf(t->o, "\t\tlist-%u- = { name = ", i + 1);
	cfg_buf_quote(t->o, name);
	cfg_buf_printf(t->o, "; %s = ", inner);
}

static void close_name(struct out *t, const char *name) { cfg_buf_put(t->o, plain(name) ? ";\n" : "; };\n"); }

static void put_rule(struct out *t, uint32_t i, struct sbuf *b)
{
	cfg_buf_put(t->o, i ? ",\n\t\t\t" : "(\n\t\t\t");
	cfg_buf_quote(t->o, b->s);
	t->o->bad = t->o->bad || b->cut;
}

static void end_rules(struct out *t, uint32_t n) { cfg_buf_put(t->o, n ? "\n\t\t)" : "()"); }

static void put_prefix_lists(struct out *t, const char *key, struct conf_array a, uint8_t af)
{
	bool opened = false;
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_prefix_list *l = conf_at(t->c, a, sizeof *l, i);
		uint32_t before = 0;
		if (l->af != af)
			continue;
		if (!opened)
			cfg_buf_printf(t->o, "\t%s = {\n", key);
		opened = true;
		open_name(t, conf_str(t->c, l->name), i, "rules");
		for (uint32_t k = 0; k < l->rules.n; k++) {
			const struct conf_prefix_rule *r = conf_at(t->c, l->rules, sizeof *r, k);
			char text[128];
			struct sbuf b = SB(text);
			rule_prefix_print(&b, r, before);
			before = r->seq;
			put_rule(t, k, &b);
		}
		end_rules(t, l->rules.n);
		close_name(t, conf_str(t->c, l->name));
	}
	cfg_buf_put(t->o, opened ? "\t};\n" : "");
}

static void put_community_lists(struct out *t, const char *key, struct conf_array a, uint8_t kind)
{
	bool opened = false;
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_community_list *l = conf_at(t->c, a, sizeof *l, i);
		if (l->kind != kind)
			continue;
		if (!opened)
			cfg_buf_printf(t->o, "\t%s = {\n", key);
		opened = true;
		open_name(t, conf_str(t->c, l->name), i, "rules");
		for (uint32_t k = 0; k < l->rules.n; k++) {
			char text[LINE_TEXT];
			struct sbuf b = SB(text);
			rule_community_print(&b, t->c, kind, conf_at(t->c, l->rules, sizeof(struct conf_community_rule), k));
			put_rule(t, k, &b);
		}
		end_rules(t, l->rules.n);
		close_name(t, conf_str(t->c, l->name));
	}
	cfg_buf_put(t->o, opened ? "\t};\n" : "");
}

static void put_aspath_lists(struct out *t, struct conf_array a)
{
	cfg_buf_put(t->o, a.n ? "\tas_path_lists = {\n" : "");
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_aspath_list *l = conf_at(t->c, a, sizeof *l, i);
		open_name(t, conf_str(t->c, l->name), i, "rules");
		for (uint32_t k = 0; k < l->rules.n; k++) {
			char text[LINE_TEXT];
			struct sbuf b = SB(text);
			rule_aspath_print(&b, t->c, conf_at(t->c, l->rules, sizeof(struct conf_aspath_rule), k));
			put_rule(t, k, &b);
		}
		end_rules(t, l->rules.n);
		close_name(t, conf_str(t->c, l->name));
	}
	cfg_buf_put(t->o, a.n ? "\t};\n" : "");
}

static void put_clauses(struct out *t, struct conf_array a, bool set)
{
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_clause *x = conf_at(t->c, a, sizeof *x, i);
		char text[LINE_TEXT];
		struct sbuf b = SB(text);
		if (set)
			clause_set_print(&b, t->c, x);
		else
			clause_match_print(&b, t->c, x);
		cfg_buf_put(t->o, i ? ", " : set ? "\t\t\t\tset = [" : "\t\t\t\tmatch = [");
		cfg_buf_quote(t->o, text);
		t->o->bad = t->o->bad || b.cut;
	}
	cfg_buf_put(t->o, a.n ? "];\n" : "");
}

static void put_entry(struct out *t, const struct conf_map_entry *x, uint32_t before)
{
	struct cfg_map_entry e;
	struct print_place p = {.o = t->o, .depth = 4};
	memset(&e, 0, sizeof e);
	memcpy(&e.e, x, sizeof e.e);
	if (e.e.seq == before + 10)
		e.e.seq = 0;
	cfg_buf_put(t->o, before ? ", {\n" : "(\n\t\t\t{\n");
	print_rows(&p, t->c, &cfg_map_entry, &e, false);
	put_clauses(t, x->match, false);
	put_clauses(t, x->set, true);
	cfg_buf_put(t->o, "\t\t\t}");
}

static void put_maps(struct out *t, struct conf_array a)
{
	cfg_buf_put(t->o, a.n ? "\troute_maps = {\n" : "");
	for (uint32_t i = 0; i < a.n; i++) {
		const struct conf_route_map *m = conf_at(t->c, a, sizeof *m, i);
		uint32_t before = 0;
		open_name(t, conf_str(t->c, m->name), i, "entries");
		for (uint32_t k = 0; k < m->entries.n; k++) {
			const struct conf_map_entry *e = conf_at(t->c, m->entries, sizeof *e, k);
			put_entry(t, e, before);
			before = e->seq;
		}
		end_rules(t, m->entries.n);
		close_name(t, conf_str(t->c, m->name));
	}
	cfg_buf_put(t->o, a.n ? "\t};\n" : "");
}

/* --- The section --- */

static void put_bgp(struct out *t, const struct conf_bgp *g)
{
	put_listen_on(t, g->listen_on);
	put_neighbors(t, g->peers);
	put_elements(t, "networks", &cfg_network, g->networks, sizeof(struct conf_bgp_network), "prefix");
	put_elements(t, "aggregates", &cfg_aggregate, g->aggregates, sizeof(struct conf_bgp_aggregate), "prefix");
	put_elements(t, "redistribute", &cfg_redistribute, g->redistribute, sizeof(struct conf_bgp_redistribute), "source");
	put_prefix_lists(t, "prefix_lists", g->prefix_lists, BGP_V4);
	put_prefix_lists(t, "ipv6_prefix_lists", g->prefix_lists, BGP_V6);
	put_community_lists(t, "community_lists", g->community_lists, COMM_STANDARD);
	put_community_lists(t, "extcommunity_lists", g->community_lists, COMM_EXTENDED);
	put_community_lists(t, "large_community_lists", g->community_lists, COMM_LARGE);
	put_aspath_lists(t, g->aspath_lists);
	put_maps(t, g->route_maps);
}

void print_routing(struct cfg_buf *o, const struct conf *c, const struct psk_set *psks)
{
	const struct conf_routing *x = conf_routing(c);
	const struct conf_bgp *g = conf_bgp(c);
	struct out t = {.o = o, .c = c, .psks = psks};
	struct print_place p = {.o = o, .depth = 1};
	struct cfg_routing r;
	if (!x)
		return;
	if (x->refused) {
		cfg_buf_put(o, x->kept ? "# kept as it was: " : "# left out: ");
		cfg_buf_quote(o, conf_str(c, x->refused));
		cfg_buf_put(o, "\n");
	}
	memset(&r, 0, sizeof r);
	memcpy(&r.r, x, sizeof r.r);
	conf_bgp_defaults(&r.b);
	if (g)
		memcpy(&r.b, g, sizeof r.b);
	cfg_buf_put(o, x->refused && !g ? "# routing = {\n#" : "routing = {\n");
	if (x->refused && !g) { /* without the file there is nothing that would load */
		cfg_buf_put(o, "\tfrr_conf = ");
		cfg_buf_quote(o, conf_str(c, x->frr_conf));
		cfg_buf_put(o, ";\n# };\n");
		return;
	}
	print_rows(&p, c, &cfg_routing, &r, false);
	if (x->options) {
		const char *json = conf_str(c, x->options);
		cfg_buf_put(o, "\toptions = ");
		json_value(o, &json);
		cfg_buf_put(o, ";\n");
	}
	put_elements(&t, "statics", &cfg_static, x->statics, sizeof(struct conf_static_route), NULL);
	if (g)
		put_bgp(&t, g);
	cfg_buf_put(o, "};\n");
}
