/* Inside of ike/: where the two ends of an SA are, and what happens when that changes: NATs (natd.c), MOBIKE (mobike.c), addresses and
 * ways of this host (roam.c). Included by ike_int.h. */
#ifndef IKE_WAYS_H
#define IKE_WAYS_H

#include "ike/rules.h"
#include "ike/state.h"

/* --- natd.c --- */
void natd_hash(struct ike *e, uint64_t spi_i, uint64_t spi_r, const struct endpoint *ep, uint8_t out[20]);
/* The hashes of a message that goes from local to remote. */
void natd_encode(struct step *s, struct ike_enc *enc, uint64_t spi_i, uint64_t spi_r, const struct endpoint *local,
                 const struct endpoint *remote);
void natd_detect(struct step *s); /* sets nat_here, nat_there from the payloads of s */
bool natd_float_needed(const struct ike_sa *sa);
void natd_follow(struct step *s); /* an authenticated message came from elsewhere */
void natd_mapping(struct step *s, struct child *c, const struct endpoint *source);
void natd_settle(struct step *s);  /* all that is bound to the addresses of s->sa and to NATs between follows them */
void natd_child(struct step *s, struct child *c); /* one child SA, which is in the kernel */
void natd_keep_alive(struct step *s);             /* sets the clock of s->sa's keep-alives, RFC 3948 4 */
/* Where a message of sa leaves, and to whom: an answer goes where its question came from (RFC 7296 2.11), a question that is asked again
 * also to where else the peer may be. */
struct natd_way { struct endpoint local, remote; bool natt; };
struct natd_way natd_way(const struct ike_sa *sa, bool response);

/* --- tun.c --- */
void ike_tun_renew_from(struct step *s, struct ike_sa *old, const struct addr *local); /* a successor; our address has changed */
/* Tunnels that wait for their next attempt make it at this time, if it comes earlier, and if their peer may be inside `to`. */
void ike_tun_hurry_all(struct step *s, mono_t at, const struct prefix *to);
void ike_tun_hurry(struct step *s, struct tun *t, mono_t at);
void ike_tun_peer_at(struct ike *e, struct tun *t, const struct addr *remote); /* it is known to be there now */

/* --- mobike.c --- */
void mobike_offer(struct step *s, struct ike_enc *enc); /* IKE_AUTH: MOBIKE_SUPPORTED and our other addresses */
void mobike_agree(struct step *s);                      /* what the peer's IKE_AUTH says */
void mobike_inherit(struct step *s, struct ike_sa *sa, struct ike_sa *old); /* a rekeyed IKE SA */
bool mobike_waits(const struct ike_sa *sa);             /* something is to be sent when the window is free */
void mobike_send(struct step *s);
dur_t mobike_interval(const struct ike_sa *sa);         /* between two sends of an update */
bool mobike_given_up(const struct ike_sa *sa);
void mobike_ask_mapping(struct step *s, struct ike_enc *enc);
void mobike_answer(struct step *s);                     /* to an INFORMATIONAL of ours; it may end s->sa */
/* An INFORMATIONAL request: 0 or the error to answer with; whether it moves the SA; what is added to the answer; and, when that is
 * on its way, what is done. */
uint16_t mobike_ask(const struct step *s, bool *moves);
void mobike_reply(struct step *s, struct ike_enc *enc);
void mobike_commit(struct step *s, bool moves);

/* --- roam.c --- */
void roam_on_address(struct step *s); /* IKE_FACT_ADDRESS */
void roam_on_route(struct step *s);   /* IKE_FACT_ROUTE */
void roam_on_path(struct step *s);    /* IKE_FACT_PATH, of an SA */
/* The peer's other address that a request goes to when it is sent for the again-th time; there is one (RFC 4555 3.2). */
const struct addr *roam_other(const struct ike_sa *sa, uint32_t again);
void roam_ask_other(struct step *s); /* s->sa's request may go to the next of them soon: is it reached around all tunnels? */
void roam_on_timer(struct step *s);
void roam_use(struct step *s, const struct addr *local, const struct endpoint *remote); /* and tells the peer */
bool roam_ours(const struct ike *e, const struct ike_sa *sa, const struct addr *a); /* an address of ours outside of all tunnels */
bool roam_only(const struct ike_sa *sa);

#endif
