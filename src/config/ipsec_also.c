/* Inheritance in ipsec.conf: also= and %default, put into one line of parents.
 *
 * The order is strongSwan's: depth first, a parent before its own parents, the
 * later also= before the earlier, of a section that occurs several times only the
 * last stays; a section without also= has %default for its parent, so that
 * %default ends every line. With
 *
 *   conn D  also=C  also=B      conn B  also=A      conn C  also=A
 *
 * D looks in D, B, C, A, %default. An unknown name or a loop spoils the conns that
 * lead there; strongSwan drops the whole file. */
#include "config/ipsec.h"

#include <string.h>

enum { ALSO_NEW, ALSO_BUSY, ALSO_DONE };
enum { ALSO_DEPTH_MAX = 64, LINE_MAX_SECTIONS = 4096 };

/* Sections in search of their order; duplicates are still in it. */
struct line {
	struct ipsec_section **v;
	size_t n;
};

static void resolve(struct ipsec_doc *doc, struct ipsec_section *s, struct ipsec_section *def, unsigned depth);

/* Whether the parent can be used; if not, says so at the also= line. */
static bool usable(struct ipsec_doc *doc, struct ipsec_section *s, const struct ipsec_setting *also,
                   const struct ipsec_section *parent)
{
	if (!parent)
		ipsec_spoil(doc, s, also->file, also->line, "also", "there is no conn '%s'", also->value);
	else if (parent->also_state == ALSO_BUSY)
		ipsec_spoil(doc, s, also->file, also->line, "also", "conn '%s' leads back to this one", also->value);
	else if (parent->bad)
		ipsec_spoil(doc, s, also->file, also->line, "also", "conn '%s' has an error", also->value);
	else
		return true;
	return false;
}

static size_t count_parents(const struct ipsec_section *s, const struct ipsec_doc *doc)
{
	size_t n = 1;
	for (const struct ipsec_setting *a = s->also; a; a = a->next) {
		const struct ipsec_section *parent = ipsec_find(doc, SECTION_CONN, a->value);
		n += parent ? 1 + parent->n_parents : 0;
	}
	return n;
}

/* Keeps the last of each. */
static void unique(struct ipsec_section *s, const struct line *all)
{
	s->parent = all->v;
	s->n_parents = 0;
	for (size_t i = 0; i < all->n; i++) {
		bool again = false;
		for (size_t k = i + 1; k < all->n && !again; k++)
			again = all->v[k] == all->v[i];
		if (!again)
			all->v[s->n_parents++] = all->v[i];
	}
}

static void resolve_parents(struct ipsec_doc *doc, struct ipsec_section *s, struct ipsec_section *def,
                            unsigned depth)
{
	for (const struct ipsec_setting *a = s->also; a; a = a->next) {
		struct ipsec_section *parent = ipsec_find(doc, SECTION_CONN, a->value);
		if (parent && parent->also_state == ALSO_NEW) {
			if (depth >= ALSO_DEPTH_MAX) {
				ipsec_spoil(doc, s, a->file, a->line, "also", "nests deeper than %d conns",
				            ALSO_DEPTH_MAX);
				return;
			}
			resolve(doc, parent, def, depth + 1);
		}
		usable(doc, s, a, parent);
	}
}

static void resolve(struct ipsec_doc *doc, struct ipsec_section *s, struct ipsec_section *def, unsigned depth)
{
	s->also_state = ALSO_BUSY;
	resolve_parents(doc, s, def, depth);
	s->also_state = ALSO_DONE;
	if (s->bad)
		return;
	if (def && def->bad) {
		ipsec_spoil(doc, s, def->bad_file, def->bad_line, NULL, "conn %%default has an error, and all inherit it");
		return;
	}
	size_t room = count_parents(s, doc);
	struct line all = {.v = room > LINE_MAX_SECTIONS ? NULL : arena_get(&doc->arena, room * sizeof *all.v)};
	if (!all.v) {
		ipsec_spoil(doc, s, s->file, s->line, "also", "inherits from too many conns");
		return;
	}
	for (const struct ipsec_setting *a = s->also; a; a = a->next) {
		struct ipsec_section *parent = ipsec_find(doc, SECTION_CONN, a->value);
		all.v[all.n++] = parent;
		for (size_t i = 0; i < parent->n_parents; i++)
			all.v[all.n++] = parent->parent[i];
	}
	if (all.n == 0 && def)
		all.v[all.n++] = def;
	unique(s, &all);
}

void ipsec_also(struct ipsec_doc *doc)
{
	struct ipsec_section *def = ipsec_find(doc, SECTION_CONN, "%default");
	if (def) {
		/* It is everybody's last parent and has none itself; also= in it is left aside. */
		if (def->also)
			diag_add(doc->job->d, DIAG_WARNING, def->also->file, def->also->line, "conn %default: also",
			         "has no effect in %%default");
		def->also_state = ALSO_DONE;
	}
	for (struct ipsec_section *s = doc->first; s; s = s->next) {
		if (s->kind == SECTION_CONN && s->also_state == ALSO_NEW)
			resolve(doc, s, def, 0);
	}
}
