/* A small world of BGP engines on virtual time: speakers with make-believe kernels, point-to-point links, and connections that
 * cut octets where they like, delay them, fill up and break. Knows bgp/ only by its front door.
 *
 *      struct world *w = world_new(seed);
 *      int a = world_speaker(w, "a", 65000), b = world_speaker(w, "b", 65000);
 *      int l = world_link(w, a, b);                  addresses 10.L.0.1 (a) and 10.L.0.2 (b), L = link + 1
 *      world_peer(w, a, l, WORLD_CLIENT);            a's session over l; b is its route reflection client
 *      world_peer(w, b, l, 0);
 *      world_network(w, b, "192.0.2.0/24", true);
 *      world_start(w, a); world_start(w, b);
 *      world_run(w, DUR_S(10));
 *
 * Everything that happens is an event in one queue, ordered by time and then by the order of its making; every random number
 * comes from the seed. Nothing here asserts about the engines: what one does wrong is told in `fault`.
 *
 * What is watched: an UPDATE that tells a peer what it knows already, a withdrawal of what was never told, a kernel route set
 * to what it is or deleted when it is not there, a message that is none. */
#ifndef BGP_WORLD_H
#define BGP_WORLD_H

#include "bgp/bgp.h"

enum { WORLD_SPEAKERS = 8, WORLD_LINKS = 16, WORLD_PREFIXES = 64, WORLD_ROUTES = 128, WORLD_CONNS = 128 };
enum world_peer_flag { WORLD_CLIENT = 1 };

struct world_rng {
	struct rng rng;
	uint64_t state;
};
struct world_mem {
	struct mem mem;
	size_t blocks;
};

struct world_link {
	int end[2];              /* speakers */
	struct addr addr[2];     /* their addresses; the network is a /30 */
	uint32_t ifindex[2];
	bool up;
	dur_t delay;
	bool peer[2];            /* whether the end has a session configured over it */
	uint8_t flags[2];
};

/* What one end of a session has told the other, as a reader of the octets alone knows it. */
struct world_told {
	bool known;
	uint8_t len;
	uint32_t addr;
	uint64_t attrs;          /* a hash over the attributes' octets */
};

/* One direction of a connection. */
struct world_pipe {
	uint8_t *data;           /* what has been written and is not delivered yet */
	size_t n, cap;
	bool closing;            /* the writer has closed behind it */
	uint8_t part[65536];     /* the message that the watcher is in */
	size_t n_part;
	struct world_told told[WORLD_PREFIXES * 2];
	size_t n_told;
	bool open;               /* the connection had its OPEN: another one begins with nothing told */
};
struct world_conn {
	bool used, up;
	int link;
	int end[2];              /* speakers: [0] opened it */
	uint32_t id[2];          /* their numbers for it; 0 = does not know it (any more) */
	struct endpoint at[2];
	struct world_pipe pipe[2]; /* [0]: from end 0 to end 1 */
	uint32_t life;           /* of the slot: events of an earlier connection are void */
};

struct world_speaker {
	char name[16];
	uint32_t as, id;         /* id: router id, host order */
	bool running;
	struct bgp *bgp;
	struct world_mem mem;
	struct conf *conf, *conf_before;
	struct prefix network[WORLD_PREFIXES];
	bool on[WORLD_PREFIXES];
	size_t n_networks;
	struct route kernel[WORLD_ROUTES]; /* what the engine has put there */
	size_t n_kernel;
	bool reflector;
	bool graceful;           /* gr_mode GR_RESTART, else the default */
	uint32_t next_in;
	mono_t timer;            /* when the timer event in the queue is for */
	uint64_t updates, octets, route_sets;
};

struct world_event {
	mono_t at;
	uint64_t order;
	uint8_t type;
	int a, b;
	uint32_t life;
};

struct world {
	mono_t now;
	uint64_t order;
	struct world_rng rng;
	struct world_speaker s[WORLD_SPEAKERS];
	int n_speakers;
	struct world_link link[WORLD_LINKS];
	int n_links;
	struct world_conn conn[WORLD_CONNS];
	struct world_event *event;
	size_t n_events, cap_events;
	uint32_t last_conn;
	char fault[512];         /* the first thing that went wrong; "" none */
	bool verbose;
};

struct world *world_new(uint64_t seed);
void world_free(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
int world_speaker(struct world *w, const char *name, uint32_t as);
int world_link(struct world *w, int a, int b);
void world_peer(struct world *w, int speaker, int link, uint8_t flags);
/* Announced by `network` without an import check, or not any more; a running speaker gets a new configuration. */
void world_network(struct world *w, int speaker, const char *prefix, bool on);
void world_start(struct world *w, int speaker);
/* Dies without a word (crash), or says goodbye; what it had in its kernel is gone with it. */
void world_stop(struct world *w, int speaker, bool crash);
void world_link_set(struct world *w, int link, bool up);
/* Cuts all connections over a link, without the link going down: as a NAT that forgets. */
void world_cut(struct world *w, int link);
void world_run(struct world *w, dur_t d);
bool world_connected(const struct world *w, int link); /* link and both ends are up */
/* A show document as text, malloc'ed. */
char *world_show(struct world *w, int speaker, const char *query);
void world_fault(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
