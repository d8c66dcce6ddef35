/* `ip` as updown scripts call it. When the data plane is in user space the kernel makes no GRE interface, so this program stands
 * first in a script's PATH under that name (hook/): it serves the forms of iproute2 that make, change and delete a GRE
 * interface, by asking greteld, and hands everything else, untouched, to the real ip.
 *
 *   ip_parse.c   words -> struct ip_gre; knows iproute2's abbreviations, its complaints and exit codes
 *   ip.c         asks, complains, executes the real ip */
#ifndef CLI_IP_H
#define CLI_IP_H

#include "cli/cli.h"

enum ip_op {
	IP_OTHER,  /* the real ip's */
	IP_ADD,
	IP_CHANGE,
	IP_DEL,
	IP_WRONG,  /* why, code */
};

enum { IP_NAME = 16, IP_REST = 24 };

struct ip_gre {
	uint8_t op;              /* enum ip_op */
	bool link;               /* said as `ip link`: it complains in other words than `ip tunnel` */
	char name[IP_NAME];
	struct addr local, remote; /* never unset after IP_ADD; any when not given */
	uint32_t key;
	bool key_set, csum, pmtudisc;
	uint8_t ttl, tos;        /* 0: of the inner packet; tos 1: the same */
	char *rest[IP_REST];     /* `ip link`: "mtu", "1400" ..., to be set on the interface afterwards */
	int n_rest;
	int code;                /* exit status */
	char why[192];
};

/* argv as main() has it. */
void ip_parse(int argc, char **argv, struct ip_gre *g);

/* What the outside is, apart from struct cli; tests put their own here. */
struct ip_env {
	bool user;               /* the data plane is in user space (GRETEL_DATAPLANE) */
	const char *tunnel;      /* PLUTO_CONNECTION; NULL: not run by a script of ours */
	/* Executes the real ip; returns only when that failed, with the exit status. */
	int (*real)(struct cli *c, char **argv);
};
int ip_run(struct cli *c, const struct ip_env *env, int argc, char **argv);
/* main() under the name ip. */
int ip_main(struct cli *c, int argc, char **argv);

#endif
