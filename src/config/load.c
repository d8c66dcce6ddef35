/* The loader of gretel.conf: its sections, in the order in which one builds on the other. See load.h.
 *
 *   daemon    table's defaults, then what a strongswan.conf and an ipsec.conf say (section ipsec), then the keys here
 *   ipsec     conns of an ipsec.conf become tunnels; keys of an ipsec.secrets go first into the set
 *   defaults  table's defaults, then the keys here: where each tunnel begins
 *   tunnels   new ones, or additions (gre, guard, psk, ppk) to a conn of that name
 *   secrets   and the keys of tunnels go last, where equals are preferred
 *   routing   names tunnels */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const section_names[] = {"daemon", "defaults", "tunnels", "secrets", "ipsec", "routing"};
enum section { SEC_DAEMON, SEC_DEFAULTS, SEC_TUNNELS, SEC_SECRETS, SEC_IPSEC, SEC_ROUTING, SEC_N };

static void find_sections(struct cfg_load *l, const struct cfg_node *root, const struct cfg_node *sec[SEC_N])
{
	for (const struct cfg_node *v = root->kids; v; v = v->next) {
		size_t i = 0;
		while (i < SEC_N && strcmp(section_names[i], v->name) != 0)
			i++;
		if (i == SEC_N)
			cfg_unknown(l, v, v->name, section_names, SEC_N);
		else if (v->kind != NODE_GROUP && i != SEC_SECRETS)
			cfg_wrong(l, v, v->name, "a group { }");
		else
			sec[i] = v;
	}
}

/* One of strongSwan's files. The loaders tell of what is in it; here only whether it is there. */
static void load_foreign(struct cfg_load *l, const struct cfg_node *v, const char *key,
                         int (*load)(struct config_job *j, const char *path))
{
	const char *path = v ? cfg_path(l, v) : NULL;
	if (!path)
		return;
	unsigned errors = l->job->d->errors;
	int rc = load(l->job, path);
	if (rc == -ENOMEM)
		l->arena.bad = true;
	else if (rc < 0 && l->job->d->errors == errors)
		cfg_tell(l, DIAG_ERROR, v, key, "cannot load %s: %s", path, strerror(-rc));
	else if (rc < 0)
		l->errors++;
}

static void load_ipsec(struct cfg_load *l, const struct cfg_node *v)
{
	struct cfg_ipsec i = {0};
	struct cfg_given given = {0};
	if (!v)
		return;
	cfg_group(l, &cfg_ipsec, v, "ipsec", &i, &given);
	load_foreign(l, i.strongswan, "ipsec.strongswan", config_load_strongswan);
	load_foreign(l, i.conf, "ipsec.conf", config_load_ipsec);
	load_foreign(l, i.secrets, "ipsec.secrets", config_load_secrets);
}

conf_ref cfg_origin(struct cfg_load *l, const struct cfg_node *v)
{
	char text[CFG_PATH_MAX];
	unsigned line;
	const struct cfg_file *f = cfg_text_where(&l->text, v->line, &line);
	snprintf(text, sizeof text, "%s:%u", f ? f->path : "", line);
	return conf_builder_str(l->job->build, text);
}

struct tunnel_conf *cfg_find_tunnel(const struct conf_builder *b, size_t n, const char *name)
{
	struct tunnel_conf *t = conf_builder_find(b, name);
	return t && t < b->tunnel + n ? t : NULL;
}

bool cfg_is_refused(const struct conf_builder *b, const char *name)
{
	for (size_t i = 0; i < b->n_refused; i++) {
		if (strcmp(conf_builder_text(b, b->refused[i].name), name) == 0)
			return true;
	}
	return false;
}

/* Keys for a conn of an ipsec.conf: only those that strongSwan does not have, or one file would contradict the other.
 * conn is NULL when the conn was left out with a reason of its own. */
static void add_to_conn(struct cfg_load *l, struct tunnel_conf *conn, const struct cfg_node *v, const char *path,
                        const struct cfg_given *g)
{
	for (size_t i = 0; i < cfg_tunnels.n; i++) {
		const struct cfg_row *row = &cfg_tunnels.row[i];
		char full[CFG_PATH_MAX];
		struct sbuf b = SB(full);
		sb_printf(&b, "%s.%s", path, row->path);
		if (g->at[i] && !(row->flags & CFG_ADDABLE) && strcmp(row->path, "name") != 0)
			cfg_tell(l, DIAG_ERROR, g->at[i], full,
			         "a conn of ipsec.conf has this name: only gre, guard, psk, psk_file, ppk_id and ppk_required can be added to it");
	}
	if (!conn) {
		cfg_tell(l, DIAG_WARNING, v, path, "the conn of this name was left out: nothing to add to");
		return;
	}
	struct cfg_tunnel t = {.t = *conn};
	if (!t.t.gre.name[0])
		t.t.gre = l->plain.t.gre;
	for (size_t i = 0; i < cfg_tunnels.n; i++) {
		struct sbuf none = sb_init(NULL, 0);
		const struct cfg_row *row = &cfg_tunnels.row[i];
		if (g->at[i] && (row->flags & CFG_ADDABLE) && !cfg_parse(l->job->build, row, g->at[i], &t, &none))
			continue; /* told when the group was read */
	}
	cfg_check_gre(l, &t.t, g, v, path);
	*conn = t.t;
	cfg_key_note(l, &t, path);
}

static bool good_name(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return n > 0 && n < CONF_NAME_MAX;
}

static void load_tunnel(struct cfg_load *l, const struct cfg_node *v, const struct cfg_tunnel *base, size_t n_conns)
{
	struct conf_builder *b = l->job->build;
	struct cfg_tunnel t = *base;
	struct cfg_given given = {0};
	char path[CFG_PATH_MAX];
	struct sbuf p = SB(path);
	unsigned errors = l->errors;
	sb_printf(&p, "tunnels.%s", v->name);
	if (v->kind != NODE_GROUP) {
		cfg_wrong(l, v, path, "a group { }");
		return;
	}
	cfg_group(l, &cfg_tunnels, v, path, &t, &given);
	const struct cfg_node *named = cfg_given_at(&cfg_tunnels, &given, "name");
	const char *name = t.name ? t.name->text : v->name;
	if (!good_name(name)) {
		cfg_tell(l, DIAG_ERROR, named ? named : v, path,
		         "expected a name of 1 to %d octets without control characters", CONF_NAME_MAX - 1);
		return;
	}
	struct tunnel_conf *conn = cfg_find_tunnel(b, n_conns, name);
	if (conn || cfg_is_refused(b, name)) {
		add_to_conn(l, conn, v, path, &given);
		return;
	}
	if (cfg_find_tunnel(b, b->n_tunnels, name))
		cfg_tell(l, DIAG_ERROR, named ? named : v, path, "there is a tunnel %s already", name);
	/* psk here replaces psk_file of the defaults, and the other way round. */
	if (cfg_given_at(&cfg_tunnels, &given, "psk") && !cfg_given_at(&cfg_tunnels, &given, "psk_file"))
		t.psk_file = NULL;
	else if (cfg_given_at(&cfg_tunnels, &given, "psk_file") && !cfg_given_at(&cfg_tunnels, &given, "psk"))
		t.psk = NULL;
	t.t.name = conf_builder_str(b, name);
	t.t.origin = cfg_origin(l, v);
	if (!cfg_given_at(&cfg_tunnels, &given, "remote") && !l->remote_default)
		cfg_tell(l, DIAG_ERROR, v, path, "expected remote = \"ADDRESS or NAME\", found none");
	cfg_check_gre(l, &t.t, &given, v, path);
	if (l->errors == errors)
		cfg_check_sense(l, &t.t, &given, v, path);
	conf_builder_tunnel(b, &t.t);
	cfg_key_note(l, &t, path);
}

/* Where each tunnel begins: the table's defaults and the section defaults. */
static void load_base(struct cfg_load *l, const struct cfg_node *v, struct cfg_tunnel *base)
{
	struct cfg_given given = {0};
	*base = l->plain;
	base->t.replay_window = l->job->build->setup.replay_window;
	if (!v)
		return;
	cfg_group(l, &cfg_tunnels, v, "defaults", base, &given);
	l->remote_default = cfg_given_at(&cfg_tunnels, &given, "remote") != NULL;
	if (base->name)
		cfg_tell(l, DIAG_ERROR, base->name, "defaults.name", "a name belongs to one tunnel");
	base->name = NULL;
}

static void load_daemon(struct cfg_load *l, const struct cfg_node *v)
{
	struct cfg_given given = {0};
	if (!v)
		return;
	cfg_group(l, &cfg_daemon, v, "daemon", &l->job->build->setup, &given);
	cfg_check_setup(l, &given);
}

static void load_sections(struct cfg_load *l, const struct cfg_node *root)
{
	const struct cfg_node *sec[SEC_N] = {0};
	struct cfg_tunnel base;
	struct conf_builder *b = l->job->build;
	bool allow_swap = b->setup.allow_swap; /* strongSwan's only, without a row */
	find_sections(l, root, sec);
	/* All octets, for padding goes into the blob: equal files make equal octets. */
	memset(&b->setup, 0, sizeof b->setup);
	b->setup.allow_swap = allow_swap;
	cfg_defaults(l, &cfg_daemon, &b->setup);
	memset(&l->plain, 0, sizeof l->plain);
	cfg_defaults(l, &cfg_tunnels, &l->plain);
	load_ipsec(l, sec[SEC_IPSEC]);
	load_daemon(l, sec[SEC_DAEMON]);
	size_t n_conns = b->n_tunnels;
	load_base(l, sec[SEC_DEFAULTS], &base);
	for (const struct cfg_node *v = sec[SEC_TUNNELS] ? sec[SEC_TUNNELS]->kids : NULL; v; v = v->next)
		load_tunnel(l, v, &base, n_conns);
	if (sec[SEC_SECRETS])
		cfg_secrets_load(l, sec[SEC_SECRETS]);
	cfg_keys_add(l);
	if (sec[SEC_ROUTING])
		cfg_routing_load(l, sec[SEC_ROUTING]);
	else if (b->n_tunnels == 0 && b->n_refused == 0 && l->errors + l->text.errors == 0)
		cfg_tell(l, DIAG_WARNING, &(struct cfg_node){.line = 1}, NULL, "there is no tunnel in this file");
}

int config_load_gretel(struct config_job *j, const char *path)
{
	struct cfg_load l = {.job = j};
	unsigned line = 0;
	const char *why = NULL;
	l.last_key = &l.keys;
	arena_init(&l.arena, j->build->mem);
	cfg_text_init(&l.text, &l.arena, j);
	int rc = cfg_text_read(&l.text, path);
	struct cfg_node *root = NULL;
	if (rc == 0 && !l.text.broken) {
		root = cfg_tree_read(&l.arena, cfg_buf_text(&l.text.whole), &line, &why);
		if (!root && !l.arena.bad)
			cfg_tell(&l, DIAG_ERROR, &(struct cfg_node){.line = line}, NULL, "%s", why);
	}
	if (root)
		load_sections(&l, root);
	if (l.arena.bad || l.text.whole.bad || j->build->bad)
		rc = -ENOMEM;
	else if (rc == 0 && (l.errors || l.text.errors || !root))
		rc = -EINVAL;
	cfg_text_fini(&l.text);
	arena_fini(&l.arena);
	return rc;
}
