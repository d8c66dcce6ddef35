/* ipsec.conf between its lexer and struct conf. Internal to config/.
 *
 *   ipsec_lex.c    octets to tokens           what starter's lexer accepts
 *   ipsec_parse.c  tokens to sections         comments, quotes, include, merging of names
 *   ipsec_also.c   sections to inheritance    also=, %default, loops
 *   ipsec_keys.c   the table of all keywords, and the setting of plain values
 *   ipsec_end.c    left and right             hosts, identities, subnets, who is who
 *   ipsec_conn.c   a section to a tunnel_conf, or to a refusal with its reasons
 *   ipsec.c        the whole file
 *
 * An error spoils the section that it stands in, never another: strongSwan would
 * drop the file, and with it tunnels that nobody touched. */
#ifndef CONFIG_IPSEC_H
#define CONFIG_IPSEC_H

#include "config/arena.h"
#include "config/parts.h"

enum lex_kind {
	LEX_EOF, LEX_NEWLINE, LEX_INDENT, LEX_EQ, LEX_WORD, LEX_STRING, LEX_SETUP, LEX_CONN, LEX_CA,
	LEX_INCLUDE, LEX_ERROR,
};

struct lex_token {
	uint8_t kind;      /* enum lex_kind */
	unsigned line;     /* where it starts */
	const char *text;  /* WORD, STRING: content; INCLUDE: pattern; ERROR: a sentence. In the arena. */
	bool lines;        /* STRING: goes over the end of a line */
};

struct ipsec_lex {
	struct arena *arena;
	const char *p, *end;
	unsigned line;
	bool bol;          /* at column 0 */
	bool first;        /* nothing but blanks before, on this line */
};

/* text stays with the caller, for as long as the lexer is used. */
void lex_init(struct ipsec_lex *l, struct arena *a, const char *text, size_t n);
struct lex_token lex_next(struct ipsec_lex *l);
/* To the newline that ends the current line (not past it). */
void lex_skip_line(struct ipsec_lex *l);
/* Turns CR LF into LF in place and returns the new length; *crs counts. */
size_t lex_strip_cr(char *s, size_t n, size_t *crs);

struct ipsec_setting {
	struct ipsec_setting *next; /* by key */
	const char *key;
	const char *value;          /* NULL: "key=", which masks what would be inherited */
	const char *file;
	unsigned line;
	bool told;                  /* a warning about it was given; it may be inherited by many */
};

enum section_kind { SECTION_SETUP, SECTION_CONN, SECTION_CA };

struct ipsec_section {
	struct ipsec_section *next; /* by first appearance */
	struct hnode node;          /* in ipsec_doc.by_name */
	uint8_t kind;               /* enum section_kind */
	const char *name, *file;
	unsigned line;
	struct ipsec_setting *set;  /* sorted by key, each key once */
	size_t n_set;
	struct ipsec_setting *also; /* the later first */
	struct ipsec_section **parent; /* linear order, nearest first; set by ipsec_also() */
	size_t n_parents;
	uint8_t also_state;
	const char *bad;            /* why it cannot be used: the first error. NULL = fine */
	const char *bad_file;
	unsigned bad_line;
};

struct ipsec_doc {
	struct config_job *job;
	struct arena arena;
	struct ipsec_section *first, **last; /* conns and cas */
	struct ipsec_section setup;
	struct hmap by_name;
	struct ipsec_section *current;
};

/* Reads path and what it includes into sections. 0, -ENOMEM, -EMFILE or the error of
 * reading a file (diagnosed). The doc wants its fini in any case. */
int ipsec_parse(struct ipsec_doc *doc, struct config_job *job, const char *path) MUST_USE;
void ipsec_doc_fini(struct ipsec_doc *doc);
struct ipsec_section *ipsec_find(const struct ipsec_doc *doc, uint8_t kind, const char *name);
/* "conn NAME: key" for a diagnostic; s or key may be NULL. */
void ipsec_where(char *out, size_t cap, const struct ipsec_section *s, const char *key);
/* Text of the files for a diagnostic: control characters escaped, UTF-8 as it is. */
void sb_text(struct sbuf *b, const char *s);
/* Notes why a section is unusable (the first reason stays) and adds the diagnostic. */
void ipsec_spoil(struct ipsec_doc *doc, struct ipsec_section *s, const char *file, unsigned line,
                 const char *key, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* Resolves also= of all conns: parents are set, or the section is spoilt. */
void ipsec_also(struct ipsec_doc *doc);

#endif
