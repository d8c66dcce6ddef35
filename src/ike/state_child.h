/* Inside of ike/: what the engine remembers of a child SA, and the small things that all of state.h is made of. Everything that
 * waits for a fact embeds a `wait`, so that an owner that dies takes its ticket with it and a late fact finds nobody. */
#ifndef IKE_STATE_CHILD_H
#define IKE_STATE_CHILD_H

#include "ike/ike.h"

enum { NONCE_LEN = 32, NONCE_KEEP = 32, CHILDREN_MAX = 8 };
enum wait_kind { WAIT_TUN, WAIT_SA, WAIT_CHILD, WAIT_WAY };
struct wait {
	struct hnode node;
	uint32_t ticket; /* 0 = not waiting */
	uint8_t kind;    /* enum wait_kind: what it is embedded in */
	uint8_t fact;    /* enum ike_fact_type that ends it */
};

/* A run of octets on the heap, exact size. */
struct blob {
	uint8_t *p;
	size_t n;
};

struct nonce {
	uint16_t n;
	uint8_t b[256];
};

/* --- Child SAs --- */
enum child_state {
	CH_NEW,
	CH_SPI,      /* an SPI is asked for */
	CH_READY,    /* our CREATE_CHILD_SA waits for the window */
	CH_SENT,     /* and is out */
	CH_INSTALL,  /* agreed on from our side, on its way into the kernel */
	CH_UP,
	CH_REKEYED,  /* another one is there in its place; who rekeyed deletes it */
	CH_DELETING, /* deleted by either end: its inbound SA takes what is on its way */
	CH_N
};
enum child_origin { CHILD_I_AUTH, CHILD_R_AUTH, CHILD_I_CREATE, CHILD_R_CREATE };
struct child {
	struct hnode by_id, by_spi, by_spi_out; /* the third: since it was to be installed */
	bool in_by_spi_out;
	struct list link;        /* in sa->children */
	struct list of_all;      /* in ike.kids */
	struct ike_sa *sa;
	struct tun *tun;
	struct wait wait;
	struct timer timer;
	mono_t soft, hard, since, gone_at;
	mono_t whole_at;         /* half: when it is used both ways at the latest */
	uint32_t id;
	uint8_t state, origin;   /* state: child_set() writes it */
	bool announced;          /* CHILD_UP was told */
	bool early;              /* its inbound SA was put in place before the answer */
	bool half;               /* its inbound SA alone is in place: the peer may not have its own yet */
	bool due;                /* to be rekeyed by us as soon as the window is free */
	bool redundant;          /* the loser among two rekeys of one SA, or unwanted meanwhile: never used, to be deleted */
	bool delete_sent;        /* our DELETE of it is out */
	struct child_sa p;
	uint32_t old;            /* id of the child that it replaces; 0 none */
	uint8_t tries;           /* rekeys of it that failed; of one being made: its requests that were refused */
	uint16_t group;          /* of our KE in the request */
	uint8_t lowest_nonce[NONCE_KEEP]; /* the lower of its two, for the tie rule */
	/* While its exchange runs: */
	struct nonce *ni, *nr;
	struct dh_private *dh;
	struct blob shared, public; /* g^ir of a PFS exchange, our public value */
	uint8_t proposal_number;
};

#endif
