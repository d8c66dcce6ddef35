/* greteld without the netlink of its SAs: linked in the place of kernel/sad.c, spd.c and gre.c, each request succeeds and costs nothing. So
 * tests/bench/ike counts what is gretel's own, also where the kernel has no ESP, and what netlink costs shows as a difference. */
#include "kernel/kernel.h"

#include <errno.h>
#include <string.h>

int kernel_spi_alloc(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t reqid, uint32_t min,
                     uint32_t max, uint32_t *spi)
{
	static uint32_t last;
	(void)k;
	(void)local;
	(void)remote;
	(void)reqid;
	(void)max;
	*spi = min + ++last;
	return 0;
}

int kernel_spi_free(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t spi)
{
	(void)k;
	(void)local;
	(void)remote;
	(void)spi;
	return 0;
}

int kernel_child_install(struct kernel *k, const struct child_sa *sa)
{
	(void)k;
	(void)sa;
	return 0;
}

int kernel_child_early(struct kernel *k, const struct child_sa *sa) { return kernel_child_install(k, sa); }
int kernel_child_complete(struct kernel *k, const struct child_sa *sa) { return kernel_child_install(k, sa); }
int kernel_child_move(struct kernel *k, const struct child_sa *was, const struct child_sa *now)
{
	(void)was;
	return kernel_child_install(k, now);
}

int kernel_child_remove(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir)
{
	(void)heir;
	return kernel_child_install(k, sa);
}

int kernel_child_counters(struct kernel *k, const struct child_sa *sa, struct sa_counters *out)
{
	memset(out, 0, sizeof *out);
	return kernel_child_install(k, sa);
}

int kernel_guard_set(struct kernel *k, const struct addr *peer)
{
	(void)k;
	(void)peer;
	return 0;
}

int kernel_guard_set_strict(struct kernel *k, const struct addr *local) { return kernel_guard_set(k, local); }
int kernel_guard_del(struct kernel *k, const struct addr *peer) { return kernel_guard_set(k, peer); }

int kernel_guard_list(struct kernel *k, struct kernel_guard *out, size_t max, size_t *n)
{
	(void)k;
	(void)out;
	(void)max;
	*n = 0;
	return 0;
}

int kernel_guard_clear(struct kernel *k, size_t *removed) { return kernel_guard_list(k, NULL, 0, removed); }

int kernel_trap_set(struct kernel *k, const struct child_sa *sa) { return kernel_child_install(k, sa); }
int kernel_trap_del(struct kernel *k, const struct child_sa *sa) { return kernel_child_install(k, sa); }

int kernel_shunt_set(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto, bool pass)
{
	(void)k;
	(void)local;
	(void)remote;
	(void)proto;
	(void)pass;
	return 0;
}

int kernel_shunt_del(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto)
{
	return kernel_shunt_set(k, local, remote, proto, false);
}

int kernel_gre_find(struct kernel *k, const struct addr *local, const struct addr *remote, struct gre_link *out)
{
	(void)k;
	(void)local;
	(void)remote;
	(void)out;
	return -ENODEV;
}

int kernel_gre_ensure(struct kernel *k, const struct conf_gre *want, const struct addr *local, const struct addr *remote,
                      struct gre_link *out)
{
	(void)want;
	return kernel_gre_find(k, local, remote, out);
}

int kernel_gre_get(struct kernel *k, const char *name, struct gre_link *out)
{
	(void)name;
	return kernel_gre_find(k, NULL, NULL, out);
}

int kernel_gre_down(struct kernel *k, const char *name, bool remove)
{
	(void)k;
	(void)name;
	(void)remove;
	return 0;
}
