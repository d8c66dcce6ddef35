/* The front door's way: which file, in which language, with which neighbours. */
#include "config/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_TEXT = 4096 };

static const char gretel_conf[] = GRETEL_SYSCONFDIR "/gretel/gretel.conf";
static const char *const swan_dirs[] = {"/etc", "/etc/strongswan"}; /* Debian's place, Red Hat's place */

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
		config_check_keys(&j);
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
