/* Inside of ike/: what frag.c gives to the engine and to the window (RFC 7383, RFC 7296 3.14). */
#ifndef IKE_FRAG_H
#define IKE_FRAG_H

#include "ike/rules.h"
#include "ike/state.h"

struct out;

/* The fragments of one message of the peer (RFC 7383 2.6), opened. */
struct frag_queue {
	struct blob piece[FRAGS_MAX];
	uint64_t have;           /* bit n - 1: fragment n is there */
	uint64_t first_hash;     /* of the datagram of fragment 1 */
	mono_t since;
	size_t size;             /* of all pieces */
	uint32_t msg_id;
	uint16_t total;
	uint8_t exchange, first; /* first: type of the first payload inside */
};

/* What an SK or SKF payload held. */
struct opened {
	struct span plain;
	uint64_t hash;           /* of the datagram, or that of fragment 1 */
	enum wire_err err;       /* authentic, but its padding is not sound */
	uint8_t first;           /* type of the first payload */
	uint16_t number, total;  /* 1 of 1 when whole */
};
enum frag_got { FRAG_BAD /* not authentic, or malformed */, FRAG_WAIT /* nothing to do */, FRAG_WHOLE };
/* Opens the peer's message in s->d (RFC 7296 3.14), or takes it as a fragment of one (RFC 7383 2.6). With FRAG_WHOLE m->plain lies
 * in e->open. */
enum frag_got frag_open(struct step *s, const struct ike_payloads *outer, struct opened *m);
/* Seals what o holds, in fragments if it must be (RFC 7383 2.5), into `to`. False: no memory or too large. */
bool frag_seal(struct step *s, struct out *o, struct blob *to) MUST_USE;
/* Cuts a message that got no answer into smaller fragments (RFC 7383 2.5.2). False: it stays as it is. */
bool frag_smaller(struct step *s, struct blob *msg);
/* Whether s->d is the first fragment of a new set of the request that was answered last: the answer is wanted again. */
bool frag_again(struct step *s);
/* The next datagram of a message that is kept. */
struct span frag_next(struct rd *run);
unsigned frag_count(const struct blob *msg);
void frag_drop(struct ike *e, struct ike_sa *sa, bool response);
void frag_on_timer(struct step *s);

#endif
