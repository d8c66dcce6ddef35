/* The text of a gretel.conf, put together before libconfig sees it.
 *
 * @include "FILE" is put in place here, through struct config_files, relative to the including file and with the
 * patterns of glob(3); every line keeps account of the file that it came from. The scan that finds the includes
 * also mends or reports what libconfig takes silently or answers with a bare "syntax error": numbers over 32 bits
 * (cut), \x00 in a text (ends it), comments without an end (taken), words without quotes. Internal to config/. */
#ifndef CONFIG_LOAD_TEXT_H
#define CONFIG_LOAD_TEXT_H

#include "config/arena.h"
#include "config/parts.h"
#include "config/print_buf.h"

struct cfg_file {
	const char *path;
	unsigned mode;           /* permission bits, 0 = unknown */
	bool told;               /* that others can read it */
};

/* From this line of the whole on, lines come from a file. */
struct cfg_part {
	unsigned line, file_line;
	struct cfg_file *file;
};

struct cfg_text {
	struct arena *arena;
	struct config_job *job;
	struct cfg_buf whole;
	unsigned line;           /* of the whole, where the next octet goes */
	struct cfg_part *part;
	size_t n_parts, cap_parts;
	unsigned errors;         /* diagnosed here */
	bool broken;             /* and libconfig would add nothing but confusion */
};

void cfg_text_init(struct cfg_text *t, struct arena *a, struct config_job *job);
void cfg_text_fini(struct cfg_text *t); /* wipes */
/* Reads path and what it includes. 0, or -errno when path itself cannot be read (without a diagnostic for -ENOENT),
 * -ENOMEM. Everything else is diagnosed and counted in t->errors. */
int cfg_text_read(struct cfg_text *t, const char *path) MUST_USE;
/* The file that a line of the whole came from, and the line there. */
struct cfg_file *cfg_text_where(const struct cfg_text *t, unsigned line, unsigned *file_line);

#endif
