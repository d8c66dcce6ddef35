/* Routes, links and addresses as the kernel has them and as routing modules ask for them. */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/addr.h"

/* Who put a route into the kernel; the order is that of the administrative distances of FRR. */
enum route_source {
	ROUTE_CONNECTED, /* proto kernel, scope link: the network of an address, or the far end of a point-to-point one */
	ROUTE_LOCAL,     /* an address of this host, /32 or /128 */
	ROUTE_KERNEL,    /* proto boot, dhcp, ra, and any other program's but those below */
	ROUTE_STATIC,    /* proto static */
	ROUTE_FOREIGN,   /* another routing daemon's */
	ROUTE_OURS,      /* carries our protocol number */
};
enum route_kind { ROUTE_UNICAST, ROUTE_BLACKHOLE, ROUTE_UNREACHABLE, ROUTE_PROHIBIT };

enum { ROUTE_HOPS_MAX = 16, ROUTE_TABLE_MAIN = 254, ROUTE_METRIC_BGP = 20, ROUTE_PROTO_GRETEL = 71 };

struct route_hop {
	struct addr gateway; /* AF_NONE: on the link; of the other family: RTA_VIA (RFC 8950) */
	uint32_t ifindex;
	uint8_t weight;      /* 1 and up */
	bool onlink;
};

struct route {
	struct prefix dst;
	uint8_t source, kind; /* enum route_source, route_kind */
	uint8_t n_hops;
	uint32_t table, metric;
	struct addr src;      /* preferred source; AF_NONE */
	struct route_hop hop[ROUTE_HOPS_MAX];
};

/* An interface. */
struct route_link {
	uint32_t ifindex;
	char name[16];
	uint32_t mtu;
	bool up;              /* administratively up, and running */
	bool loopback, point_to_point;
};

/* An address on an interface. */
struct route_addr {
	uint32_t ifindex;
	struct prefix local;  /* with its host bits */
	struct addr peer;     /* the other end of a point-to-point address; AF_NONE */
	bool link_local, secondary;
};

/* A route's text: "10.0.9.0/30 via 10.0.0.2 dev 7 metric 20". */
void sb_route(struct sbuf *b, const struct route *r);
/* The same with names of interfaces instead of numbers, where name() knows one (NULL: not). */
typedef const char *route_name_fn(const void *ctx, uint32_t ifindex);
void sb_route_named(struct sbuf *b, const struct route *r, route_name_fn *name, const void *ctx);
bool route_eq(const struct route *a, const struct route *b);

#endif
