/* What a role does for its memory to be small.
 *
 * A buffer for the largest message that may come is many times what ever comes. Taken from the heap it is cleared, that is touched, from
 * end to end; as a mapping of its own it consists of pages that are not there until somebody needs them. So buffers are mapped
 * from a smaller size on than the C library's 128 KiB: one above the pages of bgp/pool.c, of which there are thousands, all in use.
 *
 * After its start a role gives back what only the start needed: free memory of the heap, and the read-only pages of the program and its
 * libraries, which the start has walked through (the cryptographic library's tables above all). Such pages are clean and
 * lie in files: whatever is needed again comes back from the page cache by itself. */
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/daemon.h"

enum { MAP_FROM = 48 << 10, HEAP_STEP = 32 << 10, TRIM_FROM = 1 << 20, TIDY_BY = 1500 };

void role_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAP_FROM);
	(void)mallopt(M_TOP_PAD, HEAP_STEP); /* or there would be room for such a buffer at the heap's end, and that would be taken */
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_FROM); /* what the library would have raised by itself */
}

/* What is freed the C library puts aside, and in order only when memory is wanted that is not at hand: the first messages of a burst
 * would wait for what the one before has left. A large request does that. */
void role_tidy(void)
{
	void *volatile p = malloc(TIDY_BY); /* volatile: or the compiler would see that nobody needs it */
	free(p);
}

#ifndef GRETEL_SANITIZED
static int on_object(struct dl_phdr_info *o, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)size;
	(void)ctx;
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		uintptr_t from = (o->dlpi_addr + p->p_vaddr) & ~(page - 1), to = o->dlpi_addr + p->p_vaddr + p->p_memsz;
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void role_settle(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(on_object, NULL);
}
#else
/* A sanitizer's pages are its own business. */
void role_settle(void) {}
#endif
