/* What the parts of config/ share during one config_load(). Internal to config/. */
#ifndef CONFIG_PARTS_H
#define CONFIG_PARTS_H

#include "config/arena.h"
#include "config/build.h"
#include "config/config.h"

struct config_job {
	const struct config_paths *where;
	struct config_files *io;
	struct conf_builder *build;
	struct psk_set *psks;
	const struct psk_set *running_psks; /* those in use */
	struct diags *d;
	struct arena arena;       /* for what must outlive a part */
	unsigned hidden;          /* errors of grammar behind which a whole conn may be hidden */
	unsigned n_files;         /* read so far, at most CONFIG_FILES_MAX */
	const char *config_file;  /* starter.config_file of strongswan.conf, NULL = not set */
	const char *secrets_file; /* charon.plugins.stroke.secrets_file, NULL = not set */
};

/* read.c: reads a file for the job: counts it, notes it in conf->files, drops a UTF-8 byte
 * order mark. 0, or -errno; only -EMFILE (too many files), -EFBIG and other errors than
 * -ENOENT leave a diagnostic. The caller frees out->s. */
int config_read(struct config_job *j, const char *path, struct config_text *out) MUST_USE;

/* key_check.c: warns of tunnels without a key; fills short_psk. */
void config_check_keys(struct config_job *j);
/* What there is to be said of a key of n octets, when that is so few that it can be guessed. False: nothing. */
enum { WEAK_KEY_TEXT = 128 };
bool config_weak_key(size_t n, bool post_quantum, char why[WEAK_KEY_TEXT]);

/* load.c: fills builder and psks from a gretel.conf. 0, -EINVAL (diagnostics say why) or -ENOMEM. */
int config_load_gretel(struct config_job *j, const char *path) MUST_USE;
/* ipsec.c: the same from an ipsec.conf; builder.setup already holds strongswan.conf's values. */
int config_load_ipsec(struct config_job *j, const char *path) MUST_USE;
/* strongswan.c: reads a strongswan.conf with its includes into builder.setup, config_file and
 * secrets_file. What is wrong in it is diagnosed and left out; 0, or -errno when the file cannot
 * be read (-ENOENT without a diagnostic), or -ENOMEM. */
int config_load_strongswan(struct config_job *j, const char *path) MUST_USE;
/* secrets.c: adds the PSKs of a file in the grammar of ipsec.secrets. Bad entries are
 * diagnosed and left out; 0, or -errno when the file cannot be read, or -ENOMEM. */
int config_load_secrets(struct config_job *j, const char *path) MUST_USE;

#endif
