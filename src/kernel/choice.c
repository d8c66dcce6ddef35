/* Which data plane carries ESP and GRE: the kernel's, or the one in user space. Asked once, at the start of the daemon, and by
 * `gretel check`. */
#include <string.h>

#include "kernel/kernel.h"

/* What the kernel lacks for the whole job; NULL: nothing. Without IPv6 a tunnel over IPv4 is still one. */
static const char *lacking(const struct kernel_caps *c)
{
	if (!c->xfrm)
		return "IPsec";
	if (!c->esp4)
		return c->gre4 ? "ESP" : "ESP and no GRE";
	return c->gre4 ? NULL : "GRE";
}

int kernel_dataplane(struct kernel *k, uint8_t mode, struct sbuf *why)
{
	struct kernel_caps caps;
	int rc = mode == DATAPLANE_KERNEL ? 0 : kernel_tun_usable();
	if (mode != DATAPLANE_AUTO) {
		sb_put(why, "as configured");
		if (rc < 0)
			sb_printf(why, ", but /dev/net/tun cannot be opened: %s", strerror(-rc));
		return mode == DATAPLANE_USER && rc == 0 ? 1 : rc;
	}
	kernel_caps(k, &caps);
	const char *no = lacking(&caps);
	if (!no) {
		sb_put(why, "the kernel has ESP and GRE");
		return 0;
	}
	sb_printf(why, "the kernel has no %s", no);
	if (rc < 0)
		sb_printf(why, ", and /dev/net/tun cannot be opened: %s", strerror(-rc));
	return rc == 0;
}
