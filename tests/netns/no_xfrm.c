/* no_xfrm COMMAND...: runs it as on a kernel that was built without XFRM, as far as system calls tell: no netlink socket of that
 * family, no policies of sockets. For t_dataplane.sh. */
#include <errno.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_XFRM_POLICY
#define IP_XFRM_POLICY 17
#endif
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif

/* The call with arguments i and k of these values fails with err. */
static int without(scmp_filter_ctx f, int call, int err, unsigned i, uint64_t a, unsigned k, uint64_t b)
{
	const struct scmp_arg_cmp v[] = {
		{.arg = i, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = a},
		{.arg = k, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = b},
	};
	return seccomp_rule_add_array(f, SCMP_ACT_ERRNO((uint32_t)err), call, 2, v);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	if (argc < 2 || !f)
		return 2;
	/* The command may have to become another user, with root's rights. */
	if (seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
	    without(f, SCMP_SYS(socket), EPROTONOSUPPORT, 0, AF_NETLINK, 2, NETLINK_XFRM) < 0 ||
	    without(f, SCMP_SYS(setsockopt), ENOPROTOOPT, 1, IPPROTO_IP, 2, IP_XFRM_POLICY) < 0 ||
	    without(f, SCMP_SYS(setsockopt), ENOPROTOOPT, 1, IPPROTO_IPV6, 2, IPV6_XFRM_POLICY) < 0 || seccomp_load(f) < 0) {
		fputs("no_xfrm: the filter cannot be loaded\n", stderr);
		return 2;
	}
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
