/* kernel/ without a kernel, linked in its place: every call is written down, any call can be made to fail. */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "kernel/kernel.h"

struct fake_tun { struct kernel_tun *t; struct gre_link link; bool gone; };

struct kernel {
	char log[16384];      /* one line per call that changes something */
	struct sbuf calls;
	const char *fail;     /* the call of this name fails ... */
	int fail_with;        /* ... with this */
	struct addr local[4];
	size_t n_local;
	uint32_t local_link[4]; /* the interfaces of these; 0: number 2 */
	uint32_t way;           /* the interface that leads to everybody; 0: number 2 */
	struct kernel_match match; /* the route to everybody */
	uint32_t gre_link;      /* the one that is a GRE interface; 0: none */
	uint32_t next_spi;
	struct gre_link gre;  /* what ensure and find give */
	struct fake_tun tun[4];
	struct sa_counters counters;
	struct child_sa installed; /* the last, with its keys */
};

void fake_kernel_init(struct kernel *k);
/* The calls since the last time. */
const char *fake_kernel_calls(struct kernel *k);

#endif
