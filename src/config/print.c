/* The canonical gretel.conf of a configuration, from the rows of the schema: what equals its default is left out, the
 * rest stands in the order of the table. Read again it gives the same configuration, also when that came from an
 * ipsec.conf: this is the converter behind `gretel check --print`. */
#include "config/print.h"

#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void print_indent(struct cfg_buf *o, unsigned depth)
{
	while (depth--)
		cfg_buf_put(o, "\t");
}

/* Closes the open sub-group and opens another, unless it is the same one. */
static void enter(struct print_place *p, const char *group, size_t n)
{
	if (strlen(p->group) == n && memcmp(p->group, group, n) == 0)
		return;
	if (p->group[0]) {
		print_indent(p->o, p->depth);
		cfg_buf_put(p->o, "};\n");
	}
	struct sbuf b = SB(p->group);
	sb_printf(&b, "%.*s", (int)n, group);
	if (n) {
		print_indent(p->o, p->depth);
		cfg_buf_printf(p->o, "%s = {\n", p->group);
	}
}

/* What the row would be when nobody said anything. */
static void default_text(struct cfg_buf *o, const struct conf *c, const struct cfg_row *row, const void *base)
{
	if (row->flags & CFG_PREV)
		cfg_print(o, c, row - 1, base);
	else if (row->flags & CFG_SETUP)
		cfg_print(o, c, &cfg_daemon.row[cfg_find(&cfg_daemon, row->path)], &c->setup);
	else
		cfg_buf_put(o, row->dflt ? row->dflt : "");
}

void print_rows(struct print_place *p, const struct conf *c, const struct cfg_section *s, const void *base, bool gre)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *row = &s->row[i];
		struct cfg_buf text = {0}, dflt = {0};
		bool is_gre = s == &cfg_tunnels && strncmp(row->path, "gre.", 4) == 0;
		if (!cfg_type_ops(row->type)->print || (is_gre && !gre))
			continue;
		cfg_print(&text, c, row, base);
		default_text(&dflt, c, row, base);
		if ((row->flags & CFG_REQUIRED) || strcmp(cfg_buf_text(&text), cfg_buf_text(&dflt)) != 0) {
			const char *dot = strchr(row->path, '.');
			enter(p, row->path, dot ? (size_t)(dot - row->path) : 0);
			print_indent(p->o, p->depth + (dot ? 1 : 0));
			cfg_buf_printf(p->o, "%s = %s;\n", dot ? dot + 1 : row->path, cfg_buf_text(&text));
		}
		p->o->bad = p->o->bad || text.bad || dflt.bad;
		cfg_buf_fini(&text);
		cfg_buf_fini(&dflt);
	}
	enter(p, "", 0);
}

bool print_plain_name(const char *s)
{
	if (!isalpha((unsigned char)s[0]) || strcasecmp(s, "true") == 0 || strcasecmp(s, "false") == 0)
		return false;
	return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*")] == '\0';
}

static void print_tunnel(struct cfg_buf *o, const struct conf *c, uint32_t i)
{
	const struct tunnel_conf *t = conf_tunnel(c, i);
	const char *name = conf_str(c, t->name);
	struct print_place p = {.o = o, .depth = 2};
	if (print_plain_name(name)) {
		cfg_buf_printf(o, "\t%s = {\n", name);
	} else {
		/* Any name will do that no other tunnel has, nor is made here for another. */
		char key[CONF_NAME_MAX];
		unsigned n = 0;
		do {
			struct sbuf b = SB(key);
			sb_printf(&b, n ? "tunnel%u-%u" : "tunnel%u", i + 1, n);
		} while (conf_find(c, key) >= 0 && ++n);
		cfg_buf_printf(o, "\t%s = {\n\t\tname = ", key);
		cfg_buf_quote(o, name);
		cfg_buf_put(o, ";\n");
	}
	print_rows(&p, c, &cfg_tunnels, t, t->gre.name[0] != '\0');
	cfg_buf_put(o, "\t};\n");
}

void print_key(struct cfg_buf *o, const uint8_t *key, size_t n)
{
	bool text = n > 0;
	for (size_t i = 0; i < n; i++)
		text = text && isprint(key[i]);
	if (n >= 2 && key[0] == '0' && strchr("xXsS", key[1]))
		text = false;
	struct cfg_buf s = {0};
	if (text) {
		cfg_buf_bytes(&s, (const char *)key, n);
		cfg_buf_quote(o, cfg_buf_text(&s));
	} else {
		cfg_buf_put(&s, "0x");
		for (size_t i = 0; i < n; i++)
			cfg_buf_printf(&s, "%02x", key[i]);
		cfg_buf_printf(o, "\"%s\"", n ? cfg_buf_text(&s) : "");
	}
	o->bad = o->bad || s.bad;
	cfg_buf_fini(&s);
}

static void print_secrets(struct cfg_buf *o, const struct psk_set *psks)
{
	cfg_buf_put(o, "secrets = (\n");
	for (size_t i = 0; i < psks->n; i++) {
		const struct psk *k = &psks->v[i];
		cfg_buf_put(o, i ? ",\n\t{ " : "\t{ ");
		for (size_t s = 0; s < k->n_selectors; s++) {
			char id[IDENT_TEXT + 16];
			struct sbuf b = SB(id);
			cfg_ident_print(&b, &k->selectors[s]);
			cfg_buf_put(o, s ? ", " : "ids = [");
			cfg_buf_quote(o, id);
		}
		cfg_buf_put(o, k->n_selectors ? "]; psk = " : "psk = ");
		print_key(o, k->key, k->key_len);
		cfg_buf_put(o, "; }");
	}
	for (size_t i = 0; i < psks->n_ppk; i++) {
		cfg_buf_put(o, psks->n + i ? ",\n\t{ ppk_id = " : "\t{ ppk_id = ");
		cfg_buf_quote(o, psks->ppk[i].id);
		cfg_buf_put(o, "; psk = ");
		print_key(o, psks->ppk[i].key, psks->ppk[i].key_len);
		cfg_buf_put(o, "; }");
	}
	cfg_buf_put(o, "\n);\n");
}

int config_print(const struct conf *c, const struct psk_set *psks, char **text)
{
	struct cfg_buf o = {0}, daemon = {0};
	struct print_place p = {.o = &daemon, .depth = 1};
	*text = NULL;
	print_rows(&p, c, &cfg_daemon, &c->setup, false);
	if (daemon.n)
		cfg_buf_printf(&o, "daemon = {\n%s};\n", cfg_buf_text(&daemon));
	for (uint32_t i = 0; i < c->n_refused; i++) {
		const struct conf_refused *r = conf_refused(c, i);
		cfg_buf_put(&o, "# left out: conn ");
		cfg_buf_quote(&o, conf_str(c, r->name));
		cfg_buf_put(&o, ": ");
		cfg_buf_quote(&o, conf_str(c, r->reason));
		cfg_buf_put(&o, "\n");
	}
	cfg_buf_put(&o, "tunnels = {\n");
	for (uint32_t i = 0; i < c->n_tunnels; i++)
		print_tunnel(&o, c, i);
	cfg_buf_put(&o, "};\n");
	print_routing(&o, c, psks);
	if (psks && psks->n + psks->n_ppk)
		print_secrets(&o, psks);
	bool bad = o.bad || daemon.bad;
	cfg_buf_fini(&daemon);
	if (bad) {
		cfg_buf_fini(&o);
		return -ENOMEM;
	}
	*text = o.s;
	return 0;
}

void config_text_free(char *text)
{
	if (text)
		wipe(text, strlen(text));
	free(text);
}
