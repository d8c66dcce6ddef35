/* Files from memory behind struct config_files: for cases and fuzz targets. */
#ifndef TESTS_CONFIG_MEM_FILES_H
#define TESTS_CONFIG_MEM_FILES_H

#include "config/config.h"

struct mem_file {
	const char *path;
	const char *s;
	size_t n;
	unsigned mode;
};

enum { MEM_FILES_MAX = 64 };

struct mem_files {
	struct config_files io;
	struct mem_file file[MEM_FILES_MAX];
	size_t n;
};

void mem_files_init(struct mem_files *m);
/* Borrows path and text. mode 0 makes a file that cannot be read (-EACCES). */
void mem_files_add(struct mem_files *m, const char *path, const char *s, size_t n, unsigned mode);
/* The allocator of the system as a handle; in_use says what was not given back. */
void mem_files_heap(struct mem *m);

#endif
