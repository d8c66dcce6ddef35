/* Runs the cases of a directory: NN.in holds files, NN.ok what they mean, NN.err what is
 * said about them. Usage: config_cases [--write] DIR [NN...]; --write makes the expected
 * files from what comes out, to be read before they are committed.
 *
 * NN.in is text in parts. A line "==> PATH [MODE] <==" starts a file (mode 0600 unless it
 * is given; 0 cannot be read). Lines before the first file are "# comment", "local
 * ADDRESS...", "file PATH" (as with -c), or "reload" behind files: the files so far are
 * loaded first, those behind it then replace them by path, over the running version. */
#include "conf_dump.h"
#include "mem_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 1 << 17, LOCAL_MAX = 8 };

struct run {
	struct mem mem;
	struct mem_files files;
	struct config_paths where;
	struct addr local[LOCAL_MAX];
	struct conf *conf;
	struct psk_set psks;
	struct diags diags;
	struct sbuf ok, err;
	char err_text[OUT_MAX], ok_text[OUT_MAX];
};

static void load(struct run *r)
{
	struct conf *was = r->conf;
	r->where.running = was;
	r->where.local = r->local;
	int e = config_load(&r->where, &r->files.io, &r->conf, &r->psks, &r->diags);
	dump_diags(&r->err, &r->diags);
	diags_fini(&r->diags);
	if (e)
		sb_printf(&r->ok, "config_load: %s\n", e == -ENOENT ? "ENOENT" : e == -EINVAL ? "EINVAL" : "error");
	if (r->conf) {
		dump_conf(&r->ok, r->conf);
		if (!conf_check(r->conf, r->conf->size))
			sb_put(&r->ok, "conf_check refuses it\n");
	}
	dump_psks(&r->ok, &r->psks);
	if (!r->conf) /* the caller keeps what it has */
		r->conf = was;
	else
		config_free(was);
}

static void add_file(struct run *r, char *head, const char *s, size_t n)
{
	char *path = head, *end = strstr(head, " <=="), *word;
	unsigned m = 0600;
	if (end)
		*end = '\0';
	word = strrchr(path, ' ');
	if (word && word[1] && strspn(word + 1, "01234567") == strlen(word + 1)) {
		*word = '\0';
		m = (unsigned)strtoul(word + 1, NULL, 8);
	}
	for (size_t i = 0; i < r->files.n; i++) {
		if (strcmp(r->files.file[i].path, path) == 0) {
			r->files.file[i] = (struct mem_file){.path = path, .s = s, .n = n, .mode = m};
			return;
		}
	}
	mem_files_add(&r->files, path, s, n, m);
}

static void command(struct run *r, char *line)
{
	char *word = strtok(line, " ");
	if (!word || *word == '#')
		return;
	if (strcmp(word, "file") == 0) {
		r->where.file = strtok(NULL, " ");
	} else if (strcmp(word, "local") == 0) {
		for (char *a; (a = strtok(NULL, " ")) && r->where.n_local < LOCAL_MAX;)
			r->where.n_local += addr_parse(a, &r->local[r->where.n_local]);
	} else {
		fprintf(stderr, "what is '%s'?\n", word);
		exit(2);
	}
}

/* Goes through the parts of NN.in, which it writes into. */
static void run_text(struct run *r, char *text)
{
	char *at = text, *body = NULL, *head = NULL;
	bool in_file = false;
	while (*at) {
		char *nl = strchr(at, '\n'), *next = nl ? nl + 1 : at + strlen(at);
		bool file = strncmp(at, "==> ", 4) == 0, again = strncmp(at, "reload\n", 7) == 0;
		if (in_file && (file || again)) {
			add_file(r, head, body, (size_t)(at - body));
			in_file = false;
		}
		if (file && nl) {
			*nl = '\0';
			head = at + 4;
			body = next;
			in_file = true;
		} else if (again) {
			load(r);
			sb_put(&r->ok, "reload\n");
			sb_put(&r->err, "reload\n");
		} else if (!in_file) {
			if (nl)
				*nl = '\0';
			command(r, at);
		}
		at = next;
	}
	if (in_file)
		add_file(r, head, body, (size_t)(at - body));
	load(r);
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	char *s = calloc(1, OUT_MAX);
	size_t n = s ? fread(s, 1, OUT_MAX - 1, f) : 0;
	(void)n;
	fclose(f);
	return s;
}

/* The one path that depends on how this was configured, as SYSCONFDIR. */
static void general_paths(struct sbuf *b)
{
	static const char own[] = GRETEL_SYSCONFDIR "/gretel/gretel.conf";
	char *at = strstr(b->s, own), *rest = at ? strdup(at + strlen(GRETEL_SYSCONFDIR)) : NULL;
	if (!rest)
		return;
	b->len = (size_t)(at - b->s);
	sb_printf(b, "SYSCONFDIR%s", rest);
	free(rest);
}

static bool compare(const char *path, const char *got, bool write)
{
	if (write) {
		FILE *f = *got ? fopen(path, "w") : NULL;
		if (!*got)
			remove(path);
		if (f) {
			fputs(got, f);
			fclose(f);
		}
		return true;
	}
	char *want = slurp(path);
	bool same = strcmp(want ? want : "", got) == 0;
	if (!same)
		printf("%s: expected\n%s--- but got\n%s", path, want ? want : "(no such file)\n", got);
	free(want);
	return same;
}

static bool run_case(const char *dir, const char *name, bool write)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.in", dir, name);
	char *text = slurp(path);
	struct run *r = calloc(1, sizeof *r);
	if (!text || !r) {
		printf("%s: %s\n", path, strerror(errno));
		free(text);
		free(r);
		return false;
	}
	mem_files_heap(&r->mem);
	r->ok = SB(r->ok_text);
	r->err = SB(r->err_text);
	mem_files_init(&r->files);
	psk_set_init(&r->psks, &r->mem);
	diags_init(&r->diags, &r->mem);
	run_text(r, text);
	config_free(r->conf);
	psk_set_fini(&r->psks);
	diags_fini(&r->diags);
	bool good = r->mem.in_use == 0 && !r->ok.cut && !r->err.cut;
	if (!good)
		printf("%s: %zu octets not given back, or output cut\n", path, r->mem.in_use);
	general_paths(&r->err);
	snprintf(path, sizeof path, "%s/%s.ok", dir, name);
	good = compare(path, r->ok_text, write) && good;
	snprintf(path, sizeof path, "%s/%s.err", dir, name);
	good = compare(path, r->err_text, write) && good;
	free(r);
	free(text);
	return good;
}

static int wanted(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return n > 3 && strcmp(d->d_name + n - 3, ".in") == 0;
}

int main(int argc, char **argv)
{
	int at = 1, failed = 0, n;
	bool write = at < argc && strcmp(argv[at], "--write") == 0;
	at += write;
	const char *dir = at < argc ? argv[at++] : CASES_DIR;
	if (at < argc) {
		for (; at < argc; at++)
			failed += !run_case(dir, argv[at], write);
		return failed != 0;
	}
	struct dirent **list;
	n = scandir(dir, &list, wanted, alphasort);
	for (int i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 3] = '\0';
		failed += !run_case(dir, list[i]->d_name, write);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	printf("%d cases, %d failed\n", n, failed);
	return n <= 0 || failed;
}
