/* The actions of the IKE engine, part of its front door (ike.h includes it): what it wants done, as tagged values in an array
 * that the caller owns. */
#ifndef IKE_IKE_ACT_H
#define IKE_IKE_ACT_H

#include "crypto/crypto.h"
#include "model/model.h"
#include "wire/wire.h"

/* --- Facts the engine gives to tunnel/ and to watchers (inside an action) --- */
enum ike_event {
	IKE_EV_PEER_KNOWN,   /* a path was found: local, remote are valid (guard it) */
	IKE_EV_CHILD_UP,     /* first or further child SA is in the kernel, in use */
	IKE_EV_CHILD_DOWN,   /* a child SA is gone; `reason` says why */
	IKE_EV_CHILD_MOVED,  /* endpoints or ports changed */
	IKE_EV_FAILED,       /* an attempt ended: `reason`; retried by itself when the tunnel is wanted */
	IKE_EV_IKE_UP, IKE_EV_IKE_DOWN,
};

/* Everything an updown script may be told about a child SA (ike.md 4.3). */
struct ike_child_info {
	uint32_t child_id;          /* the number in {n} */
	uint32_t ike_id;            /* the number in [n] */
	struct endpoint local, remote; /* IKE endpoints in use */
	struct ident my_id, peer_id;
	uint32_t reqid, spi_in, spi_out;
	struct selector sel;
	struct addr ts_local, ts_remote;
	bool encap;
	uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
};

/* --- Actions --- */
enum ike_act_type {
	IKE_ACT_SEND,
	IKE_ACT_PATH,          /* ticket: where the peer is, and our address towards it */
	IKE_ACT_PSK_SIGN,      /* ticket */
	IKE_ACT_PSK_VERIFY,    /* ticket */
	IKE_ACT_PPK_MIX,       /* ticket */
	IKE_ACT_SPI_ALLOC,     /* ticket */
	IKE_ACT_SPI_FREE,      /* an allocated SPI that was never installed */
	IKE_ACT_CHILD_INSTALL, /* ticket: both SAs, policies. With out.spi 0, perhaps without a ticket: the inbound SA alone,
	                        * early; a second one follows, or SPI_FREE takes it away */
	IKE_ACT_CHILD_MOVE,    /* ticket: new addresses or ports of an installed child */
	IKE_ACT_CHILD_REMOVE,
	IKE_ACT_CHILD_QUERY,   /* ticket: when did ESP of the peer come last */
	IKE_ACT_TRAP,          /* from now on a packet of this tunnel that finds no SA is a fact (ACQUIRE); stays until the configuration forbids it */
	IKE_ACT_NOTE,          /* a log line, also progress for those who wait */
	IKE_ACT_TUNNEL,        /* a fact for tunnel/ */
};

enum note_level { NOTE_ERROR = -1, NOTE_AUDIT = 0, NOTE_CONTROL = 1, NOTE_MORE = 2, NOTE_RAW = 3 };

struct ike_act {
	uint8_t type;            /* enum ike_act_type */
	uint32_t ticket;         /* of those that report back */
	uint32_t tunnel;         /* 0 = none */
	union {
		struct { struct endpoint local, remote; bool natt_port; struct span data; } send;
		/* natt_port: goes out of the NAT-T socket with the non-ESP marker in front (data has it not).
		 * data.n == 1 and natt_port: a NAT keep-alive, sent without the marker. */
		/* remote AF_NONE: as the configuration says, at this attempt; else there, where local is our address until now. */
		struct { uint32_t attempt; struct addr local, remote; bool look; } path;
		/* octets = RealMessage | nonce | prf(SK_p, RestOfID) (RFC 7296 2.15). key: 0 = choose for (me, peer), else the
		 * handle of the key that verified the peer. */
		struct { uint16_t prf; uint32_t key; struct ident me, peer; struct span octets; } sign;
		struct { uint16_t prf; struct ident me, peer; struct span octets, auth; } verify;
		/* keys: SK_d | SK_pi | SK_pr, each as long as the PRF's output (RFC 8784 3); id: the PPK's name. */
		struct { uint16_t prf; const char *id; struct span keys; } mix;
		struct { struct addr local, remote; uint32_t reqid, min, max; } spi;
		struct { struct addr local, remote; uint32_t spi; } spi_free;
		struct { uint32_t child_id; struct ident peer; struct child_sa sa; } install;
		struct { uint32_t child_id; struct child_sa sa; } move; /* sa without keys: new local, remote, encap ports */
		struct { uint32_t child_id; uint32_t spi_in, spi_out; struct addr local, remote; } remove;
		struct { uint32_t spi_in; } query;
		struct { struct addr local, remote; } trap;
		struct { int8_t level; const char *text; bool progress; } note;
		struct { uint8_t event; const char *reason; bool retry; struct ike_child_info info; } tunnel_event;
	};
};

enum { IKE_ACTS_MAX = 256, IKE_ARENA = 128 * 1024 };
struct ike_acts {
	uint32_t n;
	uint32_t dropped;        /* actions that found no room */
	size_t used;
	struct ike_act spill;    /* takes what found no room */
	struct ike_act v[IKE_ACTS_MAX];
	uint8_t arena[IKE_ARENA];
};
void ike_acts_reset(struct ike_acts *a); /* wipes what may hold keys */

#endif
