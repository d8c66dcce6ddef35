/* A datagram from netlink, of either bus (the first octet says which): all readers of kernel/, on every message. */
#include "fuzz.h"

#include "../unit/test_kernel_util.h"
#include "kernel/route_msg.h"

#include <stdlib.h>
#include <string.h>

/* What holds for all that is read. */
static void check(const struct nl_msg *m)
{
	struct sa_info sa;
	struct policy p;
	struct link_info l;
	struct addr_info a;
	if (xfrm_parse_sa(m, &sa)) {
		if (sa.encr.len > SECRET_MAX || sa.integ.len > SECRET_MAX || sa.carry.esn_len > sizeof sa.carry.esn)
			abort();
		sa_carry_skip(&sa.carry, 256);
	}
	if (xfrm_parse_policy(m, &p)) {
		size_t bits = addr_len(&p.src.addr) * 8;
		if (bits == 0 || p.src.len > bits || p.dst.len > bits || p.src.addr.family != p.dst.addr.family)
			abort();
	}
	if (link_parse(m, &l) && (l.link.ifindex == 0 || memchr(l.link.name, '\0', sizeof l.link.name) == NULL))
		abort();
	struct kernel_fact f;
	if (route_fact_parse(m, &f) && f.type == KFACT_ROUTE &&
	    (f.route.n_hops > ROUTE_HOPS_MAX || f.route.dst.len > 8 * addr_len(&f.route.dst.addr) || !addr_len(&f.route.dst.addr)))
		abort();
	if (addr_parse_msg(m, &a)) {
		if (a.local.len > addr_len(&a.local.addr) * 8)
			abort();
		(void)addr_other_host(&a.local);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[65536];
	struct sbuf b = SB(text);
	if (size == 0)
		return 0;
	sb_kernel_datagram(&b, SPAN(data + 1, size - 1), data[0] & 1);
	struct rd r = rd_init(data + 1, size - 1);
	for (struct nl_msg m; nl_next(&r, &m);)
		check(&m);
	return 0;
}
