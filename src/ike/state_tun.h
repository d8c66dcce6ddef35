/* Inside of ike/: what the engine remembers of a tunnel. */
#ifndef IKE_STATE_TUN_H
#define IKE_STATE_TUN_H

#include "ike/state_child.h"

struct tun {
	struct hnode by_id;
	struct hnode by_addr;    /* under its one remote address, when it has just one */
	struct hnode by_peer_id; /* under its exact remote identity */
	struct list wild_addr;   /* in ike.any_addr or ike.wild_addr when the remote address is %any, or a pattern */
	struct list wild_id;     /* in ike.wild_id when the remote identity is a pattern */
	struct list sas;         /* struct ike_sa.of_tun */
	struct list mine;        /* struct ike_sa.of_mine: attempts of ours that are not up yet */
	uint32_t n_up;           /* of sas: those that sa_is_up() says */
	uint64_t *looked_at;     /* the engine's counter of what searches go by */
	struct timer timer;      /* the next attempt */
	struct wait wait;        /* for a path */
	uint32_t id;
	const struct conf *conf;
	const struct tunnel_conf *t;
	bool in_by_addr, in_by_id;
	bool many;               /* right=%any or a range: more than one peer */
	bool wanted;             /* auto=start or `up`: kept up for ever */
	bool called;             /* a packet, or an action at its end, wants it: until it is up */
	bool hold;               /* an action at its end has set a trap, which auto=route does anyhow */
	struct addr trap;        /* our address in the trap that is set; AF_NONE: none */
	uint32_t silences;       /* attempts in a row that nobody answered */
	bool held;               /* `down` was asked for */
	bool removed;            /* left the configuration; goes with its last SA */
	bool renew;              /* what is up nears its end: a successor is to be set up, wanted or not */
	struct addr remote;      /* last address of the peer, AF_NONE before the first */
	uint32_t attempt;        /* since the last success */
	const char *why;         /* why it is not up: why_set */
	const char *way_why;     /* why there is no good way to the peer of its SAs; "" when there is: why_set */
	uint32_t orphan[IKE_ORPHANS_MAX]; /* inbound SPIs of an earlier life, to be deleted */
	uint8_t n_orphans;
};

#endif
