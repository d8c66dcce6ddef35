/* Inside of the route role: the one structure that its files share. The role runs one routing module (route/), and the BFD
 * engine beside it; it is the only one that reads BGP.
 *
 *   route_main.c  the program greteld-route: the roles hook, names and route, without a library for cryptography
 *   route_role.c  start, the loop, messages of priv: configuration, facts, stop
 *   act_route.c   carries out a module's actions: routes in batches, sockets, tools
 *   net_bgp.c     sessions: connect, accept, read, write, close; the program of the module exec is one too
 *   net_bfd.c     BFD packets
 *   route_link.c  the channel to ike: tunnels come in, documents go out */
#ifndef DAEMON_ROUTE_ROLE_H
#define DAEMON_ROUTE_ROLE_H

#include "bfd/bfd.h"
#include "daemon/daemon.h"
#include "loop/loop.h"
#include "privsep/privsep.h"
#include "route/route.h"

enum { ACTS_MAX = 256, READ_MAX = 16384, TURN_READS = 16, SPANS = 64 };

enum conn_state { CONN_ASKED, CONN_CONNECTING, CONN_UP, CONN_CLOSING };

/* A session; its number is the module's, or ours with GRETEL_CONN_IN. */
struct conn {
	struct hnode by_number, by_ticket; /* by_ticket: only while ASKED */
	struct list node;
	struct list out;         /* in route_role.writers while it has something to write */
	struct route_role *role;
	uint32_t number, ticket;
	int fd;                  /* -1: none yet */
	uint8_t state;           /* enum conn_state */
	bool program;            /* of the module exec */
	uint32_t events;
	struct addr remote;
	uint16_t port;
	uint32_t ifindex;
	mono_t close_at;         /* CLOSING */
};

/* A batch of routes that priv has not answered yet. */
struct pending {
	struct list node;
	uint32_t n;
	uint32_t ticket[];       /* of a set; 0: a deletion */
};

/* Where the packets of a BFD session go out. */
struct bfd_socket {
	struct list node;
	struct bfd_path path;
	uint32_t ticket;
	int fd;                  /* -1: asked for */
};

/* A tunnel that ike spoke of. */
struct heard {
	struct list node;
	char tunnel[PRIV_NAME];
	uint32_t epoch;          /* of the channel that it came by */
};

struct route_role {
	struct loop *loop;
	struct mem *mem;
	struct privsep *priv, *ike; /* ike NULL: none now */
	uint32_t priv_events, ike_events;
	int8_t log_level;
	const struct gretel_route_module *module;
	void *self;              /* of the module */
	struct gretel_host host;
	const struct conf *conf;
	struct route_facts *facts;
	bool synced, no_forward4, no_forward6;
	bool stopping, stopped_told;
	bool running;            /* actions are being carried out */
	/* sessions */
	struct hmap conns, tickets;
	struct list all, writers;
	uint32_t n_conns, next_in, next_ticket;
	int listen[ROUTE_LISTEN_MAX], bfd_listen[4];
	bool listen_watched[ROUTE_LISTEN_MAX];
	/* routes on their way to priv */
	struct wr batch;
	uint32_t n_batch;
	uint32_t batch_ticket[ROUTE_BATCH_MAX];
	struct list pendings;
	uint64_t n_set, n_deleted, n_refused;
	/* BFD */
	struct bfd *bfd;
	struct bfd_acts bfd_acts;
	struct list bfd_sockets;
	/* ike */
	uint32_t link_epoch;
	mono_t limit_set;        /* when the processor time of a turn was limited last */
	mono_t settle;           /* when memory is given back (role_settle); MONO_NEVER: it was */
	mono_t tidy;             /* when it is put in order: a while after the last octets (role_tidy); MONO_NEVER: it is */
	mono_t link_settles;     /* tunnels that the new ike did not speak of are down then */
	struct list tunnels;
	struct gretel_acts acts;
	uint8_t batch_room[ROUTE_TAIL_MAX];
	uint8_t octets[READ_MAX];
	char doc[32768];
};

/* --- route_role.c --- */
void route_log(struct route_role *r, int8_t level, const char *fmt, ...) PRINTF_LIKE(3, 4);
void route_report(struct route_role *r, const struct gretel_fact *f, mono_t now);
void route_tell(struct route_role *r, const struct route_fact *f, mono_t now); /* a fact into the book and, when new, on */
void route_replay(struct route_role *r, bool all, mono_t now); /* the book, from the start; all: addresses and routes too */

/* --- act_route.c --- */
void route_run(struct route_role *r, mono_t now);  /* carries out what there is to do, until nothing is left */
void route_batch_done(struct route_role *r, const struct priv_msg *m, mono_t now);

/* --- net_bgp.c --- */
void net_open(struct route_role *r, uint32_t number, const struct gretel_connect *c, bool program, mono_t now);
void net_fd(struct route_role *r, struct priv_msg *m, mono_t now); /* FD: takes the descriptor over */
void net_output(struct route_role *r, uint32_t number);
void net_close(struct route_role *r, uint32_t number, mono_t now);
void net_write(struct route_role *r, mono_t now);
mono_t net_due(const struct route_role *r);
void net_is_due(struct route_role *r, mono_t now);
int listeners_adopt(struct route_role *r, struct priv_msg *m) MUST_USE;
int listeners_watch(struct route_role *r) MUST_USE; /* from now on who calls is answered */

/* --- net_bfd.c --- */
void bfd_start_stop(struct route_role *r, const struct gretel_bfd *b, mono_t now);
bool bfd_fd(struct route_role *r, struct priv_msg *m); /* FD: true when it was one of these */
void bfd_run(struct route_role *r, mono_t now);
int bfd_adopt(struct route_role *r, int i, int fd) MUST_USE;

/* --- route_link.c --- */
void link_adopt(struct route_role *r, struct priv_msg *m);
mono_t link_due(const struct route_role *r);
void link_is_due(struct route_role *r, mono_t now);
void link_watch(struct route_role *r);

#endif
