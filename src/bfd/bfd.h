/* Front door of bfd/: Bidirectional Forwarding Detection (RFC 5880) in asynchronous mode, over one hop (5881) or several
 * (5883): says within fractions of a second that the way to a neighbour does not carry packets, where no tunnel says so.
 *
 * Octets and facts in, actions out; the engine reads no clock or socket and calls nobody back.
 *
 *      packets  --bfd_input-->   +--------+
 *      clock    --bfd_timer-->   | engine |  --acts--> SEND (a packet), STATE (a session went up or down)
 *      wishes   --bfd_command->  |        |
 *      links    --bfd_report-->  +--------+
 *
 * A session (RFC 5880 6.2, 6.8.6; table in rows.c). rx X: a packet in which the neighbour says that it is in X.
 *
 *                    rx Down                       rx Init, rx Up
 *       +--> Down --------------------> Init ----------------------> Up
 *       |     | ^                        |                           ^ |
 *       |     | +------------------------+ time, rx AdminDown        | | time, rx Down, rx AdminDown, path
 *       |     +---------------- rx Init -----------------------------+ |
 *       +--------------------------------------------------------------+
 *       stop: AdminDown, said for one detection time more, then the session is gone
 *
 * Intervals. Until a session is up it says that it sends once a second (6.8.3), then what was asked for; each change is told in
 * a Poll Sequence, and the slower one of two values counts until its Final has come. We send every max(our tx, the neighbour's
 * rx), less 0 to 25 % (6.8.7); we believe a neighbour dead after its multiplier times max(our rx, its tx). A change of state is
 * said at once. Echo and demand mode are not offered; a neighbour's demand mode is respected. Discriminators are random.
 *
 * What the caller owes: packets go out with TTL 255, from a source port of 49152 to 65535 that is a session's own and
 * stays the same, to port 3784 (one hop) or 4784 (several), with DSCP CS6 (RFC 5881 4, 5; 5883 5). Incoming ones are handed in
 * with their TTL and the port on which they came: one-hop packets whose TTL is not 255 are dropped here. */
#ifndef BFD_BFD_H
#define BFD_BFD_H

#include "model/model.h"
#include "wire/wire.h"

struct bfd;

/* Which session: remote, ifindex and multihop say it; local AF_NONE: any. */
struct bfd_path {
	struct addr remote, local;
	uint32_t ifindex;        /* 0: any */
	bool multihop;
};

/* --- Commands --- */
enum { BFD_MS_DEFAULT = 300, BFD_MULTIPLIER_DEFAULT = 3, BFD_MIN_TTL_DEFAULT = 254 };
enum bfd_cmd_type {
	BFD_CMD_START,           /* or change a running one */
	BFD_CMD_STOP,            /* without a STATE */
	BFD_CMD_STOP_ALL,
};
struct bfd_cmd {
	uint8_t type;
	struct bfd_path path;
	uint32_t rx_ms, tx_ms;   /* 0: the default; 10 to 60000 */
	uint8_t multiplier;      /* 0: the default */
	uint8_t min_ttl;         /* multihop: least TTL of incoming packets; 0: the default */
};

/* --- Facts --- */
struct bfd_fact { uint32_t ifindex; bool up; }; /* an interface; down ends its sessions at once (diagnostic 5) */

/* --- Actions --- */
enum bfd_act_type { BFD_ACT_SEND, BFD_ACT_STATE };
struct bfd_act {
	uint8_t type;
	uint32_t id;             /* of the session: its discriminator, the same while it lives */
	struct bfd_path path;
	/* SEND */
	uint8_t octets[BFD_LEN];
	/* STATE: up, or was up and is not any more. admin: the neighbour has switched BFD off; the path may be fine
	 * (RFC 5882 4.2: no reason to end what runs over it) */
	bool up, admin;
	uint8_t diag;            /* enum bfd_diag: ours, for down */
};
enum { BFD_ACTS_MAX = 64 };
struct bfd_acts { uint32_t n; struct bfd_act v[BFD_ACTS_MAX]; };

/* NULL: no memory. */
struct bfd *bfd_new(struct mem *mem, struct rng *rng);
void bfd_free(struct bfd *b);

/* A datagram; path as it came, local and remote as seen from here. What is no business of ours is counted and dropped. */
void bfd_input(struct bfd *b, const struct bfd_path *path, uint8_t ttl, struct span datagram, mono_t now, struct bfd_acts *acts);
void bfd_timer(struct bfd *b, mono_t now, struct bfd_acts *acts);
mono_t bfd_due(const struct bfd *b);
/* -ENOMEM, or -ENOENT (STOP of what was not started), or 0. */
int bfd_command(struct bfd *b, const struct bfd_cmd *cmd, mono_t now, struct bfd_acts *acts);
void bfd_report(struct bfd *b, const struct bfd_fact *fact, mono_t now, struct bfd_acts *acts);
/* After STOP_ALL: no session is left that has something to say. */
bool bfd_idle(const struct bfd *b);

/* --- Views --- */
struct bfd_view {
	uint32_t id, remote_id;
	struct bfd_path path;
	uint8_t state, diag, remote_state, remote_diag, multiplier, remote_multiplier;
	uint32_t tx_us, rx_us, remote_tx_us, remote_rx_us; /* as said by either end */
	dur_t interval, detection;       /* in force; 0: none */
	uint64_t received, sent, ups, downs;
	mono_t since;                    /* of the state */
};
/* One session after the other; false at the end. *cursor begins at 0. */
bool bfd_next(const struct bfd *b, uint32_t *cursor, struct bfd_view *out);
uint64_t bfd_dropped(const struct bfd *b); /* datagrams */

/* The table, for tests and diagrams. False: beyond the last row. */
struct bfd_row_view { const char *from, *event, *to, *diag, *rfc; };
bool bfd_row(size_t i, struct bfd_row_view *out);

#endif
