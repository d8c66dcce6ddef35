/* Files from memory. See mem_files.h. */
#include "mem_files.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static int mem_read(struct config_files *io, const char *path, struct config_text *out)
{
	struct mem_files *m = CONTAINER_OF(io, struct mem_files, io);
	*out = (struct config_text){0};
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->file[i].path, path) != 0)
			continue;
		if (m->file[i].mode == 0)
			return -EACCES;
		/* Exactly as large as promised, so that sanitizers see every over-read. */
		out->s = malloc(m->file[i].n + 1);
		if (!out->s)
			return -ENOMEM;
		memcpy(out->s, m->file[i].s, m->file[i].n);
		out->s[m->file[i].n] = '\0';
		out->n = m->file[i].n;
		out->mode = m->file[i].mode;
		return 0;
	}
	return -ENOENT;
}

static int mem_glob(struct config_files *io, const char *pattern, void (*found)(void *arg, const char *path), void *arg)
{
	struct mem_files *m = CONTAINER_OF(io, struct mem_files, io);
	for (size_t i = 0; i < m->n; i++) {
		if (fnmatch(pattern, m->file[i].path, FNM_PATHNAME | FNM_PERIOD) == 0)
			found(arg, m->file[i].path);
	}
	return 0;
}

void mem_files_init(struct mem_files *m)
{
	memset(m, 0, sizeof *m);
	m->io = (struct config_files){.read = mem_read, .glob = mem_glob};
}

void mem_files_add(struct mem_files *m, const char *path, const char *s, size_t n, unsigned mode)
{
	if (m->n < MEM_FILES_MAX)
		m->file[m->n++] = (struct mem_file){.path = path, .s = s, .n = n, .mode = mode};
}

static void *heap_get(struct mem *m, size_t n)
{
	(void)m;
	return calloc(1, n ? n : 1);
}

static void heap_put(struct mem *m, void *p, size_t n)
{
	(void)m, (void)n;
	free(p);
}

void mem_files_heap(struct mem *m) { *m = (struct mem){.get = heap_get, .put = heap_put}; }
