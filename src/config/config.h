/* Front door of config/: files in, one immutable `struct conf` and one set of
 * PSKs out. priv calls it at start and at every reload, before it hands the
 * PSK-free blob to the other roles; `gretel check` calls it to look only.
 *
 * Two languages lead to the same struct conf:
 *
 *   gretel.conf               libconfig; all or nothing: one error and nothing loads
 *   ipsec.conf, ipsec.secrets, strongswan.conf (+ its includes)
 *                             as strongSwan's users wrote them; a bad conn is left out
 *                             with its reason, the others load
 *
 * Which file (config_load, in this order):
 *
 *   where->file                                     -c FILE
 *   $sysconfdir/gretel/gretel.conf                  when it exists
 *   starter.config_file of /etc/strongswan.conf, else /etc/ipsec.conf
 *   the same two in /etc/strongswan/                Red Hat's place
 *
 * With an ipsec.conf go the ipsec.secrets and the strongswan.conf of the same
 * directory (charon.plugins.stroke.secrets_file overrides the first); a -c FILE
 * without such neighbours takes those of /etc. strongswan.conf decides by its
 * include lines whether strongswan.d counts, as it does for strongSwan.
 *
 * Nothing here acts: no socket, no kernel, no name look-up, and files only through
 * `struct config_files`, so that tests and fuzzers work from memory. Nobody prints:
 * every finding is a diagnostic with file, line, key, what was expected and found.
 *
 * Reload: where->running is the configuration in use. A conn that stands in the
 * file but became unusable is listed in conf->refused with its reason, and its
 * running version is carried over into the new blob with `kept` set, so that a
 * typing error never takes a tunnel down. When config_load fails as a whole, the
 * caller keeps what it has. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "model/model.h"

#ifndef GRETEL_SYSCONFDIR
#define GRETEL_SYSCONFDIR "/etc"
#endif

enum { CONFIG_FILE_MAX = 4 << 20, CONFIG_FILES_MAX = 512, CONFIG_DEPTH_MAX = 10 };

/* Where to look and what is known about this host. Zeroed = all defaults. */
struct config_paths {
	const char *file;             /* -c FILE; NULL = the order above */
	const char *secrets;          /* overrides the neighbour and secrets_file; NULL = not */
	const char *strongswan;       /* the same for strongswan.conf */
	const struct addr *local;     /* addresses on this host's interfaces: which of left and right is ours */
	size_t n_local;
	const struct conf *running;   /* the configuration in use, NULL at start */
};

/* One file as read. */
struct config_text {
	char *s;                      /* malloc'ed, n octets and a NUL behind them */
	size_t n;
	unsigned mode;                /* permission bits, 0 = unknown */
};

/* Access to files. Embed it to carry state. */
struct config_files {
	/* Reads a whole regular file: 0, or -errno (-ENOENT: there is none; -EFBIG: over CONFIG_FILE_MAX). */
	int (*read)(struct config_files *io, const char *path, struct config_text *out);
	/* Calls found() for every path that the pattern of glob(3) matches, in order. 0 or -errno. */
	int (*glob)(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path),
	            void *arg);
};

/* The real file system. */
void config_files_os(struct config_files *io);

/* Loads everything. 0: *conf is the new configuration (config_free), psks holds its
 * keys instead of what it held before, and d says what was left out. -EINVAL: nothing
 * usable, d says why; -ENOENT: no configuration file at all; -ENOMEM. On failure *conf
 * is NULL and psks is empty. psks and d are initialised by the caller. Both languages
 * list every file that was read in conf->files. generation is left 0 for the caller. */
int config_load(const struct config_paths *where, struct config_files *io, struct conf **conf,
                struct psk_set *psks, struct diags *d) MUST_USE;
void config_free(struct conf *conf);

#endif
