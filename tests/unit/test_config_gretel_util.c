/* See test_config_gretel_util.h. */
#include "test_config_gretel_util.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *test_get(struct mem *mem, size_t size)
{
	struct test_mem *m = (struct test_mem *)mem;
	return ++m->n == m->fail ? NULL : calloc(1, size);
}

static void test_put(struct mem *mem, void *p, size_t size)
{
	(void)mem, (void)size;
	free(p);
}

void test_mem_init(struct test_mem *m) { *m = (struct test_mem){.mem = {.get = test_get, .put = test_put}}; }

char *read_whole(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *s = f ? calloc(1, 1 << 20) : NULL;
	if (!s)
		return NULL;
	*n = fread(s, 1, (1 << 20) - 1, f);
	fclose(f);
	char *exact = malloc(*n + 1);
	memcpy(exact, s, *n + 1);
	free(s);
	return exact;
}

const char *src_path(const char *path, char out[512])
{
	const char *srcdir = getenv("srcdir");
	snprintf(out, 512, "%s/%s", srcdir ? srcdir : ".", path);
	return out;
}

static int files_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct test_files *f = (struct test_files *)io;
	char full[1024];
	*out = (struct config_text){.mode = f->mode};
	if (f->name && strcmp(path, f->name) == 0) {
		out->s = malloc(f->n + 1);
		memcpy(out->s, f->text, f->n);
		out->s[f->n] = '\0';
		out->n = f->n;
		return 0;
	}
	snprintf(full, sizeof full, "%s/%s", f->dir ? f->dir : "", path);
	/* What stands in for files of other modes than the rest, and for one that cannot be read. */
	if (strstr(path, "open-"))
		out->mode = 0644;
	if (strstr(path, "denied"))
		return -EACCES;
	out->s = f->dir ? read_whole(full, &out->n) : NULL;
	return out->s ? 0 : -ENOENT;
}

static int files_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path),
                      void *arg)
{
	struct test_files *f = (struct test_files *)io;
	char full[1024];
	glob_t g;
	if (!f->dir)
		return 0;
	snprintf(full, sizeof full, "%s/%s", f->dir, pattern);
	if (glob(full, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			found(arg, g.gl_pathv[i] + strlen(f->dir) + 1);
	}
	globfree(&g);
	return 0;
}

void test_files_init(struct test_files *f, const char *dir, const char *name, const char *text, size_t n)
{
	*f = (struct test_files){
		.io = {.read = files_read, .glob = files_glob}, .dir = dir, .name = name, .text = text, .n = n, .mode = 0600};
}

void load_file(struct loaded *l, struct test_mem *m, struct test_files *f, const char *name)
{
	*l = (struct loaded){.mem = m};
	struct config_paths where = {.file = name};
	psk_set_init(&l->psks, &m->mem);
	diags_init(&l->d, &m->mem);
	l->rc = config_load(&where, &f->io, &l->conf, &l->psks, &l->d);
}

void load_text(struct loaded *l, struct test_mem *m, const char *text)
{
	struct test_files f;
	test_files_init(&f, NULL, "g.conf", text, strlen(text));
	load_file(l, m, &f, "g.conf");
}

void loaded_fini(struct loaded *l)
{
	config_free(l->conf);
	psk_set_fini(&l->psks);
	diags_fini(&l->d);
}

char *diags_text(const struct diags *d)
{
	char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);
	for (const struct diag *it = d->first; it; it = it->next) {
		char line[2048];
		struct sbuf b = SB(line);
		sb_diag(&b, it);
		fprintf(f, "%s\n", line);
	}
	fclose(f);
	return s;
}

/* libconfig 1.5 loses the texts before a syntax error; with one, nothing is loaded. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libconfig\n"; }

static bool same_end(const struct conf *a, struct conf_end *x, const struct conf *b, struct conf_end *y)
{
	for (size_t i = 0; i < CONF_HOSTS_MAX; i++) {
		if (strcmp(conf_str(a, x->host[i].name), conf_str(b, y->host[i].name)) != 0)
			return false;
		x->host[i].name = y->host[i].name = 0;
	}
	return true;
}

static bool same_refs(const struct conf *a, conf_ref *x, const struct conf *b, conf_ref *y)
{
	bool same = strcmp(conf_str(a, *x), conf_str(b, *y)) == 0;
	*x = *y = 0;
	return same;
}

static bool same_tunnel(const struct conf *a, const struct tunnel_conf *ta, const struct conf *b,
                        const struct tunnel_conf *tb, const char **what)
{
	struct tunnel_conf x, y;
	memcpy(&x, ta, sizeof x);
	memcpy(&y, tb, sizeof y);
	*what = "ike or esp";
	if (memcmp(conf_proposals(a, x.ike), conf_proposals(b, y.ike), sizeof(struct proposals)) != 0 ||
	    memcmp(conf_proposals(a, x.esp), conf_proposals(b, y.esp), sizeof(struct proposals)) != 0)
		return false;
	*what = "a text of a tunnel";
	if (!same_refs(a, &x.name, b, &y.name) || !same_refs(a, &x.ike_text, b, &y.ike_text) ||
	    !same_refs(a, &x.esp_text, b, &y.esp_text) || !same_refs(a, &x.updown, b, &y.updown))
		return false;
	*what = "a host name";
	if (!same_end(a, &x.local, b, &y.local) || !same_end(a, &x.remote, b, &y.remote))
		return false;
	x.ike = x.esp = x.origin = y.ike = y.esp = y.origin = 0;
	x.swapped = y.swapped = x.kept = y.kept = false;
	*what = "a field of a tunnel";
	return memcmp(&x, &y, sizeof x) == 0;
}

bool conf_same(const struct conf *a, const struct conf *b, const char **what)
{
	struct conf_setup x, y;
	memcpy(&x, &a->setup, sizeof x);
	memcpy(&y, &b->setup, sizeof y);
	*what = "a text of the daemon";
	for (size_t i = 0; i < CONF_FILELOG_MAX; i++) {
		if (!same_refs(a, &x.filelog[i].path, b, &y.filelog[i].path))
			return false;
	}
	if (!same_refs(a, &x.interfaces_use, b, &y.interfaces_use) ||
	    !same_refs(a, &x.interfaces_ignore, b, &y.interfaces_ignore) ||
	    !same_refs(a, &x.hook_user, b, &y.hook_user) || !same_refs(a, &x.hook_capabilities, b, &y.hook_capabilities) ||
	    !same_refs(a, &x.control_socket, b, &y.control_socket) ||
	    !same_refs(a, &x.control_group, b, &y.control_group))
		return false;
	x.allow_swap = y.allow_swap = false;
	*what = "a field of the daemon";
	if (memcmp(&x, &y, sizeof x) != 0)
		return false;
	*what = "the number of tunnels";
	if (a->n_tunnels != b->n_tunnels)
		return false;
	for (uint32_t i = 0; i < a->n_tunnels; i++) {
		if (!same_tunnel(a, conf_tunnel(a, i), b, conf_tunnel(b, i), what))
			return false;
	}
	return true;
}
