/* Front door of kernel/: netlink (libmnl) for XFRM states and policies, GRE links, addresses,
 * routes and events, and the sockets that need privileges. Only the priv role (and `gretel guard` as root without a
 * daemon) calls it. Messages are built and parsed by pure functions (xfrm_msg.c, link_msg.c);
 * one file (socket.c) talks to the kernel. All requests are synchronous and acknowledged;
 * results are 0 or -errno. Foreign SAs, policies, links and addresses are never changed; nothing is ever flushed.
 *
 * The policies of a child SA have strongSwan's shape and priority (ike.md 7.2). The guard of a peer: two `block`
 * policies, protocol 47, out: any -> peer, in: peer -> any, with a selector that differs from the child's and the reserved
 * priority KERNEL_GUARD_PRIORITY, worse than any SA or trap policy; they are known again by that priority. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "model/model.h"

enum { KERNEL_GUARD_PRIORITY = 0x67720a /* 6779402 */ };

struct kernel;

int kernel_open(struct kernel **out) MUST_USE;
void kernel_close(struct kernel *k);
/* The kernel's own sentence about the last request that failed ("Requested AEAD algorithm not found"), "" when it gave
 * none; valid until the next call. */
const char *kernel_reason(const struct kernel *k);
/* What this kernel can do. Looking loads its modules where they are not built in. */
struct kernel_caps { bool xfrm, esp4, esp6, gre4, gre6; };
void kernel_caps(struct kernel *k, struct kernel_caps *out);

/* Which data plane there is to be: 0 the kernel's, 1 the one in user space, -errno: the latter is asked for and impossible. why: half a
 * sentence. mode: enum dataplane_mode; AUTO takes the kernel where it has ESP and GRE, or where there is nothing else. */
int kernel_dataplane(struct kernel *k, uint8_t mode, struct sbuf *why) MUST_USE;

/* --- SAs --- */
int kernel_spi_alloc(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t reqid, uint32_t min,
                     uint32_t max, uint32_t *spi) MUST_USE;
int kernel_spi_free(struct kernel *k, const struct addr *local, const struct addr *remote, uint32_t spi);
/* In SA (over the allocated SPI), policies (new or updated to the new out SPI), out SA; undone in full on failure. */
int kernel_child_install(struct kernel *k, const struct child_sa *sa) MUST_USE;
/* The same in two steps, for an initiator that knows the keys before the peer has answered: the inbound SA alone (sa->out is not
 * looked at), so that the peer may send as soon as it likes; then the rest. When the second fails, nothing is left. */
int kernel_child_early(struct kernel *k, const struct child_sa *sa) MUST_USE;
int kernel_child_complete(struct kernel *k, const struct child_sa *sa) MUST_USE;
/* New ports in place (XFRM_MSG_UPDSA keeps counters); new addresses, or encapsulation on or off, by replacing the SAs
 * with age, counters and replay state carried over. Undone on failure. Keys that are empty in was or now are taken
 * from the kernel's SAs (-EKEYREJECTED when it does not tell them). -ESRCH: an SA is gone. */
int kernel_child_move(struct kernel *k, const struct child_sa *was, const struct child_sa *now) MUST_USE;
/* Removes both SAs. heir: another child with the same selectors that takes the policies over (its out SPI is
 * put into them when they named this one), NULL: the policies go too. */
int kernel_child_remove(struct kernel *k, const struct child_sa *sa, const struct child_sa *heir);
/* -ESRCH: an SA is gone; what the other one tells is in *out. */
int kernel_child_counters(struct kernel *k, const struct child_sa *sa, struct sa_counters *out) MUST_USE;

/* --- The trap: a policy outwards without an SA, in the place of a child's and one worse. A packet that meets it is lost, and told as
 * KERNEL_ACQUIRE; a child's policy replaces it, and the caller sets it again when that has gone. sa: addresses, selector, marks, reqid. --- */
int kernel_trap_set(struct kernel *k, const struct child_sa *sa) MUST_USE; /* idempotent; the child's policy instead is success */
int kernel_trap_del(struct kernel *k, const struct child_sa *sa);
/* --- The guard --- */
int kernel_guard_set(struct kernel *k, const struct addr *peer) MUST_USE;   /* idempotent */
int kernel_guard_set_strict(struct kernel *k, const struct addr *local) MUST_USE; /* all GRE from and to local; AF any: all */
int kernel_guard_del(struct kernel *k, const struct addr *peer);
struct kernel_guard { struct prefix src, dst; uint8_t dir; /* 0 in, 1 out */ };
/* -ENOSPC: there are more than max. */
int kernel_guard_list(struct kernel *k, struct kernel_guard *out, size_t max, size_t *n);
int kernel_guard_clear(struct kernel *k, size_t *removed); /* all that carry our priority */

/* --- Shunts: type=pass and type=drop conns --- */
int kernel_shunt_set(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto, bool pass) MUST_USE;
int kernel_shunt_del(struct kernel *k, const struct prefix *local, const struct prefix *remote, uint8_t proto);

/* --- GRE --- */
struct gre_link {
	uint32_t ifindex; /* 0 = none */
	char name[16];
	struct addr local, remote;
	bool key_set; uint32_t key;
	uint32_t mtu; uint8_t ttl, tos;
	bool up;
	struct prefix address[4]; uint8_t n_addresses;
	struct addr peer; /* inner peer address: from IFA_ADDRESS, else the other host of a /30, /31, /127 */
};
/* Creates, adopts or repairs `want->name` between local and remote with its addresses and MTU, up. Idempotent. A
 * foreign interface of that name that is no GRE is -EEXIST, and so is one of another name with these ends. Other
 * addresses of an adopted interface stay. */
int kernel_gre_ensure(struct kernel *k, const struct conf_gre *want, const struct addr *local, const struct addr *remote,
                      struct gre_link *out) MUST_USE;
int kernel_gre_find(struct kernel *k, const struct addr *local, const struct addr *remote, struct gre_link *out) MUST_USE; /* -ENODEV */
/* -ENODEV: none of this name; -EEXIST: it is no GRE. */
int kernel_gre_get(struct kernel *k, const char *name, struct gre_link *out) MUST_USE;
/* Removes it, or sets it down. None of this name is success; one that is no GRE is -EEXIST. */
int kernel_gre_down(struct kernel *k, const char *name, bool remove);

/* --- TUN devices, the GRE interfaces of the data plane in user space (tun.c). One lives as long as its descriptors; we have
 * a set, the role that reads and writes it another. --- */
enum { KERNEL_TUN_QUEUES = 8 };
struct kernel_tun;
int kernel_tun_usable(void); /* 0 or why not: -ENOENT, -EACCES, ... */
/* A new device, down, with a queue per worker. -EEXIST: an interface of this name is there. */
int kernel_tun_open(struct kernel *k, const char *name, unsigned queues, struct kernel_tun **out) MUST_USE;
void kernel_tun_close(struct kernel *k, struct kernel_tun *t); /* the interface goes, whoever else holds descriptors */
const int *kernel_tun_fds(const struct kernel_tun *t, size_t *n);
uint32_t kernel_tun_ifindex(const struct kernel_tun *t);
/* As kernel_gre_ensure does for a GRE: MTU (0: as it is), up, addresses, and what it is like then. want NULL: only looked at.
 * -ENODEV: somebody has removed it. */
int kernel_tun_ensure(struct kernel *k, const struct kernel_tun *t, const struct conf_gre *want, struct gre_link *out) MUST_USE;
int kernel_tun_set(struct kernel *k, const struct kernel_tun *t, uint32_t mtu, bool up) MUST_USE; /* mtu 0: as it is */

/* mss_clamp: TCP through `name` never offers segments that its MTU cannot carry. One base chain per interface in the nf_tables table
 * inet gretel; idempotent. -EOPNOTSUPP, -ENOENT and the like when this kernel has no nf_tables. mtu 0: takes the chain away. */
int kernel_mss_clamp(struct kernel *k, const char *name, uint32_t mtu) MUST_USE;

/* --- Addresses and routes --- */
int kernel_addr_list(struct kernel *k, struct addr *out, size_t max, size_t *n);  /* local unicast addresses, without
	those of scope host and IPv6 link-local; -ENOSPC: there are more than max */
int kernel_addr_link(struct kernel *k, const struct addr *a, uint32_t *ifindex) MUST_USE; /* who has it; -EADDRNOTAVAIL: nobody */
/* The route to dst as it stands in its table: its prefix' length, its metric; local: dst is an address of this host. */
struct kernel_match { uint32_t ifindex, metric; uint8_t len; bool local; };
int kernel_route_match(struct kernel *k, const struct addr *dst, struct kernel_match *out) MUST_USE;
/* Which source and interface the kernel would use towards dst. from: AF_NONE or a wish. */
int kernel_route_get(struct kernel *k, const struct addr *dst, const struct addr *from, struct addr *src, uint32_t *ifindex) MUST_USE;
int kernel_link_name(struct kernel *k, uint32_t ifindex, char name[16], bool *gre) MUST_USE; /* gre: of kind gre or ip6gre */

/* --- Events --- */
/* ROUTE: one that an administrator, DHCP or a router's advertisement made or took; those of routing programs may be many. */
enum kernel_event_type { KERNEL_EXPIRE, KERNEL_MAPPING, KERNEL_LINK, KERNEL_ADDR, KERNEL_ROUTE, KERNEL_OVERRUN, KERNEL_ACQUIRE };
struct kernel_event {
	uint8_t type;
	uint32_t spi; bool hard;           /* EXPIRE, MAPPING (inbound SPI) */
	struct endpoint source; uint32_t reqid; /* MAPPING: new source of ESP in UDP. ACQUIRE: from where; of the policy without an SA */
	uint32_t ifindex; char name[16]; bool up, gone; uint32_t mtu; /* LINK */
	struct addr addr; /* ADDR: with `gone` and ifindex. EXPIRE, MAPPING, ACQUIRE: the SA's destination */
	struct prefix dst;                 /* ROUTE: its destination, with `gone` */
	bool inner;                        /* LINK: of kind gre, ip6gre or tun. ADDR: not for IKE (privsep/ knows) */
};
int kernel_event_fd(struct kernel *k);
/* 1: an event in *out; 0: none left; -errno. */
int kernel_event_next(struct kernel *k, struct kernel_event *out);

/* --- Routing: links, addresses and routes of all tables, and routes of our own (route.c) --- */
struct kernel_routes;
enum kernel_fact_type { KFACT_LINK, KFACT_ADDR, KFACT_ROUTE, KFACT_OVERRUN };
struct kernel_fact {
	uint8_t type;
	bool gone;
	bool enabled;             /* LINK: administratively up, whatever its carrier does */
	struct route_link link;
	struct route_addr address;
	struct route route;       /* unicast, blackhole, unreachable, prohibit; the kernel's table of local addresses is left out */
};
struct kernel_route_op {
	bool del;                 /* dst, metric, table; only a route of our protocol goes, -ESRCH: there is none */
	bool ours;                /* set: what has this dst, metric and table is known to be ours and is replaced; else it is -EEXIST */
	struct route route;
};
typedef void kernel_fact_fn(void *ctx, const struct kernel_fact *f);
int kernel_routes_open(struct kernel_routes **out) MUST_USE;
void kernel_routes_close(struct kernel_routes *r);
int kernel_routes_fd(const struct kernel_routes *r);
/* What changes in the kernel, without what kernel_routes_apply changes. 1: a fact; 0: none left; -errno. After OVERRUN only
 * a dump knows what is there. IPv4 routes that go with their link or their address go without a word. */
int kernel_routes_next(struct kernel_routes *r, struct kernel_fact *out);
/* All links, then addresses, then routes. */
int kernel_routes_dump(struct kernel_routes *r, kernel_fact_fn *fn, void *ctx) MUST_USE;
/* Carries out n changes, many to a packet. status[i]: 0 or -errno. -errno: the kernel did not answer, and the status of
 * those that it did not speak of is that. */
int kernel_routes_apply(struct kernel_routes *r, const struct kernel_route_op *op, size_t n, int *status);
/* Whether this host forwards packets of the family at all (net.ipv4.ip_forward and its sibling). */
bool kernel_forwarding(uint8_t family);

/* --- Sockets --- */
/* A UDP socket for IKE: bound (dual stack off), IP_PKTINFO, IP_RECVERR, IPsec bypass policies in and out, UDP_ENCAP_ESPINUDP
 * when natt, non-blocking. fd or -errno. */
int kernel_udp_open(uint8_t family, uint16_t port, bool natt);
bool kernel_udp_is(int fd, uint8_t family, uint16_t port, bool natt); /* fd is what kernel_udp_open gave an earlier life */
/* The NAT-T port for a data plane in user space: workers + 1 sockets that share it (SO_REUSEPORT), without UDP_ENCAP. What is no ESP
 * comes to fds[0], ESP to fds[1 + SPI mod workers], which have UDP_GRO and tell the DS field. None of them may ever be closed
 * while another is used: the numbers would move. 0 or -errno. */
int kernel_udp_open_shared(uint8_t family, uint16_t port, unsigned workers, int *fds) MUST_USE;
/* TCP for BGP, unconnected: bound to local (AF_NONE: not) and ifindex (0: not), TTL as given (0: the system's), packets below min_ttl
 * dropped (GTSM; 0: none), signed with the key (RFC 2385; key_len 0: not). fd or -errno. */
struct kernel_tcp { struct addr remote, local; uint32_t ifindex; uint8_t ttl, min_ttl; const void *key; size_t key_len; };
int kernel_tcp_open(const struct kernel_tcp *t);
/* A listener; ttl_max: answers with TTL 255, for peers with GTSM. fd or -errno. */
int kernel_tcp_listen(const struct addr *at, uint16_t port, bool ttl_max);
uint8_t kernel_socket_family(int fd); /* AF_V4 or AF_V6; AF_NONE */
/* The key that a listener, or one connection, has for a peer or a prefix of peers; n = 0: none any more. */
int kernel_tcp_md5(int fd, const struct prefix *peer, const void *key, size_t n) MUST_USE;
enum { KERNEL_BFD_PORT = 3784, KERNEL_BFD_MULTIHOP = 4784 };
int kernel_bfd_listen(uint8_t family, bool multihop); /* tells address, interface and TTL of each datagram; fd or -errno */
/* UDP connected to a BFD peer, TTL 255, from a port of RFC 5881 5 (hint: where the search begins). fd or -errno. */
int kernel_bfd_open(const struct addr *remote, const struct addr *local, uint32_t ifindex, bool multihop, uint16_t hint);
/* Who holds a UDP port, as "charon (pid 123)"; false when it cannot be told. */
bool kernel_port_holder(uint16_t port, struct sbuf *out);
/* One ICMP/ICMPv6 echo request to dst out of ifindex; returns a raw socket that becomes readable, or -errno. */
int kernel_probe_open(uint32_t ifindex, const struct addr *dst, uint16_t id);
/* 1: the echo reply came; 0: something else; -errno. */
int kernel_probe_read(int fd, const struct addr *dst, uint16_t id);

#endif
