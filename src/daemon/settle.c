/* After its start a role gives back what only the start needed: free memory of the heap, and the read-only pages of the program and its
 * libraries, which the start has walked through (the cryptographic library's tables above all). Such pages are clean and
 * lie in files: whatever is needed again comes back from the page cache by itself. */
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/daemon.h"

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
