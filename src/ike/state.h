/* Inside of ike/: what the engine remembers: tunnels (tun), IKE SAs (ike_sa), child SAs (child), and the engine itself. Everything
 * that waits for a fact embeds a `wait`, so that an owner that dies takes its ticket with it and a late fact finds nobody. */
#ifndef IKE_STATE_H
#define IKE_STATE_H

#include "ike/ppk.h"
#include "ike/state_child.h"
#include "ike/state_tun.h"
#include "ike/state_ways.h"

enum { MSG_BUF = 16384, INIT_MSG_MAX = 4096,
       INVALID_KE_MAX = 3, COOKIE_ROUNDS_MAX = 5,
       HALF_OPEN_MAX = 1024,    /* of strangers, each with at most some 12 KiB; more with init_limit_half_open */
       HALF_OPEN_GRACE_S = 2,   /* before one of them makes room for another */
       RESENDS_A_SECOND = 8,    /* of one response */
       STRANGERS_A_SECOND = 100,
       FRAGS_MAX = 64,
       FRAG_PATIENCE = 2,       /* sent again so often, a large message goes in smaller fragments */
       TICKET_S = 165 /* how long a set-up waits for facts */ };
/* Which owner a struct timer is embedded in. */
enum timer_tag { TIMER_TUN, TIMER_SA, TIMER_CHILD };

/* Our side of a Diffie-Hellman while many peers come at once (x_sa_init.c). */
struct own_dh {
	mono_t until;            /* MONO_NEVER: there is none */
	struct dh_private dh;
	uint8_t public[DH_PUBLIC_MAX];
};

/* --- IKE SAs --- */
enum sa_timer { T_RETRANSMIT, T_LIVENESS, T_KEEPALIVE, T_REAUTH, T_EXPIRE, T_REPORT, T_DUPLICATE, T_FRAGS, T_WAY, T_N };

/* The request of ours that is under way. */
struct request {
	struct blob msg;         /* its datagrams, one behind the other */
	uint32_t tries;
	mono_t first;
	uint8_t exchange;
	bool is_delete, is_liveness; /* what it is, where that matters */
	bool is_update, asks_cookie2; /* says our addresses; COOKIE2 is in it, and has to be in the answer */
	bool is_ike_rekey;
	uint32_t child, spi;     /* CREATE_CHILD_SA: the child that it is for, and its inbound SPI; 0 none */
	uint32_t gone_spi;       /* one of the peer's that it deleted meanwhile and we do not know */
};

/* What only the set-up of an SA needs. */
struct handshake {
	struct dh_private dh;
	uint8_t dh_public[DH_PUBLIC_MAX];
	struct nonce ni, nr;
	struct blob init_req, init_rsp;   /* as sent and received, for AUTH */
	struct blob cookie;
	uint8_t cookies, invalid_kes;
	uint16_t group;                   /* of our KE */
	uint8_t id_peer[4 + IDENT_MAX], id_mine[4 + IDENT_MAX];
	size_t id_peer_len, id_mine_len;
	struct blob auth;                 /* the peer's AUTH value */
	uint8_t my_auth[64];
	size_t my_auth_len;
	struct child *child;
	uint32_t key;                     /* handle of the PSK that verified the peer */
	bool peer_initial_contact;
	struct ppk_setup ppk;
	uint16_t child_error;             /* responder: why there is no child, to be answered; initiator: what came */
	char hint[160];                   /* unauthenticated errors, ICMP: why it may fail */
};

struct ike_sa {
	struct hnode by_id;
	struct hnode by_spi;     /* our SPI */
	struct hnode by_init;    /* responder: the peer's SPI and the endpoint of its IKE_SA_INIT */
	struct hnode by_source;  /* responder: the peer's address, while half open */
	struct hnode by_peer;    /* tunnel and peer identity, once authenticated; earlier, where only this peer may answer */
	struct list link;        /* ike.sas */
	struct list half;        /* ike.half_proven, half_unproven: until its IKE_AUTH comes */
	struct list of_tun, of_mine, of_attempts;
	struct timer timer;
	mono_t due[T_N];
	struct wait wait, way;   /* way: for a path */
	struct tun *tun;         /* NULL until known */
	uint32_t id;
	uint8_t state;           /* enum sa_state; written by step() only */
	bool initiator;
	bool in_by_init, in_by_peer;
	bool natt_port, nat_here, nat_there, force_encap;
	uint64_t spi_i, spi_r;
	struct endpoint local, remote;
	struct endpoint init_remote; /* where its IKE_SA_INIT came from; a delayed copy of that finds it by this */
	struct suite suite;
	struct sk_keys tx, rx;
	bool keyed;
	struct secret sk_d, sk_pi, sk_pr;
	bool ppk;                /* a PPK is mixed into them */
	uint8_t lowest_nonce[NONCE_KEEP]; /* the lower of its two nonces, for the tie rule */
	struct ident my_id, peer_id;
	mono_t created, established, last_in, last_out;
	bool peer_told_gone;     /* the peer deleted it or lost it: no DELETE of ours */
	bool want_delete;        /* DELETE as soon as the window is free */
	bool restart;            /* its end is a reason to begin anew, also when not `wanted` */
	bool want_rekey;         /* to be rekeyed by us as soon as the window is free */
	bool hold;               /* its end is a reason to set a trap */
	uint8_t idle;            /* so many liveness checks do not ask about traffic first: there was none lately */
	bool silent;             /* it ended for want of an answer */
	bool replaced;           /* a successor is up: no re-initiation when it goes */
	bool half_open;          /* counted in ike.half_open */
	bool proven;             /* its IKE_SA_INIT brought a cookie */
	bool had_child;          /* a child SA was up in it */
	const char *why;         /* the reason of its end, in a sentence: why_set */
	/* Window, RFC 7296 2.2, 2.3: size 1 each way. */
	uint32_t tx_id, rx_id;   /* next request of ours, next expected of theirs */
	struct request req;
	struct blob response;    /* to request rx_id - 1; its datagrams, one behind the other */
	uint64_t response_to;    /* hash of that request, of its first fragment */
	mono_t resent_at;        /* the response, the last time */
	uint32_t resent;         /* how often */
	mono_t resend_second;
	uint8_t resends_left;    /* in that second */
	struct endpoint rx_local, rx_remote; /* where the last request came in, and from: there the answer goes (RFC 7296 2.11) */
	bool rx_natt;
	bool rx_busy;            /* request rx_id is being worked on */
	uint64_t rx_hash;
	uint8_t rx_exchange;
	/* Fragments, RFC 7383 */
	bool frag_peer;          /* the peer takes them, and we said so too */
	uint16_t frag_size;      /* of IP packets, when larger ones got no answer; 0: as configured */
	uint16_t rx_total;       /* fragments of the last request that came, 1: whole */
	struct frag_queue *frags[2]; /* what is being put together: a request, a response */
	struct list children;
	uint32_t n_children;
	uint32_t del_queue[CHILDREN_MAX * 2]; /* inbound SPIs that the peer has not answered a DELETE of */
	uint8_t n_del, n_asked;  /* the first n_asked are in the request that is under way, the others wait for the window */
	struct handshake *hs;
	struct ways ways;
	/* While a rekey of ours is under way: its successor to be (ST_NEW), and the one that the peer made meanwhile. */
	struct ike_sa *ours, *theirs;
	struct ike_sa *before;   /* in these two: what they are to succeed */
	uint8_t rekey_tries;     /* that failed */
};

struct ike {
	struct mem *mem;
	struct crypto *crypto;
	struct rng *rng;
	struct conf_setup setup;
	struct hmap sas_by_id, kids_by_id; /* by our own numbers, which are their hashes */
	struct hmap sas_by_spi, sas_by_init, sas_by_peer, half_by_source, children, children_out, tuns, tuns_by_addr, tuns_by_id, waits;
	struct list sas, dead, any_addr, wild_addr, wild_id;
	struct list half_proven, half_unproven; /* struct ike_sa.half, oldest first */
	struct list kids;        /* all child SAs, oldest first */
	struct list attempts;    /* of ours, not up yet */
	struct heap timers;
	uint32_t n_sas, n_connecting, n_up, n_children, n_tuns, n_removed, half_open;
	uint32_t next_ticket, next_ike_id, next_child_id;
	uint8_t cookie_secret[2][32];
	uint8_t cookie_version;
	mono_t cookie_since, cookie_last; /* of the secret; when one was asked for */
	struct own_dh own_dh;
	bool stopping;
	struct addr local[LOCALS_MAX]; /* addresses of this host, without those inside tunnels */
	uint32_t n_local, more_local; /* more_local: there are others */
	int8_t note_most;        /* level of notes that somebody reads */
	bool has_ppk;            /* a tunnel has or had ppk_id: USE_PPK is answered */
	struct ike_counters n;
	mono_t note_second, clear_second; /* rate limits of notes and answers that strangers cause */
	uint32_t notes_left, clears_left;
#ifdef GRETEL_IMPAIR
	struct impair *impair;
#endif
	size_t frags_held;       /* octets of all fragment queues */
	uint8_t buf[MSG_BUF];    /* the message under construction */
	uint8_t cut[MSG_BUF * 2]; /* its fragments, one behind the other */
	uint8_t open[MSG_BUF * 4 + 8]; /* the message being opened */
};

#endif
