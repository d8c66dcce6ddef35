/* The section routing of a gretel.conf. See load.h. Its keys and what an frr.conf says lead to one draft (draft.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/frr.h"
#include "config/load.h"

const char *cfg_index_path(struct cfg_load *l, const char *path, unsigned i)
{
	char text[CFG_PATH_MAX];
	struct sbuf b = SB(text);
	sb_printf(&b, "%s[%u]", path, i);
	const char *p = arena_text(&l->arena, text, b.len);
	return p ? p : path;
}

/* All octets of base: what has no row is zero. */
static void plain_element(struct cfg_load *l, const struct cfg_section *s, void *base, size_t size)
{
	struct cfg_plain *p = l->plains;
	while (p && p->s != s)
		p = p->next;
	if (!p) {
		void *copy = arena_get(&l->arena, size);
		p = copy ? arena_get(&l->arena, sizeof *p) : NULL;
		if (!p)
			return;
		cfg_defaults(l, s, copy);
		*p = (struct cfg_plain){.next = l->plains, .s = s, .base = copy};
		l->plains = p;
	}
	memcpy(base, p->base, size);
}

bool cfg_element(struct cfg_load *l, const struct cfg_section *s, const struct cfg_node *v, const char *path,
                 const char *text, void *base, size_t size, struct cfg_given *given)
{
	unsigned errors = l->errors;
	memset(base, 0, size);
	plain_element(l, s, base, size);
	if (text && v->kind == NODE_TEXT) {
		int i = cfg_find(s, text);
		struct sbuf none = sb_init(NULL, 0);
		char expected[CFG_EXPECT_MAX];
		struct sbuf e = SB(expected);
		given->at[i] = v;
		cfg_expected(&e, &s->row[i]);
		if (!cfg_parse(l->job->build, &s->row[i], v, base, &none))
			cfg_wrong(l, v, path, expected);
	} else if (v->kind == NODE_GROUP) {
		cfg_group(l, s, v, path, base, given);
	} else {
		cfg_wrong(l, v, path, text ? "a text or a group { }" : "a group { }");
	}
	for (size_t i = 0; i < s->n; i++) {
		if ((s->row[i].flags & CFG_REQUIRED) && !given->at[i] && l->errors == errors)
			cfg_tell(l, DIAG_ERROR, v, path, "expected %s, found none", s->row[i].path);
	}
	return l->errors == errors && !l->arena.bad;
}

void cfg_mention(struct cfg_load *l, struct draft *d, const struct cfg_section *s, const struct cfg_given *given,
                 const void *base, const char *path)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *row = &s->row[i];
		char text[CFG_PATH_MAX];
		struct sbuf b = SB(text);
		conf_ref name;
		if (row->type != CT_FILTER || !given->at[i])
			continue;
		memcpy(&name, (const char *)base + row->off, sizeof name);
		sb_printf(&b, "%s.%s", path, row->path);
		if (name)
			draft_mention(d, (uint8_t)row->min, (uint8_t)row->max, name, 0, given->at[i],
			              arena_text(&l->arena, text, b.len));
	}
}

/* What is named in a gretel.conf must be there. */
static void check_names(struct cfg_load *l, struct draft *d)
{
	const struct draft_mention *m;
	for (uint32_t i = 0; (m = draft_undefined(d, &i)) != NULL;)
		cfg_tell(l, DIAG_ERROR, m->at, m->path, "there is no %s \"%.60s\"", draft_list_name(m->list, m->sub),
		         conf_builder_text(l->job->build, m->name));
	conf_ref cycle = draft_call_cycle(d);
	if (cycle)
		cfg_tell(l, DIAG_ERROR, NULL, "routing.route_maps", "route map %.60s calls itself",
		         conf_builder_text(l->job->build, cycle));
}

/* --- frr_conf --- */

/* Why an frr.conf cannot be used: its first error. */
static void first_error(const struct diags *d, const char *path, struct sbuf *why)
{
	for (const struct diag *x = d->first; x; x = x->next) {
		if (x->level == DIAG_ERROR && x->file && strcmp(x->file, path) == 0) {
			sb_diag(why, x);
			return;
		}
	}
	sb_printf(why, "%s cannot be used", path);
}

/* The speaker goes on as it was before this reload; the keys of its sessions too. */
static void keep_running(struct cfg_load *l, const char *why)
{
	struct conf_builder *b = l->job->build;
	const struct conf *was = l->job->where->running;
	const struct psk_set *keys = l->job->running_psks;
	struct conf_routing r = *conf_routing(was);
	conf_ref reason;
	r.kept = true;
	r.refused = 0;
	conf_builder_carry_routing(b, was, &r);
	reason = conf_builder_str(b, why);
	if (!b->bad)
		memcpy(b->pool + b->routing + offsetof(struct conf_routing, refused), &reason, sizeof reason);
	for (size_t i = 0; i < keys->n_tcp; i++) {
		if (psk_set_add_tcp(l->job->psks, &keys->tcp[i].peer, keys->tcp[i].key, keys->tcp[i].len) < 0)
			l->arena.bad = true;
	}
}

/* False: it is refused, and what there is instead is in the builder. */
static bool load_frr(struct cfg_load *l, struct draft *d, const struct cfg_node *v)
{
	const char *path = cfg_path(l, v);
	const struct conf *was = l->job->where->running;
	char text[1024];
	struct sbuf why = SB(text);
	int rc = path ? frr_load(l->job, &l->arena, d, path) : -ENOMEM;
	if (rc == -ENOMEM)
		l->arena.bad = true;
	if (rc == 0 || rc == -ENOMEM)
		return true;
	if (rc == -ENOENT)
		diag_add(l->job->d, DIAG_ERROR, path, 0, NULL, "there is no such file");
	first_error(l->job->d, path, &why);
	bool keep = was && conf_bgp(was);
	diag_add(l->job->d, DIAG_WARNING, path, 0, NULL, keep ? "routing goes on as it was before this reload"
	                                                       : "routing is left out until this file can be used");
	if (keep) {
		keep_running(l, text);
		return false;
	}
	struct conf_routing r = d->routing;
	draft_init(d, l->job->build, &l->arena);
	memcpy(&d->routing, &r, sizeof r);
	d->routing.refused = conf_builder_str(l->job->build, text);
	draft_finish(d);
	return false;
}

/* --- The section --- */

/* Keys that an frr.conf stands in for. */
static void check_frr_alone(struct cfg_load *l, const struct cfg_given *g)
{
	for (size_t i = (size_t)cfg_find(&cfg_routing, "as"); i < cfg_routing.n; i++) {
		char path[CFG_PATH_MAX];
		struct sbuf b = SB(path);
		sb_printf(&b, "routing.%s", cfg_routing.row[i].path);
		if (g->at[i])
			cfg_tell(l, DIAG_ERROR, g->at[i], path, "expected this in the file that frr_conf names");
	}
}

static void load_listen_on(struct cfg_load *l, struct draft *d, const struct cfg_node *v)
{
	struct cfg_items it;
	char item[ADDR_TEXT];
	enum cfg_step step = CFG_ITEM;
	if (!v || !cfg_items_init(&it, v))
		return;
	while ((step = cfg_items_next(&it, item, sizeof item)) == CFG_ITEM) {
		struct addr a, *out;
		if (!addr_parse(item, &a)) {
			step = CFG_BAD;
			break;
		}
		out = draft_add(d, &d->listen_on, UINT32_MAX, sizeof *out);
		if (out)
			*out = a;
	}
	if (step != CFG_END)
		cfg_wrong(l, v, "routing.listen_on", "addresses such as [\"10.0.0.1\"]");
}

static void apply_hub(struct draft *d)
{
	for (uint32_t i = 0; i < d->peers.n; i++) {
		struct conf_bgp_peer *p = DRAFT_AT(&d->peers, struct conf_bgp_peer, i);
		for (size_t k = 0; k < BGP_AF_N; k++) {
			if (p->af[k].rr_client)
				p->af[k].next_hop_self = p->af[k].next_hop_self_force = true;
		}
	}
}

/* Whether any of the speaker's own keys was given. */
static bool speaks(const struct cfg_given *g)
{
	for (size_t i = (size_t)cfg_find(&cfg_routing, "as"); i < cfg_routing.n; i++) {
		if (g->at[i])
			return true;
	}
	return false;
}

static void load_native(struct cfg_load *l, struct draft *d, const struct cfg_node *v, const struct cfg_routing *r,
                        const struct cfg_given *g)
{
	const char *module = conf_builder_text(l->job->build, r->r.module);
	bool bgp = strcmp(module, "bgp") == 0;
	d->has_bgp = bgp || speaks(g);
	if (d->has_bgp && r->b.as == 0)
		cfg_tell(l, DIAG_ERROR, v, "routing", bgp ? "expected as = NUMBER or frr_conf = \"FILE\", found neither"
		                                          : "expected as = NUMBER, found none");
	memcpy(&d->bgp, &r->b, sizeof d->bgp);
	load_listen_on(l, d, r->listen_on);
	cfg_bgp_load(l, d, r);
	cfg_filters_load(l, d, r);
	check_names(l, d);
}

static void check_module(struct cfg_load *l, const struct cfg_node *v, const struct cfg_routing *r,
                         const struct cfg_given *g)
{
	const char *module = conf_builder_text(l->job->build, r->r.module);
	const struct cfg_node *at = cfg_given_at(&cfg_routing, g, "module");
	v = at ? at : v;
	if (!module[0] || module[strspn(module, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
		cfg_tell(l, DIAG_ERROR, v, "routing.module",
		         "expected the name of a module in small letters, digits, - and _, found \"%.40s\"", module);
	if (strcmp(module, "exec") == 0 && !r->r.command)
		cfg_tell(l, DIAG_ERROR, v, "routing.command", "expected the command line of a program, found none");
	if (strcmp(module, "static") == 0 && !r->statics)
		cfg_tell(l, DIAG_WARNING, v, "routing.statics", "there are none: the module static has nothing to do");
}

void cfg_routing_load(struct cfg_load *l, const struct cfg_node *v)
{
	struct cfg_routing *r = arena_get(&l->arena, sizeof *r);
	struct draft *d = arena_get(&l->arena, sizeof *d);
	struct cfg_given given = {0};
	if (!r || !d)
		return;
	draft_init(d, l->job->build, &l->arena);
	conf_bgp_defaults(&r->b);
	cfg_defaults(l, &cfg_routing, r);
	cfg_group(l, &cfg_routing, v, "routing", r, &given);
	check_module(l, v, r, &given);
	memcpy(&d->routing, &r->r, sizeof d->routing);
	/* An frr.conf means what it means to FRR. */
	if (r->frr_conf && !cfg_given_at(&cfg_routing, &given, "accept_default"))
		d->routing.accept_default = true;
	if (r->options)
		d->routing.options = cfg_json(l, r->options);
	cfg_statics_load(l, d, r->statics);
	if (r->frr_conf) {
		check_frr_alone(l, &given);
		d->routing.frr_conf = conf_builder_str(l->job->build, cfg_path(l, r->frr_conf));
		if (l->errors || !load_frr(l, d, r->frr_conf))
			return;
	} else {
		load_native(l, d, v, r, &given);
	}
	if (r->hub)
		apply_hub(d);
	draft_finish(d);
}
