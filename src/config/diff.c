/* What changed between two configurations, per tunnel and per class of change, from the rows of the schema: a row says
 * what a new value asks for. For reload: what did not change is not touched. */
#include "config/config.h"
#include "config/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 1 equal, 0 not, -1 no memory. The literals are compared: whatever a field's octets, that is what it means. */
static int row_equal(const struct cfg_row *row, const struct conf *a, const void *base_a, const struct conf *b,
                     const void *base_b)
{
	if (row->type == CT_PROPOSAL) {
		/* aes256-sha256 and aes256-sha2_256 are the same. */
		conf_ref ra, rb;
		memcpy(&ra, (const char *)base_a + row->off, sizeof ra);
		memcpy(&rb, (const char *)base_b + row->off, sizeof rb);
		return memcmp(conf_proposals(a, ra), conf_proposals(b, rb), sizeof(struct proposals)) == 0;
	}
	struct cfg_buf ta = {0}, tb = {0};
	cfg_print(&ta, a, row, base_a);
	cfg_print(&tb, b, row, base_b);
	int equal = ta.bad || tb.bad ? -1 : strcmp(cfg_buf_text(&ta), cfg_buf_text(&tb)) == 0;
	cfg_buf_fini(&ta);
	cfg_buf_fini(&tb);
	return equal;
}

/* The classes of all rows that differ, or -ENOMEM. */
static int rows_differ(const struct cfg_section *s, const struct conf *a, const void *base_a, const struct conf *b,
                       const void *base_b)
{
	static const int needs[] = {
		[CFG_LIVE] = CONFIG_NEEDS_UPDATE, [CFG_CHILD] = CONFIG_NEEDS_CHILD, [CFG_IKE] = CONFIG_NEEDS_IKE,
		[CFG_RESTART] = CONFIG_NEEDS_RESTART,
	};
	int all = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct cfg_row *row = &s->row[i];
		if (!cfg_type_ops(row->type)->print)
			continue;
		int equal = row_equal(row, a, base_a, b, base_b);
		if (equal < 0)
			return -ENOMEM;
		if (!equal)
			all |= needs[row->change];
	}
	return all;
}

static int tunnel_differs(const struct conf *a, const struct tunnel_conf *ta, const struct conf *b,
                          const struct tunnel_conf *tb)
{
	struct tunnel_conf x = *ta, y = *tb;
	/* Without a name the rest of gre means nothing. */
	if (!x.gre.name[0])
		memset(&x.gre, 0, sizeof x.gre);
	if (!y.gre.name[0])
		memset(&y.gre, 0, sizeof y.gre);
	return rows_differ(&cfg_tunnels, a, &x, b, &y);
}

/* The tunnels of a configuration in the order of their names. */
struct named {
	const char *name;
	int at;
};

static int by_name(const void *a, const void *b) { return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name); }

static struct named *name_index(const struct conf *c)
{
	size_t n = c ? c->n_tunnels : 0;
	struct named *v = calloc(n ? n : 1, sizeof *v);
	for (size_t i = 0; v && i < n; i++)
		v[i] = (struct named){conf_str(c, conf_tunnel(c, (uint32_t)i)->name), (int)i};
	if (v && n)
		qsort(v, n, sizeof *v, by_name);
	return v;
}

static int index_find(const struct conf *c, const struct named *v, const char *name)
{
	struct named key = {.name = name};
	const struct named *at = c && c->n_tunnels ? bsearch(&key, v, c->n_tunnels, sizeof key, by_name) : NULL;
	return at ? at->at : -1;
}

static int diff_named(const struct conf *old, const struct named *olds, const struct conf *new, const struct named *news,
                      struct config_diff *d)
{
	for (uint32_t i = 0; i < new->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(new, i);
		int was = index_find(old, olds, conf_str(new, t->name));
		int needs = was < 0 ? 0 : tunnel_differs(old, conf_tunnel(old, (uint32_t)was), new, t);
		if (needs < 0)
			return needs;
		d->change[d->n++] = (struct config_change){
			.name = conf_str(new, t->name),
			.type = was < 0 ? CONFIG_ADDED : needs ? CONFIG_CHANGED : CONFIG_UNCHANGED,
			.needs = (uint8_t)needs,
			.was = was,
			.now = (int)i,
		};
	}
	for (uint32_t i = 0; old && i < old->n_tunnels; i++) {
		const char *name = conf_str(old, conf_tunnel(old, i)->name);
		if (index_find(new, news, name) < 0)
			d->change[d->n++] = (struct config_change){
				.name = name, .type = CONFIG_REMOVED, .was = (int)i, .now = -1};
	}
	return 0;
}

static int diff_tunnels(const struct conf *old, const struct conf *new, struct config_diff *d)
{
	struct named *olds = name_index(old), *news = name_index(new);
	int rc = olds && news ? diff_named(old, olds, new, news, d) : -ENOMEM;
	free(olds);
	free(news);
	return rc;
}

/* The routing part is compared as it is printed: lists and references and all. -ENOMEM. */
static int routing_differs(const struct conf *a, const struct conf *b)
{
	const struct conf_routing *x = conf_routing(a), *y = conf_routing(b);
	struct cfg_buf ta = {0}, tb = {0};
	if (!x || !y)
		return x || y ? CONFIG_NEEDS_RESTART : 0;
	print_routing(&ta, a, NULL);
	print_routing(&tb, b, NULL);
	bool bad = ta.bad || tb.bad, same = strcmp(cfg_buf_text(&ta), cfg_buf_text(&tb)) == 0;
	cfg_buf_fini(&ta);
	cfg_buf_fini(&tb);
	if (bad)
		return -ENOMEM;
	bool other = strcmp(conf_str(a, x->module), conf_str(b, y->module)) != 0 ||
	             strcmp(conf_str(a, x->command), conf_str(b, y->command)) != 0;
	return other ? CONFIG_NEEDS_RESTART : same ? 0 : CONFIG_NEEDS_UPDATE;
}

int config_diff(const struct conf *old, const struct conf *new, struct config_diff *out)
{
	size_t most = (size_t)new->n_tunnels + (old ? old->n_tunnels : 0);
	*out = (struct config_diff){.change = calloc(most ? most : 1, sizeof *out->change)};
	int rc = out->change ? diff_tunnels(old, new, out) : -ENOMEM;
	int setup = rc < 0 || !old ? 0 : rows_differ(&cfg_daemon, old, &old->setup, new, &new->setup);
	int routing = rc < 0 || !old ? 0 : routing_differs(old, new);
	if (rc < 0 || setup < 0 || routing < 0) {
		config_diff_fini(out);
		return -ENOMEM;
	}
	out->setup = (uint8_t)setup;
	out->routing = (uint8_t)routing;
	for (size_t i = 0; i < out->n; i++)
		out->same = out->same || out->change[i].type != CONFIG_UNCHANGED;
	out->same = old && !setup && !routing && !out->same;
	return 0;
}

void config_diff_fini(struct config_diff *d)
{
	free(d->change);
	*d = (struct config_diff){0};
}
