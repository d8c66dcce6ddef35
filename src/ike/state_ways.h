/* Inside of ike/, part of state.h: what an IKE SA remembers of the ways between its two ends. */
#ifndef IKE_STATE_WAYS_H
#define IKE_STATE_WAYS_H

#include "ike/ike.h"

enum { COOKIE2_LEN = 16, LOCALS_MAX = 32 };

/* The ways between the two ends, and who may change them (mobike.c). A rekeyed IKE SA takes it over as it is. */
struct ways {
	bool mobike;             /* both ends speak it (RFC 4555 3.1) */
	bool decides;            /* we initiated the first IKE SA: which addresses are used is for us to say (RFC 4555 2.1) */
	bool send_update;        /* waits for the window: UPDATE_SA_ADDRESSES, as the one that decides */
	bool send_list;          /* waits for the window: our addresses, as the other one */
	bool send_cookie2;       /* waits for the window: is the peer where it says it is? */
	bool stranded;           /* our address is gone, and no other has taken its place yet */
	bool seen_known;
	mono_t stranded_at, moved_at;
	dur_t again;             /* until the way is looked for again; 0: it was found */
	uint8_t seen[20];        /* NAT_DETECTION_DESTINATION_IP of the peer's last answer: under which endpoint it sees us */
	uint8_t cookie2[COOKIE2_LEN];
	struct addr other[4];    /* more addresses of the peer, of the family in use */
	uint8_t n_other;
	bool asks_other, other_ok; /* whether there is a way to the next of them that goes through no tunnel; there is */
};

#endif
