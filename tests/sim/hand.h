/* Messages made by hand, with the keys of an engine's own SAs: for peers that do what our engine never would. Looks
 * inside the engine. */
#ifndef SIM_HAND_H
#define SIM_HAND_H

#include "sim.h"

#include "ike/ike_int.h"

enum { HAND_MAX = 8192 };

struct hand {
	struct ike_hdr h;
	uint8_t first;           /* type of the first payload inside */
	size_t n;                /* of plain */
	uint8_t plain[HAND_MAX]; /* the payloads inside SK, without padding */
};

/* The newest SA of n in this state (enum sa_state), or NULL. */
struct ike_sa *hand_sa(struct sim_node *n, uint8_t state);
struct ike_sa *hand_sa_by_spi(struct sim_node *n, uint64_t spi_i);
/* The newest of n's child SAs in this state (enum child_state), or NULL. */
struct child *hand_child(struct sim_node *n, uint8_t state);

/* Opens a message with these keys. False: not authentic, or no SK payload. */
bool hand_open(struct sim *s, const struct sk_keys *k, const uint8_t *p, size_t n, struct hand *out);
/* The payloads inside, decoded. */
bool hand_payloads(const struct hand *h, struct ike_payloads *out);
/* Seals h into out, which has room for HAND_MAX + 256; the length. h.next and h.length are set here. */
size_t hand_seal(struct sim *s, const struct sk_keys *k, const struct hand *h, uint8_t *out);
/* Seals one fragment of a message with this header (RFC 7383 2.5) into out, likewise. */
size_t hand_seal_skf(struct sim *s, const struct sk_keys *k, const struct ike_hdr *h, uint8_t first, uint16_t number,
                     uint16_t total, struct span piece, uint8_t *out);
/* Writing the payloads of h: begin, any ike_enc_*, end. */
struct hand_enc {
	struct ike_enc enc;
	struct wr w;
	uint8_t buf[HAND_MAX];
	struct hand *h;
};
void hand_begin(struct hand_enc *e, struct hand *h);
bool hand_end(struct hand_enc *e);
/* Leaves out the payloads for which drop(type, body) is true; what is left in h stays in order. */
void hand_filter(struct hand *h, bool (*drop)(uint8_t type, struct span body));
/* A header for n's next request in sa. */
struct ike_hdr hand_request(const struct ike_sa *sa, uint8_t exchange);
/* Sends h as a request of n in sa and runs the world for a second; n's engine forgets that it was not its own. The answer,
 * opened, in *answer. False: none. */
bool hand_ask(struct sim_node *n, struct ike_sa *sa, struct hand *h, struct hand *answer);
/* As hand_ask, of a request whose SA the engine of n does not know. */
bool hand_ask_with(struct sim_node *n, const struct endpoint *src, const struct endpoint *dst, const struct sk_keys *tx,
                   const struct sk_keys *rx, struct hand *h, struct hand *answer);
/* Throws an IKE_SA_INIT with a value of the first group on offer, 32 octets `nonce` and perhaps a cookie of 33 octets at `to`,
 * and runs the world for a millisecond. */
void hand_init(struct sim_node *to, const struct endpoint *src, const struct proposals *offered, uint64_t spi, uint8_t nonce,
               const uint8_t *cookie, bool cookie_first);
/* The first notify of this type inside. False: none. */
bool hand_notify(const struct hand *h, uint16_t type, struct ike_notify *out);

#endif
