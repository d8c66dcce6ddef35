/* The reader of an frr.conf: lines to words, words to a row. See frr.h. */
#include "config/frr.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_WORDS = 6, STATEMENT_MAX = 160 };

static const uint8_t parent[FRR_NODES] = {
	[FRR_TOP] = FRR_TOP, [FRR_BGP] = FRR_TOP, [FRR_AF4] = FRR_BGP, [FRR_AF6] = FRR_BGP,
	[FRR_MAP] = FRR_TOP, [FRR_BFD] = FRR_TOP, [FRR_BFD_PROFILE] = FRR_BFD,
};

/* The statement for people, without a password. */
static void statement(const struct frr *f, struct sbuf *b)
{
	for (size_t i = 0; i < f->w.n; i++) {
		if (i == KEY_WORDS) {
			sb_put(b, " ...");
			break;
		}
		sb_put(b, i ? " " : "");
		sb_escape(b, f->w.w[i], min_z(strlen(f->w.w[i]), 40));
		if (strncasecmp(f->w.w[i], "passw", 5) == 0)
			break;
	}
}

void frr_tell(struct frr *f, enum diag_level level, unsigned line, const char *fmt, ...)
{
	char text[1024], key[STATEMENT_MAX] = "";
	struct sbuf k = SB(key);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (line == f->line)
		statement(f, &k);
	f->errors += level == DIAG_ERROR;
	diag_add(f->job->d, level, f->path, line, key[0] ? key : NULL, "%s", text);
}

conf_ref frr_origin(struct frr *f, unsigned line)
{
	char text[512];
	struct sbuf b = SB(text);
	sb_printf(&b, "%s:%u", f->path, line);
	return conf_builder_str(f->d->b, text);
}

void frr_mark(uint8_t *given, size_t off, size_t n) { memset(given + off, 1, n); }

uint8_t frr_af(const struct frr *f) { return f->node == FRR_AF6 ? BGP_V6 : BGP_V4; }

/* --- Rows that only set a field --- */

/* Where the field is, where its default is, and what marks it as given. */
struct place {
	uint8_t *field, *given;
	const uint8_t *dflt;
};

static struct place place_of(struct frr *f, const struct frr_table *t, const struct frr_row *row)
{
	size_t off = row->off;
	if (t->base == FRR_ON_BGP)
		return (struct place){(uint8_t *)&f->d->bgp + off, f->given_bgp + off, (const uint8_t *)&f->bgp_defaults + off};
	if (t->base == FRR_ON_AF)
		off += offsetof(struct conf_bgp_peer, af) + frr_af(f) * sizeof(struct conf_bgp_af);
	return (struct place){(uint8_t *)&f->peer->p + off, f->peer->given + off, (const uint8_t *)&f->peer_defaults + off};
}

static void store(struct place p, size_t size, uint64_t v)
{
	uint8_t u8 = (uint8_t)v;
	uint16_t u16 = (uint16_t)v;
	uint32_t u32 = (uint32_t)v;
	const void *from = size == 1 ? (const void *)&u8 : size == 2 ? (const void *)&u16
	                 : size == 4 ? (const void *)&u32 : (const void *)&v;
	memcpy(p.field, from, size);
}

static void set_field(struct frr *f, const struct frr_table *t, const struct frr_row *row, const struct args *a)
{
	struct place p = place_of(f, t, row);
	const struct arg *v = &a->v[0];
	conf_ref name;
	memset(p.given, 1, row->size);
	if (row->act == FRR_FLAG || row->act == FRR_UNFLAG) {
		store(p, row->size, (row->act == FRR_FLAG) != f->no);
		return;
	}
	if (f->no) {
		memcpy(p.field, p.dflt, row->size);
		return;
	}
	switch (row->act) {
	case FRR_SECONDS:
		store(p, row->size, (uint64_t)DUR_S(v->n));
		break;
	case FRR_TEXT:
	case FRR_FILTER:
		name = conf_builder_str(f->d->b, v->s);
		store(p, row->size, name);
		if (row->act == FRR_FILTER)
			draft_mention(f->d, row->sub, row->sub == LIST_PREFIX ? frr_af(f) : 0, name, f->line, NULL, NULL);
		break;
	default:
		store(p, row->size, v->n);
	}
}

/* --- A statement --- */

static void open_block(struct frr *f, const struct frr_row *row)
{
	if (row->text && !f->no)
		frr_tell(f, row->sub, f->line, "%s", row->text);
	if (f->no)
		return;
	f->skip_from = f->node;
	f->node = f->node == FRR_TOP || f->node == FRR_BFD || row->sub != DIAG_ERROR ? FRR_SKIP : FRR_SKIP_AF;
}

static void act(struct frr *f, const struct frr_table *t, const struct frr_row *row, const struct args *a)
{
	char text[512];
	struct sbuf why = SB(text);
	f->row = row;
	switch (row->act) {
	case FRR_QUIET:
		break;
	case FRR_WARN:
		if (!f->no)
			frr_tell(f, DIAG_WARNING, f->line, "%s", row->text);
		break;
	case FRR_REFUSE:
		if (!f->no)
			frr_tell(f, DIAG_ERROR, f->line, "%s", row->text);
		break;
	case FRR_BLOCK:
		open_block(f, row);
		break;
	case FRR_CALL:
		if (!row->fn(f, a, &why) && !f->arena->bad)
			frr_tell(f, DIAG_ERROR, f->line, "%s", text);
		break;
	default:
		set_field(f, t, row, a);
	}
}

/* The row that fits best in one node: fewest words abbreviated, then the first. */
struct found {
	const struct frr_table *table;
	const struct frr_row *row;
	struct args args;
	unsigned cut;
};

static void search(struct frr *f, uint8_t node, struct found *out, struct words_best *best)
{
	size_t base = f->no;
	const struct frr_table *t;
	for (size_t i = 0; (t = frr_table(i)) != NULL; i++) {
		if (!(t->nodes & 1u << node))
			continue;
		size_t from = base;
		if (t->neighbor) {
			struct args none;
			struct words_fit f0 = words_match(&f->w, base, "neighbor WORD ...", false, &none);
			if (!f0.ok) {
				words_best_note(best, &f->w, &f0);
				continue;
			}
			from += 2;
		}
		for (size_t k = 0; k < t->n; k++) {
			struct args a;
			struct words_fit fit = words_match(&f->w, from, t->row[k].words, f->no, &a);
			if (!fit.ok && !t->silent)
				words_best_note(best, &f->w, &fit);
			else if (!fit.ok)
				continue;
			else if (!out->row || fit.abbreviated < out->cut)
				*out = (struct found){.table = t, .row = &t->row[k], .args = a, .cut = fit.abbreviated};
		}
	}
}

/* Rows that may begin with a name that is not known. */
static bool makes_peer(const struct frr_row *row)
{
	return row->fn == frr_remote_as || row->fn == frr_remote_word || row->fn == frr_group || row->fn == frr_member ||
	       row->fn == frr_interface_as || row->fn == frr_interface_group || row->fn == frr_interface;
}

static void run(struct frr *f, const struct found *hit)
{
	f->peer = NULL;
	f->from = f->no;
	if (hit->table->neighbor) {
		f->name = f->w.w[f->from + 1];
		f->from += 2;
		f->peer = frr_peer_find(f, f->name);
		if (!f->peer && !makes_peer(hit->row)) {
			if (!f->no)
				frr_tell(f, DIAG_ERROR, f->line, "expected remote-as or peer-group for this neighbor before");
			return;
		}
	}
	act(f, hit->table, hit->row, &hit->args);
}

/* What nobody reads. In a block of ours routes could differ. */
static void unknown(struct frr *f, const struct words_best *best)
{
	char text[1024];
	struct sbuf why = SB(text);
	if (f->node == FRR_TOP && !frr_is_ours(&f->w, f->no)) {
		if (!f->no)
			frr_tell(f, DIAG_WARNING, f->line, "is not read");
		return;
	}
	words_best_say(best, &f->w, &why);
	frr_tell(f, DIAG_ERROR, f->line, "%s", text);
}

/* Inside a block that is left out. True: this line ends it, and is to be read. */
static bool skip_ends(struct frr *f)
{
	static const char *const ends_af[] = {"exit-address-family", "exit", "quit", "address-family", "router", "end"};
	struct found hit = {.row = NULL};
	struct words_best best = {.n = 0};
	if (f->node == FRR_SKIP_AF) {
		for (size_t i = 0; i < ARRAY_LEN(ends_af); i++) {
			if (strcmp(f->w.w[0], ends_af[i]) != 0)
				continue;
			f->node = f->skip_from;
			return i > 2;
		}
		return false;
	}
	if (strcmp(f->w.w[0], "exit") == 0 || strcmp(f->w.w[0], "exit-vrf") == 0 || strcmp(f->w.w[0], "quit") == 0) {
		f->node = f->skip_from;
		return false;
	}
	search(f, f->skip_from, &hit, &best);
	/* What zebra has for a vrf, too, does not end it. */
	bool ends = hit.row && hit.cut == 0 && hit.row->fn != frr_zebra_id && hit.row->fn != frr_resolve &&
	            (hit.row->act == FRR_CALL || hit.row->act == FRR_BLOCK);
	if (ends)
		f->node = f->skip_from;
	return ends;
}

static void read_statement(struct frr *f)
{
	struct words_best best = {.n = 0}, outer = {.n = 0};
	f->no = f->w.n > 1 && strcmp(f->w.w[0], "no") == 0;
	if ((f->node == FRR_SKIP || f->node == FRR_SKIP_AF) && !skip_ends(f))
		return;
	for (uint8_t node = f->node;; node = parent[node]) {
		struct found hit = {.row = NULL};
		search(f, node, &hit, node == f->node ? &best : &outer);
		if (hit.row) {
			f->node = node;
			run(f, &hit);
			return;
		}
		if (node == FRR_TOP)
			break;
	}
	unknown(f, &best);
}

static void read_line(struct frr *f, const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s))
		s++, n--;
	if (n == 0 || *s == '!' || *s == '#')
		return;
	if (words_split(&f->w, f->arena, s, n))
		read_statement(f);
	else if (!f->arena->bad)
		frr_tell(f, DIAG_ERROR, f->line, "expected at most %d words", WORDS_MAX);
}

int frr_load(struct config_job *j, struct arena *a, struct draft *d, const char *path)
{
	struct frr *f = arena_get(a, sizeof *f);
	struct config_text in;
	int rc = config_read(j, path, &in);
	if (rc < 0)
		return rc;
	if (f) {
		f->job = j;
		f->arena = a;
		f->d = d;
		f->path = path;
		d->frr = true;
		frr_defaults(f);
		for (const char *s = in.s, *end = in.s + in.n; s < end && !a->bad;) {
			const char *nl = memchr(s, '\n', (size_t)(end - s));
			f->line++;
			read_line(f, s, (size_t)((nl ? nl : end) - s));
			s = nl ? nl + 1 : end;
		}
		frr_finish(f);
		rc = f->errors ? -EINVAL : 0;
	}
	wipe(in.s, in.n);
	free(in.s);
	return a->bad || d->b->bad ? -ENOMEM : rc;
}
