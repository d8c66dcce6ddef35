/* Pre-shared keys of a gretel.conf. They go into the set of keys, never into the configuration, and never into a
 * diagnostic. See load.h. */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_MAX = 64 };

static int digit(char c, const char *alphabet)
{
	const char *p = c ? strchr(alphabet, c) : NULL;
	return p ? (int)(p - alphabet) : -1;
}

static bool decode_hex(const char *s, struct cfg_octets *k)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	for (; s[0]; s += 2) {
		int hi = digit(s[0], lower) >= 0 ? digit(s[0], lower) : digit(s[0], upper);
		int lo = digit(s[1], lower) >= 0 ? digit(s[1], lower) : digit(s[1], upper);
		if (hi < 0 || lo < 0)
			return false;
		k->p[k->n++] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* RFC 4648 4. */
static bool decode_base64(const char *s, struct cfg_octets *k)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t acc = 0;
	size_t n = strcspn(s, "="), pad = strspn(s + n, "=");
	if (s[n + pad] || pad > 2 || n % 4 == 1 || (pad && (n + pad) % 4))
		return false;
	for (size_t i = 0; i < n; i++) {
		int v = digit(s[i], alphabet);
		if (v < 0)
			return false;
		acc = acc << 6 | (uint32_t)v;
		if (i % 4)
			k->p[k->n++] = (uint8_t)(acc >> (6 - 2 * (i % 4)));
	}
	return true;
}

/* The forms of ipsec.secrets: 0x hexadecimal, 0s base64, else the text itself. NULL, or what was expected. */
static const char *decode(struct cfg_load *l, const char *s, struct cfg_octets *k)
{
	*k = (struct cfg_octets){.p = arena_get(&l->arena, strlen(s) + 1)};
	if (!k->p)
		return NULL;
	if (strncasecmp(s, "0x", 2) == 0)
		return decode_hex(s + 2, k) && k->n ? NULL : "pairs of hexadecimal digits after 0x";
	if (strncasecmp(s, "0s", 2) == 0)
		return decode_base64(s + 2, k) && k->n ? NULL : "base64 after 0s";
	k->n = strlen(s);
	memcpy(k->p, s, k->n);
	return NULL;
}

static void check_mode(struct cfg_load *l, struct cfg_file *f)
{
	if ((f->mode & 066) == 0 || f->told)
		return;
	f->told = true;
	diag_add(l->job->d, DIAG_WARNING, f->path, 0, NULL,
	         "others than its owner can read the keys in this file (mode %04o): chmod 600 %s", f->mode, f->path);
}

const char *cfg_path(struct cfg_load *l, const struct cfg_node *v)
{
	unsigned line;
	const struct cfg_file *f = cfg_text_where(&l->text, v->line, &line);
	const char *slash = f && v->text[0] != '/' ? strrchr(f->path, '/') : NULL;
	size_t dir = slash ? (size_t)(slash - f->path) + 1 : 0, n = strlen(v->text);
	char *p = arena_get(&l->arena, dir + n + 1);
	if (p && dir)
		memcpy(p, f->path, dir);
	if (p && n)
		memcpy(p + dir, v->text, n);
	return p;
}

/* The first line of a file, in the arena. */
static char *read_line(struct cfg_load *l, const struct cfg_node *v, const char *path)
{
	struct config_text in = {0};
	const char *name = cfg_path(l, v);
	int rc = name ? config_read(l->job, name, &in) : -ENOMEM;
	if (rc == -ENOMEM) {
		l->arena.bad = true;
		return NULL;
	}
	if (rc < 0) {
		if (rc == -ENOENT)
			cfg_tell(l, DIAG_ERROR, v, path, "cannot read %s: %s", name, strerror(ENOENT));
		else
			l->errors++; /* config_read() told */
		return NULL;
	}
	struct cfg_file f = {.path = name, .mode = in.mode};
	check_mode(l, &f);
	char *line = arena_text(&l->arena, in.s, strcspn(in.s, "\r\n"));
	wipe(in.s, in.n);
	free(in.s);
	return line;
}

bool cfg_key_read(struct cfg_load *l, const struct cfg_node *psk, const struct cfg_node *file, const char *path,
                  const char *key, struct cfg_octets *k)
{
	char full[CFG_PATH_MAX];
	unsigned line;
	snprintf(full, sizeof full, "%s.%s%s", path, key, psk ? "" : "_file");
	const char *text = psk ? psk->text : read_line(l, file, full);
	struct cfg_file *f = psk ? cfg_text_where(&l->text, psk->line, &line) : NULL;
	if (f)
		check_mode(l, f);
	const char *expected = text ? decode(l, text, k) : NULL;
	if (expected)
		cfg_tell(l, DIAG_ERROR, psk ? psk : file, full, "expected %s, found something else", expected);
	return text && !expected && k->p;
}

/* The key that psk or psk_file (one of them NULL) gives. False: told, or no memory. */
static bool key_read(struct cfg_load *l, const struct cfg_node *psk, const struct cfg_node *file, const char *path,
                     struct cfg_octets *k)
{
	char full[CFG_PATH_MAX];
	if (!cfg_key_read(l, psk, file, path, "psk", k))
		return false;
	snprintf(full, sizeof full, "%s.%s", path, psk ? "psk" : "psk_file");
	char why[WEAK_KEY_TEXT];
	if (config_weak_key(k->n, false, why))
		cfg_tell(l, DIAG_WARNING, psk ? psk : file, full, "%s", why);
	return true;
}

static void key_add(struct cfg_load *l, const struct cfg_node *at, const struct ident *id, size_t n,
                    const struct cfg_octets *k)
{
	char origin[CFG_PATH_MAX];
	unsigned line;
	const struct cfg_file *f = cfg_text_where(&l->text, at->line, &line);
	snprintf(origin, sizeof origin, "%s:%u", f ? f->path : "", line);
	if (psk_set_add(l->job->psks, origin, id, n, k->p, k->n) < 0)
		l->arena.bad = true;
}

/* Who the peer is, as far as the file tells. */
static struct ident remote_ident(struct cfg_load *l, const struct conf_end *e, bool *by_name)
{
	struct ident id = {.type = ID_ANY};
	*by_name = false;
	if (e->id_set)
		return e->id;
	if (e->n_hosts == 1 && e->host[0].kind == HOST_ADDR)
		return ident_from_addr(&e->host[0].lo);
	if (e->n_hosts == 1 && e->host[0].kind == HOST_NAME)
		*by_name = ident_parse(conf_builder_text(l->job->build, e->host[0].name), &id);
	return id;
}

void cfg_key_note(struct cfg_load *l, const struct cfg_tunnel *t, const char *path)
{
	if (t->psk && t->psk_file)
		cfg_tell(l, DIAG_ERROR, t->psk_file, path, "expected psk or psk_file, found both");
	if ((t->psk != NULL) == (t->psk_file != NULL))
		return;
	struct cfg_key *k = arena_get(&l->arena, sizeof *k);
	const char *copy = k ? arena_text(&l->arena, path, strlen(path)) : NULL;
	if (!copy)
		return;
	*k = (struct cfg_key){.psk = t->psk, .psk_file = t->psk_file, .path = copy, .local = t->t.local.id};
	k->remote = remote_ident(l, &t->t.remote, &k->by_name);
	*l->last_key = k;
	l->last_key = &k->next;
}

/* The peer's identity selects the key. Ours joins it only where that alone would not tell two tunnels apart: an entry
 * that names us would otherwise stand in for peers that have no key of their own. */
static size_t key_ids(const struct cfg_load *l, const struct cfg_key *k, struct ident id[3])
{
	size_t n = 0;
	bool shared = k->remote.type == ID_ANY || k->by_name;
	for (const struct cfg_key *o = l->keys; o; o = o->next)
		shared = shared || (o != k && ident_eq(&o->remote, &k->remote));
	id[n++] = k->remote;
	if (k->by_name) /* the peer may give its address, which is not known yet */
		id[n++] = (struct ident){.type = ID_ANY};
	if (shared && k->local.type != ID_ANY)
		id[n++] = k->local;
	return n;
}

void cfg_keys_add(struct cfg_load *l)
{
	for (const struct cfg_key *k = l->keys; k; k = k->next) {
		struct cfg_octets key;
		struct ident id[3];
		const struct cfg_node *at = k->psk ? k->psk : k->psk_file;
		if (!key_read(l, k->psk, k->psk_file, k->path, &key))
			continue;
		if (k->by_name)
			cfg_tell(l, DIAG_NOTE, at, k->path,
			         "remote is a name: without remote_id any peer without a key of its own may use this one");
		key_add(l, at, id, key_ids(l, k, id), &key);
	}
}

/* False: an identity that does not parse, told. */
static bool secret_ids(struct cfg_load *l, const struct cfg_node *v, const char *path, struct ident *id, size_t *n)
{
	struct cfg_items it;
	char item[IDENT_TEXT], full[CFG_PATH_MAX];
	snprintf(full, sizeof full, "%s.ids", path);
	*n = 0;
	if (!v || !cfg_items_init(&it, v))
		return true;
	enum cfg_step step = CFG_ITEM;
	while ((step = cfg_items_next(&it, item, sizeof item)) == CFG_ITEM) {
		if (*n == IDS_MAX || !ident_parse(item, &id[(*n)++])) {
			step = CFG_BAD;
			break;
		}
	}
	if (step == CFG_BAD)
		cfg_wrong(l, v, full, "at most 64 identities");
	return step == CFG_END;
}

/* A post-quantum key. Grover's algorithm halves what a key is worth, hence 256 bits (RFC 8784 6). */
static void ppk_add(struct cfg_load *l, const struct cfg_secret *s, const struct cfg_node *at, const char *path)
{
	struct cfg_octets key;
	const char *id = s->ppk_id->text;
	if (s->ids)
		cfg_tell(l, DIAG_ERROR, s->ids, path, "a key with ppk_id belongs to no ids");
	if (!cfg_key_read(l, s->psk, s->psk_file, path, "psk", &key))
		return;
	char why[WEAK_KEY_TEXT];
	if (key.n && config_weak_key(key.n, true, why))
		cfg_tell(l, DIAG_WARNING, at, path, "%s", why);
	int rc = psk_set_add_ppk(l->job->psks, id + (id[0] == '@'), key.p, key.n);
	if (rc == -ENOMEM)
		l->arena.bad = true;
	else if (rc < 0)
		cfg_tell(l, DIAG_ERROR, at, path, "expected ppk_id of 1 to %d octets and a key that is not empty", PPK_ID_MAX);
}

static void load_secret(struct cfg_load *l, const struct cfg_node *v, const char *path)
{
	struct cfg_secret s = {0};
	struct cfg_given given = {0};
	struct ident *id = arena_get(&l->arena, IDS_MAX * sizeof *id);
	struct cfg_octets key;
	size_t n;
	if (v->kind != NODE_GROUP) {
		cfg_wrong(l, v, path, "a group { ids = [...]; psk = \"...\"; }");
		return;
	}
	cfg_group(l, &cfg_secrets, v, path, &s, &given);
	const struct cfg_node *at = s.psk ? s.psk : s.psk_file;
	bool wanted = given.at[cfg_find(&cfg_secrets, "psk")] || given.at[cfg_find(&cfg_secrets, "psk_file")];
	if (!wanted)
		cfg_tell(l, DIAG_ERROR, v, path, "expected psk or psk_file, found neither");
	else if (s.psk && s.psk_file)
		cfg_tell(l, DIAG_ERROR, v, path, "expected psk or psk_file, found both");
	else if (s.ppk_id && at)
		ppk_add(l, &s, at, path);
	else if (id && at && secret_ids(l, s.ids, path, id, &n) && key_read(l, s.psk, s.psk_file, path, &key))
		key_add(l, at, id, n, &key);
}

void cfg_secrets_load(struct cfg_load *l, const struct cfg_node *list)
{
	unsigned i = 0;
	if (list->kind != NODE_LIST) {
		cfg_wrong(l, list, "secrets", "a list of groups ( { ids = [...]; psk = \"...\"; } )");
		return;
	}
	for (const struct cfg_node *v = list->kids; v; v = v->next) {
		char path[32];
		snprintf(path, sizeof path, "secrets[%u]", i++);
		load_secret(l, v, path);
	}
}
