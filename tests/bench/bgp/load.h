/* bgp_load: a BGP peer that does nothing but make load and measure it: one feeder and any number of clients of a route reflector, in
 * one thread. It is an oracle as much as a load: what it knows of BGP is written here from the RFCs and shares nothing with src/, so
 * that a mistake made there is not made here again.
 *
 *   load_msg.c    octets: OPEN, UPDATEs of a feed, what an UPDATE says
 *   load_peer.c   sessions: sockets, the loop, counts
 *   load_cold.c   exec to routes in the kernel
 *   bgp_load.c    options, phases, what is printed
 *
 * The feed: prefix i is 20.0.0.0/24 + i, in attribute set i % sets. Each set has its own AS_PATH and COMMUNITIES, every second one
 * a MED; a generation that is part of the communities tells a route from the one that it replaces. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AS = 65000,
	MSG_MAX = 4096,         /* RFC 4271 4: extended messages are not offered */
	HEADER = 19,
	UPDATE_FIXED = 23,      /* header, length of withdrawn routes, length of attributes */
	NLRI = 4,               /* octets of a /24 */
	BASE_PREFIX = 20 << 16, /* 20.0.0.0/24, as the first three octets of an address */
	SPARE = 16,             /* prefixes behind the table, for single routes */
	ATTRS_MAX = 128,
};

enum { OPEN = 1, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH };

struct octets {
	uint8_t *p;
	size_t n, cap;
};

struct feed {
	uint32_t prefixes, sets, small; /* small: prefixes in an UPDATE when interleaved */
	struct in_addr next_hop;
};

/* What a client has received of one attribute set, in this phase. */
struct set_count {
	uint32_t prefixes;
	uint16_t attrs; /* octets of its attributes, as received */
};

struct count {
	uint64_t *seen; /* one bit a prefix */
	struct set_count *sets;
	uint32_t have;  /* prefixes announced, or withdrawn, for the first time in this phase */
	uint32_t again; /* the same prefix once more */
	uint32_t wrong; /* prefixes whose attributes are not what they must be, or that are of no use in this phase */
	char why[120];  /* the first of them */
	uint64_t updates, octets, eors;
	uint64_t first, last; /* when: of the first message and of the last new prefix */
	uint32_t med_added;   /* UPDATEs with a MED that the feeder did not send */
};

/* What is expected of an UPDATE. */
struct expect {
	const struct feed *feed;
	uint32_t generation;
	struct in_addr originator;
	bool withdraw;
};

void octets_put(struct octets *o, const void *p, size_t n);
void msg_open(struct octets *o, uint32_t id, uint16_t hold);
void msg_keepalive(struct octets *o);
void msg_eor(struct octets *o);
void msg_cease(struct octets *o);
/* A whole table: set by set in messages as full as they can be, or round robin over the sets in small ones. */
void msg_table(struct octets *o, const struct feed *f, uint32_t generation, bool interleaved);
void msg_withdraw_table(struct octets *o, const struct feed *f);
void msg_one(struct octets *o, const struct feed *f, uint32_t prefix, uint32_t generation, bool withdraw);
/* Counts one UPDATE. A malformed one is wrong. */
void msg_count(struct count *c, const struct expect *e, const uint8_t *msg, size_t n, uint64_t now);
/* How few UPDATEs would carry what has been counted. */
uint64_t msg_perfect(const struct count *c, const struct expect *e);

enum peer_state { PEER_DOWN, PEER_CONNECTING, PEER_OPEN_SENT, PEER_OPEN_CONFIRM, PEER_UP };

struct peer {
	int fd;
	enum peer_state state;
	const char *name;
	struct in_addr local, remote;
	uint64_t retry, keepalive; /* when */
	uint64_t called, up;       /* when it connected, and was established */
	bool wanted;               /* connects again when it was closed */
	uint8_t *in;
	size_t in_n;
	struct octets small;       /* to be sent first, and kept until it is sent */
	const uint8_t *bulk;       /* borrowed */
	size_t bulk_n;
	struct count count;
	unsigned lost;             /* sessions that ended without us */
};

struct load {
	int epoll;
	struct peer *peers; /* 0 is the feeder, the last one the late joiner */
	unsigned n_peers;
	struct expect expect;
	uint64_t sent; /* when the last octet of a bulk had been handed to the kernel */
};

uint64_t now_ns(void);
void peer_call(struct load *l, struct peer *p);
void peer_close(struct load *l, struct peer *p, bool wanted);
void peer_send(struct load *l, struct peer *p, const struct octets *bulk);
/* An incoming connection instead of one of our own. */
void peer_take(struct load *l, struct peer *p, int fd);
/* One turn of the loop: waits at most max_ns. */
void load_turn(struct load *l, uint64_t max_ns);
void load_clear(struct load *l);

/* Commands are started one after the other in the namespaces of the process node. */
int cold_run(struct load *l, int node, unsigned routes, char **commands);

#endif
