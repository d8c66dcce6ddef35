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
 *   frr.conf                  as FRR's users wrote it, when the section routing of a gretel.conf
 *                             names it; with an error routing is left out, the rest loads
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
 * typing error never takes a tunnel down. The same goes for a conn that is gone from
 * a file with errors of grammar: its header or the include that led to it may be what
 * is broken. An frr.conf that became unusable is routing.refused likewise, with kept. When config_load fails as a whole, the caller keeps what it has. */
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
	const struct psk_set *running_psks; /* and its keys; NULL: they are in the set that config_load is given */
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
 * is NULL and psks as it was. psks and d are initialised by the caller. Both languages
 * list every file that was read in conf->files. generation is left 0 for the caller. */
int config_load(const struct config_paths *where, struct config_files *io, struct conf **conf,
                struct psk_set *psks, struct diags *d) MUST_USE;
void config_free(struct conf *conf);

/* print.c: the canonical gretel.conf of a configuration, whichever language it came from; read again it gives an equal one
 * (all fields but origin, files, source, generation, swapped, kept, refused, frr_conf and allow_swap, which say how it was
 * come by). psks: also
 * print these keys (for root's eyes only), NULL: not. 0 and *text malloc'ed (config_text_free), or -ENOMEM. */
int config_print(const struct conf *conf, const struct psk_set *psks, char **text) MUST_USE;
void config_text_free(char *text); /* wipes */

/* diff.c: what a new configuration asks for. Keys are no part of it: they are looked up when they are needed. */
enum config_change_type { CONFIG_UNCHANGED, CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };
enum config_needs {
	CONFIG_NEEDS_UPDATE = 1,  /* hook, GRE, guard, auto, ...: taken over where it stands */
	CONFIG_NEEDS_CHILD = 2,   /* a new child SA */
	CONFIG_NEEDS_IKE = 4,     /* a new IKE SA */
	CONFIG_NEEDS_RESTART = 8, /* of the daemon; only in config_diff.setup */
};
struct config_change {
	const char *name;         /* in the blob that has it */
	uint8_t type;             /* enum config_change_type */
	uint8_t needs;            /* enum config_needs bits, for CONFIG_CHANGED */
	int was, now;             /* index in old and new, -1 = not there */
};
struct config_diff {
	struct config_change *change; /* new's order, then what is gone */
	size_t n;
	uint8_t setup;            /* enum config_needs bits of the daemon's own settings */
	uint8_t routing;          /* CONFIG_NEEDS_UPDATE: the module is given the new one; CONFIG_NEEDS_RESTART: it is another one */
	bool same;                /* nothing at all changed */
};
/* old may be NULL. The result borrows from both. 0 or -ENOMEM; out wants its fini when 0. */
int config_diff(const struct conf *old, const struct conf *new, struct config_diff *out) MUST_USE;
void config_diff_fini(struct config_diff *d);

#endif
