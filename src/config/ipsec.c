/* The whole of an ipsec.conf: config setup, then the conns in the order of their
 * first appearance. */
#include "config/ipsec_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "ike 2, knl 1": the highest level counts, for gretel has one log. */
static void read_charondebug(struct ipsec_doc *doc, const struct ipsec_setting *s)
{
	static const char *const groups[] = {
		"dmn", "mgr", "ike", "chd", "job", "cfg", "knl", "net", "asn", "enc", "lib", "esp", "tls", "tnc", "imc",
		"imv", "pts",
	};
	const char *at = s->value, *item;
	int all = 1, highest = -1;
	for (size_t n; value_item(&at, &item, &n);) {
		char text[24] = "", *level;
		memcpy(text, item, min_z(n, sizeof text - 1));
		level = strchr(text, ' ');
		bool known = false, any = false;
		long v = 1;
		if (level) {
			*level++ = '\0';
			level += strspn(level, " ");
			known = level[0] && strspn(level, "-01234") == strlen(level) && strlen(level) <= 2;
			v = strtol(level, NULL, 10);
		}
		any = strcmp(text, "all") == 0 || strcmp(text, "any") == 0;
		bool group = any;
		for (size_t i = 0; i < ARRAY_LEN(groups); i++)
			group = group || strcmp(text, groups[i]) == 0;
		if (!known || !group || v < -1 || v > 4) {
			diag_add(doc->job->d, DIAG_WARNING, s->file, s->line, "config setup: charondebug",
			         "expected pairs such as \"ike 2, knl 1\" with levels from -1 to 4; the rest of it counts");
			continue;
		}
		if (any)
			all = (int)v;
		else if (v > highest)
			highest = (int)v;
	}
	doc->job->build->setup.log_level = (int8_t)(highest > all ? highest : all);
}

static void load_setup(struct ipsec_doc *doc)
{
	for (struct ipsec_setting *s = doc->setup.set; s; s = s->next) {
		if (!s->value)
			continue;
		ipsec_apply_setup(doc, s, &doc->job->build->setup);
		if (strcmp(s->key, "charondebug") == 0)
			read_charondebug(doc, s);
	}
}

static void load_ca(struct ipsec_doc *doc, struct ipsec_section *sec)
{
	char where[256];
	ipsec_where(where, sizeof where, sec, NULL);
	diag_add(doc->job->d, DIAG_WARNING, sec->file, sec->line, where, "has no effect: certificates are not used");
	for (struct ipsec_setting *s = sec->set; s; s = s->next) {
		if (s->value)
			ipsec_check_ca(doc, sec, s);
	}
}

/* strongSwan says nothing of conns without auto=. When there are only such, somebody has forgotten it. */
static void tell_ignored(struct ipsec_doc *doc)
{
	char where[256];
	for (struct ipsec_section *s = doc->first; s; s = s->next) {
		if (s->kind == SECTION_CA || strcmp(s->name, "%default") == 0)
			continue;
		ipsec_where(where, sizeof where, s, "auto");
		diag_add(doc->job->d, DIAG_WARNING, s->file, s->line, where,
		         "expected add, route or start in one conn at least: without it none is loaded");
		return;
	}
}

int config_load_ipsec(struct config_job *job, const char *path)
{
	struct ipsec_doc doc;
	struct conf_builder *b = job->build;
	size_t before = b->n_tunnels + b->n_refused;
	int err = ipsec_parse(&doc, job, path);
	if (!err) {
		ipsec_also(&doc);
		load_setup(&doc);
		for (struct ipsec_section *s = doc.first; s; s = s->next) {
			if (s->kind == SECTION_CA)
				load_ca(&doc, s);
			else if (strcmp(s->name, "%default") != 0)
				ipsec_conn_load(&doc, s);
		}
		b->n_conns = b->n_tunnels;
		if (b->n_tunnels + b->n_refused == before)
			tell_ignored(&doc);
		if (doc.arena.bad || b->bad)
			err = -ENOMEM;
	}
	ipsec_doc_fini(&doc);
	return err;
}
