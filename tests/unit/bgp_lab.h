/* Hosts with whole engines of bgp/, connected by octet streams without delay, on virtual time; configured by frr.conf texts.
 * Kernels are made of what a test says. Knows bgp/ and config/ by their front doors. */
#ifndef TESTS_BGP_LAB_H
#define TESTS_BGP_LAB_H

#include "bgp/bgp.h"
#include "test_config_gretel_util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAB_HOSTS = 4, LAB_ROUTES = 64, LAB_CONNS = 64, LAB_EVENTS = 4096, LAB_ADDRS = 12 };

struct lab_host {
	const char *name;
	struct test_mem conf_mem;
	struct mem mem;
	struct rng rng;
	uint64_t seed;
	struct bgp *b;
	struct loaded conf[2];
	int gen;                 /* conf[gen & 1] is in use; 0: none yet */
	char host[16];
	struct { struct addr a; uint32_t ifindex; bool there; } addr[LAB_ADDRS];
	size_t n_addr;
	bool up[32];             /* interfaces by index */
	struct route kernel[LAB_ROUTES];
	size_t n_kernel;
	unsigned sets, dels, updates; /* kernel routes set, deleted; UPDATEs sent, without End-of-RIB */
	bool kept;
	char notes[8192];
};
struct lab_conn { bool used; struct lab_host *end[2]; uint32_t id[2]; struct addr from, to; };
struct lab_event { uint8_t type; int conn, side; uint8_t *data; size_t n; };
struct lab {
	struct lab_host h[LAB_HOSTS];
	size_t n;
	mono_t now;
	struct lab_conn conn[LAB_CONNS];
	struct lab_event ev[LAB_EVENTS];
	size_t head, tail;
	uint32_t last_in;
	struct addr dead;        /* connections to or from it are dead without a word */
};

struct lab *lab_new(void);
void lab_free(struct lab *l);
/* dir, file: the frr.conf; text instead of it when not NULL. */
struct lab_host *lab_host(struct lab *l, const char *name, const char *dir, const char *file);
void lab_conf(struct lab *l, struct lab_host *h, const char *text); /* a frr.conf in text */
void lab_link(struct lab *l, struct lab_host *h, uint32_t ifindex, const char *name, bool up);
/* An address with its connected route; peer "" or the far end. */
void lab_addr(struct lab *l, struct lab_host *h, uint32_t ifindex, const char *address, const char *peer, bool there);
void lab_synced(struct lab *l, struct lab_host *h);
void lab_fact(struct lab *l, struct lab_host *h, struct bgp_fact *f);
void lab_command(struct lab *l, struct lab_host *h, const struct bgp_cmd *c);
void lab_run(struct lab *l, dur_t d);
void lab_settle(struct lab *l);  /* what can happen without time passing */
/* "10.0.9.0/30 via 10.0.0.2 dev 5 metric 20\n..." sorted. */
const char *lab_kernel(struct lab_host *h, char out[4096]);
/* The table in lines "*>i10.0.0.0/30 10.0.0.2 0 100 0 i", sorted as FRR does; empty columns are "-". */
const char *lab_table(struct lab *l, struct lab_host *h, char out[4096]);

#endif
