/* Front door of ike/: the IKEv2 engine (RFC 7296, RFC 3947-style NAT traversal, RFC 8247
 * algorithms), pre-shared keys only, child SAs in transport mode only.
 *
 * Octets and facts in, actions out. The engine reads no clock, socket or file and calls
 * nobody back: each entry point gets `now` and appends to an array of actions that the caller
 * carries out afterwards. What can fail carries a ticket; its outcome comes back as a fact.
 *
 *      datagram --ike_input-->  +--------+  --acts--> SEND, PSK_*, PATH, SPI_ALLOC,
 *      clock    --ike_timer-->  | engine |            CHILD_INSTALL/MOVE/REMOVE,
 *      admin    --ike_command-> |        |            NOTE, TUNNEL (facts for tunnel/)
 *      outcomes --ike_report--> +--------+
 *
 * An IKE SA:
 *   initiator  PATH -> INIT_SENT -> KEYED (SPI_ALLOC, PSK_SIGN) -> AUTH_SENT -> (PSK_VERIFY)
 *              -> (CHILD_INSTALL) -> ESTABLISHED -> DELETING -> gone
 *   responder  INIT_REPLIED -> AUTH_RECEIVED (PSK_VERIFY, PSK_SIGN, SPI_ALLOC, CHILD_INSTALL)
 *              -> ESTABLISHED -> DELETING -> gone
 *
 * The engine knows tunnels by a number that the daemon gives out (the same name keeps its number over
 * reloads) and reads their `struct tunnel_conf` in place: the daemon keeps a configuration
 * blob alive until the next TUNNEL_SET/TUNNEL_DEL for all its tunnels, and while ike_holds_removed().
 *
 * Ownership: spans in facts and datagrams are borrowed for the call; spans and texts in
 * actions live in acts->arena until the caller resets it. Keys in actions are copies: the caller wipes them
 * with ike_acts_reset(). */
#ifndef IKE_IKE_H
#define IKE_IKE_H

#include "ike/ike_act.h"

struct ike;

struct ike_env {
	struct mem *mem;
	struct crypto *crypto;
	struct rng *rng;
};

/* --- Commands --- */
enum ike_cmd_type {
	IKE_CMD_SETUP,       /* new daemon-wide settings */
	IKE_CMD_TUNNEL_SET,  /* add or replace; held: loaded, but `down` was asked for */
	IKE_CMD_TUNNEL_DEL,  /* its SAs are deleted */
	IKE_CMD_UP, IKE_CMD_DOWN, /* by tunnel */
	IKE_CMD_DOWN_IKE,    /* one IKE SA by unique id */
	IKE_CMD_DOWN_CHILD,  /* one child SA by its id */
	IKE_CMD_REKEY_CHILD, /* one child SA by its id, now */
	IKE_CMD_REKEY_IKE,   /* one IKE SA by unique id, now */
	IKE_CMD_CHECK,       /* is the peer of an IKE SA alive? By unique id, now */
	IKE_CMD_ORPHAN,      /* a child SA of an earlier life of this process forwards on in the kernel: id = its inbound SPI. It is
	                      * removed, and deleted at the peer, as soon as the tunnel has a new one. Before TUNNEL_SET's start. At most
	                      * IKE_ORPHANS_MAX of a tunnel. */
	IKE_CMD_ORPHAN_GONE, /* it has left the kernel before that: id */
	IKE_CMD_CALL,        /* a peer that only an SA of an earlier life tells us of (right=%any): local, remote, natt, peer */
	IKE_CMD_STOP,        /* delete everything; ike_idle() turns true when said or given up */
};
struct ike_cmd {
	uint8_t type;
	uint32_t tunnel, id;
	bool held;
	bool start;                      /* TUNNEL_SET: honour auto=start now */
	const struct conf *conf;         /* SETUP, TUNNEL_SET */
	const struct tunnel_conf *t;     /* TUNNEL_SET */
	struct endpoint local, remote;   /* CALL: where it was; natt: through the NAT-T port */
	bool natt;
	const struct ident *peer;        /* CALL: who it proved to be */
};
enum { IKE_ORPHANS_MAX = 16 };

/* --- Facts --- */
enum ike_fact_type {
	IKE_FACT_PATH,       /* ticket: status, local, remote; text on failure */
	IKE_FACT_SIGNED,     /* ticket: status, octets (AUTH value); -ENOKEY: no key for this pair */
	IKE_FACT_VERIFIED,   /* ticket: status 0 and key handle; -ENOKEY none configured, -EBADMSG none of n_tried fits */
	IKE_FACT_SPI,        /* ticket: status, spi, reqid */
	IKE_FACT_INSTALLED,  /* ticket: status */
	IKE_FACT_EXPIRE,     /* kernel: spi (ours, inbound, or the peer's), hard */
	IKE_FACT_MAPPING,    /* kernel: ESP of spi (inbound) came from a new source endpoint */
	IKE_FACT_ICMP,       /* an ICMP error about a datagram to `remote`: text names it; a hint only */
	IKE_FACT_MIXED,      /* ticket: status, octets (three keys); -ENOKEY: this tunnel has no PPK of that name */
	IKE_FACT_USED,       /* ticket: status, ago */
	IKE_FACT_ACQUIRE,    /* a packet met the trap of `tunnel` */
	IKE_FACT_ADDRESS,    /* local addresses changed: `local` gone when status < 0, else new. Never one on a tunnel's own interface */
	IKE_FACT_ROUTE,      /* the ways to peers inside `prefix` (AF_NONE: to any) may have changed */
	IKE_FACT_MOVED,      /* ticket: status */
};
struct ike_fact {
	uint8_t type;
	uint32_t ticket;
	int status;          /* 0 or -errno */
	struct endpoint local, remote;
	struct span octets;
	uint32_t key, n_tried, spi, tunnel;
	uint32_t reqid;      /* SPI: the reqid that the child's SAs must have */
	dur_t ago;           /* USED: since the last authenticated packet of the peer; < 0: there was none, or nobody knows */
	bool hard;
	struct prefix prefix;
	const char *text;
};

struct ike_datagram {
	struct endpoint local, remote;
	bool natt_port;      /* came in on the NAT-T port; data is behind the marker */
	struct span data;
};

struct ike *ike_new(const struct ike_env *env); /* NULL: no memory */
void ike_free(struct ike *e);

void ike_input(struct ike *e, const struct ike_datagram *d, mono_t now, struct ike_acts *acts);
/* Whether a datagram names an IKE SA that there is: it goes before those of strangers. Says nothing about its sender. */
bool ike_knows(const struct ike *e, struct span data);
void ike_timer(struct ike *e, mono_t now, struct ike_acts *acts);
mono_t ike_due(const struct ike *e); /* when ike_timer wants to be called; MONO_NEVER */
void ike_command(struct ike *e, const struct ike_cmd *cmd, mono_t now, struct ike_acts *acts);
void ike_report(struct ike *e, const struct ike_fact *fact, mono_t now, struct ike_acts *acts);
bool ike_idle(const struct ike *e); /* no IKE SA left */
/* Notes above this level (enum note_level) are not made any more: nobody reads them, and a handshake has a dozen. At first all are. */
void ike_note_level(struct ike *e, int8_t most);
/* Whether SAs of a tunnel that left the configuration are still ending: its blob must live on meanwhile. */
bool ike_holds_removed(const struct ike *e);
/* How long a request is sent again before its silence counts. */
dur_t ike_patience(const struct conf_setup *c);

/* --- Views for status (valid until the next call into the engine) --- */
enum ike_sa_state { IKE_S_CREATED, IKE_S_CONNECTING, IKE_S_ESTABLISHED, IKE_S_REKEYED, IKE_S_DELETING };
struct ike_sa_view {
	uint32_t ike_id, tunnel;       /* tunnel 0 = not known yet */
	uint8_t state;                 /* enum ike_sa_state */
	bool initiator;
	uint64_t spi_i, spi_r;
	struct endpoint local, remote;
	struct ident my_id, peer_id;   /* ID_ANY until known */
	struct suite suite;
	bool nat_here, nat_there;
	bool ppk;                      /* a post-quantum key is mixed in (RFC 8784) */
	bool mobike;                   /* both ends speak it: the addresses may change */
	mono_t since;                  /* established, or created */
	mono_t reauth_at, rekey_at;    /* when a new set-up or a rekey of it begins; MONO_NEVER = disabled */
	uint32_t retransmits;          /* of the request under way */
	mono_t last_in;                /* last authenticated message */
};
struct ike_child_view {
	uint32_t child_id, ike_id, tunnel;
	const struct child_sa *sa;
	bool installed, rekeyed;
	bool in_use;                   /* the one that stays; perhaps inbound only as yet, when the peer has rekeyed */
	mono_t since, rekey_at;        /* rekey_at: MONO_NEVER = disabled */
};
/* Iterate: *cursor starts at 0; false at the end. */
bool ike_next_sa(const struct ike *e, uint32_t *cursor, struct ike_sa_view *out);
bool ike_next_child(const struct ike *e, uint32_t *cursor, struct ike_child_view *out);
/* The same of one tunnel. */
bool ike_next_sa_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_sa_view *out);
bool ike_next_child_of(const struct ike *e, uint32_t tunnel, uint32_t *cursor, struct ike_child_view *out);
/* How many IKE SAs are established (or on their way out), and how many are being set up. */
void ike_count(const struct ike *e, uint32_t *up, uint32_t *connecting);
/* Why a tunnel is not up, in one sentence; "" when it is. */
const char *ike_why(const struct ike *e, uint32_t tunnel);
/* Why the SAs of one that is up have no way to their peer now; "" when they have. */
const char *ike_way(const struct ike *e, uint32_t tunnel);
/* Whether the tunnel is to be up now: auto=start, `up` was asked for, or a packet wants it. */
bool ike_wanted(const struct ike *e, uint32_t tunnel);
/* When the next attempt of a wanted tunnel starts; MONO_NEVER. */
mono_t ike_next_try(const struct ike *e, uint32_t tunnel);

#ifdef GRETEL_IMPAIR
/* Test builds: orders as impair.c reads them, in place of those before; "none" ends them. False: not understood, or no memory. */
bool ike_impair(struct ike *e, const char *orders) MUST_USE;
#endif

struct ike_counters {
	uint64_t packets_in, packets_out, dropped_malformed, dropped_unknown_sa, dropped_auth, retransmits_in,
		retransmits_out, established, half_open;
	/* Set-ups that strangers begin: cookies asked for, cookies that did not fit, refused by a limit, given up for others; log lines
	 * about strangers beyond those allowed. */
	uint64_t cookies_out, cookies_bad, refused, evicted, notes_left_out;
	uint64_t looked_at; /* tunnels and SAs that searches went by: flat per handshake, however many there are */
};
void ike_counters(const struct ike *e, struct ike_counters *out);

#endif
