/* Netlink messages as octets: written with libmnl under a sticky error, read with
 * cursors. No socket and no meaning here: socket.c moves the octets, xfrm_msg.c,
 * policy_msg.c and link_msg.c know what is in them. Netlink is the machine's own
 * byte order and alignment (netlink(7)), so numbers are copied, not swapped.
 *
 * Reading trusts nothing, not even the kernel: a length below its header, beyond
 * its container or of zero ends the walk with the cursor's sticky error set. */
#ifndef KERNEL_NL_H
#define KERNEL_NL_H

#include <libmnl/libmnl.h>
#include <sys/types.h>

#include "model/model.h"

/* Room for the largest request that we build: an SA with the largest replay bitmap. */
enum { NL_REQUEST_MAX = 2048 };

/* A request in the making. It points into itself: never copy it. */
struct nlw {
	_Alignas(8) uint8_t buf[NL_REQUEST_MAX];
	struct nlmsghdr *h; /* = buf */
	bool bad;           /* sticky: something did not fit */
};

/* Begins a message: header, then n octets of the fixed structure. NLM_F_REQUEST is added. */
void nlw_start(struct nlw *w, uint16_t type, uint16_t flags, const void *body, size_t n);
void nlw_attr(struct nlw *w, uint16_t type, const void *p, size_t n);
void nlw_u8(struct nlw *w, uint16_t type, uint8_t v);
void nlw_u32(struct nlw *w, uint16_t type, uint32_t v);
void nlw_str(struct nlw *w, uint16_t type, const char *s); /* with its zero octet */
/* Attributes inside an attribute. NULL when it did not fit; nlw_end takes that too. */
struct nlattr *nlw_nest(struct nlw *w, uint16_t type);
void nlw_end(struct nlw *w, struct nlattr *nest);

struct nl_msg {
	uint16_t type, flags;
	uint32_t seq, portid;
	struct rd body; /* after the header, without padding */
};

struct nl_attr {
	uint16_t type; /* without the flag bits */
	struct rd v;
};

/* The next message of a datagram. False at its end, or, with r->bad set, when it is malformed. */
bool nl_next(struct rd *r, struct nl_msg *out);
/* The fixed structure at the front of a body; attributes follow. False when it is too short. */
bool nl_body(struct nl_msg *m, void *out, size_t n) MUST_USE;
/* The next attribute. False at the end, or, with r->bad set, when it is malformed. */
bool nl_attr_next(struct rd *r, struct nl_attr *out);
/* The first n octets of an attribute (the kernel may append to its structures). False, and zeroes, when shorter. */
bool nl_get(const struct nl_attr *a, void *out, size_t n);
/* A number of exactly this size, else 0. */
uint8_t nl_u8(const struct nl_attr *a);
uint16_t nl_u16(const struct nl_attr *a);
uint32_t nl_u32(const struct nl_attr *a);
uint64_t nl_u64(const struct nl_attr *a);
/* A text that ends inside the attribute; cut to fit, always terminated. */
void nl_str(const struct nl_attr *a, char *out, size_t size);
/* An address of 4 or 16 octets; AF_NONE when it is none. And its AF_INET, AF_INET6, AF_UNSPEC. */
struct addr nl_addr(const struct nl_attr *a);
uint8_t nl_family(const struct addr *a);
/* The result in an NLMSG_ERROR or NLMSG_DONE message: 0 or -errno, -EBADMSG when malformed; and the
 * kernel's own sentence about it (NLMSGERR_ATTR_MSG), "" when there is none. */
int nl_result(const struct nl_msg *m, char *text, size_t size);

#endif
