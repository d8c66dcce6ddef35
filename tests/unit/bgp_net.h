/* Some whole BGP engines that talk to each other without delay, on virtual time, each with an frr.conf and with a kernel whose links,
 * addresses and routes the test tells. Connections go where an address is; what one engine writes the other reads. */
#ifndef TESTS_BGP_NET_H
#define TESTS_BGP_NET_H

#include "bgp_policy_util.h"

enum { NET_HOSTS = 4, NET_IFS = 4, NET_FIB = 256, NET_CONNS = 16 };

struct net_if {
	char name[16];
	struct route_addr addr;
	bool up;
};
struct net_host {
	struct net *net;
	char name[16];
	struct bgp *b;
	struct policy_mem heap;
	struct policy_rng rng;
	struct conf *conf;
	struct bgp_acts acts;
	struct net_if ifs[NET_IFS];
	uint32_t n_ifs, n_conns_in;
	struct route fib[NET_FIB];
	uint32_t n_fib, n_set, n_del, kept; /* ROUTES_KEPT; SETs and DELs so far */
	uint32_t last_ticket;
	char notes[8192];
};
struct net_conn {
	bool used, dead;
	struct net_host *end[2];
	uint32_t id[2];
	bool output[2];
};
struct net {
	struct net_host host[NET_HOSTS];
	int n_hosts;
	struct net_conn conn[NET_CONNS];
	mono_t now;
};

struct net *net_new(void);
void net_free(struct net *n);
struct net_host *net_host(struct net *n, const char *name);
/* An interface with an address: "10.0.0.2/30"; or point to point, "10.0.9.2/32" and the peer's. Its link, address and connected
 * routes become facts. */
void net_addr(struct net_host *h, const char *ifname, const char *address, const char *peer);
void net_link(struct net_host *h, const char *ifname, bool up);
/* A route of the kernel: through a gateway on the interface, or NULL. */
void net_route(struct net_host *h, const char *prefix, uint8_t source, uint32_t metric, const char *gateway,
               const char *ifname, bool gone);
/* The configuration; the first one starts the engine. */
void net_conf(struct net_host *h, const char *frr);
void net_run(struct net *n, dur_t d);
/* A document, malloc'ed; a question that is not understood: its sentence. */
char *net_show(struct net_host *h, const char *query);
/* The kernel's routes that the engine has set, sorted, a line each. */
const char *net_fib(const struct net_host *h, char *out, size_t cap);
void net_report(struct net_host *h, struct bgp_fact *f);

#endif
