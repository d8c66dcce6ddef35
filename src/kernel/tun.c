/* TUN devices (Documentation/networking/tuntap.rst): packets as they are, each behind a struct virtio_net_hdr of 10 octets that says
 * what the kernel has left to do for it. Made here, read and written by the role esp. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel/link.h"
#include "kernel/socket.h"

/* Since Linux 6.2; UDP of both families, or none. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static const char NODE[] = "/dev/net/tun";
/* The role esp empties the queue as soon as it has its turn, so this is not delay, but what comes while it has not. */
enum { VNET_HDR = 10, QUEUE = 2048 };

struct kernel_tun {
	uint32_t ifindex;
	size_t n;
	int fd[KERNEL_TUN_QUEUES];
};

static int node_open(void)
{
	int fd = open(NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int kernel_tun_usable(void)
{
	int fd = node_open();
	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

/* Larger packets than the MTU for us to split, where the kernel offers them. */
static int set_offloads(int fd)
{
	static const unsigned offers[] = {
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
		0,
	};
	int size = VNET_HDR, rc = ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ? -errno : -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(offers) && rc == -EINVAL; i++)
		rc = ioctl(fd, TUNSETOFFLOAD, (unsigned long)offers[i]) < 0 ? -errno : 0;
	return rc;
}

static int add_queue(struct kernel_tun *t, const char *name, unsigned queues)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd = node_open();
	if (fd < 0)
		return fd;
	t->fd[t->n++] = fd;
	strncpy(r.ifr_name, name, sizeof r.ifr_name - 1);
	if (queues > 1)
		r.ifr_flags |= IFF_MULTI_QUEUE;
	/* The flag lets no device be taken that is there already. ifr_flags is a short, and this its sign. */
	if (t->n == 1)
		r.ifr_flags |= (short)IFF_TUN_EXCL;
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		return -errno;
	return set_offloads(fd);
}

static void close_all(struct kernel_tun *t)
{
	while (t->n)
		(void)close(t->fd[--t->n]);
	free(t);
}

int kernel_tun_open(struct kernel *k, const char *name, unsigned queues, struct kernel_tun **out)
{
	struct link_info l;
	int rc = link_get(k, 0, name, &l);
	*out = NULL;
	if (rc != -ENODEV)
		return rc < 0 ? rc : -EEXIST;
	if (queues < 1 || queues > KERNEL_TUN_QUEUES)
		return -EINVAL;
	struct kernel_tun *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	rc = 0;
	for (unsigned i = 0; i < queues && rc == 0; i++)
		rc = add_queue(t, name, queues);
	if (rc == 0)
		rc = link_get(k, 0, name, &l);
	if (rc < 0) {
		close_all(t);
		return rc == -EBUSY ? -EEXIST : rc;
	}
	t->ifindex = l.link.ifindex;
	(void)link_queue(k, t->ifindex, QUEUE); /* or as it is */
	*out = t;
	return 0;
}

void kernel_tun_close(struct kernel *k, struct kernel_tun *t)
{
	/* It would stay for as long as esp has its descriptors. */
	(void)!link_del(k, t->ifindex);
	close_all(t);
}

const int *kernel_tun_fds(const struct kernel_tun *t, size_t *n)
{
	*n = t->n;
	return t->fd;
}

uint32_t kernel_tun_ifindex(const struct kernel_tun *t) { return t->ifindex; }

int kernel_tun_set(struct kernel *k, const struct kernel_tun *t, uint32_t mtu, bool up)
{
	return link_set(k, t->ifindex, mtu, up);
}

int kernel_tun_ensure(struct kernel *k, const struct kernel_tun *t, const struct conf_gre *want, struct gre_link *out)
{
	struct link_info l;
	*out = (struct gre_link){0};
	int rc = link_get(k, t->ifindex, NULL, &l);
	if (rc == 0 && want) {
		uint32_t mtu = want->mtu ? want->mtu : GRE_DEFAULT_MTU;
		if (l.link.mtu != mtu || !l.link.up)
			rc = link_set(k, t->ifindex, l.link.mtu != mtu ? mtu : 0, true);
		if (rc == 0)
			rc = link_addresses_ensure(k, t->ifindex, want);
		if (rc == 0)
			rc = link_get(k, t->ifindex, NULL, &l);
	}
	if (rc == 0)
		rc = link_fill(k, &l, out);
	if (want && want->peer.family != AF_NONE)
		out->peer = want->peer;
	return rc;
}
