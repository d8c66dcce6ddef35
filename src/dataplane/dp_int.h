/* Inside of dataplane/: what its files share. Nobody else includes this, but the unit test.
 *
 *   dataplane.c  workers and the gate that stops them, devices, sockets, statistics
 *   worker.c     a worker's round: what is ready, how much of it, what waits
 *   tun.c        frames from and to a device
 *   fq.c         frames that wait to be sealed
 *   udp.c        datagrams from and to a socket, and what it says about errors
 *   wire.c       control messages and the vnet header: octets and back, no calls
 *
 * A worker holds its `busy` while it is inside a round. Control takes it for a change, behind the `gate`, at which a worker that sees
 * `want` queues up: otherwise a busy worker would take its own lock again before control had woken up. What a worker shares with
 * control is written under busy only. */
#ifndef DATAPLANE_DP_INT_H
#define DATAPLANE_DP_INT_H

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "dataplane/dataplane.h"
#include "dataplane/fq.h"

enum {
	RUNS_MAX = 2048,         /* of a batch: a super-packet of the smallest segments, and then some */
	OUT_MAX = 32,            /* runs that one sendmmsg takes */
	SEGMENTS_MAX = 64,       /* of one run (UDP_MAX_SEGMENTS of Linux before 6.9) */
	IN_MAX = 64, IN_MIN = 4, /* messages that one recvmmsg takes */
	IN_OCTETS = 1 << 18,     /* that it should take at once: what is opened then is still in the cache */
	PIECES_MAX = 256,        /* of a frame to a device */
	TURN_FRAMES = 64,        /* that are read of a device before another has its turn */
	TURN_OCTETS = 1 << 18,   /* that are read of all devices a round */
	BATCH_OCTETS = 65536,    /* that are sealed and sent a round; the last frame may go beyond */
	BATCH_FRAMES = 128,
	ERRORS_MAX = 32,         /* of a socket's error queue a round */
	BLOCKED_MS = 100,        /* a batch that a socket does not take for so long is dropped */
	VNET_LEN = 10,           /* struct virtio_net_hdr, as TUNSETVNETHDRSZ is by default */
	PLAIN_RUNS = 256,        /* sent without UDP_SEGMENT where the kernel could not, before that is tried again */
};

union sockname {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};
/* Address, DS field, hop limit, segment: four control messages. */
struct control {
	_Alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int))];
};

/* A run of datagrams on its way out. */
struct out {
	struct esp_dgrams run;
	struct iovec iov;
	union sockname to;
	struct control control;
	uint32_t control_plain;  /* length of the control messages without the segment's size, which is the last one */
	uint32_t sent;           /* octets that went out datagram by datagram */
	bool plain;              /* UDP_SEGMENT does not do for it */
	bool unable;             /* and perhaps for no other */
	bool again;              /* an error that belonged to an earlier datagram was met */
};

struct worker;
struct udp {
	int fd;                  /* -1: none */
	uint8_t family;          /* enum addr_family */
	bool df;                 /* as the socket is set now */
	bool readable;
	uint32_t plain;          /* runs to come that are not tried with UDP_SEGMENT */
};

/* A device's queue. The device's owner reads all of them, and each worker writes to its own. */
struct queue {
	struct list ready;       /* in worker.ready of the owner while there may be frames */
	struct device *device;
	int fd;                  /* -1: none */
	bool gone;               /* the owner has nothing more to expect */
};
/* A tunnel's packets leave by one worker, the owner of its devices: what several would have sealed side by side came in a different
 * order than it was numbered, by more than peers' replay windows are wide (32 packets, in many). */
struct device {
	struct hnode by_id;
	uint32_t id;
	struct worker *owner;
	struct queue queue[ESP_WORKERS_MAX];
};

struct worker {
	atomic_bool want;
	pthread_mutex_t busy, gate;
	struct dataplane *d;
	unsigned index;
	pthread_t thread;
	bool started;
	int epoll, wake;         /* wake: an eventfd for the end */
	bool quit;
	struct udp udp[2];
	struct list ready;       /* of struct queue */
	struct fq *fq;
	struct esp_tx *tx;
	struct esp_rx *rx;
	struct device *last;     /* the last one that a frame was for */
	struct dataplane_stats stats;
	/* out */
	struct esp_dgrams *run;  /* RUNS_MAX; all of a batch, so that the engine is free when a socket is full */
	unsigned n_run, at_run;
	struct out *out;         /* OUT_MAX */
	struct mmsghdr *out_msg;
	unsigned n_out, at_out;
	struct mmsghdr *plain_msg; /* SEGMENTS_MAX */
	struct iovec *plain_iov;
	struct udp *blocked;     /* the socket that does not take more now */
	mono_t blocked_since;
	/* in */
	unsigned n_in;           /* messages that the next call takes */
	struct mmsghdr *in_msg;  /* IN_MAX */
	struct iovec *in_iov;
	union sockname *in_from;
	struct control *in_control;
	uint8_t *in_room;        /* IN_MAX * OCTETS_MAX */
	uint8_t apart[64];       /* no line of the cache is shared with the next worker */
};

struct dataplane {
	struct mem *mem;
	struct esp *esp;
	unsigned n_workers;
	struct worker *worker;
	struct hmap devices;
	int wake_fd;             /* for control: there are events */
	atomic_bool told;
	int pair;                /* to ike; -1 */
	sem_t started;           /* once per worker that runs */
};

/* --- wire.c --- */
/* The header that a device puts in front of a frame. False: a kind of super-packet that we never asked for. */
bool vnet_get(const uint8_t h[VNET_LEN], struct esp_vnet *out);
void vnet_put(const struct esp_vnet *v, uint8_t h[VNET_LEN]);
/* Fills in name, control and iov of o for o->run, and m for them. */
void out_build(struct out *o, struct msghdr *m);
/* What a received message says. seg 0: it is one datagram. False: it has no address of either end, or was cut. */
struct in_info { struct endpoint from; struct addr to; uint8_t tos; size_t seg; };
bool in_parse(const struct msghdr *m, struct in_info *out);
/* Of a message from the error queue: the path to *to has this MTU. False: it says something else. */
bool error_parse(const struct msghdr *m, struct endpoint *to, uint32_t *mtu);

/* --- tun.c --- */
/* Reads frames of the queue to where they wait, *octets less at most. False: there are none left now; else the turn is over. */
bool tun_read(struct worker *w, struct queue *q, int64_t *octets, mono_t now);
void tun_write(struct worker *w, const struct esp_frame *f);
void tun_reply(struct worker *w, uint32_t device, struct span frame);

/* --- udp.c --- */
int udp_setup(int fd, uint8_t family) MUST_USE;
void udp_take(struct worker *w); /* the runs of the batch that is sealed; those before are all sent */
/* Sends them. False: a socket is full; go on when it is writable. */
bool udp_send(struct worker *w, mono_t now);
void udp_give_up(struct worker *w); /* drops what is left of the batch */
/* Reads a batch and carries it to the devices. False: there is nothing left now. */
bool udp_receive(struct worker *w, struct udp *u, mono_t now);
void udp_errors(struct worker *w, struct udp *u, mono_t now);
/* ESP that came to ike's socket. */
void pair_receive(struct worker *w, mono_t now);

/* --- worker.c --- */
void *worker_run(void *worker);
struct device *plane_device(struct dataplane *d, uint32_t id);

/* What names an event of a worker's epoll: a kind in the upper half (EV_TUN + the number of a queue), a number (device, socket) in the
 * lower. */
enum event_kind { EV_UDP = 1, EV_PAIR, EV_QUIT, EV_TUN };
static inline uint64_t event_name(unsigned kind, uint32_t n) { return (uint64_t)kind << 32 | n; }

#endif
