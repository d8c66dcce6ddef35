/* Policies: what sad.c needs of spd.c. Internal to kernel/. */
#ifndef KERNEL_SPD_H
#define KERNEL_SPD_H

#include "kernel/kernel.h"

enum { POLICY_RAW_MAX = 1024 };

/* What a policy replaced, so that it can be put back. */
struct policy_undo {
	bool done;          /* the policy was written: there is something to undo */
	size_t n;           /* octets of what was there before; 0 = nothing */
	uint8_t raw[POLICY_RAW_MAX];
};

/* Writes the policy of one direction of a child (dir as XFRM_POLICY_IN, _OUT). One that is there already, from a
 * sibling or from another daemon, is updated in place. -E2BIG: what is there is too large to be kept for undo. */
int spd_child_set(struct kernel *k, const struct child_sa *sa, int dir, struct policy_undo *undo) MUST_USE;
/* Puts back what was there. Does nothing when nothing was written. */
int spd_undo(struct kernel *k, const struct child_sa *sa, int dir, const struct policy_undo *undo);
/* Gives the policies of a child to its heir, or, without one, removes them; those that name another SA stay. */
int spd_child_release(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir);

#endif
