/* The front door's way: which file, in which language, with which neighbours. */
#include "config/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT = 4096 };

static const char gretel_conf[] = GRETEL_SYSCONFDIR "/gretel/gretel.conf";
static const char *const swan_dirs[] = {"/etc", "/etc/strongswan"}; /* Debian's place, Red Hat's place */

int config_read(struct config_job *j, const char *path, struct config_text *out)
{
	*out = (struct config_text){0};
	if (j->n_files >= CONFIG_FILES_MAX) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "more than %d files are included", CONFIG_FILES_MAX);
		return -EMFILE;
	}
	int err = j->io->read(j->io, path, out);
	if (!err && out->n > CONFIG_FILE_MAX)
		err = -EFBIG;
	if (!err && memchr(out->s, 0, out->n)) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "holds a zero octet: this is no text (UTF-16?)");
		err = -EINVAL;
	} else if (err && err != -ENOENT && err != -ENOMEM) {
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "cannot be read: %s", strerror(-err));
	}
	if (err) {
		if (out->s)
			explicit_bzero(out->s, out->n);
		free(out->s);
		*out = (struct config_text){0};
		return err;
	}
	j->n_files++;
	conf_builder_file(j->build, path);
	if (out->n >= 3 && memcmp(out->s, "\xef\xbb\xbf", 3) == 0) {
		out->n -= 3;
		memmove(out->s, out->s + 3, out->n + 1);
	}
	return 0;
}

/* Whether a file can be opened at all; anything but "there is none" is for the reader to tell. */
static bool exists(struct config_job *j, const char *path)
{
	struct config_text t = {0};
	int err = j->io->read(j->io, path, &t);
	if (t.s)
		explicit_bzero(t.s, t.n);
	free(t.s);
	return err != -ENOENT && err != -ENOTDIR;
}

/* "FILE" in the directory of path. */
static const char *neighbour(struct config_job *j, const char *path, const char *file)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0, n = strlen(file);
	char *out = arena_get(&j->arena, dir + n + 1);
	if (out) {
		memcpy(out, path, dir);
		memcpy(out + dir, file, n);
	}
	return out ? out : file;
}

/* The neighbour when it exists, else the one of /etc. */
static const char *with(struct config_job *j, const char *path, const char *file, const char *etc)
{
	const char *near = neighbour(j, path, file);
	return exists(j, near) ? near : etc;
}

/* Whether a file of unknown name is an ipsec.conf: it has a header at column 0, which libconfig
 * cannot have. */
static bool is_ipsec(struct config_job *j, const char *path)
{
	static const char *const header[] = {"conn ", "conn\t", "config setup", "ca ", "ca\t"};
	const char *name = strrchr(path, '/');
	struct config_text t = {0};
	bool found = false;
	name = name ? name + 1 : path;
	if (strcmp(name, "ipsec.conf") == 0 || strcmp(name, "gretel.conf") == 0)
		return name[0] == 'i';
	if (j->io->read(j->io, path, &t) == 0) {
		for (const char *line = t.s; line && !found; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
			for (size_t i = 0; i < ARRAY_LEN(header); i++)
				found = found || strncmp(line, header[i], strlen(header[i])) == 0;
		}
		explicit_bzero(t.s, t.n);
	}
	free(t.s);
	return found;
}

/* A file that must be there is missing. */
static int tell_missing(struct config_job *j, const char *path, int err)
{
	if (err == -ENOENT)
		diag_add(j->d, DIAG_ERROR, path, 0, NULL, "there is no such file");
	return err;
}

/* strongswan.conf may be missing, ipsec.secrets is missed. */
static int load_swan_options(struct config_job *j, const char *path)
{
	int err = config_load_strongswan(j, path);
	return err == -ENOMEM ? err : 0;
}

/* At a reload the keys in use are better than none. */
static int load_swan_secrets(struct config_job *j, const char *path)
{
	int err = config_load_secrets(j, path);
	if (err == -ENOENT)
		diag_add(j->d, j->where->running ? DIAG_ERROR : DIAG_WARNING, path, 0, NULL,
		         "there is no such file, so there are no pre-shared keys");
	if (!err && j->psks->n == 0)
		diag_add(j->d, DIAG_WARNING, path, 0, NULL, "holds no pre-shared key that can be used");
	if (err == -ENOMEM || !err)
		return err;
	return j->where->running ? -EINVAL : 0;
}

/* An ipsec.conf and its secrets; strongswan.conf was read. */
static int load_swan(struct config_job *j, const char *path, const char *secrets)
{
	if (j->where->secrets || j->secrets_file)
		secrets = j->where->secrets ? j->where->secrets : j->secrets_file;
	j->build->source = CONF_IPSEC;
	int err = tell_missing(j, path, config_load_ipsec(j, path));
	if (err)
		return err;
	return load_swan_secrets(j, secrets);
}

static int load_given(struct config_job *j, const char *path)
{
	if (!exists(j, path))
		return tell_missing(j, path, -ENOENT);
	if (!is_ipsec(j, path)) {
		j->build->source = CONF_GRETEL;
		return config_load_gretel(j, path);
	}
	const char *swan = j->where->strongswan;
	int err = load_swan_options(j, swan ? swan : with(j, path, "strongswan.conf", "/etc/strongswan.conf"));
	return err ? err : load_swan(j, path, with(j, path, "ipsec.secrets", "/etc/ipsec.secrets"));
}

/* The order of the front door. */
static int load_found(struct config_job *j)
{
	char path[PATH_TEXT], secrets[PATH_TEXT];
	if (exists(j, gretel_conf)) {
		j->build->source = CONF_GRETEL;
		return config_load_gretel(j, gretel_conf);
	}
	for (size_t i = 0; i < ARRAY_LEN(swan_dirs); i++) {
		struct conf_setup fresh;
		conf_setup_defaults(&fresh);
		j->build->setup = fresh;
		j->config_file = j->secrets_file = NULL;
		snprintf(path, sizeof path, "%s/strongswan.conf", swan_dirs[i]);
		int err = load_swan_options(j, j->where->strongswan ? j->where->strongswan : path);
		if (err)
			return err;
		snprintf(path, sizeof path, "%s/ipsec.conf", swan_dirs[i]);
		const char *conf = j->config_file ? j->config_file : path;
		snprintf(secrets, sizeof secrets, "%s/ipsec.secrets", swan_dirs[i]);
		if (exists(j, conf))
			return load_swan(j, conf, secrets);
	}
	diag_add(j->d, DIAG_ERROR, NULL, 0, NULL, "there is no configuration: looked for %s, /etc/ipsec.conf and "
	         "/etc/strongswan/ipsec.conf", gretel_conf);
	return -ENOENT;
}

/* A warning about a conn; origin is "file:line". */
static void tell_conn(struct config_job *j, conf_ref origin, conf_ref name, const char *text)
{
	char key[CONF_NAME_MAX + 8];
	snprintf(key, sizeof key, "conn %s", conf_builder_text(j->build, name));
	diag_add(j->d, DIAG_WARNING, conf_builder_text(j->build, origin), 0, key, "%s", text);
}

static bool is_there(const struct config_job *j, const char *name)
{
	const struct conf_builder *b = j->build;
	for (size_t i = 0; i < b->n_tunnels; i++) {
		if (strcmp(conf_builder_text(b, b->tunnel[i].name), name) == 0)
			return true;
	}
	for (size_t i = 0; i < b->n_refused; i++) {
		if (strcmp(conf_builder_text(b, b->refused[i].name), name) == 0)
			return true;
	}
	return false;
}

/* A conn that is gone from a file with errors of grammar may only have lost its header or the
 * include line that led to it: it is refused, not removed. */
static void refuse_hidden(struct config_job *j)
{
	const struct conf *was = j->where->running;
	for (uint32_t i = 0; j->hidden && i < was->n_tunnels; i++) {
		const struct tunnel_conf *t = conf_tunnel(was, i);
		if (!is_there(j, conf_str(was, t->name)))
			conf_builder_refuse(j->build, conf_str(was, t->name), conf_str(was, t->origin),
			                    "it is not found in a file that has errors");
	}
}

/* A conn that became unusable goes on as it was. */
static void keep_running(struct config_job *j)
{
	const struct conf *was = j->where->running;
	if (!was)
		return;
	refuse_hidden(j);
	for (size_t i = 0; i < j->build->n_refused; i++) {
		int at = conf_find(was, conf_builder_text(j->build, j->build->refused[i].name));
		if (at < 0)
			continue;
		struct tunnel_conf t = *conf_tunnel(was, (uint32_t)at);
		t.kept = true;
		tell_conn(j, j->build->refused[i].origin, j->build->refused[i].name, "goes on as it was before this reload");
		conf_builder_carry(j->build, was, &t);
	}
}

/* Whether it stands in an ipsec.conf; only such are kept when the file has an error. */
static bool is_conn(const struct config_job *j, size_t i) { return i < j->build->n_conns || j->build->tunnel[i].kept; }

/* A warning about a tunnel, by the words of the file that it stands in. keyword, key: what of it, in an ipsec.conf and in a gretel.conf. */
static void tell_tunnel(struct config_job *j, size_t i, const char *keyword, const char *key, const char *text)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	bool conn = is_conn(j, i);
	char path[CONF_NAME_MAX + 48];
	struct sbuf b = SB(path);
	sb_printf(&b, "%s%s", conn ? "conn " : "tunnels.", conf_builder_text(j->build, t->name));
	if (key)
		sb_printf(&b, "%s%s", conn ? ": " : ".", conn ? keyword : key);
	diag_add(j->d, DIAG_WARNING, conf_builder_text(j->build, t->origin), 0, path, "%s", text);
}

static void check_ppk(struct config_job *j, size_t i)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	const char *id = conf_builder_text(j->build, t->ppk_id);
	char text[2 * PPK_ID_MAX + 128];
	if (t->ppk_required && !id[0]) {
		tell_tunnel(j, i, "x-ppk-required", "ppk_required", "without the name of a key no peer will be let in");
		return;
	}
	if (strlen(id) > PPK_ID_MAX)
		snprintf(text, sizeof text, "longer than %d octets: there is no such key", PPK_ID_MAX);
	else if (id[0] && strcmp(id, CONF_PPK_ANY) != 0 && !psk_ppk(j->psks, id + (id[0] == '@')))
		snprintf(text, sizeof text, "no post-quantum key (PPK) is named %s", id);
	else
		return;
	tell_tunnel(j, i, "x-ppk-id", "ppk_id", text);
}

bool config_weak_key(size_t n, bool post_quantum, char why[WEAK_KEY_TEXT])
{
	const char *s = n == 1 ? "" : "s";
	size_t least = post_quantum ? PPK_SHORT : PSK_SHORT;
	if (n >= least)
		return false;
	if (n == 0)
		snprintf(why, WEAK_KEY_TEXT, "the secret is empty");
	else if (post_quantum)
		snprintf(why, WEAK_KEY_TEXT, "a post-quantum key of %zu octet%s is short: at least %zu random ones", n, s, least);
	else
		snprintf(why, WEAK_KEY_TEXT, "a key of %zu octet%s can be guessed: at least %zu random ones (gretel genpsk makes one)", n, s,
		         least);
	return true;
}

static struct ident end_ident(const struct conf_end *e)
{
	if (e->id_set)
		return e->id;
	if (e->n_hosts == 1 && e->host[0].kind == HOST_ADDR)
		return ident_from_addr(&e->host[0].lo);
	return (struct ident){.type = ID_ANY};
}

/* Whether the key that comes first for this tunnel is a short one, as far as the file tells who its ends are. */
static bool has_short_key(const struct config_job *j, const struct tunnel_conf *t)
{
	struct ident me = end_ident(&t->local), peer = end_ident(&t->remote);
	size_t one;
	return psk_candidates(j->psks, &me, &peer, &one, 1) && j->psks->v[one].key_len < PSK_SHORT;
}

/* A tunnel without a key will fail at the first packet; better to say it now. Where the file does not tell who we are a key could be ours alone,
 * which nobody does in a gretel.conf. */
static void check_psk(struct config_job *j, size_t i)
{
	const struct tunnel_conf *t = &j->build->tunnel[i];
	struct ident me = end_ident(&t->local), peer = end_ident(&t->remote);
	char text[2 * IDENT_TEXT + 96];
	struct sbuf s = SB(text);
	size_t one;
	bool told = t->local.id_set && t->remote.id_set;
	if (t->kind != TUNNEL_TRANSPORT || peer.type == ID_ANY || (!told && is_conn(j, i)) ||
	    psk_candidates(j->psks, &me, &peer, &one, 1))
		return;
	sb_put(&s, "no pre-shared key is for ");
	if (me.type != ID_ANY) {
		sb_ident(&s, &me);
		sb_put(&s, " or ");
	}
	sb_ident(&s, &peer);
	if (!is_conn(j, i))
		sb_put(&s, ": expected psk or psk_file here, or a key in secrets");
	tell_tunnel(j, i, NULL, NULL, text);
}

static void check_keys(struct config_job *j)
{
	struct conf_builder *b = j->build;
	bool none = b->source == CONF_IPSEC && j->psks->n == 0; /* said already */
	for (size_t i = 0; i < b->n_tunnels; i++) {
		check_ppk(j, i);
		b->tunnel[i].short_psk = has_short_key(j, &b->tunnel[i]);
		if (!none)
			check_psk(j, i);
	}
}

int config_load(const struct config_paths *where, struct config_files *io, struct conf **conf,
                struct psk_set *psks, struct diags *d)
{
	struct conf_builder build;
	struct psk_set keys;
	struct config_job j = {.where = where, .io = io, .build = &build, .psks = &keys,
	                       .running_psks = where->running_psks ? where->running_psks : psks, .d = d};
	*conf = NULL;
	psk_set_init(&keys, psks->mem);
	arena_init(&j.arena, d->mem);
	conf_builder_init(&build, d->mem, CONF_IPSEC);
	int err = where->file ? load_given(&j, where->file) : load_found(&j);
	if (!err) {
		keep_running(&j);
		check_keys(&j);
		err = conf_builder_finish(&build, conf);
	}
	if (err == -ENOMEM)
		diag_add(d, DIAG_ERROR, NULL, 0, NULL, "there is not enough memory");
	else if (err && err != -ENOENT)
		err = -EINVAL;
	if (err) {
		psk_set_fini(&keys);
	} else {
		psk_set_fini(psks);
		*psks = keys;
	}
	conf_builder_fini(&build);
	arena_fini(&j.arena);
	return err;
}

void config_free(struct conf *conf) { free(conf); }
