/* Front door of esp/: the packet transform of the user-space data plane. GRE packets become ESP in UDP and back (RFC 4303
 * transport mode, RFC 3948, RFC 2784, RFC 2890). Pure: octets and `now` in, octets and verdicts out; dataplane/ reads and writes them.
 *
 *   device  --> esp_tx_put   split, GRE, sequence number --> esp_tx_seal --> datagrams, equal ones side by side (UDP_SEGMENT)
 *   datagram -> esp_rx_put   SPI, replay -----------------> esp_rx_open --> frames for devices, merged; IKE; nothing
 *
 * Two kinds of nouns. A device is a GRE interface of one tunnel: what it reads goes out by the newest child SA of its
 * tunnel (with its peer, when the tunnel has several), and what comes in by any SA of the tunnel goes to the device of that
 * tunnel with the GRE key. An SA is known by its inbound SPI alone, so any number of peers may be behind one address. Tunnels are numbers
 * that the caller chooses.
 *
 * Work goes in batches: put until there is no room or nothing to read, then seal or open once, then take what came of
 * it. Ciphers see whole bursts; nothing is allocated per packet; every array has a fixed size.
 *
 * Threads: a worker has an esp_tx and an esp_rx of its own, and everything about packets may be called by all workers at once;
 * whatever changes devices or SAs (and esp_timer) only while no worker has a batch begun (from the first put until next has said NULL):
 * dataplane/ sees to that. Events, counters and queries may be asked for at any time, by one thread.
 *
 * Anti-replay (RFC 4303 3.4.3): looked at before decryption to save work, written after authentication only. Sequence numbers are
 * given out from 1 and never wrap: the last is followed by ESP_EV_EXPIRE (soft comes earlier) and silence. Where an authenticated
 * packet comes from is reported (ESP_EV_MAPPING), not followed: ike decides and moves the SA. */
#ifndef ESP_ESP_H
#define ESP_ESP_H

#include "crypto/crypto.h"
#include "model/model.h"

struct esp;

struct esp_env {
	struct mem *mem;
	struct crypto *crypto;   /* for keys; borrowed */
	struct rng *rng;
	unsigned workers;        /* 1 to ESP_WORKERS_MAX */
	uint8_t backend;         /* enum esp_backend */
};
enum { ESP_WORKERS_MAX = 8 };

struct esp *esp_new(const struct esp_env *env); /* NULL: no memory */
void esp_free(struct esp *e);

/* --- Devices --- */
struct esp_device {
	uint32_t id;             /* not 0 */
	uint32_t tunnel;
	struct addr remote;      /* outer address of its peer; any: whoever the tunnel talks to */
	bool key_set;            /* RFC 2890: in both directions */
	uint32_t key;
	bool csum;               /* RFC 2784: sent, and wanted */
	uint8_t ttl;             /* outer TTL; 0: of the inner packet */
	uint8_t tos;             /* outer DS field; 1: of the inner packet (as iproute2's "inherit") */
	bool pmtudisc;           /* outer DF, and too-big answered to the sender; off: DF only with the inner one */
	uint32_t mtu;
	bool uso;                /* it takes UDP super-packets (TUN_F_USO4, TUN_F_USO6) */
};
int esp_device_set(struct esp *e, const struct esp_device *d) MUST_USE; /* new or changed; -ENOMEM */
void esp_device_del(struct esp *e, uint32_t id);

/* --- SAs. Bodies of model/sa.h: sa->in.spi names the child. --- */
/* sa->out.spi 0: the inbound half alone, early; again with the rest later. -EEXIST, -ENOTSUP (algorithm, selector not GRE,
 * not encapsulated), -ENOMEM. The newest complete child of a tunnel and peer is what devices send on; one that came whole beside another
 * (we are the responder, RFC 7296 2.8) when something has come on it, or after half a second. */
int esp_sa_install(struct esp *e, uint32_t tunnel, const struct child_sa *sa, mono_t now) MUST_USE;
int esp_sa_move(struct esp *e, uint32_t spi_in, const struct addr *local, const struct endpoint *remote) MUST_USE; /* -ENOENT */
int esp_sa_remove(struct esp *e, uint32_t spi_in); /* -ENOENT */
/* The same, but when its tunnel has another complete child, packets of the peer that are on their way are taken for a second. */
int esp_sa_retire(struct esp *e, uint32_t spi_in, mono_t now);
/* now_wall_s: wall clock seconds at `now`, for last_in_s and last_out_s. */
int esp_sa_query(const struct esp *e, uint32_t spi_in, mono_t now, int64_t now_wall_s, struct sa_counters *out) MUST_USE;

/* --- Why packets were dropped; counted per tunnel where it is known. --- */
enum esp_drop {
	ESP_DROP_SHORT,          /* shorter than its headers */
	ESP_DROP_SPI,            /* no SA with this SPI */
	ESP_DROP_REPLAY_OLD, ESP_DROP_REPLAY_DUP, ESP_DROP_AUTH,
	ESP_DROP_PADDING,        /* RFC 4303 2.4: pad length beyond the packet, wrong pad octets */
	ESP_DROP_NEXT,           /* next header is not GRE (dummy packets, 59, are no drop) */
	ESP_DROP_GRE_FLAGS, ESP_DROP_GRE_SUM, ESP_DROP_GRE_KEY, ESP_DROP_GRE_PROTO,
	ESP_DROP_INNER,          /* malformed inner IP header */
	ESP_DROP_ECN,            /* RFC 6040 4.2: CE outside, not-ECT inside */
	ESP_DROP_NO_DEVICE, ESP_DROP_NO_SA,
	ESP_DROP_TOO_BIG,        /* answered with ICMP where that is allowed */
	ESP_DROP_SEQUENCE,       /* numbers are used up */
	ESP_DROP_EXPIRED,        /* hard lifetime */
	ESP_DROP_GSO,            /* a super-packet that cannot be split */
	ESP_DROP_QUEUE,          /* more than could be sealed in time, and ... */
	ESP_DROP_SEND, ESP_DROP_DEVICE, /* the kernel did not take it: esp_count(), by dataplane/ */
	ESP_DROP_N,
};
const char *esp_drop_name(uint8_t drop); /* "replay-old"; for status */
/* tunnel 0: of all together, and of what belonged to none or to one that has gone. */
void esp_drops(const struct esp *e, uint32_t tunnel, uint64_t out[ESP_DROP_N]);
void esp_count(struct esp *e, unsigned worker, uint32_t device, uint8_t drop, uint64_t n);

/* --- Time and news --- */
enum esp_event_type { ESP_EV_MAPPING, ESP_EV_EXPIRE, ESP_EV_WANTED };
struct esp_event {
	uint8_t type;
	uint32_t spi_in;
	uint32_t tunnel;         /* WANTED: a packet was to go through it, and there is no SA; told once a second */
	bool hard;               /* EXPIRE */
	struct endpoint source;  /* MAPPING: where authenticated packets come from now; told once per change */
};
bool esp_event_next(struct esp *e, struct esp_event *out);
bool esp_event_pending(const struct esp *e); /* cheap; any worker */
mono_t esp_due(const struct esp *e);
void esp_timer(struct esp *e, mono_t now);

/* --- Packets out --- */
/* What virtio_net_hdr says about a frame, in host order. */
enum esp_gso { ESP_GSO_NONE, ESP_GSO_TCP4, ESP_GSO_TCP6, ESP_GSO_UDP };
struct esp_vnet {
	uint8_t gso;             /* enum esp_gso */
	bool csum;               /* the transport checksum is only begun: csum_start, csum_offset */
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

/* A run of datagrams in the tx buffer: n octets, each `seg` but the last, which may be shorter. At most 64 and 65,507 octets. */
struct esp_dgrams {
	uint8_t *p;
	uint32_t n;
	uint16_t seg;
	uint32_t device;
	struct addr from;
	struct endpoint to;
	uint16_t sport;
	uint8_t tos, ttl;
	bool df;
};
struct esp_tx;
struct esp_tx *esp_tx_new(struct esp *e, unsigned worker);
void esp_tx_free(struct esp_tx *tx);
/* Whether one more frame fits; else seal and send first. */
enum { ESP_FRAME_MAX = 65536 };
bool esp_tx_room(struct esp_tx *tx);
/* A frame of n octets, while there is room. It may be changed where it lies, and is not needed afterwards; drops are counted. */
void esp_tx_put(struct esp_tx *tx, uint32_t device, const struct esp_vnet *v, uint8_t *frame, size_t n, mono_t now);
void esp_tx_seal(struct esp_tx *tx, mono_t now);
/* After seal: the next run, NULL when all are taken; then the tx is empty again. */
const struct esp_dgrams *esp_tx_next(struct esp_tx *tx);
/* ICMP answers to those who sent too much, to be written to the device; valid as long as runs are. */
bool esp_tx_reply(struct esp_tx *tx, uint32_t *device, struct span *frame);
/* The path to the peer of a run carries datagrams of at most mtu octets (IP header included): later ones obey. */
void esp_path_mtu(struct esp *e, const struct endpoint *to, uint32_t mtu, mono_t now);

/* --- Packets in --- */
struct esp_frame {               /* for a device: vnet header and pieces that make one packet */
	uint32_t device;
	struct esp_vnet vnet;
	const struct span *v;
	uint32_t n_v;
	uint32_t packets;        /* how many were merged */
};
struct esp_ike {                 /* a datagram with the non-ESP marker, without it */
	struct span data;
	struct endpoint from;
	struct addr to;
};
struct esp_rx;
struct esp_rx *esp_rx_new(struct esp *e, unsigned worker);
void esp_rx_free(struct esp_rx *rx);
/* n octets as UDP_GRO delivered them: datagrams of seg octets, the last may be shorter (seg 0: one). p is changed in place and
 * stays the caller's until all frames are taken. False: no room, open first. */
bool esp_rx_put(struct esp_rx *rx, uint8_t *p, size_t n, size_t seg, const struct endpoint *from, const struct addr *to,
                uint8_t tos);
void esp_rx_open(struct esp_rx *rx, mono_t now);
const struct esp_frame *esp_rx_next(struct esp_rx *rx); /* NULL: all are taken */
const struct esp_ike *esp_rx_ike(struct esp_rx *rx);

#endif
