/* rtnetlink messages about links, addresses and routes (linux/rtnetlink.h, linux/if_tunnel.h) as
 * values, both ways. Pure. gre.c and addr.c decide what to send, socket.c sends. RFC 2784, 2890. */
#ifndef KERNEL_LINK_MSG_H
#define KERNEL_LINK_MSG_H

#include "kernel/kernel.h"
#include "kernel/nl.h"

/* A link as the kernel tells it. */
struct link_info {
	struct gre_link link;   /* name, ifindex, mtu, up; the tunnel's parameters when `gre` */
	bool gre;               /* of kind gre or ip6gre */
	bool tun;               /* of kind tun */
	bool external;          /* its endpoints come with each packet */
	uint8_t outer;          /* of a GRE: AF_V4 or AF_V6 */
	uint16_t iflags, oflags; /* GRE_KEY, GRE_CSUM, GRE_SEQ, as in the header, host order */
	uint32_t ikey, okey;
	bool plain;             /* false: has a setting that we never make (an encapsulation limit, a bound device) */
};

/* The parameters of a tunnel that we want. */
struct gre_params {
	char name[16];
	struct addr local, remote;
	bool key_set, csum, seq;
	uint32_t key;
	uint32_t mtu;
	uint8_t ttl, tos; /* 0, 1 = inherit */
};

/* RTM_NEWLINK that creates (-EEXIST when name or endpoints are taken), or, with an ifindex, changes the tunnel. */
void link_msg_gre(struct nlw *w, const struct gre_params *p, uint32_t ifindex);
/* Whether the link is as wanted, but for what link_msg_set repairs. */
bool link_same_gre(const struct link_info *have, const struct gre_params *want);
/* A request that creates nothing: -EOPNOTSUPP when the kernel has no such links, -EINVAL when it has. */
void link_msg_gre_test(struct nlw *w, uint8_t outer);
/* RTM_SETLINK: MTU (0: as it is), and up or down. */
void link_msg_set(struct nlw *w, uint32_t ifindex, uint32_t mtu, bool up);
void link_msg_queue(struct nlw *w, uint32_t ifindex, uint32_t frames);
void link_msg_del(struct nlw *w, uint32_t ifindex);
void link_msg_get(struct nlw *w, uint32_t ifindex, const char *name); /* by one of the two */
void link_msg_dump(struct nlw *w);
/* From RTM_NEWLINK or RTM_DELLINK. False: malformed, or about a bridge's view of a link. */
bool link_parse(const struct nl_msg *m, struct link_info *out) MUST_USE;

/* An address of a link. */
struct addr_info {
	uint32_t ifindex;
	struct prefix local;
	struct addr peer;   /* AF_NONE, or the other end of a point-to-point address */
	uint8_t scope;      /* RT_SCOPE_... */
	bool secondary;
	bool usable;        /* not tentative, no duplicate */
};

/* RTM_NEWADDR or RTM_DELADDR. peer AF_NONE: none. */
void addr_msg(struct nlw *w, uint16_t type, uint32_t ifindex, const struct prefix *local, const struct addr *peer);
void addr_msg_dump(struct nlw *w);
/* From RTM_NEWADDR or RTM_DELADDR. */
bool addr_parse_msg(const struct nl_msg *m, struct addr_info *out) MUST_USE;

/* RTM_GETROUTE. */
void route_msg_get(struct nlw *w, const struct addr *dst, const struct addr *from);
bool route_parse(const struct nl_msg *m, struct addr *src, uint32_t *ifindex) MUST_USE;
/* RTM_GETROUTE for the route itself, as it stands in its table. */
void route_msg_match(struct nlw *w, const struct addr *dst);
bool route_parse_match(const struct nl_msg *m, struct kernel_match *out) MUST_USE;

/* From the messages above as they come to a listener. False: nothing that we tell. */
bool link_parse_event(const struct nl_msg *m, struct kernel_event *out) MUST_USE;

/* The other host of a /30, /31 or /127; AF_NONE for another length. */
struct addr addr_other_host(const struct prefix *p);

#endif
